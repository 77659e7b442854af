/* JSON out: a writer over a `struct buf` that puts the commas itself. Minified, UTF-8 as it comes, escapes only what RFC 8259 demands.
 * Reading: rules/doc.h for events (the fast path), jansson through shape.h for requests. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "str.h"

struct json {
    struct buf *out;
    bool comma; /* a value was written at this level */
};

void json_init(struct json *j, struct buf *out);
void json_object_begin(struct json *j);     /* { */
void json_object_end(struct json *j); /* } */
void json_array_begin(struct json *j);      /* [ */
void json_array_end(struct json *j);  /* ] */
void json_key(struct json *j, struct str key);
void json_str(struct json *j, struct str value); /* absent is written as null */
void json_i64(struct json *j, int64_t value);
void json_bool(struct json *j, bool value);
void json_put_null(struct json *j);
/* Bytes that are a JSON value already. */
void json_raw(struct json *j, struct str value);
/* Milliseconds since 1970 as AWS JSON's timestamp: a number of seconds, with three decimals when there are any. */
void json_seconds(struct json *j, int64_t ms);
/* key + value in one go. */
void json_key_str(struct json *j, const char *key, struct str value);
void json_key_i64(struct json *j, const char *key, int64_t value);
void json_key_bool(struct json *j, const char *key, bool value);

/* Where the first byte from p on stands that cannot stand for itself in a JSON string: a quote, a backslash or a control character; or
 * end. Looks at sixteen bytes at a time. */
const char *json_escape_at(const char *p, const char *end);

/* Appends s as a JSON string with its quotes. Bytes that are not UTF-8 are the caller's bug. */
void json_quote(struct buf *out, struct str s);

#endif
