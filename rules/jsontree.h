/* JSON as the tree that YAML files are read into: the same nodes, with their places. For templates in JSON, whose escapes a YAML reader
 * does not know all of. Pure; any thread. */
#ifndef RULES_JSONTREE_H
#define RULES_JSONTREE_H

#include "yamltree.h"

/* Reads `text` as one JSON value. Duplicate keys, null and more than YAML_DEPTH_MAX levels are problems. When it is no JSON: *root is NULL
 * and *flaw (never NULL) tells where and why, without a problem: it may be YAML yet. ERR_NOMEM with line and column in *flaw; otherwise
 * ERR_OK. */
enum err json_tree_read(struct str text, struct arena *a, struct ynode **root, struct problems *p, struct fault *flaw) MUST_USE;

#endif
