/* Life of the flow: everything is made in the order in which events pass it, and ended in the opposite one. */
#include "flow.h"

#include <stdlib.h>

#include "clock.h"
#include "document.h"
#include "evaluate.h"
#include "flow_state.h"
#include "log.h"
#include "pattern.h"

static bool target_known(void *ctx, struct str arn) { return kind_of(ctx, arn); }

static enum err next_number(void *ctx, int64_t *number, struct fault *fault) {
    return world_next_number(((struct flow *)ctx)->world, number, fault);
}

/* Resource policies of queues and topics. */
static enum err resource_policy_new(struct str text, void **out, struct fault *fault) {
    struct policy *policy;
    enum err err = policy_parse(text, POLICY_RESOURCE, &policy, fault);
    *out = err ? NULL : policy;
    return err;
}

static void resource_policy_free(void *policy) { policy_free(policy); }

static bool policy_allows(const void *policy, const char *action, struct str resource, struct str account, struct str source_arn) {
    struct arn source;
    bool topic = arn_parse(source_arn, &source) && str_eqz(source.service, "sns");
    const struct policy_key keys[] = {{STR("aws:SourceArn"), &source_arn, 1}, {STR("aws:SourceAccount"), &account, 1}};
    struct policy_request request = {.principal_account = account,
                                     .service = topic ? STR("sns.amazonaws.com") : STR("events.amazonaws.com"),
                                     .action = str_from(action),
                                     .resource = resource,
                                     .keys = keys,
                                     .key_count = 2};
    return policy_eval(policy, &request) == POLICY_ALLOW;
}

/* Filter policies of topics are event patterns over the message. */
static enum err filter_new(struct str text, void **filter, struct fault *fault) {
    struct pattern *p;
    enum err err = pattern_parse(text, &p, fault);
    *filter = err ? NULL : p;
    return err;
}

static bool filter_match(const void *filter, struct str json) {
    struct arena a;
    struct node *root;
    bool matched = false;
    arena_init(&a, 0);
    enum err err = doc_parse(&a, json, &root, NULL);
    if (!err) err = pattern_match(filter, root, &a, &matched);
    arena_fini(&a);
    return !err && matched;
}

static void filter_free(void *filter) { pattern_free(filter); }

static enum err load_ids(void *ctx, const struct id *ids, size_t count, int64_t at_ms) {
    return dedup_load(ctx, ids, count, at_ms) ? ERR_OK : ERR_NOMEM;
}

static enum err make_kinds(struct flow *f, struct fault *fault) {
    static enum err (*const makers[])(const struct target_host *, struct target *,
                                      struct fault *) = {target_queue_new, target_stream_new, target_topic_new, target_function_new,
                                                         target_log_new,   target_http_new,   target_email_new, target_destination_new};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        enum err err = makers[i](&f->host, &f->kinds[f->kind_count], fault);
        if (err) return err;
        const struct target *t = &f->kinds[f->kind_count++];
        for (const struct service *s = t->service; s && f->service_count < SERVICES_MAX; s = s->also) f->services[f->service_count++] = s;
    }
    f->queue = &f->kinds[0];
    return ERR_OK;
}

static enum err open_parts(struct flow *f, const struct flow_options *o, struct fault *fault) {
    struct world_options world = {
        .committer = o->committer, .settings = o->settings, .region = o->region, .target_known = target_known, .ctx = f};
    enum err err = world_open(&world, &f->world, fault);
    if (err) return err;
    f->workshop = workshop_new();
    if (!f->workshop) return fault_set(fault, ERR_NOMEM, NULL);
    f->dedup = dedup_new((size_t)o->settings->dedup_ids, o->settings->dedup_window_ms);
    f->seen = seen_new();
    if (!f->dedup || !f->seen) return fault_set(fault, ERR_NOMEM, NULL);
    err = f->store->ops->ids_scan(f->store, clock_now_ms() - o->settings->dedup_window_ms, load_ids, f->dedup, fault);
    if (!err) err = make_kinds(f, fault);
    if (!err) err = lanes_start(f, &f->lanes, fault);
    if (!err) err = scheduler_start(f, &f->scheduler, fault);
    if (!err) err = replays_open(f, &f->replays, fault);
    return err;
}

enum err flow_open(const struct flow_options *o, struct flow **out, struct fault *fault) {
    struct flow *f = calloc(1, sizeof *f);
    if (!f) return fault_set(fault, ERR_NOMEM, NULL);
    f->settings = o->settings;
    f->committer = o->committer;
    f->store = committer_store(o->committer);
    f->region = o->region;
    f->host = (struct target_host){.committer = o->committer,
                                   .region = o->region,
                                   .data_dir = o->data_dir,
                                   .smtp_url = o->smtp_url,
                                   .smtp_from = o->smtp_from,
                                   .secret_key_file = o->secret_key_file,
                                   .destinations = o->destinations,
                                   .forward = route_forward,
                                   .flow = f,
                                   .next_number = next_number,
                                   .policy_new = resource_policy_new,
                                   .policy_free = resource_policy_free,
                                   .policy_allows = policy_allows,
                                   .filter_new = filter_new,
                                   .filter_match = filter_match,
                                   .filter_free = filter_free};
    f->host.destinations.timeout_ms = o->settings->destination_timeout_ms;
    f->host.destinations.concurrency = o->settings->destination_concurrency;
    f->host.destinations.connections = o->settings->destination_connections;
    f->host.destinations.response_bytes = o->settings->destination_response_bytes;
    enum err err = open_parts(f, o, fault);
    if (err)
        flow_close(f);
    else
        *out = f;
    return err;
}

void flow_end_waits(struct flow *f) { f->queue->stop(f->queue->self); }

void flow_drain(struct flow *f, int64_t timeout_ms) {
    scheduler_stop(f->scheduler);
    f->scheduler = NULL;
    replays_stop(f->replays);
    lanes_drain(f->lanes, timeout_ms);
}

void flow_close(struct flow *f) {
    if (!f) return;
    scheduler_stop(f->scheduler);
    replays_free(f->replays);
    if (f->lanes) lanes_drain(f->lanes, 0);
    for (size_t i = 0; i < f->kind_count; i++) f->kinds[i].stop(f->kinds[i].self);
    lanes_stop(f->lanes);
    for (size_t i = f->kind_count; i > 0; i--) f->kinds[i - 1].free(f->kinds[i - 1].self);
    dedup_free(f->dedup);
    seen_free(f->seen);
    world_close(f->world);
    workshop_free(f->workshop);
    free(f);
}

struct world *flow_world(struct flow *f) {
    return f->world;
}
struct replays *flow_replays(struct flow *f) {
    return f->replays;
}

enum err flow_archive_stats(struct flow *f, int64_t archive, struct store_archive_stats *stats, struct fault *fault) {
    return f->store->ops->archive_stats(f->store, archive, stats, fault);
}
const struct counters *flow_counters(struct flow *f) { return &f->counters; }
const struct settings *flow_settings(struct flow *f) { return f->settings; }
struct str flow_region(struct flow *f) {
    return f->region;
}
int64_t flow_pending(struct flow *f) { return lanes_pending(f->lanes); }
size_t flow_remembered_ids(struct flow *f) { return dedup_count(f->dedup); }
struct seen *flow_seen(struct flow *f) {
    return f->seen;
}

const struct service *const *flow_services(struct flow *f, size_t *count) {
    *count = f->service_count;
    return f->services;
}

enum err flow_store_stats(struct flow *f, struct store_stats *stats, struct fault *fault) {
    return f->store->ops->stats(f->store, stats, fault);
}
