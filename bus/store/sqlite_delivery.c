/* Pending deliveries in SQLite. A lane's name is kept once; its deliveries carry a number. */
#include <stdlib.h>

#include "sqlite.h"

enum { NUMBERS_RESERVED = 65536, LANES_REMEMBERED = 65536 };

/* Numbers never go back, also when all deliveries were settled: they are reserved in blocks, so that an add does not write a counter. */
static enum err delivery_number(struct sqlite_store *s, int64_t *id, struct fault *fault) {
    if (s->delivery_next == s->delivery_reserved) {
        struct rows r;
        enum err err = rows_start(&r, &s->writer, Q_COUNTER_GET, fault, "s", STR("delivery"));
        if (err) return err;
        int64_t from = r.row ? rows_i64(&r, 0) : 1;
        rows_end(&r);
        err = conn_run(&s->writer, Q_COUNTER_PUT, fault, "si", STR("delivery"), from + NUMBERS_RESERVED);
        if (err) return err;
        s->delivery_next = from;
        s->delivery_reserved = from + NUMBERS_RESERVED;
    }
    *id = s->delivery_next++;
    return ERR_OK;
}

static enum err lane_read(struct conn *c, struct str name, int64_t *lane, struct fault *fault) {
    struct rows r;
    *lane = 0;
    enum err err = rows_start(&r, c, Q_LANE_GET, fault, "s", name);
    if (err) return err;
    if (r.row) *lane = rows_i64(&r, 0);
    rows_end(&r);
    return ERR_OK;
}

static enum err lane_number(struct sqlite_store *s, struct str name, int64_t *lane, struct fault *fault) {
    int64_t *known = map_get(&s->lanes, name);
    if (known) {
        *lane = *known;
        return ERR_OK;
    }
    enum err err = lane_read(&s->writer, name, lane, fault);
    if (!err && !*lane) {
        err = conn_run(&s->writer, Q_LANE_ADD, fault, "s", name);
        *lane = sqlite3_last_insert_rowid(s->writer.db);
    }
    if (err || s->lanes.count >= LANES_REMEMBERED) return err;
    known = malloc(sizeof *known);
    if (known && map_put(&s->lanes, name, known, NULL)) {
        *known = *lane;
        return ERR_OK;
    }
    free(known);
    return fault_set(fault, ERR_NOMEM, NULL);
}

enum err sqlite_delivery_add(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct store_delivery *d = &op->u.delivery;
    int64_t lane, id;
    enum err err = lane_number(s, d->lane, &lane, fault);
    if (!err) err = delivery_number(s, &id, fault);
    if (!err)
        err = conn_run(&s->writer, Q_DELIVERY_ADD, fault, "iiiiisss", id, lane, d->due_ms, (int64_t)d->attempts, d->accepted_ms, d->state,
                       d->event, d->input);
    if (err) return err;
    d->id = id;
    s->deliveries_delta++;
    return ERR_OK;
}

enum err sqlite_delivery_retry(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    const struct store_delivery *d = &op->u.delivery;
    return conn_run(&s->writer, Q_DELIVERY_RETRY, fault, "iiis", d->id, d->due_ms, (int64_t)d->attempts, d->state);
}

enum err sqlite_delivery_settle(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    enum err err = conn_run(&s->writer, Q_DELIVERY_SETTLE, fault, "i", op->u.delivery.id);
    if (!err) s->deliveries_delta -= sqlite3_changes(s->writer.db);
    return err;
}

static enum err copy_delivery(const struct rows *r, struct str lane, struct arena *a, struct store_delivery *d, struct fault *fault) {
    *d = (struct store_delivery){
        .id = rows_i64(r, 0), .lane = lane, .accepted_ms = rows_i64(r, 1), .due_ms = rows_i64(r, 2), .attempts = (int32_t)rows_i64(r, 3)};
    enum err err = rows_copy(r, 4, a, &d->state, fault);
    if (!err) err = rows_copy(r, 5, a, &d->event, fault);
    if (!err) err = rows_copy(r, 6, a, &d->input, fault);
    return err;
}

enum err sqlite_delivery_scan(struct store *store, struct str lane, int64_t after_due_ms, int64_t after_id, int64_t until_ms, size_t limit,
                              struct arena *a, struct store_delivery **deliveries, size_t *count, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct rows r;
    int64_t number;
    *deliveries = NULL;
    *count = 0;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = lane_read(c, lane, &number, fault);
    if (err || !number || !limit) goto out;
    int64_t most = limit > INT32_MAX ? INT32_MAX : (int64_t)limit;
    err = rows_start(&r, c, Q_DELIVERY_SCAN, fault, "iiiii", number, after_due_ms, after_id, until_ms, most);
    if (err || !r.row) goto out;
    struct str name = arena_str(a, lane);
    *deliveries = arena_array(a, limit, sizeof **deliveries);
    if (!*deliveries || !name.p) err = fault_set(fault, ERR_NOMEM, "the deliveries do not fit the caller's memory; ask for fewer");
    while (!err && r.row) {
        err = copy_delivery(&r, name, a, &(*deliveries)[(*count)++], fault);
        if (!err) err = rows_next(&r, fault);
    }
out:
    sqlite_reader_give(s, c);
    return err;
}

enum err sqlite_lane_scan(struct store *store, enum err (*each)(void *ctx, const struct store_lane_stats *lane), void *ctx,
                          struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct rows r;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = rows_start(&r, c, Q_LANE_SCAN, fault, "");
    while (!err && r.row) {
        struct store_lane_stats lane = {.lane = rows_str(&r, 0), .count = rows_i64(&r, 1), .next_due_ms = rows_i64(&r, 2)};
        err = each(ctx, &lane);
        if (!err) err = rows_next(&r, fault);
    }
    sqlite_reader_give(s, c);
    return err;
}
