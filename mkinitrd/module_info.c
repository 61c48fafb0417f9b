/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_info.c - read the .modinfo section of a module (see module_info.h)
 *
 * In:    an open .ko file, compressed or not
 * Out:   its strings: firmware=, alias=, softdep=, depends=, ...
 * Not:   what they mean (resolve_module.c, firmware.c)
 * Facts: the section is a run of NUL-ended "key=value" strings, padded with NULs: the kernel's
 *        include/linux/moduleparam.h, __MODULE_INFO()
 */
#include <errno.h>
#include <string.h>
#include <gelf.h>
#include <libelf.h>

#include "module_info.h"
#include "decompress.h"

static void elf_release(Elf **elf)
{
	if (*elf)
		(void)elf_end(*elf);
	*elf = NULL;
}

const char *module_info_value(const char *line, const char *key)
{
	const char *rest = text_after(line, key);

	return rest && *rest == '=' ? rest + 1 : NULL;
}

static int info_split(const Elf_Data *data, struct strings *lines)
{
	const char *bytes = data->d_buf;
	size_t position = 0;

	while (bytes && position < data->d_size) {
		size_t length = strnlen(bytes + position, data->d_size - position);

		if (position + length == data->d_size)
			return -ENOEXEC; /* the last string does not end */
		if (length && strings_add(lines, bytes + position) < 0)
			return -ENOMEM;
		position += length + 1;
	}
	return 0;
}

static int info_from_elf(Elf *elf, struct strings *lines)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
		return -ENOEXEC;
	while ((section = elf_nextscn(elf, section)) != NULL) {
		const Elf_Data *data;
		const char *name;
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			return -ENOEXEC;
		name = elf_strptr(elf, names, header.sh_name);
		if (!name || !text_equal(name, ".modinfo"))
			continue;
		data = elf_rawdata(section, NULL);
		return data ? info_split(data, lines) : -ENOEXEC;
	}
	return 0;
}

int module_info_read(int fd, bool is_compressed, struct strings *ret_lines)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(elf_release) Elf *elf = NULL;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	if (!is_compressed) {
		elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
		return info_from_elf(elf, ret_lines);
	}
	r = decompress_fd(fd, DECOMPRESS_LIMIT, &content);
	if (r < 0)
		return r;
	if (content.length == 0)
		return -ENOEXEC;
	elf = elf_memory(content.data, content.length);
	return info_from_elf(elf, ret_lines);
}
