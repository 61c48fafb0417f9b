/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_keep.c - the time of day while the machine runs
 *
 * In:    the stamp on the disk for Docker; NTP servers of the plan and of leases
 * Out:   a clock not earlier than the stamp; the stamp, every hour, when somebody set the clock,
 * and at the end; our NTP client, started again when it ends Not:   NTP itself (clock_sntp.c)
 * Facts: timerfd_create(2): TFD_TIMER_CANCEL_ON_SET; the stamp's time is its content, because a
 *        disk's file times change when it is copied
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>

#include "clock.h"
#include "lib/file.h"
#include "lib/number.h"
#include "spawn.h"

#define HOUR 3600
#define NEVER ((time_t)INT32_MAX * 2) /* 2106: further than any clock of ours */
#define STAMP "mkinitrd/clock"
#define SNTP_PATH TOOL_DIRECTORY "/sntp"

static const struct backoff_rule client_rule = {
	.first_ms = 1000,
	.most_ms = 60000,
	.good_ms = 60000,
};

/* ---- the stamp ---- */

/* whole or not at all, also when the power goes */
static int stamp_write(const char *path)
{
	CLEANUP(text_free) struct text folder = TEXT_EMPTY, stamp = TEXT_EMPTY;
	int r;

	text_format(&folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	text_format(&stamp, "%lld\n", (long long)time(NULL));
	r = directory_make(text_string(&folder), 0700);
	if (r < 0 || stamp.failed)
		return r < 0 ? r : -ENOMEM;
	return file_replace(path, text_string(&stamp), stamp.length, 0600, true);
}

void clock_stamp(const struct clock *clock)
{
	/* reaped with the others: nobody waits for it */
	if (clock->stamp_path && fork() == 0) {
		(void)stamp_write(clock->stamp_path);
		_exit(0);
	}
}

/* untrusted: whoever had the disk wrote it */
static int stamp_read(const char *path, time_t *ret_seconds)
{
	CLEANUP(memory_free) char *line = NULL;
	uint64_t seconds = 0;
	int r = file_read_line(AT_FDCWD, path, &line);

	if (r == 0)
		r = number_parse(line, &seconds);
	if (r < 0)
		return r;
	if (seconds >= NEVER)
		return -ERANGE;
	*ret_seconds = (time_t)seconds;
	return 0;
}

static void take_stamp(const struct clock *clock)
{
	CLEANUP(text_free) struct text then = TEXT_EMPTY, now = TEXT_EMPTY;
	time_t before = time(NULL), stamp = 0;
	int r = stamp_read(clock->stamp_path, &stamp);

	if (r == -ENOENT)
		return; /* the first boot with this disk */
	if (r < 0) {
		(void)log_line(LOG_WARNING, r, "clock: '%s' says no time (%s), skipping",
			       clock->stamp_path, strerror(-r));
		return;
	}
	r = clock_raise(stamp);
	clock_format(&then, before);
	clock_format(&now, stamp);
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "clock: cannot be set to %s: %s", text_string(&now),
			       strerror(-r));
	if (r > 0)
		(void)log_line(LOG_ERROR, 0,
			       "clock: it was %s; set forward to %s, the last time that the disk "
			       "has seen ('%s'); if that is wrong: date -s, then reboot",
			       text_string(&then), text_string(&now), clock->stamp_path);
}

/* a tmpfs in the disk's place keeps nothing */
static void find_stamp(struct clock *clock)
{
	const struct bootplan *plan = &clock->supervisor->machine->plan;
	struct statfs status;

	if (!plan->has_disk || !plan->disk.at || statfs(plan->disk.at, &status) < 0 ||
	    status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC)
		return;
	if (asprintf(&clock->stamp_path, "%s/" STAMP, plan->disk.at) < 0)
		clock->stamp_path = NULL;
}

/* ---- timers of the kernel's: one without wake-ups in between, one that tells of a new time ----
 */

static void hour_passed(struct supervisor *supervisor, struct watch *watch)
{
	uint64_t times;

	if (read(watch->fd, &times, sizeof(times)) > 0 && !supervisor->is_ending)
		clock_stamp(watch->owner);
}

static int arm_changed(int fd)
{
	const struct itimerspec far = { .it_value = { .tv_sec = NEVER } };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) < 0
		       ? -errno
		       : 0;
}

static void clock_changed(struct supervisor *supervisor, struct watch *watch)
{
	CLEANUP(text_free) struct text now = TEXT_EMPTY;
	uint64_t times;

	if (read(watch->fd, &times, sizeof(times)) >= 0 || errno != ECANCELED)
		return;
	(void)arm_changed(watch->fd);
	clock_format(&now, time(NULL));
	(void)log_line(LOG_INFO, 0, "clock: it was set, now %s", text_string(&now));
	if (!supervisor->is_ending)
		clock_stamp(watch->owner);
}

static int open_timers(struct clock *clock)
{
	const struct itimerspec hourly = { .it_value = { .tv_sec = HOUR },
					   .it_interval = { .tv_sec = HOUR } };
	int r;

	clock->hourly = (struct watch){ .ready = hour_passed, .owner = clock };
	clock->changed = (struct watch){ .ready = clock_changed, .owner = clock };
	clock->hourly.fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	clock->changed.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (clock->hourly.fd < 0 || clock->changed.fd < 0 ||
	    timerfd_settime(clock->hourly.fd, 0, &hourly, NULL) < 0)
		return -errno;
	r = arm_changed(clock->changed.fd);
	if (r == 0)
		r = watch_add(clock->supervisor, &clock->hourly, false);
	return r < 0 ? r : watch_add(clock->supervisor, &clock->changed, false);
}

/* ---- the NTP client ---- */

static void client_line(struct output *output, const char *line)
{
	const char *ours = text_after(line, "mkinitrd: ");

	(void)output;
	(void)log_line(ours ? LOG_INFO : LOG_DEBUG, 0, "%s", ours ? ours : line);
}

/* the plan's servers; those of the lease in the place of the word "dhcp" */
static int client_arguments(const struct clock *clock, struct strings *words)
{
	const struct strings *servers = &clock->supervisor->machine->plan.ntp.server;
	int r = strings_add(words, SNTP_PATH);

	for (size_t i = 0; r == 0 && i < servers->count; i++) {
		CLEANUP(memory_free) char *copy = NULL;
		char *rest = NULL;

		if (!text_equal(servers->items[i], "dhcp")) {
			r = strings_add(words, servers->items[i]);
			continue;
		}
		copy = strdup(clock->lease_servers);
		for (char *word = copy ? strtok_r(copy, ",", &rest) : NULL; r == 0 && word;
		     word = strtok_r(NULL, ",", &rest))
			if (!text_equal(word, "-"))
				r = strings_add(words, word);
	}
	return r;
}

static void client_start(struct clock *clock)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	int r = client_arguments(clock, &words);

	if (r == 0 && words.count < 2)
		return; /* no lease has named one yet */
	if (r == 0) {
		const struct spawn how = {
			.argv = words.items,
			.cgroup = "network",
			.output = clock->output.write_fd,
			.error = clock->output.write_fd,
		};

		r = spawn(&how, &clock->client.pid);
	}
	clock->started_ms = clock_ms();
	if (r == 0) {
		child_add(clock->supervisor, &clock->client);
		return;
	}
	(void)log_line(LOG_WARNING, r, "clock: cannot start '%s': %s", SNTP_PATH, strerror(-r));
	timer_set(clock->supervisor, &clock->again,
		  backoff_pause(&clock->backoff, &client_rule, 0));
}

static void again_due(struct supervisor *supervisor, struct timer *timer)
{
	if (!supervisor->is_ending)
		client_start(timer->owner);
}

static void client_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct clock *clock = child->owner;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	uint64_t pause;

	output_drain(&clock->output);
	if (supervisor->is_ending)
		return;
	status_describe(status, &why);
	pause = backoff_pause(&clock->backoff, &client_rule, clock_ms() - clock->started_ms);
	(void)log_line(LOG_WARNING, 0, "clock: the NTP client %s, again in %llu s",
		       text_string(&why), (unsigned long long)(pause / 1000));
	timer_set(supervisor, &clock->again, pause);
}

void clock_network(struct clock *clock, const char *lease_servers)
{
	const struct bootplan *plan;

	if (!clock->supervisor) /* a container's clock is the machine's */
		return;
	plan = &clock->supervisor->machine->plan;
	if (lease_servers)
		(void)snprintf(clock->lease_servers, sizeof(clock->lease_servers), "%s",
			       lease_servers);
	else
		clock->has_network = true;
	/* one that runs goes on with the servers that it has */
	if (plan->has_ntp && clock->has_network && clock->client.pid == 0 && !clock->again.is_set &&
	    clock->output.write_fd >= 0)
		client_start(clock);
}

/* ---- start ---- */

void clock_start(struct clock *clock, struct supervisor *supervisor)
{
	int r;

	clock->supervisor = supervisor;
	clock->client = (struct child){ .ended = client_ended, .owner = clock };
	clock->again = (struct timer){ .fire = again_due, .owner = clock };
	clock->output = OUTPUT_EMPTY;
	clock->output.name = "sntp";
	clock->output.line = client_line;
	find_stamp(clock);
	if (clock->stamp_path) {
		take_stamp(clock);
		clock_stamp(clock);
	}
	r = open_timers(clock);
	if (r == 0 && supervisor->machine->plan.has_ntp)
		r = output_open(&clock->output, supervisor);
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "clock: it will not be looked after: %s",
			       strerror(-r));
}

void clock_end(struct clock *clock)
{
	if (!clock->supervisor)
		return;
	watch_remove(clock->supervisor, &clock->hourly);
	watch_remove(clock->supervisor, &clock->changed);
	fd_close(&clock->hourly.fd);
	fd_close(&clock->changed.fd);
	timer_clear(clock->supervisor, &clock->again);
	if (clock->output.write_fd >= 0)
		output_close(&clock->output, clock->supervisor);
	memory_free(&clock->stamp_path);
}
