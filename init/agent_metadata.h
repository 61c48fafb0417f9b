/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_metadata.h - what a cloud's metadata service says of this machine
 */
#pragma once

#include "lib/text.h"

/* all of this is somebody else's: each answer is at most so long */
#define METADATA_LIMIT (64u << 10)

/**
 * agent_metadata() - the agent's command "metadata [hostname]": ask the service, and keep what it
 *	says
 * @with_name: also the host's name
 *
 * Lines on stdout, for init: "warn TEXT", "hostname NAME", "detail KEY=VALUE", "absent WHY".
 * Return: exit status; EXIT_PRESENT when there is no such service
 */
int agent_metadata(bool with_name);

/* the parts of its answers; each is untrusted input. Return: 0, -EPROTO for what it cannot be, or
 * -ENOMEM; the caller frees what it is given */

/** metadata_token_parse() - the token, as text or as ["TOKEN"] */
int metadata_token_parse(const char *bytes, size_t length, char **ret_token);

/** metadata_label_parse() - {"label": "NAME"}: a valid host name, '_' in it made '-' */
int metadata_label_parse(const char *bytes, size_t length, char **ret_name);

/**
 * metadata_keys_parse() - {"users": {"USER": ["ssh-ed25519 AAAA... COMMENT"]}}: the keys of all
 * users
 *
 * One that is no key alone, such as one with options before it, is -EPROTO for all of them.
 */
int metadata_keys_parse(const char *bytes, size_t length, struct strings *ret_keys);

/** metadata_data_parse() - base64 with line ends; what it stands for may hold any byte */
int metadata_data_parse(const char *bytes, size_t length, struct text *ret_data);
