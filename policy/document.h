/* Policy documents: IAM JSON, read once into an immutable object that is evaluated without parsing, locks or memory.
 *
 * Understood: Version, Id, Statement (one or a list) of Sid, Effect, Principal or NotPrincipal ("*", {"AWS": ...}, {"Service": ...}), Action or
 * NotAction, Resource or NotResource (with * and ?), Condition (the operators of conditions.def with IfExists, ForAnyValue: and ForAllValues:,
 * the keys of condition_keys). Anything else is refused with its path and what would be right. Policy variables (${...}) are refused.
 * Source: AWS, "IAM JSON policy elements reference". Pure; any thread. */
#ifndef POLICY_DOCUMENT_H
#define POLICY_DOCUMENT_H

#include "err.h"

struct policy;
enum policy_kind {
    POLICY_RESOURCE, /* stands on a bus, queue or topic: statements name principals */
    POLICY_IDENTITY, /* stands on an access key: statements name none, and name resources */
};

/* ERR_VALIDATION with the field's path in `where` ("Statement[1].Condition.StringLike") and in the message; for text that is no JSON line and column too.
 * The text is not needed afterwards. On success *out is the caller's, until policy_free. */
enum err policy_parse(struct str json, enum policy_kind kind, struct policy **out, struct fault *fault) MUST_USE;
/* NULL is fine. */
void policy_free(struct policy *p);
/* Checks that the document is a resource policy and that every statement's resources are this bus or rules on it. */
enum err policy_names_bus(struct str json, struct str bus_arn, struct fault *fault) MUST_USE;

#endif
