#include "world_endpoint.h"

#include <stdlib.h>

#include "clock.h"
#include "doc.h"
#include "hash.h"
#include "json.h"
#include "world_state.h"

/* Immutable; a change puts another one in its place. */
struct endpoint {
    struct arena arena;
    struct endpoint_info i; /* in the arena */
};

static void endpoint_free(struct endpoint *e) {
    if (!e) return;
    arena_fini(&e->arena);
    free(e);
}

static bool copy_info(struct endpoint_info *to, const struct endpoint_info *from, struct arena *a) {
    *to = (struct endpoint_info){.account = arena_str(a, from->account),
                                 .name = arena_str(a, from->name),
                                 .id = arena_str(a, from->id),
                                 .bus = arena_str(a, from->bus),
                                 .settings = arena_str(a, from->settings),
                                 .created_ms = from->created_ms,
                                 .modified_ms = from->modified_ms};
    return to->account.p && to->name.p && to->id.p && to->bus.p && to->settings.p;
}

static struct endpoint *endpoint_new(const struct endpoint_info *info) {
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    arena_init(&e->arena, 0);
    if (copy_info(&e->i, info, &e->arena)) return e;
    endpoint_free(e);
    return NULL;
}

static struct str key_of(struct arena *a, const struct endpoint_info *i) { return bus_key(a, (struct bus_ref){i->account, i->name}); }

/* Takes over e; what stood in its place goes. */
static bool attach(struct world *w, struct endpoint *e) {
    struct arena a;
    void *old = NULL;
    arena_init(&a, 0);
    struct str key = key_of(&a, &e->i);
    bool put = key.p && map_put(&w->endpoints, key, e, &old);
    arena_fini(&a);
    if (!put) {
        endpoint_free(e);
        return false;
    }
    put = map_put(&w->endpoint_ids, e->i.id, e, NULL); /* of a change of one that is there: it has its place already */
    endpoint_free(old);
    return put;
}

static void detach(struct world *w, struct endpoint *e) {
    struct arena a;
    arena_init(&a, 0);
    map_remove(&w->endpoint_ids, e->i.id);
    map_remove(&w->endpoints, key_of(&a, &e->i));
    arena_fini(&a);
    endpoint_free(e);
}

static struct endpoint *endpoint_of(struct world *w, struct str account, struct str name) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = bus_key(&a, (struct bus_ref){account, name});
    struct endpoint *e = key.p ? map_get(&w->endpoints, key) : NULL;
    arena_fini(&a);
    return e;
}

static enum err missing(struct str name, struct fault *fault) {
    return fault_set(fault, ERR_NOT_FOUND, "Endpoint %.*s does not exist.", STR_ARG(name));
}

/* ---- records ------------------------------------------------------------------------------------------------------------------------- */
static void write_record(struct buf *out, const struct endpoint_info *i) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "id", i->id);
    json_key_str(&j, "bus", i->bus);
    json_key_i64(&j, "created", i->created_ms);
    json_key_i64(&j, "modified", i->modified_ms);
    json_key(&j, STR("settings"));
    json_raw(&j, i->settings);
    json_object_end(&j);
}

static bool read_record(struct endpoint_info *i, const struct node *root) {
    const struct node *id = doc_get(root, STR("id")), *bus = doc_get(root, STR("bus")), *created = doc_get(root, STR("created")),
                      *modified = doc_get(root, STR("modified")), *settings = doc_get(root, STR("settings"));
    if (!id || !bus || !created || !modified || !settings) return false;
    i->id = id->text;
    i->bus = bus->text;
    i->settings = settings->raw;
    return i->id.p && i->bus.p && str_to_i64(created->text, &i->created_ms) && str_to_i64(modified->text, &i->modified_ms);
}

enum err endpoint_load(struct world *w, struct str key, struct str value, struct fault *fault) {
    struct arena a;
    struct node *root;
    arena_init(&a, 0);
    struct endpoint_info i = {.account = str_of(key.p, key.n < 12 ? key.n : 12), .name = str_skip(key, 13)};
    enum err err = doc_parse(&a, value, &root, fault);
    if (!err && (key.n < 14 || !read_record(&i, root))) err = fault_set(fault, ERR_CORRUPT, "it has no id, bus, settings or times");
    struct endpoint *e = err ? NULL : endpoint_new(&i);
    if (!err && (!e || !attach(w, e))) err = fault_set(fault, ERR_NOMEM, NULL);
    arena_fini(&a);
    return err;
}

void endpoints_free(struct world *w) {
    size_t at = 0;
    void *value;
    while (map_next(&w->endpoints, &at, NULL, &value)) endpoint_free(value);
    map_fini(&w->endpoints);
    map_fini(&w->endpoint_ids);
}

/* ---- changes ---------------------------------------------------------------------------------------------------------------------------- */
static enum err store_locked(struct world *w, const struct endpoint_info *i, struct fault *fault) {
    struct endpoint *e = endpoint_new(i);
    struct buf record;
    buf_init(&record, 0);
    write_record(&record, i);
    enum err err = e && !record.failed ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) {
        struct change c;
        change_init(&c);
        change_put(&c, "endpoint", key_of(&c.arena, i), buf_str(&record));
        err = change_commit(w, &c, fault);
    }
    buf_fini(&record);
    if (err)
        endpoint_free(e);
    else if (!attach(w, e))
        err = fault_set(fault, ERR_NOMEM, NULL);
    return err;
}

/* As the service's look: ten letters and digits, a dot, three. */
enum { ID_SIZE = 15 };
static void make_id(char out[ID_SIZE]) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (int i = 0; i < 14; i++) out[i] = alphabet[rng_below(36)];
    out[10] = '.';
    out[14] = 0;
}

static int64_t count_of(const struct world *w, struct str account) {
    size_t at = 0;
    void *value;
    int64_t n = 0;
    while (map_next(&w->endpoints, &at, NULL, &value)) n += str_eq(((struct endpoint *)value)->i.account, account);
    return n;
}

enum err world_create_endpoint(struct world *w, struct str account, struct str name, struct str bus, struct str settings, struct fault *fault) {
    struct bus_slot *slot;
    char id[ID_SIZE];
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, (struct bus_ref){account, bus}, &slot, fault);
    if (!err && endpoint_of(w, account, name)) err = fault_set(fault, ERR_EXISTS, "Endpoint %.*s already exists.", STR_ARG(name));
    if (!err && count_of(w, account) >= w->o.settings->endpoints_per_account) err = fault_set(fault, ERR_LIMIT, NULL);
    do make_id(id);
    while (map_get(&w->endpoint_ids, str_from(id)));
    int64_t now = clock_now_ms();
    if (!err)
        err = store_locked(w,
                           &(struct endpoint_info){.account = account,
                                                   .name = name,
                                                   .id = str_from(id),
                                                   .bus = bus,
                                                   .settings = settings,
                                                   .created_ms = now,
                                                   .modified_ms = now},
                           fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_update_endpoint(struct world *w, struct str account, struct str name, struct str bus, struct str settings, struct fault *fault) {
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    const struct endpoint *old = endpoint_of(w, account, name);
    enum err err = old ? bus_need_locked(w, (struct bus_ref){account, bus}, &slot, fault) : missing(name, fault);
    if (!err) {
        struct endpoint_info i = old->i;
        i.bus = bus;
        i.settings = settings;
        i.modified_ms = clock_now_ms();
        err = store_locked(w, &i, fault);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_delete_endpoint(struct world *w, struct str account, struct str name, struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    struct endpoint *e = endpoint_of(w, account, name);
    enum err err = e ? ERR_OK : missing(name, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_delete(&c, "endpoint", key_of(&c.arena, &e->i));
        err = change_commit(w, &c, fault);
    }
    if (!err) detach(w, e);
    pthread_mutex_unlock(&w->lock);
    return err;
}

void endpoints_delete_locked(struct world *w, struct change *c, struct str account) {
    size_t at = 0;
    void *value;
    while (map_next(&w->endpoints, &at, NULL, &value)) {
        const struct endpoint *e = value;
        if (str_eq(e->i.account, account)) change_delete(c, "endpoint", key_of(&c->arena, &e->i));
    }
}

void endpoints_deleted_locked(struct world *w, struct str account) {
    size_t at = 0;
    void *value;
    while (map_next(&w->endpoints, &at, NULL, &value))
        if (str_eq(((struct endpoint *)value)->i.account, account)) detach(w, value);
}

/* ---- looking ------------------------------------------------------------------------------------------------------------------------------ */
static enum err give(const struct endpoint *e, struct arena *a, struct endpoint_info *info, struct fault *fault) {
    return copy_info(info, &e->i, a) ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err world_describe_endpoint(struct world *w, struct str account, struct str name, struct arena *a, struct endpoint_info *info,
                                 struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    const struct endpoint *e = endpoint_of(w, account, name);
    enum err err = e ? give(e, a, info, fault) : missing(name, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_find_endpoint(struct world *w, struct str id, struct arena *a, struct endpoint_info *info, struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    const struct endpoint *e = map_get(&w->endpoint_ids, id);
    enum err err = e ? give(e, a, info, fault) : fault_set(fault, ERR_NOT_FOUND, "Endpoint with id %.*s does not exist.", STR_ARG(id));
    pthread_mutex_unlock(&w->lock);
    return err;
}

static int by_name(const void *a, const void *b) {
    return str_cmp((*(const struct endpoint *const *)a)->i.name, (*(const struct endpoint *const *)b)->i.name);
}

enum err world_list_endpoints(struct world *w, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                              struct endpoint_info **infos, size_t *count, bool *more, struct fault *fault) {
    size_t at = 0, n = 0;
    void *value;
    *count = 0;
    pthread_mutex_lock(&w->lock);
    const struct endpoint **found = arena_array(a, w->endpoints.count, sizeof(struct endpoint *));
    enum err err = found ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    while (!err && map_next(&w->endpoints, &at, NULL, &value)) {
        const struct endpoint *e = value;
        if (str_eq(e->i.account, account) && str_starts(e->i.name, prefix) && (!after.p || str_cmp(e->i.name, after) > 0)) found[n++] = e;
    }
    if (n) qsort(found, n, sizeof *found, by_name);
    *more = n > limit;
    if (*more) n = limit;
    *infos = arena_array(a, n, sizeof **infos);
    if (!err && !*infos) err = fault_set(fault, ERR_NOMEM, NULL);
    for (; !err && *count < n; ++*count) err = give(found[*count], a, &(*infos)[*count], fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}
