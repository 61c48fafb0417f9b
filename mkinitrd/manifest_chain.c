/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_chain.c - from an entry to the line of a profile that in the end wanted it
 *
 * In:    a manifest whose reasons may form cycles (two libraries that need each other)
 * Out:   the shortest chain as text; of equally short ones the first by the order of reasons
 */
#include <errno.h>
#include <stdlib.h>

#include "manifest.h"

/* one entry met on the way, breadth first; the way back goes through @from */
struct step {
	const struct entry *entry;
	const struct reason *reason; /* of the entry at @from, by which this one was reached */
	size_t from;
};

#define NO_STEP SIZE_MAX

static bool is_met(const struct step *steps, size_t count, const struct entry *entry)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].entry == entry)
			return true;
	return false;
}

/* room for one more step */
static bool steps_reserve(struct step **steps, size_t count)
{
	struct step *more;

	if (count < 16 ? count != 0 : (count & (count - 1)) != 0)
		return true;
	more = reallocarray(*steps, count < 16 ? 16 : count * 2, sizeof(*more));
	if (!more)
		return false;
	*steps = more;
	return true;
}

/* the reason of steps[at] that ends the chain: the line of a profile, or the builder */
static const struct reason *last_reason(const struct entry *entry)
{
	for (size_t i = 0; i < entry->reason_count; i++)
		if (!entry->reasons[i].by)
			return &entry->reasons[i];
	return NULL;
}

static void add_link(const struct reason *reason, bool one_line, bool is_first, struct text *text)
{
	if (!one_line)
		text_add(text, "  ");
	else if (!is_first)
		text_add(text, " <- ");
	reason_format(reason, text);
	if (!one_line)
		text_add_char(text, '\n');
}

/* the links from steps[0] to steps[at], which is the way back read in reverse */
static void add_links(struct step *steps, size_t at, bool one_line, struct text *text)
{
	size_t next = NO_STEP;

	while (at != 0) { /* turn the way round */
		size_t from = steps[at].from;

		steps[at].from = next;
		next = at;
		at = from;
	}
	for (bool is_first = true; next != NO_STEP; next = steps[next].from, is_first = false)
		add_link(steps[next].reason, one_line, is_first, text);
}

void manifest_chain(const struct manifest *manifest, const struct entry *entry, bool one_line,
		    struct text *text)
{
	CLEANUP(memory_free) struct step *steps = NULL;
	const struct reason *last = NULL;
	size_t count = 0, at = 0;

	if (!steps_reserve(&steps, 0)) {
		text->failed = true;
		return;
	}
	steps[count++] = (struct step){ entry, NULL, NO_STEP };
	for (at = 0; at < count; at++) {
		const struct entry *current = steps[at].entry;

		last = last_reason(current);
		if (last)
			break;
		for (size_t i = 0; i < current->reason_count; i++) {
			const struct reason *reason = &current->reasons[i];
			const struct entry *by = manifest_find(manifest, reason->by);

			if (!by || is_met(steps, count, by))
				continue;
			if (!steps_reserve(&steps, count)) {
				text->failed = true;
				return;
			}
			steps[count++] = (struct step){ by, reason, at };
		}
	}
	if (last) {
		add_links(steps, at, one_line, text);
		add_link(last, one_line, at == 0, text);
	} else if (entry->reason_count) { /* no way to a profile is known: the nearest reason */
		add_link(&entry->reasons[0], one_line, true, text);
	}
}
