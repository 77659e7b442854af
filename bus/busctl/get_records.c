/* get-records: as the AWS CLI's with --shard-iterator; with --stream-name it reads all shards, one JSON line for each record. */
#include <stdlib.h>
#include <time.h>

#include "hash.h"
#include "verb.h"

const struct extra get_records_extras[] = {
    {"stream-name", "NAME", "read all shards of this stream, one JSON line for each record, instead of one --shard-iterator"},
    {"follow", NULL, "with --stream-name: go on, and show what arrives"},
    {"from", "trim-horizon|latest", "with --stream-name: from the oldest record (default), or only what arrives from now on"},
    {NULL, NULL, NULL},
};
enum { EXTRA_STREAM, EXTRA_FOLLOW, EXTRA_FROM };
enum { SHARDS_MOST = 1024, PAUSE_MS = 200 };

struct shard {
    json_t *id, *iterator, *last; /* last: sequence number of the last record shown; iterator NULL: the shard has ended */
};
struct reader {
    struct session *s;
    const char *stream;
    bool latest;
    json_int_t left; /* records to show at most; -1: all */
    struct shard *shards;
    size_t count;
};

/* ---- shards and iterators ----------------------------------------------------------------------------------------------------- */

static enum exit_code get_iterator(struct reader *r, struct shard *shard, bool latest) {
    json_t *request = shard->last ? json_pack("{s:s, s:O, s:s, s:O}", "StreamName", r->stream, "ShardId", shard->id, "ShardIteratorType",
                                              "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber", shard->last)
                                  : json_pack("{s:s, s:O, s:s}", "StreamName", r->stream, "ShardId", shard->id, "ShardIteratorType",
                                              latest ? "LATEST" : "TRIM_HORIZON");
    json_t *answer = NULL;
    enum exit_code code =
        request ? session_call(r->s, "kinesis.GetShardIterator", request, 0, &answer, NULL) : session_fail(r->s, "out of memory");
    if (!code) {
        json_decref(shard->iterator);
        shard->iterator = json_incref(json_object_get(answer, "ShardIterator"));
    }
    json_decref(answer);
    json_decref(request);
    return code;
}

static bool knows(const struct reader *r, const json_t *id) {
    for (size_t i = 0; i < r->count; i++)
        if (json_equal(r->shards[i].id, id)) return true;
    return false;
}

/* Finds shards that are not known yet. Those that appear later (a stream was split) are read from their beginning. */
static enum exit_code find_shards(struct reader *r, bool latest) {
    json_t *request = json_pack("{s:s}", "StreamName", r->stream), *answer = NULL, *shard;
    size_t i;
    enum exit_code code =
        request ? session_call(r->s, "kinesis.ListShards", request, 0, &answer, NULL) : session_fail(r->s, "out of memory");
    if (!code) json_array_foreach(json_object_get(answer, "Shards"), i, shard) {
            json_t *id = json_object_get(shard, "ShardId");
            if (code || !json_is_string(id) || knows(r, id)) continue;
            if (r->count == SHARDS_MOST) {
                code = session_fail(r->s, "the stream has more than 1,024 shards; read them one by one with --shard-iterator");
                break;
            }
            r->shards[r->count] = (struct shard){.id = json_incref(id)};
            code = get_iterator(r, &r->shards[r->count++], latest);
        }
    json_decref(answer);
    json_decref(request);
    return code;
}

/* ---- records ------------------------------------------------------------------------------------------------------------------ */

/* Data as people want it: the JSON value it holds, else its text, else (bytes) the base64 it came as. */
static json_t *decoded(const char *base64) {
    struct buf bytes;
    json_t *value = NULL;
    buf_init(&bytes, 0);
    if (hash_from_base64(&bytes, str_from(base64))) {
        struct str text = buf_str(&bytes);
        value = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (!value) value = json_stringn(text.p, text.n); /* NULL when it is not UTF-8 */
    }
    buf_fini(&bytes);
    return value ? value : json_string(base64);
}

static enum exit_code show(struct reader *r, const struct shard *shard, json_t *record) {
    const char *data = json_string_value(json_object_get(record, "Data"));
    json_t *line = json_object();
    char *text = NULL;
    if (line && !json_object_set(line, "ShardId", shard->id) && !json_object_update(line, record) &&
        !json_object_set_new(line, "Data", decoded(data ? data : "")))
        text = json_dumps(line, JSON_COMPACT);
    if (text)
        fprintf(r->s->out, "%s\n", text);
    else
        fprintf(r->s->err, "busctl: get-records: out of memory\n");
    enum exit_code code = text && !ferror(r->s->out) ? EXIT_CODE_DONE : EXIT_CODE_REFUSED;
    free(text);
    json_decref(line);
    return code;
}

static void set_iterator(struct shard *shard, json_t *iterator) {
    json_incref(iterator);
    json_decref(shard->iterator);
    shard->iterator = json_is_string(iterator) ? iterator : NULL;
    if (!shard->iterator) json_decref(iterator);
}

static enum exit_code show_all(struct reader *r, struct shard *shard, const json_t *answer) {
    size_t i;
    json_t *record;
    enum exit_code code = EXIT_CODE_DONE;
    json_array_foreach(json_object_get(answer, "Records"), i, record) {
        if (code || r->left == 0) break;
        code = show(r, shard, record);
        if (r->left > 0) r->left--;
        json_decref(shard->last);
        shard->last = json_incref(json_object_get(record, "SequenceNumber"));
    }
    return code;
}

/* One call for one shard. *more: something came, or the shard says that there is more. An iterator that expired meanwhile is renewed. */
static enum exit_code read_shard(struct reader *r, struct shard *shard, bool *more) {
    json_t *request = json_pack("{s:O}", "ShardIterator", shard->iterator), *answer = NULL;
    struct bus_fault *fault = calloc(1, sizeof *fault);
    enum exit_code code = request && fault ? EXIT_CODE_DONE : session_fail(r->s, "out of memory");
    enum bus_err err = code ? BUS_ERR_NOMEM : session_try(r->s, "kinesis.GetRecords", request, 0, &answer, NULL, fault);
    if (err == BUS_ERR_EXPIRED_ITERATOR) {
        *more = true;
        code = get_iterator(r, shard, r->latest);
    } else if (err && !code) {
        code = session_tell(r->s, fault);
    } else if (!code) {
        *more |= json_array_size(json_object_get(answer, "Records")) > 0 ||
                 json_integer_value(json_object_get(answer, "MillisBehindLatest")) > 0;
        code = show_all(r, shard, answer);
        set_iterator(shard, json_object_get(answer, "NextShardIterator"));
    }
    json_decref(answer);
    json_decref(request);
    free(fault);
    return code;
}

/* All shards once. */
static enum exit_code read_round(struct reader *r, bool *more, bool *ended) {
    enum exit_code code = EXIT_CODE_DONE;
    for (size_t i = 0; i < r->count && !code && r->left != 0; i++) {
        if (!r->shards[i].iterator) continue;
        code = read_shard(r, &r->shards[i], more);
        *ended |= !r->shards[i].iterator;
    }
    if (fflush(r->s->out) && !code) code = EXIT_CODE_REFUSED;
    return code;
}

static enum exit_code read_stream(struct reader *r, bool follow) {
    enum exit_code code = find_shards(r, r->latest);
    for (bool more = true; !code && r->left != 0 && (more || follow);) {
        bool ended = more = false;
        code = read_round(r, &more, &ended);
        if (!code && ended) code = find_shards(r, false);
        if (!code && follow && !more) nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
    return code;
}

enum exit_code get_records_run(struct session *s, const struct operation *operation, struct flags *flags) {
    const char *stream = flags->extra[EXTRA_STREAM], *from = flags->extra[EXTRA_FROM];
    if (!stream) return verb_run_plain(s, operation, flags);
    if (from && strcmp(from, "latest") != 0 && strcmp(from, "trim-horizon") != 0) {
        fprintf(s->err, "busctl: get-records: --from: '%s' is neither trim-horizon nor latest\n", from);
        return EXIT_CODE_USAGE;
    }
    json_t *limit = json_object_get(flags->request, "Limit");
    struct reader r = {.s = s, .stream = stream, .latest = from && !strcmp(from, "latest"), .left = limit ? json_integer_value(limit) : -1};
    r.shards = calloc(SHARDS_MOST, sizeof *r.shards);
    enum exit_code code = r.shards ? session_open(s) : session_fail(s, "out of memory");
    if (!code) code = read_stream(&r, flags->extra[EXTRA_FOLLOW] != NULL);
    for (size_t i = 0; i < r.count; i++) {
        json_decref(r.shards[i].id);
        json_decref(r.shards[i].iterator);
        json_decref(r.shards[i].last);
    }
    free(r.shards);
    return code;
}
