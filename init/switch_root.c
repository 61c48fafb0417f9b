/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_root.c - another file system becomes "/"
 *
 * In:    the file system that the kernel unpacked, with mounts; the new root, mounted
 * Out:   the new root as "/", the mounts in it, the old one empty
 * Not:   which root that is (root.c)
 * Facts: docs/boot.md section 2. The move covers the old root: a look-up that starts at "/" goes on
 *        in the old one until chroot(2). move_mount(2), open_tree(2) name mounts by descriptors, so
 *        that no link of the new root leads out of it. What this process loads from the old root
 *        in the background still sees the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "lib/file.h"
#include "modules.h"
#include "api_mounts.h"
#include "remove.h"
#include "switch_root.h"

/* mounts that move along */
static const struct {
	const char *path;
	bool is_required;
} moved[] = {
	{ "/dev", true }, { "/proc", true }, { "/sys", true }, { "/run", true }, { "/tmp", false },
};

#define MOVED_COUNT COUNT_OF(moved)
#define BINDS_MOST 4

/* what of the old root stays, and is seen in the new one */
struct bind {
	char *path;
	int tree_fd; /* a mount of its own, nowhere yet; -1: not bound */
	struct stat status;
};

struct passage {
	struct machine *machine;
	struct step_record *record;
	int old_root, new_root;
	int mounts[MOVED_COUNT]; /* -1: not mounted */
	struct bind binds[BINDS_MOST];
	size_t bind_count;
};

static int move_to(int mount_fd, const char *path)
{
	return move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int open_in(int directory_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, directory_fd, path + 1, &how, sizeof(how));
}

static bool has_in(int directory_fd, const char *path)
{
	CLEANUP(fd_close) int fd = open_in(directory_fd, path);

	return fd >= 0;
}

/* places for what moves, before anything does */
static int make_places(struct passage *passage)
{
	for (size_t i = 0; i < MOVED_COUNT; i++) {
		const char *path = moved[i].path;
		int r = 0;

		passage->mounts[i] =
			is_mount_point(path) ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		if (has_in(passage->new_root, path))
			continue;
		if (mkdirat(passage->new_root, path + 1, 0755) < 0)
			r = -errno;
		if (r < 0 && moved[i].is_required)
			return step_details(passage->record, r,
					    "the root has no directory '%s', and none can be made: "
					    "%s; make it in the tree, or give the root a writable "
					    "layer: mkinitrd.cow=tmpfs",
					    path, strerror(-r));
		if (r < 0)
			fd_close(&passage->mounts[i]);
	}
	return 0;
}

static void bind_add(struct passage *passage, const char *path)
{
	struct bind *bind = &passage->binds[passage->bind_count];

	if (passage->bind_count == BINDS_MOST || stat(path, &bind->status) < 0)
		return;
	bind->path = strdup(path);
	bind->tree_fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (bind->path && bind->tree_fd >= 0) {
		passage->bind_count++;
		return;
	}
	(void)log_line(LOG_WARNING, -errno, "root: '%s' cannot go along: %s", path,
		       strerror(errno));
	memory_free(&bind->path);
	fd_close(&bind->tree_fd);
}

/* where nobody can make the place of one kernel's modules, the place of all of them does */
static bool lacks_place(const struct passage *passage, const char *path)
{
	struct statvfs what;

	return fstatvfs(passage->new_root, &what) == 0 && what.f_flag & ST_RDONLY &&
	       !has_in(passage->new_root, path);
}

static void choose_binds(struct passage *passage, bool keeps_tools)
{
	const char *release = passage->machine->plan.image.release;
	CLEANUP(text_free) struct text modules = TEXT_EMPTY;
	CLEANUP(text_free) struct text index = TEXT_EMPTY;

	if (release) {
		text_format(&modules, "/usr/lib/modules/%s", release);
		text_format(&index, "/lib/modules/%s/modules.dep", release);
		if (!has_in(passage->new_root, text_string(&index)))
			bind_add(passage, lacks_place(passage, text_string(&modules))
						  ? "/usr/lib/modules"
						  : text_string(&modules));
		else
			modules_join(passage->machine); /* its files go */
	}
	if (!has_in(passage->new_root, "/usr/lib/firmware") &&
	    !has_in(passage->new_root, "/lib/firmware"))
		bind_add(passage, "/usr/lib/firmware");
	if (!keeps_tools)
		return;
	bind_add(passage, TOOL_DIRECTORY);
	bind_add(passage, "/init");
}

/* in the new root now. Return: 0 or a negative errno */
static int bind_at(const struct bind *bind, int tree_fd, const char *path)
{
	int r;

	if (S_ISDIR(bind->status.st_mode)) {
		r = directory_make(path, 0755);
	} else {
		CLEANUP(fd_close)
		int fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0755);

		r = fd < 0 ? -errno : 0;
	}
	/* a place that is there does, also when nothing can be made */
	if (r == -EROFS && access(path, F_OK) == 0)
		r = 0;
	return r < 0 ? r : move_to(tree_fd, path);
}

static void bind_all(struct passage *passage)
{
	for (size_t i = 0; i < passage->bind_count; i++) {
		struct bind *bind = &passage->binds[i];
		const char *short_path = text_after(bind->path, "/usr");
		int r = bind_at(bind, bind->tree_fd, bind->path);

		/* where /lib is no link to /usr/lib, modprobe looks there */
		if (r == 0 && S_ISDIR(bind->status.st_mode) && short_path &&
		    !text_equal(bind->path, TOOL_DIRECTORY) && access(short_path, F_OK) < 0) {
			CLEANUP(fd_close)
			int again = open_tree(AT_FDCWD, bind->path,
					      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

			(void)bind_at(bind, again, short_path);
		}
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "root: '%s' is not to be seen in the root: %s", bind->path,
				       strerror(-r));
	}
}

/* files of the old root are memory; nobody finds them any more */
static void empty_old(const struct passage *passage)
{
	struct stat kept[BINDS_MOST];
	struct statfs what;
	int r;

	if (fstatfs(passage->old_root, &what) < 0 || ((unsigned long)what.f_type != TMPFS_MAGIC &&
						      (unsigned long)what.f_type != RAMFS_MAGIC))
		return; /* a disk, for whatever reason: not ours to empty */
	for (size_t i = 0; i < passage->bind_count; i++)
		kept[i] = passage->binds[i].status;
	r = remove_below(passage->old_root, kept, passage->bind_count);
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "root: not all of the image's own files went: %s",
			       strerror(-r));
}

static int pass(struct passage *passage)
{
	int r = make_places(passage);

	if (r < 0)
		return r;
	if (fchdir(passage->new_root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0) {
		r = -errno;
		(void)step_details(passage->record, r, "cannot make it '/': %s", strerror(-r));
		/* not to keep it busy */
		return chdir("/") < 0 ? -errno : r;
	}
	for (size_t i = 0; i < MOVED_COUNT; i++) {
		if (passage->mounts[i] < 0)
			continue;
		r = move_to(passage->mounts[i], moved[i].path);
		if (r < 0 && moved[i].is_required)
			return step_details(passage->record, r,
					    "it is '/', and '%s' could not follow: %s; restart",
					    moved[i].path, strerror(-r));
	}
	bind_all(passage);
	empty_old(passage);
	return 0;
}

int switch_root(struct machine *machine, struct step_record *record, const char *directory,
		bool keeps_tools)
{
	struct passage passage = {
		.machine = machine,
		.record = record,
		.old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.new_root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	int r;

	for (size_t i = 0; i < MOVED_COUNT; i++)
		passage.mounts[i] = -1;
	if (passage.old_root < 0 || passage.new_root < 0) {
		r = step_details(record, -errno, "cannot open '%s': %s", directory,
				 strerror(errno));
	} else {
		choose_binds(&passage, keeps_tools);
		r = pass(&passage);
	}
	fd_close(&passage.old_root);
	fd_close(&passage.new_root);
	for (size_t i = 0; i < MOVED_COUNT; i++)
		fd_close(&passage.mounts[i]);
	for (size_t i = 0; i < passage.bind_count; i++) {
		free(passage.binds[i].path);
		fd_close(&passage.binds[i].tree_fd);
	}
	return r;
}
