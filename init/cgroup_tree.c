/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_tree.c - cgroups by name: join, freeze, kill, wait, walk
 *
 * In:    names below the one cgroup v2 hierarchy
 * Out:   what was written to, and read from, their control files
 * Not:   mounting it (cgroups.c)
 * Facts: kernel Documentation/admin-guide/cgroup-v2.rst: cgroup.events wakes poll(2) with POLLPRI,
 *        cgroup.kill exists since 5.14, zombies do not count as "populated"
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "cgroup_tree.h"
#include "lib/file.h"
#include "lib/number.h"
#include "machine.h"

#define EVENTS_BYTES 256

/* a container whose manager keeps its cgroups to itself: everything in it ends with process 1 */
static bool is_without;

void cgroups_do_without(void)
{
	is_without = true;
}

static int cgroup_path(const char *name, const char *file, struct text *path)
{
	text_format(path, "%s/%s%s%s", CGROUP_ROOT, name ? name : "", file ? "/" : "",
		    file ? file : "");
	return path->failed ? -ENOMEM : 0;
}

int cgroup_write(const char *name, const char *file, const char *value)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = cgroup_path(name, file, &path);

	return r < 0 ? r : file_write_existing(AT_FDCWD, text_string(&path), value);
}

int cgroup_make(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = cgroup_path(name, NULL, &path);

	return r < 0 ? r : directory_make(text_string(&path), 0755);
}

int cgroup_join(const char *name)
{
	int r = is_without ? 0 : cgroup_make(name);

	return r < 0 || is_without ? r : cgroup_write(name, "cgroup.procs", "0");
}

int cgroup_events_read(int fd, const char *key)
{
	char content[EVENTS_BYTES];
	ssize_t length = pread(fd, content, sizeof(content) - 1, 0);
	char *rest = NULL;

	if (length < 0)
		return -errno;
	content[length] = '\0';
	for (char *line = strtok_r(content, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *value = text_after(line, key);

		if (value && value[0] == ' ')
			return value[1] - '0';
	}
	return -ENODATA;
}

int cgroup_events_open(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = cgroup_path(name, "cgroup.events", &path);

	if (r < 0)
		return r;
	r = open(text_string(&path), O_RDONLY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

int cgroup_event(const char *name, const char *key)
{
	CLEANUP(fd_close) int fd = cgroup_events_open(name);

	return fd < 0 ? fd : cgroup_events_read(fd, key);
}

int cgroup_wait(const char *name, const char *key, char value, uint64_t end_ms)
{
	CLEANUP(fd_close) int fd = cgroup_events_open(name);
	struct pollfd pollfd = { .fd = fd, .events = POLLPRI };

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (;;) {
		uint64_t now = clock_ms();
		int r = cgroup_events_read(fd, key);

		if (r == value - '0' || r == -ENODEV)
			return 0;
		if (r < 0)
			return r;
		if (now >= end_ms)
			return -ETIMEDOUT;
		(void)poll(&pollfd, 1, (int)(end_ms - now));
	}
}

int cgroup_children(const char *name, struct strings *ret_names)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *entry;
	int r = cgroup_path(name, NULL, &path);

	if (r < 0)
		return r;
	directory = opendir(text_string(&path));
	if (!directory)
		return -errno;
	while (r == 0 && (entry = readdir(directory)) != NULL)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = strings_add_format(ret_names, "%s%s%s", name ? name : "",
					       name ? "/" : "", entry->d_name);
	strings_sort(ret_names, false);
	return r;
}

void cgroup_processes(const char *name, void (*visit)(pid_t pid, void *context), void *context)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY, content = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings children = STRINGS_EMPTY;
	char *rest = NULL;

	if (cgroup_path(name, "cgroup.procs", &path) == 0 &&
	    file_read(AT_FDCWD, text_string(&path), 1 << 20, &content) == 0 && content.data)
		for (char *line = strtok_r(content.data, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			uint64_t pid;

			if (number_parse(line, &pid) == 0 && pid > 0 && pid <= INT32_MAX)
				visit((pid_t)pid, context);
		}
	(void)cgroup_children(name, &children);
	for (size_t i = 0; i < children.count; i++)
		cgroup_processes(children.items[i], visit, context);
}

static void kill_one(pid_t pid, void *context)
{
	(void)context;
	(void)kill(pid, SIGKILL);
}

int cgroup_kill(const char *name)
{
	int r = is_without ? 0 : cgroup_write(name, "cgroup.kill", "1");

	if (r != -ENOENT)
		return r;
	/* gone, or a kernel without cgroup.kill */
	cgroup_processes(name, kill_one, NULL);
	return 0;
}

bool cgroup_is_ours(const char *name)
{
	return text_equal(name, "init") || text_equal(name, "helper");
}

size_t cgroups_end(uint64_t end_ms)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	size_t left = 0;

	if (!is_without)
		(void)cgroup_children(NULL, &names);
	for (size_t i = 0; i < names.count; i++)
		if (!cgroup_is_ours(names.items[i]))
			(void)cgroup_kill(names.items[i]);
	for (size_t i = 0; i < names.count; i++)
		if (!cgroup_is_ours(names.items[i]) &&
		    cgroup_wait(names.items[i], "populated", '0', end_ms) < 0)
			left++;
	return left;
}
