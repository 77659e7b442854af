/* What the store costs: rows a second for stream appends in groups, and for a message's whole life in a queue.
 *
 *   usage: store_bench DIR [full|normal|off]      DIR lies on the disk to be measured; its files are made anew and removed
 *
 * Built as the unit tests are: $(CC) $(CFLAGS_ALL) $(call quote,$(SEES_store)) tests/bench/store_bench.c $(LDFLAGS_ALL)
 * -o $(OUT)/store_bench $(call libs,$(ON_store)) $(call sys,$(ON_store)) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "store.h"

enum { RECORD_BYTES = 1024, ROUND_MS = 2000, RECEIVE = 10 };
static char data[RECORD_BYTES];

static void die(const struct fault *fault) {
    fprintf(stderr, "store_bench: %s\n", fault->message);
    exit(1);
}

static struct store_op *add(struct txn *t, enum store_op_kind kind) {
    struct store_op *op = txn_add(t, kind);
    if (!op) exit(1);
    return op;
}

static void commit(struct store *s, struct txn *t) {
    struct fault fault;
    if (s->ops->commit(s, &t, 1, &fault)) die(&fault);
    if (s->ops->maintain && s->ops->maintain(s, false, &fault)) die(&fault);
}

static void add_appends(struct txn *t, int count) {
    for (int i = 0; i < count; i++) {
        struct store_op *op = add(t, OP_STREAM_APPEND);
        op->u.append.stream = 1;
        op->u.append.shard = (uint32_t)i % 4;
        op->u.append.at_ms = clock_now_ms();
        op->u.append.partition_key = STR("customer-1234");
        op->u.append.data = str_of(data, sizeof data);
    }
}

static void measure_appends(struct store *s, int group) {
    struct arena arena;
    arena_init(&arena, 0);
    int64_t rows = 0, worst_ns = 0, began = clock_mono_ns(), now = began;
    while (now - began < ROUND_MS * INT64_C(1000000)) {
        struct txn t;
        txn_init(&t, &arena);
        add_appends(&t, group);
        commit(s, &t);
        arena_reset(&arena);
        rows += group;
        int64_t then = now;
        now = clock_mono_ns();
        if (now - then > worst_ns) worst_ns = now - then;
    }
    arena_fini(&arena);
    printf("append, groups of %4d: %8" PRId64 " rows/s, slowest commit %.1f ms\n", group, rows * 1000000000 / (now - began),
           (double)worst_ns / 1e6);
}

static void add_sends(struct txn *t, int count, bool fifo, int64_t now_ms) {
    for (int i = 0; i < count; i++) {
        struct store_op *op = add(t, OP_QUEUE_SEND);
        op->u.send.queue = fifo ? 2 : 1;
        op->u.send.id = id_random();
        op->u.send.sent_ms = op->u.send.visible_at_ms = now_ms;
        op->u.send.body = str_of(data, sizeof data);
        if (fifo) op->u.send.group = arena_printf(t->arena, "group %d", i / RECEIVE);
    }
}

static size_t receive_and_delete(struct store *s, struct arena *a, int receives, bool fifo, int64_t now_ms) {
    struct txn t, done;
    txn_init(&t, a);
    txn_init(&done, a);
    for (int i = 0; i < receives; i++) {
        struct store_op *op = add(&t, OP_QUEUE_RECEIVE);
        op->u.receive.queue = fifo ? 2 : 1;
        op->u.receive.fifo = fifo;
        op->u.receive.max_messages = RECEIVE;
        op->u.receive.now_ms = now_ms;
        op->u.receive.visible_at_ms = now_ms + 30000;
    }
    commit(s, &t);
    size_t count = 0;
    for (const struct store_op *op = t.first; op; op = op->next)
        for (size_t i = 0; i < op->u.receive.message_count; i++, count++) {
            struct store_op *gone = add(&done, OP_QUEUE_DELETE);
            gone->u.handle.queue = fifo ? 2 : 1;
            gone->u.handle.sequence = op->u.receive.messages[i].sequence;
            gone->u.handle.receipt = op->u.receive.messages[i].receipt;
        }
    commit(s, &done);
    return count;
}

static void measure_queue(struct store *s, int group, bool fifo) {
    struct arena arena;
    arena_init(&arena, 0);
    int64_t messages = 0, began = clock_mono_ns(), now = began;
    while (now - began < ROUND_MS * INT64_C(1000000)) {
        struct txn t;
        txn_init(&t, &arena);
        int64_t now_ms = clock_now_ms();
        add_sends(&t, group, fifo, now_ms);
        commit(s, &t);
        messages += (int64_t)receive_and_delete(s, &arena, (group + RECEIVE - 1) / RECEIVE, fifo, now_ms);
        arena_reset(&arena);
        now = clock_mono_ns();
    }
    arena_fini(&arena);
    printf("%s send+receive+delete, groups of %4d: %8" PRId64 " messages/s\n", fifo ? "fifo" : "queue", group,
           messages * 1000000000 / (now - began));
}

/* One receive and delete at a time, in front of it `flight` messages that are in flight. */
static void measure_flight(struct store *s, int flight) {
    struct arena arena;
    arena_init(&arena, (size_t)1 << 30);
    int64_t now_ms = clock_now_ms();
    for (int i = 0; i < flight; i += 1000) {
        struct txn t;
        txn_init(&t, &arena);
        add_sends(&t, 1000, false, now_ms);
        for (int k = 0; k < 1000 / RECEIVE; k++) {
            struct store_op *op = add(&t, OP_QUEUE_RECEIVE);
            op->u.receive.queue = 1;
            op->u.receive.max_messages = RECEIVE;
            op->u.receive.now_ms = now_ms;
            op->u.receive.visible_at_ms = now_ms + 3600000;
        }
        commit(s, &t);
        arena_reset(&arena);
    }
    int64_t took = 0, rounds = 0;
    for (int64_t until = clock_mono_ns() + ROUND_MS * INT64_C(1000000); clock_mono_ns() < until; rounds++) {
        struct txn t;
        txn_init(&t, &arena);
        add_sends(&t, RECEIVE, false, now_ms);
        commit(s, &t);
        int64_t began = clock_mono_ns();
        receive_and_delete(s, &arena, 1, false, now_ms);
        took += clock_mono_ns() - began;
        arena_reset(&arena);
    }
    arena_fini(&arena);
    printf("receive+delete of %d with %d in flight: %.3f ms\n", RECEIVE, flight, (double)took / 1e6 / (double)rounds);
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: store_bench DIR [full|normal|off]\n"), 2;
    struct store_options options = {.durability = DURABILITY_FULL};
    if (argc > 2 && strcmp(argv[2], "normal") == 0) options.durability = DURABILITY_NORMAL;
    if (argc > 2 && strcmp(argv[2], "off") == 0) options.durability = DURABILITY_OFF;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    char path[4096], name[4200];
    snprintf(path, sizeof path, "%s/store_bench.db", argv[1]);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    struct fault fault;
    struct store *s;
    if (store_open_sqlite(path, &options, &s, &fault)) die(&fault);
    memset(data, 'x', sizeof data);
    static const int groups[] = {1, 10, 100, 1000};
    for (int i = 0; i < 4; i++) measure_appends(s, groups[i]);
    for (int i = 0; i < 4; i++) measure_queue(s, groups[i], false);
    for (int i = 2; i < 4; i++) measure_queue(s, groups[i], true);
    measure_flight(s, 100000);
    store_close(s);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return 0;
}
