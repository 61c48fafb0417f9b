/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c - the ways to name a block device, in profiles, plans and on the command line
 *
 * In:    a text
 * Out:   which way it is, and the value
 * Not:   looking for the device (init/disk_find.c)
 * Facts: fstab(5) for NAME=value; the links of /dev/disk are those of udev's
 *        60-persistent-storage.rules
 */
#include "find.h"
#include "text.h"

bool find_parse(const char *text, enum find_kind *ret_kind, const char **ret_value)
{
	// clang-format off
	static const struct {
		const char *prefix;
		enum find_kind kind;
		bool keeps_prefix;
	} rows[] = {
		{ "LABEL=",                     FIND_LABEL,      false },
		{ "UUID=",                      FIND_UUID,       false },
		{ "PARTLABEL=",                 FIND_PART_LABEL, false },
		{ "PARTUUID=",                  FIND_PART_UUID,  false },
		{ "virtio-",                    FIND_SERIAL,     false },
		{ "/dev/disk/by-label/",        FIND_LABEL,      false },
		{ "/dev/disk/by-uuid/",         FIND_UUID,       false },
		{ "/dev/disk/by-partlabel/",    FIND_PART_LABEL, false },
		{ "/dev/disk/by-partuuid/",     FIND_PART_UUID,  false },
		{ "/dev/disk/by-id/virtio-",    FIND_SERIAL,     false },
		{ "/dev/",                      FIND_PATH,       true },
	};
	// clang-format on

	if (text_equal(text, "none")) {
		*ret_kind = FIND_NONE;
		*ret_value = text;
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *rest = text_after(text, rows[i].prefix);

		if (!rest)
			continue;
		*ret_kind = rows[i].kind;
		*ret_value = rows[i].keeps_prefix ? text : rest;
		return *rest != '\0';
	}
	return false;
}
