#include "seen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "map.h"

/* All below is guarded by seen.lock. */
struct seen_field {
    char *path;
    uint16_t length;
    uint8_t types;
};
struct seen_kind {
    char *names; /* source, then detail-type */
    size_t source_bytes, type_bytes;
    uint64_t used;             /* the sample that met it last */
    struct seen_field *fields; /* SEEN_FIELDS_MAX; NULL until there is one */
    size_t count;
    bool cut;
};
struct seen_bus {
    struct seen_kind *kinds; /* SEEN_KINDS_MAX */
    size_t count, bytes;
    uint64_t used;
};
struct seen {
    _Atomic uint64_t batches;
    _Atomic int64_t last_ms;
    pthread_mutex_t lock;
    struct map buses; /* ARN -> struct seen_bus * */
    size_t bytes;
    uint64_t samples;
};

struct seen *seen_new(void) {
    struct seen *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    pthread_mutex_init(&s->lock, NULL);
    map_init(&s->buses);
    return s;
}

/* ---- memory ----------------------------------------------------------------------------------------------------------------------------
 */

static void kind_clear(struct seen *s, struct seen_bus *b, struct seen_kind *k) {
    size_t bytes = k->source_bytes + k->type_bytes + (k->fields ? SEEN_FIELDS_MAX * sizeof *k->fields : 0);
    for (size_t i = 0; i < k->count; i++) {
        bytes += k->fields[i].length;
        free(k->fields[i].path);
    }
    free(k->fields);
    free(k->names);
    *k = (struct seen_kind){0};
    b->bytes -= bytes;
    s->bytes -= bytes;
}

static void bus_free(struct seen *s, struct seen_bus *b) {
    for (size_t i = 0; i < b->count; i++) kind_clear(s, b, &b->kinds[i]);
    s->bytes -= b->bytes;
    free(b->kinds);
    free(b);
}

static void charge(struct seen *s, struct seen_bus *b, size_t bytes) {
    b->bytes += bytes;
    s->bytes += bytes;
}

void seen_free(struct seen *s) {
    if (!s) return;
    size_t at = 0;
    void *bus;
    while (map_next(&s->buses, &at, NULL, &bus)) bus_free(s, bus);
    map_fini(&s->buses);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct seen_bus *bus_of(struct seen *s, struct str arn) {
    struct seen_bus *b = map_get(&s->buses, arn);
    if (b) return b;
    b = calloc(1, sizeof *b);
    if (b) b->kinds = calloc(SEEN_KINDS_MAX, sizeof *b->kinds);
    if (!b || !b->kinds || !map_put(&s->buses, arn, b, NULL)) {
        if (b) free(b->kinds);
        free(b);
        return NULL;
    }
    charge(s, b, SEEN_KINDS_MAX * sizeof *b->kinds);
    return b;
}

/* Lets go of the bus that was sampled least lately, but not of `keep`. */
static void evict(struct seen *s, const struct seen_bus *keep) {
    struct str arn = STR_NULL, key;
    struct seen_bus *oldest = NULL;
    size_t at = 0;
    void *value;
    while (map_next(&s->buses, &at, &key, &value)) {
        struct seen_bus *b = value;
        if (b == keep || (oldest && b->used >= oldest->used)) continue;
        oldest = b;
        arn = key;
    }
    if (!oldest) return;
    map_remove(&s->buses, arn);
    bus_free(s, oldest);
}

/* ---- samples ----------------------------------------------------------------------------------------------------------------------------
 */

static bool is_kind(const struct seen_kind *k, struct str source, struct str type) {
    return str_eq(str_of(k->names, k->source_bytes), source) && str_eq(str_of(k->names + k->source_bytes, k->type_bytes), type);
}

static struct seen_kind *kind_of_event(struct seen *s, struct seen_bus *b, struct str source, struct str type) {
    struct seen_kind *oldest = NULL;
    for (size_t i = 0; i < b->count; i++) {
        if (is_kind(&b->kinds[i], source, type)) return &b->kinds[i];
        if (!oldest || b->kinds[i].used < oldest->used) oldest = &b->kinds[i];
    }
    char *names = malloc(source.n + type.n + 1);
    if (!names) return NULL;
    if (source.n) memcpy(names, source.p, source.n);
    if (type.n) memcpy(names + source.n, type.p, type.n);
    struct seen_kind *k = b->count < SEEN_KINDS_MAX ? &b->kinds[b->count++] : oldest;
    if (k == oldest) kind_clear(s, b, k);
    *k = (struct seen_kind){.names = names, .source_bytes = source.n, .type_bytes = type.n};
    charge(s, b, source.n + type.n);
    return k;
}

static uint8_t type_of(const struct node *leaf) {
    switch (leaf->kind) {
    case NODE_STRING: return LINT_STRING;
    case NODE_NUMBER: return LINT_NUMBER;
    case NODE_NULL: return LINT_NULL;
    default: return LINT_BOOLEAN;
    }
}

struct sample {
    struct seen *seen;
    struct seen_bus *bus;
    struct seen_kind *kind;
    char path[SEEN_NAME_MAX];
    size_t nodes;
};

static void take_field(struct sample *x, size_t length, uint8_t type) {
    struct seen_kind *k = x->kind;
    for (size_t i = 0; i < k->count; i++)
        if (k->fields[i].length == length && memcmp(k->fields[i].path, x->path, length) == 0) {
            k->fields[i].types |= type;
            return;
        }
    char *path = NULL;
    if (k->count == SEEN_FIELDS_MAX) {
        k->cut = true;
        return;
    }
    if (!k->fields && (k->fields = calloc(SEEN_FIELDS_MAX, sizeof *k->fields)))
        charge(x->seen, x->bus, SEEN_FIELDS_MAX * sizeof *k->fields);
    if (!k->fields || !(path = malloc(length + 1))) {
        k->cut = true;
        return;
    }
    memcpy(path, x->path, length);
    k->fields[k->count++] = (struct seen_field){path, (uint16_t)length, type};
    charge(x->seen, x->bus, length);
}

static void take_value(struct sample *x, const struct node *v, size_t length, int depth) {
    if (x->nodes++ == SEEN_NODES_MAX || depth == 0) x->kind->cut = true;
    if (x->nodes > SEEN_NODES_MAX || depth == 0) return;
    if (v->kind < NODE_ARRAY) {
        take_field(x, length, type_of(v));
        return;
    }
    for (const struct node *m = v->child; m && x->nodes <= SEEN_NODES_MAX; m = m->next) {
        size_t n = length;
        if (v->kind == NODE_OBJECT) {
            if (length + 1 + m->key.n > sizeof x->path) {
                x->kind->cut = true;
                continue;
            }
            x->path[n++] = '.';
            if (m->key.n) memcpy(x->path + n, m->key.p, m->key.n);
            n += m->key.n;
        }
        take_value(x, m, n, depth - 1);
    }
}

bool seen_due(struct seen *s, int64_t now_ms) {
    uint64_t n = atomic_fetch_add_explicit(&s->batches, 1, memory_order_relaxed);
    int64_t last = atomic_load_explicit(&s->last_ms, memory_order_relaxed);
    if (n >= SEEN_FIRST && n % SEEN_EVERY != 0 && now_ms >= last && now_ms - last < SEEN_IDLE_MS) return false;
    atomic_store_explicit(&s->last_ms, now_ms, memory_order_relaxed);
    return true;
}

void seen_take(struct seen *s, struct str bus_arn, const struct node *event) {
    enum { DEPTH_MAX = 32 };
    const struct node *source = doc_get(event, STR("source")), *type = doc_get(event, STR("detail-type")),
                      *detail = doc_get(event, STR("detail"));
    bool named = source && type && source->kind == NODE_STRING && type->kind == NODE_STRING && source->text.n <= SEEN_NAME_MAX &&
                 type->text.n <= SEEN_NAME_MAX;
    if (!named || pthread_mutex_trylock(&s->lock)) return;
    struct sample x = {.seen = s, .bus = bus_of(s, bus_arn), .path = "detail"};
    if (x.bus) x.kind = kind_of_event(s, x.bus, source->text, type->text);
    if (x.kind) {
        x.bus->used = x.kind->used = ++s->samples;
        if (detail) take_value(&x, detail, strlen("detail"), DEPTH_MAX);
        while (s->bytes > SEEN_BYTES_MAX && s->buses.count > 1) evict(s, x.bus);
    }
    pthread_mutex_unlock(&s->lock);
}

void seen_forget(struct seen *s, struct str bus_arn) {
    pthread_mutex_lock(&s->lock);
    struct seen_bus *b = map_remove(&s->buses, bus_arn);
    if (b) bus_free(s, b);
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------------
 */

static bool copy_kind(const struct seen_kind *k, const struct pattern *pattern, struct arena *a, struct lint_seen_kind *out) {
    struct str source = str_of(k->names, k->source_bytes), type = str_of(k->names + k->source_bytes, k->type_bytes);
    size_t count = !pattern || lint_wants_fields(pattern, source, type) ? k->count : 0;
    struct lint_seen_field *fields = arena_array(a, count, sizeof *fields);
    *out = (struct lint_seen_kind){.source = arena_str(a, source),
                                   .detail_type = arena_str(a, type),
                                   .fields = fields,
                                   .count = count,
                                   .cut = k->cut};
    bool good = fields && out->source.p && out->detail_type.p;
    for (size_t i = 0; good && i < count; i++) {
        fields[i] = (struct lint_seen_field){arena_str(a, str_of(k->fields[i].path, k->fields[i].length)), k->fields[i].types};
        good = fields[i].path.p;
    }
    return good;
}

bool seen_copy(struct seen *s, struct str bus_arn, const struct pattern *pattern, struct arena *a, struct lint_seen *out) {
    bool good = true;
    *out = (struct lint_seen){0};
    pthread_mutex_lock(&s->lock);
    const struct seen_bus *b = map_get(&s->buses, bus_arn);
    if (b) {
        struct lint_seen_kind *kinds = arena_array(a, b->count, sizeof *kinds);
        good = kinds;
        for (size_t i = 0; good && i < b->count; i++) good = copy_kind(&b->kinds[i], pattern, a, &kinds[i]);
        if (good) *out = (struct lint_seen){kinds, b->count};
    }
    pthread_mutex_unlock(&s->lock);
    return good;
}

void seen_stats(struct seen *s, struct seen_stats *out) {
    pthread_mutex_lock(&s->lock);
    *out = (struct seen_stats){s->buses.count, s->bytes, s->samples};
    pthread_mutex_unlock(&s->lock);
}
