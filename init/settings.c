/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - the step "settings": what lies on the Docker disk
 *
 * In:    the disk, mounted; main's arguments
 * Out:   the agent run once, its lines in the log; the host's name
 * Not:   reading the files: JSON and certificates of a disk are nothing for process 1
 *        (agent_settings.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "api_mounts.h"
#include "run_program.h"
#include "settings.h"

#define MOST_MS 60000

static void take_hostname(struct machine *machine, const char *name)
{
	char *copy = strdup(name);

	if (!copy || sethostname(copy, strlen(copy)) < 0) {
		(void)log_line(LOG_WARNING, -errno, "settings: cannot set the host name '%s': %s",
			       name, strerror(errno));
		free(copy);
		return;
	}
	free(machine->plan.hostname);
	machine->plan.hostname = copy;
	machine->hostname_is_given = true;
}

/* Return: how many warnings there were */
static size_t take_lines(struct machine *machine, char *lines, struct text *details)
{
	size_t warnings = 0;
	char *rest = NULL;

	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *value;

		if ((value = text_after(line, "detail "))) {
			text_format(details, " %s", value);
		} else if ((value = text_after(line, "hostname "))) {
			text_format(details, " hostname=%s", value);
			take_hostname(machine, value);
		} else {
			value = text_after(line, "warn ");
			warnings++;
			/* of an error's priority, so that "quiet" does not hide it */
			(void)log_line(LOG_ERROR, 0, "settings: %s", value ? value : line);
		}
	}
	return warnings;
}

static int arguments(const struct machine *machine, struct strings *argv)
{
	const char *const before[] = { AGENT_PATH, "settings", machine->plan.disk.at, "--" };
	const struct strings *exec = &machine->plan.main.exec;
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(before); i++)
		r = strings_add(argv, before[i]);
	for (size_t i = 0; r == 0 && i < exec->count; i++)
		r = strings_add(argv, exec->items[i]);
	return r;
}

int step_settings(struct machine *machine, struct step_record *record)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	const struct plan_disk *disk = &machine->plan.disk;
	size_t warnings;
	int status = 0, r;

	if (!machine->plan.has_disk || !disk->at || !is_mount_point(disk->at))
		return step_details(record, STEP_SKIP, "no disk");
	r = arguments(machine, &argv);
	if (r == 0)
		r = program_run(&(struct program_run){ .argv = argv.items,
						       .doing = "settings: the agent has been "
								"reading the disk",
						       .most_ms = MOST_MS,
						       .words = &words },
				&status);
	if (r < 0)
		return step_details(record, r, "cannot run '%s': %s", AGENT_PATH, strerror(-r));
	warnings = words.data ? take_lines(machine, words.data, &details) : 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return step_details(record, -ECHILD, "'%s settings' ended with status 0x%x",
				    AGENT_PATH, (unsigned)status);
	if (warnings)
		text_format(&details, " warnings=%zu", warnings);
	if (details.length == 0)
		return step_details(record, STEP_SKIP, "none on the disk");
	return step_details(record, 0, "%s", text_string(&details) + 1);
}

void settings_forget_tries(const struct machine *machine)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (!machine->plan.has_disk || !machine->plan.disk.at)
		return;
	text_format(&path, "%s/mkinitrd/daemon.json.tries", machine->plan.disk.at);
	/* unlink(2) alone would wait for a file system that is frozen */
	if (!path.failed && access(text_string(&path), F_OK) == 0)
		(void)unlink(text_string(&path));
}
