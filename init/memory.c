/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - memory that goes back to the kernel
 */
#include <pthread.h>
#include <stddef.h>

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
