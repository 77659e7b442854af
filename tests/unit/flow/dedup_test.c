#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dedup.h"

static struct id numbered(uint64_t n) {
    struct id id = {{0}};
    memcpy(id.b, &n, sizeof n);
    return id;
}

static enum dedup_verdict claim(struct dedup *d, uint64_t n, int64_t now_ms) {
    uint64_t evicted = 0;
    return dedup_claim(d, numbered(n), now_ms, &evicted);
}

static void settle(struct dedup *d, uint64_t n, bool accepted) {
    struct id id = numbered(n);
    dedup_settle(d, &id, 1, accepted);
}

static void a_claimed_id_is_under_way_then_a_duplicate(void **state) {
    (void)state;
    struct dedup *d = dedup_new(10, 1000);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    assert_int_equal(claim(d, 1, 0), DEDUP_UNDER_WAY);
    settle(d, 1, true);
    assert_int_equal(claim(d, 1, 0), DEDUP_DUPLICATE);
    assert_int_equal(dedup_count(d), 1);
    dedup_free(d);
}

static void a_refused_id_may_come_again(void **state) {
    (void)state;
    struct dedup *d = dedup_new(10, 1000);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(claim(d, 7, i), DEDUP_NEW);
        settle(d, 7, false);
        assert_int_equal(dedup_count(d), 0);
    }
    assert_int_equal(claim(d, 7, 100), DEDUP_NEW);
    settle(d, 7, true);
    assert_int_equal(claim(d, 7, 100), DEDUP_DUPLICATE);
    dedup_free(d);
}

static void ids_leave_when_the_window_is_over(void **state) {
    (void)state;
    struct dedup *d = dedup_new(10, 1000);
    assert_int_equal(claim(d, 1, 5000), DEDUP_NEW);
    settle(d, 1, true);
    assert_int_equal(claim(d, 2, 5500), DEDUP_NEW);
    settle(d, 2, true);
    assert_int_equal(claim(d, 1, 5999), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 1, 6000), DEDUP_NEW);
    settle(d, 1, true);
    assert_int_equal(dedup_count(d), 2);
    assert_int_equal(claim(d, 2, 6499), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 2, 6500), DEDUP_NEW);
    settle(d, 2, false);
    dedup_free(d);
}

static void a_claim_under_way_never_expires(void **state) {
    (void)state;
    struct dedup *d = dedup_new(10, 1000);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    assert_int_equal(claim(d, 1, 1000000), DEDUP_UNDER_WAY);
    settle(d, 1, true);
    dedup_free(d);
}

static void a_full_window_forgets_the_oldest_and_counts_it(void **state) {
    (void)state;
    struct dedup *d = dedup_new(3, 1000);
    uint64_t evicted = 0;
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(dedup_claim(d, numbered(n), 0, &evicted), DEDUP_NEW);
        settle(d, n, true);
    }
    assert_int_equal(evicted, 0);
    assert_int_equal(dedup_claim(d, numbered(4), 0, &evicted), DEDUP_NEW);
    settle(d, 4, true);
    assert_int_equal(evicted, 1);
    assert_int_equal(dedup_count(d), 3);
    assert_int_equal(claim(d, 2, 0), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    settle(d, 1, true);
    dedup_free(d);
}

static void ids_under_way_are_never_evicted(void **state) {
    (void)state;
    struct dedup *d = dedup_new(2, 1000);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    assert_int_equal(claim(d, 2, 0), DEDUP_NEW);
    assert_int_equal(claim(d, 3, 0), DEDUP_FULL);
    assert_int_equal(claim(d, 1, 0), DEDUP_UNDER_WAY);
    settle(d, 1, false);
    assert_int_equal(claim(d, 3, 0), DEDUP_NEW);
    settle(d, 2, true);
    settle(d, 3, true);
    assert_int_equal(dedup_count(d), 2);
    dedup_free(d);
}

/* Somebody who puts malformed events all day must not push others' ids out of the window. */
static void refused_ids_take_no_room_from_accepted_ones(void **state) {
    (void)state;
    struct dedup *d = dedup_new(4, 1000);
    uint64_t evicted = 0;
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(dedup_claim(d, numbered(n), 0, &evicted), DEDUP_NEW);
        settle(d, n, true);
    }
    for (uint64_t n = 100; n < 200; n++) {
        assert_int_equal(dedup_claim(d, numbered(n), 0, &evicted), DEDUP_NEW);
        settle(d, n, false);
    }
    assert_int_equal(evicted, 0);
    for (uint64_t n = 1; n <= 3; n++) assert_int_equal(claim(d, n, 0), DEDUP_DUPLICATE);
    dedup_free(d);
}

static void loaded_ids_are_duplicates_within_the_bound(void **state) {
    (void)state;
    struct dedup *d = dedup_new(1000, 1000);
    struct id ids[3000];
    for (uint64_t n = 0; n < 3000; n++) ids[n] = numbered(n);
    assert_true(dedup_load(d, ids, 3000, 500));
    assert_true(dedup_load(d, ids + 2990, 10, 500)); /* again: nothing changes */
    assert_int_equal(dedup_count(d), 1000);
    assert_int_equal(claim(d, 2000, 600), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 2999, 1499), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 1999, 1499), DEDUP_NEW);
    settle(d, 1999, true);
    assert_int_equal(claim(d, 2999, 1500), DEDUP_NEW); /* all loaded ones expired */
    settle(d, 2999, true);
    assert_int_equal(dedup_count(d), 2);
    dedup_free(d);
}

/* Against a plain array: the open-addressing table, its growth and its hole filling must agree with it. */
static void the_table_agrees_with_an_array_over_many_operations(void **state) {
    (void)state;
    enum { IDS = 5000, STEPS = 60000 };
    enum { OUT, CLAIMED, ACCEPTED };
    static uint8_t expected[IDS];
    struct dedup *d = dedup_new(STEPS, 1000000);
    size_t live = 0;
    uint64_t seed = 42;
    memset(expected, 0, sizeof expected);
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t n = (seed >> 33) % IDS;
        enum dedup_verdict want = expected[n] == OUT ? DEDUP_NEW : expected[n] == CLAIMED ? DEDUP_UNDER_WAY : DEDUP_DUPLICATE;
        assert_int_equal(claim(d, n, 0), want);
        if (expected[n] == OUT) {
            expected[n] = CLAIMED;
            live++;
        } else if (expected[n] == CLAIMED) {
            bool accepted = (seed >> 60) % 3 == 0;
            settle(d, n, accepted);
            expected[n] = accepted ? ACCEPTED : OUT;
            live -= !accepted;
        }
        assert_int_equal(dedup_count(d), live);
    }
    dedup_free(d);
}

struct racer {
    struct dedup *d;
    size_t won;
};
enum { RACE_IDS = 4000 };

static void *race(void *ctx) {
    struct racer *r = ctx;
    for (uint64_t n = 0; n < RACE_IDS; n++) {
        enum dedup_verdict verdict = claim(r->d, n, 0);
        if (verdict != DEDUP_NEW) continue;
        r->won++;
        settle(r->d, n, true);
    }
    return NULL;
}

static void of_many_threads_exactly_one_gets_each_id(void **state) {
    (void)state;
    struct dedup *d = dedup_new(RACE_IDS, 1000000);
    struct racer racers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){d, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    size_t won = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        won += racers[i].won;
    }
    assert_int_equal(won, RACE_IDS);
    assert_int_equal(dedup_count(d), RACE_IDS);
    dedup_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claimed_id_is_under_way_then_a_duplicate),
        cmocka_unit_test(a_refused_id_may_come_again),
        cmocka_unit_test(ids_leave_when_the_window_is_over),
        cmocka_unit_test(a_claim_under_way_never_expires),
        cmocka_unit_test(a_full_window_forgets_the_oldest_and_counts_it),
        cmocka_unit_test(ids_under_way_are_never_evicted),
        cmocka_unit_test(refused_ids_take_no_room_from_accepted_ones),
        cmocka_unit_test(loaded_ids_are_duplicates_within_the_bound),
        cmocka_unit_test(the_table_agrees_with_an_array_over_many_operations),
        cmocka_unit_test(of_many_threads_exactly_one_gets_each_id),
    };
    return cmocka_run_group_tests_name("flow/dedup", tests, NULL, NULL);
}
