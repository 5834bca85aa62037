// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's TCG: how often each block of the host's instructions was executed between the
 * benchmark's markers. Prints a line for each block: address, instructions, executions; `end` last.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Debian does not package the plugin interface's header: what is used of its version 4. */
#define EXPORT __attribute__((visibility("default")))
#define NO_REGS 0

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_callback)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*exec_callback)(unsigned int cpu, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_callback callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_callback callback, int regs,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_callback callback,
					    int regs, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_outs(const char *text);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

EXPORT int qemu_plugin_version = 4;

struct block {
	uint64_t address, size, count;
	struct block *next;
};

static struct block *blocks;
static bool counting;

static void begin(unsigned int cpu, void *data)
{
	struct block *block;

	for (block = blocks; block; block = block->next)
		block->count = 0;
	counting = true;
}

static void end(unsigned int cpu, void *data)
{
	struct block *block;
	char line[80];

	if (!counting)
		return;
	counting = false;
	for (block = blocks; block; block = block->next) {
		if (!block->count)
			continue;
		snprintf(line, sizeof(line), "block %#lx %lu %lu\n", block->address, block->size,
			 block->count);
		qemu_plugin_outs(line);
	}
	qemu_plugin_outs("end\n");
}

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;

	block->count += counting;
}

/* nopl 0x5a5a00NN(%rax): 1 begins, 2 ends (bench.h). */
static int marker(struct qemu_plugin_insn *insn)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80, 0, 0, 0x5a, 0x5a };
	uint8_t code[7];
	int number;

	if (qemu_plugin_insn_size(insn) != sizeof(code))
		return 0;
	qemu_plugin_insn_data(insn, code, sizeof(code));
	number = code[3];
	code[3] = 0;
	return memcmp(code, nopl, sizeof(code)) ? 0 : number;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = calloc(1, sizeof(*block));
	size_t i;

	block->address = qemu_plugin_tb_vaddr(tb);
	block->size = qemu_plugin_tb_n_insns(tb);
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGS, block);
	for (i = 0; i < block->size; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		int number = marker(insn);

		if (number)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, number == 1 ? begin : end,
							       NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
