/*
 * The longest processor time that each backend has spent between two looks for interrupts, for a server that is started with
 * this in LD_PRELOAD.
 *
 * A timer of the process's own processor time sets PostgreSQL's InterruptPending every few milliseconds, which nothing but a
 * look for interrupts clears (and does nothing more than that, since no other flag is set). A tick that finds it still
 * set knows that none came since the tick that set it. LONGEST_INTERVALS names a file of 64-bit numbers of nanoseconds,
 * mapped once, before main: a process writes to the one that its process ID, modulo the number of places, points to. The
 * handler allocates, locks and opens nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 4000000

static volatile int64_t *places;
static int64_t count;
static volatile sig_atomic_t *pending;
static volatile int64_t *place;
static volatile int64_t began;

static int64_t processor_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static void tick(int signal)
{
    int saved = errno;
    int64_t now = processor_time();

    (void) signal;
    if (*pending && began) {
        if (now - began > *place)
            *place = now - began;
    } else {
        began = now;
        *pending = 1;
    }
    errno = saved;
}

/* Timers are not inherited, so each process makes its own. */
static void start(void)
{
    struct sigaction action;
    struct sigevent event;
    struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    timer_t timer;

    place = &places[getpid() % count];
    *place = 0;
    began = 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = tick;
    action.sa_flags = SA_RESTART;
    sigaction(SIGVTALRM, &action, NULL);
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGVTALRM;
    if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) == 0)
        timer_settime(timer, 0, &every, NULL);
}

__attribute__((constructor)) static void prepare(void)
{
    const char *path = getenv("LONGEST_INTERVALS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    struct stat status;
    void *mapped = MAP_FAILED;

    pending = dlsym(RTLD_DEFAULT, "InterruptPending");
    if (!pending)
        return; /* a shell or the like, no server */
    if (file >= 0 && fstat(file, &status) == 0)
        mapped = mmap(NULL, (size_t) status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
        fputs("LONGEST_INTERVALS does not name a file that can be written\n", stderr);
        _exit(127);
    }
    close(file);
    places = mapped;
    count = status.st_size / (int64_t) sizeof *places;
    pthread_atfork(NULL, NULL, start);
}
