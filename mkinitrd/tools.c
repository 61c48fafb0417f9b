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
#include "tools.h"

#define RELATION "part of every image"

struct tool_row {
	const char *path;
	enum entry_type type;
	mode_t mode;
	const char *content; /* files: name in the tools folder; symlinks: target */
};

/* Paths follow the root's layout (usr/sbin may be a link there), as all others in the image. */
// clang-format off
static const struct tool_row tool_rows[] = {
	{ "/dev",			      ENTRY_DIRECTORY, 0755,  NULL },
	{ "/etc/docker",		      ENTRY_DIRECTORY, 0755,  NULL },
	{ "/init",			      ENTRY_FILE,      0755,  "init" },
	{ "/proc",			      ENTRY_DIRECTORY, 0555,  NULL },
	{ "/root",			      ENTRY_DIRECTORY, 0700,  NULL },
	{ "/run",			      ENTRY_DIRECTORY, 0755,  NULL },
	{ "/sys",			      ENTRY_DIRECTORY, 0555,  NULL },
	{ "/tmp",			      ENTRY_DIRECTORY, 01777, NULL },
	{ "/usr/lib/mkinitrd/agent",	      ENTRY_FILE,      0755,  "agent" },
	{ "/usr/lib/mkinitrd/udhcpc-script",  ENTRY_SYMLINK,   0777,  "/init" },
	{ "/usr/lib/mkinitrd/sntp",           ENTRY_SYMLINK,   0777,  "/init" },
	{ "/usr/sbin/boot-times",	      ENTRY_SYMLINK,   0777,  "/init" },
	{ "/usr/sbin/halt",		      ENTRY_SYMLINK,   0777,  "/init" },
	{ "/usr/sbin/poweroff",		      ENTRY_SYMLINK,   0777,  "/init" },
	{ "/usr/sbin/reboot",		      ENTRY_SYMLINK,   0777,  "/init" },
	{ "/var/lib",			      ENTRY_DIRECTORY, 0755,  NULL },
	{ "/var/run",			      ENTRY_SYMLINK,   0777,  "../run" },
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
