/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_pack.c - modules, with all that they need, into the manifest (see modules.h)
 *
 * In:    wishes of the profile
 * Out:   entries: module files (unpacked), their indexes, /etc/modprobe.d/mkinitrd.conf
 * Not:   which modules are wished (resolve_module.c)
 * Facts: modules in an image are uncompressed, so that finit_module(2) takes them as they are
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "modules.h"
#include "decompress.h"
#include "fail.h"
#include "module_depend.h"

#define CONFIG_PATH "etc/modprobe.d/mkinitrd.conf"

/* what is built in holds for any set of modules */
static const char *const whole_indexes[] = {
	"modules.builtin",
	"modules.builtin.modinfo",
};

struct want {
	const char *relation, *by;
	struct origin at;
};

static int file_add(const struct modules *modules, struct resolve *resolve, const char *from,
		    const char *entry, const struct want *want)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct addition addition = {
		.path = entry,
		.type = ENTRY_FILE,
		.mode = 0644,
		.relation = want->relation,
		.by = want->by,
		.at = want->at,
	};

	module_root_path(modules->kernel, from, &path);
	if (path.failed)
		return fail(-ENOMEM, "cannot pack '%s'", from);
	addition.source = (struct source){
		.kind = SOURCE_ROOT,
		.directory_fd = modules->root->fd,
		.path = path.data,
		.decompress = compressed_suffix(from) != NULL,
	};
	return manifest_add(resolve->manifest, &addition, NULL);
}

/* its path in the image */
static int entry_path(const struct modules *modules, const char *from, char **ret_path)
{
	CLEANUP(text_free) struct text inside = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	module_root_path(modules->kernel, from, &inside);
	module_image_path(&path, text_string(&inside) + 1);
	return inside.failed ? -ENOMEM : text_take(&path, ret_path);
}

/* one module, for one reason; speaks */
static int module_add(struct modules *modules, struct resolve *resolve, size_t index,
		      const struct want *want)
{
	const struct module *module = &modules->tree.modules[index];
	struct module_choice *choice = &modules->choices[index];
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct stat status;
	int r;

	if (!module->path)
		return 0; /* built in */
	if (choice->entry) {
		r = file_add(modules, resolve, module->path, choice->entry, want);
		return r < 0 ? r : 0;
	}
	module_root_path(modules->kernel, module->path, &path);
	r = path.failed ? -ENOMEM : sysroot_stat(modules->root, text_string(&path), true, &status);
	if (r >= 0 && !S_ISREG(status.st_mode))
		r = -EINVAL;
	if (r < 0)
		return fail(r,
			    "cannot use '%s' of the root '%s', which modules.dep lists (%s '%s'); "
			    "install it or run depmod %s",
			    text_string(&path), modules->root->path, want->relation,
			    want->by ? want->by : module->name, modules->kernel->release);
	r = entry_path(modules, module->path, &choice->entry);
	if (r >= 0)
		r = module_list_add(&modules->packed, index);
	if (r < 0)
		return fail(r, "cannot pack '%s'", text_string(&path));
	r = file_add(modules, resolve, module->path, choice->entry, want);
	return r < 0 ? r : 0;
}

static int list_add(struct modules *modules, struct resolve *resolve,
		    const struct module_list *list, const struct want *want)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->count; i++)
		r = module_add(modules, resolve, list->items[i], want);
	return r;
}

/* what one packed module needs directly, or may use */
static int needs_add(struct modules *modules, struct resolve *resolve, size_t position,
		     bool with_firmware)
{
	size_t index = modules->packed.items[position];
	CLEANUP(module_list_free) struct module_list direct = { 0 };
	const struct module *module = &modules->tree.modules[index];
	const char *entry = modules->choices[index].entry;
	int r;

	r = module_tree_direct(&modules->tree, index, &direct);
	if (r >= 0)
		r = module_tree_softdeps(&modules->tree, index);
	if (r < 0)
		return fail(r, "cannot look up what module '%s' needs", module->name);
	r = list_add(modules, resolve, &direct,
		     &(struct want){ "module dependency", entry, { 0 } });
	if (r >= 0)
		r = list_add(modules, resolve, &module->pre,
			     &(struct want){ "softdep", entry, { 0 } });
	if (r >= 0)
		r = list_add(modules, resolve, &module->post,
			     &(struct want){ "softdep", entry, { 0 } });
	if (r >= 0)
		r = module_says(modules, position, with_firmware, resolve->jobs);
	if (r >= 0)
		r = list_add(modules, resolve, &module->weak,
			     &(struct want){ "weakdep", entry, { 0 } });
	return r;
}

int modules_pack(struct modules *modules, struct resolve *resolve, bool with_firmware)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < modules->wish_count; i++) {
		const struct module_wish *wish = &modules->wishes[i];
		CLEANUP(text_free) struct text relation = TEXT_EMPTY;

		if (wish->relation)
			text_add(&relation, wish->relation);
		else
			resolve_relation(&relation, "module", wish->key, wish->value);
		r = relation.failed
			    ? fail(-ENOMEM, "cannot pack module '%s'",
				   modules->tree.modules[wish->index].name)
			    : module_add(modules, resolve, wish->index,
					 &(struct want){ text_string(&relation), NULL, wish->at });
	}
	/* the list grows while it is walked */
	for (size_t i = 0; r >= 0 && i < modules->packed.count; i++)
		r = needs_add(modules, resolve, i, with_firmware);
	if (r >= 0)
		note("%zu modules of kernel %s", modules->packed.count, modules->kernel->release);
	return r;
}

static int content_add(struct resolve *resolve, const char *entry, const char *label,
		       struct text *content)
{
	struct addition addition = {
		.path = entry,
		.type = ENTRY_FILE,
		.mode = 0644,
		.source = { .kind = SOURCE_CONTENT, .directory_fd = -1 },
		.relation = label,
	};
	CLEANUP(memory_free) char *path = strdup(label);
	char *bytes = NULL;
	size_t length = content->length;
	int r;

	r = path ? text_take(content, &bytes) : -ENOMEM;
	if (r < 0)
		return fail(r, "cannot pack '%s'", entry);
	addition.source.path = path;
	addition.source.bytes = bytes; /* the manifest's from now on */
	addition.source.byte_count = length;
	r = manifest_add(resolve->manifest, &addition, NULL);
	return r < 0 ? r : 0;
}

static bool is_packed(const struct modules *modules, const char *name)
{
	size_t index = module_tree_find(&modules->tree, name);

	return index != MODULE_NONE && modules->choices[index].entry;
}

/* ---- modprobe.d ---- */

#define COMMANDS_SHOWN 3

/* "install" and "remove" lines about packed modules: their commands would need programs, a shell */
struct commands {
	struct text shown;
	size_t count;
};

static void commands_free(struct commands *commands)
{
	text_free(&commands->shown);
}

static void command_add(struct commands *commands, const struct module_setting *setting,
			const char *name)
{
	if (commands->count++ < COMMANDS_SHOWN)
		text_format(&commands->shown, "%s'%s' line %u (%s %s)",
			    commands->shown.length ? ", " : "", setting->file, setting->line,
			    module_verb_name(setting->verb), name);
	note("'%s' line %u: '%s %s %s' is not run in the image", setting->file, setting->line,
	     module_verb_name(setting->verb), name, setting->rest);
}

static void command_apply(const struct modules *modules, const struct module_setting *setting,
			  struct commands *commands, struct text *text)
{
	bool is_forbidding = module_setting_forbids(setting);

	for (size_t i = 0; i < modules->packed.count; i++) {
		size_t index = modules->packed.items[i];
		const char *name = modules->tree.modules[index].name;

		if (fnmatch(setting->key, name, 0) != 0)
			continue;
		if (is_forbidding && !modules->choices[index].is_named) {
			note("module '%s' is packed, but not loaded by itself: '%s' line %u "
			     "forbids it",
			     name, setting->file, setting->line);
			text_format(text, "install %s %s\n", name, setting->rest);
		} else {
			command_add(commands, setting, name);
		}
	}
}

static void commands_say(const struct commands *commands)
{
	CLEANUP(text_free) struct text more = TEXT_EMPTY;

	if (commands->count > COMMANDS_SHOWN)
		text_format(&more, " and %zu more (-v lists them)",
			    commands->count - COMMANDS_SHOWN);
	if (commands->count)
		warn("the image does not run the commands of modprobe.d, it loads the modules as "
		     "if they were not there: %s%s",
		     text_string(&commands->shown), text_string(&more));
}

/* the lines of modprobe.d that matter to modprobe in the image */
static void config_write(const struct modules *modules, struct text *text)
{
	const struct module_config *config = &modules->tree.config;
	CLEANUP(commands_free) struct commands commands = { 0 };

	for (size_t i = 0; i < config->count; i++) {
		const struct module_setting *setting = &config->settings[i];
		bool is_wanted = false;

		switch (setting->verb) {
		case MODULE_ALIAS:
			is_wanted = is_packed(modules, setting->rest);
			break;
		case MODULE_BLACKLIST:
		case MODULE_OPTIONS:
			is_wanted = is_packed(modules, setting->key);
			break;
		case MODULE_SOFTDEP:
			is_wanted = !setting->is_own && is_packed(modules, setting->key);
			break;
		case MODULE_INSTALL:
		case MODULE_REMOVE:
			command_apply(modules, setting, &commands, text);
			break;
		case MODULE_WEAKDEP: /* nothing to modprobe */
			break;
		}
		if (is_wanted)
			text_format(text, "%s %s%s%s\n", module_verb_name(setting->verb),
				    setting->key, *setting->rest ? " " : "", setting->rest);
	}
	commands_say(&commands);
	for (size_t i = 0; i < modules->packed.count; i++) {
		size_t index = modules->packed.items[i];
		const struct text *options = &modules->choices[index].options;

		if (options->length)
			text_format(text, "options %s %s\n", modules->tree.modules[index].name,
				    text_string(options));
	}
}

static int config_add(const struct modules *modules, struct resolve *resolve)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	config_write(modules, &text);
	return text.length ? content_add(resolve, CONFIG_PATH, "modprobe.d", &text) : 0;
}

/* modprobe looks in /lib/modules: the symlinks that lead from there to where the modules are */
static int links_add(const struct modules *modules, struct resolve *resolve)
{
	CLEANUP(strings_free) struct strings links = STRINGS_EMPTY;
	CLEANUP(text_free) struct text usual = TEXT_EMPTY;
	CLEANUP(memory_free) char *canonical = NULL;
	int r;

	text_format(&usual, "/lib/modules/%s", modules->kernel->release);
	r = usual.failed
		    ? -ENOMEM
		    : sysroot_canonical(modules->root, text_string(&usual), &canonical, &links);
	if (r < 0)
		return fail(r, "cannot follow '%s' in the root '%s'", text_string(&usual),
			    modules->root->path);
	if (!text_equal(canonical, modules->kernel->directory))
		warn("'%s' of the root '%s' is not '%s', where modprobe will look for modules",
		     modules->kernel->directory, modules->root->path, text_string(&usual));
	for (size_t i = 0; i + 1 < links.count; i += 2) {
		const struct addition addition = {
			.path = links.items[i] + 1,
			.type = ENTRY_SYMLINK,
			.mode = 0777,
			.target = links.items[i + 1],
			.source = { .directory_fd = -1 },
			.relation = "where modprobe looks for modules",
		};

		r = manifest_add(resolve->manifest, &addition, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int whole_add(const struct modules *modules, struct resolve *resolve)
{
	for (size_t i = 0; i < COUNT_OF(whole_indexes); i++) {
		CLEANUP(memory_free) char *entry = NULL;
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		struct stat status;
		int r;

		text_format(&path, "%s/%s", modules->kernel->directory, whole_indexes[i]);
		r = entry_path(modules, whole_indexes[i], &entry);
		if (r < 0 || path.failed)
			return fail(-ENOMEM, "cannot pack '%s'", whole_indexes[i]);
		if (sysroot_stat(modules->root, text_string(&path), true, &status) < 0)
			continue; /* a kernel with nothing built in, or before 5.2 */
		r = file_add(modules, resolve, whole_indexes[i], entry,
			     &(struct want){ .relation = "module index" });
		if (r < 0)
			return r;
	}
	return 0;
}

static int index_add(const struct modules *modules, struct resolve *resolve)
{
	CLEANUP(memory_free) bool *packed = calloc(modules->tree.count + 1, sizeof(*packed));
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	int r;

	if (!packed)
		return fail(-ENOMEM, "cannot write the module index");
	for (size_t i = 0; i < modules->packed.count; i++)
		packed[modules->packed.items[i]] = true;
	r = module_index_build(modules->root, modules->kernel, &modules->tree, packed, &index);
	if (r >= 0 && module_builtin(modules->root, modules->kernel, &index) < 0)
		r = fail(-ENOMEM, "cannot write the module index");
	for (size_t i = 0; r >= 0 && i < index.count; i++) {
		CLEANUP(memory_free) char *entry = NULL;

		r = entry_path(modules, index.files[i].name, &entry);
		if (r < 0)
			return fail(r, "cannot pack '%s'", index.files[i].name);
		r = content_add(resolve, entry, "module index", &index.files[i].content);
	}
	return r;
}

int modules_pack_indexes(const struct modules *modules, struct resolve *resolve)
{
	int r;

	r = index_add(modules, resolve);
	if (r >= 0)
		r = whole_add(modules, resolve);
	if (r >= 0)
		r = links_add(modules, resolve);
	return r < 0 ? r : config_add(modules, resolve);
}
