/* A store that logs every verb of the one inside it: name, size, duration, outcome. At level debug; otherwise it only forwards. */
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "store.h"

struct trace_store {
    struct store store;
    struct store *inner;
};

static struct store *inner_of(struct store *s) { return ((struct trace_store *)s)->inner; }

static enum err traced(const char *verb, enum err err, int64_t began_ns, int64_t subject, size_t count) {
    log_line(LOG_DEBUG, "store", verb, LOG_Z("result", err_row(err)->name), LOG_I("of", subject), LOG_I("count", count),
             LOG_I("took_us", (clock_mono_ns() - began_ns) / 1000));
    return err;
}

static enum err trace_commit(struct store *s, struct txn *const *txns, size_t count, struct fault *fault) {
    int64_t began = clock_mono_ns();
    enum err err = inner_of(s)->ops->commit(inner_of(s), txns, count, fault);
    size_t operations = 0;
    for (size_t i = 0; i < count; i++) operations += txns[i]->count;
    return traced("commit", err, began, (int64_t)count, operations);
}

static enum err trace_catalog_scan(struct store *s, struct str kind, enum err (*each)(void *ctx, struct str key, struct str value),
                                   void *ctx, struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("catalog_scan", inner_of(s)->ops->catalog_scan(inner_of(s), kind, each, ctx, fault), began, 0, 0);
}

static enum err trace_stream_read(struct store *s, int64_t stream, uint32_t shard, int64_t from, size_t limit, size_t max_bytes,
                                  struct arena *a, struct store_record **records, size_t *count, struct fault *fault) {
    int64_t began = clock_mono_ns();
    enum err err = inner_of(s)->ops->stream_read(inner_of(s), stream, shard, from, limit, max_bytes, a, records, count, fault);
    return traced("stream_read", err, began, stream, *count);
}

static enum err trace_stream_find(struct store *s, int64_t stream, uint32_t shard, int64_t at_ms, int64_t *sequence, int64_t *next,
                                  struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("stream_find", inner_of(s)->ops->stream_find(inner_of(s), stream, shard, at_ms, sequence, next, fault), began, stream, 0);
}

static enum err trace_queue_stats(struct store *s, int64_t queue, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("queue_stats", inner_of(s)->ops->queue_stats(inner_of(s), queue, now_ms, stats, fault), began, queue, 0);
}

static enum err trace_delivery_scan(struct store *s, struct str lane, int64_t after_due_ms, int64_t after_id, int64_t until_ms,
                                    size_t limit, struct arena *a, struct store_delivery **deliveries, size_t *count, struct fault *fault) {
    int64_t began = clock_mono_ns();
    enum err err = inner_of(s)->ops->delivery_scan(inner_of(s), lane, after_due_ms, after_id, until_ms, limit, a, deliveries, count, fault);
    return traced("delivery_scan", err, began, 0, *count);
}

static enum err trace_lane_scan(struct store *s, enum err (*each)(void *ctx, const struct store_lane_stats *lane), void *ctx,
                                struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("lane_scan", inner_of(s)->ops->lane_scan(inner_of(s), each, ctx, fault), began, 0, 0);
}

static enum err trace_ids_scan(struct store *s, int64_t since_ms,
                               enum err (*each)(void *ctx, const struct id *ids, size_t count, int64_t at_ms), void *ctx,
                               struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("ids_scan", inner_of(s)->ops->ids_scan(inner_of(s), since_ms, each, ctx, fault), began, 0, 0);
}

static enum err trace_archive_read(struct store *s, int64_t archive, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                                   struct arena *a, struct store_archived **events, size_t *count, struct fault *fault) {
    int64_t began = clock_mono_ns();
    enum err err = inner_of(s)->ops->archive_read(inner_of(s), archive, from, until_ms, limit, max_bytes, a, events, count, fault);
    return traced("archive_read", err, began, archive, *count);
}

static enum err trace_archive_find(struct store *s, int64_t archive, int64_t at_ms, int64_t *sequence, struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("archive_find", inner_of(s)->ops->archive_find(inner_of(s), archive, at_ms, sequence, fault), began, archive, 0);
}

static enum err trace_archive_stats(struct store *s, int64_t archive, struct store_archive_stats *stats, struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("archive_stats", inner_of(s)->ops->archive_stats(inner_of(s), archive, stats, fault), began, archive, 0);
}

static enum err trace_check(struct store *s, struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("check", inner_of(s)->ops->check(inner_of(s), fault), began, 0, 0);
}

static enum err trace_stats(struct store *s, struct store_stats *stats, struct fault *fault) {
    int64_t began = clock_mono_ns();
    return traced("stats", inner_of(s)->ops->stats(inner_of(s), stats, fault), began, 0, 0);
}

static enum err trace_maintain(struct store *s, bool idle, struct fault *fault) {
    int64_t began = clock_mono_ns();
    if (!inner_of(s)->ops->maintain) return ERR_OK;
    return traced(idle ? "maintain idle" : "maintain", inner_of(s)->ops->maintain(inner_of(s), idle, fault), began, 0, 0);
}

static void trace_close(struct store *s) {
    store_close(inner_of(s));
    free(s);
}

static const struct store_ops trace_ops = {
    .name = "trace",
    .close = trace_close,
    .commit = trace_commit,
    .catalog_scan = trace_catalog_scan,
    .stream_read = trace_stream_read,
    .stream_find = trace_stream_find,
    .queue_stats = trace_queue_stats,
    .delivery_scan = trace_delivery_scan,
    .lane_scan = trace_lane_scan,
    .ids_scan = trace_ids_scan,
    .archive_read = trace_archive_read,
    .archive_find = trace_archive_find,
    .archive_stats = trace_archive_stats,
    .check = trace_check,
    .stats = trace_stats,
    .maintain = trace_maintain,
};

enum err store_open_trace(struct store *inner, struct store **s, struct fault *fault) {
    struct trace_store *t = calloc(1, sizeof *t);
    *s = NULL;
    if (!t) return fault_set(fault, ERR_NOMEM, NULL);
    t->store.ops = &trace_ops;
    t->inner = inner;
    *s = &t->store;
    return ERR_OK;
}
