/* Test records from a template: text with placeholders in double curly brackets, in the language of the Kinesis Data Generator
 * (awslabs.github.io/amazon-kinesis-data-generator) and of the faker.js it is made with: {{random.number(50)}}, {{date.now("YYYY")}}.
 *
 * A template is compiled once; records are rendered from it one after the other. The same template, seed and times give the same
 * records. Nothing here does I/O or reads a clock. One thread at a time. */
#ifndef BUSCTL_GENERATOR_H
#define BUSCTL_GENERATOR_H

#include "arena.h"
#include "err.h"

struct generator;

/* Compiles `text`, which must live as long as the generator, as everything in `a` does. In a template that begins as JSON does ('{' or
 * '['), line breaks go together with the blanks behind them, so that a record is one line. ERR_SYNTAX with the line and column of the
 * placeholder: not closed, not known (with the nearest that is), or with arguments that do not fit; ERR_NOMEM. */
enum err generator_new(struct str text, uint64_t seed, struct arena *a, struct generator **out, struct fault *fault) MUST_USE;
/* Appends the next record to `out`; `now_ms` is its time. */
void generator_next(struct generator *g, int64_t now_ms, struct buf *out);

/* What there is, for the help. */
struct generator_name {
    const char *name, *arguments, *help;
};
/* The i-th; NULL past the last. */
const struct generator_name *generator_known(size_t i);

#endif
