/* CloudEvents 1.0 (github.com/cloudevents/spec: the specification, its JSON format and its HTTP binding), in and out.
 * bus/api/CLOUDEVENTS.md tells users what goes where.
 *
 * In: source and type are the event's source and detail-type, subject its one resource. Data that is an object is the detail; any other
 * stands in the detail's member `data` or `data_base64`. The detail's member `cloudevents` holds all other attributes, and in `data_in`
 * where the data is when it is not the detail itself: nothing is lost, and rules can match it. The event's id is a digest of bus, source
 * and id, which together name an event: what is sent again has the same. Out: the way back; for events that never were CloudEvents the
 * envelope's fields become attributes. Pure; any thread. */
#ifndef RULES_CLOUDEVENT_H
#define RULES_CLOUDEVENT_H

#include "doc.h"
#include "entry.h"

enum { CLOUDEVENTS_BATCH_MAX = 1000 };

struct cloudevent_header {
    struct str name, value;
};
struct cloudevent_message {
    struct str content_type; /* absent: none */
    const struct cloudevent_header *headers;
    size_t header_count;
    struct str body;
};

/* How a message carries events. NONE: it says of none. FOREIGN: as XML or otherwise, in a format that is not read here. */
enum cloudevent_mode { CLOUDEVENT_NONE, CLOUDEVENT_FOREIGN, CLOUDEVENT_BINARY, CLOUDEVENT_STRUCTURED, CLOUDEVENT_BATCH };
enum cloudevent_mode cloudevent_mode_of(const struct cloudevent_message *message);

/* The entries of a message for `bus` (a name or an ARN; a view of it goes into every entry). The mode is BINARY, STRUCTURED or BATCH.
 * Strings are views of the message, or in the arena. ERR_SYNTAX (the body is no JSON, with line and column), ERR_VALIDATION (`where` is
 * events.N in a batch), ERR_TOO_LARGE (too many events, or more memory than the arena has). All or none. */
enum err cloudevents_read(const struct cloudevent_message *message, struct str bus, struct arena *a, struct entry **entries, size_t *count,
                          struct fault *fault) MUST_USE;

/* An event as a structured CloudEvent, minified, into the arena. `data` is JSON that stands for the event's own data (what an input
 * transformer made of it); absent: the event's own. It always begins with the member specversion. ERR_NOMEM. */
enum err cloudevent_write(const struct node *event, struct str data, struct arena *a, struct str *out, struct fault *fault) MUST_USE;

/* Names of attributes: lower-case letters and digits. For both ways. */
bool cloudevent_name_is_valid(struct str name);
/* specversion, id, source, type, subject, time, datacontenttype, dataschema, data, data_base64: what cannot be an extension's name. */
bool cloudevent_name_is_known(struct str name);

#endif
