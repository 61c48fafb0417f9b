/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_setup.c - cgroups as Docker needs them, of either version, also below somebody else's
 *
 * In:    /sys, what is mounted at CGROUP_ROOT already
 * Out:   hierarchies mounted; controllers passed on
 * Not:   what is wanted where (cgroups.c, dockerlaunch_cgroups.c), cgroups by name (cgroup_tree.c)
 * Facts: cgroups(7); docs/boot.md section 6; kernel Documentation/admin-guide/cgroup-v2.rst.
 *        cgroup.type exists in every cgroup but the kernel's root. cgroup.procs shows a process
 *        of another namespace as 0
 */
#include "cgroup_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "api_mounts.h"
#include "cgroup_tree.h"
#include "lib/file.h"

#define FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define TABLE_LINES 64
#define PROCESS_BYTES (1 << 20)
#define MOST_ROUNDS 16 /* of processes that appear while others move */

enum cgroup_kind cgroup_kind(void)
{
	struct statfs status;

	if (!is_mount_point(CGROUP_ROOT) || statfs(CGROUP_ROOT, &status) < 0)
		return CGROUP_NONE;
	return status.f_type == CGROUP2_SUPER_MAGIC ? CGROUP_V2 : CGROUP_V1;
}

/* ---- version 1 ---- */

/* "cpu" becomes "cpu,cpuacct" */
static int join(char **joined, const char *name)
{
	char *both;

	if (asprintf(&both, "%s,%s", *joined, name) < 0)
		return -ENOMEM;
	free(*joined);
	*joined = both;
	return 0;
}

int cgroup_hierarchies(const char *table, struct strings *ret_hierarchies)
{
	int ids[TABLE_LINES]; /* of each string that was added */
	size_t first = ret_hierarchies->count, count = 0;

	for (const char *line = table; line && *line;) {
		const char *end = strchr(line, '\n');
		int id, cgroups, enabled, r = 0;
		char name[32];
		size_t i = 0;

		if (count < TABLE_LINES &&
		    sscanf(line, "%31s %d %d %d", name, &id, &cgroups, &enabled) == 4 && id != 0 &&
		    enabled) {
			while (i < count && ids[i] != id)
				i++;
			if (i < count)
				r = join(&ret_hierarchies->items[first + i], name);
			else
				r = strings_add(ret_hierarchies, name);
			if (i == count)
				ids[count++] = id;
		}
		if (r < 0)
			return r;
		line = end ? end + 1 : NULL;
	}
	return 0;
}

/* the folder of a hierarchy; @length: of the part of its name that counts */
static int v1_path(const char *controllers, size_t length, struct text *path)
{
	text_add(path, CGROUP_ROOT "/");
	text_add_bytes(path, controllers, length);
	return path->failed ? -ENOMEM : 0;
}

bool cgroup_v1_is_mounted(const char *controllers)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	/* where several share one, it is a link to that */
	return v1_path(controllers, strcspn(controllers, ","), &path) == 0 &&
	       is_mount_point(text_string(&path));
}

int cgroup_v1_root(void)
{
	return mount("tmpfs", CGROUP_ROOT, "tmpfs", FLAGS, "mode=0755") < 0 ? -errno : 0;
}

int cgroup_v1_mount(const char *controllers)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = v1_path(controllers, strlen(controllers), &path);

	if (r == 0 && mkdir(text_string(&path), 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0 && mount("cgroup", text_string(&path), "cgroup", FLAGS, controllers) < 0) {
		r = -errno;
		(void)rmdir(text_string(&path));
	}
	if (r < 0 || !strchr(controllers, ','))
		return r;
	for (const char *name = controllers; *name;) {
		CLEANUP(text_free) struct text link = TEXT_EMPTY;
		size_t length = strcspn(name, ",");

		r = v1_path(name, length, &link);
		if (r < 0 || (symlink(controllers, text_string(&link)) < 0 && errno != EEXIST))
			return r < 0 ? r : -errno;
		name += length + (name[length] == ',');
	}
	return 0;
}

/* ---- version 2 ---- */

int cgroup_v2_mount(void)
{
	return mount("cgroup2", CGROUP_ROOT, "cgroup2", FLAGS, "nsdelegate") < 0 ? -errno : 0;
}

bool cgroup_is_nested(void)
{
	return faccessat(AT_FDCWD, CGROUP_ROOT "/cgroup.type", F_OK, 0) == 0;
}

int cgroup_type(char **ret_type)
{
	return file_read_line(AT_FDCWD, CGROUP_ROOT "/cgroup.type", ret_type);
}

bool cgroup_has_processes(void)
{
	CLEANUP(memory_free) char *line = NULL;

	return file_read_line(AT_FDCWD, CGROUP_ROOT "/cgroup.procs", &line) == 0 && *line;
}

/* Return: how many have moved, or a negative errno */
static int move_processes(const char *leaf)
{
	CLEANUP(text_free) struct text list = TEXT_EMPTY;
	char *rest = NULL;
	int moved = 0, r;

	r = file_read(AT_FDCWD, CGROUP_ROOT "/cgroup.procs", PROCESS_BYTES, &list);
	if (r < 0 || list.length == 0)
		return r;
	for (char *pid = strtok_r(list.data, "\n", &rest); pid; pid = strtok_r(NULL, "\n", &rest)) {
		r = text_equal(pid, "0") ? -EPERM : cgroup_write(leaf, "cgroup.procs", pid);
		if (r < 0 && r != -ESRCH)
			return r;
		moved += r == 0;
	}
	return moved;
}

int cgroup_leave_root(const char *leaf)
{
	int moved = 0, r = cgroup_make(leaf);

	for (int i = 0; r >= 0 && i < MOST_ROUNDS && cgroup_has_processes(); i++) {
		r = move_processes(leaf);
		moved += r > 0 ? r : 0;
	}
	return r < 0 ? r : moved;
}

/* a control file of words */
static int read_words(const char *path, struct strings *ret_words)
{
	CLEANUP(memory_free) char *line = NULL;
	char *rest = NULL;
	int r = file_read_line(AT_FDCWD, path, &line);

	for (char *word = r == 0 ? strtok_r(line, " ", &rest) : NULL; word && r == 0;
	     word = strtok_r(NULL, " ", &rest))
		r = strings_add(ret_words, word);
	return r;
}

int cgroup_controllers(struct strings *ret_all, struct strings *ret_enabled)
{
	int r = ret_all ? read_words(CGROUP_ROOT "/cgroup.controllers", ret_all) : 0;

	if (r == 0 && ret_enabled)
		r = read_words(CGROUP_ROOT "/cgroup.subtree_control", ret_enabled);
	return r;
}

int cgroup_enable(const char *controller)
{
	CLEANUP(text_free) struct text word = TEXT_EMPTY;

	text_format(&word, "+%s", controller);
	return word.failed ? -ENOMEM
			   : file_write_existing(AT_FDCWD, CGROUP_ROOT "/cgroup.subtree_control",
						 text_string(&word));
}
