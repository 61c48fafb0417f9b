/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_plan.c - the boot plan that an image has
 *
 * In:    an image
 * Out:   its plan, parsed
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "image.h"
#include "../init/lib/bootplan.h"

#define PLAN_LIMIT ((size_t)16 << 20)

int image_read_plan(const char *path, struct bootplan *ret_plan)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *error = NULL;
	struct image_entry entry;
	char buffer[16384];
	ssize_t count;
	int r;

	r = image_open(path, &reader);
	if (r < 0)
		return r;
	while ((r = image_next(reader, &entry)) > 0)
		if (text_equal(entry.path, &BOOTPLAN_PATH[1]))
			break;
	if (r <= 0)
		return r;
	while ((count = image_read(reader, buffer, sizeof(buffer))) > 0) {
		text_add_bytes(&text, buffer, (size_t)count);
		if (text.length > PLAN_LIMIT)
			return fail(-EFBIG, "boot plan in '%s' is too large", path);
	}
	if (count < 0)
		return (int)count;
	r = bootplan_parse(ret_plan, text_string(&text), text.length, &error);
	if (r < 0)
		return fail(0, "boot plan in '%s': %s", path, error ? error : strerror(-r));
	return 0;
}
