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

# dracut's die puts its words between double quotes into a script that its shell runs: what means
# something there becomes a question mark, for the words may be a disk's
mkinitrd_die() {
	mkinitrd_words=$*
	while :; do
		case $mkinitrd_words in
		*[\"\$\`\\]*) ;;
		*) break ;;
		esac
		mkinitrd_words="${mkinitrd_words%%[\"\$\`\\]*}?${mkinitrd_words#*[\"\$\`\\]}"
	done
	die "$mkinitrd_words"
}
