/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - what a build looked at (see watch.h)
 *
 * In:    each path that is opened in a root; a finished build
 * Out:   sights
 * Not:   the file that keeps them (record.c), whether they still hold (sight.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "build.h"
#include "path_map.h"
#include "sight.h"
#include "../init/lib/number.h"

struct watch {
	pthread_mutex_t lock;
	struct sight_list sights;
	struct path_map known; /* "KIND PATH" */
	struct path_map files; /* "HOST PATH" -> what it was hashed to */
	int64_t since;         /* see watch_new() */
	bool has_failed;       /* out of memory */
};

void sight_list_free(struct sight_list *sights)
{
	for (size_t i = 0; i < sights->count; i++)
		free(sights->items[i].path);
	free(sights->items);
	*sights = (struct sight_list){ 0 };
}

struct watch *watch_new(int64_t since)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	(void)pthread_mutex_init(&watch->lock, NULL);
	watch->since = since;
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	sight_list_free(&watch->sights);
	path_map_free(&watch->known);
	path_map_free(&watch->files);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

/* one more, unless it was seen before: then the first sight counts */
static int add(struct watch *watch, const char *path, const struct sight *sight)
{
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	struct sight_list *sights = &watch->sights;
	struct sight *items;

	text_format(&key, "%d%d%s", sight->kind, sight->is_host, path);
	if (key.failed)
		return -ENOMEM;
	if (path_map_get(&watch->known, text_string(&key)))
		return 0;
	/* room for twice as many, each time it is full */
	if ((sights->count & (sights->count - 1)) == 0) {
		items = reallocarray(sights->items, sights->count ? 2 * sights->count : 1,
				     sizeof(*items));
		if (!items)
			return -ENOMEM;
		sights->items = items;
	}
	items = &sights->items[sights->count];
	*items = *sight;
	items->path = strdup(path);
	if (!items->path)
		return -ENOMEM;
	sights->count++;
	return path_map_put(&watch->known, text_string(&key), watch, NULL);
}

static void add_locked(struct watch *watch, const char *path, const struct sight *sight)
{
	(void)pthread_mutex_lock(&watch->lock);
	if (add(watch, path, sight) < 0)
		watch->has_failed = true;
	(void)pthread_mutex_unlock(&watch->lock);
}

void watch_absent(struct watch *watch, const char *path)
{
	if (watch)
		add_locked(watch, path, &(struct sight){ .kind = SIGHT_ABSENT });
}

static enum sight_kind kind_of(mode_t mode, int flags)
{
	if (S_ISLNK(mode))
		return SIGHT_LINK;
	if (flags & O_PATH)
		return SIGHT_LOOK;
	return S_ISDIR(mode) ? SIGHT_FOLDER : S_ISREG(mode) ? SIGHT_FILE : SIGHT_LOOK;
}

void watch_opened(struct watch *watch, const char *path, int flags, int result)
{
	struct sight sight = { 0 };
	struct stat status;

	if (!watch)
		return;
	if (result == -ENOENT || result == -ENOTDIR) {
		watch_absent(watch, path);
	} else if (result >= 0 && fstat(result, &status) == 0) {
		sight.kind = kind_of(status.st_mode, flags);
		sight_take_status(&sight, &status);
		add_locked(watch, path, &sight);
	}
}

void watch_host(struct watch *watch, const char *path)
{
	struct sight sight = { .is_host = true };
	struct stat status;

	if (stat(path, &status) < 0) {
		sight.kind = SIGHT_ABSENT;
	} else {
		sight.kind = kind_of(status.st_mode, 0);
		sight_take_status(&sight, &status);
	}
	add_locked(watch, path, &sight);
}

/* ---- beside the root ---- */

/* "/proc/self/fd/N" as it is called, and below it @name */
static int path_below(int directory_fd, const char *name, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	char link[32], folder[4096];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", directory_fd);
	length = readlink(link, folder, sizeof(folder));
	if (length < 0 || (size_t)length == sizeof(folder))
		return -ENOENT;
	text_format(&path, "%.*s/%s", (int)length, folder, name);
	return text_take(&path, ret_path);
}

/* one file of a stack, and where a drop-in, or a profile in front of it, would be found */
static int watch_profile(struct watch *watch, const char *label, const char *path,
			 const struct strings *folders)
{
	CLEANUP(memory_free) char *beside = NULL;
	int length = (int)strlen(label) - (text_ends_with(label, ".yaml") ? 5 : 0);

	watch_host(watch, path);
	if (strchr(label, '/')) /* a drop-in itself */
		return 0;
	if (asprintf(&beside, "%.*s.d", (int)strlen(path) - (text_ends_with(path, ".yaml") ? 5 : 0),
		     path) < 0)
		return -ENOMEM;
	watch_host(watch, beside);
	for (size_t i = 0; i < folders->count; i++) {
		CLEANUP(text_free) struct text other = TEXT_EMPTY;

		text_format(&other, "%s/%s", folders->items[i], label);
		watch_host(watch, text_string(&other));
		text_clear(&other);
		text_format(&other, "%s/%.*s.d", folders->items[i], length, label);
		watch_host(watch, text_string(&other));
		if (other.failed)
			return -ENOMEM;
	}
	return 0;
}

/* a file beside a profile that a container gets */
static int watch_container_files(struct watch *watch, const struct value *files)
{
	for (size_t i = 0; files && i < files->count; i++) {
		const struct value *from = value_get(files->items[i], "from", NULL);
		CLEANUP(memory_free) char *path = NULL;
		int r;

		if (!from || value_text(from, "/")[0] == '/')
			continue;
		r = path_below(profile_directory_fd(&from->origin), from->scalar, &path);
		if (r < 0)
			return r;
		watch_host(watch, path);
	}
	return 0;
}

/* what comes out of archives, is made, or depends on the machine's devices is not watched. Return:
 * 0 or -EXDEV, or what failed */
static int watch_foreign(struct watch *watch, const struct value *root)
{
	const struct value *host = value_get(root, "kernel", "host-modules", NULL);
	const struct value *trees = value_get(root, "trees", NULL);
	const struct value *scripts = value_get(root, "scripts", NULL);
	const struct value *containers = value_get(root, "containers", NULL);

	if (host || (trees && trees->count) || (scripts && scripts->count))
		return -EXDEV;
	for (size_t i = 0; containers && i < containers->count; i++) {
		int r = watch_container_files(watch,
					      value_get(containers->items[i], "files", NULL));

		if (r < 0 || value_get(containers->items[i], "from", NULL))
			return r < 0 ? r : -EXDEV;
	}
	return 0;
}

/* ---- what was packed ---- */

static char *hex_of(const unsigned char *bytes)
{
	char *hex = malloc(SIGHT_HEX_SIZE);

	for (size_t i = 0; hex && i < SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return hex;
}

/* what a packed file was hashed to spares hashing it again */
static int remember_hash(struct watch *watch, const struct entry *entry, bool is_host,
			 const char *path)
{
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	char *hex;

	if (!entry->is_hashed || entry->source.decompress)
		return 0;
	text_format(&key, "%d%s", is_host, path);
	if (key.failed || path_map_get(&watch->files, text_string(&key)))
		return key.failed ? -ENOMEM : 0;
	hex = hex_of(entry->sha256);
	if (hex && path_map_put(&watch->files, text_string(&key), hex, free) == 0)
		return 0;
	free(hex);
	return -ENOMEM;
}

/* as the build saw it: it would not have packed it had it changed meanwhile, but for a change of
 * the status alone between its reading and now */
static int watch_entry(struct watch *watch, const struct build *build, const struct entry *entry)
{
	const struct source *source = &entry->source;
	CLEANUP(memory_free) char *path = NULL;
	int r = 0;

	if (entry->type != ENTRY_FILE)
		return 0;
	if (source->kind == SOURCE_ROOT) {
		CLEANUP(fd_close) int fd = sysroot_open(&build->root, source->path, O_RDONLY);

		return fd < 0 ? -EXDEV : remember_hash(watch, entry, false, source->path);
	}
	if (source->kind != SOURCE_TOOL && source->kind != SOURCE_PROFILE)
		return 0;
	r = path_below(source->directory_fd, source->path, &path);
	if (r < 0)
		return r;
	watch_host(watch, path);
	return remember_hash(watch, entry, true, path);
}

/* libkmod reads the indexes by itself. The kernel is packed by nobody, but what is made for it is
 * made again with it. */
static int watch_kernel(const struct build *build)
{
	const struct kernel *kernel = &build->resolve.kernel;
	CLEANUP(strings_free) struct strings paths = STRINGS_EMPTY;
	CLEANUP(text_free) struct text pattern = TEXT_EMPTY;
	int r;

	if (!*kernel->release)
		return 0;
	text_format(&pattern, "%s/modules.*", kernel->directory);
	r = pattern.failed ? -ENOMEM : sysroot_glob(&build->root, text_string(&pattern), &paths);
	if (r == 0)
		r = strings_add_format(&paths, "%s/vmlinuz", kernel->directory);
	if (r == 0)
		r = strings_add_format(&paths, "/boot/vmlinuz-%s", kernel->release);
	for (size_t i = 0; r == 0 && i < paths.count; i++) {
		int fd = sysroot_open(&build->root, paths.items[i], O_RDONLY); /* noted by that */

		fd_close(&fd);
	}
	return r;
}

int watch_build(struct watch *watch, const struct build *build)
{
	const struct profile *profile = &build->profile;
	const struct manifest *manifest = build->resolve.manifest;
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	int r = profile_folders(&folders);

	for (size_t i = 0; r == 0 && i < profile->files.count; i++)
		r = watch_profile(watch, profile->files.items[i], profile->paths.items[i],
				  &folders);
	for (size_t i = 0; r == 0 && i < manifest_count(manifest); i++)
		r = watch_entry(watch, build, manifest_at(manifest, i));
	if (r == 0)
		r = watch_kernel(build);
	watch_host(watch, WATCH_PROGRAM);
	return r < 0 ? r : watch_foreign(watch, profile->root);
}

int watch_take(struct watch *watch, const struct sysroot *root, struct sight_list *ret_sights)
{
	struct sight_list *sights = &watch->sights;

	if (watch->has_failed)
		return -ENOMEM;
	for (size_t i = 0; i < sights->count; i++) {
		struct sight *sight = &sights->items[i];
		CLEANUP(text_free) struct text key = TEXT_EMPTY;
		const char *hex;

		text_format(&key, "%d%s", sight->is_host, sight->path);
		hex = path_map_get(&watch->files, text_string(&key));
		if (sight->kind == SIGHT_FILE && hex)
			memcpy(sight->sha256, hex, SIGHT_HEX_SIZE);
		else
			sight_hash(sight, root);
		if ((sight->kind == SIGHT_FILE || sight->kind == SIGHT_FOLDER) &&
		    (sight->ctime > watch->since || !sight_is_as_seen(sight, root))) {
			/* it changed while it was read, or after */
			sight->sha256[0] = '\0';
			sight->ctime = 0;
		}
	}
	*ret_sights = *sights;
	*sights = (struct sight_list){ 0 };
	return 0;
}
