/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_object.c - read what the dynamic loader reads from one ELF file (see elf_object.h)
 *
 * In:    an open file, untrusted
 * Out:   interpreter, needed libraries, search paths, dlopen notes
 * Not:   where libraries lie (elf_search.c)
 * Facts: System V gABI, chapter 5 (program header, dynamic section). Only program headers count, as
 *        for the loader: sections may be stripped. Read, not mapped: a mapped file that shrinks
 *        meanwhile would kill us with SIGBUS.
 */
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "elf_object.h"

#define NOTE_OWNER "FDO" /* systemd.io/ELF_DLOPEN_METADATA */
#define NOTE_TYPE 0x407c0c0aU
#define HEADERS_MOST 4096 /* of a program; the largest seen has 14 */

struct reader {
	struct elf_object *object;
	Elf *elf;
	uint64_t size; /* of the file */
	size_t header_count;
	const char *why;
};

static void elf_close(Elf **elf)
{
	(void)elf_end(*elf);
	*elf = NULL;
}

static int broken(struct reader *reader, const char *why)
{
	reader->why = why;
	return -ENOEXEC;
}

void elf_object_free(struct elf_object *object)
{
	if (!object)
		return;
	for (size_t i = 0; i < object->note_count; i++) {
		free(object->notes[i].feature);
		strings_free(&object->notes[i].sonames);
	}
	free(object->notes);
	strings_free(&object->needed);
	strings_free(&object->filters);
	strings_free(&object->auxiliaries);
	strings_free(&object->system_folders);
	free(object->interpreter);
	free(object->soname);
	free(object->rpath);
	free(object->runpath);
	free(object->path);
	free(object);
}

static bool is_inside(const struct reader *reader, uint64_t offset, uint64_t size)
{
	return offset <= reader->size && size <= reader->size - offset;
}

/* @size bytes at @offset as @type; NULL when they are not all there */
static Elf_Data *chunk(struct reader *reader, uint64_t offset, uint64_t size, Elf_Type type)
{
	if (size == 0 || !is_inside(reader, offset, size) || offset > INT64_MAX)
		return NULL;
	return elf_getdata_rawchunk(reader->elf, (int64_t)offset, size, type);
}

/* the string at @offset of @table, which must end inside it; NULL: it does not, or is empty */
static const char *string_at(const Elf_Data *table, uint64_t offset)
{
	const char *start = table->d_buf;

	if (offset >= table->d_size || start[offset] == '\0' ||
	    !memchr(start + offset, '\0', table->d_size - offset))
		return NULL;
	return start + offset;
}

static int read_interpreter(struct reader *reader, const GElf_Phdr *header)
{
	const Elf_Data *data = chunk(reader, header->p_offset, header->p_filesz, ELF_T_BYTE);
	const char *string = data ? string_at(data, 0) : NULL;

	if (!string || string[0] != '/')
		return broken(reader, "its interpreter is not a path");
	free(reader->object->interpreter);
	reader->object->interpreter = strdup(string);
	return reader->object->interpreter ? 0 : -ENOMEM;
}

/* where the address @address lies in the file */
static int file_offset(struct reader *reader, uint64_t address, uint64_t *ret_offset)
{
	for (size_t i = 0; i < reader->header_count; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(reader->elf, (int)i, &header) || header.p_type != PT_LOAD)
			continue;
		if (address >= header.p_vaddr && address - header.p_vaddr < header.p_filesz) {
			*ret_offset = header.p_offset + (address - header.p_vaddr);
			return 0;
		}
	}
	return broken(reader, "its dynamic strings lie outside of it");
}

static int dynamic_strings(struct reader *reader, Elf_Data *dynamic, size_t count,
			   Elf_Data **ret_table)
{
	uint64_t address = 0, size = 0, offset = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		GElf_Dyn dyn;

		if (!gelf_getdyn(dynamic, (int)i, &dyn) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_STRTAB)
			address = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRSZ)
			size = dyn.d_un.d_val;
	}
	*ret_table = NULL;
	if (size == 0)
		return 0;
	r = file_offset(reader, address, &offset);
	if (r < 0)
		return r;
	*ret_table = chunk(reader, offset, size, ELF_T_BYTE);
	return *ret_table ? 0 : broken(reader, "its dynamic strings lie outside of it");
}

static int replace_string(char **string, const char *with)
{
	free(*string);
	*string = strdup(with);
	return *string ? 0 : -ENOMEM;
}

static int take_dynamic(struct reader *reader, const GElf_Dyn *dyn, const Elf_Data *table)
{
	struct elf_object *object = reader->object;
	const struct {
		int64_t tag;
		struct strings *list; /* one of many, or */
		char **only;          /* the one and only */
	} rows[] = {
		{ DT_NEEDED, &object->needed, NULL },
		{ DT_FILTER, &object->filters, NULL },
		{ DT_AUXILIARY, &object->auxiliaries, NULL },
		{ DT_SONAME, NULL, &object->soname },
		{ DT_RPATH, NULL, &object->rpath },
		{ DT_RUNPATH, NULL, &object->runpath },
	};
	const char *string;
	size_t i = 0;

	if (dyn->d_tag == DT_FLAGS_1 && dyn->d_un.d_val & DF_1_NODEFLIB)
		object->has_no_default = true;
	while (i < COUNT_OF(rows) && rows[i].tag != dyn->d_tag)
		i++;
	if (i == COUNT_OF(rows))
		return 0;
	string = table ? string_at(table, dyn->d_un.d_val) : NULL;
	if (!string) {
		/* an empty search path is harmless; a library without name is not */
		if (rows[i].only && table && dyn->d_un.d_val < table->d_size)
			return 0;
		return broken(reader, "a name in its dynamic section lies outside of it");
	}
	return rows[i].list ? strings_add(rows[i].list, string)
			    : replace_string(rows[i].only, string);
}

static int read_dynamic(struct reader *reader, const GElf_Phdr *header)
{
	Elf_Data *dynamic = chunk(reader, header->p_offset, header->p_filesz, ELF_T_DYN);
	size_t entry_size = gelf_fsize(reader->elf, ELF_T_DYN, 1, EV_CURRENT);
	Elf_Data *table = NULL;
	size_t count;
	int r;

	if (!dynamic || entry_size == 0)
		return broken(reader, "its dynamic section lies outside of it");
	count = header->p_filesz / entry_size;
	r = dynamic_strings(reader, dynamic, count, &table);
	for (size_t i = 0; r == 0 && i < count; i++) {
		GElf_Dyn dyn;

		if (!gelf_getdyn(dynamic, (int)i, &dyn))
			return broken(reader, "its dynamic section cannot be read");
		if (dyn.d_tag == DT_NULL)
			break;
		r = take_dynamic(reader, &dyn, table);
	}
	return r;
}

static int read_notes(struct reader *reader, const GElf_Phdr *header)
{
	Elf_Data *data = chunk(reader, header->p_offset, header->p_filesz,
			       header->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t offset = 0, name, description, next;
	GElf_Nhdr note;

	/* notes are no part of what runs: a broken one is not followed, and harms nothing */
	while (data && (next = gelf_getnote(data, offset, &note, &name, &description)) > 0) {
		const char *bytes = data->d_buf;

		offset = next;
		if (note.n_type != NOTE_TYPE || note.n_namesz != sizeof(NOTE_OWNER) ||
		    memcmp(bytes + name, NOTE_OWNER, sizeof(NOTE_OWNER)) != 0)
			continue;
		switch (elf_dlopen_notes(reader->object, bytes + description, note.n_descsz)) {
		case 0:
			break;
		case -ENOMEM:
			return -ENOMEM;
		default:
			return broken(reader, "its dlopen note is not the JSON that it should be");
		}
	}
	return 0;
}

static int read_header(struct reader *reader, size_t i)
{
	GElf_Phdr header;

	if (!gelf_getphdr(reader->elf, (int)i, &header))
		return broken(reader, "its program headers cannot be read");
	if (header.p_filesz == 0)
		return 0;
	if (header.p_type == PT_LOAD && !is_inside(reader, header.p_offset, header.p_filesz))
		return broken(reader, "it is cut off");
	if (header.p_type == PT_INTERP)
		return read_interpreter(reader, &header);
	if (header.p_type == PT_DYNAMIC)
		return read_dynamic(reader, &header);
	return header.p_type == PT_NOTE ? read_notes(reader, &header) : 0;
}

static int read_object(struct reader *reader, int fd)
{
	struct elf_object *object = reader->object;
	struct stat status;
	GElf_Ehdr header;
	int r = 0;

	if (fstat(fd, &status) < 0)
		return -errno;
	reader->size = (uint64_t)status.st_size;
	if (elf_kind(reader->elf) != ELF_K_ELF || !gelf_getehdr(reader->elf, &header))
		return broken(reader, "its ELF header is not one");
	object->bits = header.e_ident[EI_CLASS];
	object->encoding = header.e_ident[EI_DATA];
	object->type = header.e_type;
	object->machine = header.e_machine;
	if (object->type != ET_EXEC && object->type != ET_DYN)
		return 0;
	if (elf_getphdrnum(reader->elf, &reader->header_count) < 0 || reader->header_count == 0)
		return broken(reader, "its program headers cannot be read");
	if (reader->header_count > HEADERS_MOST)
		return broken(reader, "it has too many program headers");
	for (size_t i = 0; r == 0 && i < reader->header_count; i++)
		r = read_header(reader, i);
	return r;
}

int elf_object_read(int fd, const char *path, struct elf_object **ret_object, const char **ret_why)
{
	CLEANUP(elf_object_cleanup) struct elf_object *object = calloc(1, sizeof(*object));
	CLEANUP(elf_close) Elf *elf = NULL;
	struct reader reader = { .object = object };
	int r;

	if (!object || !(object->path = strdup(path)))
		return -ENOMEM;
	(void)elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf) {
		*ret_why = "its ELF header is not one";
		return -ENOEXEC;
	}
	reader.elf = elf;
	r = read_object(&reader, fd);
	if (r == 0)
		r = elf_system_read(fd, object);
	if (r < 0) {
		*ret_why = reader.why;
		return r;
	}
	*ret_object = object;
	object = NULL;
	return 0;
}
