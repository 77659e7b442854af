/* Time, turnable by a test. Wall time for what people see, monotonic time for waiting. All in milliseconds unless the name says else. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "str.h"

/* Milliseconds since 1970-01-01T00:00:00Z. Any thread. */
int64_t clock_now_ms(void);
/* Monotonic, from an arbitrary start; nanoseconds for measuring. Not turned by clock_fake. Any thread. */
int64_t clock_mono_ns(void);
/* Monotonic milliseconds; with a fake clock it moves with it. */
int64_t clock_mono_ms(void);

/* Tests: from now on clock_now_ms and clock_mono_ms answer `now_ms` until it is set again; clock_real ends it. Any thread. */
void clock_fake(int64_t now_ms);
void clock_real(void);

/* "YYYY-MM-DDThh:mm:ssZ" (20 characters and NUL) into out. */
#define CLOCK_ISO_SIZE 21
void clock_iso(int64_t ms, char out[CLOCK_ISO_SIZE]);
/* RFC 3339 ("2026-05-01T00:00:00Z", fractions and offsets too), or false. */
bool clock_parse_iso(struct str s, int64_t *ms);

#endif
