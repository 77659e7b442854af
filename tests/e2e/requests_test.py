"""The fuzzer of requests (tests/fuzz/requests) against a daemon: no crash, no answer of 5xx, no leak. `make fuzz` lets it run longer."""
import os, re, signal, subprocess, unittest

from daemon import BIN, Busd
from webhook import Webhook
import sigv4

SECONDS, SEED = os.environ.get("REQUESTS_SECONDS", "10"), os.environ.get("SEED", "1")


class Requests(unittest.TestCase):
    def ask(self, busd, seconds, http=None):
        key, secret = sigv4.keys_of(os.path.join(busd.data, "credentials"))
        return subprocess.run([os.path.join(BIN, "requests"), "--http", http or busd.http, "--listen", busd.endpoint, "--key", key, "--secret", secret,
                               "--seconds", seconds, "--seed", SEED], capture_output=True, text=True, timeout=int(seconds) + 120, cwd=busd.dir)

    @unittest.skipUnless(os.environ.get("MODE") in ("asan", None) or "REQUESTS_SECONDS" in os.environ, "the address sanitizer is what looks")
    def test_no_request_breaks_the_daemon(self):
        busd = Busd("--retry-base-ms", "1000", "--log-level", "error")
        self.addCleanup(busd.close)
        busd.start()
        done = self.ask(busd, SECONDS)
        self.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}\n{busd.log()[-5000:]}")
        self.assertIsNone(busd.process.poll(), busd.log()[-20000:])
        self.assertEqual(busd.stop(signal.SIGTERM, 90), 0, busd.log()[-20000:])  # with its end the sanitizer looks for leaks
        accepted, operations = map(int, re.search(r"(\d+) of (\d+) operations accepted", done.stdout).groups())
        self.assertGreater(accepted, operations * 3 // 4, done.stdout)  # else it would only try how requests are refused

    @unittest.skipUnless(os.environ.get("MODE", "release") == "release", "of the fuzzer itself: once is enough")
    def test_it_sees_what_is_wrong(self):
        busd, peer = Busd(), Webhook()
        self.addCleanup(busd.close)
        self.addCleanup(peer.close)
        busd.start()
        for answer, what in (((500, {}, "{}"), "an internal error"), ((200, {}, "{"), "the answer is no JSON object"),
                             ((200, {}, '{"Unknown":1}'), "the answer does not keep its shape"), ((400, {}, "{}"), "an error without type or sentence"),
                             ((200, {"Transfer-Encoding": "chunked"}, "x"), "WRONG")):
            peer.scripts["/"] = [answer]
            done = self.ask(busd, "2", f"127.0.0.1:{peer.port}")
            self.assertEqual(done.returncode, 1)
            self.assertIn(what, done.stdout)


if __name__ == "__main__":
    unittest.main()
