/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan_parse.c - reading a boot plan
 *
 * In:    text from an image (untrusted)
 * Out:   a struct bootplan, or one message with its line
 * Not:   what the verbs do (init/)
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bootplan_verbs.h"
#include "number.h"

struct parser {
	const char *position, *end; /* of the text that is left */
	unsigned line;
	char **error; /* where the message goes */
};

/* @what may be NULL: a word of the plan that the message is about */
static int parse_error(struct parser *parser, const char *message, const char *what)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	text_format(&text, "line %u: %s", parser->line, message);
	if (what)
		text_format(&text, ": '%s'", what);
	(void)text_take(&text, parser->error);
	return -EINVAL;
}

static bool at_line_end(const struct parser *parser)
{
	return parser->position == parser->end || *parser->position == '\n';
}

static void skip_blanks(struct parser *parser)
{
	while (parser->position < parser->end && *parser->position == ' ')
		parser->position++;
}

/* a word up to a blank, the line's end or '=' */
static int parse_word(struct parser *parser, char **ret_word)
{
	const char *start = parser->position;

	while (!at_line_end(parser) && *parser->position != ' ' && *parser->position != '=')
		parser->position++;
	*ret_word = strndup(start, (size_t)(parser->position - start));
	return *ret_word ? 0 : -ENOMEM;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

/* what follows a backslash */
static int parse_escape(struct parser *parser, struct text *text)
{
	static const char letters[] = "\"\\ntr", meanings[] = "\"\\\n\t\r";
	const char *letter;

	if (at_line_end(parser))
		return parse_error(parser, "a value ends in a backslash", NULL);
	if (*parser->position == 'x' && parser->end - parser->position > 2) {
		int high = hex_digit(parser->position[1]), low = hex_digit(parser->position[2]);

		if (high < 0 || low < 0 || (high | low) == 0)
			return parse_error(parser, "a bad hexadecimal escape", NULL);
		text_add_char(text, (char)(high * 16 + low));
		parser->position += 3;
		return 0;
	}
	letter = strchr(letters, *parser->position);
	if (!letter || !*letter)
		return parse_error(parser, "an unknown escape", NULL);
	text_add_char(text, meanings[letter - letters]);
	parser->position++;
	return 0;
}

static int parse_value(struct parser *parser, char **ret_value)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	bool is_quoted = !at_line_end(parser) && *parser->position == '"';

	if (is_quoted)
		parser->position++;
	for (;;) {
		if (at_line_end(parser)) {
			if (is_quoted)
				return parse_error(parser, "a quote is not closed", NULL);
			break;
		}
		if (*parser->position == '\0')
			return parse_error(parser, "a NUL byte", NULL);
		if (is_quoted && *parser->position == '\\') {
			int r;

			parser->position++;
			r = parse_escape(parser, &text);
			if (r < 0)
				return r;
			continue;
		}
		if (*parser->position == (is_quoted ? '"' : ' '))
			break;
		text_add_char(&text, *parser->position++);
	}
	if (is_quoted) {
		parser->position++;
		if (!at_line_end(parser) && *parser->position != ' ')
			return parse_error(parser, "text after a closing quote", NULL);
	}
	return text_take(&text, ret_value);
}

static int store_value(struct parser *parser, const struct key_row *key, void *item, char *value)
{
	CLEANUP(memory_free) char *owned = value;
	void *member = member_at(item, key->offset);
	char **string = member;

	switch (key->kind) {
	case KEY_TEXT:
		if (*string)
			return parse_error(parser, "a key stands twice", key->name);
		*string = text_pointer_take(&owned);
		return 0;
	case KEY_LIST:
		return strings_take_in(member, text_pointer_take(&owned));
	case KEY_NUMBER:
		if (number_parse(value, member) < 0)
			return parse_error(parser, "not a number", value);
		return 0;
	case KEY_WORD:
		for (unsigned i = 0; key->words[i]; i++) {
			if (!text_equal(key->words[i], value))
				continue;
			*(unsigned *)member = i;
			return 0;
		}
		return parse_error(parser, "an unknown word", value);
	}
	return -EINVAL;
}

static int parse_pair(struct parser *parser, const struct verb_row *verb, void *item)
{
	CLEANUP(memory_free) char *word = NULL;
	char *value = NULL;
	int r = parse_word(parser, &word);

	if (r < 0)
		return r;
	if (at_line_end(parser) || *parser->position != '=')
		return parse_error(parser, "a key without '='", word);
	parser->position++;
	for (const struct key_row *key = verb->keys; key->name; key++) {
		if (!text_equal(key->name, word))
			continue;
		r = parse_value(parser, &value);
		return r < 0 ? r : store_value(parser, key, item, value);
	}
	return parse_error(parser, "unknown key", word);
}

static int parse_line(struct parser *parser, struct bootplan *plan, uint64_t *seen)
{
	CLEANUP(memory_free) char *word = NULL;
	const struct verb_row *verb = NULL;
	void *item;
	int r = parse_word(parser, &word);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bootplan_verb_count && !verb; i++)
		if (text_equal(bootplan_verbs[i].name, word))
			verb = &bootplan_verbs[i];
	if (!verb)
		return parse_error(parser, "unknown verb", word);
	if (verb->count != NOT_A_LIST) {
		item = bootplan_item_add(plan, verb);
		if (!item)
			return -ENOMEM;
	} else {
		if (*seen & UINT64_C(1) << (verb - bootplan_verbs))
			return parse_error(parser, "a verb stands twice", word);
		*seen |= UINT64_C(1) << (verb - bootplan_verbs);
		item = member_at(plan, verb->item);
		if (verb->present != ALWAYS_PRESENT)
			*(bool *)member_at(plan, verb->present) = true;
	}
	for (;;) {
		skip_blanks(parser);
		if (at_line_end(parser))
			return 0;
		r = parse_pair(parser, verb, item);
		if (r < 0)
			return r;
	}
}

static int parse_version(struct parser *parser)
{
	CLEANUP(text_free) struct text first = TEXT_EMPTY;
	size_t length;

	text_format(&first, "mkinitrd-plan %d\n", BOOTPLAN_VERSION);
	length = first.length;
	if (first.failed)
		return -ENOMEM;
	if ((size_t)(parser->end - parser->position) < length ||
	    memcmp(parser->position, first.data, length) != 0)
		return parse_error(parser, "not a boot plan of the version that this init knows",
				   NULL);
	parser->position += length;
	parser->line++;
	return 0;
}

int bootplan_parse(struct bootplan *plan, const char *string, size_t length, char **ret_error)
{
	struct parser parser = { string, string + length, 1, ret_error };
	uint64_t seen = 0; /* a bit for each verb */
	int r;

	assert(bootplan_verb_count <= 64);
	*plan = BOOTPLAN_EMPTY;
	*ret_error = NULL;
	r = parse_version(&parser);
	while (r == 0 && parser.position < parser.end) {
		r = at_line_end(&parser) ? 0 : parse_line(&parser, plan, &seen);
		if (r == 0 && parser.position < parser.end) {
			parser.position++;
			parser.line++;
		}
	}
	if (r < 0)
		bootplan_free(plan);
	return r;
}
