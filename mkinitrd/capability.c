/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability.c - file capabilities (see capability.h)
 *
 * In:    the extended attribute security.capability
 * Out:   text for the manifest; a warning
 * Facts: linux/capability.h: struct vfs_cap_data (little endian, revisions 1 to 3) and the names;
 *        capabilities(7): one flag says that all of them are effective; newc has no place for them
 */
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/xattr.h>

#include "capability.h"
#include "fail.h"

#define BYTES_MOST 64 /* revision 3 has 24 */
#define CAPABILITIES 64
#define TEXT_MOST 4096

static const char *const names[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};

/* an attribute's value, taken apart */
struct capabilities {
	uint64_t permitted, inheritable;
	bool is_effective, has_owner;
	uint32_t owner; /* the root user of the namespace that they are for */
};

static uint32_t word_at(const void *bytes, size_t index)
{
	uint32_t word;

	memcpy(&word, (const char *)bytes + index * sizeof(word), sizeof(word));
	return le32toh(word);
}

static bool parse(const void *bytes, size_t size, struct capabilities *ret)
{
	static const struct {
		uint32_t revision;
		size_t size, words; /* words: 32 bits each, permitted and inheritable in turn */
	} forms[] = {
		{ VFS_CAP_REVISION_1, XATTR_CAPS_SZ_1, VFS_CAP_U32_1 },
		{ VFS_CAP_REVISION_2, XATTR_CAPS_SZ_2, VFS_CAP_U32_2 },
		{ VFS_CAP_REVISION_3, XATTR_CAPS_SZ_3, VFS_CAP_U32_3 },
	};
	uint32_t magic = size >= sizeof(magic) ? word_at(bytes, 0) : 0;

	*ret = (struct capabilities){ .is_effective = magic & VFS_CAP_FLAGS_EFFECTIVE };
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if ((magic & VFS_CAP_REVISION_MASK) != forms[i].revision || size != forms[i].size)
			continue;
		for (size_t j = 0; j < forms[i].words; j++) {
			ret->permitted |= (uint64_t)word_at(bytes, 1 + 2 * j) << (32 * j);
			ret->inheritable |= (uint64_t)word_at(bytes, 2 + 2 * j) << (32 * j);
		}
		ret->has_owner = forms[i].revision == VFS_CAP_REVISION_3;
		ret->owner = ret->has_owner ? word_at(bytes, size / sizeof(magic) - 1) : 0;
		return true;
	}
	return false;
}

/* "cap_chown,cap_kill=ep": those of @set */
static void add_clause(struct text *text, uint64_t set, const char *flags)
{
	const char *separator = text->length ? " " : "";

	if (set == 0)
		return;
	for (unsigned i = 0; i < CAPABILITIES; i++) {
		if (!(set & UINT64_C(1) << i))
			continue;
		if (i < COUNT_OF(names))
			text_format(text, "%scap_%s", separator, names[i]);
		else
			text_format(text, "%s%u", separator, i);
		separator = ",";
	}
	text_format(text, "=%s", flags);
}

void capability_format(const void *bytes, size_t size, struct text *text)
{
	struct capabilities set;
	CLEANUP(text_free) struct text clauses = TEXT_EMPTY;

	if (!parse(bytes, size, &set)) {
		text_add(text, "0x");
		for (size_t i = 0; i < size; i++)
			text_format(text, "%02x", ((const unsigned char *)bytes)[i]);
		return;
	}
	add_clause(&clauses, set.permitted & ~set.inheritable, set.is_effective ? "ep" : "p");
	add_clause(&clauses, set.permitted & set.inheritable, set.is_effective ? "eip" : "ip");
	add_clause(&clauses, set.inheritable & ~set.permitted, set.is_effective ? "ei" : "i");
	if (clauses.length == 0)
		text_add(&clauses, "=");
	if (set.has_owner)
		text_format(&clauses, " [rootid=%u]", set.owner);
	text_add(text, text_string(&clauses));
	text->failed |= clauses.failed;
}

int capability_read(int fd, struct xattrs *ret_xattrs)
{
	unsigned char bytes[BYTES_MOST];
	ssize_t size = fgetxattr(fd, XATTR_CAPABILITY, bytes, sizeof(bytes));

	if (size < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
	return xattrs_set(ret_xattrs, XATTR_CAPABILITY, bytes, (size_t)size);
}

bool capability_fits(const char *string)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_,= []";

	return *string && strlen(string) < TEXT_MOST && strspn(string, allowed) == strlen(string);
}

void capability_warn(const struct manifest *manifest, const char *where)
{
	const struct entry *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);

		if (!entry->capabilities)
			continue;
		if (count++ == 0)
			first = entry;
		note("'%s' has the capabilities %s, which %s cannot keep", entry->path,
		     entry->capabilities, where);
	}
	if (!first)
		return;
	if (count == 1)
		warn("'%s' has the capabilities %s, which %s cannot keep; only root will have them",
		     first->path, first->capabilities, where);
	else
		warn("%zu files have capabilities, which %s cannot keep, the first '%s' (%s); only "
		     "root will have them (-v lists them)",
		     count, where, first->path, first->capabilities);
}
