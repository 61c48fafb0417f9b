/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_cat.c - mkinitrd cat: the content of one file in an image
 *
 * In:    an image, whoever made it, and a path in it
 * Out:   the bytes of the file that the kernel would have there: symlinks followed within the
 * image, the last of several entries, a hard link's content wherever it stands Not:   resolution of
 * paths (image_tree.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../init/lib/file.h"
#include "escape.h"
#include "fail.h"
#include "image_tree.h"
#include "options.h"

/* the image is read twice: what stands at a path is known at its end alone */
static int print_content(const char *image, size_t order)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	const unsigned char *piece;
	struct image_entry entry;
	ssize_t count;
	int r = image_open(image, &reader);

	if (r < 0)
		return r;
	image_keep_parents(reader);
	for (size_t i = 0; i <= order; i++) {
		r = image_next(reader, &entry);
		if (r <= 0)
			return r < 0 ? r : fail(0, "'%s' changed while it was read", image);
	}
	while ((count = image_read_piece(reader, &piece)) > 0) {
		r = file_write_fd(STDOUT_FILENO, piece, (size_t)count);
		if (r < 0)
			return fail(r, "cannot write to standard output");
	}
	return (int)count;
}

static int miss(const struct image_tree *tree, const char *image, const char *path)
{
	CLEANUP(memory_free) const char **paths = calloc(tree->count + 1, sizeof(char *));
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	CLEANUP(text_free) struct text near = TEXT_EMPTY;
	const char *nearest = NULL;

	for (size_t i = 0; paths && i < tree->count; i++)
		paths[i] = tree->nodes[i]->path;
	if (paths)
		nearest = word_nearest(path + strspn(path, "/"), paths);
	escape_name(&name, path);
	if (nearest)
		escape_name(&near, nearest);
	return fail(0, "'%s' is not in '%s'%s%s%s", text_string(&name), image,
		    nearest ? "; did you mean '" : "", text_string(&near), nearest ? "'?" : "");
}

static int cat(const char *image, const char *path)
{
	CLEANUP(image_tree_free) struct image_tree tree = { .skips_content = true };
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	CLEANUP(text_free) struct text shown = TEXT_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;
	const struct tree_look look = { 0 };
	struct tree_node *node = NULL, *link = NULL;
	int r = image_tree_read(&tree, image, &look);

	if (r < 0)
		return r;
	escape_name(&shown, path);
	r = image_tree_resolve(&tree, path, true, &place, &node);
	if (r < 0)
		return fail(r, "cannot follow '%s' in '%s'", text_string(&shown), image);
	escape_name(&target, text_string(&place));
	if (r == 0 && image_tree_resolve(&tree, path, false, NULL, &link) == 1 && link &&
	    S_ISLNK(link->mode))
		return fail(0, "symlink '%s' leads to '%s', which is not in '%s'",
			    text_string(&shown), text_string(&target), image);
	if (r == 0)
		return miss(&tree, image, path);
	if (!node || S_ISDIR(node->mode))
		return fail(0, "'%s' is a directory; use: mkinitrd ls %s %s", text_string(&shown),
			    image, text_string(&shown));
	if (!S_ISREG(node->mode))
		return fail(0, "'%s' is no regular file", text_string(&shown));
	if (image_tree_resolve(&tree, path, false, NULL, &link) == 1 && link != node)
		say("'%s' is a symlink to '%s'", text_string(&shown), text_string(&target));
	return print_content(image, node->content->order);
}

int cmd_cat(const struct options *options)
{
	if (options->arguments.count != 2) {
		(void)fail(0, "cat: %s; use: mkinitrd cat IMAGE PATH",
			   options->arguments.count < 2 ? "an image and a path are needed"
							: "one image, one path");
		return EXIT_USAGE;
	}
	return cat(options->arguments.items[0], options->arguments.items[1]) < 0 ? EXIT_FAILED
										 : EXIT_DONE;
}
