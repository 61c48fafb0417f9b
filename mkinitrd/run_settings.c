/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_settings.c - "run:" of a profile into a struct (see run_settings.h)
 *
 * In:    a checked profile
 * Out:   the settings
 * Not:   the forms of text (run_form.c), how they are written down for who runs the tree
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "run_settings.h"
#include "../init/lib/number.h"

void run_settings_free(struct run_settings *settings)
{
	strings_free(&settings->exec);
	strings_free(&settings->arguments);
	strings_free(&settings->env);
	strings_free(&settings->volumes);
	memory_free(&settings->user);
	memory_free(&settings->directory);
	memory_free(&settings->ports);
	memory_free(&settings->stop_signal);
	memory_free(&settings->network_name);
	*settings = RUN_SETTINGS_EMPTY;
}

/* ---- one more ---- */

/* what stands in a "NAME=value" of that name, or NULL */
static char **find_env(const struct run_settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->env.count; i++) {
		const char *rest = text_after(settings->env.items[i], name);

		if (rest && *rest == '=')
			return &settings->env.items[i];
	}
	return NULL;
}

const char *run_env(const struct run_settings *settings, const char *name)
{
	char **found = find_env(settings, name);

	return found ? *found + strlen(name) + 1 : NULL;
}

int run_command(const struct run_settings *settings, struct strings *ret_argv)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < settings->exec.count; i++)
		r = strings_add(ret_argv, settings->exec.items[i]);
	for (size_t i = 0; r == 0 && i < settings->arguments.count; i++)
		r = strings_add(ret_argv, settings->arguments.items[i]);
	return r;
}

int run_set_env(struct run_settings *settings, const char *name, const char *value)
{
	char **found = find_env(settings, name);
	char *line;

	if (!found)
		return strings_add_format(&settings->env, "%s=%s", name, value);
	if (asprintf(&line, "%s=%s", name, value) < 0)
		return -ENOMEM;
	free(*found);
	*found = line;
	return 0;
}

int run_set_port(struct run_settings *settings, const struct run_port *port)
{
	size_t at = 0;
	struct run_port *ports = settings->ports;

	while (at < settings->port_count &&
	       (ports[at].port < port->port ||
		(ports[at].port == port->port && ports[at].protocol < port->protocol)))
		at++;
	if (at < settings->port_count && ports[at].port == port->port &&
	    ports[at].protocol == port->protocol) {
		ports[at].host = port->host;
		return 0;
	}
	ports = reallocarray(ports, settings->port_count + 1, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	memmove(&ports[at + 1], &ports[at], (settings->port_count - at) * sizeof(*ports));
	ports[at] = *port;
	settings->ports = ports;
	settings->port_count++;
	return 0;
}

int run_set_volume(struct run_settings *settings, const char *path)
{
	int r = strings_add(&settings->volumes, path);

	strings_sort(&settings->volumes, true);
	return r;
}

/* ---- the profile ---- */

/* what one read works with */
struct reader {
	const struct profile *profile;
	const struct value *run;
	struct run_settings *settings;
};

static int expand(const struct reader *reader, const struct value *value, char **ret_text)
{
	return profile_expand(reader->profile, value_text(value, ""), value->origin, ret_text);
}

/* a text replaces the one before */
static int read_text(const struct reader *reader, const struct value *value, char **member)
{
	CLEANUP(memory_free) char *text = NULL;
	int r = value ? expand(reader, value, &text) : 0;

	if (r < 0 || !value)
		return r;
	memory_free(member);
	*member = text_pointer_take(&text);
	return 0;
}

static int read_words(const struct reader *reader, const struct value *list, struct strings *words)
{
	int r = 0;

	strings_free(words);
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		char *word = NULL;

		r = expand(reader, list->items[i], &word);
		if (r == 0)
			r = strings_take_in(words, word);
	}
	return r;
}

static int read_exec(const struct reader *reader, const struct value *exec,
		     const struct value *arguments)
{
	struct run_settings *settings = reader->settings;
	const struct value *first = exec ? exec : arguments;
	int r = 0;

	if (exec) {
		strings_free(&settings->arguments);
		r = read_words(reader, exec, &settings->exec);
	}
	if (r == 0 && arguments)
		r = read_words(reader, arguments, &settings->arguments);
	if (r < 0 || !first)
		return r;
	if (exec || settings->exec.count == 0) {
		const struct strings *words = exec ? &settings->exec : &settings->arguments;

		settings->exec_at = first->origin;
		if (words->count && words->items[0][0] == '\0')
			return fail_at(&first->items[0]->origin,
				       "'exec:' begins with an empty word; name the program");
	}
	return 0;
}

static int read_env(const struct reader *reader, const struct value *map)
{
	int r = 0;

	for (size_t i = 0; r == 0 && map && i < map->count; i++) {
		CLEANUP(memory_free) char *text = NULL;

		r = expand(reader, map->items[i], &text);
		if (r == 0)
			r = run_set_env(reader->settings, map->keys[i], text);
	}
	return r;
}

/* no two ports of the tree can be one of the host */
static int check_host_ports(const struct reader *reader, const struct value *map)
{
	const struct run_settings *settings = reader->settings;

	for (size_t i = 0; i < settings->port_count; i++)
		for (size_t j = i + 1; j < settings->port_count; j++)
			if (settings->ports[i].host &&
			    settings->ports[i].host == settings->ports[j].host &&
			    settings->ports[i].protocol == settings->ports[j].protocol)
				return fail_at(&map->origin,
					       "the ports %u and %u both lead to port %u of the "
					       "host; give one of them another 'host:'",
					       settings->ports[i].port, settings->ports[j].port,
					       settings->ports[i].host);
	return 0;
}

static int read_ports(const struct reader *reader, const struct value *map)
{
	int r = 0;

	for (size_t i = 0; r == 0 && map && i < map->count; i++) {
		const struct value *host = value_get(map->items[i], "host", NULL);
		CLEANUP(memory_free) char *text = NULL;
		struct run_port port = { 0 };
		uint64_t number = 0;

		(void)run_port_parse(map->keys[i], false, &port);
		r = host ? expand(reader, host, &text) : 0;
		if (r == 0 && text && number_parse(text, &number) == 0)
			port.host = (uint16_t)number;
		if (r == 0)
			r = run_set_port(reader->settings, &port);
	}
	return r == 0 && map ? check_host_ports(reader, map) : r;
}

static int read_volumes(const struct reader *reader, const struct value *map)
{
	int r = 0;

	for (size_t i = 0; r == 0 && map && i < map->count; i++)
		r = run_set_volume(reader->settings, map->keys[i]);
	return r;
}

static int read_signal(const struct reader *reader, const struct value *value)
{
	char *name = NULL;
	int r = value ? run_signal_parse(value_text(value, ""), &name) : 0;

	if (r < 0 || !value)
		return r;
	memory_free(&reader->settings->stop_signal);
	reader->settings->stop_signal = name;
	return 0;
}

static void read_limits(const struct reader *reader, const struct value *limits)
{
	struct run_settings *settings = reader->settings;
	const char *nofile = value_text(value_get(limits, "nofile", NULL), "");

	(void)size_parse(value_text(value_get(limits, "memory", NULL), ""), &settings->memory);
	(void)run_cpus_parse(value_text(value_get(limits, "cpus", NULL), ""), &settings->cpus);
	(void)number_parse(value_text(value_get(limits, "pids", NULL), ""), &settings->pids);
	if (text_equal(nofile, "infinity"))
		settings->nofile = UINT64_MAX;
	else
		(void)number_parse(nofile, &settings->nofile);
}

static int read_network(const struct reader *reader, const struct value *value)
{
	struct run_settings *settings = reader->settings;
	CLEANUP(memory_free) char *text = NULL;
	const char *name = NULL;
	int r = value ? expand(reader, value, &text) : 0;

	if (r < 0 || !value)
		return r;
	memory_free(&settings->network_name);
	(void)run_network_parse(text, &settings->network, &name);
	if (name)
		settings->network_name = strdup(name);
	return name && !settings->network_name ? -ENOMEM : 0;
}

static void read_choices(const struct reader *reader)
{
	struct run_settings *settings = reader->settings;
	const char *users = value_text(value_get(reader->run, "private-users", NULL), NULL);
	const char *init = value_text(value_get(reader->run, "init", NULL), NULL);

	if (users)
		settings->private_users = text_equal(users, "true") ? RUN_YES : RUN_NO;
	if (init)
		settings->init = text_equal(init, "boot")   ? RUN_INIT_BOOT
				 : text_equal(init, "reap") ? RUN_INIT_REAP
							    : RUN_INIT_NONE;
	if (value_get(reader->run, "privileged", NULL))
		settings->is_privileged = true;
}

/* what only the whole can tell */
static int check_whole(const struct reader *reader)
{
	const struct run_settings *settings = reader->settings;
	const struct value *users = value_get(reader->run, "private-users", NULL);

	if (settings->is_privileged && settings->private_users == RUN_YES)
		return fail_at(users ? &users->origin : &reader->run->origin,
			       "'private-users: true' takes away what 'privileged: true' gives; "
			       "set one of them to null");
	return 0;
}

int run_settings_read(const struct profile *profile, struct run_settings *settings)
{
	const struct reader reader = {
		.profile = profile,
		.run = value_get(profile->root, "run", NULL),
		.settings = settings,
	};
	const struct value *run = reader.run;
	int r;

	if (!run)
		return 0;
	settings->at = run->origin;
	r = read_exec(&reader, value_get(run, "exec", NULL), value_get(run, "arguments", NULL));
	if (r == 0)
		r = read_env(&reader, value_get(run, "env", NULL));
	if (r == 0)
		r = read_text(&reader, value_get(run, "user", NULL), &settings->user);
	if (r == 0)
		r = read_text(&reader, value_get(run, "directory", NULL), &settings->directory);
	if (r == 0)
		r = read_ports(&reader, value_get(run, "ports", NULL));
	if (r == 0)
		r = read_volumes(&reader, value_get(run, "volumes", NULL));
	if (r == 0)
		r = read_signal(&reader, value_get(run, "stop-signal", NULL));
	if (r == 0)
		r = read_network(&reader, value_get(run, "network", NULL));
	if (r < 0)
		return r == -ENOMEM ? fail(r, "cannot read 'run:'") : r;
	read_limits(&reader, value_get(run, "limits", NULL));
	read_choices(&reader);
	return check_whole(&reader);
}
