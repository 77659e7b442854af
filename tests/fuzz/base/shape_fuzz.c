/* Decodes any bytes as a request, strictly or not; what was accepted must encode to a text that decodes to the same text again. */
#include <stdlib.h>

#include "shape.h"

struct inner {
    struct str id;
    struct opt_i64 number, time;
    struct list labels;
};
struct request {
    struct str name, blob, any, mode;
    struct opt_bool on;
    struct inner *inner;
    struct list inners, map, numbers, maps;
};
static const char *const modes[] = {"A", "B", NULL};
static const struct shape name = {
    .type = SHAPE_STRING, .has_max = true, .max = 64, .pattern = "[\\.\\-_A-Za-z0-9]*", .posix = "^[._A-Za-z0-9-]*$"};
static const struct shape mode = {.type = SHAPE_STRING, .values = modes, .sensitive = true};
static const struct shape any = {.type = SHAPE_JSON};
static const struct shape blob = {.type = SHAPE_BLOB, .has_max = true, .max = 1024};
static const struct shape boolean = {.type = SHAPE_BOOLEAN};
static const struct shape number = {.type = SHAPE_INTEGER, .has_max = true, .max = 1000000};
static const struct shape at = {.type = SHAPE_TIMESTAMP};
static const struct shape numbers = {.type = SHAPE_LIST, .item = &number};
static const struct shape map = {.type = SHAPE_MAP, .item = &name, .key = &name};
static const struct shape maps = {.type = SHAPE_MAP, .item = &numbers};
static const struct member inner_members[] = {
    MEMBER(struct inner, id, "Id", &name, REQUIRED, ""),
    MEMBER(struct inner, number, "N", &number, OPTIONAL, ""),
    MEMBER(struct inner, time, "T", &at, OPTIONAL, ""),
    MEMBER(struct inner, labels, "L", &map, OPTIONAL, ""),
    MEMBER_END,
};
static const struct shape inner = {.type = SHAPE_STRUCT, .name = "Inner", .size = sizeof(struct inner), .members = inner_members};
static const struct shape inners = {.type = SHAPE_LIST, .item = &inner, .has_max = true, .max = 10};
static const struct member members[] = {
    MEMBER(struct request, name, "Name", &name, OPTIONAL, ""),
    MEMBER(struct request, blob, "Blob", &blob, OPTIONAL, ""),
    MEMBER(struct request, any, "Any", &any, OPTIONAL, ""),
    MEMBER(struct request, mode, "Mode", &mode, OPTIONAL, ""),
    MEMBER(struct request, on, "On", &boolean, OPTIONAL, ""),
    MEMBER(struct request, inner, "Inner", &inner, OPTIONAL, ""),
    MEMBER(struct request, inners, "Inners", &inners, OPTIONAL, ""),
    MEMBER(struct request, map, "Map", &map, OPTIONAL, ""),
    MEMBER(struct request, numbers, "Numbers", &numbers, OPTIONAL, ""),
    MEMBER(struct request, maps, "Maps", &maps, OPTIONAL, ""),
    MEMBER_END,
};
static const struct shape request = {.type = SHAPE_STRUCT, .name = "Request", .size = sizeof(struct request), .members = members};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct fault fault;
    struct arena a;
    struct request first = {0}, second = {0};
    struct buf once, twice;
    fault_clear(&fault);
    arena_init(&a, 1 << 20);
    buf_init(&once, 0);
    buf_init(&twice, 0);
    enum err err = shape_decode(&request, str_of((const char *)data, n), n & 1, &a, &first, &fault);
    if (err) {
        if (fault.code != err || !fault.message[0] || !str_is_utf8(str_from(fault.message))) abort();
    } else {
        shape_encode(&request, &first, &once);
        if (shape_decode(&request, buf_str(&once), true, &a, &second, &fault) != ERR_OK && fault.code != ERR_NOMEM) abort();
        if (fault.code != ERR_NOMEM) {
            shape_encode(&request, &second, &twice);
            if (!str_eq(buf_str(&once), buf_str(&twice))) abort();
        }
    }
    buf_fini(&once);
    buf_fini(&twice);
    arena_fini(&a);
    return 0;
}
