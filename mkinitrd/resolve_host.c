/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_host.c - which modules of the target kernel does the host need?
 *
 * In:    the host's devices (host.h), "kernel.modules" with its nulls, the module tree
 * Out:   wishes; with -v a line for each device that gets none, with the reason
 * Not:   its disks (resolve_host_disks.c); what these modules need (module_pack.c)
 *
 * What counts is the target kernel: what is built in there is not missing, and what the running
 * kernel has and the target lacks is named. Without the disks of "/" and of the profile the machine
 * would not come up, so those must be there; all else is taken as far as it is.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "fail.h"
#include "resolve_host.h"

#define SHOWN_MOST 100 /* of a modalias: that of a processor is longer than a line */
#define NAMED_MOST 8   /* modules in one warning */

static void host_resolve_free(struct host_resolve *work)
{
	host_devices_free(&work->devices);
	host_disks_free(&work->disks);
	free(work->owners);
	free(work->outcomes);
	strings_free(&work->lost);
}

static int fail_no_memory(void)
{
	return fail(-ENOMEM, "cannot look for the modules of this host");
}

void host_device_name(struct text *text, const struct host_device *device)
{
	text_format(text, "%s%s%s", device->bus, *device->bus ? " " : "", base_name(device->path));
}

static void add_modalias(struct text *text, const char *modalias)
{
	bool is_long = strlen(modalias) > SHOWN_MOST;

	text_format(text, "modalias %.*s%s", SHOWN_MOST, modalias, is_long ? "..." : "");
}

/* the null of the profile that takes a module away, or NULL */
static const struct origin *excluded_by(const struct host_resolve *work,
					const struct module *module, const char *modalias,
					const char **ret_key)
{
	for (size_t i = 0; work->wanted && i < work->wanted->count; i++) {
		const char *key = work->wanted->keys[i];

		if (work->wanted->items[i]->kind != VALUE_NULL)
			continue;
		if (strchr(key, ':') ? modalias && fnmatch(key, modalias, 0) == 0
				     : module_matches(key, module)) {
			*ret_key = key;
			return &work->wanted->key_origins[i];
		}
	}
	return NULL;
}

static int wish(struct host_resolve *work, size_t index, const struct asking *asking)
{
	struct modules *modules = work->modules;
	struct module_choice *choice = &modules->choices[index];
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	struct module_wish wish = { .index = index, .at = work->at };

	text_add(&relation, asking->who);
	if (asking->modalias) {
		text_add(&relation, " (");
		add_modalias(&relation, asking->modalias);
		text_add(&relation, ")");
	}
	if (text_take(&relation, &wish.relation) < 0)
		return -ENOMEM;
	if (choice->load == PLAN_LOAD_DEMAND && module_needs_loading(&modules->tree.modules[index]))
		choice->load = PLAN_LOAD_BESIDE;
	return modules_wish(modules, &wish);
}

/* one module that was found for one device. Return: an enum outcome, or -ENOMEM */
static int take(struct host_resolve *work, size_t index, const struct asking *asking)
{
	const struct module *module = &work->modules->tree.modules[index];
	const char *release = work->modules->kernel->release;
	const char *key;
	const struct origin *null = excluded_by(work, module, asking->modalias, &key);

	if (null) {
		CLEANUP(text_free) struct text where = TEXT_EMPTY;

		origin_format(&where, null, false);
		note("%s: module '%s' is excluded by '%s: null' (%s)", asking->who, module->name,
		     key, text_string(&where));
		return FOUND_EXCLUDED;
	}
	if (!module->path) {
		note("%s: '%s' is built into kernel %s", asking->who, module->name, release);
		return FOUND;
	}
	if (module->is_blacklisted && asking->modalias) {
		note("%s: module '%s' is blacklisted by modprobe.d, skipping", asking->who,
		     module->name);
		return FOUND_BANNED;
	}
	if (work->owners[index]) {
		note("%s: module '%s' is there already, for %s", asking->who, module->name,
		     work->owners[index]);
		return FOUND;
	}
	work->owners[index] = asking->owner;
	return wish(work, index, asking) < 0 ? -ENOMEM : FOUND;
}

int host_look_up(struct host_resolve *work, const char *name, const struct asking *asking)
{
	CLEANUP(module_list_free) struct module_list found = { 0 };
	int outcome = FOUND_NOTHING;
	int r = module_tree_lookup(&work->modules->tree, name, &found);

	for (size_t i = 0; r >= 0 && i < found.count; i++) {
		r = take(work, found.items[i], asking);
		if (r > outcome)
			outcome = r;
	}
	return r < 0 ? r : outcome;
}

int host_device_look_up(struct host_resolve *work, const struct host_device *device,
			const char *who)
{
	int outcome = FOUND_NOTHING;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < device->modaliases.count; i++) {
		const char *modalias = device->modaliases.items[i];

		r = host_look_up(work, modalias, &(struct asking){ who, device->path, modalias });
		if (r > outcome)
			outcome = r;
	}
	const char *const names[] = { device->module, device->driver };

	for (size_t i = 0; r >= 0 && outcome == FOUND_NOTHING && i < COUNT_OF(names); i++) {
		size_t index =
			names[i] ? module_tree_find(&work->modules->tree, names[i]) : MODULE_NONE;

		if (index != MODULE_NONE)
			r = outcome =
				take(work, index, &(struct asking){ who, device->path, NULL });
	}
	return r < 0 ? r : outcome;
}

int host_device_lost(struct host_resolve *work, const struct host_device *device, const char *who)
{
	const char *release = work->modules->kernel->release;
	CLEANUP(text_free) struct text name = TEXT_EMPTY;

	if (!device->driver) {
		note("%s: no module of kernel %s drives it, and nothing drives it here", who,
		     release);
		return 0;
	}
	if (!device->is_loaded) {
		note("%s: '%s', which drives it here, is built into the running kernel; kernel %s "
		     "has no module for it",
		     who, device->driver, release);
		return 0;
	}
	note("%s: module '%s', which drives it here, is not in kernel %s", who, device->module,
	     release);
	text_format(&name, "%s (", device->module);
	host_device_name(&name, device);
	text_add(&name, ")");
	return name.failed ? -ENOMEM : strings_add(&work->lost, text_string(&name));
}

/* a device of those before that asks for the same, and got it: processors are alike */
static const struct host_device *twin_of(const struct host_resolve *work, size_t at)
{
	const struct strings *aliases = &work->devices.items[at].modaliases;

	for (size_t i = 0; aliases->count && i < at; i++) {
		const struct strings *others = &work->devices.items[i].modaliases;
		bool is_equal = work->outcomes[i] == FOUND && others->count == aliases->count;

		for (size_t j = 0; is_equal && j < aliases->count; j++)
			is_equal = text_equal(aliases->items[j], others->items[j]);
		if (is_equal)
			return &work->devices.items[i];
	}
	return NULL;
}

static int devices_resolve(struct host_resolve *work)
{
	for (size_t i = 0; i < work->devices.count; i++) {
		const struct host_device *device = &work->devices.items[i];
		const struct host_device *twin = twin_of(work, i);
		CLEANUP(text_free) struct text who = TEXT_EMPTY;
		int r;

		if (work->outcomes[i] != NOT_ASKED)
			continue;
		text_add(&who, "host device ");
		host_device_name(&who, device);
		if (who.failed)
			return -ENOMEM;
		if (twin) {
			note("%s: asks for the same modules as %s", text_string(&who), twin->path);
			continue;
		}
		r = work->outcomes[i] = host_device_look_up(work, device, text_string(&who));
		if (r == FOUND_NOTHING)
			r = host_device_lost(work, device, text_string(&who));
		if (r < 0)
			return r;
	}
	return 0;
}

static void warn_lost(const struct host_resolve *work)
{
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	size_t count = work->lost.count;

	for (size_t i = 0; i < count && i < NAMED_MOST; i++)
		text_format(&names, "%s%s", i ? ", " : "", work->lost.items[i]);
	if (count > NAMED_MOST)
		text_format(&names, " and %zu more (-v lists them)", count - NAMED_MOST);
	if (count)
		warn("modules that drive devices of this host now are not in kernel %s: %s",
		     work->modules->kernel->release, text_string(&names));
}

int modules_resolve_host(struct modules *modules, struct resolve *resolve)
{
	const struct value *kernel = value_get(resolve->profile->root, "kernel", NULL);
	CLEANUP(host_resolve_free)
	struct host_resolve work = {
		.modules = modules,
		.resolve = resolve,
		.at = value_get(kernel, "host-modules", NULL)->origin,
		.wanted = value_get(kernel, "modules", NULL),
	};
	size_t before = modules->wish_count;
	int r = host_devices_read(resolve->host, &work.devices);

	if (r >= 0)
		r = host_disks_read(resolve, &work.disks);
	if (r < 0)
		return r;
	work.owners = calloc(modules->tree.count + 1, sizeof(*work.owners));
	work.outcomes = calloc(work.devices.count + 1, sizeof(*work.outcomes));
	r = work.owners && work.outcomes ? host_disks_resolve(&work) : -ENOMEM;
	if (r >= 0)
		r = devices_resolve(&work);
	if (r == -ENOMEM)
		return fail_no_memory();
	if (r < 0)
		return r;
	warn_lost(&work);
	note("%zu modules for %zu devices and %zu disks of this host", modules->wish_count - before,
	     work.devices.count, work.disks.count);
	return 0;
}
