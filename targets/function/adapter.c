/* The kind "function": an attempt is one event for one command. */
#include <stdlib.h>

#include "model.h"
#include "service.h"

static bool takes(struct str text) {
    struct arn arn;
    return arn_parse(text, &arn) && str_eqz(arn.service, "lambda") && str_starts(arn.resource, STR("function:"));
}

static void attempt_done(struct invocation *invocation, enum outcome outcome, const char *message, struct str answer) {
    struct attempt *attempt = invocation->ctx;
    (void)answer;
    function_unref(invocation->function);
    attempt->done(attempt, outcome, message, -1);
    free(invocation);
}

static void refuse(struct attempt *attempt, enum outcome outcome, const char *why, struct str arn) {
    char message[2048];
    struct buf b;
    buf_init(&b, sizeof message - 1);
    buf_addf(&b, "%.*s%s", arn.n > 1600 ? 1600 : (int)arn.n, arn.p ? arn.p : "", why);
    str_copyz(message, sizeof message, buf_str(&b));
    buf_fini(&b);
    attempt->done(attempt, outcome, message, -1);
}

static void attempt_function(void *self, struct attempt *attempt) {
    struct function_service *s = self;
    const struct delivery *d = &attempt->delivery;
    struct str account, name;
    struct function *f = NULL;
    if (function_name_parse(d->arn, s->host->region, d->account, &account, &name)) f = function_registry_get(s->registry, account, name);
    /* Functions carry no resource policy (yet), so nothing could allow another account. */
    if (f && !str_eq(account, d->account)) {
        function_unref(f);
        refuse(attempt, OUTCOME_NO_PERMISSIONS, ": the function belongs to another account and has no policy that allows this one", d->arn);
        return;
    }
    if (!f) {
        refuse(attempt, OUTCOME_NO_RESOURCE, ": there is no such function", d->arn);
        return;
    }
    struct invocation *invocation = calloc(1, sizeof *invocation);
    if (!invocation) {
        function_unref(f);
        attempt->done(attempt, OUTCOME_INTERNAL_ERROR, "out of memory", -1);
        return;
    }
    *invocation = (struct invocation){.function = f,
                                      .payload = d->input,
                                      .event_id = d->event_id,
                                      .source_arn = d->source_arn,
                                      .attempt = d->attempt,
                                      .done = attempt_done,
                                      .ctx = attempt};
    runner_submit(s->runner, invocation);
}

static int concurrency(void *self, struct str arn) {
    struct function_service *s = self;
    struct str account, name;
    if (!function_name_parse(arn, s->host->region, STR_NULL, &account, &name)) return 0;
    struct function *f = function_registry_get(s->registry, account, name);
    int64_t n = f ? f->concurrency : 0;
    function_unref(f);
    return (int)n;
}

static void stop(void *self) { runner_stop(((struct function_service *)self)->runner); }

static void free_service(void *self) {
    struct function_service *s = self;
    runner_free(s->runner);
    function_registry_close(s->registry);
    free(s);
}

static const struct target_kind kind = {
    .name = "function", .in_store = false, .takes = takes, .attempt = attempt_function, .concurrency = concurrency};

enum err target_function_new(const struct target_host *host, struct target *t, struct fault *fault) {
    struct function_service *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->host = host;
    s->service = (struct service){"lambda", function_operations, function_handlers, s};
    enum err err = function_registry_open(host, &s->registry, fault);
    if (!err) err = runner_start(&s->runner, fault);
    if (err) {
        function_registry_close(s->registry);
        free(s);
        return err;
    }
    *t = (struct target){&kind, s, &s->service, stop, free_service};
    return ERR_OK;
}
