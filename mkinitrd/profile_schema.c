/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_schema.c - the table of every key that a profile can have
 *
 * In:    nothing
 * Out:   rows; what they mean is in profile_schema.h, what is done with them in profile_check.c
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "check.h"
#include "profile_schema.h"
#include "run_settings.h"
#include "../init/lib/declared.h"

#define NEEDS "required optional"
#define TEXT_EXPANDED (KIND_TEXT | KIND_EXPANDED)
#define TEXTS_EXPANDED (KIND_TEXTS | KIND_EXPANDED)

static const char *value_name_problem(const char *key)
{
	for (const char *at = key; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_' && *at != '-')
			return "is not a name: letters, digits, '_' and '-'";
	return NULL;
}

static const char *variable_problem(const char *key)
{
	return strchr(key, '=') ? "is not the name of a variable: it has a '='" : NULL;
}

static const char *parameter_problem(const char *key)
{
	return strpbrk(key, " \"'=") ? "is not a parameter of a kernel: no blanks, quotes, '='"
				     : NULL;
}

static const char *path_problem(const char *key)
{
	if (*key != '/')
		return "is not a path in the image: it must begin with '/'";
	return path_has_parent_step(key) ? "is not a path in the image: '..' leads out of it"
					 : NULL;
}

static const char *program_problem(const char *key)
{
	return *key != '/' && strchr(key, '/')
		       ? "is neither the name of a program nor a path that begins with '/'"
		       : NULL;
}

static const char *service_problem(const char *key)
{
	return value_name_problem(key) || text_equal(key, "main")
		       ? "is not the name of a service: letters, digits, '_', '-', and not 'main'"
		       : NULL;
}

static const char *run_variable_problem(const char *key)
{
	return run_variable_is_valid(key) ? NULL
					  : "is not the name of a variable: no blanks and no '='";
}

static const char *port_problem(const char *key)
{
	return run_port_parse(key, false, NULL) < 0
		       ? "is not a port: NUMBER/tcp, NUMBER/udp or NUMBER/sctp, from 1 to 65535"
		       : NULL;
}

static const char *declared_problem(const char *key)
{
	return declared_name_is_valid(key) ? NULL
					   : "is not the name of a container: a letter or digit, "
					     "then those, '_', '.' and '-'; not 'console', and "
					     "not ending in '.new'";
}

// clang-format off
const struct schema_row schema_rows[] = {
	{ "description",		KIND_TEXT,	.help = "one line for 'profile list'" },
	{ "include",			KIND_TEXTS,	.help = "profiles that this one stands on" },
	{ "values",			KIND_MAP,	.help = "names for ${name}" },
	{ "values.*",			KIND_TEXT,	.key_problem = value_name_problem, .help = "what ${name} stands for" },

	{ "kernel",			KIND_MAP,	.help = "modules and command line" },
	{ "kernel.modules",		KIND_MAP,	.help = "modules by name, alias or pattern" },
	{ "kernel.modules.*",		KIND_WORD | KIND_MAP, NEEDS, .help = "whether the build fails without it" },
	{ "kernel.modules.*.need",	KIND_WORD,	NEEDS, .help = "whether the build fails without it" },
	{ "kernel.modules.*.load",	KIND_WORD,	"auto boot beside demand", .help = "when init loads it" },
	{ "kernel.modules.*.options",	KIND_TEXT,	.help = "options, as in modprobe.d" },
	{ "kernel.modules.*.why",	KIND_TEXT,	.help = "what it is there for: 'mkinitrd why' says it" },
	{ "kernel.firmware",		KIND_WORD,	"auto none", .help = "firmware that modules ask for" },
	{ "kernel.cmdline",		KIND_MAP,	.help = "parameters of the kernel" },
	{ "kernel.cmdline.*",		TEXT_EXPANDED | KIND_TEXTS | KIND_FLAG, .key_problem = parameter_problem, .help = "a list: the parameter several times; true: without value" },
	{ "kernel.microcode",		KIND_WORD,	"auto none", .help = "microcode that the kernel loads first" },
	{ "kernel.host-modules",	KIND_FLAG,	.help = "and those for the devices and disks of this machine" },

	{ "programs",			KIND_MAP,	.help = "programs, with all that they need" },
	{ "programs.*",			KIND_WORD | KIND_MAP, NEEDS, .key_problem = program_problem, .help = "whether the build fails without it" },
	{ "programs.*.need",		KIND_WORD,	NEEDS, .help = "whether the build fails without it" },
	{ "programs.*.why",		KIND_TEXT,	.help = "what it is there for: 'mkinitrd why' says it" },

	{ "files",			KIND_MAP,	.help = "paths in the image" },
	{ "files.*",			KIND_WORD | KIND_MAP, NEEDS, .key_problem = path_problem, .help = "{}: the same path in the root" },
	{ "files.*.content",		TEXT_EXPANDED,	.help = "the file's content" },
	{ "files.*.from",		TEXT_EXPANDED,	.help = "where it lies: in the root, or beside the profile" },
	{ "files.*.link",		TEXT_EXPANDED,	.help = "a symlink to that" },
	{ "files.*.directory",		KIND_FLAG,	.help = "an empty directory" },
	{ "files.*.mode",		KIND_MODE,	.help = "permissions" },
	{ "files.*.need",		KIND_WORD,	NEEDS, .help = "whether the build fails without it" },
	{ "files.*.holds",		KIND_WORD,	"certificates", .help = "what must be in it" },
	{ "files.*.owner",		KIND_OWNER,	.help = "owner and group" },
	{ "files.*.why",		KIND_TEXT,	.help = "what it is there for: 'mkinitrd why' says it" },

	{ "trees",			KIND_MAP,	.help = "directories and archives that are, or lie over, the root" },
	{ "trees.*",			KIND_MAP,	.key_problem = value_name_problem, .help = "a tree; one that stands later lies over those before it" },
	{ "trees.*.from",		TEXT_EXPANDED,	.help = "a directory, a tar, a container image: in the root, or beside the profile" },
	{ "trees.*.make",		TEXTS_EXPANDED | KIND_OUTPUT, .help = "a command that makes it, and its arguments" },
	{ "trees.*.at",			KIND_PATH | KIND_EXPANDED, .help = "where it stands (default: /)" },
	{ "trees.*.image",		TEXT_EXPANDED,	.help = "which one of several in a container archive" },
	{ "trees.*.limit",		KIND_SIZE,	.help = "the most that it may hold (default: 32G)" },
	{ "trees.*.why",		KIND_TEXT,	.help = "what it is there for: 'mkinitrd why' says it" },
	{ "scripts",			KIND_MAP,	.help = "programs that are run in the trees while the image is built, in order of their names" },
	{ "scripts.*",			KIND_MAP,	.key_problem = value_name_problem, .help = "a script" },
	{ "scripts.*.content",		TEXT_EXPANDED,	.help = "the script itself" },
	{ "scripts.*.from",		TEXT_EXPANDED,	.help = "where it lies: in the root, or beside the profile" },
	{ "scripts.*.why",		KIND_TEXT,	.help = "what it is there for: 'mkinitrd why' says it" },

	{ "containers",			KIND_MAP,	.help = "container images in the initramfs" },
	{ "containers.*",		KIND_MAP,	.help = "an image by NAME:TAG" },
	{ "containers.*.programs",	KIND_MAP,	.like = "programs", .help = "programs in it, with all that they need" },
	{ "containers.*.files",		KIND_MAP,	.like = "files", .help = "paths in it" },
	{ "containers.*.command",	TEXTS_EXPANDED,	.help = "what runs in it" },
	{ "containers.*.env",		KIND_MAP,	.help = "environment" },
	{ "containers.*.env.*",		TEXT_EXPANDED,	.key_problem = variable_problem, .help = "a variable" },
	{ "containers.*.workdir",	TEXT_EXPANDED,	.help = "the folder it runs in" },
	{ "containers.*.user",		TEXT_EXPANDED,	.help = "the user it runs as" },
	{ "containers.*.from",		TEXT_EXPANDED,	.help = "an archive of 'docker save' to carry along" },
	{ "containers.*.sha256",	KIND_SHA256,	.help = "what the archive must be" },

	{ "boot",			KIND_MAP,	.help = "what init does" },
	{ "boot.mode",			KIND_WORD,	"exec supervise", .help = "how init hands over" },
	{ "boot.stop",			KIND_DURATION,	.help = "how long main and containers may take to end, all together" },
	{ "boot.hostname",		TEXT_EXPANDED,	.help = "the machine's name" },
	{ "boot.root",			KIND_MAP,	.help = "the root file system" },
	{ "boot.root.find",		KIND_FIND | KIND_EXPANDED, .help = "its device; none: the image is the root" },
	{ "boot.root.image",		KIND_PATH | KIND_EXPANDED, .help = "a file system image on that device" },
	{ "boot.root.inner",		TEXT_EXPANDED,	.help = "an image in that image" },
	{ "boot.root.type",		TEXT_EXPANDED,	.help = "the device's file system, where it is not found out" },
	{ "boot.root.flags",		TEXT_EXPANDED,	.help = "its mount options" },
	{ "boot.root.cow",		KIND_COW | KIND_EXPANDED, .help = "where changes go; tmpfs when not said" },
	{ "boot.root.wait",		KIND_DURATION,	.help = "how long to wait for its devices" },
	{ "boot.bundle",		KIND_MAP,	.help = "a host's files on the boot disk, over the image" },
	{ "boot.bundle.path",		TEXT_EXPANDED,	.help = "of the bundle, on that disk" },
	{ "boot.bundle.find",		KIND_FIND | KIND_EXPANDED, .help = "the disk; where the root lies when not said" },
	{ "boot.bundle.key",		TEXT_EXPANDED,	.help = "a public key: it must be signed" },
	{ "boot.bundle.need",		KIND_WORD,	NEEDS, .help = "whether the boot stops without it" },
	{ "boot.bundle.wait",		KIND_DURATION,	.help = "how long to wait for the disk" },
	{ "boot.disk",			KIND_MAP,	.help = "the disk for Docker" },
	{ "boot.disk.find",		KIND_FIND | KIND_EXPANDED, .help = "which one" },
	{ "boot.disk.at",		KIND_PATH | KIND_EXPANDED, .help = "where it is mounted" },
	{ "boot.disk.absent",		KIND_WORD,	"tmpfs stop format", .help = "what to do without it" },
	{ "boot.disk.wait",		KIND_DURATION,	.help = "how long to wait for it" },
	{ "boot.disk.size",		KIND_SIZE,	.help = "of the tmpfs in its place" },
	{ "boot.disk.fsck",		KIND_WORD,	"auto none", .help = "whether it is checked before it is mounted" },
	{ "boot.disk.resize",		KIND_FLAG,	.help = "grow the file system to its device" },
	{ "boot.disk.volumes",		KIND_MAP,	.help = "folders that lie on it" },
	{ "boot.disk.volumes.*",	KIND_MAP,	.key_problem = path_problem, .help = "a folder" },
	{ "boot.disk.swap",		KIND_FIND | KIND_EXPANDED, .help = "a swap area" },
	{ "boot.tmpfs",			KIND_MAP,	.help = "the most that file systems in memory may take" },
	{ "boot.tmpfs./",		KIND_SHARE,	.help = "changes of a root that is only read (default: 50%)" },
	{ "boot.tmpfs./run",		KIND_SHARE,	.help = "sockets and state of programs (default: 20%)" },
	{ "boot.tmpfs./tmp",		KIND_SHARE,	.help = "temporary files (default: 20%)" },
	{ "boot.tmpfs./dev/shm",	KIND_SHARE,	.help = "shared memory (default: 20%)" },
	{ "boot.network",		KIND_MAP,	.help = "interfaces by pattern of their name" },
	{ "boot.network.*",		KIND_WORD | KIND_MAP, "dhcp none", .short_for = "method", .help = "what to do with them" },
	{ "boot.network.*.method",	KIND_WORD,	"dhcp none static", .help = "where its addresses come from" },
	{ "boot.network.*.address",	TEXT_EXPANDED | KIND_TEXTS, .help = "its addresses, each with /BITS" },
	{ "boot.network.*.gateway",	TEXT_EXPANDED | KIND_TEXTS, .help = "the way out, one for IPv4 and one for IPv6" },
	{ "boot.network.*.dns",		TEXT_EXPANDED | KIND_TEXTS, .help = "name servers" },
	{ "boot.network.*.search",	TEXT_EXPANDED | KIND_TEXTS, .help = "domains of names without a dot" },
	{ "boot.network.*.mtu",		KIND_TEXT,	.help = "the largest packet" },
	{ "boot.network.*.accept-ra",	KIND_WORD,	"true false", .help = "whether routers may set it up for IPv6" },
	{ "boot.dhcp",			KIND_MAP,	.help = "the DHCP client" },
	{ "boot.dhcp.exec",		TEXTS_EXPANDED,	.help = "program and arguments" },
	{ "boot.dhcp.wait",		KIND_DURATION,	.help = "how long until 'no answer' is noted" },
	{ "boot.dhcp.after",		KIND_WORD,	"start images", .help = "when it can be started" },
	{ "boot.dns",			KIND_MAP,	.help = "name servers of no interface in particular" },
	{ "boot.dns.servers",		TEXT_EXPANDED | KIND_TEXTS, .help = "their addresses" },
	{ "boot.dns.search",		TEXT_EXPANDED | KIND_TEXTS, .help = "domains of names without a dot" },
	{ "boot.ntp",			KIND_MAP,	.help = "the time from a network" },
	{ "boot.ntp.servers",		TEXT_EXPANDED | KIND_TEXTS, .help = "names or addresses; 'dhcp': those that a lease names" },
	{ "boot.limits",		KIND_MAP,	.help = "resource limits of all that is started" },
	{ "boot.limits.as",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.core",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.cpu",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.data",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.fsize",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.locks",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.memlock",	KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.msgqueue",	KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.nice",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.nofile",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.nproc",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.rss",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.rtprio",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.rttime",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.sigpending",	KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.limits.stack",		KIND_LIMIT,	.help = "see setrlimit(2)" },
	{ "boot.choose",		KIND_MAP,	.help = "programs of which the running kernel decides" },
	{ "boot.choose.*",		KIND_MAP,	.key_problem = value_name_problem, .help = "what is chosen; the first that fits" },
	{ "boot.choose.*.*",		KIND_MAP,	.key_problem = value_name_problem, .help = "one to choose from" },
	{ "boot.choose.*.*.when",	KIND_WORD,	"always iptables-nft iptables-legacy", .help = "what the kernel must have for it" },
	{ "boot.choose.*.*.programs",	KIND_MAP,	.help = "programs that go by another's name" },
	{ "boot.choose.*.*.programs.*",	KIND_TEXT,	.key_problem = program_problem, .help = "the program that takes this name" },
	{ "boot.metadata",		KIND_WORD,	"linode none", .help = "the cloud's service that is asked for name, keys and user data" },
	{ "boot.log",			KIND_MAP,	.help = "what services and main print" },
	{ "boot.log.to",		KIND_WORD,	"kmsg console file", .help = "where it goes (default: kmsg, the kernel log)" },
	{ "boot.log.path",		KIND_PATH | KIND_EXPANDED, .help = "of the file, on the disk" },
	{ "boot.log.limit",		KIND_SIZE,	.help = "the most that the file and its predecessor take (default: 8M)" },
	{ "boot.services",		KIND_MAP,	.help = "programs started before main" },
	{ "boot.services.*",		KIND_MAP,	.key_problem = service_problem, .help = "a service" },
	{ "boot.services.*.exec",	TEXTS_EXPANDED,	.help = "program and arguments" },
	{ "boot.services.*.ready",	KIND_READY | KIND_EXPANDED, .help = "when it is up" },
	{ "boot.services.*.wait",	KIND_DURATION,	.help = "how long to wait until it is up" },
	{ "boot.services.*.needs",	TEXTS_EXPANDED,	.help = "services that are up before it" },
	{ "boot.services.*.env",	KIND_MAP,	.help = "environment" },
	{ "boot.services.*.env.*",	TEXT_EXPANDED,	.key_problem = variable_problem, .help = "a variable" },
	{ "boot.services.*.user",	KIND_USER | KIND_EXPANDED, .help = "whom it runs as" },
	{ "boot.services.*.directory",	KIND_PATH | KIND_EXPANDED, .help = "the folder it begins in" },
	{ "boot.services.*.stop-signal", KIND_SIGNAL,	.help = "what asks it to end (default: SIGTERM)" },
	{ "boot.services.*.calls",	KIND_MAP,	.help = "programs that it calls, and how it does without" },
	{ "boot.services.*.calls.*",	KIND_TEXT | KIND_TEXTS, .key_problem = program_problem, .help = "an argument, or '/FILE KEY=VALUE', with which it does without" },
	{ "boot.main",			KIND_MAP,	.help = "the program that the machine is for" },
	{ "boot.main.exec",		TEXTS_EXPANDED,	.help = "program and arguments" },
	{ "boot.main.ready",		KIND_READY | KIND_EXPANDED, .help = "when it is up" },
	{ "boot.main.wait",		KIND_DURATION,	.help = "how long to wait until it is up" },
	{ "boot.main.env",		KIND_MAP,	.help = "environment" },
	{ "boot.main.env.*",		TEXT_EXPANDED,	.key_problem = variable_problem, .help = "a variable" },
	{ "boot.main.needs",		TEXTS_EXPANDED,	.help = "network: it is started when that is up" },
	{ "boot.main.user",		KIND_USER | KIND_EXPANDED, .help = "whom it runs as" },
	{ "boot.main.directory",	KIND_PATH | KIND_EXPANDED, .help = "the folder it begins in" },
	{ "boot.main.stop-signal",	KIND_SIGNAL,	.help = "what asks it to end (default: SIGTERM)" },
	{ "boot.main.end",		KIND_WORD,	"restart poweroff reboot halt", .help = "what follows when it ends" },
	{ "boot.main.like",		KIND_WORD,	"run", .help = "what is not said here is as 'run:' says" },
	{ "boot.main.calls",		KIND_MAP,	.help = "programs that it calls, and how it does without" },
	{ "boot.main.calls.*",		KIND_TEXT | KIND_TEXTS, .key_problem = program_problem, .help = "an argument, or '/FILE KEY=VALUE', with which it does without" },
	{ "boot.console",		KIND_MAP,	.help = "a container on terminals" },
	{ "boot.console.container",	TEXT_EXPANDED,	.help = "its image, NAME:TAG" },
	{ "boot.console.in-memory",	TEXT_EXPANDED,	.help = "the image when there is none of that name, and no disk for Docker" },
	{ "boot.console.on-disk",	TEXT_EXPANDED,	.help = "the image when there is none of that name, but a disk for Docker" },
	{ "boot.console.binds",		TEXTS_EXPANDED,	.help = "what it sees of the host: SOURCE:TARGET, or SOURCE:TARGET:ro" },
	{ "boot.console.command",	TEXTS_EXPANDED,	.help = "what runs in it; none: what the image says" },
	{ "boot.console.ttys",		TEXTS_EXPANDED,	.help = "terminals; 'console' is the one behind /dev/console" },
	{ "boot.shell",			KIND_MAP,	.help = "the host's own shell" },
	{ "boot.shell.exec",		TEXTS_EXPANDED,	.help = "program and arguments" },
	{ "boot.shell.ttys",		TEXTS_EXPANDED,	.help = "terminals; []: for rescue alone" },
	{ "boot.rescue",		KIND_MAP,	.help = "the shell after a failed step" },
	{ "boot.rescue.password",	KIND_CRYPT,	.help = "what it asks for first, as crypt(3) has it: openssl passwd -6" },
	{ "boot.containers",		KIND_MAP,	.help = "containers that run from the start" },
	{ "boot.containers.*",		KIND_MAP,	.key_problem = declared_problem, .help = "a container" },
	{ "boot.containers.*.image",	TEXT_EXPANDED,	.help = "what it is made of: NAME:TAG" },
	{ "boot.containers.*.command",	TEXTS_EXPANDED,	.help = "what runs in it; none: what the image says" },
	{ "boot.containers.*.ports",	TEXTS_EXPANDED,	.help = "ports of the host that lead into it: [ADDRESS:]PORT:PORT[/PROTOCOL]" },
	{ "boot.containers.*.volumes",	TEXTS_EXPANDED,	.help = "SOURCE:TARGET, or SOURCE:TARGET:ro; SOURCE is a full path or the name of a volume" },
	{ "boot.containers.*.env-file",	KIND_PATH | KIND_EXPANDED, .help = "on the machine: NAME=VALUE lines, for secrets" },
	{ "boot.containers.*.network",	KIND_WORD,	"bridge host none", .help = "what it sees of the network (default: bridge)" },
	{ "boot.containers.*.restart",	KIND_WORD,	"unless-stopped always on-failure no", .help = "when Docker starts it again (default: unless-stopped)" },

	{ "run",			KIND_MAP,	.help = "how the tree is run where something else starts it" },
	{ "run.exec",			TEXTS_EXPANDED,	.help = "program and arguments" },
	{ "run.arguments",		TEXTS_EXPANDED,	.help = "more arguments, which who starts it may replace" },
	{ "run.init",			KIND_WORD,	"none reap boot", .help = "what is process 1" },
	{ "run.calls",			KIND_MAP,	.help = "programs that it calls, and how it does without" },
	{ "run.calls.*",		KIND_TEXT | KIND_TEXTS, .key_problem = program_problem, .help = "an argument, or '/FILE KEY=VALUE', with which it does without" },
	{ "run.env",			KIND_MAP,	.help = "environment" },
	{ "run.env.*",			TEXT_EXPANDED,	.key_problem = run_variable_problem, .help = "a variable" },
	{ "run.user",			KIND_USER | KIND_EXPANDED, .help = "the user it runs as" },
	{ "run.directory",		KIND_PATH | KIND_EXPANDED, .help = "the folder it runs in" },
	{ "run.ports",			KIND_MAP,	.help = "ports that it listens on" },
	{ "run.ports.*",		KIND_MAP,	.key_problem = port_problem, .help = "a port, as NUMBER/PROTOCOL" },
	{ "run.ports.*.host",		KIND_PORT | KIND_EXPANDED, .help = "the host's port that leads to it" },
	{ "run.volumes",		KIND_MAP,	.help = "folders whose content is kept" },
	{ "run.volumes.*",		KIND_MAP,	.key_problem = path_problem, .help = "a folder" },
	{ "run.stop-signal",		KIND_SIGNAL,	.help = "what asks it to end" },
	{ "run.limits",			KIND_MAP,	.help = "what it may take" },
	{ "run.limits.memory",		KIND_SIZE,	.help = "memory" },
	{ "run.limits.cpus",		KIND_CPUS,	.help = "time of processors" },
	{ "run.limits.pids",		KIND_COUNT,	.help = "processes and threads" },
	{ "run.limits.nofile",		KIND_LIMIT,	.help = "open files of one process" },
	{ "run.network",		KIND_NETWORK | KIND_EXPANDED, .help = "what it sees of the network" },
	{ "run.private-users",		KIND_WORD,	"true false", .help = "whether its users are others than the host's" },
	{ "run.privileged",		KIND_FLAG,	.help = "it needs all that the host's root may do" },

	{ "check",			KIND_MAP,	.help = "what 'mkinitrd check' is to make of the image" },
	{ "check.accept",		KIND_MAP,	.help = "findings that are meant to be" },
	{ "check.accept.*",		KIND_REASON,	.key_problem = check_code_problem, .help = "CODE or CODE:PATH-GLOB, with the reason" },

	{ "output",			KIND_MAP,	.help = "the image's form" },
	{ "output.layout",		KIND_WORD,	"cpio squashfs", .help = "how the image is put together" },
	{ "output.compress",		KIND_TEXT,	.help = "ALGORITHM[:LEVEL] or none" },
	{ "output.limit",		KIND_SIZE,	.help = "the most it may take" },
	{ "output.disk",		KIND_MAP,	.help = "of mkinitrd disk" },
	{ "output.disk.boot",		KIND_SIZE,	.help = "of the boot partition, which holds two slots" },
	{ "output.disk.size",		KIND_SIZE,	.help = "of the disk image; the most that all of it may take" },
	{ "output.squashfs",		KIND_MAP,	.help = "how its SquashFS is made" },
	{ "output.squashfs.compress",	KIND_TEXT,	.help = "ALGORITHM[:LEVEL]: zstd, xz, gzip, lz4 (default: zstd:9)" },
	{ "output.squashfs.block",	KIND_SIZE,	.help = "what is compressed in one piece (default: 128K)" },
	{ "output.verity",		KIND_FLAG,	.help = "a hash tree with the SquashFS (dm-verity)" },
	{ .path = NULL },
};

const struct schema_conflict schema_conflicts[] = {
	{ "files.*",	  "content", "from link" },
	{ "files.*",	  "link",    "from mode holds" },
	{ "files.*",	  "directory", "content from link holds" },
	{ "trees.*",	  "from",    "make" },
	{ "scripts.*",	  "content", "from" },
	{ "containers.*", "from",    "programs files command env workdir user" },
	{ .path = NULL },
};
// clang-format on

/* @row's last key when it stands right below @parent, else NULL */
static const char *key_below(const struct schema_row *row, const struct schema_row *parent)
{
	const char *key = row->path;

	if (parent) {
		key = text_after(row->path, parent->like ? parent->like : parent->path);
		if (!key || *key++ != '.')
			return NULL;
	}
	return strchr(key, '.') ? NULL : key;
}

const struct schema_row *schema_row_find_in(const struct schema_row *rows,
					    const struct schema_row *parent, const char *key)
{
	const struct schema_row *any = NULL;

	for (const struct schema_row *row = rows; row->path; row++) {
		const char *row_key = key_below(row, parent);

		if (!row_key)
			continue;
		if (text_equal(row_key, "*"))
			any = row;
		else if (text_equal(row_key, key))
			return row;
	}
	return any;
}

const struct schema_row *schema_row_find(const struct schema_row *parent, const char *key)
{
	return schema_row_find_in(schema_rows, parent, key);
}

bool schema_row_is_below(const struct schema_row *row, const struct schema_row *parent)
{
	const char *key = key_below(row, parent);

	return key && !text_equal(key, "*");
}

const char *schema_row_key(const struct schema_row *row)
{
	const char *dot = strrchr(row->path, '.');

	return dot ? dot + 1 : row->path;
}

/* "required" -> { need: required }; both stand where the scalar stood */
static int lengthen(const struct schema_row *row, struct value **value)
{
	struct value *map = value_new(VALUE_MAP, (*value)->origin);
	struct value *word = *value;

	if (!map)
		return -ENOMEM;
	*value = map;
	return value_map_add(map, row->short_for ? row->short_for : "need", word->origin, word);
}

static int normalise_below(const struct schema_row *parent, struct value *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct schema_row *row = schema_row_find(parent, map->keys[i]);
		bool is_short = map->items[i]->kind == VALUE_SCALAR;
		int r = 0;

		if (row && is_short && row->kinds & KIND_MAP)
			r = lengthen(row, &map->items[i]);
		else if (row && map->items[i]->kind == VALUE_MAP)
			r = normalise_below(row, map->items[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int schema_normalise(struct value *root)
{
	return normalise_below(NULL, root);
}
