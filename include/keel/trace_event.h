/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints whose fields are just their arguments: each is named once. */
#ifndef KEEL_TRACE_EVENT_H
#define KEEL_TRACE_EVENT_H

/*
 * KEEL_TRACE(3, kvm_name, (u32, a, int, b, bool, c), "format", __entry->a, ...) is a TRACE_EVENT()
 * with arguments u32 a, int b, bool c, and fields of the same types and names: their number first.
 */
#define KEEL_TRACE(n, name, pairs, print...)						\
	TRACE_EVENT(name,								\
		TP_PROTO(KEEL_TRACE_CALL(KEEL_TRACE_LIST##n, KEEL_TRACE_PROTO, KEEL_TRACE_PAIRS pairs)), \
		TP_ARGS(KEEL_TRACE_CALL(KEEL_TRACE_LIST##n, KEEL_TRACE_ARG, KEEL_TRACE_PAIRS pairs)), \
		TP_STRUCT__entry(KEEL_TRACE_CALL(KEEL_TRACE_EACH##n, __field, KEEL_TRACE_PAIRS pairs)), \
		TP_fast_assign(KEEL_TRACE_CALL(KEEL_TRACE_EACH##n, KEEL_TRACE_ASSIGN, KEEL_TRACE_PAIRS pairs)), \
		TP_printk(print))

#define KEEL_TRACE_CALL(macro, ...)	macro(__VA_ARGS__)
#define KEEL_TRACE_PAIRS(...)		__VA_ARGS__
#define KEEL_TRACE_PROTO(type, field)	type field
#define KEEL_TRACE_ARG(type, field)	field
#define KEEL_TRACE_ASSIGN(type, field)	__entry->field = field;

/* @m for each pair, with commas between them */
#define KEEL_TRACE_LIST1(m, t, f)	m(t, f)
#define KEEL_TRACE_LIST2(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST1(m, __VA_ARGS__)
#define KEEL_TRACE_LIST3(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST2(m, __VA_ARGS__)
#define KEEL_TRACE_LIST4(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST3(m, __VA_ARGS__)
#define KEEL_TRACE_LIST5(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST4(m, __VA_ARGS__)
#define KEEL_TRACE_LIST6(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST5(m, __VA_ARGS__)
#define KEEL_TRACE_LIST7(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST6(m, __VA_ARGS__)
#define KEEL_TRACE_LIST8(m, t, f, ...)	m(t, f), KEEL_TRACE_LIST7(m, __VA_ARGS__)

/* the same without */
#define KEEL_TRACE_EACH1(m, t, f)	m(t, f)
#define KEEL_TRACE_EACH2(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH1(m, __VA_ARGS__)
#define KEEL_TRACE_EACH3(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH2(m, __VA_ARGS__)
#define KEEL_TRACE_EACH4(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH3(m, __VA_ARGS__)
#define KEEL_TRACE_EACH5(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH4(m, __VA_ARGS__)
#define KEEL_TRACE_EACH6(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH5(m, __VA_ARGS__)
#define KEEL_TRACE_EACH7(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH6(m, __VA_ARGS__)
#define KEEL_TRACE_EACH8(m, t, f, ...)	m(t, f) KEEL_TRACE_EACH7(m, __VA_ARGS__)

#endif
