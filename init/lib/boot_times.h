/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_times.h - how long the steps of a boot took, from its record or from a console's log
 *
 * Shared by `mkinitrd boot-times` and the applet boot-times. Input is untrusted. Quiet.
 */
#pragma once

#include <stdint.h>

#include "text.h"

#define BOOT_TIMES_STEPS 32
#define BOOT_TIMES_NAME 24

struct boot_times_step {
	char name[BOOT_TIMES_NAME];
	char result[8];            /* ok, skipped, failed, pending */
	uint64_t start_us, end_us; /* since the kernel started; see has_clock */
	bool has_end;
};

/* one boot */
struct boot_times {
	struct boot_times_step
		steps[BOOT_TIMES_STEPS]; /* in the order in which they ended or began */
	size_t step_count;
	bool has_clock;         /* false: a log without the kernel's times; durations alone hold */
	uint64_t hand_over_us;  /* main was started; 0: not seen */
	uint64_t docker_us;     /* from then until Docker answered; 0: not seen */
	unsigned number, count; /* which boot of the log, from 1; how many there are */
};

/**
 * boot_times_read() - from /run/mkinitrd/boot.json, or from whatever a console said
 * @fd:     read to its end
 * @number: which boot of a log, from 1; 0: the last
 *
 * A log may hold other lines, carriage returns, text before a line of init, several boots.
 *
 * Return: 0; -ENODATA: no line of init in it; -ERANGE: fewer boots (@ret_times->count has them);
 * or the negative errno of read(2)
 */
int boot_times_read(int fd, unsigned number, struct boot_times *ret_times);

/** boot_times_format() - for people: the sum, as systemd-analyze has it, then the steps, longest
 * first */
void boot_times_format(const struct boot_times *times, struct text *text);

/** boot_times_format_json() - for programs: one object; times in ms */
void boot_times_format_json(const struct boot_times *times, struct text *text);
