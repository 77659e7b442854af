/* Wildcards, numbers, dates and networks: what policies compare with. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "compiled.h"

static char fold(char c, bool ignore_case) { return ignore_case && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool glob_match(struct str pattern, struct str text, bool ignore_case) {
    size_t p = 0, t = 0, star = SIZE_MAX, again = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            again = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || fold(pattern.p[p], ignore_case) == fold(text.p[t], ignore_case))) {
            p++;
            t++;
            if (pattern.p[p - 1] == '?') /* one character, not one byte */
                while (t < text.n && ((unsigned char)text.p[t] & 0xC0) == 0x80) t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++again;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') p++;
    return p == pattern.n;
}

/* ---- numbers and dates -----------------------------------------------------------------------------------------------------------------
 */
static size_t digits(struct str s, size_t at) {
    while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9') at++;
    return at;
}

bool number_parse(struct str s, double *number) {
    char text[64];
    size_t from = s.n && (s.p[0] == '-' || s.p[0] == '+'), at = digits(s, from), numerals = at - from;
    if (at < s.n && s.p[at] == '.') {
        from = at + 1;
        at = digits(s, from);
        numerals += at - from;
    }
    if (!numerals) return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        from = at + 1;
        if (from < s.n && (s.p[from] == '-' || s.p[from] == '+')) from++;
        if ((at = digits(s, from)) == from) return false;
    }
    if (at != s.n || !str_copyz(text, sizeof text, s)) return false;
    *number = strtod(text, NULL);
    return *number - *number == 0; /* finite */
}

bool date_parse(struct str s, int64_t *ms) {
    static const char rest[] = "0000-01-01T00:00:00Z";
    char whole[sizeof rest];
    int64_t seconds;
    if (clock_parse_iso(s, ms)) return true;
    if (s.n == 4 || s.n == 7 || s.n == 10) { /* year, month or day: its beginning */
        memcpy(whole, rest, sizeof whole);
        memcpy(whole, s.p, s.n);
        if (clock_parse_iso(str_from(whole), ms)) return true;
    } else if (s.n == 17 && s.p[16] == 'Z') { /* without seconds */
        snprintf(whole, sizeof whole, "%.16s:00Z", s.p);
        return clock_parse_iso(str_from(whole), ms);
    }
    return str_to_i64(s, &seconds) && !__builtin_mul_overflow(seconds, 1000, ms);
}

/* ---- networks
 * ---------------------------------------------------------------------------------------------------------------------------- */
static bool address_parse(struct str text, uint8_t address[16], int *family) {
    char z[64];
    if (str_find(text, 0, 0) < text.n || !str_copyz(z, sizeof z, text)) return false;
    *family = strchr(z, ':') ? AF_INET6 : AF_INET;
    memset(address, 0, 16);
    return inet_pton(*family, z, address) == 1;
}

bool network_parse(struct str text, struct network *n) {
    size_t slash = str_find(text, '/', 0);
    int64_t bits;
    if (!address_parse(str_of(text.p, slash), n->address, &n->family)) return false;
    n->bits = n->family == AF_INET ? 32 : 128;
    if (slash == text.n) return true;
    if (!str_to_i64(str_skip(text, slash + 1), &bits) || text.p[slash + 1] == '-' || bits > n->bits) return false;
    n->bits = (int)bits;
    return true;
}

bool network_holds(const struct network *n, struct str text) {
    uint8_t address[16];
    int family;
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96, an IPv4 address behind a dual-stack socket (RFC 4291, 2.5.5.2) */
    if (!address_parse(text, address, &family)) return false;
    if (n->family == AF_INET && family == AF_INET6 && memcmp(address, mapped, 12) == 0) {
        memmove(address, address + 12, 4);
        family = AF_INET;
    }
    if (family != n->family) return false;
    int bytes = n->bits / 8, rest = n->bits % 8;
    if (memcmp(address, n->address, (size_t)bytes) != 0) return false;
    return !rest || (address[bytes] ^ n->address[bytes]) >> (8 - rest) == 0;
}
