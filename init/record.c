/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - /run/mkinitrd/boot.json: how each step ended, and when
 *
 * In:    the machine's step records
 * Out:   one JSON object; "steps" in the order they began, times in ms since the kernel started, or
 *        the container
 * Not:   the log lines (steps.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/file.h"
#include "machine.h"
#include "record.h"

static const char *const result_words[] = {
	[STEP_PENDING] = "pending",
	[STEP_OK] = "ok",
	[STEP_SKIPPED] = "skipped",
	[STEP_FAILED] = "failed",
};

/* RFC 8259 section 7; bytes of 0x80 and above pass as they are */
static void add_string(struct text *text, const char *string)
{
	text_add_char(text, '"');
	for (; *string; string++) {
		if (*string == '"' || *string == '\\')
			text_format(text, "\\%c", *string);
		else if ((unsigned char)*string < 0x20)
			text_format(text, "\\u%04x", (unsigned)(unsigned char)*string);
		else
			text_add_char(text, *string);
	}
	text_add_char(text, '"');
}

static void add_ms(struct text *text, const char *key, uint64_t us)
{
	text_format(text, ", \"%s\": %llu.%03u", key, (unsigned long long)(us / 1000),
		    (unsigned)(us % 1000));
}

int record_format(const struct machine *machine, struct text *text)
{
	const struct plan_image *image = &machine->plan.image;

	text_add(text, "{\n  \"mkinitrd\": ");
	add_string(text, MKINITRD_VERSION);
	text_add(text, ",\n  \"profile\": ");
	add_string(text, image->profile ? image->profile : "");
	text_add(text, ",\n  \"release\": ");
	add_string(text, image->release ? image->release : "");
	text_add(text, ",\n  \"steps\": [");
	for (size_t i = 0; i < machine->record_count; i++) {
		const struct step_record *record = &machine->records[i];

		text_add(text, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
		add_string(text, record->name);
		text_add(text, ", \"result\": ");
		add_string(text, result_words[record->result]);
		add_ms(text, "start_ms", record->start_us - machine->zero_us);
		if (record->end_us)
			add_ms(text, "end_ms", record->end_us - machine->zero_us);
		text_add(text, ", \"details\": ");
		add_string(text, record->details);
		text_add_char(text, '}');
	}
	text_add(text, "\n  ]\n}\n");
	return text->failed ? -ENOMEM : 0;
}

void record_write(const struct machine *machine)
{
	static const char temporary[] = BOOT_RECORD_PATH ".new";
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = record_format(machine, &text);

	if (r == 0)
		r = file_write(AT_FDCWD, temporary, text_string(&text), 0644);
	if (r == 0 && rename(temporary, BOOT_RECORD_PATH) < 0)
		r = -errno;
	/* -ENOENT: /run is not there yet; the next step writes this one as well */
	if (r < 0 && r != -ENOENT)
		(void)log_line(LOG_WARNING, r, "cannot write '%s': %s", BOOT_RECORD_PATH,
			       strerror(-r));
}
