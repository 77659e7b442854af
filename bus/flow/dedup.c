#include "dedup.h"

#include <pthread.h>
#include <stdlib.h>

/* Ids stand in a ring in the order they came; a table finds them. Positions are counted from the start of time, so that ring and table
 * agree by subtraction: slot = position mod capacity. */
enum state { GONE, CLAIMED, ACCEPTED };
struct remembered {
    struct id id;
    int64_t at_ms;
    enum state state;
};

struct dedup {
    pthread_mutex_t lock;
    size_t max_ids;
    int64_t window_ms;
    struct remembered *ring;
    size_t ring_cap; /* power of two */
    uint64_t head, tail;
    uint64_t *table;  /* position + 1; 0: free */
    size_t table_cap; /* power of two, at least twice ring_cap */
    size_t live;
};

struct dedup *dedup_new(size_t max_ids, int64_t window_ms) {
    struct dedup *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    pthread_mutex_init(&d->lock, NULL);
    d->max_ids = max_ids;
    d->window_ms = window_ms;
    return d;
}

void dedup_free(struct dedup *d) {
    if (!d) return;
    pthread_mutex_destroy(&d->lock);
    free(d->ring);
    free(d->table);
    free(d);
}

static struct remembered *at_position(const struct dedup *d, uint64_t position) { return &d->ring[position & (d->ring_cap - 1)]; }
static size_t home_of(const struct dedup *d, const struct id *id) {
    return hash_table(str_of((const char *)id->b, sizeof id->b)) & (d->table_cap - 1);
}

static void table_add(struct dedup *d, uint64_t position) {
    size_t i = home_of(d, &at_position(d, position)->id);
    while (d->table[i]) i = (i + 1) & (d->table_cap - 1);
    d->table[i] = position + 1;
}

static bool table_find(const struct dedup *d, const struct id *id, size_t *slot) {
    if (!d->table_cap) return false;
    for (size_t i = home_of(d, id); d->table[i]; i = (i + 1) & (d->table_cap - 1))
        if (memcmp(&at_position(d, d->table[i] - 1)->id, id, sizeof *id) == 0) {
            *slot = i;
            return true;
        }
    return false;
}

/* Linear probing without tombstones: what stands behind the hole moves up if it may. */
static void table_remove(struct dedup *d, size_t hole) {
    size_t mask = d->table_cap - 1;
    for (size_t i = (hole + 1) & mask; d->table[i]; i = (i + 1) & mask) {
        size_t home = home_of(d, &at_position(d, d->table[i] - 1)->id);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            d->table[hole] = d->table[i];
            hole = i;
        }
    }
    d->table[hole] = 0;
}

static bool grow(struct dedup *d) {
    size_t cap = d->ring_cap ? d->ring_cap * 2 : 1024;
    struct remembered *ring = malloc(cap * sizeof *ring);
    uint64_t *table = calloc(cap * 2, sizeof *table);
    if (!ring || !table) {
        free(ring);
        free(table);
        return false;
    }
    for (uint64_t p = d->head; p < d->tail; p++) ring[p & (cap - 1)] = *at_position(d, p);
    free(d->ring);
    free(d->table);
    d->ring = ring;
    d->ring_cap = cap;
    d->table = table;
    d->table_cap = cap * 2;
    for (uint64_t p = d->head; p < d->tail; p++)
        if (at_position(d, p)->state != GONE) table_add(d, p);
    return true;
}

static void drop_head(struct dedup *d) {
    struct remembered *r = at_position(d, d->head);
    size_t slot;
    if (r->state != GONE && table_find(d, &r->id, &slot)) {
        table_remove(d, slot);
        d->live--;
    }
    d->head++;
}

static void expire(struct dedup *d, int64_t now_ms) {
    while (d->head < d->tail) {
        const struct remembered *r = at_position(d, d->head);
        if (r->state == CLAIMED || (r->state == ACCEPTED && r->at_ms > now_ms - d->window_ms)) return;
        drop_head(d);
    }
}

static bool make_room(struct dedup *d, uint64_t *evicted) {
    while (d->tail - d->head >= d->max_ids) {
        const struct remembered *r = at_position(d, d->head);
        if (r->state == CLAIMED) return false;
        if (r->state == ACCEPTED) ++*evicted;
        drop_head(d);
    }
    return d->tail - d->head < d->ring_cap || grow(d);
}

static void append(struct dedup *d, struct id id, int64_t at_ms, enum state state) {
    *at_position(d, d->tail) = (struct remembered){.id = id, .at_ms = at_ms, .state = state};
    table_add(d, d->tail++);
    d->live++;
}

enum dedup_verdict dedup_claim(struct dedup *d, struct id id, int64_t now_ms, uint64_t *evicted) {
    size_t slot;
    enum dedup_verdict verdict = DEDUP_NEW;
    pthread_mutex_lock(&d->lock);
    expire(d, now_ms);
    if (table_find(d, &id, &slot))
        verdict = at_position(d, d->table[slot] - 1)->state == ACCEPTED ? DEDUP_DUPLICATE : DEDUP_UNDER_WAY;
    else if (!make_room(d, evicted))
        verdict = DEDUP_FULL;
    else
        append(d, id, now_ms, CLAIMED);
    pthread_mutex_unlock(&d->lock);
    return verdict;
}

void dedup_settle(struct dedup *d, const struct id *ids, size_t count, bool accepted) {
    size_t slot;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < count; i++) {
        if (!table_find(d, &ids[i], &slot)) continue;
        struct remembered *r = at_position(d, d->table[slot] - 1);
        if (accepted) {
            r->state = ACCEPTED;
        } else {
            table_remove(d, slot);
            r->state = GONE;
            d->live--;
        }
    }
    while (d->tail > d->head && at_position(d, d->tail - 1)->state == GONE) d->tail--; /* refused ids take no room from accepted ones */
    pthread_mutex_unlock(&d->lock);
}

bool dedup_load(struct dedup *d, const struct id *ids, size_t count, int64_t at_ms) {
    bool ok = true;
    size_t slot;
    uint64_t evicted = 0;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < count && ok; i++) {
        if (table_find(d, &ids[i], &slot)) continue;
        ok = make_room(d, &evicted);
        if (ok) append(d, ids[i], at_ms, ACCEPTED);
    }
    pthread_mutex_unlock(&d->lock);
    return ok;
}

size_t dedup_count(struct dedup *d) {
    pthread_mutex_lock(&d->lock);
    size_t n = d->live;
    pthread_mutex_unlock(&d->lock);
    return n;
}
