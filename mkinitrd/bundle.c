/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - a host's files as one file
 *
 * In:    the files of a profile
 * Out:   a bundle, and its signature when there is a key
 * Not:   which files (profile_bundle.c), the signature (bundle_sign.c), the archive (image.c),
 *        laying it over an image (init/bundle.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "bundle.h"
#include "fail.h"
#include "image.h"
#include "resolve.h"
#include "../init/lib/bundle_path.h"

/* header, name and padding of an entry in the archive, at most: cpio.h */
#define ENTRY_BYTES 1200

/* A directory that is gone: with it as the root, paths are taken as they stand, on any machine. */
static int open_empty(struct sysroot *root)
{
	const char *folder = getenv("TMPDIR");
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "%s/mkinitrd-bundle.XXXXXX", folder && *folder ? folder : "/tmp");
	if (path.failed || !mkdtemp(path.data))
		return fail(path.failed ? -ENOMEM : -errno, "cannot make a directory in '%s'",
			    folder && *folder ? folder : "/tmp");
	root->fd = open(path.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)rmdir(path.data);
	root->path = strdup("");
	return root->fd < 0 || !root->path ? fail(-errno, "cannot open '%s'", path.data) : 0;
}

static int fail_entry(const struct manifest *manifest, const struct entry *entry,
		      const char *problem)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;

	manifest_chain(manifest, entry, true, &chain);
	return fail(0, "'/%s' %s (%s)", entry->path, problem, text_string(&chain));
}

/* what who unpacks it would refuse, and at whose line it stands */
static int check_entries(const struct manifest *manifest)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		/* directories are on the way to others, which are judged */
		const char *problem = entry->type == ENTRY_DIRECTORY
					      ? NULL
					      : bundle_path_problem(entry->path, false);

		if (problem)
			return fail_entry(manifest, entry, problem);
		bytes += entry->size + ENTRY_BYTES;
		if (bytes > BUNDLE_BYTES_MOST || i >= BUNDLE_ENTRIES_MOST)
			return fail_entry(
				manifest, entry,
				"is more than a bundle may have: 16 MiB, 4096 entries; put "
				"large files into the image");
	}
	return 0;
}

static void say_optional(const struct resolve *resolve)
{
	for (size_t i = 0; i < resolve->missing.files.count; i++)
		say("optional and not found (files): %s", resolve->missing.files.items[i]);
}

static int publish(const struct resolve *resolve, const char *path,
		   const struct bundle_options *options, const struct bundle_key *key)
{
	struct image_options image = {
		.compression = COMPRESS_NONE,
		.jobs = options->jobs,
		.release = "",
		.profile = resolve->profile->name,
	};
	struct image_result result = { 0 };
	int r = build_time(&image.mtime);

	if (r == 0)
		r = image_publish(resolve->manifest, path, &image, &result);
	if (r == 0 && key)
		r = bundle_sign(key, path);
	if (r == 0)
		say("%s: %zu files, %llu bytes%s", path,
		    value_get(resolve->profile->root, "files", NULL)->count,
		    (unsigned long long)result.bytes_out, key ? ", signed" : "");
	return r;
}

static void key_cleanup(struct bundle_key **key)
{
	bundle_key_free(*key);
}

int bundle_write(const struct profile *profile, const struct bundle_options *options)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(key_cleanup) struct bundle_key *key = NULL;
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(resolve_free)
	struct resolve resolve = { .profile = profile, .root = &root, .manifest = manifest };
	int r = manifest ? open_empty(&root) : fail(-ENOMEM, "cannot make a bundle");

	if (options->output)
		text_add(&path, options->output);
	else
		text_format(&path, "%s.bundle", profile->name);
	if (r == 0 && options->key)
		r = bundle_key_read(options->key, &key);
	if (r == 0)
		r = resolve_files(&resolve, value_get(profile->root, "files", NULL));
	if (r == 0)
		r = manifest_finish(manifest, NULL, NULL);
	if (r == 0)
		r = check_entries(manifest);
	if (r < 0)
		return r;
	say_optional(&resolve);
	return publish(&resolve, text_string(&path), options, key);
}
