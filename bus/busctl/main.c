/* busctl: asks the daemon, and tells people and scripts what it said. See command.h. */
#include "command.h"

int main(int argc, char **argv) {
    struct session s = {.out = stdout, .err = stderr};
    return (int)command_run(&s, argc, argv);
}
