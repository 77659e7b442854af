#include "compactor.h"

#include <stdlib.h>

#include "log.h"
#include "matcher.h"
#include "world_state.h"

struct compactor { /* guarded by the world's lock */
    struct world *w;
    pthread_t thread;
    pthread_cond_t woken;
    bool started, awake, stopping;
};

/* Rules whose patterns must stay while they are compiled. */
struct held {
    struct rule_view **rules;
    size_t count;
};

static bool hold(const struct bus_slot *slot, struct held *h) {
    *h = (struct held){malloc((slot->rule_count + 1) * sizeof *h->rules), slot->rule_count};
    if (!h->rules) return false;
    for (size_t i = 0; i < h->count; i++) {
        h->rules[i] = slot->rules[i];
        atomic_fetch_add_explicit(&h->rules[i]->refs, 1, memory_order_relaxed);
    }
    return true;
}

static void let_go(struct held *h) {
    for (size_t i = 0; h->rules && i < h->count; i++) rule_view_release(h->rules[i]);
    free(h->rules);
}

static struct bus_slot *scattered_bus(const struct world *w, struct str *key) {
    size_t at = 0;
    void *value;
    while (map_next(&w->buses, &at, key, &value))
        if (matcher_set_is_scattered(((struct bus_slot *)value)->set)) return value;
    return NULL;
}

/* The lock is let go while the rules are compiled: the bus may be another by then, or gone. */
static bool compact_locked(struct world *w, struct bus_slot *slot, struct str name) {
    struct matcher_compaction *compaction = NULL;
    struct matcher_set *set = slot->set;
    struct held held = {0};
    struct buf key;
    buf_init(&key, 0);
    buf_add(&key, name);
    bool good = !key.failed && hold(slot, &held) && matcher_compact_begin(set, &compaction) == ERR_OK;
    pthread_mutex_unlock(&w->lock);
    good = good && matcher_compact_run(compaction) == ERR_OK;
    pthread_mutex_lock(&w->lock);
    slot = map_get(&w->buses, buf_str(&key));
    bool same = slot && slot->set == set;
    if (compaction) matcher_compact_end(same ? set : NULL, compaction);
    if (good && same) {
        bus_view_release(slot->view);
        slot->view = NULL;
        world_changed_locked(w);
    }
    pthread_mutex_unlock(&w->lock);
    let_go(&held); /* the last one to hold a deleted rule frees it: not with the lock */
    buf_fini(&key);
    pthread_mutex_lock(&w->lock);
    if (!good) log_line(LOG_WARN, "compactor", "no memory to compile a bus's rules anew: matching stays slower until the next change");
    return good;
}

static void *run(void *arg) {
    struct compactor *c = arg;
    pthread_mutex_lock(&c->w->lock);
    while (!c->stopping) {
        struct str key;
        struct bus_slot *slot = c->awake ? scattered_bus(c->w, &key) : NULL;
        if (slot && compact_locked(c->w, slot, key)) continue;
        c->awake = false;
        if (!c->stopping) pthread_cond_wait(&c->woken, &c->w->lock);
    }
    pthread_mutex_unlock(&c->w->lock);
    return NULL;
}

struct compactor *compactor_new(struct world *w) {
    struct compactor *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->w = w;
    pthread_cond_init(&c->woken, NULL);
    return c;
}

void compactor_wake_locked(struct compactor *c) {
    c->awake = true;
    if (!c->started) {
        int err = pthread_create(&c->thread, NULL, run, c);
        if (err) log_line(LOG_WARN, "compactor", "the thread cannot be started: the next change tries again", LOG_I("errno", err));
        c->started = !err;
    }
    pthread_cond_signal(&c->woken);
}

void compactor_free(struct compactor *c) {
    if (!c) return;
    pthread_mutex_lock(&c->w->lock);
    c->stopping = true;
    pthread_cond_signal(&c->woken);
    pthread_mutex_unlock(&c->w->lock);
    if (c->started) pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->woken);
    free(c);
}
