/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run.c - `mkinitrd run`: boot an image in QEMU, here and now
 *
 * In:    an image made by mkinitrd, and the host's kernel of the same release
 * Out:   QEMU in the foreground, the machine's first serial line on this terminal (ctrl-a x ends
 * it) Not:   disks with a boot loader; machines other than x86-64 Facts: qemu(1): in -blockdev a
 * comma in a value is written twice; -no-reboot ends QEMU where the machine would restart, so that
 * panic=-1 ends it too
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "fail.h"
#include "image.h"
#include "options.h"
#include "run_disk.h"
#include "../init/lib/bootplan.h"
#include "../init/lib/number.h"

#define QEMU "qemu-system-x86_64"
#define MIB (UINT64_C(1) << 20)
#define MEMORY_LEAST (1500 * MIB) /* Docker and a few containers are at ease with it */
#define TERM_GRACE_SECONDS 5
#define KERNEL_CMDLINE "console=ttyS0 panic=-1"

/* What the command line comes to: everything that can be wrong is found while this is filled in */
struct run {
	char *kernel;
	struct bootplan plan; /* of the image; empty when it has none */
	uint64_t memory;
	uint64_t timeout_ms; /* 0: none */
	const char *disk_format;
	struct strings argv;
};

static void run_free(struct run *run)
{
	memory_free(&run->kernel);
	bootplan_free(&run->plan);
	strings_free(&run->argv);
}

/* where kernels lie, by release: Debian and most others; then kernel-install's places, where it
 * stands beside its modules */
static const char *const kernel_places[] = {
	"/boot/vmlinuz-%s",
	"/usr/lib/modules/%s/vmlinuz",
	"/lib/modules/%s/vmlinuz",
};

static int check_readable(const char *what, const char *path, const char *advice)
{
	if (access(path, R_OK) < 0)
		return fail(-errno, "cannot read %s '%s'; %s", what, path, advice);
	return 0;
}

static int find_kernel(const char *image, char **ret_kernel)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(memory_free) char *profile = NULL;
	int r;

	r = image_read_manifest(image, &manifest, &release, &profile);
	if (r < 0)
		return r;
	for (size_t i = 0; i < COUNT_OF(kernel_places); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		const char *rest = strstr(kernel_places[i], "%s") + 2;

		text_add_bytes(&path, kernel_places[i], (size_t)(rest - 2 - kernel_places[i]));
		text_add(&path, release);
		text_add(&path, rest);
		if (access(text_string(&path), F_OK) < 0)
			continue;
		r = check_readable("kernel", text_string(&path), "name another with --kernel");
		if (r < 0)
			return r;
		return text_take(&path, ret_kernel);
	}
	return fail(-ENOENT,
		    "no kernel of release '%s', which image '%s' was made for, in /boot or "
		    "/usr/lib/modules; name it with --kernel",
		    release, image);
}

static int choose_memory(const struct options *options, const char *image, uint64_t needed,
			 uint64_t *ret_memory)
{
	int r;

	if (!options->memory) {
		*ret_memory = needed > MEMORY_LEAST ? needed : MEMORY_LEAST;
		return 0;
	}
	r = size_parse(options->memory, ret_memory);
	if (r < 0 || *ret_memory < MIB)
		return fail(0, "--memory '%s' is no size of 1M or more, such as 1500M or 2G",
			    options->memory);
	if (*ret_memory < needed)
		warn("image '%s' asks for %" PRIu64 "M of memory, using %" PRIu64 "M as told",
		     image, (needed + MIB - 1) / MIB, *ret_memory / MIB);
	return 0;
}

/* ---- QEMU's command line ---- */

static int add_words(struct strings *argv, const char *const *words)
{
	for (; *words; words++)
		if (strings_add(argv, *words) < 0)
			return -ENOMEM;
	return 0;
}

static int add_disk(struct strings *argv, const char *path, const char *format)
{
	CLEANUP(text_free) struct text blockdev = TEXT_EMPTY;

	text_format(&blockdev,
		    "driver=%s,node-name=docker,discard=unmap,file.driver=file,"
		    "file.discard=unmap,file.filename=",
		    format);
	for (; *path; path++) {
		text_add_char(&blockdev, *path);
		if (*path == ',')
			text_add_char(&blockdev, ',');
	}
	if (blockdev.failed)
		return -ENOMEM;
	return add_words(argv,
			 (const char *const[]){ "-blockdev", text_string(&blockdev), "-device",
						"virtio-blk-pci,drive=docker", NULL });
}

static int build_argv(const struct options *options, const char *image, bool has_kvm,
		      struct run *run)
{
	CLEANUP(text_free) struct text append = TEXT_EMPTY;
	struct strings *argv = &run->argv;
	int r;

	/* what is said last wins, and is the console that /dev/console stands for */
	for (size_t i = 0; i < run->plan.image.cmdline.count; i++)
		text_format(&append, "%s ", run->plan.image.cmdline.items[i]);
	text_add(&append, KERNEL_CMDLINE);
	/* panic= alone would keep the rescue shell from somebody who sits here */
	if (isatty(STDIN_FILENO))
		text_add(&append, " rd.shell");
	if (options->append)
		text_format(&append, " %s", options->append);
	if (append.failed)
		return -ENOMEM;
	/* a thread for each CPU is faster, and hangs now and then: QEMU 7.2 keeps the translation
	   of code that the guest's kernel patches meanwhile (tests/boot/vm.py) */
	r = add_words(argv,
		      (const char *const[]){ QEMU, "-accel", has_kvm ? "kvm" : "tcg,thread=single",
					     "-cpu", has_kvm ? "host" : "max", "-smp", NULL });
	if (r == 0)
		r = strings_add_format(argv, "%u", options->cpus ? options->cpus : 2);
	if (r == 0)
		r = strings_add(argv, "-m");
	if (r == 0)
		r = strings_add_format(argv, "%" PRIu64 "M", (run->memory + MIB - 1) / MIB);
	if (r == 0)
		r = add_words(argv, (const char *const[]){ "-display", "none", "-serial",
							   "mon:stdio", "-no-reboot", "-kernel",
							   run->kernel, "-initrd", image, "-append",
							   text_string(&append), "-nic",
							   "user,model=virtio-net-pci", "-device",
							   "virtio-rng-pci", NULL });
	if (r == 0 && options->disk)
		r = add_disk(argv, options->disk, run->disk_format);
	for (size_t i = 0; r == 0 && i < options->qemu.count; i++)
		r = strings_add(argv, options->qemu.items[i]);
	return r;
}

/* the command line as a shell would take it */
static void print_argv(const struct strings *argv)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_./,=:+@%";

	for (size_t i = 0; i < argv->count; i++) {
		const char *word = argv->items[i];

		if (i > 0)
			text_add_char(&line, ' ');
		if (*word && word[strspn(word, plain)] == '\0') {
			text_add(&line, word);
			continue;
		}
		text_add_char(&line, '\'');
		for (; *word; word++)
			text_add(&line, *word == '\'' ? "'\\''" : (char[]){ *word, '\0' });
		text_add_char(&line, '\'');
	}
	note("%s", text_string(&line));
}

/* ---- running it ---- */

static int exec_qemu(char *const *argv)
{
	execvp(argv[0], argv);
	if (errno == ENOENT)
		return fail(-ENOENT,
			    "cannot run '%s'; install QEMU (on Debian the package qemu-system-x86)",
			    argv[0]);
	return fail(-errno, "cannot run '%s'", argv[0]);
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Wait for the child until @deadline_ms. Return: its exit status, or -ETIMEDOUT. INT, TERM and HUP
 * are passed on to it. @signals are blocked. */
static int wait_child(pid_t pid, const sigset_t *signals, uint64_t deadline_ms)
{
	for (;;) {
		uint64_t now = now_ms();
		uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
		struct timespec patience = { .tv_sec = (time_t)(left / 1000),
					     .tv_nsec = (long)(left % 1000) * 1000000 };
		int status, signal_number;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return exit_status(status);
		if (left == 0)
			return -ETIMEDOUT;
		signal_number = sigtimedwait(signals, NULL, &patience);
		if (signal_number > 0 && signal_number != SIGCHLD)
			(void)kill(pid, signal_number);
	}
}

/* QEMU as a child with a deadline */
static int run_with_timeout(char *const *argv, uint64_t timeout_ms)
{
	uint64_t deadline_ms = now_ms() + timeout_ms;
	sigset_t signals, old;
	pid_t pid;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &old);
	pid = fork();
	if (pid < 0) {
		(void)fail(-errno, "cannot start '%s'", argv[0]);
		return EXIT_FAILED;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		(void)exec_qemu(argv);
		_exit(EXIT_FAILED);
	}
	r = wait_child(pid, &signals, deadline_ms);
	if (r >= 0)
		return r;
	(void)kill(pid, SIGTERM);
	r = wait_child(pid, &signals, now_ms() + (uint64_t)TERM_GRACE_SECONDS * 1000);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)fail(0, "the machine was still running after %g s (--timeout), ended it",
		   (double)timeout_ms / 1000);
	return EXIT_FAILED;
}

static int usage(const char *message)
{
	(void)fail(0, "%s; see mkinitrd run --help", message);
	return EXIT_USAGE;
}

static int prepare(const struct options *options, const char *image, struct run *run)
{
	bool has_kvm = options->accel && text_equal(options->accel, "kvm");
	int r;

	if (options->timeout &&
	    (duration_parse(options->timeout, &run->timeout_ms) < 0 || run->timeout_ms == 0))
		return fail(0, "--timeout '%s' is no duration such as 120s or 5m",
			    options->timeout);
	r = check_readable("image", image, "make one with mkinitrd -p PROFILE -o FILE");
	if (r < 0)
		return r;
	r = image_read_plan(image, &run->plan);
	if (r == 0)
		r = choose_memory(options, image, run->plan.image.memory, &run->memory);
	if (r < 0)
		return r;
	if (options->kernel) {
		r = check_readable("kernel", options->kernel, "--kernel takes a kernel's file");
		if (r == 0 && !(run->kernel = strdup(options->kernel)))
			r = -ENOMEM;
	} else {
		r = find_kernel(image, &run->kernel);
	}
	if (r < 0)
		return r;
	if (has_kvm) {
		r = check_readable("device", "/dev/kvm", "use --accel tcg");
		if (r < 0)
			return r;
	}
	if (options->disk) {
		r = run_disk_prepare(options->disk, options->disk_size, &run->disk_format);
		if (r < 0)
			return r;
	}
	return build_argv(options, image, has_kvm, run);
}

int cmd_run(const struct options *options)
{
	CLEANUP(run_free) struct run run = { 0 };
	const char *image = options->arguments.count ? options->arguments.items[0] : NULL;

	if (options->arguments.count != 1)
		return usage("run takes one IMAGE");
	if (options->disk_size && !options->disk)
		return usage("--disk-size needs --disk FILE");
	if (options->accel && !text_equal(options->accel, "tcg") &&
	    !text_equal(options->accel, "kvm"))
		return usage("--accel is tcg or kvm");
	if (prepare(options, image, &run) < 0)
		return EXIT_FAILED;
	print_argv(&run.argv);
	if (run.timeout_ms)
		return run_with_timeout(run.argv.items, run.timeout_ms);
	(void)exec_qemu(run.argv.items);
	return EXIT_FAILED;
}
