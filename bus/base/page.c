#include "page.h"

#include "hash.h"

enum { VERSION = '2', TAG_BYTES = 12, HEAD_BYTES = 1 + TAG_BYTES };

/* Members that differ from page to page. */
static bool turns(const char *name) {
    static const char *const names[] = {"NextToken", "Limit", "MaxResults", "ExclusiveStartStreamName"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq_nocase(str_from(name), str_from(names[i]))) return true;
    return false;
}

/* The request without those, as JSON. */
static bool add_request(struct buf *out, const struct call *call) {
    const struct shape *shape = call->operation->in;
    char *copy = arena_alloc(call->arena, shape->size);
    if (!copy) return false;
    memcpy(copy, call->in, shape->size);
    for (const struct member *m = shape->members; m->name; m++) {
        if (!turns(m->name)) continue;
        if (m->shape->type == SHAPE_INTEGER)
            *(struct opt_i64 *)(void *)(copy + m->offset) = (struct opt_i64){0};
        else
            *(struct str *)(void *)(copy + m->offset) = STR_NULL;
    }
    shape_encode(shape, copy, out);
    return !out->failed;
}

static bool make_tag(const struct call *call, struct str place, uint8_t tag[TAG_BYTES]) {
    struct buf text;
    uint8_t digest[32];
    buf_init(&text, 0);
    buf_addf(&text, "page %c %s.%s %.*s ", VERSION, call->operation->service, call->operation->name, STR_ARG(call->account));
    bool ok = add_request(&text, call);
    buf_addc(&text, ' ');
    buf_add(&text, place);
    ok = ok && !text.failed;
    if (ok) hash_sha256(buf_str(&text), digest);
    if (ok) memcpy(tag, digest, TAG_BYTES);
    buf_fini(&text);
    return ok;
}

enum err page_begin(struct call *call, struct str token, struct str *after) {
    struct buf text;
    uint8_t tag[TAG_BYTES];
    *after = STR_NULL;
    if (!token.p) return ERR_OK;
    buf_init(&text, 0);
    bool ours = hash_from_base64(&text, token) && text.n >= HEAD_BYTES && text.p[0] == VERSION;
    struct str place = ours ? arena_str(call->arena, str_skip(buf_str(&text), HEAD_BYTES)) : STR_NULL;
    enum err err = ERR_OK;
    if (ours && (!place.p || !make_tag(call, place, tag))) err = fault_set(&call->fault, ERR_NOMEM, NULL);
    if (!err && (!ours || !hash_equal_ct(tag, text.p + 1, TAG_BYTES)))
        err = fault_at(&call->fault, ERR_VALIDATION, "nextToken", 0, 0, "Parameter NextToken is not valid.");
    buf_fini(&text);
    if (!err) *after = place;
    return err;
}

struct str page_end(struct call *call, bool more, struct str last) {
    uint8_t tag[TAG_BYTES];
    if (!more || !make_tag(call, last, tag)) return STR_NULL;
    struct buf plain, text;
    buf_init(&plain, 0);
    buf_init(&text, 0);
    buf_addc(&plain, VERSION);
    buf_add(&plain, str_of((const char *)tag, TAG_BYTES));
    buf_add(&plain, last);
    hash_base64(&text, buf_str(&plain));
    struct str token = plain.failed || text.failed ? STR_NULL : arena_str(call->arena, buf_str(&text));
    buf_fini(&plain);
    buf_fini(&text);
    return token;
}
