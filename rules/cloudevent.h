/* CloudEvents 1.0 (github.com/cloudevents/spec): requests of the HTTP binding into entries, and events into structured CloudEvents. The mapping is told in
 * rules/CLOUDEVENTS.md. Pure; any thread. */
#ifndef RULES_CLOUDEVENT_H
#define RULES_CLOUDEVENT_H

#include "doc.h"
#include "entry.h"

enum { CLOUDEVENTS_MAX = 1000 }; /* of one batch */

struct cloudevent_header {
    struct str name, value;
};

/* Reads a request in structured (application/cloudevents+json), batched (application/cloudevents-batch+json) or binary mode (any other type, ce-
 * headers). The entries live in the arena; `bus` is put into each. ERR_MALFORMED with what is wrong and where ("event 2: id is missing"); ERR_NOMEM. */
enum err cloudevent_read(const struct cloudevent_header *headers, size_t header_count, struct str body, struct str bus, struct arena *a, struct entry **entries,
                         size_t *count, struct fault *fault) MUST_USE;

/* Writes an event (the whole one, as rules see it) in structured mode. False without memory. */
bool cloudevent_write(const struct node *event, struct buf *out);

#endif
