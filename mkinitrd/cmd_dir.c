/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_dir.c - `mkinitrd dir`: the tree of profiles as a directory, or as a machine of systemd
 *
 * In:    options
 * Out:   a directory, whole or not at all; with --nspawn in its place, with its settings
 * Not:   writing it (dir_write.c), the settings (nspawn.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "dir_write.h"
#include "fail.h"
#include "nspawn.h"
#include "progress.h"
#include "../init/lib/file.h"

/* Return: 0, or -errno after a line */
static int write_tree(struct build *build, struct output_folder *folder, struct dir_job *job)
{
	int r;

	job->top_fd = folder->fd;
	job->has_end = build_boots(build);
	progress_phase("writing");
	r = dir_write(job);
	if (r == 0 && fchmod(folder->fd, 0755) < 0)
		r = fail(-errno, "cannot write %s", job->label);
	job->done = 0;
	progress_phase("reading back");
	return r < 0 ? r : dir_verify(job);
}

static int publish(struct build *build, const char *path, const struct nspawn *nspawn)
{
	CLEANUP(output_folder_close) struct output_folder folder = OUTPUT_FOLDER_EMPTY;
	CLEANUP(export_free) struct export_list list = EXPORT_LIST_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	struct dir_job job = { .list = &list, .is_forced = build->options->force };
	struct timespec start = { 0 };
	bool replaces = build->options->force || (nspawn && nspawn->is_ours);
	int r = build_time(&job.mtime);

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	text_format(&label, "'%s'", path);
	job.label = text_string(&label);
	if (r == 0)
		r = export_list_all(build->resolve.manifest, &list);
	if (r == 0)
		r = dir_check(&job);
	if (r == 0)
		r = output_folder_open(&folder, path, replaces);
	if (r == 0)
		r = write_tree(build, &folder, &job);
	if (r == 0)
		r = output_folder_publish(&folder);
	if (r == 0 && nspawn)
		r = nspawn_place(nspawn, build);
	if (r < 0)
		return r;
	dir_say_lost(&job);
	export_summary(path, &list, job.done, &start);
	if (nspawn)
		say("machine '%s': systemctl start systemd-nspawn@%s.service; enable starts it at "
		    "every boot",
		    nspawn->name, nspawn->name);
	return 0;
}

static int dir_nspawn(struct build *build)
{
	CLEANUP(nspawn_free) struct nspawn nspawn = NSPAWN_EMPTY;
	CLEANUP(text_free) struct text machines = TEXT_EMPTY;
	const char *root = build->options->host_root;
	int r;

	nspawn.name = build->options->nspawn;
	nspawn.host_root = root && !text_equal(root, "/") ? root : "";
	r = nspawn_prepare(&nspawn, build);
	if (r < 0)
		return r;
	text_format(&machines, "%s/var/lib/machines", nspawn.host_root);
	r = directory_make(text_string(&machines), 0700);
	if (r < 0)
		return fail(r, "cannot make '%s'", text_string(&machines));
	return publish(build, nspawn.tree, &nspawn);
}

static int usage(const char *message)
{
	(void)fail(0, "%s; see mkinitrd dir --help", message);
	return EXIT_USAGE;
}

int cmd_dir(const struct options *options)
{
	CLEANUP(build_free) struct build build = BUILD_EMPTY;
	CLEANUP(memory_free) char *path = NULL;
	int r;

	if (options->profiles.count == 0 && !options->made)
		return export_no_profile("dir");
	if (options->output && options->nspawn)
		return usage("dir takes either -o DIR or --nspawn NAME");
	if (options->host_root && !options->nspawn)
		return usage("--host-root needs --nspawn NAME");
	progress_set(options->progress, options->quiet);
	build.options = options;
	r = build_tree(&build);
	if (r == 0 && options->dry_run)
		build_print(&build);
	else if (r == 0 && options->nspawn)
		r = dir_nspawn(&build);
	else if (r == 0 && (r = export_path(&build, "", &path)) == 0)
		r = publish(&build, path, NULL);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
