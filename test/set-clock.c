/*
 * Sets the clock of PostgreSQL, and of nothing else: loaded into a process that was started as "postgres", or as what
 * SET_CLOCK_PROGRAM says, it adds to each time of day that the process reads what stands in the file SET_CLOCK_FILE at
 * that moment, in seconds. Monotonic clocks stay what they are.
 *
 *     cc -shared -fPIC -o set-clock.so set-clock.c && SET_CLOCK_FILE=FILE LD_PRELOAD=./set-clock.so postgres …
 *
 * libfaketime cannot be used: also where it is told to do nothing, sleeping fails in Python.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *file;

/* At the start: PostgreSQL writes its titles over its name. */
__attribute__((constructor)) static void begin(void) {
  const char *set = getenv("SET_CLOCK_FILE"), *program = getenv("SET_CLOCK_PROGRAM");
  if (program == NULL) program = "postgres";
  if (set != NULL && strcmp(program_invocation_short_name, program) == 0) file = strdup(set);
}

static long long ahead_us(void) {
  if (file == NULL) return 0;
  char text[64] = "";
  int kept = errno, opened = open(file, O_RDONLY | O_CLOEXEC);
  if (opened >= 0) {
    if (read(opened, text, sizeof text - 1) < 0) text[0] = 0;
    close(opened);
  }
  errno = kept;
  return (long long)(strtod(text, NULL) * 1e6);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (real == NULL) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(now, zone);
  long long us = now->tv_sec * 1000000LL + now->tv_usec + ahead_us();
  now->tv_sec = us / 1000000;
  now->tv_usec = us % 1000000;
  return result;
}

time_t time(time_t *now) {
  struct timeval exact;
  gettimeofday(&exact, NULL);
  if (now != NULL) *now = exact.tv_sec;
  return exact.tv_sec;
}
