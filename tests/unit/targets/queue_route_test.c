#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "queue_calls.h"

#define EVENT_ID "0f0e0d0c-0b0a-4908-8706-050403020100"
#define RULE_ARN "arn:aws:events:us-east-1:444455556666:rule/r"

static char why[sizeof((struct fault *)0)->message];

static struct delivery delivery_to(const char *arn, const char *input) {
    return (struct delivery){.arn = str_from(arn),
                             .account = STR(ACCOUNT),
                             .source_arn = STR(RULE_ARN),
                             .input = str_from(input),
                             .event = str_from(input),
                             .event_id = STR(EVENT_ID),
                             .now_ms = clock_now_ms(),
                             .attempt = 1};
}

/* Routes and, as flow does, commits what was added. */
static enum outcome route(struct delivery d) {
    struct arena a;
    struct txn txn;
    struct fault fault;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    fault_clear(&fault);
    enum outcome outcome = queues.kind->route(queues.self, &d, &txn, &fault);
    str_copyz(why, sizeof why, str_from(fault.message));
    assert_int_equal(txn.count, outcome == OUTCOME_DELIVERED ? 1 : 0);
    assert_int_equal(committer_run(host.committer, &txn, &fault), ERR_OK);
    arena_fini(&a);
    return outcome;
}

static void takes_arns_of_queues_only(void **state) {
    (void)state;
    static const char *const others[] = {
        "arn:aws:sns:us-east-1:" ACCOUNT ":q", "arn:aws:sqs:us-east-1:12:q", "arn:aws:sqs:us-east-1:" ACCOUNT ":a:b", "q", URL_OF("q"), ""};
    assert_true(queues.kind->in_store);
    assert_true(queues.kind->takes(STR(ARN_OF("q"))));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_false(queues.kind->takes(str_from(others[i])));
}

static void event_becomes_one_message(void **state) {
    (void)state;
    create("q");
    assert_int_equal(route(delivery_to(ARN_OF("q"), "{\"n\":1}")), OUTCOME_DELIVERED);
    assert_string_equal(receive("q", NULL), "{\"n\":1}");
    assert_string_equal(receive("q", NULL), "(none)");
}

static void attributes_travel_with_the_event(void **state) {
    (void)state;
    struct delivery d = delivery_to(ARN_OF("q"), "{}");
    create("q");
    d.attributes = STR("{\"ERROR_CODE\":{\"DataType\":\"String\",\"StringValue\":\"NO_RESOURCE\"}}");
    assert_int_equal(route(d), OUTCOME_DELIVERED);
    OK("ReceiveMessage", "{'QueueUrl':'q','MessageAttributeNames':['ERROR_CODE']}");
    IS("Messages.0.MessageAttributes.ERROR_CODE.StringValue", "NO_RESOURCE");
}

static void delay_of_the_queue_applies(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'DelaySeconds':'5'}}");
    assert_int_equal(route(delivery_to(ARN_OF("q"), "{}")), OUTCOME_DELIVERED);
    turn_clock(4999);
    assert_string_equal(receive("q", NULL), "(none)");
    turn_clock(1);
    assert_string_equal(receive("q", NULL), "{}");
}

static void missing_queue_is_no_resource(void **state) {
    (void)state;
    create("q");
    assert_int_equal(route(delivery_to(ARN_OF("other"), "{}")), OUTCOME_NO_RESOURCE);
    assert_string_equal(why, "The queue does not exist.");
    assert_int_equal(route(delivery_to("arn:aws:sqs:eu-west-1:" ACCOUNT ":q", "{}")), OUTCOME_NO_RESOURCE);
    assert_int_equal(route(delivery_to("arn:aws-cn:sqs:us-east-1:" ACCOUNT ":q", "{}")), OUTCOME_NO_RESOURCE);
    OK("DeleteQueue", "{'QueueUrl':'q'}");
    assert_int_equal(route(delivery_to(ARN_OF("q"), "{}")), OUTCOME_NO_RESOURCE);
}

static void too_long_an_event_is_invalid(void **state) {
    (void)state;
    char body[1100];
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'MaximumMessageSize':'1024'}}");
    memset(body, 'x', sizeof body);
    body[1025] = 0;
    assert_int_equal(route(delivery_to(ARN_OF("q"), body)), OUTCOME_INVALID_PARAMETER);
    assert_string_equal(why, "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.");
    body[1024] = 0;
    assert_int_equal(route(delivery_to(ARN_OF("q"), body)), OUTCOME_DELIVERED);
}

static void another_accounts_queue_must_allow_it(void **state) {
    (void)state;
    struct delivery d = delivery_to(ARN_OF("q"), "{}");
    d.account = STR("444455556666");
    create("q");
    assert_int_equal(route(d), OUTCOME_NO_PERMISSIONS);
    OK("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'Policy':'{\\'allow\\':\\'777788889999\\'}'}}");
    assert_int_equal(route(d), OUTCOME_NO_PERMISSIONS);
    assert_string_equal(receive("q", NULL), "(none)");
    OK("SetQueueAttributes", "{'QueueUrl':'q','Attributes':{'Policy':'{\\'allow\\':\\'444455556666\\'}'}}");
    assert_int_equal(route(d), OUTCOME_DELIVERED);
    assert_string_equal(policy_question, "sqs:SendMessage " ARN_OF("q") " 444455556666 " RULE_ARN);
    assert_string_equal(receive("q", NULL), "{}");
    close_queues(); /* the policy is the stored queue's as well */
    assert_int_equal(open_queues(), 0);
    assert_int_equal(route(d), OUTCOME_DELIVERED);
}

static void own_queue_needs_no_policy(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'Policy':'{\\'allow\\':\\'777788889999\\'}'}}");
    assert_int_equal(route(delivery_to(ARN_OF("q"), "{}")), OUTCOME_DELIVERED);
}

static void fifo_queue_needs_a_group(void **state) {
    (void)state;
    create("q.fifo");
    assert_int_equal(route(delivery_to(ARN_OF("q.fifo"), "{}")), OUTCOME_INVALID_PARAMETER);
    assert_string_equal(why, "The request must contain the parameter MessageGroupId.");
}

static const char *dedup_of(struct delivery d) {
    d.group = STR("g");
    assert_int_equal(route(d), OUTCOME_DELIVERED);
    OK("ReceiveMessage", "{'QueueUrl':'q.fifo','VisibilityTimeout':0,'AttributeNames':['MessageDeduplicationId']}");
    return at("Messages.0.Attributes.MessageDeduplicationId");
}

static void event_id_deduplicates_when_nothing_else_does(void **state) {
    (void)state;
    struct delivery d = delivery_to(ARN_OF("q.fifo"), "{}");
    create("q.fifo");
    assert_string_equal(dedup_of(d), EVENT_ID);
    assert_string_equal(dedup_of(d), EVENT_ID);
    OK("GetQueueAttributes", "{'QueueUrl':'q.fifo','AttributeNames':['ApproximateNumberOfMessages']}");
    IS("Attributes.ApproximateNumberOfMessages", "1");
}

static void given_deduplication_id_comes_first(void **state) {
    (void)state;
    struct delivery d = delivery_to(ARN_OF("q.fifo"), "{}");
    OK("CreateQueue", "{'QueueName':'q.fifo','Attributes':{'ContentBasedDeduplication':'true'}}");
    d.dedup = STR("mine");
    assert_string_equal(dedup_of(d), "mine");
}

static void content_comes_before_the_event_id(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q.fifo','Attributes':{'ContentBasedDeduplication':'true'}}");
    assert_string_equal(dedup_of(delivery_to(ARN_OF("q.fifo"), "{}")), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}

static void queue_without_fifo_takes_no_group_and_no_deduplication(void **state) {
    (void)state;
    struct delivery d = delivery_to(ARN_OF("q"), "{}");
    d.group = STR("g");
    d.dedup = STR("d");
    create("q");
    assert_int_equal(route(d), OUTCOME_DELIVERED);
    assert_int_equal(route(d), OUTCOME_DELIVERED);
    assert_string_equal(receive("q", NULL), "{}");
    assert_string_equal(receive("q", NULL), "{}");
}

static void full_arena_is_an_error_of_ours(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    struct fault fault;
    struct delivery d = delivery_to(ARN_OF("q"), "{}");
    create("q");
    arena_init(&a, 64);
    txn_init(&txn, &a);
    assert_int_equal(queues.kind->route(queues.self, &d, &txn, &fault), OUTCOME_INTERNAL_ERROR);
    assert_int_equal(fault.code, ERR_NOMEM);
    assert_int_equal(txn.count, 0);
    arena_fini(&a);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        T(takes_arns_of_queues_only),
        T(event_becomes_one_message),
        T(attributes_travel_with_the_event),
        T(delay_of_the_queue_applies),
        T(missing_queue_is_no_resource),
        T(too_long_an_event_is_invalid),
        T(another_accounts_queue_must_allow_it),
        T(own_queue_needs_no_policy),
        T(fifo_queue_needs_a_group),
        T(event_id_deduplicates_when_nothing_else_does),
        T(given_deduplication_id_comes_first),
        T(content_comes_before_the_event_id),
        T(queue_without_fifo_takes_no_group_and_no_deduplication),
        T(full_arena_is_an_error_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
