#include "affix.h"

#include <stdlib.h>

struct affix_node {
    const char *label; /* its first byte; backward it is read towards lower addresses */
    uint32_t label_bytes;
    uint32_t children; /* the first one; they stand together, in order of their first bytes */
    uint32_t child_count;
    uint32_t key;
    bool has_key;
};
struct range { /* items that share `depth` bytes, and the node they are for */
    size_t from, to, depth;
};

static unsigned char byte_at(struct str s, size_t i, bool backward) { return (unsigned char)s.p[backward ? s.n - 1 - i : i]; }

static int forward_order(const void *a, const void *b) {
    return str_cmp(((const struct affix_item *)a)->text, ((const struct affix_item *)b)->text);
}

static int backward_order(const void *a, const void *b) {
    struct str x = ((const struct affix_item *)a)->text, y = ((const struct affix_item *)b)->text;
    for (size_t i = 0; i < x.n && i < y.n; i++) {
        unsigned char c = byte_at(x, i, true), d = byte_at(y, i, true);
        if (c != d) return c < d ? -1 : 1;
    }
    return x.n < y.n ? -1 : x.n > y.n;
}

/* Bytes that all items of the range share beyond `depth`: those of the first and the last, as they are sorted. */
static size_t shared(const struct affix_item *items, struct range r, bool backward) {
    struct str a = items[r.from].text, b = items[r.to - 1].text;
    size_t i = r.depth;
    while (i < a.n && i < b.n && byte_at(a, i, backward) == byte_at(b, i, backward)) i++;
    return i - r.depth;
}

/* Fills node `at` with its label and key, and appends nodes for its children, whose ranges go to ranges[]. */
static void build_node(struct affix *t, const struct affix_item *items, struct range *ranges, uint32_t at) {
    struct range r = ranges[at];
    struct affix_node *node = &t->nodes[at];
    struct str text = items[r.from].text;
    size_t label = at ? shared(items, r, t->backward) : 0;
    *node = (struct affix_node){.label_bytes = (uint32_t)label, .children = t->count};
    if (label) node->label = text.p + (t->backward ? text.n - 1 - r.depth : r.depth);
    t->firsts[at] = label ? (uint8_t)*node->label : 0;
    r.depth += label;
    if (text.n == r.depth) {
        node->has_key = true;
        node->key = items[r.from++].key;
    }
    while (r.from < r.to) {
        struct range child = {r.from, r.from + 1, r.depth};
        unsigned char first = byte_at(items[r.from].text, r.depth, t->backward);
        while (child.to < r.to && byte_at(items[child.to].text, r.depth, t->backward) == first) child.to++;
        ranges[t->count++] = child;
        node->child_count++;
        r.from = child.to;
    }
}

enum err affix_build(struct affix *t, struct affix_item *items, size_t count, bool backward) {
    *t = (struct affix){.backward = backward};
    qsort(items, count, sizeof *items, backward ? backward_order : forward_order);
    size_t most = 2 * count + 1; /* every inner node but the root has a key or two children */
    struct range *ranges = malloc(most * sizeof *ranges);
    t->nodes = malloc(most * sizeof *t->nodes);
    t->firsts = malloc(most);
    if (!ranges || !t->nodes || !t->firsts) {
        free(ranges);
        affix_fini(t);
        return ERR_NOMEM;
    }
    ranges[0] = (struct range){0, count, 0};
    t->count = 1;
    for (uint32_t at = 0; at < t->count; at++) build_node(t, items, ranges, at);
    free(ranges);
    struct affix_node *nodes = realloc(t->nodes, t->count * sizeof *nodes);
    uint8_t *firsts = realloc(t->firsts, t->count);
    if (nodes) t->nodes = nodes;
    if (firsts) t->firsts = firsts;
    return ERR_OK;
}

void affix_fini(struct affix *t) {
    free(t->nodes);
    free(t->firsts);
    *t = (struct affix){0};
}

size_t affix_bytes(const struct affix *t) { return t->count * (sizeof *t->nodes + 1); }

static bool has_label(const struct affix_node *node, struct str s, size_t used, bool backward) {
    if (s.n - used < node->label_bytes) return false;
    if (!backward) return memcmp(s.p + used, node->label, node->label_bytes) == 0;
    const char *end = s.p + s.n - used; /* both are read backward: compare the same bytes forward */
    return memcmp(end - node->label_bytes, node->label + 1 - node->label_bytes, node->label_bytes) == 0;
}

/* *used counts the bytes of s that lead to node *at, plus one once its own key has been told. */
bool affix_next(const struct affix *t, struct str s, uint32_t *at, size_t *used, uint32_t *key) {
    for (;;) {
        const struct affix_node *node = &t->nodes[*at];
        bool told = *used & 1;
        size_t depth = *used >> 1;
        if (!told && node->has_key) {
            *used |= 1;
            *key = node->key;
            return true;
        }
        if (depth == s.n || !node->child_count) return false;
        const uint8_t *firsts = t->firsts + node->children;
        const uint8_t *found = memchr(firsts, byte_at(s, depth, t->backward), node->child_count);
        if (!found) return false;
        *at = node->children + (uint32_t)(found - firsts);
        if (!has_label(&t->nodes[*at], s, depth, t->backward)) return false;
        *used = (depth + t->nodes[*at].label_bytes) << 1;
    }
}
