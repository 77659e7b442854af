#include "counters.h"

void counters_each(const struct counters *c, void (*each)(void *ctx, const char *name, uint64_t value, const char *help), void *ctx) {
#define C(field, name, help) each(ctx, name, atomic_load_explicit(&c->field, memory_order_relaxed), help);
#include "counters.def"
#undef C
}
