/* Many numeric ranges asked at once which of them hold a number: an interval tree in an array. Time grows with the logarithm of their
 * number and with how many hold it. Pure and immutable after interval_build. */
#ifndef RULES_INTERVAL_H
#define RULES_INTERVAL_H

#include "pattern_ast.h"

struct interval {
    struct pattern_range range;
    uint32_t key;
    uint32_t reach; /* in the subtree of this item: the one whose upper bound is the greatest */
};

/* True when the number lies in the range. */
bool interval_holds(const struct pattern_range *r, const struct number *n);
/* Sorts the items and sets their reach. */
void interval_build(struct interval *items, size_t count);
/* Calls visit(ctx, key) for each range that holds n; stops when visit says false. */
void interval_visit(const struct interval *items, size_t count, const struct number *n, bool (*visit)(void *ctx, uint32_t key), void *ctx);

#endif
