"""Many bad API destinations beside healthy ones, for a few seconds (`make destinations-soak` is the whole of it): those that hang, fail or are slow harm only
themselves."""
import os, unittest

from destination_load import Load

BAD, NOISE_PER_SECOND, HEALTHY_PER_SECOND, SECONDS = 300, 40, 60, 1.5
SLACK_MS, TRIES = 5, 5  # a test machine does other things too; a starved destination waits for hundreds of milliseconds, each time


class BadNeighbours(unittest.TestCase):
    def test_healthy_destinations_do_not_wait_for_bad_ones(self):
        load = Load(BAD)
        self.addCleanup(load.close)
        measured = []
        for _ in range(TRIES):
            load.well(True)
            load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, 0.5)
            control = load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, SECONDS)
            load.well(False)
            load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, 1)
            beside = load.run(HEALTHY_PER_SECOND, NOISE_PER_SECOND, SECONDS)
            for phase in (control, beside):
                self.assertEqual((phase["arrived"], phase["refused"]), (phase["wanted"], 0), phase)
            for kind in ("hang", "slow", "fail"):
                self.assertGreater(beside[kind], 50)
            measured.append((control["p99"], beside["p99"]))
            if beside["p99"] < max(1.2 * control["p99"], control["p99"] + SLACK_MS) or os.environ.get("MODE", "release") != "release":
                return
        self.fail(f"p99 of healthy destinations in ms, without and with bad ones: {measured}")


if __name__ == "__main__":
    unittest.main()
