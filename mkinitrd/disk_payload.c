/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_payload.c - what a disk is to boot (see disk_payload.h)
 *
 * In:    profiles, or an image; the root that its kernel lies in
 * Out:   descriptors, the kernel's command line, ids that follow from all of it
 * Facts: RFC 9562: version 8 of a UUID is for what the maker likes
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "build.h"
#include "disk_payload.h"
#include "fail.h"
#include "image.h"
#include "lock.h"
#include "profile.h"
#include "resolve.h"
#include "sysroot.h"
#include "value.h"
#include "../init/lib/bootplan.h"
#include "../init/lib/bundle_path.h"
#include "../init/lib/gpt.h"
#include "../init/lib/number.h"

#define PIECE ((size_t)1 << 20)

/* where kernels lie, by release: Debian and most others; then kernel-install's places */
static const char *const kernel_places[][2] = {
	{ "/boot/vmlinuz-", "" },
	{ "/usr/lib/modules/", "/vmlinuz" },
	{ "/lib/modules/", "/vmlinuz" },
};

void disk_payload_free(struct disk_payload *payload)
{
	slot_payload_free(&payload->slot);
	fd_close(&payload->host.bundle.fd);
	fd_close(&payload->host.signature.fd);
	free(payload->host.path);
	free(payload->profile);
}

/* ---- the kernel ---- */

static int take_kernel(int fd, const char *path, struct content *content)
{
	struct stat status;

	if (fd < 0)
		return fail(fd, "cannot read kernel '%s'", path);
	content->fd = fd;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
		return fail(0, "kernel '%s' is no file with a kernel in it", path);
	content->size = (uint64_t)status.st_size;
	return 0;
}

static int find_kernel(const struct options *options, const char *release, struct content *content)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	int r;

	if (options->arguments.count && options->kernel) {
		int fd = open(options->kernel, O_RDONLY | O_CLOEXEC);

		return take_kernel(fd < 0 ? -errno : fd, options->kernel, content);
	}
	if (!*release)
		return fail(0, "the image names no kernel that it is for; a disk needs one");
	r = sysroot_open_root(&root, options->root ? options->root : "/");
	if (r < 0)
		return r;
	for (size_t i = 0; i < COUNT_OF(kernel_places); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s%s%s", kernel_places[i][0], release, kernel_places[i][1]);
		r = sysroot_open(&root, text_string(&path), O_RDONLY | O_CLOEXEC);
		if (r != -ENOENT && r != -ENOTDIR)
			return take_kernel(r, text_string(&path), content);
	}
	return fail(-ENOENT,
		    "no kernel of release '%s' in /boot or /usr/lib/modules of the root '%s'; "
		    "install its package there",
		    release, root.path);
}

/* ---- the image ---- */

/* what a build makes for us; the names go as soon as the files are open */
struct built {
	struct text image, squashfs;
};

static void built_free(struct built *built)
{
	text_free(&built->image);
	text_free(&built->squashfs);
}

static int build(const struct options *options, bool is_squashfs, struct built *built)
{
	struct text *ret_path = &built->image;
	const char *folder = getenv("TMPDIR");
	struct options build_options = *options;
	unsigned char random[8];

	if (getentropy(random, sizeof(random)) < 0)
		return fail(-errno, "cannot name a temporary file");
	text_format(ret_path, "%s/mkinitrd-disk-", folder && *folder ? folder : "/tmp");
	for (size_t i = 0; i < sizeof(random); i++)
		text_format(ret_path, "%02x", random[i]);
	text_format(&built->squashfs, "%s.squashfs", text_string(ret_path));
	text_add(ret_path, ".img");
	if (ret_path->failed || built->squashfs.failed)
		return fail(-ENOMEM, "cannot name a temporary file");
	build_options.output = text_string(ret_path);
	build_options.squashfs = is_squashfs ? text_string(&built->squashfs) : NULL;
	return options->lock ? lock_build_image(&build_options, "initrd")
			     : build_image(&build_options, "initrd");
}

static int check_words(const struct strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		for (const char *at = words->items[i]; *at; at++)
			if ((unsigned char)*at < ' ')
				return fail(0,
					    "the kernel's parameter '%.*s' has a control character "
					    "in it",
					    (int)strcspn(words->items[i], "="), words->items[i]);
	return 0;
}

/* the root's file system, which the image does not carry */
static int take_squashfs(const char *path, struct content *content)
{
	struct stat status;

	content->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (content->fd < 0 || fstat(content->fd, &status) < 0)
		return fail(-errno, "cannot read SquashFS '%s'", path);
	content->size = (uint64_t)status.st_size;
	if (!S_ISREG(status.st_mode) || content->size > FAT_FILE_MOST)
		return fail(0, "SquashFS '%s' is %s", path,
			    S_ISREG(status.st_mode) ? "4 GiB or more, which FAT32 has no room for"
						    : "no file");
	return 0;
}

/* Return: 0 or a negative errno; quiet */
static int open_content(const char *path, struct content *content)
{
	struct stat status;

	content->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (content->fd < 0 || fstat(content->fd, &status) < 0)
		return -errno;
	content->size = (uint64_t)status.st_size;
	return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

/* --bundle: what the image looks for, or why it would not take this one */
static int take_bundle(const char *path, const struct plan_bundle *plan, bool is_looked_for,
		       struct bundle_payload *host)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(memory_free) char *profile = NULL;
	CLEANUP(text_free) struct text signature = TEXT_EMPTY;
	int r;

	if (!is_looked_for)
		return fail(0,
			    "--bundle %s: the image looks for none; say 'boot: bundle: {}' in its "
			    "profile",
			    path);
	r = open_content(path, &host->bundle);
	if (r < 0)
		return fail(r, "cannot read bundle '%s'", path);
	r = image_read_manifest(path, &manifest, &release, &profile);
	if (r < 0)
		return r;
	if (host->bundle.size > BUNDLE_BYTES_MOST)
		return fail(-EFBIG, "bundle '%s'", path);
	text_format(&signature, "%s.sig", path);
	r = open_content(text_string(&signature), &host->signature);
	if (r < 0 && (r != -ENOENT || plan->key))
		return fail(r, "cannot read '%s'%s", text_string(&signature),
			    r == -ENOENT ? ", the signature that the image asks for (mkinitrd "
					   "profile bundle --sign)"
					 : "");
	host->path = strdup(plan->path + strspn(plan->path, "/"));
	return host->path ? 0 : fail(-ENOMEM, "cannot make a disk");
}

static int take_image(const struct options *options, const char *path, bool is_beside,
		      struct disk_payload *payload)
{
	struct slot_payload *slot = &payload->slot;
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(bootplan_free) struct bootplan plan = { 0 };
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(memory_free) char *profile = NULL;
	CLEANUP(text_free) struct text title = TEXT_EMPTY;
	struct stat status;
	int r;

	slot->initrd.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (slot->initrd.fd < 0 || fstat(slot->initrd.fd, &status) < 0)
		return fail(-errno, "cannot read image '%s'", path);
	slot->initrd.size = (uint64_t)status.st_size;
	r = image_read_manifest(path, &manifest, &release, &profile);
	if (r == 0)
		r = image_read_plan(path, &plan);
	if (r == 0)
		r = find_kernel(options, release, &slot->kernel);
	for (size_t i = 0; r == 0 && i < plan.image.cmdline.count; i++)
		r = strings_add(&slot->cmdline, plan.image.cmdline.items[i]);
	if (r < 0)
		return r;
	if (plan.has_root && !plan.root.find && slot->squashfs.fd < 0)
		return fail(0, "image '%s' has its root in a SquashFS of its own; %s", path,
			    is_beside ? "name that with --squashfs"
				      : "here only an image boots that carries it: build it "
					"without --squashfs");
	if (options->bundle) {
		r = take_bundle(options->bundle, &plan.bundle, plan.has_bundle, &payload->host);
		if (r < 0)
			return r;
	}
	payload->lacks_resize = plan.has_disk && plan.disk.resize != PLAN_YES;
	text_format(&title, "%s%s%s", profile, *release ? " " : "", release);
	payload->profile = text_pointer_take(&profile);
	if (text_take(&title, &slot->title) < 0 || !payload->profile)
		return fail(-ENOMEM, "cannot make a disk");
	return check_words(&slot->cmdline);
}

/* ---- ids ---- */

static int digest_content(EVP_MD_CTX *context, const struct content *content, uint8_t *piece)
{
	for (uint64_t done = 0; done < content->size;) {
		ssize_t got = pread(content->fd, piece, PIECE, (off_t)done);

		if (got <= 0)
			return got < 0 ? -errno : -ESTALE;
		if (EVP_DigestUpdate(context, piece, (size_t)got) != 1)
			return -EIO;
		done += (uint64_t)got;
	}
	return EVP_DigestUpdate(context, &content->size, sizeof(content->size)) == 1 ? 0 : -EIO;
}

static int digest_payload(struct disk_payload *payload)
{
	CLEANUP(memory_free) uint8_t *piece = malloc(PIECE);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int r = piece && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 ? 0
											: -ENOMEM;

	if (r == 0)
		r = digest_content(context, &payload->slot.kernel, piece);
	if (r == 0)
		r = digest_content(context, &payload->slot.initrd, piece);
	if (r == 0 && payload->slot.squashfs.fd >= 0)
		r = digest_content(context, &payload->slot.squashfs, piece);
	if (r == 0 && payload->host.bundle.fd >= 0)
		r = digest_content(context, &payload->host.bundle, piece);
	if (r == 0 &&
	    (EVP_DigestUpdate(context, payload->slot.title, strlen(payload->slot.title) + 1) != 1))
		r = -EIO;
	for (size_t i = 0; r == 0 && i < payload->slot.cmdline.count; i++)
		if (EVP_DigestUpdate(context, payload->slot.cmdline.items[i],
				     strlen(payload->slot.cmdline.items[i]) + 1) != 1)
			r = -EIO;
	if (r == 0 && EVP_DigestFinal_ex(context, payload->digest, NULL) != 1)
		r = -EIO;
	EVP_MD_CTX_free(context);
	return r < 0 ? fail(r, "cannot read the kernel or the image once more") : 0;
}

void disk_payload_place(struct disk_payload *payload, const uint8_t partition_guid[16])
{
	char text[GPT_GUID_TEXT];

	gpt_guid_format(partition_guid, text);
	(void)snprintf(payload->slot.root, sizeof(payload->slot.root), "PARTUUID=%s", text);
}

void disk_payload_id(const struct disk_payload *payload, const char *what, uint8_t ret_id[16])
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	uint8_t digest[32] = { 0 };

	text_add_bytes(&text, payload->digest, sizeof(payload->digest));
	text_add(&text, what);
	(void)EVP_Digest(text_string(&text), text.length, digest, NULL, EVP_sha256(), NULL);
	memcpy(ret_id, digest, 16);
	/* version and variant: where GPT's byte order has the former */
	ret_id[7] = (ret_id[7] & 0x0f) | 0x80;
	ret_id[8] = (ret_id[8] & 0x3f) | 0x80;
}

/* ---- the whole ---- */

static int read_profile(const struct options *options, struct disk_payload *payload,
			bool *ret_is_squashfs)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	const struct value *disk;
	int r = profile_load_made(&profile, options->made, &options->profiles, &options->sets);

	if (r < 0)
		return r;
	disk = value_get(profile.root, "output", "disk", NULL);
	(void)size_parse(value_text(value_get(disk, "size", NULL), ""), &payload->disk_bytes);
	(void)size_parse(value_text(value_get(disk, "boot", NULL), ""), &payload->boot_bytes);
	*ret_is_squashfs = text_equal(
		options->layout
			? options->layout
			: value_text(value_get(profile.root, "output", "layout", NULL), "cpio"),
		"squashfs");
	return 0;
}

int disk_payload_make(const struct options *options, bool is_beside, struct disk_payload *payload)
{
	CLEANUP(built_free) struct built built = { 0 };
	bool is_squashfs = false;
	int r;

	*payload = DISK_PAYLOAD_NONE;
	r = build_time(&payload->mtime);
	if (r < 0)
		return r;
	if (options->arguments.count) {
		if (options->squashfs)
			r = take_squashfs(options->squashfs, &payload->slot.squashfs);
		if (r == 0)
			r = take_image(options, options->arguments.items[0], is_beside, payload);
	} else {
		r = read_profile(options, payload, &is_squashfs);
		is_squashfs &= is_beside;
		if (r == 0)
			r = build(options, is_squashfs, &built);
		if (r == 0 && is_squashfs)
			r = take_squashfs(text_string(&built.squashfs), &payload->slot.squashfs);
		if (r == 0)
			r = take_image(options, text_string(&built.image), is_beside, payload);
		(void)unlink(text_string(&built.image));
		(void)unlink(text_string(&built.squashfs));
	}
	return r < 0 ? r : digest_payload(payload);
}
