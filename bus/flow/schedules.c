/* Rules with a schedule: at its time each sends a Scheduled Event to its own targets. One thread; a firing that was missed while the daemon
 * was down is not made up for, as with the service. The same thread keeps the stored part of the deduplication window from growing. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "flow_state.h"
#include "log.h"
#include "schedule.h"

struct scheduler {
    struct flow *flow;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    struct map next;     /* rule ARN + schedule text -> struct firing */
    uint64_t generation; /* of the snapshot that was looked at last */
    int64_t soonest_ms;  /* of all firings in it */
    int64_t forgot_ms;   /* when stored ids were last forgotten */
    int64_t active_ms;   /* when events were last seen to have come */
    uint64_t accepted;   /* the counter then */
};

struct firing {
    int64_t at_ms; /* -1: never again */
    uint64_t seen; /* round in which the rule was last there */
};

enum { LOOK_MS = 250, FORGET_EVERY_MS = 30000 };

static void fired(struct txn *txn, enum err err, const struct fault *fault) {
    if (err) log_line(LOG_ERROR, "schedules", "a scheduled event could not be stored", LOG_Z("error", fault ? fault->message : ""));
    struct arena *a = txn->ctx;
    arena_fini(a);
    free(a);
}

static void fire(struct flow *f, struct snapshot *snapshot, const struct bus_view *bus, const struct rule_view *rule, int64_t now_ms) {
    struct arena *a = malloc(sizeof *a);
    if (!a) return;
    arena_init(a, 0);
    struct txn *txn = ARENA_NEW(a, struct txn);
    struct event *event = ARENA_NEW(a, struct event);
    struct fault fault;
    fault_clear(&fault);
    enum err err =
        txn && event ? event_build_scheduled(rule->account, f->region, rule->arn, now_ms, f->settings, a, event, &fault) : ERR_NOMEM;
    if (!err) {
        txn_init(txn, a);
        txn->done = fired;
        txn->ctx = a;
        struct routing r = {.flow = f, .snapshot = snapshot, .arena = a, .txn = txn, .event = event, .fault = &fault};
        hop_init(&r.path);
        err = hop_enter(&r.path, bus->head->arn) ? ERR_INTERNAL : route_rule(&r, rule);
        COUNT(&f->counters, scheduled);
    }
    if (!err) err = committer_submit(f->committer, txn, &fault);
    if (!err) return;
    log_line(LOG_ERROR, "schedules", "a scheduled event was lost", LOG_S("rule", rule->arn), LOG_Z("error", fault.message));
    arena_fini(a);
    free(a);
}

static struct firing *firing_of(struct scheduler *s, const struct rule_view *rule, int64_t now_ms) {
    struct buf key;
    buf_init(&key, 0);
    buf_addf(&key, "%.*s %.*s", STR_ARG(rule->arn), STR_ARG(rule->schedule_text));
    struct firing *firing = map_get(&s->next, buf_str(&key));
    if (!firing && (firing = calloc(1, sizeof *firing))) {
        firing->at_ms = schedule_next(rule->schedule, now_ms);
        if (!map_put(&s->next, buf_str(&key), firing, NULL)) {
            free(firing);
            firing = NULL;
        }
    }
    buf_fini(&key);
    return firing;
}

static void look(struct scheduler *s, uint64_t round) {
    struct flow *f = s->flow;
    int64_t now = clock_now_ms();
    struct snapshot *snapshot = world_snapshot(f->world);
    if (snapshot->generation == s->generation && now < s->soonest_ms) { /* nothing changed, nothing due: no walk over all rules */
        snapshot_release(snapshot);
        return;
    }
    s->generation = snapshot->generation;
    s->soonest_ms = INT64_MAX;
    size_t at = 0;
    void *value;
    while (map_next(&snapshot->buses, &at, NULL, &value)) {
        const struct bus_view *bus = value;
        for (size_t i = 0; i < bus->rule_count; i++) {
            const struct rule_view *rule = bus->rules[i];
            if (!rule->schedule || !rule->enabled) continue;
            struct firing *firing = firing_of(s, rule, now);
            if (!firing) continue;
            firing->seen = round;
            if (firing->at_ms >= 0 && firing->at_ms <= now) {
                fire(f, snapshot, bus, rule, firing->at_ms);
                firing->at_ms = schedule_next(rule->schedule, now);
            }
            if (firing->at_ms >= 0 && firing->at_ms < s->soonest_ms) s->soonest_ms = firing->at_ms;
        }
    }
    snapshot_release(snapshot);
    struct str key;
    at = 0;
    while (map_next(&s->next, &at, &key, &value)) {
        struct firing *firing = value;
        if (firing->seen == round) continue;
        map_remove(&s->next, key);
        free(firing);
    }
}

/* Event ids older than the window leave the store; nothing is asked of it when nothing came since. */
static void forget_ids(struct scheduler *s) {
    struct flow *f = s->flow;
    int64_t now = clock_now_ms();
    uint64_t accepted = atomic_load_explicit(&f->counters.accepted, memory_order_relaxed);
    if (now - s->forgot_ms < FORGET_EVERY_MS && now >= s->forgot_ms) return;
    if (accepted != s->accepted || !s->forgot_ms) s->active_ms = now;
    s->accepted = accepted;
    if (s->forgot_ms - s->active_ms > f->settings->dedup_window_ms) return; /* all of it is forgotten */
    s->forgot_ms = now;
    struct arena a;
    struct txn txn;
    struct fault fault;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct store_op *op = txn_add(&txn, OP_IDS_FORGET);
    if (op) op->u.ids.at_ms = now - f->settings->dedup_window_ms;
    enum err err = op ? committer_run(f->committer, &txn, &fault) : fault_set(&fault, ERR_NOMEM, NULL);
    if (err) log_line(LOG_WARN, "schedules", "old event ids could not be forgotten", LOG_Z("error", fault.message));
    arena_fini(&a);
}

static void *scheduler_main(void *ctx) {
    struct scheduler *s = ctx;
    uint64_t round = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        pthread_mutex_unlock(&s->lock);
        look(s, ++round);
        forget_ids(s);
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec += LOOK_MS * 1000000L;
        if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
        pthread_mutex_lock(&s->lock);
        if (!s->stopping) pthread_cond_timedwait(&s->wake, &s->lock, &t);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum err scheduler_start(struct flow *f, struct scheduler **out, struct fault *fault) {
    struct scheduler *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->flow = f;
    map_init(&s->next);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!pthread_create(&s->thread, NULL, scheduler_main, s)) {
        *out = s;
        return ERR_OK;
    }
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    free(s);
    return fault_set(fault, ERR_NOMEM, "no thread for schedules");
}

void scheduler_stop(struct scheduler *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    size_t at = 0;
    void *firing;
    while (map_next(&s->next, &at, NULL, &firing)) free(firing);
    map_fini(&s->next);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    free(s);
}
