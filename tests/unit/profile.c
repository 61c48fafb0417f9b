/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.c - profiles from files: what is refused and how, what stacks over what
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "mkinitrd/profile.h"
#include "mkinitrd/profile_show.h"
#include "mkinitrd/profile_stack.h"

#define FILES_MOST 6
#define WORDS_MOST 4

static char folder[] = "/tmp/unit-profile-XXXXXX";

/* files below the test's folder, which has etc/ and lib/ as profile folders */
struct file {
	const char *path, *content;
};

static int remove_one(const char *path, const struct stat *status UNUSED, int type UNUSED,
		      struct FTW *walk)
{
	return walk->level ? remove(path) : 0;
}

static void make_files(const struct file *files)
{
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	for (; files->path; files++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		char *slash;

		text_format(&path, "%s/%s", folder, files->path);
		slash = strrchr(path.data, '/');
		*slash = '\0';
		assert_int_equal(directory_make(path.data, 0755), 0);
		*slash = '/';
		assert_int_equal(file_write(AT_FDCWD, path.data, files->content, 0644), 0);
	}
}

/* what profile_stack() says on stderr, the test's folder shown as @ */
static int stack(struct profile *profile, const char *const *names, const char *const *sets,
		 bool all, struct text *ret_said)
{
	CLEANUP(strings_free) struct strings name_list = STRINGS_EMPTY, set_list = STRINGS_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	int kept = dup(STDERR_FILENO);
	int memory = memfd_create("stderr", MFD_CLOEXEC);
	int r;

	for (; *names; names++)
		assert_int_equal(strings_add(&name_list, *names), 0);
	for (; *sets; sets++)
		assert_int_equal(strings_add(&set_list, *sets), 0);
	assert_true(dup2(memory, STDERR_FILENO) >= 0);
	r = profile_stack(profile, &name_list, &set_list, all);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	assert_true(lseek(memory, 0, SEEK_SET) == 0);
	assert_int_equal(file_read_fd(memory, 1 << 20, &said), 0);
	for (const char *at = text_string(&said); *at;) {
		const char *after = text_after(at, folder);

		text_add_char(ret_said, after ? '@' : *at);
		at = after ? after : at + 1;
	}
	fd_close(&kept);
	fd_close(&memory);
	return r;
}

/* ---- one file that is wrong ---- */

static void wrong_profiles_are_refused_in_one_line(void **state UNUSED)
{
	static const struct {
		const char *content, *said;
	} rows[] = {
		/* YAML that is none, or more than a profile may use */
		{ "a: [b\n", "x.yaml:2:1: not YAML: did not find expected ',' or ']' while parsing "
			     "a flow sequence" },
		{ "a: \xff\n", "x.yaml: not UTF-8 text: invalid leading UTF-8 octet at byte 3" },
		{ "a: &x {b: c}\n",
		  "x.yaml:1:4: anchors and aliases ('x') are not supported; write the value out, "
		  "put it under 'values:', or 'include:' a profile" },
		{ "description: *x\n",
		  "x.yaml:1:14: anchors and aliases ('x') are not supported; write the value out, "
		  "put it under 'values:', or 'include:' a profile" },
		{ "description: !!str x\n", "x.yaml:1:14: tags ('tag:yaml.org,2002:str') are not "
					    "supported; every scalar is text, drop the tag" },
		{ "programs: {}\n---\nfiles: {}\n",
		  "x.yaml:2:1: a second document begins here; a profile is one" },
		{ "programs: {}\nboot: {}\nprograms: {}\n",
		  "x.yaml:3:1: 'programs' is given twice, first in line 1; join the two" },
		{ "? [a]\n: b\n", "x.yaml:1:3: a key must be text" },
		{ "\"\": b\n", "x.yaml:1:1: a key must not be empty" },
		{ "values: {\"a\\nb\": c}\n", "x.yaml:1:10: the key holds a control character" },
		{ "description: \"a\\0b\"\n", "x.yaml:1:14: the text holds a NUL character" },
		{ "[a, b]\n", "x.yaml:1:1: expected a map of keys such as 'programs:'" },
		{ "text\n", "x.yaml:1:1: expected a map of keys such as 'programs:'" },
		{ "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
		  "x.yaml:1:35: more than 32 levels of nesting" },
		/* keys */
		{ "progams: {}\n", "x.yaml:1:1: unknown key 'progams'; did you mean 'programs'?" },
		{ "boot:\n  dsik: {}\n",
		  "x.yaml:2:3: unknown key 'boot.dsik'; did you mean 'disk'?" },
		{ "hostname: x\n",
		  "x.yaml:1:1: unknown key 'hostname'; did you mean 'boot.hostname'?" },
		{ "boot: { console: { xxxxxx: x } }\n",
		  "x.yaml:1:20: unknown key 'boot.console.xxxxxx'; known here: container, "
		  "in-memory, on-disk, binds, command, "
		  "ttys" },
		{ "files: { /x: { mod: x } }\n",
		  "x.yaml:1:16: unknown key 'files./x.mod'; did you mean 'mode'?" },
		{ "containers: { \"a:b\": { files: { /x: { form: x } } } }\n",
		  "x.yaml:1:39: unknown key 'containers.a:b.files./x.form'; did you mean 'from'?" },
		{ "boot: { limits: { nofiles: 1 } }\n",
		  "x.yaml:1:19: unknown key 'boot.limits.nofiles'; did you mean 'nofile'?" },
		{ "files: { etc/x: {} }\n", "x.yaml:1:10: 'etc/x' in 'files' is not a path in the "
					    "image: it must begin with '/'" },
		{ "files: { /../x: {} }\n", "x.yaml:1:10: '/../x' in 'files' is not a path in the "
					    "image: '..' leads out of it" },
		{ "programs: { bin/x: required }\n",
		  "x.yaml:1:13: 'bin/x' in 'programs' is neither the name of a program nor a path "
		  "that begins with '/'" },
		{ "values: { a b: c }\n",
		  "x.yaml:1:11: 'a b' in 'values' is not a name: letters, digits, '_' and '-'" },
		{ "boot: { services: { main: {} } }\n",
		  "x.yaml:1:21: 'main' in 'boot.services' is not the name of a service: letters, "
		  "digits, '_', '-', and not 'main'" },
		{ "run: { env: { \"A B\": x } }\n",
		  "x.yaml:1:15: 'A B' in 'run.env' is not the name of a variable: no blanks and "
		  "no '='" },
		{ "run: { ports: { 70000/tcp: {} } }\n", "x.yaml:1:17: '70000/tcp' in 'run.ports' "
							 "is not a port: NUMBER/tcp, NUMBER/udp or "
							 "NUMBER/sctp, from 1 to 65535" },
		{ "run: { volumes: { srv: {} } }\n",
		  "x.yaml:1:19: 'srv' in 'run.volumes' is not a path in the image: it must begin "
		  "with '/'" },
		/* values */
		{ "run: { stop-signal: SIGFOO }\n",
		  "x.yaml:1:21: 'run.stop-signal' (what asks it to end) is 'SIGFOO'; expected a "
		  "signal such as SIGTERM or SIGRTMIN+3" },
		{ "run: { user: \"a:b:c\" }\n",
		  "x.yaml:1:14: 'run.user' (the user it runs as) is 'a:b:c'; expected a user such "
		  "as 1000, web or web:www-data" },
		{ "run: { directory: x }\n", "x.yaml:1:19: 'run.directory' (the folder it runs in) "
					     "is 'x'; expected a path that begins with '/'" },
		{ "run: { limits: { cpus: \"0.0001\" } }\n",
		  "x.yaml:1:24: 'run.limits.cpus' (time of processors) is '0.0001'; expected a "
		  "number of CPUs such as 2 or 0.5" },
		{ "run: { limits: { pids: 0 } }\n",
		  "x.yaml:1:24: 'run.limits.pids' (processes and threads) is '0'; expected a "
		  "number from 1" },
		{ "run: { network: bridge=a-very-long-bridge }\n",
		  "x.yaml:1:17: 'run.network' (what it sees of the network) is "
		  "'bridge=a-very-long-bridge'; expected host, private, veth, bridge=NAME or "
		  "macvlan=INTERFACE" },
		{ "programs: { x: requird }\n",
		  "x.yaml:1:16: 'programs.x' (whether the build fails without it) is 'requird'; "
		  "expected 'required', 'optional', a map; did you mean 'required'?" },
		{ "programs: [x]\n", "x.yaml:1:11: 'programs' (programs, with all that they need) "
				     "is a list; expected a map" },
		{ "include: docker\n", "x.yaml:1:10: 'include' (profiles that this one stands on) "
				       "is 'docker'; expected a list of text such as [a, b]" },
		{ "boot: { main: { exec: [a, [b]] } }\n",
		  "x.yaml:1:27: 'boot.main.exec' (program and arguments) holds a list, not text" },
		{ "boot: { main: { exec: [a, null] } }\n",
		  "x.yaml:1:27: 'boot.main.exec' (program and arguments) holds a null, not text" },
		{ "boot: { disk: { wait: soon } }\n",
		  "x.yaml:1:23: 'boot.disk.wait' (how long to wait for it) is 'soon'; expected a "
		  "duration such as 10s, 250ms or 2m" },
		{ "boot: { disk: { size: 2g } }\n",
		  "x.yaml:1:23: 'boot.disk.size' (of the tmpfs in its place) is '2g'; expected a "
		  "size such as 512M or 2G" },
		{ "boot: { disk: { at: x } }\n",
		  "x.yaml:1:21: 'boot.disk.at' (where it is mounted) is 'x'; expected a path that "
		  "begins with '/'" },
		{ "boot: { disk: { find: LABEL= } }\n",
		  "x.yaml:1:23: 'boot.disk.find' (which one) is 'LABEL='; expected LABEL=, UUID=, "
		  "PARTLABEL=, PARTUUID=, virtio-SERIAL, a path in /dev, or none" },
		{ "boot: { main: { ready: tcp:1 } }\n",
		  "x.yaml:1:24: 'boot.main.ready' (when it is up) is 'tcp:1'; expected unix:/PATH "
		  "or docker:/PATH" },
		{ "boot: { limits: { nofile: -1 } }\n",
		  "x.yaml:1:27: 'boot.limits.nofile' (see setrlimit(2)) is '-1'; expected a number "
		  "or infinity" },
		{ "boot: { tmpfs: { /run: 0% } }",
		  "x.yaml:1:24: 'boot.tmpfs./run' (sockets and state of programs (default: 20%)) "
		  "is "
		  "'0%'; expected a size such as 64M, or a share of the memory such as 20%" },
		{ "boot: { tmpfs: { /tmp: 101% } }",
		  "x.yaml:1:24: 'boot.tmpfs./tmp' (temporary files (default: 20%)) is '101%'; "
		  "expected a size such as 64M, or a share of the memory such as 20%" },
		/* what may be a password is not repeated */
		{ "boot: { rescue: { password: secret } }",
		  "x.yaml:1:29: 'boot.rescue.password' (what it asks for first, as crypt(3) has "
		  "it: "
		  "openssl passwd -6) is not one; expected a hash of crypt(3) such as 'openssl "
		  "passwd "
		  "-6' prints" },
		{ "files: { /x: { mode: \"0888\" } }\n",
		  "x.yaml:1:22: 'files./x.mode' (permissions) is '0888'; expected an octal mode "
		  "such as 0644" },
		{ "files: { /x: { owner: root } }\n",
		  "x.yaml:1:23: 'files./x.owner' (owner and group) is 'root'; expected UID:GID "
		  "such as 0:0" },
		{ "containers: { a: { sha256: 12 } }\n",
		  "x.yaml:1:28: 'containers.a.sha256' (what the archive must be) is '12'; expected "
		  "64 hexadecimal digits" },
		{ "kernel: { cmdline: { quiet: {} } }\n",
		  "x.yaml:1:29: 'kernel.cmdline.quiet' (a list: the parameter several times; true: "
		  "without value) is a map; expected text or a list of text such as [a, b] or "
		  "true" },
		/* what later versions build */
		{ "boot: { root: { find: sda1 } }\n",
		  "x.yaml:1:23: 'boot.root.find' (its device; none: the image is the root) is "
		  "'sda1'; expected LABEL=, UUID=, PARTLABEL=, PARTUUID=, virtio-SERIAL, a path in "
		  "/dev, or none" },
		{ "boot: { root: { cow: memory } }\n",
		  "x.yaml:1:22: 'boot.root.cow' (where changes go; tmpfs when not said) is "
		  "'memory'; "
		  "expected tmpfs, tmpfs:SIZE, none, or LABEL=, UUID=, PARTLABEL=, PARTUUID=, a "
		  "path in /dev, each with :DIRECTORY" },
		{ "boot: { disk: { absent: erase } }\n",
		  "x.yaml:1:25: 'boot.disk.absent' (what to do without it) is 'erase'; expected "
		  "'tmpfs', 'stop', 'format'" },
		{ "output: { layout: ext4 }\n",
		  "x.yaml:1:19: 'output.layout' (how the image is put together) is 'ext4'; "
		  "expected 'cpio', 'squashfs'" },
		/* what only the whole tells */
		{ "files: { /x: { content: a, from: b } }\n",
		  "x.yaml:1:34: 'files./x' has both 'from' and 'content' (x.yaml:1); set one of "
		  "them to null" },
		{ "containers: { a: { from: b, command: [c] } }\n",
		  "x.yaml:1:38: 'containers.a' has both 'command' and 'from' (x.yaml:1); set one "
		  "of them to null" },
		{ "values: { hostname: a }\nboot: { hostname: \"${hostnam}\" }\n",
		  "x.yaml:2:19: '${hostnam}' is not set under 'values:'; did you mean "
		  "'${hostname}'?" },
		{ "boot: { main: { exec: [a, \"${b}\"] } }\n",
		  "x.yaml:1:27: '${b}' is not set under 'values:'; set it there, or write '$${b}' "
		  "for the text itself" },
		{ "boot: { hostname: \"${a\" }\n",
		  "x.yaml:1:19: a '${' without its '}'; write '$${' for the text" },
		{ "values: { at: x }\nboot: { disk: { at: \"${at}\" } }\n",
		  "x.yaml:2:21: 'boot.disk.at' (where it is mounted) is '${at}'; expected a path "
		  "that begins with '/'" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct file files[] = { { "etc/x.yaml", rows[i].content }, { NULL, NULL } };
		CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
		CLEANUP(text_free) struct text said = TEXT_EMPTY, expected = TEXT_EMPTY;

		print_message("row: %s", rows[i].content);
		make_files(files);
		text_format(&expected, "mkinitrd: %s\n", rows[i].said);
		assert_true(stack(&profile, (const char *const[]){ "x", NULL },
				  (const char *const[]){ NULL }, false, &said) < 0);
		assert_string_equal(text_string(&said), text_string(&expected));
		assert_null(profile.root);
	}
}

static void a_profile_has_a_size(void **state UNUSED)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY, said = TEXT_EMPTY;
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;

	while (content.length <= 1 << 20)
		text_add(&content, "# much to say about nothing, and then some more of the same\n");
	make_files((const struct file[]){ { "x.yaml", text_string(&content) }, { NULL, NULL } });
	text_clear(&content);
	text_format(&content, "%s/x.yaml", folder);
	assert_true(stack(&profile, (const char *const[]){ text_string(&content), NULL },
			  (const char *const[]){ NULL }, false, &said) < 0);
	assert_string_equal(text_string(&said),
			    "mkinitrd: profile '@/x.yaml' is larger than 1048576 "
			    "bytes, which no profile is\n");
}

/* ---- several files ---- */

static const struct {
	const char *name;
	struct file files[FILES_MOST];
	const char *names[WORDS_MOST], *sets[WORDS_MOST];
	const char
		*shown; /* as profile_show_text() does, one blank before comments; NULL: refused */
	const char *said;
} stacks[] = {
	{ "empty files say nothing",
	  { { "etc/x.yaml", "# nothing\n" }, { "etc/x.d/a.yaml", "" } },
	  { "x" },
	  { NULL },
	  "",
	  "" },
	{ "include, file, drop-ins, next -p, --set: the last one wins",
	  { { "etc/x.yaml", "include: [y]\nvalues: {b: x, c: x, d: x, e: x}\n" },
	    { "lib/y.yaml", "values: {a: y, b: y}\n" },
	    { "etc/x.d/1.yaml", "values: {c: drop, d: drop, e: drop}\n" },
	    { "lib/z.yaml", "values: {d: z, e: z}\n" } },
	  { "x", "z" },
	  { "values.e=set" },
	  "values:\n  a: y # y.yaml:1\n  b: x # x.yaml:2\n  c: drop # x.d/1.yaml:1\n"
	  "  d: z # z.yaml:1\n  e: set # --set\n",
	  "" },
	{ "the first folder's file counts, and its drop-in of the same name",
	  { { "etc/x.yaml", "values: {a: etc}\n" },
	    { "lib/x.yaml", "values: {b: lib}\n" },
	    { "etc/x.d/2.yaml", "values: {c: etc2}\n" },
	    { "lib/x.d/2.yaml", "values: {d: lib2}\n" },
	    { "lib/x.d/1.yaml", "values: {c: lib1, e: lib1}\n" } },
	  { "x" },
	  { NULL },
	  "values:\n  a: etc # x.yaml:1\n  c: etc2 # x.d/2.yaml:1\n  e: lib1 # x.d/1.yaml:1\n",
	  "" },
	{ "drop-ins of what is included, once",
	  { { "etc/x.yaml", "include: [y, z]\n" },
	    { "etc/y.yaml", "include: [z]\nvalues: {a: y}\n" },
	    { "etc/z.yaml", "values: {a: z, b: z}\n" },
	    { "etc/z.d/1.yaml", "values: {b: drop}\n" } },
	  { "x", "z" },
	  { NULL },
	  "values:\n  a: y # y.yaml:2\n  b: drop # z.d/1.yaml:1\n",
	  "" },
	{ "a relative path is beside the file that names it",
	  { { "etc/x.yaml", "include: [../own/y.yaml]\n" },
	    { "own/y.yaml", "include: [z.yaml]\n" },
	    { "own/z.yaml", "values: {a: z}\n" },
	    { "own/z.d/1.yaml", "values: {b: drop}\n" },
	    { "etc/z.d/1.yaml", "values: {c: etc}\n" } },
	  { "x" },
	  { NULL },
	  "values:\n  a: z # z.yaml:1\n  b: drop # z.d/1.yaml:1\n",
	  "" },
	{ "null removes; maps replace words, and words maps",
	  { { "etc/x.yaml", "include: [y]\nprograms: {a: null}\n"
			    "kernel: {modules: {c: {load: boot}, d: required}}\n" },
	    { "etc/y.yaml", "programs: {a: required, b: required}\n"
			    "kernel: {modules: {c: required, d: {load: boot}}}\n" } },
	  { "x" },
	  { "programs.b=null" },
	  "programs: {} # y.yaml:1\nkernel:\n  modules:\n    c:\n      load: boot # x.yaml:3\n"
	  "    d: required # x.yaml:3\n",
	  "" },
	{ "a null for nothing is said",
	  { { "etc/x.yaml", "programs: {dockred: null}\n" } },
	  { "x" },
	  { NULL },
	  "programs: {} # x.yaml:1\n",
	  "warning: x.yaml:1:12: nothing to remove at 'programs.dockred', skipping" },
	{ "--set takes YAML's flow forms, and text as it stands",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "boot={hostname: a, shell: {ttys: [b, \"c d\"]}}", "values={a: 'null'}",
	    "values.b=x: y # z" },
	  "boot:\n  hostname: a # --set\n  shell:\n    ttys: [b, \"c d\"] # --set\nvalues:\n"
	  "  a: \"null\" # --set\n  b: \"x: y # z\" # --set\n",
	  "" },
	{ "--set reaches keys with dots",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "files.\"/etc/x.conf\".mode=0600" },
	  "files:\n  /etc/x.conf:\n    mode: 0600 # --set\n",
	  "" },
	{ "--set is held against the schema",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "boot.disk.wiat=3s" },
	  NULL,
	  "--set: unknown key 'boot.disk.wiat'; did you mean 'wait'?" },
	{ "--set of a wrong kind",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "boot.disk=3s" },
	  NULL,
	  "--set: 'boot.disk' (the disk for Docker) is '3s'; expected a map" },
	{ "--set without a key",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "=3s" },
	  NULL,
	  "--set '=3s' is not of the form key.path=value; a key with dots stands in double "
	  "quotes" },
	{ "--set without a value",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "boot" },
	  NULL,
	  "--set 'boot' is not of the form key.path=value; a key with dots stands in double "
	  "quotes" },
	{ "--set that is no UTF-8 text",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "values.a=\x90" },
	  NULL,
	  "--set 'values.a=\x90' is not UTF-8 text" },
	{ "--set with a control character in a key",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "values.\x1b=a" },
	  NULL,
	  "--set: a key holds a control character" },
	{ "characters that YAML knows as escapes only are shown so",
	  { { "etc/x.yaml", "values: { a: \"\\x90\\u2028\\ufeff\\u00e4\" }\n" } },
	  { "x" },
	  { NULL },
	  "values:\n  a: \"\\x90\\u2028\\ufeff\xc3\xa4\" # x.yaml:1\n",
	  "" },
	{ "--set of broken YAML",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "include=[a" },
	  NULL,
	  "--set: not YAML: did not find expected ',' or ']' while parsing a flow sequence" },
	{ "--set does not include",
	  { { "etc/x.yaml", "" } },
	  { "x" },
	  { "include=[a]" },
	  NULL,
	  "--set cannot reach 'include'; name further profiles with -p" },
	{ "a circle",
	  { { "etc/x.yaml", "include: [y]\n" },
	    { "lib/y.yaml", "include:\n  - z\n" },
	    { "etc/z.yaml", "include: [ y ]\n" } },
	  { "x" },
	  { NULL },
	  NULL,
	  "z.yaml:1:12: profiles include each other: y -> z -> y" },
	{ "an unknown name",
	  { { "etc/docker.yaml", "" }, { "lib/y.yaml", "" } },
	  { "dokcer" },
	  { NULL },
	  NULL,
	  "no profile 'dokcer' in @/etc, @/lib; did you mean 'docker'?" },
	{ "a name like no other",
	  { { "etc/docker.yaml", "" } },
	  { "xxxxxx" },
	  { NULL },
	  NULL,
	  "no profile 'xxxxxx' in @/etc, @/lib; 'mkinitrd profile list' shows what there is, a "
	  "path needs a '/'" },
	{ "an unknown include",
	  { { "etc/x.yaml", "include: [a, y]\n" }, { "etc/a.yaml", "" } },
	  { "x" },
	  { NULL },
	  NULL,
	  "x.yaml:1:14: no profile 'y' in @/etc, @/lib; 'mkinitrd profile list' shows what there "
	  "is, a path needs a '/'" },
	{ "an unknown path",
	  { { "etc/x.yaml", "include: [./y.yaml]\n" } },
	  { "x" },
	  { NULL },
	  NULL,
	  "cannot read profile '@/etc/./y.yaml': No such file or directory" },
};

/* drop the alignment: "key: value   # x" -> "key: value # x", indentation kept */
static void unalign(const struct text *text, struct text *ret)
{
	const char *at = text_string(text);

	while (*at) {
		const char *end = strchrnul(at, '\n');
		const char *hash = memmem(at, (size_t)(end - at), "  # ", 4);

		if (hash) {
			const char *last = end;

			while (last > at && memcmp(last, "  # ", 4) != 0)
				last--;
			hash = last;
			while (last > at && last[-1] == ' ')
				last--;
			text_add_bytes(ret, at, (size_t)(last - at));
			text_add_bytes(ret, hash + 1, (size_t)(end - hash - 1));
		} else {
			text_add_bytes(ret, at, (size_t)(end - at));
		}
		text_add_char(ret, '\n');
		at = end + (*end == '\n');
	}
}

static void profiles_stack(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(stacks); i++) {
		CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
		CLEANUP(text_free) struct text said = TEXT_EMPTY, expected = TEXT_EMPTY;
		CLEANUP(text_free) struct text shown = TEXT_EMPTY, plain = TEXT_EMPTY;
		int r;

		print_message("row: %s\n", stacks[i].name);
		make_files(stacks[i].files);
		r = stack(&profile, stacks[i].names, stacks[i].sets, false, &said);
		if (*stacks[i].said)
			text_format(&expected, "mkinitrd: %s\n", stacks[i].said);
		assert_string_equal(text_string(&said), text_string(&expected));
		if (!stacks[i].shown) {
			assert_true(r < 0);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(profile_show_text(&profile, &shown), 0);
		unalign(&shown, &plain);
		assert_string_equal(text_string(&plain), stacks[i].shown);
	}
}

static void all_errors_can_be_said(void **state UNUSED)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;

	make_files((const struct file[]){
		{ "etc/x.yaml",
		  "include: [y, w]\nprogams: {}\nboot: {main: {exec: a}, mode: b}\n" },
		{ "etc/y.yaml", "a: [\n" },
		{ NULL, NULL },
	});
	assert_true(stack(&profile, (const char *const[]){ "x", NULL },
			  (const char *const[]){ "nothing=1", NULL }, true, &said) < 0);
	assert_string_equal(
		text_string(&said),
		"mkinitrd: y.yaml:2:1: not YAML: did not find expected node content while parsing "
		"a flow node\n"
		"mkinitrd: x.yaml:1:14: no profile 'w' in @/etc, @/lib; 'mkinitrd profile list' "
		"shows what there is, a path needs a '/'\n"
		"mkinitrd: x.yaml:2:1: unknown key 'progams'; did you mean 'programs'?\n"
		"mkinitrd: x.yaml:3:21: 'boot.main.exec' (program and arguments) is 'a'; expected "
		"a "
		"list of text such as [a, b]\n"
		"mkinitrd: x.yaml:3:31: 'boot.mode' (how init hands over) is 'b'; expected 'exec', "
		"'supervise'\n"
		"mkinitrd: --set: unknown key 'nothing'; known here: description, include, values, "
		"kernel, programs, files, trees, scripts, containers, boot, run, check, output\n");
}

/* ---- what is shown is a profile ---- */

static void assert_same(const struct value *a, const struct value *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->count, b->count);
	if (a->kind == VALUE_SCALAR)
		assert_string_equal(a->scalar, b->scalar);
	for (size_t i = 0; i < a->count; i++) {
		if (a->kind == VALUE_MAP)
			assert_string_equal(a->keys[i], b->keys[i]);
		assert_same(a->items[i], b->items[i]);
	}
}

static void what_is_shown_can_be_read_again(void **state UNUSED)
{
	static const char content[] =
		"values: {a: '', b: \"~\", c: 'null', d: \"true\", e: \"\\t\\x01\\\"\\\\ ü\"}\n"
		"kernel:\n"
		"  cmdline: {quiet: true, console: [tty0, 'ttyS0,115200', '', '-'], '?': '[x]',\n"
		"    f: '#', g: '-', h: --x, i: '...', j: '---', k: -1, l: 'a: b', m: "
		"\"\\r\\x7f\"}\n"
		"files:\n"
		"  '/a b/{c,d}*':\n"
		"    content: |\n"
		"      two\n"
		"      lines\n"
		"  /x: {}\n"
		"  '/- y': required\n";
	CLEANUP(text_free) struct text said = TEXT_EMPTY, shown = TEXT_EMPTY;
	struct profile profile = PROFILE_EMPTY, second = PROFILE_EMPTY;
	const char *const name[] = { "x", NULL }, *const none[] = { NULL };

	make_files((const struct file[]){ { "etc/x.yaml", content }, { NULL, NULL } });
	assert_int_equal(stack(&profile, name, none, false, &said), 0);
	assert_int_equal(profile_show_text(&profile, &shown), 0);
	print_message("%s", text_string(&shown));
	make_files((const struct file[]){ { "etc/x.yaml", text_string(&shown) }, { NULL, NULL } });
	assert_int_equal(stack(&second, name, none, false, &said), 0);
	assert_string_equal(text_string(&said), "");
	assert_same(profile.root, second.root);
	profile_free(&profile);
	profile_free(&second);
}

/* ---- for readers of the tree ---- */

static void short_forms_are_lengthened(void **state UNUSED)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	const struct value *modules, *files, *inner;

	make_files((const struct file[]){
		{ "etc/x.yaml", "kernel: {modules: {a: optional, b: {load: boot}}}\n"
				"files: {/x: required, /y: {}}\nprograms: {p: required}\n"
				"containers: {'c:d': {files: {/z: optional}}}\n" },
		{ NULL, NULL } });
	assert_int_equal(strings_add(&names, "x"), 0);
	assert_int_equal(profile_load(&profile, &names, NULL), 0);
	modules = value_get(profile.root, "kernel", "modules", NULL);
	files = value_get(profile.root, "files", NULL);
	inner = value_get(profile.root, "containers", "c:d", "files", NULL);
	assert_string_equal(profile.name, "x");
	assert_string_equal(value_text(value_get(modules, "a", "need", NULL), ""), "optional");
	assert_int_equal(value_get(modules, "a", NULL)->origin.line, 1);
	assert_null(value_get(modules, "b", "need", NULL));
	assert_string_equal(value_text(value_get(files, "/x", "need", NULL), ""), "required");
	assert_int_equal(value_get(files, "/y", NULL)->count, 0);
	assert_string_equal(value_text(value_get(inner, "/z", "need", NULL), ""), "optional");
	assert_string_equal(value_text(value_get(profile.root, "programs", "p", "need", NULL), ""),
			    "required");
}

static void names_are_expanded_once(void **state UNUSED)
{
	static const struct {
		const char *text, *expanded;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "${a}", "A" },
		{ "x${a}${b-1}y", "xA${a}y" },
		{ "$a $ $", "$a $ $" },
		{ "$${a} $$$$", "${a} $$" },
		{ "$$${a}", "$A" },
		{ "${a", NULL },
		{ "${A}", NULL },
		{ "${}", NULL },
	};
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;

	make_files((const struct file[]){ { "etc/x.yaml", "values: {a: A, b-1: '${a}'}\n" },
					  { NULL, NULL } });
	assert_int_equal(stack(&profile, (const char *const[]){ "x", NULL },
			       (const char *const[]){ NULL }, false, &said),
			 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(memory_free) char *expanded = NULL;
		int r = profile_expand(&profile, rows[i].text, (struct origin){ .file = "x" },
				       &expanded);

		print_message("row: %s\n", rows[i].text);
		assert_int_equal(r == 0, rows[i].expanded != NULL);
		if (r == 0)
			assert_string_equal(expanded, rows[i].expanded);
		else
			assert_null(expanded);
	}
}

static void origins_know_their_folder(void **state UNUSED)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	static const struct {
		const char *key, *beside;
	} rows[] = { { "a", "lib" }, { "b", "lib" }, { "c", "etc/u.d" }, { "d", "." } };

	make_files((const struct file[]){
		{ "lib/u.yaml", "values: {a: 1}\n" },
		{ "lib/v.yaml", "include: [u, ../u.yaml]\nvalues: {b: 1}\n" },
		{ "etc/u.d/1.yaml", "values: {c: 1}\n" },
		{ "u.yaml", "values: {d: 1}\n" }, /* the same label, another folder */
		{ NULL, NULL } });
	assert_int_equal(stack(&profile, (const char *const[]){ "v", NULL },
			       (const char *const[]){ "values.e=1", NULL }, false, &said),
			 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct value *value = value_get(profile.root, "values", rows[i].key, NULL);
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		struct stat wanted, found;

		print_message("row: %s\n", rows[i].key);
		text_format(&path, "%s/%s", folder, rows[i].beside);
		assert_int_equal(stat(text_string(&path), &wanted), 0);
		assert_int_equal(fstat(profile_directory_fd(&value->origin), &found), 0);
		assert_true(wanted.st_ino == found.st_ino && wanted.st_dev == found.st_dev);
		assert_null(strchr(value->origin.file, '@'));
		assert_null(strstr(value->origin.file, folder));
	}
	assert_int_equal(
		profile_directory_fd(&value_get(profile.root, "values", "e", NULL)->origin), -1);
}

static int folder_make(void **state UNUSED)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (!mkdtemp(folder))
		return -1;
	text_format(&path, "%s/etc:%s/lib", folder, folder);
	return setenv("MKINITRD_PROFILE_PATH", text_string(&path), 1);
}

static int folder_remove(void **state UNUSED)
{
	make_files((const struct file[]){ { NULL, NULL } });
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_profiles_are_refused_in_one_line),
		cmocka_unit_test(a_profile_has_a_size),
		cmocka_unit_test(profiles_stack),
		cmocka_unit_test(all_errors_can_be_said),
		cmocka_unit_test(what_is_shown_can_be_read_again),
		cmocka_unit_test(short_forms_are_lengthened),
		cmocka_unit_test(names_are_expanded_once),
		cmocka_unit_test(origins_know_their_folder),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
