/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_trees.c - "trees:" of a profile
 *
 * In:    names, and where each tree is to come from
 * Out:   entries, each with the tree that it is of
 * Not:   what is in directories and archives (tree_read.h), commands (tree_make.c)
 *
 * Trees are layers: the one that stands later in the stacked profile lies over those before it, and
 * a path that both have is the later one's. What a profile names by itself ("files:") lies over all
 * of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "fail.h"
#include "resolve_trees.h"
#include "tree_make.h"
#include "tree_read.h"
#include "../init/lib/number.h"

/* one key of "trees:" */
struct tree_wish {
	struct resolve *resolve;
	const char *name;
	const struct value *value;
	const struct origin *at;
	struct text label; /* "tree 'base' (site.yaml:3)" */
};

#define fail_wish(wish, format, ...) \
	fail_at((wish)->at, "tree '%s' " format, (wish)->name, ##__VA_ARGS__)

void foreign_free(struct foreign *foreign)
{
	if (!foreign)
		return;
	for (size_t i = 0; i < foreign->fd_count; i++)
		(void)close(foreign->fds[i]);
	free(foreign->fds);
	spool_close(&foreign->spool);
	free(foreign);
}

struct foreign *foreign_get(struct resolve *resolve)
{
	if (resolve->foreign)
		return resolve->foreign;
	resolve->foreign = calloc(1, sizeof(*resolve->foreign));
	if (!resolve->foreign) {
		(void)fail(-ENOMEM, "cannot unpack trees");
		return NULL;
	}
	resolve->foreign->spool = SPOOL_EMPTY;
	return spool_open(&resolve->foreign->spool) < 0 ? NULL : resolve->foreign;
}

/* ---- where a tree comes from ---- */

/* key's text with ${name} replaced; NULL when there is none. The caller frees it */
static int wish_expand(const struct tree_wish *wish, const char *key, char **ret)
{
	const struct value *value = value_get(wish->value, key, NULL);
	const char *text = value_text(value, NULL);

	return text ? profile_expand(wish->resolve->profile, text, value->origin, ret) : 0;
}

/* from: an absolute path lies in the root, a relative one beside the profile */
static int open_from(const struct tree_wish *wish, const char *from)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	bool is_beside = from[0] != '/';
	int directory_fd = wish->resolve->root->fd, fd;

	if (is_beside) {
		if (path_has_parent_step(from))
			return fail_wish(
				wish, "comes from '%s', but '..' leads out of the profile's folder",
				from);
		directory_fd = profile_directory_fd(&value_get(wish->value, "from", NULL)->origin);
		if (directory_fd < 0)
			return fail_wish(wish,
					 "comes from '%s', a path beside the profile, but was not "
					 "said in a profile's file",
					 from);
	}
	fd = (int)syscall(SYS_openat2, directory_fd, from, &how, sizeof(how));
	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENOTDIR)
		return fail_wish(wish, "comes from '%s', which is not %s", from,
				 is_beside ? "beside the profile" : "in the root");
	return fail(-errno, "cannot read '%s' for %s", from, text_string(&wish->label));
}

static int open_made(const struct tree_wish *wish, const struct value *make, bool is_refresh)
{
	CLEANUP(strings_free) struct strings arguments = STRINGS_EMPTY;
	int r = 0;

	if (!make || make->count == 0)
		return fail_wish(wish, "is made by no command: 'make:' is empty");
	for (size_t i = 0; r == 0 && i < make->count; i++) {
		const struct value *item = make->items[i];
		char *argument = NULL;

		r = profile_expand_for(wish->resolve->profile, value_text(item, ""), item->origin,
				       "output", &argument);
		if (r == 0)
			r = strings_take_in(&arguments, argument);
	}
	return r < 0 ? r : tree_make(&arguments, text_string(&wish->label), is_refresh);
}

/* a directory stays open until the image is written */
static int keep_open(struct foreign *foreign, int fd)
{
	int *fds = reallocarray(foreign->fds, foreign->fd_count + 1, sizeof(*fds));

	if (!fds)
		return -ENOMEM;
	foreign->fds = fds;
	fds[foreign->fd_count++] = fd;
	return 0;
}

static int read_opened(struct tree_reader *reader, struct foreign *foreign, int fd)
{
	CLEANUP(fd_close) int opened = fd;
	struct stat status;
	int r;

	if (fstat(fd, &status) < 0)
		return fail(-errno, "cannot read %s", reader->label);
	if (S_ISREG(status.st_mode))
		return tree_read_file(reader, fd);
	if (!S_ISDIR(status.st_mode))
		return fail(0, "%s is neither a directory nor a file", reader->label);
	if (tree_is_image(fd))
		return tree_read_image(reader, fd);
	r = keep_open(foreign, fd);
	if (r < 0)
		return fail(r, "cannot read %s", reader->label);
	(void)fd_take(&opened);
	return tree_read_directory(reader, fd);
}

/* at: without '/' at both ends; "" for the whole root */
static int wish_at(const struct tree_wish *wish, char **ret_at)
{
	CLEANUP(memory_free) char *at = NULL;
	const char *start;
	size_t length;
	int r = wish_expand(wish, "at", &at);

	if (r < 0)
		return r;
	start = at && *at ? at : "/";
	if (*start != '/' || path_has_parent_step(start) || strstr(start, "//"))
		return fail_wish(wish, "is to stand at '%s', which is no path of the image", start);
	start += strspn(start, "/");
	length = strlen(start);
	while (length && start[length - 1] == '/')
		length--;
	*ret_at = strndup(start, length);
	return *ret_at ? 0 : -ENOMEM;
}

static int read_tree(struct tree_wish *wish, struct tree *tree, bool is_refresh)
{
	const struct value *make = value_get(wish->value, "make", NULL);
	CLEANUP(memory_free) char *from = NULL;
	CLEANUP(memory_free) char *at = NULL;
	CLEANUP(memory_free) char *image = NULL;
	struct tree_reader reader = {
		.tree = tree,
		.spool = &wish->resolve->foreign->spool,
		.name = wish->name,
		.limit = TREE_LIMIT,
	};
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	int fd, r = wish_expand(wish, "from", &from);

	if (r == 0)
		r = wish_at(wish, &at);
	if (r == 0)
		r = wish_expand(wish, "image", &image);
	if (r < 0)
		return r;
	if (!from == !make)
		return fail_wish(wish, "%s",
				 from ? "has 'from:' and 'make:'; keep one of them"
				      : "comes from nowhere; give it 'from:' or 'make:'");
	text_format(&label, from ? "'%s' (%s)" : "what '%s' makes (%s)",
		    from ? from : "make:", text_string(&wish->label));
	reader.label = text_string(&label);
	reader.at = at;
	reader.image = image;
	(void)size_parse(value_text(value_get(wish->value, "limit", NULL), ""), &reader.limit);
	tree_layer(tree, wish->name);
	fd = from ? open_from(wish, from) : open_made(wish, make, is_refresh);
	if (fd < 0)
		return fd;
	wish->resolve->foreign->has_root |= at && !*at;
	return read_opened(&reader, wish->resolve->foreign, fd);
}

/* ---- into the manifest ---- */

struct export
{
	struct resolve *resolve;
	const struct value *trees;
};

static int export_member(struct tree_member *member, void *context)
{
	const struct export *export = context;
	struct tree_object *object = member->object;
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	struct addition addition = {
		.path = member->path,
		.type = object->type,
		.mode = object->mode,
		.uid = object->uid,
		.gid = object->gid,
		.target = object->target,
		.device_major = object->device_major,
		.device_minor = object->device_minor,
		.xattrs = object->xattrs,
		.source = object->source,
		.is_tree = true,
	};
	struct entry *entry;
	size_t i = 0;
	int r;

	while (export->trees->keys[i] != object->layer)
		i++;
	resolve_relation(&relation, "tree", object->layer, export->trees->items[i]);
	if (object->over)
		text_format(&relation, ", over tree '%s'", object->over);
	addition.relation = text_string(&relation);
	addition.at = export->trees->key_origins[i];
	if (object->type == ENTRY_FILE && object->references > 1 && object->group == 0)
		object->group = ++export->resolve->foreign->groups;
	addition.link_group = object->group;
	r = manifest_add(export->resolve->manifest, &addition, &entry);
	if (r < 0)
		return r;
	if (object->type == ENTRY_FILE)
		entry->size = object->size;
	return 0;
}

/* what every root needs to be mounted into; what archives of containers often lack */
static int add_missing_folders(struct tree *tree)
{
	static const struct {
		const char *path;
		mode_t mode;
	} folders[] = { { "dev", 0755 }, { "proc", 0555 }, { "run", 0755 }, { "sys", 0555 } };

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		struct tree_object *object;
		int r;

		if (tree_get(tree, folders[i].path))
			continue;
		object = tree_object_new(ENTRY_DIRECTORY, folders[i].mode);
		r = object ? tree_put(tree, folders[i].path, object) : -ENOMEM;
		tree_object_release(&object);
		if (r < 0)
			return fail(r, "cannot add '%s' to a tree", folders[i].path);
	}
	return 0;
}

int resolve_trees(struct resolve *resolve, const struct value *trees, bool is_refresh)
{
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();
	const struct export export = { resolve, trees };
	int r = tree ? 0 : fail(-ENOMEM, "cannot read trees");

	if (r == 0 && trees && trees->count && !foreign_get(resolve))
		return -EIO;
	for (size_t i = 0; r == 0 && trees && i < trees->count; i++) {
		struct tree_wish wish = {
			.resolve = resolve,
			.name = trees->keys[i],
			.value = trees->items[i],
			.at = &trees->key_origins[i],
		};

		if (wish.value->kind == VALUE_NULL)
			continue;
		text_format(&wish.label, "tree '%s' (", wish.name);
		origin_format(&wish.label, wish.at, false);
		text_add(&wish.label, ")");
		r = read_tree(&wish, tree, is_refresh);
		text_free(&wish.label);
	}
	if (r == 0 && resolve->foreign && resolve->foreign->has_root)
		r = add_missing_folders(tree);
	if (r == 0)
		r = tree_walk(tree, export_member, (void *)(uintptr_t) & export);
	return r;
}

/* ---- programs of the tree that is the root ---- */

static bool has_program(const struct resolve *resolve, const char *path)
{
	CLEANUP(memory_free) char *place = NULL;
	const struct entry *entry = NULL;

	if (manifest_canonical(resolve->manifest, path, true, &place) == 0)
		entry = manifest_find(resolve->manifest, place);
	return entry && entry->is_tree && entry->type == ENTRY_FILE && entry->mode & 0111;
}

int trees_init(const struct resolve *resolve, const char **ret_path)
{
	/* what stands where kernels look for it: kernel init/main.c, kernel_init() */
	static const char *const places[] = { "/sbin/init", "/etc/init", "/bin/init",
					      "/usr/lib/systemd/systemd" };
	CLEANUP(text_free) struct text searched = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (has_program(resolve, places[i])) {
			*ret_path = places[i];
			return 0;
		}
		text_format(&searched, "%s%s", i ? ", " : "", places[i]);
	}
	return fail(0,
		    "the tree has no init to hand over to (searched: %s); install one in it, or "
		    "say 'boot: main:'",
		    text_string(&searched));
}

#define FOLDERS_USUAL "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int trees_program_in(const struct resolve *resolve, const char *name, const char *folders,
		     char **ret_path)
{
	if (!resolve->foreign || !resolve->foreign->has_root)
		return -ENOENT;
	if (*name == '/')
		folders = "";
	else if (!folders)
		folders = FOLDERS_USUAL;
	do {
		size_t length = strcspn(folders, ":");
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%.*s%s%s", (int)length, folders, *name == '/' ? "" : "/", name);
		if (!path.failed && *text_string(&path) == '/' &&
		    has_program(resolve, text_string(&path)))
			return text_take(&path, ret_path);
		folders += length;
	} while (*folders++ == ':');
	return -ENOENT;
}

int trees_program(const struct resolve *resolve, const char *name, char **ret_path)
{
	return trees_program_in(resolve, name, NULL, ret_path);
}

int trees_named(const struct resolve *resolve, const char *name, char **ret_path)
{
	CLEANUP(memory_free) char *place = NULL;
	const struct entry *entry = NULL;

	if (*name == '/' && manifest_canonical(resolve->manifest, name, true, &place) == 0)
		entry = manifest_find(resolve->manifest, place);
	if (!entry || !entry->is_named || entry->type != ENTRY_FILE || !(entry->mode & 0111))
		return -ENOENT;
	*ret_path = strdup(name);
	return *ret_path ? 0 : -ENOMEM;
}
