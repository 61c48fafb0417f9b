/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_archive.c - write an archive for "docker load"
 *
 * In:    a finished manifest and a configuration
 * Out:   the bytes of an archive, and the image's id
 * Not:   what goes into the image (container_image.c)
 * Facts: the Docker Image Specification v1.2 (manifest.json; an image's id is the SHA-256 of its
 *        configuration, a layer's that of its uncompressed tar); GOARCH names: OCI image-spec,
 *        config.md
 */
#include "container_archive.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>

#include "fail.h"

#define COPY_SIZE (64u << 10)
#define HEX_SIZE (SHA256_SIZE * 2 + 1)

void container_config_free(struct container_config *config)
{
	strings_free(&config->command);
	strings_free(&config->env);
	memory_free(&config->workdir);
	memory_free(&config->user);
}

static void json_release(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static void archive_write_release(struct archive **archive)
{
	(void)archive_write_free(*archive);
	*archive = NULL;
}

static void archive_entry_release(struct archive_entry **entry)
{
	archive_entry_free(*entry);
	*entry = NULL;
}

static la_ssize_t text_write(struct archive *archive, void *context, const void *bytes,
			     size_t count)
{
	struct text *text = context;

	text_add_bytes(text, bytes, count);
	if (text->failed) {
		archive_set_error(archive, ENOMEM, "no memory left");
		return -1;
	}
	return (la_ssize_t)count;
}

static int fail_archive(struct archive *archive, const char *what, const char *name)
{
	(void)fail(0, "cannot %s '%s' of a container image: %s", what, name,
		   archive ? archive_error_string(archive) : "no memory left");
	return archive ? -EIO : -ENOMEM;
}

/* a tar whose bytes end up in @text: ustar, with a pax header only for what needs one */
static struct archive *tar_begin(struct text *text)
{
	struct archive *archive = archive_write_new();

	if (archive &&
	    (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
	     archive_write_add_filter_none(archive) != ARCHIVE_OK ||
	     archive_write_open2(archive, text, NULL, text_write, NULL, NULL) != ARCHIVE_OK))
		archive_write_release(&archive);
	return archive;
}

static int tar_header(struct archive *archive, const char *path, mode_t type, mode_t mode,
		      const char *target, size_t size, int64_t time)
{
	CLEANUP(archive_entry_release) struct archive_entry *header = archive_entry_new();

	if (!header)
		return fail(-ENOMEM, "cannot write '%s' of a container image", path);
	archive_entry_set_pathname(header, path);
	archive_entry_set_filetype(header, type);
	archive_entry_set_perm(header, mode);
	archive_entry_set_mtime(header, time, 0);
	archive_entry_set_uid(header, 0);
	archive_entry_set_gid(header, 0);
	if (target)
		archive_entry_set_symlink(header, target);
	archive_entry_set_size(header, (la_int64_t)size);
	if (archive_write_header(archive, header) != ARCHIVE_OK)
		return fail_archive(archive, "write", path);
	return 0;
}

static int tar_bytes(struct archive *archive, const char *path, const void *bytes, size_t count,
		     int64_t time)
{
	int r = tar_header(archive, path, AE_IFREG, 0644, NULL, count, time);

	if (r < 0)
		return r;
	if (archive_write_data(archive, bytes, count) != (la_ssize_t)count)
		return fail_archive(archive, "write", path);
	return 0;
}

/* The image's architecture is that of its programs: e_machine of the first ELF file, 0 so far. */
static void machine_note(const unsigned char *bytes, size_t count, unsigned *machine)
{
	if (*machine != EM_NONE || count < 20 || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return;
	*machine = bytes[EI_DATA] == ELFDATA2MSB ? (unsigned)bytes[18] << 8 | bytes[19]
						 : (unsigned)bytes[19] << 8 | bytes[18];
}

static int layer_file(struct archive *archive, const struct entry *entry, int64_t time,
		      unsigned *machine)
{
	CLEANUP(fd_close) int fd = -1;
	unsigned char buffer[COPY_SIZE];
	size_t left;
	struct stat status;
	int r;

	r = entry_open_status(entry, &fd, &status);
	if (r < 0)
		return r;
	left = (size_t)status.st_size;
	r = tar_header(archive, entry->path, AE_IFREG, entry->mode, NULL, left, time);
	while (r == 0) {
		ssize_t count = read(fd, buffer, sizeof(buffer));

		if (count < 0)
			return fail(-errno, "cannot read '%s' for a container image", entry->path);
		if ((size_t)count > left || (count == 0 && left > 0))
			return fail(-ESTALE, "'%s' changed while it was read for a container image",
				    entry->path);
		if (count == 0)
			break;
		if (left == (size_t)status.st_size)
			machine_note(buffer, (size_t)count, machine);
		if (archive_write_data(archive, buffer, (size_t)count) != count)
			return fail_archive(archive, "write", entry->path);
		left -= (size_t)count;
	}
	return r;
}

static int layer_make(const struct manifest *manifest, int64_t time, struct text *layer,
		      unsigned *machine)
{
	CLEANUP(archive_write_release) struct archive *archive = tar_begin(layer);
	int r = archive ? 0 : fail_archive(NULL, "start", "layer.tar");

	for (size_t i = 0; r == 0 && i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);

		switch (entry->type) {
		case ENTRY_FILE:
			r = layer_file(archive, entry, time, machine);
			break;
		case ENTRY_DIRECTORY:
			r = tar_header(archive, entry->path, AE_IFDIR, entry->mode, NULL, 0, time);
			break;
		case ENTRY_SYMLINK:
			r = tar_header(archive, entry->path, AE_IFLNK, 0777, entry->target, 0,
				       time);
			break;
		case ENTRY_CHARACTER:
		case ENTRY_BLOCK:
		case ENTRY_FIFO: /* no container of a profile has trees */
			r = fail(0,
				 "'%s' is a device or fifo, which no container image of a "
				 "profile can hold",
				 entry->path);
			break;
		}
	}
	if (r == 0 && archive_write_close(archive) != ARCHIVE_OK)
		r = fail_archive(archive, "end", "layer.tar");
	return r;
}

/* "name:tag" with a tag, of the characters that Docker takes; the plan and the agent rely on it */
bool container_tag_is_valid(const char *string)
{
	const char *slash = strrchr(string, '/');
	const char *tag = strchr(slash ? slash : string, ':');

	if (!tag || tag == string || tag[1] == '\0' || strchr(tag + 1, ':') ||
	    !isalnum((unsigned char)string[0]))
		return false;
	for (const char *at = string; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) && !strchr("._-/:", *at))
			return false;
	return true;
}

const char *container_architecture(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *kernel_name; /* of uname(2) */
		const char *name;
	} rows[] = {
		{ EM_X86_64, "x86_64", "amd64" },   { EM_AARCH64, "aarch64", "arm64" },
		{ EM_386, "i686", "386" },          { EM_ARM, "armv7l", "arm" },
		{ EM_RISCV, "riscv64", "riscv64" }, { EM_PPC64, "ppc64le", "ppc64le" },
		{ EM_S390, "s390x", "s390x" },
	};
	struct utsname names;

	if (uname(&names) < 0)
		names.machine[0] = '\0';
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (machine == EM_NONE ? text_equal(names.machine, rows[i].kernel_name)
				       : machine == rows[i].machine)
			return rows[i].name;
	return "unknown";
}

static json_t *json_strings(const struct strings *strings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < strings->count; i++)
		(void)json_array_append_new(list, json_string(strings->items[i]));
	return list;
}

/* keys sorted and no blanks: one form, one digest */
static int json_take(json_t *json, struct text *text)
{
	CLEANUP(memory_free) char *string = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	if (!string)
		return fail(0, "cannot describe a container image: a value is not UTF-8");
	text_add(text, string);
	return text->failed ? -ENOMEM : 0;
}

static int config_make(const struct container_config *config, const char *layer_hex,
		       unsigned machine, struct text *text)
{
	CLEANUP(json_release) json_t *run = json_object(), *json = NULL;
	CLEANUP(text_free) struct text diff_id = TEXT_EMPTY;
	time_t seconds = (time_t)config->time;
	char created[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return fail(0, "cannot describe a container image: no such time");
	text_format(&diff_id, "sha256:%s", layer_hex);
	(void)json_object_set_new(run, "Env", json_strings(&config->env));
	if (config->command.count > 0)
		(void)json_object_set_new(run, "Cmd", json_strings(&config->command));
	if (config->workdir)
		(void)json_object_set_new(run, "WorkingDir", json_string(config->workdir));
	if (config->user)
		(void)json_object_set_new(run, "User", json_string(config->user));
	json = json_pack("{s:s, s:s, s:s, s:O, s:{s:s, s:[s]}}", "architecture",
			 container_architecture(machine), "os", "linux", "created", created,
			 "config", run, "rootfs", "type", "layers", "diff_ids",
			 text_string(&diff_id));
	return json_take(json, text);
}

int container_archive_make(const struct manifest *manifest, const char *tag,
			   const struct container_config *config, struct text *ret_archive,
			   char **ret_id)
{
	CLEANUP(archive_write_release) struct archive *archive = NULL;
	CLEANUP(text_free) struct text layer = TEXT_EMPTY, settings = TEXT_EMPTY;
	CLEANUP(text_free) struct text list = TEXT_EMPTY, layer_path = TEXT_EMPTY;
	CLEANUP(text_free) struct text config_path = TEXT_EMPTY, id = TEXT_EMPTY;
	CLEANUP(json_release) json_t *json = NULL;
	char layer_hex[HEX_SIZE], config_hex[HEX_SIZE];
	unsigned machine = EM_NONE;
	int r;

	r = layer_make(manifest, config->time, &layer, &machine);
	if (r == 0)
		r = sha256_hex(text_string(&layer), layer.length, layer_hex);
	if (r == 0)
		r = config_make(config, layer_hex, machine, &settings);
	if (r == 0)
		r = sha256_hex(text_string(&settings), settings.length, config_hex);
	if (r < 0)
		return r;

	text_format(&layer_path, "%s/layer.tar", layer_hex);
	text_format(&config_path, "%s.json", config_hex);
	text_format(&id, "sha256:%s", config_hex);
	json = json_pack("[{s:s, s:[s], s:[s]}]", "Config", text_string(&config_path), "RepoTags",
			 tag, "Layers", text_string(&layer_path));
	r = json_take(json, &list);
	if (r < 0)
		return r;
	archive = tar_begin(ret_archive);
	if (!archive)
		return fail_archive(NULL, "start", tag);
	r = tar_bytes(archive, text_string(&config_path), text_string(&settings), settings.length,
		      config->time);
	if (r == 0)
		r = tar_bytes(archive, text_string(&layer_path), text_string(&layer), layer.length,
			      config->time);
	if (r == 0)
		r = tar_bytes(archive, "manifest.json", text_string(&list), list.length,
			      config->time);
	if (r == 0 && archive_write_close(archive) != ARCHIVE_OK)
		r = fail_archive(archive, "end", tag);
	return r < 0 ? r : text_take(&id, ret_id);
}
