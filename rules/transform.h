/* What a target gets instead of the event: Input, InputPath or InputTransformer.
 *
 * Compiled once per target, immutable, applied per event. Source: AWS, "EventBridge input transformation"; the behaviour recorded in the
 * specification. A template is one of two:
 *   JSON template    {"instance": <id>, "text": "now <state>"}   an unquoted placeholder becomes its JSON, inside quotes it is spliced as text
 *   string template  "now <state>"                               quoted as a whole; keeps its quotes
 * In text an object loses its inner quotes, a list becomes [A,B], what the path does not find is empty ("" where it stands unquoted). Pure; any thread. */
#ifndef RULES_TRANSFORM_H
#define RULES_TRANSFORM_H

#include "doc.h"

struct transform;
struct transform_path {
    struct str name, path;
};
struct transform_spec {
    struct str target_id;         /* for messages */
    struct str input, input_path; /* absent: none */
    struct str template;          /* absent: none; then there are no paths either */
    struct str cloud_events;      /* "structured": the event as a CloudEvent (cloudevent.h); absent: none */
    const struct transform_path *paths;
    size_t path_count;
};
/* *out is NULL with ERR_OK when nothing is given: the event goes as it is. ERR_VALIDATION with the service's sentence ("Only one of Input, InputPath, or
 * InputTransformer must be provided for target T.", "InputTemplate for target T contains invalid placeholder K."), ERR_NOMEM. Copies what it needs. */
enum err transform_new(const struct transform_spec *spec, struct transform **out, struct fault *fault) MUST_USE;
/* NULL is fine. */
void transform_free(struct transform *t);

struct transform_event {
    struct str json;              /* the whole event, minified */
    const struct node *root;
    struct str rule_arn, rule_name;
    int64_t ingestion_ms;
};
/* The target's input into the arena: minified JSON. ERR_VALIDATION when the template's result is no JSON (the target gets nothing: INVALID_JSON),
 * ERR_NOMEM. */
enum err transform_apply(const struct transform *t, const struct transform_event *event, struct arena *a, struct str *out, struct fault *fault) MUST_USE;

#endif
