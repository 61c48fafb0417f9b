/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - of what an image was made (see record.h)
 *
 * In:    a finished image, what its build looked at
 * Out:   text: "KEY VALUE" lines, an empty line, then one line for each sight
 * Not:   what failed (failures.c), a sight's line (sight_line.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fail.h"
#include "output.h"
#include "record.h"
#include "sight.h"
#include "../init/lib/file.h"
#include "../init/lib/number.h"

#define FIRST_LINE "mkinitrd-record 1\n"
#define HEAD_MOST 16384
#define RECORD_MOST ((size_t)256 << 20)

// clang-format off
static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{ "name",    offsetof(struct record, name) },
	{ "kernel",  offsetof(struct record, release) },
	{ "base",    offsetof(struct record, base) },
	{ "output",  offsetof(struct record, output) },
	{ "title",   offsetof(struct record, title) },
	{ "cmdline", offsetof(struct record, cmdline) },
	{ "entry",   offsetof(struct record, entry) },
	{ "copy",    offsetof(struct record, copy) },
	{ "doubt",   offsetof(struct record, doubt) },
};
// clang-format on

static char **text_at(struct record *record, size_t i)
{
	return (void *)((char *)record + texts[i].offset);
}

static const char *text_of(const struct record *record, size_t i)
{
	const char *text = *(char *const *)(const void *)((const char *)record + texts[i].offset);

	return text ? text : "";
}

void record_free(struct record *record)
{
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		memory_free(text_at(record, i));
	sight_list_free(&record->sights);
	*record = (struct record){ 0 };
}

void records_free(struct records *records)
{
	for (size_t i = 0; i < records->count; i++)
		record_free(&records->items[i]);
	free(records->items);
	*records = (struct records){ 0 };
}

/* ---- writing ---- */

static int format(const struct record *record, struct text *text)
{
	text_add(text, FIRST_LINE);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (strchr(text_of(record, i), '\n'))
			return -EINVAL;
		text_format(text, "%s %s\n", texts[i].key, text_of(record, i));
	}
	text_format(text, "listed %d\nimage %llu %llu %lld\nmade %lld\n\n", record->has_entry,
		    (unsigned long long)record->inode, (unsigned long long)record->size,
		    (long long)record->mtime, (long long)record->made);
	return sights_format(&record->sights, text);
}

static int record_path(const char *prefix, const struct record *record, struct text *path)
{
	text_format(path, "%s" RECORDS_FOLDER "/%s@%s", prefix, record->name, record->release);
	return path->failed ? -ENOMEM : 0;
}

int state_folder_make(const char *path)
{
	int r = directory_make(path, 0755);

	return r == 0 && chmod(path, 0755) < 0 ? -errno : r; /* whatever the umask is */
}

int record_save(const char *prefix, const struct record *record)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	int r = format(record, &text);

	text_format(&folder, "%s" RECORDS_FOLDER, prefix);
	if (r == 0)
		r = record_path(prefix, record, &path);
	if (r == 0)
		r = state_folder_make(text_string(&folder));
	if (r < 0)
		return fail(r, "cannot record what '%s' was made of in '%s'", record->output,
			    text_string(&folder));
	return output_write(text_string(&path), text_string(&text), text.length, 0644);
}

int record_remove(const char *prefix, const struct record *record)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = record_path(prefix, record, &path);

	if (r == 0 && unlink(text_string(&path)) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* ---- reading ---- */

static int take_number(const char *value, int64_t *ret)
{
	uint64_t number;
	int r = number_parse(value, &number);

	if (r == 0)
		*ret = (int64_t)number;
	return r;
}

static int take_image(const char *value, struct record *record)
{
	unsigned long long inode, size;
	long long mtime;

	/* NOLINTNEXTLINE(cert-err34-c): a number that does not fit is a record that does not hold
	 */
	if (sscanf(value, "%llu %llu %lld", &inode, &size, &mtime) != 3)
		return -EINVAL;
	record->inode = inode;
	record->size = size;
	record->mtime = mtime;
	return 0;
}

/* "KEY VALUE"; a key of a later version is left alone */
static int take_line(struct record *record, const char *line)
{
	const char *value = strchr(line, ' ');
	size_t length;

	if (!value)
		return -EINVAL;
	length = (size_t)(value++ - line);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		char **text = text_at(record, i);

		if (strlen(texts[i].key) != length || memcmp(texts[i].key, line, length) != 0)
			continue;
		if (*text)
			return -EINVAL;
		*text = strdup(value);
		return *text ? 0 : -ENOMEM;
	}
	if (text_after(line, "listed "))
		record->has_entry = text_equal(value, "1");
	else if (text_after(line, "image "))
		return take_image(value, record);
	else if (text_after(line, "made "))
		return take_number(value, &record->made);
	return 0;
}

/* what stands before the empty line. @content is written to; *ret_rest: what follows it */
static int take_head(char *content, struct record *record, char **ret_rest)
{
	char *at = content + strlen(FIRST_LINE);
	int r = 0;

	if (!text_after(content, FIRST_LINE))
		return -EINVAL;
	while (r == 0 && *at != '\n') {
		char *end = strchr(at, '\n');

		if (!end)
			return -EINVAL;
		*end = '\0';
		r = take_line(record, at);
		at = end + 1;
	}
	for (size_t i = 0; r == 0 && i < COUNT_OF(texts); i++)
		if (!*text_at(record, i))
			r = -EINVAL;
	*ret_rest = at + 1;
	return r;
}

static int read_head(const struct sysroot *root, const char *path, struct record *record)
{
	CLEANUP(fd_close) int fd = sysroot_open(root, path, O_RDONLY | O_NONBLOCK);
	char content[HEAD_MOST + 1], *rest;
	ssize_t length;

	if (fd < 0)
		return fd;
	length = pread(fd, content, HEAD_MOST, 0);
	if (length < 0)
		return -errno;
	content[length] = '\0';
	return take_head(content, record, &rest);
}

static int compare(const void *a, const void *b)
{
	const struct record *left = a, *right = b;
	int difference = strcmp(left->name, right->name);

	return difference ? difference : strverscmp(left->release, right->release);
}

/* where files of ours are: what a record says is written to and removed */
static bool is_place(const char *path, bool may_be_empty)
{
	if (!path || !*path)
		return path && may_be_empty;
	return *path == '/' && !path_has_parent_step(path);
}

static int load(const struct sysroot *root, const char *file, struct records *records)
{
	CLEANUP(record_free) struct record record = { 0 };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	struct record *items;
	int r;

	text_format(&path, RECORDS_FOLDER "/%s", file);
	r = path.failed ? -ENOMEM : read_head(root, text_string(&path), &record);
	if (r == 0) {
		text_format(&name, "%s@%s", record.name, record.release);
		r = text_equal(text_string(&name), file) && is_place(record.output, false) &&
				    is_place(record.entry, true) && is_place(record.copy, true)
			    ? 0
			    : -EINVAL;
	}
	if (r < 0 && r != -ENOMEM) {
		warn("'%s' cannot be read (%s), skipping: 'mkinitrd update --force' makes "
		     "its image again",
		     text_string(&path), strerror(-r));
		return 0;
	}
	items = r == 0 ? reallocarray(records->items, records->count + 1, sizeof(*items)) : NULL;
	if (!items)
		return -ENOMEM;
	records->items = items;
	items[records->count++] = record;
	record = (struct record){ 0 };
	return 0;
}

int records_load(const struct sysroot *root, struct records *ret_records)
{
	CLEANUP(records_free) struct records records = { 0 };
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *child;
	int r = sysroot_opendir(root, RECORDS_FOLDER, &directory);

	if (r == -ENOENT)
		return 0;
	while (r == 0 && (errno = 0, child = readdir(directory)))
		if (child->d_name[0] != '.')
			r = load(root, child->d_name, &records);
	if (r == 0)
		r = -errno;
	if (r < 0)
		return fail(r, "cannot read '%s' in the root '%s'", RECORDS_FOLDER, root->path);
	if (records.count)
		qsort(records.items, records.count, sizeof(*records.items), compare);
	*ret_records = records;
	records = (struct records){ 0 };
	return 0;
}

struct record *record_find(const struct records *records, const char *name, const char *release)
{
	for (size_t i = 0; i < records->count; i++)
		if (text_equal(records->items[i].name, name) &&
		    text_equal(records->items[i].release, release))
			return &records->items[i];
	return NULL;
}

/* ---- judging ---- */

static int read_sights(const struct sysroot *root, const struct record *record,
		       struct sight_list *ret_sights)
{
	CLEANUP(record_free) struct record again = { 0 };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	char *rest = NULL;
	int r = record_path("", record, &path);

	if (r == 0)
		r = sysroot_read(root, text_string(&path), RECORD_MOST, &content);
	if (r == 0 && !content.data)
		r = -EINVAL;
	if (r == 0)
		r = take_head(content.data, &again, &rest);
	if (r == 0)
		r = sights_parse(rest, ret_sights);
	return r;
}

static bool is_image_there(const struct sysroot *root, const struct record *record,
			   struct text *ret_why)
{
	struct stat status;
	int r = sysroot_stat(root, record->output, true, &status);

	if (r < 0)
		text_add(ret_why, "it is not there");
	else if ((record->inode && status.st_ino != record->inode) ||
		 (uint64_t)status.st_size != record->size ||
		 status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec !=
			 record->mtime)
		text_add(ret_why, "somebody else has written it");
	return ret_why->length == 0;
}

int record_judge(const char *prefix, const struct sysroot *root, struct record *record,
		 struct text *ret_why)
{
	bool is_renewed = false;
	int r;

	if (!is_image_there(root, record, ret_why))
		return 0;
	if (*record->doubt) {
		text_add(ret_why, record->doubt);
		return 0;
	}
	sight_list_free(&record->sights);
	r = read_sights(root, record, &record->sights);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		text_add(ret_why, "its record cannot be read");
	for (size_t i = 0; r == 0 && i < record->sights.count; i++) {
		struct sight *sight = &record->sights.items[i];

		if (sight_holds(sight, root, &is_renewed))
			continue;
		if (text_equal(sight->path, WATCH_PROGRAM))
			text_add(ret_why, "mkinitrd itself has changed");
		else
			text_format(ret_why, "'%s' %s", sight->path,
				    sight->kind == SIGHT_ABSENT ? "is there now" : "has changed");
		break;
	}
	/* what was proved the long way need not be next time */
	if (ret_why->length == 0 && is_renewed && prefix)
		(void)record_save(prefix, record);
	return ret_why->failed ? -ENOMEM : 0;
}
