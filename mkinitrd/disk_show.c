/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_show.c - what is on a disk that is going to be written to
 *
 * In:    an open disk
 * Out:   lines for people; the partition DOCKER, where there is one to be kept
 * Facts: libblkid's manual: a probe of a part of a device by offset and size, "high-level"
 * functions
 */
#include <blkid.h>
#include <errno.h>
#include <string.h>

#include "disk_make.h"
#include "disk_target.h"
#include "fail.h"
#include "../init/lib/number.h"

/* type and label of what lies there; NULL where there is nothing known */
struct found {
	char *type, *label;
};

static void found_free(struct found *found)
{
	free(found->type);
	free(found->label);
}

static void take(blkid_probe probe, const char *name, char **ret_text)
{
	const char *value;

	if (!*ret_text && blkid_probe_lookup_value(probe, name, &value, NULL) == 0)
		*ret_text = strdup(value);
}

static void look(const struct disk_target *target, uint64_t offset, uint64_t bytes,
		 struct found *found)
{
	blkid_probe probe = blkid_new_probe();

	if (probe && blkid_probe_set_device(probe, target->fd, (blkid_loff_t)offset,
					    (blkid_loff_t)bytes) == 0) {
		(void)blkid_probe_enable_superblocks(probe, 1);
		(void)blkid_probe_set_superblocks_flags(probe,
							BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
		(void)blkid_probe_enable_partitions(probe, 1);
		if (blkid_do_safeprobe(probe) == 0) {
			take(probe, "TYPE", &found->type);
			take(probe, "PTTYPE", &found->type);
			take(probe, "LABEL", &found->label);
		}
	}
	blkid_free_probe(probe);
}

static void add_found(const struct found *found, struct text *line)
{
	text_add(line, found->type ? found->type : "nothing known");
	if (found->label) {
		text_add(line, ", label '");
		for (const char *at = found->label; *at; at++)
			text_add_char(line, (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at);
		text_add_char(line, '\'');
	}
}

static void show_partition(const struct disk_target *target, size_t index)
{
	const struct gpt_partition *partition = &target->gpt.partitions[index];
	CLEANUP(found_free) struct found found = { 0 };
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	look(target, disk_partition_offset(partition), disk_partition_bytes(partition), &found);
	size_format(&line, disk_partition_bytes(partition));
	text_add(&line, ", ");
	add_found(&found, &line);
	say("  partition %zu: %s", index + 1, text_string(&line));
}

void disk_target_show(const struct disk_target *target)
{
	CLEANUP(found_free) struct found found = { 0 };
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	size_format(&line, target->bytes);
	text_add(&line, ", ");
	if (target->is_unfinished) {
		text_add(&line, "a disk that mkinitrd has begun and not finished");
	} else if (target->has_gpt) {
		text_add(&line, "gpt");
	} else {
		look(target, 0, target->bytes, &found);
		add_found(&found, &line);
	}
	say("'%s': %s", target->path, text_string(&line));
	for (size_t i = 0; target->has_gpt && i < GPT_PARTITIONS; i++)
		if (gpt_is_used(&target->gpt.partitions[i]))
			show_partition(target, i);
}

int disk_target_docker(const struct disk_target *target, const struct gpt_partition **ret_docker)
{
	const struct gpt_partition *docker = NULL;
	unsigned count = 0;

	for (size_t i = 0; target->has_gpt && i < GPT_PARTITIONS; i++) {
		const struct gpt_partition *partition = &target->gpt.partitions[i];
		CLEANUP(found_free) struct found found = { 0 };

		if (!gpt_is_used(partition))
			continue;
		look(target, disk_partition_offset(partition), disk_partition_bytes(partition),
		     &found);
		if (found.label && text_equal(found.label, "DOCKER")) {
			docker = partition;
			count++;
		}
	}
	if (count != 1)
		return fail(0, "'%s' has %s with the label DOCKER to keep%s; nothing was written",
			    target->path, count ? "several partitions" : "no partition",
			    target->has_gpt ? "" : " (it has no GUID partition table)");
	*ret_docker = docker;
	return 0;
}
