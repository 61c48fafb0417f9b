/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_words.c - single words out of a host's sysfs (see host.h)
 *
 * In:    a host
 * Out:   lines, names, values; NULL for what is not there and for what is no plain word
 * Facts: Documentation/ABI/testing/sysfs-uevent: uevent has lines KEY=VALUE
 */
#include <stdarg.h>
#include <string.h>

#include "host.h"

/* sysfs gives a page at most */
#define FILE_MOST 65536
#define DEVICES "/sys/devices/"

bool host_word(const char *word)
{
	for (const char *at = word; *at; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return *word != '\0';
}

static char *word_take(struct text *text)
{
	char *word = NULL;

	return text_take(text, &word) < 0 ? NULL : word;
}

char *host_read(const struct sysroot *host, const char *format, ...)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	va_list list;
	int r;

	va_start(list, format);
	r = vasprintf(&path, format, list);
	va_end(list);
	if (r < 0) {
		path = NULL;
		return NULL;
	}
	if (sysroot_read(host, path, FILE_MOST, &text) < 0 || !text.data)
		return NULL;
	text.data[strcspn(text.data, "\n")] = '\0';
	return host_word(text.data) ? word_take(&text) : NULL;
}

char *host_link(const struct sysroot *host, const char *format, ...)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(memory_free) char *target = NULL;
	const char *name;
	va_list list;
	int r;

	va_start(list, format);
	r = vasprintf(&path, format, list);
	va_end(list);
	if (r < 0) {
		path = NULL;
		return NULL;
	}
	if (sysroot_readlink(host, path, &target) < 0)
		return NULL;
	name = base_name(target);
	return host_word(name) && !text_equal(name, "..") && !text_equal(name, ".") ? strdup(name)
										    : NULL;
}

char *host_uevent(const struct sysroot *host, const char *path, const char *key)
{
	CLEANUP(text_free) struct text file = TEXT_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	char *rest, *line;

	text_format(&file, DEVICES "%s/uevent", path);
	if (file.failed || sysroot_read(host, text_string(&file), FILE_MOST, &text) < 0)
		return NULL;
	rest = text.data;
	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		const char *value = text_after(line, key);

		if (value && *value == '=')
			return host_word(value + 1) ? strdup(value + 1) : NULL;
	}
	return NULL;
}

char *host_block_path(const struct sysroot *host, const char *name)
{
	CLEANUP(memory_free) char *canonical = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const char *inside;
	struct stat status;

	if (!host_word(name) || strchr(name, '/') || *name == '.')
		return NULL;
	text_format(&path, "/sys/class/block/%s", name);
	if (path.failed || sysroot_stat(host, text_string(&path), true, &status) < 0 ||
	    sysroot_canonical(host, text_string(&path), &canonical, NULL) < 0)
		return NULL;
	inside = text_after(canonical, DEVICES);
	return inside && host_word(inside) ? strdup(inside) : NULL;
}

bool host_is_disk(const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "fd" };

	for (size_t i = 0; i < COUNT_OF(others); i++) {
		const char *rest = text_after(name, others[i]);

		if (rest && *rest >= '0' && *rest <= '9')
			return false;
	}
	return true;
}
