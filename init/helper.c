/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper.c - the process beside main in exec mode
 *
 * In:    messages of PID 1
 * Out:   all that runs beside main (runtime.c)
 * Not:   main itself (run_exec.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "helper.h"
#include "main_output.h"
#include "runtime.h"

struct helper {
	struct runtime runtime;
	struct main_output main_output;
	struct watch parent;
};

/* end what was started, so that PID 1 can go to rescue and try again */
_Noreturn static void helper_end(struct helper *helper)
{
	runtime_end(&helper->runtime);
	_exit(0);
}

static void tell_parent(struct helper *helper, enum hand_over_kind kind,
			const struct step_record *record)
{
	struct hand_over_message message = { .kind = kind };

	if (record)
		message.record = *record;
	message.record.name = NULL;
	if (send(helper->parent.fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		(void)log_line(LOG_ERROR, -errno, "exec: the helper cannot reach process 1: %s",
			       strerror(errno));
}

static void settled(struct runtime *runtime, int result)
{
	struct helper *helper = runtime->owner;

	tell_parent(helper, result < 0 ? HAND_OVER_FAILED : HAND_OVER_READY,
		    result < 0 ? runtime->services.record : NULL);
	if (result < 0)
		helper_end(helper);
}

/* PID 1 has become main: the kernel closed its end. Or it could not. */
static void parent_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct helper *helper = watch->owner;
	struct hand_over_message message;
	ssize_t length = recv(watch->fd, &message, sizeof(message), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length > 0 || !helper->runtime.exec)
		helper_end(helper);
	watch_remove(supervisor, watch);
	fd_close(&watch->fd);
	runtime_main_runs(&helper->runtime);
}

/*
 * A busybox shell does not look for poweroff, reboot and halt in PATH: it takes its own, which send
 * SIGUSR2, SIGTERM and SIGUSR1 to a process named "linuxrc", and to process 1 when there is none
 * (busybox init/halt.c). SIGTERM would end dockerd and with it the machine, so the helper takes
 * that name in its argv[0], which /proc/PID/cmdline shows. The memory behind it is the environment
 * that the kernel gave, and there is room for more than eight bytes of that; nobody uses it.
 */
static void take_name(void)
{
	static const char name[] = "linuxrc";

	if (environ && environ[0] && strlen(environ[0]) + strlen(program_invocation_name) > 8)
		memcpy(program_invocation_name, name, sizeof(name));
}

_Noreturn void helper_main(struct machine *machine, int parent_fd, int main_fd)
{
	static struct helper helper;
	int r;

	helper = (struct helper){
		.runtime = { .settled = settled, .owner = &helper },
		.parent = { .fd = parent_fd, .ready = parent_ready, .owner = &helper },
	};
	take_name();
	r = runtime_open(&helper.runtime, machine, "mkinitrd-helper");
	if (r == 0)
		r = main_output_open(&helper.main_output, &helper.runtime.supervisor, main_fd);
	if (r == 0)
		r = watch_add(&helper.runtime.supervisor, &helper.parent, false);
	if (r < 0) {
		tell_parent(&helper, HAND_OVER_FAILED, helper.runtime.services.record);
		helper_end(&helper);
	}
	runtime_start(&helper.runtime);
	supervisor_run(&helper.runtime.supervisor);
	helper_end(&helper);
}
