/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_load.c - where the loader looks for a library of a program, and in which order
 *
 * In:    what is loaded so far, the name of a library, who asks for it
 * Out:   the object and its path; what the search reads at boot, as entries
 * Not:   what lies in one folder (elf_search.c), which folders a text names (library_path.c)
 * Facts: ld.so(8); musl's ldso/dynlink.c. cli test_libraries.py asks both.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "elf_load.h"
#include "fail.h"
#include "library_path.h"
#include "resolve_path.h"

#define SEARCH_CACHE "/etc/ld.so.cache"

/* @name in each folder of @folders. 1, 0, or a negative errno, as library_try() */
static int try_folders(struct library_search *search, const struct strings *folders,
		       const char *name, struct elf_object **ret_object, char **ret_path)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < folders->count; i++)
		r = library_try(search, folders->items[i], name, ret_object, ret_path);
	return r;
}

static int try_list(struct library_search *search, const char *list, const struct loaded *item,
		    const char *name, struct elf_object **ret_object, char **ret_path)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	int r;

	if (!list)
		return 0;
	r = library_path_expand(list, item->object, item->origin, &folders);
	return r < 0 ? r : try_folders(search, &folders, name, ret_object, ret_path);
}

/* the search paths that the files themselves carry */
static int try_carried(const struct load *load, struct library_search *search, size_t loader,
		       const char *name, struct elf_object **ret_object, char **ret_path)
{
	const struct elf_object *first = load->items[loader].object;
	int r = 0;

	for (size_t i = loader; r == 0 && i != NOBODY && (load->musl || !first->runpath);
	     i = load->items[i].loader) {
		const struct elf_object *object = load->items[i].object;

		if (!object->runpath)
			r = try_list(search, object->rpath, &load->items[i], name, ret_object,
				     ret_path);
		else if (load->musl)
			r = try_list(search, object->runpath, &load->items[i], name, ret_object,
				     ret_path);
	}
	if (r == 0 && !load->musl)
		r = try_list(search, first->runpath, &load->items[loader], name, ret_object,
			     ret_path);
	return r;
}

/* glibc's own folders, for what @load loads */
static int default_folders(const struct load *load, struct strings *ret_folders)
{
	const struct elf_object *program = load->items[0].object;
	const struct elf_object *loader = load->cache->loaders[program->bits == ELFCLASS64];

	if (loader && loader->machine != program->machine)
		loader = NULL;
	return library_path_default(program, loader, ret_folders);
}

/* a library that only ld.so.conf leads to is found at boot through ldconfig's cache */
static int want_search_cache(struct load *load, const char *folder, const char *path)
{
	CLEANUP(strings_free) struct strings defaults = STRINGS_EMPTY;
	const struct elf_object *program = load->items[0].object;
	int r = default_folders(load, &defaults);

	if (r < 0 || strings_contain(&defaults, folder) || load->cache->has_search_cache)
		return r;
	load->cache->has_search_cache = true;
	r = resolve_need(load->resolve, SEARCH_CACHE,
			 &(struct want){ .relation = "library search", .by = program->path + 1 });
	if (r != -ENOENT)
		return r;
	warn("the library '%s' is found through /etc/ld.so.conf, but the root '%s' has "
	     "no " SEARCH_CACHE ", which programs look into; run 'ldconfig -r %s'",
	     path, load->resolve->root->path, load->resolve->root->path);
	return 0;
}

/* musl's loader reads its path at boot, too; without the file it has a default */
static int want_musl_path(struct load *load)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	if (load->cache->has_musl_path)
		return 0;
	load->cache->has_musl_path = true;
	text_format(&path, "/etc/ld-musl-%s.path", load->musl);
	r = path.failed ? -ENOMEM
			: resolve_need(load->resolve, text_string(&path),
				       &(struct want){ .relation = "library search",
						       .by = load->items[0].object->path + 1 });
	return r == -ENOENT ? 0 : r;
}

/* the folders of the search cache but for the system's own: -z nodefaultlib */
static int without_default(const struct load *load, struct strings *ret_folders)
{
	CLEANUP(strings_free) struct strings defaults = STRINGS_EMPTY;
	const struct strings *configured = &load->cache->configured;
	int r = default_folders(load, &defaults);

	for (size_t i = 0; r == 0 && i < configured->count; i++)
		if (!strings_contain(&defaults, configured->items[i]))
			r = strings_add(ret_folders, configured->items[i]);
	return r;
}

/* the folders of the system */
static int try_system(struct load *load, struct library_search *search, size_t loader,
		      const char *name, struct elf_object **ret_object, char **ret_path)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings cached = STRINGS_EMPTY;
	bool has_default = !load->items[loader].object->has_no_default;
	struct elf_cache *cache = load->cache;
	int r = 0;

	if (load->musl) {
		r = library_path_musl(load->resolve->root, load->musl, &folders);
		if (r == 0)
			r = want_musl_path(load);
		return r < 0 ? r : try_folders(search, &folders, name, ret_object, ret_path);
	}
	if (!cache->is_configured) {
		r = library_path_configured(load->resolve->root, &cache->configured);
		if (r < 0)
			return r;
		cache->is_configured = true;
	}
	if (!has_default)
		r = without_default(load, &cached);
	if (r == 0)
		r = try_folders(search, has_default ? &cache->configured : &cached, name,
				ret_object, ret_path);
	if (r == 1) {
		CLEANUP(memory_free)
		char *folder = strndup(*ret_path, (size_t)(base_name(*ret_path) - 1 - *ret_path));

		r = folder ? want_search_cache(load, folder, *ret_path) : -ENOMEM;
		return r < 0 ? r : 1;
	}
	if (r == 0 && has_default)
		r = default_folders(load, &folders);
	return r < 0 ? r : try_folders(search, &folders, name, ret_object, ret_path);
}

int elf_load_search(struct load *load, struct library_search *search, size_t loader,
		    const char *name, struct elf_object **ret_object, char **ret_path)
{
	CLEANUP(strings_free) struct strings paths = STRINGS_EMPTY;
	const struct loaded *item = &load->items[loader];
	int r;

	if (!strchr(name, '/')) {
		r = try_carried(load, search, loader, name, ret_object, ret_path);
		return r == 0 ? try_system(load, search, loader, name, ret_object, ret_path) : r;
	}
	/* a path: no search */
	r = library_path_expand(name, item->object, item->origin, &paths);
	for (size_t i = 0; r == 0 && i < paths.count; i++) {
		r = library_try_path(search, paths.items[i], ret_object);
		if (r == 1 && !(*ret_path = strdup(paths.items[i])))
			r = -ENOMEM;
	}
	return r;
}
