/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.c - YAML text into a tree of values, each with its place
 *
 * In:    the text of a profile, or of a value of --set
 * Out:   a tree in which every scalar is text: "yes", "0644" and "1e3" mean themselves
 * Not:   which keys there are (profile_schema.c), which file comes first (profile_stack.c)
 * Facts: YAML 1.1 chapter 3; libyaml's events rather than its document tree, because the tree
 *        shows an alias as the node that it stands for: nodes could multiply unseen
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "fail.h"
#include "profile.h"
#include "profile_parse.h"

#define MAP_LIMIT \
	20000 /* keys are looked up one by one: a bound on the time that a file can cost */

const char origin_set_label[] = "--set";

struct reader {
	yaml_parser_t parser;
	const char *label;
	unsigned depth;
};

static struct origin mark_origin(const struct reader *reader, const yaml_mark_t *mark)
{
	struct origin origin = { .file = reader->label };

	/* what stands on the command line has no lines */
	if (reader->label != origin_set_label) {
		origin.line = (unsigned)mark->line + 1;
		origin.column = (unsigned)mark->column + 1;
	}
	return origin;
}

static int PRINTF_LIKE(3, 4)
	fail_mark(const struct reader *reader, const yaml_mark_t *mark, const char *format, ...)
{
	struct origin origin = mark_origin(reader, mark);
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = fail_at_list(&origin, format, arguments);
	va_end(arguments);
	return r;
}

static int reader_next(struct reader *reader, yaml_event_t *event)
{
	const yaml_parser_t *parser = &reader->parser;

	if (yaml_parser_parse(&reader->parser, event))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return fail(-ENOMEM, "cannot read '%s'", reader->label);
	if (parser->error == YAML_READER_ERROR)
		return fail(0, "%s: not UTF-8 text: %s at byte %zu", reader->label, parser->problem,
			    parser->problem_offset);
	return fail_mark(reader, &parser->problem_mark, "not YAML: %s%s%s", parser->problem,
			 parser->context ? " " : "", parser->context ? parser->context : "");
}

/* what YAML could do and a profile may not */
static int check_plain(const struct reader *reader, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT) {
		anchor = event->data.alias.anchor;
	} else if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor)
		return fail_mark(
			reader, &event->start_mark,
			"anchors and aliases ('%s') are not supported; write the value out, "
			"put it under 'values:', or 'include:' a profile",
			(const char *)anchor);
	if (tag)
		return fail_mark(
			reader, &event->start_mark,
			"tags ('%s') are not supported; every scalar is text, drop the tag",
			(const char *)tag);
	return 0;
}

static int read_scalar(const struct reader *reader, const yaml_event_t *event,
		       struct value **ret_value)
{
	const char *text = (const char *)event->data.scalar.value;
	bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct origin origin = mark_origin(reader, &event->start_mark);

	if (strlen(text) != event->data.scalar.length)
		return fail_mark(reader, &event->start_mark, "the text holds a NUL character");
	if (is_plain && (*text == '\0' || text_equal(text, "~") || text_equal(text, "null")))
		*ret_value = value_new(VALUE_NULL, origin);
	else
		*ret_value = value_new_scalar(text, origin);
	if (!*ret_value)
		return fail(-ENOMEM, "cannot read '%s'", reader->label);
	(*ret_value)->is_quoted = !is_plain;
	return 0;
}

static int read_value(struct reader *reader, const yaml_event_t *event, struct value **ret_value);

static int read_list(struct reader *reader, struct value *list)
{
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		struct value *item = NULL;
		int r = reader_next(reader, &event);

		if (r < 0 || event.type == YAML_SEQUENCE_END_EVENT)
			return r;
		r = read_value(reader, &event, &item);
		if (r < 0)
			return r;
		if (value_list_add(list, item) < 0)
			return fail(-ENOMEM, "cannot read '%s'", reader->label);
	}
}

static int check_key(const struct reader *reader, const yaml_event_t *event,
		     const struct value *map)
{
	const char *key = (const char *)event->data.scalar.value;
	int r = check_plain(reader, event);

	if (r < 0)
		return r;
	if (event->type != YAML_SCALAR_EVENT)
		return fail_mark(reader, &event->start_mark, "a key must be text");
	if (*key == '\0')
		return fail_mark(reader, &event->start_mark, "a key must not be empty");
	if (strlen(key) != event->data.scalar.length)
		return fail_mark(reader, &event->start_mark, "the key holds a NUL character");
	/* they would break the lines of messages and of lists */
	for (const char *at = key; *at; at++)
		if ((unsigned char)*at < ' ' || *at == '\x7f')
			return fail_mark(reader, &event->start_mark,
					 "the key holds a control character");
	for (size_t i = 0; i < map->count; i++)
		if (text_equal(map->keys[i], key))
			return fail_mark(reader, &event->start_mark,
					 "'%s' is given twice, first in line %u; join the two", key,
					 map->key_origins[i].line);
	if (map->count >= MAP_LIMIT)
		return fail_mark(reader, &event->start_mark, "more than %u keys in one map",
				 MAP_LIMIT);
	return 0;
}

static int read_map(struct reader *reader, struct value *map)
{
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t key = { 0 };
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		struct value *item = NULL;
		int r = reader_next(reader, &key);

		if (r < 0 || key.type == YAML_MAPPING_END_EVENT)
			return r;
		r = check_key(reader, &key, map);
		if (r == 0)
			r = reader_next(reader, &event);
		if (r == 0)
			r = read_value(reader, &event, &item);
		if (r < 0)
			return r;
		if (value_map_add(map, (const char *)key.data.scalar.value,
				  mark_origin(reader, &key.start_mark), item) < 0)
			return fail(-ENOMEM, "cannot read '%s'", reader->label);
	}
}

/* the value that @event begins */
static int read_value(struct reader *reader, const yaml_event_t *event, struct value **ret_value)
{
	CLEANUP(value_cleanup) struct value *value = NULL;
	bool is_map = event->type == YAML_MAPPING_START_EVENT;
	int r = check_plain(reader, event);

	if (r < 0)
		return r;
	if (event->type == YAML_SCALAR_EVENT)
		return read_scalar(reader, event, ret_value);
	if (reader->depth == PROFILE_DEPTH_LIMIT)
		return fail_mark(reader, &event->start_mark, "more than %d levels of nesting",
				 PROFILE_DEPTH_LIMIT);
	value = value_new(is_map ? VALUE_MAP : VALUE_LIST, mark_origin(reader, &event->start_mark));
	if (!value)
		return fail(-ENOMEM, "cannot read '%s'", reader->label);
	reader->depth++;
	r = is_map ? read_map(reader, value) : read_list(reader, value);
	reader->depth--;
	if (r < 0)
		return r;
	*ret_value = value;
	value = NULL;
	return 0;
}

/* from the stream's start to its end: at most one document */
static int read_stream(struct reader *reader, struct value **ret_value)
{
	CLEANUP(value_cleanup) struct value *value = NULL;

	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		int r = reader_next(reader, &event);

		if (r < 0)
			return r;
		if (event.type == YAML_STREAM_END_EVENT)
			break;
		if (event.type == YAML_DOCUMENT_START_EVENT && value)
			return fail_mark(reader, &event.start_mark,
					 "a second document begins here; a profile is one");
		if (event.type == YAML_STREAM_START_EVENT ||
		    event.type == YAML_DOCUMENT_START_EVENT ||
		    event.type == YAML_DOCUMENT_END_EVENT)
			continue;
		r = read_value(reader, &event, &value);
		if (r < 0)
			return r;
	}
	if (!value)
		value = value_new(VALUE_NULL, (struct origin){ .file = reader->label });
	if (!value)
		return fail(-ENOMEM, "cannot read '%s'", reader->label);
	*ret_value = value;
	value = NULL;
	return 0;
}

int profile_parse(const char *string, size_t length, const char *label, struct value **ret_value)
{
	struct reader reader = { .label = label };
	int r;

	if (length > PROFILE_SIZE_LIMIT)
		return fail(0, "%s: larger than %zu bytes, which no profile is", label,
			    PROFILE_SIZE_LIMIT);
	if (!yaml_parser_initialize(&reader.parser))
		return fail(-ENOMEM, "cannot read '%s'", label);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)string, length);
	r = read_stream(&reader, ret_value);
	yaml_parser_delete(&reader.parser);
	return r;
}
