/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_kernel.c - can the kernel that an image is for unpack it, and run what is in it?
 *
 * In:    the kernel's configuration from the root, the image's compressions, its programs
 * Out:   findings
 * Not:   how the configuration is found (kernel_config.c)
 * Facts: which options Docker asks for: moby's contrib/check-config.sh; that Docker's networks work
 *        with nf_tables in the place of the legacy tables, and that MASQUERADE moved: the kernel's
 *        net/ipv4/netfilter/Kconfig, net/netfilter/Kconfig. Of cgroups only what version 2 needs
 *        counts, for that is what init mounts. MEMCG_SWAP is no option any more since 6.1
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "fail.h"
#include "resolve.h"

struct option {
	const char *name, *module; /* the module must be in the image when the option is one */
	const char *or_name, *or_module; /* does the same */
	bool is_necessary;
	const char *what;
	const char *with; /* only when this program is in the image */
};

// clang-format off
static const struct option docker_options[] = {
	{ "NAMESPACES",			.is_necessary = true, .what = "containers" },
	{ "NET_NS",			.is_necessary = true, .what = "networks of containers" },
	{ "PID_NS",			.is_necessary = true, .what = "containers" },
	{ "IPC_NS",			.is_necessary = true, .what = "containers" },
	{ "UTS_NS",			.is_necessary = true, .what = "containers" },
	{ "CGROUPS",			.is_necessary = true, .what = "containers" },
	{ "CGROUP_SCHED",		.is_necessary = true, .what = "shares of the processor" },
	{ "CGROUP_BPF",			.is_necessary = true, .what = "which devices a container may use" },
	{ "MEMCG",			.is_necessary = true, .what = "limits of memory" },
	{ "KEYS",			.is_necessary = true, .what = "starting containers" },
	{ "POSIX_MQUEUE",		.is_necessary = true, .what = "/dev/mqueue in containers" },
	{ "OVERLAY_FS", "overlay", "BTRFS_FS", "btrfs", .is_necessary = true, .what = "images and containers on disk" },
	{ "VETH", "veth",		.is_necessary = true, .what = "networks of containers" },
	{ "BRIDGE", "bridge",		.is_necessary = true, .what = "networks of containers" },
	{ "BRIDGE_NETFILTER", "br_netfilter", .is_necessary = true, .what = "networks of containers" },
	{ "NF_NAT", "nf_nat",		.is_necessary = true, .what = "published ports", .with = "iptables" },
	{ "NETFILTER_XT_MATCH_ADDRTYPE", "xt_addrtype", .is_necessary = true, .what = "published ports", .with = "iptables" },
	{ "NETFILTER_XT_MATCH_CONNTRACK", "xt_conntrack", .is_necessary = true, .what = "networks of containers", .with = "iptables" },
	{ "NETFILTER_XT_TARGET_MASQUERADE", "xt_MASQUERADE", "IP_NF_TARGET_MASQUERADE", "ipt_MASQUERADE", true, "containers that reach the outside", .with = "iptables" },
	{ "IP_NF_FILTER", "iptable_filter", "NF_TABLES", "nf_tables", true, "rules of iptables", .with = "iptables" },
	{ "IP_NF_NAT", "iptable_nat",	"NF_TABLES", "nf_tables", true, "rules of iptables", .with = "iptables" },
	{ "IP_NF_MANGLE", NULL,		"NF_TABLES", NULL, true, "rules of iptables", .with = "iptables" },
	{ "IP_NF_RAW", NULL,		"NF_TABLES", NULL, true, "rules of iptables", .with = "iptables" },
	{ "IP6_NF_FILTER", NULL,	"NF_TABLES", NULL, true, "rules of ip6tables", .with = "ip6tables" },
	{ "IP6_NF_NAT", NULL,		"NF_TABLES", NULL, true, "rules of ip6tables", .with = "ip6tables" },
	{ "IP6_NF_MANGLE", NULL,	"NF_TABLES", NULL, true, "rules of ip6tables", .with = "ip6tables" },
	{ "IP6_NF_RAW", NULL,		"NF_TABLES", NULL, true, "rules of ip6tables", .with = "ip6tables" },
	{ "NETFILTER_XT_MARK",		.is_necessary = true, .what = "published ports of services" },
	{ "CPUSETS",			.what = "docker run --cpuset-cpus" },
	{ "CGROUP_PIDS",		.what = "docker run --pids-limit" },
	{ "CGROUP_HUGETLB",		.what = "limits of huge pages" },
	{ "CGROUP_PERF",		.what = "perf on containers" },
	{ "BLK_CGROUP",			.what = "docker run --blkio-weight" },
	{ "BLK_DEV_THROTTLING",		.what = "docker run --device-read-bps" },
	{ "CFS_BANDWIDTH",		.what = "docker run --cpus" },
	{ "FAIR_GROUP_SCHED",		.what = "docker run --cpu-shares" },
	{ "NET_CLS_CGROUP",		.what = "classes of network traffic" },
	{ "CGROUP_NET_PRIO",		.what = "priorities of network traffic" },
	{ "USER_NS",			.what = "dockerd --userns-remap" },
	{ "SECCOMP",			.what = "the filter of system calls that containers get" },
	{ "SECCOMP_FILTER",		.what = "the filter of system calls that containers get" },
	{ "SECURITY_APPARMOR", .or_name = "SECURITY_SELINUX", .what = "mandatory access control of containers" },
	{ "NETFILTER_XT_MATCH_IPVS",	.what = "swarm services" },
	{ "IP_VS",			.what = "swarm services" },
	{ "IP_VS_NFCT",			.what = "swarm services" },
	{ "IP_VS_PROTO_TCP",		.what = "swarm services" },
	{ "IP_VS_PROTO_UDP",		.what = "swarm services" },
	{ "IP_VS_RR",			.what = "swarm services" },
	{ "IP_NF_TARGET_REDIRECT", .or_name = "NETFILTER_XT_TARGET_REDIRECT", .what = "swarm services" },
	{ "EXT4_FS",			.what = "a disk for Docker with ext4" },
	{ "EXT4_FS_POSIX_ACL",		.what = "a disk for Docker with ext4" },
	{ "EXT4_FS_SECURITY",		.what = "a disk for Docker with ext4" },
	{ "VXLAN",			.what = "overlay networks" },
	{ "BRIDGE_VLAN_FILTERING",	.what = "overlay networks" },
	{ "CRYPTO",			.what = "encrypted overlay networks" },
	{ "CRYPTO_AEAD",		.what = "encrypted overlay networks" },
	{ "CRYPTO_GCM",			.what = "encrypted overlay networks" },
	{ "CRYPTO_SEQIV",		.what = "encrypted overlay networks" },
	/* from 7.1 on GHASH is no algorithm of its own but a part of GCM */
	{ "CRYPTO_GHASH", .or_name = "CRYPTO_LIB_GF128HASH", .what = "encrypted overlay networks" },
	{ "XFRM",			.what = "encrypted overlay networks" },
	{ "XFRM_USER",			.what = "encrypted overlay networks" },
	{ "XFRM_ALGO",			.what = "encrypted overlay networks" },
	{ "INET_ESP",			.what = "encrypted overlay networks" },
	{ "NETFILTER_XT_MATCH_BPF",	.what = "encrypted overlay networks" },
	{ "IPVLAN",			.what = "ipvlan networks" },
	{ "MACVLAN",			.what = "macvlan networks" },
	{ "DUMMY",			.what = "internal macvlan networks" },
	{ "NF_NAT_FTP",			.what = "FTP clients in containers" },
	{ "NF_CONNTRACK_FTP",		.what = "FTP clients in containers" },
	{ "NF_NAT_TFTP",		.what = "TFTP clients in containers" },
	{ "NF_CONNTRACK_TFTP",		.what = "TFTP clients in containers" },
};

/* how the kernel names what it unpacks: usr/Kconfig */
static const struct {
	enum compression compression;
	const char *option, *name;
} unpackers[] = {
	{ COMPRESS_ZSTD,  "RD_ZSTD",  "zstd" },
	{ COMPRESS_GZIP,  "RD_GZIP",  "gzip" },
	{ COMPRESS_XZ,    "RD_XZ",    "xz" },
	{ COMPRESS_LZ4,   "RD_LZ4",   "lz4" },
	{ COMPRESS_BZIP2, "RD_BZIP2", "bzip2" },
	{ COMPRESS_LZMA,  "RD_LZMA",  "lzma" },
	{ COMPRESS_LZOP,  "RD_LZO",   "lzop" },
};
// clang-format on

static bool is_there(const struct check *check, const struct kernel_config *config,
		     const char *name, const char *module)
{
	char value = name ? kernel_config_get(config, name) : 'n';

	return value == 'y' || (value == 'm' && (!module || check_has_module(check, module)));
}

static void check_option(struct check *check, const struct kernel_config *config,
			 const struct option *option)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	bool is_module = kernel_config_get(config, option->name) == 'm';

	if (is_there(check, config, option->name, option->module) ||
	    is_there(check, config, option->or_name, option->or_module))
		return;
	text_format(&name, "CONFIG_%s", option->name);
	if (is_module)
		check_find(check, CHECK_KERNEL_MODULE_MISSING, text_string(&name),
			   "is the module '%s' in kernel %s, which the image lacks; Docker needs "
			   "it for %s; "
			   "name it in the profile (kernel: modules:)",
			   option->module, check->release, option->what);
	else
		check_find(check,
			   option->is_necessary ? CHECK_KERNEL_OPTION_MISSING
						: CHECK_KERNEL_OPTION_OPTIONAL,
			   text_string(&name),
			   "is off in kernel %s (%s); Docker needs it for %s; take a kernel that "
			   "has it%s",
			   check->release, kernel_config_path(config), option->what,
			   option->is_necessary ? "" : ", or accept it");
}

static void check_unpacking(struct check *check, const struct kernel_config *config)
{
	if (kernel_config_get(config, "BLK_DEV_INITRD") != 'y')
		check_find(check, CHECK_KERNEL_NO_INITRAMFS, "CONFIG_BLK_DEV_INITRD",
			   "is off in kernel %s (%s): it takes no initramfs; take another kernel",
			   check->release, kernel_config_path(config));
	for (size_t i = 0; i < COUNT_OF(unpackers); i++) {
		CLEANUP(text_free) struct text name = TEXT_EMPTY;

		if (!(check->compressions & UINT64_C(1) << unpackers[i].compression) ||
		    kernel_config_get(config, unpackers[i].option) == 'y')
			continue;
		text_format(&name, "CONFIG_%s", unpackers[i].option);
		check_find(check, CHECK_KERNEL_COMPRESSION, text_string(&name),
			   "is off in kernel %s (%s), and the image is compressed with %s; build "
			   "it with "
			   "another one (-c)",
			   check->release, kernel_config_path(config), unpackers[i].name);
	}
}

/* the kernel's modules in the root, where its configuration may lie beside them */
static int kernel_of(const struct check *check, struct kernel *kernel)
{
	CLEANUP(text_free) struct text directory = TEXT_EMPTY;
	struct stat status;

	text_format(&directory, "/usr/lib/modules/%s", check->release);
	if (sysroot_stat(check->root, text_string(&directory), true, &status) < 0) {
		text_clear(&directory);
		text_format(&directory, "/lib/modules/%s", check->release);
	}
	kernel->release = strdup(check->release);
	return kernel->release ? text_take(&directory, &kernel->directory) : -ENOMEM;
}

void check_kernel(struct check *check)
{
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;
	CLEANUP(kernel_free) struct kernel kernel = { 0 };
	int r;

	if (!check->release) {
		check_note(check,
			   "which kernel the image is for is not known (-k says it), so that "
			   "its configuration is not looked at");
		return;
	}
	r = kernel_of(check, &kernel);
	if (r == 0)
		r = kernel_config_open(check->root, &kernel, &config);
	if (r == -ENOMEM) {
		check->is_short_of_memory = true;
		return;
	}
	if (r < 0) {
		check_note(
			check,
			"the root '%s' has no configuration of kernel %s, so that is not looked at",
			check->root->path, check->release);
		return;
	}
	check_unpacking(check, config);
	if (!check_program_find(check, "dockerd"))
		return;
	for (size_t i = 0; i < COUNT_OF(docker_options); i++) {
		const struct option *option = &docker_options[i];

		if (!option->with || check_program_find(check, option->with))
			check_option(check, config, option);
	}
}
