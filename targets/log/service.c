#include "service.h"

#include "model.h"
#include "page.h"
#include "record.h"

static struct str group_arn(const struct log_service *s, struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "arn:aws:logs:%.*s:%.*s:log-group:%.*s", STR_ARG(s->host->region), STR_ARG(account), STR_ARG(name));
}

static struct str resource_of(void *self, struct call *call) {
    return group_arn(self, call->arena, call->account, *(const struct str *)call->in); /* logGroupName is the first member of all */
}

static struct str describe_resource(void *self, struct call *call) { return group_arn(self, call->arena, call->account, STR("*")); }

/* ---- files ---------------------------------------------------------------------------------------------------------------------- */

/* ACCOUNT-NAME.jsonl; what a name may hold and a file name may not ('/', '#', and '%' itself cannot occur) is percent-encoded. */
static struct str default_file(struct arena *a, struct str account, struct str name) {
    struct buf b;
    buf_init(&b, 4096);
    buf_addf(&b, "%.*s-", STR_ARG(account));
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '/')
            buf_addz(&b, "%2F");
        else if (name.p[i] == '#')
            buf_addz(&b, "%23");
        else
            buf_addc(&b, name.p[i]);
    }
    buf_addz(&b, ".jsonl");
    struct str file = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_fini(&b);
    return file;
}

static enum err bad_file(struct call *call, struct str file, const char *why) {
    return fault_at(&call->fault, ERR_INVALID_PARAMETER, "file", 0, 0, "File '%.*s' is not valid: %s", STR_ARG(file), why);
}

static bool ends_in_number(struct str s) {
    size_t n = s.n;
    while (n > 0 && s.p[n - 1] >= '0' && s.p[n - 1] <= '9') n--;
    return n < s.n && n > 0 && s.p[n - 1] == '.';
}

/* Checked by hand as well as by the shape: a path is what an attacker would try. */
static enum err check_file(struct call *call, struct str file) {
    struct str rest = file, part;
    if (file.n == 0 || file.n > 200) return bad_file(call, file, "it has 1 to 200 characters; give one with File");
    for (size_t i = 0; i < file.n; i++) {
        char c = file.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !strchr("./_%-", c)) return bad_file(call, file, "only letters, digits and . / _ % - are allowed");
        if (!c) return bad_file(call, file, "it holds a NUL character");
    }
    while (str_cut(&rest, '/', &part)) {
        if (part.n == 0) return bad_file(call, file, "it is a path below DATA/logs/ without empty parts");
        if (part.p[0] == '.') return bad_file(call, file, "no part of it may begin with a dot");
    }
    if (ends_in_number(file)) return bad_file(call, file, "a dot and a number at the end is how rotated files are called");
    return ERR_OK;
}

/* No two groups write to one file, and no group can write into another account's. */
static enum err check_owner(struct log_service *s, struct call *call, struct str file, struct str key) {
    enum err err = ERR_OK;
    struct group *g = log_registry_by_file(s->registry, file);
    if (g && !str_eq(g->key, key)) err = bad_file(call, file, "another log group writes to it");
    group_unref(g);
    size_t dash = str_find(file, '-', 0);
    if (!err && dash == 12 && account_is_valid(str_of(file.p, 12)) && !str_eq(str_of(file.p, 12), call->account))
        err = bad_file(call, file, "it begins like the files of another account");
    return err;
}

/* ---- handlers ------------------------------------------------------------------------------------------------------------------- */

/* What is given, on top of `old` (NULL: a new group); the registry is locked. */
static enum err store_group(struct log_service *s, struct call *call, const struct group *old) {
    const struct log_group_settings *in = call->in;
    struct group *g = group_new();
    if (!g) return fault_set(&call->fault, ERR_NOMEM, NULL);
    g->key = record_key(&g->arena, call->account, in->log_group_name);
    g->account = str_of(g->key.p, call->account.n);
    g->name = str_skip(g->key, call->account.n + 1);
    g->file = in->file.p ? arena_str(&g->arena, in->file)
              : old      ? arena_str(&g->arena, old->file)
                         : default_file(&g->arena, call->account, in->log_group_name);
    g->max_bytes = in->max_bytes.set ? in->max_bytes.v : old ? old->max_bytes : LOG_MAX_BYTES_DEFAULT;
    g->keep = in->keep.set ? in->keep.v : old ? old->keep : LOG_KEEP_DEFAULT;
    g->created_ms = old ? old->created_ms : call->now_ms;
    enum err err = g->key.p && g->file.p ? ERR_OK : fault_set(&call->fault, ERR_NOMEM, NULL);
    if (!err) err = check_file(call, g->file);
    if (!err) err = check_owner(s, call, g->file, g->key);
    if (!err) return log_registry_put(s->registry, g, &call->fault);
    group_unref(g);
    return err;
}

static enum err create_log_group(void *self, struct call *call) {
    struct log_service *s = self;
    const struct log_group_settings *in = call->in;
    enum err err;
    log_registry_lock(s->registry);
    struct group *there = log_registry_get(s->registry, call->account, in->log_group_name);
    if (there)
        err = fault_set(&call->fault, ERR_EXISTS, "The specified log group already exists");
    else
        err = store_group(s, call, NULL);
    log_registry_unlock(s->registry);
    group_unref(there);
    return err;
}

static enum err no_such_group(struct call *call) {
    return fault_set(&call->fault, ERR_NOT_FOUND, "The specified log group does not exist.");
}

static enum err update_log_group(void *self, struct call *call) {
    struct log_service *s = self;
    const struct log_group_settings *in = call->in;
    log_registry_lock(s->registry);
    struct group *old = log_registry_get(s->registry, call->account, in->log_group_name);
    enum err err = old ? store_group(s, call, old) : no_such_group(call);
    log_registry_unlock(s->registry);
    group_unref(old);
    return err;
}

static enum err delete_log_group(void *self, struct call *call) {
    struct log_service *s = self;
    const struct log_group_reference *in = call->in;
    log_registry_lock(s->registry);
    struct group *old = log_registry_get(s->registry, call->account, in->log_group_name);
    enum err err = old ? log_registry_remove(s->registry, old->key, &call->fault) : no_such_group(call);
    log_registry_unlock(s->registry);
    group_unref(old);
    return err;
}

static enum err describe_log_groups(void *self, struct call *call) {
    struct log_service *s = self;
    const struct log_groups_request *in = call->in;
    struct log_groups *out = call->out;
    struct group **groups;
    size_t count;
    bool more;
    struct str after;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err)
        err = log_registry_list(s->registry, call->account, in->log_group_name_prefix, after,
                                in->limit.set ? (size_t)in->limit.v : LOG_DESCRIBE_LIMIT_DEFAULT, call->arena, &groups, &count, &more,
                                &call->fault);
    if (err) return err;
    struct log_group *items = arena_array(call->arena, count, sizeof *items);
    bool ok = items;
    for (size_t i = 0; i < count; i++) {
        const struct group *g = groups[i];
        if (ok)
            items[i] = (struct log_group){
                .log_group_name = arena_str(call->arena, g->name),
                .arn = group_arn(s, call->arena, g->account, g->name),
                .file = arena_str(call->arena, g->file),
                .max_bytes = {true, g->max_bytes},
                .keep = {true, g->keep},
                .creation_time = {true, g->created_ms},
            };
        ok = ok && items[i].log_group_name.p && items[i].arn.p && items[i].file.p;
        group_unref(groups[i]);
    }
    out->log_groups = (struct list){true, count, items};
    if (ok && more) out->next_token = page_end(call, more, items[count - 1].log_group_name);
    return ok ? ERR_OK : fault_set(&call->fault, ERR_NOMEM, NULL);
}

const struct handler_row log_handlers[] = {
    {"CreateLogGroup", create_log_group, resource_of},
    {"UpdateLogGroup", update_log_group, resource_of},
    {"DeleteLogGroup", delete_log_group, resource_of},
    {"DescribeLogGroups", describe_log_groups, describe_resource},
    {.name = NULL},
};
