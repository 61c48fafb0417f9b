/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_disk.c - `mkinitrd disk`: a disk that boots by itself, as a file or a device
 *
 * In:    profiles, or an image that was made; -o or --into
 * Out:   a new disk image, whole or not at all; a disk made anew; or the other slot of a disk that
 * we made, and a switch to it
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "disk_make.h"
#include "disk_target.h"
#include "fail.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "../init/lib/number.h"

/* the boot loaders, their configuration, and room for more of those */
#define SHARED_BYTES (2 * MIB)
#define CLUSTER 4096

static void say_made(const struct disk_job *job)
{
	const struct gpt_partition *partitions = job->layout.gpt.partitions;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	size_format(&line, job->layout.sectors * DISK_SECTOR);
	text_format(&line, ", boots %s by BIOS and UEFI; boot partition ",
		    job->payload->slot.title);
	size_format(&line, disk_partition_bytes(&partitions[DISK_BOOT]));
	text_add(&line, ", DOCKER ");
	size_format(&line, disk_partition_bytes(&partitions[DISK_DOCKER]));
	text_add(&line, job->keeps_docker ? ", kept" : "");
	say("%s: %s", job->label, text_string(&line));
	if (job->payload->lacks_resize)
		say("DOCKER does not grow when its disk is larger: the profile does not say "
		    "boot.disk.resize: true");
}

static int make_wish(const struct options *options, const struct disk_payload *payload,
		     struct disk_wish *wish)
{
	wish->slot_bytes = slot_payload_bytes(&payload->slot, CLUSTER);
	wish->other_bytes = SHARED_BYTES;
	if (payload->host.bundle.fd >= 0) /* and its folders, its signature */
		wish->other_bytes += payload->host.bundle.size + 8 * CLUSTER;
	wish->boot_bytes = payload->boot_bytes;
	if (!wish->is_given)
		wish->disk_bytes = payload->disk_bytes;
	if (options->disk_size &&
	    (size_parse(options->disk_size, &wish->disk_bytes) < 0 || wish->disk_bytes < MIB))
		return fail(0, "--disk-size '%s' is no size of 1M or more, such as 4G",
			    options->disk_size);
	return 0;
}

/* -o: a new file */
static int make_file(const struct options *options)
{
	CLEANUP(disk_payload_free) struct disk_payload payload = DISK_PAYLOAD_NONE;
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	struct disk_wish wish = { .label = options->output };
	struct disk_job job = { .label = options->output, .payload = &payload };
	int r = disk_payload_make(options, true, &payload);

	if (r == 0)
		r = make_wish(options, &payload, &wish);
	if (r == 0)
		r = disk_layout_make(&wish, &job.layout);
	if (r == 0)
		r = output_open(&output, options->output);
	if (r < 0)
		return r;
	job.fd = output.fd;
	if (ftruncate(job.fd, (off_t)(job.layout.sectors * DISK_SECTOR)) < 0)
		return fail(-errno, "cannot write '%s'", options->output);
	r = disk_make(&job);
	if (r == 0)
		r = output_publish(&output);
	if (r == 0)
		say_made(&job);
	return r;
}

/* the other slot of a disk of ours */
static int update(const struct options *options, struct disk_target *target)
{
	CLEANUP(disk_payload_free) struct disk_payload payload = DISK_PAYLOAD_NONE;
	CLEANUP(volume_close) struct volume volume = VOLUME_NONE;
	char letter = 'a';
	int r = disk_payload_make(options, true, &payload);

	if (r == 0)
		r = disk_target_volume(target, payload.mtime, &volume);
	if (r < 0)
		return r;
	disk_payload_place(&payload, target->gpt.partitions[DISK_BOOT].guid);
	progress_phase("writing the other slot");
	r = slots_update(&volume, &payload.slot, target->path, &letter);
	disk_target_release(target, &volume);
	if (r < 0)
		return r;
	say("%s: slot %c boots %s; slot %c stays as the second entry", target->path, letter,
	    payload.slot.title, letter == 'a' ? 'b' : 'a');
	return 0;
}

/* whether what is on the disk may go */
static int ask_to_erase(const struct options *options, const struct disk_target *target)
{
	const char *what = options->keep_data ? "all but DOCKER" : "all of it";

	disk_target_show(target);
	if (options->yes)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return fail(
			0,
			"'%s' would be erased, %s; nothing was written: say --yes, or answer on "
			"a terminal",
			target->path, what);
	if (!ask("erase '%s', %s? yes or no:", target->path, what))
		return fail(0, "'%s' was left as it is", target->path);
	return 0;
}

/* a disk made anew */
static int make_into(const struct options *options, struct disk_target *target)
{
	CLEANUP(disk_payload_free) struct disk_payload payload = DISK_PAYLOAD_NONE;
	struct disk_wish wish = { .label = target->path,
				  .disk_bytes = target->bytes,
				  .is_given = true };
	struct disk_job job = { .label = target->path,
				.payload = &payload,
				.keeps_docker = options->keep_data,
				.is_device = target->is_device };
	int r = disk_target_claim(target);

	if (r == 0 && options->keep_data)
		r = disk_target_docker(target, &wish.keep);
	if (r < 0)
		return r;
	wish.keep_array = wish.keep ? target->gpt.array : 0;
	r = ask_to_erase(options, target);
	if (r == 0)
		r = disk_payload_make(options, true, &payload);
	if (r == 0)
		r = make_wish(options, &payload, &wish);
	if (r == 0)
		r = disk_layout_make(&wish, &job.layout);
	if (r < 0)
		return r;
	job.fd = target->fd;
	r = disk_make(&job);
	if (r < 0)
		return r;
	disk_target_reread(target);
	say_made(&job);
	return 0;
}

static int write_into(const struct options *options)
{
	CLEANUP(disk_target_close) struct disk_target target = DISK_TARGET_NONE;
	int r = disk_target_open(options->into, &target);

	if (r < 0)
		return r;
	if (target.is_ours && !options->keep_data && !options->force && options->bundle)
		return fail(0,
			    "'%s' is a disk of ours, whose bundle an update leaves as it is; copy "
			    "the new one onto its boot partition (partition 2, FAT), or make the "
			    "disk anew: --keep-data, --force",
			    target.path);
	if (target.is_ours && !options->keep_data && !options->force)
		return update(options, &target);
	return make_into(options, &target);
}

static int usage(const char *message)
{
	(void)fail(0, "%s; see mkinitrd disk --help", message);
	return EXIT_USAGE;
}

int cmd_disk(const struct options *options)
{
	if (!options->output == !options->into)
		return usage("disk takes either -o FILE or --into DISK");
	if (options->arguments.count > 1 ||
	    !options->arguments.count == !(options->profiles.count || options->made))
		return usage("disk takes either -p PROFILE or one IMAGE");
	if (options->arguments.count && options->sets.count)
		return usage("--set needs -p PROFILE: an IMAGE is as it is");
	if (options->profiles.count && options->squashfs)
		return usage("--squashfs needs an IMAGE: a build puts it onto the disk by itself");
	if (!options->into && (options->keep_data || options->yes))
		return usage("--keep-data and --yes need --into DISK");
	if (options->into && options->disk_size)
		return usage("--disk-size needs -o FILE: a disk has its size");
	progress_set(options->progress, options->quiet);
	return (options->into ? write_into(options) : make_file(options)) < 0 ? EXIT_FAILED
									      : EXIT_DONE;
}
