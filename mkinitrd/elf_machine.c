/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_machine.c - the machines that ELF files are for
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "elf_object.h"

// clang-format off
static const struct elf_machine machines[] = {
	{ EM_X86_64,    ELFCLASS64, "x86-64",       "x86_64-linux-gnu",      "x86_64" },
	{ EM_X86_64,    ELFCLASS32, "x32",          "x86_64-linux-gnux32",   "x86_64" },
	{ EM_386,       ELFCLASS32, "32-bit x86",   "i386-linux-gnu",        "i686" },
	{ EM_AARCH64,   ELFCLASS64, "AArch64",      "aarch64-linux-gnu",     "aarch64" },
	{ EM_ARM,       ELFCLASS32, "ARM",          "arm-linux-gnueabihf",   "v7l" },
	{ EM_RISCV,     ELFCLASS64, "RISC-V",       "riscv64-linux-gnu",     "riscv64" },
	{ EM_PPC64,     ELFCLASS64, "POWER",        "powerpc64le-linux-gnu", "power8" },
	{ EM_S390,      ELFCLASS64, "S/390",        "s390x-linux-gnu",       "z13" },
	{ EM_LOONGARCH, ELFCLASS64, "LoongArch",    "loongarch64-linux-gnu", "loongarch" },
	{ EM_MIPS,      ELFCLASS64, "MIPS",         "mips64el-linux-gnuabi64", "mips64r2" },
};
// clang-format on

/* what init and the agent of this build are for, and what their kernel runs besides */
static const uint16_t own_machines[] = {
#if defined(__x86_64__)
	EM_X86_64,
	EM_386,
#elif defined(__i386__)
	EM_386,
#elif defined(__aarch64__)
	EM_AARCH64,
	EM_ARM,
#elif defined(__arm__)
	EM_ARM,
#elif defined(__riscv)
	EM_RISCV,
#elif defined(__powerpc64__)
	EM_PPC64,
#elif defined(__s390x__)
	EM_S390,
#elif defined(__loongarch__)
	EM_LOONGARCH,
#elif defined(__mips__)
	EM_MIPS,
#else
	EM_NONE, /* not known here: nothing is refused */
#endif
};

const struct elf_machine *elf_machine_find(uint16_t machine, unsigned char bits)
{
	for (size_t i = 0; i < COUNT_OF(machines); i++)
		if (machines[i].machine == machine && (bits == 0 || machines[i].bits == bits))
			return &machines[i];
	return NULL;
}

void elf_machine_name(struct text *text, uint16_t machine)
{
	const struct elf_machine *row = elf_machine_find(machine, 0);

	if (row)
		text_add(text, row->name);
	else
		text_format(text, "ELF machine %u", machine);
}

int elf_machine_read(int fd, uint16_t *ret_machine)
{
	Elf64_Ehdr header; /* the fields up to e_machine are the same for 32 bits */
	const size_t needed = offsetof(Elf64_Ehdr, e_machine) + sizeof(header.e_machine);

	if (pread(fd, &header, sizeof(header), 0) < (ssize_t)needed ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	*ret_machine = header.e_ident[EI_DATA] == ELFDATA2MSB ? be16toh(header.e_machine)
							      : le16toh(header.e_machine);
	return 0;
}

uint16_t elf_machine_own(void)
{
	return own_machines[0];
}

bool elf_machine_fits(uint16_t machine)
{
	for (size_t i = 0; i < COUNT_OF(own_machines); i++)
		if (own_machines[i] == machine || own_machines[i] == EM_NONE)
			return true;
	return false;
}
