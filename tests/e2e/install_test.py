"""make install, as a package would do it: what is there, that it works for a program, a user without rights and a supervisor, and that it goes again."""
import os, re, shutil, socket, subprocess, tempfile, unittest

from daemon import BIN, BUILD, Busd, ROOT

ABI = os.path.join(ROOT, "tests", "cases", "libbus.abi")


def make(*arguments):
    done = subprocess.run(["make", "--no-print-directory", "MODE=release", f"BUILD={os.path.relpath(BUILD, ROOT)}", *arguments], cwd=ROOT,
                          capture_output=True, text=True, env={k: v for k, v in os.environ.items() if k not in ("MODE", "MAKEFLAGS", "MAKELEVEL")})
    if done.returncode:
        raise AssertionError(f"make {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def files(root):
    return sorted(os.path.relpath(os.path.join(d, name), root) for d, _, names in os.walk(root) for name in names)


@unittest.skipUnless(os.environ.get("MODE", "release") == "release", "it runs what was built for release: once is enough")
class Install(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="busd-install-")
        os.chmod(self.root, 0o755)
        self.addCleanup(shutil.rmtree, self.root)

    def install(self, *arguments):
        return make("install", f"DESTDIR={self.root}", "PREFIX=/usr", *arguments)

    def test_everything_has_its_place_and_goes_again(self):
        self.install()
        there = files(self.root)
        for name in ("etc/busd/busd.yaml", "usr/bin/busctl", "usr/bin/busd", "usr/bin/eventbusctl", "usr/include/bus.h", "usr/lib/libbus.a",
                     "usr/lib/libbus.so", "usr/lib/libbus.so.1", "usr/lib/pkgconfig/libbus.pc", "usr/lib/systemd/system/busd.service",
                     "usr/share/busd/busd.yaml", "usr/share/busd/reference.md", "usr/share/man/man1/eventbusctl.1",
                     "usr/share/man/man1/eventbusctl-events.1", "usr/share/man/man1/eventbusctl-sqs.1"):
            self.assertIn(name, there)
        for name in there:  # nothing tells where it was built or put for packaging
            if name.endswith((".service", ".pc", ".yaml")):
                with open(os.path.join(self.root, name)) as f:
                    text = f.read()
                self.assertNotRegex(text, r"@[A-Z]+@")
                self.assertNotIn(self.root, text)
        self.install()  # over an installed one
        self.assertEqual(files(self.root), there)
        make("uninstall", f"DESTDIR={self.root}", "PREFIX=/usr")
        self.assertEqual(files(self.root), [])

    def test_what_is_not_ours_stays(self):
        os.makedirs(os.path.join(self.root, "usr/bin"))
        other = os.path.join(self.root, "usr/bin/busctl")
        with open(other, "w") as f:
            f.write("systemd's")
        self.assertIn("call eventbusctl", self.install())
        config = os.path.join(self.root, "etc/busd/busd.yaml")
        with open(config, "a") as f:
            f.write("hop-limit: 2\n")
        self.install()
        with open(config) as f:
            self.assertTrue(f.read().endswith("hop-limit: 2\n"))
        make("uninstall", f"DESTDIR={self.root}", "PREFIX=/usr")
        self.assertEqual(files(self.root), ["etc/busd/busd.yaml", "usr/bin/busctl"])

    def test_the_printed_configuration_is_one(self):
        text = subprocess.run([os.path.join(BIN, "busd"), "--print-config"], capture_output=True, text=True, check=True).stdout
        settings = re.sub(r"(?m)^#(?=[a-z-]+: \d+$)", "", text)  # the defaults of all settings, spelt out
        self.assertGreater(len(re.findall(r"(?m)^[a-z-]+: \d+$", settings)), 10)
        busd = Busd()
        self.addCleanup(busd.close)
        busd.flags += ["--config", busd.write("busd.yaml", settings)]
        busd.start()

    def test_a_user_without_rights_runs_what_was_installed(self):
        self.install()
        home = tempfile.mkdtemp(prefix="busd-home-")
        self.addCleanup(shutil.rmtree, home)
        prefix = []
        if os.getuid() == 0:
            os.chown(home, 65534, 65534)
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        bin_dir = os.path.join(self.root, "usr/bin")
        script = f"""set -e
            export BUS_DATA={home}/data PATH={bin_dir}:$PATH
            busd --config {self.root}/etc/busd/busd.yaml > {home}/ready 2> {home}/log &
            trap 'kill %1; wait %1' EXIT
            for i in $(seq 600); do grep -q ready {home}/ready && break; sleep 0.05; done
            eventbusctl create-queue --queue-name q
            eventbusctl put-rule --name r --event-pattern '{{"source":["s"]}}'
            eventbusctl put-targets --rule r --targets Id=1,Arn=arn:aws:sqs:us-east-1:000000000000:q
            eventbusctl put-events --entries Source=s,DetailType=d,Detail='{{"n":42}}'
            eventbusctl receive-message --queue-url q"""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_"))}
        done = subprocess.run([*prefix, "bash", "-c", script], capture_output=True, text=True, timeout=120, cwd="/", env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn('"n":42', done.stdout.replace('\\"', '"'))

    def test_a_program_is_built_against_it(self):
        self.install()
        source = os.path.join(self.root, "p.c")
        with open(source, "w") as f:
            f.write('#include <bus.h>\n#include <stdio.h>\nint main(void) { puts(bus_version()); return 0; }\n')
        with open(os.path.join(self.root, "usr/lib/pkgconfig/libbus.pc")) as f:
            variables = dict(re.findall(r"(?m)^(\w[\w.]*)[=:] ?(.*)$", f.read()))
        for _ in range(3):
            variables = {k: re.sub(r"\$\{(\w+)\}", lambda m: variables[m.group(1)], v) for k, v in variables.items()}
        flags = [f.replace("/usr", self.root + "/usr") for f in (variables["Cflags"] + " " + variables["Libs"]).split()]
        private = variables["Libs.private"].split()
        version = variables["Version"]
        lib = os.path.join(self.root, "usr/lib")
        for name, more in (("shared", []), ("static", ["-l:libbus.a", *private])):
            program = os.path.join(self.root, name)
            libs = [f for f in flags if f != "-lbus"] + more if more else flags
            subprocess.run(["gcc", source, "-o", program, *libs], check=True)
            done = subprocess.run([program], capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": "" if more else lib})
            self.assertEqual(done.stdout, version + "\n")

    def test_the_abi_is_the_one_that_was_promised(self):
        """tests/cases/libbus.abi names every symbol with its version, and every public structure's size and members. What is there may not change within
        LIBBUS_1; what is new is added to the file (members at the end, before a release even in between)."""
        with open(ABI) as f:
            promised = [line.split() for line in f if line.strip() and not line.startswith("#")]
        out = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", os.path.join(BIN, "libbus.so")], capture_output=True,
                             text=True, check=True).stdout
        symbols = sorted(line.split()[-1] for line in out.splitlines() if "@@" in line and " T " in line)
        self.assertEqual(symbols, sorted(f"{name}@@{version}" for kind, name, version in promised if kind == "symbol"))
        wanted = [(kind, name, int(n)) for kind, name, n in promised if kind in ("size", "offset")]
        lines = [f'printf("%zu\\n", sizeof(struct {name}));' if kind == "size" else
                 'printf("%zu\\n", offsetof(struct {}, {}));'.format(*name.split(".")) for kind, name, _ in wanted]
        source = os.path.join(self.root, "abi.c")
        with open(source, "w") as f:
            f.write('#include "bus.h"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n' + "\n".join(lines) + "\n}\n")
        program = os.path.join(self.root, "abi")
        subprocess.run(["gcc", "-iquote", os.path.join(ROOT, "bus/libbus"), source, "-o", program], check=True)
        got = [int(n) for n in subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()]
        self.assertEqual([(k, name, n) for (k, name, _), n in zip(wanted, got)], wanted)
        with open(os.path.join(ROOT, "bus/libbus/bus.h")) as f:
            header = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        declared = {name for name in re.findall(r"\bstruct (bus_\w+) \{", header)}
        self.assertEqual(declared, {name for kind, name, _ in wanted if kind == "size"})


class Supervisor(unittest.TestCase):
    def test_the_watchdog_hears_of_a_daemon_that_works(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        busd = Busd()
        self.addCleanup(busd.close)
        path = busd.path("notify")
        notify.bind(path)
        notify.settimeout(20)
        busd.env.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="100000")
        busd.start()
        self.assertIn(b"READY=1", notify.recv(4096))
        for _ in range(5):
            self.assertEqual(notify.recv(4096), b"WATCHDOG=1")


if __name__ == "__main__":
    unittest.main()
