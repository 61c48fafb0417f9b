/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_files.c - permissions, owners, symlinks and secrets of an image
 *
 * In:    the tree
 * Out:   findings
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "../init/lib/number.h"

static void check_mode(struct check *check, const struct tree_node *node)
{
	bool is_sticky = S_ISDIR(node->mode) && node->mode & S_ISVTX;

	if (S_ISREG(node->mode) && node->mode & (S_ISUID | S_ISGID) && node->mode & 0111)
		check_find(check, CHECK_SETUID, node->path,
			   "runs as %s %u whoever starts it (mode %04o); take the bit away (files: "
			   "mode:), "
			   "or accept it",
			   node->mode & S_ISUID ? "user" : "group",
			   node->mode & S_ISUID ? node->uid : node->gid,
			   (unsigned)node->mode & 07777);
	if ((S_ISREG(node->mode) || S_ISDIR(node->mode)) && node->mode & 0002 && !is_sticky)
		check_find(check, CHECK_WORLD_WRITABLE, node->path,
			   "every user may write to it (mode %04o); take the bit away (files: "
			   "mode:)%s",
			   (unsigned)node->mode & 07777,
			   S_ISDIR(node->mode) ? ", or set the sticky bit" : "");
}

static void check_link(struct check *check, const struct tree_node *node)
{
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	int r = image_tree_target(&check->tree, node, &place, NULL);

	if (r == -ENOMEM)
		check->is_short_of_memory = true;
	else if (r == -ELOOP)
		check_find(check, CHECK_SYMLINK_LOOP, node->path,
			   "leads to '%s' and in the end back to itself; mend it in the root",
			   node->target);
	else if (r == 0 && !check_is_runtime(text_string(&place)) &&
		 !check_is_beside(check, node->path))
		check_find(check, CHECK_DANGLING_SYMLINK, node->path,
			   "leads to '%s', which is not in the image; add that, drop the link, or "
			   "accept "
			   "it when the running machine makes the target",
			   node->target);
}

static void check_key(struct check *check, const struct tree_node *node, bool *has_key)
{
	const struct check_facts *facts = check_facts(node);

	if (!facts || !facts->is_key)
		return;
	*has_key = true;
	if (node->mode & 0077)
		check_find(
			check, CHECK_KEY_READABLE, node->path,
			"holds secrets, and others than its owner may read it (mode %04o); give it "
			"mode 0600 (files: mode:)",
			(unsigned)node->mode & 07777);
}

static void check_image_mode(struct check *check)
{
	struct stat status;

	if (stat(check->image, &status) == 0 && status.st_mode & 0044)
		check_find(check, CHECK_IMAGE_READABLE, check->image,
			   "has mode %04o and holds private keys; chmod 600 it",
			   (unsigned)status.st_mode & 07777);
}

/* ---- owners ---- */

/* whether the file @text of lines "name:password:ID:..." has @id */
static bool has_id(const char *text, uint32_t id)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		CLEANUP(memory_free) char *field = NULL;
		const char *at;
		uint64_t number;
		size_t length;

		line += *line == '\n';
		length = strcspn(line, "\n");
		at = memchr(line, ':', length);
		at = at ? memchr(at + 1, ':', length - (size_t)(at + 1 - line)) : NULL;
		field = at ? strndup(at + 1, strcspn(at + 1, ":\n")) : NULL;
		if (field && number_parse(field, &number) == 0 && number == id)
			return true;
	}
	return false;
}

static void check_owner(struct check *check, const struct tree_node *node, const char *users,
			const char *groups)
{
	bool has_user = node->uid == 0 || !*users || has_id(users, node->uid);
	bool has_group = node->gid == 0 || !*groups || has_id(groups, node->gid);

	if (!has_user || !has_group)
		check_find(check, CHECK_OWNER_UNKNOWN, node->path,
			   "belongs to %s %u, which the image's /etc/%s does not have; add a line "
			   "there, "
			   "or give the file another owner (files: owner:)",
			   has_user ? "group" : "user", has_user ? node->gid : node->uid,
			   has_user ? "group" : "passwd");
}

void check_files(struct check *check)
{
	size_t length;
	const char *users = check_text(check, "etc/passwd", &length);
	const char *groups = check_text(check, "etc/group", &length);
	bool has_key = false;

	for (size_t i = 0; i < check->tree.count; i++) {
		const struct tree_node *node = check->tree.nodes[i];

		check_mode(check, node);
		check_owner(check, node, users, groups);
		if (S_ISLNK(node->mode))
			check_link(check, node);
		if (S_ISREG(node->mode))
			check_key(check, node, &has_key);
	}
	if (has_key)
		check_image_mode(check);
}
