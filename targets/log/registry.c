#include "registry.h"

#include <pthread.h>
#include <stdlib.h>

#include "json.h"
#include "map.h"
#include "model.h"
#include "record.h"

struct log_registry {
    const struct target_host *host;
    pthread_rwlock_t lock;  /* guards groups */
    pthread_mutex_t change; /* one change at a time, held over its commit */
    struct map groups;      /* key -> struct group, one reference each */
};

static enum err load(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct log_registry *r = ctx;
    struct group *g = group_new();
    if (!g) return fault_set(fault, ERR_NOMEM, NULL);
    size_t slash = str_find(key, '/', 0);
    g->key = arena_str(&g->arena, key);
    g->account = str_of(g->key.p, slash);
    g->name = str_skip(g->key, slash + 1);
    g->file = record_str(record, "file", &g->arena);
    g->max_bytes = record_i64(record, "max", LOG_MAX_BYTES_DEFAULT);
    g->keep = record_i64(record, "keep", LOG_KEEP_DEFAULT);
    g->created_ms = record_i64(record, "created", 0);
    enum err err = ERR_OK;
    if (!g->key.p || !g->name.n || !g->file.n)
        err = fault_set(fault, ERR_CORRUPT, "the stored log group %.*s lacks its name or file", STR_ARG(key));
    else if (!map_put(&r->groups, g->key, g, NULL))
        err = fault_set(fault, ERR_NOMEM, NULL);
    if (err) group_unref(g);
    return err;
}

enum err log_registry_open(const struct target_host *host, struct log_registry **out, struct fault *fault) {
    struct log_registry *r = calloc(1, sizeof *r);
    if (!r) return fault_set(fault, ERR_NOMEM, NULL);
    r->host = host;
    pthread_rwlock_init(&r->lock, NULL);
    pthread_mutex_init(&r->change, NULL);
    map_init(&r->groups);
    enum err err = record_each(committer_store(host->committer), STR("log"), load, r, fault);
    if (err)
        log_registry_close(r);
    else
        *out = r;
    return err;
}

void log_registry_close(struct log_registry *r) {
    if (!r) return;
    size_t at = 0;
    void *value;
    while (map_next(&r->groups, &at, NULL, &value)) group_unref(value);
    map_fini(&r->groups);
    pthread_mutex_destroy(&r->change);
    pthread_rwlock_destroy(&r->lock);
    free(r);
}

struct group *log_registry_get(struct log_registry *r, struct str account, struct str name) {
    char key[1024];
    if (!account.n || !name.n || account.n + name.n + 1 > sizeof key) return NULL; /* longer than any group's */
    memcpy(key, account.p, account.n);
    key[account.n] = '/';
    memcpy(key + account.n + 1, name.p, name.n);
    pthread_rwlock_rdlock(&r->lock);
    struct group *g = map_get(&r->groups, str_of(key, account.n + name.n + 1));
    if (g) group_ref(g);
    pthread_rwlock_unlock(&r->lock);
    return g;
}

void log_registry_lock(struct log_registry *r) { pthread_mutex_lock(&r->change); }
void log_registry_unlock(struct log_registry *r) { pthread_mutex_unlock(&r->change); }

struct group *log_registry_by_file(struct log_registry *r, struct str file) {
    size_t at = 0;
    void *value;
    struct group *found = NULL;
    pthread_rwlock_rdlock(&r->lock);
    while (!found && map_next(&r->groups, &at, NULL, &value)) {
        struct group *g = value;
        if (str_eq(g->file, file)) found = group_ref(g);
    }
    pthread_rwlock_unlock(&r->lock);
    return found;
}

static int by_name(const void *a, const void *b) { return str_cmp((*(struct group *const *)a)->name, (*(struct group *const *)b)->name); }

enum err log_registry_list(struct log_registry *r, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                           struct group ***groups, size_t *count, bool *more, struct fault *fault) {
    size_t at = 0, n = 0;
    void *value;
    pthread_rwlock_rdlock(&r->lock);
    struct group **all = arena_array(a, r->groups.count, sizeof *all);
    while (all && map_next(&r->groups, &at, NULL, &value)) {
        struct group *g = value;
        if (str_eq(g->account, account) && str_starts(g->name, prefix) && (!after.p || str_cmp(g->name, after) > 0)) all[n++] = g;
    }
    if (all && n) qsort(all, n, sizeof *all, by_name);
    *more = n > limit;
    *count = n > limit ? limit : n;
    *groups = all;
    for (size_t i = 0; all && i < *count; i++) group_ref(all[i]);
    pthread_rwlock_unlock(&r->lock);
    return all ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err log_registry_put(struct log_registry *r, struct group *g, struct fault *fault) {
    struct buf record;
    struct json j;
    void *old = NULL;
    buf_init(&record, 0);
    json_init(&j, &record);
    json_object_begin(&j);
    json_key_str(&j, "file", g->file);
    json_key_i64(&j, "max", g->max_bytes);
    json_key_i64(&j, "keep", g->keep);
    json_key_i64(&j, "created", g->created_ms);
    json_object_end(&j);
    enum err err =
        record.failed ? fault_set(fault, ERR_NOMEM, NULL) : record_put(r->host->committer, STR("log"), g->key, buf_str(&record), fault);
    buf_fini(&record);
    if (!err) {
        pthread_rwlock_wrlock(&r->lock);
        /* The record is durable by now: without memory it is there after the next start, and the caller is told. */
        if (!map_put(&r->groups, g->key, g, &old)) err = fault_set(fault, ERR_NOMEM, NULL);
        pthread_rwlock_unlock(&r->lock);
    }
    group_unref(err ? g : old);
    return err;
}

enum err log_registry_remove(struct log_registry *r, struct str key, struct fault *fault) {
    enum err err = record_delete(r->host->committer, STR("log"), key, fault);
    if (err) return err;
    pthread_rwlock_wrlock(&r->lock);
    struct group *removed = map_remove(&r->groups, key);
    pthread_rwlock_unlock(&r->lock);
    group_unref(removed);
    return ERR_OK;
}
