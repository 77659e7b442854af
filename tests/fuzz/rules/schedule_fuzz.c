/* Eight bytes of time and an expression: refused, or a row of firings that moves on, on whole minutes, and is the same from anywhere
 * between two. */
#include <stdlib.h>

#include "schedule.h"

static void check(bool good) {
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    struct schedule *s;
    uint64_t word;
    if (size < sizeof word) return 0;
    memcpy(&word, data, sizeof word);
    int64_t now = (int64_t)word;
    struct str text = str_of((const char *)data + sizeof word, size - sizeof word);
    enum err err = schedule_parse(text, &s, &f);
    if (err) {
        check(err == ERR_VALIDATION && !s && str_eqz(STR("Parameter ScheduleExpression is not valid."), f.message));
        return 0;
    }
    bool cron = str_starts(text, STR("cron("));
    check(cron || str_starts(text, STR("rate(")));
    int64_t start = now;
    for (int i = 0; i < 5; i++) {
        int64_t next = schedule_next(s, now);
        if (next < 0) break;
        check(next > now);
        if (cron && now >= 0)
            check(next % 60000 == 0 && schedule_next(s, now + (next - now) / 2) == next && schedule_next(s, next - 1) == next);
        now = next;
        check(start < 0 || schedule_last(s, start, now) == now);
    }
    schedule_free(s);
    return 0;
}
