/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update.c - the images that a host keeps (see update.h)
 *
 * In:    definitions, kernels, records
 * Out:   images made, made again, removed; a line each
 * Not:   how one is made (update_image.c)
 */
#include <errno.h>
#include <string.h>

#include "boot_entry.h"
#include "fail.h"
#include "host_mount.h"
#include "update_image.h"

#define EVERY_KERNEL "every kernel" /* what a broken definition fails for */

struct run {
	struct host *host;
	const struct update *update;
	int result; /* of the first that failed */
};

/* ---- what is said ---- */

static bool is_there(const struct host *host, const char *output)
{
	struct stat status;

	return output && sysroot_stat(&host->root, output, true, &status) == 0;
}

/* "FAILED for KVER: WHY; kept IMAGE", now and in 'status' */
static void say_failed(struct run *run, const char *name, const char *release, const char *why,
		       const char *output)
{
	const char *kept = is_there(run->host, output) ? output : "none";

	(void)fail(0, "FAILED for %s: %s; kept %s", release, why, kept);
	if (run->result == 0)
		run->result = -EIO;
	(void)failures_set(run->host->prefix, &run->host->root, name, release, why, kept);
}

/* ---- one image ---- */

/* why it is to be made: "" when it is up to date */
static int judge(const struct run *run, const struct definition *definition,
		 const struct host_kernel *kernel, const char *output, struct text *why)
{
	struct record *record = record_find(&run->host->records, definition->name, kernel->release);

	if (run->update->is_forced)
		text_add(why, "it is forced (--force)");
	else if (!record)
		text_add(why, "it was not made before");
	else if (!text_equal(record->output, output))
		text_format(why, "it was '%s'", record->output);
	else
		return record_judge(run->host->prefix, &run->host->root, record, why);
	return why->failed ? -ENOMEM : 0;
}

static bool has_failed(const struct host *host, const char *name, const char *release)
{
	CLEANUP(failures_free) struct failures failures = { 0 };

	if (failures_load(&host->root, &failures) < 0)
		return true;
	for (size_t i = 0; i < failures.count; i++)
		if (text_equal(failures.items[i].name, name) &&
		    text_equal(failures.items[i].release, release))
			return true;
	return false;
}

/* what belongs to an image that is up to date, and somebody may have removed */
static int refresh(const struct run *run, const struct definition *definition,
		   const struct host_kernel *kernel)
{
	struct host *host = run->host;
	struct record *record = record_find(&host->records, definition->name, kernel->release);
	CLEANUP(memory_free) char *entry = strdup(record->entry);
	CLEANUP(kernel_copy_close) struct kernel_beside copy = KERNEL_BESIDE_EMPTY;
	int r = entry ? 0 : -ENOMEM;

	if (r == 0 && *record->copy && !is_there(host, record->copy))
		r = kernel_copy_prepare(host, definition, kernel, record->output, &copy);
	if (r == 0)
		r = kernel_copy_publish(&copy, record);
	if (r == 0)
		r = boot_entry_write(host, record);
	/* what is not in the record would not be removed with it */
	if (r == 0 && !text_equal(record->entry, entry))
		r = record_save(host->prefix, record);
	/* it may have been the menu of GRUB that failed */
	if (r == 0 && definition->has_entry && definition->grub_config &&
	    has_failed(host, definition->name, kernel->release))
		r = boot_grub_update(host, definition);
	if (r == 0)
		r = failures_set(host->prefix, &host->root, definition->name, kernel->release, NULL,
				 NULL);
	return r;
}

static bool is_listed(const struct host *host, const char *output)
{
	for (size_t i = 0; i < host->records.count; i++)
		if (text_equal(host->records.items[i].output, output))
			return true;
	return false;
}

static int make(const struct run *run, const struct definition *definition,
		const struct host_kernel *kernel, const char *output, const char *why)
{
	struct host *host = run->host;
	bool was_listed = is_listed(host, output);
	int r;

	note("making '%s': %s", output, why);
	r = update_image(host, definition, kernel, output, run->update->is_forced,
			 run->update->jobs);
	if (r == 0)
		r = failures_set(host->prefix, &host->root, definition->name, kernel->release, NULL,
				 NULL);
	return r == 0 && !was_listed && definition->has_entry ? boot_grub_update(host, definition)
							      : r;
}

static void update_one(struct run *run, const struct definition *definition,
		       const struct host_kernel *kernel)
{
	CLEANUP(memory_free) char *output = NULL;
	CLEANUP(memory_free) char *line = NULL;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = definition_output(definition, kernel, &output);

	fail_hold();
	if (r == -ENODATA)
		(void)fail(0,
			   "it has no package base for the %%p in 'output:' of %s; put %%v "
			   "there",
			   definition->path);
	if (r == 0)
		r = judge(run, definition, kernel, output, &why);
	if (r == 0 && why.length)
		r = make(run, definition, kernel, output, text_string(&why));
	else if (r == 0)
		r = refresh(run, definition, kernel);
	line = fail_release();
	if (r < 0)
		say_failed(run, definition->name, kernel->release, line ? line : strerror(-r),
			   output);
	else if (!why.length)
		say("%s: up to date", output);
}

/* ---- all of them ---- */

static bool wants(const struct run *run, const struct definition *definition,
		  const struct host_kernel *kernel)
{
	const struct update *update = run->update;

	return definition_wants(definition, kernel) &&
	       (!update->kernel || text_equal(update->kernel, kernel->release)) &&
	       (!update->only_packaged || kernel->base);
}

static void update_definition(struct run *run, const struct definition *definition)
{
	struct host_kernels *kernels = &run->host->kernels;
	const struct strings *images = run->update->images;
	size_t count = 0;

	if (images && images->count && !strings_contain(images, definition->name))
		return;
	if (definition->broken) {
		say_failed(run, definition->name,
			   run->update->kernel ? run->update->kernel : EVERY_KERNEL,
			   definition->broken, NULL);
		return;
	}
	if (!run->update->kernel)
		(void)failures_set(run->host->prefix, &run->host->root, definition->name,
				   EVERY_KERNEL, NULL, NULL);
	if (definition->is_staged) {
		note("%s: left to kernel-install, by %s", definition->name, definition->path);
		return;
	}
	for (size_t i = 0; i < kernels->count; i++) {
		if (!wants(run, definition, &kernels->items[i]))
			continue;
		count++;
		update_one(run, definition, &kernels->items[i]);
	}
	if (count == 0)
		note("%s: no kernel for it", definition->name);
}

static int check_names(const struct host *host, const struct strings *images)
{
	for (size_t i = 0; images && i < images->count; i++) {
		if (definition_find(&host->definitions, images->items[i]))
			continue;
		(void)fail(0, "no image '%s' is defined in %s; 'mkinitrd status' lists them",
			   images->items[i], DEFINITIONS_FOLDER);
		return -ENOENT;
	}
	return 0;
}

int update_run(struct host *host, const struct update *update)
{
	struct run run = { .host = host, .update = update };
	int r = check_names(host, update->images);

	if (r == 0 && update->kernel && !host_kernel_find(&host->kernels, update->kernel))
		r = host_kernels_add(&host->root, update->kernel, &host->kernels);
	if (r == 0)
		r = definitions_check_outputs(&host->definitions, &host->kernels);
	if (r < 0)
		return r;
	for (size_t i = 0; i < host->definitions.count; i++)
		update_definition(&run, &host->definitions.items[i]);
	return run.result;
}

/* ---- removing ---- */

static int remove_file(const struct host *host, const char *path, const char *suffix)
{
	CLEANUP(memory_free) char *file = host_path(host, path);
	CLEANUP(text_free) struct text whole = TEXT_EMPTY;

	if (!file)
		return fail(-ENOMEM, "cannot remove '%s'", path);
	text_format(&whole, "%s%s", file, suffix);
	if (whole.failed)
		return fail(-ENOMEM, "cannot remove '%s'", path);
	return unlink(text_string(&whole)) < 0 && errno != ENOENT
		       ? fail(-errno, "cannot remove '%s'", text_string(&whole))
		       : 0;
}

/* whether another image needs the same copy of a kernel */
static bool is_copy_shared(const struct host *host, const struct record *record)
{
	for (size_t i = 0; i < host->records.count; i++)
		if (&host->records.items[i] != record &&
		    text_equal(host->records.items[i].copy, record->copy))
			return true;
	return false;
}

int update_remove_record(struct host *host, const struct record *record)
{
	size_t index = (size_t)(record - host->records.items);
	struct record *mine = &host->records.items[index];
	int r = host_check_mounted(host, mine->output);

	if (r == 0)
		r = boot_entry_remove(host, mine);
	if (r == 0)
		r = remove_file(host, mine->output, "");
	if (r == 0)
		r = remove_file(host, mine->output, ".old");
	if (r == 0 && *mine->copy && !is_copy_shared(host, mine))
		r = remove_file(host, mine->copy, "");
	if (r == 0 && record_remove(host->prefix, mine) < 0)
		r = fail(0, "cannot remove the record of '%s'", mine->output);
	if (r < 0)
		return r;
	say("%s: removed", mine->output);
	record_free(mine);
	memmove(mine, mine + 1, (host->records.count - index - 1) * sizeof(*mine));
	host->records.count--;
	return 0;
}

/* whether the image is another installed kernel's, too, or was to be, or that cannot be told: then
 * what is there is the last that boots */
static bool is_shared(const struct host *host, const struct record *record)
{
	const struct definition *definition = definition_find(&host->definitions, record->name);

	if (definition && definition->broken)
		return host->kernels.count > 0;
	for (size_t i = 0; definition && i < host->kernels.count; i++) {
		const struct host_kernel *kernel = &host->kernels.items[i];
		CLEANUP(memory_free) char *output = NULL;

		if (!text_equal(kernel->release, record->release) &&
		    definition_wants(definition, kernel) &&
		    definition_output(definition, kernel, &output) == 0 &&
		    text_equal(output, record->output))
			return true;
	}
	return false;
}

int update_remove_kernel(struct host *host, const char *release)
{
	int result = 0;

	if (host_kernel_find(&host->kernels, release)) {
		note("kernel %s is installed: its images stay", release);
		return 0;
	}
	for (size_t i = host->records.count; i--;) {
		const struct record *record = &host->records.items[i];
		const struct definition *definition;
		int r;

		if (!text_equal(record->release, release) || is_shared(host, record))
			continue;
		definition = definition_find(&host->definitions, record->name);
		r = update_remove_record(host, record);
		if (r == 0 && definition && definition->has_entry)
			r = boot_grub_update(host, definition);
		if (r < 0 && result == 0)
			result = r;
	}
	if (result == 0)
		result = failures_set(host->prefix, &host->root, NULL, release, NULL, NULL);
	return result;
}
