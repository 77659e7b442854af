/* The scanner: reads an event's bytes once, checks them strictly, and tells the leaves that some rule names. Nothing else is looked at.
 *
 * It accepts what doc.h's reader accepts and refuses the rest: RFC 8259, well-formed UTF-8, no lone surrogates, DOC_DEPTH_MAX levels.
 * A refusal has no sentence: who wants one reads the same text with doc_parse. First scan_index.h finds the tokens; then one walk over
 * them checks the grammar, with the tree of names (scan_paths.h) beside it as long as it leads on.
 *
 * Arrays are transparent: the elements' leaves are leaves of the array's path. Where leaves stand in arrays is told by elements: each
 * leaf has the innermost element around it, and each element the one around its array; two leaves contradict each other when their
 * chains first differ in two elements of one array. Of members with the same name the last one counts.
 *
 * A struct scan is one thread's working memory: it grows to what the largest text needed, and then no call goes to the allocator. */
#ifndef RULES_SCAN_H
#define RULES_SCAN_H

#include "doc.h"
#include "scan_index.h"
#include "scan_paths.h"

struct scan_leaf {
    const char *p; /* a string's bytes between the quotes, escapes as they stand; another scalar as written */
    uint64_t hash; /* strings without escapes, when scan.watch is set: scan_string_hash */
    uint32_t bytes;
    uint32_t path;
    uint32_t element; /* innermost, index into scan.elements; 0: in no array */
    uint8_t kind;     /* enum node_kind */
    bool escaped;     /* a string with backslashes in it: scan_unescape tells its text */
    bool dead;        /* inside of the walk only: a later member of the same name replaced it */
};

struct scan_element {
    uint32_t around; /* the element around its array; 0: none. Smaller than its own number */
    uint32_t array;
};

struct scan_array {
    uint32_t path;
    uint32_t around;
};

/* Where a string of a path will be looked up: the scanner calls for the memory while it reads on. Slots are of 8 bytes. */
struct scan_watch {
    uint64_t seed;
    const char *slots; /* NULL: no hashes are wanted */
    uint32_t mask;
};
static inline uint64_t scan_string_hash(uint64_t seed, uint32_t path, struct str text) {
    return keyhash(seed + path * KEYHASH_K2, text.p, text.n);
}

struct scan {
    scan_index_fn *index;
    struct scan_watch watch; /* the caller's */
    struct scan_index tokens;
    size_t token_cap;
    struct scan_leaf *leaves; /* in the order of the text */
    uint32_t leaf_count, leaf_cap;
    struct scan_element *elements; /* [0] stands for none */
    uint32_t element_count, element_cap;
    struct scan_array *arrays;
    uint32_t array_count, array_cap;
    bool dotted;    /* a name with dots led into the tree: a path may have been reached in two ways */
    bool is_object; /* the text is an object: else it has no leaves */
    /* the walk's own */
    struct scan_mark *marks; /* by path: where it was met last */
    uint32_t mark_count;
    struct scan_split *splits; /* the same for names with dots, by path and number of names */
    uint32_t split_cap, split_count;
    uint32_t serial;
    struct scan_frame *frames;
    char *name; /* an unescaped name */
    size_t name_cap;
};

/* `index`: NULL is the best one of this machine. ERR_NOMEM. */
enum err scan_init(struct scan *s, scan_index_fn *index) MUST_USE;
void scan_fini(struct scan *s);

enum { SCAN_TEXT_MAX = 1 << 30 };
/* Reads a whole text; leaves, elements and arrays are valid until the next call, and point into the text. `paths` may change from call
 * to call; NULL: no leaves, the text is only checked. Errors: ERR_SYNTAX (not JSON), ERR_LIMIT (more than SCAN_TEXT_MAX bytes), ERR_NOMEM;
 * no leaves then. */
enum err scan_read(struct scan *s, const struct scan_paths *paths, struct str text) MUST_USE;

/* The text of an escaped string's bytes, which a scan has accepted; writes at most `s.n` bytes to out and returns how many. */
size_t scan_unescape(struct str s, char *out);
/* A detail that comes as a JSON string: takes the quotes and escapes off `literal` (with its quotes, checked or not) into out, which has
 * room for literal.n bytes. False when it is no JSON string. What comes out can then be read like any other text. */
bool scan_string(struct scan *s, struct str literal, char *out, size_t *n);

#endif
