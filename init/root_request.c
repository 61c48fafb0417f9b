/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_request.c - which root is wanted: plan and command line in one
 *
 * In:    the plan's "root" and "verity"; root=, rootfstype=, rootflags=, ro, rw, rootdelay=,
 *        rootwait, mkinitrd.image=, mkinitrd.cow=
 * Out:   a struct root_request
 * Not:   looking for anything
 * Facts: kernel Documentation/admin-guide/kernel-parameters.txt; of ro and rw the last counts
 */
#include <errno.h>
#include <string.h>

#include "lib/find.h"
#include "lib/number.h"
#include "root_request.h"

#define MOST_SECONDS (UINT64_C(365) * 24 * 3600)

void root_request_free(struct root_request *request)
{
	free(request->find);
	free(request->image);
	free(request->inner);
	free(request->type);
	free(request->flags);
	cow_free(&request->cow);
	*request = ROOT_REQUEST_EMPTY;
}

static int copy(char **target, const char *text)
{
	*target = text ? strdup(text) : NULL;
	return text && !*target ? -ENOMEM : 0;
}

static const char *choose(const struct cmdline *cmdline, const char *key, const char *otherwise)
{
	const char *value = cmdline_last(cmdline, key);

	return value && *value ? value : otherwise;
}

/* "PATH", "PATH:INNER", ":INNER", "none" */
static int take_image(struct root_request *request, const char *text, struct text *why)
{
	const char *colon = strchr(text, ':');

	if (colon && (!colon[1] || strchr(colon + 1, ':'))) {
		text_format(why,
			    "mkinitrd.image=%s: give PATH, or PATH:INNER for an image in the image",
			    text);
		return -EINVAL;
	}
	if (text_equal(text, "none"))
		return 0;
	if (colon != text)
		request->image = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	if (colon != text && !request->image)
		return -ENOMEM;
	return copy(&request->inner, colon ? colon + 1 : NULL);
}

static int take_wait(uint64_t *wait_ms, const char *value, const char *key, struct text *why)
{
	uint64_t seconds = MOST_SECONDS;

	if (!value)
		return 0;
	/* a bare rootwait: as long as it takes */
	if ((*value || !text_equal(key, "rootwait")) &&
	    (number_parse(value, &seconds) < 0 || seconds > MOST_SECONDS)) {
		text_format(why, "%s=%s is no number of seconds", key, value);
		return -EINVAL;
	}
	*wait_ms = seconds * 1000;
	return 0;
}

int root_wait_read(const struct cmdline *cmdline, uint64_t *wait_ms, struct text *why)
{
	int r = take_wait(wait_ms, cmdline_last(cmdline, "rootdelay"), "rootdelay", why);

	return r < 0 ? r : take_wait(wait_ms, cmdline_last(cmdline, "rootwait"), "rootwait", why);
}

static bool is_writable(const struct cmdline *cmdline)
{
	for (size_t i = cmdline->count; i-- > 0;) {
		const struct cmdline_word *word = &cmdline->words[i];

		if (text_equal(word->key, "rw"))
			return true;
		if (text_equal(word->key, "ro"))
			return false;
	}
	return false;
}

static int take_cow(struct root_request *request, const char *text, const struct cmdline *cmdline,
		    struct text *why)
{
	int r;

	if (!text) {
		/* nobody speaks of a layer: rw means the file system itself */
		request->is_writable = is_writable(cmdline) && !request->image && !request->inner;
		request->cow.kind = request->is_writable ? COW_NONE : COW_TMPFS;
		return 0;
	}
	r = cow_parse(text, &request->cow);
	if (r == -EINVAL)
		text_format(why, "mkinitrd.cow=%s: give " COW_FORMS, text);
	request->is_writable = request->cow.kind == COW_NONE && is_writable(cmdline) &&
			       !request->image && !request->inner;
	return r;
}

static int take_find(struct root_request *request, const struct plan_root *plan,
		     const struct cmdline *cmdline, struct text *why)
{
	bool is_here = plan->find && text_equal(plan->find, "none");
	const char *find = is_here ? plan->find : choose(cmdline, "root", plan->find);
	enum find_kind kind;
	const char *value;

	if (!find) {
		text_add(why, "nothing names the root; give root=LABEL=, root=UUID= or another");
		return -EINVAL;
	}
	if (!find_parse(find, &kind, &value) || (kind == FIND_NONE && !is_here)) {
		text_format(why,
			    "root=%s: give LABEL=, UUID=, PARTLABEL=, PARTUUID=, "
			    "virtio-SERIAL, or a path in /dev",
			    find);
		return -EINVAL;
	}
	return copy(&request->find, find);
}

int root_request_make(struct root_request *request, const struct bootplan *plan,
		      const struct cmdline *cmdline, struct text *why)
{
	const struct plan_root *root = &plan->root;
	const char *image = choose(cmdline, "mkinitrd.image", NULL);
	int r;

	*request = ROOT_REQUEST_EMPTY;
	request->wait_ms = root->wait == BOOTPLAN_NO_WAIT ? 0
			   : root->wait                   ? root->wait
							  : ROOT_WAIT_MS;
	request->verity = plan->has_verity ? &plan->verity : NULL;
	r = take_find(request, root, cmdline, why);
	if (r == 0 && image)
		r = take_image(request, image, why);
	else if (r == 0 && (r = copy(&request->image, root->image)) == 0)
		r = copy(&request->inner, root->inner);
	if (r == 0)
		r = copy(&request->type, choose(cmdline, "rootfstype", root->type));
	if (r == 0)
		r = copy(&request->flags, choose(cmdline, "rootflags", root->flags));
	if (r == 0)
		r = root_wait_read(cmdline, &request->wait_ms, why);
	if (r == 0)
		r = take_cow(request, choose(cmdline, "mkinitrd.cow", root->cow), cmdline, why);
	return r;
}
