/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_state.c - state of Docker's that an unclean stop leaves, and that it would not start with
 *
 * In:    Docker's root, its settings and arguments
 * Out:   empty files, pid files and dead sockets renamed; everything else untouched
 * Facts: a file that was written before a power cut, and renamed, can be empty after it when its
 *        bytes were not: rename(2) and fsync(2). With an empty list of images dockerd does not
 * start: docs/boot.md section 8
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent_aside.h"
#include "agent_daemon_json.h"
#include "agent_state.h"
#include "lib/unix_socket.h"

/* a file with fewer bytes than any content has */
static void clear_empty(const char *directory, const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct stat status;

	text_format(&path, "%s/%s", directory, name);
	if (!path.failed && lstat(text_string(&path), &status) == 0 && S_ISREG(status.st_mode) &&
	    status.st_size < 2)
		(void)set_aside(text_string(&path), "empty, as an unclean stop leaves it");
}

/* @root: Docker's */
static void clear_empty_files(const char *root)
{
	static const char *const files[] = {
		"engine-id",
		"swarm/docker-state.json",
		"swarm/state.json",
	};
	CLEANUP(strings_free) struct strings drivers = STRINGS_EMPTY;
	CLEANUP(text_free) struct text images = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(files); i++)
		clear_empty(root, files[i]);
	/* a list of images for each storage driver that was ever used */
	text_format(&images, "%s/image", root);
	names_in(text_string(&images), &drivers);
	for (size_t i = 0; i < drivers.count; i++) {
		CLEANUP(text_free) struct text folder = TEXT_EMPTY;

		text_format(&folder, "%s/%s", text_string(&images), drivers.items[i]);
		clear_empty(text_string(&folder), "repositories.json");
	}
}

/* nothing of Docker's runs yet: what has the name of its socket or pid file is left from before */
static void clear_stale(const char *path, bool is_socket)
{
	int fd = -1;

	if (*path != '/' || !(is_socket ? is_there(path) : is_regular(path)))
		return;
	if (is_socket && unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK, &fd) == 0) {
		(void)close(fd);
		return;
	}
	(void)set_aside(path, is_socket ? "in the way of Docker's socket, and nobody listens there"
					: "a pid file that was left");
}

void state_clear(const char *data, json_t *daemon, char *const *words)
{
	CLEANUP(strings_free)
	struct strings roots = STRINGS_EMPTY, pids = STRINGS_EMPTY, hosts = STRINGS_EMPTY;

	(void)daemon_json_texts(daemon, words, "data-root", &roots);
	(void)daemon_json_texts(daemon, words, "pidfile", &pids);
	(void)daemon_json_texts(daemon, words, "hosts", &hosts);
	clear_empty_files(roots.count ? roots.items[0] : data);
	clear_stale(pids.count ? pids.items[0] : "/var/run/docker.pid", false);
	if (hosts.count == 0)
		clear_stale("/var/run/docker.sock", true);
	for (size_t i = 0; i < hosts.count; i++) {
		const char *path = text_after(hosts.items[i], "unix://");

		if (path)
			clear_stale(*path ? path : "/var/run/docker.sock", true);
	}
}
