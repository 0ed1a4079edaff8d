/*
 * A wrapper of ptrace(2) for User Mode Linux on processors with AMX.
 *
 * The guest kernel keeps the floating point state of its processes in a buffer of
 * a size fixed when it was built, and restores it with
 * PTRACE_SETREGSET(NT_X86_XSTATE). Since AMX the full state is larger (the tile
 * registers alone take 8 kB), and the host refuses a buffer that is shorter than the
 * full state with EFAULT: the guest's first process dies with "ptrace set fp regs
 * failed, errno = 14".
 *
 * The cure: ask the host once for the full state, whose length is the size wanted (one
 * for all processes); where the guest's buffer is shorter, copy it over the head of a
 * cleared one of that size and set that. The tile state is then in its initial
 * configuration, which is right for processes that never asked for permission to use AMX.
 *
 * PEEK requests keep the calling convention of libc: the word read is the result.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

/* The largest state known today is below 12 kB. */
static _Thread_local unsigned char full[64 * 1024] __attribute__((aligned(64)));
/* The size of the full state on this host, once it is known. */
static size_t size_wanted;

long ptrace(enum __ptrace_request request, ...)
{
	va_list list;
	va_start(list, request);
	pid_t pid = va_arg(list, pid_t);
	void *addr = va_arg(list, void *);
	void *data = va_arg(list, void *);
	va_end(list);

	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
		/* The system call stores the word; libc's function returns it. */
		long word = 0;
		long result = syscall(SYS_ptrace, request, pid, addr, &word);
		if (result < 0)
			return -1;
		errno = 0;
		return word;
	}

	if (request == PTRACE_SETREGSET && (unsigned long)addr == NT_X86_XSTATE && data) {
		const struct iovec *given = data;
		if (!size_wanted) {
			struct iovec all = { full, sizeof full };
			if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, addr, &all) == 0)
				size_wanted = all.iov_len;
		}
		if (size_wanted > given->iov_len) {
			struct iovec padded = { full, size_wanted };
			memcpy(full, given->iov_base, given->iov_len);
			memset(full + given->iov_len, 0, size_wanted - given->iov_len);
			return syscall(SYS_ptrace, request, pid, addr, &padded);
		}
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}
