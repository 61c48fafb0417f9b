/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_files.c - folders and files that dockerd, its containers and their users expect
 *
 * In:    the tree as it is
 * Out:   what is missing, and only that: folders, links, defaults (/usr/etc, NAME.dist), accounts,
 *        names, /etc/resolv.conf, dockerd's settings file
 * Facts: hier(7); passwd(5), group(5), hosts(5), resolv.conf(5). A file that somebody has put there
 *        is never touched, an empty one neither
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "aside.h"
#include "daemon_json.h"
#include "dockerd_words.h"
#include "dockerlaunch_place.h"
#include "lib/file.h"

#define MOST_BYTES (16 << 20)
#define MOST_DEPTH 8
#define DEFAULTS "/usr/etc"

// clang-format off
static const struct {
	const char *path;
	mode_t mode;
} folder_rows[] = {
	{ "/tmp",       01777 },
	{ "/var",       0755 },
	{ "/etc",       0755 },
	{ "/usr/lib",   0755 },
	{ "/usr/sbin",  0755 },
	{ "/root",      0700 },
	{ "/root/.ssh", 0700 },
};

static const struct {
	const char *target, *path;
} link_rows[] = {
	{ "usr/lib",  "/lib" },
	{ "usr/sbin", "/sbin" },
};

/* programs that may have a default beside their name; dockerd itself: dockerlaunch_program.c */
static const char *const programs[] = { "docker", "iptables", "ip6tables", "modprobe" };
static const char *const program_folders[] = { "/usr/bin", "/usr/sbin", "/bin", "/sbin" };
/* where NAME.dist stands for NAME */
static const char *const file_folders[] = { "/etc", "/etc/docker", "/etc/ssl/certs" };
// clang-format on

static int say_failed(struct launch *launch, const char *path, int error)
{
	return launch_say(launch, LAUNCH_WITHOUT, path, "cannot be made: %s%s", strerror(-error),
			  error == -EROFS ? "; mount its folder writable" : "");
}

/* ---- folders and links ---- */

static int make_folder(struct launch *launch, const char *path, mode_t mode)
{
	int r = 0;

	if (is_there(path))
		return launch_say(launch, LAUNCH_HAS, path, "there");
	if (launch_changes(launch)) {
		r = directory_make(path, mode);
		/* whatever the umask says */
		if (r == 0 && chmod(path, mode) < 0)
			r = -errno;
	}
	return r < 0 ? say_failed(launch, path, r)
		     : launch_say(launch, LAUNCH_MAKES, path, "a folder, mode %04o",
				  (unsigned)mode);
}

static int make_link(struct launch *launch, const char *path, const char *target)
{
	if (launch_changes(launch) && symlink(target, path) < 0)
		return say_failed(launch, path, -errno);
	return launch_say(launch, LAUNCH_MAKES, path, "a link to '%s'", target);
}

static int make_tree(struct launch *launch)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(folder_rows); i++)
		r = make_folder(launch, folder_rows[i].path, folder_rows[i].mode);
	for (size_t i = 0; r == 0 && i < COUNT_OF(link_rows); i++)
		r = is_there(link_rows[i].path)
			    ? launch_say(launch, LAUNCH_HAS, link_rows[i].path, "there")
			    : make_link(launch, link_rows[i].path, link_rows[i].target);
	return r < 0 ? r : make_folder(launch, launch->data_root, 0711);
}

/* ---- a file, whole or not at all, where there is none ---- */

static int file_make(const char *path, const void *content, size_t size, mode_t mode)
{
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	int r;

	text_add_bytes(&folder, path, (size_t)(base_name(path) - path));
	r = folder.length > 1 ? directory_make(text_string(&folder), 0755) : 0;
	return r < 0 ? r : file_replace(path, content, size, mode, false);
}

static int write_missing(struct launch *launch, const char *path, const char *content, mode_t mode,
			 const char *why)
{
	int r;

	if (is_there(path))
		return launch_say(launch, LAUNCH_HAS, path, "there");
	r = launch_changes(launch) ? file_make(path, content, strlen(content), mode) : 0;
	return r < 0 ? say_failed(launch, path, r)
		     : launch_say(launch, LAUNCH_MAKES, path, "%s", why);
}

/* ---- defaults that may be overridden ---- */

static int copy_default(struct launch *launch, const char *from, const char *to)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	struct stat status;
	int r;

	if (is_there(to))
		return 0;
	r = stat(from, &status) < 0 ? -errno : file_read(AT_FDCWD, from, MOST_BYTES, &content);
	if (r == 0 && launch_changes(launch))
		r = file_make(to, text_string(&content), content.length, status.st_mode & 0777);
	return r < 0 ? say_failed(launch, to, r)
		     : launch_say(launch, LAUNCH_MAKES, to, "from '%s'", from);
}

/* NAME.dist of a folder */
static int take_dist(struct launch *launch, const char *folder)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	int r = 0;

	names_in(folder, &names);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		CLEANUP(text_free) struct text from = TEXT_EMPTY, to = TEXT_EMPTY;
		size_t length = strlen(names.items[i]);

		if (!text_ends_with(names.items[i], ".dist") || length == strlen(".dist"))
			continue;
		text_format(&from, "%s/%s", folder, names.items[i]);
		text_add_bytes(&to, text_string(&from), from.length - strlen(".dist"));
		if (is_regular(text_string(&from)))
			r = copy_default(launch, text_string(&from), text_string(&to));
	}
	return r;
}

/* all of /usr/etc that /etc has not; @below: a path in both */
static int take_defaults(struct launch *launch, const char *below, int depth)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	int r = 0;

	text_format(&folder, DEFAULTS "%s", below);
	names_in(text_string(&folder), &names);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		CLEANUP(text_free)
		struct text from = TEXT_EMPTY, to = TEXT_EMPTY, path = TEXT_EMPTY;
		struct stat status;

		text_format(&path, "%s/%s", below, names.items[i]);
		text_format(&from, DEFAULTS "%s", text_string(&path));
		text_format(&to, "/etc%s", text_string(&path));
		if (stat(text_string(&from), &status) < 0)
			continue;
		if (S_ISDIR(status.st_mode) && depth < MOST_DEPTH)
			r = take_defaults(launch, text_string(&path), depth + 1);
		else if (S_ISREG(status.st_mode))
			r = copy_default(launch, text_string(&from), text_string(&to));
	}
	return r;
}

static bool is_program(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(program_folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/%s", program_folders[i], name);
		if (is_there(text_string(&path)))
			return true;
	}
	return false;
}

static int take_program(struct launch *launch, const char *name)
{
	for (size_t i = 0; !is_program(name) && i < COUNT_OF(program_folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY, other = TEXT_EMPTY;

		text_format(&path, "%s/%s", program_folders[i], name);
		text_format(&other, "%s.dist", text_string(&path));
		if (is_there(text_string(&other)))
			return make_link(launch, text_string(&path),
					 base_name(text_string(&other)));
	}
	return 0;
}

/* ---- accounts and names ---- */

static int write_accounts(struct launch *launch)
{
	CLEANUP(text_free) struct text passwd = TEXT_EMPTY;
	int r;

	text_format(&passwd, "root:x:0:0:root:/root:%s\n",
		    access("/bin/sh", X_OK) == 0 ? "/bin/sh" : "/sbin/nologin");
	r = write_missing(launch, "/etc/passwd", text_string(&passwd), 0644, "with root");
	return r < 0 ? r : write_missing(launch, "/etc/group", "root:x:0:\n", 0644, "with root");
}

static int write_hosts(struct launch *launch)
{
	CLEANUP(text_free) struct text hosts = TEXT_EMPTY;
	char name[HOST_NAME_MAX + 1] = "";

	text_add(&hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
	if (gethostname(name, sizeof(name) - 1) == 0 && *name && !text_equal(name, "localhost") &&
	    !text_equal(name, "(none)"))
		text_format(&hosts, "127.0.1.1 %s\n", name);
	return write_missing(launch, "/etc/hosts", text_string(&hosts), 0644,
			     "loopback and this host's name");
}

static int write_resolver(struct launch *launch)
{
	const char *const *servers = launch->settings->name_servers;
	const char *const *domains = launch->settings->domains;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;

	if (domains && domains[0])
		text_add(&content, "search");
	for (size_t i = 0; domains && domains[i]; i++)
		text_format(&content, " %s%s", domains[i], domains[i + 1] ? "" : "\n");
	for (size_t i = 0; servers && servers[i]; i++)
		text_format(&content, "nameserver %s\n", servers[i]);
	if (!content.length && !is_there("/etc/resolv.conf"))
		return launch_say(launch, LAUNCH_WITHOUT, "/etc/resolv.conf",
				  "missing, and no name server is known; name one with --dns");
	return write_missing(launch, "/etc/resolv.conf", text_string(&content), 0644,
			     "from --dns and --search");
}

/* one that is named must be there, or dockerd ends */
static int write_settings(struct launch *launch)
{
	struct dockerd_option option;

	if (!dockerd_words_find(launch->words.items, "config-file", &option) || !option.value)
		return 0;
	return write_missing(launch, option.value, "{}\n", 0600, "empty settings for dockerd");
}

int launch_files(struct launch *launch)
{
	int r = make_tree(launch);

	for (size_t i = 0; r == 0 && i < COUNT_OF(programs); i++)
		r = take_program(launch, programs[i]);
	for (size_t i = 0; r == 0 && i < COUNT_OF(file_folders); i++)
		r = take_dist(launch, file_folders[i]);
	if (r == 0)
		r = take_defaults(launch, "", 0);
	if (r == 0)
		r = write_accounts(launch);
	if (r == 0)
		r = write_hosts(launch);
	if (r == 0)
		r = write_resolver(launch);
	return r < 0 ? r : write_settings(launch);
}
