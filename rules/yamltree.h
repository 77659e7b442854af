/* YAML as a tree whose every node knows where it stands; types of scalars as JSON has them. Two dialects:
 *
 * YAML_RULES, for rule files. Plain scalars: true, false, null (and ~, and nothing) are what they say; what JSON can write as a number is that number, with its text; what looks
 * like a number to some YAML readers but is none in JSON (017, 0x1F, 0o17, .5, +5, 1_000, .nan) is refused: quote it, or write it as JSON does.
 * yes, no, on, off are strings. Quoted and block scalars are strings. Anchors, aliases, tags and merge keys are refused; so are a second
 * document, duplicate keys, keys that are no scalars, and more than YAML_DEPTH_MAX levels.
 *
 * YAML_TEMPLATE, for CloudFormation templates (template.h): the tags of its functions (!Ref, !Sub...) stay at their nodes. Plain scalars are
 * what CloudFormation's YAML 1.1 takes them for, with a warning where that surprises: yes, no, on, off are booleans; 017, 0x1F, 0b1, 1_000,
 * 12:30 and +5 are numbers. null is refused, and so are keys that are numbers or booleans. Dates are strings. Pure; any thread. */
#ifndef RULES_YAMLTREE_H
#define RULES_YAMLTREE_H

#include "arena.h"
#include "err.h"

enum { YAML_DEPTH_MAX = 200, PROBLEMS_MAX = 100 };
enum ynode_kind { YNODE_NULL, YNODE_BOOL, YNODE_NUMBER, YNODE_STRING, YNODE_LIST, YNODE_MAP };

struct ynode {
    enum ynode_kind kind;
    struct str text;          /* scalars: as written, without quotes */
    struct str key;           /* in a map: its name */
    int line, column;         /* 1-based; of the value */
    int key_line, key_column;
    const struct ynode *parent;
    struct ynode *child, *next;
    size_t index, count;      /* place in the parent; children */
    struct str tag;           /* templates: "Ref" for !Ref; otherwise absent */
    bool unknown;             /* templates: could not be worked out, and that was told */
};
enum yaml_dialect { YAML_RULES, YAML_TEMPLATE };

/* Something wrong in a file. */
struct problem {
    int line, column;
    struct str path;          /* "accounts.111122223333.buses.default", or empty */
    struct str message;       /* what is wrong and what would be right */
};
/* All of them, what was told twice of one place once; those past PROBLEMS_MAX are counted only. */
struct problems {
    struct arena *arena;
    struct problem *items;
    size_t count, total;
};

void problems_init(struct problems *p, struct arena *a);
void problem_add(struct problems *p, int line, int column, struct str path, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* At a node, with its path. */
void problem_at(struct problems *p, const struct ynode *n, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts them in the order of the file. */
void problems_sort(struct problems *p);

/* *root is NULL for an empty file, or when the text is no YAML (then p tells). ERR_NOMEM only. */
enum err yaml_read(struct str text, struct arena *a, struct ynode **root, struct problems *p) MUST_USE;
/* The same in a dialect. `warnings` is used by YAML_TEMPLATE only. ERR_NOMEM says with line and column how far the memory went. */
enum err yaml_read_as(struct str text, enum yaml_dialect dialect, struct arena *a, struct ynode **root, struct problems *p,
                      struct problems *warnings, struct fault *fault) MUST_USE;
/* What a plain scalar is in the dialect; *text becomes what it stands for ("yes" -> "true"), told as a problem or warning at n. */
enum ynode_kind yaml_plain_kind(enum yaml_dialect dialect, struct str *text, struct arena *a, const struct ynode *n, struct problems *p,
                                struct problems *warnings);
const struct ynode *ynode_get(const struct ynode *map, struct str key);
/* "accounts.1111.buses.default.rules.r.pattern.detail.state[1]" */
struct str ynode_path(const struct ynode *n, struct arena *a);
/* The value as JSON. */
void ynode_json(struct buf *out, const struct ynode *n);

#endif
