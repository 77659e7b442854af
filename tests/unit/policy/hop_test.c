#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "hop.h"

/* Walks an event along the buses of `way`, one letter each, under that limit; tells at which step it stopped, and why. */
static int walk(const char *way, int limit, enum hop_verdict *verdict) {
    struct hop_path path;
    hop_init(&path);
    *verdict = HOP_OK;
    assert_int_equal(hop_enter(&path, str_of(way, 1)), ERR_OK);
    for (int i = 1; way[i]; i++) {
        *verdict = hop_check(&path, str_of(way + i, 1), limit);
        if (*verdict) return i;
        assert_int_equal(hop_enter(&path, str_of(way + i, 1)), ERR_OK);
    }
    return 0;
}

static void every_limit_ends_every_way(void **state) {
    (void)state;
    static const struct {
        const char *way;
        int limit, stops;
        enum hop_verdict verdict;
    } ways[] = {
        {"A", 0, 0, HOP_OK},          {"AB", 0, 1, HOP_LIMITED},  {"AA", 0, 1, HOP_LIMITED},  /* 0: nothing crosses */
        {"AB", 1, 0, HOP_OK},         {"ABC", 1, 2, HOP_LIMITED}, {"ABA", 1, 2, HOP_LIMITED}, /* the service's rule, also for the way back
                                                                                               */
        {"AA", 1, 1, HOP_LOOP},       {"ABB", 1, 2, HOP_LIMITED}, {"ABC", 2, 0, HOP_OK},      {"ABCD", 2, 3, HOP_LIMITED},
        {"ABA", 2, 2, HOP_LOOP},      {"ABCA", 2, 3, HOP_LOOP}, /* a ring of three ends as a loop */
        {"ABCB", 2, 3, HOP_LOOP},     {"AA", 2, 1, HOP_LOOP},     {"ABB", 2, 2, HOP_LOOP},    {"ABCD", 3, 0, HOP_OK},
        {"ABCDE", 3, 4, HOP_LIMITED}, {"ABCA", 3, 3, HOP_LOOP},   {"ABAB", 3, 2, HOP_LOOP},   {"ABCDA", 3, 4, HOP_LOOP},
        {"ABCDC", 3, 4, HOP_LOOP},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        enum hop_verdict verdict;
        int stops = walk(ways[i].way, ways[i].limit, &verdict);
        if (stops != ways[i].stops || verdict != ways[i].verdict)
            fail_msg("%s under %d: stopped at %d (%s), expected %d (%s)", ways[i].way, ways[i].limit, stops, hop_code(verdict),
                     ways[i].stops, hop_code(ways[i].verdict));
    }
}

static void the_largest_limit_fills_the_path_and_no_more(void **state) {
    (void)state;
    static char names[HOP_LIMIT_MAX + 2];
    struct hop_path path;
    hop_init(&path);
    for (int i = 0; i < HOP_LIMIT_MAX + 2; i++) names[i] = (char)(i + 1);
    assert_int_equal(hop_enter(&path, str_of(names, 1)), ERR_OK);
    for (int i = 1; i <= HOP_LIMIT_MAX; i++) {
        assert_int_equal(hop_check(&path, str_of(names + i, 1), HOP_LIMIT_MAX), HOP_OK);
        assert_int_equal(hop_enter(&path, str_of(names + i, 1)), ERR_OK);
    }
    assert_int_equal(hop_check(&path, str_of(names + HOP_LIMIT_MAX + 1, 1), HOP_LIMIT_MAX), HOP_LIMITED);
    assert_int_equal(hop_check(&path, str_of(names + HOP_LIMIT_MAX + 1, 1), 1000), HOP_LIMITED);
    assert_int_equal(hop_enter(&path, str_of(names + HOP_LIMIT_MAX + 1, 1)), ERR_LIMIT);
    assert_int_equal(path.count, HOP_LIMIT_MAX + 1);
}

static void message_is(const char *way, enum hop_verdict verdict, const char *wanted) {
    struct hop_path path;
    struct buf out;
    hop_init(&path);
    buf_init(&out, 0);
    for (const char *c = way; *c; c++) assert_int_equal(hop_enter(&path, str_of(c, 1)), ERR_OK);
    hop_message(&out, verdict, &path, STR("e-1"));
    assert_int_equal(out.n, strlen(wanted));
    assert_memory_equal(out.p, wanted, out.n);
    buf_fini(&out);
}

static void refusals_have_the_services_code_and_sentence(void **state) {
    (void)state;
    assert_string_equal(hop_code(HOP_OK), "");
    assert_string_equal(hop_code(HOP_LIMITED), "THIRD_ACCOUNT_HOP_DETECTED");
    assert_string_equal(hop_code(HOP_LOOP), "LOOP_DETECTED");
    message_is("AB", HOP_LIMITED,
               "Event ingestion rejected for event e-1 because an event can be sent to an event bus target only once. This event was "
               "previously delivered to "
               "an event bus target.");
    message_is("ABC", HOP_LIMITED,
               "Event ingestion rejected for event e-1 because an event may cross event buses 2 times here. It has been in: A, B, C.");
    message_is("A", HOP_LIMITED,
               "Event ingestion rejected for event e-1 because an event may cross event buses 0 times here. It has been in: A.");
    message_is("ABC", HOP_LOOP,
               "Event ingestion rejected for event e-1 because it would enter an event bus for the second time. It has been in: A, B, C.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_ends_every_way),
        cmocka_unit_test(the_largest_limit_fills_the_path_and_no_more),
        cmocka_unit_test(refusals_have_the_services_code_and_sentence),
    };
    return cmocka_run_group_tests_name("policy/hop", tests, NULL, NULL);
}
