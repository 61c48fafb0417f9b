/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_form.c - the forms of text below "run:" (see run_settings.h)
 *
 * In:    text: of a profile, or of a container image that somebody else made
 * Out:   what it says, or that it says nothing
 * Facts: signal(7); netdevice(7): a name of an interface has at most 15 characters; useradd(8) for
 *        names of accounts; OCI image-spec, config.md: "port/tcp", "port/udp", "port", and
 *        StopSignal as "SIGNAME" or "SIGRTMIN+3"
 */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_settings.h"
#include "../init/lib/number.h"
#include "../init/lib/signal_name.h"

#define CPUS_MOST 8192

static const char *const protocol_names[] = { "tcp", "udp", "sctp" };

const char *run_protocol_name(enum run_protocol protocol)
{
	return protocol_names[protocol];
}

int run_port_parse(const char *text, bool bare, struct run_port *ret_port)
{
	size_t digits = strspn(text, "0123456789");
	struct run_port port = { .protocol = RUN_TCP };
	char number[8];
	uint64_t value = 0;

	if (digits == 0 || digits >= sizeof(number) || (text[digits] != '/' && !bare))
		return -EINVAL;
	(void)snprintf(number, sizeof(number), "%.*s", (int)digits, text);
	if (number_parse(number, &value) < 0 || value == 0 || value > UINT16_MAX)
		return -EINVAL;
	port.port = (uint16_t)value;
	if (text[digits] == '/') {
		size_t i = 0;

		while (i < COUNT_OF(protocol_names) &&
		       !text_equal(text + digits + 1, protocol_names[i]))
			i++;
		if (i == COUNT_OF(protocol_names))
			return -EINVAL;
		port.protocol = (enum run_protocol)i;
	} else if (text[digits] != '\0') {
		return -EINVAL;
	}
	if (ret_port)
		*ret_port = port;
	return 0;
}

int run_signal_parse(const char *text, char **ret_name)
{
	int number = signal_parse(text), r;

	if (number < 0 || (number < SIGRTMIN && !sigabbrev_np(number)))
		return -EINVAL;
	if (!ret_name)
		return 0;
	if (number < SIGRTMIN)
		r = asprintf(ret_name, "SIG%s", sigabbrev_np(number));
	else if (number == SIGRTMIN)
		r = asprintf(ret_name, "SIGRTMIN");
	else
		r = asprintf(ret_name, "SIGRTMIN+%d", number - SIGRTMIN);
	return r < 0 ? -ENOMEM : 0;
}

int run_cpus_parse(const char *text, uint64_t *ret_thousandths)
{
	size_t whole = strspn(text, "0123456789");
	size_t fraction = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
	uint64_t thousandths;

	if (whole == 0 || whole > 4 || fraction > 3 ||
	    text[whole + (text[whole] == '.') + fraction] != '\0' ||
	    (text[whole] == '.' && fraction == 0))
		return -EINVAL;
	thousandths = strtoull(text, NULL, 10) * 1000;
	for (size_t i = 0, worth = 100; i < fraction; i++, worth /= 10)
		thousandths += (uint64_t)(text[whole + 1 + i] - '0') * worth;
	if (thousandths == 0 || thousandths > CPUS_MOST * UINT64_C(1000))
		return -EINVAL;
	if (ret_thousandths)
		*ret_thousandths = thousandths;
	return 0;
}

static bool is_interface(const char *text)
{
	size_t length = 0;

	while (text[length] && isgraph((unsigned char)text[length]) && !strchr("/:", text[length]))
		length++;
	return length && length < IFNAMSIZ && text[length] == '\0' && *text != '-' &&
	       !text_equal(text, ".") && !text_equal(text, "..");
}

int run_network_parse(const char *text, enum run_network *ret_network, const char **ret_name)
{
	static const struct {
		const char *word;
		enum run_network network;
		bool has_name;
	} rows[] = {
		{ "host", RUN_NETWORK_HOST, false },
		{ "private", RUN_NETWORK_PRIVATE, false },
		{ "veth", RUN_NETWORK_VETH, false },
		{ "bridge=", RUN_NETWORK_BRIDGE, true },
		{ "macvlan=", RUN_NETWORK_MACVLAN, true },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *rest = text_after(text, rows[i].word);

		if (!rest || (rows[i].has_name ? !is_interface(rest) : *rest != '\0'))
			continue;
		if (ret_network)
			*ret_network = rows[i].network;
		if (ret_name)
			*ret_name = rows[i].has_name ? rest : NULL;
		return 0;
	}
	return -EINVAL;
}

/* a name or a number of an account */
static size_t account_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
	       (text[length] && strchr(length ? "_.-@\\" : "_", text[length])))
		length++;
	if (length && text[length - 1] != '$' && text[length] == '$')
		length++; /* samba's accounts of machines */
	return length;
}

bool run_user_is_valid(const char *text)
{
	size_t user = account_length(text);
	size_t group = text[user] == ':' ? account_length(text + user + 1) : 0;

	return user && (text[user] == '\0' || (group && text[user + 1 + group] == '\0'));
}

bool run_variable_is_valid(const char *text)
{
	size_t length = 0;

	while (isgraph((unsigned char)text[length]) && text[length] != '=')
		length++;
	return length && text[length] == '\0';
}
