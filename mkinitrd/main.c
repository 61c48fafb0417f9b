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
		.options = "profile set output kernel root layout compress jobs dry-run force progress",
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
		.name = "profile",
		.function = cmd_profile,
		.arguments = "list|show|check [NAME...]",
		.options = "profile set json",
		.help = "list profiles, show what they come to, check them",
		.description =
			"list   the profiles found, and in which folder\n"
			"show   the stacked result, a profile again, each value with its origin\n"
			"check  every error of the named profiles together, or of each profile there is",
		.examples =
			"mkinitrd profile list\n"
			"mkinitrd profile show only-docker ./site.yaml --set boot.hostname=web1\n"
			"mkinitrd profile check ./site.yaml",
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
