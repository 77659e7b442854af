/* validate: are rule files right? Without a daemon. Every mistake, and what looks wrong about a pattern, is told as
 * FILE:LINE:COLUMN: PATH: message on stdout. */
#include <stdlib.h>

#include "os.h"
#include "rulelint.h"
#include "table.h"
#include "verb.h"

enum { FILE_MOST_BYTES = 64 << 20 };

struct validation {
    struct session *s;
    struct fault *fault;
    size_t files, mistakes;
};

static void tell(struct validation *v, const char *path, const struct problem *p) {
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, "%s:%d:%d: ", path, p->line, p->column);
    table_text(p->path, false, &line);
    buf_addz(&line, p->path.n ? ": " : "");
    table_text(p->message, false, &line);
    buf_addc(&line, '\n');
    session_write(v->s, buf_str(&line));
    buf_fini(&line);
}

static void tell_all(struct validation *v, const char *path, const struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++) tell(v, path, &problems->items[i]);
    if (problems->total > problems->count) fprintf(v->s->out, "%s: and %zu more\n", path, problems->total - problems->count);
}

static enum err validate_file(void *ctx, const char *path) {
    struct validation *v = ctx;
    const char *region = v->s->globals.region ? v->s->globals.region : "us-east-1", *slash = strrchr(path, '/');
    struct str dir = slash ? str_of(path, slash == path ? 1 : (size_t)(slash - path)) : STR(".");
    struct rulefile file;
    struct problems warnings;
    struct arena arena;
    struct buf text;
    arena_init(&arena, (size_t)1 << 30);
    buf_init(&text, 0);
    enum err err = os_read_file(path, FILE_MOST_BYTES, &text, v->fault);
    if (!err) err = rulefile_read(buf_str(&text), dir, str_from(region), &arena, &file, v->fault);
    if (!err) tell_all(v, path, &file.problems);
    if (!err && !file.problems.total) err = rulefile_lint(&file, &arena, &warnings);
    if (!err && !file.problems.total) tell_all(v, path, &warnings);
    if (!err) v->mistakes += file.problems.total;
    v->files++;
    buf_fini(&text);
    arena_fini(&arena);
    return err;
}

static enum err validate_path(struct validation *v, const char *path) {
    static const char *const suffixes[] = {".yaml", ".yml", NULL};
    if (!os_is_dir(path)) return validate_file(v, path);
    size_t before = v->files;
    enum err err = os_each_file(path, suffixes, validate_file, v, v->fault);
    if (!err && v->files == before) err = fault_set(v->fault, ERR_USAGE, "%s has no file that ends in .yaml or .yml", path);
    return err;
}

enum exit_code validate_run(struct session *s, int argc, char **argv) {
    struct fault fault;
    struct validation v = {.s = s, .fault = &fault};
    const char **paths = calloc((size_t)argc + 1, sizeof *paths);
    size_t count = 0;
    if (!paths) return session_fail(s, "out of memory");
    enum err err = ERR_OK;
    for (int at = 0; !err && at < argc;) {
        bool taken = false;
        err = globals_take(&s->globals, argc, argv, &at, &taken, &fault);
        if (err || taken) continue;
        if (argv[at][0] == '-' && argv[at][1])
            err = fault_set(&fault, ERR_USAGE, "%s is not known; it takes rule files, directories and --region", argv[at]);
        else
            paths[count++] = argv[at++];
    }
    if (!err && !count) err = fault_set(&fault, ERR_USAGE, "which files? busctl validate FILE...");
    for (size_t i = 0; !err && i < count; i++) err = validate_path(&v, paths[i]);
    free(paths);
    if (err) return session_usage(s, &fault);
    return v.mistakes ? EXIT_CODE_REFUSED : EXIT_CODE_DONE;
}
