/* JSON numbers by value: exact decimal comparison of texts, without going through a double.
 *
 * value = sign * 0.HEAD MORE * 10^exponent, where HEAD are the first 19 significant digits. Nearly all numbers are decided by HEAD. */
#ifndef RULES_NUMBER_H
#define RULES_NUMBER_H

#include "str.h"

struct number {
    struct str text;  /* as written; not owned */
    uint64_t head;    /* first 19 significant digits, filled up with zeros; 0 for zero */
    int64_t exponent; /* beyond +-10^15 it stays there */
    bool negative;    /* false for -0 */
    bool more;        /* a digit other than 0 follows head */
};

/* `text` follows the grammar of JSON numbers (doc.h's reader has checked it) and lives as long as the result. */
struct number number_read(struct str text);
/* <0, 0, >0. -0 equals 0. Two numbers whose exponents are both beyond the bound compare by their other digits. */
int number_compare(const struct number *a, const struct number *b);
/* True when some double's shortest form is this number: 0.1 is held, 2^53+1 and 1e309 are not. */
bool number_is_held(const struct number *n);

#endif
