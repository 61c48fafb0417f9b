/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_signature.c - was a bundle made by who has the key?
 *
 * In:    the public key, as the boot plan has it; bytes and signature, untrusted
 * Out:   yes or no
 * Facts: Ed25519: RFC 8032 section 5.1
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "bundle.h"
#include "lib/bundle_path.h"

static bool read_digit(char digit, unsigned *ret_value)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit ? strchr(digits, digit) : NULL;

	if (found)
		*ret_value = (unsigned)(found - digits);
	return found != NULL;
}

static bool read_key(const char *hex, unsigned char key[BUNDLE_KEY_BYTES])
{
	if (strlen(hex) != 2 * (size_t)BUNDLE_KEY_BYTES)
		return false;
	for (size_t i = 0; i < BUNDLE_KEY_BYTES; i++) {
		unsigned high, low;

		if (!read_digit(hex[2 * i], &high) || !read_digit(hex[2 * i + 1], &low))
			return false;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

int bundle_check_signature(const char *hex, const struct text *signature, const void *bytes,
			   size_t length, struct text *why)
{
	unsigned char key[BUNDLE_KEY_BYTES];
	EVP_MD_CTX *context;
	EVP_PKEY *pkey;
	bool is_good;

	if (!read_key(hex, key)) {
		text_add(why, "cannot be checked: the image's key is none");
		return -EINVAL;
	}
	if (signature->length != BUNDLE_SIGNATURE_BYTES) {
		text_format(why, "has a signature of %zu bytes, and %d are one", signature->length,
			    BUNDLE_SIGNATURE_BYTES);
		return -EKEYREJECTED;
	}
	context = EVP_MD_CTX_new();
	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, sizeof(key));
	is_good = context && pkey && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
		  EVP_DigestVerify(context, (const unsigned char *)signature->data,
				   signature->length, bytes, length) == 1;
	EVP_PKEY_free(pkey);
	EVP_MD_CTX_free(context);
	if (!is_good)
		text_add(why, "has a wrong signature: it was changed, or signed with another key");
	return is_good ? 0 : -EKEYREJECTED;
}
