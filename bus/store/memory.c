/* The store in memory: for tests and simulation. Simple first: sorted arrays of rows that never change.
 *
 * A change puts a new row in an old one's place and notes both; a commit that fails is undone by going through the notes backwards.
 * One lock: readers share it, the writer has it alone. */
#include <pthread.h>
#include <stdlib.h>

#include "store.h"

enum { KEYS = 3, NUMBERS = 4, BYTES = 4 };

struct row {
    int64_t key[KEYS];
    struct str name[2]; /* the rest of the key */
    int64_t n[NUMBERS];
    struct str b[BYTES];
    struct id id;
    char bytes[]; /* what the strings point to */
};
/* Columns by table. */
enum { SHARD_FIRST, SHARD_NEXT, SHARD_LAST_MS }; /* shards: key stream, shard */
enum { RECORD_AT_MS };                           /* records: key stream, shard, sequence */
enum { RECORD_KEY, RECORD_DATA };
enum { MESSAGE_SENT_MS, MESSAGE_VISIBLE_MS, MESSAGE_RECEIVES, MESSAGE_FIRST_MS }; /* messages: key queue, sequence */
enum { MESSAGE_BODY, MESSAGE_ATTRIBUTES, MESSAGE_GROUP, MESSAGE_DEDUP };
enum { DEDUP_SENT_MS, DEDUP_SEQUENCE };                            /* dedups: key queue, name dedup */
enum { DELIVERY_ACCEPTED_MS, DELIVERY_DUE_MS, DELIVERY_ATTEMPTS }; /* deliveries: key id */
enum { ARCHIVE_NEXT, ARCHIVE_LAST_MS, ARCHIVE_CLOSED }; /* archives: key archive */
enum { ARCHIVED_AT_MS };                                 /* archived: key archive, sequence */
enum { ARCHIVED_CONTEXT, ARCHIVED_EVENT };
enum { DELIVERY_LANE, DELIVERY_STATE, DELIVERY_EVENT, DELIVERY_INPUT };

struct table {
    struct row **rows; /* in order of key, then name */
    size_t count, cap;
};

struct change {
    struct table *table;
    struct row *old, *new; /* NULL: there was, there is none */
};

struct memory_store {
    struct store store;
    pthread_rwlock_t lock;
    struct table catalog /* name kind, key */, shards, records, queues /* key queue; n[0] next */, messages, dedups, deliveries,
        batches /* key at_ms, number; b[0] ids */, archives, archived;
    int64_t delivery_next, batch_next, queue_floor, commits;
    struct change *changes; /* of the commit under way */
    size_t changes_count, changes_cap;
};

/* ---- rows and tables -------------------------------------------------------------------------------------------------------------- */

static int row_cmp(const struct row *a, const struct row *b) {
    for (int i = 0; i < KEYS; i++)
        if (a->key[i] != b->key[i]) return a->key[i] < b->key[i] ? -1 : 1;
    int c = str_cmp(a->name[0], b->name[0]);
    return c ? c : str_cmp(a->name[1], b->name[1]);
}

static struct str place(char **at, struct str s) {
    if (!s.p) return s;
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return str_of(*at - s.n, s.n);
}

static struct row *row_copy(const struct row *from) {
    size_t bytes = 1 + from->name[0].n + from->name[1].n;
    for (int i = 0; i < BYTES; i++) bytes += from->b[i].n;
    struct row *row = malloc(sizeof *row + bytes);
    if (!row) return NULL;
    *row = *from;
    char *at = row->bytes;
    for (int i = 0; i < 2; i++) row->name[i] = place(&at, from->name[i]);
    for (int i = 0; i < BYTES; i++) row->b[i] = place(&at, from->b[i]);
    return row;
}

/* Position of the first row at or after the key. */
static size_t table_find(const struct table *t, const struct row *key) {
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row_cmp(t->rows[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct row *table_get(const struct table *t, const struct row *key) {
    size_t at = table_find(t, key);
    return at < t->count && row_cmp(t->rows[at], key) == 0 ? t->rows[at] : NULL;
}

static bool table_room(struct table *t) {
    if (t->count < t->cap) return true;
    size_t cap = t->cap ? t->cap * 2 : 64;
    struct row **rows = realloc(t->rows, cap * sizeof *rows);
    if (!rows) return false;
    t->rows = rows;
    t->cap = cap;
    return true;
}

static void table_insert(struct table *t, size_t at, struct row *row) {
    memmove(t->rows + at + 1, t->rows + at, (t->count - at) * sizeof *t->rows);
    t->rows[at] = row;
    t->count++;
}

static void table_cut(struct table *t, size_t at) {
    t->count--;
    memmove(t->rows + at, t->rows + at + 1, (t->count - at) * sizeof *t->rows);
}

static void table_fini(struct table *t) {
    for (size_t i = 0; i < t->count; i++) free(t->rows[i]);
    free(t->rows);
}

/* ---- changes ---------------------------------------------------------------------------------------------------------------------- */

static enum err note(struct memory_store *m, struct table *t, struct row *old, struct row *new, struct fault *fault) {
    if (m->changes_count == m->changes_cap) {
        size_t cap = m->changes_cap ? m->changes_cap * 2 : 256;
        struct change *changes = realloc(m->changes, cap * sizeof *changes);
        if (!changes) return fault_set(fault, ERR_NOMEM, NULL);
        m->changes = changes;
        m->changes_cap = cap;
    }
    m->changes[m->changes_count++] = (struct change){t, old, new};
    return ERR_OK;
}

/* Inserts a copy of the row, or puts it in the place of the one with its key. */
static enum err put(struct memory_store *m, struct table *t, const struct row *row, struct fault *fault) {
    struct row *new = table_room(t) ? row_copy(row) : NULL;
    if (!new) return fault_set(fault, ERR_NOMEM, NULL);
    size_t at = table_find(t, new);
    bool replaces = at < t->count && row_cmp(t->rows[at], new) == 0;
    enum err err = note(m, t, replaces ? t->rows[at] : NULL, new, fault);
    if (err)
        free(new);
    else if (replaces)
        t->rows[at] = new;
    else
        table_insert(t, at, new);
    return err;
}

static enum err cut(struct memory_store *m, struct table *t, size_t at, struct fault *fault) {
    enum err err = note(m, t, t->rows[at], NULL, fault);
    if (!err) table_cut(t, at);
    return err;
}

static void undo(struct memory_store *m) {
    while (m->changes_count) {
        struct change *c = &m->changes[--m->changes_count];
        size_t at = table_find(c->table, c->new ? c->new : c->old);
        if (c->new && c->old)
            c->table->rows[at] = c->old;
        else if (c->new)
            table_cut(c->table, at);
        else
            table_insert(c->table, at, c->old); /* there is room: it was there before */
        free(c->new);
    }
}

static void keep(struct memory_store *m) {
    for (size_t i = 0; i < m->changes_count; i++) free(m->changes[i].old);
    m->changes_count = 0;
}

/* ---- catalog and ids -------------------------------------------------------------------------------------------------------------- */

static enum err catalog_change(struct memory_store *m, struct store_op *op, struct fault *fault) {
    struct row row = {.name = {op->u.catalog.kind, op->u.catalog.key}, .b = {op->u.catalog.value}};
    if (op->kind == OP_CATALOG_PUT) return put(m, &m->catalog, &row, fault);
    size_t at = table_find(&m->catalog, &row);
    return table_get(&m->catalog, &row) ? cut(m, &m->catalog, at, fault) : ERR_OK;
}

static enum err memory_catalog_scan(struct store *s, struct str kind, enum err (*each)(void *ctx, struct str key, struct str value),
                                    void *ctx, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    struct row from = {.name = {kind, STR_NULL}};
    enum err err = ERR_OK;
    (void)fault;
    pthread_rwlock_rdlock(&m->lock);
    for (size_t at = table_find(&m->catalog, &from); at < m->catalog.count && !err; at++) {
        const struct row *row = m->catalog.rows[at];
        if (!str_eq(row->name[0], kind)) break;
        err = each(ctx, row->name[1], row->b[0]);
    }
    pthread_rwlock_unlock(&m->lock);
    return err;
}

static enum err ids_remember(struct memory_store *m, struct store_op *op, struct fault *fault) {
    if (!op->u.ids.count) return ERR_OK;
    struct row row = {.key = {op->u.ids.at_ms, m->batch_next++},
                      .b = {str_of((const char *)op->u.ids.ids, op->u.ids.count * sizeof(struct id))}};
    return put(m, &m->batches, &row, fault);
}

static enum err ids_forget(struct memory_store *m, struct store_op *op, struct fault *fault) {
    enum err err = ERR_OK;
    while (!err && m->batches.count && m->batches.rows[0]->key[0] < op->u.ids.at_ms) err = cut(m, &m->batches, 0, fault);
    return err;
}

static enum err memory_ids_scan(struct store *s, int64_t since_ms,
                                enum err (*each)(void *ctx, const struct id *ids, size_t count, int64_t at_ms), void *ctx,
                                struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    struct row from = {.key = {since_ms, INT64_MIN}};
    enum err err = ERR_OK;
    (void)fault;
    pthread_rwlock_rdlock(&m->lock);
    for (size_t at = table_find(&m->batches, &from); at < m->batches.count && !err; at++) {
        const struct row *row = m->batches.rows[at];
        err = each(ctx, (const struct id *)(const void *)row->b[0].p, row->b[0].n / sizeof(struct id), row->key[0]);
    }
    pthread_rwlock_unlock(&m->lock);
    return err;
}

/* ---- streams ---------------------------------------------------------------------------------------------------------------------- */

static const struct row *shard_get(const struct memory_store *m, int64_t stream, int64_t shard) {
    return table_get(&m->shards, &(struct row){.key = {stream, shard}});
}

static enum err append(struct memory_store *m, struct store_op *op, struct fault *fault) {
    const struct row *found = shard_get(m, op->u.append.stream, op->u.append.shard);
    struct row shard = {.key = {op->u.append.stream, op->u.append.shard}, .n = {1, 1, INT64_MIN}};
    if (found) shard = *found;
    if (op->u.append.at_ms > shard.n[SHARD_LAST_MS]) shard.n[SHARD_LAST_MS] = op->u.append.at_ms;
    struct row record = {.key = {op->u.append.stream, op->u.append.shard, shard.n[SHARD_NEXT]++},
                         .n = {shard.n[SHARD_LAST_MS]},
                         .b = {op->u.append.partition_key, op->u.append.data}};
    op->u.append.sequence = record.key[2];
    enum err err = put(m, &m->records, &record, fault);
    return err ? err : put(m, &m->shards, &shard, fault);
}

static enum err trim(struct memory_store *m, struct store_op *op, struct fault *fault) {
    size_t at = table_find(&m->records, &(struct row){.key = {op->u.trim.stream, INT64_MIN, INT64_MIN}});
    op->u.trim.removed = 0;
    enum err err = ERR_OK;
    while (!err && at < m->records.count && (op->u.trim.limit <= 0 || op->u.trim.removed < op->u.trim.limit)) {
        const struct row *record = m->records.rows[at];
        if (record->key[0] != op->u.trim.stream) break;
        if (record->n[RECORD_AT_MS] >= op->u.trim.before_ms) {
            at++;
            continue;
        }
        struct row shard = *shard_get(m, record->key[0], record->key[1]);
        shard.n[SHARD_FIRST] = record->key[2] + 1;
        err = put(m, &m->shards, &shard, fault);
        if (!err) err = cut(m, &m->records, at, fault);
        op->u.trim.removed++;
    }
    return err;
}

/* All rows whose key begins with `number`. */
static enum err cut_all(struct memory_store *m, struct table *t, int64_t number, int64_t *count, struct fault *fault) {
    size_t at = table_find(t, &(struct row){.key = {number, INT64_MIN, INT64_MIN}});
    enum err err = ERR_OK;
    for (; !err && at < t->count && t->rows[at]->key[0] == number; ++*count) err = cut(m, t, at, fault);
    return err;
}

static enum err stream_drop(struct memory_store *m, struct store_op *op, struct fault *fault) {
    int64_t shards = 0;
    op->u.trim.removed = 0;
    enum err err = cut_all(m, &m->records, op->u.trim.stream, &op->u.trim.removed, fault);
    return err ? err : cut_all(m, &m->shards, op->u.trim.stream, &shards, fault);
}

static bool copy_str(struct arena *a, struct str s, struct str *out) {
    *out = arena_str(a, s);
    return !s.p || out->p;
}

static enum err memory_stream_read(struct store *s, int64_t stream, uint32_t shard, int64_t from, size_t limit, size_t max_bytes,
                                   struct arena *a, struct store_record **records, size_t *count, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    size_t bytes = 0;
    bool fits = true;
    *records = NULL;
    *count = 0;
    pthread_rwlock_rdlock(&m->lock);
    size_t at = table_find(&m->records, &(struct row){.key = {stream, shard, from}});
    size_t room = m->records.count - at < limit ? m->records.count - at : limit;
    if (room) fits = (*records = arena_array(a, room, sizeof **records)) != NULL;
    for (; fits && *count < room; at++) {
        const struct row *row = m->records.rows[at];
        if (row->key[0] != stream || row->key[1] != shard) break;
        bytes += row->b[RECORD_KEY].n + row->b[RECORD_DATA].n;
        if (*count && bytes > max_bytes) break;
        struct store_record *record = &(*records)[(*count)++];
        *record = (struct store_record){.sequence = row->key[2], .at_ms = row->n[RECORD_AT_MS]};
        fits = copy_str(a, row->b[RECORD_KEY], &record->partition_key) && copy_str(a, row->b[RECORD_DATA], &record->data);
    }
    pthread_rwlock_unlock(&m->lock);
    return fits ? ERR_OK : fault_set(fault, ERR_NOMEM, "the records do not fit the caller's memory; ask for fewer");
}

static enum err memory_stream_find(struct store *s, int64_t stream, uint32_t shard, int64_t at_ms, int64_t *sequence, int64_t *next,
                                   struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    (void)fault;
    pthread_rwlock_rdlock(&m->lock);
    const struct row *found = shard_get(m, stream, shard);
    *sequence = *next = found ? found->n[SHARD_NEXT] : 1;
    for (size_t at = table_find(&m->records, &(struct row){.key = {stream, shard, INT64_MIN}}); at < m->records.count; at++) {
        const struct row *row = m->records.rows[at];
        if (row->key[0] != stream || row->key[1] != shard) break;
        if (row->n[RECORD_AT_MS] < at_ms) continue;
        *sequence = row->key[2];
        break;
    }
    pthread_rwlock_unlock(&m->lock);
    return ERR_OK;
}

/* ---- queues ----------------------------------------------------------------------------------------------------------------------- */

static size_t queue_begin(const struct memory_store *m, int64_t queue) {
    return table_find(&m->messages, &(struct row){.key = {queue, INT64_MIN, INT64_MIN}});
}

/* The message at this position, when it is of the queue. */
static const struct row *queue_at(const struct memory_store *m, int64_t queue, size_t at) {
    return at < m->messages.count && m->messages.rows[at]->key[0] == queue ? m->messages.rows[at] : NULL;
}

static enum err message_add(struct memory_store *m, struct row *message, int64_t *sequence, struct fault *fault) {
    const struct row *found = table_get(&m->queues, &(struct row){.key = {message->key[0]}});
    struct row queue = {.key = {message->key[0]}, .n = {found ? found->n[0] : m->queue_floor}};
    *sequence = message->key[1] = queue.n[0]++;
    enum err err = put(m, &m->messages, message, fault);
    return err ? err : put(m, &m->queues, &queue, fault);
}

static enum err dedups_forget(struct memory_store *m, int64_t queue, int64_t before_ms, struct fault *fault) {
    size_t at = table_find(&m->dedups, &(struct row){.key = {queue, INT64_MIN, INT64_MIN}});
    enum err err = ERR_OK;
    while (!err && at < m->dedups.count && m->dedups.rows[at]->key[0] == queue) {
        if (m->dedups.rows[at]->n[DEDUP_SENT_MS] < before_ms)
            err = cut(m, &m->dedups, at, fault);
        else
            at++;
    }
    return err;
}

static enum err queue_send(struct memory_store *m, struct store_op *op, struct fault *fault) {
    struct row dedup = {.key = {op->u.send.queue}, .name = {op->u.send.dedup}, .n = {op->u.send.sent_ms}};
    enum err err = op->u.send.dedup.p ? dedups_forget(m, op->u.send.queue, op->u.send.dedup_since_ms, fault) : ERR_OK;
    const struct row *first = op->u.send.dedup.p ? table_get(&m->dedups, &dedup) : NULL;
    op->u.send.duplicate = first != NULL;
    if (first) op->u.send.sequence = first->n[DEDUP_SEQUENCE];
    if (err || first) return err;
    struct row message = {.key = {op->u.send.queue},
                          .n = {op->u.send.sent_ms, op->u.send.visible_at_ms > op->u.send.sent_ms ? op->u.send.visible_at_ms : 0},
                          .b = {op->u.send.body, op->u.send.attributes, op->u.send.group, op->u.send.dedup},
                          .id = op->u.send.id};
    err = message_add(m, &message, &op->u.send.sequence, fault);
    dedup.n[DEDUP_SEQUENCE] = op->u.send.sequence;
    return err || !op->u.send.dedup.p ? err : put(m, &m->dedups, &dedup, fault);
}

static enum err lapse(struct memory_store *m, int64_t queue, int64_t now_ms, struct fault *fault) {
    const struct row *row;
    enum err err = ERR_OK;
    for (size_t at = queue_begin(m, queue); !err && (row = queue_at(m, queue, at)); at++) {
        if (!row->n[MESSAGE_VISIBLE_MS] || row->n[MESSAGE_VISIBLE_MS] > now_ms) continue;
        struct row lapsed = *row;
        lapsed.n[MESSAGE_VISIBLE_MS] = 0;
        err = put(m, &m->messages, &lapsed, fault);
    }
    return err;
}

static bool taken(const struct store_op *op, const struct row *message) {
    for (size_t i = 0; i < op->u.receive.message_count; i++)
        if (op->u.receive.messages[i].sequence == message->key[1]) return true;
    return false;
}

/* May this visible message be handed out now? Without a group yes; else nothing of the group may be in flight from before, and nothing
 * in front of it hidden. What this very receive took does not count. */
static bool open_for(const struct memory_store *m, const struct store_op *op, const struct row *message) {
    if (!message->b[MESSAGE_GROUP].p) return true;
    const struct row *other;
    for (size_t at = queue_begin(m, message->key[0]); (other = queue_at(m, message->key[0], at)); at++) {
        bool same = other->b[MESSAGE_GROUP].p && str_eq(other->b[MESSAGE_GROUP], message->b[MESSAGE_GROUP]);
        if (!same || !other->n[MESSAGE_VISIBLE_MS] || taken(op, other)) continue;
        if (other->n[MESSAGE_RECEIVES] || other->key[1] < message->key[1]) return false;
    }
    return true;
}

static enum err move(struct memory_store *m, struct store_op *op, size_t at, struct fault *fault) {
    struct row copy = *m->messages.rows[at];
    copy.key[0] = op->u.receive.dead_letter_queue;
    if (op->u.receive.fifo) copy.n[MESSAGE_SENT_MS] = op->u.receive.now_ms;
    copy.n[MESSAGE_VISIBLE_MS] = copy.n[MESSAGE_RECEIVES] = copy.n[MESSAGE_FIRST_MS] = 0;
    int64_t sequence;
    enum err err = cut(m, &m->messages, at, fault);
    if (!err) err = message_add(m, &copy, &sequence, fault);
    op->u.receive.moved++;
    return err;
}

static enum err take(struct memory_store *m, struct store_op *op, const struct row *message, struct arena *a, struct fault *fault) {
    struct row row = *message;
    if (!row.n[MESSAGE_RECEIVES]++) row.n[MESSAGE_FIRST_MS] = op->u.receive.now_ms;
    row.n[MESSAGE_VISIBLE_MS] = op->u.receive.visible_at_ms > 0 ? op->u.receive.visible_at_ms : 1;
    struct store_message *out = &op->u.receive.messages[op->u.receive.message_count++];
    *out = (struct store_message){.sequence = row.key[1],
                                  .id = row.id,
                                  .receipt = row.n[MESSAGE_RECEIVES],
                                  .sent_ms = row.n[MESSAGE_SENT_MS],
                                  .first_received_ms = row.n[MESSAGE_FIRST_MS],
                                  .receives = (int32_t)row.n[MESSAGE_RECEIVES]};
    bool fits = copy_str(a, row.b[MESSAGE_BODY], &out->body) && copy_str(a, row.b[MESSAGE_ATTRIBUTES], &out->attributes) &&
                copy_str(a, row.b[MESSAGE_GROUP], &out->group) && copy_str(a, row.b[MESSAGE_DEDUP], &out->dedup);
    return fits ? put(m, &m->messages, &row, fault) : fault_set(fault, ERR_NOMEM, "a receive does not fit the memory of its transaction");
}

static enum err receive(struct memory_store *m, struct store_op *op, struct arena *a, struct fault *fault) {
    int64_t queue = op->u.receive.queue;
    op->u.receive.message_count = op->u.receive.moved = 0;
    op->u.receive.messages = NULL;
    if (!table_get(&m->queues, &(struct row){.key = {queue}})) return ERR_OK;
    op->u.receive.messages = arena_array(a, (size_t)op->u.receive.max_messages, sizeof *op->u.receive.messages);
    if (!op->u.receive.messages) return fault_set(fault, ERR_NOMEM, "a receive does not fit the memory of its transaction");
    enum err err = lapse(m, queue, op->u.receive.now_ms, fault);
    const struct row *row;
    int64_t after = INT64_MIN; /* positions shift when a message moves to a queue before this one: go by sequence */
    while (!err && op->u.receive.message_count < (size_t)op->u.receive.max_messages && op->u.receive.moved < STORE_MOVES_MAX) {
        size_t at = table_find(&m->messages, &(struct row){.key = {queue, after, INT64_MIN}});
        if (!(row = queue_at(m, queue, at))) break;
        after = row->key[1] + 1;
        if (row->n[MESSAGE_VISIBLE_MS] || !open_for(m, op, row)) continue;
        bool exhausted = op->u.receive.max_receives && row->n[MESSAGE_RECEIVES] >= op->u.receive.max_receives;
        err = exhausted ? move(m, op, at, fault) : take(m, op, row, a, fault);
    }
    return err;
}

static enum err handle(struct memory_store *m, struct store_op *op, struct fault *fault) {
    struct row key = {.key = {op->u.handle.queue, op->u.handle.sequence}};
    const struct row *found = table_get(&m->messages, &key);
    op->u.handle.found = found && found->n[MESSAGE_RECEIVES] && found->n[MESSAGE_RECEIVES] == op->u.handle.receipt;
    if (!op->u.handle.found) return ERR_OK;
    if (op->kind == OP_QUEUE_DELETE) return cut(m, &m->messages, table_find(&m->messages, &key), fault);
    struct row row = *found;
    row.n[MESSAGE_VISIBLE_MS] = op->u.handle.visible_at_ms > 0 ? op->u.handle.visible_at_ms : 1;
    return put(m, &m->messages, &row, fault);
}

/* Position of the next message to expire: the head while it is old enough, then the earliest of those that the head hides. */
static bool expiring(const struct memory_store *m, const struct store_op *op, size_t *position) {
    size_t at = queue_begin(m, op->u.expire.queue);
    const struct row *row = queue_at(m, op->u.expire.queue, at), *best = NULL;
    if (row && row->n[MESSAGE_SENT_MS] < op->u.expire.before_ms) {
        *position = at;
        return true;
    }
    for (; (row = queue_at(m, op->u.expire.queue, at)); at++) {
        if (row->n[MESSAGE_SENT_MS] >= op->u.expire.before_ms) continue;
        if (best && best->n[MESSAGE_SENT_MS] <= row->n[MESSAGE_SENT_MS]) continue;
        best = row;
        *position = at;
    }
    return best != NULL;
}

static enum err expire(struct memory_store *m, struct store_op *op, struct fault *fault) {
    size_t at;
    enum err err = ERR_OK;
    op->u.expire.removed = 0;
    while (!err && (op->u.expire.limit <= 0 || op->u.expire.removed < op->u.expire.limit) && expiring(m, op, &at)) {
        err = cut(m, &m->messages, at, fault);
        op->u.expire.removed++;
    }
    return err;
}

static enum err queue_drop(struct memory_store *m, struct store_op *op, struct fault *fault) {
    struct row key = {.key = {op->u.expire.queue}};
    const struct row *queue = table_get(&m->queues, &key);
    op->u.expire.removed = 0;
    if (!queue) return ERR_OK;
    if (m->queue_floor < queue->n[0]) m->queue_floor = queue->n[0];
    enum err err = cut_all(m, &m->messages, key.key[0], &op->u.expire.removed, fault);
    if (!err) err = dedups_forget(m, key.key[0], INT64_MAX, fault);
    return err ? err : cut(m, &m->queues, table_find(&m->queues, &key), fault);
}

static enum err memory_queue_stats(struct store *s, int64_t queue, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    const struct row *row;
    (void)fault;
    *stats = (struct store_queue_stats){.visible = 0};
    pthread_rwlock_rdlock(&m->lock);
    for (size_t at = queue_begin(m, queue); (row = queue_at(m, queue, at)); at++) {
        bool hidden = row->n[MESSAGE_VISIBLE_MS] > now_ms;
        if (!hidden)
            stats->visible++;
        else if (row->n[MESSAGE_RECEIVES])
            stats->in_flight++;
        else
            stats->delayed++;
        if (!stats->oldest_sent_ms || row->n[MESSAGE_SENT_MS] < stats->oldest_sent_ms) stats->oldest_sent_ms = row->n[MESSAGE_SENT_MS];
    }
    pthread_rwlock_unlock(&m->lock);
    return ERR_OK;
}

/* ---- deliveries ------------------------------------------------------------------------------------------------------------------- */

static enum err delivery_change(struct memory_store *m, struct store_op *op, struct fault *fault) {
    struct store_delivery *d = &op->u.delivery;
    if (op->kind == OP_DELIVERY_ADD) {
        d->id = m->delivery_next++;
        struct row row = {.key = {d->id}, .n = {d->accepted_ms, d->due_ms, d->attempts}, .b = {d->lane, d->state, d->event, d->input}};
        return put(m, &m->deliveries, &row, fault);
    }
    struct row key = {.key = {d->id}};
    const struct row *found = table_get(&m->deliveries, &key);
    if (!found) return ERR_OK;
    if (op->kind == OP_DELIVERY_SETTLE) return cut(m, &m->deliveries, table_find(&m->deliveries, &key), fault);
    struct row row = *found;
    row.n[DELIVERY_DUE_MS] = d->due_ms;
    row.n[DELIVERY_ATTEMPTS] = d->attempts;
    row.b[DELIVERY_STATE] = d->state;
    return put(m, &m->deliveries, &row, fault);
}

static bool pair_less(int64_t due_a, int64_t id_a, int64_t due_b, int64_t id_b) { return due_a != due_b ? due_a < due_b : id_a < id_b; }

/* The lane's first delivery after the pair, or NULL. */
static const struct row *delivery_after(const struct memory_store *m, struct str lane, int64_t due_ms, int64_t id) {
    const struct row *best = NULL;
    for (size_t i = 0; i < m->deliveries.count; i++) {
        const struct row *row = m->deliveries.rows[i];
        int64_t due = row->n[DELIVERY_DUE_MS];
        if (!str_eq(row->b[DELIVERY_LANE], lane) || !pair_less(due_ms, id, due, row->key[0])) continue;
        if (!best || pair_less(due, row->key[0], best->n[DELIVERY_DUE_MS], best->key[0])) best = row;
    }
    return best;
}

static enum err memory_delivery_scan(struct store *s, struct str lane, int64_t after_due_ms, int64_t after_id, int64_t until_ms,
                                     size_t limit, struct arena *a, struct store_delivery **deliveries, size_t *count,
                                     struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    const struct row *row;
    bool fits = true;
    *deliveries = NULL;
    *count = 0;
    pthread_rwlock_rdlock(&m->lock);
    size_t room = m->deliveries.count < limit ? m->deliveries.count : limit;
    if (room) fits = (*deliveries = arena_array(a, room, sizeof **deliveries)) != NULL;
    while (fits && *count < room && (row = delivery_after(m, lane, after_due_ms, after_id)) && row->n[DELIVERY_DUE_MS] <= until_ms) {
        struct store_delivery *d = &(*deliveries)[(*count)++];
        *d = (struct store_delivery){.id = row->key[0],
                                     .accepted_ms = row->n[DELIVERY_ACCEPTED_MS],
                                     .due_ms = row->n[DELIVERY_DUE_MS],
                                     .attempts = (int32_t)row->n[DELIVERY_ATTEMPTS]};
        fits = copy_str(a, row->b[DELIVERY_LANE], &d->lane) && copy_str(a, row->b[DELIVERY_STATE], &d->state) &&
               copy_str(a, row->b[DELIVERY_EVENT], &d->event) && copy_str(a, row->b[DELIVERY_INPUT], &d->input);
        after_due_ms = d->due_ms;
        after_id = d->id;
    }
    pthread_rwlock_unlock(&m->lock);
    return fits ? ERR_OK : fault_set(fault, ERR_NOMEM, "the deliveries do not fit the caller's memory; ask for fewer");
}

/* The smallest lane name after `name` (absent: the first), with its numbers. */
static bool lane_after(const struct memory_store *m, struct str name, struct store_lane_stats *lane) {
    *lane = (struct store_lane_stats){.lane = STR_NULL};
    for (size_t i = 0; i < m->deliveries.count; i++) {
        const struct row *row = m->deliveries.rows[i];
        struct str own = row->b[DELIVERY_LANE];
        if (name.p && str_cmp(own, name) <= 0) continue;
        int c = lane->lane.p ? str_cmp(own, lane->lane) : -1;
        if (c > 0) continue;
        if (c < 0) *lane = (struct store_lane_stats){.lane = own, .next_due_ms = INT64_MAX};
        lane->count++;
        if (row->n[DELIVERY_DUE_MS] < lane->next_due_ms) lane->next_due_ms = row->n[DELIVERY_DUE_MS];
    }
    return lane->lane.p;
}

static enum err memory_lane_scan(struct store *s, enum err (*each)(void *ctx, const struct store_lane_stats *lane), void *ctx,
                                 struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    struct store_lane_stats lane = {.lane = STR_NULL};
    enum err err = ERR_OK;
    (void)fault;
    pthread_rwlock_rdlock(&m->lock);
    while (!err && lane_after(m, lane.lane, &lane)) err = each(ctx, &lane);
    pthread_rwlock_unlock(&m->lock);
    return err;
}

/* ---- archives --------------------------------------------------------------------------------------------------------------------- */

static const struct row *archive_get(const struct memory_store *m, int64_t archive) {
    return table_get(&m->archives, &(struct row){.key = {archive}});
}

static size_t archive_begin(const struct memory_store *m, int64_t archive) {
    return table_find(&m->archived, &(struct row){.key = {archive, INT64_MIN}});
}

/* The event at this position, when it is of the archive. */
static const struct row *archived_at(const struct memory_store *m, int64_t archive, size_t at) {
    return at < m->archived.count && m->archived.rows[at]->key[0] == archive ? m->archived.rows[at] : NULL;
}

static enum err archive_open(struct memory_store *m, struct store_op *op, struct fault *fault) {
    if (archive_get(m, op->u.cut.archive)) return ERR_OK;
    return put(m, &m->archives, &(struct row){.key = {op->u.cut.archive}, .n = {1, INT64_MIN}}, fault);
}

static enum err archive_append(struct memory_store *m, struct store_op *op, struct fault *fault) {
    const struct row *found = archive_get(m, op->u.archive.archive);
    op->u.archive.sequence = 0;
    if (!found || found->n[ARCHIVE_CLOSED]) return ERR_OK;
    struct row archive = *found;
    if (op->u.archive.at_ms > archive.n[ARCHIVE_LAST_MS]) archive.n[ARCHIVE_LAST_MS] = op->u.archive.at_ms;
    struct row event = {.key = {op->u.archive.archive, archive.n[ARCHIVE_NEXT]++},
                        .n = {archive.n[ARCHIVE_LAST_MS]},
                        .b = {op->u.archive.context, op->u.archive.event}};
    op->u.archive.sequence = event.key[1];
    enum err err = put(m, &m->archived, &event, fault);
    return err ? err : put(m, &m->archives, &archive, fault);
}

static enum err archive_trim(struct memory_store *m, struct store_op *op, struct fault *fault) {
    size_t at = archive_begin(m, op->u.cut.archive);
    const struct row *event;
    enum err err = ERR_OK;
    op->u.cut.removed = 0;
    while (!err && (event = archived_at(m, op->u.cut.archive, at)) && event->n[ARCHIVED_AT_MS] < op->u.cut.before_ms &&
           (op->u.cut.limit <= 0 || op->u.cut.removed < op->u.cut.limit)) {
        err = cut(m, &m->archived, at, fault);
        op->u.cut.removed++;
    }
    return err;
}

static enum err archive_drop(struct memory_store *m, struct store_op *op, struct fault *fault) {
    const struct row *found = archive_get(m, op->u.cut.archive);
    op->u.cut.removed = 0;
    if (!found) return ERR_OK;
    struct row archive = *found;
    archive.n[ARCHIVE_CLOSED] = 1;
    enum err err = put(m, &m->archives, &archive, fault);
    op->u.cut.before_ms = INT64_MAX;
    if (!err) err = archive_trim(m, op, fault);
    if (err || (op->u.cut.limit > 0 && op->u.cut.removed >= op->u.cut.limit)) return err;
    return cut(m, &m->archives, table_find(&m->archives, &archive), fault);
}

static enum err memory_archive_read(struct store *s, int64_t archive, int64_t from, int64_t until_ms, size_t limit, size_t max_bytes,
                                    struct arena *a, struct store_archived **events, size_t *count, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    const struct row *row;
    size_t bytes = 0;
    bool fits = true;
    *events = NULL;
    *count = 0;
    pthread_rwlock_rdlock(&m->lock);
    size_t at = table_find(&m->archived, &(struct row){.key = {archive, from}});
    size_t room = m->archived.count - at < limit ? m->archived.count - at : limit;
    if (room) fits = (*events = arena_array(a, room, sizeof **events)) != NULL;
    for (; fits && *count < room && (row = archived_at(m, archive, at)) && row->n[ARCHIVED_AT_MS] < until_ms; at++) {
        bytes += row->b[ARCHIVED_EVENT].n;
        if (*count && bytes > max_bytes) break;
        struct store_archived *e = &(*events)[(*count)++];
        *e = (struct store_archived){.sequence = row->key[1], .at_ms = row->n[ARCHIVED_AT_MS]};
        fits = copy_str(a, row->b[ARCHIVED_CONTEXT], &e->context) && copy_str(a, row->b[ARCHIVED_EVENT], &e->event);
    }
    pthread_rwlock_unlock(&m->lock);
    return fits ? ERR_OK : fault_set(fault, ERR_NOMEM, "the events do not fit the caller's memory; ask for fewer");
}

static enum err memory_archive_find(struct store *s, int64_t archive, int64_t at_ms, int64_t *sequence, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    const struct row *row;
    (void)fault;
    pthread_rwlock_rdlock(&m->lock);
    const struct row *found = archive_get(m, archive);
    *sequence = found ? found->n[ARCHIVE_NEXT] : 1;
    size_t at = archive_begin(m, archive);
    while ((row = archived_at(m, archive, at)) && row->n[ARCHIVED_AT_MS] < at_ms) at++;
    if (row) *sequence = row->key[1];
    pthread_rwlock_unlock(&m->lock);
    return ERR_OK;
}

static enum err memory_archive_stats(struct store *s, int64_t archive, struct store_archive_stats *stats, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    const struct row *row;
    (void)fault;
    *stats = (struct store_archive_stats){0};
    pthread_rwlock_rdlock(&m->lock);
    const struct row *found = archive_get(m, archive);
    if (found) stats->next = found->n[ARCHIVE_NEXT];
    for (size_t at = archive_begin(m, archive); (row = archived_at(m, archive, at)); at++) {
        if (!stats->count++) stats->oldest_ms = row->n[ARCHIVED_AT_MS];
        stats->bytes += (int64_t)row->b[ARCHIVED_EVENT].n;
        stats->newest_ms = row->n[ARCHIVED_AT_MS];
    }
    pthread_rwlock_unlock(&m->lock);
    return ERR_OK;
}

/* ---- the store -------------------------------------------------------------------------------------------------------------------- */

static enum err apply(struct memory_store *m, struct store_op *op, struct arena *a, struct fault *fault) {
    switch (op->kind) {
    case OP_CATALOG_PUT:
    case OP_CATALOG_DELETE: return catalog_change(m, op, fault);
    case OP_STREAM_APPEND: return append(m, op, fault);
    case OP_STREAM_TRIM: return trim(m, op, fault);
    case OP_STREAM_DROP: return stream_drop(m, op, fault);
    case OP_QUEUE_SEND: return queue_send(m, op, fault);
    case OP_QUEUE_RECEIVE: return receive(m, op, a, fault);
    case OP_QUEUE_DELETE:
    case OP_QUEUE_VISIBILITY: return handle(m, op, fault);
    case OP_QUEUE_EXPIRE: return expire(m, op, fault);
    case OP_QUEUE_DROP: return queue_drop(m, op, fault);
    case OP_DELIVERY_ADD:
    case OP_DELIVERY_RETRY:
    case OP_DELIVERY_SETTLE: return delivery_change(m, op, fault);
    case OP_IDS_REMEMBER: return ids_remember(m, op, fault);
    case OP_IDS_FORGET: return ids_forget(m, op, fault);
    case OP_ARCHIVE_OPEN: return archive_open(m, op, fault);
    case OP_ARCHIVE_APPEND: return archive_append(m, op, fault);
    case OP_ARCHIVE_TRIM: return archive_trim(m, op, fault);
    case OP_ARCHIVE_DROP: return archive_drop(m, op, fault);
    }
    return fault_set(fault, ERR_INTERNAL, "operation %d is not known to the store", (int)op->kind);
}

static enum err memory_commit(struct store *s, struct txn *const *txns, size_t count, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) err = txn_check(txns[i], fault);
    if (err) return err;
    pthread_rwlock_wrlock(&m->lock);
    int64_t delivery_next = m->delivery_next, batch_next = m->batch_next, queue_floor = m->queue_floor;
    for (size_t i = 0; i < count && !err; i++)
        for (struct store_op *op = txns[i]->first; op && !err; op = op->next) err = apply(m, op, txns[i]->arena, fault);
    if (err) {
        undo(m);
        m->delivery_next = delivery_next;
        m->batch_next = batch_next;
        m->queue_floor = queue_floor;
    } else {
        keep(m);
        m->commits++;
    }
    pthread_rwlock_unlock(&m->lock);
    return err;
}

static enum err check_order(const struct table *t, struct fault *fault) {
    for (size_t i = 1; i < t->count; i++)
        if (row_cmp(t->rows[i - 1], t->rows[i]) >= 0) return fault_set(fault, ERR_CORRUPT, "rows are out of order");
    return ERR_OK;
}

static enum err memory_check(struct store *s, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    const struct table *tables[] = {&m->catalog, &m->shards,     &m->records, &m->queues,   &m->messages,
                                    &m->dedups,  &m->deliveries, &m->batches, &m->archives, &m->archived};
    enum err err = ERR_OK;
    pthread_rwlock_rdlock(&m->lock);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !err; i++) err = check_order(tables[i], fault);
    pthread_rwlock_unlock(&m->lock);
    return err;
}

static enum err memory_stats(struct store *s, struct store_stats *stats, struct fault *fault) {
    struct memory_store *m = (struct memory_store *)s;
    (void)fault;
    pthread_rwlock_rdlock(&m->lock);
    *stats = (struct store_stats){.free_bytes = -1, .deliveries = (int64_t)m->deliveries.count, .commits = m->commits};
    pthread_rwlock_unlock(&m->lock);
    return ERR_OK;
}

static void memory_close(struct store *s) {
    struct memory_store *m = (struct memory_store *)s;
    struct table *tables[] = {&m->catalog, &m->shards,     &m->records, &m->queues,   &m->messages,
                              &m->dedups,  &m->deliveries, &m->batches, &m->archives, &m->archived};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) table_fini(tables[i]);
    free(m->changes);
    pthread_rwlock_destroy(&m->lock);
    free(m);
}

static const struct store_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .commit = memory_commit,
    .catalog_scan = memory_catalog_scan,
    .stream_read = memory_stream_read,
    .stream_find = memory_stream_find,
    .queue_stats = memory_queue_stats,
    .delivery_scan = memory_delivery_scan,
    .lane_scan = memory_lane_scan,
    .ids_scan = memory_ids_scan,
    .archive_read = memory_archive_read,
    .archive_find = memory_archive_find,
    .archive_stats = memory_archive_stats,
    .check = memory_check,
    .stats = memory_stats,
};

enum err store_open_memory(struct store **s, struct fault *fault) {
    struct memory_store *m = calloc(1, sizeof *m);
    *s = NULL;
    if (!m) return fault_set(fault, ERR_NOMEM, NULL);
    if (pthread_rwlock_init(&m->lock, NULL)) {
        free(m);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    m->store.ops = &memory_ops;
    m->delivery_next = m->batch_next = m->queue_floor = 1;
    *s = &m->store;
    return ERR_OK;
}
