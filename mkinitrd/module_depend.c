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

struct symbol {
	const char *name; /* of the owner's facts; NULL: a free slot */
	struct node *owner;
};

struct graph {
	const struct sysroot *root;
	const struct kernel *kernel;
	struct module_files files;
	struct node *nodes; /* for each file */
	size_t count;
	atomic_size_t next;     /* to be read */
	struct symbol *symbols; /* a hash table, half full at most */
	size_t slots;           /* a power of two */
};

static void graph_free(struct graph *graph)
{
	free(graph->symbols);
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

/* FNV-1a: draft-eastlake-fnv */
static uint64_t name_hash(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash;
}

/* where @name is, or would be put */
static struct symbol *symbol_slot(const struct graph *graph, const char *name)
{
	size_t i = (size_t)name_hash(name) & (graph->slots - 1);

	while (graph->symbols[i].name && !text_equal(graph->symbols[i].name, name))
		i = (i + 1) & (graph->slots - 1);
	return &graph->symbols[i];
}

static struct node *symbol_owner(const struct graph *graph, const char *name)
{
	return symbol_slot(graph, name)->owner;
}

static int symbols_collect(struct graph *graph)
{
	size_t count = 0;

	for (size_t i = 0; i < graph->count; i++)
		count += graph->nodes[i].facts.exports.count;
	for (graph->slots = 16; graph->slots < 2 * count;)
		graph->slots *= 2;
	graph->symbols = calloc(graph->slots, sizeof(*graph->symbols));
	if (!graph->symbols)
		return -ENOMEM;
	for (size_t i = 0; i < graph->count; i++) {
		const struct strings *exports = &graph->nodes[i].facts.exports;

		/* the last one counts */
		for (size_t j = 0; j < exports->count; j++)
			*symbol_slot(graph, exports->items[j]) =
				(struct symbol){ exports->items[j], &graph->nodes[i] };
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
			struct node *owner = symbol_owner(graph, name + (*name == '.'));
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

static int write_dependencies(struct graph *graph, struct text *text)
{
	for (size_t i = 0; i < graph->count; i++) {
		CLEANUP(module_list_free) struct module_list closure = { 0 };
		int r = closure_collect(graph, &graph->nodes[i], i + 1, &closure);

		if (r < 0)
			return r;
		if (closure.count)
			qsort_r(closure.items, closure.count, sizeof(*closure.items), rank_compare,
				graph);
		text_format(text, "%s:", graph->nodes[i].file->path);
		for (size_t j = 0; j < closure.count; j++)
			text_format(text, " %s", graph->nodes[closure.items[j]].file->path);
		text_add_char(text, '\n');
	}
	return 0;
}

/* lines of .modinfo with one key, each with its module */
static void write_info(const struct graph *graph, const char *key, bool is_name_first,
		       struct text *text)
{
	for (size_t i = 0; i < graph->count; i++) {
		const struct node *node = &graph->nodes[i];

		for (size_t j = 0; j < node->facts.info.count; j++) {
			const char *value = module_info_value(node->facts.info.items[j], key);

			if (!value || strchr(value, '\n'))
				continue;
			text_format(text, "%s %s %s\n", key,
				    is_name_first ? node->file->name : value,
				    is_name_first ? value : node->file->name);
		}
	}
}

static int write_aliases(struct graph *graph, struct text *text)
{
	text_add(text, "# Aliases extracted from modules themselves.\n");
	write_info(graph, "alias", false, text);
	return 0;
}

static int write_softdeps(struct graph *graph, struct text *text)
{
	text_add(text, "# Soft dependencies extracted from modules themselves.\n");
	write_info(graph, "softdep", true, text);
	return 0;
}

/* few kernels have any: then there is no such file */
static int write_weakdeps(struct graph *graph, struct text *text)
{
	write_info(graph, "weakdep", true, text);
	return 0;
}

static int write_firmware(struct graph *graph, struct text *text)
{
	for (size_t i = 0; i < graph->count; i++) {
		const struct node *node = &graph->nodes[i];

		for (size_t j = 0; j < node->facts.info.count; j++) {
			const char *value =
				module_info_value(node->facts.info.items[j], "firmware");

			if (value && !strchr(value, '\n'))
				text_format(text, "%s %s\n", node->file->name, value);
		}
	}
	return 0;
}

static int write_symbols(struct graph *graph, struct text *text)
{
	text_add(text, "# Aliases for symbols, used by symbol_request().\n");
	for (size_t i = 0; i < graph->count; i++) {
		const struct node *node = &graph->nodes[i];

		for (size_t j = 0; j < node->facts.exports.count; j++) {
			const char *name = node->facts.exports.items[j];

			if (symbol_owner(graph, name) == node && !strpbrk(name, " \n"))
				text_format(text, "alias symbol:%s %s\n", name, node->file->name);
		}
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
static void write_device(const struct node *node, struct text *text)
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
		return;
	if (text->length == 0)
		text_add(text, "# Device nodes to trigger on-demand module loading.\n");
	text_format(text, "%s %s %c%lu:%lu\n", node->file->name, name, type, major, minor);
}

static int write_devices(struct graph *graph, struct text *text)
{
	for (size_t i = 0; i < graph->count; i++)
		write_device(&graph->nodes[i], text);
	return 0;
}

static const struct {
	const char *name;
	int (*write)(struct graph *graph, struct text *text);
	bool is_optional; /* left out when empty */
} indexes[] = {
	{ "modules.dep", write_dependencies, false }, { "modules.alias", write_aliases, false },
	{ "modules.symbols", write_symbols, false },  { "modules.softdep", write_softdeps, false },
	{ "modules.weakdep", write_weakdeps, true },  { "modules.devname", write_devices, false },
	{ FIRMWARE_INDEX, write_firmware, false },
};

int module_depend(const struct sysroot *root, const struct kernel *kernel, unsigned jobs,
		  struct module_index *ret_index)
{
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	CLEANUP(graph_free) struct graph graph = { .root = root, .kernel = kernel };
	int r;

	r = module_scan(root, kernel, &graph.files);
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

		r = indexes[i].write(&graph, &text);
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
