/* Retry-After (RFC 9110, 10.2.3): a number of seconds, or an HTTP date in any of the three forms that recipients must take (RFC
 * 9110, 5.6.7). */
#ifndef DESTINATION_RETRY_AFTER_H
#define DESTINATION_RETRY_AFTER_H

#include "str.h"

enum { RETRY_AFTER_MAX_S = 86400 }; /* an event does not live longer */

/* Milliseconds to wait from now_ms on, at most RETRY_AFTER_MAX_S; 0 for a date that has passed; -1 for what is neither. Pure. */
int64_t retry_after_ms(struct str value, int64_t now_ms);
/* An HTTP date as milliseconds since 1970: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" (a year more than 50 years
 * after now_ms is one of the century before) or "Sun Nov  6 08:49:37 1994". False for anything else; the name of the day is not compared
 * with the date. Pure. */
bool http_date_parse(struct str text, int64_t now_ms, int64_t *ms);

#endif
