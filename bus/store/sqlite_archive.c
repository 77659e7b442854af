/* Archives in SQLite. Sequences of an archive have no gaps: [first, next) are all there, so time is found by bisection over keys, and
 * the number and size of what is there by subtraction. */
#include <stdlib.h>

#include "sqlite.h"

static struct str number_str(const int64_t *number) { return str_of((const char *)number, sizeof *number); }

/* As the connection's transaction sees it; lane 0: there is none. */
static enum err archive_load(struct conn *c, int64_t number, struct archive *ar, struct fault *fault) {
    struct rows r;
    *ar = (struct archive){.number = number, .first = 1, .next = 1, .last_ms = INT64_MIN};
    enum err err = rows_start(&r, c, Q_ARCHIVE_GET, fault, "i", number);
    if (err) return err;
    if (r.row) {
        ar->lane = rows_i64(&r, 0);
        ar->closed = rows_i64(&r, 1);
        ar->first = rows_i64(&r, 2);
        ar->next = rows_i64(&r, 3);
        ar->last_ms = rows_i64(&r, 4);
        ar->total = rows_i64(&r, 5);
        ar->gone = rows_i64(&r, 6);
    }
    rows_end(&r);
    if (!ar->lane) return ERR_OK;
    err = rows_start(&r, c, Q_ARCHIVED_LAST, fault, "ii", row_key(ar->lane, 0), row_key(ar->lane, SEQUENCE_MAX));
    if (err) return err;
    if (r.row) {
        ar->next = row_sequence(rows_i64(&r, 0)) + 1;
        ar->last_ms = rows_i64(&r, 1);
        ar->total = rows_i64(&r, 2);
    }
    rows_end(&r);
    return ERR_OK;
}

/* The writer's copy; NULL in *out when there is no such archive. */
static enum err archive_get(struct sqlite_store *s, int64_t number, struct archive **out, struct fault *fault) {
    struct archive found;
    *out = map_get(&s->archives, number_str(&number));
    if (*out) return ERR_OK;
    enum err err = archive_load(&s->writer, number, &found, fault);
    if (err || !found.lane) return err;
    struct archive *ar = malloc(sizeof *ar);
    if (!ar) return fault_set(fault, ERR_NOMEM, NULL);
    *ar = found;
    if (!map_put(&s->archives, number_str(&number), ar, NULL)) {
        free(ar);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    *out = ar;
    return ERR_OK;
}

static enum err archive_save(struct sqlite_store *s, const struct archive *ar, struct fault *fault) {
    return conn_run(&s->writer, Q_ARCHIVE_SET, fault, "iiiiiii", ar->lane, (int64_t)ar->closed, ar->first, ar->next, ar->last_ms, ar->total,
                    ar->gone);
}

enum err sqlite_archive_open(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct archive *ar;
    int64_t lane;
    enum err err = archive_get(s, op->u.cut.archive, &ar, fault);
    if (err || ar) return err;
    err = sqlite_lane_new(s, Q_ARCHIVE_LANE_NEXT, Q_ARCHIVE_LANE_GAP, &lane, fault);
    return err ? err : conn_run(&s->writer, Q_ARCHIVE_ADD, fault, "iii", lane, op->u.cut.archive, INT64_MIN);
}

enum err sqlite_archive_append(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct archive *ar;
    enum err err = archive_get(s, op->u.archive.archive, &ar, fault);
    op->u.archive.sequence = 0;
    if (err || !ar || ar->closed) return err;
    if (ar->next >= SEQUENCE_MAX) return fault_set(fault, ERR_LIMIT, "the archive's sequence numbers are used up; make another one");
    int64_t at_ms = op->u.archive.at_ms > ar->last_ms ? op->u.archive.at_ms : ar->last_ms;
    int64_t total = ar->total + (int64_t)op->u.archive.event.n;
    err = conn_run(&s->writer, Q_ARCHIVED_ADD, fault, "iiiss", row_key(ar->lane, ar->next), at_ms, total, op->u.archive.context,
                   op->u.archive.event);
    if (err) return err;
    op->u.archive.sequence = ar->next++;
    ar->last_ms = at_ms;
    ar->total = total;
    return ERR_OK;
}

static enum err archived_get(struct conn *c, const struct archive *ar, int64_t sequence, int64_t *at_ms, int64_t *total,
                             struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, c, Q_ARCHIVED_GET, fault, "i", row_key(ar->lane, sequence));
    if (err) return err;
    bool there = r.row;
    *at_ms = there ? rows_i64(&r, 0) : 0;
    *total = there ? rows_i64(&r, 1) : 0;
    rows_end(&r);
    return there ? ERR_OK : conn_damaged(c, "an archive has a gap in its events", fault);
}

/* First sequence in [first, next) that arrived at or after at_ms; next when none did. */
static enum err archive_bisect(struct conn *c, const struct archive *ar, int64_t at_ms, int64_t *sequence, struct fault *fault) {
    int64_t low = ar->first, high = ar->next, time, total;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        enum err err = archived_get(c, ar, middle, &time, &total, fault);
        if (err) return err;
        if (time < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *sequence = low;
    return ERR_OK;
}

/* Everything below `keep` goes. */
static enum err archive_cut(struct sqlite_store *s, struct archive *ar, int64_t keep, int64_t *removed, struct fault *fault) {
    int64_t time, gone;
    *removed = keep - ar->first;
    if (!*removed) return ERR_OK;
    enum err err = archived_get(&s->writer, ar, keep - 1, &time, &gone, fault);
    if (!err) err = conn_run(&s->writer, Q_ARCHIVED_DELETE, fault, "ii", row_key(ar->lane, ar->first), row_key(ar->lane, keep - 1));
    if (err) return err;
    ar->first = keep;
    ar->gone = gone;
    return archive_save(s, ar, fault);
}

enum err sqlite_archive_trim(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct archive *ar;
    int64_t keep, limit = op->u.cut.limit;
    enum err err = archive_get(s, op->u.cut.archive, &ar, fault);
    op->u.cut.removed = 0;
    if (err || !ar) return err;
    err = archive_bisect(&s->writer, ar, op->u.cut.before_ms, &keep, fault);
    if (err) return err;
    if (limit > 0 && keep - ar->first > limit) keep = ar->first + limit;
    return archive_cut(s, ar, keep, &op->u.cut.removed, fault);
}

enum err sqlite_archive_drop(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct archive *ar;
    int64_t limit = op->u.cut.limit;
    enum err err = archive_get(s, op->u.cut.archive, &ar, fault);
    op->u.cut.removed = 0;
    if (err || !ar) return err;
    bool some = limit > 0 && ar->next - ar->first >= limit;
    if (some && !ar->closed) {
        ar->closed = true;
        err = archive_save(s, ar, fault);
    }
    if (!err) err = archive_cut(s, ar, some ? ar->first + limit : ar->next, &op->u.cut.removed, fault);
    if (err || some) return err;
    err = conn_run(&s->writer, Q_ARCHIVE_DELETE, fault, "i", ar->lane);
    free(map_remove(&s->archives, number_str(&op->u.cut.archive)));
    return err;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------------- */

static enum err read_rows(struct rows *r, int64_t until_ms, size_t limit, size_t max_bytes, struct arena *a, struct store_archived *out,
                          size_t *count, struct fault *fault) {
    size_t bytes = 0;
    enum err err = ERR_OK;
    while (!err && r->row && *count < limit && rows_i64(r, 1) < until_ms) {
        bytes += rows_str(r, 3).n;
        if (*count && bytes > max_bytes) break;
        struct store_archived *e = &out[*count];
        *e = (struct store_archived){.sequence = row_sequence(rows_i64(r, 0)), .at_ms = rows_i64(r, 1)};
        err = rows_copy(r, 2, a, &e->context, fault);
        if (!err) err = rows_copy(r, 3, a, &e->event, fault);
        if (!err) err = rows_next(r, fault);
        ++*count;
    }
    return err;
}

enum err sqlite_archive_read(struct store *store, int64_t number, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                             struct arena *a, struct store_archived **events, size_t *count, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct archive ar;
    struct rows r;
    *events = NULL;
    *count = 0;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = archive_load(c, number, &ar, fault);
    if (err || !ar.lane || from >= ar.next) goto out;
    if (from < ar.first) from = ar.first;
    if ((uint64_t)(ar.next - from) < limit) limit = (size_t)(ar.next - from);
    *events = arena_array(a, limit, sizeof **events);
    if (!*events) {
        err = fault_set(fault, ERR_NOMEM, "the events do not fit the caller's memory; ask for fewer");
        goto out;
    }
    err = rows_start(&r, c, Q_ARCHIVED_READ, fault, "iii", row_key(ar.lane, from), row_key(ar.lane, SEQUENCE_MAX), (int64_t)limit);
    if (err) goto out;
    err = read_rows(&r, until_ms, limit, max_bytes, a, *events, count, fault);
    rows_end(&r);
out:
    sqlite_reader_give(s, c);
    return err;
}

enum err sqlite_archive_find(struct store *store, int64_t number, int64_t at_ms, int64_t *sequence, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct archive ar;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = archive_load(c, number, &ar, fault);
    if (!err) err = archive_bisect(c, &ar, at_ms, sequence, fault);
    sqlite_reader_give(s, c);
    return err;
}

enum err sqlite_archive_stats(struct store *store, int64_t number, struct store_archive_stats *stats, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct archive ar;
    int64_t total;
    *stats = (struct store_archive_stats){0};
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = archive_load(c, number, &ar, fault);
    if (!err && ar.lane) {
        *stats = (struct store_archive_stats){.count = ar.next - ar.first, .bytes = ar.total - ar.gone, .next = ar.next};
        if (stats->count) err = archived_get(c, &ar, ar.first, &stats->oldest_ms, &total, fault);
        if (stats->count) stats->newest_ms = ar.last_ms;
    }
    sqlite_reader_give(s, c);
    return err;
}
