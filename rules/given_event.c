#include "given_event.h"

#include "clock.h"
#include "json.h"

static enum err not_an_event(struct fault *fault) {
    return fault_set(fault, ERR_VALIDATION,
                     "Parameter Event is not valid: one JSON object is expected, an event or an entry as in PutEvents.");
}

/* ---- an entry ------------------------------------------------------------------------------------------------------------------------ */

static enum err check_entry(const struct node *entry, struct arena *a, const struct node **detail, struct fault *fault) {
    static const char *const needed[] = {"Source", "DetailType", "Detail"};
    for (size_t i = 0; i < 3; i++) {
        const struct node *n = doc_get(entry, str_from(needed[i]));
        bool object = i == 2 && n && n->kind == NODE_OBJECT;
        if (!object && (!n || n->kind != NODE_STRING || !n->text.n))
            return fault_set(fault, ERR_INVALID_ARGUMENT, "Parameter %s is not valid. Reason: %s is a required argument.", needed[i],
                             needed[i]);
    }
    *detail = doc_get(entry, STR("Detail"));
    if ((*detail)->kind == NODE_OBJECT) return ERR_OK;
    struct node *inner;
    enum err err = doc_parse(a, (*detail)->text, &inner, fault);
    if (err == ERR_NOMEM) return err;
    if (err || inner->kind != NODE_OBJECT) return fault_set(fault, ERR_MALFORMED_DETAIL, NULL);
    *detail = inner;
    return ERR_OK;
}

/* Time is a number of seconds, as on the wire, or a text. Absent: the default, and *given is false. */
static enum err entry_time(const struct node *entry, const struct given_defaults *d, struct arena *a, struct str *time, bool *given,
                           struct fault *fault) {
    const struct node *n = doc_get(entry, STR("Time"));
    int64_t ms = 0;
    char iso[CLOCK_ISO_SIZE];
    *given = n && n->kind != NODE_NULL;
    *time = d->time;
    if (!*given) return ERR_OK;
    bool good = n->kind == NODE_STRING ? clock_parse_iso(n->text, &ms)
                                       : n->kind == NODE_NUMBER && str_to_i64(str_of(n->text.p, str_find(n->text, '.', 0)), &ms) &&
                                             ms >= 0 && ms < 253402300800;
    if (!good) return fault_set(fault, ERR_VALIDATION, "Time is not valid: seconds since 1970 or 2026-05-01T00:00:00Z are expected.");
    clock_iso(n->kind == NODE_STRING ? ms : ms * 1000, iso);
    *time = arena_str(a, str_from(iso));
    return time->p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

static enum err write_entry(const struct node *entry, const struct given_defaults *d, struct arena *a, struct buf *out, struct buf *filled,
                            struct fault *fault) {
    const struct node *detail = NULL, *resources = doc_get(entry, STR("Resources"));
    struct str time;
    bool timed;
    enum err err = check_entry(entry, a, &detail, fault);
    if (!err) err = entry_time(entry, d, a, &time, &timed, fault);
    if (err) return err;
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "version", STR("0"));
    json_key_str(&j, "id", d->id);
    json_key_str(&j, "detail-type", doc_get(entry, STR("DetailType"))->text);
    json_key_str(&j, "source", doc_get(entry, STR("Source"))->text);
    json_key_str(&j, "account", d->account);
    json_key_str(&j, "time", time);
    json_key_str(&j, "region", d->region);
    json_key(&j, STR("resources"));
    json_raw(&j, resources && resources->kind == NODE_ARRAY ? resources->raw : STR("[]"));
    json_key(&j, STR("detail"));
    json_raw(&j, detail->raw);
    json_object_end(&j);
    buf_addf(filled, "version, id, account, %sregion%s", timed ? "" : "time, ", resources ? "" : ", resources");
    return ERR_OK;
}

/* ---- an event ------------------------------------------------------------------------------------------------------------------------ */

static void write_event(const struct node *event, const struct given_defaults *d, struct buf *out, struct buf *filled) {
    const struct {
        const char *name;
        struct str value; /* absent: an empty list */
    } fields[] = {{"version", STR("0")}, {"id", d->id},         {"account", d->account},
                  {"time", d->time},     {"region", d->region}, {"resources", STR_NULL}};
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    for (const struct node *m = event->child; m; m = m->next) {
        json_key(&j, m->key);
        json_raw(&j, m->raw);
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (doc_get(event, str_from(fields[i].name))) continue;
        json_key(&j, str_from(fields[i].name));
        if (fields[i].value.p)
            json_str(&j, fields[i].value);
        else
            json_raw(&j, STR("[]"));
        buf_addf(filled, "%s%s", filled->n ? ", " : "", fields[i].name);
    }
    json_object_end(&j);
}

static bool has_any(const struct node *object, const char *const *names) {
    for (; *names; names++)
        if (doc_get(object, str_from(*names))) return true;
    return false;
}

/* The object inside a list or a request of one entry, or NULL. */
static const struct node *unwrap(const struct node *n) {
    const struct node *entries = doc_get(n, STR("Entries"));
    if (entries) n = entries;
    if (n->kind == NODE_ARRAY) n = n->count == 1 ? n->child : NULL;
    return n && n->kind == NODE_OBJECT ? n : NULL;
}

enum err given_event(struct str text, const struct given_defaults *d, struct arena *a, struct node **event, struct str *filled,
                     struct fault *fault) {
    static const char *const of_entries[] = {"Source", "DetailType", "Detail", NULL}, *const of_events[] = {"source", "detail-type",
                                                                                                            "detail", NULL};
    struct node *root;
    *event = NULL;
    enum err err = doc_parse(a, text, &root, fault);
    if (err) return err;
    const struct node *given = unwrap(root);
    if (!given) return not_an_event(fault);
    struct buf out, names;
    buf_init(&out, 0);
    buf_init(&names, 0);
    if (has_any(given, of_entries) && !has_any(given, of_events))
        err = write_entry(given, d, a, &out, &names, fault);
    else
        write_event(given, d, &out, &names);
    struct str whole = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    *filled = names.failed ? STR_NULL : arena_str(a, buf_str(&names));
    if (!err && (!whole.p || !filled->p)) err = fault_set(fault, ERR_NOMEM, NULL);
    buf_fini(&out);
    buf_fini(&names);
    return err ? err : doc_parse(a, whole, event, fault);
}
