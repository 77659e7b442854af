/* Rules with a schedule: at its time each sends a Scheduled Event to its own targets. One thread, which looks every schedule-look-ms.
 *
 * The time a rule fired last is a catalog record that is stored in the same transaction as what the firing sends: whatever happens to the
 * daemon, a firing happens once. For a rule that has not fired yet it is the time when it was first seen, which rates count from. What fell due
 * while the daemon was down (or the machine was suspended) is missed: made up for with one event, or not at all (setting schedule-catch-up).
 * A rule that is disabled loses its record; once enabled it starts anew.
 *
 * The same thread keeps the stored part of the deduplication window from growing. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "doc.h"
#include "flow_state.h"
#include "json.h"
#include "log.h"
#include "schedule.h"

struct scheduler {
    struct flow *flow;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    struct map firings;  /* rule ARN -> struct firing */
    uint64_t generation; /* of the snapshot that was looked at last */
    int64_t soonest_ms;  /* of all firings in it */
    int64_t started_ms;  /* what was due before it is missed */
    bool failing;        /* the store refused the last round: said once */
    int64_t forgot_ms;   /* when stored ids were last forgotten */
    int64_t active_ms;   /* when events were last seen to have come */
    uint64_t accepted;   /* the counter then */
};

struct firing {
    char *expression; /* as stored; another one starts anew */
    int64_t last_ms;  /* when it fired last, or was first seen */
    bool stored;      /* last_ms is in the store */
    uint64_t seen;    /* round in which the rule was last there */
};

enum {
    FORGET_EVERY_MS = 30000,
    ROUND_FIRINGS = 256,       /* firings and records of one commit */
    LATE_MS = 60000,           /* later than this is missed: no schedule fires more often */
    CLOCK_BACK_MS = 3600000    /* a last firing that far ahead means that the clock was wrong then */
};

/* ---- one commit of firings -------------------------------------------------------------------------------------------------------- */
struct due {
    struct firing *firing; /* NULL: a record that goes */
    int64_t last_ms;
};

struct round {
    struct scheduler *s;
    struct snapshot *snapshot;
    int64_t now_ms;
    uint64_t number;
    struct arena arena;
    struct txn txn;
    struct due due[ROUND_FIRINGS];
    size_t count;
    uint64_t fired, missed;
    bool refused; /* some commit of this look failed: look again soon */
};

static void round_begin(struct round *r) {
    arena_init(&r->arena, 0);
    txn_init(&r->txn, &r->arena);
    r->count = 0;
    r->fired = r->missed = 0;
}

static void round_failed(struct round *r, const char *why) {
    r->refused = true;
    if (!r->s->failing)
        log_line(LOG_ERROR, "schedules", "schedules cannot fire: they are tried again until they can", LOG_Z("error", why));
    r->s->failing = true;
}

/* Makes the round durable, and what it changed true. A refused round changes nothing: the next look finds the same. */
static void round_end(struct round *r) {
    struct fault fault;
    fault_clear(&fault);
    if (r->txn.count) {
        if (committer_run(r->s->flow->committer, &r->txn, &fault)) {
            round_failed(r, fault.message);
        } else {
            for (size_t i = 0; i < r->count; i++) {
                r->due[i].firing->last_ms = r->due[i].last_ms;
                r->due[i].firing->stored = true;
            }
            COUNT_N(&r->s->flow->counters, scheduled, r->fired);
            COUNT_N(&r->s->flow->counters, schedules_missed, r->missed);
            r->s->failing = false;
        }
    }
    arena_fini(&r->arena);
}

static void round_next(struct round *r) {
    if (r->count < ROUND_FIRINGS) return;
    round_end(r);
    round_begin(r);
}

static bool write_record(struct txn *txn, const struct rule_view *rule, int64_t last_ms) {
    struct buf text;
    struct json j;
    buf_init(&text, 0);
    json_init(&j, &text);
    json_object_begin(&j);
    json_key_str(&j, "schedule", rule->schedule_text);
    json_key_i64(&j, "last", last_ms);
    json_object_end(&j);
    struct store_op *op = txn_add(txn, OP_CATALOG_PUT);
    struct str key = arena_str(txn->arena, rule->arn), value = text.failed ? STR_NULL : arena_str(txn->arena, buf_str(&text));
    buf_fini(&text);
    if (!op || !key.p || !value.p) return false;
    op->u.catalog.kind = STR("schedule");
    op->u.catalog.key = key;
    op->u.catalog.value = value;
    return true;
}

/* What the rule sends for the time it was due at. */
static enum err send(struct round *r, const struct bus_view *bus, const struct rule_view *rule, int64_t due_ms, struct txn *txn,
                     struct fault *fault) {
    struct flow *f = r->s->flow;
    struct event *event = ARENA_NEW(&r->arena, struct event);
    if (!event) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = event_build_scheduled(rule->account, f->region, rule->arn, due_ms, r->now_ms, f->settings, &r->arena, event, fault);
    struct routing routing = {.flow = f, .snapshot = r->snapshot, .arena = &r->arena, .txn = txn, .event = event, .fault = fault};
    hop_init(&routing.path);
    if (!err && hop_enter(&routing.path, bus->head->arn)) err = fault_set(fault, ERR_INTERNAL, NULL);
    return err ? err : route_rule(&routing, rule);
}

/* Adds the record, and the event with all it causes when `due_ms` is not negative. What the rule's targets refuse for good is lost, and said;
 * what fails for want of memory is tried again. */
static void round_add(struct round *r, const struct bus_view *bus, const struct rule_view *rule, struct firing *firing, int64_t last_ms,
                      int64_t due_ms) {
    struct fault fault;
    struct txn txn;
    fault_clear(&fault);
    txn_init(&txn, &r->arena);
    enum err err = due_ms < 0 ? ERR_OK : send(r, bus, rule, due_ms, &txn, &fault);
    if (err == ERR_NOMEM) {
        round_failed(r, fault.message);
        return;
    }
    if (err) {
        log_line(LOG_ERROR, "schedules", "a scheduled event was refused and is lost", LOG_S("rule", rule->arn), LOG_Z("error", fault.message));
        txn_init(&txn, &r->arena);
    }
    if (!write_record(&txn, rule, last_ms)) {
        round_failed(r, "out of memory");
        return;
    }
    txn_join(&r->txn, &txn);
    r->due[r->count++] = (struct due){firing, last_ms};
    r->fired += due_ms >= 0 && !err;
}

/* ---- what is due -------------------------------------------------------------------------------------------------------------------- */
static void firing_free(struct firing *firing) {
    free(firing->expression);
    free(firing);
}

/* Takes over nothing; NULL without memory. */
static struct firing *firing_put(struct scheduler *s, struct str arn, struct str expression, int64_t last_ms, bool stored) {
    struct firing *firing = calloc(1, sizeof *firing);
    void *old = NULL;
    if (!firing) return NULL;
    firing->expression = strndup(expression.p, expression.n);
    firing->last_ms = last_ms;
    firing->stored = stored;
    if (!firing->expression || !map_put(&s->firings, arn, firing, &old)) {
        firing_free(firing);
        return NULL;
    }
    if (old) firing_free(old);
    return firing;
}

static struct firing *firing_of(struct round *r, const struct rule_view *rule) {
    struct firing *firing = map_get(&r->s->firings, rule->arn);
    bool same = firing && str_eqz(rule->schedule_text, firing->expression) && firing->last_ms <= r->now_ms + CLOCK_BACK_MS;
    return same ? firing : firing_put(r->s, rule->arn, rule->schedule_text, r->now_ms, false);
}

/* One rule in one look: everything that fell due since it fired last, each once. */
static void look_at(struct round *r, const struct bus_view *bus, const struct rule_view *rule, struct firing *firing) {
    int64_t last = firing->last_ms, next = schedule_next(rule->schedule, last);
    if (!firing->stored) round_add(r, bus, rule, firing, last, -1);
    for (; next >= 0 && next <= r->now_ms; next = schedule_next(rule->schedule, last)) {
        round_next(r);
        bool missed = next < r->s->started_ms || r->now_ms - next > LATE_MS;
        if (missed) next = schedule_last(rule->schedule, last, r->now_ms); /* all of them at once */
        r->missed += missed;
        bool in_time = next >= r->s->started_ms && r->now_ms - next <= LATE_MS;
        round_add(r, bus, rule, firing, next, in_time || r->s->flow->settings->schedule_catch_up ? next : -1);
        if (r->refused) return;
        last = next;
    }
    if (next >= 0 && next < r->s->soonest_ms) r->s->soonest_ms = next;
}

static void look_at_bus(struct round *r, const struct bus_view *bus) {
    for (size_t i = 0; i < bus->rule_count; i++) {
        const struct rule_view *rule = bus->rules[i];
        if (!rule->schedule || !rule->enabled) continue;
        struct firing *firing = firing_of(r, rule);
        if (!firing) {
            round_failed(r, "out of memory");
            continue;
        }
        firing->seen = r->number;
        round_next(r);
        look_at(r, bus, rule, firing);
    }
}

/* Records of rules that are gone, disabled or without a schedule now. */
static void forget_gone(struct round *r) {
    struct str key;
    void *value;
    size_t at = 0;
    while (map_next(&r->s->firings, &at, &key, &value)) {
        struct firing *firing = value;
        if (firing->seen == r->number) continue;
        struct fault fault;
        struct store_op *op;
        round_begin(r);
        op = txn_add(&r->txn, OP_CATALOG_DELETE);
        if (op) op->u.catalog.kind = STR("schedule"), op->u.catalog.key = key;
        enum err err = op ? committer_run(r->s->flow->committer, &r->txn, &fault) : fault_set(&fault, ERR_NOMEM, NULL);
        arena_fini(&r->arena);
        if (err) {
            round_failed(r, fault.message);
            return;
        }
        map_remove(&r->s->firings, key);
        firing_free(firing);
    }
}

static void look(struct scheduler *s, struct round *r) {
    struct flow *f = s->flow;
    r->s = s;
    r->number++;
    r->now_ms = clock_now_ms();
    r->refused = false;
    r->snapshot = world_snapshot(f->world);
    if (r->snapshot->generation == s->generation && r->now_ms < s->soonest_ms) { /* nothing changed, nothing due: no walk over all rules */
        snapshot_release(r->snapshot);
        return;
    }
    s->soonest_ms = INT64_MAX;
    size_t at = 0;
    void *value;
    round_begin(r);
    while (map_next(&r->snapshot->buses, &at, NULL, &value)) look_at_bus(r, value);
    round_end(r);
    if (!r->refused) forget_gone(r);
    s->generation = r->refused ? 0 : r->snapshot->generation;
    snapshot_release(r->snapshot);
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
    struct round *round = calloc(1, sizeof *round);
    if (!round) log_line(LOG_ERROR, "schedules", "no memory: schedules do not fire");
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        pthread_mutex_unlock(&s->lock);
        if (round) look(s, round);
        forget_ids(s);
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec += s->flow->settings->schedule_look_ms * 1000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        pthread_mutex_lock(&s->lock);
        if (!s->stopping) pthread_cond_timedwait(&s->wake, &s->lock, &t);
    }
    pthread_mutex_unlock(&s->lock);
    free(round);
    return NULL;
}

static enum err load_firing(void *ctx, struct str key, struct str value) {
    struct scheduler *s = ctx;
    struct arena a;
    struct node *root;
    int64_t last = 0;
    arena_init(&a, 0);
    enum err err = doc_parse(&a, value, &root, NULL);
    const struct node *text = err ? NULL : doc_get(root, STR("schedule")), *number = err ? NULL : doc_get(root, STR("last"));
    if (!err && (!text || text->kind != NODE_STRING || !number || !str_to_i64(number->text, &last))) err = ERR_CORRUPT;
    if (!err && !firing_put(s, key, text->text, last, true)) err = ERR_NOMEM;
    arena_fini(&a);
    return err;
}

static void scheduler_free(struct scheduler *s) {
    size_t at = 0;
    void *firing;
    while (map_next(&s->firings, &at, NULL, &firing)) firing_free(firing);
    map_fini(&s->firings);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    free(s);
}

enum err scheduler_start(struct flow *f, struct scheduler **out, struct fault *fault) {
    struct scheduler *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->flow = f;
    s->started_ms = clock_now_ms();
    map_init(&s->firings);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err err = f->store->ops->catalog_scan(f->store, STR("schedule"), load_firing, s, fault);
    if (err == ERR_CORRUPT) fault_set(fault, err, "a stored schedule's last firing cannot be read");
    if (!err && pthread_create(&s->thread, NULL, scheduler_main, s)) err = fault_set(fault, ERR_NOMEM, "no thread for schedules");
    if (err)
        scheduler_free(s);
    else
        *out = s;
    return err;
}

void scheduler_stop(struct scheduler *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    scheduler_free(s);
}
