/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_load.c - a program loaded as the dynamic loader would in the image
 *
 * In:    what was read of ELF files, the image's /etc/ld.so.cache or musl's path file
 * Out:   findings: loaders and libraries that are missing
 * Not:   what is packed for a program (resolve_elf.c has the same rules over a root; here only what
 *        is in the image counts, and ld.so.conf does not, for ld.so does not read it)
 * Facts: ld.so(8); the cache's format: glibc's sysdeps/generic/dl-cache.h; musl's ldso/dynlink.c
 */
#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check_load.h"
#include "elf_object.h"
#include "library_path.h"

#define NOBODY SIZE_MAX
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_HEADER 48
#define CACHE_ENTRY 24

struct loaded {
	const struct elf_object *object;
	char *name;    /* as it was asked for */
	char *origin;  /* its folder: $ORIGIN */
	size_t loader; /* index of the first that asked, or NOBODY */
};

struct check_loader {
	struct check *check;
	struct path_map known; /* "64 libc.so.6": names that some program has loaded */
	const char *cache;     /* /etc/ld.so.cache, from its magic on */
	size_t cache_length;
	const struct elf_object
		*system[2]; /* glibc's loader for 32 bits, for 64; NULL: none seen */
	/* the program at hand */
	struct loaded *items; /* [0] is the program */
	size_t count;
	char *musl; /* the architecture in the name of musl's loader; NULL: glibc */
};

static void reset(struct check_loader *loader)
{
	for (size_t i = 0; i < loader->count; i++) {
		free(loader->items[i].name);
		free(loader->items[i].origin);
	}
	loader->count = 0;
	memory_free(&loader->items);
	memory_free(&loader->musl);
}

struct check_loader *check_load_new(struct check *check)
{
	struct check_loader *loader = calloc(1, sizeof(*loader));
	const char *cache, *magic;
	size_t length;

	if (!loader) {
		check->is_short_of_memory = true;
		return NULL;
	}
	loader->check = check;
	cache = check_text(check, "etc/ld.so.cache", &length);
	/* an old format may stand before it */
	magic = length ? memmem(cache, length, CACHE_MAGIC, strlen(CACHE_MAGIC)) : NULL;
	if (magic) {
		loader->cache = magic;
		loader->cache_length = length - (size_t)(magic - cache);
	}
	return loader;
}

void check_loader_free(struct check_loader *loader)
{
	if (!loader)
		return;
	reset(loader);
	path_map_free(&loader->known);
	free(loader);
}

static void known_key(const struct elf_object *object, const char *name, struct text *key)
{
	text_format(key, "%u %s", object->bits, name);
}

/* @path: as it was found, for $ORIGIN */
static int add(struct check_loader *loader, const struct elf_object *object, const char *name,
	       const char *path, size_t asked)
{
	struct loaded item = { .object = object, .loader = asked };
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	struct loaded *items = reallocarray(loader->items, loader->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	loader->items = items;
	item.name = strdup(name);
	item.origin = strndup(path, (size_t)(base_name(path) - path));
	if (item.origin && strlen(item.origin) > 1)
		item.origin[strlen(item.origin) - 1] = '\0';
	items[loader->count++] = item;
	known_key(object, name, &key);
	if (!item.name || !item.origin || key.failed)
		return -ENOMEM;
	return path_map_get(&loader->known, text_string(&key))
		       ? 0
		       : path_map_put(&loader->known, text_string(&key), loader, NULL);
}

static bool has(const struct check_loader *loader, const char *name)
{
	for (size_t i = 0; i < loader->count; i++) {
		const struct loaded *item = &loader->items[i];

		if (text_equal(item->name, name) ||
		    (item->object->soname && text_equal(item->object->soname, name)))
			return true;
	}
	return false;
}

static int find_musl(struct check_loader *loader, const char *name)
{
	return loader->musl ? 0 : library_musl_architecture(name, &loader->musl);
}

/* ---- where a library may lie; each returns 1 found, 0 not, or -ENOMEM ---- */

static int try_object(const struct check_loader *loader, const char *path,
		      struct check_facts **ret_facts)
{
	const struct elf_object *like = loader->items[0].object, *object;
	struct tree_node *node = NULL;
	int r = image_tree_resolve(&loader->check->tree, path, true, NULL, &node);

	if (r != 1 || !node)
		return r == -ENOMEM ? r : 0;
	*ret_facts = node->content->facts;
	object = *ret_facts ? (*ret_facts)->elf : NULL;
	return object && object->bits == like->bits && object->machine == like->machine &&
	       object->encoding == like->encoding;
}

static int try_path(const struct check_loader *loader, const char *path,
		    struct check_facts **ret_facts)
{
	int r = try_object(loader, path, ret_facts);

	return r == 1 ? (*ret_facts)->elf->type == ET_DYN : r;
}

static int try_folders(const struct check_loader *loader, const struct strings *folders,
		       const char *name, struct check_facts **ret_facts, struct text *found)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < folders->count; i++) {
		text_clear(found);
		text_format(found, "%s/%s", folders->items[i], name);
		r = found->failed ? -ENOMEM : try_path(loader, text_string(found), ret_facts);
	}
	return r;
}

static int try_list(const struct check_loader *loader, const char *list, const struct loaded *item,
		    const char *name, struct check_facts **ret_facts, struct text *found)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	int r = list ? library_path_expand(list, item->object, item->origin, &folders) : 0;

	return r < 0 ? r : try_folders(loader, &folders, name, ret_facts, found);
}

/* the search paths that the files themselves carry */
static int try_carried(const struct check_loader *loader, size_t asked, const char *name,
		       struct check_facts **ret_facts, struct text *found)
{
	const struct loaded *first = &loader->items[asked];
	int r = 0;

	for (size_t i = asked; r == 0 && i != NOBODY && (loader->musl || !first->object->runpath);
	     i = loader->items[i].loader) {
		const struct elf_object *object = loader->items[i].object;
		const char *list = object->runpath && loader->musl ? object->runpath
				   : object->runpath               ? NULL
								   : object->rpath;

		r = try_list(loader, list, &loader->items[i], name, ret_facts, found);
	}
	if (r == 0 && !loader->musl)
		r = try_list(loader, first->object->runpath, first, name, ret_facts, found);
	return r;
}

static uint32_t number_at(const char *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number)); /* the cache is in the machine's own order */
	return number;
}

/* the string at @offset of the cache, or NULL */
static const char *cache_string(const struct check_loader *loader, uint32_t offset)
{
	const char *string = loader->cache + offset;

	if (offset >= loader->cache_length || !memchr(string, '\0', loader->cache_length - offset))
		return NULL;
	return string;
}

static int try_cache(const struct check_loader *loader, const char *name,
		     struct check_facts **ret_facts, struct text *found)
{
	size_t count;
	int r = 0;

	if (!loader->cache || loader->cache_length < CACHE_HEADER)
		return 0;
	count = number_at(loader->cache + strlen(CACHE_MAGIC));
	if (count > (loader->cache_length - CACHE_HEADER) / CACHE_ENTRY)
		return 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *entry = loader->cache + CACHE_HEADER + i * CACHE_ENTRY;
		const char *key = cache_string(loader, number_at(entry + 4));
		const char *path = cache_string(loader, number_at(entry + 8));

		if (!key || !path || !text_equal(key, name))
			continue;
		text_clear(found);
		text_add(found, path);
		r = found->failed ? -ENOMEM : try_path(loader, path, ret_facts);
	}
	return r;
}

static int try_musl(const struct check_loader *loader, const char *name,
		    struct check_facts **ret_facts, struct text *found)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const char *list;
	size_t length;
	int r = 0;

	text_format(&path, "etc/ld-musl-%s.path", loader->musl);
	list = check_text(loader->check, text_string(&path), &length);
	if (!length)
		list = "/lib:/usr/local/lib:/usr/lib";
	while (r == 0 && *list) {
		length = strcspn(list, ":\n");
		if (length)
			r = strings_add_format(&folders, "%.*s", (int)length, list);
		list += length + (list[length] != '\0');
	}
	return r < 0 ? r : try_folders(loader, &folders, name, ret_facts, found);
}

static int default_folders(const struct check_loader *loader, struct strings *ret_folders)
{
	const struct elf_object *program = loader->items[0].object;
	const struct elf_object *system = loader->system[program->bits == ELFCLASS64];

	if (system && system->machine != program->machine)
		system = NULL;
	return library_path_default(program, system, ret_folders);
}

static int search(const struct check_loader *loader, size_t asked, const char *name,
		  struct check_facts **ret_facts, struct text *found)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	int r;

	if (strchr(name, '/')) { /* a path: no search */
		r = library_path_expand(name, loader->items[asked].object,
					loader->items[asked].origin, &folders);
		for (size_t i = 0; r == 0 && i < folders.count; i++) {
			text_clear(found);
			text_add(found, folders.items[i]);
			r = try_path(loader, folders.items[i], ret_facts);
		}
		return r;
	}
	r = try_carried(loader, asked, name, ret_facts, found);
	if (r == 0 && loader->musl)
		return try_musl(loader, name, ret_facts, found);
	if (r == 0)
		r = try_cache(loader, name, ret_facts, found);
	if (r == 0)
		r = default_folders(loader, &folders);
	return r == 0 ? try_folders(loader, &folders, name, ret_facts, found) : r;
}

/* ---- loading ---- */

/* a plug-in may rely on what the program that loads it has loaded */
static bool plugin_has(const struct check_loader *loader, const char *name)
{
	CLEANUP(text_free) struct text key = TEXT_EMPTY;

	if (loader->items[0].object->interpreter)
		return false;
	known_key(loader->items[0].object, name, &key);
	return path_map_get(&loader->known, text_string(&key)) != NULL;
}

/* Return: 1 it is there, 0 it is not, or -ENOMEM */
static int need(struct check_loader *loader, size_t asked, const char *name)
{
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	struct check_facts *facts = NULL;
	int r;

	if (has(loader, name) || (loader->musl && library_musl_has(name)))
		return 1;
	r = search(loader, asked, name, &facts, &found);
	if (r != 1)
		return r == 0 && plugin_has(loader, name) ? 1 : r;
	assert(facts); /* 1 is try_path()'s, which sets them */
	facts->is_loaded = true;
	r = add(loader, facts->elf, name, text_string(&found), asked);
	return r < 0 ? r : 1;
}

static int need_all(struct check_loader *loader, size_t asked)
{
	const struct elf_object *object = loader->items[asked].object;
	int r = 1;

	for (size_t i = 0; r >= 0 && i < object->needed.count; i++) {
		r = need(loader, asked, object->needed.items[i]);
		if (r == 0)
			check_find(loader->check, CHECK_ELF_LIBRARY_MISSING, object->path + 1,
				   "needs the library '%s', which is nowhere in the image where "
				   "the loader "
				   "looks; build again from a root that has it",
				   object->needed.items[i]);
	}
	for (size_t i = 0; r >= 0 && i < object->note_count; i++) {
		const struct dlopen_note *wish = &object->notes[i];

		if (wish->priority != DLOPEN_REQUIRED)
			continue;
		r = 0;
		for (size_t j = 0; r == 0 && j < wish->sonames.count; j++)
			r = need(loader, asked, wish->sonames.items[j]);
		if (r == 0)
			check_find(loader->check, CHECK_ELF_LIBRARY_MISSING, object->path + 1,
				   "loads the library '%s' by itself and requires it "
				   "(.note.dlopen), and it "
				   "is nowhere in the image; build again from a root that has it",
				   wish->sonames.count ? wish->sonames.items[0] : "");
	}
	return r < 0 ? r : 0;
}

static int interpret(struct check_loader *loader)
{
	const struct elf_object *program = loader->items[0].object;
	struct check_facts *facts = NULL;
	int r;

	if (!program->interpreter)
		return 0;
	/* klibc's loader is a program: ET_EXEC */
	r = try_object(loader, program->interpreter, &facts);
	if (r < 0)
		return r;
	if (r == 0) {
		check_find(loader->check, CHECK_ELF_INTERPRETER_MISSING, program->path + 1,
			   "is started by the loader '%s', which is not in the image as one for "
			   "the same "
			   "machine; build again from a root that has it",
			   program->interpreter);
		return 0;
	}
	facts->is_loaded = true;
	if (facts->elf == program)
		return 0;
	if (facts->elf->system_folders.count)
		loader->system[program->bits == ELFCLASS64] = facts->elf;
	return add(loader, facts->elf, base_name(program->interpreter), program->interpreter,
		   NOBODY);
}

static int load(struct check_loader *loader, const struct elf_object *program)
{
	int r = add(loader, program, base_name(program->path), program->path, NOBODY);

	if (r == 0)
		r = interpret(loader);
	if (r == 0 && program->interpreter)
		r = find_musl(loader, base_name(program->interpreter));
	for (size_t i = 0; r == 0 && i < program->needed.count; i++)
		r = find_musl(loader, program->needed.items[i]);
	for (size_t i = 0; r == 0 && i < loader->count; i++)
		r = need_all(loader, i);
	return r;
}

void check_load(struct check_loader *loader, struct check_facts *facts)
{
	/* a library that a program has loaded was looked at with that */
	if (facts->is_done || (facts->is_loaded && !facts->elf->interpreter))
		return;
	facts->is_done = true;
	if (load(loader, facts->elf) < 0)
		loader->check->is_short_of_memory = true;
	reset(loader);
}
