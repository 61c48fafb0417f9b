/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi_button.h - the power button of a machine with ACPI
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "supervisor.h"

struct acpi_button {
	struct watch watch; /* its fd is -1 when this machine says nothing of buttons */
	void (*pressed)(struct acpi_button *button);
	void *owner;
};

/**
 * acpi_button_open() - call @button->pressed, which the caller has filled, for each press
 *
 * Return: 0, or a negative errno: -ENOENT from a kernel without ACPI
 */
int acpi_button_open(struct acpi_button *button, struct supervisor *supervisor);

/** acpi_event_is_power_button() - is among the messages in @bytes one of a power button? */
bool acpi_event_is_power_button(const void *bytes, size_t length);

/** netlink_group_parse() - the number of multicast group @name in the kernel's description of a
 * generic netlink family. Return: it, -ENOENT, the error that the kernel answers, or -EPROTO */
int netlink_group_parse(const void *bytes, size_t length, const char *name);
