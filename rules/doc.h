/* A JSON text as a tree: the strict RFC 8259 reader for events, patterns and details.
 *
 * Everything lives in the caller's arena, strings point into the text where they hold no escapes: the text must live as long as the
 * tree. Strict: well-formed UTF-8, no lone surrogates, no trailing text, at most DOC_DEPTH_MAX levels. Duplicate keys are kept, in
 * order; who reads decides. Pure; any thread. */
#ifndef RULES_DOC_H
#define RULES_DOC_H

#include "arena.h"
#include "err.h"

enum { DOC_DEPTH_MAX = 1000 };
enum node_kind { NODE_NULL, NODE_FALSE, NODE_TRUE, NODE_NUMBER, NODE_STRING, NODE_ARRAY, NODE_OBJECT };

struct node {
    enum node_kind kind;
    struct str key;     /* the member's name, unescaped, when the parent is an object; absent otherwise */
    struct str raw;     /* the value's bytes in the text, with quotes and brackets */
    struct str text;    /* strings: unescaped, without quotes; numbers: as written */
    struct node *child; /* first element or member */
    struct node *next;  /* next sibling */
    size_t count;       /* children */
};

/* Parses a whole text. *root points into the arena. Errors: ERR_SYNTAX with line and column (1-based, columns in characters)
 * and a sentence that says what stood there and what was expected; ERR_NOMEM past the arena's cap. */
enum err doc_parse(struct arena *a, struct str text, struct node **root, struct fault *fault) MUST_USE;
/* As doc_parse; after a syntax error *stop gets the place where a streaming parser would say it is: behind an unknown word (at the
 * bracket in [tru]), at any other offending character, or the text's end. For the sentences of the service, which follow that habit. */
enum err doc_parse_stop(struct arena *a, struct str text, struct node **root, struct fault *fault, const char **stop) MUST_USE;
/* The last member of that name (the one that wins), or NULL. `object` may be NULL or of another kind: NULL then. */
struct node *doc_get(const struct node *object, struct str key);
/* Line and column (1-based, column in characters) of a byte of the text; `at` points into it. */
void doc_position(struct str text, const char *at, int *line, int *column);
/* The value without blanks between tokens; strings and numbers keep their bytes. */
void doc_minify(struct buf *out, const struct node *value);

#endif
