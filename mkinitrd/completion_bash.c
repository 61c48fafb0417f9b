/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion_bash.c - the completion script for bash
 *
 * In:    the tables of options and commands
 * Out:   a script that defines _mkinitrd and registers it; it needs bash alone, no bash-completion
 * Facts: bash breaks words at the characters of COMP_WORDBREAKS, '=' and ':' among them, and what
 *        it replaces is the last of these pieces: bash(1), Programmable Completion
 */
#include <errno.h>

#include "completion.h"
#include "profile_schema.h"

static const char head[] = "# bash completion of mkinitrd, made by 'mkinitrd completion bash'\n\n";

/* the words that are typed, what they lead to, and the answer */
static const char code[] =
	"# the lines of standard input that go on from what is typed\n"
	"_mkinitrd_offer()\n"
	"{\n"
	"\tlocal line\n"
	"\twhile IFS= read -r line; do\n"
	"\t\t[[ $line == \"$typed\"* ]] && COMPREPLY+=(\"$line\")\n"
	"\tdone\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"_mkinitrd_offer_profiles()\n"
	"{\n"
	"\tlocal name rest\n"
	"\tif [[ $typed == */* ]]; then\n"
	"\t\t_mkinitrd_offer < <(compgen -f -- \"$typed\")\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\telse\n"
	"\t\t_mkinitrd_offer < <(\"$program\" profile list 2>/dev/null |\n"
	"\t\t\twhile IFS= read -r name; do [[ $name == [!\\ ]* ]] && printf '%s\\n' \"${name%% "
	"*}\"; done)\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_mkinitrd_offer_kernels()\n"
	"{\n"
	"\tlocal folder\n"
	"\tfor folder in \"${root%/}\"/lib/modules/*/ \"${root%/}\"/usr/lib/modules/*/; do\n"
	"\t\t[[ -d $folder ]] && folder=${folder%/} && printf '%s\\n' \"${folder##*/}\"\n"
	"\tdone | sort -u\n"
	"}\n"
	"\n"
	"# paths have no '/' at their beginning; who types one gets it\n"
	"_mkinitrd_offer_paths()\n"
	"{\n"
	"\tlocal slash= line\n"
	"\t[[ $typed == /* ]] && slash=/\n"
	"\t[[ -r $image ]] && \"$program\" ls \"$image\" 2>/dev/null |\n"
	"\t\twhile IFS= read -r line; do printf '%s\\n' \"$slash$line\"; done\n"
	"}\n"
	"\n"
	"_mkinitrd_offer_kind()\n"
	"{\n"
	"\tcase $1 in\n"
	"\tfiles) _mkinitrd_offer < <(compgen -f -- \"$typed\"); compopt -o filenames 2>/dev/null "
	";;\n"
	"\tfolders) _mkinitrd_offer < <(compgen -d -- \"$typed\"); compopt -o filenames "
	"2>/dev/null ;;\n"
	"\tprofiles) _mkinitrd_offer_profiles ;;\n"
	"\tkernels) _mkinitrd_offer < <(_mkinitrd_offer_kernels) ;;\n"
	"\tpaths) _mkinitrd_offer < <(_mkinitrd_offer_paths) ;;\n"
	"\tcommands) _mkinitrd_offer < <(printf '%s\\n' $_mkinitrd_commands) ;;\n"
	"\tkeys:*) compopt -o nospace 2>/dev/null; _mkinitrd_offer < <(printf '%s\\n' ${1#*:}) ;;\n"
	"\twords:*) _mkinitrd_offer < <(printf '%s\\n' ${1#*:}) ;;\n"
	"\tesac\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"# the words up to the cursor as they were typed: bash has broken them at '=' and ':'\n"
	"_mkinitrd_join()\n"
	"{\n"
	"\tlocal i word last=\n"
	"\twords=()\n"
	"\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif ((i > 1)) && [[ ($word == [=:]* && $COMP_WORDBREAKS == *\"${word:0:1}\"*) || $last "
	"== [=:] ]]; then\n"
	"\t\t\twords[${#words[@]}-1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\t\tlast=$word\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_mkinitrd()\n"
	"{\n"
	"\tlocal program=mkinitrd command= root= image= before= option= typed i IFS=$' \\t\\n'\n"
	"\tlocal -a words=()\n"
	"\tlocal -i count=0\n"
	"\tCOMPREPLY=()\n"
	"\ttype -P \"${COMP_WORDS[0]}\" >/dev/null 2>&1 && program=${COMP_WORDS[0]}\n"
	"\t_mkinitrd_join\n"
	"\ttyped=${words[-1]}\n"
	"\tfor ((i = 1; i < ${#words[@]} - 1; i++)); do\n"
	"\t\tcase ${words[i]} in\n"
	"\t\t--root=*) root=${words[i]#*=} ;;\n"
	"\t\t--*=*) ;;\n"
	"\t\t-?*)\n"
	"\t\t\toption=${words[i]}\n"
	"\t\t\t[[ $option == -[!-]* ]] && option=-${option: -1}\n"
	"\t\t\tif [[ $(_mkinitrd_value \"${command:-build}\" \"$option\") ]]; then\n"
	"\t\t\t\t((++i == ${#words[@]} - 1)) && before=$option\n"
	"\t\t\t\t[[ $option == --root ]] && root=${words[i]}\n"
	"\t\t\tfi\n"
	"\t\t\t;;\n"
	"\t\t*)\n"
	"\t\t\tif [[ ! $command ]]; then\n"
	"\t\t\t\tcommand=${words[i]}\n"
	"\t\t\telse\n"
	"\t\t\t\t((++count == 1)) && image=${words[i]/#~\\//$HOME/}\n"
	"\t\t\tfi\n"
	"\t\t\t;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ $before ]]; then\n"
	"\t\t_mkinitrd_offer_kind \"$(_mkinitrd_value \"${command:-build}\" \"$before\")\"\n"
	"\telif [[ $typed == --*=* ]]; then\n"
	"\t\toption=${typed%%=*}\n"
	"\t\ttyped=${typed#*=}\n"
	"\t\t_mkinitrd_offer_kind \"$(_mkinitrd_value \"${command:-build}\" \"$option\")\"\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]/#/$option=}\")\n"
	"\t\ttyped=$option=$typed\n"
	"\telif [[ $typed == -* ]]; then\n"
	"\t\t_mkinitrd_offer < <(printf '%s\\n' $(_mkinitrd_options \"${command:-build}\"))\n"
	"\telif [[ ! $command ]]; then\n"
	"\t\t_mkinitrd_offer_kind commands\n"
	"\telse\n"
	"\t\t_mkinitrd_offer_kind \"$(_mkinitrd_argument \"$command\" $count)\"\n"
	"\tfi\n"
	"\t# what bash replaces begins behind the last break\n"
	"\tfor i in = :; do\n"
	"\t\tif [[ $COMP_WORDBREAKS == *$i* && $typed == *$i* ]]; then\n"
	"\t\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"${typed%\"$i\"*}$i\"}\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"complete -F _mkinitrd mkinitrd\n";

static const char *const kind_names[] = {
	[COMPLETES_UNKNOWN] = "unknown",   [COMPLETES_NOTHING] = "nothing",
	[COMPLETES_WORDS] = "words:",      [COMPLETES_KEYS] = "keys:",
	[COMPLETES_FILES] = "files",       [COMPLETES_FOLDERS] = "folders",
	[COMPLETES_PROFILES] = "profiles", [COMPLETES_KERNELS] = "kernels",
	[COMPLETES_PATHS] = "paths",       [COMPLETES_COMMANDS] = "commands",
};

/* "echo 'words:auto always never'" */
static void add_kind(struct text *text, const char *argument)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	enum completes completes = completion_of(argument, &words);

	text_format(text, "echo '%s", kind_names[completes]);
	for (size_t i = 0; i < words.count; i++)
		text_format(text, "%s%s", i ? " " : "", words.items[i]);
	text_add(text, "'");
}

static void add_commands(struct text *text)
{
	text_add(text, "_mkinitrd_commands='");
	for (const struct subcommand *row = subcommands; row->name; row++)
		text_format(text, "%s%s", row == subcommands ? "" : " ", row->name);
	text_add(text, "'\n\n");
}

static void add_options(struct text *text)
{
	text_add(text, "# the options of a command\n_mkinitrd_options()\n{\n\tcase $1 in\n");
	for (const struct subcommand *command = subcommands; command->name; command++) {
		bool is_first = true;

		text_format(text, "\t%s) echo '", command->name);
		for (const struct option_row *row = option_rows; row->name; row++)
			if (option_is_for(row, command)) {
				text_format(text, "%s--%s", is_first ? "" : " ", row->name);
				is_first = false;
			}
		text_add(text, "' ;;\n");
	}
	text_add(text, "\tesac\n}\n\n");
}

/* "build:-o | build:--output | " and so on: @command's, or with "*" everybody's */
static void add_pattern(struct text *text, const struct option_row *row, const char *command,
			bool is_first)
{
	text_add(text, is_first ? "" : " | ");
	if (row->letter)
		text_format(text, "%s:-%c | ", command, row->letter);
	text_format(text, "%s:--%s", command, row->name);
}

/* a row that is for some commands stands before the one for all */
static void add_values(struct text *text)
{
	text_add(text, "# what an option of a command wants as its value; nothing: it has none\n"
		       "_mkinitrd_value()\n{\n\tcase $1:$2 in\n");
	for (int is_special = 1; is_special >= 0; is_special--)
		for (const struct option_row *row = option_rows; row->name; row++) {
			CLEANUP(strings_free) struct strings commands = STRINGS_EMPTY;

			if (!row->argument || (row->only != NULL) != is_special)
				continue;
			words_split(row->only ? row->only : "*", &commands);
			text_add(text, "\t");
			for (size_t i = 0; i < commands.count; i++)
				add_pattern(text, row, commands.items[i], i == 0);
			text_add(text, ") ");
			add_kind(text, row->argument);
			text_add(text, " ;;\n");
		}
	text_add(text, "\tesac\n}\n\n");
}

static void add_arguments(struct text *text)
{
	text_add(text, "# what a command wants as its argument of this number, from 0\n"
		       "_mkinitrd_argument()\n{\n\tcase $1:$2 in\n");
	for (const struct subcommand *command = subcommands; command->name; command++) {
		CLEANUP(strings_free) struct strings arguments = STRINGS_EMPTY;
		bool is_repeated = completion_arguments(command->arguments, &arguments);

		for (size_t i = 0; i < arguments.count; i++) {
			if (is_repeated && i + 1 == arguments.count)
				text_format(text, "\t%s:*) ", command->name);
			else
				text_format(text, "\t%s:%zu) ", command->name, i);
			add_kind(text, arguments.items[i]);
			text_add(text, " ;;\n");
		}
	}
	text_add(text, "\tesac\n}\n\n");
}

int completion_bash(struct text *text)
{
	text_add(text, head);
	add_commands(text);
	add_options(text);
	add_values(text);
	add_arguments(text);
	text_add(text, code);
	return text->failed ? -ENOMEM : 0;
}
