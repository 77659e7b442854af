"""The templates of examples/templates, as they would be deployed to AWS, loaded by busd: events are put and arrive."""
import json, os, shutil, unittest

from daemon import ROOT, Busd, eventually
from webhook import Webhook

EXAMPLES = os.path.join(ROOT, "examples", "templates")


def entry(source, detail_type, detail, bus=None):
    e = {"Source": source, "DetailType": detail_type, "Detail": detail}
    return {**e, "EventBusName": bus} if bus else e


PARTNER = """
Parameters:
  Url: {Type: String}
  Key: {Type: String, NoEcho: true}
Resources:
  Partner:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters:
        ApiKeyAuthParameters: {ApiKeyName: x-api-key, ApiKeyValue: !Ref Key}
  Hook:
    Type: AWS::Events::ApiDestination
    Properties:
      ConnectionArn: !GetAtt Partner.Arn
      InvocationEndpoint: !Sub "${Url}/orders/*"
      HttpMethod: POST
  Orders:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets:
        - Id: hook
          Arn: !GetAtt Hook.Arn
          InputPath: $.detail
          HttpParameters: {PathParameterValues: [$.detail.id]}
"""


class Templates(unittest.TestCase):
    def setUp(self):
        self.busd = Busd()
        self.addCleanup(self.busd.close)
        self.templates = self.busd.path("templates")
        shutil.copytree(EXAMPLES, self.templates)
        self.busd.flags += ["--rules", self.templates, "--parameter", "OutDirectory=" + self.busd.dir]

    def put(self, *entries, profile=None):
        answer = self.busd.call("put-events", "--entries", json.dumps(entries), profile=profile)
        self.assertEqual(answer["FailedEntryCount"], 0, answer)

    def lines(self, name, count):
        def enough():
            path = self.busd.path(name)
            if not os.path.exists(path):
                return None
            with open(path) as f:
                got = f.read().splitlines()
            return [json.loads(line) for line in got] if len(got) >= count else None
        return eventually(enough, f"{count} lines in {name}\n{self.busd.log()}")

    def test_a_plain_template(self):
        self.busd.start()
        self.put(entry("com.example.shop", "OrderPlaced", {"id": 1, "total": 250, "customer": "c", "urgent": True}, "orders-dev"),
                 entry("com.example.shop", "OrderPlaced", {"id": 2, "total": 20, "customer": "c"}, "orders-dev"),
                 entry("com.example.shop", "OrderPlaced", {"id": 3, "total": "250", "customer": "c"}, "orders-dev"),
                 entry("com.example.shop", "OrderPlaced", {"id": 4, "total": 100, "customer": "d", "urgent": False}, "orders-dev"))
        bodies = [json.loads(m["Body"])["detail"]["id"] for m in self.busd.drain_queue("large-orders-dev", None)]
        self.assertEqual(sorted(bodies), [1, 4])  # "250" is text, and no number
        records = self.busd.stream("orders-dev", None)
        datas = [r["Data"] if isinstance(r["Data"], dict) else json.loads(r["Data"]) for r in records]
        self.assertEqual(sorted(datas, key=lambda d: d["order"]), [{"order": 1, "paid": 250}, {"order": 4, "paid": 100}])
        self.assertEqual({r["PartitionKey"] for r in records}, {"c", "d"})
        announced = [json.loads(json.loads(m["Body"])["Message"])["detail"]["id"] for m in self.busd.drain_queue("orders-AnnouncedOrders", None)]
        self.assertEqual(sorted(announced), [1, 4])
        urgent = [json.loads(m["Body"])["detail"]["id"] for m in self.busd.drain_queue("orders-UrgentOrders", None)]
        self.assertEqual(urgent, [1])
        redrive = self.busd.call("get-queue-attributes", "--queue-url", "large-orders-dev", "--attribute-names", "All")["Attributes"]["RedrivePolicy"]
        self.assertEqual(json.loads(redrive)["maxReceiveCount"], 5)
        self.assertEqual([r["Name"] for r in self.busd.call("list-rules", "--event-bus-name", "orders-dev")["Rules"]], ["orders-LargeOrders"])
        self.assertNotIn("orders-EveryMorning", self.busd.log())
        self.assertIn("orders.yaml:", self.busd.log())
        self.assertIn("Resources.StreamRole.Type: warning: AWS::IAM::Role means nothing here and is left out: StreamRole", self.busd.log())

    def test_a_serverless_template(self):
        self.busd.start()
        for state in ("running", "pending", "terminated"):
            self.put(entry("aws.ec2", "EC2 Instance State-change Notification", {"instance-id": "i-" + state, "state": state}))
        seen = self.lines("states.jsonl", 1)
        self.assertEqual(seen, [{"function": "instances-OnState", "level": "debug", "table": "instances-Seen",
                                 "detail": {"instance-id": "i-running", "state": "running"}}])
        self.assertEqual(self.lines("terminated.jsonl", 1),
                         [{"function": "instances-OnTerminated", "detail": {"instance-id": "i-terminated", "state": "terminated"}}])
        rule = self.busd.call("describe-rule", "--name", "instances-OnStateNightly")
        self.assertEqual((rule["ScheduleExpression"], rule["State"]), ("rate(1 day)", "DISABLED"))
        target = self.busd.call("list-targets-by-rule", "--rule", "instances-OnStateChanged")["Targets"][0]
        self.assertEqual(target["Arn"], "arn:aws:lambda:us-east-1:000000000000:function:instances-OnState")
        self.assertEqual(target["DeadLetterConfig"]["Arn"], "arn:aws:sqs:us-east-1:000000000000:instances-OnStateChangedQueue")
        self.assertEqual(target["RetryPolicy"]["MaximumRetryAttempts"], 2)

    def test_a_json_template(self):
        self.busd.start()
        good = {"object": {"key": "a.jpg", "size": 6, "version": "5", "public": True}}
        for key, value in (("key", "a.txt"), ("size", 5), ("version", 5), ("public", "true")):
            self.put(entry("aws.s3", "Object Created", {"object": {**good["object"], key: value}}))
        self.put(entry("aws.s3", "Object Created", good), entry("aws.s3", "Object Created", {"object": {**good["object"], "key": "b.png"}}))
        self.assertEqual(sorted(e["key"] for e in self.lines("uploads.jsonl", 2)), ["a.jpg", "b.png"])
        self.assertEqual(len(self.busd.stream("uploads-Uploads", None)), 2)
        self.assertEqual(self.busd.call("describe-rule", "--name", "uploads-images")["State"], "ENABLED")

    def test_another_account_and_other_parameters(self):
        """The same template in an account that a rule file makes; loading again what is there changes nothing."""
        self.busd.write("account.yaml", 'accounts: {"111122223333": {keys: [{id: AKIASHOP, secret: secret-of-the-shop}]}}\n')
        self.busd.write("credentials", "[shop]\naws_access_key_id = AKIASHOP\naws_secret_access_key = secret-of-the-shop\n")
        template = os.path.join(self.templates, "orders.yaml")
        self.busd.flags = ["--rules", self.busd.path("account.yaml"), "--rules", "111122223333=" + template, "--parameter", "orders.Environment=prod",
                           "--parameter", "PartnerAccount=444455556666", "--parameter", "Environment=test"]
        for _ in range(2):
            self.busd.start()
            bus = self.busd.call("describe-event-bus", "--name", "orders-prod", profile="shop")
            policy = json.loads(bus["Policy"])
            self.assertEqual(policy["Statement"], [{"Sid": "partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
                                                    "Action": "events:PutEvents", "Resource": "arn:aws:events:us-east-1:111122223333:event-bus/orders-prod"}])
            stream = self.busd.call("describe-stream-summary", "--stream-name", "orders-prod", profile="shop")["StreamDescriptionSummary"]
            self.assertEqual((stream["OpenShardCount"], stream["RetentionPeriodHours"]), (4, 168))
            self.put(entry("com.example.shop", "OrderPlaced", {"id": 1, "total": 100, "customer": "c"}, "orders-prod"), profile="shop")
            self.assertEqual(len(self.busd.drain_queue("large-orders-prod", "shop")), 1)
            self.busd.stop()

    def test_an_api_destination_with_a_secret_of_the_environment(self):
        hook = Webhook()
        self.addCleanup(hook.close)
        self.busd.env["PARTNER_KEY"] = "the-key-of-the-partner"
        self.busd.flags = ["--rules", self.busd.write("partner.yaml", PARTNER), "--parameter", "Url=" + hook.url, "--parameter", "Key=env:PARTNER_KEY",
                           "--private-destinations", "127.0.0.0/8"]
        for start in range(2):
            self.busd.start()
            self.put(entry("shop", "OrderPlaced", {"id": f"o{start}"}))
            request = hook.wait(start + 1)[start]
            self.assertEqual((request["method"], request["path"], json.loads(request["body"])), ("POST", f"/orders/o{start}", {"id": f"o{start}"}))
            self.assertEqual(request["headers"]["x-api-key"], "the-key-of-the-partner")
            self.busd.stop()
        self.assertNotIn("the-key-of-the-partner", self.busd.log())

    def refused(self, *flags):
        process = self.busd.spawn(*flags)
        self.addCleanup(process.stdout.close)
        status = process.wait(30)
        return status, self.busd.log()

    def test_mistakes_stop_the_start_with_their_places(self):
        self.busd.write("bad.yaml", "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 901}}\n  R:\n    Type: AWS::Events::Rule\n"
                        "    Properties: {EventPattern: {source: [a]}, Targets: [{Id: q, Arn: !GetAtt Qu.Arn}]}\n")
        self.busd.flags = ["--rules", self.busd.path("bad.yaml")]
        status, log = self.refused()
        self.assertEqual(status, 1)
        self.assertIn("bad.yaml:2:57: Resources.Q.Properties.DelaySeconds: a whole number from 0 to 900 is expected here", log)
        self.assertIn("bad.yaml:5:70: Resources.R.Properties.Targets[0].Arn: there is no parameter or resource 'Qu'; did you mean Q?", log)
        self.assertIn("2 mistakes in the rule files; nothing is served", log)

    def test_a_parameter_that_no_template_has(self):
        status, log = self.refused("--parameter", "Nobody=1")
        self.assertEqual(status, 2)
        self.assertIn("no template has the parameter Nobody", log)

    def test_an_account_that_is_not_there(self):
        self.busd.flags = ["--rules", "999900001111=" + os.path.join(self.templates, "uploads.json")]
        status, log = self.refused()
        self.assertEqual(status, 1)
        self.assertIn("uploads.json:11:21: Resources.Uploads.Properties: stream uploads-Uploads of account 999900001111: there is no account 999900001111", log)


if __name__ == "__main__":
    unittest.main()
