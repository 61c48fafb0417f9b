/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_depend.c - the indexes that we compute are those that depmod writes: for all modules of
 * the installed kernel, and for a fixture with all that is odd
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "mkinitrd/module_depend.h"
#include "mkinitrd/module_scan.h"
#include "scratch.h"
#include "tests/fixture/program.h"

#define RELEASE "6.0.0-fixture"
#define FOLDER "usr/lib/modules/" RELEASE

static const struct {
	const char *name;
	bool is_exact; /* else the order of lines is that of a hash table */
} indexes[] = {
	{ "modules.dep", true },
	{ "modules.alias", true },
	{ "modules.symbols", false },
	{ "modules.softdep", true },
	{ "modules.devname", true },
	{ "modules.builtin.bin", true },
	{ "modules.builtin.alias.bin", true },
};

static char *lines_sorted(const char *content)
{
	CLEANUP(strings_free) struct strings lines = STRINGS_EMPTY;
	CLEANUP(memory_free) char *copy = strdup(content);
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	char *rest = copy;
	char *line, *sorted;

	while ((line = strsep(&rest, "\n")) != NULL)
		assert_int_equal(strings_add(&lines, line), 0);
	strings_sort(&lines, false);
	for (size_t i = 0; i < lines.count; i++)
		text_format(&text, "%s\n", lines.items[i]);
	assert_int_equal(text_take(&text, &sorted), 0);
	return sorted;
}

/* each index against the file that depmod wrote in the root */
static void indexes_equal(const char *root_path, const char *release, unsigned jobs)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	struct kernel kernel = { 0 };

	text_format(&folder, "/usr/lib/modules/%s", release);
	kernel.release = (char *)(uintptr_t)release;
	kernel.directory = folder.data;
	assert_int_equal(sysroot_open_root(&root, root_path), 0);
	assert_int_equal(module_depend(&root, &kernel, jobs, &index), 0);
	for (size_t i = 0; i < COUNT_OF(indexes); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(text_free) struct text theirs = TEXT_EMPTY;
		const struct text *ours = NULL;

		print_message("index: %s\n", indexes[i].name);
		for (size_t j = 0; j < index.count; j++) {
			if (text_equal(index.files[j].name, indexes[i].name))
				ours = &index.files[j].content;
		}
		assert_non_null(ours);
		if (!ours) /* the analyzer does not know that the line above ends the test */
			return;
		text_format(&path, "%s/%s", text_string(&folder), indexes[i].name);
		assert_int_equal(sysroot_read(&root, text_string(&path), (size_t)64 << 20, &theirs),
				 0);
		if (indexes[i].is_exact) {
			assert_int_equal(ours->length, theirs.length);
			if (ours->length)
				assert_memory_equal(ours->data, theirs.data, ours->length);
		} else {
			CLEANUP(memory_free) char *our = lines_sorted(text_string(ours));
			CLEANUP(memory_free) char *their = lines_sorted(text_string(&theirs));

			assert_string_equal(our, their);
		}
	}
}

static void installed_kernel(void **state UNUSED)
{
	CLEANUP(directory_close) DIR *directory = opendir("/usr/lib/modules");
	const struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory)) != NULL) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "/usr/lib/modules/%s/modules.dep.bin", entry->d_name);
		if (entry->d_name[0] == '.' || access(text_string(&path), R_OK) != 0)
			continue;
		print_message("kernel %s\n", entry->d_name);
		for (unsigned jobs = 0; jobs < 4; jobs += 3)
			indexes_equal("/", entry->d_name, jobs);
		count++;
	}
	if (count == 0) {
		print_message("no kernel is installed: not compared\n");
		skip();
	}
}

static void fixture_make(const struct scratch *scratch)
{
	const char *argv[] = { FIXTURE_DIRECTORY "/make_modules", scratch->path, RELEASE, NULL };
	CLEANUP(text_free) struct text output = TEXT_EMPTY;

	assert_int_equal(program_run(argv, &output), 0);
}

/* a copy of a module of the fixture: a second file with a name */
static void module_copy(const struct scratch *scratch, const char *from, const char *to)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;

	text_format(&path, "%s/" FOLDER "/%s", scratch->path, from);
	assert_int_equal(file_read(AT_FDCWD, text_string(&path), 1 << 20, &content), 0);
	text_clear(&path);
	text_format(&path, FOLDER "/%s", to);
	scratch_bytes(scratch, text_string(&path), content.data, content.length);
}

static void depmod_run(const struct scratch *scratch)
{
	CLEANUP(text_free) struct text config = TEXT_EMPTY;
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	const char *argv[] = { "depmod", "-b", scratch->path, "-C", NULL, RELEASE, NULL };

	text_format(&config, "%s/etc/depmod.d", scratch->path);
	argv[4] = text_string(&config);
	assert_int_equal(program_run(argv, &output), 0);
}

/* depmod knows .ko.gz only when it was built so, and the fixture's trick is no index to compare */
static void gz_unpack(const struct scratch *scratch)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	const char *argv[] = { "gzip", "-d", NULL, NULL };

	text_format(&path, "%s/" FOLDER "/kernel/fs/fake_fs.ko.gz", scratch->path);
	argv[2] = text_string(&path);
	assert_int_equal(program_run(argv, &output), 0);
}

/* what modules.order does not name, depmod has in the order of the folder's own table */
static void order_add(const struct scratch *scratch)
{
	static const char more[] = "extra/fake_own.ko\nupdates/dkms/fake_bus.ko\nweak/fake_bus.ko\n"
				   "kernel/drivers/fake/damaged.ko\nno/such/module.ko\n"
				   "extra/fake_bus.ko\nkernel/drivers/fake/fake_late.ko\n";
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;

	text_format(&path, "%s/" FOLDER "/modules.order", scratch->path);
	assert_int_equal(file_read(AT_FDCWD, text_string(&path), 1 << 20, &content), 0);
	text_add(&content, more);
	scratch_file(scratch, FOLDER "/modules.order", text_string(&content), 0644);
}

static void odd_modules(void **state)
{
	static const char *const settings[] = {
		"", /* none at all: "updates" first */
		"# comment\nsearch extra updates built-in\n",
		"search weak \\\n built-in\nexclude vendor extra\n",
		"override fake_bus ^5 extra\noverride fake_bus * weak\n",
		"search updates built-in\nnonsense here\n",
	};
	const struct scratch *scratch = *state;

	fixture_make(scratch);
	gz_unpack(scratch);
	/* the same names again: which file counts is depmod.d's to say */
	module_copy(scratch, "kernel/drivers/fake/fake_disk.ko", "updates/dkms/fake_bus.ko");
	module_copy(scratch, "kernel/drivers/fake/fake_bus.ko", "extra/fake_bus.ko");
	module_copy(scratch, "kernel/drivers/fake/fake_bus.ko", "weak/fake_bus.ko");
	module_copy(scratch, "kernel/drivers/fake/fake_bus.ko", "extra/fake_own.ko");
	scratch_file(scratch, FOLDER "/kernel/drivers/fake/damaged.ko", "no ELF file", 0644);
	scratch_file(scratch, FOLDER "/kernel/readme.txt", "no module", 0644);
	/* build leads to sources, which have .ko files too */
	module_copy(scratch, "kernel/drivers/fake/fake_late.ko", "build/fake_source.ko");
	order_add(scratch);
	for (size_t i = 0; i < COUNT_OF(settings); i++) {
		print_message("row: '%s'\n", settings[i]);
		scratch_file(scratch, "etc/depmod.d/test.conf", settings[i], 0644);
		depmod_run(scratch);
		indexes_equal(scratch->path, RELEASE, 2);
	}
}

/* what depmod cannot do or would not end with */
static void other_modules(void **state)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	struct scratch *scratch = *state;
	struct kernel kernel = { .release = RELEASE, .directory = "/" FOLDER };

	fixture_make(scratch);
	scratch_link(scratch, FOLDER "/kernel/circle", "..");
	scratch_link(scratch, FOLDER "/kernel/nowhere.ko", "/etc/nothing.ko");
	assert_int_equal(sysroot_open_root(&root, scratch->path), 0);
	assert_int_equal(module_depend(&root, &kernel, 2, &index), 0);
	assert_non_null(
		strstr(module_index_find(&index, "modules.dep"), "\nkernel/fs/fake_fs.ko.gz:\n"));
	assert_null(strstr(module_index_find(&index, "modules.dep"), "circle"));
	assert_null(strstr(module_index_find(&index, "modules.dep"), "nowhere"));
	assert_non_null(strstr(module_index_find(&index, "modules.weakdep"),
			       "weakdep fake_eth fake_deep not_there\n"));
	assert_null(module_index_find(&index, "modules.nothing"));
}

static void circle(void **state)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	struct scratch *scratch = *state;
	struct kernel kernel = { .release = RELEASE, .directory = "/" FOLDER };
	static const char *const sources[] = {
		"int one(void); int two(void); int one(void) { return two(); }\n"
		"static const char e[] __attribute__((section(\"__ksymtab_strings\"), used)) = "
		"\"one\";\n",
		"int one(void); int two(void); int two(void) { return one(); }\n"
		"static const char e[] __attribute__((section(\"__ksymtab_strings\"), used)) = "
		"\"two\";\n",
	};

	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		CLEANUP(text_free) struct text source = TEXT_EMPTY;
		CLEANUP(text_free) struct text object = TEXT_EMPTY;
		CLEANUP(text_free) struct text output = TEXT_EMPTY;
		const char *argv[] = { "cc", "-c", "-o", NULL, NULL, NULL };

		scratch_file(scratch, FOLDER "/kernel/placeholder", "", 0644);
		scratch_file(scratch, "module.c", sources[i], 0644);
		text_format(&source, "%s/module.c", scratch->path);
		text_format(&object, "%s/" FOLDER "/kernel/m%zu.ko", scratch->path, i);
		argv[3] = text_string(&object);
		argv[4] = text_string(&source);
		assert_int_equal(program_run(argv, &output), 0);
	}
	assert_int_equal(sysroot_open_root(&root, scratch->path), 0);
	scratch_capture(scratch);
	assert_int_equal(module_depend(&root, &kernel, 1, &index), -ELOOP);
	scratch_captured(scratch, &said);
	assert_string_equal(
		text_string(&said),
		"mkinitrd: modules of kernel " RELEASE " of the root 'SCRATCH' need each "
		"other in a circle: 'm0', 'm1'; remove those that do not belong there\n");
}

int main(void)
{
#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installed_kernel),
		WITH_SCRATCH(odd_modules),
		WITH_SCRATCH(other_modules),
		WITH_SCRATCH(circle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
