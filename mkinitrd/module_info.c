/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_info.c - read the .modinfo section and the symbols of a module (see module_info.h)
 *
 * In:    an open .ko file, compressed or not
 * Out:   its strings: firmware=, alias=, softdep=, depends=, ...; names of symbols
 * Not:   what they mean (resolve_module.c, firmware.c, module_depend.c)
 * Facts: the section is a run of NUL-ended "key=value" strings, padded with NULs: the kernel's
 *        include/linux/moduleparam.h, __MODULE_INFO(). Exported symbols: with CONFIG_MODVERSIONS
 *        there is a symbol __crc_NAME for each, else __ksymtab_strings holds the names; that is
 *        also where depmod looks, in this order (kmod's libkmod/libkmod-elf.c,
 *        kmod_elf_get_symbols()).
 */
#include <errno.h>
#include <string.h>
#include <gelf.h>
#include <libelf.h>

#include "module_info.h"
#include "decompress.h"

#define CRC_PREFIX "__crc_"

static void elf_release(Elf **elf)
{
	if (*elf)
		(void)elf_end(*elf);
	*elf = NULL;
}

void module_facts_free(struct module_facts *facts)
{
	strings_free(&facts->info);
	strings_free(&facts->exports);
	strings_free(&facts->needs);
}

const char *module_info_value(const char *line, const char *key)
{
	const char *rest = text_after(line, key);

	return rest && *rest == '=' ? rest + 1 : NULL;
}

/* NUL-ended strings of a section, without the empty ones */
static int section_split(Elf_Scn *section, struct strings *lines)
{
	const Elf_Data *data = elf_rawdata(section, NULL);
	const char *bytes = data ? data->d_buf : NULL;
	size_t position = 0;

	if (!data)
		return -ENOEXEC;
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

/* the name of a symbol, or NULL when it has none; @table ends in a NUL */
static const char *symbol_name(const Elf_Data *table, size_t offset)
{
	const char *name;

	if (offset >= table->d_size)
		return NULL;
	name = (const char *)table->d_buf + offset;
	return *name ? name : NULL;
}

static int symbols_read(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			struct module_facts *facts)
{
	Elf_Scn *names = elf_getscn(elf, header->sh_link);
	const Elf_Data *table = names ? elf_rawdata(names, NULL) : NULL;
	Elf_Data *symbols = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	if (!symbols || !table || !table->d_buf || table->d_size == 0 || count > INT32_MAX ||
	    ((const char *)table->d_buf)[table->d_size - 1] != '\0')
		return -ENOEXEC;
	for (size_t i = 1; i < count; i++) {
		const char *name, *exported;
		GElf_Sym symbol;
		int r = 0;

		if (!gelf_getsym(symbols, (int)i, &symbol))
			return -ENOEXEC;
		name = symbol_name(table, symbol.st_name);
		if (!name)
			continue;
		exported = text_after(name, CRC_PREFIX);
		if (symbol.st_shndx == SHN_UNDEF)
			r = strings_add(&facts->needs, name);
		else if (exported)
			r = strings_add(&facts->exports, exported);
		if (r < 0)
			return r;
	}
	return 0;
}

static int facts_from_elf(Elf *elf, bool with_symbols, struct module_facts *facts)
{
	Elf_Scn *exported = NULL;
	Elf_Scn *section = NULL;
	bool has_info = false;
	size_t names;

	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
		return -ENOEXEC;
	while ((section = elf_nextscn(elf, section)) != NULL) {
		const char *name;
		GElf_Shdr header;
		int r = 0;

		if (!gelf_getshdr(section, &header))
			return -ENOEXEC;
		name = elf_strptr(elf, names, header.sh_name);
		if (!name)
			continue;
		if (!has_info && text_equal(name, ".modinfo")) {
			has_info = true;
			r = section_split(section, &facts->info);
		} else if (with_symbols && header.sh_type == SHT_SYMTAB) {
			r = symbols_read(elf, section, &header, facts);
		} else if (with_symbols && text_equal(name, "__ksymtab_strings")) {
			exported = section;
		}
		if (r < 0 || (has_info && !with_symbols))
			return r;
	}
	if (exported && facts->exports.count == 0) {
		int r = section_split(exported, &facts->exports);

		/* the name of a namespace follows each symbol in it; depmod's tables have it once
		 */
		strings_sort(&facts->exports, true);
		return r;
	}
	return 0;
}

static int facts_read(int fd, bool is_compressed, bool with_symbols, struct module_facts *facts)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(elf_release) Elf *elf = NULL;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	if (!is_compressed) {
		elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
		return facts_from_elf(elf, with_symbols, facts);
	}
	r = decompress_fd(fd, DECOMPRESS_LIMIT, &content);
	if (r < 0)
		return r;
	if (content.length == 0)
		return -ENOEXEC;
	elf = elf_memory(content.data, content.length);
	return facts_from_elf(elf, with_symbols, facts);
}

int module_info_read(int fd, bool is_compressed, struct strings *ret_lines)
{
	CLEANUP(module_facts_free) struct module_facts facts = { 0 };
	int r = facts_read(fd, is_compressed, false, &facts);

	if (r < 0)
		return r;
	*ret_lines = facts.info;
	facts.info = STRINGS_EMPTY;
	return 0;
}

int module_facts_read(int fd, bool is_compressed, struct module_facts *ret_facts)
{
	CLEANUP(module_facts_free) struct module_facts facts = { 0 };
	int r = facts_read(fd, is_compressed, true, &facts);

	if (r < 0)
		return r;
	*ret_facts = facts;
	facts = (struct module_facts){ 0 };
	return 0;
}
