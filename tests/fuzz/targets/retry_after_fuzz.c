/* A Retry-After header of any bytes: no time to wait, or one within bounds; a date that is read is read the same way again. */
#include <stdlib.h>

#include "destination/retry_after.h"

static void check(bool good) {
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = str_of((const char *)data, size);
    static const int64_t nows[] = {0, 1777636800000, 253402300799000};
    for (size_t i = 0; i < sizeof nows / sizeof nows[0]; i++) {
        int64_t ms = retry_after_ms(text, nows[i]), at = 0;
        check(ms >= -1 && ms <= (int64_t)RETRY_AFTER_MAX_S * 1000);
        if (!http_date_parse(text, nows[i], &at)) continue;
        check(at >= -62167219200000 && at <= 253402300800000); /* years 0 to 9999 */
        check(ms == (at <= nows[i]                                      ? 0
                     : at - nows[i] > (int64_t)RETRY_AFTER_MAX_S * 1000 ? (int64_t)RETRY_AFTER_MAX_S * 1000
                                                                        : at - nows[i]));
    }
    return 0;
}
