/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_declared.c - "boot: containers:": containers that run from the start
 *
 * In:    the checked profile; the image as it is so far, for environment files
 * Out:   the plan's "declared" lines
 * Not:   the images that travel in the initramfs (container_image.c), making containers of them
 *        (init/agent_declared.c)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "../init/lib/declared.h"

/* the place of @value's word among @words */
static unsigned word_index(const struct value *value, const char *const *words, unsigned count)
{
	const char *word = value_text(value, "");

	for (unsigned i = 0; i < count; i++)
		if (text_equal(words[i], word))
			return i;
	return 0;
}

static int plan_words(const struct value *value, struct plan_declared *item)
{
	static const char *const restarts[] = { "unless-stopped", "always", "on-failure", "no" };
	static const char *const networks[] = { "bridge", "host", "none" };
	const struct value *network = value_get(value, "network", NULL);
	const struct value *ports = value_get(value, "ports", NULL);

	item->restart = word_index(value_get(value, "restart", NULL), restarts,
				   (unsigned)COUNT_OF(restarts));
	item->network = word_index(network, networks, (unsigned)COUNT_OF(networks));
	if (item->network != PLAN_NET_BRIDGE && ports && ports->count > 0)
		return fail_at(
			&ports->origin,
			"'%s' has 'ports:', but its network is '%s', where none are published; "
			"drop one of them",
			item->name, networks[item->network]);
	return 0;
}

static bool is_port(const char *text)
{
	CLEANUP(declared_port_free) struct declared_port port = { 0 };

	return declared_port_parse(text, &port) == 0;
}

/* @texts are those of @list, expanded */
static int check_each(const struct value *list, const struct strings *texts,
		      bool (*is_good)(const char *text), const char *what, const char *form)
{
	for (size_t i = 0; i < texts->count; i++)
		if (!is_good(texts->items[i]))
			return fail_at(&list->items[i]->origin, "'%s' is no %s; write %s",
				       texts->items[i], what, form);
	return 0;
}

/* two that publish the same port: the second would never start */
static int check_ports_differ(const struct bootplan *plan, const struct plan_declared *item,
			      const struct value *ports)
{
	for (size_t i = 0; i < item->ports.count; i++) {
		CLEANUP(declared_port_free) struct declared_port port = { 0 };

		if (declared_port_parse(item->ports.items[i], &port) < 0)
			return -ENOMEM;
		for (size_t j = 0; j < plan->declared_count; j++) {
			const struct plan_declared *other = &plan->declared[j];

			for (size_t k = 0; k < (other == item ? i : other->ports.count); k++) {
				CLEANUP(declared_port_free) struct declared_port used = { 0 };

				if (declared_port_parse(other->ports.items[k], &used) < 0)
					return -ENOMEM;
				if (used.host != port.host ||
				    !text_equal(used.protocol, port.protocol) ||
				    (used.address && port.address &&
				     !text_equal(used.address, port.address)))
					continue;
				return fail_at(&ports->items[i]->origin,
					       "port %u/%s is published by '%s' already",
					       (unsigned)port.host, port.protocol, other->name);
			}
		}
	}
	return 0;
}

/* what the image brings is checked; what is not in it is expected on the disk */
static int check_env_file(const struct resolve *resolve, const struct value *value,
			  const struct plan_declared *item)
{
	const struct entry *entry =
		item->env_file ? manifest_find(resolve->manifest, item->env_file + 1) : NULL;

	if (!entry)
		return 0;
	if (entry->type != ENTRY_FILE)
		return fail_at(&value->origin, "'%s' is no file of the image", item->env_file);
	if (entry->mode & 077)
		return fail_at(&value->origin,
			       "'%s' may be read by others (mode %04o); what is in it are secrets: "
			       "give it 'mode: \"0600\"' in 'files:'",
			       item->env_file, (unsigned)entry->mode & 07777);
	return 0;
}

static int plan_one(struct resolve *resolve, const struct value *value, struct bootplan *plan,
		    struct plan_declared *item)
{
	const struct value *image = value_get(value, "image", NULL);
	const struct value *ports = value_get(value, "ports", NULL);
	const struct value *volumes = value_get(value, "volumes", NULL);
	const struct value *env_file = value_get(value, "env-file", NULL);
	int r;

	if (!image)
		return fail_at(&value->origin,
			       "container '%s' has no 'image:'; give it the NAME:TAG of one",
			       item->name);
	r = plan_text(resolve, image, &item->image);
	if (r == 0 && !declared_image_is_valid(item->image))
		r = fail_at(&image->origin, "'%s' is not the NAME:TAG of an image", item->image);
	if (r == 0)
		r = plan_texts(resolve, ports, &item->ports);
	if (r == 0)
		r = check_each(ports, &item->ports, is_port, "port", DECLARED_PORT_FORM);
	if (r == 0)
		r = check_ports_differ(plan, item, ports);
	if (r == 0)
		r = plan_texts(resolve, volumes, &item->volumes);
	if (r == 0)
		r = check_each(volumes, &item->volumes, declared_volume_is_valid, "volume",
			       DECLARED_VOLUME_FORM);
	if (r == 0)
		r = plan_text(resolve, env_file, &item->env_file);
	if (r == 0)
		r = check_env_file(resolve, env_file, item);
	if (r == 0)
		r = plan_texts(resolve, value_get(value, "command", NULL), &item->command);
	return r < 0 ? r : plan_words(value, item);
}

int plan_declared(struct resolve *resolve, const struct value *containers, struct bootplan *plan)
{
	const char *ready = plan->main.ready;
	int r = 0;

	if (!containers || containers->count == 0)
		return 0;
	if (!ready || !text_after(ready, "docker:"))
		return fail_at(
			&containers->origin,
			"'boot: containers:' are for Docker, but main is not Docker ('ready: "
			"docker:SOCKET'); include a profile that has it (docker)");
	for (size_t i = 0; r == 0 && i < containers->count; i++) {
		struct plan_declared *item = bootplan_add_declared(plan);

		if (!item)
			return -ENOMEM;
		item->name = strdup(containers->keys[i]);
		r = item->name ? plan_one(resolve, containers->items[i], plan, item) : -ENOMEM;
	}
	return r;
}
