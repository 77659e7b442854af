#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dedup.h"

enum { WINDOW = 1000 };
static uint64_t evicted;

static struct id id_of(uint64_t n) {
    struct id id = {{0}};
    memcpy(id.b, &n, sizeof n);
    return id;
}

static enum dedup_verdict claim(struct dedup *d, uint64_t n, int64_t now) { return dedup_claim(d, id_of(n), now, &evicted); }

static void settle(struct dedup *d, uint64_t n, bool accepted) {
    struct id id = id_of(n);
    dedup_settle(d, &id, 1, accepted);
}

static void an_id_is_new_then_under_way_then_a_duplicate_then_forgotten(void **state) {
    (void)state;
    struct dedup *d = dedup_new(100, WINDOW);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    assert_int_equal(claim(d, 1, 0), DEDUP_UNDER_WAY);
    settle(d, 1, true);
    assert_int_equal(claim(d, 1, WINDOW - 1), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 1, WINDOW), DEDUP_NEW);
    dedup_free(d);
}

static void what_was_not_accepted_may_come_again(void **state) {
    (void)state;
    struct dedup *d = dedup_new(100, WINDOW);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    settle(d, 1, false);
    assert_int_equal(dedup_count(d), 0);
    assert_int_equal(claim(d, 1, 0), DEDUP_NEW);
    settle(d, 1, true);
    assert_int_equal(claim(d, 1, 1), DEDUP_DUPLICATE);
    dedup_free(d);
}

static void a_full_window_forgets_the_oldest_and_says_so(void **state) {
    (void)state;
    struct dedup *d = dedup_new(10, WINDOW);
    evicted = 0;
    for (uint64_t n = 0; n < 15; n++) {
        assert_int_equal(claim(d, n, 0), DEDUP_NEW);
        settle(d, n, true);
    }
    assert_int_equal(evicted, 5);
    assert_int_equal(dedup_count(d), 10);
    assert_int_equal(claim(d, 14, 1), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 5, 1), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 4, 1), DEDUP_NEW);
    dedup_free(d);
}

static void ids_under_way_are_never_forgotten(void **state) {
    (void)state;
    struct dedup *d = dedup_new(3, WINDOW);
    for (uint64_t n = 0; n < 3; n++) assert_int_equal(claim(d, n, 0), DEDUP_NEW);
    assert_int_equal(claim(d, 3, 10 * WINDOW), DEDUP_FULL);
    settle(d, 0, true);
    assert_int_equal(claim(d, 3, 10 * WINDOW), DEDUP_NEW);
    dedup_free(d);
}

/* Against a plain list: 20,000 random steps over few ids, so that everything happens to each of them. */
static void agrees_with_a_plain_list(void **state) {
    (void)state;
    enum { IDS = 500, GONE = 0, CLAIMED = 1, ACCEPTED = 2 };
    static struct { int state; int64_t at; } plain[IDS];
    struct dedup *d = dedup_new(100000, WINDOW);
    uint64_t seed = 42;
    int64_t now = 0;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t n = (seed >> 33) % IDS;
        now += (int64_t)(seed >> 60);
        if (plain[n].state == ACCEPTED && plain[n].at <= now - WINDOW) plain[n].state = GONE;
        if (seed >> 40 & 1 || plain[n].state != CLAIMED) {
            static const enum dedup_verdict verdict[] = {DEDUP_NEW, DEDUP_UNDER_WAY, DEDUP_DUPLICATE};
            enum dedup_verdict got = claim(d, n, now);
            /* An accepted id behind an unsettled one may live a little longer: that is no harm, so only the other way is an error. */
            if (!(plain[n].state == GONE && got == DEDUP_DUPLICATE)) assert_int_equal(got, verdict[plain[n].state]);
            if (got == DEDUP_NEW) plain[n].state = CLAIMED, plain[n].at = now;
        } else {
            bool accepted = seed >> 41 & 1;
            settle(d, n, accepted);
            plain[n].state = accepted ? ACCEPTED : GONE;
        }
    }
    dedup_free(d);
}

static void what_an_earlier_process_remembered_is_loaded(void **state) {
    (void)state;
    struct dedup *d = dedup_new(5000, WINDOW);
    for (uint64_t n = 0; n < 3000; n++) {
        struct id id = id_of(n);
        assert_true(dedup_load(d, &id, 1, 100));
    }
    assert_int_equal(claim(d, 2999, 100 + WINDOW - 1), DEDUP_DUPLICATE);
    assert_int_equal(claim(d, 0, 100 + WINDOW), DEDUP_NEW);
    dedup_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_new_then_under_way_then_a_duplicate_then_forgotten),
        cmocka_unit_test(what_was_not_accepted_may_come_again),
        cmocka_unit_test(a_full_window_forgets_the_oldest_and_says_so),
        cmocka_unit_test(ids_under_way_are_never_forgotten),
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(what_an_earlier_process_remembered_is_loaded),
    };
    return cmocka_run_group_tests_name("flow/dedup", tests, NULL, NULL);
}
