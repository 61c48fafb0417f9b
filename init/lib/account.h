/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h - who a program runs as, from a name and a root's own lists of users and groups
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "text.h"

#define ACCOUNT_GROUPS_MOST 256

struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_GROUPS_MOST]; /* all of them, its own at the end or where it stands */
	size_t group_count;
	char *home; /* NULL: not known */
};

#define ACCOUNT_ROOT ((struct account){ 0 })

void account_free(struct account *account);

/**
 * account_find() - what USER[:GROUP] means; quiet
 * @passwd, @group: the lists, untrusted, as passwd(5) and group(5) have them
 *
 * As containers have it: a number is always an id, and need not be in the lists; without :GROUP it
 * is the user's own group, or 0, besides the groups that have the user as a member.
 *
 * Return: 0; -ENOENT no such user; -ESRCH no such group; -EINVAL an empty name; -ERANGE an id over
 * 2^31 - 1; -ENOMEM
 */
int account_find(const char *user, const char *passwd, const char *group,
		 struct account *ret_account);

/** account_problem() - what an error of account_find() means: "/etc/passwd has no such user" */
const char *account_problem(int error);
