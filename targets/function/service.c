#include "service.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "json.h"
#include "log.h"
#include "model.h"
#include "record.h"

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

bool function_name_parse(struct str text, struct str region, struct str default_account, struct str *account, struct str *name) {
    struct arn arn;
    struct str rest = text, qualifier;
    *account = default_account;
    if (arn_parse(text, &arn)) {
        if (!str_eqz(arn.service, "lambda") || !str_eq(arn.region, region)) return false;
        *account = arn.account;
        rest = arn.resource;
    } else if (str_find(text, ':', 0) == 12 && account_is_valid(str_of(text.p, 12))) {
        *account = str_of(text.p, 12);
        rest = str_skip(text, 13);
    }
    if (str_starts(rest, STR("function:")))
        rest = str_skip(rest, 9);
    else if (rest.p != text.p)
        return false; /* what names an account says that it means a function */
    if (!str_cut(&rest, ':', name) || name->n == 0) return false;
    qualifier = rest;
    return !qualifier.p || str_eqz(qualifier, "$LATEST"); /* there are no versions */
}

static struct str resource_of(void *self, struct call *call) {
    struct function_service *s = self;
    struct str account, name, asked = *(const struct str *)call->in; /* FunctionName is the first member of all these requests */
    if (!function_name_parse(asked, s->host->region, call->account, &account, &name)) return STR_NULL;
    return arena_printf(call->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s", STR_ARG(s->host->region), STR_ARG(account), STR_ARG(name));
}

static struct str list_resource(void *self, struct call *call) {
    struct function_service *s = self;
    return arena_printf(call->arena, "arn:aws:lambda:%.*s:%.*s:function:*", STR_ARG(s->host->region), STR_ARG(call->account));
}

static enum err parse_name(struct function_service *s, struct call *call, struct str asked, struct str *account, struct str *name) {
    if (function_name_parse(asked, s->host->region, call->account, account, name)) return ERR_OK;
    return fault_at(&call->fault, ERR_INVALID_PARAMETER, "functionName", 0, 0,
                    "%.*s names no function of this bus; right is NAME or arn:aws:lambda:%.*s:ACCOUNT:function:NAME", STR_ARG(asked),
                    STR_ARG(s->host->region));
}

/* A reference in *f, or Lambda's sentence. */
static enum err find(struct function_service *s, struct call *call, struct str asked, struct function **f) {
    struct str account, name;
    enum err err = parse_name(s, call, asked, &account, &name);
    if (err) return err;
    *f = function_registry_get(s->registry, account, name);
    if (*f) return ERR_OK;
    return fault_set(&call->fault, ERR_NOT_FOUND, "Function not found: arn:aws:lambda:%.*s:%.*s:function:%.*s", STR_ARG(s->host->region),
                     STR_ARG(account), STR_ARG(name));
}

/* ---- settings ------------------------------------------------------------------------------------------------------------------- */

static enum err refuse_nul(struct call *call, const char *where, struct str s) {
    if (!s.p || !memchr(s.p, 0, s.n)) return ERR_OK;
    return fault_at(&call->fault, ERR_INVALID_PARAMETER, where, 0, 0, "%s holds a NUL character, which no program can be given", where);
}

static enum err check_settings(struct call *call, const struct function_settings *in) {
    enum err err = refuse_nul(call, "workingDirectory", in->working_directory);
    for (size_t i = 0; !err && i < in->command.n; i++) err = refuse_nul(call, "command", *LIST_AT(in->command, struct str, i));
    for (size_t i = 0; !err && in->environment && i < in->environment->variables.n; i++) {
        const struct map_entry *v = LIST_AT(in->environment->variables, struct map_entry, i);
        err = refuse_nul(call, "environment.variables", v->s);
        if (!err && str_starts(v->key, STR("BUS_")))
            err = fault_at(&call->fault, ERR_INVALID_PARAMETER, "environment.variables", 0, 0,
                           "the variable %.*s is reserved: names that begin with BUS_ are set by the bus", STR_ARG(v->key));
    }
    if (!err && in->command.set && LIST_AT(in->command, struct str, 0)->n == 0)
        err = fault_at(&call->fault, ERR_INVALID_PARAMETER, "command", 0, 0, "the command's first string, the program, is empty");
    return err;
}

static bool copy_command(struct function *f, const struct str *items, size_t n) {
    f->command = arena_array(&f->arena, n, sizeof *f->command);
    for (f->command_count = 0; f->command && f->command_count < n; f->command_count++) {
        f->command[f->command_count] = arena_str(&f->arena, items[f->command_count]);
        if (!f->command[f->command_count].p) return false;
    }
    return f->command;
}

static bool copy_variables(struct function *f, const struct map_entry *items, size_t n) {
    f->variables = arena_array(&f->arena, n, sizeof *f->variables);
    for (f->variable_count = 0; f->variables && f->variable_count < n; f->variable_count++) {
        struct map_entry *to = &f->variables[f->variable_count];
        to->key = arena_str(&f->arena, items[f->variable_count].key);
        to->s = arena_str(&f->arena, items[f->variable_count].s);
        if (!to->key.p || !to->s.p) return false;
        if (str_eqz(to->key, "PATH")) f->path_variable = to->s;
    }
    return f->variables;
}

static int64_t or_else(struct opt_i64 given, int64_t otherwise) { return given.set ? given.v : otherwise; }

/* What is given, on top of what was there (`old`, NULL for a new one). NULL without memory. */
static struct function *make_function(struct function_service *s, const struct function_settings *in, const struct function *old,
                                      struct str account, struct str name, int64_t now_ms) {
    struct function *f = function_new();
    if (!f) return NULL;
    struct str description = in->description.p || !old ? in->description : old->description;
    struct str directory = in->working_directory.p || !old ? in->working_directory : old->working_directory;
    const struct list *variables = in->environment ? &in->environment->variables : NULL;
    f->key = record_key(&f->arena, account, name);
    f->account = str_of(f->key.p, account.n);
    f->name = str_skip(f->key, account.n + 1);
    f->arn = arena_printf(&f->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s", STR_ARG(s->host->region), STR_ARG(account), STR_ARG(name));
    f->description = arena_str(&f->arena, description);
    f->working_directory = arena_str(&f->arena, directory);
    f->worker = in->mode.p ? str_eqz(in->mode, "worker") : old && old->worker;
    f->timeout_s = or_else(in->timeout, old ? old->timeout_s : FUNCTION_TIMEOUT_DEFAULT_S);
    f->concurrency = or_else(in->concurrency, old ? old->concurrency : FUNCTION_CONCURRENCY_DEFAULT);
    f->memory_mib = or_else(in->memory_size, old ? old->memory_mib : 0);
    f->cpu_seconds = or_else(in->cpu_seconds, old ? old->cpu_seconds : 0);
    f->modified_ms = now_ms;
    bool ok = f->key.p && f->arn.p && !description.p == !f->description.p && !directory.p == !f->working_directory.p;
    ok = ok &&
         (in->command.set ? copy_command(f, in->command.items, in->command.n) : old && copy_command(f, old->command, old->command_count));
    ok = ok && (variables || !old ? copy_variables(f, variables ? variables->items : NULL, variables ? variables->n : 0)
                                  : copy_variables(f, old->variables, old->variable_count));
    if (ok) return f;
    function_unref(f);
    return NULL;
}

/* Copies into the call's arena: the function may be gone before the answer is encoded. */
static bool describe(struct arena *a, const struct function *f, struct function_configuration *out) {
    struct str *command = arena_array(a, f->command_count, sizeof *command);
    struct function_environment *environment = ARENA_NEW(a, struct function_environment);
    struct map_entry *variables = arena_array(a, f->variable_count, sizeof *variables);
    if (!command || !environment || !variables) return false;
    for (size_t i = 0; i < f->command_count; i++) command[i] = arena_str(a, f->command[i]);
    for (size_t i = 0; i < f->variable_count; i++) {
        variables[i].key = arena_str(a, f->variables[i].key);
        variables[i].s = arena_str(a, f->variables[i].s);
    }
    environment->variables = (struct list){true, f->variable_count, variables};
    *out = (struct function_configuration){
        .function_name = arena_str(a, f->name),
        .function_arn = arena_str(a, f->arn),
        .mode = f->worker ? STR("worker") : STR("process"),
        .working_directory = arena_str(a, f->working_directory),
        .description = arena_str(a, f->description),
        .command = {true, f->command_count, command},
        .timeout = {true, f->timeout_s},
        .concurrency = {true, f->concurrency},
        .memory_size = {f->memory_mib > 0, f->memory_mib},
        .cpu_seconds = {f->cpu_seconds > 0, f->cpu_seconds},
        .last_modified = {true, f->modified_ms},
        .environment = f->variable_count ? environment : NULL,
    };
    return out->function_name.p && out->function_arn.p;
}

/* ---- handlers ------------------------------------------------------------------------------------------------------------------- */

/* Creates (old == NULL) or replaces; the registry is locked. */
static enum err store_function(struct function_service *s, struct call *call, const struct function *old, struct str account,
                               struct str name) {
    struct function *f = make_function(s, call->in, old, account, name, call->now_ms), *before = NULL;
    if (!f || !describe(call->arena, f, call->out)) {
        function_unref(f);
        return fault_set(&call->fault, ERR_NOMEM, "the function's settings need too much memory");
    }
    enum err err = function_registry_put(s->registry, f, &before, &call->fault);
    if (before) runner_retire(s->runner, before);
    function_unref(before);
    return err;
}

static enum err create_function(void *self, struct call *call) {
    struct function_service *s = self;
    const struct function_settings *in = call->in;
    struct str account, name;
    enum err err = parse_name(s, call, in->function_name, &account, &name);
    if (!err) err = check_settings(call, in);
    if (err) return err;
    function_registry_lock(s->registry);
    struct function *there = function_registry_get(s->registry, account, name);
    if (there)
        err = fault_set(&call->fault, ERR_CONFLICT, "Function already exist: %.*s", STR_ARG(name));
    else
        err = store_function(s, call, NULL, account, name);
    function_registry_unlock(s->registry);
    function_unref(there);
    return err;
}

static enum err update_function_configuration(void *self, struct call *call) {
    struct function_service *s = self;
    const struct function_settings *in = call->in;
    struct function *old = NULL;
    enum err err = check_settings(call, in);
    if (err) return err;
    function_registry_lock(s->registry);
    err = find(s, call, in->function_name, &old);
    if (!err) err = store_function(s, call, old, old->account, old->name);
    function_registry_unlock(s->registry);
    function_unref(old);
    return err;
}

static enum err delete_function(void *self, struct call *call) {
    struct function_service *s = self;
    const struct function_reference *in = call->in;
    struct function *f = NULL;
    function_registry_lock(s->registry);
    enum err err = find(s, call, in->function_name, &f);
    if (!err) err = function_registry_remove(s->registry, f, &call->fault);
    function_registry_unlock(s->registry);
    if (!err) runner_retire(s->runner, f);
    function_unref(f);
    return err;
}

static enum err get_function(void *self, struct call *call) {
    struct function_service *s = self;
    const struct function_reference *in = call->in;
    struct function_description *out = call->out;
    struct function *f = NULL;
    enum err err = find(s, call, in->function_name, &f);
    if (err) return err;
    out->configuration = ARENA_NEW(call->arena, struct function_configuration);
    if (!out->configuration || !describe(call->arena, f, out->configuration)) err = fault_set(&call->fault, ERR_NOMEM, NULL);
    function_unref(f);
    return err;
}

static enum err list_functions(void *self, struct call *call) {
    struct function_service *s = self;
    const struct function_list_request *in = call->in;
    struct function_list *out = call->out;
    struct function **functions;
    size_t count;
    bool more;
    enum err err = function_registry_list(s->registry, call->account, in->marker, (size_t)or_else(in->max_items, 50), call->arena,
                                          &functions, &count, &more, &call->fault);
    if (err) return err;
    struct function_configuration *items = arena_array(call->arena, count, sizeof *items);
    bool ok = items;
    for (size_t i = 0; i < count; i++) {
        ok = ok && describe(call->arena, functions[i], &items[i]);
        function_unref(functions[i]);
    }
    out->functions = (struct list){true, count, items};
    if (ok && more) out->next_marker = items[count - 1].function_name;
    return ok ? ERR_OK : fault_set(&call->fault, ERR_NOMEM, NULL);
}

/* ---- Invoke --------------------------------------------------------------------------------------------------------------------- */

struct invoke { /* one Invoke under way */
    struct invocation invocation;
    struct call *call; /* NULL: nobody waits */
    char event_id[ID_TEXT_SIZE];
    struct buf payload; /* for an Event: the call is over before the function runs */
};

static struct str as_json(struct arena *a, struct str answer) {
    while (answer.n && strchr(" \t\r\n", answer.p[answer.n - 1])) answer.n--;
    if (answer.n == 0) return STR("null");
    json_t *value = json_loadb(answer.p, answer.n, JSON_DECODE_ANY, NULL);
    json_decref(value);
    if (value) return arena_str(a, answer);
    struct buf b;
    buf_init(&b, 0);
    json_quote(&b, str_is_utf8(answer) ? answer : STR("(the function wrote bytes that are not UTF-8)"));
    struct str quoted = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_fini(&b);
    return quoted;
}

static struct str error_payload(struct arena *a, enum outcome outcome, const char *message) {
    struct buf b;
    struct json j;
    buf_init(&b, 0);
    json_init(&j, &b);
    json_object_begin(&j);
    json_key_str(&j, "errorMessage", str_from(message));
    json_key_str(&j, "errorType", str_from(outcome_code(outcome)));
    json_object_end(&j);
    struct str payload = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_fini(&b);
    return payload;
}

static enum err answer_call(struct call *call, enum outcome outcome, const char *message, struct str answer) {
    struct function_invoke_response *out = call->out;
    if (outcome == OUTCOME_THROTTLING) return fault_set(&call->fault, ERR_THROTTLING, "%s", message);
    if (outcome == OUTCOME_INTERNAL_ERROR) return fault_set(&call->fault, ERR_INTERNAL, "%s", message);
    out->status_code = (struct opt_i64){true, 200};
    if (outcome != OUTCOME_DELIVERED) out->function_error = STR("Unhandled");
    /* A worker that failed said so in JSON of its own, which is passed on. */
    out->payload = outcome == OUTCOME_DELIVERED || answer.p ? as_json(call->arena, answer) : error_payload(call->arena, outcome, message);
    return out->payload.p ? ERR_OK : fault_set(&call->fault, ERR_NOMEM, "the function's answer is larger than the bound of this request");
}

static void invoke_done(struct invocation *invocation, enum outcome outcome, const char *message, struct str answer) {
    struct invoke *invoke = invocation->ctx;
    struct call *call = invoke->call;
    if (!call && outcome != OUTCOME_DELIVERED)
        log_line(LOG_WARN, "function", "an asynchronous invocation failed", LOG_S("function", invocation->function->name),
                 LOG_Z("code", outcome_code(outcome)), LOG_Z("error", message));
    enum err err = call ? answer_call(call, outcome, message, answer) : ERR_OK;
    function_unref(invocation->function);
    buf_fini(&invoke->payload);
    free(invoke);
    if (call) call->finish(call, err);
}

static enum err invoke(void *self, struct call *call) {
    struct function_service *s = self;
    const struct function_invoke_request *in = call->in;
    struct function_invoke_response *out = call->out;
    struct function *f = NULL;
    enum err err = find(s, call, in->function_name, &f);
    if (err) return err;
    bool event = str_eqz(in->invocation_type, "Event");
    if (str_eqz(in->invocation_type, "DryRun")) {
        out->status_code = (struct opt_i64){true, 204};
        function_unref(f);
        return ERR_OK;
    }
    struct invoke *i = calloc(1, sizeof *i);
    if (i) {
        buf_init(&i->payload, 0);
        if (event) buf_add(&i->payload, in->payload.p ? in->payload : STR("{}"));
    }
    if (!i || i->payload.failed) {
        function_unref(f);
        if (i) buf_fini(&i->payload);
        free(i);
        return fault_set(&call->fault, ERR_NOMEM, NULL);
    }
    id_text(id_random(), i->event_id);
    i->call = event ? NULL : call;
    i->invocation = (struct invocation){
        .function = f,
        .payload = event           ? buf_str(&i->payload)
                   : in->payload.p ? in->payload
                                   : STR("{}"),
        .event_id = str_from(i->event_id),
        .source_arn = event ? STR("") : call->principal_arn,
        .attempt = 1,
        .wants_answer = !event,
        .done = invoke_done,
        .ctx = i,
    };
    runner_submit(s->runner, &i->invocation);
    if (!event) return ERR_PENDING;
    out->status_code = (struct opt_i64){true, 202};
    return ERR_OK;
}

const struct handler_row function_handlers[] = {
    {"CreateFunction", create_function, resource_of},
    {"UpdateFunctionConfiguration", update_function_configuration, resource_of},
    {"DeleteFunction", delete_function, resource_of},
    {"GetFunction", get_function, resource_of},
    {"ListFunctions", list_functions, list_resource},
    {"Invoke", invoke, resource_of},
    {.name = NULL},
};
