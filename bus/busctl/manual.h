/* Manual pages, written from the operation tables as help.c's Markdown is: one of the command, and one of each service. */
#ifndef BUSCTL_MANUAL_H
#define BUSCTL_MANUAL_H

#include <stdio.h>

/* eventbusctl(1): what is common to all verbs, and where the others are. (It is installed under that name: systemd has a busctl(1).) */
void manual_command(FILE *out);
/* eventbusctl-SERVICE(1): every operation of the service. */
void manual_service(const char *service, FILE *out);

#endif
