/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_lines.c - what changed from one small text to another (see diff.h)
 *
 * In:    two texts
 * Out:   lines that went and lines that came, in order
 * Facts: the longest common subsequence by its table: quadratic, so only as far as it is small
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"

#define TABLE_MOST ((size_t)4 << 20) /* cells */

static int split(const char *text, struct strings *lines)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		char *line = strndup(text, length);

		if (!line || strings_take_in(lines, line) < 0)
			return -ENOMEM;
		text += length + (text[length] == '\n');
	}
	return 0;
}

/* lines [start, end) of one side */
struct range {
	const struct strings *lines;
	size_t start, end;
};

static const char *line_at(const struct range *range, size_t index)
{
	return range->lines->items[range->start + index];
}

static int add_range(const struct range *range, char sign, struct strings *ret_lines)
{
	int r = 0;

	for (size_t i = range->start; r == 0 && i < range->end; i++)
		r = strings_add_format(ret_lines, "%c%s", sign, range->lines->items[i]);
	return r;
}

/* cell (i, j): length of the longest common subsequence of what is from there on */
static uint32_t *table_make(const struct range *a, const struct range *b, size_t rows,
			    size_t columns)
{
	uint32_t *table = calloc((rows + 1) * (columns + 1), sizeof(*table));

	for (size_t i = rows; table && i-- > 0;)
		for (size_t j = columns; j-- > 0;) {
			uint32_t *cell = &table[i * (columns + 1) + j];
			uint32_t below = cell[columns + 1], right = cell[1];

			if (text_equal(line_at(a, i), line_at(b, j)))
				*cell = cell[columns + 2] + 1;
			else
				*cell = below > right ? below : right;
		}
	return table;
}

static int add_middle(const struct range *a, const struct range *b, struct strings *ret_lines)
{
	size_t rows = a->end - a->start, columns = b->end - b->start, i = 0, j = 0;
	CLEANUP(memory_free) uint32_t *table = NULL;
	int r = 0;

	if (rows && columns && rows + 1 > TABLE_MOST / (columns + 1)) {
		r = add_range(a, '-', ret_lines);
		return r < 0 ? r : add_range(b, '+', ret_lines);
	}
	table = table_make(a, b, rows, columns);
	if (!table)
		return -ENOMEM;
	while (r == 0 && (i < rows || j < columns)) {
		const uint32_t *cell = &table[i * (columns + 1) + j];

		if (i < rows && j < columns && text_equal(line_at(a, i), line_at(b, j))) {
			i++;
			j++;
		} else if (i < rows && (j == columns || cell[columns + 1] >= cell[1])) {
			r = strings_add_format(ret_lines, "-%s", line_at(a, i++));
		} else {
			r = strings_add_format(ret_lines, "+%s", line_at(b, j++));
		}
	}
	return r;
}

int diff_lines(const char *a, const char *b, struct strings *ret_lines)
{
	CLEANUP(strings_free) struct strings lines_a = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings lines_b = STRINGS_EMPTY;
	struct range range_a = { .lines = &lines_a }, range_b = { .lines = &lines_b };
	int r = split(a, &lines_a);

	if (r == 0)
		r = split(b, &lines_b);
	if (r < 0)
		return r;
	range_a.end = lines_a.count;
	range_b.end = lines_b.count;
	while (range_a.start < range_a.end && range_b.start < range_b.end &&
	       text_equal(lines_a.items[range_a.start], lines_b.items[range_b.start])) {
		range_a.start++;
		range_b.start++;
	}
	while (range_a.start < range_a.end && range_b.start < range_b.end &&
	       text_equal(lines_a.items[range_a.end - 1], lines_b.items[range_b.end - 1])) {
		range_a.end--;
		range_b.end--;
	}
	return add_middle(&range_a, &range_b, ret_lines);
}
