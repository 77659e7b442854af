#include "manual.h"

#include "bus.h"
#include "catalog.h"
#include "help.h"
#include "name.h"
#include "traffic.h"

/* ---- roff ----------------------------------------------------------------------------------------------------------------------------- */
/* Text as it stands: no escapes, no requests at the beginning of a line, hyphens that can be copied. */
static void text(FILE *out, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        bool first = !i || s.p[i - 1] == '\n';
        switch (s.p[i]) {
        case '\\': fputs("\\e", out); break;
        case '-': fputs("\\-", out); break;
        case '\'': fputs(first ? "\\&\\(aq" : "\\(aq", out); break;
        case '.':
            if (first) fputs("\\&", out);
            fputc('.', out);
            break;
        case ',':
        case '|':
        case '+': fprintf(out, "%c%s", s.p[i], i + 1 < s.n && s.p[i + 1] != ' ' ? "\\:" : ""); break; /* long values may be broken here */
        default: fputc(s.p[i], out);
        }
    }
}
static void textz(FILE *out, const char *s) { text(out, str_from(s ? s : "")); }

static void bold(FILE *out, const char *s) {
    fputs("\\fB", out);
    textz(out, s);
    fputs("\\fR", out);
}

static void header(FILE *out, const char *name, const char *says) {
    fprintf(out, ".TH \"%s\" 1 \"\" \"busd ", name);
    textz(out, bus_version());
    fprintf(out, "\" \"busd\"\n.nh\n.ad l\n.SH NAME\n");
    textz(out, name);
    fprintf(out, " \\- %s\n", says);
}

static void section(FILE *out, const char *title) { fprintf(out, ".SH %s\n", title); }

/* ---- operations ------------------------------------------------------------------------------------------------------------------------- */
static void buf_text(FILE *out, struct buf *b) {
    text(out, buf_str(b));
    buf_clear(b);
}

static void member(FILE *out, const char *name, const struct member *m, bool required) {
    struct buf b;
    buf_init(&b, 0);
    fprintf(out, ".TP\n");
    bold(out, name);
    fputc(' ', out);
    if (m->shape->type != SHAPE_BOOLEAN || name[0] != '-') {
        help_type(m->shape, &b);
        fputs("\\fI", out);
        buf_text(out, &b);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    if (required) fputs("Required. ", out);
    textz(out, m->doc);
    help_limits(m->shape, &b);
    if (b.n) {
        fputs(" (", out);
        buf_text(out, &b);
        fputc(')', out);
    }
    fputc('\n', out);
    buf_fini(&b);
}

static void extras(FILE *out, const struct extra *e) {
    for (; e && e->name; e++) {
        fprintf(out, ".TP\n");
        fputs("\\fB\\-\\-", out);
        textz(out, e->name);
        fputs("\\fR ", out);
        if (e->value) {
            fputs("\\fI", out);
            textz(out, e->value);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        textz(out, e->doc);
        fputc('\n', out);
    }
}

static void operation(FILE *out, const struct operation *o) {
    char verb[NAME_SIZE], flag[NAME_SIZE], spelled[NAME_SIZE + 2];
    const struct special *special = verb_special(o);
    name_kebab(o->name, verb);
    fprintf(out, ".SS ");
    textz(out, verb);
    fputc('\n', out);
    textz(out, o->help);
    fputs(" Operation ", out);
    textz(out, o->service);
    fputc('.', out);
    textz(out, o->name);
    fprintf(out, "; %s", help_access(o->access));
    if (o->action) {
        fputs("; policy action ", out);
        textz(out, o->action);
    }
    fputs(".\n", out);
    for (const struct member *m = o->in->members; m->name; m++) {
        name_flag(o, m, flag);
        snprintf(spelled, sizeof spelled, "--%s", flag);
        member(out, spelled, m, m->required);
    }
    extras(out, special ? special->extras : NULL);
    if (o->out && o->out->members[0].name) fprintf(out, ".PP\nThe answer:\n");
    for (const struct member *m = o->out ? o->out->members : NULL; m && m->name; m++) member(out, m->name, m, false);
    if (!o->example) return;
    fprintf(out, ".PP\n.nf\n.RS\n");
    textz(out, o->example);
    fprintf(out, "\n.RE\n.fi\n");
}

/* ---- structures ------------------------------------------------------------------------------------------------------------------------- */
enum { STRUCTURES_MOST = 256 };
struct structures {
    const struct shape *seen[STRUCTURES_MOST];
    size_t count;
};

/* Those inside of `shape`, outermost first, each once. */
static void collect(const struct shape *shape, bool itself, struct structures *all) {
    while (shape->type == SHAPE_LIST || shape->type == SHAPE_MAP) shape = shape->item;
    if (shape->type != SHAPE_STRUCT) return;
    if (itself) {
        for (size_t i = 0; i < all->count; i++)
            if (all->seen[i] == shape) return;
        if (all->count == STRUCTURES_MOST) return;
        all->seen[all->count++] = shape;
    }
    for (const struct member *m = shape->members; m->name; m++) collect(m->shape, true, all);
}

static void structures(FILE *out, const struct structures *all) {
    if (all->count) section(out, "STRUCTURES");
    for (size_t i = 0; i < all->count; i++) {
        fprintf(out, ".SS ");
        textz(out, all->seen[i]->name);
        fputc('\n', out);
        for (const struct member *m = all->seen[i]->members; m->name; m++) member(out, m->name, m, m->required);
    }
}

/* ---- pages -------------------------------------------------------------------------------------------------------------------------------- */
void manual_service(const char *service, FILE *out) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    struct structures all = {.count = 0};
    char name[64], says[128];
    snprintf(name, sizeof name, "eventbusctl-%s", service);
    snprintf(says, sizeof says, "operations of the service %s", service);
    header(out, name, says);
    section(out, "SYNOPSIS");
    fprintf(out, "\\fBeventbusctl\\fR [\\fIflags\\fR] [\\fB%s\\fR] \\fIverb\\fR [\\fIflags\\fR]\n", service);
    section(out, "OPERATIONS");
    fprintf(out, "A value may be file://\\fIPATH\\fR; structures are JSON, or Name=value,... with the members below; \\fB\\-\\-cli\\-input\\-json\\fR takes a "
                 "whole request. The daemon validates with the table that this page is made from.\n");
    for (size_t t = 0; t < count; t++)
        for (const struct operation *o = tables[t]; o->name && !strcmp(o->service, service); o++) {
            operation(out, o);
            collect(o->in, false, &all);
            if (o->out) collect(o->out, false, &all);
        }
    structures(out, &all);
    section(out, "SEE ALSO");
    fprintf(out, "\\fBeventbusctl\\fR(1)\n");
}

/* The first table of each service. */
static bool opens(const struct operation *const *tables, size_t t) {
    for (size_t i = 0; i < t; i++)
        if (tables[i]->name && !strcmp(tables[i]->service, tables[t]->service)) return false;
    return tables[t]->name;
}

void manual_command(FILE *out) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    header(out, "eventbusctl", "asks the event bus daemon, with the AWS CLI's verbs and flags");
    section(out, "SYNOPSIS");
    fprintf(out, "\\fBeventbusctl\\fR [\\fIflags\\fR] [\\fIservice\\fR] \\fIverb\\fR [\\fIflags\\fR]\n");
    section(out, "FLAGS");
    extras(out, globals_flags);
    section(out, "VERBS OF ITS OWN");
    for (const struct local *l = verb_locals; l->name; l++) {
        fprintf(out, ".SS ");
        textz(out, l->name);
        fputc('\n', out);
        textz(out, l->help);
        fputc('\n', out);
        extras(out, l->flags);
        if (!l->example) continue;
        fprintf(out, ".PP\n.nf\n.RS\n");
        textz(out, l->example);
        fprintf(out, "\n.RE\n.fi\n");
    }
    section(out, "EXIT STATUS");
    fprintf(out, "0 done, 1 the answer is no, 2 usage, 3 refused by the bus, 4 unreachable.\n");
    section(out, "SEE ALSO");
    bool first = true;
    for (size_t t = 0; t < count; t++) {
        if (!opens(tables, t)) continue;
        fprintf(out, "%s\\fBeventbusctl\\-%s\\fR(1)", first ? "" : ",\n", tables[t]->service);
        first = false;
    }
    fputc('\n', out);
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------------------- */
const struct extra reference_flags[] = {
    {"format", "markdown|man|fields", "Markdown of everything (default); a manual page; or a line for each operation and each field of its shapes"},
    {"service", "NAME", "man: of this service (default: of the command)"},
    {NULL, NULL, NULL},
};
enum { FORMAT, SERVICE };

static void print_line(void *ctx, struct str line) { fprintf(ctx, "%.*s\n", STR_ARG(line)); }

static void print_fields(FILE *out) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    for (size_t t = 0; t < count; t++)
        for (const struct operation *o = tables[t]; o->name; o++) traffic_each(o, print_line, out);
}

enum exit_code reference_run(struct session *s, int argc, char **argv) {
    struct flags flags;
    struct fault fault;
    if (flags_parse(NULL, reference_flags, &s->globals, argc, argv, &flags, &fault)) return session_usage(s, &fault);
    struct str format = str_from(flags.extra[FORMAT] ? flags.extra[FORMAT] : "markdown");
    const char *service = flags.extra[SERVICE];
    enum exit_code code = EXIT_CODE_DONE;
    if (service && (!verb_is_service(service) || !str_eqz(format, "man"))) {
        fprintf(s->err, "busctl: reference: --service is one of the services (events, sqs, ...), and for --format man\n");
        code = EXIT_CODE_USAGE;
    } else if (str_eqz(format, "man") && service) {
        manual_service(service, s->out);
    } else if (str_eqz(format, "man")) {
        manual_command(s->out);
    } else if (str_eqz(format, "fields")) {
        print_fields(s->out);
    } else if (str_eqz(format, "markdown")) {
        help_reference(s->out);
    } else {
        fprintf(s->err, "busctl: reference: --format is markdown, man or fields, not '%.*s'\n", STR_ARG(format));
        code = EXIT_CODE_USAGE;
    }
    flags_fini(&flags);
    return code;
}
