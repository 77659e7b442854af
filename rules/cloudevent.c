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

static struct str text_of(const struct arrival *x, const char *name) {
    for (size_t i = 0; i < x->count; i++)
        if (str_eqz(x->attributes[i].name, name)) return x->attributes[i].text;
    return STR_NULL;
}

static enum err add(struct arrival *x, struct attribute attribute, struct fault *fault) {
    if (!is_name(attribute.name))
        return fault_set(fault, ERR_MALFORMED, "attribute '%.*s': a name is made of a to z and 0 to 9, and has less than %d characters",
                         (int)(attribute.name.n < 80 ? attribute.name.n : 80), attribute.name.p, NAME_MAX);
    if (!str_is_utf8(attribute.text)) return fault_set(fault, ERR_MALFORMED, "attribute '%.*s' is not UTF-8", STR_ARG(attribute.name));
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
        if (n->kind != NODE_STRING) return fault_set(fault, ERR_MALFORMED, "data_base64 must be a string");
        x->data_base64 = n->text;
        return ERR_OK;
    }
    if (n->kind == NODE_NULL) return ERR_OK; /* as if it were not there */
    if (n->kind == NODE_OBJECT || n->kind == NODE_ARRAY)
        return fault_set(fault, ERR_MALFORMED, "attribute '%.*s' must be a string, a number or a boolean", (int)(n->key.n < 80 ? n->key.n : 80), n->key.p);
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

/* A header's value with its percent escapes undone (HTTP binding, section 3.1.3.2). */
static struct str unescaped(struct str value, struct arena *a) {
    char *to = arena_alloc(a, value.n + 1);
    if (!to) return STR_NULL;
    struct str out = {to, 0};
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '%' && i + 2 < value.n && hash_from_hex(str_of(value.p + i + 1, 2), &c, 1)) i += 2;
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
    static const char *const names[] = {"specversion", "source", "type", "time"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eqz(name, names[i])) return true;
    return false;
}

/* What the envelope has no place for. */
static void write_kept(const struct arrival *x, struct json *j) {
    json_key(j, STR(KEPT));
    json_object_begin(j);
    for (size_t i = 0; i < x->count; i++) {
        const struct attribute *attribute = &x->attributes[i];
        if (is_mapped(attribute->name)) continue;
        json_key(j, attribute->name);
        if (attribute->node && attribute->node->kind != NODE_STRING) json_raw(j, attribute->node->raw);
        else json_str(j, attribute->text);
    }
    json_object_end(j);
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
    if (data && data->kind == NODE_OBJECT) {
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

/* A UUID is the event's id. Any other id, with its source, gives one: the same CloudEvent gets the same again. */
static struct id id_of(struct str source, struct str id) {
    struct id out;
    uint8_t digest[32];
    struct buf both;
    if (id_parse(id, &out)) return out;
    buf_init(&both, 0);
    buf_add(&both, source);
    buf_addc(&both, 0);
    buf_add(&both, id);
    hash_sha256(buf_str(&both), digest);
    buf_fini(&both);
    memcpy(out.b, digest, sizeof out.b);
    out.b[6] = (uint8_t)((out.b[6] & 0x0f) | 0x80); /* version 8: made as the maker likes (RFC 9562) */
    out.b[8] = (uint8_t)((out.b[8] & 0x3f) | 0x80);
    return out;
}

static enum err to_entry(const struct arrival *x, struct str bus, struct arena *a, struct entry *e, struct fault *fault) {
    static const char *const required[] = {"specversion", "id", "source", "type"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!text_of(x, required[i]).n) return fault_set(fault, ERR_MALFORMED, "%s is missing", required[i]);
    struct str version = text_of(x, "specversion"), subject = text_of(x, "subject"), time = text_of(x, "time");
    if (!str_eqz(version, "1.0")) return fault_set(fault, ERR_MALFORMED, "specversion is '%.*s'; 1.0 is taken", (int)(version.n < 20 ? version.n : 20), version.p);
    *e = (struct entry){.bus = bus, .source = text_of(x, "source"), .detail_type = text_of(x, "type"), .time_ms = -1, .has_id = true};
    e->id = id_of(e->source, text_of(x, "id"));
    if (time.p && !clock_parse_iso(time, &e->time_ms))
        return fault_set(fault, ERR_MALFORMED, "time is not of the form 2026-05-01T00:00:00Z: '%.*s'", (int)(time.n < 60 ? time.n : 60), time.p);
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

enum err cloudevent_read(const struct cloudevent_header *headers, size_t header_count, struct str body, struct str bus, struct arena *a, struct entry **entries,
                         size_t *count, struct fault *fault) {
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

/* ---- writing -------------------------------------------------------------------------------------------------------------------------------------- */
static void write_text(struct json *j, const char *name, const struct node *n) {
    if (n && n->kind == NODE_STRING && n->text.n) json_key_str(j, name, n->text);
}

/* The detail without what was kept; data that was no object stands alone again. */
static void write_data(struct json *j, const struct node *detail, const struct node *kept) {
    const struct node *data = kept && detail->count == 2 ? doc_get(detail, STR("data")) : NULL;
    const struct node *base64 = kept && detail->count == 2 ? doc_get(detail, STR("data_base64")) : NULL;
    if (kept && detail->count == 1) return; /* there was none */
    json_key(j, base64 ? STR("data_base64") : STR("data"));
    if (data || base64) {
        json_raw(j, (data ? data : base64)->raw);
        return;
    }
    json_object_begin(j);
    for (const struct node *n = detail->child; n; n = n->next) {
        if (n == kept) continue;
        json_key(j, n->key);
        json_raw(j, n->raw);
    }
    json_object_end(j);
}

bool cloudevent_write(const struct node *event, struct buf *out) {
    const struct node *detail = doc_get(event, STR("detail")), *kept = doc_get(detail, STR(KEPT)), *resources = doc_get(event, STR("resources"));
    struct json j;
    if (!kept || kept->kind != NODE_OBJECT) kept = NULL;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "specversion", STR("1.0"));
    const struct node *id = doc_get(kept, STR("id"));
    write_text(&j, "id", id ? id : doc_get(event, STR("id")));
    write_text(&j, "source", doc_get(event, STR("source")));
    write_text(&j, "type", doc_get(event, STR("detail-type")));
    write_text(&j, "time", doc_get(event, STR("time")));
    write_text(&j, "account", doc_get(event, STR("account")));
    write_text(&j, "region", doc_get(event, STR("region")));
    if (!doc_get(kept, STR("subject"))) write_text(&j, "subject", resources ? resources->child : NULL);
    if (!doc_get(kept, STR("datacontenttype"))) json_key_str(&j, "datacontenttype", STR("application/json"));
    for (const struct node *n = kept ? kept->child : NULL; n; n = n->next) {
        if (str_eqz(n->key, "id") || str_eqz(n->key, "account") || str_eqz(n->key, "region")) continue;
        json_key(&j, n->key);
        json_raw(&j, n->raw);
    }
    if (detail) write_data(&j, detail, kept);
    json_object_end(&j);
    return !out->failed;
}
