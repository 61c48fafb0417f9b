/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sight_line.c - sights as lines of a record (see sight.h)
 *
 * In:    sights, or lines
 * Out:   lines, or sights: kind, whose, inode, size, times, mode, owners, SHA-256 or "-", path
 */
#include <errno.h>
#include <string.h>

#include "sight.h"

#define KIND_LETTERS "fdela" /* by enum sight_kind */

static void add_sight(const struct sight *sight, struct text *text)
{
	text_format(text, "%c %d %llu %llu %lld %lld %o %u %u %s %s\n", KIND_LETTERS[sight->kind],
		    sight->is_host, (unsigned long long)sight->inode,
		    (unsigned long long)sight->size, (long long)sight->mtime,
		    (long long)sight->ctime, sight->mode, sight->uid, sight->gid,
		    *sight->sha256 ? sight->sha256 : "-", sight->path);
}

int sights_format(const struct sight_list *sights, struct text *text)
{
	for (size_t i = 0; i < sights->count; i++) {
		if (strchr(sights->items[i].path, '\n'))
			return -EINVAL;
		add_sight(&sights->items[i], text);
	}
	return text->failed ? -ENOMEM : 0;
}

static int take_sight(const char *line, struct sight_list *sights)
{
	struct sight *sight = &sights->items[sights->count];
	unsigned long long inode, size;
	long long mtime, ctime;
	const char *kind;
	char letter;
	int is_host, start = 0;

	/* NOLINTNEXTLINE(cert-err34-c): a number that does not fit is a sight that does not hold */
	if (sscanf(line, "%c %d %llu %llu %lld %lld %o %u %u %64s %n", &letter, &is_host, &inode,
		   &size, &mtime, &ctime, &sight->mode, &sight->uid, &sight->gid, sight->sha256,
		   &start) != 10 ||
	    !start || !line[start])
		return -EINVAL;
	kind = strchr(KIND_LETTERS, letter);
	if (!kind || !*kind)
		return -EINVAL;
	sight->kind = (enum sight_kind)(kind - KIND_LETTERS);
	sight->is_host = is_host;
	sight->inode = inode;
	sight->size = size;
	sight->mtime = mtime;
	sight->ctime = ctime;
	if (text_equal(sight->sha256, "-"))
		sight->sha256[0] = '\0';
	sight->path = strdup(line + start);
	if (!sight->path)
		return -ENOMEM;
	sights->count++;
	return 0;
}

int sights_parse(char *at, struct sight_list *sights)
{
	size_t lines = 0;
	int r = 0;

	for (const char *line = at; (line = strchr(line, '\n')) != NULL; line++)
		lines++;
	sights->items = calloc(lines + 1, sizeof(*sights->items));
	if (!sights->items)
		return -ENOMEM;
	while (r == 0 && *at) {
		char *end = strchr(at, '\n');

		if (!end)
			return -EINVAL;
		*end = '\0';
		r = take_sight(at, sights);
		at = end + 1;
	}
	return r;
}
