/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_find.h - look for a block device, and wait for it
 */
#pragma once

#include "block.h"
#include "lib/find.h"
#include "machine.h"

struct disk_search {
	const char *find; /* as the plan says it; must outlive the search */
	bool wants_swap;  /* a swap area; else anything but one */
	bool wants_root;  /* also what BLOCK_ROOT stands for */
	const char *step; /* whose lines say that it takes long; NULL: disk */
	enum find_kind kind;
	const char *value;         /* in @find */
	struct block_devices seen; /* by the last look */
	size_t found[2];           /* indices into seen */
	size_t found_count;        /* 2: at least two */
};

/**
 * disk_search_until() - look until something is found or @wait_ms are over, woken by the kernel's
 * events; says every few seconds what it has seen
 *
 * A device that is named by its path or its serial is found when it is there, whatever is on it.
 * May be called again to go on.
 *
 * Return: 0 (found_count tells); -EINVAL: @find has no known form; -ENOTBLK; another negative errno
 */
int disk_search_until(struct machine *machine, struct disk_search *search, uint64_t wait_ms);
void disk_search_free(struct disk_search *search);
