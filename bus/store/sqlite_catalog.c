/* The catalog and the window of remembered event ids, in SQLite. */
#include "sqlite.h"

enum err sqlite_catalog_put(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    return conn_run(&s->writer, Q_CATALOG_PUT, fault, "sss", op->u.catalog.kind, op->u.catalog.key, op->u.catalog.value);
}

enum err sqlite_catalog_delete(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    return conn_run(&s->writer, Q_CATALOG_DELETE, fault, "ss", op->u.catalog.kind, op->u.catalog.key);
}

enum err sqlite_catalog_scan(struct store *store, struct str kind, enum err (*each)(void *ctx, struct str key, struct str value), void *ctx,
                             struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct rows r;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = rows_start(&r, c, Q_CATALOG_SCAN, fault, "s", kind);
    while (!err && r.row) {
        err = each(ctx, rows_str(&r, 0), rows_str(&r, 1));
        if (!err) err = rows_next(&r, fault);
    }
    sqlite_reader_give(s, c);
    return err;
}

enum err sqlite_ids_remember(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    if (!op->u.ids.count) return ERR_OK;
    struct str bytes = str_of((const char *)op->u.ids.ids, op->u.ids.count * sizeof *op->u.ids.ids);
    return conn_run(&s->writer, Q_IDS_ADD, fault, "is", op->u.ids.at_ms, bytes);
}

enum err sqlite_ids_forget(struct sqlite_store *s, struct store_op *op, struct fault *fault) {
    return conn_run(&s->writer, Q_IDS_FORGET, fault, "i", op->u.ids.at_ms);
}

enum err sqlite_ids_scan(struct store *store, int64_t since_ms,
                         enum err (*each)(void *ctx, const struct id *ids, size_t count, int64_t at_ms), void *ctx, struct fault *fault) {
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct conn *c;
    struct rows r;
    enum err err = sqlite_reader_take(s, &c, fault);
    if (err) return err;
    err = rows_start(&r, c, Q_IDS_SCAN, fault, "i", since_ms);
    while (!err && r.row) {
        struct str bytes = rows_str(&r, 1);
        err = each(ctx, (const struct id *)(const void *)bytes.p, bytes.n / sizeof(struct id), rows_i64(&r, 0));
        if (!err) err = rows_next(&r, fault);
    }
    sqlite_reader_give(s, c);
    return err;
}
