/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dist.h - what is handed out: a folder "dist" with all that starts a machine
 *
 *   README  SHA256SUMS                 of all others, for "sha256sum -c"
 *   PROFILE.iso                        see iso.h
 *   vmlinuz  initrd.img  manifest.json what is on it, and what the image holds
 *   kvm/run.sh  kvm/docker.img         starts it in QEMU; the disk that it makes a copy of
 */
#pragma once

#include "disk_payload.h"
#include "manifest.h"
#include "spool.h"

/**
 * dist_collect() - make all of it; speaks
 * @spool: what the entries' content lies in; stays open as long as the manifest
 * @ret_manifest: finished
 */
int dist_collect(const struct disk_payload *payload, struct spool *spool,
		 struct manifest **ret_manifest);
