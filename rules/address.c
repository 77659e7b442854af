#include "address.h"

#include <arpa/inet.h>

bool address_read(struct str s, struct address *a) {
    char z[INET6_ADDRSTRLEN];
    *a = (struct address){0};
    if (s.n < 2 || s.n >= sizeof z) return false;
    bool six = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (!hex && c != '.' && c != ':') return false;
        six |= c == ':';
    }
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    if (inet_pton(six ? AF_INET6 : AF_INET, z, a->bytes) != 1) return false;
    a->length = six ? 16 : 4;
    return true;
}

bool address_equal(const struct address *a, const struct address *b) {
    return a->length && a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

bool address_in(const struct address *a, const struct address *block, unsigned bits) {
    if (!a->length || a->length != block->length) return false;
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, block->bytes, whole) != 0) return false;
    return !rest || (a->bytes[whole] ^ block->bytes[whole]) >> (8 - rest) == 0;
}
