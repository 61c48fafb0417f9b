/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_dist.c - `mkinitrd dist`: what is handed out, as one archive
 *
 * In:    profiles
 * Out:   a tar, compressed as its name says
 * Not:   what is in it (dist.c), the archive (tar_publish.c)
 */
#include <errno.h>

#include "dist.h"
#include "fail.h"
#include "progress.h"
#include "tar_publish.h"
#include "tree_export.h"

static int make(const struct options *options, struct spool *spool)
{
	CLEANUP(disk_payload_free) struct disk_payload payload = DISK_PAYLOAD_NONE;
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct options tar_options = *options;
	int r = disk_payload_make(options, false, &payload);

	if (r < 0)
		return r;
	if (options->output)
		text_add(&path, options->output);
	else
		text_format(&path, "%s.tar.gz", payload.profile);
	tar_options.compress = NULL; /* of the image in it */
	r = path.failed ? fail(-ENOMEM, "cannot write the archive")
			: dist_collect(&payload, spool, &manifest);
	return r < 0 ? r : tar_publish(manifest, text_string(&path), &tar_options, false);
}

int cmd_dist(const struct options *options)
{
	CLEANUP(spool_close) struct spool spool = SPOOL_EMPTY;
	int r;

	if (options->profiles.count == 0)
		return export_no_profile("dist");
	progress_set(options->progress, options->quiet);
	r = spool_open(&spool);
	if (r == 0)
		r = make(options, &spool);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
