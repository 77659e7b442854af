#include "template.h"

#include <yaml.h>

#include "encoding.h"
#include "jsontree.h"
#include "nearest.h"
#include "template_state.h"

#define FORMAT_VERSION "2010-09-09"
#define SERVERLESS "AWS::Serverless-2016-10-31"

/* ---- small things that all files use --------------------------------------------------------------------- */
struct ynode template_key_place(const struct ynode *n) {
    struct ynode at = *n;
    if (n->key_line) {
        at.line = n->key_line;
        at.column = n->key_column;
    }
    return at;
}

void *template_alloc(struct template *t, size_t size) {
    void *p = arena_alloc(t->arena, size);
    if (!p) t->no_memory = true;
    return p;
}

struct str template_keep(struct template *t, struct buf *text) {
    struct str kept = text->failed ? STR_NULL : arena_str(t->arena, buf_str(text));
    if (!kept.p) t->no_memory = true;
    buf_fini(text);
    return kept;
}

/* ---- is it a template? ----------------------------------------------------------------------------------- */
/* Keys of the outermost mapping, one after the other, until one tells. */
static bool tells(struct str key, bool *is, bool *section) {
    static const char *const sections[] = {"Description", "Parameters", "Mappings", "Conditions", "Outputs",
                                           "Globals",     "Metadata",   "Rules",    "Hooks",      NULL};
    *is = str_eqz(key, "Resources") || str_eqz(key, "AWSTemplateFormatVersion") || str_eqz(key, "Transform");
    for (const char *const *s = sections; *s; s++) *section |= str_eqz(key, *s);
    return *is || str_eqz(key, "accounts");
}

static struct str skip_blanks(struct str s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\r' || s.p[0] == '\t')) s = str_skip(s, 1);
    return s;
}

/* JSON by the look of it: the text itself is not read, for it may be broken. Keys of rule files are never in quotes followed by a colon. */
static bool is_json_template(struct str text) {
    static const char *const keys[] = {"\"Resources\"", "\"AWSTemplateFormatVersion\"", "\"Transform\"", NULL};
    for (const char *const *key = keys; *key; key++) {
        const char *found = memmem(text.p, text.n, *key, strlen(*key));
        struct str rest = found ? skip_blanks(str_skip(text, (size_t)(found - text.p) + strlen(*key))) : STR("");
        if (str_starts(rest, STR(":"))) return true;
    }
    return false;
}

bool template_is(struct str text) {
    yaml_parser_t parser;
    struct str begin_of_text = skip_blanks(text);
    bool is = false, section = false, over = false;
    int depth = 0;
    if (str_starts(begin_of_text, STR("{")) && !str_starts(skip_blanks(str_skip(begin_of_text, 1)), STR("\"accounts\"")) &&
        is_json_template(text))
        return true;
    if (!text.n || !yaml_parser_initialize(&parser)) return false;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    for (bool is_key = true; !over;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&parser, &e)) {
            is = section; /* what stood before the mistake */
            break;
        }
        bool begin = e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT,
             end = e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT;
        bool value = e.type == YAML_SCALAR_EVENT || e.type == YAML_ALIAS_EVENT || (end && depth == 2);
        over = e.type == YAML_STREAM_END_EVENT || (!depth && (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT)) ||
               (end && depth == 1);
        if (e.type == YAML_SCALAR_EVENT && depth == 1 && is_key)
            over = tells(str_of((const char *)e.data.scalar.value, e.data.scalar.length), &is, &section);
        if ((depth == 1 || (end && depth == 2)) && value) is_key = !is_key;
        depth += begin - end;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&parser);
    return is;
}

/* ---- sections -------------------------------------------------------------------------------------------- */
static void warn_section(struct template *t, const struct ynode *n) {
    static const char *const sections[] = {"AWSTemplateFormatVersion",
                                           "Transform",
                                           "Description",
                                           "Metadata",
                                           "Parameters",
                                           "Mappings",
                                           "Conditions",
                                           "Resources",
                                           "Outputs",
                                           "Globals",
                                           "Rules",
                                           "Hooks",
                                           NULL};
    struct ynode at = template_key_place(n);
    const char *best = NULL;
    size_t least = SIZE_MAX;
    for (const char *const *s = sections; *s; s++) {
        size_t distance = nearest_distance(n->key, str_from(*s));
        if (distance < least) least = distance, best = *s;
    }
    if (least == 0 && str_eqz(n->key, best)) {
        if (str_eqz(n->key, "Rules") || str_eqz(n->key, "Hooks"))
            problem_at(t->warnings, &at, "%s are for deployments on AWS; they are not looked at", best);
    } else if (nearest_is_close(n->key, least)) {
        problem_at(t->problems, &at, "'%.*s' is no section of a template; did you mean %s?", STR_ARG(n->key), best);
    } else {
        problem_at(t->problems, &at, "'%.*s' is no section of a template; Parameters, Mappings, Conditions, Resources and Outputs are",
                   STR_ARG(n->key));
    }
}

static void check_transform(struct template *t, const struct ynode *n) {
    for (const struct ynode *c = n->kind == YNODE_LIST ? n->child : n; c; c = n->kind == YNODE_LIST ? c->next : NULL)
        if (c->kind != YNODE_STRING || (!str_eqz(c->text, SERVERLESS) && !str_eqz(c->text, "AWS::LanguageExtensions")))
            problem_at(t->warnings, c, "the macro %.*s is not run here",
                       STR_ARG(c->kind == YNODE_STRING ? c->text : STR("that is named here")));
}

static void check_frame(struct template *t) {
    const struct ynode *version = template_get(t->root, "AWSTemplateFormatVersion"), *transform = template_get(t->root, "Transform"),
                       *resources = template_get(t->root, "Resources");
    for (const struct ynode *n = t->root->child; n; n = n->next) warn_section(t, n);
    if (version && (version->kind != YNODE_STRING || !str_eqz(version->text, FORMAT_VERSION)))
        problem_at(t->problems, version, FORMAT_VERSION " is the only version that there is");
    if (transform) check_transform(t, transform);
    if (!resources)
        problem_at(t->problems, t->root, "Resources is missing");
    else if (resources->kind != YNODE_MAP && resources->kind != YNODE_NULL) /* null was told of */
        problem_at(t->problems, resources, "a mapping of logical ids is expected here");
}

/* ---- resources ------------------------------------------------------------------------------------------- */
static bool is_logical_id(struct str id) {
    for (size_t i = 0; i < id.n; i++)
        if (!((id.p[i] | 0x20) >= 'a' && (id.p[i] | 0x20) <= 'z') && !(id.p[i] >= '0' && id.p[i] <= '9')) return false;
    return id.n > 0 && id.n <= 255;
}

static struct template_resource *add_resource(struct template *t, const struct ynode *n, struct str id, const struct template_type *type) {
    struct template_resource *r = &t->resources[t->resource_count];
    void *before = NULL;
    *r = (struct template_resource){.id = id, .node = n, .type = type};
    struct ynode at = template_key_place(n);
    if (map_get(&t->by_id, id)) { /* a key that stands twice was told of */
        if (!str_eq(id, n->key)) problem_at(t->problems, &at, "%.*s, which SAM makes of this event, is a resource already", STR_ARG(id));
        return NULL;
    }
    if (!map_put(&t->by_id, id, r, &before)) t->no_memory = true;
    t->resource_count++;
    return r;
}

/* The rules that SAM makes of a function's events: FUNCTION + EVENT is the logical id. */
static void add_events(struct template *t, struct template_resource *function) {
    const struct ynode *events = function->written ? template_get(function->written, "Events") : NULL;
    if (!events || !str_eqz(template_text(t, template_get(function->node, "Type")), "AWS::Serverless::Function")) return;
    if (events->kind != YNODE_MAP) {
        problem_at(t->problems, events, "a mapping of events is expected here");
        return;
    }
    for (const struct ynode *n = events->child; n; n = n->next) {
        const struct ynode *type = n->kind == YNODE_MAP ? template_get(n, "Type") : NULL,
                           *properties = n->kind == YNODE_MAP ? template_get(n, "Properties") : NULL;
        const struct template_type *kind = type && type->kind == YNODE_STRING ? template_event_type(type->text) : NULL;
        if (!type || type->kind != YNODE_STRING) {
            problem_at(t->problems, type ? type : n, "an event has a Type, like EventBridgeRule");
        } else if (!kind) {
            problem_at(t->warnings, type, "events of the type %.*s mean nothing here; EventBridgeRule, CloudWatchEvent and Schedule do",
                       STR_ARG(type->text));
        } else if (!properties || properties->kind != YNODE_MAP) {
            problem_at(t->problems, properties ? properties : n, "Properties of the event are missing");
        } else {
            struct str id = arena_printf(t->arena, "%.*s%.*s", STR_ARG(function->id), STR_ARG(n->key));
            struct template_resource *r = id.p ? add_resource(t, n, id, kind) : NULL;
            if (!id.p) t->no_memory = true;
            if (!r) continue;
            r->owner = function;
            r->absent = function->absent;
            r->written = properties;
        }
    }
}

static bool is_absent(struct template *t, const struct ynode *n) {
    const struct ynode *condition = template_get(n, "Condition");
    bool known;
    if (!condition) return false;
    if (condition->kind != YNODE_STRING || condition->tag.p) {
        problem_at(t->problems, condition, "the name of a condition is expected here");
        return false;
    }
    return !template_condition(t, condition, condition->text, &known) && known;
}

static void check_attributes(struct template *t, const struct ynode *n) {
    static const char *const known[] = {"Type",           "Properties",     "Condition",           "DependsOn",
                                        "Metadata",       "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy",
                                        "CreationPolicy", "Connectors",     "IgnoreGlobals",       NULL};
    for (const struct ynode *c = n->child; c; c = c->next) {
        const char *best = NULL;
        size_t least = SIZE_MAX;
        for (const char *const *k = known; *k; k++) {
            size_t distance = str_eqz(c->key, *k) ? 0 : nearest_distance(c->key, str_from(*k)) + 1;
            if (distance < least) least = distance, best = *k;
        }
        struct ynode at = template_key_place(c);
        if (least && nearest_is_close(c->key, least - 1))
            problem_at(t->problems, &at, "'%.*s' is no attribute of a resource; did you mean %s?", STR_ARG(c->key), best);
        else if (least)
            problem_at(t->problems, &at, "'%.*s' is no attribute of a resource; Type, Properties, Condition and DependsOn are",
                       STR_ARG(c->key));
    }
}

static void read_resource(struct template *t, const struct ynode *n) {
    struct ynode at = template_key_place(n);
    const struct ynode *type = n->kind == YNODE_MAP ? template_get(n, "Type") : NULL,
                       *properties = n->kind == YNODE_MAP ? template_get(n, "Properties") : NULL;
    if (!is_logical_id(n->key)) problem_at(t->problems, &at, "'%.*s' is no logical id: letters and digits are one", STR_ARG(n->key));
    if (n->kind != YNODE_MAP || !type || type->kind != YNODE_STRING || type->tag.p) {
        if (n->kind != YNODE_NULL && (!type || type->kind != YNODE_NULL)) /* null was told of */
            problem_at(t->problems, type ? type : n, "a resource has a Type, like AWS::Events::Rule");
        return;
    }
    check_attributes(t, n);
    struct template_resource *r = add_resource(t, n, n->key, template_type_of(type->text));
    if (!r) return;
    r->absent = is_absent(t, n);
    r->written = properties ? template_branch(t, properties) : NULL;
    r->broken = properties && (!r->written || (r->written->kind != YNODE_MAP && !template_is_call(r->written)));
    if (r->broken && r->written && r->written->kind != YNODE_NULL)
        problem_at(t->problems, r->written, "a mapping of properties is expected here");
    if (r->broken) r->written = NULL;
    if (str_eqz(type->text, "AWS::Serverless::Function") && !r->broken) r->written = template_merge(t, t->globals, r->written, n);
    add_events(t, r);
}

static size_t count_events(const struct ynode *resources, const struct ynode *globals) {
    size_t count = 0, common = globals ? 16 : 0;
    for (const struct ynode *n = resources->child; n; n = n->next) {
        const struct ynode *events = n->kind == YNODE_MAP ? template_get(n, "Properties") : NULL;
        events = events ? template_get(events, "Events") : NULL;
        count += 1 + common + (events ? events->count : 0);
    }
    return count;
}

static void read_resources(struct template *t) {
    const struct ynode *resources = template_get(t->root, "Resources"), *globals = template_get(t->root, "Globals");
    if (!resources || resources->kind != YNODE_MAP) return;
    t->globals = globals && globals->kind == YNODE_MAP ? template_get(globals, "Function") : NULL;
    if (t->globals && template_get(t->globals, "Events")) {
        problem_at(t->problems, template_get(t->globals, "Events"), "Events cannot stand in Globals");
        return;
    }
    t->resources = arena_array(t->arena, count_events(resources, t->globals) + 1, sizeof *t->resources);
    if (!t->resources) {
        t->no_memory = true;
        return;
    }
    for (const struct ynode *n = resources->child; n && !t->no_memory; n = n->next) read_resource(t, n);
}

/* One warning for each type, naming all that are left out. */
static void warn_types(struct template *t) {
    for (size_t i = 0; i < t->resource_count && !t->no_memory; i++) {
        const struct template_resource *r = &t->resources[i];
        struct str type = template_text(t, template_get(r->node, "Type"));
        bool told = false;
        struct buf ids;
        if (r->owner || r->absent || (r->type && (r->type->load || r->type->quiet))) continue;
        buf_init(&ids, 2000);
        for (size_t k = 0; k < t->resource_count && !told; k++) {
            const struct template_resource *other = &t->resources[k];
            if (other->owner || other->absent || !str_eq(template_text(t, template_get(other->node, "Type")), type)) continue;
            told = k < i;
            buf_addf(&ids, "%s%.*s", ids.n ? ", " : "", STR_ARG(other->id));
        }
        const char *near = r->type ? NULL : template_nearest_type(type);
        if (!told)
            problem_at(t->warnings, template_get(r->node, "Type"), "%.*s means nothing here and is left out: %.*s%s%s%s", STR_ARG(type),
                       STR_ARG(buf_str(&ids)), near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        buf_fini(&ids);
    }
}

/* ---- values and order ------------------------------------------------------------------------------------ */
static void need(struct template *t, struct template_resource *r, struct template_resource *to) {
    struct template_edge *e = template_alloc(t, sizeof *e);
    if (!e) return;
    *e = (struct template_edge){to, r->needs};
    r->needs = e;
}

static void depend(struct template *t, struct template_resource *r, const struct ynode *n) {
    if (n->kind != YNODE_STRING || n->tag.p) {
        problem_at(t->problems, n, "the logical id of a resource, or a list of them, is expected here");
        return;
    }
    struct template_resource *to = map_get(&t->by_id, n->text);
    if (!to)
        problem_at(t->problems, n, "there is no resource '%.*s' to depend on", STR_ARG(n->text));
    else if (to == r)
        problem_at(t->problems, n, "%.*s depends on itself", STR_ARG(r->id));
    else
        need(t, r, to);
}

/* A map; NULL: they could not be worked out, or are something else (told). */
static struct ynode *work_out_properties(struct template *t, struct template_resource *r) {
    if (r->broken) return NULL;
    if (!r->written) return template_node(t, r->node, r->node->parent, YNODE_MAP, STR(""));
    struct ynode *v = template_value(t, r->written, r->written->parent ? r->written->parent : r->node);
    if (v && v->kind == YNODE_MAP) return v;
    if (!v || !v->unknown) problem_at(t->problems, r->written, "a mapping of properties is expected here");
    return NULL;
}

static void work_out(struct template *t, struct template_resource *r) {
    const struct ynode *depends = r->owner ? NULL : template_get(r->node, "DependsOn");
    for (const struct ynode *n = depends && depends->kind == YNODE_LIST ? depends->child : depends; n;
         n = depends->kind == YNODE_LIST ? n->next : NULL)
        depend(t, r, n);
    if (r->owner) need(t, r, r->owner);
    t->current = r;
    template_name_of(t, r);
    if (r->owner || (r->type && r->type->load)) r->properties = work_out_properties(t, r);
    t->current = NULL;
}

static void tell_ring(struct template *t, struct template_resource *const *path, size_t depth, const struct template_resource *to) {
    struct buf ring;
    size_t from = depth;
    buf_init(&ring, 2000);
    while (from > 0 && path[from - 1] != to) from--;
    for (size_t i = from ? from - 1 : 0; i < depth; i++) buf_addf(&ring, "%.*s -> ", STR_ARG(path[i]->id));
    struct ynode at = template_key_place(to->node);
    problem_at(t->problems, &at, "these resources wait for each other: %.*s%.*s", STR_ARG(buf_str(&ring)), STR_ARG(to->id));
    buf_fini(&ring);
}

/* Depth first, without recursion: a chain may be as long as the file. */
static void order_from(struct template *t, struct template_resource *first, struct template_resource **path, struct template_edge **at,
                       struct template_resource **ordered, size_t *count) {
    size_t depth = 1;
    path[0] = first;
    at[0] = first->needs;
    first->order = ORDER_OPEN;
    while (depth) {
        struct template_edge *e = at[depth - 1];
        if (!e) {
            path[depth - 1]->order = ORDER_DONE;
            ordered[(*count)++] = path[--depth];
            continue;
        }
        at[depth - 1] = e->next;
        if (e->to->order == ORDER_OPEN) tell_ring(t, path, depth, e->to);
        if (e->to->order != ORDER_NEW) continue;
        e->to->order = ORDER_OPEN;
        path[depth] = e->to;
        at[depth++] = e->to->needs;
    }
}

static void load_resources(struct template *t) {
    size_t n = t->resource_count, count = 0;
    struct template_resource **path = template_alloc(t, (n + 1) * sizeof(void *)), **ordered = template_alloc(t, (n + 1) * sizeof(void *));
    struct template_edge **at = template_alloc(t, (n + 1) * sizeof(void *));
    if (!path || !ordered || !at) return;
    for (size_t i = 0; i < n; i++)
        if (!t->resources[i].absent) work_out(t, &t->resources[i]);
    for (size_t i = 0; i < n && !t->no_memory; i++)
        if (t->resources[i].order == ORDER_NEW) order_from(t, &t->resources[i], path, at, ordered, &count);
    for (size_t i = 0; i < count && !t->no_memory; i++) {
        struct template_resource *r = ordered[i];
        if (!r->absent && r->type && r->type->load && r->properties && r->name.p) r->type->load(t, r);
    }
    template_end_policies(t);
}

/* ---- outputs --------------------------------------------------------------------------------------------- */
static void read_output(struct template *t, const struct ynode *n) {
    const struct ynode *value = n->kind == YNODE_MAP ? template_get(n, "Value") : NULL,
                       *export = n->kind == YNODE_MAP ? template_get(n, "Export") : NULL;
    if (!value) {
        problem_at(t->problems, n, "an output has a Value");
        return;
    }
    if (is_absent(t, n)) return;
    struct ynode *v = template_value(t, value, n), *name = export ? template_value(t, export, n) : NULL;
    if (name && !template_has_unknown(name) && (name->kind != YNODE_MAP || !template_get(name, "Name")))
        problem_at(t->problems, export, "an export has a Name");
    if (v && template_has_unknown(v)) return;
    if (v && v->kind >= YNODE_LIST)
        problem_at(t->problems, value, "the value of an output is text; Fn::Join makes text of a list");
    else if (v)
        t->outputs[t->output_count++] = (struct rulefile_output){n->key, v->text, template_text(t, template_get(n, "Description"))};
}

static void read_outputs(struct template *t) {
    const struct ynode *outputs = template_get(t->root, "Outputs");
    if (!outputs || outputs->kind == YNODE_NULL) return;
    if (outputs->kind != YNODE_MAP) {
        problem_at(t->problems, outputs, "a mapping of names is expected here");
        return;
    }
    t->outputs = arena_array(t->arena, outputs->count + 1, sizeof *t->outputs);
    if (!t->outputs) t->no_memory = true;
    for (const struct ynode *n = outputs->child; n && !t->no_memory; n = n->next) read_output(t, n);
}

/* ---- the file -------------------------------------------------------------------------------------------- */
static void read_template(struct template *t) {
    map_init(&t->by_id);
    map_init(&t->parameters);
    map_init(&t->conditions);
    map_init(&t->policies);
    map_init(&t->left_out);
    check_frame(t);
    template_parameters(t);
    template_conditions(t);
    read_resources(t);
    warn_types(t);
    load_resources(t);
    read_outputs(t);
    map_fini(&t->by_id);
    map_fini(&t->parameters);
    map_fini(&t->conditions);
    map_fini(&t->policies);
    map_fini(&t->left_out);
}

/* JSON first: a YAML reader does not know all of its escapes. What is no JSON may be YAML that begins with a brace. */
static enum err read_tree(struct str text, struct arena *a, struct rulefile *out, struct ynode **root, struct fault *fault) {
    struct fault flaw;
    struct str body = skip_blanks(text), rest = skip_blanks(str_skip(body, 1));
    *root = NULL;
    fault_clear(&flaw);
    if (str_starts(body, STR("{"))) {
        enum err err = json_tree_read(text, a, root, &out->problems, &flaw);
        if (err || *root) {
            if (err && fault) *fault = flaw;
            return err;
        }
    }
    enum err err = yaml_read_as(text, YAML_TEMPLATE, a, root, &out->problems, &out->warnings, fault);
    bool word = rest.n && ((rest.p[0] | 0x20) >= 'a' && (rest.p[0] | 0x20) <= 'z');
    if (!err && !*root && flaw.line && !word) { /* it was meant to be JSON */
        problems_init(&out->problems, a);
        problem_add(&out->problems, flaw.line, flaw.column, STR(""), "this is not JSON: %s", flaw.message);
    }
    return err;
}

enum err template_read(struct str text, const struct rulefile_options *options, struct arena *a, struct rulefile *out,
                       struct fault *fault) {
    struct ynode *root;
    struct template t = {.arena = a, .problems = &out->problems, .warnings = &out->warnings, .options = options};
    out->is_template = true;
    enum err err = read_tree(text, a, out, &root, fault);
    if (err || !root) return err;
    t.root = root;
    read_template(&t);
    if (t.no_memory) return fault_at(fault, ERR_NOMEM, NULL, 1, 1, "the template takes too much memory; split it");
    out->items = t.items;
    out->count = t.count;
    out->outputs = t.outputs;
    out->output_count = t.output_count;
    return ERR_OK;
}
