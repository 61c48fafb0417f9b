/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf.c - ELF files: what the loader reads of a program, and a module's .modinfo; every name that
 *         comes out is one
 */
#include <errno.h>

#include "fuzz.h"
#include "mkinitrd/elf_object.h"
#include "mkinitrd/module_info.h"

static void check_object(int fd)
{
	CLEANUP(elf_object_cleanup) struct elf_object *object = NULL;
	CLEANUP(text_free) struct text machine = TEXT_EMPTY;
	const char *why = NULL;
	int r = elf_object_read(fd, "/fuzz", &object, &why);

	if (r < 0) {
		REQUIRE(!object && (r != -ENOEXEC || (why && *why)));
		return;
	}
	REQUIRE(!object->interpreter || object->interpreter[0] == '/');
	REQUIRE(!object->soname || *object->soname);
	for (size_t i = 0; i < object->needed.count; i++)
		REQUIRE(*object->needed.items[i]);
	for (size_t i = 0; i < object->note_count; i++) {
		REQUIRE(object->notes[i].feature && object->notes[i].sonames.count > 0);
		for (size_t j = 0; j < object->notes[i].sonames.count; j++)
			REQUIRE(*object->notes[i].sonames.items[j]);
	}
	for (size_t i = 0; i < object->system_folders.count; i++)
		REQUIRE(object->soname && object->system_folders.items[i][0] == '/');
	elf_machine_name(&machine, object->machine);
	REQUIRE(machine.length > 0);
	(void)elf_machine_find(object->machine, object->bits);
	(void)elf_machine_fits(object->machine);
}

static void check_info(int fd)
{
	CLEANUP(strings_free) struct strings lines = STRINGS_EMPTY;

	REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	if (module_info_read(fd, false, &lines) < 0)
		return;
	for (size_t i = 0; i < lines.count; i++) {
		REQUIRE(*lines.items[i]);
		(void)module_info_value(lines.items[i], "depends");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);

	check_object(fd);
	check_info(fd);
	return 0;
}
