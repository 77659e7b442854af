/* SAM's Globals: Function. What a function does not say itself, Globals say; mappings are merged, lists are put together. Source: AWS SAM
 * Developer Guide, "Globals section". */
#include "template_state.h"

static struct ynode *copy_shallow(struct template *t, const struct ynode *from, const struct ynode *parent, const struct ynode *place) {
    struct ynode *n = template_alloc(t, sizeof *n);
    if (!n) return NULL;
    *n = *from;
    n->parent = parent;
    n->next = NULL;
    n->key = place->key;
    return n;
}

static void append(struct ynode *to, struct ynode ***slot, struct ynode *child) {
    **slot = child;
    *slot = &child->next;
    if (to->kind == YNODE_LIST) child->index = to->count;
    to->count++;
}

static bool is_plain(const struct ynode *n, enum ynode_kind kind) { return n && n->kind == kind && !template_is_call(n); }

/* Both are mappings, or both are lists. */
static struct ynode *merge(struct template *t, const struct ynode *globals, const struct ynode *own, const struct ynode *parent) {
    struct ynode *to = template_node(t, own, parent, own->kind, own->text), **slot = to ? &to->child : NULL;
    for (const struct ynode *g = globals->child; to && g; g = g->next) {
        const struct ynode *mine = own->kind == YNODE_MAP ? ynode_get(own, g->key) : NULL;
        bool both =
            mine && ((is_plain(mine, YNODE_MAP) && is_plain(g, YNODE_MAP)) || (is_plain(mine, YNODE_LIST) && is_plain(g, YNODE_LIST)));
        if (mine && !both) continue;
        struct ynode *child = both ? merge(t, g, mine, to) : copy_shallow(t, g, to, g);
        if (!child) return NULL;
        append(to, &slot, child);
    }
    for (const struct ynode *n = own->child; to && n; n = n->next) {
        if (own->kind == YNODE_MAP && ynode_get(to, n->key)) continue;
        struct ynode *child = copy_shallow(t, n, to, n);
        if (!child) return NULL;
        append(to, &slot, child);
    }
    return to;
}

const struct ynode *template_merge(struct template *t, const struct ynode *globals, const struct ynode *own, const struct ynode *parent) {
    if (!is_plain(globals, YNODE_MAP)) return own;
    if (own) return merge(t, globals, own, parent);
    struct ynode *none = template_node(t, parent, parent, YNODE_MAP, STR(""));
    if (!none) return NULL;
    none->key = STR("Properties");
    return merge(t, globals, none, parent);
}
