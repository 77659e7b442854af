/* Hops: which buses an event has been in, and whether it may enter one more.
 *
 * A path begins with the bus the event was put on; each forwarding adds one. Promise 7 of the design: an event crosses at most `limit` times, and
 * enters no bus twice whatever the limit. Pure, fixed size, copied by value. */
#ifndef POLICY_HOP_H
#define POLICY_HOP_H

#include "err.h"

enum { HOP_LIMIT_MAX = 64 };

struct hop_path {
    struct str bus[HOP_LIMIT_MAX + 1]; /* ARNs, borrowed: they live as long as the routing */
    int count;
};

enum hop_verdict { HOP_OK, HOP_LIMITED, HOP_LOOP };

void hop_init(struct hop_path *path);
/* May the event go on to `bus`? With a limit of 1 (the service's rule) a second crossing is HOP_LIMITED wherever it leads, also back; with a
 * higher limit a bus that was visited is HOP_LOOP, whether or not the limit is reached as well. A bus that sends to itself is HOP_LOOP from limit 1
 * on. limit: 0 to HOP_LIMIT_MAX. */
enum hop_verdict hop_check(const struct hop_path *path, struct str bus, int limit);
/* Adds the bus. ERR_LIMIT when the path is full, which hop_check prevents. */
enum err hop_enter(struct hop_path *path, struct str bus) MUST_USE;
/* "THIRD_ACCOUNT_HOP_DETECTED", "LOOP_DETECTED"; "" for HOP_OK. */
const char *hop_code(enum hop_verdict verdict);
/* Appends the ERROR_MESSAGE of the dead letter: AWS's sentence for HOP_LIMITED after one crossing, which is the service's limit; else one that names the
 * path. */
void hop_message(struct buf *out, enum hop_verdict verdict, const struct hop_path *path, struct str event_id);

#endif
