/* SPDX-License-Identifier: Apache-2.0 */
/*
 * microcode.c - processor microcode that the kernel loads before it unpacks anything
 *
 * In:    "kernel: microcode:" of the profile, /usr/lib/firmware/{intel,amd}-ucode of the root;
 * where these have none, the early image that a package of the distribution keeps in /boot Out:
 * kernel/x86/microcode/GenuineIntel.bin and AuthenticAMD.bin, as early entries Not:   where early
 * entries stand in an image (archive.c); which processor the machine has: an image is for any
 * Facts: the two paths, and that the segment stands first and is not compressed: the kernel's
 *        Documentation/arch/x86/microcode.rst. Both files are what the vendor's files are, one
 *        after the other. Intel: a header of 48 bytes, lengths in it, the sum of all 32-bit words
 *        is 0: Intel SDM volume 3A, 9.11.1 to 9.11.5. AMD: a container with a table of processors,
 *        then patches: the kernel's arch/x86/kernel/cpu/microcode/amd.c, verify_container(),
 *        verify_equivalence_table(), __verify_patch_section(). All numbers are little endian.
 *        Early images: Arch's packages intel-ucode and amd-ucode have nothing else
 *        (wiki.archlinux.org/title/Microcode), Gentoo's end in "-uc.img" (dracut.conf(5),
 *        early_microcode_image_name)
 */
#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

#include "decompress.h"
#include "fail.h"
#include "image.h"
#include "resolve.h"
#include "../init/lib/file.h"

#define FILE_LIMIT ((size_t)16 << 20) /* one file; the largest of today has 200 KiB */
#define ALL_LIMIT ((size_t)128 << 20)

#define INTEL_HEADER 48
#define INTEL_DEFAULT_SIZE 2048 /* when the header has no lengths */
#define AMD_MAGIC 0x00414d44u   /* "DMA" and a NUL */
#define AMD_TABLE 0u
#define AMD_PATCH 1u

static uint32_t number_at(const struct text *text, size_t offset)
{
	uint32_t number;

	memcpy(&number, text->data + offset, sizeof(number));
	return le32toh(number);
}

/* whether @count bytes from @offset on are there */
static bool has_bytes(const struct text *text, size_t offset, size_t count)
{
	return offset <= text->length && count <= text->length - offset;
}

/* updates, one after the other. Return: what is wrong, or NULL */
static const char *intel_problem(const struct text *text)
{
	size_t at = 0;

	while (at < text->length) {
		uint32_t sum = 0, data, total;

		if (!has_bytes(text, at, INTEL_HEADER))
			return "its last header is cut off";
		if (number_at(text, at) != 1 || number_at(text, at + 20) != 1)
			return "it has no header of a microcode update";
		data = number_at(text, at + 28);
		total = data ? number_at(text, at + 32) : INTEL_DEFAULT_SIZE;
		if (total < INTEL_HEADER || total % 4 || (data && data > total - INTEL_HEADER))
			return "a header has impossible lengths";
		if (!has_bytes(text, at, total))
			return "it is cut off";
		for (size_t i = 0; i < total; i += 4)
			sum += number_at(text, at + i);
		if (sum)
			return "its checksum is wrong";
		at += total;
	}
	return text->length ? NULL : "it is empty";
}

/* containers, one after the other: a table, then patches until the next magic number */
static const char *amd_problem(const struct text *text)
{
	size_t at = 0;

	while (at < text->length) {
		bool has_patch = false;

		if (!has_bytes(text, at, 12) || number_at(text, at) != AMD_MAGIC ||
		    number_at(text, at + 4) != AMD_TABLE)
			return "it has no header of a microcode container";
		if (!has_bytes(text, at + 12, number_at(text, at + 8)))
			return "its table is cut off";
		at += 12 + number_at(text, at + 8);
		while (has_bytes(text, at, 8) && number_at(text, at) == AMD_PATCH) {
			if (!has_bytes(text, at + 8, number_at(text, at + 4)))
				return "a patch is cut off";
			at += 8 + number_at(text, at + 4);
			has_patch = true;
		}
		if (!has_patch)
			return "it has no patches";
	}
	return text->length ? NULL : "it is empty";
}

static const struct vendor {
	const char *folders[2];  /* the kernel's own place first */
	const char *patterns[2]; /* names of files in it, with or without compression */
	const char *images[2];   /* uncompressed cpio archives that hold the entry */
	const char *entry;
	const char *(*problem)(const struct text *text);
} vendors[] = {
	/* family-model-stepping; ".initramfs": what Debian keeps from being loaded late */
	{ { "/lib/firmware/intel-ucode", "/usr/lib/firmware/intel-ucode" },
	  { "[0-9a-f][0-9a-f]-[0-9a-f][0-9a-f]-[0-9a-f][0-9a-f]",
	    "[0-9a-f][0-9a-f]-[0-9a-f][0-9a-f]-[0-9a-f][0-9a-f].initramfs" },
	  { "/boot/intel-ucode.img", "/boot/intel-uc.img" },
	  "kernel/x86/microcode/GenuineIntel.bin",
	  intel_problem },
	{ { "/lib/firmware/amd-ucode", "/usr/lib/firmware/amd-ucode" },
	  { "microcode_amd*.bin", NULL },
	  { "/boot/amd-ucode.img", "/boot/amd-uc.img" },
	  "kernel/x86/microcode/AuthenticAMD.bin",
	  amd_problem },
};

/* without .xz and so on; an uncompressed file comes first */
static char *name_plain(const char *name)
{
	const char *suffix = compressed_suffix(name);

	return strndup(name, suffix ? (size_t)(suffix - name) : strlen(name));
}

static bool name_is_wanted(const struct vendor *vendor, const char *name)
{
	CLEANUP(memory_free) char *plain = name_plain(name);

	for (size_t i = 0; plain && i < COUNT_OF(vendor->patterns); i++) {
		if (vendor->patterns[i] && fnmatch(vendor->patterns[i], plain, 0) == 0)
			return true;
	}
	return false;
}

/* sorted names of files */
static int names_list(const struct resolve *resolve, const struct vendor *vendor,
		      const char *folder, struct strings *names)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *child;
	int r;

	r = sysroot_opendir(resolve->root, folder, &directory);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	while (r == 0 && (errno = 0, child = readdir(directory)) != NULL)
		r = name_is_wanted(vendor, child->d_name) ? strings_add(names, child->d_name) : 0;
	if (r == 0)
		r = -errno;
	strings_sort(names, true);
	return r;
}

static int file_unpack(const struct resolve *resolve, const char *path, struct text *content)
{
	CLEANUP(fd_close)
	int fd = sysroot_open(resolve->root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return fd;
	return compressed_suffix(path) ? decompress_fd(fd, FILE_LIMIT, content)
				       : file_read_fd(fd, FILE_LIMIT, content);
}

/* what @path holds, appended when it is what it should be. Return: 1, 0 skipped, -errno (spoken) */
static int content_add(const struct resolve *resolve, const struct vendor *vendor, const char *path,
		       const struct text *content, struct text *all)
{
	const char *problem = vendor->problem(content);

	if (problem) {
		warn("'%s' of the root '%s' is no microcode: %s, skipping", path,
		     resolve->root->path, problem);
		return 0;
	}
	if (content->length > ALL_LIMIT - all->length)
		return fail(-EFBIG, "cannot pack the microcode in '%s'", path);
	text_add_bytes(all, content->data, content->length);
	return all->failed ? fail(-ENOMEM, "cannot pack '%s'", path) : 1;
}

static int file_add(const struct resolve *resolve, const struct vendor *vendor, const char *folder,
		    const char *name, struct text *all)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r;

	text_format(&path, "%s/%s", folder, name);
	r = path.failed ? -ENOMEM : file_unpack(resolve, text_string(&path), &content);
	if (r < 0)
		return fail(r, "cannot read the microcode '%s' of the root '%s'",
			    text_string(&path), resolve->root->path);
	r = content_add(resolve, vendor, text_string(&path), &content, all);
	return r < 0 ? r : 0;
}

/* the vendor's entry of an early image; empty when it has none. Speaks */
static int image_unpack(const struct vendor *vendor, int fd, const char *path, struct text *content)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	const unsigned char *piece;
	struct image_entry entry;
	ssize_t count = 0;
	int r = image_open_fd(fd, path, &reader);

	while (r == 0 && (r = image_next(reader, &entry)) == 1) {
		r = 0;
		if (!text_equal(entry.path, vendor->entry) || !S_ISREG(entry.mode))
			continue;
		text_clear(content);
		while (r == 0 && (count = image_read_piece(reader, &piece)) > 0) {
			text_add_bytes(content, piece, (size_t)count);
			if (content->failed || content->length > ALL_LIMIT)
				r = fail(content->failed ? -ENOMEM : -EFBIG,
					 "cannot read '%s' in "
					 "'%s'",
					 vendor->entry, path);
		}
		if (r == 0 && count < 0)
			r = (int)count;
	}
	return r;
}

/* the first early image that there is. Return: 1 taken, 0 there is none, or -errno (spoken) */
static int image_add(const struct resolve *resolve, const struct vendor *vendor, struct text *all)
{
	for (size_t i = 0; i < COUNT_OF(vendor->images); i++) {
		CLEANUP(text_free) struct text content = TEXT_EMPTY;
		const char *path = vendor->images[i];
		CLEANUP(fd_close)
		int fd = sysroot_open(resolve->root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		int r;

		if (fd == -ENOENT || fd == -ENOTDIR)
			continue;
		if (fd < 0)
			return fail(fd, "cannot read the microcode '%s' of the root '%s'", path,
				    resolve->root->path);
		r = image_unpack(vendor, fd, path, &content);
		if (r < 0)
			return r;
		if (content.length == 0) {
			warn("'%s' of the root '%s' has no '%s', skipping", path,
			     resolve->root->path, vendor->entry);
			return 0;
		}
		r = content_add(resolve, vendor, path, &content, all);
		if (r == 1)
			note("microcode: '%s' of '%s'", vendor->entry, path);
		return r;
	}
	return 0;
}

/* all files of the first folder that has some. Return: how many, or -errno (spoken) */
static int folders_add(const struct resolve *resolve, const struct vendor *vendor, struct text *all)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(memory_free) char *last = NULL;
	const char *folder = NULL;
	int r = 0;

	for (size_t i = 0; names.count == 0 && i < COUNT_OF(vendor->folders); i++) {
		folder = vendor->folders[i];
		r = names_list(resolve, vendor, folder, &names);
		if (r < 0)
			return fail(r, "cannot list '%s' of the root '%s'", folder,
				    resolve->root->path);
	}
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		char *plain = name_plain(names.items[i]);

		/* the same again, compressed */
		if (!plain || !last || !text_equal(plain, last))
			r = plain ? file_add(resolve, vendor, folder, names.items[i], all)
				  : -ENOMEM;
		free(last);
		last = plain;
	}
	if (r == 0 && all->length)
		note("microcode: %zu files of '%s'", names.count, folder);
	return r < 0 ? r : (int)names.count;
}

/* all that a vendor has, as one entry. Return: of how many files, or -errno (spoken) */
static int vendor_add(struct resolve *resolve, const struct vendor *vendor, const struct origin *at)
{
	CLEANUP(text_free) struct text all = TEXT_EMPTY;
	char label[] = "early microcode";
	struct addition addition = {
		.path = vendor->entry,
		.type = ENTRY_FILE,
		.mode = 0644,
		.source = { .kind = SOURCE_CONTENT, .directory_fd = -1 },
		.is_early = true,
		.relation = "early microcode",
		.at = *at,
	};
	int r, count = folders_add(resolve, vendor, &all);

	if (count >= 0 && all.length == 0) {
		r = image_add(resolve, vendor, &all);
		count = r < 0 ? r : count + r;
	}
	if (count < 0 || all.length == 0)
		return count;
	addition.source.path = label;
	addition.source.byte_count = all.length;
	r = text_take(&all, &addition.source.bytes);
	if (r >= 0)
		r = manifest_add(resolve->manifest, &addition, NULL);
	return r < 0 ? r : count;
}

int resolve_microcode(struct resolve *resolve)
{
	const struct value *wanted = value_get(resolve->profile->root, "kernel", "microcode", NULL);
	int count = 0;

	if (!text_equal(value_text(wanted, "none"), "auto"))
		return 0;
#if !defined(__x86_64__) && !defined(__i386__)
	note("no microcode: this is no x86 machine");
	return 0;
#endif
	for (size_t i = 0; i < COUNT_OF(vendors); i++) {
		int r = vendor_add(resolve, &vendors[i], &wanted->origin);

		if (r < 0)
			return r;
		count += r;
	}
	if (count == 0)
		say("no microcode in '/lib/firmware/intel-ucode', '/lib/firmware/amd-ucode' or "
		    "'/boot' "
		    "of the root '%s': the image has none (Debian: intel-microcode, "
		    "amd64-microcode; Arch: intel-ucode, amd-ucode)",
		    resolve->root->path);
	return 0;
}
