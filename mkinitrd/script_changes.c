/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_changes.c - what scripts have changed: noted beside them, read where the manifest is
 *
 * In:    a tree before and after a script: changed is what has another inode number, time of
 * change, size, owner, mode or attribute Out:   a line of JSON for each change, new contents in the
 * spool; from those lines, the manifest as it is then, each change with the script that made it
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fail.h"
#include "manifest_json.h"
#include "resolve_trees.h"
#include "script_changes.h"
#include "../init/lib/file.h"

/* ---- beside the scripts ---- */

static const struct {
	mode_t mode;
	enum entry_type type;
} types[] = {
	{ S_IFREG, ENTRY_FILE },      { S_IFDIR, ENTRY_DIRECTORY }, { S_IFLNK, ENTRY_SYMLINK },
	{ S_IFCHR, ENTRY_CHARACTER }, { S_IFBLK, ENTRY_BLOCK },     { S_IFIFO, ENTRY_FIFO },
};

static int put_line(const struct scripts_run *run, json_t *json)
{
	CLEANUP(memory_free) char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int r = line ? file_write_fd(run->results_fd, line, strlen(line)) : -ENOMEM;

	json_decref(json);
	return r < 0 ? r : file_write_fd(run->results_fd, "\n", 1);
}

static bool is_same_content(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* what a script has written, into the spool */
static int keep_content(const struct scripts_run *run, const struct sight *sight, json_t *json)
{
	struct spool *spool = &run->resolve->foreign->spool;
	CLEANUP(fd_close) int from = layout_open(run->folder_fd, sight->path, O_RDONLY);
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(fd_close) int to = from < 0 ? from : spool_file(spool, &name);
	char bytes[65536];
	uint64_t offset = 0;
	ssize_t count;
	int r = to < 0 ? to : 0;

	while (r == 0 && (count = read(from, bytes, sizeof(bytes))) != 0) {
		r = count < 0 ? -errno : spool_write(spool, to, bytes, (size_t)count, offset);
		offset += count < 0 ? 0 : (uint64_t)count;
	}
	if (r == 0 && json_object_set_new(json, "stored", json_string(name)) < 0)
		r = -ENOMEM;
	return r;
}

/* one line about what is new or changed; @before NULL: new */
static int put_change(const struct scripts_run *run, size_t index, const struct sight *before,
		      const struct sight *now)
{
	const struct stat *status = &now->status;
	bool is_new = !before || (before->status.st_mode & S_IFMT) != (status->st_mode & S_IFMT);
	bool is_owner_new = is_new || before->status.st_uid != status->st_uid ||
			    before->status.st_gid != status->st_gid;
	CLEANUP(memory_free) char *target = NULL;
	size_t type = 0;
	json_t *json;
	int r = 0;

	while (type < COUNT_OF(types) && types[type].mode != (status->st_mode & S_IFMT))
		type++;
	if (type == COUNT_OF(types))
		return 0; /* a socket */
	json = json_pack("{s:I,s:s,s:I,s:I,s:I,s:I}", "script", (json_int_t)index, "path",
			 now->path, "type", (json_int_t)types[type].type, "mode",
			 (json_int_t)(status->st_mode & 07777), "size", (json_int_t)status->st_size,
			 "device", (json_int_t)status->st_rdev);
	if (!json)
		return -EILSEQ;
	if (is_owner_new)
		r = json_object_set_new(
			json, "owner",
			json_pack("[I,I]", (json_int_t)status->st_uid, (json_int_t)status->st_gid));
	if (r == 0 && (is_new || !xattrs_equal(&before->xattrs, &now->xattrs)))
		r = json_object_set_new(json, "xattrs", xattrs_to_json(&now->xattrs));
	if (r == 0 && S_ISREG(status->st_mode) && status->st_nlink > 1)
		r = json_object_set_new(json, "inode", json_integer((json_int_t)status->st_ino));
	if (r == 0 && S_ISLNK(status->st_mode)) {
		r = layout_target(run->folder_fd, now->path, &target);
		if (r == 0)
			r = json_object_set_new(json, "target", json_string(target));
	}
	if (r == 0 && S_ISREG(status->st_mode) &&
	    (is_new || !is_same_content(&before->status, status)))
		r = keep_content(run, now, json);
	if (r < 0) {
		json_decref(json);
		return r == -1 ? -ENOMEM : r;
	}
	return put_line(run, json);
}

static bool is_changed(const struct sight *a, const struct sight *b)
{
	if (a->status.st_mode != b->status.st_mode || a->status.st_uid != b->status.st_uid ||
	    a->status.st_gid != b->status.st_gid || !xattrs_equal(&a->xattrs, &b->xattrs))
		return true;
	if (S_ISDIR(a->status.st_mode))
		return false; /* what is in it has lines of its own */
	return !is_same_content(&a->status, &b->status) || a->status.st_nlink != b->status.st_nlink;
}

int script_changes_put(const struct scripts_run *run, size_t index, const struct sights *before,
		       const struct sights *now)
{
	size_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < before->count || j < now->count)) {
		int order = i == before->count ? 1
			    : j == now->count  ? -1
					       : strcmp(before->items[i].path, now->items[j].path);

		if (order < 0)
			r = put_line(run, json_pack("{s:I,s:s,s:b}", "script", (json_int_t)index,
						    "path", before->items[i].path, "gone", 1));
		else if (order > 0)
			r = put_change(run, index, NULL, &now->items[j]);
		else if (is_changed(&before->items[i], &now->items[j]))
			r = put_change(run, index, &before->items[i], &now->items[j]);
		i += order <= 0;
		j += order >= 0;
	}
	return r < 0 ? fail(r, "cannot note what the script '%s' has changed",
			    run->wishes[index].script.name)
		     : 0;
}

/* ---- where the manifest is ---- */

/* who had it before: "tree 'base'", in the words of the first reason */
static void describe_before(const struct entry *entry, struct text *relation)
{
	if (!entry || entry->reason_count == 0)
		return;
	text_add(relation, ", over ");
	text_add(relation, entry->reasons[0].relation);
}

static int take_xattrs(const json_t *json, struct xattrs *xattrs)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		const char *hex = json_string_value(value);
		size_t size = strlen(hex) / 2;
		CLEANUP(memory_free) unsigned char *bytes = malloc(size + 1);

		for (size_t i = 0; bytes && i < size; i++) {
			unsigned byte = 0;

			(void)sscanf(hex + 2 * i, "%2x", &byte);
			bytes[i] = (unsigned char)byte;
		}
		if (r == 0)
			r = bytes ? xattrs_set(xattrs, name, bytes, size) : -ENOMEM;
	}
	return r;
}

/* the number of the group of hard links that an inode of the scratch folder is */
static int take_group(struct resolve *resolve, struct path_map *groups, const json_t *inode,
		      uint32_t *ret_group)
{
	char key[32];
	void *known;

	if (!inode)
		return 0;
	(void)snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(inode));
	known = path_map_get(groups, key);
	*ret_group = known ? (uint32_t)(uintptr_t)known : ++resolve->foreign->groups;
	return known ? 0 : path_map_put(groups, key, (void *)(uintptr_t)*ret_group, NULL);
}

/* content: the script's, or what was there */
static void take_source(const struct scripts_run *run, const char *label, const char *stored,
			const struct entry *entry, struct addition *addition)
{
	if (!stored && entry && entry->type == ENTRY_FILE) {
		addition->source = entry->source;
		if (entry->source.bytes)
			addition->source.bytes =
				strndup(entry->source.bytes, entry->source.byte_count);
		return;
	}
	addition->source.kind = SOURCE_TREE;
	addition->source.directory_fd = run->resolve->foreign->spool.fd;
	addition->source.path = (char *)(uintptr_t)label;
	addition->source.stored = (char *)(uintptr_t)stored;
}

static int take_change(const struct scripts_run *run, struct path_map *groups, const json_t *json,
		       const struct script_wish *wish)
{
	const char *path = json_string_value(json_object_get(json, "path"));
	const struct entry *entry = manifest_find(run->resolve->manifest, path);
	const json_t *owner = json_object_get(json, "owner");
	const json_t *attributes = json_object_get(json, "xattrs");
	dev_t device = (dev_t)json_integer_value(json_object_get(json, "device"));
	CLEANUP(xattrs_free) struct xattrs xattrs = XATTRS_EMPTY;
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	struct addition addition = {
		.path = path,
		.type = (enum entry_type)json_integer_value(json_object_get(json, "type")),
		.mode = (mode_t)json_integer_value(json_object_get(json, "mode")),
		.target = json_string_value(json_object_get(json, "target")),
		.is_tree = true,
		.is_named = entry && entry->is_named,
		.source.directory_fd = -1,
		.at = wish->at,
	};
	struct entry *changed = NULL;
	int r;

	resolve_relation(&relation, "script", wish->script.name, wish->value);
	describe_before(entry, &relation);
	text_format(&label, "%s:%s", wish->script.name, path);
	addition.relation = text_string(&relation);
	if (addition.type == ENTRY_CHARACTER || addition.type == ENTRY_BLOCK) {
		addition.device_major = major(device);
		addition.device_minor = minor(device);
	}
	addition.uid = owner   ? (uint32_t)json_integer_value(json_array_get(owner, 0))
		       : entry ? entry->uid
			       : 0;
	addition.gid = owner   ? (uint32_t)json_integer_value(json_array_get(owner, 1))
		       : entry ? entry->gid
			       : 0;
	r = take_group(run->resolve, groups, json_object_get(json, "inode"), &addition.link_group);
	if (r == 0)
		r = attributes ? take_xattrs(attributes, &xattrs)
		    : entry    ? xattrs_copy(&entry->xattrs, &xattrs)
			       : 0;
	addition.xattrs = xattrs;
	if (r == 0 && addition.type == ENTRY_FILE)
		take_source(run, text_string(&label),
			    json_string_value(json_object_get(json, "stored")), entry, &addition);
	r = r < 0 ? fail(r, "cannot note '%s'", path)
		  : manifest_replace(run->resolve->manifest, &addition, &changed);
	if (r == 0 && changed && changed->type == ENTRY_FILE)
		changed->size = (uint64_t)json_integer_value(json_object_get(json, "size"));
	return r;
}

static bool is_gone(const struct entry *entry, void *context)
{
	return path_map_get(context, entry->path) != NULL;
}

/* what is gone goes before the next one's changes */
int script_changes_take(const struct scripts_run *run, FILE *results)
{
	struct path_map groups = { 0 };
	CLEANUP(memory_free) char *line = NULL;
	size_t allocated = 0;
	ssize_t length;
	int r = 0;

	while (r == 0 && (length = getline(&line, &allocated, results)) > 0) {
		json_t *json = json_loadb(line, (size_t)length, 0, NULL);
		size_t index = (size_t)json_integer_value(json_object_get(json, "script"));

		if (!json || index >= run->count) {
			r = fail(-ENOMEM, "cannot read what scripts have changed");
		} else if (json_object_get(json, "gone")) {
			struct path_map gone = { 0 };

			r = path_map_put(&gone, json_string_value(json_object_get(json, "path")),
					 &gone, NULL);
			manifest_drop(run->resolve->manifest, is_gone, &gone);
			path_map_free(&gone);
		} else {
			r = take_change(run, &groups, json, &run->wishes[index]);
		}
		json_decref(json);
	}
	path_map_free(&groups);
	return r;
}
