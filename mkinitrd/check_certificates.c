/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_certificates.c - can what is in the image trust anybody?
 *
 * In:    the bundles of certificates in the image, the time
 * Out:   findings
 * Facts: Go looks for one file of a list: crypto/x509/root_linux.go; our profile packs Debian's
 */
#include <string.h>
#include <sys/stat.h>

#include "certificates.h"
#include "check.h"

static bool is_bundle(const struct tree_node *node)
{
	return S_ISREG(node->mode) && (text_ends_with(node->path, "/ca-certificates.crt") ||
				       text_ends_with(node->path, "/ca-bundle.crt") ||
				       text_ends_with(node->path, "/tls-ca-bundle.pem"));
}

static void check_bundle(struct check *check, const struct tree_node *node)
{
	const struct check_facts *facts = check_facts(node);
	size_t found = 0, valid = 0;

	if (facts && facts->text.length &&
	    certificates_count(facts->text.data, facts->text.length, &found, &valid) < 0)
		check->is_short_of_memory = true;
	if (found == 0)
		check_find(check, CHECK_CA_EMPTY, node->path,
			   "holds no certificate, so that no TLS connection can be trusted; run "
			   "update-ca-certificates in the root and build again");
	else if (valid == 0)
		check_find(check, CHECK_CA_EXPIRED, node->path,
			   "none of its %zu certificates is valid today; update ca-certificates in "
			   "the root "
			   "and build again",
			   found);
}

void check_certificates(struct check *check)
{
	bool has_bundle = false;

	for (size_t i = 0; i < check->tree.count; i++) {
		const struct tree_node *node = check->tree.nodes[i];

		if (!is_bundle(node))
			continue;
		has_bundle = true;
		check_bundle(check, node);
	}
	if (!has_bundle && check_program_find(check, "dockerd"))
		check_find(check, CHECK_CA_MISSING, "etc/ssl/certs/ca-certificates.crt",
			   "is missing: dockerd can pull from no registry over TLS; add the file, "
			   "or accept "
			   "that");
}
