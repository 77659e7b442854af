#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "yamltree.h"

static struct arena arena;
static struct problems problems;

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

static const struct ynode *read_text(struct str text) {
    struct ynode *root;
    problems_init(&problems, &arena);
    assert_int_equal(yaml_read(text, &arena, &root, &problems), ERR_OK);
    return root;
}

static void one_problem(struct str text, int line, int column, const char *path, const char *message) {
    read_text(text);
    if (problems.total != 1) fail_msg("%.*s: %zu problems", STR_ARG(text), problems.total);
    const struct problem *p = &problems.items[0];
    if (p->line != line || p->column != column || !str_eqz(p->path, path) || !str_eqz(p->message, message))
        fail_msg("%.*s\ngives    %d:%d: %.*s: %.*s\nexpected %d:%d: %s: %s", STR_ARG(text), p->line, p->column, STR_ARG(p->path),
                 STR_ARG(p->message), line, column, path, message);
}

static void scalars_have_the_types_of_json(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"5", "5"},
        {"-5", "-5"},
        {"0", "0"},
        {"-0", "-0"},
        {"5.0", "5.0"},
        {"0.5", "0.5"},
        {"1e3", "1e3"},
        {"1E+3", "1E+3"},
        {"1.50e-7", "1.50e-7"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"true", "true"},
        {"True", "true"},
        {"TRUE", "true"},
        {"false", "false"},
        {"False", "false"},
        {"FALSE", "false"},
        {"null", "null"},
        {"~", "null"},
        {"Null", "null"},
        {"NULL", "null"},
        {"", "null"},
        {"yes", "\"yes\""},
        {"no", "\"no\""},
        {"on", "\"on\""},
        {"off", "\"off\""},
        {"Yes", "\"Yes\""},
        {"OFF", "\"OFF\""},
        {"y", "\"y\""},
        {"n", "\"n\""},
        {"tRUE", "\"tRUE\""},
        {"nULL", "\"nULL\""},
        {"-", NULL},
        {"i-0abc", "\"i-0abc\""},
        {"2026-05-01", "\"2026-05-01\""},
        {"12:30:45", "\"12:30:45\""},
        {"1.2.3", "\"1.2.3\""},
        {"10.0.0.0/8", "\"10.0.0.0/8\""},
        {"5 minutes", "\"5 minutes\""},
        {"1e", "\"1e\""},
        {"e5", "\"e5\""},
        {"_1", "\"_1\""},
        {".", "\".\""},
        {"..", "\"..\""},
        {"-a", "\"-a\""},
        {"0xyz", "\"0xyz\""},
        {"nan", "\"nan\""},
        {"inf", "\"inf\""},
        {"=", "\"=\""},
        {"\"5\"", "\"5\""},
        {"'5'", "\"5\""},
        {"\"true\"", "\"true\""},
        {"'~'", "\"~\""},
        {"\"017\"", "\"017\""},
        {"''", "\"\""},
        {"\"a\\nb\"", "\"a\\nb\""},
        {"\"\\u20ac\"", "\"\xE2\x82\xAC\""},
        {"'it''s'", "\"it's\""},
        {"|\n  a\n  b\n", "\"a\\nb\\n\""},
        {">\n  a\n  b\n", "\"a b\\n\""},
        {"|-\n  5\n", "\"5\""},
        {"[1, a, [], {}]", "[1,\"a\",[],{}]"},
        {"{a: 1, 'b': [x]}", "{\"a\":1,\"b\":[\"x\"]}"},
        {"{yes: 1, 5: 2, \"\": 3}", "{\"yes\":1,\"5\":2,\"\":3}"},
        {"\n  b: 2\n  a: 1\n", "{\"b\":2,\"a\":1}"},
        {"\n  - x\n  -\n", "[\"x\",null]"},
        {"a # not this", "\"a\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str text = arena_printf(&arena, "k: %s", rows[i][0]);
        const struct ynode *root = read_text(text), *k = ynode_get(root, STR("k"));
        if (!rows[i][1]) { /* "-" alone begins a list where none may be */
            assert_int_equal(problems.total, 1);
            continue;
        }
        if (problems.total) fail_msg("%.*s: %.*s", STR_ARG(text), STR_ARG(problems.items[0].message));
        struct buf out;
        buf_init(&out, 0);
        assert_non_null(k);
        ynode_json(&out, k);
        if (!str_eqz(buf_str(&out), rows[i][1])) fail_msg("%s is %.*s, expected %s", rows[i][0], STR_ARG(buf_str(&out)), rows[i][1]);
        buf_fini(&out);
    }
}

static void numbers_of_some_readers_only_are_refused(void **state) {
    (void)state;
    static const char *const words[] = {"017",  "00",   "-017", "0x1F", "0XFF",  "-0x1",  "0o17", "0b101", ".5",
                                        "-.5",  "5.",   "+5",   "+5.5", "1_000", "1_0.5", "01.5", "1.e3",  "+1e3",
                                        ".5e1", ".nan", ".NaN", ".inf", "-.inf", "+.inf", ".INF"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct str text = arena_printf(&arena, "a:\n  - %s", words[i]);
        struct str message = arena_printf(
            &arena,
            "%s is a number to some YAML readers and not to others; write it as JSON does (17, 0.5, 1e3), or in quotes if it is a string",
            words[i]);
        one_problem(text, 2, 5, "a[0]", message.p);
    }
}

static void what_is_not_supported_is_refused_at_its_place(void **state) {
    (void)state;
    one_problem(STR("a: &x 1\n"), 1, 4, "a", "anchors are not supported; write the value out");
    one_problem(STR("a:\n  b: *x\n"), 2, 6, "a.b", "aliases (*name) are not supported; write the value out");
    one_problem(STR("a: !!str 5\n"), 1, 4, "a", "tags (tag:yaml.org,2002:str) are not supported");
    one_problem(STR("a: !x [1]\n"), 1, 4, "a", "tags (!x) are not supported");
    one_problem(STR("a: !x {b: 1}\n"), 1, 4, "a", "tags (!x) are not supported");
    one_problem(STR("a:\n  <<: {b: 1}\n"), 2, 3, "a.<<", "merge keys (<<) are not supported; write the members out");
    one_problem(STR("a:\n  b: 1\n  c: 2\n  b: 3\n"), 4, 3, "a.b", "this key stands here a second time");
    one_problem(STR("a: 1\n\"a\": 2\n"), 2, 1, "a", "this key stands here a second time");
    one_problem(STR("a:\n  [b]: 1\n"), 2, 3, "a.?", "a key must be a plain word or a quoted string");
    one_problem(STR("a: 1\n---\nb: 2\n"), 2, 1, "", "a rule file is one document: put this one into a file of its own");
}

static void what_is_no_yaml_is_refused_at_its_place(void **state) {
    (void)state;
    one_problem(STR("a: [1\n"), 2, 1, "", "this is not YAML: did not find expected ',' or ']', while parsing a flow sequence that began at line 1, column 4");
    one_problem(STR("a: 1\n\tb: 2\n"), 2, 1, "", "a tab cannot indent in YAML; use blanks");
    one_problem(STR("a: \"x"), 1, 6, "", "this is not YAML: found unexpected end of stream, while scanning a quoted scalar that began at line 1, column 4");
    one_problem(STR("a: b: c\n"), 1, 5, "", "this is not YAML: mapping values are not allowed in this context");
    one_problem(STR("a: 1\n b: 2\n"), 2, 3, "", "this is not YAML: mapping values are not allowed in this context");
    one_problem(STR("a: \"\\q\"\n"), 1, 5, "", "this is not YAML: found unknown escape character, while parsing a quoted scalar that began at line 1, column 4");
    one_problem(STR("a: x\nb: \xFF\n"), 2, 4, "", "this is not YAML: invalid leading UTF-8 octet");
    one_problem(STR("a: x\nb: \x01\n"), 2, 4, "", "this is not YAML: control characters are not allowed");
    assert_null(read_text(STR("a: [\n")));
}

static void an_empty_file_is_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n", "--- ~\n", "null"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_null(read_text(str_from(texts[i])));
        assert_int_equal(problems.total, 0);
    }
    assert_null(read_text(STR_NULL));
    assert_int_equal(read_text(STR("\xEF\xBB\xBF"
                                   "a: 1\n"))
                         ->kind,
                     YNODE_MAP); /* a byte order mark is no mistake */
    assert_int_equal(problems.total, 0);
}

static void nodes_know_where_they_stand(void **state) {
    (void)state;
    const struct ynode *root = read_text(STR("a:\n  b: [x, {c: \"d\"}]\n\xC3\xA9: z\n"));
    const struct ynode *b = ynode_get(ynode_get(root, STR("a")), STR("b")), *d = ynode_get(b->child->next, STR("c")),
                       *z = ynode_get(root, STR("\xC3\xA9"));
    assert_int_equal(root->count, 2);
    assert_true(b->line == 2 && b->column == 6 && b->key_line == 2 && b->key_column == 3 && b->count == 2);
    assert_true(d->line == 2 && d->column == 14 && d->key_column == 11);
    assert_true(z->line == 3 && z->column == 4); /* columns count characters */
    assert_true(str_eqz(ynode_path(d, &arena), "a.b[1].c"));
    assert_true(str_eqz(ynode_path(root, &arena), ""));
    assert_null(ynode_get(b, STR("x")));
    assert_null(ynode_get(NULL, STR("x")));
}

static void several_problems_are_told_and_counted_past_the_bound(void **state) {
    (void)state;
    struct buf text;
    read_text(STR("a: &x 017\nb: !t .5\n"));
    assert_int_equal(problems.total, 4);
    buf_init(&text, 0);
    for (int i = 0; i < PROBLEMS_MAX + 20; i++) buf_addz(&text, "- 0x1\n");
    read_text(buf_str(&text));
    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_int_equal(problems.total, PROBLEMS_MAX + 20);
    buf_clear(&text);
    text.n = 0;
    for (int i = 0; i < YAML_DEPTH_MAX; i++) buf_addc(&text, '[');
    for (int i = 0; i < YAML_DEPTH_MAX; i++) buf_addc(&text, ']');
    assert_non_null(read_text(buf_str(&text)));
    assert_int_equal(problems.total, 0);
    text.n = 0;
    for (int i = 0; i < 100000; i++) buf_addc(&text, '[');
    assert_null(read_text(buf_str(&text)));
    assert_int_equal(problems.total, 1);
    assert_true(str_eqz(problems.items[0].message, "more than 200 levels"));
    buf_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars_have_the_types_of_json, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_of_some_readers_only_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_supported_is_refused_at_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_yaml_is_refused_at_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_is_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(nodes_know_where_they_stand, setup, teardown),
        cmocka_unit_test_setup_teardown(several_problems_are_told_and_counted_past_the_bound, setup, teardown),
    };
    return cmocka_run_group_tests_name("rules/yamltree", tests, NULL, NULL);
}
