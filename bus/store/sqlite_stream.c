/* Streams in SQLite. Sequences of a shard have no gaps: [first, next) are all there, so time is found by bisection over keys. */
#include <stdlib.h>

#include "sqlite.h"

struct shard_name {
    int64_t stream;
    int64_t shard;
};
static struct str name_str(const struct shard_name *n) { return str_of((const char *)n, sizeof *n); }

/* Counters of a shard as the connection's transaction sees them; lane 0: there is none. */
static enum err shard_load(struct conn *c, int64_t stream, uint32_t number, struct shard *sh, struct fault *fault) {
    struct rows r;
    *sh = (struct shard){.stream = stream, .shard = number, .first = 1, .next = 1, .last_ms = INT64_MIN};
    enum err err = rows_start(&r, c, Q_SHARD_GET, fault, "ii", stream, (int64_t)number);
    if (err) return err;
    if (r.row) {
        sh->lane = rows_i64(&r, 0);
        sh->first = rows_i64(&r, 1);
        sh->next = rows_i64(&r, 2);
        sh->last_ms = rows_i64(&r, 3);
    }
    rows_end(&r);
    if (!sh->lane) return ERR_OK;
    err = rows_start(&r, c, Q_RECORD_LAST, fault, "ii", row_key(sh->lane, 0), row_key(sh->lane, SEQUENCE_MAX));
    if (err) return err;
    if (r.row) {
        sh->next = row_sequence(rows_i64(&r, 0)) + 1;
        sh->last_ms = rows_i64(&r, 1);
    }
    rows_end(&r);
    return ERR_OK;
}

static enum err shard_remember(struct sqlite_store *s, struct shard *sh, struct fault *fault) {
    struct shard_name name = {sh->stream, sh->shard};
    if (map_put(&s->shards, name_str(&name), sh, NULL)) return ERR_OK;
    free(sh);
    return fault_set(fault, ERR_NOMEM, NULL);
}

/* The writer's copy; NULL in *out when there is no such shard and `make` is false. */
static enum err shard_get(struct sqlite_store *s, int64_t stream, uint32_t number, bool make, struct shard **out, struct fault *fault) {
    struct shard_name name = {stream, number};
    *out = map_get(&s->shards, name_str(&name));
    if (*out) return ERR_OK;
    struct shard found;
    enum err err = shard_load(&s->writer, stream, number, &found, fault);
    if (err || (!found.lane && !make)) return err;
    if (!found.lane) {
        err = sqlite_lane_new(s, Q_SHARD_LANE_NEXT, Q_SHARD_LANE_GAP, &found.lane, fault);
        if (!err) err = conn_run(&s->writer, Q_SHARD_ADD, fault, "iiii", found.lane, stream, (int64_t)number, found.last_ms);
        if (err) return err;
    }
    struct shard *sh = malloc(sizeof *sh);
    if (!sh) return fault_set(fault, ERR_NOMEM, NULL);
    *sh = found;
    *out = sh;
    return shard_remember(s, sh, fault);
}

enum err sqlite_append(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct shard *sh;
    enum err err = shard_get(s, op->u.append.stream, op->u.append.shard, true, &sh, fault);
    if (err) return err;
    if (sh->next >= SEQUENCE_MAX) return fault_set(fault, ERR_LIMIT, "the shard's sequence numbers are used up; write to another shard");
    int64_t at_ms = op->u.append.at_ms > sh->last_ms ? op->u.append.at_ms : sh->last_ms;
    err = conn_run(&s->writer, Q_RECORD_ADD, fault, "iiss", row_key(sh->lane, sh->next), at_ms, op->u.append.partition_key,
                   op->u.append.data);
    if (err) return err;
    op->u.append.sequence = sh->next++;
    sh->last_ms = at_ms;
    return ERR_OK;
}

/* First sequence in [first, next) that arrived at or after at_ms; next when none did. */
static enum err shard_bisect(struct conn *c, const struct shard *sh, int64_t at_ms, int64_t *sequence, struct fault *fault) {
    int64_t low = sh->first, high = sh->next;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        struct rows r;
        enum err err = rows_start(&r, c, Q_RECORD_TIME, fault, "i", row_key(sh->lane, middle));
        if (err) return err;
        int64_t time = r.row ? rows_i64(&r, 0) : INT64_MIN;
        bool there = r.row;
        rows_end(&r);
        if (!there) return fault_at(fault, ERR_CORRUPT, c->path, 0, 0, "%s: a stream has a gap in its records; restore a backup", c->path);
        if (time < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *sequence = low;
    return ERR_OK;
}

static enum err shard_trim(struct sqlite_store *s, struct shard *sh, int64_t before_ms, int64_t most, int64_t *removed,
                           struct fault *fault) {
    int64_t keep;
    enum err err = shard_bisect(&s->writer, sh, before_ms, &keep, fault);
    if (err) return err;
    if (most && keep - sh->first > most) keep = sh->first + most;
    *removed = keep - sh->first;
    if (!*removed) return ERR_OK;
    err = conn_run(&s->writer, Q_RECORD_DELETE, fault, "ii", row_key(sh->lane, sh->first), row_key(sh->lane, keep - 1));
    if (err) return err;
    sh->first = keep;
    return conn_run(&s->writer, Q_SHARD_SET, fault, "iiii", sh->lane, sh->first, sh->next, sh->last_ms);
}

/* Numbers of the stream's shards, in order; free() them. */
static enum err shards_of(struct conn *c, int64_t stream, uint32_t **numbers, size_t *count, struct fault *fault) {
    struct rows r;
    struct buf b;
    buf_init(&b, 0);
    *numbers = NULL;
    *count = 0;
    enum err err = rows_start(&r, c, Q_SHARDS_OF, fault, "i", stream);
    if (err) return err;
    while (!err && r.row) {
        uint32_t number = (uint32_t)rows_i64(&r, 1);
        buf_add(&b, str_of((const char *)&number, sizeof number));
        err = rows_next(&r, fault);
    }
    rows_end(&r);
    if (!err && b.failed) err = fault_set(fault, ERR_NOMEM, NULL);
    if (err) {
        buf_fini(&b);
        return err;
    }
    *numbers = (uint32_t *)(void *)b.p;
    *count = b.n / sizeof **numbers;
    return ERR_OK;
}

enum err sqlite_trim(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    uint32_t *numbers;
    size_t count;
    int64_t limit = op->u.trim.limit > 0 ? op->u.trim.limit : 0;
    enum err err = shards_of(&s->writer, op->u.trim.stream, &numbers, &count, fault);
    op->u.trim.removed = 0;
    for (size_t i = 0; i < count && !err && (!limit || op->u.trim.removed < limit); i++) {
        struct shard *sh;
        int64_t removed = 0;
        err = shard_get(s, op->u.trim.stream, numbers[i], false, &sh, fault);
        if (!err && sh) err = shard_trim(s, sh, op->u.trim.before_ms, limit ? limit - op->u.trim.removed : 0, &removed, fault);
        op->u.trim.removed += removed;
    }
    free(numbers);
    return err;
}

enum err sqlite_stream_drop(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    uint32_t *numbers;
    size_t count;
    enum err err = shards_of(&s->writer, op->u.trim.stream, &numbers, &count, fault);
    op->u.trim.removed = 0;
    for (size_t i = 0; i < count && !err; i++) {
        struct shard *sh;
        err = shard_get(s, op->u.trim.stream, numbers[i], false, &sh, fault);
        if (err || !sh) continue;
        op->u.trim.removed += sh->next - sh->first;
        err = conn_run(&s->writer, Q_RECORD_DELETE, fault, "ii", row_key(sh->lane, 0), row_key(sh->lane, SEQUENCE_MAX));
        if (!err) err = conn_run(&s->writer, Q_SHARD_DELETE, fault, "i", sh->lane);
        struct shard_name name = {sh->stream, sh->shard};
        free(map_remove(&s->shards, name_str(&name)));
    }
    free(numbers);
    return err;
}

static enum err read_rows(struct rows *r, size_t limit, size_t max_bytes, struct arena *a, struct store_record *out, size_t *count,
                          struct fault *fault) {
    size_t bytes = 0;
    enum err err = ERR_OK;
    while (!err && r->row && *count < limit) {
        size_t more = rows_str(r, 2).n + rows_str(r, 3).n;
        if (*count && bytes + more > max_bytes) break;
        bytes += more;
        struct store_record *record = &out[*count];
        record->sequence = row_sequence(rows_i64(r, 0));
        record->at_ms = rows_i64(r, 1);
        err = rows_copy(r, 2, a, &record->partition_key, fault);
        if (!err) err = rows_copy(r, 3, a, &record->data, fault);
        if (!err) err = rows_next(r, fault);
        ++*count;
    }
    return err;
}

enum err sqlite_stream_read(struct store *store, int64_t stream, uint32_t number, int64_t from, size_t limit, size_t max_bytes,
                            struct arena *a, struct store_record **records, size_t *count, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct shard sh;
    struct rows r;
    *records = NULL;
    *count = 0;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = shard_load(c, stream, number, &sh, fault);
    if (err || !sh.lane || from >= sh.next) goto out;
    if (from < sh.first) from = sh.first;
    if ((uint64_t)(sh.next - from) < limit) limit = (size_t)(sh.next - from);
    *records = arena_array(a, limit, sizeof **records);
    if (!*records) {
        err = fault_set(fault, ERR_NOMEM, "the records do not fit the caller's memory; ask for fewer");
        goto out;
    }
    err = rows_start(&r, c, Q_RECORD_READ, fault, "iii", row_key(sh.lane, from), row_key(sh.lane, SEQUENCE_MAX), (int64_t)limit);
    if (err) goto out;
    err = read_rows(&r, limit, max_bytes, a, *records, count, fault);
    rows_end(&r);
out:
    sqlite_reader_give(s, c);
    return err;
}

enum err sqlite_stream_find(struct store *store, int64_t stream, uint32_t number, int64_t at_ms, int64_t *sequence, int64_t *next,
                            struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct shard sh;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = shard_load(c, stream, number, &sh, fault);
    if (!err) *next = sh.next;
    if (!err) err = shard_bisect(c, &sh, at_ms, sequence, fault);
    sqlite_reader_give(s, c);
    return err;
}
