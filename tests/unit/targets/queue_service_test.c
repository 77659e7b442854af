/* Queues: attributes, sending and receiving, FIFO, dead letters, long polls, routing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "queue/queue.h"
#include "target_host.h"

static struct target target;
static int64_t numbers;
static bool let_in;

static enum err next_number(void *flow, int64_t *number, struct fault *fault) {
    (void)flow, (void)fault;
    *number = ++numbers;
    return ERR_OK;
}
static enum err policy_new(struct str text, void **policy, struct fault *fault) {
    if (str_eqz(text, "bad")) return fault_set(fault, ERR_VALIDATION, "it is bad.");
    *policy = &let_in;
    return ERR_OK;
}
static void policy_free(void *policy) { (void)policy; }
static bool policy_allows(const void *policy, const char *action, struct str resource, struct str account, struct str source_arn) {
    (void)action, (void)resource, (void)account, (void)source_arn;
    return *(const bool *)policy;
}

static int setup(void **state) {
    struct fault fault;
    (void)state;
    if (host_start()) return -1;
    host.next_number = next_number;
    host.policy_new = policy_new;
    host.policy_free = policy_free;
    host.policy_allows = policy_allows;
    return target_queue_new(&host, &target, &fault) ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    clock_real();
    target.stop(target.self);
    target.free(target.self);
    host_end();
    return 0;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------------ */
static enum err run(struct host_call *c, const char *operation, void *in) { return host_run(c, &target, operation, in); }

static void done(const char *operation, void *in) {
    struct host_call c;
    enum err err = run(&c, operation, in);
    if (err) print_error("%s: %s\n", operation, c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    arena_fini(&c.arena);
}

static void refused(const char *operation, void *in, enum err wanted, const char *message) {
    struct host_call c;
    assert_int_equal(run(&c, operation, in), wanted);
    if (message && strcmp(c.call.fault.message, message) != 0) print_error("got      %s\nexpected %s\n", c.call.fault.message, message);
    if (message) assert_string_equal(c.call.fault.message, message);
    arena_fini(&c.arena);
}

struct pair { const char *key, *value; };
static struct list attributes(struct map_entry *items, const struct pair *pairs) {
    size_t n = 0;
    for (; pairs[n].key; n++) items[n] = (struct map_entry){.key = str_from(pairs[n].key), .s = str_from(pairs[n].value)};
    return (struct list){true, n, items};
}

static enum err create_err(const char *name, const struct pair *pairs, struct host_call *c) {
    struct map_entry items[8];
    struct queue_create in = {.name = str_from(name), .attributes = attributes(items, pairs)};
    return run(c, "CreateQueue", &in);
}
static void create(const char *name, const struct pair *pairs) {
    struct host_call c;
    enum err err = create_err(name, pairs, &c);
    if (err) print_error("%s\n", c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    arena_fini(&c.arena);
}
#define PLAIN (const struct pair[]){{NULL, NULL}}

static void send(const char *queue, const char *body) { done("SendMessage", &(struct queue_send){.url = str_from(queue), .body = str_from(body)}); }
static void send_group(const char *queue, const char *body, const char *group, const char *dedup) {
    done("SendMessage", &(struct queue_send){.url = str_from(queue), .body = str_from(body), .group = str_from(group), .dedup = str_from(dedup)});
}

/* Receives up to ten: bodies joined by commas; the last handle into handle. */
static void receives(const char *queue, const char *wanted, char *handle) {
    struct host_call c;
    char got[256] = "";
    struct queue_receive in = {.url = str_from(queue), .max = {true, 10}};
    assert_int_equal(run(&c, "ReceiveMessage", &in), ERR_OK);
    const struct queue_receive_answer *out = c.call.out;
    for (size_t i = 0; i < out->messages.n; i++) {
        const struct queue_message *m = LIST_AT(out->messages, struct queue_message, i);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? "," : "", STR_ARG(m->body));
        if (handle) str_copyz(handle, 256, m->handle);
    }
    assert_string_equal(got, wanted);
    arena_fini(&c.arena);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------------------- */
static void creating_again_is_fine_unless_attributes_differ(void **state) {
    (void)state;
    struct host_call c;
    create("q", (const struct pair[]){{"VisibilityTimeout", "60"}, {NULL, NULL}});
    create("q", (const struct pair[]){{"VisibilityTimeout", "60"}, {NULL, NULL}});
    create("q", PLAIN);
    assert_int_equal(create_err("q", (const struct pair[]){{"VisibilityTimeout", "61"}, {NULL, NULL}}, &c), ERR_QUEUE_EXISTS);
    assert_string_equal(c.call.fault.message, "A queue already exists with the same name and a different value for attribute VisibilityTimeout");
    arena_fini(&c.arena);
}

static void attributes_have_bounds(void **state) {
    (void)state;
    static const struct pair bad[] = {{"VisibilityTimeout", "43201"}, {"VisibilityTimeout", "-1"}, {"VisibilityTimeout", "soon"}, {"MessageRetentionPeriod", "59"},
        {"DelaySeconds", "901"}, {"ReceiveMessageWaitTimeSeconds", "21"}, {"MaximumMessageSize", "1023"}, {"FifoQueue", "true"}, {"FifoQueue", "maybe"},
        {"ContentBasedDeduplication", "true"}, {"RedrivePolicy", "{}"}, {"RedrivePolicy", "no"}, {"Policy", "bad"}, {"Nonsense", "1"},
        {"RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:q\",\"maxReceiveCount\":1}"},
        {"RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:d\",\"maxReceiveCount\":0}"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct host_call c;
        enum err err = create_err("q", (const struct pair[]){bad[i], {NULL, NULL}}, &c);
        if (err != ERR_INVALID_PARAMETER) print_error("%s=%s: %d\n", bad[i].key, bad[i].value, err);
        assert_int_equal(err, ERR_INVALID_PARAMETER);
        assert_true(c.call.fault.message[0]);
        arena_fini(&c.arena);
    }
    refused("GetQueueUrl", &(struct queue_get_url){.name = STR("q")}, ERR_QUEUE_MISSING, "The specified queue does not exist.");
}

static void a_queue_is_named_by_name_arn_or_url(void **state) {
    (void)state;
    create("q", PLAIN);
    send("q", "1");
    send("arn:aws:sqs:us-east-1:111122223333:q", "2");
    send("http://127.0.0.1:4566/111122223333/q", "3");
    send("https://sqs.us-east-1.amazonaws.com/111122223333/q", "4");
    receives("q", "1,2,3,4", NULL);
    static const char *const wrong[] = {"http://x/q", "http://x/111122223333/", "https://", "arn:aws:sns:us-east-1:111122223333:q", "http://x/999999999999/q"};
    for (size_t i = 0; i < 5; i++)
        refused("SendMessage", &(struct queue_send){.url = str_from(wrong[i]), .body = STR("x")}, ERR_QUEUE_MISSING, NULL);
}

static void a_received_message_is_hidden_until_its_time_then_comes_again(void **state) {
    (void)state;
    char first[256], second[256];
    clock_fake(1790000000000);
    create("q", (const struct pair[]){{"VisibilityTimeout", "30"}, {NULL, NULL}});
    send("q", "m");
    receives("q", "m", first);
    receives("q", "", NULL);
    clock_fake(1790000030000);
    receives("q", "m", second);
    done("DeleteMessage", &(struct queue_handle){.url = STR("q"), .handle = str_from(first)}); /* stale: does nothing */
    clock_fake(1790000061000);
    receives("q", "m", second);
    done("DeleteMessage", &(struct queue_handle){.url = STR("q"), .handle = str_from(second)});
    clock_fake(1790000999000);
    receives("q", "", NULL);
    refused("ChangeMessageVisibility", &(struct queue_handle){.url = STR("q"), .handle = str_from(second), .visibility = {true, 1}}, ERR_NOT_IN_FLIGHT, NULL);
}

static void handles_are_checked(void **state) {
    (void)state;
    char handle[256];
    create("q", PLAIN), create("other", PLAIN);
    send("q", "m");
    receives("q", "m", handle);
    refused("DeleteMessage", &(struct queue_handle){.url = STR("q"), .handle = STR("nonsense")}, ERR_RECEIPT_HANDLE, "The input receipt handle is invalid.");
    refused("DeleteMessage", &(struct queue_handle){.url = STR("other"), .handle = str_from(handle)}, ERR_RECEIPT_HANDLE, NULL);
    handle[2] = handle[2] == 'A' ? 'B' : 'A';
    refused("DeleteMessage", &(struct queue_handle){.url = STR("q"), .handle = str_from(handle)}, ERR_RECEIPT_HANDLE, NULL);
}

static void received_too_often_it_goes_to_the_dead_letter_queue(void **state) {
    (void)state;
    create("dead", PLAIN);
    create("q", (const struct pair[]){{"VisibilityTimeout", "0"},
           {"RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:dead\",\"maxReceiveCount\":2}"}, {NULL, NULL}});
    send("q", "m");
    receives("q", "m", NULL);
    receives("q", "m", NULL);
    receives("q", "", NULL);
    receives("dead", "m", NULL);
    struct host_call c;
    assert_int_equal(run(&c, "ListDeadLetterSourceQueues", &(struct queue_sources){.url = STR("dead")}), ERR_OK);
    const struct queue_list_answer *out = c.call.out;
    assert_int_equal(out->urls.n, 1);
    assert_true(str_ends(*LIST_AT(out->urls, struct str, 0), STR("/q")));
    arena_fini(&c.arena);
}

static void a_fifo_queue_keeps_order_and_says_each_thing_once(void **state) {
    (void)state;
    char handle[256];
    create("q.fifo", (const struct pair[]){{"FifoQueue", "true"}, {NULL, NULL}});
    refused("SendMessage", &(struct queue_send){.url = STR("q.fifo"), .body = STR("x"), .dedup = STR("d")}, ERR_INVALID_PARAMETER,
            "The request must contain the parameter MessageGroupId.");
    refused("SendMessage", &(struct queue_send){.url = STR("q.fifo"), .body = STR("x"), .group = STR("g")}, ERR_INVALID_PARAMETER, NULL);
    send_group("q.fifo", "a1", "a", "1");
    send_group("q.fifo", "a2", "a", "2");
    send_group("q.fifo", "a1 again", "a", "1");
    send_group("q.fifo", "b1", "b", "3");
    struct host_call c;
    assert_int_equal(run(&c, "ReceiveMessage", &(struct queue_receive){.url = STR("q.fifo")}), ERR_OK);
    const struct queue_receive_answer *out = c.call.out;
    assert_true(str_eqz(LIST_AT(out->messages, struct queue_message, 0)->body, "a1"));
    str_copyz(handle, sizeof handle, LIST_AT(out->messages, struct queue_message, 0)->handle);
    arena_fini(&c.arena);
    receives("q.fifo", "b1", NULL); /* group a is closed while a1 is in flight */
    done("DeleteMessage", &(struct queue_handle){.url = STR("q.fifo"), .handle = str_from(handle)});
    receives("q.fifo", "a2", NULL);
    create("c.fifo", (const struct pair[]){{"ContentBasedDeduplication", "true"}, {NULL, NULL}});
    send_group("c.fifo", "same", "g", NULL);
    send_group("c.fifo", "same", "g", NULL);
    receives("c.fifo", "same", NULL);
}

static void message_attributes_come_back_with_sqs_digest(void **state) {
    (void)state;
    create("q", PLAIN);
    struct queue_attribute_value city = {.type = STR("String"), .text = STR("Any City")}, greeting = {.type = STR("Binary"), .binary = STR("Hello, World!")},
                                 population = {.type = STR("Number"), .text = STR("1250800")};
    struct map_entry items[] = {{.key = STR("City"), .p = &city}, {.key = STR("Greeting"), .p = &greeting}, {.key = STR("Population"), .p = &population}};
    struct host_call c;
    assert_int_equal(run(&c, "SendMessage", &(struct queue_send){.url = STR("q"), .body = STR("hello"), .attributes = {true, 3, items}}), ERR_OK);
    const struct queue_send_answer *sent = c.call.out;
    assert_true(str_eqz(sent->md5, "5d41402abc4b2a76b9719d911017c592"));
    char md5[33];
    assert_true(str_copyz(md5, sizeof md5, sent->md5_attributes));
    assert_string_equal(md5, "28eb0e573cf8e8a77e349a2f968eac4a");
    arena_fini(&c.arena);
    struct str names[] = {STR("City"), STR("Pop.*"), STR("Population")};
    struct queue_receive in = {.url = STR("q"), .message_attribute_names = {true, 3, names}};
    assert_int_equal(run(&c, "ReceiveMessage", &in), ERR_OK);
    const struct queue_message *m = LIST_AT(((const struct queue_receive_answer *)c.call.out)->messages, struct queue_message, 0);
    assert_int_equal(m->message_attributes.n, 2);
    arena_fini(&c.arena);
}

static void a_batch_fails_entry_by_entry(void **state) {
    (void)state;
    create("q", (const struct pair[]){{"MaximumMessageSize", "1024"}, {NULL, NULL}});
    static char big[2000];
    memset(big, 'x', sizeof big);
    struct queue_send_entry entries[] = {{.entry_id = STR("1"), .body = STR("a")}, {.entry_id = STR("2"), .body = str_of(big, sizeof big)}, {.entry_id = STR("3"), .body = STR("c")}};
    struct host_call c;
    assert_int_equal(run(&c, "SendMessageBatch", &(struct queue_send_batch){.url = STR("q"), .entries = {true, 3, entries}}), ERR_OK);
    const struct queue_send_batch_answer *out = c.call.out;
    assert_int_equal(out->successful.n, 2);
    assert_int_equal(out->failed.n, 1);
    assert_true(str_eqz(LIST_AT(out->failed, struct queue_batch_error, 0)->entry_id, "2"));
    arena_fini(&c.arena);
    receives("q", "a,c", NULL);
    entries[2].entry_id = STR("1");
    refused("SendMessageBatch", &(struct queue_send_batch){.url = STR("q"), .entries = {true, 3, entries}}, ERR_INVALID_PARAMETER, "Id 1 repeated.");
}

/* ---- long polls ------------------------------------------------------------------------------------------------------------------------------- */
static void *late_sender(void *ctx) {
    for (int i = 0; i < 20; i++) send(ctx, "late");
    return NULL;
}

static void a_long_poll_is_woken_by_a_send(void **state) {
    (void)state;
    create("q", PLAIN);
    int64_t start = clock_mono_ns();
    for (int round = 0; round < 10; round++) { /* sends race with polls: none may be missed until the poll's end */
        pthread_t sender;
        assert_int_equal(pthread_create(&sender, NULL, late_sender, (void *)(uintptr_t)"q"), 0);
        for (int got = 0; got < 20;) {
            struct host_call c;
            assert_int_equal(run(&c, "ReceiveMessage", &(struct queue_receive){.url = STR("q"), .max = {true, 10}, .wait = {true, 20}}), ERR_OK);
            size_t n = ((const struct queue_receive_answer *)c.call.out)->messages.n;
            assert_true(n > 0);
            got += (int)n;
            arena_fini(&c.arena);
        }
        pthread_join(sender, NULL);
    }
    assert_true(clock_mono_ns() - start < 15000000000);
}

static void a_long_poll_ends_empty(void **state) {
    (void)state;
    create("q", PLAIN);
    struct host_call c;
    int64_t start = clock_mono_ns();
    assert_int_equal(run(&c, "ReceiveMessage", &(struct queue_receive){.url = STR("q"), .wait = {true, 1}}), ERR_OK);
    assert_int_equal(((const struct queue_receive_answer *)c.call.out)->messages.n, 0);
    assert_true(clock_mono_ns() - start >= 990000000);
    arena_fini(&c.arena);
}

static void *long_poll(void *ctx) {
    struct host_call c;
    *(enum err *)ctx = run(&c, "ReceiveMessage", &(struct queue_receive){.url = STR("q"), .wait = {true, 20}});
    arena_fini(&c.arena);
    return NULL;
}

static void stopping_answers_who_waits(void **state) {
    (void)state;
    create("q", PLAIN);
    pthread_t poll;
    enum err err = ERR_INTERNAL;
    int64_t start = clock_mono_ns();
    assert_int_equal(pthread_create(&poll, NULL, long_poll, &err), 0);
    target.stop(target.self); /* before or after it waits: both end at once */
    pthread_join(poll, NULL);
    assert_true(err == ERR_OK || err == ERR_THROTTLING);
    assert_true(clock_mono_ns() - start < 10000000000);
}

/* ---- restart and routing --------------------------------------------------------------------------------------------------------------------- */
static void queues_are_there_after_a_restart(void **state) {
    (void)state;
    struct fault fault;
    create("dead", PLAIN);
    create("q", (const struct pair[]){{"VisibilityTimeout", "7"}, {"Policy", "{}"},
           {"RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:dead\",\"maxReceiveCount\":2}"}, {NULL, NULL}});
    send("q", "m");
    target.stop(target.self);
    target.free(target.self);
    assert_int_equal(target_queue_new(&host, &target, &fault), ERR_OK);
    create("q", (const struct pair[]){{"VisibilityTimeout", "7"}, {"Policy", "{}"},
           {"RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:dead\",\"maxReceiveCount\":2}"}, {NULL, NULL}});
    receives("q", "m", NULL);
    done("DeleteQueue", &(struct queue_url){.url = STR("q")});
    create("q", PLAIN);
    receives("q", "", NULL); /* a new queue of the same name is empty */
}

static enum outcome route(const struct delivery *d, struct txn *txn) {
    struct fault fault;
    fault_clear(&fault);
    return target.kind->route(target.self, d, txn, &fault);
}

static void routing_sends_one_message_or_says_why_not(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    create("q", (const struct pair[]){{"MaximumMessageSize", "1024"}, {"Policy", "{}"}, {NULL, NULL}});
    create("f.fifo", PLAIN);
    arena_init(&a, 0);
    txn_init(&txn, &a);
    static char big[2000];
    struct delivery d = {.arn = STR("arn:aws:sqs:us-east-1:111122223333:q"), .account = STR("111122223333"), .input = STR("{}"),
                         .event_id = STR("7bf73129-1428-4cd3-a780-95db273d1602"), .now_ms = 5};
    assert_int_equal(route(&d, &txn), OUTCOME_DELIVERED);
    assert_null(txn.first->u.send.group.p);
    d.input = str_of(big, sizeof big);
    assert_int_equal(route(&d, &txn), OUTCOME_INVALID_PARAMETER);
    d.input = STR("{}");
    d.account = STR("999999999999");
    let_in = false;
    assert_int_equal(route(&d, &txn), OUTCOME_NO_PERMISSIONS);
    let_in = true;
    assert_int_equal(route(&d, &txn), OUTCOME_DELIVERED);
    d.account = STR("111122223333");
    d.arn = STR("arn:aws:sqs:us-east-1:111122223333:f.fifo");
    assert_int_equal(route(&d, &txn), OUTCOME_INVALID_PARAMETER);
    d.group = STR("g");
    assert_int_equal(route(&d, &txn), OUTCOME_DELIVERED);
    assert_true(str_eq(txn.last->u.send.dedup, d.event_id));
    d.arn = STR("arn:aws:sqs:us-east-1:111122223333:gone");
    assert_int_equal(route(&d, &txn), OUTCOME_NO_RESOURCE);
    assert_int_equal(txn.count, 3);
    arena_fini(&a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(creating_again_is_fine_unless_attributes_differ), T(attributes_have_bounds), T(a_queue_is_named_by_name_arn_or_url),
        T(a_received_message_is_hidden_until_its_time_then_comes_again), T(handles_are_checked), T(received_too_often_it_goes_to_the_dead_letter_queue),
        T(a_fifo_queue_keeps_order_and_says_each_thing_once), T(message_attributes_come_back_with_sqs_digest), T(a_batch_fails_entry_by_entry),
        T(a_long_poll_is_woken_by_a_send), T(a_long_poll_ends_empty), T(stopping_answers_who_waits), T(queues_are_there_after_a_restart),
        T(routing_sends_one_message_or_says_why_not),
    };
    return cmocka_run_group_tests_name("targets/queue_service", tests, NULL, NULL);
}
