#include "cloudevent.h"

#include <stdio.h>

#include "clock.h"
#include "hash.h"
#include "json.h"

/* What detail.cloudevent keeps beside the data, so that the way back loses nothing. */
#define KEPT "cloudevent"

enum { ATTRIBUTES_MAX = 64, NAME_MAX = 64 };

/* One CloudEvent on its way in: attributes in the order in which they came, the data as it stood. */
struct attribute {
    struct str name;
    const struct node *node; /* structured: its value; NULL: text */
    struct str text;
};
struct arrival {
    struct attribute attributes[ATTRIBUTES_MAX];
    size_t count;
    struct str data;        /* JSON text, or absent */
    struct str data_text;   /* other text, or absent */
    struct str data_base64; /* or absent */
};

static bool is_name(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9'))) return false;
    return s.n > 0 && s.n < NAME_MAX;
}

/* The specification's String: no control characters. */
static bool is_text(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return false;
    return str_is_utf8(s);
}

static bool is_base64(struct str s) {
    struct buf bytes;
    buf_init(&bytes, 0);
    bool good = hash_from_base64(&bytes, s);
    buf_fini(&bytes);
    return good;
}

/* What a JSON value may be as an attribute: a string, a boolean, a whole number of 32 bits. */
static bool is_scalar(const struct node *n) {
    int64_t v;
    if (n->kind == NODE_NUMBER) return str_to_i64(n->text, &v) && v >= INT32_MIN && v <= INT32_MAX;
    return n->kind == NODE_TRUE || n->kind == NODE_FALSE || (n->kind == NODE_STRING && is_text(n->text));
}

static struct str text_of(const struct arrival *x, const char *name) {
    for (size_t i = 0; i < x->count; i++)
        if (str_eqz(x->attributes[i].name, name)) return x->attributes[i].text;
    return STR_NULL;
}

static enum err add(struct arrival *x, struct attribute attribute, struct fault *fault) {
    if (!is_name(attribute.name))
        return fault_set(fault, ERR_MALFORMED, "attribute '%.*s': a name is made of a to z and 0 to 9, and has less than %d characters",
                         (int)(attribute.name.n < 80 ? attribute.name.n : 80), attribute.name.p, NAME_MAX);
    if (!is_text(attribute.text))
        return fault_set(fault, ERR_MALFORMED, "attribute '%.*s' is not UTF-8, or holds control characters", STR_ARG(attribute.name));
    for (size_t i = 0; i < x->count; i++)
        if (str_eq(x->attributes[i].name, attribute.name))
            return fault_set(fault, ERR_MALFORMED, "attribute '%.*s' is there twice", STR_ARG(attribute.name));
    if (x->count == ATTRIBUTES_MAX) return fault_set(fault, ERR_MALFORMED, "it has more than %d attributes", ATTRIBUTES_MAX);
    x->attributes[x->count++] = attribute;
    return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------------------ */
static enum err read_member(struct arrival *x, const struct node *n, struct fault *fault) {
    if (str_eqz(n->key, "data")) {
        x->data = n->raw;
        return ERR_OK;
    }
    if (str_eqz(n->key, "data_base64")) {
        if (n->kind != NODE_STRING || !is_base64(n->text)) return fault_set(fault, ERR_MALFORMED, "data_base64 must be a string of base64, with padding");
        x->data_base64 = n->text;
        return ERR_OK;
    }
    if (n->kind == NODE_NULL) return ERR_OK; /* as if it were not there */
    if (n->kind != NODE_STRING && !is_scalar(n))
        return fault_set(fault, ERR_MALFORMED, "attribute '%.*s' must be a string, a boolean or a whole number of 32 bits", (int)(n->key.n < 80 ? n->key.n : 80), n->key.p);
    return add(x, (struct attribute){n->key, n, n->kind == NODE_STRING || n->kind == NODE_NUMBER ? n->text : n->raw}, fault);
}

static enum err read_structured(const struct node *root, struct arrival *x, struct fault *fault) {
    *x = (struct arrival){.count = 0};
    if (root->kind != NODE_OBJECT) return fault_set(fault, ERR_MALFORMED, "a CloudEvent is a JSON object");
    for (const struct node *n = root->child; n; n = n->next) {
        enum err err = read_member(x, n, fault);
        if (err) return err;
    }
    if (x->data.p && x->data_base64.p) return fault_set(fault, ERR_MALFORMED, "data and data_base64 exclude each other");
    return ERR_OK;
}

static bool is_json_type(struct str type) {
    struct str rest = type, essence;
    if (!type.n) return true;
    str_cut(&rest, ';', &essence);
    while (essence.n && essence.p[essence.n - 1] == ' ') essence.n--;
    return str_eq_nocase(essence, STR("application/json")) || str_eq_nocase(essence, STR("text/json")) || str_ends(essence, STR("+json"));
}

/* A header's value without the quotes of a quoted string, and with its percent escapes undone, once (HTTP binding, section 3.1.3.2). */
static struct str unescaped(struct str value, struct arena *a) {
    bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
    if (quoted) value = str_of(value.p + 1, value.n - 2);
    char *to = arena_alloc(a, value.n + 1);
    if (!to) return STR_NULL;
    struct str out = {to, 0};
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (quoted && c == '\\' && i + 1 < value.n) c = value.p[++i];
        else if (c == '%' && i + 2 < value.n && hash_from_hex(str_of(value.p + i + 1, 2), &c, 1)) i += 2;
        to[out.n++] = c;
    }
    return out;
}

static enum err read_body(struct arrival *x, struct str body, struct str type, struct arena *a, struct fault *fault) {
    if (!body.n) return ERR_OK;
    if (is_json_type(type)) {
        x->data = body;
    } else if (str_is_utf8(body)) {
        x->data_text = body;
    } else {
        struct buf base64;
        buf_init(&base64, 0);
        hash_base64(&base64, body);
        x->data_base64 = base64.failed ? STR_NULL : arena_str(a, buf_str(&base64));
        buf_fini(&base64);
        if (!x->data_base64.p) return fault_set(fault, ERR_NOMEM, NULL);
    }
    return ERR_OK;
}

static enum err read_binary(const struct cloudevent_header *headers, size_t count, struct str body, struct arena *a, struct arrival *x, struct fault *fault) {
    struct str type = STR_NULL;
    *x = (struct arrival){.count = 0};
    for (size_t i = 0; i < count; i++) {
        struct str name = headers[i].name;
        if (str_eq_nocase(name, STR("content-type"))) type = headers[i].value;
        if (name.n <= 3 || !str_eq_nocase(str_of(name.p, 3), STR("ce-"))) continue;
        char lower[NAME_MAX];
        if (name.n - 3 >= sizeof lower) return fault_set(fault, ERR_MALFORMED, "the header '%.*s...' is too long for an attribute", 60, name.p);
        for (size_t k = 3; k < name.n; k++) lower[k - 3] = (char)(name.p[k] >= 'A' && name.p[k] <= 'Z' ? name.p[k] + 32 : name.p[k]);
        struct attribute attribute = {arena_str(a, str_of(lower, name.n - 3)), NULL, unescaped(headers[i].value, a)};
        if (!attribute.name.p || !attribute.text.p) return fault_set(fault, ERR_NOMEM, NULL);
        enum err err = add(x, attribute, fault);
        if (err) return err;
    }
    if (type.n && body.n) {
        enum err err = add(x, (struct attribute){STR("datacontenttype"), NULL, type}, fault);
        if (err) return err;
    }
    return read_body(x, body, type, a, fault);
}

/* ---- into an entry -------------------------------------------------------------------------------------------------------------------------- */
static bool is_mapped(struct str name) {
    static const char *const names[] = {"specversion", "source", "type"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eqz(name, names[i])) return true;
    return false;
}

/* The event's time is of seconds and UTC: does it say what the attribute says? */
static bool is_whole(struct str time) {
    char iso[CLOCK_ISO_SIZE];
    int64_t ms;
    if (!clock_parse_iso(time, &ms)) return false;
    clock_iso(ms, iso);
    return str_eqz(time, iso);
}

/* What the envelope has no place for. */
static void write_kept(const struct arrival *x, struct json *j) {
    json_key(j, STR(KEPT));
    json_object_begin(j);
    for (size_t i = 0; i < x->count; i++) {
        const struct attribute *attribute = &x->attributes[i];
        if (is_mapped(attribute->name) || (str_eqz(attribute->name, "time") && is_whole(attribute->text))) continue;
        json_key(j, attribute->name);
        if (attribute->node && attribute->node->kind != NODE_STRING) json_raw(j, attribute->node->raw);
        else json_str(j, attribute->text);
    }
    json_object_end(j);
}

/* Would it be taken for data that was none, or no object? */
static bool is_ambiguous(const struct node *object) {
    return object->count == 0 || (object->count == 1 && (str_eqz(object->child->key, "data") || str_eqz(object->child->key, "data_base64")));
}

/* An object is the detail itself; anything else stands in it as data. */
static enum err write_detail(const struct arrival *x, struct arena *a, struct str *detail, struct fault *fault) {
    struct node *data = NULL;
    struct json j;
    struct buf text;
    enum err err = x->data.p ? doc_parse(a, x->data, &data, fault) : ERR_OK;
    if (err == ERR_SYNTAX) return fault->code = ERR_MALFORMED;
    if (err) return err;
    if (doc_get(data, STR(KEPT))) return fault_set(fault, ERR_MALFORMED, "data has a member '" KEPT "', where the other attributes go");
    buf_init(&text, 0);
    json_init(&j, &text);
    json_object_begin(&j);
    if (data && data->kind == NODE_OBJECT && !is_ambiguous(data)) {
        for (const struct node *n = data->child; n; n = n->next) {
            json_key(&j, n->key);
            json_raw(&j, n->raw);
        }
    } else if (data) {
        json_key(&j, STR("data"));
        json_raw(&j, data->raw);
    } else if (x->data_text.p) {
        json_key_str(&j, "data", x->data_text);
    } else if (x->data_base64.p) {
        json_key_str(&j, "data_base64", x->data_base64);
    }
    write_kept(x, &j);
    json_object_end(&j);
    *detail = text.failed ? STR_NULL : arena_str(a, buf_str(&text));
    buf_fini(&text);
    return detail->p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

/* Bus, source and id name the event: what is put again has the same UUID. An id alone does not: another source may use it as well (the specification's
 * 3.1.1), and the same CloudEvent may be put on two buses; neither may pass for a duplicate. No part holds a NUL. */
static enum err id_of(struct str bus, struct str source, struct str id, struct id *out, struct fault *fault) {
    uint8_t digest[32];
    struct buf name;
    buf_init(&name, 0);
    buf_add(&name, bus);
    buf_addc(&name, 0);
    buf_add(&name, source);
    buf_addc(&name, 0);
    buf_add(&name, id);
    bool whole = !name.failed;
    hash_sha256(buf_str(&name), digest);
    buf_fini(&name);
    memcpy(out->b, digest, sizeof out->b);
    out->b[6] = (uint8_t)((out->b[6] & 0x0f) | 0x80); /* version 8: made as the maker likes (RFC 9562) */
    out->b[8] = (uint8_t)((out->b[8] & 0x3f) | 0x80);
    return whole ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

static enum err to_entry(const struct arrival *x, struct str bus, struct arena *a, struct entry *e, struct fault *fault) {
    static const char *const required[] = {"specversion", "id", "source", "type"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!text_of(x, required[i]).n) return fault_set(fault, ERR_MALFORMED, "%s is missing", required[i]);
    struct str version = text_of(x, "specversion"), subject = text_of(x, "subject"), time = text_of(x, "time");
    if (!str_eqz(version, "1.0")) return fault_set(fault, ERR_MALFORMED, "specversion is '%.*s'; 1.0 is taken", (int)(version.n < 20 ? version.n : 20), version.p);
    *e = (struct entry){.bus = bus, .source = text_of(x, "source"), .detail_type = text_of(x, "type"), .time_ms = -1, .has_id = true};
    enum err err = id_of(bus, e->source, text_of(x, "id"), &e->id, fault);
    if (err) return err;
    if (time.p && !clock_parse_iso(time, &e->time_ms))
        return fault_set(fault, ERR_MALFORMED, "time is not of the form 2026-05-01T00:00:00Z: '%.*s'", (int)(time.n < 60 ? time.n : 60), time.p);
    if (time.p && e->time_ms < 0) return fault_set(fault, ERR_MALFORMED, "time lies before 1970");
    if (subject.n) {
        e->resources = arena_array(a, 1, sizeof *e->resources);
        if (!e->resources) return fault_set(fault, ERR_NOMEM, NULL);
        e->resources[e->resource_count++] = subject;
    }
    return write_detail(x, a, &e->detail, fault);
}

static bool type_is(struct str type, const char *wanted) {
    struct str rest = type, essence = STR_NULL;
    str_cut(&rest, ';', &essence);
    while (essence.n && essence.p[essence.n - 1] == ' ') essence.n--;
    return str_eq_nocase(essence, str_from(wanted));
}

static enum err in_batch(struct fault *fault, size_t i, enum err err) {
    char message[512];
    if (err != ERR_MALFORMED) return err;
    str_copyz(message, sizeof message, str_from(fault->message));
    return fault_set(fault, ERR_MALFORMED, "event %zu: %s", i + 1, message);
}

static enum err read_batch(const struct node *root, struct str bus, struct arena *a, bool batch, struct entry *entries, struct fault *fault) {
    size_t i = 0;
    struct arrival *x = ARENA_NEW(a, struct arrival);
    if (!x) return fault_set(fault, ERR_NOMEM, NULL);
    for (const struct node *n = root->child; n; n = n->next, i++) {
        enum err err = read_structured(n, x, fault);
        if (!err) err = to_entry(x, bus, a, &entries[i], fault);
        if (err) return batch ? in_batch(fault, i, err) : err;
    }
    return ERR_OK;
}

static enum err read_json(struct str body, bool batch, struct str bus, struct arena *a, struct entry **entries, size_t *count, struct fault *fault) {
    struct node *root, list = {.kind = NODE_ARRAY, .count = 1};
    enum err err = doc_parse(a, body, &root, fault);
    if (err) return err == ERR_SYNTAX ? (fault->code = ERR_MALFORMED) : err;
    if (batch && root->kind != NODE_ARRAY) return fault_set(fault, ERR_MALFORMED, "a batch is a JSON array of CloudEvents");
    if (!batch) {
        list.child = root;
        root = &list;
    }
    if (root->count == 0 || root->count > CLOUDEVENTS_MAX) return fault_set(fault, ERR_MALFORMED, "a batch has 1 to %d events", CLOUDEVENTS_MAX);
    *count = root->count;
    *entries = arena_array(a, root->count, sizeof **entries);
    return *entries ? read_batch(root, bus, a, batch, *entries, fault) : fault_set(fault, ERR_NOMEM, NULL);
}

static enum err read_message(const struct cloudevent_header *headers, size_t header_count, struct str body, struct str bus, struct arena *a,
                             struct entry **entries, size_t *count, struct fault *fault) {
    struct str type = STR_NULL;
    for (size_t i = 0; i < header_count; i++)
        if (str_eq_nocase(headers[i].name, STR("content-type"))) type = headers[i].value;
    bool batch = type_is(type, "application/cloudevents-batch+json");
    if (batch || type_is(type, "application/cloudevents+json")) return read_json(body, batch, bus, a, entries, count, fault);
    struct arrival *x = ARENA_NEW(a, struct arrival);
    *count = 1;
    *entries = arena_array(a, 1, sizeof **entries);
    if (!x || !*entries) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = read_binary(headers, header_count, body, a, x, fault);
    return err ? err : to_entry(x, bus, a, *entries, fault);
}

enum err cloudevent_read(const struct cloudevent_header *headers, size_t header_count, struct str body, struct str bus, struct arena *a, struct entry **entries,
                         size_t *count, struct fault *fault) {
    enum err err = read_message(headers, header_count, body, bus, a, entries, count, fault);
    return err == ERR_NOMEM ? fault_set(fault, ERR_TOO_LARGE, "the events take more memory than a request may: put fewer at once") : err;
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------------------------- */
static void write_text(struct json *j, const char *name, const struct node *n) {
    if (n && n->kind == NODE_STRING && n->text.n) json_key_str(j, name, n->text);
}

static void write_node(struct json *j, struct str key, const struct node *n) {
    json_key(j, key);
    doc_minify(j->out, n);
    j->comma = true;
}

/* A URI reference (RFC 3986): what cannot stand in one is percent-encoded. */
static void write_source(struct json *j, const struct node *n) {
    static const char hex[] = "0123456789ABCDEF";
    struct buf uri;
    buf_init(&uri, 0);
    for (size_t i = 0; n && i < n->text.n; i++) {
        unsigned char c = (unsigned char)n->text.p[i];
        if (c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", (char)c)) {
            buf_addc(&uri, (char)c);
        } else {
            buf_addc(&uri, '%');
            buf_addc(&uri, hex[c >> 4]);
            buf_addc(&uri, hex[c & 15]);
        }
    }
    if (uri.failed) j->out->failed = true;
    json_key_str(j, "source", buf_str(&uri));
    buf_fini(&uri);
}

/* What was kept of a CloudEvent that came in; NULL: it was none. A producer may have written the member itself. */
static const struct node *kept_of(const struct node *detail) {
    const struct node *kept = doc_get(detail, STR(KEPT)), *id = doc_get(kept, STR("id"));
    return kept && kept->kind == NODE_OBJECT && id && id->kind == NODE_STRING && id->text.n && is_text(id->text) ? kept : NULL;
}

/* Nothing that is written for every event can be written a second time. */
static void write_extensions(struct json *j, const struct node *kept) {
    static const char *const written[] = {"specversion", "id", "source", "type", "time", "account", "region", "data"};
    for (const struct node *n = kept ? kept->child : NULL; n; n = n->next) {
        bool known = !is_name(n->key) || !is_scalar(n) || doc_get(kept, n->key) != n;
        for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) known |= str_eqz(n->key, written[i]);
        bool text = str_eqz(n->key, "subject") || str_eqz(n->key, "datacontenttype") || str_eqz(n->key, "dataschema");
        if (!known && (!text || (n->kind == NODE_STRING && n->text.n))) write_node(j, n->key, n);
    }
}

/* Kept as a string that says something? */
static bool has_text(const struct node *kept, const char *name) {
    const struct node *n = doc_get(kept, str_from(name));
    return n && n->kind == NODE_STRING && n->text.n && is_text(n->text);
}

/* The detail without what was kept; data that was no object stands alone again. */
static void write_data(struct json *j, const struct node *detail, const struct node *kept) {
    const struct node *data = kept && detail->count == 2 ? doc_get(detail, STR("data")) : NULL;
    const struct node *base64 = kept && detail->count == 2 ? doc_get(detail, STR("data_base64")) : NULL;
    if (kept && detail->count == 1) return; /* there was none */
    if (base64 && base64->kind == NODE_STRING && is_base64(base64->text)) {
        write_node(j, STR("data_base64"), base64);
    } else if (data) {
        write_node(j, STR("data"), data);
    } else {
        json_key(j, STR("data"));
        json_object_begin(j);
        for (const struct node *n = detail->child; n; n = n->next)
            if (n != kept) write_node(j, n->key, n);
        json_object_end(j);
    }
}

bool cloudevent_write(const struct node *event, struct buf *out) {
    const struct node *detail = doc_get(event, STR("detail")), *kept = kept_of(detail), *resources = doc_get(event, STR("resources"));
    const struct node *time = doc_get(kept, STR("time"));
    struct json j;
    int64_t ms;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "specversion", STR("1.0"));
    write_text(&j, "id", doc_get(kept ? kept : event, STR("id")));
    write_source(&j, doc_get(event, STR("source")));
    write_text(&j, "type", doc_get(event, STR("detail-type")));
    write_text(&j, "time", has_text(kept, "time") && clock_parse_iso(time->text, &ms) ? time : doc_get(event, STR("time")));
    write_text(&j, "account", doc_get(event, STR("account")));
    write_text(&j, "region", doc_get(event, STR("region")));
    if (!has_text(kept, "subject")) write_text(&j, "subject", resources ? resources->child : NULL);
    if (!has_text(kept, "datacontenttype")) json_key_str(&j, "datacontenttype", STR("application/json"));
    write_extensions(&j, kept);
    if (detail) write_data(&j, detail, kept);
    json_object_end(&j);
    return !out->failed;
}
