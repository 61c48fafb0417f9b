/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_debian.c - 'mkinitrd hook debian': what dpkg and the kernels' packages call
 *
 * In:    the verb and its words; DEB_MAINT_PARAMS and INITRD of who installs a kernel
 * Out:   images made and removed (update.h); what purge removes, in /var/lib/mkinitrd/purge;
 *        GRUB's menu anew, where a trigger made an image come or go
 * Facts: Debian kernel handbook 10.2: hooks get KVER and the kernel, and a status other than 0
 *        leaves the kernel's package half-configured: our images stand beside the system's own, so
 *        that what fails is said, remembered, and no reason for that. /etc/kernel/postinst.d goes
 *        by name, so that zz-update-grub comes behind us.
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "hook.h"
#include "options.h"
#include "output.h"
#include "process.h"
#include "update.h"

#define PURGE_FILE STATE_FOLDER "/purge" /* hooks/debian/package/postrm reads it */
#define GRUB_CONFIG "/boot/grub/grub.cfg"

/* whether DEB_MAINT_PARAMS, the words that a maintainer script was given, begins with one of
 * @verbs; so it does when there are none: older packages set nothing */
static bool is_called_for(const char *verbs)
{
	const char *words = getenv("DEB_MAINT_PARAMS");
	CLEANUP(text_free) struct text wanted = TEXT_EMPTY;
	CLEANUP(text_free) struct text first = TEXT_EMPTY;

	words = words ? words + strspn(words, " \t\n") : "";
	if (!*words)
		return true;
	/* quoted or not: "'configure' ''", "configure 6.1" */
	text_add_char(&first, ' ');
	for (; *words && !strchr(" \t\n", *words); words++)
		if (*words != '\'' && *words != '"')
			text_add_char(&first, *words);
	text_add_char(&first, ' ');
	text_format(&wanted, " %s ", verbs);
	return first.length > 2 && strstr(text_string(&wanted), text_string(&first));
}

/* INITRD=No: whoever installs the kernel wants no initramfs of anybody; kernel-img.conf(5) */
static bool is_unwanted(void)
{
	const char *initrd = getenv("INITRD");

	return initrd && text_equal(initrd, "No");
}

/* the kernel that a hook is about, or NULL: there is nothing to do */
static const char *kernel_of(const struct hook_call *call, const char *verbs)
{
	const char *release = call->arguments->count ? call->arguments->items[0] : "";

	return *release && !is_unwanted() && is_called_for(verbs) ? release : NULL;
}

int hook_debian_kernel_postinst(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	const char *release = kernel_of(call, "configure");

	if (release && host_open_locked(&host, call->root) == 0 && host.definitions.count)
		(void)update_run(&host, &(struct update){ .kernel = release });
	return EXIT_DONE;
}

int hook_debian_kernel_postrm(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	const char *release = kernel_of(call, "remove purge");

	if (release && host_open_locked(&host, call->root) == 0)
		(void)update_remove_kernel(&host, release);
	return EXIT_DONE;
}

/* ---- GRUB's menu, where no hook of a kernel makes it anew ---- */

/* the images that boot loaders list, a line each */
static int list(const struct host *host, struct text *lines)
{
	CLEANUP(records_free) struct records records = { 0 };
	int r = records_load(&host->root, &records);

	for (size_t i = 0; r == 0 && i < records.count; i++)
		if (records.items[i].has_entry)
			text_format(lines, "%s %s\n", records.items[i].output,
				    records.items[i].title);
	return r == 0 && lines->failed ? -ENOMEM : r;
}

/* a definition that names its own menu has had it made (boot_grub_update()) */
static bool has_own_menu(const struct host *host)
{
	for (size_t i = 0; i < host->definitions.count; i++)
		if (host->definitions.items[i].grub_config)
			return true;
	return false;
}

static void update_grub(const struct host *host)
{
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	char program[] = "update-grub";
	char *argv[] = { program, NULL };
	int status = 0;

	if (*host->prefix || access(GRUB_CONFIG, F_OK) < 0 || has_own_menu(host))
		return;
	say("the menu of GRUB is made anew");
	if (process_run(argv, NULL, -1, &output, &status) < 0) {
		note("there is no update-grub");
	} else if (status != 0) {
		process_show(&output);
		warn("update-grub failed: GRUB lists what it did before; run it again");
	}
}

int hook_debian_update(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	CLEANUP(text_free) struct text before = TEXT_EMPTY;
	CLEANUP(text_free) struct text after = TEXT_EMPTY;

	if (host_open_locked(&host, call->root) < 0 || list(&host, &before) < 0)
		return EXIT_DONE;
	if (host.definitions.count)
		(void)update_run(&host, &(struct update){ 0 });
	if (list(&host, &after) == 0 && !text_equal(text_string(&before), text_string(&after)))
		update_grub(&host);
	return EXIT_DONE;
}

/* ---- what purge removes ---- */

static void add_path(struct text *paths, const char *path, const char *suffix)
{
	if (*path && !strchr(path, '\n'))
		text_format(paths, "%s%s\n", path, suffix);
}

static int write_purge(const struct host *host, const struct text *paths)
{
	CLEANUP(memory_free) char *path = host_path(host, PURGE_FILE);

	if (!path || paths->failed)
		return fail(-ENOMEM, "cannot write '" PURGE_FILE "'");
	return output_write(path, text_string(paths), paths->length, 0600);
}

int hook_debian_remove(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	CLEANUP(text_free) struct text paths = TEXT_EMPTY;

	if (host_open_locked(&host, call->root) < 0)
		return EXIT_FAILED;
	for (size_t i = 0; i < host.records.count; i++) {
		const struct record *record = &host.records.items[i];

		add_path(&paths, record->entry, "");
		add_path(&paths, record->output, "");
		add_path(&paths, record->output, ".old");
		add_path(&paths, record->copy, "");
	}
	if (host.records.count)
		say("images and boot entries stay until the package is purged");
	return write_purge(&host, &paths) < 0 ? EXIT_FAILED : EXIT_DONE;
}
