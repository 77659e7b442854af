"""API destinations through a real daemon: rule -> API destination -> a TLS server on loopback, with every kind of authorization."""
import base64, json, os, re, stat, subprocess, tempfile, unittest

from daemon import ROOT, Busd, credentials, eventually
from webhook import Webhook, certificate

ACCOUNT = "111122223333"
RULES = f"""
accounts:
  "{ACCOUNT}":
    name: shop
    keys: [{{id: AKIASHOP, secret: secret-of-the-shop}}]
    queues: {{failed: {{}}}}
"""
SECRETS = ["pass-word-of-basic", "the-api-key-value", "client-secret-of-oauth", "secret-parameter"]


class Destinations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tls_dir = tempfile.TemporaryDirectory(prefix="busd-tls-")
        cls.tls = certificate(cls.tls_dir.name)

    @classmethod
    def tearDownClass(cls):
        cls.tls_dir.cleanup()

    def start(self, *flags, private=("127.0.0.0/8",)):
        self.hook = Webhook(self.tls)
        self.addCleanup(self.hook.close)
        allowed = [f for p in private for f in ("--private-destinations", p)]
        self.busd = Busd("--retry-base-ms", "20", "--retry-cap-ms", "200", "--destination-ca", self.tls[0], *allowed, *flags, rules={"shop.yaml": RULES})
        self.addCleanup(self.busd.close)
        self.busd.write("credentials", credentials(shop=("AKIASHOP", "secret-of-the-shop")))
        self.busd.start()

    def ask(self, *arguments):
        return self.busd.call(*arguments, profile="shop")

    def connect(self, kind, parameters, name="c"):
        return self.ask("create-connection", "--name", name, "--authorization-type", kind, "--auth-parameters", json.dumps(parameters))["ConnectionArn"]

    def api_key(self, **more):
        return self.connect("API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "the-api-key-value"}, **more})

    def destination(self, connection, path="/hook", method="POST", name="d", url=None, **more):
        flags = [x for k, v in more.items() for x in ("--" + k.replace("_", "-"), str(v))]
        return self.ask("create-api-destination", "--name", name, "--connection-arn", connection, "--invocation-endpoint", (url or self.hook.url) + path,
                        "--http-method", method, *flags)["ApiDestinationArn"]

    def rule(self, arn, name="r", source="shop", attempts=5, **target):
        self.ask("put-rule", "--name", name, "--event-pattern", json.dumps({"source": [source]}))
        target = {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:failed"},
                  "RetryPolicy": {"MaximumRetryAttempts": attempts, "MaximumEventAgeInSeconds": 3600}, **target}
        self.assertEqual(self.ask("put-targets", "--rule", name, "--targets", json.dumps([target])), {"FailedEntryCount": 0, "FailedEntries": []})

    def put(self, detail=None, source="shop"):
        entry = {"Source": source, "DetailType": "order", "Detail": json.dumps(detail or {"id": 7, "tag": "a b/ü"})}
        return self.ask("put-events", "--entries", json.dumps([entry]))["Entries"][0]["EventId"]

    def letters(self, count=1):
        got = []
        def enough():
            got.extend(self.busd.drain_queue("failed", "shop"))
            return len(got) >= count
        eventually(enough, f"{count} dead letters")
        return [{k: v["StringValue"] for k, v in m["MessageAttributes"].items()} for m in got]

    def no_secret_anywhere(self):
        """In no answer, no log, and not in the data directory."""
        texts = [self.busd.log()]
        for verb in ("list-connections", "list-api-destinations"):
            texts.append(json.dumps(self.ask(verb)))
        for c in self.ask("list-connections")["Connections"]:
            texts.append(json.dumps(self.ask("describe-connection", "--name", c["Name"])))
        for folder, _, files in os.walk(self.busd.data):
            for name in (f for f in files if not f.endswith(".sock")):
                with open(os.path.join(folder, name), "rb") as f:
                    texts.append(f.read().decode("latin-1"))
        for text in texts:
            for secret in SECRETS:
                self.assertNotIn(secret, text)

    # ---- authorization -------------------------------------------------------------------------------------------------------------------

    def test_an_api_key_and_what_a_request_looks_like(self):
        self.start()
        connection = self.api_key(InvocationHttpParameters={
            "HeaderParameters": [{"Key": "x-fixed", "Value": "of-the-connection"}, {"Key": "x-hidden", "Value": "secret-parameter", "IsValueSecret": True}],
            "QueryStringParameters": [{"Key": "tenant", "Value": "a&b"}],
            "BodyParameters": [{"Key": "source", "Value": "replaced"}, {"Key": "extra", "Value": "quo\"te"}]})
        arn = self.destination(connection, "/orders/*/items/*?v=1")
        self.assertRegex(connection, rf"^arn:aws:events:us-east-1:{ACCOUNT}:connection/c/[0-9a-f-]{{36}}$")
        self.assertRegex(arn, rf"^arn:aws:events:us-east-1:{ACCOUNT}:api-destination/d/[0-9a-f-]{{36}}$")
        self.rule(arn, HttpParameters={"PathParameterValues": ["$.detail.id", "$.detail.tag"], "HeaderParameters": {"x-fixed": "of-the-target", "x-tag": "$.detail-type"},
                                       "QueryStringParameters": {"tag": "$.detail.tag", "tenant": "of-the-target"}})
        event = self.put()
        request = self.hook.wait(1)[0]
        self.assertEqual((request["method"], request["path"]), ("POST", "/orders/7/items/a%20b%2F%C3%BC?v=1&tag=a%20b%2F%C3%BC&tenant=a%26b"))
        headers = {k.lower(): v for k, v in request["headers"].items()}
        self.assertEqual(headers["user-agent"], "Amazon/EventBridge/ApiDestinations")
        self.assertEqual(headers["content-type"], "application/json; charset=utf-8")
        self.assertEqual(headers["x-api-key"], "the-api-key-value")
        self.assertEqual((headers["x-fixed"], headers["x-hidden"], headers["x-tag"]), ("of-the-connection", "secret-parameter", "order"))
        self.assertNotIn("expect", headers)
        body = json.loads(request["body"])
        self.assertEqual((body["id"], body["source"], body["extra"], body["detail"]), (event, "replaced", 'quo"te', {"id": 7, "tag": "a b/ü"}))
        shown = self.ask("describe-connection", "--name", "c")
        self.assertEqual(shown["ConnectionState"], "AUTHORIZED")
        self.assertEqual(shown["AuthParameters"], {
            "ApiKeyAuthParameters": {"ApiKeyName": "x-api-key"},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "x-fixed", "Value": "of-the-connection"}, {"Key": "x-hidden", "IsValueSecret": True}],
                "QueryStringParameters": [{"Key": "tenant", "Value": "a&b"}],
                "BodyParameters": [{"Key": "source", "Value": "replaced"}, {"Key": "extra", "Value": "quo\"te"}]}})
        self.no_secret_anywhere()

    def test_basic(self):
        self.start()
        self.rule(self.destination(self.connect("BASIC", {"BasicAuthParameters": {"Username": "me", "Password": "pass-word-of-basic"}})))
        self.put()
        header = self.hook.wait(1)[0]["headers"]["Authorization"]
        self.assertEqual(header, "Basic " + base64.b64encode(b"me:pass-word-of-basic").decode())
        self.no_secret_anywhere()

    def oauth(self, **more):
        return self.connect("OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": {
            "ClientParameters": {"ClientID": "me", "ClientSecret": "client-secret-of-oauth"}, "AuthorizationEndpoint": self.hook.url + "/token",
            "HttpMethod": "POST", "OAuthHttpParameters": {"BodyParameters": [{"Key": "audience", "Value": "shop"}]}}, **more})

    def test_oauth_fetches_a_token_uses_it_again_and_refreshes_it_on_401(self):
        self.start()
        self.hook.scripts["/token"] = [(200, {}, json.dumps({"access_token": f"token-{n}", "token_type": "bearer", "expires_in": 3600})) for n in (1, 2, 3)]
        connection = self.oauth()
        eventually(lambda: self.ask("describe-connection", "--name", "c")["ConnectionState"] == "AUTHORIZED", "authorization")
        self.assertEqual(self.hook.wait(1, "/token")[0]["body"], "grant_type=client_credentials&client_id=me&client_secret=client-secret-of-oauth&audience=shop")
        self.rule(self.destination(connection))
        for _ in range(3):
            self.put()
        self.assertEqual({r["headers"]["Authorization"] for r in self.hook.wait(3, "/hook")}, {"Bearer token-1"})
        self.assertEqual(len(self.hook.wait(1, "/token")), 1)
        self.hook.scripts["/hook"] = [lambda r: (200 if r["headers"]["Authorization"] == "Bearer token-2" else 401, {}, "")]
        self.put()
        self.assertEqual([r["headers"]["Authorization"] for r in self.hook.wait(5, "/hook")[3:]], ["Bearer token-1", "Bearer token-2"])
        self.assertEqual(len(self.hook.wait(2, "/token")), 2)
        eventually(lambda: self.busd.counters()["PendingDeliveries"] == 0, "delivery")
        self.assertEqual(self.busd.counters()["InvocationsFailed"], 0)  # the refresh is part of one attempt
        self.no_secret_anywhere()

    def test_an_authorization_server_that_refuses_is_told_without_the_secret(self):
        self.start()
        self.hook.scripts["/token"] = [lambda r: (400, {}, "invalid_client: " + r["body"])]
        self.rule(self.destination(self.oauth()), attempts=1)
        shown = eventually(lambda: (lambda c: c if c["ConnectionState"] == "DEAUTHORIZED" else None)(self.ask("describe-connection", "--name", "c")), "refusal")
        self.assertIn("/token answered HTTP status 400: invalid_client: grant_type=client_credentials&client_id=me&client_secret=****&audience=shop", shown["StateReason"])
        self.assertEqual(self.ask("describe-api-destination", "--name", "d")["ApiDestinationState"], "INACTIVE")
        self.put()
        letter = self.letters()[0]
        self.assertEqual((letter["ERROR_CODE"], letter["EXHAUSTED_RETRY_CONDITION"]), ("ERROR_FROM_TARGET", "MaximumRetryAttempts"))
        self.assertIn("no OAuth token: ", letter["ERROR_MESSAGE"])
        self.assertNotIn("client-secret-of-oauth", letter["ERROR_MESSAGE"])
        self.no_secret_anywhere()

    def test_a_deauthorized_connection_sends_nothing_until_it_is_updated(self):
        self.start()
        arn = self.destination(self.api_key())
        self.rule(arn)
        self.assertEqual(self.ask("deauthorize-connection", "--name", "c")["ConnectionState"], "DEAUTHORIZING")
        self.put()
        letter = self.letters()[0]
        self.assertEqual((letter["ERROR_CODE"], letter["RETRY_ATTEMPTS"]), ("NO_PERMISSIONS", "0"))
        self.assertIn("deauthorized", letter["ERROR_MESSAGE"])
        self.assertEqual(self.hook.requests, [])
        self.assertNotIn("AuthParameters", self.ask("describe-connection", "--name", "c"))
        self.ask("update-connection", "--name", "c", "--auth-parameters", json.dumps({"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "the-api-key-value"}}))
        self.put()
        self.hook.wait(1)

    # ---- outcomes ------------------------------------------------------------------------------------------------------------------------------

    def test_retry_then_success_and_retry_after(self):
        self.start()
        self.hook.scripts["/hook"] = [(500, {}, "not yet"), (429, {"Retry-After": "1"}, ""), (200, {}, "")]
        self.rule(self.destination(self.api_key()))
        self.put()
        self.hook.wait(3)
        eventually(lambda: self.busd.counters()["PendingDeliveries"] == 0, "delivery")
        log = self.busd.log()
        self.assertIn("answered HTTP status 500: not yet", log)
        self.assertIn("code=THROTTLING", log)
        self.assertEqual(self.busd.queue_size("failed", "shop"), 0)

    def test_a_4xx_is_dead_lettered_at_once_and_says_nothing_secret(self):
        self.start()
        self.hook.scripts["/hook"] = [lambda r: (403, {}, "refused: " + r["headers"]["x-api-key"] + "\n" + "x" * 1000)]
        self.rule(self.destination(self.api_key()))
        event = self.put()
        letter = self.letters()[0]
        self.assertEqual((letter["ERROR_CODE"], letter["RETRY_ATTEMPTS"]), ("INVALID_PARAMETER", "0"))
        self.assertTrue(letter["ERROR_MESSAGE"].startswith(self.hook.url + "/hook answered HTTP status 403: refused: **** xxx"), letter["ERROR_MESSAGE"])
        self.assertLess(len(letter["ERROR_MESSAGE"]), 400)
        self.assertEqual(len(self.hook.requests), 1)
        self.no_secret_anywhere()

    def test_an_address_that_is_not_public_is_refused_with_a_sentence(self):
        self.start(private=())
        arn = self.destination(self.api_key())
        self.rule(arn)
        for name, url in (("metadata", "https://169.254.169.254/latest/meta-data"), ("mapped", "https://[::ffff:127.0.0.1]:1/"), ("name", "https://localhost:1/"),
                          ("decimal", "https://2130706433:1/")):
            self.rule(self.destination(f"arn:aws:events:us-east-1:{ACCOUNT}:connection/c", "", name=name, url=url), name=name, source="more")
        self.put()
        self.put(source="more")
        for letter in self.letters(5):
            self.assertEqual((letter["ERROR_CODE"], letter["RETRY_ATTEMPTS"]), ("NO_PERMISSIONS", "0"))
            self.assertRegex(letter["ERROR_MESSAGE"], r"address \S+ is not a public one, and busd does not connect to it: the operator's setting private-destinations can allow it")
        self.assertEqual(self.hook.requests, [])

    def test_private_destinations_may_name_one_destination_and_plain_http_is_refused_without(self):
        self.start(private=(f"arn:aws:events:*:{ACCOUNT}:api-destination/let-in",))
        plain = Webhook()
        self.addCleanup(plain.close)
        connection = self.api_key()
        _, error = self.busd.busctl("create-api-destination", "--name", "other", "--connection-arn", connection, "--invocation-endpoint", plain.url + "/x",
                                    "--http-method", "POST", profile="shop", status=3)
        self.assertIn("Parameter InvocationEndpoint is not valid. Reason: its scheme must be https; plain http is for hosts that", error)
        self.rule(self.destination(connection, "/x", name="let-in", url=plain.url))
        self.rule(self.destination(connection, "/y", name="other"), name="other", source="other")
        self.put()
        self.put(source="other")
        plain.wait(1, "/x")
        self.assertEqual(self.letters()[0]["ERROR_CODE"], "NO_PERMISSIONS")
        self.assertEqual(self.hook.requests, [])

    def test_an_unknown_certificate_is_not_trusted_and_redirects_are_not_followed(self):
        self.start()
        with tempfile.TemporaryDirectory() as other:
            stranger = Webhook(certificate(other))
            self.addCleanup(stranger.close)
        connection = self.api_key()
        self.rule(self.destination(connection, url=stranger.url), attempts=1)
        self.put()
        letter = self.letters()[0]
        self.assertEqual(letter["ERROR_CODE"], "CONNECTION_FAILURE")
        self.assertIn("certificate", letter["ERROR_MESSAGE"])
        self.assertEqual(stranger.requests, [])
        self.hook.scripts["/moved"] = [(307, {"Location": self.hook.url + "/hook"}, "")]
        self.rule(self.destination(connection, "/moved", name="moved"), name="moved", source="moved", attempts=0)
        self.put(source="moved")
        self.assertIn("redirects are not followed", self.letters()[0]["ERROR_MESSAGE"])
        self.assertEqual([r["path"] for r in self.hook.requests], ["/moved"])

    def test_http_2_with_many_requests_on_one_connection(self):
        self.start()
        peer = subprocess.Popen(["node", os.path.join(ROOT, "tests", "support", "http2_peer.js"), *self.tls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (peer.stdin.close(), peer.wait(30), peer.stdout.close()))
        port = int(peer.stdout.readline().split()[1])
        self.rule(self.destination(self.api_key(), "/two", url=f"https://127.0.0.1:{port}"))
        self.put()
        first = json.loads(peer.stdout.readline())
        self.assertEqual((first["method"], first["path"], first["key"], first["agent"]), ("POST", "/two", "the-api-key-value", "Amazon/EventBridge/ApiDestinations"))
        self.assertEqual(json.loads(first["body"])["detail-type"], "order")
        for _ in range(20):
            self.put()
        last = [json.loads(peer.stdout.readline()) for _ in range(20)][-1]
        self.assertLessEqual(last["sessions"], 2)
        eventually(lambda: self.busd.counters()["PendingDeliveries"] == 0, "delivery")
        self.assertEqual(self.busd.counters()["InvocationsFailed"], 0)

    # ---- secrets --------------------------------------------------------------------------------------------------------------------------------

    def test_rotation_and_a_wrong_key(self):
        self.start()
        self.rule(self.destination(self.api_key()))
        path = os.path.join(self.busd.data, "secret.key")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path) as f:
            before = f.read()
        self.busd.busctl("rotate-secret-key", profile="shop", status=3)
        self.assertEqual(self.busd.call("rotate-secret-key")["Connections"], 1)
        with open(path) as f:
            after = f.read()
        self.assertNotEqual(before, after)
        self.assertEqual(len(re.findall(r"^[0-9a-f]{64}$", after, re.M)), 1)
        self.assertEqual(self.busd.stop(), 0)
        self.busd.write("data/secret.key", before, 0o600)
        process = self.busd.spawn()
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(self.busd.log(), r"secret\.key holds key [0-9a-f]{16}, but the secrets of \S+connection/c/\S+ were sealed with key [0-9a-f]{16}: bring that key file back")
        os.remove(path)
        process = self.busd.spawn()
        process.communicate(timeout=30)
        self.assertRegex(self.busd.log(), r"secret\.key is missing, and 1 connection has secrets sealed with key [0-9a-f]{16}: bring that key file back")
        self.assertFalse(os.path.exists(path))
        self.busd.write("data/secret.key", after, 0o600)
        self.busd.start()
        self.put()
        self.assertEqual(self.hook.wait(1)[0]["headers"]["x-api-key"], "the-api-key-value")
        self.no_secret_anywhere()

    # ---- rule files -------------------------------------------------------------------------------------------------------------------------------

    def test_rule_files_declare_them_and_look_secrets_up(self):
        hook = Webhook(self.tls)
        self.addCleanup(hook.close)
        rules = {"shop.yaml": RULES + f"""
    connections:
      by-name: {{basic: {{username: me, password: "env:SHOP_PASSWORD"}}, headers: {{x-hidden: "file:hidden.txt"}}}}
    api-destinations:
      orders: {{connection: by-name, url: "{hook.url}/orders/*", rate-limit-per-second: 50}}
    buses:
      default:
        rules:
          r: {{pattern: {{source: [shop]}}, targets: {{t: {{api-destination: orders, path-values: [$.detail.id], query: {{all: "1"}}, dead-letter: failed}}}}}}
""", "hidden.txt": "secret-parameter\n"}
        self.busd = Busd("--destination-ca", self.tls[0], "--private-destinations", "127.0.0.1", rules=rules)
        self.addCleanup(self.busd.close)
        self.busd.write("credentials", credentials(shop=("AKIASHOP", "secret-of-the-shop")))
        process = self.busd.spawn()
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertIn("connection by-name of account 111122223333: the environment has no variable SHOP_PASSWORD", self.busd.log())
        self.busd.env["SHOP_PASSWORD"] = "pass-word-of-basic"
        self.busd.start()
        self.put()
        request = hook.wait(1)[0]
        self.assertEqual(request["path"], "/orders/7?all=1")
        self.assertEqual(request["headers"]["Authorization"], "Basic " + base64.b64encode(b"me:pass-word-of-basic").decode())
        self.assertEqual(request["headers"]["x-hidden"], "secret-parameter")
        before = self.ask("describe-connection", "--name", "by-name"), self.ask("describe-api-destination", "--name", "orders")
        self.assertEqual(self.busd.stop(), 0)
        self.busd.start()
        self.assertEqual((self.ask("describe-connection", "--name", "by-name"), self.ask("describe-api-destination", "--name", "orders")), before)
        self.no_secret_anywhere()


if __name__ == "__main__":
    unittest.main()
