// SPDX-License-Identifier: GPL-2.0-only
/* The host's time, read together with its counter. */
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/pvclock_gtod.h>
#include <linux/seqlock.h>
#include <linux/timekeeper_internal.h>
#include <linux/workqueue.h>
#include <keel/host_time.h>
#include <keel/vm.h>

/*
 * What the timekeeper said at its last update (every tick), enough to read the time for a count
 * of one's own. Written with the timekeeper's lock held, interrupts off.
 */
static struct {
	seqcount_t seq;
	bool exact;
	u64 cycle_last, boot_offset;
	struct line {
		u64 base, nsec;		/* base + (nsec + counts * mult) >> shift */
		u32 mult, shift;
	} raw, real;
} host = { .seq = SEQCNT_ZERO(host.seq) };

static u64 line_at(const struct line *line, u64 counts)
{
	return line->base + ((line->nsec + counts * line->mult) >> line->shift);
}

bool keel_host_time(struct keel_host_time *t)
{
	unsigned long flags;
	unsigned int seq;
	u64 counts;
	bool exact;

	do {
		seq = read_seqcount_begin(&host.seq);
		exact = host.exact;
		if (!exact)
			break;
		t->count = keel_ops.host_counter();
		/* Another CPU's counter may be a little ahead of ours. */
		counts = t->count > host.cycle_last ? t->count - host.cycle_last : 0;
		t->boot_ns = line_at(&host.raw, counts) + host.boot_offset;
		t->real_ns = line_at(&host.real, counts);
	} while (read_seqcount_retry(&host.seq, seq));
	if (exact)
		return true;

	local_irq_save(flags);
	t->count = keel_ops.host_counter();
	t->boot_ns = ktime_get_raw_ns() + READ_ONCE(host.boot_offset);
	t->real_ns = ktime_get_real_ns();
	local_irq_restore(flags);
	return false;
}

/* --- the clock source has changed: every VM decides anew --- */

static void changed_fn(struct work_struct *work)
{
	struct keel_vm *vm;

	mutex_lock(&keel_lock);
	list_for_each_entry(vm, &keel_vms, link)
		keel_ops.host_clock_changed(vm);
	mutex_unlock(&keel_lock);
}

static DECLARE_WORK(changed_work, changed_fn);

/* Waking a worker takes the time, which the notifier's caller is about to change: later. */
static void changed_irq_fn(struct irq_work *work)
{
	schedule_work(&changed_work);
}

static DEFINE_IRQ_WORK(changed_irq, changed_irq_fn);

static int timekeeper_updated(struct notifier_block *nb, unsigned long was_set, void *data)
{
	const struct timekeeper *tk = data;
	bool exact = keel_ops.host_clock_is_counter(tk->tkr_mono.clock);
	bool changed = exact != host.exact;

	write_seqcount_begin(&host.seq);
	host.exact = exact;
	host.cycle_last = tk->tkr_mono.cycle_last;
	host.boot_offset = ktime_to_ns(tk->offs_boot);
	host.raw = (struct line){
		.base = ktime_to_ns(tk->tkr_raw.base), .nsec = tk->tkr_raw.xtime_nsec,
		.mult = tk->tkr_raw.mult, .shift = tk->tkr_raw.shift,
	};
	host.real = (struct line){
		.base = tk->xtime_sec * NSEC_PER_SEC, .nsec = tk->tkr_mono.xtime_nsec,
		.mult = tk->tkr_mono.mult, .shift = tk->tkr_mono.shift,
	};
	write_seqcount_end(&host.seq);
	if (changed)
		irq_work_queue(&changed_irq);
	return 0;
}

static struct notifier_block timekeeper_nb = {
	.notifier_call = timekeeper_updated,
};

int keel_host_time_setup(void)
{
	return keel_ops.host_counter ? pvclock_gtod_register_notifier(&timekeeper_nb) : 0;
}

void keel_host_time_teardown(void)
{
	if (!keel_ops.host_counter)
		return;
	pvclock_gtod_unregister_notifier(&timekeeper_nb);
	irq_work_sync(&changed_irq);
	cancel_work_sync(&changed_work);
}
