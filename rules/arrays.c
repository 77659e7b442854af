/* Array consistency: the values that a conjunction's predicates take must not lie in different elements of one array.
 *
 * Elements are numbered in the order of the text, so that an element's number is greater than that of the element around its array. A
 * predicate goes through an array when its path lies at or below the array's. From the last element to the first: an element satisfies
 * an array when all predicates that go through the array have a value in it, directly or in an array in it that is satisfied. That is
 * one step per element; it needs that a predicate has one way through the event only. A name with dots beside the same path without
 * them may give it two: then combinations of values are tried, which MATCHER_STEPS_MAX bounds. */
#include "match.h"

#include <stdlib.h>

static const struct predicate *term(const struct match *m, uint32_t i) { return &m->s->predicates[m->s->terms[i]]; }

static bool is_in_array(const struct match *m, uint32_t i) { return (m->w->predicates[m->s->terms[i]] & 3) == ANSWER_IN_ARRAY; }

/* How many of the conjunction's predicates that are satisfied in arrays go through the path. */
static uint32_t going_through(const struct match *m, const struct conjunction *c, uint32_t path) {
    uint32_t n = 0;
    for (uint32_t i = c->terms; i < c[1].terms; i++) n += is_in_array(m, i) && scan_paths_under(m->paths, term(m, i)->path, path);
    return n;
}

/* ---- one way each --------------------------------------------------------------------------------------------------------------- */

/* Notes the element and those around it, and the arrays between, unless they are noted. */
static bool touch(struct match *m, uint32_t element) {
    struct matcher_work *w = m->w;
    for (uint32_t e = element; e && w->elements[e].epoch != w->array_epoch; e = w->scan.elements[e].around) {
        w->elements[e] = (struct array_note){w->array_epoch, 0};
        struct array_note *array = &w->arrays[w->scan.elements[e].array];
        if (array->epoch != w->array_epoch) *array = (struct array_note){w->array_epoch, 0};
        w->touched[w->touched_count++] = e;
    }
    return work_spend(w, 1);
}

static bool note_values(struct match *m, const struct conjunction *c) {
    for (uint32_t i = c->terms; i < c[1].terms; i++) {
        if (!is_in_array(m, i)) continue;
        const struct predicate *p = term(m, i);
        for (uint32_t leaf = m->w->heads[p->path].first + 1; leaf; leaf = m->w->values[leaf - 1].next) {
            if (!work_spend(m->w, p->key_count)) return false;
            if (!match_predicate_takes(m, p, leaf - 1)) continue;
            uint32_t element = m->w->scan.leaves[leaf - 1].element;
            if (!touch(m, element)) return false;
            m->w->elements[element].count++;
        }
    }
    return true;
}

static int descending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : -(x > y);
}

static void sort_touched(struct matcher_work *w) {
    if (w->touched_count > 32) {
        qsort(w->touched, w->touched_count, sizeof *w->touched, descending);
        return;
    }
    for (uint32_t i = 1; i < w->touched_count; i++) {
        uint32_t e = w->touched[i], k = i;
        for (; k && w->touched[k - 1] < e; k--) w->touched[k] = w->touched[k - 1];
        w->touched[k] = e;
    }
}

static bool one_way_each(struct match *m, const struct conjunction *c) {
    struct matcher_work *w = m->w;
    uint32_t all = going_through(m, c, SCAN_ROOT), satisfied = 0, terms = c[1].terms - c->terms;
    if (!note_values(m, c)) return false;
    sort_touched(w);
    for (uint32_t i = 0; i < w->touched_count; i++) {
        uint32_t e = w->touched[i], array = w->scan.elements[e].array;
        if (w->arrays[array].count) continue; /* an element behind this one satisfied it */
        if (!work_spend(w, terms)) return false;
        uint32_t needed = going_through(m, c, w->scan.arrays[array].path);
        if (w->elements[e].count < needed) continue;
        w->arrays[array].count = 1;
        uint32_t around = w->scan.arrays[array].around;
        if (around)
            w->elements[around].count += needed;
        else
            satisfied += needed;
    }
    return satisfied == all;
}

/* ---- records -------------------------------------------------------------------------------------------------------------------- */

enum { RECORD_TERMS = 8 };
enum verdict { AGREE, DISAGREE, UNKNOWN };

/* Most arrays are lists of records that all have the fields: the predicates' values lie in the same elements, one behind the other. Then no
 * two records go together, and the predicates agree when one record satisfies all of them: no notes are needed. Records need not be
 * alike up to the end for an agreement, only for its absence. */
static enum verdict records_agree(struct match *m, const struct conjunction *c) {
    const struct predicate *predicates[RECORD_TERMS];
    uint32_t leaves[RECORD_TERMS], n = 0, count = 0;
    for (uint32_t i = c->terms; i < c[1].terms; i++) {
        if (!is_in_array(m, i)) continue;
        if (n == RECORD_TERMS) return UNKNOWN;
        const struct head *h = &m->w->heads[term(m, i)->path];
        if (n && h->count != count) return UNKNOWN;
        count = h->count;
        predicates[n] = term(m, i);
        leaves[n++] = h->first;
    }
    for (uint32_t record = 0; record < count; record++) {
        uint32_t element = m->w->scan.leaves[leaves[0]].element;
        bool takes = true;
        for (uint32_t i = 1; i < n; i++)
            if (m->w->scan.leaves[leaves[i]].element != element) return UNKNOWN;
        if (!work_spend(m->w, n)) return DISAGREE;
        for (uint32_t i = 0; i < n && takes; i++) takes = match_predicate_takes(m, predicates[i], leaves[i]);
        if (takes) return AGREE;
        for (uint32_t i = 0; i < n && record + 1 < count; i++) leaves[i] = m->w->values[leaves[i]].next - 1;
    }
    return DISAGREE;
}

/* ---- several ways --------------------------------------------------------------------------------------------------------------- */

/* Do the leaves lie in two elements of one array? */
static bool contradict(const struct scan *s, uint32_t a, uint32_t b) {
    uint32_t last_a = 0, last_b = 0;
    a = s->leaves[a].element, b = s->leaves[b].element;
    while (a != b) {
        if (a > b)
            last_a = a, a = s->elements[a].around;
        else
            last_b = b, b = s->elements[b].around;
    }
    return last_a && last_b && s->elements[last_a].array == s->elements[last_b].array;
}

/* chosen[0 .. n): the leaves of the predicates before. */
static bool fits(struct match *m, const uint32_t *chosen, size_t n, uint32_t leaf) {
    for (size_t i = 0; i < n; i++)
        if (!work_spend(m->w, 4) || contradict(&m->w->scan, chosen[i], leaf)) return false;
    return true;
}

/* The next leaf of a predicate, from `leaf` (+ 1; 0: none) on, that it takes and that fits; + 1; 0: none. */
static uint32_t next_fitting(struct match *m, const struct predicate *p, const uint32_t *chosen, size_t n, uint32_t leaf) {
    for (; leaf; leaf = m->w->values[leaf - 1].next) {
        if (!work_spend(m->w, p->key_count)) return 0;
        if (match_predicate_takes(m, p, leaf - 1) && fits(m, chosen, n, leaf - 1)) return leaf;
    }
    return 0;
}

static bool try_ways(struct match *m, const struct predicate **predicates, size_t count, uint32_t *chosen) {
    size_t n = 0;
    uint32_t from = m->w->heads[predicates[0]->path].first + 1;
    for (;;) {
        uint32_t leaf = next_fitting(m, predicates[n], chosen, n, from);
        if (leaf) {
            chosen[n++] = leaf - 1;
            if (n == count) return true;
            from = m->w->heads[predicates[n]->path].first + 1;
        } else {
            if (!n-- || m->w->err) return false;
            from = m->w->values[chosen[n]].next;
        }
    }
}

static bool several_ways(struct match *m, const struct conjunction *c) {
    size_t most = c[1].terms - c->terms, n = 0;
    const struct predicate **predicates = arena_array(&m->w->arena, most, sizeof *predicates);
    uint32_t *chosen = arena_array(&m->w->arena, most, sizeof *chosen);
    if (!predicates || !chosen) return m->w->err = ERR_NOMEM, false;
    for (uint32_t i = c->terms; i < c[1].terms; i++)
        if (is_in_array(m, i)) predicates[n++] = term(m, i);
    return try_ways(m, predicates, n, chosen);
}

/* ---- either --------------------------------------------------------------------------------------------------------------------- */

bool arrays_agree(struct match *m, const struct conjunction *c) {
    struct matcher_work *w = m->w;
    if (w->scan.dotted) return several_ways(m, c);
    enum verdict v = records_agree(m, c);
    if (v != UNKNOWN) return v == AGREE;
    void *elements = w->elements, *arrays = w->arrays, *touched = w->touched;
    bool room = work_reserve(w, &elements, &w->element_cap, w->scan.element_count, sizeof *w->elements);
    w->elements = elements;
    room = room && work_reserve(w, &arrays, &w->array_cap, w->scan.array_count, sizeof *w->arrays);
    w->arrays = arrays;
    room = room && work_reserve(w, &touched, &w->touched_cap, w->scan.element_count, sizeof *w->touched);
    w->touched = touched;
    if (!room) return false;
    w->touched_count = 0;
    if (!++w->array_epoch) { /* it came round: what was noted is forgotten */
        memset(w->elements, 0, w->element_cap * sizeof *w->elements);
        memset(w->arrays, 0, w->array_cap * sizeof *w->arrays);
        w->array_epoch = 1;
    }
    return one_way_each(m, c);
}
