/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.h - what the profile chose of a kernel's modules: shared by resolve_module.c,
 * module_pack.c, module_plan.c, firmware.c; all others see resolve.h
 */
#pragma once

#include "../init/lib/bootplan.h"
#include "module_tree.h"

struct module_choice {
	char *entry;         /* path in the image, without leading '/'; NULL: not packed */
	enum plan_load load; /* when init loads it */
	bool is_named;       /* the profile says its very name */
	struct text options; /* from the profile */
};

/* a line of the profile and a module that it means */
struct module_wish {
	size_t index;
	const char *key;
	struct origin at;
	const struct value *value; /* what the line says */
	char *relation;            /* owned; NULL: "module 'KEY'", and why, by @value */
};

struct modules {
	const struct sysroot *root;
	const struct kernel *kernel;
	struct module_tree tree;
	struct module_choice *choices; /* for each module of the tree */
	struct module_list packed;     /* in the order in which they were wanted */
	struct module_wish *wishes;
	size_t wish_count;
};

/** module_asks() - does a device, or a mount, ask for modules with this alias while init runs? */
bool module_asks(const char *alias);

/** module_match() - does a path pattern of a profile match a module's path in modules.dep? */
bool module_match(const char *pattern, const struct module *module);

/** module_options() - of modprobe.d, then of the profile, as one string */
int module_options(const struct modules *modules, size_t index, struct text *text);

/**
 * module_says() - learn the weakdeps and, @with_firmware, the firmware of a packed module; speaks
 * @position: in modules->packed; the files of all after it are read along, on @jobs threads
 */
int module_says(struct modules *modules, size_t position, bool with_firmware, unsigned jobs);

/** modules_wish() - one more wish, whose relation is the list's from then on, also on failure.
 * Return: 0 or -ENOMEM */
int modules_wish(struct modules *modules, const struct module_wish *wish);

/** module_needs_loading() - will nothing on the machine ask for it by itself? */
bool module_needs_loading(const struct module *module);

/** module_matches() - does a key of "kernel.modules" mean this module, by name or pattern? */
bool module_matches(const char *key, const struct module *module);

/** modules_resolve_host() - "kernel.host-modules": wishes for what the host has (resolve_host.c);
 * speaks */
int modules_resolve_host(struct modules *modules, struct resolve *resolve);

/** modules_pack() - put what was wished into the manifest, with all that it needs; speaks */
int modules_pack(struct modules *modules, struct resolve *resolve, bool with_firmware);

/** modules_pack_firmware() - what the packed modules say they load; speaks */
int modules_pack_firmware(const struct modules *modules, struct resolve *resolve);

/** modules_pack_indexes() - modules.dep and so on, and modprobe.d, for what is packed; speaks */
int modules_pack_indexes(const struct modules *modules, struct resolve *resolve);
