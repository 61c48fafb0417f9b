/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_state.c - state of Docker's that an unclean stop leaves, and that it would not start with
 *
 * In:    Docker's root, its settings and arguments
 * Out:   paths of empty and torn files, of pid files and sockets that nobody has any more
 * Not:   what becomes of them (agent_settings.c, dockerlaunch_leftovers.c)
 * Facts: a file that was written before a power cut, and renamed, can be empty after it when its
 *        bytes were not: rename(2) and fsync(2). With an empty list of images dockerd does not
 *        start: docs/boot.md section 8. dockerd refuses a pid file whose process lives, whatever
 *        that is; in a container numbers are small and come again
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "aside.h"
#include "daemon_json.h"
#include "docker_state.h"
#include "lib/file.h"
#include "lib/number.h"
#include "lib/unix_socket.h"

#define SOCKET "/var/run/docker.sock"
#define PID_FILE "/var/run/docker.pid"
#define EXEC_ROOT "/var/run/docker"
#define LIST_BYTES (64 << 20)

struct search {
	leftover_function *found;
	void *context;
};

/* of the one whose path is @path with @name below it */
static void path_join(struct text *text, const char *path, const char *name)
{
	text_format(text, "%s/%s", path, name);
}

/* a file with fewer bytes than any content has */
static bool find_empty(const struct search *search, const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size >= 2)
		return false;
	search->found(path, "empty, as an unclean stop leaves it", search->context);
	return true;
}

/* what Docker alone writes, and must be able to read */
static void find_torn(const struct search *search, const char *path)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	json_t *json;

	if (!is_regular(path) || find_empty(search, path) ||
	    file_read(AT_FDCWD, path, LIST_BYTES, &content) < 0)
		return;
	json = json_loadb(text_string(&content), content.length, 0, NULL);
	if (!json)
		search->found(path, "no whole JSON, as an unclean stop leaves it", search->context);
	json_decref(json);
}

/* @root: Docker's */
static void find_files(const struct search *search, const char *root)
{
	static const char *const files[] = {
		"engine-id",
		"swarm/docker-state.json",
		"swarm/state.json",
	};
	CLEANUP(strings_free) struct strings drivers = STRINGS_EMPTY;
	CLEANUP(text_free) struct text images = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		path_join(&path, root, files[i]);
		(void)find_empty(search, text_string(&path));
	}
	/* a list of images for each storage driver that was ever used */
	path_join(&images, root, "image");
	names_in(text_string(&images), &drivers);
	for (size_t i = 0; i < drivers.count; i++) {
		CLEANUP(text_free) struct text list = TEXT_EMPTY;

		text_format(&list, "%s/%s/repositories.json", text_string(&images),
			    drivers.items[i]);
		find_torn(search, text_string(&list));
	}
}

/* its settings, and the key beside them from which it had its name before 25 */
static void find_settings(const struct search *search, char *const *words)
{
	const char *place = daemon_json_place(words);
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	const char *name = base_name(place);

	(void)find_empty(search, place);
	text_add_bytes(&key, place, (size_t)(name - place));
	text_add(&key, "key.json");
	if (name > place)
		(void)find_empty(search, text_string(&key));
}

/* does the process of a pid file live, and is it what such a file is written by? */
static bool is_at_work(const char *path, char *const *words)
{
	CLEANUP(text_free) struct text file = TEXT_EMPTY;
	CLEANUP(memory_free) char *line = NULL;
	CLEANUP(memory_free) char *name = NULL;
	uint64_t pid;

	/* whoever asks is about to become what would write it */
	if (file_read_line(AT_FDCWD, path, &line) < 0 || number_parse(line, &pid) < 0 ||
	    pid == (uint64_t)getpid())
		return false;
	text_format(&file, "/proc/%llu/comm", (unsigned long long)pid);
	if (file_read_line(AT_FDCWD, text_string(&file), &name) < 0)
		return false;
	/* the kernel cuts names at 15 bytes */
	return text_after(name, "docker") || text_after(name, "containerd") ||
	       (words[0] && strncmp(name, base_name(words[0]), 15) == 0);
}

static void find_pid_file(const struct search *search, const char *path, char *const *words)
{
	if (*path == '/' && is_regular(path) && !is_at_work(path, words))
		search->found(path, "a pid file that was left", search->context);
}

static void find_socket(const struct search *search, const char *path)
{
	int fd = -1;

	if (*path != '/' || !is_there(path))
		return;
	if (unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK, &fd) == 0)
		(void)close(fd);
	else
		search->found(path, "in the way of Docker's socket, and nobody listens there",
			      search->context);
}

static void find_sockets(const struct search *search, const struct strings *hosts)
{
	if (hosts->count == 0)
		find_socket(search, SOCKET);
	for (size_t i = 0; i < hosts->count; i++) {
		const char *path = text_after(hosts->items[i], "unix://");

		if (path)
			find_socket(search, *path ? path : SOCKET);
	}
}

void docker_leftovers(const char *data, json_t *daemon, char *const *words,
		      leftover_function *found, void *context)
{
	const struct search search = { .found = found, .context = context };
	CLEANUP(strings_free)
	struct strings roots = STRINGS_EMPTY, pids = STRINGS_EMPTY, hosts = STRINGS_EMPTY,
		       runs = STRINGS_EMPTY;
	CLEANUP(text_free) struct text containerd = TEXT_EMPTY;

	(void)daemon_json_texts(daemon, words, "data-root", &roots);
	(void)daemon_json_texts(daemon, words, "pidfile", &pids);
	(void)daemon_json_texts(daemon, words, "hosts", &hosts);
	(void)daemon_json_texts(daemon, words, "exec-root", &runs);
	find_files(&search, roots.count ? roots.items[0] : data);
	find_settings(&search, words);
	find_pid_file(&search, pids.count ? pids.items[0] : PID_FILE, words);
	path_join(&containerd, runs.count ? runs.items[0] : EXEC_ROOT, "containerd/containerd.pid");
	find_pid_file(&search, text_string(&containerd), words);
	find_sockets(&search, &hosts);
}
