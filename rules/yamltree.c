#include "yamltree.h"

#include <stdlib.h>
#include <yaml.h>

#include "doc.h"
#include "json.h"
#include "map.h"

/* ---- problems
 * ----------------------------------------------------------------------------------------------------------------------------- */
void problems_init(struct problems *p, struct arena *a) {
    *p = (struct problems){.arena = a, .items = arena_array(a, PROBLEMS_MAX, sizeof *p->items)};
}

static bool was_told(const struct problems *p, int line, int column, struct str message) {
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].line == line && p->items[i].column == column && str_eq(p->items[i].message, message)) return true;
    return false;
}

__attribute__((format(printf, 5, 0))) static void add_problem(struct problems *p, int line, int column, struct str path, const char *format,
                                                              va_list ap) {
    struct buf message;
    buf_init(&message, 0);
    buf_addv(&message, format, ap);
    if (!p->items || !was_told(p, line, column, buf_str(&message))) {
        p->total++;
        if (p->items && p->count < PROBLEMS_MAX)
            p->items[p->count++] = (struct problem){line, column, path, arena_str(p->arena, buf_str(&message))};
    }
    buf_fini(&message);
}

void problem_add(struct problems *p, int line, int column, struct str path, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    add_problem(p, line, column, path, format, ap);
    va_end(ap);
}

void problem_at(struct problems *p, const struct ynode *n, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    add_problem(p, n->line, n->column, ynode_path(n, p->arena), format, ap);
    va_end(ap);
}

static int compare_places(const void *one, const void *other) {
    const struct problem *a = one, *b = other;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    if (a->column != b->column) return a->column < b->column ? -1 : 1;
    return str_cmp(a->message, b->message);
}

void problems_sort(struct problems *p) {
    if (p->count) qsort(p->items, p->count, sizeof *p->items, compare_places);
}

/* ---- scalars
 * ------------------------------------------------------------------------------------------------------------------------------- */
static bool one_of(struct str s, const char *const *names) {
    for (; *names; names++)
        if (str_eqz(s, *names)) return true;
    return false;
}

static size_t digits(struct str s, size_t at) {
    while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9') at++;
    return at;
}

/* RFC 8259, section 6. */
static bool is_json_number(struct str s) {
    size_t i = s.n && s.p[0] == '-', from = i;
    i = digits(s, i);
    if (i == from || (s.p[from] == '0' && i > from + 1)) return false;
    if (i < s.n && s.p[i] == '.') {
        from = ++i;
        if ((i = digits(s, i)) == from) return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) i++;
        from = i;
        if ((i = digits(s, i)) == from) return false;
    }
    return i == s.n;
}

/* What YAML 1.1 or 1.2 takes for a number and JSON does not. A plain word with digits ("i-0abc", "2026-05-01", "1.2.3") is a string to all.
 */
static bool is_other_number(struct str s) {
    static const char *const words[] = {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "-.inf", "-.Inf", "-.INF", "+.inf", NULL};
    if (one_of(s, words)) return true;
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), dots = 0, numerals = 0;
    if (s.n > i + 2 && s.p[i] == '0' && strchr("xXoObB", s.p[i + 1])) {
        bool hex = s.p[i + 1] == 'x' || s.p[i + 1] == 'X';
        for (i += 2; i < s.n; i++)
            if (!strchr(hex ? "0123456789abcdefABCDEF_" : "01234567_", s.p[i])) return false;
        return true;
    }
    for (; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        if (s.p[i] == '.')
            dots++;
        else if (s.p[i] >= '0' && s.p[i] <= '9')
            numerals++;
        else if (s.p[i] != '_')
            return false;
    }
    if (!numerals || dots > 1 || (s.n && s.p[0] == '_')) return false;
    if (i == s.n) return true;
    i++;
    if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) i++;
    return i < s.n && digits(s, i) == s.n;
}

static enum ynode_kind plain_kind(struct str s, struct problems *p, const struct ynode *n) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const booleans[] = {"true", "false", "True", "False", "TRUE", "FALSE", NULL};
    if (one_of(s, nulls)) return YNODE_NULL;
    if (one_of(s, booleans)) return YNODE_BOOL;
    if (is_json_number(s)) return YNODE_NUMBER;
    if (is_other_number(s))
        problem_at(
            p, n,
            "%.*s is a number to some YAML readers and not to others; write it as JSON does (17, 0.5, 1e3), or in quotes if it is a string",
            STR_ARG(s));
    return YNODE_STRING;
}

/* ---- the tree
 * -------------------------------------------------------------------------------------------------------------------------------- */
struct builder {
    yaml_parser_t parser;
    struct str text;
    int last_line, last_column; /* of its end */
    struct arena *arena;
    struct problems *problems;
    bool no_memory, broken; /* broken: no YAML from here on */
};

/* At the end the parser counts a line that is not there. */
static void stay_within(const struct builder *b, int *line, int *column) {
    if (*line <= b->last_line) return;
    *line = b->last_line;
    *column = b->last_column;
}

static bool next(struct builder *b, yaml_event_t *e) {
    if (yaml_parser_parse(&b->parser, e)) return true;
    memset(e, 0, sizeof *e);
    const yaml_parser_t *p = &b->parser;
    int line = (int)p->problem_mark.line + 1, column = (int)p->problem_mark.column + 1;
    b->broken = true;
    if (p->error == YAML_MEMORY_ERROR) b->no_memory = true;
    if (p->error == YAML_READER_ERROR && p->problem_offset <= b->text.n) /* it tells the byte only */
        doc_position(b->text, b->text.p + p->problem_offset, &line, &column);
    stay_within(b, &line, &column);
    problem_add(b->problems, line, column, STR(""), "this is not YAML: %s%s%s", p->problem ? p->problem : "unreadable",
                p->context ? ", " : "", p->context ? p->context : "");
    return false;
}

/* `place` has the parent, key and index that the node gets: known before its inside is read, so that problems in it have their path. */
static struct ynode *node_new(struct builder *b, const yaml_event_t *e, const struct ynode *place) {
    struct ynode *n = ARENA_NEW(b->arena, struct ynode);
    if (!n) {
        b->no_memory = b->broken = true;
        return NULL;
    }
    *n = *place;
    n->line = (int)e->start_mark.line + 1;
    n->column = (int)e->start_mark.column + 1;
    stay_within(b, &n->line, &n->column);
    return n;
}

static void refuse_extras(struct builder *b, const struct ynode *n, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor) problem_at(b->problems, n, "anchors are not supported; write the value out");
    if (tag) problem_at(b->problems, n, "tags (%s) are not supported", (const char *)tag);
}

static struct ynode *read_node(struct builder *b, const yaml_event_t *e, const struct ynode *place, int depth);

static void append(struct ynode *parent, struct ynode **last, struct ynode *child) {
    parent->count++;
    if (*last)
        (*last)->next = child;
    else
        parent->child = child;
    *last = child;
}

static void read_list(struct builder *b, struct ynode *list, int depth) {
    struct ynode *last = NULL;
    while (!b->broken) {
        yaml_event_t e;
        if (!next(b, &e)) return;
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        struct ynode *item = end ? NULL : read_node(b, &e, &(struct ynode){.parent = list, .index = list->count}, depth + 1);
        yaml_event_delete(&e);
        if (end) return;
        if (item) append(list, &last, item);
    }
}

static void read_pair(struct builder *b, struct ynode *map, struct ynode **last, const yaml_event_t *key, int depth, struct map *names) {
    yaml_event_t value;
    struct ynode at = {.line = (int)key->start_mark.line + 1, .column = (int)key->start_mark.column + 1, .parent = map, .key = STR("?")};
    struct str name = STR("?");
    if (key->type == YAML_SCALAR_EVENT) {
        name = arena_str(b->arena, str_of((const char *)key->data.scalar.value, key->data.scalar.length));
        at.key = name;
        if (str_eqz(name, "<<")) problem_at(b->problems, &at, "merge keys (<<) are not supported; write the members out");
        void *before = NULL;
        if (!name.p || !map_put(names, name, map, &before)) b->no_memory = b->broken = true;
        if (before) problem_at(b->problems, &at, "this key stands here a second time");
    } else {
        problem_at(b->problems, &at, "a key must be a plain word or a quoted string");
        if (!read_node(b, key, &at, depth + 1)) return;
    }
    if (b->broken || !next(b, &value)) return;
    struct ynode place = {.parent = map, .key = name, .index = map->count, .key_line = at.line, .key_column = at.column};
    struct ynode *n = read_node(b, &value, &place, depth + 1);
    yaml_event_delete(&value);
    if (n) append(map, last, n);
}

static void read_map(struct builder *b, struct ynode *map, int depth) {
    struct ynode *last = NULL;
    struct map names; /* to find duplicates without comparing all with all */
    map_init(&names);
    for (bool end = false; !end && !b->broken;) {
        yaml_event_t key;
        if (!next(b, &key)) break;
        end = key.type == YAML_MAPPING_END_EVENT;
        if (!end) read_pair(b, map, &last, &key, depth, &names);
        yaml_event_delete(&key);
    }
    map_fini(&names);
}

static struct ynode *read_node(struct builder *b, const yaml_event_t *e, const struct ynode *place, int depth) {
    struct ynode *n = node_new(b, e, place);
    if (!n) return NULL;
    if (depth > YAML_DEPTH_MAX) {
        problem_at(b->problems, n, "more than %d levels", YAML_DEPTH_MAX);
        b->broken = true;
        return NULL;
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        n->text = arena_str(b->arena, str_of((const char *)e->data.scalar.value, e->data.scalar.length));
        if (!n->text.p) b->no_memory = b->broken = true;
        refuse_extras(b, n, e->data.scalar.anchor, e->data.scalar.tag);
        n->kind = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_kind(n->text, b->problems, n) : YNODE_STRING;
        break;
    case YAML_SEQUENCE_START_EVENT:
        n->kind = YNODE_LIST;
        refuse_extras(b, n, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        read_list(b, n, depth);
        break;
    case YAML_MAPPING_START_EVENT:
        n->kind = YNODE_MAP;
        refuse_extras(b, n, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        read_map(b, n, depth);
        break;
    default: problem_at(b->problems, n, "aliases (*name) are not supported; write the value out"); break;
    }
    return n;
}

static void read_stream(struct builder *b, struct ynode **root) {
    int documents = 0;
    bool over = false;
    while (!over && !b->broken) {
        yaml_event_t e;
        if (!next(b, &e)) return;
        if (e.type == YAML_STREAM_END_EVENT)
            over = true;
        else if (e.type == YAML_DOCUMENT_START_EVENT && ++documents == 2) {
            problem_add(b->problems, (int)e.start_mark.line + 1, (int)e.start_mark.column + 1, STR(""),
                        "a rule file is one document: put this one into a file of its own");
            over = true;
        } else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT && e.type != YAML_DOCUMENT_END_EVENT) {
            *root = read_node(b, &e, &(struct ynode){.parent = NULL}, 0);
        }
        yaml_event_delete(&e);
    }
}

enum err yaml_read(struct str text, struct arena *a, struct ynode **root, struct problems *p) {
    struct builder b = {.arena = a, .problems = p, .text = text.p ? text : STR("")};
    *root = NULL;
    doc_position(b.text, b.text.p + b.text.n, &b.last_line, &b.last_column);
    if (!yaml_parser_initialize(&b.parser)) return ERR_NOMEM;
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.text.p, b.text.n);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    read_stream(&b, root);
    yaml_parser_delete(&b.parser);
    if (b.broken) *root = NULL;
    if (*root && (*root)->kind == YNODE_NULL) *root = NULL;
    return b.no_memory ? ERR_NOMEM : ERR_OK;
}

const struct ynode *ynode_get(const struct ynode *map, struct str key) {
    for (const struct ynode *n = map && map->kind == YNODE_MAP ? map->child : NULL; n; n = n->next)
        if (str_eq(n->key, key)) return n;
    return NULL;
}

static void write_path(struct buf *out, const struct ynode *n) {
    if (!n || (!n->parent && !n->key.p)) return;
    write_path(out, n->parent);
    if (n->key.p)
        buf_addf(out, "%s%.*s", out->n ? "." : "", STR_ARG(n->key));
    else
        buf_addf(out, "[%zu]", n->parent->kind == YNODE_LIST ? n->index : 0);
}

struct str ynode_path(const struct ynode *n, struct arena *a) {
    struct buf path;
    buf_init(&path, 0);
    write_path(&path, n);
    struct str text = arena_str(a, buf_str(&path));
    buf_fini(&path);
    return text.p ? text : STR("");
}

static void write_json(struct json *j, const struct ynode *n) {
    switch (n->kind) {
    case YNODE_NULL: json_put_null(j); break;
    case YNODE_BOOL: json_bool(j, n->text.p[0] == 't' || n->text.p[0] == 'T'); break;
    case YNODE_NUMBER: json_raw(j, n->text); break;
    case YNODE_STRING: json_str(j, n->text); break;
    case YNODE_LIST:
        json_array_begin(j);
        for (const struct ynode *c = n->child; c; c = c->next) write_json(j, c);
        json_array_end(j);
        break;
    case YNODE_MAP:
        json_object_begin(j);
        for (const struct ynode *c = n->child; c; c = c->next) {
            json_key(j, c->key);
            write_json(j, c);
        }
        json_object_end(j);
        break;
    }
}

void ynode_json(struct buf *out, const struct ynode *n) {
    struct json j;
    json_init(&j, out);
    write_json(&j, n);
}
