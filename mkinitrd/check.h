/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - what is wrong with an image: for the files that look for it (check_*.c) and cmd_check.c
 */
#pragma once

#include "image_tree.h"
#include "kernel_config.h"
#include "../init/lib/bootplan.h"

struct value;

/* in the order of the table in check.c */
enum check_code {
	CHECK_SEGMENT_UNALIGNED,
	CHECK_COMPRESSED_TWICE,
	CHECK_COMPRESSED_NOT_LAST,
	CHECK_EARLY_MISPLACED,
	CHECK_NAME_FORM,
	CHECK_NAME_PARENT,
	CHECK_PATH_TWICE,
	CHECK_PARENT_MISSING,
	CHECK_MANIFEST_BROKEN,
	CHECK_COMPLETE_MISSING,
	CHECK_ENTRY_MISSING,
	CHECK_ENTRY_UNLISTED,
	CHECK_ENTRY_TYPE,
	CHECK_ENTRY_MODE,
	CHECK_ENTRY_OWNER,
	CHECK_ENTRY_SIZE,
	CHECK_ENTRY_CONTENT,
	CHECK_ENTRY_TARGET,
	CHECK_CAPABILITY_LOST,
	CHECK_SETUID,
	CHECK_WORLD_WRITABLE,
	CHECK_OWNER_UNKNOWN,
	CHECK_DANGLING_SYMLINK,
	CHECK_SYMLINK_LOOP,
	CHECK_KEY_READABLE,
	CHECK_IMAGE_READABLE,
	CHECK_CA_MISSING,
	CHECK_CA_EMPTY,
	CHECK_CA_EXPIRED,
	CHECK_INIT_MISSING,
	CHECK_ELF_BROKEN,
	CHECK_ELF_INTERPRETER_MISSING,
	CHECK_ELF_LIBRARY_MISSING,
	CHECK_SCRIPT_INTERPRETER_MISSING,
	CHECK_MODULE_BROKEN,
	CHECK_MODULE_RELEASE,
	CHECK_MODULE_DEPENDENCY_MISSING,
	CHECK_MODULE_INDEX_MISSING,
	CHECK_MODULE_UNINDEXED,
	CHECK_MODULE_INDEX_STALE,
	CHECK_FIRMWARE_MISSING,
	CHECK_PLAN_BROKEN,
	CHECK_PLAN_PATH_MISSING,
	CHECK_PLAN_MODULE_UNKNOWN,
	CHECK_PLAN_RELEASE,
	CHECK_KERNEL_NO_INITRAMFS,
	CHECK_KERNEL_COMPRESSION,
	CHECK_KERNEL_OPTION_MISSING,
	CHECK_KERNEL_OPTION_OPTIONAL,
	CHECK_KERNEL_MODULE_MISSING,
	CHECK_CODE_COUNT,
};

struct check_row {
	const char *name;
	bool is_error; /* it does not boot or work as it should; else: it may, look at it */
	const char *help;
};

extern const struct check_row check_rows[CHECK_CODE_COUNT];

/** check_code_problem() - what is wrong with a key of "check: accept:", CODE or CODE:PATH-GLOB, or
 * NULL. The text is valid until the next call of the thread */
const char *check_code_problem(const char *key);

/** check_accept() - the profile's accepted findings, into @manifest; speaks */
int check_accept(const struct value *profile, struct manifest *manifest);

/* ---- one run ---- */

struct finding {
	enum check_code code;
	char *path;    /* in the image, or what else it is about: "segment 2", "CONFIG_VETH" */
	char *message; /* what, why, what to do */
	const struct manifest_acceptance *accepted; /* or NULL */
};

/* what was seen of a file's content while it went by */
struct check_facts {
	struct elf_object *elf;     /* a program or library */
	struct module_fact *module; /* a kernel module */
	char *script;               /* what follows "#!" on the first line */
	const char *broken;         /* an ELF file or module that is none: why */
	struct text text;           /* content of what check_look.c keeps */
	bool is_key;                /* private key material */
	bool is_done;               /* check_load.c: its libraries were looked for */
	bool is_loaded;             /* check_load.c: some program loads it */
};

struct check {
	const char *image;   /* path of the file */
	const char *release; /* of the kernel that it is for; NULL: not known */
	const struct sysroot *root;
	struct image_tree tree;
	struct manifest *manifest; /* NULL: the image has none, or a broken one */
	char *manifest_release, *profile;
	struct bootplan plan;
	bool has_plan;
	uint64_t compressions; /* bits by enum compression: of the parts */
	struct finding *findings;
	size_t count, allocated, omitted;
	struct strings notes;
	bool is_short_of_memory;
};

/** check_find() - add a finding */
void check_find(struct check *check, enum check_code code, const char *path, const char *format,
		...) PRINTF_LIKE(4, 5);

/** check_note() - add a line that is no finding */
void check_note(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

/** check_finish() - sort the findings, and hold them against what was accepted */
void check_finish(struct check *check);
void check_free(struct check *check);

/** check_facts() - of the node's content; NULL: nothing was seen */
const struct check_facts *check_facts(const struct tree_node *node);

/** check_text() - the kept content at @path (followed); "" and 0 when there is none */
const char *check_text(const struct check *check, const char *path, size_t *ret_length);

/** check_is_runnable() - whether @path (followed) is a regular file with an executable bit */
bool check_is_runnable(const struct check *check, const char *path);

/** check_is_beside() - whether @path (followed) lies in a SquashFS that is a file beside the image;
 * the manifest says so */
bool check_is_beside(const struct check *check, const char *path);

/** check_leads_out() - whether a path has ".." among its parts */
bool check_leads_out(const char *path);

/** check_is_runtime() - whether @place (without leading '/') is filled by the running machine */
bool check_is_runtime(const char *place);

/** check_program_find() - the place of a program by name in the PATH that init sets; false: none */
bool check_program_find(const struct check *check, const char *name);

/* one thing to look at each; in this order */
int check_look(struct check *check); /* reads the image; speaks */
void check_manifest(struct check *check);
void check_files(struct check *check);
void check_certificates(struct check *check);
void check_programs(struct check *check);
void check_modules(struct check *check);
void check_plan(struct check *check);
void check_kernel(struct check *check);

/** check_has_module() - a module of the image, or built in, by name; '-' and '_' are the same */
bool check_has_module(const struct check *check, const char *name);

struct module_fact {
	struct strings depends, firmware;
	char *name;
	char *release; /* first word of vermagic, or NULL */
};

void module_fact_free(struct module_fact *fact);

/** check_firmware() - what the module @node, among those of kernel @release, names. Return: how
 * many files are neither in the image nor in the root */
size_t check_firmware(struct check *check, const char *release, const struct tree_node *node,
		      const struct module_fact *fact);

/** module_fact_read() - from the content @fd. Return: 0, -ENOEXEC, or another -errno; quiet */
int module_fact_read(int fd, bool is_compressed, const char *path, struct module_fact **ret_fact);
