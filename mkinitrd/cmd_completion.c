/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_completion.c - mkinitrd completion: a script that teaches a shell our options
 *
 * In:    the name of a shell
 * Out:   the script, on stdout
 * Not:   installing it (CMakeLists.txt)
 */
#include "completion.h"
#include "fail.h"

static const struct shell {
	const char *name;
	int (*function)(struct text *text);
} shells[] = {
	{ "bash", completion_bash },
	{ "zsh", completion_zsh },
};

int cmd_completion(const struct options *options)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const struct shell *shell = NULL;
	int r;

	for (size_t i = 0; i < COUNT_OF(shells) && options->arguments.count == 1; i++)
		if (text_equal(shells[i].name, options->arguments.items[0]))
			shell = &shells[i];
	if (!shell) {
		(void)fail(0, "completion is for one shell, bash or zsh; use: mkinitrd completion "
			      "bash");
		return EXIT_USAGE;
	}
	r = shell->function(&text);
	if (r < 0)
		return fail(r, "cannot make the completion for %s", shell->name), EXIT_FAILED;
	(void)fwrite(text.data, 1, text.length, stdout);
	return EXIT_DONE;
}
