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
    }
    write_any(rest, &a);
    arena_fini(&a);
    return 0;
}
