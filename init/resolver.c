/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.c - /etc/resolv.conf, from all who know name servers
 *
 * In:    the plan, leases, router advertisements: a file for each in /run/mkinitrd/resolv, because
 *        leases come from another process (dhcp_script.c)
 * Out:   /etc/resolv.conf
 * Facts: resolv.conf(5): MAXNS servers count, and old resolvers take 256 bytes of domains
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "lib/file.h"
#include "machine.h"
#include "resolver.h"

#define RESOLVER_DIRECTORY RUN_DIRECTORY "/resolv"
#define FILE_BYTES 4096
#define SERVERS_MOST 3
#define DOMAINS_MOST 256

/* held while a source is written and all are read; the lock goes with the descriptor */
static int lock(int *ret_fd)
{
	int r = directory_make(RESOLVER_DIRECTORY, 0755);

	if (r < 0)
		return r;
	*ret_fd = open(RESOLVER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return -errno;
	return flock(*ret_fd, LOCK_EX) < 0 ? -errno : 0;
}

static void add_unique(struct strings *list, const char *word)
{
	if (!strings_contain(list, word))
		(void)strings_add(list, word);
}

/* "nameserver A", "search A B": as resolver_set() writes them */
static void take_line(char *line, struct strings *servers, struct strings *domains)
{
	char *rest = NULL;
	char *key = strtok_r(line, " ", &rest);

	for (char *word = strtok_r(NULL, " ", &rest); key && word;
	     word = strtok_r(NULL, " ", &rest))
		add_unique(text_equal(key, "search") ? domains : servers, word);
}

static int is_source(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int collect(int directory_fd, struct strings *servers, struct strings *domains)
{
	struct dirent **entries = NULL;
	int count = scandirat(directory_fd, ".", &entries, is_source, alphasort);

	for (int i = 0; i < count; i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(memory_free) char *content = NULL;
		char *rest = NULL;

		if (file_read(directory_fd, entries[i]->d_name, FILE_BYTES, &text) == 0 &&
		    text_take(&text, &content) == 0)
			for (char *line = strtok_r(content, "\n", &rest); line;
			     line = strtok_r(NULL, "\n", &rest))
				take_line(line, servers, domains);
		free(entries[i]);
	}
	free(entries);
	return count < 0 ? -errno : 0;
}

static void format(struct text *text, const struct strings *servers, const struct strings *domains)
{
	size_t bytes = 0;

	for (size_t i = 0; domains && i < domains->count; i++) {
		bytes += strlen(domains->items[i]) + 1;
		if (bytes > DOMAINS_MOST)
			break;
		text_format(text, "%s%s", i == 0 ? "search " : " ", domains->items[i]);
	}
	if (text->length > 0)
		text_add_char(text, '\n');
	for (size_t i = 0; servers && i < servers->count && i < SERVERS_MOST; i++)
		text_format(text, "nameserver %s\n", servers->items[i]);
}

static int compose(int directory_fd)
{
	CLEANUP(strings_free) struct strings servers = STRINGS_EMPTY, domains = STRINGS_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY, present = TEXT_EMPTY;
	int r = collect(directory_fd, &servers, &domains);

	if (r < 0 || servers.count == 0)
		return r;
	format(&text, &servers, &domains);
	if (text.failed)
		return -ENOMEM;
	if (file_read(AT_FDCWD, RESOLV_CONF, FILE_BYTES, &present) == 0 &&
	    text_equal(text_string(&present), text_string(&text)))
		return 0;
	return file_write(AT_FDCWD, RESOLV_CONF, text_string(&text), 0644);
}

int resolver_set(const char *interface, const char *source, const struct strings *servers,
		 const struct strings *domains)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY, content = TEXT_EMPTY;
	CLEANUP(fd_close) int directory_fd = -1;
	int r;

	text_format(&name, "%s%s", interface, source);
	format(&content, servers, domains);
	if (name.failed || content.failed)
		return -ENOMEM;
	if (strchr(text_string(&name), '/'))
		return -EINVAL;
	r = lock(&directory_fd);
	if (r < 0)
		return r;
	if (content.length > 0)
		r = file_write(directory_fd, text_string(&name), text_string(&content), 0644);
	else if (unlinkat(directory_fd, text_string(&name), 0) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? r : compose(directory_fd);
}

int resolver_forget(const char *interface)
{
	static const char *const sources[] = { ".config", ".lease", ".router" };
	int r = 0;

	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		int one = resolver_set(interface, sources[i], NULL, NULL);

		r = r < 0 ? r : one;
	}
	return r;
}
