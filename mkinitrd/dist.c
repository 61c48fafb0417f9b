/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dist.c - what is handed out (see dist.h)
 *
 * In:    a kernel and its image
 * Out:   a manifest of a folder; its large files in a spool
 * Not:   the ISO (iso.c), the archive (tar_publish.c), how the machine starts (hooks/dist/run.sh)
 * Facts: sha256sum(1) -c: the sum, two blanks, the path
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "container_archive.h"
#include "disk_docker.h"
#include "disk_layout.h"
#include "dist.h"
#include "fail.h"
#include "image.h"
#include "iso.h"
#include "tools.h"
#include "../init/lib/file.h"

#define DOCKER_BYTES                                                                \
	(128 * MIB) /* enough for a journal that a disk of many GiB is at ease with \
		     */
#define MANIFEST_MOST ((size_t)64 << 20)
#define SCRIPT_MOST 65536
#define PIECE ((size_t)1 << 20)

/* one folder in the making */
struct dist {
	const struct disk_payload *payload;
	struct spool *spool;
	struct manifest *manifest;
};

static int add(struct dist *dist, const char *path, mode_t mode, struct source source)
{
	struct addition addition = {
		.path = path,
		.type = ENTRY_FILE,
		.mode = mode,
		.source = source,
		.is_named = true,
		.relation = "part of what is handed out",
	};
	int r = manifest_add(dist->manifest, &addition, NULL);

	return r < 0 ? r : 0;
}

/* the file @name of the spool */
static int add_stored(struct dist *dist, const char *path, char *name)
{
	CLEANUP(memory_free) char *label = strdup(path);

	if (!label)
		return fail(-ENOMEM, "cannot make '%s'", path);
	return add(dist, path, 0644,
		   (struct source){ .kind = SOURCE_TREE,
				    .directory_fd = dist->spool->fd,
				    .path = label,
				    .stored = name });
}

/* @text's bytes */
static int add_text(struct dist *dist, const char *path, mode_t mode, struct text *text)
{
	CLEANUP(memory_free) char *label = strdup(path);
	size_t length = text->length;
	char *bytes = NULL;

	if (!label || text_take(text, &bytes) < 0)
		return fail(-ENOMEM, "cannot make '%s'", path);
	return add(dist, path, mode,
		   (struct source){ .kind = SOURCE_CONTENT,
				    .path = label,
				    .bytes = bytes,
				    .byte_count = length });
}

/* ---- the files ---- */

/* a copy: what lies elsewhere may change until the archive is written */
static int add_copy(struct dist *dist, const char *path, const struct content *content)
{
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(memory_free) char *piece = malloc(PIECE);
	CLEANUP(fd_close) int fd = spool_file(dist->spool, &name);
	int r = !piece ? -ENOMEM : fd < 0 ? fd : 0;

	for (uint64_t done = 0; r == 0 && done < content->size;) {
		ssize_t got = pread(content->fd, piece, PIECE, (off_t)done);

		if (got <= 0)
			r = got < 0 ? -errno : -ESTALE;
		else
			r = spool_write(dist->spool, fd, piece, (size_t)got, done);
		done += got > 0 ? (uint64_t)got : 0;
	}
	return r < 0 ? fail(r, "cannot make '%s'", path) : add_stored(dist, path, name);
}

static int add_iso(struct dist *dist)
{
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(fd_close) int fd = spool_file(dist->spool, &name);
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct iso_job job = { .payload = dist->payload, .spool = dist->spool, .fd = fd };
	int r;

	text_format(&label, "dist/%s.iso", dist->payload->profile);
	text_format(&path, "%s/%s", dist->spool->path, name ? name : "");
	job.label = text_string(&label);
	job.path = text_string(&path);
	if (fd < 0)
		return fail(fd, "cannot make '%s'", job.label);
	r = iso_make(&job);
	return r < 0 ? r : add_stored(dist, job.label, name);
}

static int add_docker(struct dist *dist)
{
	static const char path[] = "dist/kvm/docker.img";
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(fd_close) int fd = spool_file(dist->spool, &name);
	struct docker_form form = { .bytes = DOCKER_BYTES, .mtime = dist->payload->mtime };
	CLEANUP(fd_close) int file = -1;
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)DOCKER_BYTES) < 0)
		return fail(fd < 0 ? fd : -errno, "cannot make '%s'", path);
	disk_payload_id(dist->payload, "docker file system", form.id);
	file = disk_docker_make(&form);
	if (file < 0)
		return file;
	r = disk_docker_write(fd, file, &form);
	return r < 0 ? fail(r, "cannot make '%s'", path) : add_stored(dist, path, name);
}

/* the image's own, as it stands in it */
static int add_manifest(struct dist *dist)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct image_entry entry;
	char buffer[16384];
	ssize_t count;
	int r = image_open_fd(dist->payload->slot.initrd.fd, "dist/initrd.img", &reader);

	if (r < 0)
		return r;
	while ((r = image_next(reader, &entry)) > 0)
		if (text_equal(entry.path, MANIFEST_PATH))
			break;
	if (r <= 0)
		return r < 0 ? r : fail(-ENODATA, "the image has no '" MANIFEST_PATH "'");
	while ((count = image_read(reader, buffer, sizeof(buffer))) > 0) {
		text_add_bytes(&text, buffer, (size_t)count);
		if (text.length > MANIFEST_MOST)
			return fail(-EFBIG, "the image's manifest");
	}
	return count < 0 ? (int)count : add_text(dist, "dist/manifest.json", 0644, &text);
}

static int add_script(struct dist *dist)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(fd_close) int folder = tools_open();
	int r = folder;

	if (r < 0)
		return r;
	r = file_read(folder, "dist/run.sh", SCRIPT_MOST, &text);
	if (r < 0)
		return fail(r, "cannot read mkinitrd's own 'dist/run.sh'; install mkinitrd again");
	return add_text(dist, "dist/kvm/run.sh", 0755, &text);
}

static int add_readme(struct dist *dist)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const char *profile = dist->payload->profile;

	text_format(
		&text,
		"%s\n\n"
		"kvm/run.sh starts it in QEMU, in this terminal; ctrl-a x ends that.\n"
		"\tIt needs nothing but QEMU. The first run copies kvm/docker.img to kvm/disk.img\n"
		"\tand enlarges that: Docker's data, kept from run to run. kvm/run.sh --help says\n"
		"\thow to give it memory, ports and more.\n"
		"%s.iso boots by BIOS and UEFI, as a CD, and as a disk or stick that its bytes "
		"are\n"
		"\tcopied to. A disk with a file system labelled DOCKER, such as kvm/docker.img,\n"
		"\tkeeps Docker's data.\n"
		"vmlinuz, initrd.img and manifest.json are the kernel and the image on it, and "
		"the\n"
		"\tlist of what the image holds and of what wanted it.\n"
		"SHA256SUMS: sha256sum -c SHA256SUMS\n",
		dist->payload->slot.title, profile);
	return add_text(dist, "dist/README", 0644, &text);
}

/* of all that is there so far */
static int add_sums(struct dist *dist)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = manifest_finish(dist->manifest, NULL, NULL);

	for (size_t i = 0; r == 0 && i < manifest_count(dist->manifest); i++) {
		const struct entry *entry = manifest_at(dist->manifest, i);
		CLEANUP(fd_close) int fd = -1;
		char hex[2 * SHA256_SIZE + 1];

		if (entry->type != ENTRY_FILE)
			continue;
		r = entry_open(entry, &fd);
		if (r < 0)
			return r;
		r = sha256_hex_fd(fd, hex);
		if (r < 0)
			return fail(r, "cannot read '%s'", entry->path);
		text_format(&text, "%s  %s\n", hex, entry->path + strlen("dist/"));
	}
	if (r == 0)
		r = add_text(dist, "dist/SHA256SUMS", 0644, &text);
	return r < 0 ? r : manifest_finish(dist->manifest, NULL, NULL);
}

/* what an archive of it may be called by */
static int check_name(const char *profile)
{
	if (strlen(profile) > 100 || !*profile || *profile == '.')
		return fail(0, "'%s' is no name for a file; name the profile otherwise", profile);
	for (const char *at = profile; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '\\')
			return fail(0,
				    "the profile's name '%s' becomes a file's, and has a blank or "
				    "a backslash in it; name it otherwise",
				    profile);
	return 0;
}

int dist_collect(const struct disk_payload *payload, struct spool *spool,
		 struct manifest **ret_manifest)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	struct dist dist = { .payload = payload, .spool = spool, .manifest = manifest };
	int r = manifest ? check_name(payload->profile) : fail(-ENOMEM, "cannot make 'dist'");

	if (r == 0)
		r = add_copy(&dist, "dist/vmlinuz", &payload->slot.kernel);
	if (r == 0)
		r = add_copy(&dist, "dist/initrd.img", &payload->slot.initrd);
	if (r == 0)
		r = add_manifest(&dist);
	if (r == 0)
		r = add_iso(&dist);
	if (r == 0)
		r = add_docker(&dist);
	if (r == 0)
		r = add_script(&dist);
	if (r == 0)
		r = add_readme(&dist);
	if (r == 0)
		r = add_sums(&dist);
	if (r < 0)
		return r;
	*ret_manifest = manifest;
	manifest = NULL;
	return 0;
}
