/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_trie.h - write an index file that modprobe looks things up in (modules.*.bin)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../init/lib/text.h"

struct trie_row {
	char *key;
	char *value;
	uint32_t priority; /* of several values of a key, the lowest comes first */
	size_t sequence;   /* of equal ones the last that was added, as depmod has it */
};

struct trie {
	struct trie_row *rows;
	size_t count, allocated;
};

#define TRIE_EMPTY ((struct trie){ 0 })

void trie_free(struct trie *trie);

/**
 * trie_add() - one more value for @key; both are copied
 *
 * Return: 0, -EINVAL for a key or value that is not 7-bit ASCII (the format has no room for it), or
 * -ENOMEM.
 */
int trie_add(struct trie *trie, const char *key, const char *value, uint32_t priority);

/** trie_write() - sort the rows and append the file's bytes. Return: 0, -EFBIG or -ENOMEM */
int trie_write(struct trie *trie, struct text *text);
