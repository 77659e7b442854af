/* replay: brings an archive's events back onto its bus and follows how it goes; with --dry-run it only says what would match. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "hash.h"
#include "json.h"
#include "value.h"
#include "verb.h"

enum { RULES_MOST = 100, FOLLOW_MS = 200, TELL_MS = 500, SAMPLES_DEFAULT = 5, SAMPLES_MOST = 100, PAGES_MOST = 10000000 };

const struct extra replay_flags[] = {
    {"archive", "NAME", "the archive"},
    {"from", "TIME", "events taken in from then on: 2026-05-01T00:00:00Z, seconds since 1970, or 90m, 12h, 7d ago (all there are)"},
    {"to", "TIME", "and before then (now)"},
    {"rule", "NAME|ARN", "only this rule gets the events; may be given more than once (all rules of the bus)"},
    {"rate", "N", "no more than so many events a second (what the daemon's replay-rate says)"},
    {"name", "NAME", "the replay's name, which its events carry (the archive's, and the time)"},
    {"no-wait", NULL, "starts it and does not wait for its end"},
    {"dry-run", NULL, "delivers nothing: counts what would match, and shows some"},
    {"event-pattern", "JSON|file://", "with --dry-run: a pattern that is no rule yet"},
    {"samples", "N", "with --dry-run: how many matching events to show (5)"},
    {NULL, NULL, NULL},
};
enum { F_ARCHIVE, F_FROM, F_TO, F_RULE, F_RATE, F_NAME, F_NO_WAIT, F_DRY_RUN, F_PATTERN, F_SAMPLES };

static volatile sig_atomic_t interrupted;
static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

struct run {
    struct session *s;
    const struct flags *flags;
    const char *rules[RULES_MOST];
    size_t rule_count;
    int64_t rate, samples;         /* -1: not given */
    json_t *from, *to;             /* seconds; NULL: not given */
    json_t *archive_arn, *bus_arn; /* of the archive, as described */
    char name[65];
};

/* ---- flags ------------------------------------------------------------------------------------------------------------------------- */

/* Takes every --rule out of the words; the others go to `rest`, in order. */
static enum err take_rules(struct run *r, int argc, char **argv, char **rest, int *kept, struct fault *fault) {
    *kept = 0;
    for (int i = 0; i < argc; i++) {
        bool inline_value = !strncmp(argv[i], "--rule=", 7);
        if (!inline_value && (strcmp(argv[i], "--rule") != 0 || i + 1 == argc)) {
            rest[(*kept)++] = argv[i];
            continue;
        }
        if (r->rule_count == RULES_MOST) return fault_set(fault, ERR_USAGE, "--rule: at most %d rules", RULES_MOST);
        r->rules[r->rule_count++] = inline_value ? argv[i] + 7 : argv[++i];
    }
    return ERR_OK;
}

static json_t *seconds(int64_t ms) { return json_real((double)ms / 1000); }

/* "7d": that long ago. */
static bool ago(struct str text, int64_t *ms) {
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    int64_t n;
    for (size_t i = 0; i < 4; i++) {
        if (text.n < 2 || text.p[text.n - 1] != units[i].unit || !str_to_i64(str_of(text.p, text.n - 1), &n)) continue;
        if (n < 0 || n > 36500000) return false;
        *ms = clock_now_ms() - n * units[i].ms;
        return true;
    }
    return false;
}

static enum err take_time(const struct flags *flags, int index, json_t **value, struct fault *fault) {
    static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};
    const char *text = flags->extra[index];
    int64_t ms;
    if (!text) return ERR_OK;
    if (!strcmp(text, "now")) return (*value = seconds(clock_now_ms() + 1)) ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    if (ago(str_from(text), &ms)) return (*value = seconds(ms)) ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    return value_scalar(&timestamp, replay_flags[index].name, str_from(text), value, fault);
}

static enum err take_number(const struct flags *flags, int index, int64_t most, int64_t *value, struct fault *fault) {
    const char *text = flags->extra[index];
    *value = -1;
    if (!text || (str_to_i64(str_from(text), value) && *value >= 0 && *value <= most)) return ERR_OK;
    return fault_set(fault, ERR_USAGE, "--%s must be a whole number from 0 to %lld, not '%s'", replay_flags[index].name, (long long)most,
                     text);
}

static enum err check_flags(struct run *r, struct fault *fault) {
    const char *const *f = r->flags->extra;
    if (!f[F_ARCHIVE]) return fault_set(fault, ERR_USAGE, "--archive is missing");
    if (!f[F_DRY_RUN] && (f[F_PATTERN] || f[F_SAMPLES]))
        return fault_set(fault, ERR_USAGE, "--%s goes with --dry-run", f[F_PATTERN] ? "event-pattern" : "samples");
    if (f[F_DRY_RUN] && (f[F_RATE] || f[F_NAME] || f[F_NO_WAIT]))
        return fault_set(fault, ERR_USAGE, "--dry-run starts nothing: it goes with none of --rate, --name and --no-wait");
    if (f[F_PATTERN] && r->rule_count) return fault_set(fault, ERR_USAGE, "--event-pattern is tried instead of rules: leave out --rule");
    enum err err = take_number(r->flags, F_RATE, 10000000, &r->rate, fault);
    if (!err) err = take_number(r->flags, F_SAMPLES, SAMPLES_MOST, &r->samples, fault);
    if (!err) err = take_time(r->flags, F_FROM, &r->from, fault);
    return err ? err : take_time(r->flags, F_TO, &r->to, fault);
}

/* ---- the archive --------------------------------------------------------------------------------------------------------------------- */

static enum exit_code ask(struct run *r, const char *operation, json_t *request, json_t **answer, char **text) {
    enum exit_code code = request ? session_call(r->s, operation, request, 0, answer, text) : session_fail(r->s, "out of memory");
    json_decref(request);
    return code;
}

/* Its ARN and bus, and the times that were not given. */
static enum exit_code find_archive(struct run *r) {
    json_t *answer = NULL;
    enum exit_code code = ask(r, "events.DescribeArchive", json_pack("{s:s}", "ArchiveName", r->flags->extra[F_ARCHIVE]), &answer, NULL);
    if (!code) {
        r->archive_arn = json_incref(json_object_get(answer, "ArchiveArn"));
        r->bus_arn = json_incref(json_object_get(answer, "EventSourceArn"));
        if (!r->from) r->from = json_incref(json_object_get(answer, "CreationTime"));
        if (!r->to) r->to = seconds(clock_now_ms() + 1);
        if (!json_is_string(r->archive_arn) || !json_is_string(r->bus_arn) || !json_is_number(r->from) || !r->to)
            code = session_fail(r->s, "the daemon's answer tells no ARN of the archive");
    }
    json_decref(answer);
    return code;
}

/* A rule's name becomes its ARN: the bus's, with rule/ in place of event-bus/. */
static json_t *rule_arns(const struct run *r) {
    const char *bus = json_string_value(r->bus_arn), *name = strstr(bus, ":event-bus/");
    json_t *list = json_array();
    for (size_t i = 0; list && i < r->rule_count; i++) {
        const char *rule = r->rules[i];
        bool whole = !strncmp(rule, "arn:", 4) || !name, on_default = !whole && !strcmp(name + 11, "default");
        json_t *arn = whole        ? json_string(rule)
                      : on_default ? json_sprintf("%.*s:rule/%s", (int)(name - bus), bus, rule)
                                   : json_sprintf("%.*s:rule/%s/%s", (int)(name - bus), bus, name + 11, rule);
        if (!arn || json_array_append_new(list, arn)) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* ---- a dry run -------------------------------------------------------------------------------------------------------------------------
 */

struct tally {
    json_int_t scanned, bytes, matched;
    json_t *samples, *last, *token;
};

static enum exit_code preview_request(struct run *r, json_t **request) {
    const char *pattern = r->flags->extra[F_PATTERN];
    struct buf text;
    struct fault fault;
    json_t *q = json_pack("{s:O, s:O, s:O, s:I}", "EventSourceArn", r->archive_arn, "EventStartTime", r->from, "EventEndTime", r->to,
                          "SampleCount", (json_int_t)(r->samples >= 0 ? r->samples : SAMPLES_DEFAULT));
    buf_init(&text, 0);
    enum exit_code code = EXIT_CODE_DONE;
    if (pattern && value_text("event-pattern", pattern, true, &text, &fault))
        code = session_usage(r->s, &fault);
    else if (!q || (pattern && json_object_set_new(q, "EventPattern", json_stringn(text.p ? text.p : "", text.n))) ||
             (r->rule_count && json_object_set_new(q, "FilterArns", rule_arns(r))))
        code = session_fail(r->s, "out of memory");
    buf_fini(&text);
    *request = q;
    return code;
}

static bool on_terminal(const struct run *r) { return isatty(fileno(r->s->err)); }

/* Adds one answer; false without memory. */
static bool add_answer(const struct run *r, struct tally *t, const json_t *answer) {
    size_t i, most = (size_t)(r->samples >= 0 ? r->samples : SAMPLES_DEFAULT);
    json_t *sample, *last = json_object_get(answer, "EventLastScannedTime");
    t->scanned += json_integer_value(json_object_get(answer, "ScannedEventCount"));
    t->bytes += json_integer_value(json_object_get(answer, "ScannedBytes"));
    t->matched += json_integer_value(json_object_get(answer, "MatchedEventCount"));
    json_array_foreach(json_object_get(answer, "Samples"), i,
                       sample) if (json_array_size(t->samples) < most && json_array_append(t->samples, sample)) return false;
    if (last) {
        json_decref(t->last);
        t->last = json_incref(last);
    }
    json_decref(t->token);
    t->token = json_incref(json_object_get(answer, "NextToken"));
    return true;
}

static enum exit_code scan(struct run *r, json_t *request, struct tally *t) {
    enum exit_code code = EXIT_CODE_DONE;
    int64_t told_ms = clock_mono_ms();
    bool told = false;
    for (int page = 0; !code && !interrupted && (page == 0 || json_is_string(t->token)) && page < PAGES_MOST; page++) {
        json_t *answer = NULL;
        if (t->token && json_object_set(request, "NextToken", t->token)) return session_fail(r->s, "out of memory");
        code = session_call(r->s, "events.PreviewReplay", request, 0, &answer, NULL);
        if (!code && !add_answer(r, t, answer)) code = session_fail(r->s, "out of memory");
        json_decref(answer);
        if (!on_terminal(r) || clock_mono_ms() - told_ms < TELL_MS) continue;
        fprintf(r->s->err, "\r%" JSON_INTEGER_FORMAT " events looked at, %" JSON_INTEGER_FORMAT " match", t->scanned, t->matched);
        told_ms = clock_mono_ms();
        told = true;
    }
    if (told) fprintf(r->s->err, "\n");
    return code;
}

static const struct operation *operation_of(const char *verb) {
    struct fault fault;
    return verb_find("events", verb, &fault);
}

static enum exit_code dry_run(struct run *r) {
    struct tally t = {.samples = json_array()};
    json_t *request = NULL, *whole = NULL;
    enum exit_code code = preview_request(r, &request);
    if (!code && !t.samples) code = session_fail(r->s, "out of memory");
    if (!code) code = scan(r, request, &t);
    if (!code) {
        whole = json_pack("{s:I, s:I, s:I, s:O}", "ScannedEventCount", t.scanned, "ScannedBytes", t.bytes, "MatchedEventCount", t.matched,
                          "Samples", t.samples);
        if (!whole || (t.last && json_object_set(whole, "EventLastScannedTime", t.last)))
            code = session_fail(r->s, "out of memory");
        else
            verb_print(r->s, operation_of("preview-replay"), whole, NULL);
    }
    if (!code && interrupted) code = session_fail(r->s, "interrupted: this is what was looked at so far");
    if (!code && !t.matched) code = EXIT_CODE_NO;
    json_decref(whole);
    json_decref(request);
    json_decref(t.samples);
    json_decref(t.last);
    json_decref(t.token);
    return code;
}

/* ---- a replay
 * ---------------------------------------------------------------------------------------------------------------------------- */

/* ARCHIVE-20260501120000-1a2b, at most 60 of a name's 64 characters. */
static void make_name(struct run *r) {
    char iso[CLOCK_ISO_SIZE];
    const char *given = r->flags->extra[F_NAME];
    if (given) {
        str_copyz(r->name, sizeof r->name, str_from(given));
        return;
    }
    clock_iso(clock_now_ms(), iso);
    snprintf(r->name, sizeof r->name, "%.40s-%.4s%.2s%.2s%.2s%.2s%.2s-%04x", r->flags->extra[F_ARCHIVE], iso, iso + 5, iso + 8, iso + 11,
             iso + 14, iso + 17, (unsigned)rng_below(65536));
}

static json_t *start_request(struct run *r) {
    json_t *q =
        json_pack("{s:s, s:O, s:O, s:O, s:{s:O}}", "ReplayName", r->flags->extra[F_NAME] ? r->flags->extra[F_NAME] : r->name,
                  "EventSourceArn", r->archive_arn, "EventStartTime", r->from, "EventEndTime", r->to, "Destination", "Arn", r->bus_arn);
    bool ok = q && (!r->rule_count || !json_object_set_new(json_object_get(q, "Destination"), "FilterArns", rule_arns(r))) &&
              (r->rate < 0 || !json_object_set_new(q, "EventsPerSecond", json_integer(r->rate)));
    if (ok) return q;
    json_decref(q);
    return NULL;
}

static void tell_progress(const struct run *r, const json_t *answer, bool last) {
    if (!on_terminal(r)) return;
    double from = json_number_value(r->from), to = json_number_value(r->to),
           at = json_number_value(json_object_get(answer, "EventLastReplayedTime"));
    double part = at > from && to > from ? (at - from) / (to - from) * 100 : 0;
    const char *state = json_string_value(json_object_get(answer, "State"));
    fprintf(r->s->err, "\r%s %s: %" JSON_INTEGER_FORMAT " events, %.0f%% of the time%s", r->name, state ? state : "",
            json_integer_value(json_object_get(answer, "ReplayedEventCount")), last && state && !strcmp(state, "COMPLETED") ? 100.0 : part,
            last ? "   \n" : "   ");
}

static bool has_ended(const char *state) { return !strcmp(state, "COMPLETED") || !strcmp(state, "CANCELLED") || !strcmp(state, "FAILED"); }

static enum exit_code tell_end(struct run *r, const json_t *answer, const char *state) {
    const char *reason = json_string_value(json_object_get(answer, "StateReason"));
    verb_print(r->s, operation_of("describe-replay"), answer, NULL);
    if (!strcmp(state, "COMPLETED")) return EXIT_CODE_DONE;
    if (!strcmp(state, "CANCELLED")) return EXIT_CODE_NO;
    return session_fail(r->s, reason ? reason : "the replay failed");
}

/* Asks how it stands until it has ended. */
static enum exit_code follow(struct run *r) {
    int64_t told_ms = 0;
    while (!interrupted) {
        json_t *answer = NULL;
        enum exit_code code = ask(r, "events.DescribeReplay", json_pack("{s:s}", "ReplayName", r->name), &answer, NULL);
        const char *state = code ? NULL : json_string_value(json_object_get(answer, "State"));
        bool ended = state && has_ended(state), due = clock_mono_ms() - told_ms >= TELL_MS;
        if (!code && (due || ended)) tell_progress(r, answer, ended);
        if (due) told_ms = clock_mono_ms();
        if (!code && !state) code = session_fail(r->s, "the daemon's answer tells no state");
        if (!code && ended) code = tell_end(r, answer, state);
        json_decref(answer);
        if (code || ended) return code;
        nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
    }
    fprintf(r->s->err,
            "\nbusctl: replay: it goes on without being watched: busctl describe-replay --replay-name %s; busctl cancel-replay "
            "--replay-name %s\n",
            r->name, r->name);
    return EXIT_CODE_NO;
}

static enum exit_code real_run(struct run *r) {
    json_t *answer = NULL;
    char *text = NULL;
    make_name(r);
    enum exit_code code = ask(r, "events.StartReplay", start_request(r), &answer, &text);
    if (!code && r->flags->extra[F_NO_WAIT])
        verb_print(r->s, operation_of("start-replay"), answer, text);
    else if (!code)
        code = follow(r);
    bus_free(text);
    json_decref(answer);
    return code;
}

/* ---- the verb
 * ------------------------------------------------------------------------------------------------------------------------------ */

static enum exit_code run_all(struct run *r) {
    enum exit_code code = session_open(r->s);
    if (!code) code = find_archive(r);
    if (code) return code;
    struct sigaction stop = {.sa_handler = interrupt}, before_int, before_term;
    interrupted = 0;
    sigaction(SIGINT, &stop, &before_int);
    sigaction(SIGTERM, &stop, &before_term);
    code = r->flags->extra[F_DRY_RUN] ? dry_run(r) : real_run(r);
    sigaction(SIGINT, &before_int, NULL);
    sigaction(SIGTERM, &before_term, NULL);
    return code;
}

enum exit_code replay_run(struct session *s, int argc, char **argv) {
    struct fault fault;
    struct flags flags;
    struct run r = {.s = s, .flags = &flags};
    int kept;
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    if (!rest) return session_fail(s, "out of memory");
    fault_clear(&fault);
    enum err err = take_rules(&r, argc, argv, rest, &kept, &fault);
    if (!err) err = flags_parse(NULL, replay_flags, &s->globals, kept, rest, &flags, &fault);
    free(rest);
    if (err) return session_usage(s, &fault);
    s->globals = flags.globals;
    enum exit_code code = check_flags(&r, &fault) ? session_usage(s, &fault) : run_all(&r);
    json_decref(r.from);
    json_decref(r.to);
    json_decref(r.archive_arn);
    json_decref(r.bus_arn);
    flags_fini(&flags);
    return code;
}
