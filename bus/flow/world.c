/* Life of the world, snapshots, accounts and keys. */
#include <assert.h>
#include <stdlib.h>

#include "arn.h"
#include "clock.h"
#include "doc.h"
#include "document.h"
#include "hash.h"
#include "json.h"
#include "matcher.h"
#include "world_state.h"

enum { NUMBER_STEP = 100 }; /* numbers are taken from the store this many at a time */

/* ---- changes ------------------------------------------------------------------------------------------------------------------- */
void change_init(struct change *c) {
    arena_init(&c->arena, 0);
    txn_init(&c->txn, &c->arena);
    c->failed = false;
}

static void change_add(struct change *c, enum store_op_kind op_kind, const char *kind, struct str key, struct str value) {
    struct store_op *op = txn_add(&c->txn, op_kind);
    struct str k = arena_str(&c->arena, key), v = arena_str(&c->arena, value);
    if (!op || !k.p || (value.p && !v.p)) {
        c->failed = true;
        return;
    }
    op->u.catalog.kind = str_from(kind);
    op->u.catalog.key = k;
    op->u.catalog.value = v;
}

void change_put(struct change *c, const char *kind, struct str key, struct str value) { change_add(c, OP_CATALOG_PUT, kind, key, value); }
void change_delete(struct change *c, const char *kind, struct str key) { change_add(c, OP_CATALOG_DELETE, kind, key, STR_NULL); }
void change_fini(struct change *c) { arena_fini(&c->arena); }

enum err change_commit(struct world *w, struct change *c, struct fault *fault) {
    enum err err = c->failed ? fault_set(fault, ERR_NOMEM, NULL) : committer_run(w->o.committer, &c->txn, fault);
    change_fini(c);
    return err;
}

/* ---- slots ---------------------------------------------------------------------------------------------------------------------- */
struct str bus_key(struct arena *a, struct bus_ref bus) {
    return arena_printf(a, "%.*s/%.*s", STR_ARG(bus.account), STR_ARG(bus.name));
}

struct str rule_key(struct arena *a, struct bus_ref bus, struct str rule) {
    return arena_printf(a, "%.*s/%.*s/%.*s", STR_ARG(bus.account), STR_ARG(bus.name), STR_ARG(rule));
}

struct bus_slot *bus_slot_locked(struct world *w, struct bus_ref bus) {
    struct buf key;
    buf_init(&key, 0);
    buf_add(&key, bus.account);
    buf_addc(&key, '/');
    buf_add(&key, bus.name);
    struct bus_slot *slot = key.failed ? NULL : map_get(&w->buses, buf_str(&key));
    buf_fini(&key);
    return slot;
}

enum err bus_need_locked(struct world *w, struct bus_ref bus, struct bus_slot **slot, struct fault *fault) {
    *slot = bus_slot_locked(w, bus);
    return *slot ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Event bus %.*s does not exist.", STR_ARG(bus.name));
}

bool bus_attach_locked(struct world *w, struct bus_head *head) {
    struct bus_ref ref = {head->account, head->name};
    struct bus_slot *slot = bus_slot_locked(w, ref);
    if (slot) {
        bus_head_release(slot->head);
        slot->head = head;
    } else {
        struct buf key;
        buf_init(&key, 0);
        buf_addf(&key, "%.*s/%.*s", STR_ARG(ref.account), STR_ARG(ref.name));
        slot = calloc(1, sizeof *slot);
        bool put = slot && !key.failed && (slot->set = matcher_set_new()) && map_put(&w->buses, buf_str(&key), slot, NULL);
        buf_fini(&key);
        if (!put) {
            if (slot) matcher_set_free(slot->set);
            free(slot);
            return false;
        }
        slot->head = head;
        struct account *account = map_get(&w->accounts, head->account);
        if (account) account->bus_count++;
    }
    bus_view_release(slot->view);
    slot->view = NULL;
    return true;
}

static void bus_slot_free(struct bus_slot *slot) {
    matcher_set_free(slot->set);
    for (size_t i = 0; i < slot->rule_count; i++) rule_view_release(slot->rules[i]);
    free(slot->rules);
    bus_head_release(slot->head);
    bus_view_release(slot->view);
    free(slot);
}

void bus_detach_locked(struct world *w, struct bus_ref bus) {
    struct buf key;
    buf_init(&key, 0);
    buf_addf(&key, "%.*s/%.*s", STR_ARG(bus.account), STR_ARG(bus.name));
    struct bus_slot *slot = map_remove(&w->buses, buf_str(&key));
    buf_fini(&key);
    if (!slot) return;
    struct account *account = map_get(&w->accounts, bus.account);
    if (account) account->bus_count--;
    bus_slot_free(slot);
}

size_t rule_index(const struct bus_slot *slot, struct str name) {
    size_t low = 0, high = slot->rule_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_cmp(slot->rules[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct rule_view *rule_find(const struct bus_slot *slot, struct str name) {
    size_t i = rule_index(slot, name);
    return i < slot->rule_count && str_eq(slot->rules[i]->name, name) ? slot->rules[i] : NULL;
}

static void slot_touched(struct bus_slot *slot) {
    bus_view_release(slot->view);
    slot->view = NULL;
}

static bool matcher_add(struct bus_slot *slot, struct rule_view *rule) {
    if (!rule->enabled || !rule->pattern) return true;
    rule->in_matcher = matcher_set_add(slot->set, rule->pattern, rule, &rule->matcher_id) == ERR_OK;
    return rule->in_matcher;
}

static void matcher_remove(struct bus_slot *slot, struct rule_view *rule) {
    if (rule->in_matcher) matcher_set_remove(slot->set, rule->matcher_id);
    rule->in_matcher = false;
}

bool rule_attach_locked(struct bus_slot *slot, struct rule_view *rule) {
    size_t i = rule_index(slot, rule->name);
    if (!matcher_add(slot, rule)) return false;
    if (i < slot->rule_count && str_eq(slot->rules[i]->name, rule->name)) {
        matcher_remove(slot, slot->rules[i]);
        rule_view_release(slot->rules[i]);
    } else {
        if (slot->rule_count == slot->rule_cap) {
            size_t cap = slot->rule_cap ? slot->rule_cap * 2 : 8;
            struct rule_view **rules = realloc(slot->rules, cap * sizeof(struct rule_view *));
            if (!rules) {
                matcher_remove(slot, rule);
                return false;
            }
            slot->rules = rules;
            slot->rule_cap = cap;
        }
        memmove(&slot->rules[i + 1], &slot->rules[i], (slot->rule_count - i) * sizeof(struct rule_view *));
        slot->rule_count++;
    }
    slot->rules[i] = rule;
    slot_touched(slot);
    return true;
}

void rule_detach_locked(struct bus_slot *slot, struct str name) {
    size_t i = rule_index(slot, name);
    if (i == slot->rule_count || !str_eq(slot->rules[i]->name, name)) return;
    struct rule_view *gone = slot->rules[i];
    slot->rule_count--;
    memmove(&slot->rules[i], &slot->rules[i + 1], (slot->rule_count - i) * sizeof(struct rule_view *));
    matcher_remove(slot, gone);
    rule_view_release(gone);
    slot_touched(slot);
}

/* ---- snapshots -------------------------------------------------------------------------------------------------------------------- */
/* Rules that changed since the last view are compiled here: with the world's lock, without anybody who matches waiting. */
static struct bus_view *bus_view_make(const struct bus_slot *slot) {
    struct bus_view *v = malloc(sizeof *v + slot->rule_count * sizeof(struct rule_view *));
    if (!v) return NULL;
    *v = (struct bus_view){.refs = 1, .head = slot->head, .rules = (struct rule_view **)(void *)(v + 1), .rule_count = slot->rule_count};
    if (matcher_set_publish(slot->set, &v->matcher)) {
        free(v);
        return NULL;
    }
    atomic_fetch_add_explicit(&v->head->refs, 1, memory_order_relaxed);
    for (size_t i = 0; i < slot->rule_count; i++) {
        v->rules[i] = slot->rules[i];
        atomic_fetch_add_explicit(&v->rules[i]->refs, 1, memory_order_relaxed);
    }
    return v;
}

static struct snapshot *snapshot_make_locked(struct world *w) {
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->refs = 1;
    s->generation = ++w->generation;
    map_init(&s->buses);
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&w->buses, &at, &key, &value)) {
        struct bus_slot *slot = value;
        if (!slot->view) {
            if (!(slot->view = bus_view_make(slot))) break;
            if (matcher_set_is_scattered(slot->set)) compactor_wake_locked(w->compactor);
        }
        if (!map_put(&s->buses, key, slot->view, NULL)) break;
        atomic_fetch_add_explicit(&slot->view->refs, 1, memory_order_relaxed);
    }
    if (s->buses.count == w->buses.count) return s;
    snapshot_release(s);
    return NULL;
}

/* Without memory for a new picture the old one stays, and the next change tries again: late, but never half. */
static void publish_locked(struct world *w) {
    struct snapshot *next = snapshot_make_locked(w);
    w->stale = !next;
    if (next) snapshot_publish(w->cell, next);
}

void world_changed_locked(struct world *w) {
    w->stale = true;
    if (!w->bulk) publish_locked(w);
}

void world_bulk_begin(struct world *w) {
    pthread_mutex_lock(&w->lock);
    w->bulk++;
    pthread_mutex_unlock(&w->lock);
}

void world_bulk_end(struct world *w) {
    pthread_mutex_lock(&w->lock);
    assert(w->bulk > 0);
    if (--w->bulk == 0 && w->stale) publish_locked(w);
    pthread_mutex_unlock(&w->lock);
}

struct snapshot *world_snapshot(struct world *w) {
    return snapshot_acquire(w->cell);
}

enum err world_next_number(struct world *w, int64_t *number, struct fault *fault) {
    enum err err = ERR_OK;
    pthread_mutex_lock(&w->lock);
    if (w->next_number == w->number_limit) {
        struct change c;
        change_init(&c);
        change_put(&c, "number", STR("next"), arena_printf(&c.arena, "%lld", (long long)w->number_limit + NUMBER_STEP));
        err = change_commit(w, &c, fault);
        if (!err) w->number_limit += NUMBER_STEP;
    }
    if (!err) *number = w->next_number++;
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* ---- accounts ------------------------------------------------------------------------------------------------------------------------ */
static struct str own(struct str s) {
    if (!s.p) return STR_NULL;
    char *p = malloc(s.n + 1);
    if (!p) return STR_NULL;
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return str_of(p, s.n);
}

static void account_free(struct account *account) {
    if (!account) return;
    free((char *)(uintptr_t)account->name.p);
    free(account);
}

static enum err account_attach(struct world *w, struct str id, struct str name, int64_t created_ms, struct fault *fault) {
    struct account *account = calloc(1, sizeof *account);
    if (!account) return fault_set(fault, ERR_NOMEM, NULL);
    memcpy(account->id, id.p, 12);
    account->name = own(name);
    account->created_ms = created_ms;
    if ((name.p && !account->name.p) || !map_put(&w->accounts, id, account, NULL)) {
        account_free(account);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    return ERR_OK;
}

static void write_account(struct buf *out, struct str name, int64_t created_ms) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    if (name.p) json_key_str(&j, "name", name);
    json_key_i64(&j, "created", created_ms);
    json_object_end(&j);
}

enum err world_create_account(struct world *w, struct str id, struct str name, struct fault *fault) {
    if (!account_is_valid(id))
        return fault_at(fault, ERR_VALIDATION, "accountId", 0, 0, "'%.*s' is no account id: 12 digits are one.", STR_ARG(id));
    int64_t now = clock_now_ms();
    struct buf record, bus_record;
    buf_init(&record, 0);
    buf_init(&bus_record, 0);
    write_account(&record, name, now);
    struct bus_draft draft = {.account = id, .name = STR("default"), .created_ms = now, .modified_ms = now};
    record_write_bus(&bus_record, &draft);
    struct bus_head *head = NULL;
    pthread_mutex_lock(&w->lock);
    enum err err = ERR_OK;
    if (map_get(&w->accounts, id)) err = fault_set(fault, ERR_EXISTS, "Account %.*s already exists.", STR_ARG(id));
    if (!err && (record.failed || bus_record.failed)) err = fault_set(fault, ERR_NOMEM, NULL);
    if (!err) err = record_bus(buf_str(&bus_record), w->region, &head, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_put(&c, "account", id, buf_str(&record));
        change_put(&c, "bus", bus_key(&c.arena, (struct bus_ref){id, STR("default")}), buf_str(&bus_record));
        err = change_commit(w, &c, fault);
    }
    if (!err) err = account_attach(w, id, name, now, fault);
    if (!err && bus_attach_locked(w, head)) {
        head = NULL;
        world_changed_locked(w);
    }
    pthread_mutex_unlock(&w->lock);
    bus_head_release(head);
    buf_fini(&record);
    buf_fini(&bus_record);
    return err;
}

static void key_free(struct key *key) {
    if (!key) return;
    caller_release(key->caller);
    free((char *)(uintptr_t)key->description.p);
    free((char *)(uintptr_t)key->policy.p);
    free(key);
}

static void key_detach(struct world *w, struct str id) {
    pthread_rwlock_wrlock(&w->keys_lock);
    struct key *key = map_remove(&w->keys, id);
    pthread_rwlock_unlock(&w->keys_lock);
    key_free(key);
}

/* Adds to c the deletion of all of an account's records. */
static void change_delete_account(struct world *w, struct change *c, struct str id) {
    change_delete(c, "account", id);
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&w->buses, &at, &key, &value)) {
        const struct bus_slot *slot = value;
        if (!str_eq(slot->head->account, id)) continue;
        change_delete(c, "bus", key);
        for (size_t i = 0; i < slot->rule_count; i++)
            change_delete(c, "rule", rule_key(&c->arena, (struct bus_ref){id, slot->head->name}, slot->rules[i]->name));
    }
    archive_change_delete_account(w, c, id);
    at = 0;
    while (map_next(&w->keys, &at, &key, &value))
        if (str_eq(((struct key *)value)->caller->account, id)) change_delete(c, "key", key);
}

enum err world_delete_account(struct world *w, struct str id, struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    enum err err = map_get(&w->accounts, id) ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Account %.*s does not exist.", STR_ARG(id));
    struct change c;
    change_init(&c);
    if (!err) {
        change_delete_account(w, &c, id);
        err = change_commit(w, &c, fault);
    } else {
        change_fini(&c);
    }
    if (!err) {
        size_t at = 0;
        struct str key;
        void *value;
        while (map_next(&w->buses, &at, &key, &value))
            if (str_eq(((struct bus_slot *)value)->head->account, id)) {
                bus_slot_free(value);
                map_remove(&w->buses, key);
            }
        at = 0;
        while (map_next(&w->keys, &at, &key, &value))
            if (str_eq(((struct key *)value)->caller->account, id)) key_detach(w, key);
        archive_detach_locked(w, id);
        account_free(map_remove(&w->accounts, id));
        world_changed_locked(w);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

static int by_account(const void *a, const void *b) {
    return str_cmp(((const struct account_info *)a)->id, ((const struct account_info *)b)->id);
}

enum err world_list_accounts(struct world *w, struct arena *a, struct account_info **accounts, size_t *count, struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    *count = 0;
    *accounts = arena_array(a, w->accounts.count, sizeof **accounts);
    size_t at = 0;
    void *value;
    while (*accounts && map_next(&w->accounts, &at, NULL, &value)) {
        const struct account *account = value;
        (*accounts)[(*count)++] =
            (struct account_info){arena_str(a, str_of(account->id, 12)), arena_str(a, account->name), account->created_ms};
    }
    pthread_mutex_unlock(&w->lock);
    if (!*accounts) return fault_set(fault, ERR_NOMEM, NULL);
    if (*count) qsort(*accounts, *count, sizeof **accounts, by_account);
    return ERR_OK;
}

/* ---- access keys ------------------------------------------------------------------------------------------------------------------------
 */
void caller_release(struct caller *c) {
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
    policy_free(c->identity);
    explicit_bzero((char *)(uintptr_t)c->secret.p, c->secret.n);
    free((char *)(uintptr_t)c->account.p);
    free((char *)(uintptr_t)c->key_id.p);
    free((char *)(uintptr_t)c->secret.p);
    free((char *)(uintptr_t)c->principal_arn.p);
    free(c);
}

static enum err caller_new(const struct key_spec *spec, struct caller **out, struct fault *fault) {
    struct policy *identity = NULL;
    if (spec->policy.p) {
        enum err err = policy_parse(spec->policy, POLICY_IDENTITY, &identity, fault);
        if (err) return err;
    }
    struct caller *c = calloc(1, sizeof *c);
    if (!c) {
        policy_free(identity);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    struct buf arn;
    buf_init(&arn, 0);
    buf_addf(&arn, "arn:aws:iam::%.*s:user/%.*s", STR_ARG(spec->account), STR_ARG(spec->id));
    *c = (struct caller){.refs = 1,
                         .identity = identity,
                         .is_operator = spec->is_operator,
                         .account = own(spec->account),
                         .key_id = own(spec->id),
                         .secret = own(spec->secret),
                         .principal_arn = own(buf_str(&arn))};
    buf_fini(&arn);
    if (!c->account.p || !c->key_id.p || !c->secret.p || !c->principal_arn.p) {
        caller_release(c);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    *out = c;
    return ERR_OK;
}

static enum err key_attach(struct world *w, const struct key_spec *spec, int64_t created_ms, struct fault *fault) {
    struct key *key = calloc(1, sizeof *key);
    void *old = NULL;
    if (!key) return fault_set(fault, ERR_NOMEM, NULL);
    key->description = own(spec->description);
    key->policy = own(spec->policy);
    key->created_ms = created_ms;
    enum err err = caller_new(spec, &key->caller, fault);
    if (!err && ((spec->description.p && !key->description.p) || (spec->policy.p && !key->policy.p)))
        err = fault_set(fault, ERR_NOMEM, NULL);
    pthread_rwlock_wrlock(&w->keys_lock);
    if (!err && !map_put(&w->keys, spec->id, key, &old)) err = fault_set(fault, ERR_NOMEM, NULL);
    pthread_rwlock_unlock(&w->keys_lock);
    key_free(err ? key : old);
    return err;
}

static void write_key(struct buf *out, const struct key_spec *spec, int64_t created_ms) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "account", spec->account);
    json_key_str(&j, "secret", spec->secret);
    if (spec->description.p) json_key_str(&j, "description", spec->description);
    if (spec->policy.p) json_key_str(&j, "policy", spec->policy);
    if (spec->is_operator) json_key_bool(&j, "operator", true);
    json_key_i64(&j, "created", created_ms);
    json_object_end(&j);
}

static enum err key_store(struct world *w, const struct key_spec *spec, int64_t created_ms, struct fault *fault) {
    struct buf record;
    buf_init(&record, 0);
    write_key(&record, spec, created_ms);
    struct change c;
    change_init(&c);
    change_put(&c, "key", spec->id, buf_str(&record));
    c.failed |= record.failed;
    enum err err = change_commit(w, &c, fault);
    if (record.p) explicit_bzero(record.p, record.n);
    buf_fini(&record);
    return err;
}

/* AWS's forms: AKIA and 16 of A-Z2-7; 40 characters of base64. */
static void make_key_id(char out[21]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    memcpy(out, "AKIA", 4);
    for (int i = 4; i < 20; i++) out[i] = alphabet[rng_below(32)];
    out[20] = 0;
}

static void make_secret(struct buf *out) {
    uint8_t bytes[30];
    rng_bytes(bytes, sizeof bytes);
    hash_base64(out, str_of((const char *)bytes, sizeof bytes));
    explicit_bzero(bytes, sizeof bytes);
}

static bool key_id_is_valid(struct str id) {
    if (id.n < 3 || id.n > 128) return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')) return false;
    }
    return true;
}

enum err world_create_key(struct world *w, const struct key_spec *given, struct arena *a, struct str *out_id, struct str *out_secret,
                          struct fault *fault) {
    char id[21];
    struct buf secret;
    buf_init(&secret, 0);
    struct key_spec spec = *given;
    if (!spec.id.p) {
        make_key_id(id);
        spec.id = str_of(id, 20);
    }
    if (!spec.secret.p) {
        make_secret(&secret);
        spec.secret = buf_str(&secret);
    }
    enum err err = ERR_OK;
    if (!key_id_is_valid(spec.id))
        err = fault_at(fault, ERR_VALIDATION, "accessKeyId", 0, 0, "An access key id has 3 to 128 letters, digits, '_', '-' or '.'.");
    else if (spec.secret.n < 8 || spec.secret.n > 256)
        err = fault_at(fault, ERR_VALIDATION, "secretAccessKey", 0, 0, "A secret access key has 8 to 256 characters.");
    int64_t now = clock_now_ms();
    pthread_mutex_lock(&w->lock);
    if (!err && !map_get(&w->accounts, spec.account))
        err = fault_set(fault, ERR_NOT_FOUND, "Account %.*s does not exist.", STR_ARG(spec.account));
    if (!err && map_get(&w->keys, spec.id)) err = fault_set(fault, ERR_EXISTS, "Access key %.*s already exists.", STR_ARG(spec.id));
    struct policy *checked = NULL;
    if (!err && spec.policy.p) err = policy_parse(spec.policy, POLICY_IDENTITY, &checked, fault);
    policy_free(checked);
    if (!err) err = key_store(w, &spec, now, fault);
    if (!err) err = key_attach(w, &spec, now, fault);
    pthread_mutex_unlock(&w->lock);
    if (!err) {
        *out_id = arena_str(a, spec.id);
        *out_secret = arena_str(a, spec.secret);
        if (!out_id->p || !out_secret->p) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    if (secret.p) explicit_bzero(secret.p, secret.n);
    buf_fini(&secret);
    return err;
}

static enum err key_need_locked(struct world *w, struct str id, struct key **key, struct fault *fault) {
    *key = map_get(&w->keys, id);
    return *key ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Access key %.*s does not exist.", STR_ARG(id));
}

enum err world_delete_key(struct world *w, struct str id, struct fault *fault) {
    struct key *key;
    pthread_mutex_lock(&w->lock);
    enum err err = key_need_locked(w, id, &key, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_delete(&c, "key", id);
        err = change_commit(w, &c, fault);
    }
    if (!err) key_detach(w, id);
    pthread_mutex_unlock(&w->lock);
    return err;
}

static int by_key(const void *a, const void *b) { return str_cmp(((const struct key_info *)a)->id, ((const struct key_info *)b)->id); }

enum err world_list_keys(struct world *w, struct str account, struct arena *a, struct key_info **keys, size_t *count, struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    *count = 0;
    *keys = arena_array(a, w->keys.count, sizeof **keys);
    size_t at = 0;
    void *value;
    while (*keys && map_next(&w->keys, &at, NULL, &value)) {
        const struct key *key = value;
        if (account.p && !str_eq(key->caller->account, account)) continue;
        (*keys)[(*count)++] = (struct key_info){arena_str(a, key->caller->key_id),
                                                arena_str(a, key->caller->account),
                                                arena_str(a, key->description),
                                                arena_str(a, key->policy),
                                                key->created_ms,
                                                key->caller->is_operator};
    }
    pthread_mutex_unlock(&w->lock);
    if (!*keys) return fault_set(fault, ERR_NOMEM, NULL);
    if (*count) qsort(*keys, *count, sizeof **keys, by_key);
    return ERR_OK;
}

enum err world_set_key_policy(struct world *w, struct str id, struct str policy, struct fault *fault) {
    struct key *key;
    struct policy *checked = NULL;
    enum err err = policy.p ? policy_parse(policy, POLICY_IDENTITY, &checked, fault) : ERR_OK;
    policy_free(checked);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    err = key_need_locked(w, id, &key, fault);
    if (!err) {
        struct arena a;
        arena_init(&a, 0);
        struct key_spec spec = {.id = arena_str(&a, id),
                                .secret = arena_str(&a, key->caller->secret),
                                .account = arena_str(&a, key->caller->account),
                                .description = arena_str(&a, key->description),
                                .policy = policy,
                                .is_operator = key->caller->is_operator};
        int64_t created_ms = key->created_ms;
        err = spec.id.p && spec.secret.p && spec.account.p ? key_store(w, &spec, created_ms, fault) : fault_set(fault, ERR_NOMEM, NULL);
        if (!err) err = key_attach(w, &spec, created_ms, fault);
        arena_fini(&a);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

struct caller *world_caller(struct world *w, struct str key_id) {
    pthread_rwlock_rdlock(&w->keys_lock);
    struct key *key = map_get(&w->keys, key_id);
    struct caller *caller = key ? key->caller : NULL;
    if (caller) atomic_fetch_add_explicit(&caller->refs, 1, memory_order_relaxed);
    pthread_rwlock_unlock(&w->keys_lock);
    return caller;
}

enum err world_account_caller(struct world *w, struct str account, struct str name, struct caller **out, struct fault *fault) {
    pthread_mutex_lock(&w->lock);
    bool there = map_get(&w->accounts, account);
    pthread_mutex_unlock(&w->lock);
    if (!there) return fault_set(fault, ERR_NOT_FOUND, "Account %.*s does not exist.", STR_ARG(account));
    struct key_spec spec = {.id = name, .secret = STR(""), .account = account, .is_operator = str_eqz(account, "000000000000")};
    return caller_new(&spec, out, fault);
}

/* ---- loading
 * ----------------------------------------------------------------------------------------------------------------------------- */
struct loading {
    struct world *w;
    struct fault *fault;
};

static enum err damaged(struct fault *fault, const char *kind, struct str key) {
    char why[512];
    str_copyz(why, sizeof why, str_from(fault->message));
    return fault_set(fault, ERR_CORRUPT, "the stored %s '%.*s' cannot be loaded: %s", kind, STR_ARG(key), why);
}

static struct str text_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

static int64_t number_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    int64_t v = 0;
    return n && n->kind == NODE_NUMBER && str_to_i64(n->text, &v) ? v : 0;
}

static enum err load_account(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    struct arena a;
    arena_init(&a, 0);
    struct node *root;
    enum err err = doc_parse(&a, value, &root, l->fault);
    if (!err && !account_is_valid(key)) err = fault_set(l->fault, ERR_CORRUPT, "it is no account id");
    if (!err) err = account_attach(l->w, key, text_of(root, "name"), number_of(root, "created"), l->fault);
    arena_fini(&a);
    return err ? damaged(l->fault, "account", key) : ERR_OK;
}

static enum err load_key(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    struct arena a;
    arena_init(&a, 0);
    struct node *root;
    enum err err = doc_parse(&a, value, &root, l->fault);
    if (!err) {
        const struct node *op = doc_get(root, STR("operator"));
        struct key_spec spec = {.id = key,
                                .secret = text_of(root, "secret"),
                                .account = text_of(root, "account"),
                                .description = text_of(root, "description"),
                                .policy = text_of(root, "policy"),
                                .is_operator = op && op->kind == NODE_TRUE};
        if (!spec.secret.p || !spec.account.p)
            err = fault_set(l->fault, ERR_CORRUPT, "it has no secret or no account");
        else
            err = key_attach(l->w, &spec, number_of(root, "created"), l->fault);
    }
    arena_fini(&a);
    return err ? damaged(l->fault, "access key", key) : ERR_OK;
}

static enum err load_bus(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    struct bus_head *head = NULL;
    enum err err = record_bus(value, l->w->region, &head, l->fault);
    if (!err && !bus_attach_locked(l->w, head)) err = fault_set(l->fault, ERR_NOMEM, NULL);
    if (err && head) bus_head_release(head);
    return err ? damaged(l->fault, "event bus", key) : ERR_OK;
}

static enum err load_rule(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    struct rule_view *rule = NULL;
    enum err err = record_rule(value, l->w->region, &rule, l->fault);
    struct bus_slot *slot = err ? NULL : bus_slot_locked(l->w, (struct bus_ref){rule->account, rule->bus});
    if (!err && !slot) err = fault_set(l->fault, ERR_CORRUPT, "its event bus is missing");
    if (!err && !rule_attach_locked(slot, rule)) err = fault_set(l->fault, ERR_NOMEM, NULL);
    if (err) rule_view_release(rule);
    return err ? damaged(l->fault, "rule", key) : ERR_OK;
}

static enum err load_archive(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    return archive_load_locked(l->w, value, l->fault) ? damaged(l->fault, "archive", key) : ERR_OK;
}

static enum err load_number(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    if (!str_to_i64(value, &l->w->number_limit)) return damaged(l->fault, "number", key);
    l->w->next_number = l->w->number_limit;
    return ERR_OK;
}

static enum err load(struct world *w, struct fault *fault) {
    static const struct {
        struct str kind;
        enum err (*each)(void *, struct str, struct str);
    } steps[] = {{{"number", 6}, load_number},
                 {{"account", 7}, load_account},
                 {{"key", 3}, load_key},
                 {{"bus", 3}, load_bus},
                 {{"rule", 4}, load_rule},
                 {{"archive", 7}, load_archive}};
    struct store *store = committer_store(w->o.committer);
    struct loading l = {w, fault};
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < sizeof steps / sizeof steps[0]; i++)
        err = store->ops->catalog_scan(store, steps[i].kind, steps[i].each, &l, fault);
    return err;
}

enum err world_open(const struct world_options *options, struct world **out, struct fault *fault) {
    struct world *w = calloc(1, sizeof *w);
    if (!w) return fault_set(fault, ERR_NOMEM, NULL);
    w->o = *options;
    w->region = own(options->region);
    w->next_number = w->number_limit = 1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_rwlock_init(&w->keys_lock, NULL);
    map_init(&w->accounts);
    map_init(&w->keys);
    map_init(&w->buses);
    map_init(&w->archives);
    w->compactor = compactor_new(w);
    enum err err = w->compactor ? load(w, fault) : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) {
        struct snapshot *first = snapshot_make_locked(w);
        w->cell = first ? snapshot_cell_new(first) : NULL;
        if (!w->cell) {
            snapshot_release(first);
            err = fault_set(fault, ERR_NOMEM, NULL);
        }
    }
    if (err) {
        world_close(w);
        return err;
    }
    *out = w;
    return ERR_OK;
}

void world_close(struct world *w) {
    if (!w) return;
    compactor_free(w->compactor);
    size_t at = 0;
    void *value;
    while (map_next(&w->accounts, &at, NULL, &value)) account_free(value);
    at = 0;
    while (map_next(&w->keys, &at, NULL, &value)) key_free(value);
    at = 0;
    while (map_next(&w->buses, &at, NULL, &value)) bus_slot_free(value);
    archive_detach_locked(w, STR_NULL);
    map_fini(&w->archives);
    map_fini(&w->accounts);
    map_fini(&w->keys);
    map_fini(&w->buses);
    snapshot_cell_free(w->cell);
    pthread_mutex_destroy(&w->lock);
    pthread_rwlock_destroy(&w->keys_lock);
    free((char *)(uintptr_t)w->region.p);
    free(w);
}
