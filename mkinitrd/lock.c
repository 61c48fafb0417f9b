/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - of what an image is made (see lock.h)
 *
 * In:    what a build looked at (watch.h), what it packed
 * Out:   a lock file, or that everything is as the one that is there says
 * Not:   who owns a file (packages.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "build.h"
#include "fail.h"
#include "lock.h"
#include "manifest_json.h"
#include "output.h"
#include "packages.h"
#include "watch.h"
#include "../init/lib/file.h"

#define FIRST_LINE "mkinitrd-lock 1"
#define NOBODY "- -"
#define LOCK_MOST ((size_t)64 << 20)
#define HEX_LENGTH (SIGHT_HEX_SIZE - 1)

struct input {
	char *name;
	char sha256[SIGHT_HEX_SIZE];
	char *owner; /* "PACKAGE VERSION" */
};

struct inputs {
	struct input *items;
	size_t count;
};

struct job {
	const char *path; /* of the lock file */
	struct watch *watch;
};

static void inputs_free(struct inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++) {
		free(inputs->items[i].name);
		free(inputs->items[i].owner);
	}
	free(inputs->items);
	*inputs = (struct inputs){ 0 };
}

/* @name is taken over */
static int add(struct inputs *inputs, char *name, const char *sha256, const char *owner)
{
	/* room doubles when the count is a power of two */
	if (name && (inputs->count & (inputs->count - 1)) == 0) {
		size_t room = inputs->count ? 2 * inputs->count : 1;
		struct input *items = reallocarray(inputs->items, room, sizeof(*items));

		if (!items) {
			free(name);
			return -ENOMEM;
		}
		inputs->items = items;
	}
	if (!name)
		return -ENOMEM;
	inputs->items[inputs->count] = (struct input){ .name = name, .owner = strdup(owner) };
	(void)snprintf(inputs->items[inputs->count].sha256, SIGHT_HEX_SIZE, "%s", sha256);
	return inputs->items[inputs->count++].owner ? 0 : -ENOMEM;
}

static int order(const void *left, const void *right)
{
	const struct input *a = left, *b = right;
	int by_name = strcmp(a->name, b->name);

	return by_name ? by_name : strcmp(a->sha256, b->sha256);
}

static void sort(struct inputs *inputs)
{
	if (inputs->count)
		qsort(inputs->items, inputs->count, sizeof(*inputs->items), order);
}

/* ---- what there is now ---- */

/* files of the root that were read, whatever became of them */
static int add_sights(struct inputs *inputs, const struct sight_list *sights)
{
	for (size_t i = 0; i < sights->count; i++) {
		const struct sight *sight = &sights->items[i];
		int r;

		if (sight->kind != SIGHT_FILE || sight->is_host)
			continue;
		if (!*sight->sha256)
			return fail(-ESTALE, "'%s' changed while the image was made; run again",
				    sight->path);
		r = add(inputs, strdup(sight->path), sight->sha256, NOBODY);
		if (r < 0)
			return fail(r, "cannot list what the image was made of");
	}
	return 0;
}

/* what came from elsewhere, as it was packed */
static char *entry_name(const struct entry *entry)
{
	const struct source *source = &entry->source;
	char *name = NULL;

	if (entry->type != ENTRY_FILE || entry->link || !source->path)
		return NULL;
	if (source->kind == SOURCE_PROFILE && asprintf(&name, "./%s", source->path) < 0)
		return NULL;
	if (source->kind == SOURCE_TREE ||
	    (source->kind == SOURCE_CONTENT && text_after(source->path, "container ")))
		return strdup(source->path);
	return name;
}

static int add_entries(struct inputs *inputs, const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		char *name = entry_name(entry);
		char hex[SIGHT_HEX_SIZE];
		int r;

		for (size_t j = 0; name && j < SHA256_SIZE; j++)
			(void)snprintf(hex + 2 * j, 3, "%02x", entry->sha256[j]);
		r = name ? add(inputs, name, hex, NOBODY) : 0;
		if (r < 0)
			return fail(r, "cannot list what the image was made of");
	}
	return 0;
}

static int add_owners(struct inputs *inputs, const struct sysroot *root)
{
	CLEANUP(json_cleanup) json_t *paths = json_object();
	int r = paths ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < inputs->count; i++)
		if (inputs->items[i].name[0] == '/' &&
		    json_object_set_new(paths, inputs->items[i].name, json_null()) < 0)
			r = -ENOMEM;
	if (r == 0)
		r = packages_find(root, paths);
	for (size_t i = 0; r == 0 && i < inputs->count; i++) {
		struct input *input = &inputs->items[i];
		const char *owner = json_string_value(json_object_get(paths, input->name));

		if (!owner)
			continue;
		free(input->owner);
		input->owner = strdup(owner);
		r = input->owner ? 0 : -ENOMEM;
	}
	return r < 0 ? fail(r, "cannot read which packages the files are of") : 0;
}

static int collect(struct watch *watch, const struct build *build, struct inputs *inputs)
{
	struct sight_list sights = { 0 };
	int r = watch_build(watch, build);

	/* what it cannot watch is among the entries */
	if (r == 0 || r == -EXDEV)
		r = watch_take(watch, &build->root, &sights);
	if (r < 0)
		return fail(r, "cannot list what the image was made of");
	r = add_sights(inputs, &sights);
	sight_list_free(&sights);
	if (r == 0)
		r = add_entries(inputs, build->resolve.manifest);
	if (r == 0)
		r = add_owners(inputs, &build->root);
	sort(inputs);
	return r;
}

/* ---- the file ---- */

static int fail_line(const char *path, unsigned line)
{
	return fail(0,
		    "'%s' line %u is no line of a lock file; remove it to lock what is there now",
		    path, line);
}

static bool is_sum(const char *word)
{
	return word && strlen(word) == HEX_LENGTH && strspn(word, "0123456789abcdef") == HEX_LENGTH;
}

/* Return: 1, 0 when there is none, or a negative errno (spoken) */
static int load(const char *path, struct inputs *inputs)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = file_read(AT_FDCWD, path, LOCK_MOST, &text);
	char *line, *at = text.data;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail(r, "cannot read lock file '%s'", path);
	if (!at || !text_equal(strsep(&at, "\n"), FIRST_LINE))
		return fail_line(path, 1);
	for (unsigned number = 2; at && *at && (line = strsep(&at, "\n")) != NULL; number++) {
		CLEANUP(memory_free) char *owner = NULL;
		const char *sum = strsep(&line, " ");
		const char *package = strsep(&line, " "), *version = strsep(&line, " ");

		if (!is_sum(sum) || !package || !version || !line || !*line || !at)
			return fail_line(path, number);
		if (asprintf(&owner, "%s %s", package, version) < 0 ||
		    add(inputs, strdup(line), sum, owner) < 0)
			return fail(-ENOMEM, "cannot read lock file '%s'", path);
	}
	sort(inputs);
	return 1;
}

static int save(const char *path, const struct inputs *inputs)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r;

	text_add(&text, FIRST_LINE "\n");
	for (size_t i = 0; i < inputs->count; i++) {
		const struct input *input = &inputs->items[i];

		if (strchr(input->name, '\n'))
			return fail(0, "no lock file has room for '%s', with a line's end in it",
				    input->name);
		text_format(&text, "%s %s %s\n", input->sha256, input->owner, input->name);
	}
	r = text.failed ? fail(-ENOMEM, "cannot write '%s'", path)
			: output_write(path, text_string(&text), text.length, 0644);
	if (r == 0)
		say("%s: %zu files locked", path, inputs->count);
	return r;
}

/* ---- both ---- */

/* the first difference as words; how many there are is returned */
static size_t compare(const struct inputs *now, const struct inputs *locked, struct text *words)
{
	size_t count = 0;

	for (size_t i = 0, j = 0; i < now->count || j < locked->count;) {
		const struct input *a = i < now->count ? &now->items[i] : NULL;
		const struct input *b = j < locked->count ? &locked->items[j] : NULL;
		int by_name = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);

		i += by_name <= 0;
		j += by_name >= 0;
		if (by_name == 0 && text_equal(a->sha256, b->sha256))
			continue;
		if (count++ > 0)
			continue;
		if (by_name < 0)
			text_format(words, "'%s' is used and is not in it", a->name);
		else if (by_name > 0)
			text_format(words, "'%s' is in it and is not used", b->name);
		else
			text_format(words, "'%s' has SHA-256 %s (%s), and %s (%s) is locked",
				    a->name, a->sha256, a->owner, b->sha256, b->owner);
	}
	return count;
}

static int made(void *context, const struct build *build)
{
	const struct job *job = context;
	CLEANUP(inputs_free) struct inputs now = { 0 };
	CLEANUP(inputs_free) struct inputs locked = { 0 };
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	size_t count;
	int r = load(job->path, &locked);
	bool is_new = r == 0;

	if (r >= 0)
		r = collect(job->watch, build, &now);
	if (r < 0)
		return r;
	if (is_new)
		return save(job->path, &now);
	count = compare(&now, &locked, &words);
	if (count == 0)
		return 0;
	if (count > 1)
		text_format(&words, ", and %zu more differ", count - 1);
	return fail(0,
		    "not what lock file '%s' says: %s; nothing was written; remove '%s' to lock "
		    "what is there now",
		    job->path, text_string(&words), job->path);
}

int lock_build_image(const struct options *options, const char *shown_as)
{
	CLEANUP(watch_cleanup) struct watch *watch = NULL;
	struct job job = { .path = options->lock };
	struct timespec now;

	/* files have the time of this clock */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	watch = watch_new(now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	if (!watch)
		return fail(-ENOMEM, "cannot build an image");
	job.watch = watch;
	return build_image_watched(options, shown_as, watch, made, &job);
}
