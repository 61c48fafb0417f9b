/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_world.c - a process that is root in a user namespace (see script_world.h)
 *
 * In:    nothing
 * Out:   a child
 * Facts: user_namespaces(7): who writes the maps, setgroups before gid_map; subuid(5): lines of
 *        USER:FIRST:COUNT, the user by name or number; newuidmap(1)
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>

#include "fail.h"
#include "process.h"
#include "script_world.h"
#include "../init/lib/file.h"

#define MAP_MOST ((size_t)64 << 10)

static int write_map(pid_t pid, const char *name, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return file_write_existing(AT_FDCWD, path, text);
}

/* every id that we have is itself there, too */
static int map_all(pid_t pid, const char *name)
{
	CLEANUP(text_free) struct text ours = TEXT_EMPTY;
	CLEANUP(text_free) struct text map = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	unsigned inside, outside, count;
	int used, r;

	text_format(&path, "/proc/self/%s", name);
	r = file_read(AT_FDCWD, text_string(&path), MAP_MOST, &ours);
	for (const char *at = text_string(&ours);
	     r == 0 && sscanf(at, "%u %u %u%n", &inside, &outside, &count, &used) == 3; at += used)
		text_format(&map, "%u %u %u\n", inside, inside, count);
	return r < 0 ? r : write_map(pid, name, text_string(&map));
}

/* the first range that @file gives @user. Return: whether there is one */
static bool find_range(const char *file, const char *user, unsigned id, unsigned long *ret_first,
		       unsigned long *ret_count)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(text_free) struct text number = TEXT_EMPTY;
	char *line, *rest;

	if (file_read(AT_FDCWD, file, MAP_MOST, &text) < 0 || !text.data)
		return false;
	text_format(&number, "%u", id);
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strcspn(line, ":");

		if (line[length] != ':' ||
		    !((user && strlen(user) == length && memcmp(line, user, length) == 0) ||
		      (number.length == length && memcmp(line, number.data, length) == 0)))
			continue;
		if (sscanf(line + length + 1, "%lu:%lu", ret_first, ret_count) == 2 && *ret_count)
			return true;
	}
	return false;
}

/* newuidmap PID 0 OURS 1 1 FIRST COUNT. Return: whether it is done */
static bool map_by_tool(pid_t pid, char *tool, unsigned ours, const char *file, const char *user)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	unsigned long first = 0, count = 0;
	int status = 0;

	if (!find_range(file, user, getuid(), &first, &count) || strings_add(&argv, tool) < 0 ||
	    strings_add_format(&argv, "%d", (int)pid) < 0 || strings_add(&argv, "0") < 0 ||
	    strings_add_format(&argv, "%u", ours) < 0 || strings_add(&argv, "1") < 0 ||
	    strings_add(&argv, "1") < 0 || strings_add_format(&argv, "%lu", first) < 0 ||
	    strings_add_format(&argv, "%lu", count) < 0)
		return false;
	return process_run(argv.items, NULL, -1, &output, &status) == 0 && status == 0;
}

/* us alone */
static int map_one(pid_t pid, const char *name, unsigned ours)
{
	CLEANUP(text_free) struct text map = TEXT_EMPTY;

	text_format(&map, "0 %u 1\n", ours);
	return write_map(pid, name, text_string(&map));
}

static int map_ids(pid_t pid)
{
	const struct passwd *account;
	const char *user;
	char uid_tool[] = "newuidmap", gid_tool[] = "newgidmap";
	int r;

	if (geteuid() == 0) {
		r = map_all(pid, "uid_map");
		return r < 0 ? r : map_all(pid, "gid_map");
	}
	account = getpwuid(getuid());
	user = account ? account->pw_name : NULL;
	if (map_by_tool(pid, uid_tool, getuid(), "/etc/subuid", user))
		return map_by_tool(pid, gid_tool, getgid(), "/etc/subgid", user) ? 0 : -EPERM;
	note("scripts have no ids but root's: no newuidmap(1), or no ranges in /etc/subuid");
	r = map_one(pid, "uid_map", getuid());
	if (r == 0)
		r = write_map(pid, "setgroups", "deny");
	return r < 0 ? r : map_one(pid, "gid_map", getgid());
}

/* the child's side: a byte says that it has a namespace, another one that it is mapped */
static void child_enter(int ready_fd, int mapped_fd)
{
	int error = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(ready_fd, &error, sizeof(error)) != (ssize_t)sizeof(error) || error ||
	    read(mapped_fd, &byte, 1) != 1 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(1);
	(void)setgroups(0, NULL); /* refused where it is denied: then there are none to keep */
	/* it may be looked at and killed by its parent no more than any other of root there */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(ready_fd);
	(void)close(mapped_fd);
}

pid_t world_start(void)
{
	int ready[2], mapped[2], error = EPERM, r;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0)
		return fail(-errno, "cannot run scripts");
	pid = fork();
	if (pid == 0) {
		(void)close(ready[0]);
		(void)close(mapped[1]);
		child_enter(ready[1], mapped[0]);
		return 0;
	}
	(void)close(ready[1]);
	(void)close(mapped[0]);
	r = pid < 0 ? -errno : 0;
	if (r == 0 && (read(ready[0], &error, sizeof(error)) != (ssize_t)sizeof(error) || error))
		r = fail(-error, "cannot run scripts: this system allows no user namespaces (in a "
				 "chroot and in many containers there are none; run mkinitrd "
				 "outside of it)");
	else if (r < 0)
		r = fail(r, "cannot run scripts");
	if (r == 0) {
		r = map_ids(pid);
		if (r < 0)
			r = fail(r, "cannot run scripts: ids cannot be mapped");
		else if (write(mapped[1], "", 1) != 1)
			r = -errno;
	}
	(void)close(ready[0]);
	(void)close(mapped[1]);
	if (r < 0 && pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	return r < 0 ? r : pid;
}
