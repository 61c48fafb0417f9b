/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_check.c - a file system is checked before it is mounted
 *
 * In:    the plan's e2fsck, a device
 * Out:   a file system that e2fsck has nothing against, or the reason to stop
 * Not:   xfs and btrfs: their mount repairs what a power cut leaves, and their tools are not for an
 *        unattended start (fsck.xfs(8) and fsck.btrfs(8) do nothing, on purpose)
 * Facts: e2fsck(8): "-p" repairs what is safe to repair and asks nothing; the bits of its status.
 *        fsck.mode= is systemd-fsck's: systemd-fsck@.service(8)
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "disk_check.h"
#include "run_program.h"

#define WORDS_MOST 160
#define MOST_MS (2 * 3600 * 1000) /* a large disk with much to repair */

enum { FSCK_REPAIRED = 1 | 2, FSCK_LEFT = 4 };

static bool is_wanted(const struct machine *machine, const struct block_device *device,
		      bool *ret_is_forced)
{
	const char *mode = cmdline_last(&machine->cmdline, "fsck.mode");

	*ret_is_forced = mode && text_equal(mode, "force");
	if (mode && !*ret_is_forced && !text_equal(mode, "skip") && !text_equal(mode, "auto"))
		(void)log_line(LOG_ERROR, -EINVAL,
			       "disk: fsck.mode=%s is not known, using auto; known are auto, "
			       "force, skip",
			       mode);
	return machine->plan.disk.fsck && text_after(device->type, "ext") &&
	       !(mode && text_equal(mode, "skip"));
}

static int errors_left(struct step_record *record, const struct block_device *device,
		       const char *program, const char *words)
{
	return step_details(
		record, -EUCLEAN,
		"%s (%s, label '%s') has errors that e2fsck does not repair unasked: %s; repair "
		"them: '%s -f %s'; mount it all the same: fsck.mode=skip; boot without it: "
		"mkinitrd.disk=none",
		device->path, device->type, device->label ? device->label : "", words, program,
		device->path);
}

int disk_check(const struct machine *machine, const struct block_device *device,
	       struct step_record *record, struct text *details)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	CLEANUP(text_free) struct text doing = TEXT_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	char *program = machine->plan.disk.fsck;
	int status = 0, code, r;
	char preen[] = "-p", force[] = "-f";
	char *argv[] = { program, preen, device->path, NULL, NULL };
	bool is_forced;

	if (!is_wanted(machine, device, &is_forced))
		return 0;
	if (is_forced)
		argv[3] = force;
	text_format(&doing, "disk: e2fsck has been checking %s", device->path);
	r = program_run(&(struct program_run){ .argv = argv,
					       .doing = text_string(&doing),
					       .most_ms = MOST_MS,
					       .words = &words },
			&status);
	program_words(&words, WORDS_MOST, &said);
	code = WIFEXITED(status) ? WEXITSTATUS(status) : FSCK_REPAIRED << 8;
	if (r == 0 && (code & ~FSCK_REPAIRED) == 0) {
		text_format(details, " fsck=%s", code ? "repaired" : "clean");
		if (code)
			(void)log_line(LOG_WARNING, 0, "disk: e2fsck repaired %s: %s", device->path,
				       text_string(&said));
		return 0;
	}
	if (r == 0 && WIFEXITED(status) && (code & FSCK_LEFT))
		return errors_left(record, device, program, text_string(&said));
	(void)log_line(LOG_WARNING, r, "disk: %s was not checked (%s): %s; going on", device->path,
		       r == -ETIMEDOUT ? "e2fsck took too long"
		       : r < 0         ? strerror(-r)
				       : "e2fsck failed",
		       text_string(&said));
	return 0;
}
