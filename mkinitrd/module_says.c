/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_says.c - what modules say that no index has: firmware, and weakdeps (see modules.h)
 *
 * In:    .modinfo of a module's file; modules.weakdep and modprobe.d (module_config.c)
 * Out:   module->firmware, module->weak
 * Not:   what is done with them (module_pack.c, firmware.c)
 * Facts: a weakdep is a module that may be used if it is there: it belongs in an initramfs, and
 *        nothing loads it on that account (kmod 33, modprobe.d(5); kernels from 6.11 on have
 *        weakdep= lines). depmod writes modules.weakdep from version 33 on.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdatomic.h>
#include <string.h>

#include "modules.h"
#include "decompress.h"
#include "fail.h"
#include "module_info.h"
#include "workers.h"

/* names or aliases; what is not there is silently left */
static int weakdeps_add(const struct module_tree *tree, struct module *module, const char *names)
{
	CLEANUP(memory_free) char *copy = strdup(names);
	char *rest = copy;
	const char *name;
	int r = copy ? 0 : -ENOMEM;

	while (r >= 0 && (name = strsep(&rest, "\t ")) != NULL) {
		CLEANUP(module_list_free) struct module_list found = { 0 };

		if (*name)
			r = module_tree_lookup(tree, name, &found);
		for (size_t i = 0; r >= 0 && i < found.count; i++) {
			if (!module_list_contains(&module->weak, found.items[i]))
				r = module_list_add(&module->weak, found.items[i]);
		}
	}
	return r;
}

/* as if an index had said it: the image gets one */
static int weakdep_note(struct modules *modules, struct module *module, char *names)
{
	const struct module_setting setting = { .verb = MODULE_WEAKDEP,
						.key = module->name,
						.rest = names,
						.is_own = true,
						.file = module->path };

	return module_config_add(&modules->tree.config, &setting);
}

static void info_read(const struct modules *modules, struct module *module)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;

	module_root_path(modules->kernel, module->path, &path);
	fd = path.failed ? -ENOMEM
			 : sysroot_open(modules->root, text_string(&path), O_RDONLY | O_NONBLOCK);
	module->info_result = fd < 0 ? fd
				     : module_info_read(fd, compressed_suffix(module->path) != NULL,
							&module->info);
	module->has_info = true;
}

/* the packed modules from one on, each read by one thread */
struct ahead {
	struct modules *modules;
	atomic_size_t next;
};

static void *read_next(void *context)
{
	struct ahead *ahead = context;
	const struct module_list *packed = &ahead->modules->packed;
	size_t i;

	while ((i = atomic_fetch_add(&ahead->next, 1)) < packed->count) {
		struct module *module = &ahead->modules->tree.modules[packed->items[i]];

		if (!module->has_info)
			info_read(ahead->modules, module);
	}
	return NULL;
}

/* what its file says; speaks */
static int info_take(struct modules *modules, struct module *module)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = module->info_result;

	module_root_path(modules->kernel, module->path, &path);
	if (r < 0)
		return fail(r,
			    "cannot read '%s' of the root '%s' for the firmware it names; install "
			    "it again",
			    text_string(&path), modules->root->path);
	for (size_t i = 0; r >= 0 && i < module->info.count; i++) {
		char *line = module->info.items[i];
		const char *firmware = module_info_value(line, "firmware");
		const char *weak = module_info_value(line, "weakdep");

		if (firmware)
			r = strings_add(&module->firmware, firmware);
		else if (weak && !modules->tree.has_weakdeps)
			r = weakdep_note(modules, module, line + (weak - line));
	}
	strings_free(&module->info);
	return r < 0 ? fail(r, "cannot read '%s'", module->path) : 0;
}

int module_says(struct modules *modules, size_t position, bool with_firmware, unsigned jobs)
{
	struct module *module = &modules->tree.modules[modules->packed.items[position]];
	const struct module_config *config = &modules->tree.config;
	struct ahead ahead = { .modules = modules, .next = position };
	int r = 0;

	/* an index that was computed here has all of it */
	if (!modules->tree.is_computed && (with_firmware || !modules->tree.has_weakdeps)) {
		if (!module->has_info)
			workers_run(jobs, read_next, &ahead);
		r = info_take(modules, module);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < config->count; i++) {
		const struct module_setting *setting = &config->settings[i];

		if (setting->verb == MODULE_WEAKDEP && fnmatch(setting->key, module->name, 0) == 0)
			r = weakdeps_add(&modules->tree, module, setting->rest);
	}
	return r < 0 ? fail(r, "cannot look up what module '%s' may use", module->name) : 0;
}
