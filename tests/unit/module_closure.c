/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_closure.c - for every module of the installed kernel, what we would pack is what modprobe
 * would load, in the same order
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "mkinitrd/resolve.h"
#include "tests/fixture/program.h"
#include "tests/unit/installed.h"

#define THREADS_MOST 64

struct comparison {
	char *release;
	struct strings names;
	char **outputs; /* what modprobe prints for each name */
	atomic_size_t next;
};

/* names of all files in modules.dep or modules.builtin */
static void names_read(const struct sysroot *root, const char *directory, const char *index,
		       struct strings *names)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	char *rest, *line;

	text_format(&path, "%s/%s", directory, index);
	assert_int_equal(sysroot_read(root, text_string(&path), (size_t)64 << 20, &content), 0);
	rest = content.data;
	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		char *base;

		line[strcspn(line, ":")] = '\0';
		base = strrchr(line, '/');
		if (!base)
			continue;
		base[1 + strcspn(base + 1, ".")] = '\0';
		assert_int_equal(strings_add(names, base + 1), 0);
	}
}

static void *modprobe_run(void *data)
{
	struct comparison *comparison = data;
	size_t i;

	while ((i = atomic_fetch_add(&comparison->next, 1)) < comparison->names.count) {
		const char *argv[] = {
			"modprobe", "-D", "-S", comparison->release, comparison->names.items[i],
			NULL
		};
		CLEANUP(text_free) struct text output = TEXT_EMPTY;

		if (program_run(argv, &output) == 0)
			(void)text_take(&output, &comparison->outputs[i]);
	}
	return NULL;
}

/* "insmod /lib/modules/RELEASE/kernel/x.ko options" -> "kernel/x.ko"; each only once: what a
 * softdep and a module both need, modprobe names twice */
static void output_normal(char *output, const char *release, struct strings *lines)
{
	char *line;

	while ((line = strsep(&output, "\n")) != NULL) {
		const char *path = text_after(line, "insmod ");
		const char *inside = path ? strstr(path, release) : NULL;
		char *blank = strchr(line, ' ');

		if (blank)
			blank[1 + strcspn(blank + 1, " ")] = '\0';
		inside = inside ? inside + strlen(release) + 1 : line;
		if (*line && !strings_contain(lines, inside))
			assert_int_equal(strings_add(lines, inside), 0);
	}
}

static bool closures_equal(const struct comparison *comparison, const struct modules *modules,
			   const char *directory, size_t i)
{
	CLEANUP(strings_free) struct strings ours = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings theirs = STRINGS_EMPTY;
	const char *name = comparison->names.items[i];
	bool is_equal;

	assert_non_null(comparison->outputs[i]);
	assert_int_equal(modules_closure(modules, name, &ours), 0);
	output_normal(comparison->outputs[i], comparison->release, &theirs);
	is_equal = ours.count == theirs.count;
	for (size_t j = 0; is_equal && j < ours.count; j++) {
		const char *inside = text_after(ours.items[j], directory);

		is_equal = text_equal(inside ? inside + 1 : ours.items[j], theirs.items[j]);
	}
	if (is_equal)
		return true;
	print_message("module '%s'\n", name);
	for (size_t j = 0; j < ours.count || j < theirs.count; j++)
		print_message("  ours %s, modprobe %s\n", j < ours.count ? ours.items[j] : "-",
			      j < theirs.count ? theirs.items[j] : "-");
	return false;
}

static unsigned threads_count(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count > THREADS_MOST ? THREADS_MOST : (unsigned)count;
}

static void every_closure_is_modprobes(void **state UNUSED)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(modules_cleanup) struct modules *modules = NULL;
	struct comparison comparison = { 0 };
	struct resolve resolve = { .root = &root };
	pthread_t threads[THREADS_MOST] = { 0 };
	unsigned count = threads_count();
	size_t files, equal = 0;

	assert_int_equal(sysroot_open_root(&root, "/"), 0);
	comparison.release = kernel_find(&root);
	assert_non_null(comparison.release);
	resolve.kernel.release = comparison.release;
	assert_true(asprintf(&resolve.kernel.directory, "/lib/modules/%s", comparison.release) > 0);
	assert_int_equal(modules_open(&resolve, &modules), 0);
	names_read(&root, resolve.kernel.directory, "modules.dep", &comparison.names);
	files = comparison.names.count;
	assert_true(files > 0);
	names_read(&root, resolve.kernel.directory, "modules.builtin", &comparison.names);
	comparison.outputs = calloc(comparison.names.count + 1, sizeof(char *));
	assert_non_null(comparison.outputs);

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, modprobe_run, &comparison), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < comparison.names.count; i++)
		equal += closures_equal(&comparison, modules, resolve.kernel.directory, i);
	print_message("%zu of %zu closures equal (%zu modules, the rest built in)\n", equal,
		      comparison.names.count, files);
	assert_int_equal(equal, comparison.names.count);

	for (size_t i = 0; i < comparison.names.count; i++)
		free(comparison.outputs[i]);
	free(comparison.outputs);
	strings_free(&comparison.names);
	free(resolve.kernel.directory);
	free(comparison.release);
}

static void a_name_that_is_nowhere(void **state UNUSED)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(modules_cleanup) struct modules *modules = NULL;
	CLEANUP(strings_free) struct strings paths = STRINGS_EMPTY;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(text_free) struct text directory = TEXT_EMPTY;
	struct resolve resolve = { .root = &root };

	assert_int_equal(sysroot_open_root(&root, "/"), 0);
	release = kernel_find(&root);
	assert_non_null(release);
	text_format(&directory, "/lib/modules/%s", release);
	resolve.kernel = (struct kernel){ .release = release, .directory = directory.data };
	assert_int_equal(modules_open(&resolve, &modules), 0);
	assert_int_equal(modules_closure(modules, "no_such_module_anywhere", &paths), -ENOENT);
	assert_int_equal(modules_closure(modules, "odd[alias", &paths), -ENOENT);
	assert_int_equal(paths.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_closure_is_modprobes),
		cmocka_unit_test(a_name_that_is_nowhere),
	};
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(memory_free) char *release = NULL;

	if (sysroot_open_root(&root, "/") == 0)
		release = kernel_find(&root);
	if (!release) {
		print_message("skipped: no kernel is installed under /lib/modules\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
