/* A content type, a line of one header, then a body, ended by newlines: what is refused has a sentence; what is read makes an event whose
 * CloudEvent can be read again, names the same event, and has the same data. */
#include <stdlib.h>

#include "cloudevent.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good) {
    if (!good) abort();
}

static struct node *event_of(const struct entry *e, struct buf *text, struct arena *a) {
    struct json j;
    struct node *root;
    json_init(&j, text);
    json_object_begin(&j);
    json_key_str(&j, "version", STR("0"));
    json_key_str(&j, "id", STR("e"));
    json_key_str(&j, "detail-type", e->detail_type);
    json_key_str(&j, "source", e->source);
    json_key_str(&j, "account", STR("111122223333"));
    json_key_str(&j, "time", STR("2026-05-01T00:00:00Z"));
    json_key_str(&j, "region", STR("local"));
    json_key(&j, STR("detail"));
    json_raw(&j, e->detail);
    json_object_end(&j);
    check(!doc_parse(a, buf_str(text), &root, NULL));
    return root;
}

/* The detail without what was added to it. */
static void own(struct buf *out, struct str detail, struct arena *a) {
    struct node *root;
    check(!doc_parse(a, detail, &root, NULL) && root->kind == NODE_OBJECT);
    const struct node *in = doc_get(doc_get(root, STR("cloudevents")), STR("data_in"));
    if (in) buf_add(out, in->raw);
    for (const struct node *n = root->child; n; n = n->next) {
        if (str_eqz(n->key, "cloudevents")) continue;
        json_quote(out, n->key);
        doc_minify(out, n);
    }
}

static void there_and_back(const struct entry *e, struct arena *a) {
    static struct fault f;
    struct buf text, before, after;
    struct str out, transformed;
    struct entry *again;
    size_t count;
    buf_init(&text, 0);
    buf_init(&before, 0);
    buf_init(&after, 0);
    struct node *event = event_of(e, &text, a);
    check(!cloudevent_write(event, STR_NULL, a, &out, &f) && str_starts(out, STR("{\"specversion\":\"1.0\",\"id\":")));
    struct cloudevent_message m = {.content_type = STR("application/cloudevents+json"), .body = out};
    enum err err = cloudevents_read(&m, e->bus, a, &again, &count, &f);
    check(!err || (err == ERR_VALIDATION && strstr(f.message, "extension attributes"))); /* ours came to as many as there may be */
    if (!err) {
        check(count == 1 && str_eq(again->detail_type, e->detail_type));
        own(&before, e->detail, a);
        own(&after, again->detail, a);
        check(str_eq(buf_str(&before), buf_str(&after)));
    }
    check(!cloudevent_write(event, STR("[1]"), a, &transformed, &f));
    m.body = transformed;
    err = cloudevents_read(&m, e->bus, a, &again, &count, &f);
    check(!err || (err == ERR_VALIDATION && strstr(f.message, "extension attributes")));
    buf_fini(&text);
    buf_fini(&before);
    buf_fini(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    struct str rest = str_of((const char *)data, size), type = STR_NULL, name = STR(""), value = STR("");
    struct entry *entries;
    size_t count;
    struct arena a;
    str_cut(&rest, '\n', &type);
    str_cut(&rest, '\n', &value);
    str_cut(&value, ':', &name);
    struct cloudevent_header headers[] = {{STR("ce-specversion"), STR("1.0")},
                                          {STR("ce-id"), STR("i")},
                                          {STR("ce-source"), STR("s")},
                                          {STR("ce-type"), STR("t")},
                                          {name, value}};
    struct cloudevent_message m = {.content_type = type, .headers = headers, .header_count = 5, .body = rest};
    arena_init(&a, 64 << 20);
    fault_clear(&f);
    enum cloudevent_mode mode = cloudevent_mode_of(&m);
    if (mode >= CLOUDEVENT_BINARY) {
        enum err err = cloudevents_read(&m, STR("b"), &a, &entries, &count, &f);
        check(!err || ((err == ERR_VALIDATION || err == ERR_SYNTAX || err == ERR_TOO_LARGE) && f.message[0]));
        for (size_t i = 0; !err && i < count && i < 20; i++) {
            check(entries[i].has_id && str_is_utf8(entries[i].detail));
            there_and_back(&entries[i], &a);
        }
    }
    arena_fini(&a);
    return 0;
}
