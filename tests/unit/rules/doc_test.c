#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "doc.h"

static struct arena arena;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct node *parse(const char *text) {
    struct node *root;
    struct fault f;
    if (doc_parse(&arena, str_from(text), &root, &f) != ERR_OK) fail_msg("%s: %s", text, f.message);
    return root;
}

#define assert_str(s, z)                                                                                                                   \
    do {                                                                                                                                   \
        struct str str_ = (s);                                                                                                             \
        if (!str_eqz(str_, (z))) fail_msg("got \"%.*s\", expected \"%s\"", STR_ARG(str_), (z));                                            \
    } while (0)

static void refused(const char *text, size_t n, int line, int column, const char *sentence) {
    struct node *root;
    struct fault f;
    assert_int_equal(doc_parse(&arena, str_of(text, n), &root, &f), ERR_SYNTAX);
    assert_null(root);
    if (sentence) assert_string_equal(f.message, sentence);
    if (f.line != line || f.column != column)
        fail_msg("%s: at %d:%d, expected %d:%d (%s)", text, f.line, f.column, line, column, f.message);
}
#define REFUSED(text, line, column, sentence) refused((text), sizeof(text) - 1, (line), (column), (sentence))

static void tree_has_kinds_keys_raw_bytes_and_counts(void **state) {
    (void)state;
    struct node *root = parse(" {\"a\" : [1, -2.5e+3, \"x\", true, false, null, {}, []], \"b\":{\"c\":\"d\"}} ");
    assert_int_equal(root->kind, NODE_OBJECT);
    assert_int_equal(root->count, 2);
    assert_null(root->key.p);
    struct node *a = doc_get(root, STR("a"));
    assert_int_equal(a->kind, NODE_ARRAY);
    assert_int_equal(a->count, 8);
    assert_str(a->raw, "[1, -2.5e+3, \"x\", true, false, null, {}, []]");
    static const enum node_kind kinds[] = {NODE_NUMBER, NODE_NUMBER, NODE_STRING, NODE_TRUE,
                                           NODE_FALSE,  NODE_NULL,   NODE_OBJECT, NODE_ARRAY};
    static const char *const raws[] = {"1", "-2.5e+3", "\"x\"", "true", "false", "null", "{}", "[]"};
    size_t i = 0;
    for (struct node *e = a->child; e; e = e->next, i++) {
        assert_int_equal(e->kind, kinds[i]);
        assert_str(e->raw, raws[i]);
        assert_null(e->key.p);
    }
    assert_int_equal(i, 8);
    assert_str(doc_get(doc_get(root, STR("b")), STR("c"))->text, "d");
    assert_null(doc_get(root, STR("c")));
    assert_null(doc_get(a, STR("a")));
    assert_null(doc_get(NULL, STR("a")));
}

static void scalars_are_texts_too(void **state) {
    (void)state;
    assert_int_equal(parse("null")->kind, NODE_NULL);
    assert_str(parse("\"\"")->text, "");
    assert_non_null(parse("\"\"")->text.p);
    assert_str(parse("\t-0\r\n")->text, "-0");
    assert_str(parse("0.10E-07")->text, "0.10E-07");
}

static void strings_without_escapes_point_into_the_text(void **state) {
    (void)state;
    const char *text = "{\"key\":\"va\xC3\xBClue\"}";
    struct node *root = parse(text);
    assert_ptr_equal(root->child->key.p, text + 2);
    assert_ptr_equal(root->child->text.p, text + 8);
}

static void escapes_are_decoded(void **state) {
    (void)state;
    struct node *s = parse("\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0041 \\u00e9 \\u20AC \\uD83D\\uDE00 \\u0000!\"");
    struct str want = STR("\" \\ / \b\f\n\r\t A \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \0!");
    assert_int_equal(s->text.n, want.n);
    assert_memory_equal(s->text.p, want.p, want.n);
    assert_str(parse("{\"\\u0061b\":1}")->child->key, "ab");
}

static void duplicate_keys_are_kept_and_the_last_wins(void **state) {
    (void)state;
    struct node *root = parse("{\"a\":1,\"a\":2,\"\":3}");
    assert_int_equal(root->count, 3);
    assert_str(doc_get(root, STR("a"))->text, "2");
    assert_str(doc_get(root, STR(""))->text, "3");
}

static void refusals_say_what_stood_there_and_what_was_expected(void **state) {
    (void)state;
    REFUSED("", 1, 1, "Unexpected end of the text: expected a value (object, array, string, number, true, false or null)");
    REFUSED("{\"a\":1", 1, 7, "Unexpected end of the text: expected ',' or '}' after a field's value");
    REFUSED("[1 2]", 1, 4, "Unexpected character '2': expected ',' or ']' after an element");
    REFUSED("{'a':1}", 1, 2, "Unexpected character ''': expected a field name in double quotes, or '}'");
    REFUSED("{\"a\":1,}", 1, 8, "Unexpected character '}': expected a field name in double quotes after ','");
    REFUSED("{\"a\" 1}", 1, 6, "Unexpected character '1': expected ':' between a field name and its value");
    REFUSED("[1,]", 1, 4, NULL);
    REFUSED("[\n  tru\n]", 2, 3, "Unexpected token 'tru': expected a value (object, array, string, number, true, false or null)");
    REFUSED("truex", 1, 1, NULL);
    REFUSED("{} x", 1, 4, "Unexpected character 'x': expected nothing after the value");
    REFUSED("{}{}", 1, 3, NULL);
    REFUSED("\"\xC3\xA9\xC3\xA9\n\"", 1, 4, "Unexpected control character U+000A: expected control characters in strings to be escaped");
    REFUSED("\"a", 1, 3, "Unexpected end of the text: expected '\"' to end the string that began at line 1, column 1");
    REFUSED("\xEF\xBB\xBF{}", 1, 1, NULL);
    REFUSED("// no\n{}", 1, 1, NULL);
    REFUSED("NaN", 1, 1, NULL);
    REFUSED("\0", 1, 1, "Unexpected control character U+0000: expected a value (object, array, string, number, true, false or null)");
    REFUSED("[}", 1, 2, NULL);
    REFUSED("{]", 1, 2, NULL);
    REFUSED("]", 1, 1, NULL);
    REFUSED("\r\n\r\n!", 3, 1, NULL);
}

static void numbers_follow_the_grammar(void **state) {
    (void)state;
    static const char *const good[] = {"0", "-0", "10", "0.0", "1e5", "1E+05", "-12.34e-56", "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_int_equal(parse(good[i])->kind, NODE_NUMBER);
    static const char *const bad[] = {"01", "-", "-a", "1.", ".5", "1e", "1e+", "+1", "0x10", "1_000", "- 1", "00", "1.e3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct node *root;
        if (doc_parse(&arena, str_from(bad[i]), &root, NULL) != ERR_SYNTAX) fail_msg("%s was taken", bad[i]);
    }
    REFUSED("[01]", 1, 2, "Unexpected token '01': expected no zero before the other digits of a number");
    REFUSED("[1.]", 1, 4, "Unexpected character ']': expected a digit after the decimal point");
}

static void strings_are_strict(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\"\\x\"",     "\"\\u12\"", "\"\\uD800\"",  "\"\\uDC00\"",      "\"\\uD800\\u0041\"",   "\"\\uD800\\\"",        "\"\\",
        "\"\\u12G4\"", "\"\x80\"",  "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"",
        "\"\x1F\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct node *root;
        if (doc_parse(&arena, str_from(bad[i]), &root, NULL) != ERR_SYNTAX) fail_msg("%s was taken", bad[i]);
    }
    assert_str(parse("\"\x7F\xF4\x8F\xBF\xBF\xED\x9F\xBF\"")->text, "\x7F\xF4\x8F\xBF\xBF\xED\x9F\xBF");
    REFUSED("\"\xFF\"", 1, 2, "Unexpected byte 0xFF: expected well-formed UTF-8");
    REFUSED("\"\\q\"", 1, 3, "Unexpected character 'q': expected one of \" \\ / b f n r t u after the backslash");
}

/* A special byte at each offset of the eight that are looked at together. */
static void special_bytes_are_seen_at_every_offset(void **state) {
    (void)state;
    for (size_t at = 0; at < 20; at++)
        for (int c = 0; c < 256; c++) {
            char text[32];
            memset(text, 'x', sizeof text);
            text[0] = text[22] = '"';
            text[1 + at] = (char)c;
            struct node *root;
            enum err e = doc_parse(&arena, str_of(text, 23), &root, NULL);
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            if ((e == ERR_OK) != plain) fail_msg("byte %d at %zu: %d", c, at, (int)e);
            if (plain) assert_int_equal(root->text.n, 21);
        }
}

static void depth_is_bounded(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < DOC_DEPTH_MAX; i++) buf_addz(&b, i % 2 ? "[" : "{\"a\":");
    buf_addz(&b, "1");
    for (int i = DOC_DEPTH_MAX; i-- > 0;) buf_addc(&b, i % 2 ? ']' : '}');
    struct node *root;
    struct fault f;
    assert_int_equal(doc_parse(&arena, buf_str(&b), &root, &f), ERR_OK);
    buf_clear(&b);
    for (int i = 0; i <= DOC_DEPTH_MAX; i++) buf_addc(&b, '[');
    assert_int_equal(doc_parse(&arena, buf_str(&b), &root, &f), ERR_SYNTAX);
    assert_int_equal(f.column, DOC_DEPTH_MAX + 1);
    assert_string_equal(f.message, "Unexpected character '[': expected at most 1000 levels of nesting");
    buf_fini(&b);
}

static void arena_cap_is_an_error_not_a_crash(void **state) {
    (void)state;
    struct arena small;
    arena_init(&small, 4096);
    struct buf b;
    buf_init(&b, 0);
    buf_addz(&b, "[1");
    for (int i = 0; i < 5000; i++) buf_addz(&b, ",1");
    buf_addz(&b, "]");
    struct node *root;
    struct fault f;
    assert_int_equal(doc_parse(&small, buf_str(&b), &root, &f), ERR_NOMEM);
    assert_null(root);
    arena_fini(&small);
    buf_fini(&b);
}

static void stop_is_behind_what_was_refused(void **state) {
    (void)state;
    const char *text = "[tru]", *stop;
    struct node *root;
    assert_int_equal(doc_parse_stop(&arena, str_from(text), &root, NULL, &stop), ERR_SYNTAX);
    assert_ptr_equal(stop, text + 4);
}

static void minify_drops_blanks_between_tokens_only(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    doc_minify(&b, parse(" { \"a b\" : [ 1.0 ,\t\"x \\\" y\\\\\" , { } ] ,\n\"c\" : null } "));
    assert_str(buf_str(&b), "{\"a b\":[1.0,\"x \\\" y\\\\\",{}],\"c\":null}");
    buf_clear(&b);
    doc_minify(&b, doc_get(parse("{\"a\": [ 1 , 2 ] }"), STR("a")));
    assert_str(buf_str(&b), "[1,2]");
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tree_has_kinds_keys_raw_bytes_and_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(scalars_are_texts_too, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_without_escapes_point_into_the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(escapes_are_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(duplicate_keys_are_kept_and_the_last_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_say_what_stood_there_and_what_was_expected, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_follow_the_grammar, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_strict, setup, teardown),
        cmocka_unit_test_setup_teardown(special_bytes_are_seen_at_every_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(arena_cap_is_an_error_not_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_is_behind_what_was_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(minify_drops_blanks_between_tokens_only, setup, teardown),
    };
    return cmocka_run_group_tests_name("rules/doc", tests, NULL, NULL);
}
