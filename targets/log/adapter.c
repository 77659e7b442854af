/* The kind "log": an attempt is one line at the end of a log group's file. */
#include <stdlib.h>

#include "model.h"
#include "service.h"

static bool takes(struct str text) {
    struct arn arn;
    return arn_parse(text, &arn) && str_eqz(arn.service, "logs") && arn_name(&arn, "log-group").p;
}

/* "NAME" or "NAME:*". */
static struct str name_of(const struct arn *arn) {
    struct str name = arn_name(arn, "log-group");
    if (str_ends(name, STR(":*"))) name.n -= 2;
    return name;
}

static void attempt_log(void *self, struct attempt *attempt) {
    struct log_service *s = self;
    const struct delivery *d = &attempt->delivery;
    struct arn arn;
    struct group *g = NULL;
    if (arn_parse(d->arn, &arn) && str_eq(arn.region, s->host->region)) g = log_registry_get(s->registry, arn.account, name_of(&arn));
    if (!g) {
        attempt->done(attempt, OUTCOME_NO_RESOURCE, "there is no such log group", -1);
    } else if (!str_eq(g->account, d->account)) { /* log groups carry no resource policy that could allow it */
        group_unref(g);
        attempt->done(attempt, OUTCOME_NO_PERMISSIONS, "the log group belongs to another account", -1);
    } else {
        writer_submit(s->writer, g, attempt);
    }
}

static int concurrency(void *self, struct str arn) {
    (void)self;
    (void)arn;
    return 256; /* they share one sync */
}

static void stop(void *self) { writer_stop(((struct log_service *)self)->writer); }

static void free_service(void *self) {
    struct log_service *s = self;
    writer_free(s->writer);
    log_registry_close(s->registry);
    arena_fini(&s->arena);
    free(s);
}

static const struct target_kind kind = {
    .name = "log", .in_store = false, .takes = takes, .attempt = attempt_log, .concurrency = concurrency};

enum err target_log_new(const struct target_host *host, struct target *t, struct fault *fault) {
    struct log_service *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->host = host;
    s->service = (struct service){"logs", log_operations, log_handlers, s};
    arena_init(&s->arena, 65536);
    s->directory = arena_printf(&s->arena, "%.*s/logs", STR_ARG(host->data_dir));
    enum err err = s->directory.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) err = log_registry_open(host, &s->registry, fault);
    if (!err) err = writer_start(s->directory, &s->writer, fault);
    if (err) {
        free_service(s);
        return err;
    }
    *t = (struct target){&kind, s, &s->service, stop, free_service};
    return ERR_OK;
}
