/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - the findings of a check: the table of their codes, what a profile accepts of them
 *
 * In:    findings of check_*.c, "check: accept:" of the profile, which the manifest carries
 * Out:   findings, sorted, each accepted or not
 * Not:   how they are found, how they are shown (cmd_check.c)
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "elf_object.h"
#include "fail.h"
#include "options.h"
#include "profile.h"

#define FINDINGS_MOST 10000 /* kept; of a hostile image more are counted alone */

// clang-format off
/* names are for ever: profiles and scripts have them. { name, is it an error, what it means } */
const struct check_row check_rows[CHECK_CODE_COUNT] = {
	[CHECK_SEGMENT_UNALIGNED]	= { "segment-unaligned", true, "an uncompressed segment does not begin at a multiple of 4 bytes, where the kernel looks for it" },
	[CHECK_COMPRESSED_TWICE]	= { "compressed-twice", true, "more than one part of the image is compressed" },
	[CHECK_COMPRESSED_NOT_LAST]	= { "compressed-not-last", true, "a segment follows the compressed part" },
	[CHECK_EARLY_MISPLACED]		= { "early-misplaced", true, "microcode or an ACPI table where the kernel does not look for it early" },
	[CHECK_NAME_FORM]		= { "name-form", false, "a path is stored with a '/' or './' before it, or with empty parts" },
	[CHECK_NAME_PARENT]		= { "name-parent", true, "a path is stored with '..' in it" },
	[CHECK_PATH_TWICE]		= { "path-twice", false, "a path is defined twice; the later one wins" },
	[CHECK_PARENT_MISSING]		= { "parent-missing", true, "no directory is defined for an entry before it, so that the kernel drops it" },
	[CHECK_MANIFEST_BROKEN]		= { "manifest-broken", true, "the image's manifest cannot be read" },
	[CHECK_COMPLETE_MISSING]	= { "complete-missing", true, "the marker of a complete image is not its last entry" },
	[CHECK_ENTRY_MISSING]		= { "entry-missing", true, "the manifest lists a path that the image lacks" },
	[CHECK_ENTRY_UNLISTED]		= { "entry-unlisted", false, "the image has a path that the manifest does not list" },
	[CHECK_ENTRY_TYPE]		= { "entry-type", true, "a path is of another type than the manifest says" },
	[CHECK_ENTRY_MODE]		= { "entry-mode", true, "a path has other permissions than the manifest says" },
	[CHECK_ENTRY_OWNER]		= { "entry-owner", true, "a path has another owner than the manifest says" },
	[CHECK_ENTRY_SIZE]		= { "entry-size", true, "a file has another size than the manifest says" },
	[CHECK_ENTRY_CONTENT]		= { "entry-content", true, "a file has other content than the manifest says" },
	[CHECK_ENTRY_TARGET]		= { "entry-target", true, "a symlink has another target than the manifest says" },
	[CHECK_CAPABILITY_LOST]		= { "capability-lost", false, "a program had file capabilities in the root, which a cpio archive cannot keep" },
	[CHECK_SETUID]			= { "setuid", false, "a program runs as another user than the one who starts it" },
	[CHECK_WORLD_WRITABLE]		= { "world-writable", false, "every user may change a file, or a directory without the sticky bit" },
	[CHECK_OWNER_UNKNOWN]		= { "owner-unknown", false, "an owner or group has no line in the image's /etc/passwd or /etc/group" },
	[CHECK_DANGLING_SYMLINK]	= { "dangling-symlink", false, "a symlink leads to nothing in the image" },
	[CHECK_SYMLINK_LOOP]		= { "symlink-loop", true, "a symlink leads to itself" },
	[CHECK_KEY_READABLE]		= { "key-readable", false, "a private key or a file of passwords may be read by others than its owner" },
	[CHECK_IMAGE_READABLE]		= { "image-readable", false, "the image holds private keys and may be read by others than its owner" },
	[CHECK_CA_MISSING]		= { "ca-missing", false, "dockerd is there, and no certificates with which it could trust a registry" },
	[CHECK_CA_EMPTY]		= { "ca-empty", true, "a file of certificates has none" },
	[CHECK_CA_EXPIRED]		= { "ca-expired", true, "no certificate of a file is valid today" },
	[CHECK_INIT_MISSING]		= { "init-missing", true, "there is no program /init for the kernel to start" },
	[CHECK_ELF_BROKEN]		= { "elf-broken", true, "a program or library is damaged" },
	[CHECK_ELF_INTERPRETER_MISSING]	= { "elf-interpreter-missing", true, "a program's loader is not in the image" },
	[CHECK_ELF_LIBRARY_MISSING]	= { "elf-library-missing", true, "a library that a program or library needs is not where the loader looks for it" },
	[CHECK_SCRIPT_INTERPRETER_MISSING] = { "script-interpreter-missing", true, "the program that runs a script is not in the image" },
	[CHECK_MODULE_BROKEN]		= { "module-broken", true, "a kernel module is damaged" },
	[CHECK_MODULE_RELEASE]		= { "module-release", true, "a kernel module was built for another kernel than its directory says" },
	[CHECK_MODULE_DEPENDENCY_MISSING] = { "module-dependency-missing", true, "a module that a module needs is not in the image" },
	[CHECK_MODULE_INDEX_MISSING]	= { "module-index-missing", true, "there are modules, and no modules.dep" },
	[CHECK_MODULE_UNINDEXED]	= { "module-unindexed", false, "modules.dep does not list a module, so that modprobe does not find it" },
	[CHECK_MODULE_INDEX_STALE]	= { "module-index-stale", true, "modules.dep lists a module that is not in the image" },
	[CHECK_FIRMWARE_MISSING]	= { "firmware-missing", false, "the root has firmware that a module names, and the image lacks it" },
	[CHECK_PLAN_BROKEN]		= { "plan-broken", true, "init's boot plan is missing or cannot be read" },
	[CHECK_PLAN_PATH_MISSING]	= { "plan-path-missing", true, "the boot plan names a program, module or archive that is not in the image" },
	[CHECK_PLAN_MODULE_UNKNOWN]	= { "plan-module-unknown", true, "the boot plan refers to a module that it does not define" },
	[CHECK_PLAN_RELEASE]		= { "plan-release", true, "boot plan and manifest are for different kernels" },
	[CHECK_KERNEL_NO_INITRAMFS]	= { "kernel-no-initramfs", true, "the kernel was built without support for an initramfs" },
	[CHECK_KERNEL_COMPRESSION]	= { "kernel-compression", true, "the kernel cannot unpack the image's compression" },
	[CHECK_KERNEL_OPTION_MISSING]	= { "kernel-option-missing", true, "the kernel lacks an option that Docker needs" },
	[CHECK_KERNEL_OPTION_OPTIONAL]	= { "kernel-option-optional", false, "the kernel lacks an option that some of Docker's features need" },
	[CHECK_KERNEL_MODULE_MISSING]	= { "kernel-module-missing", true, "Docker needs a part of the kernel that is a module, which the image lacks" },
};
// clang-format on

/* ---- what a profile accepts ---- */

/* the row of the code with which @key begins, or -1 */
static int code_find(const char *key)
{
	size_t length = strcspn(key, ":");

	for (int i = 0; i < CHECK_CODE_COUNT; i++)
		if (strlen(check_rows[i].name) == length &&
		    strncmp(check_rows[i].name, key, length) == 0)
			return i;
	return -1;
}

const char *check_code_problem(const char *key)
{
	static _Thread_local char problem[160];
	const char *names[CHECK_CODE_COUNT + 1] = { 0 };
	CLEANUP(memory_free) char *code = strndup(key, strcspn(key, ":"));
	const char *nearest;

	if (code_find(key) >= 0)
		return NULL;
	for (size_t i = 0; i < CHECK_CODE_COUNT; i++)
		names[i] = check_rows[i].name;
	nearest = code ? word_nearest(code, names) : NULL;
	(void)snprintf(problem, sizeof(problem), "is no finding of 'mkinitrd check'; %s%s%s",
		       nearest ? "did you mean '" : "'mkinitrd check --list' shows them",
		       nearest ? nearest : "", nearest ? "'?" : "");
	return problem;
}

int check_accept(const struct value *profile, struct manifest *manifest)
{
	const struct value *accept = value_get(profile, "check", "accept", NULL);

	for (size_t i = 0; accept && i < accept->count; i++) {
		const struct value *reason = accept->items[i];
		int r = manifest_accept(manifest, accept->keys[i], value_text(reason, ""),
					&accept->key_origins[i]);

		if (r < 0)
			return fail(r, "cannot accept '%s'", accept->keys[i]);
	}
	return 0;
}

static bool acceptance_fits(const struct manifest_acceptance *acceptance,
			    const struct finding *finding)
{
	const char *glob = strchr(acceptance->key, ':');
	int code = code_find(acceptance->key);

	if (code < 0 || (enum check_code)code != finding->code)
		return false;
	if (!glob++)
		return true;
	glob += strspn(glob, "/");
	return fnmatch(glob, finding->path, 0) == 0;
}

static void accept_all(struct check *check)
{
	for (size_t i = 0; check->manifest && i < manifest_acceptance_count(check->manifest); i++) {
		const struct manifest_acceptance *acceptance =
			manifest_acceptance_at(check->manifest, i);
		bool is_used = false;

		for (size_t j = 0; j < check->count; j++) {
			if (!acceptance_fits(acceptance, &check->findings[j]))
				continue;
			is_used = true;
			if (!check->findings[j].accepted)
				check->findings[j].accepted = acceptance;
		}
		if (!is_used)
			check_note(check,
				   "'%s' is accepted (%s) and was not found; drop that line of the "
				   "profile",
				   acceptance->key, acceptance->reason);
	}
}

/* ---- findings ---- */

void check_find(struct check *check, enum check_code code, const char *path, const char *format,
		...)
{
	struct finding finding = { .code = code };
	va_list arguments;

	if (check->count == FINDINGS_MOST) {
		check->omitted++;
		return;
	}
	if (check->count == check->allocated) {
		size_t more = check->allocated ? check->allocated * 2 : 16;
		struct finding *findings = reallocarray(check->findings, more, sizeof(*findings));

		if (!findings) {
			check->is_short_of_memory = true;
			return;
		}
		check->findings = findings;
		check->allocated = more;
	}
	va_start(arguments, format);
	if (vasprintf(&finding.message, format, arguments) < 0)
		finding.message = NULL;
	va_end(arguments);
	finding.path = strdup(path);
	if (!finding.path || !finding.message)
		check->is_short_of_memory = true;
	check->findings[check->count++] = finding;
}

void check_note(struct check *check, const char *format, ...)
{
	va_list arguments;
	char *line = NULL;

	va_start(arguments, format);
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	if (!line || strings_take_in(&check->notes, line) < 0)
		check->is_short_of_memory = true;
}

static int finding_order(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	if (order == 0)
		order = (int)a->code - (int)b->code;
	return order ? order : strcmp(a->message, b->message);
}

/* a library that is missing for several programs was found several times */
static void drop_doubles(struct check *check)
{
	size_t kept = 0;

	for (size_t i = 0; i < check->count; i++) {
		struct finding *finding = &check->findings[i];

		if (kept && finding_order(&check->findings[kept - 1], finding) == 0) {
			free(finding->path);
			free(finding->message);
		} else {
			check->findings[kept++] = *finding;
		}
	}
	check->count = kept;
}

void check_finish(struct check *check)
{
	if (check->is_short_of_memory)
		return;
	if (check->count)
		qsort(check->findings, check->count, sizeof(*check->findings), finding_order);
	drop_doubles(check);
	accept_all(check);
}

static void facts_free(void *pointer)
{
	struct check_facts *facts = pointer;

	elf_object_free(facts->elf);
	module_fact_free(facts->module);
	free(facts->script);
	text_free(&facts->text);
	free(facts);
}

void check_free(struct check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		free(check->findings[i].path);
		free(check->findings[i].message);
	}
	free(check->findings);
	strings_free(&check->notes);
	bootplan_free(&check->plan);
	manifest_free(check->manifest);
	free(check->manifest_release);
	free(check->profile);
	check->tree.facts_free = facts_free;
	image_tree_free(&check->tree);
}

/* ---- what several ask ---- */

const struct check_facts *check_facts(const struct tree_node *node)
{
	return node->content->facts;
}

const char *check_text(const struct check *check, const char *path, size_t *ret_length)
{
	struct tree_node *node = NULL;
	const struct check_facts *facts;

	*ret_length = 0;
	if (image_tree_resolve(&check->tree, path, true, NULL, &node) != 1 || !node)
		return "";
	facts = check_facts(node);
	if (!facts)
		return "";
	*ret_length = facts->text.length;
	return text_string(&facts->text);
}

bool check_is_runnable(const struct check *check, const char *path)
{
	struct tree_node *node = NULL;

	return image_tree_resolve(&check->tree, path, true, NULL, &node) == 1 && node &&
	       S_ISREG(node->mode) && node->mode & 0111;
}

bool check_is_beside(const struct check *check, const char *path)
{
	const struct manifest_squashfs *record =
		check->manifest ? manifest_squashfs(check->manifest) : NULL;
	CLEANUP(memory_free) char *place = NULL;

	return record && record->is_beside &&
	       manifest_canonical(check->manifest, path, true, &place) == 0 &&
	       (!*place || manifest_find(check->manifest, place));
}

bool check_leads_out(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += length + (path[length] == '/');
	}
	return false;
}

bool check_is_runtime(const char *place)
{
	static const char *const places[] = { "dev", "proc", "run", "sys", "tmp", "var/run" };

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		const char *rest = text_after(place, places[i]);

		if (rest && (*rest == '\0' || *rest == '/'))
			return true;
	}
	return false;
}

bool check_program_find(const struct check *check, const char *name)
{
	static const char *const folders[] = { "usr/local/sbin", "usr/local/bin", "usr/sbin",
					       "usr/bin",        "sbin",          "bin" };

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/%s", folders[i], name);
		if (check_is_runnable(check, text_string(&path)))
			return true;
	}
	return false;
}
