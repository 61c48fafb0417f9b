/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_settings.c - what lies on the Docker disk takes effect, or is set aside
 *
 * In:    DIRECTORY/mkinitrd/: daemon.json, hostname, certs/NAME.crt, ca-certificates.crt, which
 *        somebody has put there
 * Out:   dockerd's file in /etc/docker, names and certificates in /etc; broken files renamed; lines
 *        for init
 * Not:   the daemon.json itself (daemon_json.c), what Docker has left (docker_state.c);
 * setting the host's name, which init does Facts: Go reads one bundle of certificates and besides
 * every file of /etc/ssl/certs: crypto/x509/root_linux.go. Host names: RFC 1123 section 2.1 and
 * hostname(7)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent_aside.h"
#include "daemon_json.h"
#include "agent_settings.h"
#include "docker_state.h"
#include "lib/file.h"
#include "lib/host_name.h"

#define FOLDER "mkinitrd"
#define CERTIFICATES "/etc/ssl/certs"
#define BUNDLE CERTIFICATES "/ca-certificates.crt"
#define MOST_BYTES (4 << 20)
#define MOST_TRIES 2
#define TRIES "daemon.json.tries"

struct settings {
	const char *data;   /* where the disk is mounted */
	char *folder;       /* ours on it */
	char *const *words; /* of dockerd */
	json_t *daemon;     /* what dockerd will read; NULL: nothing */
};

/* 0 with the path of @name in our folder, or -ENOENT, -ENOMEM */
static int place_of(const struct settings *settings, const char *name, char **ret_path)
{
	if (asprintf(ret_path, "%s/%s", settings->folder, name) < 0) {
		*ret_path = NULL;
		return -ENOMEM;
	}
	return is_there(*ret_path) ? 0 : -ENOENT;
}

/* ---- daemon.json ---- */

/* How often a boot with this file has begun since Docker last answered. Each boot counts one up,
 * init removes the count when Docker answers. Return: false: it has had its chances */
static bool has_chances(const struct settings *settings)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(memory_free) char *line = NULL;
	CLEANUP(fd_close) int folder_fd = -1;
	char next[] = "1\n";
	int r = place_of(settings, TRIES, &path);

	if (r == 0 && file_read_line(AT_FDCWD, path, &line) == 0 && line[0] >= '1' &&
	    line[0] <= '8')
		next[0] = (char)(line[0] + 1);
	if (next[0] > '0' + MOST_TRIES) {
		(void)unlink(path);
		return false;
	}
	r = path ? file_replace(path, next, strlen(next), 0644, true) : r;
	/* Docker may be gone in a second, and the machine with it */
	folder_fd = open(settings->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && (folder_fd < 0 || fsync(folder_fd) < 0))
		r = -errno;
	if (r < 0)
		report("warn", "cannot note in '%s' that daemon.json is tried: %s",
		       settings->folder, strerror(-r));
	return true;
}

/* over the image's own file. Return: 0 or a negative errno */
static int daemon_install(struct settings *settings, json_t *ours)
{
	const char *place = daemon_json_place(settings->words);
	CLEANUP(text_free) struct text keys = TEXT_EMPTY, reason = TEXT_EMPTY;
	json_t *merged = NULL, *item;
	const char *key;
	char *text;
	int r;

	r = daemon_json_read(place, &merged, &reason);
	if (r == -EINVAL)
		report("warn", "%s of the image is left out: %s", place, text_string(&reason));
	if (r < 0)
		merged = json_object();
	if (!merged || json_object_update(merged, ours) < 0) {
		json_decref(merged);
		return -ENOMEM;
	}
	text = json_dumps(merged, JSON_INDENT(1));
	r = text ? directory_make("/etc/docker", 0755) : -ENOMEM;
	if (r == 0)
		r = file_replace(place, text, strlen(text), 0600, true);
	free(text);
	json_object_foreach(ours, key, item)
	{
		text_format(&keys, "%s%s", keys.length ? "," : "", key);
	}
	if (r == 0)
		report("detail", "daemon.json=%s", text_string(&keys));
	json_decref(settings->daemon);
	settings->daemon = merged;
	return r;
}

static void take_daemon_json(struct settings *settings)
{
	CLEANUP(text_free) struct text why = TEXT_EMPTY, reason = TEXT_EMPTY;
	CLEANUP(memory_free) char *path = NULL;
	const char *key, *word;
	json_t *ours = NULL;
	int r;

	(void)daemon_json_read(daemon_json_place(settings->words), &settings->daemon, &reason);
	text_clear(&reason);
	if (place_of(settings, "daemon.json", &path) < 0)
		return;
	r = daemon_json_read(path, &ours, &reason);
	if (r == -EINVAL)
		text_format(&why, "not taken, no JSON that dockerd reads: %s",
			    text_string(&reason));
	key = ours ? daemon_json_conflict(ours, settings->words, &word) : NULL;
	if (key)
		text_format(&why,
			    "not taken, dockerd refuses a setting that it gets twice: '%s' is in "
			    "it, and '%s' on the command line of this image",
			    key, word);
	if (r == 0 && !why.length && !has_chances(settings))
		text_format(&why, "not taken, Docker did not answer in %d boots with it",
			    MOST_TRIES);
	if (r == 0 && !why.length)
		r = daemon_install(settings, ours);
	if (why.length)
		(void)set_aside(path, text_string(&why));
	else if (r < 0)
		report("warn", "%s: not taken: %s", path, strerror(-r));
	json_decref(ours);
}

/* ---- the host's name ---- */

int hosts_add(const char *name)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r = file_read(AT_FDCWD, "/etc/hosts", MOST_BYTES, &content);

	if (r < 0 && r != -ENOENT)
		return r;
	text_format(&content, "127.0.1.1 %s\n", name);
	return content.failed ? -ENOMEM
			      : file_replace("/etc/hosts", text_string(&content), content.length,
					     0644, true);
}

static void take_hostname(const struct settings *settings)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(memory_free) char *name = NULL;
	int r = place_of(settings, "hostname", &path);

	if (r == -ENOENT)
		return;
	if (r == 0)
		r = file_read_line(AT_FDCWD, path, &name);
	if (r < 0) {
		report("warn", "%s: not taken: %s", settings->folder, strerror(-r));
		return;
	}
	name[strcspn(name, " \t\r")] = '\0';
	if (!host_name_is_valid(name)) {
		(void)set_aside(path, "not taken, it holds no host name: letters, digits, '-' and "
				      "'.', at most 64");
		return;
	}
	r = hosts_add(name);
	if (r < 0)
		report("warn", "cannot add '%s' to /etc/hosts: %s", name, strerror(-r));
	report("hostname", "%s", name);
}

/* ---- certificates ---- */

/* whether there is one certificate at least, and each one has an end: RFC 7468 */
static bool are_certificates(const char *text)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----";
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, begin)) != NULL; count++) {
		size_t body;

		at += sizeof(begin) - 1;
		body = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				  "+/= \t\r\n");
		if (body < 64 || !text_after(at + body, end))
			return false;
	}
	return count > 0;
}

/* Return: whether @to leads to the certificates in @path now */
static bool take_certificates(const char *path, const char *to)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r = is_regular(path) ? file_read(AT_FDCWD, path, MOST_BYTES, &content) : -EINVAL;

	if (r == 0 && (strlen(text_string(&content)) != content.length ||
		       !are_certificates(text_string(&content))))
		r = -EINVAL;
	if (r == -EINVAL) {
		(void)set_aside(path, "not taken, it holds no certificates in PEM form");
		return false;
	}
	if (r == 0)
		r = directory_make(CERTIFICATES, 0755);
	if (r == 0)
		r = link_replace(to, path);
	if (r < 0)
		report("warn", "%s: not taken: %s", path, strerror(-r));
	return r == 0;
}

static void take_each_certificate(const struct settings *settings)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(memory_free) char *bundle = NULL;
	CLEANUP(memory_free) char *folder = NULL;
	size_t count = 0;

	if (place_of(settings, "ca-certificates.crt", &bundle) == 0 &&
	    take_certificates(bundle, BUNDLE))
		report("detail", "ca-certificates=replaced");
	if (place_of(settings, "certs", &folder) < 0)
		return;
	names_in(folder, &names);
	for (size_t i = 0; i < names.count; i++) {
		CLEANUP(text_free) struct text from = TEXT_EMPTY, to = TEXT_EMPTY;

		if (!text_ends_with(names.items[i], ".crt"))
			continue;
		text_format(&from, "%s/%s", folder, names.items[i]);
		text_format(&to, CERTIFICATES "/disk-%s", names.items[i]);
		count += !from.failed && !to.failed &&
			 take_certificates(text_string(&from), text_string(&to));
	}
	if (count)
		report("detail", "certificates=%zu", count);
}

static void leave_aside(const char *path, const char *why, void *context)
{
	(void)context;
	(void)set_aside(path, why);
}

int agent_settings(char **words)
{
	struct settings settings = { .data = words[0] };

	if (!words[0] || !words[1] || !text_equal(words[1], "--")) {
		(void)fprintf(stderr, "usage: agent settings DIRECTORY -- MAIN WORD...\n");
		return 2;
	}
	settings.words = words + 2;
	if (asprintf(&settings.folder, "%s/" FOLDER, settings.data) < 0)
		return 1;
	take_daemon_json(&settings);
	take_hostname(&settings);
	take_each_certificate(&settings);
	docker_leftovers(settings.data, settings.daemon, settings.words, leave_aside, NULL);
	json_decref(settings.daemon);
	free(settings.folder);
	return 0;
}
