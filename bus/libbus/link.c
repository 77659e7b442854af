#include "link.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdlib.h>

#include "wire.h"

enum {
    INBOX_MAX = 16,
    RECONNECT_MIN_MS = 10,
    RECONNECT_MAX_MS = 1000,
    /* NNG before 1.8 hangs for good when a socket is closed between the moment a pipe takes up its next receive and the moment that is
     * scheduled (nanomsg/nng issue 1813). So: take nothing more, let a frame that is on its way come to rest, then close. Without this 1 close
     * in 10 hung that came right behind an answer; the window itself is some microseconds. */
    QUIET_MS = 20,
};
#define REQUEST_ID_BIT 0x80000000u /* ends the backtrace in the header of NNG's REQ/REP protocol */

struct link {
    nng_socket socket;
    nng_dialer dialer;
    nng_aio *send_aio, *receive_aio;
    void (*wake)(void *ctx);
    void *ctx;
    char *url;

    pthread_mutex_t lock; /* guards what follows */
    uint64_t epoch;
    int pipe; /* 0: not connected */
    bool sending, receiving, closed;
    bool traffic; /* a frame was sent at some time */
    nng_msg *inbox[INBOX_MAX];
    size_t inbox_at, inbox_count;
};

/* ---- on NNG's threads: note and wake ---- */

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg) {
    struct link *l = arg;
    int id = nng_pipe_id(pipe);
    pthread_mutex_lock(&l->lock);
    if (event == NNG_PIPE_EV_ADD_POST) {
        l->pipe = id;
        l->epoch++;
    } else if (l->pipe == id) {
        l->pipe = 0;
        l->epoch++;
    }
    pthread_mutex_unlock(&l->lock);
    l->wake(l->ctx);
}

static void on_sent(void *arg) {
    struct link *l = arg;
    if (nng_aio_result(l->send_aio)) { /* cancelled or closed: the client sends again what has no answer */
        nng_msg_free(nng_aio_get_msg(l->send_aio));
        nng_aio_set_msg(l->send_aio, NULL);
    }
    pthread_mutex_lock(&l->lock);
    l->sending = false;
    pthread_mutex_unlock(&l->lock);
    l->wake(l->ctx);
}

static void on_received(void *arg) {
    struct link *l = arg;
    int rv = nng_aio_result(l->receive_aio);
    nng_msg *msg = rv ? NULL : nng_aio_get_msg(l->receive_aio);
    pthread_mutex_lock(&l->lock);
    if (msg) l->inbox[(l->inbox_at + l->inbox_count++) % INBOX_MAX] = msg;
    bool more = l->receiving = !l->closed && rv != NNG_ECLOSED && rv != NNG_ECANCELED && l->inbox_count < INBOX_MAX;
    pthread_mutex_unlock(&l->lock);
    if (more) nng_recv_aio(l->socket, l->receive_aio);
    l->wake(l->ctx);
}

/* ---- life ---- */

static enum err set_tls(struct link *l, const struct link_options *o, struct fault *fault) {
    if (!o->tls_ca_file && !o->tls_insecure)
        return fault_set(fault, ERR_USAGE, "%s: tls+tcp needs a CA file (tls_ca_file, $AWS_CA_BUNDLE): the certificate(s) that may have signed the daemon's", o->url);
    nng_tls_config *config = NULL;
    const char *what = "TLS is not available";
    int rv = nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT);
    if (!rv) rv = nng_tls_config_auth_mode(config, o->tls_insecure ? NNG_TLS_AUTH_MODE_NONE : NNG_TLS_AUTH_MODE_REQUIRED);
    if (!rv && o->tls_server_name) rv = nng_tls_config_server_name(config, o->tls_server_name);
    if (!rv && o->tls_ca_file) {
        what = "tls_ca_file cannot be used";
        rv = nng_tls_config_ca_file(config, o->tls_ca_file);
    }
    if (!rv) rv = nng_dialer_set_ptr(l->dialer, NNG_OPT_TLS_CONFIG, config);
    if (config) nng_tls_config_free(config); /* the dialer holds it */
    if (!rv) return ERR_OK;
    return fault_at(fault, rv == NNG_ENOMEM ? ERR_NOMEM : ERR_IO, o->tls_ca_file ? o->tls_ca_file : "", 0, 0, "%s (%s): %s", what,
                    o->tls_ca_file ? o->tls_ca_file : o->url, nng_strerror(rv));
}

static int set_up(struct link *l) {
    int rv = nng_aio_alloc(&l->send_aio, on_sent, l);
    if (!rv) rv = nng_aio_alloc(&l->receive_aio, on_received, l);
    if (rv) return rv;
    nng_aio_set_timeout(l->send_aio, NNG_DURATION_INFINITE);
    nng_aio_set_timeout(l->receive_aio, NNG_DURATION_INFINITE);
    rv = nng_socket_set_size(l->socket, NNG_OPT_RECVMAXSZ, WIRE_FRAME_MAX + 64);
    if (!rv) rv = nng_socket_set_ms(l->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    if (!rv) rv = nng_socket_set_ms(l->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    if (!rv) rv = nng_pipe_notify(l->socket, NNG_PIPE_EV_ADD_POST, on_pipe, l);
    if (!rv) rv = nng_pipe_notify(l->socket, NNG_PIPE_EV_REM_POST, on_pipe, l);
    return rv;
}

enum err link_new(const struct link_options *o, struct link **link, struct fault *fault) {
    struct str url = str_from(o->url);
    bool tls = str_starts(url, STR("tls+tcp://")), tcp = str_starts(url, STR("tcp://"));
    *link = NULL;
    if (!tls && !tcp && !str_starts(url, STR("ipc://")))
        return fault_set(fault, ERR_USAGE, "the endpoint \"%s\" must begin with ipc://, tcp:// or tls+tcp://", o->url);
    struct link *l = calloc(1, sizeof *l);
    if (!l) return fault_set(fault, ERR_NOMEM, NULL);
    l->wake = o->wake;
    l->ctx = o->ctx;
    pthread_mutex_init(&l->lock, NULL);
    l->url = strdup(o->url);
    enum err err = ERR_OK;
    int rv = l->url ? nng_req0_open_raw(&l->socket) : NNG_ENOMEM;
    if (rv) {
        free(l->url);
        free(l);
        return fault_set(fault, ERR_NOMEM, "no socket: %s", nng_strerror(rv));
    }
    rv = set_up(l);
    if (rv) err = fault_set(fault, ERR_NOMEM, "the socket cannot be set up: %s", nng_strerror(rv));
    if (!err && (rv = nng_dialer_create(&l->dialer, l->socket, o->url)) != 0)
        err = fault_set(fault, rv == NNG_ENOMEM ? ERR_NOMEM : ERR_USAGE, "the endpoint \"%s\" cannot be used: %s", o->url, nng_strerror(rv));
    if (!err && tls) err = set_tls(l, o, fault);
    if (!err && (tls || tcp) && (rv = nng_dialer_set_bool(l->dialer, NNG_OPT_TCP_KEEPALIVE, true)) != 0)
        err = fault_set(fault, ERR_USAGE, "the endpoint \"%s\" cannot be used: %s", o->url, nng_strerror(rv));
    if (err) {
        link_close(l);
        link_free(l);
        return err;
    }
    *link = l;
    return ERR_OK;
}

enum err link_dial(struct link *l, struct fault *fault) {
    int rv = nng_dialer_start(l->dialer, 0);
    if (rv == NNG_ECLOSED) return fault_set(fault, ERR_CLOSED, NULL);
    if (rv == NNG_ECRYPTO || rv == NNG_EPEERAUTH)
        return fault_set(fault, ERR_UNREACHABLE, "%s: the daemon's certificate was refused: %s", l->url, nng_strerror(rv));
    if (rv)
        return fault_set(fault, ERR_UNREACHABLE, "%s: no daemon answers: %s", l->url,
                         rv == NNG_ENOENT || rv == NNG_ECONNREFUSED ? "nobody listens there; is busd running?" : nng_strerror(rv));
    l->receiving = true;
    nng_recv_aio(l->socket, l->receive_aio);
    return ERR_OK;
}

void link_close(struct link *l) {
    pthread_mutex_lock(&l->lock);
    bool again = l->closed;
    l->closed = true;
    pthread_mutex_unlock(&l->lock);
    if (again) return;
    if (l->send_aio) nng_aio_stop(l->send_aio);
    if (l->receive_aio) nng_aio_stop(l->receive_aio);
    if (l->traffic) nng_msleep(QUIET_MS);
    nng_close(l->socket);
}

void link_free(struct link *l) {
    while (l->inbox_count) {
        nng_msg_free(l->inbox[l->inbox_at]);
        l->inbox_at = (l->inbox_at + 1) % INBOX_MAX;
        l->inbox_count--;
    }
    if (l->send_aio) nng_aio_free(l->send_aio);
    if (l->receive_aio) nng_aio_free(l->receive_aio);
    pthread_mutex_destroy(&l->lock);
    free(l->url);
    free(l);
}

/* ---- traffic ---- */

struct link_state link_state(struct link *l) {
    pthread_mutex_lock(&l->lock);
    struct link_state s = {.epoch = l->epoch, .connected = l->pipe != 0, .can_send = l->pipe != 0 && !l->sending && !l->closed};
    pthread_mutex_unlock(&l->lock);
    return s;
}

enum err link_send(struct link *l, uint32_t id, struct str header, struct str body) {
    nng_msg *msg;
    if (nng_msg_alloc(&msg, header.n + body.n)) return ERR_NOMEM;
    char *p = nng_msg_body(msg);
    memcpy(p, header.p, header.n);
    if (body.n) memcpy(p + header.n, body.p, body.n);
    if (nng_msg_header_append_u32(msg, id | REQUEST_ID_BIT)) {
        nng_msg_free(msg);
        return ERR_NOMEM;
    }
    pthread_mutex_lock(&l->lock);
    l->sending = l->traffic = true;
    pthread_mutex_unlock(&l->lock);
    nng_aio_set_msg(l->send_aio, msg);
    nng_send_aio(l->socket, l->send_aio);
    return ERR_OK;
}

void link_cancel(struct link *l) { nng_aio_cancel(l->send_aio); }

bool link_take(struct link *l, struct link_message **message, uint32_t *id, struct str *frame) {
    pthread_mutex_lock(&l->lock);
    nng_msg *msg = NULL;
    if (l->inbox_count) {
        msg = l->inbox[l->inbox_at];
        l->inbox_at = (l->inbox_at + 1) % INBOX_MAX;
        l->inbox_count--;
    }
    bool resume = msg && !l->receiving && !l->closed;
    if (resume) l->receiving = true;
    pthread_mutex_unlock(&l->lock);
    if (resume) nng_recv_aio(l->socket, l->receive_aio);
    if (!msg) return false;
    uint32_t raw = 0;
    if (nng_msg_header_len(msg) >= 4) (void)nng_msg_header_chop_u32(msg, &raw); /* the last word; cannot fail: the length was looked at */
    *id = raw & ~REQUEST_ID_BIT;
    *frame = str_of(nng_msg_body(msg), nng_msg_len(msg));
    *message = (struct link_message *)msg;
    return true;
}

void link_message_free(struct link_message *message) { nng_msg_free((nng_msg *)message); }

void link_hang_up(struct link *l) {
    pthread_mutex_lock(&l->lock);
    int id = l->pipe;
    pthread_mutex_unlock(&l->lock);
    if (id) nng_pipe_close((nng_pipe){.id = (uint32_t)id});
}
