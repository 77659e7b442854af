/* Editing policy documents: what PutPermission and RemovePermission do to the text. EventBridge's form, minified. Pure; any thread. */
#ifndef POLICY_STATEMENTS_H
#define POLICY_STATEMENTS_H

#include "document.h"

struct policy_permission {
    struct str sid;
    struct str principal;      /* 12 digits, or "*" */
    struct str action, resource;
    struct str condition_type, condition_key, condition_value; /* all absent, or all given; need principal "*" */
};
/* Appends the document with the statement added to *out; one with the same Sid is replaced. An absent document begins a new one. ERR_VALIDATION (condition
 * without "*", parts missing, a document or statement that does not hold), ERR_POLICY_LENGTH past max_bytes, ERR_CORRUPT for a document that is no
 * policy, ERR_NOMEM; then *out is as it was. */
enum err policy_permission_add(struct str document, const struct policy_permission *permission, size_t max_bytes, struct buf *out,
                               struct fault *fault) MUST_USE;
/* Appends the document without the statement; *empty when no statement is left (then *out is not written). ERR_NOT_FOUND "Statement with the
 * provided id does not exist." */
enum err policy_permission_remove(struct str document, struct str sid, struct buf *out, bool *empty, struct fault *fault) MUST_USE;

#endif
