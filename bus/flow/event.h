/* An event on its way: its bytes, written once, and the tree that matching reads. Lives in its batch's arena. */
#ifndef FLOW_EVENT_H
#define FLOW_EVENT_H

#include "doc.h"
#include "entry.h"
#include "settings.h"

struct event {
    struct str json;          /* {"version":"0","id":...,"detail":{...}}, minified */
    struct node *root;        /* of the same event; strings may point into the producer's bytes */
    struct str id, source, detail_type;
    struct str account;       /* the origin's */
    struct str dedup;         /* what tells it apart for FIFO queues; absent: its id. A replayed event is another one than the first */
    int64_t accepted_ms;      /* when it was taken in */
};

/* Size as the service counts it: 14 for a time, and the UTF-8 bytes of source, detail-type, detail and each resource. */
size_t event_entry_bytes(const struct entry *e);
/* Checks an entry in the service's order (Source, DetailType, Detail) and builds the event of `account`. e->id must be set. Errors, each with
 * AWS's sentence: ERR_INVALID_ARGUMENT, ERR_MALFORMED_DETAIL, ERR_VALIDATION (too large, or not UTF-8), ERR_NOMEM. */
enum err event_build(const struct entry *e, struct str account, struct str region, int64_t now_ms, const struct settings *settings, struct arena *a,
                     struct event *event, struct fault *fault) MUST_USE;
/* What a schedule sends: source aws.events, detail-type "Scheduled Event", detail {}, resources [rule arn]. Its time is the one it was due at;
 * it is accepted now. */
enum err event_build_scheduled(struct str account, struct str region, struct str rule_arn, int64_t due_ms, int64_t now_ms,
                               const struct settings *settings, struct arena *a, struct event *event, struct fault *fault) MUST_USE;

#endif
