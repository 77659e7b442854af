/* What patterns want and events have, in words. */
#include "explain_parts.h"
#include "json.h"
#include "likeness.h"

enum { ALTERNATIVES_SHOWN = 8 };

void phrase_text(struct str text, struct buf *out) {
    struct str head = likeness_head(text, EXPLAIN_VALUE_BYTES);
    json_quote(out, head);
    if (head.n < text.n) buf_addf(out, "... (%zu characters)", likeness_characters(text));
}

static void add_cut(struct str text, struct buf *out) {
    struct str head = likeness_head(text, EXPLAIN_VALUE_BYTES);
    buf_add(out, head);
    if (head.n < text.n) buf_addz(out, "...");
}

void phrase_value(const struct node *leaf, bool named, struct buf *out) {
    switch (leaf->kind) {
    case NODE_STRING:
        if (named) buf_addz(out, "the string ");
        phrase_text(leaf->text, out);
        return;
    case NODE_NUMBER:
        if (named) buf_addz(out, "the number ");
        add_cut(leaf->text, out);
        return;
    case NODE_NULL: buf_addz(out, "null"); return;
    case NODE_FALSE: buf_addz(out, named ? "the boolean false" : "false"); return;
    case NODE_TRUE: buf_addz(out, named ? "the boolean true" : "true"); return;
    case NODE_ARRAY: buf_addz(out, "an array"); return;
    case NODE_OBJECT: buf_addz(out, "an object"); return;
    }
}

static void add_range(const struct pattern_range *r, struct buf *out) {
    bool equal = r->has_lower && r->has_upper && number_compare(&r->lower, &r->upper) == 0;
    buf_addz(out, "a number ");
    if (equal) {
        buf_addz(out, "= ");
        add_cut(r->lower.text, out);
        return;
    }
    if (r->has_lower) {
        buf_addz(out, r->lower_open ? "> " : ">= ");
        add_cut(r->lower.text, out);
    }
    if (r->has_upper) {
        buf_addf(out, "%s%s ", r->has_lower ? " and " : "", r->upper_open ? "<" : "<=");
        add_cut(r->upper.text, out);
    }
}

void phrase_test(const struct pattern_test *t, struct buf *out) {
    static const char *const before[] = {[PATTERN_PREFIX] = "a string that begins with ",
                                         [PATTERN_SUFFIX] = "a string that ends with ",
                                         [PATTERN_PREFIX_FOLDED] = "a string that begins, in any case, with ",
                                         [PATTERN_SUFFIX_FOLDED] = "a string that ends, in any case, with ",
                                         [PATTERN_WILDCARD] = "a string like "};
    switch (t->kind) {
    case PATTERN_STRING: phrase_text(t->text, out); return;
    case PATTERN_NUMBER: add_cut(t->text, out); return;
    case PATTERN_NULL: buf_addz(out, "null"); return;
    case PATTERN_FALSE: buf_addz(out, "false"); return;
    case PATTERN_TRUE: buf_addz(out, "true"); return;
    case PATTERN_FOLDED:
        phrase_text(t->text, out);
        buf_addz(out, " in any case");
        return;
    case PATTERN_RANGE: add_range(&t->range, out); return;
    case PATTERN_CIDR:
        buf_addz(out, "an address in ");
        add_cut(t->text, out);
        return;
    case PATTERN_PRESENT: buf_addz(out, "any value"); return;
    case PATTERN_ABSENT: buf_addz(out, "no value"); return;
    default: buf_addz(out, before[t->kind]); phrase_text(t->text, out);
    }
}

static void add_alternative(const struct pattern_alternative *a, struct buf *out) {
    if (a->but) buf_addz(out, "any value but ");
    size_t shown = a->count < ALTERNATIVES_SHOWN ? a->count : ALTERNATIVES_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        if (i) buf_addz(out, ", ");
        phrase_test(&a->tests[i], out);
    }
    if (shown < a->count) buf_addf(out, " and %zu more", a->count - shown);
}

static bool is_plain(const struct pattern_alternative *a) { return !a->but && a->tests[0].kind <= PATTERN_TRUE; }

void phrase_field(const struct pattern_field *f, struct buf *out) {
    size_t shown = f->count < ALTERNATIVES_SHOWN ? f->count : ALTERNATIVES_SHOWN;
    bool plain = f->count > 1;
    for (size_t i = 0; i < f->count; i++) plain &= is_plain(&f->alternatives[i]);
    if (plain) buf_addz(out, "one of ");
    for (size_t i = 0; i < shown; i++) {
        if (i) buf_addz(out, plain ? ", " : ", or ");
        add_alternative(&f->alternatives[i], out);
    }
    if (shown < f->count) buf_addf(out, "%s %zu more", plain ? " and" : ", or one of", f->count - shown);
}
