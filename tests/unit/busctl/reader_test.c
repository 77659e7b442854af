/* get-records over a whole stream and receive-message --delete, against a bus that answers from a script. Their own operations are
 * described here as far as they are used, so that the loops are tested apart from the services. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "scripted_bus.h"
#include "verb.h"

static const struct member no_members[] = {MEMBER_END};
static const struct shape empty = {.type = SHAPE_STRUCT, .name = "Empty", .members = no_members};
static const struct operation get_records = {.service = "kinesis", .name = "GetRecords", .in = &empty, .out = &empty};
static const struct operation receive_message = {.service = "sqs", .name = "ReceiveMessage", .in = &empty, .out = &empty};

/* Runs a verb's own function with flags as the parser would give them. */
static int runs_verb(enum exit_code (*run)(struct session *, const struct operation *, struct flags *), const struct operation *operation,
                     const struct step *steps, const char *request, const char *const extra[3]) {
    struct flags flags = {.request = json_loads(request, 0, NULL), .extra = {extra[0], extra[1], extra[2]}};
    free(out);
    free(err);
    struct session s = {
        .out = open_memstream(&out, &out_n), .err = open_memstream(&err, &err_n), .verb = "verb", .globals = {.output = OUTPUT_JSON}};
    script = steps;
    int code = (int)session_close(&s, run(&s, operation, &flags));
    fclose(s.out);
    fclose(s.err);
    flags_fini(&flags);
    if (script->operation) fail_msg("%s was not asked; %s", script->operation, err);
    return code;
}
#define READ(steps, request, ...) runs_verb(get_records_run, &get_records, steps, request, (const char *const[3]){__VA_ARGS__})

static void a_stream_is_read_to_its_end_over_all_shards(void **state) {
    (void)state;
    const struct step *steps =
        STEPS({"kinesis.ListShards", "{\"StreamName\":\"s\"}", "{\"Shards\":[{\"ShardId\":\"0\"},{\"ShardId\":\"1\"}]}", 0, NULL},
              {"kinesis.GetShardIterator", "{\"StreamName\":\"s\",\"ShardId\":\"0\",\"ShardIteratorType\":\"TRIM_HORIZON\"}",
               "{\"ShardIterator\":\"i0\"}", 0, NULL},
              {"kinesis.GetShardIterator", "{\"StreamName\":\"s\",\"ShardId\":\"1\",\"ShardIteratorType\":\"TRIM_HORIZON\"}",
               "{\"ShardIterator\":\"i1\"}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"i0\"}",
               "{\"Records\":[{\"SequenceNumber\":\"5\",\"PartitionKey\":\"k\",\"Data\":\"eyJ4IjoxfQ==\"},{\"SequenceNumber\":\"6\","
               "\"Data\":\"aGk=\"},"
               "{\"SequenceNumber\":\"7\",\"Data\":\"/w==\"}],\"NextShardIterator\":\"i0b\",\"MillisBehindLatest\":0}",
               0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"i1\"}",
               "{\"Records\":[],\"NextShardIterator\":\"i1b\",\"MillisBehindLatest\":0}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"i0b\"}",
               "{\"Records\":[],\"NextShardIterator\":\"i0c\",\"MillisBehindLatest\":0}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"i1b\"}",
               "{\"Records\":[],\"NextShardIterator\":\"i1c\",\"MillisBehindLatest\":0}", 0, NULL});
    assert_int_equal(READ(steps, "{}", "s", NULL, NULL), 0);
    assert_string_equal(out, "{\"ShardId\":\"0\",\"SequenceNumber\":\"5\",\"PartitionKey\":\"k\",\"Data\":{\"x\":1}}\n"
                             "{\"ShardId\":\"0\",\"SequenceNumber\":\"6\",\"Data\":\"hi\"}\n"
                             "{\"ShardId\":\"0\",\"SequenceNumber\":\"7\",\"Data\":\"/w==\"}\n");
}

static void an_expired_iterator_is_renewed_and_a_split_followed(void **state) {
    (void)state;
    const struct step *steps =
        STEPS({"kinesis.ListShards", NULL, "{\"Shards\":[{\"ShardId\":\"0\"}]}", 0, NULL},
              {"kinesis.GetShardIterator", "{\"StreamName\":\"s\",\"ShardId\":\"0\",\"ShardIteratorType\":\"LATEST\"}",
               "{\"ShardIterator\":\"a\"}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"a\"}",
               "{\"Records\":[{\"SequenceNumber\":\"9\",\"Data\":\"MQ==\"}],\"NextShardIterator\":\"b\"}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"b\"}", NULL, BUS_ERR_EXPIRED_ITERATOR, "old"},
              {"kinesis.GetShardIterator",
               "{\"StreamName\":\"s\",\"ShardId\":\"0\",\"ShardIteratorType\":\"AFTER_SEQUENCE_NUMBER\",\"StartingSequenceNumber\":\"9\"}",
               "{\"ShardIterator\":\"c\"}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"c\"}",
               "{\"Records\":[{\"SequenceNumber\":\"10\",\"Data\":\"Mg==\"}],\"NextShardIterator\":null}", 0, NULL},
              {"kinesis.ListShards", NULL, "{\"Shards\":[{\"ShardId\":\"0\"},{\"ShardId\":\"1\"}]}", 0, NULL},
              {"kinesis.GetShardIterator", "{\"StreamName\":\"s\",\"ShardId\":\"1\",\"ShardIteratorType\":\"TRIM_HORIZON\"}",
               "{\"ShardIterator\":\"d\"}", 0, NULL},
              {"kinesis.GetRecords", "{\"ShardIterator\":\"d\"}",
               "{\"Records\":[{\"SequenceNumber\":\"1\",\"Data\":\"Mw==\"}],\"NextShardIterator\":\"e\"}", 0, NULL});
    assert_int_equal(READ(steps, "{\"Limit\":3}", "s", "", "latest"), 0); /* --follow ends at the limit */
    assert_string_equal(
        out, "{\"ShardId\":\"0\",\"SequenceNumber\":\"9\",\"Data\":1}\n{\"ShardId\":\"0\",\"SequenceNumber\":\"10\",\"Data\":2}\n"
             "{\"ShardId\":\"1\",\"SequenceNumber\":\"1\",\"Data\":3}\n");
}

static void a_stream_that_is_not_there_is_a_refusal(void **state) {
    (void)state;
    assert_int_equal(READ(STEPS({"kinesis.ListShards", NULL, NULL, BUS_ERR_NOT_FOUND, "no stream"}), "{}", "s", NULL, NULL), 3);
    assert_non_null(strstr(err, "busctl: verb: ResourceNotFoundException: no stream"));
    assert_int_equal(READ(STEPS({0}), "{}", "s", NULL, "somewhere"), 2);
}

static void messages_are_deleted_once_they_are_shown(void **state) {
    (void)state;
    const struct step *steps =
        STEPS({"sqs.ReceiveMessage", "{\"QueueUrl\":\"q\",\"WaitTimeSeconds\":20}",
               "{\"Messages\":[{\"Body\":\"b\",\"ReceiptHandle\":\"h1\"},{\"Body\":\"c\",\"ReceiptHandle\":\"h2\"}]}", 0, NULL},
              {"sqs.DeleteMessage", "{\"QueueUrl\":\"q\",\"ReceiptHandle\":\"h1\"}", "{}", 0, NULL},
              {"sqs.DeleteMessage", "{\"QueueUrl\":\"q\",\"ReceiptHandle\":\"h2\"}", "{}", 0, NULL});
    assert_int_equal(runs_verb(receive_message_run, &receive_message, steps, "{\"QueueUrl\":\"q\",\"WaitTimeSeconds\":20}",
                               (const char *const[3]){"", NULL, NULL}),
                     0);
    assert_non_null(strstr(out, "\"Body\":\"b\""));
    steps = STEPS({"sqs.ReceiveMessage", NULL, "{\"Messages\":[{\"Body\":\"b\",\"ReceiptHandle\":\"h1\"}]}", 0, NULL});
    assert_int_equal(runs_verb(receive_message_run, &receive_message, steps, "{\"QueueUrl\":\"q\",\"WaitTimeSeconds\":20}",
                               (const char *const[3]){NULL}),
                     0);
    assert_int_equal(last_timeout_ms, 35000);
}

static int forget(void **state) {
    (void)state;
    open_err = BUS_ERR_OK;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_stream_is_read_to_its_end_over_all_shards, forget),
        cmocka_unit_test_setup(an_expired_iterator_is_renewed_and_a_split_followed, forget),
        cmocka_unit_test_setup(a_stream_that_is_not_there_is_a_refusal, forget),
        cmocka_unit_test_setup(messages_are_deleted_once_they_are_shown, forget),
    };
    int failed = cmocka_run_group_tests_name("busctl/reader", tests, NULL, NULL);
    free(out);
    free(err);
    return failed;
}
