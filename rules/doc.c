/* One pass over the bytes, no recursion: a stack of the open containers, bounded by DOC_DEPTH_MAX. The invariant of the loop in
 * read_text: `slot` is where the next value hangs itself in, `key` is its name when the innermost open container is an object. */
#include "doc.h"

#include <stdio.h>

#include "json.h"

enum { NODES_AT_ONCE = 32 };

struct scan {
    const char *p, *end;
    struct str text;
    struct arena *arena;
    struct node *spare; /* nodes of the last chunk that are not handed out */
    size_t spare_count;
    const char *stop; /* after an error: where a streaming parser would say it is (doc_parse_stop) */
    struct fault *fault;
};

static struct node *new_node(struct scan *s) {
    if (!s->spare_count) {
        size_t guess = (size_t)(s->end - s->p) / 16 + 1; /* small texts need few nodes */
        s->spare_count = guess < NODES_AT_ONCE ? guess : NODES_AT_ONCE;
        s->spare = arena_array(s->arena, s->spare_count, sizeof *s->spare);
        if (!s->spare) {
            s->spare_count = 0;
            return NULL;
        }
    }
    s->spare_count--;
    return s->spare++;
}

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static void skip_blanks(struct scan *s) {
    while (s->p < s->end && is_blank(*s->p)) s->p++;
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------ */

/* Bytes of the well-formed UTF-8 character at p, or 0. */
static size_t utf8_length(const char *p, const char *end) {
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    return n && (size_t)(end - p) >= n && (n == 1 || str_is_utf8(str_of(p, n))) ? n : 0;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '-' || c == '+' ||
           c == '.';
}

/* Names what stands at `at`, and sets s->stop: behind a word, at anything else. */
static void describe(struct scan *s, const char *at, char *out, size_t size) {
    s->stop = at;
    if (at >= s->end) {
        snprintf(out, size, "end of the text");
        return;
    }
    const char *word = at;
    while (word < s->end && is_word(*word)) word++;
    if (word - at > 1) {
        s->stop = word;
        int n = word - at > 60 ? 60 : (int)(word - at);
        snprintf(out, size, "token '%.*s%s'", n, at, n < word - at ? "..." : "");
        return;
    }
    size_t n = utf8_length(at, s->end);
    if (!n)
        snprintf(out, size, "byte 0x%02X", (unsigned char)*at);
    else if ((unsigned char)*at < 0x20 || *at == 0x7F)
        snprintf(out, size, "control character U+%04X", (unsigned char)*at);
    else
        snprintf(out, size, "character '%.*s'", (int)n, at);
}

static enum err refuse(struct scan *s, const char *at, const char *expected) {
    char what[128];
    describe(s, at, what, sizeof what);
    int line, column;
    doc_position(s->text, at, &line, &column);
    return fault_at(s->fault, ERR_SYNTAX, NULL, line, column, "Unexpected %s: expected %s", what, expected);
}

static enum err out_of_memory(struct scan *s) { return fault_set(s->fault, ERR_NOMEM, NULL); }

/* ---- strings ------------------------------------------------------------------------------------------------------------------- */

/* True when one of eight bytes is a quote, a backslash, a control character or not ASCII. */
static bool has_special(uint64_t w) {
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w) | w) & high;
}

static const char *skip_plain(const char *p, const char *end) {
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        if (has_special(w)) break;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after "\u"; `at` is the backslash. */
static enum err read_hex(struct scan *s, const char *at, uint32_t *unit) {
    *unit = 0;
    for (const char *p = at + 2; p < at + 6; p++) {
        int digit = p < s->end ? hex_digit(*p) : -1;
        if (digit < 0) return refuse(s, p, "four hexadecimal digits after \\u");
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return ERR_OK;
}

static size_t put_utf8(char *out, uint32_t c) {
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3F)), 2;
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 0x3F)), out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F)), out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Checks one escape at *p (a backslash), moves *p behind it and tells the character. */
static enum err read_escape(struct scan *s, const char **p, uint32_t *c) {
    static const char names[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
    const char *at = *p, *found;
    if (s->end - at < 2) return refuse(s, s->end, "an escaped character after the backslash");
    if (at[1] && (found = strchr(names, at[1]))) {
        *c = (unsigned char)chars[found - names];
        *p = at + 2;
        return ERR_OK;
    }
    if (at[1] != 'u') return refuse(s, at + 1, "one of \" \\ / b f n r t u after the backslash");
    enum err e = read_hex(s, at, c);
    if (e) return e;
    *p = at + 6;
    if (*c < 0xD800 || *c > 0xDFFF) return ERR_OK;
    uint32_t low = 0;
    if (*c > 0xDBFF) return refuse(s, at, "no low surrogate without a high one before it");
    if (s->end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return refuse(s, at + 6, "a low surrogate (\\uDC00 to \\uDFFF) after a high one");
    if ((e = read_hex(s, at + 6, &low))) return e;
    if (low < 0xDC00 || low > 0xDFFF) return refuse(s, at + 6, "a low surrogate (\\uDC00 to \\uDFFF) after a high one");
    *c = 0x10000 + ((*c - 0xD800) << 10) + (low - 0xDC00);
    *p = at + 12;
    return ERR_OK;
}

/* All characters up to the closing quote, which *p reaches; *escaped tells whether there was a backslash. */
static enum err check_string(struct scan *s, const char **p, bool *escaped) {
    const char *open = *p - 1;
    for (;;) {
        const char *at = *p = skip_plain(*p, s->end);
        if (at == s->end) {
            char expected[80];
            int line, column;
            doc_position(s->text, open, &line, &column);
            snprintf(expected, sizeof expected, "'\"' to end the string that began at line %d, column %d", line, column);
            return refuse(s, at, expected);
        }
        if (*at == '"') return ERR_OK;
        if (*at == '\\') {
            uint32_t c;
            enum err e = read_escape(s, p, &c);
            if (e) return e;
            *escaped = true;
        } else {
            if ((unsigned char)*at < 0x20) return refuse(s, at, "control characters in strings to be escaped");
            size_t n = utf8_length(at, s->end);
            if (!n) return refuse(s, at, "well-formed UTF-8");
            *p += n;
        }
    }
}

/* From the opening quote at s->p to behind the closing one. */
static enum err read_string(struct scan *s, struct str *out) {
    const char *from = s->p + 1, *p = from;
    bool escaped = false;
    enum err e = check_string(s, &p, &escaped);
    if (e) return e;
    s->p = p + 1;
    *out = str_of(from, (size_t)(p - from));
    if (!escaped) return ERR_OK;
    char *copy = arena_alloc(s->arena, out->n); /* an escape is never shorter than what it stands for */
    if (!copy) return out_of_memory(s);
    size_t n = 0;
    for (const char *at = from; at < p;) {
        uint32_t c;
        if (*at != '\\')
            copy[n++] = *at++;
        else if ((e = read_escape(s, &at, &c)))
            return e;
        else
            n += put_utf8(copy + n, c);
    }
    *out = str_of(copy, n);
    return ERR_OK;
}

/* ---- other scalars ------------------------------------------------------------------------------------------------------------- */

static bool is_digit(const struct scan *s, const char *p) { return p < s->end && *p >= '0' && *p <= '9'; }

static enum err read_number(struct scan *s, struct str *out) {
    const char *from = s->p, *p = from;
    if (*p == '-') p++;
    if (!is_digit(s, p)) return refuse(s, p, "a digit after '-'");
    if (*p == '0' && is_digit(s, p + 1)) return refuse(s, from, "no zero before the other digits of a number");
    while (is_digit(s, p)) p++;
    if (p < s->end && *p == '.') {
        if (!is_digit(s, ++p)) return refuse(s, p, "a digit after the decimal point");
        while (is_digit(s, p)) p++;
    }
    if (p < s->end && (*p | 0x20) == 'e') {
        p++;
        if (p < s->end && (*p == '+' || *p == '-')) p++;
        if (!is_digit(s, p)) return refuse(s, p, "a digit in the exponent");
        while (is_digit(s, p)) p++;
    }
    *out = str_of(from, (size_t)(p - from));
    s->p = p;
    return ERR_OK;
}

static const char VALUE[] = "a value (object, array, string, number, true, false or null)";

static enum err read_word(struct scan *s, struct node *v) {
    static const struct {
        const char *word;
        size_t n;
        enum node_kind kind;
    } words[] = {{"true", 4, NODE_TRUE}, {"false", 5, NODE_FALSE}, {"null", 4, NODE_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = words[i].n;
        if ((size_t)(s->end - s->p) < n || memcmp(s->p, words[i].word, n) != 0) continue;
        if ((size_t)(s->end - s->p) > n && is_word(s->p[n])) break;
        v->kind = words[i].kind;
        s->p += n;
        return ERR_OK;
    }
    return refuse(s, s->p, VALUE);
}

static enum err read_scalar(struct scan *s, struct node *v) {
    char c = *s->p;
    if (c == '"') {
        v->kind = NODE_STRING;
        return read_string(s, &v->text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        v->kind = NODE_NUMBER;
        return read_number(s, &v->text);
    }
    return read_word(s, v);
}

/* ---- containers ---------------------------------------------------------------------------------------------------------------- */

static enum err read_key(struct scan *s, struct str *key, const char *expected) {
    skip_blanks(s);
    if (s->p == s->end || *s->p != '"') return refuse(s, s->p, expected);
    enum err e = read_string(s, key);
    if (e) return e;
    skip_blanks(s);
    if (s->p == s->end || *s->p != ':') return refuse(s, s->p, "':' between a field name and its value");
    s->p++;
    return ERR_OK;
}

static void close_value(struct scan *s, struct node *v) { v->raw.n = (size_t)(s->p - v->raw.p); }

/* Reads a scalar, an empty container, or the opening of another one, for which *open is set and the first key read. */
static enum err read_value(struct scan *s, struct node *v, struct str *key, bool *open) {
    *open = false;
    skip_blanks(s);
    if (s->p == s->end) return refuse(s, s->p, VALUE);
    v->raw.p = s->p;
    if (*s->p != '{' && *s->p != '[') {
        enum err e = read_scalar(s, v);
        close_value(s, v);
        return e;
    }
    v->kind = *s->p == '{' ? NODE_OBJECT : NODE_ARRAY;
    s->p++;
    skip_blanks(s);
    if (s->p < s->end && *s->p == (v->kind == NODE_OBJECT ? '}' : ']')) {
        s->p++;
        close_value(s, v);
        return ERR_OK;
    }
    *open = true;
    *key = STR_NULL;
    return v->kind == NODE_OBJECT ? read_key(s, key, "a field name in double quotes, or '}'") : ERR_OK;
}

/* Behind a value: closes what ends here (*depth sinks), or passes the comma (and the next key). *v becomes the last value closed. */
static enum err read_after(struct scan *s, struct node **stack, size_t *depth, struct node **v, struct str *key) {
    while (*depth) {
        struct node *in = stack[*depth - 1];
        bool object = in->kind == NODE_OBJECT;
        in->count++;
        skip_blanks(s);
        char c = s->p < s->end ? *s->p : 0;
        if (c == ',') {
            s->p++;
            *key = STR_NULL;
            return object ? read_key(s, key, "a field name in double quotes after ','") : ERR_OK;
        }
        if (c != (object ? '}' : ']')) return refuse(s, s->p, object ? "',' or '}' after a field's value" : "',' or ']' after an element");
        s->p++;
        *v = in;
        close_value(s, in);
        --*depth;
    }
    skip_blanks(s);
    return s->p == s->end ? ERR_OK : refuse(s, s->p, "nothing after the value");
}

static enum err read_text(struct scan *s, struct node **root) {
    struct node *stack[DOC_DEPTH_MAX], **slot = root;
    size_t depth = 0;
    struct str key = STR_NULL;
    for (;;) {
        struct node *v = new_node(s);
        if (!v) return out_of_memory(s);
        *slot = v;
        v->key = key;
        bool open;
        enum err e = read_value(s, v, &key, &open);
        if (e) return e;
        if (open) {
            if (depth == DOC_DEPTH_MAX) return refuse(s, v->raw.p, "at most 1000 levels of nesting");
            stack[depth++] = v;
            slot = &v->child;
            continue;
        }
        e = read_after(s, stack, &depth, &v, &key);
        if (e || !depth) return e;
        slot = &v->next;
    }
}

enum err doc_parse_stop(struct arena *a, struct str text, struct node **root, struct fault *fault, const char **stop) {
    struct scan s = {.p = text.p ? text.p : "", .text = text, .arena = a, .fault = fault};
    s.text.p = s.p;
    s.stop = s.p;
    s.end = s.p + text.n;
    *root = NULL;
    enum err e = read_text(&s, root);
    if (e) *root = NULL;
    if (stop) *stop = s.stop;
    return e;
}

enum err doc_parse(struct arena *a, struct str text, struct node **root, struct fault *fault) {
    return doc_parse_stop(a, text, root, fault, NULL);
}

struct node *doc_get(const struct node *object, struct str key) {
    struct node *found = NULL;
    if (!object || object->kind != NODE_OBJECT) return NULL;
    for (struct node *m = object->child; m; m = m->next)
        if (str_eq(m->key, key)) found = m;
    return found;
}

void doc_position(struct str text, const char *at, int *line, int *column) {
    *line = *column = 1;
    for (const char *p = text.p, *end = text.p + text.n; p < at && p < end; p++) {
        if (*p == '\n' || (*p == '\r' && (p + 1 == end || p[1] != '\n'))) {
            ++*line;
            *column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80 && *p != '\r') {
            ++*column;
        }
    }
}

void doc_minify(struct buf *out, const struct node *value) {
    const char *p = value->raw.p, *end = p + value->raw.n, *from = p;
    while (p < end) {
        if (*p == '"') {
            for (p = json_escape_at(p + 1, end); *p == '\\';) p = json_escape_at(p + 2, end);
            p++;
        } else if (is_blank(*p)) {
            buf_add(out, str_of(from, (size_t)(p - from)));
            while (p < end && is_blank(*p)) p++;
            from = p;
        } else {
            p++;
        }
    }
    buf_add(out, str_of(from, (size_t)(p - from)));
}
