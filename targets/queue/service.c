/* The operations on queues. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "page.h"
#include "queue.h"

enum { LIST_DEFAULT = 1000 };

static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

/* ---- naming -------------------------------------------------------------------------------------------------------------------------- */
/* "https://host/ACCOUNT/NAME", "arn:aws:sqs:...", or a name in the caller's account. */
static bool which(struct call *call, struct str text, struct str *account, struct str *name) {
    *account = call->account;
    *name = text;
    if (queue_arn_parse(text, account, name)) return true;
    size_t scheme = 0;
    if (str_starts(text, STR("http://"))) scheme = 7;
    if (str_starts(text, STR("https://"))) scheme = 8;
    if (!scheme) return text.n > 0;
    size_t slash = text.n;
    while (slash > scheme && text.p[slash - 1] != '/') slash--;
    *name = str_skip(text, slash);
    if (slash < scheme + 14 || text.p[slash - 14] != '/') return false;
    *account = str_of(text.p + slash - 13, 12);
    return name->n && account_is_valid(*account);
}

/* The first member of every request that names a queue is its URL. */
static struct str resource_of(void *self, struct call *call) {
    const struct queue_service *s = self;
    struct str account, name;
    if (!which(call, *(const struct str *)call->in, &account, &name)) return STR_NULL;
    return queue_arn(s->host, call->arena, account, name);
}

static struct str any_resource(void *self, struct call *call) {
    return queue_arn(((const struct queue_service *)self)->host, call->arena, call->account, STR("*"));
}

static struct str get_url_resource(void *self, struct call *call) {
    const struct queue_get_url *in = call->in;
    return queue_arn(((const struct queue_service *)self)->host, call->arena, in->owner.p ? in->owner : call->account, in->name);
}

static enum err missing(struct call *call) { return fault_set(&call->fault, ERR_QUEUE_MISSING, "The specified queue does not exist."); }

static enum err find_queue(struct queue_service *s, struct call *call, struct queue **q) {
    struct str account, name;
    struct resource *r = NULL;
    if (which(call, *(const struct str *)call->in, &account, &name)) r = resources_get(&s->queues, account, name);
    *q = (struct queue *)(void *)r;
    return r ? ERR_OK : missing(call);
}

static struct str url_of(struct arena *a, const struct queue *q) {
    return arena_printf(a, QUEUE_URL_BASE "%.*s/%.*s", STR_ARG(q->r.account), STR_ARG(q->r.name));
}

/* ---- queues -----------------------------------------------------------------------------------------------------------------------------
 */
static enum err set_all(struct queue *q, const struct list *attributes, struct fault *fault) {
    for (size_t i = 0; i < attributes->n; i++) {
        const struct map_entry *e = LIST_AT(*attributes, struct map_entry, i);
        enum err err = queue_set(q, e->key, e->s, fault);
        if (err) return err;
    }
    return ERR_OK;
}

/* What is asked for must be what is there: then creating again is fine. */
static enum err check_same(struct call *call, const struct queue *there, const struct queue *asked, const struct list *attributes) {
    for (size_t i = 0; i < attributes->n; i++) {
        struct str name = LIST_AT(*attributes, struct map_entry, i)->key;
        if (!str_eq(queue_get(there, name, call->arena), queue_get(asked, name, call->arena)))
            return fault_set(&call->fault, ERR_QUEUE_EXISTS,
                             "A queue already exists with the same name and a different value for attribute %.*s", STR_ARG(name));
    }
    return ERR_OK;
}

static enum err create_queue(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_create *in = call->in;
    struct queue *q = queue_new(s->host, call->account, in->name);
    if (!q) return no_memory(call);
    q->fifo = str_ends(in->name, STR(".fifo"));
    q->created_ms = q->modified_ms = call->now_ms;
    enum err err = set_all(q, &in->attributes, &call->fault);
    ((struct queue_url *)call->out)->url = url_of(call->arena, q);
    resources_lock(&s->queues);
    struct resource *there = err ? NULL : resources_get(&s->queues, call->account, in->name);
    if (there) {
        err = check_same(call, (struct queue *)(void *)there, q, &in->attributes);
        resource_unref(there);
        resource_unref(&q->r);
    } else {
        if (!err) err = s->host->next_number(s->host->flow, &q->number, &call->fault);
        if (!err)
            err = queue_store(s, q, &call->fault);
        else
            resource_unref(&q->r);
    }
    resources_unlock(&s->queues);
    return err;
}

static enum err set_queue_attributes(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_set_attributes *in = call->in;
    struct queue *old;
    resources_lock(&s->queues);
    enum err err = find_queue(s, call, &old);
    if (!err) {
        struct queue *q = queue_copy(old);
        resource_unref(&old->r);
        err = q ? set_all(q, &in->attributes, &call->fault) : no_memory(call);
        if (q) q->modified_ms = call->now_ms;
        if (!err)
            err = queue_store(s, q, &call->fault);
        else if (q)
            resource_unref(&q->r);
    }
    resources_unlock(&s->queues);
    return err;
}

static enum err drop(struct queue_service *s, struct call *call, const struct queue *q, bool record_too) {
    struct txn txn;
    txn_init(&txn, call->arena);
    struct store_op *record = record_too ? txn_add(&txn, OP_CATALOG_DELETE) : NULL, *messages = txn_add(&txn, OP_QUEUE_DROP);
    if (!messages || (record_too && !record)) return no_memory(call);
    if (record) {
        record->u.catalog.kind = STR("queue");
        record->u.catalog.key = q->r.key;
    }
    messages->u.expire.queue = q->number;
    return committer_run(s->host->committer, &txn, &call->fault);
}

static enum err delete_queue(void *self, struct call *call) {
    struct queue_service *s = self;
    struct queue *q;
    resources_lock(&s->queues);
    enum err err = find_queue(s, call, &q);
    if (!err) {
        err = drop(s, call, q, true);
        if (!err) resources_hide(&s->queues, q->r.key);
        if (!err) err = drop(s, call, q, false); /* what a sender that had found the queue put in meanwhile */
        resource_unref(&q->r);
    }
    resources_unlock(&s->queues);
    return err;
}

static enum err purge_queue(void *self, struct call *call) {
    struct queue *q;
    enum err err = find_queue(self, call, &q);
    if (err) return err;
    err = drop(self, call, q, false);
    resource_unref(&q->r);
    return err;
}

static enum err get_queue_url(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_get_url *in = call->in;
    struct resource *r = resources_get(&s->queues, in->owner.p ? in->owner : call->account, in->name);
    if (!r) return missing(call);
    ((struct queue_url *)call->out)->url = url_of(call->arena, (struct queue *)(void *)r);
    resource_unref(r);
    return ERR_OK;
}

/* Names of queues of the account that `keep` lets through, as URLs. */
static enum err list(struct queue_service *s, struct call *call, struct str prefix, struct str token, size_t limit,
                     struct str redrives_to) {
    struct queue_list_answer *out = call->out;
    struct resource **queues;
    size_t count, n = 0;
    bool more;
    struct str after, last = STR_NULL;
    enum err err = page_begin(call, token, &after);
    if (!err)
        err = resources_list(&s->queues, call->account, prefix.p ? prefix : STR(""), after, redrives_to.p ? SIZE_MAX : limit, call->arena,
                             &queues, &count, &more, &call->fault);
    if (err) return err;
    struct str *urls = arena_array(call->arena, count, sizeof *urls);
    for (size_t i = 0; i < count; i++) {
        const struct queue *q = (const struct queue *)(const void *)queues[i];
        bool wanted = !redrives_to.p || str_eq(q->dead_letter_arn, redrives_to);
        if (urls && wanted && n == limit) more = true;
        if (urls && wanted && n < limit) {
            urls[n++] = url_of(call->arena, q);
            last = arena_str(call->arena, q->r.name);
        }
        resource_unref(queues[i]);
    }
    out->token = page_end(call, more, last);
    out->urls = (struct list){true, n, urls};
    return urls ? ERR_OK : no_memory(call);
}

static enum err list_queues(void *self, struct call *call) {
    const struct queue_list *in = call->in;
    return list(self, call, in->prefix, in->token, in->max.set ? (size_t)in->max.v : LIST_DEFAULT, STR_NULL);
}

static enum err list_sources(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_sources *in = call->in;
    struct queue *q;
    enum err err = find_queue(s, call, &q);
    if (err) return err;
    struct str arn = queue_arn(s->host, call->arena, q->r.account, q->r.name);
    resource_unref(&q->r);
    return arn.p ? list(s, call, STR_NULL, in->token, in->max.set ? (size_t)in->max.v : LIST_DEFAULT, arn) : no_memory(call);
}

/* ---- attributes
 * ------------------------------------------------------------------------------------------------------------------------------ */
static bool asked(const struct list *names, const char *name) {
    for (size_t i = 0; i < names->n; i++) {
        struct str n = *LIST_AT(*names, struct str, i);
        if (str_eqz(n, "All") || str_eqz(n, name)) return true;
    }
    return false;
}

struct attributes {
    struct arena *arena;
    const struct list *names;
    struct map_entry *items;
    size_t n;
};

static void add(struct attributes *a, const char *name, struct str value) {
    if (value.p && asked(a->names, name)) a->items[a->n++] = (struct map_entry){.key = str_from(name), .s = value};
}
static void add_number(struct attributes *a, const char *name, int64_t value) { add(a, name, arena_printf(a->arena, "%" PRId64, value)); }

/* What can be asked for beside what can be set. The second part is SQS's, has no value here, and stock clients ask for it. */
static const char *const read_only[] = {"All",
                                        "QueueArn",
                                        "ApproximateNumberOfMessages",
                                        "ApproximateNumberOfMessagesNotVisible",
                                        "ApproximateNumberOfMessagesDelayed",
                                        "CreatedTimestamp",
                                        "LastModifiedTimestamp",
                                        "KmsMasterKeyId",
                                        "KmsDataKeyReusePeriodSeconds",
                                        "SqsManagedSseEnabled",
                                        "DeduplicationScope",
                                        "FifoThroughputLimit",
                                        "RedriveAllowPolicy",
                                        NULL};

static bool is_among(struct str name, const char *const *names) {
    while (*names && !str_eqz(name, *names)) names++;
    return *names;
}

static enum err check_names(struct call *call, const struct list *names) {
    for (size_t i = 0; i < names->n; i++) {
        struct str name = *LIST_AT(*names, struct str, i);
        if (!is_among(name, queue_settable) && !is_among(name, read_only))
            return fault_at(&call->fault, ERR_INVALID_PARAMETER, "attributeNames", 0, 0, "Unknown Attribute %.*s.", STR_ARG(name));
    }
    return ERR_OK;
}

enum { ATTRIBUTES_MAX = 32 };
static enum err get_queue_attributes(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_get_attributes *in = call->in;
    struct store *store = committer_store(s->host->committer);
    struct store_queue_stats stats;
    struct queue *q;
    enum err err = check_names(call, &in->names);
    if (!err) err = find_queue(s, call, &q);
    if (err) return err;
    struct attributes a = {call->arena, &in->names, arena_array(call->arena, ATTRIBUTES_MAX, sizeof(struct map_entry)), 0};
    err = a.items ? store->ops->queue_stats(store, q->number, clock_now_ms(), &stats, &call->fault) : no_memory(call);
    if (!err) {
        for (const char *const *name = queue_settable; *name; name++) add(&a, *name, queue_get(q, str_from(*name), call->arena));
        add(&a, "QueueArn", queue_arn(s->host, call->arena, q->r.account, q->r.name));
        add_number(&a, "ApproximateNumberOfMessages", stats.visible);
        add_number(&a, "ApproximateNumberOfMessagesNotVisible", stats.in_flight);
        add_number(&a, "ApproximateNumberOfMessagesDelayed", stats.delayed);
        add_number(&a, "CreatedTimestamp", q->created_ms / 1000);
        add_number(&a, "LastModifiedTimestamp", q->modified_ms / 1000);
        ((struct queue_attributes *)call->out)->attributes = (struct list){a.n > 0, a.n, a.items};
    }
    resource_unref(&q->r);
    return err;
}

/* ---- sending
 * ------------------------------------------------------------------------------------------------------------------------------------ */
static enum err outgoing(struct call *call, const struct queue *q, const struct queue_send_entry *e, struct queue_outgoing *m) {
    if (q->fifo && e->delay.set)
        return fault_set(&call->fault, ERR_INVALID_PARAMETER,
                         "Value %" PRId64 " for parameter DelaySeconds is invalid. Reason: The request include parameter "
                         "that is not valid for this queue type.",
                         e->delay.v);
    enum err err = queue_attributes_check(&e->attributes, &call->fault);
    if (err) return err;
    *m = (struct queue_outgoing){.body = e->body,
                                 .group = e->group,
                                 .dedup = e->dedup,
                                 .id = id_random(),
                                 .now_ms = call->now_ms,
                                 .delay_s = e->delay.set ? e->delay.v : -1};
    m->attributes = queue_attributes_json(&e->attributes, call->arena, &call->fault);
    return call->fault.code;
}

static void fill_sent(struct call *call, const struct queue *q, const struct queue_send_entry *e, const struct store_op *op,
                      struct queue_send_answer *out) {
    char id[ID_TEXT_SIZE];
    id_text(op->u.send.id, id);
    *out = (struct queue_send_answer){.md5 = queue_md5(e->body, call->arena),
                                      .md5_attributes = queue_attributes_md5(&e->attributes, call->arena),
                                      .id = arena_str(call->arena, str_from(id)),
                                      .sequence = q->fifo ? arena_printf(call->arena, "%020" PRId64, op->u.send.sequence) : STR_NULL};
}

static enum err send_message(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_send *in = call->in;
    const struct queue_send_entry entry = {
        .body = in->body, .group = in->group, .dedup = in->dedup, .delay = in->delay, .attributes = in->attributes};
    struct queue *q;
    struct queue_outgoing m;
    struct txn txn;
    struct store_op *op = NULL;
    enum err err = find_queue(s, call, &q);
    if (err) return err;
    txn_init(&txn, call->arena);
    err = outgoing(call, q, &entry, &m);
    if (!err) err = queue_add_send(s, q, &m, &txn, &op, &call->fault);
    if (!err) err = committer_run(s->host->committer, &txn, &call->fault);
    if (!err) fill_sent(call, q, &entry, op, call->out);
    resource_unref(&q->r);
    return err;
}

static void batch_error(struct call *call, struct queue_batch_error *out, struct str id) {
    const struct err_row *row = err_row(call->fault.code);
    *out = (struct queue_batch_error){.entry_id = id,
                                      .code = str_from(row->aws_type),
                                      .message = arena_str(call->arena, str_from(call->fault.message)),
                                      .sender_fault = {true, row->http_status < 500}};
    fault_clear(&call->fault);
}

static enum err check_distinct(struct call *call, struct list entries, size_t size) {
    for (size_t i = 0; i < entries.n; i++)
        for (size_t k = 0; k < i; k++) {
            struct str a = *(const struct str *)(const void *)((const char *)entries.items + i * size);
            struct str b = *(const struct str *)(const void *)((const char *)entries.items + k * size);
            if (str_eq(a, b)) return fault_set(&call->fault, ERR_INVALID_PARAMETER, "Id %.*s repeated.", STR_ARG(a));
        }
    return ERR_OK;
}

static enum err send_message_batch(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_send_batch *in = call->in;
    struct queue_send_batch_answer *out = call->out;
    struct store_op *ops[QUEUE_BATCH_MAX] = {NULL};
    struct queue_send_result *done = arena_array(call->arena, in->entries.n, sizeof *done);
    struct queue_batch_error *failed = arena_array(call->arena, in->entries.n, sizeof *failed);
    struct queue *q;
    struct txn txn;
    enum err err = find_queue(s, call, &q);
    if (err) return err;
    txn_init(&txn, call->arena);
    err = done && failed ? check_distinct(call, in->entries, sizeof(struct queue_send_entry)) : no_memory(call);
    for (size_t i = 0; !err && i < in->entries.n; i++) {
        const struct queue_send_entry *e = LIST_AT(in->entries, struct queue_send_entry, i);
        struct queue_outgoing m;
        enum err bad = outgoing(call, q, e, &m);
        if (!bad) bad = queue_add_send(s, q, &m, &txn, &ops[i], &call->fault);
        if (bad == ERR_NOMEM)
            err = bad;
        else if (bad)
            batch_error(call, &failed[out->failed.n++], e->entry_id);
    }
    if (!err) err = committer_run(s->host->committer, &txn, &call->fault);
    for (size_t i = 0; !err && i < in->entries.n; i++) {
        const struct queue_send_entry *e = LIST_AT(in->entries, struct queue_send_entry, i);
        struct queue_send_answer sent;
        if (!ops[i]) continue;
        fill_sent(call, q, e, ops[i], &sent);
        done[out->successful.n++] = (struct queue_send_result){e->entry_id, sent.md5, sent.md5_attributes, sent.id, sent.sequence};
    }
    out->successful = (struct list){true, out->successful.n, done};
    out->failed = (struct list){out->failed.n > 0, out->failed.n, failed};
    resource_unref(&q->r);
    return err;
}

/* ---- receiving
 * ------------------------------------------------------------------------------------------------------------------------------------ */
static enum err fill_message(struct call *call, const struct queue *q, const struct store_message *m, struct queue_message *out) {
    const struct queue_receive *in = call->in;
    const struct list *names = in->system_names.n ? &in->system_names : &in->attribute_names;
    char id[ID_TEXT_SIZE];
    id_text(m->id, id);
    struct attributes a = {call->arena, names, arena_array(call->arena, 8, sizeof(struct map_entry)), 0};
    *out = (struct queue_message){.id = arena_str(call->arena, str_from(id)),
                                  .handle = queue_handle_write(q, m->sequence, m->receipt, call->arena),
                                  .md5 = queue_md5(m->body, call->arena),
                                  .body = arena_str(call->arena, m->body)};
    if (!a.items || !out->id.p || !out->handle.p || !out->md5.p || !out->body.p) return no_memory(call);
    add(&a, "SenderId", q->r.account);
    add_number(&a, "SentTimestamp", m->sent_ms);
    add_number(&a, "ApproximateReceiveCount", m->receives);
    add_number(&a, "ApproximateFirstReceiveTimestamp", m->first_received_ms);
    if (q->fifo) {
        add(&a, "MessageGroupId", arena_str(call->arena, m->group));
        add(&a, "MessageDeduplicationId", arena_str(call->arena, m->dedup));
        add(&a, "SequenceNumber", arena_printf(call->arena, "%020" PRId64, m->sequence));
    }
    out->attributes = (struct list){a.n > 0, a.n, a.items};
    enum err err = queue_attributes_read(m->attributes, &in->message_attribute_names, call->arena, &out->message_attributes, &call->fault);
    if (!err) out->md5_attributes = queue_attributes_md5(&out->message_attributes, call->arena);
    return err;
}

/* The number of the queue that a redrive policy names; 0 when it is not there (any more): then messages stay. */
static int64_t dead_letter_number(struct queue_service *s, const struct queue *q) {
    struct str account, name;
    if (!q->max_receives || !queue_arn_parse(q->dead_letter_arn, &account, &name)) return 0;
    struct resource *r = resources_get(&s->queues, account, name);
    int64_t number = r ? ((struct queue *)(void *)r)->number : 0;
    resource_unref(r);
    return number;
}

static enum err fill_messages(struct call *call, const struct queue *q, const struct store_message *received, size_t n) {
    struct queue_receive_answer *out = call->out;
    struct queue_message *messages = arena_array(call->arena, n, sizeof *messages);
    enum err err = messages ? ERR_OK : no_memory(call);
    for (size_t i = 0; i < n && !err; i++) err = fill_message(call, q, &received[i], &messages[i]);
    out->messages = (struct list){true, n, messages};
    return err;
}

enum err queue_receive_once(struct queue_service *s, struct call *call, struct queue *q, bool *found) {
    const struct queue_receive *in = call->in;
    struct arena looking; /* a long poll looks often: the call's own is for what is found */
    struct txn txn;
    arena_init(&looking, 0);
    txn_init(&txn, &looking);
    *found = false;
    struct store_op *op = txn_add(&txn, OP_QUEUE_RECEIVE);
    if (!op) {
        arena_fini(&looking);
        return no_memory(call);
    }
    int64_t now = clock_now_ms(), dead_letters = dead_letter_number(s, q);
    op->u.receive.queue = q->number;
    op->u.receive.fifo = q->fifo;
    op->u.receive.max_messages = in->max.set ? (int32_t)in->max.v : 1;
    op->u.receive.now_ms = now;
    op->u.receive.visible_at_ms = now + (in->visibility.set ? in->visibility.v : q->visibility_s) * 1000;
    op->u.receive.max_receives = dead_letters ? q->max_receives : 0;
    op->u.receive.dead_letter_queue = dead_letters;
    enum err err = committer_run(s->host->committer, &txn, &call->fault);
    *found = !err && op->u.receive.message_count;
    if (*found) err = fill_messages(call, q, op->u.receive.messages, op->u.receive.message_count);
    arena_fini(&looking);
    return err;
}

static enum err receive_message(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_receive *in = call->in;
    struct queue *q;
    bool found;
    enum err err = find_queue(s, call, &q);
    if (err) return err;
    int64_t wait_s = in->wait.set ? in->wait.v : q->wait_s;
    uint64_t generation = poller_generation(s->poller, q->number);
    err = queue_receive_once(s, call, q, &found);
    if (!err && !found && wait_s) err = poller_wait(s->poller, call, q, generation, clock_mono_ms() + wait_s * 1000);
    resource_unref(&q->r);
    return err;
}

/* ---- handles
 * ----------------------------------------------------------------------------------------------------------------------------------------
 */
static enum err add_handle(struct call *call, const struct queue *q, struct str handle, struct opt_i64 visibility, struct txn *txn,
                           struct store_op **op) {
    int64_t sequence, receipt;
    if (!queue_handle_read(q, handle, &sequence, &receipt))
        return fault_at(&call->fault, ERR_RECEIPT_HANDLE, "receiptHandle", 0, 0, "The input receipt handle is invalid.");
    *op = txn_add(txn, visibility.set ? OP_QUEUE_VISIBILITY : OP_QUEUE_DELETE);
    if (!*op) return no_memory(call);
    (*op)->u.handle.queue = q->number;
    (*op)->u.handle.sequence = sequence;
    (*op)->u.handle.receipt = receipt;
    (*op)->u.handle.visible_at_ms = call->now_ms + visibility.v * 1000;
    return ERR_OK;
}

static enum err not_in_flight(struct call *call) {
    return fault_set(&call->fault, ERR_NOT_IN_FLIGHT,
                     "The message referred to by the receipt handle is not in flight: it was deleted, or received again since.");
}

/* DeleteMessage and ChangeMessageVisibility. Deleting what is gone already is fine, as with SQS. */
static enum err one_handle(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_handle *in = call->in;
    struct queue *q;
    struct txn txn;
    struct store_op *op;
    enum err err = find_queue(s, call, &q);
    if (err) return err;
    txn_init(&txn, call->arena);
    err = add_handle(call, q, in->handle, in->visibility, &txn, &op);
    if (!err) err = committer_run(s->host->committer, &txn, &call->fault);
    if (!err && in->visibility.set && !op->u.handle.found) err = not_in_flight(call);
    resource_unref(&q->r);
    return err;
}

static enum err many_handles(void *self, struct call *call) {
    struct queue_service *s = self;
    const struct queue_handle_batch *in = call->in;
    struct queue_handle_batch_answer *out = call->out;
    struct store_op *ops[QUEUE_BATCH_MAX] = {NULL};
    struct queue_entry_result *done = arena_array(call->arena, in->entries.n, sizeof *done);
    struct queue_batch_error *failed = arena_array(call->arena, in->entries.n, sizeof *failed);
    struct queue *q;
    struct txn txn;
    enum err err = find_queue(s, call, &q);
    if (err) return err;
    txn_init(&txn, call->arena);
    err = done && failed ? check_distinct(call, in->entries, sizeof(struct queue_handle_entry)) : no_memory(call);
    for (size_t i = 0; !err && i < in->entries.n; i++) {
        const struct queue_handle_entry *e = LIST_AT(in->entries, struct queue_handle_entry, i);
        enum err bad = add_handle(call, q, e->handle, e->visibility, &txn, &ops[i]);
        if (bad == ERR_NOMEM)
            err = bad;
        else if (bad)
            batch_error(call, &failed[out->failed.n++], e->entry_id);
    }
    if (!err) err = committer_run(s->host->committer, &txn, &call->fault);
    for (size_t i = 0; !err && i < in->entries.n; i++) {
        const struct queue_handle_entry *e = LIST_AT(in->entries, struct queue_handle_entry, i);
        if (!ops[i]) continue;
        if (e->visibility.set && !ops[i]->u.handle.found) {
            enum err ignored = not_in_flight(call);
            (void)ignored; /* it is in call->fault, from where it goes into the entry */
            batch_error(call, &failed[out->failed.n++], e->entry_id);
        } else {
            done[out->successful.n++] = (struct queue_entry_result){e->entry_id};
        }
    }
    out->successful = (struct list){true, out->successful.n, done};
    out->failed = (struct list){out->failed.n > 0, out->failed.n, failed};
    resource_unref(&q->r);
    return err;
}

const struct handler_row queue_handlers[] = {
    {"CreateQueue", create_queue, resource_of},
    {"DeleteQueue", delete_queue, resource_of},
    {"GetQueueUrl", get_queue_url, get_url_resource},
    {"ListQueues", list_queues, any_resource},
    {"GetQueueAttributes", get_queue_attributes, resource_of},
    {"SetQueueAttributes", set_queue_attributes, resource_of},
    {"SendMessage", send_message, resource_of},
    {"SendMessageBatch", send_message_batch, resource_of},
    {"ReceiveMessage", receive_message, resource_of},
    {"DeleteMessage", one_handle, resource_of},
    {"DeleteMessageBatch", many_handles, resource_of},
    {"ChangeMessageVisibility", one_handle, resource_of},
    {"ChangeMessageVisibilityBatch", many_handles, resource_of},
    {"PurgeQueue", purge_queue, resource_of},
    {"ListDeadLetterSourceQueues", list_sources, resource_of},
    {.name = NULL},
};
