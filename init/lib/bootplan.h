/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan.h - the boot plan: the only contract between the CLI and init
 *
 * The text form is /usr/lib/mkinitrd/boot.plan: the line "mkinitrd-plan 1", then lines of a verb
 * and key=value pairs. A value of other than plain characters stands in double quotes with C
 * escapes (\" \\ \n \t \r \xHH). A key of a list may stand several times. The verbs and keys are
 * the tables in bootplan.c; one table both writes and reads, so text -> plan -> text is the
 * identity.
 */
#pragma once

#include <stdint.h>

#include "text.h"

#define BOOTPLAN_VERSION 1
#define BOOTPLAN_PATH "/usr/lib/mkinitrd/boot.plan"
#define BOOTPLAN_NO_WAIT UINT64_MAX
#define PLAN_NEEDS_NETWORK "network" /* of main, in mode supervise */

enum plan_mode { PLAN_MODE_EXEC, PLAN_MODE_SUPERVISE };
enum plan_load { PLAN_LOAD_DEMAND, PLAN_LOAD_BESIDE, PLAN_LOAD_BOOT };
enum plan_absent { PLAN_ABSENT_STOP, PLAN_ABSENT_TMPFS, PLAN_ABSENT_FORMAT };
enum plan_answer { PLAN_NO, PLAN_YES };
/* conditions of a choice: what the running kernel has */
enum plan_when { PLAN_WHEN_ALWAYS, PLAN_WHEN_IPTABLES_NFT, PLAN_WHEN_IPTABLES_LEGACY };
enum plan_method { PLAN_METHOD_DHCP, PLAN_METHOD_NONE, PLAN_METHOD_STATIC };
enum plan_ra { PLAN_RA_YES, PLAN_RA_NO };
enum plan_after { PLAN_AFTER_START, PLAN_AFTER_IMAGES };
/* what follows when main ends */
enum plan_end { PLAN_END_RESTART, PLAN_END_POWEROFF, PLAN_END_REBOOT, PLAN_END_HALT };
enum plan_restart {
	PLAN_RESTART_UNLESS,
	PLAN_RESTART_ALWAYS,
	PLAN_RESTART_FAILURE,
	PLAN_RESTART_NO
};
enum plan_net { PLAN_NET_BRIDGE, PLAN_NET_HOST, PLAN_NET_NONE };
enum plan_cloud { PLAN_CLOUD_LINODE };
enum plan_log_to { PLAN_LOG_KMSG, PLAN_LOG_CONSOLE, PLAN_LOG_FILE };

/* "image": what this image is */
struct plan_image {
	char *profile;          /* name, for messages */
	char *release;          /* kernel release that the modules are for */
	uint64_t memory;        /* bytes of RAM needed to unpack and boot it; 0 not known */
	struct strings cmdline; /* kernel parameters that boot entries and `mkinitrd run` pass */
};

/* "module": one module in the image, a line each, dependencies before dependents */
struct plan_module {
	char *name;           /* as in /proc/modules: underscores */
	char *path;           /* absolute, in the image, uncompressed */
	enum plan_load load;  /* boot: first of all; beside: beside the steps that follow, always;
			       * demand: when an alias or a module asks */
	struct strings needs; /* names of direct hard dependencies; built-in ones are left out */
	struct strings soft;  /* softdep "pre": loaded before it, failure tolerated */
	struct strings post;  /* softdep "post": loaded after it, failure tolerated */
	char *options;        /* for finit_module(2); may be empty */
};

/* "alias": the patterns (fnmatch, as in modules.alias) with which a device or the kernel asks for
 * a module: "pci:v00008086d*...", "virtio:d00000002v*", "fs-ext4" */
struct plan_alias {
	char *module;
	struct strings match;
};

/* "tmpfs": the size of one that init mounts; without a line it is 20%, of "/" 50% */
struct plan_tmpfs {
	char *at;   /* /run, /tmp or /dev/shm; "/": what covers a root that is only read */
	char *size; /* as mount(8) takes it: 64M, 20% */
};

/* "root": the root is another file system than the one that the kernel unpacked. Without this line
 * the image is its own root. */
struct plan_root {
	char *find;  /* see lib/find.h; "none": the image lies in the rootfs; NULL: root= says it */
	char *image; /* path of a file system image there; NULL: the device itself */
	char *inner; /* path of another one inside of it; NULL: none */
	char *type;  /* file system of the device; NULL: found out */
	char *flags; /* its mount options, as mount(8) has them */
	char *cow;   /* see lib/cow.h; NULL: tmpfs */
	uint64_t wait; /* ms to wait for a device */
};

/* "verity": the root is checked against a hash tree, which lies in blocks behind it */
struct plan_verity {
	char *root_hash;      /* hexadecimal */
	char *salt;           /* hexadecimal; NULL: none */
	char *algorithm;      /* as the kernel names it; NULL: sha256 */
	uint64_t block_size;  /* bytes, of data and of hash blocks; 0: 4096 */
	uint64_t data_blocks; /* how many are checked */
	uint64_t hash_start;  /* the block in which the tree begins, without veritysetup's header */
};

enum plan_need { PLAN_NEED_OPTIONAL, PLAN_NEED_REQUIRED };

/* "bundle": a host's files on the boot disk, which are laid over the image */
struct plan_bundle {
	char *find;          /* its device, see lib/find.h; NULL: that of the root */
	char *path;          /* there */
	char *key;           /* Ed25519, the public one in hexadecimal; NULL: not signed */
	enum plan_need need; /* what is wrong with it stops the boot */
	uint64_t wait;       /* ms to wait for the device */
};

/* "disk": the Docker disk */
struct plan_disk {
	char *find; /* see lib/find.h */
	char *at;   /* mount point */
	enum plan_absent absent;
	uint64_t wait;           /* ms to wait for the device */
	uint64_t size;           /* bytes, of the tmpfs when absent; 0: the kernel's default */
	enum plan_answer resize; /* grow the file system to its device */
	char *fsck;              /* e2fsck, absolute, in the image; NULL: no check */
	char *mkfs;              /* mke2fs, absolute, in the image; for absent=format */
	char *swap;              /* a swap area, named as in find; NULL: none */
	struct strings volumes;  /* folders that lie on it, absolute; see volume.h */
};

/* "network": what to do with interfaces that match, a line each, the first that matches. One with
 * addresses is for a single interface. */
struct plan_network {
	char *match; /* fnmatch pattern of the interface's name, or of "mac:" and its address */
	enum plan_method method;
	struct strings address; /* static: ADDRESS/BITS; none: only what routers advertise */
	struct strings gateway; /* static: one of each family */
	struct strings dns;     /* before those that a server names */
	struct strings search;  /* domains */
	uint64_t mtu;           /* 0: as it is */
	enum plan_ra accept_ra; /* IPv6 router advertisements, also while forwarding */
};

/* "dhcp": the client, started once an interface as: exec... -i INTERFACE -s SCRIPT */
struct plan_dhcp {
	struct strings exec;
	uint64_t wait;         /* ms until "no answer" is noted; the client goes on trying */
	enum plan_after after; /* images: it is a container, and needs Docker and its image */
};

/* "resolver": name servers and domains of no interface in particular */
struct plan_resolver {
	struct strings server;
	struct strings search;
};

/* "metadata": who is asked about this machine once there is a network */
struct plan_metadata {
	enum plan_cloud from;
};

/* "ntp": where the time comes from once there is a network */
struct plan_ntp {
	struct strings server; /* names, addresses, or "dhcp": those that a lease names */
};

/* "clock": what is known of the time without asking */
struct plan_clock {
	uint64_t floor; /* seconds since 1970; it is not earlier than that */
};

/* "limit": a resource limit of everything started */
struct plan_limit {
	char *name;     /* nofile, nproc, ... as in prlimit(1) */
	uint64_t value; /* soft and hard; UINT64_MAX: infinity */
};

/* "choose": one of several programs for a name, a line each; of those with the same name the first
 * whose condition holds is taken, before services start */
struct plan_choice {
	char *name; /* of what is chosen: firewall */
	char *pick; /* what this one is called: nft */
	enum plan_when when;
	struct strings links; /* PATH=TARGET: symlinks to make */
};

/* "log": where goes what services and main print */
struct plan_log {
	enum plan_log_to to;
	char *path;     /* of the file; its predecessor is PATH.old */
	uint64_t limit; /* bytes that both files may have together */
};

/* "service" and "main": a program that init starts and waits for. main's name is its program's. */
struct plan_service {
	char *name;
	struct strings exec;  /* argv; exec[0] is an absolute path in the image */
	struct strings env;   /* NAME=value, added to PATH, HOME, TERM */
	struct strings needs; /* names of services started and ready before it */
	char *ready;     /* unix:PATH accepts | docker:PATH answers /_ping | empty: once started */
	uint64_t wait;   /* ms for it to become ready */
	char *user;      /* USER[:GROUP], names or numbers; NULL: root, with no further groups */
	char *directory; /* absolute; NULL: "/" */
	char *stop; /* the signal that tells it to end, as lib/signal_name.h has it; NULL: TERM */
};

/* "container": an image carried along, loaded into Docker when it is not there yet */
struct plan_container {
	char *image;   /* NAME:TAG */
	char *archive; /* absolute path of a docker-load archive in the image */
	char *id;      /* image id, sha256:HEX */
};

/* "declared": a container that runs from the start. The forms of text: declared.h */
struct plan_declared {
	char *name;
	char *image;            /* NAME:TAG, or what else Docker calls an image */
	struct strings ports;   /* [ADDRESS:]PORT:PORT[/PROTOCOL] */
	struct strings volumes; /* SOURCE:TARGET[:OPTIONS] */
	char *env_file;         /* absolute path on the machine; NULL: none */
	enum plan_net network;
	enum plan_restart restart;
	struct strings command; /* empty: the image's own */
};

/* "console": a container on terminals */
struct plan_console {
	char *container; /* NAME:TAG */
	char *in_memory; /* the image without one of that name, when Docker has no disk; NULL: none
			  */
	char *on_disk;   /* the same when it has */
	struct strings binds; /* SOURCE:TARGET[:OPTIONS], of the host into the container */
	struct strings exec;  /* command in it; empty: the image's own */
	struct strings ttys;  /* "console": the terminal behind /dev/console; else a name in /dev */
};

/* "shell": the host's own shell: in rescue on every kernel console, and on ttys when given */
struct plan_shell {
	struct strings exec; /* argv; exec[0] is an absolute path in the image */
	struct strings ttys;
};

/* "rescue": what guards the rescue shell */
struct plan_rescue {
	char *password; /* as crypt(3) made it */
};

/* "stop": the end of the machine */
struct plan_stop {
	uint64_t within; /* ms that main and containers have, all together; 0: none */
};

struct bootplan {
	struct plan_image image;
	enum plan_mode mode;
	char *hostname; /* NULL: not set */
	bool has_disk, has_dhcp, has_resolver, has_ntp, has_clock, has_main, has_console, has_shell,
		has_log, has_rescue, has_stop, has_end, has_root, has_verity, has_bundle,
		has_metadata;
	struct plan_root root;
	struct plan_verity verity;
	struct plan_bundle bundle;
	struct plan_disk disk;
	struct plan_dhcp dhcp;
	struct plan_resolver resolver;
	struct plan_metadata metadata;
	struct plan_ntp ntp;
	struct plan_clock clock;
	struct plan_service main;
	enum plan_end end; /* in mode supervise */
	struct plan_console console;
	struct plan_shell shell;
	struct plan_log log;
	struct plan_rescue rescue;
	struct plan_stop stop;
	struct plan_module *modules;
	struct plan_alias *aliases;
	struct plan_tmpfs *tmpfses;
	struct plan_network *networks;
	struct plan_limit *limits;
	struct plan_choice *choices;
	struct plan_service *services;
	struct plan_container *containers;
	struct plan_declared *declared;
	size_t module_count, alias_count, tmpfs_count, network_count, limit_count, choice_count,
		service_count, container_count, declared_count;
};

#define BOOTPLAN_EMPTY ((struct bootplan){ 0 })

void bootplan_free(struct bootplan *plan);

/* each appends one zeroed item to a list of the plan; NULL when memory is short. Pointers from
 * earlier calls for the same list are invalid afterwards. */
struct plan_module *bootplan_add_module(struct bootplan *plan);
struct plan_alias *bootplan_add_alias(struct bootplan *plan);
struct plan_tmpfs *bootplan_add_tmpfs(struct bootplan *plan);
struct plan_network *bootplan_add_network(struct bootplan *plan);
struct plan_limit *bootplan_add_limit(struct bootplan *plan);
/** bootplan_forget_modules() - free what a plan says of modules and aliases, the bulk of it */
void bootplan_forget_modules(struct bootplan *plan);

struct plan_choice *bootplan_add_choice(struct bootplan *plan);
struct plan_service *bootplan_add_service(struct bootplan *plan);
struct plan_container *bootplan_add_container(struct bootplan *plan);
struct plan_declared *bootplan_add_declared(struct bootplan *plan);

/** bootplan_format() - the text form. Return: 0 or -ENOMEM */
int bootplan_format(const struct bootplan *plan, struct text *text);

/**
 * bootplan_parse() - read the text form; untrusted input
 * @length:    bytes at @string, which need not end in NUL
 * @ret_error: on -EINVAL, what is wrong and in which line, to be freed by the caller
 *
 * An unknown version, verb or key is -EINVAL, never guessed. On failure @plan is empty.
 */
int bootplan_parse(struct bootplan *plan, const char *string, size_t length, char **ret_error);
