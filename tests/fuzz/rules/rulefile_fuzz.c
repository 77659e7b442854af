/* Rule files of any bytes: problems with a place in the text and a sentence, or declared operations whose requests are JSON objects, and
 * whose patterns hold. */
#include <stdlib.h>

#include "pattern.h"
#include "rulefile.h"

static void check(bool good) {
    if (!good) abort();
}

static int lines_of(struct str text) {
    int n = 1;
    for (size_t i = 0; i < text.n; i++) n += text.p[i] == '\n' || text.p[i] == '\r' || (unsigned char)text.p[i] >= 0x80;
    return n;
}

static void check_declared(const struct declared *d, struct arena *a) {
    static struct fault f;
    struct node *request;
    struct pattern *p;
    check(d->node && d->what.n && d->account.n && d->operation.n);
    check(doc_parse(a, d->request, &request, &f) == ERR_OK && request->kind == NODE_OBJECT);
    const struct node *pattern = doc_get(request, STR("EventPattern"));
    if (!pattern || (!pattern->text.n && str_eqz(d->operation, "events.CreateArchive"))) return; /* empty: it keeps everything */
    check(pattern_parse(pattern->text, &p, &f) == ERR_OK);
    pattern_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    struct arena a;
    struct rulefile file;
    struct str text = str_of((const char *)data, size);
    arena_init(&a, 64 << 20);
    enum err err = rulefile_read(text, STR("/etc/bus"), STR("us-east-1"), &a, &file, &f);
    check(err == ERR_OK || err == ERR_NOMEM);
    check(file.problems.count == (file.problems.total < PROBLEMS_MAX ? file.problems.total : PROBLEMS_MAX));
    for (size_t i = 0; !err && i < file.problems.count; i++) {
        const struct problem *p = &file.problems.items[i];
        check(p->line >= 1 && p->column >= 1 && p->line <= lines_of(text) && p->message.n && str_is_utf8(p->message) &&
              str_is_utf8(p->path));
    }
    if (!err && !file.problems.total)
        for (size_t i = 0; i < file.count; i++) check_declared(&file.items[i], &a);
    arena_fini(&a);
    return 0;
}
