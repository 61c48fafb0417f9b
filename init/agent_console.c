/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_console.c - which image a console's container is made of, and the docker CLI that runs it
 *
 * In:    the console's image, and what to take without it: in memory, on a disk
 * Out:   the image, pulled where Docker does not have it; the CLI in the place of this process. The
 *        report says what came of it, in one line: "pulling IMAGE", "ok DETAILS", "failed WHY"
 * Not:   starting it again (console.c), pulling (agent_pull.c)
 * Facts: docker run --pull=never: Docker's manual; since 20.10. magic numbers of
 *        file systems: statfs(2)
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/file.h"

/* ---- what the console sees of the host ---- */

/* beside what the profile binds. Docker would make a directory of a missing source, so what is not
 * there is left out */
// clang-format off
static const char *const console_binds[] = {
	"/run/mkinitrd/control:/run/mkinitrd/control",
	"/run/mkinitrd/shell.rc:/run/mkinitrd/shell.rc:ro",
	/* the init binary under the names of its applets */
	"/init:/usr/local/sbin/poweroff:ro",
	"/init:/usr/local/sbin/reboot:ro",
	"/init:/usr/local/sbin/halt:ro",
	/* the host's client, which needs the host's libraries */
	"/init:/usr/local/bin/docker:ro",
};
// clang-format on

static int bind_add(struct strings *words, const char *bind)
{
	CLEANUP(text_free) struct text source = TEXT_EMPTY;

	text_add_bytes(&source, bind, strcspn(bind, ":"));
	if (bind[0] == '/' && access(text_string(&source), F_OK) < 0)
		return 0;
	return strings_add_format(words, "--volume=%s", bind);
}

static int console_words(const struct agent_arguments *arguments, const char *image,
			 struct strings *words)
{
	/* a shell as process 1 does not hear SIGTERM: waiting for it would use up its time; where
	 * Docker remaps user namespaces, privileged is refused in any but the host's */
	static const char *const before[] = { "run",          "--rm", "--pull=never",
					      "--net",        "host", "--privileged",
					      "--log-driver", "none", "--stop-signal=KILL",
					      "--userns=host" };
	int r = strings_add(words, arguments->docker);

	if (r >= 0)
		r = strings_add_format(words, "--host=unix://%s", arguments->socket);
	for (size_t i = 0; r >= 0 && i < COUNT_OF(before); i++)
		r = strings_add(words, before[i]);
	/* the CLI refuses -t without a terminal on its input */
	if (r >= 0)
		r = strings_add(words, isatty(STDIN_FILENO) ? "-it" : "-i");
	if (r >= 0)
		r = strings_add_format(words, "--name=%s", arguments->name);
	if (r >= 0)
		r = strings_add_format(words, "--cgroup-parent=/%s", arguments->name);
	if (r >= 0)
		r = strings_add(words, "--env=ENV=/run/mkinitrd/shell.rc");
	if (r >= 0)
		r = strings_add_format(words, "--volume=%s:/var/run/docker.sock",
				       arguments->socket);
	for (size_t i = 0; r >= 0 && i < COUNT_OF(console_binds); i++)
		r = bind_add(words, console_binds[i]);
	for (size_t i = 0; r >= 0 && i < arguments->binds.count; i++)
		r = bind_add(words, arguments->binds.items[i]);
	if (r >= 0)
		r = strings_add(words, image);
	for (char **word = arguments->rest; r >= 0 && *word; word++)
		r = strings_add(words, *word);
	return r;
}

/* ---- the image ---- */

static void report(const struct agent_arguments *arguments, struct text *line)
{
	if (arguments->report)
		(void)file_write(AT_FDCWD, arguments->report, text_string(line), 0600);
}

/* whether what Docker keeps survives the machine: the host's own root never does */
static bool is_on_disk(const char *directory)
{
	struct stat root, status;
	struct statfs system;

	if (stat("/", &root) < 0 || stat(directory, &status) < 0 || statfs(directory, &system) < 0)
		return false;
	return status.st_dev != root.st_dev && system.f_type != TMPFS_MAGIC &&
	       system.f_type != RAMFS_MAGIC;
}

/* the profile's choice when there is no image of the console's name; pulled when it is not there
 * either */
static int choose_other(const struct agent_arguments *arguments, const struct docker *docker,
			const char **ret_image, struct text *details, struct text *line)
{
	CLEANUP(docker_info_free) struct docker_info info = { 0 };
	CLEANUP(memory_free) char *id = NULL;
	const char *image;
	int r;

	r = docker_info(docker, &info, line);
	if (r < 0)
		return r;
	image = is_on_disk(info.root) ? arguments->on_disk : arguments->in_memory;
	if (!image) {
		text_format(line,
			    "there is no image '%s'; load one, or give its name to another with "
			    "'docker tag'",
			    arguments->image);
		return -ENOENT;
	}
	*ret_image = image;
	text_format(details, "image=%s absent=%s", image, arguments->image);
	r = docker_image_id(docker, image, &id, line);
	if (r == -ENOENT) {
		CLEANUP(text_free) struct text words = TEXT_EMPTY;

		text_format(&words, "pulling %s", image);
		report(arguments, &words);
		(void)fprintf(stderr, "console: there is no image '%s': pulling '%s'\n",
			      arguments->image, image);
		text_format(line,
			    "there is no image '%s', and '%s' cannot be pulled: ", arguments->image,
			    image);
		r = docker_pull(docker, arguments->docker, image, false, line);
		if (r < 0)
			text_add(line, "; load one of them, or give its name to another image "
				       "with 'docker tag'");
		else
			text_clear(line);
		text_add(details, " pulled=yes");
	}
	return r;
}

static int choose(const struct agent_arguments *arguments, const struct docker *docker,
		  const char **ret_image, struct text *details, struct text *line)
{
	CLEANUP(memory_free) char *id = NULL;
	int r = docker_image_id(docker, arguments->image, &id, line);

	if (r == -ENOENT)
		return choose_other(arguments, docker, ret_image, details, line);
	*ret_image = arguments->image;
	text_format(details, "image=%s", arguments->image);
	return r;
}

int agent_console(const struct agent_arguments *arguments, const struct docker *docker)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY, details = TEXT_EMPTY, told = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	const char *image = NULL;
	int r = docker_wait(docker, arguments->wait_ms, &line);

	if (r >= 0)
		r = docker_remove(docker, arguments->name, &line);
	if (r >= 0)
		r = choose(arguments, docker, &image, &details, &line);
	if (r >= 0)
		r = console_words(arguments, image, &words);
	if (r >= 0) {
		text_format(&told, "ok %s", text_string(&details));
		report(arguments, &told);
		(void)execv(arguments->docker, words.items);
		r = -errno;
		text_format(&line, "cannot start '%s': %s", arguments->docker, strerror(-r));
	}
	text_clear(&told);
	text_format(&told, "failed %s", text_string(&line));
	report(arguments, &told);
	text_clear(&told);
	text_format(&told, "console: %s", text_string(&line));
	agent_line(stderr, &told);
	return EXIT_FAILED;
}
