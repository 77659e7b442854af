"""The HTTP gateway: HTTP as it is spoken on the socket, signatures, limits, TLS."""
import gzip, hashlib, http.client, json, os, resource, select, signal, socket, ssl, subprocess, time, unittest

from daemon import Busd, eventually
import sigv4

ENTRY = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"id": 1, "name": "caf\u00e9 \"x\"\n"})}
PUT = json.dumps({"Entries": [ENTRY]}).encode()


class Http(unittest.TestCase):
    def start(self, *flags, **more):
        busd = Busd(*flags, **more)
        self.addCleanup(busd.close)
        busd.start()
        self.keys = sigv4.keys_of(os.path.join(busd.data, "credentials"))
        return busd

    def ask(self, busd, body, target="AWSEvents.PutEvents", headers=None, connection=None, method="POST", path="/", **more):
        c = connection or http.client.HTTPConnection(busd.http, timeout=60)
        pairs = headers if headers is not None else sigv4.signed(self.keys, busd.http, body, target, path=path, method=method, **more)
        c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in pairs:
            c.putheader(name, value)
        if headers is None or not any(n.lower() in ("content-length", "transfer-encoding") for n, _ in pairs):
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        answer = c.getresponse()
        text = answer.read()
        if not connection:
            c.close()
        return answer, json.loads(text) if text else None

    def raw(self, busd, data, until=b"}", answers=1):
        with socket.create_connection(busd.http.rsplit(":", 1), timeout=60) as s:
            s.sendall(data)
            got = b""
            while got.count(b"HTTP/1.1 ") < answers or not got.endswith(until):
                try:
                    chunk = s.recv(65536)
                except ConnectionError:
                    break
                if not chunk:
                    break
                got += chunk
            return got

    def tls_answer(self, connection):
        got = b""
        while not got.endswith(b"]}"):
            chunk = connection.recv(4096)
            self.assertTrue(chunk, got)
            got += chunk
        return got

    def request(self, busd, body=PUT, more=b"", target="AWSEvents.PutEvents"):
        pairs = sigv4.signed(self.keys, busd.http, body, target)
        return b"POST / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs).encode() + more + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def test_operations_and_their_errors_are_awss(self):
        busd = self.start()
        answer, body = self.ask(busd, b'{"Name":"orders"}', "AWSEvents.CreateEventBus")
        self.assertEqual((answer.status, body), (200, {"EventBusArn": "arn:aws:events:us-east-1:000000000000:event-bus/orders"}))
        self.assertRegex(answer.headers["x-amzn-RequestId"], r"^[0-9a-f-]{36}$")
        self.assertEqual(answer.headers["Content-Type"], "application/x-amz-json-1.1")
        self.assertEqual(self.ask(busd, b'{"Name":"orders"}', "AWSEvents.DeleteEventBus")[1], {})
        for target, text, status, kind, sentence in (
            ("AWSEvents.DescribeRule", b'{"Name":"r"}', 400, "ResourceNotFoundException", "Rule r does not exist on EventBus default."),
            ("AWSEvents.Frobnicate", b"{}", 400, "UnknownOperationException", None),
            ("Other.PutEvents", b"{}", 400, "UnknownOperationException", None),
            (None, b"{}", 404, "UnknownOperationException", None),
            ("AWSEvents.PutRule", b'{"Name":', 400, "SerializationException", None),
            ("AWSEvents.PutRule", b'{"Name":"a b"}', 400, "ValidationException", "1 validation error detected: Value 'a b' at 'name' failed to satisfy "
             "constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"),
            ("AWSEvents.PutEvents", json.dumps({"Entries": [ENTRY] * 11}).encode(), 400, "ValidationException", None),
            ("AWSEvents.PutEvents", b'{"Entries":[]}', 400, "ValidationException", None),
            ("AWSEvents.PutEvents", b"[]", 400, "SerializationException", None),
        ):
            answer, body = self.ask(busd, text, target)
            self.assertEqual((answer.status, body["__type"]), (status, kind), (target, body))
            if sentence:
                self.assertEqual(body["message"], sentence)

    def test_events_put_over_http_arrive_as_they_were(self):
        busd = self.start()
        busd.busctl("create-stream", "--stream-name", "s", "--shard-count", "1")
        busd.busctl("put-rule", "--name", "r", "--event-pattern", '{"source":["shop"]}')
        busd.busctl("put-targets", "--rule", "r", "--targets", "Id=1,Arn=arn:aws:kinesis:us-east-1:000000000000:stream/s")
        entries = [ENTRY, {"Source": "shop", "DetailType": "Order", "Detail": "{}", "Time": 1767323045, "Resources": ["a", "b"]},
                   {"Source": "shop", "DetailType": "Order", "Detail": "{}", "Time": 1767323045.25},  # by way of the shapes
                   {"Source": "", "DetailType": "Order", "Detail": "{}"}, {"Source": "shop", "DetailType": "Order", "Detail": "[]"},
                   {"Source": "shop", "DetailType": "Order", "Detail": "{}", "EventBusName": "nowhere"}]
        for batch in (entries[:2], entries[2:3], entries[3:]):
            body = self.ask(busd, json.dumps({"Entries": batch}).encode())[1]
            self.assertEqual(body["FailedEntryCount"], 3 if len(batch) == 3 else 0)
        self.assertEqual([e.get("ErrorCode") for e in body["Entries"]], ["InvalidArgument", "MalformedDetail", "ResourceNotFoundException"])
        events = [r["Data"] for r in busd.stream("s", None)]
        self.assertEqual([e["detail"] for e in events], [json.loads(ENTRY["Detail"]), {}, {}])
        self.assertEqual((events[1]["time"], events[1]["resources"]), ("2026-01-02T03:04:05Z", ["a", "b"]))

    def test_signatures_are_checked(self):
        busd = self.start("--signature-window-ms", "300000")
        host, key, secret = busd.http, *self.keys
        for keys, more, kind, part in (
            ((key, secret + "x"), {}, "InvalidSignatureException", "does not match the signature you provided"),
            (("AKIANOBODY", secret), {}, "UnrecognizedClientException", "security token included in the request is invalid"),
            (self.keys, {"skew": -400}, "InvalidSignatureException", "Signature expired: "),
            (self.keys, {"skew": 400}, "InvalidSignatureException", "Signature not yet current: "),
            (self.keys, {"region": "eu-west-1"}, "InvalidSignatureException", "valid region"),
            (self.keys, {"service": "s3"}, "InvalidSignatureException", "correct service"),
            (self.keys, {"more": (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),), "payload": "UNSIGNED-PAYLOAD"}, "InvalidSignatureException", "unsigned-payload"),
            (self.keys, {"more": (("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),)}, "InvalidSignatureException", "Signed chunks"),
            (self.keys, {"more": (("x-amz-content-sha256", "0" * 64),)}, "InvalidSignatureException", "does not match what was computed"),
        ):
            answer, body = self.ask(busd, PUT, headers=sigv4.signed(keys, host, PUT, **more))
            self.assertEqual((answer.status, body["__type"]), (403, kind), body)
            self.assertIn(part, body["message"])
        self.assertEqual(self.ask(busd, PUT, headers=[("host", host)])[1]["__type"], "MissingAuthenticationTokenException")
        self.assertEqual(self.ask(busd, PUT, headers=[("host", host), ("authorization", "AWS4-HMAC-SHA256 Credential=a")])[1]["__type"],
                         "IncompleteSignatureException")
        tampered = sigv4.signed(self.keys, host, PUT)
        self.assertEqual(self.ask(busd, PUT.replace(b"shop", b"shoq"), headers=tampered)[0].status, 403)
        self.assertEqual(self.ask(busd, PUT, headers=tampered)[0].status, 200)
        self.assertEqual(self.ask(busd, PUT, skew=-200)[0].status, 200)
        self.assertEqual(self.ask(busd, PUT, more=(("x-amz-content-sha256", hashlib.sha256(PUT).hexdigest()), ("x-amz-security-token", "t")))[0].status, 200)

    def test_who_am_i(self):
        busd = self.start()
        form = b"Action=GetCallerIdentity&Version=2011-06-15"
        kind = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)

        def post(body, keys=self.keys):
            c = http.client.HTTPConnection(busd.http, timeout=60)
            c.request("POST", "/", body, dict(sigv4.signed(keys, busd.http, body, None, service="sts", more=kind)))
            answer = c.getresponse()
            text = answer.read().decode()
            c.close()
            return answer.status, text

        def get(path):
            c = http.client.HTTPConnection(busd.http, timeout=60)
            c.request("GET", path)
            answer = c.getresponse()
            text = answer.read().decode()
            c.close()
            return answer.status, text

        status, text = post(form)
        self.assertEqual(status, 200, text)
        self.assertIn("<Account>000000000000</Account>", text)
        self.assertIn(f"<UserId>{self.keys[0]}</UserId>", text)
        self.assertIn(f"<Arn>arn:aws:iam::000000000000:user/{self.keys[0]}</Arn>", text)
        status, text = get(sigv4.presigned(self.keys, busd.http, {"Action": "GetCallerIdentity", "Version": "2011-06-15"}))
        self.assertEqual(status, 200, text)
        for answer, code in (
            (post(form.replace(b"Get", b"Set")), "UnknownOperation"),
            (post(b""), "UnknownOperation"),
            (post(form, ("AKIANOBODY", "x")), "InvalidClientTokenId"),
            (post(form, (self.keys[0], "x")), "SignatureDoesNotMatch"),
            (get("/?Action=GetCallerIdentity"), "MissingAuthenticationToken"),
            (get(sigv4.presigned(self.keys, busd.http, {"Action": "GetCallerIdentity"}, skew=-100)), "SignatureDoesNotMatch"),
        ):
            self.assertIn(answer[0], (400, 403))
            self.assertIn(f"<Code>{code}</Code>", answer[1])

    def test_cloudevents_come_in_and_go_out(self):
        busd = self.start()
        busd.busctl("create-queue", "--queue-name", "q")
        busd.busctl("put-rule", "--name", "r", "--event-pattern", '{"source":["/shop"],"detail":{"total":[{"numeric":[">",10]}]}}')
        arn = "arn:aws:sqs:us-east-1:000000000000:q"
        busd.busctl("put-targets", "--rule", "r", "--targets", json.dumps([{"Id": "1", "Arn": arn}, {"Id": "2", "Arn": arn, "CloudEvents": "structured"}]))
        self.assertEqual([t.get("CloudEvents") for t in busd.call("list-targets-by-rule", "--rule", "r")["Targets"]], [None, "structured"])
        event = {"specversion": "1.0", "id": "a-1", "source": "/shop", "type": "order", "subject": "o/1", "time": "2026-05-01T00:00:00Z", "tries": 3,
                 "data": {"total": 11}}

        def put(body, kind, path="/cloudevents/default", more=()):
            return self.ask(busd, body, headers=sigv4.signed(self.keys, busd.http, body, None, path=path, more=(("content-type", kind), *more)), path=path)

        structured = "application/cloudevents+json"
        answer, body = put(json.dumps(event).encode(), structured)
        self.assertEqual((answer.status, body["FailedEntryCount"]), (200, 0), body)
        self.assertEqual(put(json.dumps(event).encode(), structured)[1], body)  # the same again is the same event
        got = sorted((json.loads(m["Body"]) for m in busd.drain_queue("q", None)), key=lambda e: "specversion" in e)
        self.assertEqual(got[0]["detail"], {"total": 11, "cloudevent": {"id": "a-1", "subject": "o/1", "tries": 3}})
        self.assertEqual((got[0]["resources"], got[0]["detail-type"], got[0]["time"]), (["o/1"], "order", "2026-05-01T00:00:00Z"))
        self.assertEqual(got[1], {**event, "account": "000000000000", "region": "us-east-1", "datacontenttype": "application/json"})
        self.assertEqual(len(got), 2)
        batch = json.dumps([{**event, "id": str(i)} for i in range(25)]).encode()
        self.assertEqual(len(put(batch, "application/cloudevents-batch+json")[1]["Entries"]), 25)
        headers = (("ce-id", "b"), ("ce-source", "/shop"), ("ce-specversion", "1.0"), ("ce-type", "order"))
        self.assertEqual(put(b'{"total":12}', "application/json", more=headers)[0].status, 200)
        self.assertEqual(len(busd.drain_queue("q", None)), 52)
        for status, kind, asked in ((400, "SerializationException", put(b"{}", structured)),
                                    (400, "ResourceNotFoundException", put(json.dumps({**event, "id": "n"}).encode(), structured, "/cloudevents/nowhere")),
                                    (403, "MissingAuthenticationTokenException", self.ask(busd, b"{}", headers=[("host", busd.http)], path="/cloudevents/default")),
                                    (404, "NotFound", put(b"{}", structured, "/cloudevent")),
                                    (405, "MethodNotAllowed", self.ask(busd, b"", headers=[("host", busd.http)], path="/cloudevents/x", method="DELETE"))):
            self.assertEqual((asked[0].status, asked[1]["__type"]), (status, kind))
        refused = busd.busctl("put-targets", "--rule", "r", "--targets", json.dumps([{"Id": "3", "Arn": arn, "Input": "1", "CloudEvents": "structured"}]), status=3)
        self.assertIn("InputTransformer, or CloudEvents must be provided", refused[0] + refused[1])

    def test_unsigned_payloads_when_they_are_allowed(self):
        busd = self.start("--unsigned-payload", "1")
        pairs = sigv4.signed(self.keys, busd.http, PUT, more=(("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),), payload="UNSIGNED-PAYLOAD")
        self.assertEqual(self.ask(busd, PUT, headers=pairs)[0].status, 200)

    def test_open_auth_is_for_loopback_and_maps_accounts(self):
        refused = Busd("--auth", "open", "--http", "0.0.0.0:0")
        self.addCleanup(refused.close)
        process = refused.spawn()
        self.assertEqual(process.wait(30), 2)
        process.stdout.close()
        self.assertIn("loopback", refused.log())
        busd = self.start("--auth", "open")
        self.assertIn("auth is open", busd.log())
        for key, account in (("222233334444", "222233334444"), ("test", "000000000000")):
            body = self.ask(busd, b"{}", headers=sigv4.signed((key, "whatever"), busd.http, b"{}", "AWSEvents.DescribeEventBus"))[1]
            self.assertEqual(body["Arn"], f"arn:aws:events:us-east-1:{account}:event-bus/default")
        unsigned = [("host", busd.http), ("x-amz-target", "AWSEvents.ListEventBuses")]
        self.assertEqual(self.ask(busd, b"{}", headers=unsigned)[0].status, 200)

    def test_http_as_clients_speak_it(self):
        busd = self.start()
        c = http.client.HTTPConnection(busd.http, timeout=60)
        for _ in range(20):  # keep-alive
            self.assertEqual(self.ask(busd, PUT, connection=c)[0].status, 200)
        c.close()
        got = self.raw(busd, self.request(busd) * 8, b"}]}", 8)  # pipelined
        self.assertEqual(got.count(b'"FailedEntryCount":0'), 8)
        with socket.create_connection(busd.http.rsplit(":", 1), timeout=60) as s:  # Expect: 100-continue
            head, _, body = self.request(busd, more=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
            s.sendall(head + b"\r\n\r\n")
            self.assertEqual(s.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(body)
            self.assertIn(b"200 OK", s.recv(4096))
        pairs = sigv4.signed(self.keys, busd.http, PUT)
        chunked = "".join(f"{n}: {v}\r\n" for n, v in pairs).encode()
        data = b"POST / HTTP/1.1\r\n" + chunked + b"Transfer-Encoding: chunked\r\n\r\n"
        for i in range(0, len(PUT), 7):
            part = PUT[i:i + 7]
            data += b"%x\r\n%s\r\n" % (len(part), part)
        self.assertIn(b'"FailedEntryCount":0', self.raw(busd, data + b"0\r\n\r\n", b"}]}"))
        packed = gzip.compress(PUT)
        self.assertEqual(self.ask(busd, packed, more=(("content-encoding", "gzip"),))[1]["FailedEntryCount"], 0)
        self.assertEqual(self.ask(busd, packed[:-9], more=(("content-encoding", "gzip"),))[0].status, 400)
        self.assertEqual(self.ask(busd, packed, more=(("content-encoding", "br"),))[0].status, 415)
        bomb = gzip.compress(b" " * (16 << 20))
        self.assertEqual(self.ask(busd, bomb, more=(("content-encoding", "gzip"),))[0].status, 413)

    def test_what_is_not_served_is_said(self):
        busd = self.start("--http-body-bytes", "65536", "--http-idle-ms", "500")
        for line, status in ((b"GET /health", 200), (b"HEAD /health", 200), (b"GET /nothing", 404), (b"PUT /", 405), (b"DELETE /health", 405)):
            self.assertIn(b"HTTP/1.1 %d " % status, self.raw(busd, line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", until=b"never"), line)
        self.assertIn(b" 413 ", self.raw(busd, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", until=b"never"))
        self.assertIn(b" 431 ", self.raw(busd, b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000 + b"\r\n\r\n", until=b"never"))
        for broken in (b"\x00\x01\x02\r\n\r\n", b"POST\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            got = self.raw(busd, broken, until=b"never")
            self.assertTrue(not got or b" 400 " in got, got)
        self.assertNotIn(b"Access-Control", self.raw(busd, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", until=b"never"))
        self.assertEqual(self.ask(busd, PUT)[0].status, 200)

    def test_cors_where_it_is_wished_for(self):
        busd = self.start("--http-cors", "https://console.example")
        got = self.raw(busd, b"OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", until=b"never")
        self.assertIn(b"Access-Control-Allow-Origin: https://console.example", got)
        self.assertIn(b" 204 ", got)

    def test_slow_and_silent_connections_are_cut_and_harm_nobody(self):
        busd = self.start("--http-idle-ms", "1500", "--http-header-ms", "500", "--http-body-ms", "800")
        silent = [socket.create_connection(busd.http.rsplit(":", 1)) for _ in range(200)]
        head = [socket.create_connection(busd.http.rsplit(":", 1)) for _ in range(20)]
        body = [socket.create_connection(busd.http.rsplit(":", 1)) for _ in range(20)]
        for s in head:
            s.sendall(b"POST / HTTP/1.1\r\nHos")
        for s in body:
            s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
        begin = time.monotonic()
        open_ones = {s.fileno(): s for s in silent + head + body}
        while open_ones:  # a byte now and then keeps nobody
            for s in head + body:
                try:
                    s.send(b"x")
                except OSError:
                    pass
            self.assertEqual(self.ask(busd, PUT)[0].status, 200)
            self.assertLess(time.monotonic() - begin, 60)
            for fd in select.select(list(open_ones), [], [], 0.1)[0]:
                try:
                    gone = not open_ones[fd].recv(4096)
                except OSError:
                    gone = True
                if gone:
                    open_ones.pop(fd)
        self.assertGreater(time.monotonic() - begin, 1)
        for s in silent + head + body:
            s.close()

    def test_connections_of_one_address_are_bounded(self):
        busd = self.start("--http-connections-per-address", "8")
        kept = [socket.create_connection(busd.http.rsplit(":", 1), timeout=10) for _ in range(8)]
        for s in kept:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200 OK", s.recv(4096))
        with socket.create_connection(busd.http.rsplit(":", 1), timeout=10) as s:
            try:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(s.recv(4096), b"")
            except ConnectionError:
                pass
        for s in kept:
            s.close()
        eventually(lambda: b"200 OK" in self.raw(busd, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), "a free place")

    def test_any_number_of_busy_connections(self):
        """libmicrohttpd's own epoll thread stands still with a multiple of 128; see bus/gate/HTTP.md."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        busd = self.start()
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        for count in (127, 128, 129, 256, 512, 1000, 5000):
            if count + 200 > hard:
                continue
            sockets = [socket.create_connection(busd.http.rsplit(":", 1), timeout=60) for _ in range(count)]
            begin = time.monotonic()
            for _ in range(3):  # all at once, three times
                for s in sockets:
                    s.sendall(request)
                for s in sockets:
                    self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200"))
            self.assertLess(time.monotonic() - begin, 30, count)
            for s in sockets:
                s.close()

    def test_tls_and_a_new_certificate_on_sighup(self):
        def certificate(name):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                            "subjectAltName=IP:127.0.0.1", "-keyout", busd.path("key.pem"), "-out", busd.path("cert.pem")], check=True, capture_output=True)

        def subject():
            with socket.create_connection(busd.http.rsplit(":", 1), timeout=60) as s:
                context = ssl.create_default_context(cafile=busd.path("cert.pem"))
                with context.wrap_socket(s, server_hostname="127.0.0.1") as t:
                    t.sendall(self.request(busd))
                    self.assertIn(b"200 OK", self.tls_answer(t))
                    return t.getpeercert()["subject"][0][0][1]

        busd = Busd()
        self.addCleanup(busd.close)
        certificate("first")
        busd.flags += ["--http-cert", busd.path("cert.pem"), "--http-key", busd.path("key.pem")]
        busd.start()
        self.keys = sigv4.keys_of(os.path.join(busd.data, "credentials"))
        self.assertEqual(subject(), "first")
        with socket.create_connection(busd.http.rsplit(":", 1), timeout=60) as s:
            with ssl.create_default_context(cafile=busd.path("cert.pem")).wrap_socket(s, server_hostname="127.0.0.1") as old:
                old.sendall(self.request(busd))
                self.assertIn(b"]}", self.tls_answer(old))
                certificate("second")
                busd.process.send_signal(signal.SIGHUP)
                eventually(lambda: "were read again" in busd.log(), "the reload")
                self.assertEqual(subject(), "second")
                old.sendall(self.request(busd))  # what was open goes on
                self.assertIn(b"200 OK", self.tls_answer(old))
        with open(busd.path("cert.pem"), "w") as f:
            f.write("no certificate")
        busd.process.send_signal(signal.SIGHUP)
        eventually(lambda: "the certificate stays as it was" in busd.log(), "the refusal")

    def test_the_address_is_checked_and_may_be_taken(self):
        busd = self.start()
        for address, part in ((busd.http, "Address already in use; --http ADDR:PORT takes another one"), ("here", "is no address")):
            other = Busd("--http", address)
            self.addCleanup(other.close)
            process = other.spawn()
            self.assertNotEqual(process.wait(30), 0)
            process.stdout.close()
            self.assertIn(part, other.log())
        off = Busd("--http", "off")
        self.addCleanup(off.close)
        self.assertEqual(off.start().http, "off")

    def test_sigterm_answers_what_is_under_way(self):
        busd = self.start()
        busd.busctl("create-queue", "--queue-name", "q")
        body = b'{"QueueUrl":"q","WaitTimeSeconds":20}'
        with socket.create_connection(busd.http.rsplit(":", 1), timeout=60) as s:
            pairs = sigv4.signed(self.keys, busd.http, body, "AmazonSQS.ReceiveMessage", service="sqs")
            s.sendall(b"POST / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs).encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            select.select([], [], [], 0.3)
            self.assertEqual(busd.stop(signal.SIGTERM), 0)
            self.assertIn(b"HTTP/1.1 ", s.recv(65536))


if __name__ == "__main__":
    unittest.main()
