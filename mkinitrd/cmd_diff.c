/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_diff.c - mkinitrd diff: what changed between two images
 *
 * In:    two images, whoever made them
 * Out:   what was removed, added and changed, or JSON; status 3 when they differ
 * Not:   how they are compared (diff.c)
 */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diff.h"
#include "escape.h"
#include "fail.h"
#include "options.h"
#include "../init/lib/number.h"

#define LINES_MOST 40 /* changed lines of one file that are shown without -v */

static const char *type_name(mode_t mode)
{
	static const struct {
		mode_t type;
		const char *name;
	} types[] = { { S_IFREG, "file" },         { S_IFDIR, "directory" },
		      { S_IFLNK, "symlink" },      { S_IFCHR, "character device" },
		      { S_IFBLK, "block device" }, { S_IFIFO, "FIFO" },
		      { S_IFSOCK, "socket" } };

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if ((mode & S_IFMT) == types[i].type)
			return types[i].name;
	return "unknown";
}

/* what of a pair differs, with both values: "mode 0755 -> 0700" */
static void describe(const struct diff_pair *pair, struct text *text)
{
	const struct tree_node *a = pair->a, *b = pair->b;
	const char *comma = "";

	if (pair->what & DIFF_TYPE) {
		text_format(text, "%s -> %s", type_name(a->mode), type_name(b->mode));
		comma = ", ";
	}
	if (pair->what & DIFF_CONTENT && a->content->size != b->content->size) {
		text_format(text, "%ssize ", comma);
		size_format(text, a->content->size);
		text_add(text, " -> ");
		size_format(text, b->content->size);
		comma = ", ";
	} else if (pair->what & DIFF_CONTENT) {
		text_format(text, "%scontent", comma);
		comma = ", ";
	}
	if (pair->what & DIFF_MODE) {
		text_format(text, "%smode %04o -> %04o", comma, (unsigned)a->mode & 07777,
			    (unsigned)b->mode & 07777);
		comma = ", ";
	}
	if (pair->what & DIFF_OWNER) {
		text_format(text, "%sowner %u:%u -> %u:%u", comma, a->uid, a->gid, b->uid, b->gid);
		comma = ", ";
	}
	if (pair->what & DIFF_TARGET) {
		text_format(text, "%starget ", comma);
		escape_name(text, a->target);
		text_add(text, " -> ");
		escape_name(text, b->target);
	}
}

/* ---- lines ---- */

static int print_text(struct text *text)
{
	if (text->failed)
		return fail(-ENOMEM, "cannot show the difference");
	(void)fputs(text_string(text), stdout);
	text_clear(text);
	return 0;
}

/* "- usr/bin/foo (5.2 MB)" */
static void add_single(struct text *text, char sign, const struct tree_node *node)
{
	text_format(text, "%c ", sign);
	escape_name(text, node->path);
	if (S_ISREG(node->mode)) {
		text_add(text, " (");
		size_format(text, node->content->size);
		text_add(text, ")");
	} else if (node->target) {
		text_add(text, " -> ");
		escape_name(text, node->target);
	}
	text_add_char(text, '\n');
}

/* the changed lines of a small text, indented below its path */
static void add_lines(struct text *text, const struct diff_pair *pair)
{
	size_t most = verbosity_get() >= VERBOSE ? SIZE_MAX : LINES_MOST;

	for (size_t i = 0; i < pair->lines.count; i++) {
		if (i == most) {
			text_format(text, "    ... and %zu more lines (-v shows them)\n",
				    pair->lines.count - most);
			break;
		}
		text_add(text, "    ");
		escape_name(text, pair->lines.items[i]);
		text_add_char(text, '\n');
	}
}

static void add_pair(struct text *text, const struct diff_pair *pair)
{
	assert(pair->a || pair->b);
	if (!pair->a || !pair->b) {
		add_single(text, pair->a ? '-' : '+', pair->a ? pair->a : pair->b);
		return;
	}
	text_add(text, "~ ");
	escape_name(text, pair->b->path);
	text_add(text, ": ");
	describe(pair, text);
	text_add_char(text, '\n');
	add_lines(text, pair);
}

static void add_sum(struct text *text, const char *what, const struct diff_sum *sum)
{
	if (sum->count == 0)
		return;
	text_format(text, "%s%zu %s", text->length ? ", " : "", sum->count, what);
	if (sum->bytes_a || sum->bytes_b) {
		text_add(text, " (");
		if (sum->bytes_a)
			size_format(text, sum->bytes_a);
		if (sum->bytes_a && sum->bytes_b)
			text_add(text, " -> ");
		if (sum->bytes_b)
			size_format(text, sum->bytes_b);
		text_add(text, ")");
	}
}

static void add_image(struct text *text, char sign, const struct diff_image *image)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < image->tree.count; i++)
		bytes += S_ISREG(image->tree.nodes[i]->mode) ? image->tree.nodes[i]->size : 0;
	text_format(text, "%c%c%c ", sign, sign, sign);
	escape_name(text, image->path);
	text_add(text, ": ");
	if (image->profile)
		text_format(text, "profile %s, ", image->profile);
	if (image->release || image->kernel)
		text_format(text, "kernel %s, ", image->release ? image->release : image->kernel);
	text_format(text, "%zu entries, ", image->tree.count);
	size_format(text, bytes);
	text_add_char(text, '\n');
}

static int print_lines(const struct diff *diff)
{
	/* removed, added, changed: what belongs together stands together */
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r;

	if (diff->pair_count == 0)
		return 0;
	add_image(&text, '-', &diff->a);
	add_image(&text, '+', &diff->b);
	r = print_text(&text);
	for (int group = 0; r == 0 && group < 3; group++)
		for (size_t i = 0; r == 0 && i < diff->pair_count; i++) {
			const struct diff_pair *pair = &diff->pairs[i];

			if (group != (!pair->b ? 0 : !pair->a ? 1 : 2))
				continue;
			add_pair(&text, pair);
			r = print_text(&text);
		}
	return r;
}

/* ---- JSON ---- */

static json_t *json_text(const char *string)
{
	CLEANUP(text_free) struct text escaped = TEXT_EMPTY;
	json_t *json = string ? json_string(string) : json_null();

	if (json)
		return json;
	escape_name(&escaped, string);
	json = json_string(text_string(&escaped));
	return json ? json : json_string("");
}

static json_t *json_node(const struct tree_node *node)
{
	char mode[8], digest[SHA256_SIZE * 2 + 1] = "";
	json_t *json;

	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)node->mode & 07777);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(digest + 2 * i, 3, "%02x", node->content->sha256[i]);
	json = json_pack("{s:o,s:s,s:s,s:I,s:I}", "path", json_text(node->path), "type",
			 type_name(node->mode), "mode", mode, "uid", (json_int_t)node->uid, "gid",
			 (json_int_t)node->gid);
	if (json && S_ISREG(node->mode) &&
	    (json_object_set_new(json, "size", json_integer((json_int_t)node->content->size)) < 0 ||
	     json_object_set_new(json, "sha256", json_string(digest)) < 0)) {
		json_decref(json);
		return NULL;
	}
	if (json && node->target &&
	    json_object_set_new(json, "target", json_text(node->target)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *json_pair(const struct diff_pair *pair)
{
	static const char *const names[] = { "type", "content", "mode", "owner", "target" };
	json_t *what, *lines, *json;

	assert(pair->a || pair->b);
	if (!pair->a || !pair->b)
		return json_node(pair->a ? pair->a : pair->b);
	what = json_array();
	lines = json_array();
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (pair->what & 1u << i)
			(void)json_array_append_new(what, json_string(names[i]));
	for (size_t i = 0; i < pair->lines.count; i++)
		(void)json_array_append_new(lines, json_text(pair->lines.items[i]));
	json = json_pack("{s:o,s:o,s:o,s:o}", "what", what, "from", json_node(pair->a), "to",
			 json_node(pair->b), "lines", lines);
	return json;
}

static json_t *json_image(const struct diff_image *image)
{
	return json_pack("{s:o,s:o,s:o,s:I}", "path", json_text(image->path), "profile",
			 json_text(image->profile), "release", json_text(image->release), "entries",
			 (json_int_t)image->tree.count);
}

static int print_json(const struct diff *diff)
{
	json_t *groups[] = { json_array(), json_array(), json_array() };
	json_t *json;
	char *string = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < diff->pair_count; i++) {
		const struct diff_pair *pair = &diff->pairs[i];

		r = json_array_append_new(groups[!pair->b ? 0 : !pair->a ? 1 : 2], json_pair(pair));
	}
	json = json_pack("{s:o,s:o,s:o,s:o,s:o}", "a", json_image(&diff->a), "b",
			 json_image(&diff->b), "removed", groups[0], "added", groups[1], "changed",
			 groups[2]);
	if (json && r == 0)
		string = json_dumps(json, JSON_INDENT(1));
	if (string)
		printf("%s\n", string);
	r = string ? 0 : fail(-ENOMEM, "cannot show the difference");
	free(string);
	json_decref(json);
	return r;
}

static void summarise(const struct diff *diff)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	if (diff->pair_count == 0) {
		say("%s and %s hold the same", diff->a.path, diff->b.path);
		return;
	}
	add_sum(&text, "removed", &diff->removed);
	add_sum(&text, "added", &diff->added);
	add_sum(&text, "changed", &diff->changed);
	if (diff->moved)
		text_format(&text, ", %zu of a kernel's files the same but for its release",
			    diff->moved);
	say("%s", text_string(&text));
}

int cmd_diff(const struct options *options)
{
	CLEANUP(diff_free) struct diff diff = { 0 };
	int r;

	if (options->arguments.count != 2) {
		(void)fail(0, "diff: two images are needed; use: mkinitrd diff A B");
		return EXIT_USAGE;
	}
	diff.a.path = options->arguments.items[0];
	diff.b.path = options->arguments.items[1];
	r = diff_images(&diff);
	if (r == 0)
		r = options->json ? print_json(&diff) : print_lines(&diff);
	if (r < 0)
		return EXIT_FAILED;
	summarise(&diff);
	return diff.pair_count ? EXIT_FOUND : EXIT_DONE;
}
