#include "event.h"

#include "clock.h"
#include "json.h"

enum { ENVELOPE_BYTES = 320 }; /* of an event around its source, detail-type, resources and detail: 220 and what is escaped */

size_t event_entry_bytes(const struct entry *e) {
    size_t n = (e->time_ms >= 0 ? 14 : 0) + e->source.n + e->detail_type.n + e->detail.n;
    for (size_t i = 0; i < e->resource_count; i++) n += e->resources[i].n;
    return n;
}

static enum err missing(struct fault *fault, const char *what) {
    return fault_set(fault, ERR_INVALID_ARGUMENT, "Parameter %s is not valid. Reason: %s is a required argument.", what, what);
}

static enum err check(const struct entry *e, const struct settings *settings, struct arena *a, struct node **detail, struct fault *fault) {
    if (!e->source.n) return missing(fault, "Source");
    if (!e->detail_type.n) return missing(fault, "DetailType");
    if (!e->detail.n) return missing(fault, "Detail");
    if (event_entry_bytes(e) > (size_t)settings->entry_bytes)
        return fault_set(fault, ERR_VALIDATION, "Total size of the entries in the request is over the limit.");
    bool utf8 = str_is_utf8(e->source) && str_is_utf8(e->detail_type);
    for (size_t i = 0; i < e->resource_count; i++) utf8 &= str_is_utf8(e->resources[i]);
    if (!utf8) return fault_set(fault, ERR_VALIDATION, "Source, DetailType and Resources must be UTF-8.");
    enum err err = doc_parse(a, e->detail, detail, fault);
    if (err == ERR_NOMEM) return err;
    if (err || (*detail)->kind != NODE_OBJECT) return fault_set(fault, ERR_MALFORMED_DETAIL, NULL);
    return ERR_OK;
}

/* Appends a member to the object, keeping order. */
static bool add(struct node *object, struct node **last, const char *key, struct node *value) {
    if (!value) return false;
    value->key = str_from(key);
    if (*last)
        (*last)->next = value;
    else
        object->child = value;
    *last = value;
    object->count++;
    return true;
}

static struct node *string_node(struct arena *a, struct str text) {
    struct node *n = ARENA_NEW(a, struct node);
    if (n) *n = (struct node){.kind = NODE_STRING, .text = text};
    return n;
}

static struct node *resources_node(struct arena *a, const struct entry *e) {
    struct node *array = ARENA_NEW(a, struct node), *last = NULL;
    if (!array) return NULL;
    array->kind = NODE_ARRAY;
    for (size_t i = 0; i < e->resource_count; i++) {
        struct node *n = string_node(a, e->resources[i]);
        if (!n) return NULL;
        if (last)
            last->next = n;
        else
            array->child = n;
        last = n;
        array->count++;
    }
    return array;
}

/* The bytes; key order as the service's. */
static void write_event(struct buf *out, const struct event *ev, const char *time, struct str region, const struct entry *e,
                        const struct node *detail) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "version", STR("0"));
    json_key_str(&j, "id", ev->id);
    json_key_str(&j, "detail-type", ev->detail_type);
    json_key_str(&j, "source", ev->source);
    json_key_str(&j, "account", ev->account);
    json_key_str(&j, "time", str_from(time));
    json_key_str(&j, "region", region);
    json_key(&j, STR("resources"));
    json_array_begin(&j);
    for (size_t i = 0; i < e->resource_count; i++) json_str(&j, e->resources[i]);
    json_array_end(&j);
    json_key(&j, STR("detail"));
    doc_minify(out, detail);
    j.comma = true;
    json_object_end(&j);
}

/* Past the string that begins at `at`. */
static const char *string_end(const char *at) {
    for (at++; *at != '"'; at++)
        if (*at == '\\') at++;
    return at + 1;
}

/* raw of each member and resource: where its bytes stand in the event's text. Members are found one behind the other; detail is the last.
 */
static void set_raw(struct event *ev) {
    const char *at = ev->json.p + 1, *end = ev->json.p + ev->json.n - 1;
    for (struct node *n = ev->root->child; n; n = n->next) {
        const char *value = at + n->key.n + 3, *stop = end; /* "key": */
        if (n->kind == NODE_STRING) {
            stop = string_end(value);
        } else if (n->kind == NODE_ARRAY) {
            stop = value + 1;
            for (struct node *item = n->child; item; item = item->next) {
                const char *item_end = string_end(stop);
                item->raw = str_of(stop, (size_t)(item_end - stop));
                stop = item_end + (item->next ? 1 : 0);
            }
            stop++;
        }
        n->raw = str_of(value, (size_t)(stop - value));
        at = stop + 1;
    }
}

static enum err build_tree(struct event *ev, struct arena *a, struct str time, struct str region, const struct entry *e,
                           struct node *detail) {
    struct node *root = ARENA_NEW(a, struct node), *last = NULL;
    if (!root) return ERR_NOMEM;
    root->kind = NODE_OBJECT;
    root->raw = ev->json;
    ev->root = root;
    bool ok = add(root, &last, "version", string_node(a, STR("0"))) && add(root, &last, "id", string_node(a, ev->id)) &&
              add(root, &last, "detail-type", string_node(a, ev->detail_type)) && add(root, &last, "source", string_node(a, ev->source)) &&
              add(root, &last, "account", string_node(a, ev->account)) && add(root, &last, "time", string_node(a, time)) &&
              add(root, &last, "region", string_node(a, region)) && add(root, &last, "resources", resources_node(a, e)) &&
              add(root, &last, "detail", detail);
    if (!ok) return ERR_NOMEM;
    set_raw(ev); /* nodes inside detail keep pointing into the producer's bytes */
    return ERR_OK;
}

enum err event_build(const struct entry *e, struct str account, struct str region, int64_t now_ms, const struct settings *settings,
                     struct arena *a, struct event *ev, struct fault *fault) {
    struct node *detail = NULL;
    enum err err = check(e, settings, a, &detail, fault);
    if (err) return err;
    char id[ID_TEXT_SIZE], time[CLOCK_ISO_SIZE];
    id_text(e->id, id);
    clock_iso(e->time_ms >= 0 ? e->time_ms : now_ms, time);
    struct str time_text = arena_str(a, str_from(time));
    *ev = (struct event){.id = arena_str(a, str_of(id, ID_TEXT_SIZE - 1)),
                         .source = e->source,
                         .detail_type = e->detail_type,
                         .account = account,
                         .accepted_ms = now_ms};
    struct buf out;
    buf_init(&out, 0);
    buf_reserve(&out, event_entry_bytes(e) + ENVELOPE_BYTES); /* nearly always enough: it does not grow by doubling */
    write_event(&out, ev, time, region, e, detail);
    ev->json = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_fini(&out);
    if (!ev->json.p || !ev->id.p || !time_text.p || build_tree(ev, a, time_text, region, e, detail))
        return fault_set(fault, ERR_NOMEM, "the batch of events takes too much memory: send fewer at once");
    return ERR_OK;
}

enum err event_build_scheduled(struct str account, struct str region, struct str rule_arn, int64_t due_ms, int64_t now_ms,
                               const struct settings *settings, struct arena *a, struct event *ev, struct fault *fault) {
    struct str *resources = ARENA_NEW(a, struct str);
    if (!resources) return fault_set(fault, ERR_NOMEM, NULL);
    *resources = rule_arn;
    struct entry e = {.id = id_random(),
                      .has_id = true,
                      .source = STR("aws.events"),
                      .detail_type = STR("Scheduled Event"),
                      .detail = STR("{}"),
                      .resources = resources,
                      .resource_count = 1,
                      .time_ms = due_ms};
    return event_build(&e, account, region, now_ms, settings, a, ev, fault);
}
