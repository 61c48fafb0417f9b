/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.h - a host's files as one file, which is laid over an image at boot
 *
 * A bundle is a small image: one newc archive, not compressed, with directories, files and symlinks
 * and at its end manifest.json and "complete". Its signature is beside it: NAME.sig, the 64 bytes
 * of Ed25519 over the whole file, as "openssl pkeyutl -verify -rawin" takes them.
 */
#pragma once

#include "profile.h"

struct bundle_options {
	const char *output; /* NULL: ./HOST.bundle */
	const char *key;    /* path of a private key, PEM; NULL: no signature */
	unsigned jobs;
};

/** bundle_write() - the files of @profile, which profile_bundle_choose() has left, as a bundle;
 * speaks. Return: 0 or a negative errno; an old bundle survives a failure */
int bundle_write(const struct profile *profile, const struct bundle_options *options);

struct bundle_key;

/** bundle_key_read() - an Ed25519 private key from the PEM file @path; speaks */
int bundle_key_read(const char *path, struct bundle_key **ret_key);
void bundle_key_free(struct bundle_key *key);

/** bundle_sign() - sign the file @path with @key into @path.sig; speaks */
int bundle_sign(const struct bundle_key *key, const char *path);

/**
 * bundle_public_key() - the public key in the PEM text @pem as hexadecimal digits; quiet
 *
 * Return: 0, -EINVAL when it is no Ed25519 public key, or -ENOMEM
 */
int bundle_public_key(const char *pem, size_t length, char **ret_hex);
