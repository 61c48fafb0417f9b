/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - resources that release themselves when their variable leaves scope
 *
 * Every destructor accepts the "nothing" value (NULL, -1) and leaves "nothing" behind.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <dirent.h>

#define CLEANUP(function) __attribute__((cleanup(function)))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define UNUSED __attribute__((unused))

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/** fd_take() - hand a descriptor over: returns it and leaves -1 behind */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** memory_free() - free(3) for CLEANUP: pass the address of any pointer variable */
static inline void memory_free(void *pointer_address)
{
	void **pointer = pointer_address;

	free(*pointer);
	*pointer = NULL;
}

/** text_pointer_take() - hand a malloc'ed string over: returns it and leaves NULL behind */
static inline char *text_pointer_take(char **pointer)
{
	char *taken = *pointer;

	*pointer = NULL;
	return taken;
}

static inline void file_close(FILE **file)
{
	if (*file)
		(void)fclose(*file);
	*file = NULL;
}

static inline void directory_close(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
	*directory = NULL;
}
