/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - start a program with nothing of ours: its own session, cgroup, environment, signals
 *
 * In:    what to start, and how
 * Out:   its pid, or why it could not be started: the child's errno comes through a pipe that a
 *        successful exec closes
 * Not:   waiting for it (supervisor.c)
 * Facts: the kernel makes environment variables of PID 1 from unknown words of its command line,
 *        so none of ours is handed on: docs/boot.md section 2
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgroup_tree.h"
#include "lib/file.h"
#include "lib/signal_name.h"
#include "machine.h"
#include "spawn.h"
#include "terminal.h"

#define LIST_BYTES ((size_t)1 << 20) /* of /etc/passwd and /etc/group */

static const char *const environment_default[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"TERM=linux",
};

/* replace the variable of the same name, or append */
static int environment_set(struct strings *environment, const char *variable)
{
	const char *equal = strchr(variable, '=');
	size_t length = equal ? (size_t)(equal - variable) + 1 : 0;

	if (!equal)
		return -EINVAL;
	for (size_t i = 0; i < environment->count; i++) {
		char *copy;

		if (strncmp(environment->items[i], variable, length) != 0)
			continue;
		copy = strdup(variable);
		if (!copy)
			return -ENOMEM;
		free(environment->items[i]);
		environment->items[i] = copy;
		return 0;
	}
	return strings_add(environment, variable);
}

int environment_make(const struct strings *added, const char *home, struct strings *ret_environment)
{
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	CLEANUP(text_free) struct text variable = TEXT_EMPTY;
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(environment_default); i++)
		r = strings_add(&environment, environment_default[i]);
	if (r == 0 && home) {
		text_format(&variable, "HOME=%s", home);
		r = variable.failed ? -ENOMEM
				    : environment_set(&environment, text_string(&variable));
	}
	for (size_t i = 0; r == 0 && added && i < added->count; i++)
		r = environment_set(&environment, added->items[i]);
	if (r < 0)
		return r;
	*ret_environment = environment;
	environment = STRINGS_EMPTY;
	return 0;
}

void signals_reset(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void status_describe(int status, struct text *text)
{
	if (WIFSIGNALED(status))
		text_format(text, "was killed by signal %d (%s)", WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	else
		text_format(text, "ended with status %d", WEXITSTATUS(status));
}

int service_check(const struct plan_service *service, struct account *ret_account, struct text *why)
{
	CLEANUP(text_free) struct text passwd = TEXT_EMPTY;
	CLEANUP(text_free) struct text group = TEXT_EMPTY;
	struct stat status;
	int r;

	*ret_account = ACCOUNT_ROOT;
	if (service->directory &&
	    (stat(service->directory, &status) < 0 || !S_ISDIR(status.st_mode))) {
		text_format(why, "there is no directory '%s' to begin in", service->directory);
		return -ENOTDIR;
	}
	if (!service->user)
		return 0;
	r = file_read(AT_FDCWD, "/etc/passwd", LIST_BYTES, &passwd);
	if (r == 0 || r == -ENOENT)
		r = file_read(AT_FDCWD, "/etc/group", LIST_BYTES, &group);
	if (r == 0 || r == -ENOENT)
		r = account_find(service->user, text_string(&passwd), text_string(&group),
				 ret_account);
	if (r < 0)
		text_format(why, "user '%s': %s", service->user, account_problem(r));
	return r;
}

int service_signal(const struct plan_service *service)
{
	int number = service->stop ? signal_parse(service->stop) : SIGTERM;

	return number > 0 ? number : SIGTERM;
}

int become(const struct account *account, const char *directory)
{
	if (chdir(directory ? directory : "/") < 0)
		return -errno;
	if (!account)
		return 0;
	if (setgroups(account->group_count, account->groups) < 0 ||
	    setresgid(account->gid, account->gid, account->gid) < 0 ||
	    setresuid(account->uid, account->uid, account->uid) < 0)
		return -errno;
	return 0;
}

/* 0, 1 and 2 of the child; all are ours to replace, since every other descriptor closes on exec */
static int child_descriptors(const struct spawn *spawn)
{
	CLEANUP(fd_close) int fd = -1;
	int sources[3];

	if (spawn->terminal) {
		fd = terminal_open(spawn->terminal);
		if (fd < 0)
			return fd_take(&fd);
		terminal_make_sane(fd);
		if (ioctl(fd, TIOCSCTTY, 1) < 0)
			return -errno;
		if (spawn->greeting)
			(void)file_write_fd(fd, spawn->greeting, strlen(spawn->greeting));
	} else {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	sources[0] = fd;
	sources[1] = spawn->terminal || spawn->output < 0 ? fd : spawn->output;
	sources[2] = spawn->terminal || spawn->error < 0 ? fd : spawn->error;
	for (int i = 0; i < 3; i++)
		if (dup2(sources[i], i) < 0)
			return -errno;
	return 0;
}

/* in the child. Return: only on failure */
static int child_become(const struct spawn *spawn, const struct strings *environment)
{
	int r;

	(void)setsid();
	if (spawn->cgroup) {
		r = cgroup_join(spawn->cgroup);
		if (r < 0)
			return r;
	}
	(void)file_write_existing(AT_FDCWD, "/proc/self/oom_score_adj",
				  spawn->oom_score ? spawn->oom_score : "0");
	signals_reset();
	r = child_descriptors(spawn);
	if (r < 0)
		return r;
	/* so that it can open /dev/stdout, too; without that it still has what is open */
	for (int fd = STDOUT_FILENO; spawn->account && fd <= STDERR_FILENO; fd++)
		if (fchown(fd, spawn->account->uid, spawn->account->gid) < 0)
			(void)log_line(LOG_DEBUG, -errno, "%s cannot be given to its user: %s",
				       fd == STDOUT_FILENO ? "stdout" : "stderr", strerror(errno));
	r = become(spawn->account, spawn->directory);
	if (r < 0)
		return r;
	(void)execve(spawn->argv[0], spawn->argv, environment->items);
	return -errno;
}

int spawn(const struct spawn *spawn, pid_t *ret_pid)
{
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	CLEANUP(fd_close) int read_fd = -1;
	CLEANUP(fd_close) int write_fd = -1;
	int pipe_fds[2], error = 0;
	pid_t pid;
	int r = environment_make(spawn->env, spawn->account ? spawn->account->home : NULL,
				 &environment);

	if (r < 0)
		return r;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		error = child_become(spawn, &environment);
		(void)file_write_fd(write_fd, &error, sizeof(error));
		_exit(127);
	}
	fd_close(&write_fd);
	while (read(read_fd, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	if (error < 0) {
		(void)waitpid(pid, NULL, 0);
		return error;
	}
	*ret_pid = pid;
	return 0;
}
