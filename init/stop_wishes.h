/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop_wishes.h - how each container wants to be stopped, as Docker knows it
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CONTAINER_ID_DIGITS 64
#define STOP_NO_LIMIT UINT64_MAX

struct stop_wish {
	char id[CONTAINER_ID_DIGITS + 1];
	int signal;
	uint64_t grace_ms; /* STOP_NO_LIMIT: as long as it wants */
};

struct stop_wishes {
	struct stop_wish *items;
	size_t count;
};

void stop_wishes_free(struct stop_wishes *wishes);

/**
 * stop_wishes_parse() - what the agent prints; untrusted input. Quiet
 *
 * Return: 0 when it is all of it, -EPROTO when its end is missing (what is there has been taken),
 * or -ENOMEM
 */
int stop_wishes_parse(struct stop_wishes *wishes, char *text);

/**
 * stop_wishes_ask() - ask the daemon at @socket, through the agent; at most @within_ms. Waits
 * itself
 *
 * Return: 0; -ETIMEDOUT from a daemon that does not answer (it hangs, or is not there yet); or a
 * negative errno. @wishes holds what is known
 */
int stop_wishes_ask(struct stop_wishes *wishes, const char *socket, uint64_t within_ms);

/** stop_wish_of() - the wish of a container, or SIGTERM and 10 s */
struct stop_wish stop_wish_of(const struct stop_wishes *wishes, const char *id);
