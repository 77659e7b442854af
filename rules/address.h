/* IP literals and CIDR blocks: RFC 4291 text forms for IPv6, four decimal octets for IPv4. */
#ifndef RULES_ADDRESS_H
#define RULES_ADDRESS_H

#include "str.h"

struct address {
    uint8_t bytes[16];
    uint8_t length; /* 4, 16; 0: none */
};

/* False, and length 0, when s is no IP literal (a zone, a mask or blanks make it none). */
bool address_read(struct str s, struct address *a);
bool address_equal(const struct address *a, const struct address *b);
/* Same family, and the first `bits` bits agree. Host bits of `block` do not count. */
bool address_in(const struct address *a, const struct address *block, unsigned bits);

#endif
