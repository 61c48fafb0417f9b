/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop_wishes.c - how each container wants to be stopped, as Docker knows it
 *
 * In:    the daemon, asked by the agent while it still can answer
 * Out:   signal and time of each container
 * Not:   speaking to Docker (agent_stop.c), sending signals (containers.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"
#include "machine.h"
#include "spawn.h"
#include "stop_wishes.h"

#define DEFAULT_GRACE_MS 10000
#define LAST_SIGNAL 64
#define ANSWER_BYTES (4u << 20)
#define START_MS 500 /* for the agent's own start and end, beyond what it may ask for */

void stop_wishes_free(struct stop_wishes *wishes)
{
	free(wishes->items);
	*wishes = (struct stop_wishes){ 0 };
}

/* "ID SIGNAL MS" */
static int wish_parse(struct stop_wish *wish, char *line)
{
	char *rest = NULL;
	const char *id = strtok_r(line, " ", &rest), *signal_word = strtok_r(NULL, " ", &rest);
	const char *grace = strtok_r(NULL, " ", &rest);
	uint64_t number;

	*wish = (struct stop_wish){ .grace_ms = STOP_NO_LIMIT };
	if (!grace || strspn(id, "0123456789abcdef") != CONTAINER_ID_DIGITS ||
	    id[CONTAINER_ID_DIGITS] || number_parse(signal_word, &number) < 0 || number == 0 ||
	    number > LAST_SIGNAL)
		return -EPROTO;
	if (!text_equal(grace, "-") && number_parse(grace, &wish->grace_ms) < 0)
		return -EPROTO;
	memcpy(wish->id, id, sizeof(wish->id));
	wish->signal = (int)number;
	return 0;
}

int stop_wishes_parse(struct stop_wishes *wishes, char *text)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct stop_wish wish, *grown;

		if (text_equal(line, "end"))
			return 0;
		if (wish_parse(&wish, line) < 0)
			return -EPROTO;
		grown = reallocarray(wishes->items, wishes->count + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		wishes->items = grown;
		wishes->items[wishes->count++] = wish;
	}
	return -EPROTO;
}

/* until the other side closes, or @end_ms. Return: 0 or -ETIMEDOUT */
static int read_until(int fd, uint64_t end_ms, struct text *answer)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	for (;;) {
		uint64_t now = clock_ms();
		ssize_t length;

		if (now >= end_ms || answer->length > ANSWER_BYTES)
			return -ETIMEDOUT;
		if (poll(&pollfd, 1, (int)(end_ms - now)) <= 0)
			continue;
		length = read(fd, bytes, sizeof(bytes));
		if (length == 0)
			return 0;
		if (length > 0)
			text_add_bytes(answer, bytes, (size_t)length);
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int stop_wishes_ask(struct stop_wishes *wishes, const char *socket, uint64_t within_ms)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	CLEANUP(text_free) struct text answer = TEXT_EMPTY;
	CLEANUP(fd_close) int reader = -1;
	static const char agent_path[] = AGENT_PATH;
	const char *const fixed[] = { agent_path, "stops", "--socket", socket, "--wait" };
	struct spawn how = { .cgroup = "agent", .error = -1 };
	int pipe_fds[2] = { -1, -1 }, r = 0;
	pid_t agent = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(fixed); i++)
		r = strings_add(&words, fixed[i]);
	if (r == 0)
		r = strings_add_format(&words, "%llu", (unsigned long long)within_ms);
	if (r == 0 && pipe2(pipe_fds, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0)
		return r;
	reader = pipe_fds[0];
	how.argv = words.items;
	how.output = pipe_fds[1];
	r = spawn(&how, &agent);
	(void)close(pipe_fds[1]);
	if (r < 0)
		return r;
	r = read_until(reader, clock_ms() + within_ms + START_MS, &answer);
	/* whoever reaps children finds it; one that is in time has ended, or is about to */
	if (r < 0)
		(void)kill(agent, SIGKILL);
	if (answer.data && !answer.failed && stop_wishes_parse(wishes, answer.data) == 0)
		return 0;
	return r < 0 ? r : -ETIMEDOUT;
}

struct stop_wish stop_wish_of(const struct stop_wishes *wishes, const char *id)
{
	for (size_t i = 0; i < wishes->count; i++)
		if (text_equal(wishes->items[i].id, id))
			return wishes->items[i];
	return (struct stop_wish){ .signal = SIGTERM, .grace_ms = DEFAULT_GRACE_MS };
}
