#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "queue_calls.h"

/* ---- queues ----------------------------------------------------------------------------------------------------------------------------
 */

static void created_queue_has_its_url_and_defaults(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'inbox'}");
    IS("QueueUrl", URL_OF("inbox"));
    assert_string_equal(last.resource, ARN_OF("inbox"));
    OK("GetQueueAttributes", "{'QueueUrl':'inbox','AttributeNames':['All']}");
    IS("Attributes.VisibilityTimeout", "30");
    IS("Attributes.MessageRetentionPeriod", "345600");
    IS("Attributes.DelaySeconds", "0");
    IS("Attributes.ReceiveMessageWaitTimeSeconds", "0");
    IS("Attributes.MaximumMessageSize", "1048576");
    IS("Attributes.QueueArn", ARN_OF("inbox"));
    IS("Attributes.CreatedTimestamp", "1790000000");
    IS("Attributes.LastModifiedTimestamp", "1790000000");
    IS("Attributes.ApproximateNumberOfMessages", "0");
    IS("Attributes.FifoQueue", "(none)");
    IS("Attributes.RedrivePolicy", "(none)");
}

static void creating_again_is_fine_when_attributes_agree(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'VisibilityTimeout':'60'}}");
    send_text("q", "kept");
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'VisibilityTimeout':'60'}}");
    OK("CreateQueue", "{'QueueName':'q'}");
    assert_string_equal(receive("q", NULL), "kept");
}

static void creating_again_with_another_attribute_is_refused(void **state) {
    (void)state;
    create("q");
    FAILS(ERR_QUEUE_EXISTS, "A queue already exists with the same name and a different value for attribute DelaySeconds", "CreateQueue",
          "{'QueueName':'q','Attributes':{'DelaySeconds':'5'}}");
}

static void every_number_has_its_bounds(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t least, most;
    } rows[] = {{"VisibilityTimeout", 0, 43200},
                {"MessageRetentionPeriod", 60, 1209600},
                {"DelaySeconds", 0, 900},
                {"ReceiveMessageWaitTimeSeconds", 0, 20},
                {"MaximumMessageSize", 1024, 1048576}};
    create("q");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char message[256], path[64];
        snprintf(message, sizeof message, "Invalid value for the parameter %s. Reason: Must be an integer from %" PRId64 " to %" PRId64 ".",
                 rows[i].name, rows[i].least, rows[i].most);
        for (int side = 0; side < 2; side++) {
            int64_t good = side ? rows[i].most : rows[i].least, bad = side ? good + 1 : good - 1;
            OK("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'%s':'%" PRId64 "'}}", rows[i].name, good);
            FAILS(ERR_INVALID_PARAMETER, message, "SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'%s':'%" PRId64 "'}}", rows[i].name,
                  bad);
            OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['%s']}", rows[i].name);
            snprintf(path, sizeof path, "Attributes.%s", rows[i].name);
            char text[32];
            snprintf(text, sizeof text, "%" PRId64, good);
            IS(path, text);
        }
        FAILS(ERR_INVALID_PARAMETER, message, "SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'%s':'many'}}", rows[i].name);
    }
}

static void unknown_attribute_is_refused(void **state) {
    (void)state;
    FAILS(ERR_INVALID_PARAMETER, "Unknown Attribute Colour.", "CreateQueue", "{'QueueName':'q','Attributes':{'Colour':'red'}}");
    create("q");
    FAILS(ERR_INVALID_PARAMETER, "Unknown Attribute QueueArn.", "SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'QueueArn':'x'}}");
    FAILS(ERR_INVALID_PARAMETER, "Unknown Attribute Colour.", "GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['Colour']}");
}

static void refused_change_changes_nothing(void **state) {
    (void)state;
    create("q");
    assert_int_equal(ask("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'DelaySeconds':'9','VisibilityTimeout':'x'}}"),
                     ERR_INVALID_PARAMETER);
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['DelaySeconds','VisibilityTimeout']}");
    IS("Attributes.DelaySeconds", "0");
    IS("Attributes.VisibilityTimeout", "30");
}

static void only_the_attributes_asked_for_are_given(void **state) {
    (void)state;
    create("q");
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['DelaySeconds','QueueArn']}");
    assert_int_equal(json_object_size(json_object_get(last.body, "Attributes")), 2);
    OK("GetQueueAttributes", "{'QueueUrl':'q'}");
    assert_null(json_object_get(last.body, "Attributes"));
}

static void fifo_and_the_name_go_together(void **state) {
    (void)state;
    const char *why = "Invalid value for the parameter FifoQueue. Reason: FIFO queues, and only they, have names that end in .fifo.";
    FAILS(ERR_INVALID_PARAMETER, why, "CreateQueue", "{'QueueName':'q','Attributes':{'FifoQueue':'true'}}");
    FAILS(ERR_INVALID_PARAMETER, why, "CreateQueue", "{'QueueName':'q.fifo','Attributes':{'FifoQueue':'false'}}");
    OK("CreateQueue", "{'QueueName':'q.fifo','Attributes':{'FifoQueue':'true','ContentBasedDeduplication':'true'}}");
    OK("GetQueueAttributes", "{'QueueUrl':'q.fifo','AttributeNames':['All']}");
    IS("Attributes.FifoQueue", "true");
    IS("Attributes.ContentBasedDeduplication", "true");
    FAILS(ERR_INVALID_PARAMETER, "Invalid value for the parameter ContentBasedDeduplication. Reason: it is for FIFO queues.", "CreateQueue",
          "{'QueueName':'q','Attributes':{'ContentBasedDeduplication':'true'}}");
}

static void bad_names_are_refused(void **state) {
    (void)state;
    assert_int_equal(ask("CreateQueue", "{'QueueName':'a b'}"), ERR_VALIDATION);
    assert_int_equal(ask("CreateQueue", "{'QueueName':''}"), ERR_VALIDATION);
    assert_int_equal(ask("CreateQueue", "{'QueueName':'%081d'}", 0), ERR_VALIDATION);
    OK("CreateQueue", "{'QueueName':'%080d'}", 0);
}

static void url_arn_and_name_name_the_same_queue(void **state) {
    (void)state;
    static const char *const spellings[] = {"q", URL_OF("q"), ARN_OF("q"), "https://sqs.us-east-1.amazonaws.com/" ACCOUNT "/q"};
    create("q");
    for (size_t i = 0; i < 4; i++) {
        OK("GetQueueAttributes", "{'QueueUrl':'%s','AttributeNames':['QueueArn']}", spellings[i]);
        IS("Attributes.QueueArn", ARN_OF("q"));
        assert_string_equal(last.resource, ARN_OF("q"));
    }
}

static void what_names_no_queue_is_missing(void **state) {
    (void)state;
    static const char *const spellings[] = {"nothing",
                                            URL_OF("nothing"),
                                            ARN_OF("nothing"),
                                            "http://x/q",
                                            "http://",
                                            "https://host/1234/q",
                                            "arn:aws:sns:us-east-1:" ACCOUNT ":q",
                                            "http://" ACCOUNT "/q",
                                            "http://host/" ACCOUNT "/"};
    create("q");
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        FAILS(ERR_QUEUE_MISSING, "The specified queue does not exist.", "ReceiveMessage", "{'QueueUrl':'%s'}", spellings[i]);
    FAILS(ERR_QUEUE_MISSING, "The specified queue does not exist.", "GetQueueUrl", "{'QueueName':'nothing'}");
}

static void another_account_names_the_queue_in_full(void **state) {
    (void)state;
    create("q");
    caller = "444455556666";
    assert_int_equal(ask("SendMessage", "{'QueueUrl':'q','MessageBody':'x'}"), ERR_QUEUE_MISSING);
    OK("SendMessage", "{'QueueUrl':'%s','MessageBody':'x'}", URL_OF("q"));
    assert_string_equal(last.resource, ARN_OF("q")); /* what the engine has authorized */
    OK("GetQueueUrl", "{'QueueName':'q','QueueOwnerAWSAccountId':'" ACCOUNT "'}");
    IS("QueueUrl", URL_OF("q"));
    OK("ListQueues", "{}");
    assert_int_equal(count_of("QueueUrls"), 0);
    caller = ACCOUNT;
}

static void list_goes_by_prefix_and_pages(void **state) {
    (void)state;
    static const char *const names[] = {"b2", "a1", "b1", "b3", "c"};
    for (size_t i = 0; i < 5; i++) create(names[i]);
    OK("ListQueues", "{}");
    assert_int_equal(count_of("QueueUrls"), 5);
    IS("NextToken", "(none)");
    OK("ListQueues", "{'QueueNamePrefix':'b','MaxResults':2}");
    assert_int_equal(count_of("QueueUrls"), 2);
    IS("QueueUrls.0", URL_OF("b1"));
    IS("QueueUrls.1", URL_OF("b2"));
    char token[64];
    str_copyz(token, sizeof token, str_from(at("NextToken")));
    OK("ListQueues", "{'QueueNamePrefix':'b','MaxResults':2,'NextToken':'%s'}", token);
    assert_int_equal(count_of("QueueUrls"), 1);
    IS("QueueUrls.0", URL_OF("b3"));
    IS("NextToken", "(none)");
}

static void deleted_queue_is_gone_with_its_messages(void **state) {
    (void)state;
    create("q");
    send_text("q", "old");
    OK("DeleteQueue", "{'QueueUrl':'q'}");
    assert_int_equal(ask("ReceiveMessage", "{'QueueUrl':'q'}"), ERR_QUEUE_MISSING);
    assert_int_equal(ask("DeleteQueue", "{'QueueUrl':'q'}"), ERR_QUEUE_MISSING);
    struct store_queue_stats stats;
    struct fault fault;
    assert_int_equal(store->ops->queue_stats(store, 1, clock_now_ms(), &stats, &fault), ERR_OK);
    assert_int_equal(stats.visible, 0);
    create("q");
    assert_string_equal(receive("q", NULL), "(none)");
}

static void queues_outlive_the_process(void **state) {
    (void)state;
    create("dead");
    OK("CreateQueue",
       "{'QueueName':'q','Attributes':{'VisibilityTimeout':'7','Policy':'{\\'a\\':1}',"
       "'RedrivePolicy':'{\\'deadLetterTargetArn\\':\\'%s\\',\\'maxReceiveCount\\':3}'}}",
       ARN_OF("dead"));
    OK("CreateQueue", "{'QueueName':'f.fifo','Attributes':{'ContentBasedDeduplication':'true'}}");
    turn_clock(5000);
    OK("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'DelaySeconds':'0'}}");
    send_text("q", "kept");
    create("gone");
    OK("DeleteQueue", "{'QueueUrl':'gone'}");
    close_queues();
    assert_int_equal(open_queues(), 0);
    OK("ListQueues", "{}");
    assert_int_equal(count_of("QueueUrls"), 3);
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['All']}");
    IS("Attributes.VisibilityTimeout", "7");
    IS("Attributes.Policy", "{\"a\":1}");
    IS("Attributes.RedrivePolicy", "{\"deadLetterTargetArn\":\"" ARN_OF("dead") "\",\"maxReceiveCount\":3}");
    IS("Attributes.CreatedTimestamp", "1790000000");
    IS("Attributes.LastModifiedTimestamp", "1790000005");
    IS("Attributes.ApproximateNumberOfMessages", "1");
    OK("GetQueueAttributes", "{'QueueUrl':'f.fifo','AttributeNames':['All']}");
    IS("Attributes.ContentBasedDeduplication", "true");
    assert_string_equal(receive("q", NULL), "kept");
}

static void policy_is_checked_and_can_be_taken_away(void **state) {
    (void)state;
    FAILS(ERR_INVALID_PARAMETER, "Invalid value for the parameter Policy. Reason: a policy is a JSON object.", "CreateQueue",
          "{'QueueName':'q','Attributes':{'Policy':'allow'}}");
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'Policy':'{}'}}");
    assert_int_equal(atomic_load(&policies), 1);
    OK("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'Policy':''}}");
    assert_int_equal(atomic_load(&policies), 0);
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['All']}");
    IS("Attributes.Policy", "(none)");
}

static void failed_commit_changes_nothing(void **state) {
    (void)state;
    store_fault_at(store, 1, ERR_STORAGE_FULL, false);
    assert_int_equal(ask("CreateQueue", "{'QueueName':'q'}"), ERR_STORAGE_FULL);
    assert_int_equal(ask("GetQueueUrl", "{'QueueName':'q'}"), ERR_QUEUE_MISSING);
    create("q");
    store_fault_at(store, 1, ERR_STORAGE_FULL, false);
    assert_int_equal(ask("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'DelaySeconds':'9','Policy':'{}'}}"), ERR_STORAGE_FULL);
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['All']}");
    IS("Attributes.DelaySeconds", "0");
    IS("Attributes.Policy", "(none)");
    store_fault_at(store, 1, ERR_STORAGE_FULL, false);
    assert_int_equal(ask("SendMessage", "{'QueueUrl':'q','MessageBody':'x'}"), ERR_STORAGE_FULL);
    store_fault_at(store, 1, ERR_STORAGE_FULL, false);
    assert_int_equal(ask("DeleteQueue", "{'QueueUrl':'q'}"), ERR_STORAGE_FULL);
    assert_string_equal(receive("q", NULL), "(none)");
}

static void damaged_record_stops_the_start(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    struct fault fault;
    struct target other;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct store_op *op = txn_add(&txn, OP_CATALOG_PUT);
    op->u.catalog.kind = STR("queue");
    op->u.catalog.key = STR(ACCOUNT "/q");
    op->u.catalog.value = STR("{\"created\":1}");
    assert_int_equal(committer_run(host.committer, &txn, &fault), ERR_OK);
    arena_fini(&a);
    assert_int_equal(target_queue_new(&host, &other, &fault), ERR_CORRUPT);
    assert_string_equal(fault.message, "the stored queue " ACCOUNT "/q has no number");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        T(created_queue_has_its_url_and_defaults),
        T(creating_again_is_fine_when_attributes_agree),
        T(creating_again_with_another_attribute_is_refused),
        T(every_number_has_its_bounds),
        T(unknown_attribute_is_refused),
        T(refused_change_changes_nothing),
        T(only_the_attributes_asked_for_are_given),
        T(fifo_and_the_name_go_together),
        T(bad_names_are_refused),
        T(url_arn_and_name_name_the_same_queue),
        T(what_names_no_queue_is_missing),
        T(another_account_names_the_queue_in_full),
        T(list_goes_by_prefix_and_pages),
        T(deleted_queue_is_gone_with_its_messages),
        T(queues_outlive_the_process),
        T(policy_is_checked_and_can_be_taken_away),
        T(failed_commit_changes_nothing),
        T(damaged_record_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
