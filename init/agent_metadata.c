/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_metadata.c - what a cloud's metadata service says of this machine, asked and kept
 *
 * In:    the service at its link-local address
 * Out:   a host name, for init; KEYS_PATH and DATA_PATH, of mode 0600, whole or not at all
 * Not:   what the answers may be (agent_metadata_parse.c); running anything: user data is data
 * Facts: Linode's API reference, metadata service: the address; PUT /v1/token with
 *        Metadata-Token-Expiry-Seconds gives what goes into the header Metadata-Token. The service
 *        is not there in every region, so no answer is no failure
 */
#include "agent_metadata.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "agent_aside.h"
#include "agent_http.h"
#include "agent_settings.h"
#include "lib/file.h"

#define ADDRESS "169.254.169.254"
#define TRIES 3
#define SILENCE_MS 2000 /* the connection included */
#define TOTAL_MS 5000   /* of one request */
#define PAUSE_US 500000
#define ALL_SECONDS 60 /* of everything: the kernel ends us then */
#define RUN_FOLDER "/run/mkinitrd"
#define KEYS_FOLDER RUN_FOLDER "/ssh"
#define KEYS_PATH KEYS_FOLDER "/authorized_keys"
#define DATA_PATH RUN_FOLDER "/user-data"

static int ask(const char *method, const char *target, const char *headers,
	       struct http_response *response)
{
	const struct http_request request = {
		.address = ADDRESS,
		.headers = headers,
		.method = method,
		.target = target,
		.body_fd = -1,
		.silence_ms = SILENCE_MS,
		.total_ms = TOTAL_MS,
		.limit = METADATA_LIMIT,
	};
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		if (i > 0)
			(void)usleep(PAUSE_US);
		http_response_free(response);
		r = http_request(&request, response);
		/* a service that is overloaded or starts is asked again, like one that is silent */
		if (r == 0 && response->status < 500 && response->status != 429)
			return 0;
	}
	return r;
}

/* Return: 0, -ENOENT when there is nothing to be had, or what went wrong, which is said */
static int get(const char *target, const char *headers, struct http_response *response)
{
	int r = ask("GET", target, headers, response);

	if (r < 0) {
		report("warn", "%s: %s", target, strerror(-r));
		return r;
	}
	if (response->status == 200)
		return response->body.length > 0 ? 0 : -ENOENT;
	if (response->status == 404 || response->status == 204)
		return -ENOENT;
	report("warn", "%s: status %d", target, response->status);
	return -EIO;
}

/* ---- what is asked for ---- */

static void take_name(const char *headers)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(memory_free) char *name = NULL;
	int r = get("/v1/instance", headers, &response);

	if (r < 0)
		return;
	r = metadata_label_parse(text_string(&response.body), response.body.length, &name);
	if (r < 0) {
		report("warn", "/v1/instance: its label is not taken: it is no name of a host");
		return;
	}
	r = hosts_add(name);
	if (r < 0)
		report("warn", "cannot add '%s' to /etc/hosts: %s", name, strerror(-r));
	report("hostname", "%s", name);
}

static void take_keys(const char *headers)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(strings_free) struct strings keys = STRINGS_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r = get("/v1/ssh-keys", headers, &response);

	if (r < 0)
		return;
	r = metadata_keys_parse(text_string(&response.body), response.body.length, &keys);
	if (r < 0) {
		report("warn", "/v1/ssh-keys: none are taken: not all of them are keys");
		return;
	}
	for (size_t i = 0; i < keys.count; i++)
		text_format(&content, "%s\n", keys.items[i]);
	r = directory_make(KEYS_FOLDER, 0700);
	if (r == 0)
		r = content.failed ? -ENOMEM
				   : file_replace(KEYS_PATH, text_string(&content), content.length,
						  0600, false);
	if (r < 0)
		report("warn", "cannot write '" KEYS_PATH "': %s", strerror(-r));
	else
		report("detail", "ssh-keys=%zu", keys.count);
}

static void take_data(const char *headers)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text data = TEXT_EMPTY;
	int r = get("/v1/user-data", headers, &response);

	if (r < 0)
		return;
	r = metadata_data_parse(text_string(&response.body), response.body.length, &data);
	if (r < 0) {
		report("warn", "/v1/user-data: not taken: it is no base64");
		return;
	}
	r = file_replace(DATA_PATH, text_string(&data), data.length, 0600, false);
	if (r < 0)
		report("warn", "cannot write '" DATA_PATH "': %s", strerror(-r));
	else
		report("detail", "user-data=%zu", data.length);
}

static int take_token(struct text *headers, struct text *why)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(memory_free) char *token = NULL;
	int r = ask("PUT", "/v1/token", "Metadata-Token-Expiry-Seconds: 3600\r\n", &response);

	if (r == 0 && response.status != 200) {
		text_format(why, "status %d", response.status);
		return -EIO;
	}
	if (r == 0)
		r = metadata_token_parse(text_string(&response.body), response.body.length, &token);
	if (r < 0) {
		text_add(why, r == -EPROTO ? "no answer that makes sense" : strerror(-r));
		return r;
	}
	text_format(headers, "Metadata-Token: %s\r\nAccept: application/json\r\n", token);
	return headers->failed ? -ENOMEM : 0;
}

int agent_metadata(bool with_name)
{
	CLEANUP(text_free) struct text headers = TEXT_EMPTY, why = TEXT_EMPTY;

	(void)alarm(ALL_SECONDS);
	if (take_token(&headers, &why) < 0) {
		report("absent", "%s: %s", ADDRESS, text_string(&why));
		return EXIT_PRESENT;
	}
	if (with_name)
		take_name(text_string(&headers));
	take_keys(text_string(&headers));
	take_data(text_string(&headers));
	return EXIT_OK;
}
