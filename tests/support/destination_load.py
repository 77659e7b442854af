"""A daemon with thousands of API destinations, healthy ones beside those that hang, fail and are slow, and the program that is both ends of it."""
import os, re, subprocess

from daemon import BIN, Busd, credentials

ACCOUNT, HEALTHY_BUSES, TARGETS_PER_RULE = "111122223333", 10, 5


class Load:
    def __init__(self, bad, per_bus=5, flags=()):
        """`bad` destinations (a multiple of 15: a third hangs, a third fails, a third is slow) and ten buses with per_bus healthy ones."""
        self.noise_rules = bad // TARGETS_PER_RULE
        self.endpoint, self.credentials = {}, None
        self.program = None
        env = {**os.environ, "NOISE_RULES": str(self.noise_rules), "TARGETS": str(per_bus)}
        self.busd = Busd("--private-destinations", "127.0.0.1", "--durability", "normal", *flags)
        self.busd.write("credentials", credentials(load=("AKIALOAD", "secret-of-the-load")))
        env.update({k: v for k, v in (("AWS_SHARED_CREDENTIALS_FILE", self.busd.path("credentials")), ("AWS_PROFILE", "load"),
                                      ("BUS_ENDPOINT", f"ipc://{self.busd.data}/bus.sock"))})
        for name in ("AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            env.pop(name, None)
        try:
            self.program = subprocess.Popen([os.path.join(BIN, "destination_load")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
            port = int(self.program.stdout.readline().split()[1])
            self.busd.flags += ["--rules", self.busd.write("load.yaml", self.rules(port, per_bus))]
            self.busd.start()
        except BaseException:
            self.close()
            raise

    def rules(self, port, per_bus):
        url = f"http://127.0.0.1:{port}"
        healthy = [f"ok-{b}-{i}" for b in range(HEALTHY_BUSES) for i in range(per_bus)]
        kinds = ("hang", "fail", "slow")
        bad = [f"{kinds[i % 3]}-{i}" for i in range(self.noise_rules * TARGETS_PER_RULE)]
        text = [f'accounts:\n  "{ACCOUNT}":\n    keys: [{{id: AKIALOAD, secret: secret-of-the-load}}]\n    connections: {{c: {{api-key: {{header: x-key, value: k}}}}}}\n    api-destinations:']
        text += [f'      {d}: {{connection: c, url: "{url}/{d.replace("-", "/")}", rate-limit-per-second: 1000}}' for d in healthy + bad]
        text += ["    buses:"]
        for b in range(HEALTHY_BUSES):
            targets = ", ".join(f"t{i}: {{api-destination: ok-{b}-{i}}}" for i in range(per_bus))
            text += [f"      h{b}: {{rules: {{r: {{pattern: {{source: [h]}}, targets: {{{targets}}}}}}}}}"]
        text += ["      noise:", "        rules:"]
        for r in range(self.noise_rules):
            targets = ", ".join(f"t{i}: {{api-destination: {bad[r * TARGETS_PER_RULE + i]}, retry: {{attempts: 1}}}}" for i in range(TARGETS_PER_RULE))
            text += [f"          n{r}: {{pattern: {{source: [n{r}]}}, targets: {{{targets}}}}}"]
        return "\n".join(text) + "\n"

    def well(self, yes):
        """Whether the bad destinations answer like the others from now on."""
        self.program.stdin.write(f"well {int(yes)}\n")

    def run(self, per_second, noise, seconds):
        """Runs one phase: {"p99": ms, "arrived": ..., ...}."""
        self.program.stdin.write(f"run {per_second} {noise} {seconds}\n")
        self.program.stdin.flush()
        line = self.program.stdout.readline()
        return {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", line)}

    def close(self):
        if self.program:
            self.program.stdin.close()
            self.program.wait(30)
            self.program.stdout.close()
        self.busd.close()
