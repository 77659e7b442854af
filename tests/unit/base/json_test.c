/* JSON out: quoting, and the search for what must be escaped against a plain loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hash.h"
#include "json.h"

static const char *escape_at_slowly(const char *p, const char *end) {
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\') p++;
    return p;
}

/* Texts that end where their memory ends, so that a sanitizer sees a look beyond. */
static void escapes_are_found_wherever_they_stand(void **state) {
    (void)state;
    static const unsigned char special[] = {0, 0x1F, '"', '\\', 0x20, 0x21, 0x7F, 0x80, 0xFF};
    for (size_t n = 0; n <= 70; n++) {
        char *text = malloc(n ? n : 1);
        assert_non_null(text);
        for (size_t at = 0; at <= n; at++)
            for (size_t k = 0; k < sizeof special; k++) {
                for (size_t i = 0; i < n; i++) text[i] = (char)(0x23 + rng_below(0x30));
                if (at < n) text[at] = (char)special[k];
                assert_ptr_equal(json_escape_at(text, text + n), escape_at_slowly(text, text + n));
            }
        free(text);
    }
}

static void strings_are_quoted(void **state) {
    (void)state;
    static const struct {
        struct str text;
        const char *quoted;
    } cases[] = {{STR_NULL, "\"\""},
                 {{"", 0}, "\"\""},
                 {{"plain and long enough for a block", 33}, "\"plain and long enough for a block\""},
                 {{"\"", 1}, "\"\\\"\""},
                 {{"a\\b", 3}, "\"a\\\\b\""},
                 {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
                 {{"\0x", 2}, "\"\\u0000x\""},
                 {{"\x1f", 1}, "\"\\u001f\""},
                 {{"0123456789abcde\"f\"", 18}, "\"0123456789abcde\\\"f\\\"\""},
                 {{"caf\xc3\xa9 \x7f", 7}, "\"caf\xc3\xa9 \x7f\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 0);
        json_quote(&out, cases[i].text);
        buf_addc(&out, 0);
        assert_string_equal(out.p, cases[i].quoted);
        buf_fini(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(escapes_are_found_wherever_they_stand), cmocka_unit_test(strings_are_quoted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
