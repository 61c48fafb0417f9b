/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keypath.c - the way to a value in one string (see keypath.h)
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "keypath.h"

static bool is_plain(const char *key)
{
	const char *at = key;

	while (isalnum((unsigned char)*at) || (*at && strchr("_-/:*@", *at)))
		at++;
	return *at == '\0' && at != key;
}

void keypath_add(struct text *path, const char *key)
{
	if (path->length)
		text_add_char(path, '.');
	if (is_plain(key)) {
		text_add(path, key);
		return;
	}
	text_add_char(path, '"');
	for (; *key; key++) {
		if (*key == '"' || *key == '\\')
			text_add_char(path, '\\');
		text_add_char(path, *key);
	}
	text_add_char(path, '"');
}

/* one key from *string on, which is moved behind it */
static int key_parse(const char **string, char **ret_key)
{
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	const char *at = *string;
	bool is_quoted = *at == '"';

	at += is_quoted;
	while (*at && (is_quoted ? *at != '"' : !strchr(".=", *at))) {
		if (is_quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		text_add_char(&key, *at++);
	}
	if (is_quoted && *at++ != '"')
		return -EINVAL;
	if (key.length == 0 || !strchr(".=", *at))
		return -EINVAL;
	*string = at;
	return text_take(&key, ret_key);
}

int keypath_parse(const char *string, struct strings *keys, const char **ret_rest)
{
	for (;; string++) {
		char *key = NULL;
		int r = key_parse(&string, &key);

		if (r == 0)
			r = strings_take_in(keys, key);
		if (r < 0)
			return r;
		if (*string != '.')
			break;
	}
	*ret_rest = string;
	return 0;
}
