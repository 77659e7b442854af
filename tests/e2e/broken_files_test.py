"""Files that are wrong: `busctl validate` tells each mistake at its place, within time and memory. The files of tests/cases/broken with what is to be
said of them, and large ones that are made here: none takes more than 200 MB or a few seconds."""
import os, resource, subprocess, tempfile, time, unittest

from daemon import BIN, ROOT, Busd

FOLDER = os.path.join(ROOT, "tests", "cases", "broken")
MEMORY_BYTES = 200_000_000
SECONDS = 20  # on a busy machine; alone it is under one
SIZE = 10 << 20


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def validate(path, *more):
    """Exit status, lines on stdout, stderr, seconds, peak memory in bytes."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([os.path.join(BIN, "busctl"), "validate", path, *more], stdout=out, stderr=err, preexec_fn=limit)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return process.returncode, out.read().splitlines(), err.read(), time.monotonic() - start, usage.ru_maxrss * 1024


RELEASE = os.environ.get("MODE", "release") == "release"


@unittest.skipUnless(os.environ.get("MODE", "release") == "release", "it runs what was built for release: once is enough")
class Checked(unittest.TestCase):
    def check(self, path, *more):
        status, lines, err, seconds, memory = validate(path, *more)
        self.assertEqual((status, err), (3, ""), f"{path}: {lines[:3]}")
        self.assertLess(seconds, SECONDS, path)
        self.assertLess(memory, MEMORY_BYTES, path)
        return lines


@unittest.skipUnless(RELEASE, "busctl is the same one in every mode")
class BrokenFiles(Checked):
    def test_each_file_of_the_folder(self):
        names = sorted(n for n in os.listdir(FOLDER) if not n.endswith(".expect"))
        self.assertGreaterEqual(len(names), 100)
        for name in names:
            path = os.path.join(FOLDER, name)
            with open(os.path.splitext(path)[0] + ".expect") as f:
                wanted = f.read().splitlines()
            with self.subTest(name):
                lines = [line[len(path) + 1:] for line in self.check(path) if "more" not in line.split(" ")[-1]]
                self.assertEqual(lines, wanted)

    def test_files_that_are_not_there(self):
        for path, what in (("/nowhere/rules.yaml", "/nowhere/rules.yaml"), (ROOT + "/tests/cases/policy/", "has no file that ends in")):
            status, lines, err, _, _ = validate(path)
            self.assertEqual((status, lines), (2, []))
            self.assertIn(what, err)


@unittest.skipUnless(RELEASE, "busctl is the same one in every mode")
class LargeFiles(Checked):
    """10 MB of each kind that is known to hurt readers."""

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def of(self, name, *pieces):
        path = os.path.join(self.dir.name, name)
        with open(path, "wb") as f:
            for piece in pieces:
                f.write(piece if isinstance(piece, bytes) else piece.encode())
        self.assertGreaterEqual(os.path.getsize(path), SIZE)
        return [line[len(path) + 1:] for line in self.check(path)]

    def test_a_list_of_millions(self):
        lines = self.of("list.yaml", "accounts:\n", "- a\n" * (SIZE // 4))
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^\d+:\d+: the file takes too much memory from here on; split it$")

    def test_a_map_of_millions(self):
        lines = self.of("map.yaml", "accounts:\n", *(f"  k{i}: 1\n" for i in range(SIZE // 9)))
        self.assertRegex(lines[0], r"^\d+:\d+: the file takes too much memory from here on; split it$")

    def test_brackets(self):
        self.assertRegex(self.of("brackets.yaml", "accounts: ", "[" * SIZE)[0], r"^1:211: accounts\[0\].*more than 200 levels$")
        self.assertRegex(self.of("brackets.json", '{"Resources": ', "[" * SIZE)[0], r"^1:1014: this is not JSON: .*at most 1000 levels of nesting$")

    def test_one_text(self):
        lines = self.of("text.yaml", 'accounts: "', "x" * SIZE, '"\n')
        self.assertEqual(lines, ["1:11: accounts: a mapping of names is expected here"])
        lines = self.of("open.yaml", 'accounts: "', "x" * SIZE)
        self.assertRegex(lines[0], r"^1:\d+: this is not YAML: found unexpected end of stream, while scanning a quoted scalar")

    def test_zeros_and_noise(self):
        self.assertEqual(self.of("zeros.yaml", b"\0" * SIZE), ["1:1: this is a binary file (byte 0x00); a rule file or template is UTF-8 text"])
        self.assertRegex(self.of("noise.json", bytes((i * i * 31 + i * 7) % 256 for i in range(4096)) * (SIZE // 4096))[0], "^1:[12]: ")

    def test_a_text_file_with_one_bad_byte_at_its_end(self):
        lines = self.of("end.yaml", "# comment\n" * (SIZE // 10), b"\xe9\n")
        self.assertEqual(lines, [f"{SIZE // 10 + 1}:1: byte 0xE9 is no UTF-8; if the file is Latin-1 or Windows-1252, save it as UTF-8"])

    def test_json_numbers(self):
        lines = self.of("numbers.json", '{"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Metadata": [1', ",1" * (SIZE // 2), "]}}}\n")
        self.assertRegex(lines[0], r"^\d+:\d+: the file takes too much memory")

    def test_anchors(self):
        lines = self.of("anchors.yaml", "accounts: &a [x]\n", *(f"a{i}: *a\n" for i in range(SIZE // 10)))
        self.assertIn("1:11: accounts: anchors are not supported; write the value out", lines)
        self.assertTrue(any("takes too much memory" in line or "more" in line for line in lines), lines[-3:])

    def test_a_template_of_resources(self):
        lines = self.of("resources.yaml", "Resources:\n", *(f"  R{i}: {{Type: AWS::SQS::Queue, DependsOn: R{i + 1}}}\n" for i in range(SIZE // 48)), "  X: 1\n")
        self.assertTrue(lines and all(line[0].isdigit() or "more" in line for line in lines), lines[:3])

    def test_values_that_grow(self):
        """A megabyte of text, put together again and again."""
        doubled = "".join(f"  O{i}: {{Value: !Join ['', [{', '.join(['!Ref P'] * 64)}]]}}\n" for i in range(500))
        lines = self.of("growing.yaml", "Parameters: {P: {Type: String, Default: ", "x" * (1 << 19), "}}\nResources: {}\nOutputs:\n", doubled, "# " + "x" * SIZE)
        self.assertTrue(lines)
        self.assertRegex(lines[0], r"the text that Join makes is longer than 1048576 bytes|too much memory")


class Daemon(unittest.TestCase):
    def test_a_daemon_says_the_same(self):
        busd = Busd()
        self.addCleanup(busd.close)
        busd.flags = ["--rules", busd.write("big.yaml", "accounts:\n" + "- a\n" * (SIZE // 4)), "--rules", FOLDER]
        process = busd.spawn()
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.wait(60), 1)
        log = busd.log()
        self.assertRegex(log, r"big.yaml:\d+:\d+: the file takes too much memory from here on; split it")
        self.assertIn("syntax-tab.yaml:3:1: a tab cannot indent in YAML; use blanks", log)
        self.assertRegex(log, r"\d+ mistakes in the rule files; nothing is served")


if __name__ == "__main__":
    unittest.main()
