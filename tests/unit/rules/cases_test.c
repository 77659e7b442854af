/* Runs the .jsonl files in tests/cases: each line is a test of its own. A line is {"name", "pattern", "event", "match": bool} or
 * {"name", "pattern", "error": reason, "line", "column"}; pattern and event are JSON, or a string that holds the text. A reason without a
 * position is one that the service gives without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "os.h"
#include "pattern.h"

enum { CASES_LEAST = 400, CASES_MOST = 4000 };
#define CASES_DIR "tests/cases"

static struct arena arena; /* what the cases point into */
static struct CMUnitTest tests[CASES_MOST];
static size_t test_count;

static struct str text_of(const struct node *v) { return v->kind == NODE_STRING ? v->text : v->raw; }

static void check_match(const struct node *c, struct str pattern_text) {
    struct pattern *p;
    struct node *event;
    static struct fault f;
    bool matched;
    struct arena scratch;
    if (pattern_parse(pattern_text, &p, &f)) fail_msg("refused: %s", f.message);
    assert_true(str_eq(pattern_source(p), pattern_text));
    arena_init(&scratch, 0);
    if (doc_parse(&scratch, text_of(doc_get(c, STR("event"))), &event, &f)) fail_msg("event: %s", f.message);
    assert_int_equal(pattern_match(p, event, &scratch, &matched), ERR_OK);
    arena_fini(&scratch);
    pattern_free(p);
    bool expected = doc_get(c, STR("match"))->kind == NODE_TRUE;
    if (matched != expected)
        fail_msg("%.*s and %.*s: %s, expected %s", STR_ARG(pattern_text), STR_ARG(doc_get(c, STR("event"))->raw),
                 matched ? "match" : "no match", expected ? "match" : "no match");
}

static int number_of(const struct node *c, const char *key) {
    const struct node *v = doc_get(c, str_from(key));
    int64_t n = 0;
    assert_true(!v || str_to_i64(v->text, &n));
    return (int)n;
}

static void check_error(const struct node *c, struct str pattern_text) {
    struct pattern *p;
    static struct fault f;
    if (pattern_parse(pattern_text, &p, &f) == ERR_OK) {
        pattern_free(p);
        fail_msg("%.*s was taken", STR_ARG(pattern_text));
    }
    assert_null(p);
    assert_int_equal(f.code, ERR_PATTERN);
    int line = number_of(c, "line"), column = number_of(c, "column");
    struct buf want;
    buf_init(&want, 0);
    buf_addz(&want, "Event pattern is not valid. Reason: ");
    buf_add(&want, doc_get(c, STR("error"))->text);
    if (line) {
        buf_addz(&want, "\n at [Source: (String)\"");
        buf_add(&want, pattern_text);
        buf_addf(&want, "\"; line: %d, column: %d]", line, column);
    }
    bool whole = want.n < sizeof f.message; /* a long text is cut off */
    size_t n = whole ? want.n : strlen(f.message) - 3;
    if (strlen(f.message) < n || memcmp(f.message, want.p, n) != 0) fail_msg("got\n%s\nexpected\n%.*s", f.message, STR_ARG(buf_str(&want)));
    if (f.line != line || f.column != column) fail_msg("at %d:%d, expected %d:%d", f.line, f.column, line, column);
    if (whole) assert_int_equal(strlen(f.message), want.n);
    buf_fini(&want);
}

static void run_case(void **state) {
    const struct node *c = *state;
    const struct node *pattern = doc_get(c, STR("pattern"));
    if (doc_get(c, STR("error")))
        check_error(c, text_of(pattern));
    else
        check_match(c, text_of(pattern));
}

static bool is_case(const struct node *c) {
    bool match = doc_get(c, STR("match")) && doc_get(c, STR("event"));
    return doc_get(c, STR("name")) && doc_get(c, STR("pattern")) && match != (doc_get(c, STR("error")) != NULL);
}

static enum err add_file(void *ctx, const char *path) {
    struct fault *f = ctx;
    struct buf *b = ARENA_NEW(&arena, struct buf);
    if (!b) return fault_set(f, ERR_NOMEM, NULL);
    buf_init(b, 0); /* stays to the end of the process: the cases point into it */
    enum err e = os_read_file(path, 16 << 20, b, f);
    struct str rest = buf_str(b), line;
    for (int number = 1; !e && str_cut(&rest, '\n', &line); number++) {
        struct node *c;
        if (!line.n) continue;
        if ((e = doc_parse(&arena, line, &c, f))) return fault_at(f, e, path, number, f->column, "not JSON");
        if (!is_case(c)) return fault_at(f, ERR_SYNTAX, path, number, 0, "not a case");
        if (test_count == CASES_MOST) return fault_at(f, ERR_LIMIT, path, number, 0, "more than %d cases", CASES_MOST);
        struct str name = arena_str(&arena, doc_get(c, STR("name"))->text);
        tests[test_count++] = (struct CMUnitTest){.name = name.p, .test_func = run_case, .initial_state = c};
    }
    return e;
}

int main(void) {
    static const char *const suffixes[] = {".jsonl", NULL};
    static struct fault f;
    arena_init(&arena, 0);
    if (os_each_file(CASES_DIR, suffixes, add_file, &f, &f) || test_count < CASES_LEAST) {
        fprintf(stderr, "%s:%d: %s (%zu cases)\n", f.where, f.line, f.message, test_count);
        return 1;
    }
    return _cmocka_run_group_tests("rules/cases", tests, test_count, NULL, NULL);
}
