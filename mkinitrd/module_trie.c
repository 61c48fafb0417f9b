/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_trie.c - the binary index format of kmod (see module_trie.h)
 *
 * In:    rows of key, value and priority
 * Out:   the bytes of a modules.*.bin file
 * Not:   which rows (module_index.c)
 * Facts: kmod's libkmod/libkmod-index.c, the comment "Disk format": a radix tree, numbers are 32
 *        bits and big endian; a node's offset carries in its top bits which fields the node has.
 *        A child array is indexed by character, so keys are 7-bit; children come before their
 *        parent, because the parent holds their offsets.
 *
 * Sorted rows need no tree in memory: the rows of a node are a range, its prefix is what the first
 * and the last row of the range share, its own values stand first in the range.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "module_trie.h"

#define INDEX_MAGIC 0xB007F457u
#define INDEX_VERSION 0x00020001u
#define ROOT_POSITION 8

#define NODE_PREFIX 0x80000000u
#define NODE_VALUES 0x40000000u
#define NODE_CHILDREN 0x20000000u
#define NODE_OFFSET 0x0FFFFFFFu

#define CHARACTERS 128

void trie_free(struct trie *trie)
{
	for (size_t i = 0; i < trie->count; i++) {
		free(trie->rows[i].key);
		free(trie->rows[i].value);
	}
	free(trie->rows);
	*trie = TRIE_EMPTY;
}

static bool is_ascii(const char *string)
{
	for (; *string; string++) {
		if ((unsigned char)*string >= CHARACTERS)
			return false;
	}
	return true;
}

int trie_add(struct trie *trie, const char *key, const char *value, uint32_t priority)
{
	struct trie_row row = { .priority = priority, .sequence = trie->count };

	if (!is_ascii(key) || !is_ascii(value))
		return -EINVAL;
	if (trie->count == trie->allocated) {
		size_t allocated = trie->allocated ? 2 * trie->allocated : 256;
		struct trie_row *rows = reallocarray(trie->rows, allocated, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		trie->rows = rows;
		trie->allocated = allocated;
	}
	row.key = strdup(key);
	row.value = strdup(value);
	if (!row.key || !row.value) {
		free(row.key);
		free(row.value);
		return -ENOMEM;
	}
	trie->rows[trie->count++] = row;
	return 0;
}

static int row_compare(const void *left, const void *right)
{
	const struct trie_row *a = left;
	const struct trie_row *b = right;
	int order = strcmp(a->key, b->key);

	if (order == 0)
		order = (a->priority > b->priority) - (a->priority < b->priority);
	return order ? order : (a->sequence < b->sequence) - (a->sequence > b->sequence);
}

static void number_bytes(uint32_t number, char bytes[static 4])
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (char)(unsigned char)(number >> (24 - 8 * i));
}

static void add_number(struct text *text, uint32_t number)
{
	char bytes[4];

	number_bytes(number, bytes);
	text_add_bytes(text, bytes, sizeof(bytes));
}

/* the characters that all keys of the range share from @depth on */
static size_t shared_length(const struct trie_row *rows, size_t count, size_t depth)
{
	const char *first = rows[0].key + depth;
	const char *last = rows[count - 1].key + depth;
	size_t length = 0;

	while (first[length] && first[length] == last[length])
		length++;
	return length;
}

/* Write the node of a range of rows that agree in their first @depth characters. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the longest key; depmod and modprobe do the same
static uint32_t node_write(const struct trie_row *rows, size_t count, size_t depth, size_t base,
			   struct text *text)
{
	uint32_t children[CHARACTERS] = { 0 };
	size_t prefix = depth ? shared_length(rows, count, depth) : 0; /* the root has none */
	size_t end = depth + prefix;
	size_t values = 0;
	unsigned first = CHARACTERS, last = 0;
	uint32_t flags = 0;
	size_t offset;

	while (values < count && rows[values].key[end] == '\0')
		values++;
	for (size_t i = values; i < count;) {
		unsigned character = (unsigned char)rows[i].key[end];
		size_t next = i;

		while (next < count && (unsigned char)rows[next].key[end] == character)
			next++;
		children[character] = node_write(rows + i, next - i, end + 1, base, text);
		first = character < first ? character : first;
		last = character;
		i = next;
	}

	offset = text->length - base;
	if (prefix) {
		text_add_bytes(text, rows[0].key + depth, prefix);
		text_add_char(text, '\0');
		flags |= NODE_PREFIX;
	}
	if (first < CHARACTERS) {
		text_add_char(text, (char)first);
		text_add_char(text, (char)last);
		for (unsigned i = first; i <= last; i++)
			add_number(text, children[i]);
		flags |= NODE_CHILDREN;
	}
	if (values) {
		add_number(text, (uint32_t)values);
		for (size_t i = 0; i < values; i++) {
			add_number(text, rows[i].priority);
			text_add_bytes(text, rows[i].value, strlen(rows[i].value) + 1);
		}
		flags |= NODE_VALUES;
	}
	return (uint32_t)(offset & NODE_OFFSET) | flags;
}

int trie_write(struct trie *trie, struct text *text)
{
	size_t base = text->length;
	uint32_t root;

	if (trie->count)
		qsort(trie->rows, trie->count, sizeof(*trie->rows), row_compare);
	add_number(text, INDEX_MAGIC);
	add_number(text, INDEX_VERSION);
	add_number(text, 0);
	root = node_write(trie->rows, trie->count, 0, base, text);
	if (text->failed)
		return -ENOMEM;
	if (text->length - base > NODE_OFFSET)
		return -EFBIG;
	number_bytes(root, text->data + base + ROOT_POSITION);
	return 0;
}
