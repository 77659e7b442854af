/* The HTTP gateway: bytes -> one api call -> bytes. AWS JSON 1.1, as bus/gate/HTTP.md tells; libmicrohttpd speaks HTTP.
 *
 * One thread runs all connections. It authenticates, reads PutEvents and hands over; nothing it does waits. Answers come from the api's threads, and
 * are written by this one. */
#ifndef GATE_HTTP_H
#define GATE_HTTP_H

#include "api.h"

struct gate_http_options {
    const char *address;      /* "127.0.0.1:4566", "[::1]:0"; port 0: a free one */
    const char *cert_file, *key_file; /* PEM; both or none: with them the listener speaks TLS */
    size_t body_bytes;        /* of one request, also when it is inflated; 0: 8 MiB */
    size_t connections;       /* in all; 0: 16,384. Lowered to what the process may have open */
    size_t connections_per_address; /* 0: as many as in all */
    int64_t idle_ms;          /* a connection without a whole request header is closed after that; 0: 60,000 */
    int64_t header_ms;        /* from the first line of a request to the end of its header; 0: 10,000 */
    int64_t body_ms;          /* from there to the end of its body, and for taking the answer; 0: 30,000 */
    const char *cors_origin;  /* "*" or an origin: browsers there may ask; NULL: none may */
};

struct gate_http;

/* Listens, and serves on a thread of its own. `options` need not live on; the api must outlive the gate. ERR_USAGE (an address, one of two files), ERR_IO
 * (address in use, not permitted, TLS files unreadable or wrong), ERR_NOMEM. */
enum err gate_http_start(struct api *api, const struct gate_http_options *options, struct gate_http **gate, struct fault *fault) MUST_USE;
/* "127.0.0.1:4566": the address it really has. Lives as long as the gate. */
const char *gate_http_address(const struct gate_http *gate);
/* Reads certificate and key again: new connections get the new ones, those that are there go on. On an error nothing changes. ERR_IO, ERR_NOMEM; nothing
 * happens without TLS. Any thread; not while another call of it runs. */
enum err gate_http_reload(struct gate_http *gate, struct fault *fault) MUST_USE;
/* From now on new requests are answered 503, and connections closed behind their answers; waits until those under way are answered. ERR_TIMEOUT when some
 * are still under way after timeout_ms. */
enum err gate_http_drain(struct gate_http *gate, int timeout_ms) MUST_USE;
/* Closes everything, waits until the api has called back for every request it was given, and frees. NULL is allowed. */
void gate_http_stop(struct gate_http *gate);

#endif
