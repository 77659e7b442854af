#include "committer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"

enum {
    MAX_QUEUED = 65536,
    MAX_QUEUED_BYTES = 256 << 20,
    MAX_GROUP = 4096,
    MAX_GROUP_BYTES = 16 << 20,
    IDLE_AFTER_S = 1 /* of no work: time for housekeeping */
};

struct committer {
    struct store *store;
    struct committer_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    /* Under the mutex. */
    struct txn *first, *last;
    bool stopping;
    struct committer_stats stats;
    /* The thread's own. */
    struct txn **group, **writes; /* max_group each: all of a group in order, and those of them that have operations */
};

/* ---- the thread ------------------------------------------------------------------------------------------------------------------- */

static void maintain(struct committer *c, bool idle) {
    struct fault fault;
    if (!c->store->ops->maintain || !c->store->ops->maintain(c->store, idle, &fault)) return;
    log_line(LOG_WARN, "committer", "the store's housekeeping failed; it is tried again", LOG_Z("error", fault.message));
}

/* True when there is work (or the end), false after IDLE_AFTER_S without any. */
static bool wait_for_work_locked(struct committer *c, bool may_idle) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_AFTER_S;
    while (!c->first && !c->stopping) {
        if (!may_idle)
            pthread_cond_wait(&c->work, &c->mutex);
        else if (pthread_cond_timedwait(&c->work, &c->mutex, &until))
            return c->first || c->stopping;
    }
    return true;
}

/* Takes the front of the queue: at least one, up to the bounds of a group. */
static size_t take_group_locked(struct committer *c, size_t *writes) {
    size_t count = 0, bytes = 0;
    *writes = 0;
    while (c->first && count < c->options.max_group) {
        struct txn *t = c->first;
        if (count && bytes + t->bytes > c->options.max_group_bytes) break;
        c->first = t->next;
        if (!c->first) c->last = NULL;
        t->next = NULL;
        bytes += t->bytes;
        c->group[count++] = t;
        if (t->first) c->writes[(*writes)++] = t;
    }
    c->stats.queued -= count;
    c->stats.queued_bytes -= bytes;
    return count;
}

/* After done the transaction may be gone. */
static void complete(struct txn *t, enum err err, const struct fault *fault) {
    for (struct store_op *op = t->first, *next; op && !err; op = next) {
        next = op->next;
        if (op->committed) op->committed(op->ctx, op);
    }
    t->done(t, err, fault);
}

static void commit_group(struct committer *c, size_t count, size_t writes) {
    static const struct fault none = {.code = ERR_OK};
    struct fault fault;
    size_t operations = 0;
    for (size_t i = 0; i < writes; i++) operations += c->writes[i]->count;
    fault_clear(&fault);
    enum err err = writes ? c->store->ops->commit(c->store, c->writes, writes, &fault) : ERR_OK;
    pthread_mutex_lock(&c->mutex);
    if (err) {
        c->stats.failures++;
    } else {
        c->stats.commits += writes > 0;
        c->stats.transactions += count;
        c->stats.operations += operations;
    }
    pthread_mutex_unlock(&c->mutex);
    if (err)
        log_line(LOG_ERROR, "committer", "a group was refused by the store", LOG_Z("error", fault.message), LOG_I("transactions", writes));
    for (size_t i = 0; i < count; i++) {
        bool failed = err && c->group[i]->first;
        complete(c->group[i], failed ? err : ERR_OK, failed ? &fault : &none);
    }
}

static void *run(void *arg) {
    struct committer *c = arg;
    bool busy = true; /* something happened since the last housekeeping */
    for (;;) {
        size_t writes, count = 0;
        pthread_mutex_lock(&c->mutex);
        bool woken = wait_for_work_locked(c, busy);
        if (c->first) count = take_group_locked(c, &writes);
        pthread_mutex_unlock(&c->mutex);
        if (count)
            commit_group(c, count, writes);
        else if (woken)
            return NULL; /* stopping, and nothing left */
        busy = count > 0;
        maintain(c, !busy);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------- */

static enum err start_thread(struct committer *c, struct fault *fault) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&c->thread, NULL, run, c);
    if (!rc) return ERR_OK;
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->mutex);
    return fault_set(fault, ERR_NOMEM, "cannot start the committer's thread: %s", strerror(rc));
}

static void committer_free(struct committer *c) {
    free(c->group);
    free(c->writes);
    free(c);
}

enum err committer_start(struct store *s, const struct committer_options *options, struct committer **out, struct fault *fault) {
    *out = NULL;
    struct committer *c = calloc(1, sizeof *c);
    if (!c) return fault_set(fault, ERR_NOMEM, NULL);
    c->store = s;
    if (options) c->options = *options;
    if (!c->options.max_queued) c->options.max_queued = MAX_QUEUED;
    if (!c->options.max_queued_bytes) c->options.max_queued_bytes = MAX_QUEUED_BYTES;
    if (!c->options.max_group) c->options.max_group = MAX_GROUP;
    if (!c->options.max_group_bytes) c->options.max_group_bytes = MAX_GROUP_BYTES;
    c->group = calloc(c->options.max_group, sizeof *c->group);
    c->writes = calloc(c->options.max_group, sizeof *c->writes);
    enum err err = c->group && c->writes ? start_thread(c, fault) : fault_set(fault, ERR_NOMEM, NULL);
    if (err) {
        committer_free(c);
        return err;
    }
    *out = c;
    return ERR_OK;
}

void committer_stop(struct committer *c) {
    if (!c) return;
    assert(!pthread_equal(pthread_self(), c->thread));
    pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->mutex);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->mutex);
    committer_free(c);
}

/* ---- producers -------------------------------------------------------------------------------------------------------------------- */

static enum err refusal_locked(const struct committer *c, const struct txn *t, struct fault *fault) {
    if (c->stopping) return fault_set(fault, ERR_SHUTTING_DOWN, NULL);
    if (t->bytes > c->options.max_queued_bytes)
        return fault_set(fault, ERR_TOO_LARGE, "a transaction of %zu bytes; at most %zu can wait for the store", t->bytes,
                         c->options.max_queued_bytes);
    if (c->stats.queued >= c->options.max_queued || c->stats.queued_bytes + t->bytes > c->options.max_queued_bytes)
        return fault_set(fault, ERR_THROTTLING, "%zu transactions (%zu bytes) wait for the store already; try again later", c->stats.queued,
                         c->stats.queued_bytes);
    return ERR_OK;
}

enum err committer_submit(struct committer *c, struct txn *t, struct fault *fault) {
    assert(t->done);
    enum err err = txn_check(t, fault);
    if (err) return err;
    pthread_mutex_lock(&c->mutex);
    err = refusal_locked(c, t, fault);
    if (!err) {
        t->next = NULL;
        if (c->last)
            c->last->next = t;
        else
            c->first = t;
        c->last = t;
        c->stats.queued++;
        c->stats.queued_bytes += t->bytes;
        pthread_cond_signal(&c->work);
    }
    pthread_mutex_unlock(&c->mutex);
    return err;
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    enum err err;
    struct fault *fault;
};

static void wake(struct txn *t, enum err err, const struct fault *fault) {
    struct waiter *w = t->ctx;
    pthread_mutex_lock(&w->mutex);
    w->err = err;
    if (err && w->fault) *w->fault = *fault;
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}

enum err committer_run(struct committer *c, struct txn *t, struct fault *fault) {
    assert(!pthread_equal(pthread_self(), c->thread));
    struct waiter w = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .fault = fault};
    t->done = wake;
    t->ctx = &w;
    enum err err = committer_submit(c, t, fault);
    pthread_mutex_lock(&w.mutex);
    while (!err && !w.done) pthread_cond_wait(&w.cond, &w.mutex);
    pthread_mutex_unlock(&w.mutex);
    pthread_cond_destroy(&w.cond);
    pthread_mutex_destroy(&w.mutex);
    return err ? err : w.err;
}

void committer_stats(struct committer *c, struct committer_stats *stats) {
    pthread_mutex_lock(&c->mutex);
    *stats = c->stats;
    pthread_mutex_unlock(&c->mutex);
}

struct store *committer_store(struct committer *c) {
    return c->store;
}
