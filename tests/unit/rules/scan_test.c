/* The scanner against the plain reader: each instruction set, each place of a token in a block of 64 bytes. tests/fuzz/rules/scan_fuzz.c
 * compares the leaves of any text; here are the corners by name, and texts that a seeded generator spoils. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "scan.h"

static struct scan scans[4];
static size_t scan_count;
static struct scan_paths *paths;

static int set_up(void **state) {
    static const char *const kinds[] = {"portable", "sse2", "avx2", "avx512"};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        if (scan_index_named(kinds[i]) && scan_init(&scans[scan_count++], scan_index_named(kinds[i]))) return -1;
    return (paths = scan_paths_new(1)) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i < scan_count; i++) scan_fini(&scans[i]);
    scan_paths_release(paths);
    return 0;
}

static uint32_t want(const char *path) {
    uint32_t number;
    assert_int_equal(scan_paths_add(paths, str_from(path), &number), ERR_OK);
    return number;
}

/* In memory of just its size, so that a sanitizer sees every byte too many. */
static enum err read_exact(struct scan *s, struct str text) {
    char *copy = malloc(text.n ? text.n : 1);
    assert_non_null(copy);
    if (text.n) memcpy(copy, text.p, text.n);
    enum err e = scan_read(s, paths, str_of(copy, text.n));
    free(copy);
    return e;
}

static void agree(struct str text) {
    struct arena a;
    struct node *root;
    arena_init(&a, 0);
    enum err expected = doc_parse(&a, text, &root, NULL);
    for (size_t i = 0; i < scan_count; i++) {
        enum err e = read_exact(&scans[i], text);
        if (e != expected) fail_msg("scanner %zu: %d, expected %d: %.*s", i, e, expected, STR_ARG(text));
    }
    arena_fini(&a);
}

static const char *const texts[] = {
    "",
    " ",
    "{}",
    "[]",
    "{",
    "[",
    "}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1]]",
    "[[1]",
    "{\"a\":1}}",
    "{\"a\":1 \"b\":2}",
    "{\"a\" 1}",
    "{1:2}",
    "[\"a\"\"b\"]",
    "[\"a\":1]",
    "1",
    "-",
    "-1",
    "01",
    "1.",
    ".5",
    "1.5e",
    "1e+",
    "1e+7",
    "-0.0E-0",
    "1e5x",
    "tru",
    "true",
    "truex",
    "nullnull",
    "[true,false,null]",
    "[TRUE]",
    "\"a\"",
    "\"a",
    "\"\\\"",
    "\"\\\\\"",
    "\"\\q\"",
    "\"\\u12\"",
    "\"\\u12G4\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800\\uDC00\"",
    "\"\\uD800\\\\uDC00\"",
    "\"\\uD800\\uD800\\uDC00\"",
    "\"\\\\uDC00\"",
    "\"\\uDBFF\\uDFFF\\uDC00\"",
    "\"\t\"",
    "\"\x7F\"",
    "\"\x01\"",
    "{\"a\\u0062\":\"\\n\"}",
    "\\\"a\"",
    "[\\n]",
    "\"\xC3\xA9\"",
    "\"\xC0\x80\"",
    "\"\xED\xA0\x80\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xE0\x80\x80\"",
    "\"\xC3\"",
    "\xEF\xBB\xBF{}",
    "\x1A",
    "{\"a\"\x1A"
    "1}",
    "[1\x0C"
    "2]",
    "[1\x1A]",
    "\xC3\xA9",
    "[\xC3\xA9]",
    "{\"a\":{\"b\":[1,{\"c\":[]}],\"d\":{}}} ",
    "[[[[]]]]",
    "{\"a\":\"b\",\"c\":[\"d\",-1.5e3,{\"e\":null}]}",
    "{}{}",
    "{} {}",
    "[}",
    "{]",
    "[1}",
    "{\"a\":1]",
    "\"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"
    "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"}",
};

static void every_place_in_a_block(void **state) {
    (void)state;
    want("a");
    want("a.b");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t shift = 0; shift < 130; shift++) {
            char text[512];
            memset(text, ' ', shift);
            size_t n = strlen(texts[i]);
            assert_true(shift + n < sizeof text);
            memcpy(text + shift, texts[i], n);
            agree(str_of(text, shift + n));
        }
}

static void put_nested(struct buf *b, const char *open, const char *inner, const char *close, int levels) {
    buf_clear(b);
    for (int i = 0; i < levels; i++) buf_addz(b, open);
    buf_addz(b, inner);
    for (int i = 0; i < levels; i++) buf_addz(b, close);
}

static void a_thousand_levels(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    want("a.a.a.a");
    for (int levels = 998; levels <= 1002; levels++) {
        static const char *const inner[] = {"1", "[]", "{}", "[1]", "{\"a\":1}"};
        for (size_t i = 0; i < 5; i++) {
            put_nested(&b, "[", inner[i], "]", levels);
            agree(buf_str(&b));
            put_nested(&b, "{\"a\":", inner[i], "}", levels);
            agree(buf_str(&b));
            put_nested(&b, "{\"x\":", inner[i], "}", levels);
            agree(buf_str(&b));
        }
    }
    put_nested(&b, "[", "", "", 100000);
    agree(buf_str(&b));
    put_nested(&b, "{\"a\":", "", "", 100000);
    agree(buf_str(&b));
    buf_fini(&b);
}

static uint64_t seed = 20261123;
static uint32_t draw(uint32_t below) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

/* A text that is JSON or nearly: some bytes of a good one replaced, taken out or doubled. */
static void spoiled_texts(void **state) {
    (void)state;
    static const char good[] = "{\"version\":\"0\",\"detail\":{\"a\":[1,2.5e-3,{\"b\":\"x\\u00e9\\n\"}],\"caf\xC3\xA9\":null,\"c\":true,"
                               "\"d\":\"\\ud83d\\ude00\"},\"a\": "
                               "{\"b\" : [ \"\xE2\x82\xAC\", -0, false ] }}";
    static const char pieces[] = "{}[]:,\"\\ \n\x01\xC3\x80"
                                 "0-1.eEtfnu";
    for (int round = 0; round < 30000; round++) {
        char text[256];
        size_t n = sizeof good - 1;
        memcpy(text, good, n);
        for (uint32_t changes = draw(4); changes; changes--) {
            size_t at = draw((uint32_t)n);
            switch (draw(3)) {
            case 0: text[at] = pieces[draw(sizeof pieces - 1)]; break;
            case 1: memmove(text + at, text + at + 1, --n - at); break;
            default: memmove(text + at + 1, text + at, n++ - at); text[at] = pieces[draw(sizeof pieces - 1)];
            }
        }
        agree(str_of(text, n));
    }
}

static void expect_leaf(const struct scan *s, uint32_t i, uint32_t path, enum node_kind kind, const char *text) {
    assert_true(i < s->leaf_count);
    const struct scan_leaf *l = &s->leaves[i];
    assert_int_equal(l->path, path);
    assert_int_equal(l->kind, kind);
    char out[64];
    struct str got = str_of(l->p, l->bytes);
    if (l->escaped) got = str_of(out, scan_unescape(got, out));
    assert_true(str_eqz(got, text));
}

static void leaves_of_wanted_paths(void **state) {
    (void)state;
    uint32_t state_path = want("detail.state"), sku = want("detail.items.sku"), source = want("source");
    struct scan *s = &scans[scan_count - 1];
    static const char text[] =
        "{\"source\":\"aws\\u002Eec2\",\"x\":{\"source\":1},\"detail\":{\"items\":[{\"sku\":\"a\"},{\"sku\":[7,null]},3],\"state\":true,"
        "\"sta\\u0074e\":\"running\"}}";
    assert_int_equal(scan_read(s, paths, STR(text)), ERR_OK);
    assert_int_equal(s->leaf_count, 5);
    expect_leaf(s, 0, source, NODE_STRING, "aws.ec2");
    expect_leaf(s, 1, sku, NODE_STRING, "a");
    expect_leaf(s, 2, sku, NODE_NUMBER, "7");
    expect_leaf(s, 3, sku, NODE_NULL, "null");
    expect_leaf(s, 4, state_path, NODE_STRING, "running"); /* the later member of that name */
    assert_int_equal(s->leaves[0].element, 0);
    assert_int_equal(s->elements[s->leaves[2].element].around, s->elements[s->leaves[3].element].around);
    assert_int_not_equal(s->leaves[2].element, s->leaves[3].element);
    assert_int_equal(s->elements[s->leaves[1].element].around, 0);
}

static void a_detail_in_a_string(void **state) {
    (void)state;
    char out[64];
    size_t n;
    struct scan *s = &scans[0];
    assert_true(scan_string(s, STR(" \"{\\\"a\\\":\\\"\\\\u00e9\\\\n\\\"}\""), out, &n));
    assert_true(str_eqz(str_of(out, n), "{\"a\":\"\\u00e9\\n\"}"));
    assert_false(scan_string(s, STR("\"a\" 1"), out, &n));
    assert_false(scan_string(s, STR("[1]"), out, &n));
    assert_false(scan_string(s, STR("12"), out, &n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_in_a_block), cmocka_unit_test(a_thousand_levels),    cmocka_unit_test(spoiled_texts),
        cmocka_unit_test(leaves_of_wanted_paths), cmocka_unit_test(a_detail_in_a_string),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
