/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ls.c - mkinitrd ls: what an image holds
 *
 * In:    an image, whoever made it, and paths to which the list is narrowed
 * Out:   a path a line in the image's order, escaped as `ls -b` does; with -v segment, mode, owner,
 *        size, time and symlink target, and a line a segment at the end; with --json an array of
 *        objects, for which the image is read twice: its manifest, which knows the capabilities
 *        that files had, is at its end
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "compress.h"
#include "escape.h"
#include "fail.h"
#include "image.h"
#include "manifest_json.h"
#include "options.h"
#include "wanted.h"

// clang-format off
static const struct {
	mode_t type;
	char letter;
	const char *name;
} types[] = {
	{ S_IFREG,  '-', "file" },
	{ S_IFDIR,  'd', "directory" },
	{ S_IFLNK,  'l', "symlink" },
	{ S_IFCHR,  'c', "character device" },
	{ S_IFBLK,  'b', "block device" },
	{ S_IFIFO,  'p', "fifo" },
	{ S_IFSOCK, 's', "socket" },
};
// clang-format on

/* the row of @mode's type; an archive may hold nonsense, which is shown as such */
static size_t type_index(mode_t mode)
{
	size_t i = 0;

	while (i < COUNT_OF(types) && types[i].type != (mode & S_IFMT))
		i++;
	return i;
}

static char type_letter(mode_t mode)
{
	size_t i = type_index(mode);

	return i < COUNT_OF(types) ? types[i].letter : '?';
}

/* "-rwsr-xr-x" */
static void format_mode(mode_t mode, char *letters)
{
	static const char bits[] = "rwxrwxrwx";
	static const struct {
		mode_t bit;
		size_t place;
		char with_x, without_x;
	} special[] = { { S_ISUID, 3, 's', 'S' },
			{ S_ISGID, 6, 's', 'S' },
			{ S_ISVTX, 9, 't', 'T' } };

	letters[0] = type_letter(mode);
	for (size_t i = 0; i < 9; i++)
		letters[i + 1] = mode & (0400u >> i) ? bits[i] : '-';
	for (size_t i = 0; i < COUNT_OF(special); i++)
		if (mode & special[i].bit)
			letters[special[i].place] = letters[special[i].place] == 'x'
							    ? special[i].with_x
							    : special[i].without_x;
	letters[10] = '\0';
}

/* what a device stands for takes the place of its size */
static void add_size(struct text *line, const struct image_entry *entry)
{
	char numbers[32];

	(void)snprintf(numbers, sizeof(numbers), "%u,%u", entry->special_major,
		       entry->special_minor);
	if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode))
		text_format(line, "%10s ", numbers);
	else
		text_format(line, "%10llu ", (unsigned long long)entry->size);
}

/* "2023-11-14 22:13:20 ", in UTC */
static void add_time(struct text *line, int64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm parts;
	char string[32];

	if (gmtime_r(&time, &parts) && strftime(string, sizeof(string), "%F %T ", &parts))
		text_add(line, string);
}

static void print_line(const struct image_entry *entry)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	char letters[11];

	if (verbosity_get() >= VERBOSE) {
		format_mode(entry->mode, letters);
		text_format(&line, "%u %s %u/%u ", entry->segment, letters, entry->uid, entry->gid);
		add_size(&line, entry);
		add_time(&line, entry->mtime);
	}
	escape_name(&line, entry->path);
	if (verbosity_get() >= VERBOSE && entry->target) {
		text_add(&line, " -> ");
		escape_name(&line, entry->target);
	}
	if (verbosity_get() >= VERBOSE && entry->nlink > 1 && !S_ISDIR(entry->mode))
		text_format(&line, " (one of %u links)", entry->nlink);
	printf("%s\n", text_string(&line));
}

/* a name that is not UTF-8 cannot stand in JSON: it comes escaped, under a key that says so */
static int json_set_name(json_t *object, const char *key, const char *escaped_key, const char *name)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	if (manifest_text_fits(name))
		return json_object_set_new(object, key, json_string(name));
	escape_name(&text, name);
	return json_object_set_new(object, escaped_key, json_string(text_string(&text)));
}

/* what the manifest of the image knows and the image itself cannot keep */
static int json_set_attributes(json_t *object, const struct manifest *manifest,
			       const struct image_entry *entry)
{
	const struct entry *known = manifest ? manifest_find(manifest, entry->path) : NULL;
	int r = 0;

	if (known && S_ISREG(entry->mode) && known->capabilities)
		r = json_object_set_new(object, "capabilities", json_string(known->capabilities));
	if (r == 0 && known && known->xattrs.count)
		r = json_object_set_new(object, "xattrs", xattrs_to_json(&known->xattrs));
	return r;
}

/* two entries of one segment with the same inode are one file */
static int json_set_links(json_t *object, const struct image_entry *entry)
{
	int r = json_object_set_new(object, "nlink", json_integer(entry->nlink));

	return r < 0 ? r
		     : json_object_set_new(object, "inode", json_integer((json_int_t)entry->inode));
}

static int print_json(const struct image_entry *entry, const struct manifest *manifest,
		      bool is_first)
{
	size_t type = type_index(entry->mode);
	json_t *object = json_object();
	char mode[8];
	char *string = NULL;
	int r;

	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)entry->mode & 07777);
	r = object ? json_set_name(object, "path", "path_escaped", entry->path) : -1;
	if (r == 0)
		r = json_object_set_new(
			object, "type",
			json_string(type < COUNT_OF(types) ? types[type].name : "unknown"));
	if (r == 0)
		r = json_object_set_new(object, "mode", json_string(mode));
	if (r == 0)
		r = json_object_set_new(object, "uid", json_integer(entry->uid));
	if (r == 0)
		r = json_object_set_new(object, "gid", json_integer(entry->gid));
	if (r == 0)
		r = json_object_set_new(object, "size", json_integer((json_int_t)entry->size));
	if (r == 0)
		r = json_object_set_new(object, "mtime", json_integer(entry->mtime));
	if (r == 0)
		r = json_object_set_new(object, "segment", json_integer(entry->segment));
	if (r == 0)
		r = json_object_set_new(object, "compression",
					json_string(compression_name(entry->compression)));
	if (r == 0 && (S_ISCHR(entry->mode) || S_ISBLK(entry->mode)))
		r = json_object_set_new(object, "device",
					json_pack("[I, I]", (json_int_t)entry->special_major,
						  (json_int_t)entry->special_minor));
	if (r == 0 && entry->target)
		r = json_set_name(object, "target", "target_escaped", entry->target);
	if (r == 0 && entry->nlink > 1 && !S_ISDIR(entry->mode))
		r = json_set_links(object, entry);
	if (r == 0)
		r = json_set_attributes(object, manifest, entry);
	if (r == 0)
		string = json_dumps(object, JSON_COMPACT);
	if (string)
		printf("%s%s", is_first ? "" : ",\n", string);
	free(string);
	json_decref(object);
	return string ? 0 : fail(-ENOMEM, "cannot show '%s'", entry->path);
}

/* what was seen of the segment at hand */
struct tally {
	bool is_any;
	unsigned segment;
	enum compression compression;
	uint64_t offset, entries, bytes;
};

/* -v: a line about a segment that is over */
static void tally_print(const struct tally *tally)
{
	if (tally->is_any)
		note("segment %u from byte %llu, %s: %llu entries, %llu bytes", tally->segment,
		     (unsigned long long)tally->offset,
		     tally->compression ? compression_name(tally->compression) : "not compressed",
		     (unsigned long long)tally->entries, (unsigned long long)tally->bytes);
}

static void tally_add(struct tally *tally, const struct image_entry *entry)
{
	if (!tally->is_any || tally->segment != entry->segment ||
	    tally->compression != entry->compression) {
		tally_print(tally);
		*tally = (struct tally){ true, entry->segment, entry->compression, entry->offset, 0,
					 0 };
	}
	tally->entries++;
	tally->bytes += S_ISREG(entry->mode) ? entry->size : 0;
}

/* @manifest: of the image, or NULL */
static int list(struct image_reader *reader, struct wanted *wanted, const struct manifest *manifest,
		bool as_json)
{
	struct tally tally = { 0 };
	struct image_entry entry;
	bool is_first = true;
	int r;

	if (as_json)
		printf("[");
	while ((r = image_next(reader, &entry)) == 1) {
		tally_add(&tally, &entry);
		if (!wanted_has(wanted, entry.path))
			continue;
		if (!as_json)
			print_line(&entry);
		else if (print_json(&entry, manifest, is_first) < 0)
			return -ENOMEM;
		is_first = false;
	}
	if (as_json)
		printf("]\n");
	(void)fflush(stdout);
	tally_print(&tally);
	return r;
}

static int ls(const struct options *options)
{
	const struct strings *arguments = &options->arguments;
	const char *image = arguments->items[0];
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(wanted_free) struct wanted wanted = WANTED_EMPTY;
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	int r = wanted_set(&wanted, arguments->items + 1, arguments->count - 1);
	int damaged = 0;

	if (r < 0)
		return fail(r, "cannot list '%s'", image);
	r = image_open(image, &reader);
	if (r < 0)
		return r;
	image_keep_parents(reader);
	if (options->json)
		damaged = image_peek_manifest(image, &manifest);
	r = list(reader, &wanted, manifest, options->json);
	if (r == 0)
		r = damaged;
	if (r < 0)
		return r;
	r = wanted_missed(&wanted, image);
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(-errno, "cannot write the list");
	return r;
}

int cmd_ls(const struct options *options)
{
	if (options->arguments.count == 0) {
		(void)fail(0, "ls: no image given; use: mkinitrd ls IMAGE [PATH...]");
		return EXIT_USAGE;
	}
	return ls(options) < 0 ? EXIT_FAILED : EXIT_DONE;
}
