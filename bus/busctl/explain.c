/* explain: why an event matches a rule or not, in words. With --pattern without a daemon; with --rule one rule of a bus; else all of them.
 */
#include "explain.h"

#include <stdlib.h>

#include "clock.h"
#include "given_event.h"
#include "hash.h"
#include "json.h"
#include "os.h"
#include "table.h"
#include "verb.h"

enum { FILE_MOST_BYTES = 16 << 20, TIMEOUT_MS = 30000 };

const struct extra explain_flags[] = {
    {"event", "FILE|JSON|-", "the event, or an entry as in put-events; missing envelope fields are filled in"},
    {"rule", "NAME", "explains this rule (without it: all rules of the bus)"},
    {"event-bus-name", "NAME|ARN", "the rule's bus (default)"},
    {"closest", "N", "of all rules: how many that do not match to tell of (5)"},
    {"pattern", "FILE|JSON|-", "explains this pattern, without a daemon"},
    {NULL, NULL, NULL},
};
enum { FLAG_EVENT, FLAG_RULE, FLAG_BUS, FLAG_CLOSEST, FLAG_PATTERN };

static enum exit_code usage(struct session *s, const char *flag, const char *what) {
    struct fault fault;
    fault_set(&fault, ERR_USAGE, "%s %s", flag, what);
    return session_usage(s, &fault);
}

static enum exit_code check_flags(struct session *s, const char *const *flags) {
    int64_t n;
    if (!flags[FLAG_EVENT]) return usage(s, "--event", "is missing: a file, - or JSON");
    if (flags[FLAG_PATTERN] && (flags[FLAG_RULE] || flags[FLAG_BUS]))
        return usage(s, "--pattern", "is instead of --rule and --event-bus-name");
    if (flags[FLAG_CLOSEST] && (flags[FLAG_RULE] || flags[FLAG_PATTERN]))
        return usage(s, "--closest", "is for all rules, without --rule and --pattern");
    if (flags[FLAG_CLOSEST] && (!str_to_i64(str_from(flags[FLAG_CLOSEST]), &n) || n < 0 || n > 100))
        return usage(s, "--closest", "is a number from 0 to 100");
    return EXIT_CODE_DONE;
}

/* A file, "-", or the JSON itself. */
static enum exit_code read_text(struct session *s, const char *word, struct buf *out) {
    struct fault fault;
    if (*word == '{' || *word == '[') {
        buf_addz(out, word);
        return EXIT_CODE_DONE;
    }
    const char *path = str_starts(str_from(word), STR("file://")) ? word + strlen("file://") : word;
    return os_read_file(path, FILE_MOST_BYTES, out, &fault) ? session_usage(s, &fault) : EXIT_CODE_DONE;
}

/* ---- in words ------------------------------------------------------------------------------------------------------------------------ */

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Everything that comes from an event or a rule goes through here: no text may steer the terminal. */
static void add(struct buf *out, const char *text) { table_text(str_from(text), false, out); }

static void add_field(struct buf *out, const json_t *field) {
    buf_addz(out, json_is_true(json_object_get(field, "Matched")) ? "  ok    " : "  MISS  ");
    add(out, text_at(field, "Path"));
    buf_addz(out, ": wanted ");
    add(out, text_at(field, "Wanted"));
    buf_addz(out, "; had ");
    add(out, text_at(field, "Had"));
    const char *at = text_at(field, "At"), *hint = text_at(field, "Hint");
    if (*hint) {
        buf_addz(out, " (");
        add(out, hint);
        buf_addc(out, ')');
    } else if (*at && strcmp(at, text_at(field, "Path")) != 0) {
        buf_addz(out, " at ");
        add(out, at);
    }
    buf_addc(out, '\n');
}

static void add_branch(struct buf *out, const json_t *branch, json_int_t total) {
    size_t i;
    json_t *field, *fields = json_object_get(branch, "Fields");
    bool matched = json_is_true(json_object_get(branch, "Matched"));
    if (total > 1)
        buf_addf(out, "branch %lld of %lld: %s\n", (long long)json_integer_value(json_object_get(branch, "Number")), (long long)total,
                 matched ? "match" : "no match");
    json_array_foreach(fields, i, field) add_field(out, field);
    json_int_t all = json_integer_value(json_object_get(branch, "FieldCount"));
    if ((json_int_t)json_array_size(fields) < all)
        buf_addf(out, "  and %lld more fields\n", (long long)all - (long long)json_array_size(fields));
    const char *conflict = text_at(branch, "Conflict");
    if (!*conflict) return;
    buf_addz(out, "  MISS  together: ");
    add(out, conflict);
    buf_addc(out, '\n');
}

static void add_filled(struct buf *out, const json_t *answer) {
    const char *filled = text_at(answer, "Filled");
    if (!*filled) return;
    buf_addz(out, "filled in as PutEvents does: ");
    add(out, filled);
    buf_addc(out, '\n');
}

static void add_state(struct buf *out, const json_t *rule) {
    if (!strcmp(text_at(rule, "State"), "DISABLED")) buf_addz(out, " (the rule is DISABLED: it takes no event)");
}

static void add_explanation(struct buf *out, const json_t *answer) {
    size_t i;
    json_t *branch;
    const json_t *e = json_object_get(answer, "Explanation"), *branches = json_object_get(e, "Branches");
    json_int_t total = json_integer_value(json_object_get(e, "BranchCount"));
    buf_addz(out, json_is_true(json_object_get(e, "Matched")) ? "match" : "no match");
    add_state(out, answer);
    if (total != 1 && *text_at(e, "Reason")) {
        buf_addz(out, ": ");
        add(out, text_at(e, "Reason"));
    }
    buf_addc(out, '\n');
    json_array_foreach(branches, i, branch) add_branch(out, branch, total);
    if ((json_int_t)json_array_size(branches) < total)
        buf_addf(out, "and %lld more branches\n", (long long)total - (long long)json_array_size(branches));
    add_filled(out, answer);
}

static void add_survey(struct buf *out, const json_t *answer) {
    size_t i;
    json_t *rule, *matched = json_object_get(answer, "Matched"), *closest = json_object_get(answer, "Closest");
    long long count = json_integer_value(json_object_get(answer, "MatchedCount")),
              total = json_integer_value(json_object_get(answer, "RuleCount"));
    buf_addf(out, "%lld of %lld rules match%s\n", count, total, count ? ":" : "");
    json_array_foreach(matched, i, rule) {
        buf_addz(out, "  ");
        add(out, text_at(rule, "Name"));
        add_state(out, rule);
        buf_addc(out, '\n');
    }
    if (count > (long long)json_array_size(matched)) buf_addf(out, "  and %lld more\n", count - (long long)json_array_size(matched));
    if (json_array_size(closest)) buf_addf(out, "closest of the others (%lld):\n", total - count);
    json_array_foreach(closest, i, rule) {
        buf_addz(out, "  ");
        add(out, text_at(rule, "Name"));
        buf_addz(out, ": ");
        add(out, text_at(rule, "Reason"));
        buf_addc(out, '\n');
    }
    add_filled(out, answer);
}

/* Shows an answer of ExplainRule or ExplainEvent; gives the exit code. */
static enum exit_code show(struct session *s, const json_t *answer, const char *text, bool survey) {
    struct buf out;
    buf_init(&out, 0);
    if (s->globals.output == OUTPUT_JSON)
        buf_addf(&out, "%s\n", text);
    else if (survey)
        add_survey(&out, answer);
    else
        add_explanation(&out, answer);
    session_write(s, buf_str(&out));
    bool failed = out.failed;
    buf_fini(&out);
    json_int_t examined = json_integer_value(json_object_get(answer, "RulesExamined")),
               total = json_integer_value(json_object_get(answer, "RuleCount"));
    if (survey && examined < total)
        fprintf(s->err, "busctl: explain: only %lld of %lld rules were looked at: there was no more time\n", (long long)examined,
                (long long)total);
    if (failed) return session_fail(s, "out of memory");
    return json_is_true(json_object_get(answer, "Result")) ? EXIT_CODE_DONE : EXIT_CODE_NO;
}

/* ---- without a daemon ------------------------------------------------------------------------------------------------------------------
 */

static enum exit_code refuse(struct session *s, const struct fault *fault) {
    fprintf(s->err, "busctl: explain: %s: %s\n", err_row(fault->code)->aws_type, fault->message);
    return EXIT_CODE_REFUSED;
}

static enum err explain_text(struct session *s, struct str pattern_text, struct str event_text, struct arena *a, struct buf *answer,
                             struct fault *fault) {
    char time[CLOCK_ISO_SIZE], id[ID_TEXT_SIZE];
    clock_iso(clock_now_ms(), time);
    id_text(id_random(), id);
    struct given_defaults d = {STR("000000000000"), str_from(s->globals.region ? s->globals.region : "us-east-1"), str_from(time),
                               str_from(id)};
    struct pattern *pattern = NULL;
    struct node *event;
    struct str filled;
    struct explanation e;
    enum err err = pattern_parse(pattern_text, &pattern, fault);
    if (!err) err = given_event(event_text, &d, a, &event, &filled, fault);
    if (!err && (err = explain(pattern, event, a, &e))) fault_set(fault, err, "the match takes more memory or time than it may");
    if (!err) {
        struct json j;
        json_init(&j, answer);
        json_object_begin(&j);
        json_key_bool(&j, "Result", e.matched);
        json_key_str(&j, "Filled", filled);
        json_key(&j, STR("Explanation"));
        struct buf text;
        buf_init(&text, 0);
        explain_json(&e, &text);
        json_raw(&j, buf_str(&text));
        answer->failed |= text.failed;
        buf_fini(&text);
        json_object_end(&j);
    }
    pattern_free(pattern);
    return err;
}

static enum exit_code explain_here(struct session *s, struct str pattern, struct str event) {
    struct fault fault;
    struct arena arena;
    struct buf answer;
    arena_init(&arena, 0);
    buf_init(&answer, 0);
    enum exit_code code;
    if (explain_text(s, pattern, event, &arena, &answer, &fault)) {
        code = refuse(s, &fault);
    } else {
        buf_addc(&answer, 0);
        json_t *root = answer.failed ? NULL : json_loadb(answer.p, answer.n - 1, JSON_ALLOW_NUL, NULL);
        code = root ? show(s, root, answer.p, false) : session_fail(s, "out of memory");
        json_decref(root);
    }
    buf_fini(&answer);
    arena_fini(&arena);
    return code;
}

/* ---- with one --------------------------------------------------------------------------------------------------------------------------
 */

static json_t *request_of(const char *const *flags, struct str event) {
    json_t *request = json_pack("{s:o}", "Event", json_stringn(event.p, event.n));
    bool good = request;
    if (good && flags[FLAG_RULE]) good = !json_object_set_new(request, "Rule", json_string(flags[FLAG_RULE]));
    if (good && flags[FLAG_BUS]) good = !json_object_set_new(request, "EventBusName", json_string(flags[FLAG_BUS]));
    if (good && flags[FLAG_CLOSEST]) good = !json_object_set_new(request, "Closest", json_integer(atoi(flags[FLAG_CLOSEST])));
    if (good) return request;
    json_decref(request);
    return NULL;
}

static enum exit_code explain_there(struct session *s, const char *const *flags, struct str event) {
    if (!str_is_utf8(event)) return usage(s, "--event", "is not UTF-8");
    json_t *request = request_of(flags, event), *answer = NULL;
    char *text = NULL;
    bool survey = !flags[FLAG_RULE];
    enum exit_code code = request ? session_open(s) : session_fail(s, "out of memory");
    if (!code) code = session_call(s, survey ? "events.ExplainEvent" : "events.ExplainRule", request, TIMEOUT_MS, &answer, &text);
    if (!code) code = show(s, answer, text, survey);
    bus_free(text);
    json_decref(answer);
    json_decref(request);
    return code;
}

enum exit_code explain_run(struct session *s, int argc, char **argv) {
    struct flags flags;
    struct fault fault;
    struct buf event, pattern;
    if (flags_parse(NULL, explain_flags, &s->globals, argc, argv, &flags, &fault)) return session_usage(s, &fault);
    s->globals = flags.globals;
    const char *const *given = flags.extra;
    enum exit_code code = check_flags(s, given);
    buf_init(&event, 0);
    buf_init(&pattern, 0);
    if (!code) code = read_text(s, given[FLAG_EVENT], &event);
    if (!code && given[FLAG_PATTERN]) code = read_text(s, given[FLAG_PATTERN], &pattern);
    if (!code) code = given[FLAG_PATTERN] ? explain_here(s, buf_str(&pattern), buf_str(&event)) : explain_there(s, given, buf_str(&event));
    buf_fini(&event);
    buf_fini(&pattern);
    flags_fini(&flags);
    return code;
}
