#include "command.h"

#include "help.h"

static enum exit_code run_operation(struct session *s, const struct operation *operation, int argc, char **argv) {
    const struct special *special = verb_special(operation);
    struct flags flags;
    struct fault fault;
    if (flags_parse(operation, special ? special->extras : NULL, &s->globals, argc, argv, &flags, &fault)) return session_usage(s, &fault);
    s->globals = flags.globals;
    enum exit_code code = EXIT_CODE_DONE;
    bool whole_stream = special && special->extras == get_records_extras && flags.extra[0]; /* needs no --shard-iterator then */
    if (s->globals.help)
        help_verb(operation, special ? special->extras : NULL, s->out);
    else if (!whole_stream && flags_missing(operation, &flags, &fault))
        code = session_usage(s, &fault);
    else
        code = special ? special->run(s, operation, &flags) : verb_run_plain(s, operation, &flags);
    flags_fini(&flags);
    return code;
}

static enum exit_code run_local(struct session *s, const struct local *local, int argc, char **argv) {
    for (int i = 0; i < argc; i++) s->globals.help |= !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
    if (!s->globals.help) return local->run(s, argc, argv);
    help_local(local, s->out);
    return EXIT_CODE_DONE;
}

static const struct local *find_local(const char *verb) {
    for (const struct local *l = verb_locals; l->name; l++)
        if (!strcmp(l->name, verb)) return l;
    return NULL;
}

/* argv[0] is the service or the verb. */
static enum exit_code run_words(struct session *s, int argc, char **argv) {
    struct fault fault;
    const char *service = verb_is_service(argv[0]) ? argv[0] : NULL;
    if (!strcmp(argv[0], "help")) {
        if (argc == 1) help_whole(s->out);
        s->globals.help = true;
        return argc == 1 ? EXIT_CODE_DONE : run_words(s, argc - 1, argv + 1);
    }
    for (bool taken = service; service && taken && argc > 1;) { /* flags between service and verb */
        int at = 1;
        if (globals_take(&s->globals, argc, argv, &at, &taken, &fault)) return session_usage(s, &fault);
        argv += at - 1;
        argc -= at - 1;
    }
    if (service && argc == 1) {
        help_service(service, s->globals.help ? s->out : s->err);
        return s->globals.help ? EXIT_CODE_DONE : EXIT_CODE_USAGE;
    }
    const char *verb = service ? argv[1] : argv[0];
    int behind = service ? 2 : 1;
    const struct local *local = service ? NULL : find_local(verb);
    const struct operation *operation = local ? NULL : verb_find(service, verb, &fault);
    if (!local && !operation) return session_usage(s, &fault);
    s->verb = verb;
    return local ? run_local(s, local, argc - behind, argv + behind) : run_operation(s, operation, argc - behind, argv + behind);
}

static enum exit_code run(struct session *s, int argc, char **argv) {
    struct fault fault;
    int at = 1;
    while (at < argc) {
        bool taken;
        if (!strcmp(argv[at], "--version")) {
            fprintf(s->out, "busctl %s\n", bus_version());
            return EXIT_CODE_DONE;
        }
        if (globals_take(&s->globals, argc, argv, &at, &taken, &fault)) return session_usage(s, &fault);
        if (!taken) break;
    }
    if (at == argc) {
        help_whole(s->globals.help ? s->out : s->err);
        return s->globals.help ? EXIT_CODE_DONE : EXIT_CODE_USAGE;
    }
    if (argv[at][0] == '-') {
        fault_set(&fault, ERR_USAGE, "there is no flag %s before the verb", argv[at]);
        return session_usage(s, &fault);
    }
    return run_words(s, argc - at, argv + at);
}

enum exit_code command_run(struct session *s, int argc, char **argv) { return session_close(s, run(s, argc, argv)); }
