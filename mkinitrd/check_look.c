/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_look.c - the image read once: its form, and what of its files the checks want to know
 *
 * In:    an image
 * Out:   the tree, with facts of programs, modules, scripts; findings of names and segments
 * Not:   what the facts mean (the other check_*.c)
 * Facts: kernel init/initramfs.c, unpack_to_rootfs(): an archive begins where the offset is a
 *        multiple of 4, entries are made in order and parents are not made; lib/earlycpio.c,
 *        find_cpio_data(): early files are looked for in the uncompressed archives at the start,
 *        by the name as stored
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "decompress.h"
#include "elf_object.h"
#include "fail.h"
#include "../init/lib/file.h"

#define TEXT_MOST ((size_t)256 << 20) /* of a file that is kept */
#define ELF_MOST ((uint64_t)1 << 30)  /* of a program that is looked into */
#define LINE_MOST 256                 /* of "#!": BINPRM_BUF_SIZE */

/* what is done with the content at hand */
enum keeping { KEEP_NOTHING, KEEP_TEXT, KEEP_FILE };

struct look {
	struct check *check;
	/* the current file */
	enum keeping keeping;
	bool is_begun;
	int file; /* in memory, for libraries that want a descriptor; used again and again */
	uint64_t length;
	unsigned char head[LINE_MOST];
	size_t head_length;
	/* segments */
	unsigned segment; /* of the last entry */
	bool has_entry, has_other, has_compressed;
	uint64_t offset;  /* of the compressed part */
	struct text part; /* "segment 2" */
};

static struct check_facts *facts_of(struct look *look, struct tree_node *node)
{
	if (!node->facts)
		node->facts = calloc(1, sizeof(struct check_facts));
	if (!node->facts)
		look->check->is_short_of_memory = true;
	return node->facts;
}

/* ---- names and segments ---- */

static bool is_early(const char *path)
{
	return text_after(path, "kernel/x86/microcode/") ||
	       text_after(path, "kernel/firmware/acpi/");
}

static void look_at_segment(struct look *look, const struct image_entry *entry)
{
	struct check *check = look->check;
	bool is_compressed = entry->compression != COMPRESS_NONE;

	text_clear(&look->part);
	text_format(&look->part, "segment %u", entry->segment + 1);
	check->compressions |= UINT64_C(1) << entry->compression;
	if (!is_compressed && entry->offset % 4)
		check_find(check, CHECK_SEGMENT_UNALIGNED, text_string(&look->part),
			   "begins at byte %llu of the image, no multiple of 4; the kernel stops "
			   "there; "
			   "pad the segment before it with zeros",
			   (unsigned long long)entry->offset);
	if (is_compressed && look->has_compressed && entry->offset != look->offset)
		check_find(
			check, CHECK_COMPRESSED_TWICE, text_string(&look->part),
			"is in a second compressed part; tools stop after the first; compress all "
			"segments but early ones as one");
	if (!is_compressed && look->has_compressed)
		check_find(
			check, CHECK_COMPRESSED_NOT_LAST, text_string(&look->part),
			"is uncompressed and follows a compressed part, where tools do not look; "
			"put it first");
	if (is_compressed) {
		look->has_compressed = true;
		look->offset = entry->offset;
	}
}

static void look_at_name(struct look *look, const struct image_entry *entry)
{
	const char *name = entry->name;
	struct check *check = look->check;

	if (check_leads_out(entry->path)) {
		check_find(
			check, CHECK_NAME_PARENT, entry->path,
			"is stored with '..' in its path, which the kernel follows; store the path "
			"that is meant");
		return;
	}
	if (is_early(entry->path) && (entry->compression != COMPRESS_NONE || look->has_compressed ||
				      look->has_other || !text_equal(name, entry->path)))
		check_find(
			check, CHECK_EARLY_MISPLACED, entry->path,
			"the kernel does not find it early%s; put it uncompressed into the first "
			"segment, by its bare name",
			entry->compression != COMPRESS_NONE ? ": it is compressed" : "");
	else if (!text_equal(name, entry->path) && !text_equal(entry->path, "."))
		check_find(check, CHECK_NAME_FORM, entry->path,
			   "is stored as '%s'; tools that compare names do not find it", name);
}

static void look_at_parent(struct look *look, const struct image_entry *entry)
{
	const char *slash = strrchr(entry->path, '/');
	CLEANUP(text_free) struct text parent = TEXT_EMPTY;
	struct tree_node *node = NULL;

	if (!slash)
		return;
	text_add_bytes(&parent, entry->path, (size_t)(slash - entry->path));
	if (image_tree_resolve(&look->check->tree, text_string(&parent), true, NULL, &node) == 1 &&
	    (!node || S_ISDIR(node->mode)))
		return;
	check_find(
		look->check, CHECK_PARENT_MISSING, entry->path,
		"the directory '%s' is not defined before it, and the kernel makes none: the entry "
		"is lost; store the directory first",
		text_string(&parent));
}

static bool is_redefined(const struct image_entry *entry, const struct tree_node *node)
{
	/* what is at the top is in the SquashFS and in the archive */
	if (node->is_in_squashfs && !entry->is_in_squashfs && entry->mode == node->mode &&
	    (!entry->target || text_equal(entry->target, node->target)))
		return !S_ISDIR(entry->mode) && !S_ISLNK(entry->mode);
	/* directories join: the kernel sets mode and owner anew */
	return !S_ISDIR(entry->mode) || entry->mode != node->mode || entry->uid != node->uid ||
	       entry->gid != node->gid;
}

static int look_at_entry(void *context, const struct image_entry *entry,
			 const struct tree_node *node)
{
	struct look *look = context;

	if (!look->has_entry || entry->segment != look->segment)
		look_at_segment(look, entry);
	look->has_entry = true;
	look->segment = entry->segment;
	look_at_name(look, entry);
	look_at_parent(look, entry);
	if (!S_ISDIR(entry->mode) && !is_early(entry->path) &&
	    !text_equal(entry->path, "early_cpio"))
		look->has_other = true;
	if (node && is_redefined(entry, node) && !text_equal(entry->path, "."))
		check_find(look->check, CHECK_PATH_TWICE, entry->path,
			   "is defined in segment %u and again in segment %u, which wins; drop one",
			   node->segment + 1, entry->segment + 1);
	look->is_begun = false;
	return 0;
}

/* ---- content ---- */

/* files that are read as a whole */
static bool is_kept(const char *path)
{
	static const char *const paths[] = {
		MANIFEST_PATH, &BOOTPLAN_PATH[1], "etc/passwd", "etc/group", "etc/ld.so.cache",
	};
	static const char *const names[] = { "modules.dep", "modules.builtin",
					     "ca-certificates.crt", "ca-bundle.crt",
					     "tls-ca-bundle.pem" };

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (text_equal(path, paths[i]))
			return true;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (text_equal(base_name(path), names[i]))
			return true;
	return text_after(path, "etc/ld-musl-") != NULL;
}

static bool is_module(const char *path, bool *ret_is_compressed)
{
	const char *suffix = compressed_suffix(path);
	size_t length = suffix ? (size_t)(suffix - path) : strlen(path);

	*ret_is_compressed = suffix != NULL;
	return length > 3 && memcmp(path + length - 3, ".ko", 3) == 0 &&
	       strstr(path, "lib/modules/");
}

static bool has_head(const struct look *look, const char *magic, size_t length)
{
	return look->head_length >= length && memcmp(look->head, magic, length) == 0;
}

static int keep(struct look *look, struct tree_node *node, const unsigned char *bytes, size_t size)
{
	struct check_facts *facts;
	ssize_t count;

	look->length += size;
	if (look->keeping == KEEP_TEXT) {
		facts = facts_of(look, node);
		if (!facts || facts->text.length + size > TEXT_MOST)
			return fail(facts ? -EFBIG : -ENOMEM, "cannot read '%s'", node->path);
		text_add_bytes(&facts->text, bytes, size);
	}
	while (look->keeping == KEEP_FILE && size) {
		count = pwrite(look->file, bytes, size, (off_t)(look->length - size));
		if (count < 0 && errno != EINTR)
			return fail(-errno, "cannot look into '%s'", node->path);
		bytes += count > 0 ? count : 0;
		size -= count > 0 ? (size_t)count : 0;
	}
	return 0;
}

/* from here on the file is kept, and what went by of it, too: pieces may be of any size */
static int keep_file(struct look *look, const struct tree_node *node)
{
	look->keeping = KEEP_FILE;
	if (look->length &&
	    pwrite(look->file, look->head, (size_t)look->length, 0) != (ssize_t)look->length)
		return fail(-EIO, "cannot look into '%s'", node->path);
	return 0;
}

static void begin(struct look *look, const struct tree_node *node)
{
	look->is_begun = true;
	look->length = 0;
	look->head_length = 0;
	look->keeping = is_kept(node->path) ? KEEP_TEXT : KEEP_NOTHING;
}

static bool is_private_key(const struct look *look, const struct tree_node *node)
{
	const char *name = base_name(node->path);
	CLEANUP(memory_free) char *head = NULL;

	if (text_equal(node->path, "etc/shadow") || text_equal(node->path, "etc/gshadow"))
		return true;
	if (text_ends_with(name, ".key") ||
	    (text_after(name, "ssh_host_") && text_ends_with(name, "_key")))
		return true;
	if (!has_head(look, "-----BEGIN ", 11))
		return false;
	head = strndup((const char *)look->head, look->head_length);
	if (!head)
		return false;
	head[strcspn(head, "\n")] = '\0';
	return strstr(head, "PRIVATE KEY-----") != NULL;
}

static int end_script(struct look *look, struct tree_node *node)
{
	struct check_facts *facts = facts_of(look, node);
	const unsigned char *newline = memchr(look->head, '\n', look->head_length);
	size_t length = newline ? (size_t)(newline - look->head) : look->head_length;

	if (!facts)
		return -ENOMEM;
	facts->script = strndup((const char *)look->head + 2, length - 2);
	return facts->script ? 0 : -ENOMEM;
}

/* the file in memory is complete: what does it say? */
static int end_file(struct look *look, struct tree_node *node)
{
	struct check_facts *facts = facts_of(look, node);
	bool is_compressed, is_ko = is_module(node->path, &is_compressed);
	const char *why = "it cannot be read";
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	text_format(&path, "/%s", node->path);
	if (!facts || path.failed)
		return -ENOMEM;
	if (ftruncate(look->file, (off_t)look->length) < 0 || lseek(look->file, 0, SEEK_SET) < 0)
		return fail(-errno, "cannot look into '%s'", node->path);
	if (is_ko)
		r = module_fact_read(look->file, is_compressed, node->path, &facts->module);
	else
		r = elf_object_read(look->file, text_string(&path), &facts->elf, &why);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		facts->broken = is_ko ? "it is not what a kernel module is" : why;
	return 0;
}

static int end_content(struct look *look, struct tree_node *node)
{
	int r = 0;

	if (look->keeping == KEEP_FILE)
		r = end_file(look, node);
	else if (has_head(look, "#!", 2))
		r = end_script(look, node);
	if (r == 0 && look->length && is_private_key(look, node)) {
		struct check_facts *facts = facts_of(look, node);

		if (facts)
			facts->is_key = true;
	}
	return r;
}

static int look_at_content(void *context, struct tree_node *node, const unsigned char *bytes,
			   size_t size)
{
	struct look *look = context;
	size_t take = size < LINE_MOST ? size : LINE_MOST;
	bool is_compressed;
	int r = 0;

	if (!look->is_begun)
		begin(look, node);
	if (size == 0)
		return end_content(look, node);
	if (look->head_length < LINE_MOST) {
		if (take > LINE_MOST - look->head_length)
			take = LINE_MOST - look->head_length;
		memcpy(look->head + look->head_length, bytes, take);
		look->head_length += take;
	}
	if (look->length < SELFMAG && look->keeping == KEEP_NOTHING && node->size <= ELF_MOST &&
	    (is_module(node->path, &is_compressed) || has_head(look, ELFMAG, SELFMAG)))
		r = keep_file(look, node);
	return r < 0 ? r : keep(look, node, bytes, size);
}

int check_look(struct check *check)
{
	struct look look = { .check = check, .file = memfd_create("check", MFD_CLOEXEC) };
	int r;

	if (look.file < 0)
		return fail(-errno, "cannot check '%s'", check->image);
	r = image_tree_read(&check->tree, check->image,
			    &(struct tree_look){ &look, look_at_entry, look_at_content });
	fd_close(&look.file);
	text_free(&look.part);
	if (r == -ENOMEM || check->is_short_of_memory)
		return fail(-ENOMEM, "cannot check '%s'", check->image);
	return r;
}
