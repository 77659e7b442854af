#include "shape.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "hash.h"
#include "json.h"
#include "nearest.h"
#include "shape_walk.h"

struct decoder {
    struct arena *arena;
    bool strict;
    struct fault *fault;
};

static enum err decode_value(struct decoder *d, const struct shape *shape, const struct shape_path *path, json_t *value, void *slot);
static enum err decode_struct(struct decoder *d, const struct shape *shape, const struct shape_path *path, json_t *value, void *out);

/* ---- failures ----------------------------------------------------------------------------------------------------------------- */

static enum err nomem(struct decoder *d) {
    return fault_set(d->fault, ERR_NOMEM, "the request needs more than the %zu bytes of memory it may have", d->arena->max_bytes);
}

static const char *json_kind(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    default: return "null";
    }
}

/* ERR_MALFORMED with the value's path. */
static enum err wrong(struct decoder *d, const struct shape_path *path, const char *expected, const char *found) {
    char where[sizeof d->fault->where];
    shape_path_where(path, where, sizeof where);
    const char *quote = *where ? "'" : "";
    return fault_at(d->fault, ERR_MALFORMED, where, 0, 0, "%s%s%s must be %s, but it is %s", quote, *where ? where : "the request", quote,
                    expected, found);
}

static enum err null_item(struct decoder *d, const struct shape_path *path) {
    char where[sizeof d->fault->where];
    shape_path_where(path, where, sizeof where);
    return fault_at(d->fault, ERR_VALIDATION, where, 0, 0,
                    "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", where);
}

/* ---- scalars ------------------------------------------------------------------------------------------------------------------ */

static enum err decode_string(struct decoder *d, const struct shape_path *path, json_t *value, struct str *out) {
    if (!json_is_string(value)) return wrong(d, path, "a string", json_kind(value));
    *out = arena_str(d->arena, str_of(json_string_value(value), json_string_length(value)));
    return out->p ? ERR_OK : nomem(d);
}

static enum err decode_blob(struct decoder *d, const struct shape_path *path, json_t *value, struct str *out) {
    if (!json_is_string(value)) return wrong(d, path, "a string of base64", json_kind(value));
    struct str text = str_of(json_string_value(value), json_string_length(value));
    struct buf bytes;
    buf_init(&bytes, text.n + 4);
    enum err err = ERR_OK;
    if (!hash_from_base64(&bytes, text)) {
        err = bytes.failed ? nomem(d) : wrong(d, path, "base64 (RFC 4648, with padding)", "a string that is not");
    } else {
        *out = arena_str(d->arena, buf_str(&bytes));
        if (!out->p) err = nomem(d);
    }
    buf_fini(&bytes);
    return err;
}

static enum err decode_json(struct decoder *d, json_t *value, struct str *out) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (!text) return nomem(d);
    *out = arena_str(d->arena, str_from(text));
    free(text);
    return out->p ? ERR_OK : nomem(d);
}

static enum err decode_integer(struct decoder *d, const struct shape_path *path, json_t *value, struct opt_i64 *out) {
    if (json_is_real(value)) { /* 5.0 and 1e3 are integers */
        double v = json_real_value(value);
        if (!(fabs(v) <= 9007199254740992.0) || v != floor(v)) return wrong(d, path, "an integer", "a number that is not");
        *out = (struct opt_i64){true, (int64_t)v};
        return ERR_OK;
    }
    if (!json_is_integer(value)) return wrong(d, path, "an integer", json_kind(value));
    *out = (struct opt_i64){true, json_integer_value(value)};
    return ERR_OK;
}

/* Years past 280,000 are refused, so that milliseconds never overflow. */
#define TIMESTAMP_SECONDS_MOST 9e12

static enum err decode_timestamp(struct decoder *d, const struct shape_path *path, json_t *value, struct opt_i64 *out) {
    if (json_is_string(value)) {
        out->set = clock_parse_iso(str_of(json_string_value(value), json_string_length(value)), &out->v);
        return out->set ? ERR_OK : wrong(d, path, "a time (seconds since 1970, or 2026-05-01T00:00:00Z)", "a string that is no time");
    }
    if (!json_is_number(value)) return wrong(d, path, "a time (seconds since 1970, or 2026-05-01T00:00:00Z)", json_kind(value));
    double seconds = json_number_value(value);
    if (!(fabs(seconds) <= TIMESTAMP_SECONDS_MOST)) return wrong(d, path, "a time in seconds since 1970", "out of range");
    *out = (struct opt_i64){true, json_is_integer(value) ? (int64_t)json_integer_value(value) * 1000 : (int64_t)llround(seconds * 1000)};
    return ERR_OK;
}

/* ---- lists, maps, structs ----------------------------------------------------------------------------------------------------- */

static enum err decode_list(struct decoder *d, const struct shape *shape, const struct shape_path *path, json_t *value, struct list *out) {
    if (!json_is_array(value)) return wrong(d, path, "a list", json_kind(value));
    size_t n = json_array_size(value), size = shape_item_size(shape->item);
    char *items = arena_array(d->arena, n, size);
    if (!items) return nomem(d);
    for (size_t i = 0; i < n; i++) {
        struct shape_path at = {.up = path, .index = i};
        json_t *item = json_array_get(value, i);
        if (json_is_null(item) && shape->item->type != SHAPE_JSON) return null_item(d, &at);
        enum err err = shape->item->type == SHAPE_STRUCT ? decode_struct(d, shape->item, &at, item, items + i * size)
                                                         : decode_value(d, shape->item, &at, item, items + i * size);
        if (err) return err;
    }
    *out = (struct list){true, n, items};
    return ERR_OK;
}

static enum err decode_entry(struct decoder *d, const struct shape *item, const struct shape_path *path, json_t *value,
                             struct map_entry *e) {
    struct opt_bool b = {0};
    enum err err = decode_value(d, item, path, value, (void *)(uintptr_t)shape_entry_slot(item, e, &b));
    if (item->type == SHAPE_BOOLEAN) e->i = (struct opt_i64){b.set, b.v};
    return err;
}

static enum err decode_map(struct decoder *d, const struct shape *shape, const struct shape_path *path, json_t *value, struct list *out) {
    if (!json_is_object(value)) return wrong(d, path, "an object", json_kind(value));
    struct map_entry *entries = arena_array(d->arena, json_object_size(value), sizeof *entries);
    if (!entries) return nomem(d);
    size_t n = 0;
    for (void *it = json_object_iter(value); it; it = json_object_iter_next(value, it), n++) {
        struct str key = str_from(json_object_iter_key(it));
        struct shape_path at = {.up = path, .name = key, .is_key = true};
        json_t *item = json_object_iter_value(it);
        entries[n].key = arena_str(d->arena, key);
        if (!entries[n].key.p) return nomem(d);
        if (json_is_null(item) && shape->item->type != SHAPE_JSON) return null_item(d, &at);
        enum err err = decode_entry(d, shape->item, &at, item, &entries[n]);
        if (err) return err;
    }
    *out = (struct list){true, n, entries};
    return ERR_OK;
}

static enum err unknown_member(struct decoder *d, const struct shape *shape, const struct shape_path *path, struct str name) {
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (const struct member *m = shape->members; m->name; m++) {
        size_t n = nearest_distance(name, str_from(m->name));
        if (n < least) least = n, nearest = m->name;
    }
    struct shape_path at = {.up = path, .name = name, .is_key = true};
    char where[sizeof d->fault->where];
    shape_path_where(&at, where, sizeof where);
    bool near = nearest && nearest_is_close(name, least);
    return fault_at(d->fault, ERR_VALIDATION, where, 0, 0, "Member '%s' is not known%s%s%s", where, near ? ", did you mean '" : "",
                    near ? nearest : "", near ? "'?" : "");
}

static enum err decode_struct(struct decoder *d, const struct shape *shape, const struct shape_path *path, json_t *value, void *out) {
    if (!json_is_object(value)) return wrong(d, path, "an object", json_kind(value));
    for (const struct member *m = shape->members; m->name; m++) {
        json_t *v = json_object_get(value, m->name);
        if (!v || json_is_null(v)) continue; /* null is absent, as the service has it */
        struct shape_path at = {.up = path, .name = str_from(m->name)};
        enum err err = decode_value(d, m->shape, &at, v, (char *)out + m->offset);
        if (err) return err;
    }
    if (!d->strict) return ERR_OK;
    for (void *it = json_object_iter(value); it; it = json_object_iter_next(value, it)) {
        struct str name = str_from(json_object_iter_key(it));
        if (!shape_member(shape, name)) return unknown_member(d, shape, path, name);
    }
    return ERR_OK;
}

/* slot: what a struct's field of that shape is. */
static enum err decode_value(struct decoder *d, const struct shape *shape, const struct shape_path *path, json_t *value, void *slot) {
    switch (shape->type) {
    case SHAPE_STRING: return decode_string(d, path, value, slot);
    case SHAPE_BLOB: return decode_blob(d, path, value, slot);
    case SHAPE_JSON: return decode_json(d, value, slot);
    case SHAPE_INTEGER: return decode_integer(d, path, value, slot);
    case SHAPE_TIMESTAMP: return decode_timestamp(d, path, value, slot);
    case SHAPE_BOOLEAN:
        if (!json_is_boolean(value)) return wrong(d, path, "true or false", json_kind(value));
        *(struct opt_bool *)slot = (struct opt_bool){true, json_is_true(value)};
        return ERR_OK;
    case SHAPE_STRUCT: {
        void *p = arena_alloc(d->arena, shape->size);
        if (!p) return nomem(d);
        *(void **)slot = p;
        return decode_struct(d, shape, path, value, p);
    }
    case SHAPE_LIST: return decode_list(d, shape, path, value, slot);
    case SHAPE_MAP: return decode_map(d, shape, path, value, slot);
    }
    return fault_set(d->fault, ERR_INTERNAL, "a shape of unknown type %d", (int)shape->type);
}

static enum err not_json(struct fault *fault, const json_error_t *e) {
    if (json_error_code(e) == json_error_out_of_memory) return fault_set(fault, ERR_NOMEM, NULL);
    struct str text = str_from(e->text); /* quotes the input, and may be cut inside a character */
    while (text.n && !str_is_utf8(text)) text.n--;
    return fault_at(fault, ERR_MALFORMED, NULL, e->line > 0 ? e->line : 0, e->column > 0 ? e->column : 0,
                    "the request is not well-formed JSON: %.*s (line %d, column %d)", STR_ARG(text), e->line, e->column);
}

enum err shape_decode(const struct shape *shape, struct str json, bool strict, struct arena *a, void *out, struct fault *fault) {
    json_error_t e;
    json_t *root = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!root) return not_json(fault, &e);
    struct decoder d = {a, strict, fault};
    struct shape_path path = {0};
    enum err err = decode_struct(&d, shape, &path, root, out);
    json_decref(root);
    return err ? err : shape_check(shape, out, a, fault);
}

/* ---- encoding ----------------------------------------------------------------------------------------------------------------- */

static void encode_struct(struct json *j, const struct shape *shape, const void *value);
static void encode_value(struct json *j, const struct shape *shape, const void *slot);

static void encode_blob(struct json *j, struct str bytes) {
    struct buf text;
    buf_init(&text, 0);
    hash_base64(&text, bytes);
    if (text.failed) j->out->failed = true;
    json_str(j, buf_str(&text)); /* no letter of base64 needs an escape */
    buf_fini(&text);
}

static void encode_list(struct json *j, const struct shape *shape, const struct list *list) {
    size_t size = shape_item_size(shape->item);
    json_array_begin(j);
    for (size_t i = 0; i < list->n; i++) {
        const char *item = (const char *)list->items + i * size;
        if (shape->item->type == SHAPE_STRUCT)
            encode_struct(j, shape->item, item);
        else
            encode_value(j, shape->item, item);
    }
    json_array_end(j);
}

static void encode_map(struct json *j, const struct shape *shape, const struct list *map) {
    struct opt_bool b;
    json_object_begin(j);
    for (size_t i = 0; i < map->n; i++) {
        const struct map_entry *e = LIST_AT(*map, struct map_entry, i);
        json_key(j, e->key);
        encode_value(j, shape->item, shape_entry_slot(shape->item, e, &b));
    }
    json_object_end(j);
}

static void encode_struct(struct json *j, const struct shape *shape, const void *value) {
    json_object_begin(j);
    for (const struct member *m = shape->members; m->name; m++) {
        const char *slot = (const char *)value + m->offset;
        if (shape_is_absent(m->shape, slot)) continue;
        json_key(j, str_from(m->name));
        encode_value(j, m->shape, slot);
    }
    json_object_end(j);
}

static void encode_value(struct json *j, const struct shape *shape, const void *slot) {
    if (shape_is_absent(shape, slot)) {
        json_put_null(j);
        return;
    }
    switch (shape->type) {
    case SHAPE_STRING: json_str(j, *(const struct str *)slot); break;
    case SHAPE_BLOB: encode_blob(j, *(const struct str *)slot); break;
    case SHAPE_JSON: json_raw(j, *(const struct str *)slot); break;
    case SHAPE_INTEGER: json_i64(j, ((const struct opt_i64 *)slot)->v); break;
    case SHAPE_TIMESTAMP: json_seconds(j, ((const struct opt_i64 *)slot)->v); break;
    case SHAPE_BOOLEAN: json_bool(j, ((const struct opt_bool *)slot)->v); break;
    case SHAPE_STRUCT: encode_struct(j, shape, *(void *const *)slot); break;
    case SHAPE_LIST: encode_list(j, shape, slot); break;
    case SHAPE_MAP: encode_map(j, shape, slot); break;
    }
}

void shape_encode(const struct shape *shape, const void *value, struct buf *out) {
    struct json j;
    json_init(&j, out);
    encode_struct(&j, shape, value);
}

const struct member *shape_member(const struct shape *shape, struct str name) {
    for (const struct member *m = shape->members; m->name; m++)
        if (str_eqz(name, m->name)) return m;
    return NULL;
}
