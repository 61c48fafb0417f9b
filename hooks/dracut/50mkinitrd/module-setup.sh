#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# module-setup.sh - what mkinitrd's part of a dracut image is, for dracut 059 and dracut-ng
#
# In:    --add mkinitrd, or add_dracutmodules+=" mkinitrd "; mkinitrd-mount(8)
# Out:   mkinitrd-mount in the image, what calls it before the root is entered, its kernel modules
# Not:   anything without being asked for: check() says 255, which is "only when named"
# Facts: dracut.modules(7); 50 to 59 are for modules that are not dracut's own
# shellcheck disable=SC2154 # moddir, systemdutildir, systemdsystemunitdir are set by dracut

# called by dracut
check() {
	require_binaries mkinitrd-mount || return 1
	require_kernel_modules squashfs overlay loop || return 1
	return 255
}

# called by dracut
depends() {
	# dracut-lib.sh; and udev, which loads the drivers of disks
	echo base udev-rules
}

# called by dracut
installkernel() {
	# an image is for the disk that it will find, which is not always one of this machine
	hostonly='' instmods squashfs overlay loop dm_mod dm_verity \
		ext4 xfs btrfs vfat nls_cp437 nls_ascii nls_iso8859_1 isofs crc32c \
		virtio_pci virtio_blk virtio_scsi nvme ahci ata_piix sd_mod sr_mod
}

# called by dracut
install() {
	inst_multiple mkinitrd-mount
	# what checks Docker's disk before it is mounted
	inst_multiple -o e2fsck modprobe
	inst_simple "$moddir/mkinitrd-lib.sh" /usr/lib/mkinitrd/dracut-lib.sh
	# behind the parsers of root=, which have their own idea of it
	inst_hook cmdline 99 "$moddir/mkinitrd-cmdline.sh"
	# before what would mount the device itself
	inst_hook mount 10 "$moddir/mkinitrd-mount.sh"
	inst_hook pre-pivot 10 "$moddir/mkinitrd-disk.sh"
	if dracut_module_included systemd; then
		inst_script "$moddir/mkinitrd-generator.sh" \
			"$systemdutildir/system-generators/mkinitrd-generator"
		inst_simple "$moddir/mkinitrd-root.service" \
			"$systemdsystemunitdir/mkinitrd-root.service"
	fi
}
