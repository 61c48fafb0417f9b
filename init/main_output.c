/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main_output.c - exec mode: what main prints, and its last words before the kernel panics
 *
 * In:    the pipe that is main's standard output and error; stops of process 1
 * Out:   its lines in the log; how it ended and its last lines as errors, before the panic
 * Not:   supervise mode, where main is a child like any other
 * Facts: docs/boot.md section 10. The kernel panics the moment that process 1 ends, and what is
 *        in a pipe then is lost. A tracer with PTRACE_O_TRACEEXIT sees it stop first: ptrace(2).
 *        The process ends when its last thread does, so it is enough to hold one of them. Each
 *        signal for that thread stops it, too, and is passed on
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "main_output.h"
#include "spawn.h"

#define INIT_PID 1

static void say_end(struct main_output *main_output)
{
	struct output *output = &main_output->output;
	CLEANUP(text_free) struct text how = TEXT_EMPTY;
	unsigned long status = 0;
	size_t count;

	(void)ptrace(PTRACE_GETEVENTMSG, INIT_PID, NULL, &status);
	output_drain(output);
	status_describe((int)status, &how);
	count = output_last_count(output);
	(void)log_line(LOG_ERROR, 0, "exec: %s %s; its last lines: %s", output->name,
		       text_string(&how), count ? "" : "none");
	for (size_t i = 0; i < count; i++)
		(void)log_line(LOG_ERROR, 0, "exec: %s: %s", output->name, output_last(output, i));
}

static void main_stopped(struct supervisor *supervisor, struct child *child, int status)
{
	struct main_output *main_output = child->owner;
	/* a stop of job control is not for process 1, which the kernel excepts from it untraced */
	bool is_signal = WIFSTOPPED(status) && status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP &&
			 WSTOPSIG(status) != SIGTSTP && WSTOPSIG(status) != SIGTTIN &&
			 WSTOPSIG(status) != SIGTTOU;

	if (!WIFSTOPPED(status))
		return;
	if (status >> 16 == PTRACE_EVENT_EXIT)
		say_end(main_output);
	child->pid = INIT_PID;
	child_add(supervisor, child);
	(void)ptrace(PTRACE_CONT, INIT_PID, NULL,
		     (void *)(intptr_t)(is_signal ? WSTOPSIG(status) : 0));
}

int main_output_open(struct main_output *main_output, struct supervisor *supervisor, int read_fd)
{
	const struct plan_service *program = &supervisor->machine->plan.main;
	int r;

	main_output->output = OUTPUT_EMPTY;
	main_output->output.name = base_name(program->exec.items[0]);
	main_output->output.line = output_log;
	r = output_watch(&main_output->output, supervisor, read_fd);
	if (r < 0)
		return r;
	main_output->main =
		(struct child){ .pid = INIT_PID, .ended = main_stopped, .owner = main_output };
	if (ptrace(PTRACE_SEIZE, INIT_PID, NULL, (void *)(intptr_t)PTRACE_O_TRACEEXIT) == 0)
		child_add(supervisor, &main_output->main);
	else
		(void)log_line(LOG_WARNING, -errno,
			       "exec: cannot hold process 1 at its end (%s): its last words may be "
			       "lost",
			       strerror(errno));
	return 0;
}
