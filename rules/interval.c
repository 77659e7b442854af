#include "interval.h"

#include <stdlib.h>

/* The tree is implicit: the root of items [from, to) is the middle one, ordered by lower bound. */

static bool above_lower(const struct pattern_range *r, const struct number *n) {
    int order = r->has_lower ? number_compare(n, &r->lower) : 1;
    return order > 0 || (order == 0 && !r->lower_open);
}

static bool below_upper(const struct pattern_range *r, const struct number *n) {
    int order = r->has_upper ? number_compare(n, &r->upper) : -1;
    return order < 0 || (order == 0 && !r->upper_open);
}

bool interval_holds(const struct pattern_range *r, const struct number *n) { return above_lower(r, n) && below_upper(r, n); }

static int by_lower(const void *a, const void *b) {
    const struct pattern_range *x = &((const struct interval *)a)->range, *y = &((const struct interval *)b)->range;
    if (!x->has_lower || !y->has_lower) return x->has_lower - y->has_lower;
    int order = number_compare(&x->lower, &y->lower);
    return order ? order : x->lower_open - y->lower_open; /* what includes its bound begins first */
}

/* Does a's upper bound lie above b's? */
static bool reaches_further(const struct pattern_range *a, const struct pattern_range *b) {
    if (!a->has_upper || !b->has_upper) return b->has_upper;
    int order = number_compare(&a->upper, &b->upper);
    return order > 0 || (order == 0 && b->upper_open && !a->upper_open);
}

static uint32_t set_reach(struct interval *items, size_t from, size_t to) {
    size_t middle = from + (to - from) / 2;
    uint32_t reach = (uint32_t)middle;
    if (from < middle) {
        uint32_t left = set_reach(items, from, middle);
        if (reaches_further(&items[left].range, &items[reach].range)) reach = left;
    }
    if (middle + 1 < to) {
        uint32_t right = set_reach(items, middle + 1, to);
        if (reaches_further(&items[right].range, &items[reach].range)) reach = right;
    }
    items[middle].reach = reach;
    return reach;
}

void interval_build(struct interval *items, size_t count) {
    qsort(items, count, sizeof *items, by_lower);
    if (count) set_reach(items, 0, count);
}

static bool visit_between(const struct interval *items, size_t from, size_t to, const struct number *n,
                          bool (*visit)(void *ctx, uint32_t key), void *ctx) {
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct interval *item = &items[middle];
        if (!below_upper(&items[item->reach].range, n)) return true;
        if (!visit_between(items, from, middle, n, visit, ctx)) return false;
        if (!above_lower(&item->range, n)) return true; /* nor do those behind it */
        if (below_upper(&item->range, n) && !visit(ctx, item->key)) return false;
        from = middle + 1;
    }
    return true;
}

void interval_visit(const struct interval *items, size_t count, const struct number *n, bool (*visit)(void *ctx, uint32_t key), void *ctx) {
    visit_between(items, 0, count, n, visit, ctx);
}
