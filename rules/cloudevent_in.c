/* A message with CloudEvents -> entries. */
#include <stdio.h>

#include "clock.h"
#include "cloudevent.h"
#include "json.h"

enum { NAME_MAX_CHARACTERS = 64, EXTENSIONS_MAX = 64 };

struct extension {
    struct str name, value; /* value: JSON text */
};

/* One event as it is read. */
struct cloudevent {
    struct str specversion, id, source, type, subject, time, content_type, schema;
    struct extension extensions[EXTENSIONS_MAX];
    size_t extension_count;
    const struct node *data; /* NULL: none, or in data_base64 */
    struct str base64;       /* absent: none */
};

struct reading {
    struct arena *arena;
    struct str bus, where; /* where: "events.3", or absent */
    struct cloudevent event;
    struct fault *fault;
};

static enum err wrong(const struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum err wrong(const struct reading *r, const char *format, ...) {
    char text[600];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return fault_at(r->fault, ERR_VALIDATION, r->where.p ? r->where.p : "", 0, 0, "%s%s%s", r->where.p ? r->where.p : "",
                    r->where.p ? ": " : "", text);
}

static enum err no_room(struct fault *fault) {
    return fault_set(fault, ERR_TOO_LARGE, "The events take more memory than a request may: send fewer at once.");
}

/* ---- modes ------------------------------------------------------------------------------------------------------------------------------
 */
/* "Text/Plain; charset=x" -> "Text/Plain" */
static struct str media_type(struct str content_type) {
    struct str type = str_of(content_type.p, str_find(content_type, ';', 0));
    while (type.n && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t')) type.n--;
    while (type.n && (type.p[0] == ' ' || type.p[0] == '\t')) type = str_skip(type, 1);
    return type;
}

static bool begins_nocase(struct str s, struct str prefix) { return s.n >= prefix.n && str_eq_nocase(str_of(s.p, prefix.n), prefix); }
static bool ends_nocase(struct str s, struct str suffix) { return s.n >= suffix.n && str_eq_nocase(str_skip(s, s.n - suffix.n), suffix); }

enum cloudevent_mode cloudevent_mode_of(const struct cloudevent_message *m) {
    struct str type = media_type(m->content_type);
    if (str_eq_nocase(type, STR("application/cloudevents+json"))) return CLOUDEVENT_STRUCTURED;
    if (str_eq_nocase(type, STR("application/cloudevents-batch+json"))) return CLOUDEVENT_BATCH;
    if (begins_nocase(type, STR("application/cloudevents"))) return CLOUDEVENT_FOREIGN;
    for (size_t i = 0; i < m->header_count; i++)
        if (str_eq_nocase(m->headers[i].name, STR("ce-specversion"))) return CLOUDEVENT_BINARY;
    return CLOUDEVENT_NONE;
}

/* ---- attributes -------------------------------------------------------------------------------------------------------------------------
 */
bool cloudevent_name_is_valid(struct str name) {
    for (size_t i = 0; i < name.n; i++)
        if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9'))) return false;
    return name.n > 0 && name.n <= NAME_MAX_CHARACTERS;
}

static struct str *context_attribute(struct cloudevent *e, struct str name) {
    const struct {
        const char *name;
        struct str *value;
    } known[] = {{"specversion", &e->specversion},
                 {"id", &e->id},
                 {"source", &e->source},
                 {"type", &e->type},
                 {"subject", &e->subject},
                 {"time", &e->time},
                 {"datacontenttype", &e->content_type},
                 {"dataschema", &e->schema}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_eqz(name, known[i].name)) return known[i].value;
    return NULL;
}

bool cloudevent_name_is_known(struct str name) {
    struct cloudevent e;
    return context_attribute(&e, name) || str_eqz(name, "data") || str_eqz(name, "data_base64");
}

static bool has_control(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return true;
    return false;
}

static enum err add_extension(struct reading *r, struct str name, struct str json) {
    struct cloudevent *e = &r->event;
    if (e->extension_count == EXTENSIONS_MAX) return wrong(r, "An event has at most %d extension attributes.", EXTENSIONS_MAX);
    for (size_t i = 0; i < e->extension_count; i++)
        if (str_eq(e->extensions[i].name, name)) return wrong(r, "The attribute '%.*s' is there twice.", STR_ARG(name));
    e->extensions[e->extension_count++] = (struct extension){name, json};
    return ERR_OK;
}

static enum err set_string(struct reading *r, struct str name, struct str value) {
    struct str *known = context_attribute(&r->event, name);
    struct buf json;
    if (!str_is_utf8(value) || has_control(value))
        return wrong(r, "The attribute '%.*s' holds control characters, or is no UTF-8.", STR_ARG(name));
    if (known && known->p) return wrong(r, "The attribute '%.*s' is there twice.", STR_ARG(name));
    if (known) {
        *known = value;
        return ERR_OK;
    }
    buf_init(&json, 0);
    json_quote(&json, value);
    struct str text = json.failed ? STR_NULL : arena_str(r->arena, buf_str(&json));
    buf_fini(&json);
    return text.p ? add_extension(r, name, text) : no_room(r->fault);
}

/* CloudEvents' types of attributes in JSON: strings, booleans, integers of 32 bits. */
static enum err set_json(struct reading *r, const struct node *n) {
    int64_t number;
    if (!cloudevent_name_is_valid(n->key))
        return wrong(r, "'%.*s' cannot be an attribute's name: lower-case letters and digits can, up to %d of them.",
                     (int)(n->key.n < 100 ? n->key.n : 100), n->key.p, NAME_MAX_CHARACTERS);
    if (n->kind == NODE_NULL) return ERR_OK; /* as if it was not there */
    if (n->kind == NODE_STRING) return set_string(r, n->key, n->text);
    if (cloudevent_name_is_known(n->key)) return wrong(r, "The attribute '%.*s' is to be a string.", STR_ARG(n->key));
    if (n->kind == NODE_TRUE || n->kind == NODE_FALSE) return add_extension(r, n->key, n->raw);
    if (n->kind == NODE_NUMBER && str_to_i64(n->text, &number) && number >= INT32_MIN && number <= INT32_MAX)
        return add_extension(r, n->key, n->raw);
    return wrong(r, "The attribute '%.*s' is to be a string, true, false or a whole number of 32 bits.", STR_ARG(n->key));
}

static enum err check_attributes(struct reading *r, int64_t *time_ms) {
    const struct cloudevent *e = &r->event;
    *time_ms = -1;
    if (!e->specversion.p) return wrong(r, "The attribute 'specversion' is missing.");
    if (!str_eqz(e->specversion, "1.0"))
        return wrong(r, "specversion is '%.*s'; only 1.0 is read here.", (int)(e->specversion.n < 40 ? e->specversion.n : 40),
                     e->specversion.p);
    if (!e->id.n) return wrong(r, "The attribute 'id' is missing or empty.");
    if (!e->source.n) return wrong(r, "The attribute 'source' is missing or empty.");
    if (!e->type.n) return wrong(r, "The attribute 'type' is missing or empty.");
    if (e->time.p && !clock_parse_iso(e->time, time_ms))
        return wrong(r, "time is '%.*s'; RFC 3339 is expected, as in 2026-05-01T12:00:00Z.", (int)(e->time.n < 60 ? e->time.n : 60),
                     e->time.p);
    if (e->time.p && *time_ms < 0) return wrong(r, "time lies before 1970.");
    if (e->subject.p && !e->subject.n) return wrong(r, "The attribute 'subject' is empty.");
    return ERR_OK;
}

/* ---- one event -> one entry
 * --------------------------------------------------------------------------------------------------------------- */
static void given(struct json *j, const char *name, struct str value) {
    if (value.p) json_key_str(j, name, value);
}

static void write_attributes(struct json *j, const struct cloudevent *e, const char *data_in) {
    json_key(j, STR("cloudevents"));
    json_object_begin(j);
    json_key_str(j, "specversion", e->specversion);
    json_key_str(j, "id", e->id);
    given(j, "subject", e->subject);
    given(j, "time", e->time);
    given(j, "datacontenttype", e->content_type);
    given(j, "dataschema", e->schema);
    for (size_t i = 0; i < e->extension_count; i++) {
        json_key(j, e->extensions[i].name);
        json_raw(j, e->extensions[i].value);
    }
    if (data_in) json_key_str(j, "data_in", str_from(data_in));
    json_object_end(j);
}

static void write_value(struct json *j, const struct node *n) {
    json_key(j, n->key);
    doc_minify(j->out, n);
    j->comma = true;
}

static void write_detail(struct buf *out, const struct cloudevent *e) {
    struct json j;
    const char *data_in = e->base64.p ? "data_base64" : !e->data ? "none" : e->data->kind == NODE_OBJECT ? NULL : "data";
    json_init(&j, out);
    json_object_begin(&j);
    for (const struct node *n = data_in ? NULL : e->data->child; n; n = n->next) write_value(&j, n);
    if (e->base64.p) json_key_str(&j, "data_base64", e->base64);
    if (e->data && data_in) {
        json_key(&j, STR("data"));
        doc_minify(out, e->data);
        j.comma = true;
    }
    write_attributes(&j, e, data_in);
    json_object_end(&j);
}

/* Version 8 of RFC 9562: a digest of what names the event. No part holds a NUL. */
static enum err name_event(const struct reading *r, struct id *id) {
    struct buf name;
    uint8_t digest[32];
    buf_init(&name, 0);
    buf_add(&name, r->bus);
    buf_addc(&name, 0);
    buf_add(&name, r->event.source);
    buf_addc(&name, 0);
    buf_add(&name, r->event.id);
    hash_sha256(buf_str(&name), digest);
    bool whole = !name.failed;
    buf_fini(&name);
    memcpy(id->b, digest, sizeof id->b);
    id->b[6] = (uint8_t)((id->b[6] & 0x0f) | 0x80);
    id->b[8] = (uint8_t)((id->b[8] & 0x3f) | 0x80);
    return whole ? ERR_OK : no_room(r->fault);
}

static enum err finish(struct reading *r, struct entry *entry) {
    const struct cloudevent *e = &r->event;
    struct buf detail;
    *entry = (struct entry){.has_id = true, .bus = r->bus, .source = e->source, .detail_type = e->type};
    enum err err = check_attributes(r, &entry->time_ms);
    if (!err && e->data && e->data->kind == NODE_OBJECT && doc_get(e->data, STR("cloudevents")))
        err = wrong(r, "The data has a member 'cloudevents' of its own: that is where the event's attributes are kept.");
    if (!err) err = name_event(r, &entry->id);
    if (err) return err;
    buf_init(&detail, 0);
    write_detail(&detail, e);
    entry->detail = detail.failed ? STR_NULL : arena_str(r->arena, buf_str(&detail));
    buf_fini(&detail);
    entry->resources = arena_array(r->arena, 1, sizeof *entry->resources);
    if (!entry->detail.p || !entry->resources) return no_room(r->fault);
    if (e->subject.p) entry->resources[entry->resource_count++] = e->subject;
    return ERR_OK;
}

/* ---- structured mode and batches
 * ------------------------------------------------------------------------------------------------------------ */
static bool is_base64(struct str text) {
    struct buf bytes;
    buf_init(&bytes, 0);
    bool good = hash_from_base64(&bytes, text);
    buf_fini(&bytes);
    return good;
}

static enum err read_member(struct reading *r, const struct node *n) {
    struct cloudevent *e = &r->event;
    bool data = str_eqz(n->key, "data"), base64 = str_eqz(n->key, "data_base64");
    if (!data && !base64) return set_json(r, n);
    if (n->kind == NODE_NULL) return ERR_OK;
    if (e->data || e->base64.p) return wrong(r, "The event has data twice; one of data and data_base64 is expected.");
    if (data) {
        e->data = n;
        return ERR_OK;
    }
    if (n->kind != NODE_STRING || !is_base64(n->text)) return wrong(r, "data_base64 is no base64 (RFC 4648, with padding).");
    e->base64 = n->text;
    return ERR_OK;
}

static enum err read_object(struct reading *r, const struct node *object, struct entry *entry) {
    r->event = (struct cloudevent){.base64 = STR_NULL};
    if (object->kind != NODE_OBJECT) return wrong(r, "A CloudEvent is a JSON object.");
    for (const struct node *n = object->child; n; n = n->next) {
        enum err err = read_member(r, n);
        if (err) return err;
    }
    return finish(r, entry);
}

static enum err read_batch(struct reading *r, const struct node *array, struct entry **entries, size_t *count) {
    if (array->kind != NODE_ARRAY) return wrong(r, "A batch is a JSON array of CloudEvents.");
    if (!array->count) return wrong(r, "The batch is empty.");
    if (array->count > CLOUDEVENTS_BATCH_MAX)
        return fault_set(r->fault, ERR_TOO_LARGE, "A batch has at most %d events, this one has %zu.", CLOUDEVENTS_BATCH_MAX, array->count);
    *entries = arena_array(r->arena, array->count, sizeof **entries);
    if (!*entries) return no_room(r->fault);
    for (const struct node *n = array->child; n; n = n->next) {
        r->where = arena_printf(r->arena, "events.%zu", *count + 1);
        if (!r->where.p) return no_room(r->fault);
        enum err err = read_object(r, n, &(*entries)[*count]);
        if (err) return err;
        ++*count;
    }
    return ERR_OK;
}

static enum err parse(struct reading *r, struct str text, struct node **root) {
    enum err err = doc_parse(r->arena, text, root, r->fault);
    return err == ERR_NOMEM ? no_room(r->fault) : err;
}

/* ---- binary mode
 * ------------------------------------------------------------------------------------------------------------------------------ */
/* A header's value: without the quotes of RFC 9110's quoted strings, and percent-decoded once (the HTTP binding, 3.1.3.2). */
static struct str header_text(struct str value, struct arena *a) {
    bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
    struct str s = quoted ? str_of(value.p + 1, value.n - 2) : value;
    char *to = arena_alloc(a, s.n + 1);
    struct str out = {to, 0};
    for (size_t i = 0; to && i < s.n; i++) {
        char c = s.p[i];
        if (quoted && c == '\\' && i + 1 < s.n) c = s.p[++i];
        if (c == '%' && i + 2 < s.n && hash_from_hex(str_of(s.p + i + 1, 2), &c, 1)) i += 2;
        to[out.n++] = c;
    }
    return out;
}

static enum err read_header(struct reading *r, const struct cloudevent_header *h) {
    if (!begins_nocase(h->name, STR("ce-"))) return ERR_OK;
    struct str name = arena_str(r->arena, str_skip(h->name, 3)), value = header_text(h->value, r->arena);
    if (!name.p || !value.p) return no_room(r->fault);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] >= 'A' && name.p[i] <= 'Z') ((char *)(uintptr_t)name.p)[i] = (char)(name.p[i] | 0x20);
    if (!cloudevent_name_is_valid(name) || str_eqz(name, "datacontenttype") || str_eqz(name, "data"))
        return wrong(
            r, "The header 'ce-%.*s' names no attribute: lower-case letters and digits do, and the data's type is told by Content-Type.",
            (int)(name.n < 100 ? name.n : 100), name.p);
    return set_string(r, name, value);
}

static bool is_json_type(struct str type) {
    return str_eq_nocase(type, STR("application/json")) || str_eq_nocase(type, STR("text/json")) || ends_nocase(type, STR("+json"));
}

/* Does the type say text of UTF-8? A charset may stand behind it, with or without quotes. */
static bool is_text_type(struct str content_type) {
    struct str type = media_type(content_type), rest = content_type, piece;
    if (!begins_nocase(type, STR("text/")) && !str_eq_nocase(type, STR("application/xml")) && !ends_nocase(type, STR("+xml"))) return false;
    while (str_cut(&rest, ';', &piece)) {
        piece = media_type(piece);
        if (!begins_nocase(piece, STR("charset="))) continue;
        struct str charset = str_skip(piece, 8);
        return str_eq_nocase(charset, STR("utf-8")) || str_eq_nocase(charset, STR("\"utf-8\"")) || str_eq_nocase(charset, STR("us-ascii"));
    }
    return true;
}

static enum err read_body(struct reading *r, const struct cloudevent_message *m) {
    struct cloudevent *e = &r->event;
    struct buf base64;
    struct node *data;
    if (!m->body.n) return ERR_OK;
    if (is_json_type(media_type(m->content_type))) {
        enum err err = parse(r, m->body, &data);
        e->data = err ? NULL : data;
        return err;
    }
    if (is_text_type(m->content_type) && str_is_utf8(m->body)) {
        data = ARENA_NEW(r->arena, struct node);
        struct buf quoted;
        buf_init(&quoted, 0);
        json_quote(&quoted, m->body);
        struct str raw = quoted.failed ? STR_NULL : arena_str(r->arena, buf_str(&quoted));
        buf_fini(&quoted);
        if (!data || !raw.p) return no_room(r->fault);
        *data = (struct node){.kind = NODE_STRING, .text = m->body, .raw = raw};
        e->data = data;
        return ERR_OK;
    }
    buf_init(&base64, 0);
    hash_base64(&base64, m->body);
    e->base64 = base64.failed ? STR_NULL : arena_str(r->arena, buf_str(&base64));
    buf_fini(&base64);
    return e->base64.p ? ERR_OK : no_room(r->fault);
}

static enum err read_binary(struct reading *r, const struct cloudevent_message *m, struct entry *entry) {
    enum err err = ERR_OK;
    r->event = (struct cloudevent){.base64 = STR_NULL};
    for (size_t i = 0; i < m->header_count && !err; i++) err = read_header(r, &m->headers[i]);
    if (!err && m->content_type.n) err = set_string(r, STR("datacontenttype"), m->content_type);
    if (!err) err = read_body(r, m);
    return err ? err : finish(r, entry);
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------------------------------------- */
enum err cloudevents_read(const struct cloudevent_message *m, struct str bus, struct arena *a, struct entry **entries, size_t *count,
                          struct fault *fault) {
    struct reading *r = ARENA_NEW(a, struct reading);
    struct node *root;
    enum cloudevent_mode mode = cloudevent_mode_of(m);
    *count = 0;
    *entries = arena_array(a, 1, sizeof **entries);
    if (!r || !*entries) return no_room(fault);
    r->arena = a;
    r->bus = bus;
    r->fault = fault;
    enum err err = ERR_OK;
    if (mode != CLOUDEVENT_BINARY) err = parse(r, m->body, &root);
    if (!err && mode == CLOUDEVENT_BATCH) return read_batch(r, root, entries, count);
    if (!err) err = mode == CLOUDEVENT_BINARY ? read_binary(r, m, *entries) : read_object(r, root, *entries);
    if (!err) *count = 1;
    return err;
}
