/* The line to the daemon: the only file that knows NNG. One raw REQ socket with one dialer, which NNG redials by itself.
 *
 * Raw, because a cooked REQ socket sends the identical bytes again when its connection breaks, and the daemon's replay guard must
 * refuse those: the client signs again instead. The line tells by its epoch, which changes whenever a connection comes or goes, that what
 * was sent before has no answer to wait for.
 *
 * link_send, link_take and link_state belong to one thread (the client's); `wake` is called on NNG's threads whenever one of them may
 * have more to say, and must only signal. */
#ifndef LIBBUS_LINK_H
#define LIBBUS_LINK_H

#include "err.h"

struct link;
struct link_message; /* a received frame */

struct link_options {
    const char *url;
    const char *tls_ca_file, *tls_server_name;
    bool tls_insecure;
    void (*wake)(void *ctx);
    void *ctx;
};

/* Makes the socket; no connection yet. ERR_USAGE (URL, TLS options), ERR_IO (TLS file), ERR_NOMEM. */
enum err link_new(const struct link_options *options, struct link **link, struct fault *fault) MUST_USE;
/* Dials and waits for the connection. ERR_UNREACHABLE with the reason, ERR_CLOSED when link_close came in between. Blocks as long as the
 * system takes to connect: another thread calls link_close to end it. */
enum err link_dial(struct link *link, struct fault *fault) MUST_USE;
/* Ends connection and socket; link_dial, if it is under way, returns. Then `wake` is not called any more. */
void link_close(struct link *link);
/* After link_close, when nobody uses it any more. */
void link_free(struct link *link);

struct link_state {
    uint64_t epoch;  /* changes with every connection won or lost */
    bool connected;
    bool can_send;   /* connected, and the previous frame was taken */
};
struct link_state link_state(struct link *link);
/* Sends header and body as one frame with request id `id` (31 bits). Only when can_send. ERR_NOMEM. Never blocks. */
enum err link_send(struct link *link, uint32_t id, struct str header, struct str body) MUST_USE;
/* Drops a frame that no connection has taken yet; for when the epoch has changed. */
void link_cancel(struct link *link);
/* The next received frame with the request id it answers, or false. The message is the caller's until link_message_free. */
bool link_take(struct link *link, struct link_message **message, uint32_t *id, struct str *frame);
void link_message_free(struct link_message *message);
/* Breaks the connection on purpose; NNG dials again. For a line that stands but says nothing. */
void link_hang_up(struct link *link);

#endif
