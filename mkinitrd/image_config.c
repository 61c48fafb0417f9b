/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_config.c - what a container image says about running it
 *
 * In:    the JSON of its configuration, untrusted, its digest checked
 * Out:   command, environment, user, directory, stop signal, ports, volumes; for which machine
 * Not:   finding it in an archive (tree_image.c), what becomes of it (docker_profile.c)
 * Facts: OCI image-spec, config.md: "config" and its keys, each of which may be left out or null;
 *        Docker Image Specification v1.2: the same keys
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "fail.h"
#include "image_config.h"
#include "run_settings.h"

#define WORDS_MOST 10000
#define WORD_BYTES_MOST ((size_t)128 << 10) /* what execve(2) takes: MAX_ARG_STRLEN */

/* one that is being read */
struct reading {
	const char *label;
	const json_t *map;
};

static int PRINTF_LIKE(2, 3) fail_config(const struct reading *reading, const char *format, ...)
{
	CLEANUP(memory_free) char *problem = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&problem, format, arguments) < 0)
		problem = NULL;
	va_end(arguments);
	(void)fail(0, "%s cannot be run: %s", reading->label, problem ? problem : "out of memory");
	return -EBADMSG;
}

void image_config_free(struct image_config *config)
{
	strings_free(&config->entrypoint);
	strings_free(&config->command);
	strings_free(&config->env);
	strings_free(&config->ports);
	strings_free(&config->volumes);
	memory_free(&config->user);
	memory_free(&config->directory);
	memory_free(&config->stop_signal);
	memory_free(&config->architecture);
	memory_free(&config->system);
	*config = IMAGE_CONFIG_EMPTY;
}

static int check_length(const struct reading *reading, const char *key, const char *word)
{
	return strlen(word) < WORD_BYTES_MOST
		       ? 0
		       : fail_config(reading,
				     "its '%s' has a text of %zu bytes, which no program "
				     "can be given",
				     key, strlen(word));
}

/* a text, or none; an empty one is none */
static int read_text(const struct reading *reading, const char *key, char **ret_text)
{
	const json_t *value = json_object_get(reading->map, key);
	const char *text = json_string_value(value);

	if (!value || json_is_null(value) || (text && !*text))
		return 0;
	if (!text)
		return fail_config(reading, "its '%s' is no text", key);
	if (check_length(reading, key, text) < 0)
		return -EBADMSG;
	*ret_text = strdup(text);
	return *ret_text ? 0 : fail(-ENOMEM, "cannot read %s", reading->label);
}

static int read_list(const struct reading *reading, const char *key, struct strings *ret_words)
{
	const json_t *value = json_object_get(reading->map, key), *item;
	size_t i;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_array(value))
		return fail_config(reading, "its '%s' is no list of words", key);
	if (json_array_size(value) > WORDS_MOST)
		return fail_config(reading, "its '%s' has %zu words", key, json_array_size(value));
	json_array_foreach(value, i, item)
	{
		const char *word = json_string_value(item);

		if (!word)
			return fail_config(reading, "word %zu of its '%s' is no text", i + 1, key);
		if (check_length(reading, key, word) < 0)
			return -EBADMSG;
		if (strings_add(ret_words, word) < 0)
			return fail(-ENOMEM, "cannot read %s", reading->label);
	}
	return 0;
}

/* a set: {"80/tcp": {}} */
static int read_set(const struct reading *reading, const char *key, struct strings *ret_words)
{
	json_t *value = json_object_get(reading->map, key);
	const json_t *item;
	const char *name;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return fail_config(reading, "its '%s' is no set of names", key);
	if (json_object_size(value) > WORDS_MOST)
		return fail_config(reading, "its '%s' has %zu names", key, json_object_size(value));
	json_object_foreach(value, name, item)
	{
		(void)item;
		if (check_length(reading, key, name) < 0)
			return -EBADMSG;
		if (strings_add(ret_words, name) < 0)
			return fail(-ENOMEM, "cannot read %s", reading->label);
	}
	strings_sort(ret_words, true);
	return 0;
}

/* ---- what each must look like ---- */

static int check_env(const struct reading *reading, const struct image_config *config)
{
	for (size_t i = 0; i < config->env.count; i++) {
		const char *variable = config->env.items[i];
		const char *equals = strchr(variable, '=');
		CLEANUP(memory_free)
		char *name = strndup(variable, equals ? (size_t)(equals - variable) : 0);

		if (!equals)
			return fail_config(reading, "its variable '%s' has no '='", variable);
		if (!name || !run_variable_is_valid(name))
			return fail_config(reading, "'%s' is no name of a variable (Env '%s')",
					   name ? name : "", variable);
	}
	return 0;
}

static bool is_folder(const char *path)
{
	return *path == '/' && !path_has_parent_step(path);
}

/* "80" is "80/tcp" */
static int complete_ports(const struct reading *reading, struct image_config *config)
{
	for (size_t i = 0; i < config->ports.count; i++) {
		struct run_port port;
		char *full;

		if (run_port_parse(config->ports.items[i], true, &port) < 0)
			return fail_config(reading, "its port '%s' is none: NUMBER/tcp, NUMBER/udp",
					   config->ports.items[i]);
		if (asprintf(&full, "%u/%s", port.port, run_protocol_name(port.protocol)) < 0)
			return fail(-ENOMEM, "cannot read %s", reading->label);
		free(config->ports.items[i]);
		config->ports.items[i] = full;
	}
	strings_sort(&config->ports, true);
	return 0;
}

static int check_forms(const struct reading *reading, struct image_config *config)
{
	int r = check_env(reading, config);

	if (r == 0)
		r = complete_ports(reading, config);
	if (r < 0)
		return r;
	if (config->user && !run_user_is_valid(config->user))
		return fail_config(reading, "its user '%s' is no USER or USER:GROUP", config->user);
	if (config->directory && !is_folder(config->directory))
		return fail_config(reading, "its folder '%s' (WorkingDir) is no full path",
				   config->directory);
	if (config->stop_signal && run_signal_parse(config->stop_signal, NULL) < 0)
		return fail_config(reading, "its stop signal '%s' is none", config->stop_signal);
	for (size_t i = 0; i < config->volumes.count; i++)
		if (!is_folder(config->volumes.items[i]) ||
		    text_equal(config->volumes.items[i], "/"))
			return fail_config(reading, "its volume '%s' is no full path of a folder",
					   config->volumes.items[i]);
	return 0;
}

static int read_all(const struct reading *top, struct image_config *config)
{
	const struct reading inner = { top->label, json_object_get(top->map, "config") };
	int r = read_text(top, "architecture", &config->architecture);

	if (r == 0)
		r = read_text(top, "os", &config->system);
	if (r == 0)
		r = read_list(&inner, "Entrypoint", &config->entrypoint);
	if (r == 0)
		r = read_list(&inner, "Cmd", &config->command);
	if (r == 0)
		r = read_list(&inner, "Env", &config->env);
	if (r == 0)
		r = read_text(&inner, "User", &config->user);
	if (r == 0)
		r = read_text(&inner, "WorkingDir", &config->directory);
	if (r == 0)
		r = read_text(&inner, "StopSignal", &config->stop_signal);
	if (r == 0)
		r = read_set(&inner, "ExposedPorts", &config->ports);
	if (r == 0)
		r = read_set(&inner, "Volumes", &config->volumes);
	return r < 0 ? r : check_forms(&inner, config);
}

int image_config_read(const struct json_t *json, const char *label, struct image_config *config)
{
	const struct reading top = { label, json };
	int r;

	if (!json_is_object(json))
		return fail_config(&top, "its configuration is no JSON object");
	r = read_all(&top, config);
	config->is_image = true;
	if (r < 0)
		image_config_free(config);
	return r;
}
