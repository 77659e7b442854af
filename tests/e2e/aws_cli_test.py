"""Debian's aws CLI through the life of every resource, with the credentials file that busd writes and nothing else."""
import http.client, json, os, unittest, urllib.parse

from aws_cli import AwsCli
from daemon import Busd, eventually


@unittest.skipUnless(os.environ.get("MODE", "release") == "release", "the client is the same: once is enough")
class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.busd = Busd()
        cls.addClassCleanup(cls.busd.close)
        cls.busd.start()
        cls.cli = AwsCli(cls.busd)
        cls.addClassCleanup(cls.cli.close)

    def aws(self, *arguments):
        """The answer of an events operation; {} when there is none."""
        status, out, err = self.cli.run("events", *arguments)
        self.assertEqual(status, 0, f"aws events {' '.join(arguments)}\n{out}{err}")
        return json.loads(out) if out.strip() else {}

    def refused(self, kind, *arguments):
        status, out, err = self.cli.run("events", *arguments)
        self.assertNotEqual(status, 0, out)
        self.assertIn(f"({kind})", err)
        return err

    def arn(self, tail):
        return f"arn:aws:events:us-east-1:000000000000:{tail}"

    def test_who_am_i(self):
        status, out, err = self.cli.run_alone("sts", "get-caller-identity")
        self.assertEqual(status, 0, err)
        self.assertEqual(json.loads(out)["Account"], "000000000000")
        self.assertEqual(json.loads(self.cli.run("sts", "get-caller-identity")[1]), json.loads(out))

    def test_a_presigned_url(self):
        got, posted = (urllib.parse.urlsplit(self.cli.presigned(method, "sts", "get_caller_identity")) for method in ("GET", "POST"))
        for method, url, query, status, part in (("GET", got, got.query, 200, "<Account>000000000000</Account>"),
                                                 ("POST", posted, posted.query, 200, "<Account>000000000000</Account>"),
                                                 ("GET", got, got.query.replace("Version=2011", "Version=2012"), 403, "<Code>SignatureDoesNotMatch</Code>"),
                                                 ("GET", posted, posted.query, 403, "<Code>SignatureDoesNotMatch</Code>")):
            c = http.client.HTTPConnection(url.netloc, timeout=60)
            c.request(method, f"{url.path or '/'}?{query}")
            answer = c.getresponse()
            text = answer.read().decode()
            c.close()
            self.assertEqual(answer.status, status, text)
            self.assertIn(part, text)

    def test_a_bus_its_policy_and_tags(self):
        made = self.aws("create-event-bus", "--name", "life", "--tags", "Key=team,Value=shop")
        self.assertEqual(made["EventBusArn"], self.arn("event-bus/life"))
        self.assertIn("Event bus life already exists.", self.refused("ResourceAlreadyExistsException", "create-event-bus", "--name", "life"))
        self.aws("put-permission", "--event-bus-name", "life", "--action", "events:PutEvents", "--principal", "111122223333", "--statement-id", "work")
        shown = self.aws("describe-event-bus", "--name", "life")
        statement = json.loads(shown["Policy"])["Statement"][0]
        self.assertEqual((statement["Sid"], statement["Principal"], statement["Action"]),
                         ("work", {"AWS": "arn:aws:iam::111122223333:root"}, "events:PutEvents"))
        self.assertIn("life", [b["Name"] for b in self.aws("list-event-buses", "--name-prefix", "li")["EventBuses"]])
        self.aws("tag-resource", "--resource-arn", self.arn("event-bus/life"), "--tags", "Key=stage,Value=test")
        tags = self.aws("list-tags-for-resource", "--resource-arn", self.arn("event-bus/life"))["Tags"]
        self.assertEqual({t["Key"]: t["Value"] for t in tags}, {"team": "shop", "stage": "test"})
        self.aws("untag-resource", "--resource-arn", self.arn("event-bus/life"), "--tag-keys", "team")
        self.aws("remove-permission", "--event-bus-name", "life", "--statement-id", "work")
        self.assertNotIn("Policy", self.aws("describe-event-bus", "--name", "life"))
        self.aws("delete-event-bus", "--name", "life")
        self.assertIn("Event bus life does not exist.", self.refused("ResourceNotFoundException", "describe-event-bus", "--name", "life"))

    def test_an_archive_and_a_replay(self):
        bus = self.arn("event-bus/default")
        made = self.aws("create-archive", "--archive-name", "kept", "--event-source-arn", bus, "--event-pattern", '{"source": ["kept"]}')
        self.assertEqual((made["ArchiveArn"], made["State"]), (self.arn("archive/kept"), "ENABLED"))
        self.busd.call("put-events", "--entries", json.dumps([{"Source": "kept", "DetailType": "t", "Detail": "{}"}] * 3))
        shown = self.aws("describe-archive", "--archive-name", "kept")
        self.assertEqual((shown["EventCount"], shown["RetentionDays"], shown["EventSourceArn"]), (3, 0, bus))
        self.refused("ManagedRuleException", "delete-rule", "--name", "Events-Archive-kept")
        started = self.aws("start-replay", "--replay-name", "again", "--event-source-arn", made["ArchiveArn"], "--event-start-time", "2026-01-01T00:00:00Z",
                           "--event-end-time", "2999-01-01T00:00:00Z", "--destination", "Arn=" + bus)
        self.assertEqual((started["State"], started["ReplayArn"]), ("STARTING", self.arn("replay/again")))
        eventually(lambda: self.busd.call("describe-replay", "--replay-name", "again")["ReplayedEventCount"] == 3, "the replay's last event")
        shown = self.aws("describe-replay", "--replay-name", "again")
        self.assertEqual((shown["State"], shown["EventSourceArn"], shown["Destination"]["Arn"]), ("RUNNING", made["ArchiveArn"], bus))
        self.assertLess(shown["EventLastReplayedTime"], shown["EventEndTime"])
        self.assertEqual(self.aws("cancel-replay", "--replay-name", "again")["State"], "CANCELLING")
        self.aws("delete-archive", "--archive-name", "kept")

    def test_a_partner_source_from_both_sides(self):
        name = "aws.partner/crm.example/orders"
        made = self.aws("create-partner-event-source", "--name", name, "--account", "000000000000")
        self.assertIn(name, made["EventSourceArn"])
        self.assertEqual(self.aws("describe-event-source", "--name", name)["State"], "PENDING")
        self.aws("create-event-bus", "--name", name, "--event-source-name", name)
        self.assertEqual([s["State"] for s in self.aws("list-event-sources", "--name-prefix", "aws.partner/crm")["EventSources"]], ["ACTIVE"])
        entries = json.dumps([{"Source": name, "DetailType": "t", "Detail": "{}"}])
        self.assertEqual(self.aws("put-partner-events", "--entries", entries)["FailedEntryCount"], 0)
        self.assertEqual([a["Account"] for a in self.aws("list-partner-event-source-accounts", "--event-source-name", name)["PartnerEventSourceAccounts"]],
                         ["000000000000"])
        self.aws("deactivate-event-source", "--name", name)
        self.aws("activate-event-source", "--name", name)
        self.aws("delete-event-bus", "--name", name)
        self.aws("delete-partner-event-source", "--name", name, "--account", "000000000000")
        self.assertEqual(self.aws("list-partner-event-sources", "--name-prefix", name).get("PartnerEventSources"), [])

    def test_an_endpoint(self):
        routing = {"FailoverConfig": {"Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/a"}, "Secondary": {"Route": "us-west-2"}}}
        buses = [{"EventBusArn": f"arn:aws:events:{region}:000000000000:event-bus/default"} for region in ("us-east-1", "us-west-2")]
        made = self.aws("create-endpoint", "--name", "global", "--routing-config", json.dumps(routing), "--event-buses", json.dumps(buses))
        self.assertEqual(made["Arn"], self.arn("endpoint/global"))
        shown = self.aws("describe-endpoint", "--name", "global")
        self.assertEqual((shown["RoutingConfig"], shown["EventBuses"]), (routing, buses))
        self.assertEqual([e["Name"] for e in self.aws("list-endpoints", "--name-prefix", "glo")["Endpoints"]], ["global"])
        self.aws("update-endpoint", "--name", "global", "--description", "both coasts")
        self.assertEqual(self.aws("describe-endpoint", "--name", "global")["Description"], "both coasts")
        self.aws("delete-endpoint", "--name", "global")
        self.refused("ResourceNotFoundException", "describe-endpoint", "--name", "global")

    def test_a_rule_its_targets_and_events(self):
        pattern = {"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}}
        queue = "arn:aws:sqs:us-east-1:000000000000:cli"
        self.busd.busctl("create-queue", "--queue-name", "cli")
        made = self.aws("put-rule", "--name", "large", "--event-pattern", json.dumps(pattern), "--description", "large orders")
        self.assertEqual(made["RuleArn"], self.arn("rule/large"))
        put = self.aws("put-targets", "--rule", "large", "--targets", json.dumps([
            {"Id": "1", "Arn": queue, "InputTransformer": {"InputPathsMap": {"n": "$.detail.total"}, "InputTemplate": '{"paid": <n>}'}}]))
        self.assertEqual(put["FailedEntryCount"], 0)
        self.assertEqual(self.aws("list-targets-by-rule", "--rule", "large")["Targets"][0]["Arn"], queue)
        self.assertEqual(self.aws("list-rule-names-by-target", "--target-arn", queue)["RuleNames"], ["large"])
        entries = [{"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"total": n})} for n in (50, 150)]
        self.assertEqual(self.aws("put-events", "--entries", json.dumps(entries))["FailedEntryCount"], 0)
        self.assertEqual([m["Body"] for m in self.busd.drain_queue("cli", None)], ['{"paid":150}'])
        self.aws("disable-rule", "--name", "large")
        self.assertEqual(self.aws("describe-rule", "--name", "large")["State"], "DISABLED")
        self.aws("enable-rule", "--name", "large")
        self.assertEqual([r["State"] for r in self.aws("list-rules", "--name-prefix", "lar")["Rules"]], ["ENABLED"])
        self.assertIn("Rule can't be deleted since it has targets.", self.refused("ValidationException", "delete-rule", "--name", "large"))
        self.aws("remove-targets", "--rule", "large", "--ids", "1")
        self.aws("delete-rule", "--name", "large")
        self.refused("InvalidEventPatternException", "put-rule", "--name", "bad", "--event-pattern", '{"source": "x"}')

    def test_a_connection_and_an_api_destination(self):
        secret = "never-shown-again"
        made = self.aws("create-connection", "--name", "cli", "--authorization-type", "BASIC", "--auth-parameters",
                        json.dumps({"BasicAuthParameters": {"Username": "me", "Password": secret}}))
        self.assertRegex(made["ConnectionArn"], rf"^{self.arn('connection/cli/')}[0-9a-f-]{{36}}$")
        shown = self.aws("describe-connection", "--name", "cli")
        self.assertEqual((shown["ConnectionState"], shown["AuthParameters"]), ("AUTHORIZED", {"BasicAuthParameters": {"Username": "me"}}))
        self.assertNotIn(secret, json.dumps(shown))
        self.assertEqual([c["Name"] for c in self.aws("list-connections", "--name-prefix", "cl")["Connections"]], ["cli"])
        self.aws("update-connection", "--name", "cli", "--description", "new", "--authorization-type", "API_KEY", "--auth-parameters",
                 json.dumps({"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": secret}}))
        self.assertEqual(self.aws("describe-connection", "--name", "cli")["AuthorizationType"], "API_KEY")
        endpoint = ["--connection-arn", made["ConnectionArn"], "--invocation-endpoint", "https://example.com/hook", "--http-method", "POST"]
        arn = self.aws("create-api-destination", "--name", "cli", *endpoint, "--invocation-rate-limit-per-second", "5")["ApiDestinationArn"]
        self.aws("update-api-destination", "--name", "cli", "--description", "new", "--http-method", "PUT")
        shown = self.aws("describe-api-destination", "--name", "cli")
        self.assertEqual((shown["ApiDestinationArn"], shown["HttpMethod"], shown["Description"], shown["InvocationRateLimitPerSecond"]), (arn, "PUT", "new", 5))
        self.assertEqual([d["Name"] for d in self.aws("list-api-destinations", "--connection-arn", made["ConnectionArn"])["ApiDestinations"]], ["cli"])
        self.aws("deauthorize-connection", "--name", "cli")
        self.assertIn(self.aws("describe-connection", "--name", "cli")["ConnectionState"], ("DEAUTHORIZED", "DEAUTHORIZING"))
        self.aws("delete-api-destination", "--name", "cli")
        self.aws("delete-connection", "--name", "cli")
        self.assertIn("Connection 'cli' does not exist.", self.refused("ResourceNotFoundException", "describe-connection", "--name", "cli"))
        self.assertIn("An api-destination 'cli' does not exist.", self.refused("ResourceNotFoundException", "describe-api-destination", "--name", "cli"))

    def test_a_pattern_is_tried(self):
        event = {"id": "1", "account": "000000000000", "source": "shop", "time": "2026-05-01T00:00:00Z", "region": "us-east-1", "detail-type": "t",
                 "resources": [], "detail": {"n": 1}}
        self.assertTrue(self.aws("test-event-pattern", "--event-pattern", '{"source":["shop"]}', "--event", json.dumps(event))["Result"])
        self.assertFalse(self.aws("test-event-pattern", "--event-pattern", '{"source":["x"]}', "--event", json.dumps(event))["Result"])
        self.assertIn("Parameter Event is not valid.", self.refused("ValidationException", "test-event-pattern", "--event-pattern", '{"source":["x"]}', "--event", "{}"))


if __name__ == "__main__":
    unittest.main()
