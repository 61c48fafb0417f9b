/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion.h - scripts for shells, made from the tables of options and commands
 */
#pragma once

#include "options_table.h"

/* What a shell offers where an option or a command wants a value. */
enum completes {
	COMPLETES_UNKNOWN, /* a value that the table below does not know: a mistake of ours */
	COMPLETES_NOTHING,
	COMPLETES_WORDS, /* fixed ones */
	COMPLETES_KEYS,  /* keys of a profile, each with a '=' */
	COMPLETES_FILES,
	COMPLETES_FOLDERS,
	COMPLETES_PROFILES, /* by name, or by path */
	COMPLETES_KERNELS,  /* releases in the root */
	COMPLETES_PATHS,    /* paths in the image that was named before */
	COMPLETES_COMMANDS,
};

/**
 * completion_of() - what is offered for a value that the tables call @argument
 * @ret_words: for COMPLETES_WORDS and COMPLETES_KEYS the words, appended; else nothing
 *
 * "auto|always|never", words of small letters, stand for themselves.
 */
enum completes completion_of(const char *argument, struct strings *ret_words);

/** completion_arguments() - "IMAGE [PATH...]" into its values, appended: "IMAGE", "PATH".
 * Return: whether the last one may stand several times */
bool completion_arguments(const char *arguments, struct strings *ret_arguments);

/** completion_bash(), completion_zsh() - the whole script, appended. Return: 0 or -ENOMEM */
int completion_bash(struct text *text);
int completion_zsh(struct text *text);
