/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parameters.c - what the kernel command line asks of init
 *
 * In:    /proc/cmdline; in a container, which is not asked by the machine's, init's arguments
 * Out:   settings of the machine, and values of the plan replaced
 * Not:   splitting the line (lib/cmdline.c); the network (network_parameters.c); parameters of
 *        others, which are ignored
 * Facts: the names of rd.break are dracut's, in dracut.cmdline(7)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/file.h"
#include "lib/find.h"
#include "lib/number.h"
#include "network_parameters.h"
#include "parameters.h"

#define CMDLINE_BYTES (64 << 10)
#define HAND_OVER "exec"

// clang-format off
/* rd.break=NAME stops before our step; a shell is known only when the plan has been read */
static const struct {
	const char *name, *step;
} break_rows[] = {
	{ "",            HAND_OVER }, /* bare rd.break */
	{ "mounts",      "modules" },
	{ "plan",        "modules" },
	{ "modules",     "modules" },
	{ "root",        "root" },
	{ "clock",       "clock" },
	{ "disk",        "disk" },
	{ "swap",        "swap" },
	{ "settings",    "settings" },
	{ "cgroups",     "cgroups" },
	{ "limits",      "limits" },
	{ "network",     HAND_OVER },
	{ "services",    HAND_OVER },
	{ "exec",        HAND_OVER },
	{ "images",      HAND_OVER },
	{ "console",     HAND_OVER },
	{ "cmdline",     "modules" },
	{ "pre-udev",    "modules" },
	{ "pre-trigger", "modules" },
	{ "initqueue",   "root" },
	{ "pre-mount",   "root" },
	{ "mount",       "root" },
	{ "pre-pivot",   HAND_OVER },
	{ "cleanup",     HAND_OVER },
};
// clang-format on

static int read_break(struct machine *machine)
{
	const char *name = cmdline_last(&machine->cmdline, "rd.break");
	const char *step = NULL;

	memory_free(&machine->break_step);
	if (!name)
		return 0;
	for (size_t i = 0; i < COUNT_OF(break_rows) && !step; i++)
		if (text_equal(break_rows[i].name, name))
			step = break_rows[i].step;
	if (!step) {
		(void)log_line(LOG_ERROR, -EINVAL,
			       "rd.break=%s: there is no such step, stopping before hand-over",
			       name);
		step = HAND_OVER;
	}
	machine->break_step = strdup(step);
	return machine->break_step ? 0 : -ENOMEM;
}

static void read_panic(struct machine *machine)
{
	const char *text = cmdline_last(&machine->cmdline, "panic");
	uint64_t seconds;

	machine->has_panic = text != NULL;
	machine->panic_seconds = 0;
	if (!text)
		return;
	if (number_parse(*text == '-' ? text + 1 : text, &seconds) < 0 || seconds > INT32_MAX)
		(void)log_line(LOG_WARNING, -EINVAL, "panic=%s is not a number, using 0", text);
	else
		machine->panic_seconds = *text == '-' ? -(int64_t)seconds : (int64_t)seconds;
}

int parameters_early(struct machine *machine)
{
	log_debug_enable(cmdline_flag(&machine->cmdline, "rd.debug", false));
	read_panic(machine);
	/* who wants a restart after a failure has nobody at the console */
	machine->shell_allowed = cmdline_flag(&machine->cmdline, "rd.shell", !machine->has_panic);
	return read_break(machine);
}

int parameters_read(struct machine *machine)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = 0;

	cmdline_free(&machine->cmdline);
	for (size_t i = 1; r == 0 && machine->container && machine->arguments[i]; i++)
		r = cmdline_add(&machine->cmdline, machine->arguments[i]);
	if (machine->container)
		return r < 0 ? r : parameters_early(machine);
	r = file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_BYTES, &text);
	if (r == 0)
		r = cmdline_parse(&machine->cmdline, text_string(&text));
	return r < 0 ? r : parameters_early(machine);
}

/* ---- ours: each speaks into the record's details when it fails ---- */

static int replace(char **target, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

static int apply_disk(struct machine *machine, struct step_record *record, const char *value)
{
	enum find_kind kind;
	const char *rest;

	if (!find_parse(value, &kind, &rest))
		return step_details(record, -EINVAL, "mkinitrd.disk=%s: give " FIND_FORMS, value);
	if (!machine->plan.has_disk)
		return step_details(record, -EINVAL,
				    "mkinitrd.disk=%s: this image has no disk to find; "
				    "give its profile a boot.disk",
				    value);
	return replace(&machine->plan.disk.find, value);
}

static int apply_mode(struct machine *machine, struct step_record *record, const char *value)
{
	if (text_equal(value, "supervise"))
		machine->plan.mode = PLAN_MODE_SUPERVISE;
	else if (text_equal(value, "exec"))
		machine->plan.mode = PLAN_MODE_EXEC;
	else
		return step_details(record, -EINVAL,
				    "mkinitrd.mode=%s is not known; use exec or supervise", value);
	return 0;
}

/* the path of a program named without one, as a shell would find it; NULL when it is nowhere */
static char *find_program(const char *name)
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",        "/sbin",          "/bin" };

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		char *path = NULL;

		if (asprintf(&path, "%s/%s", folders[i], name) < 0)
			return NULL;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* what runs in main's place; how main is started, and is ready, holds for the same program only */
static int replace_main(struct machine *machine, struct step_record *record, const char *parameter,
			const char *value)
{
	struct plan_service *service = &machine->plan.main;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	int r = argv_parse(value, &words);

	if (r < 0 || words.count == 0)
		return step_details(record, -EINVAL, "%s=%s: %s", parameter, value,
				    r < 0 ? "a quote is open or an escape is unknown"
					  : "it names no program");
	if (words.items[0][0] != '/') {
		char *path = find_program(words.items[0]);

		if (!path)
			return step_details(record, -ENOENT,
					    "%s=%s: there is no program '%s' in this image",
					    parameter, value, words.items[0]);
		free(words.items[0]);
		words.items[0] = path;
	}
	if (service->exec.count == 0 || !text_equal(service->exec.items[0], words.items[0])) {
		memory_free(&service->ready);
		memory_free(&service->user);
		memory_free(&service->directory);
		memory_free(&service->stop);
		machine->plan.end = PLAN_END_RESTART;
	}
	strings_free(&service->exec);
	service->exec = words;
	words = STRINGS_EMPTY;
	machine->plan.has_main = true;
	return replace(&service->name, basename(service->exec.items[0]));
}

/* what they mean is for root_request.c */
static int check_root(struct machine *machine, struct step_record *record, const char *value)
{
	return machine->plan.has_root
		       ? 0
		       : step_details(record, -EINVAL,
				      "mkinitrd.image= and mkinitrd.cow= (%s): this image is its "
				      "own root; give its profile a boot.root",
				      value);
}

static int apply_bundle(struct machine *machine, struct step_record *record, const char *value)
{
	if (!machine->plan.has_bundle)
		return step_details(record, -EINVAL,
				    "mkinitrd.bundle=%s: this image takes no bundle; give its "
				    "profile a boot.bundle",
				    value);
	if (!text_equal(value, "none"))
		return replace(&machine->plan.bundle.path, value);
	machine->plan.has_bundle = false;
	return 0;
}

// clang-format off
static const struct {
	const char *key;
	int (*apply)(struct machine *machine, struct step_record *record, const char *value);
} rows[] = {
	{ "mkinitrd.disk",    apply_disk },
	{ "mkinitrd.mode",    apply_mode },
	{ "mkinitrd.exec",    NULL }, /* parameters_main() */
	{ "mkinitrd.network", NULL }, /* network_parameters.c */
	{ "mkinitrd.image",   check_root },
	{ "mkinitrd.cow",     check_root },
	{ "mkinitrd.bundle",  apply_bundle },
};
// clang-format on

static void warn_unknown(const char *key)
{
	if (!text_after(key, "mkinitrd."))
		return;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_equal(rows[i].key, key))
			return;
	/* of an error's priority, so that "quiet" does not hide it */
	(void)log_line(LOG_ERROR, -EINVAL,
		       "parameter '%s' is not known, ignoring it; known are mkinitrd.disk, .mode, "
		       ".exec, .network, .image, .cow and .bundle",
		       key);
}

/* init= counts where nothing says what to become */
static int apply_init(struct machine *machine, struct step_record *record)
{
	const char *value = cmdline_last(&machine->cmdline, "init");

	if (!value)
		return 0;
	if (!machine->plan.has_main)
		return replace_main(machine, record, "init", value);
	return log_line(LOG_WARNING, 0,
			"init=%s ignored: this image becomes '%s'; mkinitrd.exec= replaces it",
			value,
			machine->plan.main.exec.count ? machine->plan.main.exec.items[0] : "");
}

int parameters_apply(struct machine *machine, struct step_record *record)
{
	int r;

	for (size_t i = 0; i < machine->cmdline.count; i++)
		warn_unknown(machine->cmdline.words[i].key);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *value = cmdline_last(&machine->cmdline, rows[i].key);

		r = value && rows[i].apply ? rows[i].apply(machine, record, value) : 0;

		if (r < 0)
			return r;
	}
	r = network_parameters_apply(machine, record);
	/* programs are looked up where they will be started */
	return r < 0 || machine->plan.has_root ? r : parameters_main(machine, record);
}

int parameters_main(struct machine *machine, struct step_record *record)
{
	const char *value = cmdline_last(&machine->cmdline, "mkinitrd.exec");
	int r = value ? replace_main(machine, record, "mkinitrd.exec", value) : 0;

	return r < 0 || machine->tree_init ? r : apply_init(machine, record);
}
