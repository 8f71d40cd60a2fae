// SPDX-License-Identifier: GPL-2.0
/* A kernel's faults, on demand: `insmod plant.ko fault=oops`. */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>

/* What happens where nobody says what should. */
#ifndef FAULT
#define FAULT "none"
#endif

static char *fault = FAULT;
module_param(fault, charp, 0);

/* Many instructions and nothing to do: they cost an emulated processor virtual time, and its host little. */
#define IDLY asm volatile(".rept 400\n\tnop\n\t.endr")

static noinline void plant_warning(void)
{
	WARN(1, "planted\n");
}

static noinline void plant_oops(void)
{
	*(volatile int *)8 = 1;
}

static noinline void plant_corruption(void)
{
	static LIST_HEAD(list);
	static struct list_head entry, other;

	list_add(&entry, &list);
	list.next = &other;
	list_del(&entry);
}

static noinline void plant_atomic(void)
{
	preempt_disable();
	msleep(1);
	preempt_enable();
}

static noinline void plant_lockup(void)
{
	preempt_disable();
	for (;;)
		IDLY;
}

static noinline void plant_masked(void)
{
	local_irq_disable();
	for (;;)
		IDLY;
}

/* It sleeps and wakes, and never looks whether somebody wants its end. */
static noinline void plant_retry(void)
{
	for (;;)
		msleep(100);
}

/* The same, and not even counted among those that wait uninterruptibly. */
static noinline void plant_idle(void)
{
	for (;;)
		schedule_timeout_idle(HZ / 10);
}

static noinline void plant_panic(void)
{
	panic("planted");
}

static const struct {
	const char *name;
	void (*plant)(void);
} faults[] = {
	{ "warning", plant_warning },
	{ "oops", plant_oops },
	{ "corruption", plant_corruption },
	{ "atomic", plant_atomic },
	{ "lockup", plant_lockup },
	{ "masked", plant_masked },
	{ "retry", plant_retry },
	{ "idle", plant_idle },
	{ "panic", plant_panic },
};

static int __init plant(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(fault, faults[i].name)) {
			faults[i].plant();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit unplant(void)
{
}

module_init(plant);
module_exit(unplant);
MODULE_LICENSE("GPL");
