/* validate: are rule files and templates right? Without a daemon. Every mistake, and what looks wrong about a pattern, is told as
 * FILE:LINE:COLUMN: PATH: message on stdout, every warning as FILE:LINE:COLUMN: PATH: warning: message, every output of a template as
 * FILE: output NAME: value. */
#include <stdlib.h>
#include <unistd.h>

#include "catalog.h"
#include "os.h"
#include "rulelint.h"
#include "table.h"
#include "verb.h"

enum { FILE_MOST_BYTES = 64 << 20, PARAMETERS_MAX = 256 };

struct validation {
    struct session *s;
    struct fault *fault;
    struct rulefile_parameter parameters[PARAMETERS_MAX];
    size_t parameter_count;
    struct str account; /* of the path that is being read */
    size_t files, mistakes;
};

static void tell(struct validation *v, const char *path, const char *kind, const struct problem *p) {
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, "%s:%d:%d: ", path, p->line, p->column);
    table_text(p->path, false, &line);
    buf_addz(&line, p->path.n ? ": " : "");
    buf_addz(&line, kind);
    table_text(p->message, false, &line);
    buf_addc(&line, '\n');
    session_write(v->s, buf_str(&line));
    buf_fini(&line);
}

static void tell_all(struct validation *v, const char *path, const char *kind, const struct problems *p) {
    for (size_t i = 0; i < p->count; i++) tell(v, path, kind, &p->items[i]);
    if (p->total > p->count) fprintf(v->s->out, "%s: and %zu more\n", path, p->total - p->count);
}

static void tell_outputs(struct validation *v, const char *path, const struct rulefile *file) {
    for (size_t i = 0; i < file->output_count; i++) {
        struct buf line;
        buf_init(&line, 0);
        buf_addf(&line, "%s: output ", path);
        table_text(file->outputs[i].name, false, &line);
        buf_addz(&line, ": ");
        table_text(file->outputs[i].value, false, &line);
        buf_addc(&line, '\n');
        session_write(v->s, buf_str(&line));
        buf_fini(&line);
    }
}

/* ---- requests: what the daemon would refuse by their shape ----------------------------------------------- */
static const struct operation *operation_of(struct str full) {
    size_t count;
    struct str name = full, service;
    const struct operation *const *tables = model_tables(&count);
    if (!str_cut(&name, '.', &service)) return NULL;
    for (size_t i = 0; i < count; i++)
        for (const struct operation *o = tables[i]; o->name; o++)
            if (str_eqz(service, o->service) && str_eqz(name, o->name)) return o;
    return NULL;
}

static void check_request(const struct declared *d, struct problems *problems, struct problems *warnings) {
    static struct fault why;
    const struct operation *o = operation_of(d->operation);
    struct arena scratch;
    if (!o) {
        problem_at(warnings, d->node, "%.*s is left out: there is no operation %.*s here", STR_ARG(d->what), STR_ARG(d->operation));
        return;
    }
    arena_init(&scratch, 0);
    void *in = arena_alloc(&scratch, o->in->size);
    if (in && shape_decode(o->in, d->request, false, &scratch, in, &why))
        problem_at(problems, d->node, "%.*s: %s", STR_ARG(d->what), why.message);
    arena_fini(&scratch);
}

/* What a function needs on the machine where it runs, which need not be this one: so a warning. */
static void check_needs(const struct declared *d, struct arena *a, struct problems *warnings) {
    struct str program, directory;
    declared_needs(d, a, &program, &directory);
    if (program.p && access(arena_str(a, program).p, X_OK))
        problem_at(warnings, d->node, "%.*s is no program on this machine", STR_ARG(program));
    if (directory.p && !os_is_dir(arena_str(a, directory).p))
        problem_at(warnings, d->node, "%.*s is no directory on this machine", STR_ARG(directory));
}

static void check_declared(struct rulefile *file, struct arena *a) {
    for (size_t i = 0; i < file->count; i++) {
        if (!file->problems.total) check_request(&file->items[i], &file->problems, &file->warnings);
        check_needs(&file->items[i], a, &file->warnings);
    }
    problems_sort(&file->problems);
    problems_sort(&file->warnings);
}

/* ---- files ----------------------------------------------------------------------------------------------- */
static enum err read_file(struct validation *v, const char *path, struct str text, struct arena *arena) {
    const char *region = v->s->globals.region ? v->s->globals.region : "us-east-1", *slash = strrchr(path, '/');
    struct rulefile_options options = {.dir = slash ? str_of(path, slash == path ? 1 : (size_t)(slash - path)) : STR("."),
                                       .region = str_from(region),
                                       .account = v->account.p ? v->account : STR("000000000000"),
                                       .stack = rulefile_stack_name(str_from(path), arena),
                                       .parameters = v->parameters,
                                       .parameter_count = v->parameter_count};
    struct rulefile file;
    struct problems lint;
    struct fault why;
    enum err err = options.stack.p ? rulefile_read_as(text, &options, arena, &file, &why) : fault_set(&why, ERR_NOMEM, NULL);
    if (err) {
        tell_all(v, path, "", &file.problems);
        struct problem p = {why.line ? why.line : 1, why.column ? why.column : 1, STR(""), str_from(why.message)};
        tell(v, path, "", &p);
        v->mistakes++;
        return ERR_OK;
    }
    check_declared(&file, arena);
    tell_all(v, path, "", &file.problems);
    tell_all(v, path, "warning: ", &file.warnings);
    if (!file.problems.total && (err = rulefile_lint(&file, arena, &lint))) return fault_set(v->fault, err, NULL);
    if (!file.problems.total) tell_all(v, path, "", &lint);
    if (!file.problems.total) tell_outputs(v, path, &file);
    v->mistakes += file.problems.total;
    return ERR_OK;
}

static enum err validate_text(struct validation *v, const char *path, bool templates_only) {
    struct arena arena;
    struct buf text;
    buf_init(&text, 0);
    enum err err = os_read_file(path, FILE_MOST_BYTES, &text, v->fault);
    bool skip = !err && templates_only && !rulefile_is_template(buf_str(&text));
    arena_init(&arena, rulefile_memory_max(text.n));
    if (!err && !skip) err = read_file(v, path, buf_str(&text), &arena);
    v->files += !skip;
    buf_fini(&text);
    arena_fini(&arena);
    return err;
}

/* In a directory JSON may be anything: data of functions, say. Templates are read. */
static enum err validate_member(void *ctx, const char *path) { return validate_text(ctx, path, str_ends(str_from(path), STR(".json"))); }

static enum err validate_path(struct validation *v, const char *argument) {
    static const char *const suffixes[] = {".yaml", ".yml", ".json", ".template", NULL};
    const char *path;
    v->account = rulefile_split_path(argument, &path);
    if (!os_is_dir(path)) return validate_text(v, path, false);
    size_t before = v->files;
    enum err err = os_each_file(path, suffixes, validate_member, v, v->fault);
    if (!err && v->files == before)
        err = fault_set(v->fault, ERR_USAGE, "%s has no file that ends in .yaml, .yml, .json or .template", path);
    return err;
}

/* --parameter NAME=VALUE, or --parameter=NAME=VALUE. */
static enum err take_parameter(struct validation *v, int argc, char **argv, int *at, bool *taken) {
    const char *flag = argv[*at], *value = strncmp(flag, "--parameter=", 12) == 0 ? flag + 12 : NULL;
    *taken = value || strcmp(flag, "--parameter") == 0;
    if (!*taken) return ERR_OK;
    if (!value && *at + 1 < argc) value = argv[++*at];
    ++*at;
    if (!value) return fault_set(v->fault, ERR_USAGE, "--parameter needs a value (NAME=VALUE)");
    if (v->parameter_count == PARAMETERS_MAX) return fault_set(v->fault, ERR_USAGE, "more than %d parameters", PARAMETERS_MAX);
    return rulefile_parameter_parse(value, &v->parameters[v->parameter_count++], v->fault);
}

static enum err take_arguments(struct validation *v, int argc, char **argv, const char **paths, size_t *count) {
    enum err err = ERR_OK;
    for (int at = 0; !err && at < argc;) {
        bool taken = false;
        err = take_parameter(v, argc, argv, &at, &taken);
        if (!err && !taken) err = globals_take(&v->s->globals, argc, argv, &at, &taken, v->fault);
        if (err || taken) continue;
        if (argv[at][0] == '-' && argv[at][1])
            err = fault_set(v->fault, ERR_USAGE, "%s is not known; it takes rule files, templates, directories, --parameter and --region",
                            argv[at]);
        else
            paths[(*count)++] = argv[at++];
    }
    return err;
}

enum exit_code validate_run(struct session *s, int argc, char **argv) {
    struct fault fault;
    struct validation *v = calloc(1, sizeof *v);
    const char **paths = calloc((size_t)argc + 1, sizeof *paths);
    size_t count = 0;
    if (!paths || !v) {
        free(paths);
        free(v);
        return session_fail(s, "out of memory");
    }
    v->s = s;
    v->fault = &fault;
    enum err err = take_arguments(v, argc, argv, paths, &count);
    if (!err && !count) err = fault_set(&fault, ERR_USAGE, "which files? busctl validate FILE...");
    for (size_t i = 0; !err && i < count; i++) err = validate_path(v, paths[i]);
    for (size_t i = 0; !err && i < v->parameter_count; i++)
        if (!v->parameters[i].used) err = fault_set(&fault, ERR_USAGE, "no template has the parameter %.*s", STR_ARG(v->parameters[i].key));
    enum exit_code code = v->mistakes ? EXIT_CODE_REFUSED : EXIT_CODE_DONE;
    free(paths);
    free(v);
    return err ? session_usage(s, &fault) : code;
}
