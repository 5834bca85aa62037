// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares two dumps of a guest's memory.
 *
 * usage: memdiff FILE FILE
 *
 * Prints how long they are, how many bytes differ, and where the first and the last of those are.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096

static const unsigned char *map(const char *path, size_t *size)
{
	struct stat status;
	void *data;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &status)) {
		perror(path);
		return NULL;
	}
	*size = status.st_size;
	data = mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		perror(path);
		return NULL;
	}
	return data;
}

int main(int argc, char **argv)
{
	size_t size, other_size, at, i, count = 0, first = 0, last = 0;
	const unsigned char *one, *other;

	if (argc != 3)
		return 2;
	one = map(argv[1], &size);
	other = map(argv[2], &other_size);
	if (!one || !other)
		return 2;
	if (size != other_size || size % PAGE) {
		fprintf(stderr, "memdiff: %zu and %zu bytes\n", size, other_size);
		return 2;
	}
	for (at = 0; at < size; at += PAGE) {
		if (!memcmp(one + at, other + at, PAGE))
			continue;
		for (i = at; i < at + PAGE; i++)
			if (one[i] != other[i]) {
				if (!count++)
					first = i;
				last = i;
			}
	}
	printf("%zu bytes differ=%zu first=%#zx last=%#zx\n", size, count, first, last);
	return 0;
}
