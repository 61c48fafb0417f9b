/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch.h - make the place that a process runs in fit for dockerd, and become dockerd
 *
 * For containers, chroots, initramfs and bare machines. dockerlaunch(8) says what is done; this is
 * the library that the program of that name is made of.
 *
 *	#include <dockerlaunch.h>
 *
 *	char *arguments[] = { "--host=unix:///run/docker.sock", NULL };
 *
 *	return dockerlaunch("dockerd", arguments);
 *
 * cc main.c $(pkg-config --cflags --libs --static dockerlaunch)
 */
#ifndef DOCKERLAUNCH_H
#define DOCKERLAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** what the calls return when dockerd does not run, for exit(3) */
enum dockerlaunch_status {
	DOCKERLAUNCH_OK = 0,
	DOCKERLAUNCH_FAILED = 1,           /* the place cannot be made fit */
	DOCKERLAUNCH_USAGE = 2,            /* an argument is wrong */
	DOCKERLAUNCH_LACKS = 3,            /* dockerlaunch_check(): something required is missing */
	DOCKERLAUNCH_NOT_EXECUTABLE = 126, /* dockerd is there, and cannot be executed */
	DOCKERLAUNCH_NOT_FOUND = 127,      /* there is no such program */
};

enum dockerlaunch_level {
	DOCKERLAUNCH_QUIET,   /* only what makes it fail */
	DOCKERLAUNCH_WARN,    /* and what is missing, or was changed */
	DOCKERLAUNCH_VERBOSE, /* and every step */
};

/** how to launch; dockerlaunch_settings() has the defaults. All strings stay the caller's. */
struct dockerlaunch_settings {
	enum dockerlaunch_level level;
	const char *log_file; /* gets the output of both, appended; NULL: that stays as it is */
	const char *name;     /* argv[0] of dockerd; NULL: as it was called */
	bool stays;           /* stay as the parent: forward signals, reap, pass the status on */
	uint64_t open_files;  /* limit; more than fs.nr_open is clamped, with a warning */
	/* ends in NULL, or NULL: none */
	const char *const *environment;  /* NAME=VALUE, added for dockerd */
	const char *const *name_servers; /* for an /etc/resolv.conf that is missing */
	const char *const *domains;      /* to search in, likewise */
};

/** dockerlaunch_settings() - the defaults, and what the environment says: DOCKER_LAUNCH_DEBUG=true
 * is DOCKERLAUNCH_VERBOSE, DOCKER_LAUNCH_REAP=true is stays */
struct dockerlaunch_settings dockerlaunch_settings(void);

/**
 * dockerlaunch() - make the place fit, then become dockerd
 * @docker:    the program; looked up in PATH when it has no '/'
 * @arguments: what follows its name; ends in NULL. NULL: nothing
 *
 * Uses dockerlaunch_settings(). The working directory stays, and so does the environment, but for
 * PATH where there is none. What went wrong is one line on standard error.
 *
 * Return: only when it failed, one of enum dockerlaunch_status; with DOCKER_LAUNCH_REAP=true also
 * when dockerd ended, its exit status, or 128 and the number of the signal that ended it
 */
int dockerlaunch(const char *docker, char *const *arguments);

/** dockerlaunch_with() - the same with @settings */
int dockerlaunch_with(const struct dockerlaunch_settings *settings, const char *docker,
		      char *const *arguments);

/**
 * dockerlaunch_check() - print what this place has and lacks for dockerd; changes nothing
 * @as_json: one object instead of lines
 *
 * Return: DOCKERLAUNCH_OK, DOCKERLAUNCH_LACKS, or what else dockerlaunch() would return
 */
int dockerlaunch_check(const struct dockerlaunch_settings *settings, const char *docker,
		       char *const *arguments, bool as_json);

/** dockerlaunch_dry_run() - print what dockerlaunch_with() would do; changes nothing. Return:
 * DOCKERLAUNCH_OK, or what dockerlaunch_with() would return */
int dockerlaunch_dry_run(const struct dockerlaunch_settings *settings, const char *docker,
			 char *const *arguments);

#ifdef __cplusplus
}
#endif
#endif
