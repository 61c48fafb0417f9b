/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_parse.c - the manifest's text form, read (its form: manifest_json.c)
 *
 * In:    text, untrusted: keys, types, ranges and paths are checked, unknown keys refused
 * Out:   a manifest; of a wrong one, what is wrong
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "manifest_json.h"
#include "manifest_parse.h"

/* hard links know how many they are once all of them are there */
static void count_links(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest_count(manifest); i++) {
		struct entry *entry = manifest_at(manifest, i);

		if (entry->link)
			entry->nlink = entry->link->nlink;
	}
}

static const char *read_squashfs(struct manifest *manifest, json_t *json)
{
	const char *form, *digest, *root_hash = NULL;
	json_int_t time, entries, size;
	struct manifest_squashfs squashfs = { 0 };
	json_error_t error;
	int is_beside;

	if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s:I,s:I,s:I,s:s,s?s,s:b}", "form",
			   &form, "time", &time, "entries", &entries, "size", &size, "sha256",
			   &digest, "root-hash", &root_hash, "beside", &is_beside) < 0 ||
	    strlen(form) >= sizeof(squashfs.form) ||
	    form[strspn(form, "abcdefghijklmnopqrstuvwxyz0123456789: ")] || time < 0 ||
	    entries < 0 || size < 0 || parse_digest(digest, squashfs.sha256) ||
	    (root_hash && parse_digest(root_hash, squashfs.root_hash)))
		return "\"squashfs\" is not of the form";
	(void)snprintf(squashfs.form, sizeof(squashfs.form), "%s", form);
	squashfs.time = time;
	squashfs.entries = (uint64_t)entries;
	squashfs.size = (uint64_t)size;
	squashfs.has_root_hash = root_hash != NULL;
	squashfs.is_beside = is_beside;
	manifest_set_squashfs(manifest, &squashfs);
	return NULL;
}

static const char *read_acceptances(struct manifest *manifest, json_t *list)
{
	size_t index;
	json_t *json;

	if (!json_is_array(list))
		return "\"accept\" is no list";
	json_array_foreach(list, index, json)
	{
		const char *key, *reason, *at, *problem;
		struct origin origin;
		json_error_t error;

		if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s:s,s:s}", "key", &key,
				   "reason", &reason, "at", &at) < 0)
			return "\"accept\" is not of the form";
		problem = parse_origin(manifest, at, &origin);
		if (!problem && manifest_accept(manifest, key, reason, &origin) < 0)
			problem = parse_no_memory;
		if (problem)
			return problem;
	}
	return NULL;
}

static const char *add_entries(struct manifest *manifest, json_t *entries, size_t *ret_index)
{
	const char *problem = NULL;
	size_t index;
	json_t *json;

	if (!json_is_array(entries))
		return "\"entries\" is no list";
	json_array_foreach(entries, index, json)
	{
		*ret_index = index;
		problem = parse_entry(manifest, json);
		if (problem)
			break;
	}
	return problem;
}

static int refuse(char **ret_error, const char *format, ...) PRINTF_LIKE(2, 3);

static int refuse(char **ret_error, const char *format, ...)
{
	va_list arguments;

	if (!ret_error)
		return -EINVAL;
	va_start(arguments, format);
	if (vasprintf(ret_error, format, arguments) < 0)
		*ret_error = NULL;
	va_end(arguments);
	return -EINVAL;
}

int manifest_from_json(const char *string, size_t length, struct manifest **ret_manifest,
		       char **ret_release, char **ret_profile, char **ret_error)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(json_cleanup) json_t *json = NULL;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(memory_free) char *profile = NULL;
	const char *release_text, *profile_text, *problem;
	json_t *entries, *accept = NULL, *squashfs = NULL;
	json_error_t error;
	size_t index = 0;
	int format;

	json = json_loadb(string, length, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return refuse(ret_error, "line %d: %s", error.line, error.text);
	if (json_unpack_ex(json, &error, 0, "{s:i}", "format", &format) < 0 || format != FORMAT)
		return refuse(ret_error, "not of the format that this version knows");
	if (json_unpack_ex(json, &error, JSON_STRICT, "{s:i,s:s,s:s,s?o,s?o,s:o}", "format",
			   &format, "profile", &profile_text, "release", &release_text, "accept",
			   &accept, "squashfs", &squashfs, "entries", &entries) < 0)
		return refuse(ret_error, "%s", error.text);
	release = strdup(release_text);
	profile = strdup(profile_text);
	if (!manifest || !release || !profile)
		return -ENOMEM;
	problem = accept ? read_acceptances(manifest, accept) : NULL;
	if (!problem && squashfs)
		problem = read_squashfs(manifest, squashfs);
	if (problem && problem != parse_no_memory)
		return refuse(ret_error, "%s", problem);
	if (!problem)
		problem = add_entries(manifest, entries, &index);
	if (problem == parse_no_memory)
		return -ENOMEM;
	if (problem)
		return refuse(ret_error, "entry %zu: %s", index + 1, problem);
	count_links(manifest);
	if (ret_release)
		*ret_release = text_pointer_take(&release);
	if (ret_profile)
		*ret_profile = text_pointer_take(&profile);
	*ret_manifest = manifest;
	manifest = NULL;
	return 0;
}
