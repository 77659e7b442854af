"""kill -9 at random instants while a replay runs: it goes on where it stood, and in the store every event comes back exactly once.

KILLS is that of crash_test.py: an eighth of it, and at least three; SEED repeats a run's choice of instants.
"""
import json, os, random, select, unittest

from daemon import Busd, credentials, eventually

EVENTS, RATE = 4000, 2500
ARCHIVE, BUS = "arn:aws:events:us-east-1:123456789012:archive/all", "arn:aws:events:us-east-1:123456789012:event-bus/default"
RULES = """
accounts:
  "123456789012":
    keys: [{id: AKIACRASH, secret: secret-of-the-crash}]
    buses:
      default:
        archives: {all: {pattern: {source: [crash]}}}
        rules:
          replayed:
            pattern: {replay-name: [again]}
            targets:
              stream: {stream: s}
              queue: {queue: q}
              other: {bus: "arn:aws:events:us-east-1:123456789012:event-bus/other"}
              log: {log: l}
      other:
        archives: {never: {}}
        rules: {all: {pattern: {source: [crash]}, targets: {stream: {stream: forwarded}}}}
    streams: {s: {shards: 2}, forwarded: {}}
    queues: {q: {}}
    logs: {l: {max-bytes: 1099511627776}}
"""


class Replay(unittest.TestCase):
    def setUp(self):
        self.busd = Busd(rules={"crash.yaml": RULES})
        self.addCleanup(self.busd.close)
        self.busd.write("credentials", credentials(crash=("AKIACRASH", "secret-of-the-crash")))
        self.busd.start()

    def call(self, *words):
        return self.busd.call(*words, profile="crash")

    def state(self):
        return self.call("describe-replay", "--replay-name", "again")

    def test_kill_nine_during_a_replay(self):
        kills = max(3, int(os.environ.get("KILLS", "50")) // 8)
        seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        print(f"\nseed {seed}, {kills} kills", flush=True)
        chance = random.Random(seed)
        template = self.busd.write("template", '{"n":{{sequence}}}')
        self.busd.busctl("generate", "--template", template, "--count", str(EVENTS), "--source", "crash", "--detail-type", "numbered", profile="crash")
        self.assertEqual(self.call("describe-archive", "--archive-name", "all")["EventCount"], EVENTS)
        self.call("start-replay", "--replay-name", "again", "--event-source-arn", ARCHIVE, "--event-start-time", "0", "--event-end-time",
                  "32503680000", "--destination", "Arn=" + BUS, "--events-per-second", str(max(RATE, EVENTS // kills)))
        for _ in range(kills):
            before = self.state()["ReplayedEventCount"]
            if before < EVENTS:
                eventually(lambda: self.state()["ReplayedEventCount"] > before, "progress of the replay", 60)
            select.select([], [], [], chance.uniform(0, 0.06))
            self.busd.kill()
            self.busd.start()
        eventually(lambda: self.state()["ReplayedEventCount"] == EVENTS, "the replay's last event", 60)
        self.prove()

    def prove(self):
        wanted = list(range(1, EVENTS + 1))
        for name in ("s", "forwarded"):
            records = [r["Data"] if isinstance(r["Data"], dict) else json.loads(r["Data"]) for r in self.busd.stream(name, "crash")]
            self.assertEqual({r["replay-name"] for r in records}, {"again"})
            got = sorted(r["detail"]["n"] for r in records)
            doubled = sorted({a for a, b in zip(got, got[1:]) if a == b})
            self.assertEqual(got, wanted, f"stream {name}: doubled {doubled[:20]}, lost {sorted(set(wanted) - set(got))[:20]}")
        self.assertEqual(self.busd.queue_size("q", "crash"), EVENTS)
        for name, count in (("all", EVENTS), ("never", 0)):  # no replayed event was archived
            self.assertEqual(self.call("describe-archive", "--archive-name", name)["EventCount"], count)
        path = os.path.join(self.busd.data, "logs", "123456789012-l.jsonl")

        def logged():
            with open(path) as f:
                return {json.loads(line)["detail"]["n"] for line in f if line.endswith("}\n")} >= set(wanted)
        eventually(logged, "delivery of everything to the log", 60)
        self.assertEqual(self.state()["State"], "RUNNING")  # its end lies ahead
        self.call("cancel-replay", "--replay-name", "again")
        eventually(lambda: self.state()["State"] == "CANCELLED", "the cancelling")
        print(f"{EVENTS} events replayed, none lost, none doubled", flush=True)


if __name__ == "__main__":
    unittest.main()
