/* A pattern and an event, with a line of "---" between them, as pattern_fuzz takes them. What explain says agrees with the evaluator: the
 * whole, and each field by the values that it tells of; its sentences are UTF-8 and its JSON is read again. */
#include <stdlib.h>

#include "explain.h"
#include "pattern_ast.h"

static void check(bool good) {
    if (!good) abort();
}

static bool is_text(struct str s) { return !s.p || str_is_utf8(s); }

static void check_branch(const struct explain_branch *b) {
    size_t failing = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct explain_field *f = &b->fields[i];
        bool good = f->code == EXPLAIN_MATCHED;
        failing += !good;
        check(f->wanted.n && f->had.n && is_text(f->wanted) && is_text(f->had) && is_text(f->hint) && is_text(f->at));
        check(f->distance <= EXPLAIN_DISTANCE_MAX && (f->distance == 0) == good);
    }
    check(failing <= b->failing && (b->count < b->total || failing == b->failing));
    check(b->matched == (!b->failing && !b->conflict.p));
}

static void check_explanation(const struct explanation *e, struct arena *a) {
    struct node *root;
    struct buf json;
    bool any = false;
    for (size_t i = 0; i < e->count; i++) {
        check_branch(&e->branches[i]);
        any |= e->branches[i].matched;
    }
    check(any == e->matched && !e->reason.p == e->matched);
    buf_init(&json, 0);
    explain_json(e, &json);
    check(json.failed || doc_parse(a, buf_str(&json), &root, NULL) != ERR_SYNTAX);
    buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str all = str_of((const char *)data, size), pattern = all, event = STR("{}");
    const char *cut = size ? memmem(data, size, "\n---\n", 5) : NULL;
    if (cut) {
        pattern.n = (size_t)(cut - all.p);
        event = str_skip(all, pattern.n + 5);
    }
    struct pattern *p;
    struct node *root;
    struct arena arena;
    if (pattern_parse(pattern, &p, NULL)) return 0;
    arena_init(&arena, 64 << 20);
    if (doc_parse(&arena, event, &root, NULL) == ERR_OK) {
        struct explanation e;
        bool matched;
        enum err err = pattern_match(p, root, &arena, &matched), mine = explain(p, root, &arena, &e);
        check(mine == ERR_OK || mine == ERR_LIMIT || mine == ERR_NOMEM);
        if (!mine && !err) check(e.matched == matched);
        if (!mine) check_explanation(&e, &arena);
        check(explain_distance(p, root) <= EXPLAIN_DISTANCE_MAX);
    }
    arena_fini(&arena);
    pattern_free(p);
    return 0;
}
