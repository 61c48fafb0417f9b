/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_status.c - mkinitrd status: what this host keeps, and how it is
 *
 * In:    definitions, kernels, records, failures
 * Out:   a line for each image, or with --json an array of objects; 3 when one of them is not as it
 *        should be
 * Not:   nothing is changed, no lock is taken
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "fail.h"
#include "manifest_json.h"
#include "options.h"
#include "update.h"

struct status_list {
	struct host host;
	struct failures failures;
	json_t *json; /* NULL: as text */
	bool has_found;
};

/* one image */
struct line {
	const char *name, *release, *output, *entry;
	const char *state; /* a word */
	const char *why;   /* or "" */
	int64_t at;        /* when that was; 0: now */
};

static void status_list_free(struct status_list *list)
{
	json_decref(list->json);
	failures_free(&list->failures);
	host_close(&list->host);
}

static int show(struct status_list *list, const struct line *line)
{
	CLEANUP(text_free) struct text when = TEXT_EMPTY;
	struct tm broken_down;
	time_t at = (time_t)line->at;
	char date[32] = "";

	if (line->at && gmtime_r(&at, &broken_down))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &broken_down);
	if (!text_equal(line->state, "up to date") && !text_equal(line->state, "made each time") &&
	    !text_equal(line->state, "kernel-install"))
		list->has_found = true;
	if (list->json)
		return json_array_append_new(
			list->json,
			json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "image", line->name, "kernel",
				  line->release, "output", line->output, "entry", line->entry,
				  "state", line->state, "why", line->why, "at", date));
	text_format(&when, "%s%s%s", *date ? " at " : "", date, *line->why ? ": " : "");
	printf("%s\t%s\t%s\t%s%s%s\n", line->name, *line->release ? line->release : "-",
	       *line->output ? line->output : "-", line->state, text_string(&when), line->why);
	return 0;
}

static const struct failure *failure_of(const struct status_list *list, const char *name,
					const char *release)
{
	for (size_t i = 0; i < list->failures.count; i++)
		if (text_equal(list->failures.items[i].name, name) &&
		    text_equal(list->failures.items[i].release, release))
			return &list->failures.items[i];
	return NULL;
}

static int show_kernel(struct status_list *list, const struct definition *definition,
		       const struct host_kernel *kernel)
{
	struct record *record = record_find(&list->host.records, definition->name, kernel->release);
	const struct failure *failure = failure_of(list, definition->name, kernel->release);
	CLEANUP(memory_free) char *output = NULL;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	struct line line = { .name = definition->name, .release = kernel->release, .why = "" };
	int r = definition_output(definition, kernel, &output);

	if (r == -ENOMEM)
		return r;
	line.output = output ? output : "";
	line.entry = record ? record->entry : "";
	if (failure) {
		line.state = "FAILED";
		line.why = failure->why;
		line.at = failure->at;
	} else if (!record) {
		line.state = "not made";
	} else if (!output || !text_equal(record->output, output)) {
		line.state = "out of date";
		line.why = "'output:' has changed";
	} else {
		r = record_judge(NULL, &list->host.root, record, &why);
		line.state = why.length == 0                                ? "up to date"
			     : text_equal(text_string(&why), record->doubt) ? "made each time"
									    : "out of date";
		line.why = text_string(&why);
	}
	return r == -ENOMEM ? r : show(list, &line);
}

static int show_definition(struct status_list *list, const struct definition *definition)
{
	struct line line = { definition->name, "", "", "", "kernel-install", "", 0 };
	size_t count = 0;
	int r = 0;

	if (definition->broken) {
		line.state = "FAILED";
		line.why = definition->broken;
	}
	if (definition->broken || definition->is_staged)
		return show(list, &line);
	for (size_t i = 0; i < list->host.kernels.count && r == 0; i++) {
		if (!definition_wants(definition, &list->host.kernels.items[i]))
			continue;
		count++;
		r = show_kernel(list, definition, &list->host.kernels.items[i]);
	}
	line.state = "no kernel";
	return r == 0 && count == 0 ? show(list, &line) : r;
}

/* what no definition, or no kernel, stands for any more */
static int show_left(struct status_list *list, const struct record *record)
{
	const struct definition *definition =
		definition_find(&list->host.definitions, record->name);
	const struct host_kernel *kernel = host_kernel_find(&list->host.kernels, record->release);

	if (definition && (definition->broken || (kernel && !definition->is_staged &&
						  definition_wants(definition, kernel))))
		return 0;
	return show(list, &(struct line){ record->name, record->release, record->output,
					  record->entry, "left over",
					  !definition ? "it is defined no more"
					  : !kernel   ? "its kernel is gone"
						      : "its definition is for other kernels",
					  0 });
}

static int show_all(struct status_list *list)
{
	int r = 0;

	for (size_t i = 0; i < list->host.definitions.count && r == 0; i++)
		r = show_definition(list, &list->host.definitions.items[i]);
	for (size_t i = 0; i < list->host.records.count && r == 0; i++)
		r = show_left(list, &list->host.records.items[i]);
	return r < 0 ? fail(-ENOMEM, "cannot list the images") : 0;
}

int cmd_status(const struct options *options)
{
	CLEANUP(status_list_free) struct status_list list = { .host = HOST_EMPTY };
	int r;

	if (options->arguments.count) {
		(void)fail(0, "status takes no arguments");
		return EXIT_USAGE;
	}
	r = host_open(&list.host, options->root);
	if (r == 0)
		r = failures_load(&list.host.root, &list.failures);
	list.json = options->json ? json_array() : NULL;
	if (r == 0 && options->json && !list.json)
		r = fail(-ENOMEM, "cannot list the images");
	if (r == 0)
		r = show_all(&list);
	if (r < 0)
		return EXIT_FAILED;
	if (list.json && json_dumpf(list.json, stdout, JSON_INDENT(2)) == 0)
		(void)putchar('\n');
	return list.has_found ? EXIT_FOUND : EXIT_DONE;
}
