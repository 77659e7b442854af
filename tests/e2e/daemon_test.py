"""The daemon as an operator meets it: first start, restarts, refusals, signals, mistakes in files."""
import concurrent.futures, json, os, signal, socket, stat, subprocess, time, unittest

from daemon import Busd, credentials, eventually

EVENT = '[{"Source":"app","DetailType":"t","Detail":{"n":1}}]'


class Daemon(unittest.TestCase):
    def busd(self, *flags, **more):
        busd = Busd(*flags, **more)
        self.addCleanup(busd.close)
        return busd

    def text(self, busd, name):
        with open(os.path.join(busd.data, name)) as f:
            return f.read()

    def refused(self, busd, status=1):
        """A start that must fail: its exit status is checked, stderr returned."""
        process = busd.spawn()
        out, _ = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (status, b""), busd.log())
        return busd.log()

    def test_first_start_in_an_empty_directory_makes_an_account_and_a_key(self):
        busd = self.busd().start()
        self.assertRegex(busd.ready, r"^ready http=\S+ listen=ipc://\S+/bus\.sock$")
        credentials = os.path.join(busd.data, "credentials")
        self.assertEqual(stat.S_IMODE(os.stat(credentials).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(busd.data, "bus.db")).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(busd.data, "bus.sock")).st_mode), 0o600)
        accounts = busd.call("list-accounts")["Accounts"]
        self.assertEqual([a["AccountId"] for a in accounts], ["000000000000"])
        self.assertEqual(busd.call("list-event-buses")["EventBuses"][0]["Arn"], "arn:aws:events:us-east-1:000000000000:event-bus/default")
        before = self.text(busd, "credentials")
        self.assertEqual(busd.stop(), 0)
        busd.start()
        self.assertEqual(self.text(busd, "credentials"), before)
        busd.busctl("put-events", "--entries", EVENT)

    def test_what_was_made_by_hand_is_there_after_a_restart(self):
        busd = self.busd().start()
        busd.busctl("create-event-bus", "--name", "orders", "--description", "of the shop")
        busd.busctl("create-queue", "--queue-name", "q")
        busd.busctl("put-rule", "--name", "r", "--event-bus-name", "orders", "--event-pattern", '{"source":["shop"]}')
        busd.busctl("put-targets", "--rule", "r", "--event-bus-name", "orders", "--targets", "Id=1,Arn=arn:aws:sqs:us-east-1:000000000000:q")
        busd.busctl("put-events", "--entries", '[{"Source":"shop","DetailType":"t","Detail":"{}","EventBusName":"orders"}]')
        self.assertEqual(busd.stop(), 0)
        busd.start()
        self.assertEqual(busd.queue_size("q", None), 1)
        self.assertEqual(busd.call("describe-event-bus", "--name", "orders")["Description"], "of the shop")
        targets = busd.call("list-targets-by-rule", "--rule", "r", "--event-bus-name", "orders")["Targets"]
        self.assertEqual(targets, [{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}])
        busd.busctl("put-events", "--entries", '[{"Source":"shop","DetailType":"t","Detail":"{}","EventBusName":"orders"}]')
        self.assertEqual(busd.queue_size("q", None), 2)

    def test_a_second_busd_on_the_same_directory_is_refused(self):
        busd = self.busd().start()
        log = self.refused(busd)
        self.assertIn(f"in use by another busd, pid {busd.process.pid}", log)
        busd.busctl("put-events", "--entries", EVENT)  # the first one is unharmed

    def test_sigterm_drains_and_tells_systemd(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        busd = self.busd()
        path = busd.path("notify")
        notify.bind(path)
        notify.settimeout(20)
        busd.env["NOTIFY_SOCKET"] = path
        busd.start()
        self.assertIn(b"READY=1", notify.recv(4096))
        self.assertEqual(busd.stop(signal.SIGTERM), 0)
        self.assertIn(b"STOPPING=1", notify.recv(4096))
        self.assertIn("msg=draining", busd.log())

    def test_tcp_and_several_listeners_with_free_ports(self):
        busd = self.busd("--listen", "tcp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0").start()
        self.assertEqual(len(busd.listens), 2)
        for url in busd.listens:
            self.assertRegex(url, r"^tcp://127\.0\.0\.1:[1-9]\d+$")
            busd.busctl("put-events", "--entries", EVENT, endpoint=url)

    def test_tls_with_a_certificate_that_is_trusted_and_one_that_is_not(self):
        busd = self.busd()
        for name in ("good", "other"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout",
                            busd.path(name + ".key"), "-out", busd.path(name + ".pem")], check=True, capture_output=True)
        busd.flags = ["--listen", "tls+tcp://127.0.0.1:0", "--tls-cert", busd.path("good.pem"), "--tls-key", busd.path("good.key")]
        busd.start()
        endpoint = busd.endpoint.replace("127.0.0.1", "localhost")
        busd.busctl("--ca-bundle", busd.path("good.pem"), "put-events", "--entries", EVENT, endpoint=endpoint)
        busd.busctl("--ca-bundle", busd.path("other.pem"), "put-events", "--entries", EVENT, endpoint=endpoint, status=4)
        busd.busctl("put-events", "--entries", EVENT, endpoint=endpoint, status=2)

    def test_unreachable_daemon_is_exit_status_4(self):
        busd = self.busd("--listen", "tcp://127.0.0.1:0").start()
        endpoint = busd.endpoint
        busd.stop()
        _, err = busd.busctl("list-event-buses", status=4, endpoint=endpoint)
        self.assertIn(endpoint, err)

    def test_an_unknown_key_and_a_wrong_secret_are_refused(self):
        busd = self.busd().start()
        busd.write("credentials", "[stranger]\naws_access_key_id = AKIANOBODY\naws_secret_access_key = whatever-it-may-be\n")
        _, err = busd.busctl("list-event-buses", profile="stranger", status=3)
        self.assertIn("UnrecognizedClientException", err)
        real = [line.split("=")[1].strip() for line in self.text(busd, "credentials").splitlines() if line.startswith("aws_access_key_id")][0]
        busd.write("credentials", f"[thief]\naws_access_key_id = {real}\naws_secret_access_key = whatever-it-may-be\n")
        _, err = busd.busctl("list-event-buses", profile="thief", status=3)
        self.assertIn("InvalidSignatureException", err)

    def test_accounts_and_keys_are_for_the_operator(self):
        busd = self.busd().start()
        busd.busctl("create-account", "--account-id", "123456789012", "--name", "team")
        key = busd.call("create-access-key", "--account-id", "123456789012")["AccessKey"]
        busd.write("credentials", f"[team]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n")
        busd.busctl("put-events", "--entries", EVENT, profile="team")
        _, err = busd.busctl("list-accounts", profile="team", status=3)
        self.assertIn("AccessDeniedException", err)
        _, err = busd.busctl("create-access-key", "--account-id", "123456789012", profile="team", status=3)
        self.assertIn("AccessDeniedException", err)
        self.assertNotIn("SecretAccessKey", json.dumps(busd.call("list-access-keys")))
        busd.busctl("delete-access-key", "--access-key-id", key["AccessKeyId"])
        _, err = busd.busctl("put-events", "--entries", EVENT, profile="team", status=3)
        self.assertIn("UnrecognizedClientException", err)
        busd.busctl("delete-account", "--account-id", "123456789012")
        self.assertEqual(len(busd.call("list-accounts")["Accounts"]), 1)

    def test_an_account_goes_with_all_it_has(self):
        busd = self.busd().start()
        made = [["create-queue", "--queue-name", "q"], ["create-stream", "--stream-name", "s"], ["create-topic", "--name", "t"],
                ["create-log-group", "--log-group-name", "l"], ["put-rule", "--name", "r", "--event-pattern", '{"source":["a"]}'],
                ["put-targets", "--rule", "r", "--targets", "Id=1,Arn=arn:aws:sqs:us-east-1:123456789012:q"]]
        for _ in range(2):
            busd.busctl("create-account", "--account-id", "123456789012")
            key = busd.call("create-access-key", "--account-id", "123456789012")["AccessKey"]
            busd.write("credentials", credentials(team=(key["AccessKeyId"], key["SecretAccessKey"])))
            self.assertEqual(busd.call("list-queues", profile="team").get("QueueUrls", []), [])
            self.assertEqual(busd.call("list-rules", profile="team")["Rules"], [])
            for arguments in made:
                busd.busctl(*arguments, profile="team")
            busd.busctl("delete-account", "--account-id", "123456789012")

    def test_a_long_poll_gets_a_message_at_once_and_does_not_hold_up_the_end(self):
        busd = self.busd().start()
        busd.busctl("create-queue", "--queue-name", "q")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            poll = pool.submit(busd.call, "receive-message", "--queue-url", "q", "--wait-time-seconds", "20", "--delete")
            start = time.monotonic()
            while not poll.done():  # the poll may not be waiting yet: then the first one takes it at once
                busd.busctl("send-message", "--queue-url", "q", "--message-body", "hello")
                concurrent.futures.wait([poll], timeout=0.2)
            self.assertEqual(poll.result()["Messages"][0]["Body"], "hello")
            self.assertLess(time.monotonic() - start, 10)
            busd.busctl("purge-queue", "--queue-url", "q")
            poll = pool.submit(busd.call, "receive-message", "--queue-url", "q", "--wait-time-seconds", "20")
            concurrent.futures.wait([poll], timeout=0.3)
            start = time.monotonic()
            self.assertEqual(busd.stop(), 0)
            self.assertLess(time.monotonic() - start, 8)
            self.assertEqual(poll.result().get("Messages", []), [])

    def test_a_key_with_a_policy_can_only_put(self):
        busd = self.busd().start()
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}]}
        key = busd.call("create-access-key", "--account-id", "000000000000", "--policy", json.dumps(policy))["AccessKey"]
        busd.write("credentials", f"[putter]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n")
        busd.busctl("put-events", "--entries", EVENT, profile="putter")
        for verb in (["list-rules"], ["put-rule", "--name", "r", "--event-pattern", '{"source":["a"]}'], ["list-queues"], ["describe-event-bus"]):
            _, err = busd.busctl(*verb, profile="putter", status=3)
            self.assertIn("AccessDeniedException", err, verb)

    def test_a_bad_rule_file_stops_the_start_with_all_its_mistakes(self):
        busd = self.busd(rules={"bad.yaml": (
            "accounts:\n"
            "  \"123\":\n"
            "    buses: {}\n"
            "  \"123456789012\":\n"
            "    bussses: {}\n"
            "    buses:\n"
            "      default:\n"
            "        rules:\n"
            "          r:\n"
            "            pattern: {source: [{prefx: a}]}\n"
            "            targets:\n"
            "              t: {queue: q, retry: {attempts: 1000}}\n")})
        log = self.refused(busd)
        name = busd.path("bad.yaml")
        for place, words in ((f"{name}:2:3: accounts.123:", "12 digits"), (f"{name}:5:5: accounts.123456789012.bussses:", "did you mean buses"),
                             (f"{name}:10:32: accounts.123456789012.buses.default.rules.r.pattern.source[0]:", "Unrecognized match type prefx"),
                             (f"{name}:12:", "accounts.123456789012.buses.default.rules.r.targets.t.retry.attempts")):
            self.assertTrue(any(place in line and words in line for line in log.splitlines()), f"{place} {words}\n{log}")

    def test_what_only_the_engine_knows_is_wrong_stops_the_start_before_anything_is_made(self):
        busd = self.busd(rules={"r.yaml": (
            "accounts:\n"
            "  \"123456789012\":\n"
            "    keys: [{id: AKIATEAM, secret: short}]\n"
            "    buses:\n"
            "      default:\n"
            "        policy: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Principal: \"*\", Action: events:PutEvents, Resource: \"*\",\n"
            "          Condition: {StringIs: {events:source: a}}}]}\n"
            "    queues: {q: {}}\n")})
        log = self.refused(busd)
        self.assertRegex(log, r"r.yaml:3:\d+: .*Member must have length greater than or equal to")
        self.assertRegex(log, r"r.yaml:6:\d+: .*StringIs.*is no condition operator")
        busd.flags = []
        busd.start()
        self.assertEqual([a["AccountId"] for a in busd.call("list-accounts")["Accounts"]], ["000000000000"])

    def test_a_refusal_by_the_engine_has_its_place_too(self):
        busd = self.busd(rules={"r.yaml": (
            "accounts:\n"
            "  \"123456789012\":\n"
            "    buses:\n"
            "      default:\n"
            "        rules:\n"
            "          r:\n"
            "            pattern: {source: [a]}\n"
            "            targets:\n"
            "              t: {arn: \"arn:aws:ecs:us-east-1:123456789012:cluster/c\"}\n")})
        log = self.refused(busd)
        self.assertIn("r.yaml:9:", log)
        self.assertIn("no adapter for service 'ecs'", log)

    def test_configuration_file_and_its_mistakes(self):
        busd = self.busd()
        busd.flags = ["--config", busd.write("busd.yaml", "listen: [\"tcp://127.0.0.1:0\"]\nregion: eu-central-1\nhop-limit: 3\ndurability: normal\n")]
        busd.start()
        self.assertTrue(busd.endpoint.startswith("tcp://"))
        about = busd.call("describe-daemon")
        self.assertEqual((about["Region"], about["HopLimit"], about["Durability"]), ("eu-central-1", 3, "normal"))
        busd.stop()
        busd.write("busd.yaml", "hop-limit: many\nhop_limit: 3\nlisten: {a: b}\n")
        log = self.refused(busd, status=2)
        for words in ("busd.yaml:1:12: hop-limit must be a whole number from 0 to 64, not 'many'", "busd.yaml:2:", "busd.yaml:3:"):
            self.assertIn(words, log)

    def test_rule_files_can_be_loaded_again_and_again(self):
        text = ("accounts:\n"
                "  \"123456789012\":\n"
                "    keys: [{id: AKIATEAM, secret: secret-of-the-team}]\n"
                "    buses: {default: {rules: {r: {pattern: {source: [app]}, targets: {q: {queue: q}, l: {log: audit}, s: {stream: s}}}}}, extra: {description: d}}\n"
                "    queues: {q: {visibility-timeout-seconds: 10}, dead: {}}\n"
                "    streams: {s: {}}\n"
                "    topics: {t: {subscriptions: [{queue: q}]}}\n"
                "    functions: {f: {command: [/bin/cat]}}\n"
                "    logs: {audit: {}}\n")
        busd = self.busd(rules={"team.yaml": text})
        busd.write("credentials", "[team]\naws_access_key_id = AKIATEAM\naws_secret_access_key = secret-of-the-team\n")
        for start in range(3):
            busd.start()
            busd.busctl("put-events", "--entries", EVENT, profile="team")
            self.assertEqual(busd.queue_size("q", "team"), start + 1)
            self.assertEqual(len(busd.call("list-subscriptions", profile="team")["Subscriptions"]), 1)
            self.assertEqual(busd.stop(), 0)
        with open(os.path.join(busd.data, "logs", "123456789012-audit.jsonl")) as log:
            self.assertEqual(len(log.readlines()), 3)

    def test_a_failing_function_is_retried_and_then_dead_lettered(self):
        rules = ("accounts:\n"
                 "  \"123456789012\":\n"
                 "    keys: [{id: AKIATEAM, secret: secret-of-the-team}]\n"
                 "    buses: {default: {rules: {r: {pattern: {source: [app]}, targets: {f: {function: f, dead-letter: dead, retry: {attempts: 2}}}}}}}\n"
                 "    queues: {dead: {}}\n"
                 "    functions: {f: {command: [./fail.sh]}}\n")
        busd = self.busd("--retry-base-ms", "20", rules={"team.yaml": rules})
        busd.write("fail.sh", "#!/bin/sh\ncat >>\"$(dirname \"$0\")/seen\"\necho no luck >&2\nexit 3\n", 0o755)
        busd.write("credentials", "[team]\naws_access_key_id = AKIATEAM\naws_secret_access_key = secret-of-the-team\n")
        busd.start()
        busd.busctl("put-events", "--entries", EVENT, profile="team")
        letters = eventually(lambda: busd.drain_queue("dead", "team"), "a dead letter")
        a = {k: v["StringValue"] for k, v in letters[0]["MessageAttributes"].items()}
        self.assertEqual((a["ERROR_CODE"], a["RETRY_ATTEMPTS"], a["EXHAUSTED_RETRY_CONDITION"]), ("ERROR_FROM_TARGET", "2", "MaximumRetryAttempts"))
        self.assertEqual(json.loads(letters[0]["Body"])["detail"], {"n": 1})
        with open(busd.path("seen")) as seen:
            self.assertEqual(len(seen.readlines()), 3)
        self.assertEqual(busd.counters()["PendingDeliveries"], 0)

    def test_pending_deliveries_survive_a_restart(self):
        rules = ("accounts:\n"
                 "  \"123456789012\":\n"
                 "    keys: [{id: AKIATEAM, secret: secret-of-the-team}]\n"
                 "    buses: {default: {rules: {r: {pattern: {source: [app]}, targets: {f: {function: f}}}}}}\n"
                 "    functions: {f: {command: [./take.sh]}}\n")
        busd = self.busd("--retry-base-ms", "50", "--retry-cap-ms", "200", rules={"team.yaml": rules})
        busd.write("take.sh", "#!/bin/sh\nexit 1\n", 0o755)
        busd.write("credentials", "[team]\naws_access_key_id = AKIATEAM\naws_secret_access_key = secret-of-the-team\n")
        busd.start()
        busd.busctl("put-events", "--entries", EVENT, profile="team")
        eventually(lambda: busd.counters()["InvocationsFailed"] >= 1, "a failed attempt")
        busd.kill()
        busd.write("take.sh", "#!/bin/sh\ncat >>\"$(dirname \"$0\")/taken\"\n", 0o755)
        busd.start()
        eventually(lambda: os.path.exists(busd.path("taken")) and busd.counters()["PendingDeliveries"] == 0, "the delivery after the restart")
        with open(busd.path("taken")) as taken:
            self.assertEqual(len(taken.readlines()), 1)


if __name__ == "__main__":
    unittest.main()
