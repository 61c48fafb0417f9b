/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.c - the drivers of this machine
 *
 * In:    the plan's modules and aliases; the devices in /sys and those that appear
 * Out:   loaded modules; a warning with the reason for each that is not
 * Not:   the order (module_loader.c), matching (module_alias.c), uevent messages (uevent.c)
 * Facts: finit_module(2): flag 0 takes uncompressed files; EEXIST is a module that is there
 *        already, which the kernel may have asked for meanwhile (docs/boot.md section 3)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "module_alias.h"
#include "module_loader.h"
#include "modules.h"
#include "uevent.h"

struct modules {
	struct module_loader *loader;
	struct alias_index aliases;
};

/* what an errno means for a module */
static const char *module_error(int error)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
		{ ENOENT, "it uses symbols that no loaded module has; see the kernel log" },
		{ ENOEXEC, "it is not built for this kernel; see the kernel log" },
		{ ENODEV, "it found no device to drive" },
		{ EINVAL, "its options, or symbols of another kernel version; see the kernel log" },
		{ EKEYREJECTED, "its signature is refused" },
		{ ENOKEY, "it is signed with a key that the kernel does not know" },
		{ EPERM, "loading modules is switched off" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].error == -error)
			return rows[i].text;
	return strerror(-error);
}

static int load(const struct plan_module *module)
{
	CLEANUP(fd_close) int fd = open(module->path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return log_line(LOG_WARNING, -errno,
				"modules: '%s' not loaded: cannot open '%s': %s, skipping",
				module->name, module->path, strerror(errno));
	if (syscall(SYS_finit_module, fd, module->options ? module->options : "", 0) == 0 ||
	    errno == EEXIST)
		return log_line(LOG_DEBUG, 0, "modules: '%s' loaded", module->name);
	r = -errno;
	return log_line(LOG_WARNING, r, "modules: '%s' not loaded: %s (%s), skipping", module->name,
			module_error(r), strerrorname_np(-r));
}

struct want {
	const struct machine *machine;
	const char *modalias;
};

static void want_owner(void *context, size_t owner)
{
	const struct want *want = context;
	const char *name = want->machine->plan.aliases[owner].module;

	if (loader_want_name(want->machine->modules->loader, name) < 0)
		(void)log_line(
			LOG_WARNING, -ENOENT,
			"modules: '%s' asks for '%s', which the plan does not have, skipping",
			want->modalias, name);
}

size_t modules_want_alias(const struct machine *machine, const char *modalias)
{
	struct want want = { machine, modalias };

	if (!machine->modules)
		return 0;
	return alias_match(&machine->modules->aliases, modalias, want_owner, &want);
}

size_t modules_load_wanted(const struct machine *machine)
{
	return machine->modules ? loader_run(machine->modules->loader) : 0;
}

int modules_load_alias(const struct machine *machine, const char *modalias)
{
	size_t matched = modules_want_alias(machine, modalias);

	(void)modules_load_wanted(machine);
	return (int)matched;
}

int modules_load_name(const struct machine *machine, const char *name)
{
	int r = machine->modules ? loader_want_name(machine->modules->loader, name) : -ENOENT;

	(void)modules_load_wanted(machine);
	return r;
}

static bool is_hidden(const struct dirent *entry)
{
	return entry->d_name[0] == '.';
}

/* open a directory for reading its entries, NULL if it is not there */
static DIR *directory_open(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		fd_close(&fd);
	return directory;
}

/* @path is "BUS/devices" below /sys/bus */
static void collect_bus(int parent, const char *path, struct strings *modaliases)
{
	CLEANUP(directory_close) DIR *devices = directory_open(parent, path);
	const struct dirent *entry;

	while (devices && (entry = readdir(devices))) {
		CLEANUP(memory_free) char *modalias = NULL;
		char file[sizeof(entry->d_name) + sizeof("/modalias")];

		if (is_hidden(entry))
			continue;
		(void)snprintf(file, sizeof(file), "%s/modalias", entry->d_name);
		if (file_read_line(dirfd(devices), file, &modalias) == 0 && *modalias)
			(void)strings_take_in(modaliases, text_pointer_take(&modalias));
	}
}

void modules_want_present(const struct machine *machine)
{
	CLEANUP(directory_close) DIR *buses = directory_open(AT_FDCWD, "/sys/bus");
	CLEANUP(strings_free) struct strings modaliases = STRINGS_EMPTY;
	const struct dirent *entry;

	while (buses && (entry = readdir(buses))) {
		char path[sizeof(entry->d_name) + sizeof("/devices")];

		if (is_hidden(entry))
			continue;
		(void)snprintf(path, sizeof(path), "%s/devices", entry->d_name);
		collect_bus(dirfd(buses), path, &modaliases);
	}
	/* alike ones are many (processors, ports): ask once for each */
	strings_sort(&modaliases, true);
	for (size_t i = 0; i < modaliases.count; i++)
		(void)log_line(LOG_DEBUG, 0, "modules: device '%s': %zu match", modaliases.items[i],
			       modules_want_alias(machine, modaliases.items[i]));
}

/* the kernel runs this program when it wants a module itself; its default is /sbin/modprobe */
static void set_modprobe(void)
{
	static const char *const places[] = { "/sbin/modprobe", "/usr/sbin/modprobe",
					      "/usr/bin/modprobe" };

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		int r = 0;

		if (access(places[i], X_OK) < 0)
			continue;
		if (i > 0)
			r = file_write_existing(AT_FDCWD, "/proc/sys/kernel/modprobe", places[i]);
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "modules: cannot tell the kernel of '%s' (%s), going on",
				       places[i], strerror(-r));
		return;
	}
}

static int modules_make(struct machine *machine)
{
	struct modules *modules = calloc(1, sizeof(*modules));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (!modules)
		return -ENOMEM;
	modules->loader = loader_new(&machine->plan, load, processors > 0 ? (size_t)processors : 1);
	if (!modules->loader || alias_index_build(&modules->aliases, &machine->plan) < 0) {
		loader_free(&modules->loader);
		free(modules);
		return -ENOMEM;
	}
	machine->modules = modules;
	return 0;
}

void modules_free(struct machine *machine)
{
	if (!machine->modules)
		return;
	loader_free(&machine->modules->loader);
	alias_index_free(&machine->modules->aliases);
	free(machine->modules);
	machine->modules = NULL;
}

int step_modules(struct machine *machine, struct step_record *record)
{
	size_t loaded, failed;
	int r;

	/* first of all, so that no device appears unseen between the look at /sys and this */
	r = uevent_open(machine);
	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "modules: no messages about new devices (%s), going on without",
			       strerror(-r));
	set_modprobe();
	r = machine->modules ? 0 : modules_make(machine);
	if (r < 0)
		return r;
	loader_retry(machine->modules->loader);
	for (size_t i = 0; i < machine->plan.module_count; i++)
		if (machine->plan.modules[i].load == PLAN_LOAD_BOOT)
			loader_want(machine->modules->loader, i);
	/* in one go: a driver that waits for its device (ATA) holds up one thread only */
	modules_want_present(machine);
	(void)modules_load_wanted(machine);
	(void)uevent_handle(machine);
	loader_count(machine->modules->loader, &loaded, &failed);
	return step_details(record, 0, "loaded=%zu failed=%zu", loaded, failed);
}
