#include "verb.h"

#include <stdlib.h>

#include "catalog.h"
#include "name.h"
#include "table.h"

static const struct special specials[] = {
    {"events", "PutEvents", NULL, put_events_run},
    {"events", "PutRule", NULL, put_rule_run},
    {"kinesis", "GetRecords", get_records_extras, get_records_run},
    {"sqs", "ReceiveMessage", receive_message_extras, receive_message_run},
    {"bus", "CreateAccessKey", NULL, create_access_key_run},
};

const struct local verb_locals[] = {
    {"test-pattern", "--pattern FILE --event FILE",
     "Says whether an event matches a pattern, without a daemon: exit code 0 yes, 1 no, 3 the pattern is refused.",
     "busctl test-pattern --pattern pattern.json --event event.json", NULL, test_pattern_run},
    {"explain", "--event FILE|JSON|- [flags]",
     "Explains why an event matches a rule or not, field by field; without --rule, which rules of a bus match, and why the closest others do not. Exit code 0 match, 1 no match, 3 refused.",
     "busctl explain --rule orders --event event.json", explain_flags, explain_run},
    {"validate", "[ACCOUNT=]FILE... [--parameter NAME=VALUE]...",
     "Looks for mistakes in rule files and CloudFormation or SAM templates, also those of directories, without a daemon, and warns of patterns that look wrong: exit code 0 all are right (warnings or not), 3 some are not.",
     "busctl validate rules/ stack.yaml --parameter Env=prod", NULL, validate_run},
    {"reference", "[--format markdown|man|fields] [--service NAME]", "Prints the reference of every operation.",
     "busctl reference --format man --service events | man -l -", reference_flags, reference_run},
    {"generate", "--template FILE [flags]", "Makes test records from a template: to stdout, onto a bus, or into a stream.",
     "busctl generate --template ec2-fleet.json --event-bus-name default --rate 100 --count 1000", generate_flags, generate_run},
    {"replay", "--archive NAME [--from TIME] [--to TIME] [--rule R]... [--dry-run [--event-pattern P]] [flags]",
     "Puts an archive's events onto its bus again and shows how it goes; with --dry-run it tells what a pattern or rules would take, and delivers nothing. Exit code 0 completed (something matched), 1 cancelled (nothing matched), 3 refused or failed.",
     "busctl replay --archive orders --from 7d --dry-run --event-pattern file://pattern.json", replay_flags, replay_run},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

const struct special *verb_special(const struct operation *operation) {
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++)
        if (!strcmp(specials[i].operation, operation->name) && !strcmp(specials[i].service, operation->service)) return &specials[i];
    return NULL;
}

/* ---- finding ------------------------------------------------------------------------------------------------------------------ */

bool verb_is_service(const char *word) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    for (size_t t = 0; t < count; t++)
        if (tables[t]->name && !strcmp(tables[t]->service, word)) return true;
    return false;
}

static const struct operation *find_in(const struct operation *table, const char *verb, struct name_guess *guess) {
    char spelling[NAME_SIZE];
    for (const struct operation *o = table; o->name; o++) {
        name_kebab(o->name, spelling);
        if (!strcmp(spelling, verb)) return o;
        name_offer(guess, spelling);
    }
    return NULL;
}

static const struct operation *unknown(const char *service, const char *verb, struct name_guess *guess, struct fault *fault) {
    char hint[160];
    for (const struct local *l = verb_locals; l->name && !service; l++) name_offer(guess, l->name);
    fault_set(fault, ERR_USAGE, "%s%sthere is no verb '%s'%s", service ? service : "", service ? ": " : "", verb,
              name_did_you_mean(guess, "", hint, sizeof hint));
    return NULL;
}

const struct operation *verb_find(const char *service, const char *verb, struct fault *fault) {
    size_t count, found = 0;
    struct name_guess guess = {.written = str_from(verb)};
    const struct operation *const *tables = model_tables(&count), *first = NULL;
    char where[160] = "";
    for (size_t t = 0; t < count; t++) {
        if (!tables[t]->name || (service && strcmp(service, tables[t]->service) != 0)) continue;
        const struct operation *o = find_in(tables[t], verb, &guess);
        if (!o) continue;
        if (!strcmp(o->service, "events")) return o;
        if (found++ == 0) first = o;
        snprintf(where + strlen(where), sizeof where - strlen(where), "%s%s", found > 1 ? ", " : "", o->service);
    }
    if (found == 1) return first;
    if (found == 0) return unknown(service, verb, &guess, fault);
    fault_set(fault, ERR_USAGE, "several services have the verb '%s': say which, as in busctl %s %s (%s)", verb, first->service, verb,
              where);
    return NULL;
}

/* ---- printing ----------------------------------------------------------------------------------------------------------------- */

void verb_print(struct session *s, const struct operation *operation, const json_t *answer, const char *text) {
    struct buf out;
    buf_init(&out, 0);
    if (s->globals.output == OUTPUT_TABLE) {
        table_write(operation->out, answer, &out);
    } else if (text) {
        buf_addf(&out, "%s\n", text);
    } else {
        char *whole = json_dumps(answer, JSON_COMPACT);
        if (whole)
            buf_addf(&out, "%s\n", whole);
        else
            out.failed = true;
        free(whole);
    }
    session_write(s, buf_str(&out));
    if (out.failed) fprintf(s->err, "busctl: %s: the answer is cut: out of memory\n", s->verb);
    buf_fini(&out);
}

static void tell_failed(struct session *s, const json_t *entries) {
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry) {
        const char *code = json_string_value(json_object_get(entry, "ErrorCode")),
                   *message = json_string_value(json_object_get(entry, "ErrorMessage"));
        if (!code) continue;
        struct buf line;
        buf_init(&line, 0);
        buf_addf(&line, "busctl: %s: entry %zu: %s: ", s->verb, i + 1, code);
        table_text(str_from(message ? message : ""), false, &line);
        fprintf(s->err, "%.*s\n", (int)line.n, line.p ? line.p : "");
        buf_fini(&line);
    }
}

enum exit_code verb_verdict(struct session *s, const json_t *answer) {
    static const char *const counts[] = {"FailedEntryCount", "FailedRecordCount", NULL};
    static const char *const lists[] = {"Entries", "FailedEntries", "Records", NULL};
    bool failed = json_array_size(json_object_get(answer, "Failed")) > 0; /* batches of sqs and sns */
    for (size_t i = 0; counts[i]; i++) failed |= json_integer_value(json_object_get(answer, counts[i])) > 0;
    for (size_t i = 0; failed && lists[i]; i++) tell_failed(s, json_object_get(answer, lists[i]));
    if (failed) return EXIT_CODE_REFUSED;
    return json_is_false(json_object_get(answer, "Result")) ? EXIT_CODE_NO : EXIT_CODE_DONE;
}

/* ---- plain verbs -------------------------------------------------------------------------------------------------------------- */

static const struct member *token_member(const struct shape *shape) {
    const struct member *m = shape ? shape_member(shape, STR("NextToken")) : NULL;
    return m || !shape ? m : shape_member(shape, STR("nextToken"));
}

/* Were all pages asked for? Whoever names a token or a limit wants just that page. */
static bool wants_all_pages(const struct operation *operation, const json_t *request) {
    static const char *const limits[] = {"NextToken", "nextToken", "Limit", "limit", "MaxResults", "MaxItems", NULL};
    for (size_t i = 0; limits[i]; i++)
        if (json_object_get(request, limits[i])) return false;
    return token_member(operation->in) && token_member(operation->out);
}

/* Appends the lists of `more` to those of `answer`, and takes over its token. */
static bool join_page(json_t *answer, const json_t *more, const char *token) {
    const char *name;
    json_t *value;
    if (!json_object_get(more, token)) json_object_del(answer, token); /* there may be none: nothing to tell */
    json_object_foreach((json_t *)(uintptr_t)more, name, value) {
        json_t *mine = json_object_get(answer, name);
        bool joined = json_is_array(mine) && json_is_array(value) ? !json_array_extend(mine, value) : !json_object_set(answer, name, value);
        if (!joined) return false;
    }
    return true;
}

/* Asks on while there is a token. *text is given up when a second page joins. */
static enum exit_code call_pages(struct session *s, const struct operation *operation, const char *name, json_t *request, json_t *answer,
                                 char **text) {
    enum { PAGES_MOST = 10000 };
    const char *in = token_member(operation->in)->name, *out = token_member(operation->out)->name;
    for (int page = 1; page < PAGES_MOST; page++) {
        json_t *token = json_object_get(answer, out), *more = NULL;
        if (!json_is_string(token) || json_equal(token, json_object_get(request, in))) return EXIT_CODE_DONE;
        bus_free(*text);
        *text = NULL;
        if (json_object_set(request, in, token)) return session_fail(s, "out of memory");
        enum exit_code code = session_call(s, name, request, 0, &more, NULL);
        if (code) return code;
        bool joined = join_page(answer, more, out);
        json_decref(more);
        if (!joined) return session_fail(s, "out of memory");
    }
    return session_fail(s, "the list has more than 10,000 pages; --limit and --next-token show it piece by piece");
}

enum exit_code verb_run_plain(struct session *s, const struct operation *operation, struct flags *flags) {
    char name[NAME_SIZE], *text = NULL;
    json_t *answer = NULL;
    snprintf(name, sizeof name, "%s.%s", operation->service, operation->name);
    bool all = wants_all_pages(operation, flags->request);
    enum exit_code code = session_open(s);
    if (!code) code = session_call(s, name, flags->request, 0, &answer, &text);
    if (!code && all) code = call_pages(s, operation, name, flags->request, answer, &text);
    if (!code) {
        verb_print(s, operation, answer, text);
        code = verb_verdict(s, answer);
    }
    bus_free(text);
    json_decref(answer);
    return code;
}
