"""A real busd in a directory of its own, and busctl to talk to it. For e2e and crash tests; ends only what it started."""
import json, os, select, shutil, signal, subprocess, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
BIN = os.path.join(BUILD, "release")
BUSD = os.path.join(BUILD, os.environ.get("MODE", "release"), "busd")  # asan, tsan: the daemon under a sanitizer
START_S, WAIT_S = 60, 30


def eventually(condition, what, seconds=WAIT_S):
    """Waits for a condition: returns its first true value, or fails with what was waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        select.select([], [], [], 0.02)


class Busd:
    """One data directory, and the daemon on it while it runs."""

    def __init__(self, *flags, rules=None, env=None):
        self.dir = tempfile.mkdtemp(prefix="busd-test-")
        self.data = os.path.join(self.dir, "data")
        self.log_path = os.path.join(self.dir, "log")
        self.flags, self.env, self.process = list(flags), env or {}, None
        for name, text in (rules or {}).items():
            self.write(name, text)
            if name.endswith(".yaml"):
                self.flags += ["--rules", self.path(name)]

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as out:
            out.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def spawn(self, *more):
        with open(self.log_path, "ab") as log:
            return subprocess.Popen([BUSD, "--data", self.data, *self.flags, *more], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=log, cwd=self.dir, env={**os.environ, "BUS_HTTP": "127.0.0.1:0", **self.env})

    def start(self, *more):
        self.process = self.spawn(*more)
        line = b""
        end = time.monotonic() + START_S
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                raise AssertionError(f"busd did not become ready: {line!r}\n{self.log()}")
            line += chunk
        self.ready = line.decode().strip()
        self.listens = [w[len("listen="):] for w in self.ready.split() if w.startswith("listen=")]
        self.endpoint = self.listens[0]
        self.http = self.ready.split("http=")[1].split()[0]
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, how=signal.SIGTERM, seconds=30):
        self.process.send_signal(how)
        status = self.process.wait(seconds)
        self.process.stdout.close()
        self.process = None
        return status

    def close(self):
        """Ends what runs, and fails on what a sanitizer found meanwhile."""
        if self.process and self.process.poll() is None:
            self.kill()
        elif self.process:
            self.process.stdout.close()
        reports = [line for line in self.log().splitlines() if "Sanitizer" in line or "runtime error:" in line] if os.path.exists(self.log_path) else []
        if reports:
            raise AssertionError(self.log()[-20000:])
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def environment(self, profile=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_"))}
        env.update(BUS_ENDPOINT=self.endpoint, AWS_SHARED_CREDENTIALS_FILE=self.path("credentials") if profile else
                   os.path.join(self.data, "credentials"))
        if profile:
            env["AWS_PROFILE"] = profile
        return env

    def busctl(self, *arguments, profile=None, status=0, stdin=None, endpoint=None):
        """Runs busctl as a profile (none: the operator); returns (stdout, stderr) after checking the exit status."""
        env = self.environment(profile)
        if endpoint:
            env["BUS_ENDPOINT"] = endpoint
        done = subprocess.run([os.path.join(BIN, "busctl"), *arguments], input=stdin, capture_output=True, text=True, timeout=60, env=env, cwd=self.dir)
        if done.returncode != status:
            raise AssertionError(f"busctl {' '.join(arguments)}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def call(self, *arguments, profile=None):
        """The answer of an operation as an object."""
        return json.loads(self.busctl("--output", "json", *arguments, profile=profile)[0])

    def counters(self):
        return self.call("describe-daemon")["Counters"]

    def stream(self, name, profile):
        """All records of a stream, their data decoded."""
        out, _ = self.busctl("--output", "json", "get-records", "--stream-name", name, "--from", "trim-horizon", profile=profile)
        return [json.loads(line) for line in out.splitlines() if line]

    def queue_size(self, name, profile):
        a = self.call("get-queue-attributes", "--queue-url", name, "--attribute-names", "All", profile=profile)["Attributes"]
        return int(a["ApproximateNumberOfMessages"])

    def drain_queue(self, name, profile):
        """Receives and deletes until the queue is empty."""
        messages = []
        while True:
            got = self.call("receive-message", "--queue-url", name, "--max-number-of-messages", "10", "--message-attribute-names", "All",
                            "--delete", profile=profile).get("Messages", [])
            if not got:
                return messages
            messages += got


def credentials(**accounts):
    """A shared-credentials file: profile -> (key id, secret)."""
    return "".join(f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n" for name, (key, secret) in accounts.items())
