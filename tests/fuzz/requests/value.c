#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENTS "arn:aws:events:us-east-1:000000000000:"
#define EVENT                                                                                                                              \
    "{\"id\":\"1\",\"account\":\"0\",\"source\":\"s\",\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"r\",\"resources\":[],\"detail-"       \
    "type\":\"t\","                                                                                                                        \
    "\"detail\":{\"n\":1,\"s\":\"x\"}}"
#define ALLOW                                                                                                                              \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:PutEvents\","

/* Words by the member's name, or by the shape's. Nothing here names the daemon's own account or key, a host beside this machine's closed
 * port 9, or a program that does anything. */
static const struct words {
    const char *name;
    const char *const *list;
} words[] = {
#define WORDS(name_, ...)                                                                                                                  \
    {                                                                                                                                      \
        name_, (const char *const[]) { __VA_ARGS__, NULL }                                                                                 \
    }
    WORDS("EventBusNameOrArn", "default", "a", "b", EVENTS "event-bus/default", EVENTS "event-bus/a"),
    WORDS("EventBusName", "default", "a", "b"),
    WORDS("RuleName", "a", "b", "c"),
    WORDS("AccountId", "111122223333", "222233334444"),
    WORDS("AccessKeyId", "AKIAFUZZ1", "AKIAFUZZ2"),
    WORDS("SecretAccessKey", "secret-of-nobody-at-all", "another-secret-of-nobody"),
    WORDS("Principal", "111122223333", "*"),
    WORDS("Action", "events:PutEvents", "events:PutRule"),
    WORDS("EventPattern", "{\"source\":[\"s\"]}", "{\"detail\":{\"n\":[{\"numeric\":[\">\",0]}]}}",
          "{\"detail\":{\"s\":[{\"wildcard\":\"a*b\"}]}}", "{\"$or\":[{\"source\":[\"s\"]},{\"detail-type\":[{\"anything-but\":\"t\"}]}]}",
          "{\"source\":[{\"exists\":true}]}", "{\"source\":\"s\"}"),
    WORDS("ScheduleExpression", "rate(1 day)", "cron(0 12 * * ? *)", "rate(2 hours)", "rate(1 days)"),
    WORDS("Event", EVENT, "{}"),
    WORDS("ExplainedEvent", EVENT, "{}"),
    WORDS("Detail", "{}", "{\"n\":1,\"s\":\"x\"}", "{\"list\":[1,{\"k\":null}],\"deep\":{\"a\":{\"b\":[[]]}}}", "[]"),
    WORDS("Source", "s", "shop", "aws.x"),
    WORDS("DetailType", "t", "Order made"),
    WORDS("Resources", "r", EVENTS "rule/a"),
    WORDS("TraceHeader", "Root=1-67891233-abcdef012345678912345678"),
    WORDS("Input", "{\"constant\":1}", "\"text\"", "5", "{"),
    WORDS("TargetInputPath", "$", "$.detail", "$.detail.n", "$.resources[0]", "$.detail.list[*]", "detail"),
    WORDS("InputTransformerPathKey", "n", "s", "all"),
    WORDS("InputTemplate", "{\"n\": <n>}", "\"text <s>\"", "{\"e\": <aws.events.event>, \"r\": <aws.events.rule-arn>}",
          "<aws.events.event.json>", "<unknown>"),
    WORDS("TargetArn", "arn:aws:sqs:us-east-1:000000000000:a", "arn:aws:sqs:us-east-1:000000000000:a.fifo",
          "arn:aws:kinesis:us-east-1:000000000000:stream/a", "arn:aws:sns:us-east-1:000000000000:a",
          "arn:aws:lambda:us-east-1:000000000000:function:a", "arn:aws:logs:us-east-1:000000000000:log-group:a", EVENTS "event-bus/b",
          "arn:aws:events:us-east-1:111122223333:event-bus/default", "arn:aws:ecs:us-east-1:000000000000:cluster/a"),
    WORDS("Arn", "arn:aws:sqs:us-east-1:000000000000:a", EVENTS "rule/a", EVENTS "event-bus/a", EVENTS "event-bus/default"),
    WORDS("ResourceARN", EVENTS "rule/a", EVENTS "event-bus/a", EVENTS "event-bus/default", EVENTS "rule/b/a"),
    WORDS("EventSourceArn", EVENTS "event-bus/default", EVENTS "event-bus/a", EVENTS "archive/a"),
    WORDS("Destination", EVENTS "event-bus/default"),
    WORDS("RoleArn", "arn:aws:iam::000000000000:role/r"),
    WORDS("PolicyDocument", "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"),
    WORDS("Policy", ALLOW "\"Resource\":\"" EVENTS "event-bus/default\"}]}", ALLOW "\"Resource\":\"" EVENTS "event-bus/a\"}]}"),
    WORDS("ConnectionArn", EVENTS "connection/a/00000000-0000-0000-0000-000000000000"),
    WORDS("HttpsEndpoint", "https://127.0.0.1:9/a", "https://127.0.0.1:9/*/b?c=d"),
    WORDS("ApiKeyName", "x-key"),
    WORDS("EventSourceName", "aws.partner/a/b"),
    WORDS("TopicARN", "arn:aws:sns:us-east-1:000000000000:a", "arn:aws:sns:us-east-1:000000000000:a.fifo"),
    WORDS("TopicName", "a", "a.fifo"),
    WORDS("Endpoint", "arn:aws:sqs:us-east-1:000000000000:a", "http://127.0.0.1:9/", "a@example.com",
          "arn:aws:lambda:us-east-1:000000000000:function:a"),
    WORDS("QueueName", "a", "b", "a.fifo"),
    WORDS("QueueUrl", "a", "b", "a.fifo", "http://127.0.0.1:4566/000000000000/a"),
    WORDS("StreamName", "a", "b"),
    WORDS("StreamARN", "arn:aws:kinesis:us-east-1:000000000000:stream/a"),
    WORDS("ShardId", "shardId-000000000000", "shardId-000000000001"),
    WORDS("SequenceNumber", "0", "49545115243490985018280067714973144582180062593244200961"),
    WORDS("HashKey", "0", "340282366920938463463374607431768211455"),
    WORDS("FunctionName", "a", "b", "arn:aws:lambda:us-east-1:000000000000:function:a"),
    WORDS("Command", "/bin/true", "/bin/cat", "-"),
    WORDS("EnvironmentVariableName", "WORD", "OTHER"),
    WORDS("WorkingDirectory", "/tmp", "/"),
    WORDS("File", "a.jsonl", "b.jsonl", "../escape.jsonl"),
    WORDS("LogGroupName", "a", "b/c"),
    WORDS("MAP Attributes", "VisibilityTimeout", "DelaySeconds", "FifoQueue", "ContentBasedDeduplication", "RedrivePolicy",
          "MaximumMessageSize", "RawMessageDelivery"),
    WORDS("Attributes", "0", "30", "true", "false", "1024",
          "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:b\",\"maxReceiveCount\":\"2\"}"),
    WORDS("AttributeNames", "All", "QueueArn"),
    WORDS("AttributeName", "DisplayName", "RawMessageDelivery", "FilterPolicy", "DeliveryPolicy"),
    WORDS("AttributeValue", "true", "a", "{\"s\":[\"x\"]}"),
    WORDS("DataType", "String", "Number", "Binary"),
    WORDS("StringValue", "x", "5"),
    WORDS("StatementId", "a", "b"),
    WORDS("Type", "StringEquals"),
    WORDS("HeaderKey", "x-a"),
    WORDS("TagKey", "team", "stage"),
    WORDS("KmsKeyIdentifier", "alias/a"),
#undef WORDS
};
static const char *const any_words[] = {"a", "b", "x", NULL};

struct maker {
    struct memory *memory;
    struct dice *dice;
};

static const char *const *words_of(const char *name) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].name, name) == 0) return words[i].list;
    return NULL;
}

static const char *one_of(const char *const *list, struct dice *d) {
    size_t n = 0;
    while (list[n]) n++;
    return list[dice_below(d, n)];
}

static json_t *make_string(struct maker *m, const struct shape *s, const char *name) {
    if (s->values) return json_string(one_of(s->values, m->dice));
    json_t *seen = dice_one_in(m->dice, 2) ? memory_pick(m->memory, name, m->dice) : NULL;
    if (seen) return seen;
    const char *const *list = words_of(s->name);
    if (!list) list = words_of(name);
    return json_string(one_of(list ? list : any_words, m->dice));
}

/* What makes a request wait is kept short. */
static json_t *make_integer(struct maker *m, const struct shape *s, const char *name) {
    int64_t low = s->has_min ? s->min : 0, high = s->has_max ? s->max : low + 100;
    if (strcmp(name, "WaitTimeSeconds") == 0 || strcmp(name, "Timeout") == 0) high = low + 1;
    if (high > low + 1000 && !dice_one_in(m->dice, 8)) high = low + 1000;
    return json_integer(low + (int64_t)dice_below(m->dice, (uint64_t)(high - low) + 1));
}

static json_t *make(struct maker *m, const struct shape *s, const char *name);

static json_t *make_struct(struct maker *m, const struct shape *s) {
    json_t *object = json_object();
    for (const struct member *x = s->members; x->name; x++)
        if (x->required || dice_one_in(m->dice, 2)) json_object_set_new(object, x->name, make(m, x->shape, x->name));
    return object;
}

static size_t length_of(struct maker *m, const struct shape *s) {
    size_t low = s->has_min && s->min > 0 ? (size_t)s->min : 0, high = s->has_max && s->max < 3 ? (size_t)s->max : low + 3;
    return low + dice_below(m->dice, high - low + 1);
}

static json_t *make_list(struct maker *m, const struct shape *s, const char *name) {
    json_t *array = json_array();
    for (size_t n = length_of(m, s); n; n--) json_array_append_new(array, make(m, s->item, name));
    return array;
}

static json_t *make_map(struct maker *m, const struct shape *s, const char *name) {
    json_t *object = json_object();
    char of_member[80];
    snprintf(of_member, sizeof of_member, "MAP %s", name);
    const char *const *list = s->key ? words_of(s->key->name) : NULL;
    if (!list) list = words_of(of_member);
    for (size_t n = length_of(m, s); n; n--) json_object_set_new(object, one_of(list ? list : any_words, m->dice), make(m, s->item, name));
    return object;
}

static json_t *make(struct maker *m, const struct shape *s, const char *name) {
    switch (s->type) {
    case SHAPE_STRING: return make_string(m, s, name);
    case SHAPE_BLOB: return json_string(dice_one_in(m->dice, 2) ? "eyJuIjoxfQ==" : "");
    case SHAPE_JSON: return json_pack("{s:i}", "n", 1);
    case SHAPE_INTEGER: return make_integer(m, s, name);
    case SHAPE_TIMESTAMP: return json_integer((json_int_t)time(NULL) - (json_int_t)dice_below(m->dice, 7200) + 3600);
    case SHAPE_BOOLEAN: return json_boolean(dice_one_in(m->dice, 2));
    case SHAPE_STRUCT: return make_struct(m, s);
    case SHAPE_LIST: return make_list(m, s, name);
    case SHAPE_MAP: return make_map(m, s, name);
    }
    abort();
}

json_t *value_make(const struct operation *o, struct memory *memory, struct dice *d) {
    struct maker m = {memory, d};
    return make_struct(&m, o->in);
}
