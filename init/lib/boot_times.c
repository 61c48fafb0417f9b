/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_times.c - reading a boot's record or log (see boot_times.h)
 *
 * In:    bytes, a line at a time; of a line that is longer than LINE_BYTES only the beginning
 * counts Out:   one boot's times Not:   printing them (boot_times_format.c) Facts: a line of the
 * kernel's log begins "[    1.234567] ", after which CONFIG_PRINTK_CALLER puts another bracket; a
 * boot begins with "Linux version": kernel/printk/printk.c, init/main.c
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "boot_times.h"

#define LINE_BYTES 2048
#define MOST_SECONDS 1000000000ULL /* 30 years; a larger number is no time */

struct reader {
	struct boot_times *times; /* the boot that is wanted */
	struct boot_times now;    /* the one whose lines are being read */
	unsigned number;          /* wanted, 0: the last */
	bool has_begun;           /* a byte that is no blank has been seen */
	bool is_record;           /* boot.json, not a log */
	bool is_new;              /* a kernel started: the next step is of another boot */
	char line[LINE_BYTES + 1];
	size_t length;
};

/* "12.345678" into microseconds. Return: what follows it, or NULL */
static const char *read_time(const char *at, unsigned per_unit, uint64_t *ret_us)
{
	uint64_t whole = 0, part = 0;
	unsigned scale = per_unit;

	if (!isdigit((unsigned char)*at))
		return NULL;
	for (; isdigit((unsigned char)*at); at++) {
		whole = whole * 10 + (uint64_t)(*at - '0');
		if (whole > MOST_SECONDS)
			return NULL;
	}
	if (*at == '.')
		for (at++; isdigit((unsigned char)*at); at++) {
			scale /= 10;
			part += (uint64_t)(*at - '0') * scale;
		}
	*ret_us = whole * per_unit + part;
	return at;
}

static bool is_name(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)name[i]) && name[i] != '-')
			return false;
	return length > 0 && length < BOOT_TIMES_NAME;
}

/* the step of that name, made when it is not there; NULL: more of them than init has */
static struct boot_times_step *step_of(struct boot_times *times, const char *name, size_t length)
{
	struct boot_times_step *step;

	for (size_t i = 0; i < times->step_count; i++)
		if (strlen(times->steps[i].name) == length &&
		    memcmp(times->steps[i].name, name, length) == 0)
			return &times->steps[i];
	if (times->step_count == BOOT_TIMES_STEPS)
		return NULL;
	step = &times->steps[times->step_count++];
	*step = (struct boot_times_step){ 0 };
	memcpy(step->name, name, length);
	return step;
}

/* ---- the record ---- */

/* what stands behind "KEY": in a line of boot.json, or NULL */
static const char *member(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? at + strlen(key) : NULL;
}

static const char *result_word(const char *text)
{
	static const char *const words[] = { "ok", "skipped", "failed", "pending" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strncmp(text, words[i], strcspn(text, "\"")) == 0)
			return words[i];
	return NULL;
}

static void record_line(struct reader *reader)
{
	struct boot_times *times = &reader->now;
	const char *name = member(reader->line, "{\"name\": \"");
	const char *result = name ? member(name, "\"result\": \"") : NULL;
	const char *start = result ? member(result, "\"start_ms\": ") : NULL;
	const char *end = start ? member(start, "\"end_ms\": ") : NULL;
	const char *details = start ? member(start, "\"details\": ") : NULL;
	const char *docker = details ? member(details, " docker_ms=") : NULL;
	struct boot_times_step *step;
	uint64_t start_us, end_us = 0;

	/* details may hold anything, the other keys stand before them */
	if (end && details && end > details)
		end = NULL;
	if (!start || !result_word(result) || !is_name(name, strcspn(name, "\"")) ||
	    !read_time(start, 1000, &start_us))
		return;
	step = step_of(times, name, strcspn(name, "\""));
	if (!step)
		return;
	step->start_us = start_us;
	step->has_end = end && read_time(end, 1000, &end_us);
	step->end_us = step->has_end ? end_us : start_us;
	(void)snprintf(step->result, sizeof(step->result), "%s", result_word(result));
	if (text_equal(step->name, "exec") && text_equal(step->result, "ok")) {
		times->hand_over_us = step->end_us;
		if (docker)
			(void)read_time(docker, 1000, &times->docker_us);
	}
	times->has_clock = true;
	times->number = times->count = 1;
}

/* ---- the log ---- */

/* the "(12 ms)" that ends a line */
static bool read_duration(const char *said, uint64_t *ret_us)
{
	const char *open = strrchr(said, '(');
	const char *after = open ? read_time(open + 1, 1000, ret_us) : NULL;

	return after && text_equal(after, " ms)");
}

/* the kernel's time right before @at: "[    1.234567] " or "[    1.234567][    T1] " */
static bool time_before(const char *line, const char *at, uint64_t *ret_us)
{
	at--;
	for (int brackets = 0; brackets < 2 && at > line && at[-1] == ']'; brackets++) {
		const char *open = memrchr(line, '[', (size_t)(at - line));
		const char *after;

		if (!open)
			return false;
		after = read_time(open + 1 + strspn(open + 1, " "), 1000000, ret_us);
		if (after && after == at - 1)
			return true;
		at = open;
	}
	return false;
}

/* Where init's line begins; NULL: not a line of init's. Its time stands right before it; without
 * one it begins at the start or behind a blank */
static const char *find_line(const char *line, uint64_t *ret_us, bool *ret_has_time)
{
	for (const char *at = line; (at = strstr(at, "mkinitrd: ")) != NULL; at++) {
		*ret_has_time = at > line && at[-1] == ' ' && time_before(line, at, ret_us);
		if (*ret_has_time || at == line || isspace((unsigned char)at[-1]) || at[-1] == '>')
			return at;
	}
	return NULL;
}

/* the boot so far is complete: the wanted one is kept */
static void boot_keep(struct reader *reader)
{
	if (reader->now.step_count == 0)
		return;
	if (reader->number == 0 || reader->number == reader->now.number)
		*reader->times = reader->now;
}

static void boot_begin(struct reader *reader)
{
	unsigned number = reader->now.number + 1;

	boot_keep(reader);
	reader->now = (struct boot_times){ .number = number };
	reader->is_new = false;
}

/* "NAME: ok ...", "NAME: skipped: ...", "NAME: failed: ..." at @time_us */
static void step_line(struct reader *reader, const char *name, const char *said, const char *result,
		      uint64_t time_us, bool has_time)
{
	size_t length = (size_t)(said - name) - 2;
	const struct boot_times *now = &reader->now;
	struct boot_times_step *step;
	uint64_t took_us = 0;

	/* a kernel whose first lines were not caught: its first step comes again */
	if (now->step_count > 0 && length == 6 && memcmp(name, "mounts", 6) == 0 &&
	    text_equal(now->steps[0].name, "mounts") && text_equal(now->steps[0].result, "ok"))
		reader->is_new = true;
	if (reader->is_new || now->number == 0)
		boot_begin(reader);
	step = step_of(&reader->now, name, length);
	if (!step)
		return;
	if (text_equal(result, "ok") && !read_duration(said, &took_us))
		took_us = 0;
	if (!has_time)
		time_us = took_us;
	step->end_us = time_us;
	step->start_us = time_us > took_us ? time_us - took_us : 0;
	step->has_end = true;
	reader->now.has_clock |= has_time;
	(void)snprintf(step->result, sizeof(step->result), "%s", result);
}

static void log_line_read(struct reader *reader)
{
	static const char *const results[] = { "ok", "skipped", "failed" };
	const char *kernel = strstr(reader->line, "Linux version ");
	uint64_t time_us = 0, took_us;
	bool has_time = false;
	const char *name, *colon, *said;

	if (kernel && (kernel == reader->line || isspace((unsigned char)kernel[-1])))
		reader->is_new = true;
	name = find_line(reader->line, &time_us, &has_time);
	if (!name)
		return;
	name += strlen("mkinitrd: ");
	said = text_after(name, "docker answers ");
	if (said && read_duration(said, &took_us)) {
		reader->now.docker_us = took_us;
		return;
	}
	colon = strstr(name, ": ");
	if (!colon || !is_name(name, (size_t)(colon - name)))
		return;
	said = colon + 2;
	if (*said == '/' && text_after(name, "exec: ") && !reader->is_new)
		reader->now.hand_over_us = time_us;
	for (size_t i = 0; i < COUNT_OF(results); i++) {
		const char *rest = text_after(said, results[i]);

		if (rest && (*rest == ' ' || *rest == ':'))
			step_line(reader, name, said, results[i], time_us, has_time);
	}
}

/* ---- both ---- */

static void line_end(struct reader *reader)
{
	while (reader->length > 0 && isspace((unsigned char)reader->line[reader->length - 1]))
		reader->length--;
	reader->line[reader->length] = '\0';
	if (reader->length > 0) {
		if (!reader->has_begun)
			reader->is_record = reader->line[0] == '{';
		reader->has_begun = true;
		if (reader->is_record)
			record_line(reader);
		else
			log_line_read(reader);
	}
	reader->length = 0;
}

int boot_times_read(int fd, unsigned number, struct boot_times *ret_times)
{
	struct reader reader = { .times = ret_times, .number = number };
	char bytes[16384];
	ssize_t count;

	*ret_times = (struct boot_times){ 0 };
	while ((count = read(fd, bytes, sizeof(bytes))) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		for (ssize_t i = 0; i < count; i++) {
			if (bytes[i] == '\n' || bytes[i] == '\r')
				line_end(&reader);
			else if (bytes[i] && reader.length < LINE_BYTES)
				reader.line[reader.length++] = bytes[i];
		}
	}
	line_end(&reader);
	boot_keep(&reader);
	ret_times->count = reader.now.number;
	if (reader.now.number == 0)
		return -ENODATA;
	return ret_times->step_count == 0 ? -ERANGE : 0;
}
