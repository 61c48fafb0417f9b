/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_extract.c - mkinitrd extract: an image's files into a directory
 *
 * In:    an image, whoever made it; paths to which it is narrowed
 * Out:   files below the directory of --directory, which is made when it is missing
 * Not:   making the files (extract.c)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "extract.h"
#include "fail.h"
#include "options.h"
#include "wanted.h"

static void on_signal(int number UNUSED)
{
	extract_interrupt();
}

static bool is_empty(int fd)
{
	CLEANUP(directory_close) DIR *directory = fdopendir(dup(fd));
	const struct dirent *item;

	while (directory && (item = readdir(directory)) != NULL)
		if (!text_equal(item->d_name, ".") && !text_equal(item->d_name, ".."))
			return false;
	return true;
}

static int open_top(const char *path, bool force, int *ret_fd)
{
	CLEANUP(fd_close) int fd = -1;

	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return fail(-errno, "cannot make directory '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(-errno, "cannot open directory '%s'", path);
	if (!force && !is_empty(fd))
		return fail(0,
			    "directory '%s' is not empty; use another one, or --force to replace "
			    "what is there",
			    path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int extract_all(struct extraction *extraction, struct wanted *wanted, bool is_all)
{
	struct image_entry entry;
	int r;

	while ((r = image_next(extraction->reader, &entry)) == 1) {
		/* what it holds comes instead, unless it is asked for by name */
		if (is_all && entry.is_carrier)
			continue;
		r = extract_entry(extraction, &entry, wanted_has(wanted, entry.path));
		if (r < 0)
			return r;
	}
	return r;
}

static void summarise(const struct extraction *extraction, const char *path, int result)
{
	if (extraction->skipped)
		warn("%llu devices, fifos or sockets left out%s",
		     (unsigned long long)extraction->skipped,
		     extraction->is_root ? "" : ": only root makes them");
	if (extraction->refused)
		(void)fail(0, "%llu entries were not extracted",
			   (unsigned long long)extraction->refused);
	say("%s: %llu entries, %llu bytes%s", path, (unsigned long long)extraction->entries,
	    (unsigned long long)extraction->bytes,
	    result < 0 ? "; not complete: remove it, or go on with --force" : "");
}

static int extract(const struct options *options)
{
	const char *image = options->arguments.items[0];
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(extraction_free) struct extraction extraction = EXTRACTION_EMPTY;
	CLEANUP(wanted_free) struct wanted wanted = WANTED_EMPTY;
	struct sigaction action = { .sa_handler = on_signal };
	int r = wanted_set(&wanted, options->arguments.items + 1, options->arguments.count - 1);

	if (r < 0)
		return fail(r, "cannot extract '%s'", image);
	r = image_open(image, &reader);
	if (r == 0)
		r = open_top(options->directory, options->force, &extraction.beneath.top_fd);
	if (r < 0)
		return r;
	image_keep_parents(reader); /* one such entry is refused, the others are extracted */
	extraction.reader = reader;
	extraction.is_root = geteuid() == 0;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	r = extract_all(&extraction, &wanted, options->arguments.count == 1);
	if (r == 0)
		r = extract_finish(&extraction);
	summarise(&extraction, options->directory, r);
	if (r == 0)
		r = wanted_missed(&wanted, image);
	return r == 0 && extraction.refused ? -EPERM : r;
}

int cmd_extract(const struct options *options)
{
	if (options->arguments.count == 0 || !options->directory) {
		(void)fail(0, "extract: %s; use: mkinitrd extract IMAGE -C DIR [PATH...]",
			   options->arguments.count ? "no directory given" : "no image given");
		return EXIT_USAGE;
	}
	return extract(options) < 0 ? EXIT_FAILED : EXIT_DONE;
}
