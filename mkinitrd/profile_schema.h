/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_schema.h - every key that a profile can have, and what it can hold
 *
 * profile_schema.c is the table, profile_check.c holds a tree against it, profile_form.c has the
 * forms of text.
 */
#pragma once

#include "profile.h"

/* What a value may be; several may be set. */
enum schema_kind {
	KIND_LATER = 0, /* known, and not built yet: an error that says so */
	KIND_MAP = 1 << 0,
	KIND_TEXT = 1 << 1,
	KIND_TEXTS = 1 << 2, /* a list of text */
	KIND_WORD = 1 << 3,  /* one of the row's words */
	KIND_FLAG = 1 << 4,  /* true */
	KIND_SIZE = 1 << 5,
	KIND_DURATION = 1 << 6,
	KIND_MODE = 1 << 7,  /* octal */
	KIND_LIMIT = 1 << 8, /* a number, or infinity */
	KIND_OWNER = 1 << 9, /* UID:GID */
	KIND_SHA256 = 1 << 10,
	KIND_PATH = 1 << 11,   /* absolute */
	KIND_FIND = 1 << 12,   /* a way to find a block device */
	KIND_READY = 1 << 13,  /* a way to see that a service is ready */
	KIND_REASON = 1 << 15, /* text, not empty */
	KIND_SHARE = 1 << 20,  /* a size, or a share of the memory in percent */
	KIND_CRYPT = 1 << 21,  /* a hash of crypt(3), which no message repeats */
	KIND_COW = 1 << 22,    /* where changes of a root go */
	KIND_USER = 1 << 16,   /* these five: run_settings.h */
	KIND_PORT = 1 << 17,   /* a number */
	KIND_SIGNAL = 1 << 18,
	KIND_CPUS = 1 << 19,
	KIND_NETWORK = 1 << 23,
	KIND_COUNT = 1 << 25,    /* a number from 1 */
	KIND_EXPANDED = 1 << 14, /* besides: ${name} in it is replaced */
	KIND_OUTPUT = 1 << 24,   /* besides: ${output} is a name of its own there */
};

struct schema_row {
	const char *path; /* keys joined by dots; '*' as the last one: any key */
	unsigned kinds;
	const char *words; /* KIND_WORD: those of this version, separated by blanks */
	const char *later; /* words of later versions; "*": any other word */
	/* '*': what is wrong with a key ("is not ..."), or NULL when it is good */
	const char *(*key_problem)(const char *key);
	const char *like;      /* keys below are those of this row */
	const char *short_for; /* a word or a map: the key that the word alone stands for; "need" */
	const char *help;
};

/* Two keys of one map that contradict each other once everything is stacked. */
struct schema_conflict {
	const char *path, *key;
	const char *others; /* separated by blanks */
};

extern const struct schema_row schema_rows[];           /* ends with a NULL path */
extern const struct schema_conflict schema_conflicts[]; /* ends with a NULL path */

extern const struct schema_row
	definition_rows[]; /* of an image's definition; definition_schema.c */

/** schema_row_find() - the row of @key below the row @parent (NULL: at the top), or NULL */
const struct schema_row *schema_row_find(const struct schema_row *parent, const char *key);

/** schema_row_find_in() - the same in the table @rows */
const struct schema_row *schema_row_find_in(const struct schema_row *rows,
					    const struct schema_row *parent, const char *key);

/** schema_row_is_below() - is @row that of a named key (no '*') right below @parent? */
bool schema_row_is_below(const struct schema_row *row, const struct schema_row *parent);

/** schema_row_key() - the last key of the row's path */
const char *schema_row_key(const struct schema_row *row);

/** schema_row_takes() - whether the scalar @value may stand in @row; @text: it, expanded */
bool schema_row_takes(const struct schema_row *row, const struct value *value, const char *text);

/** schema_row_expected() - what may: "'required', 'optional', a map" */
void schema_row_expected(struct text *text, const struct schema_row *row);

/** words_have() - whether @word is one of @words, which blanks separate; NULL: none */
bool words_have(const char *words, const char *word);
void words_split(const char *words, struct strings *ret_words);

/**
 * schema_check() - a tree of one file, or of --set, before it is merged; speaks
 * @all: go on after an error; a line each
 *
 * Return: how many errors were found
 */
unsigned schema_check(const struct value *root, bool all);

/** schema_check_definition() - the same for the definition of an image; says the first error */
unsigned schema_check_definition(const struct value *root);

/**
 * schema_check_stacked() - what only the whole can tell: keys that contradict each other, and
 * ${name} of names that nobody set; speaks. Return: as above
 */
unsigned schema_check_stacked(const struct profile *profile, bool all);

/**
 * schema_normalise() - give values that may be short or long the long form: "overlay: required"
 * becomes "overlay: { need: required }", in modules, programs and files (in containers, too). After
 * stacking: until then the one form replaces the other.
 *
 * Return: 0 or -ENOMEM
 */
int schema_normalise(struct value *root);
