/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.c - one function on several threads (see workers.h)
 */
#include <pthread.h>

#include "workers.h"

#define THREADS_MOST 64

void workers_run(unsigned jobs, void *(*work)(void *context), void *context)
{
	pthread_t threads[THREADS_MOST];
	unsigned started = 0;

	while (started + 1 < jobs && started < THREADS_MOST &&
	       pthread_create(&threads[started], NULL, work, context) == 0)
		started++;
	(void)work(context);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}
