/* What the engine keeps for api_authenticate_http. */
#ifndef API_HTTP_AUTH_H
#define API_HTTP_AUTH_H

#include <pthread.h>
#include <stdio.h>

#include "api.h"

struct http_auth;
/* NULL without memory. */
struct http_auth *http_auth_new(void);
void http_auth_free(struct http_auth *h);

#endif
