/* The contract of store.h: one suite, run over every engine, bare and through each decorator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "store.h"

struct fixture {
    struct store *store;
    struct arena arena;
    char dir[64];
};

static struct fixture *fx(void **state) { return *state; }

static struct store *open_engine(struct fixture *f, bool sqlite) {
    struct fault fault;
    struct store *s = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/store.db", f->dir);
    struct store_options options = {.durability = DURABILITY_OFF, .check = true};
    enum err err = sqlite ? store_open_sqlite(path, &options, &s, &fault) : store_open_memory(&s, &fault);
    if (err) fail_msg("%s", fault.message);
    return s;
}

static int set_up(void **state, bool sqlite, int decorators) {
    struct fixture *f = calloc(1, sizeof *f);
    struct fault fault;
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/store-verbs-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    arena_init(&f->arena, 0);
    struct store *s = open_engine(f, sqlite);
    if (decorators & 1) assert_int_equal(store_open_trace(s, &s, &fault), ERR_OK);
    if (decorators & 2) assert_int_equal(store_open_fault(s, &s, &fault), ERR_OK);
    f->store = s;
    *state = f;
    return 0;
}

static int memory_bare(void **state) { return set_up(state, false, 0); }
static int memory_decorated(void **state) { return set_up(state, false, 3); }
static int sqlite_bare(void **state) { return set_up(state, true, 0); }
static int sqlite_traced(void **state) { return set_up(state, true, 1); }
static int sqlite_faulty(void **state) { return set_up(state, true, 2); }

static int tear_down(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    enum err err = f->store->ops->check(f->store, &fault);
    if (err) fail_msg("check: %s", fault.message);
    store_close(f->store);
    arena_fini(&f->arena);
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm", "store.db.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, files[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* ---- small words for one-operation transactions ----------------------------------------------------------------------------------- */

static struct txn *begin(struct fixture *f) {
    struct txn *t = ARENA_NEW(&f->arena, struct txn);
    assert_non_null(t);
    txn_init(t, &f->arena);
    return t;
}

static struct store_op *add(struct txn *t, enum store_op_kind kind) {
    struct store_op *op = txn_add(t, kind);
    assert_non_null(op);
    return op;
}

static void commit(struct fixture *f, struct txn *t) {
    struct fault fault;
    enum err err = f->store->ops->commit(f->store, &t, 1, &fault);
    if (err) fail_msg("commit: %s", fault.message);
}

static int64_t append(struct fixture *f, int64_t stream, uint32_t shard, int64_t at_ms, const char *data) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_STREAM_APPEND);
    op->u.append.stream = stream;
    op->u.append.shard = shard;
    op->u.append.at_ms = at_ms;
    op->u.append.partition_key = STR("key");
    op->u.append.data = str_from(data);
    commit(f, t);
    return op->u.append.sequence;
}

static int64_t trim(struct fixture *f, int64_t stream, int64_t before_ms, int64_t limit) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_STREAM_TRIM);
    op->u.trim.stream = stream;
    op->u.trim.before_ms = before_ms;
    op->u.trim.limit = limit;
    commit(f, t);
    return op->u.trim.removed;
}

static size_t read_from(struct fixture *f, int64_t stream, uint32_t shard, int64_t from, size_t limit, size_t max_bytes,
                        struct store_record **records) {
    struct fault fault;
    size_t count;
    assert_int_equal(f->store->ops->stream_read(f->store, stream, shard, from, limit, max_bytes, &f->arena, records, &count, &fault),
                     ERR_OK);
    return count;
}

static int64_t find(struct fixture *f, int64_t stream, uint32_t shard, int64_t at_ms, int64_t *next) {
    struct fault fault;
    int64_t sequence;
    assert_int_equal(f->store->ops->stream_find(f->store, stream, shard, at_ms, &sequence, next, &fault), ERR_OK);
    return sequence;
}

static struct store_op *send_with(struct fixture *f, int64_t queue, int64_t sent_ms, int64_t visible_ms, const char *body,
                                  const char *group, const char *dedup) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_QUEUE_SEND);
    op->u.send.queue = queue;
    op->u.send.id.b[0] = (uint8_t)body[0];
    op->u.send.sent_ms = sent_ms;
    op->u.send.visible_at_ms = visible_ms;
    op->u.send.body = str_from(body);
    op->u.send.group = str_from(group);
    op->u.send.dedup = str_from(dedup);
    op->u.send.dedup_since_ms = sent_ms - 300;
    commit(f, t);
    return op;
}

static int64_t send(struct fixture *f, int64_t queue, int64_t sent_ms, const char *body) {
    return send_with(f, queue, sent_ms, sent_ms, body, NULL, NULL)->u.send.sequence;
}

static int64_t send_group(struct fixture *f, int64_t queue, int64_t sent_ms, const char *body, const char *group) {
    return send_with(f, queue, sent_ms, sent_ms, body, group, NULL)->u.send.sequence;
}

static struct store_op *receive_with(struct fixture *f, int64_t queue, bool fifo, int most, int64_t now_ms, int64_t visible_ms,
                                     int max_receives, int64_t dead) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_QUEUE_RECEIVE);
    op->u.receive.queue = queue;
    op->u.receive.fifo = fifo;
    op->u.receive.max_messages = most;
    op->u.receive.now_ms = now_ms;
    op->u.receive.visible_at_ms = visible_ms;
    op->u.receive.max_receives = max_receives;
    op->u.receive.dead_letter_queue = dead;
    commit(f, t);
    return op;
}

/* Bodies of what was received, one after another. */
static const char *bodies(struct fixture *f, const struct store_op *op) {
    struct str all = STR("");
    for (size_t i = 0; i < op->u.receive.message_count; i++)
        all = arena_printf(&f->arena, "%.*s%.*s", STR_ARG(all), STR_ARG(op->u.receive.messages[i].body));
    assert_non_null(all.p);
    return all.p;
}

static const char *receive(struct fixture *f, int64_t queue, int most, int64_t now_ms, int64_t visible_ms) {
    return bodies(f, receive_with(f, queue, false, most, now_ms, visible_ms, 0, 0));
}

static bool handle(struct fixture *f, enum store_op_kind kind, int64_t queue, int64_t sequence, int64_t receipt, int64_t visible_ms) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, kind);
    op->u.handle.queue = queue;
    op->u.handle.sequence = sequence;
    op->u.handle.receipt = receipt;
    op->u.handle.visible_at_ms = visible_ms;
    commit(f, t);
    return op->u.handle.found;
}

static int64_t expire(struct fixture *f, enum store_op_kind kind, int64_t queue, int64_t before_ms, int64_t limit) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, kind);
    op->u.expire.queue = queue;
    op->u.expire.before_ms = before_ms;
    op->u.expire.limit = limit;
    commit(f, t);
    return op->u.expire.removed;
}

static struct store_queue_stats queue_stats(struct fixture *f, int64_t queue, int64_t now_ms) {
    struct fault fault;
    struct store_queue_stats stats;
    assert_int_equal(f->store->ops->queue_stats(f->store, queue, now_ms, &stats, &fault), ERR_OK);
    return stats;
}

/* ---- catalog ---------------------------------------------------------------------------------------------------------------------- */

static void catalog(struct fixture *f, enum store_op_kind kind, struct str key, struct str value) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, kind);
    op->u.catalog.kind = STR("rule");
    op->u.catalog.key = key;
    op->u.catalog.value = value;
    commit(f, t);
}

struct seen {
    struct buf text;
    int left; /* calls before it stops */
};

static enum err see(void *ctx, struct str key, struct str value) {
    struct seen *seen = ctx;
    buf_addf(&seen->text, "%.*s=%.*s%s;", STR_ARG(key), STR_ARG(value), value.p ? "" : "(absent)");
    return --seen->left ? ERR_OK : ERR_TIMEOUT;
}

static void catalog_keeps_bytes_in_order(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    catalog(f, OP_CATALOG_PUT, STR("b"), STR("2"));
    catalog(f, OP_CATALOG_PUT, STR("\xff"), STR("4"));
    catalog(f, OP_CATALOG_PUT, STR("a"), STR("old"));
    catalog(f, OP_CATALOG_PUT, STR("a"), STR("1"));
    catalog(f, OP_CATALOG_PUT, STR(""), STR(""));
    catalog(f, OP_CATALOG_PUT, STR("ab"), STR_NULL);
    catalog(f, OP_CATALOG_PUT, STR("gone"), STR("x"));
    catalog(f, OP_CATALOG_DELETE, STR("gone"), STR_NULL);
    catalog(f, OP_CATALOG_DELETE, STR("never"), STR_NULL);
    struct seen seen = {.left = 100};
    buf_init(&seen.text, 0);
    assert_int_equal(f->store->ops->catalog_scan(f->store, STR("rule"), see, &seen, &fault), ERR_OK);
    buf_addc(&seen.text, 0);
    assert_string_equal(seen.text.p, "=;a=1;ab=(absent);b=2;\xff=4;");
    buf_clear(&seen.text);
    seen.left = 2;
    assert_int_equal(f->store->ops->catalog_scan(f->store, STR("rule"), see, &seen, &fault), ERR_TIMEOUT);
    buf_clear(&seen.text);
    assert_int_equal(f->store->ops->catalog_scan(f->store, STR("rul"), see, &seen, &fault), ERR_OK);
    assert_int_equal(seen.text.n, 0);
    buf_fini(&seen.text);
}

/* ---- streams ---------------------------------------------------------------------------------------------------------------------- */

static void stream_numbers_each_shard_from_one(void **state) {
    struct fixture *f = fx(state);
    assert_int_equal(append(f, 7, 0, 100, "a"), 1);
    assert_int_equal(append(f, 7, 0, 101, "b"), 2);
    assert_int_equal(append(f, 7, 1, 102, "c"), 1);
    assert_int_equal(append(f, 8, 0, 103, "d"), 1);
    struct store_record *r;
    assert_int_equal(read_from(f, 7, 0, 0, 10, 1000, &r), 2);
    assert_int_equal(r[0].sequence, 1);
    assert_int_equal(r[0].at_ms, 100);
    assert_true(str_eqz(r[0].partition_key, "key") && str_eqz(r[0].data, "a"));
    assert_int_equal(r[1].sequence, 2);
    assert_int_equal(read_from(f, 7, 2, 1, 10, 1000, &r), 0);
    assert_int_equal(read_from(f, 9, 0, 1, 10, 1000, &r), 0);
    assert_int_equal(read_from(f, 7, 0, 3, 10, 1000, &r), 0);
}

static void stream_read_is_bounded_by_limit_and_bytes(void **state) {
    struct fixture *f = fx(state);
    struct store_record *r;
    for (int i = 0; i < 10; i++) append(f, 1, 0, i, "0123456"); /* 10 bytes with the key */
    assert_int_equal(read_from(f, 1, 0, 1, 3, 1000, &r), 3);
    assert_int_equal(read_from(f, 1, 0, 4, 100, 35, &r), 3);
    assert_int_equal(r[0].sequence, 4);
    assert_int_equal(read_from(f, 1, 0, 1, 100, 1, &r), 1);
    assert_int_equal(read_from(f, 1, 0, 9, 100, 1000, &r), 2);
    assert_int_equal(read_from(f, 1, 0, 1, 0, 1000, &r), 0);
}

static void stream_find_tells_first_at_or_after(void **state) {
    struct fixture *f = fx(state);
    int64_t next;
    assert_int_equal(find(f, 1, 0, INT64_MIN, &next), 1);
    assert_int_equal(next, 1);
    for (int i = 1; i <= 5; i++) append(f, 1, 0, i * 10, "x");
    append(f, 1, 0, 7, "a clock that went back"); /* kept as 50 */
    assert_int_equal(find(f, 1, 0, INT64_MIN, &next), 1);
    assert_int_equal(next, 7);
    assert_int_equal(find(f, 1, 0, 10, &next), 1);
    assert_int_equal(find(f, 1, 0, 11, &next), 2);
    assert_int_equal(find(f, 1, 0, 50, &next), 5);
    assert_int_equal(find(f, 1, 0, 51, &next), 7);
    assert_int_equal(trim(f, 1, 30, 0), 2);
    assert_int_equal(find(f, 1, 0, INT64_MIN, &next), 3);
    assert_int_equal(trim(f, 1, 1000, 0), 4);
    assert_int_equal(find(f, 1, 0, INT64_MIN, &next), 7);
    assert_int_equal(next, 7);
}

static void stream_sequence_survives_trim_of_everything(void **state) {
    struct fixture *f = fx(state);
    for (int i = 0; i < 4; i++) append(f, 1, (uint32_t)i % 2, i, "x");
    assert_int_equal(trim(f, 1, 100, 3), 3);
    assert_int_equal(trim(f, 1, 100, 3), 1);
    assert_int_equal(trim(f, 1, 100, 3), 0);
    assert_int_equal(append(f, 1, 0, 5, "x"), 3);
    assert_int_equal(append(f, 1, 1, 5, "x"), 3);
}

static void stream_drop_takes_records_and_counters(void **state) {
    struct fixture *f = fx(state);
    append(f, 1, 0, 1, "x");
    append(f, 1, 1, 1, "x");
    append(f, 2, 0, 1, "kept");
    struct txn *t = begin(f);
    add(t, OP_STREAM_DROP)->u.trim.stream = 1;
    commit(f, t);
    struct store_record *r;
    int64_t next;
    assert_int_equal(read_from(f, 1, 0, 1, 10, 100, &r), 0);
    assert_int_equal(read_from(f, 2, 0, 1, 10, 100, &r), 1);
    find(f, 1, 0, 0, &next);
    assert_int_equal(next, 1);
    assert_int_equal(append(f, 1, 1, 1, "again"), 1);
}

/* ---- queues ----------------------------------------------------------------------------------------------------------------------- */

static void queue_gives_oldest_visible_first_and_hides_it(void **state) {
    struct fixture *f = fx(state);
    send(f, 1, 100, "a");
    send(f, 1, 101, "b");
    send(f, 1, 102, "c");
    send(f, 2, 103, "other");
    assert_string_equal(receive(f, 1, 2, 200, 300), "ab");
    assert_string_equal(receive(f, 1, 10, 201, 300), "c");
    assert_string_equal(receive(f, 1, 10, 202, 300), "");
    assert_string_equal(receive(f, 3, 10, 202, 300), "");
}

static void queue_lapsed_message_comes_back_in_its_old_place(void **state) {
    struct fixture *f = fx(state);
    send(f, 1, 100, "a");
    send(f, 1, 101, "b");
    assert_string_equal(receive(f, 1, 1, 200, 300), "a");
    struct store_op *op = receive_with(f, 1, false, 10, 300, 400, 0, 0);
    assert_string_equal(bodies(f, op), "ab");
    const struct store_message *m = op->u.receive.messages;
    assert_int_equal(m[0].receives, 2);
    assert_int_equal(m[0].first_received_ms, 200);
    assert_int_equal(m[0].sent_ms, 100);
    assert_int_equal(m[0].id.b[0], 'a');
    assert_true(m[0].receipt > m[1].receipt); /* received once more */
    assert_int_equal(m[1].receives, 1);
    assert_null(m[1].group.p);
    assert_null(m[1].attributes.p);
}

static void queue_stale_receipt_is_not_found(void **state) {
    struct fixture *f = fx(state);
    int64_t seq = send(f, 1, 100, "a");
    int64_t first = receive_with(f, 1, false, 1, 200, 300, 0, 0)->u.receive.messages[0].receipt;
    int64_t second = receive_with(f, 1, false, 1, 300, 400, 0, 0)->u.receive.messages[0].receipt;
    assert_true(second > first);
    assert_false(handle(f, OP_QUEUE_DELETE, 1, seq, first, 0));
    assert_false(handle(f, OP_QUEUE_VISIBILITY, 1, seq, first, 500));
    assert_false(handle(f, OP_QUEUE_DELETE, 2, seq, second, 0));
    assert_false(handle(f, OP_QUEUE_DELETE, 1, seq + 1, second, 0));
    assert_false(handle(f, OP_QUEUE_DELETE, 1, -1, second, 0));
    assert_false(handle(f, OP_QUEUE_DELETE, 1, INT64_MAX, second, 0));
    assert_true(handle(f, OP_QUEUE_DELETE, 1, seq, second, 0));
    assert_false(handle(f, OP_QUEUE_DELETE, 1, seq, second, 0));
    assert_int_equal(queue_stats(f, 1, 500).visible, 0);
}

static void queue_message_never_received_has_no_receipt(void **state) {
    struct fixture *f = fx(state);
    int64_t seq = send_with(f, 1, 100, 900, "a", NULL, NULL)->u.send.sequence;
    assert_false(handle(f, OP_QUEUE_DELETE, 1, seq, 0, 0));
    seq = send(f, 1, 100, "b");
    assert_false(handle(f, OP_QUEUE_DELETE, 1, seq, 0, 0));
}

static void queue_delete_after_lapse_still_works(void **state) {
    struct fixture *f = fx(state);
    int64_t seq = send(f, 1, 100, "a");
    send(f, 1, 100, "b");
    int64_t receipt = receive_with(f, 1, false, 1, 200, 300, 0, 0)->u.receive.messages[0].receipt;
    assert_string_equal(receive(f, 1, 1, 250, 260), "b");
    assert_string_equal(receive(f, 1, 1, 250, 300), "");
    assert_true(handle(f, OP_QUEUE_DELETE, 1, seq, receipt, 0));
    assert_string_equal(receive(f, 1, 10, 500, 600), "b");
}

static void queue_visibility_moves_both_ways(void **state) {
    struct fixture *f = fx(state);
    int64_t seq = send(f, 1, 100, "a");
    int64_t receipt = receive_with(f, 1, false, 1, 200, 300, 0, 0)->u.receive.messages[0].receipt;
    assert_true(handle(f, OP_QUEUE_VISIBILITY, 1, seq, receipt, 1000));
    assert_string_equal(receive(f, 1, 1, 500, 600), "");
    assert_true(handle(f, OP_QUEUE_VISIBILITY, 1, seq, receipt, 0));
    assert_string_equal(receive(f, 1, 1, 500, 600), "a");
}

static void queue_delayed_message_waits(void **state) {
    struct fixture *f = fx(state);
    send_with(f, 1, 100, 150, "a", NULL, NULL);
    send(f, 1, 101, "b");
    struct store_queue_stats stats = queue_stats(f, 1, 120);
    assert_int_equal(stats.delayed, 1);
    assert_int_equal(stats.visible, 1);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.oldest_sent_ms, 100);
    assert_string_equal(receive(f, 1, 10, 120, 140), "b");
    assert_int_equal(queue_stats(f, 1, 130).in_flight, 1);
    assert_string_equal(receive(f, 1, 10, 150, 160), "ab");
    assert_int_equal(queue_stats(f, 9, 150).oldest_sent_ms, 0);
}

static void queue_redrive_moves_exhausted_to_dead_letters(void **state) {
    struct fixture *f = fx(state);
    send(f, 1, 100, "a");
    send(f, 1, 101, "b");
    for (int i = 0; i < 2; i++) assert_string_equal(bodies(f, receive_with(f, 1, false, 1, 200 + i * 10, 205 + i * 10, 2, 5)), "a");
    struct store_op *op = receive_with(f, 1, false, 10, 300, 400, 2, 5);
    assert_string_equal(bodies(f, op), "b");
    assert_int_equal(op->u.receive.moved, 1);
    op = receive_with(f, 5, false, 10, 300, 400, 0, 0);
    assert_string_equal(bodies(f, op), "a");
    assert_int_equal(op->u.receive.messages[0].receives, 1);
    assert_int_equal(op->u.receive.messages[0].sent_ms, 100);
    assert_int_equal(op->u.receive.messages[0].id.b[0], 'a');
}

static void queue_redrive_in_one_receive_is_bounded(void **state) {
    struct fixture *f = fx(state);
    for (int i = 0; i < STORE_MOVES_MAX + 10; i++) send(f, 1, 100 + i, "m");
    for (int i = 0; i < (STORE_MOVES_MAX + 10) / 10; i++) receive(f, 1, 10, 5000, 6000);
    assert_int_equal(receive_with(f, 1, false, 1, 6000, 7000, 1, 2)->u.receive.moved, STORE_MOVES_MAX);
    assert_int_equal(receive_with(f, 1, false, 1, 6000, 7000, 1, 2)->u.receive.moved, 10);
    assert_int_equal(queue_stats(f, 2, 6000).visible, STORE_MOVES_MAX + 10);
    assert_int_equal(queue_stats(f, 1, 6000).visible, 0);
}

static void fifo_keeps_order_and_closes_group_in_flight(void **state) {
    struct fixture *f = fx(state);
    send_group(f, 1, 100, "a", "g");
    send_group(f, 1, 101, "b", "g");
    send_group(f, 1, 102, "x", "h");
    send_group(f, 1, 103, "c", "g");
    send_group(f, 1, 104, "y", "h");
    struct store_op *op = receive_with(f, 1, true, 2, 200, 300, 0, 0);
    assert_string_equal(bodies(f, op), "ab");
    assert_true(str_eqz(op->u.receive.messages[0].group, "g"));
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 201, 310, 0, 0)), "xy");
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 202, 310, 0, 0)), "");
    assert_true(handle(f, OP_QUEUE_DELETE, 1, op->u.receive.messages[0].sequence, op->u.receive.messages[0].receipt, 0));
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 203, 310, 0, 0)), "");
    assert_true(handle(f, OP_QUEUE_DELETE, 1, op->u.receive.messages[1].sequence, op->u.receive.messages[1].receipt, 0));
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 204, 310, 0, 0)), "c");
}

static void fifo_merges_groups_by_position(void **state) {
    struct fixture *f = fx(state);
    send_group(f, 1, 100, "a", "g");
    send_group(f, 1, 101, "x", "h");
    send_group(f, 1, 102, "b", "g");
    send_group(f, 1, 103, "y", "h");
    assert_string_equal(bodies(f, receive_with(f, 1, true, 3, 200, 300, 0, 0)), "axb");
    assert_string_equal(bodies(f, receive_with(f, 1, true, 3, 201, 300, 0, 0)), "");
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 300, 400, 0, 0)), "axby");
}

static void fifo_visibility_zero_reopens_only_when_nothing_is_in_flight(void **state) {
    struct fixture *f = fx(state);
    send_group(f, 1, 100, "a", "g");
    send_group(f, 1, 101, "b", "g");
    struct store_op *op = receive_with(f, 1, true, 2, 200, 300, 0, 0);
    const struct store_message *m = op->u.receive.messages;
    assert_true(handle(f, OP_QUEUE_VISIBILITY, 1, m[0].sequence, m[0].receipt, 0));
    assert_string_equal(bodies(f, receive_with(f, 1, true, 2, 210, 300, 0, 0)), "");
    assert_true(handle(f, OP_QUEUE_VISIBILITY, 1, m[1].sequence, m[1].receipt, 0));
    assert_string_equal(bodies(f, receive_with(f, 1, true, 2, 211, 300, 0, 0)), "ab");
}

static void fifo_delayed_message_holds_what_is_behind_it(void **state) {
    struct fixture *f = fx(state);
    send_group(f, 1, 100, "a", "g");
    send_with(f, 1, 101, 500, "b", "g", NULL);
    send_group(f, 1, 102, "c", "g");
    struct store_op *op = receive_with(f, 1, true, 10, 200, 300, 0, 0);
    assert_string_equal(bodies(f, op), "a");
    assert_true(handle(f, OP_QUEUE_DELETE, 1, op->u.receive.messages[0].sequence, op->u.receive.messages[0].receipt, 0));
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 210, 300, 0, 0)), "");
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 500, 600, 0, 0)), "bc");
}

static void fifo_redrive_lets_the_next_pass(void **state) {
    struct fixture *f = fx(state);
    send_group(f, 1, 100, "a", "g");
    send_group(f, 1, 101, "b", "g");
    assert_string_equal(bodies(f, receive_with(f, 1, true, 1, 200, 210, 1, 9)), "a");
    struct store_op *op = receive_with(f, 1, true, 10, 220, 300, 1, 9);
    assert_string_equal(bodies(f, op), "b");
    assert_int_equal(op->u.receive.moved, 1);
    op = receive_with(f, 9, true, 10, 230, 300, 0, 0);
    assert_string_equal(bodies(f, op), "a");
    assert_true(str_eqz(op->u.receive.messages[0].group, "g"));
    assert_int_equal(op->u.receive.messages[0].sent_ms, 220);
}

static void fifo_duplicate_is_told_even_after_delete(void **state) {
    struct fixture *f = fx(state);
    int64_t seq = send_with(f, 1, 1000, 1000, "a", "g", "d1")->u.send.sequence;
    struct store_op *op = receive_with(f, 1, true, 1, 1001, 1100, 0, 0);
    assert_true(str_eqz(op->u.receive.messages[0].dedup, "d1"));
    assert_true(handle(f, OP_QUEUE_DELETE, 1, seq, op->u.receive.messages[0].receipt, 0));
    op = send_with(f, 1, 1300, 1300, "b", "g", "d1");
    assert_true(op->u.send.duplicate);
    assert_int_equal(op->u.send.sequence, seq);
    assert_false(send_with(f, 2, 1300, 1300, "b", "g", "d1")->u.send.duplicate);
    assert_false(send_with(f, 1, 1300, 1300, "c", "g", "d2")->u.send.duplicate);
    op = send_with(f, 1, 1301, 1301, "d", "g", "d1"); /* the window (300) has passed */
    assert_false(op->u.send.duplicate);
    assert_true(op->u.send.sequence > seq);
    assert_true(send_with(f, 1, 1400, 1400, "e", "g", "d1")->u.send.duplicate);
    assert_string_equal(bodies(f, receive_with(f, 1, true, 10, 1500, 1600, 0, 0)), "cd");
}

static void queue_expire_takes_the_old_only(void **state) {
    struct fixture *f = fx(state);
    for (int i = 0; i < 6; i++) send(f, 1, 100 + i, (const char *[]){"a", "b", "c", "d", "e", "f"}[i]);
    send(f, 1, 50, "late"); /* an older clock: behind younger ones */
    send_group(f, 1, 51, "grouped", "g");
    assert_int_equal(queue_stats(f, 1, 200).oldest_sent_ms, 50);
    receive(f, 1, 1, 200, 300); /* "a": in flight, but old all the same */
    assert_int_equal(expire(f, OP_QUEUE_EXPIRE, 1, 102, 1), 1);
    assert_int_equal(expire(f, OP_QUEUE_EXPIRE, 1, 102, 2), 2);
    assert_int_equal(expire(f, OP_QUEUE_EXPIRE, 1, 102, 0), 1);
    assert_int_equal(expire(f, OP_QUEUE_EXPIRE, 1, 102, 0), 0);
    assert_int_equal(queue_stats(f, 1, 200).oldest_sent_ms, 102);
    assert_string_equal(receive(f, 1, 10, 400, 500), "cdef");
}

static void queue_drop_never_reuses_a_sequence(void **state) {
    struct fixture *f = fx(state);
    send(f, 1, 100, "a");
    send_group(f, 1, 100, "b", "g");
    int64_t last = send_with(f, 1, 100, 900, "c", "h", "d")->u.send.sequence;
    receive(f, 1, 1, 200, 300);
    send(f, 2, 100, "kept");
    assert_int_equal(expire(f, OP_QUEUE_DROP, 1, 0, 0), 3);
    assert_int_equal(expire(f, OP_QUEUE_DROP, 1, 0, 0), 0);
    assert_string_equal(receive(f, 1, 10, 1000, 2000), "");
    assert_string_equal(receive(f, 2, 10, 1000, 2000), "kept");
    assert_true(send(f, 1, 100, "a") > last);
}

/* ---- deliveries ------------------------------------------------------------------------------------------------------------------- */

static int64_t deliver(struct fixture *f, const char *lane, int64_t due_ms, const char *input) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_DELIVERY_ADD);
    op->u.delivery = (struct store_delivery){.lane = str_from(lane),
                                             .accepted_ms = 5,
                                             .due_ms = due_ms,
                                             .state = STR("s0"),
                                             .event = STR("{\"e\":1}"),
                                             .input = str_from(input)};
    commit(f, t);
    return op->u.delivery.id;
}

static void change(struct fixture *f, enum store_op_kind kind, int64_t id, int64_t due_ms, int attempts, struct str delivery_state) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, kind);
    op->u.delivery = (struct store_delivery){.id = id, .due_ms = due_ms, .attempts = attempts, .state = delivery_state};
    commit(f, t);
}

static size_t due(struct fixture *f, const char *lane, int64_t after_due, int64_t after_id, int64_t until, size_t limit,
                  struct store_delivery **d) {
    struct fault fault;
    size_t count;
    assert_int_equal(
        f->store->ops->delivery_scan(f->store, str_from(lane), after_due, after_id, until, limit, &f->arena, d, &count, &fault), ERR_OK);
    return count;
}

static void delivery_scan_pages_in_order_of_due_time(void **state) {
    struct fixture *f = fx(state);
    struct store_delivery *d;
    int64_t a = deliver(f, "one", 30, NULL), b = deliver(f, "one", 10, "in"), c = deliver(f, "one", 10, ""), x = deliver(f, "two", 1, NULL);
    assert_true(a < b && b < c && c < x);
    assert_int_equal(due(f, "one", INT64_MIN, 0, INT64_MAX, 10, &d), 3);
    assert_true(d[0].id == b && d[1].id == c && d[2].id == a);
    assert_true(str_eqz(d[0].lane, "one") && str_eqz(d[0].state, "s0") && str_eqz(d[0].event, "{\"e\":1}") && str_eqz(d[0].input, "in"));
    assert_true(d[1].input.p && d[1].input.n == 0);
    assert_null(d[2].input.p);
    assert_int_equal(d[0].accepted_ms, 5);
    assert_int_equal(due(f, "one", 10, b, INT64_MAX, 10, &d), 2);
    assert_int_equal(d[0].id, c);
    assert_int_equal(due(f, "one", INT64_MIN, 0, 29, 10, &d), 2);
    assert_int_equal(due(f, "one", INT64_MIN, 0, 30, 1, &d), 1);
    assert_int_equal(due(f, "none", INT64_MIN, 0, INT64_MAX, 10, &d), 0);
}

static enum err see_lane(void *ctx, const struct store_lane_stats *lane) {
    buf_addf(ctx, "%.*s:%d@%d;", STR_ARG(lane->lane), (int)lane->count, (int)lane->next_due_ms);
    return ERR_OK;
}

static void delivery_retry_settle_and_lanes(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    struct store_delivery *d;
    struct store_stats stats;
    int64_t a = deliver(f, "one", 30, NULL), b = deliver(f, "one", 10, "in");
    deliver(f, "another", 7, NULL);
    change(f, OP_DELIVERY_RETRY, b, 99, 3, STR("s1"));
    change(f, OP_DELIVERY_RETRY, 4000, 99, 3, STR("nobody"));
    assert_int_equal(due(f, "one", INT64_MIN, 0, INT64_MAX, 10, &d), 2);
    assert_int_equal(d[0].id, a);
    assert_true(d[1].attempts == 3 && d[1].due_ms == 99 && str_eqz(d[1].state, "s1") && str_eqz(d[1].input, "in"));
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(f->store->ops->lane_scan(f->store, see_lane, &text, &fault), ERR_OK);
    buf_addc(&text, 0);
    assert_string_equal(text.p, "another:1@7;one:2@30;");
    assert_int_equal(f->store->ops->stats(f->store, &stats, &fault), ERR_OK);
    assert_int_equal(stats.deliveries, 3);
    change(f, OP_DELIVERY_SETTLE, a, 0, 0, STR_NULL);
    change(f, OP_DELIVERY_SETTLE, a, 0, 0, STR_NULL);
    change(f, OP_DELIVERY_SETTLE, b, 0, 0, STR_NULL);
    buf_clear(&text);
    assert_int_equal(f->store->ops->lane_scan(f->store, see_lane, &text, &fault), ERR_OK);
    buf_addc(&text, 0);
    assert_string_equal(text.p, "another:1@7;");
    assert_int_equal(f->store->ops->stats(f->store, &stats, &fault), ERR_OK);
    assert_int_equal(stats.deliveries, 1);
    assert_true(deliver(f, "one", 1, NULL) > b + 1);
    buf_fini(&text);
}

/* ---- remembered ids --------------------------------------------------------------------------------------------------------------- */

static void remember(struct fixture *f, const struct id *ids, size_t count, int64_t at_ms) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_IDS_REMEMBER);
    op->u.ids.ids = ids;
    op->u.ids.count = count;
    op->u.ids.at_ms = at_ms;
    commit(f, t);
}

static enum err see_ids(void *ctx, const struct id *ids, size_t count, int64_t at_ms) {
    buf_addf(ctx, "%d:", (int)at_ms);
    for (size_t i = 0; i < count; i++) buf_addc(ctx, (char)ids[i].b[15]);
    buf_addc(ctx, ';');
    return ERR_OK;
}

static void ids_come_back_oldest_first_until_forgotten(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    struct id ids[5] = {{.b = {[15] = 'a'}}, {.b = {[15] = 'b'}}, {.b = {[15] = 'c'}}, {.b = {[15] = 'd'}}, {.b = {[15] = 'e'}}};
    remember(f, ids, 2, 10);
    remember(f, ids + 2, 1, 20);
    remember(f, ids + 3, 1, 20);
    remember(f, ids + 4, 1, 15);
    remember(f, NULL, 0, 12);
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(f->store->ops->ids_scan(f->store, 0, see_ids, &text, &fault), ERR_OK);
    buf_addc(&text, 0);
    assert_string_equal(text.p, "10:ab;15:e;20:c;20:d;");
    struct txn *t = begin(f);
    add(t, OP_IDS_FORGET)->u.ids.at_ms = 15;
    commit(f, t);
    buf_clear(&text);
    assert_int_equal(f->store->ops->ids_scan(f->store, 16, see_ids, &text, &fault), ERR_OK);
    buf_addc(&text, 0);
    assert_string_equal(text.p, "20:c;20:d;");
    buf_fini(&text);
}

/* ---- transactions ----------------------------------------------------------------------------------------------------------------- */

static void commit_of_many_is_one(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    struct txn *txns[3];
    for (int i = 0; i < 3; i++) {
        txns[i] = begin(f);
        for (int k = 0; k < 2; k++) {
            struct store_op *op = add(txns[i], OP_STREAM_APPEND);
            op->u.append.stream = 1;
            op->u.append.data = STR("x");
        }
    }
    struct txn *joined = begin(f);
    txn_join(joined, txns[2]);
    txn_join(joined, txns[2]);
    assert_int_equal(joined->count, 2);
    txns[2] = joined;
    assert_int_equal(f->store->ops->commit(f->store, txns, 3, &fault), ERR_OK);
    assert_int_equal(txns[0]->first->u.append.sequence, 1);
    assert_int_equal(txns[2]->last->u.append.sequence, 6);
    struct store_stats stats;
    assert_int_equal(f->store->ops->stats(f->store, &stats, &fault), ERR_OK);
    assert_int_equal(stats.commits, 1);
}

/* A receive that does not fit its arena refuses the whole group after much of it was applied: nothing of it may remain. */
static void refused_commit_leaves_nothing(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    static char big[20000];
    memset(big, 'b', sizeof big - 1);
    append(f, 1, 0, 10, "before");
    send(f, 1, 10, big);
    send_group(f, 2, 10, "m", "g");
    int64_t settled = deliver(f, "lane", 1, NULL);
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_STREAM_APPEND);
    op->u.append.stream = 1;
    op->u.append.data = STR("half");
    add(t, OP_STREAM_TRIM)->u.trim = (__typeof__(op->u.trim)){.stream = 1, .before_ms = 1000};
    add(t, OP_QUEUE_DROP)->u.expire.queue = 2;
    add(t, OP_QUEUE_SEND)->u.send = (__typeof__(op->u.send)){.queue = 3, .body = STR("x"), .group = STR("new"), .dedup = STR("d")};
    add(t, OP_DELIVERY_ADD)->u.delivery = (struct store_delivery){.lane = STR("new lane")};
    add(t, OP_DELIVERY_SETTLE)->u.delivery.id = settled;
    add(t, OP_CATALOG_PUT)->u.catalog = (__typeof__(op->u.catalog)){STR("rule"), STR("k"), STR("v")};
    struct arena small;
    arena_init(&small, 8192);
    struct txn doomed, *both[2] = {t, &doomed};
    txn_init(&doomed, &small);
    op = add(&doomed, OP_QUEUE_RECEIVE);
    op->u.receive.queue = 1;
    op->u.receive.max_messages = 10;
    op->u.receive.now_ms = 100;
    op->u.receive.visible_at_ms = 200;
    assert_int_equal(f->store->ops->commit(f->store, both, 2, &fault), ERR_NOMEM);
    assert_true(fault.message[0]);
    arena_fini(&small);
    struct store_record *r;
    struct store_delivery *d;
    struct store_stats stats;
    struct seen seen = {.left = 10};
    assert_int_equal(read_from(f, 1, 0, 1, 10, 100, &r), 1);
    assert_int_equal(queue_stats(f, 1, 100).visible, 1);
    assert_int_equal(queue_stats(f, 2, 100).visible, 1);
    assert_int_equal(queue_stats(f, 3, 100).visible, 0);
    assert_int_equal(due(f, "lane", INT64_MIN, 0, INT64_MAX, 10, &d), 1);
    assert_int_equal(due(f, "new lane", INT64_MIN, 0, INT64_MAX, 10, &d), 0);
    assert_int_equal(f->store->ops->stats(f->store, &stats, &fault), ERR_OK);
    assert_int_equal(stats.deliveries, 1);
    assert_int_equal(f->store->ops->catalog_scan(f->store, STR("rule"), see, &seen, &fault), ERR_OK);
    assert_int_equal(seen.left, 10);
    assert_int_equal(append(f, 1, 0, 11, "after"), 2);
    assert_false(send_with(f, 3, 0, 0, "y", "new", "d")->u.send.duplicate);
    assert_string_equal(bodies(f, receive_with(f, 2, true, 1, 100, 200, 0, 0)), "m");
}

/* ---- archives ----------------------------------------------------------------------------------------------------------------------- */

static struct store_op *archive_op(struct fixture *f, enum store_op_kind kind, int64_t archive, int64_t before_ms, int64_t limit) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, kind);
    op->u.cut.archive = archive;
    op->u.cut.before_ms = before_ms;
    op->u.cut.limit = limit;
    commit(f, t);
    return op;
}

static int64_t archive_with(struct fixture *f, int64_t archive, int64_t at_ms, const char *context, const char *event) {
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_ARCHIVE_APPEND);
    op->u.archive.archive = archive;
    op->u.archive.at_ms = at_ms;
    op->u.archive.context = str_from(context);
    op->u.archive.event = str_from(event);
    commit(f, t);
    return op->u.archive.sequence;
}

static int64_t archive(struct fixture *f, int64_t number, int64_t at_ms, const char *event) {
    return archive_with(f, number, at_ms, NULL, event);
}

static struct store_archive_stats archive_stats(struct fixture *f, int64_t number) {
    struct fault fault;
    struct store_archive_stats stats;
    assert_int_equal(f->store->ops->archive_stats(f->store, number, &stats, &fault), ERR_OK);
    return stats;
}

static size_t archive_read(struct fixture *f, int64_t number, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                           struct store_archived **events) {
    struct fault fault;
    size_t count;
    assert_int_equal(
        f->store->ops->archive_read(f->store, number, from, until_ms, limit, max_bytes, &f->arena, events, &count, &fault), ERR_OK);
    return count;
}

static int64_t archive_find(struct fixture *f, int64_t number, int64_t at_ms) {
    struct fault fault;
    int64_t sequence;
    assert_int_equal(f->store->ops->archive_find(f->store, number, at_ms, &sequence, &fault), ERR_OK);
    return sequence;
}

static void archive_takes_events_once_it_is_open(void **state) {
    struct fixture *f = fx(state);
    assert_int_equal(archive(f, 1, 10, "early"), 0);
    assert_int_equal(archive_stats(f, 1).next, 0);
    archive_op(f, OP_ARCHIVE_OPEN, 1, 0, 0);
    assert_int_equal(archive_stats(f, 1).next, 1);
    assert_int_equal(archive(f, 1, 10, "a"), 1);
    archive_op(f, OP_ARCHIVE_OPEN, 1, 0, 0); /* again: it stays as it is */
    assert_int_equal(archive(f, 1, 20, "b"), 2);
    assert_int_equal(archive(f, 2, 20, "another's"), 0);
    assert_int_equal(archive_stats(f, 1).count, 2);
}

static void archive_counts_events_and_bytes_at_once(void **state) {
    struct fixture *f = fx(state);
    archive_op(f, OP_ARCHIVE_OPEN, 1, 0, 0);
    archive_op(f, OP_ARCHIVE_OPEN, 2, 0, 0);
    archive_with(f, 1, 10, "context does not count", "1234");
    archive(f, 2, 10, "other");
    archive(f, 1, 20, "12");
    archive(f, 1, 15, "123456"); /* time never goes back */
    struct store_archive_stats n = archive_stats(f, 1);
    assert_int_equal(n.count, 3);
    assert_int_equal(n.bytes, 12);
    assert_int_equal(n.oldest_ms, 10);
    assert_int_equal(n.newest_ms, 20);
    assert_int_equal(archive_op(f, OP_ARCHIVE_TRIM, 1, 20, 0)->u.cut.removed, 1);
    n = archive_stats(f, 1);
    assert_int_equal(n.count, 2);
    assert_int_equal(n.bytes, 8);
    assert_int_equal(n.oldest_ms, 20);
    assert_int_equal(archive_op(f, OP_ARCHIVE_TRIM, 1, INT64_MAX, 1)->u.cut.removed, 1);
    assert_int_equal(archive_stats(f, 1).bytes, 6);
    assert_int_equal(archive_op(f, OP_ARCHIVE_TRIM, 1, INT64_MAX, 10)->u.cut.removed, 1);
    n = archive_stats(f, 1);
    assert_int_equal(n.count, 0);
    assert_int_equal(n.bytes, 0);
    assert_int_equal(n.oldest_ms, 0);
    assert_int_equal(archive(f, 1, 5, "after"), 4);
    n = archive_stats(f, 1);
    assert_int_equal(n.count, 1);
    assert_int_equal(n.bytes, 5);
    assert_int_equal(n.oldest_ms, 20);
    assert_int_equal(archive_stats(f, 2).bytes, 5);
}

static void archive_read_is_bounded_by_time_count_and_bytes(void **state) {
    struct fixture *f = fx(state);
    struct store_archived *e;
    archive_op(f, OP_ARCHIVE_OPEN, 7, 0, 0);
    for (int i = 1; i <= 6; i++) archive_with(f, 7, i * 10, i == 2 ? "arn:a" : NULL, "12345");
    assert_int_equal(archive_read(f, 7, 0, INT64_MAX, 100, 100000, &e), 6);
    assert_true(str_eqz(e[1].context, "arn:a"));
    assert_null(e[0].context.p);
    assert_true(str_eqz(e[0].event, "12345"));
    assert_int_equal(archive_read(f, 7, 2, 50, 100, 100000, &e), 3); /* what came at 50 is not before 50 */
    assert_int_equal(e[0].sequence, 2);
    assert_int_equal(e[2].at_ms, 40);
    assert_int_equal(archive_read(f, 7, 1, INT64_MAX, 2, 100000, &e), 2);
    assert_int_equal(archive_read(f, 7, 1, INT64_MAX, 100, 11, &e), 2);
    assert_int_equal(archive_read(f, 7, 1, INT64_MAX, 100, 1, &e), 1);
    assert_int_equal(archive_read(f, 7, 7, INT64_MAX, 100, 1, &e), 0);
    assert_int_equal(archive_read(f, 8, 1, INT64_MAX, 100, 1, &e), 0);
    assert_int_equal(archive_find(f, 7, INT64_MIN), 1);
    assert_int_equal(archive_find(f, 7, 21), 3);
    assert_int_equal(archive_find(f, 7, 30), 3);
    assert_int_equal(archive_find(f, 7, 61), 7);
    archive_op(f, OP_ARCHIVE_TRIM, 7, 40, 0);
    assert_int_equal(archive_find(f, 7, 10), 4);
    assert_int_equal(archive_read(f, 7, 1, INT64_MAX, 100, 100000, &e), 3); /* from the first that is left */
    assert_int_equal(e[0].sequence, 4);
}

static void archive_drop_goes_piece_by_piece(void **state) {
    struct fixture *f = fx(state);
    archive_op(f, OP_ARCHIVE_OPEN, 1, 0, 0);
    archive_op(f, OP_ARCHIVE_OPEN, 2, 0, 0);
    for (int i = 0; i < 4; i++) archive(f, 1, 10, "x");
    archive(f, 2, 10, "stays");
    assert_int_equal(archive_op(f, OP_ARCHIVE_DROP, 1, 0, 2)->u.cut.removed, 2);
    assert_int_equal(archive(f, 1, 10, "late"), 0); /* closed at the first piece */
    assert_int_equal(archive_op(f, OP_ARCHIVE_DROP, 1, 0, 2)->u.cut.removed, 2);
    assert_int_equal(archive(f, 1, 10, "late"), 0);
    assert_int_equal(archive_op(f, OP_ARCHIVE_DROP, 1, 0, 2)->u.cut.removed, 0);
    assert_int_equal(archive_stats(f, 1).next, 0);
    assert_int_equal(archive_op(f, OP_ARCHIVE_DROP, 1, 0, 0)->u.cut.removed, 0); /* there is none: fine */
    assert_int_equal(archive_stats(f, 2).count, 1);
    assert_int_equal(archive_op(f, OP_ARCHIVE_DROP, 2, 0, 0)->u.cut.removed, 1);
}

static void wrong_operation_is_refused_by_name(void **state) {
    struct fixture *f = fx(state);
    struct fault fault;
    struct txn *t = begin(f);
    struct store_op *op = add(t, OP_QUEUE_RECEIVE);
    op->u.receive.queue = 1;
    op->u.receive.max_messages = 11;
    assert_int_equal(f->store->ops->commit(f->store, &t, 1, &fault), ERR_VALIDATION);
    assert_string_equal(fault.message, "queue receive wants max_messages: 1 to 10");
    op->u.receive.max_messages = 1;
    op->u.receive.max_receives = 1;
    op->u.receive.dead_letter_queue = 1;
    assert_int_equal(f->store->ops->commit(f->store, &t, 1, &fault), ERR_VALIDATION);
    static const enum store_op_kind kinds[] = {OP_CATALOG_PUT,  OP_STREAM_APPEND, OP_STREAM_TRIM,  OP_QUEUE_SEND,
                                               OP_QUEUE_DELETE, OP_QUEUE_EXPIRE,  OP_DELIVERY_ADD, OP_DELIVERY_SETTLE,
                                               OP_ARCHIVE_OPEN, OP_ARCHIVE_APPEND, OP_ARCHIVE_TRIM, OP_ARCHIVE_DROP};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        t = begin(f);
        add(t, kinds[i]);
        assert_int_equal(f->store->ops->commit(f->store, &t, 1, &fault), ERR_VALIDATION);
    }
}

#define EACH(test)                                                                                                                         \
    {#test " (memory)", test, memory_bare, tear_down, NULL}, {#test " (memory, trace, fault)", test, memory_decorated, tear_down, NULL},   \
        {#test " (sqlite)", test, sqlite_bare, tear_down, NULL}, {#test " (sqlite, trace)", test, sqlite_traced, tear_down, NULL}, {       \
#test " (sqlite, fault)", test, sqlite_faulty, tear_down, NULL                                                                     \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(catalog_keeps_bytes_in_order),
        EACH(stream_numbers_each_shard_from_one),
        EACH(stream_read_is_bounded_by_limit_and_bytes),
        EACH(stream_find_tells_first_at_or_after),
        EACH(stream_sequence_survives_trim_of_everything),
        EACH(stream_drop_takes_records_and_counters),
        EACH(queue_gives_oldest_visible_first_and_hides_it),
        EACH(queue_lapsed_message_comes_back_in_its_old_place),
        EACH(queue_stale_receipt_is_not_found),
        EACH(queue_message_never_received_has_no_receipt),
        EACH(queue_delete_after_lapse_still_works),
        EACH(queue_visibility_moves_both_ways),
        EACH(queue_delayed_message_waits),
        EACH(queue_redrive_moves_exhausted_to_dead_letters),
        EACH(queue_redrive_in_one_receive_is_bounded),
        EACH(fifo_keeps_order_and_closes_group_in_flight),
        EACH(fifo_merges_groups_by_position),
        EACH(fifo_visibility_zero_reopens_only_when_nothing_is_in_flight),
        EACH(fifo_delayed_message_holds_what_is_behind_it),
        EACH(fifo_redrive_lets_the_next_pass),
        EACH(fifo_duplicate_is_told_even_after_delete),
        EACH(queue_expire_takes_the_old_only),
        EACH(queue_drop_never_reuses_a_sequence),
        EACH(delivery_scan_pages_in_order_of_due_time),
        EACH(delivery_retry_settle_and_lanes),
        EACH(ids_come_back_oldest_first_until_forgotten),
        EACH(commit_of_many_is_one),
        EACH(refused_commit_leaves_nothing),
        EACH(archive_takes_events_once_it_is_open),
        EACH(archive_counts_events_and_bytes_at_once),
        EACH(archive_read_is_bounded_by_time_count_and_bytes),
        EACH(archive_drop_goes_piece_by_piece),
        EACH(wrong_operation_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("store/verbs", tests, NULL, NULL);
}
