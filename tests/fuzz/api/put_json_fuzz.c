/* PutEvents' body: what the fast reader takes, the shapes take too, and both read the same. */
#include <stdlib.h>

#include "api.h"
#include "events.h"

static const struct shape *put_shape(void) {
    for (const struct operation *o = events_operations; o->name; o++)
        if (strcmp(o->name, "PutEvents") == 0) return o->in;
    abort();
}

static void same(struct str a, struct str b) {
    if (!a.p != !b.p || !str_eq(a, b)) abort();
}

static void compare(const struct entry *e, const struct events_entry *s) {
    same(e->bus, s->bus);
    same(e->source, s->source);
    same(e->detail_type, s->detail_type);
    same(e->detail, s->detail);
    same(e->trace_header, s->trace_header);
    if (e->time_ms != (s->time_ms.set ? s->time_ms.v : -1) || e->resource_count != s->resources.n) abort();
    for (size_t i = 0; i < e->resource_count; i++) same(e->resources[i], *LIST_AT(s->resources, struct str, i));
}

/* Left to the flow, which says so of each entry: text that is no UTF-8, which jansson refuses as a whole. */
static bool is_text(struct str body) { return str_is_utf8(body); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct fault fault;
    struct str body = str_of((const char *)data, n);
    struct events_put_events slow = {0};
    struct entry *entries;
    size_t count;
    struct arena a;
    if (!is_text(body)) return 0;
    arena_init(&a, 64 << 20);
    if (api_read_put(body, 1 << 20, &a, &entries, &count)) {
        if (shape_decode(put_shape(), body, false, &a, &slow, &fault)) abort();
        if (slow.entries.n != count || slow.endpoint_id.p) abort();
        for (size_t i = 0; i < count; i++) compare(&entries[i], LIST_AT(slow.entries, struct events_entry, i));
    }
    arena_fini(&a);
    return 0;
}
