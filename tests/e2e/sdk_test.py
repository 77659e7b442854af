"""AWS's SDK for JavaScript (tests/e2e/sdk, locked) through the life of the resources, with the credentials file that busd writes and nothing else."""
import json, os, shutil, subprocess, unittest

from daemon import BUILD, ROOT, Busd

SDK = os.path.join(BUILD, "sdk")  # `make sdk` installs it there


@unittest.skipUnless(os.environ.get("MODE", "release") != "tsan", "the clients are the same, and the daemon under asan sees them as well")
class Sdk(unittest.TestCase):
    def test_the_life_of_every_resource(self):
        self.assertTrue(os.path.isdir(os.path.join(SDK, "node_modules")), "the SDK is not there: make sdk")
        program = shutil.copy(os.path.join(ROOT, "tests/e2e/sdk/life.test.mjs"), SDK)
        busd = Busd()
        self.addCleanup(busd.close)
        busd.start()
        busd.busctl("create-queue", "--queue-name", "sdk")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_", "NODE_"))}
        env.update(BUSD_ENDPOINT=f"http://{busd.http}", AWS_SHARED_CREDENTIALS_FILE=os.path.join(busd.data, "credentials"), AWS_CONFIG_FILE=busd.path("none"))
        done = subprocess.run(["node", "--test", program], capture_output=True, text=True, timeout=120, env=env, cwd=busd.dir)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^. pass [1-9]")
        self.assertEqual([json.loads(m["Body"]) for m in busd.drain_queue("sdk", None)], [{"paid": 150, "at": "2026-05-01T12:00:00Z"}])


if __name__ == "__main__":
    unittest.main()
