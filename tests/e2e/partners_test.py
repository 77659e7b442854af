"""Partner event sources, endpoints and tags on the command line of a real daemon, over a kill."""
import json, unittest

from daemon import Busd, credentials

RULES = """accounts:
  "111122223333":
    name: partner
    keys: [{id: AKIAPARTNER, secret: secret-of-the-partner}]
  "444455556666":
    name: customer
    keys: [{id: AKIACUSTOMER, secret: secret-of-the-customer}]
    queues: {inbox: {}}
    buses:
      default:
        tags: {stage: %s}
        rules:
          all: {pattern: {source: [s]}, tags: {team: shop}}
      orders: {tags: {team: shop, stage: live}}
"""
SOURCE = "aws.partner/crm.example/orders"
ARN = "arn:aws:events:us-east-1:444455556666:"


class Partners(unittest.TestCase):
    def setUp(self):
        self.busd = Busd(rules={"accounts.yaml": RULES % "test"})
        self.addCleanup(self.busd.close)
        self.busd.write("credentials", credentials(partner=("AKIAPARTNER", "secret-of-the-partner"), customer=("AKIACUSTOMER", "secret-of-the-customer")))
        self.busd.start()

    def call(self, who, *arguments):
        return self.busd.busctl(*arguments, profile=who)

    def test_a_partners_events_arrive_over_a_kill(self):
        self.call("partner", "create-partner-event-source", "--name", SOURCE, "--account", "444455556666")
        self.call("customer", "create-event-bus", "--name", SOURCE, "--event-source-name", SOURCE)
        self.call("customer", "put-rule", "--name", "all", "--event-bus-name", SOURCE, "--event-pattern", '{"source": [{"prefix": "aws.partner/"}]}')
        self.call("customer", "put-targets", "--rule", "all", "--event-bus-name", SOURCE, "--targets", "Id=1,Arn=arn:aws:sqs:us-east-1:444455556666:inbox")
        self.call("partner", "put-partner-events", "--entries", f'Source={SOURCE},DetailType=Order,Detail=\'{{"n":1}}\'')
        self.busd.kill()
        self.busd.start()
        self.call("partner", "put-partner-events", "--entries", f'Source={SOURCE},DetailType=Order,Detail=\'{{"n":2}}\'')
        bodies = [json.loads(m["Body"]) for m in self.busd.drain_queue("inbox", "customer")]
        self.assertEqual([b["detail"]["n"] for b in bodies], [1, 2])
        self.assertEqual({(b["source"], b["account"]) for b in bodies}, {(SOURCE, "444455556666")})
        _, stderr = self.busd.busctl("put-partner-events", "--entries", "Source=aws.partner/a/b,DetailType=t,Detail={}", profile="partner", status=3)
        self.assertIn("Event source aws.partner/a/b does not exist.", stderr)
        state = self.busd.call("describe-event-source", "--name", SOURCE, profile="customer")["State"]
        self.assertEqual(state, "ACTIVE")

    def test_events_go_through_an_endpoint(self):
        self.call("customer", "create-endpoint", "--name", "e", "--routing-config",
                  json.dumps({"FailoverConfig": {"Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/a"}, "Secondary": {"Route": "us-west-2"}}}),
                  "--event-buses", f"EventBusArn={ARN}event-bus/orders", "EventBusArn=arn:aws:events:us-west-2:444455556666:event-bus/orders")
        endpoint = self.busd.call("describe-endpoint", "--name", "e", profile="customer")
        self.call("customer", "put-rule", "--name", "all", "--event-bus-name", "orders", "--event-pattern", '{"source": ["s"]}')
        self.call("customer", "put-targets", "--rule", "all", "--event-bus-name", "orders", "--targets", "Id=1,Arn=arn:aws:sqs:us-east-1:444455556666:inbox")
        self.call("customer", "put-events", "--endpoint-id", endpoint["EndpointId"], "--entries", "Source=s,DetailType=t,Detail={}")
        self.assertEqual(len(self.busd.drain_queue("inbox", "customer")), 1)

    def tags(self, name):
        answer = self.busd.call("list-tags-for-resource", "--resource-arn", ARN + name, profile="customer")
        return {t["Key"]: t["Value"] for t in answer["Tags"]}

    def test_tags_of_rule_files_follow_the_file(self):
        self.assertEqual(self.tags("rule/all"), {"team": "shop"})
        self.assertEqual(self.tags("event-bus/orders"), {"team": "shop", "stage": "live"})
        self.assertEqual(self.tags("event-bus/default"), {"stage": "test"})
        self.call("customer", "tag-resource", "--resource-arn", ARN + "event-bus/default", "--tags", "Key=own,Value=1")
        self.assertEqual(self.busd.stop(), 0)
        self.busd.write("accounts.yaml", RULES % "live")
        self.busd.start()
        self.assertEqual(self.tags("event-bus/default"), {"stage": "live", "own": "1"})


if __name__ == "__main__":
    unittest.main()
