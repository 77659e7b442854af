#include "references.h"

#include <jansson.h>
#include <stdlib.h>

#include "os.h"

enum { SECRET_BYTES_MAX = 4096 };

static enum err from_environment(const char *name, struct buf *out, struct fault *fault) {
    const char *value = os_env(name, NULL);
    if (!value) return fault_set(fault, ERR_NOT_FOUND, "the environment has no variable %s, or an empty one", name);
    buf_addz(out, value);
    return ERR_OK;
}

static enum err from_file(const char *path, struct buf *out, struct fault *fault) {
    enum err err = os_read_file(path, SECRET_BYTES_MAX, out, fault);
    if (!err && out->n && out->p[out->n - 1] == '\n') out->n--;
    return err;
}

/* *value: what the text stands for, or NULL when it stands for itself. */
static enum err look_up(const char *text, json_t **value, struct fault *fault) {
    struct buf found;
    enum err err = ERR_OK;
    *value = NULL;
    buf_init(&found, 0);
    if (strncmp(text, "env:", 4) == 0)
        err = from_environment(text + 4, &found, fault);
    else if (strncmp(text, "file:", 5) == 0)
        err = from_file(text + 5, &found, fault);
    else if (strncmp(text, "literal:", 8) == 0)
        buf_addz(&found, text + 8);
    else
        return ERR_OK;
    if (!err && (found.failed || !found.n || found.n > SECRET_BYTES_MAX || !str_is_utf8(buf_str(&found)) ||
                 !(*value = json_stringn(found.p, found.n))))
        err = fault_set(fault, ERR_VALIDATION, "%.*s gives no secret: a text of 1 to %d bytes is one",
                        strncmp(text, "literal:", 8) ? (int)strlen(text) : 7, text, SECRET_BYTES_MAX);
    if (found.p) explicit_bzero(found.p, found.cap);
    buf_fini(&found);
    return err;
}

static bool is_secret_member(const char *key) {
    static const char *const keys[] = {"Password", "ClientSecret", "ApiKeyValue", "Value"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

/* The request was written by rulefile.c: its depth is that of the shape. */
static enum err walk(json_t *node, struct fault *fault) {
    const char *key;
    json_t *child;
    void *next;
    size_t i;
    enum err err = ERR_OK;
    json_array_foreach(node, i, child) {
        err = walk(child, fault);
        if (err) return err;
    }
    json_object_foreach_safe(node, next, key, child) {
        json_t *value = NULL;
        if (json_is_string(child) && is_secret_member(key))
            err = look_up(json_string_value(child), &value, fault);
        else
            err = walk(child, fault);
        if (!err && value && json_object_set_new(node, key, value)) err = fault_set(fault, ERR_NOMEM, NULL);
        if (err) return err;
    }
    return err;
}

enum err references_look_up(struct str request, struct arena *a, struct str *out, struct fault *fault) {
    fault_clear(fault);
    json_t *root = json_loadb(request.p ? request.p : "", request.n, JSON_ALLOW_NUL, NULL);
    if (!root) return fault_set(fault, ERR_MALFORMED, "the request is no JSON");
    enum err err = walk(root, fault);
    char *text = err ? NULL : json_dumps(root, JSON_COMPACT);
    if (!err) {
        *out = arena_str(a, str_from(text));
        if (!out->p) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    if (text) explicit_bzero(text, strlen(text));
    free(text);
    json_decref(root);
    return err;
}
