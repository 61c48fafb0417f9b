/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract.h - the entries of an image as files below a directory
 */
#pragma once

#include "beneath.h"
#include "image.h"
#include "path_map.h"

struct folder;

struct extraction {
	struct beneath beneath;
	struct image_reader *reader;
	bool is_root;
	struct path_map links;   /* of files with several names, by segment, device and inode */
	struct path_map folders; /* attributes of directories, which are set last */
	struct folder *last_folder;
	uint64_t entries, bytes;
	uint64_t skipped; /* devices and the like, which only root makes */
	uint64_t refused; /* each was spoken of, up to a few */
};

#define EXTRACTION_EMPTY ((struct extraction){ .beneath = BENEATH_EMPTY })

void extraction_free(struct extraction *extraction);

/**
 * extract_entry() - make the file that @entry, at which the reader is, stands for; speaks
 * @is_wanted: else only content goes from it to a hard link that is wanted
 *
 * What stands there already is replaced. Nothing outside of the directory is touched: an entry
 * whose path goes through a symlink or has ".." in it is refused, counted, and not an error here.
 * Return: 0 or -errno
 */
int extract_entry(struct extraction *extraction, const struct image_entry *entry, bool is_wanted);

/** extract_finish() - modes, owners and times of directories; speaks */
int extract_finish(struct extraction *extraction);

/** extract_interrupt() - from a signal's handler: extract_entry() gives -EINTR as soon as it can */
void extract_interrupt(void);
