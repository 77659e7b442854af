#include "session.h"

#include <limits.h>
#include <stdlib.h>

#include "os.h"
#include "table.h"

/* Where the run looks for the daemon and for keys; texts live in the buffers. */
struct place {
    struct buf endpoint, credentials;
    struct bus_options options;
};

/* ---- telling ------------------------------------------------------------------------------------------------------------------ */

void session_write(struct session *s, struct str text) { fwrite(text.p, 1, text.n, s->out); /* session_close asks ferror */ }

static void tell(struct session *s, const char *type, const char *message) {
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, "busctl: %s%s%s%s", s->verb ? s->verb : "", s->verb ? ": " : "", type ? type : "", type ? ": " : "");
    table_text(str_from(message), true, &line);
    fprintf(s->err, "%.*s\n", (int)line.n, line.p ? line.p : "out of memory");
    buf_fini(&line);
}

enum exit_code session_usage(struct session *s, const struct fault *fault) {
    char position[256];
    snprintf(position, sizeof position, "%s:%d:%d", fault->where, fault->line, fault->column);
    tell(s, fault->line ? position : NULL, fault->message);
    if (fault->code == ERR_USAGE)
        fprintf(s->err, "  hint: busctl %s%s--help shows what it takes\n", s->verb ? s->verb : "", s->verb ? " " : "");
    return EXIT_CODE_USAGE;
}

enum exit_code session_fail(struct session *s, const char *sentence) {
    tell(s, NULL, sentence);
    return EXIT_CODE_REFUSED;
}

static const char *profile_of(const struct session *s) {
    return s->globals.profile ? s->globals.profile : os_env("AWS_PROFILE", "default");
}

static void place_init(struct place *place, const struct session *s);
static void place_fini(struct place *place);

static void hint_credentials(struct session *s) {
    struct place place;
    place_init(&place, s);
    const char *file =
        place.options.credentials_file ? place.options.credentials_file : os_env("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    fprintf(s->err,
            "  hint: keys come from $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or from [%s] in %s;\n"
            "        busd writes DIR/credentials when it starts in a fresh data directory: busctl --data DIR uses it\n",
            profile_of(s), file);
    place_fini(&place);
}

static void hint_unreachable(struct session *s) {
    struct place place;
    place_init(&place, s);
    const char *endpoint = s->bus ? bus_endpoint(s->bus) : place.options.endpoint ? place.options.endpoint : os_env("BUS_ENDPOINT", NULL);
    if (endpoint)
        fprintf(s->err, "  hint: tried %s; is busd running there? Its line \"ready ... listen=URL\" says where it listens\n", endpoint);
    else
        fprintf(
            s->err,
            "  hint: tried bus_endpoint of profile [%s]; is busd running there? Its line \"ready ... listen=URL\" says where it listens\n",
            profile_of(s));
    place_fini(&place);
}

static void hint(struct session *s, enum bus_err code) {
    switch (code) {
    case BUS_ERR_NO_CREDENTIALS: hint_credentials(s); break;
    case BUS_ERR_UNREACHABLE:
    case BUS_ERR_TIMEOUT:
    case BUS_ERR_CLOSED: hint_unreachable(s); break;
    case BUS_ERR_UNKNOWN_KEY:
        fprintf(s->err,
                "  hint: this daemon does not know the access key (profile [%s]); an operator sees its keys with busctl list-access-keys\n",
                profile_of(s));
        break;
    case BUS_ERR_INVALID_SIGNATURE:
        fprintf(s->err, "  hint: the secret does not belong to the access key (profile [%s])\n", profile_of(s));
        break;
    case BUS_ERR_EXPIRED: fprintf(s->err, "  hint: compare this machine's clock with the daemon's\n"); break;
    case BUS_ERR_ACCESS_DENIED:
        fprintf(
            s->err,
            "  hint: asked as profile [%s]; the key's own policy must allow it (put-access-key-policy), and for a bus of another account "
            "that\n"
            "        bus's policy too (describe-event-bus shows it, put-permission changes it); accounts and keys need an operator key\n",
            profile_of(s));
        break;
    case BUS_ERR_NOT_FOUND:
        fprintf(s->err, "  hint: is it in this account, and on this bus? busctl list-event-buses, list-rules show what there is\n");
        break;
    case BUS_ERR_THROTTLING:
    case BUS_ERR_STORAGE_FULL: fprintf(s->err, "  hint: the daemon protects itself; busctl describe-daemon shows its counters\n"); break;
    case BUS_ERR_UNKNOWN_OPERATION: fprintf(s->err, "  hint: is the daemon older than this busctl (%s)?\n", bus_version()); break;
    case BUS_ERR_USAGE: fprintf(s->err, "  hint: busctl --data DIR takes endpoint and keys from the daemon's data directory\n"); break;
    default: break;
    }
}

static enum exit_code exit_code_of(enum bus_err code) {
    switch (code) {
    case BUS_ERR_OK: return EXIT_CODE_DONE;
    case BUS_ERR_UNREACHABLE:
    case BUS_ERR_TIMEOUT:
    case BUS_ERR_CLOSED: return EXIT_CODE_UNREACHABLE;
    case BUS_ERR_USAGE: return EXIT_CODE_USAGE;
    default: return EXIT_CODE_REFUSED;
    }
}

enum exit_code session_tell(struct session *s, const struct bus_fault *fault) {
    tell(s, bus_err_type(fault->code), fault->message);
    hint(s, fault->code);
    return exit_code_of(fault->code);
}

/* ---- connection --------------------------------------------------------------------------------------------------------------- */

/* The endpoint is --endpoint, or the socket in --data, or $BUS_ENDPOINT, or the socket in $BUS_DATA; else libbus asks the profile.
 * Credentials:
 * --data wins over the environment's keys, $BUS_DATA only stands in for $AWS_SHARED_CREDENTIALS_FILE. */
static void place_init(struct place *place, const struct session *s) {
    const struct globals *g = &s->globals;
    const char *data = g->data ? g->data : os_env("BUS_DATA", NULL);
    char *whole = data ? realpath(data, NULL) : NULL;
    buf_init(&place->endpoint, 0);
    buf_init(&place->credentials, 0);
    if (data) {
        buf_addf(&place->endpoint, "ipc://%s/bus.sock", whole ? whole : data);
        buf_addf(&place->credentials, "%s/credentials", whole ? whole : data);
        buf_addc(&place->endpoint, 0);
        buf_addc(&place->credentials, 0);
    }
    free(whole);
    place->options = (struct bus_options){.endpoint = g->endpoint, .profile = g->profile, .region = g->region, .tls_ca_file = g->ca_bundle};
    struct bus_options *o = &place->options;
    bool says_file = os_env("AWS_SHARED_CREDENTIALS_FILE", NULL), says_endpoint = os_env("BUS_ENDPOINT", NULL);
    if (data && (g->data || !says_file)) o->credentials_file = place->credentials.p;
    if (g->data && !o->profile) o->profile = profile_of(s);
    if (data && !o->endpoint && (g->data || !says_endpoint)) o->endpoint = place->endpoint.p;
}

static void place_fini(struct place *place) {
    buf_fini(&place->endpoint);
    buf_fini(&place->credentials);
}

enum exit_code session_open(struct session *s) {
    if (s->bus) return EXIT_CODE_DONE;
    struct place place;
    struct bus_fault *fault = calloc(1, sizeof *fault);
    if (!fault) return session_fail(s, "out of memory");
    place_init(&place, s);
    enum bus_err err = bus_open(&place.options, &s->bus, fault);
    enum exit_code code = err ? session_tell(s, fault) : EXIT_CODE_DONE;
    place_fini(&place);
    free(fault);
    return code;
}

static enum bus_err fail(struct bus_fault *fault, enum bus_err code, const char *message) {
    fault->code = code;
    (void)str_copyz(fault->message, sizeof fault->message, str_from(message));
    return code;
}

enum bus_err session_try(struct session *s, const char *operation, const json_t *request, int timeout_ms, json_t **answer, char **text,
                         struct bus_fault *fault) {
    char *reply = NULL, *body = json_dumps(request, JSON_COMPACT);
    *answer = NULL;
    if (text) *text = NULL;
    if (!body) return fail(fault, BUS_ERR_NOMEM, "the request does not fit into memory");
    enum bus_err err =
        timeout_ms ? bus_call_within(s->bus, timeout_ms, operation, body, &reply, fault) : bus_call(s->bus, operation, body, &reply, fault);
    free(body);
    if (err) return err;
    *answer = json_loads(reply, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(*answer)) err = fail(fault, BUS_ERR_PROTOCOL, "the daemon's answer is no JSON object");
    if (err) json_decref(*answer);
    if (err || !text)
        bus_free(reply);
    else
        *text = reply;
    return err;
}

enum exit_code session_call(struct session *s, const char *operation, const json_t *request, int timeout_ms, json_t **answer, char **text) {
    struct bus_fault *fault = calloc(1, sizeof *fault);
    if (!fault) return session_fail(s, "out of memory");
    enum bus_err err = session_try(s, operation, request, timeout_ms, answer, text, fault);
    enum exit_code code = err ? session_tell(s, fault) : EXIT_CODE_DONE;
    free(fault);
    return code;
}

enum exit_code session_close(struct session *s, enum exit_code code) {
    if (s->bus && bus_close(s->bus, 0) && code == EXIT_CODE_DONE) code = EXIT_CODE_UNREACHABLE;
    s->bus = NULL;
    if (fflush(s->out) || ferror(s->out)) {
        tell(s, NULL, "the output could not be written");
        if (code == EXIT_CODE_DONE) code = EXIT_CODE_REFUSED;
    }
    return code;
}
