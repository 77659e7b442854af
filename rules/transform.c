#include "transform.h"

#include <stdlib.h>

#include "clock.h"
#include "cloudevent.h"
#include "json.h"
#include "path.h"

enum { PATHS_MAX = 100, PIECES_MAX = 2000 };

enum reserved { NOT_RESERVED, RULE_ARN, RULE_NAME, INGESTION_TIME, EVENT, EVENT_JSON };
static const struct {
    const char *name;
    enum reserved reserved;
} reserved_names[] = {{"aws.events.rule-arn", RULE_ARN},
                      {"aws.events.rule-name", RULE_NAME},
                      {"aws.events.event.ingestion-time", INGESTION_TIME},
                      {"aws.events.event", EVENT},
                      {"aws.events.event.json", EVENT_JSON}};

/* A template is a list of pieces: literal text, or a placeholder. */
struct piece {
    struct str text; /* literal */
    enum reserved reserved;
    const struct path *path;  /* placeholder of InputPathsMap */
    bool placeholder, quoted; /* quoted: it stands inside a JSON string of the template */
};

struct transform {
    struct arena arena;
    struct str constant; /* Input, minified */
    bool cloud_event;
    struct path *input_path;
    struct path *paths[PATHS_MAX];
    struct str names[PATHS_MAX];
    size_t path_count;
    struct piece *pieces;
    size_t piece_count;
};

/* ---- compiling ------------------------------------------------------------------------------------------------------------------------
 */
static bool name_is_valid(struct str name) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return false;
    }
    return name.n > 0;
}

static enum err add_paths(struct transform *t, const struct transform_spec *spec, struct fault *fault) {
    if (spec->path_count > PATHS_MAX)
        return fault_set(fault, ERR_VALIDATION, "InputPathsMap of target %.*s has more than %d keys.", STR_ARG(spec->target_id), PATHS_MAX);
    for (size_t i = 0; i < spec->path_count; i++) {
        struct str name = spec->paths[i].name;
        if (!name_is_valid(name) || str_starts(name, STR("AWS")))
            return fault_set(fault, ERR_VALIDATION,
                             "InputPathsMap of target %.*s has the key '%.*s': letters, digits, '_' and '-' are allowed, and AWS "
                             "cannot be its beginning.",
                             STR_ARG(spec->target_id), STR_ARG(name));
        struct fault why;
        enum err err = path_parse(spec->paths[i].path, &t->paths[i], &why);
        if (err)
            return fault_set(fault, err, "InputPathsMap of target %.*s, key %.*s: %s.", STR_ARG(spec->target_id), STR_ARG(name),
                             why.message);
        t->path_count++;
        if (!(t->names[i] = arena_str(&t->arena, name)).p) return fault_set(fault, ERR_NOMEM, NULL);
    }
    return ERR_OK;
}

static bool find_placeholder(const struct transform *t, struct str name, struct piece *piece) {
    for (size_t i = 0; i < sizeof reserved_names / sizeof reserved_names[0]; i++)
        if (str_eqz(name, reserved_names[i].name)) {
            piece->reserved = reserved_names[i].reserved;
            return true;
        }
    for (size_t i = 0; i < t->path_count; i++)
        if (str_eq(name, t->names[i])) {
            piece->path = t->paths[i];
            return true;
        }
    return false;
}

/* The name between < and >, when what stands there looks like a placeholder: "a < b" and "<>" are text. */
static struct str placeholder_at(struct str text, size_t at) {
    size_t close = str_find(text, '>', at);
    struct str name = str_of(text.p + at + 1, close == text.n ? 0 : close - at - 1);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return STR_NULL;
    }
    return name.n ? name : STR_NULL;
}

static enum err add_piece(struct transform *t, struct piece piece, struct fault *fault) {
    if (!piece.placeholder && !piece.text.n) return ERR_OK;
    if (t->piece_count == PIECES_MAX) return fault_set(fault, ERR_VALIDATION, "The InputTemplate has more than %d parts.", PIECES_MAX / 2);
    t->pieces[t->piece_count++] = piece;
    return ERR_OK;
}

static enum err cut_template(struct transform *t, struct str text, struct str target_id, struct fault *fault) {
    bool quoted = false;
    size_t from = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < text.n && !err; i++) {
        if (text.p[i] == '\\' && quoted) {
            i++;
        } else if (text.p[i] == '"') {
            quoted = !quoted;
        } else if (text.p[i] == '<') {
            struct str name = placeholder_at(text, i);
            struct piece piece = {.placeholder = true, .quoted = quoted};
            if (!name.p) continue;
            if (!find_placeholder(t, name, &piece))
                return fault_set(fault, ERR_VALIDATION, "InputTemplate for target %.*s contains invalid placeholder %.*s.",
                                 STR_ARG(target_id), STR_ARG(name));
            err = add_piece(t, (struct piece){.text = str_of(text.p + from, i - from)}, fault);
            if (!err) err = add_piece(t, piece, fault);
            i += name.n + 1;
            from = i + 1;
        }
    }
    return err ? err : add_piece(t, (struct piece){.text = str_skip(text, from)}, fault);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
static struct str trim(struct str s) {
    while (s.n && is_blank(s.p[0])) s = str_skip(s, 1);
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

static enum err compile_template(struct transform *t, const struct transform_spec *spec, struct fault *fault) {
    enum err err = add_paths(t, spec, fault);
    if (err) return err;
    struct str text = arena_str(&t->arena, trim(spec->template));
    t->pieces = arena_array(&t->arena, PIECES_MAX < text.n + 2 ? PIECES_MAX : text.n + 2, sizeof *t->pieces);
    if (!text.p || !t->pieces) return fault_set(fault, ERR_NOMEM, NULL);
    return cut_template(t, text, spec->target_id, fault);
}

static enum err compile_constant(struct transform *t, struct str input, struct str target_id, struct fault *fault) {
    struct arena a;
    struct node *root;
    struct buf out;
    struct fault why;
    arena_init(&a, 0);
    buf_init(&out, 0);
    enum err err = doc_parse(&a, input, &root, &why);
    if (err == ERR_SYNTAX)
        fault_set(fault, ERR_VALIDATION, "Input for target %.*s is not valid JSON: line %d, column %d: %s", STR_ARG(target_id), why.line,
                  why.column, why.message);
    if (!err) {
        doc_minify(&out, root);
        t->constant = arena_str(&t->arena, buf_str(&out));
        if (out.failed || !t->constant.p) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    buf_fini(&out);
    arena_fini(&a);
    return err == ERR_SYNTAX ? ERR_VALIDATION : err;
}

enum err transform_new(const struct transform_spec *spec, struct transform **out, struct fault *fault) {
    *out = NULL;
    int given = (spec->input.p != NULL) + (spec->input_path.p != NULL) + (spec->template.p != NULL);
    if (given && spec->cloud_events.p)
        return fault_set(fault, ERR_VALIDATION, "Only one of Input, InputPath, InputTransformer, or CloudEvents must be provided for target %.*s.",
                         STR_ARG(spec->target_id));
    if (spec->cloud_events.p && !str_eqz(spec->cloud_events, "structured"))
        return fault_set(fault, ERR_VALIDATION, "CloudEvents of target %.*s must be 'structured'.", STR_ARG(spec->target_id));
    if (given > 1)
        return fault_set(fault, ERR_VALIDATION, "Only one of Input, InputPath, or InputTransformer must be provided for target %.*s.",
                         STR_ARG(spec->target_id));
    if (!given && !spec->cloud_events.p) return ERR_OK;
    struct transform *t = calloc(1, sizeof *t);
    if (!t) return fault_set(fault, ERR_NOMEM, NULL);
    arena_init(&t->arena, 0);
    struct fault why;
    enum err err = ERR_OK;
    t->cloud_event = spec->cloud_events.p != NULL;
    if (t->cloud_event)
        err = ERR_OK;
    else if (spec->template.p)
        err = compile_template(t, spec, fault);
    else if (spec->input.p)
        err = compile_constant(t, spec->input, spec->target_id, fault);
    else if ((err = path_parse(spec->input_path, &t->input_path, &why)))
        fault_set(fault, err, "Parameter InputPath of target %.*s is not valid. Reason: %s.", STR_ARG(spec->target_id), why.message);
    if (err)
        transform_free(t);
    else
        *out = t;
    return err;
}

void transform_free(struct transform *t) {
    if (!t) return;
    path_free(t->input_path);
    for (size_t i = 0; i < t->path_count; i++) path_free(t->paths[i]);
    arena_fini(&t->arena);
    free(t);
}

/* ---- applying
 * ----------------------------------------------------------------------------------------------------------------------------- */
/* The event without its detail, detail-type named detailType. */
static void write_head(struct buf *out, const struct node *root) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    for (const struct node *n = root->child; n; n = n->next) {
        if (str_eqz(n->key, "detail")) continue;
        json_key(&j, str_eqz(n->key, "detail-type") ? STR("detailType") : n->key);
        doc_minify(out, n);
        j.comma = true;
    }
    json_object_end(&j);
}

/* Text inside a JSON string of the template: escaped for it, without quotes of its own. */
static void write_escaped(struct buf *out, struct str text) {
    struct buf quoted;
    buf_init(&quoted, 0);
    json_quote(&quoted, text);
    if (quoted.failed)
        out->failed = true;
    else
        buf_add(out, str_of(quoted.p + 1, quoted.n - 2));
    buf_fini(&quoted);
}

/* A value as text: strings bare, objects and lists without any quotes, other scalars as JSON. */
static void write_bare(struct buf *out, const struct node *n) {
    if (!n) return;
    if (n->kind == NODE_STRING) {
        write_escaped(out, n->text);
        return;
    }
    if (n->kind != NODE_OBJECT && n->kind != NODE_ARRAY) {
        doc_minify(out, n);
        return;
    }
    buf_addc(out, n->kind == NODE_OBJECT ? '{' : '[');
    for (const struct node *c = n->child; c; c = c->next) {
        if (c != n->child) buf_addc(out, ',');
        if (n->kind == NODE_OBJECT) {
            write_escaped(out, c->key);
            buf_addc(out, ':');
        }
        write_bare(out, c);
    }
    buf_addc(out, n->kind == NODE_OBJECT ? '}' : ']');
}

static void write_text(struct buf *out, struct str text, bool quoted) {
    if (quoted)
        write_escaped(out, text);
    else
        json_quote(out, text);
}

/* The whole event or its head: JSON where it stands unquoted, without its quotes inside a string. */
static enum err write_json(struct buf *out, struct str json, bool quoted, struct arena *a) {
    struct node *root;
    if (!quoted) {
        buf_add(out, json);
        return ERR_OK;
    }
    enum err err = doc_parse(a, json, &root, NULL);
    if (!err) write_bare(out, root);
    return err;
}

static enum err write_reserved(struct buf *out, const struct piece *piece, const struct transform_event *ev, struct arena *a) {
    char time[CLOCK_ISO_SIZE];
    struct buf head;
    enum err err = ERR_OK;
    switch (piece->reserved) {
    case RULE_ARN: write_text(out, ev->rule_arn, piece->quoted); break;
    case RULE_NAME: write_text(out, ev->rule_name, piece->quoted); break;
    case INGESTION_TIME:
        clock_iso(ev->ingestion_ms, time);
        write_text(out, str_from(time), piece->quoted);
        break;
    case EVENT:
        buf_init(&head, 0);
        write_head(&head, ev->root);
        err = head.failed ? ERR_NOMEM : write_json(out, arena_str(a, buf_str(&head)), piece->quoted, a);
        buf_fini(&head);
        break;
    case EVENT_JSON: err = write_json(out, ev->json, piece->quoted, a); break;
    case NOT_RESERVED: break;
    }
    return err;
}

static enum err fill(const struct transform *t, const struct transform_event *ev, struct arena *a, struct buf *out) {
    enum err err = ERR_OK;
    for (size_t i = 0; i < t->piece_count && !err; i++) {
        const struct piece *piece = &t->pieces[i];
        if (!piece->placeholder) {
            buf_add(out, piece->text);
        } else if (piece->reserved) {
            err = write_reserved(out, piece, ev, a);
        } else {
            const struct node *n = path_eval(piece->path, ev->root, a);
            if (piece->quoted)
                write_bare(out, n);
            else if (n)
                doc_minify(out, n);
            else
                buf_addz(out, "\"\"");
        }
    }
    return out->failed ? ERR_NOMEM : err;
}

static enum err to_json(struct str text, struct arena *a, struct str *out, struct fault *fault) {
    struct node *root;
    struct fault why;
    struct buf small;
    enum err err = doc_parse(a, text, &root, &why);
    if (err == ERR_SYNTAX)
        return fault_set(fault, ERR_VALIDATION, "The InputTemplate's result is not JSON: line %d, column %d: %s", why.line, why.column,
                         why.message);
    if (err) return fault_set(fault, err, NULL);
    buf_init(&small, 0);
    doc_minify(&small, root);
    *out = small.failed ? STR_NULL : arena_str(a, buf_str(&small));
    buf_fini(&small);
    return out->p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err transform_apply(const struct transform *t, const struct transform_event *ev, struct arena *a, struct str *out,
                         struct fault *fault) {
    struct buf text;
    enum err err = ERR_OK;
    if (t->constant.p) {
        *out = arena_str(a, t->constant); /* the transform may go before its output does */
        return out->p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    }
    buf_init(&text, 0);
    if (t->cloud_event) {
        *out = cloudevent_write(ev->root, &text) ? arena_str(a, buf_str(&text)) : STR_NULL;
        if (!out->p) err = fault_set(fault, ERR_NOMEM, NULL);
    } else if (t->input_path) {
        const struct node *n = path_eval(t->input_path, ev->root, a);
        if (n == ev->root)
            buf_add(&text, ev->json);
        else if (n)
            doc_minify(&text, n);
        else
            buf_addz(&text, "{}"); /* the service sends an empty object for what is not there */
        *out = text.failed ? STR_NULL : arena_str(a, buf_str(&text));
        if (!out->p) err = fault_set(fault, ERR_NOMEM, NULL);
    } else {
        err = fill(t, ev, a, &text);
        if (err)
            err = fault_set(fault, err, NULL);
        else {
            struct str whole = arena_str(a, buf_str(&text));
            err = whole.p ? to_json(whole, a, out, fault) : fault_set(fault, ERR_NOMEM, NULL);
        }
    }
    buf_fini(&text);
    return err;
}
