#include "table.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"

/* A table under construction: cells row by row, each `columns` wide. */
struct grid {
    size_t columns, rows;
    struct buf text;             /* all cells, one behind the other */
    size_t starts[65536], count; /* of the cells; a grid beyond that is cut into several */
};
enum { GRID_CELLS_MOST = sizeof((struct grid *)0)->starts / sizeof(size_t) - 1, COLUMNS_MOST = 64, INDENT = 2 };

void table_text(struct str text, bool keep_newlines, struct buf *out) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool c1 = c == 0xC2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xA0; /* U+0080..U+009F steer terminals as well */
        if (c == '\n' && !keep_newlines)
            buf_addz(out, "\\n");
        else if (c == '\t')
            buf_addc(out, ' ');
        else if (c == '\r')
            buf_addz(out, "\\r");
        else if ((c < 0x20 && c != '\n') || c == 0x7F)
            buf_addf(out, "\\x%02x", c);
        else if (c1)
            buf_addf(out, "\\x%02x", (unsigned char)text.p[++i]);
        else
            buf_addc(out, (char)c);
    }
}

/* The year 9999; what lies beyond is shown as the number it is. */
#define TIME_MOST_SECONDS 253402300799.0

static void add_time(const json_t *value, struct buf *out) {
    char iso[CLOCK_ISO_SIZE];
    clock_iso((int64_t)(json_number_value(value) * 1000), iso);
    buf_addz(out, iso);
}

static void add_value(const struct shape *shape, const json_t *value, struct buf *out) {
    if (!value) return;
    if (json_is_string(value)) {
        table_text(str_of(json_string_value(value), json_string_length(value)), false, out);
    } else if (shape && shape->type == SHAPE_TIMESTAMP && json_is_number(value) && fabs(json_number_value(value)) <= TIME_MOST_SECONDS) {
        add_time(value, out);
    } else if (!json_is_null(value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text)
            table_text(str_from(text), false, out);
        else
            out->failed = true;
        free(text);
    }
}

static size_t width(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* ---- grids -------------------------------------------------------------------------------------------------------------------- */

static void cell_end(struct grid *g) { g->starts[++g->count] = g->text.n; }
static struct str cell(const struct grid *g, size_t i) {
    return str_of(buf_str(&g->text).p + g->starts[i], g->starts[i + 1] - g->starts[i]);
}

static void grid_write(const struct grid *g, struct buf *out) {
    size_t widths[COLUMNS_MOST] = {0};
    for (size_t i = 0; i < g->count; i++) {
        size_t w = width(cell(g, i));
        if (w > widths[i % g->columns]) widths[i % g->columns] = w;
    }
    for (size_t i = 0; i < g->count; i++) {
        struct str text = cell(g, i);
        size_t column = i % g->columns;
        buf_add(out, text);
        if (column + 1 == g->columns) {
            while (out->n && out->p[out->n - 1] == ' ') out->n--;
            buf_addc(out, '\n');
            continue;
        }
        for (size_t w = width(text); w < widths[column] + INDENT; w++) buf_addc(out, ' ');
    }
}

static struct grid *grid_new(size_t columns) {
    struct grid *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->columns = columns;
    buf_init(&g->text, 0);
    return g;
}
static void grid_clear(struct grid *g) {
    g->count = 0;
    buf_clear(&g->text);
}
static void grid_free(struct grid *g, struct buf *out) {
    if (g->text.failed) out->failed = true;
    buf_fini(&g->text);
    free(g);
}

/* ---- lists of structures: a table with a header ------------------------------------------------------------------------------- */

struct columns {
    const char *names[COLUMNS_MOST];
    const struct shape *shapes[COLUMNS_MOST];
    size_t count;
};

static const struct shape *member_shape(const struct shape *shape, const char *name) {
    const struct member *m = shape && shape->type == SHAPE_STRUCT ? shape_member(shape, str_from(name)) : NULL;
    return m ? m->shape : NULL;
}

static void add_column(struct columns *c, const struct shape *item, const char *name) {
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->names[i], name)) return;
    if (c->count == COLUMNS_MOST) return;
    c->names[c->count] = name;
    c->shapes[c->count++] = member_shape(item, name);
}

/* In the order of the shape, then what it does not know, and only what some item has. */
static void find_columns(struct columns *c, const struct shape *item, const json_t *list) {
    size_t i;
    json_t *object;
    const char *name;
    json_t *value;
    for (const struct member *m = item && item->type == SHAPE_STRUCT ? item->members : NULL; m && m->name; m++)
        json_array_foreach(list, i, object) if (json_object_get(object, m->name)) add_column(c, item, m->name);
    json_array_foreach(list, i, object) json_object_foreach(object, name, value) add_column(c, item, name);
}

static void write_structs(const struct shape *item, const json_t *list, struct buf *out) {
    struct columns c = {.count = 0};
    find_columns(&c, item, list);
    struct grid *g = c.count ? grid_new(c.count) : NULL;
    if (!g) {
        out->failed |= c.count > 0;
        return;
    }
    for (size_t row = 0; row <= json_array_size(list); row++) {
        for (size_t i = 0; i < c.count; i++) {
            if (row == 0)
                table_text(str_from(c.names[i]), false, &g->text);
            else
                add_value(c.shapes[i], json_object_get(json_array_get(list, row - 1), c.names[i]), &g->text);
            cell_end(g);
        }
        if (g->count + c.count > GRID_CELLS_MOST) {
            grid_write(g, out);
            grid_clear(g);
        }
    }
    grid_write(g, out);
    grid_free(g, out);
}

/* ---- the answer: scalars first, then lists ------------------------------------------------------------------------------------ */

static bool is_list_of(const json_t *value, json_type type) {
    if (!json_is_array(value) || json_array_size(value) == 0) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if ((json_typeof(json_array_get(value, i)) == JSON_OBJECT) != (type == JSON_OBJECT)) return false;
    return true;
}

static void add_scalars(const struct shape *shape, const json_t *object, const char *prefix, int depth, struct grid *g) {
    enum { DEPTH_MOST = 16 };
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        struct buf path;
        const struct shape *inner = shape && shape->type == SHAPE_MAP ? shape->item : member_shape(shape, name);
        if (json_is_array(value) && !prefix[0]) continue;
        buf_init(&path, 0);
        buf_addf(&path, "%s%s%s", prefix, *prefix ? "." : "", name);
        buf_addc(&path, 0);
        if (path.failed)
            g->text.failed = true;
        else if (json_is_object(value) && depth < DEPTH_MOST)
            add_scalars(inner, value, path.p, depth + 1, g);
        else if (g->count + 2 <= GRID_CELLS_MOST) {
            table_text(str_from(path.p), false, &g->text);
            cell_end(g);
            add_value(inner, value, &g->text);
            cell_end(g);
        }
        buf_fini(&path);
    }
}

static void write_list(const struct shape *shape, const char *name, const json_t *list, bool titled, struct buf *out) {
    const struct shape *item = shape && shape->type == SHAPE_LIST ? shape->item : NULL;
    if (titled) {
        if (out->n) buf_addc(out, '\n');
        table_text(str_from(name), false, out);
        buf_addz(out, ":\n");
    }
    if (is_list_of(list, JSON_OBJECT)) {
        write_structs(item, list, out);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        add_value(item, json_array_get(list, i), out);
        buf_addc(out, '\n');
    }
}

void table_write(const struct shape *shape, const json_t *answer, struct buf *out) {
    const char *name;
    json_t *value;
    size_t lists = 0;
    struct grid *g = grid_new(2);
    if (!g) {
        out->failed = true;
        return;
    }
    add_scalars(shape, answer, "", 0, g);
    grid_write(g, out);
    json_object_foreach((json_t *)(uintptr_t)answer, name, value) lists += json_is_array(value);
    bool titled = g->count > 0 || lists > 1;
    json_object_foreach((json_t *)(uintptr_t)answer, name, value) {
        if (json_is_array(value) && json_array_size(value)) write_list(member_shape(shape, name), name, value, titled, out);
    }
    grid_free(g, out);
}
