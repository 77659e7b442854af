#include "parameters.h"

#include "json.h"
#include "path.h"

struct value {
    struct str key;    /* absent in a list */
    struct str text;   /* when there is no path */
    struct path *path; /* NULL: constant */
};

struct values {
    struct value *items;
    size_t count;
};

struct parameters {
    struct values path, headers, query;
};

static enum err read_values(const struct node *list, const char *what, struct str target_id, struct arena *a, struct values *values,
                            struct fault *fault) {
    struct fault why;
    values->items = arena_array(a, list ? list->count : 0, sizeof *values->items);
    if (!values->items) return fault_set(fault, ERR_NOMEM, NULL);
    for (const struct node *n = list ? list->child : NULL; n; n = n->next) {
        struct value *v = &values->items[values->count++];
        *v = (struct value){.key = arena_str(a, n->key), .text = arena_str(a, n->text.p ? n->text : n->raw)};
        if (!v->text.p || (n->key.p && !v->key.p)) return fault_set(fault, ERR_NOMEM, NULL);
        if (str_starts(v->text, STR("$.")) && path_parse(v->text, &v->path, &why))
            return fault_set(fault, why.code, "Parameter HttpParameters.%s of target %.*s is not valid. Reason: '%.*s': %s.", what,
                             STR_ARG(target_id), STR_ARG(v->text), why.message);
    }
    return ERR_OK;
}

enum err parameters_new(const struct node *http, struct str target_id, struct arena *a, struct parameters **out, struct fault *fault) {
    *out = NULL;
    if (!http || http->kind != NODE_OBJECT || !http->count) return ERR_OK;
    struct parameters *p = ARENA_NEW(a, struct parameters);
    if (!p) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = read_values(doc_get(http, STR("PathParameterValues")), "PathParameterValues", target_id, a, &p->path, fault);
    if (!err) err = read_values(doc_get(http, STR("HeaderParameters")), "HeaderParameters", target_id, a, &p->headers, fault);
    if (!err) err = read_values(doc_get(http, STR("QueryStringParameters")), "QueryStringParameters", target_id, a, &p->query, fault);
    if (err)
        parameters_free(p);
    else
        *out = p;
    return err;
}

static void free_values(struct values *values) {
    for (size_t i = 0; i < values->count; i++) path_free(values->items[i].path);
}

void parameters_free(struct parameters *p) {
    if (!p) return;
    free_values(&p->path);
    free_values(&p->headers);
    free_values(&p->query);
}

static struct str text_of(const struct value *v, const struct node *event, struct arena *a) {
    if (!v->path) return v->text;
    const struct node *n = path_eval(v->path, event, a);
    if (!n || n->kind == NODE_NULL) return STR("");
    if (n->kind == NODE_STRING || n->kind == NODE_NUMBER) return n->text;
    struct buf text;
    buf_init(&text, 0);
    doc_minify(&text, n);
    struct str s = text.failed ? STR_NULL : arena_str(a, buf_str(&text));
    buf_fini(&text);
    return s;
}

static bool write_map(struct json *j, const char *name, const struct values *values, const struct node *event, struct arena *a) {
    if (!values->count) return true;
    json_key(j, str_from(name));
    json_object_begin(j);
    bool ok = true;
    for (size_t i = 0; i < values->count && ok; i++) {
        struct str text = text_of(&values->items[i], event, a);
        ok = text.p;
        json_key(j, values->items[i].key);
        json_str(j, text);
    }
    json_object_end(j);
    return ok;
}

struct str parameters_fill(const struct parameters *p, const struct node *event, struct arena *a) {
    struct buf out;
    struct json j;
    bool ok = true;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    if (p->path.count) {
        json_key(&j, STR("path"));
        json_array_begin(&j);
        for (size_t i = 0; i < p->path.count && ok; i++) {
            struct str text = text_of(&p->path.items[i], event, a);
            ok = text.p;
            json_str(&j, text);
        }
        json_array_end(&j);
    }
    ok = ok && write_map(&j, "headers", &p->headers, event, a) && write_map(&j, "query", &p->query, event, a);
    json_object_end(&j);
    struct str text = !ok || out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}
