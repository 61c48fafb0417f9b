/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_program.c - programs by name, and the interpreters of scripts
 *
 * In:    names, as in "programs:" and in the plan; first lines of scripts
 * Out:   entries
 * Not:   the libraries of programs (resolve_elf.c)
 * Facts: execve(2): "#!" path, then at most one argument, which may hold blanks; env(1): options
 * and NAME=value stand before the program
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "elf_object.h"
#include "fail.h"
#include "resolve_path.h"
#include "resolve_trees.h"
#include "tools.h"

/* the PATH in which programs of the root are looked for */
static const char *const program_folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",        "/sbin",          "/bin" };

static bool is_executable(const struct sysroot *root, const char *path)
{
	struct stat status;

	return sysroot_stat(root, path, true, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_mode & 0111);
}

int resolve_program_find(const struct sysroot *root, const char *name, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (name[0] == '/') {
		text_add(&path, name);
		return is_executable(root, name) ? text_take(&path, ret_path) : -ENOENT;
	}
	for (size_t i = 0; *name && !strchr(name, '/') && i < COUNT_OF(program_folders); i++) {
		text_clear(&path);
		text_format(&path, "%s/%s", program_folders[i], name);
		if (is_executable(root, text_string(&path)))
			return text_take(&path, ret_path);
	}
	return -ENOENT;
}

/* a program that the kernel of this image could not start */
static int check_machine(const struct resolve *resolve, const char *path, const struct want *want)
{
	CLEANUP(fd_close) int fd = sysroot_open(resolve->root, path, O_RDONLY | O_NONBLOCK);
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	CLEANUP(text_free) struct text machine = TEXT_EMPTY;
	uint16_t value;

	/* unreadable: resolve_closure() says so */
	if (fd < 0 || elf_machine_read(fd, &value) < 0 || elf_machine_fits(value))
		return 0;
	elf_machine_name(&machine, value);
	want_describe(resolve, want, &who);
	return fail(0,
		    "'%s' in the root '%s', %s, is for %s, which is not the machine that this "
		    "image is for; install the one that fits",
		    path, resolve->root->path, text_string(&who), text_string(&machine));
}

int elf_check_root(const struct sysroot *root)
{
	/* some that nearly every root has one of */
	static const char *const usual[] = { "/bin/sh",    "/bin/busybox",   "/usr/bin/env",
					     "/sbin/init", "/sbin/ldconfig", "/usr/bin/ls",
					     "/sbin/apk",  "/usr/bin/true" };

	for (size_t i = 0; i < COUNT_OF(usual); i++) {
		CLEANUP(fd_close)
		int fd = sysroot_open(root, usual[i], O_RDONLY | O_NONBLOCK);
		CLEANUP(text_free) struct text theirs = TEXT_EMPTY;
		CLEANUP(text_free) struct text ours = TEXT_EMPTY;
		uint16_t machine;

		if (fd < 0 || elf_machine_read(fd, &machine) < 0)
			continue;
		if (elf_machine_fits(machine))
			return 0;
		elf_machine_name(&theirs, machine);
		elf_machine_name(&ours, elf_machine_own());
		return fail(0,
			    "the root '%s' is for %s ('%s' is), and this mkinitrd's init for %s; "
			    "build with an mkinitrd for %s, or name another --root",
			    root->path, text_string(&theirs), usual[i], text_string(&ours),
			    text_string(&theirs));
	}
	return 0;
}

static int fail_program(const struct resolve *resolve, const char *name, const struct want *want)
{
	CLEANUP(text_free) struct text usual = TEXT_EMPTY;
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	struct stat status;

	text_format(&usual, "program '%s'", name);
	want_describe(resolve, want, &who);
	/* "program 'x' (docker.yaml:12)" names it already */
	if (text_after(text_string(&who), text_string(&usual)))
		text_clear(&usual);
	else
		text_add(&usual, ", ");
	if (name[0] == '/' && sysroot_stat(resolve->root, name, true, &status) == 0)
		return fail(0,
			    "%s%s is no executable file in the root '%s': name another, or make "
			    "it executable",
			    text_string(&usual), text_string(&who), resolve->root->path);
	if (name[0] != '/' && strchr(name, '/'))
		return fail(0, "%s%s: give its name alone, or its path with '/' at the start",
			    text_string(&usual), text_string(&who));
	(void)fail(0, "%s%s is not in the root '%s': install it, %sor make it optional",
		   text_string(&usual), text_string(&who), resolve->root->path,
		   name[0] == '/' ? "" : "name it by its path, ");
	return -ENOENT;
}

static int program_add(struct resolve *resolve, const char *name, const struct want *want,
		       bool is_optional, char **ret_path)
{
	CLEANUP(memory_free) char *path = NULL;
	int r = tools_program(resolve, name, want, ret_path);

	if (r != -ENOENT)
		return r;
	r = resolve_program_find(resolve->root, name, &path);
	if (r == -ENOENT && is_optional) {
		r = strings_add(&resolve->missing.programs, name);
		return r < 0 ? fail(r, "cannot note program '%s'", name) : -ENOENT;
	}
	if (r == -ENOENT)
		return fail_program(resolve, name, want);
	if (r == 0)
		r = check_machine(resolve, path, want);
	if (r == 0)
		r = resolve_want(resolve, path, want);
	if (r == -ENOENT)
		return fail(r, "'%s' vanished from the root '%s'", path, resolve->root->path);
	if (r == 0 && ret_path)
		*ret_path = text_pointer_take(&path);
	return r;
}

int resolve_program_want(struct resolve *resolve, const char *name, const struct want *want,
			 char **ret_path)
{
	return program_add(resolve, name, want, false, ret_path);
}

int resolve_program(struct resolve *resolve, const char *name, const char *relation,
		    const struct origin *at, bool is_optional, char **ret_path)
{
	return program_add(
		resolve, name,
		&(struct want){ .relation = relation, .at = at ? *at : (struct origin){ 0 } },
		is_optional, ret_path);
}

int resolve_programs(struct resolve *resolve, const struct value *programs)
{
	for (size_t i = 0; programs && i < programs->count; i++) {
		const struct value *need = programs->items[i];
		CLEANUP(text_free) struct text relation = TEXT_EMPTY;
		bool is_optional;
		int r;

		if (need->kind == VALUE_NULL)
			continue;
		if (need->kind == VALUE_MAP)
			need = value_map_get(need, "need");
		is_optional = text_equal(value_text(need, "required"), "optional");
		resolve_relation(&relation, "program", programs->keys[i], programs->items[i]);
		r = resolve_program(resolve, programs->keys[i], text_string(&relation),
				    &programs->key_origins[i], is_optional, NULL);
		if (r < 0 && !(r == -ENOENT && is_optional))
			return r;
	}
	return 0;
}

/* the program that env(1) is to start: after its options and NAME=value. NULL: none is named */
static char *env_program(char *words)
{
	static const char blanks[] = " \t";
	char *state = NULL;
	char *word = strtok_r(words, blanks, &state);

	for (; word; word = strtok_r(NULL, blanks, &state)) {
		/* their argument is a word of its own */
		if (text_equal(word, "-u") || text_equal(word, "-C"))
			(void)strtok_r(NULL, blanks, &state);
		else if (text_after(word, "-S") && word[2])
			return word + 2;
		else if (word[0] != '-' && !strchr(word, '='))
			return word;
	}
	return NULL;
}

static int fail_interpreter(const struct resolve *resolve, const struct entry *entry,
			    const char *interpreter)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;

	manifest_chain(resolve->manifest, entry, true, &chain);
	(void)fail(0,
		   "interpreter '%s' of the script '/%s' (%s) is not in the root '%s'; install it, "
		   "or drop the script",
		   interpreter, entry->path, text_string(&chain), resolve->root->path);
	return -ENOENT;
}

/* @name through PATH, or a path: what the tree that is the root has, else what our root has; by
 * name what the image has there counts as well */
static int want_by_name(struct resolve *resolve, const char *name, const struct want *want)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(memory_free) char *in_tree = NULL;
	int r = trees_program(resolve, name, &in_tree);

	if (r != -ENOENT)
		return r;
	if (name[0] == '/')
		return resolve_need(resolve, name, want);
	r = resolve_program_find(resolve->root, name, &path);
	if (r == 0)
		return resolve_want(resolve, path, want);
	for (size_t i = 0; r == -ENOENT && i < COUNT_OF(program_folders); i++) {
		CLEANUP(text_free) struct text candidate = TEXT_EMPTY;

		text_format(&candidate, "%s/%s", program_folders[i], name);
		r = resolve_need(resolve, text_string(&candidate), want);
	}
	return r;
}

/* the kernel takes the carriage return for a part of the interpreter's name, or of its argument */
static int fail_line_end(const struct resolve *resolve, const struct entry *entry)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;

	manifest_chain(resolve->manifest, entry, true, &chain);
	return fail(
		0,
		"the script '/%s' (%s) ends its first line in CR LF, so that no kernel finds its "
		"interpreter; give it the line ends of Unix, or drop it",
		entry->path, text_string(&chain));
}

int resolve_script(struct resolve *resolve, const struct entry *entry, const char *line)
{
	static const char blanks[] = " \t";
	const struct want want = { .relation = "interpreter", .by = entry->path };
	CLEANUP(memory_free) char *copy = strndup(line, strcspn(line, "\n"));
	char *interpreter, *after, *name;
	int r;

	if (!copy)
		return fail(-ENOMEM, "cannot read '%s'", entry->path);
	if (text_ends_with(copy, "\r"))
		return fail_line_end(resolve, entry);
	interpreter = copy + strspn(copy, blanks);
	after = interpreter + strcspn(interpreter, blanks);
	if (*after)
		*after++ = '\0';
	/* the kernel refuses such a script, and shells take it for one of theirs */
	if (interpreter[0] != '/')
		return 0;
	r = want_by_name(resolve, interpreter, &want);
	if (r == -ENOENT)
		return fail_interpreter(resolve, entry, interpreter);
	if (r < 0 || !text_ends_with(interpreter, "/env"))
		return r;
	name = env_program(after);
	if (!name)
		return 0;
	r = want_by_name(resolve, name, &want);
	return r == -ENOENT ? fail_interpreter(resolve, entry, name) : r;
}
