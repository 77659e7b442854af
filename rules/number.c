#include "number.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEAD_DIGITS = 19 };
#define EXPONENT_BOUND ((int64_t)1000000000000000)

static int64_t read_exponent(const char *p, const char *end) {
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    int64_t e = 0;
    for (; p < end; p++)
        if (e < EXPONENT_BOUND) e = e * 10 + (*p - '0');
    return negative ? -e : e;
}

struct number number_read(struct str text) {
    struct number n = {.text = text};
    const char *p = text.p, *end = text.p + text.n;
    bool fraction = false;
    int digits = 0;
    n.negative = p < end && *p == '-';
    if (n.negative) p++;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        if (!digits && *p == '0') {
            n.exponent -= fraction;
            continue;
        }
        n.exponent += !fraction;
        if (digits < HEAD_DIGITS)
            n.head = n.head * 10 + (uint64_t)(*p - '0'), digits++;
        else if (*p != '0')
            n.more = true;
    }
    if (!digits) return (struct number){.text = text};
    for (; digits < HEAD_DIGITS; digits++) n.head *= 10;
    if (p < end) n.exponent += read_exponent(p + 1, end);
    if (n.exponent > EXPONENT_BOUND) n.exponent = EXPONENT_BOUND;
    if (n.exponent < -EXPONENT_BOUND) n.exponent = -EXPONENT_BOUND;
    return n;
}

/* The digits of the mantissa one by one, from the first significant one on; '0' for ever after the last. */
struct digits {
    const char *p, *end;
};

static char next_digit(struct digits *d) {
    if (d->p < d->end && *d->p == '.') d->p++;
    return d->p < d->end && *d->p != 'e' && *d->p != 'E' ? *d->p++ : '0';
}

static struct digits significant_digits(struct str text) {
    struct digits d = {text.p, text.p + text.n};
    while (d.p < d.end && (*d.p == '-' || *d.p == '0' || *d.p == '.')) d.p++;
    return d;
}

static int compare_digits(struct str a, struct str b) {
    struct digits x = significant_digits(a), y = significant_digits(b);
    for (size_t i = 0, most = a.n > b.n ? a.n : b.n; i < most; i++) {
        char c = next_digit(&x), d = next_digit(&y);
        if (c != d) return c < d ? -1 : 1;
    }
    return 0;
}

static int compare_magnitude(const struct number *a, const struct number *b) {
    if (!a->head || !b->head) return (a->head != 0) - (b->head != 0);
    if (a->exponent != b->exponent) return a->exponent < b->exponent ? -1 : 1;
    if (a->head != b->head) return a->head < b->head ? -1 : 1;
    return a->more || b->more ? compare_digits(a->text, b->text) : 0;
}

int number_compare(const struct number *a, const struct number *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    int order = compare_magnitude(a, b);
    return a->negative ? -order : order;
}

bool number_is_held(const struct number *n) {
    if (!n->head) return true;
    if (n->more || n->exponent > 400 || n->exponent < -400) return false;
    char text[64];
    snprintf(text, sizeof text, "%s0.%019llue%lld", n->negative ? "-" : "", (unsigned long long)n->head, (long long)n->exponent);
    double d = strtod(text, NULL);
    for (int digits = 1; digits <= 17; digits++) {
        int length = snprintf(text, sizeof text, "%.*e", digits - 1, d);
        if (strtod(text, NULL) < d || strtod(text, NULL) > d) continue;
        if (text[length - 1] < '0' || text[length - 1] > '9') return false; /* inf */
        struct number shortest = number_read(str_of(text, (size_t)length));
        return number_compare(n, &shortest) == 0;
    }
    return false;
}
