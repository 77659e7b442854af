#include "help.h"

#include <inttypes.h>

#include "catalog.h"
#include "name.h"

/* ---- types and limits --------------------------------------------------------------------------------------------------------- */

static void add_members(const struct shape *shape, struct buf *out) {
    enum { SHOWN = 3 };
    size_t i = 0;
    for (const struct member *m = shape->members; m->name; m++, i++) {
        if (i == SHOWN) {
            buf_addz(out, ",...");
            return;
        }
        buf_addf(out, "%s%s=...", i ? "," : "", m->name);
    }
}

void help_type(const struct shape *shape, struct buf *out) {
    switch (shape->type) {
    case SHAPE_STRING: buf_addz(out, shape->values ? "WORD" : "TEXT"); break;
    case SHAPE_BLOB: buf_addz(out, "BASE64"); break;
    case SHAPE_JSON: buf_addz(out, "JSON"); break;
    case SHAPE_INTEGER: buf_addz(out, "NUMBER"); break;
    case SHAPE_TIMESTAMP: buf_addz(out, "TIME"); break;
    case SHAPE_BOOLEAN: buf_addz(out, "true|false"); break;
    case SHAPE_STRUCT: add_members(shape, out); break;
    case SHAPE_MAP: buf_addz(out, "NAME=VALUE,..."); break;
    case SHAPE_LIST:
        help_type(shape->item, out);
        buf_addz(out, " ...");
        break;
    }
}

static const char *unit_of(const struct shape *shape) {
    switch (shape->type) {
    case SHAPE_STRING:
    case SHAPE_JSON: return " characters";
    case SHAPE_BLOB: return " bytes";
    case SHAPE_LIST:
    case SHAPE_MAP: return " items";
    default: return "";
    }
}

void help_limits(const struct shape *shape, struct buf *out) {
    size_t from = out->n;
    if (shape->has_min && shape->has_max)
        buf_addf(out, "%" PRId64 "-%" PRId64 "%s", shape->min, shape->max, unit_of(shape));
    else if (shape->has_min)
        buf_addf(out, "at least %" PRId64 "%s", shape->min, unit_of(shape));
    else if (shape->has_max)
        buf_addf(out, "at most %" PRId64 "%s", shape->max, unit_of(shape));
    if (shape->pattern) buf_addf(out, "%s%s", out->n > from ? ", " : "", shape->pattern);
    for (size_t i = 0; shape->values && shape->values[i]; i++)
        buf_addf(out, "%s%s", i ? " | " : out->n > from ? ", " : "", shape->values[i]);
}

static void print_buf(FILE *out, struct buf *text) {
    fprintf(out, "%.*s", (int)text->n, text->p ? text->p : "");
    buf_clear(text);
}

/* ---- one verb ----------------------------------------------------------------------------------------------------------------- */

static void print_synopsis(const struct operation *o, const struct extra *extras, FILE *out) {
    char verb[NAME_SIZE], flag[NAME_SIZE];
    struct buf text;
    buf_init(&text, 0);
    name_kebab(o->name, verb);
    fprintf(out, "busctl %s%s%s", strcmp(o->service, "events") ? o->service : "", strcmp(o->service, "events") ? " " : "", verb);
    for (const struct member *m = o->in->members; m->name; m++) {
        bool is_switch = m->shape->type == SHAPE_BOOLEAN;
        name_flag(o, m, flag);
        if (!is_switch) help_type(m->shape, &text);
        fprintf(out, "\n    %s--%s%s", m->required ? "" : "[", flag, is_switch ? "" : " ");
        print_buf(out, &text);
        fprintf(out, "%s", m->required ? "" : "]");
    }
    for (const struct extra *e = extras; e && e->name; e++)
        fprintf(out, "\n    [--%s%s%s]", e->name, e->value ? " " : "", e->value ? e->value : "");
    fprintf(out, "\n    [--cli-input-json JSON]\n");
    buf_fini(&text);
}

static void print_extras(const struct extra *extras, FILE *out) {
    for (const struct extra *e = extras; e && e->name; e++)
        fprintf(out, "  --%s%s%s\n      %s\n", e->name, e->value ? " " : "", e->value ? e->value : "", e->doc);
}

static void print_flags(const struct operation *o, const struct extra *extras, FILE *out) {
    char flag[NAME_SIZE];
    struct buf limits;
    buf_init(&limits, 0);
    for (const struct member *m = o->in->members; m->name; m++) {
        name_flag(o, m, flag);
        help_limits(m->shape, &limits);
        fprintf(out, "  --%s%s%s\n      %s", m->shape->type == SHAPE_BOOLEAN ? "[no-]" : "", flag, m->required ? "  (required)" : "",
                m->doc ? m->doc : "");
        if (limits.n) fprintf(out, " (");
        bool limited = limits.n > 0;
        print_buf(out, &limits);
        fprintf(out, "%s\n", limited ? ")" : "");
    }
    print_extras(extras, out);
    fprintf(out, "  --cli-input-json\n      the whole request as JSON; flags win over its members\n");
    buf_fini(&limits);
}

/* Visits every structure inside a shape once, outermost first. */
enum { STRUCTURES_MOST = 64 };
static void collect(const struct shape *shape, const struct shape **seen, size_t *count) {
    if (shape->type == SHAPE_LIST || shape->type == SHAPE_MAP) {
        collect(shape->item, seen, count);
        return;
    }
    if (shape->type != SHAPE_STRUCT || *count == STRUCTURES_MOST) return;
    for (size_t i = 0; i < *count; i++)
        if (seen[i] == shape) return;
    seen[(*count)++] = shape;
    for (const struct member *m = shape->members; m->name; m++) collect(m->shape, seen, count);
}

static void print_structures(const struct shape *in, FILE *out) {
    const struct shape *seen[STRUCTURES_MOST];
    size_t count = 0;
    struct buf text;
    collect(in, seen, &count);
    buf_init(&text, 0);
    for (size_t i = 1; i < count; i++) { /* the first is the request */
        fprintf(out, "%s\n  %s: shorthand Name=value,... or JSON\n", i == 1 ? "\nStructures:" : "",
                seen[i]->name ? seen[i]->name : "structure");
        for (const struct member *m = seen[i]->members; m->name; m++) {
            help_type(m->shape, &text);
            if (m->required) buf_addz(&text, "  (required)");
            if (m->doc) buf_addf(&text, "  %s", m->doc);
            fprintf(out, "    %s  ", m->name);
            print_buf(out, &text);
            fputc('\n', out);
        }
    }
    buf_fini(&text);
}

void help_verb(const struct operation *o, const struct extra *extras, FILE *out) {
    fprintf(out, "%s\n\n", o->help);
    print_synopsis(o, extras, out);
    fprintf(out, "\nFlags (a value may be file://PATH):\n");
    print_flags(o, extras, out);
    print_structures(o->in, out);
    if (o->example) fprintf(out, "\nExample:\n  %s\n", o->example);
}

void help_local(const struct local *l, FILE *out) {
    fprintf(out, "%s\n\nbusctl %s %s\n", l->help, l->name, l->usage);
    if (l->flags) fprintf(out, "\nFlags:\n");
    print_extras(l->flags, out);
    if (l->example) fprintf(out, "\nExample:\n  %s\n", l->example);
}

/* ---- services and the whole --------------------------------------------------------------------------------------------------- */

static void print_verbs(const struct operation *table, FILE *out) {
    char verb[NAME_SIZE];
    for (const struct operation *o = table; o->name; o++) {
        name_kebab(o->name, verb);
        fprintf(out, "  %-34s %s\n", verb, o->help);
    }
}

/* Is it a second table of the service before it? */
static bool continues(const struct operation *const *tables, size_t t) {
    return t > 0 && tables[t]->name && tables[t - 1]->name && !strcmp(tables[t - 1]->service, tables[t]->service);
}

void help_service(const char *service, FILE *out) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    fprintf(out, "busctl [flags] %s VERB [flags]; busctl %s VERB --help tells about one\n\n", service, service);
    for (size_t t = 0; t < count; t++)
        if (tables[t]->name && !strcmp(tables[t]->service, service)) print_verbs(tables[t], out);
}

void help_whole(FILE *out) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    fprintf(out,
            "busctl %s: asks the event bus daemon, with the AWS CLI's verbs and flags.\n\n"
            "busctl [flags] [SERVICE] VERB [flags]; busctl VERB --help tells about one\n\nFlags:\n",
            bus_version());
    for (const struct extra *g = globals_flags; g->name; g++) {
        char name[64];
        snprintf(name, sizeof name, "--%s %s", g->name, g->value ? g->value : "");
        fprintf(out, "  %-24s %s\n", name, g->doc);
    }
    for (size_t t = 0; t < count; t++) {
        if (!tables[t]->name) continue;
        if (!continues(tables, t)) fprintf(out, "\n%s:\n", tables[t]->service);
        print_verbs(tables[t], out);
    }
    fprintf(out, "\nof busctl itself:\n");
    for (const struct local *l = verb_locals; l->name; l++) fprintf(out, "  %-34s %s\n", l->name, l->help);
    fprintf(out, "\nExit codes: 0 done, 1 the answer is no, 2 usage, 3 refused by the bus, 4 unreachable.\n"
                 "Start: busctl --data DIR list-event-buses, where DIR is the daemon's data directory.\n");
}

/* ---- reference ---------------------------------------------------------------------------------------------------------------- */

/* A cell of a Markdown table: no bars, no line ends. */
static void print_cell(FILE *out, struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|')
            fputs("\\|", out);
        else
            fputc(text.p[i] == '\n' ? ' ' : text.p[i], out);
    }
}

static void print_member_row(const struct operation *o, const struct member *m, bool flags, FILE *out) {
    char flag[NAME_SIZE];
    struct buf type, limits;
    buf_init(&type, 0);
    buf_init(&limits, 0);
    name_flag(o, m, flag);
    help_type(m->shape, &type);
    help_limits(m->shape, &limits);
    fprintf(out, "| `%s%s` | %s%s", flags ? "--" : "", flags ? flag : m->name, flags && m->required ? "required. " : "",
            m->doc ? m->doc : "");
    fputs(" | ", out);
    print_cell(out, buf_str(&type));
    fputs(" | ", out);
    if (limits.n) fputc('`', out);
    print_cell(out, buf_str(&limits));
    fprintf(out, "%s |\n", limits.n ? "`" : "");
    buf_fini(&type);
    buf_fini(&limits);
}

static const char *access_text(enum operation_access access) {
    switch (access) {
    case ACCESS_READ: return "reads";
    case ACCESS_WRITE: return "changes state";
    case ACCESS_DATA: return "puts or takes data";
    case ACCESS_OPERATOR: return "for operator keys only";
    }
    return "";
}

static void print_extra_rows(const struct extra *extras, FILE *out) {
    for (const struct extra *e = extras; e && e->name; e++) {
        fprintf(out, "| `--%s` | %s | ", e->name, e->doc);
        print_cell(out, str_from(e->value ? e->value : ""));
        fprintf(out, " | |\n");
    }
}

static void print_operation(const struct operation *o, FILE *out) {
    char verb[NAME_SIZE];
    const struct special *special = verb_special(o);
    name_kebab(o->name, verb);
    fprintf(out, "\n### %s\n\n%s Operation `%s.%s`; %s", verb, o->help, o->service, o->name, access_text(o->access));
    if (o->action) fprintf(out, "; policy action `%s`", o->action);
    fprintf(out, ".\n");
    if (o->in->members[0].name) fprintf(out, "\n| flag | meaning | value | limits |\n|---|---|---|---|\n");
    for (const struct member *m = o->in->members; m->name; m++) print_member_row(o, m, true, out);
    print_extra_rows(special ? special->extras : NULL, out);
    if (o->out && o->out->members[0].name) fprintf(out, "\n| answer | meaning | value | limits |\n|---|---|---|---|\n");
    for (const struct member *m = o->out ? o->out->members : NULL; m && m->name; m++) print_member_row(o, m, false, out);
    if (o->example) fprintf(out, "\n```\n%s\n```\n", o->example);
}

void help_reference(FILE *out) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    fprintf(out, "# Reference of operations\n\nMade by `busctl reference` from the tables that the daemon itself validates with. Every "
                 "flag may be given as\n"
                 "`--flag VALUE` or `--flag=VALUE`; a value may be `file://PATH`; `--cli-input-json` takes a whole request.\n");
    for (size_t t = 0; t < count; t++) {
        if (!tables[t]->name) continue;
        if (!continues(tables, t)) fprintf(out, "\n## %s\n", tables[t]->service);
        for (const struct operation *o = tables[t]; o->name; o++) print_operation(o, out);
    }
    fprintf(out, "\n## Of busctl itself\n");
    for (const struct local *l = verb_locals; l->name; l++) {
        fprintf(out, "\n### %s\n\n%s\n\n```\nbusctl %s %s\n```\n", l->name, l->help, l->name, l->usage);
        if (l->flags) fprintf(out, "\n| flag | meaning | value | |\n|---|---|---|---|\n");
        print_extra_rows(l->flags, out);
    }
}

enum exit_code reference_run(struct session *s, int argc, char **argv) {
    if (argc > 0) {
        fprintf(s->err, "busctl: reference: '%s' is one word too many\n", argv[0]);
        return EXIT_CODE_USAGE;
    }
    help_reference(s->out);
    return EXIT_CODE_DONE;
}
