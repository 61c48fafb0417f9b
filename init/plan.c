/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - the step "plan": is the image whole, and what does it want?
 *
 * In:    /usr/lib/mkinitrd/complete and boot.plan, /proc/cmdline
 * Out:   machine->plan with what the command line changes; host name set, loopback up
 * Not:   the plan's form (lib/bootplan.c), the parameters (parameters.c)
 * Facts: when memory is short the kernel unpacks what fits and starts init all the same; the file
 *        "complete" is the archive's last (docs/boot.md section 2)
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "memory.h"
#include "modules.h"
#include "mounts.h"
#include "parameters.h"
#include "plan.h"

#define COMPLETE_PATH TOOL_DIRECTORY "/complete"
#define PLAN_BYTES (64 << 20)

struct reading {
	struct bootplan *plan;
	struct step_record *record;
	int result;
};

static void read_file(void *context)
{
	struct reading *reading = context;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *error = NULL;
	int r = file_read(AT_FDCWD, BOOTPLAN_PATH, PLAN_BYTES, &text);

	if (r < 0)
		(void)step_details(reading->record, r, "cannot read '%s': %s", BOOTPLAN_PATH,
				   strerror(-r));
	if (r == 0)
		r = bootplan_parse(reading->plan, text_string(&text), text.length, &error);
	if (r < 0 && !reading->record->details[0])
		(void)step_details(reading->record, r, "'%s' %s; build the image again",
				   BOOTPLAN_PATH, error ? error : strerror(-r));
	reading->result = r;
}

int plan_read(struct machine *machine, struct step_record *record)
{
	struct reading reading = { &machine->plan, record, 0 };

	modules_free(machine);
	bootplan_free(&machine->plan);
	memory_call(read_file, &reading);
	return reading.result;
}

static unsigned long long megabytes(uint64_t bytes)
{
	return (unsigned long long)((bytes + 999999) / 1000000);
}

/* the kernel unpacked only a part; @plan may be missing too */
static int say_incomplete(const struct bootplan *plan, struct step_record *record)
{
	struct sysinfo info = { 0 };
	char needs[64] = "";

	(void)sysinfo(&info);
	if (plan->image.memory)
		(void)snprintf(needs, sizeof(needs), "this image needs %llu MB of memory, ",
			       megabytes(plan->image.memory));
	return step_details(record, -ENOSPC,
			    "the image did not unpack completely; %sthe machine has %llu MB (add "
			    "memory, or build a smaller image; see 'Initramfs unpacking failed' in "
			    "the kernel log)",
			    needs, megabytes((uint64_t)info.totalram * info.mem_unit));
}

static void loopback_up(void)
{
	CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		(void)log_line(LOG_WARNING, -errno,
			       "plan: cannot bring up the interface 'lo' (%s), going on",
			       strerror(errno));
}

static void set_hostname(const char *hostname)
{
	if (hostname && sethostname(hostname, strlen(hostname)) < 0)
		(void)log_line(LOG_WARNING, -errno,
			       "plan: cannot set the host name '%s' (%s), going on", hostname,
			       strerror(errno));
}

/* modules of another release do not load: better said once here than once for each */
static void check_release(const struct bootplan *plan)
{
	struct utsname running;

	if (plan->module_count && plan->image.release && uname(&running) == 0 &&
	    !text_equal(running.release, plan->image.release))
		(void)log_line(
			LOG_ERROR, -EINVAL,
			"plan: the modules of this image are for kernel '%s', but '%s' runs: "
			"they will not load; boot the kernel that the image was built for",
			plan->image.release, running.release);
}

int step_plan(struct machine *machine, struct step_record *record)
{
	const struct bootplan *plan = &machine->plan;
	int r = parameters_read(machine);

	if (r < 0)
		return step_details(record, r, "cannot read '/proc/cmdline': %s", strerror(-r));
	mounts_log();
	r = plan_read(machine, record);
	if (!machine->container && access(COMPLETE_PATH, F_OK) < 0)
		return say_incomplete(plan, record);
	if (r < 0)
		return r;
	r = parameters_apply(machine, record);
	if (r < 0)
		return r;
	/* of a container its manager has the say */
	if (!machine->container) {
		check_release(plan);
		mounts_resize(plan);
		set_hostname(plan->hostname);
		loopback_up();
	}
	return step_details(record, 0, "profile=%s modules=%zu",
			    plan->image.profile ? plan->image.profile : "-", plan->module_count);
}
