/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.c - how an image is put together, and what of the profile follows from it (see layout.h)
 *
 * In:    --layout, "output:" of the profile, the kernel's configuration
 * Out:   the form of the SquashFS; its modules in the profile; a line of the boot plan
 * Not:   which entry goes where (image_order.c)
 * Facts: kernel fs/squashfs/Kconfig; the namespaces of attributes: fs/squashfs/xattr_id.c
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "kernel_config.h"
#include "layout.h"
#include "plan.h"
#include "resolve.h"
#include "squashfs_make.h"
#include "../init/lib/number.h"

#define COMPRESS_USUAL "zstd:9"
#define BLOCK_USUAL "128K"
#define BLOCK_LEAST ((uint64_t)4 << 10)
#define BLOCK_MOST ((uint64_t)1 << 20)

static const char origin_label[] = "layout squashfs";
static const struct origin origin = { .file = origin_label };

/* what mounts it */
static const char *const modules[] = { "loop", "squashfs", "overlay" };
static const char *const verity_modules[] = { "dm_verity" };
/* faster than what is built in */
static const char *const verity_helpers[] = { "sha256_generic", "sha256_ssse3" };

// clang-format off
static const struct {
	enum compression compression;
	const char *name, *option; /* of the kernel */
} compressions[] = {
	{ COMPRESS_ZSTD, "zstd", "SQUASHFS_ZSTD" },
	{ COMPRESS_XZ,   "xz",   "SQUASHFS_XZ" },
	{ COMPRESS_GZIP, "gzip", "SQUASHFS_ZLIB" },
	{ COMPRESS_LZ4,  "lz4",  "SQUASHFS_LZ4" },
};

static const struct {
	const char *option, *what;
} kernel_needs[] = {
	{ "SQUASHFS",     "mount a SquashFS" },
	{ "BLK_DEV_LOOP", "mount a file" },
	{ "OVERLAY_FS",   "put a writable layer over a SquashFS" },
	{ "DM_VERITY",    "check a SquashFS against a hash tree" }, /* the last: not for all */
};
// clang-format on

static int form_choose(const struct value *squashfs, struct squashfs_form *ret_form)
{
	const struct value *block = value_get(squashfs, "block", NULL);
	const char *compress = value_text(value_get(squashfs, "compress", NULL), COMPRESS_USUAL);
	uint64_t size = 0;
	int r = compression_parse(compress, &ret_form->compression, &ret_form->level);

	if (r < 0)
		return r;
	if (ret_form->compression == COMPRESS_NONE)
		return fail(0, "compression 'none': a SquashFS is compressed with zstd, xz, gzip "
			       "or lz4 (output.squashfs.compress)");
	(void)size_parse(value_text(block, BLOCK_USUAL), &size);
	if (size < BLOCK_LEAST || size > BLOCK_MOST || (size & (size - 1)) != 0)
		return fail_at(&block->origin,
			       "'output.squashfs.block: %s' is not a power of two from 4K to 1M",
			       value_text(block, ""));
	ret_form->block_size = (uint32_t)size;
	return 0;
}

bool layout_is_known(const char *name)
{
	return text_equal(name, "cpio") || text_equal(name, "squashfs");
}

int layout_choose(const struct profile *profile, const char *option, const char *beside,
		  struct layout *ret_layout)
{
	const struct value *output = value_get(profile->root, "output", NULL);
	const char *name = option ? option : value_text(value_get(output, "layout", NULL), "cpio");

	*ret_layout = (struct layout){ 0 };
	ret_layout->is_squashfs = text_equal(name, "squashfs");
	ret_layout->is_beside = beside != NULL;
	ret_layout->has_verity =
		text_equal(value_text(value_get(output, "verity", NULL), ""), "true");
	if (!ret_layout->is_squashfs && ret_layout->has_verity)
		return fail_at(&value_get(output, "verity", NULL)->origin,
			       "'output.verity' is for a SquashFS; take layout squashfs "
			       "(output.layout, --layout)");
	if (!ret_layout->is_squashfs && beside)
		return fail(0, "--squashfs %s: the layout is %s; take --layout squashfs", beside,
			    name);
	if (!ret_layout->is_squashfs)
		return 0;
	return form_choose(value_get(output, "squashfs", NULL), &ret_layout->form);
}

/* the map @key in @map, made when it is not there; NULL: out of memory */
static struct value *map_in(struct value *map, const char *key)
{
	struct value *child = value_map_get(map, key);

	if (child && child->kind == VALUE_MAP)
		return child;
	if (child)
		value_map_remove(map, key);
	child = value_new(VALUE_MAP, origin);
	if (!child || value_map_add(map, key, origin, child) < 0)
		return NULL; /* value_map_add() has freed it */
	return child;
}

/* loaded before anything is mounted; what the profile says of its loading and options stays */
static int need_module(struct value *wanted, const char *name, const char *need)
{
	struct value *module = map_in(wanted, name);

	if (!module)
		return -ENOMEM;
	value_map_remove(module, "need");
	if (value_map_add(module, "need", origin, value_new_scalar(need, origin)) < 0)
		return -ENOMEM;
	if (value_map_get(module, "load"))
		return 0;
	return value_map_add(module, "load", origin, value_new_scalar("boot", origin));
}

/* what was chosen, for all who read the profile from now on */
static int note_layout(struct value *root, const char *name)
{
	struct value *output = map_in(root, "output");

	if (!output)
		return -ENOMEM;
	value_map_remove(output, "layout");
	return value_map_add(output, "layout", origin, value_new_scalar(name, origin));
}

int layout_needs(const struct layout *layout, struct profile *profile)
{
	struct value *kernel = layout->is_squashfs ? map_in(profile->root, "kernel") : NULL;
	struct value *wanted = kernel ? map_in(kernel, "modules") : NULL;
	int r = layout->is_squashfs && !wanted
			? -ENOMEM
			: note_layout(profile->root, layout->is_squashfs ? "squashfs" : "cpio");

	for (size_t i = 0; wanted && r == 0 && i < COUNT_OF(modules); i++)
		r = need_module(wanted, modules[i], "required");
	for (size_t i = 0; layout->has_verity && r == 0 && i < COUNT_OF(verity_modules); i++)
		r = need_module(wanted, verity_modules[i], "required");
	for (size_t i = 0; layout->has_verity && r == 0 && i < COUNT_OF(verity_helpers); i++)
		r = need_module(wanted, verity_helpers[i], "optional");
	return r < 0 ? fail(r, "cannot choose modules") : 0;
}

static int fail_kernel(const struct kernel_config *config, const char *release, const char *option,
		       const char *what, bool is_forced)
{
	if (is_forced) {
		warn("kernel '%s' cannot %s: '%s' lacks CONFIG_%s; going on (--force)", release,
		     what, kernel_config_path(config), option);
		return 0;
	}
	(void)fail(0,
		   "kernel '%s' cannot %s: '%s' lacks CONFIG_%s; take another kernel (-k) or "
		   "another layout (--layout cpio)",
		   release, what, kernel_config_path(config), option);
	return -ENOTSUP;
}

static int fail_compression(const struct kernel_config *config, const char *release,
			    const char *name, const char *option, bool is_forced)
{
	CLEANUP(text_free) struct text known = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(compressions); i++)
		if (kernel_config_get(config, compressions[i].option) == 'y')
			text_format(&known, "%s%s", known.length ? ", " : "", compressions[i].name);
	if (is_forced) {
		warn("kernel '%s' cannot read a SquashFS of %s: '%s' lacks CONFIG_%s; going on "
		     "(--force)",
		     release, name, kernel_config_path(config), option);
		return 0;
	}
	(void)fail(0,
		   "kernel '%s' cannot read a SquashFS of %s: '%s' lacks CONFIG_%s; it can: %s "
		   "(output.squashfs.compress of the profile)",
		   release, name, kernel_config_path(config), option,
		   known.length ? text_string(&known) : "none");
	return -ENOTSUP;
}

int layout_check_kernel(const struct layout *layout, const struct kernel_config *config,
			const char *release, bool is_forced)
{
	size_t count = COUNT_OF(kernel_needs) - (layout->has_verity ? 0 : 1);
	int r = 0;

	for (size_t i = 0; layout->is_squashfs && r == 0 && i < count; i++)
		if (kernel_config_get(config, kernel_needs[i].option) == 'n')
			r = fail_kernel(config, release, kernel_needs[i].option,
					kernel_needs[i].what, is_forced);
	for (size_t i = 0; layout->is_squashfs && r == 0 && i < COUNT_OF(compressions); i++)
		if (compressions[i].compression == layout->form.compression &&
		    kernel_config_get(config, compressions[i].option) != 'y')
			r = fail_compression(config, release, compressions[i].name,
					     compressions[i].option, is_forced);
	return r;
}

int layout_plan(const struct layout *layout, struct bootplan *plan)
{
	if (!layout->is_squashfs || (layout->is_beside && plan->has_root))
		return 0;
	if (plan_has_tree(plan))
		return fail(
			0,
			"the root is looked for at '%s' (boot.root.find): say where its SquashFS "
			"goes, --squashfs FILE",
			plan->root.find);
	plan->has_root = true;
	if (layout->is_beside) /* root= of the command line says it */
		return 0;
	if (!plan->root.find)
		plan->root.find = strdup("none");
	plan->root.image = strdup("/" SQUASHFS_NAME);
	return plan->root.find && plan->root.image ? 0 : fail(-ENOMEM, "cannot make a boot plan");
}

static int add_place(struct resolve *resolve, const char *path, const char *relation,
		     const struct value *value)
{
	CLEANUP(memory_free) char *place = NULL;
	struct addition addition = {
		.type = ENTRY_DIRECTORY,
		.mode = 0755,
		.source = { .directory_fd = -1 },
		.relation = relation,
		.at = value ? value->origin : origin,
	};
	const struct entry *entry;
	int r = resolve_place(resolve, path, relation, &addition.at, &place);

	if (r < 0)
		return r;
	entry = manifest_find(resolve->manifest, place);
	if (entry && entry->type == ENTRY_DIRECTORY)
		return 0;
	addition.path = place;
	return manifest_add(resolve->manifest, &addition, NULL);
}

static bool has_docker(const struct manifest *manifest)
{
	return manifest_find(manifest, "usr/bin/dockerd") ||
	       manifest_find(manifest, "usr/sbin/dockerd") ||
	       manifest_find(manifest, "usr/local/bin/dockerd");
}

int layout_places(const struct layout *layout, struct resolve *resolve, const struct bootplan *plan)
{
	/* what moves along or is bound there: init/switch_root.c */
	static const char *const paths[] = {
		"/dev", "/proc", "/sys", "/run", "/tmp", "/usr/lib/mkinitrd", "/usr/lib/modules"
	};
	const struct value *disk = value_get(resolve->profile->root, "boot", "disk", NULL);
	int r = 0;

	if (!layout->is_squashfs)
		return 0;
	for (size_t i = 0; r >= 0 && i < COUNT_OF(paths); i++)
		r = add_place(resolve, paths[i], "mount point", NULL);
	if (r >= 0 && plan->has_disk && plan->disk.at)
		r = add_place(resolve, plan->disk.at, "mount point of 'boot: disk:'", disk);
	for (size_t i = 0; r >= 0 && plan->has_disk && i < plan->disk.volumes.count; i++)
		r = add_place(resolve, plan->disk.volumes.items[i], "mount point of a volume",
			      disk);
	if (r >= 0 && !plan->has_disk &&
	    has_docker(resolve->manifest)) /* then it is a tmpfs: init/disk.c */
		r = add_place(resolve, "/var/lib/docker", "mount point", NULL);
	return r < 0 ? r : 0;
}

static int hex_format(const unsigned char *bytes, size_t count, char **ret_string)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	for (size_t i = 0; i < count; i++)
		text_format(&text, "%02x", bytes[i]);
	return text_take(&text, ret_string);
}

int layout_plan_verity(const struct squashfs_made *made, struct bootplan *plan)
{
	struct plan_verity *verity = &plan->verity;
	int r = hex_format(made->verity.root_hash, VERITY_DIGEST, &verity->root_hash);

	if (r == 0)
		r = hex_format(made->verity.salt, VERITY_DIGEST, &verity->salt);
	if (r < 0)
		return r;
	plan->has_verity = true;
	verity->block_size = VERITY_BLOCK;
	verity->data_blocks = made->verity.data_blocks;
	verity->hash_start = made->verity.hash_start;
	return 0;
}

bool layout_keeps_xattr(const char *name)
{
	return text_after(name, "user.") || text_after(name, "trusted.") ||
	       text_after(name, "security.");
}
