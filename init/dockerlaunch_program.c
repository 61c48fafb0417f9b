/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_program.c - is there a dockerd, and what may this process do?
 *
 * In:    its name, PATH, the capabilities of this process
 * Out:   its path; the default beside it (dockerd.dist) under its name where that is missing
 * Facts: execvp(3): a name with a '/' is not looked up. capabilities(7). A container gets what
 *        dockerd gives every one by default, and runc refuses what it does not have itself
 */
#include <errno.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "dockerlaunch_place.h"

#define PRIVILEGED "start the container with --privileged, or this as root of the machine"

// clang-format off
static const struct capability_row {
	int number;
	const char *name;
	bool is_required;
	const char *steps; /* what needs it */
} capability_rows[] = {
	{ CAP_SYS_ADMIN,    "CAP_SYS_ADMIN",    true,  "mounts, cgroups, storage, every container" },
	{ CAP_NET_ADMIN,    "CAP_NET_ADMIN",    true,  "forwarding, firewall, bridge" },
	{ CAP_CHOWN,        "CAP_CHOWN",        true,  "files, layers of images" },
	{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE", true,  "files, layers of images" },
	{ CAP_FOWNER,       "CAP_FOWNER",       true,  "files, layers of images" },
	{ CAP_FSETID,       "CAP_FSETID",       true,  "every container" },
	{ CAP_KILL,         "CAP_KILL",         true,  "every container" },
	{ CAP_SETGID,       "CAP_SETGID",       true,  "every container" },
	{ CAP_SETUID,       "CAP_SETUID",       true,  "every container" },
	{ CAP_SETPCAP,      "CAP_SETPCAP",      true,  "every container" },
	{ CAP_SETFCAP,      "CAP_SETFCAP",      true,  "every container" },
	{ CAP_SYS_CHROOT,   "CAP_SYS_CHROOT",   true,  "every container" },
	{ CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", true, "every container" },
	{ CAP_NET_RAW,      "CAP_NET_RAW",      true,  "firewall, every container" },
	{ CAP_MKNOD,        "CAP_MKNOD",        true,  "mounts, every container" },
	{ CAP_AUDIT_WRITE,  "CAP_AUDIT_WRITE",  true,  "every container" },
	{ CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", false, "limits, containers that get --privileged" },
	{ CAP_SYS_MODULE,   "CAP_SYS_MODULE",   false, "modules" },
};
// clang-format on

const char *launch_needs(const struct launch *launch, int capability)
{
	static char words[160];

	if (launch_may(launch, capability))
		return "";
	for (size_t i = 0; i < COUNT_OF(capability_rows); i++)
		if (capability_rows[i].number == capability)
			(void)snprintf(words, sizeof(words), " (needs %s: " PRIVILEGED ")",
				       capability_rows[i].name);
	return words;
}

int launch_capabilities(struct launch *launch)
{
	CLEANUP(text_free) struct text missing = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(capability_rows); i++) {
		const struct capability_row *row = &capability_rows[i];
		bool may = launch_may(launch, row->number);

		/* a run ends at the first that is lacking: with one line that has all of them */
		if (!may && row->is_required && launch_changes(launch))
			text_format(&missing, "%s%s (%s)", missing.length ? ", " : "", row->name,
				    row->steps);
		else if (!may)
			(void)launch_say(launch, row->is_required ? LAUNCH_LACKS : LAUNCH_WITHOUT,
					 row->name, "missing, for %s; " PRIVILEGED, row->steps);
		else
			(void)launch_say(launch, LAUNCH_HAS, row->name, "for %s", row->steps);
	}
	return missing.length ? launch_say(launch, LAUNCH_LACKS, "missing", "%s; " PRIVILEGED,
					   text_string(&missing))
			      : 0;
}

/* Return: 0; -EACCES: there, and no program; -ENOENT */
static int program_look(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -errno;
	return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

/* the default stands beside the name: a link makes it the one */
static int take_default(struct launch *launch, const char *path)
{
	CLEANUP(text_free) struct text other = TEXT_EMPTY;

	text_format(&other, "%s.dist", path);
	if (program_look(text_string(&other)) < 0 ||
	    faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -ENOENT;
	if (launch_changes(launch) && symlink(base_name(text_string(&other)), path) < 0)
		return launch_say(launch, LAUNCH_LACKS, path, "cannot be a link to '%s': %s",
				  text_string(&other), strerror(errno));
	return launch_say(launch, LAUNCH_MAKES, path, "a link to '%s'", text_string(&other));
}

/* Return: 0 it is the one; -ENOENT go on looking; -EACCES remembered, go on; else it is said */
static int try(struct launch *launch, const char *path)
{
	int r = program_look(path);

	if (r == -ENOENT || r == -ENOTDIR)
		r = take_default(launch, path);
	if (r == 0 || r == -EACCES) {
		free(launch->program);
		launch->program = strdup(path);
		return launch->program ? r : -ENOMEM;
	}
	return r;
}

static int look_up(struct launch *launch)
{
	const char *path = getenv("PATH");
	bool is_there = false;

	if (!path || !*path)
		path = LAUNCH_PATH;
	while (*path) {
		CLEANUP(text_free) struct text file = TEXT_EMPTY;
		size_t length = strcspn(path, ":");
		int r;

		text_add_bytes(&file, length ? path : ".", length ? length : 1);
		text_format(&file, "/%s", launch->docker);
		r = is_there && program_look(text_string(&file)) == -EACCES
			    ? -EACCES
			    : try(launch, text_string(&file));
		if (r != -ENOENT && r != -EACCES)
			return r;
		is_there |= r == -EACCES;
		path += length + (path[length] == ':');
	}
	return is_there ? -EACCES : -ENOENT;
}

int launch_program(struct launch *launch)
{
	int r = strchr(launch->docker, '/') ? try(launch, launch->docker) : look_up(launch);

	if (r == 0)
		return launch_say(launch, LAUNCH_HAS, launch->docker, "%s", launch->program);
	if (r != -EACCES && r != -ENOENT)
		return r;
	launch->status = r == -EACCES ? DOCKERLAUNCH_NOT_EXECUTABLE : DOCKERLAUNCH_NOT_FOUND;
	if (r == -EACCES)
		return launch_say(launch, LAUNCH_LACKS, launch->docker,
				  "'%s' is no program that can be executed; chmod +x it",
				  launch->program);
	return launch_say(launch, LAUNCH_LACKS, launch->docker, "%s",
			  strchr(launch->docker, '/')
				  ? "No such file or directory; name the program that is there"
				  : "not found in PATH; install it, or name it with its path");
}
