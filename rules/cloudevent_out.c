/* An event -> a structured CloudEvent. */
#include "clock.h"
#include "cloudevent.h"
#include "json.h"

static struct str text_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

/* The attributes that came with the event when it was a CloudEvent; NULL: it was none. */
static const struct node *attributes_of(const struct node *event) {
    const struct node *c = doc_get(doc_get(event, STR("detail")), STR("cloudevents"));
    return str_eqz(text_of(c, "specversion"), "1.0") && text_of(c, "id").n ? c : NULL;
}

/* A URI reference (RFC 3986): what cannot stand in one is percent-encoded. */
static void write_source(struct json *j, struct str source) {
    static const char hex[] = "0123456789ABCDEF";
    struct buf uri;
    buf_init(&uri, 0);
    for (size_t i = 0; i < source.n; i++) {
        unsigned char c = (unsigned char)source.p[i];
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

static void given(struct json *j, const char *name, struct str value) {
    if (value.n) json_key_str(j, name, value);
}

static void write_extensions(struct json *j, const struct node *attributes) {
    static const char *const ours[] = {"busid", "busaccount", "busregion", "replayname"};
    for (const struct node *n = attributes ? attributes->child : NULL; n; n = n->next) {
        bool mine = false;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) mine |= str_eqz(n->key, ours[i]);
        if (mine || !cloudevent_name_is_valid(n->key) || cloudevent_name_is_known(n->key) || doc_get(attributes, n->key) != n) continue;
        if (n->kind == NODE_NULL || n->kind == NODE_ARRAY || n->kind == NODE_OBJECT) continue;
        json_key(j, n->key);
        doc_minify(j->out, n);
        j->comma = true;
    }
}

static struct str subject_of(const struct node *event, const struct node *attributes) {
    const struct node *resources = doc_get(event, STR("resources"));
    if (attributes) return text_of(attributes, "subject");
    return resources && resources->child && resources->child->kind == NODE_STRING ? resources->child->text : STR_NULL;
}

static void write_attributes(struct json *j, const struct node *event, const struct node *attributes, bool own_data) {
    struct str time = text_of(attributes, "time");
    int64_t ms;
    json_key_str(j, "specversion", STR("1.0"));
    json_key_str(j, "id", text_of(attributes ? attributes : event, "id"));
    write_source(j, text_of(event, "source"));
    json_key_str(j, "type", text_of(event, "detail-type"));
    json_key_str(j, "time", time.p && clock_parse_iso(time, &ms) ? time : text_of(event, "time"));
    given(j, "subject", subject_of(event, attributes));
    struct str type = own_data && attributes ? text_of(attributes, "datacontenttype") : STR("application/json");
    given(j, "datacontenttype", type);
    if (own_data) given(j, "dataschema", text_of(attributes, "dataschema"));
    if (attributes) json_key_str(j, "busid", text_of(event, "id"));
    json_key_str(j, "busaccount", text_of(event, "account"));
    json_key_str(j, "busregion", text_of(event, "region"));
    given(j, "replayname", text_of(event, "replay-name"));
    write_extensions(j, attributes);
}

/* The detail without what was added to it. */
static void write_object(struct json *j, const struct node *detail) {
    json_key(j, STR("data"));
    json_object_begin(j);
    for (const struct node *n = detail->child; n; n = n->next) {
        if (str_eqz(n->key, "cloudevents")) continue;
        json_key(j, n->key);
        doc_minify(j->out, n);
        j->comma = true;
    }
    json_object_end(j);
}

static void write_node(struct json *j, const struct node *n) {
    json_key(j, STR("data"));
    doc_minify(j->out, n);
    j->comma = true;
}

static void write_data(struct json *j, const struct node *detail, const struct node *attributes) {
    struct str in = text_of(attributes, "data_in"), base64 = text_of(detail, "data_base64");
    const struct node *data = doc_get(detail, STR("data"));
    struct buf bytes;
    buf_init(&bytes, 0);
    if (str_eqz(in, "none") && detail->count == 1) {
        /* it had no data */
    } else if (str_eqz(in, "data_base64") && base64.p && hash_from_base64(&bytes, base64)) {
        json_key_str(j, "data_base64", base64);
    } else if (str_eqz(in, "data") && data) {
        write_node(j, data);
    } else if (attributes) {
        write_object(j, detail);
    } else if (detail) {
        write_node(j, detail);
    }
    buf_fini(&bytes);
}

enum err cloudevent_write(const struct node *event, struct str data, struct arena *a, struct str *out, struct fault *fault) {
    const struct node *attributes = attributes_of(event), *detail = doc_get(event, STR("detail"));
    struct buf text;
    struct json j;
    buf_init(&text, 0);
    json_init(&j, &text);
    json_object_begin(&j);
    write_attributes(&j, event, attributes, !data.p);
    if (data.p) {
        json_key(&j, STR("data"));
        json_raw(&j, data);
    } else {
        write_data(&j, detail, attributes);
    }
    json_object_end(&j);
    *out = text.failed ? STR_NULL : arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out->p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}
