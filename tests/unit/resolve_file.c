/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_file.c - "files:" and "programs:" of a profile against a root: entries, or one clear line
 */
#include "scratch.h"
#include "mkinitrd/resolve.h"

static void make_root(const struct scratch *scratch)
{
	scratch_file(scratch, "outside", "secret", 0644);
	scratch_file(scratch, "beside.conf", "beside", 0640);
	scratch_file(scratch, "root/usr/bin/dash", "binary", 0755);
	scratch_file(scratch, "root/usr/bin/tool-1", "binary", 04755);
	scratch_file(scratch, "root/usr/bin/notes", "text", 0644);
	scratch_file(scratch, "root/usr/lib/a.so", "a", 0644);
	scratch_file(scratch, "root/usr/lib/x/b.so", "b", 0644);
	scratch_file(scratch, "root/etc/conf", "conf", 0600);
	scratch_file(scratch, "root/usr/share/tree/one", "1", 0644);
	scratch_file(scratch, "root/usr/share/tree/sub/two", "2", 0600);
	scratch_link(scratch, "root/bin", "usr/bin");
	scratch_link(scratch, "root/lib", "usr/lib");
	scratch_link(scratch, "root/usr/bin/sh", "dash");
	scratch_link(scratch, "root/usr/bin/tool", "/etc/alternatives/tool");
	scratch_link(scratch, "root/etc/alternatives/tool", "/bin/tool-1");
	scratch_link(scratch, "root/usr/share/tree/conf", "/etc/conf");
	scratch_link(scratch, "root/usr/share/tree/gone", "/etc/gone");
	scratch_link(scratch, "root/usr/share/tree/here", ".");
	scratch_link(scratch, "root/usr/share/tree/null", "/dev/null");
	scratch_link(scratch, "root/etc/gone-too", "gone");
	scratch_link(scratch, "root/etc/mtab", "../proc/self/mounts");
	scratch_link(scratch, "root/etc/leak", "../../outside");
	scratch_link(scratch, "root/etc/a", "b");
	scratch_link(scratch, "root/etc/b", "a");
	assert_int_equal(mkfifo(scratch_path(scratch, "root/usr/share/tree/fifo"), 0644), 0);
	assert_int_equal(chmod(scratch_path(scratch, "root/usr/share/tree/sub"), 01777), 0);
}

static void list_entries(const struct manifest *manifest, struct text *text)
{
	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		CLEANUP(text_free) struct text chain = TEXT_EMPTY;

		manifest_chain(manifest, entry, true, &chain);
		if (entry->type == ENTRY_SYMLINK)
			text_format(text, "%s -> %s", entry->path, entry->target);
		else
			text_format(text, "%s%s %04o", entry->path,
				    entry->type == ENTRY_DIRECTORY ? "/" : "", entry->mode);
		if (entry->uid || entry->gid)
			text_format(text, " %u:%u", entry->uid, entry->gid);
		text_format(text, " | %s\n", text_string(&chain));
	}
}

/* what a profile with the lines @body makes of the root: its entries, and what was printed */
static int resolve_profile(struct scratch *scratch, const char *body, struct text *entries,
			   struct text *printed)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(resolve_free)
	struct resolve resolve = { .profile = &profile, .root = &root, .manifest = manifest };
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	scratch_file(scratch, "p.yaml", body, 0644);
	assert_int_equal(strings_add(&names, scratch_path(scratch, "p.yaml")), 0);
	text_format(&path, "%s/root", scratch->path);
	scratch_capture(scratch);
	r = profile_load(&profile, &names, &STRINGS_EMPTY);
	if (r == 0)
		r = sysroot_open_root(&root, text_string(&path));
	if (r == 0)
		r = resolve_files(&resolve, value_get(profile.root, "files", NULL));
	if (r == 0)
		r = resolve_programs(&resolve, value_get(profile.root, "programs", NULL));
	if (r == 0)
		r = resolve_closure(&resolve);
	scratch_captured(scratch, printed);
	if (r == 0)
		list_entries(manifest, entries);
	for (size_t i = 0; i < resolve.missing.files.count; i++)
		text_format(entries, "missing %s\n", resolve.missing.files.items[i]);
	for (size_t i = 0; i < resolve.missing.programs.count; i++)
		text_format(entries, "missing program %s\n", resolve.missing.programs.items[i]);
	return r;
}

static const struct {
	const char *body;
	const char *entries;
} good[] = {
	{ "files: { /etc/conf: {} }", "etc/conf 0600 | file (p.yaml:1)\n" },
	{ "files: { /etc/conf: required }", "etc/conf 0600 | file (p.yaml:1)\n" },
	{ "files: { /lib/a.so: {} }",
	  "usr/lib/a.so 0644 | file (p.yaml:1)\n"
	  "lib -> usr/lib | symlink on the way of usr/lib/a.so <- file (p.yaml:1)\n" },
	{ "files: { /bin/tool: {} }",
	  "usr/bin/tool -> /etc/alternatives/tool | file (p.yaml:1)\n"
	  "etc/alternatives/tool -> /bin/tool-1 | symlink target of usr/bin/tool <- file "
	  "(p.yaml:1)\n"
	  "usr/bin/tool-1 4755 | symlink target of etc/alternatives/tool <- symlink target of "
	  "usr/bin/tool <- file (p.yaml:1)\n"
	  "bin -> usr/bin | symlink on the way of usr/bin/tool <- file (p.yaml:1)\n" },
	/* a symlink out of the root ends at the root; /proc is the running machine's */
	{ "files: { /etc/mtab: {} }", "etc/mtab -> ../proc/self/mounts | file (p.yaml:1)\n" },
	{ "files: { '/usr/lib/{,*/}*.so': {} }", "usr/lib/a.so 0644 | file (p.yaml:1)\n"
						 "usr/lib/x/b.so 0644 | file (p.yaml:1)\n" },
	{ "files: { '/usr/{lib/a.so,bin/notes}': { mode: '0400', owner: '7:8' } }",
	  "usr/lib/a.so 0400 7:8 | file (p.yaml:1)\n"
	  "usr/bin/notes 0400 7:8 | file (p.yaml:1)\n" },
	{ "files: { /bin/tool: { mode: '0700' } }",
	  "usr/bin/tool -> /etc/alternatives/tool | file (p.yaml:1)\n"
	  "etc/alternatives/tool -> /bin/tool-1 | symlink target of usr/bin/tool <- file "
	  "(p.yaml:1)\n"
	  "usr/bin/tool-1 0700 | symlink target of etc/alternatives/tool <- symlink target of "
	  "usr/bin/tool <- file (p.yaml:1)\n"
	  "bin -> usr/bin | symlink on the way of usr/bin/tool <- file (p.yaml:1)\n" },
	{ "values: { name: x }\nfiles: { /etc/new: { content: 'is ${name}', mode: '0755' } }",
	  "etc/new 0755 | file (p.yaml:2)\n" },
	/* a link takes the place of the root's, and what that led to is not wanted */
	{ "files: { '/bin/{sh,ash}': { link: busybox } }\nprograms: { sh: required }",
	  "bin -> usr/bin | file (p.yaml:1)\n"
	  "usr/bin/sh -> busybox | file (p.yaml:1)\n"
	  "usr/bin/ash -> busybox | file (p.yaml:1)\n" },
	{ "files: { /etc/new: { from: beside.conf } }", "etc/new 0640 | file (p.yaml:1)\n" },
	{ "files: { /etc/new: { from: /lib/a.so, mode: '0600' } }",
	  "etc/new 0600 | file (p.yaml:1)\n" },
	{ "files: { /no: optional, /etc/gone-too: { need: optional }, '/no/*': optional,\n"
	  "  /x: { from: no.conf, need: optional } }",
	  "missing /no\nmissing /etc/gone-too\nmissing /no/*\nmissing no.conf\n" },
	{ "programs: { tool: required, nothing: optional, notes: optional }",
	  "usr/bin/tool -> /etc/alternatives/tool | program 'tool' (p.yaml:1)\n"
	  "etc/alternatives/tool -> /bin/tool-1 | symlink target of usr/bin/tool <- program 'tool' "
	  "(p.yaml:1)\n"
	  "usr/bin/tool-1 4755 | symlink target of etc/alternatives/tool <- symlink target of "
	  "usr/bin/tool <- program 'tool' (p.yaml:1)\n"
	  "bin -> usr/bin | symlink on the way of usr/bin/tool-1 <- symlink target of "
	  "etc/alternatives/tool <- symlink target of usr/bin/tool <- program 'tool' (p.yaml:1)\n"
	  "missing program nothing\nmissing program notes\n" },
	/* scripts: the interpreter, and what env starts; without an x bit they are but text */
	{ "files:\n"
	  "  /s: { content: \"#! /bin/sh -e\\n\", mode: '0755' }\n"
	  "  /t: { content: \"#!/bin/python\\n\" }",
	  "s 0755 | file (p.yaml:2)\n"
	  "t 0644 | file (p.yaml:3)\n"
	  "usr/bin/sh -> dash | interpreter of s <- file (p.yaml:2)\n"
	  "usr/bin/dash 0755 | symlink target of usr/bin/sh <- interpreter of s <- file "
	  "(p.yaml:2)\n"
	  "bin -> usr/bin | symlink on the way of usr/bin/sh <- interpreter of s <- file "
	  "(p.yaml:2)\n" },
	{ "files:\n"
	  "  /usr/bin/env: { content: env }\n"
	  "  /s: { content: \"#!/usr/bin/env -S A=b tool-1 -x\\n\", mode: '0755' }",
	  "usr/bin/env 0644 | file (p.yaml:2)\n"
	  "s 0755 | file (p.yaml:3)\n"
	  "usr/bin/tool-1 4755 | interpreter of s <- file (p.yaml:3)\n" },
	{ "files: { /usr/share/tree/: {} }",
	  "usr/share/tree/ 0755 | file (p.yaml:1)\n"
	  "usr/share/tree/conf -> /etc/conf | directory '/usr/share/tree' (p.yaml:1)\n"
	  "etc/conf 0600 | symlink target of usr/share/tree/conf <- directory '/usr/share/tree' "
	  "(p.yaml:1)\n"
	  "usr/share/tree/gone -> /etc/gone | directory '/usr/share/tree' (p.yaml:1)\n"
	  "usr/share/tree/here -> . | directory '/usr/share/tree' (p.yaml:1)\n"
	  "usr/share/tree/null -> /dev/null | directory '/usr/share/tree' (p.yaml:1)\n"
	  "usr/share/tree/one 0644 | directory '/usr/share/tree' (p.yaml:1)\n"
	  "usr/share/tree/sub/ 1777 | directory '/usr/share/tree' (p.yaml:1)\n"
	  "usr/share/tree/sub/two 0600 | directory '/usr/share/tree/sub' (p.yaml:1)\n" },
};

static void files_and_programs_become_entries(void **state)
{
	make_root(*state);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		CLEANUP(text_free) struct text entries = TEXT_EMPTY;
		CLEANUP(text_free) struct text printed = TEXT_EMPTY;
		int r;

		print_message("row: %s\n", good[i].body);
		r = resolve_profile(*state, good[i].body, &entries, &printed);
		if (strstr(good[i].body, "/usr/share/tree"))
			assert_string_equal(
				text_string(&printed),
				"mkinitrd: warning: '/usr/share/tree/fifo' in the root "
				"'SCRATCH/root' is no file, directory or symlink (directory "
				"'/usr/share/tree' (p.yaml:1:10)), skipping\n");
		else
			assert_string_equal(text_string(&printed), "");
		assert_int_equal(r, 0);
		assert_string_equal(text_string(&entries), good[i].entries);
	}
}

#define ROOT " the root 'SCRATCH/root'"

static const struct {
	const char *body;
	const char *message;
} bad[] = {
	{ "files: { /etc/nothing: {} }", "p.yaml:1:10: '/etc/nothing' is not in" ROOT
					 "; install what brings it, or make it optional" },
	{ "files: { /etc/gone-too: {} }",
	  "p.yaml:1:10: '/etc/gone-too' is a symlink to 'gone', which is not in" ROOT
	  "; install what brings it, or make it optional" },
	{ "files: { /etc/leak: {} }",
	  "p.yaml:1:10: '/etc/leak' is a symlink to '../../outside', which is not in" ROOT
	  "; install what brings it, or make it optional" },
	{ "files: { '/etc/{conf,nothing}': {} }",
	  "p.yaml:1:10: '/etc/{conf,nothing}' (/etc/nothing) is not in" ROOT
	  "; install what brings it, or make it optional" },
	{ "files: { '/usr/lib/*.none': {} }",
	  "p.yaml:1:10: '/usr/lib/*.none' matches nothing in" ROOT
	  "; install what brings it, or make it optional" },
	{ "files: { /etc/a: optional }",
	  "cannot follow '/etc/a' in" ROOT ", file (p.yaml:1:10); its symlinks lead in a circle, "
	  "mend or drop them: Too many levels of symbolic links" },
	{ "files: { /etc/a/x: { content: x } }",
	  "cannot follow '/etc/a/x' in" ROOT ", file (p.yaml:1:10); its symlinks lead in a circle, "
	  "mend or drop them: Too many levels of symbolic links" },
	{ "files: { /usr/share/tree/fifo: {} }",
	  "cannot pack what is no file or directory, '/usr/share/tree/fifo' in" ROOT
	  ", file (p.yaml:1:10); drop it; devices and sockets are made at boot: Invalid argument" },
	{ "files: { /: {} }", "cannot take the whole of '/' in" ROOT
			      ", file (p.yaml:1:10); name the folders in it: Is a "
			      "directory" },
	{ "files: { /x: { from: no.conf } }",
	  "p.yaml:1:10: '/x' comes from 'no.conf', which is not beside the profile; put it there, "
	  "or make it optional" },
	{ "files: { /x: { from: ../outside } }",
	  "p.yaml:1:10: '/x' comes from '../outside', but '..' leads out of the profile's "
	  "folder" },
	{ "files: { /x: { from: /usr/lib } }",
	  "p.yaml:1:10: '/x' comes from '/usr/lib', which is a directory; name the files in it" },
	{ "programs: { nothing: required }",
	  "program 'nothing' (p.yaml:1:13) is not in" ROOT
	  ": install it, name it by its path, or make it optional" },
	{ "programs: { /usr/bin/notes: required }",
	  "program '/usr/bin/notes' (p.yaml:1:13) is no executable file in" ROOT
	  ": name another, or make it executable" },
	{ "files: { /s: { content: \"#!/bin/python\\n\", mode: '0755' } }",
	  "interpreter '/bin/python' of the script '/s' (file (p.yaml:1)) is not in" ROOT
	  "; install it, or drop the script" },
	{ "files: { /s: { content: \"#!/usr/bin/env python\\n\", mode: '0755' },\n"
	  "  /usr/bin/env: { content: x } }",
	  "interpreter 'python' of the script '/s' (file (p.yaml:1)) is not in" ROOT
	  "; install it, or drop the script" },
};

static void what_cannot_be_is_one_line(void **state)
{
	make_root(*state);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		CLEANUP(text_free) struct text entries = TEXT_EMPTY;
		CLEANUP(text_free) struct text printed = TEXT_EMPTY;
		CLEANUP(text_free) struct text expected = TEXT_EMPTY;
		int r;

		print_message("row: %s\n", bad[i].body);
		r = resolve_profile(*state, bad[i].body, &entries, &printed);
		text_format(&expected, "mkinitrd: %s\n", bad[i].message);
		assert_string_equal(text_string(&printed), text_string(&expected));
		assert_true(r < 0);
	}
}

/* parents have the modes that the root gives them, or 0755 */
static void finishing_adds_parents_with_their_modes(void **state)
{
	struct scratch *scratch = *state;
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(resolve_free) struct resolve resolve = { .root = &root, .manifest = manifest };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct origin at = { "p.yaml", 1, 1 };
	CLEANUP(memory_free) char *place = NULL;

	make_root(scratch);
	text_format(&path, "%s/root", scratch->path);
	assert_int_equal(sysroot_open_root(&root, text_string(&path)), 0);
	assert_int_equal(resolve_path(&resolve, "/usr/share/tree/sub/two", "file", NULL, &at, true),
			 0);
	assert_int_equal(resolve_path(&resolve, "/usr/share/tree/none", "file", NULL, &at, true),
			 -ENOENT);
	assert_int_equal(resolve_place(&resolve, "/bin/new/./sh", "file", &at, &place), 0);
	assert_string_equal(place, "usr/bin/new/sh");
	assert_int_equal(resolve_finish(&resolve), 0);
	assert_int_equal(manifest_find(manifest, "usr/share/tree/sub")->mode, 01777);
	assert_int_equal(manifest_find(manifest, "usr/share")->mode, 0755);
	assert_int_equal(manifest_find(manifest, "usr/share/tree/sub/two")->size, 1);
}

static const struct {
	const char *releases; /* installed, with modules */
	const char *wanted;
	const char *release; /* NULL: none */
	const char *printed;
} kernels[] = {
	{ "6.1.0-9 6.1.0-10 5.10.0", NULL, "6.1.0-10",
	  "mkinitrd: kernel 6.1.0-10, the newest in the root 'SCRATCH/root' (-k names another)\n" },
	{ "6.1.0-9 6.1.0-10", "6.1.0-9", "6.1.0-9", "" },
	{ "6.1.0-9 6.1.0-10", "6.1.0", NULL,
	  "mkinitrd: kernel '6.1.0' (-k) has no modules in /usr/lib/modules or /lib/modules of the "
	  "root 'SCRATCH/root'; installed: 6.1.0-10, 6.1.0-9\n" },
	{ "6.1.0-9", "../modules/6.1.0-9", NULL,
	  "mkinitrd: kernel '../modules/6.1.0-9' (-k) has no modules in /usr/lib/modules or "
	  "/lib/modules of the root 'SCRATCH/root'; installed: 6.1.0-9\n" },
	{ "", NULL, NULL,
	  "mkinitrd: no kernel modules in /usr/lib/modules or /lib/modules of the root "
	  "'SCRATCH/root'; install a kernel there (Debian: linux-image-amd64), name another "
	  "--root, or, with -k, a kernel that has all built in\n" },
};

static void the_kernel_is_the_wanted_or_the_newest(void **state)
{
	struct scratch *scratch = *state;

	for (size_t i = 0; i < COUNT_OF(kernels); i++) {
		CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
		CLEANUP(kernel_free) struct kernel kernel = { 0 };
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(text_free) struct text printed = TEXT_EMPTY;
		CLEANUP(memory_free) char *releases = strdup(kernels[i].releases);
		char *state_of_split = NULL;

		print_message("row: %s\n", kernels[i].releases);
		scratch_empty(scratch);
		scratch_link(scratch, "root/lib", "usr/lib");
		scratch_file(scratch, "root/usr/lib/modules/empty/notes", "", 0644);
		assert_non_null(releases);
		for (char *release = strtok_r(releases, " ", &state_of_split); release;
		     release = strtok_r(NULL, " ", &state_of_split)) {
			text_clear(&path);
			text_format(&path, "root/usr/lib/modules/%s/modules.dep", release);
			scratch_file(scratch, text_string(&path), "", 0644);
		}
		text_clear(&path);
		text_format(&path, "%s/root", scratch->path);
		assert_int_equal(sysroot_open_root(&root, text_string(&path)), 0);
		scratch_capture(scratch);
		assert_int_equal(kernel_choose(&root, kernels[i].wanted, true, &kernel),
				 kernels[i].release ? 0 : -ENOENT);
		scratch_captured(scratch, &printed);
		assert_string_equal(text_string(&printed), kernels[i].printed);
		if (!kernels[i].release)
			continue;
		assert_string_equal(kernel.release, kernels[i].release);
		text_clear(&path);
		text_format(&path, "/usr/lib/modules/%s", kernels[i].release);
		assert_string_equal(kernel.directory, text_string(&path));
	}
}

/* lib and usr/lib are two: modprobe looks in lib */
static void kernels_of_a_split_root(void **state)
{
	static const struct {
		const char *files; /* of the root, space separated */
		const char *wanted;
		bool is_needed;
		const char *release, *directory; /* NULL: refused */
	} rows[] = {
		{ "lib/modules/1/kernel/a.ko", NULL, true, "1", "/lib/modules/1" },
		{ "usr/lib/modules/1/modules.builtin", NULL, true, "1", "/usr/lib/modules/1" },
		{ "lib/modules/1/modules.dep usr/lib/modules/2/modules.dep", NULL, true, "2",
		  "/usr/lib/modules/2" },
		{ "lib/modules/1/modules.dep usr/lib/modules/2/modules.dep", "1", true, "1",
		  "/lib/modules/1" },
		{ "lib/modules/1/modules.dep usr/lib/modules/1/modules.dep", NULL, true, "1",
		  "/lib/modules/1" },
		{ "lib/modules/1/notes", NULL, true, NULL, NULL },
		{ "lib/modules/1/notes", NULL, false, "", "" },
		{ "lib/modules/1/modules.dep", NULL, false, "1", "/lib/modules/1" },
		{ "usr/lib/notes", "1", true, NULL, NULL },
		{ "usr/lib/notes", "1", false, "1", "/lib/modules/1" },
		{ "usr/lib/modules/2/modules.dep", "1", false, NULL, NULL },
		{ "usr/lib/notes boot/config-1", "1", true, NULL, NULL },
	};
	struct scratch *scratch = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
		CLEANUP(kernel_free) struct kernel kernel = { 0 };
		CLEANUP(memory_free) char *files = strdup(rows[i].files);
		char *rest = files;
		const char *file;

		print_message("row: %s\n", rows[i].files);
		scratch_empty(scratch);
		while ((file = strsep(&rest, " ")) != NULL)
			scratch_file(scratch, file, "", 0644);
		assert_int_equal(sysroot_open_root(&root, scratch->path), 0);
		assert_int_equal(kernel_choose(&root, rows[i].wanted, rows[i].is_needed, &kernel),
				 rows[i].release ? 0 : -ENOENT);
		if (!rows[i].release)
			continue;
		assert_string_equal(kernel.release, rows[i].release);
		assert_string_equal(kernel.directory, rows[i].directory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_and_programs_become_entries, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_one_line, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(finishing_adds_parents_with_their_modes,
						scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(the_kernel_is_the_wanted_or_the_newest,
						scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(kernels_of_a_split_root, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
