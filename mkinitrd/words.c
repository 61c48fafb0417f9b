/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c - which known word did someone mean?
 *
 * Facts: optimal string alignment (Damerau-Levenshtein without overlaps): insertions, deletions,
 *        replacements and swapped neighbours count 1 each
 */
#include <ctype.h>
#include <string.h>

#include "options.h"

#define WORD_LIMIT 63

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* of words no longer than WORD_LIMIT; letter case does not count */
static unsigned word_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_LIMIT + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (unsigned j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3];
		const unsigned *two_above = rows[(i + 1) % 3];
		int from = tolower((unsigned char)a[i - 1]);

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			int to = tolower((unsigned char)b[j - 1]);

			row[j] =
				least(above[j - 1] + (from != to), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && from == tolower((unsigned char)b[j - 2]) &&
			    to == tolower((unsigned char)a[i - 2]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *word_nearest(const char *word, const char *const *words)
{
	size_t length = strlen(word);
	unsigned nearest = (unsigned)(length / 4) + 2; /* one more than what is still near */
	const char *found = NULL;

	if (length == 0 || length > WORD_LIMIT)
		return NULL;
	for (; *words; words++) {
		unsigned distance;

		if (strlen(*words) > WORD_LIMIT)
			continue;
		distance = word_distance(word, *words);
		if (distance < nearest && distance < length) {
			nearest = distance;
			found = *words;
		}
	}
	return found;
}
