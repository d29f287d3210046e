-- Lengths of time, in milliseconds, that views and invariants share, each with its reason. The view `limits` lists
-- them.

-- Commit times are PostgreSQL's clock, request times ours. On one machine they are the same clock, read a few
-- milliseconds apart; between machines that keep time by NTP some tens of milliseconds. 250 ms covers both, and is
-- less than a heartbeat interval and than a scheduler loop, so that two heartbeats cannot be confused. What the
-- readings of a clock say it is off has been subtracted before.
CREATE OR REPLACE MACRO clock_tolerance_ms() AS 250;

-- By how much a time of another clock may be wrong after that: what its round trips leave open, or how far it moved
-- between two readings. It leaves more than half of the tolerance to everything else.
CREATE OR REPLACE MACRO clock_error_ms() AS 100;

-- By how much the commit stream may end before the harness: the server's buffers may still hold commits when the
-- harness is killed.
CREATE OR REPLACE MACRO stream_tail_ms() AS 2000;

-- Airflow 3.1 commits after the answer, by at most this time.
CREATE OR REPLACE MACRO late_commit_ms() AS 1000;

-- A server continues with a request after its client has gone; later than this, a change is not attributed to the
-- request.
CREATE OR REPLACE MACRO abandoned_request_ms() AS 60000;

-- A deadlock and the error that it caused are logged within a second of each other; 2 s leaves room for a slow answer.
CREATE OR REPLACE MACRO deadlock_answer_ms() AS 2000;

-- Two processes that count before either has committed do not see each other's change; their commits are then at most
-- this far apart.
CREATE OR REPLACE MACRO at_once_ms() AS 1000;

-- Within this time a scheduler has done what it does in each of its loops. A loop takes one to two seconds on two busy
-- cores, and ten on an overloaded machine; it looks for silent workers every 5 s (our stacks) or
-- 10 s (Airflow's default), and processes what it finds as executor events in the next loop.
CREATE OR REPLACE MACRO scheduler_bound_ms() AS 20000;

-- A scheduler looks at twenty running runs in each loop, the one that has waited longest first. On two busy cores a
-- loop takes one to two seconds, and the scenarios' forty runs have their turn in one or two of them.
CREATE OR REPLACE MACRO turn_ms() AS 15000;

-- A scheduler has left an event out that it took from the queue, and nothing makes it look again: as long as the events
-- of one moment may follow each other, and some loops.
CREATE OR REPLACE MACRO asset_run_ms() AS 5000;

-- A triggerer starts new triggers, writes their events and cleans up once a second, or every few where it has a lot to
-- watch.
CREATE OR REPLACE MACRO triggerer_bound_ms() AS 30000;

-- The retry delay of the tasks that the DAG factory makes.
CREATE OR REPLACE MACRO retry_delay_ms() AS 1000;

-- A process that was killed has started again after 20 s on two busy cores, and handles the backlog of that time in the
-- rest.
CREATE OR REPLACE MACRO recovery_ms() AS 30000;

-- scheduler_health_check_threshold of our stacks: a scheduler without a heartbeat for this long is considered dead.
CREATE OR REPLACE MACRO scheduler_dead_ms() AS 60000;

-- Within this time the tasks of a lost scheduler continue: it is considered dead after 60 s, which another scheduler
-- checks every 30 s, and then its tasks are adopted or reset.
CREATE OR REPLACE MACRO adoption_ms() AS 120000;

-- A cut may show this long after its window: by a statement that was under way at the end of it, or on a connection
-- that had been cut before it was used again.
CREATE OR REPLACE MACRO cut_aftermath_ms() AS 2000;

-- A process that dies is started again after one second, and needs some more to be up.
CREATE OR REPLACE MACRO restart_ms() AS 5000;

-- This long without a processor means that the whole machine stalled. The sampler reads once a second.
CREATE OR REPLACE MACRO standstill_ms() AS 1000;

-- This long a stop of the harness is an outage of all workers and users at once, which no scenario plans: as long as a
-- worker's request may take, and a heartbeat interval.
CREATE OR REPLACE MACRO outage_ms() AS 5000;

-- One row: all of these.
CREATE OR REPLACE VIEW limits AS
SELECT clock_tolerance_ms() AS clock_tolerance_ms, clock_error_ms() AS clock_error_ms,
  stream_tail_ms() AS stream_tail_ms,
  late_commit_ms() AS late_commit_ms, abandoned_request_ms() AS abandoned_request_ms,
  deadlock_answer_ms() AS deadlock_answer_ms, at_once_ms() AS at_once_ms, scheduler_bound_ms() AS scheduler_bound_ms,
  turn_ms() AS turn_ms, asset_run_ms() AS asset_run_ms,
  triggerer_bound_ms() AS triggerer_bound_ms, retry_delay_ms() AS retry_delay_ms,
  recovery_ms() AS recovery_ms, scheduler_dead_ms() AS scheduler_dead_ms, adoption_ms() AS adoption_ms,
  cut_aftermath_ms() AS cut_aftermath_ms, restart_ms() AS restart_ms, standstill_ms() AS standstill_ms,
  outage_ms() AS outage_ms;
