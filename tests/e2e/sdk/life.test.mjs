// The life of EventBridge's resources with AWS's SDK for JavaScript, against the busd at BUSD_ENDPOINT. Run by tests/e2e/sdk_test.py.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import * as eb from "@aws-sdk/client-eventbridge";

const endpoint = process.env.BUSD_ENDPOINT;
const client = new eb.EventBridgeClient({ endpoint, region: "us-east-1" }); // credentials: the file that busd writes
const arn = (tail) => `arn:aws:events:us-east-1:000000000000:${tail}`;
const queue = "arn:aws:sqs:us-east-1:000000000000:sdk";
const send = (name, input = {}) => client.send(new eb[`${name}Command`](input));
const refused = (promise, kind, message) =>
  assert.rejects(promise, (error) => {
    if (kind) assert.equal(error.name, kind, error.message);
    if (eb[kind]) assert.ok(error instanceof eb[kind]);
    assert.match(error.message, message);
    assert.equal(error.$fault, "client");
    assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
    return true;
  });

after(() => client.destroy());

test("a bus, its policy and tags", async () => {
  const made = await send("CreateEventBus", { Name: "sdk", Description: "caf\u00e9", Tags: [{ Key: "team", Value: "shop" }] });
  assert.equal(made.EventBusArn, arn("event-bus/sdk"));
  await refused(send("CreateEventBus", { Name: "sdk" }), "ResourceAlreadyExistsException", /^Event bus sdk already exists\.$/);
  await send("PutPermission", { EventBusName: "sdk", Action: "events:PutEvents", Principal: "111122223333", StatementId: "work" });
  const shown = await send("DescribeEventBus", { Name: "sdk" });
  assert.equal(shown.Description, "caf\u00e9");
  assert.ok(shown.CreationTime instanceof Date && Math.abs(Date.now() - shown.CreationTime) < 600000);
  assert.deepEqual(JSON.parse(shown.Policy).Statement[0].Principal, { AWS: "arn:aws:iam::111122223333:root" });
  await send("TagResource", { ResourceARN: arn("event-bus/sdk"), Tags: [{ Key: "stage", Value: "test" }] });
  await send("UntagResource", { ResourceARN: arn("event-bus/sdk"), TagKeys: ["team"] });
  assert.deepEqual((await send("ListTagsForResource", { ResourceARN: arn("event-bus/sdk") })).Tags, [{ Key: "stage", Value: "test" }]);
  await send("RemovePermission", { EventBusName: "sdk", StatementId: "work" });
  assert.equal((await send("DescribeEventBus", { Name: "sdk" })).Policy, undefined);
  await send("UpdateEventBus", { Name: "sdk", Description: "new" });
  assert.deepEqual((await send("ListEventBuses", { NamePrefix: "sd" })).EventBuses.map((b) => [b.Name, b.Description]), [["sdk", "new"]]);
  await send("DeleteEventBus", { Name: "sdk" });
  await refused(send("DescribeEventBus", { Name: "sdk" }), "ResourceNotFoundException", /^Event bus sdk does not exist\.$/);
});

test("a rule, its targets and events", async () => {
  const EventPattern = JSON.stringify({ source: ["sdk.life"], detail: { total: [{ numeric: [">", 100] }] } });
  assert.equal((await send("PutRule", { Name: "large", EventPattern })).RuleArn, arn("rule/large"));
  const InputTransformer = { InputPathsMap: { n: "$.detail.total", t: "$.time" }, InputTemplate: '{"paid": <n>, "at": <t>}' };
  const Targets = [{ Id: "1", Arn: queue, InputTransformer, RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60 } }];
  assert.equal((await send("PutTargets", { Rule: "large", Targets })).FailedEntryCount, 0);
  assert.deepEqual((await send("ListTargetsByRule", { Rule: "large" })).Targets, Targets);
  assert.deepEqual((await send("ListRuleNamesByTarget", { TargetArn: queue })).RuleNames, ["large"]);
  const Time = new Date("2026-05-01T12:00:00Z");
  const entry = (total, more = {}) => ({ Source: "sdk.life", DetailType: "Order", Detail: JSON.stringify({ total, name: "\u20ac \ud83d\ude00" }), Time, ...more });
  const put = await send("PutEvents", { Entries: [entry(50), entry(150), entry(1, { Detail: "[]" }), entry(1, { EventBusName: "nowhere" })] });
  assert.equal(put.FailedEntryCount, 2);
  assert.deepEqual(put.Entries.map((e) => e.ErrorCode), [undefined, undefined, "MalformedDetail", "ResourceNotFoundException"]);
  await refused(send("PutEvents", { Entries: Array(11).fill(entry(1)) }), "ValidationException", /Member must have length less than or equal to 10$/);
  await send("DisableRule", { Name: "large" });
  assert.equal((await send("DescribeRule", { Name: "large" })).State, "DISABLED");
  await send("EnableRule", { Name: "large" });
  await refused(send("DeleteRule", { Name: "large" }), "ValidationException", /^Rule can't be deleted since it has targets\.$/);
});

test("a connection and an API destination", async () => {
  const AuthParameters = { ApiKeyAuthParameters: { ApiKeyName: "x-key", ApiKeyValue: "never-shown-again" } };
  const { ConnectionArn } = await send("CreateConnection", { Name: "sdk", AuthorizationType: "API_KEY", AuthParameters });
  const shown = await send("DescribeConnection", { Name: "sdk" });
  assert.equal(shown.ConnectionState, "AUTHORIZED");
  assert.deepEqual(shown.AuthParameters, { ApiKeyAuthParameters: { ApiKeyName: "x-key" } });
  assert.ok(shown.LastAuthorizedTime instanceof Date);
  const InvocationEndpoint = "https://example.com/a/*";
  const { ApiDestinationArn } = await send("CreateApiDestination", { Name: "sdk", ConnectionArn, InvocationEndpoint, HttpMethod: "POST" });
  assert.deepEqual((await send("ListApiDestinations", { NamePrefix: "sd" })).ApiDestinations.map((d) => d.ApiDestinationArn), [ApiDestinationArn]);
  assert.equal((await send("DescribeApiDestination", { Name: "sdk" })).InvocationEndpoint, InvocationEndpoint);
  await send("UpdateApiDestination", { Name: "sdk", HttpMethod: "PUT" });
  await send("DeleteApiDestination", { Name: "sdk" });
  await send("DeauthorizeConnection", { Name: "sdk" });
  await send("DeleteConnection", { Name: "sdk" });
  await refused(send("DescribeConnection", { Name: "sdk" }), "ResourceNotFoundException", /Connection 'sdk' does not exist\.$/);
});

test("many requests at once over a few connections", async () => {
  const one = (i) => send("PutEvents", { Entries: [{ Source: "sdk.many", DetailType: "t", Detail: JSON.stringify({ i }) }] });
  const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => one(i)));
  assert.equal(answers.reduce((failed, a) => failed + a.FailedEntryCount, 0), 0);
  assert.equal(new Set(answers.map((a) => a.Entries[0].EventId)).size, 300);
});

test("pages", async () => {
  const names = Array.from({ length: 7 }, (_, i) => `page-${i}`);
  for (const Name of names) await send("PutRule", { Name, EventPattern: '{"source":["page"]}', State: "DISABLED" });
  const seen = [];
  let NextToken;
  do {
    const page = await send("ListRules", { NamePrefix: "page-", Limit: 3, NextToken });
    assert.ok(page.Rules.length <= 3);
    seen.push(...page.Rules.map((r) => r.Name));
    NextToken = page.NextToken;
  } while (NextToken);
  assert.deepEqual(seen, names);
  await refused(send("ListRules", { NextToken: "nonsense" }), undefined, /NextToken/);
  for (const Name of names) await send("DeleteRule", { Name });
});

test("a pattern is tried", async () => {
  const Event = JSON.stringify({ id: "1", account: "0", source: "shop", time: "2026-05-01T00:00:00Z", region: "r", "detail-type": "t", detail: { n: 1 } });
  const result = async (pattern) => (await send("TestEventPattern", { EventPattern: JSON.stringify(pattern), Event })).Result;
  assert.equal(await result({ detail: { n: [{ numeric: ["=", 1] }] } }), true);
  assert.equal(await result({ source: [{ "anything-but": "shop" }] }), false);
  await refused(result({ source: "shop" }), "InvalidEventPatternException", /^Event pattern is not valid\. Reason: /);
});

test("what is not signed rightly is refused", async () => {
  const by = (credentials) => new eb.EventBridgeClient({ endpoint, region: "us-east-1", credentials }).send(new eb.ListEventBusesCommand({}));
  await refused(by({ accessKeyId: "AKIANOBODY", secretAccessKey: "x" }), "UnrecognizedClientException", /security token/);
  const own = await client.config.credentials();
  await refused(by({ ...own, secretAccessKey: "x" }), "InvalidSignatureException", /signature we calculated does not match/);
  assert.ok((await by({ ...own, sessionToken: "ignored" })).EventBuses.length);
});
