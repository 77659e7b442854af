/* The other side of API destinations, and the load on this one: a server on loopback of which some paths answer, some hang, some are slow
 * and some fail, and a producer that puts events at a steady pace. Measures from handing an event to libbus until its request has arrived,
 * by one clock.
 *
 * usage: destination_load           prints "port N", then obeys lines on stdin:
 *   well 1 | well 0                 all paths answer at once; the bad ones are bad again
 *   run PER_SECOND NOISE SECONDS    events per second for the buses h0 to h9, in turns (source "h"), and for the bus noise (sources n0, n1,
 * ...: as many as the environment's NOISE_RULES says); TARGETS (environment) requests arrive for each of the former. Prints what came of it
 * The connection to the daemon is by libbus' environment. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"

enum { FDS = 65536, REQUEST_MAX = 16384, EVENTS = 512, SAMPLES_MAX = 1 << 20, SLOW_MS = 1500, BUSES = 10 };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the server -------------------------------------------------------------------------------------------------------------------------
 */
struct connection {
    char *bytes;
    size_t n;
    uint32_t life; /* tells a slow answer that its connection is another one by now */
};
static struct connection connections[FDS];
struct slow {
    int fd;
    uint32_t life;
    int64_t due_ns;
};
static struct slow slow_ones[FDS]; /* a ring: all wait equally long */
static size_t slow_first, slow_count;
static int64_t samples[SAMPLES_MAX];
static _Atomic size_t sample_count;
static _Atomic int64_t phase_begin_ns; /* samples of events put before belong to an earlier phase */
static _Atomic bool all_well;          /* the others answer at once too */
static _Atomic uint64_t asked_hang, asked_slow, asked_fail;

static void fatal(const char *what) {
    perror(what);
    exit(1);
}

static void drop(int fd) {
    free(connections[fd].bytes);
    connections[fd] = (struct connection){.life = connections[fd].life + 1};
    close(fd);
}

static void answer(int fd, int status) {
    char text[128];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n", status);
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n) drop(fd);
}

static void took(const char *body) {
    const char *at = strstr(body, "\"t\":");
    int64_t put = at ? strtoll(at + 4, NULL, 10) : 0;
    if (!put || put < phase_begin_ns) return;
    size_t i = atomic_fetch_add(&sample_count, 1);
    if (i < SAMPLES_MAX) samples[i] = now_ns() - put;
}

/* One whole request is there. */
static void serve(int fd, char *request, char *body) {
    char *path = strchr(request, ' ');
    if (!path) {
        drop(fd);
    } else if (strncmp(path, " /ok", 4) == 0) {
        took(body);
        answer(fd, 200);
    } else if (all_well) {
        answer(fd, 200);
    } else if (strncmp(path, " /fail", 6) == 0) {
        asked_fail++;
        answer(fd, 500);
    } else if (strncmp(path, " /slow", 6) == 0) {
        asked_slow++;
        if (slow_count == FDS) abort();
        slow_ones[(slow_first + slow_count++) % FDS] = (struct slow){fd, connections[fd].life, now_ns() + (int64_t)SLOW_MS * 1000000};
    } else {
        asked_hang++; /* never answered */
    }
}

/* Serves what is whole of what has arrived. */
static void take(int fd) {
    struct connection *c = &connections[fd];
    if (!c->bytes && !(c->bytes = malloc(REQUEST_MAX + 1))) fatal("malloc");
    ssize_t got = recv(fd, c->bytes + c->n, REQUEST_MAX - c->n, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    c->n += (size_t)got;
    c->bytes[c->n] = 0;
    char *end = strstr(c->bytes, "\r\n\r\n"), *length = strcasestr(c->bytes, "\r\ncontent-length:");
    if (!end) return;
    size_t whole = (size_t)(end + 4 - c->bytes) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    if (whole > REQUEST_MAX) abort(); /* our own events are small */
    if (c->n < whole) return;
    c->n = 0; /* libcurl does not send the next request before the answer */
    serve(fd, c->bytes, end + 4);
}

static int answer_slow_ones(void) {
    while (slow_count) {
        struct slow *s = &slow_ones[slow_first];
        int64_t left = s->due_ns - now_ns();
        if (left > 0) return (int)(left / 1000000) + 1;
        if (connections[s->fd].life == s->life) answer(s->fd, 200);
        slow_first = (slow_first + 1) % FDS;
        slow_count--;
    }
    return -1;
}

static void *server(void *arg) {
    int listener = *(int *)arg, set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, listener, &e)) fatal("epoll");
    for (;;) {
        int n = epoll_wait(set, events, EVENTS, answer_slow_ones());
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                take(events[i].data.fd);
                continue;
            }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
                if (fd >= FDS) abort();
                e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e)) fatal("epoll_ctl");
            }
        }
    }
}

static int start_server(void) {
    static int listener;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    pthread_t thread;
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max < FDS ? files.rlim_max : FDS;
        if (setrlimit(RLIMIT_NOFILE, &files)) fatal("setrlimit");
    }
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&at, &size))
        fatal("listen");
    if (pthread_create(&thread, NULL, server, &listener)) fatal("pthread_create");
    return ntohs(at.sin_port);
}

/* ---- the producer
 * ----------------------------------------------------------------------------------------------------------------------------- */
static struct bus *bus;
static _Atomic uint64_t refused;

static void put_done(void *ctx, const struct bus_result *result) {
    (void)ctx;
    if (result->err && !refused++) fprintf(stderr, "destination_load: %s: %s\n", bus_err_name(result->err), result->message);
}

static void put(const char *name, const char *source) {
    char detail[64];
    struct bus_fault fault;
    snprintf(detail, sizeof detail, "{\"t\":%lld}", (long long)now_ns());
    struct bus_event event = {.bus = name, .source = source, .detail_type = "load", .detail = detail};
    if (bus_put_async(bus, &event, put_done, NULL, &fault)) {
        fprintf(stderr, "destination_load: %s\n", fault.message);
        exit(1);
    }
}

static void sleep_until(int64_t at_ns) {
    struct timespec t = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)) {
    }
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double ms_at(size_t n, double part) { return n ? (double)samples[(size_t)((double)(n - 1) * part)] / 1e6 : 0; }

static int number(const char *name, int fallback) {
    const char *text = getenv(name);
    return text ? atoi(text) : fallback;
}

static void run(double rate, double noise, double seconds) {
    int rules = number("NOISE_RULES", 1), targets = number("TARGETS", 1);
    static unsigned turn, noise_turn;
    char name[16];
    uint64_t puts = 0, hang = asked_hang, slow = asked_slow, fail = asked_fail;
    sample_count = 0;
    int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9);
    phase_begin_ns = begin;
    int64_t next = begin, next_noise = noise > 0 ? begin : INT64_MAX;
    while (next < end || next_noise < end) {
        int64_t at = next < next_noise ? next : next_noise;
        sleep_until(at);
        if (at == next) {
            snprintf(name, sizeof name, "h%u", turn++ % BUSES);
            put(name, "h");
            puts++;
            next += (int64_t)(1e9 / rate);
        } else {
            snprintf(name, sizeof name, "n%u", noise_turn++ % (unsigned)rules);
            put("noise", name);
            next_noise += (int64_t)(1e9 / noise);
        }
        if (next >= end) next = INT64_MAX;
        if (next_noise >= end) next_noise = INT64_MAX;
    }
    size_t wanted = puts * (size_t)targets;
    for (int64_t late = now_ns() + (int64_t)10e9; sample_count < wanted && now_ns() < late;) sleep_until(now_ns() + 1000000);
    size_t n = sample_count < SAMPLES_MAX ? sample_count : SAMPLES_MAX;
    qsort(samples, n, sizeof samples[0], by_size);
    printf("wanted=%zu arrived=%zu p50=%.3f p90=%.3f p99=%.3f p999=%.3f max=%.3f hang=%llu slow=%llu fail=%llu refused=%llu\n", wanted, n,
           ms_at(n, 0.5), ms_at(n, 0.9), ms_at(n, 0.99), ms_at(n, 0.999), ms_at(n, 1), (unsigned long long)(asked_hang - hang),
           (unsigned long long)(asked_slow - slow), (unsigned long long)(asked_fail - fail), (unsigned long long)refused);
    fflush(stdout);
}

int main(void) {
    char line[128];
    double rate, noise, seconds;
    int well;
    printf("port %d\n", start_server());
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "well %d", &well) == 1) {
            all_well = well;
            continue;
        }
        if (sscanf(line, "run %lf %lf %lf", &rate, &noise, &seconds) != 3) {
            fprintf(stderr, "destination_load: run PER_SECOND NOISE SECONDS, not %s", line);
            return 2;
        }
        struct bus_fault fault;
        if (!bus && bus_open(NULL, &bus, &fault)) { /* by now the daemon knows our port, and runs */
            fprintf(stderr, "destination_load: %s\n", fault.message);
            return 1;
        }
        run(rate, noise, seconds);
    }
    bus_close(bus, 1000);
    return 0;
}
