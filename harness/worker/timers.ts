/** All timers of lives, so that a test can play a life of a minute in none: it puts its own here. */
export const timers = {
  set<T>(callback: (argument: T) => void, ms: number, argument: T): Timer {
    return setTimeout(callback, ms, argument);
  },
  clear(timer: Timer | undefined): void {
    clearTimeout(timer);
  },
};

export type Timer = ReturnType<typeof setTimeout>;
