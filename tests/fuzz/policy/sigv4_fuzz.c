/* Lines of bytes as a request: the target, then headers "name: value". A claim that can be checked, or a refusal with a sentence. */
#include <stdlib.h>

#include "sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    enum { HEADERS_MOST = 20 };
    static struct fault fault;
    struct str rest = str_of((const char *)data, n), line, out = STR_NULL;
    struct sigv4_header headers[HEADERS_MOST];
    struct sigv4_request r = {.method = STR("POST"), .headers = headers};
    struct sigv4_claim claim;
    struct arena a;
    uint8_t key[32] = {0};
    if (!n || !str_cut(&rest, '\n', &r.target)) return 0;
    while (r.header_count < HEADERS_MOST && str_cut(&rest, '\n', &line)) {
        size_t colon = str_find(line, ':', 0);
        headers[r.header_count++] = (struct sigv4_header){str_of(line.p, colon), str_skip(line, colon + (colon < line.n))};
    }
    arena_init(&a, 8 << 20);
    fault_clear(&fault);
    enum err err = sigv4_read(&r, &a, &claim, &fault);
    if (!err) err = sigv4_string_to_sign(&r, &claim, STR("00"), &a, &out, NULL, &fault);
    if (err && (fault.code != err || !fault.message[0])) abort();
    if (!err && (!out.n || sigv4_matches(key, out, STR("00")))) abort();
    arena_fini(&a);
    return 0;
}
