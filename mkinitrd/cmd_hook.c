/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_hook.c - mkinitrd hook: what package managers call
 *
 * In:    a system and what it says happens
 * Out:   whatever that asks for; the status that the system expects
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "hook.h"
#include "options.h"

#define PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// clang-format off
static const struct hook_row {
	const char *system, *verb;
	int (*function)(const struct hook_call *call);
} hook_rows[] = {
	{ "pacman", "remove",  hook_pacman_remove },
	{ "pacman", "install", hook_pacman_install },
	{ "grub",   "list",    hook_grub_list },
	{ "debian", "kernel-postinst", hook_debian_kernel_postinst },
	{ "debian", "kernel-postrm",   hook_debian_kernel_postrm },
	{ "debian", "configure",       hook_debian_update },
	{ "debian", "triggered",       hook_debian_update },
	{ "debian", "remove",	       hook_debian_remove },
	{ "kernel-install", "add",     hook_kernel_install_add },
	{ "kernel-install", "remove",  hook_kernel_install_remove },
};
// clang-format on

/* package managers hand their caller's environment on */
static void set_environment(void)
{
	static const char *const unwanted[] = { "MKINITRD_PROFILE_PATH", "TMPDIR", "LANGUAGE" };

	(void)setenv("PATH", PATH, 1);
	(void)setenv("LC_ALL", "C", 1);
	for (size_t i = 0; i < COUNT_OF(unwanted); i++)
		(void)unsetenv(unwanted[i]);
	(void)umask(077);
}

static int usage(void)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(hook_rows); i++)
		text_format(&line, "%s %s %s", i ? "," : "", hook_rows[i].system,
			    hook_rows[i].verb);
	(void)fail(0, "hook takes SYSTEM VERB; there are:%s", text_string(&line));
	return EXIT_USAGE;
}

int cmd_hook(const struct options *options)
{
	const struct strings *given = &options->arguments;
	struct hook_call call = { .root = options->root ? options->root : "/" };
	struct strings rest;

	if (given->count < 2)
		return usage();
	rest = (struct strings){ given->items + 2, given->count - 2 };
	call.arguments = &rest;
	for (size_t i = 0; i < COUNT_OF(hook_rows); i++) {
		if (!text_equal(hook_rows[i].system, given->items[0]) ||
		    !text_equal(hook_rows[i].verb, given->items[1]))
			continue;
		set_environment();
		return hook_rows[i].function(&call);
	}
	return usage();
}
