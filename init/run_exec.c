/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_exec.c - hand over: the helper is started, then this process becomes main
 *
 * In:    a machine whose steps are done
 * Out:   main as PID 1, in the cgroup "init", with an environment of its own, its words in a
 *        pipe to the helper; or the record of what failed, and nothing left running
 * Not:   what the helper does (helper.c)
 * Facts: docs/boot.md section 4: PID 1 must be in a cgroup other than the root to be frozen at
 *        power-off
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgroup_tree.h"
#include "helper.h"
#include "runtime.h"
#include "machine.h"
#include "modules.h"
#include "spawn.h"

#define SERVICE_WAIT_MS 60000
#define SLACK_MS 60000 /* for what the helper does besides waiting for services */
#define STOP_MS 15000

static int failed(struct machine *machine, struct step_record *record, int error)
{
	step_end(machine, record, error);
	return error;
}

/* the longest that the helper may take before it says something */
static uint64_t hand_over_ms(const struct bootplan *plan)
{
	uint64_t sum = SLACK_MS;

	for (size_t i = 0; i < plan->service_count; i++) {
		uint64_t wait = plan->services[i].wait;

		sum += wait > 0 && wait < INT32_MAX / 64 ? wait : SERVICE_WAIT_MS;
	}
	return sum;
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* whatever the helper was doing, it and all that it started are gone afterwards */
static void helper_stop(pid_t helper, int fd)
{
	struct hand_over_message message = { .kind = HAND_OVER_STOP };
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	/* it ends by itself when it can: then its end of the pair is closed */
	if (send(fd, &message, sizeof(message), MSG_NOSIGNAL) > 0)
		(void)poll(&pollfd, 1, STOP_MS);
	(void)kill(helper, SIGKILL);
	(void)waitpid(helper, NULL, 0);
	(void)cgroups_end(clock_ms() + STOP_MS);
	reap_all();
}

/* Return: 0, or a negative errno with *ret_record ended */
static int helper_wait(struct machine *machine, int fd, struct step_record **ret_record)
{
	struct hand_over_message message = { .kind = HAND_OVER_FAILED };
	uint64_t end_ms = clock_ms() + hand_over_ms(&machine->plan);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	ssize_t length = -1;

	while (length < 0 && clock_ms() < end_ms)
		if (poll(&pollfd, 1, (int)(end_ms - clock_ms())) > 0)
			length = recv(fd, &message, sizeof(message), MSG_DONTWAIT);
	if (length == (ssize_t)sizeof(message) && message.kind == HAND_OVER_READY)
		return 0;
	*ret_record = step_begin(machine, "services");
	if (length == (ssize_t)sizeof(message)) {
		/* the helper has logged it */
		message.record.name = (*ret_record)->name;
		**ret_record = message.record;
		record_write(machine);
		return -EIO;
	}
	return failed(machine, *ret_record,
		      step_details(*ret_record, length == 0 ? -EPIPE : -ETIMEDOUT,
				   length == 0 ? "the helper ended" : "the helper says nothing"));
}

/* Return: only on failure */
static int become_main(const struct plan_service *program, int output_fd)
{
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	CLEANUP(fd_close) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = service_check(program, &account, &why);

	if (r == 0)
		r = environment_make(&program->env, account.home, &environment);
	if (r < 0)
		return r;
	if (null_fd < 0)
		return -ENODEV;
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
	    dup2(output_fd, STDERR_FILENO) < 0)
		return -errno;
	signals_reset();
	(void)log_line(LOG_INFO, 0, "exec: %s", program->exec.items[0]);
	r = become(program->user ? &account : NULL, program->directory);
	if (r < 0)
		return r;
	(void)execve(program->exec.items[0], program->exec.items, environment.items);
	return -errno;
}

/* "exec" failed, with the details of @draft */
static int exec_failed(struct machine *machine, const struct step_record *draft, int error,
		       struct step_record **ret_record)
{
	*ret_record = step_begin(machine, "exec");
	(void)step_details(*ret_record, error, "%s", draft->details);
	return failed(machine, *ret_record, error);
}

int run_exec(struct machine *machine, struct step_record **ret_record)
{
	const struct plan_service *program = &machine->plan.main;
	struct step_record draft = { 0 }; /* while all goes well the record is the helper's */
	CLEANUP(fd_close) int ours = -1;
	CLEANUP(fd_close) int output_fd = -1;
	int pair[2] = { -1, -1 }, output[2] = { -1, -1 };
	pid_t helper;
	int r = check_main(machine, &draft);

	/* already here, so that a power-off can freeze this process while services start */
	if (r == 0 && (r = cgroup_join("init")) < 0)
		(void)step_details(&draft, r, "cannot join the cgroup 'init': %s", strerror(-r));
	if (r == 0 && (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
		       pipe2(output, O_CLOEXEC) < 0))
		r = -errno;
	ours = pair[0];
	output_fd = output[1];
	if (r < 0) {
		fd_close(&pair[1]);
		return exec_failed(machine, &draft, r, ret_record);
	}
	helper = fork();
	if (helper == 0) {
		(void)close(fd_take(&ours));
		(void)close(fd_take(&output_fd));
		helper_main(machine, pair[1], output[0]);
	}
	r = helper < 0 ? -errno : 0;
	(void)close(pair[1]);
	(void)close(output[0]);
	if (r < 0)
		return exec_failed(machine, &draft, r, ret_record);
	r = helper_wait(machine, ours, ret_record);
	if (r < 0) {
		helper_stop(helper, ours);
		return r;
	}
	modules_join(machine);
	reap_all();
	r = become_main(program, output_fd);
	helper_stop(helper, ours);
	(void)step_details(&draft, r, "cannot become '%s': %s", program->exec.items[0],
			   strerror(-r));
	return exec_failed(machine, &draft, r, ret_record);
}
