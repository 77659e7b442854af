/* Evaluation: what policies say of a request. Allocates nothing, locks nothing; any thread. */
#ifndef POLICY_EVALUATE_H
#define POLICY_EVALUATE_H

#include "document.h"

/* A condition key of the request with its values. */
struct policy_key {
    struct str name;
    const struct str *values;
    size_t count;
};
struct policy_request {
    struct str principal_account; /* 12 digits */
    struct str principal_arn;     /* absent: the account as a whole */
    struct str service;           /* "events.amazonaws.com" when a service acts for the account; else absent */
    struct str action, resource;
    const struct policy_key *keys;
    size_t key_count;
};

enum policy_verdict { POLICY_SILENT, POLICY_ALLOW, POLICY_DENY };
/* NULL says nothing. Deny wins over Allow. */
enum policy_verdict policy_eval(const struct policy *p, const struct policy_request *request);

/* Why a request was refused, for the AccessDenied message. */
struct policy_reason {
    enum policy_reason_code {
        REASON_NONE, REASON_IDENTITY_DENY, REASON_IDENTITY_SILENT, REASON_RESOURCE_DENY, REASON_RESOURCE_SILENT, REASON_NO_RESOURCE_POLICY
    } code;
    char statement[80]; /* Sid or number of the statement that denies */
};
/* The whole decision for a caller: an explicit Deny anywhere refuses; a key with an identity policy needs an Allow in it; a resource of another
 * account (`owner_account`) needs an Allow in `resource`. Either policy may be NULL (no document). `why` is always filled. */
bool policy_authorize(const struct policy *identity, const struct policy *resource, const struct policy_request *request, struct str owner_account,
                      struct policy_reason *why);
/* "because no resource-based policy allows the events:PutEvents action", into out. */
void policy_reason_text(const struct policy_reason *why, char *out, size_t size);

#endif
