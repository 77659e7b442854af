/* OAuth access tokens by client credentials (RFC 6749, 4.4): the answer of an authorization endpoint, and how long it may be used. */
#ifndef DESTINATION_TOKEN_H
#define DESTINATION_TOKEN_H

#include "err.h"

enum {
    TOKEN_LIFETIME_DEFAULT_S = 3600, /* when the answer does not say */
    TOKEN_LIFETIME_MAX_S = 30 * 86400,
    TOKEN_SLACK_S = 60,        /* a token is fetched anew that long before its end, or a tenth of its lifetime before when that is less */
    TOKEN_RETRY_MIN_MS = 1000, /* after a failure nothing is asked of the endpoint for so long, doubled with each further one */
    TOKEN_RETRY_MAX_MS = 60000,
};

/* Reads {"access_token", "token_type", "expires_in"}: *value gets what the Authorization header says ("Bearer abc"), *lifetime_s how long
 * the token may be used, the slack taken off. ERR_VALIDATION with a sentence that holds nothing of the token. Pure. */
enum err token_parse(struct str answer, struct buf *value, int64_t *lifetime_s, struct fault *fault) MUST_USE;

#endif
