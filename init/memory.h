/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - memory that goes back to the kernel
 */
#pragma once

/**
 * memory_call() - call @function in a thread of its own, and wait for it
 *
 * For work that allocates and frees much: glibc keeps freed pieces for the thread that freed them
 * (its tcache, some 150 kB here), and lets go of them when that thread ends. Without a thread to be
 * had the function is called in this one.
 */
void memory_call(void (*function)(void *context), void *context);

/** memory_release() - give back what is free, and what of the program itself only the boot needed:
 * its pages come back from the image when they are used again */
void memory_release(void);
