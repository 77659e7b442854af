/* Any bytes as the body that members are put into: refused, or for a JSON object a JSON object that has them, once, and whatever else was
 * there. */
#include <jansson.h>
#include <stdlib.h>

#include "destination/request.h"

static void check(bool good) {
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct connection_parameter members[] = {{.key = {"a", 1}, .value = {"v", 1}}, {.key = {"\"\n", 2}, .value = {NULL, 0}}};
    struct str text = str_of((const char *)data, size);
    struct buf out;
    static struct fault fault;
    buf_init(&out, 0);
    enum err err = body_merge(text, members, 2, &out, &fault);
    json_t *before = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
    check(!json_is_object(before) || !err); /* what is an object is taken */
    if (!err && json_is_object(before)) {
        json_t *after = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
        if (!after) after = json_loadb(out.p, out.n, 0, NULL); /* the event's own members may stand twice */
        check(json_is_object(after));
        json_object_set_new(before, "a", json_string("v"));
        json_object_set_new(before, "\"\n", json_string(""));
        check(json_equal(before, after));
        json_decref(after);
    }
    json_decref(before);
    buf_fini(&out);
    return 0;
}
