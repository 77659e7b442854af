#include "flags.h"

#include <stdio.h>

#include "name.h"
#include "value.h"

const struct extra globals_flags[] = {
    {"endpoint", "URL",
     "where the daemon is: ipc:///PATH, tcp://HOST:PORT, tls+tcp://HOST:PORT ($BUS_ENDPOINT, or bus_endpoint of the profile)"},
    {"data", "DIR", "the daemon's data directory: its credentials and its socket ($BUS_DATA)"},
    {"profile", "NAME", "section of the shared-credentials file ($AWS_PROFILE, or default)"},
    {"region", "NAME", "region in ARNs ($AWS_REGION, or us-east-1)"},
    {"ca-bundle", "FILE", "PEM: who may have signed the daemon's certificate, for tls+tcp ($AWS_CA_BUNDLE)"},
    {"output", "table|json", "tables for people, the answer as it is for scripts"},
    {"help", NULL, "show help"},
    {NULL, NULL, NULL},
};

/* One flag as it stands in argv: --name, --name=value. */
struct flag {
    struct str name;
    const char *value; /* behind '=', or NULL */
};

static bool is_flag(const char *word) { return word[0] == '-' && word[1] == '-' && word[2]; }

static struct flag flag_of(const char *word) {
    struct str text = str_from(word + 2);
    size_t at = str_find(text, '=', 0);
    return (struct flag){str_of(text.p, at), at < text.n ? text.p + at + 1 : NULL};
}

/* ---- global flags ------------------------------------------------------------------------------------------------------------- */

static enum err globals_set(struct globals *globals, const char *name, const char *value, struct fault *fault) {
    if (!strcmp(name, "endpoint"))
        globals->endpoint = value;
    else if (!strcmp(name, "data"))
        globals->data = value;
    else if (!strcmp(name, "profile"))
        globals->profile = value;
    else if (!strcmp(name, "region"))
        globals->region = value;
    else if (!strcmp(name, "ca-bundle"))
        globals->ca_bundle = value;
    else if (!strcmp(value, "json"))
        globals->output = OUTPUT_JSON;
    else if (!strcmp(value, "table"))
        globals->output = OUTPUT_TABLE;
    else
        return fault_set(fault, ERR_USAGE, "--output: '%s' is neither table nor json", value);
    return ERR_OK;
}

enum err globals_take(struct globals *globals, int argc, char **argv, int *at, bool *taken, struct fault *fault) {
    *taken = false;
    if (!strcmp(argv[*at], "-h")) {
        *taken = globals->help = true;
        ++*at;
        return ERR_OK;
    }
    if (!is_flag(argv[*at])) return ERR_OK;
    struct flag flag = flag_of(argv[*at]);
    if (str_eqz(flag.name, "endpoint-url")) flag.name = STR("endpoint"); /* as the AWS CLI says it */
    for (const struct extra *g = globals_flags; g->name; g++) {
        if (!str_eqz(flag.name, g->name)) continue;
        *taken = true;
        ++*at;
        if (!g->value) {
            globals->help = true;
            return ERR_OK;
        }
        if (!flag.value && *at < argc) flag.value = argv[(*at)++];
        if (!flag.value || !*flag.value) return fault_set(fault, ERR_USAGE, "--%s needs a value (%s)", g->name, g->value);
        return globals_set(globals, g->name, flag.value, fault);
    }
    return ERR_OK;
}

/* ---- flags of a verb ---------------------------------------------------------------------------------------------------------- */

struct parser {
    const struct operation *operation;
    const struct extra *extras;
    int argc;
    char **argv;
    struct flags *flags;
    struct fault *fault;
};

static enum err unknown_flag(struct parser *p, struct str name) {
    char spelling[NAME_SIZE], hint[160];
    struct name_guess guess = {.written = name};
    for (const struct member *m = p->operation ? p->operation->in->members : NULL; m && m->name; m++) {
        name_flag(p->operation, m, spelling);
        name_offer(&guess, spelling);
    }
    for (const struct extra *e = p->extras; e && e->name; e++) name_offer(&guess, e->name);
    for (const struct extra *e = globals_flags; e->name; e++) name_offer(&guess, e->name);
    return fault_set(p->fault, ERR_USAGE, "there is no flag --%.*s%s", STR_ARG(name), name_did_you_mean(&guess, "--", hint, sizeof hint));
}

static enum err set(struct parser *p, const char *member, json_t *value) {
    return json_object_set_new(p->flags->request, member, value) ? fault_set(p->fault, ERR_NOMEM, NULL) : ERR_OK;
}

/* The words that belong to a flag: one, or for lists all up to the next flag. */
static size_t words_at(const struct parser *p, int at, bool many) {
    size_t n = 0;
    while (at + (int)n < p->argc && !is_flag(p->argv[at + (int)n]) && (many || n < 1)) n++;
    return n;
}

static enum err take_value(struct parser *p, const char *name, const struct shape *shape, const char *inline_value, int *at,
                           json_t **value) {
    char *one[1] = {(char *)(uintptr_t)inline_value};
    size_t count = inline_value ? 1 : words_at(p, *at, shape->type == SHAPE_LIST);
    char **words = inline_value ? one : p->argv + *at;
    if (count == 0 && shape->type == SHAPE_LIST) {
        *value = json_array();
        return *value ? ERR_OK : fault_set(p->fault, ERR_NOMEM, NULL);
    }
    if (count == 0) return fault_set(p->fault, ERR_USAGE, "--%s needs a value", name);
    if (!inline_value) *at += (int)count;
    return value_from_words(shape, name, words, count, value, p->fault);
}

/* --cli-input-json TEXT: the request to start with; flags already read, and those to come, win. */
static enum err take_input_json(struct parser *p, const char *inline_value, int *at) {
    const char *word = inline_value ? inline_value : *at < p->argc ? p->argv[(*at)++] : NULL;
    if (!word) return fault_set(p->fault, ERR_USAGE, "--cli-input-json needs a value (JSON, file://PATH or -)");
    struct buf text;
    json_t *base = NULL;
    buf_init(&text, 0);
    enum err err = value_text("cli-input-json", word, true, &text, p->fault);
    if (!err) err = value_from_json(p->operation->in, "cli-input-json", buf_str(&text), &base, p->fault);
    if (!err && !json_is_object(base)) err = fault_set(p->fault, ERR_USAGE, "--cli-input-json: must be a JSON object");
    if (!err && json_object_update_missing(p->flags->request, base)) err = fault_set(p->fault, ERR_NOMEM, NULL);
    json_decref(base);
    buf_fini(&text);
    return err;
}

static enum err take_member(struct parser *p, const struct member *m, const char *name, bool negated, const char *inline_value, int *at) {
    json_t *value = NULL;
    if (m->shape->type == SHAPE_BOOLEAN && !inline_value) return set(p, m->name, json_boolean(!negated));
    enum err err = take_value(p, name, m->shape, inline_value, at, &value);
    return err ? err : set(p, m->name, value);
}

static enum err take_extra(struct parser *p, size_t index, const char *inline_value, int *at) {
    const struct extra *e = &p->extras[index];
    const char *value = !e->value ? "" : inline_value ? inline_value : *at < p->argc ? p->argv[(*at)++] : NULL;
    if (!e->value && inline_value) return fault_set(p->fault, ERR_USAGE, "--%s takes no value", e->name);
    if (!value) return fault_set(p->fault, ERR_USAGE, "--%s needs a value (%s)", e->name, e->value);
    p->flags->extra[index] = value;
    return ERR_OK;
}

/* Does this flag name the member? Booleans have a --no- form as well. */
static bool names_member(const struct parser *p, const struct member *m, struct str name, char spelling[NAME_SIZE], bool *negated) {
    name_flag(p->operation, m, spelling);
    *negated = m->shape->type == SHAPE_BOOLEAN && str_starts(name, STR("no-")) && str_eqz(str_skip(name, 3), spelling);
    return *negated || str_eqz(name, spelling);
}

/* The flag at argv[*at]: of the operation, of the verb, or a global one, in this order (kinesis put-record has a --data of its own). */
static enum err take_flag(struct parser *p, int *at) {
    struct flag flag = flag_of(p->argv[*at]);
    char spelling[NAME_SIZE];
    bool negated, taken;
    for (const struct member *m = p->operation ? p->operation->in->members : NULL; m && m->name; m++)
        if (names_member(p, m, flag.name, spelling, &negated)) {
            ++*at;
            return take_member(p, m, spelling, negated, flag.value, at);
        }
    for (size_t i = 0; p->extras && p->extras[i].name; i++)
        if (str_eqz(flag.name, p->extras[i].name)) {
            ++*at;
            return take_extra(p, i, flag.value, at);
        }
    if (p->operation && str_eqz(flag.name, "cli-input-json")) {
        ++*at;
        return take_input_json(p, flag.value, at);
    }
    enum err err = globals_take(&p->flags->globals, p->argc, p->argv, at, &taken, p->fault);
    return err || taken ? err : unknown_flag(p, flag.name);
}

enum err flags_parse(const struct operation *operation, const struct extra *extras, const struct globals *globals, int argc, char **argv,
                     struct flags *flags, struct fault *fault) {
    struct parser p = {operation, extras, argc, argv, flags, fault};
    *flags = (struct flags){.globals = *globals, .request = json_object()};
    enum err err = flags->request ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    for (int at = 0; at < argc && !err;) {
        bool taken = false;
        if (!strcmp(argv[at], "-h"))
            err = globals_take(&flags->globals, argc, argv, &at, &taken, fault);
        else if (is_flag(argv[at]))
            err = take_flag(&p, &at);
        else
            err = fault_set(fault, ERR_USAGE, "'%s' belongs to no flag", argv[at]);
    }
    if (err) flags_fini(flags);
    return err;
}

void flags_fini(struct flags *flags) {
    json_decref(flags->request);
    flags->request = NULL;
}

enum err flags_missing(const struct operation *operation, const struct flags *flags, struct fault *fault) {
    struct buf text;
    char spelling[NAME_SIZE];
    size_t missing = 0;
    buf_init(&text, 0);
    for (const struct member *m = operation->in->members; m->name; m++) {
        if (!m->required || json_object_get(flags->request, m->name)) continue;
        name_flag(operation, m, spelling);
        buf_addf(&text, "%s--%s", missing++ ? ", " : "", spelling);
    }
    struct str list = buf_str(&text);
    enum err err = missing ? fault_set(fault, ERR_USAGE, "%.*s %s missing", STR_ARG(list), missing > 1 ? "are" : "is") : ERR_OK;
    buf_fini(&text);
    return err;
}
