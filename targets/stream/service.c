/* The operations on streams. */
#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"
#include "json.h"
#include "page.h"
#include "record.h"
#include "stream.h"

enum { ITERATOR_MS = 300000, LIST_DEFAULT = 100, SHARDS_DEFAULT = 1000 };
#define GET_BYTES_MAX ((size_t)10 << 20)

static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

/* ---- naming -------------------------------------------------------------------------------------------------------------------------- */
/* All requests that name a stream begin with { name, arn }. */
struct named {
    struct str name, arn;
};

static struct str resource_of(void *self, struct call *call) {
    const struct stream_service *service = self;
    const struct named *in = call->in;
    return in->arn.p ? in->arn : stream_arn(service->host, call->arena, call->account, in->name.p ? in->name : STR("*"));
}

static struct str any_resource(void *self, struct call *call) {
    const struct stream_service *service = self;
    return stream_arn(service->host, call->arena, call->account, STR("*"));
}

/* Whose stream, and which. The engine has checked that the caller may: for the ARN as it was given, see find_stream. */
static enum err named_stream(struct call *call, struct str *account, struct str *name) {
    const struct named *in = call->in;
    struct arn arn;
    *account = call->account;
    *name = in->name;
    if (in->arn.p) {
        if (!arn_parse(in->arn, &arn) || !arn_name(&arn, "stream").p)
            return fault_at(&call->fault, ERR_VALIDATION, "streamARN", 0, 0, "'%.*s' is not the ARN of a stream.", STR_ARG(in->arn));
        *account = arn.account;
        *name = arn_name(&arn, "stream");
    }
    if (name->n) return ERR_OK;
    return fault_at(&call->fault, ERR_VALIDATION, "streamName", 0, 0, "Either StreamName or StreamARN must be given.");
}

static enum err find_stream(struct stream_service *service, struct call *call, struct stream **s) {
    struct str account, name;
    enum err err = named_stream(call, &account, &name);
    if (err) return err;
    *s = (struct stream *)(void *)resources_get(&service->streams, account, name);
    struct str given = ((const struct named *)call->in)->arn;
    if (*s && given.p && !str_eq(given, stream_arn(service->host, call->arena, account, name))) {
        /* Another region or partition. Policies were asked about that ARN, and know ours by its one spelling. */
        resource_unref(&(*s)->r);
        *s = NULL;
    }
    return *s ? ERR_OK
              : fault_set(&call->fault, ERR_NOT_FOUND, "Stream %.*s under account %.*s not found.", STR_ARG(name), STR_ARG(account));
}

static struct str shard_id(struct arena *a, uint32_t shard) { return arena_printf(a, "shardId-%012" PRIu32, shard); }

static bool parse_shard_id(const struct stream *s, struct str text, uint32_t *shard) {
    int64_t v;
    if (!str_starts(text, STR("shardId-")) || !str_to_i64(str_skip(text, 8), &v) || v < 0 || v >= s->shards) return false;
    *shard = (uint32_t)v;
    return true;
}

/* ---- making, changing, removing ---------------------------------------------------------------------------------------------------------
 */
static void free_stream(struct resource *r) { free(r); }

/* Stores what the entry says, then shows it. The caller holds the change lock; takes over the reference. */
static enum err store_stream(struct stream_service *service, struct call *call, struct stream *s) {
    struct buf record;
    struct json j;
    buf_init(&record, 0);
    json_init(&j, &record);
    json_object_begin(&j);
    json_key_i64(&j, "number", s->number);
    json_key_i64(&j, "shards", s->shards);
    json_key_i64(&j, "hours", s->hours);
    json_key_i64(&j, "created", s->created_ms);
    json_object_end(&j);
    enum err err =
        record.failed ? no_memory(call) : record_put(service->host->committer, STR("stream"), s->r.key, buf_str(&record), &call->fault);
    buf_fini(&record);
    if (err)
        resource_unref(&s->r);
    else if (!resources_show(&service->streams, &s->r))
        err = no_memory(call);
    return err;
}

static struct stream *stream_new(struct str account, struct str name) {
    struct stream *s = calloc(1, sizeof *s);
    if (s && !resource_init(&s->r, account, name, free_stream)) {
        resource_unref(&s->r);
        s = NULL;
    }
    return s;
}

static enum err create_stream(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_create *in = call->in;
    if (in->shards.set && in->shards.v > STREAM_SHARDS_MAX)
        return fault_at(&call->fault, ERR_LIMIT, "shardCount", 0, 0, "A stream has at most %d shards here, %" PRId64 " were asked for.",
                        STREAM_SHARDS_MAX, in->shards.v);
    resources_lock(&service->streams);
    struct resource *there = resources_get(&service->streams, call->account, in->name);
    enum err err = !there ? ERR_OK
                          : fault_set(&call->fault, ERR_IN_USE, "Stream %.*s under account %.*s already exists.", STR_ARG(in->name),
                                      STR_ARG(call->account));
    resource_unref(there);
    struct stream *s = err ? NULL : stream_new(call->account, in->name);
    if (!err && !s) err = no_memory(call);
    if (!err) {
        s->shards = in->shards.set ? (uint32_t)in->shards.v : 1;
        s->hours = in->hours.set ? in->hours.v : STREAM_HOURS_DEFAULT;
        s->created_ms = call->now_ms;
        err = service->host->next_number(service->host->flow, &s->number, &call->fault);
        if (err)
            resource_unref(&s->r);
        else
            err = store_stream(service, call, s);
    }
    resources_unlock(&service->streams);
    return err;
}

static enum err set_hours(struct stream_service *service, struct call *call, struct opt_i64 shards, int64_t hours, int direction) {
    struct stream *old, *s = NULL;
    resources_lock(&service->streams);
    enum err err = find_stream(service, call, &old);
    if (!err) {
        if (shards.set && shards.v != old->shards)
            err = fault_at(&call->fault, ERR_VALIDATION, "shardCount", 0, 0, "Stream %.*s has %" PRIu32 " shards, which cannot be changed.",
                           STR_ARG(old->r.name), old->shards);
        else if ((direction > 0 && hours < old->hours) || (direction < 0 && hours > old->hours))
            err = fault_set(&call->fault, ERR_VALIDATION,
                            "Requested retention period (%" PRId64 " hours) for stream %.*s can not be %s than the existing one "
                            "(%" PRId64 " hours).",
                            hours, STR_ARG(old->r.name), direction > 0 ? "shorter" : "longer", old->hours);
        else if (!(s = stream_new(old->r.account, old->r.name)))
            err = no_memory(call);
        if (!err) {
            s->number = old->number;
            s->shards = old->shards;
            s->created_ms = old->created_ms;
            s->hours = hours ? hours : old->hours;
            err = store_stream(service, call, s);
        }
        resource_unref(&old->r);
    }
    resources_unlock(&service->streams);
    return err;
}

static enum err update_stream(void *self, struct call *call) {
    const struct stream_create *in = call->in;
    return set_hours(self, call, in->shards, in->hours.set ? in->hours.v : 0, 0);
}
static enum err increase_retention(void *self, struct call *call) {
    return set_hours(self, call, (struct opt_i64){0}, ((const struct stream_hours *)call->in)->hours.v, 1);
}
static enum err decrease_retention(void *self, struct call *call) {
    return set_hours(self, call, (struct opt_i64){0}, ((const struct stream_hours *)call->in)->hours.v, -1);
}

/* The record goes in the same transaction as the data. */
static enum err delete_stream(void *self, struct call *call) {
    struct stream_service *service = self;
    struct stream *s;
    resources_lock(&service->streams);
    enum err err = find_stream(service, call, &s);
    if (!err) {
        struct txn txn;
        txn_init(&txn, call->arena);
        struct store_op *record = txn_add(&txn, OP_CATALOG_DELETE), *drop = txn_add(&txn, OP_STREAM_DROP);
        if (record && drop) {
            record->u.catalog.kind = STR("stream");
            record->u.catalog.key = s->r.key;
            drop->u.trim.stream = s->number;
            err = committer_run(service->host->committer, &txn, &call->fault);
        } else {
            err = no_memory(call);
        }
        if (!err) resources_hide(&service->streams, s->r.key);
        resource_unref(&s->r);
    }
    resources_unlock(&service->streams);
    return err;
}

/* ---- describing
 * ---------------------------------------------------------------------------------------------------------------------------- */
static bool fill_shard(const struct stream *s, uint32_t i, struct arena *a, struct stream_shard *out) {
    uint8_t first[16], last[16];
    out->hash = ARENA_NEW(a, struct stream_hash_range);
    out->sequence = ARENA_NEW(a, struct stream_sequence_range);
    if (!out->hash || !out->sequence) return false;
    stream_shard_start(s, i, first);
    stream_shard_start(s, i + 1, last);
    for (int k = 15; k >= 0 && last[k]-- == 0; k--) {
    } /* one below the next one's first */
    out->id = shard_id(a, i);
    out->hash->first = stream_hash_text(first, a);
    out->hash->last = stream_hash_text(last, a);
    out->sequence->first = STR("1");
    return out->id.p && out->hash->first.p && out->hash->last.p;
}

static enum err fill_shards(struct call *call, const struct stream *s, uint32_t from, size_t limit, struct list *list, bool *more) {
    size_t n = s->shards > from ? s->shards - from : 0;
    *more = n > limit;
    if (*more) n = limit;
    struct stream_shard *items = arena_array(call->arena, n, sizeof *items);
    for (size_t i = 0; i < n; i++)
        if (!items || !fill_shard(s, from + (uint32_t)i, call->arena, &items[i])) return no_memory(call);
    *list = (struct list){true, n, items};
    return items ? ERR_OK : no_memory(call);
}

static enum err describe(struct stream_service *service, struct call *call, struct stream **s, struct stream_description **d) {
    enum err err = find_stream(service, call, s);
    if (err) return err;
    *d = ARENA_NEW(call->arena, struct stream_description);
    if (*d)
        **d = (struct stream_description){.name = arena_str(call->arena, (*s)->r.name),
                                          .arn = stream_arn(service->host, call->arena, (*s)->r.account, (*s)->r.name),
                                          .status = STR("ACTIVE"),
                                          .hours = {true, (*s)->hours},
                                          .created_ms = {true, (*s)->created_ms},
                                          .open_shards = {true, (*s)->shards}};
    ((struct stream_description_answer *)call->out)->description = *d;
    return *d ? ERR_OK : no_memory(call);
}

static enum err describe_stream(void *self, struct call *call) {
    const struct stream_describe *in = call->in;
    struct stream *s = NULL;
    struct stream_description *d;
    uint32_t from = 0;
    enum err err = describe(self, call, &s, &d);
    if (!err && in->start.p) {
        if (parse_shard_id(s, in->start, &from))
            from++;
        else
            err =
                fault_at(&call->fault, ERR_VALIDATION, "exclusiveStartShardId", 0, 0, "The stream has no shard %.*s.", STR_ARG(in->start));
    }
    if (!err) {
        d->more.set = true;
        err = fill_shards(call, s, from, in->limit.set ? (size_t)in->limit.v : LIST_DEFAULT, &d->shards, &d->more.v);
    }
    if (s) resource_unref(&s->r);
    return err;
}

static enum err describe_stream_summary(void *self, struct call *call) {
    struct stream *s = NULL;
    struct stream_description *d;
    enum err err = describe(self, call, &s, &d);
    if (s) resource_unref(&s->r);
    return err;
}

static enum err list_streams(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_list *in = call->in;
    struct stream_list_answer *out = call->out;
    struct resource **streams;
    size_t count;
    bool more;
    struct str after;
    enum err err = page_begin(call, in->token, &after);
    if (!after.p) after = in->after;
    if (!err)
        err = resources_list(&service->streams, call->account, STR(""), after, in->limit.set ? (size_t)in->limit.v : LIST_DEFAULT,
                             call->arena, &streams, &count, &more, &call->fault);
    if (err) return err;
    struct str *names = arena_array(call->arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        if (names) names[i] = arena_str(call->arena, streams[i]->name);
        resource_unref(streams[i]);
    }
    if (!names) return no_memory(call);
    out->names = (struct list){true, count, names};
    out->more = (struct opt_bool){true, more};
    if (more) out->token = page_end(call, more, names[count - 1]);
    return ERR_OK;
}

static enum err list_shards(void *self, struct call *call) {
    const struct stream_list_shards *in = call->in;
    struct stream_list_shards_answer *out = call->out;
    struct stream *s;
    uint32_t from = 0;
    bool more = false;
    struct str after;
    enum err err = page_begin(call, in->token, &after);
    if (!err) err = find_stream(self, call, &s);
    if (err) return err;
    if (after.p) {
        if (parse_shard_id(s, after, &from))
            from++;
        else
            err = fault_at(&call->fault, ERR_VALIDATION, "nextToken", 0, 0, "Parameter NextToken is not valid.");
    }
    if (!err) err = fill_shards(call, s, from, in->limit.set ? (size_t)in->limit.v : SHARDS_DEFAULT, &out->shards, &more);
    if (!err && more) out->token = page_end(call, more, LIST_AT(out->shards, struct stream_shard, out->shards.n - 1)->id);
    resource_unref(&s->r);
    return err;
}

/* ---- putting
 * ----------------------------------------------------------------------------------------------------------------------------------- */
static enum err add_record(struct call *call, const struct stream *s, struct txn *txn, const struct stream_put_entry *e) {
    uint8_t hash[16];
    if (!e->hash_key.p)
        hash_md5(e->key, hash);
    else if (!stream_hash_parse(e->hash_key, hash))
        return fault_at(&call->fault, ERR_VALIDATION, "explicitHashKey", 0, 0, "ExplicitHashKey must be below 2^128.");
    struct store_op *op = txn_add(txn, OP_STREAM_APPEND);
    if (!op) return no_memory(call);
    op->u.append.stream = s->number;
    op->u.append.shard = stream_shard_of(s, hash);
    op->u.append.at_ms = call->now_ms;
    op->u.append.partition_key = e->key;
    op->u.append.data = e->data;
    return ERR_OK;
}

static enum err put_record(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_put *in = call->in;
    struct stream_put_answer *out = call->out;
    struct stream *s;
    struct txn txn;
    enum err err = find_stream(service, call, &s);
    if (err) return err;
    txn_init(&txn, call->arena);
    err = add_record(call, s, &txn, &(struct stream_put_entry){in->data, in->key, in->hash_key});
    if (!err) err = committer_run(service->host->committer, &txn, &call->fault);
    if (!err) {
        out->shard = shard_id(call->arena, txn.first->u.append.shard);
        out->sequence = arena_printf(call->arena, "%" PRId64, txn.first->u.append.sequence);
    }
    resource_unref(&s->r);
    return err;
}

static enum err put_records(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_put_many *in = call->in;
    struct stream_put_many_answer *out = call->out;
    struct stream *s;
    struct txn txn;
    enum err err = find_stream(service, call, &s);
    if (err) return err;
    txn_init(&txn, call->arena);
    for (size_t i = 0; !err && i < in->records.n; i++) err = add_record(call, s, &txn, LIST_AT(in->records, struct stream_put_entry, i));
    if (!err) err = committer_run(service->host->committer, &txn, &call->fault);
    struct stream_put_result *results = err ? NULL : arena_array(call->arena, in->records.n, sizeof *results);
    if (!err && !results) err = no_memory(call);
    size_t n = 0;
    for (const struct store_op *op = err ? NULL : txn.first; op; op = op->next)
        results[n++] = (struct stream_put_result){.shard = shard_id(call->arena, op->u.append.shard),
                                                  .sequence = arena_printf(call->arena, "%" PRId64, op->u.append.sequence)};
    out->failed = (struct opt_i64){true, 0};
    out->records = (struct list){true, n, results};
    resource_unref(&s->r);
    return err;
}

/* ---- iterators
 * ------------------------------------------------------------------------------------------------------------------------------------ */
/* What an iterator says; 16 bytes of HMAC behind it, base64 around it. The stream's key goes along, to find it again. */
struct place {
    int64_t stream, position, made_ms;
    uint32_t shard;
};

static void place_mac(const struct stream_service *service, struct str text, uint8_t mac[32]) {
    hash_hmac_sha256(str_of((const char *)service->token_key, sizeof service->token_key), text, STR(""), mac);
}

static struct str write_place(const struct stream_service *service, struct arena *a, const struct stream *s, const struct place *p) {
    struct buf plain, text;
    uint8_t mac[32];
    buf_init(&plain, 0);
    buf_init(&text, 0);
    buf_addf(&plain, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRIu32 " %.*s", p->stream, p->position, p->made_ms, p->shard,
             STR_ARG(s->r.key));
    place_mac(service, buf_str(&plain), mac);
    buf_add(&plain, str_of((const char *)mac, 16));
    hash_base64(&text, buf_str(&plain));
    struct str token = plain.failed || text.failed ? STR_NULL : arena_str(a, buf_str(&text));
    buf_fini(&plain);
    buf_fini(&text);
    return token;
}

static bool read_place(const struct stream_service *service, struct arena *a, struct str token, struct place *p, struct str *key) {
    struct buf plain;
    uint8_t mac[32];
    buf_init(&plain, 4096);
    bool ok = hash_from_base64(&plain, token) && !plain.failed && plain.n > 16;
    if (ok) {
        place_mac(service, str_of(plain.p, plain.n - 16), mac);
        ok = hash_equal_ct(mac, plain.p + plain.n - 16, 16);
    }
    struct str rest = ok ? arena_str(a, str_of(plain.p, plain.n - 16)) : STR_NULL, part[4];
    int64_t shard = 0;
    for (int i = 0; ok && i < 4; i++) ok = str_cut(&rest, ' ', &part[i]);
    ok = ok && str_to_i64(part[0], &p->stream) && str_to_i64(part[1], &p->position) && str_to_i64(part[2], &p->made_ms) &&
         str_to_i64(part[3], &shard);
    p->shard = (uint32_t)shard;
    *key = rest;
    buf_fini(&plain);
    return ok;
}

static enum err find_position(struct stream_service *service, struct call *call, const struct stream *s, uint32_t shard,
                              int64_t *position) {
    const struct stream_iterator *in = call->in;
    struct store *store = committer_store(service->host->committer);
    int64_t first, next, at = INT64_MIN;
    bool by_number = str_ends(in->type, STR("SEQUENCE_NUMBER")), by_time = str_eqz(in->type, "AT_TIMESTAMP");
    if (by_time && !in->timestamp_ms.set) return fault_at(&call->fault, ERR_VALIDATION, "timestamp", 0, 0, "AT_TIMESTAMP needs Timestamp.");
    if (by_time) at = in->timestamp_ms.v;
    enum err err = store->ops->stream_find(store, s->number, shard, at, &first, &next, &call->fault);
    if (err) return err;
    *position = str_eqz(in->type, "LATEST") ? next : first;
    if (!by_number) return ERR_OK;
    if (!in->sequence.p || !str_to_i64(in->sequence, position) || *position < 0 || *position >= next)
        return fault_at(&call->fault, ERR_VALIDATION, "startingSequenceNumber", 0, 0,
                        "StartingSequenceNumber must be a number that this shard gave.");
    *position += str_eqz(in->type, "AFTER_SEQUENCE_NUMBER");
    return ERR_OK;
}

static enum err get_shard_iterator(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_iterator *in = call->in;
    struct stream_iterator_answer *out = call->out;
    struct stream *s;
    enum err err = find_stream(service, call, &s);
    if (err) return err;
    struct place p = {.stream = s->number, .made_ms = call->now_ms};
    if (!parse_shard_id(s, in->shard, &p.shard))
        err = fault_set(&call->fault, ERR_NOT_FOUND, "Shard %.*s in stream %.*s under account %.*s does not exist", STR_ARG(in->shard),
                        STR_ARG(s->r.name), STR_ARG(s->r.account));
    if (!err) err = find_position(service, call, s, p.shard, &p.position);
    if (!err && !(out->iterator = write_place(service, call->arena, s, &p)).p) err = no_memory(call);
    resource_unref(&s->r);
    return err;
}

static enum err fill_records(struct call *call, const struct store_record *records, size_t count) {
    struct stream_get_answer *out = call->out;
    struct stream_record *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct stream_record){.sequence = arena_printf(call->arena, "%" PRId64, records[i].sequence),
                                          .key = records[i].partition_key,
                                          .data = records[i].data,
                                          .arrival_ms = {true, records[i].at_ms}};
    out->records = (struct list){true, count, items};
    return ERR_OK;
}

/* How old is the oldest record behind the position? */
static enum err behind(struct store *store, struct call *call, const struct place *p, int64_t *ms) {
    struct store_record *record;
    size_t n;
    enum err err = store->ops->stream_read(store, p->stream, p->shard, p->position, 1, 1, call->arena, &record, &n, &call->fault);
    *ms = !err && n && call->now_ms > record->at_ms ? call->now_ms - record->at_ms : 0;
    return err;
}

static struct str iterator_resource(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_get *in = call->in;
    struct place p;
    struct str key;
    if (!read_place(service, call->arena, in->iterator, &p, &key) || key.n < 14) return any_resource(self, call);
    return stream_arn(service->host, call->arena, str_of(key.p, 12), str_skip(key, 13));
}

static enum err get_records(void *self, struct call *call) {
    struct stream_service *service = self;
    const struct stream_get *in = call->in;
    struct stream_get_answer *out = call->out;
    struct place p;
    struct str key;
    if (!read_place(service, call->arena, in->iterator, &p, &key) || key.n < 14)
        return fault_at(&call->fault, ERR_VALIDATION, "shardIterator", 0, 0, "Invalid ShardIterator.");
    if (call->now_ms - p.made_ms > ITERATOR_MS)
        return fault_set(&call->fault, ERR_EXPIRED_ITERATOR, "Iterator expired. The iterator was created more than 5 minutes ago.");
    struct stream *s = (struct stream *)(void *)resources_get(&service->streams, str_of(key.p, 12), str_skip(key, 13));
    if (!s || s->number != p.stream) {
        if (s) resource_unref(&s->r);
        return fault_set(&call->fault, ERR_NOT_FOUND, "Stream %.*s under account %.12s not found.", STR_ARG(str_skip(key, 13)), key.p);
    }
    struct store *store = committer_store(service->host->committer);
    struct store_record *records;
    size_t count = 0, limit = in->limit.set ? (size_t)in->limit.v : STREAM_GET_MAX;
    enum err err =
        store->ops->stream_read(store, p.stream, p.shard, p.position, limit, GET_BYTES_MAX, call->arena, &records, &count, &call->fault);
    if (!err) err = fill_records(call, records, count);
    if (!err && count) p.position = records[count - 1].sequence + 1;
    p.made_ms = call->now_ms;
    if (!err) err = behind(store, call, &p, &out->behind_ms.v);
    out->behind_ms.set = true;
    if (!err && !(out->next = write_place(service, call->arena, s, &p)).p) err = no_memory(call);
    resource_unref(&s->r);
    return err;
}

const struct handler_row stream_handlers[] = {
    {"CreateStream", create_stream, resource_of},
    {"UpdateStream", update_stream, resource_of},
    {"DeleteStream", delete_stream, resource_of},
    {"DescribeStream", describe_stream, resource_of},
    {"DescribeStreamSummary", describe_stream_summary, resource_of},
    {"ListStreams", list_streams, any_resource},
    {"ListShards", list_shards, resource_of},
    {"PutRecord", put_record, resource_of},
    {"PutRecords", put_records, resource_of},
    {"GetShardIterator", get_shard_iterator, resource_of},
    {"GetRecords", get_records, iterator_resource},
    {"IncreaseStreamRetentionPeriod", increase_retention, resource_of},
    {"DecreaseStreamRetentionPeriod", decrease_retention, resource_of},
    {.name = NULL},
};
