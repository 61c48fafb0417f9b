/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_alias.c - which modules does a device ask for?
 *
 * In:    the plan's patterns; a device's modalias, or a name the kernel asks by ("fs-ext4")
 * Out:   the aliases that match
 * Not:   loading (module_loader.c)
 * Facts: patterns are those of fnmatch(3) without flags; '-' and '_' are the same outside of
 *        brackets: libkmod, modprobe(8)
 *
 * An image may carry some 26,000 patterns and a machine shows some hundred devices, so few pairs
 * may get as far as fnmatch: only patterns of the device's bus are looked at, and of those only
 * the ones whose text up to the first wildcard is what the modalias begins with.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdint.h>
#include <string.h>

#include "lib/cleanup.h"
#include "module_alias.h"

void alias_index_free(struct alias_index *index)
{
	free(index->characters);
	free(index->rows);
	*index = (struct alias_index){ 0 };
}

/* one spelling for '-' and '_'; the NUL is copied too */
static void normalise(char *target, const char *source)
{
	bool in_brackets = false;

	for (;; source++, target++) {
		if (*source == '[')
			in_brackets = true;
		else if (*source == ']')
			in_brackets = false;
		*target = *source == '-' && !in_brackets ? '_' : *source;
		if (!*source)
			return;
	}
}

/* the bucket of what begins like @string: by its letters and digits up to the bus's separator. A
 * wildcard so early ("acpi*:PNP...") may stand for more of them: those are looked at always. */
static size_t bucket_of(const char *string)
{
	size_t hash = 5381;

	for (; isalnum((unsigned char)*string); string++)
		hash = hash * 33 + (unsigned char)*string;
	if (*string && strchr("*?[\\", *string))
		return ALIAS_BUCKETS;
	return hash % ALIAS_BUCKETS;
}

int alias_index_build(struct alias_index *index, const struct bootplan *plan)
{
	size_t next[ALIAS_BUCKETS + 1];
	size_t count = 0, size = 1;
	char *character;

	*index = (struct alias_index){ 0 };
	for (size_t i = 0; i < plan->alias_count; i++) {
		const struct strings *match = &plan->aliases[i].match;

		for (size_t j = 0; j < match->count; j++, count++) {
			size += strlen(match->items[j]) + 1;
			index->starts[bucket_of(match->items[j]) + 1]++;
		}
	}
	index->characters = malloc(size);
	index->rows = calloc(count ? count : 1, sizeof(*index->rows));
	if (!index->characters || !index->rows) {
		alias_index_free(index);
		return -ENOMEM;
	}
	for (size_t i = 0; i <= ALIAS_BUCKETS; i++)
		index->starts[i + 1] += index->starts[i];
	memcpy(next, index->starts, sizeof(next));
	character = index->characters;
	for (size_t i = 0; i < plan->alias_count; i++) {
		const struct strings *match = &plan->aliases[i].match;

		for (size_t j = 0; j < match->count; j++) {
			struct alias_row *row = &index->rows[next[bucket_of(match->items[j])]++];

			normalise(character, match->items[j]);
			*row = (struct alias_row){ character, strcspn(character, "*?[\\"), i };
			character += strlen(character) + 1;
		}
	}
	return 0;
}

static size_t match_bucket(const struct alias_index *index, size_t bucket, const char *modalias,
			   alias_function *function, void *context)
{
	size_t length = strlen(modalias), matched = 0;

	for (size_t i = index->starts[bucket]; i < index->starts[bucket + 1]; i++) {
		const struct alias_row *row = &index->rows[i];

		if (row->literal > length || memcmp(row->pattern, modalias, row->literal) != 0)
			continue;
		if (fnmatch(row->pattern + row->literal, modalias + row->literal, 0) != 0)
			continue;
		function(context, row->owner);
		matched++;
	}
	return matched;
}

size_t alias_match(const struct alias_index *index, const char *modalias, alias_function *function,
		   void *context)
{
	CLEANUP(memory_free) char *name = malloc(strlen(modalias) + 1);
	size_t bucket = bucket_of(modalias); /* a modalias may hold anything, a '*' too */
	size_t matched = 0;

	if (!name || !index->rows)
		return 0;
	normalise(name, modalias);
	if (bucket < ALIAS_BUCKETS)
		matched = match_bucket(index, bucket, name, function, context);
	return matched + match_bucket(index, ALIAS_BUCKETS, name, function, context);
}
