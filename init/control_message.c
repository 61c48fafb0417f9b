/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_message.c - what the control socket understands
 *
 * In:    one message
 * Out:   what it asks for, every field of a form that can be logged
 * Not:   who may ask, and doing it (control.c)
 */
#include <errno.h>
#include <string.h>

#include "control_message.h"
#include "lib/text.h"

static const char *const action_names[POWER_ACTION_COUNT] = {
	[POWER_OFF] = "poweroff",
	[POWER_REBOOT] = "reboot",
	[POWER_HALT] = "halt",
};

const char *power_action_name(enum power_action action)
{
	return action_names[action];
}

/* the next word, ended in place; NULL when there is none */
static const char *next_word(char **position)
{
	char *word = *position;
	char *end;

	if (!word || !*word)
		return NULL;
	end = strchrnul(word, ' ');
	*position = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

static int parse_power(enum power_action action, char *rest, struct control_message *message)
{
	const char *flag = next_word(&rest);

	if ((flag && !text_equal(flag, "force")) || *rest)
		return -EINVAL;
	message->kind = CONTROL_POWER;
	message->action = action;
	message->force = flag != NULL;
	return 0;
}

static int take_field(char *field, size_t size, const char *word)
{
	if (!word || strlen(word) >= size)
		return -EINVAL;
	memcpy(field, word, strlen(word) + 1);
	return 0;
}

static int parse_network(char *rest, struct control_message *message)
{
	const char *event = next_word(&rest);

	if (!event || take_field(message->interface, sizeof(message->interface), next_word(&rest)))
		return -EINVAL;
	message->kind = CONTROL_NETWORK_LOST;
	if (text_equal(event, "lost"))
		return *rest ? -EINVAL : 0;
	message->kind = CONTROL_NETWORK;
	if (!text_equal(event, "bound") ||
	    take_field(message->address, sizeof(message->address), next_word(&rest)) < 0 ||
	    take_field(message->gateway, sizeof(message->gateway), next_word(&rest)) < 0 ||
	    take_field(message->dns, sizeof(message->dns), next_word(&rest)) < 0)
		return -EINVAL;
	if (*rest && take_field(message->ntp, sizeof(message->ntp), next_word(&rest)) < 0)
		return -EINVAL;
	return *rest ? -EINVAL : 0;
}

int control_parse(const char *bytes, size_t length, struct control_message *message)
{
	struct control_message parsed = { .kind = CONTROL_POWER };
	char copy[CONTROL_MESSAGE_BYTES + 1];
	char *rest = copy;
	const char *verb;
	int r = -EINVAL;

	while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\0'))
		length--;
	if (length > CONTROL_MESSAGE_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return -EINVAL;
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	verb = next_word(&rest);
	if (!verb)
		return -EINVAL;
	for (int action = 0; action < POWER_ACTION_COUNT; action++)
		if (text_equal(verb, action_names[action]))
			r = parse_power((enum power_action)action, rest, &parsed);
	if (text_equal(verb, "network"))
		r = parse_network(rest, &parsed);
	if (r == 0)
		*message = parsed;
	return r;
}
