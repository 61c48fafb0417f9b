/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_loader.h - modules, each after what it needs, on all processors
 */
#pragma once

#include "lib/bootplan.h"

struct module_loader;

/** loads one module; called from several threads. Return: 0, or a negative errno, spoken already */
typedef int module_load_function(const struct plan_module *module);

/** loader_new() - @plan stays the caller's and must outlive the loader. NULL: memory is short */
struct module_loader *loader_new(const struct bootplan *plan, module_load_function *load,
				 size_t threads);
void loader_free(struct module_loader **loader);

/** loader_want() - note module @index of the plan and everything it needs; loads nothing yet */
void loader_want(struct module_loader *loader, size_t index);

/** loader_want_name() - the same by name. Return: 0, or -ENOENT when the plan has no such module */
int loader_want_name(struct module_loader *loader, const char *name);

/* where wishes come from while others are being fulfilled: drivers bring devices, and those want
 * drivers. @ready is called when @fd can be read, and once before the loader ends */
struct loader_events {
	int fd; /* -1: none */
	void (*ready)(const void *context);
	const void *context;
};

/** loader_run() - load what was wanted; returns when all of it is loaded or has failed. @events
 * may be NULL. Return: how many modules were tried */
size_t loader_run(struct module_loader *loader, const struct loader_events *events);

/** loader_retry() - what failed may be wanted again */
void loader_retry(struct module_loader *loader);

/** loader_count() - how many modules are loaded, and how many failed, so far */
void loader_count(const struct module_loader *loader, size_t *ret_loaded, size_t *ret_failed);
