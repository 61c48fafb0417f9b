/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_alias.c - what a device asks for, three times: as the builder looks it up, as `modprobe -R`
 * does, and by the table with which init does; for the devices here, for ones made up from patterns
 * of the installed kernel, and for what no device says
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "init/module_alias.h"
#include "mkinitrd/host.h"
#include "mkinitrd/modules.h"
#include "tests/fixture/program.h"
#include "tests/unit/installed.h"

#define MADE_EVERY 60 /* of some 26,000 patterns */

struct fixture {
	struct sysroot root;
	struct resolve resolve;
	struct modules *modules;
	struct bootplan plan;
	struct alias_index index;
	char *release;
};

/* the table that init would have with every module of the kernel in the image */
static void plan_fill(struct fixture *fixture)
{
	const struct module_tree *tree = &fixture->modules->tree;

	for (size_t i = 0; i < tree->count; i++) {
		const struct module *module = &tree->modules[i];
		struct plan_alias *line;

		if (!module->path || module->is_blacklisted)
			continue;
		line = bootplan_add_alias(&fixture->plan);
		assert_non_null(line);
		line->module = strdup(module->name);
		for (size_t j = 0; j < module->aliases.count; j++)
			if (module_asks(module->aliases.items[j]))
				assert_int_equal(
					strings_add(&line->match, module->aliases.items[j]), 0);
	}
	assert_int_equal(alias_index_build(&fixture->index, &fixture->plan), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(sysroot_open_root(&fixture->root, "/"), 0);
	fixture->release = kernel_find(&fixture->root);
	assert_non_null(fixture->release);
	fixture->resolve.root = &fixture->root;
	fixture->resolve.kernel.release = fixture->release;
	assert_true(asprintf(&fixture->resolve.kernel.directory, "/lib/modules/%s",
			     fixture->release) > 0);
	assert_int_equal(modules_open(&fixture->resolve, &fixture->modules), 0);
	plan_fill(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	alias_index_free(&fixture->index);
	bootplan_free(&fixture->plan);
	modules_close(fixture->modules);
	free(fixture->resolve.kernel.directory);
	free(fixture->release);
	sysroot_close(&fixture->root);
	free(fixture);
	return 0;
}

static void modprobe_says(const struct fixture *fixture, const char *alias, struct strings *names)
{
	const char *argv[] = { "modprobe", "-q", "-R", "-S", fixture->release, "--", alias, NULL };
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	char *rest, *line;

	assert_true(program_run(argv, &output) >= 0);
	rest = output.data;
	while (rest && (line = strsep(&rest, "\n")) != NULL)
		if (*line && !strings_contain(names, line))
			assert_int_equal(strings_add(names, line), 0);
	strings_sort(names, true);
}

struct owners {
	const struct fixture *fixture;
	struct strings names;
};

static void add_owner(void *context, size_t owner)
{
	struct owners *owners = context;
	const char *name = owners->fixture->plan.aliases[owner].module;

	if (!strings_contain(&owners->names, name))
		assert_int_equal(strings_add(&owners->names, name), 0);
}

static void print_names(const char *who, const struct strings *names)
{
	print_message("  %s:", who);
	for (size_t i = 0; i < names->count; i++)
		print_message(" %s", names->items[i]);
	print_message("\n");
}

static bool strings_equal(const struct strings *a, const struct strings *b)
{
	bool is_equal = a->count == b->count;

	for (size_t i = 0; is_equal && i < a->count; i++)
		is_equal = text_equal(a->items[i], b->items[i]);
	return is_equal;
}

/* Return: how many modules that is, or -1 when the three do not agree */
static int compare(const struct fixture *fixture, const char *alias)
{
	const struct module_tree *tree = &fixture->modules->tree;
	CLEANUP(module_list_free) struct module_list found = { 0 };
	CLEANUP(strings_free) struct strings ours = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings loadable = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings theirs = STRINGS_EMPTY;
	struct owners owners = { fixture, STRINGS_EMPTY };
	bool is_equal;

	assert_int_equal(module_tree_lookup(tree, alias, &found), 0);
	for (size_t i = 0; i < found.count; i++) {
		const struct module *module = &tree->modules[found.items[i]];

		assert_int_equal(strings_add(&ours, module->name), 0);
		if (module->path && !module->is_blacklisted)
			assert_int_equal(strings_add(&loadable, module->name), 0);
	}
	modprobe_says(fixture, alias, &theirs);
	(void)alias_match(&fixture->index, alias, add_owner, &owners);
	strings_sort(&ours, true);
	strings_sort(&loadable, true);
	strings_sort(&owners.names, true);
	is_equal = strings_equal(&ours, &theirs) && strings_equal(&loadable, &owners.names);
	if (!is_equal) {
		print_message("'%s'\n", alias);
		print_names("ours", &ours);
		print_names("modprobe", &theirs);
		print_names("ours, loadable", &loadable);
		print_names("init", &owners.names);
	}
	strings_free(&owners.names);
	return is_equal ? (int)ours.count : -1;
}

static void devices_of_this_machine(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(host_devices_free) struct host_devices devices = HOST_DEVICES_EMPTY;
	size_t count = 0, with_modules = 0;

	assert_int_equal(host_devices_read(&fixture->root, &devices), 0);
	for (size_t i = 0; i < devices.count; i++)
		for (size_t j = 0; j < devices.items[i].modaliases.count; j++) {
			int found = compare(fixture, devices.items[i].modaliases.items[j]);

			assert_true(found >= 0);
			count++;
			with_modules += found > 0;
		}
	print_message("%zu modaliases of %zu devices, %zu have modules\n", count, devices.count,
		      with_modules);
}

/* @pattern with something in the place of each wildcard, as a device could say it */
static void alias_make(const char *pattern, unsigned seed, struct text *alias)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const char *at = pattern; *at; at++) {
		seed = seed * 1103515245 + 12345;
		if (*at == '*') {
			for (unsigned i = 0; i < (seed >> 16) % 9; i++)
				text_add_char(alias, digits[(seed >> (i % 8)) % 16]);
		} else if (*at == '?') {
			text_add_char(alias, digits[(seed >> 16) % 16]);
		} else if (*at == '[' && strchr(at, ']')) {
			text_add_char(alias, at[1]);
			at = strchr(at, ']');
		} else {
			text_add_char(alias, *at);
		}
	}
}

static void devices_made_of_patterns(void **state)
{
	struct fixture *fixture = *state;
	const struct module_tree *tree = &fixture->modules->tree;
	unsigned number = 0, made = 0;

	for (size_t i = 0; i < tree->count; i++)
		for (size_t j = 0; tree->modules[i].path && j < tree->modules[i].aliases.count;
		     j++) {
			const char *pattern = tree->modules[i].aliases.items[j];
			CLEANUP(text_free) struct text alias = TEXT_EMPTY;

			if (!strchr(pattern, ':') || !module_asks(pattern) ||
			    number++ % MADE_EVERY != 0)
				continue;
			alias_make(pattern, number, &alias);
			/* each has its own module at least */
			assert_true(compare(fixture, text_string(&alias)) > 0);
			made++;
		}
	print_message("%u made of %u patterns\n", made, number);
	assert_true(made > 0);
}

static void what_no_device_says(void **state)
{
	static const char *const odd[] = {
		"pci:",
		"pci:*",
		"pci:v00008086d*sv*sd*bc*sc*i*",
		"pci:v0000[8086]d0000100Esv0sd0bc0sc0i0",
		"pci:[",
		"pci:]",
		"pci:v0000]8086[",
		"usb:v1D6Bp0002d0000dc09dsc00dp00ic09isc00ip00in00 ",
		"usb:\\*",
		"a b:c d",
		"../../etc:passwd",
		":",
		"::::",
		"%s%n:%s",
		"platform:e1000e",
		"virtio:d00000002v00001af4",
	};
	struct fixture *fixture = *state;
	CLEANUP(text_free) struct text longest = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(odd); i++)
		assert_true(compare(fixture, odd[i]) >= 0);
	text_add(&longest, "pci:v");
	while (longest.length < 60000)
		text_add(&longest, "00008086d0000100Esv");
	assert_int_equal(compare(fixture, text_string(&longest)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_of_this_machine),
		cmocka_unit_test(devices_made_of_patterns),
		cmocka_unit_test(what_no_device_says),
	};
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(memory_free) char *release = NULL;

	if (sysroot_open_root(&root, "/") == 0)
		release = kernel_find(&root);
	if (!release) {
		print_message("skipped: no kernel is installed under /lib/modules\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
