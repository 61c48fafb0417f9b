/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_arguments.c - dockerd's command line, before anything is done about it
 *
 * In:    the words that it would get
 * Out:   the same without what dockerd of today refuses; or what is wrong with them
 * Not:   reading options (dockerd_words.c), the bridge itself (dockerlaunch_bridge.c)
 * Facts: the subcommand "daemon" of docker ended with 17.12, and dockerd never had one. Interface
 *        names have 15 bytes at most, and neither '/' nor white space: kernel dev_valid_name()
 */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "dockerd_words.h"
#include "dockerlaunch_place.h"
#include "lib/number.h"

#define MTU_LEAST 68 /* of IPv4: RFC 791 */
#define MTU_MOST 65535

/* those whose value we look at, and that dockerd would refuse with less of a reason */
static const char *const looked_at[] = {
	"bip",   "bridge", "config-file", "data-root", "exec-root",      "fixed-cidr",
	"graph", "host",   "mtu",         "pidfile",   "storage-driver",
};

static void words_remove(struct strings *words, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		free(words->items[i]);
	/* with the NULL behind the last */
	memmove(&words->items[first], &words->items[first + count],
		(words->count - first - count + 1) * sizeof(*words->items));
	words->count -= count;
}

void launch_drop(struct launch *launch, const char *name)
{
	struct dockerd_option option;

	while (dockerd_words_find(launch->words.items, name, &option))
		words_remove(&launch->words, option.first, option.count);
}

static int values_check(struct launch *launch)
{
	struct dockerd_words all = { .words = launch->words.items };
	struct dockerd_option option;

	while (dockerd_words_next(&all, &option)) {
		bool is_ours = false;

		for (size_t i = 0; i < COUNT_OF(looked_at); i++)
			is_ours |= text_equal(looked_at[i], option.name);
		if (!is_ours)
			continue;
		if (!option.value)
			return launch_complain(launch, "dockerd's option '%s' has no value",
					       launch->words.items[option.first]);
		if (option.value[0] == '-')
			return launch_complain(launch,
					       "dockerd's option '%s' has the value '%s', which "
					       "looks like an option; give it a value",
					       launch->words.items[option.first], option.value);
	}
	return 0;
}

static int bridge_name_check(struct launch *launch)
{
	const char *name = launch_setting(launch, "bridge", "bridge");

	if (!name)
		return 0;
	if (strlen(name) >= IFNAMSIZ)
		return launch_complain(launch,
				       "the bridge's name '%s' has %zu bytes; the kernel takes %d "
				       "at most",
				       name, strlen(name), IFNAMSIZ - 1);
	for (const char *at = name; *at; at++)
		if (*at == '/' || *at == ':' || isspace((unsigned char)*at))
			return launch_complain(launch,
					       "the bridge's name '%s' has a '%c', which names of "
					       "interfaces cannot have",
					       name, *at);
	return 0;
}

static int mtu_check(struct launch *launch)
{
	const char *text = launch_setting(launch, "mtu", NULL);
	uint64_t mtu;
	int r;

	if (!text)
		return 0;
	r = launch_mtu(launch, &mtu);
	if (r < 0 && r != -ENOENT)
		return launch_complain(launch,
				       "the MTU '%s' is no number from %d to %d, which an "
				       "interface's must be",
				       text, MTU_LEAST, MTU_MOST);
	return 0;
}

int launch_mtu(const struct launch *launch, uint64_t *ret_mtu)
{
	const char *text = launch_setting(launch, "mtu", NULL);
	json_t *number = json_object_get(launch->daemon, "mtu");
	uint64_t mtu = 0;

	if (!text && !json_is_integer(number))
		return -ENOENT;
	if (text && number_parse(text, &mtu) < 0)
		return -EINVAL;
	if (!text)
		mtu = json_integer_value(number) < 0 ? 1 : (uint64_t)json_integer_value(number);
	/* 0: dockerd takes the usual one */
	if (mtu == 0)
		return -ENOENT;
	if (mtu < MTU_LEAST || mtu > MTU_MOST)
		return -ERANGE;
	*ret_mtu = mtu;
	return 0;
}

int launch_arguments(struct launch *launch)
{
	int r;

	if (launch->words.count > 1 && text_equal(launch->words.items[1], "daemon") &&
	    !text_equal(base_name(launch->docker), "docker")) {
		(void)launch_say(launch, LAUNCH_ALTERS, "daemon",
				 "dropped, '%s' has no such subcommand", base_name(launch->docker));
		words_remove(&launch->words, 1, 1);
	}
	r = values_check(launch);
	if (r == 0)
		r = bridge_name_check(launch);
	if (r == 0)
		r = mtu_check(launch);
	return r;
}
