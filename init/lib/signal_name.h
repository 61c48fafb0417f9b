/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal_name.h - signals as people write them
 */
#pragma once

/**
 * signal_parse() - "SIGTERM", "TERM", "15", "SIGRTMIN+3", "RTMAX-1"; quiet
 *
 * Return: the number, or -EINVAL. SIGRTMIN is 34, as Docker and systemd count
 */
int signal_parse(const char *name);
