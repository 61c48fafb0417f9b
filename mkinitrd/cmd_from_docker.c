/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_from_docker.c - `mkinitrd from-docker`: a container image as a machine
 *
 * In:    an archive of "docker save", an OCI layout, the tar of a "docker export", or a folder;
 *        profiles to lay over what follows from it
 * Out:   what --as says: an initramfs, a disk, a tree for somebody else, or the profile that leads
 *        to them
 * Not:   the profile's text (docker_profile.c), all that is done with a profile
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "build.h"
#include "docker_profile.h"
#include "fail.h"
#include "options.h"
#include "output.h"
#include "profile.h"
#include "progress.h"
#include "tree_read.h"
#include "../init/lib/file.h"

#define LABEL "from-docker"

/* one run of the command */
struct job {
	const struct options *options;
	const char *archive;    /* as it was given */
	char *path;             /* canonical */
	const char *base;       /* its last part */
	char *name;             /* without endings */
	char *label;            /* for messages */
	struct strings command; /* what stands behind the archive */
	struct image_config config;
	bool is_machine;  /* not only a tree */
	struct text text; /* the profile */
};

static void job_free(struct job *job)
{
	free(job->path);
	free(job->name);
	free(job->label);
	strings_free(&job->command);
	image_config_free(&job->config);
	text_free(&job->text);
}

/* ---- the archive ---- */

/* "app.tar.gz" is "app" */
static char *name_of(const char *base)
{
	static const char *const endings[] = {
		".gz", ".bz2", ".xz", ".zst", ".lz4", ".tar", ".tgz"
	};
	char *name = strdup(base);

	for (size_t i = 0; name && i < COUNT_OF(endings); i++)
		if (text_ends_with(name, endings[i]) && strlen(name) > strlen(endings[i]))
			name[strlen(name) - strlen(endings[i])] = '\0';
	return name;
}

static int name_job(struct job *job)
{
	const struct strings *arguments = &job->options->arguments;
	const char *slash;

	job->archive = arguments->items[0];
	for (size_t i = 1; i < arguments->count; i++)
		if (strings_add(&job->command, arguments->items[i]) < 0)
			return fail(-ENOMEM, "cannot read the options");
	job->path = realpath(job->archive, NULL);
	if (!job->path)
		return fail(-errno, "cannot read '%s'", job->archive);
	slash = strrchr(job->path, '/');
	if (!slash[1])
		return fail(0, "'%s' is the root of this machine, and no image", job->archive);
	job->base = slash + 1;
	job->name = name_of(job->base);
	if (!job->name || asprintf(&job->label, "'%s'", job->archive) < 0)
		return fail(-ENOMEM, "cannot read '%s'", job->archive);
	return 0;
}

/* what it says about running it; a tree or a tar of files says nothing */
static int read_config(struct job *job)
{
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();
	CLEANUP(spool_close) struct spool spool = SPOOL_EMPTY;
	CLEANUP(fd_close) int fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct tree_reader reader = {
		.tree = tree,
		.spool = &spool,
		.name = "image",
		.label = job->label,
		.at = "",
		.image = job->options->image,
		.limit = TREE_LIMIT,
		.config = &job->config,
		.only_config = true,
		.asked_by = "--image NAME:TAG",
	};
	struct stat status;

	if (!tree || fd < 0 || fstat(fd, &status) < 0)
		return fail(fd < 0 ? -errno : -ENOMEM, "cannot read '%s'", job->archive);
	if (S_ISDIR(status.st_mode))
		return tree_is_image(fd) ? tree_read_image(&reader, fd) : 0;
	if (!S_ISREG(status.st_mode))
		return fail(0, "'%s' is neither a file nor a folder", job->archive);
	return spool_open(&spool) < 0 ? -EIO : tree_read_file(&reader, fd);
}

static int check_config(const struct job *job)
{
	const struct image_config *config = &job->config;

	if (!config->is_image && job->options->image)
		return fail(0, "--image %s: '%s' is no archive of images, but of files",
			    job->options->image, job->archive);
	if (config->system && !text_equal(config->system, "linux"))
		return fail(0, "'%s' is an image for %s; a machine of mkinitrd runs Linux",
			    job->archive, config->system);
	if (config->architecture && !text_equal(config->architecture, image_architecture()))
		return fail(
			0,
			"'%s' is an image for %s, and kernel and init here are for %s; take the "
			"image for that: docker pull --platform linux/%s",
			job->archive, config->architecture, image_architecture(),
			image_architecture());
	return 0;
}

/* ---- the profile ---- */

/* without what the files of a container do not say there is no machine */
static int check_command(const struct job *job, const struct profile_made *made)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	const struct value *run, *main_value;
	int r = profile_load_made(&profile, made, &job->options->profiles, &job->options->sets);

	if (r < 0)
		return r;
	run = value_get(profile.root, "run", NULL);
	main_value = value_get(profile.root, "boot", "main", NULL);
	if ((job->is_machine && !main_value) || value_get(main_value, "exec", NULL) ||
	    value_get(run, "exec", NULL) || value_get(run, "arguments", NULL))
		return 0;
	if (job->config.is_image)
		return fail(
			0,
			"'%s' has no command, neither ENTRYPOINT nor CMD: give one behind '--', "
			"or as 'run: exec:' of a profile (-p)",
			job->archive);
	return fail(
		0,
		"'%s' has the files of a container alone: its command, environment, user, "
		"folder, ports and volumes were lost in 'docker export'; give the command behind "
		"'--', the rest with -p or --set: run.env.NAME, run.user, run.directory, "
		"run.ports, run.volumes; or take a 'docker save'",
		job->archive);
}

/* where the profile that is written finds the archive: beside it, or by its whole path */
static int profile_from(const struct job *job, char **ret_from)
{
	const char *output = job->options->output;
	CLEANUP(memory_free) char *copy = output ? strdup(output) : NULL;
	CLEANUP(memory_free) char *folder = NULL;
	char *slash = copy ? strrchr(copy, '/') : NULL;
	size_t length = (size_t)(job->base - job->path);

	if (slash)
		slash[slash == copy] = '\0';
	folder = realpath(slash ? copy : ".", NULL);
	*ret_from = strdup(output && folder && strlen(folder) + 1 == length &&
					   memcmp(folder, job->path, length - 1) == 0
				   ? job->base
				   : job->path);
	return *ret_from ? 0 : fail(-ENOMEM, "cannot write a profile");
}

static int make_profile(struct job *job, const char *from)
{
	const struct docker_profile profile = {
		.from = from,
		.image = job->options->image,
		.name = job->name,
		.command = &job->command,
		.config = &job->config,
		.is_machine = job->is_machine,
	};

	text_clear(&job->text);
	return docker_profile_format(&profile, &job->text) < 0
		       ? fail(-ENOMEM, "cannot make a profile")
		       : 0;
}

/* ---- what becomes of it ---- */

static int as_profile(struct job *job, const struct options *options)
{
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	CLEANUP(memory_free) char *from = NULL;
	int r = profile_from(job, &from);

	if (r == 0)
		r = make_profile(job, from);
	if (r < 0)
		return EXIT_FAILED;
	if (!options->output)
		return fputs(text_string(&job->text), stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	r = output_open(&output, options->output);
	if (r < 0)
		return EXIT_FAILED;
	r = file_write_fd(output.fd, text_string(&job->text), job->text.length);
	if (r == 0 && fchmod(output.fd, 0644) < 0)
		r = -errno;
	if (r < 0)
		(void)fail(r, "cannot write '%s'", options->output);
	return r < 0 || output_publish(&output) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int as_initramfs(struct job *job UNUSED, const struct options *options)
{
	return build_image(options, NULL) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int as_disk(struct job *job UNUSED, const struct options *options)
{
	return cmd_disk(options);
}

static int as_dir(struct job *job UNUSED, const struct options *options)
{
	return cmd_dir(options);
}

static int as_tar(struct job *job UNUSED, const struct options *options)
{
	return cmd_tar(options);
}

// clang-format off
static const struct form {
	const char *name;
	int (*function)(struct job *job, const struct options *options);
	bool is_machine;
} forms[] = {
	{ "initramfs", as_initramfs, true },
	{ "disk",      as_disk,      true },
	{ "dir",       as_dir,       false },
	{ "tar",       as_tar,       false },
	{ "profile",   as_profile,   true },
};
// clang-format on

static const struct form *form_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		if (text_equal(forms[i].name, name ? name : "initramfs"))
			return &forms[i];
	return NULL;
}

static int run(struct job *job, const struct form *form)
{
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	struct options options = *job->options;
	struct profile_made made = { 0 };
	int r = name_job(job);

	if (r == 0)
		r = read_config(job);
	if (r == 0)
		r = check_config(job);
	if (r == 0)
		r = make_profile(job, job->base);
	if (r < 0)
		return EXIT_FAILED;
	/* a folder is its own neighbour's: what is beside it is what lies in its parent */
	text_format(&label, "%.*s" LABEL, (int)(strrchr(job->path, '/') + 1 - job->path),
		    job->path);
	made.name = job->name;
	made.text = text_string(&job->text);
	made.label = profile_label(text_string(&label), LABEL);
	if (!made.label)
		return fail(-ENOMEM, "cannot make a profile"), EXIT_FAILED;
	if (check_command(job, &made) < 0)
		return EXIT_FAILED;
	options.arguments = STRINGS_EMPTY;
	options.made = &made;
	return form->function(job, &options);
}

static int usage(const char *message)
{
	(void)fail(0, "%s; see mkinitrd from-docker --help", message);
	return EXIT_USAGE;
}

int cmd_from_docker(const struct options *options)
{
	CLEANUP(job_free) struct job job = { .options = options };
	const struct form *form = form_find(options->as);

	if (options->arguments.count == 0)
		return usage("from-docker takes an ARCHIVE: of docker save or docker export, or an "
			     "OCI layout");
	if (!form)
		return usage("--as is initramfs, disk, dir, tar or profile");
	if (form->function != as_disk && (options->into || options->disk_size))
		return usage("--into and --disk-size need --as disk");
	if ((form->function == as_disk || form->function == as_profile) && options->dry_run)
		return usage("--dry-run is for --as initramfs, dir and tar");
	if (form->function != as_dir && (options->nspawn || options->host_root))
		return usage("--nspawn and --host-root need --as dir");
	job.is_machine = form->is_machine;
	progress_set(options->progress, options->quiet);
	return run(&job, form);
}
