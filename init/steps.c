/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps.c - the records of steps, and the line that each of them ends with
 *
 * In:    what a step function returned and said
 * Out:   "mkinitrd: STEP: ok DETAILS (12 ms)", "... skipped: WHY", "... failed: WHY"; boot.json
 * Not:   which steps there are, and what a failed one leads to (main.c)
 */
#include <stdarg.h>
#include <string.h>

#include "machine.h"

int step_details(struct step_record *record, int result, const char *format, ...)
{
	char details[sizeof(record->details)]; /* the old ones may be among the arguments */
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(details, sizeof(details), format, arguments);
	va_end(arguments);
	/* a label may hold anything, and rescue shows it on a terminal */
	for (char *character = details; *character; character++)
		if ((unsigned char)*character < 0x20 || *character == 0x7f)
			*character = ' ';
	memcpy(record->details, details, sizeof(details));
	return result;
}

struct step_record *step_begin(struct machine *machine, const char *name)
{
	struct step_record *record = NULL;

	for (size_t i = 0; i < machine->record_count && !record; i++)
		if (text_equal(machine->records[i].name, name))
			record = &machine->records[i];
	if (!record && machine->record_count < STEP_COUNT)
		record = &machine->records[machine->record_count++];
	/* more names than there are: our own mistake; the last record is taken, never NULL */
	if (!record)
		record = &machine->records[STEP_COUNT - 1];
	*record = (struct step_record){ .name = name, .start_us = clock_us() };
	return record;
}

void step_end(struct machine *machine, struct step_record *record, int result)
{
	record->end_us = clock_us();
	if (result < 0) {
		record->result = STEP_FAILED;
		if (!record->details[0])
			(void)step_details(record, result, "%s", strerror(-result));
		(void)log_line(LOG_ERROR, result, "%s: failed: %s", record->name, record->details);
	} else if (result == STEP_SKIP) {
		record->result = STEP_SKIPPED;
		(void)log_line(LOG_INFO, result, "%s: skipped: %s", record->name, record->details);
	} else {
		record->result = STEP_OK;
		(void)log_line(LOG_INFO, result, "%s: ok %s%s(%llu ms)", record->name,
			       record->details, record->details[0] ? " " : "",
			       (unsigned long long)((record->end_us - record->start_us) / 1000));
	}
	record_write(machine);
}
