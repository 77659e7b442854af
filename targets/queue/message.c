/* Messages: sending them, their attributes, digests and receipt handles. */
#include <inttypes.h>
#include <stdlib.h>

#include "json.h"
#include "queue.h"

/* ---- sending ---------------------------------------------------------------------------------------------------------------------------
 */
static struct str content_id(struct str body, struct arena *a) {
    uint8_t digest[32];
    char hex[65];
    hash_sha256(body, digest);
    hash_hex(digest, 32, hex);
    return arena_str(a, str_from(hex));
}

enum err queue_add_send(struct queue_service *s, const struct queue *q, const struct queue_outgoing *m, struct txn *txn,
                        struct store_op **out, struct fault *fault) {
    if (m->body.n + m->attributes.n > (size_t)q->max_bytes)
        return fault_at(fault, ERR_INVALID_PARAMETER, "messageBody", 0, 0,
                        "One or more parameters are invalid. Reason: Message must be shorter than %" PRId64 " bytes.", q->max_bytes);
    struct str dedup = STR_NULL;
    if (q->fifo) {
        if (!m->group.n)
            return fault_at(fault, ERR_INVALID_PARAMETER, "messageGroupId", 0, 0, "The request must contain the parameter MessageGroupId.");
        dedup = m->dedup.n ? m->dedup : q->content_dedup ? content_id(m->body, txn->arena) : STR_NULL;
        if (!dedup.n)
            return fault_at(fault, ERR_INVALID_PARAMETER, "messageDeduplicationId", 0, 0,
                            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
    }
    struct store_op *op = txn_add(txn, OP_QUEUE_SEND);
    if (!op) return fault_set(fault, ERR_NOMEM, NULL);
    op->u.send.queue = q->number;
    op->u.send.id = m->id;
    op->u.send.sent_ms = m->now_ms;
    op->u.send.visible_at_ms = m->now_ms + (m->delay_s < 0 ? q->delay_s : m->delay_s) * 1000;
    op->u.send.body = m->body;
    op->u.send.attributes = m->attributes;
    op->u.send.group = q->fifo ? m->group : STR_NULL;
    op->u.send.dedup = dedup;
    op->u.send.dedup_since_ms = m->now_ms - QUEUE_DEDUP_MS;
    op->committed = poller_sent;
    op->ctx = s->poller;
    *out = op;
    return ERR_OK;
}

struct str queue_md5(struct str body, struct arena *a) {
    uint8_t digest[16];
    char hex[33];
    hash_md5(body, digest);
    hash_hex(digest, 16, hex);
    return arena_str(a, str_from(hex));
}

/* ---- attributes -------------------------------------------------------------------------------------------------------------------------
 */
static bool is_type(struct str type, struct str kind) { return str_starts(type, kind) && (type.n == kind.n || type.p[kind.n] == '.'); }

enum err queue_attributes_check(const struct list *attributes, struct fault *fault) {
    for (size_t i = 0; i < attributes->n; i++) {
        const struct map_entry *e = LIST_AT(*attributes, struct map_entry, i);
        const struct queue_attribute_value *v = e->p;
        bool binary = is_type(v->type, STR("Binary"));
        if (!binary && !is_type(v->type, STR("String")) && !is_type(v->type, STR("Number")))
            return fault_at(
                fault, ERR_INVALID_PARAMETER, "messageAttributes", 0, 0,
                "The message attribute '%.*s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, "
                "and String.",
                STR_ARG(e->key));
        if (!(binary ? v->binary : v->text).n)
            return fault_at(
                fault, ERR_INVALID_PARAMETER, "messageAttributes", 0, 0,
                "The message attribute '%.*s' must contain non-empty message attribute value for message attribute type '%.*s'.",
                STR_ARG(e->key), STR_ARG(v->type));
        if ((binary ? v->text : v->binary).p)
            return fault_at(fault, ERR_INVALID_PARAMETER, "messageAttributes", 0, 0,
                            "The message attribute '%.*s' must contain one value, the one of type '%.*s'.", STR_ARG(e->key),
                            STR_ARG(v->type));
    }
    return ERR_OK;
}

static void digest_part(struct buf *b, struct str s) {
    for (int shift = 24; shift >= 0; shift -= 8) buf_addc(b, (char)(s.n >> shift & 255));
    buf_add(b, s);
}

static int by_name(const void *a, const void *b) {
    return str_cmp((*(const struct map_entry *const *)a)->key, (*(const struct map_entry *const *)b)->key);
}

/* Source: SQS developer guide, "Calculating the MD5 message digest for message attributes". */
struct str queue_attributes_md5(const struct list *attributes, struct arena *a) {
    if (!attributes->n) return STR_NULL;
    const struct map_entry **sorted = arena_array(a, attributes->n, sizeof *sorted);
    if (!sorted) return STR_NULL;
    for (size_t i = 0; i < attributes->n; i++) sorted[i] = LIST_AT(*attributes, struct map_entry, i);
    qsort(sorted, attributes->n, sizeof *sorted, by_name);
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < attributes->n; i++) {
        const struct queue_attribute_value *v = sorted[i]->p;
        digest_part(&b, sorted[i]->key);
        digest_part(&b, v->type);
        buf_addc(&b, v->binary.p ? 2 : 1);
        digest_part(&b, v->binary.p ? v->binary : v->text);
    }
    struct str md5 = b.failed ? STR_NULL : queue_md5(buf_str(&b), a);
    buf_fini(&b);
    return md5;
}

struct str queue_attributes_json(const struct list *attributes, struct arena *a, struct fault *fault) {
    fault_clear(fault);
    if (!attributes->n) return STR_NULL;
    struct buf out, binary;
    struct json j;
    buf_init(&out, 0);
    buf_init(&binary, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    for (size_t i = 0; i < attributes->n; i++) {
        const struct map_entry *e = LIST_AT(*attributes, struct map_entry, i);
        const struct queue_attribute_value *v = e->p;
        json_key(&j, e->key);
        json_object_begin(&j);
        json_key_str(&j, "DataType", v->type);
        if (v->text.p) json_key_str(&j, "StringValue", v->text);
        if (v->binary.p) {
            buf_clear(&binary);
            hash_base64(&binary, v->binary);
            json_key_str(&j, "BinaryValue", buf_str(&binary));
        }
        json_object_end(&j);
    }
    json_object_end(&j);
    struct str text = out.failed || binary.failed ? STR_NULL : arena_str(a, buf_str(&out));
    if (!text.p) fault_set(fault, ERR_NOMEM, NULL);
    buf_fini(&out);
    buf_fini(&binary);
    return text;
}

static bool wanted(struct str name, const struct list *names) {
    for (size_t i = 0; i < names->n; i++) {
        struct str w = *LIST_AT(*names, struct str, i);
        if (str_eqz(w, "All") || str_eqz(w, ".*") || str_eqz(w, "*") || str_eq(w, name)) return true;
        if (str_ends(w, STR(".*")) && str_starts(name, str_of(w.p, w.n - 1))) return true;
    }
    return false;
}

static bool read_value(const json_t *v, struct arena *a, struct queue_attribute_value *out) {
    const json_t *type = json_object_get(v, "DataType"), *text = json_object_get(v, "StringValue"),
                 *binary = json_object_get(v, "BinaryValue");
    out->type = arena_str(a, type ? str_of(json_string_value(type), json_string_length(type)) : STR("String"));
    if (text) out->text = arena_str(a, str_of(json_string_value(text), json_string_length(text)));
    if (binary) {
        struct buf b;
        buf_init(&b, 0);
        if (hash_from_base64(&b, str_of(json_string_value(binary), json_string_length(binary)))) out->binary = arena_str(a, buf_str(&b));
        buf_fini(&b);
    }
    return out->type.p && (!text || out->text.p) && (!binary || out->binary.p);
}

enum err queue_attributes_read(struct str json, const struct list *names, struct arena *a, struct list *out, struct fault *fault) {
    *out = (struct list){0};
    if (!json.p || !names->n) return ERR_OK;
    json_t *root = json_loadb(json.p, json.n, 0, NULL);
    struct map_entry *items = arena_array(a, json_object_size(root), sizeof *items);
    const char *name;
    json_t *value;
    enum err err = items ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    json_object_foreach(root, name, value) {
        if (err || !wanted(str_from(name), names)) continue;
        struct queue_attribute_value *v = ARENA_NEW(a, struct queue_attribute_value);
        struct map_entry *e = &items[out->n++];
        e->key = arena_str(a, str_from(name));
        e->p = v;
        if (!v || !e->key.p || !read_value(value, a, v)) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    json_decref(root);
    out->items = items;
    out->set = out->n > 0;
    return err;
}

/* ---- receipt handles
 * ------------------------------------------------------------------------------------------------------------------------ */
static void handle_sum(struct str text, uint8_t sum[4]) {
    uint8_t digest[16];
    hash_md5(text, digest);
    memcpy(sum, digest, 4);
}

struct str queue_handle_write(const struct queue *q, int64_t sequence, int64_t receipt, struct arena *a) {
    struct buf plain, text;
    uint8_t sum[4];
    buf_init(&plain, 0);
    buf_init(&text, 0);
    buf_addf(&plain, "%" PRId64 " %" PRId64 " %" PRId64, q->number, sequence, receipt);
    handle_sum(buf_str(&plain), sum);
    buf_add(&plain, str_of((const char *)sum, 4));
    hash_base64(&text, buf_str(&plain));
    struct str handle = plain.failed || text.failed ? STR_NULL : arena_str(a, buf_str(&text));
    buf_fini(&plain);
    buf_fini(&text);
    return handle;
}

bool queue_handle_read(const struct queue *q, struct str handle, int64_t *sequence, int64_t *receipt) {
    struct buf plain;
    uint8_t sum[4];
    buf_init(&plain, 1024);
    bool ok = hash_from_base64(&plain, handle) && !plain.failed && plain.n > 4;
    struct str rest = ok ? str_of(plain.p, plain.n - 4) : STR_NULL, part[3];
    if (ok) {
        handle_sum(rest, sum);
        ok = memcmp(sum, plain.p + plain.n - 4, 4) == 0;
    }
    int64_t number = 0;
    for (int i = 0; ok && i < 3; i++) ok = str_cut(&rest, ' ', &part[i]);
    ok = ok && !rest.p && str_to_i64(part[0], &number) && str_to_i64(part[1], sequence) && str_to_i64(part[2], receipt);
    ok = ok && number == q->number;
    buf_fini(&plain);
    return ok;
}
