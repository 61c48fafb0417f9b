/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cow.h - where changes of a root go that is only read
 */
#pragma once

#include "text.h"

enum cow_kind {
	COW_TMPFS, /* memory */
	COW_DISK,  /* a directory of a file system on a disk */
	COW_NONE,  /* nowhere: the root is read-only */
};

struct cow {
	enum cow_kind kind;
	char *size;      /* COW_TMPFS: as mount(8) takes it, NULL when not said */
	char *find;      /* COW_DISK: see find.h */
	char *directory; /* COW_DISK: without '/' at its ends */
};

#define COW_EMPTY ((struct cow){ 0 })

/* what cow_parse() takes, for messages */
#define COW_FORMS                                                                                 \
	"tmpfs, tmpfs:SIZE, none, or LABEL=, UUID=, PARTLABEL=, PARTUUID=, a path in /dev, each " \
	"with :DIRECTORY"
#define COW_DIRECTORY "mkinitrd/cow"

/**
 * cow_parse() - "tmpfs:25%", "LABEL=STATE:layers/web", "none"
 *
 * A directory that is not said is COW_DIRECTORY. Quiet. Return: 0; -EINVAL: it is of no known form;
 * -ENOMEM. @cow is to be freed in any case.
 */
int cow_parse(const char *text, struct cow *cow);
void cow_free(struct cow *cow);
