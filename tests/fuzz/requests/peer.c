#include "peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "hash.h"

enum { WAIT_S = 20, HEAD_MAX = 65536 };

void peer_init(struct peer *p, const char *address, struct peer_keys keys) {
    *p = (struct peer){.address = address, .keys = keys, .fd = -1};
    buf_init(&p->in, 0);
}

static void hang_up(struct peer *p) {
    if (p->fd >= 0) close(p->fd);
    p->fd = -1;
}

void peer_fini(struct peer *p) {
    hang_up(p);
    buf_fini(&p->in);
}

static bool dial(struct peer *p) {
    char host[64];
    int64_t port;
    struct str rest = str_from(p->address), name;
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval wait = {.tv_sec = WAIT_S};
    int one = 1;
    if (p->fd >= 0) return true;
    if (!str_cut(&rest, ':', &name) || !str_to_i64(rest, &port) || !str_copyz(host, sizeof host, name) ||
        inet_pton(AF_INET, host, &to.sin_addr) != 1)
        return false;
    to.sin_port = htons((uint16_t)port);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) ||
        setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) || setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        connect(p->fd, (struct sockaddr *)&to, sizeof to))
        hang_up(p);
    return p->fd >= 0;
}

/* ---- Signature Version 4, from its description ----------------------------------------------------------------------------------------
 */
static void digest(struct str s, char hex[65]) {
    uint8_t bytes[32];
    hash_sha256(s, bytes);
    hash_hex(bytes, sizeof bytes, hex);
}

static void sign(const struct peer *p, const struct peer_request *r, const char *stamp, const char *canonical, char hex[65]) {
    char text[1024], of_request[65];
    uint8_t key[32];
    struct buf secret;
    digest(str_from(canonical), of_request);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%.8s/%.*s/%s/aws4_request\n%s", stamp, stamp, STR_ARG(p->keys.region), r->service,
             of_request);
    buf_init(&secret, 0);
    buf_addz(&secret, "AWS4");
    buf_add(&secret, p->keys.secret);
    hash_hmac_sha256(buf_str(&secret), str_of(stamp, 8), STR(""), key);
    struct str k = {(const char *)key, sizeof key};
    hash_hmac_sha256(k, p->keys.region, STR(""), key);
    hash_hmac_sha256(k, str_from(r->service), STR(""), key);
    hash_hmac_sha256(k, STR("aws4_request"), STR(""), key);
    hash_hmac_sha256(k, str_from(text), STR(""), key);
    hash_hex(key, sizeof key, hex);
    buf_fini(&secret);
}

static void add_signature(const struct peer *p, const struct peer_request *r, struct buf *out) {
    char iso[CLOCK_ISO_SIZE], stamp[17], body[65], hex[65];
    struct buf canonical;
    clock_iso(clock_now_ms(), iso);
    snprintf(stamp, sizeof stamp, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", iso, iso + 5, iso + 8, iso + 11, iso + 14, iso + 17);
    digest(r->body, body);
    const char *names = r->target.p ? "host;x-amz-date;x-amz-target" : "host;x-amz-date";
    buf_init(&canonical, 0);
    buf_addf(&canonical, "%s\n%s\n%.*s\nhost:%s\nx-amz-date:%s\n", r->method, r->path, STR_ARG(r->query), p->address, stamp);
    if (r->target.p) buf_addf(&canonical, "x-amz-target:%.*s\n", STR_ARG(r->target));
    buf_addf(&canonical, "\n%s\n%s", names, r->forged ? "x" : body);
    buf_addc(&canonical, 0);
    if (canonical.failed) abort();
    sign(p, r, stamp, canonical.p, hex);
    buf_addf(
        out,
        "x-amz-date: %s\r\nauthorization: AWS4-HMAC-SHA256 Credential=%.*s/%.8s/%.*s/%s/aws4_request, SignedHeaders=%s, Signature=%s\r\n",
        stamp, STR_ARG(p->keys.id), stamp, STR_ARG(p->keys.region), r->service, names, hex);
    buf_fini(&canonical);
}

/* ---- HTTP -------------------------------------------------------------------------------------------------------------------------------
 */
static bool send_all(struct peer *p, struct str s) {
    while (s.n) {
        ssize_t n = send(p->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0) return false;
        s = str_skip(s, (size_t)n);
    }
    return true;
}

static bool receive(struct peer *p) {
    if (!buf_reserve(&p->in, HEAD_MAX)) return false;
    ssize_t n = recv(p->fd, p->in.p + p->in.n, p->in.cap - p->in.n, 0);
    if (n > 0) p->in.n += (size_t)n;
    return n > 0;
}

/* A header's number or word in the head; absent when it is not there. */
static struct str header(struct str head, const char *name) {
    struct str line;
    while (str_cut(&head, '\n', &line)) {
        size_t colon = str_find(line, ':', 0);
        if (!str_eq_nocase(str_of(line.p, colon), str_from(name))) continue;
        struct str value = str_skip(line, colon + 2);
        if (value.n && value.p[value.n - 1] == '\r') value.n--;
        return value;
    }
    return STR_NULL;
}

static int read_answer(struct peer *p, struct str *body) {
    size_t head = 0;
    int64_t length, status;
    buf_clear(&p->in);
    while (!head) {
        if (!receive(p)) return 0;
        const char *end = memmem(p->in.p, p->in.n, "\r\n\r\n", 4);
        if (end)
            head = (size_t)(end - p->in.p) + 4;
        else if (p->in.n > HEAD_MAX)
            return 0;
    }
    struct str text = str_of(p->in.p, head);
    if (!str_starts(text, STR("HTTP/1.1 ")) || !str_to_i64(str_of(text.p + 9, 3), &status) ||
        !str_to_i64(header(text, "Content-Length"), &length))
        return 0;
    bool close_after = str_eq_nocase(header(text, "Connection"), STR("close"));
    while (p->in.n < head + (size_t)length)
        if (!receive(p)) return 0;
    *body = str_of(p->in.p + head, (size_t)length);
    if (close_after) hang_up(p);
    return (int)status;
}

int peer_ask(struct peer *p, const struct peer_request *r, struct str *body) {
    struct buf out;
    *body = STR("");
    if (!dial(p)) return 0;
    buf_init(&out, 0);
    buf_addf(&out, "%s %s%s%.*s HTTP/1.1\r\nhost: %s\r\n", r->method, r->path, r->query.p ? "?" : "", STR_ARG(r->query), p->address);
    if (!r->unsigned_) add_signature(p, r, &out);
    if (r->target.p) buf_addf(&out, "x-amz-target: %.*s\r\n", STR_ARG(r->target));
    if (r->type) buf_addf(&out, "content-type: %s\r\n", r->type);
    if (r->encoding) buf_addf(&out, "content-encoding: %s\r\n", r->encoding);
    buf_addf(&out, "content-length: %zu\r\n\r\n", r->body.n);
    buf_add(&out, r->body);
    if (out.failed) abort();
    int status = send_all(p, buf_str(&out)) ? read_answer(p, body) : 0;
    buf_fini(&out);
    if (!status) hang_up(p);
    return status;
}
