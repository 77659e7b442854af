/* What a template is told from outside and says of itself: parameters, pseudo parameters, mappings, conditions. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "nearest.h"
#include "template_state.h"

enum { MATCH_STEPS_MAX = 100000, MATCH_HEAP_KIB = 1024, PATTERN_CODE_MAX = 4096 };

/* ---- parameters ------------------------------------------------------------------------------------------ */
static bool is_list_type(struct str type) { return str_eqz(type, "CommaDelimitedList") || str_starts(type, STR("List<")); }

static bool is_number_type(struct str type) { return str_eqz(type, "Number") || str_eqz(type, "List<Number>"); }

static bool is_parameter_type(struct str type) {
    static const char *const plain[] = {"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>", NULL};
    for (const char *const *p = plain; *p; p++)
        if (str_eqz(type, *p)) return true;
    return str_starts(type, STR("AWS::")) || str_starts(type, STR("List<AWS::"));
}

/* STACK.NAME wins over NAME; of two of the same form the later one does. */
static struct str given_value(const struct template *t, struct str name) {
    struct str stack = t->options->stack, found = STR_NULL;
    bool own = false;
    for (size_t i = 0; i < t->options->parameter_count; i++) {
        struct rulefile_parameter *p = &t->options->parameters[i];
        bool of_stack = p->key.n == stack.n + 1 + name.n && str_starts(p->key, stack) && p->key.p[stack.n] == '.' && str_ends(p->key, name);
        if (!of_stack && !str_eq(p->key, name)) continue;
        p->used = true;
        if (own && !of_stack) continue;
        own = of_stack;
        found = p->value;
    }
    return found;
}

static bool to_number(struct str text, double *value) {
    char copy[128], *end;
    if (!text.n || !str_copyz(copy, sizeof copy, text)) return false;
    *value = strtod(copy, &end);
    return !*end && *value - *value == 0;
}

/* Where what is wrong with a value is told: a value from outside has no place but its parameter's. */
struct checked {
    struct template *t;
    const struct ynode *parameter, *at;
    struct str value;
    bool good;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct checked *c, const char *format, ...) {
    struct buf text;
    buf_init(&text, 0);
    va_list ap;
    va_start(ap, format);
    buf_addv(&text, format, ap);
    va_end(ap);
    struct str why = template_text(c->t, template_get(c->parameter, "ConstraintDescription"));
    if (why.n) buf_addf(&text, " (%.*s)", STR_ARG(why));
    c->good = false;
    problem_at(c->t->problems, c->at, "%.*s", STR_ARG(buf_str(&text)));
    buf_fini(&text);
}

static void check_allowed(struct checked *c, const struct ynode *allowed) {
    struct buf all;
    if (!allowed) return;
    if (allowed->kind != YNODE_LIST) {
        problem_at(c->t->problems, allowed, "a list of values is expected here");
        return;
    }
    buf_init(&all, 400);
    for (const struct ynode *n = allowed->child; n; n = n->next) {
        if (n->kind < YNODE_LIST && str_eq(n->text, c->value)) {
            buf_fini(&all);
            return;
        }
        buf_addf(&all, "%s%.*s", all.n ? ", " : "", STR_ARG(n->text));
    }
    refuse(c, "'%.*s' is not among the allowed values: %.*s", STR_ARG(c->value), STR_ARG(buf_str(&all)));
    buf_fini(&all);
}

/* The whole value, as Java's matches() does. A pattern that takes too long or is too large is not checked, with a warning. */
static void check_pattern(struct checked *c, const struct ynode *pattern) {
    struct str text = template_text(c->t, pattern);
    int error = 0;
    PCRE2_SIZE where = 0;
    if (!text.p) return;
    uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code = text.n > PATTERN_CODE_MAX ? NULL : pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &error, &where, NULL);
    if (!code) {
        PCRE2_UCHAR message[200] = "it is too long";
        if (error) pcre2_get_error_message(error, message, sizeof message);
        problem_at(c->t->problems, pattern, "this is no regular expression: %s at character %zu", (const char *)message, (size_t)where + 1);
        return;
    }
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    if (context && data) {
        pcre2_set_match_limit(context, MATCH_STEPS_MAX);
        pcre2_set_depth_limit(context, MATCH_STEPS_MAX);
        pcre2_set_heap_limit(context, MATCH_HEAP_KIB);
        int found = pcre2_match(code, (PCRE2_SPTR)c->value.p, c->value.n, 0, 0, data, context);
        if (found == PCRE2_ERROR_NOMATCH)
            refuse(c, "'%.*s' does not match the allowed pattern %.*s", STR_ARG(c->value), STR_ARG(text));
        else if (found < 0)
            problem_at(c->t->warnings, pattern, "the pattern takes too long; '%.*s' was not checked", STR_ARG(c->value));
    } else {
        c->t->no_memory = true;
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_code_free(code);
}

static void check_bounds(struct checked *c) {
    static const struct {
        const char *key;
        bool length, least;
    } bounds[] = {{"MinLength", true, true}, {"MaxLength", true, false}, {"MinValue", false, true}, {"MaxValue", false, false}};
    double value = 0;
    bool is_number = to_number(c->value, &value);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const struct ynode *n = template_get(c->parameter, bounds[i].key);
        double bound;
        if (!n) continue;
        if (n->kind >= YNODE_LIST || !to_number(n->text, &bound)) {
            problem_at(c->t->problems, n, "a number is expected here");
            continue;
        }
        double measure = bounds[i].length ? (double)c->value.n : value;
        bool out = bounds[i].least ? measure < bound : measure > bound;
        if (out && (bounds[i].length || is_number))
            refuse(c, "'%.*s' is %s than %s %.*s", STR_ARG(c->value),
                   bounds[i].length ? (bounds[i].least ? "shorter" : "longer") : (bounds[i].least ? "less" : "more"), bounds[i].key,
                   STR_ARG(n->text));
    }
}

/* One value, or one item of a list. */
static void check_value(struct checked *c, struct str type) {
    double number;
    if (is_number_type(type) && !to_number(c->value, &number)) refuse(c, "'%.*s' is no number", STR_ARG(c->value));
    check_allowed(c, template_get(c->parameter, "AllowedValues"));
    if (template_get(c->parameter, "AllowedPattern")) check_pattern(c, template_get(c->parameter, "AllowedPattern"));
    check_bounds(c);
}

static struct str trimmed(struct str s) {
    while (s.n && s.p[0] == ' ') s = str_skip(s, 1);
    while (s.n && s.p[s.n - 1] == ' ') s.n--;
    return s;
}

static struct ynode *list_value(struct checked *c, const struct ynode *parameter, struct str type, struct str text) {
    struct template *t = c->t;
    struct ynode *list = template_node(t, parameter, parameter->parent, YNODE_LIST, STR("")), **slot = list ? &list->child : NULL;
    struct str piece;
    while (list && text.n && str_cut(&text, ',', &piece)) {
        struct ynode *item = template_node(t, parameter, list, YNODE_STRING, trimmed(piece));
        if (!item) return NULL;
        c->value = item->text;
        check_value(c, type);
        item->key = STR_NULL;
        item->index = list->count++;
        *slot = item;
        slot = &item->next;
    }
    return list;
}

static struct ynode *parameter_value(struct template *t, const struct ynode *p, struct str type, struct str given) {
    const struct ynode *fallback = template_get(p, "Default");
    struct ynode place = template_key_place(p);
    struct checked c = {.t = t, .parameter = p, .at = given.p || !fallback ? &place : fallback, .good = true};
    bool stored = str_starts(type, STR("AWS::SSM::Parameter"));
    struct ynode *unknown = template_node(t, p, p->parent, YNODE_NULL, STR(""));
    if (!unknown) return NULL;
    unknown->unknown = true;
    if (!given.p && stored) {
        problem_at(t->problems, &place, "%.*s is read from the parameter store of AWS; give its value with --parameter %.*s=VALUE",
                   STR_ARG(p->key), STR_ARG(p->key));
        return unknown;
    }
    if (!given.p && !fallback) {
        problem_at(t->problems, &place, "the parameter %.*s has no default; give its value with --parameter %.*s=VALUE", STR_ARG(p->key),
                   STR_ARG(p->key));
        return unknown;
    }
    c.value = given.p ? given : template_text(t, fallback);
    if (!c.value.p || template_is_dynamic(t, c.at, c.value)) return unknown;
    struct ynode *value = unknown;
    if (is_list_type(type) || (stored && str_find(type, '<', 0) < type.n && str_ends(type, STR(">>")))) {
        value = list_value(&c, p, type, c.value);
    } else {
        check_value(&c, type);
        value = template_node(t, p, p->parent, YNODE_STRING, c.value);
    }
    return c.good && value ? value : unknown;
}

static void read_parameter(struct template *t, const struct ynode *p) {
    struct buf none;
    if (p->kind != YNODE_MAP) {
        problem_at(t->problems, p, "a parameter is a mapping with a Type");
        return;
    }
    buf_init(&none, 0);
    struct json j;
    json_init(&j, &none);
    template_write(t, &j, p, "parameter");
    buf_fini(&none);
    const struct ynode *kind = template_get(p, "Type");
    struct str type = template_text(t, kind);
    if (type.p && !is_parameter_type(type))
        problem_at(t->problems, kind, "'%.*s' is no type of a parameter; String, Number, List<Number> and CommaDelimitedList are",
                   STR_ARG(type));
    struct ynode *value = parameter_value(t, p, type, given_value(t, p->key));
    if (!value || !map_put(&t->parameters, p->key, value, NULL)) t->no_memory = true;
}

void template_parameters(struct template *t) {
    const struct ynode *section = template_get(t->root, "Parameters");
    if (section && section->kind != YNODE_MAP && section->kind != YNODE_NULL)
        problem_at(t->problems, section, "a mapping of names is expected here");
    for (const struct ynode *p = section && section->kind == YNODE_MAP ? section->child : NULL; p; p = p->next) read_parameter(t, p);
}

static struct str pseudo_text(struct template *t, struct str name) {
    const struct rulefile_options *o = t->options;
    if (str_eqz(name, "AccountId")) return o->account;
    if (str_eqz(name, "Region")) return o->region;
    if (str_eqz(name, "Partition")) return STR("aws");
    if (str_eqz(name, "URLSuffix")) return STR("amazonaws.com");
    if (str_eqz(name, "StackName")) return o->stack;
    if (str_eqz(name, "StackId"))
        return arena_printf(t->arena, "arn:aws:cloudformation:%.*s:%.*s:stack/%.*s/%.*s", STR_ARG(o->region), STR_ARG(o->account),
                            STR_ARG(o->stack), STR_ARG(template_uuid(t, STR("stack"), o->stack)));
    return STR_NULL;
}

const struct ynode *template_parameter(struct template *t, struct str name, bool *no_value) {
    *no_value = str_eqz(name, "AWS::NoValue");
    if (*no_value || !str_starts(name, STR("AWS::"))) return *no_value ? NULL : map_get(&t->parameters, name);
    struct ynode *n = template_alloc(t, sizeof *n);
    struct str text = pseudo_text(t, str_skip(name, 5));
    bool list = str_eqz(name, "AWS::NotificationARNs");
    if (!n || (!text.p && !list)) return NULL;
    *n = (struct ynode){.kind = list ? YNODE_LIST : YNODE_STRING, .text = text};
    return n;
}

/* ---- mappings -------------------------------------------------------------------------------------------- */
/* `what` begins the sentence: "there is no mapping", "the mapping Sizes has no key". */
static const struct ynode *find_in(struct template *t, const struct ynode *at, const struct ynode *map, struct str key, const char *what,
                                   bool quiet) {
    const struct ynode *found = map && map->kind == YNODE_MAP ? ynode_get(map, key) : NULL, *best = NULL;
    size_t least = SIZE_MAX;
    if (found || quiet) return found;
    for (const struct ynode *n = map && map->kind == YNODE_MAP ? map->child : NULL; n; n = n->next) {
        size_t distance = nearest_distance(key, n->key);
        if (distance < least) {
            least = distance;
            best = n;
        }
    }
    bool offer = best && nearest_is_close(key, least);
    problem_at(t->problems, at, "%s '%.*s'%s%.*s%s", what, STR_ARG(key), offer ? "; did you mean " : "",
               STR_ARG(offer ? best->key : STR("")), offer ? "?" : "");
    return NULL;
}

const struct ynode *template_mapping(struct template *t, const struct ynode *at, struct str map, struct str first, struct str second,
                                     bool quiet) {
    const struct ynode *n = find_in(t, at, template_get(t->root, "Mappings"), map, "there is no mapping", quiet);
    struct str what = arena_printf(t->arena, "the mapping %.*s has no key", STR_ARG(map));
    if (!what.p) t->no_memory = true;
    if (n && what.p) n = find_in(t, at, n, first, what.p, quiet);
    return n && what.p ? find_in(t, at, n, second, what.p, quiet) : NULL;
}

/* ---- conditions ------------------------------------------------------------------------------------------ */
struct template_condition {
    const struct ynode *node;
    enum { CONDITION_NEW, CONDITION_OPEN, CONDITION_TRUE, CONDITION_FALSE, CONDITION_UNKNOWN } state;
};

static void tell_ring(struct template *t, const struct ynode *at, const struct ynode *conditions, struct str name) {
    struct buf ring;
    buf_init(&ring, 2000);
    for (const struct ynode *n = conditions ? conditions->child : NULL; n; n = n->next) {
        const struct template_condition *c = map_get(&t->conditions, n->key);
        if (c && c->state == CONDITION_OPEN) buf_addf(&ring, "%s%.*s", ring.n ? ", " : "", STR_ARG(n->key));
    }
    problem_at(t->problems, at, "the condition %.*s asks for itself; in the ring are %.*s", STR_ARG(name), STR_ARG(buf_str(&ring)));
    buf_fini(&ring);
}

bool template_condition(struct template *t, const struct ynode *at, struct str name, bool *known) {
    const struct ynode *conditions = template_get(t->root, "Conditions");
    struct template_condition *c = map_get(&t->conditions, name);
    *known = false;
    if (!c) {
        find_in(t, at, conditions, name, "there is no condition", false);
        return false;
    }
    if (c->state == CONDITION_OPEN) {
        tell_ring(t, at, conditions, name);
        return false;
    }
    if (c->state == CONDITION_NEW) {
        c->state = CONDITION_OPEN;
        bool truth = template_truth(t, c->node, known);
        c->state = !*known ? CONDITION_UNKNOWN : truth ? CONDITION_TRUE : CONDITION_FALSE;
    }
    *known = c->state != CONDITION_UNKNOWN;
    return c->state == CONDITION_TRUE;
}

/* All of them are worked out, also those that nobody asks for: their mistakes are told. */
void template_conditions(struct template *t) {
    const struct ynode *section = template_get(t->root, "Conditions");
    bool known;
    if (section && section->kind != YNODE_MAP && section->kind != YNODE_NULL)
        problem_at(t->problems, section, "a mapping of names is expected here");
    if (!section || section->kind != YNODE_MAP) return;
    for (const struct ynode *n = section->child; n; n = n->next) {
        struct template_condition *c = template_alloc(t, sizeof *c);
        if (!c) return;
        c->node = n;
        if (!map_put(&t->conditions, n->key, c, NULL)) t->no_memory = true;
    }
    t->in_conditions = true;
    for (const struct ynode *n = section->child; n; n = n->next) template_condition(t, n, n->key, &known);
    t->in_conditions = false;
}
