/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.c - the program that talks to Docker, so that PID 1 need not
 *
 * In:    a subcommand: wait, load, console; settings (agent_settings.c)
 * Out:   wait: its exit status. load: one line on stdout, 0 something was loaded, 3 all was there,
 *        1 failed and the line says why. console: becomes the docker CLI
 * Not:   the API (agent_docker.c), restarting a console (the helper)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_docker.h"
#include "agent_http.h"
#include "agent_settings.h"
#include "lib/number.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_PRESENT = 3 };

#define CONSOLE_WAIT "120000"

struct arguments {
	const char *socket, *wait, *image, *name, *docker;
	char **rest; /* after "--" */
	uint64_t wait_ms;
};

/* an option of the agent; every one takes a value */
static const struct {
	const char *name;
	size_t offset;
} option_rows[] = {
	{ "--socket", offsetof(struct arguments, socket) },
	{ "--wait", offsetof(struct arguments, wait) },
	{ "--image", offsetof(struct arguments, image) },
	{ "--name", offsetof(struct arguments, name) },
	{ "--docker", offsetof(struct arguments, docker) },
};

/* one line, whatever Docker put into its message */
static void line_print(FILE *file, struct text *line)
{
	for (size_t i = 0; i < line->length; i++)
		if ((unsigned char)line->data[i] < ' ' || line->data[i] == 0x7f)
			line->data[i] = ' ';
	(void)fprintf(file, "%s\n", line->failed ? "no memory left" : text_string(line));
	(void)fflush(file);
}

static int complain(const char *format, const char *argument)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	text_add(&line, "agent: ");
	text_add(&line, format);
	text_format(&line, "'%s'", argument);
	line_print(stderr, &line);
	return EXIT_USAGE;
}

/* ---- wait ---- */

static int agent_wait(const struct arguments *arguments, const struct docker *docker)
{
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;

	if (docker_wait(docker, arguments->wait_ms, &reason) == 0)
		return EXIT_OK;
	line_print(stderr, &reason);
	return EXIT_FAILED;
}

/* ---- load ---- */

/* Return: 1 loaded, 0 it was there, or a negative errno with the reason */
static int load_one(const struct docker *docker, const char *name, const char *archive,
		    const char *id, struct text *reason)
{
	CLEANUP(memory_free) char *present = NULL;
	int r = docker_image_id(docker, name, &present, reason);

	if (r == 0) {
		/* another id: someone gave the name to an image of his own, and that stays */
		if (!text_equal(present, id))
			(void)fprintf(stderr, "agent: image '%s' is another one, left alone\n",
				      name);
		return 0;
	}
	if (r != -ENOENT)
		return r;
	r = docker_load(docker, name, archive, reason);
	return r < 0 ? r : 1;
}

/* IMAGE=ARCHIVE=ID, split in place at the first and the last '=' */
static int load_split(char *word, char **ret_archive, char **ret_id)
{
	char *first = strchr(word, '='), *last = strrchr(word, '=');

	if (!first || first == last || first == word)
		return -EINVAL;
	*first = *last = '\0';
	*ret_archive = first + 1;
	*ret_id = last + 1;
	return 0;
}

static void list_add(struct text *list, const char *name)
{
	text_add(list, list->length > 0 ? "," : "");
	text_add(list, name);
}

static int agent_load(const struct arguments *arguments, const struct docker *docker)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY, loaded = TEXT_EMPTY, present = TEXT_EMPTY;
	bool failed, is_absent;

	failed = is_absent = docker_wait(docker, arguments->wait_ms, &line) < 0;
	for (char **word = arguments->rest; !is_absent && *word; word++) {
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;
		char *archive, *id;
		int r;

		if (load_split(*word, &archive, &id) < 0)
			return complain("load takes IMAGE=ARCHIVE=ID, not ", *word);
		r = load_one(docker, *word, archive, id, &reason);
		if (r >= 0)
			list_add(r > 0 ? &loaded : &present, *word);
		/* the others are loaded all the same; the first failure is the one told */
		if (r < 0 && !failed)
			text_add(&line, text_string(&reason));
		failed = failed || r < 0;
	}
	if (!failed && loaded.length == 0)
		text_add(&line, "present");
	if (!failed && loaded.length > 0) {
		text_format(&line, "loaded=%s", text_string(&loaded));
		if (present.length > 0)
			text_format(&line, " present=%s", text_string(&present));
	}
	line_print(stdout, &line);
	if (failed)
		return EXIT_FAILED;
	return loaded.length > 0 ? EXIT_OK : EXIT_PRESENT;
}

/* ---- console ---- */

/* What the console sees of the host. Docker would make a directory of a missing source, so what is
 * not there is left out. */
// clang-format off
static const struct {
	const char *source, *target, *options;
} console_mounts[] = {
	{ "/",                     "/host",                   "" },
	{ "/lib/modules",          "/lib/modules",            ":ro" },
	{ "/run/mkinitrd/control", "/run/mkinitrd/control",   "" },
	{ "/run/mkinitrd/shell.rc", "/run/mkinitrd/shell.rc", ":ro" },
	/* the power applets: the init binary under their names */
	{ "/init",                 "/usr/local/sbin/poweroff", ":ro" },
	{ "/init",                 "/usr/local/sbin/reboot",   ":ro" },
	{ "/init",                 "/usr/local/sbin/halt",     ":ro" },
};
// clang-format on

static int console_arguments(const struct arguments *arguments, struct strings *words)
{
	static const char *const before[] = { "run",  "--rm",         "--privileged", "--net",
					      "host", "--log-driver", "none" };
	int r;

	r = strings_add(words, arguments->docker);
	if (r >= 0)
		r = strings_add_format(words, "--host=unix://%s", arguments->socket);
	for (size_t i = 0; r >= 0 && i < COUNT_OF(before); i++)
		r = strings_add(words, before[i]);
	/* the CLI refuses -t without a terminal on its input */
	if (r >= 0)
		r = strings_add(words, isatty(STDIN_FILENO) ? "-it" : "-i");
	if (r >= 0)
		r = strings_add_format(words, "--name=%s", arguments->name);
	if (r >= 0)
		r = strings_add_format(words, "--cgroup-parent=/%s", arguments->name);
	if (r >= 0)
		r = strings_add(words, "--env=ENV=/run/mkinitrd/shell.rc");
	if (r >= 0)
		r = strings_add_format(words, "--volume=%s:/var/run/docker.sock",
				       arguments->socket);
	for (size_t i = 0; r >= 0 && i < COUNT_OF(console_mounts); i++)
		if (access(console_mounts[i].source, F_OK) == 0)
			r = strings_add_format(words, "--volume=%s:%s%s", console_mounts[i].source,
					       console_mounts[i].target, console_mounts[i].options);
	if (r >= 0)
		r = strings_add(words, arguments->image);
	for (char **word = arguments->rest; r >= 0 && *word; word++)
		r = strings_add(words, *word);
	return r;
}

static int agent_console(const struct arguments *arguments, const struct docker *docker)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	CLEANUP(memory_free) char *id = NULL;
	int r;

	text_add(&line, "console: ");
	r = docker_wait(docker, arguments->wait_ms, &line);
	if (r >= 0)
		r = docker_remove(docker, arguments->name, &line);
	if (r >= 0)
		r = docker_image_id(docker, arguments->image, &id, &line);
	if (r == -ENOENT)
		text_format(&line,
			    "there is no image '%s'; load one, or give its name to another with "
			    "'docker tag'",
			    arguments->image);
	if (r >= 0) {
		r = console_arguments(arguments, &words);
		if (r >= 0) {
			(void)execv(arguments->docker, words.items);
			r = -errno;
		}
		text_format(&line, "cannot start '%s': %s", arguments->docker, strerror(-r));
	}
	line_print(stderr, &line);
	return EXIT_FAILED;
}

/* ---- arguments ---- */

// clang-format off
static const struct {
	const char *name;
	int (*function)(const struct arguments *arguments, const struct docker *docker);
	const char *wait;	/* milliseconds, when --wait is not given */
	bool needs_console;	/* --image, --name and --docker must be there */
	bool takes_rest;
} agent_commands[] = {
	{ "wait",    agent_wait,    "0",          false, false },
	{ "load",    agent_load,    "0",          false, true },
	{ "console", agent_console, CONSOLE_WAIT, true,  true },
};
// clang-format on

static int arguments_parse(struct arguments *arguments, char **words)
{
	for (; *words; words += 2) {
		size_t i = 0;

		if (text_equal(*words, "--")) {
			arguments->rest = words + 1;
			return 0;
		}
		while (i < COUNT_OF(option_rows) && !text_equal(*words, option_rows[i].name))
			i++;
		if (i == COUNT_OF(option_rows))
			return complain("unknown word ", *words);
		if (!words[1])
			return complain("a value is missing after ", *words);
		memcpy((char *)arguments + option_rows[i].offset, &words[1], sizeof(char *));
	}
	arguments->rest = words;
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct docker docker = { .silence_ms = 30000 };
	size_t i = 0;

	if (argc > 1 && text_equal(argv[1], "settings"))
		return agent_settings(argv + 2);
	while (i < COUNT_OF(agent_commands) &&
	       (argc < 2 || !text_equal(argv[1], agent_commands[i].name)))
		i++;
	if (i == COUNT_OF(agent_commands)) {
		(void)fprintf(stderr, "usage: agent wait|load|console --socket PATH [--wait MS] "
				      "[--image NAME:TAG --name NAME --docker PATH] [-- WORD...]\n"
				      "       agent settings DIRECTORY -- WORD...\n");
		return EXIT_USAGE;
	}
	if (arguments_parse(&arguments, argv + 2) != 0)
		return EXIT_USAGE;
	if (!arguments.socket)
		return complain("missing ", "--socket");
	if (agent_commands[i].needs_console &&
	    (!arguments.image || !arguments.name || !arguments.docker))
		return complain("missing one of ", "--image, --name, --docker");
	if (!agent_commands[i].takes_rest && *arguments.rest)
		return complain("unexpected word ", *arguments.rest);
	if (!arguments.wait)
		arguments.wait = agent_commands[i].wait;
	if (number_parse(arguments.wait, &arguments.wait_ms) < 0)
		return complain("not a number of milliseconds: ", arguments.wait);

	docker.socket_path = arguments.socket;
	return agent_commands[i].function(&arguments, &docker);
}
