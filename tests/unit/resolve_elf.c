/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_elf.c - libraries are found where the loader would find them, or it is said why not
 *
 * The files are made by the C compiler, without the C library: only their dynamic sections count.
 */
#include "scratch.h"
#include <elf.h>
#include "mkinitrd/elf_object.h"
#include "mkinitrd/resolve.h"

#define LOADER "/lib/ld-fake.so.1"
#define WORDS_MOST 24

/* a dlopen note: systemd.io/ELF_DLOPEN_METADATA */
#define NOTE(json)                                                                             \
	"__asm__(\".pushsection .note.dlopen,\\\"a\\\",%note\\n.balign 4\\n.long 4, 9f-8f\\n"  \
	".long 0x407c0c0a\\n.asciz \\\"FDO\\\"\\n8: .asciz \\\"" json "\\\"\\n9: .balign 4\\n" \
	".popsection\");"

/* run "cc WORDS... -o OUTPUT SOURCE" in the scratch directory */
static void compile(const struct scratch *scratch, const char *output, const char *source,
		    const char *words)
{
	char *arguments[WORDS_MOST] = { NULL };
	char copy[1024], *state = NULL;
	size_t count = 0;
	int status;
	pid_t child;

	scratch_file(scratch, "source.c", source, 0644);
	(void)scratch_path(scratch, output);
	(void)snprintf(copy, sizeof(copy),
		       "cc -nostdlib -fPIC -Wl,--no-as-needed "
		       "-Wl,--allow-shlib-undefined %s source.c -o %s",
		       words, output);
	for (char *word = strtok_r(copy, " ", &state); word && count + 1 < WORDS_MOST;
	     word = strtok_r(NULL, " ", &state))
		arguments[count++] = word;
	child = fork();
	if (child == 0) {
		if (chdir(scratch->path) == 0)
			(void)execvp("cc", arguments);
		_exit(127);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* a library @path of the root, needing @libraries (paths in the root) */
static void library(const struct scratch *scratch, const char *path, const char *words)
{
	char all[640];

	(void)snprintf(all, sizeof(all), "-shared -Wl,-soname,%s %s", strrchr(path, '/') + 1,
		       words);
	compile(scratch, path, "int x;", all);
}

static void program(const struct scratch *scratch, const char *words)
{
	char all[640];

	(void)snprintf(all, sizeof(all), "-pie -Wl,-e,start -Wl,--dynamic-linker=" LOADER " %s",
		       words);
	compile(scratch, "root/usr/bin/p", "void start(void) {}", all);
}

/* an ELF file that is all header */
static void header_only(const struct scratch *scratch, const char *name, unsigned char class,
			uint16_t machine)
{
	union {
		Elf64_Ehdr large;
		Elf32_Ehdr small;
		unsigned char bytes[sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)];
	} file = { .bytes = { 0 } };

	memcpy(file.bytes, ELFMAG, SELFMAG);
	file.bytes[EI_CLASS] = class;
	file.bytes[EI_DATA] = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
	file.bytes[EI_VERSION] = EV_CURRENT;
	if (class == ELFCLASS64) {
		file.large.e_type = ET_DYN;
		file.large.e_machine = machine;
		file.large.e_version = EV_CURRENT;
		file.large.e_ehsize = sizeof(Elf64_Ehdr);
		file.large.e_phoff = sizeof(Elf64_Ehdr);
		file.large.e_phentsize = sizeof(Elf64_Phdr);
		file.large.e_phnum = 1;
	} else {
		file.small.e_type = ET_DYN;
		file.small.e_machine = machine;
		file.small.e_version = EV_CURRENT;
		file.small.e_ehsize = sizeof(Elf32_Ehdr);
		file.small.e_phoff = sizeof(Elf32_Ehdr);
		file.small.e_phentsize = sizeof(Elf32_Phdr);
		file.small.e_phnum = 1;
	}
	scratch_bytes(scratch, name, file.bytes, sizeof(file.bytes));
}

static void make_root(const struct scratch *scratch)
{
	scratch_empty(scratch);
	compile(scratch, "root/lib/ld-fake.so.1", "int loader;",
		"-shared -Wl,-soname,ld-fake.so.1");
}

/* all that program p of the root needs: its files, sorted, and what was printed */
static int resolve(struct scratch *scratch, struct text *files, struct text *printed)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(resolve_free) struct resolve resolve = { .root = &root, .manifest = manifest };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct origin at = { "p.yaml", 1, 1 };
	int r;

	text_format(&path, "%s/root", scratch->path);
	scratch_capture(scratch);
	r = sysroot_open_root(&root, text_string(&path));
	if (r == 0)
		r = resolve_program(&resolve, "p", "program 'p'", &at, false, NULL);
	if (r == 0)
		r = resolve_closure(&resolve);
	if (r == 0)
		r = resolve_finish(&resolve);
	scratch_captured(scratch, printed);
	for (size_t i = 0; r == 0 && i < manifest_count(manifest); i++)
		if (manifest_at(manifest, i)->type == ENTRY_FILE)
			text_format(files, "%s ", manifest_at(manifest, i)->path);
	return r;
}

static void expect(struct scratch *scratch, const char *files)
{
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	CLEANUP(text_free) struct text printed = TEXT_EMPTY;
	int r = resolve(scratch, &found, &printed);

	assert_string_equal(text_string(&printed), "");
	assert_int_equal(r, 0);
	assert_string_equal(text_string(&found), files);
}

static void expect_warning(struct scratch *scratch, const char *warning)
{
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	CLEANUP(text_free) struct text printed = TEXT_EMPTY;

	assert_int_equal(resolve(scratch, &found, &printed), 0);
	assert_string_equal(text_string(&printed), warning);
}

static void expect_error(struct scratch *scratch, const char *start, const char *middle)
{
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	CLEANUP(text_free) struct text printed = TEXT_EMPTY;
	int r = resolve(scratch, &found, &printed);
	const char *newline = strchr(text_string(&printed), '\n');

	print_message("%s", text_string(&printed));
	assert_true(r < 0);
	assert_non_null(text_after(text_string(&printed), start));
	assert_non_null(strstr(text_string(&printed), middle));
	assert_true(newline && newline[1] == '\0');
}

/* libone.so needs libtwo.so; the program @words needs libone.so; both libraries in @folder */
static void make_two(const struct scratch *scratch, const char *folder, const char *words)
{
	char path[64], needs[512];

	make_root(scratch);
	(void)snprintf(path, sizeof(path), "root%s/libtwo.so", folder);
	library(scratch, path, "");
	(void)snprintf(needs, sizeof(needs), "-Lroot%s -ltwo", folder);
	(void)snprintf(path, sizeof(path), "root%s/libone.so", folder);
	library(scratch, path, needs);
	(void)snprintf(needs, sizeof(needs), "-Lroot%s -lone %s", folder, words);
	program(scratch, needs);
}

#define NEEDS_TWO \
	"mkinitrd: library 'libtwo.so' needed by '/opt/a/libone.so' (library of usr/bin/p "

static void libraries_are_found_as_the_loader_does(void **state)
{
	struct scratch *scratch = *state;

	make_two(scratch, "/usr/lib", "");
	expect(scratch, "lib/ld-fake.so.1 usr/bin/p usr/lib/libone.so usr/lib/libtwo.so ");

	/* DT_RPATH reaches what a library needs, DT_RUNPATH does not */
	make_two(scratch, "/opt/a", "-Wl,--disable-new-dtags -Wl,-rpath,/none:/opt/a/");
	expect(scratch, "lib/ld-fake.so.1 opt/a/libone.so opt/a/libtwo.so usr/bin/p ");
	make_two(scratch, "/opt/a", "-Wl,--enable-new-dtags -Wl,-rpath,/opt/a");
	expect_error(scratch,
		     NEEDS_TWO "<- program 'p' (p.yaml:1)) is not in the root "
			       "'SCRATCH/root'; install it (searched ",
		     "/usr/lib");
	/* ... unless the program itself has loaded it */
	make_two(scratch, "/opt/a", "-ltwo -Wl,--enable-new-dtags -Wl,-rpath,/opt/a");
	expect(scratch, "lib/ld-fake.so.1 opt/a/libone.so opt/a/libtwo.so usr/bin/p ");
	make_two(scratch, "/usr/own",
		 "-Wl,--disable-new-dtags -Wl,-rpath,$ORIGIN/../none:${ORIGIN}/../own");
	expect(scratch, "lib/ld-fake.so.1 usr/bin/p usr/own/libone.so usr/own/libtwo.so ");
	make_two(scratch, "/opt/lib", "-Wl,--disable-new-dtags -Wl,-rpath,/opt/$LIB");
	expect(scratch, "lib/ld-fake.so.1 opt/lib/libone.so opt/lib/libtwo.so usr/bin/p ");
	/* a name with a symlink: both are packed, by the folder's own place */
	make_two(scratch, "/usr/lib", "");
	assert_int_equal(unlink(scratch_path(scratch, "root/usr/lib/libtwo.so")), 0);
	library(scratch, "root/usr/lib/libtwo.so.1.2", "");
	scratch_link(scratch, "root/usr/lib/libtwo.so", "libtwo.so.1.2");
	expect(scratch, "lib/ld-fake.so.1 usr/bin/p usr/lib/libone.so usr/lib/libtwo.so.1.2 ");
}

static void configured_folders_bring_the_search_cache(void **state)
{
	struct scratch *scratch = *state;

	make_two(scratch, "/opt/a", "");
	scratch_file(scratch, "root/etc/ld.so.conf",
		     "# folders\n/none:/none2,/none3\ninclude ld.so.conf.d/*.conf\n", 0644);
	scratch_file(scratch, "root/etc/ld.so.conf.d/a.conf", "  /opt/a/ # here\nhwcap 0 x\n",
		     0644);
	scratch_file(scratch, "root/etc/ld.so.cache", "cache", 0644);
	expect(scratch, "etc/ld.so.cache lib/ld-fake.so.1 opt/a/libone.so opt/a/libtwo.so "
			"usr/bin/p ");
	/* programs would not find it at boot */
	assert_int_equal(unlink(scratch_path(scratch, "root/etc/ld.so.cache")), 0);
	expect_warning(scratch,
		       "mkinitrd: warning: the library '/opt/a/libone.so' is found through "
		       "/etc/ld.so.conf, but the root 'SCRATCH/root' has no "
		       "/etc/ld.so.cache, which programs look into; run 'ldconfig -r "
		       "SCRATCH/root'\n");
	/* a file that includes itself: no end of the world */
	scratch_file(scratch, "root/etc/ld.so.cache", "cache", 0644);
	scratch_file(scratch, "root/etc/ld.so.conf.d/b.conf", "include b.conf\n", 0644);
	expect_warning(scratch, "mkinitrd: warning: '/etc/ld.so.conf.d/b.conf' in the root "
				"'SCRATCH/root' includes too deep, skipping 'b.conf'\n");
}

static void what_does_not_fit_is_said(void **state)
{
	struct scratch *scratch = *state;
	const uint16_t foreign = elf_machine_fits(EM_AARCH64) ? EM_X86_64 : EM_AARCH64;
	const unsigned char other_class = sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64;

	make_two(scratch, "/usr/lib", "");
	header_only(scratch, "root/usr/lib/libtwo.so", other_class, EM_386);
	expect_error(scratch, "mkinitrd: library 'libtwo.so' needed by '/usr/lib/libone.so' ",
		     " is found only as 32-bit at '/usr/lib/libtwo.so' in the root ");
	/* the right one elsewhere: the wrong one is passed over */
	library(scratch, "root/lib/libtwo.so", "");
	expect(scratch, "lib/ld-fake.so.1 lib/libtwo.so usr/bin/p usr/lib/libone.so ");
	assert_int_equal(unlink(scratch_path(scratch, "root/lib/libtwo.so")), 0);
	header_only(scratch, "root/usr/lib/libtwo.so", ELFCLASS64, foreign);
	expect_error(scratch, "mkinitrd: library 'libtwo.so' needed by '/usr/lib/libone.so' ",
		     "is found only for ");
	scratch_file(scratch, "root/usr/lib/libtwo.so", "GROUP ( /usr/lib/libtwo.so.1 )", 0644);
	expect_error(scratch, "mkinitrd: library 'libtwo.so' needed by ", " is not in the root ");
	scratch_file(scratch, "root/usr/lib/libtwo.so", "\177ELF\2\1\1", 0644);
	expect_error(scratch, "mkinitrd: '/usr/lib/libtwo.so' is a broken ELF file: ", "");
	assert_int_equal(unlink(scratch_path(scratch, "root/lib/ld-fake.so.1")), 0);
	expect_error(scratch,
		     "mkinitrd: interpreter '" LOADER "' needed by '/usr/bin/p' (program 'p' "
		     "(p.yaml:1)) is not in the root 'SCRATCH/root'; install it: ",
		     "");
	header_only(scratch, "root/usr/bin/p", ELFCLASS64, foreign);
	expect_error(scratch,
		     "mkinitrd: '/usr/bin/p' in the root 'SCRATCH/root', program 'p' "
		     "(p.yaml:1:1), is for ",
		     "install the one that fits");
}

static void dlopen_notes_are_followed_by_priority(void **state)
{
	static const struct {
		const char *note;
		const char *files; /* NULL: an error */
	} rows[] = {
		{ NOTE("[{\\\\\\\"soname\\\\\\\":[\\\\\\\"libno.so\\\\\\\",\\\\\\\"libone.so"
		       "\\\\\\\"],\\\\\\\"priority\\\\\\\":\\\\\\\"required\\\\\\\"}]"),
		  "lib/ld-fake.so.1 usr/bin/p usr/lib/libone.so usr/lib/libtwo.so " },
		{ NOTE("[{\\\\\\\"soname\\\\\\\":[\\\\\\\"libtwo.so\\\\\\\"]}]"),
		  "lib/ld-fake.so.1 usr/bin/p usr/lib/libtwo.so " },
		{ NOTE("[{\\\\\\\"soname\\\\\\\":[\\\\\\\"libone.so\\\\\\\"],\\\\\\\"priority"
		       "\\\\\\\":\\\\\\\"suggested\\\\\\\"}]"),
		  "lib/ld-fake.so.1 usr/bin/p " },
		{ NOTE("[{\\\\\\\"soname\\\\\\\":[\\\\\\\"libno.so\\\\\\\"]}]"),
		  "lib/ld-fake.so.1 usr/bin/p " },
		{ NOTE("[{\\\\\\\"soname\\\\\\\":[\\\\\\\"libno.so\\\\\\\"],\\\\\\\"priority"
		       "\\\\\\\":\\\\\\\"required\\\\\\\"}]"),
		  NULL },
	};
	struct scratch *scratch = *state;
	char source[1024];

	make_two(scratch, "/usr/lib", "");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: %s\n", rows[i].note);
		(void)snprintf(source, sizeof(source), "void start(void) {}\n%s\n", rows[i].note);
		compile(scratch, "root/usr/bin/p", source,
			"-pie -Wl,-e,start -Wl,--dynamic-linker=" LOADER);
		if (rows[i].files)
			expect(scratch, rows[i].files);
		else
			expect_error(scratch,
				     "mkinitrd: library 'libno.so' required (.note.dlopen) by "
				     "'/usr/bin/p' (program 'p' (p.yaml:1)) is not in the root ",
				     "install it");
	}
}

static void musl_has_its_own_rules(void **state)
{
	struct scratch *scratch = *state;

	make_root(scratch);
	compile(scratch, "root/lib/ld-musl-x.so.1", "int loader;", "-shared -Wl,-soname,libc.so");
	library(scratch, "beside/libc.musl-x.so.1", "");
	library(scratch, "root/musl/libtwo.so", "");
	library(scratch, "root/opt/a/libone.so", "-Lroot/musl -ltwo -Lbeside -l:libc.musl-x.so.1");
	compile(scratch, "root/usr/bin/p", "void start(void) {}",
		"-pie -Wl,-e,start -Wl,--dynamic-linker=/lib/ld-musl-x.so.1 -Lroot/opt/a -lone "
		"-Lbeside "
		"-l:libc.musl-x.so.1 -Wl,-rpath,/opt/a -Wl,-rpath-link,root/musl");
	expect_error(scratch, "mkinitrd: library 'libtwo.so' needed by '/opt/a/libone.so' ",
		     "(searched /opt/a, /lib, /usr/local/lib, /usr/lib)");
	scratch_file(scratch, "root/etc/ld-musl-x.path", "/none\n/musl\n", 0644);
	expect(scratch,
	       "etc/ld-musl-x.path lib/ld-musl-x.so.1 musl/libtwo.so opt/a/libone.so usr/bin/p ");
}

/* cut off anywhere, changed anywhere: an error or a result, never a crash (the sanitizers watch) */
static void broken_files_are_survived(void **state)
{
	struct scratch *scratch = *state;
	CLEANUP(text_free) struct text whole = TEXT_EMPTY;
	uint32_t random = 1;
	size_t broken = 0;

	make_two(scratch, "/usr/lib", "-Wl,-rpath,/opt -Wl,-z,max-page-size=4096");
	assert_int_equal(
		file_read(AT_FDCWD, scratch_path(scratch, "root/usr/bin/p"), 1 << 20, &whole), 0);
	for (size_t i = 0; i < 4000; i++) {
		CLEANUP(elf_object_cleanup) struct elf_object *object = NULL;
		CLEANUP(fd_close) int fd = memfd_create("elf", MFD_CLOEXEC);
		size_t size = i < 1000 ? i * whole.length / 1000 : whole.length;
		const char *why = NULL;
		int r;

		assert_int_equal(file_write_fd(fd, whole.data, size), 0);
		for (size_t j = 0; i >= 1000 && j < 4; j++) {
			char byte;

			random = random * 1664525 + 1013904223;
			byte = (char)(random >> 24);
			/* the headers more than the rest */
			assert_int_equal(pwrite(fd, &byte, 1,
						(off_t)((random >> 4) % (j ? 1024 : whole.length))),
					 1);
		}
		r = elf_object_read(fd, "/p", &object, &why);
		assert_true(r == 0 || (r == -ENOEXEC && why));
		broken += r < 0;
	}
	print_message("%zu of 4000 were refused\n", broken);
	assert_true(broken >= 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(libraries_are_found_as_the_loader_does,
						scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(configured_folders_bring_the_search_cache,
						scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_said, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(dlopen_notes_are_followed_by_priority,
						scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(musl_has_its_own_rules, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(broken_files_are_survived, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
