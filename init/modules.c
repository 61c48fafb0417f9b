/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.c - the drivers of this machine
 *
 * In:    the plan's modules and aliases; the devices in /sys and those that appear
 * Out:   loaded modules; a warning with the reason for each that is not. What the plan wants beside
 *        the next steps is loaded by a process of its own, which modules_join() waits for
 * Not:   the order (module_loader.c), matching (module_alias.c), uevent messages (uevent.c)
 * Facts: finit_module(2): flag 0 takes uncompressed files; EEXIST is a module that is there
 *        already, which the kernel may have asked for meanwhile (docs/boot.md section 3)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "module_alias.h"
#include "module_loader.h"
#include "modules.h"
#include "uevent.h"

/* for modules that are loaded beside: one that hangs does not keep the machine from booting */
#define BESIDE_MS 30000
#define BESIDE_NICE 10

struct modules {
	struct module_loader *loader;
	struct alias_index aliases;
	size_t block_events;
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

/* cheaper than to let the kernel read the whole file first */
static bool is_live(const char *name)
{
	CLEANUP(memory_free) char *state = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "/sys/module/%s/initstate", name);
	return file_read_line(AT_FDCWD, text_string(&path), &state) == 0 &&
	       text_equal(state, "live");
}

static int load(const struct plan_module *module)
{
	CLEANUP(fd_close) int fd = -1;
	int r;

	if (is_live(module->name))
		return log_line(LOG_DEBUG, 0, "modules: '%s' is there", module->name);
	fd = open(module->path, O_RDONLY | O_CLOEXEC);

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

	if (!machine->modules) {
		if (machine->devices)
			(void)strings_add(machine->devices, modalias);
		return 0;
	}
	return alias_match(&machine->modules->aliases, modalias, want_owner, &want);
}

static void devices_came(const void *context)
{
	const struct machine *machine = context;

	machine->modules->block_events += uevent_drain(machine);
}

size_t modules_load_wanted(const struct machine *machine)
{
	const struct loader_events events = { machine->uevent_fd, devices_came, machine };

	return machine->modules ? loader_run(machine->modules->loader, &events) : 0;
}

size_t modules_handle_events(const struct machine *machine)
{
	size_t before;

	if (!machine->modules)
		return uevent_drain(machine);
	before = machine->modules->block_events;
	devices_came(machine);
	(void)modules_load_wanted(machine);
	return machine->modules->block_events - before;
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

/* its default is /sbin/modprobe */
void modules_set_modprobe(void)
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

static struct module_loader *loader_make(const struct machine *machine)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	/* one more than there are: see module_loader.c */
	return loader_new(&machine->plan, load, processors > 0 ? (size_t)processors + 1 : 2);
}

static size_t want_all_of(const struct machine *machine, struct module_loader *loader,
			  enum plan_load when)
{
	size_t count = 0;

	for (size_t i = 0; i < machine->plan.module_count; i++) {
		if (machine->plan.modules[i].load != when)
			continue;
		loader_want(loader, i);
		count++;
	}
	return count;
}

/* the process that loads what only main needs. What it and process 1 both want is loaded once:
 * finit_module(2) waits for another that loads the same, then says EEXIST. */
_Noreturn static void load_beside(const struct machine *machine)
{
	struct module_loader *loader = loader_make(machine);
	uint64_t start = clock_ms();
	size_t loaded, failed;

	(void)prctl(PR_SET_NAME, "mkinitrd-beside");
	(void)setpriority(PRIO_PROCESS, 0, BESIDE_NICE);
	if (!loader) {
		(void)log_line(LOG_ERROR, -ENOMEM, "modules: beside: failed: memory is short");
		_exit(1);
	}
	(void)want_all_of(machine, loader, PLAN_LOAD_BESIDE);
	(void)loader_run(loader, NULL);
	loader_count(loader, &loaded, &failed);
	(void)log_line(LOG_INFO, 0, "modules: beside: loaded=%zu failed=%zu (%llu ms)", loaded,
		       failed, (unsigned long long)(clock_ms() - start));
	_exit(0);
}

/* Return: how many modules the plan wants so */
static size_t start_beside(struct machine *machine)
{
	size_t count = 0;

	for (size_t i = 0; i < machine->plan.module_count; i++)
		count += machine->plan.modules[i].load == PLAN_LOAD_BESIDE;
	if (count == 0 || machine->beside_pid > 0)
		return count;
	machine->beside_pid = fork();
	if (machine->beside_pid == 0)
		load_beside(machine);
	/* no process to be had: then in this one */
	if (machine->beside_pid < 0)
		(void)want_all_of(machine, machine->modules->loader, PLAN_LOAD_BESIDE);
	return count;
}

void modules_join(struct machine *machine)
{
	CLEANUP(fd_close)
	int fd = machine->beside_pid > 0 ? pidfd_open(machine->beside_pid, 0) : -1;
	struct pollfd file = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&file, 1, BESIDE_MS) == 0)
		(void)log_line(LOG_WARNING, -ETIMEDOUT,
			       "modules: beside: not done after %d s, going on without waiting",
			       BESIDE_MS / 1000);
	machine->beside_pid = 0;
}

int modules_make(struct machine *machine)
{
	struct modules *modules = calloc(1, sizeof(*modules));

	if (!modules)
		return -ENOMEM;
	modules->loader = loader_make(machine);
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
	size_t loaded, failed, beside;
	int r;

	/* first of all, so that no device appears unseen between the look at /sys and this */
	r = uevent_open(machine);
	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "modules: no messages about new devices (%s), going on without",
			       strerror(-r));
	modules_set_modprobe();
	r = machine->modules ? 0 : modules_make(machine);
	if (r < 0)
		return r;
	loader_retry(machine->modules->loader);
	beside = start_beside(machine);
	(void)want_all_of(machine, machine->modules->loader, PLAN_LOAD_BOOT);
	modules_want_present(machine);
	(void)modules_handle_events(machine);
	loader_count(machine->modules->loader, &loaded, &failed);
	return step_details(record, 0, "loaded=%zu failed=%zu beside=%zu", loaded, failed, beside);
}
