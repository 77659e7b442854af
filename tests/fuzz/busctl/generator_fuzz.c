/* Any text as a template: records in UTF-8, or a sentence with a place in the text. */
#include <stdlib.h>

#include "generator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct fault fault;
    struct arena a;
    struct buf out;
    struct generator *g;
    arena_init(&a, 0);
    buf_init(&out, 1 << 24);
    fault_clear(&fault);
    enum err err = generator_new(str_of((const char *)data, n), 7, &a, &g, &fault);
    if (err && (fault.code != err || !fault.message[0] || (err == ERR_SYNTAX && (fault.line < 1 || fault.column < 1)))) abort();
    for (int i = 0; !err && i < 3; i++) generator_next(g, INT64_C(1767323045678) + i, &out);
    if (!err && !out.failed && !str_is_utf8(buf_str(&out))) abort();
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
