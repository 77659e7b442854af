/* Moving replays: the thread, and one page of one of them. */
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "pattern.h"
#include "replay_state.h"

enum {
    PAGE_EVENTS = 500,
    PAGE_BYTES = 1 << 20,
    PAGE_OPERATIONS = 20000, /* a page whose events go to many targets ends early */
    LOOK_MS = 250,           /* something changed that wakes nobody: a clock, a backlog */
    BACKLOG_PAUSE_MS = 50,
    RETRY_MIN_MS = 50,
    RETRY_MAX_MS = 5000,
    BURST_MS = 250 /* what a rate may save up */
};

/* ---- one page ---------------------------------------------------------------------------------------------------------------------- */
struct page {
    struct replay *x;
    struct store_archived *events;
    size_t count, done; /* read, routed */
    struct txn txn;
    struct fault fault;
};

const struct rule_view *replay_rule(const struct bus_view *bus, struct str arn) {
    size_t low = 0, high = bus->rule_count, slash = arn.n;
    while (slash && arn.p[slash - 1] != '/') slash--;
    struct str name = str_skip(arn, slash);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = str_cmp(bus->rules[middle]->name, name);
        if (c == 0) return str_eq(bus->rules[middle]->arn, arn) ? bus->rules[middle] : NULL;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* To the chosen rules of those that match. */
static enum err route_to_rules(struct routing *r, const struct bus_view *bus, const struct replay_info *i) {
    bool any = false;
    for (size_t k = 0; k < i->rule_count; k++) {
        const struct rule_view *rule = replay_rule(bus, i->rules[k]);
        bool matched = false;
        if (!rule || !rule->enabled || !rule->pattern) continue;
        enum err err = pattern_match(rule->pattern, r->event->root, r->arena, &matched);
        if (err) return fault_set(r->fault, err, "The event takes too much work to match against rule %.*s.", STR_ARG(rule->name));
        if (matched) err = route_rule(r, rule);
        if (err) return err;
        any |= matched;
    }
    if (any) COUNT(&r->flow->counters, matched);
    return ERR_OK;
}

static enum err route_one(struct replays *r, struct page *p, struct snapshot *snapshot, const struct bus_view *bus,
                          const struct store_archived *from) {
    struct event event;
    struct txn txn;
    txn_init(&txn, &r->page);
    struct routing routing = {.flow = r->flow, .snapshot = snapshot, .arena = &r->page, .txn = &txn, .event = &event, .fault = &p->fault};
    enum err err = archive_restore(from, p->x->info.name, clock_now_ms(), &r->page, &event, &routing.path, &p->fault);
    if (!err && hop_enter(&routing.path, bus->head->arn)) err = fault_set(&p->fault, ERR_CORRUPT, "The event was on too many event buses.");
    if (!err) err = p->x->info.rule_count ? route_to_rules(&routing, bus, &p->x->info) : route_on_bus(&routing, bus);
    if (!err) txn_join(&p->txn, &txn);
    return err;
}

/* Routes what was read, up to what fits one transaction. An event that cannot be routed ends the page before it, and the replay when it is
 * the first one: it could not be accepted today either. */
static enum err route_page(struct replays *r, struct page *p, struct snapshot *snapshot, const struct bus_view *bus) {
    for (; p->done < p->count && p->txn.count < PAGE_OPERATIONS; p->done++) {
        enum err err = route_one(r, p, snapshot, bus, &p->events[p->done]);
        if (err && p->done) break;
        if (!err) continue;
        char why[512];
        str_copyz(why, sizeof why, str_from(p->fault.message));
        return fault_set(&p->fault, ERR_VALIDATION, "The event archived as number %lld cannot be routed: %s",
                         (long long)p->events[0].sequence, why[0] ? why : err_row(err)->sentence);
    }
    return ERR_OK;
}

/* Durable: what the page did, and where the replay stands after it. */
static enum err commit_page(struct replays *r, struct page *p) {
    struct replay *x = p->x;
    const struct store_archived *last = &p->events[p->done - 1];
    int64_t replayed = x->info.replayed + (int64_t)p->done;
    if (!replay_add_position(&p->txn, x, last->sequence + 1, last->at_ms, replayed)) return fault_set(&p->fault, ERR_NOMEM, NULL);
    enum err err = committer_run(r->flow->committer, &p->txn, &p->fault);
    if (err) {
        x->stale = true;
        return err;
    }
    COUNT_N(&r->flow->counters, replayed, p->done);
    pthread_mutex_lock(&r->lock);
    x->next = last->sequence + 1;
    x->info.last_ms = last->at_ms;
    x->info.replayed = replayed;
    pthread_mutex_unlock(&r->lock);
    x->budget -= (int64_t)p->done * 1000;
    return ERR_OK;
}

/* ---- one step of one replay ------------------------------------------------------------------------------------------------------------
 */
static void finish(struct replays *r, struct replay *x, enum replay_state state, const char *reason) {
    struct fault fault;
    pthread_mutex_lock(&r->lock);
    /* Cancelled while its last page was under way: that is what was asked for. */
    if (x->info.state == REPLAY_CANCELLING) state = REPLAY_CANCELLED, reason = NULL;
    enum err err = x->forgotten ? ERR_OK : replay_end_locked(r, x, state, reason, &fault);
    if (err)
        log_line(LOG_ERROR, "replay", "the end of a replay could not be stored; it is tried again", LOG_S("replay", x->info.arn),
                 LOG_Z("error", fault.message));
    pthread_mutex_unlock(&r->lock);
    if (err) x->pause_until_ms = clock_mono_ms() + RETRY_MAX_MS;
}

/* The store or the memory did not do: later again, or never. */
static void failed(struct replays *r, struct replay *x, enum err err, const struct fault *fault) {
    if (!err_row(err)->retryable) {
        finish(r, x, REPLAY_FAILED, fault->message[0] ? fault->message : err_row(err)->sentence);
        return;
    }
    int64_t pause = (int64_t)RETRY_MIN_MS << (x->failures < 7 ? x->failures : 7);
    if (x->failures++ == 0)
        log_line(LOG_WARN, "replay", "a page of a replay was refused; it is tried again", LOG_S("replay", x->info.arn),
                 LOG_Z("error", fault->message));
    x->pause_until_ms = clock_mono_ms() + (pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS);
}

/* How many events may go now. */
static size_t allowance(struct replay *x, int64_t now_ms) {
    int64_t rate = x->info.rate, burst = rate * BURST_MS;
    if (!rate) return PAGE_EVENTS;
    if (burst < 1000) burst = 1000;
    int64_t elapsed = x->refilled_ms ? now_ms - x->refilled_ms : 0;
    if (!x->refilled_ms) x->budget = 1000;
    if (elapsed > 60000) elapsed = 60000;
    x->refilled_ms = now_ms ? now_ms : 1;
    x->budget += elapsed * rate;
    if (x->budget > burst) x->budget = burst;
    if (x->budget < 1000) x->pause_until_ms = now_ms + (1000 - x->budget + rate - 1) / rate;
    return x->budget >= PAGE_EVENTS * 1000 ? PAGE_EVENTS : x->budget < 1000 ? 0 : (size_t)(x->budget / 1000);
}

/* Nothing is left to read before the end. What was submitted before may still be on its way to the store: an empty transaction comes
 * behind it. */
static void at_end(struct replays *r, struct replay *x) {
    struct fault fault;
    struct txn txn;
    int64_t ahead = x->info.until_ms - clock_now_ms();
    if (ahead > 0) {
        x->pause_until_ms = clock_mono_ms() + (ahead < LOOK_MS ? ahead : LOOK_MS);
        return;
    }
    if (x->settled) {
        finish(r, x, REPLAY_COMPLETED, NULL);
        return;
    }
    txn_init(&txn, &r->page);
    enum err err = committer_run(r->flow->committer, &txn, &fault);
    if (err)
        failed(r, x, err, &fault);
    else
        x->settled = true;
}

static enum err read_page(struct replays *r, struct page *p, size_t most) {
    struct store *s = r->flow->store;
    struct replay *x = p->x;
    enum err err = x->stale ? replay_reload(r, x, &p->fault) : ERR_OK;
    x->stale = err != ERR_OK;
    if (!err && !x->next) {
        int64_t first = 0;
        err = s->ops->archive_find(s, x->number, x->info.from_ms, &first, &p->fault);
        if (!err) x->next = first; /* read by this thread only, until the next page is committed */
    }
    return err ? err
               : s->ops->archive_read(s, x->number, x->next, x->info.until_ms, most, PAGE_BYTES, &r->page, &p->events, &p->count,
                                      &p->fault);
}

static void run_page(struct replays *r, struct replay *x, size_t most) {
    struct page p = {.x = x};
    fault_clear(&p.fault);
    txn_init(&p.txn, &r->page);
    struct snapshot *snapshot = world_snapshot(r->flow->world);
    const struct bus_view *bus = snapshot_bus(snapshot, x->info.account, x->info.bus);
    bool stands = bus && archive_stands(bus, x->info.archive, x->number);
    enum err err =
        stands ? read_page(r, &p, most) : fault_set(&p.fault, ERR_NOT_FOUND, "Archive %.*s was deleted.", STR_ARG(x->info.archive));
    if (!err && p.count) err = route_page(r, &p, snapshot, bus);
    snapshot_release(snapshot);
    if (!err && p.count) err = commit_page(r, &p);
    if (err)
        failed(r, x, err, &p.fault);
    else if (p.count)
        x->failures = 0;
    else
        at_end(r, x);
}

static void forget_position(struct replays *r, const struct replay *x) {
    struct fault fault;
    struct txn txn;
    txn_init(&txn, &r->page);
    enum err err = replay_add_delete(&txn, &x->info) ? committer_run(r->flow->committer, &txn, &fault) : fault_set(&fault, ERR_NOMEM, NULL);
    if (err) log_line(LOG_WARN, "replay", "the position of a forgotten replay stays in the store", LOG_Z("error", fault.message));
}

static void step(struct replays *r, struct replay *x) {
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&r->lock);
    bool cancelling = x->info.state == REPLAY_CANCELLING, forgotten = x->forgotten;
    if (x->info.state == REPLAY_STARTING) x->info.state = REPLAY_RUNNING; /* after a restart it starts again */
    pthread_mutex_unlock(&r->lock);
    if (forgotten || (x->pause_until_ms > now && !cancelling)) return;
    if (cancelling) {
        finish(r, x, REPLAY_CANCELLED, NULL);
        return;
    }
    if (lanes_pending(r->flow->lanes) >= (r->flow->settings->pending_deliveries + 1) / 2) {
        x->pause_until_ms = now + BACKLOG_PAUSE_MS;
        return;
    }
    size_t most = allowance(x, now);
    arena_reset(&r->page);
    if (most) run_page(r, x, most);
    pthread_mutex_lock(&r->lock);
    forgotten = x->forgotten;
    pthread_mutex_unlock(&r->lock);
    if (forgotten) forget_position(r, x); /* its page came behind the deletion of its account */
}

/* ---- the thread
 * ---------------------------------------------------------------------------------------------------------------------------- */
static bool stopping(struct replays *r) {
    pthread_mutex_lock(&r->lock);
    bool stop = r->stopping;
    pthread_mutex_unlock(&r->lock);
    return stop;
}

/* What is under way, held; free() the list. */
static struct replay **hold_active(struct replays *r, size_t *count) {
    *count = 0;
    pthread_mutex_lock(&r->lock);
    struct replay **list = r->replays.count ? malloc(r->replays.count * sizeof(struct replay *)) : NULL;
    size_t at = 0;
    void *value;
    while (list && map_next(&r->replays, &at, NULL, &value)) {
        struct replay *x = value;
        if (!replay_is_active(x->info.state)) continue;
        x->held = true;
        list[(*count)++] = x;
    }
    pthread_mutex_unlock(&r->lock);
    return list;
}

/* Each replay once. *due_ms: when the next one is to be looked at (monotonic). */
static void round_of_all(struct replays *r, int64_t *due_ms) {
    size_t count;
    struct replay **list = hold_active(r, &count);
    for (size_t i = 0; i < count && !stopping(r); i++) step(r, list[i]);
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < count; i++) {
        if (replay_is_active(list[i]->info.state) && list[i]->pause_until_ms < *due_ms) *due_ms = list[i]->pause_until_ms;
        replay_release_locked(list[i]);
    }
    pthread_mutex_unlock(&r->lock);
    free(list);
}

static void wait_locked(struct replays *r, int64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (ms < LOOK_MS ? ms : LOOK_MS) * 1000000L;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&r->wake, &r->lock, &t);
}

void *replays_main(void *ctx) {
    struct replays *r = ctx;
    arena_init(&r->page, 0);
    while (!stopping(r)) {
        int64_t due = INT64_MAX;
        bool busy = false;
        round_of_all(r, &due);
        keeper_step(r->keeper, &busy, &due);
        int64_t left = due - clock_mono_ms();
        pthread_mutex_lock(&r->lock);
        if (!busy && left > 0 && !r->stopping && !r->woken) wait_locked(r, left);
        r->woken = false;
        pthread_mutex_unlock(&r->lock);
    }
    arena_fini(&r->page);
    return NULL;
}
