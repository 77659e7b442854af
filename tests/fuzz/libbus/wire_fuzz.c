/* The codec reads whatever a peer sends: as a request (header, then PUT or CALL), as a request's body alone, and as an answer. What was
 * read as a PUT is written again and must come out the same. */
#include <stdlib.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_put(struct str body, struct arena *arena) {
    struct wire_entry *entries;
    size_t count;
    struct fault fault;
    if (wire_read_put(body, arena, &entries, &count, &fault)) return;
    struct buf again;
    buf_init(&again, 0);
    wire_put_begin(&again);
    for (size_t i = 0; i < count; i++) wire_put_add(&again, &entries[i]);
    wire_put_end(&again, count);
    /* The same, but for the time bytes of an entry without the flag: those may hold anything. Lengths must agree, and it must read again. */
    if (again.n != body.n || wire_read_put(buf_str(&again), arena, &entries, &count, &fault)) abort();
    buf_fini(&again);
}

static void check_request(struct str frame, struct arena *arena) {
    struct wire_request q;
    struct fault fault;
    if (wire_read_request(frame, &q, &fault)) return;
    if (q.signed_header.n + 32 + q.body.n != frame.n) abort();
    struct str operation, json;
    if (q.kind == WIRE_PUT) check_put(q.body, arena);
    else if (!wire_read_call(q.body, &operation, &json, &fault) && 1 + operation.n + json.n != q.body.n) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str bytes = str_of((const char *)data, size);
    struct arena arena;
    struct wire_answer answer;
    struct fault fault;
    struct str operation, json;
    arena_init(&arena, 4 << 20);
    check_request(bytes, &arena);
    check_put(bytes, &arena);
    if (wire_read_call(bytes, &operation, &json, &fault) && fault.code == ERR_OK) abort();
    if (!wire_read_answer(bytes, &arena, &answer, &fault) && answer.kind == WIRE_RESULTS && answer.count > WIRE_ENTRIES_MAX) abort();
    arena_fini(&arena);
    return 0;
}
