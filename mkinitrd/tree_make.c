/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_make.c - trees that a command makes, and where they are kept (see tree_make.h)
 *
 * In:    an argument list
 * Out:   a tar
 * Not:   what is in it (tree_file.c)
 * Facts: the XDG Base Directory Specification: $XDG_CACHE_HOME, relative ones do not count;
 *        reproducible-builds.org: SOURCE_DATE_EPOCH, which mmdebstrap and others follow
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "container_archive.h"
#include "fail.h"
#include "process.h"
#include "tree_make.h"
#include "../init/lib/file.h"

struct make {
	const struct strings *arguments;
	const char *label;
	char *folder; /* of the cache */
	int folder_fd;
	char *name;      /* HEX.tar */
	char *temporary; /* .HEX.tar while it is written */
};

static void make_free(struct make *make)
{
	fd_close(&make->folder_fd);
	memory_free(&make->folder);
	memory_free(&make->name);
	memory_free(&make->temporary);
}

static int cache_folder(char **ret_path)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (cache && *cache == '/')
		text_add(&path, cache);
	else if (geteuid() == 0)
		text_add(&path, "/var/cache");
	else if (home && *home == '/')
		text_format(&path, "%s/.cache", home);
	else
		return fail(0, "cannot tell where trees are to be kept; set XDG_CACHE_HOME");
	text_add(&path, "/mkinitrd/trees");
	return text_take(&path, ret_path);
}

/* the name of what these arguments make */
static int make_names(struct make *make)
{
	CLEANUP(text_free) struct text all = TEXT_EMPTY;
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	CLEANUP(text_free) struct text temporary = TEXT_EMPTY;
	char hex[SHA256_SIZE * 2 + 1];
	int r;

	for (size_t i = 0; i < make->arguments->count; i++)
		text_add_bytes(&all, make->arguments->items[i],
			       strlen(make->arguments->items[i]) + 1);
	r = all.failed ? -ENOMEM : sha256_hex(text_string(&all), all.length, hex);
	if (r < 0)
		return r;
	text_format(&name, "%s.tar", hex);
	text_format(&temporary, ".%s.tar", hex);
	r = text_take(&name, &make->name);
	return r < 0 ? r : text_take(&temporary, &make->temporary);
}

/* @argument with the path in the place of MAKE_OUTPUT */
static int fill_argument(const struct make *make, const char *argument, struct strings *argv,
			 bool *has_output)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *filled = NULL;
	const char *at;
	int r;

	while ((at = strstr(argument, MAKE_OUTPUT)) != NULL) {
		text_add_bytes(&text, argument, (size_t)(at - argument));
		text_format(&text, "%s/%s", make->folder, make->temporary);
		argument = at + strlen(MAKE_OUTPUT);
		*has_output = true;
	}
	text_add(&text, argument);
	r = text_take(&text, &filled);
	return r < 0 ? r : strings_take_in(argv, text_pointer_take(&filled));
}

static int make_run(const struct make *make)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	CLEANUP(text_free) struct text ended = TEXT_EMPTY;
	CLEANUP(fd_close) int stdout_fd = -1;
	bool has_output = false;
	int r = 0, status = 0;

	for (size_t i = 0; r == 0 && i < make->arguments->count; i++)
		r = fill_argument(make, make->arguments->items[i], &argv, &has_output);
	(void)unlinkat(make->folder_fd, make->temporary, 0);
	if (r == 0 && !has_output) {
		stdout_fd = openat(make->folder_fd, make->temporary,
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		r = stdout_fd < 0 ? -errno : 0;
	}
	if (r < 0 || !argv.items)
		return fail(r < 0 ? r : -ENOMEM, "cannot make %s in '%s'", make->label,
			    make->folder);
	(void)setenv("SOURCE_DATE_EPOCH", "0", 0);
	say("%s: running %s; what it makes is kept ('--refresh' makes it again)", make->label,
	    argv.items[0]);
	r = process_run(argv.items, NULL, stdout_fd, &output, &status);
	if (r < 0)
		return fail(r, "cannot make %s: cannot run '%s'", make->label, argv.items[0]);
	if (status == 0)
		return 0;
	process_show(&output);
	process_describe(status, &ended);
	return fail(0, "cannot make %s: '%s' %s (its output is above)", make->label, argv.items[0],
		    text_string(&ended));
}

/* what was made, under its name */
static int make_keep(const struct make *make)
{
	CLEANUP(fd_close)
	int fd = openat(make->folder_fd, make->temporary,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
		return fail(0,
			    "cannot make %s: '%s' has made no tar; it is to write '%s', or to "
			    "print it",
			    make->label, make->arguments->items[0], MAKE_OUTPUT);
	if (fsync(fd) < 0 ||
	    renameat(make->folder_fd, make->temporary, make->folder_fd, make->name) < 0)
		return fail(-errno, "cannot keep %s in '%s'", make->label, make->folder);
	return 0;
}

static int make_open(const struct make *make)
{
	int fd = openat(make->folder_fd, make->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int tree_make(const struct strings *arguments, const char *label, bool is_refresh)
{
	CLEANUP(make_free)
	struct make make = { .arguments = arguments, .label = label, .folder_fd = -1 };
	CLEANUP(fd_close) int lock_fd = -1;
	int fd, r = cache_folder(&make.folder);

	if (r == 0)
		r = make_names(&make);
	if (r == 0)
		r = directory_make(make.folder, 0700);
	if (r < 0 || !make.folder)
		return fail(r < 0 ? r : -ENOMEM, "cannot keep trees in '%s'",
			    make.folder ? make.folder : "");
	make.folder_fd = open(make.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lock_fd = make.folder_fd < 0 ? -1
				     : openat(make.folder_fd, "lock",
					      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* two builds at once: the second one finds what the first has made */
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX) < 0)
		return fail(-errno, "cannot keep trees in '%s'", make.folder);
	fd = is_refresh ? -ENOENT : make_open(&make);
	if (fd >= 0)
		note("%s: taken from '%s/%s'", label, make.folder, make.name);
	if (fd != -ENOENT)
		return fd < 0 ? fail(fd, "cannot read '%s/%s'", make.folder, make.name) : fd;
	r = make_run(&make);
	if (r == 0)
		r = make_keep(&make);
	if (r < 0) {
		(void)unlinkat(make.folder_fd, make.temporary, 0);
		return r;
	}
	fd = make_open(&make);
	return fd < 0 ? fail(fd, "cannot read '%s/%s'", make.folder, make.name) : fd;
}
