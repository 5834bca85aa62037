// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes and verifies most of a guest's free memory from all of its CPUs.
 *
 * usage: memwork [PERCENT]
 *
 * Word i of the region holds i * STEP + SEED, so that the sum over any number of words has a closed
 * form that the caller can check. CPU c of n writes the pages p with p % n == c, and then reads the
 * pages of its neighbour: every CPU faults pages in all over memory, and sees what another one wrote.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP		0x9e3779b97f4a7c15ull
#define SEED		0x6b65656c6b65656cull
#define INVERSE		UINT64_C(0xf1de83e19937733d)	/* of STEP, modulo 2^64 */
#define PAGE		4096ul
#define WORDS		(PAGE / sizeof(uint64_t))
#define MAX_CPUS	256

struct worker {
	pthread_t thread;
	unsigned int cpu;
	uint64_t sum;
	uint64_t bad;
	uint64_t first, found;	/* the first bad word, and what it held */
};

static volatile uint64_t *region;
static uint64_t pages;
static unsigned int cpus;
static pthread_barrier_t written;
static struct worker workers[MAX_CPUS];

static void *work(void *argument)
{
	struct worker *worker = argument;
	uint64_t page, word;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity");
		exit(1);
	}
	for (page = worker->cpu; page < pages; page += cpus)
		for (word = page * WORDS; word < (page + 1) * WORDS; word++)
			region[word] = word * STEP + SEED;
	pthread_barrier_wait(&written);
	for (page = (worker->cpu + 1) % cpus; page < pages; page += cpus)
		for (word = page * WORDS; word < (page + 1) * WORDS; word++) {
			uint64_t value = region[word];

			worker->sum += value;
			if (value != word * STEP + SEED && !worker->bad++) {
				worker->first = word;
				worker->found = value;
			}
		}
	return NULL;
}

static uint64_t available(void)
{
	FILE *info = fopen("/proc/meminfo", "r");
	uint64_t kib = 0;
	char line[128];

	if (!info)
		return 0;
	while (fgets(line, sizeof(line), info))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	fclose(info);
	return kib * 1024;
}

int main(int argc, char **argv)
{
	uint64_t percent = argc > 1 ? strtoull(argv[1], NULL, 10) : 80;
	uint64_t sum = 0, bad = 0;
	unsigned int i;

	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	pages = available() * percent / 100 / PAGE;
	region = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!pages || region == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	pthread_barrier_init(&written, NULL, cpus);
	for (i = 0; i < cpus; i++) {
		workers[i].cpu = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			perror("pthread_create");
			return 1;
		}
	}
	for (i = 0; i < cpus; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += workers[i].sum;
		bad += workers[i].bad;
		if (workers[i].bad)
			printf("CPU %u: %" PRIu64 " bad words, the first is %" PRIu64
			       ": %016" PRIx64 " (of word %" PRIu64 ")\n", i, workers[i].bad,
			       workers[i].first, workers[i].found,
			       (uint64_t)((workers[i].found - SEED) * INVERSE));
	}
	printf("memory=%016" PRIx64 " bytes=%" PRIu64 " cpus=%u %s\n",
	       sum, pages * PAGE, cpus, bad ? "BAD" : "ok");
	return bad != 0;
}
