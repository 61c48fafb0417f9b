/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uevent.h - what the kernel says about devices
 */
#pragma once

#include "machine.h"

/* pointers into the message; NULL when it has no such field */
struct uevent {
	const char *action, *subsystem, *modalias, *device_name;
};

/** uevent_parse() - @message holds @length bytes and ends in NUL. Return: 0, or -EINVAL when it is
 * no message of the kernel */
int uevent_parse(struct uevent *event, const char *message, size_t length);

/** uevent_open() - open machine->uevent_fd if it is not. Return: 0 or a negative errno */
int uevent_open(struct machine *machine);

/** uevent_drain() - read the pending messages of machine->uevent_fd; the drivers that new devices
 * ask for become wanted (modules.h). Return: how many block devices were added or changed */
size_t uevent_drain(const struct machine *machine);
