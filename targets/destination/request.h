/* One HTTP request of an API destination, from what was declared: endpoint, connection, the target's parameters, the event.
 *
 * A value that more than one place gives comes from the connection, as with the service. Nothing that stands in an event can break out of
 * its place: what goes into the URL is percent-encoded, what goes into a header must be free of control characters, what goes into the body
 * is a JSON string. */
#ifndef DESTINATION_REQUEST_H
#define DESTINATION_REQUEST_H

#include <curl/curl.h>

#include "registry.h"

struct request {
    struct arena arena;   /* wiped: headers and URL may hold secrets */
    struct str url, body; /* NUL-terminated; an absent body: none is sent */
    struct curl_slist *headers;
    const char *method;
};
/* Fills it for one delivery; `token` is the OAuth access token's header value ("Bearer ..."), absent for other kinds. ERR_VALIDATION says
 * what of the event or of the target cannot be sent (the message holds no secret); ERR_NOMEM. */
enum err request_fill(struct request *r, const struct destination *d, const struct connection *c, const struct delivery *delivery,
                      struct str token, struct fault *fault) MUST_USE;
/* For a token (RFC 6749, 4.4): client_id, client_secret and grant_type=client_credentials as a form (PUT, POST) or in the query (GET), and
 * the connection's OAuthHttpParameters, which win over these three. */
enum err request_fill_token(struct request *r, const struct connection_oauth *oauth, struct fault *fault) MUST_USE;
/* Hands all of it to the handle, which borrows it. False without memory. */
bool request_apply(const struct request *r, CURL *easy) __attribute__((warn_unused_result));
void request_fini(struct request *r);

/* Puts string members into a JSON object, in place of those that have their names. Everything else keeps its bytes. ERR_VALIDATION when the
 * text is no object; ERR_NOMEM. Pure. */
enum err body_merge(struct str json, const struct connection_parameter *members, size_t count, struct buf *out,
                    struct fault *fault) MUST_USE;
/* Replaces every secret of the connection, as it is and as it travels, by **** in the buffer. */
void request_redact(const struct connection_auth *auth, struct str token, struct buf *text);

#endif
