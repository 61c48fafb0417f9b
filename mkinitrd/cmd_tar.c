/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tar.c - `mkinitrd tar`: the tree of profiles as one archive
 *
 * In:    options
 * Out:   a tar, compressed or not, in a file or on standard output
 * Not:   the tree (build.c), the archive (tar_publish.c)
 */
#include "build.h"
#include "progress.h"
#include "tar_publish.h"
#include "tree_export.h"

int cmd_tar(const struct options *options)
{
	CLEANUP(build_free) struct build build = BUILD_EMPTY;
	CLEANUP(memory_free) char *path = NULL;
	int r;

	if (options->profiles.count == 0 && !options->made)
		return export_no_profile("tar");
	progress_set(options->progress, options->quiet);
	build.options = options;
	r = build_tree(&build);
	if (r == 0 && options->dry_run)
		build_print(&build);
	if (r == 0 && !options->dry_run)
		r = export_path(&build, ".tar", &path);
	if (r == 0 && !options->dry_run)
		r = tar_publish(build.resolve.manifest, path, options, build_boots(&build));
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
