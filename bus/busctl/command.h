/* The command line as a whole: busctl [flags] [SERVICE] VERB [flags]. */
#ifndef BUSCTL_COMMAND_H
#define BUSCTL_COMMAND_H

#include "session.h"

/* Runs one command; s is zeroed but for out and err. Gives the process's exit code. Blocks as the verb does. */
enum exit_code command_run(struct session *s, int argc, char **argv);

#endif
