#include "scan.h"

#include <assert.h>
#include <stdlib.h>

struct scan_mark { /* the member that last led to a path: of which object, and its leaves */
    uint32_t serial, begin, end;
};
struct scan_split { /* the same for a name with dots, which leads over several paths at once */
    uint32_t path, names;
    struct scan_mark mark;
};
struct scan_frame {
    uint32_t path;    /* of the container */
    uint32_t element; /* around it */
    uint32_t number;  /* an object's serial; an array's index */
    uint32_t member;  /* an object's member that is being read; SCAN_NO_PATH: none that leads anywhere */
    uint32_t names;   /* that the member's name holds: 1, or more when there are dots in it */
    bool array;
};

/* The second pass. `at` is the next token; tokens after the last one point at the text's first byte, which is no name, separator or end. */
struct walk {
    struct scan *s;
    const struct scan_paths *paths;
    const char *text, *end;
    const uint32_t *at, *last;
    uint32_t depth;
    bool killed;
    enum err err;               /* ERR_NOMEM */
    bool object[DOC_DEPTH_MAX]; /* of the containers that are passed over: is it an object? */
};

/* ---- memory --------------------------------------------------------------------------------------------------------------------- */

/* An array of `size`-byte items gets room for at least `need`. */
static bool reserve(void **items, uint32_t *cap, size_t need, size_t size) {
    size_t more = *cap ? *cap : 64;
    while (more < need) more *= 2;
    if (more == *cap) return true;
    void *grown = more > UINT32_MAX ? NULL : realloc(*items, more * size);
    if (!grown) return false;
    *items = grown;
    *cap = (uint32_t)more;
    return true;
}

enum err scan_init(struct scan *s, scan_index_fn *index) {
    *s = (struct scan){.index = index ? index : scan_index_best()};
    s->frames = malloc((DOC_DEPTH_MAX + 1) * sizeof *s->frames);
    void *elements = NULL;
    if (!s->frames || !reserve(&elements, &s->element_cap, 1, sizeof *s->elements)) return scan_fini(s), ERR_NOMEM;
    s->elements = elements;
    s->elements[0] = (struct scan_element){0, UINT32_MAX};
    return ERR_OK;
}

void scan_fini(struct scan *s) {
    free(s->tokens.tokens);
    free(s->leaves);
    free(s->elements);
    free(s->arrays);
    free(s->marks);
    free(s->splits);
    free(s->frames);
    free(s->name);
    *s = (struct scan){0};
}

static bool no_memory(struct walk *w) {
    w->err = ERR_NOMEM;
    return false;
}

static bool more_leaves(struct walk *w) {
    struct scan *s = w->s;
    void *items = s->leaves;
    if (!reserve(&items, &s->leaf_cap, (size_t)s->leaf_count + 1, sizeof *s->leaves)) return no_memory(w);
    s->leaves = items;
    return true;
}

static bool new_element(struct walk *w, uint32_t around, uint32_t array, uint32_t *element) {
    struct scan *s = w->s;
    if (s->element_count == s->element_cap) {
        void *items = s->elements;
        if (!reserve(&items, &s->element_cap, (size_t)s->element_count + 1, sizeof *s->elements)) return no_memory(w);
        s->elements = items;
    }
    *element = s->element_count++;
    s->elements[*element] = (struct scan_element){around, array};
    return true;
}

static bool new_array(struct walk *w, uint32_t path, uint32_t around, uint32_t *array) {
    struct scan *s = w->s;
    if (s->array_count == s->array_cap) {
        void *items = s->arrays;
        if (!reserve(&items, &s->array_cap, (size_t)s->array_count + 1, sizeof *s->arrays)) return no_memory(w);
        s->arrays = items;
    }
    *array = s->array_count++;
    s->arrays[*array] = (struct scan_array){path, around};
    return true;
}

/* ---- scalars without quotes ------------------------------------------------------------------------------------------------------------
 */

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

static const char *skip_digits(const char *p, const char *end) {
    while (p < end && is_digit(*p)) p++;
    return p;
}

static const char *number_end(const char *p, const char *end) {
    if (*p == '-') p++;
    if (p == end || !is_digit(*p)) return NULL;
    p = *p == '0' ? p + 1 : skip_digits(p + 1, end);
    if (p < end && *p == '.') {
        const char *digits = ++p;
        if ((p = skip_digits(p, end)) == digits) return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        const char *digits = p;
        if ((p = skip_digits(p, end)) == digits) return NULL;
    }
    return p;
}

static bool is_word(const char *p, const char *end, const char *word, size_t n) {
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0;
}

/* Behind the number or word at p, or NULL. */
static const char *scalar_end(const char *p, const char *end, enum node_kind *kind) {
    const char *stop = NULL;
    *kind = NODE_NUMBER;
    if (is_digit(*p) || *p == '-') {
        stop = number_end(p, end);
    } else if (is_word(p, end, "true", 4)) {
        *kind = NODE_TRUE, stop = p + 4;
    } else if (is_word(p, end, "false", 5)) {
        *kind = NODE_FALSE, stop = p + 5;
    } else if (is_word(p, end, "null", 4)) {
        *kind = NODE_NULL, stop = p + 4;
    }
    if (!stop || stop == end) return stop;
    switch (*stop) { /* the token ends here: anything else would belong to it */
    case ',':
    case '}':
    case ']':
    case ':':
    case ' ':
    case '\n':
    case '\r':
    case '\t':
    case '"':
    case '{':
    case '[': return stop;
    default: return NULL;
    }
}

/* ---- values that nobody asked for ----------------------------------------------------------------------------------------------- */

/* From an opening bracket at w->at to behind its closing one. */
static bool skip_container(struct walk *w) {
    const char *text = w->text;
    const uint32_t *t = w->at;
    uint32_t bottom = w->depth, depth = w->depth;
    bool object = text[*t] == '{';
    enum node_kind kind;
open:
    t++;
    if (text[*t] == (object ? '}' : ']')) {
        t++;
    } else {
        if (depth == DOC_DEPTH_MAX || t >= w->last) return false;
        w->object[depth++] = object;
    next:
        if (object) {
            if (text[t[0]] != '"' || text[t[2]] != ':') return false;
            t += 3;
        }
        char c = text[*t];
        if (c == '"') {
            t += 2;
        } else if (c == '{' || c == '[') {
            object = c == '{';
            goto open;
        } else {
            if (t >= w->last || !scalar_end(text + *t, w->end, &kind)) return false;
            t++;
        }
    }
    while (depth > bottom) {
        object = w->object[depth - 1];
        char c = text[*t++];
        if (c == ',') goto next;
        if (c != (object ? '}' : ']')) return false;
        depth--;
    }
    w->at = t;
    return true;
}

static bool skip_value(struct walk *w) {
    char c = w->text[*w->at];
    enum node_kind kind;
    if (c == '"') return w->at += 2, true;
    if (c == '{' || c == '[') return skip_container(w);
    if (w->at >= w->last || !scalar_end(w->text + *w->at, w->end, &kind)) return false;
    w->at++;
    return true;
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

/* A name with dots: each of its parts is a step. */
static uint32_t split_child(const struct walk *w, uint32_t path, struct str name, uint32_t *names) {
    struct str part;
    for (*names = 0; path != SCAN_NO_PATH && str_cut(&name, '.', &part); ++*names) path = scan_paths_child(w->paths, path, part.p, part.n);
    return path;
}

static bool grow_splits(struct scan *s) {
    uint32_t cap = s->split_cap ? s->split_cap * 2 : 64;
    struct scan_split *old = s->splits, *splits = calloc(cap, sizeof *splits);
    if (!splits) return false;
    for (uint32_t i = 0; i < s->split_cap; i++) {
        if (!old[i].names) continue;
        uint32_t at = (uint32_t)keyhash_fold(old[i].path + KEYHASH_K1, old[i].names + KEYHASH_K2) & (cap - 1);
        while (splits[at].names) at = (at + 1) & (cap - 1);
        splits[at] = old[i];
    }
    free(old);
    s->splits = splits;
    s->split_cap = cap;
    return true;
}

/* The mark of a path that was reached by a name of so many parts; stays where it is until the next is asked for. */
static struct scan_mark *split_mark(struct walk *w, uint32_t path, uint32_t names) {
    struct scan *s = w->s;
    if (s->split_count * 2 >= s->split_cap && !grow_splits(s)) return no_memory(w), NULL;
    uint32_t at = (uint32_t)keyhash_fold(path + KEYHASH_K1, names + KEYHASH_K2) & (s->split_cap - 1);
    while (s->splits[at].names && (s->splits[at].path != path || s->splits[at].names != names)) at = (at + 1) & (s->split_cap - 1);
    if (!s->splits[at].names) s->splits[at] = (struct scan_split){.path = path, .names = names}, s->split_count++;
    return &s->splits[at].mark;
}

static bool plain_name(struct walk *w, struct str *name) {
    if (!w->s->tokens.escapes || !memchr(name->p, '\\', name->n)) return true;
    struct scan *s = w->s;
    if (s->name_cap < name->n) {
        char *grown = realloc(s->name, name->n);
        if (!grown) return no_memory(w);
        s->name = grown;
        s->name_cap = name->n;
    }
    *name = str_of(s->name, scan_unescape(*name, s->name));
    return true;
}

/* A member of the object begins: of earlier ones with its name nothing stays. */
static void open_member(struct walk *w, struct scan_frame *f, struct scan_mark *mark) {
    struct scan *s = w->s;
    if (mark->serial == f->number) {
        for (uint32_t i = mark->begin; i < mark->end; i++) s->leaves[i].dead = w->killed = true;
    }
    *mark = (struct scan_mark){f->number, s->leaf_count, s->leaf_count};
}

/* The name at w->at, and the colon; f->member and f->mark are set. */
static bool read_name(struct walk *w, struct scan_frame *f) {
    const uint32_t *t = w->at;
    if (w->text[t[0]] != '"' || w->text[t[2]] != ':') return false;
    struct str name = str_of(w->text + t[0] + 1, t[1] - t[0] - 1);
    w->at = t + 3;
    if (__builtin_expect(w->s->tokens.escapes, 0) && !plain_name(w, &name)) return false;
    f->member = scan_paths_child(w->paths, f->path, name.p, name.n);
    if (f->member != SCAN_NO_PATH) {
        f->names = 1;
        open_member(w, f, &w->s->marks[f->member]);
        return true;
    }
    if (!(w->paths->paths[f->path].leading & scan_first_bit(name.p, name.n)) || !name.n || !memchr(name.p, '.', name.n)) return true;
    f->member = split_child(w, f->path, name, &f->names);
    if (f->member == SCAN_NO_PATH) return true;
    w->s->dotted = true;
    struct scan_mark *mark = split_mark(w, f->member, f->names);
    if (mark) open_member(w, f, mark);
    return mark;
}

/* ---- values that somebody asked for --------------------------------------------------------------------------------------------- */

static bool add_leaf(struct walk *w, uint32_t path, uint32_t element, const char *p, const char *stop, enum node_kind kind) {
    struct scan *s = w->s;
    if (s->leaf_count == s->leaf_cap && !more_leaves(w)) return false;
    bool escaped = kind == NODE_STRING && s->tokens.escapes && memchr(p, '\\', (size_t)(stop - p));
    uint64_t hash = 0;
    if (kind == NODE_STRING && !escaped && s->watch.slots) {
        hash = scan_string_hash(s->watch.seed, path, str_of(p, (size_t)(stop - p)));
        __builtin_prefetch(s->watch.slots + (size_t)((uint32_t)hash & s->watch.mask) * 8);
    }
    s->leaves[s->leaf_count++] = (struct scan_leaf){.hash = hash,

                                                    .p = p,
                                                    .bytes = (uint32_t)(stop - p),
                                                    .path = path,
                                                    .element = element,
                                                    .kind = (uint8_t)kind,
                                                    .escaped = escaped};
    return true;
}

/* f: the innermost container, or NULL for the text's own value. A value in an array stands in an element of its own. */
static bool element_of(struct walk *w, const struct scan_frame *f, uint32_t *element) {
    *element = f->element;
    return !f->array || new_element(w, f->element, f->number, element);
}

static bool read_scalar(struct walk *w, const struct scan_frame *f, uint32_t path) {
    const char *p = w->text + *w->at, *stop;
    enum node_kind kind = NODE_STRING;
    if (*p == '"') {
        p++;
        stop = w->text + w->at[1];
        w->at += 2;
    } else {
        if (w->at >= w->last || !(stop = scalar_end(p, w->end, &kind))) return false;
        w->at++;
    }
    uint32_t element;
    return !w->paths->paths[path].wanted || (element_of(w, f, &element) && add_leaf(w, path, element, p, stop, kind));
}

static bool push(struct walk *w, uint32_t path, uint32_t element, bool array) {
    if (w->depth == DOC_DEPTH_MAX || w->at >= w->last) return false;
    struct scan *s = w->s;
    struct scan_frame *f = &s->frames[w->depth++];
    *f = (struct scan_frame){.path = path, .element = element, .member = SCAN_NO_PATH, .array = array};
    if (array) return new_array(w, path, element, &f->number);
    f->number = ++s->serial;
    return true;
}

/* A value at `path`, inside of f. *opened: it is a container with something in it, which is now the innermost. */
static bool read_value(struct walk *w, const struct scan_frame *f, uint32_t path, bool *opened) {
    char c = w->text[*w->at];
    *opened = false;
    if (c != '{' && c != '[') return read_scalar(w, f, path);
    if (w->text[w->at[1]] == (c == '{' ? '}' : ']')) return w->at += 2, true;
    if (c == '{' && !w->paths->paths[path].leads) return skip_container(w);
    uint32_t element;
    if (!element_of(w, f, &element)) return false;
    w->at++;
    *opened = true;
    return push(w, path, element, c == '[');
}

static bool close_member(struct walk *w, const struct scan_frame *f) {
    if (f->member == SCAN_NO_PATH) return true;
    struct scan_mark *mark = f->names == 1 ? &w->s->marks[f->member] : split_mark(w, f->member, f->names);
    if (mark) mark->end = w->s->leaf_count;
    return mark;
}

/* All of the object that was pushed last. */
static bool walk_containers(struct walk *w) {
    struct scan_frame *frames = w->s->frames;
    while (w->depth) {
        struct scan_frame *f = &frames[w->depth - 1];
        bool opened = false;
        uint32_t path = f->path;
        if (!f->array) {
            if (!read_name(w, f)) return false;
            path = f->member;
        }
        if (path == SCAN_NO_PATH ? !skip_value(w) : !read_value(w, f, path, &opened)) return false;
        while (!opened) { /* behind a value */
            if (!f->array && !close_member(w, f)) return false;
            char c = w->text[*w->at++];
            if (c == ',') break;
            if (c != (f->array ? ']' : '}')) return false;
            if (--w->depth == 0) return true;
            f = &frames[w->depth - 1];
        }
    }
    return true;
}

static bool walk_text(struct walk *w) {
    if (w->at == w->last) return false;
    char c = w->text[*w->at];
    w->s->is_object = c == '{';
    if (c != '{' || !w->paths || w->text[w->at[1]] == '}') return skip_value(w) && w->at == w->last;
    w->at++;
    return push(w, SCAN_ROOT, 0, false) && walk_containers(w) && w->at == w->last;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static enum err prepare(struct scan *s, const struct scan_paths *paths, size_t bytes) {
    s->leaf_count = s->array_count = 0;
    s->element_count = 1;
    s->dotted = s->is_object = false;
    if (bytes > SCAN_TEXT_MAX) return ERR_LIMIT;
    if (s->token_cap < bytes + SCAN_INDEX_ROOM) {
        size_t cap = (bytes + SCAN_INDEX_ROOM) * 5 / 4;
        free(s->tokens.tokens);
        s->tokens.tokens = malloc(cap * sizeof *s->tokens.tokens);
        s->token_cap = s->tokens.tokens ? cap : 0;
        if (!s->tokens.tokens) return ERR_NOMEM;
    }
    if (paths && s->mark_count < paths->count) {
        struct scan_mark *marks = realloc(s->marks, paths->cap * sizeof *marks);
        if (!marks) return ERR_NOMEM;
        memset(marks + s->mark_count, 0, (paths->cap - s->mark_count) * sizeof *marks);
        s->marks = marks;
        s->mark_count = paths->cap;
    }
    if (s->serial > UINT32_MAX - (SCAN_TEXT_MAX + 2)) { /* serials of this text must not come round to those of an old one */
        s->serial = 0;
        memset(s->marks, 0, s->mark_count * sizeof *s->marks);
    }
    return ERR_OK;
}

static void bury_dead(struct scan *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->leaf_count; i++)
        if (!s->leaves[i].dead) s->leaves[n++] = s->leaves[i];
    s->leaf_count = n;
}

enum err scan_read(struct scan *s, const struct scan_paths *paths, struct str text) {
    enum err e = prepare(s, paths, text.n);
    if (e) return e;
    if (!text.n || !s->index(text, &s->tokens)) return ERR_SYNTAX;
    struct walk w;
    w.s = s;
    w.paths = paths;
    w.text = text.p;
    w.end = text.p + text.n;
    w.at = s->tokens.tokens;
    w.last = w.at + s->tokens.count;
    w.depth = 0;
    w.killed = false;
    w.err = ERR_OK;
    bool good = walk_text(&w);
    if (s->split_count) {
        memset(s->splits, 0, s->split_cap * sizeof *s->splits);
        s->split_count = 0;
    }
    if (good && !w.killed) return ERR_OK;
    if (good)
        bury_dead(s);
    else
        s->leaf_count = 0;
    return good ? ERR_OK : w.err ? w.err : ERR_SYNTAX;
}

/* ---- escapes -------------------------------------------------------------------------------------------------------------------- */

static uint32_t hex4(const char *p) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        unit = unit << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
}

static size_t put_utf8(char *out, uint32_t c) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* One escape at p; returns behind it. */
static const char *unescape_one(const char *p, char **out) {
    switch (p[1]) {
    case 'b': *(*out)++ = '\b'; return p + 2;
    case 'f': *(*out)++ = '\f'; return p + 2;
    case 'n': *(*out)++ = '\n'; return p + 2;
    case 'r': *(*out)++ = '\r'; return p + 2;
    case 't': *(*out)++ = '\t'; return p + 2;
    case 'u': break;
    default: *(*out)++ = p[1]; return p + 2;
    }
    uint32_t c = hex4(p + 2);
    p += 6;
    if (c >= 0xD800 && c < 0xDC00) {
        c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 2) - 0xDC00);
        p += 6;
    }
    *out += put_utf8(*out, c);
    return p;
}

size_t scan_unescape(struct str s, char *out) {
    const char *p = s.p, *end = s.p + s.n;
    char *o = out;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((slash ? slash : end) - p);
        memcpy(o, p, n);
        o += n;
        p += n;
        if (slash) p = unescape_one(p, &o);
    }
    return (size_t)(o - out);
}

bool scan_string(struct scan *s, struct str literal, char *out, size_t *n) {
    *n = 0;
    if (scan_read(s, NULL, literal) || s->tokens.count != 2 || literal.p[s->tokens.tokens[0]] != '"') return false;
    uint32_t open = s->tokens.tokens[0], close = s->tokens.tokens[1];
    *n = scan_unescape(str_of(literal.p + open + 1, close - open - 1), out);
    return true;
}
