/* Schedules under a turned clock: each firing once, in time, over restarts and failures of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_fixture.h"

#define START ((int64_t)1777593600000) /* 2026-05-01T00:00:00Z, a Friday */
#define MINUTE ((int64_t)60000)
#define DAY ((int64_t)86400000)
#define QUEUE_TARGET "{\"Id\":\"1\",\"Arn\":\"arn:aws:sqs:us-east-1:111122223333:q\"}"

static int setup(void **state) {
    struct fixture *x = calloc(1, sizeof *x);
    clock_fake(START);
    fixture_begin(x, false);
    x->settings.schedule_look_ms = 3;
    fixture_open_flow(x);
    assert_int_equal(world_create_account(flow_world(x->flow), OWNER, STR("owner"), &x->fault), ERR_OK);
    fixture_queue(x, OWNER, "q");
    *state = x;
    return 0;
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

static void put_rule(struct fixture *x, const char *bus, const char *name, const char *schedule, const char *state) {
    struct rule_spec spec = {.bus = fixture_bus(OWNER, bus), .name = str_from(name), .schedule = str_from(schedule), .state = str_from(state),
                             .created_by = OWNER};
    struct str arn, text = STR(QUEUE_TARGET);
    struct target_failure *failures;
    size_t failed = 0;
    assert_int_equal(world_put_rule(flow_world(x->flow), &spec, &x->arena, &arn, &x->fault), ERR_OK);
    assert_int_equal(world_put_targets(flow_world(x->flow), spec.bus, spec.name, &text, 1, &x->arena, &failures, &failed, &x->fault), ERR_OK);
    assert_int_equal(failed, 0);
}

/* The stored records of schedules. */
struct records {
    size_t count;
    int64_t last; /* of the newest */
};
static enum err count_record(void *ctx, struct str key, struct str value) {
    struct records *r = ctx;
    struct arena a;
    struct node *root;
    int64_t last;
    (void)key;
    arena_init(&a, 0);
    assert_int_equal(doc_parse(&a, value, &root, NULL), ERR_OK);
    assert_true(str_to_i64(doc_get(root, STR("last"))->text, &last));
    if (!r->count++ || last > r->last) r->last = last;
    arena_fini(&a);
    return ERR_OK;
}
static struct records records(struct fixture *x) {
    struct records r = {0};
    assert_int_equal(x->store->ops->catalog_scan(x->store, STR("schedule"), count_record, &r, &x->fault), ERR_OK);
    return r;
}

static enum err is_probe(void *ctx, struct str key, struct str value) {
    (void)value;
    *(bool *)ctx |= str_ends(key, STR("rule/probe"));
    return ERR_OK;
}
static bool probed(struct fixture *x) {
    bool there = false;
    assert_int_equal(x->store->ops->catalog_scan(x->store, STR("schedule"), is_probe, &there, &x->fault), ERR_OK);
    return there;
}

/* Waits for a whole look that begins now: a new rule's record comes with the look that sees it, and goes with one after that. */
static void looked(struct fixture *x) {
    struct rule_spec spec = {.bus = fixture_bus(OWNER, "default"), .name = STR("probe"), .schedule = STR("rate(3650 days)"), .created_by = OWNER};
    struct str arn;
    assert_int_equal(world_put_rule(flow_world(x->flow), &spec, &x->arena, &arn, &x->fault), ERR_OK);
    UNTIL(probed(x));
    assert_int_equal(world_delete_rule(flow_world(x->flow), spec.bus, spec.name, &x->fault), ERR_OK);
    UNTIL(!probed(x));
}

/* The next event in the queue must be of this time and rule. */
static void expect(struct fixture *x, const char *time, const char *rule) {
    UNTIL(fixture_depth(x, OWNER, "q") > 0);
    const struct node *message = fixture_receive(x, OWNER, "q");
    struct node *event;
    assert_non_null(message);
    assert_int_equal(doc_parse(&x->arena, fixture_text(message, "Body"), &event, NULL), ERR_OK);
    ASSERT_TEXT(fixture_text(event, "time"), time);
    ASSERT_TEXT(fixture_text(event, "detail-type"), "Scheduled Event");
    ASSERT_TEXT(fixture_text(event, "source"), "aws.events");
    struct str arn = arena_printf(&x->arena, "arn:aws:events:us-east-1:111122223333:rule/%s", rule);
    assert_true(str_eq(doc_get(event, STR("resources"))->child->text, arn));
}

static void expect_none(struct fixture *x) {
    looked(x);
    assert_int_equal(fixture_depth(x, OWNER, "q"), 0);
}

static void rates_and_crons_fire_on_every_bus_once_each(void **state) {
    struct fixture *x = *state;
    assert_int_equal(world_create_bus(flow_world(x->flow), fixture_bus(OWNER, "orders"), STR_NULL, STR_NULL, STR_NULL, &x->fault), ERR_OK);
    put_rule(x, "default", "five", "rate(5 minutes)", NULL);
    put_rule(x, "orders", "three", "cron(3 * * * ? *)", NULL);
    put_rule(x, "default", "off", "rate(1 minute)", "DISABLED");
    expect_none(x);
    assert_int_equal(records(x).count, 2);
    clock_fake(START + 3 * MINUTE - 1);
    expect_none(x);
    clock_fake(START + 3 * MINUTE);
    expect(x, "2026-05-01T00:03:00Z", "orders/three");
    expect_none(x);
    clock_fake(START + 5 * MINUTE + 40);
    expect(x, "2026-05-01T00:05:00Z", "five");
    clock_fake(START + 10 * MINUTE); /* the period is counted from the firing's own time, not from when it was noticed */
    expect(x, "2026-05-01T00:10:00Z", "five");
    expect_none(x);
    assert_int_equal(COUNTED(x, scheduled), 3);
    assert_int_equal(COUNTED(x, schedules_missed), 0);
}

static void two_firings_of_a_short_stall_are_two_events(void **state) {
    struct fixture *x = *state;
    put_rule(x, "default", "one", "rate(1 minute)", NULL);
    looked(x);
    clock_fake(START + 2 * MINUTE);
    expect(x, "2026-05-01T00:01:00Z", "one");
    expect(x, "2026-05-01T00:02:00Z", "one");
    expect_none(x);
}

static void a_restart_repeats_nothing_and_keeps_the_phase(void **state) {
    struct fixture *x = *state;
    put_rule(x, "default", "five", "rate(5 minutes)", NULL);
    looked(x);
    clock_fake(START + 5 * MINUTE);
    expect(x, "2026-05-01T00:05:00Z", "five");
    fixture_reopen(x);
    expect_none(x);
    clock_fake(START + 7 * MINUTE);
    fixture_reopen(x);
    clock_fake(START + 10 * MINUTE - 1);
    expect_none(x);
    clock_fake(START + 10 * MINUTE);
    expect(x, "2026-05-01T00:10:00Z", "five");
    expect_none(x);
}

static void what_was_missed_while_it_was_down_is_caught_up_once(void **state) {
    struct fixture *x = *state;
    put_rule(x, "default", "five", "rate(5 minutes)", NULL);
    put_rule(x, "default", "noon", "cron(0 12 * * ? *)", NULL);
    looked(x);
    fixture_close_flow(x);
    clock_fake(START + 3 * DAY + 2 * MINUTE);
    fixture_open_flow(x);
    expect(x, "2026-05-04T00:00:00Z", "five"); /* the last of 864, and of three noons */
    expect(x, "2026-05-03T12:00:00Z", "noon");
    expect_none(x);
    assert_int_equal(COUNTED(x, schedules_missed), 2);
    clock_fake(START + 3 * DAY + 5 * MINUTE);
    expect(x, "2026-05-04T00:05:00Z", "five");
    fixture_reopen(x);
    expect_none(x);
}

static void what_was_missed_is_skipped_when_the_setting_says_so(void **state) {
    struct fixture *x = *state;
    x->settings.schedule_catch_up = 0;
    put_rule(x, "default", "five", "rate(5 minutes)", NULL);
    looked(x);
    fixture_close_flow(x);
    clock_fake(START + 5 * MINUTE + 10000);
    fixture_open_flow(x);
    expect_none(x);
    assert_int_equal(COUNTED(x, schedules_missed), 1);
    assert_int_equal(records(x).last, START + 5 * MINUTE); /* known to be over: it is not looked at again */
    clock_fake(START + 10 * MINUTE);
    expect(x, "2026-05-01T00:10:00Z", "five");
    expect_none(x);
}

/* A suspended machine: the clock is far ahead at once. */
static void a_clock_that_leaps_is_a_time_that_was_missed(void **state) {
    struct fixture *x = *state;
    put_rule(x, "default", "one", "rate(1 minute)", NULL);
    looked(x);
    clock_fake(START + DAY + 30000);
    expect(x, "2026-05-02T00:00:00Z", "one"); /* 1,440 fell due; the last one is in time */
    expect_none(x);
    clock_fake(START - DAY); /* and back: by more than an hour, so what was stored is from a wrong clock */
    expect_none(x);
    clock_fake(START - DAY + MINUTE);
    expect(x, "2026-04-30T00:01:00Z", "one");
    expect_none(x);
}

static void a_clock_put_back_a_little_repeats_nothing(void **state) {
    struct fixture *x = *state;
    put_rule(x, "default", "two", "cron(0/2 * * * ? *)", NULL);
    looked(x);
    clock_fake(START + 2 * MINUTE);
    expect(x, "2026-05-01T00:02:00Z", "two");
    clock_fake(START + MINUTE);
    expect_none(x);
    clock_fake(START + 2 * MINUTE + 1000);
    expect_none(x);
    clock_fake(START + 4 * MINUTE);
    expect(x, "2026-05-01T00:04:00Z", "two");
}

static void a_firing_the_store_refuses_is_tried_again(void **state) {
    struct fixture *x = *state;
    put_rule(x, "default", "five", "rate(5 minutes)", NULL);
    looked(x);
    store_fault_at(x->store, 1, ERR_IO, false);
    clock_fake(START + 5 * MINUTE);
    expect(x, "2026-05-01T00:05:00Z", "five");
    expect_none(x);
    assert_int_equal(COUNTED(x, scheduled), 1);
}

static void a_schedule_starts_anew_when_it_is_enabled_or_changed(void **state) {
    struct fixture *x = *state;
    struct bus_ref bus = fixture_bus(OWNER, "default");
    put_rule(x, "default", "five", "rate(5 minutes)", NULL);
    looked(x);
    clock_fake(START + 4 * MINUTE);
    assert_int_equal(world_set_rule_state(flow_world(x->flow), bus, STR("five"), false, &x->fault), ERR_OK);
    UNTIL(records(x).count == 0);
    clock_fake(START + 7 * MINUTE);
    expect_none(x);
    assert_int_equal(world_set_rule_state(flow_world(x->flow), bus, STR("five"), true, &x->fault), ERR_OK);
    UNTIL(records(x).count == 1);
    clock_fake(START + 12 * MINUTE - 1);
    expect_none(x);
    clock_fake(START + 12 * MINUTE);
    expect(x, "2026-05-01T00:12:00Z", "five");
    put_rule(x, "default", "five", "rate(2 hours)", NULL);
    UNTIL(records(x).last == START + 12 * MINUTE);
    looked(x);
    clock_fake(START + 17 * MINUTE);
    expect_none(x);
    clock_fake(START + 132 * MINUTE);
    expect(x, "2026-05-01T02:12:00Z", "five");
}

static void many_due_at_once_all_fire(void **state) {
    struct fixture *x = *state;
    enum { RULES = 600 }; /* more than two commits take */
    char name[16];
    world_bulk_begin(flow_world(x->flow));
    for (int i = 0; i < RULES; i++) {
        snprintf(name, sizeof name, "r%d", i);
        put_rule(x, "default", name, "cron(0 * * * ? *)", NULL);
    }
    world_bulk_end(flow_world(x->flow));
    UNTIL(records(x).count == RULES);
    clock_fake(START + 60 * MINUTE);
    UNTIL(fixture_depth(x, OWNER, "q") == RULES);
    looked(x);
    assert_int_equal(fixture_depth(x, OWNER, "q"), RULES);
    assert_int_equal(COUNTED(x, scheduled), RULES);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(rates_and_crons_fire_on_every_bus_once_each),
        T(two_firings_of_a_short_stall_are_two_events),
        T(a_restart_repeats_nothing_and_keeps_the_phase),
        T(what_was_missed_while_it_was_down_is_caught_up_once),
        T(what_was_missed_is_skipped_when_the_setting_says_so),
        T(a_clock_that_leaps_is_a_time_that_was_missed),
        T(a_clock_put_back_a_little_repeats_nothing),
        T(a_firing_the_store_refuses_is_tried_again),
        T(a_schedule_starts_anew_when_it_is_enabled_or_changed),
        T(many_due_at_once_all_fire),
    };
    return cmocka_run_group_tests_name("flow/schedules", tests, NULL, NULL);
}
