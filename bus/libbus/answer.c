#include "answer.h"

#include <jansson.h>

static enum err parse(const char *text, json_t **root, struct fault *fault) {
    json_error_t error;
    *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(*root)) return ERR_OK;
    json_decref(*root);
    *root = NULL;
    return fault_set(fault, ERR_PROTOCOL, "the daemon's answer is not a JSON object");
}

enum err answer_string(const char *json, const char *key, char **value, struct fault *fault) {
    json_t *root;
    enum err err = parse(json, &root, fault);
    if (err) return err;
    const char *text = json_string_value(json_object_get(root, key));
    *value = text ? strdup(text) : NULL;
    if (!text) err = fault_set(fault, ERR_PROTOCOL, "the daemon's answer has no %s", key);
    else if (!*value) err = fault_set(fault, ERR_NOMEM, NULL);
    json_decref(root);
    return err;
}

enum err answer_failed_entries(const char *json, const char *id_key, struct fault *fault) {
    json_t *root;
    enum err err = parse(json, &root, fault);
    if (err) return err;
    json_t *count = json_object_get(root, "FailedEntryCount"), *first = json_array_get(json_object_get(root, "FailedEntries"), 0);
    if (count && !json_is_integer(count)) {
        err = fault_set(fault, ERR_PROTOCOL, "FailedEntryCount is not a number");
    } else if (json_integer_value(count)) {
        const char *id = json_string_value(json_object_get(first, id_key));
        const char *code = json_string_value(json_object_get(first, "ErrorCode"));
        const char *message = json_string_value(json_object_get(first, "ErrorMessage"));
        err = fault_at(fault, err_row_by_type(str_from(code ? code : ""))->code, id ? id : "", 0, 0, "%s: %s", id ? id : "an entry",
                       message ? message : code ? code : "refused");
        if (!err) err = fault->code = ERR_INTERNAL; /* no code, which is OK's name */
    }
    json_decref(root);
    return err;
}
