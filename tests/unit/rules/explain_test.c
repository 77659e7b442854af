/* Explanations. tests/cases/explain.jsonl: each line is a test of its own: {"name", "pattern", "event", "match", and the exact "reason" why
 * not, or the "line" of the first field when it matched; "code" is that of the closest branch's first field}. And a law: on every case of
 * tests/cases the verdicts are the evaluator's, for the whole and for each field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "explain.h"
#include "likeness.h"
#include "os.h"
#include "pattern_ast.h"

enum { CASES_LEAST = 60, CASES_MOST = 400 };
static struct arena arena;
static struct CMUnitTest tests[CASES_MOST];
static size_t test_count;

static struct str text_of(const struct node *v) { return v->kind == NODE_STRING ? v->text : v->raw; }
static struct node *event_of(struct str text, struct arena *a) {
    static struct fault f;
    struct node *root;
    if (doc_parse(a, text, &root, &f)) fail_msg("%.*s: %s", STR_ARG(text), f.message);
    return root;
}
static struct pattern *pattern_of(struct str text) {
    static struct fault f;
    struct pattern *p;
    if (pattern_parse(text, &p, &f)) fail_msg("%.*s: %s", STR_ARG(text), f.message);
    return p;
}

/* ---- laws -------------------------------------------------------------------------------------------------------------------------- */

static bool field_alone(const struct pattern *p, struct str path, size_t branch, const struct node *event, struct arena *a) {
    const struct pattern_conjunction *c = &p->conjunctions[branch];
    struct pattern one = *p;
    for (size_t i = 0; i < c->count; i++) {
        if (!str_eq(c->fields[i]->path, path)) continue;
        struct pattern_conjunction alone = {&c->fields[i], 1};
        bool matched;
        one.conjunctions = &alone;
        one.conjunction_count = 1;
        assert_int_equal(pattern_match(&one, event, a, &matched), ERR_OK);
        return matched;
    }
    fail_msg("no field %.*s", STR_ARG(path));
    return false;
}

static bool has_whole_branch(const struct explanation *e) {
    for (size_t i = 0; i < e->count; i++)
        if (!e->branches[i].failing) return true;
    return false;
}

static void check_laws(const struct pattern *p, const struct node *event, const struct explanation *e, struct arena *a) {
    bool matched, any = false;
    assert_int_equal(pattern_match(p, event, a, &matched), ERR_OK);
    assert_int_equal(e->matched, matched);
    assert_int_equal(!e->reason.p, matched);
    if (event->kind != NODE_OBJECT) return;
    assert_int_equal(e->total, p->conjunction_count);
    for (size_t i = 0; i < e->count; i++) {
        const struct explain_branch *b = &e->branches[i];
        size_t failing = 0;
        for (size_t k = 0; k < b->count; k++) {
            const struct explain_field *f = &b->fields[k];
            bool good = f->code == EXPLAIN_MATCHED;
            assert_int_equal(good, field_alone(p, f->path, b->number - 1, event, a));
            assert_true(f->wanted.n && f->had.n && f->distance <= EXPLAIN_DISTANCE_MAX && (f->distance == 0) == good);
            failing += !good;
        }
        assert_int_equal(failing, b->failing);
        assert_int_equal(b->matched, !b->failing && !b->conflict.p);
        any |= b->matched;
    }
    assert_int_equal(any, matched);
    if (matched) assert_true(e->branches[0].matched);
    assert_int_equal(explain_distance(p, event) == 0, has_whole_branch(e));
}

static void explanation_agrees(const struct node *c) {
    if (!doc_get(c, STR("event"))) return;
    struct arena a;
    struct explanation e;
    arena_init(&a, 0);
    struct pattern *p = pattern_of(text_of(doc_get(c, STR("pattern"))));
    struct node *event = event_of(text_of(doc_get(c, STR("event"))), &a);
    assert_int_equal(explain(p, event, &a, &e), ERR_OK);
    assert_int_equal(e.matched, doc_get(c, STR("match"))->kind == NODE_TRUE);
    check_laws(p, event, &e, &a);
    pattern_free(p);
    arena_fini(&a);
}

struct lines {
    size_t count;
    void (*each)(struct lines *l, struct node *c);
};

static enum err read_lines(void *ctx, const char *path) {
    struct lines *l = ctx;
    static struct fault f;
    struct buf text;
    buf_init(&text, 0);
    if (os_read_file(path, 64 << 20, &text, &f)) fail_msg("%s", f.message);
    struct str rest = arena_str(&arena, buf_str(&text)), line;
    buf_fini(&text);
    while (str_cut(&rest, '\n', &line)) {
        if (!line.n) continue;
        l->count++;
        l->each(l, event_of(line, &arena));
    }
    return ERR_OK;
}

static void check_case(struct lines *l, struct node *c) {
    (void)l;
    explanation_agrees(c);
}

static void verdicts_are_the_evaluators_on_every_case(void **state) {
    (void)state;
    static const char *const suffixes[] = {".jsonl", NULL};
    static struct fault f;
    struct lines l = {.each = check_case};
    assert_int_equal(os_each_file("tests/cases", suffixes, read_lines, &l, &f), ERR_OK);
    assert_true(l.count > 400);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------------------------ */

static struct explanation explain_texts(struct str pattern, struct str event) {
    struct explanation e;
    struct pattern *p = pattern_of(pattern);
    struct node *root = event_of(event, &arena);
    assert_int_equal(explain(p, root, &arena, &e), ERR_OK);
    check_laws(p, root, &e, &arena);
    for (size_t i = 0; i < e.count; i++) /* strings may point into the pattern */
        for (size_t k = 0; k < e.branches[i].count; k++) e.branches[i].fields[k].path = arena_str(&arena, e.branches[i].fields[k].path);
    pattern_free(p);
    return e;
}

static void of_many_branches_the_closest_are_told(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_addz(&b, "{\"$or\":[");
    for (int i = 0; i < 100; i++) buf_addf(&b, "%s{\"k%d\":[\"v\"],\"s\":[\"n%d\"]}", i ? "," : "", i, i);
    buf_addz(&b, "]}");
    struct explanation e = explain_texts(buf_str(&b), STR("{\"k77\":\"v\",\"s\":\"n7x\"}"));
    buf_fini(&b);
    assert_int_equal(e.total, 100);
    assert_int_equal(e.count, EXPLAIN_BRANCHES_MAX);
    assert_int_equal(e.branches[0].number, 78);
    assert_true(str_eqz(e.reason, "s: wanted \"n77\"; had \"n7x\" (nearest: \"n77\", 1 edit)"));
}

static void of_many_fields_those_that_fail_are_told(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_addz(&b, "{\"a\":[1]");
    for (int i = 0; i < 300; i++) buf_addf(&b, ",\"k%d\":[{\"exists\":false}]", i);
    buf_addz(&b, ",\"z\":[2]}");
    struct explanation e = explain_texts(buf_str(&b), STR("{\"a\":1,\"z\":3}"));
    buf_fini(&b);
    assert_int_equal(e.branches[0].total, 302);
    assert_int_equal(e.branches[0].count, EXPLAIN_FIELDS_MAX);
    assert_true(str_eqz(e.branches[0].fields[0].path, "z"));
}

static void large_array_is_counted_and_its_match_found(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_addz(&b, "{\"e\":[");
    for (int i = 0; i < 10000; i++) buf_addf(&b, "%d,", i);
    buf_addz(&b, "\"x\"]}");
    struct explanation e = explain_texts(STR("{\"e\":[\"x\"]}"), buf_str(&b));
    assert_true(str_eqz(e.branches[0].fields[0].at, "e[10000]"));
    e = explain_texts(STR("{\"e\":[\"y\"]}"), buf_str(&b));
    assert_true(str_starts(e.branches[0].fields[0].had, STR("10001 values: ")));
    buf_fini(&b);
}

static void arena_at_its_cap_is_an_error(void **state) {
    (void)state;
    struct arena tiny;
    struct explanation e;
    struct pattern *p = pattern_of(STR("{\"a\":[1]}"));
    struct node *event = event_of(STR("{\"a\":2}"), &arena);
    arena_init(&tiny, 64);
    assert_int_equal(explain(p, event, &tiny, &e), ERR_NOMEM);
    arena_fini(&tiny);
    pattern_free(p);
}

static void json_is_whole(void **state) {
    (void)state;
    struct explanation e = explain_texts(STR("{\"$or\":[{\"a\":[\"running\"]},{\"b\":[1]}]}"), STR("{\"a\":\"runing\"}"));
    struct buf b;
    buf_init(&b, 0);
    explain_json(&e, &b);
    buf_addc(&b, 0);
    assert_string_equal(
        b.p, "{\"Matched\":false,\"Reason\":\"a: wanted \\\"running\\\"; had \\\"runing\\\" (nearest: \\\"running\\\", 1 edit)\","
             "\"BranchCount\":2,\"Branches\":[{\"Number\":1,\"Matched\":false,\"FieldCount\":1,\"Fields\":[{\"Path\":\"a\","
             "\"Matched\":false,\"Code\":\"WrongValue\",\"Wanted\":\"\\\"running\\\"\",\"Had\":\"\\\"runing\\\"\",\"At\":\"a\","
             "\"Hint\":\"nearest: \\\"running\\\", 1 edit\"}]},{\"Number\":2,\"Matched\":false,\"FieldCount\":1,\"Fields\":"
             "[{\"Path\":\"b\",\"Matched\":false,\"Code\":\"NoField\",\"Wanted\":\"1\",\"Had\":\"no such field\"}]}]}");
    buf_fini(&b);
}

/* ---- likeness ---------------------------------------------------------------------------------------------------------------------- */

static void edits_are_counted_in_characters(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t edits;
    } rows[] = {
        {"", "", 0},     {"a", "", 1},  {"running", "runing", 1}, {"running", "runnnig", 1}, {"kitten", "sitting", 3}, {"für", "fur", 1},
        {"ab", "ba", 1}, {"Ä", "Ö", 1}, {"x😀y", "xy", 1},         {"abcdef", "badcfe", 3},   {"état", "étâts", 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(likeness_edits(str_from(rows[i].a), str_from(rows[i].b)), rows[i].edits);
        assert_int_equal(likeness_edits(str_from(rows[i].b), str_from(rows[i].a)), rows[i].edits);
    }
    char far[200], other[200];
    memset(far, 'a', sizeof far);
    memset(other, 'b', sizeof other);
    assert_int_equal(likeness_edits(str_of(far, 200), str_of(other, 200)), LIKENESS_FAR);
    memcpy(other, far, 150);
    assert_int_equal(likeness_edits(str_of(far, 200), str_of(other, 200)), 50); /* what both begin with is free */
}

static void same_letters_whatever_joins_them(void **state) {
    (void)state;
    assert_true(likeness_same_letters(STR("detail-type"), STR("DetailType")));
    assert_true(likeness_same_letters(STR("a_b c."), STR("A.b-C")));
    assert_false(likeness_same_letters(STR("detail"), STR("details")));
    assert_false(likeness_same_letters(STR("ab"), STR("ba")));
}

/* ---- the cases --------------------------------------------------------------------------------------------------------------------- */

static void run_case(void **state) {
    const struct node *c = *state, *reason = doc_get(c, STR("reason")), *line = doc_get(c, STR("line"));
    struct explanation e;
    struct pattern *p = pattern_of(text_of(doc_get(c, STR("pattern"))));
    assert_int_equal(explain(p, event_of(text_of(doc_get(c, STR("event"))), &arena), &arena, &e), ERR_OK);
    assert_true((reason != NULL) != (line != NULL));
    if (reason && !str_eq(e.reason, reason->text)) fail_msg("\ngot      %.*s\nexpected %.*s", STR_ARG(e.reason), STR_ARG(reason->text));
    const char *code = e.count ? explain_code_name(e.branches[0].fields[0].code) : "-";
    if (!str_eqz(doc_get(c, STR("code"))->text, code)) fail_msg("got code %s", code);
    struct buf b;
    buf_init(&b, 0);
    if (e.matched) explain_line(&e.branches[0].fields[0], &b);
    if (line && !str_eq(buf_str(&b), line->text)) fail_msg("\ngot      %.*s\nexpected %.*s", STR_ARG(buf_str(&b)), STR_ARG(line->text));
    buf_fini(&b);
    pattern_free(p);
}

static void add_case(struct lines *l, struct node *c) {
    (void)l;
    if (test_count == CASES_MOST) abort();
    tests[test_count++] =
        (struct CMUnitTest){.name = arena_str(&arena, doc_get(c, STR("name"))->text).p, .test_func = run_case, .initial_state = c};
}

#define TEST(f) tests[test_count++] = (struct CMUnitTest)cmocka_unit_test(f)
int main(void) {
    arena_init(&arena, (size_t)1 << 30);
    struct lines l = {.each = add_case};
    if (read_lines(&l, "tests/cases/explain.jsonl") || l.count < CASES_LEAST) return 1;
    TEST(verdicts_are_the_evaluators_on_every_case);
    TEST(of_many_branches_the_closest_are_told);
    TEST(of_many_fields_those_that_fail_are_told);
    TEST(large_array_is_counted_and_its_match_found);
    TEST(arena_at_its_cap_is_an_error);
    TEST(json_is_whole);
    TEST(edits_are_counted_in_characters);
    TEST(same_letters_whatever_joins_them);
    int failed = _cmocka_run_group_tests("rules/explain", tests, test_count, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
