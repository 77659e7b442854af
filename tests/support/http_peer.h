/* An HTTP server on loopback that records requests and gives the answer a test asks for. Included by exactly one file of a program.
 *
 * A thread accepts, a thread serves each connection (kept alive between requests). */
#ifndef SUPPORT_HTTP_PEER_H
#define SUPPORT_HTTP_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "str.h"

enum { HTTP_CONNECTIONS = 128, HTTP_REQUEST_MAX = 1024 * 1024 };

struct http_peer {
    int listener, port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    bool stopping;
    bool hold;           /* answer nothing until this is false again */
    bool reset;          /* cut the connection with RST instead of answering */
    int status;          /* of the answers */
    const char *headers; /* further lines, each with CRLF */
    size_t body_bytes;   /* of 'x' */
    int requests, connections, held;
    struct buf last; /* the last request, head and body */
    int fds[HTTP_CONNECTIONS];
    pthread_t threads[HTTP_CONNECTIONS];
};

/* Reads a request into *in; false at the end of the connection. */
static bool http_read_request(int fd, struct buf *in) {
    buf_clear(in);
    size_t head = 0, length = 0;
    for (;;) {
        if (!buf_reserve(in, 16385)) return false;
        ssize_t got = recv(fd, in->p + in->n, 16384, 0);
        if (got <= 0) return false;
        in->n += (size_t)got;
        in->p[in->n] = 0;
        char *end = head ? NULL : strstr(in->p, "\r\n\r\n");
        if (end) {
            head = (size_t)(end - in->p) + 4;
            char *line = strcasestr(in->p, "\r\ncontent-length:");
            length = line ? strtoul(line + 17, NULL, 10) : 0;
        }
        if (head && in->n >= head + length) return true;
    }
}

static bool http_answer(struct http_peer *peer, int fd, int status, const char *headers, size_t body_bytes) {
    struct buf out;
    (void)peer;
    buf_init(&out, 0);
    buf_addf(&out, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n", status, body_bytes, headers ? headers : "");
    for (size_t i = 0; i < body_bytes; i++) buf_addc(&out, 'x');
    bool ok = !out.failed;
    for (size_t at = 0; ok && at < out.n;) {
        ssize_t put = send(fd, out.p + at, out.n - at, MSG_NOSIGNAL);
        ok = put > 0;
        if (ok) at += (size_t)put;
    }
    buf_fini(&out);
    return ok;
}

struct http_connection {
    struct http_peer *peer;
    int fd;
};

static void *http_serve(void *arg) {
    struct http_connection *c = arg;
    struct http_peer *peer = c->peer;
    struct buf in;
    buf_init(&in, HTTP_REQUEST_MAX + 16385);
    bool open = true;
    while (open && http_read_request(c->fd, &in)) {
        pthread_mutex_lock(&peer->lock);
        peer->requests++;
        buf_clear(&peer->last);
        buf_add(&peer->last, buf_str(&in));
        peer->held++;
        pthread_cond_broadcast(&peer->changed);
        while (peer->hold && !peer->stopping) pthread_cond_wait(&peer->changed, &peer->lock);
        peer->held--;
        int status = peer->status;
        const char *headers = peer->headers;
        size_t body_bytes = peer->body_bytes;
        bool reset = peer->reset;
        open = !peer->stopping && !reset;
        pthread_mutex_unlock(&peer->lock);
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        if (reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* close sends RST */
        if (open) open = http_answer(peer, c->fd, status, headers, body_bytes);
    }
    if (peer->reset)
        close(c->fd);
    else
        shutdown(c->fd, SHUT_RDWR);
    buf_fini(&in);
    free(c);
    return NULL;
}

static void *http_accept(void *arg) {
    struct http_peer *peer = arg;
    for (;;) {
        int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0) return NULL;
        struct http_connection *c = malloc(sizeof *c);
        pthread_mutex_lock(&peer->lock);
        if (!c || peer->connections == HTTP_CONNECTIONS) abort(); /* a test asked for more than this peer is made for */
        *c = (struct http_connection){peer, fd};
        peer->fds[peer->connections] = fd;
        if (pthread_create(&peer->threads[peer->connections++], NULL, http_serve, c)) abort();
        pthread_mutex_unlock(&peer->lock);
    }
}

/* Answers 200 until told otherwise. False with errno set. */
static bool http_peer_start(struct http_peer *peer) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *peer = (struct http_peer){.status = 200};
    buf_init(&peer->last, 0);
    pthread_mutex_init(&peer->lock, NULL);
    pthread_cond_init(&peer->changed, NULL);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->listener < 0 || bind(peer->listener, (struct sockaddr *)&at, sizeof at) || listen(peer->listener, 128) ||
        getsockname(peer->listener, (struct sockaddr *)&at, &size))
        return false;
    peer->port = ntohs(at.sin_port);
    return !pthread_create(&peer->acceptor, NULL, http_accept, peer);
}

static void http_peer_stop(struct http_peer *peer) {
    shutdown(peer->listener, SHUT_RDWR); /* ends accept */
    pthread_join(peer->acceptor, NULL);
    close(peer->listener);
    pthread_mutex_lock(&peer->lock);
    peer->stopping = true;
    pthread_cond_broadcast(&peer->changed);
    bool reset = peer->reset;
    for (int i = 0; i < peer->connections && !reset; i++) shutdown(peer->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&peer->lock);
    for (int i = 0; i < peer->connections; i++) {
        pthread_join(peer->threads[i], NULL);
        if (!reset) close(peer->fds[i]);
    }
    buf_fini(&peer->last);
    pthread_cond_destroy(&peer->changed);
    pthread_mutex_destroy(&peer->lock);
}

#endif
