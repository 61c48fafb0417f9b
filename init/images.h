/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images.h - wait for Docker, and load the images that the initramfs carries
 */
#pragma once

#include "output.h"

struct images {
	struct supervisor *supervisor;
	const char *socket; /* Docker's; NULL: main is not Docker */
	struct child agent;
	struct output words, complaints; /* the agent's standard output and error */
	struct step_record *record;
	int wait_result;                         /* of Docker's answer */
	void (*answered)(struct images *images); /* Docker answers, or did not in time */
	void (*settled)(struct images *images);  /* the step ended */
	void *owner;
};

/** images_wait() - begin to wait for Docker; @answered may be called before this returns */
void images_wait(struct images *images, struct supervisor *supervisor);

/** images_load() - after @answered: the step "images" */
void images_load(struct images *images);
