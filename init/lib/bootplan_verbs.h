/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan_verbs.h - the verbs and keys of the boot plan, for the code that writes and reads it
 *
 * Private to bootplan.c (tables, memory), bootplan_format.c and bootplan_parse.c.
 */
#pragma once

#include <stdint.h>

#include "bootplan.h"

enum key_kind { KEY_TEXT, KEY_LIST, KEY_NUMBER, KEY_WORD };

struct key_row {
	const char *name;
	enum key_kind kind;
	size_t offset;            /* in the verb's struct */
	const char *const *words; /* KEY_WORD: the enumeration's names, NULL at the end */
};

struct verb_row {
	const char *name;
	const struct key_row *keys; /* ends with a NULL name */
	size_t item;                /* offset of the struct, or of the pointer to an array */
	size_t count;   /* offset of the array's count; NOT_A_LIST for a single struct */
	size_t size;    /* of one item of a list */
	size_t present; /* offset of the "has" flag of a single struct */
};

#define NOT_A_LIST SIZE_MAX
#define ALWAYS_PRESENT SIZE_MAX

extern const struct verb_row bootplan_verbs[];
extern const size_t bootplan_verb_count;

/* the member at @offset of the struct at @base */
static inline void *member_at(const void *base, size_t offset)
{
	return (void *)((uintptr_t)base + offset);
}

/** bootplan_item_add() - append one zeroed item to a list verb of @plan; NULL: out of memory */
void *bootplan_item_add(struct bootplan *plan, const struct verb_row *verb);
