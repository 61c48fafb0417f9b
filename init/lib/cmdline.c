/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline.c - the kernel command line, and argv in one string (see cmdline.h)
 *
 * Facts: a double quote anywhere switches quoting on and off, there are no escapes; quotes are
 *        taken away at the start and the end of a word or of a value only, those inside stay; what
 *        follows "--" is for the init program: kernel lib/cmdline.c and kernel/params.c
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cmdline.h"

static bool is_blank(char character)
{
	return isspace((unsigned char)character) != 0;
}

void cmdline_free(struct cmdline *cmdline)
{
	for (size_t i = 0; i < cmdline->count; i++) {
		free(cmdline->words[i].key);
		free(cmdline->words[i].value);
	}
	free(cmdline->words);
	*cmdline = CMDLINE_EMPTY;
}

/* @length bytes at @start without the quotes around them */
static char *unquoted(const char *start, size_t length)
{
	if (length > 0 && *start == '"') {
		start++;
		length--;
		if (length > 0 && start[length - 1] == '"')
			length--;
	}
	return strndup(start, length);
}

static int pair_add(struct cmdline *cmdline, const char *whole, bool has_quotes)
{
	CLEANUP(memory_free) char *key = NULL;
	CLEANUP(memory_free) char *value = NULL;
	struct cmdline_word *words;
	/* a '=' in front of everything is part of the key */
	const char *equals = *whole ? strchr(whole + 1, '=') : NULL;

	key = strndup(whole, equals ? (size_t)(equals - whole) : strlen(whole));
	if (equals)
		value = has_quotes ? unquoted(equals + 1, strlen(equals + 1)) : strdup(equals + 1);
	words = reallocarray(cmdline->words, cmdline->count + 1, sizeof(*words));
	if (words)
		cmdline->words = words;
	if (!words || !key || (equals && !value))
		return -ENOMEM;
	words[cmdline->count++] =
		(struct cmdline_word){ text_pointer_take(&key), text_pointer_take(&value) };
	return 0;
}

/* the key and the value in the @length bytes, at least one, at @start */
static int word_add(struct cmdline *cmdline, const char *start, size_t length)
{
	/* quotes around the whole word first */
	CLEANUP(memory_free)
	char *whole = *start == '"' ? unquoted(start, length) : strndup(start, length);

	return whole ? pair_add(cmdline, whole, true) : -ENOMEM;
}

int cmdline_add(struct cmdline *cmdline, const char *word)
{
	return pair_add(cmdline, word, false);
}

int cmdline_parse(struct cmdline *cmdline, const char *string)
{
	*cmdline = CMDLINE_EMPTY;
	for (;;) {
		const char *start;
		bool is_quoted = false;

		while (is_blank(*string))
			string++;
		if (!*string)
			return 0;
		start = string;
		for (; *string && (is_quoted || !is_blank(*string)); string++)
			if (*string == '"')
				is_quoted = !is_quoted;
		if (string - start == 2 && start[0] == '-' && start[1] == '-')
			return 0;
		/* the newline that ends /proc/cmdline belongs to no word, quoted or not */
		while (string > start && string[-1] == '\n')
			string--;
		if (word_add(cmdline, start, (size_t)(string - start)) < 0) {
			cmdline_free(cmdline);
			return -ENOMEM;
		}
	}
}

static bool key_equal(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

const char *cmdline_last(const struct cmdline *cmdline, const char *key)
{
	for (size_t i = cmdline->count; i-- > 0;)
		if (key_equal(cmdline->words[i].key, key))
			return cmdline->words[i].value ? cmdline->words[i].value : "";
	return NULL;
}

bool cmdline_flag(const struct cmdline *cmdline, const char *key, bool otherwise)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "", true },   { "1", true },   { "yes", true }, { "y", true },    { "on", true },
		{ "0", false }, { "no", false }, { "n", false },  { "off", false },
	};
	const char *value = cmdline_last(cmdline, key);

	for (size_t i = 0; value && i < COUNT_OF(words); i++)
		if (text_equal(words[i].word, value))
			return words[i].value;
	return otherwise;
}

static int hex_digit(char digit)
{
	const char *digits = "0123456789abcdef";
	const char *found = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* @position is behind a backslash. Return: how many characters the escape takes, or -EINVAL */
static int escape_add(struct text *word, const char *position)
{
	static const char letters[] = "\"\\ntr", meanings[] = "\"\\\n\t\r";
	const char *letter = *position ? strchr(letters, *position) : NULL;
	int high, low;

	if (letter) {
		text_add_char(word, meanings[letter - letters]);
		return 1;
	}
	if (*position != 'x')
		return -EINVAL;
	high = hex_digit(position[1]);
	low = high < 0 ? -1 : hex_digit(position[2]);
	if (low < 0 || (high | low) == 0)
		return -EINVAL;
	text_add_char(word, (char)(high * 16 + low));
	return 3;
}

/* one word of argv; *position moves behind it */
static int argv_word(const char **position, struct text *word)
{
	bool is_quoted = false;

	for (; **position && (is_quoted || !is_blank(**position)); (*position)++) {
		if (**position == '"') {
			is_quoted = !is_quoted;
		} else if (is_quoted && **position == '\\') {
			int taken = escape_add(word, *position + 1);

			if (taken < 0)
				return taken;
			*position += taken;
		} else {
			text_add_char(word, **position);
		}
	}
	return is_quoted ? -EINVAL : 0;
}

int argv_parse(const char *string, struct strings *ret_words)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;

	for (;;) {
		CLEANUP(text_free) struct text word = TEXT_EMPTY;
		char *taken;
		int r;

		while (is_blank(*string))
			string++;
		if (!*string)
			break;
		r = argv_word(&string, &word);
		if (r == 0)
			r = text_take(&word, &taken);
		if (r == 0)
			r = strings_take_in(&words, taken);
		if (r < 0)
			return r;
	}
	*ret_words = words;
	words = STRINGS_EMPTY;
	return 0;
}
