#include "archive.h"

#include <stdlib.h>

#include "clock.h"
#include "doc.h"
#include "json.h"
#include "pattern.h"
#include "world_state.h"

struct archive {
    struct arena arena;
    struct archive_info info;
};

static enum err no_memory(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }

/* ---- records ------------------------------------------------------------------------------------------------------------------------ */
static struct str archive_key(struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "%.*s/%.*s", STR_ARG(account), STR_ARG(name));
}

static void write_archive(struct buf *out, const struct archive_info *i) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "account", i->account);
    json_key_str(&j, "bus", i->bus);
    json_key_str(&j, "name", i->name);
    if (i->description.p) json_key_str(&j, "description", i->description);
    if (i->pattern.p) json_key_str(&j, "pattern", i->pattern);
    if (i->kms_key.p) json_key_str(&j, "kmsKey", i->kms_key);
    json_key_i64(&j, "days", i->retention_days);
    json_key_i64(&j, "created", i->created_ms);
    json_key_i64(&j, "number", i->number);
    json_object_end(&j);
}

static void archive_free(struct archive *archive) {
    if (!archive) return;
    arena_fini(&archive->arena);
    free(archive);
}

static bool copy_info(const struct world *w, struct arena *a, const struct archive_info *from, struct archive_info *to) {
    *to = *from;
    to->account = arena_str(a, from->account);
    to->bus = arena_str(a, from->bus);
    to->name = arena_str(a, from->name);
    to->description = arena_str(a, from->description);
    to->pattern = arena_str(a, from->pattern);
    to->kms_key = arena_str(a, from->kms_key);
    to->arn = arena_printf(a, "arn:aws:events:%.*s:%.*s:archive/%.*s", STR_ARG(w->region), STR_ARG(from->account), STR_ARG(from->name));
    to->bus_arn = world_bus_arn(w, a, (struct bus_ref){from->account, from->bus});
    return to->account.p && to->bus.p && to->name.p && to->arn.p && to->bus_arn.p && !from->description.p == !to->description.p &&
           !from->pattern.p == !to->pattern.p && !from->kms_key.p == !to->kms_key.p;
}

static enum err archive_new(const struct world *w, const struct archive_info *info, struct archive **out, struct fault *fault) {
    struct archive *archive = calloc(1, sizeof *archive);
    if (!archive) return no_memory(fault);
    arena_init(&archive->arena, 0);
    if (!copy_info(w, &archive->arena, info, &archive->info)) {
        archive_free(archive);
        return no_memory(fault);
    }
    *out = archive;
    return ERR_OK;
}

/* Takes over, also on failure. */
static enum err attach(struct world *w, struct archive *archive, struct fault *fault) {
    struct arena a;
    void *old = NULL;
    arena_init(&a, 0);
    struct str key = archive_key(&a, archive->info.account, archive->info.name);
    bool put = key.p && map_put(&w->archives, key, archive, &old);
    arena_fini(&a);
    archive_free(put ? old : archive);
    return put ? ERR_OK : no_memory(fault);
}

static struct str text_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

static int64_t number_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    int64_t v;
    return n && n->kind == NODE_NUMBER && str_to_i64(n->text, &v) ? v : 0;
}

enum err archive_load_locked(struct world *w, struct str value, struct fault *fault) {
    struct arena a;
    struct node *root;
    struct archive *archive = NULL;
    arena_init(&a, 0);
    enum err err = doc_parse(&a, value, &root, fault);
    if (!err) {
        struct archive_info info = {.account = text_of(root, "account"),
                                    .bus = text_of(root, "bus"),
                                    .name = text_of(root, "name"),
                                    .description = text_of(root, "description"),
                                    .pattern = text_of(root, "pattern"),
                                    .kms_key = text_of(root, "kmsKey"),
                                    .retention_days = number_of(root, "days"),
                                    .created_ms = number_of(root, "created"),
                                    .number = number_of(root, "number")};
        if (!info.account.p || !info.bus.p || !info.name.p || info.number <= 0)
            err = fault_set(fault, ERR_CORRUPT, "it has no account, bus, name or number");
        else
            err = archive_new(w, &info, &archive, fault);
    }
    if (!err) err = attach(w, archive, fault);
    arena_fini(&a);
    return err;
}

/* ---- the managed rule ------------------------------------------------------------------------------------------------------------------
 */
#define NOT_REPLAYED "\"replay-name\":[{\"exists\":false}]"

/* The archive's pattern, which must be a good one, with replayed events excluded. */
static enum err rule_pattern(struct str pattern, struct arena *a, struct str *text, struct fault *fault) {
    struct pattern *parsed = NULL;
    struct node *root;
    *text = STR("{" NOT_REPLAYED "}");
    if (!pattern.n) return ERR_OK;
    enum err err = pattern_parse(pattern, &parsed, fault);
    pattern_free(parsed);
    if (!err) err = doc_parse(a, pattern, &root, fault);
    if (err) return err;
    if (doc_get(root, STR("replay-name")))
        return fault_set(fault, ERR_VALIDATION,
                         "Parameter EventPattern is not valid. Reason: an archive keeps no replayed events; leave out replay-name.");
    size_t end = root->raw.n - 1; /* the closing brace */
    *text = arena_printf(a, "%.*s," NOT_REPLAYED "}", (int)end, root->raw.p);
    return text->p ? ERR_OK : no_memory(fault);
}

static struct str rule_name(struct arena *a, struct str archive) { return arena_printf(a, ARCHIVE_RULE_PREFIX "%.*s", STR_ARG(archive)); }

static enum err make_rule(const struct world *w, const struct archive_info *info, struct arena *a, struct buf *record,
                          struct rule_view **rule, struct fault *fault) {
    struct str name = rule_name(a, info->name);
    struct str target = arena_printf(a, "{\"Id\":\"%.*s\",\"Arn\":\"arn:aws:events:%.*s:::\"}", STR_ARG(name), STR_ARG(w->region));
    struct rule_draft draft = {.account = info->account,
                               .bus = info->bus,
                               .name = name,
                               .state = STR("ENABLED"),
                               .created_by = info->account,
                               .managed_by = STR(ARCHIVE_MANAGER),
                               .archive = info->number,
                               .targets = &target,
                               .target_count = 1};
    if (!name.p || !target.p) return no_memory(fault);
    enum err err = rule_pattern(info->pattern, a, &draft.pattern, fault);
    if (err) return err;
    record_write_rule(record, &draft);
    return record->failed ? no_memory(fault) : record_rule(buf_str(record), w->region, rule, fault);
}

/* ---- changes
 * ------------------------------------------------------------------------------------------------------------------------------ */
static struct archive *find_locked(struct world *w, struct str account, struct str name) {
    struct arena a;
    arena_init(&a, 0);
    struct str key = archive_key(&a, account, name);
    struct archive *archive = key.p ? map_get(&w->archives, key) : NULL;
    arena_fini(&a);
    return archive;
}

static enum err need_locked(struct world *w, struct str account, struct str name, struct archive **archive, struct fault *fault) {
    *archive = find_locked(w, account, name);
    return *archive ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Archive %.*s does not exist.", STR_ARG(name));
}

static int64_t count_locked(const struct world *w, struct str account) {
    int64_t n = 0;
    size_t at = 0;
    void *value;
    while (map_next(&w->archives, &at, NULL, &value)) n += str_eq(((struct archive *)value)->info.account, account);
    return n;
}

static void add_cut(struct change *c, enum store_op_kind kind, int64_t number) {
    struct store_op *op = txn_add(&c->txn, kind);
    if (!op) {
        c->failed = true;
        return;
    }
    op->u.cut.archive = number;
    op->u.cut.limit = ARCHIVE_PIECE;
}

/* Stores archive and rule together, then shows them. */
static enum err store_locked(struct world *w, struct bus_slot *slot, const struct archive_info *info, bool opens, struct arena *a,
                             struct fault *fault) {
    struct buf record, rule_record;
    struct archive *archive = NULL;
    struct rule_view *rule = NULL;
    buf_init(&record, 0);
    buf_init(&rule_record, 0);
    write_archive(&record, info);
    enum err err = record.failed ? no_memory(fault) : make_rule(w, info, a, &rule_record, &rule, fault);
    if (!err) err = archive_new(w, info, &archive, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_put(&c, "archive", archive_key(&c.arena, info->account, info->name), buf_str(&record));
        change_put(&c, "rule", rule_key(&c.arena, (struct bus_ref){info->account, info->bus}, rule->name), buf_str(&rule_record));
        if (opens) add_cut(&c, OP_ARCHIVE_OPEN, info->number);
        err = change_commit(w, &c, fault);
    }
    buf_fini(&record);
    buf_fini(&rule_record);
    if (!err) {
        err = attach(w, archive, fault);
        archive = NULL;
    }
    if (!err && !rule_attach_locked(slot, rule)) err = no_memory(fault);
    if (err) {
        archive_free(archive);
        rule_view_release(rule);
    } else {
        world_changed_locked(w);
    }
    return err;
}

static enum err check_new_locked(struct world *w, const struct archive_spec *spec, const struct bus_slot *slot, struct arena *a,
                                 struct fault *fault) {
    struct str name = rule_name(a, spec->name);
    if (!name.p) return no_memory(fault);
    if (find_locked(w, spec->bus.account, spec->name))
        return fault_set(fault, ERR_EXISTS, "Archive %.*s already exists.", STR_ARG(spec->name));
    if (rule_find(slot, name))
        return fault_set(fault, ERR_EXISTS, "Rule %.*s already exists on EventBus %.*s, and an archive of this name would make it.",
                         STR_ARG(name), STR_ARG(spec->bus.name));
    if (count_locked(w, spec->bus.account) >= w->o.settings->archives_per_account ||
        (int64_t)slot->rule_count >= w->o.settings->rules_per_bus)
        return fault_set(fault, ERR_LIMIT, NULL);
    return ERR_OK;
}

enum err archive_create(struct world *w, const struct archive_spec *spec, struct arena *a, struct archive_info *info, struct fault *fault) {
    struct bus_slot *slot;
    struct archive_info made = {.account = spec->bus.account,
                                .bus = spec->bus.name,
                                .name = spec->name,
                                .description = spec->description.n ? spec->description : STR_NULL,
                                .pattern = spec->pattern.n ? spec->pattern : STR_NULL,
                                .kms_key = spec->kms_key,
                                .retention_days = spec->retention_days,
                                .created_ms = clock_now_ms()};
    enum err err = world_next_number(w, &made.number, fault);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    err = bus_need_locked(w, spec->bus, &slot, fault);
    if (!err) err = check_new_locked(w, spec, slot, a, fault);
    if (!err) err = store_locked(w, slot, &made, true, a, fault);
    pthread_mutex_unlock(&w->lock);
    if (!err && !copy_info(w, a, &made, info)) err = no_memory(fault);
    return err;
}

enum err archive_update(struct world *w, struct str account, struct str name, const struct archive_change *change, struct arena *a,
                        struct archive_info *info, struct fault *fault) {
    struct archive *archive;
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    enum err err = need_locked(w, account, name, &archive, fault);
    if (!err && !copy_info(w, a, &archive->info, info)) err = no_memory(fault);
    if (!err) {
        if (change->description.p) info->description = change->description.n ? change->description : STR_NULL;
        if (change->pattern.p) info->pattern = change->pattern.n ? change->pattern : STR_NULL;
        if (change->kms_key.p) info->kms_key = change->kms_key;
        if (change->sets_days) info->retention_days = change->retention_days;
        err = bus_need_locked(w, (struct bus_ref){info->account, info->bus}, &slot, fault);
    }
    if (!err) err = store_locked(w, slot, info, false, a, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* The records go, the first piece of what it holds too, and a note for what is left. */
static void change_delete_archive(struct change *c, const struct archive_info *info) {
    change_delete(c, "archive", archive_key(&c->arena, info->account, info->name));
    change_delete(c, "rule", rule_key(&c->arena, (struct bus_ref){info->account, info->bus}, rule_name(&c->arena, info->name)));
    change_put(c, "archive-drop", arena_printf(&c->arena, "%lld", (long long)info->number), STR(""));
    add_cut(c, OP_ARCHIVE_DROP, info->number);
}

enum err archive_delete(struct world *w, struct str account, struct str name, struct fault *fault) {
    struct archive *archive;
    pthread_mutex_lock(&w->lock);
    enum err err = need_locked(w, account, name, &archive, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_delete_archive(&c, &archive->info);
        err = change_commit(w, &c, fault);
    }
    if (!err) {
        struct arena a;
        arena_init(&a, 0);
        struct bus_slot *slot = bus_slot_locked(w, (struct bus_ref){archive->info.account, archive->info.bus});
        struct str rule = rule_name(&a, archive->info.name), key = archive_key(&a, archive->info.account, archive->info.name);
        if (slot) rule_detach_locked(slot, rule);
        map_remove(&w->archives, key);
        archive_free(archive);
        arena_fini(&a);
        world_changed_locked(w);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

void archive_change_delete_account(struct world *w, struct change *c, struct str account) {
    size_t at = 0;
    void *value;
    while (map_next(&w->archives, &at, NULL, &value)) {
        const struct archive *archive = value;
        if (str_eq(archive->info.account, account)) change_delete_archive(c, &archive->info);
    }
}

void archive_detach_locked(struct world *w, struct str account) {
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&w->archives, &at, &key, &value)) {
        struct archive *archive = value;
        if (account.p && !str_eq(archive->info.account, account)) continue;
        map_remove(&w->archives, key);
        archive_free(archive);
    }
}

/* ---- answers
 * ------------------------------------------------------------------------------------------------------------------------------ */
enum err archive_describe(struct world *w, struct str account, struct str name, struct arena *a, struct archive_info *info,
                          struct fault *fault) {
    struct archive *archive;
    pthread_mutex_lock(&w->lock);
    enum err err = need_locked(w, account, name, &archive, fault);
    if (!err && !copy_info(w, a, &archive->info, info)) err = no_memory(fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

static int by_name(const void *a, const void *b) {
    return str_cmp((*(const struct archive *const *)a)->info.name, (*(const struct archive *const *)b)->info.name);
}

enum err archive_list(struct world *w, struct str account, struct str prefix, struct str bus_arn, struct str after, size_t limit,
                      struct arena *a, struct archive_info **archives, size_t *count, bool *more, struct fault *fault) {
    *count = 0;
    *more = false;
    pthread_mutex_lock(&w->lock);
    size_t n = 0, at = 0, room = limit < w->archives.count ? limit : w->archives.count;
    void *value;
    struct archive **found = arena_array(a, w->archives.count, sizeof(struct archive *));
    *archives = arena_array(a, room, sizeof **archives);
    enum err err = found && *archives ? ERR_OK : no_memory(fault);
    while (!err && map_next(&w->archives, &at, NULL, &value)) {
        struct archive *archive = value;
        const struct archive_info *i = &archive->info;
        if (str_eq(i->account, account) && str_starts(i->name, prefix) && (!bus_arn.p || str_eq(i->bus_arn, bus_arn)) &&
            (!after.p || str_cmp(i->name, after) > 0))
            found[n++] = archive;
    }
    if (n) qsort(found, n, sizeof *found, by_name);
    for (size_t i = 0; !err && i < n && i < limit; i++)
        if (!copy_info(w, a, &found[i]->info, &(*archives)[(*count)++])) err = no_memory(fault);
    *more = n > limit;
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err archive_list_limited(struct world *w, struct arena *a, struct archive_info **archives, size_t *count, struct fault *fault) {
    size_t at = 0;
    void *value;
    *count = 0;
    pthread_mutex_lock(&w->lock);
    *archives = arena_array(a, w->archives.count, sizeof **archives);
    enum err err = *archives ? ERR_OK : no_memory(fault);
    while (!err && map_next(&w->archives, &at, NULL, &value)) {
        const struct archive_info *i = &((struct archive *)value)->info;
        if (i->retention_days > 0 && !copy_info(w, a, i, &(*archives)[(*count)++])) err = no_memory(fault);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

bool archive_stands(const struct bus_view *bus, struct str name, int64_t number) {
    size_t low = 0, high = bus->rule_count;
    struct str prefix = STR(ARCHIVE_RULE_PREFIX);
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct str rule = bus->rules[middle]->name;
        int c = str_starts(rule, prefix) ? str_cmp(str_skip(rule, prefix.n), name) : str_cmp(rule, prefix);
        if (c == 0) return bus->rules[middle]->archive == number;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
