#include "resources.h"

#include <stdlib.h>

bool resource_init(struct resource *r, struct str account, struct str name, void (*free_entry)(struct resource *r)) {
    r->refs = 1;
    r->free = free_entry;
    arena_init(&r->arena, 0);
    r->key = arena_printf(&r->arena, "%.*s/%.*s", STR_ARG(account), STR_ARG(name));
    r->account = str_of(r->key.p, account.n);
    r->name = str_skip(r->key, account.n + 1);
    return r->key.p;
}

void resource_ref(struct resource *r) { atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed); }

void resource_unref(struct resource *r) {
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1) return;
    arena_fini(&r->arena);
    r->free(r);
}

void resources_init(struct resources *r) {
    pthread_rwlock_init(&r->lock, NULL);
    pthread_mutex_init(&r->change, NULL);
    map_init(&r->by_key);
}

void resources_fini(struct resources *r) {
    size_t at = 0;
    void *entry;
    while (map_next(&r->by_key, &at, NULL, &entry)) resource_unref(entry);
    map_fini(&r->by_key);
    pthread_rwlock_destroy(&r->lock);
    pthread_mutex_destroy(&r->change);
}

struct resource *resources_get(struct resources *r, struct str account, struct str name) {
    char key[1024];
    if (!account.n || !name.n || account.n + 1 + name.n > sizeof key) return NULL; /* longer than any key */
    memcpy(key, account.p, account.n);
    key[account.n] = '/';
    memcpy(key + account.n + 1, name.p, name.n);
    pthread_rwlock_rdlock(&r->lock);
    struct resource *entry = map_get(&r->by_key, str_of(key, account.n + 1 + name.n));
    if (entry) resource_ref(entry);
    pthread_rwlock_unlock(&r->lock);
    return entry;
}

void resources_lock(struct resources *r) { pthread_mutex_lock(&r->change); }
void resources_unlock(struct resources *r) { pthread_mutex_unlock(&r->change); }

bool resources_show(struct resources *r, struct resource *entry) {
    void *old = NULL;
    pthread_rwlock_wrlock(&r->lock);
    bool ok = map_put(&r->by_key, entry->key, entry, &old);
    pthread_rwlock_unlock(&r->lock);
    resource_unref(ok ? old : entry);
    return ok;
}

void resources_hide(struct resources *r, struct str key) {
    pthread_rwlock_wrlock(&r->lock);
    struct resource *gone = map_remove(&r->by_key, key);
    pthread_rwlock_unlock(&r->lock);
    resource_unref(gone);
}

static int by_key(const void *a, const void *b) {
    return str_cmp((*(struct resource *const *)a)->key, (*(struct resource *const *)b)->key);
}

enum err resources_list(struct resources *r, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                        struct resource ***entries, size_t *count, bool *more, struct fault *fault) {
    size_t at = 0, n = 0;
    void *value;
    pthread_rwlock_rdlock(&r->lock);
    struct resource **all = arena_array(a, r->by_key.count, sizeof *all);
    while (all && map_next(&r->by_key, &at, NULL, &value)) {
        struct resource *entry = value;
        bool mine = !account.p || str_eq(entry->account, account);
        if (mine && str_starts(entry->name, prefix) && (!after.p || str_cmp(entry->name, after) > 0)) all[n++] = entry;
    }
    if (all && n) qsort(all, n, sizeof *all, by_key);
    *more = n > limit;
    *count = n > limit ? limit : n;
    *entries = all;
    for (size_t i = 0; all && i < *count; i++) resource_ref(all[i]);
    pthread_rwlock_unlock(&r->lock);
    return all ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}
