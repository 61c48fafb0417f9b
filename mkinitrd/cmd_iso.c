/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_iso.c - `mkinitrd iso`: a disc that boots by itself, and so does a stick with its bytes
 *
 * In:    profiles, or an image that was made
 * Out:   an ISO file, whole or not at all
 * Not:   how it is made (iso.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "iso.h"
#include "output.h"
#include "progress.h"
#include "../init/lib/number.h"

static int check_space(const struct output *output, const struct disk_payload *payload)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	uint64_t free_bytes = output_free_bytes(output), needed = iso_bytes(payload);

	if (free_bytes >= needed)
		return 0;
	size_format(&words, needed);
	text_add(&words, ", and there are ");
	size_format(&words, free_bytes);
	return fail(-ENOSPC, "'%s' needs %s; nothing was written", output->path,
		    text_string(&words));
}

static void say_made(const struct iso_job *job)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	struct stat status;

	if (fstat(job->fd, &status) == 0)
		size_format(&line, (uint64_t)status.st_size);
	say("%s: %s, boots %s from a CD or a disk, by BIOS and UEFI", job->label,
	    text_string(&line), job->payload->slot.title);
}

static int make(const struct options *options, struct spool *spool)
{
	CLEANUP(disk_payload_free) struct disk_payload payload = DISK_PAYLOAD_NONE;
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct iso_job job = { .payload = &payload, .spool = spool };
	int r = disk_payload_make(options, false, &payload);

	if (r < 0)
		return r;
	if (options->output)
		text_add(&name, options->output);
	else
		text_format(&name, "%s.iso", payload.profile);
	job.label = text_string(&name);
	r = output_open(&output, job.label);
	if (r == 0)
		r = check_space(&output, &payload);
	if (r < 0)
		return r;
	/* xorriso refuses what is a symlink itself */
	text_format(&path, "/proc/%d/fd/%d/%s", (int)getpid(), output.directory_fd,
		    output.temporary);
	job.fd = output.fd;
	job.path = text_string(&path);
	r = iso_make(&job);
	if (r == 0)
		r = output_publish(&output);
	if (r == 0)
		say_made(&job);
	return r;
}

static int usage(const char *message)
{
	(void)fail(0, "%s; see mkinitrd iso --help", message);
	return EXIT_USAGE;
}

int cmd_iso(const struct options *options)
{
	CLEANUP(spool_close) struct spool spool = SPOOL_EMPTY;
	int r;

	if (options->arguments.count > 1 || !options->arguments.count == !options->profiles.count)
		return usage("iso takes either -p PROFILE or one IMAGE");
	if (options->arguments.count && options->sets.count)
		return usage("--set needs -p PROFILE: an IMAGE is as it is");
	if (options->arguments.count && options->lock)
		return usage("--lock needs -p PROFILE: an IMAGE is made already");
	progress_set(options->progress, options->quiet);
	r = spool_open(&spool);
	if (r == 0)
		r = make(options, &spool);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
