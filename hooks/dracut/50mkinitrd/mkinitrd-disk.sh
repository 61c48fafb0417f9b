#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-disk.sh - the disk for Docker, in a root that somebody else has mounted

# shellcheck source=hooks/dracut/50mkinitrd/mkinitrd-lib.sh
. /usr/lib/mkinitrd/dracut-lib.sh

if getarg mkinitrd.disk= >/dev/null && ! mkinitrd_has_root; then
	mkinitrd_said=$(mkinitrd_mount -d "$NEWROOT" 2>&1) || mkinitrd_die "$mkinitrd_said"
fi
