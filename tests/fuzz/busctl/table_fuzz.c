/* Any JSON object as an answer: the table has no control character but the line end. */
#include <stdlib.h>

#include "table.h"
#include "verb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct fault fault;
    json_t *answer = json_loadb((const char *)data, n, JSON_ALLOW_NUL, NULL);
    if (json_is_object(answer)) {
        struct buf out;
        buf_init(&out, 0);
        table_write(n % 2 ? verb_find("events", n % 4 == 1 ? "describe-event-bus" : "list-targets-by-rule", &fault)->out : NULL, answer,
                    &out);
        if (out.failed || !str_is_utf8(buf_str(&out))) abort();
        for (size_t i = 0; i < out.n; i++)
            if ((unsigned char)out.p[i] < 0x20 && out.p[i] != '\n') abort();
        buf_fini(&out);
    }
    json_decref(answer);
    return 0;
}
