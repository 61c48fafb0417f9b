/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_main.c - the command line of dockerlaunch
 *
 * In:    argv
 * Out:   dockerd in place of this process, or an exit status
 * Not:   all that is done in between: the library's (dockerlaunch.c)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dockerlaunch.h"
#include "lib/number.h"

/* what is asked for */
struct request {
	struct dockerlaunch_settings settings;
	struct strings environment, name_servers, domains;
	bool is_check, is_json, is_dry_run;
};

enum kind { KIND_FLAG, KIND_LEVEL, KIND_TEXT, KIND_LIST, KIND_NUMBER };

// clang-format off
#define AT(member) offsetof(struct request, member)
static const struct option_row {
	char letter; /* '\0': none */
	const char *name, *value;
	enum kind kind;
	size_t offset;
	int level;
	const char *help;
} option_rows[] = {
	{ 'i', "init",    NULL,   KIND_FLAG,  AT(settings.stays), 0,
	  "stay as process 1: forward signals, reap, pass the exit status on" },
	{ 'c', "check",   NULL,   KIND_FLAG,  AT(is_check), 0,
	  "print what this place has and lacks, and change nothing" },
	{ 0,   "json",    NULL,   KIND_FLAG,  AT(is_json), 0, "the same as JSON" },
	{ 'n', "dry-run", NULL,   KIND_FLAG,  AT(is_dry_run), 0,
	  "print what would be done, and change nothing" },
	{ 'l', "log",     "FILE", KIND_TEXT,  AT(settings.log_file), 0,
	  "append the output of both to FILE" },
	{ 0,   "nofile",  "N",    KIND_NUMBER, AT(settings.open_files), 0,
	  "limit of open files (1048576)" },
	{ 'e', "env",     "NAME=VALUE", KIND_LIST, AT(environment), 0,
	  "add to dockerd's environment; may stand several times" },
	{ 0,   "argv0",   "NAME", KIND_TEXT,  AT(settings.name), 0, "what dockerd is called in ps" },
	{ 0,   "dns",     "ADDRESS", KIND_LIST, AT(name_servers), 0,
	  "name server for an /etc/resolv.conf that is missing; several times" },
	{ 0,   "search",  "DOMAIN", KIND_LIST, AT(domains), 0, "domain to search in, likewise" },
	{ 'v', "verbose", NULL,   KIND_LEVEL, AT(settings.level), DOCKERLAUNCH_VERBOSE,
	  "a line for each thing that is looked at" },
	{ 'q', "quiet",   NULL,   KIND_LEVEL, AT(settings.level), DOCKERLAUNCH_QUIET,
	  "only what makes it fail" },
	{ 'h', "help",    NULL,   KIND_FLAG,  0, 0, "show this" },
	{ 'V', "version", NULL,   KIND_FLAG,  0, 0, "show the version" },
};
// clang-format on

#define USAGE "usage: dockerlaunch [OPTIONS] DOCKERD [ARGS...]\n"
#define TRY "dockerlaunch: 'dockerlaunch --help' shows how it is used\n"

static int show_help(void)
{
	(void)printf(USAGE "\nMakes the place it runs in fit for dockerd, then becomes DOCKERD, "
			   "which is looked up in PATH.\n\n");
	for (size_t i = 0; i < COUNT_OF(option_rows); i++) {
		const struct option_row *row = &option_rows[i];
		char name[40];

		(void)snprintf(name, sizeof(name), "%s%s%s", row->name, row->value ? " " : "",
			       row->value ? row->value : "");
		if (row->letter)
			(void)printf("  -%c, --%-20s %s\n", row->letter, name, row->help);
		else
			(void)printf("      --%-20s %s\n", name, row->help);
	}
	(void)printf("\nEnvironment: DOCKER_LAUNCH_DEBUG=true is -v, DOCKER_LAUNCH_REAP=true is "
		     "-i.\nExit status: 1 the place cannot be made fit, 2 wrong usage, 3 --check "
		     "found something lacking,\n126 DOCKERD cannot be executed, 127 there is none; "
		     "with --init that of DOCKERD.\n");
	return fflush(stdout) == 0 ? DOCKERLAUNCH_OK : DOCKERLAUNCH_FAILED;
}

static int complain(const char *word, const char *why)
{
	(void)fprintf(stderr, "dockerlaunch: '%s' %s\n" TRY, word, why);
	return DOCKERLAUNCH_USAGE;
}

static const struct option_row *row_find(const char *word, const char **ret_value)
{
	size_t length = strcspn(word, "=");

	*ret_value = NULL;
	for (size_t i = 0; i < COUNT_OF(option_rows); i++) {
		const struct option_row *row = &option_rows[i];

		if (word[1] != '-') {
			if (row->letter != word[1])
				continue;
			*ret_value = word[2] ? word + 2 : NULL;
			return row;
		}
		if (strlen(row->name) != length - 2 ||
		    strncmp(row->name, word + 2, length - 2) != 0)
			continue;
		*ret_value = word[length] ? word + length + 1 : NULL;
		return row;
	}
	return NULL;
}

static int list_take(struct strings *list, const struct option_row *row, const char *value)
{
	if (text_equal(row->name, "env") && (!strchr(value, '=') || *value == '='))
		return complain(value, "is no NAME=VALUE");
	return strings_add(list, value) < 0 ? DOCKERLAUNCH_FAILED : 0;
}

/* @word: the option as it was given. Return: 0 or an exit status */
static int take(struct request *request, const struct option_row *row, const char *word,
		const char *value)
{
	void *member = (char *)request + row->offset;

	if (!row->value && value)
		return complain(word, "takes no value");
	if (row->kind == KIND_FLAG)
		*(bool *)member = true;
	else if (row->kind == KIND_LEVEL)
		*(enum dockerlaunch_level *)member = (enum dockerlaunch_level)row->level;
	else if (!value)
		return complain(word, "needs a value");
	else if (row->kind == KIND_TEXT)
		*(const char **)member = value;
	else if (row->kind == KIND_LIST)
		return list_take(member, row, value);
	else if (number_parse(value, member) < 0 || *(uint64_t *)member == 0)
		return complain(value, "is no number of files");
	return 0;
}

/* Return: 0 with the index of DOCKERD, or -1 with an exit status */
static int options_read(struct request *request, char **argv, int *ret_status)
{
	int i;

	for (i = 1; argv[i] && argv[i][0] == '-' && argv[i][1]; i++) {
		const struct option_row *row;
		const char *value;

		if (text_equal(argv[i], "--"))
			return i + 1;
		row = row_find(argv[i], &value);
		if (row && text_equal(row->name, "help"))
			*ret_status = show_help();
		else if (row && text_equal(row->name, "version"))
			*ret_status = printf("dockerlaunch " MKINITRD_VERSION "\n") < 0;
		else if (!row)
			*ret_status = complain(argv[i], "is no option of this program");
		else {
			const char *word = argv[i];

			if (row->value && !value && argv[i + 1])
				value = argv[++i];
			*ret_status = take(request, row, word, value);
			if (*ret_status == 0)
				continue;
		}
		return -1;
	}
	return i;
}

static int run(struct request *request, int argc, char **argv)
{
	struct dockerlaunch_settings *settings = &request->settings;
	const char *docker;
	int status = 0, first = options_read(request, argv, &status);
	char **arguments;

	if (first < 0)
		return status;
	settings->environment = (const char *const *)request->environment.items;
	settings->name_servers = (const char *const *)request->name_servers.items;
	settings->domains = (const char *const *)request->domains.items;
	if (request->is_json && !request->is_check)
		return complain("--json", "goes with --check");
	/* a check without a program is one for dockerd */
	docker = first < argc ? argv[first] : "dockerd";
	arguments = first < argc ? argv + first + 1 : argv + argc;
	if (request->is_check)
		return dockerlaunch_check(settings, docker, arguments, request->is_json);
	if (first >= argc) {
		(void)fputs(USAGE TRY, stderr);
		return DOCKERLAUNCH_USAGE;
	}
	return request->is_dry_run ? dockerlaunch_dry_run(settings, docker, arguments)
				   : dockerlaunch_with(settings, docker, arguments);
}

int main(int argc, char **argv)
{
	struct request request = { .settings = dockerlaunch_settings() };
	int status = run(&request, argc, argv);

	strings_free(&request.environment);
	strings_free(&request.name_servers);
	strings_free(&request.domains);
	return status;
}
