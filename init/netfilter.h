/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netfilter.h - which firewall has this kernel?
 *
 * Quiet. Asking makes the kernel load what it can, by itself.
 */
#pragma once

/**
 * netfilter_has_nft() - nf_tables, and nft_compat with the match @match for iptables-nft
 *
 * Return: 0, -ENOENT (@match or nft_compat is missing), -EOPNOTSUPP (no nf_tables), or an error
 */
int netfilter_has_nft(const char *match);

/** netfilter_has_table() - the legacy table @table of ip_tables. Creates it: ask for nft first.
 * Return: 0, -EOPNOTSUPP (no ip_tables), -ENOENT (no such table), or an error */
int netfilter_has_table(const char *table);
