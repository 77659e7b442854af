/* The store: what outlives the process, in verbs shaped by the flow.
 *
 * One writer: `store_commit` applies the operations of many transactions in ONE durable transaction of the engine, and is called by
 * one thread only (the committer, committer.h). The reading verbs may be called from any thread at any time; they see committed
 * state. No SQL and no engine type is seen outside this directory. Engines: sqlite.c (WAL), memory.c (tests, simulation);
 * decorators: fault.c (fails on demand), trace.c (logs every verb). All pass tests/contract/store/.
 *
 * Ids: streams, queues and archives are numbered by their service (a positive 64-bit number that it keeps in its catalog record and
 * never uses again); messages, records, archived events and deliveries are numbered here. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "arena.h"
#include "err.h"
#include "hash.h"

enum durability { DURABILITY_FULL, DURABILITY_NORMAL, DURABILITY_OFF };

enum store_op_kind {
    OP_CATALOG_PUT,      /* catalog.kind, .key, .value: insert or replace */
    OP_CATALOG_DELETE,   /* catalog.kind, .key */
    OP_STREAM_APPEND,    /* append: result .sequence */
    OP_STREAM_TRIM,      /* trim: records of a stream that arrived before .before_ms go (at most .limit of them, 0: all); result .removed */
    OP_STREAM_DROP,      /* trim.stream: the stream's records and counters go */
    OP_QUEUE_SEND,       /* send: results .sequence, .duplicate */
    OP_QUEUE_RECEIVE,    /* receive: results .messages, .message_count */
    OP_QUEUE_DELETE,     /* handle: the message goes if its receipt is current; result .found */
    OP_QUEUE_VISIBILITY, /* handle + .visible_at_ms; result .found */
    OP_QUEUE_EXPIRE,     /* expire: messages sent before .before_ms go (at most .limit, 0: all); result .removed */
    OP_QUEUE_DROP,       /* expire.queue: all its messages and remembered deduplication ids go (purge, delete); result .removed. Later
                            sequences are still larger than any before */
    OP_DELIVERY_ADD,     /* delivery: result .id */
    OP_DELIVERY_RETRY,   /* delivery.id: new due_ms, attempts, state */
    OP_DELIVERY_SETTLE,  /* delivery.id: done, it goes */
    OP_IDS_REMEMBER,     /* ids: event ids accepted at .at_ms (the deduplication window) */
    OP_IDS_FORGET,       /* ids.at_ms: everything remembered before goes */
    OP_ARCHIVE_OPEN,     /* cut.archive: from now on it takes events; one that is there stays as it is */
    OP_ARCHIVE_APPEND,   /* archive: result .sequence; an archive that was never opened, or is being dropped, takes nothing (0) */
    OP_ARCHIVE_TRIM,     /* cut: events archived before .before_ms go (at most .limit of them, 0: all); result .removed */
    OP_ARCHIVE_DROP,     /* cut: it takes no more events, and at most .limit of them go (0: all); result .removed. Once fewer than the limit
                            went there is nothing left of it */
};

/* A message as OP_QUEUE_RECEIVE hands it out; bytes live in the op's transaction's arena. */
struct store_message {
    int64_t sequence;        /* position in the queue, increasing */
    struct id id;            /* message id, given by the sender */
    int64_t receipt;         /* grows with each receive: a handle with an older one is stale */
    int64_t sent_ms, first_received_ms;
    int32_t receives;        /* this one included */
    struct str body, attributes /* JSON, may be absent */, group, dedup;
};

struct store_delivery {
    int64_t id;
    struct str lane;         /* names the target whose backlog it belongs to */
    int64_t accepted_ms;     /* when the event was accepted */
    int64_t due_ms;          /* not before */
    int32_t attempts;        /* made so far */
    struct str state;        /* what flow keeps about it (opaque here) */
    struct str event;        /* the original event's JSON */
    struct str input;        /* what the target gets; absent: the event */
};

enum {
    STORE_MOVES_MAX = 1000,  /* messages one receive dead-letters at most: the rest goes with the next */
    STORE_SHARDS_MAX = 65536 /* shards of one stream */
};

struct store_op {
    enum store_op_kind kind;
    struct store_op *next;
    /* Called by the committer's thread after the op is durable (never after a failure); must only enqueue. NULL: nobody waits. */
    void (*committed)(void *ctx, struct store_op *op);
    void *ctx;
    union {
        struct { struct str kind, key, value; } catalog;
        struct {
            int64_t stream;
            uint32_t shard;
            int64_t at_ms; /* a shard's time never goes back: an earlier one is stored as the last record's */
            struct str partition_key, data;
            int64_t sequence; /* result: 1, 2, 3... within the shard, never reused */
        } append;
        struct { int64_t stream, before_ms; int64_t limit; int64_t removed; } trim;
        struct {
            int64_t queue;
            struct id id;
            int64_t sent_ms, visible_at_ms;
            struct str body, attributes, group, dedup; /* group, dedup: FIFO queues only, else absent */
            int64_t dedup_since_ms; /* a message of this queue with the same dedup id sent at or after this makes this one a duplicate
                                       (also when that one was deleted meanwhile) */
            int64_t sequence;       /* result; a duplicate's is the first one's */
            bool duplicate;         /* result */
        } send;
        struct {
            int64_t queue;
            bool fifo;              /* in order; a group with a message in flight is closed. (A message sent with a group is ordered.) */
            int32_t max_messages;   /* 1-10 */
            int64_t now_ms, visible_at_ms;
            int32_t max_receives;   /* > 0: a message received that often already goes to dead_letter_queue instead (id, attributes, group
                                       kept; its receives count from 0; sent_ms kept too, but FIFO: now, as the service does). At most
                                       STORE_MOVES_MAX in one receive */
            int64_t dead_letter_queue;
            struct store_message *messages; /* result, message_count of them */
            size_t message_count;
            size_t moved;           /* result: dead-lettered now */
        } receive;
        struct { int64_t queue, sequence, receipt, visible_at_ms; bool found; } handle;
        struct { int64_t queue, before_ms; int64_t limit; int64_t removed; } expire;
        struct store_delivery delivery;
        struct { const struct id *ids; size_t count; int64_t at_ms; } ids;
        struct {
            int64_t archive;
            int64_t at_ms;      /* an archive's time never goes back: an earlier one is stored as the last event's */
            struct str context; /* what flow keeps about the event beside its JSON (opaque here); absent: nothing */
            struct str event;
            int64_t sequence;   /* result: 1, 2, 3... within the archive, never reused */
        } archive;
        struct { int64_t archive, before_ms, limit, removed; } cut;
    } u;
};

/* A transaction: an ordered list of operations that become durable together or not at all. */
struct txn {
    struct arena *arena;   /* owner: who made the transaction; operations and results live in it until `done` was called */
    struct store_op *first, *last;
    size_t count;
    size_t bytes;          /* rough size, for bounds */
    void (*done)(struct txn *txn, enum err err, const struct fault *fault); /* see committer_submit */
    void *ctx;
    struct txn *next;      /* the committer's queue */
};
void txn_init(struct txn *t, struct arena *arena);
/* Appends a zeroed operation; the caller fills it in. NULL when the arena is at its cap. Strings are NOT copied: they must live until
 * done. */
struct store_op *txn_add(struct txn *t, enum store_op_kind kind) MUST_USE;
/* Moves all of `from` behind `t` (same arena). */
void txn_join(struct txn *t, struct txn *from);
/* Checks what an engine relies on (positive ids, counts in range, names present) without touching a store; ERR_VALIDATION names the
 * operation and the field. Engines and committer_submit call it, so one caller's mistake never fails a group. */
enum err txn_check(const struct txn *t, struct fault *fault) MUST_USE;

struct store_record { /* one record of a stream */
    int64_t sequence, at_ms;
    struct str partition_key, data;
};
struct store_queue_stats { int64_t visible, in_flight, delayed, oldest_sent_ms /* 0: empty */; };
struct store_lane_stats { struct str lane; int64_t count, next_due_ms; };
struct store_archived { /* one event of an archive */
    int64_t sequence, at_ms;
    struct str context, event;
};
struct store_archive_stats {
    int64_t count, bytes;         /* of the events' JSON */
    int64_t oldest_ms, newest_ms; /* of what is there; 0: nothing is */
    int64_t next;                 /* sequence that the next event gets; 0: there is no such archive */
};
struct store_stats { int64_t file_bytes, wal_bytes, free_bytes /* of the file system; -1 unknown */, deliveries, commits; };

struct store;
struct store_ops { /* the vtable; one static instance per engine or decorator */
    const char *name;
    void (*close)(struct store *s);
    /* The writer's verb. All transactions durable, with their results filled in, or none (an error says why; memory is as before). */
    enum err (*commit)(struct store *s, struct txn *const *txns, size_t count, struct fault *fault);
    /* each returns non-OK to stop; that is returned. Keys in bytewise order. Strings are valid during the call only. Here and below,
     * `each` must not commit; it may read (one level deep). */
    enum err (*catalog_scan)(struct store *s, struct str kind, enum err (*each)(void *ctx, struct str key, struct str value), void *ctx,
                             struct fault *fault);
    /* Records with sequence >= from, in order, at most limit of them and about max_bytes of data (at least one), copied into a. */
    enum err (*stream_read)(struct store *s, int64_t stream, uint32_t shard, int64_t from, size_t limit, size_t max_bytes, struct arena *a,
                            struct store_record **records, size_t *count, struct fault *fault);
    /* First sequence that arrived at or after at_ms (INT64_MIN: the oldest there is); *next is the one the next append gets.
     * With nothing at or after at_ms *sequence == *next. */
    enum err (*stream_find)(struct store *s, int64_t stream, uint32_t shard, int64_t at_ms, int64_t *sequence, int64_t *next,
                            struct fault *fault);
    enum err (*queue_stats)(struct store *s, int64_t queue, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault);
    /* Pending deliveries of a lane in order of (due_ms, id), after the pair (after_due_ms, after_id), due at or before until_ms,
     * copied into a. */
    enum err (*delivery_scan)(struct store *s, struct str lane, int64_t after_due_ms, int64_t after_id, int64_t until_ms, size_t limit,
                              struct arena *a, struct store_delivery **deliveries, size_t *count, struct fault *fault);
    /* Every lane with pending work. Strings are valid during the call only. */
    enum err (*lane_scan)(struct store *s, enum err (*each)(void *ctx, const struct store_lane_stats *lane), void *ctx,
                          struct fault *fault);
    /* Ids remembered at or after since_ms, oldest first, in the batches they were remembered in. */
    enum err (*ids_scan)(struct store *s, int64_t since_ms, enum err (*each)(void *ctx, const struct id *ids, size_t count, int64_t at_ms),
                         void *ctx, struct fault *fault);
    /* Archived events with sequence >= from that arrived before until_ms, in order, at most limit of them and about max_bytes of JSON (at
     * least one), copied into a. */
    enum err (*archive_read)(struct store *s, int64_t archive, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                             struct arena *a, struct store_archived **events, size_t *count, struct fault *fault);
    /* First sequence that arrived at or after at_ms (INT64_MIN: the oldest there is); with nothing there: that of the next event. */
    enum err (*archive_find)(struct store *s, int64_t archive, int64_t at_ms, int64_t *sequence, struct fault *fault);
    /* Exact, as of the last commit, and as quick for a large archive as for a small one (SQLite). */
    enum err (*archive_stats)(struct store *s, int64_t archive, struct store_archive_stats *stats, struct fault *fault);
    /* Reads everything and compares (SQLite: integrity_check plus counters); ERR_CORRUPT names what is wrong. */
    enum err (*check)(struct store *s, struct fault *fault);
    enum err (*stats)(struct store *s, struct store_stats *stats, struct fault *fault);
    /* The writer's thread calls it between commits, after the acknowledgements: the engine's housekeeping (SQLite: a checkpoint once the
     * log is long, or when `idle`). NULL: there is none. A failure costs nothing that was committed. */
    enum err (*maintain)(struct store *s, bool idle, struct fault *fault);
};
/* What every engine's struct begins with. */
struct store {
    const struct store_ops *ops;
};

/* SQLite at path (made if need be, mode 0600). Schema versioned in the file: older ones are migrated in one transaction, a newer one is
 * refused (ERR_SCHEMA). With `check` the integrity check runs before it returns (quick_check; ERR_CORRUPT says what and what to do). */
struct store_options {
    enum durability durability;
    bool check;
    size_t cache_bytes; /* page cache of the writer; 0: 4 MiB */
};
enum err store_open_sqlite(const char *path, const struct store_options *options, struct store **s, struct fault *fault) MUST_USE;
enum err store_open_memory(struct store **s, struct fault *fault) MUST_USE;
/* Decorators own `inner` and close it. */
enum err store_open_trace(struct store *inner, struct store **s, struct fault *fault) MUST_USE;
/* The nth commit from now (1: the next; 0: none) fails with `code` before (torn == false) or after (torn == true: applied, but reported
 * as failed) the inner one. Any thread. */
enum err store_open_fault(struct store *inner, struct store **s, struct fault *fault) MUST_USE;
void store_fault_at(struct store *fault_store, int64_t nth_commit, enum err code, bool torn);

/* NULL is fine. Not while another thread is inside a verb. */
static inline void store_close(struct store *s) {
    if (s) s->ops->close(s);
}

#endif
