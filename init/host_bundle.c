/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_bundle.c - a host's files from the boot disk, over the image
 *
 * In:    plan.bundle; the boot disk
 * Out:   a layer for the overlay of a root, or files of this image replaced; the host's name
 * Not:   reading and checking the bundle (bundle.c, a program of its own), the overlay (root_cow.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "disk_find.h"
#include "disk_mount.h"
#include "host_bundle.h"
#include "lib/file.h"
#include "api_mounts.h"
#include "run_program.h"

#define PROGRAM TOOL_DIRECTORY "/bundle"
#define MOST_MS 60000
#define ABSENT 3 /* exit status: there is no bundle */
/* for 16 MiB and 4096 entries: lib/bundle_path.h */
#define LAYER_OPTIONS "mode=0755,size=32m,nr_inodes=16384"

struct apply {
	struct machine *machine;
	const struct plan_bundle *plan;
	struct step_record *record; /* its own */
	const char *disk;           /* where the boot disk is mounted */
	const char *root, *target;
	const char *device; /* its path, for messages */
};

/* the one device that the plan names, read-only at BUNDLE_DISK. Return: 1, 0: it is not there, or a
 * negative errno */
static int mount_disk(struct apply *apply, struct disk_search *search,
		      const struct block_device *boot)
{
	struct block_device *device;
	int r = disk_search_until(apply->machine, search,
				  apply->plan->wait == BOOTPLAN_NO_WAIT ? 0 : apply->plan->wait);

	if (r < 0)
		return step_details(apply->record, r, "cannot look for '%s': %s", search->find,
				    r == -ENOTBLK ? "it is no block device" : strerror(-r));
	if (search->found_count == 0)
		return 0;
	device = &search->seen.items[search->found[0]];
	apply->device = device->path;
	if (search->found_count > 1)
		return step_details(apply->record, -EEXIST,
				    "%s is on two devices, %s and %s; both are untouched; take one "
				    "away",
				    search->find, device->path,
				    search->seen.items[search->found[1]].path);
	/* the root's own may be mounted for writing, and is not mounted in two ways */
	if (boot && boot->path && text_equal(boot->path, device->path))
		return 1;
	if (!device->type)
		return step_details(apply->record, -EINVAL, "%s holds no file system",
				    device->path);
	r = directory_make(BUNDLE_DISK, 0700);
	root_need(apply->machine, device->type, NULL);
	if (r == 0 && mount(device->path, BUNDLE_DISK, device->type,
			    MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		r = -errno;
	if (r < 0)
		return step_details(apply->record, r, "%s (%s) cannot be mounted: %s (%s)",
				    device->path, device->type, mount_error(r),
				    strerrorname_np(-r));
	apply->disk = BUNDLE_DISK;
	return 1;
}

static int make_layer(const struct apply *apply)
{
	int r = directory_make(BUNDLE_LAYER, 0755);

	if (r == 0 && mount("tmpfs", BUNDLE_LAYER, "tmpfs", MS_NODEV, LAYER_OPTIONS) < 0)
		r = -errno;
	return r < 0 ? step_details(apply->record, r, "cannot mount a tmpfs at '%s': %s",
				    BUNDLE_LAYER, strerror(-r))
		     : 0;
}

/* Return: 1, 0: no bundle, or a negative errno */
static int run(const struct apply *apply, struct text *words)
{
	const struct plan_bundle *plan = apply->plan;
	const char *const key[] = { "--key", plan->key };
	const char *const rest[] = { apply->disk, plan->path, apply->target, apply->root };
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	int status = 0;
	int r = strings_add(&argv, PROGRAM);

	for (size_t i = 0; r == 0 && plan->key && i < COUNT_OF(key); i++)
		r = strings_add(&argv, key[i]);
	for (size_t i = 0; r == 0 && i < COUNT_OF(rest); i++)
		r = strings_add(&argv, rest[i]);
	if (r == 0)
		r = program_run(&(struct program_run){ .argv = argv.items,
						       .doing = "bundle: checking it",
						       .most_ms = MOST_MS,
						       .words = words },
				&status);
	if (r < 0)
		return step_details(apply->record, r, "cannot run '%s': %s", PROGRAM, strerror(-r));
	if (WIFEXITED(status) && WEXITSTATUS(status) == ABSENT)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 1;
	return -EBADMSG;
}

static void take_hostname(struct machine *machine, const char *words)
{
	const char *name = strstr(words, " hostname=");
	CLEANUP(memory_free) char *copy = NULL;

	if (!name || machine->hostname_is_given) /* by ip= */
		return;
	name += strlen(" hostname=");
	copy = strndup(name, strcspn(name, " \n"));
	if (!copy || sethostname(copy, strlen(copy)) < 0) {
		(void)log_line(LOG_WARNING, -errno, "bundle: cannot set the host name: %s",
			       strerror(errno));
		return;
	}
	free(machine->plan.hostname);
	machine->plan.hostname = text_pointer_take(&copy);
}

/* it lies on @apply->disk, if anywhere */
static int check_and_unpack(struct apply *apply)
{
	bool is_layer = !text_equal(apply->target, apply->root);
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	int r = is_layer ? make_layer(apply) : 0;

	if (r == 0)
		r = run(apply, &words);
	if (r > 0 && is_layer &&
	    mount(NULL, BUNDLE_LAYER, NULL, MS_REMOUNT | MS_RDONLY | MS_NODEV, NULL) < 0)
		r = step_details(apply->record, -errno, "cannot make '%s' read-only: %s",
				 BUNDLE_LAYER, strerror(errno));
	if (r <= 0 && is_layer && is_mount_point(BUNDLE_LAYER))
		(void)umount2(BUNDLE_LAYER, UMOUNT_NOFOLLOW);
	program_words(&words, 400, &line);
	while (line.length && line.data[line.length - 1] == ' ')
		line.data[--line.length] = '\0';
	if (r > 0) {
		take_hostname(apply->machine, text_string(&line));
		(void)step_details(apply->record, 0, "path=%s device=%s %s", apply->plan->path,
				   apply->device, text_string(&line));
	} else if (r == -EBADMSG && words.length) {
		(void)step_details(apply->record, r, "'%s' on %s %s", apply->plan->path,
				   apply->device, text_string(&line));
	} else if (r == -EBADMSG) {
		(void)step_details(apply->record, r, "'%s' ended without a word", PROGRAM);
	}
	return r;
}

/* Return: 1, 0 with the record's details, or a negative errno with them */
static int find_and_unpack(struct apply *apply, const struct block_device *boot, const char *at)
{
	CLEANUP(disk_search_free)
	struct disk_search search = { .find = apply->plan->find,
				      .wants_root = true,
				      .step = "bundle" };
	int r = 1;

	if (boot && boot->path) {
		apply->disk = at;
		apply->device = boot->path;
	}
	if (search.find)
		r = mount_disk(apply, &search, boot);
	else if (!apply->disk)
		r = step_details(apply->record, -EINVAL,
				 "the root lies on no device, and the plan names none for it");
	if (r == 0)
		return step_details(apply->record, 0, "%s not found", search.find);
	if (r > 0)
		r = check_and_unpack(apply);
	if (r == 0)
		(void)step_details(apply->record, 0, "no '%s' on %s", apply->plan->path,
				   apply->device);
	if (is_mount_point(BUNDLE_DISK))
		(void)umount2(BUNDLE_DISK, UMOUNT_NOFOLLOW);
	return r;
}

int host_bundle_apply(struct machine *machine, struct step_record *record,
		      const struct block_device *boot, const char *at, const char *root)
{
	const struct plan_bundle *plan = &machine->plan.bundle;
	bool is_required = plan->need == PLAN_NEED_REQUIRED;
	struct apply apply = {
		.machine = machine,
		.plan = plan,
		.root = root,
		.target = root && text_equal(root, "/") ? "/" : BUNDLE_LAYER,
	};
	int r;

	if (!machine->plan.has_bundle)
		return 0;
	apply.record = step_begin(machine, "bundle");
	r = root ? find_and_unpack(&apply, boot, at)
		 : step_details(
			   apply.record, -EROFS,
			   "the root is mounted for writing, and nothing lies over it; take ro, "
			   "or mkinitrd.cow=tmpfs");
	if (r == 0 && !is_required) {
		step_end(machine, apply.record, STEP_SKIP);
		return 0;
	}
	if (r == 0)
		r = -ENOENT;
	if (r < 0 && !is_required)
		(void)step_details(apply.record, r, "%s; going on without it",
				   apply.record->details);
	step_end(machine, apply.record, r < 0 ? r : 0);
	if (r > 0 || !is_required)
		return r > 0;
	return step_details(record, r,
			    "the host's bundle is required: %.400s; boot without it: "
			    "mkinitrd.bundle=none",
			    apply.record->details);
}
