/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_object.h - what the dynamic loader reads from one ELF file
 *
 * Untrusted input. Quiet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../init/lib/text.h"

enum dlopen_priority { DLOPEN_SUGGESTED, DLOPEN_RECOMMENDED, DLOPEN_REQUIRED };

/* a .note.dlopen entry: a library that the program loads by itself */
struct dlopen_note {
	char *feature;
	enum dlopen_priority priority;
	struct strings sonames; /* the first one that is there is enough */
};

struct elf_object {
	char *path;             /* absolute and canonical, in the image */
	unsigned char bits;     /* EI_CLASS */
	unsigned char encoding; /* EI_DATA */
	uint16_t type;          /* ET_EXEC, ET_DYN, ...: of others nothing more is read */
	uint16_t machine;       /* EM_... */
	char *interpreter;      /* PT_INTERP */
	char *soname;
	char *rpath, *runpath;
	struct strings needed;
	struct strings filters;        /* DT_FILTER: loaded like what is needed */
	struct strings auxiliaries;    /* DT_AUXILIARY: loaded when it is there */
	bool has_no_default;           /* DF_1_NODEFLIB: not in the system's own folders */
	struct strings system_folders; /* of a glibc loader: where it looks by itself */
	struct dlopen_note *notes;
	size_t note_count;
	bool is_loaded;         /* resolve_elf.c: some program loads it */
	bool is_program_loaded; /* resolve_elf.c: it was loaded as a program of its own */
};

/**
 * elf_object_read() - read the ELF file @fd
 * @ret_why: what is wrong, a constant, when the result is -ENOEXEC
 *
 * Return: 0, -ENOEXEC for a broken file, or another negative errno
 */
int elf_object_read(int fd, const char *path, struct elf_object **ret_object, const char **ret_why);
void elf_object_free(struct elf_object *object);
static inline void elf_object_cleanup(struct elf_object **object)
{
	elf_object_free(*object);
	*object = NULL;
}

/** elf_dlopen_notes() - the JSON of a dlopen note, @size bytes, into object->notes.
 * Return: 0, -EINVAL when it is not of the form (nothing is added), -ENOMEM */
int elf_dlopen_notes(struct elf_object *object, const char *json, size_t size);

/** elf_system_read() - when @object, read from @fd, is a glibc loader: its system_folders, which
 * stay empty when it has none that are known here. Return: 0 or a negative errno */
int elf_system_read(int fd, struct elf_object *object);

/** elf_system_all() - every folder that some glibc loader for files like @object has built in, by
 * Debian's, Fedora's and Arch's habits. Return: 0 or -ENOMEM */
int elf_system_all(const struct elf_object *object, struct strings *ret_folders);

/** elf_machine_name() - "x86-64", "AArch64", or "ELF machine 999" in @text */
void elf_machine_name(struct text *text, uint16_t machine);

/** elf_machine_read() - e_machine of the open file @fd. Return: 0, -ENOEXEC: no ELF file */
int elf_machine_read(int fd, uint16_t *ret_machine);

/** elf_machine_own() - the machine that init and the agent of this build are for */
uint16_t elf_machine_own(void);

/** elf_machine_fits() - whether the kernel of this build's machine runs programs for @machine */
bool elf_machine_fits(uint16_t machine);

struct elf_machine {
	uint16_t machine;
	unsigned char bits;
	const char *name;
	const char *triplet;  /* multiarch folder: wiki.debian.org/Multiarch/Tuples */
	const char *platform; /* $PLATFORM: AT_PLATFORM */
};

/** elf_machine_find() - the row of @machine with @bits (0: any), or NULL */
const struct elf_machine *elf_machine_find(uint16_t machine, unsigned char bits);
