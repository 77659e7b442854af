"""Many bad API destinations beside healthy ones, for a few seconds (`make destinations-soak` is the whole of it): those that hang, fail or are slow harm only
themselves."""
import os, unittest

from destination_load import Load

BAD, NOISE_PER_SECOND, HEALTHY_PER_SECOND, SECONDS = 300, 40, 60, 1.5
SLACK_MS = 5  # of a test machine that does other things too; a starved destination waits for hundreds


class BadNeighbours(unittest.TestCase):
    def test_healthy_destinations_do_not_wait_for_bad_ones(self):
        load = Load(BAD)
        self.addCleanup(load.close)
        load.well(True)
        load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, 1)
        control = load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, SECONDS)
        load.well(False)
        load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, 1)
        beside = load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, SECONDS)
        for phase in (control, beside):
            self.assertEqual((phase["arrived"], phase["refused"]), (phase["wanted"], 0), phase)
        for kind in ("hang", "slow", "fail"):
            self.assertGreater(beside[kind], 50)
        if os.environ.get("MODE", "release") == "release":
            self.assertLess(beside["p99"], max(1.2 * control["p99"], control["p99"] + SLACK_MS), (control, beside))


if __name__ == "__main__":
    unittest.main()
