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

#include "check.h"
#include "capability.h"
#include "elf_object.h"
#include "fail.h"
#include "image.h"
#include "kernel_config.h"
#include "options.h"
#include "plan.h"
#include "progress.h"
#include "tools.h"
#include "../init/lib/number.h"

/* what one build works with; released together, in this order */
struct build {
	const struct options *options;
	struct profile profile;
	struct sysroot root;
	int tools_fd;
	struct resolve resolve;
	struct bootplan plan;
	struct modules *modules;
	struct image_options image;
};

static void build_free(struct build *build)
{
	modules_close(build->modules);
	bootplan_free(&build->plan);
	manifest_free(build->resolve.manifest);
	resolve_free(&build->resolve);
	fd_close(&build->tools_fd);
	sysroot_close(&build->root);
	profile_free(&build->profile);
}

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

		content += (entry->size + 4095) & ~UINT64_C(4095);
	}
	return memory_needed(content, compression == COMPRESS_NONE ? content : content / 2);
}

/* SOURCE_DATE_EPOCH, or 0 */
static int build_time(int64_t *ret_mtime)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds = 0;

	if (text && *text && (number_parse(text, &seconds) < 0 || seconds > UINT32_MAX))
		return fail(0, "SOURCE_DATE_EPOCH '%s' is not a number of seconds below 2^32",
			    text);
	*ret_mtime = (int64_t)seconds;
	return 0;
}

/* what may be missing and is, in one line */
static void say_missing(const struct resolve_missing *missing)
{
	static const struct {
		const char *what;
		size_t offset;
	} kinds[] = {
		{ "modules", offsetof(struct resolve_missing, modules) },
		{ "firmware files", offsetof(struct resolve_missing, firmware) },
		{ "programs", offsetof(struct resolve_missing, programs) },
		{ "files", offsetof(struct resolve_missing, files) },
	};
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		const struct strings *names =
			(const void *)((const char *)missing + kinds[i].offset);

		for (size_t j = 0; j < names->count; j++)
			note("optional and not found (%s): %s", kinds[i].what, names->items[j]);
		if (names->count)
			text_format(&line, "%s%zu %s", line.length ? ", " : "", names->count,
				    kinds[i].what);
	}
	if (line.length)
		say("optional and not found: %s (-v lists them)", text_string(&line));
}

static int build_resolve(struct build *build)
{
	struct resolve *resolve = &build->resolve;
	const struct value *root = build->profile.root;
	bool with_modules = modules_are_wanted(&build->profile) && !resolve->kernel.has_no_modules;
	int r = 0;

	progress_phase("resolving files and programs");
	if (with_modules)
		r = modules_open(resolve, &build->modules);
	if (r == 0)
		r = tools_add(resolve, build->tools_fd);
	if (r == 0)
		r = resolve_files(resolve, value_get(root, "files", NULL));
	if (r == 0)
		r = resolve_programs(resolve, value_get(root, "programs", NULL));
	if (r == 0)
		r = plan_services(resolve, &build->plan);
	progress_phase("resolving modules");
	if (r == 0 && with_modules)
		r = modules_resolve(build->modules, resolve);
	if (r == 0 && with_modules)
		r = modules_plan(build->modules, &build->plan);
	progress_phase("packing container images");
	if (r == 0)
		r = resolve_microcode(resolve);
	if (r == 0)
		r = container_images(resolve, value_get(root, "containers", NULL), &build->plan);
	progress_phase("resolving libraries");
	if (r == 0)
		r = resolve_closure(resolve);
	if (r == 0)
		r = check_accept(root, resolve->manifest);
	if (r < 0)
		return r;
	build->plan.image.memory = memory_expected(resolve->manifest, build->image.compression);
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
static int choose_compression(struct build *build)
{
	const struct value *output = value_get(build->profile.root, "output", NULL);
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;
	struct image_options *image = &build->image;
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
	return compression_check_kernel(image->compression, config, build->resolve.kernel.release,
					build->options->force);
}

static void say_summary(const struct build *build, const char *path,
			const struct image_result *result, const struct timespec *start)
{
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
	say("%s", text_string(&summary));
}

static int build_publish(struct build *build)
{
	const struct value *output = value_get(build->profile.root, "output", NULL);
	struct image_options *image = &build->image;
	CLEANUP(memory_free) char *path = NULL;
	struct timespec start = { 0 };
	struct image_result result = { 0 };
	int r;

	image->jobs = options_jobs(build->options);
	image->release = build->resolve.kernel.release;
	image->profile = build->profile.name;
	image->is_forced = build->options->force;
	(void)size_parse(value_text(value_get(output, "limit", NULL), ""), &image->limit);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	r = build_time(&image->mtime);
	if (r == 0)
		r = output_path(build, &path);
	if (r == 0)
		r = image_publish(build->resolve.manifest, path, image, &result);
	if (r == 0)
		say_summary(build, path, &result, &start);
	return r;
}

/* --dry-run: the paths, one a line; with -v who wanted each */
static void print_manifest(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		CLEANUP(text_free) struct text chain = TEXT_EMPTY;

		if (verbosity_get() >= VERBOSE) {
			manifest_chain(manifest, entry, true, &chain);
			printf("%s\t%s\n", entry->path, text_string(&chain));
		} else {
			printf("%s\n", entry->path);
		}
	}
}

static int build_run(struct build *build)
{
	const struct options *options = build->options;
	int r;

	r = profile_load(&build->profile, &options->profiles, &options->sets);
	if (r < 0)
		return r;
	r = sysroot_open_root(&build->root, options->root ? options->root : "/");
	if (r < 0)
		return r;
	r = elf_check_root(&build->root);
	if (r < 0)
		return r;
	build->tools_fd = tools_open();
	if (build->tools_fd < 0)
		return build->tools_fd;
	build->resolve.profile = &build->profile;
	build->resolve.root = &build->root;
	build->resolve.jobs = options_jobs(options);
	build->resolve.manifest = manifest_new();
	if (!build->resolve.manifest)
		return fail(-ENOMEM, "cannot build");
	r = kernel_choose(&build->root, options->kernel, modules_are_wanted(&build->profile),
			  &build->resolve.kernel);
	if (r == 0)
		r = choose_compression(build);
	if (r == 0)
		r = build_resolve(build);
	if (r < 0)
		return r;
	say_missing(&build->resolve.missing);
	capability_warn(build->resolve.manifest, "a cpio image");
	if (!options->dry_run)
		return build_publish(build);
	print_manifest(build->resolve.manifest);
	return 0;
}

int cmd_build(const struct options *options)
{
	CLEANUP(build_free)
	struct build build = {
		.options = options,
		.profile = PROFILE_EMPTY,
		.root = SYSROOT_EMPTY,
		.tools_fd = -1,
	};

	if (options->profiles.count == 0) {
		(void)fail(0, "no profile given; say which with -p NAME ('mkinitrd profile list' "
			      "shows them)");
		return EXIT_USAGE;
	}
	if (options->layout && !text_equal(options->layout, "cpio")) {
		(void)fail(0, "layout '%s' is not known; this version builds: cpio",
			   options->layout);
		return EXIT_USAGE;
	}
	progress_set(options->progress, options->quiet);
	return build_run(&build) < 0 ? EXIT_FAILED : EXIT_DONE;
}
