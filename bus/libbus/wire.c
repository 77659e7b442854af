#include "wire.h"

static const uint8_t magic[3] = {'B', 'U', 'S'};
enum { REQUEST_FIXED = 32, MAC_BYTES = 32, ANSWER_HEADER = 8, ENTRY_FIXED = 1 + 16 + 8 + 5 * 4 + 2, RESULT_FIXED = 2 + 1 + 16 + 4 };
enum { FLAG_ID = 1, FLAG_TIME = 2, FLAG_DUPLICATE = 1 };
#define ABSENT UINT32_MAX /* as a string's length */

/* ---- bytes out ---- */

static uint8_t *store(uint8_t *p, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) *p++ = (uint8_t)(v >> (8 * i));
    return p;
}
static uint8_t *store_bytes(uint8_t *p, const void *from, size_t n) {
    if (n) memcpy(p, from, n);
    return p + n;
}
static uint8_t *store_str(uint8_t *p, struct str s) { return store_bytes(store(p, s.p ? s.n : ABSENT, 4), s.p, s.p ? s.n : 0); }
static size_t str_bytes(struct str s) { return 4 + (s.p ? s.n : 0); }

/* Room for n bytes at the end, counted as written; NULL when the buffer failed. */
static uint8_t *grow(struct buf *b, size_t n) {
    if (!buf_reserve(b, n)) return NULL;
    uint8_t *p = (uint8_t *)b->p + b->n;
    b->n += n;
    return p;
}

size_t wire_sign(enum wire_kind kind, struct wire_signature *signature, struct str secret, struct str body, uint8_t out[WIRE_HEADER_MAX]) {
    uint8_t *p = store_bytes(out, magic, sizeof magic);
    p = store(p, WIRE_VERSION, 1);
    p = store(p, kind, 1);
    p = store(p, signature->key_id.n, 1);
    p = store(p, 0, 2);
    p = store_bytes(p, signature->session, sizeof signature->session);
    p = store(p, signature->counter, 8);
    p = store(p, (uint64_t)signature->timestamp_ms, 8);
    p = store_bytes(p, signature->key_id.p, signature->key_id.n);
    hash_hmac_sha256(secret, str_of((char *)out, (size_t)(p - out)), body, signature->mac);
    p = store_bytes(p, signature->mac, sizeof signature->mac);
    return (size_t)(p - out);
}

void wire_put_begin(struct buf *body) {
    uint8_t *p = grow(body, WIRE_PUT_COUNT_BYTES);
    if (p) store(p, 0, WIRE_PUT_COUNT_BYTES);
}

void wire_put_end(struct buf *body, size_t count) {
    if (!body->failed) store((uint8_t *)body->p, count, WIRE_PUT_COUNT_BYTES);
}

size_t wire_put_size(const struct wire_entry *e) {
    size_t n = 1 + 16 + 8 + 2 + str_bytes(e->bus) + str_bytes(e->source) + str_bytes(e->detail_type) + str_bytes(e->trace_header) +
               str_bytes(e->detail);
    for (size_t i = 0; i < e->resource_count; i++) n += str_bytes(e->resources[i]);
    return n;
}

void wire_put_add(struct buf *body, const struct wire_entry *e) {
    uint8_t *p = grow(body, wire_put_size(e));
    if (!p) return;
    p = store(p, (e->has_id ? FLAG_ID : 0u) | (e->time_ms >= 0 ? FLAG_TIME : 0u), 1);
    p = store_bytes(p, e->id.b, 16);
    p = store(p, e->time_ms >= 0 ? (uint64_t)e->time_ms : 0, 8);
    p = store_str(p, e->bus);
    p = store_str(p, e->source);
    p = store_str(p, e->detail_type);
    p = store_str(p, e->trace_header);
    p = store(p, e->resource_count, 2);
    for (size_t i = 0; i < e->resource_count; i++) p = store_str(p, e->resources[i]);
    store_str(p, e->detail);
}

void wire_call_body(struct buf *body, struct str operation, struct str json) {
    uint8_t *p = grow(body, 1 + operation.n + json.n);
    if (!p) return;
    p = store(p, operation.n, 1);
    p = store_bytes(p, operation.p, operation.n);
    store_bytes(p, json.p, json.n);
}

static uint8_t *answer_begin(struct buf *frame, enum wire_kind kind, size_t body_bytes) {
    uint8_t *p = grow(frame, ANSWER_HEADER + body_bytes);
    if (!p) return NULL;
    p = store_bytes(p, magic, sizeof magic);
    p = store(p, WIRE_VERSION, 1);
    p = store(p, kind, 1);
    return store(p, 0, 3);
}

void wire_answer(struct buf *frame, struct str json) {
    uint8_t *p = answer_begin(frame, WIRE_ANSWER, json.n);
    if (p) store_bytes(p, json.p, json.n);
}

void wire_error(struct buf *frame, const struct fault *fault, int64_t daemon_ms) {
    struct str type = str_from(err_row(fault->code)->aws_type), where = str_from(fault->where), message = str_from(fault->message);
    uint8_t *p = answer_begin(frame, WIRE_ERROR, 2 + 8 + 4 + 4 + str_bytes(type) + str_bytes(where) + str_bytes(message));
    if (!p) return;
    p = store(p, fault->code, 2);
    p = store(p, (uint64_t)daemon_ms, 8);
    p = store(p, (uint64_t)fault->line, 4);
    p = store(p, (uint64_t)fault->column, 4);
    p = store_str(p, type);
    p = store_str(p, where);
    store_str(p, message);
}

void wire_results_begin(struct buf *frame, size_t count) {
    uint8_t *p = answer_begin(frame, WIRE_RESULTS, 4);
    if (p) store(p, count, 4);
}

void wire_results_add(struct buf *frame, const struct wire_result *r) {
    uint8_t *p = grow(frame, 2 + 1 + 16 + str_bytes(r->message));
    if (!p) return;
    p = store(p, r->err, 2);
    p = store(p, r->duplicate ? FLAG_DUPLICATE : 0, 1);
    p = store_bytes(p, r->id.b, 16);
    store_str(p, r->message);
}

/* ---- bytes in ---- */

/* Reads from the front; the first read past the end sets `bad`, and everything after it gives zeros. */
struct reader {
    const uint8_t *start, *p;
    size_t left;
    bool bad;
};

static struct reader reader_of(struct str s) { return (struct reader){(const uint8_t *)s.p, (const uint8_t *)s.p, s.n, false}; }

static const uint8_t *take(struct reader *r, size_t n) {
    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

static uint64_t load(struct reader *r, int bytes) {
    const uint8_t *p = take(r, (size_t)bytes);
    uint64_t v = 0;
    for (int i = 0; p && i < bytes; i++) v = v << 8 | p[i];
    return v;
}

static void load_bytes(struct reader *r, void *to, size_t n) {
    const uint8_t *p = take(r, n);
    if (p) memcpy(to, p, n);
    else memset(to, 0, n);
}

static struct str load_str(struct reader *r) {
    size_t n = (size_t)load(r, 4);
    if (r->bad || n == ABSENT) return STR_NULL;
    const uint8_t *p = take(r, n);
    return p ? str_of((const char *)p, n) : STR_NULL;
}

static enum err malformed(struct fault *fault, const struct reader *r, const char *what) {
    return fault_set(fault, ERR_MALFORMED, "the frame is malformed: %s at byte %zu", what, (size_t)(r->p - r->start));
}

/* What every frame begins with. */
static enum err read_prefix(struct reader *r, enum wire_kind *kind, struct fault *fault) {
    if (r->left > WIRE_FRAME_MAX)
        return fault_set(fault, ERR_TOO_LARGE, "a frame has at most %d bytes, this one has %zu", (int)WIRE_FRAME_MAX, r->left);
    const uint8_t *p = take(r, 4);
    if (!p || memcmp(p, magic, sizeof magic) != 0) return malformed(fault, r, "it does not begin with BUS");
    if (p[3] != WIRE_VERSION) return fault_set(fault, ERR_MALFORMED, "protocol version %d is not known; this is version %d", p[3], WIRE_VERSION);
    *kind = (enum wire_kind)load(r, 1);
    return ERR_OK;
}

enum err wire_read_request(struct str frame, struct wire_request *q, struct fault *fault) {
    struct reader r = reader_of(frame);
    enum err err = read_prefix(&r, &q->kind, fault);
    if (err) return err;
    if (q->kind != WIRE_CALL && q->kind != WIRE_PUT) return malformed(fault, &r, "the kind is neither CALL nor PUT");
    size_t key_bytes = (size_t)load(&r, 1);
    if (key_bytes > WIRE_KEY_ID_MAX) return malformed(fault, &r, "the key id is longer than 128 bytes");
    if (load(&r, 2) != 0) return malformed(fault, &r, "reserved bytes are not zero");
    load_bytes(&r, q->signature.session, sizeof q->signature.session);
    q->signature.counter = load(&r, 8);
    q->signature.timestamp_ms = (int64_t)load(&r, 8);
    const uint8_t *key = take(&r, key_bytes);
    q->signature.key_id = str_of((const char *)key, key ? key_bytes : 0);
    q->signed_header = str_of(frame.p, (size_t)(r.p - r.start));
    load_bytes(&r, q->signature.mac, sizeof q->signature.mac);
    if (r.bad) return malformed(fault, &r, "it ends within the header");
    q->body = str_of((const char *)r.p, r.left);
    return ERR_OK;
}

static enum err read_entry(struct reader *r, struct arena *arena, struct wire_entry *e, struct fault *fault) {
    uint64_t flags = load(r, 1);
    if (flags & ~(uint64_t)(FLAG_ID | FLAG_TIME)) return malformed(fault, r, "an entry has unknown flags");
    e->has_id = flags & FLAG_ID;
    load_bytes(r, e->id.b, 16);
    e->time_ms = (int64_t)load(r, 8);
    if (!(flags & FLAG_TIME)) e->time_ms = -1;
    else if (e->time_ms < 0) return malformed(fault, r, "an entry's time is out of range");
    e->bus = load_str(r);
    e->source = load_str(r);
    e->detail_type = load_str(r);
    e->trace_header = load_str(r);
    e->resource_count = (size_t)load(r, 2);
    if (e->resource_count > WIRE_RESOURCES_MAX) return malformed(fault, r, "an entry has more than 10,000 resources");
    if (e->resource_count * 4 > r->left) return malformed(fault, r, "an entry's resources run past the end");
    e->resources = arena_array(arena, e->resource_count, sizeof *e->resources);
    if (!e->resources) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < e->resource_count; i++)
        if (!(e->resources[i] = load_str(r)).p) return malformed(fault, r, "a resource is missing");
    e->detail = load_str(r);
    return r->bad ? malformed(fault, r, "an entry runs past the end") : ERR_OK;
}

enum err wire_read_put(struct str body, struct arena *arena, struct wire_entry **entries, size_t *count, struct fault *fault) {
    struct reader r = reader_of(body);
    size_t n = (size_t)load(&r, WIRE_PUT_COUNT_BYTES);
    if (r.bad || n == 0) return malformed(fault, &r, "a PUT without entries");
    if (n > WIRE_ENTRIES_MAX)
        return fault_set(fault, ERR_TOO_LARGE, "a frame has at most %d entries, this one has %zu", (int)WIRE_ENTRIES_MAX, n);
    if (n * ENTRY_FIXED > r.left) return malformed(fault, &r, "there are fewer entries than it says");
    *entries = arena_array(arena, n, sizeof **entries);
    if (!*entries) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < n; i++) {
        enum err err = read_entry(&r, arena, &(*entries)[i], fault);
        if (err) return err;
    }
    if (r.left) return malformed(fault, &r, "bytes behind the last entry");
    *count = n;
    return ERR_OK;
}

enum err wire_read_call(struct str body, struct str *operation, struct str *json, struct fault *fault) {
    struct reader r = reader_of(body);
    size_t n = (size_t)load(&r, 1);
    if (n == 0 || n > WIRE_OPERATION_MAX) return malformed(fault, &r, "the operation's name has not 1 to 128 bytes");
    const uint8_t *name = take(&r, n);
    if (!name) return malformed(fault, &r, "the operation's name runs past the end");
    *operation = str_of((const char *)name, n);
    *json = str_of((const char *)r.p, r.left);
    if (!str_is_utf8(*operation) || !str_is_utf8(*json)) return malformed(fault, &r, "the call is not UTF-8");
    return ERR_OK;
}

static enum err broken(struct fault *fault, const char *what) {
    return fault_set(fault, ERR_PROTOCOL, "the daemon's answer cannot be read: %s", what);
}

static enum err read_error(struct reader *r, struct wire_error *e, struct fault *fault) {
    e->err = (enum err)load(r, 2);
    e->daemon_ms = (int64_t)load(r, 8);
    e->line = (uint32_t)load(r, 4);
    e->column = (uint32_t)load(r, 4);
    e->type = load_str(r);
    e->where = load_str(r);
    e->message = load_str(r);
    if (r->bad || r->left || e->err == ERR_OK) return broken(fault, "an ERROR of the wrong size, or without a number");
    return ERR_OK;
}

static enum err read_results(struct reader *r, struct arena *arena, struct wire_answer *a, struct fault *fault) {
    a->count = (size_t)load(r, 4);
    if (r->bad || a->count > WIRE_ENTRIES_MAX || a->count * RESULT_FIXED > r->left) return broken(fault, "RESULTS of the wrong size");
    a->results = arena_array(arena, a->count, sizeof *a->results);
    if (!a->results) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < a->count; i++) {
        struct wire_result *result = &a->results[i];
        result->err = (enum err)load(r, 2);
        result->duplicate = load(r, 1) & FLAG_DUPLICATE;
        load_bytes(r, result->id.b, 16);
        result->message = load_str(r);
    }
    return r->bad || r->left ? broken(fault, "RESULTS of the wrong size") : ERR_OK;
}

enum err wire_read_answer(struct str frame, struct arena *arena, struct wire_answer *a, struct fault *fault) {
    struct reader r = reader_of(frame);
    if (read_prefix(&r, &a->kind, fault)) return broken(fault, "it is not a frame of this protocol's version");
    if (load(&r, 3) != 0 || r.bad) return broken(fault, "reserved bytes are not zero");
    switch (a->kind) {
    case WIRE_ANSWER: a->json = str_of((const char *)r.p, r.left); return ERR_OK;
    case WIRE_ERROR: return read_error(&r, &a->error, fault);
    case WIRE_RESULTS: return read_results(&r, arena, a, fault);
    case WIRE_CALL:
    case WIRE_PUT: break;
    }
    return broken(fault, "its kind is not an answer's");
}
