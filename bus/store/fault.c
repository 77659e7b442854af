/* A store that fails on demand: the nth commit from now is refused, or applied and reported as failed. Everything else is forwarded. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "store.h"

struct fault_store {
    struct store store;
    struct store *inner;
    pthread_mutex_t mutex; /* the plan: any thread may change it */
    int64_t left;          /* commits until the failing one; 0: none is planned */
    enum err code;
    bool torn;
};

static struct store *inner_of(struct store *s) { return ((struct fault_store *)s)->inner; }

static enum err fault_commit(struct store *s, struct txn *const *txns, size_t count, struct fault *fault) {
    struct fault_store *f = (struct fault_store *)s;
    pthread_mutex_lock(&f->mutex);
    bool fail = f->left && --f->left == 0, torn = f->torn;
    enum err code = f->code;
    pthread_mutex_unlock(&f->mutex);
    if (!fail || torn) {
        enum err err = f->inner->ops->commit(f->inner, txns, count, fault);
        if (err || !fail) return err;
    }
    return fault_set(fault, code, "%s (planned by a test)", err_row(code)->sentence);
}

static enum err fault_catalog_scan(struct store *s, struct str kind, enum err (*each)(void *ctx, struct str key, struct str value),
                                   void *ctx, struct fault *fault) {
    return inner_of(s)->ops->catalog_scan(inner_of(s), kind, each, ctx, fault);
}

static enum err fault_stream_read(struct store *s, int64_t stream, uint32_t shard, int64_t from, size_t limit, size_t max_bytes,
                                  struct arena *a, struct store_record **records, size_t *count, struct fault *fault) {
    return inner_of(s)->ops->stream_read(inner_of(s), stream, shard, from, limit, max_bytes, a, records, count, fault);
}

static enum err fault_stream_find(struct store *s, int64_t stream, uint32_t shard, int64_t at_ms, int64_t *sequence, int64_t *next,
                                  struct fault *fault) {
    return inner_of(s)->ops->stream_find(inner_of(s), stream, shard, at_ms, sequence, next, fault);
}

static enum err fault_queue_stats(struct store *s, int64_t queue, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault) {
    return inner_of(s)->ops->queue_stats(inner_of(s), queue, now_ms, stats, fault);
}

static enum err fault_delivery_scan(struct store *s, struct str lane, int64_t after_due_ms, int64_t after_id, int64_t until_ms,
                                    size_t limit, struct arena *a, struct store_delivery **deliveries, size_t *count, struct fault *fault) {
    return inner_of(s)->ops->delivery_scan(inner_of(s), lane, after_due_ms, after_id, until_ms, limit, a, deliveries, count, fault);
}

static enum err fault_lane_scan(struct store *s, enum err (*each)(void *ctx, const struct store_lane_stats *lane), void *ctx,
                                struct fault *fault) {
    return inner_of(s)->ops->lane_scan(inner_of(s), each, ctx, fault);
}

static enum err fault_ids_scan(struct store *s, int64_t since_ms,
                               enum err (*each)(void *ctx, const struct id *ids, size_t count, int64_t at_ms), void *ctx,
                               struct fault *fault) {
    return inner_of(s)->ops->ids_scan(inner_of(s), since_ms, each, ctx, fault);
}

static enum err fault_archive_read(struct store *s, int64_t archive, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                                   struct arena *a, struct store_archived **events, size_t *count, struct fault *fault) {
    return inner_of(s)->ops->archive_read(inner_of(s), archive, from, until_ms, limit, max_bytes, a, events, count, fault);
}

static enum err fault_archive_find(struct store *s, int64_t archive, int64_t at_ms, int64_t *sequence, struct fault *fault) {
    return inner_of(s)->ops->archive_find(inner_of(s), archive, at_ms, sequence, fault);
}

static enum err fault_archive_stats(struct store *s, int64_t archive, struct store_archive_stats *stats, struct fault *fault) {
    return inner_of(s)->ops->archive_stats(inner_of(s), archive, stats, fault);
}

static enum err fault_check(struct store *s, struct fault *fault) { return inner_of(s)->ops->check(inner_of(s), fault); }

static enum err fault_stats(struct store *s, struct store_stats *stats, struct fault *fault) {
    return inner_of(s)->ops->stats(inner_of(s), stats, fault);
}

static enum err fault_maintain(struct store *s, bool idle, struct fault *fault) {
    return inner_of(s)->ops->maintain ? inner_of(s)->ops->maintain(inner_of(s), idle, fault) : ERR_OK;
}

static void fault_close(struct store *s) {
    struct fault_store *f = (struct fault_store *)s;
    store_close(f->inner);
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

static const struct store_ops fault_ops = {
    .name = "fault",
    .close = fault_close,
    .commit = fault_commit,
    .catalog_scan = fault_catalog_scan,
    .stream_read = fault_stream_read,
    .stream_find = fault_stream_find,
    .queue_stats = fault_queue_stats,
    .delivery_scan = fault_delivery_scan,
    .lane_scan = fault_lane_scan,
    .ids_scan = fault_ids_scan,
    .archive_read = fault_archive_read,
    .archive_find = fault_archive_find,
    .archive_stats = fault_archive_stats,
    .check = fault_check,
    .stats = fault_stats,
    .maintain = fault_maintain,
};

enum err store_open_fault(struct store *inner, struct store **s, struct fault *fault) {
    struct fault_store *f = calloc(1, sizeof *f);
    *s = NULL;
    if (!f) return fault_set(fault, ERR_NOMEM, NULL);
    if (pthread_mutex_init(&f->mutex, NULL)) {
        free(f);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    f->store.ops = &fault_ops;
    f->inner = inner;
    *s = &f->store;
    return ERR_OK;
}

void store_fault_at(struct store *fault_store, int64_t nth_commit, enum err code, bool torn) {
    struct fault_store *f = (struct fault_store *)fault_store;
    assert(fault_store->ops == &fault_ops && nth_commit >= 0 && code != ERR_OK);
    pthread_mutex_lock(&f->mutex);
    f->left = nth_commit;
    f->code = code;
    f->torn = torn;
    pthread_mutex_unlock(&f->mutex);
}
