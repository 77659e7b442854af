/* Load on the HTTP gateway: PutEvents, signed with SigV4, on N connections that each wait for an answer before they ask again.
 *
 *   http_bench ADDR:PORT rate ENTRIES CONNECTIONS SECONDS    as fast as answers come
 *   http_bench ADDR:PORT pace RATE CONNECTIONS SECONDS       RATE requests of one entry a second; a request's time runs from when it was
 * due
 *
 * One thread, one epoll set. The requests are signed before the clock starts, a pool of different ones, and sent in turn: their time stays
 * valid for five minutes. Keys come from the shared-credentials file ($AWS_SHARED_CREDENTIALS_FILE), its first profile. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "hash.h"
#include "os.h"

enum { POOL = 64, DETAIL_BYTES = 1000, ANSWER_BYTES = 8192, SAMPLES_MAX = 4000000, REGION_DAY = 8 };

struct connection {
    int fd;
    bool asking;
    struct str left; /* of the request: what the socket has not taken */
    int64_t due_ns;
    size_t got;
    char answer[ANSWER_BYTES];
};

static struct {
    struct sockaddr_in address;
    const char *host;
    char key_id[64], secret[128];
    size_t entries;
    struct buf requests[POOL];
    int64_t *samples_ns;
    size_t sample_count, next, failed;
} bench;

static void die(const char *what) {
    fprintf(stderr, "http_bench: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- requests, signed -----------------------------------------------------------------------------------------------------------------
 */

static void read_keys(void) {
    struct buf text;
    struct fault fault;
    buf_init(&text, 0);
    if (os_read_file(os_env("AWS_SHARED_CREDENTIALS_FILE", "credentials"), 1 << 16, &text, &fault)) {
        fprintf(stderr, "http_bench: %s\n", fault.message);
        exit(2);
    }
    buf_addc(&text, 0);
    const char *id = strstr(text.p, "aws_access_key_id = "), *secret = strstr(text.p, "aws_secret_access_key = ");
    if (!id || !secret || sscanf(id + 20, "%63s", bench.key_id) != 1 || sscanf(secret + 24, "%127s", bench.secret) != 1) {
        fprintf(stderr, "http_bench: there are no keys in the credentials file\n");
        exit(2);
    }
    buf_fini(&text);
}

/* An order with a note that fills it up to DETAIL_BYTES; in the request its quotes are escaped. */
static void write_body(struct buf *body, size_t n) {
    char note[DETAIL_BYTES + 1];
    buf_addz(body, "{\"Entries\":[");
    for (size_t i = 0; i < bench.entries; i++) {
        char detail[300];
        int length = snprintf(detail, sizeof detail,
                              "{\"id\":%zu,\"customer\":\"c-%zu\",\"currency\":\"EUR\",\"total\":149.5,\"paid\":true,\"items\":[{\"sku\":"
                              "\"A-%zu\",\"quantity\":2},"
                              "{\"sku\":\"B-7\",\"quantity\":1}],\"note\":\"",
                              n * 10 + i, n % 997, i);
        memset(note, 'x', sizeof note);
        note[DETAIL_BYTES - length - 2] = 0;
        buf_addz(body, i ? ",{\"Source\":\"bench\",\"DetailType\":\"Order\",\"Detail\":\""
                         : "{\"Source\":\"bench\",\"DetailType\":\"Order\",\"Detail\":\"");
        for (const char *p = detail; *p; p++) {
            if (*p == '"') buf_addc(body, '\\');
            buf_addc(body, *p);
        }
        buf_addz(body, note);
        buf_addz(body, "\\\"}\"}");
    }
    buf_addz(body, "]}");
}

static void hex_sha256(struct str s, char hex[65]) {
    uint8_t digest[32];
    hash_sha256(s, digest);
    hash_hex(digest, 32, hex);
}

/* The signature (AWS General Reference, "Signature Version 4 signing process") of a POST / with these three headers. */
static void sign(const char *stamp, const char *canonical, char signature[65]) {
    char hash[65], text[512], secret[160];
    uint8_t key[32];
    const char *steps[] = {"us-east-1", "events", "aws4_request"};
    hex_sha256(str_from(canonical), hash);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%.8s/us-east-1/events/aws4_request\n%s", stamp, stamp, hash);
    snprintf(secret, sizeof secret, "AWS4%s", bench.secret);
    hash_hmac_sha256(str_from(secret), str_of(stamp, REGION_DAY), STR(""), key);
    for (size_t i = 0; i < 3; i++) {
        uint8_t next[32];
        hash_hmac_sha256(str_of((char *)key, 32), str_from(steps[i]), STR(""), next);
        memcpy(key, next, 32);
    }
    uint8_t mac[32];
    hash_hmac_sha256(str_of((char *)key, 32), str_from(text), STR(""), mac);
    hash_hex(mac, 32, signature);
}

static void make_requests(void) {
    char stamp[17], canonical[1024], body_hash[65], signature[65];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    for (size_t i = 0; i < POOL; i++) {
        struct buf body;
        buf_init(&body, 0);
        write_body(&body, i);
        hex_sha256(buf_str(&body), body_hash);
        snprintf(canonical, sizeof canonical,
                 "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:%s\nx-amz-date:%s\nx-amz-target:AWSEvents.PutEvents\n\n"
                 "content-type;host;x-amz-date;x-amz-target\n%s",
                 bench.host, stamp, body_hash);
        sign(stamp, canonical, signature);
        buf_init(&bench.requests[i], 0);
        buf_addf(&bench.requests[i],
                 "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: "
                 "AWSEvents.PutEvents\r\nX-Amz-Date: %s\r\n"
                 "Authorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/events/aws4_request, "
                 "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=%s\r\nContent-Length: %zu\r\n\r\n",
                 bench.host, stamp, bench.key_id, stamp, signature, body.n);
        buf_add(&bench.requests[i], buf_str(&body));
        buf_fini(&body);
    }
}

/* ---- connections ----------------------------------------------------------------------------------------------------------------------
 */

static void push(struct connection *c) {
    while (c->left.n) {
        ssize_t sent = send(c->fd, c->left.p, c->left.n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return; /* epoll, edge-triggered, tells when there is room */
        if (sent < 0) die("send");
        c->left = str_skip(c->left, (size_t)sent);
    }
}

static void ask(struct connection *c, int64_t due_ns) {
    c->asking = true;
    c->due_ns = due_ns;
    c->got = 0;
    c->left = buf_str(&bench.requests[bench.next++ % POOL]);
    push(c);
}

/* True when the answer is whole: it has a Content-Length, as all answers here. */
static bool is_whole(struct connection *c) {
    c->answer[c->got] = 0;
    const char *body = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\nContent-Length:");
    return body && length && c->got >= (size_t)(body + 4 - c->answer) + strtoul(length + 17, NULL, 10);
}

static bool answered(struct connection *c) {
    if (!c->asking) return false;
    ssize_t got = recv(c->fd, c->answer + c->got, sizeof c->answer - 1 - c->got, 0);
    if (got < 0 && errno == EAGAIN) return false;
    if (got < 0) die("recv");
    if (got == 0) {
        fprintf(stderr, "http_bench: the server closed a connection\n");
        exit(2);
    }
    c->got += (size_t)got;
    if (!is_whole(c)) return false;
    if (!str_starts(str_of(c->answer, c->got), STR("HTTP/1.1 200")) || !strstr(c->answer, "\"FailedEntryCount\":0")) {
        if (!bench.failed++) fprintf(stderr, "http_bench: refused: %s\n", c->answer);
    }
    if (bench.sample_count < SAMPLES_MAX) bench.samples_ns[bench.sample_count++] = clock_mono_ns() - c->due_ns;
    c->asking = false;
    return true;
}

static struct connection *connect_all(size_t count, int epoll) {
    struct connection *all = calloc(count, sizeof *all);
    int one = 1;
    if (!all) die("memory");
    for (size_t i = 0; i < count; i++) {
        all[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (all[i].fd < 0 || connect(all[i].fd, (struct sockaddr *)&bench.address, sizeof bench.address)) die("connect");
        setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (fcntl(all[i].fd, F_SETFL, O_NONBLOCK)) die("fcntl");
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = &all[i]}};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event)) die("epoll_ctl");
    }
    return all;
}

/* ---- runs
 * -------------------------------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(int64_t took_ns) {
    size_t n = bench.sample_count;
    qsort(bench.samples_ns, n, sizeof *bench.samples_ns, by_value);
    printf("%.0f requests/s, %.0f events/s, p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, %zu failed\n", (double)n * 1e9 / (double)took_ns,
           (double)(n * bench.entries) * 1e9 / (double)took_ns, (double)bench.samples_ns[n / 2] / 1e6,
           (double)bench.samples_ns[n * 99 / 100] / 1e6, (double)bench.samples_ns[n * 999 / 1000] / 1e6, bench.failed);
}

/* Answers that came; every connection that is free again gets on the stack of idle ones. */
static void take_events(int epoll, int64_t wait_ns, struct connection **idle, size_t *idle_count) {
    struct epoll_event events[256];
    struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
    int n = epoll_pwait2(epoll, events, 256, wait_ns < 0 ? NULL : &wait, NULL);
    if (n < 0 && errno != EINTR) die("epoll_pwait2");
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        push(c);
        if (answered(c)) idle[(*idle_count)++] = c;
    }
}

/* interval_ns 0: whoever is free asks. */
static void run(size_t connections, int64_t interval_ns, int64_t seconds) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = connect_all(connections, epoll), **idle = calloc(connections, sizeof *idle);
    size_t idle_count = connections;
    if (epoll < 0 || !idle) die("epoll");
    for (size_t i = 0; i < connections; i++) idle[i] = &all[i];
    int64_t start = clock_mono_ns(), end = start + seconds * 1000000000, due = start, now = start;
    while (now < end || idle_count < connections) {
        for (; idle_count && now < end && due <= now; due = interval_ns ? due + interval_ns : now) ask(idle[--idle_count], due);
        bool all_busy = !idle_count || now >= end;
        take_events(epoll, all_busy ? -1 : due > now ? due - now : 0, idle, &idle_count);
        now = clock_mono_ns();
        if (!interval_ns) due = now;
    }
    report(now - start);
    for (size_t i = 0; i < connections; i++) close(all[i].fd);
    free(all);
    free(idle);
    close(epoll);
}

static bool set_address(char *text) {
    char *colon = strrchr(text, ':');
    bench.host = strdup(text);
    if (!colon || !bench.host) return false;
    *colon = 0;
    bench.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    return inet_pton(AF_INET, text, &bench.address.sin_addr) == 1;
}

int main(int argc, char **argv) {
    bool pace = argc == 6 && strcmp(argv[2], "pace") == 0, rate = argc == 6 && strcmp(argv[2], "rate") == 0;
    if ((!pace && !rate) || atol(argv[3]) < 1 || atol(argv[4]) < 1 || atol(argv[5]) < 1 || !set_address(argv[1])) {
        fprintf(stderr,
                "usage: http_bench ADDR:PORT rate ENTRIES CONNECTIONS SECONDS | http_bench ADDR:PORT pace RATE CONNECTIONS SECONDS\n");
        return 2;
    }
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files)) die("setrlimit");
    }
    bench.entries = rate ? strtoul(argv[3], NULL, 10) : 1;
    bench.samples_ns = calloc(SAMPLES_MAX, sizeof *bench.samples_ns);
    if (!bench.samples_ns) die("memory");
    read_keys();
    make_requests();
    run(strtoul(argv[4], NULL, 10), pace ? 1000000000 / atol(argv[3]) : 0, atol(argv[5]));
    return bench.failed ? 3 : 0;
}
