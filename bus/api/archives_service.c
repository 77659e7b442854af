/* The events service, continued: archives and replays, on top of flow/archive.h and flow/replay.h.
 *
 * Who may: each operation is asked about the archive or replay it names; CreateArchive about the bus as well, StartReplay about the archive
 * and the bus as well. Nobody archives or replays another account's events. */
#include "archives.h"

#include <stdio.h>

#include "arn.h"
#include "engine.h"
#include "page.h"

enum { LIST_LIMIT = 100, SAMPLES_DEFAULT = 5 };

static struct world *world_of(void *self) { return flow_world(api_flow(self)); }
static struct replays *replays_of(void *self) { return flow_replays(api_flow(self)); }
static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }
static size_t limit_of(struct opt_i64 limit) { return limit.set ? (size_t)limit.v : LIST_LIMIT; }
static struct opt_i64 given(int64_t v) { return (struct opt_i64){true, v}; }
static struct opt_i64 unless_zero(int64_t v) { return (struct opt_i64){v != 0, v}; }

/* ---- ARNs and rights --------------------------------------------------------------------------------------------------------------- */
static enum err allowed(struct call *call, struct str resource) {
    return resource.p ? call->authorize(call, call->operation->action, resource) : no_memory(call);
}

static struct str own_arn(struct call *call, const char *kind, struct str name) {
    return arena_printf(call->arena, "arn:aws:events:%.*s:%.*s:%s/%.*s", STR_ARG(call->region), STR_ARG(call->account), kind,
                        STR_ARG(name));
}

/* The caller's account's archive or replay of this name; absent name: any. */
static enum err on(struct call *call, const char *kind, struct str name) {
    return allowed(call, own_arn(call, kind, name.p ? name : STR("*")));
}

static enum err wrong(struct call *call, const char *parameter, const char *reason) {
    return fault_set(&call->fault, ERR_VALIDATION, "Parameter %s is not valid. Reason: %s", parameter, reason);
}

/* The name in an ARN of that kind of the caller's account, in this region. */
static enum err name_in(struct call *call, struct str text, const char *kind, const char *parameter, const char *what, struct str *name) {
    struct arn arn;
    *name = arn_parse(text, &arn) && str_eqz(arn.service, "events") ? arn_name(&arn, kind) : STR_NULL;
    if (!name->n) return wrong(call, parameter, what);
    if (!str_eq(arn.account, call->account)) return wrong(call, parameter, "It belongs to another account.");
    struct str own = own_arn(call, kind, *name);
    if (!own.p) return no_memory(call);
    return str_eq(own, text) ? ERR_OK : wrong(call, parameter, what);
}

static enum err bus_in(struct call *call, struct str arn, const char *parameter, struct bus_ref *bus) {
    bus->account = call->account;
    return name_in(call, arn, "event-bus", parameter, "Must contain an event bus ARN.", &bus->name);
}

/* The archive an ARN names. */
static enum err archive_in(void *self, struct call *call, struct str arn, struct archive_info *info) {
    struct str name;
    enum err err = name_in(call, arn, "archive", "EventSourceArn", "Must contain an archive ARN.", &name);
    if (!err) err = archive_describe(world_of(self), call->account, name, call->arena, info, &call->fault);
    if (err != ERR_NOT_FOUND) return err;
    char reason[128];
    snprintf(reason, sizeof reason, "Archive %.*s does not exist.", STR_ARG(name));
    return wrong(call, "EventSourceArn", reason);
}

static enum err one_filter(struct call *call, struct str prefix, struct str source, struct str state) {
    if ((prefix.p != NULL) + (source.p != NULL) + (state.p != NULL) <= 1) return ERR_OK;
    return fault_set(&call->fault, ERR_VALIDATION,
                     "At most one filter is allowed for %s. Use either : State, EventSourceArn, or NamePrefix.", call->operation->name);
}

/* ---- archives ------------------------------------------------------------------------------------------------------------------------ */
static void archive_answered(struct call *call, const struct archive_info *info) {
    *(struct events_archive_answer *)call->out =
        (struct events_archive_answer){.arn = info->arn, .state = STR("ENABLED"), .created_ms = given(info->created_ms)};
}

static enum err create_archive(void *self, struct call *call) {
    const struct events_create_archive *in = call->in;
    struct archive_spec spec = {.name = in->name,
                                .description = in->description,
                                .pattern = in->pattern,
                                .kms_key = in->kms_key,
                                .retention_days = in->retention_days.v};
    struct archive_info info;
    enum err err = on(call, "archive", in->name);
    if (!err) err = bus_in(call, in->source_arn, "EventSourceArn", &spec.bus);
    if (!err) err = allowed(call, in->source_arn);
    if (!err) err = archive_create(world_of(self), &spec, call->arena, &info, &call->fault);
    if (!err) archive_answered(call, &info);
    return err;
}

static enum err update_archive(void *self, struct call *call) {
    const struct events_update_archive *in = call->in;
    struct archive_change change = {.description = in->description,
                                    .pattern = in->pattern,
                                    .kms_key = in->kms_key,
                                    .sets_days = in->retention_days.set,
                                    .retention_days = in->retention_days.v};
    struct archive_info info;
    enum err err = on(call, "archive", in->name);
    if (!err && !in->description.p && !in->pattern.p && !in->retention_days.set && !in->kms_key.p)
        err = fault_set(&call->fault, ERR_VALIDATION, "At least one of EventPattern, RetentionDays or Description must be provided.");
    if (!err) err = archive_update(world_of(self), call->account, in->name, &change, call->arena, &info, &call->fault);
    if (!err) archive_answered(call, &info);
    return err;
}

static enum err delete_archive(void *self, struct call *call) {
    const struct events_archive_name *in = call->in;
    enum err err = on(call, "archive", in->name);
    return err ? err : archive_delete(world_of(self), call->account, in->name, &call->fault);
}

static enum err describe_archive(void *self, struct call *call) {
    const struct events_archive_name *in = call->in;
    struct archive_info i;
    struct store_archive_stats stats;
    enum err err = on(call, "archive", in->name);
    if (!err) err = archive_describe(world_of(self), call->account, in->name, call->arena, &i, &call->fault);
    if (!err) err = flow_archive_stats(api_flow(self), i.number, &stats, &call->fault);
    if (err) return err;
    *(struct events_describe_archive_answer *)call->out = (struct events_describe_archive_answer){.arn = i.arn,
                                                                                                  .name = i.name,
                                                                                                  .source_arn = i.bus_arn,
                                                                                                  .description = i.description,
                                                                                                  .pattern = i.pattern,
                                                                                                  .state = STR("ENABLED"),
                                                                                                  .kms_key = i.kms_key,
                                                                                                  .retention_days = given(i.retention_days),
                                                                                                  .size_bytes = given(stats.bytes),
                                                                                                  .event_count = given(stats.count),
                                                                                                  .created_ms = given(i.created_ms)};
    return ERR_OK;
}

static enum err list_archives(void *self, struct call *call) {
    const struct events_list_archives *in = call->in;
    struct events_list_archives_answer *out = call->out;
    struct archive_info *archives;
    struct str after;
    size_t count = 0;
    bool more = false;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err) err = on(call, "archive", STR_NULL);
    if (!err) err = one_filter(call, in->name_prefix, in->source_arn, in->state);
    bool none =
        in->state.p && !str_eqz(in->state, "ENABLED"); /* an archive is made, changed and deleted at once: it knows no other state */
    if (!err)
        err = archive_list(world_of(self), call->account, in->name_prefix.p ? in->name_prefix : STR(""), in->source_arn, after,
                           none ? 0 : limit_of(in->limit), call->arena, &archives, &count, &more, &call->fault);
    if (err) return err;
    struct events_archive *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t k = 0; k < count && !err; k++) {
        const struct archive_info *i = &archives[k];
        struct store_archive_stats stats;
        err = flow_archive_stats(api_flow(self), i->number, &stats, &call->fault);
        items[k] = (struct events_archive){.name = i->name,
                                           .source_arn = i->bus_arn,
                                           .state = STR("ENABLED"),
                                           .retention_days = given(i->retention_days),
                                           .size_bytes = given(stats.bytes),
                                           .event_count = given(stats.count),
                                           .created_ms = given(i->created_ms)};
    }
    out->archives = (struct list){true, count, items};
    out->next_token = page_end(call, more && count, count ? items[count - 1].name : STR(""));
    return err;
}

/* ---- replays --------------------------------------------------------------------------------------------------------------------------
 */
static struct str state_text(const struct replay_info *i) { return str_from(replay_state_name(i->state)); }

/* Rules are of the archive's bus, and are there. */
static enum err check_rules(void *self, struct call *call, const struct archive_info *archive, const struct list *rules,
                            const char *parameter) {
    struct bus_ref bus = {archive->account, archive->bus};
    for (size_t i = 0; i < rules->n; i++) {
        struct str text = *LIST_AT(*rules, struct str, i), name = text;
        size_t slash = text.n;
        while (slash && text.p[slash - 1] != '/') slash--;
        name = str_skip(text, slash);
        struct str arn = world_rule_arn(world_of(self), call->arena, bus, name);
        if (!arn.p) return no_memory(call);
        if (!str_eq(arn, text)) return wrong(call, parameter, "Must contain ARNs of rules of the archive's event bus.");
        struct rule_info info;
        enum err err = world_describe_rule(world_of(self), bus, name, call->arena, &info, &call->fault);
        if (!err) continue;
        if (err != ERR_NOT_FOUND) return err;
        char reason[512];
        str_copyz(reason, sizeof reason, str_from(call->fault.message));
        return wrong(call, parameter, reason);
    }
    return ERR_OK;
}

static enum err check_times(struct call *call, int64_t start_ms, int64_t end_ms) {
    return start_ms < end_ms ? ERR_OK : wrong(call, "EventEndTime", "EventStartTime must be before EventEndTime.");
}

/* What StartReplay names, in the order in which the service looks at it. */
static enum err check_start(void *self, struct call *call, const struct events_start_replay *in, struct archive_info *archive) {
    struct bus_ref bus;
    struct bus_info info;
    enum err err = bus_in(call, in->destination->arn, "Destination.Arn", &bus);
    if (!err) err = world_describe_bus(world_of(self), bus, call->arena, &info, &call->fault);
    if (!err) err = archive_in(self, call, in->source_arn, archive);
    if (!err && !str_eq(in->destination->arn, archive->bus_arn))
        err = wrong(call, "Destination.Arn", "Cross event bus replay is not permitted.");
    if (!err) err = check_times(call, in->start_ms.v, in->end_ms.v);
    return err ? err : check_rules(self, call, archive, &in->destination->filter_arns, "Destination.FilterArns");
}

static enum err start_replay(void *self, struct call *call) {
    const struct events_start_replay *in = call->in;
    struct events_start_replay_answer *out = call->out;
    struct replay_spec spec = {.account = call->account,
                               .name = in->name,
                               .description = in->description,
                               .rules = in->destination->filter_arns.items,
                               .rule_count = in->destination->filter_arns.n,
                               .from_ms = in->start_ms.v,
                               .until_ms = in->end_ms.v,
                               .rate = in->rate.set ? in->rate.v : -1};
    struct replay_info info;
    enum err err = on(call, "replay", in->name);
    if (!err) err = allowed(call, in->source_arn);
    if (!err) err = allowed(call, in->destination->arn);
    if (!err) err = check_start(self, call, in, &spec.archive);
    if (!err) err = replay_start(replays_of(self), &spec, call->arena, &info, &call->fault);
    if (!err) *out = (struct events_start_replay_answer){.arn = info.arn, .state = state_text(&info), .started_ms = given(info.started_ms)};
    return err;
}

static enum err describe_replay(void *self, struct call *call) {
    const struct events_replay_name *in = call->in;
    struct replay_info i;
    enum err err = on(call, "replay", in->name);
    if (!err) err = replay_describe(replays_of(self), call->account, in->name, call->arena, &i, &call->fault);
    struct events_destination *destination = err ? NULL : ARENA_NEW(call->arena, struct events_destination);
    if (err) return err;
    if (!destination) return no_memory(call);
    *destination =
        (struct events_destination){.arn = i.bus_arn, .filter_arns = {i.rule_count > 0, i.rule_count, (void *)(uintptr_t)i.rules}};
    *(struct events_describe_replay_answer *)call->out = (struct events_describe_replay_answer){.name = i.name,
                                                                                                .arn = i.arn,
                                                                                                .description = i.description,
                                                                                                .state = state_text(&i),
                                                                                                .state_reason = i.reason,
                                                                                                .source_arn = i.archive_arn,
                                                                                                .destination = destination,
                                                                                                .start_ms = given(i.from_ms),
                                                                                                .end_ms = given(i.until_ms),
                                                                                                .last_ms = unless_zero(i.last_ms),
                                                                                                .started_ms = given(i.started_ms),
                                                                                                .ended_ms = unless_zero(i.ended_ms),
                                                                                                .rate = given(i.rate),
                                                                                                .replayed = given(i.replayed)};
    return ERR_OK;
}

static enum err list_replays(void *self, struct call *call) {
    const struct events_list_replays *in = call->in;
    struct events_list_replays_answer *out = call->out;
    struct replay_filter filter = {.prefix = in->name_prefix.p ? in->name_prefix : STR(""), .archive_arn = in->source_arn};
    struct replay_info *replays;
    struct str after;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err) err = on(call, "replay", STR_NULL);
    if (!err) err = one_filter(call, in->name_prefix, in->source_arn, in->state);
    filter.by_state = in->state.p && replay_state_of(in->state, &filter.state);
    if (!err)
        err = replay_list(replays_of(self), call->account, &filter, after, limit_of(in->limit), call->arena, &replays, &count, &more,
                          &call->fault);
    if (err) return err;
    struct events_replay *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t k = 0; k < count; k++) {
        const struct replay_info *i = &replays[k];
        items[k] = (struct events_replay){.name = i->name,
                                          .source_arn = i->archive_arn,
                                          .state = state_text(i),
                                          .state_reason = i->reason,
                                          .start_ms = given(i->from_ms),
                                          .end_ms = given(i->until_ms),
                                          .last_ms = unless_zero(i->last_ms),
                                          .started_ms = given(i->started_ms),
                                          .ended_ms = unless_zero(i->ended_ms)};
    }
    out->replays = (struct list){true, count, items};
    out->next_token = page_end(call, more && count, count ? items[count - 1].name : STR(""));
    return ERR_OK;
}

static enum err cancel_replay(void *self, struct call *call) {
    const struct events_replay_name *in = call->in;
    struct replay_info info;
    enum err err = on(call, "replay", in->name);
    if (!err) err = replay_cancel(replays_of(self), call->account, in->name, call->arena, &info, &call->fault);
    if (!err)
        *(struct events_cancel_replay_answer *)call->out =
            (struct events_cancel_replay_answer){.arn = info.arn, .state = state_text(&info)};
    return err;
}

/* ---- dry runs --------------------------------------------------------------------------------------------------------------------------
 */
static enum err preview_replay(void *self, struct call *call) {
    const struct events_preview_replay *in = call->in;
    struct preview p = {.from_ms = in->start_ms.v,
                        .until_ms = in->end_ms.v,
                        .pattern = in->pattern,
                        .rules = in->filter_arns.items,
                        .rule_count = in->filter_arns.n,
                        .samples_max = in->samples.set ? (size_t)in->samples.v : SAMPLES_DEFAULT};
    struct str at;
    enum err err = page_begin(call, in->next_token, &at);
    if (!err) err = allowed(call, in->source_arn);
    if (!err) err = archive_in(self, call, in->source_arn, &p.archive);
    if (!err) err = check_times(call, p.from_ms, p.until_ms);
    if (!err && in->pattern.p && in->filter_arns.n)
        err = wrong(call, "FilterArns", "A proposed pattern is asked instead of rules, not beside them.");
    if (!err) err = check_rules(self, call, &p.archive, &in->filter_arns, "FilterArns");
    if (!err && at.p && !str_to_i64(at, &p.position)) err = fault_set(&call->fault, ERR_VALIDATION, "Parameter NextToken is not valid.");
    if (!err) err = replay_preview(replays_of(self), &p, call->arena, &call->fault);
    if (err) return err;
    *(struct events_preview_replay_answer *)call->out = (struct events_preview_replay_answer){
        .scanned = given(p.scanned),
        .scanned_bytes = given(p.scanned_bytes),
        .matched = given(p.matched),
        .last_ms = unless_zero(p.last_ms),
        .samples = {true, p.sample_count, p.samples},
        .next_token = page_end(call, p.more, arena_printf(call->arena, "%lld", (long long)p.position))};
    return ERR_OK;
}

#define ROW(name, handler)                                                                                                                 \
    { name, handler, NULL, true }
const struct handler_row archives_handlers[] = {
    ROW("CreateArchive", create_archive),
    ROW("DeleteArchive", delete_archive),
    ROW("DescribeArchive", describe_archive),
    ROW("ListArchives", list_archives),
    ROW("UpdateArchive", update_archive),
    ROW("StartReplay", start_replay),
    ROW("DescribeReplay", describe_replay),
    ROW("ListReplays", list_replays),
    ROW("CancelReplay", cancel_replay),
    ROW("PreviewReplay", preview_replay),
    {NULL, NULL, NULL, false},
};
