/* The compiled matcher: which of many rules take an event, in time that grows with the fields the rules name and with the rules that
 * can match, not with their number. MATCHER.md tells how and why; pattern.h's evaluator is the reference, and both always agree.
 *
 * Three objects. A matcher_set is what the control plane changes: one thread at a time. A matcher is an immutable picture of a set, shared
 * by counted references: any number of threads match with it while the set changes. A matcher_work is one thread's memory: it grows to
 * what the largest event needed, and from then on matching does not go to the allocator.
 *
 *     set = matcher_set_new();
 *     matcher_set_add(set, pattern, rule, &id);         rule: any pointer; what a match tells
 *     matcher_set_publish(set, &matcher);               off the hot path
 *     matcher_match(matcher, work, event, &found);      found.owners[0 .. found.count)
 */
#ifndef RULES_MATCHER_H
#define RULES_MATCHER_H

#include "pattern.h"

struct matcher;
struct matcher_set;
struct matcher_work;

/* ---- the set: one thread at a time ---------------------------------------------------------------------------------------------- */

/* NULL without memory. */
struct matcher_set *matcher_set_new(void);
/* Matchers that were published live on. NULL: nothing happens. */
void matcher_set_free(struct matcher_set *set);
/* Adds a rule; matchers published from now on have it. The pattern must live until the rule is removed;
 * the owner is not looked at. *id names the rule for matcher_set_remove. ERR_NOMEM; ERR_LIMIT past 2^24 rules. */
enum err matcher_set_add(struct matcher_set *set, const struct pattern *pattern, void *owner, uint32_t *id) MUST_USE;
/* `id` came from matcher_set_add and was not removed yet. Cannot fail. */
void matcher_set_remove(struct matcher_set *set, uint32_t id);
size_t matcher_set_count(const struct matcher_set *set);
/* How many rules one publication may compile again beside those that are new (16,384 unless set): a bound on how long it takes. */
void matcher_set_foreground(struct matcher_set *set, uint32_t rules);
/* A matcher of the rules that the set has now; *out has one reference. What was added since the last call is compiled, together with
 * smaller parts that were compiled before, so that many single changes cost as much as a few; a change to a big set takes
 * milliseconds, not the time that compiling the whole set takes. ERR_NOMEM, ERR_LIMIT; the set stays as it was. */
enum err matcher_set_publish(struct matcher_set *set, struct matcher **out) MUST_USE;
/* True when many small parts or removed rules have gathered: matching would gain from matcher_set_compact. */
bool matcher_set_is_scattered(const struct matcher_set *set);

/* Compiles all rules of a set anew, while the set goes on changing: begin and end with the set's owner, run anywhere between. The patterns
 * that the set has at begin must live until end. */
struct matcher_compaction;
enum err matcher_compact_begin(struct matcher_set *set, struct matcher_compaction **out) MUST_USE;
enum err matcher_compact_run(struct matcher_compaction *c) MUST_USE;
/* Takes what was compiled into the set (nothing, when run failed; NULL: the set is gone), and frees c. What changed since begin is kept. */
void matcher_compact_end(struct matcher_set *set, struct matcher_compaction *c);

/* ---- the matcher: any thread ----------------------------------------------------------------------------------------------------------
 */

struct matcher *matcher_share(struct matcher *m);
void matcher_release(struct matcher *m);
size_t matcher_count(const struct matcher *m);
/* Bytes that the matcher's compiled parts take. */
size_t matcher_bytes(const struct matcher *m);

/* ---- matching: one work per thread ------------------------------------------------------------------------------------------------------
 */

/* `scanner`: a name as in scan_index.h, or NULL for the best. NULL without memory, or when this machine has no such scanner. */
struct matcher_work *matcher_work_new(const char *scanner);
void matcher_work_free(struct matcher_work *w);

enum {
    MATCHER_STEPS_MAX = 100000000
}; /* work of one match, about a nanosecond each; made-up events and rules that need more are refused */

struct matcher_found {
    void **owners; /* of the rules that take the event, each once, in no order; lives until the work's next match */
    size_t count;
};
/* The event is a JSON text; it is checked on the way. One that is no object is taken by no rule. Errors, with nothing found: ERR_SYNTAX
 * (not JSON), ERR_NOMEM, ERR_LIMIT (MATCHER_STEPS_MAX, or more than 2^30 bytes). */
enum err matcher_match(const struct matcher *m, struct matcher_work *w, struct str event, struct matcher_found *found) MUST_USE;

#endif
