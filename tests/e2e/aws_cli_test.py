"""Debian's aws CLI through the life of every resource, with the credentials file that busd writes and nothing else."""
import json, os, subprocess, unittest

from daemon import Busd, eventually

AWS = "/usr/bin/aws"  # Debian's package, whatever else is on the path


@unittest.skipUnless(os.environ.get("MODE", "release") == "release", "a second for each command: once is enough")
class AwsCli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.busd = Busd()
        cls.addClassCleanup(cls.busd.close)
        cls.busd.start()

    def run_aws(self, *arguments):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_", "PYTHON"))}
        env.update(AWS_SHARED_CREDENTIALS_FILE=os.path.join(self.busd.data, "credentials"), AWS_CONFIG_FILE=self.busd.path("none"), AWS_PAGER="", LC_ALL="C.UTF-8")
        return subprocess.run([AWS, "--endpoint-url", f"http://{self.busd.http}", "--output", "json", *arguments], capture_output=True, text=True,
                              timeout=120, env=env, cwd=self.busd.dir)

    def aws(self, *arguments):
        """The answer of an events operation; {} when there is none."""
        done = self.run_aws("events", *arguments)
        self.assertEqual(done.returncode, 0, f"aws events {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def refused(self, kind, *arguments):
        done = self.run_aws("events", *arguments)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"({kind})", done.stderr)
        return done.stderr

    def arn(self, tail):
        return f"arn:aws:events:us-east-1:000000000000:{tail}"

    def test_who_am_i(self):
        done = self.run_aws("sts", "get-caller-identity")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["Account"], "000000000000")

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

    def test_a_pattern_is_tried(self):
        event = {"id": "1", "account": "000000000000", "source": "shop", "time": "2026-05-01T00:00:00Z", "region": "us-east-1", "detail-type": "t",
                 "resources": [], "detail": {"n": 1}}
        self.assertTrue(self.aws("test-event-pattern", "--event-pattern", '{"source":["shop"]}', "--event", json.dumps(event))["Result"])
        self.assertFalse(self.aws("test-event-pattern", "--event-pattern", '{"source":["x"]}', "--event", json.dumps(event))["Result"])
        self.assertIn("Parameter Event is not valid.", self.refused("ValidationException", "test-event-pattern", "--event-pattern", '{"source":["x"]}', "--event", "{}"))


if __name__ == "__main__":
    unittest.main()
