#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "str.h"

static void utf8_is_told_from_what_only_looks_like_it(void **state) {
    (void)state;
    static const struct { const char *text; bool good; } rows[] = {{"", true}, {"abc", true}, {"\xc3\xa9", true}, {"\xe2\x82\xac", true}, {"\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true}, {"\xc0\x80", false}, {"\xc1\xbf", false}, {"\xe0\x80\x80", false}, {"\xed\xa0\x80", false}, {"\xf0\x80\x80\x80", false},
        {"\xf4\x90\x80\x80", false}, {"\xf5\x80\x80\x80", false}, {"\x80", false}, {"\xc3", false}, {"\xe2\x82", false}, {"\xc3(", false}, {"\xff", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_int_equal(str_is_utf8(str_from(rows[i].text)), rows[i].good);
}

static void numbers_are_read_whole_or_not_at_all(void **state) {
    (void)state;
    int64_t v;
    assert_true(str_to_i64(STR("-9223372036854775808"), &v) && v == INT64_MIN);
    assert_true(str_to_i64(STR("9223372036854775807"), &v) && v == INT64_MAX);
    static const char *const bad[] = {"", "-", "9223372036854775808", "-9223372036854775809", "1x", " 1", "+1", "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(str_to_i64(str_from(bad[i]), &v));
}

static void cutting_gives_every_piece(void **state) {
    (void)state;
    struct str rest = STR("a,,b"), piece;
    assert_true(str_cut(&rest, ',', &piece) && str_eqz(piece, "a"));
    assert_true(str_cut(&rest, ',', &piece) && piece.n == 0);
    assert_true(str_cut(&rest, ',', &piece) && str_eqz(piece, "b"));
    assert_false(str_cut(&rest, ',', &piece));
    rest = STR("");
    assert_true(str_cut(&rest, ',', &piece) && piece.n == 0);
    assert_false(str_cut(&rest, ',', &piece));
}

static void a_buffer_stops_at_its_bound_and_says_so(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_addz(&b, "12345");
    buf_addf(&b, "%d", 678);
    assert_false(b.failed);
    buf_addz(&b, "more than fits");
    assert_true(b.failed);
    buf_addz(&b, "x");
    assert_true(str_eqz(buf_str(&b), "12345678"));
    buf_clear(&b);
    buf_addc(&b, 'y');
    assert_true(!b.failed && str_eqz(buf_str(&b), "y"));
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(cutting_gives_every_piece),
        cmocka_unit_test(a_buffer_stops_at_its_bound_and_says_so),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
