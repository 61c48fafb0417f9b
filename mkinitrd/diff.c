/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff.c - two images held against each other (see diff.h)
 *
 * In:    two images, untrusted: each is read once for hashes, and once more when small texts
 * changed Out:   pairs that differ Not:   changed lines of a text (diff_lines.c), how it is shown
 * (cmd_diff.c)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diff.h"
#include "fail.h"

#define MODULES "lib/modules/"
#define MANIFEST_MOST ((size_t)256 << 20)
#define TEXT_MOST ((uint64_t)1 << 20)   /* of a file whose lines are compared */
#define TEXTS_MOST ((uint64_t)32 << 20) /* of all of them */

static void image_free(struct diff_image *image)
{
	image_tree_free(&image->tree);
	free(image->profile);
	free(image->release);
	free(image->kernel);
}

void diff_free(struct diff *diff)
{
	for (size_t i = 0; i < diff->pair_count; i++)
		strings_free(&diff->pairs[i].lines);
	free(diff->pairs);
	image_free(&diff->a);
	image_free(&diff->b);
}

static void text_release(void *pointer)
{
	text_free(pointer);
	free(pointer);
}

/* ---- reading ---- */

static int keep(struct tree_node *node, const unsigned char *bytes, size_t size, size_t most)
{
	struct text *text = node->facts;

	if (!text)
		text = node->facts = calloc(1, sizeof(*text));
	if (!text || text->length + size > most)
		return fail(text ? -EFBIG : -ENOMEM, "cannot read '%s'", node->path);
	text_add_bytes(text, bytes, size);
	return text->failed ? fail(-ENOMEM, "cannot read '%s'", node->path) : 0;
}

static int keep_manifest(void *context UNUSED, struct tree_node *node, const unsigned char *bytes,
			 size_t size)
{
	return text_equal(node->path, MANIFEST_PATH) ? keep(node, bytes, size, MANIFEST_MOST) : 0;
}

/* a broken manifest says nothing here: `check` is there for that */
static void read_manifest(struct diff_image *image)
{
	struct tree_node *node = image_tree_find(&image->tree, MANIFEST_PATH);
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	const struct text *text = node ? node->facts : NULL;

	if (text && text->length)
		(void)manifest_from_json(text_string(text), text->length, &manifest,
					 &image->release, &image->profile, NULL);
}

/* "RELEASE/..." in the path of a kernel's file, or NULL */
static const char *after_modules(const char *path)
{
	const char *at = text_after(path, "usr/");

	return text_after(at ? at : path, MODULES);
}

/* the release of the modules, when they are of one kernel */
static int find_kernel(struct diff_image *image)
{
	for (size_t i = 0; i < image->tree.count; i++) {
		const char *at = after_modules(image->tree.nodes[i]->path);
		size_t length = at ? strcspn(at, "/") : 0;

		if (!length)
			continue;
		if (!image->kernel) {
			image->kernel = strndup(at, length);
			if (!image->kernel)
				return fail(-ENOMEM, "cannot compare");
		} else if (strlen(image->kernel) != length ||
			   memcmp(image->kernel, at, length) != 0) {
			memory_free(&image->kernel);
			return 0;
		}
	}
	return 0;
}

static int read_image(struct diff_image *image)
{
	int r;

	image->tree.facts_free = text_release;
	r = image_tree_read(&image->tree, image->path,
			    &(struct tree_look){ .content = keep_manifest });
	if (r < 0)
		return r;
	read_manifest(image);
	return find_kernel(image);
}

/* ---- pairs ---- */

/* a path as it is compared: the kernel's release taken out when it is another in each image */
struct place {
	char *key; /* NULL: the node's path */
	struct tree_node *node;
};

static const char *place_key(const struct place *place)
{
	return place->key ? place->key : place->node->path;
}

static int place_order(const void *left, const void *right)
{
	return strcmp(place_key(left), place_key(right));
}

struct places {
	struct place *items;
	size_t count;
};

static void places_free(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->items[i].key);
	free(places->items);
}

static int places_fill(const struct diff_image *image, bool has_moved, struct places *places)
{
	places->items = calloc(image->tree.count + 1, sizeof(*places->items));
	if (!places->items)
		return fail(-ENOMEM, "cannot compare '%s'", image->path);
	for (size_t i = 0; i < image->tree.count; i++) {
		struct tree_node *node = image->tree.nodes[i];
		const char *at = has_moved ? after_modules(node->path) : NULL;
		struct place *place = &places->items[places->count++];
		CLEANUP(text_free) struct text key = TEXT_EMPTY;

		place->node = node;
		if (!at || !*at)
			continue;
		text_add_bytes(&key, node->path, (size_t)(at - node->path));
		text_add_char(&key, '*'); /* no release has one */
		text_add(&key, at + strcspn(at, "/"));
		if (text_take(&key, &place->key) < 0)
			return fail(-ENOMEM, "cannot compare '%s'", image->path);
	}
	qsort(places->items, places->count, sizeof(*places->items), place_order);
	return 0;
}

static unsigned compare(const struct tree_node *a, const struct tree_node *b)
{
	unsigned what = 0;

	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return DIFF_TYPE;
	if (S_ISREG(a->mode) && (a->content->size != b->content->size ||
				 memcmp(a->content->sha256, b->content->sha256, SHA256_SIZE) != 0))
		what |= DIFF_CONTENT;
	if (!S_ISLNK(a->mode) && (a->mode & 07777) != (b->mode & 07777))
		what |= DIFF_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		what |= DIFF_OWNER;
	if (a->target && b->target && !text_equal(a->target, b->target))
		what |= DIFF_TARGET;
	return what;
}

static uint64_t content_size(const struct tree_node *node)
{
	return node && S_ISREG(node->mode) ? node->content->size : 0;
}

static int add_pair(struct diff *diff, struct tree_node *a, struct tree_node *b, unsigned what)
{
	struct diff_sum *sum = !b ? &diff->removed : !a ? &diff->added : &diff->changed;

	if (diff->pair_count == diff->pair_allocated) {
		size_t more = diff->pair_allocated ? diff->pair_allocated * 2 : 64;
		struct diff_pair *pairs = reallocarray(diff->pairs, more, sizeof(*pairs));

		if (!pairs)
			return fail(-ENOMEM, "cannot compare");
		diff->pairs = pairs;
		diff->pair_allocated = more;
	}
	diff->pairs[diff->pair_count++] = (struct diff_pair){ .a = a, .b = b, .what = what };
	sum->count++;
	sum->bytes_a += content_size(a);
	sum->bytes_b += content_size(b);
	return 0;
}

/* both are there */
static int take_pair(struct diff *diff, struct tree_node *a, struct tree_node *b)
{
	unsigned what = compare(a, b);

	if (text_equal(a->path, MANIFEST_PATH))
		return 0;
	if (what)
		return add_pair(diff, a, b, what);
	diff->moved += !text_equal(a->path, b->path);
	return 0;
}

static int merge(struct diff *diff, const struct places *a, const struct places *b)
{
	size_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < a->count || j < b->count)) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : place_order(&a->items[i], &b->items[j]);

		if (order < 0)
			r = add_pair(diff, a->items[i++].node, NULL, 0);
		else if (order > 0)
			r = add_pair(diff, NULL, b->items[j++].node, 0);
		else
			r = take_pair(diff, a->items[i++].node, b->items[j++].node);
	}
	return r;
}

/* only when nothing else differs: then the manifest says something that the entries do not show */
static int compare_manifests(struct diff *diff)
{
	struct tree_node *a = image_tree_find(&diff->a.tree, MANIFEST_PATH);
	struct tree_node *b = image_tree_find(&diff->b.tree, MANIFEST_PATH);
	unsigned what = a && b && diff->pair_count == 0 ? compare(a, b) : 0;

	return what ? add_pair(diff, a, b, what) : 0;
}

static int compare_trees(struct diff *diff)
{
	bool has_moved =
		diff->a.kernel && diff->b.kernel && !text_equal(diff->a.kernel, diff->b.kernel);
	CLEANUP(places_free) struct places a = { 0 };
	CLEANUP(places_free) struct places b = { 0 };
	int r = places_fill(&diff->a, has_moved, &a);

	if (r == 0)
		r = places_fill(&diff->b, has_moved, &b);
	if (r == 0)
		r = merge(diff, &a, &b);
	return r < 0 ? r : compare_manifests(diff);
}

/* ---- changed lines ---- */

static bool has_small_texts(const struct diff_pair *pair)
{
	return pair->a && pair->b && pair->what & DIFF_CONTENT &&
	       !text_equal(pair->a->path, MANIFEST_PATH) && content_size(pair->a) <= TEXT_MOST &&
	       content_size(pair->b) <= TEXT_MOST;
}

/* what the second reading looks for */
struct wanted {
	struct path_map
		texts; /* struct text by path; content of hard links by that of the content */
	uint64_t left; /* bytes that may still be kept */
};

static int want(struct wanted *wanted, const struct tree_node *node)
{
	struct text *text;
	int r;

	if (path_map_get(&wanted->texts, node->path) || node->size > wanted->left)
		return 0;
	wanted->left -= node->size;
	text = calloc(1, sizeof(*text));
	r = text ? path_map_put(&wanted->texts, node->path, text, text_release) : -ENOMEM;
	if (r < 0)
		free(text);
	return r < 0 ? fail(r, "cannot compare '%s'", node->path) : 0;
}

static int keep_wanted(void *context, struct tree_node *node, const unsigned char *bytes,
		       size_t size)
{
	struct wanted *wanted = context;
	struct text *text = path_map_get(&wanted->texts, node->path);

	/* the file may have changed since, but not the memory that it may take */
	if (text && text->length + size <= TEXT_MOST)
		text_add_bytes(text, bytes, size);
	return text && text->failed ? fail(-ENOMEM, "cannot compare '%s'", node->path) : 0;
}

static int read_wanted(const char *path, struct wanted *wanted)
{
	CLEANUP(image_tree_free) struct image_tree tree = { 0 };

	return image_tree_read(&tree, path, &(struct tree_look){ wanted, NULL, keep_wanted });
}

static bool is_text(const struct text *text)
{
	return text && text->length && !memchr(text->data, '\0', text->length);
}

/* every @old becomes @new: a kernel's release, which else would change every line */
static void replace(const char *string, const char *old, const char *new, struct text *text)
{
	const char *hit;

	while (old && new && (hit = strstr(string, old)) != NULL) {
		text_add_bytes(text, string, (size_t)(hit - string));
		text_add(text, new);
		string = hit + strlen(old);
	}
	text_add(text, string);
}

static int compare_texts(const struct diff *diff, const struct wanted *wanted_a,
			 const struct wanted *wanted_b, struct diff_pair *pair)
{
	const struct text *a = path_map_get(&wanted_a->texts, pair->a->content->path);
	const struct text *b = path_map_get(&wanted_b->texts, pair->b->content->path);
	CLEANUP(text_free) struct text moved = TEXT_EMPTY;
	int r;

	if (!is_text(a) || !is_text(b))
		return 0;
	replace(text_string(a), diff->a.kernel, diff->b.kernel, &moved);
	r = moved.failed ? -ENOMEM : diff_lines(text_string(&moved), text_string(b), &pair->lines);
	return r < 0 ? fail(r, "cannot compare '%s'", pair->b->path) : 0;
}

static void wanted_free(struct wanted *wanted)
{
	path_map_free(&wanted->texts);
}

static int find_lines(struct diff *diff)
{
	CLEANUP(wanted_free) struct wanted a = { .left = TEXTS_MOST };
	CLEANUP(wanted_free) struct wanted b = { .left = TEXTS_MOST };
	bool has_any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < diff->pair_count; i++) {
		if (!has_small_texts(&diff->pairs[i]))
			continue;
		has_any = true;
		r = want(&a, diff->pairs[i].a->content);
		if (r == 0)
			r = want(&b, diff->pairs[i].b->content);
	}
	if (r < 0 || !has_any)
		return r;
	r = read_wanted(diff->a.path, &a);
	if (r == 0)
		r = read_wanted(diff->b.path, &b);
	for (size_t i = 0; r == 0 && i < diff->pair_count; i++)
		if (has_small_texts(&diff->pairs[i]))
			r = compare_texts(diff, &a, &b, &diff->pairs[i]);
	return r;
}

int diff_images(struct diff *diff)
{
	int r = read_image(&diff->a);

	if (r == 0)
		r = read_image(&diff->b);
	if (r == 0)
		r = compare_trees(diff);
	return r == 0 ? find_lines(diff) : r;
}
