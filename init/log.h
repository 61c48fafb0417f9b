/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - lines in the kernel log, and the record of the boot
 *
 * Each line is one write(2) to /dev/kmsg, "mkinitrd: ..." after the priority prefix, cut to what
 * the kernel takes in one record. Before /dev is there, lines are kept and written later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

/** log_open() - open /dev/kmsg (close-on-exec), switch off its rate limit, write what was kept */
void log_open(void);

/** log_open_console() - the same where the kernel's log is another's: lines go to stderr as it is
 * now, without their priority */
void log_open_console(void);

/** log_write() - a whole record, "<6>NAME: WORDS\n", as it is. Return: 0 or a negative errno */
int log_write(const char *record);
/**
 * log_to() - lines go to @fd instead, as "NAME: ...", for a program that is not the machine's init
 * @least: lines that matter less are dropped
 */
void log_to(int fd, const char *name, enum log_level least);

/** log_debug_enable() - rd.debug: debug lines are written too, at the level of information */
void log_debug_enable(bool enable);

/** log_line() - one line; returns @error so that "return log_line(...)" reads as one thought */
int log_line(enum log_level level, int error, const char *format, ...) PRINTF_LIKE(3, 4);

/** log_fd() - the descriptor that lines go to, -1 before log_open(); for a child's stderr */
int log_fd(void);

/** clock_us() - CLOCK_BOOTTIME in microseconds: since the kernel started */
uint64_t clock_us(void);

/** clock_ms() - the same in milliseconds */
uint64_t clock_ms(void);
