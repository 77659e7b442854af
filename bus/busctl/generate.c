/* generate: test records from a template (generator.h), to stdout, onto a bus or into a stream. */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "generator.h"
#include "hash.h"
#include "json.h"
#include "os.h"
#include "verb.h"

enum { TEMPLATE_MOST_BYTES = 1 << 20, STREAM_BATCH = 500, STREAM_BATCH_BYTES = 4 << 20, PAUSE_NS = 2000000 };

const struct extra generate_flags[] = {
    {"template", "FILE|-", "text with placeholders; one record each time it is filled in"},
    {"count", "N", "records (default: until it is interrupted)"},
    {"rate", "N", "records a second (default: as fast as it goes)"},
    {"periodic", NULL, "the rate swings between none and --rate"},
    {"period", "SECONDS", "how long one swing is (60)"},
    {"seed", "N", "the same seed gives the same records (default: another one each time)"},
    {"time", "TIME",
     "time of the first record, 2026-05-01T00:00:00Z; later ones follow by --rate, or by a millisecond (default: the clock)"},
    {"event-bus-name", "NAME|ARN", "puts events onto this bus: the record is the detail, or with no --source a whole entry of put-events"},
    {"source", "TEXT", "source of the events"},
    {"detail-type", "TEXT", "detail-type of the events"},
    {"stream-name", "NAME", "puts the records into this stream"},
    {"partition-key", "TEMPLATE", "what picks the shard ({{sequence}})"},
    {"list", NULL, "lists the placeholders that there are"},
    {NULL, NULL, NULL},
};
enum { F_TEMPLATE, F_COUNT, F_RATE, F_PERIODIC, F_PERIOD, F_SEED, F_TIME, F_BUS, F_SOURCE, F_DETAIL_TYPE, F_STREAM, F_KEY, F_LIST };

static volatile sig_atomic_t interrupted;
static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

struct run {
    struct session *s;
    const struct flags *flags;
    struct arena arena;
    struct generator *records, *keys;
    int64_t count, time_ms; /* -1: none given */
    double rate, period;    /* rate 0: as fast as it goes */
    struct buf record;
    int64_t made;
    enum exit_code (*put)(struct run *r, struct str record, int64_t now_ms);
    /* to a stream */
    struct buf request, key;
    size_t batched;
    int64_t accepted, refused; /* under the lock, since libbus's thread counts too */
    char first_refusal[400];
    pthread_mutex_t lock;
};

/* ---- where records go -------------------------------------------------------------------------------------------------------------- */
static enum exit_code put_out(struct run *r, struct str record, int64_t now_ms) {
    (void)now_ms;
    (void)record;
    buf_addc(&r->record, '\n');
    if (r->record.failed) return session_fail(r->s, "out of memory");
    session_write(r->s, buf_str(&r->record));
    return ferror(r->s->out) ? session_fail(r->s, "stdout cannot be written") : EXIT_CODE_DONE;
}

static void count_result(struct run *r, int64_t accepted, int64_t refused, const char *why) {
    pthread_mutex_lock(&r->lock);
    r->accepted += accepted;
    r->refused += refused;
    if (refused && !r->first_refusal[0]) str_copyz(r->first_refusal, sizeof r->first_refusal, str_from(why));
    pthread_mutex_unlock(&r->lock);
}

static void put_done(void *ctx, const struct bus_result *result) {
    char why[400];
    snprintf(why, sizeof why, "%s: %s", bus_err_type(result->err), result->message);
    count_result(ctx, result->err == BUS_ERR_OK, result->err != BUS_ERR_OK, why);
}

static enum exit_code put_event(struct run *r, const struct bus_event *event) {
    struct bus_fault fault;
    enum bus_err err = bus_put_async(r->s->bus, event, put_done, r, &fault);
    return err ? session_tell(r->s, &fault) : EXIT_CODE_DONE;
}

static enum exit_code put_detail(struct run *r, struct str record, int64_t now_ms) {
    (void)now_ms;
    return put_event(r, &(struct bus_event){.bus = r->flags->extra[F_BUS],
                                            .source = r->flags->extra[F_SOURCE],
                                            .detail_type = r->flags->extra[F_DETAIL_TYPE],
                                            .detail = record.p,
                                            .detail_bytes = record.n});
}

/* A record that is {"Source":, "DetailType":, "Detail":, "Resources":, "Time":}. */
static enum exit_code put_entry(struct run *r, struct str record, int64_t now_ms) {
    enum { RESOURCES_MOST = 100 };
    (void)now_ms;
    json_t *entry = json_loadb(record.p, record.n, 0, NULL), *detail = json_object_get(entry, "Detail"),
           *resources = json_object_get(entry, "Resources");
    const char *list[RESOURCES_MOST];
    struct bus_event event = {.bus = json_string_value(json_object_get(entry, "EventBusName")),
                              .source = json_string_value(json_object_get(entry, "Source")),
                              .detail_type = json_string_value(json_object_get(entry, "DetailType")),
                              .resources = list};
    char *text = json_is_string(detail) ? strdup(json_string_value(detail)) : json_dumps(detail, JSON_COMPACT);
    const char *time = json_string_value(json_object_get(entry, "Time"));
    enum exit_code code = EXIT_CODE_DONE;
    if (!event.bus) event.bus = r->flags->extra[F_BUS];
    for (size_t i = 0; i < json_array_size(resources) && event.resource_count < RESOURCES_MOST; i++)
        if ((list[event.resource_count] = json_string_value(json_array_get(resources, i)))) event.resource_count++;
    if (time && !clock_parse_iso(str_from(time), &event.time_ms))
        code = session_fail(r->s, "Time is not of the form 2026-05-01T00:00:00Z");
    else if (!json_is_object(entry))
        code = session_fail(r->s, "the record is no JSON object; with --source and --detail-type it is the detail as it stands");
    else if (!event.source || !event.detail_type || !text)
        code = session_fail(
            r->s, "the record has no Source, DetailType and Detail; with --source and --detail-type it is the detail as it stands");
    else {
        event.detail = text;
        code = put_event(r, &event);
    }
    free(text);
    json_decref(entry);
    return code;
}

/* ---- to a stream, 500 records a request ---------------------------------------------------------------------------------------------- */
static void count_answer(struct run *r, const json_t *answer) {
    int64_t failed = json_integer_value(json_object_get(answer, "FailedRecordCount"));
    char why[400] = "";
    size_t i;
    json_t *record;
    json_array_foreach(json_object_get(answer, "Records"), i, record) {
        const char *code = json_string_value(json_object_get(record, "ErrorCode")),
                   *message = json_string_value(json_object_get(record, "ErrorMessage"));
        if (code && !why[0]) snprintf(why, sizeof why, "%s: %s", code, message ? message : "");
    }
    count_result(r, (int64_t)r->batched - failed, failed, why);
}

static enum exit_code send_batch(struct run *r) {
    if (!r->batched) return EXIT_CODE_DONE;
    struct bus_fault fault;
    char *text = NULL;
    json_t *answer = NULL;
    buf_add(&r->request, STR("]}"));
    buf_addc(&r->request, 0);
    if (r->request.failed) return session_fail(r->s, "out of memory");
    enum bus_err err = bus_call(r->s->bus, "kinesis.PutRecords", r->request.p, &text, &fault);
    if (!err) answer = json_loads(text, 0, NULL);
    if (!err) count_answer(r, answer);
    json_decref(answer);
    bus_free(text);
    buf_clear(&r->request);
    r->batched = 0;
    return err ? session_tell(r->s, &fault) : EXIT_CODE_DONE;
}

static enum exit_code put_stream(struct run *r, struct str record, int64_t now_ms) {
    if (!r->batched) {
        buf_addz(&r->request, "{\"StreamName\":");
        json_quote(&r->request, str_from(r->flags->extra[F_STREAM]));
        buf_addz(&r->request, ",\"Records\":[");
    }
    buf_clear(&r->key);
    generator_next(r->keys, now_ms, &r->key);
    buf_addz(&r->request, r->batched++ ? ",{\"PartitionKey\":" : "{\"PartitionKey\":");
    json_quote(&r->request, buf_str(&r->key));
    buf_addz(&r->request, ",\"Data\":\"");
    hash_base64(&r->request, record);
    buf_addz(&r->request, "\"}");
    return r->batched == STREAM_BATCH || r->request.n > STREAM_BATCH_BYTES ? send_batch(r) : EXIT_CODE_DONE;
}

/* ---- when -------------------------------------------------------------------------------------------------------------------------- */
/* How many records are due after `seconds`. A swinging rate is rate * (1 - cos(2 pi t / period)) / 2; this is its integral. */
static double due_after(const struct run *r, double seconds) {
    if (r->rate <= 0) return INFINITY;
    if (r->period <= 0) return r->rate * seconds;
    double turn = 2 * M_PI / r->period;
    return r->rate / 2 * (seconds - sin(turn * seconds) / turn);
}

static int64_t time_of_record(const struct run *r) {
    if (r->time_ms < 0) return clock_now_ms();
    return r->time_ms + (int64_t)((double)r->made * (r->rate > 0 ? 1000 / r->rate : 1));
}

static void tell_progress(const struct run *r, double seconds, bool last) {
    if (!isatty(fileno(r->s->err)) || (r->put == put_out && isatty(fileno(r->s->out)))) return;
    fprintf(r->s->err, "\r%lld records, %.0f/s%s", (long long)r->made, seconds > 0 ? (double)r->made / seconds : 0, last ? "\n" : "");
}

static enum exit_code make_due(struct run *r, double due) {
    enum exit_code code = EXIT_CODE_DONE;
    for (int burst = 0; !code && burst < 1000 && (double)r->made + 1 <= due && r->made != r->count && !interrupted; burst++) {
        int64_t now_ms = time_of_record(r);
        buf_clear(&r->record);
        generator_next(r->records, now_ms, &r->record);
        code = r->record.failed ? session_fail(r->s, "a record is too large") : r->put(r, buf_str(&r->record), now_ms);
        r->made++;
    }
    return code;
}

static enum exit_code make_records(struct run *r) {
    const int64_t begin = clock_mono_ns();
    int64_t told = begin;
    enum exit_code code = EXIT_CODE_DONE;
    while (!code && !interrupted && r->made != r->count) {
        int64_t before = r->made;
        code = make_due(r, due_after(r, (double)(clock_mono_ns() - begin) / 1e9));
        int64_t now = clock_mono_ns();
        if (now - told > 1000000000) {
            tell_progress(r, (double)(now - begin) / 1e9, false);
            told = now;
        }
        if (code || r->made != before) continue;
        code = send_batch(r); /* nothing is due: what was made does not wait */
        fflush(r->s->out);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    if (!code) code = send_batch(r);
    tell_progress(r, (double)(clock_mono_ns() - begin) / 1e9, true);
    return code;
}

/* ---- flags ------------------------------------------------------------------------------------------------------------------------- */
static enum err take_number(const struct flags *flags, int index, int64_t least, int64_t most, int64_t *value, struct fault *fault) {
    const char *text = flags->extra[index];
    if (!text || (str_to_i64(str_from(text), value) && *value >= least && *value <= most)) return ERR_OK;
    return fault_set(fault, ERR_USAGE, "--%s must be a whole number from %lld to %lld, not '%s'", generate_flags[index].name,
                     (long long)least, (long long)most, text);
}

static enum err check_flags(const struct flags *flags, struct fault *fault) {
    const char *const *f = flags->extra;
    if (!f[F_TEMPLATE]) return fault_set(fault, ERR_USAGE, "--template is missing; --list shows what it may hold");
    if (f[F_STREAM] && (f[F_BUS] || f[F_SOURCE] || f[F_DETAIL_TYPE]))
        return fault_set(fault, ERR_USAGE,
                         "--stream-name goes with none of --event-bus-name, --source and --detail-type: records go one way");
    if (!f[F_SOURCE] != !f[F_DETAIL_TYPE]) return fault_set(fault, ERR_USAGE, "--source and --detail-type go together");
    if (f[F_KEY] && !f[F_STREAM]) return fault_set(fault, ERR_USAGE, "--partition-key is for --stream-name");
    if (f[F_PERIODIC] && !f[F_RATE]) return fault_set(fault, ERR_USAGE, "--periodic needs --rate: the most there shall be");
    if (f[F_PERIOD] && !f[F_PERIODIC]) return fault_set(fault, ERR_USAGE, "--period is for --periodic");
    return ERR_OK;
}

static enum err read_numbers(struct run *r, uint64_t *seed, struct fault *fault) {
    int64_t rate = 0, period = 60, given = 0;
    const char *const *f = r->flags->extra;
    r->count = r->time_ms = -1;
    enum err err = take_number(r->flags, F_COUNT, 0, INT64_MAX, &r->count, fault);
    if (!err) err = take_number(r->flags, F_RATE, 1, 100000000, &rate, fault);
    if (!err) err = take_number(r->flags, F_PERIOD, 1, 31536000, &period, fault);
    if (!err) err = take_number(r->flags, F_SEED, INT64_MIN, INT64_MAX, &given, fault);
    if (!err && f[F_TIME] && (!clock_parse_iso(str_from(f[F_TIME]), &r->time_ms) || r->time_ms < 0))
        err = fault_set(fault, ERR_USAGE, "--time must be of the form 2026-05-01T00:00:00Z, not '%s'", f[F_TIME]);
    r->rate = (double)rate;
    r->period = f[F_PERIODIC] ? (double)period : 0;
    *seed = f[F_SEED] ? (uint64_t)given : rng_u64();
    return err;
}

static enum err read_template(struct run *r, const char *path, struct str *text, struct fault *fault) {
    struct buf file;
    buf_init(&file, TEMPLATE_MOST_BYTES);
    enum err err = os_read_file(strcmp(path, "-") ? path : "/dev/stdin", TEMPLATE_MOST_BYTES, &file, fault);
    if (!err && !(*text = arena_str(&r->arena, buf_str(&file))).p) err = fault_set(fault, ERR_NOMEM, NULL);
    buf_fini(&file);
    return err;
}

static enum err prepare(struct run *r, struct fault *fault) {
    uint64_t seed;
    struct str text;
    const char *const *f = r->flags->extra;
    enum err err = check_flags(r->flags, fault);
    if (!err) err = read_numbers(r, &seed, fault);
    if (!err) err = read_template(r, f[F_TEMPLATE], &text, fault);
    if (!err) err = generator_new(text, seed, &r->arena, &r->records, fault);
    if (err == ERR_SYNTAX) str_copyz(fault->where, sizeof fault->where, str_from(f[F_TEMPLATE]));
    if (!err && f[F_STREAM]) err = generator_new(str_from(f[F_KEY] ? f[F_KEY] : "{{sequence}}"), ~seed, &r->arena, &r->keys, fault);
    r->put = f[F_STREAM] ? put_stream : f[F_SOURCE] ? put_detail : f[F_BUS] ? put_entry : put_out;
    return err;
}

static enum exit_code list_placeholders(struct session *s) {
    const struct generator_name *known;
    for (size_t i = 0; (known = generator_known(i)); i++) fprintf(s->out, "{{%s%s}}\n    %s\n", known->name, known->arguments, known->help);
    return EXIT_CODE_DONE;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------------ */
static enum exit_code tell_result(struct run *r, enum exit_code code) {
    if (r->put == put_out) return code;
    if (r->put != put_stream && bus_flush(r->s->bus, -1)) code = code ? code : session_fail(r->s, "some results did not come in time");
    pthread_mutex_lock(&r->lock);
    fprintf(r->s->err, "%lld accepted, %lld refused\n", (long long)r->accepted, (long long)r->refused);
    if (r->refused) fprintf(r->s->err, "busctl: generate: the first refusal: %s\n", r->first_refusal);
    if (r->refused && !code) code = EXIT_CODE_REFUSED;
    pthread_mutex_unlock(&r->lock);
    return code;
}

static enum exit_code run_all(struct run *r) {
    enum exit_code code = r->put == put_out ? EXIT_CODE_DONE : session_open(r->s);
    if (code) return code;
    struct sigaction stop = {.sa_handler = interrupt}, before_int, before_term;
    interrupted = 0;
    sigaction(SIGINT, &stop, &before_int);
    sigaction(SIGTERM, &stop, &before_term);
    code = tell_result(r, make_records(r));
    sigaction(SIGINT, &before_int, NULL);
    sigaction(SIGTERM, &before_term, NULL);
    return code;
}

enum exit_code generate_run(struct session *s, int argc, char **argv) {
    struct fault fault;
    struct flags flags;
    fault_clear(&fault);
    if (flags_parse(NULL, generate_flags, &s->globals, argc, argv, &flags, &fault)) return session_usage(s, &fault);
    s->globals = flags.globals;
    struct run r = {.s = s, .flags = &flags, .lock = PTHREAD_MUTEX_INITIALIZER};
    arena_init(&r.arena, 0);
    buf_init(&r.record, 0);
    buf_init(&r.request, 0);
    buf_init(&r.key, 0);
    enum exit_code code;
    if (flags.extra[F_LIST])
        code = list_placeholders(s);
    else
        code = prepare(&r, &fault) ? session_usage(s, &fault) : run_all(&r);
    buf_fini(&r.record);
    buf_fini(&r.request);
    buf_fini(&r.key);
    arena_fini(&r.arena);
    flags_fini(&flags);
    return code;
}
