"""kill -9 at random instants under load: nothing acknowledged is lost, nothing in the store is doubled, deliveries outside it happen at least once.

KILLS says how often (50 in `make test`); SEED repeats a run's choice of instants.
"""
import json, os, random, select, subprocess, unittest

from daemon import BIN, Busd, credentials, eventually

RULES = """
accounts:
  "123456789012":
    keys: [{id: AKIACRASH, secret: secret-of-the-crash}]
    buses:
      default:
        rules:
          all:
            pattern: {source: [crash]}
            targets:
              stream: {stream: s}
              queue: {queue: q}
              other: {bus: "arn:aws:events:us-east-1:123456789012:event-bus/other"}
          some:
            pattern: {source: [crash], detail: {n: [{numeric: ["<", 2000]}]}}
            targets: {log: {log: l}}
      other:
        rules: {all: {pattern: {source: [crash]}, targets: {stream: {stream: forwarded}}}}
    streams: {s: {shards: 2}, forwarded: {}}
    queues: {q: {}}
    logs: {l: {max-bytes: 1099511627776}}
"""


class Crash(unittest.TestCase):
    def test_kill_nine_at_random_instants(self):
        kills = int(os.environ.get("KILLS", "50"))
        seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        print(f"\nseed {seed}, {kills} kills", flush=True)
        chance = random.Random(seed)
        busd = Busd(rules={"crash.yaml": RULES})
        self.addCleanup(busd.close)
        busd.write("credentials", credentials(crash=("AKIACRASH", "secret-of-the-crash")))
        acks = busd.path("acks")
        busd.start()
        producer = subprocess.Popen([os.path.join(BIN, "crash_producer"), acks], env=busd.environment("crash"), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: producer.poll() is None and producer.kill())
        for _ in range(kills):
            # Some progress since the last start, then a random instant within the next few milliseconds.
            before = os.path.getsize(acks) if os.path.exists(acks) else 0
            eventually(lambda: producer.poll() is not None or (os.path.exists(acks) and os.path.getsize(acks) > before), "an acknowledgement", 60)
            self.assertIsNone(producer.poll(), "the producer ended")
            select.select([], [], [], chance.uniform(0, 0.06))
            busd.kill()
            busd.start()
        producer.terminate()
        out, err = producer.communicate(timeout=180)
        self.assertEqual(producer.returncode, 0, err)
        self.prove(busd, int(out), acks)

    def prove(self, busd, put, acks):
        with open(acks) as f:
            acknowledged = [int(line) for line in f]
        self.assertEqual(len(acknowledged), len(set(acknowledged)), "an event was acknowledged twice")
        self.assertEqual(sorted(acknowledged), list(range(put)))
        for name in ("s", "forwarded"):
            got = sorted(self.number(r["Data"]) for r in busd.stream(name, "crash"))
            self.assertEqual(len(got), len(set(got)), f"doubled in stream {name}: {self.doubled(got)}")
            self.assertEqual(got, list(range(put)), f"lost from stream {name}: {sorted(set(range(put)) - set(got))[:20]}")
        self.assertEqual(busd.queue_size("q", "crash"), put)
        wanted = set(range(min(put, 2000)))
        path = os.path.join(busd.data, "logs", "123456789012-l.jsonl")

        def logged():
            with open(path) as f:
                return {self.number(line) for line in f if line.endswith("}\n")} >= wanted
        eventually(logged, "delivery of everything to the log", 60)
        print(f"{put} events put and acknowledged, none lost, none doubled", flush=True)

    @staticmethod
    def number(data):
        event = json.loads(data) if isinstance(data, str) else data
        return event["detail"]["n"]

    @staticmethod
    def doubled(numbers):
        return sorted({a for a, b in zip(numbers, numbers[1:]) if a == b})[:20]


if __name__ == "__main__":
    unittest.main()
