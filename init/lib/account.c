/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - who a program runs as (see account.h)
 *
 * In:    USER[:GROUP]; the texts of /etc/passwd and /etc/group
 * Out:   ids
 * Not:   reading the files; becoming that user (spawn.c). No NSS: a static program has none
 * Facts: passwd(5), group(5); OCI image-spec, config.md, "User": name or number, and with a name
 *        alone the groups that the user is in
 */
#include <errno.h>
#include <string.h>

#include "account.h"
#include "number.h"

#define FIELDS_MOST 7
#define ID_MOST INT32_MAX

/* one line, in pieces between its colons */
struct line {
	const char *starts[FIELDS_MOST];
	size_t lengths[FIELDS_MOST];
	size_t count;
};

void account_free(struct account *account)
{
	memory_free(&account->home);
}

/* the line at *@at, which moves behind it. Return: whether there was one */
static bool next_line(const char **at, struct line *line)
{
	const char *start = *at;
	size_t left = strcspn(start, "\n");

	if (!*start)
		return false;
	*at = start + left + (start[left] == '\n');
	for (line->count = 0; line->count < FIELDS_MOST; line->count++) {
		const char *colon = memchr(start, ':', left);
		size_t length = colon ? (size_t)(colon - start) : left;

		line->starts[line->count] = start;
		line->lengths[line->count] = length;
		if (!colon) {
			line->count++;
			break;
		}
		start += length + 1;
		left -= length + 1;
	}
	return true;
}

static bool is_field(const struct line *line, size_t index, const char *text)
{
	return index < line->count && strlen(text) == line->lengths[index] &&
	       memcmp(line->starts[index], text, line->lengths[index]) == 0;
}

/* Return: 0, -EINVAL: no number, -ERANGE */
static int parse_id(const char *text, uint32_t *ret_id)
{
	uint64_t number;
	int r = number_parse(text, &number);

	if (r < 0 || number > ID_MOST)
		return r < 0 ? r : -ERANGE;
	*ret_id = (uint32_t)number;
	return 0;
}

static int field_id(const struct line *line, size_t index, uint32_t *ret_id)
{
	char digits[12];

	if (index >= line->count || line->lengths[index] >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, line->starts[index], line->lengths[index]);
	digits[line->lengths[index]] = '\0';
	return parse_id(digits, ret_id);
}

/* @ret_name: of the line that was found, or NULL; the caller frees it */
static int find_user(const char *user, const char *passwd, struct account *account, char **ret_name)
{
	uint32_t wanted = 0, uid, gid;
	int number = parse_id(user, &wanted);
	struct line line;

	if (number == -ERANGE)
		return number;
	while (next_line(&passwd, &line)) {
		if (field_id(&line, 2, &uid) < 0 || field_id(&line, 3, &gid) < 0 ||
		    (number == 0 ? uid != wanted : !is_field(&line, 0, user)))
			continue;
		account->uid = uid;
		account->gid = gid;
		*ret_name = strndup(line.starts[0], line.lengths[0]);
		if (line.count > 5 && line.lengths[5])
			account->home = strndup(line.starts[5], line.lengths[5]);
		return *ret_name ? 0 : -ENOMEM;
	}
	if (number < 0)
		return -ENOENT;
	account->uid = wanted;
	return 0;
}

static bool has_member(const struct line *line, const char *name)
{
	const char *at = line->count > 3 ? line->starts[3] : "";
	const char *end = at + (line->count > 3 ? line->lengths[3] : 0);

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t length = (size_t)((comma ? comma : end) - at);

		if (length == strlen(name) && memcmp(at, name, length) == 0)
			return true;
		at += length + 1;
	}
	return false;
}

static int find_group(const char *name, const char *group, struct account *account)
{
	uint32_t wanted = 0, gid;
	int number = parse_id(name, &wanted);
	struct line line;

	if (number == 0) {
		account->gid = wanted;
		return 0;
	}
	while (number != -ERANGE && next_line(&group, &line))
		if (is_field(&line, 0, name) && field_id(&line, 2, &gid) == 0) {
			account->gid = gid;
			return 0;
		}
	return number == -ERANGE ? number : -ESRCH;
}

static void find_memberships(const char *name, const char *group, struct account *account)
{
	struct line line;
	uint32_t gid;

	while (next_line(&group, &line) && account->group_count + 1 < ACCOUNT_GROUPS_MOST)
		if (has_member(&line, name) && field_id(&line, 2, &gid) == 0)
			account->groups[account->group_count++] = gid;
}

/* one of the further ones, too: else who is not in that group could not be kept out of a file by it
 */
static void add_own_group(struct account *account)
{
	for (size_t i = 0; i < account->group_count; i++)
		if (account->groups[i] == account->gid)
			return;
	account->groups[account->group_count++] = account->gid;
}

int account_find(const char *user, const char *passwd, const char *group,
		 struct account *ret_account)
{
	CLEANUP(memory_free) char *copy = strdup(user);
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;
	char *colon = copy ? strchr(copy, ':') : NULL;
	int r = copy ? 0 : -ENOMEM;

	if (colon)
		*colon++ = '\0';
	if (r == 0 && (!*copy || (colon && !*colon)))
		r = -EINVAL;
	if (r == 0)
		r = find_user(copy, passwd, &account, &name);
	if (r == 0 && colon)
		r = find_group(colon, group, &account);
	if (r < 0)
		return r;
	if (!colon && name)
		find_memberships(name, group, &account);
	add_own_group(&account);
	*ret_account = account;
	account = ACCOUNT_ROOT;
	return 0;
}

const char *account_problem(int error)
{
	switch (error) {
	case -ENOENT:
		return "/etc/passwd has no such user; add it, or give a number";
	case -ESRCH:
		return "/etc/group has no such group; add it, or give a number";
	case -EINVAL:
		return "that is not USER or USER:GROUP";
	case -ERANGE:
		return "an id is at most 2147483647";
	default:
		return strerror(-error);
	}
}
