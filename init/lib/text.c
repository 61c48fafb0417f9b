/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - a growing string, and a list of strings (see text.h)
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

void text_free(struct text *text)
{
	free(text->data);
	*text = TEXT_EMPTY;
}

void text_clear(struct text *text)
{
	text->length = 0;
	text->failed = false;
	if (text->data)
		text->data[0] = '\0';
}

/* room for @count more bytes and the NUL */
static bool text_reserve(struct text *text, size_t count)
{
	size_t wanted;
	size_t allocated = text->allocated ? text->allocated : 64;
	char *data;

	if (text->failed)
		return false;
	if (__builtin_add_overflow(text->length, count, &wanted) ||
	    __builtin_add_overflow(wanted, 1, &wanted) || wanted > SIZE_MAX / 2) {
		text->failed = true;
		return false;
	}
	if (wanted <= text->allocated)
		return true;
	while (allocated < wanted)
		allocated *= 2;
	data = realloc(text->data, allocated);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->allocated = allocated;
	return true;
}

void text_add_bytes(struct text *text, const void *bytes, size_t count)
{
	if (!text_reserve(text, count))
		return;
	if (count)
		memcpy(text->data + text->length, bytes, count);
	text->length += count;
	text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_add_char(struct text *text, char character)
{
	text_add_bytes(text, &character, 1);
}

static void PRINTF_LIKE(2, 0)
	text_format_list(struct text *text, const char *format, va_list arguments)
{
	va_list again;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	if (length < 0)
		text->failed = true;
	else if (text_reserve(text, (size_t)length)) {
		(void)vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
		text->length += (size_t)length;
	}
	va_end(again);
}

void text_format(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_format_list(text, format, arguments);
	va_end(arguments);
}

const char *text_string(const struct text *text)
{
	return text->data ? text->data : "";
}

int text_take(struct text *text, char **ret_string)
{
	if (!text_reserve(text, 0)) {
		text_free(text);
		return -ENOMEM;
	}
	text->data[text->length] = '\0';
	*ret_string = text->data;
	*text = TEXT_EMPTY;
	return 0;
}

void strings_free(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = STRINGS_EMPTY;
}

int strings_take_in(struct strings *strings, char *string)
{
	char **items;

	if (!string)
		return -ENOMEM;
	items = reallocarray(strings->items, strings->count + 2, sizeof(*items));
	if (!items) {
		free(string);
		return -ENOMEM;
	}
	items[strings->count++] = string;
	items[strings->count] = NULL;
	strings->items = items;
	return 0;
}

int strings_add(struct strings *strings, const char *string)
{
	return strings_take_in(strings, strdup(string));
}

int strings_add_format(struct strings *strings, const char *format, ...)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	va_list arguments;
	char *string;
	int r;

	va_start(arguments, format);
	text_format_list(&text, format, arguments);
	va_end(arguments);
	r = text_take(&text, &string);
	return r < 0 ? r : strings_take_in(strings, string);
}

bool strings_contain(const struct strings *strings, const char *string)
{
	for (size_t i = 0; i < strings->count; i++)
		if (text_equal(strings->items[i], string))
			return true;
	return false;
}

static int strings_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *strings, bool unique)
{
	size_t kept = 0;

	if (strings->count == 0)
		return;
	qsort(strings->items, strings->count, sizeof(*strings->items), strings_compare);
	if (!unique)
		return;
	for (size_t i = 1; i < strings->count; i++) {
		if (text_equal(strings->items[kept], strings->items[i]))
			free(strings->items[i]);
		else
			strings->items[++kept] = strings->items[i];
	}
	strings->count = kept + 1;
	strings->items[strings->count] = NULL;
}

const char *text_after(const char *string, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(string, prefix, length) == 0 ? string + length : NULL;
}

bool text_ends_with(const char *string, const char *suffix)
{
	size_t length = strlen(string);
	size_t suffix_length = strlen(suffix);

	return length >= suffix_length && text_equal(string + length - suffix_length, suffix);
}

const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_has_parent_step(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2)
		if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
			return true;
	return false;
}
