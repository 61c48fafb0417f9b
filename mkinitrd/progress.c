/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - one line on the terminal that says what is being done now (see progress.h)
 *
 * Facts: CSI K erases from the cursor to the end of the line (ECMA-48, 8.3.41)
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define FIRST_MS 1000 /* what takes less needs no word */
#define EVERY_MS 100
#define WIDTH_USUAL 80
#define WIDTH_LEAST 20
#define MEGABYTE 1000000

static const char wipe[] = "\r\033[K";

static struct {
	pthread_mutex_t mutex;
	atomic_bool is_on, is_drawn;
	atomic_uint_fast64_t due_ms; /* the next line is not drawn before */
	const char *phase;
} progress = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static uint64_t now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_set(enum progress wanted, bool is_quiet)
{
	const char *terminal = getenv("TERM");
	bool is_terminal = isatty(STDERR_FILENO) && terminal && !text_equal(terminal, "dumb");

	progress.is_on =
		wanted == PROGRESS_ALWAYS || (wanted == PROGRESS_AUTO && is_terminal && !is_quiet);
	progress.due_ms = now_ms() + FIRST_MS;
}

static size_t width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH_LEAST)
		return WIDTH_USUAL;
	return size.ws_col;
}

/* a byte that begins a character, in ASCII or UTF-8 */
static bool is_start(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

/* @string's last characters, as many as fit into @columns; control characters as '?' */
static void add_end_of(struct text *text, const char *string, size_t columns)
{
	size_t start = strlen(string), used = 0;
	bool is_cut;

	while (start > 0 && used + (size_t)is_start(string[start - 1]) <= columns)
		used += is_start(string[--start]);
	is_cut = start > 0;
	while (is_cut && string[start] && !is_start(string[start]))
		start++;
	if (is_cut && string[start]) { /* a character makes room for the mark */
		do
			start++;
		while (string[start] && !is_start(string[start]));
		text_add(text, "<");
	}
	for (const char *at = string + start; *at; at++) {
		bool is_control = (unsigned char)*at < ' ' || *at == 0x7f;

		text_add_char(text, is_control ? '?' : *at);
	}
}

/* with the mutex held */
static void draw(uint64_t done, uint64_t total, const char *name)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	size_t most = width() - 1, used; /* a full line would wrap on some terminals */

	text_add(&line, wipe);
	used = line.length;
	text_format(&line, "mkinitrd: %s", progress.phase ? progress.phase : "working");
	if (total)
		text_format(&line, " %llu/%llu MB", (unsigned long long)(done / MEGABYTE),
			    (unsigned long long)((total > done ? total : done) / MEGABYTE));
	used = line.length - used;
	if (name && used + 2 < most) {
		text_add(&line, "  ");
		add_end_of(&line, name, most - used - 2);
	} else if (used > most && !line.failed) {
		line.length -= used - most;
	}
	if (line.failed)
		return;
	progress.is_drawn = true; /* before it is: a signal may come as soon as it can be seen */
	(void)!write(STDERR_FILENO, line.data, line.length);
}

static void draw_if_due(uint64_t done, uint64_t total, const char *name)
{
	uint64_t now;

	if (!progress.is_on)
		return;
	now = now_ms();
	if (now < progress.due_ms)
		return;
	(void)pthread_mutex_lock(&progress.mutex);
	if (now >= progress.due_ms) { /* no other thread was faster */
		progress.due_ms = now + EVERY_MS;
		draw(done, total, name);
	}
	(void)pthread_mutex_unlock(&progress.mutex);
}

void progress_phase(const char *what)
{
	(void)pthread_mutex_lock(&progress.mutex);
	progress.phase = what;
	(void)pthread_mutex_unlock(&progress.mutex);
	draw_if_due(0, 0, NULL);
}

void progress_step(uint64_t done, uint64_t total, const char *name)
{
	draw_if_due(done, total, name);
}

void progress_wipe(void)
{
	if (progress.is_drawn)
		(void)!write(STDERR_FILENO, wipe, sizeof(wipe) - 1);
	progress.is_drawn = false;
}

void progress_clear(void)
{
	(void)pthread_mutex_lock(&progress.mutex);
	progress_wipe();
	(void)pthread_mutex_unlock(&progress.mutex);
}
