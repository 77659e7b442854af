/* What a shape demands of values, in AWS's words: shape_check. The sentences are those of AWS's own services ("Member must have length
 * less than or equal to 64"); items of a list and entries of a map that are no structures are judged as a whole, as there. */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <regex.h>
#include <stdlib.h>

#include "map.h"
#include "shape_walk.h"

/* The longest quotation of a value in a message, and of all sentences together (struct fault cuts what is longer still). */
enum { QUOTE_MOST_BYTES = 4096, TEXT_MOST_BYTES = 16384 };
/* A string longer than this is not given to the regular expression: its length is wrong already. */
enum { PATTERN_MOST_BYTES = 65536 };

struct check {
    struct buf text; /* the sentences, joined with "; " */
    size_t count;
    char where[192]; /* of the first violation */
};

/* ---- regular expressions: compiled at first use, kept for the life of the process -------------------------------------------------- */

/* Grows with the number of patterns in the models, which are constant data. */
static struct map regexes;
static pthread_rwlock_t regexes_lock = PTHREAD_RWLOCK_INITIALIZER;

static regex_t *regex_compile_locked(const struct shape *shape, struct str text) {
    regex_t *regex = map_get(&regexes, text);
    if (regex) return regex; /* somebody else was first */
    struct buf posix;
    buf_init(&posix, 0);
    if (shape->posix)
        buf_add(&posix, text);
    else
        buf_addf(&posix, "^(%s)$", shape->pattern);
    buf_addc(&posix, 0);
    regex = malloc(sizeof *regex);
    if (!regex || posix.failed) goto fail;
    int bad = regcomp(regex, posix.p, REG_EXTENDED | REG_NOSUB);
    assert(!bad && "a pattern of a model is not a POSIX expression"); /* our bug: the models are constant */
    if (bad || !map_put(&regexes, text, regex, NULL)) {
        if (!bad) regfree(regex);
        goto fail;
    }
    buf_fini(&posix);
    return regex;
fail:
    free(regex);
    buf_fini(&posix);
    return NULL;
}

/* NULL: no memory. */
static regex_t *regex_of(const struct shape *shape) {
    struct str text = str_from(shape->posix ? shape->posix : shape->pattern);
    pthread_rwlock_rdlock(&regexes_lock);
    regex_t *regex = regexes.count ? map_get(&regexes, text) : NULL;
    pthread_rwlock_unlock(&regexes_lock);
    if (regex) return regex;
    pthread_rwlock_wrlock(&regexes_lock);
    if (!regexes.slots) map_init(&regexes);
    regex = regex_compile_locked(shape, text);
    pthread_rwlock_unlock(&regexes_lock);
    return regex;
}

static enum err pattern_check(const struct shape *shape, struct str s, bool *matches) {
    regex_t *regex = regex_of(shape);
    if (!regex) return ERR_NOMEM;
    regmatch_t span = {.rm_so = 0, .rm_eo = (regoff_t)s.n};
    int result = s.n > PATTERN_MOST_BYTES || memchr(s.p, 0, s.n) ? REG_NOMATCH : regexec(regex, s.p, 1, &span, REG_STARTEND);
    if (result == REG_ESPACE) return ERR_NOMEM;
    *matches = result == 0;
    return ERR_OK;
}

/* ---- quoting a value in a message ------------------------------------------------------------------------------------------------- */

static void quote_value(struct buf *out, const struct shape *shape, const void *slot);

static void quote_struct(struct buf *out, const struct shape *shape, const void *value) {
    buf_addf(out, "%s(", shape->name ? shape->name : "");
    for (const struct member *m = shape->members; m->name; m++) {
        if (m != shape->members) buf_addz(out, ", ");
        shape_name_text(str_from(m->name), out);
        buf_addc(out, '=');
        quote_value(out, m->shape, (const char *)value + m->offset);
    }
    buf_addc(out, ')');
}

static const void *list_item(const struct shape *shape, const struct list *list, size_t i) {
    return (const char *)list->items + i * shape_item_size(shape->item);
}

static void quote_list(struct buf *out, const struct shape *shape, const struct list *list) {
    buf_addc(out, '[');
    for (size_t i = 0; i < list->n && !out->failed; i++) {
        if (i) buf_addz(out, ", ");
        const void *item = list_item(shape, list, i);
        if (shape->item->type == SHAPE_STRUCT)
            quote_struct(out, shape->item, item);
        else
            quote_value(out, shape->item, item);
    }
    buf_addc(out, ']');
}

static void quote_map(struct buf *out, const struct shape *shape, const struct list *map) {
    struct opt_bool b;
    buf_addc(out, '{');
    for (size_t i = 0; i < map->n && !out->failed; i++) {
        const struct map_entry *e = LIST_AT(*map, struct map_entry, i);
        if (i) buf_addz(out, ", ");
        buf_add(out, e->key);
        buf_addc(out, '=');
        quote_value(out, shape->item, shape_entry_slot(shape->item, e, &b));
    }
    buf_addc(out, '}');
}

/* A NUL would end the message early: it is shown as the escape. */
static void quote_text(struct buf *out, struct str s) {
    struct str rest = s, piece;
    for (bool first = true; str_cut(&rest, 0, &piece); first = false) {
        if (!first) buf_addz(out, "\\u0000");
        buf_add(out, str_of(piece.p, piece.n <= QUOTE_MOST_BYTES ? piece.n : QUOTE_MOST_BYTES + 1));
        if (out->n > QUOTE_MOST_BYTES) return;
    }
}

static void quote_value(struct buf *out, const struct shape *shape, const void *slot) {
    if (shape_is_absent(shape, slot)) {
        buf_addz(out, "null");
        return;
    }
    if (shape->sensitive) {
        buf_addz(out, "****");
        return;
    }
    switch (shape->type) {
    case SHAPE_STRING:
    case SHAPE_JSON: quote_text(out, *(const struct str *)slot); break;
    case SHAPE_BLOB: buf_addf(out, "%zu bytes", ((const struct str *)slot)->n); break;
    case SHAPE_INTEGER:
    case SHAPE_TIMESTAMP: buf_addf(out, "%" PRId64, ((const struct opt_i64 *)slot)->v); break;
    case SHAPE_BOOLEAN: buf_addz(out, ((const struct opt_bool *)slot)->v ? "true" : "false"); break;
    case SHAPE_STRUCT: quote_struct(out, shape, *(void *const *)slot); break;
    case SHAPE_LIST: quote_list(out, shape, slot); break;
    case SHAPE_MAP: quote_map(out, shape, slot); break;
    }
}

/* ---- sentences ---------------------------------------------------------------------------------------------------------------- */

/* "; Value 'V' at 'targets.1.member.id' failed to satisfy constraint: SENTENCE" */
static void violation(struct check *c, const struct shape *shape, const struct shape_path *path, const void *slot, const char *sentence) {
    if (c->text.failed) { /* full: the rest is counted only */
        c->count++;
        return;
    }
    struct buf quote, where;
    buf_init(&quote, QUOTE_MOST_BYTES * 2);
    buf_init(&where, 1024);
    if (slot) quote_value(&quote, shape, slot);
    shape_path_text(path, &where);
    if (c->count++ == 0)
        shape_path_where(path, c->where, sizeof c->where);
    else
        buf_addz(&c->text, "; ");
    struct str v = buf_str(&quote);
    bool cut = v.n > QUOTE_MOST_BYTES || quote.failed;
    if (v.n > QUOTE_MOST_BYTES) v.n = QUOTE_MOST_BYTES;
    while (cut && v.n && !str_is_utf8(v)) v.n--;
    if (slot)
        buf_addf(&c->text, "Value '%.*s%s' at ", STR_ARG(v), cut ? "..." : "");
    else
        buf_addz(&c->text, "Value null at ");
    struct str w = buf_str(&where);
    buf_addf(&c->text, "'%.*s' failed to satisfy constraint: %s", STR_ARG(w), sentence);
    buf_fini(&quote);
    buf_fini(&where);
}

static void add_enum(struct buf *out, const char *const *values) {
    buf_addz(out, "Member must satisfy enum value set: [");
    for (size_t i = 0; values[i]; i++) buf_addf(out, "%s%s", i ? ", " : "", values[i]);
    buf_addc(out, ']');
}

enum demand { DEMAND_ENUM, DEMAND_PATTERN, DEMAND_MIN, DEMAND_MAX, DEMANDS };

static bool demands(const struct shape *shape, enum demand demand) {
    switch (demand) {
    case DEMAND_ENUM: return shape->values;
    case DEMAND_PATTERN: return shape->pattern || shape->posix;
    case DEMAND_MIN: return shape->has_min;
    default: return shape->has_max;
    }
}

static void add_sentence(struct buf *out, const struct shape *shape, enum demand demand) {
    bool number = shape->type == SHAPE_INTEGER || shape->type == SHAPE_TIMESTAMP;
    const char *what = number ? "value" : "length";
    switch (demand) {
    case DEMAND_ENUM: add_enum(out, shape->values); break;
    case DEMAND_PATTERN:
        buf_addf(out, "Member must satisfy regular expression pattern: %s", shape->pattern ? shape->pattern : shape->posix);
        break;
    case DEMAND_MIN: buf_addf(out, "Member must have %s greater than or equal to %" PRId64, what, shape->min); break;
    default: buf_addf(out, "Member must have %s less than or equal to %" PRId64, what, shape->max); break;
    }
}

/* ---- scalars ------------------------------------------------------------------------------------------------------------------ */

static int64_t characters(struct str s) {
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static int64_t measure(const struct shape *shape, const void *slot) {
    switch (shape->type) {
    case SHAPE_STRING:
    case SHAPE_JSON: return characters(*(const struct str *)slot);
    case SHAPE_BLOB: return (int64_t)((const struct str *)slot)->n;
    case SHAPE_INTEGER:
    case SHAPE_TIMESTAMP: return ((const struct opt_i64 *)slot)->v;
    case SHAPE_LIST:
    case SHAPE_MAP: return (int64_t)((const struct list *)slot)->n;
    default: return 0;
    }
}

static bool in_enum(const char *const *values, struct str s) {
    for (size_t i = 0; values[i]; i++)
        if (str_eqz(s, values[i])) return true;
    return false;
}

static enum err meets(const struct shape *shape, const void *slot, enum demand demand, bool *met) {
    *met = true;
    switch (demand) {
    case DEMAND_ENUM: *met = in_enum(shape->values, *(const struct str *)slot); return ERR_OK;
    case DEMAND_PATTERN: return pattern_check(shape, *(const struct str *)slot, met);
    case DEMAND_MIN: *met = measure(shape, slot) >= shape->min; return ERR_OK;
    default: *met = measure(shape, slot) <= shape->max; return ERR_OK;
    }
}

/* What a value demands of itself; its inside is not looked at. */
static enum err check_self(struct check *c, const struct shape *shape, const struct shape_path *path, const void *slot) {
    for (enum demand demand = 0; demand < DEMANDS; demand++) {
        bool met = true;
        if (!demands(shape, demand)) continue;
        enum err err = meets(shape, slot, demand, &met);
        if (err) return err;
        if (met) continue;
        struct buf sentence;
        buf_init(&sentence, 0);
        add_sentence(&sentence, shape, demand);
        buf_addc(&sentence, 0);
        if (!sentence.failed) violation(c, shape, path, slot, sentence.p);
        bool failed = sentence.failed;
        buf_fini(&sentence);
        if (failed) return ERR_NOMEM;
    }
    return ERR_OK;
}

/* Does a scalar inside a list or map meet everything? */
static enum err meets_all(const struct shape *shape, const void *slot, bool *met) {
    *met = true;
    for (enum demand demand = 0; demand < DEMANDS && *met; demand++) {
        if (!demands(shape, demand)) continue;
        enum err err = meets(shape, slot, demand, met);
        if (err) return err;
    }
    return ERR_OK;
}

/* "Member must satisfy constraint: [...all that an item must satisfy...]", said of the whole list or map. */
static enum err item_violation(struct check *c, const struct shape *shape, const struct shape_path *path, const void *slot,
                               const char *intro, const struct shape *item) {
    struct buf sentence;
    buf_init(&sentence, 0);
    buf_addf(&sentence, "%s must satisfy constraint: [", intro);
    bool first = true;
    for (int demand = DEMANDS - 1; demand >= 0; demand--) { /* the longest length first, as AWS has it */
        if (!demands(item, (enum demand)demand)) continue;
        if (!first) buf_addz(&sentence, ", ");
        first = false;
        add_sentence(&sentence, item, (enum demand)demand);
    }
    buf_addc(&sentence, ']');
    buf_addc(&sentence, 0);
    enum err err = sentence.failed ? ERR_NOMEM : ERR_OK;
    if (!err) violation(c, shape, path, slot, sentence.p);
    buf_fini(&sentence);
    return err;
}

/* ---- structures --------------------------------------------------------------------------------------------------------------- */

static enum err check_value(struct check *c, const struct shape *shape, const struct shape_path *path, const void *slot);
static enum err check_struct(struct check *c, const struct shape *shape, const struct shape_path *path, const void *value);

static bool is_scalar(const struct shape *shape) {
    return shape->type != SHAPE_STRUCT && shape->type != SHAPE_LIST && shape->type != SHAPE_MAP;
}

static enum err check_list(struct check *c, const struct shape *shape, const struct shape_path *path, const struct list *list) {
    bool met = true;
    for (size_t i = 0; i < list->n && met; i++) {
        const void *item = list_item(shape, list, i);
        struct shape_path at = {.up = path, .index = i};
        enum err err = is_scalar(shape->item)              ? meets_all(shape->item, item, &met)
                       : shape->item->type == SHAPE_STRUCT ? check_struct(c, shape->item, &at, item)
                                                           : check_value(c, shape->item, &at, item);
        if (err) return err;
    }
    return met ? ERR_OK : item_violation(c, shape, path, list, "Member", shape->item);
}

static enum err check_map(struct check *c, const struct shape *shape, const struct shape_path *path, const struct list *map) {
    bool keys_met = true, values_met = true;
    for (size_t i = 0; i < map->n; i++) {
        const struct map_entry *e = LIST_AT(*map, struct map_entry, i);
        struct shape_path at = {.up = path, .name = e->key, .is_key = true};
        struct opt_bool b;
        const void *slot = shape_entry_slot(shape->item, e, &b);
        bool met = true;
        enum err err = shape->key ? meets_all(shape->key, &e->key, &met) : ERR_OK;
        keys_met &= met;
        if (err) return err;
        met = true;
        err = is_scalar(shape->item) ? meets_all(shape->item, slot, &met) : check_value(c, shape->item, &at, slot);
        values_met &= met;
        if (err) return err;
    }
    enum err err = keys_met ? ERR_OK : item_violation(c, shape, path, map, "Map keys", shape->key);
    return err || values_met ? err : item_violation(c, shape, path, map, "Map value", shape->item);
}

static enum err check_value(struct check *c, const struct shape *shape, const struct shape_path *path, const void *slot) {
    if (shape->type == SHAPE_STRUCT) return *(void *const *)slot ? check_struct(c, shape, path, *(void *const *)slot) : ERR_OK;
    enum err err = check_self(c, shape, path, slot);
    if (err) return err;
    if (shape->type == SHAPE_LIST) return check_list(c, shape, path, slot);
    return shape->type == SHAPE_MAP ? check_map(c, shape, path, slot) : ERR_OK;
}

static enum err check_struct(struct check *c, const struct shape *shape, const struct shape_path *path, const void *value) {
    for (const struct member *m = shape->members; m->name; m++) {
        const char *slot = (const char *)value + m->offset;
        struct shape_path at = {.up = path, .name = str_from(m->name)};
        enum err err = ERR_OK;
        if (!shape_is_absent(m->shape, slot))
            err = check_value(c, m->shape, &at, slot);
        else if (m->required)
            violation(c, m->shape, &at, NULL, "Member must not be null");
        if (err) return err;
    }
    return ERR_OK;
}

enum err shape_check(const struct shape *shape, const void *value, struct arena *a, struct fault *fault) {
    (void)a; /* messages need no memory of the request */
    struct check c = {0};
    buf_init(&c.text, TEXT_MOST_BYTES);
    struct shape_path path = {0};
    enum err err = check_struct(&c, shape, &path, value);
    if (err) {
        fault_set(fault, err, NULL);
    } else if (c.count) {
        struct str text = buf_str(&c.text);
        while (c.text.failed && text.n && !str_is_utf8(text)) text.n--;
        err = fault_at(fault, ERR_VALIDATION, c.where, 0, 0, "%zu validation error%s detected: %.*s%s", c.count, c.count == 1 ? "" : "s",
                       STR_ARG(text), c.text.failed ? "..." : "");
    }
    buf_fini(&c.text);
    return err;
}
