/* The event-pattern language: a pattern is read once into an immutable object, and then matched against events.
 *
 * This is the plain evaluator, the reference of the language: rules/pattern_ast.h shows what a compiled pattern is made of, and a
 * faster matcher must give the same verdicts. A pattern owns all its memory and is read-only after pattern_parse: any number of
 * threads may match with one pattern, each with its own scratch arena.
 *
 * Where the language leaves a choice: a $or branch replaces an outer field of the same path wherever in the text that stands; of two
 * sibling $or the later one does; a $or written twice in one object is a duplicate key, the last wins. An event's duplicate keys: the
 * last wins, as for the JSON readers of the targets. A plain string that is an IP literal matches every spelling of the address; in
 * anything-but it is compared by its text, as the service does. A text that is not JSON is refused before any other flaw. tests/cases
 * holds the language as data. */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include "doc.h"

struct pattern;

enum {
    PATTERN_CONJUNCTIONS_MAX = 1000, /* after the expansion of every $or */
    PATTERN_FIELDS_MAX = 100000,     /* over all conjunctions that the expansion makes */
    PATTERN_BYTES_MAX = 65536,       /* of text: sixteen times what PutRule admits, for rule files */
    PATTERN_COMPLEXITY_MAX = 10,     /* wildcard positions that one input can reach at once */
    PATTERN_STEPS_MAX = 10000000     /* work of one match; an event and pattern that need more are refused, not waited for */
};

/* Compiles a pattern; the text is copied. On success *out is the caller's, until pattern_free. Errors: ERR_PATTERN, fault->message is
 * the service's whole message ("Event pattern is not valid. Reason: ..."), fault->line and column are set when it has a position;
 * ERR_NOMEM. *out is NULL after an error. */
enum err pattern_parse(struct str text, struct pattern **out, struct fault *fault) MUST_USE;
/* NULL: nothing happens. */
void pattern_free(struct pattern *p);
/* The text it was made from; lives as long as the pattern. */
struct str pattern_source(const struct pattern *p);

/* Sets *matched. `event` comes from doc_parse; scratch is used for this call's bookkeeping and can be reset afterwards; an ordinary event
 * takes none or little of it. Errors: ERR_NOMEM when scratch is at its cap; ERR_LIMIT when the verdict would take more than
 * PATTERN_STEPS_MAX steps (nested arrays of thousands of elements, made for it). *matched is false after an error. */
enum err pattern_match(const struct pattern *p, const struct node *event, struct arena *scratch, bool *matched) MUST_USE;

/* The exact string values that the pattern admits for a dotted path, without duplicates, in order of appearance: what a policy's
 * events:source condition compares for PutRule. False when the path is not constrained to exact strings (in some conjunction it is absent,
 * or has an alternative of another kind), or without memory. The strings live in the pattern, the array in `a`. */
bool pattern_values(const struct pattern *p, struct str path, struct arena *a, struct str **values, size_t *count);

/* Reads the event of a TestEventPattern call: a JSON object with id, account, source, time, region and detail-type. The tree lives in
 * `a` and points into event_text. Errors: ERR_VALIDATION with the service's sentence; ERR_NOMEM. */
enum err pattern_test_event(struct str event_text, struct arena *a, struct node **event, struct fault *fault) MUST_USE;

#endif
