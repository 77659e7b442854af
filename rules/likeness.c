#include "likeness.h"

enum { MOST = 64 };

static bool is_tail(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

size_t likeness_characters(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += !is_tail(s.p[i]);
    return n;
}

struct str likeness_head(struct str s, size_t n) {
    if (n >= s.n) return s;
    while (n && is_tail(s.p[n])) n--;
    return str_of(s.p, n);
}

/* Takes off what both begin and end with. */
static void trim_common(struct str *a, struct str *b) {
    size_t head = 0, tail = 0, least = a->n < b->n ? a->n : b->n;
    while (head < least && a->p[head] == b->p[head]) head++;
    while (head && ((head < a->n && is_tail(a->p[head])) || (head < b->n && is_tail(b->p[head])))) head--;
    *a = str_skip(*a, head);
    *b = str_skip(*b, head);
    least -= head;
    while (tail < least && a->p[a->n - 1 - tail] == b->p[b->n - 1 - tail]) tail++;
    while (tail && is_tail(a->p[a->n - tail])) tail--;
    a->n -= tail;
    b->n -= tail;
}

/* Each character's bytes as one number, which is enough to tell them apart. */
static size_t spell(struct str s, uint32_t out[MOST]) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; n++) {
        out[n] = (unsigned char)s.p[i++];
        while (i < s.n && is_tail(s.p[i])) out[n] = out[n] << 8 | (unsigned char)s.p[i++];
    }
    return n;
}

size_t likeness_edits(struct str a, struct str b) {
    uint32_t x[MOST], y[MOST];
    size_t rows[3][MOST + 1]; /* the two rows before, and this one */
    trim_common(&a, &b);
    if (likeness_characters(a) > MOST || likeness_characters(b) > MOST) return LIKENESS_FAR;
    size_t xn = spell(a, x), yn = spell(b, y);
    for (size_t j = 0; j <= yn; j++) rows[0][j] = j;
    for (size_t i = 1; i <= xn; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= yn; j++) {
            size_t best = above[j - 1] + (x[i - 1] != y[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[xn % 3][yn];
}

bool likeness_is_near(struct str a, struct str b, size_t edits) {
    size_t an = likeness_characters(a), bn = likeness_characters(b), most = an > bn ? an : bn;
    return edits != LIKENESS_FAR && edits <= (most < 8 ? 1 : most / 4) && edits < most;
}

static bool is_joint(char c) { return c == '-' || c == '_' || c == '.' || c == ' '; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool likeness_same_letters(struct str a, struct str b) {
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a.n && is_joint(a.p[i])) i++;
        while (k < b.n && is_joint(b.p[k])) k++;
        if (i == a.n || k == b.n) return i == a.n && k == b.n;
        if (lower(a.p[i++]) != lower(b.p[k++])) return false;
    }
}
