/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates.c - the certificates of a bundle
 *
 * In:    PEM text, untrusted
 * Out:   how many certificates it has, how many are valid now
 * Not:   which files are bundles (check_certificates.c), what a profile asks for (holds.c)
 * Facts: Go, and so Docker, takes the blocks "CERTIFICATE" of PEM files that can be parsed, and
 *        passes over all else: crypto/x509, CertPool.AppendCertsFromPEM. RFC 7468
 */
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "certificates.h"
#include "../init/lib/text.h"

static bool is_valid(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

/* one PEM block. Return: whether there was any; the counts grow when it is a certificate */
static bool read_block(BIO *bio, size_t *count, size_t *valid)
{
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long length = 0;
	bool is_over = false;

	if (PEM_read_bio(bio, &name, &header, &data, &length) == 1) {
		const unsigned char *at = data;
		X509 *certificate = text_equal(name, PEM_STRING_X509) && !*header
					    ? d2i_X509(NULL, &at, length)
					    : NULL;

		*count += certificate != NULL;
		*valid += certificate && is_valid(certificate);
		X509_free(certificate);
	} else {
		is_over = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	ERR_clear_error();
	return !is_over;
}

int certificates_count(const void *bytes, size_t length, size_t *ret_count, size_t *ret_valid)
{
	BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(bytes, (int)length) : NULL;
	size_t count = 0, valid = 0;

	if (!bio)
		return -ENOMEM;
	while (BIO_pending(bio) > 0 && read_block(bio, &count, &valid))
		;
	(void)BIO_free(bio);
	*ret_count = count;
	if (ret_valid)
		*ret_valid = valid;
	return 0;
}
