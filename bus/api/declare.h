/* What is there before the first request: the operator's account and key, and what rule files declare. Start-up only, one thread. */
#ifndef API_DECLARE_H
#define API_DECLARE_H

#include "engine.h"

/* On an empty store makes account 000000000000; where DATA/credentials is missing makes an operator's access key and writes it there as an AWS
 * shared-credentials file (mode 0600, profile [default], with region and bus_endpoint): who can read the data directory is the operator. */
enum err declare_operator(struct api *api, struct str data_dir, struct str endpoint, struct fault *fault) MUST_USE;

/* Loads rule files and templates, and runs what they declare. Of a directory those that end in .yaml, .yml and .template, and in .json if they
 * are templates, in order of name. A path is [ACCOUNT=]PATH: whose the resources of templates are, account 000000000000 when it is not said.
 * `parameters` are "NAME=VALUE" for them; ERR_USAGE for one that is no such thing, or that no template has. All files are read and checked
 * first: a mistake in any stops before anything is changed. Every mistake goes to stderr as FILE:LINE:COLUMN: PATH: what is wrong; the error
 * returned says how many there were. Warnings go there as well, and stop nothing. Running again what is there already changes nothing. */
enum err declare_files(struct api *api, const char *const *paths, size_t count, const char *const *parameters, size_t parameter_count,
                       struct fault *fault) MUST_USE;

#endif
