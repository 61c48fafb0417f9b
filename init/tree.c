/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - what a root has that was made elsewhere: its init, Docker
 *
 * In:    a mounted tree (its links lead nowhere else)
 * Out:   the path of its init; this process replaced by it
 * Not:   mounting it (root_mount.c)
 * Facts: where the kernel looks: init/main.c, kernel_init(). A systemd that ends looks for
 *        /run/initramfs/shutdown, makes /run/initramfs its root with the old one in oldroot, and
 *        becomes /shutdown there: https://systemd.io/INITRD_INTERFACE/. When the time of the
 *        initramfs began, systemd learns from the state that another systemd hands to it across a
 *        switch of the root, and from nothing else since $RD_TIMESTAMP went with version 217:
 *        --deserialize, lines "KEY=VALUE", unknown ones passed over (252: manager-serialize.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <mntent.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/file.h"
#include "modules.h"
#include "spawn.h"
#include "tree.h"

static const char *const places[] = {
	"/sbin/init",   "/usr/sbin/init",           "/etc/init",
	"/bin/init",    "/usr/lib/systemd/systemd", "/lib/systemd/systemd",
	"/bin/busybox", "/usr/bin/busybox",
};

bool tree_has(const char *directory, const char *path)
{
	CLEANUP(fd_close) int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(fd_close) int fd = -1;
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	struct stat status;

	if (root >= 0)
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_mode & 0111);
}

int tree_find_init(struct step_record *record, const char *directory, const char *wanted,
		   char **ret_path)
{
	CLEANUP(text_free) struct text searched = TEXT_EMPTY;

	if (wanted && !tree_has(directory, wanted))
		return step_details(record, -ENOENT,
				    "init=%s: the tree has no such program; name another, or drop "
				    "the parameter",
				    wanted);
	for (size_t i = 0; !wanted && i < COUNT_OF(places); i++) {
		if (tree_has(directory, places[i]))
			wanted = places[i];
		text_format(&searched, "%s%s", i ? ", " : "", places[i]);
	}
	if (!wanted)
		return step_details(record, -ENOENT,
				    "the tree has no init: there is no program %s; install one in "
				    "the tree, or name it: init=",
				    text_string(&searched));
	*ret_path = strdup(wanted);
	return *ret_path ? 0 : -ENOMEM;
}

bool tree_has_docker(void)
{
	static const char *const paths[] = { "/usr/bin/dockerd", "/usr/sbin/dockerd",
					     "/usr/local/bin/dockerd" };

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (access(paths[i], X_OK) == 0)
			return true;
	return false;
}

static bool is_in_fstab(const char *path)
{
	FILE *file = setmntent("/etc/fstab", "re");
	const struct mntent *entry;
	bool is_found = false;

	while (file && !is_found && (entry = getmntent(file)))
		is_found = text_equal(entry->mnt_dir, path);
	if (file)
		(void)endmntent(file);
	return is_found;
}

bool tree_mounts(const char *path)
{
	static const char *const folders[] = { "/etc/systemd/system", "/usr/lib/systemd/system" };
	CLEANUP(text_free) struct text unit = TEXT_EMPTY;

	if (is_in_fstab(path))
		return true;
	/* systemd.mount(5): "/" becomes "-" */
	for (const char *at = path + 1; *at; at++)
		text_add_char(&unit, *at == '/' ? '-' : *at);
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		CLEANUP(text_free) struct text file = TEXT_EMPTY;

		text_format(&file, "%s/%s.mount", folders[i], text_string(&unit));
		if (access(text_string(&file), F_OK) == 0)
			return true;
	}
	return false;
}

/* this program, as another file. Return: 0 or a negative errno */
static int copy_self(const char *path)
{
	CLEANUP(fd_close) int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CLEANUP(fd_close)
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0755);
	ssize_t count = 1;

	if (from < 0 || to < 0)
		return -errno;
	while (count > 0)
		count = sendfile(to, from, NULL, 1 << 20);
	return count < 0 ? -errno : 0;
}

/* another initramfs may have mounted /run so that nothing of it can be executed */
static int allow_execution(void)
{
	struct statvfs about;

	if (statvfs(EXIT_DIRECTORY, &about) < 0)
		return -errno;
	if (!(about.f_flag & ST_NOEXEC))
		return 0;
	if (mount(EXIT_DIRECTORY, EXIT_DIRECTORY, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, EXIT_DIRECTORY, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL) <
		    0)
		return -errno;
	return 0;
}

void tree_exit_prepare(const struct machine *machine, const char *directory)
{
	int r;

	if (!tree_has(directory, "/usr/lib/systemd/systemd-shutdown") &&
	    !tree_has(directory, "/lib/systemd/systemd-shutdown"))
		return;
	r = directory_make(EXIT_DIRECTORY, 0755);
	if (r == 0)
		r = allow_execution();
	if (r == 0)
		r = copy_self(EXIT_DIRECTORY "/shutdown");
	if (r == 0 && machine->cow_path)
		r = file_write(AT_FDCWD, EXIT_DIRECTORY "/" EXIT_COW, machine->cow_path, 0600);
	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "root: cannot make '%s/shutdown' (%s): disks below the root will "
			       "not be unmounted at power-off",
			       EXIT_DIRECTORY, strerror(-r));
}

/* what the kernel gave us that is for an init: "single", and what stands behind "--" */
static int take_arguments(const struct machine *machine, struct strings *argv)
{
	const char *path = machine->tree_init;
	/* busybox goes by its name */
	int r = strings_add(argv, text_equal(base_name(path), "busybox") ? "init" : path);

	for (int i = 1; r == 0 && machine->arguments && machine->arguments[i]; i++)
		r = strings_add(argv, machine->arguments[i]);
	return r;
}

static bool is_systemd(const char *path)
{
	CLEANUP(memory_free) char *real = realpath(path, NULL);

	return real && text_equal(base_name(real), "systemd");
}

/* Return: a descriptor, which stays open across exec, or a negative errno */
static int make_state(uint64_t start_us)
{
	CLEANUP(fd_close) int fd = memfd_create("mkinitrd-state", 0);
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct timespec now;
	uint64_t realtime_us;
	int r;

	if (fd < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -errno;
	realtime_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	text_format(&text, "initrd-timestamp=%llu %llu\n\n",
		    (unsigned long long)(realtime_us - (clock_us() - start_us)),
		    (unsigned long long)start_us);
	r = file_write_fd(fd, text_string(&text), text.length);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : fd_take(&fd);
}

/* when this process began, for systemd-analyze(1) of the tree: the descriptor @fd has it */
static int tell_start(struct strings *argv, int fd)
{
	int r = strings_add(argv, "--switched-root");

	if (r == 0)
		r = strings_add(argv, "--system");
	return r < 0 ? r : strings_add_format(argv, "--deserialize=%d", fd);
}

int tree_become(struct machine *machine)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	CLEANUP(fd_close) int state_fd = -1;
	int r = take_arguments(machine, &argv);

	if (r == 0)
		r = environment_make(NULL, NULL, &environment);
	/* without it the boot goes on */
	if (r == 0 && is_systemd(machine->tree_init) && machine->record_count > 0)
		state_fd = make_state(machine->records[0].start_us);
	if (state_fd >= 0)
		r = tell_start(&argv, state_fd);
	if (r < 0)
		return r;
	modules_join(machine);
	signals_reset();
	if (chdir("/") < 0)
		return -errno;
	(void)log_line(LOG_INFO, 0, "exec: %s", machine->tree_init);
	(void)execve(machine->tree_init, argv.items, environment.items);
	return -errno;
}
