/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the time of day: as good as it can be without asking, then by NTP
 */
#pragma once

#include <time.h>

#include "backoff.h"
#include "output.h"
#include "supervisor.h"

/* ---- clock.c: the step "clock" ---- */

/**
 * clock_build_time() - when the kernel was built, from what uname(2) calls its version
 *
 * Return: seconds since 1970, or 0 when @version does not say. Source of the forms:
 * docs/boot.md section 9
 */
time_t clock_build_time(const char *version);

/** clock_format() - append @seconds as "2026-11-21T14:39:45Z" */
void clock_format(struct text *text, time_t seconds);

/** clock_raise() - set the clock to @floor when it is earlier. Return: 1 when it was, 0, or a
 * negative errno */
int clock_raise(time_t floor);

/* ---- clock_keep.c: beside main, for as long as the machine runs ---- */

struct clock {
	struct supervisor *supervisor;
	char *stamp_path;     /* NULL: there is no disk to keep the time on */
	struct watch hourly;  /* timerfd */
	struct watch changed; /* timerfd that tells when somebody set the clock */
	struct child client;  /* NTP */
	struct timer again;
	struct output output;
	struct backoff backoff;
	uint64_t started_ms;
	char lease_servers[200]; /* as the last lease named them, with commas */
	bool has_network;
};

/** clock_start() - take the disk's stamp as a floor, write it from now on */
void clock_start(struct clock *clock, struct supervisor *supervisor);

/** clock_end() - close everything, when nothing runs any more; also one that never started */
void clock_end(struct clock *clock);

/** clock_network() - there is a network: ask the plan's NTP servers, unless the clock was never
 * started. @lease_servers: those of a lease, with commas between, or NULL */
void clock_network(struct clock *clock, const char *lease_servers);

/** clock_stamp() - write the stamp now, by a child, so that a disk that hangs holds up nobody */
void clock_stamp(const struct clock *clock);
