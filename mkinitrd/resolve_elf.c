/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_elf.c - which shared objects does an ELF file need?
 *
 * In:    an entry with ELF content
 * Out:   entries for its interpreter and for every library that the loader would load with it,
 *        each wanted by the object that names it
 * Not:   kernel modules (resolve_module.c); what one file says (elf_object.c); where the loader
 *        looks, and in which order (elf_load.c)
 * Facts: ld.so(8). A program is loaded here as ld.so does it, breadth first: a name that is loaded
 *        already is not searched again, DT_RPATH reaches what an object's libraries need,
 *        DT_RUNPATH does not. musl treats both as DT_RPATH: ldso/dynlink.c. Of glibc-hwcaps every
 *        level is packed beside the baseline: the image boots on any processor. What glibc's NSS or
 *        a program's plug-ins load is not written down anywhere: the profile that names the program
 *        says it.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_load.h"
#include "fail.h"
#include "library_path.h"
#include "resolve_path.h"

static void load_free(struct load *load)
{
	for (size_t i = 0; i < load->count; i++) {
		free(load->items[i].name);
		free(load->items[i].origin);
	}
	free(load->items);
	free(load->musl);
}

static void search_free(struct library_search *search)
{
	strings_free(&search->folders);
	strings_free(&search->variants);
}

/* @path: as it was found, for $ORIGIN */
static int load_add(struct load *load, struct elf_object *object, const char *name,
		    const char *path, size_t loader)
{
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	struct loaded *items = reallocarray(load->items, load->count + 1, sizeof(*items));
	struct loaded item = { .object = object, .loader = loader };

	if (!items)
		return -ENOMEM;
	load->items = items;
	item.name = strdup(name);
	item.origin = strndup(path, (size_t)(base_name(path) - 1 - path));
	items[load->count++] = item;
	if (!item.name || !item.origin)
		return -ENOMEM;
	object->is_loaded = true;
	text_format(&key, "%u %s", object->bits, name);
	if (key.failed)
		return -ENOMEM;
	return path_map_get(&load->cache->loaded, text_string(&key))
		       ? 0
		       : path_map_put(&load->cache->loaded, text_string(&key), object, NULL);
}

static bool load_has(const struct load *load, const char *name)
{
	for (size_t i = 0; i < load->count; i++)
		if (text_equal(load->items[i].name, name) ||
		    (load->items[i].object->soname &&
		     text_equal(load->items[i].object->soname, name)))
			return true;
	return false;
}

static int musl_of_name(struct load *load, const char *name)
{
	return load->musl ? 0 : library_musl_architecture(name, &load->musl);
}

static int load_find_musl(struct load *load)
{
	const struct elf_object *object = load->items[0].object;
	int r = 0;

	if (object->interpreter)
		return musl_of_name(load, base_name(object->interpreter));
	for (size_t i = 0; r == 0 && i < object->needed.count; i++)
		r = musl_of_name(load, object->needed.items[i]);
	return r;
}

/* "'/usr/bin/foo' (program 'foo' (docker.yaml:12))" */
static void describe_object(const struct load *load, const struct elf_object *object,
			    struct text *text)
{
	const struct entry *entry = manifest_find(load->resolve->manifest, object->path + 1);

	text_format(text, "'%s'", object->path);
	if (entry) {
		text_add(text, " (");
		manifest_chain(load->resolve->manifest, entry, true, text);
		text_add(text, ")");
	}
}

static int fail_missing(const struct load *load, const struct library_search *search, size_t loader,
			const char *name, const char *how)
{
	const struct elf_object *like = search->like, *wrong = search->wrong;
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	CLEANUP(text_free) struct text kind = TEXT_EMPTY;
	CLEANUP(text_free) struct text searched = TEXT_EMPTY;

	describe_object(load, load->items[loader].object, &who);
	if (wrong) {
		if (wrong->bits != like->bits)
			text_format(&kind, "as %s",
				    wrong->bits == ELFCLASS32 ? "32-bit" : "64-bit");
		else if (wrong->machine != like->machine) {
			text_add(&kind, "for ");
			elf_machine_name(&kind, wrong->machine);
		} else {
			text_add(&kind, "as what is no library,");
		}
		(void)fail(0,
			   "library '%s' %s by %s is found only %s at '%s' in the root '%s'; "
			   "install the one that fits",
			   name, how, text_string(&who), text_string(&kind), wrong->path,
			   load->resolve->root->path);
		return -ENOENT;
	}
	for (size_t i = 0; i < search->folders.count; i++)
		text_format(&searched, "%s%s", i ? ", " : "", search->folders.items[i]);
	(void)fail(0, "library '%s' %s by %s is not in the root '%s'; install it (searched %s)",
		   name, how, text_string(&who), load->resolve->root->path,
		   searched.length ? text_string(&searched) : "nothing else");
	return -ENOENT;
}

/* a plug-in may rely on what the program that loads it has loaded, wherever that was found */
static bool plugin_has(const struct load *load, const char *name)
{
	const struct elf_object *first = load->items[0].object;
	CLEANUP(text_free) struct text key = TEXT_EMPTY;

	if (first->interpreter)
		return false;
	text_format(&key, "%u %s", first->bits, name);
	return path_map_get(&load->cache->loaded, text_string(&key)) != NULL;
}

/* the same library for processors that can do more */
static int load_variants(struct load *load, struct library_search *search, size_t loader,
			 const char *name)
{
	const struct want want = { .relation = "library, for newer processors",
				   .by = load->items[loader].object->path + 1 };

	for (size_t i = 0; i < search->variants.count; i++) {
		struct elf_object *object = NULL;
		int r = resolve_need(load->resolve, search->variants.items[i], &want);

		if (r == 0)
			r = library_try_path(search, search->variants.items[i], &object);
		if (r == 1)
			r = load_add(load, object, name, search->variants.items[i], loader);
		if (r < 0)
			return r == -ENOENT
				       ? fail(r, "library '%s' vanished from the root '%s'",
					      search->variants.items[i], load->resolve->root->path)
				       : r;
	}
	return 0;
}

/* load @name for item @loader. 1: it is there; 0: it is not, which @search tells more about */
static int load_need(struct load *load, struct library_search *search, size_t loader,
		     const char *name)
{
	CLEANUP(memory_free) char *path = NULL;
	struct elf_object *object = NULL;
	int r;

	if (load_has(load, name) || (load->musl && library_musl_has(name)))
		return 1;
	search->resolve = load->resolve;
	search->like = load->items[0].object;
	search->has_variants = !load->musl;
	r = elf_load_search(load, search, loader, name, &object, &path);
	if (r < 0)
		return r;
	if (r == 0 || !object || !path)
		return plugin_has(load, name);
	r = resolve_need(load->resolve, path,
			 &(struct want){ .relation = "library",
					 .by = load->items[loader].object->path + 1 });
	if (r == -ENOENT)
		return fail(r, "library '%s' vanished from the root '%s'", path,
			    load->resolve->root->path);
	if (r == 0)
		r = load_add(load, object, name, path, loader);
	if (r == 0)
		r = load_variants(load, search, loader, name);
	return r < 0 ? r : 1;
}

static int load_needed(struct load *load, size_t loader, const char *name)
{
	CLEANUP(search_free) struct library_search search = { 0 };
	int r = load_need(load, &search, loader, name);

	if (r == 0)
		return fail_missing(load, &search, loader, name, "needed");
	return r < 0 ? r : 0;
}

/* what a program loads by itself: the first of the names that is there */
static int load_noted(struct load *load, size_t loader, const struct dlopen_note *wish)
{
	CLEANUP(search_free) struct library_search search = { 0 };
	const struct elf_object *object = load->items[loader].object;
	int r = 0;

	if (wish->priority == DLOPEN_SUGGESTED)
		return 0;
	for (size_t i = 0; r == 0 && i < wish->sonames.count; i++)
		r = load_need(load, &search, loader, wish->sonames.items[i]);
	if (r != 0)
		return r < 0 ? r : 0;
	if (wish->priority == DLOPEN_REQUIRED)
		return fail_missing(load, &search, loader, wish->sonames.items[0],
				    "required (.note.dlopen)");
	note("library '%s', recommended by '%s' for '%s', is not in the root '%s'",
	     wish->sonames.items[0], object->path, wish->feature, load->resolve->root->path);
	return 0;
}

static int load_interpreter(struct load *load)
{
	CLEANUP(search_free) struct library_search search = { .resolve = load->resolve };
	const struct elf_object *program = load->items[0].object;
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	struct elf_object *object = NULL;
	int r;

	if (!program->interpreter)
		return 0;
	r = resolve_need(load->resolve, program->interpreter,
			 &(struct want){ .relation = "interpreter", .by = program->path + 1 });
	if (r == -ENOENT) {
		describe_object(load, program, &who);
		return fail(r, "interpreter '%s' needed by %s is not in the root '%s'; install it",
			    program->interpreter, text_string(&who), load->resolve->root->path);
	}
	search.like = program;
	search.is_interpreter = true;
	if (r == 0)
		r = library_try_path(&search, program->interpreter, &object);
	if (r == 0) {
		describe_object(load, program, &who);
		return fail(-ENOEXEC, "interpreter '%s' needed by %s is not for the same machine",
			    program->interpreter, text_string(&who));
	}
	if (r < 0 || !object || object == program)
		return r < 0 ? r : 0;
	if (object->system_folders.count)
		load->cache->loaders[object->bits == ELFCLASS64] = object;
	return load_add(load, object, base_name(program->interpreter), program->interpreter,
			NOBODY);
}

/* libraries that take the place of another's symbols; musl has no such thing */
static int load_filters(struct load *load, size_t loader)
{
	const struct elf_object *object = load->items[loader].object;
	int r = 0;

	for (size_t i = 0; r == 0 && i < object->filters.count; i++)
		r = load_needed(load, loader, object->filters.items[i]);
	for (size_t i = 0; r == 0 && i < object->auxiliaries.count; i++) {
		CLEANUP(search_free) struct library_search search = { 0 };

		r = load_need(load, &search, loader, object->auxiliaries.items[i]);
		r = r < 0 ? r : 0;
	}
	return r;
}

static int load_all(struct load *load)
{
	int r = load_interpreter(load);

	if (r == 0)
		r = load_find_musl(load);
	for (size_t i = 0; r == 0 && i < load->count; i++) {
		const struct elf_object *object = load->items[i].object;

		for (size_t j = 0; r == 0 && j < object->needed.count; j++)
			r = load_needed(load, i, object->needed.items[j]);
		if (r == 0 && !load->musl)
			r = load_filters(load, i);
		for (size_t j = 0; r == 0 && j < object->note_count; j++)
			r = load_noted(load, i, &object->notes[j]);
	}
	return r;
}

int resolve_elf(struct resolve *resolve, const struct entry *entry, int fd)
{
	CLEANUP(load_free)
	struct load load = { .resolve = resolve, .cache = elf_cache_get(resolve) };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct elf_object *object;
	int r = 0;

	if (entry->type != ENTRY_FILE)
		return 0;
	text_format(&path, "/%s", entry->path);
	if (path.failed || !load.cache)
		return fail(-ENOMEM, "cannot look for the libraries of '%s'", entry->path);
	if (fd >= 0)
		r = elf_look(resolve, entry, fd);
	if (r < 0)
		return r;
	object = elf_find(resolve, text_string(&path));
	if (!object || (object->is_loaded && !object->interpreter) || object->is_program_loaded ||
	    (object->type != ET_DYN && object->type != ET_EXEC))
		return 0;
	object->is_program_loaded = true;
	if (!elf_machine_fits(object->machine)) {
		note("'%s' is for another machine, so its libraries are not looked for",
		     object->path);
		return 0;
	}
	r = load_add(&load, object, base_name(object->path), object->path, NOBODY);
	if (r == 0)
		r = load_all(&load);
	return r;
}
