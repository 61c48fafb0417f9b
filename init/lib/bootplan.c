/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan.c - the boot plan's verbs and keys, and its memory
 *
 * In:    nothing
 * Out:   the tables; items added to a plan, and freed
 * Not:   its text form (bootplan_format.c, bootplan_parse.c), what the verbs do (init/), where
 *        their values come from (mkinitrd/plan.c)
 */
#include <string.h>

#include "bootplan_verbs.h"

static const char *const load_words[] = { "demand", "beside", "boot", NULL };
static const char *const need_words[] = { "optional", "required", NULL };
static const char *const absent_words[] = { "stop", "tmpfs", "format", NULL };
static const char *const answer_words[] = { "no", "yes", NULL };
static const char *const method_words[] = { "dhcp", "none", "static", NULL };
static const char *const ra_words[] = { "yes", "no", NULL };
static const char *const after_words[] = { "start", "images", NULL };
static const char *const log_to_words[] = { "kmsg", "console", "file", NULL };
static const char *const when_words[] = { "always", "iptables-nft", "iptables-legacy", NULL };
static const char *const end_words[] = { "restart", "poweroff", "reboot", "halt", NULL };
static const char *const restart_words[] = { "unless-stopped", "always", "on-failure", "no", NULL };
static const char *const net_words[] = { "bridge", "host", "none", NULL };
static const char *const cloud_words[] = { "linode", NULL };
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

static const struct key_row root_keys[] = {
	KEY(plan_root, find, KEY_TEXT),
	KEY(plan_root, image, KEY_TEXT),
	KEY(plan_root, inner, KEY_TEXT),
	KEY(plan_root, type, KEY_TEXT),
	KEY(plan_root, flags, KEY_TEXT),
	KEY(plan_root, cow, KEY_TEXT),
	KEY(plan_root, wait, KEY_NUMBER),
	KEYS_END
};

static const struct key_row bundle_keys[] = {
	KEY(plan_bundle, find, KEY_TEXT),
	KEY(plan_bundle, path, KEY_TEXT),
	KEY(plan_bundle, key, KEY_TEXT),
	WORD(plan_bundle, need, need_words),
	KEY(plan_bundle, wait, KEY_NUMBER),
	KEYS_END
};

static const struct key_row verity_keys[] = {
	{ "root-hash", KEY_TEXT, offsetof(struct plan_verity, root_hash), NULL },
	KEY(plan_verity, salt, KEY_TEXT),
	KEY(plan_verity, algorithm, KEY_TEXT),
	{ "block-size", KEY_NUMBER, offsetof(struct plan_verity, block_size), NULL },
	{ "data-blocks", KEY_NUMBER, offsetof(struct plan_verity, data_blocks), NULL },
	{ "hash-start", KEY_NUMBER, offsetof(struct plan_verity, hash_start), NULL },
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
	{ "volume", KEY_LIST, offsetof(struct plan_disk, volumes), NULL },
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

static const struct key_row metadata_keys[] = {
	WORD(plan_metadata, from, cloud_words),
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
	KEY(plan_service, user, KEY_TEXT),
	KEY(plan_service, directory, KEY_TEXT),
	KEY(plan_service, stop, KEY_TEXT),
	KEYS_END
};

static const struct key_row end_keys[] = {
	{ "is", KEY_WORD, 0, end_words },
	KEYS_END
};

static const struct key_row container_keys[] = {
	KEY(plan_container, image, KEY_TEXT),
	KEY(plan_container, archive, KEY_TEXT),
	KEY(plan_container, id, KEY_TEXT),
	KEYS_END
};

static const struct key_row declared_keys[] = {
	KEY(plan_declared, name, KEY_TEXT),
	KEY(plan_declared, image, KEY_TEXT),
	{ "port", KEY_LIST, offsetof(struct plan_declared, ports), NULL },
	{ "volume", KEY_LIST, offsetof(struct plan_declared, volumes), NULL },
	{ "env-file", KEY_TEXT, offsetof(struct plan_declared, env_file), NULL },
	WORD(plan_declared, network, net_words),
	WORD(plan_declared, restart, restart_words),
	KEY(plan_declared, command, KEY_LIST),
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
	SINGLE("root",     root_keys,     root,     HAS(has_root)),
	SINGLE("verity",   verity_keys,   verity,   HAS(has_verity)),
	SINGLE("bundle",   bundle_keys,   bundle,   HAS(has_bundle)),
	SINGLE("disk",     disk_keys,     disk,     HAS(has_disk)),
	LIST("network",    network_keys,  network,  plan_network),
	SINGLE("dhcp",     dhcp_keys,     dhcp,     HAS(has_dhcp)),
	SINGLE("resolver", resolver_keys, resolver, HAS(has_resolver)),
	SINGLE("metadata", metadata_keys, metadata, HAS(has_metadata)),
	SINGLE("ntp",      ntp_keys,      ntp,      HAS(has_ntp)),
	SINGLE("clock",    clock_keys,    clock,    HAS(has_clock)),
	LIST("limit",      limit_keys,    limit,    plan_limit),
	{ "choose", choice_keys, offsetof(struct bootplan, choices),
	  offsetof(struct bootplan, choice_count), sizeof(struct plan_choice), ALWAYS_PRESENT },
	SINGLE("log",      log_keys,      log,      HAS(has_log)),
	LIST("service",    service_keys,  service,  plan_service),
	SINGLE("main",     service_keys,  main,     HAS(has_main)),
	SINGLE("end",      end_keys,      end,      HAS(has_end)),
	LIST("container",  container_keys, container, plan_container),
	{ "declared", declared_keys, offsetof(struct bootplan, declared),
	  offsetof(struct bootplan, declared_count), sizeof(struct plan_declared), ALWAYS_PRESENT },
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
BOOTPLAN_ADD(declared)

struct plan_choice *bootplan_add_choice(struct bootplan *plan)
{
	return item_add_named(plan, "choose");
}
