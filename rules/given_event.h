/* An event as people hand it over to be explained: a whole one, or an entry as in PutEvents. Pure. */
#ifndef RULES_GIVEN_EVENT_H
#define RULES_GIVEN_EVENT_H

#include "doc.h"

/* What PutEvents would fill in. `time` is "2026-05-01T00:00:00Z". */
struct given_defaults {
    struct str account, region, time, id;
};

/* Reads a JSON text: an event ({"source", "detail-type", "detail", ...}), an entry ({"Source", "DetailType", "Detail", ...}, whose Detail
 * is JSON in a string, or for once the object itself), or a list or a request ({"Entries": ..}) with one entry in it. Missing envelope
 * fields are filled the way PutEvents fills them; *filled names them ("version, id"), empty when there were none. What only the producer
 * can know (source, detail-type, detail) is not filled in an event, and needed in an entry. The tree lives in `a`. Errors: ERR_SYNTAX with
 * the position; ERR_VALIDATION, ERR_INVALID_ARGUMENT, ERR_MALFORMED_DETAIL with a sentence; ERR_NOMEM. */
enum err given_event(struct str text, const struct given_defaults *defaults, struct arena *a, struct node **event, struct str *filled,
                     struct fault *fault) MUST_USE;

#endif
