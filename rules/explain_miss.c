/* The nearest miss. Every pair of a test and a value that are looked at is measured; the least distance wins, the first of equals. */
#include "explain_parts.h"
#include "fold.h"
#include "likeness.h"

/* ---- as another type ------------------------------------------------------------------------------------------------------------- */

/* Does the text follow the grammar of JSON numbers? */
static bool is_number(struct str s) {
    struct arena a;
    struct node *root;
    bool looks = s.n && s.n <= 64 && (s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9'));
    if (!looks) return false;
    arena_init(&a, 0);
    bool number = !doc_parse(&a, s, &root, NULL) && root->kind == NODE_NUMBER && root->text.n == s.n;
    arena_fini(&a);
    return number;
}

/* Reads a string as what it spells, and anything else as the string that spells it. */
static bool other_reading(const struct node *leaf, struct node *other) {
    static const struct {
        struct str word;
        enum node_kind kind;
    } words[] = {{{"true", 4}, NODE_TRUE}, {{"false", 5}, NODE_FALSE}, {{"null", 4}, NODE_NULL}};
    *other = *leaf;
    if (leaf->kind == NODE_STRING) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (str_eq_nocase(leaf->text, words[i].word)) {
                other->kind = words[i].kind;
                return true;
            }
        other->kind = NODE_NUMBER;
        return is_number(leaf->text);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (leaf->kind == words[i].kind) other->text = words[i].word;
    other->kind = NODE_STRING;
    return true;
}

/* ---- strings --------------------------------------------------------------------------------------------------------------------- */

static struct str trimmed(struct str s) {
    while (s.n && (unsigned char)s.p[0] <= ' ') s = str_skip(s, 1);
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ') s.n--;
    return s;
}

static bool contains(struct str s, struct str part) { return part.n >= 3 && part.n < s.n && memmem(s.p, s.n, part.p, part.n); }

static void miss_set(struct miss *m, enum miss_kind kind, unsigned distance) {
    m->kind = kind;
    m->distance = distance;
}

static size_t longer(struct str a, struct str b) {
    size_t an = likeness_characters(a), bn = likeness_characters(b);
    return an > bn ? an : bn;
}

/* `folded`: for an exact string the wanted text folded; for one in any case, the value. */
static void measure_equal(struct miss *m, struct str s, struct str folded) {
    struct str wanted = m->test->text, inner = trimmed(s);
    bool exact = m->test->kind != PATTERN_FOLDED;
    if (exact && folded.p && fold_equal(s, folded)) {
        miss_set(m, MISS_CASE, 50);
        return;
    }
    if (inner.n < s.n && (exact ? str_eq(inner, wanted) : fold_equal(inner, wanted))) {
        miss_set(m, MISS_BLANKS, 60);
        return;
    }
    struct str compared = exact || !folded.p ? s : folded;
    size_t edits = likeness_edits(compared, wanted);
    if (likeness_is_near(compared, wanted, edits)) {
        miss_set(m, MISS_EDITS, 100 + (unsigned)(600 * edits / longer(compared, wanted)));
        m->n = edits;
    } else if (contains(compared, wanted)) {
        miss_set(m, MISS_INSIDE, 600);
    }
}

/* How many characters agree from the start, or from the end. */
static size_t common_head(struct str a, struct str b) {
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n]) n++;
    return likeness_head(b, n).n;
}
static size_t common_tail(struct str a, struct str b) {
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[a.n - 1 - n] == b.p[b.n - 1 - n]) n++;
    while (n && ((unsigned char)b.p[b.n - n] & 0xC0) == 0x80) n--;
    return n;
}

static void measure_affix(struct miss *m, struct str s, struct str folded) {
    enum pattern_kind kind = m->test->kind;
    struct str wanted = m->test->text;
    bool head = kind == PATTERN_PREFIX || kind == PATTERN_PREFIX_FOLDED, exact = kind == PATTERN_PREFIX || kind == PATTERN_SUFFIX;
    if (exact && folded.p && (head ? fold_starts(s, folded) : fold_ends(s, folded))) {
        miss_set(m, MISS_CASE, 50);
        return;
    }
    size_t n = head ? common_head(s, wanted) : common_tail(s, wanted);
    m->m = likeness_characters(wanted);
    m->n = likeness_characters(head ? str_of(wanted.p, n) : str_skip(wanted, wanted.n - n));
    if (m->n) miss_set(m, head ? MISS_PREFIX : MISS_SUFFIX, 800 - (unsigned)(600 * m->n / (m->m + 1)));
}

/* How far a string goes along with a wildcard. */
static void measure_wildcard(struct miss *m, struct str s) {
    const struct wildcard *w = &m->test->wildcard;
    if (w->count == 1) {
        measure_equal(m, s, STR_NULL);
        return;
    }
    size_t at = common_head(s, w->pieces[0]), i = 0;
    if (at == w->pieces[0].n)
        for (i = 1; i + 1 < w->count; i++) {
            struct str rest = str_skip(s, at), piece = w->pieces[i];
            const char *found = memmem(rest.p, rest.n, piece.p, piece.n);
            if (!found) break;
            at = (size_t)(found - s.p) + piece.n;
        }
    m->n = at;
    m->m = i < w->count ? i : w->count - 1;
    miss_set(m, MISS_WILDCARD, at ? 750 - (unsigned)(400 * i / w->count) : 850);
}

static void measure_address(struct miss *m, struct str s) {
    struct address a;
    const struct address *block = &m->test->address;
    if (!address_read(s, &a)) {
        miss_set(m, MISS_NO_ADDRESS, 850);
    } else if (a.length != block->length) {
        miss_set(m, MISS_FAMILY, 800);
    } else {
        while (m->n < m->test->bits && address_in(&a, block, (unsigned)m->n + 1)) m->n++;
        m->m = m->test->bits;
        miss_set(m, MISS_BITS, 700 - (unsigned)(400 * m->n / (m->m + 1)));
    }
}

static void measure_string(struct miss *m, struct str s, struct arena *scratch) {
    struct str folded = STR_NULL;
    enum pattern_kind kind = m->test->kind;
    if (kind == PATTERN_STRING || kind == PATTERN_PREFIX || kind == PATTERN_SUFFIX) folded = fold_text(scratch, m->test->text);
    if (kind == PATTERN_FOLDED) folded = fold_text(scratch, s);
    switch (kind) {
    case PATTERN_STRING:
    case PATTERN_FOLDED: measure_equal(m, s, folded); return;
    case PATTERN_PREFIX:
    case PATTERN_SUFFIX:
    case PATTERN_PREFIX_FOLDED:
    case PATTERN_SUFFIX_FOLDED: measure_affix(m, s, folded); return;
    case PATTERN_WILDCARD: measure_wildcard(m, s); return;
    case PATTERN_CIDR: measure_address(m, s); return;
    default: return;
    }
}

/* ---- all ------------------------------------------------------------------------------------------------------------------------- */

static void measure_number(struct miss *m, struct str text) {
    if (m->test->kind == PATTERN_RANGE) {
        miss_set(m, MISS_BOUND, 500);
    } else if (m->test->kind == PATTERN_NUMBER) {
        struct number n = number_read(text);
        bool same = number_compare(&n, &m->test->number) == 0;
        miss_set(m, same ? MISS_INEXACT : MISS_NUMBER, same ? 100 : 600);
    }
}

static struct miss measure(const struct pattern_alternative *a, const struct pattern_test *t, const struct leaf *leaf,
                           struct arena *scratch) {
    struct miss m = {.kind = MISS_NONE, .test = t, .leaf = leaf, .distance = 900};
    struct node other;
    if (t->kind == PATTERN_ABSENT)
        miss_set(&m, MISS_NOT_ABSENT, 940);
    else if (a->but && pattern_test_takes(t, leaf->node))
        miss_set(&m, MISS_EXCLUDED, 400);
    else if (!a->but && other_reading(leaf->node, &other) && pattern_test_takes(t, &other))
        miss_set(&m, MISS_TYPE, 80);
    else if (!a->but && leaf->node->kind == NODE_STRING)
        measure_string(&m, leaf->node->text, scratch);
    else if (!a->but && leaf->node->kind == NODE_NUMBER)
        measure_number(&m, leaf->node->text);
    return m;
}

struct miss miss_nearest(const struct pattern_field *f, const struct leaves *found, size_t *pairs, struct arena *scratch) {
    struct miss best = {.leaf = &found->items[0], .distance = 950};
    size_t leaves = found->total < LEAVES_MAX ? found->total : LEAVES_MAX;
    for (size_t l = 0; l < leaves; l++)
        for (size_t i = 0; i < f->count; i++)
            for (size_t k = 0; k < f->alternatives[i].count; k++) {
                if (!*pairs) return best;
                --*pairs;
                struct miss m = measure(&f->alternatives[i], &f->alternatives[i].tests[k], &found->items[l], scratch);
                if (m.distance < best.distance) best = m;
            }
    return best;
}

/* ---- in words -------------------------------------------------------------------------------------------------------------------- */

static void hint_type(const struct miss *m, struct buf *out) {
    enum node_kind kind = m->leaf->node->kind;
    buf_addz(out, kind == NODE_STRING ? "a string" : kind == NODE_NUMBER ? "a number" : kind == NODE_NULL ? "null" : "a boolean");
    if (kind != NODE_STRING)
        buf_addz(out, " is never matched as a string");
    else if (m->test->kind == PATTERN_RANGE)
        buf_addz(out, " is never matched by numeric");
    else
        buf_addf(out, " is never equal to %s",
                 m->test->kind == PATTERN_NUMBER ? "a number"
                 : m->test->kind == PATTERN_NULL ? "null"
                                                 : "a boolean");
}

static void hint_bound(const struct miss *m, struct buf *out) {
    const struct pattern_range *r = &m->test->range;
    struct number n = number_read(m->leaf->node->text);
    int order = r->has_lower ? number_compare(&n, &r->lower) : 1;
    bool low = r->has_lower && (order < 0 || (order == 0 && r->lower_open)),
         equal = r->has_lower && r->has_upper && number_compare(&r->lower, &r->upper) == 0;
    phrase_value(m->leaf->node, false, out);
    buf_addz(out, equal ? " is not = " : low ? r->lower_open ? " is not > " : " is not >= " : r->upper_open ? " is not < " : " is not <= ");
    buf_add(out, likeness_head(low ? r->lower.text : r->upper.text, EXPLAIN_VALUE_BYTES));
}

static void hint_wildcard(const struct miss *m, struct buf *out) {
    const struct wildcard *w = &m->test->wildcard;
    struct str s = m->leaf->node->text, piece = w->pieces[m->m];
    if (m->n) {
        buf_addz(out, "it agrees as far as ");
        phrase_text(str_of(s.p, m->n), out);
        buf_addz(out, ", but ");
    }
    buf_addz(out, !m->n ? "it does not " : "then it does not ");
    buf_addz(out, w->count > 1 && m->m + 1 == w->count ? "end with " : m->m == 0 ? "begin with " : "go on to ");
    phrase_text(piece, out);
}

static void hint_address(const struct miss *m, struct buf *out) {
    if (m->kind == MISS_FAMILY)
        buf_addf(out, "it is an IPv%d address, the block is IPv%d", m->test->address.length == 4 ? 6 : 4,
                 m->test->address.length == 4 ? 4 : 6);
    else if (m->kind == MISS_NO_ADDRESS)
        buf_addz(out, "it is no IP address");
    else
        buf_addf(out, "its first %zu bits agree, %zu must", m->n, m->m);
}

void miss_hint(const struct miss *m, struct buf *out) {
    switch (m->kind) {
    case MISS_NONE:
    case MISS_NUMBER:
    case MISS_NOT_ABSENT: return;
    case MISS_TYPE: hint_type(m, out); return;
    case MISS_CASE:
    case MISS_BLANKS:
        buf_addz(out, "nearest: ");
        phrase_text(m->test->text, out);
        buf_addz(out, m->kind == MISS_CASE ? ", only upper and lower case differ" : ", only blanks around it differ");
        return;
    case MISS_EDITS:
        buf_addz(out, "nearest: ");
        phrase_text(m->test->text, out);
        buf_addf(out, ", %zu edit%s", m->n, m->n == 1 ? "" : "s");
        return;
    case MISS_INSIDE:
        buf_addz(out, "it contains ");
        phrase_text(m->test->text, out);
        buf_addz(out, ", but is not equal to it");
        return;
    case MISS_BOUND: hint_bound(m, out); return;
    case MISS_PREFIX:
    case MISS_SUFFIX:
        buf_addf(out, "the %s %zu of %zu characters of ", m->kind == MISS_PREFIX ? "first" : "last", m->n, m->m);
        phrase_text(m->test->text, out);
        buf_addz(out, " agree");
        return;
    case MISS_WILDCARD: hint_wildcard(m, out); return;
    case MISS_INEXACT: buf_addz(out, "no double holds that number, so it must be written in the same way"); return;
    case MISS_BITS:
    case MISS_FAMILY:
    case MISS_NO_ADDRESS: hint_address(m, out); return;
    case MISS_EXCLUDED:
        buf_addz(out, "excluded by anything-but: ");
        phrase_test(m->test, out);
        return;
    }
}
