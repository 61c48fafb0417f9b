/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.c - process 1 of a container: what its manager tells
 *
 * In:    /proc, the environment, files that managers leave
 * Out:   the manager's name; a machine id
 * Not:   what the steps leave out there (main.c), readiness (notify.c), the end (power.c)
 * Facts: https://systemd.io/CONTAINER_INTERFACE: $container, $container_uuid,
 *        /run/host/container-manager, and that process 1's arguments stand for the kernel's command
 *        line (parameters.c). The first PID namespace has this inode number: kernel
 * include/linux/proc_ns.h, PROC_PID_INIT_INO
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container.h"
#include "lib/file.h"

#define FIRST_PID_NAMESPACE 0xEFFFFFFCU
#define MANAGER_PATH "/run/host/container-manager"
#define MACHINE_ID_PATH "/etc/machine-id"
#define MACHINE_ID_DIGITS 32

bool container_is_here(void)
{
	struct stat namespace;

	/* on a machine /proc is not mounted yet when init asks */
	return stat("/proc/self/ns/pid", &namespace) == 0 &&
	       namespace.st_ino != FIRST_PID_NAMESPACE;
}

char *container_find(void)
{
	static const struct {
		const char *path, *name;
	} marks[] = { { "/.dockerenv", "docker" }, { "/run/.containerenv", "podman" } };
	const char *name = getenv("container");
	char *line = NULL;

	if (!container_is_here())
		return NULL;
	if (name && *name)
		return strdup(name);
	if (file_read_line(AT_FDCWD, MANAGER_PATH, &line) == 0 && *line)
		return line;
	free(line);
	for (size_t i = 0; i < COUNT_OF(marks); i++)
		if (access(marks[i].path, F_OK) == 0)
			return strdup(marks[i].name);
	return strdup("other");
}

/* 32 hexadecimal digits: machine-id(5) */
static int make_id(char *id)
{
	static const char digits[] = "0123456789abcdef";
	const char *uuid = getenv("container_uuid");
	unsigned char bytes[MACHINE_ID_DIGITS / 2];
	size_t length = 0;

	for (; uuid && *uuid && length < MACHINE_ID_DIGITS; uuid++)
		if (*uuid != '-' && (id[length] = *uuid) && strchr(digits, id[length]))
			length++;
	if (length == MACHINE_ID_DIGITS)
		return 0;
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	/* version 4: RFC 9562 section 5.4 */
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < MACHINE_ID_DIGITS; i++)
		id[i] = digits[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
	return 0;
}

int container_machine_id(void)
{
	char id[MACHINE_ID_DIGITS + 2] = "";
	struct stat status;
	int r;

	/* a tree without one does not ask for one */
	if (lstat(MACHINE_ID_PATH, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > 0)
		return 0;
	r = make_id(id);
	if (r < 0)
		return r;
	id[MACHINE_ID_DIGITS] = '\n';
	r = file_write_existing(AT_FDCWD, MACHINE_ID_PATH, id);
	return r < 0 ? r : 1;
}
