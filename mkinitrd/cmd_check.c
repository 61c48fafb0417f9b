/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_check.c - mkinitrd check: what is wrong with an image, before anybody boots it
 *
 * In:    an image, whoever made it; the root, for its kernel's configuration and firmware
 * Out:   a line a finding, or JSON; status 3 when one is left that nobody accepted
 * Not:   how findings are made (check_*.c)
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "check.h"
#include "escape.h"
#include "fail.h"
#include "options.h"

static const char *severity(const struct finding *finding)
{
	return check_rows[finding->code].is_error ? "error" : "warning";
}

static int list_codes(void)
{
	for (size_t i = 0; i < CHECK_CODE_COUNT; i++)
		printf("%-26s %-8s %s\n", check_rows[i].name,
		       check_rows[i].is_error ? "error" : "warning", check_rows[i].help);
	return EXIT_DONE;
}

/* who wanted the path that @finding is about; "" when the manifest does not say */
static void add_chain(const struct check *check, const struct finding *finding, struct text *text)
{
	const struct entry *entry =
		check->manifest ? manifest_find(check->manifest, finding->path) : NULL;

	if (entry)
		manifest_chain(check->manifest, entry, true, text);
}

/* ---- lines ---- */

static int print_line(const struct check *check, const struct finding *finding)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	CLEANUP(text_free) struct text raw = TEXT_EMPTY;

	if (finding->accepted && verbosity_get() < VERBOSE)
		return 0;
	text_format(&line, "%s%s %s ", finding->accepted ? "accepted " : "", severity(finding),
		    check_rows[finding->code].name);
	text_format(&raw, "%s: %s", finding->path, finding->message);
	escape_name(&line, text_string(&raw));
	text_clear(&raw);
	add_chain(check, finding, &raw);
	if (raw.length) {
		text_add(&line, " (");
		escape_name(&line, text_string(&raw));
		text_add(&line, ")");
	}
	if (finding->accepted) {
		text_add(&line, "; accepted: ");
		escape_name(&line, finding->accepted->reason);
	}
	if (line.failed || raw.failed)
		return fail(-ENOMEM, "cannot show the findings");
	printf("%s\n", text_string(&line));
	return 0;
}

static int print_lines(const struct check *check)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < check->count; i++)
		r = print_line(check, &check->findings[i]);
	return r;
}

/* ---- JSON ---- */

/* @string, or when it is no UTF-8 its escaped form */
static json_t *json_text(const char *string)
{
	CLEANUP(text_free) struct text escaped = TEXT_EMPTY;
	json_t *json = json_string(string);

	if (json)
		return json;
	escape_name(&escaped, string);
	json = json_string(text_string(&escaped));
	return json ? json : json_string("");
}

static json_t *json_finding(const struct check *check, const struct finding *finding)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;
	json_t *json = json_pack("{s:s,s:s,s:o,s:o}", "code", check_rows[finding->code].name,
				 "severity", severity(finding), "path", json_text(finding->path),
				 "message", json_text(finding->message));
	int r = 0;

	add_chain(check, finding, &chain);
	if (json && chain.length)
		r = json_object_set_new(json, "wanted", json_text(text_string(&chain)));
	if (json && finding->accepted && r == 0)
		r = json_object_set_new(json, "accepted", json_text(finding->accepted->reason));
	if (r < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int print_json(const struct check *check)
{
	json_t *findings = json_array(), *notes = json_array();
	json_t *json = NULL;
	char *string = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < check->count; i++)
		r = json_array_append_new(findings, json_finding(check, &check->findings[i]));
	for (size_t i = 0; r == 0 && i < check->notes.count; i++)
		r = json_array_append_new(notes, json_text(check->notes.items[i]));
	if (r == 0)
		json = json_pack("{s:o,s:s?,s:s?,s:I,s:I,s:O,s:O}", "image",
				 json_text(check->image), "profile", check->profile, "release",
				 check->release, "entries", (json_int_t)check->tree.entries,
				 "omitted", (json_int_t)check->omitted, "findings", findings,
				 "notes", notes);
	if (json)
		string = json_dumps(json, JSON_INDENT(1));
	if (string)
		printf("%s\n", string);
	r = string ? 0 : -ENOMEM;
	free(string);
	json_decref(json);
	json_decref(findings);
	json_decref(notes);
	return r < 0 ? fail(r, "cannot show the findings") : 0;
}

/* ---- one run ---- */

static size_t summarise(const struct check *check)
{
	size_t errors = 0, warnings = 0, accepted = 0;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	for (size_t i = 0; i < check->count; i++) {
		if (check->findings[i].accepted)
			accepted++;
		else if (check_rows[check->findings[i].code].is_error)
			errors++;
		else
			warnings++;
	}
	for (size_t i = 0; i < check->notes.count; i++)
		say("%s: %s", check->image, check->notes.items[i]);
	text_format(&line, "%s: %zu entries checked: ", check->image, check->tree.entries);
	if (errors + warnings == 0)
		text_add(&line, "nothing found");
	else
		text_format(&line, "%zu error%s, %zu warning%s", errors, errors == 1 ? "" : "s",
			    warnings, warnings == 1 ? "" : "s");
	if (accepted)
		text_format(&line, ", %zu accepted by the profile%s", accepted,
			    verbosity_get() < VERBOSE ? " (-v shows them)" : "");
	if (check->omitted)
		text_format(&line, ", and %zu more that are not shown", check->omitted);
	say("%s", text_string(&line));
	return errors + warnings + check->omitted;
}

/* the release of the image's modules when they are of one kernel */
static const char *release_of_modules(const struct check *check)
{
	static char release[256];

	release[0] = '\0';
	for (size_t i = 0; i < check->tree.count; i++) {
		const char *at = strstr(check->tree.nodes[i]->path, "lib/modules/");
		size_t length;

		if (!at)
			continue;
		at += strlen("lib/modules/");
		length = strcspn(at, "/");
		if (length == 0 || length >= sizeof(release))
			continue;
		if (release[0] && (strlen(release) != length || memcmp(release, at, length) != 0))
			return NULL;
		memcpy(release, at, length);
		release[length] = '\0';
	}
	return release[0] ? release : NULL;
}

/* it was made by us, and without what every image has: bundle.h */
static bool is_bundle(const struct check *check)
{
	static const char *const own[] = { "init", &BOOTPLAN_PATH[1] };

	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (!check->manifest || manifest_find(check->manifest, own[i]) ||
		    image_tree_find(&check->tree, own[i]))
			return false;
	return true;
}

static int check_run(struct check *check, const char *release)
{
	int r = check_look(check);

	if (r < 0)
		return r;
	check_manifest(check);
	check->release = release                   ? release
			 : check->manifest_release ? check->manifest_release
						   : release_of_modules(check);
	if (is_bundle(check)) {
		check_note(check, "is a bundle: it is held against its manifest alone");
	} else {
		check_files(check);
		check_certificates(check);
		check_programs(check);
		check_modules(check);
		check_plan(check);
		check_kernel(check);
	}
	check_finish(check);
	return check->is_short_of_memory ? fail(-ENOMEM, "cannot check '%s'", check->image) : 0;
}

int cmd_check(const struct options *options)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(check_free) struct check check = { .root = &root };
	size_t left;
	int r;

	if (options->list)
		return list_codes();
	if (options->arguments.count != 1) {
		(void)fail(0, "check: one image is needed; use: mkinitrd check IMAGE");
		return EXIT_USAGE;
	}
	check.image = options->arguments.items[0];
	r = sysroot_open_root(&root, options->root ? options->root : "/");
	if (r == 0)
		r = check_run(&check, options->kernel);
	if (r == 0)
		r = options->json ? print_json(&check) : print_lines(&check);
	if (r < 0)
		return EXIT_FAILED;
	left = summarise(&check);
	return left ? EXIT_FOUND : EXIT_DONE;
}
