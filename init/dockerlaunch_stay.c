/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_stay.c - stay as the parent of dockerd, and as process 1 of a container
 *
 * In:    what to run
 * Out:   its exit status; every signal passed on to it, every orphan reaped
 * Facts: prctl(2), PR_SET_CHILD_SUBREAPER; signalfd(2). A terminal's Ctrl-C goes to its foreground
 *        process group, so that dockerd gets one of its own: it would be told twice else
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "dockerlaunch_place.h"
#include "log.h"

static _Noreturn void child(const struct launch *launch, const sigset_t *before)
{
	bool has_terminal = isatty(STDIN_FILENO);
	int r;

	if (setpgid(0, 0) == 0 && has_terminal) {
		(void)signal(SIGTTOU, SIG_IGN);
		(void)tcsetpgrp(STDIN_FILENO, getpid());
		(void)signal(SIGTTOU, SIG_DFL);
	}
	(void)sigprocmask(SIG_SETMASK, before, NULL);
	(void)execve(launch->program, launch->words.items, launch->environment.items);
	r = errno;
	(void)log_line(LOG_ERROR, -r, "cannot execute '%s': %s", launch->program, strerror(r));
	_exit(r == ENOENT ? DOCKERLAUNCH_NOT_FOUND : DOCKERLAUNCH_NOT_EXECUTABLE);
}

/* Return: true with @pid's status when it has ended */
static bool reap(pid_t pid, int *ret_status)
{
	bool has_ended = false;
	int status;

	for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (ended != pid)
			continue;
		*ret_status = status;
		has_ended = true;
	}
	return has_ended;
}

/* Return: the exit status of @pid, or 128 and its signal */
static int watch(int signals_fd, pid_t pid)
{
	struct signalfd_siginfo information;
	int status = 0;

	for (;;) {
		ssize_t count = read(signals_fd, &information, sizeof(information));

		if (count < 0 && errno == EINTR)
			continue;
		if (count != (ssize_t)sizeof(information))
			return DOCKERLAUNCH_FAILED;
		if (information.ssi_signo != SIGCHLD)
			(void)kill(pid, (int)information.ssi_signo);
		else if (reap(pid, &status))
			break;
	}
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return log_line(LOG_DEBUG, status, "exec: dockerd has ended, exit status %d", status);
}

int launch_stay(struct launch *launch)
{
	CLEANUP(fd_close) int signals_fd = -1;
	sigset_t all, before;
	int status = DOCKERLAUNCH_FAILED;
	pid_t pid;

	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)sigfillset(&all);
	/* those of our own faults, and of writing to a terminal in the background */
	(void)sigdelset(&all, SIGSEGV);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGILL);
	(void)sigdelset(&all, SIGFPE);
	(void)sigdelset(&all, SIGABRT);
	(void)sigdelset(&all, SIGTTOU);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	signals_fd = signalfd(-1, &all, SFD_CLOEXEC);
	pid = signals_fd < 0 ? -1 : fork();
	if (pid == 0)
		child(launch, &before);
	if (pid < 0)
		(void)log_line(LOG_ERROR, -errno, "cannot start '%s': %s", launch->program,
			       strerror(errno));
	else
		status = watch(signals_fd, pid);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
