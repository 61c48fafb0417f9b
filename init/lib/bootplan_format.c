/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan_format.c - writing a boot plan
 *
 * In:    a struct bootplan from the CLI
 * Out:   text
 * Not:   reading it (bootplan_parse.c)
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "bootplan_verbs.h"

static bool is_plain(const char *string)
{
	if (!*string)
		return false;
	for (; *string; string++)
		if (!isalnum((unsigned char)*string) && !strchr("-_./:,+*=@%[]?!", *string))
			return false;
	return true;
}

static void format_value(struct text *text, const char *value)
{
	if (is_plain(value)) {
		text_add(text, value);
		return;
	}
	text_add_char(text, '"');
	for (; *value; value++) {
		unsigned char character = (unsigned char)*value;

		if (character == '"' || character == '\\')
			text_format(text, "\\%c", character);
		else if (character == '\n')
			text_add(text, "\\n");
		else if (character == '\t')
			text_add(text, "\\t");
		else if (character == '\r')
			text_add(text, "\\r");
		else if (character < 0x20 || character == 0x7f)
			text_format(text, "\\x%02x", character);
		else
			text_add_char(text, *value);
	}
	text_add_char(text, '"');
}

static void format_pair(struct text *text, const char *key, const char *value)
{
	text_format(text, " %s=", key);
	format_value(text, value);
}

static void format_item(struct text *text, const struct verb_row *verb, const void *item)
{
	text_add(text, verb->name);
	for (const struct key_row *key = verb->keys; key->name; key++) {
		const void *member = member_at(item, key->offset);
		const struct strings *list = member;
		const char *const *string = member;

		switch (key->kind) {
		case KEY_TEXT:
			if (*string)
				format_pair(text, key->name, *string);
			break;
		case KEY_LIST:
			for (size_t i = 0; i < list->count; i++)
				format_pair(text, key->name, list->items[i]);
			break;
		case KEY_NUMBER:
			if (*(const uint64_t *)member)
				text_format(text, " %s=%llu", key->name,
					    (unsigned long long)*(const uint64_t *)member);
			break;
		case KEY_WORD:
			format_pair(text, key->name, key->words[*(const unsigned *)member]);
			break;
		}
	}
	text_add_char(text, '\n');
}

/* a single verb stands in the text when it was said; hostname when it is not NULL */
static bool is_present(const struct bootplan *plan, const struct verb_row *verb)
{
	if (text_equal(verb->name, "hostname"))
		return plan->hostname != NULL;
	return verb->present == ALWAYS_PRESENT || *(bool *)member_at(plan, verb->present);
}

int bootplan_format(const struct bootplan *plan, struct text *text)
{
	text_format(text, "mkinitrd-plan %d\n", BOOTPLAN_VERSION);
	for (size_t i = 0; i < bootplan_verb_count; i++) {
		const struct verb_row *verb = &bootplan_verbs[i];

		if (verb->count == NOT_A_LIST) {
			if (is_present(plan, verb))
				format_item(text, verb, member_at(plan, verb->item));
			continue;
		}
		for (size_t j = 0; j < *(size_t *)member_at(plan, verb->count); j++)
			format_item(text, verb,
				    *(char **)member_at(plan, verb->item) + j * verb->size);
	}
	return text->failed ? -ENOMEM : 0;
}
