/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_parse_entry.c - one entry of the manifest's text form, read (see manifest_parse.h)
 *
 * In:    JSON, untrusted
 * Out:   an entry with its reasons in a manifest; or what is wrong
 */
#include <errno.h>
#include <string.h>

#include "capability.h"
#include "entry.h"
#include "manifest_json.h"
#include "manifest_parse.h"

const char parse_no_memory[] = "out of memory";

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

const char *parse_origin(struct manifest *manifest, const char *at, struct origin *ret_origin)
{
	size_t length = strlen(at);
	unsigned last = cut_number(at, &length);
	unsigned line = last ? cut_number(at, &length) : 0;

	*ret_origin = (struct origin){
		.file = manifest_file_label(manifest, at, length),
		.line = line ? line : last,
		.column = line ? last : 0,
	};
	return ret_origin->file ? NULL : parse_no_memory;
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
	return at ? parse_origin(manifest, at, &addition->at) : NULL;
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

const char *parse_digest(const char *string, unsigned char *digest)
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
	return path && !ret_source->path ? parse_no_memory : NULL;
}

/* what an entry says besides its reasons, as an addition; @addition->source.path is owned */
struct json_entry {
	struct addition addition;
	const char *link;
	json_t *reasons;
	json_int_t size; /* -1: not written yet */
	unsigned char sha256[SHA256_SIZE];
};

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static const char *read_xattr(const char *name, const char *hex, struct xattrs *xattrs)
{
	size_t size = hex ? strlen(hex) / 2 : 0;
	CLEANUP(memory_free) unsigned char *value = malloc(size + 1);

	if (!value)
		return parse_no_memory;
	if (!hex || strlen(hex) % 2 || size > XATTR_VALUE_MOST || !*name ||
	    strlen(name) > XATTR_NAME_MOST)
		return "xattrs are not of the form";
	for (size_t i = 0; i < size; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return "xattrs are not of the form";
		value[i] = (unsigned char)(high << 4 | low);
	}
	return xattrs_set(xattrs, name, value, size) < 0 ? parse_no_memory : NULL;
}

static const char *read_xattrs(json_t *json, struct xattrs *xattrs)
{
	const char *name, *problem = NULL;
	json_t *value;

	if (!json)
		return NULL;
	if (!json_is_object(json) || json_object_size(json) == 0)
		return "xattrs are not of the form";
	json_object_foreach(json, name, value)
	{
		problem = read_xattr(name, json_string_value(value), xattrs);
		if (problem)
			break;
	}
	return problem;
}

static const char *read_device(json_t *json, struct addition *addition)
{
	bool is_device = addition->type == ENTRY_CHARACTER || addition->type == ENTRY_BLOCK;
	json_int_t major = 0, minor = 0;
	json_error_t error;

	if (is_device != (json != NULL) ||
	    (json && json_unpack_ex(json, &error, JSON_STRICT, "[I,I]", &major, &minor) < 0) ||
	    major < 0 || major > UINT32_MAX || minor < 0 || minor > UINT32_MAX)
		return "a device is not of the form";
	addition->device_major = (uint32_t)major;
	addition->device_minor = (uint32_t)minor;
	return NULL;
}

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
	if (entry->link && (!is_file || strcmp(entry->link, addition->path) >= 0))
		return "a link is not right";
	if (json_array_size(entry->reasons) == 0)
		return "an entry has no reason";
	return NULL;
}

static const char *read_entry(json_t *json, struct json_entry *entry)
{
	struct addition *addition = &entry->addition;
	const char *type = NULL, *mode = NULL, *digest = NULL, *problem;
	json_int_t uid = 0, gid = 0;
	json_t *source = NULL, *device = NULL, *xattrs = NULL;
	json_error_t error;
	int index, early = 0;

	entry->size = -1;
	if (json_unpack_ex(json, &error, JSON_STRICT,
			   "{s:s,s:s,s:s,s:I,s:I,s?s,s?o,s?s,s?o,s?s,s?I,s?s,s?o,s?b,s:o}", "path",
			   &addition->path, "type", &type, "mode", &mode, "uid", &uid, "gid", &gid,
			   "target", &addition->target, "device", &device, "capabilities",
			   &addition->capabilities, "xattrs", &xattrs, "link", &entry->link, "size",
			   &entry->size, "sha256", &digest, "source", &source, "early", &early,
			   "reasons", &entry->reasons) < 0)
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
	if (!problem)
		problem = read_device(device, addition);
	if (!problem)
		problem = read_xattrs(xattrs, &addition->xattrs);
	if (!problem && digest)
		problem = parse_digest(digest, entry->sha256);
	return problem ? problem : read_source(source, &addition->source);
}

/* the file that @entry is a hard link of stands before it, and is none itself */
static const char *join_link(struct manifest *manifest, const char *path, struct entry *entry)
{
	struct entry *first = path ? manifest_find(manifest, path) : NULL;

	if (!path)
		return NULL;
	if (!first || first->type != ENTRY_FILE || first->link)
		return "a link is not right";
	entry->link = first;
	first->nlink++;
	return NULL;
}

const char *parse_entry(struct manifest *manifest, json_t *json)
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
			problem = parse_no_memory;
	}
	if (!problem && entry)
		problem = join_link(manifest, read.link, entry);
	if (!problem && entry && read.size >= 0) {
		entry->size = (uint64_t)read.size;
		memcpy(entry->sha256, read.sha256, SHA256_SIZE);
		entry->is_hashed = true;
	}
	free(read.addition.source.path);
	xattrs_free(&read.addition.xattrs);
	return problem;
}
