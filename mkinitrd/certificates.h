/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates.h - the certificates of a bundle
 */
#pragma once

#include <stddef.h>

/**
 * certificates_count() - those of PEM text, as Go would take them; quiet
 * @ret_valid: how many of them are valid now; may be NULL
 *
 * Return: 0 or -ENOMEM
 */
int certificates_count(const void *bytes, size_t length, size_t *ret_count, size_t *ret_valid);
