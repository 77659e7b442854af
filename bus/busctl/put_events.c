/* put-events: any number of entries, ten to a request. */
#include <stdlib.h>

#include "verb.h"

/* A request is closed before it grows past this, so that a daemon that takes the default sizes takes it. */
enum { ENTRIES_MOST = 10, REQUEST_MOST_BYTES = 900 * 1024 };

static size_t entry_bytes(const json_t *entry) {
    char *text = json_dumps(entry, JSON_COMPACT);
    size_t n = text ? strlen(text) : 0;
    free(text);
    return n;
}

/* Moves the next entries into a request; *at goes on. NULL: no memory. */
static json_t *next_request(const json_t *base, const json_t *entries, size_t *at) {
    json_t *request = json_copy((json_t *)(uintptr_t)base), *part = json_array();
    size_t bytes = 0;
    while (part && *at < json_array_size(entries) && json_array_size(part) < ENTRIES_MOST) {
        json_t *entry = json_array_get(entries, *at);
        size_t n = entry_bytes(entry);
        if (json_array_size(part) && bytes + n > REQUEST_MOST_BYTES) break;
        if (json_array_append(part, entry)) break;
        bytes += n;
        ++*at;
    }
    if (!request || !part || json_array_size(part) == 0 || json_object_set(request, "Entries", part)) {
        json_decref(request);
        request = NULL;
    }
    json_decref(part);
    return request;
}

/* Adds one answer to the sum of all. */
static bool add_answer(json_t *sum, const json_t *answer) {
    json_int_t failed =
        json_integer_value(json_object_get(sum, "FailedEntryCount")) + json_integer_value(json_object_get(answer, "FailedEntryCount"));
    return !json_object_set_new(sum, "FailedEntryCount", json_integer(failed)) &&
           !json_array_extend(json_object_get(sum, "Entries"), json_object_get(answer, "Entries"));
}

static enum exit_code put_part(struct session *s, json_t *request, json_t *sum) {
    json_t *answer = NULL;
    enum exit_code code = request ? session_call(s, "events.PutEvents", request, 0, &answer, NULL) : session_fail(s, "out of memory");
    if (!code && !add_answer(sum, answer)) code = session_fail(s, "the answer has no Entries, or there is no memory for them");
    json_decref(answer);
    json_decref(request);
    return code;
}

enum exit_code put_events_run(struct session *s, const struct operation *operation, struct flags *flags) {
    json_t *entries = json_object_get(flags->request, "Entries");
    size_t count = json_array_size(entries), at = 0, before = 0;
    if (count == 0) {
        fprintf(s->err, "busctl: put-events: --entries holds no entry\n");
        return EXIT_CODE_USAGE;
    }
    json_t *sum = json_pack("{s:i, s:[]}", "FailedEntryCount", 0, "Entries");
    enum exit_code code = sum ? session_open(s) : session_fail(s, "out of memory");
    while (!code && at < count) {
        before = at;
        code = put_part(s, next_request(flags->request, entries, &at), sum);
    }
    if (code && before)
        fprintf(s->err, "busctl: put-events: entries 1 to %zu of %zu were put, entry %zu and those behind it were not\n", before, count,
                before + 1);
    if (json_array_size(json_object_get(sum, "Entries"))) {
        verb_print(s, operation, sum, NULL);
        enum exit_code verdict = verb_verdict(s, sum);
        if (!code) code = verdict;
    }
    json_decref(sum);
    return code;
}
