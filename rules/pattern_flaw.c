/* The pattern's reader stops at the first flaw, and counts columns in JSON. So each part is read as a pattern of its own: a part that is
 * refused holds the flaw, or its parts do. What is refused only as a whole is told of the whole. */
#include "pattern_flaw.h"

#include "alternative.h"
#include "json.h"
#include "pattern.h"

struct finder {
    struct problems *problems;
    struct fault fault; /* why the part that was read last was refused */
    bool no_memory;
};

enum form { FORM_PATTERN, FORM_FIELD, FORM_ALTERNATIVE }; /* n, {key: n}, {key: [n]} */

static bool holds(struct finder *f, enum form form, struct str key, const struct ynode *n) {
    struct buf text;
    struct json j;
    struct pattern *p = NULL;
    buf_init(&text, 0);
    json_init(&j, &text);
    if (form != FORM_PATTERN) {
        json_object_begin(&j);
        json_key(&j, key);
    }
    if (form == FORM_ALTERNATIVE) buf_addc(&text, '[');
    ynode_json(&text, n);
    if (form == FORM_ALTERNATIVE) buf_addc(&text, ']');
    if (form != FORM_PATTERN) buf_addc(&text, '}');
    enum err err = text.failed ? ERR_NOMEM : pattern_parse(buf_str(&text), &p, &f->fault);
    if (err == ERR_NOMEM) f->no_memory = true;
    pattern_free(p);
    buf_fini(&text);
    return err == ERR_OK || f->no_memory;
}

/* The service's sentence without the place in the JSON text, which nobody sees. */
static void tell(struct finder *f, const struct ynode *n) {
    const char *place = strstr(f->fault.message, "\n at [Source: ");
    struct str sentence = str_of(f->fault.message, place ? (size_t)(place - f->fault.message) : strlen(f->fault.message));
    problem_at(f->problems, n, "%.*s", STR_ARG(sentence));
}

/* A $or of branches, and no field that happens to be called so: two or more objects, none of whose keys is a matcher's name. */
static bool is_or(const struct ynode *n) {
    if (!str_eqz(n->key, "$or") || n->kind != YNODE_LIST || n->count < 2) return false;
    for (const struct ynode *c = n->child; c; c = c->next) {
        if (c->kind != YNODE_MAP) return false;
        for (const struct ynode *m = c->child; m; m = m->next)
            if (pattern_is_matcher(m->key)) return false;
    }
    return true;
}

static void find_in_pattern(struct finder *f, const struct ynode *map);

static void find_in_field(struct finder *f, const struct ynode *n) {
    if (holds(f, FORM_FIELD, n->key, n)) return;
    size_t before = f->problems->total;
    if (n->kind == YNODE_MAP) {
        for (const struct ynode *c = n->child; c; c = c->next) find_in_field(f, c);
    } else if (is_or(n)) {
        for (const struct ynode *c = n->child; c; c = c->next) find_in_pattern(f, c);
    } else if (n->kind == YNODE_LIST) {
        for (const struct ynode *c = n->child; c; c = c->next)
            if (!holds(f, FORM_ALTERNATIVE, n->key, c)) tell(f, c);
    }
    if (f->problems->total == before && !holds(f, FORM_FIELD, n->key, n)) tell(f, n); /* asked once more: the parts had the last word */
}

static void find_in_pattern(struct finder *f, const struct ynode *map) {
    if (holds(f, FORM_PATTERN, STR_NULL, map)) return;
    size_t before = f->problems->total;
    for (const struct ynode *c = map->child; c; c = c->next) find_in_field(f, c);
    if (f->problems->total == before && !holds(f, FORM_PATTERN, STR_NULL, map)) tell(f, map);
}

enum err pattern_flaws(const struct ynode *pattern, struct problems *problems) {
    struct finder f = {.problems = problems};
    find_in_pattern(&f, pattern);
    return f.no_memory ? ERR_NOMEM : ERR_OK;
}
