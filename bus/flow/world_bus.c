/* Buses, their policies, tags. */
#include <stdlib.h>

#include "arn.h"
#include "clock.h"
#include "document.h"
#include "statements.h"
#include "world_state.h"

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */
static bool name_is_valid(struct str name) {
    if (!name.n || name.n > 256) return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool ok =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '/';
        if (!ok) return false;
    }
    return true;
}

enum err bus_ref_parse(const struct world *w, struct str account, struct str text, struct bus_ref *ref, struct fault *fault) {
    *ref = (struct bus_ref){account, text.n ? text : STR("default")};
    struct arn arn;
    if (arn_parse(ref->name, &arn)) {
        struct str name = arn_name(&arn, "event-bus");
        if (!str_eqz(arn.service, "events") || !str_eq(arn.region, w->region) || !name.p || !account_is_valid(arn.account))
            return fault_at(fault, ERR_VALIDATION, "eventBusName", 0, 0,
                            "Parameter EventBusName is not valid. Reason: '%.*s' is not the ARN of an event bus here "
                            "(arn:aws:events:%.*s:ACCOUNT:event-bus/NAME).",
                            STR_ARG(text), STR_ARG(w->region));
        *ref = (struct bus_ref){arn.account, name};
    }
    if (name_is_valid(ref->name)) return ERR_OK;
    return fault_at(fault, ERR_VALIDATION, "eventBusName", 0, 0,
                    "Parameter EventBusName is not valid. Reason: '%.*s' is neither a name (1 to 256 of [/.-_A-Za-z0-9]) nor an ARN.",
                    STR_ARG(text));
}

struct str world_bus_arn(const struct world *w, struct arena *a, struct bus_ref bus) {
    return arena_printf(a, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(w->region), STR_ARG(bus.account), STR_ARG(bus.name));
}

struct str world_rule_arn(const struct world *w, struct arena *a, struct bus_ref bus, struct str rule) {
    bool custom = !str_eqz(bus.name, "default");
    return arena_printf(a, "arn:aws:events:%.*s:%.*s:rule/%.*s%s%.*s", STR_ARG(w->region), STR_ARG(bus.account),
                        custom ? (int)bus.name.n : 0, bus.name.p, custom ? "/" : "", STR_ARG(rule));
}

/* ---- storing a changed head --------------------------------------------------------------------------------------------------------- */
static enum err store_bus_locked(struct world *w, const struct bus_draft *draft, struct fault *fault) {
    struct buf record;
    buf_init(&record, 0);
    record_write_bus(&record, draft);
    struct bus_head *head = NULL;
    enum err err = record.failed ? fault_set(fault, ERR_NOMEM, NULL) : record_bus(buf_str(&record), w->region, &head, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_put(&c, "bus", bus_key(&c.arena, (struct bus_ref){draft->account, draft->name}), buf_str(&record));
        err = change_commit(w, &c, fault);
    }
    buf_fini(&record);
    if (!err && !bus_attach_locked(w, head)) err = fault_set(fault, ERR_NOMEM, NULL);
    if (err)
        bus_head_release(head);
    else
        world_changed_locked(w);
    return err;
}

enum err world_new_bus(struct world *w, struct bus_ref bus, const struct bus_spec *spec, struct fault *fault) {
    if (!name_is_valid(bus.name))
        return fault_at(fault, ERR_VALIDATION, "name", 0, 0, "'%.*s' is not a name of an event bus.", STR_ARG(bus.name));
    pthread_mutex_lock(&w->lock);
    struct account *account = map_get(&w->accounts, bus.account);
    enum err err = ERR_OK;
    if (!account)
        err = fault_set(fault, ERR_NOT_FOUND, "Account %.*s does not exist.", STR_ARG(bus.account));
    else if (bus_slot_locked(w, bus))
        err = fault_set(fault, ERR_EXISTS, "Event bus %.*s already exists.", STR_ARG(bus.name));
    else if ((int64_t)account->bus_count >= settings_quotas(w->o.settings).buses_per_account || spec->tag_count > TAGS_MAX)
        err = fault_set(fault, ERR_LIMIT, NULL);
    else if (spec->partner)
        err = source_binds_locked(w, bus, fault);
    int64_t now = clock_now_ms();
    struct bus_draft draft = {.account = bus.account,
                              .name = bus.name,
                              .description = spec->description,
                              .dead_letter_arn = spec->dead_letter_arn,
                              .kms_key = spec->kms_key,
                              .log_level = spec->log_level,
                              .log_detail = spec->log_detail,
                              .created_ms = now,
                              .modified_ms = now,
                              .tags = spec->tags,
                              .tag_count = spec->tag_count};
    if (!err) err = store_bus_locked(w, &draft, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_change_bus(struct world *w, struct bus_ref bus, const struct bus_spec *spec, struct fault *fault) {
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err) {
        struct bus_draft draft;
        record_bus_draft(slot->head, &draft);
        if (spec->description.p) draft.description = spec->description;
        if (spec->dead_letter_arn.p) draft.dead_letter_arn = spec->dead_letter_arn;
        if (spec->kms_key.p) draft.kms_key = spec->kms_key;
        if (spec->log_level.p) draft.log_level = spec->log_level;
        if (spec->log_detail.p) draft.log_detail = spec->log_detail;
        draft.modified_ms = clock_now_ms();
        err = store_bus_locked(w, &draft, fault);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_delete_bus(struct world *w, struct bus_ref bus, struct fault *fault) {
    if (str_eqz(bus.name, "default")) return fault_set(fault, ERR_VALIDATION, "Cannot delete event bus default.");
    pthread_mutex_lock(&w->lock);
    enum err err = ERR_OK;
    const struct bus_slot *slot = bus_slot_locked(w, bus);
    if (slot && slot->rule_count) err = fault_set(fault, ERR_VALIDATION, "EventBus can't be deleted since it has rules.");
    if (slot && !err) {
        struct change c;
        change_init(&c);
        change_delete(&c, "bus", bus_key(&c.arena, bus));
        source_unbind_locked(w, &c, bus);
        err = change_commit(w, &c, fault);
        if (!err) {
            bus_detach_locked(w, bus);
            source_unbound_locked(w, bus);
            world_changed_locked(w);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

static bool copy_bus(struct arena *a, const struct bus_head *h, struct bus_info *info) {
    *info = (struct bus_info){arena_str(a, h->name),
                              arena_str(a, h->arn),
                              arena_str(a, h->description),
                              arena_str(a, h->policy_text),
                              arena_str(a, h->dead_letter_arn),
                              arena_str(a, h->kms_key),
                              h->created_ms,
                              h->modified_ms,
                              arena_str(a, h->log_level),
                              arena_str(a, h->log_detail)};
    return info->name.p && info->arn.p && (!h->policy_text.p || info->policy.p);
}

enum err world_describe_bus(struct world *w, struct bus_ref bus, struct arena *a, struct bus_info *info, struct fault *fault) {
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err && !copy_bus(a, slot->head, info)) err = fault_set(fault, ERR_NOMEM, NULL);
    pthread_mutex_unlock(&w->lock);
    return err;
}

static int by_bus_name(const void *a, const void *b) {
    return str_cmp((*(const struct bus_head *const *)a)->name, (*(const struct bus_head *const *)b)->name);
}

enum err world_list_buses(struct world *w, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                          struct bus_info **buses, size_t *count, bool *more, struct fault *fault) {
    *count = 0;
    *more = false;
    pthread_mutex_lock(&w->lock);
    struct bus_head **found = arena_array(a, w->buses.count, sizeof(struct bus_head *));
    *buses = arena_array(a, limit < w->buses.count ? limit : w->buses.count, sizeof **buses);
    enum err err = found && *buses ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    size_t at = 0, n = 0;
    void *value;
    while (!err && map_next(&w->buses, &at, NULL, &value)) {
        struct bus_head *h = ((struct bus_slot *)value)->head;
        if (str_eq(h->account, account) && str_starts(h->name, prefix) && (!after.p || str_cmp(h->name, after) > 0)) found[n++] = h;
    }
    if (n) qsort(found, n, sizeof *found, by_bus_name);
    for (size_t i = 0; !err && i < n && i < limit; i++)
        if (!copy_bus(a, found[i], &(*buses)[(*count)++])) err = fault_set(fault, ERR_NOMEM, NULL);
    *more = n > limit;
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* ---- policies -------------------------------------------------------------------------------------------------------------------------
 */
static enum err put_policy_locked(struct world *w, struct bus_slot *slot, struct str policy, struct fault *fault) {
    struct bus_draft draft;
    record_bus_draft(slot->head, &draft);
    draft.policy = policy;
    draft.modified_ms = clock_now_ms();
    return store_bus_locked(w, &draft, fault);
}

enum err world_set_policy(struct world *w, struct bus_ref bus, struct str policy, struct fault *fault) {
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err && policy.p && (int64_t)policy.n > settings_quotas(w->o.settings).policy_characters)
        err = fault_set(fault, ERR_POLICY_LENGTH, "The policy has %zu characters; %lld are allowed.", policy.n,
                        (long long)settings_quotas(w->o.settings).policy_characters);
    if (!err && policy.p) err = policy_names_bus(policy, slot->head->arn, fault);
    if (!err) err = put_policy_locked(w, slot, policy, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_add_permission(struct world *w, struct bus_ref bus, struct str sid, struct str principal, struct str action,
                              struct str condition_type, struct str condition_key, struct str condition_value, struct fault *fault) {
    struct bus_slot *slot;
    struct buf document;
    buf_init(&document, 0);
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err) {
        struct policy_permission permission = {.sid = sid,
                                               .principal = principal,
                                               .action = action,
                                               .resource = slot->head->arn,
                                               .condition_type = condition_type,
                                               .condition_key = condition_key,
                                               .condition_value = condition_value};
        err = policy_permission_add(slot->head->policy_text, &permission, (size_t)settings_quotas(w->o.settings).policy_characters, &document, fault);
    }
    if (!err) err = put_policy_locked(w, slot, buf_str(&document), fault);
    pthread_mutex_unlock(&w->lock);
    buf_fini(&document);
    return err;
}

enum err world_remove_permission(struct world *w, struct bus_ref bus, struct str sid, struct fault *fault) {
    struct bus_slot *slot;
    struct buf document;
    bool empty = false;
    buf_init(&document, 0);
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err) err = policy_permission_remove(slot->head->policy_text, sid, &document, &empty, fault);
    if (!err) err = put_policy_locked(w, slot, empty ? STR_NULL : buf_str(&document), fault);
    pthread_mutex_unlock(&w->lock);
    buf_fini(&document);
    return err;
}

/* ---- tags ------------------------------------------------------------------------------------------------------------------------------
 */
/* What an ARN names: a bus (rule absent) or a rule of a bus. */
static bool tagged_parts(struct str text, struct bus_ref *bus, struct str *rule) {
    struct arn arn;
    *rule = STR_NULL;
    if (!arn_parse(text, &arn) || !str_eqz(arn.service, "events")) return false;
    struct str name = arn_name(&arn, "event-bus"), path = arn_name(&arn, "rule");
    *bus = (struct bus_ref){arn.account, name};
    if (name.p || !path.p) return name.p;
    size_t slash = path.n;
    while (slash && path.p[slash - 1] != '/') slash--;
    *rule = str_skip(path, slash);
    *bus = (struct bus_ref){arn.account, slash ? str_of(path.p, slash - 1) : STR("default")};
    return true;
}

/* Only the ARN that policies were asked about will do: another spelling of it (another region, rule/default/R) would pass by a Deny. */
static enum err tagged(const struct world *w, struct str text, struct bus_ref *bus, struct str *rule, struct fault *fault) {
    struct arena a;
    arena_init(&a, 0);
    bool exact = tagged_parts(text, bus, rule) && str_eq(text, rule->p ? world_rule_arn(w, &a, *bus, *rule) : world_bus_arn(w, &a, *bus));
    arena_fini(&a);
    if (exact) return ERR_OK;
    return fault_at(fault, ERR_VALIDATION, "resourceARN", 0, 0, "'%.*s' is not the ARN of an event bus or of a rule.", STR_ARG(text));
}

struct retag {
    const struct tag *add;
    size_t add_count;
    const struct str *drop;
    size_t drop_count;
};

static bool listed(const struct retag *change, struct str key) {
    for (size_t i = 0; i < change->add_count; i++)
        if (str_eq(change->add[i].key, key)) return true;
    for (size_t i = 0; i < change->drop_count; i++)
        if (str_eq(change->drop[i], key)) return true;
    return false;
}

static enum err retagged(const struct retag *change, const struct tag *old, size_t old_count, struct arena *a, const struct tag **tags,
                         size_t *count, struct fault *fault) {
    struct tag *all = arena_array(a, old_count + change->add_count, sizeof *all);
    if (!all) return fault_set(fault, ERR_NOMEM, NULL);
    *count = 0;
    for (size_t i = 0; i < old_count; i++)
        if (!listed(change, old[i].key)) all[(*count)++] = old[i];
    for (size_t i = 0; i < change->add_count; i++) all[(*count)++] = change->add[i];
    *tags = all;
    return *count > TAGS_MAX ? fault_set(fault, ERR_LIMIT, NULL) : ERR_OK;
}

static enum err need_rule(const struct bus_slot *slot, struct str name, struct rule_view **rule, struct fault *fault) {
    *rule = rule_find(slot, name);
    return *rule ? ERR_OK
                 : fault_set(fault, ERR_NOT_FOUND, "Rule %.*s does not exist on EventBus %.*s.", STR_ARG(name), STR_ARG(slot->head->name));
}

static enum err change_tags(struct world *w, struct str arn, const struct retag *change, struct fault *fault) {
    struct bus_ref bus;
    struct str name;
    enum err err = tagged(w, arn, &bus, &name, fault);
    if (err) return err;
    struct arena a;
    arena_init(&a, 0);
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    err = bus_need_locked(w, bus, &slot, fault);
    if (!err && !name.p) {
        struct bus_draft draft;
        record_bus_draft(slot->head, &draft);
        err = retagged(change, draft.tags, draft.tag_count, &a, &draft.tags, &draft.tag_count, fault);
        if (!err) err = store_bus_locked(w, &draft, fault);
    } else if (!err) {
        struct rule_view *rule;
        struct rule_draft draft;
        err = need_rule(slot, name, &rule, fault);
        if (!err) err = rule_is_free(rule, fault);
        if (!err && !record_rule_draft(rule, &a, &draft)) err = fault_set(fault, ERR_NOMEM, NULL);
        if (!err) err = retagged(change, draft.tags, draft.tag_count, &a, &draft.tags, &draft.tag_count, fault);
        if (!err) err = rule_store_locked(w, slot, &draft, fault);
    }
    pthread_mutex_unlock(&w->lock);
    arena_fini(&a);
    return err;
}

enum err world_tag(struct world *w, struct str arn, const struct tag *tags, size_t count, struct fault *fault) {
    return change_tags(w, arn, &(struct retag){.add = tags, .add_count = count}, fault);
}

enum err world_untag(struct world *w, struct str arn, const struct str *keys, size_t count, struct fault *fault) {
    return change_tags(w, arn, &(struct retag){.drop = keys, .drop_count = count}, fault);
}

enum err world_list_tags(struct world *w, struct str arn, struct arena *a, struct tag **tags, size_t *count, struct fault *fault) {
    struct bus_ref bus;
    struct str name;
    enum err err = tagged(w, arn, &bus, &name, fault);
    if (err) return err;
    struct bus_slot *slot;
    struct rule_view *rule = NULL;
    pthread_mutex_lock(&w->lock);
    err = bus_need_locked(w, bus, &slot, fault);
    if (!err && name.p) err = need_rule(slot, name, &rule, fault);
    if (!err) {
        const struct tag *from = rule ? rule->tags : slot->head->tags;
        *count = rule ? rule->tag_count : slot->head->tag_count;
        *tags = arena_array(a, *count, sizeof **tags);
        for (size_t i = 0; *tags && i < *count; i++) (*tags)[i] = (struct tag){arena_str(a, from[i].key), arena_str(a, from[i].value)};
        if (!*tags) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}
