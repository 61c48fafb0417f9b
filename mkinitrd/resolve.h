/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.h - from a profile and a root to a complete manifest
 *
 * A resolver only adds to the manifest. The ones that work from entries (symlinks, ELF, scripts)
 * are run by resolve_closure() until none adds anything.
 */
#pragma once

#include "manifest.h"
#include "path_map.h"
#include "profile.h"
#include "sysroot.h"

/* What could not be found and may be missing: counted, shown as one summary line, listed with -v */
struct resolve_missing {
	struct strings modules, firmware, programs, files;
};

struct kernel {
	char *release;   /* "6.1.0-56-amd64"; "": none, for an image without modules */
	char *directory; /* in the root: "/usr/lib/modules/RELEASE", canonical; "": no release */
	bool has_no_modules; /* all is built in, and @directory is not there */
};

struct resolve {
	const struct profile *profile; /* the outer one also for a container's own manifest */
	const struct sysroot *root;
	const struct sysroot *host; /* for "kernel.host-modules", else NULL */
	struct manifest *manifest;
	struct kernel kernel;
	const int *
		tools_fd; /* our own folder, for programs of ours (tools.h); NULL: none are given */
	unsigned jobs;    /* threads for what is worth them; 0 is 1 */
	struct resolve_missing missing;
	size_t closed;           /* entries below this index went through resolve_closure() */
	struct path_map trees;   /* directories that were added with all below them */
	struct foreign *foreign; /* resolve_trees.h: NULL until there is a tree */
	struct elf_cache *elf;   /* elf_search.c: what libraries were looked at; NULL at first */
};

/** resolve_free() - kernel, missing, caches; not profile, root and manifest */
void resolve_free(struct resolve *resolve);

/** resolve_relation() - "KIND 'NAME'" (without NAME: "KIND") as a relation, and after it what the
 * profile's value @value says under "why:", on one line: "program 'ps': docker top" */
void resolve_relation(struct text *relation, const char *kind, const char *name,
		      const struct value *value);

/** resolve_programs() - each of a "programs:" map (NAME or /PATH: required | optional); speaks */
int resolve_programs(struct resolve *resolve, const struct value *programs);

/**
 * resolve_program() - find a program in the root's PATH (or take an absolute path), add it; speaks
 * @relation, @at: the reason
 * @ret_path: when not NULL, its absolute path as it was found ("/usr/sbin/dockerd", possibly a
 *            symlink), for plan and messages; the caller frees it
 *
 * Return: 0, -ENOENT when there is none (not spoken when @is_optional), or another -errno
 */
int resolve_program(struct resolve *resolve, const char *name, const char *relation,
		    const struct origin *at, bool is_optional, char **ret_path);

/** resolve_program_find() - where a program is in the root's PATH, symlinks not followed; quiet.
 * Return: 0, -ENOENT or another -errno */
int resolve_program_find(const struct sysroot *root, const char *name, char **ret_path);

/** resolve_files() - each of a "files:" map; speaks */
int resolve_files(struct resolve *resolve, const struct value *files);

/**
 * resolve_path() - add what stands at @path in the root: the file, or the directory with all
 * below it, the symlinks on the way, as the same path in the image; quiet for -ENOENT, else speaks
 *
 * Nothing is added for -ENOENT, which is also a symlink without target. What symlinks lead to in
 * /dev, /proc, /run and /sys is the running machine's: the symlink is added, not its target.
 */
int resolve_path(struct resolve *resolve, const char *path, const char *relation, const char *by,
		 const struct origin *at, bool is_named);

/**
 * resolve_place() - where @path (absolute) of the image lies: its canonical place by the layout of
 * the tree that is the image's root, else by the root's own (the last component stands as it is,
 * also when it is a symlink in the root); the symlinks on the way are added as entries with the
 * given reason; speaks
 * @ret_path: without leading '/'; the caller frees it
 */
int resolve_place(struct resolve *resolve, const char *path, const char *relation,
		  const struct origin *at, char **ret_path);

/** resolve_finish() - manifest_finish() with the modes that the root gives its directories */
int resolve_finish(struct resolve *resolve);

/**
 * resolve_closure() - for every entry added since the last call: ELF interpreters and libraries
 * (resolve_elf.c), interpreters of scripts (resolve_program.c), until nothing is added; speaks
 */
int resolve_closure(struct resolve *resolve);

/**
 * resolve_elf() - the ELF needs of one entry; speaks
 * @fd: its open content (no ELF: nothing is added), or -1 when it went through elf_look() before
 */
int resolve_elf(struct resolve *resolve, const struct entry *entry, int fd);

/** elf_check_root() - refuse a root whose programs are for a machine that init does not run on;
 * speaks. A root in which none of the usual programs is an ELF file passes. */
int elf_check_root(const struct sysroot *root);

/**
 * kernel_choose() - -k, else the running kernel if its modules are installed, else the newest
 * installed (said on stderr); speaks
 * @is_needed: else a root without any kernel is fine
 */
int kernel_choose(const struct sysroot *root, const char *wanted, bool is_needed,
		  struct kernel *ret_kernel);
void kernel_free(struct kernel *kernel);

struct modules; /* resolve_module.c: the kernel's indexes, and what was chosen from them */

/** modules_are_wanted() - whether the profile names any; without, the rest is not called */
bool modules_are_wanted(const struct profile *profile);

/** modules_open() - load the indexes of resolve->kernel; speaks */
int modules_open(const struct resolve *resolve, struct modules **ret_modules);
void modules_close(struct modules *modules);
static inline void modules_cleanup(struct modules **modules)
{
	modules_close(*modules);
	*modules = NULL;
}

/** modules_resolve() - "kernel: modules:" and "kernel: firmware:" of the profile, with all that the
 * modules need, and an index for the subset (module_index.c); speaks */
int modules_resolve(struct modules *modules, struct resolve *resolve);

/** resolve_microcode() - "kernel: microcode:", what the root has for any processor; speaks */
int resolve_microcode(struct resolve *resolve);

struct bootplan;

/** modules_plan() - write the chosen modules and their aliases into the boot plan; speaks */
int modules_plan(const struct modules *modules, struct bootplan *plan);

/**
 * modules_closure() - what `modprobe -D NAME` would load, in that order: paths in the root, and
 * "builtin NAME" for what is built in. For tests and `check`. Quiet.
 */
int modules_closure(const struct modules *modules, const char *name, struct strings *ret_paths);

/**
 * container_images() - each of a "containers:" map: its own small manifest, made into a
 * deterministic docker-load archive, which is added to resolve->manifest; a "container" line each
 * in @plan; speaks
 */
int container_images(struct resolve *resolve, const struct value *containers,
		     struct bootplan *plan);
