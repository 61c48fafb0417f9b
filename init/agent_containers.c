/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_containers.c - containers of ours: listed, made, started, stopped, renamed
 *
 * In:    Docker, names, ids, the body of a create request
 * Out:   done, or one line why not
 * Not:   which of them (agent_declared.c), what they are made of (agent_declaration.c)
 * Facts: Docker Engine API reference: /containers/json with filters, /containers/create,
 *        /containers/{id}/start|stop|rename, DELETE /images/{name}. Start and stop answer 304 when
 *        there was nothing to do
 */
#include "agent_containers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/file.h"

/* a stop takes as long as the container may take, which it says itself */
#define STOP_SILENCE_MS (10u * 60 * 1000)

static void container_free(struct docker_container *container)
{
	memory_free(&container->id);
	memory_free(&container->name);
	memory_free(&container->declared);
	memory_free(&container->hash);
	memory_free(&container->image);
}

void docker_containers_free(struct docker_containers *containers)
{
	for (size_t i = 0; i < containers->count; i++)
		container_free(&containers->items[i]);
	memory_free(&containers->items);
	containers->count = 0;
}

static int label_copy(const json_t *labels, const char *name, char **ret_value)
{
	const char *value = json_string_value(json_object_get(labels, name));

	*ret_value = strdup(value ? value : "");
	return *ret_value ? 0 : -ENOMEM;
}

/* {"Id": "...", "Names": ["/web"], "State": "running", "Labels": {...}} */
static int container_take(const json_t *object, struct docker_container *container)
{
	const json_t *labels = json_object_get(object, "Labels");
	const char *id = json_string_value(json_object_get(object, "Id"));
	const char *name = json_string_value(json_array_get(json_object_get(object, "Names"), 0));
	const char *state = json_string_value(json_object_get(object, "State"));
	int r;

	if (!id || !*id || !name || !json_object_get(labels, LABEL_NAME))
		return -EPROTO;
	container->is_running = state && text_equal(state, "running");
	container->id = strdup(id);
	container->name = strdup(name + (name[0] == '/'));
	r = container->id && container->name ? 0 : -ENOMEM;
	if (r == 0)
		r = label_copy(labels, LABEL_NAME, &container->declared);
	if (r == 0)
		r = label_copy(labels, LABEL_HASH, &container->hash);
	return r < 0 ? r : label_copy(labels, LABEL_IMAGE, &container->image);
}

int docker_containers_parse(const char *bytes, size_t length,
			    struct docker_containers *ret_containers)
{
	json_t *array = json_loadb(bytes, length, 0, NULL);
	size_t count = json_array_size(array);
	int r = json_is_array(array) ? 0 : -EPROTO;

	*ret_containers = DOCKER_CONTAINERS_EMPTY;
	if (r == 0 && count > 0) {
		ret_containers->items = calloc(count, sizeof(*ret_containers->items));
		r = ret_containers->items ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < count; i++) {
		ret_containers->count = i + 1;
		r = container_take(json_array_get(array, i), &ret_containers->items[i]);
	}
	json_decref(array);
	if (r < 0)
		docker_containers_free(ret_containers);
	return r;
}

int docker_containers_ours(const struct docker *docker, struct docker_containers *ret_containers,
			   struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;
	int r;

	text_add(&target, "/containers/json?all=1&filters=");
	http_encode(&target, "{\"label\":[\"" LABEL_NAME "\"]}");
	r = docker_request(docker, "GET", text_string(&target), &response);
	if (r == 0 && response.status == 200)
		r = docker_containers_parse(text_string(&response.body), response.body.length,
					    ret_containers);
	else if (r == 0)
		r = -EIO;
	if (r == 0)
		return 0;
	text_add(reason, "cannot ask which containers there are: ");
	if (response.status != 0 && response.status != 200)
		return docker_refused(&response, reason);
	text_add(reason, strerror(-r));
	return r;
}

/* a POST with @body, which may be NULL */
static int post(const struct docker *docker, const char *target, json_t *body,
		struct http_response *response)
{
	CLEANUP(memory_free) char *bytes = body ? json_dumps(body, JSON_COMPACT) : NULL;
	CLEANUP(fd_close) int fd = -1;
	struct http_request request = {
		.socket_path = docker->socket_path,
		.method = "POST",
		.target = target,
		.body_fd = -1,
		.silence_ms = docker->silence_ms,
	};
	int r = 0;

	if (body) {
		if (!bytes)
			return -ENOMEM;
		fd = memfd_create("body", MFD_CLOEXEC);
		if (fd < 0)
			return -errno;
		r = file_write_fd(fd, bytes, strlen(bytes));
		if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
			r = -errno;
		request.body_type = "application/json";
		request.body_fd = fd;
	}
	return r < 0 ? r : http_request(&request, response);
}

/* what a request came to, told as "cannot DO 'WHAT': ..." */
static int settle(int r, const struct http_response *response, const char *doing, const char *what,
		  struct text *reason)
{
	if (r == 0 && (response->status < 300 || response->status == 304))
		return 0;
	text_format(reason, "cannot %s '%s': ", doing, what);
	if (r == 0)
		return docker_refused(response, reason);
	text_add(reason, strerror(-r));
	return r;
}

int docker_create(const struct docker *docker, const char *name, json_t *body, char **ret_id,
		  struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;
	json_t *object;
	const char *id;
	int r;

	text_add(&target, "/containers/create?name=");
	http_encode(&target, name);
	r = settle(post(docker, text_string(&target), body, &response), &response,
		   "make the container", name, reason);
	if (r < 0)
		return r;
	object = json_loadb(text_string(&response.body), response.body.length, 0, NULL);
	id = json_string_value(json_object_get(object, "Id"));
	*ret_id = id ? strdup(id) : NULL;
	if (!id) {
		text_format(reason, "Docker's answer about the container '%s' has no Id", name);
		r = -EPROTO;
	} else if (!*ret_id) {
		r = -ENOMEM;
	}
	json_decref(object);
	return r;
}

/* POST /containers/ID/VERB */
static int act(const struct docker *docker, const char *id, const char *verb, const char *doing,
	       struct text *reason)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;

	text_add(&target, "/containers/");
	http_encode(&target, id);
	text_add(&target, verb);
	return settle(post(docker, text_string(&target), NULL, &response), &response, doing, id,
		      reason);
}

int docker_start(const struct docker *docker, const char *id, struct text *reason)
{
	return act(docker, id, "/start", "start the container", reason);
}

int docker_stop(const struct docker *docker, const char *id, struct text *reason)
{
	const struct docker patient = { docker->socket_path, STOP_SILENCE_MS };

	return act(&patient, id, "/stop", "stop the container", reason);
}

int docker_rename(const struct docker *docker, const char *id, const char *name,
		  struct text *reason)
{
	CLEANUP(text_free) struct text verb = TEXT_EMPTY;

	text_add(&verb, "/rename?name=");
	http_encode(&verb, name);
	return act(docker, id, text_string(&verb), "rename the container", reason);
}

void docker_image_drop(const struct docker *docker, const char *id)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;

	text_add(&target, "/images/");
	http_encode(&target, id);
	(void)docker_request(docker, "DELETE", text_string(&target), &response);
}
