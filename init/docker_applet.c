/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_applet.c - "docker" in the console container: the host's own client
 *
 * In:    the container's arguments; the host's root, bound at /host
 * Out:   the host's client, with the host's libraries: it works whatever the container's image has
 * Not:   the bind of this program (agent_console.c), that of the root (the profile)
 *
 * Relative paths work below /host; elsewhere they start at the host's root, which is also where the
 * daemon looks for the sources of volumes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "session.h"

#define HOST_ROOT "/host"
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

int applet_docker(int argc, char **argv)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(memory_free) char *here = getcwd(NULL, 0);
	const char *inside = here ? text_after(here, HOST_ROOT "/") : NULL;

	(void)argc;
	if (chroot(HOST_ROOT) < 0 || chdir("/") < 0) {
		(void)fprintf(stderr,
			      "docker: cannot enter the host's root at '" HOST_ROOT "': %s; the "
			      "console's 'binds:' must have '/:" HOST_ROOT "'\n",
			      strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	/* a directory that is gone is as good as none: '/' */
	if (inside && chdir(inside) < 0)
		errno = 0;
	if (program_find("docker", &path) < 0) {
		(void)fprintf(stderr, "docker: there is no 'docker' on the host\n");
		return EXIT_NOT_FOUND;
	}
	(void)execv(path, argv);
	(void)fprintf(stderr, "docker: cannot start the host's '%s': %s\n", path, strerror(errno));
	return EXIT_CANNOT_RUN;
}
