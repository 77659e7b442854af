#include "mutation.h"

#include <stdlib.h>
#include <string.h>

enum { DEEP_MOST = 1100, LONG_MOST = 70000, MANY = 101 };

static json_t *deep(size_t levels) {
    json_t *value = json_integer(1);
    while (levels--) {
        json_t *around = json_array();
        json_array_append_new(around, value);
        value = around;
    }
    return value;
}

static json_t *long_string(size_t n) {
    char *text = malloc(n + 1);
    if (!text) abort();
    memset(text, 'x', n);
    text[n] = 0;
    json_t *value = json_string(text);
    free(text);
    return value;
}

static json_t *odd_string(struct dice *d) {
    static const char *const odd[] = {"",          " ",
                                      "\x01",      "\xf0\x9f\x98\x80",
                                      "a/b",       "../../..",
                                      "%00%s%n",   "{\"a\":",
                                      "$.",        "arn:aws:events:::",
                                      "*",         "\xc3\xa9",
                                      "\n",        "-1",
                                      "null",      "[]",
                                      "<a>",       "a b\tc\"",
                                      "arn:aws:s", "\xe2\x80\xae"};
    return json_string(odd[dice_below(d, sizeof odd / sizeof odd[0])]);
}

static json_t *odd_number(struct dice *d) {
    static const json_int_t odd[] = {0, -1, 1, 101, 65536, INT32_MAX, INT64_MAX, INT64_MIN, 1000000000000};
    return dice_one_in(d, 5) ? json_real(1.5e300) : json_integer(odd[dice_below(d, sizeof odd / sizeof odd[0])]);
}

static json_t *odd_value(struct dice *d) {
    static const size_t lengths[] = {64, 65, 256, 257, 513, 1601, 2049, 4097, 8193, LONG_MOST};
    switch (dice_below(d, 8)) {
    case 0: return json_null();
    case 1: return json_boolean(dice_one_in(d, 2));
    case 2: return odd_number(d);
    case 3: return json_object();
    case 4: return json_array();
    case 5: return dice_one_in(d, 4) ? deep(dice_below(d, DEEP_MOST)) : deep(3);
    case 6: return long_string(lengths[dice_below(d, sizeof lengths / sizeof lengths[0])]);
    default: return odd_string(d);
    }
}

static const char *some_key(json_t *object, struct dice *d) {
    void *at = json_object_iter(object);
    for (size_t skip = dice_below(d, json_object_size(object)); skip; skip--) at = json_object_iter_next(object, at);
    return json_object_iter_key(at);
}

static void change_object(json_t *object, struct dice *d) {
    if (!json_object_size(object) || dice_one_in(d, 8)) {
        json_object_set_new(object, dice_one_in(d, 2) ? "Unknown" : "", odd_value(d));
        return;
    }
    const char *key = some_key(object, d);
    json_t *child = json_object_get(object, key);
    if ((json_is_object(child) || json_is_array(child)) && !dice_one_in(d, 3)) {
        if (json_is_object(child))
            mutation_of_tree(child, d);
        else if (json_array_size(child) && json_is_object(json_array_get(child, 0)) && dice_one_in(d, 2))
            mutation_of_tree(json_array_get(child, 0), d);
        else if (json_array_size(child) && dice_one_in(d, 2))
            json_array_set_new(child, 0, odd_value(d));
        else
            for (size_t n = json_array_size(child); n < MANY; n++)
                json_array_append_new(child, n ? json_deep_copy(json_array_get(child, 0)) : odd_value(d));
    } else if (dice_one_in(d, 4)) {
        json_object_del(object, key);
    } else {
        json_t *value = odd_value(d);
        char *name = strdup(key); /* setting may free the key that the iterator gave */
        if (!name) abort();
        json_object_set_new(object, name, value);
        free(name);
    }
}

void mutation_of_tree(json_t *object, struct dice *d) { change_object(object, d); }

static void put_at(struct buf *text, size_t at, struct str bytes) {
    struct buf whole;
    buf_init(&whole, 0);
    buf_add(&whole, str_of(text->p, at));
    buf_add(&whole, bytes);
    buf_add(&whole, str_skip(buf_str(text), at));
    buf_fini(text);
    *text = whole;
}

void mutation_of_text(struct buf *text, struct dice *d) {
    static const char *const pieces[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\\u0000", "\\ud800",      "\"", "{",
                                         "]",    ",",        "1e999",        "\\",      "\xef\xbb\xbf", "//", "NaN"};
    if (!text->n) return;
    size_t at = dice_below(d, text->n);
    switch (dice_below(d, 4)) {
    case 0: text->p[at] = (char)(text->p[at] ^ (1 << dice_below(d, 8))); break;
    case 1: text->n = at; break;
    case 2: {
        char copy[64];
        size_t n = text->n - at < sizeof copy ? text->n - at : sizeof copy;
        memcpy(copy, text->p + at, n);
        put_at(text, at, str_of(copy, n));
        break;
    }
    default: put_at(text, at, str_from(pieces[dice_below(d, sizeof pieces / sizeof pieces[0])])); break;
    }
}
