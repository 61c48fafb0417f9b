/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_programs.c - does each program of an image find what it needs to start?
 *
 * In:    the tree with what was read of ELF files and scripts
 * Out:   findings
 * Not:   where a program's libraries are found (check_load.c)
 * Facts: execve(2) for interpreters of scripts; env(1) for what follows "/usr/bin/env"
 */
#include <elf.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "check_load.h"
#include "elf_object.h"

static const char blanks[] = " \t\r";

/* "env [-S] [NAME=VALUE] PROGRAM": the program is looked for in PATH */
static void check_env(struct check *check, const struct tree_node *node, const char *arguments)
{
	CLEANUP(memory_free) char *program = NULL;

	for (;;) {
		size_t length;

		arguments += strspn(arguments, blanks);
		length = strcspn(arguments, blanks);
		if (length == 0)
			return;
		if (arguments[0] != '-' && !memchr(arguments, '=', length)) {
			program = strndup(arguments, length);
			break;
		}
		arguments += length;
	}
	if (program && !strchr(program, '/') && !check_program_find(check, program))
		check_find(check, CHECK_SCRIPT_INTERPRETER_MISSING, node->path,
			   "is run by '%s' (through env), which is in no folder of PATH; name that "
			   "program "
			   "in the profile",
			   program);
}

static void check_script(struct check *check, const struct tree_node *node, const char *line)
{
	CLEANUP(memory_free) char *interpreter = NULL;
	const char *name;

	line += strspn(line, blanks);
	interpreter = strndup(line, strcspn(line, blanks));
	if (!interpreter) {
		check->is_short_of_memory = true;
		return;
	}
	if (interpreter[0] != '/' || !check_is_runnable(check, interpreter)) {
		check_find(check, CHECK_SCRIPT_INTERPRETER_MISSING, node->path,
			   "is run by '%s', which is no program in the image; name that in the "
			   "profile",
			   interpreter);
		return;
	}
	name = strrchr(interpreter, '/') + 1;
	if (text_equal(name, "env"))
		check_env(check, node, line + strlen(interpreter));
}

static bool is_early_alone(const struct image_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		if (!text_after(tree->nodes[i]->path, "kernel") &&
		    !text_equal(tree->nodes[i]->path, ".") &&
		    !text_equal(tree->nodes[i]->path, "early_cpio"))
			return false;
	return true;
}

/* programs first: what they load is known to what they load by themselves */
static bool is_turn(const struct elf_object *object, bool is_program)
{
	return (object->interpreter != NULL) == is_program &&
	       (object->type == ET_EXEC || object->type == ET_DYN) &&
	       elf_machine_fits(object->machine);
}

void check_programs(struct check *check)
{
	CLEANUP(check_loader_cleanup) struct check_loader *loader = check_load_new(check);

	if (!loader)
		return;
	if (!check_is_runnable(check, "init") && !is_early_alone(&check->tree))
		check_find(
			check, CHECK_INIT_MISSING, "init",
			"is no program: the kernel starts nothing from this image; build it again");
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < check->tree.count; i++) {
			const struct tree_node *node = check->tree.nodes[i];
			struct check_facts *facts = node->facts;

			if (facts && facts->elf && is_turn(facts->elf, pass == 0))
				check_load(loader, facts);
		}
	for (size_t i = 0; i < check->tree.count; i++) {
		const struct tree_node *node = check->tree.nodes[i];
		const struct check_facts *facts = check_facts(node);

		if (facts && facts->script && node->mode & 0111)
			check_script(check, node, facts->script);
		if (facts && facts->broken && !facts->module && !strstr(node->path, "lib/modules/"))
			check_find(check, CHECK_ELF_BROKEN, node->path,
				   "is a damaged ELF file: %s; install it again and build again",
				   facts->broken);
	}
}
