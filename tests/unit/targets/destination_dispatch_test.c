#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "destination/dispatch.h"

#define S ((int64_t)1000000000)
#define MS ((int64_t)1000000)
enum { JOBS = 4096 };
static struct dispatch d;
static struct job jobs[JOBS];
static size_t used;

static int start(void **state) {
    (void)state;
    used = 0;
    dispatch_init(&d, 100);
    return 0;
}
static int end(void **state) {
    (void)state;
    while (dispatch_take(&d)) {
    }
    dispatch_fini(&d);
    return 0;
}

static void push(const char *name, int64_t rate, int64_t most, int n, int64_t now) {
    for (; n > 0; n--) assert_true(dispatch_push(&d, str_from(name), rate, most, &jobs[used++], now));
}

/* Starts all that may start. */
static size_t run(int64_t now, struct job **last) {
    size_t n = 0;
    for (struct job *j; (j = dispatch_next(&d, now)); n++)
        if (last) last[n] = j;
    return n;
}

/* A destination that has answered well n times. */
static void make_good(const char *name, int n) {
    struct job *j;
    while (n-- > 0) {
        push(name, 1000000, 64, 1, 0);
        assert_non_null(j = dispatch_next(&d, 0));
        dispatch_ended(&d, j, ENDING_GOOD, 0, MS);
    }
}

static void the_rate_is_kept_over_any_second(void **state) {
    (void)state;
    make_good("a", 60);
    push("a", 100, 64, 500, 10 * S);
    size_t started = 0;
    struct job *now[JOBS];
    for (int64_t t = 10 * S; t < 12 * S; t = dispatch_due(&d) < t + MS ? t + MS : dispatch_due(&d)) {
        size_t n = run(t, now);
        for (size_t i = 0; i < n; i++) dispatch_ended(&d, now[i], ENDING_GOOD, 0, t);
        started += n;
    }
    assert_in_range(started, 199, 202); /* two seconds at 100, and the burst of 10 ms */
}

static void a_rate_of_one_waits_a_second(void **state) {
    (void)state;
    struct job *j;
    push("a", 1, 64, 2, 5 * S);
    assert_non_null(j = dispatch_next(&d, 5 * S));
    dispatch_ended(&d, j, ENDING_GOOD, 0, 5 * S);
    assert_null(dispatch_next(&d, 5 * S + 900 * MS));
    assert_in_range(dispatch_due(&d), 6 * S - 10 * MS, 6 * S);
    assert_non_null(dispatch_next(&d, dispatch_due(&d)));
    assert_int_equal(dispatch_due(&d), INT64_MAX);
}

static void concurrency_grows_with_answers_and_is_halved_by_silence(void **state) {
    (void)state;
    struct job *now[JOBS];
    push("a", 1000000, 64, 100, 0);
    assert_int_equal(run(0, now), 2);
    dispatch_ended(&d, now[0], ENDING_GOOD, 0, MS);
    dispatch_ended(&d, now[1], ENDING_GOOD, 0, MS);
    assert_int_equal(dispatch_limit(&d, STR("a")), 4);
    assert_int_equal(run(2 * MS, now), 4);
    dispatch_ended(&d, now[0], ENDING_DEAD, 0, 3 * MS);
    assert_int_equal(dispatch_limit(&d, STR("a")), 2);
    assert_int_equal(dispatch_standing(&d, STR("a")), STANDING_GOOD); /* one is bad luck */
    dispatch_ended(&d, now[1], ENDING_DEAD, 0, 3 * MS);
    assert_int_equal(dispatch_standing(&d, STR("a")), STANDING_BAD);
    assert_int_equal(dispatch_limit(&d, STR("a")), 1);
}

static void concurrency_never_exceeds_what_is_allowed(void **state) {
    (void)state;
    struct job *now[JOBS];
    make_good("a", 50);
    push("a", 1000000, 3, 10, S);
    assert_int_equal(run(2 * S, now), 3);
}

static void a_slow_destination_is_a_bad_one_until_it_is_fast(void **state) {
    (void)state;
    struct job *j;
    push("a", 1000000, 64, 3, 0);
    assert_non_null(j = dispatch_next(&d, 0));
    dispatch_ended(&d, j, ENDING_GOOD, 0, 2 * S);
    assert_int_equal(dispatch_standing(&d, STR("a")), STANDING_BAD);
    assert_non_null(j = dispatch_next(&d, 2 * S));
    dispatch_ended(&d, j, ENDING_GOOD, 0, 2 * S + MS);
    assert_int_equal(dispatch_standing(&d, STR("a")), STANDING_GOOD);
}

static void new_ones_leave_a_quarter_and_bad_ones_half(void **state) {
    (void)state;
    struct job *now[JOBS];
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%d", i);
        push(name, 1000000, 64, 1, 0);
    }
    assert_int_equal(run(0, now), 75);
    for (size_t i = 0; i < 75; i++) dispatch_ended(&d, now[i], ENDING_DEAD, 0, 5 * S);
    assert_int_equal(run(5 * S, now), 75);
    for (size_t i = 0; i < 75; i++) dispatch_ended(&d, now[i], ENDING_DEAD, 0, 10 * S);
    assert_int_equal(run(10 * S, now), 50); /* the last of the new ones */
    for (size_t i = 0; i < 50; i++) dispatch_ended(&d, now[i], ENDING_DEAD, 0, 15 * S);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%d", i);
        push(name, 1000000, 64, 2, 15 * S);
    }
    assert_int_equal(run(15 * S, now), 50);
    make_good("good", 0);
    push("good", 1000000, 64, 1, 15 * S);
    assert_int_equal(run(15 * S, now), 1); /* there is room for a new one, and half of all slots for good ones */
}

static void one_destination_leaves_room_for_others(void **state) {
    (void)state;
    struct job *now[JOBS];
    make_good("hog", 64);
    make_good("other", 3);
    push("hog", 1000000, 64, 200, S);
    size_t n = run(2 * S, now);
    assert_in_range(n, 5, 7); /* a sixteenth of what is free */
    push("other", 1000000, 64, 1, 2 * S);
    assert_int_equal(run(2 * S, now), 1);
}

static void a_pause_holds_all_of_its_jobs(void **state) {
    (void)state;
    struct job *j;
    push("a", 1000000, 64, 2, 0);
    assert_non_null(j = dispatch_next(&d, 0));
    dispatch_ended(&d, j, ENDING_THROTTLED, 7 * S, MS);
    assert_null(dispatch_next(&d, 6 * S));
    assert_int_equal(dispatch_due(&d), 7 * S);
    push("b", 1000000, 64, 1, 6 * S);
    assert_non_null(dispatch_next(&d, 6 * S));
    assert_non_null(dispatch_next(&d, 7 * S));
}

static void turns_go_round(void **state) {
    (void)state;
    struct job *now[JOBS];
    for (int i = 0; i < 3; i++) push(i == 0 ? "a" : i == 1 ? "b" : "c", 1000000, 64, 2, 0);
    assert_int_equal(run(0, now), 6);
    for (int i = 0; i < 3; i++) assert_ptr_not_equal(now[i]->gauge, now[(i + 1) % 3]->gauge);
}

static void gauges_nobody_uses_are_forgotten(void **state) {
    (void)state;
    make_good("old", 3);
    assert_int_equal(dispatch_limit(&d, STR("old")), 5);
    push("new", 1, 1, 1, 1000 * S);
    assert_int_equal(dispatch_limit(&d, STR("old")), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(the_rate_is_kept_over_any_second),
        T(a_rate_of_one_waits_a_second),
        T(concurrency_grows_with_answers_and_is_halved_by_silence),
        T(concurrency_never_exceeds_what_is_allowed),
        T(a_slow_destination_is_a_bad_one_until_it_is_fast),
        T(new_ones_leave_a_quarter_and_bad_ones_half),
        T(one_destination_leaves_room_for_others),
        T(a_pause_holds_all_of_its_jobs),
        T(turns_go_round),
        T(gauges_nobody_uses_are_forgotten),
    };
    return cmocka_run_group_tests_name("targets/destination_dispatch", tests, NULL, NULL);
}
