/* Each reader below takes the value of one matcher. They check in the order in which the service does, so that a pattern with two
 * flaws is refused for the same one. */
#include "alternative.h"
#include "fold.h"

#include <stdio.h>

/* ---- places and sentences ------------------------------------------------------------------------------------------------------ */

const char *pattern_read_end(const struct node *v) { return v->raw.p + v->raw.n; }

const char *pattern_seen(const struct node *v) { return v->kind >= NODE_STRING ? v->raw.p + 1 : pattern_read_end(v); }

/* Prints into `out`; what is too long is cut at a character boundary. */
__attribute__((format(printf, 3, 0))) static void print_reason(char *out, size_t size, const char *format, va_list ap) {
    int n = vsnprintf(out, size, format, ap);
    if (n < (int)size) return;
    size_t at = size - 4;
    while (at && ((unsigned char)out[at] & 0xC0) == 0x80) at--;
    memcpy(out + at, "...", 4);
}

enum err pattern_refuse(struct pattern_reader *r, const char *at, const char *format, ...) {
    static const char sentence[] = "Event pattern is not valid. Reason: ";
    char reason[2048];
    va_list ap;
    va_start(ap, format);
    print_reason(reason, sizeof reason, format, ap);
    va_end(ap);
    if (!at) return fault_at(r->fault, ERR_PATTERN, NULL, 0, 0, "%s%s", sentence, reason);
    int line, column;
    doc_position(r->source, at, &line, &column);
    struct str quoted = str_is_utf8(r->source) ? r->source : STR("not UTF-8"); /* a sentence must be */
    return fault_at(r->fault, ERR_PATTERN, NULL, line, column, "%s%s\n at [Source: (String)\"%.*s\"; line: %d, column: %d]", sentence,
                    reason, STR_ARG(quoted), line, column);
}

static enum err out_of_memory(struct pattern_reader *r) { return fault_set(r->fault, ERR_NOMEM, NULL); }

struct str pattern_keep(struct pattern_reader *r, struct str s) {
    bool in_source = s.p >= r->source.p && s.p + s.n <= r->source.p + r->source.n;
    return in_source ? s : arena_str(r->arena, s);
}

static enum err keep(struct pattern_reader *r, struct str s, struct str *out) {
    *out = pattern_keep(r, s);
    return out->p ? ERR_OK : out_of_memory(r);
}

/* ---- one value ----------------------------------------------------------------------------------------------------------------- */

typedef enum err read_test(struct pattern_reader *r, const struct node *v, struct pattern_test *t);

static enum err read_exact_string(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    t->kind = PATTERN_STRING;
    address_read(v->text, &t->address);
    return keep(r, v->text, &t->text);
}

static enum err read_exactly(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    if (v->kind != NODE_STRING) return pattern_refuse(r, pattern_seen(v), "exact match pattern must be a string");
    return read_exact_string(r, v, t);
}

static enum err read_number(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    t->kind = PATTERN_NUMBER;
    t->number = number_read(v->text);
    t->held = number_is_held(&t->number);
    return keep(r, v->text, &t->text);
}

/* A number that takes part in comparisons. */
static enum err read_held_number(struct pattern_reader *r, const struct node *v, struct number *n) {
    *n = number_read(v->text);
    if (number_is_held(n)) return ERR_OK;
    return pattern_refuse(r, pattern_read_end(v), "Number %.*s cannot be compared exactly, expected one that a double holds",
                          v->text.n > 100 ? 100 : STR_ARG(v->text));
}

/* The text folded (equals-ignore-case and its prefix and suffix). */
static enum err read_folded(struct pattern_reader *r, const struct node *v, enum pattern_kind kind, struct pattern_test *t) {
    if (v->kind != NODE_STRING) return pattern_refuse(r, pattern_seen(v), "equals-ignore-case match pattern must be a string");
    t->kind = kind;
    t->text = fold_text(r->arena, v->text);
    return t->text.p ? ERR_OK : out_of_memory(r);
}

static enum err read_ignore_case(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    return read_folded(r, v, PATTERN_FOLDED, t);
}

static enum err one_key(struct pattern_reader *r, const struct node *object) {
    const struct node *second = object->child->next;
    return second ? pattern_refuse(r, pattern_seen(second), "Only one key allowed in match expression") : ERR_OK;
}

/* {"prefix": "x"} or {"prefix": {"equals-ignore-case": "x"}}; likewise for suffix. */
static enum err read_affix(struct pattern_reader *r, const struct node *v, struct pattern_test *t, const char *name, const char *title) {
    bool prefix = name[0] == 'p';
    if (v->kind == NODE_OBJECT) {
        const struct node *inner = v->child;
        if (!inner) return pattern_refuse(r, pattern_read_end(v), "%s expression name not found", title);
        if (!str_eq(inner->key, STR("equals-ignore-case")))
            return pattern_refuse(r, pattern_seen(inner), "Unsupported %s pattern: %.*s", name, STR_ARG(inner->key));
        enum err e = read_folded(r, inner, prefix ? PATTERN_PREFIX_FOLDED : PATTERN_SUFFIX_FOLDED, t);
        return e ? e : one_key(r, v);
    }
    if (v->kind != NODE_STRING) return pattern_refuse(r, pattern_seen(v), "%s match pattern must be a string", name);
    t->kind = prefix ? PATTERN_PREFIX : PATTERN_SUFFIX;
    return keep(r, v->text, &t->text);
}

static enum err read_prefix(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    return read_affix(r, v, t, "prefix", "Prefix");
}

static enum err read_suffix(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    return read_affix(r, v, t, "suffix", "Suffix");
}

/* `at`: where a flaw of the text is reported. */
static enum err read_wildcard_text(struct pattern_reader *r, struct str text, const char *at, struct pattern_test *t) {
    size_t position;
    enum wildcard_flaw flaw = wildcard_check(text, &position);
    if (flaw == WILDCARD_CONSECUTIVE) return pattern_refuse(r, at, "Consecutive wildcard characters at pos %zu", position);
    if (flaw == WILDCARD_ESCAPE) return pattern_refuse(r, at, "Invalid escape character at pos %zu", position);
    t->kind = PATTERN_WILDCARD;
    enum err e = keep(r, text, &t->text);
    if (!e && wildcard_read(t->text, r->arena, &t->wildcard)) e = out_of_memory(r);
    return e;
}

static enum err read_wildcard(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    if (v->kind != NODE_STRING) return pattern_refuse(r, pattern_seen(v), "wildcard match pattern must be a string");
    return read_wildcard_text(r, v->text, pattern_read_end(v), t);
}

static enum err read_exists(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    if (v->kind != NODE_TRUE && v->kind != NODE_FALSE)
        return pattern_refuse(r, pattern_seen(v), "exists match pattern must be either true or false.");
    t->kind = v->kind == NODE_TRUE ? PATTERN_PRESENT : PATTERN_ABSENT;
    return ERR_OK;
}

/* Digits with an optional sign; false for anything else. */
static bool read_mask(struct str s, int64_t *bits) {
    if (s.n > 1 && s.p[0] == '+') s = s.p[1] == '-' ? STR("") : str_skip(s, 1);
    return s.n < 11 && str_to_i64(s, bits);
}

static enum err read_cidr(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    if (v->kind != NODE_STRING) return pattern_refuse(r, pattern_seen(v), "prefix match pattern must be a string");
    size_t slash = str_find(v->text, '/', 0);
    if (slash + 1 >= v->text.n || str_find(v->text, '/', slash + 1) < v->text.n)
        return pattern_refuse(r, NULL, "Malformed CIDR, one '/' required");
    int64_t bits;
    if (!read_mask(str_skip(v->text, slash + 1), &bits)) return pattern_refuse(r, NULL, "Malformed CIDR, mask bits must be an integer");
    if (bits < 0) return pattern_refuse(r, NULL, "Malformed CIDR, mask bits must not be negative");
    struct str ip = str_of(v->text.p, slash);
    t->kind = PATTERN_CIDR;
    if (!address_read(ip, &t->address)) return pattern_refuse(r, NULL, "Nonstandard IP address: %.*s", STR_ARG(ip));
    if (t->address.length == 4 && bits > 31) return pattern_refuse(r, NULL, "IPv4 mask bits must be < 32");
    if (bits > 127) return pattern_refuse(r, NULL, "IPv6 mask bits must be < 128");
    t->bits = (unsigned)bits;
    return keep(r, v->text, &t->text);
}

/* ---- numeric ------------------------------------------------------------------------------------------------------------------- */

/* Elements are read one after the other; behind the last one stands the array's bracket, which is a token like any other. */
static const char *token_seen(const struct node *array, const struct node *v) { return v ? pattern_seen(v) : pattern_read_end(array); }

static struct str token_text(const struct node *v) {
    if (!v) return STR("]");
    return v->kind == NODE_STRING ? v->text : str_of(v->raw.p, v->kind >= NODE_ARRAY ? 1 : v->raw.n);
}

static enum err read_bound(struct pattern_reader *r, const struct node *array, const struct node *v, const char *operator,
                           struct number * n) {
    if (!v || v->kind != NODE_NUMBER) return pattern_refuse(r, token_seen(array, v), "Value of %s must be numeric", operator);
    return read_held_number(r, v, n);
}

/* The second operator and bound of a range whose lower bound is read. */
static enum err read_upper(struct pattern_reader *r, const struct node *array, const struct node *operator, struct pattern_range * range) {
    if (operator->kind != NODE_STRING)
        return pattern_refuse(r, pattern_seen(operator), "Bad value in numeric range: %.*s", STR_ARG(token_text(operator)));
    range->has_upper = true;
    range->upper_open = str_eqz(operator->text, "<");
    if (!range->upper_open && !str_eqz(operator->text, "<="))
        return pattern_refuse(r, pattern_read_end(operator), "Bad numeric range operator: %.*s", STR_ARG(operator->text));
    const struct node *bound = operator->next;
    enum err e = read_bound(r, array, bound, range->upper_open ? "<" : "<=", &range->upper);
    if (e) return e;
    if (bound->next) return pattern_refuse(r, pattern_seen(bound->next), "Too many terms in numeric range expression");
    if (number_compare(&range->lower, &range->upper) >= 0)
        return pattern_refuse(r, pattern_read_end(array), "Bottom must be less than top");
    return ERR_OK;
}

static enum err read_numeric(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    static const struct {
        const char *operator, * name;
        bool lower, upper, open;
    } rows[] = {{"=", "equals", true, true, false},
                {">", ">", true, false, true},
                {">=", ">=", true, false, false},
                {"<", "<", false, true, true},
                {"<=", "<=", false, true, false}};
    if (v->kind != NODE_ARRAY) return pattern_refuse(r, pattern_seen(v), "Value of numeric must be an array.");
    const struct node *operator= v->child;
    if (!operator|| operator->kind != NODE_STRING)
        return pattern_refuse(r, token_seen(v, operator), "Invalid member in numeric match: %.*s", STR_ARG(token_text(operator)));
    size_t i = 0;
    while (i < sizeof rows / sizeof rows[0] && !str_eqz(operator->text, rows[i].operator)) i++;
    const struct node *bound = operator->next;
    if (i == sizeof rows / sizeof rows[0])
        return pattern_refuse(r, token_seen(v, bound), "Unrecognized numeric range operator: %.*s", STR_ARG(operator->text));
    struct number n;
    enum err e = read_bound(r, v, bound, rows[i].name, &n);
    if (e) return e;
    t->kind = PATTERN_RANGE;
    t->range = (struct pattern_range){n, n, rows[i].lower, rows[i].upper, rows[i].open, rows[i].open};
    if (!bound->next) return ERR_OK;
    if (rows[i].upper) return pattern_refuse(r, pattern_seen(bound->next), "Too many elements in numeric expression");
    return read_upper(r, v, bound->next, &t->range);
}

/* ---- anything-but -------------------------------------------------------------------------------------------------------------- */

static enum err add_tests(struct pattern_reader *r, size_t count, struct pattern_alternative *a, struct pattern_test **tests) {
    *tests = arena_array(r->arena, count, sizeof **tests);
    if (!*tests) return out_of_memory(r);
    a->tests = *tests;
    a->count = count;
    return ERR_OK;
}

/* Compared by its text, an IP literal too: the service does so here. */
static enum err read_but_scalar(struct pattern_reader *r, const struct node *v, struct pattern_test *t) {
    if (v->kind == NODE_NUMBER) {
        enum err e = read_held_number(r, v, &t->number);
        return e ? e : read_number(r, v, t);
    }
    t->kind = PATTERN_STRING;
    return keep(r, v->text, &t->text);
}

static enum err read_but_list(struct pattern_reader *r, const struct node *v, struct pattern_alternative *a) {
    struct pattern_test *tests;
    enum err e = add_tests(r, v->count, a, &tests);
    bool numbers = false, strings = false;
    for (const struct node *m = v->child; m && !e; m = m->next) {
        if (m->kind != NODE_STRING && m->kind != NODE_NUMBER)
            return pattern_refuse(r, pattern_seen(m), "Inside anything but list, start|null|boolean is not supported.");
        numbers |= m->kind == NODE_NUMBER;
        strings |= m->kind == NODE_STRING;
        e = read_but_scalar(r, m, tests++);
    }
    if (!e && numbers == strings)
        return pattern_refuse(r, pattern_read_end(v),
                              "Inside anything but list, either all values are number or string, mixed type is not supported");
    return e;
}

struct but_row {
    const char *name;
    enum pattern_kind kind;
    const char *not_string;
};
static const struct but_row but_rows[] = {
    {"prefix", PATTERN_PREFIX, "prefix/suffix match pattern must be a string"},
    {"suffix", PATTERN_SUFFIX, "prefix/suffix match pattern must be a string"},
    {"wildcard", PATTERN_WILDCARD, "wildcard match pattern must be a string"},
    {"equals-ignore-case", PATTERN_FOLDED, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."}};

/* One string of {"anything-but": {"prefix": ...}}; `end` is where the service has arrived when it looks into a wildcard. */
static enum err read_but_member(struct pattern_reader *r, const struct but_row *row, const struct node *v, const char *end,
                                struct pattern_test *t) {
    if (v->kind != NODE_STRING) return pattern_refuse(r, pattern_seen(v), "%s", row->not_string);
    t->kind = row->kind;
    if (row->kind == PATTERN_WILDCARD) return read_wildcard_text(r, v->text, end, t);
    if (row->kind == PATTERN_FOLDED) return read_folded(r, v, PATTERN_FOLDED, t);
    if (!v->text.n) return pattern_refuse(r, pattern_read_end(v), "Null prefix/suffix not allowed");
    return keep(r, v->text, &t->text);
}

static const char but_value[] = "Value of anything-but must be an array or single string/number value.";

static enum err read_but_object(struct pattern_reader *r, const struct node *v, struct pattern_alternative *a) {
    const struct node *inner = v->child;
    if (!inner) return pattern_refuse(r, pattern_read_end(v), "Anything-But expression name not found");
    const struct but_row *row = NULL;
    for (size_t i = 0; i < sizeof but_rows / sizeof but_rows[0]; i++)
        if (str_eqz(inner->key, but_rows[i].name)) row = &but_rows[i];
    if (!row) return pattern_refuse(r, pattern_seen(inner), "Unsupported anything-but pattern: %.*s", STR_ARG(inner->key));
    bool list = inner->kind == NODE_ARRAY;
    if (!list && inner->kind != NODE_STRING && inner->kind != NODE_NUMBER) return pattern_refuse(r, pattern_seen(inner), "%s", but_value);
    if (list && !inner->child) return pattern_refuse(r, pattern_read_end(inner), "Empty arrays are not allowed");
    struct pattern_test *tests;
    enum err e = add_tests(r, list ? inner->count : 1, a, &tests);
    if (!list && !e)
        e = read_but_member(r, row, inner, pattern_read_end(inner), tests);
    else
        for (const struct node *m = inner->child; m && !e; m = m->next) e = read_but_member(r, row, m, pattern_read_end(inner), tests++);
    return e ? e : one_key(r, v);
}

static enum err read_anything_but(struct pattern_reader *r, const struct node *v, struct pattern_alternative *a) {
    a->but = true;
    if (v->kind == NODE_OBJECT) return read_but_object(r, v, a);
    if (v->kind == NODE_ARRAY) return read_but_list(r, v, a);
    if (v->kind != NODE_STRING && v->kind != NODE_NUMBER) return pattern_refuse(r, pattern_seen(v), "%s", but_value);
    struct pattern_test *test;
    enum err e = add_tests(r, 1, a, &test);
    return e ? e : read_but_scalar(r, v, test);
}

/* ---- a field ------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    read_test *read; /* NULL: anything-but, whose tests are several */
} matchers[] = {{"exactly", read_exactly},   {"prefix", read_prefix},   {"suffix", read_suffix}, {"equals-ignore-case", read_ignore_case},
                {"wildcard", read_wildcard}, {"numeric", read_numeric}, {"cidr", read_cidr},     {"exists", read_exists},
                {"anything-but", NULL}};
enum { MATCHERS = sizeof matchers / sizeof matchers[0] };

static size_t find_matcher(struct str name) {
    size_t i = 0;
    while (i < MATCHERS && !str_eqz(name, matchers[i].name)) i++;
    return i;
}

bool pattern_is_matcher(struct str name) { return find_matcher(name) < MATCHERS; }

static enum err read_matcher(struct pattern_reader *r, const struct node *v, struct pattern_alternative *a) {
    const struct node *m = v->child;
    if (!m) return pattern_refuse(r, pattern_read_end(v), "Match expression name not found");
    size_t i = find_matcher(m->key);
    if (i == MATCHERS) return pattern_refuse(r, pattern_seen(m), "Unrecognized match type %.*s", STR_ARG(m->key));
    enum err e;
    struct pattern_test *test;
    if (!matchers[i].read)
        e = read_anything_but(r, m, a);
    else if (!(e = add_tests(r, 1, a, &test)))
        e = matchers[i].read(r, m, test);
    return e ? e : one_key(r, v);
}

static enum err read_alternative(struct pattern_reader *r, const struct node *v, struct pattern_alternative *a) {
    a->raw = v->raw;
    if (v->kind == NODE_OBJECT) return read_matcher(r, v, a);
    if (v->kind == NODE_ARRAY) return pattern_refuse(r, pattern_seen(v), "Match value must be String, number, true, false, or null");
    struct pattern_test *test;
    enum err e = add_tests(r, 1, a, &test);
    if (e) return e;
    if (v->kind == NODE_STRING) return read_exact_string(r, v, test);
    if (v->kind == NODE_NUMBER) return read_number(r, v, test);
    test->kind = v->kind == NODE_NULL ? PATTERN_NULL : v->kind == NODE_TRUE ? PATTERN_TRUE : PATTERN_FALSE;
    return ERR_OK;
}

enum err pattern_alternatives_read(struct pattern_reader *r, const struct node *v, struct pattern_field *f) {
    if (!v->child) return pattern_refuse(r, pattern_read_end(v), "Empty arrays are not allowed");
    struct pattern_alternative *a = arena_array(r->arena, v->count, sizeof *a);
    if (!a) return out_of_memory(r);
    f->alternatives = a;
    f->count = v->count;
    for (const struct node *m = v->child; m; m = m->next, a++) {
        enum err e = read_alternative(r, m, a);
        if (e) return e;
        f->absent |= !a->but && a->tests[0].kind == PATTERN_ABSENT;
    }
    return ERR_OK;
}
