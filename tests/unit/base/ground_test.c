#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arena.h"
#include "arn.h"
#include "clock.h"

static void instants_are_written_and_read(void **state) {
    (void)state;
    static const struct { const char *text; int64_t ms; } rows[] = {{"1970-01-01T00:00:00Z", 0}, {"2000-02-29T23:59:59Z", 951868799000}, {"2026-05-01T12:00:00Z", 1777636800000},
        {"9999-12-31T23:59:59Z", 253402300799000}};
    for (size_t i = 0; i < 4; i++) {
        char text[CLOCK_ISO_SIZE];
        int64_t ms;
        clock_iso(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
        assert_true(clock_parse_iso(str_from(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
    }
    int64_t ms;
    assert_true(clock_parse_iso(STR("2026-05-01T14:00:00.25+02:00"), &ms) && ms == 1777636800250);
    assert_true(clock_parse_iso(STR("2026-05-01 07:00:00-05:00"), &ms) && ms == 1777636800000);
    static const char *const bad[] = {"", "2026-05-01", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T00:00:00", "2026-05-01T00:00:00.Z",
                                      "2026-05-01T00:00:00Zx", "2026-5-1T0:0:0Z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(clock_parse_iso(str_from(bad[i]), &ms));
}

static void an_arena_has_a_cap_and_can_be_used_again(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    size_t n = 0;
    while (arena_alloc(&a, 1000)) n++;
    assert_in_range(n, 80, 100);
    assert_null(arena_alloc(&a, 1000000));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    for (int round = 0; round < 3; round++) {
        arena_reset(&a);
        unsigned char *p = arena_alloc(&a, 500);
        assert_non_null(p);
        for (int i = 0; i < 500; i++) assert_int_equal(p[i], 0);
        memset(p, 0xff, 500);
    }
    struct str absent = arena_str(&a, STR_NULL), empty = arena_str(&a, STR(""));
    assert_null(absent.p);
    assert_non_null(empty.p);
    assert_true(str_eqz(arena_printf(&a, "%d-%s", 7, "x"), "7-x"));
    arena_fini(&a);
}

static void resource_names_are_taken_apart(void **state) {
    (void)state;
    struct arn arn;
    assert_true(arn_parse(STR("arn:aws:events:us-east-1:111122223333:rule/b/r"), &arn));
    assert_true(str_eqz(arn.service, "events") && str_eqz(arn.account, "111122223333") && str_eqz(arn_name(&arn, "rule"), "b/r"));
    assert_null(arn_name(&arn, "event-bus").p);
    assert_true(arn_parse(STR("arn:aws:lambda:r:1:function:f:1"), &arn));
    assert_true(str_eqz(arn_name(&arn, "function"), "f:1"));
    static const char *const bad[] = {"", "arn", "arn:aws:s:r:a", "arn:aws:s:r:a:", "arn:aws::r:a:x", "nra:aws:s:r:a:x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(arn_parse(str_from(bad[i]), &arn));
    assert_true(account_is_valid(STR("000000000000")));
    assert_false(account_is_valid(STR("00000000000")));
    assert_false(account_is_valid(STR("00000000000x")));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(instants_are_written_and_read), cmocka_unit_test(an_arena_has_a_cap_and_can_be_used_again),
                                       cmocka_unit_test(resource_names_are_taken_apart)};
    return cmocka_run_group_tests_name("base/ground", tests, NULL, NULL);
}
