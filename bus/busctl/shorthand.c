#include "shorthand.h"

#include "name.h"
#include "value.h"

struct cursor {
    struct str text;
    size_t at;
    int depth; /* open { and [ */
    const char *flag;
    struct fault *fault;
};

static enum err parse_value(struct cursor *c, const struct shape *shape, json_t **out);

static enum err bad(const struct cursor *c, const char *what) {
    return fault_set(c->fault, ERR_USAGE, "--%s: %s at character %zu of '%.*s'", c->flag, what, c->at + 1, STR_ARG(c->text));
}
static enum err nomem(const struct cursor *c) { return fault_set(c->fault, ERR_NOMEM, NULL); }

/* 0 at the end: no NUL can stand in an argument. */
static char peek(const struct cursor *c) { return c->at < c->text.n ? c->text.p[c->at] : 0; }
static bool take(struct cursor *c, char wanted) {
    if (peek(c) != wanted || !wanted) return false;
    c->at++;
    return true;
}
static bool ends_value(const struct cursor *c) {
    char next = peek(c);
    return !next || next == ',' || (c->depth > 0 && (next == ']' || next == '}'));
}

/* ---- words -------------------------------------------------------------------------------------------------------------------- */

static enum err parse_quoted(struct cursor *c, struct buf *out) {
    char quote = c->text.p[c->at++];
    for (; c->at < c->text.n; c->at++) {
        char at = c->text.p[c->at];
        if (at == quote) {
            c->at++;
            return out->failed ? nomem(c) : ERR_OK;
        }
        bool escape = at == '\\' && c->at + 1 < c->text.n && strchr("\\\"'", c->text.p[c->at + 1]);
        buf_addc(out, escape ? c->text.p[++c->at] : at);
    }
    return bad(c, "a quote is not closed");
}

static enum err parse_word(struct cursor *c, bool is_key, struct buf *out) {
    if (peek(c) == '"' || peek(c) == '\'') {
        enum err err = parse_quoted(c, out);
        if (!err && !(is_key ? peek(c) == '=' : ends_value(c))) err = bad(c, is_key ? "'=' is missing" : "text after a closing quote");
        return err;
    }
    while (peek(c) && !(is_key ? peek(c) == '=' || peek(c) == ',' : ends_value(c))) {
        if (peek(c) == '\\' && c->at + 1 < c->text.n && strchr(",\\", c->text.p[c->at + 1])) c->at++;
        buf_addc(out, c->text.p[c->at++]);
    }
    return out->failed ? nomem(c) : ERR_OK;
}

/* A JSON object or list at the cursor that is a whole value; NULL and nothing taken when there is none. */
static json_t *take_json(struct cursor *c, struct str *text) {
    if (peek(c) != '{' && peek(c) != '[') return NULL;
    json_error_t e;
    struct cursor after = *c;
    json_t *value = json_loadb(c->text.p + c->at, c->text.n - c->at, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!value) return NULL;
    after.at += (size_t)e.position;
    if (!ends_value(&after)) {
        json_decref(value);
        return NULL;
    }
    *text = str_of(c->text.p + c->at, (size_t)e.position);
    c->at = after.at;
    return value;
}

static enum err parse_scalar(struct cursor *c, const struct shape *shape, json_t **out) {
    struct str text;
    json_t *document = shape->type == SHAPE_STRING || shape->type == SHAPE_JSON ? take_json(c, &text) : NULL;
    if (document) {
        json_decref(document);
        return value_scalar(shape, c->flag, text, out, c->fault);
    }
    struct buf word;
    buf_init(&word, 0);
    enum err err = parse_word(c, false, &word);
    if (!err) err = value_scalar(shape, c->flag, buf_str(&word), out, c->fault);
    buf_fini(&word);
    return err;
}

/* ---- lists -------------------------------------------------------------------------------------------------------------------- */

/* After a comma outside of brackets: is it name=..., the next member, and not another item? */
static bool member_follows(const struct cursor *c) {
    for (size_t i = c->at + 1; i < c->text.n; i++) {
        if (c->text.p[i] == '=') return true;
        if (strchr(",[]{}\"' ", c->text.p[i])) return c->text.p[i] == '"' || c->text.p[i] == '\'' ? true : false;
    }
    return false;
}

static enum err parse_items(struct cursor *c, const struct shape *shape, bool bracketed, json_t *list) {
    do {
        json_t *item = NULL;
        enum err err = parse_value(c, shape->item, &item);
        if (!err && json_array_append_new(list, item)) err = nomem(c);
        if (err) return err;
    } while ((bracketed || !member_follows(c)) && take(c, ','));
    return ERR_OK;
}

static enum err parse_list(struct cursor *c, const struct shape *shape, json_t **out) {
    bool bracketed = take(c, '[');
    json_t *list = json_array();
    if (!list) return nomem(c);
    c->depth += bracketed;
    enum err err = bracketed && peek(c) == ']' ? ERR_OK : parse_items(c, shape, bracketed, list);
    c->depth -= bracketed;
    if (!err && bracketed && !take(c, ']')) err = bad(c, "']' is missing");
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

/* ---- structures and maps ------------------------------------------------------------------------------------------------------ */

static enum err shape_of_member(const struct cursor *c, const struct shape *shape, struct str name, const struct shape **item) {
    if (shape->type == SHAPE_MAP) {
        *item = shape->item;
        return ERR_OK;
    }
    const struct member *member = shape_member(shape, name);
    if (member) {
        *item = member->shape;
        return ERR_OK;
    }
    char hint[160];
    struct name_guess guess = {.written = name};
    for (const struct member *m = shape->members; m->name; m++) name_offer(&guess, m->name);
    return fault_set(c->fault, ERR_USAGE, "--%s: %s has no member '%.*s'%s", c->flag, shape->name ? shape->name : "the structure",
                     STR_ARG(name), name_did_you_mean(&guess, "", hint, sizeof hint));
}

static enum err parse_member(struct cursor *c, const struct shape *shape, json_t *object) {
    struct buf name;
    const struct shape *item = NULL;
    json_t *value = NULL;
    buf_init(&name, 0);
    enum err err = parse_word(c, true, &name);
    if (!err && (name.n == 0 || !take(c, '='))) err = bad(c, "name=value is expected");
    if (!err && !str_is_utf8(buf_str(&name))) err = bad(c, "a name is not UTF-8");
    if (!err) err = shape_of_member(c, shape, buf_str(&name), &item);
    if (!err) err = parse_value(c, item, &value);
    buf_addc(&name, 0);
    if (!err && name.failed) err = nomem(c);
    if (!err && json_object_get(object, name.p)) err = bad(c, "a name stands twice, before");
    if (!err && json_object_set(object, name.p, value)) err = nomem(c);
    json_decref(value);
    buf_fini(&name);
    return err;
}

static enum err parse_members(struct cursor *c, const struct shape *shape, json_t **out) {
    json_t *object = json_object();
    if (!object) return nomem(c);
    bool empty = c->depth > 0 && peek(c) == '}';
    enum err err = empty ? ERR_OK : parse_member(c, shape, object);
    while (!err && take(c, ',')) err = parse_member(c, shape, object);
    if (err)
        json_decref(object);
    else
        *out = object;
    return err;
}

static enum err parse_braces(struct cursor *c, const struct shape *shape, json_t **out) {
    if (!take(c, '{')) return bad(c, "'{' is expected");
    c->depth++;
    enum err err = parse_members(c, shape, out);
    c->depth--;
    if (!err && !take(c, '}')) {
        json_decref(*out);
        *out = NULL;
        err = bad(c, "'}' is missing");
    }
    return err;
}

static enum err parse_value(struct cursor *c, const struct shape *shape, json_t **out) {
    if (shape->type != SHAPE_STRUCT && shape->type != SHAPE_MAP && shape->type != SHAPE_LIST) return parse_scalar(c, shape, out);
    size_t from = c->at;
    struct str text;
    json_t *value = shape->type == SHAPE_LIST && peek(c) == '[' && c->at + 1 < c->text.n && !strchr("\"{[", c->text.p[c->at + 1])
                        ? NULL /* [1,2] is shorthand: the items are what the shape says, not JSON numbers */
                        : take_json(c, &text);
    if (value) {
        enum err err = value_fit(shape, c->flag, &value, c->fault);
        if (err)
            json_decref(value);
        else
            *out = value;
        return err;
    }
    c->at = from;
    return shape->type == SHAPE_LIST ? parse_list(c, shape, out) : parse_braces(c, shape, out);
}

enum err shorthand_parse(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) {
    struct cursor c = {.text = text, .flag = flag, .fault = fault};
    enum err err = parse_members(&c, shape, out);
    if (!err && c.at < text.n) {
        json_decref(*out);
        *out = NULL;
        err = bad(&c, "unexpected text");
    }
    return err;
}
