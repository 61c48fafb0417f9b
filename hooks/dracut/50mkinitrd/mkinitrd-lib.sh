#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-lib.sh - what the hooks of mkinitrd have in common; sourced, behind dracut-lib.sh

# is the root ours to mount?
mkinitrd_has_root() {
	getarg mkinitrd.image= >/dev/null || getarg mkinitrd.cow= >/dev/null
}

# the parameters are those that dracut knows, also from its image; quotes are for the program
mkinitrd_mount() {
	mkinitrd-mount -n "$@" "$(getcmdline)"
}
