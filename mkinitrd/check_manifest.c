/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_manifest.c - the image against its own manifest
 *
 * In:    the tree, the manifest that lies in it
 * Out:   findings; the manifest for all who say who wanted a path
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static int manifest_open(struct check *check)
{
	CLEANUP(memory_free) char *why = NULL;
	const char *text;
	size_t length;
	int r;

	if (!image_tree_find(&check->tree, MANIFEST_PATH)) {
		check_note(check, "the image has no manifest: it was not made by mkinitrd, so its "
				  "content is compared with nothing");
		return -ENOENT;
	}
	text = check_text(check, MANIFEST_PATH, &length);
	r = manifest_from_json(text, length, &check->manifest, &check->manifest_release,
			       &check->profile, &why);
	if (r == -ENOMEM)
		check->is_short_of_memory = true;
	else if (r < 0)
		check_find(check, CHECK_MANIFEST_BROKEN, MANIFEST_PATH,
			   "cannot be read (%s), so the content is compared with nothing; build "
			   "the image "
			   "again",
			   why ? why : strerror(-r));
	return r;
}

static bool compare_type(struct check *check, const struct entry *entry,
			 const struct tree_node *node)
{
	static const struct {
		mode_t mode;
		const char *name;
	} types[] = {
		[ENTRY_FILE] = { S_IFREG, "file" },
		[ENTRY_DIRECTORY] = { S_IFDIR, "directory" },
		[ENTRY_SYMLINK] = { S_IFLNK, "symlink" },
		[ENTRY_CHARACTER] = { S_IFCHR, "character device" },
		[ENTRY_BLOCK] = { S_IFBLK, "block device" },
		[ENTRY_FIFO] = { S_IFIFO, "fifo" },
	};
	bool is_right = (node->mode & S_IFMT) == types[entry->type].mode;

	if (!is_right)
		check_find(check, CHECK_ENTRY_TYPE, entry->path,
			   "should be a %s and is of another type; build the image again",
			   types[entry->type].name);
	return is_right;
}

static void compare(struct check *check, const struct entry *entry, const struct tree_node *node)
{
	const struct tree_node *content = node->content;

	if (!compare_type(check, entry, node))
		return;
	if (entry->type != ENTRY_SYMLINK && (node->mode & 07777) != entry->mode)
		check_find(check, CHECK_ENTRY_MODE, entry->path,
			   "has mode %04o and should have %04o; build the image again",
			   (unsigned)node->mode & 07777, (unsigned)entry->mode);
	if (entry->capabilities && !node->is_in_squashfs)
		check_find(
			check, CHECK_CAPABILITY_LOST, entry->path,
			"had the capabilities %s in the root, which the image cannot keep: users "
			"other than root lack them; accept that, or set its bits (files: mode:)",
			entry->capabilities);
	if (node->uid != entry->uid || node->gid != entry->gid)
		check_find(check, CHECK_ENTRY_OWNER, entry->path,
			   "belongs to %u:%u and should to %u:%u; build the image again", node->uid,
			   node->gid, entry->uid, entry->gid);
	if (entry->type == ENTRY_SYMLINK && !text_equal(node->target, entry->target))
		check_find(check, CHECK_ENTRY_TARGET, entry->path,
			   "leads to '%s' and should to '%s'; build the image again", node->target,
			   entry->target);
	if (entry->type != ENTRY_FILE || !entry->is_hashed)
		return;
	if (content->size != entry->size)
		check_find(check, CHECK_ENTRY_SIZE, entry->path,
			   "has %llu bytes and should have %llu; build the image again",
			   (unsigned long long)content->size, (unsigned long long)entry->size);
	else if (memcmp(content->sha256, entry->sha256, SHA256_SIZE) != 0)
		check_find(check, CHECK_ENTRY_CONTENT, entry->path,
			   "has other content than was packed (SHA-256 differs); build the image "
			   "again");
}

/* the writer's last two entries */
static void check_last(struct check *check)
{
	const struct tree_node *complete = image_tree_find(&check->tree, COMPLETE_PATH);
	const struct tree_node *manifest = image_tree_find(&check->tree, MANIFEST_PATH);

	if (!complete || !S_ISREG(complete->mode))
		check_find(
			check, CHECK_COMPLETE_MISSING, COMPLETE_PATH,
			"is missing: init takes the image for cut off, and stops; build it again");
	else if (complete->order + 1 != check->tree.entries ||
		 (manifest && manifest->order + 2 != check->tree.entries))
		check_find(check, CHECK_COMPLETE_MISSING, COMPLETE_PATH,
			   "is not the last entry after the manifest, so that it does not show "
			   "that all "
			   "was unpacked; build the image again");
}

/* the file that carries it; with a hash tree behind it, its beginning was compared entry by entry
 */
static void check_squashfs(struct check *check)
{
	const struct manifest_squashfs *record = manifest_squashfs(check->manifest);
	const struct tree_node *node = image_tree_find(&check->tree, SQUASHFS_NAME);

	if (!record || record->is_beside)
		return;
	if (!node)
		check_find(check, CHECK_ENTRY_MISSING, SQUASHFS_NAME,
			   "is in the manifest and not in the image; build the image again");
	else if (!record->has_root_hash && (node->size != record->size ||
					    memcmp(node->sha256, record->sha256, SHA256_SIZE) != 0))
		check_find(check, CHECK_ENTRY_CONTENT, SQUASHFS_NAME,
			   "has other content than was packed (SHA-256 differs); build the image "
			   "again");
}

static void check_unlisted(struct check *check)
{
	const struct manifest_squashfs *record = manifest_squashfs(check->manifest);
	bool carries = record && !record->is_beside;

	for (size_t i = 0; i < check->tree.count; i++) {
		const struct tree_node *node = check->tree.nodes[i];

		if ((carries && text_equal(node->path, SQUASHFS_NAME)) ||
		    text_equal(node->path, MANIFEST_PATH) ||
		    text_equal(node->path, COMPLETE_PATH) || check_leads_out(node->path) ||
		    manifest_find(check->manifest, node->path))
			continue;
		check_find(check, CHECK_ENTRY_UNLISTED, node->path,
			   "is not in the manifest: who put it there is not known; add it by a "
			   "profile");
	}
}

void check_manifest(struct check *check)
{
	int r = manifest_open(check);
	bool is_whole;

	if (r == -ENOENT)
		return;
	check_last(check);
	if (r < 0)
		return;
	is_whole = !manifest_squashfs(check->manifest) ||
		   !manifest_squashfs(check->manifest)->is_beside;
	if (!is_whole)
		check_note(check, "the SquashFS of the image is a file beside it, and is compared "
				  "with nothing");
	for (size_t i = 0; i < manifest_count(check->manifest); i++) {
		const struct entry *entry = manifest_at(check->manifest, i);
		const struct tree_node *node = image_tree_find(&check->tree, entry->path);

		if (node)
			compare(check, entry, node);
		else if (is_whole)
			check_find(
				check, CHECK_ENTRY_MISSING, entry->path,
				"is in the manifest and not in the image; build the image again");
	}
	check_squashfs(check);
	check_unlisted(check);
}
