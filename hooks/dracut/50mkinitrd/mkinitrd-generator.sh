#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkinitrd-generator.sh - with systemd in the initramfs, our service mounts the root
#
# Facts: systemd.generator(7): the second folder goes before all other units. systemd makes a
#        sysroot.mount of its own of root=, which would mount the device that the image lies on

# shellcheck source=/dev/null
command -v getarg >/dev/null || . /lib/dracut-lib.sh
# shellcheck source=hooks/dracut/50mkinitrd/mkinitrd-lib.sh
. /usr/lib/mkinitrd/dracut-lib.sh

if mkinitrd_has_root; then
	mkdir -p "$2/initrd-root-fs.target.requires"
	# what the service has mounted already: there is nothing left to do for it
	cat >"$2/sysroot.mount" <<-EOT
		[Unit]
		Description=The root that mkinitrd-mount has mounted
		Requires=mkinitrd-root.service
		After=mkinitrd-root.service
		Before=initrd-root-fs.target
		[Mount]
		What=mkinitrd
		Where=/sysroot
	EOT
	ln -sf ../sysroot.mount "$2/initrd-root-fs.target.requires/sysroot.mount"
fi
