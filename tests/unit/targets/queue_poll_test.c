#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <poll.h>

#include "queue_calls.h"

/* A receive that is not answered at once; receive_end waits for the answer. */
static void wait_begin(struct reply *r, const char *queue, int seconds) {
    char request[256];
    int n = snprintf(request, sizeof request, "{\"QueueUrl\":\"%s\",\"WaitTimeSeconds\":%d,\"MaxNumberOfMessages\":10}", queue, seconds);
    reply_begin(r, ACCOUNT, "ReceiveMessage", str_of(request, (size_t)n));
}
/* The answer's first body, "(none)" without messages. */
static void wait_end(struct reply *r, const char *body) {
    reply_wait(r);
    assert_int_equal(r->err, ERR_OK);
    assert_string_equal(reply_at(r, "Messages.0.Body"), body);
    reply_fini(r);
}
static bool is_answered(struct reply *r) {
    pthread_mutex_lock(&replies_lock);
    bool answered = r->err != ERR_PENDING;
    pthread_mutex_unlock(&replies_lock);
    return answered;
}

static void message_that_is_there_is_given_at_once(void **state) {
    (void)state;
    struct reply r;
    create("q");
    send_text("q", "x");
    wait_begin(&r, "q", 20);
    assert_false(r.pending);
    wait_end(&r, "x");
}

static void send_ends_a_wait(void **state) {
    (void)state;
    struct reply r;
    create("q");
    wait_begin(&r, "q", 20);
    assert_true(r.pending);
    send_text("q", "x");
    wait_end(&r, "x");
}

static void routed_event_ends_a_wait(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    struct fault fault;
    struct reply r;
    const struct delivery d = {
        .arn = STR(ARN_OF("q")), .account = STR(ACCOUNT), .input = STR("{}"), .event_id = STR("e"), .now_ms = clock_now_ms()};
    create("q");
    wait_begin(&r, "q", 20);
    arena_init(&a, 0);
    txn_init(&txn, &a);
    assert_int_equal(queues.kind->route(queues.self, &d, &txn, &fault), OUTCOME_DELIVERED);
    assert_false(is_answered(&r)); /* nothing is there before the commit */
    assert_int_equal(committer_run(host.committer, &txn, &fault), ERR_OK);
    wait_end(&r, "{}");
    arena_fini(&a);
}

static void wait_ends_without_messages_when_its_time_is_over(void **state) {
    (void)state;
    struct reply r;
    create("q");
    wait_begin(&r, "q", 20);
    turn_clock(19999);
    assert_false(is_answered(&r));
    turn_clock(1);
    wait_end(&r, "(none)");
}

static void queue_can_make_every_receive_wait(void **state) {
    (void)state;
    struct reply r;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'ReceiveMessageWaitTimeSeconds':'3'}}");
    reply_begin(&r, ACCOUNT, "ReceiveMessage", STR("{\"QueueUrl\":\"q\"}"));
    assert_true(r.pending);
    turn_clock(3000);
    wait_end(&r, "(none)");
    wait_begin(&r, "q", 0);
    assert_false(r.pending);
    wait_end(&r, "(none)");
}

static void message_whose_delay_ends_ends_a_wait(void **state) {
    (void)state;
    struct reply r;
    create("q");
    OK("SendMessage", "{'QueueUrl':'q','MessageBody':'late','DelaySeconds':5}");
    wait_begin(&r, "q", 20);
    assert_true(r.pending);
    turn_clock(5000);
    wait_end(&r, "late");
}

static void every_message_finds_one_of_those_that_wait(void **state) {
    (void)state;
    struct reply r[3], elsewhere;
    create("q");
    create("other");
    for (int i = 0; i < 3; i++) wait_begin(&r[i], "q", 20 - i);
    wait_begin(&elsewhere, "other", 20);
    for (int i = 0; i < 3; i++) {
        send_text("q", "x");
        wait_end(&r[2 - i], "x"); /* whose time would end first is served first */
        for (int k = 0; k < 2 - i; k++) assert_false(is_answered(&r[k]));
    }
    assert_false(is_answered(&elsewhere));
    send_text("other", "y");
    wait_end(&elsewhere, "y");
}

static void too_many_that_wait_are_told_so(void **state) {
    (void)state;
    static struct reply r[1000];
    create("q");
    for (int i = 0; i < 1000; i++) {
        wait_begin(&r[i], "q", 20);
        assert_true(r[i].pending);
    }
    FAILS(ERR_THROTTLING, "1000 receivers are waiting already; try again without WaitTimeSeconds.", "ReceiveMessage",
          "{'QueueUrl':'q','WaitTimeSeconds':1}");
    OK("ReceiveMessage", "{'QueueUrl':'q'}");
    turn_clock(20000);
    for (int i = 0; i < 1000; i++) wait_end(&r[i], "(none)");
    wait_begin(r, "q", 1); /* there is room again */
    assert_true(r->pending);
    send_text("q", "x");
    wait_end(r, "x");
}

static void end_of_the_daemon_ends_all_waits(void **state) {
    (void)state;
    struct reply r[3];
    create("q");
    for (int i = 0; i < 3; i++) wait_begin(&r[i], "q", 20);
    queues.stop(queues.self);
    for (int i = 0; i < 3; i++) wait_end(&r[i], "(none)");
    wait_begin(&r[0], "q", 20); /* who comes later does not wait */
    assert_false(r[0].pending);
    wait_end(&r[0], "(none)");
    send_text("q", "x");
    assert_string_equal(receive("q", NULL), "x");
}

static void failed_look_is_the_callers_error(void **state) {
    (void)state;
    struct reply r;
    create("q");
    wait_begin(&r, "q", 20);
    assert_true(r.pending);
    store_fault_at(store, 1, ERR_IO, false);
    turn_clock(20000);
    reply_wait(&r);
    assert_int_equal(r.err, ERR_IO);
    reply_fini(&r);
}

static void deleted_queue_leaves_no_wait_behind(void **state) {
    (void)state;
    struct reply r;
    create("q");
    wait_begin(&r, "q", 20);
    OK("DeleteQueue", "{'QueueUrl':'q'}");
    turn_clock(20000);
    wait_end(&r, "(none)");
}

/* Until the number of the queue's messages is `count`; false after half a minute of real time. */
static bool await_count(const char *queue, const char *count) {
    int64_t until = clock_mono_ns() + INT64_C(30000000000);
    for (;;) {
        OK("GetQueueAttributes", "{'QueueUrl':'%s','AttributeNames':['ApproximateNumberOfMessages']}", queue);
        if (strcmp(at("Attributes.ApproximateNumberOfMessages"), count) == 0) return true;
        if (clock_mono_ns() > until) return false;
        poll(NULL, 0, 2);
    }
}

static void old_messages_go(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'short','Attributes':{'MessageRetentionPeriod':'60'}}");
    create("long");
    send_text("short", "old");
    send_text("long", "kept");
    turn_clock(50000);
    send_text("short", "young");
    turn_clock(10001);
    assert_true(await_count("short", "1"));
    assert_string_equal(receive("short", NULL), "young");
    assert_string_equal(receive("long", NULL), "kept");
}

/* ---- threads
 * -------------------------------------------------------------------------------------------------------------------------------- */

enum { WORKERS = 3, EACH = 60 };
static _Atomic int received[WORKERS * EACH], total, consuming;

static void ask_as_thread(struct reply *r, const char *operation, const char *request) {
    reply_begin(r, ACCOUNT, operation, str_from(request));
    reply_wait(r);
    if (r->err) abort();
}

static void *produce(void *ctx) {
    int base = *(const int *)ctx * EACH;
    for (int i = 0; i < EACH; i++) {
        char request[128];
        struct reply r;
        snprintf(request, sizeof request, "{\"QueueUrl\":\"q\",\"MessageBody\":\"%d\"}", base + i);
        ask_as_thread(&r, "SendMessage", request);
        reply_fini(&r);
    }
    return NULL;
}

static void *consume(void *ctx) {
    (void)ctx;
    while (atomic_load(&total) < WORKERS * EACH) {
        struct reply r;
        ask_as_thread(&r, "ReceiveMessage", "{\"QueueUrl\":\"q\",\"WaitTimeSeconds\":20,\"MaxNumberOfMessages\":3}");
        const json_t *messages = json_object_get(r.body, "Messages");
        size_t n = json_array_size(messages);
        for (size_t i = 0; i < n; i++) {
            int64_t number = -1;
            const char *body = json_string_value(json_object_get(json_array_get(messages, i), "Body"));
            if (!body || !str_to_i64(str_from(body), &number) || number < 0 || number >= WORKERS * EACH) abort();
            atomic_fetch_add(&received[number], 1);
        }
        atomic_fetch_add(&total, (int)n);
        reply_fini(&r);
    }
    atomic_fetch_sub(&consuming, 1);
    return NULL;
}

static void *change(void *ctx) {
    (void)ctx;
    for (int i = 0; i < EACH; i++) {
        struct reply r;
        ask_as_thread(&r, "SetQueueAttributes",
                      i % 2 ? "{\"QueueUrl\":\"q\",\"Attributes\":{\"Policy\":\"{}\"}}"
                            : "{\"QueueUrl\":\"q\",\"Attributes\":{\"Policy\":\"\",\"VisibilityTimeout\":\"43200\"}}");
        reply_fini(&r);
    }
    return NULL;
}

static void messages_are_received_once_by_many_threads(void **state) {
    (void)state;
    pthread_t producers[WORKERS], consumers[WORKERS], changer;
    int index[WORKERS];
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'VisibilityTimeout':'43200'}}");
    atomic_store(&consuming, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        index[i] = i;
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, NULL), 0);
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &index[i]), 0);
    }
    assert_int_equal(pthread_create(&changer, NULL, change, NULL), 0);
    for (int i = 0; i < WORKERS; i++) pthread_join(producers[i], NULL);
    while (atomic_load(&consuming)) { /* all was sent: who still waits for more is done when its time is over */
        turn_clock(1000);
        poll(NULL, 0, 2);
    }
    for (int i = 0; i < WORKERS; i++) pthread_join(consumers[i], NULL);
    pthread_join(changer, NULL);
    for (int i = 0; i < WORKERS * EACH; i++) assert_int_equal(atomic_load(&received[i]), 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        T(message_that_is_there_is_given_at_once),
        T(send_ends_a_wait),
        T(routed_event_ends_a_wait),
        T(wait_ends_without_messages_when_its_time_is_over),
        T(queue_can_make_every_receive_wait),
        T(message_whose_delay_ends_ends_a_wait),
        T(every_message_finds_one_of_those_that_wait),
        T(too_many_that_wait_are_told_so),
        T(end_of_the_daemon_ends_all_waits),
        T(failed_look_is_the_callers_error),
        T(deleted_queue_leaves_no_wait_behind),
        T(old_messages_go),
        T(messages_are_received_once_by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
