/* A pattern and an event, with a line of "---" between them. A refused pattern has the service's sentence; one that is taken matches
 * without a crash, twice with the same verdict, and not when a field of each conjunction has no alternative that takes anything. */
#include <stdlib.h>

#include "pattern_ast.h"

static void check(bool good) {
    if (!good) abort();
}

static void check_shape(const struct pattern *p) {
    check(p->conjunction_count >= 1 && p->conjunction_count <= PATTERN_CONJUNCTIONS_MAX && p->field_count >= 1);
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_conjunction *c = &p->conjunctions[i];
        check(c->count >= 1);
        for (size_t k = 0; k < c->count; k++) {
            check(p->fields[c->fields[k]->id] == c->fields[k] && c->fields[k]->count >= 1);
            check(k == 0 || c->fields[k - 1]->path_id < c->fields[k]->path_id);
        }
    }
}

static void check_match(const struct pattern *p, struct str text) {
    static struct fault f;
    struct arena arena;
    struct node *event;
    arena_init(&arena, 64 << 20);
    if (doc_parse(&arena, text, &event, &f) == ERR_OK) {
        bool first, second;
        enum err e = pattern_match(p, event, &arena, &first);
        check(e == ERR_OK || e == ERR_LIMIT || e == ERR_NOMEM);
        check(pattern_match(p, event, &arena, &second) == e && first == second && !(e && first));
    }
    struct str *values;
    size_t count;
    if (pattern_values(p, STR("source"), &arena, &values, &count)) check(count >= 1);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    struct str all = str_of((const char *)data, size), pattern = all, event = STR("{}");
    const char *cut = size ? memmem(data, size, "\n---\n", 5) : NULL;
    if (cut) {
        pattern.n = (size_t)(cut - all.p);
        event = str_skip(all, pattern.n + 5);
    }
    struct pattern *p;
    enum err e = pattern_parse(pattern, &p, &f);
    if (e) {
        check(!p && (e == ERR_NOMEM || e == ERR_PATTERN) && str_is_utf8(str_from(f.message)));
        check(e == ERR_NOMEM || (memcmp(f.message, "Event pattern is not valid. Reason: ", 36) == 0 && (f.line == 0) == (f.column == 0)));
        return 0;
    }
    check_shape(p);
    check_match(p, event);
    pattern_free(p);
    return 0;
}
