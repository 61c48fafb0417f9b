/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.c - mkinitrd's own part of an image: init, agent, applets, the layout every init needs
 *
 * In:    the folder of our programs on this host
 * Out:   entries, wanted by the builder itself
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "resolve_path.h"
#include "tools.h"

#define RELATION "part of every image"

/* @of: the key below "boot:" with which alone it is there; NULL: always */
struct tool_row {
	const char *path;
	enum entry_type type;
	mode_t mode;
	const char *content; /* files: name in the tools folder; symlinks: target */
	const char *of;
};

/* Paths follow the root's layout (usr/sbin may be a link there), as all others in the image. */
// clang-format off
static const struct tool_row tool_rows[] = {
	{ "/dev",			      ENTRY_DIRECTORY, 0755,  NULL, NULL },
	{ "/etc/docker",		      ENTRY_DIRECTORY, 0755,  NULL, NULL },
	{ "/init",			      ENTRY_FILE,      0755,  "init", NULL },
	{ "/proc",			      ENTRY_DIRECTORY, 0555,  NULL, NULL },
	{ "/root",			      ENTRY_DIRECTORY, 0700,  NULL, NULL },
	{ "/run",			      ENTRY_DIRECTORY, 0755,  NULL, NULL },
	{ "/sys",			      ENTRY_DIRECTORY, 0555,  NULL, NULL },
	{ "/tmp",			      ENTRY_DIRECTORY, 01777, NULL, NULL },
	{ "/usr/lib/mkinitrd/agent",	      ENTRY_FILE,      0755,  "agent", NULL },
	{ "/usr/lib/mkinitrd/bundle",	      ENTRY_FILE,      0755,  "bundle", "bundle" },
	{ "/usr/lib/mkinitrd/udhcpc-script",  ENTRY_SYMLINK,   0777,  "/init", NULL },
	{ "/usr/lib/mkinitrd/sntp",           ENTRY_SYMLINK,   0777,  "/init", NULL },
	{ "/usr/sbin/boot-times",	      ENTRY_SYMLINK,   0777,  "/init", NULL },
	{ "/usr/sbin/halt",		      ENTRY_SYMLINK,   0777,  "/init", NULL },
	{ "/usr/sbin/poweroff",		      ENTRY_SYMLINK,   0777,  "/init", NULL },
	{ "/usr/sbin/reboot",		      ENTRY_SYMLINK,   0777,  "/init", NULL },
	{ "/var/lib",			      ENTRY_DIRECTORY, 0755,  NULL, NULL },
	{ "/var/run",			      ENTRY_SYMLINK,   0777,  "../run", NULL },
};
// clang-format on

int tools_folder(char **ret_folder)
{
	char executable[4096];
	ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	CLEANUP(text_free) struct text probe = TEXT_EMPTY;
	char *slash;

	if (length < 0)
		return -errno;
	executable[length] = '\0';
	slash = strrchr(executable, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	text_format(&probe, "%s/../lib/mkinitrd/init", executable);
	if (access(text_string(&probe), F_OK) == 0)
		text_format(&folder, "%s/../lib/mkinitrd", executable);
	else
		text_add(&folder, executable);
	return text_take(&folder, ret_folder);
}

int tools_open(void)
{
	CLEANUP(memory_free) char *folder = NULL;
	int r = tools_folder(&folder);
	int fd;

	if (r < 0 || !folder)
		return fail(r, "cannot find mkinitrd's own folder");
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(-errno, "cannot open mkinitrd's own folder '%s'", folder) : fd;
}

/* whether the tree that is the root has its own there, which stays: folders and links. But where
 * init runs main itself, it is also who powers off. */
static bool tree_has_own(const struct resolve *resolve, const struct tool_row *row,
			 const char *path)
{
	const struct entry *entry = manifest_find(resolve->manifest, path);
	bool is_ours = row->type == ENTRY_SYMLINK && text_equal(row->content, "/init") &&
		       value_get(resolve->profile->root, "boot", "main", NULL);

	return entry && entry->is_tree && !is_ours &&
	       (row->type == ENTRY_SYMLINK ||
		(row->type == ENTRY_DIRECTORY && entry->type == ENTRY_SYMLINK));
}

static int tool_add(struct resolve *resolve, int folder_fd, const struct tool_row *row)
{
	CLEANUP(memory_free) char *path = NULL;
	struct addition addition = {
		.type = row->type,
		.mode = row->mode,
		.source = { .directory_fd = -1 },
		.relation = RELATION,
	};
	struct entry *entry;
	struct stat status;
	int r = resolve_place(resolve, row->path, RELATION, &(struct origin){ 0 }, &path);

	if (r < 0)
		return r;
	if (tree_has_own(resolve, row, path))
		return 0;
	addition.path = path;
	if (row->type == ENTRY_SYMLINK) {
		addition.target = row->content;
	} else if (row->content) {
		addition.source.kind = SOURCE_TOOL;
		addition.source.directory_fd = folder_fd;
		addition.source.path = strdup(row->content);
		if (!addition.source.path)
			return -ENOMEM;
	}
	entry = manifest_find(resolve->manifest, path);
	if (entry && entry->is_tree && !entry->is_named && row->type == ENTRY_SYMLINK)
		r = manifest_replace(resolve->manifest, &addition, &entry);
	else
		r = manifest_add(resolve->manifest, &addition, &entry);
	free(addition.source.path);
	if (r < 0)
		return r;
	if (entry->source.kind == SOURCE_TOOL && fstatat(folder_fd, row->content, &status, 0) == 0)
		entry->size = (uint64_t)status.st_size;
	return 0;
}

int tools_add(struct resolve *resolve, int folder_fd)
{
	for (size_t i = 0; i < COUNT_OF(tool_rows); i++) {
		int r;

		if (tool_rows[i].of &&
		    !(resolve->profile &&
		      value_get(resolve->profile->root, "boot", tool_rows[i].of, NULL)))
			continue;
		if (tool_rows[i].type == ENTRY_FILE &&
		    faccessat(folder_fd, tool_rows[i].content, R_OK, 0) < 0)
			return fail(-errno, "mkinitrd's own '%s' is not where it was installed",
				    tool_rows[i].content);
		r = tool_add(resolve, folder_fd, &tool_rows[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int tools_program(struct resolve *resolve, const char *name, const struct want *want,
		  char **ret_path)
{
	static const struct {
		const char *name, *path;
	} rows[] = { { "dockerlaunch", "/usr/bin/dockerlaunch" } };
	CLEANUP(memory_free) char *place = NULL;
	struct addition addition = { .type = ENTRY_FILE, .mode = 0755 };
	struct entry *entry = NULL;
	struct stat status;
	size_t i = 0;
	int r;

	while (i < COUNT_OF(rows) && !text_equal(rows[i].name, name))
		i++;
	if (i == COUNT_OF(rows) || !resolve->tools_fd ||
	    fstatat(*resolve->tools_fd, name, &status, 0) < 0)
		return -ENOENT;
	r = resolve_place(resolve, rows[i].path, want->relation, &want->at, &place);
	if (r < 0)
		return r;
	addition.path = place;
	addition.source.kind = SOURCE_TOOL;
	addition.source.directory_fd = *resolve->tools_fd;
	addition.source.path = strdup(name);
	if (!addition.source.path)
		return fail(-ENOMEM, "cannot add '%s'", name);
	r = want_add(resolve, want, &addition, &entry);
	free(addition.source.path);
	if (r < 0)
		return r;
	entry->size = (uint64_t)status.st_size;
	if (ret_path && asprintf(ret_path, "%s", rows[i].path) < 0)
		return fail(-ENOMEM, "cannot add '%s'", name);
	return 0;
}
