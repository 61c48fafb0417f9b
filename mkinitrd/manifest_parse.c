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

#include "capability.h"
#include "entry.h"
#include "manifest_json.h"

/* every function returns what is wrong, or NULL ---- */

static const char no_memory[] = "out of memory";

/* the index of @name in a table of @count names, or -1 */
static int name_index(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(names[i], name))
			return (int)i;
	return -1;
}

/* cuts ":NUMBER" off the end of the first *length bytes of @at. Return: the number, or 0 */
static unsigned cut_number(const char *at, size_t *length)
{
	size_t digits = 0;
	uint64_t number = 0;

	while (digits < *length && digits < 9 && at[*length - 1 - digits] >= '0' &&
	       at[*length - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits + 1 >= *length || at[*length - digits - 1] != ':' ||
	    at[*length - digits] == '0')
		return 0;
	for (size_t i = *length - digits; i < *length; i++)
		number = number * 10 + (uint64_t)(at[i] - '0');
	*length -= digits + 1;
	return (unsigned)number;
}

/* FILE, FILE:LINE or FILE:LINE:COLUMN */
static const char *read_origin(struct manifest *manifest, const char *at, struct origin *ret_origin)
{
	size_t length = strlen(at);
	unsigned last = cut_number(at, &length);
	unsigned line = last ? cut_number(at, &length) : 0;

	*ret_origin = (struct origin){
		.file = manifest_file_label(manifest, at, length),
		.line = line ? line : last,
		.column = line ? last : 0,
	};
	return ret_origin->file ? NULL : no_memory;
}

static const char *read_reason(struct manifest *manifest, json_t *json, struct addition *addition)
{
	const char *at = NULL;
	json_error_t error;

	addition->by = NULL;
	addition->at = (struct origin){ 0 };
	if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s?s,s?s}", "relation",
			   &addition->relation, "by", &addition->by, "at", &at) < 0)
		return "a reason is not of the form";
	if (addition->by && (at || !path_is_canonical(addition->by)))
		return "a reason's \"by\" is not right";
	return at ? read_origin(manifest, at, &addition->at) : NULL;
}

static const char *read_mode(const char *string, mode_t *ret_mode)
{
	mode_t mode = 0;

	if (strlen(string) != 4 || strspn(string, "01234567") != 4)
		return "a mode is not of the form \"0755\"";
	for (size_t i = 0; i < 4; i++)
		mode = mode << 3 | (mode_t)(string[i] - '0');
	*ret_mode = mode;
	return NULL;
}

static const char *read_digest(const char *string, unsigned char *digest)
{
	if (strlen(string) != SHA256_SIZE * 2 ||
	    strspn(string, "0123456789abcdef") != SHA256_SIZE * 2)
		return "a sha256 is not of the form";
	for (size_t i = 0; i < SHA256_SIZE * 2; i++) {
		int value = string[i] <= '9' ? string[i] - '0' : string[i] - 'a' + 10;

		digest[i / 2] = (unsigned char)(digest[i / 2] << 4 | value);
	}
	return NULL;
}

static const char *read_source(json_t *json, struct source *ret_source)
{
	const char *kind = NULL, *path = NULL;
	json_error_t error;
	int index, unpacked = 0;

	ret_source->directory_fd = -1;
	if (!json)
		return NULL;
	if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s?s,s?b}", "kind", &kind, "path", &path,
			   "unpacked", &unpacked) < 0)
		return "a source is not of the form";
	index = name_index(kind_names, COUNT_OF(kind_names), kind);
	if (index < 0)
		return "a source's kind is not known";
	if (unpacked && index == SOURCE_NONE)
		return "a source is not of the form";
	ret_source->kind = (enum source_kind)index;
	ret_source->path = path ? strdup(path) : NULL;
	ret_source->decompress = unpacked;
	return path && !ret_source->path ? no_memory : NULL;
}

/* what an entry says besides its reasons, as an addition; @addition->source.path is owned */
struct json_entry {
	struct addition addition;
	json_t *reasons;
	json_int_t size; /* -1: not written yet */
	unsigned char sha256[SHA256_SIZE];
};

static const char *check_shape(const struct json_entry *entry, json_t *source, const char *digest)
{
	const struct addition *addition = &entry->addition;
	bool is_file = addition->type == ENTRY_FILE;

	if (!path_is_canonical(addition->path) || strlen(addition->path) >= PATH_MOST)
		return "a path is not of the form";
	if (text_equal(addition->path, MANIFEST_PATH) || text_equal(addition->path, COMPLETE_PATH))
		return "the manifest lists itself";
	if ((addition->type == ENTRY_SYMLINK) != (addition->target != NULL) ||
	    (addition->target && (!*addition->target || strlen(addition->target) >= PATH_MOST)))
		return "a target is not right";
	if (addition->capabilities && !(is_file && capability_fits(addition->capabilities)))
		return "capabilities are not of the form";
	if (is_file != (source != NULL) || (!is_file && digest) ||
	    (entry->size >= 0) != (digest != NULL) || entry->size < -1)
		return "size, sha256 or source is not right";
	if (json_array_size(entry->reasons) == 0)
		return "an entry has no reason";
	return NULL;
}

static const char *read_entry(json_t *json, struct json_entry *entry)
{
	struct addition *addition = &entry->addition;
	const char *type = NULL, *mode = NULL, *digest = NULL, *problem;
	json_int_t uid = 0, gid = 0;
	json_t *source = NULL;
	json_error_t error;
	int index, early = 0;

	entry->size = -1;
	if (json_unpack_ex(json, &error, JSON_STRICT,
			   "{s:s,s:s,s:s,s:I,s:I,s?s,s?s,s?I,s?s,s?o,s?b,s:o}", "path",
			   &addition->path, "type", &type, "mode", &mode, "uid", &uid, "gid", &gid,
			   "target", &addition->target, "capabilities", &addition->capabilities,
			   "size", &entry->size, "sha256", &digest, "source", &source, "early",
			   &early, "reasons", &entry->reasons) < 0)
		return "an entry is not of the form";
	index = name_index(type_names, COUNT_OF(type_names), type);
	if (index < 0)
		return "a type is not known";
	addition->type = (enum entry_type)index;
	addition->is_early = early;
	if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX)
		return "an owner is out of range";
	addition->uid = (uint32_t)uid;
	addition->gid = (uint32_t)gid;
	problem = check_shape(entry, source, digest);
	if (!problem)
		problem = read_mode(mode, &addition->mode);
	if (!problem && digest)
		problem = read_digest(digest, entry->sha256);
	return problem ? problem : read_source(source, &addition->source);
}

/* one entry into @manifest, with all its reasons */
static const char *add_entry(struct manifest *manifest, json_t *json)
{
	struct json_entry read = { 0 };
	const char *problem = read_entry(json, &read);
	struct entry *entry = NULL;
	size_t index, count = manifest_count(manifest);
	json_t *reason;

	if (!problem && count &&
	    strcmp(manifest_at(manifest, count - 1)->path, read.addition.path) >= 0)
		problem = "paths are not sorted and unique";
	json_array_foreach(read.reasons, index, reason)
	{
		if (!problem)
			problem = read_reason(manifest, reason, &read.addition);
		if (problem)
			break;
		if (manifest_add(manifest, &read.addition, &entry) < 0)
			problem = no_memory;
	}
	if (!problem && entry && read.size >= 0) {
		entry->size = (uint64_t)read.size;
		memcpy(entry->sha256, read.sha256, SHA256_SIZE);
		entry->is_hashed = true;
	}
	free(read.addition.source.path);
	return problem;
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
		problem = read_origin(manifest, at, &origin);
		if (!problem && manifest_accept(manifest, key, reason, &origin) < 0)
			problem = no_memory;
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
		problem = add_entry(manifest, json);
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
	json_t *entries, *accept = NULL;
	json_error_t error;
	size_t index = 0;
	int format;

	json = json_loadb(string, length, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return refuse(ret_error, "line %d: %s", error.line, error.text);
	if (json_unpack_ex(json, &error, 0, "{s:i}", "format", &format) < 0 || format != FORMAT)
		return refuse(ret_error, "not of the format that this version knows");
	if (json_unpack_ex(json, &error, JSON_STRICT, "{s:i,s:s,s:s,s?o,s:o}", "format", &format,
			   "profile", &profile_text, "release", &release_text, "accept", &accept,
			   "entries", &entries) < 0)
		return refuse(ret_error, "%s", error.text);
	release = strdup(release_text);
	profile = strdup(profile_text);
	if (!manifest || !release || !profile)
		return -ENOMEM;
	problem = accept ? read_acceptances(manifest, accept) : NULL;
	if (problem && problem != no_memory)
		return refuse(ret_error, "%s", problem);
	if (!problem)
		problem = add_entries(manifest, entries, &index);
	if (problem == no_memory)
		return -ENOMEM;
	if (problem)
		return refuse(ret_error, "entry %zu: %s", index + 1, problem);
	if (ret_release)
		*ret_release = text_pointer_take(&release);
	if (ret_profile)
		*ret_profile = text_pointer_take(&profile);
	*ret_manifest = manifest;
	manifest = NULL;
	return 0;
}
