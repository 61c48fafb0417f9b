/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_kernel_install.c - 'mkinitrd hook kernel-install': a plug-in of kernel-install(8)
 *
 * In:    add KVER ENTRY-DIR KERNEL [INITRD...], remove KVER ENTRY-DIR; KERNEL_INSTALL_*
 * Out:   KERNEL_INSTALL_STAGING_AREA/initrd, where we are the generator that install.conf names
 * Not:   who makes the boot entry and copies what is staged: kernel-install's own plug-ins. What
 *        they have copied they remove, so that there is nothing to do for "remove".
 * Facts: kernel-install(8), systemd 252 and newer. A status of 77 would end all plug-ins behind us
 *        with success, and no entry would be written: it is never ours. UKI_GENERATOR and
 *        IMAGE_TYPE are set by 255 and newer.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "hook.h"
#include "options.h"
#include "update.h"

#define OURS "mkinitrd"

/* KERNEL_INSTALL_@name, "" when it is not set */
static const char *setting(const char *name)
{
	CLEANUP(text_free) struct text whole = TEXT_EMPTY;
	const char *value;

	text_format(&whole, "KERNEL_INSTALL_%s", name);
	value = getenv(text_string(&whole));
	return value ? value : "";
}

static bool is_set(const char *name, const char *wanted)
{
	return text_equal(setting(name), wanted);
}

/*
 * The plug-in of Debian's systemd 252 stages /boot/initrd.img-KVER when that is there, whoever made
 * it; with ours the entry would have two. Newer ones (55-initrd.install) leave it to the generator
 * that is named. A file of the same name in /etc counts instead of the one in /usr, and none that
 * cannot be executed.
 */
static bool is_staged_by_debian(const struct host *host, const char *release)
{
	static const char *const plugins[] = { "/etc/kernel/install.d/85-initrd.install",
					       "/usr/lib/kernel/install.d/85-initrd.install" };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct stat status;

	text_format(&path, "/boot/initrd.img-%s", release);
	if (sysroot_stat(&host->root, text_string(&path), true, &status) < 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(plugins); i++)
		if (sysroot_stat(&host->root, plugins[i], true, &status) == 0)
			return S_ISREG(status.st_mode) && (status.st_mode & 0111);
	return false;
}

/* whether there is an image to stage; speaks. Return: 1 yes, 0 no, or a negative errno */
static int is_asked_for(size_t count)
{
	if (is_set("LAYOUT", "uki") && is_set("UKI_GENERATOR", OURS))
		return fail(0,
			    "uki_generator=mkinitrd: mkinitrd makes no unified kernel images; name "
			    "another one in install.conf (ukify), with initrd_generator=mkinitrd");
	if (!is_set("INITRD_GENERATOR", OURS) || is_set("IMAGE_TYPE", "uki"))
		return 0;
	if (count > 3) {
		note("an initrd was supplied: none is made");
		return 0;
	}
	if (is_set("LAYOUT", "other")) {
		say("kernel-install has layout=other, which installs no initrd: none is made; set "
		    "layout=bls in install.conf, or let 'mkinitrd enable' keep an image");
		return 0;
	}
	return 1;
}

/* the image's definition; NULL: there is none, and it was said */
static const struct definition *find(const struct host *host, const struct host_kernel *kernel)
{
	const struct definition *definition = definitions_staged(&host->definitions);

	if (!definition || definition_wants(definition, kernel))
		return definition;
	(void)fail(0,
		   "%s is not for kernel %s (kernels:), and no other image is for kernel-install",
		   definition->path, kernel->release);
	return NULL;
}

static int stage(struct host *host, const char *release)
{
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	const struct definition *definition;
	const struct host_kernel *kernel;
	int r = 0;

	if (!host_kernel_find(&host->kernels, release))
		r = host_kernels_add(&host->root, release, &host->kernels);
	if (r < 0)
		return r;
	kernel = host_kernel_find(&host->kernels, release);
	definition = find(host, kernel);
	if (!definition)
		return -ENOENT;
	text_format(&output, "%s/initrd", setting("STAGING_AREA"));
	if (output.failed)
		return fail(-ENOMEM, "cannot make an initrd for kernel %s", release);
	return update_make(host, definition, kernel, text_string(&output));
}

int hook_kernel_install_add(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	const struct strings *words = call->arguments;
	int r = is_asked_for(words->count);

	if (r <= 0)
		return r < 0 ? EXIT_FAILED : EXIT_DONE;
	if (words->count < 3 || !*setting("STAGING_AREA")) {
		(void)fail(0, "this is for kernel-install to call: add KVER ENTRY-DIR KERNEL, with "
			      "KERNEL_INSTALL_STAGING_AREA set");
		return EXIT_FAILED;
	}
	r = host_open(&host, call->root);
	if (r == 0 && is_staged_by_debian(&host, words->items[0])) {
		say("'/boot/initrd.img-%s' is there and kernel-install takes it: none is made; "
		    "remove it, or mask 85-initrd.install in /etc/kernel/install.d",
		    words->items[0]);
		return EXIT_DONE;
	}
	if (r == 0)
		r = stage(&host, words->items[0]);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

int hook_kernel_install_remove(const struct hook_call *call)
{
	(void)call;
	return EXIT_DONE;
}
