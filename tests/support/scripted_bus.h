/* A bus that answers from a script, in place of libbus, and a way to run busctl's command lines against it. For one test file: it defines
 * bus_open, bus_call and their kin, so that the linker leaves libbus's out. Include after cmocka.h. */
#ifndef SUPPORT_SCRIPTED_BUS_H
#define SUPPORT_SCRIPTED_BUS_H

#include <stdlib.h>

#include "command.h"

/* ---- the bus ------------------------------------------------------------------------------------------------------------------ */

struct step {
    const char *operation; /* that must be asked next */
    const char *request;   /* exactly, or NULL: whatever */
    const char *answer;    /* or NULL: refused */
    enum bus_err err;
    const char *message;
};
struct bus {
    int unused;
};
static struct bus the_bus;
static const struct step *script;
static enum bus_err open_err; /* of the next bus_open */
static struct bus_options opened;
static char opened_endpoint[256], opened_file[256];
static int last_timeout_ms, closed;

static enum bus_err refuse(struct bus_fault *fault, enum bus_err err, const char *message) {
    fault->code = err;
    snprintf(fault->message, sizeof fault->message, "%s", message);
    return err;
}
enum bus_err bus_open(const struct bus_options *options, struct bus **bus, struct bus_fault *fault) {
    opened = *options;
    snprintf(opened_endpoint, sizeof opened_endpoint, "%s", options->endpoint ? options->endpoint : "");
    snprintf(opened_file, sizeof opened_file, "%s", options->credentials_file ? options->credentials_file : "");
    *bus = open_err ? NULL : &the_bus;
    return open_err ? refuse(fault, open_err, "as the script says") : BUS_ERR_OK;
}
enum bus_err bus_close(struct bus *bus, int timeout_ms) {
    (void)timeout_ms;
    assert_ptr_equal(bus, &the_bus);
    closed++;
    return BUS_ERR_OK;
}
const char *bus_region(const struct bus *bus) { return bus ? "us-east-1" : NULL; }
const char *bus_endpoint(const struct bus *bus) { return bus ? "ipc:///run/bus.sock" : NULL; }
void bus_free(void *p) { free(p); }
enum bus_err bus_call_within(struct bus *bus, int timeout_ms, const char *operation, const char *request, char **answer,
                             struct bus_fault *fault) {
    assert_ptr_equal(bus, &the_bus);
    last_timeout_ms = timeout_ms;
    if (!script->operation) fail_msg("nothing more was expected, but %s %s", operation, request);
    assert_string_equal(operation, script->operation);
    if (script->request) assert_string_equal(request, script->request);
    *answer = script->answer ? strdup(script->answer) : NULL;
    enum bus_err err = script->answer ? BUS_ERR_OK : refuse(fault, script->err, script->message);
    script++;
    return err;
}
enum bus_err bus_call(struct bus *bus, const char *operation, const char *request, char **answer, struct bus_fault *fault) {
    return bus_call_within(bus, 0, operation, request, answer, fault);
}
/* A step whose operation is "put" and whose request is the detail; its err is the result's. */
enum bus_err bus_put_async(struct bus *bus, const struct bus_event *event, bus_put_done done, void *ctx, struct bus_fault *fault) {
    (void)fault;
    assert_ptr_equal(bus, &the_bus);
    assert_non_null(script->operation);
    assert_string_equal(script->operation, "put");
    if (script->request) {
        assert_int_equal(event->detail_bytes ? event->detail_bytes : strlen(event->detail), strlen(script->request));
        assert_memory_equal(event->detail, script->request, strlen(script->request));
    }
    struct bus_result result = {.err = script->err};
    snprintf(result.message, sizeof result.message, "%s", script->message ? script->message : "");
    script++;
    done(ctx, &result);
    return BUS_ERR_OK;
}
enum bus_err bus_flush(struct bus *bus, int timeout_ms) {
    (void)timeout_ms;
    assert_ptr_equal(bus, &the_bus);
    return BUS_ERR_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------ */

static char *out, *err;
static size_t out_n, err_n;

__attribute__((unused)) static int runs(const struct step *steps, const char *const *words) {
    char *argv[32] = {strdup("busctl")};
    int argc = 1;
    for (; words[argc - 1]; argc++) argv[argc] = strdup(words[argc - 1]);
    free(out);
    free(err);
    struct session s = {.out = open_memstream(&out, &out_n), .err = open_memstream(&err, &err_n)};
    static const struct step nothing = {0};
    script = steps ? steps : &nothing;
    closed = 0;
    int code = (int)command_run(&s, argc, argv);
    fclose(s.out);
    fclose(s.err);
    for (int i = 0; i < argc; i++) free(argv[i]);
    if (script->operation) fail_msg("%s was not asked; %s", script->operation, err);
    return code;
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define STEPS(...) ((const struct step[]){__VA_ARGS__, {0}})

#endif
