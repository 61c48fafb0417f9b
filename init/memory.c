/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - memory that goes back to the kernel
 *
 * Facts: MADV_DONTNEED of a private mapping that nobody wrote to drops its pages; the next access
 *        reads them from the file: madvise(2)
 */
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

struct call {
	void (*function)(void *context);
	void *context;
};

static void *run(void *context)
{
	const struct call *call = context;

	call->function(call->context);
	return NULL;
}

void memory_call(void (*function)(void *context), void *context)
{
	struct call call = { function, context };
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, &call) == 0)
		(void)pthread_join(thread, NULL);
	else
		function(context);
}

/* the parts of the program that are not written to */
static int release_program(struct dl_phdr_info *program, size_t size, void *context)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (size_t i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &program->dlpi_phdr[i];
		uintptr_t start = (program->dlpi_addr + part->p_vaddr) / page * page;
		uintptr_t end = (program->dlpi_addr + part->p_vaddr + part->p_memsz) / page * page;

		if (part->p_type == PT_LOAD && !(part->p_flags & PF_W) && end > start)
			(void)madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void memory_release(void)
{
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(release_program, NULL);
}
