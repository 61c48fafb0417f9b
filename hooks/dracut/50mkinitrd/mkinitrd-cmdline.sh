#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-cmdline.sh - the root is ours: dracut neither asks what root= means nor mounts it

# shellcheck source=hooks/dracut/50mkinitrd/mkinitrd-lib.sh
. /usr/lib/mkinitrd/dracut-lib.sh

# shellcheck disable=SC2034 # dracut reads them
if mkinitrd_has_root; then
	root=mkinitrd
	rootok=1
fi
