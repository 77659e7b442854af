"""The scenario of examples/cross-account, with the files of the example, and what happens at its edges."""
import json, os, shutil, subprocess, unittest

from daemon import BIN, ROOT, Busd, eventually

EXAMPLE = os.path.join(ROOT, "examples", "cross-account")
STATES = ["running", "stopped", "pending"]


class CrossAccount(unittest.TestCase):
    def setUp(self):
        self.busd = Busd()
        self.addCleanup(self.busd.close)
        rules = self.busd.path("rules")
        shutil.copytree(EXAMPLE, rules)
        shutil.copy(os.path.join(EXAMPLE, "credentials"), self.busd.path("credentials"))
        self.received = os.path.join(rules, "received.jsonl")
        self.mails = self.busd.path("mail.jsonl")
        self.sink = subprocess.Popen([os.path.join(BIN, "smtp_sink"), "--port", "0", "--out", self.mails], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_sink)
        self.busd.flags += ["--rules", rules, "--smtp-url", "smtp://" + self.sink.stdout.readline().split()[1]]

    def end_sink(self):
        self.sink.terminate()
        self.sink.wait()
        self.sink.stdout.close()

    def put_states(self, count, profile="work"):
        entries = [{"Source": "aws.ec2", "DetailType": "EC2 Instance State-change Notification",
                    "Resources": [f"arn:aws:ec2:us-east-1:111122223333:instance/i-{i}"],
                    "Detail": {"instance-id": f"i-{i}", "state": STATES[i % 3]}} for i in range(count)]
        out, _ = self.busd.busctl("--output", "json", "put-events", "--entries", "file:///dev/stdin", profile=profile, stdin=json.dumps(entries))
        return json.loads(out)

    def lines(self, path, count):
        def enough():
            if not os.path.exists(path):
                return None
            with open(path) as f:
                got = f.read().splitlines()
            return got if len(got) >= count else None
        return eventually(enough, f"{count} lines in {path}")

    def test_events_cross_into_the_personal_account_and_fan_out(self):
        self.busd.start()
        done = subprocess.run([os.path.join(BIN, "producer"), "9"], env=self.busd.environment("work"), capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "producer: 9 accepted, 0 refused\n"), done.stderr)
        answer = self.put_states(6)
        self.assertEqual(answer["FailedEntryCount"], 0)
        events = [json.loads(line) for line in self.lines(self.received, 10)]
        self.assertEqual(len(events), 10)  # of fifteen, every third is pending
        for e in events:
            self.assertEqual(list(e), ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"])
            self.assertEqual((e["account"], e["source"]), ("111122223333", "aws.ec2"))
            self.assertIn(e["detail"]["state"], ["running", "stopped"])
            self.assertTrue(e["resources"][0].startswith("arn:aws:ec2:us-east-1:111122223333:instance/i-"))
        ids = sorted(e["id"] for e in events)
        self.assertEqual(len(set(ids)), 10)
        self.assertLess({entry["EventId"] for entry in answer["Entries"]} & set(ids), set(ids))
        records = self.busd.stream("ec2-events", "personal")
        self.assertEqual(sorted(json.loads(r["Data"])["id"] if isinstance(r["Data"], str) else r["Data"]["id"] for r in records), ids)
        messages = self.busd.drain_queue("inbox", "personal")
        texts = sorted(json.loads(json.loads(m["Body"])["Message"])["text"] for m in messages)
        self.assertEqual(texts, sorted(f"{e['detail']['instance-id']} of account 111122223333 is {e['detail']['state']}" for e in events))
        self.lines(self.mails, 10)

    def test_the_hop_limit_keeps_events_from_a_third_account(self):
        self.busd.start()
        self.put_states(2)
        letters = eventually(lambda: self.busd.drain_queue("undeliverable", "personal"), "dead letters")
        self.assertEqual(len(letters), 2)
        for letter in letters:
            a = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
            event = json.loads(letter["Body"])
            self.assertEqual(a["ERROR_CODE"], "THIRD_ACCOUNT_HOP_DETECTED")
            self.assertEqual(a["ERROR_MESSAGE"], f"Event ingestion rejected for event {event['id']} because an event can be sent to an event bus target only "
                             "once. This event was previously delivered to an event bus target.")
            self.assertEqual(a["RULE_ARN"], "arn:aws:events:us-east-1:444455556666:rule/on-to-third")
            self.assertEqual(a["TARGET_ARN"], "arn:aws:events:us-east-1:777788889999:event-bus/default")
            self.assertEqual(event["account"], "111122223333")
        self.assertEqual(self.busd.queue_size("inbox", "third"), 0)
        self.assertEqual(self.busd.counters()["HopsRefusedByLimit"], 2)
        self.assertIn("code=THIRD_ACCOUNT_HOP_DETECTED", self.busd.log())

    def test_with_a_hop_limit_of_two_the_third_account_gets_them(self):
        self.busd.start("--hop-limit", "2")
        self.put_states(2)
        messages = self.busd.drain_queue("inbox", "third")
        self.assertEqual(sorted(json.loads(m["Body"])["detail"]["instance-id"] for m in messages), ["i-0", "i-1"])
        self.assertEqual({json.loads(m["Body"])["account"] for m in messages}, {"111122223333"})
        self.assertEqual(self.busd.queue_size("undeliverable", "personal"), 0)

    def test_an_account_without_permission_is_refused(self):
        self.busd.start()
        entry = [{"Source": "aws.ec2", "DetailType": "x", "Detail": "{}", "EventBusName": "arn:aws:events:us-east-1:444455556666:event-bus/default"}]
        out, _ = self.busd.busctl("--output", "json", "put-events", "--entries", json.dumps(entry), profile="outsider", status=3)
        answer = json.loads(out)
        self.assertEqual(answer["FailedEntryCount"], 1)
        self.assertEqual(answer["Entries"][0]["ErrorCode"], "AccessDeniedException")
        self.assertIn("arn:aws:iam::999900001111:", answer["Entries"][0]["ErrorMessage"])
        self.assertEqual(self.busd.stream("ec2-events", "personal"), [])
        self.busd.busctl("put-permission", "--action", "events:PutEvents", "--principal", "999900001111", "--statement-id", "let-in", profile="personal")
        self.busd.busctl("put-events", "--entries", json.dumps(entry), profile="outsider")
        self.assertEqual(len(self.busd.stream("ec2-events", "personal")), 1)
        self.busd.busctl("remove-permission", "--statement-id", "let-in", profile="personal")
        self.busd.busctl("put-events", "--entries", json.dumps(entry), profile="outsider", status=3)


RING = """
accounts:
  "{0}":
    keys: [{{id: AKIA{0}, secret: secret-of-{0}}}]
    buses:
      default:
        policy: [{{allow: ["{2}", "{1}"]}}]
        rules:
          keep: {{pattern: {{source: [ring]}}, targets: {{inbox: {{queue: inbox}}}}}}
          onward:
            pattern: {{source: [ring]}}
            targets: {{next: {{bus: "arn:aws:events:us-east-1:{1}:event-bus/default", dead-letter: dead}}}}
    queues: {{inbox: {{}}, dead: {{}}}}
"""


class Ring(unittest.TestCase):
    def test_a_ring_of_three_accounts_ends(self):
        a = ["100000000001", "100000000002", "100000000003"]
        rules = {f"{i}.yaml": RING.format(a[i], a[(i + 1) % 3], a[(i + 2) % 3]) for i in range(3)}
        busd = Busd("--hop-limit", "10", rules=rules)
        self.addCleanup(busd.close)
        busd.write("credentials", "".join(f"[{x}]\naws_access_key_id = AKIA{x}\naws_secret_access_key = secret-of-{x}\n" for x in a))
        busd.start()
        busd.busctl("put-events", "--entries", '[{"Source":"ring","DetailType":"t","Detail":"{}"}]', profile=a[0])
        self.assertEqual([busd.queue_size("inbox", x) for x in a], [1, 1, 1])
        letters = busd.drain_queue("dead", a[2])
        attributes = {k: v["StringValue"] for k, v in letters[0]["MessageAttributes"].items()}
        self.assertEqual((len(letters), attributes["ERROR_CODE"]), (1, "LOOP_DETECTED"))
        self.assertIn("arn:aws:events:us-east-1:100000000002:event-bus/default", attributes["ERROR_MESSAGE"])
        self.assertEqual(busd.counters()["HopsRefusedAsLoop"], 1)


if __name__ == "__main__":
    unittest.main()
