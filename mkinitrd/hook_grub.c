/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_grub.c - GRUB: what /etc/grub.d/41_mkinitrd asks for
 *
 * In:    records
 * Out:   a line for each image that is there and has a kernel beside it
 * Facts: GRUB's manual, "Writing full configuration files directly": in single quotes every
 *        character but a single quote is itself; a double quote that stands in a parameter gets a
 *        backslash from GRUB, which the kernel does not know
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "boot_entry.h"
#include "fail.h"
#include "hook.h"
#include "options.h"

/* one word in single quotes; control characters would end the line */
static void add_word(struct text *text, const char *word, size_t length)
{
	text_add_char(text, '\'');
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '\'')
			text_add(text, "'\\''");
		else if ((unsigned char)word[i] >= ' ' && word[i] != '"')
			text_add_char(text, word[i]);
	}
	text_add_char(text, '\'');
}

/* the kernel's parameters, of which each is a word: "a=b c" is one */
static void add_cmdline(struct text *text, const char *cmdline)
{
	for (const char *between = ""; *cmdline;) {
		bool is_quoted = false;
		size_t length = 0;

		while (cmdline[length] && (is_quoted || cmdline[length] != ' '))
			if (cmdline[length++] == '"')
				is_quoted = !is_quoted;
		if (length) {
			text_add(text, between);
			add_word(text, cmdline, length);
			between = " ";
		}
		cmdline += length + (cmdline[length] == ' ');
	}
}

/* the script puts it between single quotes, on a line with tabs */
static bool is_plain(const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path < ' ' || *path == '\'')
			return false;
	return true;
}

static int add_line(const struct host *host, const struct record *record, struct text *text)
{
	CLEANUP(memory_free) char *kernel = NULL;
	CLEANUP(text_free) struct text id = TEXT_EMPTY;
	struct stat status;
	int r = boot_kernel(host, record, &kernel);

	if (r < 0 || !kernel || sysroot_stat(&host->root, record->output, true, &status) < 0)
		return r;
	if (!is_plain(kernel) || !is_plain(record->output)) {
		warn("'%s' has a name that the menu of GRUB cannot hold, skipping", record->output);
		return 0;
	}
	text_format(&id, "mkinitrd-%s-%s", record->name, record->release);
	add_word(text, record->title, strlen(record->title));
	text_add_char(text, '\t');
	add_word(text, text_string(&id), id.length);
	text_format(text, "\t%s\t%s\t", kernel, record->output);
	add_cmdline(text, record->cmdline);
	text_add_char(text, '\n');
	return id.failed ? -ENOMEM : 0;
}

int hook_grub_list(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = host_open(&host, call->root);

	if (r < 0)
		return EXIT_FAILED;
	/* the newest kernel first, as GRUB's own list has them */
	for (size_t i = host.records.count; i-- && r == 0;)
		if (host.records.items[i].has_entry)
			r = add_line(&host, &host.records.items[i], &text);
	if (r < 0 || text.failed) {
		(void)fail(-ENOMEM, "cannot list the images");
		return EXIT_FAILED;
	}
	return fputs(text_string(&text), stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
}
