#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

static const struct option {
    const char *key, *arg, *help;
    size_t offset;
    bool list;
} options[] = {
#define O(field, key, arg, help) {key, arg, help, offsetof(struct config, field), false},
#define L(field, key, arg, help) {key, arg, help, offsetof(struct config, field), true},
#include "config.def"
#undef O
#undef L
    {NULL, NULL, NULL, 0, false},
};

void config_init(struct config *c) {
    memset(c, 0, sizeof *c);
    settings_default(&c->settings);
}

static char **single(struct config *c, const struct option *o) { return (char **)(void *)((char *)c + o->offset); }
static struct config_list *several(struct config *c, const struct option *o) {
    return (struct config_list *)(void *)((char *)c + o->offset);
}

void config_fini(struct config *c) {
    for (const struct option *o = options; o->key; o++) {
        if (!o->list)
            free(*single(c, o));
        else
            for (size_t i = 0; i < several(c, o)->n; i++) free(several(c, o)->items[i]);
    }
}

static const struct option *option_find(struct str key) {
    for (const struct option *o = options; o->key; o++)
        if (str_eqz(key, o->key)) return o;
    return NULL;
}

/* `keep`: a value that is there already stays (the file does not override a flag). `from` is "flag --hop-limit" or "busd.yaml:3:1". */
static bool set(struct config *c, struct str key, const char *value, bool keep, const char *from) {
    const struct option *o = option_find(key);
    if (!o) {
        struct fault fault;
        enum err err = settings_set(&c->settings, key, str_from(value), &fault);
        if (err == ERR_NOT_FOUND)
            fprintf(stderr, "busd: %s: there is no option '%.*s'; busd --help lists them\n", from, STR_ARG(key));
        else if (err)
            fprintf(stderr, "busd: %s: %s\n", from, fault.message);
        return !err;
    }
    char *copy = strdup(value);
    if (!copy) return false;
    if (o->list) {
        struct config_list *list = several(c, o);
        if (list->n == CONFIG_LIST_MAX) {
            fprintf(stderr, "busd: %s: more than %d values of %s\n", from, CONFIG_LIST_MAX, o->key);
            free(copy);
            return false;
        }
        list->items[list->n++] = copy;
        return true;
    }
    if (keep && *single(c, o)) {
        free(copy);
        return true;
    }
    free(*single(c, o));
    *single(c, o) = copy;
    return true;
}

/* ---- the file: one mapping of scalars, and of lists of scalars ----------------------------------------------------------------------- */
struct file {
    const char *name;
    yaml_parser_t parser;
    bool ok;
};

static bool complain(struct file *f, yaml_mark_t at, const char *what) {
    fprintf(stderr, "busd: %s:%zu:%zu: %s\n", f->name, at.line + 1, at.column + 1, what);
    return f->ok = false;
}

/* False when the text is no YAML: nothing can be read behind that. */
static bool next(struct file *f, yaml_event_t *event) {
    if (yaml_parser_parse(&f->parser, event)) return true;
    memset(event, 0, sizeof *event);
    return complain(f, f->parser.problem_mark, f->parser.problem ? f->parser.problem : "this is not YAML");
}

static void set_scalar(struct file *f, struct config *c, struct str key, const yaml_event_t *value) {
    char from[4200];
    snprintf(from, sizeof from, "%s:%zu:%zu", f->name, value->start_mark.line + 1, value->start_mark.column + 1);
    if (!set(c, key, (const char *)value->data.scalar.value, true, from)) f->ok = false;
}

/* The values of a list, or the rest of something that should not be there. */
static bool read_block(struct file *f, struct config *c, struct str key, bool wanted) {
    for (int depth = 1; depth > 0;) {
        yaml_event_t e;
        if (!next(f, &e)) return false;
        if (e.type == YAML_SCALAR_EVENT && wanted && depth == 1)
            set_scalar(f, c, key, &e);
        else if (e.type == YAML_SEQUENCE_START_EVENT || e.type == YAML_MAPPING_START_EVENT) {
            if (wanted) complain(f, e.start_mark, "expected a plain value");
            depth++;
        } else if (e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT)
            depth--;
        yaml_event_delete(&e);
    }
    return true;
}

static bool read_value(struct file *f, struct config *c, struct str key) {
    yaml_event_t e;
    if (!next(f, &e)) return false;
    bool go_on = true;
    const struct option *o = option_find(key);
    if (e.type == YAML_SCALAR_EVENT) {
        set_scalar(f, c, key, &e);
    } else if (e.type == YAML_SEQUENCE_START_EVENT) {
        bool wanted = o && o->list;
        if (!wanted)
            complain(f, e.start_mark, o ? "this key takes one value, not a list" : "there is no such option; busd --help lists them");
        go_on = read_block(f, c, key, wanted);
    } else if (e.type == YAML_MAPPING_START_EVENT) {
        complain(f, e.start_mark, "expected a value or a list, not a mapping");
        go_on = read_block(f, c, key, false);
    } else {
        complain(f, e.start_mark, "expected a value or a list");
    }
    yaml_event_delete(&e);
    return go_on;
}

static void read_document(struct file *f, struct config *c) {
    yaml_event_t e;
    bool in_mapping = false, over = false;
    while (!over && next(f, &e)) {
        if (e.type == YAML_STREAM_END_EVENT)
            over = true;
        else if (e.type == YAML_MAPPING_START_EVENT && !in_mapping)
            in_mapping = true;
        else if (e.type == YAML_MAPPING_END_EVENT)
            in_mapping = false;
        else if (in_mapping && e.type == YAML_SCALAR_EVENT) {
            struct str key = str_of((const char *)e.data.scalar.value, e.data.scalar.length);
            over = !read_value(f, c, key);
        } else if (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT || e.type == YAML_ALIAS_EVENT || in_mapping) {
            if (!(e.type == YAML_SCALAR_EVENT && !e.data.scalar.length)) { /* an empty file is fine */
                complain(f, e.start_mark, "expected a mapping of options, like `data: /var/lib/busd`");
                over = true;
            }
        }
        yaml_event_delete(&e);
    }
}

static bool read_file(struct config *c, const char *name) {
    FILE *in = fopen(name, "re");
    if (!in) {
        fprintf(stderr, "busd: %s: cannot open the configuration: %m\n", name);
        return false;
    }
    struct file f = {.name = name, .ok = true};
    if (yaml_parser_initialize(&f.parser)) {
        yaml_parser_set_input_file(&f.parser, in);
        read_document(&f, c);
        yaml_parser_delete(&f.parser);
    } else {
        f.ok = false;
    }
    fclose(in);
    return f.ok;
}

/* ---- flags
 * ------------------------------------------------------------------------------------------------------------------------------- */
static bool read_flags(struct config *c, int argc, char **argv) {
    bool ok = true;
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0) {
            c->help = true;
            continue;
        }
        if (strcmp(flag, "--version") == 0) {
            c->version = true;
            continue;
        }
        if (strcmp(flag, "--print-config") == 0) {
            c->print = true;
            continue;
        }
        if (strncmp(flag, "--", 2) != 0) {
            fprintf(stderr, "busd: '%s' is no flag; busd --help lists them\n", flag);
            ok = false;
            continue;
        }
        const char *equals = strchr(flag, '=');
        struct str key = equals ? str_of(flag + 2, (size_t)(equals - flag - 2)) : str_from(flag + 2);
        if (!equals && i + 1 == argc) {
            fprintf(stderr, "busd: %s needs a value; busd --help says which\n", flag);
            return false;
        }
        ok &= set(c, key, equals ? equals + 1 : argv[++i], false, flag);
    }
    return ok;
}

bool config_read(struct config *c, int argc, char **argv) {
    bool ok = read_flags(c, argc, argv);
    if (c->help || c->version || c->print || !c->config) return ok;
    /* The flags' settings win: read the file into a fresh copy, then the flags once more on top of it. */
    struct config file;
    config_init(&file);
    file.config = strdup(c->config);
    bool read = read_file(&file, c->config);
    free(file.config);
    file.config = NULL;
    ok &= read && read_flags(&file, argc, argv);
    struct config old = *c;
    *c = file;
    config_fini(&old);
    return ok;
}

void config_help(void) {
    printf(
        "busd: event bus and rules router\n\nusage: busd [OPTION VALUE]...\n\noptions (each is a key of the configuration file as well)\n");
    for (const struct option *o = options; o->key; o++)
        printf("  --%s %s\n        %s%s\n", o->key, o->arg, o->help, o->list ? " (may be repeated)" : "");
    printf("  --help, --version\n  --print-config\n        prints a configuration file with every key, commented out\n\nsettings\n");
    for (const struct setting_row *r = setting_rows; r->key; r++)
        printf("  --%s N\n        %s (%" PRId64 " to %" PRId64 ", default %" PRId64 ")\n", r->key, r->help, r->least, r->most, r->fallback);
    printf("\nWhen it serves, one line on stdout: ready http=ADDR:PORT listen=URL. SIGTERM and SIGINT drain and end it.\n"
           "Exit status: 0 ended as asked, 1 could not start or had to stop, 2 usage.\n");
}

/* "# text" in lines of at most 100 characters. */
static void print_comment(const char *text) {
    size_t column = 0;
    for (const char *word = text; *word;) {
        size_t n = strcspn(word, " ");
        if (column && column + 1 + n > 98) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf(column ? " %.*s" : "# %.*s", (int)n, word);
        word += n + (word[n] == ' ');
    }
    putchar('\n');
}

void config_print(void) {
    printf("# Configuration of busd: busd --config FILE. Each key is a flag as well (busd --help), and a flag wins.\n");
    for (const struct option *o = options; o->key; o++) {
        if (strcmp(o->key, "config") == 0) continue;
        putchar('\n');
        print_comment(o->help);
        printf(o->list ? "#%s:\n#  - %s\n" : "#%s: %s\n", o->key, o->arg);
    }
    printf("\n# Settings: the values are the defaults.\n");
    for (const struct setting_row *r = setting_rows; r->key; r++) {
        char help[400];
        snprintf(help, sizeof help, "%s (%" PRId64 " to %" PRId64 ")", r->help, r->least, r->most);
        putchar('\n');
        print_comment(help);
        printf("#%s: %" PRId64 "\n", r->key, r->fallback);
    }
}
