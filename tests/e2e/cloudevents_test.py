"""CloudEvents through a real daemon: in over HTTP in every mode, out to every kind of target that asks for them."""
import http.client, json, os, tempfile, unittest

from daemon import Busd, credentials, eventually
from webhook import Webhook, certificate
import sigv4

ACCOUNT = "111122223333"
KEYS = ("AKIASHOP", "secret-of-the-shop")
RULES = """
accounts:
  "111122223333":
    keys: [{{id: AKIASHOP, secret: secret-of-the-shop}}]
    queues: {{q: {{}}, second: {{}}}}
    streams: {{s: {{}}}}
    functions: {{f: {{command: [/bin/sh, -c, 'cat >> "$OUT"; echo >> "$OUT"'], environment: {{OUT: "{out}"}}, concurrency: 1}}}}
    topics: {{t: {{subscriptions: [{{http: "{hook}/topic", raw: true}}]}}}}
    buses:
      second: {{rules: {{all: {{pattern: {{source: [{{exists: true}}]}}, targets: {{q: {{queue: second}}}}}}}}}}
      default:
        rules:
          all:
            pattern: {{source: [{{exists: true}}]}}
            targets:
              q: {{queue: q, cloud-events: structured}}
              s: {{stream: s, cloud-events: structured}}
              f: {{function: f, cloud-events: structured}}
              t: {{topic: t, cloud-events: structured}}
"""
EVENT = {"specversion": "1.0", "id": "6b221e6e-bbae-424d-855f-bbeea79ec52f", "source": "/shop/café", "type": "order.made", "time": "2026-05-01T12:00:00.123Z",
         "subject": "o/7", "datacontenttype": "application/json", "tenant": "x", "urgent": True, "data": {"total": 7, "tags": ["a", None]}}
SENT = {**EVENT, "source": "/shop/caf%C3%A9", "account": ACCOUNT, "region": "us-east-1"}


class CloudEvents(unittest.TestCase):
    def setUp(self):
        tls_dir = tempfile.TemporaryDirectory(prefix="busd-tls-")
        self.addCleanup(tls_dir.cleanup)
        tls = certificate(tls_dir.name)
        self.hook, self.secure = Webhook(), Webhook(tls)
        self.addCleanup(self.hook.close)
        self.addCleanup(self.secure.close)
        self.busd = Busd("--destination-ca", tls[0], "--private-destinations", "127.0.0.0/8")
        self.addCleanup(self.busd.close)
        self.out = self.busd.path("received.jsonl")
        self.busd.write("rules.yaml", RULES.format(out=self.out, hook=self.hook.url))
        self.busd.flags += ["--rules", self.busd.path("rules.yaml")]
        self.busd.write("credentials", credentials(shop=KEYS))
        self.busd.start()

    def post(self, body, kind="application/cloudevents+json", path="/cloudevents/default", more=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = sigv4.signed(KEYS, self.busd.http, body, None, path=path, more=(("content-type", kind), *more))
        c = http.client.HTTPConnection(self.busd.http, timeout=60)
        c.request("POST", path, body, dict(pairs))
        answer = c.getresponse()
        got = answer.status, json.loads(answer.read())
        c.close()
        return got

    def bodies(self, queue):
        return [json.loads(m["Body"]) for m in self.busd.drain_queue(queue, "shop")]

    def test_every_kind_of_target_gets_what_came_in(self):
        connection = self.busd.call("create-connection", "--name", "c", "--authorization-type", "BASIC", "--auth-parameters",
                                    '{"BasicAuthParameters":{"Username":"u","Password":"p"}}', profile="shop")["ConnectionArn"]
        arn = self.busd.call("create-api-destination", "--name", "d", "--connection-arn", connection, "--invocation-endpoint", self.secure.url + "/d",
                             "--http-method", "POST", profile="shop")["ApiDestinationArn"]
        target = {"Id": "d", "Arn": arn, "CloudEvents": "structured"}
        self.busd.busctl("put-targets", "--rule", "all", "--targets", json.dumps([target]), profile="shop")
        self.assertIn(target, self.busd.call("list-targets-by-rule", "--rule", "all", profile="shop")["Targets"])
        status, answer = self.post(EVENT)
        self.assertEqual((status, answer["FailedEntryCount"]), (200, 0), answer)
        self.assertEqual(self.bodies("q"), [SENT])
        self.assertEqual([r["Data"] for r in self.busd.stream("s", "shop")], [SENT])
        for request in (self.hook.wait(1, "/topic")[0], self.secure.wait(1, "/d")[0]):
            self.assertEqual(json.loads(request["body"]), SENT)
            self.assertEqual(request["headers"]["Content-Type"].split(";")[0], "application/cloudevents+json")
        def received():
            if os.path.exists(self.out):
                with open(self.out) as f:
                    return [line for line in f.read().split("\n") if line]
        self.assertEqual([json.loads(line) for line in eventually(received, "the function's event")], [SENT])

    def test_who_is_a_duplicate(self):
        first = self.post(EVENT)[1]["Entries"][0]["EventId"]
        self.assertEqual(self.post(EVENT)[1]["Entries"][0]["EventId"], first)
        for path, event in (("/cloudevents/default", {**EVENT, "source": "/other"}), ("/cloudevents/second", EVENT)):
            self.assertNotEqual(self.post(event, path=path)[1]["Entries"][0]["EventId"], first)
        self.assertEqual([e["source"] for e in self.bodies("q")], [SENT["source"], "/other"])
        self.assertEqual([e["source"] for e in self.bodies("second")], [EVENT["source"]])

    def test_binary_data_batches_and_buses_by_arn(self):
        ce = (("ce-id", "b-1"), ("ce-note", "%E2%82%AC%20\"x\""), ("ce-source", "/s"), ("ce-specversion", "1.0"), ("ce-type", "t"))
        path = "/cloudevents/arn%3Aaws%3Aevents%3Aus-east-1%3A111122223333%3Aevent-bus%2Fdefault"
        self.assertEqual(self.post(b"\x00\xff", "application/octet-stream", path, ce)[0], 200)
        got = self.bodies("q")[0]
        self.assertEqual((got["data_base64"], got["note"], got["datacontenttype"]), ("AP8=", "\u20ac \"x\"", "application/octet-stream"))
        batch = [{**EVENT, "id": str(i), "data": [i]} for i in range(40)]
        status, answer = self.post(batch, "application/cloudevents-batch+json")
        self.assertEqual((status, len(answer["Entries"])), (200, 40))
        self.assertEqual(sorted(e["data"][0] for e in self.bodies("q")), list(range(40)))

    def test_what_is_wrong_is_said_and_nothing_is_taken(self):
        many = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":[' + b"1," * 900000 + b"1]}"
        for body, kind, path, status, part in (
            ({**EVENT, "specversion": "0.3"}, "application/cloudevents+json", "/cloudevents/default", 400, "specversion is '0.3'"),
            ([EVENT, {**EVENT, "id": ""}], "application/cloudevents-batch+json", "/cloudevents/default", 400, "event 2: id is missing"),
            ({**EVENT, "time": "1950-01-01T00:00:00Z"}, "application/cloudevents+json", "/cloudevents/default", 400, "before 1970"),
            (EVENT, "application/json", "/cloudevents/default", 400, "specversion"),
            (many, "application/cloudevents+json", "/cloudevents/default", (400, 413), ""),
        ):
            got, answer = self.post(body, kind, path)
            self.assertIn(got, status if isinstance(status, tuple) else (status,), answer)
            self.assertIn(part, answer["message"])
        self.assertEqual(self.bodies("q"), [])


if __name__ == "__main__":
    unittest.main()
