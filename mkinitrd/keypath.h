/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keypath.h - the way to a value in one string: boot.disk.find, files."/etc/my.conf".mode
 *
 * A key with other characters than letters, digits, '_', '-', '/', ':', '*' and '@' stands in
 * double quotes, in which \" and \\ are a quote and a backslash. Quiet.
 */
#pragma once

#include "../init/lib/text.h"

/** keypath_add() - append @key to @path, with a dot before it unless @path is empty */
void keypath_add(struct text *path, const char *key);

/**
 * keypath_parse() - split a path into its keys, up to the '=' or the end of @string
 * @ret_rest: the '=' or the end
 *
 * Return: 0; -EINVAL when a key is empty or a quote stays open; -ENOMEM
 */
int keypath_parse(const char *string, struct strings *keys, const char **ret_rest);
