#include "runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "map.h"
#include "process.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 30000, BATCH = 64, STOP_MAX_MS = RUNNER_GRACE_MS + 1500 };

struct retirement { /* "this function changed" on its way to the loop */
    struct retirement *next;
    struct function *function;
};

struct pool {                        /* one function's events and processes */
    struct invocation *first, *last; /* waiting */
    size_t waiting;
    struct process *processes;
    size_t count;
    struct log_allowance allowance;
    int64_t backoff_ms, not_before_ms; /* no new worker before this */
};

struct runner {
    pthread_t thread;
    int epoll, wake;
    atomic_size_t pending; /* accepted, not done */
    pthread_mutex_t lock;  /* guards the inbox: the next four */
    struct invocation *inbox_first, *inbox_last;
    struct retirement *retirements;
    bool stopping;
    /* the thread's own */
    struct map pools; /* function key -> pool */
    size_t processes;
    bool ending;
    int64_t give_up_ms;
};

/* ---- any thread ----------------------------------------------------------------------------------------------------------------- */

static void wake(struct runner *r) {
    uint64_t one = 1;
    ssize_t ignored = write(r->wake, &one, sizeof one);
    (void)ignored; /* fails only when the counter is full: then the loop is awake already */
}

void runner_submit(struct runner *r, struct invocation *invocation) {
    invocation->next = NULL;
    pthread_mutex_lock(&r->lock);
    bool stopping = r->stopping;
    bool full = !stopping && atomic_load(&r->pending) >= RUNNER_WAITING_MAX;
    if (!stopping && !full) {
        atomic_fetch_add(&r->pending, 1);
        if (r->inbox_last)
            r->inbox_last->next = invocation;
        else
            r->inbox_first = invocation;
        r->inbox_last = invocation;
    }
    pthread_mutex_unlock(&r->lock);
    if (stopping)
        invocation->done(invocation, OUTCOME_INTERNAL_ERROR, "shutting down", STR_NULL);
    else if (full)
        invocation->done(invocation, OUTCOME_THROTTLING, "too many events wait for functions of this bus", STR_NULL);
    else
        wake(r);
}

void runner_retire(struct runner *r, struct function *f) {
    struct retirement *retirement = malloc(sizeof *retirement);
    if (!retirement) { /* the next event with the new settings retires them as well */
        log_line(LOG_WARN, "function", "out of memory: old workers stay until they are idle", LOG_S("function", f->name));
        return;
    }
    retirement->function = function_ref(f);
    pthread_mutex_lock(&r->lock);
    retirement->next = r->retirements;
    r->retirements = retirement;
    pthread_mutex_unlock(&r->lock);
    wake(r);
}

/* ---- pools ---------------------------------------------------------------------------------------------------------------------- */

static void report(struct runner *r, struct invocation *invocation, enum outcome outcome, const char *message) {
    atomic_fetch_sub(&r->pending, 1);
    invocation->done(invocation, outcome, message, STR_NULL);
}

static struct invocation *take_waiting(struct pool *pool) {
    struct invocation *invocation = pool->first;
    pool->first = invocation->next;
    if (!pool->first) pool->last = NULL;
    pool->waiting--;
    return invocation;
}

static void retire_stale(struct pool *pool, const struct function *current, int64_t now_ms) {
    for (struct process *p = pool->processes; p; p = p->next) {
        if (p->function == current || !p->function->worker) continue;
        bool idle = process_is_idle(p);
        p->retire = true;
        if (idle) process_end(p, VERDICT_RETIRED, now_ms);
    }
}

static struct process *idle_worker(const struct pool *pool, const struct function *f) {
    for (struct process *p = pool->processes; p; p = p->next)
        if (p->function == f && process_is_idle(p)) return p;
    return NULL;
}

static void add_process(struct runner *r, struct pool *pool, struct process *p) {
    p->next = pool->processes;
    if (p->next) p->next->previous = p;
    pool->processes = p;
    pool->count++;
    r->processes++;
}

static void remove_process(struct runner *r, struct pool *pool, struct process *p) {
    if (p->previous)
        p->previous->next = p->next;
    else
        pool->processes = p->next;
    if (p->next) p->next->previous = p->previous;
    pool->count--;
    r->processes--;
    process_free(p);
}

static void back_off(struct pool *pool, int64_t now_ms) {
    pool->backoff_ms = pool->backoff_ms ? pool->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (pool->backoff_ms > BACKOFF_MAX_MS) pool->backoff_ms = BACKOFF_MAX_MS;
    pool->not_before_ms = now_ms + pool->backoff_ms;
}

static void start_for(struct runner *r, struct pool *pool, struct invocation *invocation, int64_t now_ms) {
    struct process *p = NULL;
    struct fault fault;
    fault_clear(&fault);
    enum err err = process_start(invocation->function, invocation, r->epoll, &pool->allowance, now_ms, &p, &fault);
    if (!err)
        add_process(r, pool, p);
    else
        report(r, invocation, err == ERR_NOT_FOUND ? OUTCOME_ERROR_FROM_TARGET : OUTCOME_INTERNAL_ERROR, fault.message);
}

/* Gives waiting events to processes as far as the bounds allow. */
static void dispatch(struct runner *r, struct pool *pool, int64_t now_ms) {
    while (pool->first) {
        struct function *f = pool->first->function;
        struct process *idle = f->worker ? idle_worker(pool, f) : NULL;
        if (idle) {
            process_give(idle, take_waiting(pool), now_ms);
            continue;
        }
        retire_stale(pool, f, now_ms);
        bool pausing = f->worker && now_ms < pool->not_before_ms;
        if (pool->count >= (size_t)f->concurrency || r->processes >= RUNNER_PROCESSES_MAX || pausing) return;
        start_for(r, pool, take_waiting(pool), now_ms);
    }
}

/* Buries what ended. A worker that has served and then died is replaced at once; one that never answered makes the pool pause. */
static void sweep(struct runner *r, struct pool *pool, int64_t now_ms) {
    for (struct process *p = pool->processes, *next; p; p = next) {
        next = p->next;
        if (p->answered) pool->backoff_ms = 0;
        if (!p->dead) continue;
        bool unexpected = p->function->worker && p->verdict != VERDICT_RETIRED && p->verdict != VERDICT_SHUTDOWN;
        if (unexpected && !p->answered) back_off(pool, now_ms);
        remove_process(r, pool, p);
    }
}

static int64_t pool_deadline(const struct pool *pool, int64_t now_ms) {
    int64_t deadline = pool->first && pool->not_before_ms > now_ms ? pool->not_before_ms : INT64_MAX;
    for (const struct process *p = pool->processes; p; p = p->next)
        if (p->deadline_ms < deadline) deadline = p->deadline_ms;
    return deadline;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------------- */

/* While ending, the clock that counts is the real one: a test may have stopped ours. */
static int64_t now(const struct runner *r) { return r->ending ? clock_mono_ns() / 1000000 : clock_mono_ms(); }

static struct pool *pool_of(struct runner *r, struct str key) {
    struct pool *pool = map_get(&r->pools, key);
    if (pool) return pool;
    pool = calloc(1, sizeof *pool);
    if (pool && map_put(&r->pools, key, pool, NULL)) return pool;
    free(pool);
    return NULL;
}

static void accept_invocation(struct runner *r, struct invocation *invocation) {
    struct pool *pool = pool_of(r, invocation->function->key);
    invocation->next = NULL;
    if (!pool) {
        report(r, invocation, OUTCOME_INTERNAL_ERROR, "out of memory");
    } else if (pool->waiting >= RUNNER_POOL_WAITING_MAX) {
        report(r, invocation, OUTCOME_THROTTLING, "too many events wait for this function");
    } else {
        if (pool->last)
            pool->last->next = invocation;
        else
            pool->first = invocation;
        pool->last = invocation;
        pool->waiting++;
    }
}

static void read_inbox(struct runner *r, int64_t now_ms) {
    uint64_t count;
    ssize_t ignored = read(r->wake, &count, sizeof count);
    (void)ignored; /* EAGAIN: nobody woke us */
    pthread_mutex_lock(&r->lock);
    struct invocation *invocation = r->inbox_first;
    struct retirement *retirement = r->retirements;
    bool stopping = r->stopping;
    r->inbox_first = r->inbox_last = NULL;
    r->retirements = NULL;
    pthread_mutex_unlock(&r->lock);
    for (struct invocation *next; invocation; invocation = next) {
        next = invocation->next;
        accept_invocation(r, invocation);
    }
    for (struct retirement *next; retirement; retirement = next) {
        struct pool *pool = map_get(&r->pools, retirement->function->key);
        next = retirement->next;
        for (struct process *p = pool ? pool->processes : NULL; p; p = p->next) {
            if (p->function != retirement->function) continue;
            bool idle = process_is_idle(p);
            p->retire = true;
            if (idle) process_end(p, VERDICT_RETIRED, now_ms);
        }
        function_unref(retirement->function);
        free(retirement);
    }
    if (stopping && !r->ending) {
        r->ending = true;
        r->give_up_ms = now(r) + STOP_MAX_MS;
    }
}

static void end_pool(struct runner *r, struct pool *pool, int64_t now_ms) {
    while (pool->first) report(r, take_waiting(pool), OUTCOME_INTERNAL_ERROR, "shutting down");
    bool hopeless = now_ms >= r->give_up_ms;
    for (struct process *p = pool->processes; p; p = p->next) {
        if (p->verdict != VERDICT_SHUTDOWN) process_end(p, VERDICT_SHUTDOWN, now_ms);
        if (hopeless && !p->dead) process_abandon(p);
    }
}

/* One turn over all pools; returns when the next thing is due. */
static int64_t tend_pools(struct runner *r, int64_t now_ms) {
    int64_t deadline = INT64_MAX;
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&r->pools, &at, &key, &value)) {
        struct pool *pool = value;
        for (struct process *p = pool->processes; p; p = p->next) process_tick(p, now_ms);
        if (r->ending) end_pool(r, pool, now_ms);
        sweep(r, pool, now_ms);
        dispatch(r, pool, now_ms);
        int64_t due = pool_deadline(pool, now_ms);
        if (due < deadline) deadline = due;
        bool pausing = now_ms < pool->not_before_ms && !r->ending;
        if (!pool->count && !pool->first && !pausing) free(map_remove(&r->pools, key));
    }
    return deadline;
}

static int wait_ms(const struct runner *r, int64_t deadline_ms, int64_t now_ms) {
    int64_t wait = deadline_ms == INT64_MAX ? -1 : deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    int64_t longest = r->ending ? 100 : 60000;
    return (int)(wait < 0 && !r->ending ? -1 : wait < 0 || wait > longest ? longest : wait);
}

static void *run(void *arg) {
    struct runner *r = arg;
    struct epoll_event events[BATCH];
    for (;;) {
        read_inbox(r, now(r));
        int64_t now_ms = now(r), deadline = tend_pools(r, now_ms);
        if (r->ending && r->pools.count == 0) return NULL;
        int count = epoll_wait(r->epoll, events, BATCH, wait_ms(r, deadline, now_ms));
        now_ms = now(r);
        /* Processes are freed by sweep only, so no event of this batch can point to one that is gone. */
        for (int i = 0; i < count; i++) {
            const struct watch *watch = events[i].data.ptr;
            if (!watch) continue; /* the eventfd */
            struct process *p = watch->process;
            bool busy = p->invocation != NULL;
            process_handle(p, watch, now_ms);
            if (busy && !p->invocation) atomic_fetch_sub(&r->pending, 1);
        }
    }
}

enum err runner_start(struct runner **out, struct fault *fault) {
    struct runner *r = calloc(1, sizeof *r);
    if (!r) return fault_set(fault, ERR_NOMEM, NULL);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    struct sigaction child;
    pthread_mutex_init(&r->lock, NULL);
    map_init(&r->pools);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Whoever started the daemon may have left SIGCHLD ignored; then the kernel would reap our children before we see how they ended. */
    if (!sigaction(SIGCHLD, NULL, &child) && child.sa_handler == SIG_IGN) signal(SIGCHLD, SIG_DFL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread takes no signal: SIGPIPE becomes EPIPE */
    bool ok = r->epoll >= 0 && r->wake >= 0 && !epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->wake, &e);
    int error = ok ? pthread_create(&r->thread, NULL, run, r) : errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok && !error) {
        *out = r;
        return ERR_OK;
    }
    runner_free(r);
    return fault_set(fault, ERR_INTERNAL, "cannot start the thread that runs functions: %s", strerror(error));
}

void runner_stop(struct runner *r) {
    pthread_mutex_lock(&r->lock);
    bool first = !r->stopping;
    r->stopping = true;
    pthread_mutex_unlock(&r->lock);
    if (!first) return;
    wake(r);
    pthread_join(r->thread, NULL);
}

void runner_free(struct runner *r) {
    if (!r) return;
    for (struct retirement *next; r->retirements; r->retirements = next) {
        next = r->retirements->next;
        function_unref(r->retirements->function);
        free(r->retirements);
    }
    if (r->epoll >= 0) close(r->epoll);
    if (r->wake >= 0) close(r->wake);
    map_fini(&r->pools);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
