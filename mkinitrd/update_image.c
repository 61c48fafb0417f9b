/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_image.c - one image of a host: made and recorded (see update_image.h)
 *
 * In:    a definition, a kernel
 * Out:   image, copy of the kernel, boot entry, record, in this order; the copy is written before
 *        the image is made, so that want of space is no reason for one without the other
 * Not:   whether it is needed, and what is said when it fails (update.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/vfs.h>
#include <time.h>

#include "boot_entry.h"
#include "build.h"
#include "fail.h"
#include "host_mount.h"
#include "output.h"
#include "update_image.h"

#define NANO INT64_C(1000000000)

/* statfs(2) */
#define FAT_MAGIC 0x4d44
#define EXFAT_MAGIC 0x2011bab0

/* what one image is made with */
struct job {
	struct host *host;
	const struct definition *definition;
	const struct host_kernel *kernel;
	const char *output; /* as seen on the host */
	char *path;         /* for who opens it */
	struct watch *watch;
	struct record record;
	struct kernel_beside copy;
	bool is_placed; /* the image has taken the place of the one before */
};

static void job_free(struct job *job)
{
	free(job->path);
	watch_free(job->watch);
	record_free(&job->record);
	kernel_copy_close(&job->copy);
}

/* ---- the image before ---- */

static int copy_file(const char *from, const char *to)
{
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	CLEANUP(fd_close) int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t count;
	int r;

	if (fd < 0)
		return fail(-errno, "cannot keep '%s'", from);
	r = output_open(&output, to);
	if (r < 0)
		return r;
	do {
		count = sendfile(output.fd, fd, NULL, (size_t)1 << 20);
	} while (count > 0 || (count < 0 && errno == EINTR));
	return count < 0 ? fail(-errno, "cannot keep '%s'", from) : output_publish(&output);
}

/* a second name for it, or where there are none (FAT) a copy, beside it */
static int keep(const char *path, const char *kept)
{
	if (unlink(kept) < 0 && errno != ENOENT)
		return fail(-errno, "cannot keep '%s'", path);
	if (link(path, kept) == 0 || errno == ENOENT)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return fail(-errno, "cannot keep '%s'", path);
	return copy_file(path, kept);
}

/* it becomes OUTPUT.old when the new one is there */
static int keep_end(const char *path, const char *kept, bool is_made)
{
	CLEANUP(text_free) struct text old = TEXT_EMPTY;

	if (!is_made) {
		(void)unlink(kept);
		return 0;
	}
	text_format(&old, "%s.old", path);
	if (old.failed || (rename(kept, text_string(&old)) < 0 && errno != ENOENT))
		return fail(old.failed ? -ENOMEM : -errno, "cannot keep the old '%s'", path);
	return 0;
}

/* ---- the record ---- */

/* whatever a profile's text has */
static void one_line(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = ' ';
}

static int take_cmdline(struct job *job, const struct build *build)
{
	const struct strings *lists[] = { &build->plan.image.cmdline, &job->definition->cmdline };
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(lists); i++)
		for (size_t j = 0; j < lists[i]->count; j++)
			text_format(&text, "%s%s", text.length ? " " : "", lists[i]->items[j]);
	one_line(text.data, text.length);
	return text_take(&text, &job->record.cmdline);
}

static int take_texts(struct job *job, const struct build *build)
{
	struct record *record = &job->record;
	const char *title = job->definition->title ? job->definition->title : build->profile.name;

	record->name = strdup(job->definition->name);
	record->release = strdup(job->kernel->release);
	record->base = strdup(job->kernel->base ? job->kernel->base : "");
	record->entry = strdup("");
	record->copy = strdup("");
	record->has_entry = job->definition->has_entry;
	record->made = (int64_t)time(NULL);
	if (asprintf(&record->title, "%s (%s)", title, job->kernel->release) < 0)
		record->title = NULL;
	if (!record->name || !record->release || !record->base || !record->output ||
	    !record->entry || !record->copy || !record->title)
		return -ENOMEM;
	one_line(record->title, strlen(record->title));
	return take_cmdline(job, build);
}

/* FAT has none: their numbers are made up at each mount */
static bool has_inodes(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type != FAT_MAGIC &&
	       status.f_type != EXFAT_MAGIC;
}

static int take_status(struct job *job)
{
	struct stat status;

	if (stat(job->path, &status) < 0)
		return -errno;
	job->record.inode = has_inodes(job->path) ? status.st_ino : 0;
	job->record.size = (uint64_t)status.st_size;
	job->record.mtime = status.st_mtim.tv_sec * NANO + status.st_mtim.tv_nsec;
	return 0;
}

/* all that decides what the image holds */
static int take_sights(struct job *job, const struct build *build)
{
	int fd = sysroot_open(&build->root, job->definition->path, O_RDONLY);
	int r;

	fd_close(&fd);
	r = watch_build(job->watch, build);
	if (r < 0 && r != -EXDEV)
		return r;
	job->record.doubt = strdup(r == -EXDEV ? "it has what comes of trees, scripts, archives "
						 "or the host's devices, which are not watched"
					       : "");
	if (!job->record.doubt)
		return -ENOMEM;
	return watch_take(job->watch, &job->host->root, &job->record.sights);
}

/* what an earlier record says is said by the new one: of the same image (@of_same) before that is
 * on disk, of the same file for another image afterwards, so that there is always one */
static int replace_records(struct job *job, bool of_same)
{
	struct host *host = job->host;
	int r = 0;

	for (size_t i = host->records.count; i-- && r == 0;) {
		struct record *before = &host->records.items[i];
		bool is_same = text_equal(before->name, job->record.name) &&
			       text_equal(before->release, job->record.release);

		if (is_same != of_same)
			continue;
		if (is_same && !text_equal(before->output, job->output)) {
			/* what the new one has as well stays */
			if (text_equal(before->entry, job->record.entry))
				*before->entry = '\0';
			if (text_equal(before->copy, job->record.copy))
				*before->copy = '\0';
			r = update_remove_record(host, before);
		} else if (text_equal(before->output, job->output)) {
			if (!text_equal(before->entry, job->record.entry))
				r = boot_entry_remove(host, before);
			if (r == 0 && !is_same)
				r = record_remove(host->prefix, before);
			record_free(before);
			memmove(before, before + 1,
				(host->records.count - i - 1) * sizeof(*before));
			host->records.count--;
		}
	}
	return r;
}

static int made(void *context, const struct build *build)
{
	struct job *job = context;
	struct records *records = &job->host->records;
	struct record *items;
	int r;

	job->is_placed = true;
	r = take_texts(job, build);

	if (r == 0)
		r = take_status(job);
	if (r < 0)
		return fail(r, "cannot record what '%s' is made of", job->output);
	/* at once: until then the image stands beside another kernel */
	r = kernel_copy_publish(&job->copy, &job->record);
	if (r < 0)
		return r;
	r = take_sights(job, build);
	if (r < 0)
		return fail(r, "cannot record what '%s' is made of", job->output);
	r = boot_entry_write(job->host, &job->record);
	if (r == 0)
		r = replace_records(job, true);
	if (r == 0)
		r = record_save(job->host->prefix, &job->record);
	if (r == 0)
		r = replace_records(job, false);
	if (r < 0)
		return r;
	items = reallocarray(records->items, records->count + 1, sizeof(*items));
	if (!items)
		return fail(-ENOMEM, "cannot record what '%s' is made of", job->output);
	records->items = items;
	items[records->count++] = job->record;
	job->record = (struct record){ 0 };
	return 0;
}

/* ---- building ---- */

static bool is_recorded(const struct job *job)
{
	for (size_t i = 0; i < job->host->records.count; i++)
		if (text_equal(job->host->records.items[i].output, job->output))
			return true;
	return false;
}

/* never over what somebody else has made under this name */
static int check_target(const struct job *job, bool is_forced)
{
	struct stat status;
	int r = host_check_mounted(job->host, job->output);

	if (r < 0 || is_forced || lstat(job->path, &status) < 0)
		return r;
	if (is_recorded(job))
		return 0;
	(void)fail(0,
		   "'%s' is there, and not an image that mkinitrd keeps; give another 'output:' in "
		   "%s, or replace it with 'mkinitrd update --force'",
		   job->output, job->definition->path);
	return -EEXIST;
}

static struct options build_options(const struct job *job, unsigned jobs)
{
	return (struct options){
		.profiles = job->definition->profiles,
		.sets = job->definition->sets,
		.kernel = job->kernel->release,
		.root = *job->host->prefix ? job->host->prefix : NULL,
		.output = job->path,
		.jobs = jobs,
	};
}

/* a record of this image with another file stays: it is all that knows of that one */
static bool needs_claim(const struct job *job)
{
	return !is_recorded(job) &&
	       !record_find(&job->host->records, job->definition->name, job->kernel->release);
}

/* whose the file is stands on disk before it does: a build that is killed between the two would
 * have left somebody else's */
static int claim(const struct job *job)
{
	char nothing[] = "", doubt[] = "what made it was interrupted";
	const struct record record = {
		.name = job->definition->name,
		.release = job->kernel->release,
		.base = job->kernel->base ? job->kernel->base : nothing,
		.output = job->record.output,
		.copy = job->copy.path,
		.doubt = doubt,
	};

	return needs_claim(job) ? record_save(job->host->prefix, &record) : 0;
}

static void claim_end(const struct job *job, const struct stat *before)
{
	struct stat now = { 0 };

	(void)stat(job->path, &now);
	if (needs_claim(job) && now.st_ino == before->st_ino)
		(void)record_remove(job->host->prefix,
				    &(struct record){ .name = job->definition->name,
						      .release = job->kernel->release });
}

static int build(struct job *job, unsigned jobs)
{
	const struct options options = build_options(job, jobs);
	CLEANUP(text_free) struct text kept = TEXT_EMPTY;
	int r, kept_r = 0;

	if (!job->definition->keeps_old)
		return build_image_watched(&options, job->output, job->watch, made, job);
	text_format(&kept, "%.*s.%s.kept", (int)(base_name(job->path) - job->path), job->path,
		    base_name(job->path));
	r = kept.failed ? fail(-ENOMEM, "cannot keep '%s'", job->output)
			: keep(job->path, text_string(&kept));
	if (r < 0)
		return r;
	r = build_image_watched(&options, job->output, job->watch, made, job);
	kept_r = keep_end(job->path, text_string(&kept), job->is_placed);
	return r < 0 ? r : kept_r;
}

int update_image(struct host *host, const struct definition *definition,
		 const struct host_kernel *kernel, const char *output, bool is_forced,
		 unsigned jobs)
{
	CLEANUP(job_free)
	struct job job = {
		.host = host,
		.definition = definition,
		.kernel = kernel,
		.output = output,
		.path = host_path(host, output),
		.watch = watch_new(host->since),
		.copy = KERNEL_BESIDE_EMPTY,
	};
	struct stat before = { 0 };
	int r;

	job.record.output = strdup(output);
	if (!job.path || !job.watch || !job.record.output)
		return fail(-ENOMEM, "cannot make '%s'", output);
	r = check_target(&job, is_forced);
	if (r == 0)
		r = kernel_copy_prepare(host, definition, kernel, output, &job.copy);
	if (r == 0)
		r = claim(&job);
	if (r < 0)
		return r;
	(void)stat(job.path, &before);
	r = build(&job, jobs);
	if (r < 0)
		claim_end(&job, &before);
	return r;
}

int update_make(struct host *host, const struct definition *definition,
		const struct host_kernel *kernel, const char *output)
{
	const struct job job = { .host = host, .definition = definition, .kernel = kernel };
	struct options options = build_options(&job, 0);

	if (definition->broken)
		return fail(0, "%s", definition->broken);
	options.output = output;
	return build_image(&options, output);
}
