/* CloudFormation and SAM templates as rule files: YAML or JSON with `Resources`, as they are deployed to AWS.
 *
 * Parameters, Mappings, Conditions, functions and pseudo parameters are worked out first; then each resource becomes the operations that a
 * rule file would have declared (rulefile.h), in an order in which dependencies hold. A resource type that means nothing here is left out
 * with one warning, an unknown property with one each; everything else that is wrong is a problem with its place. rules/RULEFILES.md tells
 * which types, properties and functions there are. Pure; any thread. Source: AWS CloudFormation User Guide, "Template reference"; AWS SAM
 * Developer Guide. */
#ifndef RULES_TEMPLATE_H
#define RULES_TEMPLATE_H

#include "rulefile.h"

/* Is the text a template, by the keys of its outermost mapping (Resources, AWSTemplateFormatVersion, Transform)? Reads no further than it
 * must. */
bool template_is(struct str text);
/* Everything lives in `a`. ERR_NOMEM only, with line and column. */
enum err template_read(struct str text, const struct rulefile_options *options, struct arena *a, struct rulefile *out,
                       struct fault *fault) MUST_USE;

#endif
