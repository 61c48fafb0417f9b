/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_show.c - a profile's tree for people, and for programs
 *
 * In:    a tree
 * Out:   YAML with comments, or JSON
 * Facts: YAML 1.1: double quotes know \n, \t, \xHH; which plain scalars are more than text to
 *        other readers ("yes", "1e3") does not matter here: for profile.c all are text
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "keypath.h"
#include "profile_show.h"

#define COMMENT_COLUMN_MOST 56

/* the lines before their comments are aligned */
struct show {
	struct strings lines, comments;
	bool failed;
};

static void show_free(struct show *show)
{
	strings_free(&show->lines);
	strings_free(&show->comments);
}

/* may it stand without quotes, also inside of [] and {}? */
static bool is_plain(const char *text)
{
	const char *at = text;

	if (*text == '-' && !isalnum((unsigned char)text[1]) && text[1] != '-')
		return false;
	if (!isalnum((unsigned char)*text) && (*text == '\0' || !strchr("/_-.", *text)))
		return false;
	while (isalnum((unsigned char)*at) || (*at && strchr("/_-.+=@%", *at)))
		at++;
	return *at == '\0' && !text_equal(text, "null") && !text_equal(text, "---") &&
	       !text_equal(text, "...");
}

/* What is not ASCII and could not stand as it is: YAML 1.1 sections 5.1 (printable characters) and
 * 5.4 (line breaks, which would be folded). Return: how many bytes of @text it takes, 0: none */
static size_t add_odd(struct text *line, const char *text)
{
	static const struct {
		const char *bytes, *escape;
	} rows[] = {
		{ "\xe2\x80\xa8", "\\u2028" }, { "\xe2\x80\xa9", "\\u2029" },
		{ "\xef\xbb\xbf", "\\ufeff" }, { "\xef\xbf\xbe", "\\ufffe" },
		{ "\xef\xbf\xbf", "\\uffff" },
	};

	if (text[0] == '\xc2' && (unsigned char)text[1] < 0xa0) {
		text_format(line, "\\x%02x", (unsigned char)text[1]);
		return 2;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_after(text, rows[i].bytes)) {
			text_add(line, rows[i].escape);
			return strlen(rows[i].bytes);
		}
	return 0;
}

static void add_scalar(struct text *line, const char *text, bool is_quoted)
{
	size_t odd;

	if (is_plain(text) && !is_quoted) {
		text_add(line, text);
		return;
	}
	text_add_char(line, '"');
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '\n')
			text_add(line, "\\n");
		else if (byte == '\t')
			text_add(line, "\\t");
		else if (byte < ' ' || byte == 0x7f)
			text_format(line, "\\x%02x", byte);
		else if (byte == '"' || byte == '\\')
			text_format(line, "\\%c", byte);
		else if (byte > 0x7f && (odd = add_odd(line, text)) > 0)
			text += odd - 1;
		else
			text_add_char(line, *text);
	}
	text_add_char(line, '"');
}

void yaml_add_text(struct text *text, const char *string)
{
	add_scalar(text, string, false);
}

static void add_leaf(struct text *line, const struct value *value)
{
	if (value->kind == VALUE_SCALAR) {
		add_scalar(line, value->scalar, value->is_quoted);
	} else if (value->kind == VALUE_MAP) {
		text_add(line, "{}"); /* one with entries is no leaf */
	} else if (value->kind == VALUE_NULL) {
		text_add(line, "null"); /* below kernel.modules: excluded */
	} else {
		text_add_char(line, '[');
		for (size_t i = 0; i < value->count; i++) {
			text_add(line, i ? ", " : "");
			add_scalar(line, value_text(value->items[i], ""),
				   value->items[i]->is_quoted);
		}
		text_add_char(line, ']');
	}
}

static void show_line(struct show *show, struct text *line, const struct origin *origin)
{
	CLEANUP(text_free) struct text comment = TEXT_EMPTY;
	char *taken = NULL;

	if (origin)
		origin_format(&comment, origin, false);
	if (text_take(line, &taken) < 0 || strings_take_in(&show->lines, taken) < 0 ||
	    strings_add(&show->comments, text_string(&comment)) < 0)
		show->failed = true;
}

static void show_map(struct show *show, const struct value *map, unsigned depth)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct value *item = map->items[i];
		CLEANUP(text_free) struct text line = TEXT_EMPTY;

		text_format(&line, "%*s", (int)depth * 2, "");
		add_scalar(&line, map->keys[i], false);
		text_add_char(&line, ':');
		if (item->kind == VALUE_MAP && item->count) {
			show_line(show, &line, NULL);
			show_map(show, item, depth + 1);
		} else {
			text_add_char(&line, ' ');
			add_leaf(&line, item);
			show_line(show, &line, &item->origin);
		}
	}
}

int profile_show_text(const struct profile *profile, struct text *text)
{
	CLEANUP(show_free) struct show show = { 0 };
	size_t column = 0;

	show_map(&show, profile->root, 0);
	if (show.failed)
		return -ENOMEM;
	for (size_t i = 0; i < show.lines.count; i++) {
		size_t length = strlen(show.lines.items[i]);

		if (length > column && length <= COMMENT_COLUMN_MOST && *show.comments.items[i])
			column = length;
	}
	for (size_t i = 0; i < show.lines.count; i++) {
		text_add(text, show.lines.items[i]);
		if (*show.comments.items[i]) {
			size_t length = strlen(show.lines.items[i]);

			text_format(text, "%*s  # %s", length < column ? (int)(column - length) : 0,
				    "", show.comments.items[i]);
		}
		text_add_char(text, '\n');
	}
	return text->failed ? -ENOMEM : 0;
}

static json_t *to_json(const struct value *value, struct text *path, json_t *origins)
{
	size_t length = path->length;
	json_t *json;

	if (value->kind != VALUE_MAP || value->count == 0) {
		CLEANUP(text_free) struct text where = TEXT_EMPTY;

		origin_format(&where, &value->origin, false);
		if (length)
			(void)json_object_set_new(origins, text_string(path),
						  json_string(text_string(&where)));
	}
	if (value->kind == VALUE_SCALAR)
		return json_string(value->scalar);
	if (value->kind == VALUE_NULL)
		return json_null();
	json = value->kind == VALUE_LIST ? json_array() : json_object();
	for (size_t i = 0; json && i < value->count; i++) {
		int r;

		if (value->kind == VALUE_LIST) {
			r = json_array_append_new(json,
						  json_string(value_text(value->items[i], "")));
		} else {
			keypath_add(path, value->keys[i]);
			r = json_object_set_new(json, value->keys[i],
						to_json(value->items[i], path, origins));
			path->length = length;
			path->data[length] = '\0';
		}
		if (r < 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

static int write_json(const char *buffer, size_t size, void *text)
{
	text_add_bytes(text, buffer, size);
	return 0;
}

int profile_show_json(const struct profile *profile, struct text *text)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	json_t *origins = json_object();
	json_t *tree = to_json(profile->root, &path, origins);
	json_t *json = json_pack("{s:s, s:o, s:o}", "name", profile->name, "profile", tree,
				 "origins", origins);

	if (!json)
		return -ENOMEM;
	(void)json_dump_callback(json, write_json, text, JSON_INDENT(2));
	text_add_char(text, '\n');
	json_decref(json);
	return text->failed ? -ENOMEM : 0;
}
