/* A pattern and a second text, with a line of "---" between them; the second is an event's detail, and a pattern as well if it can be one.
 * Lint's findings are UTF-8 and name fields that there are; a pattern of which it says that no event can match takes no event with a whole
 * envelope; two patterns that say the same have one signature and one verdict. */
#include <stdlib.h>

#include "lint.h"
#include "pattern_ast.h"

static void check(bool good) {
    if (!good) abort();
}

/* What an event that PutEvents made could look like, with that detail. */
static struct node *event_of(struct str detail, struct arena *a) {
    static const char head[] =
        "{\"version\":\"0\",\"id\":\"6a7e8feb-b491-4cf7-a9f1-bf3703467718\",\"detail-type\":\"x\",\"source\":\"shop\","
        "\"account\":\"111122223333\",\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"us-east-1\",\"resources\":[\"r\"],\"detail\":";
    struct node *root = NULL;
    struct buf b;
    if (doc_parse(a, detail, &root, NULL) || root->kind != NODE_OBJECT) detail = STR("{}");
    buf_init(&b, 0);
    buf_addz(&b, head);
    buf_add(&b, detail);
    buf_addc(&b, '}');
    struct str text = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return text.p && doc_parse(a, text, &root, NULL) == ERR_OK ? root : NULL;
}

static bool matches(const struct pattern *p, const struct node *event, struct arena *a, bool *matched) {
    return event && pattern_match(p, event, a, matched) == ERR_OK;
}

static void check_findings(const struct pattern *p, const struct lint_seen *seen, const struct node *event, struct arena *a) {
    static struct lint found;
    bool never = false, matched;
    if (lint_pattern(p, seen, a, &found)) return;
    check(found.count <= found.total && found.count <= LINT_FINDINGS_MAX);
    for (size_t i = 0; i < found.count; i++) {
        const struct lint_finding *f = &found.items[i];
        check(f->message.n && str_is_utf8(f->message) && (f->field == LINT_NONE || f->field < p->field_count));
        check(f->alternative == LINT_NONE || f->alternative < p->fields[f->field]->count);
        never |= strcmp(f->code, "RuleNeverMatches") == 0;
    }
    if (never && matches(p, event, a, &matched)) check(!matched);
}

static void check_same(const struct pattern *p, struct str text, const struct node *event, struct arena *a) {
    struct pattern *q;
    bool one, other;
    if (pattern_parse(text, &q, NULL)) return;
    bool same = lint_same(p, q, a);
    check(same == lint_same(q, p, a));
    if (same) check(lint_signature(p) == lint_signature(q));
    if (same && matches(p, event, a, &one) && matches(q, event, a, &other)) check(one == other);
    pattern_free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct lint_seen_field fields[] = {{{"detail.total", 12}, LINT_NUMBER}, {{"detail.state", 12}, LINT_STRING}};
    static const struct lint_seen_kind kind = {{"shop", 4}, {"OrderPlaced", 11}, fields, 2, false};
    static const struct lint_seen seen = {&kind, 1};
    struct str all = str_of((const char *)data, size), first = all, second = STR("{}");
    const char *cut = size ? memmem(data, size, "\n---\n", 5) : NULL;
    if (cut) {
        first.n = (size_t)(cut - all.p);
        second = str_skip(all, first.n + 5);
    }
    struct pattern *p;
    struct arena a;
    if (pattern_parse(first, &p, NULL)) return 0;
    arena_init(&a, 256 << 20);
    const struct node *event = event_of(second, &a);
    check_findings(p, NULL, event, &a);
    check_findings(p, &seen, event, &a);
    check_same(p, second, event, &a);
    arena_fini(&a);
    pattern_free(p);
    return 0;
}
