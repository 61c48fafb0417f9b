/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build.c - from profiles and a root to a manifest (see build.h)
 *
 * In:    options, profiles, the root
 * Out:   a manifest with all that goes into an image or a tree; what boots it in the plan
 * Not:   writing it (cmd_build.c, cmd_tar.c, cmd_dir.c, cmd_oci.c)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "check.h"
#include "elf_object.h"
#include "fail.h"
#include "plan.h"
#include "progress.h"
#include "resolve_trees.h"
#include "tools.h"
#include "../init/lib/number.h"

void build_free(struct build *build)
{
	run_settings_free(&build->run);
	modules_close(build->modules);
	bootplan_free(&build->plan);
	manifest_free(build->resolve.manifest);
	resolve_free(&build->resolve);
	fd_close(&build->tools_fd);
	sysroot_close(&build->host);
	sysroot_close(&build->root);
	profile_free(&build->profile);
}

int build_time(int64_t *ret_mtime)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds = 0;

	if (text && *text && (number_parse(text, &seconds) < 0 || seconds > UINT32_MAX))
		return fail(0, "SOURCE_DATE_EPOCH '%s' is not a number of seconds below 2^32",
			    text);
	*ret_mtime = (int64_t)seconds;
	return 0;
}

bool build_boots(const struct build *build)
{
	return !build->is_tree || value_get(build->profile.root, "boot", "main", NULL);
}

/* a tree does without one */
static int choose_kernel(struct build *build)
{
	bool wants = modules_are_wanted(&build->profile);
	struct kernel *kernel = &build->resolve.kernel;
	int r;

	if (build->is_tree && !wants && !build->options->kernel) {
		kernel->release = strdup("");
		kernel->directory = strdup("");
		return kernel->release && kernel->directory ? 0 : fail(-ENOMEM, "cannot build");
	}
	r = kernel_choose(&build->root, build->options->kernel,
			  wants && (!build->is_tree || build->options->kernel), kernel);
	if (r == 0 && wants && *kernel->release == '\0')
		say("no kernel in the root '%s': the modules that the profile names are left out",
		    build->root.path);
	return r;
}

/* the machine whose modules the profile asks for; that of another root is not this one */
static int open_host(struct build *build)
{
	const struct value *asked = value_get(build->profile.root, "kernel", "host-modules", NULL);
	const char *host = build->options->devices;
	int r;

	if (!asked)
		return 0;
	if (!host && !sysroot_is_running(&build->root))
		return fail_at(&asked->origin,
			       "'kernel.host-modules' asks for the modules of this machine's "
			       "devices, and '%s' is the root of another; say --devices / when "
			       "it is for this machine, or --devices DIR with a description of "
			       "the other one (its sys, proc and dev)",
			       build->root.path);
	r = sysroot_open_root(&build->host, host ? host : "/");
	build->resolve.host = &build->host;
	return r;
}

int build_open(struct build *build)
{
	const struct options *options = build->options;
	int r = sysroot_open_root(&build->root, options->root ? options->root : "/");

	if (r < 0)
		return r;
	r = elf_check_root(&build->root);
	if (r == 0)
		r = open_host(build);
	if (r < 0)
		return r;
	build->tools_fd = tools_open();
	if (build->tools_fd < 0)
		return build->tools_fd;
	build->resolve.profile = &build->profile;
	build->resolve.root = &build->root;
	build->resolve.tools_fd = &build->tools_fd;
	build->resolve.jobs = options_jobs(options);
	build->resolve.manifest = manifest_new();
	if (!build->resolve.manifest)
		return fail(-ENOMEM, "cannot build");
	r = choose_kernel(build);
	build->root.watch = build->watch; /* other kernels have nothing to say */
	return r;
}

/* the program of "run:", with all that it needs */
static int collect_run(struct build *build)
{
	struct run_settings *run = &build->run;
	struct strings *words;
	char *path = NULL;
	int r = run_settings_read(&build->profile, run);

	words = run->exec.count ? &run->exec : &run->arguments;
	/* the words of the tree's own init */
	if (r < 0 || words->count == 0 || run->init == RUN_INIT_BOOT)
		return r;
	r = plan_run_find(&build->resolve, run, words->items[0], &path);
	if (r == -ENOENT)
		r = resolve_program(&build->resolve, words->items[0], "program of 'run'",
				    &run->exec_at, false, &path);
	if (r < 0)
		return r;
	free(words->items[0]);
	words->items[0] = path;
	return 0;
}

/* what it calls, when all of it is there */
static int check_calls(struct build *build)
{
	CLEANUP(strings_free) struct strings command = STRINGS_EMPTY;
	int r = run_command(&build->run, &command);

	return r < 0 ? fail(r, "cannot build")
		     : plan_calls(&build->resolve, value_get(build->profile.root, "run", NULL),
				  &command);
}

/* where who starts a tree looks for its init; a tree that has one keeps it */
static int collect_init(struct build *build)
{
	struct resolve *resolve = &build->resolve;
	CLEANUP(memory_free) char *place = NULL;
	struct addition addition = {
		.type = ENTRY_SYMLINK,
		.mode = 0777,
		.target = "/init",
		.source.directory_fd = -1,
		.relation = "init of a tree",
	};
	int r = tools_add(resolve, build->tools_fd);

	if (r < 0 || !build->is_tree)
		return r;
	r = resolve_place(resolve, "/sbin/init", addition.relation, &(struct origin){ 0 }, &place);
	if (r < 0 || manifest_find(resolve->manifest, place))
		return r;
	addition.path = place;
	r = manifest_add(resolve->manifest, &addition, NULL);
	return r < 0 ? r : 0;
}

/* "containers:" are loaded by what boots, and by nothing else */
static int collect_containers(struct build *build)
{
	const struct value *containers = value_get(build->profile.root, "containers", NULL);

	if (build_boots(build))
		return container_images(&build->resolve, containers, &build->plan);
	if (containers && containers->count)
		note("the images of 'containers:' are for an init that loads them, which is not in "
		     "this tree, skipping");
	return 0;
}

int build_collect(struct build *build)
{
	struct resolve *resolve = &build->resolve;
	const struct value *root = build->profile.root;
	bool with_modules = modules_are_wanted(&build->profile) && *resolve->kernel.release &&
			    !resolve->kernel.has_no_modules;
	bool boots = build_boots(build);
	int r = 0;

	progress_phase("reading trees");
	r = resolve_trees(resolve, value_get(root, "trees", NULL), build->options->refresh);
	progress_phase("resolving files and programs");
	if (r == 0)
		r = resolve_files(resolve, value_get(root, "files", NULL));
	progress_phase("running scripts");
	if (r == 0)
		r = resolve_scripts(resolve, value_get(root, "scripts", NULL));
	progress_phase("resolving files and programs");
	if (r == 0 && with_modules)
		r = modules_open(resolve, &build->modules);
	if (r == 0 && boots)
		r = collect_init(build);
	if (r == 0)
		r = resolve_programs(resolve, value_get(root, "programs", NULL));
	if (r == 0 && build->is_tree)
		r = collect_run(build);
	if (r == 0 && boots)
		r = plan_services(resolve, &build->plan);
	progress_phase("resolving modules");
	if (r == 0 && with_modules)
		r = modules_resolve(build->modules, resolve);
	if (r == 0 && with_modules && boots)
		r = modules_plan(build->modules, &build->plan);
	progress_phase("packing container images");
	if (r == 0 && !build->is_tree)
		r = resolve_microcode(resolve);
	if (r == 0)
		r = collect_containers(build);
	progress_phase("resolving libraries");
	if (r == 0)
		r = resolve_closure(resolve);
	return r < 0 ? r : check_accept(root, resolve->manifest);
}

int build_tree(struct build *build)
{
	const struct options *options = build->options;
	int r = profile_load_made(&build->profile, options->made, &options->profiles,
				  &options->sets);

	build->is_tree = true;
	if (r == 0)
		r = build_open(build);
	if (r == 0)
		r = build_collect(build);
	if (r == 0)
		r = check_calls(build);
	if (r == 0 && build_boots(build))
		r = plan_add(&build->resolve, &build->plan);
	if (r >= 0)
		r = resolve_finish(&build->resolve);
	if (r == 0)
		build_say_missing(build);
	return r;
}

/* what may be missing and is, in one line */
void build_say_missing(const struct build *build)
{
	static const struct {
		const char *what;
		size_t offset;
	} kinds[] = {
		{ "modules", offsetof(struct resolve_missing, modules) },
		{ "firmware files", offsetof(struct resolve_missing, firmware) },
		{ "programs", offsetof(struct resolve_missing, programs) },
		{ "files", offsetof(struct resolve_missing, files) },
	};
	const struct resolve_missing *missing = &build->resolve.missing;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		const struct strings *names =
			(const void *)((const char *)missing + kinds[i].offset);

		for (size_t j = 0; j < names->count; j++)
			note("optional and not found (%s): %s", kinds[i].what, names->items[j]);
		if (names->count)
			text_format(&line, "%s%zu %s", line.length ? ", " : "", names->count,
				    kinds[i].what);
	}
	if (line.length)
		say("optional and not found: %s (-v lists them)", text_string(&line));
}

void build_print(const struct build *build)
{
	const struct manifest *manifest = build->resolve.manifest;

	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		CLEANUP(text_free) struct text chain = TEXT_EMPTY;

		if (verbosity_get() >= VERBOSE) {
			manifest_chain(manifest, entry, true, &chain);
			printf("%s\t%s\n", entry->path, text_string(&chain));
		} else {
			printf("%s\n", entry->path);
		}
	}
}
