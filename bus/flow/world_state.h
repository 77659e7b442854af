/* The world's inside, shared by world.c (life, accounts, keys), world_bus.c and world_rule.c. */
#ifndef FLOW_WORLD_STATE_H
#define FLOW_WORLD_STATE_H

#include <pthread.h>

#include "compactor.h"
#include "record.h"
#include "world.h"

struct account {
    char id[13];
    struct str name; /* owned */
    int64_t created_ms;
    size_t bus_count;
};

struct key {
    struct caller *caller;
    struct str description, policy; /* owned */
    int64_t created_ms;
};

/* A bus as the control plane sees it: the newest head and rules, from which the next snapshot's view is made. */
struct bus_slot {
    struct bus_head *head;
    struct rule_view **rules; /* in order of name */
    size_t rule_count, rule_cap;
    struct matcher_set *set;  /* of the enabled rules with a pattern */
    struct bus_view *view;    /* as last published; NULL: changed since */
};

struct world {
    struct world_options o;
    struct str region; /* owned */
    pthread_mutex_t lock;
    struct map accounts; /* id -> struct account * */
    struct map keys;     /* id -> struct key *; changed under lock and keys_lock, so that a request never waits for somebody's commit */
    pthread_rwlock_t keys_lock;
    struct map buses;    /* "ACCOUNT/NAME" -> struct bus_slot * */
    struct map archives; /* "ACCOUNT/NAME" -> struct archive * (archive.c) */
    int64_t next_number, number_limit;
    int bulk;
    bool stale; /* something changed that no snapshot shows yet */
    uint64_t generation;
    struct snapshot_cell *cell;
    struct compactor *compactor;
};

/* One change: catalog operations that become durable together. Arena-backed; begin with change_init, end with change_commit or change_fini. */
struct change {
    struct arena arena;
    struct txn txn;
    bool failed; /* out of memory while it was being made */
};
void change_init(struct change *c);
void change_put(struct change *c, const char *kind, struct str key, struct str value); /* copies */
void change_delete(struct change *c, const char *kind, struct str key);
/* Blocks until it is durable; the caller holds the world's lock (changes are made one at a time). Ends c either way. */
enum err change_commit(struct world *w, struct change *c, struct fault *fault) MUST_USE;
void change_fini(struct change *c);

/* "ACCOUNT/NAME" and "ACCOUNT/BUS/RULE" in a. */
struct str bus_key(struct arena *a, struct bus_ref bus);
struct str rule_key(struct arena *a, struct bus_ref bus, struct str rule);
/* All _locked: the caller holds w->lock. */
struct bus_slot *bus_slot_locked(struct world *w, struct bus_ref bus);
/* As above; ERR_NOT_FOUND "Event bus N does not exist." */
enum err bus_need_locked(struct world *w, struct bus_ref bus, struct bus_slot **slot, struct fault *fault) MUST_USE;
/* The slot takes over the reference. False without memory. */
bool bus_attach_locked(struct world *w, struct bus_head *head) __attribute__((warn_unused_result));
void bus_detach_locked(struct world *w, struct bus_ref bus);
/* Index of the first rule whose name is not below `name`. */
size_t rule_index(const struct bus_slot *slot, struct str name);
struct rule_view *rule_find(const struct bus_slot *slot, struct str name);
bool rule_attach_locked(struct bus_slot *slot, struct rule_view *rule) __attribute__((warn_unused_result)); /* takes over; replaces */
void rule_detach_locked(struct bus_slot *slot, struct str name);
/* Compiles, stores and attaches a changed rule. */
enum err rule_store_locked(struct world *w, struct bus_slot *slot, const struct rule_draft *draft, struct fault *fault) MUST_USE;
/* ERR_MANAGED_RULE for a rule that only its manager may change; NULL is free. */
enum err rule_is_free(const struct rule_view *rule, struct fault *fault) MUST_USE;
/* Publishes a new snapshot unless a bulk load goes on. */
void world_changed_locked(struct world *w);

/* ---- archive.c ---- */
/* Loads one record of kind "archive". */
enum err archive_load_locked(struct world *w, struct str value, struct fault *fault) MUST_USE;
/* Adds to c the end of all of an account's archives. */
void archive_change_delete_account(struct world *w, struct change *c, struct str account);
/* Takes an account's archives (absent: all) out of memory. */
void archive_detach_locked(struct world *w, struct str account);

#endif
