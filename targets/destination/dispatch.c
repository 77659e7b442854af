#include "dispatch.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LIMIT_FIRST = 2,     /* jobs that may run at a destination nobody knows yet */
    SHARE = 16,          /* of the free slots, for one gauge */
    BURST_NS = 10000000, /* 10 ms of the rate may start at once: finer pacing costs wake-ups and gains nothing */
    DEAD_IN_A_ROW = 2,   /* one time-out among good answers is bad luck */
};
#define SECOND_NS ((int64_t)1000000000)
#define FORGET_NS (300 * SECOND_NS) /* a gauge that nobody used for so long goes */
#define SWEEP_NS (60 * SECOND_NS)

struct gauge {
    struct str name; /* behind the struct */
    struct job *first, **last;
    size_t queued, running;
    int64_t rate, most, limit;
    int64_t arrival_ns; /* GCRA's theoretical arrival time of the next job */
    int64_t pause_until_ns;
    int64_t used_ns;
    int64_t average_ns; /* of the time an answer takes: exponentially weighted, 1/8 */
    int dead;           /* in a row */
    enum standing standing;
    enum { IDLE, IN_TURN, WAITING } place; /* IDLE: nothing queued, or as many running as may */
    struct gauge *next;
    size_t heap_index;
    int64_t due_ns;
};

void dispatch_init(struct dispatch *d, size_t slots) {
    *d = (struct dispatch){.slots = slots};
    map_init(&d->gauges);
    for (int i = 0; i < STANDINGS; i++) d->turns[i].last = &d->turns[i].first;
}

void dispatch_fini(struct dispatch *d) {
    size_t at = 0;
    void *gauge;
    while (map_next(&d->gauges, &at, NULL, &gauge)) free(gauge);
    map_fini(&d->gauges);
    free(d->later);
}

/* ---- turns ------------------------------------------------------------------------------------------------------------------------------
 */
static void turn_push(struct dispatch *d, struct gauge *g) {
    struct gauges *turns = &d->turns[g->standing];
    g->place = IN_TURN;
    g->next = NULL;
    *turns->last = g;
    turns->last = &g->next;
}

static struct gauge *turn_pop(struct gauges *turns) {
    struct gauge *g = turns->first;
    turns->first = g->next;
    if (!turns->first) turns->last = &turns->first;
    g->place = IDLE;
    return g;
}

/* ---- the heap: the gauge whose time comes first is its root -----------------------------------------------------------------------------
 */
static void heap_set(struct dispatch *d, size_t i, struct gauge *g) {
    d->later[i] = g;
    g->heap_index = i;
}

static void heap_up(struct dispatch *d, size_t i) {
    struct gauge *g = d->later[i];
    for (; i > 0 && d->later[(i - 1) / 2]->due_ns > g->due_ns; i = (i - 1) / 2) heap_set(d, i, d->later[(i - 1) / 2]);
    heap_set(d, i, g);
}

static void heap_down(struct dispatch *d, size_t i) {
    struct gauge *g = d->later[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= d->later_count) break;
        if (child + 1 < d->later_count && d->later[child + 1]->due_ns < d->later[child]->due_ns) child++;
        if (d->later[child]->due_ns >= g->due_ns) break;
        heap_set(d, i, d->later[child]);
        i = child;
    }
    heap_set(d, i, g);
}

static void heap_push(struct dispatch *d, struct gauge *g, int64_t due_ns) {
    assert(d->later_count < d->later_cap); /* dispatch_push made room for every gauge */
    g->place = WAITING;
    g->due_ns = due_ns;
    d->later[d->later_count] = g;
    heap_up(d, d->later_count++);
}

static struct gauge *heap_pop(struct dispatch *d) {
    struct gauge *g = d->later[0];
    if (--d->later_count) {
        d->later[0] = d->later[d->later_count];
        heap_down(d, 0);
    }
    g->place = IDLE;
    return g;
}

int64_t dispatch_due(const struct dispatch *d) { return d->later_count ? d->later[0]->due_ns : INT64_MAX; }

/* ---- gauges
 * ------------------------------------------------------------------------------------------------------------------------------ */
static int64_t interval_ns(const struct gauge *g) { return SECOND_NS / g->rate > 0 ? SECOND_NS / g->rate : 1; }

/* When its next job may start as far as rate and pause go. */
static int64_t earliest_ns(const struct gauge *g) {
    int64_t by_rate = g->arrival_ns - BURST_NS;
    return by_rate > g->pause_until_ns ? by_rate : g->pause_until_ns;
}

static void place(struct dispatch *d, struct gauge *g, int64_t now_ns) {
    if (g->place != IDLE || !g->first || (int64_t)g->running >= g->limit) return;
    if (earliest_ns(g) > now_ns)
        heap_push(d, g, earliest_ns(g));
    else
        turn_push(d, g);
}

static void sweep(struct dispatch *d, int64_t now_ns) {
    size_t at = 0;
    struct str name;
    void *value;
    if (now_ns - d->swept_ns < SWEEP_NS) return;
    d->swept_ns = now_ns;
    while (map_next(&d->gauges, &at, &name, &value)) {
        struct gauge *g = value;
        if (g->first || g->running || g->place != IDLE || now_ns - g->used_ns < FORGET_NS) continue;
        map_remove(&d->gauges, g->name);
        free(g);
    }
}

static bool heap_room(struct dispatch *d) {
    if (d->later_cap > d->gauges.count) return true;
    size_t cap = d->later_cap ? d->later_cap * 2 : 64;
    struct gauge **later = realloc(d->later, cap * sizeof *later);
    if (!later) return false;
    d->later = later;
    d->later_cap = cap;
    return true;
}

static struct gauge *gauge_get(struct dispatch *d, struct str name) {
    struct gauge *g = map_get(&d->gauges, name);
    if (g) return g;
    g = heap_room(d) ? calloc(1, sizeof *g + name.n) : NULL;
    if (!g) return NULL;
    memcpy(g + 1, name.p, name.n);
    g->name = str_of((const char *)(g + 1), name.n);
    g->last = &g->first;
    g->limit = LIMIT_FIRST;
    g->standing = STANDING_NEW;
    if (map_put(&d->gauges, g->name, g, NULL)) return g;
    free(g);
    return NULL;
}

bool dispatch_push(struct dispatch *d, struct str name, int64_t rate, int64_t most, struct job *job, int64_t now_ns) {
    sweep(d, now_ns);
    struct gauge *g = gauge_get(d, name);
    if (!g) return false;
    g->rate = rate > 0 ? rate : 1;
    g->most = most > 0 ? most : 1;
    if (g->limit > g->most) g->limit = g->most;
    g->used_ns = now_ns;
    job->gauge = g;
    job->next = NULL;
    *g->last = job;
    g->last = &job->next;
    g->queued++;
    place(d, g, now_ns);
    return true;
}

static struct job *gauge_pop(struct gauge *g) {
    struct job *job = g->first;
    g->first = job->next;
    if (!g->first) g->last = &g->first;
    g->queued--;
    job->next = NULL;
    return job;
}

/* ---- starting and ending
 * ------------------------------------------------------------------------------------------------------------------- */
/* May one more job of this standing run? */
static bool has_slot(const struct dispatch *d, enum standing standing) {
    size_t bad = d->of_standing[STANDING_BAD], unproven = bad + d->of_standing[STANDING_NEW];
    if (d->running >= d->slots) return false;
    if (standing == STANDING_GOOD) return true;
    if (standing == STANDING_BAD && bad >= (d->slots + 1) / 2) return false;
    return unproven < (3 * d->slots + 3) / 4;
}

static bool has_share(const struct dispatch *d, const struct gauge *g) {
    size_t share = (d->slots - d->running) / SHARE;
    return g->running < (share ? share : 1);
}

static struct job *start(struct dispatch *d, struct gauge *g, int64_t now_ns) {
    struct job *job = gauge_pop(g);
    g->arrival_ns = (g->arrival_ns > now_ns ? g->arrival_ns : now_ns) + interval_ns(g);
    g->running++;
    g->used_ns = now_ns;
    d->running++;
    d->of_standing[g->standing]++;
    job->standing = g->standing;
    job->started_ns = now_ns;
    place(d, g, now_ns);
    return job;
}

struct job *dispatch_next(struct dispatch *d, int64_t now_ns) {
    while (d->later_count && d->later[0]->due_ns <= now_ns) place(d, heap_pop(d), now_ns);
    for (int standing = 0; standing < STANDINGS; standing++) {
        /* Those that have their share already let the others pass, once around. */
        struct gauge *stop = NULL;
        while (d->turns[standing].first && d->turns[standing].first != stop && has_slot(d, (enum standing)standing)) {
            struct gauge *g = turn_pop(&d->turns[standing]);
            if (!g->first || (int64_t)g->running >= g->limit || (int)g->standing != standing || earliest_ns(g) > now_ns) {
                place(d, g, now_ns); /* changed while it waited for its turn */
                continue;
            }
            if (has_share(d, g)) return start(d, g, now_ns);
            if (!stop) stop = g;
            turn_push(d, g);
        }
    }
    return NULL;
}

struct job *dispatch_take(struct dispatch *d) {
    size_t at = 0;
    void *value;
    while (map_next(&d->gauges, &at, NULL, &value)) {
        struct gauge *g = value;
        if (g->first) return gauge_pop(g);
    }
    return NULL;
}

static void judge(struct gauge *g, enum ending ending, int64_t took_ns) {
    if (ending == ENDING_NEITHER) return;
    if (ending == ENDING_DEAD) {
        g->dead++;
        g->limit = g->limit / 2 > 1 ? g->limit / 2 : 1;
        if (g->dead >= DEAD_IN_A_ROW || g->standing == STANDING_NEW) g->standing = STANDING_BAD;
        return;
    }
    g->dead = 0;
    /* The first answer after silence says more than what was before. */
    g->average_ns = g->standing == STANDING_GOOD ? g->average_ns + (took_ns - g->average_ns) / 8 : took_ns;
    g->standing = g->average_ns < DISPATCH_SLOW_NS ? STANDING_GOOD : STANDING_BAD;
    if (ending == ENDING_THROTTLED)
        g->limit = g->limit / 2 > 1 ? g->limit / 2 : 1;
    else if (g->limit < g->most)
        g->limit++;
}

void dispatch_ended(struct dispatch *d, struct job *job, enum ending ending, int64_t pause_until_ns, int64_t now_ns) {
    struct gauge *g = job->gauge;
    assert(g->running && d->running && d->of_standing[job->standing]);
    g->running--;
    d->running--;
    d->of_standing[job->standing]--;
    g->used_ns = now_ns;
    judge(g, ending, now_ns - job->started_ns);
    if (pause_until_ns > g->pause_until_ns) g->pause_until_ns = pause_until_ns;
    place(d, g, now_ns);
}

size_t dispatch_limit(const struct dispatch *d, struct str name) {
    const struct gauge *g = map_get(&d->gauges, name);
    return g ? (size_t)g->limit : 0;
}

enum standing dispatch_standing(const struct dispatch *d, struct str name) {
    const struct gauge *g = map_get(&d->gauges, name);
    return g ? g->standing : STANDING_NEW;
}
