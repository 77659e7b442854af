#include "wildcard.h"

#include <assert.h>

/* ---- text ---------------------------------------------------------------------------------------------------------------------- */

enum wildcard_flaw wildcard_check(struct str text, size_t *position) {
    for (size_t i = 0; i < text.n; i++) {
        bool last = i + 1 == text.n;
        *position = i + 1;
        if (text.p[i] == '*' && !last && text.p[i + 1] == '*') return WILDCARD_CONSECUTIVE;
        if (text.p[i] != '\\') continue;
        if (last || (text.p[i + 1] != '*' && text.p[i + 1] != '\\')) return WILDCARD_ESCAPE;
        i++;
    }
    return WILDCARD_OK;
}

enum err wildcard_read(struct str text, struct arena *a, struct wildcard *w) {
    size_t stars = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\')
            i++;
        else
            stars += text.p[i] == '*';
    }
    struct str *pieces = arena_array(a, stars + 1, sizeof *pieces);
    char *bytes = arena_alloc(a, text.n);
    if (!pieces || !bytes) return ERR_NOMEM;
    struct str *piece = pieces;
    *piece = str_of(bytes, 0);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '*') {
            piece[1] = str_of(piece->p + piece->n, 0);
            piece++;
            continue;
        }
        if (text.p[i] == '\\') i++;
        bytes[(size_t)(piece->p - bytes) + piece->n++] = text.p[i];
    }
    *w = (struct wildcard){pieces, stars + 1};
    return ERR_OK;
}

bool wildcard_match(const struct wildcard *w, struct str s) {
    if (w->count == 1) return str_eq(s, w->pieces[0]);
    struct str first = w->pieces[0], last = w->pieces[w->count - 1];
    if (s.n < first.n + last.n || !str_starts(s, first) || !str_ends(s, last)) return false;
    s = str_of(s.p + first.n, s.n - first.n - last.n);
    for (size_t i = 1; i + 1 < w->count; i++) {
        struct str piece = w->pieces[i];
        const char *found = memmem(s.p, s.n, piece.p, piece.n);
        if (!found) return false;
        s = str_skip(s, (size_t)(found - s.p) + piece.n);
    }
    return true;
}

/* ---- complexity: the automaton of all prefixes, walked set of positions by set of positions ---------------------------------------- */

enum { STAR = 0x110000, OTHER, SETS_MOST = 1 << 14, TABLE_SIZE = 1 << 15 };
#define LOOKUPS_MOST ((size_t)10000000)

struct position {
    uint32_t c;              /* a character, or STAR */
    uint32_t child, sibling; /* 0: none */
};
/* Positions that are reached together, ascending; unused places are 0. Position 0, the empty prefix, stands in the first set only. */
struct set {
    uint32_t at[WILDCARD_LIMIT_MAX + 2];
};
struct automaton {
    struct position *positions;
    uint32_t count;
    size_t limit;
    struct set *sets; /* each found once; those from `done` on are to be walked */
    size_t set_count;
    uint32_t *table; /* index into sets + 1 */
    size_t lookups, most;
};

static uint32_t child_of(struct automaton *m, uint32_t position, uint32_t c) {
    for (uint32_t at = m->positions[position].child; at; at = m->positions[at].sibling) {
        m->lookups++;
        if (m->positions[at].c == c) return at;
    }
    return 0;
}

static uint32_t add_child(struct automaton *m, uint32_t position, uint32_t c) {
    uint32_t at = child_of(m, position, c);
    if (at) return at;
    at = ++m->count;
    m->positions[at] = (struct position){.c = c, .sibling = m->positions[position].child};
    m->positions[position].child = at;
    return at;
}

/* Some number for the character, the same for the same one and never STAR or OTHER: its bytes' payloads and all of the lead byte. */
static uint32_t next_char(struct str s, size_t *i) {
    unsigned char lead = (unsigned char)s.p[(*i)++];
    uint32_t c = lead;
    while (*i < s.n && ((unsigned char)s.p[*i] & 0xC0) == 0x80) c = c << 6 | ((unsigned char)s.p[(*i)++] & 0x3Fu);
    return c;
}

static void add_wildcard(struct automaton *m, const struct wildcard *w) {
    uint32_t at = 0;
    for (size_t k = 0; k < w->count; k++) {
        if (k) at = add_child(m, at, STAR);
        for (size_t i = 0; i < w->pieces[k].n;) at = add_child(m, at, next_char(w->pieces[k], &i));
    }
}

/* Adds a position to a set; false when the set would pass the limit. */
static bool include(struct automaton *m, struct set *s, size_t *n, uint32_t position) {
    size_t i = *n;
    while (i && s->at[i - 1] > position) i--;
    if (i && s->at[i - 1] == position) return true;
    if (*n > m->limit) return false;
    memmove(&s->at[i + 1], &s->at[i], (*n - i) * sizeof s->at[0]);
    s->at[i] = position;
    if (++*n > m->most) m->most = *n;
    return *n <= m->limit;
}

static bool include_with_star(struct automaton *m, struct set *s, size_t *n, uint32_t position) {
    uint32_t star = child_of(m, position, STAR);
    return (!position || include(m, s, n, position)) && (!star || include(m, s, n, star));
}

static size_t set_size(const struct set *s) {
    size_t n = 0;
    while (n < WILDCARD_LIMIT_MAX + 2 && s->at[n]) n++;
    return n;
}

/* Remembers a set unless it is known; false when there are too many. */
static bool remember(struct automaton *m, const struct set *s) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < WILDCARD_LIMIT_MAX + 2 && s->at[i]; i++) hash = (hash ^ s->at[i]) * 16777619u;
    hash ^= hash >> 15;
    for (size_t i = hash % TABLE_SIZE;; i = (i + 1) % TABLE_SIZE) {
        if (!m->table[i]) {
            if (m->set_count == SETS_MOST) return false;
            m->sets[m->set_count] = *s;
            m->table[i] = (uint32_t)++m->set_count;
            return true;
        }
        if (memcmp(&m->sets[m->table[i] - 1], s, sizeof *s) == 0) return true;
    }
}

/* The set after one more character. `from_start`: position 0 is in it, too. */
static bool step(struct automaton *m, const struct set *s, bool from_start, uint32_t c) {
    struct set next = {0};
    size_t n = 0;
    for (size_t i = 0, size = set_size(s) + from_start; i < size; i++) {
        uint32_t position = from_start ? (i ? s->at[i - 1] : 0) : s->at[i];
        if (position && m->positions[position].c == STAR && !include(m, &next, &n, position)) return false;
        uint32_t child = c == OTHER ? 0 : child_of(m, position, c);
        if (child && !include_with_star(m, &next, &n, child)) return false;
    }
    return m->lookups < LOOKUPS_MOST && remember(m, &next);
}

/* Every character that some position of the set waits for, and one for all the others. */
static bool step_all(struct automaton *m, const struct set *s, bool from_start) {
    for (size_t i = 0, size = set_size(s) + from_start; i < size; i++) {
        uint32_t position = from_start ? (i ? s->at[i - 1] : 0) : s->at[i];
        for (uint32_t at = m->positions[position].child; at; at = m->positions[at].sibling)
            if (m->positions[at].c != STAR && !step(m, s, from_start, m->positions[at].c)) return false;
    }
    return step(m, s, from_start, OTHER);
}

static bool explore(struct automaton *m) {
    struct set start = {0};
    size_t n = 0;
    if (!include_with_star(m, &start, &n, 0) || !step_all(m, &start, true)) return false;
    for (size_t i = 0; i < m->set_count; i++)
        if (!step_all(m, &m->sets[i], false)) return false;
    return true;
}

enum err wildcard_complexity(const struct wildcard *const *set, size_t count, size_t limit, struct arena *work, size_t *complexity) {
    assert(limit <= WILDCARD_LIMIT_MAX);
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        most += set[i]->count - 1;
        for (size_t k = 0; k < set[i]->count; k++) most += set[i]->pieces[k].n;
    }
    struct automaton m = {.limit = limit};
    if (most <= 2) return *complexity = most - 1, ERR_OK; /* "", "*" or one letter: common, and not worth the tables */
    m.positions = arena_array(work, most, sizeof *m.positions);
    m.sets = arena_array(work, SETS_MOST, sizeof *m.sets);
    m.table = arena_array(work, TABLE_SIZE, sizeof *m.table);
    if (!m.positions || !m.sets || !m.table) return ERR_NOMEM;
    for (size_t i = 0; i < count; i++) add_wildcard(&m, set[i]);
    *complexity = explore(&m) ? m.most : limit + 1;
    return ERR_OK;
}
