/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_oci.c - `mkinitrd oci`: the tree of profiles as a container image
 *
 * In:    options
 * Out:   one archive that is both an OCI layout and what "docker load" takes, or a layout as a
 *        directory; a layer for each profile of the stack; whole or not at all
 */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "container_archive.h"
#include "elf_object.h"
#include "fail.h"
#include "oci_write.h"
#include "output_folder.h"
#include "progress.h"

/* what one image is made with */
struct work {
	struct build *build;
	struct layers layers;
	struct oci_image image;
	struct oci_job job;
	char *tag;
	struct timespec start;
};

static void work_free(struct work *work)
{
	layers_free(&work->layers);
	free(work->image.layers);
	free(work->tag);
}

/* --tag, else the profile's name; what Docker would refuse is refused now */
static int choose_tag(struct work *work)
{
	const char *option = work->build->options->tag;
	CLEANUP(text_free) struct text tag = TEXT_EMPTY;
	const char *last;

	text_add(&tag, option ? option : work->build->profile.name);
	last = strrchr(text_string(&tag), '/');
	if (!strchr(last ? last : text_string(&tag), ':'))
		text_add(&tag, ":latest");
	if (text_take(&tag, &work->tag) < 0)
		return fail(-ENOMEM, "cannot make the image");
	for (const char *at = work->tag; *at && *at != ':'; at++)
		if (isupper((unsigned char)*at))
			return fail(0,
				    "'%s' is no name for an image: it has capital letters; give "
				    "another one with --tag",
				    work->tag);
	if (!container_tag_is_valid(work->tag))
		return fail(0, "'%s' is not the NAME:TAG of an image; give one with --tag",
			    work->tag);
	return 0;
}

static int choose_compression(struct work *work)
{
	const char *wanted = work->build->options->compress;
	int r = compression_parse(wanted ? wanted : "none", &work->image.compression,
				  &work->job.level);

	if (r < 0)
		return r;
	if (work->image.compression != COMPRESS_NONE && work->image.compression != COMPRESS_GZIP &&
	    work->image.compression != COMPRESS_ZSTD)
		return fail(0,
			    "layers of a container image are compressed by gzip or zstd, or not "
			    "at all; not by '%s'",
			    wanted);
	return 0;
}

/* that of its first program */
static const char *architecture(const struct manifest *manifest)
{
	uint16_t machine = EM_NONE;

	for (size_t i = 0; machine == EM_NONE && i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		CLEANUP(fd_close) int fd = -1;

		if (entry->type == ENTRY_FILE && entry->mode & 0111 &&
		    entry_open(entry, &fd) == 0 && elf_machine_read(fd, &machine) < 0)
			machine = EM_NONE;
	}
	return container_architecture(machine);
}

/* what an image has no word for */
static void note_lost(const struct run_settings *run)
{
	if (run->memory || run->cpus || run->pids || run->nofile)
		note("a container image has no word for 'run: limits:'; give them to who starts it "
		     "(docker run --memory, --cpus, --pids-limit, --ulimit)");
	if (run->network != RUN_NETWORK_UNSAID)
		note("a container image has no word for 'run: network:' (docker run --network)");
	if (run->is_privileged)
		note("a container image has no word for 'run: privileged:' (docker run "
		     "--privileged)");
	if (run->init == RUN_INIT_REAP)
		note("a container image has no word for 'run: init: reap' (docker run --init)");
	for (size_t i = 0; i < run->port_count; i++)
		if (run->ports[i].host) {
			note("a container image has no word for ports of the host (docker run "
			     "--publish)");
			break;
		}
}

static int work_prepare(struct work *work)
{
	struct build *build = work->build;
	struct oci_image *image = &work->image;
	int r = choose_tag(work);

	if (r == 0)
		r = choose_compression(work);
	if (r == 0)
		r = build_time(&image->time);
	if (r == 0)
		r = layers_make(build->resolve.manifest, &build->profile.files, &work->layers);
	if (r < 0)
		return r;
	if (work->layers.count == 0)
		return fail(0, "the tree would be empty; give its profile 'programs:', 'files:' or "
			       "'trees:'");
	image->layers = calloc(work->layers.count, sizeof(struct oci_layer));
	if (!image->layers)
		return fail(-ENOMEM, "cannot make the image");
	image->layer_count = work->layers.count;
	for (size_t i = 0; i < image->layer_count; i++)
		image->layers[i].layer = &work->layers.items[i];
	image->run = &build->run;
	image->architecture = architecture(build->resolve.manifest);
	image->title = build->profile.name;
	image->description = value_text(value_get(build->profile.root, "description", NULL), NULL);
	image->tag = work->tag;
	work->job.image = image;
	work->job.jobs = options_jobs(build->options);
	work->job.has_end = build_boots(build);
	note_lost(&build->run);
	return 0;
}

static int write_store(struct work *work, struct oci_store *store, const struct output *replaced)
{
	struct oci_job job = work->job;
	struct oci_blob config, manifest;
	int r;

	job.replaced = replaced;
	store->mtime = work->image.time;
	r = oci_store_begin(store);
	if (r == 0)
		r = oci_write_layers(store, &job);
	if (r == 0)
		r = oci_describe(store, &work->image, &config, &manifest);
	if (r == 0)
		r = oci_store_end(store);
	if (r == 0)
		note("image '%s': id sha256:%s, digest sha256:%s", work->tag, config.hex,
		     manifest.hex);
	return r;
}

static void say_summary(const struct work *work, const char *path)
{
	struct export_list all = EXPORT_LIST_EMPTY;
	uint64_t size = 0;

	if (export_list_all(work->build->resolve.manifest, &all) == 0) {
		for (size_t i = 0; i < work->image.layer_count; i++)
			size += work->image.layers[i].blob.size;
		export_summary(path, &all, size, &work->start);
	}
	export_free(&all);
}

static int write_archive(struct work *work, const char *path)
{
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	struct oci_store store = { .directory_fd = -1, .output = &output };
	int r = text_equal(path, "-") ? output_open_stdout(&output) : output_open(&output, path);

	if (r < 0)
		return r;
	text_format(&label, "'%s'", output.path);
	store.label = text_string(&label);
	r = write_store(work, &store, &output);
	return r < 0 ? r : output_publish(&output);
}

static int write_folder(struct work *work, const char *path)
{
	CLEANUP(output_folder_close) struct output_folder folder = OUTPUT_FOLDER_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	const struct output nothing = OUTPUT_EMPTY;
	struct oci_store store = { .fd = -1 };
	int r = output_folder_open(&folder, path, work->build->options->force);

	if (r < 0)
		return r;
	text_format(&label, "'%s'", folder.path);
	store.label = text_string(&label);
	store.directory_fd = folder.fd;
	r = write_store(work, &store, &nothing);
	fd_close(&store.fd);
	if (r == 0 && fchmod(folder.fd, 0755) < 0)
		r = fail(-errno, "cannot write %s", store.label);
	return r < 0 ? r : output_folder_publish(&folder);
}

static int oci(struct build *build)
{
	CLEANUP(work_free) struct work work = { .build = build };
	CLEANUP(memory_free) char *path = NULL;
	int r = build_tree(build);

	if (r == 0 && build->options->dry_run) {
		build_print(build);
		return 0;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &work.start);
	if (r == 0)
		r = export_path(build, ".oci.tar", &path);
	if (r == 0)
		r = work_prepare(&work);
	if (r == 0)
		r = text_ends_with(path, "/") ? write_folder(&work, path)
					      : write_archive(&work, path);
	if (r == 0)
		say_summary(&work, path);
	return r;
}

int cmd_oci(const struct options *options)
{
	CLEANUP(build_free) struct build build = BUILD_EMPTY;

	if (options->profiles.count == 0)
		return export_no_profile("oci");
	progress_set(options->progress, options->quiet);
	build.options = options;
	return oci(&build) < 0 ? EXIT_FAILED : EXIT_DONE;
}
