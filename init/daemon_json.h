/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_json.h - dockerd's settings: those of the image, and over them those of the disk
 */
#pragma once

#include <jansson.h>

#include "lib/text.h"

/**
 * daemon_json_read() - an object from a file; untrusted
 * @reason: what is wrong with it, on -EINVAL
 *
 * Return: 0 with a new reference, -ENOENT, -EINVAL, another negative errno: it cannot be read
 */
int daemon_json_read(const char *path, json_t **ret_object, struct text *reason);

/**
 * daemon_json_conflict() - a key of @object that dockerd gets on its command line as well, which it
 * refuses
 * @words:    dockerd's arguments, ending in NULL
 * @ret_word: the argument. Return: the key, or NULL
 */
const char *daemon_json_conflict(json_t *object, char *const *words, const char **ret_word);

/**
 * daemon_json_texts() - what dockerd will use for a setting: of its command line or of @object
 * @key:   in the file: "hosts", "pidfile"
 *
 * Appends to @ret_texts. Return: 0 or -ENOMEM
 */
int daemon_json_texts(json_t *object, char *const *words, const char *key,
		      struct strings *ret_texts);

/** daemon_json_place() - where dockerd reads its file: --config-file, or the usual place */
const char *daemon_json_place(char *const *words);
