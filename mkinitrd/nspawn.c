/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nspawn.c - a tree as a machine of systemd: what it must have, and where its settings lie (see
 * nspawn.h)
 *
 * In:    the finished manifest, "run:"
 * Out:   /etc/systemd/nspawn/NAME.nspawn, a drop-in of systemd-nspawn@NAME.service
 * Not:   what is in them (nspawn_settings.c), the tree (dir_write.c)
 * Facts: systemd-nspawn(1): what has no os-release is no OS tree; its file ".#NAME.lck" beside the
 *        tree is locked while the machine runs
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "nspawn.h"
#include "../init/lib/file.h"

#define MACHINES "/var/lib/machines"
#define SETTINGS "/etc/systemd/nspawn"
#define UNITS "/etc/systemd/system"
#define VOLUMES "/var/lib/mkinitrd/volumes"
#define MARK "# made by mkinitrd, and made anew by it\n"
#define SETTINGS_MOST (1 << 20)
#define NAME_LIMIT 64 /* HOST_NAME_MAX */

void nspawn_free(struct nspawn *nspawn)
{
	memory_free(&nspawn->tree);
	fd_close(&nspawn->lock_fd);
	text_free(&nspawn->settings);
	text_free(&nspawn->limits);
}

/* ---- what must be right ---- */

static bool name_is_valid(const char *name)
{
	size_t length = 0;

	while (isalnum((unsigned char)name[length]) ||
	       (length && (name[length] == '-' || name[length] == '.' || name[length] == '_')))
		length++;
	return length && length <= NAME_LIMIT && name[length] == '\0' && !strstr(name, "..") &&
	       name[length - 1] != '.' && name[length - 1] != '-';
}

static bool has_file(const struct manifest *manifest, const char *path)
{
	CLEANUP(memory_free) char *place = NULL;
	const struct entry *entry = NULL;

	if (manifest_canonical(manifest, path, true, &place) == 0)
		entry = manifest_find(manifest, place);
	return entry && entry->type == ENTRY_FILE;
}

/* where systemd-nspawn looks for one: systemd-nspawn(1), --boot */
static bool has_init(const struct manifest *manifest)
{
	return has_file(manifest, "/usr/lib/systemd/systemd") ||
	       has_file(manifest, "/lib/systemd/systemd") || has_file(manifest, "/sbin/init");
}

static int check_tree(const struct build *build)
{
	const struct manifest *manifest = build->resolve.manifest;
	const struct run_settings *run = &build->run;
	bool has_command = run->exec.count || run->arguments.count;

	if (!has_file(manifest, "/etc/os-release") && !has_file(manifest, "/usr/lib/os-release"))
		return fail(0, "the tree has no os-release, without which systemd-nspawn takes it "
			       "for no system; include the profile nspawn, or give it one: files: "
			       "/etc/os-release");
	if (run->init == RUN_INIT_BOOT && !has_init(manifest))
		return fail_at(&run->at,
			       "'run: init: boot', but the tree has no init (searched: "
			       "/usr/lib/systemd/systemd, /lib/systemd/systemd, /sbin/init); give "
			       "it one, or name a program: run: exec:");
	if (!has_command && !has_init(manifest))
		return fail(0,
			    "the tree has neither a command nor an init (searched: "
			    "/usr/lib/systemd/systemd, /lib/systemd/systemd, /sbin/init); name a "
			    "program: run: exec:");
	return 0;
}

/* the machine that is there must not run. Its lock is held from now on */
static int check_idle(struct nspawn *nspawn)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	text_format(&path, "%s" MACHINES "/.#%s.lck", nspawn->host_root, nspawn->name);
	nspawn->lock_fd = open(text_string(&path), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (nspawn->lock_fd < 0)
		return 0;
	if (flock(nspawn->lock_fd, LOCK_EX | LOCK_NB) < 0 ||
	    fcntl(nspawn->lock_fd, F_OFD_SETLK, &lock) < 0)
		return fail(0,
			    "machine '%s' runs, and would lose its tree; end it first: machinectl "
			    "poweroff %s",
			    nspawn->name, nspawn->name);
	return 0;
}

static void settings_path(const struct nspawn *nspawn, struct text *path)
{
	text_format(path, "%s" SETTINGS "/%s.nspawn", nspawn->host_root, nspawn->name);
}

/* what somebody wrote by hand stays */
static int check_settings(struct nspawn *nspawn, bool is_forced)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY, content = TEXT_EMPTY;
	int r;

	settings_path(nspawn, &path);
	r = file_read(AT_FDCWD, text_string(&path), SETTINGS_MOST, &content);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return fail(r, "cannot read '%s'", text_string(&path));
	nspawn->is_ours = text_after(text_string(&content), MARK) != NULL;
	if (!nspawn->is_ours && !is_forced)
		return fail(0,
			    "'%s' was not made by mkinitrd; move it away, or replace it with "
			    "--force",
			    text_string(&path));
	return 0;
}

/* What the manager is to know. Where our init is booted and starts the program as "run:" says, it
 * needs none of that, and tells when the program is ready. */
static int make_settings(struct nspawn *nspawn, const struct build *build, const char *volumes)
{
	const struct value *main_value = value_get(build->profile.root, "boot", "main", NULL);
	struct run_settings run = build->run; /* what it points to stays the build's */

	if (run.init == RUN_INIT_BOOT && value_get(main_value, "like", NULL)) {
		run.exec = run.arguments = run.env = STRINGS_EMPTY;
		run.user = run.directory = run.stop_signal = NULL;
	}
	text_add(&nspawn->settings, MARK);
	if (run.init == RUN_INIT_BOOT && main_value)
		text_add(&nspawn->settings, "[Exec]\nNotifyReady=yes\n\n");
	return nspawn_settings(&run, has_init(build->resolve.manifest), volumes, &nspawn->settings);
}

int nspawn_prepare(struct nspawn *nspawn, const struct build *build)
{
	CLEANUP(text_free) struct text tree = TEXT_EMPTY, volumes = TEXT_EMPTY;
	int r = 0;

	if (!name_is_valid(nspawn->name))
		return fail(0,
			    "'%s' is no name for a machine: letters, digits, '-', '_' and '.', at "
			    "most %d",
			    nspawn->name, NAME_LIMIT);
	text_format(&tree, "%s" MACHINES "/%s", nspawn->host_root, nspawn->name);
	text_format(&volumes, VOLUMES "/%s", nspawn->name);
	r = text_take(&tree, &nspawn->tree);
	if (r < 0 || volumes.failed)
		return fail(-ENOMEM, "cannot place the machine '%s'", nspawn->name);
	r = check_tree(build);
	if (r == 0)
		r = check_settings(nspawn, build->options->force);
	if (r == 0)
		r = check_idle(nspawn);
	if (r < 0)
		return r;
	r = make_settings(nspawn, build, text_string(&volumes));
	if (r == 0)
		r = nspawn_limits(&build->run, &nspawn->limits);
	return r;
}

/* ---- where it lies ---- */

/* @content as the file @path, whole or not at all; "": no file */
static int put_file(const char *folder, const char *name, const struct text *content)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY, partial = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	int r = content->length ? directory_make(folder, 0755) : 0;

	text_format(&path, "%s/%s", folder, name);
	text_format(&partial, "%s/.%s.mkinitrd", folder, name);
	if (path.failed || partial.failed)
		r = -ENOMEM;
	if (r == 0 && content->length == 0)
		return unlink(text_string(&path)) < 0 && errno != ENOENT && errno != ENOTDIR
			       ? fail(-errno, "cannot remove '%s'", text_string(&path))
			       : 0;
	(void)unlink(text_string(&partial)); /* of a run that was killed */
	if (r == 0) {
		fd = open(text_string(&partial), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		r = fd < 0 || fchmod(fd, 0644) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = file_write_fd(fd, text_string(content), content->length);
	if (r == 0 && (fsync(fd) < 0 || rename(text_string(&partial), text_string(&path)) < 0))
		r = -errno;
	if (r < 0)
		(void)unlink(text_string(&partial));
	return r < 0 ? fail(r, "cannot write '%s'", text_string(&path)) : 0;
}

/* a folder for each, with the owner and the mode that the tree has there; what is in one stays */
static int make_volumes(const struct nspawn *nspawn, const struct build *build)
{
	const struct run_settings *run = &build->run;

	for (size_t i = 0; i < run->volumes.count; i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(memory_free) char *place = NULL;
		const struct entry *entry = NULL;
		struct stat status;
		int r;

		text_format(&path, "%s" VOLUMES "/%s/", nspawn->host_root, nspawn->name);
		nspawn_volume_folder(run->volumes.items[i], &path);
		if (path.failed)
			return fail(-ENOMEM, "cannot make volumes");
		if (lstat(text_string(&path), &status) == 0)
			continue;
		if (manifest_canonical(build->resolve.manifest, run->volumes.items[i], true,
				       &place) == 0)
			entry = manifest_find(build->resolve.manifest, place);
		r = directory_make(text_string(&path), entry ? entry->mode & 07777 : 0755);
		if (r == 0 && entry && entry->uid + entry->gid &&
		    chown(text_string(&path), entry->uid, entry->gid) < 0)
			r = -errno;
		if (r < 0)
			return fail(r, "cannot make '%s'", text_string(&path));
	}
	return 0;
}

int nspawn_place(const struct nspawn *nspawn, const struct build *build)
{
	CLEANUP(text_free) struct text folder = TEXT_EMPTY, name = TEXT_EMPTY, drop_in = TEXT_EMPTY;
	int r = make_volumes(nspawn, build);

	text_format(&folder, "%s" SETTINGS, nspawn->host_root);
	text_format(&name, "%s.nspawn", nspawn->name);
	text_format(&drop_in, "%s" UNITS "/systemd-nspawn@%s.service.d", nspawn->host_root,
		    nspawn->name);
	if (folder.failed || name.failed || drop_in.failed)
		return fail(-ENOMEM, "cannot place the machine '%s'", nspawn->name);
	if (r == 0)
		r = put_file(text_string(&folder), text_string(&name), &nspawn->settings);
	return r < 0 ? r : put_file(text_string(&drop_in), "50-mkinitrd.conf", &nspawn->limits);
}
