/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_config.c - a kernel's configuration from each place of a root, and from kernel images that
 * carry it: made here as Documentation/arch/x86/boot.rst says
 */
#include "scratch.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "mkinitrd/kernel_config.h"
#include "mkinitrd/resolve.h"

#define RELEASE "6.0.0-fixture"
#define MODULES "usr/lib/modules/" RELEASE
#define CONFIG                                                                   \
	"#\n# Automatically generated file; DO NOT EDIT.\n#\nCONFIG_RD_ZSTD=y\n" \
	"CONFIG_OVERLAY_FS=m\n# CONFIG_RD_LZ4 is not set\nCONFIG_HZ=250\n"       \
	"CONFIG_DEFAULT_HOSTNAME=\"(none)\"\nCONFIG_OVERLAY_FS_DEBUG=n\n"

static struct kernel kernel = { .release = (char[]){ RELEASE },
				.directory = (char[]){ "/" MODULES } };

enum packing { PACK_NONE, PACK_GZIP, PACK_ZSTD, PACK_XZ };

/* ---- kernel images ---- */

static void pack_gzip(const void *bytes, size_t count, struct text *text)
{
	z_stream stream = { 0 };
	size_t bound = count + (count >> 3) + 1000;
	unsigned char *packed = malloc(bound);
	unsigned char *copy = malloc(count + 1);

	assert_non_null(packed);
	assert_non_null(copy);
	memcpy(copy, bytes, count);
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = copy;
	stream.avail_in = (unsigned)count;
	stream.next_out = packed;
	stream.avail_out = (unsigned)bound;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	text_add_bytes(text, packed, bound - stream.avail_out);
	(void)deflateEnd(&stream);
	free(copy);
	free(packed);
}

static void pack(enum packing packing, const struct text *plain, struct text *text)
{
	size_t bound = plain->length + (plain->length >> 3) + 1000, count = 0;
	unsigned char *packed = malloc(bound);

	assert_non_null(packed);
	if (packing == PACK_NONE)
		text_add_bytes(text, plain->data, plain->length);
	if (packing == PACK_GZIP)
		pack_gzip(plain->data, plain->length, text);
	if (packing == PACK_ZSTD)
		count = ZSTD_compress(packed, bound, plain->data, plain->length, 3);
	if (packing == PACK_XZ)
		assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL,
							 (const uint8_t *)plain->data,
							 plain->length, packed, &count, bound),
				 LZMA_OK);
	text_add_bytes(text, packed, count);
	free(packed);
}

/* a kernel of about @size bytes with the configuration at @at */
static void kernel_make(const char *config, size_t at, size_t size, struct text *text)
{
	for (size_t i = 0; i < size; i++) {
		if (i == at && config) {
			/* the scripts' own mention of the marker is none */
			text_add(text, "IKCFG_ST");
			text_add(text, "IKCFG_ST");
			pack_gzip(config, strlen(config), text);
			text_add(text, "IKCFG_ED");
		}
		text_add_char(text, (char)(i * i / 11));
	}
}

/* the setup code of three sectors, then 100 bytes of a loader, then the payload with its size */
static void bzimage_make(const struct text *payload, struct text *text)
{
	static const char magic[4] = { 'H', 'd', 'r', 'S' };
	unsigned char setup[4 * 512 + 100] = { 0 };
	uint32_t length = (uint32_t)payload->length + 4;

	setup[0x1f1] = 3;
	memcpy(setup + 0x202, magic, sizeof(magic));
	setup[0x206] = 0x0f;
	setup[0x207] = 0x02;
	setup[0x248] = 100;
	for (size_t i = 0; i < 4; i++)
		setup[0x24c + i] = (unsigned char)(length >> (8 * i));
	text_add_bytes(text, setup, sizeof(setup));
	text_add_bytes(text, payload->data, payload->length);
	text_add_bytes(text, "\0\1\2\3", 4); /* of the unpacked kernel: mkpiggy */
	text_add_bytes(text, "end of the image", 16);
}

static void zboot_make(const struct text *payload, struct text *text)
{
	unsigned char header[64] = "MZ\0\0zimg";
	uint32_t length = (uint32_t)payload->length;

	header[8] = sizeof(header);
	for (size_t i = 0; i < 4; i++)
		header[12 + i] = (unsigned char)(length >> (8 * i));
	text_add_bytes(text, header, sizeof(header));
	text_add_bytes(text, payload->data, payload->length);
}

static int image_config(const struct text *image, struct text *text)
{
	CLEANUP(fd_close) int fd = memfd_create("kernel", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, image->data, image->length), 0);
	return kernel_image_config(fd, text);
}

static void from_images(void **state UNUSED)
{
	static const size_t ats[] = { 0,         5,           65531,       65532,
				      65536 - 8, 262144 - 20, 262144 - 17, 399999 };
	static const enum packing packings[] = { PACK_NONE, PACK_GZIP, PACK_ZSTD, PACK_XZ };

	for (size_t i = 0; i < COUNT_OF(ats) * COUNT_OF(packings); i++) {
		CLEANUP(text_free) struct text vmlinux = TEXT_EMPTY;
		CLEANUP(text_free) struct text payload = TEXT_EMPTY;
		enum packing packing = packings[i % COUNT_OF(packings)];

		kernel_make(CONFIG, ats[i / COUNT_OF(packings)], 400000, &vmlinux);
		pack(packing, &vmlinux, &payload);
		for (int form = 0; form < 3; form++) {
			CLEANUP(text_free) struct text image = TEXT_EMPTY;
			CLEANUP(text_free) struct text text = TEXT_EMPTY;
			int r;

			print_message("row: at %zu, packed %d, form %d\n",
				      ats[i / COUNT_OF(packings)], packing, form);
			if (form == 0)
				bzimage_make(&payload, &image);
			else if (form == 1)
				zboot_make(&payload, &image);
			else
				text_add_bytes(&image, payload.data, payload.length);
			r = image_config(&image, &text);
			if (r == -ENOTSUP && packing == PACK_XZ)
				continue; /* a reader without xz says so */
			assert_int_equal(r, 0);
			assert_string_equal(text_string(&text), CONFIG);
		}
	}
}

static void images_without(void **state UNUSED)
{
	CLEANUP(text_free) struct text vmlinux = TEXT_EMPTY;
	CLEANUP(text_free) struct text payload = TEXT_EMPTY;
	CLEANUP(text_free) struct text image = TEXT_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(text_free) struct text huge = TEXT_EMPTY;

	kernel_make(NULL, 0, 400000, &vmlinux);
	pack(PACK_GZIP, &vmlinux, &payload);
	bzimage_make(&payload, &image);
	assert_int_equal(image_config(&image, &text), -ENOENT);
	assert_int_equal(image_config(&vmlinux, &text), -ENOENT);
	assert_int_equal(
		image_config(&(struct text){ .data = (char[]){ "short" }, .length = 5 }, &text),
		-ENOENT);
	/* damaged and cut off */
	image.data[image.length / 2] ^= 0x55;
	assert_int_equal(image_config(&image, &text), -EBADMSG);
	image.data[image.length / 2] ^= 0x55;
	image.length /= 2;
	assert_int_equal(image_config(&image, &text), -EBADMSG);
	/* a configuration that unpacks to more than there is */
	text_add(&huge, "IKCFG_ST");
	text_clear(&vmlinux);
	for (size_t i = 0; i < KERNEL_CONFIG_MOST + 1; i++)
		text_add_char(&vmlinux, 'x');
	pack_gzip(vmlinux.data, vmlinux.length, &huge);
	assert_int_equal(image_config(&huge, &text), -EFBIG);
	/* and one that ends in the middle */
	huge.length = 2000;
	text_clear(&text);
	assert_int_equal(image_config(&huge, &text), -EBADMSG);
}

/* ---- roots ---- */

static int config_open(const struct scratch *scratch, struct kernel_config **ret_config)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;

	assert_int_equal(sysroot_open_root(&root, scratch->path), 0);
	return kernel_config_open(&root, &kernel, ret_config);
}

static void options(void **state)
{
	// clang-format off
	static const struct { const char *name; char value; } rows[] = {
		{ "CONFIG_RD_ZSTD", 'y' }, { "RD_ZSTD", 'y' }, { "OVERLAY_FS", 'm' },
		{ "RD_LZ4", 'n' }, { "RD_ZST", 'n' }, { "OVERLAY_FS_DEBUG", 'n' }, { "HZ", 'y' },
		{ "DEFAULT_HOSTNAME", 'y' }, { "NO_SUCH_THING", 'n' }, { "", 'n' },
	};
	// clang-format on
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;

	scratch_file(*state, "boot/config-" RELEASE, CONFIG, 0644);
	assert_int_equal(config_open(*state, &config), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: %s\n", rows[i].name);
		assert_int_equal(kernel_config_get(config, rows[i].name), rows[i].value);
	}
}

static void places(void **state)
{
	static const char *const rows[] = {
		"/boot/config-" RELEASE,  "/" MODULES "/config",  "/" MODULES "/build/.config",
		"/boot/vmlinuz-" RELEASE, "/" MODULES "/vmlinuz",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;
		CLEANUP(text_free) struct text content = TEXT_EMPTY;

		print_message("row: %s\n", rows[i]);
		scratch_empty(*state);
		assert_int_equal(config_open(*state, &config), -ENOENT);
		/* all that come later are there too, and of no use is what comes before */
		for (size_t j = 0; j < i; j++)
			scratch_file(*state, rows[j] + 1, "nothing", 0644);
		for (size_t j = i; j < COUNT_OF(rows); j++) {
			text_clear(&content);
			if (j < 3)
				text_add(&content, CONFIG);
			else
				kernel_make(CONFIG, 10, 100, &content);
			scratch_bytes(*state, rows[j] + 1, content.data, content.length);
		}
		assert_int_equal(config_open(*state, &config), 0);
		assert_string_equal(kernel_config_path(config), rows[i]);
		assert_int_equal(kernel_config_get(config, "OVERLAY_FS"), 'm');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_images),
		cmocka_unit_test(images_without),
		cmocka_unit_test_setup_teardown(options, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(places, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
