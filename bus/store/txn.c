#include "store.h"

static const char *const kind_names[] = {
    [OP_CATALOG_PUT] = "catalog put",       [OP_CATALOG_DELETE] = "catalog delete",   [OP_STREAM_APPEND] = "stream append",
    [OP_STREAM_TRIM] = "stream trim",       [OP_STREAM_DROP] = "stream drop",         [OP_QUEUE_SEND] = "queue send",
    [OP_QUEUE_RECEIVE] = "queue receive",   [OP_QUEUE_DELETE] = "queue delete",       [OP_QUEUE_VISIBILITY] = "queue visibility",
    [OP_QUEUE_EXPIRE] = "queue expire",     [OP_QUEUE_DROP] = "queue drop",           [OP_DELIVERY_ADD] = "delivery add",
    [OP_DELIVERY_RETRY] = "delivery retry", [OP_DELIVERY_SETTLE] = "delivery settle", [OP_IDS_REMEMBER] = "ids remember",
    [OP_IDS_FORGET] = "ids forget",         [OP_ARCHIVE_OPEN] = "archive open",       [OP_ARCHIVE_APPEND] = "archive append",
    [OP_ARCHIVE_TRIM] = "archive trim",     [OP_ARCHIVE_DROP] = "archive drop",
};

void txn_init(struct txn *t, struct arena *arena) { *t = (struct txn){.arena = arena}; }

struct store_op *txn_add(struct txn *t, enum store_op_kind kind) {
    struct store_op *op = ARENA_NEW(t->arena, struct store_op);
    if (!op) return NULL;
    op->kind = kind;
    if (t->last)
        t->last->next = op;
    else
        t->first = op;
    t->last = op;
    t->count++;
    t->bytes += sizeof *op;
    return op;
}

void txn_join(struct txn *t, struct txn *from) {
    if (!from->first) return;
    if (t->last)
        t->last->next = from->first;
    else
        t->first = from->first;
    t->last = from->last;
    t->count += from->count;
    t->bytes += from->bytes;
    from->first = from->last = NULL;
    from->count = from->bytes = 0;
}

/* The field that is wrong, or NULL. */
static const char *receive_wrong(const struct store_op *op) {
    if (op->u.receive.queue <= 0) return "queue: a positive number";
    if (op->u.receive.max_messages < 1 || op->u.receive.max_messages > 10) return "max_messages: 1 to 10";
    if (op->u.receive.max_receives < 0) return "max_receives: 0 or more";
    if (op->u.receive.max_receives && (op->u.receive.dead_letter_queue <= 0 || op->u.receive.dead_letter_queue == op->u.receive.queue))
        return "dead_letter_queue: the positive number of another queue";
    return NULL;
}

static const char *op_wrong(const struct store_op *op) {
    switch (op->kind) {
    case OP_CATALOG_PUT:
    case OP_CATALOG_DELETE:
        if (!op->u.catalog.kind.p) return "kind: present";
        return op->u.catalog.key.p ? NULL : "key: present";
    case OP_STREAM_APPEND:
        if (op->u.append.shard >= STORE_SHARDS_MAX) return "shard: below 65,536";
        return op->u.append.stream > 0 ? NULL : "stream: a positive number";
    case OP_STREAM_TRIM:
    case OP_STREAM_DROP: return op->u.trim.stream > 0 ? NULL : "stream: a positive number";
    case OP_QUEUE_SEND: return op->u.send.queue > 0 ? NULL : "queue: a positive number";
    case OP_QUEUE_RECEIVE: return receive_wrong(op);
    case OP_QUEUE_DELETE:
    case OP_QUEUE_VISIBILITY: return op->u.handle.queue > 0 ? NULL : "queue: a positive number";
    case OP_QUEUE_EXPIRE:
    case OP_QUEUE_DROP: return op->u.expire.queue > 0 ? NULL : "queue: a positive number";
    case OP_DELIVERY_ADD: return op->u.delivery.lane.p ? NULL : "lane: present";
    case OP_DELIVERY_RETRY:
    case OP_DELIVERY_SETTLE: return op->u.delivery.id > 0 ? NULL : "id: a positive number";
    case OP_IDS_REMEMBER: return !op->u.ids.count || op->u.ids.ids ? NULL : "ids: present";
    case OP_IDS_FORGET: return NULL;
    case OP_ARCHIVE_APPEND:
        if (!op->u.archive.event.p) return "event: present";
        return op->u.archive.archive > 0 ? NULL : "archive: a positive number";
    case OP_ARCHIVE_OPEN:
    case OP_ARCHIVE_TRIM:
    case OP_ARCHIVE_DROP: return op->u.cut.archive > 0 ? NULL : "archive: a positive number";
    }
    return "kind: one of enum store_op_kind";
}

enum err txn_check(const struct txn *t, struct fault *fault) {
    for (const struct store_op *op = t->first; op; op = op->next) {
        const char *wrong = op_wrong(op);
        if (!wrong) continue;
        size_t kind = (size_t)op->kind;
        const char *name = kind < sizeof kind_names / sizeof kind_names[0] ? kind_names[kind] : "operation";
        return fault_at(fault, ERR_VALIDATION, name, 0, 0, "%s wants %s", name, wrong);
    }
    return ERR_OK;
}
