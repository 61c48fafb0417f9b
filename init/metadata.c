/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c - what a cloud's metadata service says of this machine
 *
 * In:    the plan's "metadata"
 * Out:   the agent, run once; the host's name, unless the disk or ip= gave one; the step "metadata"
 * Not:   asking the service, its keys and user data (agent_metadata.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "metadata.h"
#include "spawn.h"

#define STATUS_ABSENT 3

static void settle(struct metadata *metadata, int result, const char *details)
{
	(void)step_details(metadata->record, result, "%s", details);
	step_end(metadata->supervisor->machine, metadata->record, result);
	text_free(&metadata->details);
	text_free(&metadata->absent);
}

static void take_hostname(struct metadata *metadata, const char *name)
{
	struct machine *machine = metadata->supervisor->machine;
	char *copy;

	if (machine->hostname_is_given)
		return;
	copy = strdup(name);
	if (!copy || sethostname(copy, strlen(copy)) < 0) {
		(void)log_line(LOG_WARNING, -errno, "metadata: cannot set the host name '%s': %s",
			       name, strerror(errno));
		free(copy);
		return;
	}
	free(machine->plan.hostname);
	machine->plan.hostname = copy;
	text_format(&metadata->details, " hostname=%s", name);
}

static void line(struct output *output, const char *words)
{
	struct metadata *metadata = output->owner;
	const char *value;

	if ((value = text_after(words, "detail "))) {
		text_format(&metadata->details, " %s", value);
	} else if ((value = text_after(words, "hostname "))) {
		take_hostname(metadata, value);
	} else if ((value = text_after(words, "absent "))) {
		text_add(&metadata->absent, value);
	} else {
		value = text_after(words, "warn ");
		metadata->warnings++;
		(void)log_line(LOG_WARNING, 0, "metadata: %s", value ? value : words);
	}
}

static void agent_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct metadata *metadata = child->owner;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;

	output_drain(&metadata->words);
	if (supervisor->is_ending)
		return;
	if (metadata->warnings)
		text_format(&metadata->details, " warnings=%zu", metadata->warnings);
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_ABSENT) {
		settle(metadata, STEP_SKIP, text_string(&metadata->absent));
	} else if (status == 0) {
		settle(metadata, 0,
		       metadata->details.length > 0 ? text_string(&metadata->details) + 1 : "");
	} else {
		text_add(&why, "the agent ");
		status_describe(status, &why);
		settle(metadata, -ECHILD, text_string(&why));
	}
	output_close(&metadata->words, supervisor);
}

void metadata_start(struct metadata *metadata, struct supervisor *supervisor)
{
	static char agent[] = AGENT_PATH, word[] = "metadata", hostname[] = "hostname";
	char *const argv[] = { agent, word,
			       supervisor->machine->hostname_is_given ? NULL : hostname, NULL };
	struct spawn how = { .argv = argv, .cgroup = "agent" };
	int r;

	if (!supervisor->machine->plan.has_metadata)
		return;
	metadata->supervisor = supervisor;
	metadata->record = step_begin(supervisor->machine, "metadata");
	metadata->words = OUTPUT_EMPTY;
	metadata->words.name = "metadata";
	metadata->words.line = line;
	metadata->words.owner = metadata;
	r = output_open(&metadata->words, supervisor);
	how.output = how.error = metadata->words.write_fd;
	metadata->agent = (struct child){ .ended = agent_ended, .owner = metadata };
	if (r == 0)
		r = spawn(&how, &metadata->agent.pid);
	if (r < 0) {
		CLEANUP(text_free) struct text why = TEXT_EMPTY;

		text_format(&why, "cannot start '%s': %s", AGENT_PATH, strerror(-r));
		settle(metadata, r, text_string(&why));
		return;
	}
	child_add(supervisor, &metadata->agent);
}
