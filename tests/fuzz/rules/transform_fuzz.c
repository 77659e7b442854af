/* A path, a template and an event, each ended by a line of "---": what is refused has a sentence; what comes out is minified JSON, twice
 * the same. */
#include <stdlib.h>

#include "path.h"
#include "transform.h"

static void check(bool good) {
    if (!good) abort();
}

static struct str cut(struct str *rest) {
    static const char mark[] = "\n---\n";
    struct str piece = *rest;
    for (size_t i = 0; i + 5 <= rest->n; i++)
        if (memcmp(rest->p + i, mark, 5) == 0) {
            piece.n = i;
            *rest = str_skip(*rest, i + 5);
            return piece;
        }
    *rest = str_of(rest->p + rest->n, 0);
    return piece;
}

static void apply(const struct transform_spec *spec, const struct transform_event *ev, struct arena *a) {
    static struct fault f;
    struct transform *t;
    struct str once, twice;
    struct node *root;
    enum err err = transform_new(spec, &t, &f);
    check(err == ERR_OK || (err == ERR_VALIDATION && !t && f.message[0]));
    if (err) return;
    err = transform_apply(t, ev, a, &once, &f);
    if (!err) {
        struct buf small;
        buf_init(&small, 0);
        check(doc_parse(a, once, &root, &f) == ERR_OK);
        doc_minify(&small, root);
        check(str_eq(buf_str(&small), once));
        check(transform_apply(t, ev, a, &twice, &f) == ERR_OK && str_eq(once, twice));
        buf_fini(&small);
    } else {
        check((err == ERR_VALIDATION && spec->template.p && f.message[0]) || err == ERR_NOMEM);
    }
    transform_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    struct arena a;
    struct path *path;
    struct str rest = str_of((const char *)data, size), path_text = cut(&rest), template = cut(&rest);
    arena_init(&a, 32 << 20);
    struct transform_event ev = {
        .rule_arn = STR("arn:aws:events:us-east-1:111111111111:rule/r"), .rule_name = STR("r"), .ingestion_ms = 1777593600000};
    struct node *root;
    if (!doc_parse(&a, rest, &root, NULL)) {
        struct buf json;
        buf_init(&json, 0);
        doc_minify(&json, root);
        ev.json = buf_str(&json);
        ev.root = root;
        if (!path_parse(path_text, &path, &f)) {
            const struct node *first = path_first(path, root), *all = path_eval(path, root, &a);
            check(!first || all);
            check(all || !first);
            path_free(path);
        } else {
            check(f.code == ERR_VALIDATION && f.message[0]);
        }
        struct transform_path paths[] = {{STR("a"), path_text}, {STR("detail"), STR("$.detail")}, {STR("all"), STR("$.detail.*")}};
        apply(&(struct transform_spec){.target_id = STR("t"), .input_path = path_text}, &ev, &a);
        apply(&(struct transform_spec){.target_id = STR("t"), .template = template, .paths = paths, .path_count = 3}, &ev, &a);
        apply(&(struct transform_spec){.target_id = STR("t"), .input = template}, &ev, &a);
        buf_fini(&json);
    }
    arena_fini(&a);
    return 0;
}
