/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch.c - the steps of dockerlaunch, from top to bottom
 *
 * In:    dockerd and its arguments, settings
 * Out:   this process as dockerd; or what the place has, or what would be done
 * Not:   the command line of the program (dockerlaunch_main.c), what the steps do
 * (dockerlaunch_*.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include "api_mounts.h"
#include "daemon_json.h"
#include "docker_state.h"
#include "dockerd_words.h"
#include "dockerlaunch_place.h"
#include "limits.h"
#include "log.h"

#define PUBLIC __attribute__((visibility("default")))

extern char **environ;

// clang-format off
static const struct {
	const char *name;
	launch_step *step;
} steps[] = {
	{ "arguments",    launch_arguments },
	{ "program",      launch_program },
	{ "capabilities", launch_capabilities },
	{ "mounts",       launch_mounts },
	{ "cgroups",      launch_cgroups },
	{ "leftovers",    launch_leftovers },
	{ "files",        launch_files },
	{ "limits",       launch_limits },
	{ "modules",      launch_modules },
	{ "forwarding",   launch_forwarding },
	{ "firewall",     launch_firewall },
	{ "storage",      launch_storage },
	{ "bridge",       launch_bridge },
};

static const struct {
	const char *name;
	enum log_level level;
} states[] = {
	[LAUNCH_HAS] =     { "has",     LOG_DEBUG },
	[LAUNCH_MAKES] =   { "makes",   LOG_DEBUG },
	[LAUNCH_ALTERS] =  { "makes",   LOG_WARNING },
	[LAUNCH_WITHOUT] = { "without", LOG_WARNING },
	[LAUNCH_LACKS] =   { "lacks",   LOG_ERROR },
};
// clang-format on

/* ---- what steps say ---- */

/* a name may hold anything: one call is one line */
static void clean(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			*line = ' ';
}

/* Return: as a string of JSON, which is UTF-8: what is not becomes '?' */
static json_t *to_json(const char *line)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	json_t *json = json_string(line);

	if (json)
		return json;
	for (; *line; line++)
		text_add_char(&text, (unsigned char)*line < 0x80 ? *line : '?');
	return json_string(text_string(&text));
}

static void print_item(struct launch *launch, enum launch_state state, const char *what,
		       const char *words)
{
	if (launch->items)
		(void)json_array_append_new(
			launch->items,
			json_pack("{s:s, s:s, s:o, s:o}", "state", states[state].name, "step",
				  launch->step, "what", to_json(what), "words", to_json(words)));
	else if (launch->mode == LAUNCH_CHECK)
		(void)printf("%-7s %s: %s: %s\n", states[state].name, launch->step, what, words);
	else if (state != LAUNCH_HAS || launch->settings->level == DOCKERLAUNCH_VERBOSE)
		(void)printf("%s %s: %s: %s\n",
			     state == LAUNCH_MAKES || state == LAUNCH_ALTERS ? "would"
									     : states[state].name,
			     launch->step, what, words);
}

int launch_say(struct launch *launch, enum launch_state state, const char *what, const char *format,
	       ...)
{
	char line[1024], name[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	(void)snprintf(name, sizeof(name), "%s", what);
	clean(line);
	clean(name);
	launch->lacking += state == LAUNCH_LACKS;
	if (!launch_changes(launch)) {
		print_item(launch, state, name, line);
		return 0;
	}
	(void)log_line(states[state].level, 0, "%s: %s: %s", launch->step, name, line);
	return state == LAUNCH_LACKS ? -ENOTSUP : 0;
}

int launch_complain(struct launch *launch, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	launch->status = DOCKERLAUNCH_USAGE;
	return log_line(LOG_ERROR, -EINVAL, "%s", line);
}

bool launch_may(const struct launch *launch, int capability)
{
	return launch->capabilities >> capability & 1;
}

int launch_refusal(const struct launch *launch, int capability)
{
	return launch_may(launch, capability) ? 0 : -EPERM;
}

/* ---- what dockerd is told ---- */

const char *launch_setting(const struct launch *launch, const char *option, const char *key)
{
	struct dockerd_option found;
	json_t *value;

	if (dockerd_words_find(launch->words.items, option, &found) && found.value)
		return found.value;
	value = key ? json_object_get(launch->daemon, key) : NULL;
	return json_is_string(value) && *json_string_value(value) ? json_string_value(value) : NULL;
}

bool launch_is_off(const struct launch *launch, const char *name)
{
	/* as Go's strconv.ParseBool reads it */
	static const char *const words[] = { "0", "f", "F", "false", "False", "FALSE" };
	struct dockerd_option found;

	if (dockerd_words_find(launch->words.items, name, &found)) {
		for (size_t i = 0; found.value && i < COUNT_OF(words); i++)
			if (text_equal(found.value, words[i]))
				return true;
		return false;
	}
	return json_is_false(json_object_get(launch->daemon, name));
}

/* ---- the calls ---- */

static bool is_true(const char *name)
{
	const char *value = getenv(name);

	return value && text_equal(value, "true");
}

PUBLIC struct dockerlaunch_settings dockerlaunch_settings(void)
{
	return (struct dockerlaunch_settings){
		.level = is_true("DOCKER_LAUNCH_DEBUG") ? DOCKERLAUNCH_VERBOSE : DOCKERLAUNCH_WARN,
		.stays = is_true("DOCKER_LAUNCH_REAP"),
		.open_files = LIMIT_NOFILE,
	};
}

static uint64_t own_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static void log_start(const struct launch *launch)
{
	static const enum log_level levels[] = {
		[DOCKERLAUNCH_QUIET] = LOG_ERROR,
		[DOCKERLAUNCH_WARN] = LOG_WARNING,
		[DOCKERLAUNCH_VERBOSE] = LOG_DEBUG,
	};
	enum log_level level = levels[launch->settings->level];

	/* what a check prints is all that it has to say */
	if (!launch_changes(launch) && level > LOG_ERROR)
		level = LOG_ERROR;
	log_to(STDERR_FILENO, "dockerlaunch", level);
}

/* both outputs, of this process and of dockerd */
static int log_file_open(struct launch *launch)
{
	const char *path = launch->settings->log_file;
	CLEANUP(fd_close) int fd = -1;

	if (!path || !launch_changes(launch))
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		return log_line(LOG_ERROR, -errno, "cannot write to the log file '%s': %s", path,
				strerror(errno));
	return 0;
}

/* what this process has, PATH where that is not in it, and what is asked for, which wins */
static int environment_take(struct launch *launch)
{
	const char *const *added = launch->settings->environment;
	int r = getenv("PATH") ? 0 : strings_add(&launch->environment, "PATH=" LAUNCH_PATH);

	for (char **line = environ; r == 0 && line && *line; line++) {
		bool is_replaced = false;

		for (size_t i = 0; added && added[i]; i++) {
			size_t length = strcspn(added[i], "=") + 1;

			is_replaced |= strncmp(added[i], *line, length) == 0;
		}
		if (!is_replaced)
			r = strings_add(&launch->environment, *line);
	}
	for (size_t i = 0; r == 0 && added && added[i]; i++)
		r = strings_add(&launch->environment, added[i]);
	return r;
}

static int words_take(struct launch *launch, char *const *arguments)
{
	int r = strings_add(&launch->words,
			    launch->settings->name ? launch->settings->name : launch->docker);

	for (size_t i = 0; r == 0 && arguments && arguments[i]; i++)
		r = strings_add(&launch->words, arguments[i]);
	return r;
}

static void launch_free(struct launch *launch)
{
	strings_free(&launch->words);
	strings_free(&launch->environment);
	json_decref(launch->daemon);
	json_decref(launch->items);
	memory_free(&launch->program);
	memory_free(&launch->data_root);
}

/* what the file and the command line say together */
static int settings_read(struct launch *launch)
{
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings roots = STRINGS_EMPTY;
	const char *place = daemon_json_place(launch->words.items), *bridge;
	int r = daemon_json_read(place, &launch->daemon, &reason);

	if (r == -EINVAL)
		(void)log_line(LOG_WARNING, r, "'%s' is no JSON that dockerd reads: %s", place,
			       text_string(&reason));
	r = daemon_json_texts(launch->daemon, launch->words.items, "data-root", &roots);
	if (r == 0)
		launch->data_root = strdup(roots.count ? roots.items[0] : DOCKER_DATA_ROOT);
	launch->wants_firewall = !launch_is_off(launch, "iptables");
	bridge = launch_setting(launch, "bridge", "bridge");
	launch->wants_network = !bridge || !text_equal(bridge, "none");
	return launch->data_root ? r : -ENOMEM;
}

static int take_all(struct launch *launch, char *const *arguments)
{
	int r = words_take(launch, arguments);

	if (r == 0)
		r = environment_take(launch);
	if (r == 0)
		r = settings_read(launch);
	return r;
}

/* every step, until one ends it. Return: 0 or an exit status */
static int steps_run(struct launch *launch)
{
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		launch->step = steps[i].name;
		if (steps[i].step(launch) < 0)
			return launch->status ? launch->status : DOCKERLAUNCH_FAILED;
	}
	return DOCKERLAUNCH_OK;
}

/* Return: an exit status; not when this process has become dockerd */
static int become(struct launch *launch)
{
	int r;

	if (launch->settings->level == DOCKERLAUNCH_VERBOSE)
		for (size_t i = 0; i < launch->words.count; i++)
			(void)log_line(LOG_DEBUG, 0, "exec: %s: '%s'", launch->program,
				       launch->words.items[i]);
	if (launch->settings->stays)
		return launch_stay(launch);
	(void)execve(launch->program, launch->words.items, launch->environment.items);
	r = -errno;
	(void)log_line(LOG_ERROR, r, "cannot execute '%s': %s", launch->program, strerror(-r));
	return r == -ENOENT ? DOCKERLAUNCH_NOT_FOUND : DOCKERLAUNCH_NOT_EXECUTABLE;
}

static int print_json(const struct launch *launch)
{
	json_t *object =
		json_pack("{s:b, s:O}", "ok", launch->lacking == 0, "items", launch->items);
	int r = object ? json_dumpf(object, stdout, JSON_INDENT(1)) : -1;

	json_decref(object);
	(void)putchar('\n');
	return r < 0 ? DOCKERLAUNCH_FAILED : DOCKERLAUNCH_OK;
}

static int launch(struct launch *launch, char *const *arguments)
{
	int status;

	log_start(launch);
	if (log_file_open(launch) < 0)
		return DOCKERLAUNCH_FAILED;
	launch->capabilities = own_capabilities();
	if (take_all(launch, arguments) < 0) {
		(void)log_line(LOG_ERROR, -ENOMEM, "no memory left");
		return DOCKERLAUNCH_FAILED;
	}
	status = steps_run(launch);
	if (status == DOCKERLAUNCH_OK && launch_changes(launch))
		return become(launch);
	if (status == DOCKERLAUNCH_OK && launch->items)
		status = print_json(launch);
	if (fflush(stdout) != 0 || ferror(stdout))
		return DOCKERLAUNCH_FAILED;
	if (status != DOCKERLAUNCH_OK || launch->lacking == 0)
		return status;
	return launch->status                 ? launch->status
	       : launch->mode == LAUNCH_CHECK ? DOCKERLAUNCH_LACKS
					      : DOCKERLAUNCH_FAILED;
}

static int call(const struct dockerlaunch_settings *settings, enum launch_mode mode, json_t *items,
		const char *docker, char *const *arguments)
{
	struct launch it = { .settings = settings, .mode = mode, .docker = docker, .items = items };
	int status = launch(&it, arguments);

	launch_free(&it);
	return status;
}

PUBLIC int dockerlaunch_with(const struct dockerlaunch_settings *settings, const char *docker,
			     char *const *arguments)
{
	return call(settings, LAUNCH_RUN, NULL, docker, arguments);
}

PUBLIC int dockerlaunch(const char *docker, char *const *arguments)
{
	struct dockerlaunch_settings settings = dockerlaunch_settings();

	return dockerlaunch_with(&settings, docker, arguments);
}

PUBLIC int dockerlaunch_check(const struct dockerlaunch_settings *settings, const char *docker,
			      char *const *arguments, bool as_json)
{
	return call(settings, LAUNCH_CHECK, as_json ? json_array() : NULL, docker, arguments);
}

PUBLIC int dockerlaunch_dry_run(const struct dockerlaunch_settings *settings, const char *docker,
				char *const *arguments)
{
	return call(settings, LAUNCH_DRY_RUN, NULL, docker, arguments);
}
