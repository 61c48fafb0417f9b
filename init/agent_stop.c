/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_stop.c - how each running container wants to be stopped
 *
 * In:    Docker's list of running containers, and what it says of each
 * Out:   the signal and the time of each, in a form that is read without JSON (stop_wishes.c)
 * Not:   sending signals (containers.c)
 * Facts: Docker Engine API reference: /containers/json, /containers/{id}/json with
 *        Config.StopSignal (a name or a number; the image's when none was given) and
 *        Config.StopTimeout (seconds; null: 10; negative: no limit). Docker counts SIGRTMIN from 34
 */
#include "agent_stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "agent_http.h"
#include "lib/number.h"

#define DEFAULT_MS 10000
#define FIRST_REALTIME 34
#define LAST_REALTIME 64
#define ID_DIGITS 64

// clang-format off
static const struct {
	const char *name;
	int number;
} signal_rows[] = {
	{ "HUP",  SIGHUP },  { "INT",    SIGINT },    { "QUIT",  SIGQUIT },  { "ILL",    SIGILL },
	{ "TRAP", SIGTRAP }, { "ABRT",   SIGABRT },   { "IOT",   SIGABRT },  { "BUS",    SIGBUS },
	{ "FPE",  SIGFPE },  { "KILL",   SIGKILL },   { "USR1",  SIGUSR1 },  { "SEGV",   SIGSEGV },
	{ "USR2", SIGUSR2 }, { "PIPE",   SIGPIPE },   { "ALRM",  SIGALRM },  { "TERM",   SIGTERM },
	{ "CHLD", SIGCHLD }, { "CLD",    SIGCHLD },   { "CONT",  SIGCONT },  { "STOP",   SIGSTOP },
	{ "TSTP", SIGTSTP }, { "TTIN",   SIGTTIN },   { "TTOU",  SIGTTOU },  { "URG",    SIGURG },
	{ "XCPU", SIGXCPU }, { "XFSZ",   SIGXFSZ },   { "PROF",  SIGPROF },  { "VTALRM", SIGVTALRM },
	{ "IO",   SIGIO },   { "POLL",   SIGIO },     { "WINCH", SIGWINCH }, { "PWR",    SIGPWR },
	{ "SYS",  SIGSYS },
};
// clang-format on

/* "RTMIN", "RTMIN+3", "RTMAX-2"; 0 when it is none */
static int realtime_parse(const char *name)
{
	const char *offset = strpbrk(name, "+-");
	uint64_t steps = 0;

	if (strncasecmp(name, "RTM", 3) != 0 ||
	    (offset ? offset - name : (long)strlen(name)) != 5 ||
	    (offset && number_parse(offset + 1, &steps) < 0) ||
	    steps > LAST_REALTIME - FIRST_REALTIME)
		return 0;
	if (strncasecmp(name, "RTMIN", 5) == 0)
		return !offset || *offset == '+' ? FIRST_REALTIME + (int)steps : 0;
	if (strncasecmp(name, "RTMAX", 5) == 0)
		return !offset || *offset == '-' ? LAST_REALTIME - (int)steps : 0;
	return 0;
}

int stop_signal_parse(const char *name)
{
	uint64_t number;

	if (!name || !*name)
		return SIGTERM;
	if (number_parse(name, &number) == 0)
		return number > 0 && number <= LAST_REALTIME ? (int)number : SIGTERM;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < COUNT_OF(signal_rows); i++)
		if (strcasecmp(name, signal_rows[i].name) == 0)
			return signal_rows[i].number;
	return realtime_parse(name) ?: SIGTERM;
}

/* GET @target as JSON within what is left of the time; NULL with the reason */
static json_t *get(const struct docker *docker, const char *target, uint64_t end_ms,
		   struct text *reason, int *ret_error)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	uint64_t now_ms = http_clock_ms();
	const struct http_request request = {
		.socket_path = docker->socket_path,
		.method = "GET",
		.target = target,
		.body_fd = -1,
		.silence_ms = now_ms < end_ms ? end_ms - now_ms : 1,
	};
	json_t *answer = NULL;
	int r = http_request(&request, &response);

	if (r == 0 && response.status == 200) {
		answer = json_loadb(text_string(&response.body), response.body.length, 0, NULL);
		r = answer ? 0 : -EPROTO;
	} else if (r == 0) {
		r = response.status == 404 ? -ENOENT : -EIO;
	}
	if (r < 0)
		text_format(reason, "Docker does not say how containers are stopped (GET %s): %s",
			    target, response.status ? "another answer than 200" : strerror(-r));
	*ret_error = r;
	return answer;
}

static bool is_id(const char *id)
{
	return id && strlen(id) == ID_DIGITS && strspn(id, "0123456789abcdef") == ID_DIGITS;
}

static int add_one(const struct docker *docker, const char *id, uint64_t end_ms, struct text *lines,
		   struct text *reason)
{
	CLEANUP(text_free) struct text target = TEXT_EMPTY, why = TEXT_EMPTY;
	json_t *container;
	const json_t *config, *timeout;
	int r;

	text_format(&target, "/containers/%s/json", id);
	container = get(docker, text_string(&target), end_ms, &why, &r);
	/* it has ended meanwhile */
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		text_add(reason, text_string(&why));
		return r;
	}
	config = json_object_get(container, "Config");
	timeout = json_object_get(config, "StopTimeout");
	text_format(lines, "%s %d ", id,
		    stop_signal_parse(json_string_value(json_object_get(config, "StopSignal"))));
	if (!json_is_integer(timeout))
		text_format(lines, "%d\n", DEFAULT_MS);
	else if (json_integer_value(timeout) < 0 || json_integer_value(timeout) > INT32_MAX)
		text_add(lines, "-\n");
	else
		text_format(lines, "%llu\n",
			    (unsigned long long)json_integer_value(timeout) * 1000);
	json_decref(container);
	return lines->failed ? -ENOMEM : 0;
}

int docker_stops(const struct docker *docker, uint64_t within_ms, struct text *lines,
		 struct text *reason)
{
	uint64_t end_ms = http_clock_ms() + within_ms;
	json_t *list;
	int r;

	list = get(docker, "/containers/json", end_ms, reason, &r);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		const char *id = json_string_value(json_object_get(json_array_get(list, i), "Id"));

		if (is_id(id))
			r = add_one(docker, id, end_ms, lines, reason);
	}
	json_decref(list);
	if (r == 0)
		text_add(lines, "end\n");
	return lines->failed ? -ENOMEM : r;
}
