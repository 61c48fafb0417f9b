/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.c - which images a host keeps (see definition.h)
 *
 * In:    YAML files of the host
 * Out:   definitions; the path of each image
 * Not:   which keys there are (definition_schema.c), profiles
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "definition.h"
#include "fail.h"
#include "profile_parse.h"
#include "profile_schema.h"

#define SUFFIX ".yaml"

static void definition_free(struct definition *definition)
{
	free(definition->name);
	free(definition->path);
	free(definition->broken);
	value_free(definition->root);
	strings_free(&definition->profiles);
	strings_free(&definition->sets);
	strings_free(&definition->kernels);
	strings_free(&definition->cmdline);
}

void definitions_free(struct definitions *definitions)
{
	for (size_t i = 0; i < definitions->count; i++)
		definition_free(&definitions->items[i]);
	free(definitions->items);
	*definitions = (struct definitions){ 0 };
}

/* a list, or the text alone */
static int take_texts(const struct value *root, const char *key, struct strings *ret_texts)
{
	const struct value *value = value_get(root, key, NULL);
	int r = 0;

	if (!value)
		return 0;
	if (value->kind == VALUE_SCALAR)
		return strings_add(ret_texts, value->scalar);
	for (size_t i = 0; r == 0 && i < value->count; i++)
		r = strings_add(ret_texts, value->items[i]->scalar);
	return r;
}

static bool is_true(const struct value *root, const char *key, const char *otherwise)
{
	return text_equal(value_text(value_get(root, key, NULL), otherwise), "true");
}

/* %v and %p, and nothing else of that kind */
static int check_output(const struct value *root, const char *output)
{
	const struct value *value = value_get(root, "output", NULL);

	if (output[strlen(output) - 1] == '/' || path_has_parent_step(output))
		return fail_at(&value->origin, "'output' is '%s', which is no path of a file",
			       output);
	for (const char *at = output; (at = strchr(at, '%')) != NULL; at += 2)
		if (!at[1] || !strchr("vp%", at[1]))
			return fail_at(&value->origin,
				       "'output' has '%.2s'; there are %%v (the kernel's "
				       "release), %%p (its package base) and %%%%",
				       at);
	return 0;
}

/* a relative one would depend on where the program was started */
static int check_profiles(const struct definition *definition)
{
	const struct value *value = value_get(definition->root, "profile", NULL);

	if (!value || definition->profiles.count == 0)
		return fail_at(&definition->root->origin,
			       "'profile' is missing: the profile that the image is made of");
	for (size_t i = 0; i < definition->profiles.count; i++) {
		const char *name = definition->profiles.items[i];

		if (name[0] != '/' && (strchr(name, '/') || text_ends_with(name, SUFFIX)))
			return fail_at(&value->origin,
				       "'profile' is '%s'; expected a name, or a path that begins "
				       "with '/'",
				       name);
	}
	return 0;
}

static int take_values(struct definition *definition)
{
	const struct value *root = definition->root;
	const char *output = value_text(value_get(root, "output", NULL), NULL);
	const char *copy = value_text(value_get(root, "copy-kernel", NULL), "auto");
	int r = take_texts(root, "profile", &definition->profiles);

	if (r == 0)
		r = take_texts(root, "set", &definition->sets);
	if (r == 0)
		r = take_texts(root, "kernels", &definition->kernels);
	if (r == 0)
		r = take_texts(root, "cmdline", &definition->cmdline);
	if (r < 0)
		return fail(r, "cannot read '%s'", definition->path);
	definition->is_staged = output && text_equal(output, OUTPUT_KERNEL_INSTALL);
	definition->output = definition->is_staged ? NULL : output;
	definition->title = value_text(value_get(root, "title", NULL), NULL);
	definition->grub_config = value_text(value_get(root, "grub-config", NULL), NULL);
	definition->has_entry = is_true(root, "entry", "true");
	definition->keeps_old = is_true(root, "keep-old", "false");
	definition->copy = text_equal(copy, "true")    ? COPY_ALWAYS
			   : text_equal(copy, "false") ? COPY_NEVER
						       : COPY_AUTO;
	r = check_profiles(definition);
	return r == 0 && definition->output ? check_output(root, definition->output) : r;
}

/* the name is part of names of files, and a word of command lines */
static int check_name(const char *name, const char *path)
{
	if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789._-")])
		return fail(0, "'%s': the name of an image has letters, digits, '.', '_', '-' only",
			    path);
	return 0;
}

static int load(const struct sysroot *root, const char *file, struct definition *definition)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const char *label;
	int r;

	definition->name = strndup(file, strlen(file) - strlen(SUFFIX));
	if (!definition->name || asprintf(&definition->path, DEFINITIONS_FOLDER "/%s", file) < 0) {
		definition->path = NULL;
		return fail(-ENOMEM, "cannot read the definitions of images");
	}
	r = check_name(definition->name, definition->path);
	if (r < 0)
		return r;
	r = sysroot_read(root, definition->path, PROFILE_SIZE_LIMIT, &text);
	label = profile_label(definition->path, definition->path);
	if (r == 0 && !label)
		r = -ENOMEM;
	if (r < 0)
		return fail(r, "cannot read '%s' in the root '%s'", definition->path, root->path);
	r = profile_parse(text_string(&text), text.length, label, &definition->root);
	if (r < 0)
		return r;
	if (definition->root->kind == VALUE_NULL)
		definition->root->kind = VALUE_MAP;
	if (schema_check_definition(definition->root))
		return -EINVAL;
	return take_values(definition);
}

static int list(const struct sysroot *root, struct strings *ret_files)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *child;
	int r = sysroot_opendir(root, DEFINITIONS_FOLDER, &directory);

	if (r == -ENOENT)
		return 0;
	while (r == 0 && (errno = 0, child = readdir(directory)))
		if (child->d_name[0] != '.' && text_ends_with(child->d_name, SUFFIX))
			r = strings_add(ret_files, child->d_name);
	if (r == 0)
		r = -errno;
	strings_sort(ret_files, false);
	return r;
}

/* what is wrong with it stays in it */
static int load_held(const struct sysroot *root, const char *file, struct definition *definition)
{
	int r;

	fail_hold();
	r = load(root, file, definition);
	definition->broken = fail_release();
	return r < 0 && !definition->broken ? -ENOMEM : 0;
}

int definitions_load(const struct sysroot *root, struct definitions *ret_definitions)
{
	CLEANUP(strings_free) struct strings files = STRINGS_EMPTY;
	int r = list(root, &files);

	if (r < 0)
		return fail(r, "cannot read '%s' in the root '%s'", DEFINITIONS_FOLDER, root->path);
	ret_definitions->items = calloc(files.count + 1, sizeof(*ret_definitions->items));
	if (!ret_definitions->items)
		r = -ENOMEM;
	for (size_t i = 0; i < files.count && r == 0; i++)
		r = load_held(root, files.items[i],
			      &ret_definitions->items[ret_definitions->count++]);
	return r < 0 ? fail(r, "cannot read the definitions of images") : 0;
}

const struct definition *definition_find(const struct definitions *definitions, const char *name)
{
	for (size_t i = 0; i < definitions->count; i++)
		if (text_equal(definitions->items[i].name, name))
			return &definitions->items[i];
	return NULL;
}

bool definition_wants(const struct definition *definition, const struct host_kernel *kernel)
{
	const struct strings *patterns = &definition->kernels;

	for (size_t i = 0; i < patterns->count; i++)
		if (fnmatch(patterns->items[i], kernel->release, 0) == 0 ||
		    (kernel->base && fnmatch(patterns->items[i], kernel->base, 0) == 0))
			return true;
	return patterns->count == 0;
}

int definition_output(const struct definition *definition, const struct host_kernel *kernel,
		      char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const char *output = definition->output;

	if (!output)
		output = kernel->base ? "/boot/mkinitrd-%p.img" : "/boot/mkinitrd-%v.img";
	for (const char *at = output; *at; at++) {
		if (*at != '%') {
			text_add_char(&path, *at);
			continue;
		}
		at++;
		if (*at == 'p' && !kernel->base)
			return -ENODATA;
		text_add(&path, *at == 'v' ? kernel->release : *at == 'p' ? kernel->base : "%");
	}
	return text_take(&path, ret_path);
}

/* ---- all of them together ---- */

struct claim {
	const struct definition *definition;
	const struct host_kernel *kernel;
	char *output;
};

struct claims {
	struct claim *items;
	size_t count;
};

static void claims_free(struct claims *claims)
{
	for (size_t i = 0; i < claims->count; i++)
		free(claims->items[i].output);
	free(claims->items);
}

static int fail_claim(const struct claim *a, const struct claim *b)
{
	if (a->definition == b->definition)
		(void)fail(0,
			   "'%s' (%s) would be the image of two kernels, %s and %s; put %%v into "
			   "its 'output:', or name one of them in 'kernels:'",
			   b->output, b->definition->path, a->kernel->release, b->kernel->release);
	else
		(void)fail(0,
			   "'%s' would be written by two definitions, %s and %s; give one of them "
			   "another 'output:'",
			   b->output, a->definition->path, b->definition->path);
	return -EEXIST;
}

static int claim(struct claims *claims, const struct definition *definition,
		 const struct host_kernel *kernel)
{
	struct claim *added = &claims->items[claims->count];
	int r;

	if (definition->broken || definition->is_staged || !definition_wants(definition, kernel))
		return 0;
	*added = (struct claim){ definition, kernel, NULL };
	r = definition_output(definition, kernel, &added->output);
	if (r == -ENODATA)
		return 0;
	if (r < 0)
		return fail(r, "cannot read the definitions of images");
	claims->count++;
	for (size_t i = 0; i + 1 < claims->count; i++)
		if (text_equal(claims->items[i].output, added->output))
			return fail_claim(&claims->items[i], added);
	return 0;
}

int definitions_check_outputs(const struct definitions *definitions,
			      const struct host_kernels *kernels)
{
	CLEANUP(claims_free) struct claims claims = { 0 };
	int r = 0;

	claims.items = calloc(definitions->count * kernels->count + 1, sizeof(*claims.items));
	if (!claims.items)
		return fail(-ENOMEM, "cannot read the definitions of images");
	for (size_t i = 0; r == 0 && i < definitions->count; i++)
		for (size_t j = 0; r == 0 && j < kernels->count; j++)
			r = claim(&claims, &definitions->items[i], &kernels->items[j]);
	return r;
}

const struct definition *definitions_staged(const struct definitions *definitions)
{
	const struct definition *found = NULL;

	for (size_t i = 0; i < definitions->count; i++) {
		if (!definitions->items[i].is_staged)
			continue;
		if (found) {
			(void)fail(0, "both %s and %s are for kernel-install (output: %s)",
				   found->path, definitions->items[i].path, OUTPUT_KERNEL_INSTALL);
			return NULL;
		}
		found = &definitions->items[i];
	}
	if (found || definitions->count == 1)
		return found ? found : &definitions->items[0];
	(void)fail(
		0,
		definitions->count
			? "which image is for kernel-install? Put 'output: " OUTPUT_KERNEL_INSTALL
			  "' into one of those in %s"
			: "no image is defined in %s for kernel-install; 'mkinitrd enable "
			  "PROFILE' makes a definition",
		DEFINITIONS_FOLDER);
	return NULL;
}
