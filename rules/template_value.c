/* Values of a template: a tree with its functions worked out. Each function is a row of one table; a result stands in the place of its
 * call. */
#include "template_state.h"

#include "hash.h"
#include "nearest.h"

struct call {
    struct str name;         /* "Ref", "Sub" */
    const struct ynode *at;  /* the call */
    const struct ynode *arg; /* long form: the member's value; short form: the node itself, without its tag */
};

/* ---- nodes ----------------------------------------------------------------------------------------------- */
struct ynode *template_node(struct template *t, const struct ynode *at, const struct ynode *parent, enum ynode_kind kind, struct str text) {
    struct ynode *n = template_alloc(t, sizeof *n);
    if (!n) return NULL;
    *n = *at;
    n->kind = kind;
    n->text = text;
    n->parent = parent;
    n->child = n->next = NULL;
    n->count = 0;
    n->tag = STR_NULL;
    n->unknown = false;
    return n;
}

bool template_is_dynamic(struct template *t, const struct ynode *at, struct str text) {
    static const char begin[] = "{{resolve:";
    if (!memmem(text.p, text.n, begin, sizeof begin - 1)) return false;
    problem_at(t->problems, at, "{{resolve:...}} is looked up by AWS; make it a parameter, and give it with --parameter");
    return true;
}

static struct ynode *unknown(struct template *t, const struct ynode *at, const struct ynode *parent);

static struct ynode *text_node(struct template *t, const struct call *c, const struct ynode *parent, struct str text) {
    if (text.p && template_is_dynamic(t, c->at, text)) return unknown(t, c->at, parent);
    if (text.p) return template_node(t, c->at, parent, YNODE_STRING, text);
    t->no_memory = true;
    return NULL;
}

static struct ynode *unknown(struct template *t, const struct ynode *at, const struct ynode *parent) {
    struct ynode *n = template_node(t, at, parent, YNODE_NULL, STR(""));
    if (n) n->unknown = true;
    return n;
}

__attribute__((format(printf, 4, 5))) static struct ynode *refuse(struct template *t, const struct ynode *at, const struct ynode *parent,
                                                                  const char *format, ...) {
    struct buf text;
    buf_init(&text, 0);
    va_list ap;
    va_start(ap, format);
    buf_addv(&text, format, ap);
    va_end(ap);
    problem_at(t->problems, at, "%.*s", STR_ARG(buf_str(&text)));
    buf_fini(&text);
    return unknown(t, at, parent);
}

bool template_has_unknown(const struct ynode *n) {
    if (!n) return false;
    if (n->unknown) return true;
    for (const struct ynode *c = n->child; c; c = c->next)
        if (template_has_unknown(c)) return true;
    return false;
}

/* The result takes the place of its call: key, index, and parent. */
static struct ynode *in_place(struct ynode *n, const struct ynode *at, const struct ynode *parent) {
    if (!n) return NULL;
    n->key = at->key;
    n->key_line = at->key_line;
    n->key_column = at->key_column;
    n->index = at->index;
    n->parent = parent;
    n->next = NULL;
    return n;
}

/* ---- calls ----------------------------------------------------------------------------------------------- */
static bool is_function_key(struct str key) { return str_eqz(key, "Ref") || str_starts(key, STR("Fn::")); }

bool template_is_call(const struct ynode *n) {
    return n->tag.p || (n->kind == YNODE_MAP && n->count == 1 && is_function_key(n->child->key));
}

static bool call_of(struct template *t, const struct ynode *n, struct call *c) {
    *c = (struct call){.at = n, .name = n->tag};
    if (n->tag.p) {
        struct ynode *bare = template_alloc(t, sizeof *bare);
        if (!bare) return false;
        *bare = *n;
        bare->tag = STR_NULL;
        c->arg = bare;
        return true;
    }
    c->arg = n->child;
    c->name = str_starts(n->child->key, STR("Fn::")) ? str_skip(n->child->key, 4) : n->child->key;
    return true;
}

/* The arguments of a call that takes a list of them; NULL after telling. */
static const struct ynode *arguments(struct template *t, const struct call *c, size_t least, size_t most, const char *form) {
    if (c->arg->kind == YNODE_LIST && !c->arg->tag.p && c->arg->count >= least && c->arg->count <= most) return c->arg->child;
    problem_at(t->problems, c->arg, "%.*s takes %s", STR_ARG(c->name), form);
    return NULL;
}

/* A scalar's text. False: it is unknown, or something else (told). */
static bool scalar(struct template *t, const struct call *c, const struct ynode *n, struct str *text) {
    struct ynode *v = template_value(t, n, n->parent);
    if (v && !v->unknown && (v->kind == YNODE_STRING || v->kind == YNODE_NUMBER || v->kind == YNODE_BOOL)) {
        *text = v->text;
        return true;
    }
    if (!v || !v->unknown)
        problem_at(t->problems, n, "%.*s takes text here, not a %s", STR_ARG(c->name), !v ? "value that is left out" : "list or a mapping");
    return false;
}

/* ---- Ref, GetAtt ----------------------------------------------------------------------------------------- */
static bool need(struct template *t, struct template_resource *to) {
    if (!t->current) return true;
    for (const struct template_edge *e = t->current->needs; e; e = e->next)
        if (e->to == to) return true;
    struct template_edge *e = template_alloc(t, sizeof *e);
    if (!e) return false;
    *e = (struct template_edge){to, t->current->needs};
    t->current->needs = e;
    return true;
}

/* The value of a resource's Ref or attribute; absent after telling. */
static struct str resource_text(struct template *t, const struct ynode *at, struct str id, struct str attribute) {
    struct template_resource *r = map_get(&t->by_id, id);
    if (r->absent) {
        problem_at(t->problems, at, "%.*s is not made, for its condition is false", STR_ARG(id));
        return STR_NULL;
    }
    if (!need(t, r)) return STR_NULL;
    return template_attribute(t, at, r, attribute);
}

static void tell_unknown_name(struct template *t, const struct ynode *at, struct str name) {
    struct template_resource *best = NULL;
    size_t least = SIZE_MAX;
    struct str parameter, nearest = STR_NULL;
    void *value;
    const struct ynode *resources = template_get(t->root, "Resources");
    if (t->in_conditions && resources && ynode_get(resources, name)) { /* they are not read yet, and cannot be */
        problem_at(t->problems, at, "conditions can name parameters and mappings only, and '%.*s' is a resource", STR_ARG(name));
        return;
    }
    for (size_t i = 0; i < t->resource_count; i++) {
        size_t distance = nearest_distance(name, t->resources[i].id);
        if (distance < least) least = distance, best = &t->resources[i];
    }
    if (best) nearest = best->id;
    for (size_t i = 0; map_next(&t->parameters, &i, &parameter, &value);) {
        size_t distance = nearest_distance(name, parameter);
        if (distance < least || (distance == least && str_cmp(parameter, nearest) < 0))
            least = distance, nearest = ((struct ynode *)value)->key;
    }
    if (nearest.p && nearest_is_close(name, least))
        problem_at(t->problems, at, "there is no parameter or resource '%.*s'; did you mean %.*s?", STR_ARG(name), STR_ARG(nearest));
    else
        problem_at(t->problems, at, "there is no parameter or resource '%.*s'", STR_ARG(name));
}

static struct ynode *value_ref(struct template *t, const struct call *c, const struct ynode *parent) {
    bool no_value;
    if (c->arg->kind != YNODE_STRING) return refuse(t, c->arg, parent, "Ref takes the name of a parameter or resource");
    struct str name = c->arg->text;
    const struct ynode *p = template_parameter(t, name, &no_value);
    if (no_value) return NULL;
    if (p && (p->unknown || p->kind < YNODE_LIST)) {
        struct ynode *n = template_node(t, c->at, parent, p->kind, p->text); /* checked when it was read, not at each use */
        if (n) n->unknown = p->unknown;
        return n;
    }
    if (p) return in_place(template_value(t, p, parent), c->at, parent);
    if (!map_get(&t->by_id, name)) {
        tell_unknown_name(t, c->arg, name);
        return unknown(t, c->at, parent);
    }
    struct str text = resource_text(t, c->arg, name, STR_NULL);
    return text.p ? text_node(t, c, parent, text) : unknown(t, c->at, parent);
}

/* "Queue.Arn", of a resource that there is. SAM's nested ids ("Function.Version") have their dot in the attribute. */
static struct str attribute_text(struct template *t, const struct ynode *at, struct str id, struct str attribute) {
    if (map_get(&t->by_id, id)) return resource_text(t, at, id, attribute);
    tell_unknown_name(t, at, id);
    return STR_NULL;
}

static struct ynode *value_getatt(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str id, attribute = STR_NULL;
    static const char form[] = "a resource and its attribute: [Queue, Arn] or Queue.Arn";
    if (c->arg->kind == YNODE_STRING) {
        attribute = c->arg->text;
        if (!str_cut(&attribute, '.', &id) || !attribute.n) return refuse(t, c->arg, parent, "GetAtt takes %s", form);
    } else {
        const struct ynode *list = arguments(t, c, 2, 2, form);
        if (!list || !scalar(t, c, list, &id) || !scalar(t, c, list->next, &attribute)) return unknown(t, c->at, parent);
    }
    struct str text = attribute_text(t, c->arg, id, attribute);
    return text.p ? text_node(t, c, parent, text) : unknown(t, c->at, parent);
}

/* ---- Sub ------------------------------------------------------------------------------------------------- */
static bool is_name(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '.' && s.p[i] != ':')
            return false;
    return s.n > 0;
}

static bool add_variable(struct template *t, const struct call *c, const struct ynode *at, struct str name, const struct ynode *variables,
                         struct buf *out) {
    bool no_value;
    struct str text = STR_NULL, id, attribute = name;
    const struct ynode *variable = variables ? ynode_get(variables, name) : NULL,
                       *p = variable ? NULL : template_parameter(t, name, &no_value);
    if (variable) {
        if (!scalar(t, c, variable, &text)) return false;
    } else if (p && (p->unknown || p->kind >= YNODE_LIST)) {
        if (!p->unknown) problem_at(t->problems, at, "${%.*s} is a list; Fn::Join makes text of it", STR_ARG(name));
        return false;
    } else if (p) {
        text = p->text;
    } else if (map_get(&t->by_id, name)) {
        text = resource_text(t, at, name, STR_NULL);
    } else if (str_cut(&attribute, '.', &id) && attribute.p && map_get(&t->by_id, id)) {
        text = resource_text(t, at, id, attribute);
    } else {
        tell_unknown_name(t, at, attribute.p ? id : name);
    }
    if (text.p) buf_add(out, text);
    return text.p;
}

static bool substitute(struct template *t, const struct call *c, const struct ynode *at, const struct ynode *variables, struct buf *out) {
    struct str s = at->text;
    bool good = true;
    for (size_t i = 0; i < s.n;) {
        size_t dollar = str_find(s, '$', i);
        buf_add(out, str_of(s.p + i, dollar - i));
        i = dollar;
        if (i == s.n) break;
        if (i + 1 == s.n || s.p[i + 1] != '{') {
            buf_addc(out, s.p[i++]);
            continue;
        }
        size_t end = str_find(s, '}', i);
        struct str name = str_of(s.p + i + 2, end - i - (end < s.n ? 2 : 2));
        while (name.n && name.p[0] == ' ') name = str_skip(name, 1);
        while (name.n && name.p[name.n - 1] == ' ') name.n--;
        if (end == s.n) {
            problem_at(t->problems, at, "the ${ at character %zu has no }", i + 1);
            return false;
        }
        i = end + 1;
        if (name.n && name.p[0] == '!') {
            buf_addf(out, "${%.*s}", STR_ARG(str_skip(name, 1)));
        } else if (!is_name(name)) {
            problem_at(t->problems, at, "${%.*s} names nothing; ${Name}, ${Resource.Attribute} and ${!Literal} can stand here",
                       STR_ARG(name));
            good = false;
        } else {
            good &= add_variable(t, c, at, name, variables, out);
        }
    }
    return good;
}

static struct ynode *finish_text(struct template *t, const struct call *c, const struct ynode *parent, struct buf *text, bool good) {
    struct ynode *n = NULL;
    if (text->failed && text->n < TEMPLATE_TEXT_MAX / 2)
        t->no_memory = true;
    else if (text->failed)
        n = refuse(t, c->at, parent, "the text that %.*s makes is longer than %d bytes", STR_ARG(c->name), TEMPLATE_TEXT_MAX);
    else
        n = good ? text_node(t, c, parent, arena_str(t->arena, buf_str(text))) : unknown(t, c->at, parent);
    buf_fini(text);
    return n;
}

static struct ynode *value_sub(struct template *t, const struct call *c, const struct ynode *parent) {
    static const char form[] = "a text with ${Name} in it, or a list of that and a mapping of names";
    const struct ynode *text = c->arg, *variables = NULL;
    if (c->arg->kind == YNODE_LIST) {
        text = arguments(t, c, 2, 2, form);
        variables = text ? text->next : NULL;
    }
    if (!text) return unknown(t, c->at, parent);
    if (text->kind != YNODE_STRING || text->tag.p || (variables && (variables->kind != YNODE_MAP || template_is_call(variables))))
        return refuse(t, c->arg, parent, "Sub takes %s", form);
    struct buf out;
    buf_init(&out, TEMPLATE_TEXT_MAX);
    bool good = substitute(t, c, text, variables, &out);
    return finish_text(t, c, parent, &out, good);
}

/* ---- lists ----------------------------------------------------------------------------------------------- */
/* A list that may be the result of a function; NULL: unknown, or no list (told). */
static struct ynode *list_of(struct template *t, const struct call *c, const struct ynode *n) {
    struct ynode *v = template_value(t, n, n->parent);
    if (v && v->kind == YNODE_LIST) return v;
    if (!v || !v->unknown) problem_at(t->problems, n, "%.*s takes a list here", STR_ARG(c->name));
    return NULL;
}

static struct ynode *value_join(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str delimiter;
    struct buf out;
    const struct ynode *args = arguments(t, c, 2, 2, "a delimiter and a list: [\",\", [a, b]]");
    if (!args || !scalar(t, c, args, &delimiter)) return unknown(t, c->at, parent);
    struct ynode *list = list_of(t, c, args->next);
    if (!list) return unknown(t, c->at, parent);
    bool good = true;
    buf_init(&out, TEMPLATE_TEXT_MAX);
    for (const struct ynode *n = list->child; n; n = n->next) {
        if (n != list->child) buf_add(&out, delimiter);
        if (n->unknown || n->kind == YNODE_LIST || n->kind == YNODE_MAP) {
            if (!n->unknown) problem_at(t->problems, n, "Join takes texts");
            good = false;
        } else {
            buf_add(&out, n->text);
        }
    }
    return finish_text(t, c, parent, &out, good);
}

static struct ynode *value_split(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str delimiter, text;
    const struct ynode *args = arguments(t, c, 2, 2, "a delimiter and a text: [\",\", \"a,b\"]");
    if (!args || !scalar(t, c, args, &delimiter) || !scalar(t, c, args->next, &text)) return unknown(t, c->at, parent);
    if (!delimiter.n) return refuse(t, args, parent, "the delimiter is empty");
    struct ynode *list = template_node(t, c->at, parent, YNODE_LIST, STR("")), **slot = list ? &list->child : NULL;
    for (bool more = list != NULL; more;) {
        const char *found = text.n >= delimiter.n ? memmem(text.p, text.n, delimiter.p, delimiter.n) : NULL;
        size_t n = found ? (size_t)(found - text.p) : text.n;
        struct ynode *item = text_node(t, c, list, arena_str(t->arena, str_of(text.p, n)));
        if (!item) return NULL;
        item->key = STR_NULL;
        item->index = list->count++;
        *slot = item;
        slot = &item->next;
        more = found;
        text = str_skip(text, n + delimiter.n);
    }
    return list;
}

static struct ynode *value_select(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str index;
    int64_t at;
    const struct ynode *args = arguments(t, c, 2, 2, "an index and a list: [0, [a, b]]");
    if (!args || !scalar(t, c, args, &index)) return unknown(t, c->at, parent);
    struct ynode *list = list_of(t, c, args->next), *item = list ? list->child : NULL;
    if (!list) return unknown(t, c->at, parent);
    if (!str_to_i64(index, &at) || at < 0 || (size_t)at >= list->count)
        return refuse(t, args, parent, "'%.*s' is no index of a list of %zu; the first is 0", STR_ARG(index), list->count);
    while (at-- > 0) item = item->next;
    return in_place(item, c->at, parent);
}

static struct ynode *value_azs(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str region;
    if (!scalar(t, c, c->arg, &region)) return unknown(t, c->at, parent);
    if (!region.n) region = t->options->region;
    struct ynode *list = template_node(t, c->at, parent, YNODE_LIST, STR("")), **slot = list ? &list->child : NULL;
    for (char zone = 'a'; list && zone <= 'c'; zone++) {
        struct ynode *item = text_node(t, c, list, arena_printf(t->arena, "%.*s%c", STR_ARG(region), zone));
        if (!item) return NULL;
        item->key = STR_NULL;
        item->index = list->count++;
        *slot = item;
        slot = &item->next;
    }
    return list;
}

static struct ynode *value_length(struct template *t, const struct call *c, const struct ynode *parent) {
    struct ynode *list = list_of(t, c, c->arg);
    struct str text = list ? arena_printf(t->arena, "%zu", list->count) : STR_NULL;
    return text.p ? template_node(t, c->at, parent, YNODE_NUMBER, text) : unknown(t, c->at, parent);
}

/* ---- the rest -------------------------------------------------------------------------------------------- */
static struct ynode *value_if(struct template *t, const struct call *c, const struct ynode *parent) {
    bool known;
    const struct ynode *args = arguments(t, c, 3, 3, "a condition, what holds when it is true, and what otherwise: [Name, a, b]");
    if (!args) return unknown(t, c->at, parent);
    if (args->kind != YNODE_STRING || template_is_call(args)) return refuse(t, args, parent, "the name of a condition is expected here");
    bool truth = template_condition(t, args, args->text, &known);
    if (!known) return unknown(t, c->at, parent);
    return in_place(template_value(t, truth ? args->next : args->next->next, parent), c->at, parent);
}

const struct ynode *template_branch(struct template *t, const struct ynode *n) {
    struct call c;
    bool known;
    while (template_is_call(n) && call_of(t, n, &c) && str_eqz(c.name, "If")) {
        const struct ynode *args = arguments(t, &c, 3, 3, "a condition, what holds when it is true, and what otherwise: [Name, a, b]");
        if (!args || args->kind != YNODE_STRING || template_is_call(args)) {
            if (args) problem_at(t->problems, args, "the name of a condition is expected here");
            return NULL;
        }
        bool truth = template_condition(t, args, args->text, &known);
        if (!known) return NULL;
        n = truth ? args->next : args->next->next;
    }
    return n;
}

static struct ynode *value_find(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str map, first, second;
    const struct ynode *args = arguments(t, c, 3, 4, "a mapping and two keys: [Map, first, second]");
    if (!args || !scalar(t, c, args, &map) || !scalar(t, c, args->next, &first) || !scalar(t, c, args->next->next, &second))
        return unknown(t, c->at, parent);
    const struct ynode *fallback = args->next->next->next;
    if (fallback) fallback = template_get(fallback, "DefaultValue");
    const struct ynode *found = template_mapping(t, c->arg, map, first, second, fallback != NULL);
    if (!found) found = fallback;
    return found ? in_place(template_value(t, found, parent), c->at, parent) : unknown(t, c->at, parent);
}

static struct ynode *value_base64(struct template *t, const struct call *c, const struct ynode *parent) {
    struct str text;
    struct buf out;
    if (!scalar(t, c, c->arg, &text)) return unknown(t, c->at, parent);
    buf_init(&out, TEMPLATE_TEXT_MAX);
    hash_base64(&out, text);
    return finish_text(t, c, parent, &out, true);
}

static struct ynode *value_json(struct template *t, const struct call *c, const struct ynode *parent) {
    struct ynode *v = template_value(t, c->arg, c->arg->parent);
    struct buf out;
    if (!v || template_has_unknown(v)) return unknown(t, c->at, parent);
    buf_init(&out, TEMPLATE_TEXT_MAX);
    ynode_json(&out, v);
    return finish_text(t, c, parent, &out, true);
}

static struct ynode *value_import(struct template *t, const struct call *c, const struct ynode *parent) {
    return refuse(
        t, c->at, parent,
        "Fn::ImportValue takes what another stack exports, and that is not known here; make it a parameter, and give it with --parameter");
}

static struct ynode *value_cloud(struct template *t, const struct call *c, const struct ynode *parent) {
    return refuse(t, c->at, parent, "Fn::%.*s runs on AWS only", STR_ARG(c->name));
}

static struct ynode *value_condition(struct template *t, const struct call *c, const struct ynode *parent) {
    return refuse(t, c->at, parent,
                  "%.*s says true or false, which is a condition and no value; it stands in Conditions, and Fn::If asks for it by its name",
                  STR_ARG(c->name));
}

static const struct function {
    const char *name;
    struct ynode *(*value)(struct template *t, const struct call *c, const struct ynode *parent);
} functions[] = {
    {"Ref", value_ref},
    {"GetAtt", value_getatt},
    {"Sub", value_sub},
    {"Join", value_join},
    {"If", value_if},
    {"FindInMap", value_find},
    {"Select", value_select},
    {"Split", value_split},
    {"Base64", value_base64},
    {"GetAZs", value_azs},
    {"Length", value_length},
    {"ToJsonString", value_json},
    {"ImportValue", value_import},
    {"Cidr", value_cloud},
    {"Transform", value_cloud},
    {"GetStackOutput", value_cloud},
    {"Equals", value_condition},
    {"And", value_condition},
    {"Or", value_condition},
    {"Not", value_condition},
    {"Condition", value_condition},
};

static struct ynode *call_value(struct template *t, const struct ynode *n, const struct ynode *parent) {
    struct call c;
    if (!call_of(t, n, &c)) return NULL;
    const struct function *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (str_eqz(c.name, functions[i].name)) return functions[i].value(t, &c, parent);
        size_t distance = nearest_distance(c.name, str_from(functions[i].name));
        if (distance < least) least = distance, best = &functions[i];
    }
    struct ynode at = template_key_place(c.arg);
    bool offer = nearest_is_close(c.name, least);
    problem_at(t->problems, &at, "Fn::%.*s is no function that is known here%s%s%s", STR_ARG(c.name), offer ? "; did you mean Fn::" : "",
               offer ? best->name : "", offer ? "?" : "");
    return unknown(t, n, parent);
}

static struct ynode *copy(struct template *t, const struct ynode *n, const struct ynode *parent) {
    struct ynode *to = template_node(t, n, parent, n->kind, n->text), **slot = to ? &to->child : NULL;
    if (to && n->kind == YNODE_STRING && template_is_dynamic(t, n, n->text)) to->unknown = true;
    for (const struct ynode *c = n->child; to && c; c = c->next) {
        if (n->kind == YNODE_MAP && str_starts(c->key, STR("Fn::")) && n->count > 1) {
            struct ynode at = template_key_place(c);
            problem_at(t->problems, &at, "a function stands alone in its mapping");
            to->unknown = true;
            continue;
        }
        struct ynode *child = template_value(t, c, to);
        if (!child) continue; /* AWS::NoValue, or no memory */
        *slot = child;
        slot = &child->next;
        to->count++;
    }
    return to;
}

struct ynode *template_value(struct template *t, const struct ynode *n, const struct ynode *parent) {
    if (t->no_memory) return NULL;
    if (n->unknown) return unknown(t, n, parent);
    return template_is_call(n) ? call_value(t, n, parent) : copy(t, n, parent);
}

/* ---- truth ----------------------------------------------------------------------------------------------- */
static bool same_value(const struct ynode *a, const struct ynode *b) {
    if (a->kind >= YNODE_LIST || b->kind >= YNODE_LIST) {
        if (a->kind != b->kind || a->count != b->count) return false;
        const struct ynode *x = a->child, *y = b->child;
        for (; x && y; x = x->next, y = y->next)
            if (!str_eq(x->key, y->key) || !same_value(x, y)) return false;
        return true;
    }
    return str_eq(a->text, b->text);
}

static bool truth_equals(struct template *t, const struct call *c, bool *known) {
    const struct ynode *args = arguments(t, c, 2, 2, "two values");
    struct ynode *a = args ? template_value(t, args, args->parent) : NULL, *b = args ? template_value(t, args->next, args->parent) : NULL;
    *known = a && b && !template_has_unknown(a) && !template_has_unknown(b);
    return *known && same_value(a, b);
}

/* And, Or: all members are looked at, for their mistakes. */
static bool truth_of_all(struct template *t, const struct call *c, bool *known) {
    bool is_and = str_eqz(c->name, "And"), truth = is_and, member_known;
    const struct ynode *args = arguments(t, c, 2, 10, "2 to 10 conditions");
    *known = args != NULL;
    for (const struct ynode *n = args; n; n = n->next) {
        bool one = template_truth(t, n, &member_known);
        *known &= member_known;
        truth = is_and ? truth && one : truth || one;
    }
    return truth;
}

bool template_truth(struct template *t, const struct ynode *n, bool *known) {
    struct call c;
    *known = false;
    bool named = n->kind == YNODE_MAP && n->count == 1 && str_eqz(n->child->key, "Condition");
    if (!named && !template_is_call(n)) {
        problem_at(t->problems, n, "a condition is Fn::Equals, Fn::And, Fn::Or, Fn::Not, or {Condition: Name}");
        return false;
    }
    if (!call_of(t, n, &c)) return false;
    if (str_eqz(c.name, "Equals")) return truth_equals(t, &c, known);
    if (str_eqz(c.name, "And") || str_eqz(c.name, "Or")) return truth_of_all(t, &c, known);
    if (str_eqz(c.name, "Not")) {
        const struct ynode *args = arguments(t, &c, 1, 1, "one condition, in a list");
        return args && !template_truth(t, args, known);
    }
    if (str_eqz(c.name, "Condition") && c.arg->kind == YNODE_STRING) return template_condition(t, c.arg, c.arg->text, known);
    problem_at(t->problems, n, "%.*s gives no true or false; Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition do", STR_ARG(c.name));
    return false;
}
