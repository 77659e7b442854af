#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "os.h"

enum {
    READERS_MAX = 8,
    READERS_KEPT = 2,
    SHARDS_REMEMBERED = 65536,
    QUEUES_REMEMBERED = 16384, /* beyond: forgotten between commits */
    ARCHIVES_REMEMBERED = 16384,
    /* tests/bench/store_bench, 1 KB records in groups of 10 / 100 / 1,000, FULL: pages of 4 KB 23,000 / 50,000 / 67,000 a second, of 8 KB
     * 27,000 / 96,000 / 124,000, of 16 KB 23,000 / 49,000 / 145,000. */
    PAGE_BYTES = 8192,
    READER_CACHE_BYTES = 256 << 10,
    WRITER_CACHE_BYTES = 4 << 20,
    /* Length of the log from which the writer's thread moves it into the database file. At 4 MiB that took 3 to 9 ms (groups of 10 to
     * 100), at 16 MiB 6 to 38 ms, for the same rows a second. */
    CHECKPOINT_BYTES = 4 << 20,
    LOG_KEPT_BYTES = 16 << 20, /* what a log that once was longer is cut to */
};

/* ---- readers ---------------------------------------------------------------------------------------------------------------------- */

/* Readers this thread holds. A read nested in a scan's callback never waits: all could be held by threads that wait for another. */
static _Thread_local int held;

enum err sqlite_reader_take(struct sqlite_store *s, struct conn **c, struct fault *fault) {
    pthread_mutex_lock(&s->mutex);
    while (!held && !s->idle && s->readers >= READERS_MAX) pthread_cond_wait(&s->returned, &s->mutex);
    *c = s->idle;
    if (*c)
        s->idle = (*c)->next;
    else
        s->readers++;
    pthread_mutex_unlock(&s->mutex);
    held++;
    if (*c) return ERR_OK;
    struct conn *made = malloc(sizeof *made);
    enum err err = made ? conn_open(s->path, READER_CACHE_BYTES, false, made, fault) : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) {
        *c = made;
        return ERR_OK;
    }
    if (made) conn_close(made);
    free(made);
    held--;
    pthread_mutex_lock(&s->mutex);
    s->readers--;
    pthread_cond_signal(&s->returned);
    pthread_mutex_unlock(&s->mutex);
    return err;
}

/* Ends its transaction. One that cannot be ended (it never wrote, so that is a broken connection) is closed. */
void sqlite_reader_give(struct sqlite_store *s, struct conn *c) {
    held--;
    conn_reset(c);
    bool broken = !sqlite3_get_autocommit(c->db) && conn_run(c, Q_COMMIT, NULL, "") != ERR_OK;
    pthread_mutex_lock(&s->mutex);
    size_t idle = 0;
    for (const struct conn *i = s->idle; i; i = i->next) idle++;
    bool keep = !broken && idle < READERS_KEPT;
    if (keep) {
        c->next = s->idle;
        s->idle = c;
    } else {
        s->readers--;
    }
    pthread_cond_signal(&s->returned);
    pthread_mutex_unlock(&s->mutex);
    if (keep) return;
    conn_close(c);
    free(c);
}

/* ---- the writer ------------------------------------------------------------------------------------------------------------------- */

static void forget_map(struct map *m) {
    size_t at = 0;
    void *value;
    while (map_next(m, &at, NULL, &value)) free(value);
    map_fini(m);
    map_init(m);
}

void sqlite_forget(struct sqlite_store *s) {
    forget_map(&s->shards);
    forget_map(&s->queues);
    forget_map(&s->lanes);
    forget_map(&s->archives);
    s->dirty = NULL;
    s->delivery_next = s->delivery_reserved = 0;
}

enum err sqlite_lane_new(struct sqlite_store *s, enum query next, enum query gap, int64_t *lane, struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, &s->writer, next, fault, "");
    if (err) return err;
    *lane = rows_i64(&r, 0);
    rows_end(&r);
    if (*lane <= LANE_MAX) return ERR_OK;
    err = rows_start(&r, &s->writer, gap, fault, "i", LANE_MAX);
    if (err) return err;
    *lane = r.row ? rows_i64(&r, 0) : 0;
    rows_end(&r);
    return *lane ? ERR_OK
                 : fault_set(fault, ERR_LIMIT, "the store holds %" PRId64 " shards or queues, as many as it can; drop some", LANE_MAX);
}

static enum err apply(struct sqlite_store *s, struct store_op *op, struct arena *a, struct fault *fault) {
    switch (op->kind) {
    case OP_CATALOG_PUT: return sqlite_catalog_put(s, op, fault);
    case OP_CATALOG_DELETE: return sqlite_catalog_delete(s, op, fault);
    case OP_STREAM_APPEND: return sqlite_append(s, op, fault);
    case OP_STREAM_TRIM: return sqlite_trim(s, op, fault);
    case OP_STREAM_DROP: return sqlite_stream_drop(s, op, fault);
    case OP_QUEUE_SEND: return sqlite_send(s, op, fault);
    case OP_QUEUE_RECEIVE: return sqlite_receive(s, op, a, fault);
    case OP_QUEUE_DELETE: return sqlite_delete(s, op, fault);
    case OP_QUEUE_VISIBILITY: return sqlite_visibility(s, op, fault);
    case OP_QUEUE_EXPIRE: return sqlite_expire(s, op, fault);
    case OP_QUEUE_DROP: return sqlite_queue_drop(s, op, fault);
    case OP_DELIVERY_ADD: return sqlite_delivery_add(s, op, fault);
    case OP_DELIVERY_RETRY: return sqlite_delivery_retry(s, op, fault);
    case OP_DELIVERY_SETTLE: return sqlite_delivery_settle(s, op, fault);
    case OP_IDS_REMEMBER: return sqlite_ids_remember(s, op, fault);
    case OP_IDS_FORGET: return sqlite_ids_forget(s, op, fault);
    case OP_ARCHIVE_OPEN: return sqlite_archive_open(s, op, fault);
    case OP_ARCHIVE_APPEND: return sqlite_archive_append(s, op, fault);
    case OP_ARCHIVE_TRIM: return sqlite_archive_trim(s, op, fault);
    case OP_ARCHIVE_DROP: return sqlite_archive_drop(s, op, fault);
    }
    return fault_set(fault, ERR_INTERNAL, "operation %d is not known to the store", (int)op->kind);
}

static enum err apply_all(struct sqlite_store *s, struct txn *const *txns, size_t count, struct fault *fault) {
    for (size_t i = 0; i < count; i++)
        for (struct store_op *op = txns[i]->first; op; op = op->next) {
            enum err err = apply(s, op, txns[i]->arena, fault);
            if (err) return err;
        }
    return sqlite_queues_flush(s, fault);
}

static enum err roll_back(struct sqlite_store *s, enum err err, struct fault *fault) {
    conn_reset(&s->writer);
    sqlite_forget(s);
    struct fault second;
    if (!sqlite3_get_autocommit(s->writer.db) && conn_exec(&s->writer, "ROLLBACK", &second))
        return fault_at(fault, second.code, s->path, 0, 0, "%s (and while rolling back)", second.message);
    return err;
}

static enum err checkpoint(struct sqlite_store *s, struct fault *fault) {
    int log = 0, moved = 0;
    int rc = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &moved);
    if (rc && rc != SQLITE_BUSY) return conn_fault(&s->writer, rc, fault);
    s->log_settled = !rc && log == moved;
    /* A reader kept it from the end: again when the log has grown by a quarter. */
    int64_t step = CHECKPOINT_BYTES / s->page_bytes;
    s->checkpoint_pages = s->log_settled ? step : (log > 0 ? log : 0) + step / 4;
    return ERR_OK;
}

static enum err sqlite_maintain(struct store *store, bool idle, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    bool due = atomic_load(&s->log_pages) >= s->checkpoint_pages || idle;
    if (s->log_settled || !due) return ERR_OK;
    enum err err = checkpoint(s, fault);
    if (idle) sqlite3_db_release_memory(s->writer.db);
    return err;
}

static int log_grew(void *ctx, sqlite3 *db, const char *name, int pages) {
    struct sqlite_store *s = ctx;
    (void)db;
    (void)name;
    atomic_store(&s->log_pages, pages);
    s->log_settled = false;
    return SQLITE_OK;
}

static enum err sqlite_commit(struct store *store, struct txn *const *txns, size_t count, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    for (size_t i = 0; i < count; i++) {
        enum err err = txn_check(txns[i], fault);
        if (err) return err;
    }
    if (s->shards.count > SHARDS_REMEMBERED || s->queues.count > QUEUES_REMEMBERED || s->archives.count > ARCHIVES_REMEMBERED) {
        forget_map(&s->shards);
        forget_map(&s->queues);
        forget_map(&s->archives);
    }
    s->deliveries_delta = 0;
    enum err err = conn_run(&s->writer, Q_BEGIN, fault, "");
    if (!err) err = apply_all(s, txns, count, fault);
    if (!err) err = conn_run(&s->writer, Q_COMMIT, fault, "");
    if (err) return roll_back(s, err, fault);
    atomic_fetch_add(&s->deliveries, s->deliveries_delta);
    atomic_fetch_add(&s->commits, 1);
    /* Whoever commits without a committer maintains nothing: the log must not grow for ever. */
    if (atomic_load(&s->log_pages) < 4 * s->checkpoint_pages) return ERR_OK;
    struct fault ignored;
    if (checkpoint(s, &ignored)) s->checkpoint_pages *= 2; /* the commit is durable all the same; the next attempt tells again */
    return ERR_OK;
}

/* ---- check and stats -------------------------------------------------------------------------------------------------------------- */

/* Each query gives a row for the first thing that is wrong. */
static const struct {
    const char *sql, *sentence;
} checks[] = {
    {"SELECT 1 FROM shard s WHERE (SELECT count(*) FROM record WHERE id BETWEEN (s.lane << 44) AND (s.lane << 44) + 17592186044415) <>"
     " coalesce((SELECT max(id) - min(id) + 1 FROM record WHERE id BETWEEN (s.lane << 44) AND (s.lane << 44) + 17592186044415), 0)",
     "a stream has a gap in its records"},
    {"SELECT 1 FROM record r WHERE NOT EXISTS (SELECT 1 FROM shard WHERE lane = r.id >> 44)", "a record belongs to no stream"},
    {"SELECT 1 FROM shard s JOIN record r ON r.id BETWEEN (s.lane << 44) AND (s.lane << 44) + s.first - 1", "a trimmed record is there"},
    {"SELECT 1 FROM queue q WHERE count <> (SELECT count(*) FROM message WHERE id BETWEEN (q.lane << 44) AND"
     " (q.lane << 44) + 17592186044415)",
     "a queue's count is wrong"},
    {"SELECT 1 FROM queue q JOIN message m ON m.id BETWEEN (q.lane << 44) + q.next AND (q.lane << 44) + 17592186044415",
     "a queue's sequence went back"},
    {"SELECT 1 FROM message m WHERE NOT EXISTS (SELECT 1 FROM queue WHERE lane = m.id >> 44)", "a message belongs to no queue"},
    {"SELECT 1 FROM ready r WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = r.id)", "a ready message is not there"},
    {"SELECT 1 FROM slot s WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = s.id)", "a received message is not there"},
    {"SELECT 1 FROM due d WHERE NOT EXISTS (SELECT 1 FROM slot WHERE id = (d.lane << 44) + d.seq AND visible_ms = d.visible_ms)",
     "a hidden message is not there"},
    {"SELECT 1 FROM message m LEFT JOIN slot s ON s.id = m.id WHERE m.grp IS NULL AND"
     " (coalesce(s.visible_ms, 0) = 0) <> EXISTS (SELECT 1 FROM ready WHERE id = m.id)",
     "a message is neither ready nor hidden, or both"},
    {"SELECT 1 FROM message m WHERE m.grp IS NOT NULL AND NOT EXISTS (SELECT 1 FROM fifo_group WHERE id = m.grp)",
     "a message's group is not there"},
    {"SELECT 1 FROM fifo_group g WHERE flight <> (SELECT count(*) FROM message m JOIN slot s ON s.id = m.id WHERE m.grp = g.id AND"
     " s.visible_ms <> 0 AND s.receives > 0)",
     "a group's count in flight is wrong"},
    {"SELECT 1 FROM archived e WHERE NOT EXISTS (SELECT 1 FROM archive WHERE lane = e.id >> 44 AND first <= (e.id & 0xfffffffffff))",
     "an archived event belongs to no archive"},
    {"SELECT 1 FROM (SELECT count(*) AS n, min(id) AS low, max(id) AS high FROM archived GROUP BY id >> 44) WHERE high - low + 1 <> n",
     "an archive has a gap in its events"},
    {"SELECT 1 FROM archive a JOIN (SELECT id >> 44 AS lane, min(id) & 0xfffffffffff AS low, sum(length(event)) AS bytes,"
     " max(total) AS total, count(*) AS n FROM archived GROUP BY id >> 44) e ON e.lane = a.lane"
     " WHERE e.low <> a.first OR e.bytes <> e.total - a.gone",
     "the size of an archive is wrong"},
    {"SELECT 1 FROM delivery d WHERE NOT EXISTS (SELECT 1 FROM lane WHERE id = d.lane)", "a delivery belongs to no lane"},
};

static enum err check_pragma(struct conn *c, const char *pragma, struct fault *fault) {
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, pragma, -1, &st, NULL);
    if (!rc) rc = sqlite3_step(st);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    enum err err = ERR_OK;
    if (rc != SQLITE_ROW) {
        err = conn_fault(c, rc, fault);
    } else if (!said || strcmp(said, "ok")) {
        err = conn_damaged(c, said ? said : "no word", fault);
    }
    sqlite3_finalize(st);
    return err;
}

static enum err sqlite_check(struct store *store, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = check_pragma(c, "PRAGMA integrity_check(1)", fault);
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !err; i++) {
        int64_t wrong;
        err = conn_number(c, checks[i].sql, 0, &wrong, fault);
        if (!err && wrong) err = conn_damaged(c, checks[i].sentence, fault);
    }
    sqlite_reader_give(s, c);
    return err;
}

static int64_t file_bytes(const char *path, const char *suffix) {
    char name[4096];
    struct stat st;
    if (snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name || stat(name, &st)) return 0;
    return st.st_size;
}

static enum err sqlite_stats(struct store *store, struct store_stats *stats, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct statvfs fs;
    (void)fault;
    *stats = (struct store_stats){.file_bytes = file_bytes(s->path, ""),
                                  .wal_bytes = file_bytes(s->path, "-wal"),
                                  .free_bytes = statvfs(s->path, &fs) ? -1 : (int64_t)(fs.f_bavail * fs.f_frsize),
                                  .deliveries = atomic_load(&s->deliveries),
                                  .commits = atomic_load(&s->commits)};
    return ERR_OK;
}

/* ---- open and close ----------------------------------------------------------------------------------------------------------------- */

static void sqlite_close(struct store *store) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    while (s->idle) {
        struct conn *c = s->idle;
        s->idle = c->next;
        conn_close(c);
        free(c);
    }
    conn_close(&s->writer); /* the last connection: it moves the log into the file and removes it */
    sqlite_forget(s);
    map_fini(&s->shards);
    map_fini(&s->queues);
    map_fini(&s->lanes);
    map_fini(&s->archives);
    if (s->lock_fd >= 0) close(s->lock_fd);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->returned);
    free(s->path);
    free(s);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .close = sqlite_close,
    .commit = sqlite_commit,
    .catalog_scan = sqlite_catalog_scan,
    .stream_read = sqlite_stream_read,
    .stream_find = sqlite_stream_find,
    .queue_stats = sqlite_queue_stats,
    .delivery_scan = sqlite_delivery_scan,
    .lane_scan = sqlite_lane_scan,
    .ids_scan = sqlite_ids_scan,
    .archive_read = sqlite_archive_read,
    .archive_find = sqlite_archive_find,
    .archive_stats = sqlite_archive_stats,
    .check = sqlite_check,
    .stats = sqlite_stats,
    .maintain = sqlite_maintain,
};

/* Made by us rather than by SQLite, for its mode: the log and the shared index inherit it. */
static enum err make_file(const char *path, struct fault *fault) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_at(fault, errno == ENOSPC ? ERR_STORAGE_FULL : ERR_IO, path, 0, 0, "%s: cannot open the store: %s", path,
                        strerror(errno));
    close(fd);
    return ERR_OK;
}

static enum err take_lock(struct sqlite_store *s, struct fault *fault) {
    char name[4096];
    if (snprintf(name, sizeof name, "%s.lock", s->path) >= (int)sizeof name)
        return fault_at(fault, ERR_VALIDATION, s->path, 0, 0, "the path of the store is too long");
    return os_lock(name, &s->lock_fd, fault);
}

static enum err set_up(struct sqlite_store *s, const struct store_options *options, struct fault *fault) {
    static const char *const synchronous[] = {[DURABILITY_FULL] = "FULL", [DURABILITY_NORMAL] = "NORMAL", [DURABILITY_OFF] = "OFF"};
    struct conn *c = &s->writer;
    char sql[256];
    int64_t in_wal = 0;
    snprintf(sql, sizeof sql, "PRAGMA page_size = %d", PAGE_BYTES); /* of a new file */
    enum err err = conn_exec(c, sql, fault);
    if (!err) err = schema_migrate(c, schema_steps, schema_steps_count, fault);
    snprintf(sql, sizeof sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA journal_size_limit = %d",
             synchronous[options->durability], LOG_KEPT_BYTES);
    if (!err) err = conn_exec(c, sql, fault);
    if (!err) err = conn_number(c, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", 0, &in_wal, fault);
    if (!err && !in_wal)
        err = fault_at(fault, ERR_IO, s->path, 0, 0, "%s: the file system cannot hold a write-ahead log; use a local one", s->path);
    if (!err && options->check) err = check_pragma(c, "PRAGMA quick_check(1)", fault);
    if (!err) err = conn_exec(c, "DELETE FROM lane WHERE id NOT IN (SELECT lane FROM delivery)", fault); /* targets that went */
    int64_t deliveries = 0;
    if (!err) err = conn_number(c, "SELECT count(*) FROM delivery", 0, &deliveries, fault);
    if (!err) err = conn_number(c, "PRAGMA page_size", PAGE_BYTES, &s->page_bytes, fault);
    atomic_store(&s->deliveries, deliveries);
    s->checkpoint_pages = CHECKPOINT_BYTES / s->page_bytes;
    sqlite3_wal_hook(c->db, log_grew, s); /* instead of SQLite's own checkpoint inside the commit */
    return err;
}

enum err store_open_sqlite(const char *path, const struct store_options *options, struct store **out, struct fault *fault) {
    *out = NULL;
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->store.ops = &sqlite_ops;
    s->lock_fd = -1;
    s->page_bytes = PAGE_BYTES;
    map_init(&s->shards);
    map_init(&s->queues);
    map_init(&s->lanes);
    map_init(&s->archives);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->returned, NULL);
    s->path = strdup(path);
    enum err err = s->path ? take_lock(s, fault) : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) err = make_file(s->path, fault);
    if (!err) err = conn_open(s->path, options->cache_bytes ? options->cache_bytes : WRITER_CACHE_BYTES, true, &s->writer, fault);
    if (!err) err = set_up(s, options, fault);
    if (err) {
        sqlite_close(&s->store);
        return err;
    }
    *out = &s->store;
    return ERR_OK;
}
