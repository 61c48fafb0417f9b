/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ls.c - mkinitrd ls: what an image holds
 *
 * In:    an image, whoever made it, and paths to which the list is narrowed
 * Out:   a path a line in the image's order, escaped as `ls -b` does; with -v mode, owner, size and
 *        symlink target; with --json an array of objects
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "fail.h"
#include "image.h"
#include "options.h"

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

static void print_line(const struct image_entry *entry)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	char letters[11];

	if (verbosity_get() >= VERBOSE) {
		format_mode(entry->mode, letters);
		text_format(&line, "%s %u/%u %10llu ", letters, entry->uid, entry->gid,
			    (unsigned long long)entry->size);
	}
	escape_name(&line, entry->path);
	if (verbosity_get() >= VERBOSE && entry->target) {
		text_add(&line, " -> ");
		escape_name(&line, entry->target);
	}
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

static int print_json(const struct image_entry *entry, bool is_first)
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
	if (r == 0 && entry->target)
		r = json_set_name(object, "target", "target_escaped", entry->target);
	if (r == 0)
		string = json_dumps(object, JSON_COMPACT);
	if (string)
		printf("%s%s", is_first ? "" : ",\n", string);
	free(string);
	json_decref(object);
	return string ? 0 : fail(-ENOMEM, "cannot show '%s'", entry->path);
}

/* "/usr/", "./usr" and "usr" are the same to the user: the path as an entry has it, into @text */
static void tidy(const char *path, struct text *text)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length && !(length == 1 && path[0] == '.')) {
			if (text->length)
				text_add_char(text, '/');
			text_add_bytes(text, path, length);
		}
		path += length;
		path += *path == '/';
	}
}

static bool is_at_or_below(const char *path, const char *top)
{
	const char *rest = text_after(path, top);

	return *top == '\0' || (rest && (*rest == '\0' || *rest == '/'));
}

/* marks each wanted path that @path answers. Return: whether there is one */
static bool is_wanted(const struct strings *wanted, bool *is_found, const char *path)
{
	bool result = wanted->count == 0;

	for (size_t i = 0; i < wanted->count; i++) {
		if (!is_at_or_below(path, wanted->items[i]))
			continue;
		is_found[i] = true;
		result = true;
	}
	return result;
}

static int list(struct image_reader *reader, const struct strings *wanted, bool *is_found,
		bool as_json)
{
	struct image_entry entry;
	bool is_first = true;
	int r;

	if (as_json)
		printf("[");
	while ((r = image_next(reader, &entry)) == 1) {
		if (!is_wanted(wanted, is_found, entry.path))
			continue;
		if (!as_json)
			print_line(&entry);
		else if (print_json(&entry, is_first) < 0)
			return -ENOMEM;
		is_first = false;
	}
	if (as_json)
		printf("]\n");
	return r;
}

static int ls(const struct options *options)
{
	const struct strings *arguments = &options->arguments;
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(strings_free) struct strings wanted = STRINGS_EMPTY;
	CLEANUP(memory_free) bool *is_found = calloc(arguments->count, sizeof(bool));
	int r;

	if (!is_found)
		return fail(-ENOMEM, "cannot list '%s'", arguments->items[0]);
	for (size_t i = 1; i < arguments->count; i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		tidy(arguments->items[i], &path);
		r = strings_add(&wanted, text_string(&path));
		if (r < 0)
			return fail(r, "cannot list '%s'", arguments->items[0]);
	}
	r = image_open(arguments->items[0], &reader);
	if (r == 0)
		r = list(reader, &wanted, is_found, options->json);
	if (r < 0)
		return r;
	for (size_t i = 0; i < wanted.count; i++)
		if (!is_found[i])
			r = fail(0, "'%s' is not in '%s'", arguments->items[i + 1],
				 arguments->items[0]);
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
