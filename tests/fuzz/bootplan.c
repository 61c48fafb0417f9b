/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan.c - the boot plan: any text is refused or is a plan; plan -> text -> plan is the
 *              identity, text -> plan -> text settles at once; the alias index finds what
 * fnmatch(3) finds; services come in an order that holds
 */
#include <fnmatch.h>

#include "fuzz.h"
#include "init/lib/bootplan_verbs.h"
#include "init/module_alias.h"
#include "mkinitrd/module_config.h"

static bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && text_equal(a, b));
}

static void require_same_item(const struct key_row *keys, const void *left, const void *right)
{
	for (const struct key_row *key = keys; key->name; key++) {
		const void *a = member_at(left, key->offset), *b = member_at(right, key->offset);

		switch (key->kind) {
		case KEY_TEXT:
			REQUIRE(text_same(*(char *const *)a, *(char *const *)b));
			break;
		case KEY_LIST: {
			const struct strings *list = a, *other = b;

			REQUIRE(list->count == other->count);
			for (size_t i = 0; i < list->count; i++)
				REQUIRE(text_equal(list->items[i], other->items[i]));
			break;
		}
		case KEY_NUMBER:
			REQUIRE(*(const uint64_t *)a == *(const uint64_t *)b);
			break;
		case KEY_WORD:
			REQUIRE(*(const unsigned *)a == *(const unsigned *)b);
			break;
		}
	}
}

static void require_same(const struct bootplan *left, const struct bootplan *right)
{
	for (size_t i = 0; i < bootplan_verb_count; i++) {
		const struct verb_row *verb = &bootplan_verbs[i];
		const char *a = member_at(left, verb->item), *b = member_at(right, verb->item);
		size_t count = 1;

		if (verb->count != NOT_A_LIST) {
			count = *(const size_t *)member_at(left, verb->count);
			REQUIRE(count == *(const size_t *)member_at(right, verb->count));
			a = *(char *const *)(const void *)a;
			b = *(char *const *)(const void *)b;
		} else if (verb->present != ALWAYS_PRESENT) {
			REQUIRE(*(const bool *)member_at(left, verb->present) ==
				*(const bool *)member_at(right, verb->present));
		}
		for (size_t j = 0; j < count; j++)
			require_same_item(verb->keys, a + j * verb->size, b + j * verb->size);
	}
}

static void count_owner(void *context, size_t owner)
{
	(*(size_t **)context)[owner]++;
}

/* as modprobe matches: '-' and '_' are the same outside of brackets */
static bool alias_fits(const char *pattern, const char *device)
{
	CLEANUP(memory_free) char *normal = strdup(pattern), *name = strdup(device);

	REQUIRE(normal && name);
	module_name_normal(normal);
	module_name_normal(name);
	return fnmatch(normal, name, 0) == 0;
}

/* each pattern taken as a device: the index says what trying all of them says */
static void check_aliases(const struct bootplan *plan)
{
	struct alias_index index = { 0 };
	size_t *found = calloc(plan->alias_count + 1, sizeof(*found));

	REQUIRE(found && alias_index_build(&index, plan) == 0);
	for (size_t i = 0; i < plan->alias_count && i < 8; i++) {
		const char *device =
			plan->aliases[i].match.count ? plan->aliases[i].match.items[0] : "";

		memset(found, 0, (plan->alias_count + 1) * sizeof(*found));
		(void)alias_match(&index, device, count_owner, &found);
		for (size_t j = 0; j < plan->alias_count; j++) {
			const struct strings *match = &plan->aliases[j].match;
			bool is_match = false;

			for (size_t k = 0; k < match->count && !is_match; k++)
				is_match = alias_fits(match->items[k], device);
			REQUIRE(is_match == (found[j] > 0));
		}
	}
	alias_index_free(&index);
	free(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY, again = BOOTPLAN_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY, second = TEXT_EMPTY;
	CLEANUP(memory_free) char *error = NULL;

	if (bootplan_parse(&plan, (const char *)data, size, &error) < 0) {
		REQUIRE(error && *error);
		return 0;
	}
	REQUIRE(bootplan_format(&plan, &text) == 0);
	REQUIRE(bootplan_parse(&again, text_string(&text), text.length, &error) == 0);
	require_same(&plan, &again);
	REQUIRE(bootplan_format(&again, &second) == 0);
	REQUIRE(text_equal(text_string(&text), text_string(&second)));
	check_aliases(&plan);
	return 0;
}
