#include "shape_walk.h"

void shape_name_text(struct str name, struct buf *out) {
    size_t at = out->n;
    buf_add(out, name);
    if (out->n > at && out->p[at] >= 'A' && out->p[at] <= 'Z') out->p[at] = (char)(out->p[at] + 32);
}

void shape_path_text(const struct shape_path *path, struct buf *out) {
    if (!path || !path->up) return;
    shape_path_text(path->up, out);
    if (out->n) buf_addc(out, '.');
    if (!path->name.p)
        buf_addf(out, "%zu.member", path->index + 1);
    else if (path->is_key)
        buf_add(out, path->name);
    else
        shape_name_text(path->name, out);
}

void shape_path_where(const struct shape_path *path, char *out, size_t size) {
    struct buf text;
    buf_init(&text, 0);
    shape_path_text(path, &text);
    struct str s = buf_str(&text);
    if (s.n >= size) {
        s.n = size - 1;
        while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80) s.n--;
    }
    (void)str_copyz(out, size, s); /* it was made to fit */
    buf_fini(&text);
}

size_t shape_item_size(const struct shape *item) {
    switch (item->type) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
    case SHAPE_JSON: return sizeof(struct str);
    case SHAPE_INTEGER:
    case SHAPE_TIMESTAMP: return sizeof(struct opt_i64);
    case SHAPE_BOOLEAN: return sizeof(struct opt_bool);
    case SHAPE_STRUCT: return item->size;
    case SHAPE_LIST:
    case SHAPE_MAP: return sizeof(struct list);
    }
    return 0;
}

bool shape_is_absent(const struct shape *shape, const void *slot) {
    switch (shape->type) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
    case SHAPE_JSON: return !((const struct str *)slot)->p;
    case SHAPE_INTEGER:
    case SHAPE_TIMESTAMP: return !((const struct opt_i64 *)slot)->set;
    case SHAPE_BOOLEAN: return !((const struct opt_bool *)slot)->set;
    case SHAPE_STRUCT: return !*(void *const *)slot;
    case SHAPE_LIST:
    case SHAPE_MAP: return !((const struct list *)slot)->set;
    }
    return true;
}

const void *shape_entry_slot(const struct shape *item, const struct map_entry *e, struct opt_bool *b) {
    switch (item->type) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
    case SHAPE_JSON: return &e->s;
    case SHAPE_INTEGER:
    case SHAPE_TIMESTAMP: return &e->i;
    case SHAPE_BOOLEAN: *b = (struct opt_bool){e->i.set, e->i.v != 0}; return b;
    case SHAPE_STRUCT: return &e->p;
    case SHAPE_LIST:
    case SHAPE_MAP: return &e->l;
    }
    return NULL;
}
