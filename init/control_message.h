/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_message.h - what the control socket understands
 *
 * "poweroff", "reboot", "halt", each with or without " force";
 * "network bound INTERFACE ADDRESS/PREFIX GATEWAY DNS[,DNS] [NTP[,NTP]]", "-" for what is not
 * there; "network lost INTERFACE".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_MESSAGE_BYTES 512

enum power_action { POWER_OFF, POWER_REBOOT, POWER_HALT, POWER_ACTION_COUNT };

enum control_kind { CONTROL_POWER, CONTROL_NETWORK, CONTROL_NETWORK_LOST };

struct control_message {
	enum control_kind kind;
	enum power_action action; /* CONTROL_POWER */
	bool force;
	char interface[16]; /* CONTROL_NETWORK, CONTROL_NETWORK_LOST */
	char address[64], gateway[64], dns[200], ntp[200];
};

/** power_action_name() - "poweroff", "reboot", "halt" */
const char *power_action_name(enum power_action action);

/**
 * control_parse() - @bytes need not end in NUL; untrusted input. Quiet
 *
 * Return: 0, or -EINVAL; @message is untouched then
 */
int control_parse(const char *bytes, size_t length, struct control_message *message);
