/* HttpParameters of a target: what an API destination's request gets beside the event. Values that begin with "$." are paths into the
 * event. Compiled once with the target, immutable; any thread. */
#ifndef FLOW_PARAMETERS_H
#define FLOW_PARAMETERS_H

#include "doc.h"

struct parameters;
/* From the target's HttpParameters, checked against their shape before (NULL or no object: *p is NULL, there are none). Strings are copied
 * into a, which outlives it. ERR_VALIDATION says which value is no path. */
enum err parameters_new(const struct node *http, struct str target_id, struct arena *a, struct parameters **p,
                        struct fault *fault) MUST_USE;
/* Frees the paths. NULL is fine. */
void parameters_free(struct parameters *p);
/* With the event's values in place of the paths, as JSON: {"path": ["v"], "headers": {"K": "v"}, "query": {"k": "v"}}. Strings are put in
 * as they are, numbers and booleans as JSON writes them, objects and lists as JSON text, what is missing or null as nothing. Absent without
 * memory. */
struct str parameters_fill(const struct parameters *p, const struct node *event, struct arena *a);

#endif
