/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_docker.c - Docker's Engine API, as far as the agent needs it
 *
 * In:    a socket path, names of images and containers, archives
 * Out:   done, or one line why not
 * Not:   HTTP itself (agent_http.c), what to do with the result (agent.c)
 * Facts: Docker Engine API reference: /_ping, /info, /images/{name}/json, /images/load,
 *        /containers/{id}, /containers/{id}/wait; a path without version is answered by all
 *        versions, as the newest that each knows. containerd's image store is known by its
 *        driver-type in /info: Docker's manual, "containerd image store"
 */
#include "agent_docker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

#include <jansson.h>

#include "agent_http.h"

#define PING_SILENCE_MS 5000
#define PAUSE_FIRST_MS 20
#define PAUSE_LAST_MS 500
#define LOAD_SILENCE_MS (10u * 60 * 1000)

/* ---- waiting for the daemon ---- */

/* an inotify descriptor for the socket's directory, or -1 while there is none */
static int directory_watch(const char *socket_path)
{
	CLEANUP(text_free) struct text directory = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	const char *slash = strrchr(socket_path, '/');

	if (!slash)
		return -1;
	text_add_bytes(&directory, socket_path, (size_t)(slash - socket_path) + 1);
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0 || inotify_add_watch(fd, text_string(&directory),
					IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0)
		return -1;
	return fd_take(&fd);
}

/* until something happens in the directory, or the pause is over; the pause then grows */
static void watch_pause(int watch_fd, uint64_t left_ms, int *pause_ms)
{
	char events[4096];
	struct pollfd pollfd = { .fd = watch_fd, .events = POLLIN };
	int timeout_ms = left_ms < (uint64_t)*pause_ms ? (int)left_ms : *pause_ms;

	if (poll(&pollfd, 1, timeout_ms) > 0) {
		while (read(watch_fd, events, sizeof(events)) > 0)
			;
		*pause_ms = PAUSE_FIRST_MS;
		return;
	}
	*pause_ms = *pause_ms * 2 < PAUSE_LAST_MS ? *pause_ms * 2 : PAUSE_LAST_MS;
}

static int docker_ping(const struct docker *docker, uint64_t left_ms, int *ret_status)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	const struct http_request request = {
		.socket_path = docker->socket_path,
		.method = "GET",
		.target = "/_ping",
		.body_fd = -1,
		.silence_ms = left_ms < PING_SILENCE_MS ? left_ms : PING_SILENCE_MS,
	};
	int r = http_request(&request, &response);

	*ret_status = response.status;
	return r;
}

int docker_wait(const struct docker *docker, uint64_t wait_ms, struct text *reason)
{
	CLEANUP(fd_close) int watch_fd = -1;
	uint64_t start_ms = http_clock_ms();
	int pause_ms = PAUSE_FIRST_MS, status = 0;

	for (;;) {
		uint64_t spent_ms = http_clock_ms() - start_ms;
		uint64_t left_ms = spent_ms < wait_ms ? wait_ms - spent_ms : 0;
		int r;

		if (watch_fd < 0)
			watch_fd = directory_watch(docker->socket_path);
		/* also with no time left: a deadline of 0 asks once */
		r = docker_ping(docker, left_ms > 0 ? left_ms : 1, &status);
		if (r == 0 && status == 200)
			return 0;
		if (left_ms == 0) {
			text_format(reason, "Docker does not answer at '%s' after %llu ms: ",
				    docker->socket_path, (unsigned long long)wait_ms);
			if (r < 0)
				text_add(reason, strerror(-r));
			else
				text_format(reason, "it says status %d", status);
			return r < 0 ? r : -EIO;
		}
		watch_pause(watch_fd, left_ms, &pause_ms);
	}
}

/* ---- requests ---- */

int docker_request(const struct docker *docker, const char *method, const char *target,
		   struct http_response *response)
{
	const struct http_request request = {
		.socket_path = docker->socket_path,
		.method = method,
		.target = target,
		.body_fd = -1,
		.silence_ms = docker->silence_ms,
	};

	return http_request(&request, response);
}

int docker_refused(const struct http_response *response, struct text *reason)
{
	const struct text *body = &response->body;
	json_t *object = json_loadb(text_string(body), body->length, 0, NULL);
	const char *message = json_string_value(json_object_get(object, "message"));

	if (message)
		text_format(reason, "Docker says: %s", message);
	else
		text_format(reason, "Docker answers with status %d", response->status);
	json_decref(object);
	return -EIO;
}

int docker_image_id(const struct docker *docker, const char *name, char **ret_id,
		    struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;
	const char *id;
	json_t *object;
	int r;

	text_add(&target, "/images/");
	http_encode(&target, name);
	text_add(&target, "/json");
	r = docker_request(docker, "GET", text_string(&target), &response);
	if (r == 0 && response.status == 404)
		return -ENOENT;
	if (r < 0 || response.status != 200) {
		text_format(reason, "cannot ask for image '%s': ", name);
		if (r == 0)
			return docker_refused(&response, reason);
		text_add(reason, strerror(-r));
		return r == -ENOENT ? -ECONNREFUSED : r;
	}

	object = json_loadb(text_string(&response.body), response.body.length, 0, NULL);
	id = json_string_value(json_object_get(object, "Id"));
	if (id) {
		*ret_id = strdup(id);
		r = *ret_id ? 0 : -ENOMEM;
	} else {
		text_format(reason, "Docker's answer about image '%s' has no Id", name);
		r = -EPROTO;
	}
	json_decref(object);
	return r;
}

void docker_info_free(struct docker_info *info)
{
	memory_free(&info->root);
}

/* DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"], ...] */
static bool is_image_store(const json_t *status)
{
	for (size_t i = 0; i < json_array_size(status); i++) {
		const json_t *pair = json_array_get(status, i);
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));

		if (name && value && text_equal(name, "driver-type") &&
		    text_after(value, "io.containerd.snapshotter."))
			return true;
	}
	return false;
}

int docker_info(const struct docker *docker, struct docker_info *ret_info, struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	int r = docker_request(docker, "GET", "/info", &response);
	const char *root;
	json_t *object;

	if (r < 0 || response.status != 200) {
		text_add(reason, "cannot ask for Docker's state: ");
		if (r == 0)
			return docker_refused(&response, reason);
		text_add(reason, strerror(-r));
		return r;
	}
	object = json_loadb(text_string(&response.body), response.body.length, 0, NULL);
	root = json_string_value(json_object_get(object, "DockerRootDir"));
	if (root) {
		ret_info->root = strdup(root);
		ret_info->has_image_store = is_image_store(json_object_get(object, "DriverStatus"));
		r = ret_info->root ? 0 : -ENOMEM;
	} else {
		text_add(reason, "Docker's answer about its state has no DockerRootDir");
		r = -EPROTO;
	}
	json_decref(object);
	return r;
}

int docker_load_result(const char *bytes, size_t length, struct text *reason)
{
	while (length > 0) {
		json_error_t error;
		json_t *object = json_loadb(bytes, length, JSON_DISABLE_EOF_CHECK, &error);
		const char *message;
		size_t used;

		if (!object)
			break; /* blanks at the end, or no message at all: nothing was refused */
		message = json_string_value(
			json_object_get(json_object_get(object, "errorDetail"), "message"));
		if (!message)
			message = json_string_value(json_object_get(object, "error"));
		if (message)
			text_format(reason, "Docker says: %s", message);
		json_decref(object);
		if (message)
			return -EIO;
		used = (size_t)error.position;
		if (used == 0 || used > length)
			break;
		bytes += used;
		length -= used;
	}
	return 0;
}

static int load_send(const struct docker *docker, const char *archive, struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(fd_close) int fd = open(archive, O_RDONLY | O_CLOEXEC);
	const struct http_request request = {
		.socket_path = docker->socket_path,
		.method = "POST",
		.target = "/images/load?quiet=1",
		.body_type = "application/x-tar",
		.body_fd = fd,
		.silence_ms = LOAD_SILENCE_MS,
	};
	int r = fd < 0 ? -errno : http_request(&request, &response);

	if (r < 0) {
		text_add(reason, strerror(-r));
		return r;
	}
	if (response.status != 200)
		return docker_refused(&response, reason);
	return docker_load_result(text_string(&response.body), response.body.length, reason);
}

int docker_load(const struct docker *docker, const char *name, const char *archive,
		struct text *reason)
{
	CLEANUP(memory_free) char *id = NULL;
	int r;

	text_format(reason, "cannot load '%s' from '%s': ", name, archive);
	r = load_send(docker, archive, reason);
	if (r < 0)
		return r;
	text_clear(reason);
	r = docker_image_id(docker, name, &id, reason);
	if (r == -ENOENT)
		text_format(reason, "'%s' was loaded, but no image '%s' was in it", archive, name);
	return r;
}

int docker_remove(const struct docker *docker, const char *container, struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;
	int r;

	text_add(&target, "/containers/");
	http_encode(&target, container);
	text_add(&target, "?force=1");
	r = docker_request(docker, "DELETE", text_string(&target), &response);
	if (r == 0 && response.status == 409) {
		/* its own --rm is at work already: wait for the end of that */
		text_clear(&target);
		text_add(&target, "/containers/");
		http_encode(&target, container);
		text_add(&target, "/wait?condition=removed");
		r = docker_request(docker, "POST", text_string(&target), &response);
	}
	if (r == 0 && (response.status < 300 || response.status == 404))
		return 0;
	text_format(reason, "cannot remove container '%s': ", container);
	if (r == 0)
		return docker_refused(&response, reason);
	text_add(reason, strerror(-r));
	return r;
}
