/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_update.c - mkinitrd update: make what is out of date of the images that this host keeps
 *
 * In:    definitions, records
 * Out:   images, a line each; 1 when one of them failed
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "options.h"
#include "progress.h"
#include "update.h"

/* records of kernels that are gone altogether: a hook that did not run has left them */
static int remove_gone(struct host *host)
{
	int result = 0;

	for (size_t i = host->records.count; i--;) {
		CLEANUP(memory_free) char *release = NULL;
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		struct stat status;
		int r;

		if (i >= host->records.count)
			continue;
		release = strdup(host->records.items[i].release);
		text_format(&path, "/lib/modules/%s", release ? release : "");
		if (!release || path.failed)
			return fail(-ENOMEM, "cannot look for kernels");
		if (host_kernel_find(&host->kernels, release) ||
		    sysroot_stat(&host->root, text_string(&path), true, &status) == 0)
			continue;
		r = update_remove_kernel(host, release);
		if (result == 0)
			result = r;
	}
	return result;
}

/* kernel-install makes these, with the entries that it writes */
static void say_staged(const struct host *host)
{
	for (size_t i = 0; i < host->definitions.count; i++)
		if (host->definitions.items[i].is_staged)
			say("%s: left to kernel-install; 'kernel-install add KVER KERNEL' makes it",
			    host->definitions.items[i].name);
}

int cmd_update(const struct options *options)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	const struct update update = {
		.kernel = options->kernel,
		.images = &options->arguments,
		.is_forced = options->force,
		.jobs = options->jobs,
	};
	int r, cleaned = 0;

	progress_set(options->progress, options->quiet);
	(void)umask(077);
	if (host_open_locked(&host, options->root) < 0)
		return EXIT_FAILED;
	if (host.definitions.count == 0)
		say("no image is defined in %s; 'mkinitrd enable PROFILE' makes a definition",
		    DEFINITIONS_FOLDER);
	r = update_run(&host, &update);
	if (!options->kernel && options->arguments.count == 0) {
		/* after a failure what is there may be the last that boots */
		if (r == 0)
			cleaned = remove_gone(&host);
		say_staged(&host);
	}
	return r < 0 || cleaned < 0 ? EXIT_FAILED : EXIT_DONE;
}
