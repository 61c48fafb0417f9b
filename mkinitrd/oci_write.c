/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci_write.c - the layers of a container image, written and read back (see oci_write.h)
 *
 * In:    entries by layers
 * Out:   a blob each, whose digest is that of its bytes
 * Not:   where blobs go (oci_store.c), what is said of them (oci_describe.c)
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "fail.h"
#include "oci_write.h"
#include "output_folder.h"
#include "progress.h"
#include "tar_write.h"
#include "../init/lib/file.h"

/* one layer on its way: the tar is hashed, compressed, hashed again, written */
struct passage {
	struct oci_store *store;
	struct sink *sink;
	EVP_MD_CTX *plain, *packed;
	uint64_t size;
	bool is_said; /* what went wrong */
};

static void passage_free(struct passage *passage)
{
	sink_close(passage->sink);
	EVP_MD_CTX_free(passage->plain);
	EVP_MD_CTX_free(passage->packed);
}

static int say_failure(struct passage *passage, int r)
{
	if (r < 0 && !passage->is_said)
		(void)fail(r, "cannot write %s", passage->store->label);
	passage->is_said |= r < 0;
	return r;
}

static int write_packed(void *context, const void *bytes, size_t count)
{
	struct passage *passage = context;
	int r = output_folder_check();

	if (r == 0 && passage->packed && !EVP_DigestUpdate(passage->packed, bytes, count))
		r = -ENOMEM;
	if (r == 0)
		r = file_write_fd(passage->store->fd, bytes, count);
	passage->size += count;
	return say_failure(passage, r);
}

static int write_plain(void *context, const void *bytes, size_t count)
{
	struct passage *passage = context;

	if (!passage->sink)
		return write_packed(passage, bytes, count);
	if (!EVP_DigestUpdate(passage->plain, bytes, count))
		return say_failure(passage, -ENOMEM);
	return say_failure(passage, sink_add(passage->sink, bytes, count));
}

static void hex_of(const unsigned char *sha256, char hex[OCI_HEX_SIZE])
{
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
}

/* Without compression the two hashes are the same: that of what is read back */
static int passage_open(struct passage *passage, const struct oci_job *job)
{
	int r;

	if (job->image->compression == COMPRESS_NONE)
		return 0;
	passage->plain = EVP_MD_CTX_new();
	passage->packed = EVP_MD_CTX_new();
	if (!passage->plain || !EVP_DigestInit_ex(passage->plain, EVP_sha256(), NULL) ||
	    !passage->packed || !EVP_DigestInit_ex(passage->packed, EVP_sha256(), NULL))
		return say_failure(passage, -ENOMEM);
	r = sink_open(job->image->compression, job->level, job->jobs, write_packed, passage,
		      &passage->sink);
	return say_failure(passage, r);
}

static int passage_end(struct passage *passage, struct oci_layer *layer)
{
	unsigned char plain[EVP_MAX_MD_SIZE], packed[EVP_MAX_MD_SIZE];
	int r = passage->sink ? sink_finish(passage->sink) : 0;

	layer->blob.size = passage->size;
	if (r < 0 || !passage->sink)
		return say_failure(passage, r);
	if (!EVP_DigestFinal_ex(passage->plain, plain, NULL) ||
	    !EVP_DigestFinal_ex(passage->packed, packed, NULL))
		return say_failure(passage, -ENOMEM);
	hex_of(plain, layer->diff_hex);
	hex_of(packed, layer->blob.hex);
	return 0;
}

/* what was written against its entries; of what was not compressed, its digest */
static int read_back(const struct oci_store *store, const struct tar_job *tar, bool is_packed,
		     struct oci_layer *layer)
{
	struct tar_range range = { .fd = store->fd,
				   .offset = store->offset,
				   .size = layer->blob.size };
	char hex[OCI_HEX_SIZE];
	int r = tar_verify(tar, &range);

	if (r < 0)
		return r;
	hex_of(range.sha256, hex);
	if (is_packed)
		return text_equal(hex, layer->blob.hex)
			       ? 0
			       : fail(0,
				      "%s does not read back as it was written: a layer's digest "
				      "differs",
				      tar->label);
	memcpy(layer->blob.hex, hex, sizeof(hex));
	memcpy(layer->diff_hex, hex, sizeof(hex));
	return 0;
}

static int write_layer(struct oci_store *store, const struct oci_job *job, struct oci_layer *layer,
		       const struct tar_job *tar)
{
	CLEANUP(passage_free) struct passage passage = { .store = store };
	CLEANUP(content_reader_cleanup)
	struct content_reader *reader = content_reader_new(job->replaced);
	int r = reader ? oci_blob_begin(store) : fail(-ENOMEM, "cannot write %s", store->label);

	if (reader)
		content_reader_hash_beside(reader);
	if (r == 0)
		r = passage_open(&passage, job);
	if (r == 0)
		r = tar_write(tar, reader, write_plain, &passage);
	if (r == 0)
		r = passage_end(&passage, layer);
	if (r == 0)
		r = read_back(store, tar, passage.sink != NULL, layer);
	return r < 0 ? r : oci_blob_end(store, &layer->blob);
}

int oci_write_layers(struct oci_store *store, const struct oci_job *job)
{
	const struct oci_image *image = job->image;
	uint64_t done = 0, total = 0;
	int r = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		total += 2 * image->layers[i].layer->list.content;
	progress_phase("writing layers");
	for (size_t i = 0; r == 0 && i < image->layer_count; i++) {
		struct oci_layer *layer = &image->layers[i];
		const struct tar_job tar = {
			.entries = layer->layer->list.entries,
			.count = layer->layer->list.count,
			.mtime = image->time,
			.has_end = job->has_end && i + 1 == image->layer_count,
			.label = store->label,
			.done = &done,
			.total = total,
		};

		r = write_layer(store, job, layer, &tar);
		if (!store->output)
			fd_close(&store->fd);
	}
	return r;
}
