/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.c - run a program of this host (see program.h)
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "fail.h"
#include "program.h"
#include "../init/lib/text.h"

extern char **environ;

/* an ordinary user's PATH may lack the folders that administrators' programs lie in */
static void find_program(const char *name, struct text *ret_path)
{
	static const char *const folders[] = { "/usr/sbin", "/sbin" };
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t length = strcspn(path, ":");

		text_clear(ret_path);
		text_add_bytes(ret_path, path, length);
		text_format(ret_path, "%s%s", length ? "/" : "./", name);
		if (access(text_string(ret_path), X_OK) == 0)
			return;
		path += length + (path[length] == ':');
	}
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		text_clear(ret_path);
		text_format(ret_path, "%s/%s", folders[i], name);
		if (access(text_string(ret_path), X_OK) == 0)
			return;
	}
	text_clear(ret_path);
}

static int collect_environment(const char *const *environment, struct strings *ret_all)
{
	for (; environment && *environment; environment++)
		if (strings_add(ret_all, *environment) < 0)
			return -ENOMEM;
	for (char **item = environ; *item; item++)
		if (strings_add(ret_all, *item) < 0)
			return -ENOMEM;
	return 0;
}

static int spawn(const char *path, char *const *argv, char *const *environment, int output_fd,
		 pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output_fd < 0 ? STDERR_FILENO : output_fd,
					 STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	r = posix_spawn(ret_pid, path, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int program_run(char *const *argv, const char *package, const char *const *environment,
		int output_fd)
{
	CLEANUP(strings_free) struct strings all = STRINGS_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int status, r = collect_environment(environment, &all);
	pid_t pid;

	if (r < 0)
		return fail(r, "cannot run '%s'", argv[0]);
	find_program(argv[0], &path);
	if (path.length == 0)
		return fail(-ENOENT, "cannot run '%s'; install the package %s", argv[0], package);
	r = spawn(text_string(&path), argv, all.items, output_fd, &pid);
	if (r < 0)
		return fail(r, "cannot run '%s'", text_string(&path));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(-errno, "cannot wait for '%s'", argv[0]);
	if (status != 0)
		return fail(0, "'%s' failed; see its words above", argv[0]);
	return 0;
}
