/* Queues in SQLite.
 *
 *   message  what was sent, written once
 *   ready    what a receive may hand out now, in order. Of a FIFO group only its head, and only while the group is open
 *   due      hidden messages (delayed: never received, or in flight) by the time they become visible
 *   slot     present once a message was hidden or received: visible_ms (0: not hidden), receives, first_ms, group
 *
 * A receive moves what lapsed from due to ready, then takes the head of ready: its work does not grow with what is in flight. */
#include <assert.h>
#include <stdlib.h>

#include "sqlite.h"

enum {
    LAPSED_SLICE = 1000, /* made visible in one go, until the receive found something */
    DEDUP_PRUNED = 8     /* at each send that remembers one: the table shrinks faster than it grows */
};

struct slot {
    bool there;
    int64_t visible_ms, receives, first_ms, group;
};
static bool slot_in_flight(const struct slot *sl) { return sl->visible_ms && sl->receives; }

static int64_t queue_key(const struct queue *q, int64_t sequence) { return row_key(q->lane, sequence); }
static struct str number_str(const int64_t *number) { return str_of((const char *)number, sizeof *number); }

/* ---- counters ------------------------------------------------------------------------------------------------------------------- */

static void queue_touch(struct sqlite_store *s, struct queue *q) {
    if (q->dirty) return;
    q->dirty = true;
    q->next_dirty = s->dirty;
    s->dirty = q;
}

enum err sqlite_queues_flush(struct sqlite_store *s, struct fault *fault) {
    enum err err = ERR_OK;
    for (struct queue *q = s->dirty; q && !err; q = q->next_dirty) {
        err = conn_run(&s->writer, Q_QUEUE_SET, fault, "iii", q->lane, q->next, q->count);
        q->dirty = false;
    }
    s->dirty = NULL;
    return err;
}

static enum err queue_load(struct conn *c, int64_t number, struct queue *q, struct fault *fault) {
    struct rows r;
    *q = (struct queue){.number = number, .next = 1, .newest_ms = INT64_MIN};
    enum err err = rows_start(&r, c, Q_QUEUE_GET, fault, "i", number);
    if (err) return err;
    if (r.row) {
        q->lane = rows_i64(&r, 0);
        q->next = rows_i64(&r, 1);
        q->count = rows_i64(&r, 2);
    }
    rows_end(&r);
    return ERR_OK;
}

static enum err queue_newest(struct sqlite_store *s, struct queue *q, struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, &s->writer, Q_MESSAGE_NEWEST, fault, "ii", queue_key(q, 0), queue_key(q, SEQUENCE_MAX));
    if (err) return err;
    if (r.row) q->newest_ms = rows_i64(&r, 0);
    rows_end(&r);
    return ERR_OK;
}

/* A dropped queue leaves its next sequence behind as the floor of queues to come: a handle from before never fits a message after. */
static enum err floor_read(struct sqlite_store *s, int64_t *floor, struct fault *fault) {
    struct rows r;
    *floor = 1;
    enum err err = rows_start(&r, &s->writer, Q_COUNTER_GET, fault, "s", STR("queue floor"));
    if (err) return err;
    if (r.row) *floor = rows_i64(&r, 0);
    rows_end(&r);
    return ERR_OK;
}

static enum err queue_make(struct sqlite_store *s, struct queue *q, struct fault *fault) {
    enum err err = floor_read(s, &q->next, fault);
    if (!err) err = sqlite_lane_new(s, Q_QUEUE_LANE_NEXT, Q_QUEUE_LANE_GAP, &q->lane, fault);
    if (!err) err = conn_run(&s->writer, Q_QUEUE_ADD, fault, "iii", q->lane, q->number, q->next);
    return err;
}

/* NULL in *out when the queue never had a message and `make` is false. */
static enum err queue_get(struct sqlite_store *s, int64_t number, bool make, struct queue **out, struct fault *fault) {
    *out = map_get(&s->queues, number_str(&number));
    if (*out) return ERR_OK;
    struct queue found;
    enum err err = queue_load(&s->writer, number, &found, fault);
    if (err || (!found.lane && !make)) return err;
    err = found.lane ? queue_newest(s, &found, fault) : queue_make(s, &found, fault);
    if (err) return err;
    struct queue *q = malloc(sizeof *q);
    if (q) *q = found;
    if (!q || !map_put(&s->queues, number_str(&number), q, NULL)) {
        free(q);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    *out = q;
    return ERR_OK;
}

/* ---- slots and FIFO groups -------------------------------------------------------------------------------------------------------- */

static enum err slot_get(struct sqlite_store *s, int64_t key, struct slot *sl, struct fault *fault) {
    struct rows r;
    *sl = (struct slot){.there = false};
    enum err err = rows_start(&r, &s->writer, Q_SLOT_GET, fault, "i", key);
    if (err) return err;
    if (r.row)
        *sl = (struct slot){.there = true,
                            .visible_ms = rows_i64(&r, 0),
                            .receives = rows_i64(&r, 1),
                            .first_ms = rows_i64(&r, 2),
                            .group = rows_i64(&r, 3)};
    rows_end(&r);
    return ERR_OK;
}

static enum err slot_put(struct sqlite_store *s, int64_t key, const struct slot *sl, struct fault *fault) {
    return conn_run(&s->writer, Q_SLOT_PUT, fault, "iiiii", key, sl->visible_ms, sl->receives, sl->first_ms, sl->group);
}

static enum err group_number(struct sqlite_store *s, struct queue *q, struct str name, int64_t *group, struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, &s->writer, Q_GROUP_FIND, fault, "is", q->lane, name);
    if (err) return err;
    *group = r.row ? rows_i64(&r, 0) : 0;
    rows_end(&r);
    if (*group) return ERR_OK;
    err = conn_run(&s->writer, Q_GROUP_ADD, fault, "is", q->lane, name);
    *group = sqlite3_last_insert_rowid(s->writer.db);
    return err;
}

/* Key of the group's first message behind `after`, 0 without one; *hidden tells whether it may not be handed out. */
static enum err group_next(struct sqlite_store *s, int64_t group, int64_t after, int64_t *key, bool *hidden, struct fault *fault) {
    struct rows r;
    struct slot sl = {.there = false};
    enum err err = rows_start(&r, &s->writer, Q_GROUP_NEXT, fault, "ii", group, after);
    if (err) return err;
    *key = r.row ? rows_i64(&r, 0) : 0;
    rows_end(&r);
    if (*key) err = slot_get(s, *key, &sl, fault);
    *hidden = sl.visible_ms != 0;
    return err;
}

static enum err group_get(struct sqlite_store *s, int64_t group, int64_t *flight, int64_t *head, struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, &s->writer, Q_GROUP_GET, fault, "i", group);
    if (err) return err;
    *flight = r.row ? rows_i64(&r, 0) : 0;
    *head = r.row ? rows_i64(&r, 1) : 0;
    rows_end(&r);
    return ERR_OK;
}

static enum err group_set_head(struct sqlite_store *s, int64_t group, int64_t from, int64_t to, struct fault *fault) {
    if (from == to) return ERR_OK;
    enum err err = from ? conn_run(&s->writer, Q_READY_DELETE, fault, "i", from) : ERR_OK;
    if (!err && to) err = conn_run(&s->writer, Q_READY_ADD, fault, "i", to);
    if (!err) err = conn_run(&s->writer, Q_GROUP_HEAD, fault, "ii", group, to);
    return err;
}

/* After any change of a group: its head is in ready exactly when nothing of the group is in flight and the head is not hidden. */
static enum err group_refresh(struct sqlite_store *s, int64_t group, struct fault *fault) {
    int64_t flight, head, first;
    bool hidden;
    enum err err = group_get(s, group, &flight, &head, fault);
    if (!err) err = group_next(s, group, 0, &first, &hidden, fault);
    if (err) return err;
    if (!first) return conn_run(&s->writer, Q_GROUP_DELETE, fault, "i", group);
    return group_set_head(s, group, head, flight || hidden ? 0 : first, fault);
}

/* ---- one message ------------------------------------------------------------------------------------------------------------------ */

struct sending {
    struct id id;
    int64_t sent_ms, visible_ms /* 0: now */;
    struct str body, attributes, group, dedup;
};

static enum err message_add(struct sqlite_store *s, struct queue *q, const struct sending *m, int64_t *sequence, struct fault *fault) {
    if (q->next >= SEQUENCE_MAX) return fault_set(fault, ERR_LIMIT, "the queue's sequence numbers are used up; use another queue");
    int64_t group = 0, key = queue_key(q, q->next);
    bool late = m->sent_ms < q->newest_ms;
    enum err err = m->group.p ? group_number(s, q, m->group, &group, fault) : ERR_OK;
    if (err) return err;
    struct str mid = str_of((const char *)m->id.b, sizeof m->id.b);
    err = group ? conn_run(&s->writer, Q_MESSAGE_ADD, fault, "iiiissss", key, m->sent_ms, late ? q->lane : 0, group, mid, m->dedup,
                           m->attributes, m->body)
                : conn_run(&s->writer, Q_MESSAGE_ADD, fault, "iiisssss", key, m->sent_ms, late ? q->lane : 0, STR_NULL, mid, m->dedup,
                           m->attributes, m->body);
    if (!err && m->visible_ms) {
        struct slot sl = {.visible_ms = m->visible_ms, .group = group};
        err = slot_put(s, key, &sl, fault);
        if (!err) err = conn_run(&s->writer, Q_DUE_ADD, fault, "iiii", q->lane, m->visible_ms, q->next, INT64_C(0));
    } else if (!err && !group) {
        err = conn_run(&s->writer, Q_READY_ADD, fault, "i", key);
    }
    if (!err && group) err = group_refresh(s, group, fault);
    if (err) return err;
    if (!late) q->newest_ms = m->sent_ms;
    *sequence = q->next++;
    q->count++;
    queue_touch(s, q);
    return ERR_OK;
}

/* Without its group's refresh: the caller's, when the message is gone. */
static enum err message_unlink(struct sqlite_store *s, struct queue *q, int64_t key, const struct slot *sl, int64_t group,
                               struct fault *fault) {
    enum err err;
    if (sl->visible_ms)
        err = conn_run(&s->writer, Q_DUE_DELETE, fault, "iii", q->lane, sl->visible_ms, row_sequence(key));
    else
        err = conn_run(&s->writer, Q_READY_DELETE, fault, "i", key);
    if (!err && sl->there) err = conn_run(&s->writer, Q_SLOT_DELETE, fault, "i", key);
    if (!err) err = conn_run(&s->writer, Q_MESSAGE_DELETE, fault, "i", key);
    if (!err && group && slot_in_flight(sl)) err = conn_run(&s->writer, Q_GROUP_FLIGHT, fault, "ii", group, INT64_C(-1));
    q->count--;
    queue_touch(s, q);
    return err;
}

static enum err message_remove(struct sqlite_store *s, struct queue *q, int64_t key, int64_t group, struct fault *fault) {
    struct slot sl;
    enum err err = slot_get(s, key, &sl, fault);
    if (!err) err = message_unlink(s, q, key, &sl, group, fault);
    if (!err && group) err = group_refresh(s, group, fault);
    return err;
}

/* ---- send ------------------------------------------------------------------------------------------------------------------------- */

static enum err dedup_find(struct sqlite_store *s, struct queue *q, struct store_op *op, struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, &s->writer, Q_DEDUP_GET, fault, "is", q->lane, op->u.send.dedup);
    if (err) return err;
    op->u.send.duplicate = r.row && rows_i64(&r, 0) >= op->u.send.dedup_since_ms;
    if (op->u.send.duplicate) op->u.send.sequence = rows_i64(&r, 1);
    rows_end(&r);
    return ERR_OK;
}

static enum err dedup_remember(struct sqlite_store *s, struct queue *q, const struct store_op *op, struct fault *fault) {
    enum err err = conn_run(&s->writer, Q_DEDUP_PUT, fault, "isii", q->lane, op->u.send.dedup, op->u.send.sent_ms, op->u.send.sequence);
    if (!err) err = conn_run(&s->writer, Q_DEDUP_PRUNE, fault, "iii", q->lane, op->u.send.dedup_since_ms, (int64_t)DEDUP_PRUNED);
    return err;
}

enum err sqlite_send(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct queue *q;
    op->u.send.duplicate = false;
    enum err err = queue_get(s, op->u.send.queue, true, &q, fault);
    if (!err && op->u.send.dedup.p) err = dedup_find(s, q, op, fault);
    if (err || op->u.send.duplicate) return err;
    struct sending m = {.id = op->u.send.id,
                        .sent_ms = op->u.send.sent_ms,
                        .visible_ms = op->u.send.visible_at_ms > op->u.send.sent_ms ? op->u.send.visible_at_ms : 0,
                        .body = op->u.send.body,
                        .attributes = op->u.send.attributes,
                        .group = op->u.send.group,
                        .dedup = op->u.send.dedup};
    err = message_add(s, q, &m, &op->u.send.sequence, fault);
    if (!err && m.dedup.p) err = dedup_remember(s, q, op, fault);
    return err;
}

/* ---- receive ---------------------------------------------------------------------------------------------------------------------- */

/* A receive under way. */
struct receiving {
    struct queue *q;
    struct store_op *op;
    struct arena *arena;
    int64_t groups[10]; /* those it took from: kept open until it ends, so that several of a group come together */
    size_t groups_count;
};

static bool group_taken(const struct receiving *v, int64_t group) {
    for (size_t i = 0; i < v->groups_count; i++)
        if (v->groups[i] == group) return true;
    return false;
}

static enum err lapse(struct sqlite_store *s, struct queue *q, int64_t sequence, struct fault *fault) {
    int64_t key = queue_key(q, sequence);
    struct slot sl;
    enum err err = slot_get(s, key, &sl, fault);
    if (err) return err;
    err = conn_run(&s->writer, Q_DUE_DELETE, fault, "iii", q->lane, sl.visible_ms, sequence);
    if (!err && sl.group && sl.receives) err = conn_run(&s->writer, Q_GROUP_FLIGHT, fault, "ii", sl.group, INT64_C(-1));
    sl.visible_ms = 0;
    if (!err) err = slot_put(s, key, &sl, fault);
    if (err) return err;
    return sl.group ? group_refresh(s, sl.group, fault) : conn_run(&s->writer, Q_READY_ADD, fault, "i", key);
}

/* What became visible by now_ms goes to ready, LAPSED_SLICE of them at most. */
static enum err lapse_slice(struct sqlite_store *s, struct queue *q, int64_t now_ms, size_t *count, struct fault *fault) {
    int64_t sequences[LAPSED_SLICE];
    struct rows r;
    *count = 0;
    enum err err = rows_start(&r, &s->writer, Q_DUE_LAPSED, fault, "iii", q->lane, now_ms, (int64_t)LAPSED_SLICE);
    if (err) return err;
    while (!err && r.row) {
        assert(*count < LAPSED_SLICE);
        sequences[(*count)++] = rows_i64(&r, 0);
        err = rows_next(&r, fault);
    }
    rows_end(&r);
    for (size_t i = 0; i < *count && !err; i++) err = lapse(s, q, sequences[i], fault);
    return err;
}

/* Behind a message that this receive took or moved: the next of its group becomes its head. */
static enum err group_advance(struct sqlite_store *s, struct receiving *v, int64_t group, int64_t after, struct fault *fault) {
    int64_t flight, head, next;
    bool hidden;
    if (!group_taken(v, group)) return group_refresh(s, group, fault);
    enum err err = group_get(s, group, &flight, &head, fault);
    if (!err) err = group_next(s, group, after, &next, &hidden, fault);
    if (!err) err = group_set_head(s, group, head, hidden ? 0 : next, fault);
    return err;
}

static enum err group_name(struct sqlite_store *s, int64_t group, struct arena *a, struct str *name, struct fault *fault) {
    struct rows r;
    *name = STR_NULL;
    if (!group) return ERR_OK;
    enum err err = rows_start(&r, &s->writer, Q_GROUP_GET, fault, "i", group);
    if (err) return err;
    if (r.row) err = rows_copy(&r, 2, a, name, fault);
    rows_end(&r);
    return err;
}

static enum err message_read(struct sqlite_store *s, int64_t key, struct arena *a, struct store_message *m, int64_t *group,
                             struct fault *fault) {
    struct rows r;
    *m = (struct store_message){.sequence = row_sequence(key)};
    enum err err = rows_start(&r, &s->writer, Q_MESSAGE_GET, fault, "i", key);
    if (err) return err;
    if (!r.row || rows_str(&r, 2).n != sizeof m->id.b) {
        rows_end(&r);
        return fault_at(fault, ERR_CORRUPT, s->path, 0, 0, "%s: a queue lists a message that is not there; restore a backup", s->path);
    }
    m->sent_ms = rows_i64(&r, 0);
    *group = rows_i64(&r, 1);
    memcpy(m->id.b, rows_str(&r, 2).p, sizeof m->id.b);
    err = rows_copy(&r, 3, a, &m->dedup, fault);
    if (!err) err = rows_copy(&r, 4, a, &m->attributes, fault);
    if (!err) err = rows_copy(&r, 5, a, &m->body, fault);
    rows_end(&r);
    if (!err) err = group_name(s, *group, a, &m->group, fault);
    return err;
}

static enum err move(struct sqlite_store *s, struct receiving *v, int64_t key, const struct slot *sl, struct fault *fault) {
    struct store_message m;
    struct queue *to;
    int64_t group, sequence;
    enum err err = message_read(s, key, v->arena, &m, &group, fault);
    if (!err) err = queue_get(s, v->op->u.receive.dead_letter_queue, true, &to, fault);
    if (err) return err;
    struct sending copy = {.id = m.id,
                           .sent_ms = v->op->u.receive.fifo ? v->op->u.receive.now_ms : m.sent_ms,
                           .body = m.body,
                           .attributes = m.attributes,
                           .group = m.group,
                           .dedup = m.dedup};
    err = message_add(s, to, &copy, &sequence, fault);
    if (!err) err = message_unlink(s, v->q, key, sl, group, fault);
    if (!err && group) err = group_advance(s, v, group, key, fault);
    v->op->u.receive.moved++;
    return err;
}

static enum err take(struct sqlite_store *s, struct receiving *v, int64_t key, struct slot *sl, struct fault *fault) {
    struct store_op *op = v->op;
    struct store_message *m = &op->u.receive.messages[op->u.receive.message_count];
    int64_t group;
    enum err err = message_read(s, key, v->arena, m, &group, fault);
    if (err) return err;
    *sl = (struct slot){.visible_ms = op->u.receive.visible_at_ms > 0 ? op->u.receive.visible_at_ms : 1,
                        .receives = sl->receives + 1,
                        .first_ms = sl->receives ? sl->first_ms : op->u.receive.now_ms,
                        .group = group};
    m->receipt = sl->receives;
    m->receives = (int32_t)sl->receives;
    m->first_received_ms = sl->first_ms;
    err = conn_run(&s->writer, Q_READY_DELETE, fault, "i", key);
    if (!err) err = slot_put(s, key, sl, fault);
    if (!err) err = conn_run(&s->writer, Q_DUE_ADD, fault, "iiii", v->q->lane, sl->visible_ms, m->sequence, INT64_C(1));
    if (!err && group) {
        if (!group_taken(v, group)) v->groups[v->groups_count++] = group;
        err = conn_run(&s->writer, Q_GROUP_FLIGHT, fault, "ii", group, INT64_C(1));
        if (!err) err = group_advance(s, v, group, key, fault);
    }
    op->u.receive.message_count++;
    return err;
}

/* Hands out or moves what is ready, until there is enough. */
static enum err take_ready(struct sqlite_store *s, struct receiving *v, struct fault *fault) {
    struct store_op *op = v->op;
    while (op->u.receive.message_count < (size_t)op->u.receive.max_messages && op->u.receive.moved < STORE_MOVES_MAX) {
        struct rows r;
        struct slot sl;
        enum err err = rows_start(&r, &s->writer, Q_READY_FIRST, fault, "ii", queue_key(v->q, 0), queue_key(v->q, SEQUENCE_MAX));
        if (err) return err;
        int64_t key = r.row ? rows_i64(&r, 0) : 0;
        rows_end(&r);
        if (!key) return ERR_OK;
        err = slot_get(s, key, &sl, fault);
        if (err) return err;
        bool exhausted = op->u.receive.max_receives && sl.receives >= op->u.receive.max_receives;
        err = exhausted ? move(s, v, key, &sl, fault) : take(s, v, key, &sl, fault);
        if (err) return err;
    }
    return ERR_OK;
}

enum err sqlite_receive(struct sqlite_store *s, struct store_op *op, struct arena *a, struct fault *fault) {
    struct receiving v = {.op = op, .arena = a};
    op->u.receive.messages = NULL;
    op->u.receive.message_count = op->u.receive.moved = 0;
    enum err err = queue_get(s, op->u.receive.queue, false, &v.q, fault);
    if (err || !v.q) return err;
    op->u.receive.messages = arena_array(a, (size_t)op->u.receive.max_messages, sizeof *op->u.receive.messages);
    if (!op->u.receive.messages) return fault_set(fault, ERR_NOMEM, "a receive does not fit the memory of its transaction");
    for (size_t lapsed = LAPSED_SLICE; !err && lapsed == LAPSED_SLICE && !op->u.receive.message_count && !op->u.receive.moved;) {
        err = lapse_slice(s, v.q, op->u.receive.now_ms, &lapsed, fault);
        if (!err) err = take_ready(s, &v, fault);
    }
    for (size_t i = 0; i < v.groups_count && !err; i++) err = group_refresh(s, v.groups[i], fault); /* in flight now: they close */
    return err;
}

/* ---- handles ---------------------------------------------------------------------------------------------------------------------- */

/* The slot of the message whose current receipt this is; op's `found` tells. */
static enum err handle_find(struct sqlite_store *s, struct store_op *op, struct queue **q, struct slot *sl, struct fault *fault) {
    op->u.handle.found = false;
    if (op->u.handle.sequence <= 0 || op->u.handle.sequence > SEQUENCE_MAX) return ERR_OK;
    enum err err = queue_get(s, op->u.handle.queue, false, q, fault);
    if (err || !*q) return err;
    err = slot_get(s, queue_key(*q, op->u.handle.sequence), sl, fault);
    op->u.handle.found = !err && sl->receives && sl->receives == op->u.handle.receipt;
    return err;
}

enum err sqlite_delete(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct queue *q;
    struct slot sl;
    enum err err = handle_find(s, op, &q, &sl, fault);
    if (err || !op->u.handle.found) return err;
    err = message_unlink(s, q, queue_key(q, op->u.handle.sequence), &sl, sl.group, fault);
    if (!err && sl.group) err = group_refresh(s, sl.group, fault);
    return err;
}

enum err sqlite_visibility(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct queue *q;
    struct slot sl;
    enum err err = handle_find(s, op, &q, &sl, fault);
    if (err || !op->u.handle.found) return err;
    int64_t sequence = op->u.handle.sequence, key = queue_key(q, sequence);
    bool hidden = sl.visible_ms != 0;
    if (hidden)
        err = conn_run(&s->writer, Q_DUE_DELETE, fault, "iii", q->lane, sl.visible_ms, sequence);
    else
        err = conn_run(&s->writer, Q_READY_DELETE, fault, "i", key);
    sl.visible_ms = op->u.handle.visible_at_ms > 0 ? op->u.handle.visible_at_ms : 1;
    if (!err) err = conn_run(&s->writer, Q_DUE_ADD, fault, "iiii", q->lane, sl.visible_ms, sequence, INT64_C(1));
    if (!err) err = slot_put(s, key, &sl, fault);
    if (err || !sl.group) return err;
    if (!hidden) err = conn_run(&s->writer, Q_GROUP_FLIGHT, fault, "ii", sl.group, INT64_C(1));
    return err ? err : group_refresh(s, sl.group, fault);
}

/* ---- expire and drop -------------------------------------------------------------------------------------------------------------- */

struct oldest {
    int64_t key /* 0: none */, sent_ms, group;
};

static enum err oldest_row(struct rows *r, enum err err, struct oldest *o) {
    *o = (struct oldest){.key = 0};
    if (err) return err;
    if (r->row) *o = (struct oldest){.key = rows_i64(r, 0), .sent_ms = rows_i64(r, 1), .group = rows_i64(r, 2)};
    rows_end(r);
    return ERR_OK;
}

static enum err oldest_in_order(struct conn *c, int64_t lane, struct oldest *o, struct fault *fault) {
    struct rows r;
    return oldest_row(&r, rows_start(&r, c, Q_MESSAGE_OLDEST, fault, "ii", row_key(lane, 0), row_key(lane, SEQUENCE_MAX)), o);
}

static enum err oldest_late(struct conn *c, int64_t lane, struct oldest *o, struct fault *fault) {
    struct rows r;
    return oldest_row(&r, rows_start(&r, c, Q_MESSAGE_LATE, fault, "i", lane), o);
}

/* From the head while it is old enough; then those with an earlier time than one before them, which the head may hide. */
enum err sqlite_expire(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct queue *q;
    int64_t limit = op->u.expire.limit > 0 ? op->u.expire.limit : INT64_MAX;
    op->u.expire.removed = 0;
    enum err err = queue_get(s, op->u.expire.queue, false, &q, fault);
    if (err || !q) return err;
    for (int late = 0; late < 2; late++)
        while (op->u.expire.removed < limit) {
            struct oldest o;
            err = late ? oldest_late(&s->writer, q->lane, &o, fault) : oldest_in_order(&s->writer, q->lane, &o, fault);
            if (err) return err;
            if (!o.key || o.sent_ms >= op->u.expire.before_ms) break;
            err = message_remove(s, q, o.key, o.group, fault);
            if (err) return err;
            op->u.expire.removed++;
        }
    return ERR_OK;
}

static enum err floor_raise(struct sqlite_store *s, int64_t next, struct fault *fault) {
    int64_t floor;
    enum err err = floor_read(s, &floor, fault);
    if (err || floor >= next) return err;
    return conn_run(&s->writer, Q_COUNTER_PUT, fault, "si", STR("queue floor"), next);
}

enum err sqlite_queue_drop(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    struct queue *q;
    op->u.expire.removed = 0;
    enum err err = queue_get(s, op->u.expire.queue, false, &q, fault);
    if (err || !q) return err;
    static const enum query by_key[] = {Q_MESSAGES_DELETE, Q_READYS_DELETE, Q_SLOTS_DELETE};
    static const enum query by_lane[] = {Q_DUES_DELETE, Q_GROUPS_DELETE, Q_DEDUPS_DELETE, Q_QUEUE_DELETE};
    op->u.expire.removed = q->count;
    for (size_t i = 0; i < sizeof by_key / sizeof *by_key && !err; i++)
        err = conn_run(&s->writer, by_key[i], fault, "ii", queue_key(q, 0), queue_key(q, SEQUENCE_MAX));
    for (size_t i = 0; i < sizeof by_lane / sizeof *by_lane && !err; i++) err = conn_run(&s->writer, by_lane[i], fault, "i", q->lane);
    if (!err) err = floor_raise(s, q->next, fault);
    for (struct queue **at = &s->dirty; *at; at = &(*at)->next_dirty)
        if (*at == q) {
            *at = q->next_dirty;
            break;
        }
    free(map_remove(&s->queues, number_str(&op->u.expire.queue)));
    return err;
}

/* ---- stats ------------------------------------------------------------------------------------------------------------------------ */

static enum err count_hidden(struct conn *c, int64_t lane, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault) {
    struct rows r;
    enum err err = rows_start(&r, c, Q_DUE_COUNT, fault, "ii", lane, now_ms);
    while (!err && r.row) {
        if (rows_i64(&r, 0))
            stats->in_flight = rows_i64(&r, 1);
        else
            stats->delayed = rows_i64(&r, 1);
        err = rows_next(&r, fault);
    }
    return err;
}

enum err sqlite_queue_stats(struct store *store, int64_t number, int64_t now_ms, struct store_queue_stats *stats, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct queue q;
    struct oldest head, late;
    *stats = (struct store_queue_stats){.visible = 0};
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = conn_run(c, Q_BEGIN_READ, fault, "");
    if (!err) err = queue_load(c, number, &q, fault);
    if (err || !q.lane) goto out;
    err = count_hidden(c, q.lane, now_ms, stats, fault);
    if (!err) err = oldest_in_order(c, q.lane, &head, fault);
    if (!err) err = oldest_late(c, q.lane, &late, fault);
    if (err) goto out;
    stats->visible = q.count - stats->in_flight - stats->delayed;
    if (head.key) stats->oldest_sent_ms = late.key && late.sent_ms < head.sent_ms ? late.sent_ms : head.sent_ms;
out:
    sqlite_reader_give(s, c);
    return err;
}
