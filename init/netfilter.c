/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netfilter.c - which firewall has this kernel?
 *
 * In:    the name of a match or of a table
 * Out:   whether iptables-nft or iptables-legacy would find what it needs
 * Not:   what follows from that (choose.c)
 * Facts: docs/boot.md section 2. NFT_MSG_GETGEN is the cheapest request that nf_tables answers;
 *        nfnetlink says EINVAL for a subsystem that is not there, after trying to load it.
 *        NFNL_MSG_COMPAT_GET is how iptables-nft itself asks for a match. IPT_SO_GET_INFO is how
 *        iptables-legacy begins. kernel include/uapi/linux/netfilter/
 */
#include "netfilter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/cleanup.h"

struct request {
	union {
		struct nlmsghdr header;
		char bytes[128];
	};
};

static void request_begin(struct request *request, unsigned subsystem, unsigned message)
{
	struct nfgenmsg *general = NLMSG_DATA(&request->header);

	memset(request, 0, sizeof(*request));
	request->header.nlmsg_type = (uint16_t)(subsystem << 8 | message);
	request->header.nlmsg_flags = NLM_F_REQUEST;
	request->header.nlmsg_len = NLMSG_LENGTH(sizeof(*general));
	request->header.nlmsg_seq = 1;
	general->nfgen_family = AF_INET;
	general->version = NFNETLINK_V0;
}

/* Return: 0 or -ENAMETOOLONG */
static int request_add(struct request *request, uint16_t type, const void *bytes, size_t size)
{
	struct nlattr attribute = { .nla_type = type };
	size_t offset = NLMSG_ALIGN(request->header.nlmsg_len);

	if (size > sizeof(request->bytes) - offset - sizeof(attribute))
		return -ENAMETOOLONG;
	attribute.nla_len = (uint16_t)(sizeof(attribute) + size);
	memcpy(request->bytes + offset, &attribute, sizeof(attribute));
	memcpy(request->bytes + offset + sizeof(attribute), bytes, size);
	request->header.nlmsg_len = (uint32_t)(offset + NLMSG_ALIGN(attribute.nla_len));
	return 0;
}

/* Return: 0 for an answer, the kernel's errno for a refusal */
static int ask(const struct request *request)
{
	const struct timeval patience = { .tv_sec = 10 }; /* it may load modules meanwhile */
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	CLEANUP(fd_close)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} answer;
	const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
	ssize_t count;

	if (fd < 0)
		return errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    sendto(fd, request, request->header.nlmsg_len, 0, (const struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	count = recv(fd, &answer, sizeof(answer), 0);
	if (count < 0)
		return -errno;
	if (!NLMSG_OK(&answer.header, (size_t)count))
		return -EPROTO;
	if (answer.header.nlmsg_type != NLMSG_ERROR)
		return 0;
	return answer.header.nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ? -EPROTO : error->error;
}

int netfilter_has_nft(const char *match)
{
	const uint32_t revision = htonl(1), type = htonl(0); /* a match, no target */
	struct request request;
	int r;

	request_begin(&request, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN);
	r = ask(&request);
	if (r < 0)
		return r == -EINVAL ? -EOPNOTSUPP : r;
	request_begin(&request, NFNL_SUBSYS_NFT_COMPAT, NFNL_MSG_COMPAT_GET);
	r = request_add(&request, NFTA_COMPAT_NAME, match, strlen(match) + 1);
	if (r == 0)
		r = request_add(&request, NFTA_COMPAT_REV, &revision, sizeof(revision));
	if (r == 0)
		r = request_add(&request, NFTA_COMPAT_TYPE, &type, sizeof(type));
	if (r == 0)
		r = ask(&request);
	return r == -EINVAL ? -ENOENT : r;
}

int netfilter_has_table(const char *table)
{
	CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	struct ipt_getinfo info = { 0 };
	socklen_t size = sizeof(info);

	if (fd < 0)
		return -errno;
	if (strlen(table) >= sizeof(info.name))
		return -ENAMETOOLONG;
	memcpy(info.name, table, strlen(table));
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) < 0)
		return errno == ENOPROTOOPT ? -EOPNOTSUPP : -errno;
	return 0;
}
