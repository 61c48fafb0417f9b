/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_dlopen.c - the JSON of .note.dlopen: libraries that a program loads by itself
 *
 * Facts: systemd.io/ELF_DLOPEN_METADATA: an array of { "feature", "description", "priority",
 *        "soname": [...] }; of the sonames the first one that is there serves; without a priority
 *        an entry is recommended
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "elf_object.h"

static void json_cleanup(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static enum dlopen_priority priority_of(const json_t *item)
{
	const char *priority = json_string_value(json_object_get(item, "priority"));

	if (priority && text_equal(priority, "required"))
		return DLOPEN_REQUIRED;
	if (priority && text_equal(priority, "suggested"))
		return DLOPEN_SUGGESTED;
	return DLOPEN_RECOMMENDED;
}

static bool item_is_valid(const json_t *item)
{
	const json_t *sonames = json_object_get(item, "soname");

	if (!json_is_array(sonames) || json_array_size(sonames) == 0)
		return false;
	for (size_t i = 0; i < json_array_size(sonames); i++) {
		const char *soname = json_string_value(json_array_get(sonames, i));

		if (!soname || *soname == '\0')
			return false;
	}
	return true;
}

static int note_add(struct elf_object *object, const json_t *item)
{
	const json_t *sonames = json_object_get(item, "soname");
	const char *feature = json_string_value(json_object_get(item, "feature"));
	struct dlopen_note *notes, *note;
	int r = 0;

	notes = reallocarray(object->notes, object->note_count + 1, sizeof(*notes));
	if (!notes)
		return -ENOMEM;
	object->notes = notes;
	note = &notes[object->note_count++];
	*note = (struct dlopen_note){ .priority = priority_of(item) };
	note->feature = strdup(feature ? feature : "");
	if (!note->feature)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < json_array_size(sonames); i++)
		r = strings_add(&note->sonames, json_string_value(json_array_get(sonames, i)));
	return r;
}

int elf_dlopen_notes(struct elf_object *object, const char *json, size_t size)
{
	CLEANUP(json_cleanup)
	json_t *array = json_loadb(json, strnlen(json, size), JSON_REJECT_DUPLICATES, NULL);
	int r = 0;

	if (!json_is_array(array))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!item_is_valid(json_array_get(array, i)))
			return -EINVAL;
	for (size_t i = 0; r == 0 && i < json_array_size(array); i++)
		r = note_add(object, json_array_get(array, i));
	return r;
}
