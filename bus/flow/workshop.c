#include "workshop.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "matcher.h"

/* As many as threads match at once; one more is made and freed each time. */
enum { BENCHES = 64 };
struct workshop {
    struct {
        _Alignas(64) _Atomic(struct matcher_work *) work; /* NULL: taken, or not made yet */
    } bench[BENCHES];
};

static _Thread_local unsigned home; /* where this thread found or left a work the last time */

struct workshop *workshop_new(void) {
    struct workshop *s = aligned_alloc(64, sizeof *s);
    for (unsigned i = 0; s && i < BENCHES; i++) atomic_init(&s->bench[i].work, NULL);
    return s;
}

void workshop_free(struct workshop *s) {
    for (unsigned i = 0; s && i < BENCHES; i++) matcher_work_free(atomic_load(&s->bench[i].work));
    free(s);
}

struct matcher_work *workshop_take(struct workshop *s) {
    for (unsigned n = 0; n < BENCHES; n++) {
        unsigned i = (home + n) % BENCHES;
        if (!atomic_load_explicit(&s->bench[i].work, memory_order_relaxed)) continue;
        struct matcher_work *w = atomic_exchange_explicit(&s->bench[i].work, NULL, memory_order_acquire);
        if (w) return home = i, w;
    }
    return matcher_work_new(NULL);
}

void workshop_give(struct workshop *s, struct matcher_work *w) {
    for (unsigned n = 0; n < BENCHES; n++) {
        unsigned i = (home + n) % BENCHES;
        struct matcher_work *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&s->bench[i].work, &none, w, memory_order_release, memory_order_relaxed)) {
            home = i;
            return;
        }
    }
    matcher_work_free(w);
}
