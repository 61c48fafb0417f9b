/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.h - /etc/resolv.conf, from all who know name servers
 *
 * Quiet: 0 or a negative errno.
 */
#pragma once

#include "lib/text.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLVER_PLAN "-" /* no interface in particular; no interface is called so */

/**
 * resolver_set() - what one source knows, in place of what it knew
 * @interface, @source: whose it is: "eth0" and ".lease"; names with a '/' are refused
 * @servers, @domains:  either may be NULL; none at all: the source knows nothing any more
 *
 * /etc/resolv.conf is written when that changes it: in place, never by rename, because the file may
 * be bind-mounted somewhere. The plan's servers come first, then each interface's: the plan's, the
 * lease's, its routers'. When nobody knows a server, the file stays as it is.
 */
int resolver_set(const char *interface, const char *source, const struct strings *servers,
		 const struct strings *domains);

/** resolver_forget() - all sources of @interface */
int resolver_forget(const char *interface);
