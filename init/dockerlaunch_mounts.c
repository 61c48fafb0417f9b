/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_mounts.c - the kernel's own file systems, where they are missing
 *
 * In:    the place as it is
 * Out:   /dev /proc /sys /run and more, links, a root that pivot_root(2) accepts
 * Not:   which and how (api_mounts.c), cgroups (dockerlaunch_cgroups.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "api_mounts.h"
#include "aside.h"
#include "dockerlaunch_place.h"
#include "lib/file.h"
#include "lib/unix_socket.h"

#define MOUNTINFO_BYTES (4 << 20)

/* Return: the kind of place, for people; "" where /proc does not say */
static const char *place_kind(const struct launch *launch)
{
	const char *container = getenv("container");
	struct stat ours, first;

	if (launch->is_bare)
		return "initramfs";
	if (container && *container)
		return container;
	if (is_there("/.dockerenv"))
		return "docker";
	if (is_there("/run/.containerenv"))
		return "container";
	if (stat("/proc/1/root", &first) == 0 && stat("/", &ours) == 0 &&
	    (first.st_dev != ours.st_dev || first.st_ino != ours.st_ino))
		return "chroot";
	return is_mount_point("/") ? "machine" : "chroot";
}

/* pivot_root(2), with which every container starts, wants a root that is a mount, and not the
 * rootfs */
static int settle_root(struct launch *launch)
{
	const char *kind;
	int r;

	/* /proc is not ours to mount in a place where that is refused: the next rows say so */
	r = launch_changes(launch) || is_mount_point("/proc") ? root_is_bare() : 0;
	launch->is_bare = r == 1;
	kind = place_kind(launch);
	if (!launch->is_bare && is_mount_point("/"))
		return launch_say(launch, LAUNCH_HAS, "/", "a mount (%s)", kind);
	r = launch_changes(launch) ? root_settle() : launch_refusal(launch, CAP_SYS_ADMIN);
	if (r < 0)
		return launch_say(launch, LAUNCH_LACKS, "/", "cannot be bound onto itself: %s%s",
				  strerror(-r), launch_needs(launch, CAP_SYS_ADMIN));
	return launch_say(launch, LAUNCH_MAKES, "/", "bound onto itself, for pivot_root (%s)",
			  kind);
}

/* is something mounted below @path, or does somebody listen on a socket there? Then a mount would
 * hide what is in use */
static bool is_in_use(const char *path)
{
	CLEANUP(text_free) struct text mounts = TEXT_EMPTY, below = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;

	text_format(&below, " %s/", path);
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_BYTES, &mounts) == 0 &&
	    strstr(text_string(&mounts), text_string(&below)))
		return true;
	names_in(path, &names);
	for (size_t i = 0; i < names.count; i++) {
		CLEANUP(text_free) struct text file = TEXT_EMPTY;
		struct stat status;
		int fd = -1;

		text_format(&file, "%s/%s", path, names.items[i]);
		if (lstat(text_string(&file), &status) < 0 || !S_ISSOCK(status.st_mode) ||
		    unix_connect(text_string(&file), SOCK_STREAM | SOCK_NONBLOCK, &fd) < 0)
			continue;
		(void)close(fd);
		return true;
	}
	return false;
}

static int mount_one(struct launch *launch, const struct api_mount *mount)
{
	enum launch_state state = mount->is_required ? LAUNCH_LACKS : LAUNCH_WITHOUT;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r;

	if (is_mount_point(mount->at))
		return launch_say(launch, LAUNCH_HAS, mount->at, "mounted");
	if (text_equal(mount->at, "/run") && is_in_use(mount->at))
		return launch_say(launch, LAUNCH_HAS, mount->at,
				  "no mount, and in use: it stays as it is");
	if (!launch_changes(launch) && !launch_may(launch, CAP_SYS_ADMIN))
		return launch_say(launch, state, mount->at, "no %s is mounted%s", mount->type,
				  launch_needs(launch, CAP_SYS_ADMIN));
	r = launch_changes(launch) ? api_mount_make(mount) : 1;
	if (r >= 0)
		return launch_say(launch, r ? LAUNCH_MAKES : LAUNCH_HAS, mount->at, "%s, %s",
				  mount->type, mount->options ? mount->options : "mounted");
	api_mount_why(mount, r, &why);
	return launch_say(launch, state, mount->at, "%s%s", text_string(&why),
			  launch_needs(launch, CAP_SYS_ADMIN));
}

static int link_one(struct launch *launch, const struct api_link *link)
{
	int r;

	if (is_there(link->path))
		return launch_say(launch, LAUNCH_HAS, link->path, "there");
	r = launch_changes(launch) ? api_link_make(link) : 1;
	if (r < 0)
		return launch_say(launch, LAUNCH_WITHOUT, link->path,
				  "cannot be a link to '%s': %s", link->target, strerror(-r));
	return launch_say(launch, LAUNCH_MAKES, link->path, "a link to '%s'", link->target);
}

/* so that containers may have shared and slave binds, as on a machine; where this is process 1, the
 * mounts are nobody else's */
static int share(struct launch *launch)
{
	if (getpid() != 1 || !launch_changes(launch))
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return launch_say(launch, LAUNCH_WITHOUT, "shared mounts",
				  "%s; containers cannot have shared binds", strerror(errno));
	return launch_say(launch, LAUNCH_MAKES, "shared mounts", "for shared binds");
}

int launch_mounts(struct launch *launch)
{
	int r = settle_root(launch);

	for (size_t i = 0; r == 0 && i < api_mount_count; i++)
		if (!api_mounts[i].is_of_machine)
			r = mount_one(launch, &api_mounts[i]);
	if (r == 0 && launch_changes(launch))
		(void)directory_make("/var", 0755);
	for (size_t i = 0; r == 0 && i < api_link_count; i++)
		r = link_one(launch, &api_links[i]);
	return r < 0 ? r : share(launch);
}
