/* The native gateway: NNG frames -> one api call each -> frames (bus/libbus/PROTOCOL.md).
 *
 * One REP socket with a listener for each URL and a fixed number of contexts. A context is receiving, or it holds one request from the moment it came
 * until its answer was handed to the transport: that number bounds memory, and when all are taken, peers wait in their own socket
 * buffers. Long polls may not take all: past `calls_max` operations under way the next one is refused with ERR_THROTTLING, so that
 * events still get in. The api calls back on any thread; encoding and sending happen on NNG's. */
#ifndef GATE_NNG_H
#define GATE_NNG_H

#include "err.h"

struct api;
struct gate_nng;

struct gate_nng_options {
    const char *const *urls; /* "ipc://PATH", "tcp://ADDRESS:PORT", "tls+tcp://ADDRESS:PORT"; port 0: a free one */
    size_t url_count;
    const char *tls_cert_file, *tls_key_file; /* PEM, for tls+tcp */
    size_t requests_max;                      /* under way at most; 0: 256 */
    size_t calls_max;                         /* of them operations, not puts; 0: three quarters */
};

/* Listens on every URL and serves from then on. `api` must outlive the gate. *gate is the caller's until gate_nng_stop. An ipc socket's file
 * gets mode 0600; one that a killed process left is taken over, any other kind of file is not touched.
 * ERR_USAGE (a URL, a TLS file that is missing), ERR_IO (address in use, not permitted, TLS files unreadable), ERR_NOMEM; `fault->where` names the URL. */
enum err gate_nng_start(struct api *api, const struct gate_nng_options *options, struct gate_nng **gate, struct fault *fault) MUST_USE;
/* The address listener i really has (port 0 replaced); lives as long as the gate. NULL past the last. */
const char *gate_nng_url(const struct gate_nng *gate, size_t i);
/* From now on new requests are answered ERR_SHUTTING_DOWN, which clients take as "try again later"; waits until those under way are
 * answered. ERR_TIMEOUT when some are still under way after timeout_ms. */
enum err gate_nng_drain(struct gate_nng *gate, int timeout_ms) MUST_USE;
/* Closes the listeners, waits until the api has called back for every request it was given (so: call it while the api still works, or after it
 * has answered all), and frees. NULL is allowed. */
void gate_nng_stop(struct gate_nng *gate);

#endif
