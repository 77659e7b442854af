/* A dry run: what a proposed pattern, some rules or all rules would take of an archive. */
#include "clock.h"
#include "pattern.h"
#include "replay_state.h"

static enum err match_rules(const struct bus_view *bus, const struct preview *p, const struct event *event, struct arena *a, bool *matched) {
    size_t n = p->rule_count ? p->rule_count : bus->rule_count;
    enum err err = ERR_OK;
    for (size_t i = 0; !err && !*matched && i < n; i++) {
        const struct rule_view *rule = p->rule_count ? replay_rule(bus, p->rules[i]) : bus->rules[i];
        if (rule && rule->enabled && rule->pattern) err = pattern_match(rule->pattern, event->root, a, matched);
    }
    return err;
}

struct scan {
    struct preview *p;
    const struct pattern *pattern; /* NULL: the rules decide */
    const struct bus_view *bus;
    struct arena work;             /* of one event */
    struct arena *answers;
    struct fault *fault;
};

static enum err look_at(struct scan *s, const struct store_archived *from) {
    struct preview *p = s->p;
    struct event event;
    struct hop_path before;
    bool matched = false;
    arena_reset(&s->work);
    enum err err = archive_restore(from, STR("dry-run"), clock_now_ms(), &s->work, &event, &before, s->fault);
    if (err) return err;
    err = s->pattern ? pattern_match(s->pattern, event.root, &s->work, &matched) : match_rules(s->bus, p, &event, &s->work, &matched);
    if (err) return fault_set(s->fault, err, "Event %.*s takes too much work to match.", STR_ARG(event.id));
    p->scanned++;
    p->scanned_bytes += (int64_t)from->event.n;
    p->last_ms = from->at_ms;
    p->matched += matched;
    if (!matched || p->sample_count >= p->samples_max) return ERR_OK;
    struct str copy = arena_str(s->answers, from->event);
    if (!copy.p) return fault_set(s->fault, ERR_NOMEM, NULL);
    p->samples[p->sample_count++] = copy;
    return ERR_OK;
}

static enum err scan(struct replays *r, struct scan *s, struct fault *fault) {
    struct store *store = r->flow->store;
    struct preview *p = s->p;
    struct store_archived *events;
    size_t count = 0;
    struct arena read;
    arena_init(&read, 0);
    enum err err = p->position ? ERR_OK : store->ops->archive_find(store, p->archive.number, p->from_ms, &p->position, fault);
    if (!err)
        err = store->ops->archive_read(store, p->archive.number, p->position, p->until_ms, PREVIEW_EVENTS, PREVIEW_BYTES, &read, &events, &count, fault);
    for (size_t i = 0; !err && i < count; i++) {
        err = look_at(s, &events[i]);
        p->position = events[i].sequence + 1;
    }
    p->more = count > 0; /* the next call tells when there is nothing left */
    arena_fini(&read);
    return err;
}

enum err replay_preview(struct replays *r, struct preview *p, struct arena *a, struct fault *fault) {
    struct pattern *pattern = NULL;
    p->scanned = p->scanned_bytes = p->matched = p->last_ms = 0;
    p->sample_count = 0;
    p->samples = arena_array(a, p->samples_max, sizeof *p->samples);
    if (!p->samples) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = p->pattern.p ? pattern_parse(p->pattern, &pattern, fault) : ERR_OK;
    if (err) return err;
    struct snapshot *snapshot = world_snapshot(r->flow->world);
    struct scan s = {.p = p, .pattern = pattern, .answers = a, .fault = fault};
    s.bus = snapshot_bus(snapshot, p->archive.account, p->archive.bus);
    arena_init(&s.work, 0);
    err = s.bus ? scan(r, &s, fault) : fault_set(fault, ERR_NOT_FOUND, "Event bus %.*s does not exist.", STR_ARG(p->archive.bus));
    arena_fini(&s.work);
    snapshot_release(snapshot);
    pattern_free(pattern);
    return err;
}
