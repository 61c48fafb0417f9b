/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_request.h - which root is wanted: plan and command line in one
 */
#pragma once

#include "lib/bootplan.h"
#include "lib/cmdline.h"
#include "lib/cow.h"

/* strings are NULL when nothing was said */
struct root_request {
	char *find; /* see lib/find.h; "none": the image lies in the file system of this process */
	char *image, *inner;
	char *type, *flags;
	struct cow cow;
	bool is_writable; /* with COW_NONE: the device's file system is mounted for writing */
	uint64_t wait_ms;
	const struct plan_verity *verity; /* the plan's, or NULL */
};

#define ROOT_REQUEST_EMPTY ((struct root_request){ 0 })
/* for devices, where neither plan nor command line says it */
#define ROOT_WAIT_MS 10000

/**
 * root_request_make() - what the command line says goes before what the plan says
 * @plan: may have no "root" line; must outlive the request
 * @why:  on -EINVAL, what is wrong and what to do
 *
 * Return: 0, -EINVAL or -ENOMEM; @request is to be freed in any case
 */
int root_request_make(struct root_request *request, const struct bootplan *plan,
		      const struct cmdline *cmdline, struct text *why);
void root_request_free(struct root_request *request);

/**
 * root_wait_read() - how long rootdelay= and rootwait= wait for devices
 * @wait_ms: untouched when neither is given
 * @why:     on -EINVAL, what is wrong
 */
int root_wait_read(const struct cmdline *cmdline, uint64_t *wait_ms, struct text *why);
