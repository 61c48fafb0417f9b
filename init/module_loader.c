/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_loader.c - modules, each after what it needs, on all processors
 *
 * In:    the plan's modules with their hard (needs) and soft (soft, post) dependencies
 * Out:   calls of the load function: a module after all that it needs, plan order otherwise
 * Not:   finit_module(2) itself, and who wants a module (modules.c)
 *
 * Every thread takes the first waiting module that is ready, loads it without the lock and looks
 * again. Softdeps may form a circle: when nothing is ready and nobody is busy, the soft ones are
 * not waited for. One thread more than there are processors: some drivers wait for their device
 * (ATA looks for disks), and more would gain nothing (measured).
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/cleanup.h"
#include "log.h"
#include "module_loader.h"

enum load_state { LOAD_IDLE, LOAD_WAITING, LOAD_BUSY, LOAD_DONE, LOAD_FAILED };

struct module_loader {
	const struct bootplan *plan;
	module_load_function *load;
	size_t threads;
	size_t *by_name; /* indices of the plan's modules, sorted by name */
	enum load_state *states;
	size_t *waiting; /* indices, in the order in which they are tried */
	size_t waiting_count, busy, tried;
	int ended_fd; /* an eventfd: a thread found nothing left to do */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static int compare_names(const void *a, const void *b, void *context)
{
	const struct bootplan *plan = context;

	return strcmp(plan->modules[*(const size_t *)a].name,
		      plan->modules[*(const size_t *)b].name);
}

struct module_loader *loader_new(const struct bootplan *plan, module_load_function *load,
				 size_t threads)
{
	size_t room = plan->module_count ? plan->module_count : 1;
	struct module_loader *loader = calloc(1, sizeof(*loader));
	struct bootplan names = { .modules = plan->modules };

	if (!loader)
		return NULL;
	loader->plan = plan;
	loader->load = load;
	loader->threads = threads ? threads : 1;
	loader->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_mutex_init(&loader->lock, NULL);
	(void)pthread_cond_init(&loader->changed, NULL);
	loader->by_name = calloc(room, sizeof(*loader->by_name));
	loader->states = calloc(room, sizeof(*loader->states));
	loader->waiting = calloc(room, sizeof(*loader->waiting));
	if (loader->ended_fd < 0 || !loader->by_name || !loader->states || !loader->waiting) {
		loader_free(&loader);
		return NULL;
	}
	for (size_t i = 0; i < plan->module_count; i++)
		loader->by_name[i] = i;
	qsort_r(loader->by_name, plan->module_count, sizeof(*loader->by_name), compare_names,
		&names);
	return loader;
}

void loader_free(struct module_loader **loader_address)
{
	struct module_loader *loader = *loader_address;

	*loader_address = NULL;
	if (!loader)
		return;
	(void)pthread_mutex_destroy(&loader->lock);
	(void)pthread_cond_destroy(&loader->changed);
	fd_close(&loader->ended_fd);
	free(loader->by_name);
	free(loader->states);
	free(loader->waiting);
	free(loader);
}

/* the index of a module, or SIZE_MAX */
static size_t find(const struct module_loader *loader, const char *name)
{
	size_t low = 0, high = loader->plan->module_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		size_t index = loader->by_name[middle];
		int order = strcmp(loader->plan->modules[index].name, name);

		if (order == 0)
			return index;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

static void want_all(struct module_loader *loader, const struct strings *names);

/* with the lock held */
static void want(struct module_loader *loader, size_t index)
{
	const struct plan_module *module = &loader->plan->modules[index];

	if (loader->states[index] != LOAD_IDLE)
		return;
	loader->states[index] = LOAD_WAITING; /* before the others: needs may form a circle */
	want_all(loader, &module->needs);
	want_all(loader, &module->soft);
	loader->waiting[loader->waiting_count++] = index;
}

static void want_all(struct module_loader *loader, const struct strings *names)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t index = find(loader, names->items[i]);

		if (index != SIZE_MAX)
			want(loader, index);
	}
}

void loader_want(struct module_loader *loader, size_t index)
{
	(void)pthread_mutex_lock(&loader->lock);
	want(loader, index);
	(void)pthread_cond_broadcast(&loader->changed);
	(void)pthread_mutex_unlock(&loader->lock);
}

int loader_want_name(struct module_loader *loader, const char *name)
{
	size_t index = find(loader, name);

	if (index == SIZE_MAX)
		return -ENOENT;
	loader_want(loader, index);
	return 0;
}

/* has everything in @names ended? A name that the plan does not have is built in. */
static bool all_ended(const struct module_loader *loader, const struct strings *names,
		      const char **ret_failed)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t index = find(loader, names->items[i]);

		if (index == SIZE_MAX)
			continue;
		if (loader->states[index] == LOAD_WAITING || loader->states[index] == LOAD_BUSY)
			return false;
		if (loader->states[index] == LOAD_FAILED)
			*ret_failed = names->items[i];
	}
	return true;
}

/* take a module that is ready; with the lock held. A module whose need failed, fails here.
 * Return: its index, or SIZE_MAX when there is none now */
static size_t take_ready(struct module_loader *loader, bool wait_for_soft)
{
	for (size_t i = 0; i < loader->waiting_count;) {
		size_t index = loader->waiting[i];
		const struct plan_module *module = &loader->plan->modules[index];
		const char *failed = NULL, *ignored;

		if (!all_ended(loader, &module->needs, &failed) ||
		    (wait_for_soft && !all_ended(loader, &module->soft, &ignored))) {
			i++;
			continue;
		}
		memmove(&loader->waiting[i], &loader->waiting[i + 1],
			(--loader->waiting_count - i) * sizeof(*loader->waiting));
		if (!failed) {
			loader->states[index] = LOAD_BUSY;
			loader->busy++;
			return index;
		}
		(void)log_line(LOG_WARNING, -ENOENT,
			       "modules: '%s' not loaded: it needs '%s', which failed, skipping",
			       module->name, failed);
		loader->states[index] = LOAD_FAILED;
		loader->tried++;
		i = 0; /* others may have waited for this one */
	}
	return SIZE_MAX;
}

/* nothing is ready, nothing is busy: a circle. Return: what to try all the same, or SIZE_MAX */
static size_t take_from_circle(struct module_loader *loader)
{
	size_t index = take_ready(loader, false);

	if (index != SIZE_MAX || loader->waiting_count == 0)
		return index;
	index = loader->waiting[--loader->waiting_count]; /* the kernel will say what is missing */
	loader->states[index] = LOAD_BUSY;
	loader->busy++;
	return index;
}

static void *work(void *context)
{
	struct module_loader *loader = context;

	(void)pthread_mutex_lock(&loader->lock);
	while (loader->waiting_count || loader->busy) {
		size_t index = take_ready(loader, true);
		const struct plan_module *module;
		int r;

		if (index == SIZE_MAX && !loader->busy)
			index = take_from_circle(loader);
		if (index == SIZE_MAX) {
			if (loader->busy)
				(void)pthread_cond_wait(&loader->changed, &loader->lock);
			continue;
		}
		module = &loader->plan->modules[index];
		(void)pthread_mutex_unlock(&loader->lock);
		r = loader->load(module);
		(void)pthread_mutex_lock(&loader->lock);
		loader->states[index] = r < 0 ? LOAD_FAILED : LOAD_DONE;
		loader->busy--;
		loader->tried++;
		if (r == 0)
			want_all(loader, &module->post);
		(void)pthread_cond_broadcast(&loader->changed);
	}
	/* the first one out wakes those that still wait for a change, and loader_run() */
	(void)pthread_cond_broadcast(&loader->changed);
	(void)pthread_mutex_unlock(&loader->lock);
	(void)eventfd_write(loader->ended_fd, 1);
	return NULL;
}

static int compare_indices(const void *a, const void *b)
{
	size_t first = *(const size_t *)a, second = *(const size_t *)b;

	return (first > second) - (first < second);
}

/* load all that waits; @events, when not NULL, is asked for more in the meantime */
static void run_once(struct module_loader *loader, const struct loader_events *events)
{
	struct pollfd files[] = { { .fd = loader->ended_fd, .events = POLLIN },
				  { .fd = events ? events->fd : -1, .events = POLLIN } };
	pthread_t threads[64];
	size_t started = 0, wanted = loader->waiting_count;
	eventfd_t ended;

	qsort(loader->waiting, wanted, sizeof(*loader->waiting), compare_indices);
	if (events || wanted > loader->threads)
		wanted = loader->threads; /* there may be more of them soon */
	while (started < wanted && started < COUNT_OF(threads) &&
	       pthread_create(&threads[started], NULL, work, loader) == 0)
		started++;
	if (started == 0)
		(void)work(loader); /* no threads to be had: slower, but not without drivers */
	while (files[0].revents == 0)
		if (poll(files, COUNT_OF(files), -1) > 0 && files[1].revents && events)
			events->ready(events->context);
	while (started > 0)
		(void)pthread_join(threads[--started], NULL);
	(void)eventfd_read(loader->ended_fd, &ended);
}

size_t loader_run(struct module_loader *loader, const struct loader_events *events)
{
	loader->tried = 0;
	while (loader->waiting_count) {
		run_once(loader, events);
		if (events)
			events->ready(events->context);
	}
	return loader->tried;
}

void loader_retry(struct module_loader *loader)
{
	for (size_t i = 0; i < loader->plan->module_count; i++)
		if (loader->states[i] == LOAD_FAILED)
			loader->states[i] = LOAD_IDLE;
}

void loader_count(const struct module_loader *loader, size_t *ret_loaded, size_t *ret_failed)
{
	*ret_loaded = *ret_failed = 0;
	for (size_t i = 0; i < loader->plan->module_count; i++) {
		*ret_loaded += loader->states[i] == LOAD_DONE;
		*ret_failed += loader->states[i] == LOAD_FAILED;
	}
}
