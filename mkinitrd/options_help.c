/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options_help.c - what --help shows, from the tables of options and subcommands
 */
#include <string.h>

#include "fail.h"
#include "image.h"
#include "options_table.h"
#include "../init/lib/bootplan.h"

#define HELP_COLUMN 31

/* "  -o, --output FILE           image to write" */
static void print_option(const struct option_row *row)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	if (row->letter)
		text_format(&line, "  -%c, --%s", row->letter, row->name);
	else
		text_format(&line, "      --%s", row->name);
	if (row->argument)
		text_format(&line, " %s", row->argument);
	if (line.length + 2 > HELP_COLUMN)
		printf("%s\n%*s%s\n", text_string(&line), HELP_COLUMN, "", row->help);
	else
		printf("%-*s%s\n", HELP_COLUMN, text_string(&line), row->help);
}

static void print_options(const struct subcommand *subcommand)
{
	printf("\nOPTIONS\n");
	for (const struct option_row *row = option_rows; row->name; row++)
		if (option_is_for(row, subcommand))
			print_option(row);
}

/* each line of @text, two blanks before it */
static void print_indented(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("%s%.*s\n", length ? "  " : "", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void print_subcommand(const struct subcommand *subcommand)
{
	printf("mkinitrd %s - %s\n\nUSAGE\n  mkinitrd %s [OPTION...]%s%s\n", subcommand->name,
	       subcommand->help, subcommand == &subcommands[0] ? "[build]" : subcommand->name,
	       subcommand->arguments ? " " : "",
	       subcommand->arguments ? subcommand->arguments : "");
	if (subcommand->description) {
		printf("\n");
		print_indented(subcommand->description);
	}
	print_options(subcommand);
	if (subcommand->examples) {
		printf("\nEXAMPLES\n");
		print_indented(subcommand->examples);
	}
}

static void print_overview(void)
{
	const char *group = "";

	printf("mkinitrd - builds an initramfs from a profile, and the init that boots it\n\n"
	       "USAGE\n"
	       "  mkinitrd --profile NAME [OPTION...]\n"
	       "  mkinitrd COMMAND [OPTION...] [ARGUMENT...]\n");
	for (const struct subcommand *row = subcommands; row->name; row++) {
		if (row->group && !text_equal(row->group, group)) {
			group = row->group;
			printf("\n%s\n", group);
		}
		printf("  %-12s %s\n", row->name, row->help);
	}
	printf("\nEXAMPLES\n"
	       "  mkinitrd -p only-docker -o only-docker.img\n"
	       "  mkinitrd why only-docker.img usr/sbin/iptables\n"
	       "  mkinitrd run only-docker.img\n"
	       "\nOf every command: -v (say more), -q (say less), -h, -V.\n"
	       "'mkinitrd help COMMAND' shows a command's options and examples.\n"
	       "Exit status: 0 done, 1 failed, 2 used wrongly, 3 found something.\n");
}

void version_print(void)
{
	CLEANUP(text_free) struct text compressions = TEXT_EMPTY;

	compression_list(&compressions);
	printf("mkinitrd %s\nwrites %s; boot plan version %d\n", MKINITRD_VERSION,
	       text_string(&compressions), BOOTPLAN_VERSION);
}

void help_print(const struct subcommand *subcommand)
{
	if (subcommand)
		print_subcommand(subcommand);
	else
		print_overview();
}

int cmd_help(const struct options *options)
{
	const struct subcommand *subcommand = NULL;

	if (options->arguments.count > 1) {
		(void)fail(0, "help takes one COMMAND; use: mkinitrd help build");
		return EXIT_USAGE;
	}
	if (options->arguments.count == 1) {
		subcommand = subcommand_find(options->arguments.items[0]);
		if (!subcommand)
			return EXIT_USAGE;
	}
	help_print(subcommand);
	return EXIT_DONE;
}
