/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images.c - wait for Docker, and load the images that the initramfs carries
 *
 * In:    the plan's containers; main's "docker:SOCKET"
 * Out:   the agent, run twice: it speaks to Docker, this does not; the step "images"
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "images.h"
#include "settings.h"
#include "spawn.h"

#define WAIT_MS "60000"
#define STATUS_PRESENT 3

static void settle(struct images *images, int result)
{
	step_end(images->supervisor->machine, images->record, result);
	images->settled(images);
}

static int agent_start(struct images *images, const struct strings *words,
		       void (*ended)(struct supervisor *, struct child *, int))
{
	const struct spawn how = {
		.argv = words->items,
		.cgroup = "agent",
		.output = images->words.write_fd,
		.error = images->complaints.write_fd,
	};
	int r;

	output_forget(&images->words);
	images->agent = (struct child){ .ended = ended, .owner = images };
	r = spawn(&how, &images->agent.pid);
	if (r == 0)
		child_add(images->supervisor, &images->agent);
	return r;
}

/* the first line that the agent printed, or its last complaint */
static const char *agent_words(const struct images *images)
{
	size_t complaints = output_last_count(&images->complaints);

	if (output_last_count(&images->words) > 0)
		return output_last(&images->words, 0);
	return complaints > 0 ? output_last(&images->complaints, complaints - 1) : "";
}

static void wait_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct images *images = child->owner;

	output_drain(&images->words);
	output_drain(&images->complaints);
	images->wait_result = status == 0 ? 0 : -ETIMEDOUT;
	if (status == 0)
		settings_forget_tries(supervisor->machine);
	if (!supervisor->is_ending)
		images->answered(images);
}

static int wait_arguments(const struct images *images, struct strings *words)
{
	uint64_t wait_ms = images->supervisor->machine->plan.main.wait;
	int r = strings_add(words, AGENT_PATH);

	if (r == 0)
		r = strings_add(words, "wait");
	if (r == 0)
		r = strings_add(words, "--socket");
	if (r == 0)
		r = strings_add(words, images->socket);
	if (r == 0)
		r = strings_add(words, "--wait");
	if (r == 0 && (wait_ms == 0 || wait_ms == BOOTPLAN_NO_WAIT))
		return strings_add(words, WAIT_MS);
	return r < 0 ? r : strings_add_format(words, "%llu", (unsigned long long)wait_ms);
}

void images_wait(struct images *images, struct supervisor *supervisor)
{
	const char *ready = supervisor->machine->plan.main.ready;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	int r;

	images->supervisor = supervisor;
	images->socket = ready ? text_after(ready, "docker:") : NULL;
	images->words = images->complaints = OUTPUT_EMPTY;
	images->words.name = images->complaints.name = "agent";
	images->complaints.line = output_log;
	if (!images->socket) {
		images->answered(images);
		return;
	}
	r = output_open(&images->words, supervisor);
	if (r == 0)
		r = output_open(&images->complaints, supervisor);
	if (r == 0)
		r = wait_arguments(images, &words);
	if (r == 0)
		r = agent_start(images, &words, wait_ended);
	if (r == 0)
		return;
	(void)log_line(LOG_ERROR, r, "images: cannot start '%s': %s", AGENT_PATH, strerror(-r));
	images->wait_result = r;
	images->answered(images);
}

static void load_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct images *images = child->owner;
	int r = -ECHILD;

	output_drain(&images->words);
	output_drain(&images->complaints);
	if (supervisor->is_ending)
		return;
	(void)step_details(images->record, 0, "%s", agent_words(images));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		r = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_PRESENT)
		r = STEP_SKIP;
	if (r < 0 && !images->record->details[0]) {
		CLEANUP(text_free) struct text why = TEXT_EMPTY;

		status_describe(status, &why);
		(void)step_details(images->record, r, "the agent %s", text_string(&why));
	}
	settle(images, r);
}

void images_load(struct images *images)
{
	const struct bootplan *plan = &images->supervisor->machine->plan;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	/* Docker has answered already; that a second is short does not matter then */
	static const char agent[] = AGENT_PATH;
	const char *const before[] = {
		agent, "load", "--socket", images->socket, "--wait", "5000"
	};
	int r = 0;

	images->record = step_begin(images->supervisor->machine, "images");
	if (plan->container_count == 0) {
		settle(images, step_details(images->record, STEP_SKIP, "none in the plan"));
		return;
	}
	if (!images->socket) {
		settle(images, step_details(images->record, STEP_SKIP, "main is not Docker"));
		return;
	}
	if (images->wait_result < 0) {
		settle(images, step_details(images->record, images->wait_result,
					    "Docker does not answer at '%s': %s", images->socket,
					    agent_words(images)));
		return;
	}
	for (size_t i = 0; r == 0 && i < COUNT_OF(before); i++)
		r = strings_add(&words, before[i]);
	for (size_t i = 0; r == 0 && i < plan->declared_count; i++) {
		if (!plan->declared[i].image)
			continue;
		r = strings_add(&words, "--keep");
		if (r == 0)
			r = strings_add(&words, plan->declared[i].image);
	}
	if (r == 0)
		r = strings_add(&words, "--");
	for (size_t i = 0; r == 0 && i < plan->container_count; i++)
		r = strings_add_format(&words, "%s=%s=%s", plan->containers[i].image,
				       plan->containers[i].archive, plan->containers[i].id);
	if (r == 0)
		r = agent_start(images, &words, load_ended);
	if (r < 0)
		settle(images, step_details(images->record, r, "cannot start '%s': %s", AGENT_PATH,
					    strerror(-r)));
}
