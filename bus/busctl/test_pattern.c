/* test-pattern: TestEventPattern without a daemon. Pattern and event come from files, or one of them from stdin ("-"). */
#include "os.h"
#include "pattern.h"
#include "verb.h"

enum { FILE_MOST_BYTES = 16 << 20 };

static const struct extra flags_known[] = {
    {"pattern", "FILE", "the pattern"},
    {"event", "FILE", "the event"},
    {NULL, NULL, NULL},
};

static enum exit_code usage(struct session *s, const char *flag, const char *what) {
    struct fault fault;
    fault_set(&fault, ERR_USAGE, "%s %s", flag, what);
    return session_usage(s, &fault);
}

/* files[0]: pattern, files[1]: event. */
static enum exit_code read_flags(struct session *s, int argc, char **argv, const char *files[2]) {
    for (int at = 0; at < argc;) {
        int which = -1;
        struct str word = str_from(argv[at]), name, rest = word;
        bool taken = false;
        struct fault fault;
        str_cut(&rest, '=', &name);
        for (int i = 0; flags_known[i].name; i++)
            if (str_starts(name, STR("--")) && str_eqz(str_skip(name, 2), flags_known[i].name)) which = i;
        if (which < 0) {
            if (globals_take(&s->globals, argc, argv, &at, &taken, &fault)) return session_usage(s, &fault);
            if (!taken) return usage(s, argv[at], "is not known; it takes --pattern FILE and --event FILE");
            continue;
        }
        at++;
        const char *value = rest.p ? rest.p : at < argc ? argv[at++] : NULL;
        if (!value || !*value) return usage(s, argv[at - 1], "needs a file");
        files[which] = str_starts(str_from(value), STR("file://")) ? value + strlen("file://") : value;
    }
    for (int i = 0; i < 2 && !s->globals.help; i++)
        if (!files[i]) return usage(s, i == 0 ? "--pattern" : "--event", "is missing");
    return EXIT_CODE_DONE;
}

static enum exit_code refuse(struct session *s, const struct fault *fault) {
    fprintf(s->err, "busctl: test-pattern: %s: %s\n", err_row(fault->code)->aws_type, fault->message);
    return EXIT_CODE_REFUSED;
}

static enum exit_code judge(struct session *s, struct str pattern_text, struct str event_text, struct fault *fault) {
    struct arena arena;
    struct node *event = NULL;
    struct pattern *pattern = NULL;
    bool matched = false;
    arena_init(&arena, 0);
    enum err err = pattern_parse(pattern_text, &pattern, fault);
    if (!err) err = pattern_test_event(event_text, &arena, &event, fault);
    if (!err) {
        err = pattern_match(pattern, event, &arena, &matched);
        if (err) fault_set(fault, err, "the match takes more memory or time than it may: %s", err_row(err)->sentence);
    }
    pattern_free(pattern);
    arena_fini(&arena);
    if (err) return refuse(s, fault);
    if (s->globals.output == OUTPUT_JSON)
        fprintf(s->out, "{\"Result\":%s}\n", matched ? "true" : "false");
    else
        fprintf(s->out, "%s\n", matched ? "match" : "no match");
    return matched ? EXIT_CODE_DONE : EXIT_CODE_NO;
}

enum exit_code test_pattern_run(struct session *s, int argc, char **argv) {
    const char *files[2] = {NULL, NULL};
    struct fault fault;
    struct buf pattern, event;
    enum exit_code code = read_flags(s, argc, argv, files);
    if (code || s->globals.help) return code;
    buf_init(&pattern, 0);
    buf_init(&event, 0);
    enum err err = os_read_file(files[0], FILE_MOST_BYTES, &pattern, &fault);
    if (!err) err = os_read_file(files[1], FILE_MOST_BYTES, &event, &fault);
    code = err ? session_usage(s, &fault) : judge(s, buf_str(&pattern), buf_str(&event), &fault);
    buf_fini(&pattern);
    buf_fini(&event);
    return code;
}
