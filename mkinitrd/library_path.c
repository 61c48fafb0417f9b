/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library_path.c - in which folders the dynamic loader looks for libraries (see library_path.h)
 *
 * In:    /etc/ld.so.conf and /etc/ld-musl-ARCH.path of the root, DT_RPATH and DT_RUNPATH
 * Out:   folders
 * Not:   what lies in them (elf_search.c)
 * Facts: ld.so(8), ldconfig(8); musl's ldso/dynlink.c for its path file and default. The
 *        glibc-hwcaps folders below each are not here: elf_search.c looks into them.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "library_path.h"

#define CONFIG "/etc/ld.so.conf"
#define CONFIG_LIMIT (1u << 20)
#define INCLUDES_MOST 8 /* deep; Debian's is 1 deep */

static int add_once(struct strings *folders, const char *folder)
{
	return strings_contain(folders, folder) ? 0 : strings_add(folders, folder);
}

static int read_config(const struct sysroot *root, const char *path, unsigned depth,
		       struct strings *folders);

/* "include PATTERN...", relative to the folder of the file that says so */
static int include(const struct sysroot *root, const char *pattern, const char *from,
		   unsigned depth, struct strings *folders)
{
	CLEANUP(strings_free) struct strings paths = STRINGS_EMPTY;
	CLEANUP(text_free) struct text absolute = TEXT_EMPTY;
	int r;

	if (depth == INCLUDES_MOST) {
		warn("'%s' in the root '%s' includes too deep, skipping '%s'", from, root->path,
		     pattern);
		return 0;
	}
	if (pattern[0] != '/')
		text_add_bytes(&absolute, from, (size_t)(strrchr(from, '/') + 1 - from));
	text_add(&absolute, pattern);
	r = absolute.failed ? -ENOMEM : sysroot_glob(root, text_string(&absolute), &paths);
	for (size_t i = 0; r == 0 && i < paths.count; i++)
		r = read_config(root, paths.items[i], depth + 1, folders);
	return r;
}

static int read_config_line(const struct sysroot *root, const char *path, char *line,
			    unsigned depth, struct strings *folders)
{
	static const char blanks[] = " \t\r\f\v";
	char *state = NULL, *word;
	int r = 0;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, blanks);
	if (text_after(line, "include") && strchr(blanks, line[7]) && line[7]) {
		for (word = strtok_r(line + 7, blanks, &state); r == 0 && word;
		     word = strtok_r(NULL, blanks, &state))
			r = include(root, word, path, depth, folders);
		return r;
	}
	if (text_after(line, "hwcap") && strchr(blanks, line[5]))
		return 0;
	/* as ldconfig: folders also apart by commas and colons, each perhaps with =TYPE after it */
	for (word = strtok_r(line, " \t\r\f\v,:", &state); r == 0 && word;
	     word = strtok_r(NULL, " \t\r\f\v,:", &state)) {
		size_t length = strcspn(word, "=");

		while (length > 1 && word[length - 1] == '/')
			length--;
		word[length] = '\0';
		if (word[0] == '/')
			r = add_once(folders, word);
	}
	return r;
}

/* a small file of the root; -ENOENT, quiet: it is not there; one that cannot be read is said */
static int read_small(const struct sysroot *root, const char *path, struct text *content)
{
	int r = sysroot_read(root, path, CONFIG_LIMIT, content);

	if (r == -ENOMEM || r == -ENOENT)
		return r;
	if (r < 0)
		warn("cannot read '%s' in the root '%s' (%s), skipping the library folders in it",
		     path, root->path, strerror(-r));
	return content->failed ? -ENOMEM : 0;
}

static int read_config(const struct sysroot *root, const char *path, unsigned depth,
		       struct strings *folders)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	char *state = NULL;
	int r = read_small(root, path, &content);

	if (r < 0 || content.length == 0)
		return r == -ENOENT ? 0 : r;
	for (char *line = strtok_r(content.data, "\n", &state); r == 0 && line;
	     line = strtok_r(NULL, "\n", &state))
		r = read_config_line(root, path, line, depth, folders);
	return r;
}

int library_path_configured(const struct sysroot *root, struct strings *ret_folders)
{
	return read_config(root, CONFIG, 0, ret_folders);
}

int library_path_default(const struct elf_object *object, const struct elf_object *loader,
			 struct strings *ret_folders)
{
	int r = 0;

	if (!loader || loader->system_folders.count == 0)
		return elf_system_all(object, ret_folders);
	for (size_t i = 0; r == 0 && i < loader->system_folders.count; i++)
		r = strings_add(ret_folders, loader->system_folders.items[i]);
	return r;
}

int library_path_musl(const struct sysroot *root, const char *architecture,
		      struct strings *ret_folders)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	char *state = NULL;
	int r;

	text_format(&path, "/etc/ld-musl-%s.path", architecture);
	r = path.failed ? -ENOMEM : read_small(root, text_string(&path), &content);
	/* without the file there is a default; an empty file is a path without folders */
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT)
		text_add(&content, "/lib:/usr/local/lib:/usr/lib");
	r = 0;
	if (content.failed)
		return -ENOMEM;
	if (content.length == 0)
		return 0;
	for (char *folder = strtok_r(content.data, ":\n", &state); r == 0 && folder;
	     folder = strtok_r(NULL, ":\n", &state))
		r = add_once(ret_folders, folder);
	return r;
}

/* the length of "$NAME" or "${NAME}" at @string, or 0 */
static size_t token_length(const char *string, const char *name)
{
	const char *after = text_after(string, "${");

	if (after) {
		after = text_after(after, name);
		return after && *after == '}' ? (size_t)(after + 1 - string) : 0;
	}
	after = string[0] == '$' ? text_after(string + 1, name) : NULL;
	/* "$ORIGINAL" is no token */
	if (!after || *after == '_' || (*after >= 'A' && *after <= 'Z') ||
	    (*after >= 'a' && *after <= 'z') || (*after >= '0' && *after <= '9'))
		return 0;
	return (size_t)(after - string);
}

static int expand_one(const char *element, const char *origin, const char *library,
		      const char *platform, struct strings *ret_folders)
{
	const struct {
		const char *name, *value;
	} tokens[] = { { "ORIGIN", origin }, { "LIB", library }, { "PLATFORM", platform } };
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;

	while (*element) {
		size_t length = 0;

		for (size_t i = 0; length == 0 && i < COUNT_OF(tokens); i++) {
			length = token_length(element, tokens[i].name);
			if (length)
				text_add(&folder, tokens[i].value);
		}
		if (length == 0)
			text_add_char(&folder, element[length++]);
		element += length;
	}
	if (folder.failed)
		return -ENOMEM;
	return text_string(&folder)[0] == '/' ? add_once(ret_folders, folder.data) : 0;
}

int library_path_expand(const char *list, const struct elf_object *object, const char *origin,
			struct strings *ret_folders)
{
	const struct elf_machine *machine = elf_machine_find(object->machine, object->bits);
	const char *platform = machine ? machine->platform : "";
	CLEANUP(text_free) struct text multiarch = TEXT_EMPTY;
	const char *libraries[] = { "lib", "lib", object->bits == ELFCLASS64 ? "lib64" : "lib32" };
	int r = 0;

	text_format(&multiarch, "lib/%s", machine ? machine->triplet : "");
	if (multiarch.failed)
		return -ENOMEM;
	libraries[0] = text_string(&multiarch);
	while (r == 0 && *list) {
		size_t length = strcspn(list, ":");
		CLEANUP(memory_free) char *element = strndup(list, length);

		if (!element)
			return -ENOMEM;
		for (size_t i = 0; r == 0 && i < COUNT_OF(libraries); i++)
			r = expand_one(element, origin, libraries[i], platform, ret_folders);
		list += length + (list[length] == ':');
	}
	return r;
}

bool library_musl_has(const char *name)
{
	static const char *const own[] = { "libc.",  "libpthread.", "librt.",  "libm.",
					   "libdl.", "libutil.",    "libxnet." };

	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (text_after(name, own[i]))
			return true;
	return false;
}

int library_musl_architecture(const char *name, char **ret_architecture)
{
	const char *after = text_after(name, "ld-musl-");

	*ret_architecture = NULL;
	if (!after)
		after = text_after(name, "libc.musl-");
	if (!after)
		return 0;
	*ret_architecture = strndup(after, strcspn(after, "."));
	return *ret_architecture ? 0 : -ENOMEM;
}
