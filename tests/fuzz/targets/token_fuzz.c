/* Any bytes as the answer of an authorization endpoint: refused, or a header's value without a control character, and a lifetime within
 * bounds. */
#include <stdlib.h>

#include "destination/token.h"

static void check(bool good) {
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf value;
    static struct fault fault;
    int64_t lifetime_s = -1;
    buf_init(&value, 0);
    if (!token_parse(str_of((const char *)data, size), &value, &lifetime_s, &fault)) {
        check(value.n >= 3 && lifetime_s >= 0 && lifetime_s <= TOKEN_LIFETIME_MAX_S);
        for (size_t i = 0; i < value.n; i++) check(value.p[i] >= ' ' && value.p[i] < 127);
    }
    buf_fini(&value);
    return 0;
}
