/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_parameters.c - what the kernel command line says about the network
 *
 * In:    mkinitrd.network=, and ip= and nameserver= as the kernel and dracut know them
 * Out:   lines of the plan
 * Not:   what they lead to (network.c)
 * Facts: kernel Documentation/admin-guide/nfs/nfsroot.rst:
 *        ip=CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0, or AUTOCONF
 * alone; dracut.cmdline(7): IPv6 in brackets; ip=DEVICE:AUTOCONF[:[MTU][:MAC]]; behind AUTOCONF of
 *        the long form either name servers or MTU and MAC; nameserver=ADDRESS
 */
#include <errno.h>
#include <string.h>

#include "lib/network_address.h"
#include "lib/number.h"
#include "network_parameters.h"

#define WIRED "e[nt]*"
#define FIELDS 10
#define MTU_LEAST 576 /* RFC 1122: what every host must take */
#define MTU_MOST 65535

enum { CLIENT, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, AUTOCONF, DNS0, DNS1, NTP0 };

/* one ip=, cut in pieces */
struct ip {
	struct machine *machine;
	struct step_record *record;
	const char *value;
	char *copy;
	const char *fields[FIELDS];
	size_t count;
};

static void ip_free(struct ip *ip)
{
	free(ip->copy);
}

static int ip_bad(const struct ip *ip, const char *what, const char *word)
{
	return step_details(ip->record, -EINVAL, "ip=%s: %s%s%s%s", ip->value, what,
			    word ? " '" : "", word ? word : "", word ? "'" : "");
}

/* Return: 0, or -EINVAL for a bracket without its other half, or too many fields */
static int ip_split(struct ip *ip)
{
	ip->copy = strdup(ip->value);
	if (!ip->copy)
		return -ENOMEM;
	for (char *at = ip->copy; at;) {
		char *end;

		if (ip->count == FIELDS)
			return -EINVAL;
		if (*at == '[') {
			end = strchr(++at, ']');
			if (!end || (end[1] && end[1] != ':'))
				return -EINVAL;
			*end++ = '\0';
		} else {
			end = strchrnul(at, ':');
		}
		ip->fields[ip->count++] = at;
		at = *end ? end + 1 : NULL;
		*end = '\0';
	}
	return 0;
}

static const char *field(const struct ip *ip, size_t index)
{
	return index < ip->count && ip->fields[index][0] ? ip->fields[index] : NULL;
}

enum autoconf { AUTO_STATIC, AUTO_DHCP, AUTO_ROUTER, AUTO_UNKNOWN };

/* the words of both, as far as something can be made of them */
static enum autoconf autoconf_find(const char *word)
{
	// clang-format off
	static const struct {
		const char *word;
		enum autoconf autoconf;
	} rows[] = {
		{ "dhcp",        AUTO_DHCP },
		{ "on",          AUTO_DHCP },
		{ "any",         AUTO_DHCP },
		{ "both",        AUTO_DHCP },
		{ "single-dhcp", AUTO_DHCP },
		{ "auto6",       AUTO_ROUTER },
		{ "off",         AUTO_STATIC },
		{ "none",        AUTO_STATIC },
		{ "static",      AUTO_STATIC },
	};
	// clang-format on

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_equal(rows[i].word, word))
			return rows[i].autoconf;
	return AUTO_UNKNOWN;
}

/* one line more, the first or (of several ip=) after those before it */
static struct plan_network *row_insert(struct bootplan *plan, size_t index, const char *match)
{
	struct plan_network *row = bootplan_add_network(plan), added;

	if (!row || !(row->match = strdup(match)))
		return NULL;
	added = *row;
	memmove(plan->networks + index + 1, plan->networks + index,
		(plan->network_count - 1 - index) * sizeof(*row));
	plan->networks[index] = added;
	return &plan->networks[index];
}

static int list_add_address(const struct ip *ip, struct strings *list, const char *word)
{
	struct network_address address;

	if (network_address_parse(word, false, &address) < 0)
		return ip_bad(ip, "not the address of a host:", word);
	return strings_add(list, word);
}

static int ip_mtu(const struct ip *ip, const char *word, struct plan_network *row)
{
	uint64_t mtu;

	if (number_parse(word, &mtu) < 0 || mtu < MTU_LEAST || mtu > MTU_MOST)
		return ip_bad(ip, "not an MTU:", word);
	row->mtu = mtu;
	return 0;
}

/* the client's address with its netmask; without one IPv4 takes that of its class, as the kernel */
static int ip_address(const struct ip *ip, struct plan_network *row)
{
	const char *client = field(ip, CLIENT), *mask = field(ip, NETMASK);
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct network_address address;
	int r;

	if (strchr(client, '/'))
		r = network_address_parse(client, true, &address);
	else
		r = network_address_parse(client, false, &address);
	if (r < 0)
		return ip_bad(ip, "not the address of a host:", client);
	if (!mask && !strchr(client, '/'))
		mask = client[0] && strchr(client, ':') ? "64"
		       : address.bytes[0] < 128         ? "8"
		       : address.bytes[0] < 192         ? "16"
							: "24";
	if (mask && network_address_mask(&address, mask) < 0)
		return ip_bad(ip, "not a netmask:", mask);
	network_address_format(&text, &address, true);
	return strings_add(&row->address, text_string(&text));
}

/* behind AUTOCONF: name servers (and an NTP server), or MTU and MAC */
static int ip_tail(const struct ip *ip, struct plan_network *row)
{
	struct bootplan *plan = &ip->machine->plan;
	const char *first = field(ip, DNS0);
	int r = 0;

	if (first && !strpbrk(first, ".:"))
		return field(ip, DNS1)
			       ? ip_bad(ip,
					"setting a MAC address is not supported:", field(ip, DNS1))
			       : ip_mtu(ip, first, row);
	for (size_t i = DNS0; r == 0 && i <= DNS1; i++)
		if (field(ip, i))
			r = list_add_address(ip, &row->dns, field(ip, i));
	if (r == 0 && field(ip, NTP0)) {
		plan->has_ntp = true;
		r = list_add_address(ip, &plan->ntp.server, field(ip, NTP0));
	}
	return r;
}

/* CLIENT:SERVER:GATEWAY:... */
static int ip_long(const struct ip *ip, size_t index)
{
	struct bootplan *plan = &ip->machine->plan;
	enum autoconf autoconf = AUTO_DHCP;
	struct plan_network *row;
	int r = 0;

	if (field(ip, AUTOCONF))
		autoconf = autoconf_find(field(ip, AUTOCONF));
	else if (field(ip, CLIENT))
		autoconf = AUTO_STATIC;
	if (autoconf == AUTO_UNKNOWN)
		return ip_bad(ip, "not a way to get an address:", field(ip, AUTOCONF));
	row = row_insert(plan, index, field(ip, DEVICE) ? field(ip, DEVICE) : WIRED);
	if (!row)
		return -ENOMEM;
	/* with an address of its own it asks nobody, whatever AUTOCONF says: as the kernel */
	row->method =
		autoconf == AUTO_DHCP && !field(ip, CLIENT) ? PLAN_METHOD_DHCP : PLAN_METHOD_STATIC;
	if (field(ip, CLIENT))
		r = ip_address(ip, row);
	else if (autoconf == AUTO_STATIC)
		row->method = PLAN_METHOD_NONE;
	if (r == 0 && field(ip, GATEWAY))
		r = list_add_address(ip, &row->gateway, field(ip, GATEWAY));
	if (r == 0)
		r = ip_tail(ip, row);
	if (r == 0 && field(ip, HOSTNAME)) {
		free(plan->hostname);
		plan->hostname = strdup(field(ip, HOSTNAME));
		ip->machine->hostname_is_given = true;
		r = plan->hostname ? 0 : -ENOMEM;
	}
	return r;
}

/* AUTOCONF alone, or DEVICE:AUTOCONF[:[MTU][:MAC]] */
static int ip_short(const struct ip *ip, size_t index)
{
	const char *device = ip->count > 1 ? ip->fields[0] : WIRED;
	const char *word = ip->fields[ip->count > 1 ? 1 : 0];
	enum autoconf autoconf = autoconf_find(word);
	struct plan_network *row;

	if (autoconf == AUTO_UNKNOWN)
		return ip_bad(ip, "neither an address nor a way to get one:", word);
	if (field(ip, 3))
		return ip_bad(ip, "setting a MAC address is not supported:", field(ip, 3));
	row = row_insert(&ip->machine->plan, index, device);
	if (!row)
		return -ENOMEM;
	row->method = autoconf == AUTO_DHCP     ? PLAN_METHOD_DHCP
		      : autoconf == AUTO_ROUTER ? PLAN_METHOD_STATIC
						: PLAN_METHOD_NONE;
	return field(ip, 2) ? ip_mtu(ip, field(ip, 2), row) : 0;
}

/* The short form has a word where the long one has addresses: in the first field, or (behind a
 * device) in the second. */
static bool ip_is_short(const struct ip *ip)
{
	struct network_address address;

	if (ip->count == 1)
		return !strpbrk(ip->fields[0], ".:");
	return ip->count <= 4 && ip->fields[0][0] && !strchr(ip->fields[0], '/') &&
	       network_address_parse(ip->fields[0], false, &address) < 0;
}

static int apply_ip(struct machine *machine, struct step_record *record, const char *value,
		    size_t index)
{
	CLEANUP(ip_free) struct ip ip = { .machine = machine, .record = record, .value = value };
	int r = ip_split(&ip);

	if (r == -EINVAL)
		return ip_bad(&ip, "a '[' or ']' without the other, or too many ':'", NULL);
	if (r < 0)
		return r;
	return ip_is_short(&ip) ? ip_short(&ip, index) : ip_long(&ip, index);
}

static int apply_nameserver(struct machine *machine, struct step_record *record, const char *value)
{
	CLEANUP(memory_free) char *copy = strdup(value);
	size_t length = strlen(value);
	struct network_address address;
	const char *bare = copy;

	if (!copy)
		return -ENOMEM;
	if (length > 1 && copy[0] == '[' && copy[length - 1] == ']') {
		copy[length - 1] = '\0';
		bare = copy + 1;
	}
	if (network_address_parse(bare, false, &address) < 0)
		return step_details(record, -EINVAL,
				    "nameserver=%s: give the address of a name server", value);
	machine->plan.has_resolver = true;
	return strings_add(&machine->plan.resolver.server, bare);
}

static void networks_clear(struct bootplan *plan)
{
	for (size_t i = 0; i < plan->network_count; i++) {
		struct plan_network *row = &plan->networks[i];

		memory_free(&row->match);
		strings_free(&row->address);
		strings_free(&row->gateway);
		strings_free(&row->dns);
		strings_free(&row->search);
	}
	plan->network_count = 0;
	memory_free(&plan->networks);
}

/* "dhcp" and "none" are for all wired interfaces; PATTERN:METHOD,... say it one by one */
static int apply_network(struct machine *machine, struct step_record *record, const char *value)
{
	struct bootplan *plan = &machine->plan;
	CLEANUP(memory_free) char *copy = NULL;
	char *rest = NULL;

	if (asprintf(&copy, "%s%s", strchr(value, ':') ? "" : WIRED ":", value) < 0) {
		copy = NULL;
		return -ENOMEM;
	}
	networks_clear(plan);
	for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		char *method = strrchr(word, ':');
		struct plan_network *network;

		if (!method || method == word ||
		    (!text_equal(method, ":dhcp") && !text_equal(method, ":none")))
			return step_details(record, -EINVAL,
					    "mkinitrd.network=%s: give dhcp, none, or "
					    "INTERFACE:dhcp,INTERFACE:none,...; addresses: ip=",
					    value);
		*method++ = '\0';
		network = bootplan_add_network(plan);
		if (!network || !(network->match = strdup(word)))
			return -ENOMEM;
		network->method = text_equal(method, "dhcp") ? PLAN_METHOD_DHCP : PLAN_METHOD_NONE;
	}
	return 0;
}

/* dracut's, which would change what interfaces are: said, because a machine may count on them */
static void warn_unsupported(const char *key)
{
	static const char *const keys[] = {
		"ifname", "vlan", "bond", "team", "bridge", "rd.route"
	};

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (text_equal(keys[i], key))
			(void)log_line(LOG_ERROR, -ENOSYS,
				       "%s= is not supported, ignoring it; a card by its hardware "
				       "address: 'boot: network:' with mac:, or mkinitrd.network=",
				       key);
}

int network_parameters_apply(struct machine *machine, struct step_record *record)
{
	const char *network = cmdline_last(&machine->cmdline, "mkinitrd.network");
	size_t count = 0;
	int r = network ? apply_network(machine, record, network) : 0;

	for (size_t i = 0; r == 0 && i < machine->cmdline.count; i++) {
		const struct cmdline_word *word = &machine->cmdline.words[i];

		if (text_equal(word->key, "ip") && word->value && *word->value)
			r = apply_ip(machine, record, word->value, count++);
		else if (text_equal(word->key, "nameserver") && word->value)
			r = apply_nameserver(machine, record, word->value);
		else
			warn_unsupported(word->key);
	}
	return r;
}
