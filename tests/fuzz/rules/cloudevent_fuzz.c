/* Headers and a body as a CloudEvents request: entries whose details are JSON objects, or a sentence; and any event can go out as one. */
#include <stdlib.h>

#include "cloudevent.h"

static void write_any(struct str text, struct arena *a) {
    static struct fault fault;
    struct node *root, *again;
    struct buf out;
    if (doc_parse(a, text, &root, &fault)) return;
    buf_init(&out, 1 << 24);
    if (!cloudevent_write(root, &out) || doc_parse(a, buf_str(&out), &again, &fault)) abort();
    buf_fini(&out);
}

/* What came in goes out as what can come in again, with the same data. */
static struct str own_data(struct str json, struct arena *a) {
    struct node *root;
    struct buf out;
    buf_init(&out, 1 << 24);
    if (doc_parse(a, json, &root, NULL)) abort();
    for (const struct node *n = root->child; n; n = n->next)
        if (!str_eqz(n->key, "cloudevent")) {
            buf_add(&out, n->key);
            doc_minify(&out, n);
        }
    struct str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static void there_and_back(const struct entry *e, struct arena *a) {
    static const struct cloudevent_header type = {{"Content-Type", 12}, {"application/cloudevents+json", 28}};
    static struct fault fault;
    struct node *root;
    struct entry *again;
    size_t count;
    struct buf out, event;
    struct str detail = e->detail;
    buf_init(&event, 1 << 24);
    buf_init(&out, 1 << 24);
    buf_addf(&event, "{\"id\":\"i\",\"source\":\"s\",\"detail-type\":\"t\",\"time\":\"2026-05-01T00:00:00Z\",\"account\":\"1\",\"region\":\"r\",\"detail\":");
    buf_add(&event, detail);
    buf_addc(&event, '}');
    if (doc_parse(a, buf_str(&event), &root, &fault)) abort();
    if (!cloudevent_write(root, &out)) abort();
    enum err err = cloudevent_read(&type, 1, buf_str(&out), STR("b"), a, &again, &count, &fault);
    if (err && !strstr(fault.message, "attributes")) abort(); /* account, region and datacontenttype may be too many */
    if (!err && !str_eq(own_data(again->detail, a), own_data(detail, a))) abort();
    buf_fini(&out);
    buf_fini(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    enum { HEADERS_MOST = 12 };
    static struct fault fault;
    struct cloudevent_header headers[HEADERS_MOST];
    struct str rest = str_of((const char *)data, n), line;
    struct entry *entries;
    size_t header_count = 0, count = 0;
    struct arena a;
    while (header_count < HEADERS_MOST && str_cut(&rest, '\n', &line) && line.n) {
        size_t colon = str_find(line, ':', 0);
        headers[header_count++] = (struct cloudevent_header){str_of(line.p, colon), str_skip(line, colon + (colon < line.n))};
    }
    if (!rest.p) rest = STR("");
    arena_init(&a, 64 << 20);
    fault_clear(&fault);
    enum err err = cloudevent_read(headers, header_count, rest, STR("b"), &a, &entries, &count, &fault);
    if (err && (fault.code != err || !fault.message[0])) abort();
    for (size_t i = 0; !err && i < count; i++) {
        struct node *detail;
        if (doc_parse(&a, entries[i].detail, &detail, &fault) == ERR_SYNTAX || detail->kind != NODE_OBJECT) abort();
        if (i < 20) there_and_back(&entries[i], &a);
    }
    write_any(rest, &a);
    arena_fini(&a);
    return 0;
}
