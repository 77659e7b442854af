#include "lanes.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "flow_state.h"
#include "log.h"

enum {
    CONCURRENCY_DEFAULT = 16,
    SETTLE_PAUSE_MS = 500, /* before a settlement that the store refused is tried again */
    LANE_IDLE_MS = 60000,  /* an empty lane is forgotten after that */
    SETTLE_GROUP = 1000,   /* outcomes in one transaction */
};
#define MEMORY_BYTES_MAX ((size_t)64 << 20) /* of deliveries kept in memory, over all lanes */

/* A delivery in memory: waiting, being attempted, or being settled. */
struct item {
    struct attempt attempt;
    struct arena arena;
    struct pending pending;
    struct lane *lane;
    struct lanes *lanes;
    struct item *next;
    int64_t id, accepted_ms, due_ms;
    int32_t attempts; /* made before this one */
    struct str state;
    enum outcome outcome;
    int64_t retry_after_ms;
    struct str message;
    bool later; /* settled as: to be tried again */
    bool cut;   /* by the stop: as if the attempt had not begun */
};

struct items {
    struct item *first, **last;
    size_t count;
};

/* Fields above the line belong to lanes->lock, the others to the lanes' thread. */
struct lane {
    struct str name;
    struct items offered; /* committed, not yet taken in by the thread */
    bool behind;          /* the store has deliveries of this lane that are not in memory */
    uint64_t skipped;     /* how often that was said: tells the thread that its scan is out of date */
    int64_t next_due_ms;  /* of those */
    size_t held;          /* items in memory, in any state */
    bool runnable;
    struct lane *next_runnable;
    /* ---- */
    struct map by_id; /* 8 bytes of id -> item: what is held */
    struct items ready;
    int in_flight, concurrency;
    const struct target *kind;
    int64_t idle_since_ms;
};

struct lanes {
    struct flow *flow;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    struct map lanes; /* name -> lane */
    struct lane *runnable;
    struct items completed; /* attempts that ended */
    struct items settled;   /* durable outcomes */
    size_t bytes;           /* in memory */
    size_t under_way;       /* attempts and settlements */
    size_t settling;        /* transactions that the committer has */
    int64_t next_wake_ms, settle_not_before_ms;
    bool draining, stopping;
    _Atomic int64_t pending;
};

/* ---- lists and items ---------------------------------------------------------------------------------------------------------------- */
static void items_init(struct items *l) { *l = (struct items){.last = &l->first}; }

static void items_push(struct items *l, struct item *item) {
    item->next = NULL;
    *l->last = item;
    l->last = &item->next;
    l->count++;
}

static struct item *items_pop(struct items *l) {
    struct item *item = l->first;
    if (!item) return NULL;
    l->first = item->next;
    if (!l->first) l->last = &l->first;
    l->count--;
    return item;
}

static void items_move(struct items *to, struct items *from) {
    for (struct item *item; (item = items_pop(from));) items_push(to, item);
}

static size_t item_bytes(const struct store_delivery *d) { return sizeof(struct item) + d->state.n + d->event.n + d->input.n; }

/* The same, of a delivery that is held. */
static size_t held_bytes(const struct item *item) {
    const struct delivery *d = &item->attempt.delivery;
    return sizeof *item + item->state.n + d->event.n + (d->input.p == d->event.p ? 0 : d->input.n);
}

static void item_free(struct item *item) {
    arena_fini(&item->arena);
    free(item);
}

static void attempt_done(struct attempt *attempt, enum outcome outcome, const char *message, int64_t retry_after_ms);

static struct item *item_new(struct lanes *l, struct lane *lane, const struct store_delivery *d) {
    struct item *item = calloc(1, sizeof *item);
    if (!item) return NULL;
    arena_init(&item->arena, 0);
    item->state = arena_str(&item->arena, d->state);
    struct str event = arena_str(&item->arena, d->event), input = d->input.p ? arena_str(&item->arena, d->input) : event;
    struct fault fault;
    struct pending *p = &item->pending;
    if (!item->state.p || !event.p || !input.p || pending_read(item->state, &item->arena, p, &fault)) {
        item_free(item);
        return NULL;
    }
    item->lane = lane;
    item->lanes = l;
    item->id = d->id;
    item->accepted_ms = d->accepted_ms;
    item->due_ms = d->due_ms;
    item->attempts = d->attempts;
    item->attempt = (struct attempt){.done = attempt_done,
                                     .ctx = item,
                                     .delivery = {.arn = p->arn,
                                                  .account = p->account,
                                                  .source_arn = p->source_arn,
                                                  .input = input,
                                                  .event = event,
                                                  .event_id = p->event_id,
                                                  .partition_key = p->partition_key,
                                                  .subject = p->subject,
                                                  .parameters = p->parameters,
                                                  .dead_letter_arn = p->dead_letter_arn,
                                                  .now_ms = d->accepted_ms,
                                                  .attempt = d->attempts + 1}};
    return item;
}

static struct str id_key(const int64_t *id) { return str_of((const char *)id, sizeof *id); }

/* ---- lanes ----------------------------------------------------------------------------------------------------------------------------
 */
static struct lane *lane_get_locked(struct lanes *l, struct str name) {
    struct lane *lane = map_get(&l->lanes, name);
    if (lane) return lane;
    lane = calloc(1, sizeof *lane + name.n);
    if (!lane) return NULL;
    char *copy = (char *)(lane + 1);
    memcpy(copy, name.p, name.n);
    lane->name = str_of(copy, name.n);
    lane->next_due_ms = INT64_MAX;
    lane->idle_since_ms = clock_mono_ms();
    map_init(&lane->by_id);
    items_init(&lane->offered);
    items_init(&lane->ready);
    if (map_put(&l->lanes, name, lane, NULL)) return lane;
    free(lane);
    return NULL;
}

static void lane_free(struct lane *lane) {
    for (struct item *item; (item = items_pop(&lane->offered));) item_free(item);
    size_t at = 0;
    void *item;
    while (map_next(&lane->by_id, &at, NULL, &item)) item_free(item);
    map_fini(&lane->by_id);
    free(lane);
}

static void run_locked(struct lanes *l, struct lane *lane) {
    if (lane->runnable) return;
    lane->runnable = true;
    lane->next_runnable = l->runnable;
    l->runnable = lane;
    pthread_cond_signal(&l->wake);
}

static void skipped_locked(struct lanes *l, struct lane *lane, int64_t due_ms) {
    lane->behind = true;
    lane->skipped++;
    if (due_ms < lane->next_due_ms) lane->next_due_ms = due_ms;
    if (due_ms < l->next_wake_ms) {
        l->next_wake_ms = due_ms;
        pthread_cond_signal(&l->wake);
    }
}

void lanes_committed(void *ctx, struct store_op *op) {
    struct lanes *l = ((struct flow *)ctx)->lanes;
    const struct store_delivery *d = &op->u.delivery;
    atomic_fetch_add(&l->pending, 1);
    pthread_mutex_lock(&l->lock);
    struct lane *lane = lane_get_locked(l, d->lane);
    struct item *item = NULL;
    bool room =
        lane && !lane->behind && lane->held < (size_t)l->flow->settings->lane_memory && l->bytes + item_bytes(d) <= MEMORY_BYTES_MAX;
    if (room) item = item_new(l, lane, d);
    if (item) {
        lane->held++;
        l->bytes += item_bytes(d);
        items_push(&lane->offered, item);
        run_locked(l, lane);
    } else if (lane) {
        skipped_locked(l, lane, d->due_ms);
    } else {
        log_line(LOG_ERROR, "lanes", "out of memory: a delivery waits for the next start", LOG_S("lane", d->lane));
    }
    pthread_mutex_unlock(&l->lock);
}

int64_t lanes_pending(struct lanes *l) { return atomic_load_explicit(&l->pending, memory_order_relaxed); }

/* ---- attempts ---------------------------------------------------------------------------------------------------------------------------
 */
static void attempt_done(struct attempt *attempt, enum outcome outcome, const char *message, int64_t retry_after_ms) {
    struct item *item = attempt->ctx;
    struct lanes *l = item->lanes;
    item->outcome = outcome;
    item->retry_after_ms = retry_after_ms;
    item->message = arena_str(&item->arena, str_from(message ? message : ""));
    pthread_mutex_lock(&l->lock);
    items_push(&l->completed, item);
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

/* Without the lock: the adapter may report at once. */
static void attempt_start(struct lane *lane, struct item *item) {
    if (lane->kind)
        lane->kind->kind->attempt(lane->kind->self, &item->attempt);
    else
        attempt_done(&item->attempt, OUTCOME_NO_RESOURCE, "there is no adapter for this kind of target", -1);
}

static void lane_know_kind(struct lanes *l, struct lane *lane, struct str arn) {
    lane->kind = kind_of(l->flow, arn);
    int n = lane->kind && lane->kind->kind->concurrency ? lane->kind->kind->concurrency(lane->kind->self, arn) : 0;
    lane->concurrency = n > 0 ? n : CONCURRENCY_DEFAULT;
}

static void start_attempts(struct lanes *l, struct lane *lane) {
    for (;;) {
        struct item *item = lane->ready.first;
        if (!item) return;
        lane_know_kind(l, lane, item->attempt.delivery.arn); /* each time: a function's concurrency may have been changed */
        if (lane->in_flight >= lane->concurrency) return;
        items_pop(&lane->ready);
        lane->in_flight++;
        pthread_mutex_lock(&l->lock);
        bool stop = l->draining;
        if (!stop) l->under_way++;
        pthread_mutex_unlock(&l->lock);
        if (stop) return; /* it stays in by_id and in the store */
        attempt_start(lane, item);
    }
}

/* ---- from the store
 * ------------------------------------------------------------------------------------------------------------------------ */
static void hold(struct lanes *l, struct lane *lane, const struct store_delivery *d) {
    if (map_get(&lane->by_id, id_key(&d->id))) return;
    struct item *item = item_new(l, lane, d);
    if (!item || !map_put(&lane->by_id, id_key(&d->id), item, NULL)) {
        log_line(LOG_ERROR, "lanes", "a stored delivery cannot be read, or there is no memory for it", LOG_S("lane", lane->name),
                 LOG_I("id", d->id));
        if (item) item_free(item);
        return;
    }
    pthread_mutex_lock(&l->lock);
    lane->held++;
    l->bytes += item_bytes(d);
    pthread_mutex_unlock(&l->lock);
    items_push(&lane->ready, item);
}

/* When is the lane's next delivery due that is not in memory? INT64_MAX: there is none. */
static enum err next_due(struct lanes *l, struct lane *lane, struct arena *a, int64_t now, int64_t *due, struct fault *fault) {
    struct store *s = l->flow->store;
    struct store_delivery *d;
    size_t n;
    enum err err = s->ops->delivery_scan(s, lane->name, now, INT64_MAX, INT64_MAX, 1, a, &d, &n, fault);
    *due = n ? d[0].due_ms : INT64_MAX;
    return err;
}

static void fill(struct lanes *l, struct lane *lane) {
    pthread_mutex_lock(&l->lock);
    int64_t now = clock_now_ms();
    size_t most = (size_t)l->flow->settings->lane_memory;
    bool room = lane->held <= most / 2 && (l->bytes < MEMORY_BYTES_MAX || !lane->held);
    bool wanted = room && lane->behind && lane->next_due_ms <= now && !l->draining;
    uint64_t skipped = lane->skipped;
    size_t limit = most + lane->held;
    pthread_mutex_unlock(&l->lock);
    if (!wanted) return;
    struct arena a;
    struct fault fault;
    struct store *s = l->flow->store;
    struct store_delivery *d = NULL;
    size_t n = 0;
    int64_t due = now;
    arena_init(&a, MEMORY_BYTES_MAX);
    enum err err;
    while ((err = s->ops->delivery_scan(s, lane->name, INT64_MIN, INT64_MIN, now, limit, &a, &d, &n, &fault)) == ERR_NOMEM && limit > 1) {
        arena_fini(&a); /* large events: fewer at once */
        arena_init(&a, MEMORY_BYTES_MAX);
        limit /= 2;
    }
    for (size_t i = 0; !err && i < n; i++) hold(l, lane, &d[i]);
    if (!err && n < limit) err = next_due(l, lane, &a, now, &due, &fault);
    arena_fini(&a);
    if (err) {
        log_line(LOG_ERROR, "lanes", "the backlog cannot be read", LOG_S("lane", lane->name), LOG_Z("error", fault.message));
        due = now + SETTLE_PAUSE_MS;
    }
    pthread_mutex_lock(&l->lock);
    if (lane->skipped == skipped) {
        lane->next_due_ms = due;
        lane->behind = due != INT64_MAX;
    }
    if (lane->behind && lane->next_due_ms > now && lane->next_due_ms < l->next_wake_ms) l->next_wake_ms = lane->next_due_ms;
    pthread_mutex_unlock(&l->lock);
}

static void run_lane(struct lanes *l, struct lane *lane, struct items *offered) {
    for (struct item *item; (item = items_pop(offered));) {
        /* A scan of the store may have seen it between its commit and the call that offered it. */
        bool known = map_get(&lane->by_id, id_key(&item->id));
        if (!known && map_put(&lane->by_id, id_key(&item->id), item, NULL)) {
            items_push(&lane->ready, item);
            continue;
        }
        pthread_mutex_lock(&l->lock);
        lane->held--;
        l->bytes -= held_bytes(item);
        if (!known) skipped_locked(l, lane, item->due_ms);
        pthread_mutex_unlock(&l->lock);
        item_free(item);
    }
    if (!lane->ready.first) fill(l, lane);
    start_attempts(l, lane);
}

/* ---- settling
 * ------------------------------------------------------------------------------------------------------------------------------- */
struct settlement {
    struct arena arena;
    struct txn txn;
    struct items items;
    struct lanes *lanes;
};

static int64_t backoff_ms(const struct settings *s, int32_t attempts_made) {
    int64_t bound = s->retry_base_ms;
    for (int32_t i = 1; i < attempts_made && bound < s->retry_cap_ms; i++) bound *= 2;
    if (bound > s->retry_cap_ms) bound = s->retry_cap_ms;
    return (int64_t)rng_below((uint64_t)bound + 1); /* full jitter (M. Brooker, "Exponential backoff and jitter", 2015) */
}

static bool add_settled(struct settlement *s, const struct item *item) {
    struct store_op *op = txn_add(&s->txn, OP_DELIVERY_SETTLE);
    if (op) op->u.delivery.id = item->id;
    return op;
}

static bool add_retry(struct settlement *s, struct item *item, int64_t due_ms) {
    struct store_op *op = txn_add(&s->txn, OP_DELIVERY_RETRY);
    if (!op) return false;
    item->later = true;
    item->due_ms = due_ms;
    op->u.delivery = (struct store_delivery){
        .id = item->id, .lane = item->lane->name, .due_ms = due_ms, .attempts = item->attempts + 1, .state = item->state};
    return true;
}

static bool add_dead_letter(struct settlement *s, const struct item *item, const char *exhausted) {
    const struct pending *p = &item->pending;
    struct dead_letter letter = {.account = p->account,
                                 .source_arn = p->source_arn,
                                 .target_arn = p->arn,
                                 .queue_arn = p->dead_letter_arn,
                                 .event = item->attempt.delivery.event,
                                 .event_id = p->event_id,
                                 .code = outcome_code(item->outcome),
                                 .message = item->message,
                                 .attempts = item->attempts,
                                 .exhausted = exhausted};
    dead_letter_add(s->lanes->flow, &s->txn, &letter);
    return add_settled(s, item);
}

static bool add_failed(struct settlement *s, struct item *item) {
    const struct settings *settings = s->lanes->flow->settings;
    const struct pending *p = &item->pending;
    log_line(LOG_WARN, "lanes", "attempt failed", LOG_S("target", p->arn), LOG_S("event", p->event_id),
             LOG_I("attempt", item->attempts + 1), LOG_Z("code", outcome_code(item->outcome)), LOG_S("error", item->message));
    if (outcome_is_final(item->outcome)) return add_dead_letter(s, item, NULL);
    if (item->attempts >= p->max_attempts) return add_dead_letter(s, item, "MaximumRetryAttempts");
    int64_t now = clock_now_ms(), delay = backoff_ms(settings, item->attempts + 1);
    if (delay < item->retry_after_ms) delay = item->retry_after_ms;
    if (now + delay - item->accepted_ms > p->max_age_ms) return add_dead_letter(s, item, "MaximumEventAgeInSeconds");
    return add_retry(s, item, now + delay);
}

static bool add_outcome(struct settlement *s, struct item *item, bool draining) {
    item->later = item->cut = false;
    if (item->outcome == OUTCOME_DELIVERED) return add_settled(s, item);
    if (draining && item->outcome == OUTCOME_INTERNAL_ERROR) {
        item->later = item->cut = true;
        return true;
    }
    return add_failed(s, item);
}

static void settlement_done(struct txn *txn, enum err err, const struct fault *fault) {
    struct settlement *s = txn->ctx;
    struct lanes *l = s->lanes;
    if (err) log_line(LOG_ERROR, "lanes", "outcomes could not be stored; trying again", LOG_Z("error", fault ? fault->message : ""));
    pthread_mutex_lock(&l->lock);
    items_move(err ? &l->completed : &l->settled, &s->items);
    if (err) l->settle_not_before_ms = clock_mono_ms() + SETTLE_PAUSE_MS;
    pthread_cond_signal(&l->wake);
    if (--l->settling == 0) pthread_cond_broadcast(&l->idle);
    pthread_mutex_unlock(&l->lock); /* from here on lanes_stop may have freed l */
    arena_fini(&s->arena);
    free(s);
}

static void settle(struct lanes *l, struct items *completed, bool draining) {
    while (completed->first) {
        struct settlement *s = calloc(1, sizeof *s);
        if (!s) { /* no memory: the items stay completed */
            pthread_mutex_lock(&l->lock);
            items_move(&l->completed, completed);
            l->settle_not_before_ms = clock_mono_ms() + SETTLE_PAUSE_MS;
            pthread_mutex_unlock(&l->lock);
            return;
        }
        arena_init(&s->arena, 0);
        txn_init(&s->txn, &s->arena);
        items_init(&s->items);
        s->lanes = l;
        s->txn.done = settlement_done;
        s->txn.ctx = s;
        bool ok = true;
        while (ok && s->items.count < SETTLE_GROUP && completed->first) {
            struct item *item = items_pop(completed);
            items_push(&s->items, item);
            ok = add_outcome(s, item, draining);
        }
        struct fault fault;
        fault_clear(&fault);
        pthread_mutex_lock(&l->lock);
        l->settling++;
        pthread_mutex_unlock(&l->lock);
        enum err err = ok ? committer_submit(l->flow->committer, &s->txn, &fault) : ERR_NOMEM;
        if (err) settlement_done(&s->txn, err, &fault);
    }
}

/* Counted when it is durable: a settlement that the store refused is made again. */
static void count_outcome(struct counters *counters, const struct item *item) {
    if (item->cut) return;
    if (item->outcome == OUTCOME_DELIVERED)
        COUNT(counters, delivered);
    else
        COUNT(counters, attempts_failed);
    if (item->later) COUNT(counters, retries);
}

/* What became durable leaves memory; what is to be tried again waits in the store. */
static void forget(struct lanes *l, struct items *settled) {
    for (struct item *item; (item = items_pop(settled));) {
        struct lane *lane = item->lane;
        map_remove(&lane->by_id, id_key(&item->id));
        lane->in_flight--;
        count_outcome(&l->flow->counters, item);
        if (!item->later) atomic_fetch_sub(&l->pending, 1);
        pthread_mutex_lock(&l->lock);
        lane->held--;
        l->bytes -= held_bytes(item);
        l->under_way--;
        if (item->later) skipped_locked(l, lane, item->due_ms);
        run_locked(l, lane);
        if (!l->under_way) pthread_cond_broadcast(&l->idle);
        pthread_mutex_unlock(&l->lock);
        lane->idle_since_ms = clock_mono_ms();
        item_free(item);
    }
}

/* ---- the thread
 * -------------------------------------------------------------------------------------------------------------------------------- */
/* Lanes whose time has come become runnable; empty ones that nobody used for a while go. */
static void look_at_all_locked(struct lanes *l, int64_t now) {
    l->next_wake_ms = INT64_MAX;
    size_t at = 0;
    struct str name;
    void *value;
    int64_t mono = clock_mono_ms();
    while (map_next(&l->lanes, &at, &name, &value)) {
        struct lane *lane = value;
        if (lane->behind && lane->next_due_ms <= now)
            run_locked(l, lane);
        else if (lane->behind && lane->next_due_ms < l->next_wake_ms)
            l->next_wake_ms = lane->next_due_ms;
        else if (!lane->behind && !lane->held && !lane->runnable && mono - lane->idle_since_ms > LANE_IDLE_MS) {
            map_remove(&l->lanes, name);
            lane_free(lane);
        }
    }
}

static void wait_locked(struct lanes *l, int64_t now) {
    int64_t until = l->next_wake_ms - now < 1000 ? l->next_wake_ms - now : 1000; /* a second at most: the wall clock may be turned */
    if (until <= 0) return;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + until % 1000 * 1000000;
    t.tv_sec += until / 1000 + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(&l->wake, &l->lock, &t);
}

/* One round of work, with the lock released meanwhile. False when there was nothing to do. */
static bool work_locked(struct lanes *l) {
    struct items completed, settled;
    items_init(&completed);
    items_init(&settled);
    items_move(&settled, &l->settled);
    if (l->completed.first && clock_mono_ms() >= l->settle_not_before_ms) items_move(&completed, &l->completed);
    struct lane *lane = l->runnable;
    l->runnable = NULL;
    if (!completed.first && !settled.first && !lane) return false;
    bool draining = l->draining;
    pthread_mutex_unlock(&l->lock);
    settle(l, &completed, draining);
    forget(l, &settled);
    while (lane) {
        struct items offered;
        items_init(&offered);
        pthread_mutex_lock(&l->lock);
        struct lane *next = lane->next_runnable;
        lane->runnable = false;
        items_move(&offered, &lane->offered);
        pthread_mutex_unlock(&l->lock);
        run_lane(l, lane, &offered);
        lane = next;
    }
    pthread_mutex_lock(&l->lock);
    return true;
}

static void *lanes_main(void *ctx) {
    struct lanes *l = ctx;
    int64_t looked_ms = 0;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        if (work_locked(l)) continue;
        int64_t now = clock_now_ms();
        if (now >= l->next_wake_ms || now - looked_ms >= 1000 || now < looked_ms) {
            look_at_all_locked(l, now);
            looked_ms = now;
            if (l->runnable) continue;
        }
        wait_locked(l, now);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- life
 * ----------------------------------------------------------------------------------------------------------------------------------------
 */
static enum err load_lane(void *ctx, const struct store_lane_stats *stats) {
    struct lanes *l = ctx;
    struct lane *lane = lane_get_locked(l, stats->lane);
    if (!lane) return ERR_NOMEM;
    atomic_fetch_add(&l->pending, stats->count);
    skipped_locked(l, lane, stats->next_due_ms);
    return ERR_OK;
}

static void lanes_free(struct lanes *l) {
    size_t at = 0;
    void *lane;
    while (map_next(&l->lanes, &at, NULL, &lane)) lane_free(lane);
    map_fini(&l->lanes);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    pthread_cond_destroy(&l->idle);
    free(l);
}

enum err lanes_start(struct flow *f, struct lanes **out, struct fault *fault) {
    struct lanes *l = calloc(1, sizeof *l);
    if (!l) return fault_set(fault, ERR_NOMEM, NULL);
    l->flow = f;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &monotonic);
    pthread_cond_init(&l->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    map_init(&l->lanes);
    items_init(&l->completed);
    items_init(&l->settled);
    l->next_wake_ms = INT64_MAX;
    enum err err = f->store->ops->lane_scan(f->store, load_lane, l, fault);
    if (!err && pthread_create(&l->thread, NULL, lanes_main, l)) err = fault_set(fault, ERR_NOMEM, "no thread for deliveries");
    if (err) {
        lanes_free(l);
        return err;
    }
    *out = l;
    return ERR_OK;
}

void lanes_drain(struct lanes *l, int64_t timeout_ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += timeout_ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_mutex_lock(&l->lock);
    l->draining = true;
    pthread_cond_signal(&l->wake);
    while (l->under_way && !pthread_cond_timedwait(&l->idle, &l->lock, &t)) {
    }
    pthread_mutex_unlock(&l->lock);
}

void lanes_stop(struct lanes *l) {
    if (!l) return;
    lanes_drain(l, 2000); /* what the adapters reported while they stopped */
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    pthread_mutex_lock(&l->lock);
    while (l->settling) pthread_cond_wait(&l->idle, &l->lock); /* the committer still has them, and will call back */
    pthread_mutex_unlock(&l->lock);
    lanes_free(l);
}
