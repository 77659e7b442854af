#include "snapshot.h"

#include <sched.h>
#include <stdlib.h>

#include "matcher.h"
#include "parameters.h"
#include "path.h"
#include "pattern.h"
#include "document.h"
#include "schedule.h"
#include "transform.h"

static bool last_reference(_Atomic int *refs) { return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1; }

void target_view_release(struct target_view *t) {
    if (!t || !last_reference(&t->refs)) return;
    transform_free(t->transform);
    path_free(t->partition_key_path);
    path_free(t->group_path);
    parameters_free(t->parameters);
    arena_fini(&t->arena);
    free(t);
}

void rule_view_release(struct rule_view *r) {
    if (!r || !last_reference(&r->refs)) return;
    for (size_t i = 0; i < r->target_count; i++) target_view_release(r->targets[i]);
    pattern_free(r->pattern);
    schedule_free(r->schedule);
    arena_fini(&r->arena);
    free(r);
}

void bus_head_release(struct bus_head *h) {
    if (!h || !last_reference(&h->refs)) return;
    policy_free(h->policy);
    arena_fini(&h->arena);
    free(h);
}

void bus_view_release(struct bus_view *b) {
    if (!b || !last_reference(&b->refs)) return;
    for (size_t i = 0; i < b->rule_count; i++) rule_view_release(b->rules[i]);
    bus_head_release(b->head);
    matcher_release(b->matcher);
    free(b);
}

void snapshot_release(struct snapshot *s) {
    if (!s || !last_reference(&s->refs)) return;
    size_t at = 0;
    void *bus;
    while (map_next(&s->buses, &at, NULL, &bus)) bus_view_release(bus);
    map_fini(&s->buses);
    free(s);
}

const struct bus_view *snapshot_bus(const struct snapshot *s, struct str account, struct str name) {
    char key[12 + 1 + 256];
    if (account.n != 12 || name.n > 256) return NULL;
    memcpy(key, account.p, 12);
    key[12] = '/';
    memcpy(key + 13, name.p, name.n);
    return map_get(&s->buses, str_of(key, 13 + name.n));
}

/* Hazard slots (M. Michael, "Hazard pointers", 2004), held only between reading the pointer and counting the reference. A reader that
 * finds no free slot at its first try walks on to the next one; SLOTS bounds how many can be between the two instructions at once. */
enum { SLOTS = 64 };
struct snapshot_cell {
    _Atomic(struct snapshot *) current;
    struct {
        _Alignas(64) _Atomic bool taken;
        _Atomic(struct snapshot *) reading;
    } slot[SLOTS];
};

struct snapshot_cell *snapshot_cell_new(struct snapshot *first) {
    struct snapshot_cell *cell = aligned_alloc(64, sizeof *cell);
    if (!cell) return NULL;
    memset(cell, 0, sizeof *cell);
    atomic_store(&cell->current, first);
    return cell;
}

void snapshot_cell_free(struct snapshot_cell *cell) {
    if (!cell) return;
    snapshot_release(atomic_load(&cell->current));
    free(cell);
}

struct snapshot *snapshot_acquire(struct snapshot_cell *cell) {
    static _Thread_local unsigned home;
    unsigned i = home;
    while (atomic_exchange_explicit(&cell->slot[i].taken, true, memory_order_acquire)) i = (i + 1) % SLOTS;
    home = i;
    struct snapshot *s;
    do {
        s = atomic_load(&cell->current);
        atomic_store(&cell->slot[i].reading, s);
    } while (s != atomic_load(&cell->current));
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    atomic_store(&cell->slot[i].reading, NULL);
    atomic_store_explicit(&cell->slot[i].taken, false, memory_order_release);
    return s;
}

void snapshot_publish(struct snapshot_cell *cell, struct snapshot *next) {
    struct snapshot *old = atomic_exchange(&cell->current, next);
    for (unsigned i = 0; i < SLOTS; i++)
        while (atomic_load(&cell->slot[i].reading) == old) sched_yield();
    snapshot_release(old);
}
