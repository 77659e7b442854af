#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "signature.h"

#define NOW INT64_C(1777593600000) /* 2026-05-01T00:00:00Z */
#define WINDOW INT64_C(300000)
#define ID_A ((const uint8_t *)"session1")
#define ID_B ((const uint8_t *)"session2")

static struct replay_guard *guard;
static struct fault fault;

static int setup(void **state) {
    (void)state;
    guard = replay_guard_new(3);
    return guard ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    replay_guard_free(guard);
    return 0;
}

static enum err ask(int64_t now, const uint8_t *session, uint64_t counter, int64_t time) {
    return signature_check(guard, now, WINDOW, STR("AKIA"), session, counter, time, &fault);
}
static enum err counted(uint64_t counter) { return ask(NOW, ID_A, counter, NOW); }

static void each_counter_is_taken_once_in_any_order(void **state) {
    (void)state;
    static const uint64_t order[] = {0, 1, 5, 3, 2, 4, 100, 6, 1023, 1024, 99, 1025};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (order[i] != 1 && i > 0) assert_int_equal(counted(order[i - 1]), ERR_REPLAYED);
        enum err err = counted(order[i]);
        if (err) fail_msg("counter %d: %s", (int)order[i], fault.message);
    }
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) assert_int_equal(counted(order[i]), ERR_REPLAYED);
    assert_string_equal(fault.message, "This signed request was received before, or is too old to tell.");
    assert_int_equal(replay_guard_count(guard), 1);
}

static void the_window_has_an_exact_edge(void **state) {
    (void)state;
    assert_int_equal(counted(5000), ERR_OK);
    assert_int_equal(counted(5000 - SIGNATURE_WINDOW), ERR_REPLAYED);
    assert_int_equal(counted(5000 - SIGNATURE_WINDOW + 1), ERR_OK);
    assert_int_equal(counted(5000 - SIGNATURE_WINDOW + 1), ERR_REPLAYED);
    assert_int_equal(counted(5001), ERR_OK); /* the window moves on by one */
    assert_int_equal(counted(5001 - SIGNATURE_WINDOW), ERR_REPLAYED);
    assert_int_equal(counted(5001 - SIGNATURE_WINDOW + 1), ERR_OK);
    assert_int_equal(counted(5001 + SIGNATURE_WINDOW), ERR_OK); /* leaps over the whole window: what lies in the new one has not come */
    for (uint64_t c = 5002; c < 5001 + SIGNATURE_WINDOW; c++) assert_int_equal(counted(c), ERR_OK);
    for (uint64_t c = 5002; c <= 5001 + SIGNATURE_WINDOW; c++) assert_int_equal(counted(c), ERR_REPLAYED);
}

static void the_last_counter_there_is_ends_nothing(void **state) {
    (void)state;
    assert_int_equal(counted(UINT64_MAX - 2), ERR_OK);
    assert_int_equal(counted(UINT64_MAX), ERR_OK);
    assert_int_equal(counted(UINT64_MAX), ERR_REPLAYED);
    assert_int_equal(counted(UINT64_MAX - 1), ERR_OK);
    assert_int_equal(counted(0), ERR_REPLAYED);
}

static void sessions_and_keys_are_counted_apart(void **state) {
    (void)state;
    assert_int_equal(counted(7), ERR_OK);
    assert_int_equal(ask(NOW, ID_B, 7, NOW), ERR_OK);
    assert_int_equal(signature_check(guard, NOW, WINDOW, STR("AKIB"), ID_A, 7, NOW, &fault), ERR_OK);
    assert_int_equal(ask(NOW, ID_B, 7, NOW), ERR_REPLAYED);
    assert_int_equal(replay_guard_count(guard), 3);
}

static void time_has_exact_edges_on_both_sides(void **state) {
    (void)state;
    assert_int_equal(ask(NOW, ID_A, 1, NOW - WINDOW), ERR_OK);
    assert_int_equal(ask(NOW, ID_A, 2, NOW + WINDOW), ERR_OK);
    assert_int_equal(ask(NOW, ID_A, 3, NOW - WINDOW - 1), ERR_EXPIRED);
    assert_string_equal(fault.message,
                        "Signature expired: the request's time is 2026-04-30T23:54:59Z, the daemon's is 2026-05-01T00:00:00Z; 300 seconds "
                        "apart are allowed.");
    assert_int_equal(ask(NOW, ID_A, 3, NOW + WINDOW + 1), ERR_EXPIRED);
    assert_int_equal(ask(NOW, ID_A, 3, INT64_MIN), ERR_EXPIRED);
    assert_int_equal(ask(NOW, ID_A, 3, INT64_MAX), ERR_EXPIRED);
    assert_int_equal(ask(NOW, ID_A, 3, NOW), ERR_OK); /* what was refused took no counter */
    assert_int_equal(ask(NOW, ID_B, 1, NOW - WINDOW - 1), ERR_EXPIRED);
    assert_int_equal(replay_guard_count(guard), 1); /* and no memory */
}

static void a_session_is_kept_while_anything_of_it_can_be_fresh(void **state) {
    (void)state;
    assert_int_equal(ask(NOW, ID_A, 1, NOW + WINDOW), ERR_OK); /* fresh until NOW + 2 WINDOW */
    int64_t last = NOW + 2 * WINDOW;
    assert_int_equal(ask(last, ID_B, 1, last), ERR_OK); /* sweeps */
    assert_int_equal(replay_guard_count(guard), 2);
    assert_int_equal(ask(last, ID_A, 1, NOW + WINDOW), ERR_REPLAYED);
    assert_int_equal(ask(last + 1, ID_A, 1, NOW + WINDOW), ERR_EXPIRED);
    int64_t later = NOW + WINDOW + 2 * WINDOW + 1;
    assert_int_equal(signature_check(guard, later, WINDOW, STR("AKIB"), ID_A, 1, later, &fault), ERR_OK);
    assert_int_equal(replay_guard_count(guard), 2); /* A is forgotten, B is not */
    assert_int_equal(ask(later, ID_B, 1, later), ERR_REPLAYED);
}

static void the_guard_is_bounded_and_makes_room_in_time(void **state) {
    (void)state;
    uint8_t id[8] = {0};
    for (id[0] = 0; id[0] < 3; id[0]++) assert_int_equal(ask(NOW, id, 1, NOW), ERR_OK);
    assert_int_equal(ask(NOW, id, 1, NOW), ERR_THROTTLING);
    assert_string_equal(fault.message, "3 client sessions are remembered already; try again later.");
    assert_int_equal(replay_guard_count(guard), 3);
    id[0] = 0;
    assert_int_equal(ask(NOW, id, 2, NOW), ERR_OK); /* those that are known go on */
    int64_t later = NOW + 2 * WINDOW + 1;
    id[0] = 9;
    assert_int_equal(ask(later, id, 1, later), ERR_OK);
    assert_int_equal(replay_guard_count(guard), 1);
}

static void a_clock_that_is_put_back_sweeps_again(void **state) {
    (void)state;
    assert_int_equal(ask(NOW, ID_A, 1, NOW), ERR_OK);
    assert_int_equal(ask(NOW - 10 * WINDOW, ID_B, 1, NOW - 10 * WINDOW), ERR_OK);
    assert_int_equal(replay_guard_count(guard), 2);
    assert_int_equal(ask(NOW, ID_A, 1, NOW), ERR_REPLAYED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_counter_is_taken_once_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(the_window_has_an_exact_edge, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_counter_there_is_ends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(sessions_and_keys_are_counted_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(time_has_exact_edges_on_both_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_is_kept_while_anything_of_it_can_be_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(the_guard_is_bounded_and_makes_room_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_is_put_back_sweeps_again, setup, teardown),
    };
    return cmocka_run_group_tests_name("policy/signature", tests, NULL, NULL);
}
