/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - argv into struct options, by the table of options
 *
 * In:    argv; the table of subcommands (main.c)
 * Out:   options and the subcommand that is to get them
 * Not:   what an option's text means: whoever uses it says what is wrong with it
 * Facts: POSIX Utility Syntax Guidelines 5 to 10, with GNU's long options; options and arguments
 *        may stand in any order
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>

#include "fail.h"
#include "options_table.h"
#include "profile_schema.h"
#include "../init/lib/number.h"

#define NUMBER_MOST 1024
#define AT(member) offsetof(struct options, member)

// clang-format off
const struct option_row option_rows[] = {
	{ 'p', OPTION_TEXTS,     "profile",   "NAME",              AT(profiles),  NULL,    "a profile: a name, or a path with a '/'; again: laid over it" },
	{ 0,   OPTION_TEXTS,     "set",       "KEY=VALUE",         AT(sets),      NULL,    "lay one value over the profiles: boot.disk.wait=30s" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "build", "image to write (default: ./PROFILE-KVER.img)" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "profile", "bundle to write (default: ./HOST.bundle)" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "disk",  "disk image to write" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "iso",   "ISO file to write (default: ./PROFILE.iso)" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "dist",  "archive to write (default: ./PROFILE.tar.gz)" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "from-docker", "what to write (default: ./ARCHIVE-KVER.img)" },
	{ 'o', OPTION_TEXT,      "output",    "FILE",              AT(output),    "tar",   "archive to write (default: ./PROFILE.tar); -: standard output" },
	{ 'o', OPTION_TEXT,      "output",    "FILE|DIR/",         AT(output),    "oci",   "archive to write (default: ./PROFILE.oci.tar), or a directory; -: standard output" },
	{ 'o', OPTION_TEXT,      "output",    "DIR",               AT(output),    "dir",   "directory to write (default: ./PROFILE)" },
	{ 0,   OPTION_TEXT,      "nspawn",    "MACHINE",           AT(nspawn),    NULL,    "put it in place as that machine of systemd-nspawn" },
	{ 0,   OPTION_TEXT,      "host-root", "DIR",               AT(host_root), NULL,    "the root of the host that the machine is for (default: /)" },
	{ 0,   OPTION_TEXT,      "tag",       "NAME:TAG",          AT(tag),       NULL,    "what the image is called (default: PROFILE:latest)" },
	{ 'C', OPTION_TEXT,      "directory", "DIR",               AT(directory), NULL,    "extract into that directory, made when it is missing" },
	{ 'k', OPTION_TEXT,      "kernel",    "KVER",              AT(kernel),    "build dist tar dir oci from-docker", "release to build for (default: the running one, else the newest)" },
	{ 'k', OPTION_TEXT,      "kernel",    "FILE",              AT(kernel),    "run",   "kernel to boot (default: the image's release in /boot)" },
	{ 'k', OPTION_TEXT,      "kernel",    "KVER",              AT(kernel),    "check", "kernel that the image is for (default: what its manifest says)" },
	{ 'k', OPTION_TEXT,      "kernel",    "KVER",              AT(kernel),    "disk iso", "release to build for; with an IMAGE its kernel's file" },
	{ 'k', OPTION_TEXT,      "kernel",    "KVER",              AT(kernel),    "update", "the images of that kernel alone (default: of all installed)" },
	{ 0,   OPTION_TEXT,      "root",      "DIR",               AT(root),      "build check disk iso dist from-docker tar dir oci", "take programs, files and modules from there (default: /)" },
	{ 0,   OPTION_TEXT,      "root",      "DIR",               AT(root),      "update status enable disable hook", "the root of the host whose images they are (default: /)" },
	{ 0,   OPTION_TEXT,      "devices",   "DIR",               AT(devices),   NULL,    "for host-modules: where sys, proc and dev of that host are (default: /)" },
	{ 0,   OPTION_TEXT,      "layout",    "LAYOUT",            AT(layout),    NULL,    "how the image is put together: cpio, squashfs" },
	{ 0,   OPTION_TEXT,      "squashfs",  "FILE",              AT(squashfs),  "build", "write the SquashFS there, and not into the image" },
	{ 0,   OPTION_TEXT,      "squashfs",  "FILE",              AT(squashfs),  "disk",  "of an IMAGE, the SquashFS that was written with it" },
	{ 'c', OPTION_TEXT,      "compress",  "ALGO[:LEVEL]",      AT(compress),  NULL,    "zstd, xz, gzip, lz4 or none; wins over the profile" },
	{ 'j', OPTION_NUMBER,    "jobs",      "N",                 AT(jobs),      NULL,    "threads (default: one a CPU)" },
	{ 'n', OPTION_FLAG,      "dry-run",   NULL,                AT(dry_run),   NULL,    "write nothing, list what would be in it; -v: and why" },
	{ 'f', OPTION_FLAG,      "force",     NULL,                AT(force),     NULL,    "go on where there is doubt" },
	{ 0,   OPTION_FLAG,      "refresh",   NULL,                AT(refresh),   NULL,    "run the commands again that make trees" },
	{ 0,   OPTION_TEXT,      "as",        "initramfs|disk|dir|tar|profile", AT(as), NULL,    "what to make of it (default: initramfs)" },
	{ 0,   OPTION_TEXT,      "image",     "NAME:TAG",          AT(image),     NULL,    "which image of an archive with several" },
	{ 0,   OPTION_TEXT,      "into",      "DISK",              AT(into),      NULL,    "write to that disk, or disk image, in place" },
	{ 0,   OPTION_TEXT,      "bundle",    "FILE",              AT(bundle),    NULL,    "a host's bundle for the boot partition, and FILE.sig with it" },
	{ 0,   OPTION_TEXT,      "lock",      "FILE",              AT(lock),      NULL,    "hold the build to the SHA-256 of all that it reads; written when missing" },
	{ 0,   OPTION_FLAG,      "keep-data", NULL,                AT(keep_data), NULL,    "make the disk anew, but leave its partition DOCKER" },
	{ 'y', OPTION_FLAG,      "yes",       NULL,                AT(yes),       NULL,    "do not ask before a disk is erased" },
	{ 0,   OPTION_TEXT,      "sign",      "KEY",               AT(sign),      NULL,    "sign with that Ed25519 private key (PEM): FILE.sig" },
	{ 0,   OPTION_TEXT,      "disk",      "FILE",              AT(disk),      NULL,    "disk image for the machine, raw or qcow2" },
	{ 0,   OPTION_TEXT,      "disk-size", "SIZE",              AT(disk_size), "run",   "make the disk when it is not there: ext4, labelled DOCKER" },
	{ 0,   OPTION_TEXT,      "disk-size", "SIZE",              AT(disk_size), "disk from-docker", "of the disk image (default: what is needed, with 512M for DOCKER)" },
	{ 0,   OPTION_TEXT,      "append",    "TEXT",              AT(append),    NULL,    "more for the kernel's command line" },
	{ 0,   OPTION_TEXT,      "memory",    "SIZE",              AT(memory),    NULL,    "of the machine (default: what the image needs)" },
	{ 0,   OPTION_NUMBER,    "cpus",      "N",                 AT(cpus),      NULL,    "of the machine (default: 2)" },
	{ 0,   OPTION_TEXT,      "accel",     "tcg|kvm",           AT(accel),     NULL,    "emulation (default), or the CPU itself" },
	{ 0,   OPTION_TEXT,      "timeout",   "DURATION",          AT(timeout),   NULL,    "end the machine after that time" },
	{ 0,   OPTION_TEXTS,     "qemu",      "ARG",               AT(qemu),      NULL,    "one more argument for QEMU; may stand several times" },
	{ 0,   OPTION_NUMBER,    "boot",      "N",                 AT(boot),      NULL,    "which boot of the log, from 1 (default: the last)" },
	{ 'l', OPTION_FLAG,      "list",      NULL,                AT(list),      NULL,    "list what may be found, a code and its meaning each" },
	{ 0,   OPTION_FLAG,      "json",      NULL,                AT(json),      NULL,    "print data for programs" },
	{ 0,   OPTION_PROGRESS,  "progress",  "auto|always|never", AT(progress),  NULL,    "show progress (auto: on a terminal)" },
	{ 'v', OPTION_COUNT,     "verbose",   NULL,                AT(verbose),   NULL,    "say more; twice: every decision" },
	{ 'q', OPTION_FLAG,      "quiet",     NULL,                AT(quiet),     NULL,    "say errors and warnings alone" },
	{ 'h', OPTION_HELP,      "help",      NULL,                0,             NULL,    "show this" },
	{ 'V', OPTION_VERSION,   "version",   NULL,                0,             NULL,    "show the version, and what it writes" },
	{ .name = NULL },
};
// clang-format on

/* one walk over argv */
struct parse {
	struct options *options;
	int argc, at;
	char **argv;
	const struct subcommand *subcommand;
	bool wants_help, wants_version;
	struct strings seen; /* names of options, to be held against the subcommand's */
};

static bool is_common(const struct option_row *row)
{
	return row->kind == OPTION_HELP || row->kind == OPTION_VERSION ||
	       text_equal(row->name, "verbose") || text_equal(row->name, "quiet");
}

bool subcommand_takes(const struct subcommand *subcommand, const char *name)
{
	size_t length = strlen(name);

	for (const struct option_row *row = option_rows; row->name; row++)
		if (text_equal(row->name, name) && is_common(row))
			return true;
	for (const char *at = subcommand->options; (at = strstr(at, name)) != NULL; at += length)
		if ((at == subcommand->options || at[-1] == ' ') &&
		    (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

bool option_is_for(const struct option_row *row, const struct subcommand *subcommand)
{
	return subcommand_takes(subcommand, row->name) &&
	       (!row->only || words_have(row->only, subcommand->name));
}

static int usage(const char *format, ...) PRINTF_LIKE(1, 2);

static int usage(const char *format, ...)
{
	CLEANUP(memory_free) char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	(void)fail(0, "%s", message ? message : format);
	return EXIT_USAGE;
}

/* ---- one option ---- */

static int set_number(const char *name, const char *argument, unsigned *ret_number)
{
	uint64_t number;

	if (number_parse(argument, &number) < 0 || number < 1 || number > NUMBER_MOST)
		return usage("--%s takes a number from 1 to %u, not '%s'", name, NUMBER_MOST,
			     argument);
	*ret_number = (unsigned)number;
	return -1;
}

static int set_progress(const char *argument, enum progress *ret_progress)
{
	static const char *const words[] = {
		[PROGRESS_AUTO] = "auto", [PROGRESS_ALWAYS] = "always", [PROGRESS_NEVER] = "never"
	};

	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i], argument)) {
			*ret_progress = (enum progress)i;
			return -1;
		}
	return usage("--progress is auto, always or never, not '%s'", argument);
}

/* @argument: "" for an option without one. Return: -1 to go on, or an exit status */
static int option_apply(struct parse *parse, const struct option_row *row, const char *argument)
{
	void *member = (char *)parse->options + row->offset;

	if (strings_add(&parse->seen, row->name) < 0)
		return fail(-ENOMEM, "cannot read the options"), EXIT_FAILED;
	switch (row->kind) {
	case OPTION_TEXT:
		*(const char **)member = argument;
		return -1;
	case OPTION_TEXTS:
		return strings_add(member, argument) == 0 ? -1 : EXIT_FAILED;
	case OPTION_FLAG:
		*(bool *)member = true;
		return -1;
	case OPTION_COUNT:
		++*(int *)member;
		return -1;
	case OPTION_NUMBER:
		return set_number(row->name, argument, member);
	case OPTION_PROGRESS:
		return set_progress(argument, member);
	case OPTION_HELP:
		parse->wants_help = true;
		return -1;
	case OPTION_VERSION:
		parse->wants_version = true;
		return -1;
	}
	return -1;
}

static int missing_argument(const struct option_row *row)
{
	return usage("--%s needs a value: --%s %s", row->name, row->name, row->argument);
}

static int parse_letters(struct parse *parse, const char *letters)
{
	for (; *letters; letters++) {
		const struct option_row *row = option_rows;
		int r;

		while (row->name && row->letter != *letters)
			row++;
		if (!row->name)
			return usage("unknown option '-%c'; 'mkinitrd --help' lists them",
				     *letters);
		if (row->argument) {
			/* the rest of the word, or the next word */
			if (letters[1])
				return option_apply(parse, row, letters + 1);
			if (parse->at == parse->argc)
				return missing_argument(row);
			return option_apply(parse, row, parse->argv[parse->at++]);
		}
		r = option_apply(parse, row, "");
		if (r >= 0)
			return r;
	}
	return -1;
}

static int unknown_option(const char *name)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const char *nearest;

	for (const struct option_row *row = option_rows; row->name; row++)
		(void)strings_add(&names, row->name);
	nearest = names.items ? word_nearest(name, (const char *const *)names.items) : NULL;
	if (nearest)
		return usage("unknown option '--%s'; did you mean '--%s'?", name, nearest);
	return usage("unknown option '--%s'; 'mkinitrd --help' lists them", name);
}

static int parse_long(struct parse *parse, const char *word)
{
	const char *equals = strchr(word, '=');
	CLEANUP(memory_free)
	char *name = strndup(word, equals ? (size_t)(equals - word) : strlen(word));
	const struct option_row *row = option_rows;

	if (!name)
		return fail(-ENOMEM, "cannot read the options"), EXIT_FAILED;
	while (row->name && !text_equal(row->name, name))
		row++;
	if (!row->name)
		return unknown_option(name);
	if (!row->argument)
		return equals ? usage("--%s takes no value", name) : option_apply(parse, row, "");
	if (equals)
		return option_apply(parse, row, equals + 1);
	if (parse->at == parse->argc)
		return missing_argument(row);
	return option_apply(parse, row, parse->argv[parse->at++]);
}

/* ---- the whole ---- */

const struct subcommand *subcommand_find(const char *name)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const char *nearest;

	for (const struct subcommand *row = subcommands; row->name; row++) {
		if (text_equal(row->name, name))
			return row;
		(void)strings_add(&names, row->name);
	}
	nearest = names.items ? word_nearest(name, (const char *const *)names.items) : NULL;
	if (nearest)
		(void)usage("unknown command '%s'; did you mean '%s'?", name, nearest);
	else
		(void)usage("unknown command '%s'; 'mkinitrd --help' lists them", name);
	return NULL;
}

static int parse_words(struct parse *parse)
{
	bool has_options = true;

	while (parse->at < parse->argc) {
		const char *word = parse->argv[parse->at++];
		int r = -1;

		if (has_options && text_equal(word, "--"))
			has_options = false;
		else if (has_options && word[0] == '-' && word[1] == '-')
			r = parse_long(parse, word + 2);
		else if (has_options && word[0] == '-' && word[1])
			r = parse_letters(parse, word + 1);
		else if (!parse->subcommand)
			r = (parse->subcommand = subcommand_find(word)) ? -1 : EXIT_USAGE;
		else if (strings_add(&parse->options->arguments, word) < 0)
			r = EXIT_FAILED;
		if (r >= 0)
			return r;
	}
	return -1;
}

/* an option for another subcommand: which ones take it? */
static int refuse_option(const char *name, const struct subcommand *subcommand)
{
	CLEANUP(text_free) struct text takers = TEXT_EMPTY;
	unsigned count = 0;

	for (const struct subcommand *row = subcommands; row->name; row++)
		if (subcommand_takes(row, name))
			text_format(&takers, "%s'%s'", count++ ? ", " : "", row->name);
	return usage("'%s' takes no --%s; %s %s", subcommand->name, name,
		     count ? text_string(&takers) : "no command of this version",
		     count > 1 ? "do" : "does");
}

static int check_taken(const struct parse *parse)
{
	for (size_t i = 0; i < parse->seen.count; i++)
		if (!subcommand_takes(parse->subcommand, parse->seen.items[i]))
			return refuse_option(parse->seen.items[i], parse->subcommand);
	if (!parse->subcommand->arguments && parse->options->arguments.count)
		return usage("'%s' takes no argument '%s'; see 'mkinitrd %s --help'",
			     parse->subcommand->name, parse->options->arguments.items[0],
			     parse->subcommand->name);
	return -1;
}

int options_parse(struct options *options, int argc, char **argv,
		  const struct subcommand **ret_subcommand)
{
	struct parse parse = { .options = options, .argc = argc, .at = 1, .argv = argv };
	int r = parse_words(&parse);

	if (r < 0 && parse.wants_help) {
		help_print(parse.subcommand);
		r = EXIT_DONE;
	} else if (r < 0 && parse.wants_version) {
		version_print();
		r = EXIT_DONE;
	}
	if (r < 0) {
		if (!parse.subcommand)
			parse.subcommand = &subcommands[0];
		r = check_taken(&parse);
	}
	strings_free(&parse.seen);
	*ret_subcommand = parse.subcommand;
	return r;
}

void options_free(struct options *options)
{
	strings_free(&options->profiles);
	strings_free(&options->sets);
	strings_free(&options->qemu);
	strings_free(&options->arguments);
	*options = (struct options){ 0 };
}

unsigned options_jobs(const struct options *options)
{
	cpu_set_t set;

	if (options->jobs)
		return options->jobs;
	/* more CPUs than a cpu_set_t holds: EINVAL; then what the system has */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	return sysconf(_SC_NPROCESSORS_ONLN) > 0 ? (unsigned)sysconf(_SC_NPROCESSORS_ONLN) : 1;
}
