/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_layout.c - where the parts of a disk lie (see disk_layout.h)
 *
 * In:    sizes
 * Out:   a partition table in memory, or what is missing, with numbers
 */
#include <errno.h>
#include <string.h>

#include "disk_layout.h"
#include "disk_slots.h"
#include "fail.h"
#include "../init/lib/number.h"

#define BOOT_DEFAULT (256 * MIB)
#define BOOT_STEP (64 * MIB)
#define SLOT_FILES 16
/* behind the last partition: the backup table, and what alignment leaves */
#define TAIL MIB
#define SECTORS_MOST (UINT64_MAX / DISK_SECTOR / 4)

static uint64_t round_up(uint64_t bytes, uint64_t step)
{
	return (bytes + step - 1) / step * step;
}

bool disk_is_ours(const struct gpt *gpt)
{
	const struct gpt_partition *boot = &gpt->partitions[DISK_BOOT];

	return memcmp(boot->type, gpt_type_esp, 16) == 0 &&
	       gpt_name_is(boot, BOOT_PARTITION_NAME) && boot->first == DISK_BOOT_FIRST &&
	       memcmp(gpt->partitions[DISK_BIOS].type, gpt_type_bios_boot, 16) == 0;
}

static int fail_sizes(const struct disk_wish *wish, uint64_t have, uint64_t boot, uint64_t docker,
		      const char *advice)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;

	size_format(&words, have);
	text_add(&words, wish->keep ? " before its DOCKER partition, and " : ", and ");
	size_format(&words, DISK_BOOT_FIRST * DISK_SECTOR + boot + docker + (docker ? TAIL : 0));
	text_add(&words, " are needed (boot ");
	size_format(&words, boot);
	if (docker) {
		text_add(&words, ", DOCKER ");
		size_format(&words, docker);
	}
	return fail(0, "'%s' is too small: it has %s); nothing was written; %s", wish->label,
		    text_string(&words), advice);
}

/* the boot partition's size: what was asked for, else enough for slots that grow by half */
static int choose_boot(const struct disk_wish *wish, uint64_t *ret_boot)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	uint64_t least = round_up(
		fat_least_bytes(2 * wish->slot_bytes + wish->other_bytes, SLOT_FILES), MIB);
	uint64_t space = wish->keep ? disk_partition_offset(wish->keep) : wish->disk_bytes;

	if (wish->boot_bytes && wish->boot_bytes < least) {
		size_format(&words, wish->boot_bytes);
		text_add(&words, ", and two slots need ");
		size_format(&words, least);
		return fail(0, "the boot partition of '%s' is too small: output.disk.boot is %s",
			    wish->label, text_string(&words));
	}
	*ret_boot = wish->boot_bytes ? wish->boot_bytes / MIB * MIB
				     : round_up(least + least / 2, BOOT_STEP);
	if (!wish->boot_bytes && *ret_boot < BOOT_DEFAULT)
		*ret_boot = BOOT_DEFAULT;
	/* on a small disk as little as does */
	if (!wish->boot_bytes && space &&
	    DISK_BOOT_FIRST * DISK_SECTOR + *ret_boot + (wish->keep ? 0 : DOCKER_LEAST + TAIL) >
		    space)
		*ret_boot = least;
	return 0;
}

static void set_partition(struct gpt *gpt, enum disk_partition index, const uint8_t *type,
			  const char *name, uint64_t first, uint64_t sectors)
{
	struct gpt_partition *partition = &gpt->partitions[index];

	memcpy(partition->type, type, sizeof(partition->type));
	gpt_set_name(partition, name);
	partition->first = first;
	partition->last = first + sectors - 1;
}

static int place(const struct disk_wish *wish, uint64_t boot, struct disk_layout *layout)
{
	static const uint8_t no_guid[16];
	uint64_t docker_first = DISK_BOOT_FIRST + boot / DISK_SECTOR;
	struct gpt *gpt = &layout->gpt;
	uint64_t end;

	gpt_new(gpt, layout->sectors, no_guid);
	end = (gpt->last_usable + 1) / GPT_ALIGNMENT * GPT_ALIGNMENT;
	set_partition(gpt, DISK_BIOS, gpt_type_bios_boot, "mkinitrd BIOS", DISK_BIOS_FIRST,
		      DISK_BOOT_FIRST - DISK_BIOS_FIRST);
	set_partition(gpt, DISK_BOOT, gpt_type_esp, BOOT_PARTITION_NAME, DISK_BOOT_FIRST,
		      boot / DISK_SECTOR);
	if (wish->keep_array)
		gpt->array = wish->keep_array;
	if (!wish->keep) {
		set_partition(gpt, DISK_DOCKER, gpt_type_linux, "DOCKER", docker_first,
			      end - docker_first);
	} else {
		gpt->partitions[DISK_DOCKER] = *wish->keep;
		if (gpt->last_usable < wish->keep->last)
			return fail(0,
				    "the DOCKER partition of '%s' reaches to the disk's last "
				    "sectors, which the table's backup needs; it cannot be kept",
				    wish->label);
	}
	gpt->partitions[DISK_DOCKER].attributes |= GPT_GROW;
	return 0;
}

int disk_layout_make(const struct disk_wish *wish, struct disk_layout *layout)
{
	const char *advice = wish->boot_bytes ? "set output.disk.boot lower, or take a larger disk"
					      : "take a larger disk, or leave something out";
	uint64_t boot = 0, space;
	int r = choose_boot(wish, &boot);

	if (r < 0)
		return r;
	if (wish->keep) {
		space = disk_partition_offset(wish->keep);
		if (space < DISK_BOOT_FIRST * DISK_SECTOR + boot)
			return fail_sizes(wish, space, boot, 0, advice);
	}
	space = wish->disk_bytes;
	if (space == 0 && !wish->is_given)
		space = DISK_BOOT_FIRST * DISK_SECTOR + boot + DOCKER_DEFAULT + TAIL;
	if (!wish->keep && space < DISK_BOOT_FIRST * DISK_SECTOR + boot + DOCKER_LEAST + TAIL)
		return fail_sizes(wish, space, boot, DOCKER_LEAST, advice);
	layout->sectors = space / DISK_SECTOR;
	if (layout->sectors > SECTORS_MOST)
		return fail(-EFBIG, "cannot make a disk of that size");
	return place(wish, boot, layout);
}
