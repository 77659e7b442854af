/* Signed requests: is this one fresh, and seen for the first time?
 *
 * A native request carries its session (8 random bytes, one for each connection of a client), a counter that grows within it, and its time. The
 * guard remembers, for each key and session, the highest counter and which of the WINDOW counters below it came (as IPsec does, RFC 4303
 * section 3.4.3): requests may overtake each other, but none is taken twice. A session is forgotten when nothing it sent can be fresh any more.
 * Not thread-safe: the caller locks. Time is passed in. */
#ifndef POLICY_SIGNATURE_H
#define POLICY_SIGNATURE_H

#include "err.h"

enum { SIGNATURE_WINDOW = 1024 };

struct replay_guard;
/* NULL without memory. sessions_max bounds the memory: about 200 bytes each. */
struct replay_guard *replay_guard_new(size_t sessions_max);
void replay_guard_free(struct replay_guard *guard);
size_t replay_guard_count(const struct replay_guard *guard);

/* To be asked after the HMAC was found right, so that nobody without the secret can fill the guard. ERR_EXPIRED when timestamp_ms is more than
 * window_ms from now_ms (the message has the daemon's time), ERR_REPLAYED when the counter came before or is too old to tell, ERR_THROTTLING when
 * sessions_max sessions are in use, ERR_NOMEM. */
enum err signature_check(struct replay_guard *guard, int64_t now_ms, int64_t window_ms, struct str key_id, const uint8_t session[8], uint64_t counter,
                         int64_t timestamp_ms, struct fault *fault) MUST_USE;

#endif
