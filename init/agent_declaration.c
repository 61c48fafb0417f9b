/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_declaration.c - one declared container, as Docker is told to make it
 *
 * In:    a line of the boot plan (untrusted); its environment file
 * Out:   the body of a create request with our labels, and a hash of all of it
 * Not:   asking Docker (agent_containers.c), what is there already (agent_declared.c)
 * Facts: Docker Engine API reference, ContainerCreate. The hash is FNV-1a of 64 bits (RFC 9923): it
 *        tells a changed declaration from the same, and guards nothing. Who may read the label may
 *        read the environment too
 */
#include "agent_declaration.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "agent_containers.h"
#include "lib/declared.h"
#include "lib/file.h"

#define ENV_LIMIT (256u << 10)

void declaration_free(struct declaration *declaration)
{
	json_decref(declaration->body);
	declaration->body = NULL;
}

/* ---- the environment ---- */

static int env_open(const char *path, int *ret_fd, struct text *reason)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		int r = -errno;

		text_format(reason, "cannot read '%s': %s", path, strerror(-r));
		return r;
	}
	if (!S_ISREG(status.st_mode)) {
		text_format(reason, "cannot read '%s': it is no file", path);
		return -EINVAL;
	}
	if (status.st_mode & 077 && fchmod(fd, 0600) < 0)
		text_format(reason,
			    "'%s' may be read by others, and its mode cannot be changed: %s", path,
			    strerror(errno));
	else if (status.st_mode & 077)
		text_format(reason, "'%s' could be read by others; its mode is 0600 now", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int env_read(const char *path, struct strings *env, struct text *reason)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY, why = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	int r = env_open(path, &fd, reason);

	if (r < 0)
		return r;
	r = file_read_fd(fd, ENV_LIMIT, &content);
	if (r == 0)
		r = declared_env_parse(text_string(&content), content.length, env, &why);
	if (r < 0) {
		text_clear(reason);
		text_format(reason, "cannot read '%s': %s", path,
			    why.length > 0 ? text_string(&why) : strerror(-r));
	}
	return r;
}

/* ---- the request ---- */

/* NULL when one is no UTF-8 */
static json_t *texts(const struct strings *strings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < strings->count; i++) {
		if (json_array_append_new(array, json_string(strings->items[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* ExposedPorts: {"80/tcp": {}}; PortBindings: {"80/tcp": [{"HostIp": "", "HostPort": "80"}]} */
static int ports_add(const struct strings *ports, json_t *exposed, json_t *bindings,
		     struct text *reason)
{
	for (size_t i = 0; i < ports->count; i++) {
		CLEANUP(declared_port_free) struct declared_port port = { 0 };
		char inner[16], host[8];
		json_t *list;
		int r = declared_port_parse(ports->items[i], &port);

		if (r < 0) {
			text_format(reason, "'%s' is no port: " DECLARED_PORT_FORM,
				    ports->items[i]);
			return r;
		}
		(void)snprintf(inner, sizeof(inner), "%u/%s", (unsigned)port.inner, port.protocol);
		(void)snprintf(host, sizeof(host), "%u", (unsigned)port.host);
		list = json_object_get(bindings, inner);
		if (!list) {
			list = json_array();
			(void)json_object_set_new(bindings, inner, list);
		}
		(void)json_array_append_new(list, json_pack("{s:s, s:s}", "HostIp",
							    port.address ? port.address : "",
							    "HostPort", host));
		(void)json_object_set_new(exposed, inner, json_object());
	}
	return 0;
}

static json_t *body_make(const struct plan_declared *plan, const struct strings *env,
			 struct text *reason)
{
	static const char *const restarts[] = { "unless-stopped", "always", "on-failure", "no" };
	static const char *const networks[] = { "bridge", "host", "none" };
	json_t *exposed = json_object(), *bindings = json_object(), *body;

	if (ports_add(&plan->ports, exposed, bindings, reason) < 0) {
		json_decref(exposed);
		json_decref(bindings);
		return NULL;
	}
	body = json_pack("{s:s, s:o, s:o, s:{s:o, s:o, s:{s:s}, s:s}}", "Image", plan->image, "Env",
			 texts(env), "ExposedPorts", exposed, "HostConfig", "Binds",
			 texts(&plan->volumes), "PortBindings", bindings, "RestartPolicy", "Name",
			 restarts[plan->restart], "NetworkMode", networks[plan->network]);
	if (body && plan->command.count > 0 &&
	    json_object_set_new(body, "Cmd", texts(&plan->command)) < 0) {
		json_decref(body);
		body = NULL;
	}
	if (!body)
		text_add(reason, "no request can be made of it: a text in it is no UTF-8");
	return body;
}

static void hash_add(uint64_t *hash, const char *string)
{
	/* the NUL too, so that the ends of parts count */
	for (size_t i = 0; i <= strlen(string); i++) {
		*hash ^= (unsigned char)string[i];
		*hash *= UINT64_C(0x100000001b3);
	}
}

/* over the request without labels, and the id of a carried image, so that one of the same name but
 * other content is a change */
static int label(struct declaration *declaration)
{
	CLEANUP(memory_free)
	char *bytes = json_dumps(declaration->body, JSON_COMPACT | JSON_SORT_KEYS);
	const char *image = declaration->carried ? declaration->carried->id : "";
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	if (!bytes)
		return -ENOMEM;
	hash_add(&hash, bytes);
	hash_add(&hash, image);
	(void)snprintf(declaration->hash, sizeof(declaration->hash), "%016" PRIx64, hash);
	return json_object_set_new(declaration->body, "Labels",
				   json_pack("{s:s, s:s, s:s}", LABEL_NAME, declaration->plan->name,
					     LABEL_HASH, declaration->hash, LABEL_IMAGE, image)) < 0
		       ? -ENOMEM
		       : 0;
}

/* the CLI has checked the same; this is the plan's last reader */
static int check(const struct plan_declared *plan, struct text *reason)
{
	if (!plan->name || !declared_name_is_valid(plan->name))
		text_add(reason, "it has no name that Docker takes");
	else if (!plan->image || !declared_image_is_valid(plan->image))
		text_add(reason, "it has no name of an image");
	else if (plan->env_file && plan->env_file[0] != '/')
		text_format(reason, "'%s' is no full path", plan->env_file);
	for (size_t i = 0; reason->length == 0 && i < plan->volumes.count; i++)
		if (!declared_volume_is_valid(plan->volumes.items[i]))
			text_format(reason, "'%s' is no volume: " DECLARED_VOLUME_FORM,
				    plan->volumes.items[i]);
	return reason->length > 0 ? -EINVAL : 0;
}

int declaration_read(const struct bootplan *plan, const struct plan_declared *declared,
		     struct declaration *ret_declaration, struct text *reason)
{
	CLEANUP(strings_free) struct strings env = STRINGS_EMPTY;
	struct declaration declaration = { .plan = declared };
	int r = check(declared, reason);

	if (r == 0 && declared->env_file)
		r = env_read(declared->env_file, &env, reason);
	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->container_count; i++)
		if (plan->containers[i].image && plan->containers[i].id &&
		    plan->containers[i].archive &&
		    text_equal(plan->containers[i].image, declared->image))
			declaration.carried = &plan->containers[i];
	declaration.body = body_make(declared, &env, reason);
	if (!declaration.body)
		return -EINVAL;
	r = label(&declaration);
	if (r < 0)
		declaration_free(&declaration);
	else
		*ret_declaration = declaration;
	return r;
}
