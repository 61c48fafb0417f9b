/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escape.c - names of files on one line of text (see escape.h)
 */
#include <string.h>

#include "escape.h"
#include "manifest.h"

void escape_name(struct text *text, const char *name)
{
	static const char plain[] = "\a\b\t\n\v\f\r\\";
	static const char letters[] = "abtnvfr\\";
	/* bytes of C1 control characters stand in UTF-8 names too: those are two bytes, C2 80 to C2
	 * 9F */
	bool is_utf8 = manifest_text_fits(name);

	for (const unsigned char *byte = (const unsigned char *)name; *byte; byte++) {
		const char *found = strchr(plain, *byte);
		bool is_c1 = byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0;

		if (found) {
			text_add_char(text, '\\');
			text_add_char(text, letters[found - plain]);
		} else if (is_c1) {
			text_format(text, "\\%03o\\%03o", (unsigned)byte[0], (unsigned)byte[1]);
			byte++;
		} else if (*byte < ' ' || *byte == 0x7f || (*byte >= 0x80 && !is_utf8)) {
			text_format(text, "\\%03o", (unsigned)*byte);
		} else {
			text_add_char(text, (char)*byte);
		}
	}
}
