/* Lint of rule files: what looks wrong about the patterns of a file without mistakes, each with its place. Pure. */
#ifndef RULES_RULELINT_H
#define RULES_RULELINT_H

#include "rulefile.h"

/* Fills *out (problems_init is called here; items live in `a`), in the order of the file. Messages begin with "warning: CODE: " or "note:
 * CODE: ". Two rules of one bus with the same pattern are told at the later one. ERR_NOMEM only. */
enum err rulefile_lint(const struct rulefile *file, struct arena *a, struct problems *out) MUST_USE;

#endif
