#include "registry.h"

#include <pthread.h>
#include <stdlib.h>

#include "json.h"
#include "map.h"
#include "model.h"
#include "record.h"

struct function_registry {
    const struct target_host *host;
    pthread_rwlock_t lock;  /* guards functions */
    pthread_mutex_t change; /* one change at a time, held over its commit */
    struct map functions;   /* key -> struct function, one reference each */
};

/* ---- records -------------------------------------------------------------------------------------------------------------------- */

static void write_record(const struct function *f, struct buf *out) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key(&j, STR("command"));
    json_array_begin(&j);
    for (size_t i = 0; i < f->command_count; i++) json_str(&j, f->command[i]);
    json_array_end(&j);
    json_key_str(&j, "mode", f->worker ? STR("worker") : STR("process"));
    json_key_i64(&j, "timeout", f->timeout_s);
    json_key_i64(&j, "concurrency", f->concurrency);
    json_key_i64(&j, "memory", f->memory_mib);
    json_key_i64(&j, "cpu", f->cpu_seconds);
    json_key_i64(&j, "modified", f->modified_ms);
    if (f->description.p) json_key_str(&j, "description", f->description);
    if (f->working_directory.p) json_key_str(&j, "directory", f->working_directory);
    json_key(&j, STR("variables"));
    json_object_begin(&j);
    for (size_t i = 0; i < f->variable_count; i++) json_key_str(&j, f->variables[i].key.p, f->variables[i].s);
    json_object_end(&j);
    json_object_end(&j);
}

static bool read_variables(struct function *f, json_t *variables) {
    const char *name;
    json_t *value;
    f->variables = arena_array(&f->arena, json_object_size(variables), sizeof *f->variables);
    if (!f->variables) return false;
    json_object_foreach(variables, name, value) {
        struct map_entry *entry = &f->variables[f->variable_count++];
        entry->key = arena_str(&f->arena, str_from(name));
        entry->s = arena_str(&f->arena, str_of(json_string_value(value), json_string_length(value)));
        if (!entry->key.p || !entry->s.p) return false;
        if (str_eqz(entry->key, "PATH")) f->path_variable = entry->s;
    }
    return true;
}

static bool read_command(struct function *f, const json_t *command) {
    f->command_count = json_array_size(command);
    f->command = arena_array(&f->arena, f->command_count, sizeof *f->command);
    for (size_t i = 0; f->command && i < f->command_count; i++) {
        const json_t *argument = json_array_get(command, i);
        f->command[i] = arena_str(&f->arena, str_of(json_string_value(argument), json_string_length(argument)));
        if (!f->command[i].p) return false;
    }
    return f->command && f->command_count;
}

static bool read_record(const struct target_host *host, struct function *f, struct str key, const json_t *record) {
    size_t slash = str_find(key, '/', 0);
    f->key = arena_str(&f->arena, key);
    if (!f->key.p || slash == key.n) return false;
    f->account = str_of(f->key.p, slash);
    f->name = str_skip(f->key, slash + 1);
    f->arn =
        arena_printf(&f->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s", STR_ARG(host->region), STR_ARG(f->account), STR_ARG(f->name));
    f->worker = str_eqz(record_str(record, "mode", &f->arena), "worker");
    f->timeout_s = record_i64(record, "timeout", FUNCTION_TIMEOUT_DEFAULT_S);
    f->concurrency = record_i64(record, "concurrency", FUNCTION_CONCURRENCY_DEFAULT);
    f->memory_mib = record_i64(record, "memory", 0);
    f->cpu_seconds = record_i64(record, "cpu", 0);
    f->modified_ms = record_i64(record, "modified", 0);
    f->description = record_str(record, "description", &f->arena);
    f->working_directory = record_str(record, "directory", &f->arena);
    return f->arn.p && read_command(f, json_object_get(record, "command")) && read_variables(f, json_object_get(record, "variables"));
}

static enum err load(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct function_registry *r = ctx;
    struct function *f = function_new();
    if (!f) return fault_set(fault, ERR_NOMEM, NULL);
    if (!read_record(r->host, f, key, record)) {
        function_unref(f);
        return fault_set(fault, ERR_CORRUPT, "the stored function %.*s lacks a key, a command or its variables", STR_ARG(key));
    }
    if (map_put(&r->functions, f->key, f, NULL)) return ERR_OK;
    function_unref(f);
    return fault_set(fault, ERR_NOMEM, NULL);
}

/* ---- life ----------------------------------------------------------------------------------------------------------------------- */

enum err function_registry_open(const struct target_host *host, struct function_registry **out, struct fault *fault) {
    struct function_registry *r = calloc(1, sizeof *r);
    if (!r) return fault_set(fault, ERR_NOMEM, NULL);
    r->host = host;
    pthread_rwlock_init(&r->lock, NULL);
    pthread_mutex_init(&r->change, NULL);
    map_init(&r->functions);
    enum err err = record_each(committer_store(host->committer), STR("function"), load, r, fault);
    if (err)
        function_registry_close(r);
    else
        *out = r;
    return err;
}

void function_registry_close(struct function_registry *r) {
    if (!r) return;
    size_t at = 0;
    void *value;
    while (map_next(&r->functions, &at, NULL, &value)) function_unref(value);
    map_fini(&r->functions);
    pthread_mutex_destroy(&r->change);
    pthread_rwlock_destroy(&r->lock);
    free(r);
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------- */

struct function *function_registry_get(struct function_registry *r, struct str account, struct str name) {
    char key[512];
    if (!account.n || !name.n || account.n + name.n + 1 > sizeof key) return NULL; /* longer than any function's */
    memcpy(key, account.p, account.n);
    key[account.n] = '/';
    memcpy(key + account.n + 1, name.p, name.n);
    pthread_rwlock_rdlock(&r->lock);
    struct function *f = map_get(&r->functions, str_of(key, account.n + name.n + 1));
    if (f) function_ref(f);
    pthread_rwlock_unlock(&r->lock);
    return f;
}

static int by_name(const void *a, const void *b) {
    return str_cmp((*(struct function *const *)a)->name, (*(struct function *const *)b)->name);
}

enum err function_registry_list(struct function_registry *r, struct str account, struct str after, size_t limit, struct arena *a,
                                struct function ***functions, size_t *count, bool *more, struct fault *fault) {
    size_t at = 0, n = 0;
    void *value;
    pthread_rwlock_rdlock(&r->lock);
    struct function **all = arena_array(a, r->functions.count, sizeof *all);
    while (all && map_next(&r->functions, &at, NULL, &value)) {
        struct function *f = value;
        if (str_eq(f->account, account) && (!after.p || str_cmp(f->name, after) > 0)) all[n++] = f;
    }
    if (all && n) qsort(all, n, sizeof *all, by_name);
    *more = n > limit;
    *count = n > limit ? limit : n;
    *functions = all;
    for (size_t i = 0; all && i < *count; i++) function_ref(all[i]);
    pthread_rwlock_unlock(&r->lock);
    return all ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

/* ---- changing ------------------------------------------------------------------------------------------------------------------- */

void function_registry_lock(struct function_registry *r) { pthread_mutex_lock(&r->change); }
void function_registry_unlock(struct function_registry *r) { pthread_mutex_unlock(&r->change); }

enum err function_registry_put(struct function_registry *r, struct function *f, struct function **old, struct fault *fault) {
    struct buf record;
    void *before = NULL;
    buf_init(&record, 0);
    write_record(f, &record);
    enum err err = record.failed ? fault_set(fault, ERR_NOMEM, NULL)
                                 : record_put(r->host->committer, STR("function"), f->key, buf_str(&record), fault);
    buf_fini(&record);
    if (!err) {
        pthread_rwlock_wrlock(&r->lock);
        /* The record is durable by now: without memory it is there after the next start, and the caller is told. */
        if (!map_put(&r->functions, f->key, f, &before)) err = fault_set(fault, ERR_NOMEM, NULL);
        pthread_rwlock_unlock(&r->lock);
    }
    if (err) function_unref(f);
    *old = before;
    return err;
}

enum err function_registry_remove(struct function_registry *r, struct function *f, struct fault *fault) {
    enum err err = record_delete(r->host->committer, STR("function"), f->key, fault);
    if (err) return err;
    pthread_rwlock_wrlock(&r->lock);
    struct function *removed = map_remove(&r->functions, f->key);
    pthread_rwlock_unlock(&r->lock);
    function_unref(removed);
    return ERR_OK;
}
