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

/* A request as HTTP carried it; views that live as long as the call. */
struct api_http_header {
    struct str name, value;
};
struct api_http_request {
    struct str method, target; /* target: path and query as received */
    const struct api_http_header *headers;
    size_t header_count;
    struct str body;           /* as sent: before any Content-Encoding is undone */
};
/* Checks a SigV4 signature (policy/sigv4.h; Authorization header or presigned query) of a key of this installation. ERR_MISSING_AUTH,
 * ERR_INCOMPLETE_SIGNATURE, ERR_UNKNOWN_KEY, ERR_INVALID_SIGNATURE (also: outside the time window, with the daemon's time; another region; a payload
 * digest that is not the body's, is UNSIGNED-PAYLOAD while that is not allowed, or announces signed chunks), ERR_NOMEM. There is no replay guard: clients
 * sign retries anew, but may also send them as they were. With `--auth open` the key id alone counts. On ERR_OK *caller is the gateway's until
 * api_caller_release. Any thread. */
enum err api_authenticate_http(struct api *api, const struct api_http_request *request, struct caller **caller, struct fault *fault) MUST_USE;

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

/* Reads the JSON body of a PutEvents request without jansson. False when it is anything but a plain one that keeps every limit: then the operation
 * "events.PutEvents" is to be asked, which says what is wrong. Strings are views of the body, or in the arena. Any thread. */
bool api_read_put(struct str body, size_t most_bytes, struct arena *a, struct entry **entries, size_t *count);
/* Reads a request of CloudEvents' HTTP binding (rules/CLOUDEVENTS.md); `body` is the request's with its Content-Encoding undone, `bus` goes into every entry.
 * ERR_MALFORMED with what is wrong and where, ERR_NOMEM. Any thread. */
enum err api_read_cloudevents(const struct api_http_request *request, struct str body, struct str bus, struct arena *a, struct entry **entries, size_t *count,
                              struct fault *fault) MUST_USE;
/* Answers a batch as the operation would: its JSON, in order. */
void api_write_results(const struct api_put *put, struct buf *out);
/* The bytes that the entries of one PutEvents request may have together. */
size_t api_put_bytes_most(const struct api *api);

/* AWS's query protocol: parameters in the URL's query or in a form, XML as the answer. STS GetCallerIdentity is what is asked so. Both write the answer and
 * give its HTTP status. Never block; any thread. */
int api_query(struct api *api, struct caller *caller, struct str query, struct str form, struct str request_id, struct buf *answer);
int api_query_error(enum err err, const struct fault *fault, struct str request_id, struct buf *answer);

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
