/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - what comes in on the control socket, and what the kernel says of devices: fields that
 *             can be logged, within their bounds
 */
#include "fuzz.h"
#include "init/control_message.h"
#include "init/uevent.h"

static void require_printable(const char *field, size_t size)
{
	REQUIRE(memchr(field, '\0', size));
	for (; *field; field++)
		REQUIRE(*field > ' ' && *field <= '~');
}

/* fields point into the message */
static void check_uevent(const char *message, size_t length)
{
	struct uevent event = { 0 };

	if (uevent_parse(&event, message, length) < 0)
		return;
	for (size_t i = 0; i < 4; i++) {
		const char *fields[] = { event.action, event.subsystem, event.modalias,
					 event.device_name };

		REQUIRE(!fields[i] || (fields[i] > message && fields[i] < message + length));
		REQUIRE(!fields[i] || fields[i] + strlen(fields[i]) < message + length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_message message = { .kind = CONTROL_POWER };
	CLEANUP(memory_free) char *copy = fuzz_string(data, size);

	check_uevent(copy, size + 1);
	if (control_parse((const char *)data, size, &message) < 0)
		return 0;
	if (message.kind == CONTROL_POWER) {
		REQUIRE(message.action < POWER_ACTION_COUNT && power_action_name(message.action));
		return 0;
	}
	require_printable(message.interface, sizeof(message.interface));
	require_printable(message.address, sizeof(message.address));
	require_printable(message.gateway, sizeof(message.gateway));
	require_printable(message.dns, sizeof(message.dns));
	return 0;
}
