/* Kill -9 at a random instant: nothing acknowledged is missing, nothing is doubled, no counter went back.
 *
 * A child commits through the committer and writes a line to a pipe for each acknowledged transaction; it is killed once a random number
 * of them was read. What stood in the pipe by then counts as acknowledged too. STORE_CRASH_ROUNDS=500 makes it a soak. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "committer.h"

enum { ROUNDS = 20, ACKS_MAX = 600, WINDOW = 64, NUMBERS_A_ROUND = 100000, PAGE = 1000 };

/* What the child tells of a transaction: one write(2), never cut (it is shorter than PIPE_BUF). */
struct ack {
    int64_t number;                    /* unique over all rounds */
    int64_t record, message, delivery; /* the sequences and the id it was given */
};

/* ---- the child: all on the committer's thread -------------------------------------------------------------------------------------- */

struct sender {
    struct txn txn;
    struct arena arena;
    struct ack ack;
};

static struct sender senders[WINDOW];
static struct committer *child_committer;
static int64_t child_number;
static int child_pipe;

static void acknowledged(struct txn *t, enum err err, const struct fault *fault);

/* A record, a message and a delivery; the number is the content of each. */
static void submit(struct sender *w) {
    struct fault fault;
    arena_reset(&w->arena);
    w->ack.number = child_number++;
    txn_init(&w->txn, &w->arena);
    struct str number = str_of((const char *)&w->ack.number, sizeof w->ack.number);
    struct store_op *append = txn_add(&w->txn, OP_STREAM_APPEND), *send = txn_add(&w->txn, OP_QUEUE_SEND),
                    *deliver = txn_add(&w->txn, OP_DELIVERY_ADD);
    if (!append || !send || !deliver) _exit(5);
    append->u.append.stream = 1;
    append->u.append.data = number;
    send->u.send.queue = 1;
    send->u.send.body = number;
    deliver->u.delivery.lane = STR("lane");
    deliver->u.delivery.event = number;
    w->txn.done = acknowledged;
    w->txn.ctx = w;
    if (committer_submit(child_committer, &w->txn, &fault)) _exit(6);
}

static void acknowledged(struct txn *t, enum err err, const struct fault *fault) {
    struct sender *w = t->ctx;
    if (err) {
        fprintf(stderr, "child: %s\n", fault->message);
        _exit(3);
    }
    w->ack.record = t->first->u.append.sequence;
    w->ack.message = t->first->next->u.send.sequence;
    w->ack.delivery = t->last->u.delivery.id;
    if (write(child_pipe, &w->ack, sizeof w->ack) != (ssize_t)sizeof w->ack) _exit(4);
    submit(w);
}

static void begin(struct txn *t, enum err err, const struct fault *fault) {
    (void)t;
    (void)fault;
    if (err) _exit(10);
    for (int i = 0; i < WINDOW; i++) submit(&senders[i]);
}

static _Noreturn void child(const char *path) {
    struct store_options options = {.durability = DURABILITY_FULL};
    struct fault fault;
    struct store *s;
    struct txn start = {.done = begin};
    if (store_open_sqlite(path, &options, &s, &fault) || committer_start(s, NULL, &child_committer, &fault)) {
        fprintf(stderr, "child: %s\n", fault.message);
        _exit(7);
    }
    for (int i = 0; i < WINDOW; i++) arena_init(&senders[i].arena, 0);
    if (committer_submit(child_committer, &start, &fault)) _exit(9);
    for (;;) pause();
}

/* ---- the parent -------------------------------------------------------------------------------------------------------------------- */

struct parent {
    char path[64];
    struct store *store;
    struct arena arena;
    uint8_t *seen_record, *seen_message, *seen_delivery; /* how often, by number */
    int64_t numbers;                                     /* size of these */
    int64_t last_record, last_message, last_delivery;    /* acknowledged so far */
    struct ack *acks;                                    /* of this round */
    size_t count, cap;
};

static bool read_ack(struct parent *p, int fd) {
    struct ack ack;
    ssize_t n = read(fd, &ack, sizeof ack);
    if (n == 0) return false;
    assert_int_equal(n, sizeof ack);
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 1024;
        p->acks = realloc(p->acks, p->cap * sizeof ack);
        assert_non_null(p->acks);
    }
    p->acks[p->count++] = ack;
    return true;
}

static void run_and_kill(struct parent *p, int round) {
    int fds[2], status;
    size_t want = 1 + (size_t)rng_below(ACKS_MAX);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        close(fds[0]);
        child_pipe = fds[1];
        child_number = (int64_t)round * NUMBERS_A_ROUND;
        child(p->path);
    }
    close(fds[1]);
    p->count = 0;
    while (p->count < want && read_ack(p, fds[0])) {
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read_ack(p, fds[0])) {
    }
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* it did not end by itself */
    assert_true(p->count >= want);
}

static int64_t number_in(const struct parent *p, struct str s) {
    int64_t number;
    assert_int_equal(s.n, sizeof number);
    memcpy(&number, s.p, sizeof number);
    assert_true(number >= 0 && number < p->numbers);
    return number;
}

static const struct ack *acked(const struct parent *p, int64_t number) {
    for (size_t i = 0; i < p->count; i++)
        if (p->acks[i].number == number) return &p->acks[i];
    return NULL;
}

/* Records: 1, 2, 3... without a gap, each number once, and what was acknowledged stands where it was said to. */
static void check_stream(struct parent *p) {
    struct fault fault;
    struct store_record *r;
    size_t count;
    int64_t from = 1;
    memset(p->seen_record, 0, (size_t)p->numbers);
    do {
        arena_reset(&p->arena);
        assert_int_equal(p->store->ops->stream_read(p->store, 1, 0, from, PAGE, SIZE_MAX, &p->arena, &r, &count, &fault), ERR_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(r[i].sequence, from++);
            int64_t number = number_in(p, r[i].data);
            assert_int_equal(p->seen_record[number]++, 0);
            const struct ack *ack = acked(p, number);
            if (ack) assert_int_equal(ack->record, r[i].sequence);
        }
    } while (count);
    for (size_t i = 0; i < p->count; i++) {
        assert_int_equal(p->seen_record[p->acks[i].number], 1);
        assert_true(p->acks[i].record > p->last_record);
    }
}

/* Messages are taken out by each round: over all rounds each number once. */
static void check_queue(struct parent *p) {
    for (;;) {
        struct fault fault;
        struct txn t, done, *one = &t;
        arena_reset(&p->arena);
        txn_init(&t, &p->arena);
        txn_init(&done, &p->arena);
        struct store_op *op = txn_add(&t, OP_QUEUE_RECEIVE);
        assert_non_null(op);
        op->u.receive.queue = 1;
        op->u.receive.max_messages = 10;
        op->u.receive.visible_at_ms = 1000;
        assert_int_equal(p->store->ops->commit(p->store, &one, 1, &fault), ERR_OK);
        if (!op->u.receive.message_count) break;
        for (size_t i = 0; i < op->u.receive.message_count; i++) {
            const struct store_message *m = &op->u.receive.messages[i];
            int64_t number = number_in(p, m->body);
            const struct ack *ack = acked(p, number);
            assert_int_equal(p->seen_message[number]++, 0);
            assert_true(m->sequence > p->last_message);
            if (ack) assert_int_equal(ack->message, m->sequence);
            struct store_op *gone = txn_add(&done, OP_QUEUE_DELETE);
            assert_non_null(gone);
            gone->u.handle.queue = 1;
            gone->u.handle.sequence = m->sequence;
            gone->u.handle.receipt = m->receipt;
        }
        one = &done;
        assert_int_equal(p->store->ops->commit(p->store, &one, 1, &fault), ERR_OK);
    }
    for (size_t i = 0; i < p->count; i++) assert_int_equal(p->seen_message[p->acks[i].number], 1);
}

static void check_deliveries(struct parent *p) {
    struct fault fault;
    struct store_delivery *d;
    size_t count;
    int64_t after = 0;
    memset(p->seen_delivery, 0, (size_t)p->numbers);
    do {
        arena_reset(&p->arena);
        assert_int_equal(p->store->ops->delivery_scan(p->store, STR("lane"), 0, after, INT64_MAX, PAGE, &p->arena, &d, &count, &fault),
                         ERR_OK);
        for (size_t i = 0; i < count; i++) {
            int64_t number = number_in(p, d[i].event);
            const struct ack *ack = acked(p, number);
            assert_int_equal(p->seen_delivery[number]++, 0);
            if (ack) assert_int_equal(ack->delivery, d[i].id);
            after = d[i].id;
        }
    } while (count);
    for (size_t i = 0; i < p->count; i++) {
        assert_int_equal(p->seen_delivery[p->acks[i].number], 1);
        assert_true(p->acks[i].delivery > p->last_delivery);
    }
}

static void remember(struct parent *p) {
    for (size_t i = 0; i < p->count; i++) {
        if (p->acks[i].record > p->last_record) p->last_record = p->acks[i].record;
        if (p->acks[i].message > p->last_message) p->last_message = p->acks[i].message;
        if (p->acks[i].delivery > p->last_delivery) p->last_delivery = p->acks[i].delivery;
    }
}

static void kill_loses_nothing_acknowledged(void **state) {
    (void)state;
    char dir[] = "/tmp/store-crash-XXXXXX", name[80];
    const char *given = getenv("STORE_CRASH_ROUNDS");
    int rounds = given ? atoi(given) : ROUNDS;
    size_t acks = 0;
    struct parent p = {.numbers = (int64_t)rounds * NUMBERS_A_ROUND};
    assert_true(rounds > 0);
    assert_non_null(mkdtemp(dir));
    snprintf(p.path, sizeof p.path, "%s/store.db", dir);
    arena_init(&p.arena, 0);
    p.seen_record = calloc(3, (size_t)p.numbers);
    assert_non_null(p.seen_record);
    p.seen_message = p.seen_record + p.numbers;
    p.seen_delivery = p.seen_message + p.numbers;
    for (int round = 0; round < rounds; round++) {
        struct store_options options = {.durability = DURABILITY_FULL, .check = true};
        struct fault fault;
        run_and_kill(&p, round);
        if (store_open_sqlite(p.path, &options, &p.store, &fault)) fail_msg("%s", fault.message);
        check_stream(&p);
        check_queue(&p);
        check_deliveries(&p);
        if (p.store->ops->check(p.store, &fault)) fail_msg("%s", fault.message);
        store_close(p.store);
        remember(&p);
        acks += p.count;
    }
    print_message("%d kills, %zu acknowledged transactions\n", rounds, acks);
    free(p.seen_record);
    free(p.acks);
    arena_fini(&p.arena);
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", p.path, suffixes[i]);
        unlink(name);
    }
    rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kill_loses_nothing_acknowledged)};
    return cmocka_run_group_tests_name("store/crash", tests, NULL, NULL);
}
