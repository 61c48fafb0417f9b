/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declared.h - the forms of text of a declared container: what Docker takes
 *
 * The CLI checks a profile with these, the agent a boot plan, which is untrusted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

#define DECLARED_PORT_FORM "[ADDRESS:]PORT:PORT[/tcp|udp|sctp], the host's first"
#define DECLARED_VOLUME_FORM "SOURCE:TARGET or SOURCE:TARGET:ro, SOURCE a full path or a name"

/* one published port */
struct declared_port {
	char *address;        /* of the host; NULL: every one */
	uint16_t host, inner; /* of the host, of the container */
	const char *protocol; /* "tcp", "udp", "sctp"; static */
};

void declared_port_free(struct declared_port *port);

/** declared_port_parse() - "8080:80", "192.0.2.1:53:53/udp", "[::1]:80:80". Return: 0, -EINVAL or
 * -ENOMEM; *ret_port is the caller's to free, and empty on failure */
int declared_port_parse(const char *text, struct declared_port *ret_port);

/** declared_name_is_valid() - a name that Docker takes, and that nothing of ours has */
bool declared_name_is_valid(const char *name);

/** declared_image_is_valid() - "NAME", "NAME:TAG", "HOST:PORT/NAME@sha256:HEX", in the characters
 * that a reference has; no more is looked at */
bool declared_image_is_valid(const char *image);

/** declared_volume_is_valid() - SOURCE:TARGET[:OPTIONS]; SOURCE is a full path or the name of a
 * volume, TARGET a full path */
bool declared_volume_is_valid(const char *volume);

/**
 * declared_env_parse() - an environment file: NAME=VALUE lines, blank lines, lines after '#'
 * @ret_env: the lines; none of them is repeated in @reason, since they are secrets
 *
 * Return: 0, or -EINVAL with @reason, which names the line, or -ENOMEM
 */
int declared_env_parse(const char *text, size_t length, struct strings *ret_env,
		       struct text *reason);
