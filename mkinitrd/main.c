/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the table of subcommands
 *
 * In:    argv
 * Out:   the exit status: 0 done, 1 failed, 2 used wrongly, 3 found something
 */
#include <errno.h>

#include "fail.h"
#include "options.h"

// clang-format off
const struct subcommand subcommands[] = {
	{
		.name = "build",
		.function = cmd_build,
		.options = "profile set output kernel root devices layout squashfs compress jobs dry-run force refresh progress",
		.help = "build an image from profiles",
		.description =
			"Lays the profiles over each other, finds what they name in the root with all\n"
			"that it needs, and writes it with init into one image. The image appears whole\n"
			"or not at all, after it was read back and compared. 'build' may be left out.",
		.examples =
			"mkinitrd --profile only-docker\n"
			"mkinitrd -p only-docker -p ./site.yaml -k 6.1.0-18-amd64 -o docker.img\n"
			"mkinitrd -p only-docker --set boot.disk.find=UUID=0b7f... --set boot.network='{eth0: dhcp}'\n"
			"mkinitrd -p only-docker -n -v",
		.group = "IMAGES",
	},
	{
		.name = "ls",
		.function = cmd_ls,
		.arguments = "IMAGE [PATH...]",
		.options = "json",
		.help = "list what an image holds",
		.description =
			"Any initramfs, whoever made it. With PATH only that and what lies below it; -v shows\n"
			"permissions, owner, size and where symlinks point.",
		.examples =
			"mkinitrd ls only-docker.img\n"
			"mkinitrd ls -v only-docker.img usr/sbin\n"
			"mkinitrd ls --json only-docker.img usr/bin",
		.group = "IMAGES",
	},
	{
		.name = "cat",
		.function = cmd_cat,
		.arguments = "IMAGE PATH",
		.options = "",
		.help = "print a file of an image",
		.examples = "mkinitrd cat only-docker.img usr/lib/mkinitrd/boot.plan",
		.group = "IMAGES",
	},
	{
		.name = "extract",
		.function = cmd_extract,
		.arguments = "IMAGE [PATH...]",
		.options = "directory force",
		.help = "unpack an image into a directory",
		.description =
			"Makes the files that the kernel would make, below DIR and nowhere else: entries whose\n"
			"path goes through a symlink are left out, and the status is 1. DIR must be empty;\n"
			"with --force what is there is replaced. Owners, devices and set-id bits need root.",
		.examples =
			"mkinitrd extract only-docker.img -C tree\n"
			"mkinitrd extract /boot/initrd.img-6.1.0-18-amd64 -C programs 'usr/bin/*'",
		.group = "IMAGES",
	},
	{
		.name = "why",
		.function = cmd_why,
		.arguments = "IMAGE PATH",
		.options = "",
		.help = "show who wanted a path, down to a profile's line",
		.description =
			"Each line is wanted by what the next one names. -v shows every reason, and where the\n"
			"content came from. The image must be one of mkinitrd's.",
		.examples = "mkinitrd why only-docker.img usr/sbin/iptables",
		.group = "IMAGES",
	},
	{
		.name = "check",
		.function = cmd_check,
		.arguments = "IMAGE",
		.options = "root kernel list json",
		.help = "find what is wrong with an image before it boots",
		.description =
			"Compares the image with its own manifest, and looks for libraries, modules, firmware\n"
			"and targets of symlinks that it misses, permissions that are too wide, and for what\n"
			"its kernel must be able to do. The status is 3 when something is found that the\n"
			"profile does not accept (check: accept:). Images of others are checked, too, but for\n"
			"the manifest. -v shows what is accepted.",
		.examples =
			"mkinitrd check only-docker.img\n"
			"mkinitrd check --json /boot/initrd.img-6.1.0-18-amd64\n"
			"mkinitrd check --list",
		.group = "IMAGES",
	},
	{
		.name = "diff",
		.function = cmd_diff,
		.arguments = "A B",
		.options = "json",
		.help = "show what changed from one image to another",
		.description =
			"Shows what was removed (-), added (+) and changed (~), with sizes, and the changed lines\n"
			"of small texts. A kernel's modules are held against those of the other image's kernel.\n"
			"The status is 3 when something differs.",
		.examples =
			"mkinitrd diff /boot/initrd.img-6.1.0-18-amd64 only-docker.img\n"
			"mkinitrd diff --json only-docker.img only-docker.img",
		.group = "IMAGES",
	},
	{
		.name = "run",
		.function = cmd_run,
		.arguments = "IMAGE",
		.options = "kernel disk disk-size append memory cpus accel timeout qemu",
		.help = "boot an image in QEMU, here",
		.description = "The machine's serial line is this terminal; ctrl-a x ends it. -v prints the\ncommand line.",
		.examples =
			"mkinitrd run only-docker.img\n"
			"mkinitrd run only-docker.img --disk docker.img --disk-size 2G\n"
			"mkinitrd run only-docker.img --append rd.break=disk --timeout 5m",
		.group = "IMAGES",
	},
	{
		.name = "disk",
		.function = cmd_disk,
		.arguments = "[IMAGE]",
		.options = "profile set output into bundle keep-data yes disk-size kernel root devices layout squashfs compress jobs force refresh progress",
		.help = "make a disk that boots by itself, or update one in place",
		.description =
			"A disk image, or a disk, with GRUB for BIOS and systemd-boot for UEFI, the kernel, its\n"
			"image, and a partition DOCKER. --into a disk that was made so fills the slot that\n"
			"does not boot and then switches to it; the other one stays as the second entry. Any\n"
			"other disk is shown and asked for first; --force makes one of ours anew, too.",
		.examples =
			"mkinitrd disk -p only-docker -o disk.img\n"
			"mkinitrd disk -p only-docker --into disk.img\n"
			"mkinitrd disk only-docker.img -k /boot/vmlinuz-6.1.0-18-amd64 -o disk.img --disk-size 4G",
		.group = "IMAGES",
	},
	{
		.name = "iso",
		.function = cmd_iso,
		.arguments = "[IMAGE]",
		.options = "profile set output lock kernel root devices layout compress jobs force refresh progress",
		.help = "make an ISO that boots by itself, as a CD or on a disk",
		.description =
			"Kernel and image once, with GRUB for BIOS and systemd-boot for UEFI. The file is a disc,\n"
			"and a disk or stick that its bytes are copied to boots as well.",
		.examples =
			"mkinitrd iso -p only-docker -o only-docker.iso\n"
			"mkinitrd iso only-docker.img -k /boot/vmlinuz-6.1.0-18-amd64 -o only-docker.iso",
		.group = "IMAGES",
	},
	{
		.name = "dist",
		.function = cmd_dist,
		.options = "profile set output lock kernel root devices layout compress jobs force refresh progress",
		.help = "make an archive to hand out: ISO, kernel, image, and a script that starts it",
		.description =
			"A folder dist/ with the ISO, kernel and image, manifest, SHA-256 sums, and kvm/run.sh,\n"
			"which starts the ISO in QEMU with a disk for Docker, and needs nothing else. The\n"
			"archive's name says how it is compressed: .tar.gz, .tar.zst, .tar.xz, .tar.",
		.examples = "mkinitrd dist -p only-docker -o only-docker.tar.gz",
		.group = "IMAGES",
	},
	{
		.name = "boot-times",
		.function = cmd_boot_times,
		.arguments = "[LOG]",
		.options = "boot json",
		.help = "show how long a boot took, step by step",
		.description =
			"Reads what a machine said on its serial line, in whatever else that says, or the\n"
			"machine's /run/mkinitrd/boot.json; '-' is stdin. The machine itself has the same as\n"
			"'boot-times'. A kernel with 'quiet' says nothing that could be read.",
		.examples =
			"mkinitrd boot-times serial.log\n"
			"mkinitrd boot-times --boot 1 --json serial.log",
		.group = "IMAGES",
	},
	{
		.name = "from-docker",
		.function = cmd_from_docker,
		.arguments = "ARCHIVE [COMMAND...]",
		.options = "as image profile set output nspawn host-root into bundle keep-data yes disk-size kernel root devices layout squashfs compress jobs dry-run force refresh progress",
		.help = "make a machine of a container image",
		.description =
			"ARCHIVE is one of 'docker save' or 'docker export', or an OCI layout. The machine runs\n"
			"the image's ENTRYPOINT and CMD with its ENV, USER, WORKDIR and STOPSIGNAL, without\n"
			"Docker; when that ends the machine powers off. COMMAND takes CMD's place, behind '--'\n"
			"when it has options. What 'docker export' has lost is said with COMMAND, -p and --set.",
		.examples =
			"mkinitrd from-docker app.tar\n"
			"mkinitrd from-docker app.tar --as disk -o app.disk\n"
			"mkinitrd from-docker exported.tar --set run.user=web -- httpd -f -p 80\n"
			"mkinitrd from-docker app.tar --as dir -o app.tree\n"
			"mkinitrd from-docker app.tar --as profile -o app.yaml",
		.group = "IMAGES",
	},
	{
		.name = "tar",
		.function = cmd_tar,
		.options = "profile set output kernel root devices compress jobs dry-run refresh progress",
		.help = "write the tree of profiles as a tar",
		.description =
			"What profiles name, with all that it needs, as an archive and not as an image that\n"
			"boots: init and its plan are in it only when the profile says what a machine is to\n"
			"run (boot: main:). Owners, modes, hard links, devices, capabilities and extended\n"
			"attributes are kept. -o - is standard output. The name's ending says how it is\n"
			"compressed, unless -c does.",
		.examples =
			"mkinitrd tar -p docker-from-scratch -o files.tar\n"
			"mkinitrd tar -p ./site.yaml -o site.tar.zst\n"
			"mkinitrd tar -p ./site.yaml -o - | ssh web1 tar -xC /srv/site",
		.group = "TREES",
	},
	{
		.name = "dir",
		.function = cmd_dir,
		.options = "profile set output nspawn host-root kernel root devices jobs dry-run force refresh progress",
		.help = "write the tree of profiles as a directory, or as a machine of systemd",
		.description =
			"The directory appears whole or not at all; one that has something in it is replaced\n"
			"with --force, in one step. Owners, devices, capabilities need root: what this user, or\n"
			"the file system, cannot keep is an error, or left out with --force and said. --nspawn\n"
			"puts it in /var/lib/machines, with 'run:' as NAME.nspawn and as a drop-in for\n"
			"systemd-nspawn@NAME.service, and replaces what an earlier run has put there.",
		.examples =
			"mkinitrd dir -p docker-from-scratch -o rootfs\n"
			"mkinitrd dir -p docker-from-scratch -p nspawn --nspawn docker --host-root /mnt",
		.group = "TREES",
	},
	{
		.name = "oci",
		.function = cmd_oci,
		.options = "profile set output tag kernel root devices compress jobs dry-run force refresh progress",
		.help = "write the tree of profiles as a container image",
		.description =
			"One archive that 'docker load' takes and that is an OCI layout, too; with a '/' at the\n"
			"end of -o a layout as a directory. Each profile of the stack is a layer, and 'run:'\n"
			"becomes the image's configuration. Layers are not compressed unless -c says gzip or\n"
			"zstd. The same tree has the same digest.",
		.examples =
			"mkinitrd oci -p docker-from-scratch --tag dind -o dind.tar\n"
			"mkinitrd oci -p ./site.yaml -c gzip -o layout/\n"
			"mkinitrd oci -p ./site.yaml -o - | docker load",
		.group = "TREES",
	},
	{
		.name = "update",
		.function = cmd_update,
		.arguments = "[IMAGE...]",
		.options = "kernel root force jobs progress",
		.help = "make what is out of date of the images that this host keeps",
		.description =
			"The images of /etc/mkinitrd/images.d, for each kernel that is installed. What of them is\n"
			"out of date is told by what they were made of: programs, modules, profiles, mkinitrd\n"
			"itself; --force makes all. One that cannot be made stays as it was, with its boot\n"
			"entry, and 'mkinitrd status' remembers why.",
		.examples =
			"mkinitrd update\n"
			"mkinitrd update -k 6.1.0-18-amd64 only-docker",
		.group = "HOSTS",
	},
	{
		.name = "status",
		.function = cmd_status,
		.options = "root json",
		.help = "show the images that this host keeps, and what is wrong with them",
		.description =
			"A line for each: its name, kernel, file and state, with tabs between. The status is 3\n"
			"when one is not up to date.",
		.examples =
			"mkinitrd status\n"
			"mkinitrd status --json",
		.group = "HOSTS",
	},
	{
		.name = "enable",
		.function = cmd_enable,
		.arguments = "PROFILE...",
		.options = "root",
		.help = "keep an image of a profile on this host",
		.description =
			"Writes /etc/mkinitrd/images.d/PROFILE.yaml, which may be edited. The hooks of package\n"
			"managers make its images from then on, 'mkinitrd update' makes them now.",
		.examples = "mkinitrd enable only-docker",
		.group = "HOSTS",
	},
	{
		.name = "disable",
		.function = cmd_disable,
		.arguments = "IMAGE...",
		.options = "root",
		.help = "remove an image of this host, with its boot entries and definition",
		.examples = "mkinitrd disable only-docker",
		.group = "HOSTS",
	},
	{
		.name = "hook",
		.function = cmd_hook,
		.arguments = "SYSTEM VERB [ARGUMENT...]",
		.options = "root",
		.help = "what the hooks of package managers call",
		.description = "Not for people. 'mkinitrd hook' lists what there is.",
		.examples = "mkinitrd hook grub list",
		.group = "HOSTS",
	},
	{
		.name = "profile",
		.function = cmd_profile,
		.arguments = "list|show|check|bundle [NAME...]",
		.options = "profile set json output sign",
		.help = "list profiles, show what they come to, check them, pack a host's files",
		.description =
			"list    the profiles found, and in which folder\n"
			"show    the stacked result, a profile again, each value with its origin\n"
			"check   every error of the named profiles together, or of each profile there is\n"
			"bundle  the files that the last profile, a host's, changes in those before it,\n"
			"        as one file that init lays over the image",
		.examples =
			"mkinitrd profile list\n"
			"mkinitrd profile show only-docker ./site.yaml --set boot.hostname=web1\n"
			"mkinitrd profile check ./site.yaml\n"
			"mkinitrd profile bundle -p ./site.yaml -p ./web1.yaml -o host.bundle --sign key.pem",
		.group = "PROFILES",
	},
	{
		.name = "completion",
		.function = cmd_completion,
		.arguments = "bash|zsh",
		.options = "",
		.help = "print what teaches a shell these commands and options",
		.description =
			"An installed mkinitrd has brought both already. For one that runs from its build:\n"
			"bash reads the script with '.', zsh finds _mkinitrd in a folder of its fpath.",
		.examples =
			". <(mkinitrd completion bash)\n"
			"mkinitrd completion zsh >_mkinitrd",
		.group = "HELP",
	},
	{
		.name = "help",
		.function = cmd_help,
		.arguments = "[COMMAND]",
		.options = "",
		.help = "show the commands, or one command's options and examples",
		.examples = "mkinitrd help build",
		.group = "HELP",
	},
	{ .name = NULL },
};
// clang-format on

int main(int argc, char **argv)
{
	CLEANUP(options_free) struct options options = { 0 };
	const struct subcommand *subcommand = NULL;
	int status = options_parse(&options, argc, argv, &subcommand);

	if (status < 0) {
		verbosity_set(options.quiet         ? QUIET
			      : options.verbose > 1 ? DEBUG
			      : options.verbose     ? VERBOSE
						    : NORMAL);
		status = subcommand->function(&options);
	}
	/* data that did not arrive is a failure, however well it was made */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE) {
		(void)fail(-errno, "cannot write to standard output");
		status = EXIT_FAILED;
	}
	return status;
}
