/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan.c - the boot plan's verbs and keys, its memory, and writing it as text
 *
 * In:    a struct bootplan from the CLI
 * Out:   text
 * Not:   reading it (bootplan_parse.c), what the verbs do (init/), where their values come from
 *        (mkinitrd/plan.c)
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "bootplan_verbs.h"

static const char *const load_words[] = { "demand", "beside", "boot", NULL };
static const char *const absent_words[] = { "stop", "tmpfs", "format", NULL };
static const char *const answer_words[] = { "no", "yes", NULL };
static const char *const method_words[] = { "dhcp", "none", "static", NULL };
static const char *const ra_words[] = { "yes", "no", NULL };
static const char *const after_words[] = { "start", "images", NULL };
static const char *const log_to_words[] = { "kmsg", "console", "file", NULL };
static const char *const when_words[] = { "always", "iptables-nft", "iptables-legacy", NULL };
static const char *const mode_words[] = { "exec", "supervise", NULL };

// clang-format off
#define KEY(type, name, kind)		{ #name, kind, offsetof(struct type, name), NULL }
#define WORD(type, name, words)		{ #name, KEY_WORD, offsetof(struct type, name), words }
#define KEYS_END			{ NULL, KEY_TEXT, 0, NULL }

static const struct key_row image_keys[] = {
	KEY(plan_image, profile, KEY_TEXT),
	KEY(plan_image, release, KEY_TEXT),
	KEY(plan_image, memory, KEY_NUMBER),
	KEY(plan_image, cmdline, KEY_LIST),
	KEYS_END
};

static const struct key_row mode_keys[] = {
	{ "is", KEY_WORD, 0, mode_words },
	KEYS_END
};

static const struct key_row hostname_keys[] = {
	{ "is", KEY_TEXT, 0, NULL },
	KEYS_END
};

static const struct key_row module_keys[] = {
	KEY(plan_module, name, KEY_TEXT),
	KEY(plan_module, path, KEY_TEXT),
	WORD(plan_module, load, load_words),
	KEY(plan_module, needs, KEY_LIST),
	KEY(plan_module, soft, KEY_LIST),
	KEY(plan_module, post, KEY_LIST),
	KEY(plan_module, options, KEY_TEXT),
	KEYS_END
};

static const struct key_row alias_keys[] = {
	KEY(plan_alias, module, KEY_TEXT),
	KEY(plan_alias, match, KEY_LIST),
	KEYS_END
};

static const struct key_row tmpfs_keys[] = {
	KEY(plan_tmpfs, at, KEY_TEXT),
	KEY(plan_tmpfs, size, KEY_TEXT),
	KEYS_END
};

static const struct key_row disk_keys[] = {
	KEY(plan_disk, find, KEY_TEXT),
	KEY(plan_disk, at, KEY_TEXT),
	WORD(plan_disk, absent, absent_words),
	KEY(plan_disk, wait, KEY_NUMBER),
	KEY(plan_disk, size, KEY_NUMBER),
	WORD(plan_disk, resize, answer_words),
	KEY(plan_disk, fsck, KEY_TEXT),
	KEY(plan_disk, mkfs, KEY_TEXT),
	KEY(plan_disk, swap, KEY_TEXT),
	KEYS_END
};

static const struct key_row network_keys[] = {
	KEY(plan_network, match, KEY_TEXT),
	WORD(plan_network, method, method_words),
	KEY(plan_network, address, KEY_LIST),
	KEY(plan_network, gateway, KEY_LIST),
	KEY(plan_network, dns, KEY_LIST),
	KEY(plan_network, search, KEY_LIST),
	KEY(plan_network, mtu, KEY_NUMBER),
	{ "accept-ra", KEY_WORD, offsetof(struct plan_network, accept_ra), ra_words },
	KEYS_END
};

static const struct key_row dhcp_keys[] = {
	KEY(plan_dhcp, exec, KEY_LIST),
	KEY(plan_dhcp, wait, KEY_NUMBER),
	WORD(plan_dhcp, after, after_words),
	KEYS_END
};

static const struct key_row resolver_keys[] = {
	KEY(plan_resolver, server, KEY_LIST),
	KEY(plan_resolver, search, KEY_LIST),
	KEYS_END
};

static const struct key_row ntp_keys[] = {
	KEY(plan_ntp, server, KEY_LIST),
	KEYS_END
};

static const struct key_row clock_keys[] = {
	KEY(plan_clock, floor, KEY_NUMBER),
	KEYS_END
};

static const struct key_row limit_keys[] = {
	KEY(plan_limit, name, KEY_TEXT),
	KEY(plan_limit, value, KEY_NUMBER),
	KEYS_END
};

static const struct key_row choice_keys[] = {
	KEY(plan_choice, name, KEY_TEXT),
	KEY(plan_choice, pick, KEY_TEXT),
	WORD(plan_choice, when, when_words),
	{ "link", KEY_LIST, offsetof(struct plan_choice, links), NULL },
	KEYS_END
};

static const struct key_row log_keys[] = {
	WORD(plan_log, to, log_to_words),
	KEY(plan_log, path, KEY_TEXT),
	KEY(plan_log, limit, KEY_NUMBER),
	KEYS_END
};

static const struct key_row service_keys[] = {
	KEY(plan_service, name, KEY_TEXT),
	KEY(plan_service, exec, KEY_LIST),
	KEY(plan_service, env, KEY_LIST),
	KEY(plan_service, needs, KEY_LIST),
	KEY(plan_service, ready, KEY_TEXT),
	KEY(plan_service, wait, KEY_NUMBER),
	KEYS_END
};

static const struct key_row container_keys[] = {
	KEY(plan_container, image, KEY_TEXT),
	KEY(plan_container, archive, KEY_TEXT),
	KEY(plan_container, id, KEY_TEXT),
	KEYS_END
};

static const struct key_row console_keys[] = {
	KEY(plan_console, container, KEY_TEXT),
	{ "in-memory", KEY_TEXT, offsetof(struct plan_console, in_memory), NULL },
	{ "on-disk", KEY_TEXT, offsetof(struct plan_console, on_disk), NULL },
	{ "bind", KEY_LIST, offsetof(struct plan_console, binds), NULL },
	KEY(plan_console, exec, KEY_LIST),
	KEY(plan_console, ttys, KEY_LIST),
	KEYS_END
};

static const struct key_row shell_keys[] = {
	KEY(plan_shell, exec, KEY_LIST),
	KEY(plan_shell, ttys, KEY_LIST),
	KEYS_END
};

static const struct key_row rescue_keys[] = {
	KEY(plan_rescue, password, KEY_TEXT),
	KEYS_END
};

static const struct key_row stop_keys[] = {
	KEY(plan_stop, within, KEY_NUMBER),
	KEYS_END
};

#define SINGLE(name, keys, member, flag) \
	{ name, keys, offsetof(struct bootplan, member), NOT_A_LIST, 0, flag }
#define HAS(member) offsetof(struct bootplan, member)
#define LIST(name, keys, member, type) \
	{ name, keys, offsetof(struct bootplan, member##s), \
	  offsetof(struct bootplan, member##_count), sizeof(struct type), ALWAYS_PRESENT }

const struct verb_row bootplan_verbs[] = {
	SINGLE("image",    image_keys,    image,    ALWAYS_PRESENT),
	SINGLE("mode",     mode_keys,     mode,     ALWAYS_PRESENT),
	SINGLE("hostname", hostname_keys, hostname, ALWAYS_PRESENT),
	LIST("module",     module_keys,   module,   plan_module),
	{ "alias", alias_keys, offsetof(struct bootplan, aliases),
	  offsetof(struct bootplan, alias_count), sizeof(struct plan_alias), ALWAYS_PRESENT },
	{ "tmpfs", tmpfs_keys, offsetof(struct bootplan, tmpfses),
	  offsetof(struct bootplan, tmpfs_count), sizeof(struct plan_tmpfs), ALWAYS_PRESENT },
	SINGLE("disk",     disk_keys,     disk,     HAS(has_disk)),
	LIST("network",    network_keys,  network,  plan_network),
	SINGLE("dhcp",     dhcp_keys,     dhcp,     HAS(has_dhcp)),
	SINGLE("resolver", resolver_keys, resolver, HAS(has_resolver)),
	SINGLE("ntp",      ntp_keys,      ntp,      HAS(has_ntp)),
	SINGLE("clock",    clock_keys,    clock,    HAS(has_clock)),
	LIST("limit",      limit_keys,    limit,    plan_limit),
	{ "choose", choice_keys, offsetof(struct bootplan, choices),
	  offsetof(struct bootplan, choice_count), sizeof(struct plan_choice), ALWAYS_PRESENT },
	SINGLE("log",      log_keys,      log,      HAS(has_log)),
	LIST("service",    service_keys,  service,  plan_service),
	SINGLE("main",     service_keys,  main,     HAS(has_main)),
	LIST("container",  container_keys, container, plan_container),
	SINGLE("console",  console_keys,  console,  HAS(has_console)),
	SINGLE("shell",    shell_keys,    shell,    HAS(has_shell)),
	SINGLE("rescue",   rescue_keys,   rescue,   HAS(has_rescue)),
	SINGLE("stop",     stop_keys,     stop,     HAS(has_stop)),
};
// clang-format on

const size_t bootplan_verb_count = COUNT_OF(bootplan_verbs);

static void item_free(const struct verb_row *verb, void *item)
{
	for (const struct key_row *key = verb->keys; key->name; key++) {
		void *member = member_at(item, key->offset);

		switch (key->kind) {
		case KEY_TEXT:
			memory_free(member);
			break;
		case KEY_LIST:
			strings_free(member);
			break;
		case KEY_NUMBER:
		case KEY_WORD:
			break;
		}
	}
}

static void list_free(struct bootplan *plan, const struct verb_row *verb)
{
	char **array = member_at(plan, verb->item);
	size_t *count = member_at(plan, verb->count);

	for (size_t i = 0; i < *count; i++)
		item_free(verb, *array + i * verb->size);
	memory_free(array);
	*count = 0;
}

void bootplan_free(struct bootplan *plan)
{
	for (size_t i = 0; i < bootplan_verb_count; i++) {
		const struct verb_row *verb = &bootplan_verbs[i];

		if (verb->count == NOT_A_LIST)
			item_free(verb, member_at(plan, verb->item));
		else
			list_free(plan, verb);
	}
	*plan = BOOTPLAN_EMPTY;
}

void bootplan_forget_modules(struct bootplan *plan)
{
	for (size_t i = 0; i < bootplan_verb_count; i++)
		if (text_equal(bootplan_verbs[i].name, "module") ||
		    text_equal(bootplan_verbs[i].name, "alias"))
			list_free(plan, &bootplan_verbs[i]);
}

void *bootplan_item_add(struct bootplan *plan, const struct verb_row *verb)
{
	char **array = member_at(plan, verb->item);
	size_t *count = member_at(plan, verb->count);
	char *grown = *array;

	/* room doubles: 1, 2, 4, ... items */
	if ((*count & (*count - 1)) == 0)
		grown = reallocarray(*array, *count ? *count * 2 : 1, verb->size);
	if (!grown)
		return NULL;
	*array = grown;
	memset(grown + *count * verb->size, 0, verb->size);
	return grown + (*count)++ * verb->size;
}

static void *item_add_named(struct bootplan *plan, const char *name)
{
	for (size_t i = 0; i < bootplan_verb_count; i++)
		if (text_equal(bootplan_verbs[i].name, name))
			return bootplan_item_add(plan, &bootplan_verbs[i]);
	return NULL;
}

#define BOOTPLAN_ADD(what)                                             \
	struct plan_##what *bootplan_add_##what(struct bootplan *plan) \
	{                                                              \
		return item_add_named(plan, #what);                    \
	}

BOOTPLAN_ADD(module)
BOOTPLAN_ADD(alias)
BOOTPLAN_ADD(tmpfs)
BOOTPLAN_ADD(network)
BOOTPLAN_ADD(limit)
BOOTPLAN_ADD(service)
BOOTPLAN_ADD(container)

struct plan_choice *bootplan_add_choice(struct bootplan *plan)
{
	return item_add_named(plan, "choose");
}

/* ---- writing ---- */

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
	if (verb->keys == hostname_keys)
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
