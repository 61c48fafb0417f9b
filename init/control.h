/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the control socket: root asks, the helper does
 */
#pragma once

#include "control_message.h"
#include "supervisor.h"

struct control {
	struct supervisor *supervisor;
	struct watch listener;
	/* a message of root; @asker is a phrase for the log. The answer has been sent already */
	void (*received)(struct control *control, const struct control_message *message,
			 const char *asker);
	void *owner;
};

/** control_open() - make the socket, root's alone */
int control_open(struct control *control, struct supervisor *supervisor);
void control_close(struct control *control);
