"""busctl generate: the templates of examples/, to stdout, onto a bus and into a stream."""
import json, os, subprocess, time, unittest

from daemon import BIN, Busd, ROOT

EXAMPLES = os.path.join(ROOT, "examples", "generate")


def template(name):
    return os.path.join(EXAMPLES, name)


def generate(*arguments):
    return subprocess.run([os.path.join(BIN, "busctl"), "generate", *arguments], capture_output=True, text=True)


@unittest.skipUnless(os.environ.get("MODE", "release") == "release", "it runs what was built for release: once is enough")
class Generate(unittest.TestCase):
    def test_every_example_gives_records_and_a_seed_repeats_them(self):
        names = sorted(os.listdir(EXAMPLES))
        self.assertIn("ec2-fleet.json", names)
        for name in names:
            arguments = ("--template", template(name), "--count", "100", "--seed", "3", "--time", "2026-05-01T00:00:00Z")
            first, second = generate(*arguments), generate(*arguments)
            self.assertEqual((first.returncode, first.stderr, len(first.stdout.splitlines())), (0, "", 100), name)
            self.assertEqual(first.stdout, second.stdout)
            if name.endswith(".json"):
                self.assertEqual(len({json.dumps(json.loads(line)) for line in first.stdout.splitlines()}), 100, name)

    def test_a_rate_is_kept_and_a_swinging_one_begins_at_nothing(self):
        begin = time.monotonic()
        generate("--template", template("weather-sensor.json"), "--rate", "200", "--count", "100")
        self.assertGreater(time.monotonic() - begin, 0.45)
        process = subprocess.Popen([os.path.join(BIN, "busctl"), "generate", "--template", template("weather-sensor.json"), "--rate", "100000",
                                    "--periodic", "--period", "60", "--count", "10"], stdout=subprocess.PIPE)
        begin = time.monotonic()  # 50,000 * (t - sin(w t) / w), w = 2 pi / 60, is 10 after 0.48 s
        self.assertEqual(len(process.communicate()[0].splitlines()), 10)
        self.assertGreater(time.monotonic() - begin, 0.3)

    def test_wrong_flags_and_templates_say_what_would_be_right(self):
        for arguments, sentence in (
            ((), "--template is missing"),
            (("--template", "/nowhere"), "/nowhere"),
            (("--template", template("ec2-fleet.json"), "--count", "x"), "--count must be a whole number"),
            (("--template", template("ec2-fleet.json"), "--periodic"), "--periodic needs --rate"),
            (("--template", template("ec2-fleet.json"), "--source", "s"), "--source and --detail-type go together"),
            (("--template", template("ec2-fleet.json"), "--stream-name", "s", "--event-bus-name", "b"), "records go one way"),
            (("--template", template("ec2-fleet.json"), "--time", "today"), "--time must be of the form"),
        ):
            done = generate(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(sentence, done.stderr)

    def test_onto_a_bus_and_into_a_stream(self):
        busd = Busd()
        self.addCleanup(busd.close)
        busd.start()
        arn = "arn:aws:kinesis:us-east-1:000000000000:stream/"
        for name in ("fleet", "direct"):
            busd.busctl("create-stream", "--stream-name", name, "--shard-count", "2")
        busd.busctl("put-rule", "--name", "r", "--event-pattern", json.dumps({"source": ["aws.ec2", "sensor"]}))
        busd.busctl("put-targets", "--rule", "r", "--targets", f"Id=1,Arn={arn}fleet")
        busd.busctl("generate", "--template", template("ec2-fleet.json"), "--event-bus-name", "default", "--count", "50")
        busd.busctl("generate", "--template", template("weather-sensor.json"), "--event-bus-name", "default", "--source", "sensor",
                    "--detail-type", "reading", "--count", "30")
        busd.busctl("generate", "--template", template("weather-sensor.json"), "--stream-name", "direct", "--count", "1200")
        events = [r["Data"] for r in busd.stream("fleet", None)]
        self.assertEqual(sorted(e["source"] for e in events), ["aws.ec2"] * 50 + ["sensor"] * 30)
        ec2 = [e for e in events if e["source"] == "aws.ec2"]
        self.assertEqual({e["detail"]["instance-id"] for e in ec2}, {e["resources"][0].rsplit("/", 1)[1] for e in ec2})
        self.assertEqual(sorted(r["Data"]["reading"] for r in busd.stream("direct", None)), list(range(1, 1201)))
        refused = busd.busctl("generate", "--template", template("weather-sensor.json"), "--event-bus-name", "nowhere", "--source", "s",
                              "--detail-type", "t", "--count", "3", status=3)
        self.assertIn("0 accepted, 3 refused", refused[1])
        self.assertIn("Event bus nowhere does not exist.", refused[1])
        self.assertIn("has no Source", busd.busctl("generate", "--template", template("weather-sensor.json"), "--event-bus-name", "default",
                                                   "--count", "3", status=3)[1])


if __name__ == "__main__":
    unittest.main()
