/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_tree.c - an image as the file system that the kernel makes of it (see image_tree.h)
 *
 * In:    an image, untrusted
 * Out:   nodes by path, each as its last definition says
 * Not:   what is wrong with them (check_*.c)
 * Facts: the kernel makes entries in the order of the image, a later one replaces an earlier one,
 *        and hard links share the content of the one that has it (init/initramfs.c, maybe_link());
 *        path_resolution(7) for symlinks
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "image_tree.h"

#define LINKS_MOST 40

static void digest_cleanup(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
	*digest = NULL;
}

static void node_free(struct tree_node *node)
{
	free(node->path);
	free(node->target);
	free(node);
}

void image_tree_free(struct image_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->nodes[i]->facts && tree->facts_free)
			tree->facts_free(tree->nodes[i]->facts);
		node_free(tree->nodes[i]);
	}
	memory_free(&tree->nodes);
	path_map_free(&tree->places);
	tree->count = 0;
	tree->allocated = 0;
}

struct tree_node *image_tree_find(const struct image_tree *tree, const char *path)
{
	return path_map_get(&tree->places, path);
}

/* ---- reading ---- */

static struct tree_node *node_new(struct image_tree *tree, const char *path)
{
	struct tree_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	if (tree->count == tree->allocated) {
		size_t more = tree->allocated ? tree->allocated * 2 : 256;
		struct tree_node **nodes =
			reallocarray(tree->nodes, more, sizeof(struct tree_node *));

		if (nodes) {
			tree->nodes = nodes;
			tree->allocated = more;
		}
	}
	node->path = strdup(path);
	if (!node->path || tree->count == tree->allocated ||
	    path_map_put(&tree->places, path, node, NULL) < 0) {
		node_free(node);
		return NULL;
	}
	tree->nodes[tree->count++] = node;
	return node;
}

/* the node of @entry as it says, new or defined again */
static int node_define(struct image_tree *tree, const struct image_entry *entry,
		       struct tree_node **ret_node)
{
	struct tree_node *node = image_tree_find(tree, entry->path);
	char *target = entry->target ? strdup(entry->target) : NULL;

	if (!node)
		node = node_new(tree, entry->path);
	if (!node || (entry->target && !target)) {
		free(target);
		return -ENOMEM;
	}
	free(node->target);
	if (node->facts && tree->facts_free)
		tree->facts_free(node->facts);
	*node = (struct tree_node){
		.path = node->path,
		.mode = entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.nlink = entry->nlink,
		.inode = entry->inode,
		.size = entry->size,
		.target = target,
		.segment = entry->segment,
		.order = tree->entries,
		.compression = entry->compression,
		.is_in_squashfs = entry->is_in_squashfs,
		.content = node,
	};
	*ret_node = node;
	return 0;
}

/* the content, hashed and shown to @look */
static int read_content(struct image_reader *reader, const struct tree_look *look,
			EVP_MD_CTX *digest, struct tree_node *node)
{
	const unsigned char *piece;
	ssize_t count;
	int r = 0;

	if (!EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
		return fail(-ENOMEM, "cannot read '%s'", node->path);
	while (r == 0 && (count = image_read_piece(reader, &piece)) != 0) {
		if (count < 0)
			return (int)count;
		if (!EVP_DigestUpdate(digest, piece, (size_t)count))
			return fail(-ENOMEM, "cannot read '%s'", node->path);
		if (look->content)
			r = look->content(look->context, node, piece, (size_t)count);
	}
	if (r == 0 && !EVP_DigestFinal_ex(digest, node->sha256, NULL))
		return fail(-ENOMEM, "cannot read '%s'", node->path);
	if (r == 0 && look->content)
		r = look->content(look->context, node, NULL, 0);
	return r;
}

static int read_entry(struct image_tree *tree, struct image_reader *reader,
		      const struct tree_look *look, EVP_MD_CTX *digest,
		      const struct image_entry *entry)
{
	struct tree_node *node;
	int r = 0;

	if (look->entry)
		r = look->entry(look->context, entry, image_tree_find(tree, entry->path));
	if (r < 0)
		return r;
	if (node_define(tree, entry, &node) < 0)
		return fail(-ENOMEM, "cannot remember '%s'", entry->path);
	tree->entries++;
	return S_ISREG(node->mode) && !tree->skips_content
		       ? read_content(reader, look, digest, node)
		       : 0;
}

static int node_order(const void *left, const void *right)
{
	const struct tree_node *const *a = left, *const *b = right;

	return strcmp((*a)->path, (*b)->path);
}

static bool is_linked(const struct tree_node *node)
{
	return S_ISREG(node->mode) && node->nlink > 1;
}

/* hard links get the content of the one that has it */
static int join_links(struct image_tree *tree)
{
	struct path_map inodes = { 0 };
	int r = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; r == 0 && i < tree->count; i++) {
			struct tree_node *node = tree->nodes[i], *found;
			char key[64];

			if (!is_linked(node) || (node->size > 0) != (pass == 0))
				continue;
			(void)snprintf(key, sizeof(key), "%u %llu", node->segment,
				       (unsigned long long)node->inode);
			found = path_map_get(&inodes, key);
			if (pass == 0 && !found)
				r = path_map_put(&inodes, key, node, NULL);
			else if (pass == 1 && found)
				node->content = found;
		}
	path_map_free(&inodes);
	return r < 0 ? fail(r, "cannot follow the hard links") : 0;
}

int image_tree_read(struct image_tree *tree, const char *path, const struct tree_look *look)
{
	CLEANUP(digest_cleanup) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	struct image_entry entry;
	int r;

	if (!digest)
		return fail(-ENOMEM, "cannot read image '%s'", path);
	r = image_open(path, &reader);
	if (r < 0)
		return r;
	image_keep_parents(reader);
	while ((r = image_next(reader, &entry)) == 1) {
		r = read_entry(tree, reader, look, digest, &entry);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (tree->count)
		qsort(tree->nodes, tree->count, sizeof(struct tree_node *), node_order);
	return join_links(tree);
}

/* ---- paths ---- */

/* take the last component off; above the root is the root */
static void step_up(struct text *place)
{
	while (place->length && place->data[--place->length] != '/')
		;
	if (place->data)
		place->data[place->length] = '\0';
}

static void step_down(struct text *place, const char *name, size_t length)
{
	if (place->length)
		text_add_char(place, '/');
	text_add_bytes(place, name, length);
}

/* the part of a path that is still to be walked */
struct walk {
	const struct image_tree *tree;
	struct text place, rest;
	size_t at; /* in rest */
	unsigned links;
	struct tree_node *node;
	bool is_missing; /* nothing is below what was not there */
};

static void walk_free(struct walk *walk)
{
	text_free(&walk->place);
	text_free(&walk->rest);
}

/* @place was stepped down to a symlink: go on with its target. Return: 0 or -errno */
static int walk_link(struct walk *walk, const char *target)
{
	CLEANUP(text_free) struct text rest = TEXT_EMPTY;

	if (++walk->links > LINKS_MOST)
		return -ELOOP;
	if (*target == '/')
		text_clear(&walk->place);
	else
		step_up(&walk->place);
	text_add(&rest, target);
	text_add_char(&rest, '/');
	text_add(&rest, text_string(&walk->rest) + walk->at);
	text_free(&walk->rest);
	walk->rest = rest;
	rest = TEXT_EMPTY;
	walk->at = 0;
	walk->node = NULL;
	return 0;
}

static int walk_step(struct walk *walk, const char *name, size_t length, bool follow)
{
	if (length == 0 || (length == 1 && name[0] == '.'))
		return 0;
	if (length == 2 && name[0] == '.' && name[1] == '.') {
		step_up(&walk->place);
		walk->node = image_tree_find(walk->tree, text_string(&walk->place));
		return 0;
	}
	if (walk->node && !S_ISDIR(walk->node->mode))
		walk->is_missing = true;
	step_down(&walk->place, name, length);
	walk->node = image_tree_find(walk->tree, text_string(&walk->place));
	if (!walk->node)
		walk->is_missing = true;
	if (walk->node && walk->node->target && follow)
		return walk_link(walk, walk->node->target);
	return 0;
}

static int walk_all(struct walk *walk, bool follow)
{
	int r = 0;

	while (r == 0 && walk->at < walk->rest.length) {
		const char *name = text_string(&walk->rest) + walk->at;
		size_t length = strcspn(name, "/");
		bool is_last = name[length + strspn(name + length, "/")] == '\0';

		walk->at += length + (name[length] == '/');
		r = walk_step(walk, name, length, follow || !is_last);
	}
	if (walk->place.failed || walk->rest.failed)
		return -ENOMEM;
	return r;
}

int image_tree_resolve(const struct image_tree *tree, const char *path, bool follow,
		       struct text *ret_place, struct tree_node **ret_node)
{
	CLEANUP(walk_free) struct walk walk = { .tree = tree };
	int r;

	text_add(&walk.rest, path);
	r = walk_all(&walk, follow);
	if (ret_place && r == 0) {
		text_clear(ret_place);
		text_add(ret_place, text_string(&walk.place));
	}
	if (ret_node)
		*ret_node = r == 0 && !walk.is_missing ? walk.node : NULL;
	if (r < 0)
		return r;
	return !walk.is_missing && (walk.node || walk.place.length == 0);
}

int image_tree_target(const struct image_tree *tree, const struct tree_node *node,
		      struct text *ret_place, struct tree_node **ret_node)
{
	return image_tree_resolve(tree, node->path, true, ret_place, ret_node);
}
