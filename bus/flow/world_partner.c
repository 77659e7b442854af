/* Partner event sources. A record says what was done to a source; its state follows from that, from whether the bus is there, and from the time. */
#include "world_partner.h"

#include <stdlib.h>

#include "clock.h"
#include "doc.h"
#include "json.h"
#include "world_state.h"

#define PENDING_MS ((int64_t)14 * 86400 * 1000) /* AWS: "if it remains pending for more than two weeks, it is deleted" */

/* What of it changes. */
struct phase {
    int64_t created_ms, pending_ms; /* since when it is pending, whenever it is */
    bool off, deleted;
};

struct source {
    struct str customer, name, partner; /* in the block of this struct */
    struct phase phase;
};

/* ---- records ------------------------------------------------------------------------------------------------------------------------ */
static struct source *source_new(struct str customer, struct str name, struct str partner, struct phase phase) {
    struct source *s = malloc(sizeof *s + customer.n + name.n + partner.n + 1);
    if (!s) return NULL;
    char *text = (char *)(s + 1);
    memcpy(text, customer.p, customer.n);
    memcpy(text + customer.n, name.p, name.n);
    memcpy(text + customer.n + name.n, partner.p, partner.n);
    *s = (struct source){str_of(text, customer.n), str_of(text + customer.n, name.n), str_of(text + customer.n + name.n, partner.n), phase};
    return s;
}

static void change_source(struct change *c, const struct source *s, struct phase phase) {
    struct buf text;
    struct json j;
    buf_init(&text, 0);
    json_init(&j, &text);
    json_object_begin(&j);
    json_key_str(&j, "partner", s->partner);
    json_key_i64(&j, "created", phase.created_ms);
    json_key_i64(&j, "pending", phase.pending_ms);
    if (phase.off) json_key_bool(&j, "off", true);
    if (phase.deleted) json_key_bool(&j, "deleted", true);
    json_object_end(&j);
    change_put(c, "partner", bus_key(&c->arena, (struct bus_ref){s->customer, s->name}), buf_str(&text));
    c->failed |= text.failed;
    buf_fini(&text);
}

static enum err commit_phase(struct world *w, struct source *s, struct phase phase, struct fault *fault) {
    struct change c;
    change_init(&c);
    change_source(&c, s, phase);
    enum err err = change_commit(w, &c, fault);
    if (!err) s->phase = phase;
    return err;
}

static void change_gone(struct change *c, const struct source *s) {
    change_delete(c, "partner", bus_key(&c->arena, (struct bus_ref){s->customer, s->name}));
}

static bool attach(struct world *w, struct source *s) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = bus_key(&a, (struct bus_ref){s->customer, s->name});
    bool put = key.p && map_put(&w->sources, key, s, NULL);
    arena_fini(&a);
    return put;
}

static void detach(struct world *w, struct source *s) {
    struct arena a;
    arena_init(&a, 0);
    map_remove(&w->sources, bus_key(&a, (struct bus_ref){s->customer, s->name}));
    arena_fini(&a);
    free(s);
}

enum err source_load(struct world *w, struct str key, struct str value, struct fault *fault) {
    struct arena a;
    struct node *root;
    struct phase phase = {0};
    arena_init(&a, 0);
    enum err err = doc_parse(&a, value, &root, fault);
    const struct node *partner = err ? NULL : doc_get(root, STR("partner")), *created = err ? NULL : doc_get(root, STR("created")),
                      *pending = err ? NULL : doc_get(root, STR("pending"));
    if (!err && (key.n < 14 || !partner || partner->kind != NODE_STRING || !created || !str_to_i64(created->text, &phase.created_ms) || !pending ||
                 !str_to_i64(pending->text, &phase.pending_ms)))
        err = fault_set(fault, ERR_CORRUPT, "it has no partner or no times");
    if (!err) {
        phase.off = doc_get(root, STR("off"));
        phase.deleted = doc_get(root, STR("deleted"));
        struct source *s = source_new(str_of(key.p, 12), str_skip(key, 13), partner->text, phase);
        if (!s || !attach(w, s)) {
            free(s);
            err = fault_set(fault, ERR_NOMEM, NULL);
        }
    }
    arena_fini(&a);
    return err;
}

void sources_free(struct world *w) {
    size_t at = 0;
    void *value;
    while (map_next(&w->sources, &at, NULL, &value)) free(value);
    map_fini(&w->sources);
}

/* ---- states -------------------------------------------------------------------------------------------------------------------------- */
static bool has_bus(struct world *w, const struct source *s) { return bus_slot_locked(w, (struct bus_ref){s->customer, s->name}); }

/* False: it does not exist any more. */
static bool state_of(struct world *w, const struct source *s, int64_t now_ms, enum source_state *state) {
    bool bus = has_bus(w, s), pending = !bus || s->phase.off, over = pending && now_ms - s->phase.pending_ms >= PENDING_MS;
    *state = s->phase.deleted || over ? SOURCE_DELETED : pending ? SOURCE_PENDING : SOURCE_ACTIVE;
    return bus || *state != SOURCE_DELETED;
}

static struct source *source_of(struct world *w, struct str customer, struct str name, enum source_state *state) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = bus_key(&a, (struct bus_ref){customer, name});
    struct source *s = key.p ? map_get(&w->sources, key) : NULL;
    arena_fini(&a);
    return s && state_of(w, s, clock_now_ms(), state) ? s : NULL;
}

static enum err missing(struct str name, struct fault *fault) {
    return fault_set(fault, ERR_NOT_FOUND, "Event source %.*s does not exist.", STR_ARG(name));
}

enum err source_binds_locked(struct world *w, struct bus_ref bus, struct fault *fault) {
    enum source_state state;
    return source_of(w, bus.account, bus.name, &state) ? ERR_OK : missing(bus.name, fault);
}

void source_unbind_locked(struct world *w, struct change *c, struct bus_ref bus) {
    enum source_state state;
    struct source *s = source_of(w, bus.account, bus.name, &state);
    if (!s) return;
    if (state == SOURCE_DELETED)
        change_gone(c, s);
    else
        change_source(c, s, (struct phase){.created_ms = s->phase.created_ms, .pending_ms = clock_now_ms()});
}

/* The bus is gone by now: a deleted source does not exist any more. */
void source_unbound_locked(struct world *w, struct bus_ref bus) {
    struct arena a;
    arena_init(&a, 0);
    struct source *s = map_get(&w->sources, bus_key(&a, bus));
    arena_fini(&a);
    if (!s) return;
    bool over = s->phase.off && clock_now_ms() - s->phase.pending_ms >= PENDING_MS;
    if (s->phase.deleted || over)
        detach(w, s);
    else
        s->phase = (struct phase){.created_ms = s->phase.created_ms, .pending_ms = clock_now_ms()};
}

/* ---- an account goes ------------------------------------------------------------------------------------------------------------------- */
void sources_delete_locked(struct world *w, struct change *c, struct str account) {
    size_t at = 0;
    void *value;
    while (map_next(&w->sources, &at, NULL, &value)) {
        const struct source *s = value;
        struct phase phase = s->phase;
        phase.deleted = true;
        if (str_eq(s->customer, account) || (str_eq(s->partner, account) && !has_bus(w, s)))
            change_gone(c, s);
        else if (str_eq(s->partner, account))
            change_source(c, s, phase);
    }
}

void sources_deleted_locked(struct world *w, struct str account) {
    size_t at = 0;
    void *value;
    while (map_next(&w->sources, &at, NULL, &value)) {
        struct source *s = value;
        if (str_eq(s->customer, account) || (str_eq(s->partner, account) && !has_bus(w, s)))
            detach(w, s);
        else if (str_eq(s->partner, account))
            s->phase.deleted = true;
    }
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------------------ */
/* Which sources: absent strings ask for nothing. */
struct want {
    struct str partner, customer, name, prefix;
};

static bool wanted(const struct want *want, const struct source *s) {
    return (!want->partner.p || str_eq(s->partner, want->partner)) && (!want->customer.p || str_eq(s->customer, want->customer)) &&
           (!want->name.p || str_eq(s->name, want->name)) && str_starts(s->name, want->prefix);
}

static int by_name_and_customer(const void *a, const void *b) {
    const struct source_info *x = a, *y = b;
    int order = str_cmp(x->name, y->name);
    return order ? order : str_cmp(x->customer, y->customer);
}

static struct source_info info_of(const struct source *s, enum source_state state, struct arena *a) {
    return (struct source_info){.name = arena_str(a, s->name),
                                .partner = arena_str(a, s->partner),
                                .customer = arena_str(a, s->customer),
                                .created_ms = s->phase.created_ms,
                                .expires_ms = state == SOURCE_PENDING ? s->phase.pending_ms + PENDING_MS : -1,
                                .state = state};
}

static bool info_is_whole(const struct source_info *i) { return i->name.p && i->partner.p && i->customer.p; }

/* All that are wanted, in order of name and customer, copied. */
static enum err collect(struct world *w, const struct want *want, struct arena *a, struct source_info **infos, size_t *count, struct fault *fault) {
    int64_t now = clock_now_ms();
    size_t at = 0;
    void *value;
    *count = 0;
    pthread_mutex_lock(&w->lock);
    *infos = arena_array(a, w->sources.count, sizeof **infos);
    bool whole = *infos;
    while (whole && map_next(&w->sources, &at, NULL, &value)) {
        enum source_state state;
        if (!wanted(want, value) || !state_of(w, value, now, &state)) continue;
        (*infos)[*count] = info_of(value, state, a);
        whole = info_is_whole(&(*infos)[(*count)++]);
    }
    pthread_mutex_unlock(&w->lock);
    if (!whole) return fault_set(fault, ERR_NOMEM, NULL);
    if (*count) qsort(*infos, *count, sizeof **infos, by_name_and_customer);
    return ERR_OK;
}

/* The part of the list behind `after`, at most `limit`. */
static void cut(struct source_info **infos, size_t *count, bool by_customer, struct str after, size_t limit, bool *more) {
    size_t from = 0;
    while (after.p && from < *count && str_cmp(by_customer ? (*infos)[from].customer : (*infos)[from].name, after) <= 0) from++;
    *infos += from;
    *count -= from;
    *more = *count > limit;
    if (*more) *count = limit;
}

enum err world_list_sources(struct world *w, struct str customer, struct str prefix, struct str after, size_t limit, struct arena *a,
                            struct source_info **infos, size_t *count, bool *more, struct fault *fault) {
    enum err err = collect(w, &(struct want){.customer = customer, .prefix = prefix}, a, infos, count, fault);
    if (!err) cut(infos, count, false, after, limit, more);
    return err;
}

enum err world_list_source_customers(struct world *w, struct str partner, struct str name, struct str after, size_t limit, struct arena *a,
                                     struct source_info **infos, size_t *count, bool *more, struct fault *fault) {
    enum err err = collect(w, &(struct want){.partner = partner, .name = name}, a, infos, count, fault);
    if (!err && !*count) err = missing(name, fault);
    if (!err) cut(infos, count, true, after, limit, more);
    return err;
}

enum err world_list_source_names(struct world *w, struct str partner, struct str prefix, struct str after, size_t limit, struct arena *a,
                                 struct str **names, size_t *count, bool *more, struct fault *fault) {
    struct source_info *infos;
    size_t n, out = 0;
    enum err err = collect(w, &(struct want){.partner = partner, .prefix = prefix}, a, &infos, &n, fault);
    if (err) return err;
    *names = arena_array(a, n, sizeof **names);
    if (!*names) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < n; i++)
        if ((!after.p || str_cmp(infos[i].name, after) > 0) && (!i || !str_eq(infos[i].name, infos[i - 1].name))) (*names)[out++] = infos[i].name;
    *more = out > limit;
    *count = *more ? limit : out;
    return ERR_OK;
}

enum err world_active_customers(struct world *w, struct str partner, struct str name, struct arena *a, struct str **accounts, size_t *count,
                                struct fault *fault) {
    struct source_info *infos;
    size_t n;
    *count = 0;
    enum err err = collect(w, &(struct want){.partner = partner, .name = name}, a, &infos, &n, fault);
    if (!err && !n) err = missing(name, fault);
    if (!err && !(*accounts = arena_array(a, n, sizeof **accounts))) err = fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; !err && i < n; i++)
        if (infos[i].state == SOURCE_ACTIVE) (*accounts)[(*count)++] = infos[i].customer;
    return err;
}

/* ---- changes ------------------------------------------------------------------------------------------------------------------------------ */
/* Is the name another partner's? How many sources has this one? */
static bool name_is_taken(struct world *w, struct str partner, struct str name, int64_t *own) {
    int64_t now = clock_now_ms();
    size_t at = 0;
    void *value;
    bool taken = false;
    *own = 0;
    while (map_next(&w->sources, &at, NULL, &value)) {
        const struct source *s = value;
        enum source_state state;
        if (!state_of(w, s, now, &state)) continue;
        *own += str_eq(s->partner, partner);
        taken |= str_eq(s->name, name) && !str_eq(s->partner, partner);
    }
    return taken;
}

/* In place of one that is over; with its bus still there it waits to be activated. */
static enum err create_locked(struct world *w, struct str partner, struct str customer, struct str name, struct fault *fault) {
    int64_t now = clock_now_ms();
    struct phase phase = {.created_ms = now, .pending_ms = now, .off = bus_slot_locked(w, (struct bus_ref){customer, name})};
    struct source *s = source_new(customer, name, partner, phase);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    struct change c;
    void *old = NULL;
    change_init(&c);
    change_source(&c, s, phase);
    enum err err = change_commit(w, &c, fault);
    struct arena a;
    arena_init(&a, 0);
    if (!err && !map_put(&w->sources, bus_key(&a, (struct bus_ref){customer, name}), s, &old)) err = fault_set(fault, ERR_NOMEM, NULL);
    arena_fini(&a);
    free(err ? s : old);
    return err;
}

/* Records of sources that do not exist any more go when their partner makes another one: so their number has a bound. */
static enum err purge_locked(struct world *w, struct str partner, struct fault *fault) {
    int64_t now = clock_now_ms();
    struct change c;
    size_t at = 0;
    void *value;
    enum source_state state;
    change_init(&c);
    while (map_next(&w->sources, &at, NULL, &value))
        if (str_eq(((struct source *)value)->partner, partner) && !state_of(w, value, now, &state)) change_gone(&c, value);
    if (!c.txn.count) {
        change_fini(&c);
        return ERR_OK;
    }
    enum err err = change_commit(w, &c, fault);
    at = 0;
    while (!err && map_next(&w->sources, &at, NULL, &value))
        if (str_eq(((struct source *)value)->partner, partner) && !state_of(w, value, now, &state)) detach(w, value);
    return err;
}

enum err world_create_source(struct world *w, struct str partner, struct str customer, struct str name, struct fault *fault) {
    enum source_state state;
    int64_t own;
    pthread_mutex_lock(&w->lock);
    enum err err = ERR_OK;
    const struct source *s = source_of(w, customer, name, &state);
    if (!map_get(&w->accounts, customer))
        err = fault_set(fault, ERR_NOT_FOUND, "Account %.*s does not exist.", STR_ARG(customer));
    else if ((s && state != SOURCE_DELETED) || name_is_taken(w, partner, name, &own))
        err = fault_set(fault, ERR_EXISTS, "Event source %.*s already exists.", STR_ARG(name));
    else if (own >= w->o.settings->partner_sources)
        err = fault_set(fault, ERR_LIMIT, NULL);
    if (!err) err = purge_locked(w, partner, fault);
    if (!err) err = create_locked(w, partner, customer, name, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_delete_source(struct world *w, struct str partner, struct str customer, struct str name, struct fault *fault) {
    enum source_state state;
    enum err err = ERR_OK;
    pthread_mutex_lock(&w->lock);
    struct source *s = source_of(w, customer, name, &state);
    if (s && str_eq(s->partner, partner) && has_bus(w, s)) {
        struct phase phase = s->phase;
        phase.deleted = true;
        err = commit_phase(w, s, phase, fault);
    } else if (s && str_eq(s->partner, partner)) {
        struct change c;
        change_init(&c);
        change_gone(&c, s);
        err = change_commit(w, &c, fault);
        if (!err) detach(w, s);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_describe_source(struct world *w, struct str customer, struct str name, struct arena *a, struct source_info *info,
                               struct fault *fault) {
    enum source_state state;
    pthread_mutex_lock(&w->lock);
    const struct source *s = source_of(w, customer, name, &state);
    if (s) *info = info_of(s, state, a);
    pthread_mutex_unlock(&w->lock);
    if (!s) return missing(name, fault);
    return info_is_whole(info) ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err world_switch_source(struct world *w, struct str customer, struct str name, bool on, struct fault *fault) {
    enum source_state state;
    pthread_mutex_lock(&w->lock);
    struct source *s = source_of(w, customer, name, &state);
    enum err err = ERR_OK;
    if (!s)
        err = missing(name, fault);
    else if (state == SOURCE_DELETED)
        err = fault_set(fault, ERR_INVALID_STATE, "Event source %.*s is in the state DELETED: its partner has to offer it again.", STR_ARG(name));
    else if (!has_bus(w, s))
        err = fault_set(fault, ERR_INVALID_STATE, "Event source %.*s has no event bus: make one of its name first.", STR_ARG(name));
    else if (s->phase.off == on)
        err = commit_phase(w, s, (struct phase){.created_ms = s->phase.created_ms, .pending_ms = clock_now_ms(), .off = !on}, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}
