/* What the flow counts, since the daemon started. One table: names for people, fields for code. Relaxed atomics: any thread. */
#ifndef FLOW_COUNTERS_H
#define FLOW_COUNTERS_H

#include <stdatomic.h>

#include "str.h"

struct counters {
#define C(field, name, help) _Atomic uint64_t field;
#include "counters.def"
#undef C
};
#define COUNT(counters, field) atomic_fetch_add_explicit(&(counters)->field, 1, memory_order_relaxed)
#define COUNT_N(counters, field, n) atomic_fetch_add_explicit(&(counters)->field, (uint64_t)(n), memory_order_relaxed)

/* Calls each for every counter in the table's order. */
void counters_each(const struct counters *c, void (*each)(void *ctx, const char *name, uint64_t value, const char *help), void *ctx);

#endif
