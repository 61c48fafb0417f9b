/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerd_words.c - dockerd's command line, option by option, as dockerd itself reads it
 *
 * In:    arguments
 * Out:   names and values
 * Not:   what follows from them (dockerlaunch_arguments.c, daemon_json.c)
 * Facts: dockerd(8); its options are read by pflag: a boolean takes a value only behind '=', any
 *        other takes the next word when there is no '=', also one that begins with '-'
 */
#include "dockerd_words.h"

#include <string.h>

#include "lib/text.h"

// clang-format off
static const struct {
	char letter;
	const char *name;
} letter_rows[] = {
	{ 'b', "bridge" },
	{ 'D', "debug" },
	{ 'g', "graph" },
	{ 'G', "group" },
	{ 'h', "help" },
	{ 'H', "host" },
	{ 'l', "log-level" },
	{ 'p', "pidfile" },
	{ 's', "storage-driver" },
	{ 'v', "version" },
};
// clang-format on

/* of 17.12 to 29: those of an earlier one that is gone do no harm */
static const char *const booleans[] = {
	"allow-direct-routing",
	"cri-containerd",
	"debug",
	"default-network-opt-icc",
	"disable-legacy-registry",
	"experimental",
	"help",
	"icc",
	"init",
	"ip-forward",
	"ip-forward-no-drop",
	"ip-masq",
	"ip6tables",
	"iptables",
	"ipv6",
	"live-restore",
	"no-new-privileges",
	"raw-logs",
	"rootless",
	"selinux-enabled",
	"tls",
	"tlsverify",
	"userland-proxy",
	"validate",
	"version",
};

static bool is_boolean(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(booleans); i++)
		if (text_equal(booleans[i], name))
			return true;
	return false;
}

static void name_set(struct dockerd_option *option, const char *name, size_t length)
{
	/* longer than any that we ask for: cut, it is none of those */
	if (length >= sizeof(option->name))
		length = sizeof(option->name) - 1;
	memcpy(option->name, name, length);
	option->name[length] = '\0';
	option->takes_value = !is_boolean(option->name);
}

/* the value is the next word, where the option takes one */
static void value_follows(struct dockerd_words *words, struct dockerd_option *option)
{
	if (!option->takes_value || !words->words[words->index])
		return;
	option->value = words->words[words->index++];
	option->count++;
}

static void long_option(struct dockerd_words *words, const char *word,
			struct dockerd_option *option)
{
	size_t length = strcspn(word, "=");

	name_set(option, word, length);
	if (word[length] == '=')
		option->value = word + length + 1;
	else
		value_follows(words, option);
}

/* the letter at words->letter of the word @option->first */
static void short_option(struct dockerd_words *words, const char *word,
			 struct dockerd_option *option)
{
	const char *rest = word + words->letter + 1;
	const char *name = NULL;

	for (size_t i = 0; i < COUNT_OF(letter_rows); i++)
		if (letter_rows[i].letter == word[words->letter])
			name = letter_rows[i].name;
	if (name)
		name_set(option, name, strlen(name));
	else
		name_set(option, &word[words->letter], 1);
	if (!option->takes_value && *rest && *rest != '=') {
		words->letter++;
		return;
	}
	words->letter = 0;
	words->index++;
	if (*rest)
		option->value = rest + (*rest == '=');
	else
		value_follows(words, option);
}

bool dockerd_words_next(struct dockerd_words *words, struct dockerd_option *ret_option)
{
	for (const char *word; (word = words->words[words->index]) != NULL; words->index++) {
		struct dockerd_option option = { .first = words->index, .count = 1 };

		if (text_equal(word, "--"))
			return false;
		if (word[0] != '-' || !word[1])
			continue;
		if (word[1] == '-') {
			words->index++;
			long_option(words, word + 2, &option);
		} else {
			if (words->letter == 0)
				words->letter = 1;
			short_option(words, word, &option);
		}
		*ret_option = option;
		return true;
	}
	return false;
}

bool dockerd_words_find(char *const *words, const char *name, struct dockerd_option *ret_option)
{
	struct dockerd_words all = { .words = words };
	struct dockerd_option option;
	bool is_there = false;

	while (dockerd_words_next(&all, &option)) {
		if (!text_equal(option.name, name))
			continue;
		*ret_option = option;
		is_there = true;
	}
	return is_there;
}
