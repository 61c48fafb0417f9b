/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update.h - the images that a host keeps: made, made again, removed
 *
 * What hooks of package managers call (cmd_hook.c). Everything is of the host below a root: its
 * definitions, kernels, records (/var/lib/mkinitrd) and the places that images are written to.
 * Profiles, init and tools are those of the program that runs.
 */
#pragma once

#include "definition.h"
#include "record.h"

struct host {
	struct sysroot root;
	const char *prefix; /* of its paths, for who opens them: "" or "DIR" */
	struct host_kernels kernels;
	struct definitions definitions;
	struct records records;
	int64_t since; /* when they were read: see watch_new() */
	int lock_fd;
};

#define HOST_EMPTY ((struct host){ .root = SYSROOT_EMPTY, .prefix = "", .lock_fd = -1 })

/** host_open() - definitions, kernels and records of the host below @root; speaks */
int host_open(struct host *host, const char *root);

/** host_open_locked() - the same for who changes something: one at a time, the others wait; speaks
 */
int host_open_locked(struct host *host, const char *root);
void host_close(struct host *host);

/** host_path() - @prefix and @path; NULL: out of memory. The caller frees it */
char *host_path(const struct host *host, const char *path);

struct update {
	const char *kernel;           /* its release; NULL: all that are installed */
	const struct strings *images; /* names of definitions; NULL or none: all */
	bool is_forced;               /* also what is up to date */
	bool only_packaged;           /* kernels without a package base are passed over (pacman) */
	unsigned jobs;                /* threads; 0: as many as CPUs */
};

/**
 * update_run() - make what is out of date, a line each: image after image, whatever became of the
 * one before; speaks
 *
 * What fails keeps its old image and boot entry, says "FAILED for KVER: WHY; kept IMAGE" and is
 * remembered. Definitions for kernel-install are left to it. Return: 0, or a negative errno when
 * anything failed
 */
int update_run(struct host *host, const struct update *update);

/**
 * update_remove_kernel() - the kernel @release is gone: boot entry and image of each record, unless
 * another installed kernel shares the name; speaks
 *
 * After update_run(), so that a build that failed leaves the image that is there.
 */
int update_remove_kernel(struct host *host, const char *release);

/** update_remove_record() - one image with its entry and record; speaks */
int update_remove_record(struct host *host, const struct record *record);

/**
 * update_make() - build the image of @definition for @kernel as @output (a path of this process),
 * and nothing else: no record, no entry; speaks. For who places it himself (kernel-install)
 */
int update_make(struct host *host, const struct definition *definition,
		const struct host_kernel *kernel, const char *output);
