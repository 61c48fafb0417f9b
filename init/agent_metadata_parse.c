/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_metadata_parse.c - the answers of a metadata service
 *
 * In:    bodies of answers (untrusted)
 * Out:   a token, a host name, keys, data
 * Not:   asking for them (agent_metadata.c)
 * Facts: Linode's API reference, metadata service: GET /v1/instance, /v1/ssh-keys, /v1/user-data,
 *        PUT /v1/token. A key: sshd(8), AUTHORIZED_KEYS FILE FORMAT. base64: RFC 4648 section 4
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "agent_metadata.h"
#include "lib/host_name.h"

#define TOKEN_MOST 4096
#define KEYS_MOST 256

/* ---- the token ---- */

/* it goes into a header: no blanks, no line ends */
static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)text[i]))
			return false;
	return length > 0 && length <= TOKEN_MOST;
}

static size_t trimmed(const char *bytes, size_t length)
{
	while (length > 0 && isspace((unsigned char)bytes[length - 1]))
		length--;
	return length;
}

int metadata_token_parse(const char *bytes, size_t length, char **ret_token)
{
	json_t *array = json_loadb(bytes, length, 0, NULL);
	const json_t *item = json_array_get(array, 0);
	const char *token = json_string_value(item);
	size_t count = json_string_length(item);
	int r = 0;

	if (!array) {
		token = bytes;
		count = trimmed(bytes, length);
	}
	if (!token || (array && json_array_size(array) != 1) || !is_token(token, count))
		r = -EPROTO;
	else if (!(*ret_token = strndup(token, count)))
		r = -ENOMEM;
	json_decref(array);
	return r;
}

/* ---- the name ---- */

int metadata_label_parse(const char *bytes, size_t length, char **ret_name)
{
	json_t *object = json_loadb(bytes, length, 0, NULL);
	const char *label = json_string_value(json_object_get(object, "label"));
	CLEANUP(memory_free) char *name = label ? strdup(label) : NULL;
	int r = name ? 0 : -EPROTO;

	json_decref(object);
	for (char *at = name; at && *at; at++)
		if (*at == '_')
			*at = '-';
	if (r == 0 && !host_name_is_valid(name))
		r = -EPROTO;
	if (r == 0)
		*ret_name = text_pointer_take(&name);
	return r;
}

/* ---- keys ---- */

/* "TYPE BASE64" or "TYPE BASE64 COMMENT", printable. Options would come first, and could be
 * anything: they are no type */
static bool is_key(const char *line)
{
	static const char *const types[] = { "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-" };
	size_t type = strcspn(line, " "), blob;
	bool is_known = false;

	for (size_t i = 0; i < COUNT_OF(types); i++)
		is_known = is_known || text_after(line, types[i]);
	for (size_t i = 0; i < type; i++)
		if (!isalnum((unsigned char)line[i]) && !strchr("-@.", line[i]))
			return false;
	if (!is_known || line[type] != ' ')
		return false;
	line += type + 1;
	for (blob = 0;
	     isalnum((unsigned char)line[blob]) || (line[blob] && strchr("+/=", line[blob]));)
		blob++;
	if (blob < 16 || (line[blob] != '\0' && line[blob] != ' '))
		return false;
	for (line += blob; *line; line++)
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			return false;
	return true;
}

static int keys_take(const json_t *array, struct strings *keys)
{
	if (!json_is_array(array))
		return -EPROTO;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *key = json_string_value(json_array_get(array, i));
		int r;

		if (!key || !is_key(key) || keys->count == KEYS_MOST)
			return -EPROTO;
		r = strings_contain(keys, key) ? 0 : strings_add(keys, key);
		if (r < 0)
			return r;
	}
	return 0;
}

int metadata_keys_parse(const char *bytes, size_t length, struct strings *ret_keys)
{
	json_t *object = json_loadb(bytes, length, 0, NULL);
	json_t *users = json_object_get(object, "users"), *array;
	const char *name;
	int r = json_is_object(users) ? 0 : -EPROTO;

	json_object_foreach(users, name, array)
	{
		if (r == 0)
			r = keys_take(array, ret_keys);
	}
	json_decref(object);
	if (r < 0)
		strings_free(ret_keys);
	return r;
}

/* ---- user data ---- */

/* -1 when it is no digit */
static int digit_of(char character)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = character ? strchr(digits, character) : NULL;

	return at ? (int)(at - digits) : -1;
}

int metadata_data_parse(const char *bytes, size_t length, struct text *ret_data)
{
	unsigned bits = 0, digits = 0, padding = 0;

	for (size_t i = 0; i < length; i++) {
		int digit = digit_of(bytes[i]);

		if (isspace((unsigned char)bytes[i]))
			continue;
		if (bytes[i] == '=' && digits % 4 >= 2 && digits % 4 + padding < 4) {
			padding++;
			continue;
		}
		if (digit < 0 || padding > 0)
			return -EPROTO;
		bits = bits << 6 | (unsigned)digit;
		if (++digits % 4 == 0)
			for (int shift = 16; shift >= 0; shift -= 8)
				text_add_char(ret_data, (char)(bits >> shift & 0xff));
	}
	/* two digits are a byte, three are two; one is none, and what is missing is '=' */
	if (digits % 4 == 1 || (digits % 4 + padding) % 4 != 0)
		return -EPROTO;
	if (digits % 4 == 2)
		text_add_char(ret_data, (char)(bits >> 4 & 0xff));
	if (digits % 4 == 3) {
		text_add_char(ret_data, (char)(bits >> 10 & 0xff));
		text_add_char(ret_data, (char)(bits >> 2 & 0xff));
	}
	return ret_data->failed ? -ENOMEM : 0;
}
