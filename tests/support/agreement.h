/* Random patterns and events over the whole language, from small pools so that they often meet; and the comparison of the compiled matcher
 * with the plain evaluator on them. Everything follows from one seed. Used by the unit test, the long run and the bench. */
#ifndef SUPPORT_AGREEMENT_H
#define SUPPORT_AGREEMENT_H

#include <stdio.h>
#include <stdlib.h>

#include "matcher.h"

/* ---- drawing -------------------------------------------------------------------------------------------------------------------- */

struct random_source {
    uint64_t state;
};

static inline uint32_t draw(struct random_source *r, uint32_t below) { /* xorshift64*, G. Marsaglia 2003, S. Vigna 2016 */
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (uint32_t)((r->state * UINT64_C(0x2545F4914F6CDD1D) >> 32) * below >> 32);
}

static inline bool chance(struct random_source *r, uint32_t percent) { return draw(r, 100) < percent; }

#define PICK(r, pool) ((pool)[draw(r, sizeof(pool) / sizeof(pool)[0])])

/* JSON strings as they are written between the quotes; several spell the same text. */
static const char *const gen_strings[] = {
    "",
    "a",
    "ab",
    "abc",
    "ABC",
    "aBc",
    "b",
    "ba",
    "bab",
    "abab",
    "x",
    "xyz",
    "xyzzy",
    "a*b",
    "a\\\\b",
    "\\u0061b",
    "a\\u0062c",
    "a\\tb",
    "\\u00e9",
    "\xC3\xA9",
    "\xC3\x89",
    "\xE2\x84\xAA",
    "k",
    "K",
    "\xC3\x9F",
    "ss",
    "\xF0\x9D\x94\xB8",
    "\\ud83d\\ude00",
    "\xF0\x90\x90\x80",
    "\xF0\x90\x90\xA8",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.1.1",
    "10.0.0.256",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:10.0.0.1",
    "2001:db8::5",
    "2001:DB8:0::5",
    "192.168.0.77",
    "5",
    "true",
    "null",
    "aaaaaaaab",
    "abcdefghijklmnop",
    "ABCDEFGHIJKLMNOP",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "a.b",
    " ",
    "\\/",
};
static const char *const gen_numbers[] = {"0",
                                          "-0",
                                          "1",
                                          "5",
                                          "5.0",
                                          "50e-1",
                                          "5e0",
                                          "-5",
                                          "10",
                                          "1e1",
                                          "0.1",
                                          "1e-1",
                                          "100",
                                          "99.99",
                                          "9007199254740993",
                                          "9007199254740992",
                                          "1e309",
                                          "1E309",
                                          "-1e309",
                                          "0e5",
                                          "1e-400",
                                          "3.14159265358979",
                                          "12345678901234567890",
                                          "2.5"};
static const char *const gen_names[] = {"a",   "b",     "c",       "d", "a",  "b",  "detail", "a.b",
                                        "b.c", "a.b.c", "\\u0061", "",  "a.", ".a", "$or",    "x-long-name-of-a-field"};
static const char *const gen_plain_names[] = {"a", "b", "c", "d"};

static inline const char *gen_name(struct random_source *r) { return chance(r, 90) ? PICK(r, gen_plain_names) : PICK(r, gen_names); }

static inline void gen_string(struct random_source *r, struct buf *out) { buf_addf(out, "\"%s\"", PICK(r, gen_strings)); }

static inline void gen_scalar(struct random_source *r, struct buf *out) {
    static const char *const words[] = {"true", "false", "null"};
    uint32_t kind = draw(r, 10);
    if (kind < 6)
        gen_string(r, out);
    else if (kind < 9)
        buf_addz(out, PICK(r, gen_numbers));
    else
        buf_addz(out, PICK(r, words));
}

static inline void gen_blank(struct random_source *r, struct buf *out) {
    static const char *const blanks[] = {" ", "\n", "\t ", "\r\n"};
    if (chance(r, 3)) buf_addz(out, PICK(r, blanks));
}

/* ---- events --------------------------------------------------------------------------------------------------------------------- */

static inline void gen_object(struct random_source *r, struct buf *out, int depth);

static inline void gen_value(struct random_source *r, struct buf *out, int depth) {
    uint32_t kind = depth > 0 ? draw(r, 10) : 0;
    gen_blank(r, out);
    if (kind < 5) {
        gen_scalar(r, out);
    } else if (kind < 7) {
        gen_object(r, out, depth - 1);
    } else {
        uint32_t n = chance(r, 2) ? 40 : draw(r, 4);
        buf_addc(out, '[');
        for (uint32_t i = 0; i < n; i++) {
            if (i) buf_addc(out, ',');
            gen_value(r, out, depth - 1);
        }
        buf_addc(out, ']');
    }
    gen_blank(r, out);
}

static inline void gen_object(struct random_source *r, struct buf *out, int depth) {
    uint32_t n = 1 + draw(r, 6);
    buf_addc(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_addc(out, ',');
        gen_blank(r, out);
        buf_addf(out, "\"%s\"", gen_name(r));
        gen_blank(r, out);
        buf_addc(out, ':');
        gen_value(r, out, depth);
    }
    gen_blank(r, out);
    buf_addc(out, '}');
}

/* ---- patterns ------------------------------------------------------------------------------------------------------------------- */

static inline void gen_wildcard(struct random_source *r, struct buf *out) {
    static const char *const pieces[] = {"", "a", "b", "ab", "xyz", "\\\\*", "cdefghij", "\xC3\xA9", "a"};
    buf_addc(out, '"');
    buf_addz(out, PICK(r, pieces));
    for (uint32_t stars = draw(r, 3); stars; stars--) buf_addf(out, "*%s", PICK(r, pieces));
    buf_addc(out, '"');
}

static inline void gen_string_list(struct random_source *r, struct buf *out, bool wildcards) {
    uint32_t n = draw(r, 4);
    if (n) buf_addc(out, '[');
    for (uint32_t i = 0; i < (n ? n : 1); i++) {
        if (i) buf_addc(out, ',');
        if (wildcards)
            gen_wildcard(r, out);
        else
            gen_string(r, out);
    }
    if (n) buf_addc(out, ']');
}

static inline void gen_anything_but(struct random_source *r, struct buf *out) {
    static const char *const inner[] = {"prefix", "suffix", "equals-ignore-case", "wildcard"};
    buf_addz(out, "{\"anything-but\":");
    uint32_t kind = draw(r, 6);
    if (kind < 4) {
        buf_addf(out, "{\"%s\":", inner[kind]);
        gen_string_list(r, out, kind == 3);
        buf_addc(out, '}');
    } else if (kind == 4) {
        gen_string_list(r, out, false);
    } else {
        buf_addf(out, "[%s,%s]", PICK(r, gen_numbers), PICK(r, gen_numbers));
    }
    buf_addc(out, '}');
}

static inline void gen_range(struct random_source *r, struct buf *out) {
    static const char *const ops[] = {"=", "<", "<=", ">", ">="};
    static const char *const bounds[] = {"-5", "0", "1", "2.5", "5", "10", "100", "1e1", "99.99"};
    if (chance(r, 60)) {
        buf_addf(out, "{\"numeric\":[\"%s\",%s]}", PICK(r, ops), PICK(r, bounds));
        return;
    }
    uint32_t low = draw(r, 4), high = low + 1 + draw(r, 3);
    buf_addf(out, "{\"numeric\":[\">%s\",%s,\"<%s\",%s]}", chance(r, 50) ? "=" : "", bounds[low], chance(r, 50) ? "=" : "", bounds[high]);
}

static inline void gen_alternative(struct random_source *r, struct buf *out) {
    static const char *const cidrs[] = {"10.0.0.0/24", "10.0.0.1/31", "0.0.0.0/0", "192.168.0.64/27", "2001:db8::/32", "::/0", "::1/127"};
    static const char *const named[] = {"prefix", "suffix", "equals-ignore-case"};
    uint32_t kind = draw(r, 16);
    if (kind < 6) {
        gen_scalar(r, out);
    } else if (kind < 9) {
        buf_addf(out, "{\"%s\":", named[kind - 6]);
        gen_string(r, out);
        buf_addc(out, '}');
    } else if (kind == 9) {
        buf_addf(out, "{\"%s\":{\"equals-ignore-case\":", named[draw(r, 2)]);
        gen_string(r, out);
        buf_addz(out, "}}");
    } else if (kind == 10) {
        buf_addz(out, "{\"wildcard\":");
        gen_wildcard(r, out);
        buf_addc(out, '}');
    } else if (kind == 11) {
        gen_range(r, out);
    } else if (kind == 12) {
        buf_addf(out, "{\"cidr\":\"%s\"}", PICK(r, cidrs));
    } else if (kind == 13) {
        buf_addf(out, "{\"exists\":%s}", chance(r, 50) ? "true" : "false");
    } else {
        gen_anything_but(r, out);
    }
}

static inline void gen_pattern(struct random_source *r, struct buf *out, int depth);

static inline void gen_choice(struct random_source *r, struct buf *out, int depth) {
    buf_addz(out, "\"$or\":[");
    for (uint32_t i = 0, n = 2 + draw(r, 2); i < n; i++) {
        if (i) buf_addc(out, ',');
        gen_pattern(r, out, depth - 1);
    }
    buf_addc(out, ']');
}

static inline void gen_pattern(struct random_source *r, struct buf *out, int depth) {
    uint32_t n = 1 + draw(r, 3);
    buf_addc(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_addc(out, ',');
        if (depth > 0 && chance(r, 10)) {
            gen_choice(r, out, depth);
            continue;
        }
        buf_addf(out, "\"%s\":", gen_name(r));
        if (depth > 0 && chance(r, 45)) {
            gen_pattern(r, out, depth - 1);
            continue;
        }
        buf_addc(out, '[');
        for (uint32_t k = 0, count = chance(r, 70) ? 1 : 1 + draw(r, 4); k < count; k++) {
            if (k) buf_addc(out, ',');
            gen_alternative(r, out);
        }
        buf_addc(out, ']');
    }
    buf_addc(out, '}');
}

/* ---- comparison ----------------------------------------------------------------------------------------------------------------- */

enum { AGREEMENT_RULES_MAX = 64 };
struct agreement {
    struct matcher_set *set;
    struct matcher_work *works[4];
    size_t work_count;
    struct pattern *patterns[AGREEMENT_RULES_MAX];
    uint32_t ids[AGREEMENT_RULES_MAX];
    size_t count;
    struct matcher *matcher;
    struct arena arena;
    uint64_t pairs, matches;
};

static inline bool agreement_init(struct agreement *g) {
    static const char *const scanners[] = {"avx512", "avx2", "sse2", "portable"};
    *g = (struct agreement){.set = matcher_set_new()};
    arena_init(&g->arena, 0);
    for (size_t i = 0; i < 4; i++)
        if ((g->works[g->work_count] = matcher_work_new(scanners[i]))) g->work_count++;
    return g->set && g->work_count;
}

static inline void agreement_fini(struct agreement *g) {
    matcher_release(g->matcher);
    matcher_set_free(g->set);
    for (size_t i = 0; i < g->count; i++) pattern_free(g->patterns[i]);
    for (size_t i = 0; i < g->work_count; i++) matcher_work_free(g->works[i]);
    arena_fini(&g->arena);
}

/* Adds a rule; a pattern that is refused is left out. False: something that must not fail did. */
static inline bool agreement_add(struct agreement *g, struct str pattern) {
    struct pattern *p;
    if (g->count == AGREEMENT_RULES_MAX || pattern_parse(pattern, &p, NULL)) return true;
    g->patterns[g->count] = p;
    return matcher_set_add(g->set, p, &g->patterns[g->count], &g->ids[g->count]) == ERR_OK && ++g->count;
}

static inline bool agreement_publish(struct agreement *g) {
    matcher_release(g->matcher);
    return matcher_set_publish(g->set, &g->matcher) == ERR_OK;
}

static inline void agreement_clear(struct agreement *g) {
    for (size_t i = 0; i < g->count; i++) {
        matcher_set_remove(g->set, g->ids[i]);
        pattern_free(g->patterns[i]);
    }
    g->count = 0;
}

static inline void agreement_report(const struct agreement *g, size_t rule, struct str event, bool expected) {
    fprintf(stderr, "pattern %.*s\nevent   %.*s\nevaluator: %s, matcher: %s (of %zu rules)\n", STR_ARG(pattern_source(g->patterns[rule])),
            STR_ARG(event), expected ? "match" : "no match", expected ? "no match" : "match", g->count);
}

/* One event against all rules, both ways. False: they differ, and stderr tells on what. */
static inline bool agreement_check(struct agreement *g, struct str event) {
    struct node *root;
    struct matcher_found found;
    bool took[AGREEMENT_RULES_MAX] = {0};
    arena_reset(&g->arena);
    enum err syntax = doc_parse(&g->arena, event, &root, NULL);
    enum err e = matcher_match(g->matcher, g->works[g->pairs % g->work_count], event, &found);
    g->pairs++;
    if (e != syntax) return fprintf(stderr, "event %.*s: %d, expected %d\n", STR_ARG(event), e, syntax), false;
    if (e) return true;
    for (size_t i = 0; i < found.count; i++) {
        size_t rule = (size_t)((struct pattern **)found.owners[i] - g->patterns);
        if (took[rule]) return fprintf(stderr, "a rule was found twice\n"), false;
        took[rule] = true;
    }
    for (size_t i = 0; i < g->count; i++) {
        bool expected;
        e = pattern_match(g->patterns[i], root, &g->arena, &expected);
        if (e) return e == ERR_LIMIT;
        g->matches += expected;
        if (expected != took[i]) return agreement_report(g, i, event, expected), false;
    }
    return true;
}

/* One set of rules and `events` events. */
static inline bool agreement_round(struct agreement *g, struct random_source *r, uint32_t events, struct buf *text) {
    uint32_t rules = chance(r, 50) ? 1 : 1 + draw(r, chance(r, 10) ? AGREEMENT_RULES_MAX : 8);
    bool good = true;
    agreement_clear(g);
    for (uint32_t i = 0; i < rules && good; i++) {
        buf_clear(text);
        gen_pattern(r, text, 2);
        good = agreement_add(g, buf_str(text));
    }
    good = good && agreement_publish(g);
    for (uint32_t i = 0; i < events && good; i++) {
        buf_clear(text);
        gen_object(r, text, 4);
        if (chance(r, 2)) text->p[draw(r, (uint32_t)text->n)] = '"'; /* mostly not JSON any more */
        good = agreement_check(g, buf_str(text));
    }
    return good;
}

#endif
