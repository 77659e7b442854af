/* What a policy document is compiled to: read-only after policy_parse; policy/ only. */
#ifndef POLICY_COMPILED_H
#define POLICY_COMPILED_H

#include "arena.h"
#include "document.h"

enum comparison {
    COMPARE_STRING, COMPARE_STRING_NOCASE, COMPARE_LIKE, COMPARE_ARN,
    COMPARE_NUMBER_EQ, COMPARE_NUMBER_LT, COMPARE_NUMBER_LE, COMPARE_NUMBER_GT, COMPARE_NUMBER_GE,
    COMPARE_DATE_EQ, COMPARE_DATE_LT, COMPARE_DATE_LE, COMPARE_DATE_GT, COMPARE_DATE_GE,
    COMPARE_BOOL, COMPARE_IP, COMPARE_NULL,
};
enum quantifier { ONE_VALUE, ANY_VALUE, ALL_VALUES };

struct network {
    uint8_t address[16]; /* IPv4 in the first four */
    int bits, family;    /* AF_INET, AF_INET6 */
};
struct operand { /* one value of a condition, prepared for its comparison */
    struct str text;
    double number;
    int64_t date_ms;
    bool flag;
    struct network network;
};
struct condition {
    enum comparison comparison;
    bool negated, if_exists;
    enum quantifier quantifier;
    struct str key; /* as in condition_keys */
    struct operand *operands;
    size_t operand_count;
};

enum principal_kind { PRINCIPAL_ANYBODY, PRINCIPAL_ACCOUNT, PRINCIPAL_ARN, PRINCIPAL_SERVICE };
struct principal {
    enum principal_kind kind;
    struct str text; /* 12 digits, ARN, or service name */
};
struct texts {
    struct str *items;
    size_t count;
    bool negated, given; /* NotAction, NotResource */
};
struct statement {
    struct str sid; /* absent: none */
    bool allow;
    struct principal *principals;
    size_t principal_count;
    bool not_principal;
    struct texts actions, resources;
    struct condition *conditions;
    size_t condition_count;
};
struct policy {
    struct arena arena;
    enum policy_kind kind;
    struct statement *statements;
    size_t statement_count;
};

/* * (any run of characters) and ? (one character). Linear in practice: only the last * is tried again. */
bool glob_match(struct str pattern, struct str text, bool ignore_case);
/* A decimal number, RFC 8259's or with a leading +; no blanks, no hexadecimals, no words. False past a double's range. */
bool number_parse(struct str text, double *number);
/* A date of W3C's note on ISO 8601 (2026, 2026-05, 2026-05-01, 2026-05-01T10:30Z, ...:15Z, ...:15.5+02:00), or whole seconds since 1970 (five
 * digits and more). */
bool date_parse(struct str text, int64_t *ms);
/* "10.0.0.0/8", "::1"; no mask: one address. */
bool network_parse(struct str text, struct network *network);
bool network_holds(const struct network *network, struct str address);

#endif
