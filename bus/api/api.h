/* The operations engine, as the gateways see it: authenticate a request, then put events or call an operation.
 *
 * A gateway turns bytes into one of these calls and the answer into bytes; it knows no operation by name. */
#ifndef API_API_H
#define API_API_H

#include "entry.h"

struct api;

/* How a native request was signed (bus/libbus/PROTOCOL.md). */
struct api_signature {
    struct str key_id;
    uint8_t session[8];
    uint64_t counter;
    int64_t timestamp_ms;
    uint8_t mac[32];           /* HMAC-SHA256 with the key's secret over `header` then `body` */
};

/* Who asks: resolved from an access key, counted, immutable. */
struct caller;
/* Checks the signature, the time window and the replay guard. ERR_MISSING_AUTH (empty key id), ERR_UNKNOWN_KEY, ERR_INVALID_SIGNATURE, ERR_EXPIRED
 * (the message has the daemon's time), ERR_REPLAYED, ERR_THROTTLING. On ERR_OK *caller is the gateway's until api_caller_release. Any thread. */
enum err api_authenticate(struct api *api, const struct api_signature *signature, struct str header, struct str body, struct caller **caller,
                          struct fault *fault) MUST_USE;
void api_caller_release(struct caller *caller);

/* One batch of events on its way in. The gateway fills the upper part and owns the memory; everything must live until `done`. */
struct api_put {
    struct caller *caller;
    struct arena *arena;       /* batch memory; entries and what they point to live here or as long */
    struct entry *entries;
    size_t count;
    void (*done)(struct api_put *put);
    void *ctx;
    struct entry_result *results; /* set by the engine: one for each entry, in order */
    enum err err;              /* of the whole batch; then results is NULL and fault tells */
    struct fault fault;
};
/* Accepts the batch: `done` is called once, from any thread (also before this returns), when every accepted entry is durable. */
void api_put_events(struct api *api, struct api_put *put);

/* One operation by name with a JSON body. */
struct api_call {
    struct caller *caller;
    struct str operation;      /* "events.PutRule" or, where the name is of one service only, "PutRule" */
    struct str body;           /* JSON text; empty: {} */
    void (*done)(struct api_call *call);
    void *ctx;
    enum err err;              /* ERR_OK: answer holds JSON text; else fault tells */
    struct fault fault;
    struct buf answer;         /* owned by the gateway: buf_init before, buf_fini after */
    void *engine;              /* the engine's own */
};
/* Queues it for a worker thread; `done` is called once, from any thread. Never blocks. */
void api_call(struct api *api, struct api_call *call);

#endif
