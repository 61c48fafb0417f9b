/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - subcommands and options, each a table row that parsing and --help read
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../init/lib/text.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_FOUND = 3 };

enum progress { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

struct profile_made;

struct options {
	struct strings profiles; /* -p, in order */
	struct strings sets;     /* --set, in order */
	const char *output;      /* -o */
	const char *directory;   /* -C */
	const char *kernel;      /* -k (build: release; run: kernel image) */
	const char *root;        /* --root, default "/" */
	const char *devices;     /* --devices: the host of kernel.host-modules */
	const char *layout;      /* --layout */
	const char *squashfs;    /* --squashfs */
	const char *compress;    /* -c */
	const char *sign;        /* --sign: a private key */
	unsigned jobs;           /* -j; 0: as many as CPUs */
	bool dry_run, force, json;
	bool refresh;  /* --refresh: make trees again */
	bool list;     /* -l: check's codes */
	unsigned boot; /* --boot; 0: the last */
	int verbose;   /* -v count */
	bool quiet;
	enum progress progress;
	/* run */
	const char *disk, *disk_size, *append, *memory, *accel, *timeout;
	unsigned cpus;
	/* from-docker */
	const char *as, *image;
	const struct profile_made *made; /* that lies below those of -p; NULL: none */
	/* disk */
	const char *into;
	const char *bundle; /* --bundle */
	const char *lock;   /* --lock */
	bool keep_data, yes;
	/* oci */
	const char *tag;
	/* dir */
	const char *nspawn, *host_root;
	struct strings qemu; /* --qemu ARG: passed on */
	/* what stands after the options */
	struct strings arguments;
};

struct subcommand {
	const char *name;
	int (*function)(const struct options *options); /* returns enum exit_status */
	const char *arguments;                          /* "IMAGE [PATH...]" */
	const char *options;     /* long names of the options it takes, space separated */
	const char *help;        /* one line */
	const char *description; /* a paragraph for "mkinitrd COMMAND --help", or NULL */
	const char *examples;    /* lines of "mkinitrd COMMAND --help", or NULL */
	const char *group;       /* heading in "mkinitrd --help" */
};

extern const struct subcommand subcommands[]; /* ends with a NULL name; main.c */

/**
 * options_parse() - read argv into @options and find the subcommand
 *
 * Return: -1 to go on with *ret_subcommand, else the exit status to end with (help and version
 * printed on stdout, usage errors on stderr with the nearest known word).
 */
int options_parse(struct options *options, int argc, char **argv,
		  const struct subcommand **ret_subcommand);
void options_free(struct options *options);

/** subcommand_find() - the row of a subcommand's name; NULL after saying what there is instead */
const struct subcommand *subcommand_find(const char *name);

/** options_jobs() - -j, or the CPUs that this process may use */
unsigned options_jobs(const struct options *options);

/** word_nearest() - the word of a NULL-ended list nearest to @word, or NULL when none is near */
const char *word_nearest(const char *word, const char *const *words);

int cmd_build(const struct options *options);
int cmd_ls(const struct options *options);
int cmd_cat(const struct options *options);
int cmd_extract(const struct options *options);
int cmd_why(const struct options *options);
int cmd_profile(const struct options *options);
int cmd_check(const struct options *options);
int cmd_diff(const struct options *options);
int cmd_boot_times(const struct options *options);
int cmd_run(const struct options *options);
int cmd_from_docker(const struct options *options);
int cmd_disk(const struct options *options);
int cmd_iso(const struct options *options);
int cmd_dist(const struct options *options);
int cmd_tar(const struct options *options);
int cmd_dir(const struct options *options);
int cmd_oci(const struct options *options);
int cmd_update(const struct options *options);
int cmd_status(const struct options *options);
int cmd_enable(const struct options *options);
int cmd_disable(const struct options *options);
int cmd_hook(const struct options *options);
int cmd_completion(const struct options *options);
int cmd_help(const struct options *options);
