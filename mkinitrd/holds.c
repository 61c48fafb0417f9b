/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holds.c - what a file of a profile must hold
 *
 * In:    the bytes of a file, a word of "holds:"
 * Out:   how much of it is there
 * Not:   which files are asked (resolve_file.c)
 * Facts: Go, and so Docker, takes the blocks "CERTIFICATE" of PEM files that can be parsed, and
 *        passes over all else: crypto/x509, CertPool.AppendCertsFromPEM. RFC 7468
 */
#include "holds.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* one PEM block. Return: whether there was any; *count grows when it is a certificate */
static bool read_block(BIO *bio, size_t *count)
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

static int check_certificates(const void *bytes, size_t length, struct text *found)
{
	BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(bytes, (int)length) : NULL;
	size_t count = 0;

	if (!bio)
		return -ENOMEM;
	while (BIO_pending(bio) > 0 && read_block(bio, &count))
		;
	(void)BIO_free(bio);
	text_format(found, "%zu certificate%s", count, count == 1 ? "" : "s");
	return count ? 0 : -ENODATA;
}

static const struct {
	const char *kind;
	int (*check)(const void *bytes, size_t length, struct text *found);
} kinds[] = {
	{ "certificates", check_certificates },
};

int holds_check(const char *kind, const void *bytes, size_t length, struct text *found)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (text_equal(kinds[i].kind, kind))
			return kinds[i].check(bytes, length, found);
	return -ENODATA; /* the schema knows no other */
}
