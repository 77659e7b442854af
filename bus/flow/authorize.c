/* Who may do what: identity policies of keys, resource policies of buses, and what adapters ask about theirs. */
#include <stdio.h>

#include "clock.h"
#include "document.h"
#include "evaluate.h"
#include "flow_state.h"

/* The bus that a resource of the events service stands on: itself, or a rule's; NULL when there is none. */
static const struct bus_view *bus_of(const struct snapshot *s, const struct arn *arn) {
    struct str name = arn_name(arn, "event-bus"), path = arn_name(arn, "rule");
    if (!name.p && path.p) {
        size_t slash = path.n;
        while (slash && path.p[slash - 1] != '/') slash--;
        name = slash ? str_of(path.p, slash - 1) : STR("default");
    }
    return name.p ? snapshot_bus(s, arn->account, name) : NULL;
}

enum { KEYS_MAX = 16 };

static size_t add_key(struct policy_key *keys, size_t n, const char *name, const struct str *values, size_t count) {
    if (n < KEYS_MAX && count && values[0].p) keys[n++] = (struct policy_key){str_from(name), values, count};
    return n;
}

enum err flow_authorize(struct flow *f, const struct caller *caller, const char *action, struct str resource,
                        const struct condition_value *given, size_t given_count, struct fault *fault) {
    struct arn arn;
    struct str owner = arn_parse(resource, &arn) && account_is_valid(arn.account) ? arn.account : caller->account;
    struct policy_key keys[KEYS_MAX];
    size_t n = add_key(keys, 0, "aws:PrincipalAccount", &caller->account, 1);
    n = add_key(keys, n, "aws:PrincipalArn", &caller->principal_arn, 1);
    char iso[CLOCK_ISO_SIZE], seconds[24];
    int64_t now = clock_now_ms();
    clock_iso(now, iso);
    snprintf(seconds, sizeof seconds, "%lld", (long long)(now / 1000));
    struct str current = str_from(iso), epoch = str_from(seconds);
    n = add_key(keys, n, "aws:CurrentTime", &current, 1);
    n = add_key(keys, n, "aws:EpochTime", &epoch, 1);
    for (size_t i = 0; i < given_count; i++) n = add_key(keys, n, given[i].key, given[i].values, given[i].count);
    struct policy_request request = {.principal_account = caller->account,
                                     .principal_arn = caller->principal_arn,
                                     .action = str_from(action),
                                     .resource = resource,
                                     .keys = keys,
                                     .key_count = n};
    struct snapshot *s = world_snapshot(f->world);
    const struct bus_view *bus = arn.service.p && str_eqz(arn.service, "events") ? bus_of(s, &arn) : NULL;
    struct policy_reason why;
    bool allowed = policy_authorize(caller->identity, bus ? bus->head->policy : NULL, &request, owner, &why);
    if (!allowed) {
        char text[512];
        policy_reason_text(&why, text, sizeof text);
        fault_set(fault, ERR_ACCESS_DENIED, "User: %.*s is not authorized to perform: %s on resource: %.*s %s",
                  STR_ARG(caller->principal_arn), action, STR_ARG(resource), text);
    }
    snapshot_release(s);
    return allowed ? ERR_OK : ERR_ACCESS_DENIED;
}
