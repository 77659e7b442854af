/* SQLite, private to this directory: connections, the queries, and what the writer remembers between commits.
 *
 * Rows of streams and queues have one integer key: the number of their lane (a shard or a queue, numbered here) above SEQUENCE_BITS bits
 * of sequence. So a shard lies together on disk, in order, in a plain rowid table: whose leaves hold a 1 KB row whole, which the leaves of
 * a WITHOUT ROWID table do not.
 *
 * What the writer remembers (counters of shards and queues, numbers of lanes) is only a copy of committed state: after a
 * failed commit all of it is forgotten and read again. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "map.h"
#include "store.h"

#define SEQUENCE_BITS 44 /* one lane at 100,000 a second: five years */
#define SEQUENCE_MAX ((INT64_C(1) << SEQUENCE_BITS) - 1)
#define LANE_MAX ((INT64_C(1) << (63 - SEQUENCE_BITS)) - 1)
static inline int64_t row_key(int64_t lane, int64_t sequence) { return lane << SEQUENCE_BITS | sequence; }
static inline int64_t row_sequence(int64_t key) { return key & SEQUENCE_MAX; }

enum query {
#define Q(name, sql) Q_##name,
#include "sqlite_queries.def"
#undef Q
    Q_COUNT
};

/* One connection and its statements, prepared at first use. Owner: one thread at a time. */
struct conn {
    sqlite3 *db;
    sqlite3_stmt *statements[Q_COUNT];
    const char *path;
    struct conn *next; /* among the idle readers */
};

/* ---- sqlite_conn.c -------------------------------------------------------------------------------------------------------------- */
/* A new connection: WAL timeouts and limits set, nothing read yet. */
enum err conn_open(const char *path, size_t cache_bytes, bool writer, struct conn *c, struct fault *fault) MUST_USE;
void conn_close(struct conn *c);
/* Fills the fault from SQLite's result: a full disk, a damaged file, a busy one, and what to do about it. */
enum err conn_fault(struct conn *c, int rc, struct fault *fault);
/* ERR_CORRUPT: `what` is wrong, and what to do. */
enum err conn_damaged(const struct conn *c, const char *what, struct fault *fault);
enum err conn_exec(struct conn *c, const char *sql, struct fault *fault) MUST_USE;
/* First column of the first row of a statement that is not in the table (pragmas); `fallback` without a row. */
enum err conn_number(struct conn *c, const char *sql, int64_t fallback, int64_t *value, struct fault *fault) MUST_USE;
/* Resets every statement. */
void conn_reset(struct conn *c);

/* A query under way: start binds and steps to the first row. `types` names what follows, one letter each: 'i' int64_t, 's' struct str
 * (a blob; absent is NULL), which must live until rows_end. */
struct rows {
    struct conn *conn;
    sqlite3_stmt *statement;
    bool row; /* there is one */
};
enum err rows_start(struct rows *r, struct conn *c, enum query q, struct fault *fault, const char *types, ...) MUST_USE;
enum err rows_next(struct rows *r, struct fault *fault) MUST_USE;
static inline void rows_end(struct rows *r) { (void)sqlite3_reset(r->statement); /* its error was reported by the step */ }
static inline int64_t rows_i64(const struct rows *r, int column) { return sqlite3_column_int64(r->statement, column); }
/* Valid until the next step. */
struct str rows_str(const struct rows *r, int column);
/* Copied into a; ERR_NOMEM past its cap. */
enum err rows_copy(const struct rows *r, int column, struct arena *a, struct str *out, struct fault *fault) MUST_USE;
/* Start, no rows wanted, end. */
enum err conn_run(struct conn *c, enum query q, struct fault *fault, const char *types, ...) MUST_USE;

/* ---- the store ------------------------------------------------------------------------------------------------------------------ */
struct shard {
    int64_t lane, stream;
    uint32_t shard;
    int64_t first, next, last_ms;
};

struct queue {
    int64_t lane, number, next, count;
    int64_t newest_ms; /* the largest sent_ms among what is in the queue in order */
    bool dirty;
    struct queue *next_dirty;
};

struct archive { /* see version 2 of the schema */
    int64_t lane, number, first, next, last_ms, total, gone;
    bool closed;
};

struct sqlite_store {
    struct store store;
    char *path;
    int lock_fd;
    /* Owned by the writer's thread. */
    struct conn writer;
    struct map shards, queues, lanes; /* copies of committed counters; struct shard *, struct queue *, int64_t * */
    struct map archives;              /* the same; struct archive * */
    struct queue *dirty;
    int64_t delivery_next, delivery_reserved; /* numbers below `reserved` may be given out without a write */
    int64_t deliveries_delta;                 /* of the commit under way */
    int64_t page_bytes, checkpoint_pages;
    bool log_settled; /* the whole write-ahead log is in the database file */
    _Atomic int64_t log_pages;
    _Atomic int64_t deliveries, commits;
    /* Readers: any thread takes one and gives it back. */
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    struct conn *idle;
    int readers;
};

enum err sqlite_reader_take(struct sqlite_store *s, struct conn **c, struct fault *fault) MUST_USE;
void sqlite_reader_give(struct sqlite_store *s, struct conn *c);
/* Forgets what the writer remembers, except open statements. */
void sqlite_forget(struct sqlite_store *s);
/* The lowest number above those in use, or a gap when the range ends (ERR_LIMIT without one). */
enum err sqlite_lane_new(struct sqlite_store *s, enum query next, enum query gap, int64_t *lane, struct fault *fault) MUST_USE;

/* ---- sqlite_schema.c ------------------------------------------------------------------------------------------------------------ */
struct schema_step {
    int version; /* the one it leads to */
    const char *sql;
};
/* Brings the file from its user_version to the last step's in one transaction. ERR_SCHEMA for a newer file or another program's. */
enum err schema_migrate(struct conn *c, const struct schema_step *steps, size_t count, struct fault *fault) MUST_USE;
extern const struct schema_step schema_steps[];
extern const size_t schema_steps_count;
#define SCHEMA_APPLICATION_ID 0x62757364 /* "busd" */

/* ---- operations: the writer's, and the reading verbs ------------------------------------------------------------------------------ */
enum err sqlite_catalog_put(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_catalog_delete(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_catalog_scan(struct store *s, struct str kind, enum err (*each)(void *ctx, struct str key, struct str value), void *ctx,
                             struct fault *fault);
enum err sqlite_ids_remember(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_ids_forget(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_ids_scan(struct store *s, int64_t since_ms, enum err (*each)(void *ctx, const struct id *ids, size_t count, int64_t at_ms),
                         void *ctx, struct fault *fault);

enum err sqlite_append(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_trim(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_stream_drop(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_stream_read(struct store *s, int64_t stream, uint32_t shard, int64_t from, size_t limit, size_t max_bytes, struct arena *a,
                            struct store_record **records, size_t *count, struct fault *fault);
enum err sqlite_stream_find(struct store *s, int64_t stream, uint32_t shard, int64_t at_ms, int64_t *sequence, int64_t *next,
                            struct fault *fault);

enum err sqlite_send(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_receive(struct sqlite_store *s, struct store_op *op, struct arena *a, struct fault *fault) MUST_USE;
enum err sqlite_delete(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_visibility(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_expire(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_queue_drop(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
/* Writes the counters of the queues this commit changed. */
enum err sqlite_queues_flush(struct sqlite_store *s, struct fault *fault) MUST_USE;
enum err sqlite_queue_stats(struct store *s, int64_t queue, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault);

enum err sqlite_delivery_add(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_delivery_retry(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_delivery_settle(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_delivery_scan(struct store *s, struct str lane, int64_t after_due_ms, int64_t after_id, int64_t until_ms, size_t limit,
                              struct arena *a, struct store_delivery **deliveries, size_t *count, struct fault *fault);
enum err sqlite_lane_scan(struct store *s, enum err (*each)(void *ctx, const struct store_lane_stats *lane), void *ctx,
                          struct fault *fault);

enum err sqlite_archive_open(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_archive_append(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_archive_trim(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_archive_drop(struct sqlite_store *s, struct store_op *op, struct fault *fault) MUST_USE;
enum err sqlite_archive_read(struct store *s, int64_t archive, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                             struct arena *a, struct store_archived **events, size_t *count, struct fault *fault);
enum err sqlite_archive_find(struct store *s, int64_t archive, int64_t at_ms, int64_t *sequence, struct fault *fault);
enum err sqlite_archive_stats(struct store *s, int64_t archive, struct store_archive_stats *stats, struct fault *fault);

#endif
