/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_build.c - mkinitrd build: profile -> resolve -> manifest -> image, in reading order
 *
 * In:    options
 * Out:   an image, or with --dry-run what it would hold
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build.h"
#include "capability.h"
#include "fail.h"
#include "image.h"
#include "kernel_config.h"
#include "layout.h"
#include "options.h"
#include "plan.h"
#include "progress.h"
#include "squashfs_make.h"
#include "../init/lib/number.h"

/* what one image is made with */
struct image_build {
	struct build *build;
	const char *shown_as; /* the image, in the summary; NULL: its path */
	struct image_options image;
	struct layout layout;
};

/* RAM to unpack a flat image of @content bytes and boot it: the rootfs may take half of what the
 * packed image leaves while it is unpacked (docs/boot.md section 2). The archive's overhead and
 * init's own memory are small beside it. */
static uint64_t memory_needed(uint64_t content, uint64_t packed)
{
	return 2 * content + packed;
}

/* the same before anything is packed, for the boot plan: what is compressed takes at most half of
 * its content, unless it was compressed already */
static uint64_t memory_expected(const struct manifest *manifest, enum compression compression)
{
	uint64_t content = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);

		content += (entry_own_size(entry) + 4095) & ~UINT64_C(4095);
	}
	return memory_needed(content, compression == COMPRESS_NONE ? content : content / 2);
}

/* the manifest, with the boot plan */
static int image_resolve(struct image_build *work)
{
	struct build *build = work->build;
	struct resolve *resolve = &build->resolve;
	int r = build_collect(build);

	if (r == 0)
		r = layout_plan(&work->layout, &build->plan);
	if (r == 0)
		r = layout_places(&work->layout, resolve, &build->plan);
	if (r < 0)
		return r;
	build->plan.image.memory = memory_expected(resolve->manifest, work->image.compression);
	r = plan_add(resolve, &build->plan);
	return r < 0 ? r : resolve_finish(resolve);
}

/* ./PROFILE-KVER.img (PROFILE.img without a kernel) unless -o says otherwise */
static int output_path(const struct build *build, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (build->options->output)
		text_add(&path, build->options->output);
	else
		text_format(&path, "%s%s%s.img", build->profile.name,
			    *build->resolve.kernel.release ? "-" : "",
			    build->resolve.kernel.release);
	return text_take(&path, ret_path);
}

/* how the image is to be compressed, and whether its kernel unpacks that */
static int choose_compression(struct image_build *work)
{
	const struct build *build = work->build;
	const struct value *output = value_get(build->profile.root, "output", NULL);
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;
	struct image_options *image = &work->image;
	const char *compress = build->options->compress;
	int r;

	if (!compress)
		compress = value_text(value_get(output, "compress", NULL), "zstd:3");
	r = compression_parse(compress, &image->compression, &image->level);
	if (r < 0)
		return r;
	r = kernel_config_open(&build->root, &build->resolve.kernel, &config);
	if (r == -ENOENT)
		return 0; /* the kernel is not judged by guesses */
	if (r < 0)
		return fail(r, "cannot read the configuration of kernel '%s'",
			    build->resolve.kernel.release);
	r = compression_check_kernel(image->compression, config, build->resolve.kernel.release,
				     build->options->force);
	if (r < 0)
		return r;
	return layout_check_kernel(&work->layout, config, build->resolve.kernel.release,
				   build->options->force);
}

static void say_summary(const struct image_build *work, const char *path,
			const struct image_result *result, const struct timespec *start)
{
	const struct build *build = work->build;
	CLEANUP(text_free) struct text summary = TEXT_EMPTY;
	uint64_t memory = memory_needed(result->content, result->bytes_out);
	struct timespec end = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	text_format(&summary, "%s: %llu entries, ", path, (unsigned long long)result->files);
	size_format(&summary, result->bytes_in);
	text_add(&summary, " in, ");
	size_format(&summary, result->bytes_out);
	text_format(&summary, " out (%.0f %%), written and verified in %.1f s; boots with ",
		    100.0 * (double)result->bytes_out / (double)result->bytes_in,
		    (double)(end.tv_sec - start->tv_sec) +
			    (double)(end.tv_nsec - start->tv_nsec) / 1e9);
	if (memory < build->plan.image.memory)
		memory = build->plan.image.memory;
	size_format(&summary, memory);
	text_add(&summary, " of memory");
	if (result->squashfs) {
		text_add(&summary, "; SquashFS: ");
		size_format(&summary, result->squashfs);
		text_add(&summary, result->is_reused ? ", that of the image before" : "");
	}
	if (result->squashfs && build->options->squashfs && !work->shown_as)
		text_format(&summary, ", in %s", build->options->squashfs);
	say("%s", text_string(&summary));
}

/* the boot plan has what is known only now */
static int squashfs_made(void *context, const struct squashfs_made *made)
{
	struct image_build *work = context;
	struct build *build = work->build;
	uint64_t carried = made->record.is_beside ? 0 : made->size;
	uint64_t archive = made->archive_content;

	build->plan.image.memory = memory_needed(
		carried + archive,
		carried + (work->image.compression == COMPRESS_NONE ? archive : archive / 2));
	if (made->record.has_root_hash && layout_plan_verity(made, &build->plan) < 0)
		return fail(-ENOMEM, "cannot write the boot plan");
	return plan_replace(build->resolve.manifest, &build->plan);
}

static int image_write(struct image_build *work)
{
	struct build *build = work->build;
	const struct value *output = value_get(build->profile.root, "output", NULL);
	struct image_options *image = &work->image;
	CLEANUP(memory_free) char *path = NULL;
	struct timespec start = { 0 };
	struct image_result result = { 0 };
	int r;

	image->jobs = options_jobs(build->options);
	image->release = build->resolve.kernel.release;
	image->profile = build->profile.name;
	image->is_forced = build->options->force;
	image->squashfs = work->layout.is_squashfs ? &work->layout.form : NULL;
	image->squashfs_path = build->options->squashfs;
	image->verity = work->layout.has_verity;
	if (work->layout.is_beside && build->plan.has_shell && build->plan.shell.exec.count)
		image->shell = build->plan.shell.exec.items[0] + 1;
	image->squashfs_made = squashfs_made;
	image->context = work;
	(void)size_parse(value_text(value_get(output, "limit", NULL), ""), &image->limit);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	r = build_time(&image->mtime);
	if (r == 0)
		r = output_path(build, &path);
	if (r == 0)
		r = image_publish(build->resolve.manifest, path, image, &result);
	if (r == 0)
		say_summary(work, work->shown_as ? work->shown_as : path, &result, &start);
	return r;
}

static void warn_lost(const struct image_build *work)
{
	const struct manifest *manifest = work->build->resolve.manifest;

	if (work->layout.is_squashfs) {
		xattrs_warn(manifest, "a SquashFS", layout_keeps_xattr);
	} else {
		capability_warn(manifest, "a cpio image");
		xattrs_warn(manifest, "a cpio image", NULL);
	}
}

static int image_run(struct image_build *work)
{
	struct build *build = work->build;
	const struct options *options = build->options;
	int r = profile_load_made(&build->profile, options->made, &options->profiles,
				  &options->sets);

	if (r == 0)
		r = layout_choose(&build->profile, options->layout, options->squashfs,
				  &work->layout);
	if (r == 0)
		r = layout_needs(&work->layout, &build->profile);
	if (r == 0)
		r = build_open(build);
	if (r == 0)
		r = choose_compression(work);
	if (r == 0)
		r = image_resolve(work);
	if (r < 0)
		return r;
	build_say_missing(build);
	warn_lost(work);
	if (!options->dry_run)
		return image_write(work);
	build_print(build);
	return 0;
}

int build_image(const struct options *options, const char *shown_as)
{
	CLEANUP(build_free) struct build build = BUILD_EMPTY;
	struct image_build work = { .build = &build, .shown_as = shown_as };

	build.options = options;
	return image_run(&work);
}

int build_image_watched(const struct options *options, const char *shown_as, struct watch *watch,
			int (*made)(void *context, const struct build *build), void *context)
{
	CLEANUP(build_free) struct build build = BUILD_EMPTY;
	struct image_build work = { .build = &build, .shown_as = shown_as };
	int r;

	build.options = options;
	build.watch = watch;
	r = image_run(&work);
	return r < 0 ? r : made(context, &build);
}

int cmd_build(const struct options *options)
{
	if (options->profiles.count == 0) {
		(void)fail(0, "no profile given; say which with -p NAME ('mkinitrd profile list' "
			      "shows them)");
		return EXIT_USAGE;
	}
	if (options->layout && !layout_is_known(options->layout)) {
		(void)fail(0, "layout '%s' is not known; this version builds: cpio, squashfs",
			   options->layout);
		return EXIT_USAGE;
	}
	progress_set(options->progress, options->quiet);
	return build_image(options, NULL) < 0 ? EXIT_FAILED : EXIT_DONE;
}
