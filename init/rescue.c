/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue.c - what a failed step leads to
 *
 * In:    the step's record
 * Out:   a message on every kernel console; the plan's shell on each of them, or a restart, or the
 *        message left standing. Never a kernel panic.
 * Not:   trying again (main.c), terminals (rescue_console.c)
 */
#include <signal.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "container.h"
#include "machine.h"
#include "notify.h"
#include "rescue_advice.h"
#include "rescue_console.h"
#include "rescue_root.h"
#include "shells.h"

#define KERNEL_LINES 8
#define KERNEL_BYTES (64 << 10)
#define SYSLOG_ACTION_READ_ALL 3 /* syslog(2) */

/* The last KERNEL_LINES lines of at most @level, oldest first, without their "<6>". Return: how
 * many were added */
static size_t add_lines(struct text *text, const char *log, int level)
{
	const char *lines[KERNEL_LINES] = { NULL };
	size_t count = 0;

	for (const char *line = log; *line;) {
		const char *end = strchrnul(line, '\n');

		/* facility and level in one number: syslog(2) */
		if (*line == '<' && (atoi(line + 1) & 7) <= level)
			lines[count++ % KERNEL_LINES] = line;
		line = *end ? end + 1 : end;
	}
	for (size_t i = count > KERNEL_LINES ? count - KERNEL_LINES : 0; i < count; i++) {
		const char *line = lines[i % KERNEL_LINES];
		const char *end = strchrnul(line, '\n');
		const char *start = memchr(line, '>', (size_t)(end - line));

		text_add(text, "    ");
		start = start ? start + 1 : line;
		text_add_bytes(text, start, (size_t)(end - start));
		text_add(text, "\n");
	}
	return count;
}

/* what went wrong may stand far above the end */
static void add_kernel_lines(struct text *text)
{
	CLEANUP(memory_free) char *log = malloc(KERNEL_BYTES + 1);
	int length = log ? klogctl(SYSLOG_ACTION_READ_ALL, log, KERNEL_BYTES) : 0;

	if (!log || length <= 0)
		return;
	log[length] = '\0';
	text_add(text, "  Errors in the kernel log:\n");
	if (add_lines(text, log, LOG_ERROR) == 0)
		text_add(text, "    none\n");
	text_add(text, "  The kernel log ends with:\n");
	(void)add_lines(text, log, LOG_DEBUG);
}

static void format_message(const struct machine *machine, const struct step_record *record,
			   bool is_break, bool has_shell, struct text *text)
{
	if (is_break) {
		text_format(text, "\nmkinitrd: rd.break: stopped before '%s'\n", record->name);
	} else {
		text_format(text, "\nmkinitrd: the boot stopped: step '%s' failed:\n  %s\n",
			    record->name, record->details);
		add_kernel_lines(text);
	}
	rescue_advice(machine, is_break ? "" : record->name, has_shell, text);
	if (has_shell)
		text_format(text, "  This is a shell; 'exit' %s.\n\n",
			    is_break ? "goes on with the boot" : "tries the step again");
}

/* nobody is there to help: leave the disk clean, then restart or stand still */
__attribute__((noreturn)) static void give_up(const struct machine *machine)
{
	uint64_t end_ms = clock_ms();
	int status;

	if (machine->plan.has_disk && machine->plan.disk.at)
		(void)umount(machine->plan.disk.at);
	sync();
	if (machine->panic_seconds == 0) {
		(void)log_line(LOG_ERROR, 0,
			       "halted: switch the machine off, or restart it; rd.shell=1 gives a "
			       "shell when the image has one, panic=10 restarts after 10 s");
		end_ms = FOREVER;
	} else if (machine->panic_seconds > 0) {
		(void)log_line(LOG_ERROR, 0, "restarting in %lld s",
			       (long long)machine->panic_seconds);
		end_ms += (uint64_t)machine->panic_seconds * 1000;
	}
	while (reap_until(end_ms, &status) > 0)
		continue;
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)reap_until(FOREVER, &status);
}

/* before the root is there, an image whose programs lie in it has none */
static bool has_program(const struct machine *machine)
{
	const struct strings *exec = &machine->plan.shell.exec;

	return machine->plan.has_shell && exec->count && access(exec->items[0], X_OK) == 0;
}

bool rescue_has_shell(const struct machine *machine)
{
	return has_program(machine) && machine->shell_allowed && !machine->container;
}

/* rd.break asks for a shell, whatever panic= says; rd.shell=0 is stronger */
static bool is_wanted(const struct machine *machine, bool is_break)
{
	return machine->plan.has_shell &&
	       (machine->shell_allowed ||
		(is_break && cmdline_flag(&machine->cmdline, "rd.shell", true)));
}

/* its manager has said what follows when a container fails, and has its own way in */
static void in_container(const struct step_record *record, bool is_break)
{
	if (is_break) {
		(void)log_line(LOG_ERROR, 0,
			       "rd.break: a container has no rescue shell; its manager can enter "
			       "it; going on");
		return;
	}
	(void)log_line(LOG_ERROR, 0, "the container ends: step '%s' failed", record->name);
	notify_send("STOPPING=1\nSTATUS=%s failed: %s", record->name, record->details);
	container_end(POWER_OFF, EXIT_FAILURE);
}

void rescue(struct machine *machine, const struct step_record *record, bool is_break)
{
	CLEANUP(text_free) struct text message = TEXT_EMPTY;
	const struct plan_shell *shell = &machine->plan.shell;
	bool has_shell = is_wanted(machine, is_break);
	struct consoles consoles;
	sigset_t child, before;

	if (machine->container) {
		in_container(record, is_break);
		return;
	}
	if (has_shell && !has_program(machine))
		rescue_root_enter(machine);
	has_shell = has_shell && has_program(machine);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &before);
	consoles_find(&consoles);
	format_message(machine, record, is_break, has_shell, &message);
	if (has_shell) {
		shells_write_rc();
		(void)log_line(LOG_INFO, 0, "rescue: shell %s '%s'",
			       is_break ? "before" : "because of", record->name);
		has_shell = consoles_shell(&consoles, &message, shell,
					   machine->plan.has_rescue ? machine->plan.rescue.password
								    : NULL);
	}
	rescue_root_leave();
	if (!has_shell && is_break) {
		(void)log_line(LOG_ERROR, 0,
			       "rd.break: there is no shell in this image%s, or rd.shell=0 forbids "
			       "it; going on",
			       machine->plan.has_root && !machine->root_is_entered
				       ? " before its root is there"
				       : "");
	} else if (!has_shell) {
		consoles_show(&consoles, &message);
		give_up(machine);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}
