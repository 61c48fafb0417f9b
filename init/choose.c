/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose.c - which of several programs goes by a name on this machine
 *
 * In:    the plan's choices, the running kernel
 * Out:   links, such as /usr/sbin/iptables to iptables-nft or iptables-legacy
 * Not:   which choices there are (profiles), how the kernel is asked (netfilter.c)
 * Facts: docs/boot.md section 2: with the wrong front end dockerd ends a few seconds after it
 *        became process 1; and both at once must not be, so the first that fits is the only one
 */
#include "choose.h"

#include <errno.h>
#include <string.h>

#include "modules.h"
#include "netfilter.h"
#include "lib/file.h"

/* what Docker's rules use, and what is missing when a kernel's iptables support is partial */
#define NFT_MATCH "addrtype"
#define LEGACY_TABLE "nat"

/* Each returns 0 when it holds, or a negative errno and the reason */

static int always(const struct machine *machine, const char **ret_reason)
{
	(void)machine;
	*ret_reason = NULL;
	return 0;
}

static int has_iptables_nft(const struct machine *machine, const char **ret_reason)
{
	int r;

	/* the kernel would ask modprobe for them; this way it works without one */
	(void)modules_load_name(machine, "nf_tables");
	(void)modules_load_name(machine, "nft_compat");
	r = netfilter_has_nft(NFT_MATCH);
	*ret_reason = r == -EOPNOTSUPP ? "no nf_tables"
		      : r == -ENOENT   ? "no nft_compat, or no xt_" NFT_MATCH
		      : r < 0          ? strerror(-r)
				       : NULL;
	return r;
}

static int has_iptables_legacy(const struct machine *machine, const char **ret_reason)
{
	int r;

	/* no request loads ip_tables */
	(void)modules_load_name(machine, "iptable_" LEGACY_TABLE);
	r = netfilter_has_table(LEGACY_TABLE);
	*ret_reason = r == -EOPNOTSUPP ? "no ip_tables"
		      : r == -ENOENT   ? "no iptable_" LEGACY_TABLE
		      : r < 0          ? strerror(-r)
				       : NULL;
	return r;
}

static int (*const conditions[])(const struct machine *machine, const char **ret_reason) = {
	[PLAN_WHEN_ALWAYS] = always,
	[PLAN_WHEN_IPTABLES_NFT] = has_iptables_nft,
	[PLAN_WHEN_IPTABLES_LEGACY] = has_iptables_legacy,
};

/* "PATH=TARGET", in place of what stands there, at no moment without */
static int link_make(const char *link)
{
	const char *target = strchr(link, '=');
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (!target)
		return -EINVAL;
	text_add_bytes(&path, link, (size_t)(target - link));
	return path.failed ? -ENOMEM : link_replace(text_string(&path), target + 1);
}

static int take(const struct plan_choice *choice, struct step_record *record)
{
	for (size_t i = 0; i < choice->links.count; i++) {
		int r = link_make(choice->links.items[i]);

		if (r < 0)
			return step_details(record, r, "%s=%s: cannot make the link '%s': %s",
					    choice->name, choice->pick, choice->links.items[i],
					    strerror(-r));
	}
	return step_details(record, 0, "%s%s%s=%s", record->details, record->details[0] ? " " : "",
			    choice->name, choice->pick);
}

/* the first of the choices from number @first on that have its name */
static int choose(const struct machine *machine, size_t first, struct step_record *record)
{
	const struct plan_choice *choices = machine->plan.choices;
	CLEANUP(text_free) struct text reasons = TEXT_EMPTY;
	const char *name = choices[first].name;

	for (size_t i = first; i < machine->plan.choice_count; i++) {
		const char *reason;

		if (!text_equal(choices[i].name, name))
			continue;
		if (conditions[choices[i].when](machine, &reason) == 0)
			return take(&choices[i], record);
		text_format(&reasons, "%s%s: %s", reasons.length ? "; " : "", choices[i].pick,
			    reason);
	}
	return step_details(record, -ENOTSUP,
			    "nothing fits for '%s' (%s); boot a kernel that has one of them, with "
			    "its modules in the image, or build the image with "
			    "boot.choose.%s=null if it goes without",
			    name, text_string(&reasons), name);
}

int choices_make(const struct machine *machine, struct step_record *record)
{
	const struct bootplan *plan = &machine->plan;
	int r = 0;

	for (size_t i = 0; i < plan->choice_count; i++) {
		if (plan->choices[i].name && plan->choices[i].pick)
			continue;
		(void)step_details(record, -EINVAL, "the plan has a choice without a name");
		return -EINVAL;
	}
	for (size_t i = 0; r == 0 && i < plan->choice_count; i++) {
		bool is_first = true;

		for (size_t j = 0; j < i; j++)
			is_first &= !text_equal(plan->choices[j].name, plan->choices[i].name);
		if (is_first)
			r = choose(machine, i, record);
	}
	return r;
}
