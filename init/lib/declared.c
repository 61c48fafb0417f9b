/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declared.c - the forms of text of a declared container: what Docker takes
 *
 * In:    ports, volumes, names, an environment file
 * Out:   their parts, or that they are none
 * Not:   what Docker is told (agent_declaration.c)
 * Facts: Docker Engine API reference and docker-run(1): names are [a-zA-Z0-9][a-zA-Z0-9_.-]+,
 *        --publish [IP:]HOST:CONTAINER[/PROTOCOL], --env-file
 */
#include "declared.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "number.h"

#define NAME_MOST 64

void declared_port_free(struct declared_port *port)
{
	memory_free(&port->address);
}

/* an address of the host without its brackets. Return: 1, or 0 when it is none */
static int address_take(const char *from, size_t length, char **ret_address)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	bool is_v6 = length > 2 && from[0] == '[' && from[length - 1] == ']';
	CLEANUP(memory_free)
	char *address = is_v6 ? strndup(from + 1, length - 2) : strndup(from, length);

	if (!address)
		return -ENOMEM;
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes) != 1)
		return -EINVAL;
	*ret_address = text_pointer_take(&address);
	return 0;
}

static int port_take(const char *from, size_t length, uint16_t *ret_port)
{
	char digits[6] = "";
	uint64_t number;

	if (length == 0 || length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, from, length);
	if (number_parse(digits, &number) < 0 || number == 0 || number > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)number;
	return 0;
}

int declared_port_parse(const char *text, struct declared_port *ret_port)
{
	static const char protocols[][5] = { "tcp", "udp", "sctp" };
	const char *slash = strchr(text, '/'), *end = slash ? slash : text + strlen(text);
	const char *last = memrchr(text, ':', (size_t)(end - text)), *first;
	struct declared_port port = { .protocol = slash ? NULL : protocols[0] };
	int r = last ? port_take(last + 1, (size_t)(end - last) - 1, &port.inner) : -EINVAL;

	for (size_t i = 0; slash && i < COUNT_OF(protocols); i++)
		if (text_equal(slash + 1, protocols[i]))
			port.protocol = protocols[i];
	if (r < 0 || !port.protocol)
		return -EINVAL;
	first = memrchr(text, ':', (size_t)(last - text));
	r = first ? port_take(first + 1, (size_t)(last - first) - 1, &port.host)
		  : port_take(text, (size_t)(last - text), &port.host);
	if (r == 0 && first)
		r = address_take(text, (size_t)(first - text), &port.address);
	if (r == 0)
		*ret_port = port;
	return r;
}

static bool is_name(const char *text, size_t length)
{
	if (length < 2 || !isalnum((unsigned char)text[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
			return false;
	return true;
}

bool declared_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length <= NAME_MOST && is_name(name, length) && !text_ends_with(name, ".new") &&
	       !text_equal(name, "console") && !text_after(name, "console-");
}

bool declared_image_is_valid(const char *image)
{
	if (!isalnum((unsigned char)image[0]))
		return false;
	for (; *image; image++)
		if (!isalnum((unsigned char)*image) && !strchr("-_./:@", *image))
			return false;
	return true;
}

bool declared_volume_is_valid(const char *volume)
{
	size_t source = strcspn(volume, ":");
	const char *target = volume + source + (volume[source] == ':');
	size_t target_length = strcspn(target, ":");
	const char *options = target + target_length;

	if (volume[0] != '/' && !is_name(volume, source))
		return false;
	/* "/" itself can be bound, but nothing can be bound to it */
	return target[0] == '/' && target_length > 1 &&
	       (*options == '\0' || (options[1] != '\0' && !strchr(options + 1, ':')));
}

static size_t blanks(const char *text, size_t length)
{
	size_t count = 0;

	while (count < length && (text[count] == ' ' || text[count] == '\t'))
		count++;
	return count;
}

/* Return: 0, or -EINVAL, or -ENOMEM */
static int env_line(const char *line, size_t length, struct strings *env)
{
	const char *equal = memchr(line, '=', length);
	size_t name = equal ? (size_t)(equal - line) : 0;

	if (name == 0 || memchr(line, '\0', length))
		return -EINVAL;
	for (size_t i = 0; i < name; i++)
		if (isspace((unsigned char)line[i]))
			return -EINVAL;
	return strings_add_format(env, "%.*s", (int)length, line);
}

int declared_env_parse(const char *text, size_t length, struct strings *ret_env,
		       struct text *reason)
{
	const char *end = text + length;

	for (unsigned number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end, *line = text;
		int r = 0;

		text = newline ? newline + 1 : end;
		line += blanks(line, (size_t)(line_end - line));
		if (line < line_end && line_end[-1] == '\r')
			line_end--;
		if (line < line_end && *line != '#')
			r = env_line(line, (size_t)(line_end - line), ret_env);
		if (r == -EINVAL)
			text_format(reason, "line %u is no NAME=VALUE", number);
		if (r < 0)
			return r;
	}
	return 0;
}
