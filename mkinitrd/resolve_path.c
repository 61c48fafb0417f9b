/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_path.c - a path of the root into the manifest, with its symlinks, by the root's layout
 *
 * In:    a path as seen in the root, and who wants it
 * Out:   entries: the symlinks on the way and at its end, the file, the directory and all below it
 * Not:   who wants it, in words (resolve_want.c), what profiles say about paths (resolve_file.c),
 *        what files need (resolve_closure())
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "capability.h"
#include "fail.h"
#include "resolve_path.h"
#include "resolve_trees.h"

#define SYMLINKS_MOST 40 /* as the kernel: path_resolution(7) */

/* folders that init mounts over: what the build machine has there is not the image's */
static const char *const running_folders[] = { "/dev/", "/proc/", "/run/", "/sys/" };

static bool path_is_running(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(running_folders); i++)
		if (text_after(path, running_folders[i]))
			return true;
	return false;
}

static int add_symlink(struct resolve *resolve, const char *path, const char *target,
		       const struct want *want, struct entry **ret_entry)
{
	int r = want_add(resolve, want,
			 &(struct addition){
				 .path = path + 1,
				 .type = ENTRY_SYMLINK,
				 .mode = 0777,
				 .target = target,
				 .source.directory_fd = -1,
			 },
			 ret_entry);

	return r < 0 ? r : 0;
}

/* the symlinks that sysroot_canonical() met on the way to something */
static int add_links(struct resolve *resolve, const struct strings *links, const struct want *want)
{
	for (size_t i = 0; i + 1 < links->count; i += 2) {
		int r = add_symlink(resolve, links->items[i], links->items[i + 1], want, NULL);

		if (r < 0)
			return r;
	}
	return 0;
}

/* a path, its folder canonical, its last component as it stands */
struct place {
	char *folder; /* "" or "/usr/lib" */
	char *path;   /* "/usr/lib/libc.so.6"; "/" for the root itself */
	struct strings links;
};

static void place_free(struct place *place)
{
	memory_free(&place->folder);
	memory_free(&place->path);
	strings_free(&place->links);
}

static int place_find(const struct sysroot *root, const char *path, struct place *place)
{
	CLEANUP(memory_free) char *parent = NULL;
	CLEANUP(text_free) struct text joined = TEXT_EMPTY;
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	int r;

	if (text_equal(last, "") || text_equal(last, ".") || text_equal(last, "..")) {
		r = sysroot_canonical(root, path, &place->path, &place->links);
		if (r < 0)
			return r;
		place->folder =
			strndup(place->path, (size_t)(strrchr(place->path, '/') - place->path));
		return place->folder ? 0 : -ENOMEM;
	}
	parent = strndup(path, (size_t)(last - path));
	if (!parent)
		return -ENOMEM;
	r = sysroot_canonical(root, parent, &place->folder, &place->links);
	if (r < 0)
		return r;
	if (text_equal(place->folder, "/"))
		place->folder[0] = '\0';
	text_format(&joined, "%s/%s", place->folder, last);
	return text_take(&joined, &place->path);
}

static int add_chain(struct resolve *resolve, const char *path, const struct want *want,
		     size_t followed);

/* the names in a directory, sorted */
static int directory_names(const struct sysroot *root, const char *path, struct strings *names)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *child;
	int r = sysroot_opendir(root, path, &directory);

	while (r == 0 && (errno = 0, child = readdir(directory)))
		if (!text_equal(child->d_name, ".") && !text_equal(child->d_name, ".."))
			r = strings_add(names, child->d_name);
	if (r == 0)
		r = -errno;
	strings_sort(names, true);
	return r;
}

/* all below the directory @path, once */
static int add_tree(struct resolve *resolve, const char *path, const struct want *want)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	CLEANUP(text_free) struct text child = TEXT_EMPTY;
	struct want below = { .at = want->at, .is_below = true };
	int r;

	if (path_map_get(&resolve->trees, path))
		return 0;
	r = path_map_put(&resolve->trees, path, resolve, NULL);
	if (r == 0)
		r = directory_names(resolve->root, path, &names);
	if (r < 0)
		return want_fail(resolve, r, "list", path, want,
				 r == -EACCES ? "make it readable, or run as a user who may read it"
					      : NULL);
	text_format(&relation, "directory '%s'", path);
	below.relation = text_string(&relation);
	below.by = want->by ? path + 1 : NULL;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		text_clear(&child);
		text_format(&child, "%s/%s", path, names.items[i]);
		r = child.failed ? -ENOMEM : add_chain(resolve, text_string(&child), &below, 0);
		if (r == -ENOENT) {
			warn("'%s' vanished while '%s' was read, skipping", text_string(&child),
			     path);
			r = 0;
		}
	}
	return r;
}

static int add_directory(struct resolve *resolve, const char *path, const struct stat *status,
			 const struct want *want)
{
	struct entry *entry;
	int r;

	if (text_equal(path, "/"))
		return want_fail(resolve, -EISDIR, "take the whole of", path, want,
				 "name the folders in it");
	r = want_add(resolve, want,
		     &(struct addition){
			     .path = path + 1,
			     .type = ENTRY_DIRECTORY,
			     .mode = status->st_mode & 07777,
			     .source.directory_fd = -1,
		     },
		     &entry);
	if (r < 0)
		return r;
	return entry->type == ENTRY_DIRECTORY ? add_tree(resolve, path, want) : 0;
}

/* What is run may have some. What cannot be read is said when its content is needed.
 * @known: the entry that is at this place already, or NULL; libraries are wanted many times */
static int read_capabilities(const struct sysroot *sysroot, const char *path,
			     const struct stat *status, const struct entry *known,
			     struct xattrs *ret_xattrs)
{
	CLEANUP(fd_close) int fd = -1;

	if (!(status->st_mode & 0111))
		return 0;
	if (known && known->source.kind == SOURCE_ROOT && text_equal(known->source.path, path))
		return xattrs_copy(&known->xattrs, ret_xattrs);
	fd = sysroot_open(sysroot, path, O_RDONLY | O_NONBLOCK);
	return fd < 0 ? 0 : capability_read(fd, ret_xattrs);
}

/*
 * All is root's in the image, as in a root that an ordinary user unpacked: who owns "/" there is
 * root. But a set-id bit means the file's own user or group, and never root in their place.
 */
static void take_owner(const struct sysroot *sysroot, const char *path, const struct stat *status,
		       const struct want *want, struct addition *addition)
{
	struct stat top = { 0 };

	if ((status->st_uid == 0 && status->st_gid == 0) || want->has_mode || want->has_owner ||
	    sysroot_stat(sysroot, "/", true, &top) < 0)
		return;
	if (status->st_mode & S_ISUID && status->st_uid != top.st_uid)
		addition->uid = status->st_uid;
	if (status->st_mode & S_ISGID && status->st_gid != top.st_gid)
		addition->gid = status->st_gid;
	if (status->st_uid != top.st_uid || status->st_gid != top.st_gid)
		note("'%s' belongs to %u:%u in the root '%s' and to %u:%u in the image ('owner:' "
		     "in a profile changes that)",
		     path, status->st_uid, status->st_gid, sysroot->path, addition->uid,
		     addition->gid);
}

static int add_regular(struct resolve *resolve, const char *path, const struct sysroot *sysroot,
		       const struct stat *status, struct source source, const struct want *want)
{
	CLEANUP(xattrs_free) struct xattrs xattrs = XATTRS_EMPTY;
	struct addition addition = {
		.path = path + 1,
		.type = ENTRY_FILE,
		.mode = status->st_mode & 07777,
	};
	struct entry *entry;
	int r = read_capabilities(
		sysroot, source.path, status,
		source.kind == SOURCE_ROOT ? manifest_find(resolve->manifest, path + 1) : NULL,
		&xattrs);

	if (r < 0)
		return want_fail(resolve, r, "read the capabilities of", path, want, NULL);
	source.directory_fd = sysroot->fd;
	source.is_seen = true;
	source.seen_size = (uint64_t)status->st_size;
	source.seen_time = status->st_mtim;
	addition.xattrs = xattrs;
	addition.source = source;
	if (source.kind == SOURCE_ROOT)
		take_owner(sysroot, source.path, status, want, &addition);
	r = want_add(resolve, want, &addition, &entry);
	if (r < 0)
		return r;
	if (entry->source.kind == source.kind && text_equal(entry->source.path, source.path))
		entry->size = (uint64_t)status->st_size;
	return 0;
}

/* what stands at the canonical @path, and is no symlink */
static int add_object(struct resolve *resolve, char *path, const struct stat *status,
		      const struct want *want)
{
	CLEANUP(text_free) struct text who = TEXT_EMPTY;

	if (S_ISDIR(status->st_mode))
		return add_directory(resolve, path, status, want);
	if (S_ISREG(status->st_mode))
		return add_regular(resolve, path, resolve->root, status,
				   (struct source){ .kind = SOURCE_ROOT, .path = path }, want);
	if (!want->is_below)
		return want_fail(resolve, -EINVAL, "pack what is no file or directory,", path, want,
				 "drop it; devices and sockets are made at boot");
	want_describe(resolve, want, &who);
	warn("'%s' in the root '%s' is no file, directory or symlink (%s), skipping", path,
	     resolve->root->path, text_string(&who));
	return 0;
}

/* the symlink at @place, and what it leads to */
static int add_link(struct resolve *resolve, const struct place *place, const struct want *want,
		    size_t followed)
{
	CLEANUP(memory_free) char *target = NULL;
	CLEANUP(text_free) struct text next = TEXT_EMPTY;
	struct want on = *want;
	struct entry *entry;
	int r;

	if (followed >= SYMLINKS_MOST)
		return want_fail_look(resolve, -ELOOP, place->path, want);
	r = sysroot_readlink(resolve->root, place->path, &target);
	if (r < 0)
		return want_fail_look(resolve, r, place->path, want);
	r = add_symlink(resolve, place->path, target, want, &entry);
	if (r < 0)
		return r;
	/* a profile put something else here: then the root's target is not wanted */
	if (entry->type != ENTRY_SYMLINK || !text_equal(entry->target, target))
		return 0;
	text_format(&next, "%s/%s", target[0] == '/' ? "" : place->folder, target);
	if (next.failed)
		return -ENOMEM;
	on.relation = "symlink target";
	on.by = place->path + 1;
	on.is_named = want->is_named && (want->has_mode || want->has_owner);
	return add_chain(resolve, text_string(&next), &on, followed + 1);
}

/* @followed: how many symlinks led here. -ENOENT is quiet, and only for the first of a chain */
static int add_chain(struct resolve *resolve, const char *path, const struct want *want,
		     size_t followed)
{
	CLEANUP(place_free) struct place place = { 0 };
	struct want on_the_way = { .relation = "symlink on the way" };
	struct stat status = { 0 };
	int r = place_find(resolve->root, path, &place);

	if (r == 0 && followed && (path_is_running(place.path) || text_equal(place.path, "/")))
		return 0;
	if (r == 0)
		r = sysroot_stat(resolve->root, place.path, false, &status);
	if (r == -ENOENT || r == -ENOTDIR) {
		if (followed)
			debug("'%s', which the symlink '%s' leads to, is not in the root", path,
			      want->by);
		return followed ? 0 : -ENOENT;
	}
	if (r < 0)
		return want_fail_look(resolve, r, path, want);
	r = S_ISLNK(status.st_mode) ? add_link(resolve, &place, want, followed)
				    : add_object(resolve, place.path, &status, want);
	if (r < 0)
		return r;
	on_the_way.by = place.path + 1;
	return add_links(resolve, &place.links, &on_the_way);
}

int resolve_want(struct resolve *resolve, const char *path, const struct want *want)
{
	CLEANUP(memory_free) char *canonical = NULL;
	struct stat status;
	int r = sysroot_canonical(resolve->root, path, &canonical, NULL);

	if (r == 0 && !path_is_running(canonical))
		r = sysroot_stat(resolve->root, canonical, false, &status);
	if (r == -ENOENT || r == -ENOTDIR)
		return -ENOENT;
	if (r < 0)
		return want_fail_look(resolve, r, path, want);
	return add_chain(resolve, path, want, 0);
}

int resolve_need(struct resolve *resolve, const char *path, const struct want *want)
{
	CLEANUP(place_free) struct place place = { 0 };
	int r = resolve_want(resolve, path, want);

	if (r != -ENOENT)
		return r;
	if (place_find(resolve->root, path, &place) < 0 ||
	    !manifest_find(resolve->manifest, place.path + 1))
		return -ENOENT;
	return add_links(resolve, &place.links,
			 &(struct want){ .relation = "symlink on the way", .by = place.path + 1 });
}

int resolve_path(struct resolve *resolve, const char *path, const char *relation, const char *by,
		 const struct origin *at, bool is_named)
{
	return resolve_want(resolve, path,
			    &(struct want){ .relation = relation,
					    .by = by,
					    .at = at ? *at : (struct origin){ 0 },
					    .is_named = is_named });
}

int path_add_file(struct resolve *resolve, const char *place, enum source_kind kind,
		  const struct sysroot *sysroot, const char *source, const struct want *want)
{
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct source addition = { .kind = kind };
	struct stat status;
	int r = sysroot_stat(sysroot, source, true, &status);

	want_describe(resolve, want, &who);
	if (r < 0)
		return fail(r, "cannot take '%s' for '/%s', %s", source, place, text_string(&who));
	if (!S_ISREG(status.st_mode))
		return fail(0, "cannot take '%s' for '/%s', %s: it is no regular file", source,
			    place, text_string(&who));
	addition.path = strdupa(source);
	text_format(&path, "/%s", place);
	return add_regular(resolve, text_string(&path), sysroot, &status, addition, want);
}

int resolve_place(struct resolve *resolve, const char *path, const char *relation,
		  const struct origin *at, char **ret_path)
{
	CLEANUP(place_free) struct place place = { 0 };
	const struct want want = { .relation = relation, .at = at ? *at : (struct origin){ 0 } };
	int r;

	if (path[0] != '/') {
		CLEANUP(text_free) struct text who = TEXT_EMPTY;

		want_describe(resolve, &want, &who);
		return fail(0, "'%s' is no path of the image, %s; it must begin with '/'", path,
			    text_string(&who));
	}
	if (resolve->foreign && resolve->foreign->has_root) {
		r = manifest_canonical(resolve->manifest, path, false, ret_path);
		return r < 0 ? want_fail_look(resolve, r, path, &want) : 0;
	}
	r = place_find(resolve->root, path, &place);
	if (r < 0)
		return want_fail_look(resolve, r, path, &want);
	r = add_links(resolve, &place.links, &want);
	if (r < 0)
		return r;
	memmove(place.path, place.path + 1, strlen(place.path));
	*ret_path = text_pointer_take(&place.path);
	return 0;
}
