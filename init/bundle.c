/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - the program that checks a host's bundle and lays it over an image
 *
 * In:    bundle [--key HEX] DISK PATH TARGET ROOT: the file PATH below the directory DISK,
 *        untrusted; with a key also PATH.sig
 * Out:   its files in TARGET, an empty directory that is to lie over ROOT, or ROOT itself; one line
 *        on stdout. Exit status: 0 done, 1 refused or failed (the line says why), 2 used wrongly,
 *        3 there is no such file
 * Not:   the disk, the layer's mount, what a failure means (host_bundle.c)
 *
 * Nothing is written before all of it is checked. It is a program of its own, so that what it reads
 * is nothing for process 1, and its libraries are only in images that need them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bundle.h"
#include "lib/bundle_path.h"
#include "lib/file.h"

enum { DONE, REFUSED, USAGE, ABSENT };

struct arguments {
	const char *key; /* NULL: none */
	const char *disk, *path, *target, *root;
};

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
	int at = 1;

	if (argc > 2 && text_equal(argv[1], "--key")) {
		arguments->key = argv[2];
		at = 3;
	}
	if (argc - at != 4)
		return false;
	arguments->disk = argv[at];
	arguments->path = argv[at + 1];
	arguments->target = argv[at + 2];
	arguments->root = argv[at + 3];
	return true;
}

/* a file of the disk, whose links do not lead out of it */
static int read_below(int disk_fd, const char *path, size_t most, struct text *content)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	CLEANUP(fd_close) int fd = (int)syscall(SYS_openat2, disk_fd, path, &how, sizeof(how));
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EISDIR;
	return file_read_fd(fd, most, content);
}

static int read_failed(struct text *why, int error)
{
	if (error == -EFBIG)
		text_add(why, "is too large: 16 MiB are the most");
	else
		text_format(why, "cannot be read: %s",
			    error == -EISDIR ? "it is no file" : strerror(-error));
	return error;
}

/* Return: 0, or a negative errno; -ENOENT for the bundle itself with an empty @why */
static int read_all(const struct arguments *arguments, struct text *content, struct text *why)
{
	CLEANUP(fd_close) int disk_fd = open(arguments->disk, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text signature = TEXT_EMPTY;
	int r = disk_fd < 0 ? -errno
			    : read_below(disk_fd, arguments->path, BUNDLE_BYTES_MOST, content);

	if (r == -ENOENT || r == -ENOTDIR)
		return -ENOENT;
	if (r < 0)
		return read_failed(why, r);
	if (!arguments->key)
		return 0;
	text_format(&path, "%s.sig", arguments->path);
	r = read_below(disk_fd, text_string(&path), 4096, &signature);
	if (r == -ENOENT || r == -ENOTDIR) {
		text_format(why, "has no signature, '%s', which this image asks for",
			    text_string(&path));
		return -EKEYREJECTED;
	}
	if (r < 0 && r != -EFBIG)
		return read_failed(why, r);
	return bundle_check_signature(arguments->key, &signature, text_string(content),
				      content->length, why);
}

static int lay_over(const struct arguments *arguments, const struct bundle *bundle,
		    struct text *why)
{
	CLEANUP(fd_close) int root_fd = open(arguments->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(fd_close)
	int target_fd = open(arguments->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0 || target_fd < 0) {
		text_format(why, "cannot be unpacked: '%s': %s",
			    root_fd < 0 ? arguments->root : arguments->target, strerror(errno));
		return -errno;
	}
	return bundle_unpack(bundle, target_fd, root_fd, why);
}

static int run(const struct arguments *arguments, struct text *line, struct text *why)
{
	CLEANUP(bundle_free) struct bundle bundle = BUNDLE_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(memory_free) char *hostname = NULL;
	size_t files = 0;
	int r = read_all(arguments, &content, why);

	if (r == 0)
		r = bundle_parse(&bundle, text_string(&content), content.length, why);
	if (r == 0)
		r = bundle_check_manifest(&bundle, why);
	if (r == 0)
		r = bundle_hostname(&bundle, &hostname, why);
	if (r == 0)
		r = lay_over(arguments, &bundle, why);
	for (size_t i = 0; r == 0 && i < bundle.count; i++)
		files += !S_ISDIR(bundle.entries[i].mode);
	text_format(line, "files=%zu signature=%s", files, arguments->key ? "good" : "none");
	if (hostname)
		text_format(line, " hostname=%s", hostname);
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	struct arguments arguments = { 0 };
	int r;

	if (!read_arguments(argc, argv, &arguments)) {
		(void)fprintf(stderr, "usage: bundle [--key HEX] DISK PATH TARGET ROOT\n");
		return USAGE;
	}
	/* no openssl.cnf: what it says of providers and engines is not to be trusted here */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
	(void)umask(022);
	r = run(&arguments, &line, &why);
	if (r < 0 && why.length == 0 && r != -ENOENT)
		text_add(&why, strerror(-r));
	for (char *at = why.data; at && *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	(void)printf("%s\n", r < 0 ? text_string(&why) : text_string(&line));
	return r == 0 ? DONE : r == -ENOENT && why.length == 0 ? ABSENT : REFUSED;
}
