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

/* ---- signature: a hash that neither order nor repetition changes --------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v) { /* splitmix64 */
    uint64_t z = (h ^ v) + 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint64_t hash_text(struct str s) { /* FNV-1a */
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return mix(h, s.n);
}

static uint64_t hash_number(const struct number *n) {
    if (n->more) return hash_text(n->text);
    return mix(mix(n->head, n->head ? (uint64_t)n->exponent : 0), n->negative);
}

static uint64_t hash_test(const struct pattern_test *t) {
    uint64_t h = mix(0, (uint64_t)t->kind);
    switch (t->kind) {
    case PATTERN_NUMBER: return mix(h, t->held ? hash_number(&t->number) : hash_text(t->text));
    case PATTERN_RANGE:
        if (t->range.has_lower) h = mix(h, hash_number(&t->range.lower) + t->range.lower_open);
        return t->range.has_upper ? mix(~h, hash_number(&t->range.upper) + t->range.upper_open) : h;
    case PATTERN_NULL:
    case PATTERN_FALSE:
    case PATTERN_TRUE:
    case PATTERN_PRESENT:
    case PATTERN_ABSENT: return h;
    default: return mix(h, hash_text(t->text));
    }
}

/* A set of hashes: its bounds and its bits, which stay the same when a member is added once more. */
struct hash_set {
    uint64_t least, greatest, any, all;
};
#define HASH_SET_EMPTY ((struct hash_set){UINT64_MAX, 0, 0, UINT64_MAX})

static void hash_set_add(struct hash_set *s, uint64_t h) {
    if (h < s->least) s->least = h;
    if (h > s->greatest) s->greatest = h;
    s->any |= h;
    s->all &= h;
}

static uint64_t hash_set_sum(const struct hash_set *s) { return mix(mix(mix(s->least, s->greatest), s->any), s->all); }

static uint64_t hash_field(const struct pattern_field *f) {
    struct hash_set alternatives = HASH_SET_EMPTY;
    for (size_t i = 0; i < f->count; i++) {
        const struct pattern_alternative *a = &f->alternatives[i];
        struct hash_set tests = HASH_SET_EMPTY;
        for (size_t k = 0; k < a->count; k++) hash_set_add(&tests, hash_test(&a->tests[k]));
        hash_set_add(&alternatives, mix(hash_set_sum(&tests), a->but));
    }
    return mix(hash_text(f->path), hash_set_sum(&alternatives));
}

uint64_t lint_signature(const struct pattern *p) {
    struct hash_set all = HASH_SET_EMPTY;
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_conjunction *c = &p->conjunctions[i];
        uint64_t sum = 0; /* each path stands once */
        for (size_t k = 0; k < c->count; k++) sum += hash_field(c->fields[k]);
        hash_set_add(&all, mix(sum, c->count));
    }
    return hash_set_sum(&all);
}
