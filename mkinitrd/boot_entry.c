/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_entry.c - what boot loaders read of an image (see boot_entry.h)
 *
 * In:    a record
 * Out:   loader/entries/mkinitrd-NAME-KVER.conf; grub.cfg, made by GRUB's own program
 * Facts: UAPI Boot Loader Specification, type 1: title, version, sort-key, linux, initrd, options;
 *        paths begin at the top of the file system that the entries are on
 */
#include <errno.h>
#include <string.h>

#include "boot_entry.h"
#include "fail.h"
#include "output.h"
#include "process.h"
#include "../init/lib/file.h"

#define ENTRIES "loader/entries"

/* where systemd-boot's files may be, innermost first: the image lies below one of them */
static const char *const tops[] = { "/boot/efi", "/efi", "/boot" };

static bool is_file(const struct host *host, const char *path)
{
	struct stat status;

	return sysroot_stat(&host->root, path, true, &status) == 0 && S_ISREG(status.st_mode);
}

int boot_kernel(const struct host *host, const struct record *record, char **ret_path)
{
	int folder = (int)(base_name(record->output) - record->output);
	const char *names[] = { *record->base ? record->base : record->release, record->release };

	*ret_path = NULL;
	for (size_t i = 0; i < 2 * COUNT_OF(names); i++) {
		const char *name = names[i / 2];
		char *path;

		if (i % 2 ? asprintf(&path, "/boot/vmlinuz-%s", name) < 0
			  : asprintf(&path, "%.*svmlinuz-%s", folder, record->output, name) < 0)
			return -ENOMEM;
		if (is_file(host, path)) {
			*ret_path = path;
			return 0;
		}
		free(path);
	}
	return 0;
}

/* the top of the file system whose entries can name @path, or NULL */
static const char *entries_top(const struct host *host, const char *path)
{
	for (size_t i = 0; i < COUNT_OF(tops); i++) {
		const char *rest = text_after(path, tops[i]);
		CLEANUP(text_free) struct text folder = TEXT_EMPTY;
		struct stat status;

		if (!rest || *rest != '/')
			continue;
		text_format(&folder, "%s/" ENTRIES, tops[i]);
		if (sysroot_stat(&host->root, text_string(&folder), true, &status) == 0 &&
		    S_ISDIR(status.st_mode))
			return tops[i];
	}
	return NULL;
}

/* whether a file has this content already */
static bool has_content(const struct host *host, const char *path, const struct text *wanted)
{
	CLEANUP(text_free) struct text now = TEXT_EMPTY;

	return sysroot_read(&host->root, path, 65536, &now) == 0 &&
	       text_equal(text_string(&now), text_string(wanted));
}

static int write_file(const struct host *host, const char *path, const struct text *content)
{
	CLEANUP(memory_free) char *target = host_path(host, path);

	if (has_content(host, path, content))
		return 0;
	if (!target || content->failed)
		return fail(-ENOMEM, "cannot write '%s'", path);
	return output_write(target, text_string(content), content->length, 0644);
}

static void format(const struct record *record, const char *kernel, const char *initrd,
		   struct text *text)
{
	text_format(text, "title %s\nversion %s\nsort-key mkinitrd-%s\nlinux %s\ninitrd %s\n",
		    record->title, record->release, record->name, kernel, initrd);
	if (*record->cmdline)
		text_format(text, "options %s\n", record->cmdline);
}

static int set_entry(struct record *record, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return fail(-ENOMEM, "cannot write a boot entry");
	free(record->entry);
	record->entry = copy;
	return 0;
}

int boot_entry_write(const struct host *host, struct record *record)
{
	const char *top = record->has_entry ? entries_top(host, record->output) : NULL;
	CLEANUP(memory_free) char *kernel = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r;

	if (!top)
		return set_entry(record, "");
	r = boot_kernel(host, record, &kernel);
	if (r < 0)
		return fail(r, "cannot write a boot entry");
	if (!kernel || !text_after(kernel, top)) {
		warn("no boot entry for '%s': its kernel, vmlinuz-%s, is not in '%s'",
		     record->output, *record->base ? record->base : record->release, top);
		return set_entry(record, "");
	}
	format(record, kernel + strlen(top), record->output + strlen(top), &content);
	text_format(&path, "%s/" ENTRIES "/mkinitrd-%s-%s.conf", top, record->name,
		    *record->base ? record->base : record->release);
	r = path.failed ? fail(-ENOMEM, "cannot write a boot entry")
			: write_file(host, text_string(&path), &content);
	return r < 0 ? r : set_entry(record, text_string(&path));
}

int boot_entry_remove(const struct host *host, const struct record *record)
{
	CLEANUP(memory_free) char *path = NULL;

	if (!*record->entry)
		return 0;
	path = host_path(host, record->entry);
	if (!path)
		return fail(-ENOMEM, "cannot remove '%s'", record->entry);
	return unlink(path) < 0 && errno != ENOENT ? fail(-errno, "cannot remove '%s'", path) : 0;
}

int boot_grub_update(const struct host *host, const struct definition *definition)
{
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	CLEANUP(text_free) struct text how = TEXT_EMPTY;
	CLEANUP(memory_free) char *config = NULL;
	char program[] = "grub-mkconfig", option[] = "-o";
	char *argv[] = { program, option, NULL, NULL };
	int status = 0, r;

	if (!definition->grub_config)
		return 0;
	if (*host->prefix) {
		note("'%s' is of another root: grub-mkconfig is not run", definition->grub_config);
		return 0;
	}
	config = strdup(definition->grub_config);
	if (!config)
		return fail(-ENOMEM, "cannot run grub-mkconfig");
	argv[2] = config;
	r = process_run(argv, NULL, -1, &output, &status);
	if (r < 0)
		return fail(r, "cannot run grub-mkconfig (grub-config: in %s)", definition->path);
	if (status == 0)
		return 0;
	process_show(&output);
	process_describe(status, &how);
	return fail(0, "grub-mkconfig -o %s %s", definition->grub_config, text_string(&how));
}
