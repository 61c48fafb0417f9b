/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_storage.c - a storage driver that works on the data root
 *
 * In:    the data root, the driver that dockerd is told to use
 * Out:   the same; or another on dockerd's command line, where overlay is refused
 * Facts: whether a file system may be the upper one of an overlay is told by mounting one: kernel
 *        Documentation/filesystems/overlayfs.rst. dockerd goes on with the driver that its data
 * root has images of; with another one they would seem to be gone
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "aside.h"
#include "dockerlaunch_place.h"

#define DRIVER "overlay2"
#define REFUSED "overlay is refused on '%s' (%s)"

static const char *const parts[] = { "lower", "upper", "work", "merged" };

/* in a mount namespace of its own, so that nothing stays mounted whatever happens. Never returns */
static void probe_child(const char *folder)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		/* a chroot is no mount, and needs no such change */
		if (errno != EINVAL)
			_exit(errno);
	}
	if (chdir(folder) < 0)
		_exit(errno);
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (mkdir(parts[i], 0700) < 0)
			_exit(errno);
	if (mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") <
	    0)
		_exit(errno);
	_exit(umount("merged") < 0 ? errno : 0);
}

/* Return: 0, or the negative errno with which a mount of it is refused */
static int probe(const char *root)
{
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	int status = 0, fd;
	pid_t pid;

	text_format(&folder, "%s/.dockerlaunch-XXXXXX", root);
	if (folder.failed || !mkdtemp(folder.data))
		return folder.failed ? -ENOMEM : -errno;
	pid = fork();
	if (pid == 0)
		probe_child(text_string(&folder));
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	fd = open(text_string(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		/* the kernel's own in the work folder */
		(void)unlinkat(fd, "work/work", AT_REMOVEDIR);
		for (size_t i = 0; i < COUNT_OF(parts); i++)
			(void)unlinkat(fd, parts[i], AT_REMOVEDIR);
		(void)close(fd);
	}
	(void)rmdir(text_string(&folder));
	if (pid < 0)
		return -EAGAIN;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* the same as far as it can be told without a change */
static int guess(const char *root)
{
	struct statfs status;
	const char *slash;

	while (statfs(root, &status) < 0) {
		/* the folder that it will be made in */
		slash = strrchr(root, '/');
		if (!slash || slash == root)
			return statfs("/", &status) == 0 && status.f_type == OVERLAYFS_SUPER_MAGIC
				       ? -EINVAL
				       : 0;
		CLEANUP(memory_free) char *parent = strndup(root, (size_t)(slash - root));

		return parent ? guess(parent) : -ENOMEM;
	}
	return status.f_type == OVERLAYFS_SUPER_MAGIC ? -EINVAL : 0;
}

static bool has_images(const char *root, const char *driver)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;

	text_format(&folder, "%s/image/%s/imagedb/content/sha256", root, driver);
	names_in(text_string(&folder), &names);
	return names.count > 0;
}

/* fuse-overlayfs keeps layers apart as overlay does, vfs copies them */
static const char *other_driver(void)
{
	static const char *const places[] = { "/usr/bin/fuse-overlayfs", "/bin/fuse-overlayfs",
					      "/usr/local/bin/fuse-overlayfs" };

	for (size_t i = 0; i < COUNT_OF(places); i++)
		if (access(places[i], X_OK) == 0 && access("/dev/fuse", R_OK | W_OK) == 0)
			return "fuse-overlayfs";
	return "vfs";
}

static const char *reason_of(int error)
{
	return error == -ENODEV   ? "this kernel does not have it"
	       : error == -EINVAL ? "its file system cannot be below one"
				  : strerror(-error);
}

static int take_other(struct launch *launch, bool is_in_file, int error)
{
	const char *root = launch->data_root, *other = other_driver(), *why = reason_of(error);

	if (has_images(root, DRIVER))
		return launch_say(launch, LAUNCH_LACKS, DRIVER,
				  REFUSED
				  ", which has images of it; load the module overlay, or use "
				  "another --data-root",
				  root, why);
	if (is_in_file)
		return launch_say(launch, LAUNCH_LACKS, DRIVER,
				  REFUSED ", and dockerd's settings file asks for it; write "
					  "\"storage-driver\": \"%s\" there",
				  root, why, other);
	launch_drop(launch, "storage-driver");
	if (strings_add(&launch->words, "--storage-driver") < 0 ||
	    strings_add(&launch->words, other) < 0)
		return launch_say(launch, LAUNCH_LACKS, DRIVER, "no memory left");
	return launch_say(
		launch, LAUNCH_ALTERS, DRIVER,
		REFUSED "; dockerd gets --storage-driver %s instead%s", root, why, other,
		text_equal(other, "vfs") ? ", which copies every layer; mount a volume there" : "");
}

int launch_storage(struct launch *launch)
{
	json_t *in_file = json_object_get(launch->daemon, "storage-driver");
	const char *driver = launch_setting(launch, "storage-driver", "storage-driver");
	const char *root = launch->data_root;
	int r;

	if (driver && !text_equal(driver, DRIVER))
		return launch_say(launch, LAUNCH_HAS, driver, "as dockerd is told");
	if (!driver && has_images(root, "vfs") && !has_images(root, DRIVER))
		return launch_say(launch, LAUNCH_HAS, "vfs", "'%s' has images of it", root);
	r = launch_changes(launch) ? probe(root) : guess(root);
	if (r == 0)
		return launch_say(launch, LAUNCH_HAS, DRIVER, "works on '%s'", root);
	if (r == -EROFS || r == -ENOSPC)
		return launch_say(launch, LAUNCH_LACKS, root,
				  "cannot be written to: %s; mount a volume there", strerror(-r));
	if (r == -EPERM && !launch_may(launch, CAP_SYS_ADMIN))
		return launch_say(launch, LAUNCH_LACKS, DRIVER, "%s%s", strerror(-r),
				  launch_needs(launch, CAP_SYS_ADMIN));
	return take_other(launch, json_is_string(in_file), r);
}
