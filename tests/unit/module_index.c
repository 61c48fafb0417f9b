/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_index.c - modules chosen, packed, planned; and their indexes, with depmod and modprobe as
 * judges: what is packed is written into a folder, depmod indexes the same files again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <libgen.h>

#include "init/lib/bootplan.h"
#include "mkinitrd/decompress.h"
#include "mkinitrd/resolve.h"
#include "tests/fixture/program.h"

#define RELEASE "6.0.0-fixture"
#define DIRECTORY "usr/lib/modules/" RELEASE "/"

struct fixture {
	char *folder;
	struct sysroot root;
	struct profile profile;
	struct value *wanted; /* kernel.modules */
	struct resolve resolve;
	struct modules *modules;
};

static struct fixture fixture;

static struct value *map_in(struct value *parent, const char *key)
{
	struct value *map = value_new(VALUE_MAP, parent->origin);

	assert_non_null(map);
	assert_int_equal(value_map_add(parent, key, parent->origin, map), 0);
	return map;
}

static void scalar_in(struct value *map, const char *key, const char *scalar, unsigned line)
{
	struct origin at = { "test.yaml", line, 1 };

	assert_int_equal(value_map_add(map, key, at, value_new_scalar(scalar, at)), 0);
}

static void fixture_open(const char *root_path, const char *release)
{
	struct value *kernel;

	fixture = (struct fixture){ .root = SYSROOT_EMPTY };
	fixture.folder = folder_make_temporary();
	assert_non_null(fixture.folder);
	if (!root_path) {
		const char *argv[] = { FIXTURE_DIRECTORY "/make_modules", fixture.folder, RELEASE,
				       NULL };
		CLEANUP(text_free) struct text output = TEXT_EMPTY;

		assert_int_equal(program_run(argv, &output), 0);
	}
	assert_int_equal(sysroot_open_root(&fixture.root, root_path ? root_path : fixture.folder),
			 0);
	fixture.profile.root = value_new(VALUE_MAP, (struct origin){ "test.yaml", 1, 1 });
	kernel = map_in(fixture.profile.root, "kernel");
	fixture.wanted = map_in(kernel, "modules");
	fixture.resolve.profile = &fixture.profile;
	fixture.resolve.root = &fixture.root;
	fixture.resolve.manifest = manifest_new();
	fixture.resolve.kernel.release = strdup(release);
	assert_true(asprintf(&fixture.resolve.kernel.directory, "/usr/lib/modules/%s", release) >
		    0);
	assert_int_equal(modules_open(&fixture.resolve, &fixture.modules), 0);
}

static void fixture_close(void)
{
	modules_close(fixture.modules);
	manifest_free(fixture.resolve.manifest);
	strings_free(&fixture.resolve.missing.modules);
	strings_free(&fixture.resolve.missing.firmware);
	free(fixture.resolve.kernel.release);
	free(fixture.resolve.kernel.directory);
	value_free(fixture.profile.root);
	sysroot_close(&fixture.root);
	folder_remove(fixture.folder);
	free(fixture.folder);
}

static int fixture_setup(void **state UNUSED)
{
	fixture_open(NULL, RELEASE);
	return 0;
}

static int fixture_teardown(void **state UNUSED)
{
	fixture_close();
	return 0;
}

static const char *content_of(const char *path)
{
	const struct entry *entry = manifest_find(fixture.resolve.manifest, path);

	assert_non_null(entry);
	assert_int_equal(entry->source.kind, SOURCE_CONTENT);
	return entry->source.bytes;
}

/* ---- what is chosen ---- */

static bool is_packed(const char *file)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, DIRECTORY "kernel/%s.ko", file);
	return manifest_find(fixture.resolve.manifest, text_string(&path)) != NULL;
}

static void keys_choose_modules(void **state UNUSED)
{
	// clang-format off
	static const struct {
		const char *key;
		const char *packed;	/* all that it brings, space separated */
		const char *not_packed;
	} rows[] = {
		{ "fake_bus",	"drivers/fake/fake_bus", "drivers/fake/fake_disk" },
		{ "fake-disk",	"drivers/fake/fake_disk drivers/fake/fake_bus drivers/fake/fake-crc "
				"drivers/fake/fake_late", "drivers/fake/fake_banned" },
		{ "crypto-fake-crc", "drivers/fake/fake-crc", "drivers/fake/fake_bus" },
		{ "fs-fakefs",	"fs/fake_fs drivers/fake/fake-crc", "drivers/fake/fake_bus" },
		{ "virtio:d00000009v00001AF4", "drivers/virtio/fake_virtio", "drivers/virtio/fake_virtio_blk" },
		{ "virtio:d00000003v00001AF4", "drivers/virtio/fake_virtio_blk drivers/virtio/fake_virtio "
				"drivers/fake/fake_bus", "fs/fake_fs" },
		{ "virtio:*",	"drivers/virtio/fake_virtio_blk drivers/virtio/fake_virtio", "fs/fake_fs" },
		{ "fake_builtin", "", "drivers/fake/fake_bus" },
		{ "fake-builtin-alias", "", "drivers/fake/fake_bus" },
		{ "drivers/net/ethernet/*", "drivers/net/ethernet/fake_eth", "fs/fake_fs" },
		{ "drivers/net/ethernet/*/*", "drivers/net/ethernet/vendor/fake_deep", "drivers/net/ethernet/fake_eth" },
		{ "fake_eth",	"drivers/net/ethernet/fake_eth drivers/net/ethernet/vendor/fake_deep", "fs/fake_fs" },	/* weakdep of .modinfo */
		{ "fake_late",	"drivers/fake/fake_late fs/fake_fs drivers/fake/fake-crc", "drivers/fake/fake_bus" },	/* weakdep of modprobe.d */
		{ "drivers/net/ethernet/**", "drivers/net/ethernet/fake_eth drivers/net/ethernet/vendor/fake_deep", "fs/fake_fs" },
		{ "drivers/**/fake_*p", "drivers/net/ethernet/vendor/fake_deep", "drivers/net/ethernet/fake_eth" },
		{ "**/fake_deep", "drivers/net/ethernet/vendor/fake_deep", "drivers/net/ethernet/fake_eth" },
		{ "*/netfilter/xt_*", "net/netfilter/xt_fake net/netfilter/xt_other", "fs/fake_fs" },
		{ "xt_f*",	"net/netfilter/xt_fake net/netfilter/xt_other", "fs/fake_fs" },	/* softdep of modprobe.d */
		{ "**",		"fs/fake_fs drivers/fake/fake_banned drivers/net/ethernet/vendor/fake_deep", NULL },
		{ "fake_banned", "drivers/fake/fake_banned", NULL },
		{ "fake_installed", "drivers/fake/fake_installed", NULL },
	};
	// clang-format on

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(memory_free) char *packed = strdup(rows[i].packed);
		char *rest = packed;
		char *file;

		print_message("row: '%s'\n", rows[i].key);
		fixture_open(NULL, RELEASE);
		scalar_in(fixture.wanted, rows[i].key, "required", 7);
		assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
		while ((file = strsep(&rest, " ")) != NULL)
			assert_true(*file == '\0' || is_packed(file));
		assert_true(!rows[i].not_packed || !is_packed(rows[i].not_packed));
		fixture_close();
	}
}

static void missing_is_an_error_or_a_summary(void **state UNUSED)
{
	static const char *const keys[] = {
		"fake_buss",
		"no/such/**",
		"pci:v0000BADDd00000001sv0sd0bc0sc0i0",
		"odd[key",
	};

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		print_message("row: '%s'\n", keys[i]);
		fixture_open(NULL, RELEASE);
		scalar_in(fixture.wanted, keys[i], "optional", 7);
		assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
		assert_int_equal(fixture.resolve.missing.modules.count, 1);
		assert_string_equal(fixture.resolve.missing.modules.items[0], keys[i]);
		assert_false(is_packed("drivers/fake/fake_banned"));
		fixture_close();

		fixture_open(NULL, RELEASE);
		scalar_in(fixture.wanted, keys[i], "required", 7);
		assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), -EINVAL);
		fixture_close();
	}
}

static void reasons_and_files(void **state UNUSED)
{
	// clang-format off
	static const struct {
		const char *path, *relation, *by;
		bool is_unpacked;
	} rows[] = {
		{ DIRECTORY "kernel/drivers/fake/fake_disk.ko", "module 'fake_disk'", NULL, false },
		{ DIRECTORY "kernel/drivers/fake/fake_bus.ko", "module dependency", DIRECTORY "kernel/drivers/fake/fake_disk.ko", false },
		{ DIRECTORY "kernel/drivers/fake/fake-crc.ko", "softdep", DIRECTORY "kernel/drivers/fake/fake_disk.ko", false },
		{ DIRECTORY "kernel/drivers/fake/fake_late.ko", "softdep", DIRECTORY "kernel/drivers/fake/fake_disk.ko", false },
		{ DIRECTORY "kernel/drivers/virtio/fake_virtio.ko", "module dependency", DIRECTORY "kernel/drivers/virtio/fake_virtio_blk.ko", true },
		{ DIRECTORY "kernel/drivers/virtio/fake_virtio_blk.ko", "module 'fake_virtio_blk'", NULL, true },
		{ DIRECTORY "kernel/fs/fake_fs.ko", "module 'fake_fs'", NULL, true },
		{ DIRECTORY "kernel/drivers/net/ethernet/vendor/fake_deep.ko", "weakdep", DIRECTORY "kernel/drivers/net/ethernet/fake_eth.ko", false },
		{ "usr/lib/firmware/fake/disk.bin", "firmware", DIRECTORY "kernel/drivers/fake/fake_disk.ko", false },
		{ "usr/lib/firmware/fake/glob-1.bin", "firmware", DIRECTORY "kernel/drivers/virtio/fake_virtio_blk.ko", false },
		{ "usr/lib/firmware/fake/glob-2.bin", "firmware", DIRECTORY "kernel/drivers/virtio/fake_virtio_blk.ko", false },
		{ "usr/lib/firmware/fake/eth.bin", "firmware", DIRECTORY "kernel/drivers/net/ethernet/fake_eth.ko", true },
		{ DIRECTORY "modules.builtin.modinfo", "module index", NULL, false },
	};
	// clang-format on
	static const char *const keys[] = { "fake_disk", "fake_virtio_blk", "fake_fs", "fake_eth" };
	const struct entry *entry;

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		scalar_in(fixture.wanted, keys[i], "required", (unsigned)i + 10);
	assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: '%s'\n", rows[i].path);
		entry = manifest_find(fixture.resolve.manifest, rows[i].path);
		assert_non_null(entry);
		assert_int_equal(entry->source.kind, SOURCE_ROOT);
		assert_int_equal(entry->source.decompress, rows[i].is_unpacked);
		assert_string_equal(entry->reasons[0].relation, rows[i].relation);
		assert_true(rows[i].by ? text_equal(entry->reasons[0].by, rows[i].by)
				       : !entry->reasons[0].by);
	}
	entry = manifest_find(fixture.resolve.manifest, rows[0].path);
	assert_int_equal(entry->reasons[0].at.line, 10);
	entry = manifest_find(fixture.resolve.manifest, "lib");
	assert_non_null(entry);
	assert_string_equal(entry->target, "usr/lib");
	assert_int_equal(fixture.resolve.missing.firmware.count, 1);
	assert_string_equal(fixture.resolve.missing.firmware.items[0], "fake/absent.bin");
	assert_string_equal(content_of("etc/modprobe.d/mkinitrd.conf"),
			    "options fake_disk depth=4 \tmode=fast\noptions fake_eth speed=10\n"
			    "alias net_fake fake_eth\n");
}

static void firmware_none(void **state UNUSED)
{
	scalar_in(fixture.wanted, "fake_disk", "required", 7);
	scalar_in(value_get(fixture.profile.root, "kernel", NULL), "firmware", "none", 8);
	assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
	assert_null(manifest_find(fixture.resolve.manifest, "usr/lib/firmware/fake/disk.bin"));
	assert_int_equal(fixture.resolve.missing.firmware.count, 0);
}

/* ---- the boot plan ---- */

static void plan_lines(void **state UNUSED)
{
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct value *map;

	scalar_in(fixture.wanted, "fake_disk", "required", 7);    /* has a device alias */
	scalar_in(fixture.wanted, "fake_late", "required", 8);    /* nothing asks for it */
	scalar_in(fixture.wanted, "fake_fs", "required", 9);      /* mount asks */
	scalar_in(fixture.wanted, "xt_o*", "required", 10);       /* a pattern: on demand */
	scalar_in(fixture.wanted, "fake_banned", "required", 11); /* no alias reaches it */
	map = map_in(fixture.wanted, "fake_eth");
	scalar_in(map, "need", "required", 12);
	scalar_in(map, "load", "boot", 12);
	scalar_in(map, "options", "debug=1", 12);
	map = map_in(fixture.wanted, "xt_fake");
	scalar_in(map, "load", "demand", 13);
	assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
	assert_int_equal(modules_plan(fixture.modules, &plan), 0);
	assert_int_equal(bootplan_format(&plan, &text), 0);
#define PLAN_PATH " path=/" DIRECTORY "kernel/"
	// clang-format off
	static const char *const lines[] = {
		"module name=fake_disk" PLAN_PATH "drivers/fake/fake_disk.ko load=demand needs=fake_bus "
			"soft=fake_crc post=fake_late options=\"depth=4 \\tmode=fast\"\n",
		"module name=fake_bus" PLAN_PATH "drivers/fake/fake_bus.ko load=demand\n",
		"module name=fake_late" PLAN_PATH "drivers/fake/fake_late.ko load=beside\n",
		"module name=fake_fs" PLAN_PATH "fs/fake_fs.ko load=demand soft=fake_crc\n",
		"module name=xt_other" PLAN_PATH "net/netfilter/xt_other.ko load=demand\n",
		"module name=xt_fake" PLAN_PATH "net/netfilter/xt_fake.ko load=demand soft=xt_other\n",
		"module name=fake_eth" PLAN_PATH "drivers/net/ethernet/fake_eth.ko load=boot "
			"options=\"speed=10 debug=1\"\n",
		"alias module=fake_disk match=pci:v00001AF4d00001042sv*sd*bc*sc*i*\n",
		"alias module=fake_fs match=fs-fakefs\n",
	};
	// clang-format on
	print_message("%s", text_string(&text));
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		print_message("line: %s", lines[i]);
		assert_non_null(strstr(text_string(&text), lines[i]));
	}
	assert_null(strstr(text_string(&text), "alias module=fake_banned"));
	assert_null(strstr(text_string(&text), "devname:"));
	for (size_t i = 0; i < plan.module_count; i++) { /* dependencies come first */
		for (size_t j = i; j < plan.module_count; j++)
			assert_false(strings_contain(&plan.modules[i].needs, plan.modules[j].name));
	}
}

/* ---- the indexes ---- */

static void entry_write(const char *folder, const struct entry *entry)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(memory_free) char *parent = NULL;
	CLEANUP(fd_close) int fd = -1;

	text_format(&path, "%s/%s", folder, entry->path);
	parent = strdup(text_string(&path));
	assert_int_equal(directory_make(dirname(parent), 0755), 0);
	if (entry->type == ENTRY_SYMLINK) {
		assert_int_equal(symlink(entry->target, text_string(&path)), 0);
		return;
	}
	if (entry->source.kind == SOURCE_ROOT) {
		CLEANUP(fd_close)
		int source = sysroot_open(&fixture.root, entry->source.path, O_RDONLY | O_CLOEXEC);

		assert_true(source >= 0);
		assert_int_equal(entry->source.decompress
					 ? decompress_fd(source, DECOMPRESS_LIMIT, &content)
					 : file_read_fd(source, DECOMPRESS_LIMIT, &content),
				 0);
	} else {
		text_add_bytes(&content, entry->source.bytes, entry->source.byte_count);
	}
	fd = open(text_string(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text_string(&content), content.length), 0);
}

static void manifest_write(const char *folder)
{
	for (size_t i = 0; i < manifest_count(fixture.resolve.manifest); i++)
		entry_write(folder, manifest_at(fixture.resolve.manifest, i));
}

static void file_load(const char *folder, const char *name, struct text *text)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "%s/usr/lib/modules/%s/%s", folder, fixture.resolve.kernel.release,
		    name);
	assert_int_equal(file_read(AT_FDCWD, text_string(&path), (size_t)64 << 20, text), 0);
}

/* bytes, or the lines in any order */
static void files_equal(const char *name, const char *ours, const char *depmods, bool is_binary)
{
	CLEANUP(text_free) struct text our = TEXT_EMPTY;
	CLEANUP(text_free) struct text their = TEXT_EMPTY;

	print_message("index: %s\n", name);
	file_load(ours, name, &our);
	file_load(depmods, name, &their);
	if (!is_binary) {
		CLEANUP(strings_free) struct strings our_lines = STRINGS_EMPTY;
		CLEANUP(strings_free) struct strings their_lines = STRINGS_EMPTY;
		char *rest = our.data;
		char *line;

		while (rest && (line = strsep(&rest, "\n")) != NULL)
			assert_int_equal(strings_add(&our_lines, line), 0);
		rest = their.data;
		while (rest && (line = strsep(&rest, "\n")) != NULL)
			assert_int_equal(strings_add(&their_lines, line), 0);
		strings_sort(&our_lines, false);
		strings_sort(&their_lines, false);
		assert_int_equal(our_lines.count, their_lines.count);
		for (size_t i = 0; i < our_lines.count; i++)
			assert_string_equal(our_lines.items[i], their_lines.items[i]);
		return;
	}
	assert_int_equal(our.length, their.length);
	assert_memory_equal(our.data, their.data, our.length);
}

/* what modprobe says, without the folder and without the compression of files */
static void modprobe_prints(const char *folder, const char *option, const char *name,
			    struct text *text)
{
	const char *argv[] = { "modprobe", option, "-d",
			       folder,     "-S",   fixture.resolve.kernel.release,
			       name,       NULL };
	const struct {
		const char *found;
		size_t cut; /* so many characters of it */
	} rows[] = {
		{ folder, strlen(folder) },
		{ "//", 1 },
		{ ".xz ", 3 },
		{ ".zst ", 4 },
		{ ".gz ", 3 },
	};
	char *position;

	assert_int_equal(program_run(argv, text), 0);
	for (size_t i = text_equal(folder, "/"); i < COUNT_OF(rows); i++) {
		while (text->data && (position = strstr(text->data, rows[i].found)) != NULL)
			memmove(position, position + rows[i].cut,
				strlen(position + rows[i].cut) + 1);
	}
}

/* the root as a whole, and what was packed, read by modprobe through their .bin files */
static void answers_equal(const char *folder, const char *name)
{
	static const char *const options[] = { "-D", "-R" };

	for (size_t i = 0; i < COUNT_OF(options); i++) {
		CLEANUP(text_free) struct text packed = TEXT_EMPTY;
		CLEANUP(text_free) struct text whole = TEXT_EMPTY;

		modprobe_prints(folder, options[i], name, &packed);
		modprobe_prints(fixture.root.path, options[i], name, &whole);
		if (!text_equal(text_string(&packed), text_string(&whole)))
			print_message("modprobe %s %s\n", options[i], name);
		assert_string_equal(text_string(&packed), text_string(&whole));
		assert_true(packed.length > 0);
	}
}

static void indexes_compare(const char *const *names, size_t count)
{
	CLEANUP(memory_free) char *ours = folder_make_temporary();
	CLEANUP(memory_free) char *depmods = folder_make_temporary();
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	const char *argv[] = { "depmod", "-b", depmods, fixture.resolve.kernel.release, NULL };
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;

	assert_non_null(ours);
	assert_non_null(depmods);
	manifest_write(ours);
	manifest_write(depmods);
	assert_int_equal(program_run(argv, &output), 0);
	files_equal("modules.alias", ours, depmods, false);
	files_equal("modules.symbols", ours, depmods, false);
	files_equal("modules.softdep", ours, depmods, false);
	files_equal("modules.alias.bin", ours, depmods, true);
	files_equal("modules.symbols.bin", ours, depmods, true);
	files_equal("modules.builtin.bin", ours, depmods, true);
	files_equal("modules.builtin.alias.bin", ours, depmods, true);
	assert_int_equal(modules_plan(fixture.modules, &plan), 0);
	for (size_t i = 0; i < plan.module_count; i++)
		answers_equal(ours, plan.modules[i].name);
	for (size_t i = 0; i < count; i++)
		answers_equal(ours, names[i]);
	folder_remove(ours);
	folder_remove(depmods);
}

static void indexes_of_the_fixture(void **state UNUSED)
{
	static const char *const keys[] = { "fake_disk", "fake_virtio_blk", "fake_fs", "xt_*" };
	static const char *const names[] = {
		"fs-fakefs",
		"virtio:d00000003v00001AF4",
		"pci:v00001AF4d00001042sv1sd1bc0sc0i0",
		"crypto-fake-crc",
		"fake:A-By7-z",
		"symbol:fake_virtio_ring",
		"ipt_other",
		"fake-builtin-alias",
		"fake_builtin",
	};

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		scalar_in(fixture.wanted, keys[i], "required", (unsigned)i + 10);
	assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
	assert_string_equal(content_of(DIRECTORY "modules.order"),
			    "kernel/drivers/fake/fake_bus.ko\nkernel/drivers/fake/fake-crc.ko\n"
			    "kernel/drivers/fake/fake_late.ko\nkernel/drivers/fake/fake_disk.ko\n"
			    "kernel/drivers/virtio/fake_virtio.ko\n"
			    "kernel/drivers/virtio/fake_virtio_blk.ko\nkernel/fs/fake_fs.ko\n"
			    "kernel/net/netfilter/xt_fake.ko\nkernel/net/netfilter/xt_other.ko\n");
	assert_non_null(
		strstr(content_of(DIRECTORY "modules.devname"), "fake_fs fake-control c10:99\n"));
	indexes_compare(names, COUNT_OF(names));
}

/* the newest installed kernel; an image with some hundred real modules */
static char *release_find(void)
{
	CLEANUP(directory_close) DIR *directory = opendir("/usr/lib/modules");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory)) != NULL) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "/usr/lib/modules/%s/modules.dep.bin", entry->d_name);
		if (entry->d_name[0] != '.' && access(text_string(&path), R_OK) == 0)
			return strdup(entry->d_name);
	}
	return NULL;
}

static void indexes_of_the_installed_kernel(void **state UNUSED)
{
	static const char *const keys[] = {
		"virtio_blk", "ext4",   "btrfs",
		"overlay",    "bridge", "br_netfilter",
		"usbhid",     "ahci",   "drivers/net/ethernet/intel/**",
		"xt_*",       "nf_*",   "drivers/virtio/*",
	};
	static const char *const names[] = {
		"fs-ext4",
		"fs-overlay",
		"virtio:d00000002v00001AF4",
		"symbol:nf_ct_delete",
		"pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00",
	};
	CLEANUP(memory_free) char *release = release_find();

	if (!release) {
		print_message("no kernel is installed: not compared\n");
		skip();
		return;
	}
	fixture_open("/", release);
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		scalar_in(fixture.wanted, keys[i], "optional", (unsigned)i + 10);
	assert_int_equal(modules_resolve(fixture.modules, &fixture.resolve), 0);
	assert_true(manifest_count(fixture.resolve.manifest) > 100);
	indexes_compare(names, COUNT_OF(names));
	fixture_close();
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_choose_modules),
		cmocka_unit_test(missing_is_an_error_or_a_summary),
		WITH_FIXTURE(reasons_and_files),
		WITH_FIXTURE(firmware_none),
		WITH_FIXTURE(plan_lines),
		WITH_FIXTURE(indexes_of_the_fixture),
		cmocka_unit_test(indexes_of_the_installed_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
