/* The truth table: every operation there is x {own account, allowed account, denied account, unknown key, put-only key, expired signature, replayed
 * signature, operator}. Requests are signed as the native gateway gets them and go through api_authenticate and api_call. An operation without a row
 * here fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

#include "catalog.h"
#include "clock.h"
#include "doc.h"
#include "engine.h"
#include "log.h"

#define OWN "111111111111"
#define ALLOWED "222222222222"
#define DENIED "333333333333"
#define BUS(name) "arn:aws:events:us-east-1:" OWN ":event-bus/" name
#define QUEUE "arn:aws:sqs:us-east-1:" OWN ":q"
#define STREAM "arn:aws:kinesis:us-east-1:" OWN ":stream/s"
#define TOPIC "arn:aws:sns:us-east-1:" OWN ":t"
#define CONNECTION "arn:aws:events:us-east-1:" OWN ":connection/c"
#define FUNCTION "arn:aws:lambda:us-east-1:" OWN ":function:f"
#define ARCHIVE "arn:aws:events:us-east-1:" OWN ":archive/a"
#define REPLAY(name)                                                                                                                       \
    "{\"ReplayName\":\"" name "\",\"EventSourceArn\":\"" ARCHIVE "\",\"EventStartTime\":0,\"EventEndTime\":32503680000,"               \
    "\"Destination\":{\"Arn\":\"" BUS("default") "\"}}"

/* own: a request that works for the owner. foreign: the same thing asked from another account by ARN; NULL: this operation cannot name another account's
 * resource, so another account's call concerns that account alone. @...@ is filled in from what the fixture made. */
static const struct row {
    const char *operation, *own, *foreign;
} rows[] = {
    {"events.CreateEventBus", "{\"Name\":\"new\"}", NULL},
    {"events.DeleteEventBus", "{\"Name\":\"empty\"}", NULL}, /* this one and the next three take a name, not an ARN */
    {"events.DescribeEventBus", "{}", "{\"Name\":\"" BUS("default") "\"}"},
    {"events.ListEventBuses", "{}", NULL},
    {"events.UpdateEventBus", "{\"Name\":\"default\",\"Description\":\"d\"}", NULL},
    {"events.PutPermission", "{\"Action\":\"events:PutEvents\",\"Principal\":\"444444444444\",\"StatementId\":\"x\"}", NULL},
    {"events.RemovePermission", "{\"StatementId\":\"spare\"}", NULL},
    {"events.PutRule", "{\"Name\":\"new\",\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\"}",
     "{\"EventBusName\":\"" BUS("default") "\",\"Name\":\"new\",\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\"}"},
    {"events.DeleteRule", "{\"Name\":\"bare\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Name\":\"bare\"}"},
    {"events.DescribeRule", "{\"Name\":\"r\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Name\":\"r\"}"},
    {"events.ListRules", "{}", "{\"EventBusName\":\"" BUS("default") "\"}"},
    {"events.EnableRule", "{\"Name\":\"r\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Name\":\"r\"}"},
    {"events.DisableRule", "{\"Name\":\"r\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Name\":\"r\"}"},
    {"events.ListRuleNamesByTarget", "{\"TargetArn\":\"" QUEUE "\"}", "{\"EventBusName\":\"" BUS("default") "\",\"TargetArn\":\"" QUEUE "\"}"},
    {"events.PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"2\",\"Arn\":\"" QUEUE "\"}]}",
     "{\"EventBusName\":\"" BUS("default") "\",\"Rule\":\"r\",\"Targets\":[{\"Id\":\"2\",\"Arn\":\"" QUEUE "\"}]}"},
    {"events.RemoveTargets", "{\"Rule\":\"r\",\"Ids\":[\"1\"]}", "{\"EventBusName\":\"" BUS("default") "\",\"Rule\":\"r\",\"Ids\":[\"1\"]}"},
    {"events.ListTargetsByRule", "{\"Rule\":\"r\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Rule\":\"r\"}"},
    {"events.TestEventPattern",
     "{\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\",\"Event\":\"{\\\"id\\\":\\\"1\\\",\\\"account\\\":\\\"1\\\",\\\"source\\\":\\\"a\\\",\\\"time\\\":\\\"t\\\","
     "\\\"region\\\":\\\"r\\\",\\\"detail-type\\\":\\\"d\\\"}\"}", NULL},
    {"events.PutEvents", "{\"Entries\":[{\"Source\":\"a\",\"DetailType\":\"b\",\"Detail\":\"{}\"}]}",
     "{\"Entries\":[{\"Source\":\"a\",\"DetailType\":\"b\",\"Detail\":\"{}\",\"EventBusName\":\"" BUS("default") "\"}]}"},
    {"events.ExplainRule", "{\"Rule\":\"r\",\"Event\":\"{}\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Rule\":\"r\",\"Event\":\"{}\"}"},
    {"events.ExplainEvent", "{\"Event\":\"{}\"}", "{\"EventBusName\":\"" BUS("default") "\",\"Event\":\"{}\"}"},
    {"events.TagResource", "{\"ResourceARN\":\"" BUS("default") "\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}",
     "{\"ResourceARN\":\"" BUS("default") "\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}"},
    {"events.UntagResource", "{\"ResourceARN\":\"" BUS("default") "\",\"TagKeys\":[\"k\"]}", "{\"ResourceARN\":\"" BUS("default") "\",\"TagKeys\":[\"k\"]}"},
    {"events.ListTagsForResource", "{\"ResourceARN\":\"" BUS("default") "\"}", "{\"ResourceARN\":\"" BUS("default") "\"}"},

    /* Archives and replays are named, not by ARN; or by an ARN that has to be of the caller's account. */
    {"events.CreateArchive", "{\"ArchiveName\":\"new\",\"EventSourceArn\":\"" BUS("default") "\"}", NULL},
    {"events.DeleteArchive", "{\"ArchiveName\":\"a\"}", NULL},
    {"events.DescribeArchive", "{\"ArchiveName\":\"a\"}", NULL},
    {"events.ListArchives", "{}", NULL},
    {"events.UpdateArchive", "{\"ArchiveName\":\"a\",\"RetentionDays\":7}", NULL},
    {"events.StartReplay", REPLAY("new"), NULL},
    {"events.DescribeReplay", "{\"ReplayName\":\"going\"}", NULL},
    {"events.ListReplays", "{}", NULL},
    {"events.CancelReplay", "{\"ReplayName\":\"going\"}", NULL},
    {"events.PreviewReplay", "{\"EventSourceArn\":\"" ARCHIVE "\",\"EventStartTime\":0,\"EventEndTime\":32503680000}", NULL},

    {"events.CreateConnection",
     "{\"Name\":\"new\",\"AuthorizationType\":\"API_KEY\",\"AuthParameters\":{\"ApiKeyAuthParameters\":{\"ApiKeyName\":\"k\",\"ApiKeyValue\":\"v\"}}}", NULL},
    {"events.UpdateConnection", "{\"Name\":\"c\",\"Description\":\"d\"}", NULL},
    {"events.DeleteConnection", "{\"Name\":\"c\"}", NULL},
    {"events.DescribeConnection", "{\"Name\":\"c\"}", NULL},
    {"events.ListConnections", "{}", NULL},
    {"events.DeauthorizeConnection", "{\"Name\":\"c\"}", NULL},
    {"events.CreateApiDestination",
     "{\"Name\":\"new\",\"ConnectionArn\":\"" CONNECTION "\",\"InvocationEndpoint\":\"https://example.com/\",\"HttpMethod\":\"POST\"}", NULL},
    {"events.UpdateApiDestination", "{\"Name\":\"d\",\"Description\":\"d\"}", NULL},
    {"events.DeleteApiDestination", "{\"Name\":\"d\"}", NULL},
    {"events.DescribeApiDestination", "{\"Name\":\"d\"}", NULL},
    {"events.ListApiDestinations", "{}", NULL},

    {"kinesis.CreateStream", "{\"StreamName\":\"new\"}", NULL},
    {"kinesis.UpdateStream", "{\"StreamName\":\"s\",\"RetentionPeriodHours\":48}", "{\"StreamARN\":\"" STREAM "\",\"RetentionPeriodHours\":48}"},
    {"kinesis.DeleteStream", "{\"StreamName\":\"s\"}", "{\"StreamARN\":\"" STREAM "\"}"},
    {"kinesis.DescribeStream", "{\"StreamName\":\"s\"}", "{\"StreamARN\":\"" STREAM "\"}"},
    {"kinesis.DescribeStreamSummary", "{\"StreamName\":\"s\"}", "{\"StreamARN\":\"" STREAM "\"}"},
    {"kinesis.ListStreams", "{}", NULL},
    {"kinesis.ListShards", "{\"StreamName\":\"s\"}", "{\"StreamARN\":\"" STREAM "\"}"},
    {"kinesis.PutRecord", "{\"StreamName\":\"s\",\"Data\":\"aGk=\",\"PartitionKey\":\"k\"}", "{\"StreamARN\":\"" STREAM "\",\"Data\":\"aGk=\",\"PartitionKey\":\"k\"}"},
    {"kinesis.PutRecords", "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"aGk=\",\"PartitionKey\":\"k\"}]}",
     "{\"StreamARN\":\"" STREAM "\",\"Records\":[{\"Data\":\"aGk=\",\"PartitionKey\":\"k\"}]}"},
    {"kinesis.GetShardIterator", "{\"StreamName\":\"s\",\"ShardId\":\"shardId-000000000000\",\"ShardIteratorType\":\"LATEST\"}",
     "{\"StreamARN\":\"" STREAM "\",\"ShardId\":\"shardId-000000000000\",\"ShardIteratorType\":\"LATEST\"}"},
    {"kinesis.GetRecords", "{\"ShardIterator\":\"@ITERATOR@\"}", "{\"ShardIterator\":\"@ITERATOR@\"}"},
    {"kinesis.IncreaseStreamRetentionPeriod", "{\"StreamName\":\"s\",\"RetentionPeriodHours\":48}", "{\"StreamARN\":\"" STREAM "\",\"RetentionPeriodHours\":48}"},
    {"kinesis.DecreaseStreamRetentionPeriod", "{\"StreamName\":\"s\",\"RetentionPeriodHours\":24}", "{\"StreamARN\":\"" STREAM "\",\"RetentionPeriodHours\":24}"},

    {"sqs.CreateQueue", "{\"QueueName\":\"new\"}", NULL},
    {"sqs.DeleteQueue", "{\"QueueUrl\":\"q\"}", "{\"QueueUrl\":\"" QUEUE "\"}"},
    {"sqs.GetQueueUrl", "{\"QueueName\":\"q\"}", "{\"QueueName\":\"q\",\"QueueOwnerAWSAccountId\":\"" OWN "\"}"},
    {"sqs.ListQueues", "{}", NULL},
    {"sqs.GetQueueAttributes", "{\"QueueUrl\":\"q\",\"AttributeNames\":[\"All\"]}", "{\"QueueUrl\":\"http://x/" OWN "/q\",\"AttributeNames\":[\"All\"]}"},
    {"sqs.SetQueueAttributes", "{\"QueueUrl\":\"q\",\"Attributes\":{\"DelaySeconds\":\"1\"}}", "{\"QueueUrl\":\"" QUEUE "\",\"Attributes\":{\"DelaySeconds\":\"1\"}}"},
    {"sqs.SendMessage", "{\"QueueUrl\":\"q\",\"MessageBody\":\"m\"}", "{\"QueueUrl\":\"" QUEUE "\",\"MessageBody\":\"m\"}"},
    {"sqs.SendMessageBatch", "{\"QueueUrl\":\"q\",\"Entries\":[{\"Id\":\"1\",\"MessageBody\":\"m\"}]}",
     "{\"QueueUrl\":\"" QUEUE "\",\"Entries\":[{\"Id\":\"1\",\"MessageBody\":\"m\"}]}"},
    {"sqs.ReceiveMessage", "{\"QueueUrl\":\"q\"}", "{\"QueueUrl\":\"" QUEUE "\"}"},
    {"sqs.DeleteMessage", "{\"QueueUrl\":\"q\",\"ReceiptHandle\":\"@HANDLE@\"}", "{\"QueueUrl\":\"" QUEUE "\",\"ReceiptHandle\":\"@HANDLE@\"}"},
    {"sqs.DeleteMessageBatch", "{\"QueueUrl\":\"q\",\"Entries\":[{\"Id\":\"1\",\"ReceiptHandle\":\"@HANDLE@\"}]}",
     "{\"QueueUrl\":\"" QUEUE "\",\"Entries\":[{\"Id\":\"1\",\"ReceiptHandle\":\"@HANDLE@\"}]}"},
    {"sqs.ChangeMessageVisibility", "{\"QueueUrl\":\"q\",\"ReceiptHandle\":\"@HANDLE@\",\"VisibilityTimeout\":5}",
     "{\"QueueUrl\":\"" QUEUE "\",\"ReceiptHandle\":\"@HANDLE@\",\"VisibilityTimeout\":5}"},
    {"sqs.ChangeMessageVisibilityBatch", "{\"QueueUrl\":\"q\",\"Entries\":[{\"Id\":\"1\",\"ReceiptHandle\":\"@HANDLE@\",\"VisibilityTimeout\":5}]}",
     "{\"QueueUrl\":\"" QUEUE "\",\"Entries\":[{\"Id\":\"1\",\"ReceiptHandle\":\"@HANDLE@\",\"VisibilityTimeout\":5}]}"},
    {"sqs.PurgeQueue", "{\"QueueUrl\":\"q\"}", "{\"QueueUrl\":\"" QUEUE "\"}"},
    {"sqs.ListDeadLetterSourceQueues", "{\"QueueUrl\":\"q\"}", "{\"QueueUrl\":\"" QUEUE "\"}"},

    {"sns.CreateTopic", "{\"Name\":\"new\"}", NULL},
    {"sns.DeleteTopic", "{\"TopicArn\":\"" TOPIC "\"}", "{\"TopicArn\":\"" TOPIC "\"}"},
    {"sns.ListTopics", "{}", NULL},
    {"sns.GetTopicAttributes", "{\"TopicArn\":\"" TOPIC "\"}", "{\"TopicArn\":\"" TOPIC "\"}"},
    {"sns.SetTopicAttributes", "{\"TopicArn\":\"" TOPIC "\",\"AttributeName\":\"DisplayName\",\"AttributeValue\":\"d\"}",
     "{\"TopicArn\":\"" TOPIC "\",\"AttributeName\":\"DisplayName\",\"AttributeValue\":\"d\"}"},
    {"sns.Subscribe", "{\"TopicArn\":\"" TOPIC "\",\"Protocol\":\"email\",\"Endpoint\":\"a@b.c\"}",
     "{\"TopicArn\":\"" TOPIC "\",\"Protocol\":\"email\",\"Endpoint\":\"a@b.c\"}"},
    {"sns.Unsubscribe", "{\"SubscriptionArn\":\"@SUBSCRIPTION@\"}", "{\"SubscriptionArn\":\"@SUBSCRIPTION@\"}"},
    {"sns.ListSubscriptions", "{}", NULL},
    {"sns.ListSubscriptionsByTopic", "{\"TopicArn\":\"" TOPIC "\"}", "{\"TopicArn\":\"" TOPIC "\"}"},
    {"sns.GetSubscriptionAttributes", "{\"SubscriptionArn\":\"@SUBSCRIPTION@\"}", "{\"SubscriptionArn\":\"@SUBSCRIPTION@\"}"},
    {"sns.SetSubscriptionAttributes", "{\"SubscriptionArn\":\"@SUBSCRIPTION@\",\"AttributeName\":\"RawMessageDelivery\",\"AttributeValue\":\"true\"}",
     "{\"SubscriptionArn\":\"@SUBSCRIPTION@\",\"AttributeName\":\"RawMessageDelivery\",\"AttributeValue\":\"true\"}"},
    {"sns.Publish", "{\"TopicArn\":\"" TOPIC "\",\"Message\":\"m\"}", "{\"TopicArn\":\"" TOPIC "\",\"Message\":\"m\"}"},

    {"lambda.CreateFunction", "{\"FunctionName\":\"new\",\"Command\":[\"/bin/cat\"]}", NULL},
    {"lambda.UpdateFunctionConfiguration", "{\"FunctionName\":\"f\",\"Timeout\":5}", NULL},
    {"lambda.DeleteFunction", "{\"FunctionName\":\"f\"}", "{\"FunctionName\":\"" FUNCTION "\"}"},
    {"lambda.GetFunction", "{\"FunctionName\":\"f\"}", "{\"FunctionName\":\"" FUNCTION "\"}"},
    {"lambda.ListFunctions", "{}", NULL},
    {"lambda.Invoke", "{\"FunctionName\":\"f\",\"Payload\":{}}", "{\"FunctionName\":\"" FUNCTION "\",\"Payload\":{}}"},

    {"logs.CreateLogGroup", "{\"logGroupName\":\"new\"}", NULL},
    {"logs.UpdateLogGroup", "{\"logGroupName\":\"l\",\"Keep\":2}", NULL},
    {"logs.DeleteLogGroup", "{\"logGroupName\":\"l\"}", NULL},
    {"logs.DescribeLogGroups", "{}", NULL},

    {"bus.CreateAccount", "{\"AccountId\":\"555555555555\"}", NULL},
    {"bus.DeleteAccount", "{\"AccountId\":\"444444444444\"}", NULL},
    {"bus.ListAccounts", "{}", NULL},
    {"bus.CreateAccessKey", "{\"AccountId\":\"444444444444\"}", NULL},
    {"bus.ListAccessKeys", "{}", NULL},
    {"bus.DeleteAccessKey", "{\"AccessKeyId\":\"AKIASPARE\"}", NULL},
    {"bus.PutAccessKeyPolicy", "{\"AccessKeyId\":\"AKIASPARE\"}", NULL},
    {"bus.DescribeDaemon", "{}", NULL},
    {"bus.RotateSecretKey", "{}", NULL},
};

/* ---- a whole daemon but for the gate ------------------------------------------------------------------------------------------------ */
struct fixture {
    char dir[64];
    struct settings settings;
    struct store *store;
    struct committer *committer;
    struct flow *flow;
    struct api *api;
    struct arena arena;
    struct str handle, iterator, subscription;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk) {
    (void)st, (void)flag, (void)walk;
    return remove(path);
}

static struct str ask(struct fixture *f, const char *account, const char *operation, const char *request) {
    struct buf answer;
    struct fault fault;
    buf_init(&answer, 0);
    fault_clear(&fault);
    enum err err = api_run(f->api, str_from(account), str_from(operation), str_from(request), &answer, &fault);
    if (err) print_error("%s %s: %s\n", operation, request, fault.message);
    assert_int_equal(err, ERR_OK);
    struct str text = arena_str(&f->arena, buf_str(&answer));
    buf_fini(&answer);
    return text;
}

static struct str member(struct fixture *f, struct str json, const char *a, const char *b) {
    struct node *root;
    assert_int_equal(doc_parse(&f->arena, json, &root, NULL), ERR_OK);
    const struct node *n = doc_get(root, str_from(a));
    if (b) n = doc_get(n->child, str_from(b));
    assert_non_null(n);
    return n->text;
}

#define PUT_ONLY "{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Action\\\":\\\"events:PutEvents\\\",\\\"Resource\\\":\\\"*\\\"}]}"
#define BOTH "[\\\"" BUS("default") "\\\",\\\"arn:aws:events:us-east-1:" OWN ":rule/*\\\"]"
#define ALONE "\\\"" BUS("empty") "\\\""
#define LET(name, resources)                                                                                                                            \
    "{\"EventBusName\":\"" name "\",\"Policy\":\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":["                                     \
    "{\\\"Sid\\\":\\\"in\\\",\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":{\\\"AWS\\\":[\\\"" ALLOWED "\\\",\\\"" DENIED "\\\"]},"          \
    "\\\"Action\\\":\\\"events:*\\\",\\\"Resource\\\":" resources "},"                                                                      \
    "{\\\"Sid\\\":\\\"out\\\",\\\"Effect\\\":\\\"Deny\\\",\\\"Principal\\\":{\\\"AWS\\\":\\\"" DENIED "\\\"},"                               \
    "\\\"Action\\\":\\\"*\\\",\\\"Resource\\\":" resources "},"                                                                                   \
    "{\\\"Sid\\\":\\\"spare\\\",\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":\\\"*\\\",\\\"Action\\\":\\\"events:PutEvents\\\","           \
    "\\\"Resource\\\":\\\"" BUS(name) "\\\",\\\"Condition\\\":{\\\"Bool\\\":{\\\"events:eventBusInvocation\\\":\\\"true\\\"}}}]}\"}"

static void key(struct fixture *f, const char *account, const char *id, const char *more) {
    char request[1024];
    snprintf(request, sizeof request, "{\"AccountId\":\"%s\",\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"secret-of-%s-and-more\"%s}", account, id, id, more);
    ask(f, account, "bus.CreateAccessKey", request);
}

static void make_resources(struct fixture *f) {
    static const char *const accounts[] = {OWN, ALLOWED, DENIED, "444444444444"};
    for (size_t i = 0; i < 4; i++) {
        char request[64];
        snprintf(request, sizeof request, "{\"AccountId\":\"%s\"}", accounts[i]);
        ask(f, OWN, "bus.CreateAccount", request);
    }
    key(f, OWN, "AKIAOWN", "");
    key(f, OWN, "AKIAPUT", ",\"Policy\":\"" PUT_ONLY "\"");
    key(f, OWN, "AKIAOPERATOR", ",\"Operator\":true");
    key(f, ALLOWED, "AKIAALLOWED", "");
    key(f, DENIED, "AKIADENIED", "");
    key(f, "444444444444", "AKIASPARE", "");
    ask(f, OWN, "sqs.CreateQueue", "{\"QueueName\":\"q\"}");
    ask(f, OWN, "kinesis.CreateStream", "{\"StreamName\":\"s\"}");
    ask(f, OWN, "sns.CreateTopic", "{\"Name\":\"t\"}");
    ask(f, OWN, "lambda.CreateFunction", "{\"FunctionName\":\"f\",\"Command\":[\"/bin/cat\"]}");
    ask(f, OWN, "logs.CreateLogGroup", "{\"logGroupName\":\"l\"}");
    ask(f, OWN, "events.CreateConnection",
        "{\"Name\":\"c\",\"AuthorizationType\":\"BASIC\",\"AuthParameters\":{\"BasicAuthParameters\":{\"Username\":\"u\",\"Password\":\"p\"}}}");
    ask(f, OWN, "events.CreateApiDestination",
        "{\"Name\":\"d\",\"ConnectionArn\":\"" CONNECTION "\",\"InvocationEndpoint\":\"https://example.com/*\",\"HttpMethod\":\"POST\"}");
    ask(f, OWN, "events.CreateEventBus", "{\"Name\":\"empty\"}");
    ask(f, OWN, "events.PutPermission", LET("default", BOTH));
    ask(f, OWN, "events.PutPermission", LET("empty", ALONE));
    ask(f, OWN, "events.CreateArchive", "{\"ArchiveName\":\"a\",\"EventSourceArn\":\"" BUS("default") "\"}");
    ask(f, OWN, "events.StartReplay", REPLAY("going"));
    ask(f, OWN, "events.PutRule", "{\"Name\":\"bare\",\"EventPattern\":\"{\\\"source\\\":[\\\"z\\\"]}\"}");
    ask(f, OWN, "events.PutRule", "{\"Name\":\"r\",\"EventPattern\":\"{\\\"source\\\":[\\\"z\\\"]}\"}");
    ask(f, OWN, "events.PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"1\",\"Arn\":\"" QUEUE "\"}]}");
    f->subscription = member(f, ask(f, OWN, "sns.Subscribe", "{\"TopicArn\":\"" TOPIC "\",\"Protocol\":\"sqs\",\"Endpoint\":\"" QUEUE "\"}"), "SubscriptionArn", NULL);
    ask(f, OWN, "sqs.SendMessage", "{\"QueueUrl\":\"q\",\"MessageBody\":\"m\"}");
    f->handle = member(f, ask(f, OWN, "sqs.ReceiveMessage", "{\"QueueUrl\":\"q\"}"), "Messages", "ReceiptHandle");
    f->iterator = member(f, ask(f, OWN, "kinesis.GetShardIterator",
                                "{\"StreamName\":\"s\",\"ShardId\":\"shardId-000000000000\",\"ShardIteratorType\":\"TRIM_HORIZON\"}"), "ShardIterator", NULL);
}

static void start(struct fixture *f) {
    struct fault fault;
    *f = (struct fixture){.dir = "/tmp/bus-truth-XXXXXX"};
    arena_init(&f->arena, 0);
    assert_non_null(mkdtemp(f->dir));
    settings_default(&f->settings);
    assert_int_equal(store_open_memory(&f->store, &fault), ERR_OK);
    assert_int_equal(committer_start(f->store, NULL, &f->committer, &fault), ERR_OK);
    struct flow_options options = {.committer = f->committer, .settings = &f->settings, .region = STR("us-east-1"), .data_dir = str_from(f->dir)};
    assert_int_equal(flow_open(&options, &f->flow, &fault), ERR_OK);
    struct api_options api = {.flow = f->flow, .durability = STR("off"), .threads = 2};
    assert_int_equal(api_open(&api, &f->api, &fault), ERR_OK);
    make_resources(f);
}

static void end(struct fixture *f) {
    flow_end_waits(f->flow);
    flow_drain(f->flow, 2000);
    api_close(f->api);
    flow_close(f->flow);
    committer_stop(f->committer);
    store_close(f->store);
    arena_fini(&f->arena);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- one signed request ------------------------------------------------------------------------------------------------------------------ */
enum how { FRESH, EXPIRED, REPLAYED };
static uint64_t counter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

static void call_done(struct api_call *x) {
    pthread_mutex_lock(&lock);
    *(bool *)x->ctx = true;
    pthread_cond_signal(&answered);
    pthread_mutex_unlock(&lock);
}

static enum err call(struct fixture *f, struct caller *caller, const char *operation, struct str body) {
    bool over = false;
    struct api_call x = {.caller = caller, .operation = str_from(operation), .body = body, .done = call_done, .ctx = &over};
    buf_init(&x.answer, 0);
    api_call(f->api, &x);
    pthread_mutex_lock(&lock);
    while (!over) pthread_cond_wait(&answered, &lock);
    pthread_mutex_unlock(&lock);
    enum err err = x.err;
    buf_addc(&x.answer, 0);
    if (!err && strstr(x.answer.p, "\"ErrorCode\":\"AccessDeniedException\"")) err = ERR_ACCESS_DENIED; /* of an entry of PutEvents */
    if (err && err != ERR_ACCESS_DENIED) print_message("%s: %s\n", operation, x.fault.message);
    buf_fini(&x.answer);
    return err;
}

static enum err request(struct fixture *f, const char *key_id, enum how how, const char *operation, struct str body) {
    char secret[64];
    struct fault fault;
    struct caller *caller = NULL;
    struct str header = STR("header");
    snprintf(secret, sizeof secret, "secret-of-%s-and-more", key_id);
    struct api_signature s = {.key_id = str_from(key_id), .counter = ++counter, .timestamp_ms = clock_now_ms() - (how == EXPIRED ? 600000 : 0)};
    memcpy(s.session, key_id, 7);
    hash_hmac_sha256(str_from(secret), header, body, s.mac);
    enum err err = api_authenticate(f->api, &s, header, body, &caller, &fault);
    if (!err && how == REPLAYED) {
        api_caller_release(caller);
        err = api_authenticate(f->api, &s, header, body, &caller, &fault);
    }
    if (err) return err;
    err = call(f, caller, operation, body);
    api_caller_release(caller);
    return err;
}

static struct str fill(struct fixture *f, const char *request_text) {
    const struct { const char *mark; struct str value; } marks[] = {{"@HANDLE@", f->handle}, {"@ITERATOR@", f->iterator}, {"@SUBSCRIPTION@", f->subscription}};
    for (size_t i = 0; i < 3; i++) {
        const char *at = strstr(request_text, marks[i].mark);
        if (at)
            return arena_printf(&f->arena, "%.*s%.*s%s", (int)(at - request_text), request_text, STR_ARG(marks[i].value), at + strlen(marks[i].mark));
    }
    return str_from(request_text);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------------ */
static int wrong;
static void expect(const struct row *row, const char *who, enum err got, enum err wanted) {
    if (got == wanted) return;
    print_error("%s by %s: %s, expected %s\n", row->operation, who, err_row(got)->name, err_row(wanted)->name);
    wrong++;
}

static bool for_operators(const struct row *row) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    for (size_t i = 0; i < count; i++)
        for (const struct operation *op = tables[i]; op->name; op++) {
            char name[128];
            snprintf(name, sizeof name, "%s.%s", op->service, op->name);
            if (strcmp(name, row->operation) == 0) return op->access == ACCESS_OPERATOR;
        }
    return false;
}

static void judge(const struct row *row) {
    struct fixture f;
    start(&f);
    struct str own = fill(&f, row->own), foreign = row->foreign ? fill(&f, row->foreign) : own;
    bool operators = for_operators(row), put = strcmp(row->operation, "events.PutEvents") == 0, events = strncmp(row->operation, "events.", 7) == 0;
    expect(row, "an unknown key", request(&f, "AKIANOBODY", FRESH, row->operation, own), ERR_UNKNOWN_KEY);
    expect(row, "an expired signature", request(&f, "AKIAOWN", EXPIRED, row->operation, own), ERR_EXPIRED);
    expect(row, "a replayed signature", request(&f, "AKIAOWN", REPLAYED, row->operation, own), ERR_REPLAYED);
    expect(row, "a put-only key", request(&f, "AKIAPUT", FRESH, row->operation, own), put ? ERR_OK : ERR_ACCESS_DENIED);
    if (row->foreign || operators) expect(row, "a denied account", request(&f, "AKIADENIED", FRESH, row->operation, foreign), ERR_ACCESS_DENIED);
    if (operators || (row->foreign && !events))
        expect(row, "an allowed account, where only its own may", request(&f, "AKIAALLOWED", FRESH, row->operation, foreign), ERR_ACCESS_DENIED);
    expect(row, "its own account", request(&f, "AKIAOWN", FRESH, row->operation, own), operators ? ERR_ACCESS_DENIED : ERR_OK);
    if (operators) expect(row, "an operator", request(&f, "AKIAOPERATOR", FRESH, row->operation, own), ERR_OK);
    if (!operators && row->foreign && events) {
        struct fixture fresh;
        start(&fresh);
        expect(row, "an allowed account", request(&fresh, "AKIAALLOWED", FRESH, row->operation, fill(&fresh, row->foreign)), ERR_OK);
        end(&fresh);
    }
    end(&f);
}

static void every_operation_by_everybody(void **state) {
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) judge(&rows[i]);
    assert_int_equal(wrong, 0);
}

static void every_operation_has_a_row(void **state) {
    (void)state;
    size_t count, missing = 0, total = 0;
    const struct operation *const *tables = model_tables(&count);
    for (size_t i = 0; i < count; i++)
        for (const struct operation *op = tables[i]; op->name; op++, total++) {
            char name[128];
            bool found = false;
            snprintf(name, sizeof name, "%s.%s", op->service, op->name);
            for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) found |= strcmp(rows[k].operation, name) == 0;
            if (!found) print_error("%s has no row\n", name);
            missing += !found;
        }
    assert_int_equal(missing, 0);
    assert_int_equal(total, sizeof rows / sizeof rows[0]);
}

static void a_refused_request_changes_nothing(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    struct str before = ask(&f, OWN, "events.ListRules", "{}");
    const char *put = "{\"EventBusName\":\"" BUS("default") "\",\"Name\":\"sneaked-in\",\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\"}";
    assert_int_equal(request(&f, "AKIADENIED", FRESH, "events.PutRule", str_from(put)), ERR_ACCESS_DENIED);
    assert_int_equal(request(&f, "AKIAPUT", FRESH, "events.PutRule", str_from(put)), ERR_ACCESS_DENIED);
    assert_int_equal(request(&f, "AKIAOWN", EXPIRED, "events.PutRule", str_from(put)), ERR_EXPIRED);
    assert_int_equal(request(&f, "AKIAOWN", REPLAYED, "events.PutRule", str_from(put)), ERR_REPLAYED);
    struct str after = ask(&f, OWN, "events.ListRules", "{}");
    assert_true(str_eq(before, after));
    end(&f);
}

int main(void) {
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_a_row),
        cmocka_unit_test(every_operation_by_everybody),
        cmocka_unit_test(a_refused_request_changes_nothing),
    };
    return cmocka_run_group_tests_name("api/truth", tests, NULL, NULL);
}
