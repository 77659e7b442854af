"""The README's tour, run exactly as it is written, from the top of the tree."""
import os, re, subprocess, tempfile, unittest

from daemon import BIN, ROOT


class Readme(unittest.TestCase):
    def test_the_tour_runs_as_written(self):
        with open(os.path.join(ROOT, "README.md")) as f:
            blocks = re.findall(r"```sh\n(.*?)```", f.read(), re.S)
        self.assertGreater(len(blocks), 5)
        script = "set -e\n" + "".join(f"echo '== {i}'\n{block}" for i, block in enumerate(blocks))
        with tempfile.TemporaryDirectory(prefix="busd-tour-") as temp:
            env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_"))}
            env["TMPDIR"] = temp
            done = subprocess.run(["bash", "-c", script.replace("$PWD/build/release", BIN)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        parts = re.split(r"== \d+\n", done.stdout)[1:]
        self.assertIn('"total":250', parts[1].replace('\\"', '"'))
        self.assertNotIn('"total":20}', parts[1].replace('\\"', '"'))
        self.assertIn("1000", parts[3])
        self.assertNotIn("99.5", parts[3].split("EventId")[-1])
        self.assertIn("111122223333", parts[4])
        kept = next(part for part in parts if "Events-Archive" in part or "ArchiveName" in part)
        self.assertRegex(kept, r"EventCount +2\n")
        self.assertRegex(kept, r"ScannedEventCount +2\n(.*\n)*MatchedEventCount +1\n")
        self.assertRegex(kept, r"State +COMPLETED\n(.*\n)*ReplayedEventCount +2\n")
        self.assertIn("EventsAccepted", parts[-1])
        with open(os.path.join(ROOT, "README.md")) as f:  # what is shown behind the commands of "Why did my rule not match?" is what they say
            shown = re.findall(r"(?m)^    (no match|  ok .*|  MISS .*|busctl: put-rule: warning.*)$", f.read())
        self.assertGreater(len(shown), 4)
        for line in shown:
            self.assertIn(line + "\n", done.stdout + done.stderr)
        self.assertIn("closest of the others (1):\n  large-orders: detail-type: ", done.stdout)


if __name__ == "__main__":
    unittest.main()
