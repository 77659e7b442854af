"""Why did a rule not match: busctl explain with and without a daemon, and the warnings of put-rule, the daemon's log and validate."""
import json, os, subprocess, unittest

from daemon import BIN, Busd

PATTERN = {"source": ["shop"], "detail-type": ["OrderPlaced"], "detail": {"total": [{"numeric": [">=", 100]}]}}
ENTRY = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": {"total": 250}}


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bus = Busd().start()
        cls.addClassCleanup(cls.bus.close)
        cls.bus.busctl("put-rule", "--name", "large", "--event-pattern", json.dumps(PATTERN))
        cls.bus.busctl("put-rule", "--name", "paid", "--event-pattern", '{"source": ["shop"], "detail": {"state": ["paid"]}}')
        cls.bus.busctl("put-rule", "--name", "bank", "--event-pattern", '{"source": ["bank"]}')

    def offline(self, *arguments, status, stdin=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_"))}
        done = subprocess.run([os.path.join(BIN, "busctl"), "explain", *arguments], input=stdin, capture_output=True, text=True, timeout=30, env=env)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def test_one_rule(self):
        event = self.bus.write("small.json", json.dumps({**ENTRY, "Detail": {"total": "250"}}))
        out, _ = self.bus.busctl("explain", "--rule", "large", "--event", event, status=1)
        self.assertEqual(out.splitlines()[0], "no match")
        self.assertIn('  ok    source: wanted "shop"; had "shop"\n', out)
        self.assertIn('  MISS  detail.total: wanted a number >= 100; had the string "250" (a string is never matched by numeric)\n', out)
        self.assertIn("filled in as PutEvents does: version, id, account, time, region, resources\n", out)
        out, _ = self.bus.busctl("explain", "--rule", "large", "--event-bus-name", "default", "--event", "-", stdin=json.dumps(ENTRY))
        self.assertEqual(out.splitlines()[0], "match")

    def test_json_is_the_answer(self):
        out, _ = self.bus.busctl("--output", "json", "explain", "--rule", "paid", "--event", '{"source":"shop","detail":{"State":"paid"}}', status=1)
        answer = json.loads(out)
        self.assertEqual((answer["Result"], answer["State"]), (False, "ENABLED"))
        field = answer["Explanation"]["Branches"][0]["Fields"][1]
        self.assertEqual((field["Path"], field["Code"], field["Hint"]),
                         ("detail.state", "NoField", "the event has detail.State: upper and lower case differ"))

    def test_all_rules(self):
        out, _ = self.bus.busctl("explain", "--event", json.dumps({**ENTRY, "Detail": {"total": 250, "state": "pade"}}))
        lines = out.splitlines()
        self.assertEqual(lines[:3], ["1 of 3 rules match:", "  large", "closest of the others (2):"])
        self.assertTrue(lines[3].startswith('  paid: detail.state: wanted "paid"; had "pade"'), out)
        self.assertTrue(lines[4].startswith('  bank: source: wanted "bank"; had "shop"'), out)
        out, _ = self.bus.busctl("explain", "--event", '{"source":"none"}', "--closest", "1", status=1)
        self.assertEqual(out.splitlines()[0], "0 of 3 rules match")

    def test_without_a_daemon(self):
        pattern = self.bus.write("pattern.json", json.dumps(PATTERN))
        event = self.bus.write("event.json", json.dumps(ENTRY))
        self.assertTrue(self.offline("--pattern", pattern, "--event", event, status=0)[0].startswith("match\n"))
        out, _ = self.offline("--pattern", '{"detail":{"i":{"a":[1],"b":[2]}}}', "--event", "-", status=1,
                              stdin='{"detail":{"i":[{"a":1,"b":1},{"a":2,"b":2}]}}')
        self.assertIn("not in the same element: detail.i.a matches in detail.i[0].a; detail.i.b matches in detail.i[1].b", out)
        out, _ = self.offline("--pattern", pattern, "--event", event, "--output", "json", status=0)
        self.assertIs(json.loads(out)["Explanation"]["Matched"], True)

    def test_exit_codes(self):
        for arguments in ([], ["--rule", "x"], ["--event", "{}", "--closest", "x"], ["--event", "{}", "--pattern", "{}", "--rule", "x"],
                          ["--event", "/nowhere", "--pattern", "{}"], ["--nonsense"]):
            self.offline(*arguments, status=2)
        _, err = self.offline("--pattern", '{"a":5}', "--event", "{}", status=3)
        self.assertIn("InvalidEventPatternException", err)
        _, err = self.offline("--pattern", '{"a":[5]}', "--event", "[]", status=3)
        self.assertIn("Parameter Event is not valid", err)
        _, err = self.bus.busctl("explain", "--rule", "none", "--event", "{}", status=3)
        self.assertIn("Rule none does not exist", err)
        self.bus.busctl("explain", "--event", "{}", status=4, endpoint="ipc://" + self.bus.path("nobody.sock"))

    def test_terminal_is_not_steered(self):
        out, _ = self.bus.busctl("explain", "--event", json.dumps({"source": "\x1b[2J", "detail": {"\x1b]0;x": 1}}), status=1)
        self.assertNotIn("\x1b", out)

    def test_disabled_rule_says_so(self):
        self.bus.busctl("put-rule", "--name", "off", "--state", "DISABLED", "--event-pattern", '{"source": ["off"]}')
        out, _ = self.bus.busctl("explain", "--rule", "off", "--event", '{"source":"off"}')
        self.assertEqual(out.splitlines()[0], "match (the rule is DISABLED: it takes no event)")
        self.bus.busctl("delete-rule", "--name", "off")


class Lint(unittest.TestCase):
    def setUp(self):
        self.bus = Busd().start()
        self.addCleanup(self.bus.close)

    def put_rule(self, name, pattern, bus="default"):
        out, err = self.bus.busctl("put-rule", "--name", name, "--event-bus-name", bus, "--event-pattern", json.dumps(pattern))
        self.assertIn("rule/", out)
        self.assertNotIn("Warnings", out)
        return err

    def test_warnings_of_put_rule(self):
        self.assertEqual(self.put_rule("good", {"source": ["shop"], "detail-type": ["OrderPlacd"]}), "")
        self.assertIn("busctl: put-rule: warning: UnknownField: detailType: ", self.put_rule("odd", {"detailType": ["x"]}))
        self.assertIn('msg="a rule looks wrong"', self.bus.log())
        err = self.put_rule("again", {"detail-type": ["OrderPlacd"], "source": ["shop"]})
        self.assertIn("SamePattern: rule good of this bus takes exactly the same events", err)
        self.bus.busctl("put-events", "--entries", json.dumps([ENTRY]))
        err = self.put_rule("good", {"source": ["shop"], "detail-type": ["OrderPlacd"]})
        self.assertIn('UnseenValue: detail-type: this bus has seen no event with the detail-type "OrderPlacd", but with "OrderPlaced"', err)
        err = self.put_rule("typed", {"source": ["shop"], "detail": {"total": ["250"]}})
        self.assertIn("TypeDiffers: detail.total: the pattern wants a string, but in recent events", err)
        answer = self.bus.call("put-rule", "--name", "typed", "--event-pattern", '{"account": ["1"]}')
        self.assertEqual([w["Code"] for w in answer["Warnings"]], ["NeverMatches", "RuleNeverMatches"])

    def test_each_bus_has_seen_its_own(self):
        self.bus.busctl("create-event-bus", "--name", "quiet")
        self.bus.busctl("put-events", "--entries", json.dumps([ENTRY]))
        self.assertEqual(self.put_rule("r", {"source": ["shopp"]}, bus="quiet"), "")
        self.assertIn("UnseenValue", self.put_rule("r", {"source": ["shopp"]}))

    def test_validate_warns_with_the_place(self):
        path = self.bus.write("odd.yml", 'accounts:\n  "111122223333":\n    buses:\n      default:\n        rules:\n          a:\n'
                              '            pattern:\n              source: [shop]\n              account: [111122223333]\n')
        out, _ = self.bus.busctl("validate", path)
        self.assertIn(f"{path}:9:24: accounts.111122223333.buses.default.rules.a.pattern.account: warning: NeverMatches: ", out)


if __name__ == "__main__":
    unittest.main()
