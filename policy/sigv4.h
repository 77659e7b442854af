/* AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html): reading what a request claims, and what
 * its signature should be. Pure: no key, no clock. Any thread.
 *
 * Both forms are known: the Authorization header, and the presigned query (X-Amz-Signature and its kin). The path is encoded as it came, once (services
 * other than S3 sign the encoded form of what is on the wire). The payload's digest is always that of the body. */
#ifndef POLICY_SIGV4_H
#define POLICY_SIGV4_H

#include "arena.h"
#include "err.h"

struct sigv4_header {
    struct str name, value; /* as received; the same name may come several times */
};
struct sigv4_request {
    struct str method, target; /* target: path and query as received */
    const struct sigv4_header *headers;
    size_t header_count;
};

/* What the request says of its signature. Views of the request, or copies in the arena. */
struct sigv4_claim {
    struct str key_id, date /* 20150830 */, region, service;
    struct str signed_headers;   /* "host;x-amz-date" */
    struct str signature;        /* 64 hex digits */
    struct str timestamp;        /* 20150830T123600Z */
    int64_t time_ms;             /* the same */
    int64_t expires_s;           /* presigned: how long it is good for; else -1 */
    struct str content_sha256;   /* x-amz-content-sha256, or absent */
    struct str token;            /* session token, or absent */
};

/* ERR_MISSING_AUTH: the request is not signed. ERR_INCOMPLETE_SIGNATURE: with all that is missing or wrong in it, in AWS's words. ERR_NOMEM. */
enum err sigv4_read(const struct sigv4_request *request, struct arena *a, struct sigv4_claim *claim, struct fault *fault) MUST_USE;

/* The string to sign, which ends with the digest of the canonical request. `body_sha256` is in hex. *canonical (may be NULL) gets the canonical
 * request itself. ERR_INVALID_SIGNATURE when a header that is said to be signed is not there, or Host or an X-Amz-Target is not signed; ERR_NOMEM. */
enum err sigv4_string_to_sign(const struct sigv4_request *request, const struct sigv4_claim *claim, struct str body_sha256, struct arena *a, struct str *out,
                              struct str *canonical, struct fault *fault) MUST_USE;

/* The signing key of a secret for a day, region and service. */
void sigv4_key(struct str secret, struct str date, struct str region, struct str service, uint8_t key[32]);
/* Compares the claim's signature with that of the string in time that does not depend on it. */
bool sigv4_matches(const uint8_t key[32], struct str string_to_sign, struct str signature);

/* "20150830T123600Z" to milliseconds since 1970; false for anything else. */
bool sigv4_time(struct str timestamp, int64_t *ms);
/* The other way round; 17 bytes. */
void sigv4_timestamp(int64_t ms, char out[17]);

#endif
