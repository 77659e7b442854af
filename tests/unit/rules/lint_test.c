/* Lint. tests/cases/lint/patterns.jsonl: each line is a test of its own: {"name", "pattern", "seen": [{"source", "detail-type", "fields":
 * {path: [type]}, "cut"}], "findings": ["Code path: message"]}, all findings in order; a note's code has a * behind it. same.jsonl:
 * {"name", "a", "b", "same"}. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lint.h"
#include "os.h"

enum { CASES_MOST = 400 };
static struct arena arena;
static struct CMUnitTest tests[CASES_MOST];
static size_t test_count;

static struct pattern *pattern_of(const struct node *v) {
    static struct fault f;
    struct pattern *p;
    if (pattern_parse(v->kind == NODE_STRING ? v->text : v->raw, &p, &f)) fail_msg("%.*s: %s", STR_ARG(v->raw), f.message);
    return p;
}

static uint8_t types_of(const struct node *list) {
    static const char *const names[] = {"string", "number", "boolean", "null"};
    unsigned types = 0;
    for (const struct node *n = list->child; n; n = n->next)
        for (unsigned i = 0; i < 4; i++)
            if (str_eqz(n->text, names[i])) types |= 1u << i;
    return (uint8_t)types;
}

static struct lint_seen seen_of(const struct node *list) {
    struct lint_seen_kind *kinds = arena_array(&arena, list->count, sizeof *kinds);
    size_t n = 0;
    for (const struct node *k = list->child; k; k = k->next) {
        const struct node *fields = doc_get(k, STR("fields")), *cut = doc_get(k, STR("cut"));
        struct lint_seen_field *f = arena_array(&arena, fields ? fields->count : 0, sizeof *f);
        size_t count = 0;
        for (const struct node *m = fields ? fields->child : NULL; m; m = m->next)
            f[count++] = (struct lint_seen_field){m->key, types_of(m)};
        kinds[n++] = (struct lint_seen_kind){doc_get(k, STR("source"))->text, doc_get(k, STR("detail-type"))->text, f, count,
                                             cut && cut->kind == NODE_TRUE};
    }
    return (struct lint_seen){kinds, n};
}

static void findings_of(const struct node *c, struct buf *out) {
    static struct lint found;
    const struct node *list = doc_get(c, STR("seen"));
    struct lint_seen seen = list ? seen_of(list) : (struct lint_seen){0};
    struct pattern *p = pattern_of(doc_get(c, STR("pattern")));
    assert_int_equal(lint_pattern(p, list ? &seen : NULL, &arena, &found), ERR_OK);
    assert_int_equal(found.count, found.total);
    for (size_t i = 0; i < found.count; i++) {
        const struct lint_finding *f = &found.items[i];
        assert_true(f->message.n && (f->field == LINT_NONE) == !f->path.n);
        buf_addf(out, "%s%s %.*s: %.*s\n", f->code, f->note ? "*" : "", STR_ARG(f->path), STR_ARG(f->message));
    }
    pattern_free(p);
}

static void run_pattern(void **state) {
    const struct node *c = *state, *list = doc_get(c, STR("findings"));
    struct buf got, want;
    buf_init(&got, 0);
    buf_init(&want, 0);
    findings_of(c, &got);
    for (const struct node *n = list ? list->child : NULL; n; n = n->next) {
        buf_add(&want, n->text);
        buf_addc(&want, '\n');
    }
    if (!str_eq(buf_str(&got), buf_str(&want)))
        fail_msg("got\n%.*sexpected\n%.*s", STR_ARG(buf_str(&got)), STR_ARG(buf_str(&want)));
    buf_fini(&got);
    buf_fini(&want);
}

static void run_same(void **state) {
    const struct node *c = *state;
    struct pattern *a = pattern_of(doc_get(c, STR("a"))), *b = pattern_of(doc_get(c, STR("b")));
    bool same = doc_get(c, STR("same"))->kind == NODE_TRUE;
    assert_int_equal(lint_same(a, b, &arena), same);
    assert_int_equal(lint_same(b, a, &arena), same);
    assert_int_equal(lint_signature(a) == lint_signature(b), same); /* of these few no two collide */
    pattern_free(a);
    pattern_free(b);
}

static void findings_are_bounded(void **state) {
    (void)state;
    static struct lint found;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 80; i++) buf_addf(&b, "%c\"k%d\":[1]", i ? ',' : '{', i);
    buf_addc(&b, '}');
    struct node text = {.kind = NODE_STRING, .text = buf_str(&b)};
    struct pattern *p = pattern_of(&text);
    assert_int_equal(lint_pattern(p, NULL, &arena, &found), ERR_OK);
    assert_int_equal(found.count, LINT_FINDINGS_MAX);
    assert_int_equal(found.total, 81);
    struct arena tiny;
    arena_init(&tiny, 64);
    assert_int_equal(lint_pattern(p, NULL, &tiny, &found), ERR_NOMEM);
    assert_false(lint_same(p, p, &tiny) != true); /* equal sources need no memory */
    arena_fini(&tiny);
    pattern_free(p);
    buf_fini(&b);
}

static size_t read_cases(const char *path, CMUnitTestFunction run) {
    static struct fault f;
    struct buf text;
    size_t before = test_count;
    buf_init(&text, 0);
    if (os_read_file(path, 1 << 20, &text, &f)) fprintf(stderr, "%s\n", f.message), abort();
    struct str rest = arena_str(&arena, buf_str(&text)), line;
    buf_fini(&text);
    while (str_cut(&rest, '\n', &line)) {
        struct node *c;
        if (!line.n) continue;
        if (doc_parse(&arena, line, &c, &f)) fprintf(stderr, "%s: %s\n", path, f.message), abort();
        tests[test_count++] =
            (struct CMUnitTest){.name = arena_str(&arena, doc_get(c, STR("name"))->text).p, .test_func = run, .initial_state = c};
    }
    return test_count - before;
}

int main(void) {
    arena_init(&arena, (size_t)1 << 30);
    if (read_cases("tests/cases/lint/patterns.jsonl", run_pattern) < 40 || read_cases("tests/cases/lint/same.jsonl", run_same) < 15)
        return 1;
    tests[test_count++] = (struct CMUnitTest)cmocka_unit_test(findings_are_bounded);
    int failed = _cmocka_run_group_tests("rules/lint", tests, test_count, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
