/* Any text as the shorthand of PutTargets' targets and PutEvents' entries: a value that can be written, or a sentence. */
#include <stdlib.h>

#include "shorthand.h"
#include "value.h"
#include "verb.h"

static const struct shape *item_of(const char *verb, const char *member) {
    static struct fault fault;
    const struct operation *o = verb_find("events", verb, &fault);
    return shape_member(o->in, str_from(member))->shape->item;
}

static void judge(enum err err, json_t *value, const struct fault *fault) {
    if (err) {
        if (fault->code != err || !fault->message[0]) abort();
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) abort();
    free(text);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct fault fault;
    struct str text = str_of((const char *)data, n);
    json_t *value = NULL;
    enum err err;
    if (memchr(data, 0, n)) return 0; /* no argument holds one */
    err = shorthand_parse(item_of("put-targets", "Targets"), "targets", text, &value, &fault);
    judge(err, value, &fault);
    value = NULL;
    err = shorthand_parse(item_of("put-events", "Entries"), "entries", text, &value, &fault);
    judge(err, value, &fault);
    value = NULL;
    err = value_from_json(item_of("put-targets", "Targets"), "targets", text, &value, &fault);
    judge(err, value, &fault);
    return 0;
}
