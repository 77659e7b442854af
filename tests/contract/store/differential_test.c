/* The same seeded random operations on both engines: every result, every scan and every number must agree. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "store.h"

enum { SEEDS = 4, COMMITS = 1200, OPS_MAX = 12 };

static uint64_t random_state;
/* xorshift64*: the seed alone tells the sequence. */
static int64_t roll(int64_t below) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (int64_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

struct pair {
    struct store *store[2]; /* memory, SQLite */
    struct arena arena;
    int64_t now_ms;
    struct {
        int64_t queue, sequence, receipt;
    } handles[64];      /* of what was received lately */
    int64_t deliveries; /* ids given so far */
};

static struct str text(struct arena *a, const char *prefix, int64_t below) {
    struct str s = arena_printf(a, "%s%" PRId64, prefix, roll(below));
    assert_non_null(s.p);
    return s;
}

static void fill_send(struct pair *p, struct store_op *op) {
    op->u.send.queue = 1 + roll(4);
    op->u.send.id.b[3] = (uint8_t)roll(256);
    op->u.send.sent_ms = p->now_ms - (roll(10) ? 0 : roll(200));
    op->u.send.visible_at_ms = op->u.send.sent_ms + (roll(6) ? 0 : roll(100));
    op->u.send.body = text(&p->arena, "body ", 1000);
    if (roll(2)) op->u.send.attributes = text(&p->arena, "{}", 10);
    if (op->u.send.queue <= 2) return;
    op->u.send.group = text(&p->arena, "g", 4);
    if (roll(2)) op->u.send.dedup = text(&p->arena, "d", 30);
    op->u.send.dedup_since_ms = p->now_ms - 300;
}

static void fill_receive(struct pair *p, struct store_op *op) {
    op->u.receive.queue = 1 + roll(4);
    op->u.receive.fifo = op->u.receive.queue > 2;
    op->u.receive.max_messages = (int32_t)(1 + roll(10));
    op->u.receive.now_ms = p->now_ms;
    op->u.receive.visible_at_ms = p->now_ms + roll(150);
    op->u.receive.max_receives = (int32_t)(roll(2) ? 0 : 1 + roll(3));
    op->u.receive.dead_letter_queue = op->u.receive.queue % 2 ? op->u.receive.queue + 1 : op->u.receive.queue + 10;
}

static void fill_handle(struct pair *p, struct store_op *op) {
    size_t i = (size_t)roll(64);
    op->u.handle.queue = p->handles[i].queue ? p->handles[i].queue : 1;
    op->u.handle.sequence = p->handles[i].sequence;
    op->u.handle.receipt = p->handles[i].receipt;
    op->u.handle.visible_at_ms = roll(3) ? p->now_ms + roll(200) : 0;
}

static void fill_delivery(struct pair *p, struct store_op *op) {
    op->u.delivery = (struct store_delivery){.id = 1 + roll(p->deliveries + 2),
                                             .lane = text(&p->arena, "lane", 5),
                                             .accepted_ms = p->now_ms,
                                             .due_ms = p->now_ms + roll(100),
                                             .attempts = (int32_t)roll(10),
                                             .state = text(&p->arena, "s", 9),
                                             .event = text(&p->arena, "{\"event\":1}", 9)};
    if (roll(2)) op->u.delivery.input = text(&p->arena, "in", 9);
}

static void fill_ids(struct pair *p, struct store_op *op) {
    struct id *ids = arena_array(&p->arena, 4, sizeof *ids);
    assert_non_null(ids);
    for (int i = 0; i < 4; i++) ids[i].b[0] = (uint8_t)roll(256);
    op->u.ids.ids = ids;
    op->u.ids.count = (size_t)roll(5);
    op->u.ids.at_ms = p->now_ms - (op->kind == OP_IDS_FORGET ? 200 : roll(3));
}

static void fill(struct pair *p, struct store_op *op) {
    switch (op->kind) {
    case OP_CATALOG_PUT:
    case OP_CATALOG_DELETE:
        op->u.catalog.kind = text(&p->arena, "kind", 3);
        op->u.catalog.key = text(&p->arena, "", 20);
        if (roll(4)) op->u.catalog.value = text(&p->arena, "value", 1000);
        break;
    case OP_STREAM_APPEND:
        op->u.append.stream = 1 + roll(3);
        op->u.append.shard = (uint32_t)roll(3);
        op->u.append.at_ms = p->now_ms - (roll(8) ? 0 : roll(100));
        op->u.append.partition_key = text(&p->arena, "key", 9);
        op->u.append.data = text(&p->arena, "data", 100000);
        break;
    case OP_STREAM_TRIM:
    case OP_STREAM_DROP:
        op->u.trim.stream = 1 + roll(3);
        op->u.trim.before_ms = p->now_ms - roll(400);
        op->u.trim.limit = roll(3) ? roll(10) : 0;
        break;
    case OP_QUEUE_SEND: fill_send(p, op); break;
    case OP_QUEUE_RECEIVE: fill_receive(p, op); break;
    case OP_QUEUE_DELETE:
    case OP_QUEUE_VISIBILITY: fill_handle(p, op); break;
    case OP_QUEUE_EXPIRE:
    case OP_QUEUE_DROP:
        op->u.expire.queue = 1 + roll(5);
        op->u.expire.before_ms = p->now_ms - roll(600);
        op->u.expire.limit = roll(3) ? roll(10) : 0;
        break;
    case OP_DELIVERY_ADD:
    case OP_DELIVERY_RETRY:
    case OP_DELIVERY_SETTLE: fill_delivery(p, op); break;
    case OP_IDS_REMEMBER:
    case OP_IDS_FORGET: fill_ids(p, op); break;
    case OP_ARCHIVE_APPEND:
        op->u.archive.archive = 1 + roll(3);
        op->u.archive.at_ms = p->now_ms - (roll(8) ? 0 : roll(100));
        op->u.archive.event = text(&p->arena, "{\"event\":2}", 100000);
        if (roll(2)) op->u.archive.context = text(&p->arena, "c", 9);
        break;
    case OP_ARCHIVE_OPEN:
    case OP_ARCHIVE_TRIM:
    case OP_ARCHIVE_DROP:
        op->u.cut.archive = 1 + roll(3);
        op->u.cut.before_ms = p->now_ms - roll(400);
        op->u.cut.limit = roll(3) ? roll(10) : 0;
        break;
    }
}

static enum store_op_kind pick(void) {
    static const struct {
        enum store_op_kind kind;
        int weight;
    } weights[] = {{OP_CATALOG_PUT, 3},   {OP_CATALOG_DELETE, 2},   {OP_STREAM_APPEND, 20}, {OP_STREAM_TRIM, 4},      {OP_STREAM_DROP, 1},
                   {OP_QUEUE_SEND, 30},   {OP_QUEUE_RECEIVE, 16},   {OP_QUEUE_DELETE, 24},  {OP_QUEUE_VISIBILITY, 8}, {OP_QUEUE_EXPIRE, 3},
                   {OP_DELIVERY_ADD, 10}, {OP_DELIVERY_SETTLE, 12}, {OP_DELIVERY_RETRY, 6}, {OP_IDS_REMEMBER, 4},     {OP_IDS_FORGET, 1},
                   {OP_ARCHIVE_OPEN, 2},  {OP_ARCHIVE_APPEND, 20},  {OP_ARCHIVE_TRIM, 3}};
    if (!roll(1000)) return OP_QUEUE_DROP;
    if (!roll(300)) return OP_ARCHIVE_DROP;
    int at = (int)roll(169);
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        if ((at -= weights[i].weight) < 0) return weights[i].kind;
    fail_msg("the weights do not add up to 169");
    return OP_QUEUE_DROP;
}

static void same_str(struct str a, struct str b) {
    assert_int_equal(a.p != NULL, b.p != NULL);
    assert_true(str_eq(a, b));
}

static void same_message(const struct store_message *a, const struct store_message *b) {
    assert_int_equal(a->sequence, b->sequence);
    assert_memory_equal(&a->id, &b->id, sizeof a->id);
    assert_int_equal(a->receipt, b->receipt);
    assert_int_equal(a->sent_ms, b->sent_ms);
    assert_int_equal(a->first_received_ms, b->first_received_ms);
    assert_int_equal(a->receives, b->receives);
    same_str(a->body, b->body);
    same_str(a->attributes, b->attributes);
    same_str(a->group, b->group);
    same_str(a->dedup, b->dedup);
}

static void same_receive(struct pair *p, const struct store_op *a, const struct store_op *b) {
    assert_int_equal(a->u.receive.message_count, b->u.receive.message_count);
    assert_int_equal(a->u.receive.moved, b->u.receive.moved);
    for (size_t i = 0; i < a->u.receive.message_count; i++) {
        const struct store_message *m = &a->u.receive.messages[i];
        same_message(m, &b->u.receive.messages[i]);
        size_t slot = (size_t)roll(64);
        p->handles[slot].queue = a->u.receive.queue;
        p->handles[slot].sequence = m->sequence;
        p->handles[slot].receipt = m->receipt;
    }
}

static void same_result(struct pair *p, const struct store_op *a, const struct store_op *b) {
    switch (a->kind) {
    case OP_STREAM_APPEND: assert_int_equal(a->u.append.sequence, b->u.append.sequence); break;
    case OP_STREAM_TRIM:
    case OP_STREAM_DROP: assert_int_equal(a->u.trim.removed, b->u.trim.removed); break;
    case OP_QUEUE_SEND:
        assert_int_equal(a->u.send.duplicate, b->u.send.duplicate);
        assert_int_equal(a->u.send.sequence, b->u.send.sequence);
        break;
    case OP_QUEUE_RECEIVE: same_receive(p, a, b); break;
    case OP_QUEUE_DELETE:
    case OP_QUEUE_VISIBILITY: assert_int_equal(a->u.handle.found, b->u.handle.found); break;
    case OP_QUEUE_EXPIRE:
    case OP_QUEUE_DROP: assert_int_equal(a->u.expire.removed, b->u.expire.removed); break;
    case OP_DELIVERY_ADD:
        assert_int_equal(a->u.delivery.id, b->u.delivery.id);
        p->deliveries = a->u.delivery.id;
        break;
    case OP_ARCHIVE_APPEND: assert_int_equal(a->u.archive.sequence, b->u.archive.sequence); break;
    case OP_ARCHIVE_TRIM:
    case OP_ARCHIVE_DROP: assert_int_equal(a->u.cut.removed, b->u.cut.removed); break;
    case OP_ARCHIVE_OPEN:
    case OP_CATALOG_PUT:
    case OP_CATALOG_DELETE:
    case OP_DELIVERY_RETRY:
    case OP_DELIVERY_SETTLE:
    case OP_IDS_REMEMBER:
    case OP_IDS_FORGET: break;
    }
}

/* One random commit of one or two transactions on both. */
static size_t step(struct pair *p) {
    struct fault fault;
    struct txn t[2][2];
    struct txn *groups[2][2] = {{&t[0][0], &t[0][1]}, {&t[1][0], &t[1][1]}};
    size_t txns = 1 + (size_t)roll(2), ops = 0;
    p->now_ms += roll(30);
    for (size_t i = 0; i < txns; i++) {
        txn_init(&t[0][i], &p->arena);
        txn_init(&t[1][i], &p->arena);
        for (int64_t n = 1 + roll(OPS_MAX); n; n--, ops++) {
            struct store_op *a = txn_add(&t[0][i], pick()), *b = a ? txn_add(&t[1][i], a->kind) : NULL;
            assert_non_null(b);
            fill(p, a);
            struct store_op *next = b->next;
            *b = *a;
            b->next = next;
        }
    }
    for (int s = 0; s < 2; s++) {
        enum err err = p->store[s]->ops->commit(p->store[s], groups[s], txns, &fault);
        if (err) fail_msg("%s: %s", p->store[s]->ops->name, fault.message);
    }
    for (size_t i = 0; i < txns; i++)
        for (const struct store_op *a = t[0][i].first, *b = t[1][i].first; a; a = a->next, b = b->next) same_result(p, a, b);
    return ops;
}

/* ---- everything the reading verbs tell, as text ----------------------------------------------------------------------------------- */

static enum err dump_entry(void *ctx, struct str key, struct str value) {
    buf_addf(ctx, "%.*s=%.*s%d\n", STR_ARG(key), STR_ARG(value), value.p != NULL);
    return ERR_OK;
}

static enum err dump_lane(void *ctx, const struct store_lane_stats *lane) {
    buf_addf(ctx, "lane %.*s %" PRId64 " %" PRId64 "\n", STR_ARG(lane->lane), lane->count, lane->next_due_ms);
    return ERR_OK;
}

static enum err dump_ids(void *ctx, const struct id *ids, size_t count, int64_t at_ms) {
    buf_addf(ctx, "ids %" PRId64, at_ms);
    for (size_t i = 0; i < count; i++) buf_addf(ctx, " %d", ids[i].b[0]);
    buf_addc(ctx, '\n');
    return ERR_OK;
}

static void dump_streams(struct store *s, struct arena *a, int64_t now_ms, struct buf *out) {
    struct fault fault;
    for (int64_t stream = 1; stream <= 3; stream++)
        for (uint32_t shard = 0; shard < 3; shard++) {
            struct store_record *r;
            size_t count;
            int64_t sequence, next;
            assert_int_equal(s->ops->stream_read(s, stream, shard, 0, 10000, 100000, a, &r, &count, &fault), ERR_OK);
            for (size_t i = 0; i < count; i++)
                buf_addf(out, "record %" PRId64 " %" PRId64 " %.*s %.*s\n", r[i].sequence, r[i].at_ms, STR_ARG(r[i].partition_key),
                         STR_ARG(r[i].data));
            const int64_t at[] = {INT64_MIN, now_ms - 500, now_ms - 100, now_ms, INT64_MAX};
            for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
                assert_int_equal(s->ops->stream_find(s, stream, shard, at[i], &sequence, &next, &fault), ERR_OK);
                buf_addf(out, "find %" PRId64 " %" PRId64 "\n", sequence, next);
            }
        }
}

static void dump_archives(struct store *s, struct arena *a, int64_t now_ms, struct buf *out) {
    struct fault fault;
    for (int64_t archive = 1; archive <= 3; archive++) {
        struct store_archive_stats n;
        struct store_archived *e;
        size_t count;
        int64_t sequence;
        assert_int_equal(s->ops->archive_stats(s, archive, &n, &fault), ERR_OK);
        buf_addf(out, "archive %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", n.count, n.bytes, n.oldest_ms,
                 n.newest_ms, n.next);
        assert_int_equal(s->ops->archive_read(s, archive, n.next - 40, now_ms - 20, 30, 600, a, &e, &count, &fault), ERR_OK);
        for (size_t i = 0; i < count; i++)
            buf_addf(out, "archived %" PRId64 " %" PRId64 " %.*s%d %.*s\n", e[i].sequence, e[i].at_ms, STR_ARG(e[i].context),
                     e[i].context.p != NULL, STR_ARG(e[i].event));
        const int64_t at[] = {INT64_MIN, now_ms - 500, now_ms - 100, now_ms, INT64_MAX};
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            assert_int_equal(s->ops->archive_find(s, archive, at[i], &sequence, &fault), ERR_OK);
            buf_addf(out, "find %" PRId64 "\n", sequence);
        }
    }
}

static void dump_queues(struct store *s, int64_t now_ms, struct buf *out) {
    struct fault fault;
    for (int64_t queue = 1; queue <= 14; queue++) {
        struct store_queue_stats q;
        assert_int_equal(s->ops->queue_stats(s, queue, now_ms, &q, &fault), ERR_OK);
        buf_addf(out, "queue %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", q.visible, q.in_flight, q.delayed, q.oldest_sent_ms);
    }
}

static void dump_deliveries(struct store *s, struct arena *a, int64_t now_ms, struct buf *out) {
    static const char *const lanes[] = {"lane0", "lane1", "lane2", "lane3", "lane4", "lane9"};
    struct fault fault;
    for (size_t i = 0; i < 6; i++) {
        struct store_delivery *d;
        size_t count;
        int64_t due_ms = INT64_MIN, id = 0;
        do {
            assert_int_equal(s->ops->delivery_scan(s, str_from(lanes[i]), due_ms, id, now_ms + 60, 7, a, &d, &count, &fault), ERR_OK);
            for (size_t k = 0; k < count; k++)
                buf_addf(out, "delivery %" PRId64 " %.*s %" PRId64 " %" PRId64 " %d %.*s %.*s %.*s%d\n", d[k].id, STR_ARG(d[k].lane),
                         d[k].accepted_ms, d[k].due_ms, d[k].attempts, STR_ARG(d[k].state), STR_ARG(d[k].event), STR_ARG(d[k].input),
                         d[k].input.p != NULL);
            if (count) due_ms = d[count - 1].due_ms, id = d[count - 1].id;
        } while (count == 7);
    }
}

static void dump(struct pair *p, struct store *s, struct buf *out) {
    struct fault fault;
    struct store_stats stats;
    assert_int_equal(s->ops->catalog_scan(s, STR("kind0"), dump_entry, out, &fault), ERR_OK);
    assert_int_equal(s->ops->catalog_scan(s, STR("kind1"), dump_entry, out, &fault), ERR_OK);
    assert_int_equal(s->ops->lane_scan(s, dump_lane, out, &fault), ERR_OK);
    assert_int_equal(s->ops->ids_scan(s, p->now_ms - 150, dump_ids, out, &fault), ERR_OK);
    assert_int_equal(s->ops->stats(s, &stats, &fault), ERR_OK);
    buf_addf(out, "pending %" PRId64 " commits %" PRId64 "\n", stats.deliveries, stats.commits);
    dump_streams(s, &p->arena, p->now_ms, out);
    dump_archives(s, &p->arena, p->now_ms, out);
    dump_queues(s, p->now_ms, out);
    dump_deliveries(s, &p->arena, p->now_ms, out);
    assert_false(out->failed);
}

static void same_content(struct pair *p) {
    struct buf a, b;
    buf_init(&a, 0);
    buf_init(&b, 0);
    dump(p, p->store[0], &a);
    dump(p, p->store[1], &b);
    buf_addc(&a, 0);
    buf_addc(&b, 0);
    assert_string_equal(a.p, b.p);
    buf_fini(&a);
    buf_fini(&b);
}

static void run_seed(uint64_t seed, const char *path, size_t *ops) {
    struct fault fault;
    struct pair p = {.now_ms = 100000};
    struct store_options options = {.durability = DURABILITY_OFF, .cache_bytes = 64 << 10};
    random_state = seed;
    arena_init(&p.arena, 0);
    assert_int_equal(store_open_memory(&p.store[0], &fault), ERR_OK);
    if (store_open_sqlite(path, &options, &p.store[1], &fault)) fail_msg("%s", fault.message);
    for (int i = 0; i < COMMITS; i++) {
        *ops += step(&p);
        if (i % 50 == 49) same_content(&p);
        arena_reset(&p.arena);
    }
    for (int s = 0; s < 2; s++)
        if (p.store[s]->ops->check(p.store[s], &fault)) fail_msg("%s: %s", p.store[s]->ops->name, fault.message);
    store_close(p.store[0]);
    store_close(p.store[1]);
    arena_fini(&p.arena);
}

static void engines_agree_on_random_operations(void **state) {
    (void)state;
    char dir[] = "/tmp/store-differential-XXXXXX", path[64], name[80];
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    const char *given = getenv("STORE_SEED"); /* to look into one that failed */
    size_t ops = 0;
    for (uint64_t i = 1; i <= SEEDS; i++) {
        uint64_t seed = given ? strtoull(given, NULL, 10) : i * UINT64_C(0x9E3779B97F4A7C15);
        print_message("seed %" PRIu64 "\n", seed);
        run_seed(seed, path, &ops);
        for (size_t k = 0; k < 4; k++) {
            snprintf(name, sizeof name, "%s%s", path, suffixes[k]);
            unlink(name);
        }
    }
    rmdir(dir);
    print_message("%zu operations\n", ops);
    assert_true(ops > 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(engines_agree_on_random_operations)};
    return cmocka_run_group_tests_name("store/differential", tests, NULL, NULL);
}
