#include "guard.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 2048 };

/* A range of addresses: IPv4 ones are kept as the IPv4-mapped range of IPv6, so that there is one comparison. */
struct range {
    uint8_t bytes[16];
    int bits;
};

struct guard {
    size_t count;
    struct item {
        char *glob; /* NULL: a range */
        bool is_arn;
        struct range range;
    } items[];
};

/* ---- addresses ------------------------------------------------------------------------------------------------------------------------
 */
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool in_range(const uint8_t a[16], const uint8_t *range, int bits) {
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(a, range, (size_t)whole) != 0) return false;
    return !rest || ((a[whole] ^ range[whole]) >> (8 - rest)) == 0;
}

static bool v4_is_public(const uint8_t a[4]) {
    /* IANA's special-purpose registry (RFC 6890 and its successors), and multicast. */
    static const struct {
        uint8_t at[4];
        int bits;
    } closed[] = {{{0}, 8},
                  {{10}, 8},
                  {{100, 64}, 10},
                  {{127}, 8},
                  {{169, 254}, 16},
                  {{172, 16}, 12},
                  {{192, 0, 0}, 24},
                  {{192, 0, 2}, 24},
                  {{192, 88, 99}, 24},
                  {{192, 168}, 16},
                  {{198, 18}, 15},
                  {{198, 51, 100}, 24},
                  {{203, 0, 113}, 24},
                  {{224}, 4},
                  {{240}, 4}};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        if (in_range((const uint8_t[16]){a[0], a[1], a[2], a[3]}, closed[i].at, closed[i].bits)) return false;
    return true;
}

static bool v6_is_public(const uint8_t a[16]) {
    static const uint8_t zero[16], nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0) return v4_is_public(a + 12);
    if (memcmp(a, zero, 12) == 0) return (a[12] | a[13] | a[14]) && v4_is_public(a + 12); /* IPv4-compatible; :: and ::1 */
    if (a[0] == 0x20 && a[1] == 0x02) return v4_is_public(a + 2);                         /* 6to4 */
    if ((a[0] & 0xe0) != 0x20) return false; /* all that is public lies in 2000::/3; fc00::/7, fe80::/10, ff00::/8, 64:ff9b:1::/48 do not */
    if (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) return false;           /* 2001::/23: Teredo, benchmarking, ORCHID */
    if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) return false; /* documentation */
    return !(a[0] == 0x3f && a[1] == 0xff && (a[2] & 0xf0) == 0);                   /* 3fff::/20: documentation */
}

/* As 16 bytes; false for a family that is no Internet's. */
static bool bytes_of(const struct sockaddr *address, uint8_t a[16]) {
    if (address->sa_family == AF_INET) {
        memcpy(a, mapped, 12);
        memcpy(a + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        return true;
    }
    if (address->sa_family != AF_INET6) return false;
    memcpy(a, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    return true;
}

bool guard_is_public(const struct sockaddr *address) {
    uint8_t a[16];
    return bytes_of(address, a) && v6_is_public(a);
}

static bool range_holds(const struct guard *g, const uint8_t a[16]) {
    for (size_t i = 0; i < g->count; i++)
        if (!g->items[i].glob && in_range(a, g->items[i].range.bytes, g->items[i].range.bits)) return true;
    return false;
}

bool guard_permits(const struct guard *g, const struct sockaddr *address) {
    uint8_t a[16];
    return bytes_of(address, a) && (v6_is_public(a) || range_holds(g, a));
}

void guard_address_text(const struct sockaddr *address, char text[GUARD_ADDRESS_SIZE]) {
    const void *at = address->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
                                                   : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    bool known = address->sa_family == AF_INET || address->sa_family == AF_INET6;
    if (!known || !inet_ntop(address->sa_family, at, text, GUARD_ADDRESS_SIZE)) snprintf(text, GUARD_ADDRESS_SIZE, "of an unknown family");
}

/* ---- what the operator allowed
 * ------------------------------------------------------------------------------------------------------------ */
static bool parse_address(const char *text, uint8_t a[16], int *bits) {
    memcpy(a, mapped, 12);
    *bits = 32;
    if (inet_pton(AF_INET, text, a + 12) == 1) return true;
    *bits = 128;
    return inet_pton(AF_INET6, text, a) == 1;
}

static bool parse_range(const char *text, struct range *r) {
    char address[GUARD_ADDRESS_SIZE];
    const char *slash = strchr(text, '/');
    int64_t bits = -1;
    int most;
    if (!str_copyz(address, sizeof address, slash ? str_of(text, (size_t)(slash - text)) : str_from(text))) return false;
    if (!parse_address(address, r->bytes, &most)) return false;
    if (slash && (!str_to_i64(str_from(slash + 1), &bits) || bits < 0 || bits > most)) return false;
    r->bits = (int)(slash ? bits : most) + (128 - most);
    return true;
}

static bool is_name_glob(const char *text) {
    for (const char *p = text; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*", *p)) return false;
    return *text;
}

enum err guard_new(const char *const *items, size_t count, struct guard **out, struct fault *fault) {
    struct guard *g = calloc(1, sizeof *g + count * sizeof g->items[0]);
    enum err err = g ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < count && !err; i++) {
        struct item *item = &g->items[g->count++];
        item->is_arn = strncmp(items[i], "arn:", 4) == 0;
        if (!item->is_arn && parse_range(items[i], &item->range)) continue;
        if (!item->is_arn && !is_name_glob(items[i]))
            err = fault_set(
                fault, ERR_USAGE,
                "private-destinations: '%s' is neither an address (10.0.0.0/8, ::1), nor a host name (*.corp.example), nor the ARN of an "
                "API destination or connection",
                items[i]);
        else if (!(item->glob = strdup(items[i])))
            err = fault_set(fault, ERR_NOMEM, NULL);
    }
    if (err)
        guard_free(g);
    else
        *out = g;
    return err;
}

void guard_free(struct guard *g) {
    for (size_t i = 0; g && i < g->count; i++) free(g->items[i].glob);
    free(g);
}

bool guard_trusts(const struct guard *g, struct str host, struct str arn) {
    char name[GUARD_HOST_SIZE], resource[2048];
    uint8_t a[16];
    int bits;
    bool has_name = str_copyz(name, sizeof name, host), has_arn = str_copyz(resource, sizeof resource, arn);
    size_t n = strlen(name);
    if (has_name && n > 2 && name[0] == '[' && name[n - 1] == ']') { /* a literal IPv6 address in a URL */
        memmove(name, name + 1, n - 2);
        name[n - 2] = 0;
    }
    for (size_t i = 0; i < g->count; i++) {
        const struct item *item = &g->items[i];
        if (item->glob && item->is_arn && has_arn && arn.n && fnmatch(item->glob, resource, 0) == 0) return true;
        if (item->glob && !item->is_arn && has_name && fnmatch(item->glob, name, FNM_CASEFOLD) == 0) return true;
    }
    return has_name && parse_address(name, a, &bits) && range_holds(g, a);
}

/* ---- URLs
 * ------------------------------------------------------------------------------------------------------------------------------------ */
enum err guard_check_url(const struct guard *g, struct str url, struct str arn, const char *what, char host[GUARD_HOST_SIZE],
                         struct fault *fault) {
    char text[URL_MAX + 1], *scheme = NULL, *name = NULL, *user = NULL, *fragment = NULL;
    const char *why = NULL;
    CURLU *u = curl_url();
    if (!u) return fault_set(fault, ERR_NOMEM, NULL);
    if (!str_copyz(text, sizeof text, url) || curl_url_set(u, CURLUPART_URL, text, 0) || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(u, CURLUPART_HOST, &name, 0))
        why = "it is no URL like https://HOST/PATH";
    else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
        why = "its scheme must be https";
    else if (strlen(name) >= GUARD_HOST_SIZE)
        why = "its host has more than 255 characters";
    else if (!curl_url_get(u, CURLUPART_USER, &user, 0))
        why = "credentials belong in a connection, not in a URL";
    else if (!curl_url_get(u, CURLUPART_FRAGMENT, &fragment, 0))
        why = "a fragment (#) is never sent";
    else if (strcmp(scheme, "http") == 0 && !guard_trusts(g, str_from(name), arn))
        why = "its scheme must be https; plain http is for hosts that the operator's setting private-destinations names";
    if (!why && host) str_copyz(host, GUARD_HOST_SIZE, str_from(name));
    enum err err = why ? fault_set(fault, ERR_VALIDATION, "%s Reason: %s.", what, why) : ERR_OK;
    curl_free(scheme);
    curl_free(name);
    curl_free(user);
    curl_free(fragment);
    curl_url_cleanup(u);
    return err;
}
