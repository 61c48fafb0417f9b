/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_docker.h - what the agent asks of Docker
 *
 * Functions with @reason put one line there when they fail: what, and what Docker said. Paths carry
 * no API version, so that any Docker answers in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent_http.h"

struct docker {
	const char *socket_path;
	uint64_t silence_ms; /* the longest that Docker may think about a request */
};

/**
 * docker_wait() - until GET /_ping answers 200; at most @wait_ms
 *
 * Woken by what happens in the socket's directory; what has no event (the directory appears, the
 * daemon listens, it becomes ready) is looked for again after a growing pause.
 */
int docker_wait(const struct docker *docker, uint64_t wait_ms, struct text *reason);

/**
 * docker_image_id() - the id of the image that @name (NAME:TAG) stands for
 *
 * Return: 0 with *ret_id for the caller to free, -ENOENT (no reason given) when there is none
 */
int docker_image_id(const struct docker *docker, const char *name, char **ret_id,
		    struct text *reason);

struct docker_info {
	char *root;           /* where Docker keeps what it has, a path of the host */
	bool has_image_store; /* images are containerd's: an id is that of a manifest, not of a
			       * configuration */
};

void docker_info_free(struct docker_info *info);

/** docker_info() - what Docker says of itself */
int docker_info(const struct docker *docker, struct docker_info *ret_info, struct text *reason);

/** docker_load() - load a docker-load archive; whether @name is there afterwards is checked */
int docker_load(const struct docker *docker, const char *name, const char *archive,
		struct text *reason);

/** docker_remove() - end and remove a container; that there is none is fine */
int docker_remove(const struct docker *docker, const char *container, struct text *reason);

/** docker_request() - ask, without a body; quiet. Return: that of http_request() */
int docker_request(const struct docker *docker, const char *method, const char *target,
		   struct http_response *response);

/** docker_refused() - Docker's answer as the end of a reason: {"message": "..."}, else the status
 * alone. Return: -EIO */
int docker_refused(const struct http_response *response, struct text *reason);

/** docker_pull() - "docker pull", by the client at @client
 *
 * @is_quiet: what it says is not shown; else the terminal shows how far it is
 *
 * Return: 0, or a negative errno with what the client said last; bounded, by half an hour */
int docker_pull(const struct docker *docker, const char *client, const char *image, bool is_quiet,
		struct text *reason);

/** docker_load_result() - what the stream of messages of a load says. Return: 0, or -EIO with
 * Docker's own words added to @reason. Untrusted input */
int docker_load_result(const char *bytes, size_t length, struct text *reason);
