"""Archives and replays through busctl and a real daemon: rule files, managed rules, replay with its flags, dry runs, restarts."""
import json, os, time, unittest

from daemon import Busd, credentials, eventually

ACCOUNT = "123456789012"
BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
ARCHIVE = f"arn:aws:events:us-east-1:{ACCOUNT}:archive/"
RULES = """
accounts:
  "123456789012":
    keys: [{id: AKIAWORK, secret: secret-of-the-work}]
    buses:
      default:
        archives:
          all: {description: everything}
          orders: {pattern: {detail-type: [Order]}, retention-days: 7}
        rules:
          all: {pattern: {source: [shop]}, targets: {q: {queue: q}}}
          big: {pattern: {source: [shop], detail: {n: [{numeric: [">=", 8]}]}}, targets: {b: {queue: big}}}
    queues: {q: {}, big: {}}
"""


class Archives(unittest.TestCase):
    def setUp(self):
        self.busd = Busd(rules={"rules.yaml": RULES})
        self.addCleanup(self.busd.close)
        self.busd.write("credentials", credentials(work=("AKIAWORK", "secret-of-the-work")))
        self.busd.start()

    def ctl(self, *words, status=0):
        return self.busd.busctl("--output", "json", *words, profile="work", status=status)

    def call(self, *words):
        return json.loads(self.ctl(*words)[0])

    def refused(self, *words):
        return self.ctl(*words, status=3)[1]

    def put(self, count, kind="Order"):
        entries = [{"Source": "shop", "DetailType": kind, "Detail": json.dumps({"n": n})} for n in range(count)]
        for i in range(0, count, 10):
            self.call("put-events", "--entries", json.dumps(entries[i:i + 10]))

    def bodies(self, queue):
        return [json.loads(m["Body"]) for m in self.busd.drain_queue(queue, "work")]

    def test_life_of_archives(self):
        self.put(10)
        self.put(5, "Note")
        archive = self.call("describe-archive", "--archive-name", "orders")
        self.assertEqual(archive["EventCount"], 10)
        self.assertEqual(archive["SizeBytes"], sum(len(json.dumps(b, separators=(",", ":"))) for b in self.bodies("q") if b["detail-type"] == "Order"))
        self.assertEqual((archive["State"], archive["RetentionDays"], archive["EventSourceArn"], archive["ArchiveArn"]),
                         ("ENABLED", 7, BUS, ARCHIVE + "orders"))
        rule = self.call("describe-rule", "--name", "Events-Archive-orders")
        self.assertEqual(rule["ManagedBy"], "prod.vhs.events.aws.internal")
        self.assertEqual(json.loads(rule["EventPattern"]), {"detail-type": ["Order"], "replay-name": [{"exists": False}]})
        self.assertEqual(self.call("list-targets-by-rule", "--rule", "Events-Archive-orders")["Targets"],
                         [{"Id": "Events-Archive-orders", "Arn": "arn:aws:events:us-east-1:::"}])
        self.assertIn("ManagedRuleException", self.refused("delete-rule", "--name", "Events-Archive-orders"))
        self.assertIn("ManagedRuleException", self.refused("disable-rule", "--name", "Events-Archive-orders"))
        self.assertEqual([a["ArchiveName"] for a in self.call("list-archives")["Archives"]], ["all", "orders"])
        page = self.call("list-archives", "--limit", "1")
        self.assertEqual([a["ArchiveName"] for a in page["Archives"]], ["all"])
        self.assertEqual([a["EventCount"] for a in self.call("list-archives", "--limit", "1", "--next-token", page["NextToken"])["Archives"]], [10])
        self.assertEqual([a["ArchiveName"] for a in self.call("list-archives", "--name-prefix", "or")["Archives"]], ["orders"])
        self.assertEqual(len(self.call("list-archives", "--event-source-arn", BUS)["Archives"]), 2)
        self.assertEqual(self.call("list-archives", "--state", "DISABLED")["Archives"], [])
        self.assertIn("At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
                      self.refused("list-archives", "--state", "ENABLED", "--name-prefix", "a"))
        self.call("update-archive", "--archive-name", "orders", "--retention-days", "3", "--description", "fewer")
        self.assertIn("At least one of EventPattern, RetentionDays or Description must be provided.",
                      self.refused("update-archive", "--archive-name", "orders"))
        self.busd.kill()
        self.busd.start()  # the rule file says what it said: seven days
        archive = self.call("describe-archive", "--archive-name", "orders")
        self.assertEqual((archive["EventCount"], archive["RetentionDays"]), (10, 7))
        self.assertNotIn("Description", archive)
        self.ctl("delete-archive", "--archive-name", "orders")
        self.assertIn("ResourceNotFoundException: Archive orders does not exist.", self.refused("describe-archive", "--archive-name", "orders"))
        self.assertIn("Rule Events-Archive-orders does not exist", self.refused("describe-rule", "--name", "Events-Archive-orders"))

    def test_sentences(self):
        other = "arn:aws:events:us-east-1:999999999999:"
        for words, sentence in (
            (("create-archive", "--archive-name", "all", "--event-source-arn", BUS), "ResourceAlreadyExistsException: Archive all already exists."),
            (("create-archive", "--archive-name", "x", "--event-source-arn", BUS[:-7] + "nowhere"), "ResourceNotFoundException: Event bus nowhere does not exist."),
            (("create-archive", "--archive-name", "x", "--event-source-arn", other + "event-bus/default"), "It belongs to another account."),
            (("create-archive", "--archive-name", "x", "--event-source-arn", "x"), "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN."),
            (("create-archive", "--archive-name", "x" * 49, "--event-source-arn", BUS), "at 'archiveName' failed to satisfy constraint: Member must have length less than or equal to 48"),
            (("create-archive", "--archive-name", "x", "--event-source-arn", BUS, "--event-pattern", '{"source":"x"}'), "InvalidEventPatternException: Event pattern is not valid."),
            (("delete-archive", "--archive-name", "x"), "Archive x does not exist."),
            (self.start("x", archive="none"), "Parameter EventSourceArn is not valid. Reason: Archive none does not exist."),
            (self.start("x", bus=BUS[:-7] + "other"), "Event bus other does not exist."),
            (self.start("x", bus="x"), "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN."),
            (self.start("x", end=0), "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."),
            (self.start("x", rules=[BUS.replace("event-bus/default", "rule/gone")]),
             "Parameter Destination.FilterArns is not valid. Reason: Rule gone does not exist on EventBus default."),
            (("describe-replay", "--replay-name", "x"), "ResourceNotFoundException: Replay x does not exist."),
            (("cancel-replay", "--replay-name", "x"), "ResourceNotFoundException: Replay x does not exist."),
            (("list-replays", "--state", "RUNNING", "--name-prefix", "x"), "At most one filter is allowed for ListReplays."),
        ):
            self.assertIn(sentence, self.refused(*words), words)
        self.ctl("create-event-bus", "--name", "other")
        self.assertIn("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
                      self.refused(*self.start("x", bus=BUS[:-7] + "other")))

    def start(self, name, archive="all", begin=0, end=None, bus=BUS, rules=()):
        destination = {"Arn": bus, **({"FilterArns": list(rules)} if rules else {})}
        return ("start-replay", "--replay-name", name, "--event-source-arn", ARCHIVE + archive, "--event-start-time", str(begin),
                "--event-end-time", str(int(time.time()) + 1 if end is None else end), "--destination", json.dumps(destination))

    def test_replay_by_operations(self):
        self.put(20)
        self.bodies("q"), self.bodies("big")
        answer = self.call(*self.start("again", rules=[BUS.replace("event-bus/default", "rule/big")]))
        self.assertEqual((answer["State"], answer["ReplayArn"]), ("STARTING", f"arn:aws:events:us-east-1:{ACCOUNT}:replay/again"))
        self.assertIn("Replay again already exists.", self.refused(*self.start("again")))
        eventually(lambda: self.call("describe-replay", "--replay-name", "again")["State"] == "COMPLETED", "the replay's end")
        replay = self.call("describe-replay", "--replay-name", "again")
        self.assertEqual((replay["ReplayedEventCount"], replay["EventSourceArn"], replay["Destination"]["FilterArns"]),
                         (20, ARCHIVE + "all", [BUS.replace("event-bus/default", "rule/big")]))
        self.assertLessEqual(replay["EventLastReplayedTime"], replay["EventEndTime"])
        self.assertEqual([(b["detail"]["n"], b["replay-name"]) for b in self.bodies("big")], [(n, "again") for n in range(8, 20)])
        self.assertEqual(self.bodies("q"), [])
        self.assertEqual(self.call("describe-archive", "--archive-name", "all")["EventCount"], 20)
        self.assertIn("IllegalStatusException: Replay again is not in a valid state for this operation.",
                      self.refused("cancel-replay", "--replay-name", "again"))
        self.call(*self.start("long", end=32503680000))
        self.assertEqual([r["ReplayName"] for r in self.call("list-replays")["Replays"]], ["again", "long"])
        self.assertEqual([r["ReplayName"] for r in self.call("list-replays", "--state", "COMPLETED")["Replays"]], ["again"])
        self.assertEqual(self.call("cancel-replay", "--replay-name", "long")["State"], "CANCELLING")
        eventually(lambda: self.call("describe-replay", "--replay-name", "long")["State"] == "CANCELLED", "the cancelling")

    def test_busctl_replay(self):
        self.put(20)
        self.bodies("q"), self.bodies("big")
        out, err = self.ctl("replay", "--archive", "all", "--rule", "big", "--name", "once")
        self.assertEqual(json.loads(out)["State"], "COMPLETED")
        self.assertEqual(err, "")  # no progress line where nobody watches
        self.assertEqual(len(self.bodies("big")), 12)
        out = self.call("replay", "--archive", "all", "--from", "1h", "--to", "now", "--rate", "1000")
        self.assertEqual((out["State"], out["ReplayedEventCount"], out["EventsPerSecond"]), ("COMPLETED", 20, 1000))
        self.assertEqual(sorted(b["detail"]["n"] for b in self.bodies("q")), list(range(20)))
        out = self.call("replay", "--archive", "all", "--from", "2h", "--to", "1h", "--rule", "all", "--rule", "big")
        self.assertEqual(out["ReplayedEventCount"], 0)
        out = self.call("replay", "--archive", "all", "--no-wait", "--name", "slow", "--rate", "1")
        self.assertEqual(out["State"], "STARTING")
        self.call("cancel-replay", "--replay-name", "slow")
        self.assertIn("Archive none does not exist", self.refused("replay", "--archive", "none"))
        self.assertIn("--archive is missing", self.ctl("replay", status=2)[1])
        self.assertIn("--event-pattern goes with --dry-run", self.ctl("replay", "--archive", "all", "--event-pattern", "{}", status=2)[1])

    def test_dry_run(self):
        self.put(30)
        delivered = self.busd.queue_size("q", "work")
        out = self.call("replay", "--archive", "all", "--dry-run", "--event-pattern", '{"detail":{"n":[{"numeric":["<",7]}]}}', "--samples", "3")
        self.assertEqual((out["ScannedEventCount"], out["MatchedEventCount"]), (30, 7))
        self.assertEqual([json.loads(s)["detail"]["n"] for s in out["Samples"]], [0, 1, 2])
        self.assertEqual(self.call("replay", "--archive", "all", "--dry-run", "--rule", "big")["MatchedEventCount"], 22)
        self.assertEqual(self.call("replay", "--archive", "all", "--dry-run")["MatchedEventCount"], 30)
        out, _ = self.ctl("replay", "--archive", "all", "--dry-run", "--event-pattern", '{"source":["nobody"]}', status=1)
        self.assertEqual(json.loads(out)["MatchedEventCount"], 0)
        path = self.busd.write("pattern.json", '{"source": "shop"}')
        self.assertIn("InvalidEventPatternException", self.refused("replay", "--archive", "all", "--dry-run", "--event-pattern", "file://" + path))
        out, _ = self.busd.busctl("--output", "table", "replay", "--archive", "all", "--dry-run", profile="work")
        self.assertRegex(out, r"MatchedEventCount +30\n")
        self.assertEqual(self.busd.queue_size("q", "work"), delivered)
        self.assertEqual(self.call("list-replays")["Replays"], [])


if __name__ == "__main__":
    unittest.main()
