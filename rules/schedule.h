/* Schedule expressions: rate(5 minutes), cron(0 12 * * ? *). UTC.
 *
 * cron has six fields: minutes, hours, day of month, month, day of week, year; `, - * / ? L W #`, names JAN-DEC and SUN-SAT (1 is SUN); exactly one of
 * the two day fields is `?`. Source: AWS, "Schedule expressions for rules". Compiled once, immutable, pure; any thread. */
#ifndef RULES_SCHEDULE_H
#define RULES_SCHEDULE_H

#include "err.h"

struct schedule;
/* ERR_VALIDATION "Parameter ScheduleExpression is not valid." (the service's sentence, whatever is wrong) or ERR_NOMEM. */
enum err schedule_parse(struct str text, struct schedule **out, struct fault *fault) MUST_USE;
/* NULL is fine. */
void schedule_free(struct schedule *s);
/* The first firing after after_ms (milliseconds since 1970), or -1 when there is none within a hundred years. A rate fires one period after
 * after_ms. */
int64_t schedule_next(const struct schedule *s, int64_t after_ms);
/* The last of the firings after after_ms and at or before until_ms (a rate's are counted from after_ms), or -1 when there is none. */
int64_t schedule_last(const struct schedule *s, int64_t after_ms, int64_t until_ms);

#endif
