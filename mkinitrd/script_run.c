/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_run.c - one script in a tree, in namespaces of its own
 *
 * In:    a folder, a script
 * Out:   how it ended, what it printed
 * Facts: namespaces(7), pid_namespaces(7): all of a process namespace end with its first;
 *        pivot_root(2): "." and "." need no folder for the old root; mount_namespaces(7)
 *
 * Three processes: one leaves the namespaces and waits; below it the first of the process
 * namespace, which makes the root and reaps; below that the script.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "process.h"
#include "script.h"
#include "../init/lib/file.h"

#define SCRIPT_PATH "/run/mkinitrd-script"
#define NOT_STARTED 125 /* status of a process that could not prepare what it should */

/* on the pipe that stderr is; in a child that has nothing else to tell by */
static _Noreturn void give_up(const char *what)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	text_format(&line, "cannot %s: %s\n", what, strerror(errno));
	(void)file_write_fd(2, text_string(&line), line.length);
	_exit(NOT_STARTED);
}

static void must(bool is_done, const char *what)
{
	if (!is_done)
		give_up(what);
}

static void mount_memory(const char *at, const char *options)
{
	must(mount("tmpfs", at, "tmpfs", MS_NOSUID, options) == 0, "mount a tmpfs for a script");
}

/* in the folder that becomes the root; those of the host are there still */
static void make_devices(void)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" },
						{ "/proc/self/fd/0", "dev/stdin" },
						{ "/proc/self/fd/1", "dev/stdout" },
						{ "/proc/self/fd/2", "dev/stderr" } };

	mount_memory("dev", "mode=755,size=64k");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char host[32], here[32];
		int fd;

		(void)snprintf(host, sizeof(host), "/dev/%s", names[i]);
		(void)snprintf(here, sizeof(here), "dev/%s", names[i]);
		fd = open(here, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		must(fd >= 0, "make a device for a script");
		(void)close(fd);
		must(mount(host, here, NULL, MS_BIND, NULL) == 0, "make a device for a script");
	}
	for (size_t i = 0; i < COUNT_OF(links); i++)
		must(symlink(links[i][0], links[i][1]) == 0, "make a device for a script");
}

/* Return: whether it has /proc */
static bool make_root(const char *path)
{
	bool has_proc;

	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "leave the host's mounts");
	must(mount(path, path, NULL, MS_BIND, NULL) == 0, "mount the tree");
	must(chdir(path) == 0, "enter the tree");
	make_devices();
	mount_memory("run", "mode=755");
	mount_memory("tmp", "mode=1777");
	/* refused where the host's own is covered in part, as in many containers: many scripts
	 * do without */
	has_proc = mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
	must(syscall(SYS_pivot_root, ".", ".") == 0, "make the tree the root");
	must(umount2(".", MNT_DETACH) == 0, "leave the host's files");
	must(chdir("/") == 0, "enter the tree");
	return has_proc;
}

static _Noreturn void run_script(const struct script *script)
{
	char path[] = SCRIPT_PATH, shell[] = "/bin/sh";
	char *argv[] = { path, NULL }, *shell_argv[] = { shell, path, NULL };
	int fd = open(SCRIPT_PATH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	must(fd >= 0 && file_write_fd(fd, script->content, script->size) == 0, "write the script");
	(void)close(fd);
	(void)setsid();
	if (script->size > 2 && memcmp(script->content, "#!", 2) == 0) {
		(void)execve(path, argv, script->environment);
		give_up("run the script by the interpreter that its first line names");
	}
	(void)execve(shell, shell_argv, script->environment);
	give_up("run '/bin/sh' of the tree");
}

/* the first process of the namespace */
static _Noreturn void run_first(const struct script *script, const char *path, bool *lacks_proc)
{
	pid_t pid, ended;
	int status = 0, result = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(sethostname("mkinitrd", strlen("mkinitrd")) == 0, "name the machine");
	*lacks_proc = !make_root(path);
	(void)umask(022);
	pid = fork();
	if (pid == 0)
		run_script(script);
	must(pid > 0, "start the script");
	while ((ended = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
		if (ended == pid) {
			result = status;
			break; /* what it left behind ends with us */
		}
	if (WIFSIGNALED(result))
		_exit(128 + WTERMSIG(result));
	_exit(WEXITSTATUS(result));
}

static _Noreturn void enter(const struct script *script, const char *path, int output_fd,
			    bool *lacks_proc)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), status = 0;
	pid_t pid;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0)
		_exit(NOT_STARTED);
	(void)close_range(3, ~0u, 0);
	must(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) == 0,
	     "make namespaces for a script");
	pid = fork();
	if (pid == 0)
		run_first(script, path, lacks_proc);
	must(pid > 0, "start the script");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : NOT_STARTED);
}

int script_run(const struct script *script, const char *path, struct script_result *ret)
{
	/* what a process that becomes the script can still tell */
	bool *lacks_proc = mmap(NULL, sizeof(*lacks_proc), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int output[2], r;
	pid_t pid;

	if (lacks_proc == MAP_FAILED)
		return -errno;
	if (pipe2(output, O_CLOEXEC) < 0) {
		r = -errno;
		(void)munmap(lacks_proc, sizeof(*lacks_proc));
		return r;
	}
	pid = fork();
	if (pid == 0)
		enter(script, path, output[1], lacks_proc);
	r = pid < 0 ? -errno : 0;
	(void)close(output[1]);
	if (r == 0)
		r = process_collect(output[0], &ret->output);
	(void)close(output[0]);
	while (pid > 0 && waitpid(pid, &ret->status, 0) < 0 && errno == EINTR)
		;
	ret->lacks_proc = *lacks_proc;
	(void)munmap(lacks_proc, sizeof(*lacks_proc));
	return r;
}
