/* Reading a field's alternatives: the inside of pattern_parse, not for others. */
#ifndef RULES_ALTERNATIVE_H
#define RULES_ALTERNATIVE_H

#include "pattern_ast.h"

struct pattern_reader {
    struct arena *arena; /* the pattern's: what stays */
    struct arena *work;  /* what goes when the pattern is read */
    struct str source;
    struct fault *fault;
};

/* The service's sentence around a reason, with the position of `at` (a byte of the source; NULL: none). Always ERR_PATTERN.
 *
 * Where `at` stands is the convention of the streaming parser that the service uses: just behind the token it read last. It reads a
 * string's opening quote only, until the string is needed; and with a field's name it has already read the beginning of the field's value:
 * the opening quote, bracket or brace, or all of another scalar. pattern_seen and pattern_read_end give these two places. */
enum err pattern_refuse(struct pattern_reader *r, const char *at, const char *format, ...) MUST_USE __attribute__((format(printf, 3, 4)));
/* Behind what the parser has read of a value when it knows no more than its kind. */
const char *pattern_seen(const struct node *v);
/* Behind the whole value. */
const char *pattern_read_end(const struct node *v);
/* A string of the tree, made to live as long as the pattern. p == NULL without memory. */
struct str pattern_keep(struct pattern_reader *r, struct str s);
/* True for prefix, suffix, numeric...: a name that begins a matcher. */
bool pattern_is_matcher(struct str name);
/* Fills f->alternatives, count and absent from the array `v`. ERR_PATTERN, ERR_NOMEM. */
enum err pattern_alternatives_read(struct pattern_reader *r, const struct node *v, struct pattern_field *f) MUST_USE;

#endif
