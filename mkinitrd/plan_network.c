/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_network.c - interfaces, name servers and time servers of "boot:" into the boot plan
 *
 * In:    the checked profile; SOURCE_DATE_EPOCH
 * Out:   the plan's lines network, dhcp, resolver, metadata, ntp, clock; an entry for the DHCP
 * client Not:   drivers of network cards ("kernel: modules:")
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "../init/lib/network_address.h"
#include "../init/lib/number.h"

#define DHCP_WAIT_MS 10000
#define MTU_LEAST 576 /* RFC 1122: what every host must take */
#define MTU_MOST 65535

enum text_form { FORM_ANY, FORM_ADDRESS, FORM_ADDRESS_BITS };

static int check_form(const char *text, const struct origin *origin, enum text_form form)
{
	struct network_address address;

	if (form == FORM_ANY ||
	    network_address_parse(text, form == FORM_ADDRESS_BITS, &address) == 0)
		return 0;
	return fail_at(origin, "'%s' is not %s", text,
		       form == FORM_ADDRESS
			       ? "the address of a host such as 192.0.2.1 or 2001:db8::1"
			       : "the address of a host with its prefix, such as 192.0.2.1/24 or "
				 "2001:db8::1/64");
}

static int add_text(const struct resolve *resolve, const struct value *value, enum text_form form,
		    struct strings *ret_texts)
{
	char *text = NULL;
	int r = plan_text(resolve, value, &text);

	if (r == 0)
		r = check_form(text, &value->origin, form);
	if (r < 0) {
		free(text);
		return r;
	}
	return strings_take_in(ret_texts, text);
}

/* one text, or a list of them; absent is none */
static int add_texts(const struct resolve *resolve, const struct value *value, enum text_form form,
		     struct strings *ret_texts)
{
	int r = 0;

	if (value && value->kind == VALUE_SCALAR)
		return add_text(resolve, value, form, ret_texts);
	for (size_t i = 0; r == 0 && value && i < value->count; i++)
		r = add_text(resolve, value->items[i], form, ret_texts);
	return r;
}

static int plan_mtu(const struct value *value, uint64_t *ret_mtu)
{
	if (value && (number_parse(value_text(value, ""), ret_mtu) < 0 || *ret_mtu < MTU_LEAST ||
		      *ret_mtu > MTU_MOST))
		return fail_at(&value->origin, "'%s' is not an MTU: a number from %d to %d",
			       value_text(value, ""), MTU_LEAST, MTU_MOST);
	return 0;
}

/* what is said, else static where there is an address */
static int plan_method(const struct value *value, struct plan_network *row)
{
	const struct value *method = value_get(value, "method", NULL);
	const char *word = value_text(method, row->address.count > 0 ? "static" : "dhcp");

	row->method = text_equal(word, "dhcp")   ? PLAN_METHOD_DHCP
		      : text_equal(word, "none") ? PLAN_METHOD_NONE
						 : PLAN_METHOD_STATIC;
	if (row->method != PLAN_METHOD_STATIC && (row->address.count > 0 || row->gateway.count > 0))
		return fail_at(method ? &method->origin : &value->origin,
			       "'method: %s' has no use for 'address:' and 'gateway:'", word);
	return 0;
}

static int plan_interface(const struct resolve *resolve, const struct value *value,
			  const char *match, struct plan_network *row)
{
	int r;

	row->match = strdup(match);
	if (!row->match)
		return -ENOMEM;
	if (text_equal(value_text(value_get(value, "accept-ra", NULL), "true"), "false"))
		row->accept_ra = PLAN_RA_NO;
	r = add_texts(resolve, value_get(value, "address", NULL), FORM_ADDRESS_BITS, &row->address);
	if (r == 0)
		r = add_texts(resolve, value_get(value, "gateway", NULL), FORM_ADDRESS,
			      &row->gateway);
	if (r == 0)
		r = add_texts(resolve, value_get(value, "dns", NULL), FORM_ADDRESS, &row->dns);
	if (r == 0)
		r = add_texts(resolve, value_get(value, "search", NULL), FORM_ANY, &row->search);
	if (r == 0)
		r = plan_mtu(value_get(value, "mtu", NULL), &row->mtu);
	return r < 0 ? r : plan_method(value, row);
}

/* those with a wildcard, or those without */
static int plan_interfaces(const struct resolve *resolve, const struct value *network,
			   bool has_wildcard, struct bootplan *plan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && network && i < network->count; i++) {
		struct plan_network *row;

		if ((strpbrk(network->keys[i], "*?[") != NULL) != has_wildcard)
			continue;
		row = bootplan_add_network(plan);
		r = row ? plan_interface(resolve, network->items[i], network->keys[i], row)
			: -ENOMEM;
	}
	return r;
}

static int plan_dhcp(struct resolve *resolve, const struct value *dhcp, struct plan_dhcp *plan)
{
	plan->wait = DHCP_WAIT_MS;
	(void)duration_parse(value_text(value_get(dhcp, "wait", NULL), ""), &plan->wait);
	if (text_equal(value_text(value_get(dhcp, "after", NULL), "start"), "images"))
		plan->after = PLAN_AFTER_IMAGES;
	return plan_exec(resolve, value_get(dhcp, "exec", NULL), "DHCP client", &plan->exec);
}

/* No clock of the building machine goes into an image: the same inputs give the same bytes. */
static void plan_clock(struct bootplan *plan)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	plan->has_clock =
		epoch && number_parse(epoch, &plan->clock.floor) == 0 && plan->clock.floor > 0;
}

int plan_network(struct resolve *resolve, const struct value *boot, struct bootplan *plan)
{
	const struct value *network = value_get(boot, "network", NULL);
	const struct value *dhcp = value_get(boot, "dhcp", NULL);
	const struct value *dns = value_get(boot, "dns", NULL);
	const struct value *ntp = value_get(boot, "ntp", "servers", NULL);
	bool wants_dhcp = false;
	int r = plan_interfaces(resolve, network, false, plan);

	plan_clock(plan);
	if (r == 0)
		r = plan_interfaces(resolve, network, true, plan);
	for (size_t i = 0; i < plan->network_count; i++)
		wants_dhcp |= plan->networks[i].method == PLAN_METHOD_DHCP;
	if (r == 0 && wants_dhcp && !dhcp)
		return fail_at(&network->origin,
			       "'network:' asks for dhcp, but no profile says which client "
			       "('boot: dhcp: exec:'); include the profile dhcp");
	plan->has_resolver = dns != NULL;
	if (r == 0)
		r = add_texts(resolve, value_get(dns, "servers", NULL), FORM_ADDRESS,
			      &plan->resolver.server);
	if (r == 0)
		r = add_texts(resolve, value_get(dns, "search", NULL), FORM_ANY,
			      &plan->resolver.search);
	plan->has_ntp = ntp != NULL;
	plan->has_metadata =
		text_equal(value_text(value_get(boot, "metadata", NULL), "none"), "linode");
	if (r == 0)
		r = add_texts(resolve, ntp, FORM_ANY, &plan->ntp.server);
	plan->has_dhcp = dhcp != NULL;
	return r < 0 || !dhcp ? r : plan_dhcp(resolve, dhcp, &plan->dhcp);
}
