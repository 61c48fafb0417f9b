/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_firewall.c - the iptables that dockerd will call is one that this kernel answers
 *
 * In:    the iptables in place, what the kernel has
 * Out:   links to the one of the other kind, where both are there and may be changed
 * Not:   how the kernel is asked (netfilter.c)
 * Facts: docs/boot.md section 2. Debian's links go through /etc/alternatives:
 * update-alternatives(1). Asking for a legacy table makes it; /proc/net/ip_tables_names shows that
 * there may be some
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "aside.h"
#include "dockerlaunch_place.h"
#include "lib/file.h"
#include "netfilter.h"

/* what Docker's rules use, and what is missing when a kernel's iptables support is partial */
#define NFT_MATCH "addrtype"
#define LEGACY_TABLE "nat"
#define ALTERNATIVES "/etc/alternatives/"
#define TABLES "/proc/net/ip_tables_names"

enum kind { KIND_NFT, KIND_LEGACY, KIND_UNKNOWN };

static const char *const kinds[] = { "nft", "legacy", "unknown" };
static const char *const folders[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };
static const char *const tools[] = {
	"iptables",  "iptables-save",  "iptables-restore",
	"ip6tables", "ip6tables-save", "ip6tables-restore",
};

/* "ip6tables-save" of kind nft is "ip6tables-nft-save" */
static void tool_name(const char *folder, const char *tool, enum kind kind, struct text *path)
{
	size_t length = strcspn(tool, "-");

	text_format(path, "%s/%.*s-%s%s", folder, (int)length, tool, kinds[kind], tool + length);
}

static bool has_kind(const char *folder, enum kind kind)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	tool_name(folder, "iptables", kind, &path);
	return access(text_string(&path), X_OK) == 0;
}

/* Return: where iptables is, or where one of a kind is that has not got its name yet, or NULL */
static const char *folder_find(bool *ret_is_named)
{
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/iptables", folders[i]);
		*ret_is_named = access(text_string(&path), X_OK) == 0;
		if (*ret_is_named)
			return folders[i];
	}
	for (size_t i = 0; i < COUNT_OF(folders); i++)
		if (has_kind(folders[i], KIND_NFT) || has_kind(folders[i], KIND_LEGACY))
			return folders[i];
	return NULL;
}

/* by the name of the program behind all links: "xtables-nft-multi" */
static enum kind kind_in_place(const char *folder)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *real = NULL;

	text_format(&path, "%s/iptables", folder);
	real = realpath(text_string(&path), NULL);
	if (!real)
		return KIND_UNKNOWN;
	if (strstr(base_name(real), "nft"))
		return KIND_NFT;
	if (strstr(base_name(real), "legacy") || text_equal(base_name(real), "xtables-multi"))
		return KIND_LEGACY;
	return KIND_UNKNOWN;
}

/* Return: 0, or a negative errno with @ret_why */
static int kernel_has(const struct launch *launch, enum kind kind, const char **ret_why)
{
	int r;

	if (kind == KIND_NFT) {
		r = netfilter_has_nft(NFT_MATCH);
		*ret_why = r == -EOPNOTSUPP ? "no nf_tables"
			   : r == -ENOENT   ? "no nft_compat, or no xt_" NFT_MATCH
					    : strerror(-r);
		return r;
	}
	if (launch_changes(launch)) {
		/* no request loads ip_tables */
		(void)launch_modprobe("iptable_" LEGACY_TABLE);
		r = netfilter_has_table(LEGACY_TABLE);
	} else {
		r = is_there(TABLES) ? 0 : -EOPNOTSUPP;
	}
	*ret_why = r == -EOPNOTSUPP ? "no ip_tables"
		   : r == -ENOENT   ? "no iptable_" LEGACY_TABLE
				    : strerror(-r);
	return r;
}

/* the link to change: Debian's own between the name and the program, where it is one */
static int link_place(const char *path, struct text *place)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	/* EINVAL: a program of its own stands there */
	if (length < 0 && errno != ENOENT)
		return -errno;
	target[length < 0 ? 0 : length] = '\0';
	text_add(place, text_after(target, ALTERNATIVES) ? target : path);
	return place->failed ? -ENOMEM : 0;
}

static int relink(const char *folder, const char *tool, enum kind kind)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY, place = TEXT_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY, below = TEXT_EMPTY;
	int r;

	text_format(&path, "%s/%s", folder, tool);
	tool_name(folder, tool, kind, &target);
	if (access(text_string(&target), X_OK) < 0)
		return 0;
	r = link_place(text_string(&path), &place);
	if (r < 0)
		return r;
	text_add_bytes(&below, text_string(&place),
		       (size_t)(base_name(text_string(&place)) - text_string(&place)));
	/* a root that has the programs, and not the links between them */
	r = directory_make(text_string(&below), 0755);
	return r < 0 ? r : link_replace(text_string(&place), text_string(&target));
}

static int change_to(struct launch *launch, const char *folder, enum kind kind, const char *why)
{
	CLEANUP(text_free) struct text other = TEXT_EMPTY;
	int r = 0;

	tool_name(folder, "iptables", kind, &other);
	if (!has_kind(folder, kind))
		return launch_say(launch, LAUNCH_LACKS, "iptables",
				  "%s, and '%s' is not there; install it", why,
				  text_string(&other));
	for (size_t i = 0; r == 0 && launch_changes(launch) && i < COUNT_OF(tools); i++)
		r = relink(folder, tools[i], kind);
	if (r < 0)
		return launch_say(launch, LAUNCH_LACKS, "iptables",
				  "%s, and the links in '%s' cannot be changed to '%s': %s", why,
				  folder, text_string(&other), strerror(-r));
	return launch_say(launch, LAUNCH_ALTERS, "iptables", "a link to '%s': %s",
			  text_string(&other), why);
}

static int say_neither(struct launch *launch, const char *why, const char *other_why)
{
	return launch_say(launch, LAUNCH_LACKS, "iptables",
			  "this kernel has neither kind (%s; %s); load its modules, or run dockerd "
			  "with --iptables=false",
			  why, other_why);
}

/* programs of both kinds, or of one, and none by the name that dockerd calls: an image for any
 * kernel */
static int give_name(struct launch *launch, const char *folder)
{
	const char *why[] = { "no iptables-nft", "no iptables-legacy" };

	for (enum kind kind = KIND_NFT; kind <= KIND_LEGACY; kind++)
		if (has_kind(folder, kind) && kernel_has(launch, kind, &why[kind]) == 0)
			return change_to(launch, folder, kind, "it had no name");
	return say_neither(launch, why[KIND_NFT], why[KIND_LEGACY]);
}

int launch_firewall(struct launch *launch)
{
	CLEANUP(text_free) struct text missing = TEXT_EMPTY;
	const char *folder, *why = "", *other_why = "";
	bool is_named = false;
	enum kind kind, other;
	int r;

	if (!launch->wants_firewall || !launch->wants_network)
		return launch_say(launch, LAUNCH_HAS, "iptables", "not wanted");
	folder = folder_find(&is_named);
	if (!folder)
		return launch_say(launch, LAUNCH_LACKS, "iptables",
				  "not there; install it, or run dockerd with --iptables=false");
	if (!is_named)
		return give_name(launch, folder);
	kind = kind_in_place(folder);
	if (kind == KIND_UNKNOWN)
		return launch_say(launch, LAUNCH_HAS, "iptables",
				  "of a kind that it does not tell");
	r = kernel_has(launch, kind, &why);
	if (r == 0)
		return launch_say(launch, LAUNCH_HAS, "iptables", "%s, which this kernel has",
				  kinds[kind]);
	if (r == -EPERM)
		return launch_say(launch, LAUNCH_LACKS, "iptables",
				  "the kernel cannot be asked: %s%s", strerror(-r),
				  launch_needs(launch, CAP_NET_ADMIN));
	other = kind == KIND_NFT ? KIND_LEGACY : KIND_NFT;
	if (kernel_has(launch, other, &other_why) != 0)
		return say_neither(launch, why, other_why);
	text_format(&missing, "this kernel has %s for the one in place", why);
	return change_to(launch, folder, other, text_string(&missing));
}
