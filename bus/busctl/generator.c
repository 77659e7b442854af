#include "generator.h"

#include "name.h"
#include "placeholder.h"

struct part {
    struct str literal;         /* comes first */
    struct placeholder *holder; /* then this; NULL: nothing */
};
struct generator {
    struct dice dice;
    struct part *parts;
    size_t count;
};

/* ---- compiling ------------------------------------------------------------------------------------------------------------------ */
struct reading {
    struct str text;
    size_t at;
    struct arena *arena;
    struct fault *fault;
    struct part *parts;
    size_t count, room;
};

static enum err at_position(const struct reading *r, size_t at, const char *sentence) {
    int line = 1, column = 1;
    for (size_t i = 0; i < at && i < r->text.n; i++) {
        column = r->text.p[i] == '\n' ? 1 : column + 1;
        line += r->text.p[i] == '\n';
    }
    return fault_at(r->fault, ERR_SYNTAX, "template", line, column, "%s", sentence);
}

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_'; }

static void skip_blanks(struct reading *r) {
    while (r->at < r->text.n && strchr(" \t\r\n", r->text.p[r->at])) r->at++;
}

static const struct placeholder_kind *kind_of(struct str name) {
    for (const struct placeholder_kind *k = placeholder_kinds; k->known.name; k++)
        if (str_eqz(name, k->known.name)) return k;
    return NULL;
}

static enum err unknown(const struct reading *r, struct str name, size_t at) {
    struct name_guess guess = {.written = name};
    char hint[160], sentence[400];
    for (const struct placeholder_kind *k = placeholder_kinds; k->known.name; k++) name_offer(&guess, k->known.name);
    snprintf(sentence, sizeof sentence, "there is no placeholder '%.*s'%s", (int)(name.n < 80 ? name.n : 80), name.p,
             name_did_you_mean(&guess, "", hint, sizeof hint));
    return at_position(r, at, sentence);
}

/* Where the bracket opened at `at` closes: strings and inner brackets are passed over. text.n: it does not. */
static size_t closing(struct str text, size_t at) {
    enum { DEPTH_MOST = 64 };
    static const char brackets[] = "()[]{}";
    char expected[DEPTH_MOST], quote = 0;
    size_t depth = 0;
    for (size_t i = at; i < text.n; i++) {
        char c = text.p[i];
        const char *bracket = c ? strchr(brackets, c) : NULL;
        if (quote) {
            if (c == '\\')
                i++;
            else if (c == quote)
                quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (bracket && (bracket - brackets) % 2 == 0) {
            if (depth == DEPTH_MOST) break;
            expected[depth++] = bracket[1];
        } else if (bracket) {
            if (c != expected[--depth]) break;
            if (depth == 0) return i;
        }
    }
    return text.n;
}

/* What stands in the parentheses as a JSON value: JSON itself, text in single quotes, or bare text. NULL: nothing. */
static enum err read_argument(struct reading *r, json_t **out) {
    size_t end = closing(r->text, r->at);
    if (end == r->text.n) return at_position(r, r->at, "this parenthesis is not closed");
    struct str inner = str_of(r->text.p + r->at + 1, end - r->at - 1);
    while (inner.n && strchr(" \t\r\n", inner.p[0])) inner = str_skip(inner, 1);
    while (inner.n && strchr(" \t\r\n", inner.p[inner.n - 1])) inner.n--;
    json_error_t why;
    *out = inner.n ? json_loadb(inner.p, inner.n, JSON_DECODE_ANY, &why) : NULL;
    if (inner.n && !*out) {
        if (inner.p[0] == '{' || inner.p[0] == '[' || inner.p[0] == '"') {
            char sentence[300];
            snprintf(sentence, sizeof sentence, "the argument is not JSON: %s", why.text);
            return at_position(r, r->at, sentence);
        }
        if (inner.n >= 2 && inner.p[0] == '\'' && inner.p[inner.n - 1] == '\'') inner = str_of(inner.p + 1, inner.n - 2);
        *out = json_stringn(inner.p, inner.n);
        if (!*out) return at_position(r, r->at, "the argument is not UTF-8");
    }
    r->at = end + 1;
    return ERR_OK;
}

static enum err compile_holder(struct reading *r, size_t begin, const struct placeholder_kind *kind, struct placeholder **out) {
    json_t *argument = NULL;
    struct fault why;
    fault_clear(&why);
    enum err err = r->at < r->text.n && r->text.p[r->at] == '(' ? read_argument(r, &argument) : ERR_OK;
    struct placeholder *p = ARENA_NEW(r->arena, struct placeholder);
    if (!err && !p) err = fault_set(r->fault, ERR_NOMEM, NULL);
    if (!err) {
        p->kind = kind;
        if (kind->compile)
            err = kind->compile(p, argument, r->arena, &why);
        else if (argument)
            err = fault_set(&why, ERR_SYNTAX, "%s takes no argument", kind->known.name);
        if (err) err = err == ERR_NOMEM ? fault_set(r->fault, ERR_NOMEM, NULL) : at_position(r, begin, why.message);
    }
    json_decref(argument);
    *out = p;
    return err;
}

/* r->at stands on "{{". */
static enum err read_holder(struct reading *r, struct placeholder **out) {
    size_t begin = r->at;
    r->at += 2;
    skip_blanks(r);
    struct str name = str_of(r->text.p + r->at, 0);
    while (r->at < r->text.n && is_name(r->text.p[r->at])) r->at++, name.n++;
    if (!name.n) return at_position(r, begin, "a placeholder begins with a name: {{random.number(50)}}");
    const struct placeholder_kind *kind = kind_of(name);
    if (!kind) return unknown(r, name, begin);
    skip_blanks(r);
    enum err err = compile_holder(r, begin, kind, out);
    if (err) return err;
    skip_blanks(r);
    if (r->at + 2 > r->text.n || memcmp(r->text.p + r->at, "}}", 2) != 0)
        return at_position(r, begin, "this placeholder is not closed by }}");
    r->at += 2;
    return ERR_OK;
}

static enum err add_part(struct reading *r, struct str literal, struct placeholder *holder) {
    if (r->count == r->room) {
        size_t room = r->room ? r->room * 2 : 16;
        struct part *parts = arena_array(r->arena, room, sizeof *parts);
        if (!parts) return fault_set(r->fault, ERR_NOMEM, NULL);
        if (r->count) memcpy(parts, r->parts, r->count * sizeof *parts);
        r->parts = parts;
        r->room = room;
    }
    r->parts[r->count++] = (struct part){literal, holder};
    return ERR_OK;
}

/* A literal of a JSON template, without line breaks and the blanks behind them (a JSON string holds none of its own). */
static struct str one_line(struct reading *r, struct str literal) {
    if (str_find(literal, '\n', 0) == literal.n) return literal;
    char *to = arena_alloc(r->arena, literal.n);
    if (!to) return STR_NULL;
    struct str out = {to, 0};
    for (size_t i = 0; i < literal.n; i++) {
        if (literal.p[i] != '\n' && literal.p[i] != '\r') {
            to[out.n++] = literal.p[i];
            continue;
        }
        while (i + 1 < literal.n && strchr(" \t\r\n", literal.p[i + 1])) i++;
    }
    return out;
}

static enum err read_parts(struct reading *r, bool is_json) {
    while (r->at < r->text.n) {
        size_t begin = r->at, open = begin;
        while (open + 1 < r->text.n &&
               !(r->text.p[open] == '{' && r->text.p[open + 1] == '{' && (open + 2 == r->text.n || r->text.p[open + 2] != '{')))
            open++;
        bool last = open + 1 >= r->text.n;
        struct str literal = str_of(r->text.p + begin, (last ? r->text.n : open) - begin);
        struct placeholder *holder = NULL;
        r->at = last ? r->text.n : open;
        if (is_json) literal = one_line(r, literal);
        if (!literal.p) return fault_set(r->fault, ERR_NOMEM, NULL);
        enum err err = last ? ERR_OK : read_holder(r, &holder);
        if (!err) err = add_part(r, literal, holder);
        if (err) return err;
    }
    return ERR_OK;
}

enum err generator_new(struct str text, uint64_t seed, struct arena *a, struct generator **out, struct fault *fault) {
    while (text.n && strchr(" \t\r\n", text.p[text.n - 1])) text.n--;
    struct reading r = {.text = text, .arena = a, .fault = fault};
    if (!text.n) return at_position(&r, 0, "the template is empty");
    if (!str_is_utf8(text)) return at_position(&r, 0, "the template is not UTF-8");
    skip_blanks(&r);
    bool is_json = text.p[r.at] == '[' || (text.p[r.at] == '{' && (r.at + 1 == text.n || text.p[r.at + 1] != '{'));
    struct generator *g = ARENA_NEW(a, struct generator);
    if (!g) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = read_parts(&r, is_json);
    if (err) return err;
    *g = (struct generator){.dice = {seed}, .parts = r.parts, .count = r.count};
    *out = g;
    return ERR_OK;
}

/* ---- rendering -------------------------------------------------------------------------------------------------------------------- */
void generator_next(struct generator *g, int64_t now_ms, struct buf *out) {
    const struct moment m = {&g->dice, now_ms};
    for (size_t i = 0; i < g->count; i++) {
        struct part *part = &g->parts[i];
        buf_add(out, part->literal);
        if (part->holder) part->holder->kind->render(part->holder, &m, out);
    }
}

const struct generator_name *generator_known(size_t i) {
    size_t n = 0;
    while (n < i && placeholder_kinds[n].known.name) n++;
    return placeholder_kinds[n].known.name ? &placeholder_kinds[n].known : NULL;
}
