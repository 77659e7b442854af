/* Shapes: requests and responses as data. One description of a structure serves to decode and validate a JSON request into a C struct, to
 * encode a C struct as a JSON response, to print the reference page, and to make the CLI's flags.
 *
 * C side of a shape type:
 *   SHAPE_STRING, SHAPE_BLOB (base64 on the wire), SHAPE_JSON (any JSON value, kept as its text)   struct str   (absent: p == NULL)
 *   SHAPE_INTEGER (64 bit), SHAPE_TIMESTAMP (milliseconds; a number of seconds on the wire)        struct opt_i64
 *   SHAPE_DOUBLE is not there: no operation needs one
 *   SHAPE_BOOLEAN                                                                                 struct opt_bool
 *   SHAPE_STRUCT                                                                                  T *          (absent: NULL)
 *   SHAPE_LIST of item shape                                                                      struct list  (of item's C type)
 *   SHAPE_MAP of strings to item shape                                                            struct list  of struct map_entry
 * In a list, items of SHAPE_STRUCT are T laid end to end (not pointers). Pure; any thread. */
#ifndef BASE_SHAPE_H
#define BASE_SHAPE_H

#include "arena.h"
#include "err.h"

struct opt_i64 {
    bool set;
    int64_t v;
};
struct opt_bool {
    bool set, v;
};
struct list {
    bool set; /* present, though it may be empty */
    size_t n;
    void *items;
};
/* A map's entry; which of the values is used depends on the item's shape (strings and JSON: s; structs: p; lists: l; numbers: i). */
struct map_entry {
    struct str key;
    struct str s;
    struct opt_i64 i;
    void *p;
    struct list l;
};
#define LIST_AT(list, type, index) (&((type *)(list).items)[index])

enum shape_type { SHAPE_STRING, SHAPE_BLOB, SHAPE_JSON, SHAPE_INTEGER, SHAPE_TIMESTAMP, SHAPE_BOOLEAN, SHAPE_STRUCT, SHAPE_LIST, SHAPE_MAP };

struct member;
struct shape {
    enum shape_type type;
    const char *name;              /* AWS's shape name ("PutRuleRequest"), shown in the reference */
    size_t size;                   /* STRUCT: sizeof T */
    const struct member *members;  /* STRUCT; ended by a row whose name is NULL */
    const struct shape *item;      /* LIST, MAP */
    const struct shape *key;       /* MAP: constraints of the keys, or NULL */
    bool has_min, has_max;
    int64_t min, max;              /* length of strings (characters), blobs (bytes), lists, maps; value of numbers */
    const char *pattern;           /* AWS's regular expression as it is shown in messages; NULL: none */
    const char *posix;             /* the same as a POSIX extended one, anchored; NULL: `pattern` between ^( and )$ */
    const char *const *values;     /* enum, ended by NULL */
    bool sensitive;                /* never logged, shown as '****' in messages */
};
struct member {
    const char *name;              /* on the wire: "EventBusName" */
    const struct shape *shape;
    size_t offset;                 /* of the field in T */
    bool required;
    const char *doc;               /* one sentence for --help and the reference */
};
/* {MEMBER(struct put_rule, name, "Name", &shape_rule_name, REQUIRED, "the rule's name")}, ..., MEMBER_END */
#define REQUIRED true
#define OPTIONAL false
#define MEMBER(type, field, wire, shape_, required_, doc_) {wire, shape_, offsetof(type, field), required_, doc_}
#define MEMBER_END {NULL, NULL, 0, false, NULL}

/* Decodes a JSON text into *out (shape->type is SHAPE_STRUCT; out has shape->size bytes, zeroed by the caller) and validates it.
 * Strings are copied into the arena. ERR_MALFORMED with line and column for what is no JSON or no object; ERR_MALFORMED with the member's
 * path in `where` for a value of the wrong type; ERR_VALIDATION for constraints, all violations in one message in AWS's words:
 *   "2 validation errors detected: Value 'x y' at 'name' failed to satisfy constraint: Member must satisfy regular expression
 *    pattern: [\.\-_A-Za-z0-9]+; Value null at 'rule' failed to satisfy constraint: Member must not be null"
 * Paths are AWS's: first letter of each member in lower case, list items as targets.1.member.id. Unknown members are ignored, as the service
 * does, unless `strict`: then they are ERR_VALIDATION with the nearest known name. ERR_NOMEM past the arena's cap. */
enum err shape_decode(const struct shape *shape, struct str json, bool strict, struct arena *a, void *out, struct fault *fault) MUST_USE;
/* Encodes; absent members are left out. */
void shape_encode(const struct shape *shape, const void *value, struct buf *out);
/* Validates a struct that was filled by hand (constraints only), as decode does. */
enum err shape_check(const struct shape *shape, const void *value, struct arena *a, struct fault *fault) MUST_USE;
/* The member of that name, or NULL. */
const struct member *shape_member(const struct shape *shape, struct str name);

#endif
