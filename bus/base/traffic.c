#include "traffic.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "log.h"
#include "map.h"
#include "os.h"
#include "shape_walk.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int file = -1;
static struct map seen; /* lines; as many as the tables have fields */

static void open_file(void) {
    const char *path = os_env("BUS_TRAFFIC", NULL);
    if (path) file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    map_init(&seen);
}

/* ---- lines ---------------------------------------------------------------------------------------------------------------------------- */
struct speaker {
    const struct operation *operation;
    const char *direction;
    void (*each)(void *ctx, struct str line);
    void *ctx;
};

static void say_operation(const struct speaker *s) {
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, "%s.%s", s->operation->service, s->operation->name);
    if (!line.failed) s->each(s->ctx, buf_str(&line));
    buf_fini(&line);
}

static void say_member(const struct speaker *s, const struct shape *shape, const struct member *m) {
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, "%s.%s %s %s.%s", s->operation->service, s->operation->name, s->direction, shape->name, m->name);
    if (!line.failed) s->each(s->ctx, buf_str(&line));
    buf_fini(&line);
}

/* ---- what is there --------------------------------------------------------------------------------------------------------------------- */
static void walk_value(const struct speaker *s, const struct shape *shape, const void *slot);

static void walk_struct(const struct speaker *s, const struct shape *shape, const void *value) {
    for (const struct member *m = shape->members; m->name; m++) {
        const char *slot = (const char *)value + m->offset;
        if (shape_is_absent(m->shape, slot)) continue;
        say_member(s, shape, m);
        walk_value(s, m->shape, slot);
    }
}

static void walk_list(const struct speaker *s, const struct shape *item, const struct list *list) {
    size_t size = shape_item_size(item);
    for (size_t i = 0; i < list->n; i++) {
        const char *at = (const char *)list->items + i * size;
        if (item->type == SHAPE_STRUCT)
            walk_struct(s, item, at);
        else
            walk_value(s, item, at);
    }
}

static void walk_value(const struct speaker *s, const struct shape *shape, const void *slot) {
    if (shape_is_absent(shape, slot)) return;
    if (shape->type == SHAPE_STRUCT) walk_struct(s, shape, *(void *const *)slot);
    if (shape->type == SHAPE_LIST) walk_list(s, shape->item, slot);
    if (shape->type != SHAPE_MAP) return;
    const struct list *map = slot;
    for (size_t i = 0; i < map->n; i++) {
        struct opt_bool b;
        walk_value(s, shape->item, shape_entry_slot(shape->item, LIST_AT(*map, struct map_entry, i), &b));
    }
}

static void append(void *ctx, struct str line) {
    (void)ctx;
    static char mark;
    char text[512];
    if (map_get(&seen, line) || line.n + 1 >= sizeof text || !map_put(&seen, line, &mark, NULL)) return;
    memcpy(text, line.p, line.n);
    text[line.n] = '\n';
    ssize_t n = write(file, text, line.n + 1); /* one write a line: processes do not mix theirs */
    if (n < 0) log_line(LOG_WARN, "traffic", "what was exercised cannot be recorded");
}

void traffic_record(const struct operation *operation, const void *in, const void *out) {
    pthread_once(&once, open_file);
    if (file < 0) return;
    pthread_mutex_lock(&lock);
    struct speaker s = {operation, "in", append, NULL};
    say_operation(&s);
    walk_struct(&s, operation->in, in);
    s.direction = "out";
    if (operation->out) walk_struct(&s, operation->out, out);
    pthread_mutex_unlock(&lock);
}

/* ---- what there could be ------------------------------------------------------------------------------------------------------------------ */
enum { DEPTH_MOST = 16 }; /* a shape that holds itself would not end */
static void each_field(const struct speaker *s, const struct shape *shape, int depth) {
    while (shape->type == SHAPE_LIST || shape->type == SHAPE_MAP) shape = shape->item;
    if (shape->type != SHAPE_STRUCT || depth == DEPTH_MOST) return;
    for (const struct member *m = shape->members; m->name; m++) {
        say_member(s, shape, m);
        each_field(s, m->shape, depth + 1);
    }
}

void traffic_each(const struct operation *operation, void (*each)(void *ctx, struct str line), void *ctx) {
    struct speaker s = {operation, "in", each, ctx};
    say_operation(&s);
    each_field(&s, operation->in, 0);
    s.direction = "out";
    if (operation->out) each_field(&s, operation->out, 0);
}
