#include "yamltree.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "doc.h"
#include "json.h"
#include "map.h"

enum { PATH_SHOWN_MAX = 600 }; /* of a deeper place the middle is left out */

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

static enum ynode_kind rules_kind(struct str s, struct problems *p, const struct ynode *n) {
    if (is_json_number(s)) return YNODE_NUMBER;
    if (is_other_number(s))
        problem_at(
            p, n,
            "%.*s is a number to some YAML readers and not to others; write it as JSON does (17, 0.5, 1e3), or in quotes if it is a string",
            STR_ARG(s));
    return YNODE_STRING;
}

/* The digits of a whole number in that base, underscores left out; false when one does not belong, or past 2^63. */
static bool read_digits(struct str s, unsigned base, int64_t *value) {
    size_t count = 0;
    *value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') continue;
        char c = (char)(s.p[i] | 0x20);
        unsigned digit = c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : s.p[i] >= '0' && s.p[i] <= '9' ? (unsigned)(s.p[i] - '0') : base;
        if (digit >= base || *value > (INT64_MAX - (int64_t)digit) / (int64_t)base) return false;
        *value = *value * base + digit;
        count++;
    }
    return count > 0;
}

/* 12:30 and 1:02:03, to the base of 60: all but the first part is below 60. */
static bool read_sixties(struct str s, int64_t *value) {
    struct str piece;
    int parts = 0;
    *value = 0;
    if (!s.n || s.p[0] < '1' || s.p[0] > '9') return false;
    for (int64_t n; str_cut(&s, ':', &piece); parts++) {
        if (piece.n > 12 || !read_digits(piece, 10, &n) || (parts && (piece.n > 2 || n > 59)) || *value > INT64_MAX / 3600 - 60)
            return false;
        *value = *value * 60 + n;
    }
    return parts > 1;
}

/* What YAML 1.1 takes for a whole number: 017, 0x1F, 0b11, 1_000, +5, 12:30. NULL: nothing of these. */
static const char *read_old_number(struct str s, int64_t *value) {
    bool minus = s.n && s.p[0] == '-';
    const char *what = NULL;
    struct str body = minus || (s.n && s.p[0] == '+') ? str_skip(s, 1) : s;
    if (!body.n || !((body.p[0] >= '0' && body.p[0] <= '9'))) return NULL;
    if (str_starts(body, STR("0x")))
        what = read_digits(str_skip(body, 2), 16, value) ? "hexadecimal" : NULL;
    else if (str_starts(body, STR("0b")))
        what = read_digits(str_skip(body, 2), 2, value) ? "binary" : NULL;
    else if (body.p[0] == '0' && body.n > 1)
        what = read_digits(str_skip(body, 1), 8, value) ? "octal, for it begins with 0" : NULL;
    else if (str_find(body, ':', 0) < body.n)
        what = read_sixties(body, value) ? "to the base of 60" : NULL;
    else
        what = read_digits(body, 10, value) ? "in YAML 1.1" : NULL;
    if (what && minus) *value = -*value;
    return what;
}

/* 2026-05-01 and what begins so: a timestamp to other readers. */
static bool is_date(struct str s) {
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < 10; i++)
        if (i >= s.n || (form[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != form[i])) return false;
    return s.n == 10 || s.p[10] == 'T' || s.p[10] == 't' || s.p[10] == ' ';
}

static enum ynode_kind old_float(struct str *text, struct arena *a, const struct ynode *n, struct problems *p, struct problems *warnings) {
    char *end, copy[64], number[40];
    struct buf plain;
    buf_init(&plain, sizeof copy);
    for (size_t i = 0; i < text->n; i++)
        if (text->p[i] != '_') buf_addc(&plain, text->p[i]);
    bool fits = !plain.failed && str_copyz(copy, sizeof copy, buf_str(&plain));
    buf_fini(&plain);
    double value = fits ? strtod(copy, &end) : 0;
    if (!fits || *end || value - value != 0) {
        problem_at(p, n, "%.*s is a number that JSON has no form for; write it in quotes if it is text", STR_ARG(*text));
        return YNODE_STRING;
    }
    snprintf(number, sizeof number, "%.17g", value);
    problem_at(warnings, n, "%.*s is the number %s to CloudFormation; write that, or put it in quotes if it is text", STR_ARG(*text),
               number);
    *text = arena_str(a, str_from(number));
    return YNODE_NUMBER;
}

/* YAML 1.1 without what CloudFormation leaves out of it (timestamps, null). */
static enum ynode_kind template_kind(struct str *text, struct arena *a, const struct ynode *n, struct problems *p,
                                     struct problems *warnings) {
    static const char *const yes[] = {"yes", "Yes", "YES", "on", "On", "ON", NULL}, *const no[] = {"no",  "No",  "NO", "off",
                                                                                                   "Off", "OFF", NULL};
    int64_t value;
    struct str s = *text;
    if (one_of(s, yes) || one_of(s, no)) {
        *text = one_of(s, yes) ? STR("true") : STR("false");
        problem_at(warnings, n, "%.*s is the boolean %.*s to CloudFormation; write that, or \"%.*s\" if it is text", STR_ARG(s),
                   STR_ARG(*text), STR_ARG(s));
        return YNODE_BOOL;
    }
    if (is_json_number(s)) return YNODE_NUMBER;
    const char *how = read_old_number(s, &value);
    if (how) {
        *text = arena_printf(a, "%lld", (long long)value);
        problem_at(warnings, n, "%.*s is the number %lld to CloudFormation (%s); write that, or \"%.*s\" if it is text", STR_ARG(s),
                   (long long)value, how, STR_ARG(s));
        return YNODE_NUMBER;
    }
    if (is_other_number(s) && (str_find(s, '.', 0) < s.n || str_find(s, 'e', 0) < s.n)) return old_float(text, a, n, p, warnings);
    if (is_date(s) && !str_eqz(n->key, "Version") && !str_eqz(n->key, "AWSTemplateFormatVersion"))
        problem_at(warnings, n, "%.*s is text to CloudFormation, and a date to other YAML readers; put it in quotes", STR_ARG(s));
    return YNODE_STRING;
}

enum ynode_kind yaml_plain_kind(enum yaml_dialect dialect, struct str *text, struct arena *a, const struct ynode *n, struct problems *p,
                                struct problems *warnings) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const booleans[] = {"true", "false", "True", "False", "TRUE", "FALSE", NULL};
    if (one_of(*text, nulls)) {
        if (dialect == YAML_TEMPLATE) problem_at(p, n, "null is not allowed in templates; leave the key out, or write AWS::NoValue");
        return YNODE_NULL;
    }
    if (one_of(*text, booleans)) return YNODE_BOOL;
    return dialect == YAML_RULES ? rules_kind(*text, p, n) : template_kind(text, a, n, p, warnings);
}

/* ---- the tree
 * -------------------------------------------------------------------------------------------------------------------------------- */
struct builder {
    yaml_parser_t parser;
    struct str text;
    enum yaml_dialect dialect;
    int line, column;           /* of the last event */
    int last_line, last_column; /* of the text's end */
    struct arena *arena;
    struct problems *problems, *warnings;
    bool no_memory, broken; /* broken: no YAML from here on */
};

/* At the end the parser counts a line that is not there. */
static void stay_within(const struct builder *b, int *line, int *column) {
    if (*line <= b->last_line) return;
    *line = b->last_line;
    *column = b->last_column;
}

/* The byte of a line and column, or NULL behind the text's end. */
static const char *byte_at(struct str text, int line, int column) {
    const char *p = text.p, *end = text.p + text.n;
    for (; line > 1 && p < end; p++) line -= *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] != '\n'));
    for (; column > 1 && p < end; column--)
        for (p++; p < end && ((unsigned char)*p & 0xC0) == 0x80;) p++;
    return p < end ? p : NULL;
}

/* In the parser's words, but for what is met most often. */
static void tell_syntax(struct builder *b, int line, int column) {
    const yaml_parser_t *p = &b->parser;
    const char *at = p->problem && strstr(p->problem, "cannot start any token") ? byte_at(b->text, line, column) : NULL;
    int begin = (int)p->context_mark.line + 1, begin_column = (int)p->context_mark.column + 1;
    char where[80] = "";
    if (p->context && (begin < line || (begin == line && begin_column < column)) &&
        strncmp(p->context, "while scanning for the next", 27) != 0)
        snprintf(where, sizeof where, " that began at line %d, column %d", begin, begin_column);
    if ((at && *at == '\t') || (p->problem && strstr(p->problem, "tab character")))
        problem_add(b->problems, line, column, STR(""), "a tab cannot indent in YAML; use blanks");
    else if (at && (*at == '@' || *at == '`' || *at == '%'))
        problem_add(b->problems, line, column, STR(""), "'%c' cannot begin a value in YAML; put the value in quotes", *at);
    else
        problem_add(b->problems, line, column, STR(""), "this is not YAML: %s%s%s%s", p->problem ? p->problem : "unreadable",
                    p->context ? ", " : "", p->context ? p->context : "", where);
}

static bool next(struct builder *b, yaml_event_t *e) {
    if (yaml_parser_parse(&b->parser, e)) {
        b->line = (int)e->start_mark.line + 1;
        b->column = (int)e->start_mark.column + 1;
        return true;
    }
    memset(e, 0, sizeof *e);
    const yaml_parser_t *p = &b->parser;
    int line = (int)p->problem_mark.line + 1, column = (int)p->problem_mark.column + 1;
    b->broken = true;
    if (p->error == YAML_MEMORY_ERROR) { /* said for the file as a whole, with the place of the last event */
        b->no_memory = true;
        return false;
    }
    if (p->error == YAML_READER_ERROR && p->problem_offset <= b->text.n) /* it tells the byte only */
        doc_position(b->text, b->text.p + p->problem_offset, &line, &column);
    stay_within(b, &line, &column);
    tell_syntax(b, line, column);
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

/* The functions that have a short form. */
static bool is_function_tag(struct str name) {
    static const char *const names[] = {"Ref",    "Condition", "GetAtt", "Sub",       "Join",   "If",           "Equals",
                                        "And",    "Or",        "Not",    "FindInMap", "Select", "Split",        "ImportValue",
                                        "Base64", "GetAZs",    "Cidr",   "Transform", "Length", "ToJsonString", NULL};
    return one_of(name, names);
}

static void take_tag(struct builder *b, struct ynode *n, struct str tag) {
    struct str name = str_skip(tag, 1);
    if (b->dialect == YAML_TEMPLATE && str_starts(tag, STR("!")) && is_function_tag(name)) {
        n->tag = arena_str(b->arena, name);
        if (!n->tag.p) b->no_memory = b->broken = true;
    } else if (b->dialect == YAML_TEMPLATE) {
        bool standard = str_starts(tag, STR("tag:yaml.org,2002:"));
        problem_at(b->problems, n, "%s%.*s is no function that is known here; !Ref, !GetAtt, !Sub, !Join, !If and their like are",
                   standard ? "!!" : "", STR_ARG(standard ? str_skip(tag, 18) : tag));
    } else {
        problem_at(b->problems, n, "tags (%.*s) are not supported", STR_ARG(tag));
    }
}

static void take_extras(struct builder *b, struct ynode *n, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor) problem_at(b->problems, n, "anchors are not supported; write the value out");
    if (tag) take_tag(b, n, str_from((const char *)tag));
}

/* A tagged scalar is a function's argument: text, whatever it looks like. */
static void take_scalar(struct builder *b, struct ynode *n, const yaml_event_t *e) {
    n->text = arena_str(b->arena, str_of((const char *)e->data.scalar.value, e->data.scalar.length));
    if (!n->text.p) b->no_memory = b->broken = true;
    take_extras(b, n, e->data.scalar.anchor, e->data.scalar.tag);
    n->kind = YNODE_STRING;
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !n->tag.p && n->text.p)
        n->kind = yaml_plain_kind(b->dialect, &n->text, b->arena, n, b->problems, b->warnings);
    if (!n->text.p) b->no_memory = b->broken = true;
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

/* A plain key that YAML 1.1 does not read as text. */
static void check_key(struct builder *b, struct str name, const struct ynode *at) {
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE", "yes",  "Yes",  "YES",  "no", "No", "NO",
                                        "on",   "On",   "ON",   "off",   "Off",   "OFF",   "null", "Null", "NULL", "~",  NULL};
    int64_t value;
    if (one_of(name, words) || is_json_number(name) || read_old_number(name, &value))
        problem_at(b->problems, at, "keys of templates are strings, and %.*s is none to CloudFormation; write it in quotes", STR_ARG(name));
}

static void read_pair(struct builder *b, struct ynode *map, struct ynode **last, const yaml_event_t *key, int depth, struct map *names) {
    yaml_event_t value;
    struct ynode at = {.line = (int)key->start_mark.line + 1, .column = (int)key->start_mark.column + 1, .parent = map, .key = STR("?")};
    struct str name = STR("?");
    if (key->type == YAML_SCALAR_EVENT) {
        name = arena_str(b->arena, str_of((const char *)key->data.scalar.value, key->data.scalar.length));
        at.key = name;
        if (b->dialect == YAML_TEMPLATE && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && name.p) check_key(b, name, &at);
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
    case YAML_SCALAR_EVENT: take_scalar(b, n, e); break;
    case YAML_SEQUENCE_START_EVENT:
        n->kind = YNODE_LIST;
        take_extras(b, n, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        read_list(b, n, depth);
        break;
    case YAML_MAPPING_START_EVENT:
        n->kind = YNODE_MAP;
        take_extras(b, n, e->data.mapping_start.anchor, e->data.mapping_start.tag);
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
                        "a %s is one document: put this one into a file of its own",
                        b->dialect == YAML_TEMPLATE ? "template" : "rule file");
            over = true;
        } else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT && e.type != YAML_DOCUMENT_END_EVENT) {
            *root = read_node(b, &e, &(struct ynode){.parent = NULL}, 0);
        }
        yaml_event_delete(&e);
    }
}

enum err yaml_read(struct str text, struct arena *a, struct ynode **root, struct problems *p) {
    return yaml_read_as(text, YAML_RULES, a, root, p, p, NULL);
}

enum err yaml_read_as(struct str text, enum yaml_dialect dialect, struct arena *a, struct ynode **root, struct problems *p,
                      struct problems *warnings, struct fault *fault) {
    struct builder b = {
        .arena = a, .dialect = dialect, .problems = p, .warnings = warnings, .text = text.p ? text : STR(""), .line = 1, .column = 1};
    *root = NULL;
    doc_position(b.text, b.text.p + b.text.n, &b.last_line, &b.last_column);
    if (!yaml_parser_initialize(&b.parser)) return fault_set(fault, ERR_NOMEM, NULL);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.text.p, b.text.n);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    read_stream(&b, root);
    yaml_parser_delete(&b.parser);
    if (b.broken) *root = NULL;
    if (*root && (*root)->kind == YNODE_NULL) *root = NULL;
    return b.no_memory ? fault_at(fault, ERR_NOMEM, NULL, b.line, b.column, "the file takes too much memory from here on; split it")
                       : ERR_OK;
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

/* The place of a character's begin, at or before `at`. */
static size_t character_begin(struct str s, size_t at) {
    while (at && ((unsigned char)s.p[at] & 0xC0) == 0x80) at--;
    return at;
}

struct str ynode_path(const struct ynode *n, struct arena *a) {
    struct buf path;
    buf_init(&path, 0);
    write_path(&path, n);
    struct str whole = buf_str(&path), text;
    if (whole.n <= PATH_SHOWN_MAX) {
        text = arena_str(a, whole);
    } else {
        size_t head = character_begin(whole, PATH_SHOWN_MAX * 2 / 3), tail = character_begin(whole, whole.n - PATH_SHOWN_MAX / 3);
        text = arena_printf(a, "%.*s...%.*s", (int)head, whole.p, STR_ARG(str_skip(whole, tail)));
    }
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
