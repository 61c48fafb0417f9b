/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nspawn.h - a tree as a machine of systemd: its settings, and where they lie
 */
#pragma once

#include "build.h"

/* a machine of a host */
struct nspawn {
	const char *name;      /* "web" */
	const char *host_root; /* "/": this host; else a folder that is the root of one */
	char *tree;            /* path of its tree: HOST/var/lib/machines/NAME */
	bool is_ours;          /* a tree of ours is there already */
	int lock_fd;           /* systemd-nspawn's own lock of a tree that is there */
	struct text settings;  /* NAME.nspawn */
	struct text limits;    /* the drop-in of its unit; empty: none */
};

#define NSPAWN_EMPTY ((struct nspawn){ .lock_fd = -1 })

void nspawn_free(struct nspawn *nspawn);

/**
 * nspawn_prepare() - everything that can be wrong, before anything is written; speaks
 * @nspawn: with name and host_root
 *
 * The tree must have an os-release, and an init or a command, as systemd-nspawn asks for it. A
 * machine that runs, and settings of somebody else's, are left alone; the latter not when it is
 * forced.
 */
int nspawn_prepare(struct nspawn *nspawn, const struct build *build);

/** nspawn_place() - folders for volumes, settings and drop-in, each whole or not at all; speaks */
int nspawn_place(const struct nspawn *nspawn, const struct build *build);

/** nspawn_settings() - the text of NAME.nspawn; speaks
 * @volumes: folder of the host with those of the machine */
int nspawn_settings(const struct run_settings *run, bool has_init, const char *volumes,
		    struct text *text);

/** nspawn_limits() - the text of the drop-in; "": nothing to limit. Return: 0 or -ENOMEM */
int nspawn_limits(const struct run_settings *run, struct text *text);

/** nspawn_volume_folder() - of a volume, below the machine's: "/var/lib/x" is "var-lib-x" */
void nspawn_volume_folder(const char *path, struct text *text);
