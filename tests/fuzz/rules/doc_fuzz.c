/* Any bytes: a refusal with a sentence and a position inside the text, or a tree whose minified form parses to the same tree. */
#include <stdlib.h>

#include "doc.h"

static void check(bool good) {
    if (!good) abort();
}

static bool same(const struct node *a, const struct node *b) {
    if (a->kind != b->kind || a->count != b->count || !str_eq(a->key, b->key) || !str_eq(a->text, b->text)) return false;
    size_t n = 0;
    for (a = a->child, b = b->child; a && b; a = a->next, b = b->next, n++)
        if (!same(a, b)) return false;
    return !a && !b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    struct arena arena;
    struct node *root, *again;
    struct str text = str_of((const char *)data, size);
    arena_init(&arena, 64 << 20);
    enum err e = doc_parse(&arena, text, &root, &f);
    if (e) {
        check(e == ERR_SYNTAX && !root && f.line >= 1 && f.column >= 1 && f.message[0] && str_is_utf8(str_from(f.message)));
    } else {
        struct buf small;
        buf_init(&small, 0);
        doc_minify(&small, root);
        check(str_is_utf8(text) && small.n <= size);
        check(doc_parse(&arena, buf_str(&small), &again, &f) == ERR_OK && same(root, again));
        buf_fini(&small);
    }
    arena_fini(&arena);
    return 0;
}
