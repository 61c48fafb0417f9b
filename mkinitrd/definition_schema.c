/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition_schema.c - the table of every key of an image's definition
 *
 * In:    nothing
 * Out:   rows; what they mean is in profile_schema.h, what is done with them in profile_check.c
 */
#include "profile_schema.h"

// clang-format off
const struct schema_row definition_rows[] = {
	{ "profile",	 KIND_TEXT | KIND_TEXTS, .help = "the profile, or several that lie over each other" },
	{ "set",	 KIND_TEXTS,	.help = "values over them, as with --set: KEY=VALUE" },
	{ "kernels",	 KIND_TEXT | KIND_TEXTS, .help = "patterns of releases and package bases (default: all)" },
	{ "output",	 KIND_PATH | KIND_WORD, "kernel-install", .help = "where it is written: %v is the kernel's release, %p its package base" },
	{ "entry",	 KIND_WORD,	"true false", .help = "whether boot loaders list it (default: true)" },
	{ "title",	 KIND_REASON,	.help = "how they list it (default: the profile's name)" },
	{ "cmdline",	 KIND_TEXT | KIND_TEXTS, .help = "parameters of the kernel, after those of the profile" },
	{ "keep-old",	 KIND_WORD,	"true false", .help = "whether the image before stays, as OUTPUT.old (default: false)" },
	{ "copy-kernel", KIND_WORD,	"auto true false", .help = "whether the kernel is copied beside it, as vmlinuz-PKGBASE" },
	{ "grub-config", KIND_PATH,	.help = "what grub-mkconfig writes when an image comes or goes (default: nobody does)" },
	{ .path = NULL },
};
// clang-format on
