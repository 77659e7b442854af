#include "statements.h"

#include <jansson.h>
#include <stdlib.h>

static enum err no_memory(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }

/* The document with its statements as a list; a new one for the absent text. */
static enum err load(struct str document, json_t **root, struct fault *fault) {
    json_error_t where = {0};
    *root = document.p ? json_loadb(document.p, document.n, 0, &where) : json_pack("{s:s,s:[]}", "Version", "2012-10-17", "Statement");
    if (!*root) return document.p ? fault_set(fault, ERR_CORRUPT, "the stored policy is not JSON: %s", where.text) : no_memory(fault);
    json_t *list = json_object_get(*root, "Statement");
    if (json_is_array(list)) return ERR_OK;
    enum err err = json_is_object(list) ? ERR_OK : fault_set(fault, ERR_CORRUPT, "the stored policy has no statements");
    if (!err && json_object_set_new(*root, "Statement", json_pack("[O]", list))) err = no_memory(fault);
    if (err) json_decref(*root);
    return err;
}

/* Index of the statement with that Sid, or the list's size. */
static size_t find(const json_t *list, struct str sid) {
    size_t i = 0;
    for (; i < json_array_size(list); i++) {
        const json_t *s = json_object_get(json_array_get(list, i), "Sid");
        if (s && str_eq(str_of(json_string_value(s), json_string_length(s)), sid)) break;
    }
    return i;
}

static enum err dump(json_t *root, struct buf *out, struct fault *fault) {
    char *text = json_dumps(root, JSON_COMPACT);
    if (!text) return no_memory(fault);
    buf_addz(out, text);
    free(text);
    return out->failed ? no_memory(fault) : ERR_OK;
}

static json_t *string_new(struct str s) { return json_stringn(s.p, s.n); }

static json_t *statement_new(const struct policy_permission *p) {
    char arn[64];
    json_t *principal;
    if (str_eqz(p->principal, "*")) {
        principal = json_string("*");
    } else {
        struct buf b;
        buf_init(&b, 0);
        buf_addf(&b, "arn:aws:iam::%.*s:root", STR_ARG(p->principal));
        principal = str_copyz(arn, sizeof arn, buf_str(&b)) ? json_pack("{s:s}", "AWS", arn) : NULL;
        buf_fini(&b);
    }
    json_t *s = json_pack("{s:o,s:s,s:o,s:o,s:o}", "Sid", string_new(p->sid), "Effect", "Allow", "Principal", principal, "Action",
                          string_new(p->action), "Resource", string_new(p->resource));
    if (s && p->condition_type.p) {
        json_t *key = json_object(), *type = json_object(); /* each setter takes its value over, also when it fails */
        bool failed = json_object_setn_new(key, p->condition_key.p, p->condition_key.n, string_new(p->condition_value));
        failed |= json_object_setn_new(type, p->condition_type.p, p->condition_type.n, key) != 0;
        failed |= json_object_set_new(s, "Condition", type) != 0;
        if (failed) {
            json_decref(s);
            return NULL;
        }
    }
    return s;
}

static enum err check(const struct policy_permission *p, struct fault *fault) {
    bool any = p->condition_type.p || p->condition_key.p || p->condition_value.p;
    bool all = p->condition_type.p && p->condition_key.p && p->condition_value.p;
    if (any && !all)
        return fault_at(fault, ERR_VALIDATION, "condition", 0, 0,
                        "Parameter Condition is not valid. Reason: Type, Key and Value are required.");
    if (any && !str_eqz(p->principal, "*"))
        return fault_at(fault, ERR_VALIDATION, "condition", 0, 0,
                        "Parameter Condition is not valid. Reason: a Condition needs the Principal '*'.");
    return ERR_OK;
}

enum err policy_permission_add(struct str document, const struct policy_permission *p, size_t max_bytes, struct buf *out,
                               struct fault *fault) {
    enum err err = check(p, fault);
    if (err) return err;
    json_t *root;
    if ((err = load(document, &root, fault))) return err;
    json_t *list = json_object_get(root, "Statement"), *statement = statement_new(p);
    size_t at = find(list, p->sid);
    int failed = !statement                   ? -1
                 : at < json_array_size(list) ? json_array_set_new(list, at, statement)
                                              : json_array_append_new(list, statement);
    size_t before = out->n;
    err = failed ? no_memory(fault) : dump(root, out, fault);
    json_decref(root);
    struct str written = str_skip(buf_str(out), before);
    if (!err && written.n > max_bytes)
        err = fault_set(fault, ERR_POLICY_LENGTH, "The policy would have %zu characters; %zu are allowed.", written.n, max_bytes);
    struct policy *checked = NULL;
    if (!err) err = policy_parse(written, POLICY_RESOURCE, &checked, fault);
    policy_free(checked);
    if (err) out->n = before;
    return err;
}

enum err policy_permission_remove(struct str document, struct str sid, struct buf *out, bool *empty, struct fault *fault) {
    *empty = false;
    if (!document.p) return fault_set(fault, ERR_NOT_FOUND, "Statement with the provided id does not exist.");
    json_t *root;
    enum err err = load(document, &root, fault);
    if (err) return err;
    json_t *list = json_object_get(root, "Statement");
    size_t at = find(list, sid);
    err = at < json_array_size(list) ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Statement with the provided id does not exist.");
    if (!err && json_array_remove(list, at)) err = no_memory(fault);
    if (!err) *empty = json_array_size(list) == 0;
    if (!err && !*empty) err = dump(root, out, fault);
    json_decref(root);
    return err;
}
