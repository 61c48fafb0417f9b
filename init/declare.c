/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declare.c - the containers that the plan declares
 *
 * In:    Docker's socket
 * Out:   the agent, run once; the step "containers"
 * Not:   talking to Docker (agent_declared.c), which reads the plan itself
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "declare.h"
#include "session.h"
#include "spawn.h"

static const char *agent_words(const struct declare *declare)
{
	return output_last_count(&declare->words) > 0 ? output_last(&declare->words, 0) : "";
}

static void settle(struct declare *declare, int result, const char *details)
{
	if (declare->record) {
		(void)step_details(declare->record, result, "%s", details);
		step_end(declare->supervisor->machine, declare->record, result);
	} else if (*details) {
		(void)log_line(result < 0 ? LOG_WARNING : LOG_INFO, result, "containers: %s",
			       details);
	}
}

static void agent_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct declare *declare = child->owner;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;

	output_drain(&declare->words);
	output_drain(&declare->complaints);
	if (supervisor->is_ending)
		return;
	if (status == 0) {
		settle(declare, 0, agent_words(declare));
	} else {
		text_add(&why, "the agent ");
		status_describe(status, &why);
		settle(declare, -ECHILD,
		       *agent_words(declare) ? agent_words(declare) : text_string(&why));
	}
	output_close(&declare->words, supervisor);
	output_close(&declare->complaints, supervisor);
}

static int agent_arguments(const char *socket, struct strings *words)
{
	static const char agent[] = AGENT_PATH;
	const char *const fixed[] = { agent, "declared", "--socket", socket, "--wait", "5000" };
	CLEANUP(memory_free) char *docker = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(fixed); i++)
		r = strings_add(words, fixed[i]);
	/* what pulls; without it images are carried along, or on the disk */
	if (r < 0 || program_find("docker", &docker) < 0)
		return r;
	r = strings_add(words, "--docker");
	return r < 0 ? r : strings_add(words, docker);
}

static int agent_start(struct declare *declare, const char *socket)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	int r = agent_arguments(socket, &words);

	if (r == 0)
		r = output_open(&declare->words, declare->supervisor);
	if (r == 0)
		r = output_open(&declare->complaints, declare->supervisor);
	if (r == 0) {
		const struct spawn how = {
			.argv = words.items,
			.cgroup = "agent",
			.output = declare->words.write_fd,
			.error = declare->complaints.write_fd,
		};

		declare->agent = (struct child){ .ended = agent_ended, .owner = declare };
		r = spawn(&how, &declare->agent.pid);
	}
	if (r == 0)
		child_add(declare->supervisor, &declare->agent);
	return r;
}

void declare_start(struct declare *declare, struct supervisor *supervisor, const char *socket)
{
	struct machine *machine = supervisor->machine;
	bool has_any = machine->plan.declared_count > 0;
	int r;

	declare->supervisor = supervisor;
	declare->words = declare->complaints = OUTPUT_EMPTY;
	declare->words.name = "agent";
	declare->complaints.name = "containers";
	declare->complaints.line = output_log;
	/* in memory there is nothing of an earlier boot */
	if (!has_any && (!socket || !machine->disk_name))
		return;
	if (has_any)
		declare->record = step_begin(machine, "containers");
	if (!socket) {
		settle(declare, -ENOTSUP, "main is not Docker");
		return;
	}
	r = agent_start(declare, socket);
	if (r < 0) {
		CLEANUP(text_free) struct text why = TEXT_EMPTY;

		text_format(&why, "cannot start '%s': %s", AGENT_PATH, strerror(-r));
		settle(declare, r, text_string(&why));
	}
}
