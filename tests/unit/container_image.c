/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_image.c - "containers:" of a profile, from YAML to the entry and the line of the plan
 *
 * Each row is a profile in a folder of its own, beside an archive; the root is a folder with a
 * script and its interpreter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "init/lib/bootplan.h"
#include "init/lib/file.h"
#include "mkinitrd/container_archive.h"
#include "mkinitrd/resolve.h"

static char folder[] = "/tmp/container_image.XXXXXX";

static void write_file(const char *name, const char *content, mode_t mode)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "%s/%s", folder, name);
	assert_int_equal(file_write(AT_FDCWD, text_string(&path), content, mode), 0);
}

static void make_folder(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "%s/%s", folder, name);
	assert_int_equal(directory_make(text_string(&path), 0755), 0);
}

/* x.tar beside the profile: an image "x:1", made by ourselves */
static void archive_make(char **ret_id)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(container_config_free) struct container_config config = { .time = 0 };
	CLEANUP(text_free) struct text archive = TEXT_EMPTY, path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;

	assert_int_equal(manifest_add(manifest,
				      &(struct addition){ .path = "tmp",
							  .type = ENTRY_DIRECTORY,
							  .mode = 01777,
							  .relation = "test" },
				      NULL),
			 1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	assert_int_equal(container_archive_make(manifest, "x:1", &config, &archive, ret_id), 0);
	text_format(&path, "%s/x.tar", folder);
	fd = open(text_string(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text_string(&archive), archive.length), 0);
}

static char *archive_id;

static int group_setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	make_folder("root/usr/bin");
	make_folder("root/etc");
	write_file("root/usr/bin/shell", "no ELF, no script\n", 0755);
	write_file("root/usr/bin/tool", "#!/usr/bin/shell\n", 0755);
	archive_make(&archive_id);
	return 0;
}

static int group_teardown(void **state)
{
	static const char *const names[] = {
		"root/usr/bin/shell",
		"root/usr/bin/tool",
		"root/usr/bin",
		"root/usr",
		"root/etc",
		"root",
		"x.tar",
		"p.yaml",
		".",
	};

	(void)state;
	free(archive_id);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/%s", folder, names[i]);
		(void)remove(i + 1 == COUNT_OF(names) ? folder : text_string(&path));
	}
	return 0;
}

/* resolve the containers of a profile of which @yaml is all; returns what container_images() did */
static int containers_resolve(const char *yaml, struct manifest *manifest, struct bootplan *plan)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct strings sets = STRINGS_EMPTY;
	struct resolve resolve = { .profile = &profile, .root = &root, .manifest = manifest };
	int r;

	write_file("p.yaml", yaml, 0644);
	assert_int_equal(strings_add_format(&names, "%s/p.yaml", folder), 0);
	text_format(&path, "%s/root", folder);
	assert_int_equal(sysroot_open_root(&root, text_string(&path)), 0);
	r = profile_load(&profile, &names, &sets);
	if (r < 0)
		return r;
	r = container_images(&resolve, value_get(profile.root, "containers", (char *)NULL), plan);
	/* content is looked at while the root is open */
	for (size_t i = 0; r == 0 && i < manifest_count(manifest); i++) {
		CLEANUP(fd_close) int fd = -1;
		CLEANUP(memory_free) char *id = NULL;

		assert_int_equal(entry_open(manifest_at(manifest, i), &fd), 0);
		assert_int_equal(container_archive_id(fd, "'test'", plan->containers[i].image, &id),
				 0);
		assert_string_equal(id, plan->containers[i].id);
	}
	resolve_free(&resolve);
	return r;
}

// clang-format off
static const struct {
	const char *yaml;
	bool is_good;
	const char *path; /* of the archive in the image */
} rows[] = {
	{ "containers: {\"a/b:1.0\": {programs: {tool: required}, command: [tool, \"${x}\"]}}\n"
	  "values: {x: y}\n", true, "usr/share/mkinitrd/images/a_b_1.0.tar" },
	{ "containers: {\"c:1\": {files: {/etc/x: {content: hello}}, env: {A: b}}}\n", true,
	  "usr/share/mkinitrd/images/c_1.tar" },
	{ "containers: {\"x:1\": {from: x.tar}}\n", true, "usr/share/mkinitrd/images/x_1.tar" },
	{ "containers: {\"y:1\": {from: x.tar}}\n", false, NULL },
	{ "containers: {\"x:1\": {from: none.tar}}\n", false, NULL },
	{ "containers: {\"x:1\": {from: p.yaml}}\n", false, NULL },
	{ "containers: {\"x:1\": {from: x.tar, sha256: "
	  "0000000000000000000000000000000000000000000000000000000000000000}}\n", false, NULL },
	{ "containers: {\"c:1\": {programs: {nothere: required}}}\n", false, NULL },
	{ "containers: {\"c:1\": {programs: {nothere: optional}}}\n", false, NULL },
	{ "containers: {\"c\": {programs: {tool: required}}}\n", false, NULL },
	{ "containers: {\"c:1=x\": {programs: {tool: required}}}\n", false, NULL },
	{ "containers: {\"host:5000/c\": {programs: {tool: required}}}\n", false, NULL },
};
// clang-format on

static void profiles_become_archives(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		const struct entry *entry;
		int r;

		print_message("row %zu\n", i);
		r = containers_resolve(rows[i].yaml, manifest, &plan);
		if (!rows[i].is_good) {
			assert_true(r < 0);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(manifest_count(manifest), 1);
		assert_int_equal(plan.container_count, 1);
		entry = manifest_find(manifest, rows[i].path);
		assert_non_null(entry);
		assert_string_equal(plan.containers[0].archive + 1, rows[i].path);
		assert_string_equal(entry->reasons[0].at.file, "p.yaml");
		assert_int_equal(entry->reasons[0].at.line, 1);
	}
}

static void given_archive_keeps_its_id(void **state)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;

	(void)state;
	assert_int_equal(
		containers_resolve("containers: {\"x:1\": {from: x.tar}}\n", manifest, &plan), 0);
	assert_int_equal(plan.container_count, 1);
	if (plan.containers) /* for the analyzer, which does not know that the count is checked */
		assert_string_equal(plan.containers[0].id, archive_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_become_archives),
		cmocka_unit_test(given_archive_keeps_its_id),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
