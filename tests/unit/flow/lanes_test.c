/* Pending deliveries: retries, exhaustion, backlog beyond memory, restarts, schedules. Targets are real: log files and functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_host.h"
#include "function/model.h"
#include "log/model.h"
#include "os.h"
#include "queue/model.h"

#define LOG "arn:aws:logs:us-east-1:" A1 ":log-group:l"
#define FUNCTION(name) "arn:aws:lambda:us-east-1:" A1 ":function:" name
#define DEAD ",\"DeadLetterConfig\":{\"Arn\":\"arn:aws:sqs:us-east-1:" A1 ":dead\"}"

static void log_group(void) { serve("logs", "CreateLogGroup", A1, &(struct log_group_settings){.log_group_name = STR("l")}); }

static void function(const char *name, const char *script) {
    struct str command[] = {STR("/bin/sh"), STR("-c"), str_from(script)};
    struct function_settings in = {.function_name = str_from(name), .command = {true, 3, command}, .working_directory = str_from(host.dir)};
    serve("lambda", "CreateFunction", A1, &in);
}

static size_t lines_of(const char *name) {
    char path[256];
    struct buf text;
    struct fault fault;
    snprintf(path, sizeof path, "%s/%s", host.dir, name);
    buf_init(&text, 0);
    size_t lines = 0;
    if (!os_read_file(path, 1 << 26, &text, &fault))
        for (size_t i = 0; i < text.n; i++) lines += text.p[i] == '\n';
    buf_fini(&text);
    return lines;
}

static void put_many(struct caller *caller, const char *source, size_t count) {
    struct entry *entries = calloc(count, sizeof *entries);
    for (size_t i = 0; i < count; i++) entries[i] = entry(source, "{}");
    struct put *p = put(caller, entries, count);
    assert_int_equal(p->x.err, ERR_OK);
    put_free(p);
    free(entries);
}

static struct str dead_letter(const char *attribute) {
    static const struct str all[] = {{"All", 3}};
    struct queue_receive in = {.url = STR("dead"), .message_attribute_names = {true, 1, (void *)(uintptr_t)all}, .visibility = {true, 0}};
    const struct queue_receive_answer *out = serve("sqs", "ReceiveMessage", A1, &in);
    if (!out->messages.n) return STR_NULL;
    const struct queue_message *m = LIST_AT(out->messages, struct queue_message, 0);
    for (size_t i = 0; i < m->message_attributes.n; i++) {
        const struct map_entry *e = LIST_AT(m->message_attributes, struct map_entry, i);
        if (str_eqz(e->key, attribute)) return ((const struct queue_attribute_value *)e->p)->text;
    }
    return STR("");
}

static void is(struct str got, const char *wanted) {
    if (!str_eqz(got, wanted)) print_error("got '%.*s', expected '%s'\n", STR_ARG(got), wanted);
    assert_true(str_eqz(got, wanted));
}

static void begin(void) {
    account(A1);
    serve("sqs", "CreateQueue", A1, &(struct queue_create){.name = STR("dead")});
}

static void a_backlog_beyond_memory_is_delivered_whole_and_once(void **state) {
    (void)state;
    host.settings.lane_memory = 4;
    begin();
    log_group();
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" LOG "\"}");
    struct caller *caller = caller_of(A1);
    for (int i = 0; i < 10; i++) put_many(caller, "s", 100);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(lines_of("logs/" A1 "-l.jsonl"), 1000);
    assert_int_equal(count_of("InvocationsSucceeded"), 1000);
    caller_release(caller);
}

/* The backlog's scan holds 64 MiB at most: larger ones come in several. */
static void a_backlog_of_large_events_is_delivered_whole(void **state) {
    (void)state;
    enum { SIZE = 1000 << 10, COUNT = 144 };
    begin();
    function("f", "while ! test -e open; do sleep 0.01; done; echo x >> tries");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("f") "\",\"Input\":\"{}\"}");
    struct caller *caller = caller_of(A1);
    char *detail = malloc(SIZE + 1);
    assert_non_null(detail);
    memset(detail, 'x', SIZE);
    memcpy(detail, "{\"x\":\"", 6);
    memcpy(detail + SIZE - 2, "\"}", 3);
    for (int i = 0; i < COUNT; i++) {
        struct entry e = entry("s", detail);
        struct put *p = put(caller, &e, 1);
        assert_int_equal(p->x.err, ERR_OK);
        put_free(p);
    }
    free(detail);
    assert_int_equal(flow_pending(host.flow), COUNT);
    struct fault fault;
    char path[256];
    snprintf(path, sizeof path, "%s/open", host.dir);
    assert_int_equal(os_write_file(path, STR("1"), 0600, &fault), ERR_OK);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(lines_of("tries"), COUNT);
    caller_release(caller);
}

static void a_failing_target_is_tried_as_often_as_its_policy_says(void **state) {
    (void)state;
    begin();
    function("f", "echo x >> tries; exit 1");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("f") "\",\"RetryPolicy\":{\"MaximumRetryAttempts\":3}" DEAD "}");
    struct caller *caller = caller_of(A1);
    put_many(caller, "s", 1);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(lines_of("tries"), 4);
    is(dead_letter("ERROR_CODE"), "ERROR_FROM_TARGET");
    is(dead_letter("RETRY_ATTEMPTS"), "3");
    is(dead_letter("EXHAUSTED_RETRY_CONDITION"), "MaximumRetryAttempts");
    is(dead_letter("TARGET_ARN"), FUNCTION("f"));
    caller_release(caller);
}

static void an_event_that_grew_too_old_is_given_up(void **state) {
    (void)state;
    host.settings.retry_base_ms = host.settings.retry_cap_ms = 30000;
    begin();
    function("f", "echo x >> tries; exit 1");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("f") "\",\"RetryPolicy\":{\"MaximumEventAgeInSeconds\":60}" DEAD "}");
    struct caller *caller = caller_of(A1);
    int64_t start = clock_now_ms();
    clock_fake(start);
    put_many(caller, "s", 1);
    for (int minute = 1; flow_pending(host.flow) && minute < 60; minute++) {
        uint64_t failed = count_of("InvocationsFailed");
        UNTIL(count_of("InvocationsFailed") > failed || flow_pending(host.flow) == 0 || failed > 0);
        clock_fake(start + minute * 31000);
        if (failed) UNTIL(count_of("InvocationsFailed") > failed || flow_pending(host.flow) == 0);
    }
    clock_real();
    UNTIL(flow_pending(host.flow) == 0);
    is(dead_letter("EXHAUSTED_RETRY_CONDITION"), "MaximumEventAgeInSeconds");
    assert_in_range(lines_of("tries"), 1, 4);
    caller_release(caller);
}

static void a_missing_function_is_final(void **state) {
    (void)state;
    begin();
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("gone") "\"" DEAD "}");
    struct caller *caller = caller_of(A1);
    put_many(caller, "s", 1);
    UNTIL(flow_pending(host.flow) == 0);
    is(dead_letter("ERROR_CODE"), "NO_RESOURCE");
    is(dead_letter("RETRY_ATTEMPTS"), "0");
    assert_int_equal(count_of("RetriesScheduled"), 0);
    caller_release(caller);
}

static void a_slow_target_harms_only_itself(void **state) {
    (void)state;
    begin();
    log_group();
    function("slow", "cat > /dev/null; while [ ! -e go ]; do sleep 0.02; done");
    rule(A1, "slow", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("slow") "\"}");
    rule(A1, "quick", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" LOG "\"}");
    struct caller *caller = caller_of(A1);
    struct fault fault;
    char go[128];
    put_many(caller, "s", 50);
    UNTIL(lines_of("logs/" A1 "-l.jsonl") == 50);
    UNTIL(flow_pending(host.flow) == 50); /* settled a moment after they were written */
    assert_int_equal(count_of("InvocationsSucceeded"), 50);
    snprintf(go, sizeof go, "%s/go", host.dir);
    assert_int_equal(os_write_file(go, STR(""), 0600, &fault), ERR_OK);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(count_of("InvocationsSucceeded"), 100);
    caller_release(caller);
}

static void what_was_pending_is_delivered_after_a_restart(void **state) {
    (void)state;
    begin();
    function("f", "read line && [ -e go ] && echo \"$line\" >> took");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("f") "\"}");
    struct caller *caller = caller_of(A1);
    struct fault fault;
    char go[128];
    put_many(caller, "s", 20);
    caller_release(caller);
    UNTIL(count_of("InvocationsFailed") >= 20);
    host_close();
    snprintf(go, sizeof go, "%s/go", host.dir);
    assert_int_equal(os_write_file(go, STR(""), 0600, &fault), ERR_OK);
    host_open();
    assert_int_equal(flow_pending(host.flow) + (int64_t)count_of("InvocationsSucceeded"), 20);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(lines_of("took"), 20);
}

static void a_store_that_refuses_outcomes_is_asked_again(void **state) {
    (void)state;
    begin();
    function("f", "while [ ! -e go ]; do sleep 0.02; done; echo x >> took");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("f") "\"}");
    struct caller *caller = caller_of(A1);
    struct fault fault;
    char go[128];
    put_many(caller, "s", 1);
    store_fault_at(host.store, 1, ERR_IO, false);
    snprintf(go, sizeof go, "%s/go", host.dir);
    assert_int_equal(os_write_file(go, STR(""), 0600, &fault), ERR_OK);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(lines_of("took"), 1); /* settled late, but not attempted again */
    caller_release(caller);
}

static void too_much_waiting_throttles_producers(void **state) {
    (void)state;
    host.settings.pending_deliveries = 10;
    begin();
    function("f", "while [ ! -e go ]; do sleep 0.02; done");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" FUNCTION("f") "\"}");
    struct caller *caller = caller_of(A1);
    struct fault fault;
    char go[128];
    put_many(caller, "s", 11);
    assert_int_equal(put_one(caller, entry("s", "{}")), ERR_THROTTLING);
    snprintf(go, sizeof go, "%s/go", host.dir);
    assert_int_equal(os_write_file(go, STR(""), 0600, &fault), ERR_OK);
    UNTIL(flow_pending(host.flow) == 0);
    assert_int_equal(put_one(caller, entry("s", "{}")), ERR_OK);
    UNTIL(flow_pending(host.flow) == 0);
    caller_release(caller);
}

static void a_schedule_sends_its_event_to_its_own_targets(void **state) {
    (void)state;
    begin();
    log_group();
    struct fault fault;
    struct str arn, target = STR("{\"Id\":\"1\",\"Arn\":\"" LOG "\"}");
    struct target_failure *failures;
    size_t failed;
    struct bus_ref bus = {STR(A1), STR("default")};
    struct rule_spec spec = {.bus = bus, .name = STR("tick"), .schedule = STR("rate(1 minute)"), .created_by = STR(A1)};
    int64_t start = clock_now_ms();
    clock_fake(start);
    ok(world_put_rule(world(), &spec, &host.arena, &arn, &fault), &fault);
    ok(world_put_targets(world(), bus, STR("tick"), &target, 1, &host.arena, &failures, &failed, &fault), &fault);
    for (int look = 0; look < 200; look++) wait_a_moment(); /* the scheduler has seen the rule: it looks four times a second */
    assert_int_equal(count_of("ScheduledEvents"), 0);
    clock_fake(start + 61000);
    UNTIL(lines_of("logs/" A1 "-l.jsonl") == 1);
    assert_int_equal(count_of("ScheduledEvents"), 1);
    clock_real();
}

#define T(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_backlog_beyond_memory_is_delivered_whole_and_once),
        T(a_backlog_of_large_events_is_delivered_whole),
        T(a_failing_target_is_tried_as_often_as_its_policy_says),
        T(an_event_that_grew_too_old_is_given_up),
        T(a_missing_function_is_final),
        T(a_slow_target_harms_only_itself),
        T(what_was_pending_is_delivered_after_a_restart),
        T(a_store_that_refuses_outcomes_is_asked_again),
        T(too_much_waiting_throttles_producers),
        T(a_schedule_sends_its_event_to_its_own_targets),
    };
    return cmocka_run_group_tests_name("flow/lanes", tests, NULL, NULL);
}
