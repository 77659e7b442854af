/* Between a bus and an archive: an event becomes a row, a row becomes an event again.
 *
 * A row holds the event's JSON as it was accepted, and as context the buses it was on before this one (ARNs parted by blanks): a replayed
 * event may cross no more buses than the first one might. */
#include "flow_state.h"

static struct str path_text(const struct routing *r, bool *whole) {
    struct buf text;
    buf_init(&text, 0);
    for (int i = 0; i + 1 < r->path.count; i++) buf_addf(&text, "%s%.*s", i ? " " : "", STR_ARG(r->path.bus[i]));
    struct str copy = text.n ? arena_str(r->arena, buf_str(&text)) : STR_NULL;
    *whole = !text.failed && (!text.n || copy.p);
    buf_fini(&text);
    return copy;
}

enum err archive_route(struct routing *r, const struct rule_view *rule) {
    bool whole;
    struct str context = path_text(r, &whole);
    struct store_op *op = whole ? txn_add(r->txn, OP_ARCHIVE_APPEND) : NULL;
    if (!op) return fault_set(r->fault, ERR_NOMEM, NULL);
    op->u.archive.archive = rule->archive;
    op->u.archive.at_ms = r->event->accepted_ms;
    op->u.archive.context = context;
    op->u.archive.event = r->event->json;
    COUNT(&r->flow->counters, archived);
    return ERR_OK;
}

static struct str text_of(const struct node *root, const char *name) {
    const struct node *n = doc_get(root, str_from(name));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

enum err archive_restore(const struct store_archived *from, struct str replay, int64_t now_ms, struct arena *a, struct event *event,
                         struct hop_path *before, struct fault *fault) {
    struct str json = from->event, rest = from->context, bus;
    if (json.n < 2 || json.p[json.n - 1] != '}')
        return fault_set(fault, ERR_CORRUPT, "event %lld of the archive is no event", (long long)from->sequence);
    *event = (struct event){.accepted_ms = now_ms};
    event->json = arena_printf(a, "%.*s,\"replay-name\":\"%.*s\"}", (int)(json.n - 1), json.p, STR_ARG(replay));
    if (!event->json.p) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = doc_parse(a, event->json, &event->root, fault);
    if (err == ERR_NOMEM) return err;
    if (!err) {
        event->id = text_of(event->root, "id");
        event->source = text_of(event->root, "source");
        event->detail_type = text_of(event->root, "detail-type");
        event->account = text_of(event->root, "account");
    }
    if (err || !event->id.p || !event->source.p || !event->detail_type.p || !event->account.p)
        return fault_set(fault, ERR_CORRUPT, "event %lld of the archive is no event", (long long)from->sequence);
    event->dedup = arena_printf(a, "%.*s/%.*s", STR_ARG(event->id), STR_ARG(replay));
    hop_init(before);
    while (rest.p && str_cut(&rest, ' ', &bus))
        if (hop_enter(before, bus))
            return fault_set(fault, ERR_CORRUPT, "event %lld of the archive was on too many buses", (long long)from->sequence);
    return event->dedup.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}
