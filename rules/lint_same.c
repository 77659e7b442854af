/* Two patterns say the same when their normal forms are equal: the sorted list of conjunctions, each the sorted list of its fields, each
 * with its sorted alternatives, each written in one way. */
#include <inttypes.h>
#include <stdlib.h>

#include "lint_parts.h"

/* Length before text, so that no two lists read alike. */
static void add_text(struct buf *b, struct str s) {
    buf_addf(b, "%zu:", s.n);
    buf_add(b, s);
}

static void add_number(struct buf *b, const struct number *n) {
    if (n->more)
        add_text(b, n->text);
    else
        buf_addf(b, "%c%" PRIu64 "e%" PRId64, n->negative ? '-' : '+', n->head, n->head ? n->exponent : 0);
}

static void add_test(struct buf *b, const struct pattern_test *t) {
    buf_addf(b, "k%d", (int)t->kind);
    switch (t->kind) {
    case PATTERN_NUMBER:
        if (t->held)
            add_number(b, &t->number);
        else
            add_text(b, t->text);
        return;
    case PATTERN_RANGE:
        buf_addf(b, "%d%d%d%d", t->range.has_lower, t->range.has_upper, t->range.lower_open, t->range.upper_open);
        if (t->range.has_lower) add_number(b, &t->range.lower);
        buf_addc(b, ',');
        if (t->range.has_upper) add_number(b, &t->range.upper);
        return;
    case PATTERN_NULL:
    case PATTERN_FALSE:
    case PATTERN_TRUE:
    case PATTERN_PRESENT:
    case PATTERN_ABSENT: return;
    default: add_text(b, t->text);
    }
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

/* Sorts, leaves out what is there twice, joins. */
static struct str join(struct str *parts, size_t count, char open, struct arena *a) {
    struct buf b;
    buf_init(&b, 0);
    if (count) qsort(parts, count, sizeof *parts, by_text);
    buf_addc(&b, open);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_eq(parts[i], parts[i - 1])) add_text(&b, parts[i]);
    struct str s = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_fini(&b);
    return s;
}

static struct str test_text(const struct pattern_test *t, struct arena *a) {
    struct buf b;
    buf_init(&b, 0);
    add_test(&b, t);
    struct str s = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_fini(&b);
    return s;
}

static struct str alternative_text(const struct pattern_alternative *alt, struct arena *a) {
    struct str *tests = arena_array(a, alt->count, sizeof *tests);
    if (!tests) return STR_NULL;
    for (size_t i = 0; i < alt->count; i++)
        if (!(tests[i] = test_text(&alt->tests[i], a)).p) return STR_NULL;
    return join(tests, alt->count, alt->but ? '!' : '=', a);
}

static struct str field_text(const struct pattern_field *f, struct arena *a) {
    struct str *parts = arena_array(a, f->count, sizeof *parts);
    if (!parts) return STR_NULL;
    for (size_t i = 0; i < f->count; i++)
        if (!(parts[i] = alternative_text(&f->alternatives[i], a)).p) return STR_NULL;
    struct str list = join(parts, f->count, '|', a);
    if (!list.p) return STR_NULL;
    struct str two[2] = {f->path, list};
    struct buf b;
    buf_init(&b, 0);
    add_text(&b, two[0]);
    add_text(&b, two[1]);
    struct str s = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_fini(&b);
    return s;
}

static struct str normal_form(const struct pattern *p, struct arena *a) {
    struct str *fields = arena_array(a, p->field_count, sizeof *fields), *all = arena_array(a, p->conjunction_count, sizeof *all);
    if (!fields || !all) return STR_NULL;
    for (size_t i = 0; i < p->field_count; i++)
        if (!(fields[i] = field_text(p->fields[i], a)).p) return STR_NULL;
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_conjunction *c = &p->conjunctions[i];
        struct str *parts = arena_array(a, c->count, sizeof *parts);
        if (!parts) return STR_NULL;
        for (size_t k = 0; k < c->count; k++) parts[k] = fields[c->fields[k]->id];
        if (!(all[i] = join(parts, c->count, '&', a)).p) return STR_NULL;
    }
    return join(all, p->conjunction_count, '+', a);
}

bool lint_same(const struct pattern *p, const struct pattern *q, struct arena *scratch) {
    if (str_eq(p->source, q->source)) return true;
    struct str a = normal_form(p, scratch), b = normal_form(q, scratch);
    return a.p && b.p && str_eq(a, b);
}

static uint64_t hash_of(struct str s) { /* FNV-1a */
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return h;
}

uint64_t lint_signature(const struct pattern *p) {
    uint64_t greatest = 0, least = UINT64_MAX; /* of the conjunctions, by their paths: whatever their order, and how often one stands */
    for (size_t i = 0; i < p->conjunction_count; i++) {
        uint64_t one = 0;
        for (size_t k = 0; k < p->conjunctions[i].count; k++) one += hash_of(p->conjunctions[i].fields[k]->path);
        if (one > greatest) greatest = one;
        if (one < least) least = one;
    }
    return greatest * 3 + least;
}
