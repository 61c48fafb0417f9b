/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion.c - what a shell offers for the values of options and commands
 *
 * In:    the names that the tables give to values: FILE, KVER, "auto|always|never"
 * Out:   a kind, and words where they are fixed
 * Not:   the scripts (completion_bash.c, completion_zsh.c)
 */
#include <ctype.h>
#include <string.h>

#include "completion.h"
#include "image.h"
#include "profile_schema.h"

/* each appends words */
static int keys_list(struct strings *words)
{
	int r = 0;

	for (const struct schema_row *row = schema_rows; row->path && r == 0; row++)
		if (!strchr(row->path, '*') && (row->kinds & ~(unsigned)KIND_MAP))
			r = strings_add_format(words, "%s=", row->path);
	return r;
}

static int layouts_list(struct strings *words)
{
	const struct schema_row *row = schema_row_find(schema_row_find(NULL, "output"), "layout");

	return row ? strings_add(words, row->words) : 0;
}

/* "none, zstd:1-19" -> none, zstd */
static int compressions_list(struct strings *words)
{
	CLEANUP(text_free) struct text list = TEXT_EMPTY;
	int r = 0;

	compression_list(&list);
	for (const char *at = text_string(&list); *at && r == 0; at += strspn(at, ", ")) {
		r = strings_add_format(words, "%.*s", (int)strcspn(at, ":,"), at);
		at += strcspn(at, ",");
	}
	return r;
}

// clang-format off
static const struct {
	const char *argument;
	enum completes completes;
	int (*list)(struct strings *words);
} rows[] = {
	{ "A",            COMPLETES_FILES,    NULL },
	{ "ALGO[:LEVEL]", COMPLETES_WORDS,    compressions_list },
	{ "ARCHIVE",      COMPLETES_FILES,    NULL },
	{ "ARG",          COMPLETES_NOTHING,  NULL },
	{ "ARGUMENT",     COMPLETES_NOTHING,  NULL },
	{ "B",            COMPLETES_FILES,    NULL },
	{ "COMMAND",      COMPLETES_COMMANDS, NULL },
	{ "DIR",          COMPLETES_FOLDERS,  NULL },
	{ "DISK",         COMPLETES_FILES,    NULL },
	{ "DURATION",     COMPLETES_NOTHING,  NULL },
	{ "FILE",         COMPLETES_FILES,    NULL },
	{ "FILE|DIR/",    COMPLETES_FILES,    NULL },
	{ "IMAGE",        COMPLETES_FILES,    NULL },
	{ "KEY",          COMPLETES_FILES,    NULL },
	{ "KEY=VALUE",    COMPLETES_KEYS,     keys_list },
	{ "KVER",         COMPLETES_KERNELS,  NULL },
	{ "LAYOUT",       COMPLETES_WORDS,    layouts_list },
	{ "LOG",          COMPLETES_FILES,    NULL },
	{ "MACHINE",      COMPLETES_NOTHING,  NULL },
	{ "N",            COMPLETES_NOTHING,  NULL },
	{ "NAME",         COMPLETES_PROFILES, NULL },
	{ "NAME:TAG",     COMPLETES_NOTHING,  NULL },
	{ "PATH",         COMPLETES_PATHS,    NULL },
	{ "PROFILE",      COMPLETES_PROFILES, NULL },
	{ "SIZE",         COMPLETES_NOTHING,  NULL },
	{ "SYSTEM",       COMPLETES_NOTHING,  NULL },
	{ "TEXT",         COMPLETES_NOTHING,  NULL },
	{ "VERB",         COMPLETES_NOTHING,  NULL },
};
// clang-format on

static bool is_words(const char *argument)
{
	for (const char *at = argument; *at; at++)
		if (!islower((unsigned char)*at) && *at != '|' && *at != '-')
			return false;
	return *argument != '\0';
}

enum completes completion_of(const char *argument, struct strings *ret_words)
{
	if (is_words(argument)) {
		for (const char *at = argument; *at; at += strspn(at, "|")) {
			(void)strings_add_format(ret_words, "%.*s", (int)strcspn(at, "|"), at);
			at += strcspn(at, "|");
		}
		return COMPLETES_WORDS;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!text_equal(rows[i].argument, argument))
			continue;
		if (rows[i].list)
			(void)rows[i].list(ret_words);
		return rows[i].completes;
	}
	return COMPLETES_UNKNOWN;
}

bool completion_arguments(const char *arguments, struct strings *ret_arguments)
{
	bool is_repeated = false;

	for (const char *at = arguments ? arguments : ""; *at; at += strspn(at, " ")) {
		size_t length;

		at += *at == '[';
		length = strcspn(at, " ].");
		(void)strings_add_format(ret_arguments, "%.*s", (int)length, at);
		is_repeated = text_after(at + length, "...") != NULL;
		at += strcspn(at, " ");
	}
	return is_repeated;
}
