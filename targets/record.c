#include "record.h"

static enum err run_one(struct committer *c, enum store_op_kind kind, struct str record_kind, struct str key, struct str value,
                        struct fault *fault) {
    struct arena arena;
    struct txn txn;
    arena_init(&arena, 65536);
    txn_init(&txn, &arena);
    struct store_op *op = txn_add(&txn, kind);
    enum err err = ERR_OK;
    if (!op) {
        err = fault_set(fault, ERR_NOMEM, NULL);
    } else {
        op->u.catalog.kind = record_kind;
        op->u.catalog.key = key;
        op->u.catalog.value = value;
        err = committer_run(c, &txn, fault);
    }
    arena_fini(&arena);
    return err;
}

enum err record_put(struct committer *c, struct str kind, struct str key, struct str value, struct fault *fault) {
    return run_one(c, OP_CATALOG_PUT, kind, key, value, fault);
}

enum err record_delete(struct committer *c, struct str kind, struct str key, struct fault *fault) {
    return run_one(c, OP_CATALOG_DELETE, kind, key, STR_NULL, fault);
}

struct scan {
    enum err (*each)(void *ctx, struct str key, const json_t *record, struct fault *fault);
    void *ctx;
    struct str kind;
    struct fault *fault;
};

static enum err scan_record(void *ctx, struct str key, struct str value) {
    struct scan *scan = ctx;
    json_error_t why;
    json_t *record = json_loadb(value.p ? value.p : "", value.n, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(record)) {
        json_decref(record);
        return fault_set(scan->fault, ERR_CORRUPT, "the stored %.*s record %.*s is no JSON object", STR_ARG(scan->kind), STR_ARG(key));
    }
    enum err err = scan->each(scan->ctx, key, record, scan->fault);
    json_decref(record);
    return err;
}

enum err record_each(struct store *s, struct str kind,
                     enum err (*each)(void *ctx, struct str key, const json_t *record, struct fault *fault), void *ctx,
                     struct fault *fault) {
    struct scan scan = {each, ctx, kind, fault};
    return s->ops->catalog_scan(s, kind, scan_record, &scan, fault);
}

struct str record_str(const json_t *record, const char *name, struct arena *a) {
    const json_t *value = json_object_get(record, name);
    if (!json_is_string(value)) return STR_NULL;
    return arena_str(a, str_of(json_string_value(value), json_string_length(value)));
}

int64_t record_i64(const json_t *record, const char *name, int64_t fallback) {
    const json_t *value = json_object_get(record, name);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

struct str record_key(struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "%.*s/%.*s", STR_ARG(account), STR_ARG(name));
}
