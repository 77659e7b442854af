/* The native frame: bytes <-> structs. Pure: no socket, no clock, no allocation but the caller's arena or buf. PROTOCOL.md has the layout.
 *
 *   request = header (magic, version, kind, session, counter, timestamp, key id), mac, body          CALL, PUT
 *   answer  = header (magic, version, kind), body                                                    ANSWER, ERROR, RESULTS
 *
 * Decoded strings are views into the frame: they live as long as its bytes do. Everything that comes from a peer is checked against the
 * bytes that are there; a frame that does not fit is ERR_MALFORMED with the place, one that is too large ERR_TOO_LARGE. */
#ifndef LIBBUS_WIRE_H
#define LIBBUS_WIRE_H

#include "arena.h"
#include "err.h"
#include "hash.h"

enum wire_kind { WIRE_CALL = 1, WIRE_PUT = 2, WIRE_ANSWER = 3, WIRE_ERROR = 4, WIRE_RESULTS = 5 };
enum {
    WIRE_VERSION = 1,
    WIRE_FRAME_MAX = 16 << 20, /* bytes of a whole frame, either way */
    WIRE_ENTRIES_MAX = 10000,  /* of one PUT or RESULTS */
    WIRE_KEY_ID_MAX = 128,
    WIRE_OPERATION_MAX = 128,
    WIRE_RESOURCES_MAX = 10000, /* of one entry */
    WIRE_HEADER_MAX = 32 + WIRE_KEY_ID_MAX + 32,
    WIRE_PUT_COUNT_BYTES = 4, /* at the start of a PUT's body: wire_put_begin reserves it, wire_put_end fills it */
};

/* Who sends a request, and the proof. */
struct wire_signature {
    struct str key_id;
    uint8_t session[8];
    uint64_t counter;
    int64_t timestamp_ms;
    uint8_t mac[32];
};

/* One event of a PUT. Absent strings travel as absent. */
struct wire_entry {
    struct id id;
    bool has_id;
    int64_t time_ms; /* -1: none given */
    struct str bus, source, detail_type, trace_header;
    struct str *resources;
    size_t resource_count;
    struct str detail;
};

/* What became of one entry. */
struct wire_result {
    enum err err;
    struct id id;
    bool duplicate;
    struct str message; /* absent: none */
};

/* A request taken apart as far as its signature: `signed_header` and `body` are what the mac covers. */
struct wire_request {
    enum wire_kind kind; /* CALL or PUT */
    struct wire_signature signature;
    struct str signed_header, body;
};

/* An ERROR. */
struct wire_error {
    enum err err;
    struct str type; /* AWS's name of it */
    struct str where, message;
    uint32_t line, column;
    int64_t daemon_ms; /* the daemon's clock when it answered */
};

/* An answer taken apart: which member holds depends on the kind. */
struct wire_answer {
    enum wire_kind kind;
    struct str json;             /* ANSWER */
    struct wire_error error;     /* ERROR */
    struct wire_result *results; /* RESULTS; in the arena */
    size_t count;
};

/* ---- requests, encoding (client) ---- */

/* Writes header and mac of a request whose body is `body` into out[WIRE_HEADER_MAX] and returns their length; the mac in *signature is
 * computed here, with `secret`. The key id must have at most WIRE_KEY_ID_MAX bytes. Any thread. */
size_t wire_sign(enum wire_kind kind, struct wire_signature *signature, struct str secret, struct str body, uint8_t out[WIRE_HEADER_MAX]);
/* A PUT's body: begin, then wire_put_add for each entry, then end with the count of entries. */
void wire_put_begin(struct buf *body);
void wire_put_end(struct buf *body, size_t count);
/* Bytes that wire_put_add will append. Sizes beyond WIRE_FRAME_MAX are given as they are: the caller refuses. */
size_t wire_put_size(const struct wire_entry *entry);
/* Appends one entry. A body that cannot grow has `failed` set. */
void wire_put_add(struct buf *body, const struct wire_entry *entry);
/* A CALL's body. The operation's name must have at most WIRE_OPERATION_MAX bytes. */
void wire_call_body(struct buf *body, struct str operation, struct str json);

/* ---- requests, decoding (daemon) ---- */

/* Takes a frame apart as far as the signature; checks nothing but the form. ERR_MALFORMED, ERR_TOO_LARGE. */
enum err wire_read_request(struct str frame, struct wire_request *request, struct fault *fault) MUST_USE;
/* A PUT's entries into the arena. ERR_MALFORMED, ERR_TOO_LARGE (too many entries), ERR_NOMEM (past the arena's cap). */
enum err wire_read_put(struct str body, struct arena *arena, struct wire_entry **entries, size_t *count, struct fault *fault) MUST_USE;
enum err wire_read_call(struct str body, struct str *operation, struct str *json, struct fault *fault) MUST_USE;

/* ---- answers ---- */

void wire_answer(struct buf *frame, struct str json);
void wire_error(struct buf *frame, const struct fault *fault, int64_t daemon_ms);
void wire_results_begin(struct buf *frame, size_t count);
void wire_results_add(struct buf *frame, const struct wire_result *result);
/* Takes an answer apart. ERR_PROTOCOL for what is not one, ERR_NOMEM. */
enum err wire_read_answer(struct str frame, struct arena *arena, struct wire_answer *answer, struct fault *fault) MUST_USE;

#endif
