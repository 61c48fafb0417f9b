/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_profile.c - a profile for a container image that is to be a machine
 *
 * In:    where the image lies, what it says about running it
 * Out:   a profile of its tree and "run:"; of a machine over the profile "machine", with a disk
 *        when it has volumes
 * Not:   what "run:" leads to in the boot plan (plan_main.c)
 * Facts: OCI image-spec, config.md: Cmd are the default arguments of Entrypoint; without a user it
 *        is root, with the further groups that root has there
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "docker_profile.h"
#include "profile_show.h"

#define HOSTNAME_MOST 63

/* where "$" begins a name, so that it is one itself */
static void add_text(struct text *text, const char *string)
{
	CLEANUP(text_free) struct text escaped = TEXT_EMPTY;

	for (; *string; string++)
		text_add(&escaped, *string == '$' ? "$$" : (const char[]){ *string, '\0' });
	if (escaped.failed)
		text->failed = true;
	yaml_add_text(text, text_string(&escaped));
}

static void add_words(struct text *text, const char *key, const struct strings *words)
{
	if (words->count == 0)
		return;
	text_format(text, "  %s: [", key);
	for (size_t i = 0; i < words->count; i++) {
		text_add(text, i ? ", " : "");
		add_text(text, words->items[i]);
	}
	text_add(text, "]\n");
}

/* of two values of a variable the last one counts, as in a container */
static bool is_overridden(const struct strings *env, size_t index)
{
	size_t length = strcspn(env->items[index], "=") + 1;

	for (size_t i = index + 1; i < env->count; i++)
		if (strncmp(env->items[i], env->items[index], length) == 0)
			return true;
	return false;
}

static void add_env(struct text *text, const struct strings *env)
{
	if (env->count)
		text_add(text, "  env:\n");
	for (size_t i = 0; i < env->count; i++) {
		size_t length = strcspn(env->items[i], "=");
		CLEANUP(memory_free) char *name = strndup(env->items[i], length);

		if (!name)
			text->failed = true;
		if (!name || is_overridden(env, i))
			continue;
		text_add(text, "    ");
		yaml_add_text(text, name);
		text_add(text, ": ");
		add_text(text, env->items[i] + length + 1);
		text_add(text, "\n");
	}
}

/* { KEY: {}, KEY: {} }: keys are not expanded */
static void add_set(struct text *text, const char *key, const struct strings *names)
{
	if (names->count)
		text_format(text, "  %s:\n", key);
	for (size_t i = 0; i < names->count; i++) {
		text_add(text, "    ");
		yaml_add_text(text, names->items[i]);
		text_add(text, ": {}\n");
	}
}

static void add_one(struct text *text, const char *key, const char *value)
{
	if (!value)
		return;
	text_format(text, "  %s: ", key);
	add_text(text, value);
	text_add(text, "\n");
}

/* what of @name a host can be called */
static void add_hostname(struct text *text, const char *name)
{
	size_t length = 0;

	for (; *name && length < HOSTNAME_MOST; name++) {
		if (isalnum((unsigned char)*name))
			text_add_char(text, (char)tolower((unsigned char)*name));
		else if (length && isalnum((unsigned char)name[1]))
			text_add_char(text, '-');
		else
			continue;
		length++;
	}
	if (length == 0)
		text_add(text, "machine");
}

static void add_run(struct text *text, const struct docker_profile *profile)
{
	const struct image_config *config = profile->config;

	text_add(text, "run:\n");
	add_words(text, "exec", &config->entrypoint);
	add_words(text, "arguments", profile->command->count ? profile->command : &config->command);
	add_env(text, &config->env);
	add_one(text, "user", config->user ? config->user : "0");
	add_one(text, "directory", config->directory);
	add_one(text, "stop-signal", config->stop_signal);
	add_set(text, "ports", &config->ports);
	add_set(text, "volumes", &config->volumes);
}

int docker_profile_format(const struct docker_profile *profile, struct text *text)
{
	text_add(text, "description: ");
	yaml_add_text(text, profile->image ? profile->image : profile->name);
	if (profile->is_machine) {
		text_add(text, "\ninclude: [machine]\nvalues: { hostname: \"");
		add_hostname(text, profile->name);
		text_add(text, "\" }");
	}
	text_add(text, "\ntrees:\n  image: { from: ");
	add_text(text, profile->from);
	if (profile->image) {
		text_add(text, ", image: ");
		add_text(text, profile->image);
	}
	text_add(text, " }\n");
	add_run(text, profile);
	if (profile->is_machine && profile->config->volumes.count)
		text_add(text, "boot:\n  disk: { find: LABEL=DOCKER, at: /var/lib/machine, absent: "
			       "tmpfs, wait: 10s }\n");
	return text->failed ? -ENOMEM : 0;
}
