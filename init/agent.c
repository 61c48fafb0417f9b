/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.c - the program that talks to Docker, so that PID 1 need not
 *
 * In:    a subcommand: wait, load, console, stops, declared; settings (agent_settings.c),
 *        metadata (agent_metadata.c)
 * Out:   wait: its exit status. load: one line on stdout, 0 something was loaded, 3 all was there,
 *        1 failed and the line says why. console: becomes the docker CLI.
 *        stops: a line for each running container, how it wants to be stopped. declared: one
 *        line on stdout, what was done, or 1 and the first reason why not
 * Not:   the API (agent_docker.c, agent_stop.c), which image a console gets (agent_console.c),
 * restarting one (console.c), declared containers (agent_declared.c)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "agent_http.h"
#include "agent_metadata.h"
#include "agent_settings.h"
#include "agent_stop.h"
#include "lib/number.h"

#define CONSOLE_WAIT "120000"

// clang-format off
#define TEXT(member) offsetof(struct agent_arguments, member), false
#define LIST(member) offsetof(struct agent_arguments, member), true
/* an option of the agent; every one takes a value, that of a list may stand several times */
static const struct {
	const char *name;
	size_t offset;
	bool is_list;
} option_rows[] = {
	{ "--socket",    TEXT(socket) },
	{ "--wait",      TEXT(wait) },
	{ "--image",     TEXT(image) },
	{ "--in-memory", TEXT(in_memory) },
	{ "--on-disk",   TEXT(on_disk) },
	{ "--name",      TEXT(name) },
	{ "--docker",    TEXT(docker) },
	{ "--report",    TEXT(report) },
	{ "--plan",      TEXT(plan) },
	{ "--bind",      LIST(binds) },
	{ "--keep",      LIST(keeps) },
};
// clang-format on

void agent_line(FILE *file, struct text *line)
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
	agent_line(stderr, &line);
	return EXIT_USAGE;
}

/* ---- wait ---- */

static int agent_wait(const struct agent_arguments *arguments, const struct docker *docker)
{
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;

	if (docker_wait(docker, arguments->wait_ms, &reason) == 0)
		return EXIT_OK;
	agent_line(stderr, &reason);
	return EXIT_FAILED;
}

/* ---- load ---- */

/* someone gave the name to an image of his own, and that stays */
static void say_other(const struct docker *docker, const char *name)
{
	CLEANUP(docker_info_free) struct docker_info info = { 0 };
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;

	/* containerd's image store has ids of another kind, which say nothing here */
	if (docker_info(docker, &info, &reason) == 0 && !info.has_image_store)
		(void)fprintf(stderr, "agent: image '%s' is another one, left alone\n", name);
}

/* Return: 1 loaded, 0 it was there, or a negative errno with the reason */
static int load_one(const struct docker *docker, const char *name, const char *archive,
		    const char *id, bool is_declared, struct text *reason)
{
	CLEANUP(memory_free) char *present = NULL;
	int r = docker_image_id(docker, name, &present, reason);

	if (r == 0 && !text_equal(present, id)) {
		/* perhaps it takes the other's place: agent_declared.c */
		if (is_declared)
			return 0;
		say_other(docker, name);
	}
	if (r == -ENOENT)
		r = docker_load(docker, name, archive, reason) < 0 ? -EIO : 1;
	/* Docker has it now; in the initramfs it would take memory as long as the machine runs */
	if (r >= 0)
		(void)unlink(archive);
	return r;
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

static int agent_load(const struct agent_arguments *arguments, const struct docker *docker)
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
		r = load_one(docker, *word, archive, id, strings_contain(&arguments->keeps, *word),
			     &reason);
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
	agent_line(stdout, &line);
	if (failed)
		return EXIT_FAILED;
	return loaded.length > 0 ? EXIT_OK : EXIT_PRESENT;
}

/* ---- stops ---- */

static int agent_stops(const struct agent_arguments *arguments, const struct docker *docker)
{
	CLEANUP(text_free) struct text reason = TEXT_EMPTY, lines = TEXT_EMPTY;
	int r = docker_stops(docker, arguments->wait_ms, &lines, &reason);

	(void)fputs(text_string(&lines), stdout);
	(void)fflush(stdout);
	if (r == 0)
		return EXIT_OK;
	agent_line(stderr, &reason);
	return EXIT_FAILED;
}

/* ---- arguments ---- */

// clang-format off
static const struct {
	const char *name;
	int (*function)(const struct agent_arguments *arguments, const struct docker *docker);
	const char *wait;	/* milliseconds, when --wait is not given */
	bool needs_console;	/* --image, --name and --docker must be there */
	bool takes_rest;
} agent_commands[] = {
	{ "wait",    agent_wait,    "0",          false, false },
	{ "load",    agent_load,    "0",          false, true },
	{ "console", agent_console, CONSOLE_WAIT, true,  true },
	{ "stops",   agent_stops,   "2500",       false, false },
	{ "declared", agent_declared, "0",        false, false },
};
// clang-format on

static struct strings *member_list(struct agent_arguments *arguments, size_t offset)
{
	return (void *)((uintptr_t)arguments + offset);
}

static int arguments_parse(struct agent_arguments *arguments, char **words)
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
		if (!option_rows[i].is_list)
			memcpy((char *)arguments + option_rows[i].offset, &words[1],
			       sizeof(char *));
		else if (strings_add(member_list(arguments, option_rows[i].offset), words[1]) < 0)
			return complain("no memory left for ", words[1]);
	}
	arguments->rest = words;
	return 0;
}

int main(int argc, char **argv)
{
	struct agent_arguments arguments = { 0 };
	struct docker docker = { .silence_ms = 30000 };
	size_t i = 0;

	if (argc > 1 && text_equal(argv[1], "settings"))
		return agent_settings(argv + 2);
	if (argc > 1 && text_equal(argv[1], "metadata"))
		return agent_metadata(argc > 2 && text_equal(argv[2], "hostname"));
	while (i < COUNT_OF(agent_commands) &&
	       (argc < 2 || !text_equal(argv[1], agent_commands[i].name)))
		i++;
	if (i == COUNT_OF(agent_commands)) {
		(void)fprintf(
			stderr,
			"usage: agent wait|load|console|stops|declared --socket PATH [--wait MS] "
			"[--image NAME --in-memory NAME --on-disk NAME --name NAME "
			"--docker PATH --report PATH --plan PATH --keep IMAGE "
			"--bind SOURCE:TARGET]... [-- WORD...]\n"
			"       agent settings DIRECTORY -- WORD...\n"
			"       agent metadata [hostname]\n");
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
