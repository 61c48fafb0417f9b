/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_library.c - libkmod below a root (see module_library.h)
 *
 * In:    the binary indexes of a kernel, and modprobe.d as one text
 * Out:   names of modules for names, aliases and softdeps
 * Not:   which files these are (module_tree.c)
 * Facts: kmod 30, libkmod.h. libkmod opens paths by itself: it gets descriptors that were opened
 *        below the root, as /proc/self/fd/N. A descriptor of a file is a modprobe.d file to it.
 *        It looks below the directory whenever it meets a module, so that one stays open.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <libkmod.h>

#include "module_library.h"
#include "fail.h"
#include "../init/lib/file.h"

struct module_library {
	struct kmod_ctx *context;
	int directory_fd;
};

static void context_release(struct kmod_ctx **context)
{
	if (*context)
		(void)kmod_unref(*context);
	*context = NULL;
}

static void kmod_list_release(struct kmod_list **list)
{
	(void)kmod_module_unref_list(*list);
	*list = NULL;
}

void module_library_close(struct module_library *library)
{
	if (!library)
		return;
	context_release(&library->context);
	fd_close(&library->directory_fd);
	free(library);
}

static void library_release(struct module_library **library)
{
	module_library_close(*library);
	*library = NULL;
}

static void PRINTF_LIKE(6, 0)
	library_log(void *data UNUSED, int priority UNUSED, const char *file UNUSED,
		    int line UNUSED, const char *function, const char *format, va_list arguments)
{
	CLEANUP(memory_free) char *message = NULL;

	if (vasprintf(&message, format, arguments) < 0) {
		message = NULL;
		return;
	}
	message[strcspn(message, "\n")] = '\0';
	debug("libkmod: %s: %s", function, message);
}

int module_library_open(int directory_fd, const struct text *config,
			struct module_library **ret_library)
{
	CLEANUP(library_release) struct module_library *library = calloc(1, sizeof(*library));
	CLEANUP(fd_close) int owned_fd = directory_fd;
	CLEANUP(memory_free) char *directory_path = NULL;
	CLEANUP(memory_free) char *config_path = NULL;
	CLEANUP(fd_close) int config_fd = memfd_create("modprobe.d", MFD_CLOEXEC);
	const char *config_paths[2] = { NULL, NULL };
	int r;

	if (!library)
		return -ENOMEM;
	library->directory_fd = fd_take(&owned_fd);
	if (config_fd < 0)
		return -errno;
	r = file_write_fd(config_fd, text_string(config), config->length);
	if (r >= 0)
		r = sysroot_proc_path(config_fd, &config_path);
	if (r >= 0)
		r = sysroot_proc_path(library->directory_fd, &directory_path);
	if (r < 0)
		return r;
	config_paths[0] = config_path;
	library->context = kmod_new(directory_path, config_paths);
	if (!library->context)
		return -ENOMEM;
	kmod_set_log_fn(library->context, library_log, NULL);
	r = kmod_load_resources(library->context);
	if (r < 0)
		return r;
	*ret_library = library;
	library = NULL;
	return 0;
}

static int names_add(const struct kmod_list *list, struct strings *names)
{
	const struct kmod_list *item;

	kmod_list_foreach(item, list)
	{
		struct kmod_module *found = kmod_module_get_module(item);
		int r = strings_add(names, kmod_module_get_name(found));

		(void)kmod_module_unref(found);
		if (r < 0)
			return r;
	}
	return 0;
}

int module_library_lookup(const struct module_library *library, const char *name,
			  struct strings *ret_names)
{
	CLEANUP(kmod_list_release) struct kmod_list *list = NULL;
	int r;

	if (strlen(name) >= PATH_MAX)
		return 0; /* libkmod has so much room for it */
	r = kmod_module_new_from_lookup(library->context, name, &list);
	if (r == -EINVAL)
		return 0; /* unbalanced brackets: no such alias */
	return r < 0 ? r : names_add(list, ret_names);
}

int module_library_softdeps(const struct module_library *library, const char *name,
			    struct strings *ret_pre, struct strings *ret_post)
{
	CLEANUP(kmod_list_release) struct kmod_list *pre = NULL;
	CLEANUP(kmod_list_release) struct kmod_list *post = NULL;
	struct kmod_module *module = NULL;
	int r;

	r = kmod_module_new_from_name(library->context, name, &module);
	if (r < 0)
		return r;
	r = kmod_module_get_softdeps(module, &pre, &post);
	(void)kmod_module_unref(module);
	if (r >= 0)
		r = names_add(pre, ret_pre);
	if (r >= 0)
		r = names_add(post, ret_post);
	return r < 0 ? r : 0;
}
