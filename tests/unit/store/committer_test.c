#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "committer.h"
#include "log.h"

enum { PRODUCERS = 8, EACH = 500 };

/* A store that lets a commit pass only when the test opens the gate: so a test decides what gathers behind it. */
struct gate_store {
    struct store store;
    struct store *inner;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool closed;
    int waiting; /* commits that arrived */
};

static enum err gate_commit(struct store *s, struct txn *const *txns, size_t count, struct fault *fault) {
    struct gate_store *g = (struct gate_store *)s;
    pthread_mutex_lock(&g->mutex);
    g->waiting++;
    pthread_cond_broadcast(&g->cond);
    while (g->closed) pthread_cond_wait(&g->cond, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
    return g->inner->ops->commit(g->inner, txns, count, fault);
}
static const struct store_ops gate_ops = {.name = "gate", .commit = gate_commit};

static void gate_set(struct gate_store *g, bool closed) {
    pthread_mutex_lock(&g->mutex);
    g->closed = closed;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mutex);
}

static void gate_wait(struct gate_store *g, int arrived) {
    pthread_mutex_lock(&g->mutex);
    while (g->waiting < arrived) pthread_cond_wait(&g->cond, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

struct fixture {
    struct gate_store gate;
    struct store *faulty; /* over memory */
    struct committer *committer;
};

static void start(struct fixture *f, const struct committer_options *options) {
    struct fault fault;
    struct store *memory;
    log_fd_set(-1);
    assert_int_equal(store_open_memory(&memory, &fault), ERR_OK);
    assert_int_equal(store_open_fault(memory, &f->faulty, &fault), ERR_OK);
    f->gate = (struct gate_store){.store = {&gate_ops}, .inner = f->faulty};
    pthread_mutex_init(&f->gate.mutex, NULL);
    pthread_cond_init(&f->gate.cond, NULL);
    assert_int_equal(committer_start(&f->gate.store, options, &f->committer, &fault), ERR_OK);
    assert_ptr_equal(committer_store(f->committer), &f->gate.store);
}

static void stop(struct fixture *f) {
    committer_stop(f->committer);
    store_close(f->faulty);
    pthread_mutex_destroy(&f->gate.mutex);
    pthread_cond_destroy(&f->gate.cond);
    log_fd_set(2);
}

/* One transaction that appends to stream 1, and what became of it. */
struct job {
    struct txn txn;
    struct arena arena;
    struct store_op *op;
    _Atomic int done, hooks;
    enum err err;
    int64_t hook_sequence;
    int order;
};
static _Atomic int order_next;

static void job_hook(void *ctx, struct store_op *op) {
    struct job *j = ctx;
    assert_int_equal(atomic_load(&j->done), 0); /* the hooks come before done */
    j->hook_sequence = op->u.append.sequence;
    atomic_fetch_add(&j->hooks, 1);
}

static void job_done(struct txn *t, enum err err, const struct fault *fault) {
    struct job *j = t->ctx;
    j->err = err;
    assert_int_equal(fault->code, err);
    j->order = atomic_fetch_add(&order_next, 1);
    atomic_fetch_add(&j->done, 1);
}

static void job_init(struct job *j, bool empty) {
    memset(j, 0, sizeof *j);
    arena_init(&j->arena, 0);
    txn_init(&j->txn, &j->arena);
    j->txn.done = job_done;
    j->txn.ctx = j;
    if (empty) return;
    j->op = txn_add(&j->txn, OP_STREAM_APPEND);
    assert_non_null(j->op);
    j->op->u.append.stream = 1;
    j->op->u.append.data = STR("data");
    j->op->committed = job_hook;
    j->op->ctx = j;
}

static void job_fini(struct job *j) { arena_fini(&j->arena); }

/* ---- tests ------------------------------------------------------------------------------------------------------------------------ */

struct producer {
    struct committer *committer;
    struct buf sequences; /* int64_t each */
    int failures;
    uint32_t shard;
};

static void *produce(void *arg) {
    struct producer *p = arg;
    struct arena a;
    arena_init(&a, 0);
    for (int i = 0; i < EACH; i++) {
        struct txn t;
        struct fault fault;
        txn_init(&t, &a);
        struct store_op *op = txn_add(&t, OP_STREAM_APPEND);
        if (!op) break;
        op->u.append.stream = 1;
        op->u.append.shard = p->shard;
        op->u.append.data = STR("data");
        if (committer_run(p->committer, &t, &fault))
            p->failures++;
        else
            buf_add(&p->sequences, str_of((const char *)&op->u.append.sequence, sizeof(int64_t)));
        arena_reset(&a);
    }
    arena_fini(&a);
    return NULL;
}

static void run_producers(struct fixture *f, struct producer *producers) {
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.committer = f->committer};
        buf_init(&producers[i].sequences, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++) pthread_join(threads[i], NULL);
}

static void producers_get_every_sequence_once(void **state) {
    (void)state;
    struct fixture f;
    struct producer producers[PRODUCERS];
    struct committer_stats stats;
    static uint8_t seen[PRODUCERS * EACH + 1];
    memset(seen, 0, sizeof seen);
    start(&f, NULL);
    run_producers(&f, producers);
    committer_stats(f.committer, &stats);
    for (int i = 0; i < PRODUCERS; i++) {
        const int64_t *sequences = (const int64_t *)(const void *)producers[i].sequences.p;
        assert_int_equal(producers[i].sequences.n, EACH * sizeof *sequences);
        for (int k = 0; k < EACH; k++) {
            assert_in_range(sequences[k], 1, PRODUCERS * EACH);
            assert_int_equal(seen[sequences[k]]++, 0);
            if (k) assert_true(sequences[k] > sequences[k - 1]);
        }
        buf_fini(&producers[i].sequences);
    }
    assert_int_equal(stats.transactions, PRODUCERS * EACH);
    assert_int_equal(stats.operations, PRODUCERS * EACH);
    assert_true(stats.commits > 0 && stats.commits <= PRODUCERS * EACH);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.queued_bytes, 0);
    assert_int_equal(stats.failures, 0);
    stop(&f);
}

/* One commit fails while eight producers run: each of that group is told, and as many records are missing as errors were told. */
static void failing_commit_fails_its_group_only(void **state) {
    (void)state;
    struct fixture f;
    struct producer producers[PRODUCERS];
    struct committer_stats stats;
    struct fault fault;
    int failures = 0;
    int64_t sequence, next;
    start(&f, NULL);
    store_fault_at(f.faulty, 20, ERR_STORAGE_FULL, false);
    run_producers(&f, producers);
    for (int i = 0; i < PRODUCERS; i++) {
        failures += producers[i].failures;
        assert_int_equal(producers[i].sequences.n / sizeof(int64_t) + (size_t)producers[i].failures, EACH);
        buf_fini(&producers[i].sequences);
    }
    committer_stats(f.committer, &stats);
    assert_int_equal(stats.failures, 1);
    assert_in_range(failures, 1, PRODUCERS);
    assert_int_equal(f.faulty->ops->stream_find(f.faulty, 1, 0, 0, &sequence, &next, &fault), ERR_OK);
    assert_int_equal(next - 1, PRODUCERS * EACH - failures);
    stop(&f);
}

/* While one commit is held, others gather: they are one group, completed in the order of submission, hooks first. */
static void gathered_transactions_are_one_commit_in_order(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    struct committer_stats stats;
    static struct job jobs[10];
    start(&f, NULL);
    atomic_store(&order_next, 0);
    gate_set(&f.gate, true);
    for (int i = 0; i < 10; i++) {
        job_init(&jobs[i], i == 4);
        assert_int_equal(committer_submit(f.committer, &jobs[i].txn, &fault), ERR_OK);
        if (i == 0) gate_wait(&f.gate, 1);
    }
    committer_stats(f.committer, &stats);
    assert_int_equal(stats.queued, 9);
    gate_set(&f.gate, false);
    stop(&f); /* drains */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].err, ERR_OK);
        assert_int_equal(jobs[i].order, i);
        assert_int_equal(jobs[i].hooks, i != 4);
        if (i != 4) assert_int_equal(jobs[i].hook_sequence, i < 4 ? i + 1 : i);
        job_fini(&jobs[i]);
    }
    assert_int_equal(f.gate.waiting, 2);
}

static void refused_group_tells_all_of_it_and_the_next_passes(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    static struct job jobs[7];
    start(&f, &(struct committer_options){.max_group = 3});
    gate_set(&f.gate, true);
    store_fault_at(f.faulty, 2, ERR_IO, false);
    for (int i = 0; i < 7; i++) {
        job_init(&jobs[i], i == 2);
        assert_int_equal(committer_submit(f.committer, &jobs[i].txn, &fault), ERR_OK);
        if (i == 0) gate_wait(&f.gate, 1);
    }
    gate_set(&f.gate, false);
    stop(&f);
    /* 0 | 1 2 3 | 4 5 6: the second commit fails; 2 has nothing that could fail */
    for (int i = 0; i < 7; i++) {
        bool failed = i == 1 || i == 3;
        assert_int_equal(jobs[i].err, failed ? ERR_IO : ERR_OK);
        assert_int_equal(jobs[i].hooks, failed || i == 2 ? 0 : 1);
        if (i >= 4) assert_int_equal(jobs[i].hook_sequence, i - 2); /* nothing of the failed group was stored */
        job_fini(&jobs[i]);
    }
}

static void full_queue_throttles_and_recovers(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    static struct job jobs[5];
    start(&f, &(struct committer_options){.max_queued = 3});
    gate_set(&f.gate, true);
    for (int i = 0; i < 5; i++) job_init(&jobs[i], false);
    assert_int_equal(committer_submit(f.committer, &jobs[0].txn, &fault), ERR_OK);
    gate_wait(&f.gate, 1); /* it is under way: the queue is empty */
    for (int i = 1; i < 4; i++) assert_int_equal(committer_submit(f.committer, &jobs[i].txn, &fault), ERR_OK);
    assert_int_equal(committer_submit(f.committer, &jobs[4].txn, &fault), ERR_THROTTLING);
    assert_true(fault.message[0]);
    gate_set(&f.gate, false);
    struct job last;
    job_init(&last, false);
    while (committer_run(f.committer, &last.txn, &fault) == ERR_THROTTLING) {
    } /* until the queue has gone down */
    stop(&f);
    assert_int_equal(jobs[3].done, 1);
    assert_int_equal(jobs[4].done, 0);
    for (int i = 0; i < 5; i++) job_fini(&jobs[i]);
    job_fini(&last);
}

static void bytes_bound_the_queue(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    static struct job jobs[4];
    start(&f, &(struct committer_options){.max_queued_bytes = 1000});
    gate_set(&f.gate, true);
    for (int i = 0; i < 4; i++) {
        job_init(&jobs[i], false);
        jobs[i].txn.bytes = i == 3 ? 1001 : 600;
    }
    assert_int_equal(committer_submit(f.committer, &jobs[0].txn, &fault), ERR_OK);
    gate_wait(&f.gate, 1);
    assert_int_equal(committer_submit(f.committer, &jobs[1].txn, &fault), ERR_OK);
    assert_int_equal(committer_submit(f.committer, &jobs[2].txn, &fault), ERR_THROTTLING);
    assert_int_equal(committer_submit(f.committer, &jobs[3].txn, &fault), ERR_TOO_LARGE);
    gate_set(&f.gate, false);
    stop(&f);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(jobs[i].done, i < 2);
        job_fini(&jobs[i]);
    }
}

static void wrong_transaction_is_refused_alone(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    struct job bad, good;
    start(&f, NULL);
    job_init(&bad, false);
    job_init(&good, false);
    bad.op->u.append.stream = 0;
    assert_int_equal(committer_submit(f.committer, &bad.txn, &fault), ERR_VALIDATION);
    assert_int_equal(committer_run(f.committer, &good.txn, &fault), ERR_OK);
    stop(&f);
    assert_int_equal(bad.done, 0);
    job_fini(&bad);
    job_fini(&good);
}

/* A transaction's `done` that submits another: welcome while running, refused once stop began. */
struct chain {
    struct job job;
    struct committer *committer;
    _Atomic int links;
    enum err refusal;
};

static void chain_done(struct txn *t, enum err err, const struct fault *fault) {
    struct chain *c = t->ctx;
    struct fault refusal;
    (void)fault;
    assert_int_equal(err, ERR_OK);
    atomic_fetch_add(&c->links, 1);
    c->refusal = committer_submit(c->committer, t, &refusal);
}

static void stop_refuses_what_comes_while_it_drains(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    static struct chain chain;
    start(&f, NULL);
    job_init(&chain.job, true);
    chain.committer = f.committer;
    chain.job.txn.done = chain_done;
    chain.job.txn.ctx = &chain;
    assert_int_equal(committer_submit(f.committer, &chain.job.txn, &fault), ERR_OK);
    while (atomic_load(&chain.links) < 3) {
    }
    stop(&f);
    assert_int_equal(chain.refusal, ERR_SHUTTING_DOWN);
    job_fini(&chain.job);
    committer_stop(NULL);
}

/* Housekeeping is called after commits, and once more when nothing comes. */
static _Atomic int kept_busy, kept_idle;
static pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t kept_cond = PTHREAD_COND_INITIALIZER;

static enum err note_maintain(struct store *s, bool idle, struct fault *fault) {
    (void)s;
    pthread_mutex_lock(&kept_mutex);
    atomic_fetch_add(idle ? &kept_idle : &kept_busy, 1);
    pthread_cond_broadcast(&kept_cond);
    pthread_mutex_unlock(&kept_mutex);
    return fault_set(fault, ERR_IO, "planned");
}

static void housekeeping_follows_commits_and_idleness(void **state) {
    (void)state;
    struct fixture f;
    struct fault fault;
    struct job job;
    static const struct store_ops ops = {.name = "kept", .commit = gate_commit, .maintain = note_maintain};
    struct store *memory;
    log_fd_set(-1);
    assert_int_equal(store_open_memory(&memory, &fault), ERR_OK);
    f.gate = (struct gate_store){.store = {&ops}, .inner = memory, .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    assert_int_equal(committer_start(&f.gate.store, NULL, &f.committer, &fault), ERR_OK);
    job_init(&job, false);
    assert_int_equal(committer_run(f.committer, &job.txn, &fault), ERR_OK);
    pthread_mutex_lock(&kept_mutex);
    while (!atomic_load(&kept_busy) || !atomic_load(&kept_idle)) pthread_cond_wait(&kept_cond, &kept_mutex);
    pthread_mutex_unlock(&kept_mutex);
    committer_stop(f.committer);
    assert_int_equal(atomic_load(&kept_busy), 1);
    store_close(memory);
    job_fini(&job);
    log_fd_set(2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(producers_get_every_sequence_once),
        cmocka_unit_test(failing_commit_fails_its_group_only),
        cmocka_unit_test(gathered_transactions_are_one_commit_in_order),
        cmocka_unit_test(refused_group_tells_all_of_it_and_the_next_passes),
        cmocka_unit_test(full_queue_throttles_and_recovers),
        cmocka_unit_test(bytes_bound_the_queue),
        cmocka_unit_test(wrong_transaction_is_refused_alone),
        cmocka_unit_test(stop_refuses_what_comes_while_it_drains),
        cmocka_unit_test(housekeeping_follows_commits_and_idleness),
    };
    return cmocka_run_group_tests_name("store/committer", tests, NULL, NULL);
}
