/* Any bytes: every kind of scanner accepts and refuses what the plain reader does, and tells the leaves of the wanted paths that the tree
 * has, in order, with the same text and the same contradictions between array elements. The bytes once more as an escaped string. */
#include <stdlib.h>

#include "scan.h"

static void check(bool good) {
    if (!good) abort();
}

static const char *const wanted[] = {"a", "b", "a.b", "a.b.c", "", "a.", ".a", "b.b.b", "detail.state", "detail.items.sku", "c.d.e.f"};
static struct scan_paths *paths;
static struct scan scans[4];
static size_t scan_count;

static void set_up(void) {
    static const char *const kinds[] = {"portable", "sse2", "avx2", "avx512"};
    paths = scan_paths_new(12345);
    check(paths);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        uint32_t number;
        check(scan_paths_add(paths, str_from(wanted[i]), &number) == ERR_OK);
        check(scan_paths_find(paths, str_from(wanted[i])) == number);
    }
    for (size_t i = 0; i < 4; i++)
        if (scan_index_named(kinds[i])) check(scan_init(&scans[scan_count++], scan_index_named(kinds[i])) == ERR_OK);
}

/* ---- the tree's leaves ----------------------------------------------------------------------------------------------------------------
 */

struct found {
    const struct node *leaf;
    const struct node *chain[DOC_DEPTH_MAX + 1]; /* elements around it, outermost first */
    size_t chain_count;
    uint32_t path;
};
struct finder {
    struct arena *arena;
    struct found **items;
    size_t count, most;
    const struct node *chain[DOC_DEPTH_MAX + 1];
};

static bool replaced(const struct node *m) {
    for (const struct node *later = m->next; later; later = later->next)
        if (str_eq(later->key, m->key)) return true;
    return false;
}

static uint32_t join(struct arena *a, struct str path, struct str key, bool top, struct str *joined) {
    *joined = top ? key : arena_printf(a, "%.*s.%.*s", STR_ARG(path), STR_ARG(key));
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct str w = str_from(wanted[i]);
        if (str_eq(w, *joined) || (w.n > joined->n && str_starts(w, *joined) && w.p[joined->n] == '.')) return 1;
    }
    return SCAN_NO_PATH;
}

static void find(struct finder *f, const struct node *v, struct str path, bool top, size_t depth) {
    if (v->kind == NODE_ARRAY) {
        for (const struct node *m = v->child; m; m = m->next) {
            f->chain[depth] = m;
            find(f, m, path, false, depth + 1);
        }
    } else if (v->kind == NODE_OBJECT) {
        for (const struct node *m = v->child; m; m = m->next) {
            struct str joined;
            if (memchr(m->key.p ? m->key.p : "", 0, m->key.n) || replaced(m)) continue; /* no wanted name holds a NUL */
            if (join(f->arena, path, m->key, top, &joined) != SCAN_NO_PATH) find(f, m, joined, false, depth);
        }
    } else {
        uint32_t number = scan_paths_find(paths, path);
        check(number != SCAN_NO_PATH);
        if (!paths->paths[number].wanted) return;
        check(f->count < f->most);
        struct found *item = f->items[f->count++] = ARENA_NEW(f->arena, struct found);
        check(item);
        item->leaf = v;
        item->path = number;
        item->chain_count = depth;
        memcpy(item->chain, f->chain, depth * sizeof *f->chain);
    }
}

/* ---- comparison ------------------------------------------------------------------------------------------------------------------------
 */

static bool same_array(const struct node *a, const struct node *b) {
    for (const struct node *m = a; m; m = m->next)
        if (m == b) return true;
    for (const struct node *m = b; m; m = m->next)
        if (m == a) return true;
    return false;
}

static bool contradict(const struct found *a, const struct found *b) {
    size_t i = 0;
    while (i < a->chain_count && i < b->chain_count && a->chain[i] == b->chain[i]) i++;
    return i < a->chain_count && i < b->chain_count && same_array(a->chain[i], b->chain[i]);
}

static bool scan_contradict(const struct scan *s, uint32_t a, uint32_t b) {
    uint32_t last_a = 0, last_b = 0;
    while (a != b) { /* up to the common element; the last ones on the way must not be of one array */
        if (a > b)
            last_a = a, a = s->elements[a].around;
        else
            last_b = b, b = s->elements[b].around;
    }
    return last_a && last_b && s->elements[last_a].array == s->elements[last_b].array;
}

static void compare(struct arena *a, const struct scan *s, const struct finder *f) {
    check(s->leaf_count == f->count);
    for (size_t i = 0; i < f->count; i++) {
        const struct scan_leaf *l = &s->leaves[i];
        const struct found *want = f->items[i];
        check(l->kind == want->leaf->kind && l->path == want->path);
        struct str text = str_of(l->p, l->bytes);
        if (l->escaped) {
            char *out = arena_alloc(a, l->bytes);
            check(out);
            text = str_of(out, scan_unescape(text, out));
        }
        if (l->kind == NODE_STRING || l->kind == NODE_NUMBER) check(str_eq(text, want->leaf->text));
        for (size_t k = 0; k < i && k < 50; k++)
            check(scan_contradict(s, l->element, s->leaves[k].element) == contradict(want, f->items[k]));
    }
}

static void check_text(struct scan *s, struct str text, enum err expected, const struct node *root) {
    check(scan_read(s, NULL, text) == expected && s->leaf_count == 0);
    check(scan_read(s, paths, text) == expected);
    if (expected) return;
    struct arena arena;
    arena_init(&arena, 0);
    struct finder f = {.arena = &arena, .most = text.n + 1};
    f.items = arena_array(&arena, f.most, sizeof *f.items);
    check(f.items && s->is_object == (root->kind == NODE_OBJECT));
    if (root->kind == NODE_OBJECT) find(&f, root, STR(""), true, 0);
    compare(&arena, s, &f);
    arena_fini(&arena);
}

/* As a string in a JSON text and back. */
static void check_string(struct scan *s, struct arena *a, struct str text) {
    struct buf literal;
    buf_init(&literal, 0);
    buf_addc(&literal, '"');
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20)
            buf_addf(&literal, "\\u%04X", (unsigned char)text.p[i]);
        else if (text.p[i] == '"' || text.p[i] == '\\')
            buf_addf(&literal, "\\%c", text.p[i]);
        else
            buf_addc(&literal, text.p[i]);
    }
    buf_addc(&literal, '"');
    char *out = arena_alloc(a, literal.n);
    size_t n;
    check(out && scan_string(s, buf_str(&literal), out, &n) == str_is_utf8(text));
    check(!str_is_utf8(text) || str_eq(str_of(out, n), text));
    buf_fini(&literal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!paths) set_up();
    struct arena arena;
    struct node *root;
    struct str text = str_of((const char *)data, size);
    arena_init(&arena, 64 << 20);
    enum err e = doc_parse(&arena, text, &root, NULL);
    if (e != ERR_NOMEM)
        for (size_t i = 0; i < scan_count; i++) {
            check_text(&scans[i], text, e, root);
            check_string(&scans[i], &arena, text);
        }
    arena_fini(&arena);
    return 0;
}
