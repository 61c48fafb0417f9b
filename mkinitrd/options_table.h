/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options_table.h - the rows that parsing and help read
 */
#pragma once

#include "options.h"

enum option_kind {
	OPTION_TEXT,     /* const char * */
	OPTION_TEXTS,    /* struct strings: may stand several times */
	OPTION_FLAG,     /* bool */
	OPTION_COUNT,    /* int: how often it stands */
	OPTION_NUMBER,   /* unsigned, 1 to 1024 */
	OPTION_PROGRESS, /* enum progress */
	OPTION_HELP,
	OPTION_VERSION,
};

struct option_row {
	char letter; /* 0: none */
	enum option_kind kind;
	const char *name;
	const char *argument; /* NULL: takes none */
	size_t offset;        /* in struct options */
	const char *only;     /* the subcommands that this row's help is for, or NULL: all */
	const char *help;
};

extern const struct option_row option_rows[]; /* ends with a NULL name */

/** subcommand_takes() - is the option @name one of @subcommand's? */
bool subcommand_takes(const struct subcommand *subcommand, const char *name);

/** option_is_for() - is this row, of several of one name, that of @subcommand? */
bool option_is_for(const struct option_row *row, const struct subcommand *subcommand);

/** help_print() - of one subcommand, or the overview when @subcommand is NULL; on stdout */
void help_print(const struct subcommand *subcommand);

/** version_print() - this version, and what its images can be; on stdout */
void version_print(void);
