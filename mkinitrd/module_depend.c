/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_depend.c - compute the indexes of a kernel's modules (see module_depend.h)
 *
 * In:    the module files (module_scan.c), what each exports and needs (module_info.c)
 * Out:   text indexes, as depmod writes them
 * Not:   binary indexes, but for those of what is built in (module_index.c, module_builtin.c)
 * Facts: kmod's tools/depmod.c: a module needs the module that exports a symbol which it leaves
 *        undefined; of several the last in order. A line of modules.dep has all that is needed,
 *        in the topological order that depmod_calculate_dependencies() finds: from modules without
 *        users on, the last found first. The order matters: modules are loaded by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "module_depend.h"
#include "decompress.h"
#include "fail.h"
#include "module_info.h"
#include "module_scan.h"
#include "module_tree.h"
#include "path_map.h"
#include "workers.h"

struct node {
	const struct module_file *file;
	struct module_facts facts;
	int result; /* of reading it */
	struct module_list needs;
	size_t users; /* modules that need it and are not yet sorted */
	size_t rank;  /* topological: users come before what they use */
	size_t stamp; /* of the last walk that met it */
};

struct graph {
	const struct sysroot *root;
	const struct kernel *kernel;
	struct module_files files;
	struct node *nodes; /* for each file */
	size_t count;
	atomic_size_t next;      /* to be read */
	struct path_map symbols; /* the node that exports each */
};

static void graph_free(struct graph *graph)
{
	path_map_free(&graph->symbols);
	for (size_t i = 0; i < graph->count; i++) {
		module_facts_free(&graph->nodes[i].facts);
		module_list_free(&graph->nodes[i].needs);
	}
	free(graph->nodes);
	module_files_free(&graph->files);
}

/* ---- reading ---- */

static int node_read(const struct graph *graph, struct node *node)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;

	text_format(&path, "%s/%s", graph->kernel->directory, node->file->path);
	if (path.failed)
		return -ENOMEM;
	fd = sysroot_open(graph->root, text_string(&path), O_RDONLY | O_NONBLOCK);
	return fd < 0 ? fd
		      : module_facts_read(fd, compressed_suffix(node->file->path) != NULL,
					  &node->facts);
}

static void *read_next(void *context)
{
	struct graph *graph = context;
	size_t i;

	while ((i = atomic_fetch_add(&graph->next, 1)) < graph->count)
		graph->nodes[i].result = node_read(graph, &graph->nodes[i]);
	return NULL;
}

/* speaks */
static int graph_read(struct graph *graph, unsigned jobs)
{
	graph->nodes = calloc(graph->files.count + 1, sizeof(*graph->nodes));
	if (!graph->nodes)
		return fail(-ENOMEM, "cannot index the modules of kernel %s",
			    graph->kernel->release);
	graph->count = graph->files.count;
	for (size_t i = 0; i < graph->count; i++)
		graph->nodes[i].file = &graph->files.items[i];
	workers_run(jobs, read_next, graph);

	for (size_t i = 0; i < graph->count; i++) {
		const struct node *node = &graph->nodes[i];

		if (node->result == -ENOMEM)
			return fail(-ENOMEM, "cannot index the modules of kernel %s",
				    graph->kernel->release);
		if (node->result < 0)
			warn("cannot read the module '%s/%s' of the root '%s': %s; what it needs "
			     "is not known",
			     graph->kernel->directory, node->file->path, graph->root->path,
			     strerror(-node->result));
	}
	return 0;
}

/* ---- who needs whom ---- */

/* of several that export a symbol the last one counts */
static int symbols_collect(struct graph *graph)
{
	for (size_t i = graph->count; i-- > 0;) {
		const struct strings *exports = &graph->nodes[i].facts.exports;

		for (size_t j = 0; j < exports->count; j++)
			if (!path_map_get(&graph->symbols, exports->items[j]) &&
			    path_map_put(&graph->symbols, exports->items[j], &graph->nodes[i],
					 NULL) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int needs_collect(struct graph *graph)
{
	for (size_t i = 0; i < graph->count; i++) {
		struct node *node = &graph->nodes[i];

		for (size_t j = 0; j < node->facts.needs.count; j++) {
			const char *name = node->facts.needs.items[j];
			/* PowerPC: ".name" is the code of "name" */
			struct node *owner = path_map_get(&graph->symbols, name + (*name == '.'));
			size_t index = owner ? (size_t)(owner - graph->nodes) : MODULE_NONE;

			if (!owner || owner == node || module_list_contains(&node->needs, index))
				continue;
			if (module_list_add(&node->needs, index) < 0)
				return -ENOMEM;
			owner->users++;
		}
	}
	return 0;
}

/* speaks */
static int fail_circle(const struct graph *graph)
{
	CLEANUP(text_free) struct text names = TEXT_EMPTY;

	for (size_t i = 0; i < graph->count; i++) {
		if (graph->nodes[i].users)
			text_format(&names, "%s'%s'", names.length ? ", " : "",
				    graph->nodes[i].file->name);
	}
	(void)fail(0,
		   "modules of kernel %s of the root '%s' need each other in a circle: %s; remove "
		   "those that do not belong there",
		   graph->kernel->release, graph->root->path, text_string(&names));
	return -ELOOP;
}

/* speaks */
static int graph_sort(struct graph *graph)
{
	CLEANUP(memory_free) size_t *ready = calloc(graph->count + 1, sizeof(*ready));
	size_t ready_count = 0, sorted = 0;

	if (!ready)
		return fail(-ENOMEM, "cannot sort the modules of kernel %s",
			    graph->kernel->release);
	for (size_t i = 0; i < graph->count; i++) {
		if (graph->nodes[i].users == 0)
			ready[ready_count++] = i;
	}
	while (ready_count) {
		struct node *node = &graph->nodes[ready[--ready_count]];

		node->rank = sorted++;
		for (size_t i = 0; i < node->needs.count; i++) {
			if (--graph->nodes[node->needs.items[i]].users == 0)
				ready[ready_count++] = node->needs.items[i];
		}
	}
	return sorted < graph->count ? fail_circle(graph) : 0;
}

/* ---- the texts ---- */

/* what @node needs, directly or not, each once */
// NOLINTNEXTLINE(misc-no-recursion): each node once a walk
static int closure_collect(struct graph *graph, const struct node *node, size_t stamp,
			   struct module_list *list)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < node->needs.count; i++) {
		struct node *needed = &graph->nodes[node->needs.items[i]];

		if (needed->stamp == stamp)
			continue;
		needed->stamp = stamp;
		r = module_list_add(list, node->needs.items[i]);
		if (r >= 0)
			r = closure_collect(graph, needed, stamp, list);
	}
	return r;
}

static int rank_compare(const void *left, const void *right, void *context)
{
	const struct graph *graph = context;
	size_t a = graph->nodes[*(const size_t *)left].rank;
	size_t b = graph->nodes[*(const size_t *)right].rank;

	return (a > b) - (a < b);
}

static int write_dependencies(struct graph *graph, const struct node *node, struct text *text)
{
	CLEANUP(module_list_free) struct module_list closure = { 0 };
	int r = closure_collect(graph, node, (size_t)(node - graph->nodes) + 1, &closure);

	if (r < 0)
		return r;
	if (closure.count)
		qsort_r(closure.items, closure.count, sizeof(*closure.items), rank_compare, graph);
	text_format(text, "%s:", node->file->path);
	for (size_t i = 0; i < closure.count; i++)
		text_format(text, " %s", graph->nodes[closure.items[i]].file->path);
	text_add_char(text, '\n');
	return 0;
}

/* the next value with @key in .modinfo, from line *@at on; NULL: no more */
static const char *info_next(const struct node *node, const char *key, size_t *at)
{
	while (*at < node->facts.info.count) {
		const char *value = module_info_value(node->facts.info.items[(*at)++], key);

		if (value && !strchr(value, '\n'))
			return value;
	}
	return NULL;
}

static int write_aliases(struct graph *graph UNUSED, const struct node *node, struct text *text)
{
	const char *value;

	for (size_t i = 0; (value = info_next(node, "alias", &i)) != NULL;)
		text_format(text, "alias %s %s\n", value, node->file->name);
	return 0;
}

static int write_softdeps(struct graph *graph UNUSED, const struct node *node, struct text *text)
{
	const char *value;

	for (size_t i = 0; (value = info_next(node, "softdep", &i)) != NULL;)
		text_format(text, "softdep %s %s\n", node->file->name, value);
	return 0;
}

static int write_weakdeps(struct graph *graph UNUSED, const struct node *node, struct text *text)
{
	const char *value;

	for (size_t i = 0; (value = info_next(node, "weakdep", &i)) != NULL;)
		text_format(text, "weakdep %s %s\n", node->file->name, value);
	return 0;
}

static int write_firmware(struct graph *graph UNUSED, const struct node *node, struct text *text)
{
	const char *value;

	for (size_t i = 0; (value = info_next(node, "firmware", &i)) != NULL;)
		text_format(text, "%s %s\n", node->file->name, value);
	return 0;
}

static int write_symbols(struct graph *graph, const struct node *node, struct text *text)
{
	for (size_t i = 0; i < node->facts.exports.count; i++) {
		const char *name = node->facts.exports.items[i];

		if (path_map_get(&graph->symbols, name) == node && !strpbrk(name, " \n"))
			text_format(text, "alias symbol:%s %s\n", name, node->file->name);
	}
	return 0;
}

/* "char-major-10-99" -> 'c', 10, 99; false when it is not of that form */
static bool device_parse(const char *alias, char *type, unsigned long *major, unsigned long *minor)
{
	const char *character = text_after(alias, "char-major-");
	const char *number = character ? character : text_after(alias, "block-major-");
	unsigned long first, second;
	char *end;

	if (!number)
		return false;
	first = strtoul(number, &end, 10);
	if (end == number || *end != '-')
		return false;
	number = end + 1;
	second = strtoul(number, &end, 10);
	if (end == number)
		return false;
	*type = character ? 'c' : 'b';
	*major = first;
	*minor = second;
	return true;
}

/* a device node whose use loads a module, when the module says both its name and its numbers */
static int write_device(struct graph *graph UNUSED, const struct node *node, struct text *text)
{
	const char *name = NULL;
	bool has_numbers = false;
	unsigned long major = 0, minor = 0;
	char type = '\0';

	for (size_t i = 0; i < node->facts.info.count && !(name && has_numbers); i++) {
		const char *alias = module_info_value(node->facts.info.items[i], "alias");
		const char *device = alias ? text_after(alias, "devname:") : NULL;

		if (device)
			name = device;
		else if (alias)
			has_numbers |= device_parse(alias, &type, &major, &minor);
	}
	if (!name || !has_numbers)
		return 0;
	if (text->length == 0)
		text_add(text, "# Device nodes to trigger on-demand module loading.\n");
	text_format(text, "%s %s %c%lu:%lu\n", node->file->name, name, type, major, minor);
	return 0;
}

// clang-format off
static const struct {
	const char *name, *heading;
	/* its lines for one module */
	int (*write)(struct graph *graph, const struct node *node, struct text *text);
	bool is_optional; /* left out when empty */
} indexes[] = {
	{ "modules.dep",     "", write_dependencies, false },
	{ "modules.alias",   "# Aliases extracted from modules themselves.\n",
	  write_aliases, false },
	{ "modules.symbols", "# Aliases for symbols, used by symbol_request().\n",
	  write_symbols, false },
	{ "modules.softdep", "# Soft dependencies extracted from modules themselves.\n",
	  write_softdeps, false },
	{ "modules.weakdep", "", write_weakdeps, true }, /* few kernels have any */
	{ "modules.devname", "", write_device, false },
	{ FIRMWARE_INDEX,    "", write_firmware, false },
};
// clang-format on

int module_depend(const struct sysroot *root, const struct kernel *kernel, unsigned jobs,
		  struct module_index *ret_index)
{
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	CLEANUP(graph_free) struct graph graph = { .root = root, .kernel = kernel };
	int r;

	r = module_scan(root, kernel, &graph.files);
	if (r >= 0 && graph.files.externals.count)
		warn("modules in '%s'%s (external in depmod.d of the root '%s') are left out; run "
		     "depmod %s to have them",
		     graph.files.externals.items[0], graph.files.externals.count > 1 ? ", ..." : "",
		     root->path, kernel->release);
	if (r >= 0)
		r = graph_read(&graph, jobs);
	if (r < 0)
		return r;
	r = symbols_collect(&graph);
	if (r >= 0)
		r = needs_collect(&graph);
	if (r < 0)
		return fail(r, "cannot index the modules of kernel %s", kernel->release);
	r = graph_sort(&graph);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < COUNT_OF(indexes); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		text_add(&text, indexes[i].heading);
		for (size_t j = 0; r >= 0 && j < graph.count; j++)
			r = indexes[i].write(&graph, &graph.nodes[j], &text);
		if (r >= 0 && (text.length || !indexes[i].is_optional))
			r = module_index_add(&index, indexes[i].name, "", &text);
	}
	if (r >= 0)
		r = module_builtin(root, kernel, &index);
	if (r < 0)
		return fail(r, "cannot index the modules of kernel %s", kernel->release);
	*ret_index = index;
	index = MODULE_INDEX_EMPTY;
	return 0;
}
