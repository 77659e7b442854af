#include "path.h"

#include <stdlib.h>

struct step {
    enum { STEP_NAME, STEP_INDEX, STEP_ALL } kind;
    struct str name;
    size_t index;
};

struct path {
    struct arena arena;
    struct step steps[PATH_STEPS_MAX];
    size_t count;
    bool many; /* has a * */
};

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static enum err bad(struct fault *fault, struct str text, size_t at, const char *wanted) {
    return fault_set(fault, ERR_VALIDATION, "'%.*s' is not a path: at character %zu %s", STR_ARG(text), at + 1, wanted);
}

/* ".name", ".*", "[3]" or "[*]" at *at. */
static enum err read_step(struct path *p, struct str text, size_t *at, struct fault *fault) {
    struct step *s = &p->steps[p->count++];
    size_t i = *at;
    if (text.p[i] == '[') {
        size_t close = str_find(text, ']', i);
        struct str inside = str_of(text.p + i + 1, close > i ? close - i - 1 : 0);
        int64_t index;
        if (close == text.n) return bad(fault, text, i, "'[' is not closed by ']'");
        if (str_eqz(inside, "*"))
            s->kind = STEP_ALL;
        else if (str_to_i64(inside, &index) && index >= 0)
            *s = (struct step){STEP_INDEX, STR_NULL, (size_t)index};
        else
            return bad(fault, text, i + 1, "an index (0, 1, 2...) or * is expected");
        *at = close + 1;
    } else if (text.p[i] == '.') {
        size_t from = ++i;
        if (i < text.n && text.p[i] == '*') {
            s->kind = STEP_ALL;
            *at = i + 1;
        } else {
            while (i < text.n && name_char(text.p[i])) i++;
            if (i == from) return bad(fault, text, from, "a name is expected (letters, digits, '_' and '-')");
            *s = (struct step){STEP_NAME, str_of(text.p + from, i - from), 0};
            *at = i;
        }
    } else {
        return bad(fault, text, i, "'.' or '[' is expected");
    }
    p->many |= s->kind == STEP_ALL;
    return ERR_OK;
}

enum err path_parse(struct str given, struct path **out, struct fault *fault) {
    *out = NULL;
    if (!given.n || given.p[0] != '$') return bad(fault, given, 0, "'$' is expected");
    struct path *p = calloc(1, sizeof *p);
    if (!p) return fault_set(fault, ERR_NOMEM, NULL);
    arena_init(&p->arena, 0);
    struct str text = arena_str(&p->arena, given);
    enum err err = text.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    for (size_t at = 1; !err && at < text.n;) {
        if (p->count == PATH_STEPS_MAX)
            err = bad(fault, text, at, "the path has more than 64 steps");
        else
            err = read_step(p, text, &at, fault);
    }
    if (err)
        path_free(p);
    else
        *out = p;
    return err;
}

void path_free(struct path *p) {
    if (!p) return;
    arena_fini(&p->arena);
    free(p);
}

static const struct node *step_into(const struct step *s, const struct node *n) {
    if (s->kind == STEP_NAME) return doc_get(n, s->name);
    if (n->kind != NODE_ARRAY) return NULL;
    const struct node *child = n->child;
    for (size_t i = 0; child && i < s->index; i++) child = child->next;
    return child;
}

/* Calls each for everything the steps from `at` on find below n; stops when it returns false. */
static bool walk(const struct path *p, size_t at, const struct node *n, bool (*each)(void *ctx, const struct node *n), void *ctx) {
    for (; n && at < p->count; at++) {
        if (p->steps[at].kind == STEP_ALL) {
            if (n->kind != NODE_ARRAY && n->kind != NODE_OBJECT) return true;
            for (const struct node *c = n->child; c; c = c->next)
                if (!walk(p, at + 1, c, each, ctx)) return false;
            return true;
        }
        n = step_into(&p->steps[at], n);
    }
    return !n || each(ctx, n);
}

struct gathering {
    struct arena *arena;
    struct node *array, **last;
    bool failed;
};

static bool gather(void *ctx, const struct node *n) {
    struct gathering *g = ctx;
    struct node *copy = ARENA_NEW(g->arena, struct node);
    if (!copy) {
        g->failed = true;
        return false;
    }
    *copy = *n;
    copy->key = STR_NULL;
    copy->next = NULL;
    *g->last = copy;
    g->last = &copy->next;
    g->array->count++;
    return true;
}

static bool take_first(void *ctx, const struct node *n) {
    *(const struct node **)ctx = n;
    return false;
}

const struct node *path_first(const struct path *p, const struct node *root) {
    const struct node *found = NULL;
    walk(p, 0, root, take_first, &found);
    return found;
}

/* The array stands in no text: it gets one of its own. */
static bool write_raw(struct node *array, struct arena *a) {
    size_t n = 2 + (array->count ? array->count - 1 : 0);
    for (const struct node *c = array->child; c; c = c->next) n += c->raw.n;
    char *text = arena_alloc(a, n), *at = text;
    if (!text) return false;
    *at++ = '[';
    for (const struct node *c = array->child; c; c = c->next) {
        memcpy(at, c->raw.p, c->raw.n);
        at += c->raw.n;
        if (c->next) *at++ = ',';
    }
    *at = ']';
    array->raw = str_of(text, n);
    return true;
}

const struct node *path_eval(const struct path *p, const struct node *root, struct arena *a) {
    if (!p->many) return path_first(p, root);
    struct gathering g = {.arena = a, .array = ARENA_NEW(a, struct node)};
    if (!g.array) return NULL;
    g.array->kind = NODE_ARRAY;
    g.last = &g.array->child;
    walk(p, 0, root, gather, &g);
    return g.failed || !write_raw(g.array, a) ? NULL : g.array;
}
