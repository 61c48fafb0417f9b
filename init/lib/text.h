/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - a growing string, and a list of strings
 *
 * Quiet: nothing here prints. A text remembers its first failure; text_take() reports it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

struct text {
	char *data;    /* NUL-terminated when not NULL */
	size_t length; /* without the NUL; data may hold NUL bytes before it */
	size_t allocated;
	bool failed; /* an allocation failed: what was added since is lost */
};

#define TEXT_EMPTY ((struct text){ 0 })

void text_free(struct text *text);

/** text_clear() - make @text empty and usable again, keeping its memory */
void text_clear(struct text *text);

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *bytes, size_t count);
void text_add_char(struct text *text, char character);
void text_format(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

/** text_string() - the content, never NULL; valid until the next change of @text */
const char *text_string(const struct text *text);

/**
 * text_take() - hand the string over to the caller, who frees it
 *
 * Return: 0, or -ENOMEM when any addition failed; *ret_string is untouched then.
 */
int text_take(struct text *text, char **ret_string);

/* A list of owned strings; zero-initialised is empty. items[count] is NULL once anything was
 * added, so that a list can be an argv. */
struct strings {
	char **items;
	size_t count;
};

#define STRINGS_EMPTY ((struct strings){ 0 })

void strings_free(struct strings *strings);

/** strings_add() - append a copy of @string. Return: 0 or -ENOMEM */
int strings_add(struct strings *strings, const char *string);

/** strings_take_in() - append @string itself, which the list owns from now on, also on failure */
int strings_take_in(struct strings *strings, char *string);

int strings_add_format(struct strings *strings, const char *format, ...) PRINTF_LIKE(2, 3);
bool strings_contain(const struct strings *strings, const char *string);

/** strings_sort() - into strcmp(3) order, and drop duplicates when @unique */
void strings_sort(struct strings *strings, bool unique);

static inline bool text_equal(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}

/** text_after() - what follows @prefix in @string, or NULL when it does not start so */
const char *text_after(const char *string, const char *prefix);
bool text_ends_with(const char *string, const char *suffix);

/** path_has_parent_step() - is one of the steps of @path ".."? */
bool path_has_parent_step(const char *path);

/** base_name() - what follows the last '/' of @path, or all of it */
const char *base_name(const char *path);
