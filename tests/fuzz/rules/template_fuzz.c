/* Templates of any bytes: problems and warnings with a place in the text and a sentence, or declared operations whose requests are JSON
 * objects and whose patterns hold; outputs that are text. The same bytes give the same result twice. */
#include <stdlib.h>

#include "pattern.h"
#include "template.h"

static void check(bool good) {
    if (!good) abort();
}

static int lines_of(struct str text) {
    int n = 1;
    for (size_t i = 0; i < text.n; i++) n += text.p[i] == '\n' || text.p[i] == '\r' || (unsigned char)text.p[i] >= 0x80;
    return n;
}

static void check_problems(const struct problems *p, struct str text) {
    check(p->count == (p->total < PROBLEMS_MAX ? p->total : PROBLEMS_MAX));
    for (size_t i = 0; i < p->count; i++)
        check(p->items[i].line >= 1 && p->items[i].column >= 1 && p->items[i].line <= lines_of(text) && p->items[i].message.n &&
              str_is_utf8(p->items[i].message) && str_is_utf8(p->items[i].path));
}

static void check_declared(const struct declared *d, struct arena *a) {
    static struct fault f;
    struct node *request;
    struct pattern *p;
    check(d->node && d->what.n && d->account.n && d->operation.n);
    check(doc_parse(a, d->request, &request, &f) == ERR_OK && request->kind == NODE_OBJECT);
    const struct node *pattern = doc_get(request, STR("EventPattern"));
    if (!pattern) return;
    enum err err = pattern_parse(pattern->text, &p, &f);
    check(err == ERR_OK || pattern->text.p[0] != '{' || err == ERR_PATTERN);
    pattern_free(p);
}

static enum err read_once(struct str text, struct arena *a, struct rulefile *file) {
    static struct fault f;
    struct rulefile_parameter parameters[] = {{STR("Given"), STR("value"), false}, {STR("stack.Own"), STR("1,2"), false}};
    struct rulefile_options options = {.dir = STR("/etc/bus"),
                                       .region = STR("us-east-1"),
                                       .account = STR("111122223333"),
                                       .stack = STR("stack"),
                                       .parameters = parameters,
                                       .parameter_count = 2};
    arena_init(a, 64 << 20);
    enum err err = rulefile_read_as(text, &options, a, file, &f);
    check(err == ERR_OK || (err == ERR_NOMEM && f.line >= 1 && f.column >= 1));
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a, again;
    struct rulefile file, other;
    struct str text = str_of((const char *)data, size);
    enum err err = read_once(text, &a, &file), second = read_once(text, &again, &other);
    check(err == second);
    check_problems(&file.problems, text);
    check_problems(&file.warnings, text);
    if (!err && !file.problems.total) {
        check(file.count == other.count && file.output_count == other.output_count);
        for (size_t i = 0; i < file.count; i++) {
            check_declared(&file.items[i], &a);
            check(str_eq(file.items[i].request, other.items[i].request));
        }
        for (size_t i = 0; i < file.output_count; i++) check(str_is_utf8(file.outputs[i].value) && file.outputs[i].name.n);
    }
    arena_fini(&a);
    arena_fini(&again);
    return 0;
}
