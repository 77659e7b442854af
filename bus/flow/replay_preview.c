/* A dry run: what a proposed pattern, some rules or all rules would take of an archive. */
#include "clock.h"
#include "matcher.h"
#include "pattern.h"
#include "replay_state.h"

#define PREVIEW_NS 500000000 /* after that much time a call ends where it is */

/* Does any of the chosen rules take it? */
static enum err match_chosen(const struct bus_view *bus, const struct preview *p, const struct event *event, struct arena *a,
                             bool *matched) {
    enum err err = ERR_OK;
    for (size_t i = 0; !err && !*matched && i < p->rule_count; i++) {
        const struct rule_view *rule = replay_rule(bus, p->rules[i]);
        if (rule && rule->enabled && rule->pattern) err = pattern_match(rule->pattern, event->root, a, matched);
    }
    return err;
}

/* Does any rule of the bus? */
static enum err match_all(struct flow *f, const struct bus_view *bus, const struct event *event, bool *matched) {
    struct matcher_found found = {0};
    struct matcher_work *work = workshop_take(f->workshop);
    enum err err = work ? matcher_match(bus->matcher, work, event->json, &found) : ERR_NOMEM;
    *matched = !err && found.count > 0;
    if (work) workshop_give(f->workshop, work);
    return err;
}

struct scan {
    struct flow *flow;
    struct preview *p;
    const struct pattern *pattern; /* NULL: the rules decide */
    const struct bus_view *bus;
    struct arena work; /* of one event */
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
    if (s->pattern)
        err = pattern_match(s->pattern, event.root, &s->work, &matched);
    else
        err = p->rule_count ? match_chosen(s->bus, p, &event, &s->work, &matched) : match_all(s->flow, s->bus, &event, &matched);
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
        err = store->ops->archive_read(store, p->archive.number, p->position, p->until_ms, PREVIEW_EVENTS, PREVIEW_BYTES, &read, &events,
                                       &count, fault);
    int64_t until_ns = clock_mono_ns() + PREVIEW_NS;
    for (size_t i = 0; !err && i < count && (i == 0 || clock_mono_ns() < until_ns); i++) {
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
    struct scan s = {.flow = r->flow, .p = p, .pattern = pattern, .answers = a, .fault = fault};
    s.bus = snapshot_bus(snapshot, p->archive.account, p->archive.bus);
    arena_init(&s.work, 0);
    err = s.bus ? scan(r, &s, fault) : fault_set(fault, ERR_NOT_FOUND, "Event bus %.*s does not exist.", STR_ARG(p->archive.bus));
    arena_fini(&s.work);
    snapshot_release(snapshot);
    pattern_free(pattern);
    return err;
}
