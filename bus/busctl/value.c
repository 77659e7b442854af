#include "value.h"

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"
#include "hash.h"
#include "name.h"
#include "os.h"
#include "shorthand.h"

/* Of one file or of stdin. */
#define FILE_MOST_BYTES ((size_t)256 << 20)

static enum err nomem(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }

enum err value_text(const char *flag, const char *word, bool dash_is_stdin, struct buf *out, struct fault *fault) {
    struct str text = str_from(word);
    bool bytes = str_starts(text, STR("fileb://"));
    if (dash_is_stdin && !strcmp(word, "-")) return os_read_file("-", FILE_MOST_BYTES, out, fault);
    if (!bytes && !str_starts(text, STR("file://"))) {
        buf_add(out, text);
        return out->failed ? nomem(fault) : ERR_OK;
    }
    const char *path = word + (bytes ? strlen("fileb://") : strlen("file://"));
    if (!*path) return fault_set(fault, ERR_USAGE, "--%s: '%s' names no file", flag, word);
    return os_read_file(path, FILE_MOST_BYTES, out, fault);
}

/* ---- scalars ------------------------------------------------------------------------------------------------------------------ */

static enum err scalar_string(const char *flag, struct str text, json_t **out, struct fault *fault) {
    if (!str_is_utf8(text)) return fault_set(fault, ERR_USAGE, "--%s: the text is not UTF-8", flag);
    *out = json_stringn(text.p ? text.p : "", text.n);
    return *out ? ERR_OK : nomem(fault);
}

static enum err scalar_time(const char *flag, struct str text, json_t **out, struct fault *fault) {
    int64_t ms;
    char number[64], *end;
    if (clock_parse_iso(text, &ms)) {
        *out = ms % 1000 ? json_real((double)ms / 1000) : json_integer(ms / 1000);
        return *out ? ERR_OK : nomem(fault);
    }
    double seconds = str_copyz(number, sizeof number, text) ? strtod(number, &end) : 0;
    if (!text.n || text.n >= sizeof number || *end || !(seconds > -1e13 && seconds < 1e13))
        return fault_set(fault, ERR_USAGE, "--%s: '%.*s' is no time (2026-05-01T00:00:00Z, or seconds since 1970)", flag, STR_ARG(text));
    *out = json_real(seconds);
    return *out ? ERR_OK : nomem(fault);
}

static enum err scalar_blob(const char *flag, struct str text, json_t **out, struct fault *fault) {
    struct buf bytes;
    buf_init(&bytes, 0);
    bool good = hash_from_base64(&bytes, text);
    buf_fini(&bytes);
    if (!good) return fault_set(fault, ERR_USAGE, "--%s: must be base64; fileb://FILE sends the bytes of a file as they are", flag);
    return scalar_string(flag, text, out, fault);
}

enum err value_scalar(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) {
    int64_t number;
    switch (shape->type) {
    case SHAPE_STRING: return scalar_string(flag, text, out, fault);
    case SHAPE_BLOB: return scalar_blob(flag, text, out, fault);
    case SHAPE_TIMESTAMP: return scalar_time(flag, text, out, fault);
    case SHAPE_INTEGER:
        if (!str_to_i64(text, &number)) return fault_set(fault, ERR_USAGE, "--%s: '%.*s' is no integer", flag, STR_ARG(text));
        *out = json_integer(number);
        return *out ? ERR_OK : nomem(fault);
    case SHAPE_BOOLEAN:
        if (!str_eqz(text, "true") && !str_eqz(text, "false"))
            return fault_set(fault, ERR_USAGE, "--%s: '%.*s' is neither true nor false", flag, STR_ARG(text));
        *out = json_boolean(str_eqz(text, "true"));
        return ERR_OK;
    default: return value_from_json(shape, flag, text, out, fault);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------------------------------------- */

static enum err unknown_member(const struct shape *shape, const char *flag, const char *name, struct fault *fault) {
    char hint[160];
    struct name_guess guess = {.written = str_from(name)};
    for (const struct member *m = shape->members; m->name; m++) name_offer(&guess, m->name);
    return fault_set(fault, ERR_USAGE, "--%s: %s has no member '%s'%s", flag, shape->name ? shape->name : "the structure", name,
                     name_did_you_mean(&guess, "", hint, sizeof hint));
}

static enum err fit_struct(const struct shape *shape, const char *flag, json_t *object, struct fault *fault) {
    const char *name;
    json_t *member;
    void *next;
    json_object_foreach_safe(object, next, name, member) {
        const struct member *m = shape_member(shape, str_from(name));
        if (!m) return unknown_member(shape, flag, name, fault);
        json_t *fitted = json_incref(member);
        enum err err = value_fit(m->shape, flag, &fitted, fault);
        if (!err && fitted != member && json_object_set(object, name, fitted)) err = nomem(fault);
        json_decref(fitted);
        if (err) return err;
    }
    return ERR_OK;
}

static enum err fit_list(const struct shape *shape, const char *flag, json_t *list, struct fault *fault) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i), *fitted = json_incref(item);
        enum err err = value_fit(shape->item, flag, &fitted, fault);
        if (!err && fitted != item && json_array_set(list, i, fitted)) err = nomem(fault);
        json_decref(fitted);
        if (err) return err;
    }
    return ERR_OK;
}

static enum err fit_map(const struct shape *shape, const char *flag, json_t *map, struct fault *fault) {
    const char *key;
    json_t *item;
    void *next;
    json_object_foreach_safe(map, next, key, item) {
        json_t *fitted = json_incref(item);
        enum err err = value_fit(shape->item, flag, &fitted, fault);
        if (!err && fitted != item && json_object_set(map, key, fitted)) err = nomem(fault);
        json_decref(fitted);
        if (err) return err;
    }
    return ERR_OK;
}

/* A document where a string is wanted: its text. */
static enum err fit_document(json_t **value, struct fault *fault) {
    char *text = json_dumps(*value, JSON_COMPACT);
    json_t *string = text ? json_string(text) : NULL;
    free(text);
    if (!string) return nomem(fault);
    json_decref(*value);
    *value = string;
    return ERR_OK;
}

enum err value_fit(const struct shape *shape, const char *flag, json_t **value, struct fault *fault) {
    if (json_is_null(*value)) return ERR_OK;
    bool object = json_is_object(*value), list = json_is_array(*value);
    switch (shape->type) {
    case SHAPE_STRUCT:
        if (object) return fit_struct(shape, flag, *value, fault);
        return fault_set(fault, ERR_USAGE, "--%s: %s must be a JSON object", flag, shape->name ? shape->name : "the value");
    case SHAPE_MAP:
        if (object) return fit_map(shape, flag, *value, fault);
        return fault_set(fault, ERR_USAGE, "--%s: %s must be a JSON object", flag, shape->name ? shape->name : "the value");
    case SHAPE_LIST:
        if (list) return fit_list(shape, flag, *value, fault);
        return fault_set(fault, ERR_USAGE, "--%s: %s must be a JSON list", flag, shape->name ? shape->name : "the value");
    case SHAPE_STRING: return object || list ? fit_document(value, fault) : ERR_OK;
    default: return ERR_OK; /* the daemon says what is wrong with a number or a time */
    }
}

enum err value_from_json(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) {
    json_error_t e;
    json_t *value = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (!value) return fault_set(fault, ERR_USAGE, "--%s: not well-formed JSON: %s (line %d, column %d)", flag, e.text, e.line, e.column);
    enum err err = value_fit(shape, flag, &value, fault);
    if (err)
        json_decref(value);
    else
        *out = value;
    return err;
}

/* ---- words -------------------------------------------------------------------------------------------------------------------- */

static struct str trimmed(struct str s) {
    while (s.n && strchr(" \t\r\n", s.p[0])) s = str_skip(s, 1);
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1])) s.n--;
    return s;
}

static bool begins(struct str text, char c) {
    struct str t = trimmed(text);
    return t.n && t.p[0] == c;
}

/* One word that stands for one value of that shape. */
static enum err from_text(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) {
    switch (shape->type) {
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        if (begins(text, '{')) return value_from_json(shape, flag, text, out, fault);
        return shorthand_parse(shape, flag, trimmed(text), out, fault);
    case SHAPE_LIST: return value_from_json(shape, flag, text, out, fault);
    case SHAPE_STRING:
    case SHAPE_BLOB: return value_scalar(shape, flag, text, out, fault);
    default: return value_scalar(shape, flag, trimmed(text), out, fault);
    }
}

static enum err from_word(const struct shape *shape, const char *flag, const char *word, json_t **out, struct fault *fault) {
    struct buf text, base64;
    bool dash = shape->type == SHAPE_STRUCT || shape->type == SHAPE_MAP || shape->type == SHAPE_JSON;
    bool bytes = shape->type == SHAPE_BLOB && str_starts(str_from(word), STR("fileb://"));
    buf_init(&text, 0);
    buf_init(&base64, 0);
    enum err err = value_text(flag, word, dash, &text, fault);
    if (!err && bytes) hash_base64(&base64, buf_str(&text));
    if (!err) err = from_text(shape, flag, bytes ? buf_str(&base64) : buf_str(&text), out, fault);
    buf_fini(&text);
    buf_fini(&base64);
    return err;
}

/* JSON values one behind the other, on lines of their own or not: the items of a list. */
static enum err list_from_sequence(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) {
    json_t *list = json_array();
    enum err err = list ? ERR_OK : nomem(fault);
    size_t at = 0;
    while (!err && trimmed(str_skip(text, at)).n) {
        json_error_t e;
        json_t *item = json_loadb(text.p + at, text.n - at, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
        if (!item) {
            err = fault_set(fault, ERR_USAGE, "--%s: item %zu is not well-formed JSON: %s (line %d of it, column %d)", flag,
                            json_array_size(list) + 1, e.text, e.line, e.column);
            break;
        }
        at += (size_t)e.position;
        err = value_fit(shape->item, flag, &item, fault);
        if (err)
            json_decref(item);
        else if (json_array_append_new(list, item))
            err = nomem(fault);
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

/* A list in one word: JSON, or a file or stdin with JSON. *out stays NULL when the word is none of these, but an item. */
static enum err list_from_word(const struct shape *shape, const char *flag, const char *word, json_t **out, struct fault *fault) {
    struct buf text;
    bool structs = shape->item->type == SHAPE_STRUCT || shape->item->type == SHAPE_MAP;
    bool named = structs && (!strcmp(word, "-") || str_starts(str_from(word), STR("file://")));
    buf_init(&text, 0);
    enum err err = value_text(flag, word, structs, &text, fault);
    if (!err && begins(buf_str(&text), '['))
        err = value_from_json(shape, flag, buf_str(&text), out, fault);
    else if (!err && (named || (structs && begins(buf_str(&text), '{'))))
        err = list_from_sequence(shape, flag, buf_str(&text), out, fault);
    buf_fini(&text);
    return err;
}

static enum err list_from_words(const struct shape *shape, const char *flag, char *const *words, size_t count, json_t **out,
                                struct fault *fault) {
    json_t *list = NULL;
    enum err err = count == 1 ? list_from_word(shape, flag, words[0], &list, fault) : ERR_OK;
    if (err || list) {
        *out = list;
        return err;
    }
    list = json_array();
    if (!list) return nomem(fault);
    for (size_t i = 0; i < count && !err; i++) {
        json_t *item = NULL;
        err = from_word(shape->item, flag, words[i], &item, fault);
        if (!err && json_array_append_new(list, item)) err = nomem(fault);
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

enum err value_from_words(const struct shape *shape, const char *flag, char *const *words, size_t count, json_t **out,
                          struct fault *fault) {
    *out = NULL;
    if (shape->type == SHAPE_LIST) return list_from_words(shape, flag, words, count, out, fault);
    if (count > 1) return fault_set(fault, ERR_USAGE, "--%s takes one value; '%s' is one too many", flag, words[1]);
    return from_word(shape, flag, words[0], out, fault);
}
