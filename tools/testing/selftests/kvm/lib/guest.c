// SPDX-License-Identifier: GPL-2.0-only
/* Guest code that every architecture has. */
#include "guest.h"

void guest_call(u64 what, u64 a, u64 b, u64 c, u64 d)
{
	struct guest_call call = { what, { a, b, c, d } };

	arch_guest_call(&call);
}
