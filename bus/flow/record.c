#include "record.h"

#include <stdlib.h>

#include "doc.h"
#include "document.h"
#include "json.h"
#include "lint.h"
#include "parameters.h"
#include "path.h"
#include "pattern.h"
#include "schedule.h"
#include "transform.h"

enum { RETRIES_DEFAULT = 185 };
#define AGE_DEFAULT_MS ((int64_t)86400 * 1000)

/* ---- writing
 * ----------------------------------------------------------------------------------------------------------------------------- */
static void given(struct json *j, const char *key, struct str value) {
    if (value.p) json_key_str(j, key, value);
}

static void write_tags(struct json *j, const struct tag *tags, size_t count) {
    if (!count) return;
    json_key(j, STR("tags"));
    json_object_begin(j);
    for (size_t i = 0; i < count; i++) {
        json_key(j, tags[i].key);
        json_str(j, tags[i].value);
    }
    json_object_end(j);
}

void record_write_bus(struct buf *out, const struct bus_draft *d) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "account", d->account);
    json_key_str(&j, "name", d->name);
    given(&j, "description", d->description);
    given(&j, "policy", d->policy);
    given(&j, "deadLetterArn", d->dead_letter_arn);
    given(&j, "kmsKey", d->kms_key);
    json_key_i64(&j, "created", d->created_ms);
    json_key_i64(&j, "modified", d->modified_ms);
    write_tags(&j, d->tags, d->tag_count);
    json_object_end(&j);
}

void record_write_rule(struct buf *out, const struct rule_draft *d) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "account", d->account);
    json_key_str(&j, "bus", d->bus);
    json_key_str(&j, "name", d->name);
    given(&j, "pattern", d->pattern);
    given(&j, "schedule", d->schedule);
    given(&j, "description", d->description);
    given(&j, "roleArn", d->role_arn);
    given(&j, "state", d->state);
    given(&j, "createdBy", d->created_by);
    given(&j, "managedBy", d->managed_by);
    if (d->archive) json_key_i64(&j, "archive", d->archive);
    json_key(&j, STR("targets"));
    json_array_begin(&j);
    for (size_t i = 0; i < d->target_count; i++) json_raw(&j, d->targets[i]);
    json_array_end(&j);
    write_tags(&j, d->tags, d->tag_count);
    json_object_end(&j);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------------------------------------- */
static struct str text_of(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

static int64_t number_of(const struct node *object, const char *name, int64_t fallback) {
    const struct node *n = doc_get(object, str_from(name));
    int64_t v;
    return n && n->kind == NODE_NUMBER && str_to_i64(n->text, &v) ? v : fallback;
}

/* A string member into the view's arena; absent stays absent. */
static bool keep(struct arena *a, const struct node *object, const char *name, struct str *out) {
    struct str text = text_of(object, name);
    *out = arena_str(a, text);
    return !text.p || out->p;
}

static bool read_tags(struct arena *a, const struct node *root, struct tag **tags, size_t *count) {
    const struct node *object = doc_get(root, STR("tags"));
    *count = 0;
    *tags = arena_array(a, object ? object->count : 0, sizeof **tags);
    for (const struct node *n = object ? object->child : NULL; *tags && n; n = n->next) {
        struct tag t = {arena_str(a, n->key), arena_str(a, n->text)};
        if (!t.key.p) return false;
        (*tags)[(*count)++] = t;
    }
    return *tags;
}

static enum err no_memory(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }
static enum err damaged(struct fault *fault, const char *what) { return fault_set(fault, ERR_CORRUPT, "the record has no %s", what); }

enum err record_bus(struct str json, struct str region, struct bus_head **out, struct fault *fault) {
    *out = NULL;
    struct bus_head *h = calloc(1, sizeof *h);
    if (!h) return no_memory(fault);
    h->refs = 1;
    arena_init(&h->arena, 0);
    struct arena a;
    arena_init(&a, 0);
    struct node *root;
    enum err err = doc_parse(&a, json, &root, fault);
    if (!err) {
        bool ok = keep(&h->arena, root, "account", &h->account) && keep(&h->arena, root, "name", &h->name) &&
                  keep(&h->arena, root, "description", &h->description) && keep(&h->arena, root, "policy", &h->policy_text) &&
                  keep(&h->arena, root, "deadLetterArn", &h->dead_letter_arn) && keep(&h->arena, root, "kmsKey", &h->kms_key) &&
                  read_tags(&h->arena, root, &h->tags, &h->tag_count);
        h->created_ms = number_of(root, "created", 0);
        h->modified_ms = number_of(root, "modified", 0);
        h->arn = arena_printf(&h->arena, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(region), STR_ARG(h->account), STR_ARG(h->name));
        if (!ok || !h->arn.p)
            err = no_memory(fault);
        else if (!h->account.p || !h->name.p)
            err = damaged(fault, "account or name");
        else if (h->policy_text.p)
            err = policy_parse(h->policy_text, POLICY_RESOURCE, &h->policy, fault);
    }
    arena_fini(&a);
    if (err)
        bus_head_release(h);
    else
        *out = h;
    return err;
}

/* ---- targets
 * ---------------------------------------------------------------------------------------------------------------------------------- */
static enum err read_transform(struct target_view *t, const struct node *root, struct arena *a, struct fault *fault) {
    const struct node *transformer = doc_get(root, STR("InputTransformer")), *map = doc_get(transformer, STR("InputPathsMap"));
    struct transform_spec spec = {.target_id = t->id,
                                  .input = text_of(root, "Input"),
                                  .input_path = text_of(root, "InputPath"),
                                  .template = text_of(transformer, "InputTemplate"),
                                  .cloud_events = text_of(root, "CloudEvents")};
    struct transform_path *paths = arena_array(a, map ? map->count : 0, sizeof *paths);
    if (!paths) return no_memory(fault);
    for (const struct node *n = map ? map->child : NULL; n; n = n->next)
        paths[spec.path_count++] = (struct transform_path){n->key, n->text};
    spec.paths = paths;
    return transform_new(&spec, &t->transform, fault);
}

/* PartitionKeyPath; MessageGroupId, which is a path when it begins with "$.". */
static enum err read_paths(struct target_view *t, const struct node *root, struct fault *fault) {
    struct str key = text_of(doc_get(root, STR("KinesisParameters")), "PartitionKeyPath");
    struct str group = text_of(doc_get(root, STR("SqsParameters")), "MessageGroupId");
    struct fault why;
    if (key.p && path_parse(key, &t->partition_key_path, &why))
        return fault_set(fault, why.code, "Parameter PartitionKeyPath of target %.*s is not valid. Reason: %s.", STR_ARG(t->id),
                         why.message);
    if (!str_starts(group, STR("$."))) {
        t->group = arena_str(&t->arena, group);
        return !group.p || t->group.p ? ERR_OK : no_memory(fault);
    }
    if (path_parse(group, &t->group_path, &why))
        return fault_set(fault, why.code, "Parameter MessageGroupId of target %.*s is not valid. Reason: %s.", STR_ARG(t->id), why.message);
    return ERR_OK;
}

static enum err read_target(struct target_view *t, const struct node *root, struct str rule_arn, struct arena *a, struct fault *fault) {
    const struct node *retry = doc_get(root, STR("RetryPolicy"));
    bool ok = keep(&t->arena, root, "Id", &t->id) && keep(&t->arena, root, "Arn", &t->arn) &&
              keep(&t->arena, doc_get(root, STR("DeadLetterConfig")), "Arn", &t->dead_letter_arn);
    if (ok && (!t->id.p || !t->arn.p)) return damaged(fault, "Id or Arn");
    t->lane = arena_printf(&t->arena, "%.*s %.*s", STR_ARG(rule_arn), STR_ARG(t->id));
    if (!ok || !t->lane.p) return no_memory(fault);
    t->max_attempts = (int32_t)number_of(retry, "MaximumRetryAttempts", RETRIES_DEFAULT);
    int64_t age_s = number_of(retry, "MaximumEventAgeInSeconds", -1);
    t->max_age_ms = age_s >= 0 ? age_s * 1000 : AGE_DEFAULT_MS;
    enum err err = read_transform(t, root, a, fault);
    if (!err) err = read_paths(t, root, fault);
    return err ? err : parameters_new(doc_get(root, STR("HttpParameters")), t->id, &t->arena, &t->parameters, fault);
}

enum err record_target(struct str json, struct str rule_arn, struct target_view **out, struct fault *fault) {
    *out = NULL;
    struct target_view *t = calloc(1, sizeof *t);
    if (!t) return no_memory(fault);
    t->refs = 1;
    arena_init(&t->arena, 0);
    struct arena a;
    arena_init(&a, 0);
    struct node *root;
    t->json = arena_str(&t->arena, json);
    enum err err = t->json.p ? doc_parse(&a, t->json, &root, fault) : no_memory(fault);
    if (!err) err = read_target(t, root, rule_arn, &a, fault);
    arena_fini(&a);
    if (err)
        target_view_release(t);
    else
        *out = t;
    return err;
}

/* ---- rules
 * -------------------------------------------------------------------------------------------------------------------------------------- */
static enum err read_targets(struct rule_view *r, const struct node *root, struct fault *fault) {
    const struct node *list = doc_get(root, STR("targets"));
    r->targets = arena_array(&r->arena, list ? list->count : 0, sizeof *r->targets);
    if (!r->targets) return no_memory(fault);
    for (const struct node *n = list ? list->child : NULL; n; n = n->next) {
        enum err err = record_target(n->raw, r->arn, &r->targets[r->target_count], fault);
        if (err) return err;
        r->target_count++;
    }
    return ERR_OK;
}

static enum err read_rule(struct rule_view *r, const struct node *root, struct str region, struct fault *fault) {
    struct arena *a = &r->arena;
    bool ok = keep(a, root, "account", &r->account) && keep(a, root, "bus", &r->bus) && keep(a, root, "name", &r->name) &&
              keep(a, root, "pattern", &r->pattern_text) && keep(a, root, "schedule", &r->schedule_text) &&
              keep(a, root, "description", &r->description) && keep(a, root, "roleArn", &r->role_arn) &&
              keep(a, root, "state", &r->state) && keep(a, root, "createdBy", &r->created_by) && keep(a, root, "managedBy", &r->managed_by) &&
              read_tags(a, root, &r->tags, &r->tag_count);
    if (!ok) return no_memory(fault);
    if (!r->account.p || !r->bus.p || !r->name.p || !r->state.p) return damaged(fault, "account, bus, name or state");
    bool custom = !str_eqz(r->bus, "default");
    r->arn = arena_printf(a, "arn:aws:events:%.*s:%.*s:rule/%.*s%s%.*s", STR_ARG(region), STR_ARG(r->account), custom ? (int)r->bus.n : 0,
                          r->bus.p, custom ? "/" : "", STR_ARG(r->name));
    if (!r->arn.p) return no_memory(fault);
    r->enabled = !str_eqz(r->state, "DISABLED");
    r->archive = number_of(root, "archive", 0);
    enum err err = r->pattern_text.p ? pattern_parse(r->pattern_text, &r->pattern, fault) : ERR_OK;
    if (r->pattern) r->signature = lint_signature(r->pattern);
    if (!err && r->schedule_text.p) err = schedule_parse(r->schedule_text, &r->schedule, fault);
    return err ? err : read_targets(r, root, fault);
}

enum err record_rule(struct str json, struct str region, struct rule_view **out, struct fault *fault) {
    *out = NULL;
    struct rule_view *r = calloc(1, sizeof *r);
    if (!r) return no_memory(fault);
    r->refs = 1;
    arena_init(&r->arena, 0);
    struct arena a;
    arena_init(&a, 0);
    struct node *root;
    enum err err = doc_parse(&a, json, &root, fault);
    if (!err) err = read_rule(r, root, region, fault);
    arena_fini(&a);
    if (err)
        rule_view_release(r);
    else
        *out = r;
    return err;
}

/* ---- drafts
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */
void record_bus_draft(const struct bus_head *h, struct bus_draft *d) {
    *d = (struct bus_draft){.account = h->account,
                            .name = h->name,
                            .description = h->description,
                            .policy = h->policy_text,
                            .dead_letter_arn = h->dead_letter_arn,
                            .kms_key = h->kms_key,
                            .created_ms = h->created_ms,
                            .modified_ms = h->modified_ms,
                            .tags = h->tags,
                            .tag_count = h->tag_count};
}

bool record_rule_draft(const struct rule_view *r, struct arena *a, struct rule_draft *d) {
    struct str *texts = arena_array(a, r->target_count, sizeof *texts);
    if (!texts) return false;
    for (size_t i = 0; i < r->target_count; i++) texts[i] = r->targets[i]->json;
    *d = (struct rule_draft){.account = r->account,
                             .bus = r->bus,
                             .name = r->name,
                             .pattern = r->pattern_text,
                             .schedule = r->schedule_text,
                             .description = r->description,
                             .role_arn = r->role_arn,
                             .state = r->state,
                             .created_by = r->created_by,
                             .managed_by = r->managed_by,
                             .archive = r->archive,
                             .targets = texts,
                             .target_count = r->target_count,
                             .tags = r->tags,
                             .tag_count = r->tag_count};
    return true;
}
