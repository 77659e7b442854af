/* What busd is told: flags and a YAML file, through one table (config.def). Flags win over the file; lists of both are added up. */
#ifndef BUS_CONFIG_H
#define BUS_CONFIG_H

#include "settings.h"

enum { CONFIG_LIST_MAX = 64 };
struct config_list {
    char *items[CONFIG_LIST_MAX];
    size_t n;
};

struct config {
#define O(field, key, arg, help) char *field;
#define L(field, key, arg, help) struct config_list field;
#include "config.def"
#undef O
#undef L
    struct settings settings;
    bool help, version, print;
};

void config_init(struct config *c);
void config_fini(struct config *c);
/* Reads argv, then the file that --config names. Every mistake is said on stderr, with file:line:column for the file; false if there was one. */
bool config_read(struct config *c, int argc, char **argv);
/* `busd --help`: from the tables. */
void config_help(void);
/* `busd --print-config`: a configuration file with everything commented out, from the same tables. */
void config_print(void);

#endif
