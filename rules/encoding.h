/* Is a file text that can be read? YAML and JSON readers say of UTF-16, Latin-1 and binary files something about control characters; this
 * says what the file is and what to do. Pure; any thread. */
#ifndef RULES_ENCODING_H
#define RULES_ENCODING_H

#include "yamltree.h"

/* The text without a UTF-8 byte order mark. What is no UTF-8 text adds one problem, at the first byte that shows it, and gives the absent
 * string. */
struct str encoding_check(struct str file, struct problems *problems);

#endif
