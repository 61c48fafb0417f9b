#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-mount.sh - the root, with its writable layer, and the disk for Docker in it
#
# Facts: dracut goes round its mount hooks twenty times; here a failure is the end of it, with
#        the reason and a shell

# shellcheck source=hooks/dracut/50mkinitrd/mkinitrd-lib.sh
. /usr/lib/mkinitrd/dracut-lib.sh

if mkinitrd_has_root && ! ismounted "$NEWROOT"; then
	mkinitrd_said=$(mkinitrd_mount "$NEWROOT" 2>&1) || mkinitrd_die "$mkinitrd_said"
fi
