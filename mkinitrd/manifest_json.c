/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_json.c - the manifest's exact text form, written (manifest_parse.c reads it)
 *
 *	{"format":1,"profile":"...","release":"...","entries":[
 *	{"path":"usr/bin/ls","type":"file","mode":"0755","uid":0,"gid":0,"size":5,"sha256":"...",
 *	 "source":{"kind":"root","path":"/usr/bin/ls"},"reasons":[{"relation":"program 'ls'",
 *	 "at":"base.yaml:3:9"}]},
 *	...
 *	]}
 *
 * Before "entries" may stand "accept": [{"key":"CODE:GLOB","reason":"...","at":"..."},...], the
 * findings of 'mkinitrd check' that the profile accepts, sorted by key.
 *
 * One entry a line, sorted by path. size and sha256: files that were written. target: symlinks.
 * capabilities: of the source, when it has some, for people; xattrs: all of its extended
 * attributes, by name, values in hexadecimal. device: [MAJOR, MINOR]. link: the entry of lower path
 * that a file is a hard link of; it says the rest as that one does.
 * source: files only; unpacked: true when the source is compressed and the entry is not.
 * early: true for what is in the first, uncompressed segment. A reason has "by" (path of an entry),
 * "at" (FILE, FILE:LINE, FILE:LINE:COLUMN), or neither (mkinitrd).
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "manifest_json.h"

bool manifest_text_fits(const char *string)
{
	CLEANUP(json_cleanup) json_t *json = json_string(string);

	return json != NULL;
}

static void add_origin(const struct origin *at, struct text *text)
{
	text_add(text, at->file);
	if (at->line)
		text_format(text, ":%u", at->line);
	if (at->line && at->column)
		text_format(text, ":%u", at->column);
}

static json_t *reason_to_json(const struct reason *reason)
{
	CLEANUP(text_free) struct text at = TEXT_EMPTY;

	if (reason->by)
		return json_pack("{s:s,s:s}", "relation", reason->relation, "by", reason->by);
	if (!reason->at.file)
		return json_pack("{s:s}", "relation", reason->relation);
	add_origin(&reason->at, &at);
	return json_pack("{s:s,s:s}", "relation", reason->relation, "at", text_string(&at));
}

static int set_source(json_t *json, const struct source *source)
{
	json_t *object =
		json_pack("{s:s,s:s*}", "kind", kind_names[source->kind], "path", source->path);

	if (source->decompress && object &&
	    json_object_set_new(object, "unpacked", json_true()) < 0)
		return -1;
	return json_object_set_new(json, "source", object);
}

static int set_digest(json_t *json, const struct entry *entry)
{
	CLEANUP(text_free) struct text digest = TEXT_EMPTY;

	for (size_t i = 0; i < SHA256_SIZE; i++)
		text_format(&digest, "%02x", entry->sha256[i]);
	if (json_object_set_new(json, "size", json_integer((json_int_t)entry->size)) < 0)
		return -1;
	return json_object_set_new(json, "sha256", json_string(text_string(&digest)));
}

json_t *xattrs_to_json(const struct xattrs *xattrs)
{
	json_t *json = json_object();

	for (size_t i = 0; json && i < xattrs->count; i++) {
		const struct xattr *xattr = &xattrs->items[i];
		CLEANUP(text_free) struct text hex = TEXT_EMPTY;

		for (size_t j = 0; j < xattr->size; j++)
			text_format(&hex, "%02x", xattr->value[j]);
		if (hex.failed ||
		    json_object_set_new(json, xattr->name, json_string(text_string(&hex))) < 0)
			json_cleanup(&json);
	}
	return json;
}

static int set_special(json_t *json, const struct entry *entry)
{
	int r = 0;

	if (entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK)
		r = json_object_set_new(json, "device",
					json_pack("[I,I]", (json_int_t)entry->device_major,
						  (json_int_t)entry->device_minor));
	if (r == 0 && entry->capabilities)
		r = json_object_set_new(json, "capabilities", json_string(entry->capabilities));
	if (r == 0 && entry->xattrs.count)
		r = json_object_set_new(json, "xattrs", xattrs_to_json(&entry->xattrs));
	if (r == 0 && entry->link)
		r = json_object_set_new(json, "link", json_string(entry->link->path));
	return r;
}

static json_t *entry_to_json(const struct entry *entry)
{
	char mode[8];
	json_t *json, *reasons = json_array();
	int r;

	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)entry->mode & 07777);
	json = json_pack("{s:s,s:s,s:s,s:I,s:I}", "path", entry->path, "type",
			 type_names[entry->type], "mode", mode, "uid", (json_int_t)entry->uid,
			 "gid", (json_int_t)entry->gid);
	r = json && reasons ? 0 : -1;
	if (r == 0 && entry->type == ENTRY_SYMLINK)
		r = json_object_set_new(json, "target", json_string(entry->target));
	if (r == 0 && entry->type == ENTRY_FILE && entry->is_hashed)
		r = set_digest(json, entry);
	if (r == 0)
		r = set_special(json, entry);
	if (r == 0 && entry->type == ENTRY_FILE)
		r = set_source(json, &entry->source);
	if (r == 0 && entry->is_early)
		r = json_object_set_new(json, "early", json_true());
	for (size_t i = 0; r == 0 && i < entry->reason_count; i++)
		r = json_array_append_new(reasons, reason_to_json(&entry->reasons[i]));
	if (r == 0)
		r = json_object_set(json, "reasons", reasons);
	json_decref(reasons);
	if (r < 0)
		json_cleanup(&json);
	return json;
}

/* one value on one line */
static int add_json(struct text *text, const json_t *json)
{
	CLEANUP(memory_free) char *string = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!string)
		return -ENOMEM;
	text_add(text, string);
	return 0;
}

static int add_string(struct text *text, const char *key, const char *string)
{
	CLEANUP(json_cleanup) json_t *json = json_string(string ? string : "");

	text_format(text, ",\"%s\":", key);
	return json ? add_json(text, json) : -EINVAL;
}

/* what the profile accepts; nothing when that is nothing */
static int add_acceptances(const struct manifest *manifest, struct text *text)
{
	size_t count = manifest_acceptance_count(manifest);
	int r = 0;

	if (count)
		text_add(text, ",\"accept\":[");
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct manifest_acceptance *acceptance = manifest_acceptance_at(manifest, i);
		CLEANUP(text_free) struct text at = TEXT_EMPTY;
		CLEANUP(json_cleanup) json_t *json = NULL;

		add_origin(&acceptance->at, &at);
		json = json_pack("{s:s,s:s,s:s}", "key", acceptance->key, "reason",
				 acceptance->reason, "at", text_string(&at));
		text_add(text, i ? ",\n" : "\n");
		r = json ? add_json(text, json) : -ENOMEM;
	}
	if (count)
		text_add(text, "]");
	return r;
}

static void add_hash(struct text *text, const char *key, const unsigned char *hash)
{
	text_format(text, ",\"%s\":\"", key);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		text_format(text, "%02x", hash[i]);
	text_add_char(text, '"');
}

/* the form is of words that need no quoting */
static void add_squashfs(const struct manifest_squashfs *squashfs, struct text *text)
{
	if (!squashfs)
		return;
	text_format(text, ",\"squashfs\":{\"form\":\"%s\",\"time\":%lld,\"entries\":%llu",
		    squashfs->form, (long long)squashfs->time,
		    (unsigned long long)squashfs->entries);
	text_format(text, ",\"size\":%llu", (unsigned long long)squashfs->size);
	add_hash(text, "sha256", squashfs->sha256);
	if (squashfs->has_root_hash)
		add_hash(text, "root-hash", squashfs->root_hash);
	text_format(text, ",\"beside\":%s}", squashfs->is_beside ? "true" : "false");
}

int manifest_to_json(const struct manifest *manifest, const char *release, const char *profile,
		     struct text *text)
{
	size_t count = manifest_count(manifest);
	int r;

	text_format(text, "{\"format\":%d", FORMAT);
	r = add_string(text, "profile", profile);
	if (r == 0)
		r = add_string(text, "release", release);
	if (r == 0)
		r = add_acceptances(manifest, text);
	add_squashfs(manifest_squashfs(manifest), text);
	text_add(text, ",\"entries\":[\n");
	for (size_t i = 0; r == 0 && i < count; i++) {
		CLEANUP(json_cleanup) json_t *json = entry_to_json(manifest_at(manifest, i));

		r = json ? add_json(text, json) : -ENOMEM;
		text_add(text, i + 1 < count ? ",\n" : "\n");
	}
	text_add(text, "]}\n");
	return r == 0 && text->failed ? -ENOMEM : r;
}
