/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_sign.c - the signature of a bundle
 *
 * In:    a private key as PEM (PKCS #8), a bundle
 * Out:   BUNDLE.sig: 64 bytes
 * Not:   checking it (init/bundle_signature.c)
 * Facts: RFC 8032 (Ed25519), RFC 8410 (its keys in PEM). The same file and key give the same bytes
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "bundle.h"
#include "fail.h"
#include "output.h"
#include "../init/lib/bundle_path.h"
#include "../init/lib/file.h"

#define KEY_FILE_MOST (64 << 10)

struct bundle_key {
	EVP_PKEY *pkey;
};

/* a passphrase is asked of nobody */
static int no_passphrase(char *buffer UNUSED, int size UNUSED, int writing UNUSED,
			 void *context UNUSED)
{
	return 0;
}

static int key_from_text(const struct text *pem, EVP_PKEY **ret_pkey)
{
	BIO *bio = BIO_new_mem_buf(text_string(pem), (int)pem->length);

	if (!bio)
		return -ENOMEM;
	*ret_pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return *ret_pkey && EVP_PKEY_get_id(*ret_pkey) == EVP_PKEY_ED25519 ? 0 : -EINVAL;
}

int bundle_key_read(const char *path, struct bundle_key **ret_key)
{
	CLEANUP(text_free) struct text pem = TEXT_EMPTY;
	struct bundle_key *key;
	int r = file_read(AT_FDCWD, path, KEY_FILE_MOST, &pem);

	if (r < 0 && r != -EFBIG)
		return fail(r, "cannot read the key '%s'", path);
	key = calloc(1, sizeof(*key));
	if (!key)
		return fail(-ENOMEM, "cannot read the key '%s'", path);
	if (r == 0)
		r = key_from_text(&pem, &key->pkey);
	if (pem.data)
		OPENSSL_cleanse(pem.data, pem.length);
	if (r < 0) {
		bundle_key_free(key);
		return fail(
			0,
			"'%s' is no Ed25519 private key without a passphrase; make one: openssl "
			"genpkey -algorithm ed25519 -out KEY.pem",
			path);
	}
	*ret_key = key;
	return 0;
}

void bundle_key_free(struct bundle_key *key)
{
	if (key)
		EVP_PKEY_free(key->pkey);
	free(key);
}

static int make_signature(const struct bundle_key *key, const struct text *content,
			  unsigned char signature[BUNDLE_SIGNATURE_BYTES])
{
	size_t length = BUNDLE_SIGNATURE_BYTES;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_signed;

	is_signed =
		context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
		EVP_DigestSign(context, signature, &length,
			       (const unsigned char *)text_string(content), content->length) == 1 &&
		length == BUNDLE_SIGNATURE_BYTES;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return is_signed ? 0 : -EIO;
}

int bundle_sign(const struct bundle_key *key, const char *path)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	unsigned char signature[BUNDLE_SIGNATURE_BYTES];
	int r = file_read(AT_FDCWD, path, BUNDLE_BYTES_MOST, &content);

	text_format(&name, "%s.sig", path);
	if (r == 0)
		r = make_signature(key, &content, signature);
	if (r < 0 || name.failed)
		return fail(r < 0 ? r : -ENOMEM, "cannot sign '%s'", path);
	return output_write(text_string(&name), signature, sizeof(signature), 0600);
}

int bundle_public_key(const char *pem, size_t length, char **ret_hex)
{
	BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	CLEANUP(text_free) struct text hex = TEXT_EMPTY;
	unsigned char bytes[BUNDLE_KEY_BYTES];
	size_t count = sizeof(bytes);
	EVP_PKEY *pkey;
	bool is_key;

	if (!bio)
		return -ENOMEM;
	pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	is_key = pkey && EVP_PKEY_get_id(pkey) == EVP_PKEY_ED25519 &&
		 EVP_PKEY_get_raw_public_key(pkey, bytes, &count) == 1 && count == sizeof(bytes);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	if (!is_key)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(bytes); i++)
		text_format(&hex, "%02x", bytes[i]);
	return text_take(&hex, ret_hex);
}
