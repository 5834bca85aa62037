// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps writing memory from all CPUs of a guest until a line comes on standard input, and verifies in every
 * round what it has written: a page that was lost or is old shows in the next line.
 *
 * usage: rewrite MEGABYTES
 *
 * In round r the pages p are written whose period, PERIODS[p % 4], divides r (period 0: only in round 0), so that
 * there are at any time pages that were just written and pages that were not for long. Word w then holds
 * (g * words + w) * STEP + SEED, where g is the round in which its page was written last.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP		0x9e3779b97f4a7c15ull
#define SEED		0x6b65656c6b65656cull
#define PAGE		4096ul
#define PAGE_WORDS	(PAGE / sizeof(uint64_t))
#define MAX_CPUS	256

static const unsigned int PERIODS[4] = { 1, 2, 7, 0 };

static volatile uint64_t *region;
static uint64_t pages, words;
static unsigned int cpus;
static pthread_barrier_t written, verified;
static uint64_t sums[MAX_CPUS], bad[MAX_CPUS];
static bool last;

/* The round in which a page was written last. */
static uint64_t generation(uint64_t page, uint64_t round)
{
	unsigned int period = PERIODS[page % 4];

	return period ? round - round % period : 0;
}

static uint64_t value(uint64_t word, uint64_t gen)
{
	return (gen * words + word) * STEP + SEED;
}

static void report(uint64_t round)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t sum = 0, wrong = 0;
	unsigned int i;

	for (i = 0; i < cpus; i++) {
		sum += sums[i];
		wrong += bad[i];
	}
	printf("GUEST round=%" PRIu64 " sum=%016" PRIx64 " cpus=%u %s\n", round, sum, cpus, wrong ? "BAD" : "ok");
	fflush(stdout);
	last = wrong || poll(&input, 1, 0) == 1;
}

static void *work(void *argument)
{
	unsigned int cpu = (unsigned int)(uintptr_t)argument;
	uint64_t round, page, word;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity");
		exit(1);
	}
	for (round = 0; !last; round++) {
		for (page = cpu; page < pages; page += cpus)
			if (generation(page, round) == round)
				for (word = page * PAGE_WORDS; word < (page + 1) * PAGE_WORDS; word++)
					region[word] = value(word, round);
		pthread_barrier_wait(&written);
		/* what another CPU has written */
		sums[cpu] = 0;
		for (page = (cpu + 1) % cpus; page < pages; page += cpus) {
			uint64_t gen = generation(page, round);

			for (word = page * PAGE_WORDS; word < (page + 1) * PAGE_WORDS; word++) {
				uint64_t found = region[word];

				sums[cpu] += found;
				bad[cpu] += found != value(word, gen);
			}
		}
		if (pthread_barrier_wait(&verified) == PTHREAD_BARRIER_SERIAL_THREAD)
			report(round);
		pthread_barrier_wait(&verified);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t megabytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	pthread_t threads[MAX_CPUS];
	unsigned int i;

	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	pages = megabytes * 1024 * 1024 / PAGE;
	words = pages * PAGE_WORDS;
	region = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!pages || region == MAP_FAILED) {
		fprintf(stderr, "rewrite: no memory\n");
		return 1;
	}
	pthread_barrier_init(&written, NULL, cpus);
	pthread_barrier_init(&verified, NULL, cpus);
	for (i = 0; i < cpus; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i)) {
			perror("pthread_create");
			return 1;
		}
	for (i = 0; i < cpus; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
