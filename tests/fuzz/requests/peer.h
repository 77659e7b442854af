/* One connection to the HTTP gateway: signs a request, sends it, reads the whole answer. One thread's. */
#ifndef REQUESTS_PEER_H
#define REQUESTS_PEER_H

#include "str.h"

struct peer_keys {
    struct str id, secret, region;
};
struct peer {
    const char *address; /* "127.0.0.1:4566" */
    struct peer_keys keys;
    int fd; /* -1: closed */
    struct buf in;
};
struct peer_request {
    const char *method, *path;
    struct str query;       /* without its question mark; absent: none */
    struct str target;      /* X-Amz-Target; absent: none */
    const char *type;       /* Content-Type; NULL: none */
    const char *encoding;   /* Content-Encoding; NULL: none */
    const char *service;    /* it is signed for */
    bool unsigned_, forged; /* no signature, or a wrong one */
    struct str body;
};

void peer_init(struct peer *p, const char *address, struct peer_keys keys);
void peer_fini(struct peer *p);
/* The status, with the body in *body (a view, good until the next request). 0: there was no whole answer, and the connection is closed; 20
 * s are waited. */
int peer_ask(struct peer *p, const struct peer_request *r, struct str *body);

#endif
