/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_slots.c - the two slots of a boot file system (see disk_slots.h)
 *
 * In:    a volume; kernel, initrd, command line
 * Out:   slots and what boot loaders read of them
 * Not:   partitions, the boot loaders' own code (disk_make.c, disk_grub.c)
 * Facts: GRUB's manual, section 6 (its language), "menuentry", "source"; the kernel takes
 *        "name=a b" in double quotes around the whole as well as around the value: lib/cmdline.c
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "disk_slots.h"
#include "fail.h"
#include "../init/lib/number.h"

#define LOADER_CONF "loader/loader.conf"
#define BEFORE_LETTER "\ndefault mkinitrd-"
#define AFTER_LETTER ".conf\n"

/* the files of a slot in the order in which they are written: what makes it bootable comes last.
 * '?' stands for its letter */
static const char *const slot_files[] = {
	"?/vmlinuz",
	"?/initrd.img",
	"?/root.squashfs",
	"?/boot.cfg",
	"loader/entries/mkinitrd-?.conf",
};
enum { SLOT_KERNEL, SLOT_INITRD, SLOT_SQUASHFS, SLOT_GRUB, SLOT_SYSTEMD };

static const char *const directories[] = { "EFI", "EFI/BOOT", "grub", "loader", "loader/entries",
					   "a",   "b" };

void slot_payload_free(struct slot_payload *payload)
{
	if (payload->kernel.fd >= 0)
		(void)close(payload->kernel.fd);
	if (payload->initrd.fd >= 0)
		(void)close(payload->initrd.fd);
	if (payload->squashfs.fd >= 0)
		(void)close(payload->squashfs.fd);
	free(payload->title);
	strings_free(&payload->cmdline);
	*payload = SLOT_PAYLOAD_NONE;
}

static uint64_t in_clusters(uint64_t bytes, uint64_t cluster)
{
	return (bytes + cluster - 1) / cluster * cluster;
}

uint64_t slot_payload_bytes(const struct slot_payload *payload, uint64_t cluster)
{
	/* two small texts, and a cluster each that the two directories may grow by */
	return in_clusters(payload->kernel.size, cluster) +
	       in_clusters(payload->initrd.size, cluster) +
	       in_clusters(payload->squashfs.size, cluster) +
	       2 * in_clusters(SLOT_TEXT_MOST / 8, cluster) + 2 * cluster;
}

static void slot_path(const char *file, char letter, char ret_path[64])
{
	(void)snprintf(ret_path, 64, "%s", file);
	*strchr(ret_path, '?') = letter;
}

static int write_text(const struct volume *volume, const char *path, const struct text *text)
{
	if (text->failed)
		return -ENOMEM;
	return volume_write(
		volume, path,
		&(struct content){ .fd = -1, .bytes = text_string(text), .size = text->length });
}

/* ---- what boot loaders read ---- */

/* one word of GRUB's language. It puts double quotes around what has blanks itself, and a backslash
 * before one that is there, which the kernel does not know: they are left out here */
static void add_grub_word(struct text *text, const char *word)
{
	text_add(text, " '");
	for (; *word; word++) {
		if (*word == '\'')
			text_add(text, "'\\''");
		else if (*word != '"')
			text_add_char(text, *word);
	}
	text_add_char(text, '\'');
}

static void make_grub_entry(const struct slot_payload *payload, char letter, struct text *text)
{
	text_add(text, "menuentry");
	add_grub_word(text, payload->title);
	text_format(text, " --id %c {\n\tlinux /%c/vmlinuz", letter, letter);
	for (size_t i = 0; i < payload->cmdline.count; i++)
		add_grub_word(text, payload->cmdline.items[i]);
	if (payload->squashfs.fd >= 0)
		text_format(text, " root=%s mkinitrd.image=/%c/root.squashfs", payload->root,
			    letter);
	text_format(text, "\n\tinitrd /%c/initrd.img\n}\n", letter);
}

static void make_systemd_entry(const struct slot_payload *payload, char letter, struct text *text)
{
	text_format(text, "title %s (%c)\nlinux /%c/vmlinuz\ninitrd /%c/initrd.img\noptions",
		    payload->title, letter, letter, letter);
	for (size_t i = 0; i < payload->cmdline.count; i++)
		text_format(text, " %s", payload->cmdline.items[i]);
	if (payload->squashfs.fd >= 0)
		text_format(text, " root=%s mkinitrd.image=/%c/root.squashfs", payload->root,
			    letter);
	text_add_char(text, '\n');
}

/* a serial line that the kernel is to use is GRUB's, too */
static void add_serial(const struct slot_payload *payload, struct text *text)
{
	for (size_t i = 0; i < payload->cmdline.count; i++) {
		const char *port = text_after(payload->cmdline.items[i], "console=ttyS");
		uint64_t speed = 0;
		char digits[16];

		if (!port || !isdigit((unsigned char)port[0]) || (port[1] && port[1] != ','))
			continue;
		if (port[1])
			(void)snprintf(digits, sizeof(digits), "%.*s",
				       (int)strspn(port + 2, "0123456789"), port + 2);
		if (!port[1] || number_parse(digits, &speed) < 0)
			speed = 9600; /* Documentation/admin-guide/serial-console.rst */
		text_format(text,
			    "if serial --unit=%c --speed=%llu; then\n"
			    "\tterminal_input --append serial\n"
			    "\tterminal_output --append serial\n"
			    "fi\n",
			    port[0], (unsigned long long)speed);
		return;
	}
}

static void make_grub_config(const struct slot_payload *payload, struct text *text)
{
	add_serial(payload, text);
	text_add(text, "set slot=a\n"
		       "set other=b\n"
		       "set timeout=3\n"
		       "# the words of loader.conf\n"
		       "function default {\n"
		       "\tif [ \"$1\" = mkinitrd-b.conf ]; then\n"
		       "\t\tset slot=b\n"
		       "\t\tset other=a\n"
		       "\tfi\n"
		       "}\n"
		       "function timeout {\n"
		       "\tset timeout=\"$1\"\n"
		       "}\n"
		       "source /" LOADER_CONF "\n"
		       "for letter in $slot $other; do\n"
		       "\tif [ -f /$letter/boot.cfg ]; then\n"
		       "\t\tsource /$letter/boot.cfg\n"
		       "\tfi\n"
		       "done\n"
		       "set default=0\n"
		       "set fallback=1\n");
}

static void make_loader_config(char letter, struct text *text)
{
	text_format(text,
		    "# by mkinitrd: the letter says which slot boots, for GRUB as well\n"
		    "timeout 3" BEFORE_LETTER "%c" AFTER_LETTER,
		    letter);
}

/* ---- slots ---- */

/* where in loader.conf the letter stands */
static int find_letter(const struct volume *volume, char *ret_letter, uint64_t *ret_offset)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const char *found;
	int r = volume_read(volume, LOADER_CONF, SLOT_TEXT_MOST, &text);

	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r;
	found = strstr(text_string(&text), BEFORE_LETTER);
	if (!found)
		return -EUCLEAN;
	found += strlen(BEFORE_LETTER);
	if ((*found != 'a' && *found != 'b') || !text_after(found + 1, AFTER_LETTER))
		return -EUCLEAN;
	*ret_letter = *found;
	*ret_offset = (uint64_t)(found - text_string(&text));
	return 0;
}

int slots_current(const struct volume *volume, char *ret_letter)
{
	uint64_t offset;

	return find_letter(volume, ret_letter, &offset);
}

static int fill_slot(const struct volume *volume, const struct slot_payload *payload, char letter)
{
	CLEANUP(text_free) struct text grub = TEXT_EMPTY;
	CLEANUP(text_free) struct text systemd = TEXT_EMPTY;
	char path[64];
	int r;

	make_grub_entry(payload, letter, &grub);
	make_systemd_entry(payload, letter, &systemd);
	slot_path(slot_files[SLOT_KERNEL], letter, path);
	r = volume_write(volume, path, &payload->kernel);
	slot_path(slot_files[SLOT_INITRD], letter, path);
	if (r == 0)
		r = volume_write(volume, path, &payload->initrd);
	slot_path(slot_files[SLOT_SQUASHFS], letter, path);
	if (r == 0 && payload->squashfs.fd >= 0)
		r = volume_write(volume, path, &payload->squashfs);
	if (r == 0)
		r = volume_sync(volume);
	slot_path(slot_files[SLOT_GRUB], letter, path);
	if (r == 0)
		r = write_text(volume, path, &grub);
	slot_path(slot_files[SLOT_SYSTEMD], letter, path);
	if (r == 0)
		r = write_text(volume, path, &systemd);
	return r < 0 ? r : volume_sync(volume);
}

/* what makes it bootable goes first */
static int empty_slot(const struct volume *volume, char letter)
{
	int r = 0;

	for (size_t left = COUNT_OF(slot_files); r == 0 && left > 0; left--) {
		char path[64];

		slot_path(slot_files[left - 1], letter, path);
		r = volume_remove(volume, path);
		if (r == 0 && left - 1 == SLOT_GRUB)
			r = volume_sync(volume);
	}
	return r < 0 ? r : volume_sync(volume);
}

static int write_shared(const struct volume *volume, const struct content *efi_loader,
			const struct slot_payload *payload)
{
	CLEANUP(text_free) struct text grub = TEXT_EMPTY;
	CLEANUP(text_free) struct text loader = TEXT_EMPTY;
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(directories); i++)
		r = volume_make_directory(volume, directories[i]);
	if (r == 0)
		r = volume_write(volume, "EFI/BOOT/BOOTX64.EFI", efi_loader);
	make_grub_config(payload, &grub);
	if (r == 0)
		r = write_text(volume, "grub/grub.cfg", &grub);
	make_loader_config('a', &loader);
	return r < 0 ? r : write_text(volume, LOADER_CONF, &loader);
}

int slots_make(const struct volume *volume, const struct content *efi_loader,
	       const struct slot_payload *payload, const char *label)
{
	int r = write_shared(volume, efi_loader, payload);

	if (r == 0)
		r = fill_slot(volume, payload, 'a');
	return r < 0 ? fail(r, "cannot fill the boot partition of '%s'", label) : 0;
}

int slots_add_bundle(const struct volume *volume, const struct bundle_payload *payload,
		     const char *label)
{
	CLEANUP(text_free) struct text signature = TEXT_EMPTY;
	int r = 0;

	if (payload->bundle.fd < 0)
		return 0;
	for (const char *at = payload->path; r == 0 && (at = strchr(at, '/')); at++) {
		CLEANUP(memory_free)
		char *folder = strndup(payload->path, (size_t)(at - payload->path));

		r = folder ? volume_make_directory(volume, folder) : -ENOMEM;
	}
	if (r == 0)
		r = volume_write(volume, payload->path, &payload->bundle);
	text_format(&signature, "%s.sig", payload->path);
	if (r == 0 && payload->signature.fd >= 0)
		r = volume_write(volume, text_string(&signature), &payload->signature);
	return r < 0 ? fail(r, "cannot write '%s' on the boot partition of '%s'", payload->path,
			    label)
		     : 0;
}

/* what the slot's files take now */
static int slot_bytes(const struct volume *volume, char letter, uint64_t cluster,
		      uint64_t *ret_bytes)
{
	*ret_bytes = 0;
	for (size_t i = 0; i < COUNT_OF(slot_files); i++) {
		uint64_t size = 0;
		char path[64];
		int r;

		slot_path(slot_files[i], letter, path);
		r = volume_size(volume, path, &size);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR)
			return r;
		*ret_bytes += in_clusters(size, cluster);
	}
	return 0;
}

static int check_room(const struct volume *volume, const struct slot_payload *payload, char letter,
		      const char *label)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	uint64_t free_bytes = 0, cluster = 1, old = 0, needed;
	int r = volume_free_bytes(volume, &free_bytes, &cluster);

	if (r == 0)
		r = slot_bytes(volume, letter, cluster, &old);
	if (r < 0)
		return fail(r, "cannot look at slot %c of '%s'", letter, label);
	needed = slot_payload_bytes(payload, cluster);
	if (needed <= free_bytes + old)
		return 0;
	text_format(&words, "slot %c of '%s' needs ", letter, label);
	size_format(&words, needed);
	text_add(&words, ", and there are ");
	size_format(&words, free_bytes + old);
	return fail(0,
		    "%s; nothing was changed; make the disk anew with a larger output.disk.boot "
		    "(--keep-data keeps DOCKER)",
		    text_string(&words));
}

int slots_update(const struct volume *volume, const struct slot_payload *payload, const char *label,
		 char *ret_letter)
{
	uint64_t offset;
	char letter, other;
	int r = find_letter(volume, &letter, &offset);

	if (r < 0)
		return fail(r, "cannot read '" LOADER_CONF "' of '%s'", label);
	other = letter == 'a' ? 'b' : 'a';
	r = check_room(volume, payload, other, label);
	if (r < 0)
		return r;
	r = empty_slot(volume, other);
	for (size_t i = 0; r == 0 && i < COUNT_OF(directories); i++)
		r = volume_make_directory(volume, directories[i]);
	if (r == 0)
		r = fill_slot(volume, payload, other);
	if (r < 0)
		return fail(r, "cannot fill slot %c of '%s'; slot %c is untouched and boots", other,
			    label, letter);
	r = volume_patch(volume, LOADER_CONF, offset, &other, 1);
	if (r < 0)
		return fail(r, "cannot switch '%s' to slot %c; slot %c is untouched", label, other,
			    letter);
	*ret_letter = other;
	return 0;
}
