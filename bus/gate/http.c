#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "http_state.h"
#include "log.h"
#include "os.h"

enum {
    CONNECTIONS_DEFAULT = 16384,
    OTHER_FILES = 512,     /* what the rest of the daemon may have open */
    HEADER_BYTES = 7168,   /* of a connection for one request's header: an idle one stays below 8 KiB in all */
    READ_BYTES = 1024,     /* how that grows */
    BODY_BYTES_DEFAULT = 8 << 20,
    TLS_FILE_BYTES_MAX = 1 << 20,
    LOOK_MS = 1000,        /* deadlines are looked at that often */
    BACKLOG = 4096,
};

/* ---- connections ---------------------------------------------------------------------------------------------------------------------- */
static void connection_notice(void *ctx, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode code) {
    struct gate_http *g = ctx;
    struct connection *c = *slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!info || !(c = calloc(1, sizeof *c))) return; /* it is served, without a deadline */
        *c = (struct connection){.next = g->connections, .fd = info->connect_fd, .deadline_ms = clock_mono_ms() + g->options.idle_ms};
        if (c->next) c->next->previous = c;
        g->connections = c;
        *slot = c;
    } else if (c) {
        if (c->next) c->next->previous = c->previous;
        if (c->previous) c->previous->next = c->next;
        else g->connections = c->next;
        free(c);
        *slot = NULL;
    }
}

/* Those that are too slow are cut off; libmicrohttpd finds the end and cleans up. */
static void look_at_deadlines(const struct gate_http *g, int64_t now) {
    for (const struct connection *c = g->connections; c; c = c->next)
        if (c->deadline_ms <= now) shutdown(c->fd, SHUT_RDWR);
}

/* ---- the listener ----------------------------------------------------------------------------------------------------------------------- */
/* ADDR:PORT, [ADDR6]:PORT. */
static bool parse_address(const char *text, struct sockaddr_storage *out, socklen_t *length) {
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    int64_t port;
    bool six = n > 2 && text[0] == '[' && text[n - 1] == ']';
    if (!colon || n >= sizeof host || !str_to_i64(str_from(colon + 1), &port) || port < 0 || port > 65535) return false;
    str_copyz(host, sizeof host, six ? str_of(text + 1, n - 2) : str_of(text, n));
    memset(out, 0, sizeof *out);
    if (six) {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)(void *)out;
        *a = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        *length = sizeof *a;
        return inet_pton(AF_INET6, host, &a->sin6_addr) == 1;
    }
    struct sockaddr_in *a = (struct sockaddr_in *)(void *)out;
    *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    *length = sizeof *a;
    return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

static void name_address(struct gate_http *g, const struct sockaddr_storage *address) {
    char host[64] = "";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)address;
        inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof host);
        snprintf(g->address, sizeof g->address, "[%s]:%d", host, ntohs(a->sin6_port));
    } else {
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
        snprintf(g->address, sizeof g->address, "%s:%d", host, ntohs(a->sin_port));
    }
}

static enum err listen_on(struct gate_http *g, const char *text, struct fault *fault) {
    struct sockaddr_storage address;
    socklen_t length;
    int one = 1;
    if (!parse_address(text, &address, &length))
        return fault_set(fault, ERR_USAGE, "http: '%s' is no address: ADDR:PORT is expected, like 127.0.0.1:4566, or [::1]:4566, or off", text);
    g->listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (g->listen_fd < 0) return fault_set(fault, ERR_IO, "http: %s: %s", text, strerror(errno));
    setsockopt(g->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(g->listen_fd, (struct sockaddr *)&address, length) || listen(g->listen_fd, BACKLOG) ||
        getsockname(g->listen_fd, (struct sockaddr *)&address, &(socklen_t){sizeof address}))
        return fault_set(fault, ERR_IO, "http: %s: %s%s", text, strerror(errno),
                         errno == EADDRINUSE ? "; --http ADDR:PORT takes another one (port 0: any that is free), --http off none" : "");
    name_address(g, &address);
    return ERR_OK;
}

/* ---- libmicrohttpd ------------------------------------------------------------------------------------------------------------------------ */
static size_t keep_escapes(void *ctx, struct MHD_Connection *mhd, char *text) { /* paths and queries are signed as they came */
    (void)ctx;
    (void)mhd;
    return strlen(text);
}

static void log_library(void *ctx, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
static void log_library(void *ctx, const char *format, va_list ap) {
    char text[500];
    (void)ctx;
    vsnprintf(text, sizeof text, format, ap);
    text[strcspn(text, "\n")] = 0;
    log_line(LOG_DEBUG, "http", "libmicrohttpd", LOG_Z("says", text));
}

/* As many connections as wished for, or as the process may have files. */
static unsigned connections_of(const struct gate_http *g) {
    struct rlimit files;
    size_t wanted = g->options.connections;
    if (getrlimit(RLIMIT_NOFILE, &files)) return (unsigned)wanted;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files)) getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur >= wanted + OTHER_FILES) return (unsigned)wanted;
    size_t room = files.rlim_cur > 2 * OTHER_FILES ? files.rlim_cur - OTHER_FILES : files.rlim_cur / 2;
    log_line(LOG_WARN, "http", "fewer connections than wished for: the limit of open files is low (ulimit -n)", LOG_I("connections", room),
             LOG_I("wished", wanted));
    return (unsigned)room;
}

/* libmicrohttpd's own epoll thread waits without end whenever exactly 128 connections are ready at once (0.9.75). Here it has no thread: this loop
 * waits, and MHD_run only looks, so that this cannot be. */
static enum err add_daemon(struct gate_http *g, const char *cert, const char *key, struct fault *fault) {
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (cert ? MHD_USE_TLS : 0), most = connections_of(g);
    size_t each = g->options.connections_per_address;
    struct MHD_OptionItem tls[] = {{cert ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, (void *)(uintptr_t)cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *d = MHD_start_daemon(
        flags, 0, NULL, NULL, request_go_on, g, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET, g->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_PER_IP_CONNECTION_LIMIT, each && each < most ? (unsigned)each : most,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)READ_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
        request_begin, g, MHD_OPTION_NOTIFY_COMPLETED, request_end, g, MHD_OPTION_NOTIFY_CONNECTION, connection_notice, g, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, NULL, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!d) return fault_set(fault, ERR_IO, cert ? "http: certificate and key cannot be used" : "http: the server cannot be started");
    g->daemons[g->daemon_count++] = d;
    return ERR_OK;
}

static enum err make_daemon(struct gate_http *g, struct fault *fault) {
    struct buf cert, key;
    enum err err = ERR_OK;
    if (!g->cert_file) return add_daemon(g, NULL, NULL, fault);
    buf_init(&cert, TLS_FILE_BYTES_MAX);
    buf_init(&key, TLS_FILE_BYTES_MAX);
    err = os_read_file(g->cert_file, TLS_FILE_BYTES_MAX - 1, &cert, fault);
    if (!err) err = os_read_file(g->key_file, TLS_FILE_BYTES_MAX - 1, &key, fault);
    buf_addc(&cert, 0);
    buf_addc(&key, 0);
    if (!err && (cert.failed || key.failed)) err = fault_set(fault, ERR_NOMEM, NULL);
    if (!err) err = add_daemon(g, cert.p, key.p, fault);
    if (key.p) explicit_bzero(key.p, key.n);
    buf_fini(&cert);
    buf_fini(&key);
    return err;
}

static unsigned connections_now(struct MHD_Daemon *d) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

/* The gate's thread: a new daemon takes over the listener; the one before keeps its connections to their end. */
static void take_over(struct gate_http *g) {
    struct fault fault;
    fault_clear(&fault);
    size_t old = g->daemon_count - 1;
    enum err err = g->daemon_count == DAEMONS_MAX
                       ? fault_set(&fault, ERR_THROTTLING, "http: connections of %d certificates are still open; try again when some have ended", DAEMONS_MAX)
                       : make_daemon(g, &fault);
    if (!err) MHD_quiesce_daemon(g->daemons[old]);
    pthread_mutex_lock(&g->lock);
    g->reload = false;
    g->reload_err = err;
    g->reload_fault = fault;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void end_empty_daemons(struct gate_http *g) {
    size_t kept = 0;
    for (size_t i = 0; i < g->daemon_count; i++) {
        if (i + 1 < g->daemon_count && connections_now(g->daemons[i]) == 0) MHD_stop_daemon(g->daemons[i]);
        else g->daemons[kept++] = g->daemons[i];
    }
    g->daemon_count = kept;
}

/* ---- the loop --------------------------------------------------------------------------------------------------------------------------------- */
static void wake(struct gate_http *g) {
    uint64_t one = 1;
    ssize_t written = write(g->wake_fd, &one, sizeof one);
    (void)written; /* full: it is awake */
}

void request_answered(struct request *r) {
    struct gate_http *g = r->gate;
    r->next = NULL;
    pthread_mutex_lock(&g->lock);
    bool first = !g->answered;
    *g->answered_last = r;
    g->answered_last = &r->next;
    if (first) wake(g); /* under the lock: the gate may end as soon as it is free */
    pthread_mutex_unlock(&g->lock);
}

/* Hands connections whose answers came back to libmicrohttpd. False: the gate is to end, and nothing is under way. */
static bool resume_answered(struct gate_http *g) {
    pthread_mutex_lock(&g->lock);
    struct request *r = g->answered;
    g->answered = NULL;
    g->answered_last = &g->answered;
    for (struct request *x = r; x; x = x->next) g->under_way--;
    if (!g->under_way) pthread_cond_broadcast(&g->changed);
    bool go_on = !g->stopping || g->under_way || r, reload = g->reload;
    pthread_mutex_unlock(&g->lock);
    for (struct request *next; r; r = next) {
        next = r->next;
        r->state = REQUEST_ANSWERED;
        MHD_resume_connection(r->mhd);
    }
    if (reload) take_over(g);
    return go_on;
}

static int wait_ms(const struct gate_http *g) {
    int ms = LOOK_MS;
    for (size_t i = 0; i < g->daemon_count; i++) {
        MHD_UNSIGNED_LONG_LONG due;
        if (MHD_get_timeout(g->daemons[i], &due) == MHD_YES && due < (MHD_UNSIGNED_LONG_LONG)ms) ms = (int)due;
    }
    return ms;
}

static void *serve(void *ctx) {
    struct gate_http *g = ctx;
    int64_t looked_ms = clock_mono_ms();
    while (resume_answered(g)) {
        struct pollfd fds[DAEMONS_MAX + 1] = {{.fd = g->wake_fd, .events = POLLIN}};
        for (size_t i = 0; i < g->daemon_count; i++) MHD_run(g->daemons[i]);
        for (size_t i = 0; i < g->daemon_count; i++)
            fds[i + 1] = (struct pollfd){.fd = MHD_get_daemon_info(g->daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN};
        int ms = wait_ms(g);
        if (poll(fds, g->daemon_count + 1, ms) > 0 && fds[0].revents) {
            uint64_t count;
            ssize_t got = read(g->wake_fd, &count, sizeof count);
            (void)got;
        }
        int64_t now = clock_mono_ms();
        if (now - looked_ms < LOOK_MS) continue;
        looked_ms = now;
        look_at_deadlines(g, now);
        end_empty_daemons(g);
    }
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------------------------------------------------------- */
static char *copied(const char *text) { return text ? strdup(text) : NULL; }

static void set_options(struct gate_http *g, const struct gate_http_options *o) {
    g->options = *o;
    g->cert_file = copied(o->cert_file);
    g->key_file = copied(o->key_file);
    g->options.cors_origin = g->cors_origin = copied(o->cors_origin);
    if (!o->body_bytes) g->options.body_bytes = BODY_BYTES_DEFAULT;
    if (!o->connections) g->options.connections = CONNECTIONS_DEFAULT;
    if (!o->idle_ms) g->options.idle_ms = 60000;
    if (!o->header_ms) g->options.header_ms = 10000;
    if (!o->body_ms) g->options.body_ms = 30000;
}

enum err gate_http_start(struct api *api, const struct gate_http_options *options, struct gate_http **out, struct fault *fault) {
    *out = NULL;
    if (!options->cert_file != !options->key_file) return fault_set(fault, ERR_USAGE, "http: certificate and key go together");
    struct gate_http *g = calloc(1, sizeof *g);
    if (!g) return fault_set(fault, ERR_NOMEM, NULL);
    g->api = api;
    g->listen_fd = g->wake_fd = -1;
    g->answered_last = &g->answered;
    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&g->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    set_options(g, options);
    enum err err = listen_on(g, options->address, fault);
    if (!err && (g->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) err = fault_set(fault, ERR_IO, "eventfd: %s", strerror(errno));
    if (!err) err = make_daemon(g, fault);
    if (!err && pthread_create(&g->thread, NULL, serve, g)) err = fault_set(fault, ERR_NOMEM, "no thread for HTTP");
    g->has_thread = !err;
    if (err) gate_http_stop(g);
    else *out = g;
    return err;
}

const char *gate_http_address(const struct gate_http *g) { return g->address; }

enum err gate_http_reload(struct gate_http *g, struct fault *fault) {
    if (!g->cert_file) return ERR_OK;
    pthread_mutex_lock(&g->lock);
    g->reload = true;
    wake(g);
    while (g->reload) pthread_cond_wait(&g->changed, &g->lock);
    enum err err = g->reload_err;
    if (err && fault) *fault = g->reload_fault;
    pthread_mutex_unlock(&g->lock);
    return err;
}

enum err gate_http_drain(struct gate_http *g, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
    pthread_mutex_lock(&g->lock);
    g->draining = true;
    int rc = 0;
    while (g->under_way && rc != ETIMEDOUT) rc = pthread_cond_timedwait(&g->changed, &g->lock, &until);
    size_t left = g->under_way;
    pthread_mutex_unlock(&g->lock);
    return left ? ERR_TIMEOUT : ERR_OK;
}

void gate_http_stop(struct gate_http *g) {
    if (!g) return;
    pthread_mutex_lock(&g->lock);
    g->draining = g->stopping = true;
    pthread_mutex_unlock(&g->lock);
    if (g->has_thread) {
        wake(g);
        pthread_join(g->thread, NULL);
    }
    for (size_t i = 0; i < g->daemon_count; i++) MHD_stop_daemon(g->daemons[i]); /* the last one closes the listener */
    if (!g->daemon_count && g->listen_fd >= 0) close(g->listen_fd);
    if (g->wake_fd >= 0) close(g->wake_fd);
    for (struct request *r = g->idle, *next; r; r = next) {
        next = r->next;
        request_free(r);
    }
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->changed);
    free(g->cert_file);
    free(g->key_file);
    free(g->cors_origin);
    free(g);
}
