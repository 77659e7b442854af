/* libbus: the native client of the event bus.
 *
 *     struct bus *bus;
 *     struct bus_fault fault;
 *     if (bus_open(NULL, &bus, &fault)) { fprintf(stderr, "%s\n", fault.message); ... }
 *     struct bus_event event = {.source = "shop", .detail_type = "Order Placed", .detail = "{\"id\": 7}"};
 *     bus_put_async(bus, &event, done, NULL, NULL);       // batched by itself; done(ctx, result) tells what became of it
 *     bus_flush(bus, 10000);
 *     bus_close(bus, 10000);
 *
 * What is promised:
 *  - An event whose result is BUS_ERR_OK is durable in the daemon.
 *  - Every event has an id before it is sent. What was not acknowledged is sent again with the same id, also over a new connection, and
 *    the daemon accepts an id once within five minutes: nothing acknowledged is lost, nothing is doubled. Each event handed to
 *    bus_put_async gets exactly one callback.
 *  - Refusals that pass (throttling, a full store, a daemon that is going down) are tried again, with growing pauses, until the event's
 *    time is over; all others are reported at once.
 *  - Memory is bounded: at most `window_events` events and `window_bytes` bytes are under way.
 *  - Events are not kept in order across batches: who needs an order waits for one result before putting the next event.
 *
 * Threads: a handle may be used by any number of threads at once, except that bus_close must be the last call. A handle has one thread of
 * its own, on which all callbacks run. A handle does not survive fork(): open one in the child.
 *
 * Text is UTF-8 and NUL-terminated unless said otherwise. Times are milliseconds. A pointer given to a function is read until it returns and not
 * kept, unless said otherwise. Nothing of this library writes to stdout or stderr or changes signal handlers. */
#ifndef BUS_H
#define BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BUS_MUST_USE __attribute__((warn_unused_result))
#else
#define BUS_MUST_USE
#endif

#define BUS_VERSION "0.1.0"

/* Errors. The numbers are stable and travel on the wire. */
enum bus_err {
    BUS_ERR_OK = 0,
    BUS_ERR_VALIDATION = 1,
    BUS_ERR_NOT_FOUND = 2,
    BUS_ERR_EXISTS = 3,
    BUS_ERR_LIMIT = 4,
    BUS_ERR_POLICY_LENGTH = 5,
    BUS_ERR_PATTERN = 6,
    BUS_ERR_ACCESS_DENIED = 7,
    BUS_ERR_INVALID_SIGNATURE = 8,
    BUS_ERR_UNKNOWN_KEY = 9,
    BUS_ERR_MISSING_AUTH = 10,
    BUS_ERR_INCOMPLETE_SIGNATURE = 11,
    BUS_ERR_EXPIRED = 12,
    BUS_ERR_REPLAYED = 13,
    BUS_ERR_UNKNOWN_OPERATION = 14,
    BUS_ERR_THROTTLING = 15,
    BUS_ERR_INTERNAL = 16,
    BUS_ERR_MANAGED_RULE = 17,
    BUS_ERR_CONCURRENT = 18,
    BUS_ERR_INVALID_ARGUMENT = 19,
    BUS_ERR_MALFORMED_DETAIL = 20,
    BUS_ERR_INVALID_PARAMETER = 21,
    BUS_ERR_QUEUE_MISSING = 22,
    BUS_ERR_RECEIPT_HANDLE = 23,
    BUS_ERR_EXPIRED_ITERATOR = 24,
    BUS_ERR_IN_USE = 25,
    BUS_ERR_TOO_LARGE = 26,
    BUS_ERR_SHUTTING_DOWN = 27,
    BUS_ERR_MALFORMED = 28,
    BUS_ERR_STORAGE_FULL = 29,
    BUS_ERR_CONFLICT = 30,
    BUS_ERR_QUEUE_EXISTS = 31,
    BUS_ERR_NOT_IN_FLIGHT = 32,
    BUS_ERR_INVALID_STATE = 40,
    BUS_ERR_ILLEGAL_STATUS = 33,
    BUS_ERR_NOMEM = 50,
    BUS_ERR_IO = 51,
    BUS_ERR_CORRUPT = 52,
    BUS_ERR_LOCKED = 53,
    BUS_ERR_SYNTAX = 54,
    BUS_ERR_SCHEMA = 55,
    BUS_ERR_UNREACHABLE = 60,
    BUS_ERR_TIMEOUT = 61,
    BUS_ERR_CLOSED = 62,
    BUS_ERR_WINDOW_FULL = 63,
    BUS_ERR_NO_CREDENTIALS = 64,
    BUS_ERR_PROTOCOL = 65,
    BUS_ERR_USAGE = 66,
    BUS_ERR_PENDING = 90
};

/* What went wrong, where, and what would be right. Owned by the caller; filled only when the function returns an error, and may always
 * be NULL when nobody wants to know. */
struct bus_fault {
    enum bus_err code;
    char where[192];    /* field path ("targets.1.member.id"), file, or empty */
    int line, column;   /* 1-based; 0: no position */
    char message[6144]; /* one sentence */
};

/* "NOT_FOUND". Never NULL: a number nobody knows is "INTERNAL". The three may be called from any thread; the text is static. */
const char *bus_err_name(enum bus_err err);
/* AWS's name of it: "ResourceNotFoundException". */
const char *bus_err_type(enum bus_err err);
/* "the resource does not exist". */
const char *bus_err_sentence(enum bus_err err);
/* True when the same request may succeed later as it is. */
bool bus_err_is_retryable(enum bus_err err);
/* The library's version, like BUS_VERSION of the header it was built from. */
const char *bus_version(void);

/* How to reach a daemon, and as whom. All zero (or NULL in its place) is right for most: everything then comes from the environment and
 * the shared-credentials file. Each member left 0 or NULL takes what is said beside it. */
struct bus_options {
    /* "ipc:///PATH", "tcp://HOST:PORT" or "tls+tcp://HOST:PORT"; else $BUS_ENDPOINT; else `bus_endpoint` of the profile. */
    const char *endpoint;
    /* Both or none; else, unless `profile` is given, $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY; else the profile's. */
    const char *access_key_id, *secret_access_key;
    const char *profile;          /* else $AWS_PROFILE, else "default" */
    const char *credentials_file; /* else $AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials */
    const char *region;           /* else $AWS_REGION, $AWS_DEFAULT_REGION, `region` of the profile if that was read, "us-east-1" */
    const char *tls_ca_file;      /* PEM: who may have signed the daemon's certificate; else $AWS_CA_BUNDLE. tls+tcp needs one, unless tls_insecure */
    const char *tls_server_name;  /* the name the certificate must carry; else the endpoint's host */
    bool tls_insecure;            /* true: any certificate will do. For trials only */
    bool window_full_fails;       /* a full window: true: BUS_ERR_WINDOW_FULL at once; false: bus_put_async waits for room */
    int connect_timeout_ms;       /* of bus_open; 10,000 */
    int request_timeout_ms;       /* from handing in an event or call to its result, repeats included; 30,000, at most 240,000: an id is
                                   * remembered for five minutes */
    size_t window_events;         /* events under way at most; 10,000 */
    size_t window_bytes;          /* bytes of events under way at most; 64 MiB */
    size_t batch_events;          /* events of one request at most; 1,000, at most 10,000 */
    size_t batch_bytes;           /* bytes of one request at most; 1 MiB, at most 8 MiB. One larger event travels alone */
    int linger_ms;                /* how long the first event of a batch may wait for company; 0: a batch goes as soon as the line is free,
                                   * and grows by itself while another is under way */
};

/* A connection to a daemon: opaque. */
struct bus;

/* Opens a connection and waits until it stands. `options` may be NULL. On success *bus is the caller's until bus_close; on error it is NULL.
 * Later losses of the connection are mended by the library itself (from 10 ms to 1 s between attempts).
 * Errors: BUS_ERR_USAGE (an option is out of range, or there is no endpoint), BUS_ERR_NO_CREDENTIALS, BUS_ERR_SYNTAX and BUS_ERR_IO (credentials
 * file, TLS file), BUS_ERR_UNREACHABLE (with the reason), BUS_ERR_TIMEOUT, BUS_ERR_NOMEM. Whether the key is good shows at the first request.
 * Blocks for at most connect_timeout_ms. */
enum bus_err bus_open(const struct bus_options *options, struct bus **bus, struct bus_fault *fault) BUS_MUST_USE;

/* Sends what is left, waits up to timeout_ms for the results, then ends the connection and frees the handle, whatever happens. NULL is allowed.
 * Events without a result by then get their callback with BUS_ERR_CLOSED; they may or may not have been accepted.
 * Errors: BUS_ERR_TIMEOUT when there were such events; BUS_ERR_USAGE on a callback (nothing is done then). */
enum bus_err bus_close(struct bus *bus, int timeout_ms);

/* The region the handle was opened with, for building ARNs. Lives as long as the handle. */
const char *bus_region(const struct bus *bus);
/* The endpoint it was opened with. Lives as long as the handle. */
const char *bus_endpoint(const struct bus *bus);
/* True while there is a connection: a hint, for people. */
bool bus_is_connected(struct bus *bus);

/* ---- events ---- */

/* One event. Members left NULL or 0 are not given; the daemon says which it insists on (source, detail_type and detail). */
struct bus_event {
    const char *bus;              /* name or ARN; NULL: the account's "default" */
    const char *source;
    const char *detail_type;
    const char *detail;           /* JSON text of an object */
    size_t detail_bytes;          /* length of detail; 0: it ends with NUL */
    const char *const *resources; /* resource_count ARNs */
    size_t resource_count;        /* at most 10,000 */
    int64_t time_ms;              /* since 1970; 0: when the daemon gets it */
    const char *id;               /* a UUID of your own, so that you may put the event again later; NULL: the library makes one */
    const char *trace_header;
};

#define BUS_EVENT_ID_SIZE 37 /* a UUID's text with its NUL */

/* What became of one event. */
struct bus_result {
    enum bus_err err;
    bool duplicate;                    /* with BUS_ERR_OK: an event of this id had been accepted before */
    char event_id[BUS_EVENT_ID_SIZE];  /* empty when the event was refused before it had one */
    char message[256];                 /* for errors, else empty */
};

/* Puts one event and waits for its result. `result` may be NULL.
 * Returns the result's err. Errors: BUS_ERR_USAGE (id that is no UUID, or called on a callback), BUS_ERR_TOO_LARGE, BUS_ERR_TIMEOUT (it may or may
 * not have been accepted; putting it again with the same id is safe), BUS_ERR_CLOSED, BUS_ERR_NOMEM, and what the daemon says: BUS_ERR_INVALID_ARGUMENT,
 * BUS_ERR_MALFORMED_DETAIL, BUS_ERR_NOT_FOUND, BUS_ERR_ACCESS_DENIED, BUS_ERR_UNKNOWN_KEY, BUS_ERR_INVALID_SIGNATURE... Blocks for at most request_timeout_ms. */
enum bus_err bus_put(struct bus *bus, const struct bus_event *event, struct bus_result *result, struct bus_fault *fault);

/* Puts `count` events, in as few requests as they fit in, and waits for all results. results (may be NULL) has room for `count`, in the
 * same order. BUS_ERR_OK when all were accepted; else the error of the first that was not, `fault->where` naming it ("events.3"). Partial
 * failure is possible: look at the results. Errors and blocking as bus_put. */
enum bus_err bus_put_many(struct bus *bus, const struct bus_event *events, size_t count, struct bus_result *results, struct bus_fault *fault);

/* Called once for each event, on the library's thread. *result lives until the callback returns. It must not block; it may call
 * bus_put_async, and nothing else of this library that waits (those return BUS_ERR_USAGE there). */
typedef void (*bus_put_done)(void *ctx, const struct bus_result *result);

/* Hands in one event and returns; `done` (NULL: nobody wants to know) is called later. The event is copied.
 * When it returns an error, the event was not taken and `done` will not be called: BUS_ERR_WINDOW_FULL (window_full_fails, or on a callback),
 * BUS_ERR_USAGE, BUS_ERR_TOO_LARGE, BUS_ERR_TIMEOUT (no room within request_timeout_ms), BUS_ERR_CLOSED, BUS_ERR_NOMEM.
 * Blocks only for room in the window. */
enum bus_err bus_put_async(struct bus *bus, const struct bus_event *event, bus_put_done done, void *ctx, struct bus_fault *fault) BUS_MUST_USE;

/* Sends what is waiting and waits until every event handed in before has its result and its callback has returned. BUS_ERR_TIMEOUT,
 * BUS_ERR_USAGE (on a callback). timeout_ms < 0: as long as it takes, which request_timeout_ms bounds. */
enum bus_err bus_flush(struct bus *bus, int timeout_ms) BUS_MUST_USE;

/* ---- operations ---- */

/* Calls any operation: `operation` is "events.PutRule", or "PutRule" where one service only has it; `request` is the JSON text AWS documents for it
 * (NULL: {}). On success *answer (may be NULL) is JSON text to be freed with bus_free; on error it is NULL.
 * Errors: the daemon's, with its sentence and where in the request; BUS_ERR_TIMEOUT, BUS_ERR_TOO_LARGE, BUS_ERR_USAGE, BUS_ERR_CLOSED, BUS_ERR_PROTOCOL,
 * BUS_ERR_NOMEM. When the connection is lost before the answer came, the request is sent again: an operation may then have been done twice
 * (a create reports BUS_ERR_EXISTS). Throttling is tried again until the time is over. Blocks for at most request_timeout_ms. */
enum bus_err bus_call(struct bus *bus, const char *operation, const char *request, char **answer, struct bus_fault *fault);
/* The same with a time limit of its own, for long polls; 1 ms to 240,000. */
enum bus_err bus_call_within(struct bus *bus, int timeout_ms, const char *operation, const char *request, char **answer, struct bus_fault *fault);

/* Frees what bus_call gave. NULL is allowed. */
void bus_free(void *p);

/* Thin forms of the most used operations; errors as bus_call. Names and texts go into the request as JSON strings; NULL members are left out.
 * `bus_name` NULL is the account's "default". *arn (may be NULL) is freed with bus_free. */
enum bus_err bus_create_event_bus(struct bus *bus, const char *name, char **arn, struct bus_fault *fault);
enum bus_err bus_delete_event_bus(struct bus *bus, const char *name, struct bus_fault *fault);
/* Either `event_pattern` (JSON text) or `schedule` or both. */
struct bus_rule {
    const char *name, *bus_name, *event_pattern, *schedule, *description;
    bool disabled;
};
enum bus_err bus_put_rule(struct bus *bus, const struct bus_rule *rule, char **arn, struct bus_fault *fault);
enum bus_err bus_delete_rule(struct bus *bus, const char *bus_name, const char *rule, struct bus_fault *fault);
enum bus_err bus_enable_rule(struct bus *bus, const char *bus_name, const char *rule, struct bus_fault *fault);
enum bus_err bus_disable_rule(struct bus *bus, const char *bus_name, const char *rule, struct bus_fault *fault);
/* At most one of input, input_path and input_transformer (JSON text of the InputTransformer object). */
struct bus_target {
    const char *id, *arn, *input, *input_path, *input_transformer, *dead_letter_arn;
};
/* Target entries that the daemon refuses one by one (FailedEntries) are an error as well: the first one's. */
enum bus_err bus_put_targets(struct bus *bus, const char *bus_name, const char *rule, const struct bus_target *targets, size_t count,
                             struct bus_fault *fault);
enum bus_err bus_remove_targets(struct bus *bus, const char *bus_name, const char *rule, const char *const *ids, size_t count,
                                struct bus_fault *fault);
/* Lets `principal` (an account, or "*") put events on the bus, as statement `statement_id`. */
enum bus_err bus_put_permission(struct bus *bus, const char *bus_name, const char *statement_id, const char *principal, struct bus_fault *fault);
enum bus_err bus_remove_permission(struct bus *bus, const char *bus_name, const char *statement_id, struct bus_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
