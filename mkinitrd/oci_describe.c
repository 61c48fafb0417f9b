/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci_describe.c - what is said of a container image: configuration, manifest, indexes (see oci.h)
 *
 * In:    layers that are there, "run:" of the profile
 * Out:   the JSON files of an OCI layout, and manifest.json of "docker load"
 * Facts: OCI image-spec: config.md, manifest.md, image-index.md, image-layout.md, annotations.md;
 *        Docker Image Specification v1.2: manifest.json
 *
 * Keys are sorted and there are no blanks: one form, one digest.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "fail.h"
#include "oci.h"

#define TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_INDEX "application/vnd.oci.image.index.v1+json"
#define TYPE_LAYER "application/vnd.oci.image.layer.v1.tar"
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ANNOTATION "org.opencontainers.image."

static void json_release(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static int fail_describe(const struct oci_image *image)
{
	return fail(0, "cannot describe the image '%s': a value is not UTF-8", image->tag);
}

static int json_take(const struct oci_image *image, const json_t *json, struct text *text)
{
	CLEANUP(memory_free) char *string = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	if (!string)
		return fail_describe(image);
	text_add(text, string);
	return text->failed ? fail(-ENOMEM, "cannot describe the image '%s'", image->tag) : 0;
}

static json_t *json_strings(const struct strings *strings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < strings->count; i++)
		(void)json_array_append_new(list, json_string(strings->items[i]));
	return list;
}

static json_t *json_digest(const char *hex)
{
	char digest[8 + OCI_HEX_SIZE];

	(void)snprintf(digest, sizeof(digest), "sha256:%s", hex);
	return json_string(digest);
}

static json_t *json_blob_path(const char *hex)
{
	char path[16 + OCI_HEX_SIZE];

	(void)snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
	return json_string(path);
}

static json_t *json_created(int64_t time)
{
	time_t seconds = (time_t)time;
	char created[32] = "1970-01-01T00:00:00Z";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		(void)strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(created);
}

/* ---- the configuration ---- */

static json_t *json_ports(const struct run_settings *run)
{
	json_t *ports = json_object();

	for (size_t i = 0; i < run->port_count; i++) {
		char port[16];

		(void)snprintf(port, sizeof(port), "%u/%s", run->ports[i].port,
			       run_protocol_name(run->ports[i].protocol));
		(void)json_object_set_new(ports, port, json_object());
	}
	return ports;
}

static json_t *json_volumes(const struct run_settings *run)
{
	json_t *volumes = json_object();

	for (size_t i = 0; i < run->volumes.count; i++)
		(void)json_object_set_new(volumes, run->volumes.items[i], json_object());
	return volumes;
}

static json_t *json_env(const struct run_settings *run)
{
	json_t *env = json_strings(&run->env);

	if (!run_env(run, "PATH"))
		(void)json_array_insert_new(env, 0, json_string(DEFAULT_PATH));
	return env;
}

static json_t *json_run(const struct run_settings *run)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "Env", json_env(run));
	if (run->exec.count)
		(void)json_object_set_new(json, "Entrypoint", json_strings(&run->exec));
	if (run->arguments.count)
		(void)json_object_set_new(json, "Cmd", json_strings(&run->arguments));
	if (run->directory)
		(void)json_object_set_new(json, "WorkingDir", json_string(run->directory));
	if (run->user)
		(void)json_object_set_new(json, "User", json_string(run->user));
	if (run->stop_signal)
		(void)json_object_set_new(json, "StopSignal", json_string(run->stop_signal));
	if (run->port_count)
		(void)json_object_set_new(json, "ExposedPorts", json_ports(run));
	if (run->volumes.count)
		(void)json_object_set_new(json, "Volumes", json_volumes(run));
	return json;
}

static int describe_config(const struct oci_image *image, struct text *text)
{
	json_t *diff_ids = json_array(), *history = json_array();
	CLEANUP(json_release) json_t *json = NULL;

	for (size_t i = 0; i < image->layer_count; i++) {
		const struct oci_layer *layer = &image->layers[i];
		char made_by[256];

		(void)snprintf(made_by, sizeof(made_by), "mkinitrd: %s", layer->layer->title);
		(void)json_array_append_new(diff_ids, json_digest(layer->diff_hex));
		(void)json_array_append_new(history, json_pack("{s:o, s:s}", "created",
							       json_created(image->time),
							       "created_by", made_by));
	}
	json = json_pack("{s:s, s:s, s:o, s:o, s:{s:s, s:o}, s:o}", "architecture",
			 image->architecture, "os", "linux", "created", json_created(image->time),
			 "config", json_run(image->run), "rootfs", "type", "layers", "diff_ids",
			 diff_ids, "history", history);
	return json ? json_take(image, json, text) : fail_describe(image);
}

/* ---- manifest and indexes ---- */

static const char *layer_type(enum compression compression)
{
	return compression == COMPRESS_GZIP   ? TYPE_LAYER "+gzip"
	       : compression == COMPRESS_ZSTD ? TYPE_LAYER "+zstd"
					      : TYPE_LAYER;
}

static json_t *json_descriptor(const char *type, const struct oci_blob *blob)
{
	return json_pack("{s:s, s:o, s:I}", "mediaType", type, "digest", json_digest(blob->hex),
			 "size", (json_int_t)blob->size);
}

static json_t *json_annotations(const struct oci_image *image)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, ANNOTATION "created", json_created(image->time));
	(void)json_object_set_new(json, ANNOTATION "title", json_string(image->title));
	if (image->description)
		(void)json_object_set_new(json, ANNOTATION "description",
					  json_string(image->description));
	return json;
}

static int describe_manifest(const struct oci_image *image, const struct oci_blob *config,
			     struct text *text)
{
	json_t *layers = json_array();
	CLEANUP(json_release) json_t *json = NULL;

	for (size_t i = 0; i < image->layer_count; i++)
		(void)json_array_append_new(layers, json_descriptor(layer_type(image->compression),
								    &image->layers[i].blob));
	json = json_pack("{s:i, s:s, s:o, s:o, s:o}", "schemaVersion", 2, "mediaType",
			 TYPE_MANIFEST, "config", json_descriptor(TYPE_CONFIG, config), "layers",
			 layers, "annotations", json_annotations(image));
	return json ? json_take(image, json, text) : fail_describe(image);
}

static int describe_index(const struct oci_image *image, const struct oci_blob *manifest,
			  struct text *text)
{
	json_t *descriptor = json_descriptor(TYPE_MANIFEST, manifest);
	CLEANUP(json_release) json_t *json = NULL;

	(void)json_object_set_new(
		descriptor, "platform",
		json_pack("{s:s, s:s}", "architecture", image->architecture, "os", "linux"));
	(void)json_object_set_new(
		descriptor, "annotations",
		json_pack("{s:s}", ANNOTATION "ref.name", strrchr(image->tag, ':') + 1));
	json = json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType", TYPE_INDEX,
			 "manifests", descriptor);
	return json ? json_take(image, json, text) : fail_describe(image);
}

/* what "docker load" reads */
static int describe_archive(const struct oci_image *image, const struct oci_blob *config,
			    struct text *text)
{
	json_t *layers = json_array();
	CLEANUP(json_release) json_t *json = NULL;

	for (size_t i = 0; i < image->layer_count; i++)
		(void)json_array_append_new(layers, json_blob_path(image->layers[i].blob.hex));
	json = json_pack("[{s:o, s:[s], s:o}]", "Config", json_blob_path(config->hex), "RepoTags",
			 image->tag, "Layers", layers);
	return json ? json_take(image, json, text) : fail_describe(image);
}

int oci_describe(struct oci_store *store, const struct oci_image *image,
		 struct oci_blob *ret_config, struct oci_blob *ret_manifest)
{
	CLEANUP(text_free) struct text config = TEXT_EMPTY, manifest = TEXT_EMPTY;
	CLEANUP(text_free) struct text index = TEXT_EMPTY, archive = TEXT_EMPTY;
	CLEANUP(text_free) struct text layout = TEXT_EMPTY;
	int r = describe_config(image, &config);

	text_add(&layout, "{\"imageLayoutVersion\":\"1.0.0\"}");
	if (r == 0)
		r = oci_blob_put(store, &config, ret_config);
	if (r == 0)
		r = describe_manifest(image, ret_config, &manifest);
	if (r == 0)
		r = oci_blob_put(store, &manifest, ret_manifest);
	if (r == 0)
		r = describe_index(image, ret_manifest, &index);
	if (r == 0)
		r = oci_file_put(store, "index.json", &index);
	if (r == 0 && store->output) /* "docker load" takes no directory */
		r = describe_archive(image, ret_config, &archive);
	if (r == 0 && store->output)
		r = oci_file_put(store, "manifest.json", &archive);
	return r < 0 ? r : oci_file_put(store, "oci-layout", &layout);
}
