/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_modules.c - alias matching, the order in which modules are loaded, uevent messages
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/lib/cleanup.h"
#include "init/module_alias.h"
#include "init/module_loader.h"
#include "init/uevent.h"

/* ---- aliases ---- */

struct matches {
	const struct bootplan *plan;
	struct strings names;
};

static void note_match(void *context, size_t owner)
{
	struct matches *matches = context;

	assert_int_equal(strings_add(&matches->names, matches->plan->aliases[owner].module), 0);
}

static const char alias_plan[] =
	"mkinitrd-plan 1\n"
	"alias module=virtio_blk match=virtio:d00000002v*\n"
	"alias module=e1000 match=pci:v00008086d0000100Esv*sd*bc*sc*i* "
	"match=pci:v00008086d0000100Fsv*sd*bc*sc*i*\n"
	"alias module=ahci match=pci:v*d*sv*sd*bc01sc06i01*\n"
	"alias module=ext4 match=fs-ext4 match=fs-ext3\n"
	"alias module=button match=acpi*:PNP0C0C:*\n"
	"alias module=crct10dif match=cpu:type:x86,ven*fam*mod*:feature:*0081*\n"
	"alias module=bracket match=\"x:a[0-9]b-c\"\n"
	"alias module=any match=*\n"
	"alias module=wide match=vir*:d00000009v*\n";

static void test_alias(void **state)
{
	static const struct {
		const char *modalias, *names;
	} rows[] = {
		{ "virtio:d00000002v00001AF4", "any virtio_blk" },
		{ "virtio:d00000003v00001AF4", "any" },
		{ "virtio:d00000009v00001AF4", "any wide" }, /* a wildcard within the bus's name */
		{ "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", "any e1000" },
		{ "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", "ahci any" },
		{ "fs-ext3", "any ext4" },
		{ "fs_ext3", "any ext4" }, /* '-' and '_' are the same */
		{ "fs-ext", "any" },
		{ "acpi:PNP0C0C:", "any button" },
		{ "acpi:LNXPWRBN:PNP0C0C:", "any button" },
		{ "acpi:PNP0C0D:", "any" },
		{ "cpu:type:x86,ven0000fam0006mod0055:feature:,0000,0081,0082", "any crct10dif" },
		{ "x:a5b_c", "any bracket" },
		{ "x:a-b-c", "any" },
		{ "", "any" },
	};
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(alias_index_free) struct alias_index index = { 0 };
	CLEANUP(memory_free) char *error = NULL;

	(void)state;
	assert_int_equal(bootplan_parse(&plan, alias_plan, strlen(alias_plan), &error), 0);
	assert_int_equal(alias_index_build(&index, &plan), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct matches matches = { .plan = &plan };
		CLEANUP(text_free) struct text names = TEXT_EMPTY;
		size_t matched = alias_match(&index, rows[i].modalias, note_match, &matches);

		print_message("row: '%s'\n", rows[i].modalias);
		assert_int_equal(matched, matches.names.count);
		strings_sort(&matches.names, true);
		for (size_t j = 0; j < matches.names.count; j++)
			text_format(&names, "%s%s", j ? " " : "", matches.names.items[j]);
		assert_string_equal(text_string(&names), rows[i].names);
		strings_free(&matches.names);
	}
}

static void test_alias_none(void **state)
{
	struct alias_index index = { 0 };
	struct bootplan plan = BOOTPLAN_EMPTY;

	(void)state;
	assert_int_equal(alias_match(&index, "pci:v1", note_match, NULL), 0);
	assert_int_equal(alias_index_build(&index, &plan), 0);
	assert_int_equal(alias_match(&index, "pci:v1", note_match, NULL), 0);
	alias_index_free(&index);
	alias_index_free(&index);
}

/* ---- order ---- */

static struct {
	pthread_mutex_t lock;
	struct strings started, ended;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* notes the order; fails when the name begins with "bad" */
static int note_load(const struct plan_module *module)
{
	int r = text_after(module->name, "bad") ? -ENOEXEC : 0;

	(void)pthread_mutex_lock(&seen.lock);
	assert_int_equal(strings_add(&seen.started, module->name), 0);
	for (size_t i = 0; i < module->needs.count; i++)
		if (!text_equal(module->needs.items[i], "builtin") &&
		    !text_after(module->needs.items[i], "circle"))
			assert_true(strings_contain(&seen.ended, module->needs.items[i]));
	(void)pthread_mutex_unlock(&seen.lock);
	(void)usleep(200);
	(void)pthread_mutex_lock(&seen.lock);
	if (r == 0)
		assert_int_equal(strings_add(&seen.ended, module->name), 0);
	(void)pthread_mutex_unlock(&seen.lock);
	return r;
}

static const struct {
	const char *plan, *wanted, *order;
	size_t loaded, failed;
} order_rows[] = {
	{ "module name=a\nmodule name=b\n", "b", "b", 1, 0 },
	{ "module name=a\nmodule name=b needs=a\n", "b", "a b", 2, 0 },
	{ "module name=b needs=a\nmodule name=a\n", "b", "a b", 2, 0 }, /* a plan out of order */
	{ "module name=a needs=builtin\n", "a", "a", 1, 0 },
	{ "module name=a\nmodule name=b soft=a\n", "b", "a b", 2, 0 },
	{ "module name=bad\nmodule name=b soft=bad\n", "b", "bad b", 1, 1 },
	{ "module name=bad\nmodule name=b needs=bad\nmodule name=c needs=b\n", "c", "bad", 0, 3 },
	{ "module name=a post=b\nmodule name=b\n", "a", "a b", 2, 0 },
	{ "module name=bad post=b\nmodule name=b\n", "bad", "bad", 0, 1 },
	{ "module name=a soft=b\nmodule name=b soft=a\n", "a", "a b", 2, 0 }, /* a soft circle */
	{ "module name=a soft=b\nmodule name=b needs=a\n", "a", "a b", 2, 0 },
	{ "module name=a soft=a\n", "a", "a", 1, 0 },
	{ "module name=circle1 needs=circle2\nmodule name=circle2 needs=circle1\n", "circle1",
	  "circle2 circle1", 2, 0 }, /* nonsense, but it ends */
};

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(order_rows); i++) {
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		CLEANUP(loader_free) struct module_loader *loader = NULL;
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(text_free) struct text order = TEXT_EMPTY;
		CLEANUP(memory_free) char *error = NULL;
		size_t loaded, failed;

		print_message("row: %zu, '%s'\n", i, order_rows[i].order);
		text_format(&text, "mkinitrd-plan 1\n%s", order_rows[i].plan);
		assert_int_equal(bootplan_parse(&plan, text.data, text.length, &error), 0);
		loader = loader_new(&plan, note_load, 1);
		assert_int_equal(loader_want_name(loader, "absent"), -ENOENT);
		assert_int_equal(loader_want_name(loader, order_rows[i].wanted), 0);
		(void)loader_run(loader, NULL);
		for (size_t j = 0; j < seen.started.count; j++)
			text_format(&order, "%s%s", j ? " " : "", seen.started.items[j]);
		assert_string_equal(text_string(&order), order_rows[i].order);
		loader_count(loader, &loaded, &failed);
		assert_int_equal(loaded, order_rows[i].loaded);
		assert_int_equal(failed, order_rows[i].failed);
		assert_int_equal(loader_run(loader, NULL), 0); /* nothing twice */
		strings_free(&seen.started);
		strings_free(&seen.ended);
	}
}

/* a chain with branches, on more threads than needed: note_load() checks the order */
static void test_threads(void **state)
{
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(loader_free) struct module_loader *loader = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *error = NULL;
	size_t loaded, failed;

	(void)state;
	text_add(&text, "mkinitrd-plan 1\n");
	for (int i = 0; i < 200; i++)
		text_format(&text, "module name=m%d %s%d soft=m%d post=m%d\n", i,
			    i ? "needs=m" : "soft=m", i / 3, (i * 7) % 200, (i * 11) % 200);
	assert_int_equal(bootplan_parse(&plan, text.data, text.length, &error), 0);
	loader = loader_new(&plan, note_load, 4);
	for (size_t i = 0; i < plan.module_count; i++)
		loader_want(loader, i);
	assert_int_equal(loader_run(loader, NULL), 200);
	loader_count(loader, &loaded, &failed);
	assert_int_equal(loaded, 200);
	assert_int_equal(failed, 0);
	strings_free(&seen.started);
	strings_free(&seen.ended);
}

/* a driver that waits for its device: until "after", which only an event asks for, is loaded */
static struct {
	struct module_loader *loader;
	int pipe[2];
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	bool is_loaded;
} slow = { .lock = PTHREAD_MUTEX_INITIALIZER, .loaded = PTHREAD_COND_INITIALIZER };

static int slow_load(const struct plan_module *module)
{
	(void)pthread_mutex_lock(&slow.lock);
	if (text_equal(module->name, "slow")) {
		assert_int_equal(write(slow.pipe[1], "", 1), 1);
		while (!slow.is_loaded)
			(void)pthread_cond_wait(&slow.loaded, &slow.lock);
	} else {
		slow.is_loaded = true;
		(void)pthread_cond_broadcast(&slow.loaded);
	}
	(void)pthread_mutex_unlock(&slow.lock);
	return 0;
}

static void slow_event(const void *context)
{
	char byte;

	assert_ptr_equal(context, &slow);
	if (read(slow.pipe[0], &byte, 1) == 1)
		assert_int_equal(loader_want_name(slow.loader, "after"), 0);
}

/* what devices ask for is not kept waiting by a driver that takes long */
static void test_events_while_loading(void **state)
{
	static const char text[] = "mkinitrd-plan 1\nmodule name=slow\nmodule name=after\n";
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(memory_free) char *error = NULL;
	struct loader_events events = { .ready = slow_event, .context = &slow };

	(void)state;
	assert_int_equal(pipe2(slow.pipe, O_CLOEXEC | O_NONBLOCK), 0);
	events.fd = slow.pipe[0];
	assert_int_equal(bootplan_parse(&plan, text, strlen(text), &error), 0);
	slow.loader = loader_new(&plan, slow_load, 2);
	loader_want(slow.loader, 0);
	assert_int_equal(loader_run(slow.loader, &events), 2);
	loader_free(&slow.loader);
	fd_close(&slow.pipe[0]);
	fd_close(&slow.pipe[1]);
}

static void test_retry(void **state)
{
	static const char text[] = "mkinitrd-plan 1\nmodule name=bad\n";
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(loader_free) struct module_loader *loader = NULL;
	CLEANUP(memory_free) char *error = NULL;

	(void)state;
	assert_int_equal(bootplan_parse(&plan, text, strlen(text), &error), 0);
	loader = loader_new(&plan, note_load, 2);
	loader_want(loader, 0);
	assert_int_equal(loader_run(loader, NULL), 1);
	loader_want(loader, 0);
	assert_int_equal(loader_run(loader, NULL), 0);
	loader_retry(loader);
	loader_want(loader, 0);
	assert_int_equal(loader_run(loader, NULL), 1);
	strings_free(&seen.started);
	strings_free(&seen.ended);
}

/* ---- uevents ---- */

static void test_uevent(void **state)
{
	static const char good[] = "add@/devices/virtio0\0ACTION=add\0DEVPATH=/devices/virtio0\0"
				   "SUBSYSTEM=virtio\0MODALIAS=virtio:d2v3\0SEQNUM=7";
	static const char no_subsystem[] = "add@/devices/x\0ACTION=add";
	static const char foreign[] = "libudev\0ACTION=add\0SUBSYSTEM=block";
	struct uevent event;

	(void)state;
	assert_int_equal(uevent_parse(&event, good, sizeof(good)), 0);
	assert_string_equal(event.action, "add");
	assert_string_equal(event.subsystem, "virtio");
	assert_string_equal(event.modalias, "virtio:d2v3");
	assert_null(event.device_name);
	assert_int_equal(uevent_parse(&event, good, sizeof(good) - 1), -EINVAL);
	assert_int_equal(uevent_parse(&event, good, 0), -EINVAL);
	assert_int_equal(uevent_parse(&event, no_subsystem, sizeof(no_subsystem)), -EINVAL);
	assert_int_equal(uevent_parse(&event, foreign, sizeof(foreign)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alias),  cmocka_unit_test(test_alias_none),
		cmocka_unit_test(test_order),  cmocka_unit_test(test_threads),
		cmocka_unit_test(test_retry),  cmocka_unit_test(test_events_while_loading),
		cmocka_unit_test(test_uevent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
