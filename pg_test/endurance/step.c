/*
 * A wall clock that a test can set, for a server that is started with this in LD_PRELOAD.
 *
 * The clock is the machine's plus an offset in whole seconds: the first eight bytes of the file that STEPPED_CLOCK names,
 * mapped once, before main. PostgreSQL reads the clock in signal handlers too, so nothing here may allocate, lock or open:
 * libfaketime, which opens its file at every reading, corrupts the heap when a timer strikes inside malloc.
 * Monotonic clocks are left alone, as a step on a real machine leaves them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void map_the_offset(void)
{
    const char *path = getenv("STEPPED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);

    if (mapped == MAP_FAILED) {
        fputs("STEPPED_CLOCK does not name a readable file\n", stderr);
        _exit(127);
    }
    close(file);
    offset = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int) syscall(SYS_clock_gettime, clock, now);

    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t) -1;
    if (kept)
        *kept = now.tv_sec;
    return now.tv_sec;
}
