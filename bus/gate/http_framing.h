/* How long a request's body is said to be, and what else HTTP/1.1 wants of a header (RFC 9112). libmicrohttpd takes requests that two
 * parties on the way may read differently, with two lengths for instance; here they are refused before anything is looked at. */
#ifndef GATE_HTTP_FRAMING_H
#define GATE_HTTP_FRAMING_H

#include <microhttpd.h>

#include "err.h"

/* 0, or the status to refuse the request with (400, 411, 417, 501) and why: an AWS error type and a sentence, static. `version` is
 * "HTTP/1.1" or "HTTP/1.0". The connection's own thread. */
int http_framing_check(struct MHD_Connection *mhd, const char *method, const char *version, const char **type, const char **why);

#endif
