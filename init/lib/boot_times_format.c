/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_times_format.c - the times of a boot for people and programs (see boot_times.h)
 *
 * In:    one boot
 * Out:   "Startup finished in ..." and the steps, longest first; or JSON
 * Facts: the words and the form of a time are those of systemd-analyze(1)
 */
#include <string.h>

#include "boot_times.h"

static uint64_t step_took(const struct boot_times_step *step)
{
	return step->end_us > step->start_us ? step->end_us - step->start_us : 0;
}

/* "1min 2.345s", "6.204s", "512ms" */
static void add_span(struct text *text, uint64_t us)
{
	uint64_t ms = us / 1000;

	if (ms >= 60000)
		text_format(text, "%llumin ", (unsigned long long)(ms / 60000));
	ms = ms >= 60000 ? ms % 60000 + 60000 : ms;
	if (ms >= 1000)
		text_format(text, "%llu.%03llus", (unsigned long long)(ms / 1000 % 60),
			    (unsigned long long)(ms % 1000));
	else
		text_format(text, "%llums", (unsigned long long)ms);
}

struct phases {
	uint64_t kernel_us, init_us, docker_us, total_us;
};

/* init's first step, the hand-over, and Docker's answer divide the boot */
static struct phases phases_of(const struct boot_times *times)
{
	struct phases phases = { .docker_us = times->docker_us };
	uint64_t end_us = times->hand_over_us;

	if (!times->has_clock)
		return (struct phases){ 0 };
	for (size_t i = 0; i < times->step_count; i++) {
		const struct boot_times_step *step = &times->steps[i];

		if (i == 0 || step->start_us < phases.kernel_us)
			phases.kernel_us = step->start_us;
		if (times->hand_over_us == 0 && step->end_us > end_us)
			end_us = step->end_us;
	}
	phases.init_us = end_us > phases.kernel_us ? end_us - phases.kernel_us : 0;
	phases.total_us = phases.kernel_us + phases.init_us + phases.docker_us;
	return phases;
}

/* the index of the longest step that is not yet @done */
static size_t longest(const struct boot_times *times, const bool *done)
{
	size_t best = times->step_count;

	for (size_t i = 0; i < times->step_count; i++)
		if (!done[i] && (best == times->step_count ||
				 step_took(&times->steps[i]) > step_took(&times->steps[best])))
			best = i;
	return best;
}

static void add_row(struct text *text, uint64_t us, const char *name, const char *result)
{
	CLEANUP(text_free) struct text span = TEXT_EMPTY;

	add_span(&span, us);
	text_format(text, "%15s %s", text_string(&span), name);
	if (!text_equal(result, "ok"))
		text_format(text, " (%s)", result);
	text_add_char(text, '\n');
}

void boot_times_format(const struct boot_times *times, struct text *text)
{
	struct phases phases = phases_of(times);
	bool done[BOOT_TIMES_STEPS] = { false }, has_docker = false;

	if (times->has_clock) {
		text_format(text, "Startup %s ",
			    times->hand_over_us ? "finished in" : "not finished after");
		add_span(text, phases.kernel_us);
		text_add(text, " (kernel) + ");
		add_span(text, phases.init_us);
		text_add(text, " (init)");
		if (phases.docker_us) {
			text_add(text, " + ");
			add_span(text, phases.docker_us);
			text_add(text, " (docker)");
		}
		text_add(text, " = ");
		add_span(text, phases.total_us);
		text_add(text, "\n\n");
	} else {
		text_add(text,
			 "The log has no times of the kernel (printk.time=0): steps alone\n\n");
	}
	for (size_t i = 0; i < times->step_count; i++) {
		size_t step = longest(times, done);

		if (!has_docker && times->docker_us &&
		    times->docker_us >= step_took(&times->steps[step])) {
			add_row(text, times->docker_us, "docker", "ok");
			has_docker = true;
		}
		done[step] = true;
		add_row(text, step_took(&times->steps[step]), times->steps[step].name,
			times->steps[step].result);
	}
}

static void add_ms(struct text *text, const char *key, uint64_t us)
{
	text_format(text, ", \"%s\": %llu.%03llu", key, (unsigned long long)(us / 1000),
		    (unsigned long long)(us % 1000));
}

void boot_times_format_json(const struct boot_times *times, struct text *text)
{
	struct phases phases = phases_of(times);

	text_format(text, "{\"boot\": %u, \"boots\": %u", times->number, times->count);
	if (times->has_clock) {
		add_ms(text, "kernel_ms", phases.kernel_us);
		add_ms(text, "init_ms", phases.init_us);
		add_ms(text, "total_ms", phases.total_us);
	}
	if (times->docker_us)
		add_ms(text, "docker_ms", times->docker_us);
	text_add(text, ", \"steps\": [");
	for (size_t i = 0; i < times->step_count; i++) {
		const struct boot_times_step *step = &times->steps[i];

		text_format(text, "%s\n  {\"name\": \"%s\", \"result\": \"%s\"", i ? "," : "",
			    step->name, step->result);
		if (times->has_clock)
			add_ms(text, "start_ms", step->start_us);
		add_ms(text, "ms", step_took(step));
		text_add_char(text, '}');
	}
	text_add(text, "\n]}\n");
}
