#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sqlite.h"

enum { BUSY_TIMEOUT_MS = 5000 };

static const char *const query_sql[] = {
#define Q(name, sql) sql,
#include "sqlite_queries.def"
#undef Q
};

enum err conn_damaged(const struct conn *c, const char *what, struct fault *fault) {
    return fault_at(fault, ERR_CORRUPT, c->path, 0, 0,
                    "%s: the store is damaged (%s); stop busd, keep a copy of the file and its -wal, then restore a backup or save what"
                    " can be read with `sqlite3 FILE .recover`",
                    c->path, what);
}

static enum err full(struct conn *c, struct fault *fault) {
    return fault_at(fault, ERR_STORAGE_FULL, c->path, 0, 0,
                    "%s: the store cannot grow: the disk, a quota or the file's limit is full; free some space", c->path);
}

enum err conn_fault(struct conn *c, int rc, struct fault *fault) {
    const char *what = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
    int system = c->db ? sqlite3_system_errno(c->db) : 0;
    switch (rc & 0xff) {
    case SQLITE_FULL: return full(c, fault);
    case SQLITE_CORRUPT: return conn_damaged(c, what, fault);
    case SQLITE_NOTADB: return conn_damaged(c, "it is not an SQLite file", fault);
    case SQLITE_NOMEM: return fault_at(fault, ERR_NOMEM, c->path, 0, 0, "%s: out of memory", c->path);
    case SQLITE_TOOBIG: return fault_at(fault, ERR_TOO_LARGE, c->path, 0, 0, "%s: a value is larger than the store takes", c->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fault_at(fault, ERR_LOCKED, c->path, 0, 0, "%s: another process holds the database; only busd may write to it", c->path);
    case SQLITE_IOERR:
        if (system == ENOSPC || system == EDQUOT) return full(c, fault);
        /* fall through */
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return fault_at(fault, ERR_IO, c->path, 0, 0, "%s: %s%s%s (SQLite %d)", c->path, what, system ? ": " : "",
                        system ? strerror(system) : "", rc);
    default: return fault_at(fault, ERR_INTERNAL, c->path, 0, 0, "%s: %s (SQLite %d)", c->path, what, rc);
    }
}

enum err conn_exec(struct conn *c, const char *sql, struct fault *fault) {
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc ? conn_fault(c, sqlite3_extended_errcode(c->db), fault) : ERR_OK;
}

enum err conn_number(struct conn *c, const char *sql, int64_t fallback, int64_t *value, struct fault *fault) {
    sqlite3_stmt *st = NULL;
    *value = fallback;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
    if (!rc) rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) *value = sqlite3_column_int64(st, 0);
    enum err err = rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : conn_fault(c, rc, fault);
    sqlite3_finalize(st);
    return err;
}

enum err conn_open(const char *path, size_t cache_bytes, bool writer, struct conn *c, struct fault *fault) {
    *c = (struct conn){.path = path};
    int rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc) return conn_fault(c, rc, fault);
    sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
    char sql[256];
    snprintf(sql, sizeof sql, "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%zu; PRAGMA query_only = %d",
             cache_bytes / 1024, !writer);
    return conn_exec(c, sql, fault);
}

void conn_close(struct conn *c) {
    for (int q = 0; q < Q_COUNT; q++) sqlite3_finalize(c->statements[q]);
    sqlite3_close_v2(c->db);
    *c = (struct conn){.path = NULL};
}

void conn_reset(struct conn *c) {
    for (int q = 0; q < Q_COUNT; q++)
        if (c->statements[q]) sqlite3_reset(c->statements[q]);
}

static int bind_all(sqlite3_stmt *st, const char *types, va_list ap) {
    int rc = SQLITE_OK;
    for (int i = 1; types[i - 1] && !rc; i++) {
        if (types[i - 1] == 'i') {
            rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
            continue;
        }
        struct str s = va_arg(ap, struct str);
        rc = s.p ? sqlite3_bind_blob64(st, i, s.p, s.n, SQLITE_STATIC) : sqlite3_bind_null(st, i);
    }
    return rc;
}

static enum err rows_startv(struct rows *r, struct conn *c, enum query q, struct fault *fault, const char *types, va_list ap) {
    sqlite3_stmt **st = &c->statements[q];
    int rc = SQLITE_OK;
    if (!*st) rc = sqlite3_prepare_v3(c->db, query_sql[q], -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
    *r = (struct rows){.conn = c, .statement = *st};
    if (!rc) rc = bind_all(*st, types, ap);
    return rc ? conn_fault(c, rc, fault) : rows_next(r, fault);
}

enum err rows_start(struct rows *r, struct conn *c, enum query q, struct fault *fault, const char *types, ...) {
    va_list ap;
    va_start(ap, types);
    enum err err = rows_startv(r, c, q, fault, types, ap);
    va_end(ap);
    return err;
}

enum err rows_next(struct rows *r, struct fault *fault) {
    int rc = sqlite3_step(r->statement);
    r->row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) return ERR_OK;
    enum err err = conn_fault(r->conn, rc, fault); /* before the reset: it knows the system's errno */
    rows_end(r);
    return err;
}

struct str rows_str(const struct rows *r, int column) {
    if (sqlite3_column_type(r->statement, column) == SQLITE_NULL) return STR_NULL;
    const char *p = sqlite3_column_blob(r->statement, column);
    return str_of(p ? p : "", (size_t)sqlite3_column_bytes(r->statement, column));
}

enum err rows_copy(const struct rows *r, int column, struct arena *a, struct str *out, struct fault *fault) {
    struct str s = rows_str(r, column);
    *out = arena_str(a, s);
    return s.p && !out->p ? fault_set(fault, ERR_NOMEM, "the result is larger than the memory of its transaction") : ERR_OK;
}

enum err conn_run(struct conn *c, enum query q, struct fault *fault, const char *types, ...) {
    struct rows r;
    va_list ap;
    va_start(ap, types);
    enum err err = rows_startv(&r, c, q, fault, types, ap);
    va_end(ap);
    if (!err) {
        int rc = sqlite3_reset(r.statement);
        if (rc) err = conn_fault(c, rc, fault);
    }
    return err;
}
