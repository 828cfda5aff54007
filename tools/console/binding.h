// SPDX-License-Identifier: Apache-2.0
/* Certificates that are bound to services, in the console. */
#ifndef SIGNET_CONSOLE_BINDING_H
#define SIGNET_CONSOLE_BINDING_H

#include "console.h"
#include "tools/bindings/bindings.h"

extern const struct menu menu_certificate_binding;

/* A host whose messages are the console's. Returns 0 and says why if there is no store. */
int binding_host(struct console *console, struct bindings_host *host);

/* bound.c: what menus of services do with their settings once these are committed. */
int bound_sstp(struct call *call);
int bound_hotspot(struct call *call);
int bound_dns(struct call *call);
/* Their set and add, which refuse what no configuration can take. */
int bound_hotspot_set(struct call *call, int64_t id);
int bound_hotspot_add(struct call *call, int64_t *id);
int bound_dns_set(struct call *call, int64_t id);

#endif
