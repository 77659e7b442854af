/* A real SMTP server on loopback (RFC 5321: EHLO HELO MAIL RCPT DATA RSET NOOP VRFY QUIT, dot-unstuffing, a bound of size), for tests and
 * the demo. Implementation and interface in one: included by exactly one file of a program.
 *
 * One thread, poll(2), up to SMTP_CONNECTIONS connections. Received mails go to `received`, on that thread. */
#ifndef SUPPORT_SMTP_PEER_H
#define SUPPORT_SMTP_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "str.h"

enum { SMTP_CONNECTIONS = 32, SMTP_LINE_MAX = 2048, SMTP_RECIPIENTS_MAX = 100, SMTP_MAIL_MAX = 4 * 1024 * 1024 };

struct smtp_mail {
    struct str from, data; /* data: with CRLF line ends, dots unstuffed */
    const struct str *to;
    size_t to_count;
};

struct smtp_connection {
    int fd; /* -1: free */
    bool greeted, has_from, in_data, overflow, quit;
    char line[SMTP_LINE_MAX];
    size_t line_bytes;
    bool line_too_long;
    struct buf from, data, out;
    struct buf to[SMTP_RECIPIENTS_MAX];
    size_t to_count;
};

struct smtp_peer {
    int listener, stop_pipe[2], port;
    pthread_t thread;
    void (*received)(void *ctx, const struct smtp_mail *mail);
    void *ctx;
    /* Set before start, to misbehave on purpose: replies instead of 250 (NULL: behave). */
    const char *greeting, *reply_to_mail, *reply_to_rcpt, *reply_to_data_end;
    struct smtp_connection connections[SMTP_CONNECTIONS];
};

static void smtp_reset(struct smtp_connection *c) {
    c->has_from = c->in_data = c->overflow = false;
    buf_clear(&c->from);
    buf_clear(&c->data);
    for (size_t i = 0; i < c->to_count; i++) buf_fini(&c->to[i]);
    c->to_count = 0;
}

static void smtp_say(struct smtp_connection *c, const char *reply) { buf_addf(&c->out, "%s\r\n", reply); }

/* The path between < and > behind the colon; false when there is none or it holds blanks or controls. */
static bool smtp_path(struct str args, const char *keyword, struct str *path) {
    size_t n = strlen(keyword);
    if (args.n < n || strncasecmp(args.p, keyword, n) != 0) return false;
    args = str_skip(args, n);
    while (args.n && args.p[0] == ' ') args = str_skip(args, 1);
    size_t end = str_find(args, '>', 0);
    if (args.n == 0 || args.p[0] != '<' || end == args.n) return false;
    *path = str_of(args.p + 1, end - 1);
    for (size_t i = 0; i < path->n; i++)
        if ((unsigned char)path->p[i] <= ' ' || path->p[i] == 127 || path->p[i] == '<') return false;
    return true;
}

static void smtp_mail_from(struct smtp_peer *peer, struct smtp_connection *c, struct str args) {
    struct str path;
    if (!c->greeted)
        smtp_say(c, "503 say EHLO first");
    else if (c->has_from)
        smtp_say(c, "503 a mail is under way");
    else if (!smtp_path(args, "FROM:", &path))
        smtp_say(c, "501 right is MAIL FROM:<address>");
    else if (peer->reply_to_mail)
        smtp_say(c, peer->reply_to_mail);
    else {
        c->has_from = true;
        buf_clear(&c->from);
        buf_add(&c->from, path);
        smtp_say(c, "250 sender taken");
    }
}

static void smtp_rcpt_to(struct smtp_peer *peer, struct smtp_connection *c, struct str args) {
    struct str path;
    if (!c->has_from)
        smtp_say(c, "503 say MAIL first");
    else if (!smtp_path(args, "TO:", &path) || path.n == 0)
        smtp_say(c, "501 right is RCPT TO:<address>");
    else if (c->to_count == SMTP_RECIPIENTS_MAX)
        smtp_say(c, "452 too many recipients");
    else if (peer->reply_to_rcpt)
        smtp_say(c, peer->reply_to_rcpt);
    else {
        buf_init(&c->to[c->to_count], SMTP_LINE_MAX);
        buf_add(&c->to[c->to_count++], path);
        smtp_say(c, "250 recipient taken");
    }
}

static void smtp_command(struct smtp_peer *peer, struct smtp_connection *c, struct str line) {
    size_t blank = str_find(line, ' ', 0);
    struct str verb = str_of(line.p, blank), args = str_skip(line, blank + 1);
    if (str_eq_nocase(verb, STR("EHLO")) || str_eq_nocase(verb, STR("HELO"))) {
        smtp_reset(c);
        c->greeted = true;
        if (str_eq_nocase(verb, STR("EHLO")))
            buf_addf(&c->out, "250-sink\r\n250-8BITMIME\r\n250 SIZE %d\r\n", (int)SMTP_MAIL_MAX);
        else
            smtp_say(c, "250 sink");
    } else if (str_eq_nocase(verb, STR("MAIL")))
        smtp_mail_from(peer, c, args);
    else if (str_eq_nocase(verb, STR("RCPT")))
        smtp_rcpt_to(peer, c, args);
    else if (str_eq_nocase(verb, STR("DATA"))) {
        c->in_data = c->to_count > 0;
        smtp_say(c, c->in_data ? "354 end with a line of one dot" : "503 say RCPT first");
    } else if (str_eq_nocase(verb, STR("RSET"))) {
        smtp_reset(c);
        smtp_say(c, "250 forgotten");
    } else if (str_eq_nocase(verb, STR("NOOP")))
        smtp_say(c, "250 fine");
    else if (str_eq_nocase(verb, STR("VRFY")))
        smtp_say(c, "252 try it");
    else if (str_eq_nocase(verb, STR("QUIT"))) {
        smtp_say(c, "221 bye");
        c->quit = true;
    } else
        smtp_say(c, "500 this command is not known");
}

static void smtp_data_end(struct smtp_peer *peer, struct smtp_connection *c) {
    struct str to[SMTP_RECIPIENTS_MAX];
    for (size_t i = 0; i < c->to_count; i++) to[i] = buf_str(&c->to[i]);
    const struct smtp_mail mail = {buf_str(&c->from), buf_str(&c->data), to, c->to_count};
    if (c->overflow || c->data.failed)
        smtp_say(c, "552 the mail is too large");
    else if (peer->reply_to_data_end)
        smtp_say(c, peer->reply_to_data_end);
    else {
        peer->received(peer->ctx, &mail);
        smtp_say(c, "250 mail taken");
    }
    smtp_reset(c);
}

static void smtp_line(struct smtp_peer *peer, struct smtp_connection *c) {
    struct str line = str_of(c->line, c->line_bytes);
    bool too_long = c->line_too_long;
    c->line_bytes = 0;
    c->line_too_long = false;
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    if (!c->in_data) {
        if (too_long)
            smtp_say(c, "500 the line is too long");
        else
            smtp_command(peer, c, line);
    } else if (line.n == 1 && line.p[0] == '.' && !too_long) {
        smtp_data_end(peer, c);
    } else {
        if (line.n && line.p[0] == '.') line = str_skip(line, 1);
        if (too_long || c->data.n + line.n + 2 > SMTP_MAIL_MAX) c->overflow = true;
        if (c->overflow) return;
        buf_add(&c->data, line);
        buf_addz(&c->data, "\r\n");
    }
}

static void smtp_close(struct smtp_connection *c) {
    smtp_reset(c);
    close(c->fd);
    buf_fini(&c->from);
    buf_fini(&c->data);
    buf_fini(&c->out);
    c->fd = -1;
}

static bool smtp_flush(struct smtp_connection *c) {
    while (c->out.n) {
        ssize_t put = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno == EAGAIN;
        memmove(c->out.p, c->out.p + put, c->out.n - (size_t)put);
        c->out.n -= (size_t)put;
    }
    return true;
}

static void smtp_serve(struct smtp_peer *peer, struct smtp_connection *c) {
    char bytes[16384];
    ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) got = -2;
    for (ssize_t i = 0; i < got && !c->quit; i++) {
        if (bytes[i] == '\n')
            smtp_line(peer, c);
        else if (c->line_bytes < sizeof c->line)
            c->line[c->line_bytes++] = bytes[i];
        else
            c->line_too_long = true;
    }
    if (got == 0 || got == -1 || !smtp_flush(c) || c->quit) smtp_close(c);
}

static void smtp_accept(struct smtp_peer *peer) {
    int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    for (size_t i = 0; i < SMTP_CONNECTIONS; i++) {
        struct smtp_connection *c = &peer->connections[i];
        if (c->fd >= 0) continue;
        *c = (struct smtp_connection){.fd = fd};
        buf_init(&c->data, SMTP_MAIL_MAX + SMTP_LINE_MAX);
        smtp_say(c, peer->greeting ? peer->greeting : "220 sink ready");
        if (!smtp_flush(c)) smtp_close(c);
        return;
    }
    ssize_t ignored = send(fd, "421 too many connections\r\n", 26, MSG_NOSIGNAL);
    (void)ignored;
    close(fd);
}

static void *smtp_run(void *arg) {
    struct smtp_peer *peer = arg;
    for (;;) {
        struct pollfd fds[SMTP_CONNECTIONS + 2];
        for (size_t i = 0; i < SMTP_CONNECTIONS; i++) {
            struct smtp_connection *c = &peer->connections[i];
            fds[i] = (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (c->out.n ? POLLOUT : 0))};
        }
        fds[SMTP_CONNECTIONS] = (struct pollfd){.fd = peer->listener, .events = POLLIN};
        fds[SMTP_CONNECTIONS + 1] = (struct pollfd){.fd = peer->stop_pipe[0], .events = POLLIN};
        if (poll(fds, SMTP_CONNECTIONS + 2, -1) < 0) continue;
        if (fds[SMTP_CONNECTIONS + 1].revents) break;
        for (size_t i = 0; i < SMTP_CONNECTIONS; i++)
            if (fds[i].fd >= 0 && fds[i].revents) smtp_serve(peer, &peer->connections[i]);
        if (fds[SMTP_CONNECTIONS].revents) smtp_accept(peer);
    }
    for (size_t i = 0; i < SMTP_CONNECTIONS; i++)
        if (peer->connections[i].fd >= 0) smtp_close(&peer->connections[i]);
    return NULL;
}

/* Listens on 127.0.0.1:port (0: a free one, then in peer->port) and starts the thread. False with errno set. */
static bool smtp_peer_start(struct smtp_peer *peer, int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int one = 1;
    for (size_t i = 0; i < SMTP_CONNECTIONS; i++) peer->connections[i].fd = -1;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (peer->listener < 0 || pipe2(peer->stop_pipe, O_CLOEXEC)) return false;
    setsockopt(peer->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(peer->listener, (struct sockaddr *)&at, sizeof at) || listen(peer->listener, 64) ||
        getsockname(peer->listener, (struct sockaddr *)&at, &size))
        return false;
    peer->port = ntohs(at.sin_port);
    return !pthread_create(&peer->thread, NULL, smtp_run, peer);
}

static void smtp_peer_stop(struct smtp_peer *peer) {
    ssize_t ignored = write(peer->stop_pipe[1], "x", 1);
    (void)ignored; /* an empty pipe takes a byte */
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    close(peer->stop_pipe[0]);
    close(peer->stop_pipe[1]);
}

#endif
