#include "jsontree.h"

#include "doc.h"
#include "map.h"

/* Lines and columns of places that only go forward: counting from the text's begin for each node would take quadratic time. */
struct place {
    const char *at, *end;
    int line, column;
};

struct copier {
    struct arena *arena;
    struct problems *problems;
    struct place place;
    bool no_memory;
};

static void advance(struct place *p, const char *to) {
    for (; p->at < to && p->at < p->end; p->at++) {
        if (*p->at == '\n' || (*p->at == '\r' && (p->at + 1 == p->end || p->at[1] != '\n'))) {
            p->line++;
            p->column = 1;
        } else if (((unsigned char)*p->at & 0xC0) != 0x80 && *p->at != '\r') {
            p->column++;
        }
    }
}

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* The opening quote of the key before a member's value: back over blanks, the colon, blanks, and the key. */
static const char *key_begin(const char *value) {
    const char *p = value - 1;
    while (is_blank(*p)) p--;
    p--; /* the colon */
    while (is_blank(*p)) p--;
    for (p--;; p--) { /* within the key; a quote of its own has an odd number of backslashes before it */
        if (*p != '"') continue;
        size_t slashes = 0;
        while (p[-1 - (ptrdiff_t)slashes] == '\\') slashes++;
        if (slashes % 2 == 0) return p;
    }
}

static enum ynode_kind kind_of(enum node_kind kind) {
    static const enum ynode_kind kinds[] = {
        [NODE_NULL] = YNODE_NULL,     [NODE_FALSE] = YNODE_BOOL, [NODE_TRUE] = YNODE_BOOL, [NODE_NUMBER] = YNODE_NUMBER,
        [NODE_STRING] = YNODE_STRING, [NODE_ARRAY] = YNODE_LIST, [NODE_OBJECT] = YNODE_MAP};
    return kinds[kind];
}

static struct ynode *copy_node(struct copier *c, const struct node *from, const struct ynode *parent, size_t index, int depth);

static void copy_children(struct copier *c, struct ynode *to, const struct node *from, int depth) {
    struct ynode **slot = &to->child;
    struct map names;
    map_init(&names);
    for (const struct node *n = from->child; n && !c->no_memory; n = n->next) {
        struct ynode *child = copy_node(c, n, to, to->count, depth + 1);
        void *before = NULL;
        if (!child) break;
        if (from->kind == NODE_OBJECT && !map_put(&names, n->key, to, &before)) c->no_memory = true;
        if (before) {
            struct ynode at = *child;
            at.line = child->key_line;
            at.column = child->key_column;
            problem_at(c->problems, &at, "this key stands here a second time");
        }
        *slot = child;
        slot = &child->next;
        to->count++;
    }
    map_fini(&names);
}

static struct ynode *copy_node(struct copier *c, const struct node *from, const struct ynode *parent, size_t index, int depth) {
    struct ynode *n = ARENA_NEW(c->arena, struct ynode);
    if (n && from->key.p) {
        advance(&c->place, key_begin(from->raw.p));
        n->key_line = c->place.line;
        n->key_column = c->place.column;
        n->key = arena_str(c->arena, from->key);
    }
    advance(&c->place, from->raw.p);
    if (!n || (from->key.p && !n->key.p)) {
        c->no_memory = true;
        return NULL;
    }
    n->kind = kind_of(from->kind);
    n->parent = parent;
    n->index = index;
    n->line = c->place.line;
    n->column = c->place.column;
    n->text = arena_str(c->arena, from->kind == NODE_TRUE ? STR("true") : from->kind == NODE_FALSE ? STR("false") : from->text);
    if (from->kind == NODE_NULL) problem_at(c->problems, n, "null is not allowed in templates; leave the key out, or write AWS::NoValue");
    if (depth > YAML_DEPTH_MAX)
        problem_at(c->problems, n, "more than %d levels", YAML_DEPTH_MAX);
    else
        copy_children(c, n, from, depth);
    return n;
}

enum err json_tree_read(struct str text, struct arena *a, struct ynode **root, struct problems *p, struct fault *flaw) {
    struct arena scratch; /* strings point into the text, so it is nodes only */
    struct node *tree;
    *root = NULL;
    fault_clear(flaw);
    arena_init(&scratch, a->max_bytes > a->used_bytes ? (a->max_bytes - a->used_bytes) / 2 + 4096 : 4096);
    enum err err = doc_parse(&scratch, text, &tree, flaw);
    if (!err) {
        struct copier c = {.arena = a, .problems = p, .place = {text.p, text.p + text.n, 1, 1}};
        size_t max_bytes = a->max_bytes;
        if (max_bytes > scratch.used_bytes) a->max_bytes -= scratch.used_bytes; /* both count, while both are there */
        *root = copy_node(&c, tree, NULL, 0, 0);
        a->max_bytes = max_bytes;
        if (c.no_memory)
            err = fault_at(flaw, ERR_NOMEM, NULL, c.place.line, c.place.column, "the file takes too much memory from here on; split it");
    }
    if (err == ERR_NOMEM && !flaw->line) fault_at(flaw, ERR_NOMEM, NULL, 1, 1, "the file takes too much memory; split it");
    arena_fini(&scratch);
    return err == ERR_NOMEM ? err : ERR_OK;
}
