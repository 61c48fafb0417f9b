/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion_zsh.c - the completion script for zsh
 *
 * In:    the tables of options and commands
 * Out:   the file _mkinitrd for a folder of fpath
 * Facts: _arguments' specifications: zshcompsys(1); ':', '[' and ']' in them stand behind a '\'
 */
#include <errno.h>
#include <string.h>

#include "completion.h"

static const char head[] = "#compdef mkinitrd\n"
			   "# zsh completion of mkinitrd, made by 'mkinitrd completion zsh'\n\n";

static const char code[] =
	"_mkinitrd_profiles()\n"
	"{\n"
	"\tlocal -a lines\n"
	"\tif [[ $PREFIX == */* ]]; then\n"
	"\t\t_files -g '*.yaml'\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tlines=(${(f)\"$(_call_program profiles ${(q)mkinitrd_program} profile list "
	"2>/dev/null)\"})\n"
	"\tlines=(${${lines:#\\ *}%% *})\n"
	"\t_wanted profiles expl profile compadd -a lines\n"
	"}\n"
	"\n"
	"_mkinitrd_kernels()\n"
	"{\n"
	"\tlocal root=${(Q)${opt_args[--root]:-/}}\n"
	"\tlocal -aU releases\n"
	"\treleases=(${root%/}/lib/modules/*(N/:t) ${root%/}/usr/lib/modules/*(N/:t))\n"
	"\t_wanted kernels expl 'kernel release' compadd -a releases\n"
	"}\n"
	"\n"
	"# paths have no '/' at their beginning; who types one gets it\n"
	"_mkinitrd_paths()\n"
	"{\n"
	"\tlocal image=${~${(Q)line[1]}}\n"
	"\tlocal -a paths\n"
	"\t[[ -r $image ]] || return 1\n"
	"\tpaths=(${(f)\"$(_call_program paths ${(q)mkinitrd_program} ls ${(q)image} "
	"2>/dev/null)\"})\n"
	"\t[[ $PREFIX == /* ]] && paths=(/$^paths)\n"
	"\t_wanted paths expl 'path in the image' compadd -a paths\n"
	"}\n"
	"\n"
	"_mkinitrd()\n"
	"{\n"
	"\tlocal curcontext=$curcontext command= mkinitrd_program=$words[1] i\n"
	"\tlocal -a line expl\n"
	"\tlocal -A opt_args\n"
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tcase $words[i] in\n"
	"\t\t$~_mkinitrd_valued) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) command=$words[i]; break ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ -n $command ]]; then\n"
	"\t\t(( $+functions[_mkinitrd_command_$command] )) || return 1\n"
	"\t\twords[i]=()\n"
	"\t\t((CURRENT--))\n"
	"\t\t_mkinitrd_command_$command\n"
	"\telse\n"
	"\t\t_mkinitrd_command_build '1:command:_mkinitrd_commands'\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_mkinitrd \"$@\"\n";

/* @string inside single quotes, with what _arguments and _describe look for taken away its sense */
static void add_quoted(struct text *text, const char *string)
{
	for (; *string; string++) {
		if (*string == '\'') {
			text_add(text, "'\\''");
			continue;
		}
		if (strchr("[]:\\", *string))
			text_add_char(text, '\\');
		text_add_char(text, *string);
	}
}

/* ":NAME:ACTION" */
static void add_action(struct text *text, const char *argument)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	enum completes completes = completion_of(argument, &words);
	static const char *const actions[] = {
		[COMPLETES_UNKNOWN] = "unknown",
		[COMPLETES_NOTHING] = " ",
		[COMPLETES_WORDS] = "",
		[COMPLETES_KEYS] = "",
		[COMPLETES_FILES] = "_files",
		[COMPLETES_FOLDERS] = "_files -/",
		[COMPLETES_PROFILES] = "_mkinitrd_profiles",
		[COMPLETES_KERNELS] = "_mkinitrd_kernels",
		[COMPLETES_PATHS] = "_mkinitrd_paths",
		[COMPLETES_COMMANDS] = "_mkinitrd_commands",
	};

	text_add_char(text, ':');
	add_quoted(text, argument);
	text_format(text, ":%s", actions[completes]);
	if (completes == COMPLETES_WORDS)
		text_add(text, "(");
	if (completes == COMPLETES_KEYS)
		text_add(text, "compadd -S \"\" -- ");
	for (size_t i = 0; i < words.count; i++) {
		text_add(text, i ? " " : "");
		add_quoted(text, words.items[i]);
	}
	if (completes == COMPLETES_WORDS)
		text_add(text, ")");
}

/* "'(-p --profile)'{-p,--profile=}'[a profile]:NAME:_mkinitrd_profiles'" */
static void add_option(struct text *text, const struct option_row *row)
{
	bool may_repeat = row->kind == OPTION_TEXTS || row->kind == OPTION_COUNT;
	const char *equals = row->argument ? "=" : "";

	text_add(text, "\t\t");
	if (may_repeat)
		text_add(text, "'*'");
	else if (row->letter)
		text_format(text, "'(-%c --%s)'", row->letter, row->name);
	if (row->letter)
		text_format(text, "{-%c,--%s%s}", row->letter, row->name, equals);
	else
		text_format(text, "--%s%s", row->name, equals);
	text_add(text, "'[");
	add_quoted(text, row->help);
	text_add(text, "]");
	if (row->argument)
		add_action(text, row->argument);
	text_add(text, "' \\\n");
}

static void add_command(struct text *text, const struct subcommand *command)
{
	CLEANUP(strings_free) struct strings arguments = STRINGS_EMPTY;
	bool is_repeated = completion_arguments(command->arguments, &arguments);

	text_format(text, "_mkinitrd_command_%s()\n{\n\t_arguments -s -S \\\n", command->name);
	for (const struct option_row *row = option_rows; row->name; row++)
		if (option_is_for(row, command))
			add_option(text, row);
	for (size_t i = 0; i < arguments.count; i++) {
		text_add(text, is_repeated && i + 1 == arguments.count ? "\t\t'*" : "\t\t'");
		add_action(text, arguments.items[i]);
		text_add(text, "' \\\n");
	}
	text_add(text, "\t\t\"$@\"\n}\n\n");
}

static void add_commands(struct text *text)
{
	text_add(text, "_mkinitrd_commands()\n{\n\tlocal -a commands=(\n");
	for (const struct subcommand *row = subcommands; row->name; row++) {
		text_format(text, "\t\t'%s:", row->name);
		add_quoted(text, row->help);
		text_add(text, "'\n");
	}
	text_add(text, "\t)\n\t_describe -t commands command commands\n}\n\n");
}

/* options whose value is the next word */
static void add_valued(struct text *text)
{
	text_add(text, "typeset -g _mkinitrd_valued='(");
	for (const struct option_row *row = option_rows; row->name; row++) {
		if (!row->argument)
			continue;
		text_format(text, "%s--%s", row == option_rows ? "" : "|", row->name);
		if (row->letter)
			text_format(text, "|-%c", row->letter);
	}
	text_add(text, ")'\n\n");
}

int completion_zsh(struct text *text)
{
	text_add(text, head);
	add_valued(text);
	add_commands(text);
	for (const struct subcommand *command = subcommands; command->name; command++)
		add_command(text, command);
	text_add(text, code);
	return text->failed ? -ENOMEM : 0;
}
