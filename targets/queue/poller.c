/* Long polls: calls that wait for a message. And retention: messages that grew too old go. One thread. */
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "queue.h"

enum {
    WAITING_MAX = 1000,
    COUNTERS = 1024, /* of sends; of queues that share one, a send to the other makes a waiter look once in vain */
    LOOK_MS = 500,   /* for messages that become visible by themselves */
    EXPIRE_EVERY_MS = 10000,
    EXPIRE_BATCH = 5000
};

struct waiter {
    struct call *call;
    struct queue *queue;
    int64_t until_ms, look_ms; /* monotonic */
    bool ready;
    struct waiter *next;
};

struct poller {
    struct queue_service *service;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct waiter *waiting;
    _Atomic size_t count;            /* of waiting, and of those being served */
    _Atomic uint64_t sent[COUNTERS]; /* by queue number */
    bool stopping, running;
    int64_t expired_ms;
};

uint64_t poller_generation(struct poller *p, int64_t queue) { return atomic_load(&p->sent[(uint64_t)queue % COUNTERS]); }

/* The one of the queue's waiters whose time ends first, of those that are not called already. */
static struct waiter *next_in_turn_locked(struct poller *p, int64_t queue) {
    struct waiter *first = NULL;
    for (struct waiter *w = p->waiting; w; w = w->next)
        if (w->queue->number == queue && !w->ready && (!first || w->until_ms < first->until_ms)) first = w;
    return first;
}

void poller_sent(void *ctx, struct store_op *op) {
    struct poller *p = ctx;
    atomic_fetch_add(&p->sent[(uint64_t)op->u.send.queue % COUNTERS], 1);
    if (!atomic_load(&p->count)) return;
    pthread_mutex_lock(&p->lock);
    struct waiter *w = next_in_turn_locked(p, op->u.send.queue);
    if (w) {
        w->ready = true;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
}

enum err poller_wait(struct poller *p, struct call *call, struct queue *q, uint64_t generation, int64_t until_ms) {
    struct waiter *w = malloc(sizeof *w);
    if (!w) return fault_set(&call->fault, ERR_NOMEM, NULL);
    pthread_mutex_lock(&p->lock);
    bool stopping = p->stopping, full = atomic_load(&p->count) >= WAITING_MAX;
    if (!full && !stopping) {
        resource_ref(&q->r);
        atomic_fetch_add(&p->count, 1); /* before the generation is looked at: see poller_sent */
        *w = (struct waiter){.call = call,
                             .queue = q,
                             .until_ms = until_ms,
                             .look_ms = clock_mono_ms() + LOOK_MS,
                             .ready = poller_generation(p, q->number) != generation,
                             .next = p->waiting};
        p->waiting = w;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    if (!full && !stopping) return ERR_PENDING;
    free(w);
    if (stopping) return ERR_OK;
    return fault_set(&call->fault, ERR_THROTTLING, "%d receivers are waiting already; try again without WaitTimeSeconds.", WAITING_MAX);
}

/* Takes out the waiters whose time has come. The caller holds the lock. */
static struct waiter *take_due_locked(struct poller *p, int64_t now, int64_t *next_ms) {
    struct waiter *due = NULL;
    for (struct waiter **at = &p->waiting; *at;) {
        struct waiter *w = *at;
        if (w->ready || p->stopping || now >= w->until_ms || now >= w->look_ms) {
            *at = w->next;
            w->next = due;
            due = w;
        } else {
            if (w->look_ms < *next_ms) *next_ms = w->look_ms;
            if (w->until_ms < *next_ms) *next_ms = w->until_ms;
            at = &w->next;
        }
    }
    return due;
}

/* Looks for messages once; true when the call was answered. */
static bool serve(struct poller *p, struct waiter *w, bool stopping) {
    bool found = false;
    enum err err = stopping ? ERR_OK : queue_receive_once(p->service, w->call, w->queue, &found);
    if (!err && !found && !stopping && clock_mono_ms() < w->until_ms) return false;
    atomic_fetch_sub(&p->count, 1);
    w->call->finish(w->call, err);
    resource_unref(&w->queue->r);
    free(w);
    return true;
}

static void serve_all(struct poller *p, struct waiter *due, bool stopping) {
    while (due) {
        struct waiter *w = due;
        due = w->next;
        uint64_t generation = poller_generation(p, w->queue->number);
        if (serve(p, w, stopping)) continue;
        pthread_mutex_lock(&p->lock);
        w->look_ms = clock_mono_ms() + LOOK_MS;
        w->ready = poller_generation(p, w->queue->number) != generation;
        w->next = p->waiting;
        p->waiting = w;
        pthread_mutex_unlock(&p->lock);
    }
}

/* ---- retention
 * ----------------------------------------------------------------------------------------------------------------------------- */
/* Is there anything to expire? A look costs no transaction, which thousands of idle queues would feel. */
static bool has_old(struct poller *p, const struct queue *q) {
    struct store *store = committer_store(p->service->host->committer);
    struct store_queue_stats stats;
    int64_t now = clock_now_ms();
    enum err err = store->ops->queue_stats(store, q->number, now, &stats, NULL);
    return err || (stats.oldest_sent_ms && stats.oldest_sent_ms < now - q->retention_s * 1000);
}

static bool is_stopping(struct poller *p) {
    pthread_mutex_lock(&p->lock);
    bool stop = p->stopping;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

static bool expire_batch(struct poller *p, const struct queue *q) {
    struct arena a;
    struct txn txn;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct store_op *op = txn_add(&txn, OP_QUEUE_EXPIRE);
    enum err err = ERR_NOMEM;
    if (op) {
        op->u.expire.queue = q->number;
        op->u.expire.before_ms = clock_now_ms() - q->retention_s * 1000;
        op->u.expire.limit = EXPIRE_BATCH;
        err = committer_run(p->service->host->committer, &txn, NULL);
    }
    if (err) log_line(LOG_WARN, "queue", "old messages could not be removed", LOG_S("queue", q->r.key), LOG_I("error", err));
    bool more = !err && op->u.expire.removed == EXPIRE_BATCH;
    arena_fini(&a);
    return more;
}

static void expire_all(struct poller *p) {
    struct arena a;
    struct resource **queues;
    size_t count;
    bool more;
    arena_init(&a, 0);
    if (!resources_list(&p->service->queues, STR_NULL, STR(""), STR_NULL, SIZE_MAX, &a, &queues, &count, &more, NULL))
        for (size_t i = 0; i < count; i++) {
            const struct queue *q = (const struct queue *)(const void *)queues[i];
            for (int batch = 0; batch < 10 && !is_stopping(p) && has_old(p, q) && expire_batch(p, q); batch++) {
            } /* the rest in the next round */
            resource_unref(queues[i]);
        }
    arena_fini(&a);
}

/* ---- the thread
 * ------------------------------------------------------------------------------------------------------------------------------ */
static void wait_locked(struct poller *p, int64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&p->wake, &p->lock, &t);
}

static void *poller_main(void *ctx) {
    struct poller *p = ctx;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        int64_t now = clock_mono_ms(), next_ms = p->expired_ms + EXPIRE_EVERY_MS;
        struct waiter *due = take_due_locked(p, now, &next_ms);
        bool stopping = p->stopping, expire = now - p->expired_ms >= EXPIRE_EVERY_MS;
        if (stopping && !due) break;
        if (!due && !expire) {
            wait_locked(p, next_ms - now < 1000 ? (next_ms > now ? next_ms - now : 1)
                                                : 1000); /* at least once a second: tests turn the clock */
            continue;
        }
        if (expire) p->expired_ms = now;
        pthread_mutex_unlock(&p->lock);
        serve_all(p, due, stopping);
        if (expire && !stopping) expire_all(p);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum err poller_start(struct queue_service *s, struct poller **out, struct fault *fault) {
    struct poller *p = calloc(1, sizeof *p);
    if (!p) return fault_set(fault, ERR_NOMEM, NULL);
    p->service = s;
    p->expired_ms = clock_mono_ms();
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&p->thread, NULL, poller_main, p)) {
        poller_free(p);
        return fault_set(fault, ERR_NOMEM, "no thread for queues");
    }
    p->running = true;
    *out = p;
    return ERR_OK;
}

void poller_stop(struct poller *p) {
    if (!p || !p->running) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    p->running = false;
}

void poller_free(struct poller *p) {
    if (!p) return;
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p);
}
