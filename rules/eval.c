/* The plain evaluator.
 *
 * First each field by itself: is there a value at its path that it takes? Most patterns are decided there. What remains is consistency:
 * two fields that found their values inside arrays must agree on the elements. An event is a tree, so that is decided top-down and
 * without guessing: at an array some ONE element must satisfy all the fields that go through it; at an object each field goes on into
 * the member that its path names, and the members do not concern each other. Every node is visited once per field at most. Only
 * keys with dots in them ("a.b" beside "a": {"b": ..}) give a field two ways to go; then the ways are tried one after the other, and
 * PATTERN_STEPS_MAX bounds it.
 *
 * Of members with the same name the last one counts, as doc_get has it and as the targets' JSON readers see the event. */
#include "fold.h"
#include "pattern.h"
#include "pattern_ast.h"

/* ---- one value ----------------------------------------------------------------------------------------------------------------- */

static bool is_address(struct str s, const struct pattern_test *t) {
    struct address a;
    return address_read(s, &a) && (t->kind == PATTERN_CIDR ? address_in(&a, &t->address, t->bits) : address_equal(&a, &t->address));
}

static bool string_takes(const struct pattern_test *t, struct str s) {
    switch (t->kind) {
    case PATTERN_STRING: return str_eq(s, t->text) || (t->address.length && is_address(s, t));
    case PATTERN_PREFIX: return str_starts(s, t->text);
    case PATTERN_SUFFIX: return str_ends(s, t->text);
    case PATTERN_FOLDED: return fold_equal(s, t->text);
    case PATTERN_PREFIX_FOLDED: return fold_starts(s, t->text);
    case PATTERN_SUFFIX_FOLDED: return fold_ends(s, t->text);
    case PATTERN_WILDCARD: return wildcard_match(&t->wildcard, s);
    case PATTERN_CIDR: return is_address(s, t);
    default: return false;
    }
}

static bool in_range(const struct pattern_range *r, const struct number *n) {
    if (r->has_lower) {
        int order = number_compare(n, &r->lower);
        if (order < 0 || (order == 0 && r->lower_open)) return false;
    }
    if (r->has_upper) {
        int order = number_compare(n, &r->upper);
        if (order > 0 || (order == 0 && r->upper_open)) return false;
    }
    return true;
}

static bool number_takes(const struct pattern_test *t, struct str text) {
    if (t->kind != PATTERN_NUMBER && t->kind != PATTERN_RANGE) return false;
    if (t->kind == PATTERN_NUMBER && !t->held) return str_eq(text, t->text);
    struct number n = number_read(text);
    return t->kind == PATTERN_RANGE ? in_range(&t->range, &n) : number_compare(&n, &t->number) == 0;
}

bool pattern_test_takes(const struct pattern_test *t, const struct node *leaf) {
    if (t->kind == PATTERN_PRESENT) return true;
    switch (leaf->kind) {
    case NODE_STRING: return string_takes(t, leaf->text);
    case NODE_NUMBER: return number_takes(t, leaf->text);
    case NODE_NULL: return t->kind == PATTERN_NULL;
    case NODE_FALSE: return t->kind == PATTERN_FALSE;
    case NODE_TRUE: return t->kind == PATTERN_TRUE;
    default: return false;
    }
}

bool pattern_alternative_takes(const struct pattern_alternative *a, const struct node *leaf) {
    bool any = false;
    for (size_t i = 0; i < a->count && !any; i++) any = pattern_test_takes(&a->tests[i], leaf);
    return any != a->but;
}

bool pattern_field_takes(const struct pattern_field *f, const struct node *leaf) {
    for (size_t i = 0; i < f->count; i++)
        if (pattern_alternative_takes(&f->alternatives[i], leaf)) return true;
    return false;
}

/* ---- ways through an object ---------------------------------------------------------------------------------------------------- */

/* What a field still has to walk: p == NULL when the path is at its end. */
typedef struct str way;

/* Keys of one length mostly differ in the last byte already, which is cheaper to see than to call memcmp. */
static bool same_bytes(const char *a, const char *b, size_t n) { return n == 0 || (a[n - 1] == b[n - 1] && memcmp(a, b, n) == 0); }

/* True when `key` is the first step of the path, or its first few: a key may hold dots. */
static bool leads(struct str key, way rest) {
    if (key.n > rest.n || (key.n < rest.n && rest.p[key.n] != '.')) return false;
    return same_bytes(key.p, rest.p, key.n);
}

static way way_after(struct str key, way rest) { return key.n == rest.n ? STR_NULL : str_of(rest.p + key.n + 1, rest.n - key.n - 1); }

static bool is_replaced(const struct node *member) {
    for (const struct node *m = member->next; m; m = m->next)
        if (m->key.n == member->key.n && same_bytes(m->key.p, member->key.p, member->key.n)) return true;
    return false;
}

/* The next member at or after m that leads on. */
static const struct node *next_way(const struct node *m, way rest) {
    for (; m; m = m->next)
        if (leads(m->key, rest) && !is_replaced(m)) return m;
    return NULL;
}

const struct node *pattern_way(const struct node *member, struct str rest) { return next_way(member, rest); }
struct str pattern_way_after(struct str key, struct str rest) {
    return way_after(key, rest);
}

/* ---- a field by itself --------------------------------------------------------------------------------------------------------- */

enum answer { UNKNOWN, NO, YES, YES_IN_ARRAY }; /* YES: whatever the other fields choose */

struct level { /* room for the fields that walk into one value, see fits */
    struct level *deeper;
    struct want {
        const struct pattern_field *field;
        way rest;
        const struct node *member; /* where it goes on */
    } wants[];
};

struct eval {
    struct arena *scratch;
    const struct node *event;
    uint8_t *answers; /* enum answer of each field, by id */
    size_t steps;
    enum err err;
    bool leaf_seen;
    struct level *levels;
    size_t level_wants; /* in each level */
};

static bool spend(struct eval *ev, size_t steps) {
    ev->steps += steps;
    if (ev->steps > PATTERN_STEPS_MAX) ev->err = ERR_LIMIT;
    return !ev->err;
}

/* NO, YES or YES_IN_ARRAY for the values at `rest` below v; ev->leaf_seen is set when there are any. */
static enum answer find(struct eval *ev, const struct pattern_field *f, const struct node *v, way rest) {
    enum answer a = NO;
    if (!spend(ev, v->count + 1)) return NO;
    if (v->kind == NODE_ARRAY) {
        for (const struct node *m = v->child; m && a == NO; m = m->next) a = find(ev, f, m, rest);
        return a == NO ? NO : YES_IN_ARRAY;
    }
    if (v->kind == NODE_OBJECT) {
        if (!rest.p) return NO;
        for (const struct node *m = next_way(v->child, rest); m && a == NO; m = next_way(m->next, rest))
            a = find(ev, f, m, way_after(m->key, rest));
        return a;
    }
    if (rest.p) return NO;
    ev->leaf_seen = true;
    return pattern_field_takes(f, v) ? YES : NO;
}

static enum answer answer(struct eval *ev, const struct pattern_field *f) {
    if (ev->answers[f->id] != UNKNOWN) return ev->answers[f->id];
    ev->leaf_seen = false;
    enum answer a = find(ev, f, ev->event, f->path);
    if (a == NO && f->absent && !ev->leaf_seen) a = YES;
    ev->answers[f->id] = (uint8_t)a;
    return a;
}

/* ---- fields together ----------------------------------------------------------------------------------------------------------- */

static struct level *add_level(struct eval *ev) {
    struct level *l = arena_alloc(ev->scratch, sizeof *l + ev->level_wants * sizeof l->wants[0]);
    if (!l) ev->err = ERR_NOMEM;
    return l;
}

static bool fits(struct eval *ev, const struct node *v, struct level *l, size_t n);

/* Each want of l has its member: do all members satisfy those that go there? */
static bool members_fit(struct eval *ev, struct level *l, size_t n) {
    if (!l->deeper && !(l->deeper = add_level(ev))) return false;
    for (size_t i = 0; i < n; i++) {
        const struct node *member = l->wants[i].member;
        size_t k = 0, count = 0;
        while (l->wants[k].member != member) k++;
        if (k < i) continue; /* looked at with an earlier one */
        for (; k < n; k++)
            if (l->wants[k].member == member)
                l->deeper->wants[count++] = (struct want){l->wants[k].field, way_after(member->key, l->wants[k].rest), NULL};
        if (!spend(ev, n) || !fits(ev, member, l->deeper, count)) return false;
    }
    return true;
}

/* The next combination of members, like an odometer; false after the last. */
static bool next_choice(const struct node *object, struct level *l, size_t n) {
    for (size_t i = n; i-- > 0;) {
        l->wants[i].member = next_way(l->wants[i].member->next, l->wants[i].rest);
        if (l->wants[i].member) return true;
        l->wants[i].member = next_way(object->child, l->wants[i].rest);
    }
    return false;
}

static bool object_fits(struct eval *ev, const struct node *v, struct level *l, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!l->wants[i].rest.p || !spend(ev, v->count)) return false;
        l->wants[i].member = next_way(v->child, l->wants[i].rest);
        if (!l->wants[i].member) return false;
    }
    do
        if (members_fit(ev, l, n)) return true;
    while (spend(ev, v->count + n) && next_choice(v, l, n));
    return false;
}

/* True when one choice of array elements below v gives each of l's first n wants a value that it takes. */
static bool fits(struct eval *ev, const struct node *v, struct level *l, size_t n) {
    if (!spend(ev, n + 1)) return false;
    if (v->kind == NODE_OBJECT) return object_fits(ev, v, l, n);
    if (v->kind == NODE_ARRAY) {
        for (const struct node *m = v->child; m; m = m->next)
            if (fits(ev, m, l, n)) return true;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (l->wants[i].rest.p || !pattern_field_takes(l->wants[i].field, v)) return false;
    return true;
}

/* ---- conjunctions -------------------------------------------------------------------------------------------------------------- */

static bool consistent(struct eval *ev, const struct pattern_conjunction *c) {
    if (ev->level_wants < c->count || !ev->levels) {
        ev->level_wants = c->count;
        ev->levels = add_level(ev);
        if (!ev->levels) return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++)
        if (ev->answers[c->fields[i]->id] == YES_IN_ARRAY) ev->levels->wants[n++] = (struct want){c->fields[i], c->fields[i]->path, NULL};
    return fits(ev, ev->event, ev->levels, n);
}

static bool conjunction_matches(struct eval *ev, const struct pattern_conjunction *c) {
    size_t in_arrays = 0;
    for (size_t i = 0; i < c->count; i++) {
        enum answer a = answer(ev, c->fields[i]);
        if (a == NO || ev->err) return false;
        in_arrays += a == YES_IN_ARRAY;
    }
    return in_arrays < 2 || consistent(ev, c);
}

enum err pattern_match(const struct pattern *p, const struct node *event, struct arena *scratch, bool *matched) {
    uint8_t few[64] = {0};
    *matched = false;
    if (event->kind != NODE_OBJECT) return ERR_OK;
    struct eval ev = {.scratch = scratch, .event = event, .answers = few};
    if (p->field_count > sizeof few && !(ev.answers = arena_alloc(scratch, p->field_count))) return ERR_NOMEM;
    bool any = false;
    for (size_t i = 0; i < p->conjunction_count && !any && !ev.err; i++) any = conjunction_matches(&ev, &p->conjunctions[i]);
    *matched = any && !ev.err;
    return ev.err;
}
