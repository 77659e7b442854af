#include <stdlib.h>

#include "clock.h"
#include "doc.h"
#include "json.h"
#include "log.h"
#include "replay_state.h"

static enum err no_memory(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }

static const char *const state_names[] = {
    [REPLAY_STARTING] = "STARTING",   [REPLAY_RUNNING] = "RUNNING",     [REPLAY_CANCELLING] = "CANCELLING",
    [REPLAY_COMPLETED] = "COMPLETED", [REPLAY_CANCELLED] = "CANCELLED", [REPLAY_FAILED] = "FAILED"};

const char *replay_state_name(enum replay_state state) { return state_names[state]; }

bool replay_state_of(struct str name, enum replay_state *state) {
    for (size_t s = 0; s < sizeof state_names / sizeof state_names[0]; s++) {
        if (!str_eqz(name, state_names[s])) continue;
        *state = (enum replay_state)s;
        return true;
    }
    return false;
}

/* ---- records ------------------------------------------------------------------------------------------------------------------------ */
/* Two records of each: what it is, written when that changes, and where it stands, written with every page. */
static struct str key_of(struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "%.*s/%.*s", STR_ARG(account), STR_ARG(name));
}

static bool add_put(struct txn *txn, const char *kind, const struct replay_info *i, struct buf *record) {
    struct store_op *op = txn_add(txn, OP_CATALOG_PUT);
    struct str value = record->failed ? STR_NULL : arena_str(txn->arena, buf_str(record));
    buf_fini(record);
    if (!op || !value.p) return false;
    op->u.catalog.kind = str_from(kind);
    op->u.catalog.key = key_of(txn->arena, i->account, i->name);
    op->u.catalog.value = value;
    return op->u.catalog.key.p;
}

bool replay_add_record(struct txn *txn, const struct replay *x) {
    const struct replay_info *i = &x->info;
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    json_key_str(&j, "account", i->account);
    json_key_str(&j, "name", i->name);
    if (i->description.p) json_key_str(&j, "description", i->description);
    json_key_str(&j, "archive", i->archive);
    json_key_i64(&j, "number", x->number);
    json_key_str(&j, "bus", i->bus);
    json_key(&j, STR("rules"));
    json_array_begin(&j);
    for (size_t k = 0; k < i->rule_count; k++) json_str(&j, i->rules[k]);
    json_array_end(&j);
    json_key_i64(&j, "from", i->from_ms);
    json_key_i64(&j, "until", i->until_ms);
    json_key_i64(&j, "rate", i->rate);
    json_key_str(&j, "state", str_from(replay_state_name(i->state)));
    if (i->reason.p) json_key_str(&j, "reason", i->reason);
    json_key_i64(&j, "started", i->started_ms);
    json_key_i64(&j, "ended", i->ended_ms);
    json_object_end(&j);
    return add_put(txn, "replay", i, &out);
}

bool replay_add_position(struct txn *txn, const struct replay *x, int64_t next, int64_t last_ms, int64_t replayed) {
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    json_key_i64(&j, "next", next);
    json_key_i64(&j, "last", last_ms);
    json_key_i64(&j, "replayed", replayed);
    json_object_end(&j);
    return add_put(txn, "replay-at", &x->info, &out);
}

bool replay_add_delete(struct txn *txn, const struct replay_info *i) {
    static const char *const kinds[] = {"replay", "replay-at"};
    for (size_t k = 0; k < 2; k++) {
        struct store_op *op = txn_add(txn, OP_CATALOG_DELETE);
        if (!op) return false;
        op->u.catalog.kind = str_from(kinds[k]);
        op->u.catalog.key = key_of(txn->arena, i->account, i->name);
        if (!op->u.catalog.key.p) return false;
    }
    return true;
}

/* ---- in memory ------------------------------------------------------------------------------------------------------------------------
 */
static void replay_free(struct replay *x) {
    if (!x) return;
    arena_fini(&x->arena);
    free(x);
}

/* Every string that was there and could not be copied is missed by its caller's look at the required ones, or harmless. */
static bool copy_info(struct str region, struct arena *a, const struct replay_info *from, struct replay_info *to) {
    struct str *rules = arena_array(a, from->rule_count, sizeof *rules);
    *to = *from;
    bool whole = rules;
    for (size_t i = 0; rules && i < from->rule_count; i++) whole &= (rules[i] = arena_str(a, from->rules[i])).p != NULL;
    to->rules = rules;
    to->account = arena_str(a, from->account);
    to->name = arena_str(a, from->name);
    to->description = arena_str(a, from->description);
    to->archive = arena_str(a, from->archive);
    to->bus = arena_str(a, from->bus);
    to->reason = arena_str(a, from->reason);
    to->arn = arena_printf(a, "arn:aws:events:%.*s:%.*s:replay/%.*s", STR_ARG(region), STR_ARG(from->account), STR_ARG(from->name));
    to->archive_arn =
        arena_printf(a, "arn:aws:events:%.*s:%.*s:archive/%.*s", STR_ARG(region), STR_ARG(from->account), STR_ARG(from->archive));
    to->bus_arn = arena_printf(a, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(region), STR_ARG(from->account), STR_ARG(from->bus));
    return whole && to->account.p && to->name.p && to->archive.p && to->bus.p && to->arn.p && to->archive_arn.p && to->bus_arn.p &&
           !from->description.p == !to->description.p && !from->reason.p == !to->reason.p;
}

static struct replay *replay_new(struct str region, const struct replay_info *info, int64_t number) {
    struct replay *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    arena_init(&x->arena, 0);
    x->number = number;
    if (copy_info(region, &x->arena, info, &x->info)) return x;
    replay_free(x);
    return NULL;
}

static struct replay *find_locked(struct replays *r, struct str account, struct str name) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = key_of(&a, account, name);
    struct replay *x = key.p ? map_get(&r->replays, key) : NULL;
    arena_fini(&a);
    return x;
}

static bool attach_locked(struct replays *r, struct replay *x) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = key_of(&a, x->info.account, x->info.name);
    bool put = key.p && map_put(&r->replays, key, x, NULL);
    arena_fini(&a);
    return put;
}

void replay_release_locked(struct replay *x) {
    x->held = false;
    if (x->forgotten) replay_free(x);
}

/* Out of the map; out of memory too, now or when the thread lets go of it. */
static void forget_locked(struct replays *r, struct replay *x) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = key_of(&a, x->info.account, x->info.name);
    map_remove(&r->replays, key);
    arena_fini(&a);
    x->forgotten = true;
    if (!x->held) replay_free(x);
}

/* ---- loading --------------------------------------------------------------------------------------------------------------------------
 */
struct loading {
    struct replays *r;
    struct fault *fault;
    struct replay *only; /* NULL: all */
};

static struct str text_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

static int64_t number_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    int64_t v;
    return n && n->kind == NODE_NUMBER && str_to_i64(n->text, &v) ? v : 0;
}

static enum err read_info(const struct node *root, struct arena *a, struct replay_info *info, struct fault *fault) {
    const struct node *rules = doc_get(root, STR("rules"));
    struct str *list = arena_array(a, rules ? rules->count : 0, sizeof *list), state = text_of(root, "state");
    if (!list) return no_memory(fault);
    *info = (struct replay_info){.account = text_of(root, "account"),
                                 .name = text_of(root, "name"),
                                 .description = text_of(root, "description"),
                                 .archive = text_of(root, "archive"),
                                 .bus = text_of(root, "bus"),
                                 .rules = list,
                                 .from_ms = number_of(root, "from"),
                                 .until_ms = number_of(root, "until"),
                                 .rate = number_of(root, "rate"),
                                 .reason = text_of(root, "reason"),
                                 .started_ms = number_of(root, "started"),
                                 .ended_ms = number_of(root, "ended")};
    for (const struct node *n = rules ? rules->child : NULL; n; n = n->next) list[info->rule_count++] = n->text;
    if (info->account.p && info->name.p && info->archive.p && info->bus.p && replay_state_of(state, &info->state)) return ERR_OK;
    return fault_set(fault, ERR_CORRUPT, "it has no account, name, archive, bus or state");
}

static enum err load_replay(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    struct arena a;
    struct node *root;
    struct replay_info info;
    struct replay *x = NULL;
    arena_init(&a, 0);
    enum err err = doc_parse(&a, value, &root, l->fault);
    if (!err) err = read_info(root, &a, &info, l->fault);
    if (!err) {
        x = replay_new(l->r->flow->region, &info, number_of(root, "number"));
        if (!x || !attach_locked(l->r, x)) err = no_memory(l->fault);
    }
    arena_fini(&a);
    if (!err) return ERR_OK;
    replay_free(x);
    char why[512];
    str_copyz(why, sizeof why, str_from(l->fault->message));
    return fault_set(l->fault, ERR_CORRUPT, "the stored replay '%.*s' cannot be loaded: %s", STR_ARG(key), why);
}

/* With the lock, but while nothing runs yet. */
static enum err load_position(void *ctx, struct str key, struct str value) {
    struct loading *l = ctx;
    struct replay *x = map_get(&l->r->replays, key);
    if (l->only && x != l->only) return ERR_OK;
    struct arena a;
    struct node *root;
    arena_init(&a, 0);
    enum err err = doc_parse(&a, value, &root, l->fault);
    if (!err && x) {
        x->next = number_of(root, "next");
        x->info.last_ms = number_of(root, "last");
        x->info.replayed = number_of(root, "replayed");
    }
    arena_fini(&a);
    return err ? fault_set(l->fault, ERR_CORRUPT, "the stored position of replay '%.*s' cannot be loaded", STR_ARG(key)) : ERR_OK;
}

enum err replay_reload(struct replays *r, struct replay *x, struct fault *fault) {
    struct store *s = r->flow->store;
    struct loading l = {r, fault, x};
    pthread_mutex_lock(&r->lock);
    enum err err = s->ops->catalog_scan(s, STR("replay-at"), load_position, &l, fault);
    pthread_mutex_unlock(&r->lock);
    return err;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------
 */
enum err replays_open(struct flow *flow, struct replays **out, struct fault *fault) {
    struct replays *r = calloc(1, sizeof *r);
    if (!r) return no_memory(fault);
    struct loading l = {r, fault, NULL};
    struct store *s = flow->store;
    pthread_condattr_t monotonic;
    r->flow = flow;
    map_init(&r->replays);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r->keeper = keeper_new(r);
    enum err err = r->keeper ? s->ops->catalog_scan(s, STR("replay"), load_replay, &l, fault) : no_memory(fault);
    if (!err) err = s->ops->catalog_scan(s, STR("replay-at"), load_position, &l, fault);
    if (!err && pthread_create(&r->thread, NULL, replays_main, r)) err = fault_set(fault, ERR_NOMEM, "no thread for replays");
    r->started = !err;
    if (err)
        replays_free(r);
    else
        *out = r;
    return err;
}

void replays_stop(struct replays *r) {
    if (!r || !r->started) return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    r->started = false;
}

void replays_free(struct replays *r) {
    if (!r) return;
    replays_stop(r);
    size_t at = 0;
    void *x;
    while (map_next(&r->replays, &at, NULL, &x)) replay_free(x);
    map_fini(&r->replays);
    keeper_free(r->keeper);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->wake);
    free(r);
}

/* ---- changes ----------------------------------------------------------------------------------------------------------------------------
 */
static enum err commit(struct replays *r, struct txn *txn, bool whole, struct fault *fault) {
    return whole ? committer_run(r->flow->committer, txn, fault) : no_memory(fault);
}

static void wake_locked(struct replays *r) {
    r->woken = true;
    pthread_cond_signal(&r->wake);
}

/* The account's replays that are under way, and the oldest of the others. */
static struct replay *count_locked(struct replays *r, struct str account, int64_t *all, int64_t *active) {
    struct replay *oldest = NULL;
    size_t at = 0;
    void *value;
    *all = *active = 0;
    while (map_next(&r->replays, &at, NULL, &value)) {
        struct replay *x = value;
        if (!str_eq(x->info.account, account)) continue;
        ++*all;
        if (replay_is_active(x->info.state))
            ++*active;
        else if (!oldest || x->info.started_ms < oldest->info.started_ms)
            oldest = x;
    }
    return oldest;
}

/* *drop: what must be forgotten to make room, or NULL. */
static enum err check_room_locked(struct replays *r, const struct replay_spec *spec, struct replay **drop, struct fault *fault) {
    const struct settings *settings = r->flow->settings;
    int64_t all, active;
    *drop = NULL;
    if (find_locked(r, spec->account, spec->name)) return fault_set(fault, ERR_EXISTS, "Replay %.*s already exists.", STR_ARG(spec->name));
    struct replay *oldest = count_locked(r, spec->account, &all, &active);
    if (active >= settings->active_replays || (all >= settings->replays_kept && !oldest)) return fault_set(fault, ERR_LIMIT, NULL);
    if (all >= settings->replays_kept) *drop = oldest;
    return ERR_OK;
}

static enum err start_locked(struct replays *r, struct replay *x, struct replay *drop, struct fault *fault) {
    struct arena a;
    struct txn txn;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    bool whole = replay_add_record(&txn, x) && replay_add_position(&txn, x, 0, 0, 0) && (!drop || replay_add_delete(&txn, &drop->info));
    enum err err = commit(r, &txn, whole, fault);
    arena_fini(&a);
    if (!err && !attach_locked(r, x)) err = no_memory(fault);
    if (!err && drop) forget_locked(r, drop);
    return err;
}

enum err replay_start(struct replays *r, const struct replay_spec *spec, struct arena *a, struct replay_info *out, struct fault *fault) {
    struct replay *drop;
    struct replay_info info = {.account = spec->account,
                               .name = spec->name,
                               .description = spec->description,
                               .archive = spec->archive.name,
                               .bus = spec->archive.bus,
                               .rules = spec->rules,
                               .rule_count = spec->rule_count,
                               .from_ms = spec->from_ms,
                               .until_ms = spec->until_ms,
                               .rate = spec->rate >= 0 ? spec->rate : r->flow->settings->replay_rate,
                               .state = REPLAY_STARTING,
                               .started_ms = clock_now_ms()};
    if (!copy_info(r->flow->region, a, &info, out)) return no_memory(fault);
    struct replay *x = replay_new(r->flow->region, &info, spec->archive.number);
    if (!x) return no_memory(fault);
    pthread_mutex_lock(&r->lock);
    enum err err = check_room_locked(r, spec, &drop, fault);
    if (!err) err = start_locked(r, x, drop, fault);
    if (!err) wake_locked(r);
    pthread_mutex_unlock(&r->lock);
    if (err) replay_free(x);
    return err;
}

static enum err need_locked(struct replays *r, struct str account, struct str name, struct replay **x, struct fault *fault) {
    *x = find_locked(r, account, name);
    return *x ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Replay %.*s does not exist.", STR_ARG(name));
}

/* Writes the record as it will be; memory follows when that is durable. */
static enum err set_state_locked(struct replays *r, struct replay *x, enum replay_state state, struct str reason, int64_t ended_ms,
                                 struct fault *fault) {
    struct arena a;
    struct txn txn;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct replay as = {.info = x->info, .number = x->number};
    as.info.state = state;
    as.info.reason = reason;
    as.info.ended_ms = ended_ms;
    enum err err = commit(r, &txn, replay_add_record(&txn, &as), fault);
    arena_fini(&a);
    if (err) return err;
    x->info.state = state; /* one by one: the thread reads what never changes without the lock */
    x->info.reason = reason;
    x->info.ended_ms = ended_ms;
    return ERR_OK;
}

enum err replay_end_locked(struct replays *r, struct replay *x, enum replay_state state, const char *reason, struct fault *fault) {
    struct str text = arena_str(&x->arena, str_from(reason));
    enum err err = set_state_locked(r, x, state, text, clock_now_ms(), fault);
    if (!err)
        log_line(state == REPLAY_FAILED ? LOG_WARN : LOG_INFO, "replay", "a replay ended", LOG_S("replay", x->info.arn),
                 LOG_Z("state", replay_state_name(state)), LOG_I("events", x->info.replayed), LOG_S("reason", text));
    return err;
}

enum err replay_cancel(struct replays *r, struct str account, struct str name, struct arena *a, struct replay_info *info,
                       struct fault *fault) {
    struct replay *x;
    pthread_mutex_lock(&r->lock);
    enum err err = need_locked(r, account, name, &x, fault);
    if (!err && x->info.state != REPLAY_STARTING && x->info.state != REPLAY_RUNNING)
        err = fault_set(fault, ERR_ILLEGAL_STATUS, "Replay %.*s is not in a valid state for this operation.", STR_ARG(name));
    if (!err) err = set_state_locked(r, x, REPLAY_CANCELLING, STR_NULL, 0, fault);
    if (!err && !copy_info(r->flow->region, a, &x->info, info)) err = no_memory(fault);
    if (!err) wake_locked(r);
    pthread_mutex_unlock(&r->lock);
    return err;
}

enum err replays_forget_account(struct replays *r, struct str account, struct fault *fault) {
    struct arena a;
    struct txn txn;
    size_t at = 0;
    void *value;
    bool whole = true;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    pthread_mutex_lock(&r->lock);
    while (map_next(&r->replays, &at, NULL, &value)) {
        const struct replay *x = value;
        if (str_eq(x->info.account, account)) whole &= replay_add_delete(&txn, &x->info);
    }
    enum err err = commit(r, &txn, whole, fault);
    for (at = 0; !err && map_next(&r->replays, &at, NULL, &value);) {
        struct replay *x = value;
        if (str_eq(x->info.account, account)) forget_locked(r, x);
    }
    pthread_mutex_unlock(&r->lock);
    arena_fini(&a);
    return err;
}

/* ---- answers
 * -------------------------------------------------------------------------------------------------------------------------------- */
enum err replay_describe(struct replays *r, struct str account, struct str name, struct arena *a, struct replay_info *info,
                         struct fault *fault) {
    struct replay *x;
    pthread_mutex_lock(&r->lock);
    enum err err = need_locked(r, account, name, &x, fault);
    if (!err && !copy_info(r->flow->region, a, &x->info, info)) err = no_memory(fault);
    pthread_mutex_unlock(&r->lock);
    return err;
}

static int by_name(const void *a, const void *b) {
    return str_cmp((*(const struct replay *const *)a)->info.name, (*(const struct replay *const *)b)->info.name);
}

static bool passes(const struct replay_info *i, struct str account, const struct replay_filter *filter, struct str after) {
    return str_eq(i->account, account) && str_starts(i->name, filter->prefix) && (!after.p || str_cmp(i->name, after) > 0) &&
           (!filter->archive_arn.p || str_eq(i->archive_arn, filter->archive_arn)) && (!filter->by_state || i->state == filter->state);
}

enum err replay_list(struct replays *r, struct str account, const struct replay_filter *filter, struct str after, size_t limit,
                     struct arena *a, struct replay_info **replays, size_t *count, bool *more, struct fault *fault) {
    *count = 0;
    *more = false;
    pthread_mutex_lock(&r->lock);
    size_t n = 0, at = 0, all = r->replays.count;
    void *value;
    struct replay **found = arena_array(a, all, sizeof(struct replay *));
    *replays = arena_array(a, limit < all ? limit : all, sizeof **replays);
    enum err err = found && *replays ? ERR_OK : no_memory(fault);
    while (!err && map_next(&r->replays, &at, NULL, &value))
        if (passes(&((struct replay *)value)->info, account, filter, after)) found[n++] = value;
    if (n) qsort(found, n, sizeof *found, by_name);
    for (size_t i = 0; !err && i < n && i < limit; i++)
        if (!copy_info(r->flow->region, a, &found[i]->info, &(*replays)[(*count)++])) err = no_memory(fault);
    *more = n > limit;
    pthread_mutex_unlock(&r->lock);
    return err;
}
