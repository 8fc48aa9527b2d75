/* SPDX-License-Identifier: GPL-2.0-only */
/* args.h - arguments of "xenib attach" that say who a guest is */
#ifndef ARGS_H
#define ARGS_H

#include <xenib.h>

/* Each returns 0, or -1 with a message printed. */

/* --guid: of one or of all of XENIB_MAX_PORTS ports */
int get_guid(const char *text, struct xenib_attach_port *ports);
/* --node-guid */
int get_node_guid(const char *text, struct xenib_guid *guid);
/* --pkeys: of one or of all ports */
int get_pkeys(const char *text, struct xenib_attach_port *ports);
/* --ips */
int get_ips(const char *text, struct xenib_attach_args *args);

#endif /* ARGS_H */
