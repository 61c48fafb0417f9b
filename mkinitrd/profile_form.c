/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_form.c - the forms of text that a profile's values can have: sizes, modes, words
 *
 * In:    a row of the schema, a scalar
 * Out:   whether it may stand there; what is expected there, in words
 * Not:   maps and lists (profile_check.c)
 */
#include <ctype.h>
#include <string.h>

#include "profile_schema.h"
#include "run_settings.h"
#include "../init/lib/cow.h"
#include "../init/lib/find.h"
#include "../init/lib/number.h"

static bool is_size(const char *text)
{
	uint64_t number;

	return size_parse(text, &number) == 0;
}

static bool is_duration(const char *text)
{
	uint64_t number;

	return duration_parse(text, &number) == 0;
}

static bool is_limit(const char *text)
{
	uint64_t number;

	return text_equal(text, "infinity") || number_parse(text, &number) == 0;
}

/* three or four octal digits: 644, 0644, 4755; five with a leading 0 */
static bool is_mode(const char *text)
{
	size_t digits = strspn(text, "01234567");

	return text[digits] == '\0' && digits >= 3 &&
	       (digits <= 4 || (digits == 5 && *text == '0'));
}

static bool is_owner(const char *text)
{
	size_t user = strspn(text, "0123456789");
	size_t group = text[user] == ':' ? strspn(text + user + 1, "0123456789") : 0;

	return user && user <= 10 && group && group <= 10 && text[user + 1 + group] == '\0';
}

static bool is_sha256(const char *text)
{
	size_t digits = 0;

	while (isxdigit((unsigned char)text[digits]))
		digits++;
	return digits == 64 && text[digits] == '\0';
}

static bool is_path(const char *text)
{
	return *text == '/';
}

static bool is_after_one_of(const char *text, const char *const *prefixes)
{
	for (; *prefixes; prefixes++) {
		const char *rest = text_after(text, *prefixes);

		if (rest && *rest)
			return true;
	}
	return false;
}

static bool is_find(const char *text)
{
	enum find_kind kind;
	const char *value;

	return find_parse(text, &kind, &value);
}

static bool is_cow(const char *text)
{
	CLEANUP(cow_free) struct cow cow = COW_EMPTY;

	return cow_parse(text, &cow) == 0;
}

static bool is_ready(const char *text)
{
	static const char *const prefixes[] = { "unix:/", "docker:/", NULL };

	return is_after_one_of(text, prefixes);
}

static bool is_reason(const char *text)
{
	return text[strspn(text, " \t\n")] != '\0';
}

static bool is_share(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits && digits <= 3 && text_equal(text + digits, "%"))
		return text[0] != '0' && atoi(text) <= 100;
	return is_size(text) && *text != '0';
}

/* $ID$...$HASH of crypt(5), in the characters that it allows */
static bool is_crypt(const char *text)
{
	const char *last = strrchr(text, '$');

	return text[0] == '$' && last && last > text + 2 && strlen(last) > 20 &&
	       !strpbrk(text, " \t\n:;*!\\");
}

static bool is_count(const char *text)
{
	uint64_t number;

	return number_parse(text, &number) == 0 && number;
}

static bool is_port(const char *text)
{
	uint64_t number;

	return number_parse(text, &number) == 0 && number && number <= UINT16_MAX;
}

static bool is_signal(const char *text)
{
	return run_signal_parse(text, NULL) == 0;
}

static bool is_cpus(const char *text)
{
	return run_cpus_parse(text, NULL) == 0;
}

static bool is_network(const char *text)
{
	return run_network_parse(text, NULL, NULL) == 0;
}

static bool is_any(const char *text UNUSED)
{
	return true;
}

// clang-format off
static const struct form {
	enum schema_kind kind;
	bool (*is_good)(const char *text); /* NULL: no scalar, or looked at elsewhere */
	const char *expected;
} forms[] = {
	{ KIND_TEXT,	 is_any,	"text" },
	{ KIND_TEXTS,	 NULL,		"a list of text such as [a, b]" },
	{ KIND_FLAG,	 NULL,		"true" },
	{ KIND_SIZE,	 is_size,	"a size such as 512M or 2G" },
	{ KIND_DURATION, is_duration,	"a duration such as 10s, 250ms or 2m" },
	{ KIND_MODE,	 is_mode,	"an octal mode such as 0644" },
	{ KIND_LIMIT,	 is_limit,	"a number or infinity" },
	{ KIND_OWNER,	 is_owner,	"UID:GID such as 0:0" },
	{ KIND_SHA256,	 is_sha256,	"64 hexadecimal digits" },
	{ KIND_PATH,	 is_path,	"a path that begins with '/'" },
	{ KIND_FIND,	 is_find,	FIND_FORMS },
	{ KIND_COW,	 is_cow,	COW_FORMS },
	{ KIND_READY,	 is_ready,	"unix:/PATH or docker:/PATH" },
	{ KIND_SHARE,	 is_share,	"a size such as 64M, or a share of the memory such as 20%" },
	{ KIND_CRYPT,	 is_crypt,	"a hash of crypt(3) such as 'openssl passwd -6' prints" },
	{ KIND_COUNT,	 is_count,	"a number from 1" },
	{ KIND_PORT,	 is_port,	"a port from 1 to 65535" },
	{ KIND_SIGNAL,	 is_signal,	"a signal such as SIGTERM or SIGRTMIN+3" },
	{ KIND_CPUS,	 is_cpus,	"a number of CPUs such as 2 or 0.5" },
	{ KIND_NETWORK,	 is_network,	"host, private, veth, bridge=NAME or macvlan=INTERFACE" },
	{ KIND_USER,	 run_user_is_valid, "a user such as 1000, web or web:www-data" },
	{ KIND_REASON,	 is_reason,	"the reason, in words" },
	{ KIND_MAP,	 NULL,		"a map" },
};
// clang-format on

/* ---- words of a row ---- */

bool words_have(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; at && length && (at = strstr(at, word)); at += length)
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

void words_split(const char *words, struct strings *ret_words)
{
	for (const char *at = words; at && *at;) {
		size_t length = strcspn(at, " ");

		(void)strings_add_format(ret_words, "%.*s", (int)length, at);
		at += length + (at[length] == ' ');
	}
}

void schema_row_expected(struct text *text, const struct schema_row *row)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	const char *separator = "";

	words_split(row->words, &words);
	for (size_t i = 0; i < words.count; i++, separator = ", ")
		text_format(text, "%s'%s'", separator, words.items[i]);
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		if (row->kinds & forms[i].kind) {
			text_format(text, "%s%s", separator, forms[i].expected);
			separator = " or ";
		}
}

bool schema_row_takes(const struct schema_row *row, const struct value *value, const char *text)
{
	if (row->kinds & KIND_WORD && words_have(row->words, text))
		return true;
	if (row->kinds & KIND_FLAG && !value->is_quoted && text_equal(text, "true"))
		return true;
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		if (row->kinds & forms[i].kind && forms[i].is_good && forms[i].is_good(text))
			return true;
	return false;
}
