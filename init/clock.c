/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - the time of day, before anybody can be asked
 *
 * In:    the clock, which the kernel set from the RTC when there is one; what the image knows: the
 *        kernel's build time, and the plan's floor (SOURCE_DATE_EPOCH of the build)
 * Out:   a clock that is not earlier than those; the step "clock"
 * Not:   the disk's stamp and NTP (clock_keep.c)
 * Facts: docs/boot.md section 9. A clock that is wrong by years makes every TLS certificate
 *        invalid
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "clock.h"
#include "lib/file.h"
#include "machine.h"

#define RTC_SAYS "/sys/class/rtc/rtc0/hctosys"
#define YEAR_2000 946684800

/* the whole of @string's start must be of the form. Return: seconds, or 0 */
static time_t parse(const char *string, const char *form)
{
	struct tm parts = { .tm_mday = 1 };

	return strptime(string, form, &parts) ? timegm(&parts) : 0;
}

time_t clock_build_time(const char *version)
{
	// clang-format off
	static const char *const forms[] = {
		"%Y-%m-%d",                  /* Debian: "Debian 6.1.158-1 (2025-11-09)" */
		"%a %b %d %H:%M:%S UTC %Y",  /* date(1), the kernel's own way */
		"%a, %d %b %Y %H:%M:%S",     /* date -R: Arch */
	};
	// clang-format on

	for (const char *at = version; *at; at++) {
		/* at the start of a word only: 2025-11-09 is no 25-11-09 */
		if (at > version && at[-1] != ' ' && at[-1] != '(')
			continue;
		for (size_t i = 0; i < COUNT_OF(forms); i++) {
			time_t seconds = parse(at, forms[i]);

			if (seconds > YEAR_2000)
				return seconds;
		}
	}
	return 0;
}

void clock_format(struct text *text, time_t seconds)
{
	struct tm parts;
	char string[32];

	if (gmtime_r(&seconds, &parts) && strftime(string, sizeof(string), "%FT%TZ", &parts) > 0)
		text_add(text, string);
	else
		text_add(text, "-");
}

int clock_raise(time_t floor)
{
	const struct timespec wanted = { .tv_sec = floor };

	if (time(NULL) >= floor)
		return 0;
	return clock_settime(CLOCK_REALTIME, &wanted) < 0 ? -errno : 1;
}

static bool kernel_took_rtc(void)
{
	CLEANUP(memory_free) char *line = NULL;

	return file_read_line(AT_FDCWD, RTC_SAYS, &line) == 0 && text_equal(line, "1");
}

int step_clock(struct machine *machine, struct step_record *record)
{
	time_t before = time(NULL), floor = 0;
	const char *source = kernel_took_rtc() ? "rtc" : "none";
	CLEANUP(text_free) struct text now = TEXT_EMPTY, then = TEXT_EMPTY;
	struct utsname running;
	int r;

	if (uname(&running) == 0)
		floor = clock_build_time(running.version);
	if (machine->plan.has_clock && machine->plan.clock.floor < INT32_MAX &&
	    (time_t)machine->plan.clock.floor > floor)
		floor = (time_t)machine->plan.clock.floor;
	r = clock_raise(floor);
	clock_format(&then, before);
	clock_format(&now, r > 0 ? floor : before);
	if (r < 0)
		return step_details(record, r, "it is %s and cannot be set: %s", text_string(&then),
				    strerror(-r));
	if (r == 0)
		return step_details(record, 0, "time=%s source=%s", text_string(&now), source);
	/* of an error's priority, so that "quiet" does not hide it */
	(void)log_line(LOG_ERROR, 0,
		       "clock: it was %s, which cannot be; set forward to %s, when the image's "
		       "kernel was built; look at the battery of the machine's clock, or give the "
		       "profile a 'boot: ntp:'",
		       text_string(&then), text_string(&now));
	return step_details(record, 0, "time=%s source=image was=%s", text_string(&now),
			    text_string(&then));
}
